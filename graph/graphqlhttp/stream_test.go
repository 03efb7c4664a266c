package graphqlhttp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"farthing/internal/fault"
)

const streamSchema = `
type Query { who: String }
type Mutation { buy: Boolean! }
type Subscription { feed: Int!  count(to: Int!): Int!  refused: Int!  panics(later: Boolean!): Int! }
`

// soon is how long a test waits for what must happen.
const soon = 20 * time.Second

// doorQueries is how many queries run at once at a door.
const doorQueries = 100

// door is a server with both transports, and the operations behind it.
type door struct {
	streams *Streams
	// admission has room for doorQueries.
	admission *Admission
	url       string
	// feed is what the subscription of that name hands on; it never ends by itself.
	feed chan int
	// began and ended get one for each feed that begins and ends.
	began, ended chan struct{}
	bought       atomic.Int32
}

type callerKey struct{}

// open opens a door with a server like the real one: its deadlines for plain requests are short.
func open(t *testing.T, config StreamsConfig, change ...func(*Streams)) *door {
	t.Helper()
	parsed, err := gqlparser.LoadSchema(&ast.Source{Input: streamSchema})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{streams: NewStreams(config), feed: make(chan int), began: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
	for _, c := range change {
		c(d.streams)
	}
	gql := handler.New(&graphql.ExecutableSchemaMock{SchemaFunc: func() *ast.Schema { return parsed }, ExecFunc: d.execute})
	d.admission = NewAdmission(Budget{Executing: doorQueries}, Budget{Executing: 1})
	gql.AddTransport(WebSocket{Streams: d.streams, Admission: d.admission})
	gql.AddTransport(Transport{Streams: d.streams, Admission: d.admission})
	gql.SetRecoverFunc(func(context.Context, any) error { return errors.New("recovered") })
	gql.SetErrorPresenter(func(_ context.Context, err error) *gqlerror.Error {
		var known *gqlerror.Error
		if errors.As(err, &known) && known.Extensions["code"] != nil {
			return known
		}
		return &gqlerror.Error{Message: "masked", Extensions: map[string]any{"code": "INTERNAL"}}
	})
	server := httptest.NewUnstartedServer(gql)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	d.url = server.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), soon)
		defer cancel()
		if err := d.streams.Stop(ctx); err != nil {
			t.Errorf("streams stay open: %v", err)
		}
		server.Close()
		if c, o := d.streams.Connections(), d.streams.Operations(); c != 0 || o != 0 {
			t.Errorf("%d connections and %d operations are left", c, o)
		}
	})
	return d
}

// execute resolves the schema.
func (d *door) execute(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	field := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation", "Subscription"})[0]
	data := func(value any) *graphql.Response {
		return &graphql.Response{Data: fmt.Appendf(nil, `{%q:%v}`, field.Alias, value)}
	}
	sent := 0
	switch field.Name {
	case "who":
		who, _ := ctx.Value(callerKey{}).(string)
		return graphql.OneShot(data(fmt.Sprintf("%q", who)))
	case "buy":
		d.bought.Add(1)
		return graphql.OneShot(data(true))
	case "refused":
		graphql.AddError(ctx, &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": "NOT_FOUND"}})
		return nil
	case "panics":
		if field.ArgumentMap(op.Variables)["later"] == false {
			panic(canary)
		}
		return func(context.Context) *graphql.Response {
			if sent++; sent == 2 {
				panic(canary)
			}
			return data(sent)
		}
	case "count":
		to, _ := field.ArgumentMap(op.Variables)["to"].(int64)
		return func(context.Context) *graphql.Response {
			if sent++; sent > int(to) {
				return nil
			}
			return data(sent)
		}
	default:
		d.began <- struct{}{}
		context.AfterFunc(ctx, func() { d.ended <- struct{}{} })
		return func(ctx context.Context) *graphql.Response {
			select {
			case n := <-d.feed:
				return data(n)
			case <-ctx.Done():
				return nil
			}
		}
	}
}

func wait[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(soon):
		t.Fatalf("%s does not happen", what)
		panic("unreachable")
	}
}

// until waits for something that is about to be true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for began := time.Now(); !is(); <-again.C {
		if time.Since(began) > soon {
			t.Fatalf("%s does not happen", what)
		}
	}
}

// client is one end of a WebSocket.
type client struct {
	*websocket.Conn
}

func dialWith(t *testing.T, d *door, options *websocket.DialOptions) (client, *http.Response, error) {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), d.url+"/graphql", options)
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return client{conn}, response, err
}

func dial(t *testing.T, d *door) client {
	t.Helper()
	c, _, err := dialWith(t, d, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connect dials and says hello.
func connect(t *testing.T, d *door) client {
	t.Helper()
	c := dial(t, d)
	c.tell(t, `{"type":"connection_init"}`)
	c.hears(t, `{"type":"connection_ack"}`)
	return c
}

func (c client) tell(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (c client) next(t *testing.T) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, text, err := c.Read(ctx)
	return string(text), err
}

func (c client) hears(t *testing.T, want string) {
	t.Helper()
	got, err := c.next(t)
	if err != nil {
		t.Fatalf("%v, want %s", err, want)
	}
	if diff := cmp.Diff(parse(t, want), parse(t, got)); diff != "" {
		t.Fatalf("hears (-want +got)\n%s", diff)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}

// closed reads until the connection is closed, and gives how.
func (c client) closed(t *testing.T) websocket.CloseError {
	t.Helper()
	for {
		if _, err := c.next(t); err != nil {
			var how websocket.CloseError
			if !errors.As(err, &how) {
				t.Fatalf("the connection ends without a word: %v", err)
			}
			return how
		}
	}
}

func subscribe(id, query string) string {
	text, _ := json.Marshal(map[string]any{"type": "subscribe", "id": id, "payload": map[string]string{"query": query}})
	return string(text)
}

func TestWebSocketCarriesOperations(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	c := connect(t, d)

	c.tell(t, `{"type":"ping","payload":{}}`)
	c.hears(t, `{"type":"pong"}`)
	c.tell(t, `{"type":"pong"}`)

	c.tell(t, subscribe("a", `subscription { n: count(to: 2) }`))
	c.hears(t, `{"type":"next","id":"a","payload":{"data":{"n":1}}}`)
	c.hears(t, `{"type":"next","id":"a","payload":{"data":{"n":2}}}`)
	c.hears(t, `{"type":"complete","id":"a"}`)

	c.tell(t, `{"type":"subscribe","id":"a","payload":{"query":"query Q { who } subscription S($to: Int!) { count(to: $to) }","operationName":"S","variables":{"to":1}}}`)
	c.hears(t, `{"type":"next","id":"a","payload":{"data":{"count":1}}}`)
	c.hears(t, `{"type":"complete","id":"a"}`)

	c.tell(t, subscribe("q", `{ who }`))
	c.hears(t, `{"type":"next","id":"q","payload":{"data":{"who":""}}}`)
	c.hears(t, `{"type":"complete","id":"q"}`)

	// Two at once, each ending for itself.
	c.tell(t, subscribe("one", `subscription { feed }`))
	wait(t, "the first feed", d.began)
	d.feed <- 7
	c.hears(t, `{"type":"next","id":"one","payload":{"data":{"feed":7}}}`)
	c.tell(t, subscribe("two", `subscription { feed }`))
	wait(t, "the second feed", d.began)
	c.tell(t, `{"type":"complete","id":"one"}`)
	wait(t, "the end of the first", d.ended)
	d.feed <- 8
	c.hears(t, `{"type":"next","id":"two","payload":{"data":{"feed":8}}}`)
	// The id may be used again at once, and what was never begun may be completed.
	c.tell(t, `{"type":"complete","id":"nothing"}`)
	c.tell(t, subscribe("one", `subscription { count(to: 0) }`))
	c.hears(t, `{"type":"complete","id":"one"}`)
	if got := d.streams.Connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
	until(t, "a single operation being left", func() bool { return d.streams.Operations() == 1 })
	c.Close(websocket.StatusNormalClosure, "")
	wait(t, "the end of the second", d.ended)
}

// What is wrong with an operation is told under its id, and the connection goes on.
func TestWebSocketRefusesOperations(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	c := connect(t, d)
	for query, code := range map[string]string{
		`subscription {`:              "GRAPHQL_PARSE_FAILED",
		`subscription { nope }`:       "GRAPHQL_VALIDATION_FAILED",
		`subscription { feed: who }`:  "GRAPHQL_VALIDATION_FAILED",
		`subscription { feed count }`: "GRAPHQL_VALIDATION_FAILED",
		``:                            "GRAPHQL_VALIDATION_FAILED",
		`mutation { buy }`:            "INVALID_INPUT",
	} {
		c.tell(t, subscribe("x", query))
		text, err := c.next(t)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Type, ID string
			Payload  []struct{ Extensions struct{ Code string } }
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Type != "error" || got.ID != "x" ||
			len(got.Payload) == 0 || got.Payload[0].Extensions.Code != code {
			t.Errorf("%q is answered with %s (%v), want %s", query, text, err, code)
		}
	}
	if d.bought.Load() != 0 {
		t.Error("a mutation was executed")
	}
	// An operation that was executed, and refused there, has a response.
	c.tell(t, subscribe("x", `subscription { refused }`))
	c.hears(t, `{"type":"next","id":"x","payload":{"errors":[{"message":"no","extensions":{"code":"NOT_FOUND"}}]}}`)
	c.hears(t, `{"type":"complete","id":"x"}`)
}

func TestPanicsAreRecovered(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	const masked = `{"errors":[{"message":"masked","extensions":{"code":"INTERNAL"}}]}`
	c := connect(t, d)
	for _, later := range []bool{false, true} {
		query := fmt.Sprintf(`subscription { n: panics(later: %v) }`, later)
		c.tell(t, subscribe("x", query))
		want := []string{masked}
		if later {
			c.hears(t, `{"type":"next","id":"x","payload":{"data":{"n":1}}}`)
			want = []string{`{"data":{"n":1}}`, masked}
		}
		c.hears(t, `{"type":"next","id":"x","payload":`+masked+`}`)
		c.hears(t, `{"type":"complete","id":"x"}`)

		events := d.listen(t, query)
		if diff := cmp.Diff(want, events.rest(t)); diff != "" {
			t.Errorf("as events: %s", diff)
		}
	}
}

func TestWebSocketIsClosedOver(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{Identify: func(context.Context, http.Header) (context.Context, error) {
		return nil, fault.New(fault.Unauthenticated, "%s", strings.Repeat("é", 100))
	}})
	known := open(t, StreamsConfig{})
	outage := open(t, StreamsConfig{Identify: func(context.Context, http.Header) (context.Context, error) {
		return nil, errors.New(canary)
	}})
	buggy := open(t, StreamsConfig{Identify: func(context.Context, http.Header) (context.Context, error) { panic(canary) }})
	const hello = `{"type":"connection_init"}`
	feed := subscribe("a", `subscription { feed }`)
	for _, tt := range []struct {
		name string
		door *door
		say  []string
		code websocket.StatusCode
	}{
		{"what is no JSON", known, []string{"{" + canary}, 4400},
		{"what is no object", known, []string{"[]"}, 4400},
		{"an unknown message", known, []string{`{"type":"` + canary + `"}`}, 4400},
		{"a message of the server's", known, []string{hello, `{"type":"next","id":"a"}`}, 4400},
		{"a payload of connection_init that is no object", known, []string{`{"type":"connection_init","payload":"x"}`}, 4400},
		{"an operation without an id", known, []string{hello, subscribe("", `{who}`)}, 4400},
		{"an operation with a long id", known, []string{hello, subscribe(strings.Repeat("x", 65), `{who}`)}, 4400},
		{"an operation without a query", known, []string{hello, `{"type":"subscribe","id":"a","payload":{"q":"` + canary + `"}}`}, 4400},
		{"an operation without a payload", known, []string{hello, `{"type":"subscribe","id":"a"}`}, 4400},
		{"variables in a list", known, []string{hello, `{"type":"subscribe","id":"a","payload":{"query":"{who}","variables":[]}}`}, 4400},
		{"a message that is too long", known, []string{hello, subscribe("a", "{who} #"+strings.Repeat("x", DefaultMaxBodyBytes))}, 1009},
		{"an operation before connection_init", known, []string{feed}, 4401},
		{"a second connection_init", known, []string{hello, hello}, 4429},
		{"an id that is taken", known, []string{hello, feed, feed}, 4409},
		{"a caller who is not let in", d, []string{hello}, 4403},
		{"an outage", outage, []string{hello}, 4500},
		{"a bug", buggy, []string{hello}, 4500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, tt.door)
			for _, text := range tt.say {
				c.tell(t, text)
			}
			how := c.closed(t)
			if how.Code != tt.code || how.Reason == "" || strings.Contains(how.Reason, canary) {
				t.Errorf("closed with %v, want %d", how, tt.code)
			}
		})
	}
	t.Run("a binary message", func(t *testing.T) {
		t.Parallel()
		c := dial(t, known)
		if err := c.Write(t.Context(), websocket.MessageBinary, []byte(hello)); err != nil {
			t.Fatal(err)
		}
		if how := c.closed(t); how.Code != 4400 {
			t.Errorf("closed with %v", how)
		}
	})
	t.Run("a subprotocol that is not spoken", func(t *testing.T) {
		t.Parallel()
		for _, spoken := range [][]string{nil, {"graphql-ws"}} {
			c, _, err := dialWith(t, known, &websocket.DialOptions{Subprotocols: spoken})
			if err != nil {
				t.Fatal(err)
			}
			if how := c.closed(t); how.Code != 4406 {
				t.Errorf("%v: closed with %v", spoken, how)
			}
		}
	})
}

func TestWebSocketThatSaysNothingIsClosed(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{}, func(s *Streams) { s.timing.init = 20 * time.Millisecond })
	if how := dial(t, d).closed(t); how.Code != 4408 {
		t.Errorf("closed with %v", how)
	}
}

// Identify hears the text values of connection_init as headers, in the context of the request, and its context is that of
// the operations.
func TestWebSocketIdentifiesTheCaller(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{Identify: func(ctx context.Context, credentials http.Header) (context.Context, error) {
		return context.WithValue(ctx, callerKey{}, credentials.Get("Authorization")+"|"+credentials.Get("Other")), nil
	}})
	for payload, want := range map[string]string{
		`{"authorization":"Bearer x","Other":7,"nested":{"Other":"y"}}`: "Bearer x|",
		`{"Authorization":"Bearer y","other":"z"}`:                      "Bearer y|z",
		`null`: "|", `{}`: "|",
	} {
		c := dial(t, d)
		c.tell(t, `{"type":"connection_init","payload":`+payload+`}`)
		c.hears(t, `{"type":"connection_ack"}`)
		c.tell(t, subscribe("a", `{ who }`))
		c.hears(t, `{"type":"next","id":"a","payload":{"data":{"who":"`+want+`"}}}`)
	}
}

func TestStreamsEndWithTheCallersToken(t *testing.T) {
	t.Parallel()
	expire := make(chan time.Duration, 1)
	d := open(t, StreamsConfig{Identify: func(ctx context.Context, _ http.Header) (context.Context, error) {
		return WithExpiry(ctx, <-expire), nil
	}})
	expire <- 50 * time.Millisecond
	c := connect(t, d)
	c.tell(t, subscribe("a", `subscription { feed }`))
	if how := c.closed(t); how.Code != 4403 {
		t.Errorf("closed with %v", how)
	}
	wait(t, "the end of the feed", d.ended)

	expire <- -time.Hour
	if how := connect(t, d).closed(t); how.Code != 4403 {
		t.Errorf("closed with %v", how)
	}

	// An event stream: the caller is one of the request.
	gql := httptest.NewRecorder()
	ctx := WithExpiry(t.Context(), 50*time.Millisecond)
	r := get("query="+url.QueryEscape("subscription{feed}"), "Accept", typeEventStream).WithContext(ctx)
	d.serve(t).ServeHTTP(gql, r)
	if got := gql.Body.String(); got != ":\n\n" {
		t.Errorf("got %q", got)
	}
	wait(t, "the end of the feed", d.ended)
}

// serve is the door's server without a network.
func (d *door) serve(t *testing.T) http.Handler {
	t.Helper()
	parsed, err := gqlparser.LoadSchema(&ast.Source{Input: streamSchema})
	if err != nil {
		t.Fatal(err)
	}
	gql := handler.New(&graphql.ExecutableSchemaMock{SchemaFunc: func() *ast.Schema { return parsed }, ExecFunc: d.execute})
	gql.AddTransport(Transport{Streams: d.streams})
	return gql
}

func TestFeedsEndWhenTheClientGoesAway(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(client){
		"with a word":    func(c client) { _ = c.Close(websocket.StatusGoingAway, "bye") },
		"without a word": func(c client) { _ = c.CloseNow() },
	} {
		t.Run("WebSocket, "+name, func(t *testing.T) {
			t.Parallel()
			d := open(t, StreamsConfig{})
			c := connect(t, d)
			for i := range 3 {
				c.tell(t, subscribe(fmt.Sprint(i), `subscription { feed }`))
				wait(t, "the feed", d.began)
			}
			leave(c)
			for range 3 {
				wait(t, "the end of the feed", d.ended)
			}
			until(t, "everything being gone", func() bool { return d.streams.Connections() == 0 && d.streams.Operations() == 0 })
		})
	}
	t.Run("event stream", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		d.listenAs(ctx, t, `subscription { feed }`)
		wait(t, "the feed", d.began)
		cancel()
		wait(t, "the end of the feed", d.ended)
		until(t, "everything being gone", func() bool { return d.streams.Connections() == 0 && d.streams.Operations() == 0 })
	})
}

// A client that is there no more without having said so is found out by pings; one that is there answers them.
func TestPings(t *testing.T) {
	t.Parallel()
	quick := func(s *Streams) { s.timing.ping, s.timing.pong = 10*time.Millisecond, 50*time.Millisecond }
	t.Run("find out a WebSocket without a client", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{}, quick)
		c := connect(t, d)
		c.tell(t, subscribe("a", `subscription { feed }`)) // and nothing is read from now on, pings neither
		wait(t, "the end of the feed", d.ended)
	})
	t.Run("keep a WebSocket with a client", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{}, quick)
		pings := make(chan struct{}, 1000)
		c, _, err := dialWith(t, d, &websocket.DialOptions{
			Subprotocols:   []string{subprotocol},
			OnPingReceived: func(context.Context, []byte) bool { pings <- struct{}{}; return true },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.tell(t, `{"type":"connection_init"}`)
		c.hears(t, `{"type":"connection_ack"}`)
		c.tell(t, subscribe("a", `subscription { feed }`))
		go func() {
			for range 20 {
				<-pings
			}
			d.feed <- 1
		}()
		c.hears(t, `{"type":"next","id":"a","payload":{"data":{"feed":1}}}`)
	})
	t.Run("go through an event stream, past the deadlines of plain requests", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{}, quick)
		events := d.listen(t, `subscription { feed }`)
		for range 30 {
			events.ping(t)
		}
		d.feed <- 1
		if got := events.next(t); got != `{"data":{"feed":1}}` {
			t.Errorf("got %s", got)
		}
	})
}

// A client that does not read what it asked for is cut off, and with it the feed.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	quick := func(s *Streams) { s.timing.write = 50 * time.Millisecond }
	flood := func(t *testing.T, d *door) {
		t.Helper()
		over := time.After(soon)
		for i := 0; ; i++ {
			select {
			case d.feed <- i:
			case <-d.ended:
				return
			case <-over:
				t.Fatal("the feed does not end")
			}
		}
	}
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{}, quick)
		c := connect(t, d)
		c.tell(t, subscribe("a", `subscription { `+strings.Repeat("a", 30_000)+`: feed }`))
		flood(t, d)
	})
	t.Run("event stream", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{}, quick)
		raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(d.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		body := `{"query":"subscription { ` + strings.Repeat("a", 30_000) + `: feed }"}`
		fmt.Fprintf(raw, "POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		flood(t, d)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("operations on a connection", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{})
		c := connect(t, d)
		for i := range maxOperations {
			c.tell(t, subscribe(fmt.Sprint(i), `subscription { feed }`))
			wait(t, "the feed", d.began)
		}
		c.tell(t, subscribe("more", `subscription { feed }`))
		c.hears(t, `{"type":"error","id":"more","payload":[{"message":"A connection runs at most 20 operations at once.","extensions":{"code":"OVERLOADED"}}]}`)
		c.tell(t, `{"type":"complete","id":"0"}`)
		wait(t, "the end of one", d.ended)
		until(t, "room for another", func() bool { return d.streams.Operations() < maxOperations })
		c.tell(t, subscribe("more", `subscription { count(to: 0) }`))
		c.hears(t, `{"type":"complete","id":"more"}`)
	})
	t.Run("connections and operations of a process", func(t *testing.T) {
		t.Parallel()
		d := open(t, StreamsConfig{Max: 2})
		c := connect(t, d)
		c.tell(t, subscribe("a", `subscription { feed }`))
		c.tell(t, subscribe("b", `subscription { feed }`))
		wait(t, "the feed", d.began)
		wait(t, "the feed", d.began)
		c.tell(t, subscribe("c", `{ who }`))
		c.hears(t, `{"type":"error","id":"c","payload":[{"message":"As many subscriptions run as this server keeps. Try again later.","extensions":{"code":"OVERLOADED"}}]}`)
		turnedAway := func(response *http.Response) {
			t.Helper()
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" ||
				response.Header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("got %d %v", response.StatusCode, response.Header)
			}
		}
		turnedAway(d.ask(t.Context(), t, `subscription { feed }`)) // an operation too many
		second := connect(t, d)
		turnedAway(d.ask(t.Context(), t, `subscription { feed }`)) // a connection too many
		_, response, err := dialWith(t, d, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
		if err == nil {
			t.Fatal("a third connection is opened")
		}
		turnedAway(response)
		// Whoever leaves makes room.
		_ = second.CloseNow()
		until(t, "the second being gone", func() bool { return d.streams.Connections() == 1 })
		connect(t, d)
	})
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{Origins: []string{"https://shop.example", "http://localhost:3000"}})
	host := strings.TrimPrefix(d.url, "http://")
	for origin, want := range map[string]int{
		"": 101, "http://" + host: 101, "https://" + strings.ToUpper(host): 101, "https://shop.example": 101, "https://SHOP.example": 101,
		"http://localhost:3000": 101,
		"http://shop.example":   403, "https://shop.example:8443": 403, "https://evil.example": 403, "https://shop.example.evil.example": 403,
		"null": 403, "http://localhost": 403, "%zz": 403, "http://127.0.0.1": 403,
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			_, response, _ := dialWith(t, d, &websocket.DialOptions{Subprotocols: []string{subprotocol}, HTTPHeader: header})
			if response.StatusCode != want {
				t.Errorf("WebSocket: %d, want %d", response.StatusCode, want)
			}
			r := d.request(t.Context(), t, `subscription { count(to: 0) }`)
			r.Header = header.Clone()
			r.Header.Set("Accept", typeEventStream)
			r.Header.Set("Content-Type", typeJSON)
			if got := d.do(t, r).StatusCode; (got == 200) != (want == 101) || got != 200 && got != want {
				t.Errorf("event stream: %d, want %d", got, want)
			}
		})
	}
}

func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	c := connect(t, d)
	c.tell(t, subscribe("a", `subscription { feed }`))
	silent := dial(t, d)
	events := d.listen(t, `subscription { feed }`)
	wait(t, "the feed", d.began)
	wait(t, "the feed", d.began)

	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.streams.Stop(expired); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop does not tell that it stopped waiting: %v", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- d.streams.Stop(t.Context()) }()
	for _, c := range []client{c, silent} {
		if how := c.closed(t); how.Code != websocket.StatusGoingAway {
			t.Errorf("closed with %v", how)
		}
	}
	if got := events.rest(t); got != nil || events.completed {
		t.Errorf("the stream ends with %v, completed: %v", got, events.completed)
	}
	if err := wait(t, "the end of all", stopped); err != nil {
		t.Error(err)
	}
	wait(t, "the end of the feed", d.ended)
	wait(t, "the end of the feed", d.ended)
	if got := d.ask(t.Context(), t, `subscription { feed }`).StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("one who comes late gets %d", got)
	}
}

// request is a POST that accepts an event stream.
func (d *door) request(ctx context.Context, t *testing.T, query string) *http.Request {
	t.Helper()
	text, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/graphql", strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", typeEventStream)
	r.Header.Set("Content-Type", typeJSON)
	return r
}

func (d *door) do(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (d *door) ask(ctx context.Context, t *testing.T, query string) *http.Response {
	t.Helper()
	return d.do(t, d.request(ctx, t, query))
}

// events are those of a stream.
type events struct {
	lines     *bufio.Reader
	completed bool
}

func (d *door) listen(t *testing.T, query string) *events {
	t.Helper()
	return d.listenAs(t.Context(), t, query)
}

func (d *door) listenAs(ctx context.Context, t *testing.T, query string) *events {
	t.Helper()
	response := d.ask(ctx, t, query)
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream; charset=utf-8" {
		t.Fatalf("answered %d %s", response.StatusCode, got)
	}
	return &events{lines: bufio.NewReader(response.Body)}
}

// event reads one event, or a comment as ":"; it is empty at the end.
func (e *events) event(t *testing.T) string {
	t.Helper()
	var event strings.Builder
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return ""
		}
		if line == "\n" {
			return event.String()
		}
		event.WriteString(line)
	}
}

func (e *events) ping(t *testing.T) {
	t.Helper()
	if got := e.event(t); got != ":\n" {
		t.Fatalf("got %q, want a ping", got)
	}
}

// next is the data of the next response; empty at the end.
func (e *events) next(t *testing.T) string {
	t.Helper()
	for {
		event := e.event(t)
		switch data, isNext := strings.CutPrefix(event, "event: next\ndata: "); {
		case isNext:
			return strings.TrimSuffix(data, "\n")
		case event == "event: complete\ndata:\n":
			e.completed = true
			return ""
		case event == "":
			return ""
		case event != ":\n":
			t.Fatalf("got %q", event)
		}
	}
}

// rest are the responses until the end.
func (e *events) rest(t *testing.T) []string {
	t.Helper()
	var all []string
	for {
		next := e.next(t)
		if next == "" {
			return all
		}
		all = append(all, next)
	}
}

func TestEventStreamCarriesOperations(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	for query, want := range map[string][]string{
		`subscription { n: count(to: 3) }`: {`{"data":{"n":1}}`, `{"data":{"n":2}}`, `{"data":{"n":3}}`},
		`subscription { count(to: 0) }`:    nil,
		`{ who }`:                          {`{"data":{"who":""}}`},
		`mutation { buy }`: {
			`{"errors":[{"message":"A stream is for subscriptions and queries. Send mutations with POST, and accept application/json.","extensions":{"code":"INVALID_INPUT"}}]}`,
		},
		`subscription { refused }`: {`{"errors":[{"message":"no","extensions":{"code":"NOT_FOUND"}}]}`},
		`subscription { nope }`: {
			`{"errors":[{"message":"Cannot query field \"nope\" on type \"Subscription\".","locations":[{"line":1,"column":16}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
		},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			events := d.listen(t, query)
			if diff := cmp.Diff(want, events.rest(t)); diff != "" || !events.completed {
				t.Errorf("completed: %v\n%s", events.completed, diff)
			}
		})
	}
	t.Run("by GET, as the EventSource of browsers asks", func(t *testing.T) {
		t.Parallel()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/graphql?query="+url.QueryEscape(`subscription { count(to: 1) }`), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", typeEventStream)
		events := &events{lines: bufio.NewReader(d.do(t, r).Body)}
		if diff := cmp.Diff([]string{`{"data":{"count":1}}`}, events.rest(t)); diff != "" || !events.completed {
			t.Errorf("completed: %v\n%s", events.completed, diff)
		}
	})
}

// Who accepts both kinds of answers gets a stream for a subscription only, and what is not well formed is never streamed.
func TestEventStreamsAreNegotiated(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	server := d.serve(t)
	const both = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
	for _, tt := range []struct {
		name        string
		request     *http.Request
		status      int
		contentType string
	}{
		{"a subscription, both", post(`{"query":"subscription{count(to:1)}"}`, "Accept", both), 200, typeEventStream},
		{"a subscription by GET, both", get("query=subscription{count(to:1)}", "Accept", both), 200, typeEventStream},
		{"a query, both", post(`{"query":"{who}"}`, "Accept", both), 200, typeResponse},
		{"a mutation, both", post(`{"query":"mutation{buy}"}`, "Accept", both), 200, typeResponse},
		{"a broken query, both", post(`{"query":"{nope}"}`, "Accept", both), 400, typeResponse},
		{"a query, the stream before all", post(`{"query":"{who}"}`, "Accept", "text/event-stream, */*;q=0.1"), 200, typeEventStream},
		{"a query, the stream last", post(`{"query":"{who}"}`, "Accept", "text/event-stream;q=0.1, */*"), 200, typeJSON},
		{"a subscription, anything", post(`{"query":"subscription{count(to:1)}"}`, "Accept", "*/*"), 200, typeJSON},
		{"a subscription, no stream", post(`{"query":"subscription{count(to:1)}"}`, "Accept", "application/json, text/event-stream;q=0"), 200, typeJSON},
		{"a mutation, a stream only", post(`{"query":"mutation{buy}"}`, "Accept", typeEventStream), 200, typeEventStream},
		{"a mutation by GET, a stream only", get("query=mutation{buy}", "Accept", typeEventStream), 405, typeJSON},
		{"a mutation by GET, both", get("query=mutation{buy}", "Accept", both), 405, typeResponse},
		{"a subscription by GET, no stream", get("query=subscription{count(to:1)}", "Accept", typeJSON), 405, typeJSON},
		{"no object, a stream only", post(`[`, "Accept", typeEventStream), 400, typeJSON},
		{"no media type, a stream only", post(`{"query":"{who}"}`, "Accept", typeEventStream, "Content-Type", "text/plain"), 415, typeJSON},
		{"too long, a stream only", post(`{"query":"`+strings.Repeat("x", DefaultMaxBodyBytes), "Accept", typeEventStream), 413, typeJSON},
		{"another method, a stream only", httptest.NewRequest(http.MethodPut, "/graphql", nil), 405, typeJSON},
		{"neither", post(`{"query":"{who}"}`, "Accept", "text/html"), 406, typeJSON},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			server.ServeHTTP(w, tt.request)
			if got, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";"); w.Code != tt.status || got != tt.contentType {
				t.Errorf("got %d %s, want %d %s\n%s", w.Code, got, tt.status, tt.contentType, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", w.Header())
			}
			if w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
				t.Error("does not say which methods are allowed")
			}
		})
	}
	t.Cleanup(func() {
		if got := d.bought.Load(); got != 1 {
			t.Errorf("%d mutations were executed, want the one that may", got)
		}
	})
}

// Other offers than that of a WebSocket are passed over, as HTTP wants it.
func TestOffersOfOtherProtocolsArePassedOver(t *testing.T) {
	t.Parallel()
	d := open(t, StreamsConfig{})
	for upgrade, want := range map[string]bool{"h2c": false, "": false, "websocket": true, "WebSocket": true, "h2c, websocket": true, "websockets": false} {
		r := post(`{"query":"{who}"}`)
		r.Header.Set("Upgrade", upgrade)
		if got := (WebSocket{Streams: d.streams}).Supports(r); got != want {
			t.Errorf("%q: %v, want %v", upgrade, got, want)
		}
	}
}

// TestMain fails when a stream leaves something running behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
