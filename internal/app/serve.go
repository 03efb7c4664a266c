package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"farthing/internal/actor"
	"farthing/internal/console"
	"farthing/internal/demo"
)

// How long the server waits for whom.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second
	maxHeader     = 32 << 10
)

// ballast is memory that a server asks for and never touches, so that it is not really taken. What a shop has in use is some
// 15 MB, and what its requests leave behind is a lot: by itself the collector would run whenever 15 MB more have been left
// behind, and take a quarter of the processor. With ballast it runs after that many more; and a shop with much in use is not
// made several times as large, as it would be by a high GOGC.
const ballast = 64 << 20

// demoTokenTTL is how long the tokens last that the demonstration prints.
const demoTokenTTL = 30 * 24 * time.Hour

// serve serves the shop until ctx ends, and then stops without dropping anybody.
func (p Process) serve(cmd *cobra.Command, _ []string) error {
	began := time.Now()
	ctx := cmd.Context()
	if !slices.ContainsFunc(p.Environment, func(v string) bool {
		return strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "GOMEMLIMIT=")
	}) {
		defer runtime.KeepAlive(make([]byte, ballast))
	}
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer closing(a.Logger, a)
	if err := a.Config.MayListen(); err != nil {
		return err
	}
	page, err := a.openPage(ctx)
	if err != nil {
		return err
	}
	handler, err := a.Handler(page.handler)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return err
	}
	if a.Config.MetricsListen != "" {
		stop, err := a.serveMetrics(ctx)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer stop()
	}
	p.welcome(listener.Addr().String(), page, time.Since(began))
	return a.listen(ctx, listener, handler)
}

// listen answers until ctx ends: then readiness says no at once, requests under way are finished, and the till empties.
func (a *App) listen(ctx context.Context, listener net.Listener, handler http.Handler) error {
	most, err := a.Config.maxConnections()
	if err != nil {
		return err
	}
	bounded := boundConnections(listener, most)
	a.metrics.connections(bounded)
	server := &http.Server{
		Handler: bounded.polite(handler), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(a.Logger.Handler(), slog.LevelDebug),
		ConnState: bounded.changed,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(bounded) }()
	a.Logger.Info("serving", "address", listener.Addr().String(), "database", a.DB.Dialect(), "redis", a.redis != nil)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	a.Logger.Info("stopping")
	a.draining.Store(true)
	// The door closes when Shutdown begins, and whoever comes then is turned away without a word. So whoever sends callers
	// here is given time to see that readiness says no.
	delay, err := a.Config.drainDelay()
	if err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-time.After(delay):
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	// Subscriptions never finish by themselves: their clients are told to go elsewhere, while plain requests are waited for.
	ended := make(chan error, 1)
	go func() { ended <- a.streams.Stop(drain) }()
	if err := errors.Join(server.Shutdown(drain), <-ended); err != nil {
		a.Logger.Warn("some requests were cut off", "error", err)
		return server.Close()
	}
	return nil
}

// serveMetrics serves /metrics, and profiles at /debug/pprof/, on an address of its own, which is nobody's business but the
// operator's.
func (a *App) serveMetrics(ctx context.Context) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Config.MetricsListen)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.Logger.Error("serve metrics", "error", err)
		}
	}()
	return func() { _ = server.Close() }, nil
}

// openPage makes the page at "/". On the embedded default it comes with the demonstration: data on an empty database,
// examples that work on it, and tokens to call with.
func (a *App) openPage(ctx context.Context) (page, error) {
	options := console.Options{
		Endpoint: "/graphql",
		Tabs:     []console.Tab{{Query: firstLook, Caller: console.Anonymous}},
	}
	var shown page
	if a.Config.Embedded() && a.Config.GeneratedKey() {
		if err := a.seedIfEmpty(ctx); err != nil {
			return page{}, err
		}
		var err error
		if shown.callers, err = a.demoCallers(); err != nil {
			return page{}, err
		}
		for _, c := range shown.callers {
			options.Tokens = append(options.Tokens, console.Token{Label: c.label(), Value: c.token})
		}
		tabs, err := a.demoTabs(ctx, shown.callers)
		if err != nil {
			return page{}, err
		}
		if tabs != nil {
			options.Tabs = tabs
		}
	}
	var err error
	shown.handler, err = console.Handler(options)
	return shown, err
}

// seedIfEmpty sets up the demonstration in a shop that has nothing yet: no product, not even an archived one, and nobody
// who ever called. Where it was begun before, it is completed.
func (a *App) seedIfEmpty(ctx context.Context) error {
	client := a.DB.Client()
	begun, err := demo.Begun(ctx, client)
	if err != nil {
		return err
	}
	products, err := client.Product.Query().Exist(ctx)
	if err != nil {
		return fmt.Errorf("look for products: %w", err)
	}
	shoppers, err := client.Shopper.Query().Exist(ctx)
	if err != nil {
		return fmt.Errorf("look for shoppers: %w", err)
	}
	if (products || shoppers) && !begun {
		return nil
	}
	report, err := demo.Seed(ctx, a.demoShop())
	if err != nil {
		return err
	}
	if report != (demo.Report{}) {
		a.Logger.Info("demo: shop set up", "products", report.Products, "offers", report.Offers,
			"rules", report.Rules, "purchases", report.Purchases)
	}
	return nil
}

// demoTabs are the examples with the ids of this shop filled in; nil when the shop has not what they are about.
func (a *App) demoTabs(ctx context.Context, callers []caller) ([]console.Tab, error) {
	examples, err := demo.Tabs(ctx, a.demoShop())
	if err != nil || examples == nil {
		return nil, err
	}
	tabs := make([]console.Tab, len(examples))
	for i, example := range examples {
		tabs[i] = console.Tab{Query: example.Query, Variables: example.Variables}
		for _, c := range callers {
			if c.Subject == example.Caller {
				tabs[i].Caller = c.label()
			}
		}
	}
	return tabs, nil
}

// firstLook is the example on the page of a shop without the demonstration.
const firstLook = `# What is on sale. Everything there is to ask for is described in the documentation on the left.
query Products {
  products(first: 10) {
    nodes { id name slug prices { current { amount currency } } }
    totalCount
  }
}
`

// page is what is served at "/", and who one may be there.
type page struct {
	handler http.Handler
	callers []caller
}

// caller is somebody whom the demonstration has a token for.
type caller struct {
	demo.Caller
	token string
}

func (c caller) label() string { return c.Subject + ": " + c.Note }

// demoCallers signs tokens for the demonstration.
func (a *App) demoCallers() ([]caller, error) {
	var callers []caller
	for _, c := range demo.Callers() {
		token, err := mint(a.Config, c.Subject, []actor.Role{c.Role}, demoTokenTTL)
		if err != nil {
			return nil, err
		}
		callers = append(callers, caller{c, token})
	}
	return callers, nil
}

// welcome tells whoever started the shop where it is and how to be somebody in it.
func (p Process) welcome(address string, page page, took time.Duration) {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "\nFarthing is open, %s after it was started.\n\n", took.Round(time.Millisecond))
	_, _ = fmt.Fprintf(&text, "  Page      http://%s/\n  GraphQL   http://%s/graphql\n", address, address)
	if len(page.callers) > 0 {
		_, _ = fmt.Fprint(&text, "\nThe page has these tokens filled in. Elsewhere, send one as Authorization: Bearer TOKEN.\n")
	}
	for _, c := range page.callers {
		_, _ = fmt.Fprintf(&text, "\n  %s\n  %s\n", c.label(), c.token)
	}
	_, _ = fmt.Fprintln(p.Stdout, text.String())
}
