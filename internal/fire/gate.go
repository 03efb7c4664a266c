package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// gate stands before a server, as a load balancer does, and knows which requests are checkouts. It loses one at a chosen point.
type gate struct {
	server  http.Server
	address string

	mu   sync.Mutex
	plan *loss
}

// loss is a checkout to be lost: before the server gets it, or its answer, once the purchase is committed.
type loss struct {
	answer bool
	// then is called at that point, while the client is still waiting. After it the client's connection is closed.
	then func()
}

// errLost closes the connection of a client whose answer was lost.
var errLost = errors.New("lost")

// The words by which checkouts are known: in the document, and in an answer that tells of a new purchase.
var (
	checkoutWord = []byte("checkout(")
	newWord      = []byte(`"replayed":false`)
)

// openGate opens a gate to the server at an address.
func openGate(upstream string) (*gate, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{address: listener.Addr().String()}
	target := &url.URL{Scheme: "http", Host: upstream}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: time.Minute, DisableCompression: true},
		ModifyResponse: g.answered,
		ErrorLog:       quiet,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	g.server.ErrorLog = quiet
	g.server.ReadHeaderTimeout = patience
	g.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.planned() {
			var err error
			if r, err = g.asked(r); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		forward.ServeHTTP(w, r)
	})
	go func() { _ = g.server.Serve(listener) }()
	return g, nil
}

// checkoutKey marks the context of a request that is a checkout.
type checkoutKey struct{}

// lose plans to lose the next checkout, and waits until it has happened.
func (g *gate) lose(ctx context.Context, l loss) error {
	done := make(chan struct{})
	then := l.then
	l.then = func() {
		then()
		close(done)
	}
	g.mu.Lock()
	g.plan = &l
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.plan = nil
		g.mu.Unlock()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("no checkout came by within %s", patience)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) planned() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.plan != nil
}

// take gives the plan to who carries it out.
func (g *gate) take(answer bool) *loss {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.plan == nil || g.plan.answer != answer {
		return nil
	}
	l := g.plan
	g.plan = nil
	return l
}

// asked looks at a request while something is planned.
func (g *gate) asked(r *http.Request) (*http.Request, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, checkoutWord) {
		return r, nil
	}
	if l := g.take(false); l != nil {
		l.then()
		return nil, errLost
	}
	return r.WithContext(context.WithValue(r.Context(), checkoutKey{}, true)), nil
}

// answered looks at the answer to a checkout.
func (g *gate) answered(response *http.Response) error {
	if response.Request.Context().Value(checkoutKey{}) == nil {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, newWord) {
		return nil
	}
	if l := g.take(true); l != nil {
		l.then()
		return errLost
	}
	return nil
}

func (g *gate) close() error { return g.server.Close() }
