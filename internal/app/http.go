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

	"farthing/graph"
	"farthing/internal/actor"
	"farthing/internal/fault"
	"farthing/internal/guard"
)

// actForHeader names the shopper that a service acts for.
const actForHeader = "Farthing-Shopper"

// readyTimeout is how long a readiness probe may take.
const readyTimeout = 300 * time.Millisecond

type requestIDKey struct{}

// requestID is the id of the request that a context belongs to; empty outside one.
func requestID(ctx context.Context) string {
	text, _ := ctx.Value(requestIDKey{}).(string)
	return text
}

// Handler is everything that the shop serves: the GraphQL endpoint, the page in front of it, and the probes.
func (a *App) Handler(page http.Handler) (http.Handler, error) {
	authenticate, err := a.authenticate()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", authenticate(a.GraphQL()))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
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
		a.metrics.request(path, watched.status, took)
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

// Unwrap lets http.ResponseController reach the writer inside.
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
			caller, err := a.caller(r)
			if err != nil {
				a.refuse(w, r, err)
				return
			}
			caller.Address = guard.ClientAddress(r, trusted)
			ctx := graph.WithLoaders(actor.With(r.Context(), caller), a.DB)
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}, nil
}

// caller reads the token of a request and, for a service, whom it acts for.
func (a *App) caller(r *http.Request) (actor.Actor, error) {
	ctx := r.Context()
	header := r.Header.Get("Authorization")
	actFor := r.Header.Get(actForHeader)
	if header == "" {
		if actFor != "" {
			return actor.Actor{}, fault.New(fault.Unauthenticated, "Only a service with a token can act for a shopper.")
		}
		return actor.Actor{}, nil
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return actor.Actor{}, fault.New(fault.Unauthenticated, "The Authorization header is not \"Bearer TOKEN\".")
	}
	claims, err := a.verifier.Verify(ctx, strings.TrimSpace(token))
	if err != nil {
		return actor.Actor{}, err
	}
	caller := actor.Actor{Subject: claims.Subject, Roles: claims.Roles}
	subject := claims.Subject
	if actFor != "" {
		if !caller.Has(actor.Service) {
			return actor.Actor{}, fault.New(fault.Forbidden, "Only a service can act for a shopper.")
		}
		subject = actFor
		caller.Roles = append(caller.Roles, actor.Shopper)
	}
	if caller.Has(actor.Shopper) {
		if caller.ShopperID, err = a.Identity.Shopper(ctx, claims.Issuer, subject); err != nil {
			return actor.Actor{}, err
		}
	}
	return caller, nil
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
		a.Logger.InfoContext(r.Context(), "identity: refused", "error", err)
	} else {
		a.Logger.ErrorContext(r.Context(), "identity: unexpected error", "error", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]any{{"message": message, "extensions": extensions}},
	})
}
