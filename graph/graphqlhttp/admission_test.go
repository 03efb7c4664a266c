package graphqlhttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	query    = `{"query":"{ echo }"}`
	mutation = `{"query":"mutation { buy }"}`
)

// busy is a server on which every query waits until it is told to go on.
type busy struct {
	http.Handler
	admission *Admission
	began     chan struct{}
	release   chan struct{}
}

func newBusy(t *testing.T, queries, mutations Budget) *busy {
	t.Helper()
	b := &busy{admission: NewAdmission(queries, mutations), began: make(chan struct{}, 1_000), release: make(chan struct{})}
	for _, l := range []*line{b.admission.queries, b.admission.mutations} {
		l.patience = time.Hour // a test that is about it sets its own
	}
	server := newServer(t, Transport{Admission: b.admission})
	server.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if graphql.GetOperationContext(ctx).Operation.Operation == "query" {
			b.began <- struct{}{}
			<-b.release
		}
		return next(ctx)
	})
	b.Handler = server
	return b
}

// flood sends requests at once; their answers come as they are given.
func (b *busy) flood(t *testing.T, n int, body string, header ...string) <-chan answer {
	t.Helper()
	answers := make(chan answer, n)
	for range n {
		go func() { answers <- do(t, b, post(body, header...)) }()
	}
	return answers
}

func TestAdmission(t *testing.T) {
	t.Parallel()

	t.Run("turns away what is more than its budget and serves the rest", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 2, Waiting: 3}, Budget{Executing: 1})
		answers := b.flood(t, 50, query)
		for range 45 {
			a := wait(t, "the answer to one too many", answers)
			if a.Status != http.StatusServiceUnavailable || a.Data != nil || !cmp.Equal(a.codes(), []string{"OVERLOADED"}) {
				t.Fatalf("answered %d %s", a.Status, a.Raw)
			}
		}
		if diff := cmp.Diff(Load{Executing: 2, Waiting: 3, Refused: 45}, b.admission.Queries()); diff != "" {
			t.Errorf("the queries differ (-want +got)\n%s", diff)
		}
		// Whoever changes something has a budget of its own.
		if a := do(t, b, post(mutation)); a.Status != http.StatusOK || a.Data["buy"] != true {
			t.Errorf("a mutation is answered %d %s", a.Status, a.Raw)
		}
		close(b.release)
		for range 5 {
			if a := wait(t, "an answer", answers); a.Status != http.StatusOK || a.Data == nil {
				t.Errorf("one that was let in is answered %d %s", a.Status, a.Raw)
			}
		}
		if a := do(t, b, post(query)); a.Data == nil {
			t.Errorf("after the flood: %s", a.Raw)
		}
		if diff := cmp.Diff([]Load{{Refused: 45}, {}}, []Load{b.admission.Queries(), b.admission.Mutations()}); diff != "" {
			t.Errorf("after the flood (-want +got)\n%s", diff)
		}
	})

	t.Run("says when to come again, by either media type", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 1}, Budget{})
		defer close(b.release)
		b.admission.queries.patience = time.Second
		b.flood(t, 1, query)
		wait(t, "the first", b.began)
		for _, mediaType := range []string{typeJSON, typeResponse} {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, post(query, "Accept", mediaType))
			seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
			millis, ok := decodeError(t, w.Body.String())["retryAfterMs"].(float64)
			if w.Code != http.StatusServiceUnavailable || err != nil || !ok || millis < 500 || millis > 1500 || seconds != (int(millis)+999)/1000 {
				t.Errorf("answered %d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
			}
		}
	})

	t.Run("does not parse what there is no room for", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 1}, Budget{Executing: 1})
		defer close(b.release)
		b.flood(t, 1, query)
		wait(t, "the first", b.began)
		for body, want := range map[string]string{
			`{"query":"{ nonsense"}`:                             "OVERLOADED",
			`{"query":"mutation { nonsense"}`:                    "GRAPHQL_PARSE_FAILED",
			`{"query":"{ echo(text: \"mutation\") }"}`:           "OVERLOADED", // though only after it has been parsed
			`{"query":"subscription { ticks }"}`:                 "INVALID_INPUT",
			`{"query":"# mutation\n { echo } query X { echo }"}`: "GRAPHQL_VALIDATION_FAILED",
		} {
			if a := do(t, b, post(body)); !cmp.Equal(a.codes(), []string{want}) {
				t.Errorf("%s is answered %s, want %s", body, a.Raw, want)
			}
		}
	})

	t.Run("turns away who has waited for too long", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 1, Waiting: 10}, Budget{})
		defer close(b.release)
		b.admission.queries.patience = time.Millisecond
		answers := b.flood(t, 5, query)
		for range 4 {
			if a := wait(t, "the answer to who waits", answers); !cmp.Equal(a.codes(), []string{"OVERLOADED"}) {
				t.Errorf("answered %s", a.Raw)
			}
		}
		if got := b.admission.Queries(); got != (Load{Executing: 1, Refused: 4}) {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("forgets who goes away", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 1, Waiting: 1}, Budget{})
		defer close(b.release)
		b.flood(t, 1, query)
		wait(t, "the first", b.began)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			b.ServeHTTP(httptest.NewRecorder(), post(query).WithContext(ctx))
			close(gone)
		}()
		until(t, "the second waiting", func() bool { return b.admission.Queries().Waiting == 1 })
		cancel()
		wait(t, "the end of the second", gone)
		if got := b.admission.Queries(); got != (Load{Executing: 1}) {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("serves others while a client reads its answer slowly", func(t *testing.T) {
		t.Parallel()
		b := newBusy(t, Budget{Executing: 1}, Budget{})
		close(b.release)
		slow := &slowWriter{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), free: make(chan struct{})}
		over := make(chan struct{})
		go func() {
			b.ServeHTTP(slow, post(query))
			close(over)
		}()
		wait(t, "the first being written", slow.writing)
		if a := do(t, b, post(query)); a.Data == nil {
			t.Errorf("meanwhile another one is answered %s", a.Raw)
		}
		close(slow.free)
		wait(t, "the end of the first", over)
	})

	t.Run("gets its room back after a panic", func(t *testing.T) {
		t.Parallel()
		admission := NewAdmission(Budget{Executing: 1}, Budget{Executing: 1})
		server := newServer(t, Transport{Admission: admission})
		server.AroundOperations(func(context.Context, graphql.OperationHandler) graphql.ResponseHandler { panic(canary) })
		for _, body := range []string{query, mutation} {
			server.ServeHTTP(httptest.NewRecorder(), post(body))
		}
		if q, m := admission.Queries(), admission.Mutations(); q.Executing+m.Executing != 0 {
			t.Errorf("%+v and %+v", q, m)
		}
	})

	t.Run("counts the queries on streams", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{})
		c := connect(t, d)
		var leave func()
		for range doorQueries {
			left, refused := d.admission.enter(t.Context(), ast.Query)
			if refused != nil {
				t.Fatal(refused.message)
			}
			leave = left
		}
		c.tell(t, subscribe("q", `{ who }`))
		for _, want := range []string{"OVERLOADED", `"complete"`} {
			if text, err := c.next(t); err != nil || !strings.Contains(text, want) {
				t.Errorf("the WebSocket says %s %v, want %s", text, err, want)
			}
		}
		c.tell(t, subscribe("s", `subscription { count(to: 1) }`))
		c.hears(t, `{"type":"next","id":"s","payload":{"data":{"count":1}}}`)
		c.hears(t, `{"type":"complete","id":"s"}`)
		leave()
		leave() // the second time does nothing
		c.tell(t, subscribe("q", `{ who }`))
		c.hears(t, `{"type":"next","id":"q","payload":{"data":{"who":""}}}`)
		c.hears(t, `{"type":"complete","id":"q"}`)
		if got := d.admission.Queries(); got != (Load{Executing: doorQueries - 1, Refused: 1}) {
			t.Errorf("got %+v", got)
		}
	})
}

// slowWriter takes an answer only when it is told to.
type slowWriter struct {
	*httptest.ResponseRecorder
	writing, free chan struct{}
}

// Write waits.
func (w *slowWriter) Write(b []byte) (int, error) {
	close(w.writing)
	<-w.free
	return w.ResponseRecorder.Write(b)
}

// decodeError gives the extensions of the only error of an answer.
func decodeError(t *testing.T, body string) map[string]any {
	t.Helper()
	answer, _ := parse(t, body).(map[string]any)
	errs, _ := answer["errors"].([]any)
	if len(errs) != 1 {
		t.Fatalf("%d errors in %s", len(errs), body)
	}
	first, _ := errs[0].(map[string]any)
	extensions, _ := first["extensions"].(map[string]any)
	return extensions
}
