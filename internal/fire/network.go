package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// network lays lines between who calls and who is called, and makes them bad.
type network struct{ server *toxiproxy.ApiServer }

func newNetwork() *network {
	return &network{toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
}

// line is a way to an address, by which connections can be cut, delayed and lost.
type line struct{ proxy *toxiproxy.Proxy }

// lay lays a line to an address; it begins at the line's own.
func (n *network) lay(name, upstream string) (*line, error) {
	proxy := toxiproxy.NewProxy(n.server, name, "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("lay a line: %w", err)
	}
	return &line{proxy}, nil
}

// address is where the line begins.
func (l *line) address() string { return l.proxy.Listen }

// cut closes all connections, and lets nobody connect until mend.
func (l *line) cut() { l.proxy.Stop() }

func (l *line) mend() error {
	if err := l.proxy.Start(); err != nil {
		return fmt.Errorf("mend a line: %w", err)
	}
	return nil
}

// slow delays what goes both ways, by some milliseconds, more or less.
func (l *line) slow(ms, more int) error {
	return l.both("latency", map[string]int{"latency": ms, "jitter": more})
}

// lose swallows what is sent either way, while both ends believe to be connected: a connection that is half open.
func (l *line) lose() error { return l.both("timeout", map[string]int{"timeout": 0}) }

// truncate lets each connection send so many bytes back, and then closes it.
func (l *line) truncate(bytes int) error {
	return l.spoil("limit_data", "downstream", map[string]int{"bytes": bytes})
}

func (l *line) both(kind string, attributes map[string]int) error {
	if err := l.spoil(kind, "upstream", attributes); err != nil {
		return err
	}
	return l.spoil(kind, "downstream", attributes)
}

func (l *line) spoil(kind, stream string, attributes map[string]int) error {
	toxic, err := json.Marshal(map[string]any{"type": kind, "stream": stream, "attributes": attributes})
	if err != nil {
		return err
	}
	if _, err := l.proxy.Toxics.AddToxicJson(bytes.NewReader(toxic)); err != nil {
		return fmt.Errorf("spoil a line: %w", err)
	}
	return nil
}

// heal makes the line good again. Connections that have lost something are closed.
func (l *line) heal() { l.proxy.Toxics.ResetToxics(context.Background()) }
