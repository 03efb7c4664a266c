package graph

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farthing/graph/generated"
	"farthing/internal/actor"
)

// fakeServer stands in for the GraphQL server: it answers with the number of the request, in shared and clean or not.
type fakeServer struct {
	asked         atomic.Int64
	shared, clean bool
	// answering is called before the answer is written.
	answering func(w http.ResponseWriter, r *http.Request)
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.asked.Add(1)
	if f, ok := r.Context().Value(flightKey{}).(*flight); ok {
		f.shared, f.clean = s.shared, s.shared && s.clean
		if !s.shared {
			close(f.private)
		}
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if s.answering != nil {
		s.answering(w, r)
	}
	_, _ = fmt.Fprintf(w, "%d %s", n, body)
}

// pagesTest is a shop's door with a clock that stands still.
type pagesTest struct {
	*Pages
	server *fakeServer
	now    atomic.Int64
}

func newPagesTest() *pagesTest {
	p := &pagesTest{server: &fakeServer{shared: true, clean: true}}
	p.Pages = NewPages(500*time.Millisecond, func() time.Time { return time.Unix(1_000_000, p.now.Load()) })
	return p
}

// ask sends a request, changed as the test wants.
func (p *pagesTest) ask(t *testing.T, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	return p.askAs(t.Context(), body, change...)
}

func (p *pagesTest) askAs(ctx context.Context, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, one := range change {
		one(r)
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", fmt.Sprint(p.now.Add(1))) // as time goes by, if only a nanosecond
	p.Serve(p.server).ServeHTTP(w, r)
	return w
}

func TestPages_AreAsYoungAsTheyMustBe(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	first := p.ask(t, "a")
	again := p.ask(t, "a")
	if again.Body.String() != first.Body.String() || again.Header().Get("Content-Type") != first.Header().Get("Content-Type") {
		t.Errorf("first %q, then %q", first.Body, again.Body)
	}
	if again.Header().Get("X-Request-Id") == first.Header().Get("X-Request-Id") {
		t.Error("two requests have one id")
	}
	p.now.Add(int64(500 * time.Millisecond))
	if late := p.ask(t, "a").Body.String(); late != "2 a" {
		t.Errorf("when its time was over: %q", late)
	}
	p.now.Add(-int64(time.Hour))
	if back := p.ask(t, "a").Body.String(); back != "3 a" {
		t.Errorf("when the clock was set back: %q", back)
	}
	p.now.Add(int64(time.Hour))
	if forth := p.ask(t, "a").Body.String(); forth != "4 a" {
		t.Errorf("when the clock was right again: %q", forth)
	}
}

func TestPages_TellRequestsApart(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	requests := [][]func(*http.Request){
		{},
		{set("Accept", "application/json")},
		{set("Accept", "application/graphql-response+json")},
		{func(r *http.Request) {
			r.Header["Accept"] = []string{"application/json", "application/graphql-response+json"}
		}},
		{set("Content-Type", "application/json; charset=utf-8")},
		{set("Content-Type", "text/plain")},
		{func(r *http.Request) { r.Header["Content-Type"] = []string{"application/json", "text/plain"} }},
		{func(r *http.Request) { r.URL.RawQuery = "query={serverTime}" }},
		{func(r *http.Request) { r.Method = http.MethodGet }},
	}
	seen := map[string]bool{}
	for range 2 {
		for _, change := range requests {
			seen[p.ask(t, "a", change...).Body.String()] = true
		}
		for _, body := range []string{"b", "", "aa"} {
			seen[p.ask(t, body).Body.String()] = true
		}
	}
	if want := len(requests) + 3; len(seen) != want || p.server.asked.Load() != int64(want) {
		t.Errorf("%d kinds of requests were %d answers, for which the server was asked %d times", want, len(seen), p.server.asked.Load())
	}
}

func TestPages_KeepNothingOfAnybodys(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	cases := map[string]struct {
		server *fakeServer
		change func(*http.Request)
	}{
		"with a token":        {change: set("Authorization", "Bearer x")},
		"with an empty token": {change: set("Authorization", "")},
		"by a service":        {change: set("Farthing-Shopper", "ada")},
		"of a socket":         {change: set("Upgrade", "websocket")},
		"encoded":             {change: set("Content-Encoding", "gzip")},
		"a stream":            {change: set("Accept", "application/json, Text/Event-Stream")},
		"with another method": {change: func(r *http.Request) { r.Method = http.MethodPut }},
		"of unknown length":   {change: func(r *http.Request) { r.ContentLength = -1 }},
		"cut short":           {change: func(r *http.Request) { r.ContentLength = 5 }},
		"of somebody the door knows": {change: func(r *http.Request) {
			*r = *r.WithContext(actor.With(r.Context(), actor.Actor{Subject: "ada"}))
		}},
		"of fields that are not shared": {server: &fakeServer{clean: true}},
		"with errors":                   {server: &fakeServer{shared: true}},
		"with a status of its own": {server: &fakeServer{shared: true, clean: true, answering: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
		}}},
		"with a header of its own": {server: &fakeServer{shared: true, clean: true, answering: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("RateLimit-Remaining", "3")
		}}},
		"that changes a header": {server: &fakeServer{shared: true, clean: true, answering: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "mine")
		}}},
		"of great length": {server: &fakeServer{shared: true, clean: true, answering: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, keptPage))
		}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPagesTest()
			if c.change == nil {
				p.server, c.change = c.server, func(*http.Request) {}
			}
			for n := range 2 {
				w := p.ask(t, "a", c.change)
				if body := w.Body.String(); !strings.HasSuffix(body, fmt.Sprintf("%d a", n+1)) {
					t.Errorf("request %d was answered %.100q", n+1, body)
				}
			}
			if p.kept.Len() != 0 || len(p.flights) != 0 || p.bytes != 0 {
				t.Errorf("%d answers of %d bytes are kept, %d under way", p.kept.Len(), p.bytes, len(p.flights))
			}
		})
	}
}

func TestPages_AreBounded(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	const each = 256 << 10
	p.server.answering = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, each)) }
	for n := range 2 * keptPages / each {
		p.ask(t, fmt.Sprint(n))
		if p.bytes > keptPages || p.kept.Len()*each > keptPages {
			t.Fatalf("after %d: %d answers of %d bytes", n+1, p.kept.Len(), p.bytes)
		}
	}
	if p.kept.Len() < keptPages/each/2 {
		t.Errorf("only %d answers are kept", p.kept.Len())
	}
	p.kept.Purge()
	if p.bytes != 0 {
		t.Errorf("%d bytes of nothing", p.bytes)
	}
}

// crowd asks the same many times at once while the first answer is being made, and gives all answers.
func (p *pagesTest) crowd(t *testing.T, others int, meanwhile func()) map[string]int {
	t.Helper()
	answers := make(chan string, others+1)
	began, end := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	p.server.answering = func(http.ResponseWriter, *http.Request) {
		if blocked.CompareAndSwap(false, true) {
			close(began)
			<-end
		}
	}
	go func() { answers <- p.askAs(context.WithoutCancel(t.Context()), "a").Body.String() }()
	<-began
	for range others {
		go func() { answers <- p.askAs(context.WithoutCancel(t.Context()), "a").Body.String() }()
	}
	meanwhile()
	close(end)
	all := map[string]int{}
	for range others + 1 {
		all[<-answers]++
	}
	return all
}

func TestPages_AreMadeOnce(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	if all := p.crowd(t, 20, func() {}); all["1 a"] != 21 || p.server.asked.Load() != 1 {
		t.Errorf("%v", all)
	}
}

func TestPages_DoNotHoldUpWhatIsNotShared(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	p.server.shared = false
	all := p.crowd(t, 20, func() {
		for p.server.asked.Load() < 21 { // all others are served while the first is not
			runtime.Gosched()
		}
	})
	if len(all) != 21 {
		t.Errorf("%v", all)
	}
}

func TestPages_DoNotWaitForOneThatTakesTooLong(t *testing.T) {
	t.Parallel()
	p := newPagesTest()
	all := p.crowd(t, 1, func() {
		p.now.Add(int64(time.Second))
		if body := p.ask(t, "a").Body.String(); body != "2 a" && body != "3 a" {
			t.Errorf("a second later: %q", body)
		}
	})
	if all["1 a"] == 0 {
		t.Errorf("%v", all)
	}
}

// TestSharedFields_AreThere looks at every name of the list: what is written wrong there would not be shared, and what
// somebody needs a role for, or reads a clock by, must not be.
func TestSharedFields_AreThere(t *testing.T) {
	t.Parallel()
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for name := range sharedFields {
		kind := schema.Types[name.kind]
		if kind == nil || kind.Fields.ForName(name.field) == nil {
			t.Errorf("there is no %s.%s", name.kind, name.field)
			continue
		}
		if RolesOf(kind.Fields.ForName(name.field)) != nil || name.field == "serverTime" || name.field == "quote" {
			t.Errorf("%s.%s is not for all visitors", name.kind, name.field)
		}
	}
}
