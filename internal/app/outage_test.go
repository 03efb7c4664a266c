package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/internal/app"
	"farthing/internal/db/dbtest"
	"farthing/internal/guard"
	"farthing/internal/identity"
)

// limiter answers as a test has it.
type limiter func() (guard.Decision, error)

// Allow asks the test.
func (l limiter) Allow(context.Context, ...guard.Bucket) (guard.Decision, error) { return l() }

// internal has an answer be INTERNAL, with nothing of the inside but the request's id, by which the log tells the cause.
func (o *shop) internal(t *testing.T, a answer, cause string) {
	t.Helper()
	var body struct {
		Errors []struct {
			Message    string
			Extensions map[string]string
		}
	}
	if err := json.Unmarshal(a.body, &body); err != nil || len(body.Errors) != 1 {
		t.Fatalf("%v, %d errors, want one\n%s", err, len(body.Errors), a)
	}
	request := a.header.Get("X-Request-Id")
	want := map[string]string{"code": "INTERNAL", "requestId": request}
	if diff := cmp.Diff(want, body.Errors[0].Extensions); request == "" || diff != "" {
		t.Errorf("the error's extensions differ (-want +got):\n%s\n%s", diff, a)
	}
	if got, want := body.Errors[0].Message, "Something went wrong on our side. Quote the request id: "+request+"."; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
	for line := range strings.Lines(o.log.String()) {
		if strings.Contains(line, request) && strings.Contains(line, cause) && strings.Contains(line, "level=ERROR") {
			return
		}
	}
	t.Errorf("the log does not say %q of request %s:\n%s", cause, request, o.log)
}

// TestBugsStayInside has the limiter break in every way, and nothing of it shows or is bought.
func TestBugsStayInside(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		var broken func() (guard.Decision, error)
		o := s.open(t, opening{options: app.Options{Limiter: limiter(func() (guard.Decision, error) { return broken() })}})
		o.shopper(t, "ada", "USD 10")
		before := o.rows(t)

		broken = func() (guard.Decision, error) { return guard.Decision{}, errors.New("the cat is on the cable") }
		o.internal(t, o.ask(t, call{as: "SHOPPER ada", query: buyHints}), "the cat is on the cable")
		broken = func() (guard.Decision, error) { panic("the cat is in the box") }
		o.internal(t, o.ask(t, call{as: "SHOPPER ada", query: buyHints}), "the cat is in the box")
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("the bugs left a trace (-before +after):\n%s", diff)
		}

		// The same key is good for the purchase.
		broken = func() (guard.Decision, error) { return guard.Decision{Allowed: true}, nil }
		o.play(t, step{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", false)})
		o.verify(t)
	})
}

// TestDatabaseIsGone answers INTERNAL and is not ready, but alive.
func TestDatabaseIsGone(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.probe(t, "/readyz", http.StatusOK)
		if err := o.DB.Close(); err != nil {
			t.Fatal(err)
		}
		const cause = "database is closed"
		o.internal(t, o.ask(t, call{query: `{ products { totalCount } }`}), cause)
		o.internal(t, o.ask(t, call{as: "SHOPPER ada", query: buyHints}), cause)
		o.internal(t, o.ask(t, call{as: "SHOPPER who-never-came", query: `{ viewer { id } }`}), cause)
		o.probe(t, "/readyz", http.StatusServiceUnavailable)
		o.probe(t, "/livez", http.StatusOK)
	})
}

// probe asks one of the addresses for probes.
func (o *shop) probe(t *testing.T, path string, want int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Errorf("%s answers %d %q, %v; want %d", path, response.StatusCode, body, err, want)
	}
}

// TestCallerGoesAway closes the connection in the middle of a checkout, which a lock holds up until then, and later at
// any moment. There is never half a purchase, and a repeat with the same key ends in exactly one.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		ada := o.shopper(t, "ada", "USD 100")
		buy := func(key string) call {
			return call{as: "SHOPPER ada", query: strings.Replace(buyHints, `"k1"`, `"`+key+`"`, 1)}
		}
		// leave calls and goes away when the time has come.
		leave := func(key string, when func(cancel func())) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { when(cancel) }})
			_, _ = o.try(ctx, t, buy(key))
		}
		other := dbtest.Open(t, o.databaseURL)
		err := other.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := identity.Lock(ctx, tx, ada)
			leave("held up", func(cancel func()) { cancel() })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keysOf(30) {
			leave(key, func(cancel func()) { time.AfterFunc(time.Duration(len(key))*300*time.Microsecond, cancel) })
		}
		for _, key := range append(keysOf(30), "held up") {
			o.wants(t, o.ask(t, buy(key)), `{"data": {"checkout": {"purchase": {"id": "$`+key+`"}, "replayed": "$*", "errors": []}}}`)
		}
		if got := o.rows(t)["purchases"]; got != 31 {
			t.Errorf("%d purchases, want 31", got)
		}
		o.verify(t)
	})
}

// keysOf are keys of different lengths.
func keysOf(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = strings.Repeat("k", i+1)
	}
	return keys
}
