package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	diff "github.com/google/go-cmp/cmp"

	"farthing/internal/actor"
	"farthing/internal/app"
	"farthing/internal/id"
	"farthing/internal/identity"
)

// socket is a client's end of a WebSocket that speaks graphql-transport-ws.
type socket struct {
	*websocket.Conn
	o *shop
}

// dial opens a WebSocket with the headers of a request; the response is that to a request that is refused.
func (o *shop) dial(t *testing.T, url string, header http.Header) (socket, *http.Response) {
	t.Helper()
	all := o.header(t, "")
	maps.Copy(all, header)
	conn, response, err := websocket.Dial(t.Context(), url+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: all,
	})
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return socket{}, response
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return socket{conn, o}, nil
}

// connect opens a WebSocket and says who is calling in connection_init, as a browser does.
func (o *shop) connect(t *testing.T, url, as string) socket {
	t.Helper()
	s, refused := o.dial(t, url, nil)
	if refused != nil {
		t.Fatalf("refused with %s", refused.Status)
	}
	payload := map[string]string{}
	for name := range o.header(t, as) {
		payload[name] = o.header(t, as).Get(name)
	}
	s.tell(t, "connection_init", "", payload)
	s.wants(t, `{"type": "connection_ack"}`)
	return s
}

func (s socket) tell(t *testing.T, kind, id string, payload any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "id": id, "payload": payload})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), websocket.MessageText, text); err != nil {
		t.Fatal(err)
	}
}

// starts begins an operation, with its names replaced.
func (s socket) starts(t *testing.T, id, query string) {
	t.Helper()
	s.tell(t, "subscribe", id, map[string]string{"query": s.o.names.fill(query)})
}

func (s socket) next(t *testing.T) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, text, err := s.Read(ctx)
	return text, err
}

// wants fails the test when the next message is not this one.
func (s socket) wants(t *testing.T, want string) {
	t.Helper()
	text, err := s.next(t)
	if err != nil {
		t.Fatalf("%v, want %s", err, want)
	}
	got := decode(t, text)
	if d := diff.Diff(s.o.names.match(decode(t, []byte(want)), got), got); d != "" {
		t.Errorf("the message differs (-want +got):\n%s\n%s", d, text)
	}
}

// closed gives how the connection is closed.
func (s socket) closed(t *testing.T) websocket.CloseError {
	t.Helper()
	for {
		if _, err := s.next(t); err != nil {
			var how websocket.CloseError
			if !errors.As(err, &how) {
				t.Fatalf("the connection ends without a word: %v", err)
			}
			return how
		}
	}
}

// TestSubscribersAreCallers: whoever opens a WebSocket is who the headers say, or what it begins with, by the same rules.
func TestSubscribersAreCallers(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 5")
		o.shopper(t, "bob")
		const who = `{ viewer { id } }`
		ada := `{"type": "next", "id": "1", "payload": {"data": {"viewer": {"id": "$ada"}}}}`
		nobody := `{"type": "next", "id": "1", "payload": {"data": {"viewer": null}}}`
		const done = `{"type": "complete", "id": "1"}`
		for as, want := range map[string]string{
			"SHOPPER ada": ada, "SERVICE web for ada": ada, "": nobody, "SERVICE web": nobody,
		} {
			t.Run("by connection_init, as "+as, func(t *testing.T) {
				c := o.connect(t, o.url, as)
				c.starts(t, "1", who)
				c.wants(t, want)
				c.wants(t, done)
			})
			t.Run("by headers, as "+as, func(t *testing.T) {
				c, _ := o.dial(t, o.url, o.header(t, as))
				c.tell(t, "connection_init", "", nil)
				c.wants(t, `{"type": "connection_ack"}`)
				c.starts(t, "1", who)
				c.wants(t, want)
				c.wants(t, done)
			})
		}
		t.Run("connection_init comes later and counts", func(t *testing.T) {
			c, _ := o.dial(t, o.url, o.header(t, "SHOPPER bob"))
			c.tell(t, "connection_init", "", map[string]string{"authorization": o.header(t, "SHOPPER ada").Get("Authorization")})
			c.wants(t, `{"type": "connection_ack"}`)
			c.starts(t, "1", who)
			c.wants(t, ada)
		})
		t.Run("a token that is not valid is refused", func(t *testing.T) {
			bad := http.Header{"Authorization": {"Bearer nonsense"}}
			if _, response := o.dial(t, o.url, bad); response == nil || response.StatusCode != http.StatusUnauthorized {
				t.Errorf("in the headers: %v", response)
			}
			for name, payload := range map[string]map[string]string{
				"a token":                       {"Authorization": "Bearer nonsense"},
				"another scheme":                {"Authorization": "Basic eDp5"},
				"a shopper, but no token":       {"Farthing-Shopper": "ada"},
				"a shopper for another shopper": {"Authorization": o.header(t, "SHOPPER bob").Get("Authorization"), "Farthing-Shopper": "ada"},
			} {
				c, _ := o.dial(t, o.url, nil)
				c.tell(t, "connection_init", "", payload)
				if how := c.closed(t); how.Code != 4403 || strings.Contains(how.Reason, "nonsense") {
					t.Errorf("%s: closed with %v", name, how)
				}
			}
		})
		t.Run("a token that expires ends the connection", func(t *testing.T) {
			// It is taken as long as the clock of its issuer may be off, of which a second is left.
			token := o.mint(t, identity.MintInput{
				Subject: "ada", Roles: []actor.Role{actor.Shopper}, TTL: time.Minute, Now: o.clock.read().Add(-time.Minute - 29*time.Second),
			})
			header := http.Header{"Authorization": {"Bearer " + token}}
			byHeader, _ := o.dial(t, o.url, header)
			byInit, _ := o.dial(t, o.url, nil)
			byHeader.tell(t, "connection_init", "", nil)
			byInit.tell(t, "connection_init", "", map[string]string{"Authorization": "Bearer " + token})
			for _, c := range []socket{byHeader, byInit} {
				c.wants(t, `{"type": "connection_ack"}`)
				if how := c.closed(t); how.Code != 4403 || how.Reason != "The token has expired" {
					t.Errorf("closed with %v", how)
				}
			}
		})
		t.Run("what was looked up for one operation is not kept for the next", func(t *testing.T) {
			c := o.connect(t, o.url, "SHOPPER ada")
			const owned = `{ product(id: "$poems") { owned } }`
			c.starts(t, "1", owned)
			c.wants(t, `{"type": "next", "id": "1", "payload": {"data": {"product": {"owned": false}}}}`)
			c.wants(t, done)
			o.ask(t, call{as: "SHOPPER ada", query: buyPoems})
			c.starts(t, "1", owned)
			c.wants(t, `{"type": "next", "id": "1", "payload": {"data": {"product": {"owned": true}}}}`)
			c.wants(t, done)
		})
		t.Run("mutations are refused", func(t *testing.T) {
			c := o.connect(t, o.url, "SHOPPER ada")
			before := o.rows(t)
			c.starts(t, "1", buyHints)
			c.wants(t, `{"type": "error", "id": "1", "payload": [{"message": "$*", "extensions": {"code": "INVALID_INPUT"}}]}`)
			if d := diff.Diff(before, o.rows(t)); d != "" {
				t.Errorf("something was written: %s", d)
			}
		})
	})
}

func TestSubscriptionSettings(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"MAX_SUBSCRIPTIONS=2", "ALLOWED_ORIGINS=https://shop.example, http://localhost:3000"}})
		for origin, want := range map[string]int{
			"https://evil.example": http.StatusForbidden, "https://shop.example": 0, "http://localhost:3000": 0,
		} {
			c, response := o.dial(t, o.url, http.Header{"Origin": {origin}})
			if want == 0 && response != nil || want != 0 && (response == nil || response.StatusCode != want) {
				t.Errorf("%s: answered %v, want %d", origin, response, want)
			}
			if c.Conn != nil {
				c.tell(t, "connection_init", "", nil)
				c.wants(t, `{"type": "connection_ack"}`)
			}
		}
		_, response := o.dial(t, o.url, nil)
		if response == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("a third connection is answered %v", response)
		}
		// Plain requests are not among them.
		o.wants(t, o.ask(t, call{query: `{ viewer { id } }`}), `{"data": {"viewer": null}}`)
	})
}

// TestSubscriptionsEndGracefully asks a server to end while streams are open: their clients are told to go elsewhere, the
// exit status is 0, and the number of open streams has been to be seen in the metrics.
func TestSubscriptionsEndGracefully(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		metrics := freeAddress(t)
		server := start(t, o.environment(s, "METRICS_LISTEN="+metrics)...)
		c := o.connect(t, server.url, "SERVICE web")
		silent, _ := o.dial(t, server.url, nil)
		server.until(t, func() bool {
			return strings.Contains(fetch(t, "http://"+metrics+"/metrics"), "\nfarthing_subscription_connections 2\n")
		})
		if got := fetch(t, "http://"+metrics+"/metrics"); !strings.Contains(got, "\nfarthing_subscriptions 0\n") {
			t.Errorf("the metrics do not say that nothing is subscribed to:\n%s", got)
		}
		if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for _, c := range []socket{c, silent} {
			if how := c.closed(t); how.Code != websocket.StatusGoingAway {
				t.Errorf("closed with %v", how)
			}
		}
		if got := server.exit(t); got != 0 {
			t.Errorf("the server ended with status %d, want 0\n%s", got, server.log)
		}
	})
}

// freeAddress is one of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// events is an event stream's end of a client.
type events struct {
	o     *shop
	lines *bufio.Reader
}

// listen asks for an event stream.
func (o *shop) listen(t *testing.T, c call) events {
	t.Helper()
	r := o.request(t.Context(), t, &c)
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("answered %s %v", response.Status, response.Header)
	}
	return events{o, bufio.NewReader(response.Body)}
}

// next gives the name and the data of the next event.
func (e events) next(t *testing.T) (name, data string) {
	t.Helper()
	var got []string
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		if line = strings.TrimSuffix(line, "\n"); line != "" && line != ":" {
			got = append(got, line)
		} else if len(got) > 0 {
			break
		}
	}
	if len(got) != 2 {
		t.Fatalf("got %q, want an event", got)
	}
	return strings.TrimPrefix(got[0], "event: "), strings.TrimPrefix(strings.TrimPrefix(got[1], "data:"), " ")
}

// wants fails the test when the next event is not this one: its name, and its data as JSON.
func (e events) wants(t *testing.T, name, want string) {
	t.Helper()
	got, data := e.next(t)
	if got != name {
		t.Fatalf("got %s %s, want %s %s", got, data, name, want)
	}
	if want == "" || data == "" {
		if data != want {
			t.Errorf("got %q, want %q", data, want)
		}
		return
	}
	found := decode(t, []byte(data))
	if d := diff.Diff(e.o.names.match(decode(t, []byte(want)), found), found); d != "" {
		t.Errorf("the event differs (-want +got):\n%s\n%s", d, data)
	}
}

// another opens a second shop on the database and the clock of this one, as a second server is, and gives its address.
func (o *shop) another(t *testing.T, s store, settings ...string) string {
	t.Helper()
	config, err := app.ReadConfig(o.environment(s, settings...))
	if err != nil {
		t.Fatal(err)
	}
	second, err := app.New(t.Context(), config, app.Options{Logger: app.NewLogger(o.log, config), Clock: o.clock.read})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := second.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// TestFlashSaleSubscription watches a sale from before its begin to after its end, on two instances and by both transports:
// each is told of what happens on the other.
func TestFlashSaleSubscription(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 5")
		o.shopper(t, "bob", "USD 5")
		second := o.another(t, s)
		at := func(after time.Duration) string { return o.clock.read().Add(after).Format(time.RFC3339) }
		o.wants(t, o.ask(t, call{as: "MERCHANDISER mo", query: `mutation { createFlashSale(input: {
			texts: [{language: "en", name: "Hints at half price"}], kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$hints"]},
			startsAt: "` + at(time.Hour) + `", endsAt: "` + at(2*time.Hour) + `", stock: 2
		}) { flashSale { id } errors { message } } }`}), `{"data": {"createFlashSale": {"flashSale": {"id": "$sale"}, "errors": []}}}`)

		const watch = `subscription { flashSale(id: "$sale") { status remaining serverTime } }`
		here := o.connect(t, o.url, "")
		here.starts(t, "1", watch)
		there := o.listen(t, call{query: watch, server: second})
		see := func(status string, remaining int) {
			t.Helper()
			sale := `{"data": {"flashSale": {"status": "` + status + `", "remaining": ` + strconv.Itoa(remaining) + `, "serverTime": "` + at(0) + `"}}}`
			here.wants(t, `{"type": "next", "id": "1", "payload": `+sale+`}`)
			there.wants(t, "next", sale)
		}
		buy := func(server, as string) {
			t.Helper()
			o.wants(t, o.ask(t, call{as: as, server: server, query: `mutation { checkout(input: {
				idempotencyKey: "sale", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.10"
			}) { purchase { total { amount } } errors { message } } }`}),
				`{"data": {"checkout": {"purchase": {"total": {"amount": "0.10"}}, "errors": []}}}`)
		}

		see("UPCOMING", 2)
		o.clock.advance(time.Hour)
		see("LIVE", 2)
		buy(o.url, "SHOPPER ada")
		see("LIVE", 1)
		buy(second, "SHOPPER bob")
		see("SOLD_OUT", 0)
		o.wants(t, o.ask(t, call{as: "MERCHANDISER mo", server: second, query: `mutation { endFlashSale(input: {id: "$sale"}) {
			flashSale { status } errors { message } } }`}), `{"data": {"endFlashSale": {"flashSale": {"status": "ENDED"}, "errors": []}}}`)
		see("ENDED", 0)
		here.wants(t, `{"type": "complete", "id": "1"}`)
		there.wants(t, "complete", "")

		// One that is over is told once, and one that is not there, or not out yet, not at all.
		here.starts(t, "2", `subscription { flashSale(id: "$sale") { status } }`)
		here.wants(t, `{"type": "next", "id": "2", "payload": {"data": {"flashSale": {"status": "ENDED"}}}}`)
		here.wants(t, `{"type": "complete", "id": "2"}`)
		o.wants(t, o.ask(t, call{as: "MERCHANDISER mo", query: `mutation { createFlashSale(input: {
			texts: [{language: "en", name: "A secret"}], status: DRAFT, kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$hints"]}, endsAt: "` + at(time.Hour) + `"
		}) { flashSale { id } errors { message } } }`}), `{"data": {"createFlashSale": {"flashSale": {"id": "$secret"}, "errors": []}}}`)
		o.names["$no-sale"] = id.Encode(id.FlashSale, id.New())
		for _, name := range []string{"$secret", "$no-sale"} {
			there := o.listen(t, call{query: `subscription { flashSale(id: "` + name + `") { status } }`})
			there.wants(t, "next", `{"errors": [{"message": "$*", "path": ["flashSale"], "locations": "$*", "extensions": {"code": "NOT_FOUND", "field": ["id"]}}]}`)
			there.wants(t, "complete", "")
		}
	})
}
