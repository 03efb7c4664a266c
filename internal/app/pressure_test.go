package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/db/dbtest"
	"farthing/internal/identity"
)

// look is a query about the caller, so that nothing but the database can answer it.
const look = `{ viewer { purchases(first: 10) { totalCount nodes { id lines { name } } } } }`

// isOverloaded says whether an answer turns its caller away as it should, with a time to come again.
func (a answer) isOverloaded() bool {
	return a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" &&
		strings.Contains(string(a.body), `"OVERLOADED"`) && strings.Contains(string(a.body), `"retryAfterMs"`)
}

// isData says whether an answer has what was asked for.
func (a answer) isData() bool {
	return a.status == http.StatusOK && strings.HasPrefix(string(a.body), `{"data":{`) && !strings.Contains(string(a.body), `"code"`)
}

// flood sends calls all at once and gives their answers as they come.
func (o *shop) flood(t *testing.T, n int, which func(i int) call) <-chan answer {
	t.Helper()
	answers := make(chan answer, n)
	for i := range n {
		c := which(i)
		r := o.request(t.Context(), t, &c)
		go func() {
			a, err := do(c, r)
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	return answers
}

// buyHintsAs is buyHints by somebody under another key.
func buyHintsAs(who, key string) call {
	return call{as: "SHOPPER " + who, query: strings.Replace(buyHints, `"k1"`, `"`+key+`"`, 1)}
}

// TestReadsDoNotStopTheSale takes the database away from those who read, sends ten times as many of them as there is room
// for, and buys.
func TestReadsDoNotStopTheSale(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const executing, waiting = 3, 16 * 3
		o := s.open(t, opening{settings: []string{"MAX_QUERIES=" + strconv.Itoa(executing)}})
		o.shopper(t, "ada", "USD 10")
		o.shopper(t, "bob", "USD 10")

		var readers, begun sync.WaitGroup
		free := make(chan struct{})
		for range o.DB.Readers() {
			begun.Add(1)
			readers.Go(func() {
				err := o.DB.Snapshot(context.WithoutCancel(t.Context()), func(context.Context, *ent.Tx) error {
					begun.Done()
					<-free
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		letGo := sync.OnceFunc(func() {
			close(free)
			readers.Wait()
		})
		defer letGo()
		begun.Wait()

		const n = 10 * (executing + waiting)
		answers := o.flood(t, n, func(int) call { return call{as: "SHOPPER bob", query: look} })
		for range n - executing { // those in the line as well, when they have waited for long enough
			if a := <-answers; !a.isOverloaded() {
				t.Fatalf("one of very many who read: %s", a)
			}
		}
		o.play(t, step{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", false)})
		o.play(t, step{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", true)})
		o.play(t, step{as: "SHOPPER newcomer", query: buyHints, want: `{"data": {"checkout": {"purchase": null, "replayed": false, "errors": [{"code": "INSUFFICIENT_FUNDS"}]}}}`})
		o.probe(t, "/readyz", http.StatusOK)

		letGo()
		for range executing {
			if a := <-answers; !a.isData() {
				t.Errorf("one of the first who read: %s", a)
			}
		}
		if a := o.ask(t, call{as: "SHOPPER ada", query: look}); !a.isData() {
			t.Errorf("after the flood: %s", a)
		}
		o.verify(t)
	})
}

// TestBuyersDoNotStopReads holds up all that is bought, sends ten times as many buyers as there is room for, and looks
// around. Whoever was turned away may come again with the same key.
func TestBuyersDoNotStopReads(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const executing, n = 5, 50
		o := s.open(t, opening{settings: []string{"MAX_MUTATIONS=" + strconv.Itoa(executing)}})
		ada := o.shopper(t, "ada", "USD 10")
		other := dbtest.Open(t, o.databaseURL)
		var answers <-chan answer
		err := other.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if _, err := identity.Lock(ctx, tx, ada); err != nil {
				return err
			}
			answers = o.flood(t, n, func(i int) call { return buyHintsAs("ada", strconv.Itoa(i)) })
			for range n - executing {
				if a := <-answers; !a.isOverloaded() {
					t.Errorf("one of very many who buy: %s", a)
				}
			}
			if a := o.ask(t, call{as: "SHOPPER ada", query: look}); !a.isData() {
				t.Errorf("meanwhile: %s", a)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range executing {
			if a := <-answers; !a.isData() {
				t.Errorf("one of the first who buy: %s", a)
			}
		}
		for i := range n {
			if a := o.ask(t, buyHintsAs("ada", strconv.Itoa(i))); !a.isData() {
				t.Errorf("after the flood: %s", a)
			}
		}
		if got := o.rows(t)["purchases"]; got != n {
			t.Errorf("%d purchases, want %d", got, n)
		}
		o.verify(t)
	})
}

// gauges are what a server says of itself.
func gauges(t *testing.T, metrics string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(fetch(t, metrics)) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseFloat(text, 64); ok && err == nil {
			values[name] = value
		}
	}
	return values
}

// TestFloodIsBounded sends a server ten times as many callers as it keeps connections, all with a costly query. Its
// goroutines and its memory stay within bounds that follow from its settings, everybody is answered, and whoever buys
// meanwhile does.
func TestFloodIsBounded(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const connections, executing, buyers, callers, each = 100, 3, 4, 1_000, 2
		o := s.open(t, opening{now: time.Now()}) // the clock of the server
		for i := range buyers {
			o.shopper(t, "buyer-"+strconv.Itoa(i), "USD 10")
		}
		for i := range 100 {
			_, err := o.Catalog.Create(t.Context(), catalog.CreateInput{
				Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Prices: prices("USD 0.10", "KRW 100"),
				Texts: []catalog.Text{{Language: "en", Name: "Page " + strconv.Itoa(i)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		metrics := "http://" + freeAddress(t) + "/metrics"
		server := start(t, o.environment(s,
			"MAX_CONNECTIONS="+strconv.Itoa(connections), "MAX_QUERIES="+strconv.Itoa(executing),
			"METRICS_LISTEN="+strings.TrimSuffix(strings.TrimPrefix(metrics, "http://"), "/metrics"),
		)...)
		before := gauges(t, metrics)

		var visits, sales sync.WaitGroup
		var served, turnedAway atomic.Int64
		for i := range callers {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			c := call{as: "SHOPPER buyer-0", server: server.url, query: fmt.Sprintf(`{ viewer { purchases(first: 50) { totalCount nodes { id lines { name product { owned prices { list { amount } } } } } } }
				visit%d: products(first: 100, filter: {search: "page"}) { totalCount nodes { name bundles { id } prices { current { amount } } priceHistory(currency: "USD") { since } } } }`, i%10)}
			requests := make([]*http.Request, each)
			for k := range requests {
				requests[k] = o.request(t.Context(), t, &c)
			}
			visits.Go(func() {
				for _, r := range requests {
					response, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := io.ReadAll(response.Body)
					_ = response.Body.Close()
					a := answer{call: c, status: response.StatusCode, header: response.Header, body: body}
					switch {
					case a.isData():
						served.Add(1)
					case a.isOverloaded():
						turnedAway.Add(1)
					default:
						t.Errorf("%v: %s", err, a)
						return
					}
				}
			})
		}
		for i := range buyers {
			sales.Go(func() {
				for k := range 10 {
					c := buyHintsAs("buyer-"+strconv.Itoa(i), strconv.Itoa(k))
					c.server = server.url
					a, err := o.try(t.Context(), t, c)
					for err != nil && t.Context().Err() == nil { // the connection was idle, and taken for somebody else
						a, err = o.try(t.Context(), t, c)
					}
					if !a.isData() {
						t.Errorf("a buyer in the flood: %s, %v", a, err)
					}
				}
			})
		}
		over := make(chan struct{})
		go func() {
			visits.Wait()
			sales.Wait()
			close(over)
		}()
		most := map[string]float64{}
		for again := time.NewTicker(20 * time.Millisecond); ; <-again.C {
			for name, value := range gauges(t, metrics) {
				most[name] = max(most[name], value)
			}
			select {
			case <-over:
			default:
				continue
			}
			again.Stop()
			break
		}

		t.Logf("%d served, %d turned away; at most %.0f goroutines (%.0f before), %.0f connections, %.1f MB of heap, %d executing, %d waiting",
			served.Load(), turnedAway.Load(), most["go_goroutines"], before["go_goroutines"], most["farthing_http_connections"],
			most["go_memstats_heap_inuse_bytes"]/1e6, int(most[`farthing_operations_executing{operation="query"}`]), int(most[`farthing_operations_waiting{operation="query"}`]))
		if served.Load() == 0 || turnedAway.Load() == 0 {
			t.Error("nobody was served, or nobody turned away")
		}
		// A connection has a goroutine that serves it and one that listens whether the client is still there. What a query
		// starts beside those is bounded by its budget.
		const perConnection, perQuery = 2, 600
		for name, bound := range map[string]float64{
			"farthing_http_connections":                        connections,
			`farthing_operations_executing{operation="query"}`: executing,
			`farthing_operations_waiting{operation="query"}`:   16 * executing,
			"go_goroutines":                before["go_goroutines"] + connections*perConnection + executing*perQuery,
			"go_memstats_heap_inuse_bytes": 192 << 20, // garbage and the ballast included
		} {
			if most[name] > bound {
				t.Errorf("%s was %.0f, want at most %.0f", name, most[name], bound)
			}
		}
		server.until(t, func() bool {
			now := gauges(t, metrics)
			return now[`farthing_operations_executing{operation="query"}`] == 0 && now["go_goroutines"] < before["go_goroutines"]+connections
		})
		if a := o.ask(t, call{as: "SHOPPER buyer-0", server: server.url, query: look}); !a.isData() {
			t.Errorf("after the flood: %s", a)
		}
		o.proved(t, s)
	})
}

// TestIdleConnectionsMakeRoom has a server that keeps few connections. Those that are idle go when others come, longest
// idle first; those in use do not, and whoever comes waits for them.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	s := store{Store: dbtest.Stores(t)[0]}
	o := s.open(t, opening{})
	server := start(t, o.environment(s, "MAX_CONNECTIONS=3")...)
	address, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	alive := func(conn net.Conn, answers *bufio.Reader) error {
		if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: shop\r\n\r\n"); err != nil {
			return err
		}
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return errors.Join(err, response.Body.Close())
	}
	var conns [5]net.Conn
	var answers [5]*bufio.Reader
	for i := range 4 {
		conns[i] = dial(t, address.Host)
		answers[i] = bufio.NewReader(conns[i])
		if err := alive(conns[i], answers[i]); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	// One of the first three was closed: the one that the server was the first to know to be idle.
	gone := make(chan int, 3)
	var listening sync.WaitGroup
	for i := range 3 {
		listening.Go(func() {
			if _, err := answers[i].Peek(1); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
				gone <- i
			}
		})
	}
	var closed int
	select {
	case closed = <-gone:
	case <-time.After(time.Minute):
		t.Fatal("no connection was closed")
	}
	var used []int
	for i := range 4 {
		if i != closed {
			used = append(used, i)
			if err := conns[i].SetReadDeadline(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	listening.Wait()
	if len(gone) > 0 {
		t.Error("more than one connection was closed")
	}
	// All three are in use: their requests have begun.
	for _, i := range used {
		if err := conns[i].SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conns[i], "POST /graphql HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 26\r\nExpect: 100-continue\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := answers[i].ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("connection %d: %q %v", i, line, err)
		}
		if _, err := answers[i].ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	conns[4] = dial(t, address.Host)
	answers[4] = bufio.NewReader(conns[4])
	waited := make(chan error, 1)
	go func() { waited <- alive(conns[4], answers[4]) }()
	for _, i := range used {
		if _, err := io.WriteString(conns[i], `{"query":"{ __typename }"}`); err != nil {
			t.Fatal(err)
		}
		if response, err := http.ReadResponse(answers[i], nil); err != nil || response.StatusCode == 0 {
			t.Fatalf("connection %d, which was in use: %v", i, err)
		} else {
			_ = response.Body.Close()
		}
	}
	if err := <-waited; err != nil {
		t.Errorf("who waited for room: %v", err)
	}
}

// TestGracefulStopUnderLoad asks a server to end while many buy. It finishes what it has begun, and what it has
// acknowledged is there.
func TestGracefulStopUnderLoad(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const buyers, most = 16, 200
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		for i := range buyers {
			o.shopper(t, "buyer-"+strconv.Itoa(i), "USD 40")
		}
		servers := o.pair(t, s)
		var sold atomic.Int64
		var buying sync.WaitGroup
		acknowledged := make([][]string, buyers)
		for i := range buyers {
			buying.Go(func() {
				for k := range most {
					got, err := o.buy(t, servers[0].url, "SHOPPER buyer-"+strconv.Itoa(i), strconv.Itoa(k))
					if err != nil {
						return // the door is closed
					}
					acknowledged[i] = append(acknowledged[i], got.purchase)
					if sold.Add(1) == 3*buyers {
						if err := servers[0].cmd.Process.Signal(syscall.SIGTERM); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		buying.Wait()
		if got := servers[0].exit(t); got != 0 || strings.Contains(servers[0].log.String(), "cut off") {
			t.Errorf("the server ended with status %d, want 0 and nothing cut off\n%s", got, servers[0].log)
		}
		if sold.Load() == buyers*most {
			t.Error("all was sold before the server stopped")
		}
		for i := range buyers {
			for k, before := range acknowledged[i] {
				got, err := o.buy(t, servers[1].url, "SHOPPER buyer-"+strconv.Itoa(i), strconv.Itoa(k))
				if err != nil || before == "" || got.purchase != before || !got.replayed {
					t.Errorf("buyer %d, key %d: acknowledged as %q, and then %+v, %v", i, k, before, got, err)
				}
			}
		}
		o.proved(t, s)
	})
}
