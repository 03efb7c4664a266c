package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/graph/graphqlhttp"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/demo"
	"farthing/internal/fault"
	"farthing/internal/guard"
)

// actForHeader names the shopper that a service acts for.
const actForHeader = "Farthing-Shopper"

// tokenLeeway is how far the clock of a token's issuer may be off.
const tokenLeeway = 30 * time.Second

// readyTimeout is how long a readiness probe may take.
const readyTimeout = 300 * time.Millisecond

type requestIDKey struct{}

// requestID is the id of the request that a context belongs to; empty outside one.
func requestID(ctx context.Context) string {
	text, _ := ctx.Value(requestIDKey{}).(string)
	return text
}

// Handler is everything that the shop serves: the GraphQL endpoint, the page in front of it, pictures of rewards, and the
// probes.
func (a *App) Handler(page http.Handler) (http.Handler, error) {
	authenticate, err := a.authenticate()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", authenticate(a.GraphQL()))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /pictures/", demo.PictureHandler())
	if page != nil {
		mux.Handle("/", page)
	}
	return a.observe(mux), nil
}

// ready says whether the shop can serve: it is not about to stop, and its database answers. Redis is not asked, since
// a shop sells without it.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if a.draining.Load() {
		answer(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := a.DB.Ping(ctx); err != nil {
		a.Logger.WarnContext(r.Context(), "readiness: the database does not answer", "error", err)
		answer(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// observe gives every request an id, which is in its answer and in every line of the log about it, and logs and counts it.
func (a *App) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.Clock()
		id := uuid.Must(uuid.NewV7()).String()
		w.Header().Set("X-Request-Id", id)
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		watched := &watchedWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(watched, r.WithContext(ctx))
		took := a.Clock().Sub(began)
		path := r.URL.Path
		if !slices.Contains([]string{"/graphql", "/livez", "/readyz", "/"}, path) {
			path = "other" // a path that anybody can make up must not become a label
		}
		if !watched.streamed() { // how long somebody watched is no time that an answer took
			a.metrics.request(path, watched.status, took)
		}
		level := slog.LevelDebug
		if path == "/graphql" {
			level = slog.LevelInfo
		}
		a.Logger.Log(ctx, level, "request", "method", r.Method, "path", path, "status", watched.status, "took", took)
	})
}

// watchedWriter remembers the status of an answer.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *watchedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// streamed says whether the answer was a connection that stays open: a WebSocket or an event stream.
func (w *watchedWriter) streamed() bool {
	return w.status == http.StatusSwitchingProtocols || strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream")
}

// Unwrap lets http.ResponseController, and whoever takes over the connection, reach the writer inside.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// authenticate finds out who is calling. A request without a token is a visitor's; one with a token that is not valid is
// refused, because a caller who has a token wants to be somebody.
func (a *App) authenticate() (func(http.Handler) http.Handler, error) {
	trusted, err := guard.ParsePrefixes(a.Config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// It may be somebody who buys, so the reads of those who look around do not hold it up.
			caller, remaining, err := a.caller(db.Ahead(r.Context()), r.Header)
			if err != nil {
				a.refuse(w, r, err)
				return
			}
			caller.Address = guard.ClientAddress(r, trusted)
			next.ServeHTTP(w, r.WithContext(calledBy(r.Context(), caller, remaining)))
		})
	}, nil
}

// calledBy is a context in which somebody is calling, who is known for so long unless it is a visitor.
func calledBy(ctx context.Context, caller actor.Actor, remaining time.Duration) context.Context {
	ctx = actor.With(ctx, caller)
	if !caller.Anonymous() {
		ctx = graphqlhttp.WithExpiry(ctx, remaining)
	}
	return ctx
}

// caller reads the token of a request and, for a service, whom it acts for. It tells how long the token will be taken
// from now on, which is zero without one.
func (a *App) caller(ctx context.Context, h http.Header) (caller actor.Actor, remaining time.Duration, err error) {
	header := h.Get("Authorization")
	actFor := h.Get(actForHeader)
	if header == "" {
		if actFor != "" {
			return caller, 0, fault.New(fault.Unauthenticated, "Only a service with a token can act for a shopper.")
		}
		return caller, 0, nil
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return caller, 0, fault.New(fault.Unauthenticated, "The Authorization header is not \"Bearer TOKEN\".")
	}
	claims, err := a.verifier.Verify(ctx, strings.TrimSpace(token))
	if err != nil {
		return caller, 0, err
	}
	caller = actor.Actor{Subject: claims.Subject, Roles: claims.Roles}
	subject := claims.Subject
	if actFor != "" {
		if !caller.Has(actor.Service) {
			return actor.Actor{}, 0, fault.New(fault.Forbidden, "Only a service can act for a shopper.")
		}
		subject = actFor
		caller.Roles = append(caller.Roles, actor.Shopper)
	}
	if caller.Has(actor.Shopper) {
		if caller.ShopperID, err = a.Identity.Shopper(ctx, claims.Issuer, subject); err != nil {
			return actor.Actor{}, 0, err
		}
	}
	return caller, claims.ExpiresAt.Add(tokenLeeway).Sub(a.Clock()), nil
}

// newStreams keeps the connections of subscriptions.
func (a *App) newStreams() (*graphqlhttp.Streams, error) {
	most, err := a.Config.maxSubscriptions()
	if err != nil {
		return nil, err
	}
	origins, err := a.Config.allowedOrigins()
	if err != nil {
		return nil, err
	}
	streams := graphqlhttp.NewStreams(graphqlhttp.StreamsConfig{
		Max: most, Origins: origins, Identify: a.identify, Logger: a.Logger,
	})
	a.metrics.streams(streams)
	return streams, nil
}

// queriesInLine is how many queries wait for each that is executed. On a machine that executes a query in a few milliseconds
// the last of them has waited for some tens of those.
const queriesInLine = 16

// newAdmission bounds what is executed at once. Mutations have no line here, since the till has its own.
func (a *App) newAdmission() (*graphqlhttp.Admission, error) {
	queries, err := a.Config.maxQueries(a.DB.Readers())
	if err != nil {
		return nil, err
	}
	mutations, err := a.Config.maxMutations()
	if err != nil {
		return nil, err
	}
	admission := graphqlhttp.NewAdmission(
		graphqlhttp.Budget{Executing: queries, Waiting: queriesInLine * queries}, graphqlhttp.Budget{Executing: mutations},
	)
	a.metrics.admission(admission)
	return admission, nil
}

// identify finds out who is calling from what a WebSocket begins with, for the browsers' sake, which cannot send headers
// with one. It is read as headers are; when it says nothing, the headers of the request count.
func (a *App) identify(ctx context.Context, credentials http.Header) (context.Context, error) {
	if credentials.Get("Authorization") == "" && credentials.Get(actForHeader) == "" {
		return ctx, nil
	}
	caller, remaining, err := a.caller(ctx, credentials)
	if err != nil {
		a.logRefused(ctx, err)
		return nil, err
	}
	caller.Address = actor.From(ctx).Address
	return calledBy(ctx, caller, remaining), nil
}

// logRefused logs why a caller is not let in.
func (a *App) logRefused(ctx context.Context, err error) {
	if len(fault.From(err)) > 0 {
		a.Logger.InfoContext(ctx, "identity: refused", "error", err)
	} else {
		a.Logger.ErrorContext(ctx, "identity: unexpected error", "error", err)
	}
}

// refuse answers a request whose caller is not let in, in the form of a GraphQL error.
func (a *App) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, message, extensions := http.StatusInternalServerError,
		"Something went wrong on our side. Quote the request id: "+requestID(r.Context())+".",
		map[string]any{"code": fault.Internal, "requestId": requestID(r.Context())}
	if faults := fault.From(err); len(faults) > 0 {
		status, message = http.StatusBadRequest, faults[0].Message
		extensions = map[string]any{"code": faults[0].Code}
		switch faults[0].Code {
		case fault.Unauthenticated:
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		case fault.Forbidden:
			status = http.StatusForbidden
		}
	}
	a.logRefused(r.Context(), err)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]any{{"message": message, "extensions": extensions}},
	})
}
