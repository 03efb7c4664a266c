package graphqlhttp

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultMaxStreams is how many connections may stay open when StreamsConfig.Max is zero, and how many operations may
	// run on them.
	DefaultMaxStreams = 1_000
	// streamRetry is when to come again for who came when all streams were taken.
	streamRetry = 5 * time.Second
)

// timing is how long a stream waits for whom.
type timing struct {
	// init is how long a WebSocket may be open without connection_init.
	init time.Duration
	// ping is how often a silent connection is asked whether somebody is still there. Proxies close what is silent for
	// a minute, as a rule.
	ping time.Duration
	// pong is how long the answer to that may take.
	pong time.Duration
	// write is how long one message may take to be sent; a client that reads more slowly is cut off.
	write time.Duration
}

func defaultTiming() timing {
	return timing{init: 5 * time.Second, ping: 15 * time.Second, pong: 10 * time.Second, write: 10 * time.Second}
}

// StreamsConfig says who may hold a connection open, and how many may.
type StreamsConfig struct {
	// Max is how many connections may be open at once in this process, and how many operations may run on them together.
	// Zero means DefaultMaxStreams.
	Max int
	// Origins are those of pages on other hosts that may open a stream: "https://shop.example". A page of the same host
	// always may, and so may whoever is no browser and names no origin.
	Origins []string
	// Identify finds out who is calling from the text values in the payload of connection_init, given as headers are, since
	// a browser cannot send headers with a WebSocket. It returns the context of everything that follows; a fault refuses
	// the connection and is told, any other error is a bug or an outage and is not. Nil leaves the caller as the request
	// has it.
	Identify func(ctx context.Context, credentials http.Header) (context.Context, error)
	// Logger hears of panics outside an operation; nil is silence.
	Logger *slog.Logger
}

// Streams are the connections of a process that stay open, WebSockets and event streams: how many there may be, how many
// there are, and how they end when the server stops. Give one to all transports of a server.
type Streams struct {
	config StreamsConfig
	timing timing

	mu          sync.Mutex
	connections int
	operations  int
	stopping    bool

	stop chan struct{} // closed when the server is about to stop
	open sync.WaitGroup
}

// NewStreams has none open yet.
func NewStreams(config StreamsConfig) *Streams {
	if config.Max == 0 {
		config.Max = DefaultMaxStreams
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Streams{config: config, timing: defaultTiming(), stop: make(chan struct{})}
}

// Connections is how many connections are open.
func (s *Streams) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Operations is how many operations run on them; those that stay are subscriptions.
func (s *Streams) Operations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.operations
}

// Stop ends every stream, in a way that tells its client to come again, lets no more begin, and waits until all are gone
// or ctx ends. http.Server.Shutdown does not: it forgets WebSockets, and waits for event streams that do not end.
func (s *Streams) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopping {
		s.stopping = true
		close(s.stop)
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		s.open.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit lets a request hold its connection open until leave is called, or refuses it.
func (s *Streams) admit(r *http.Request) (leave func(), refused *refusal) {
	if !s.allowsOrigin(r) {
		return nil, &refusal{status: http.StatusForbidden, message: "Pages of this origin may not hold a connection open here."}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || s.connections >= s.config.Max {
		return nil, noStream("There are as many open connections as this server keeps. Try again later.")
	}
	s.connections++
	s.open.Add(1)
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.connections--
		s.mu.Unlock()
		s.open.Done()
	}), nil
}

func noStream(message string) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, message: message, retryAfter: streamRetry}
}

// begin lets an operation run on an open connection until end is called, or refuses it.
func (s *Streams) begin() (end func(), refused *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operations >= s.config.Max {
		return nil, noStream("As many subscriptions run as this server keeps. Try again later.")
	}
	s.operations++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.operations--
		s.mu.Unlock()
	}), nil
}

// allowsOrigin keeps foreign pages from holding connections open through their visitors' browsers. The scheme of the own
// host is not compared: behind a proxy that ends TLS it is not known.
func (s *Streams) allowsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		return false
	}
	return strings.EqualFold(page.Host, r.Host) ||
		slices.ContainsFunc(s.config.Origins, func(allowed string) bool { return strings.EqualFold(allowed, origin) })
}

type expiryKey struct{}

// WithExpiry says that whoever calls is known for so long only, from now on: a stream that carries the caller's
// operations ends then. Plain requests are over long before, and are not cut off.
func WithExpiry(ctx context.Context, remaining time.Duration) context.Context {
	return context.WithValue(ctx, expiryKey{}, remaining)
}

// newExpiry is a timer that fires when the caller is not known any more. Without an expiry it never does.
func newExpiry(ctx context.Context) *time.Timer {
	if remaining, ok := ctx.Value(expiryKey{}).(time.Duration); ok {
		return time.NewTimer(max(remaining, 0))
	}
	never := time.NewTimer(time.Hour)
	never.Stop()
	return never
}
