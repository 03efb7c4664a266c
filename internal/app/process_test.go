package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a running server: this test binary, acting as the program.
type process struct {
	cmd *exec.Cmd
	// url is where it serves.
	url string
	// out and log are what it has written on standard output and standard error.
	out, log *logs
	// ended gets the end of the process, once.
	ended chan error
}

// start starts a server process and waits until it says where it serves. It is killed with the test.
func start(t *testing.T, environment ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "serve"), out: &logs{}, log: &logs{}, ended: make(chan error, 1)}
	p.cmd.Env = append(environment, actAsProgram+"=yes", "PATH="+os.Getenv("PATH"), "TMPDIR="+os.Getenv("TMPDIR"), "HOME="+os.Getenv("HOME"))
	p.cmd.Stderr = p.log
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		defer close(address)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			_, _ = p.out.Write(append(lines.Bytes(), '\n'))
			if _, after, ok := strings.Cut(lines.Text(), "GraphQL "); ok {
				address <- strings.TrimSuffix(strings.TrimSpace(after), "/graphql")
			}
		}
		p.ended <- p.cmd.Wait() // once all is read, as Wait demands
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		for range address {
			continue // until the output ends, and with it the process
		}
		if t.Failed() {
			t.Logf("log of the server at %s:\n%s", p.url, p.log)
		}
	})
	select {
	case url, ok := <-address:
		if !ok {
			t.Fatalf("the server ended: %v\n%s", <-p.ended, p.log)
		}
		p.url = url
	case <-time.After(time.Minute):
		t.Fatalf("the server does not say where it serves\n%s", p.log)
	}
	return p
}

// exit waits until the process has ended and gives its exit status.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.ended:
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		t.Fatalf("the server does not end\n%s", p.log)
		return -1
	}
}

// pair starts two servers on the database of a shop.
func (o *shop) pair(t *testing.T, s store, settings ...string) [2]*process {
	t.Helper()
	environment := o.environment(s, settings...)
	return [2]*process{start(t, environment...), start(t, environment...)}
}

// proved runs `farthing verify --json` and `farthing rebuild --json` on the shop's database.
func (o *shop) proved(t *testing.T, s store) {
	t.Helper()
	o.verified(t, s)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "rebuild", "--json")
	cmd.Env = append(o.environment(s), actAsProgram+"=yes")
	output, err := cmd.Output()
	var counted struct{ Purchases, Differences *int64 }
	if err != nil || json.Unmarshal(output, &counted) != nil || counted.Purchases == nil || *counted.Differences != 0 {
		t.Errorf("rebuild: %v\n%s", err, output) // more lines than one are no JSON
	}
}

// verified runs `farthing verify --json` on the shop's database.
func (o *shop) verified(t *testing.T, s store) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "verify", "--json")
	cmd.Env = append(o.environment(s), actAsProgram+"=yes")
	var report struct {
		Holds  bool
		Claims []struct {
			Claim string
			Holds bool
		}
	}
	output, err := cmd.Output()
	if err != nil {
		t.Errorf("verify: %v\n%s", err, output)
	}
	if err := json.Unmarshal(output, &report); err != nil || !report.Holds || len(report.Claims) == 0 {
		t.Errorf("verify says %s", output)
	}
}

// sale is what came of a checkout.
type sale struct {
	purchase string
	replayed bool
	code     string // of the refusal
}

// buyPoems is a checkout of a durable good, under a key to be replaced like that of buyHints.
const buyPoems = `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$poems"}], expectedTotal: "0.99"}) {
	purchase { id } replayed errors { code } } }`

// buy buys a packet of hints under a key; the error is for a call without an answer.
func (o *shop) buy(t *testing.T, server, as, key string) (sale, error) {
	t.Helper()
	return o.checkout(t, call{as: as, server: server, query: buyHints}, key)
}

// checkout sends buyHints or buyPoems under another key.
func (o *shop) checkout(t *testing.T, c call, key string) (sale, error) {
	t.Helper()
	c.query = strings.Replace(c.query, `"k1"`, `"`+key+`"`, 1)
	a, err := o.try(t.Context(), t, c)
	if err != nil {
		return sale{}, err
	}
	var body struct {
		Data struct {
			Checkout *struct {
				Purchase *struct{ ID string }
				Replayed bool
				Errors   []struct{ Code string }
			}
		}
	}
	if err := json.Unmarshal(a.body, &body); err != nil || body.Data.Checkout == nil {
		t.Errorf("%v in %s", err, a)
		return sale{}, fmt.Errorf("read an answer: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	made := body.Data.Checkout
	got := sale{replayed: made.Replayed}
	if made.Purchase != nil {
		got.purchase = made.Purchase.ID
	}
	if len(made.Errors) > 0 {
		got.code = made.Errors[0].Code
	}
	return got, nil
}

// outcomes are what came of many checkouts: how often each purchase was answered, how many answers were no replays, and
// the refusals by their codes.
type outcomes struct {
	purchases, refused map[string]int
	fresh              int
}

// rush sends many checkouts at once, to one server and the other in turn.
func (o *shop) rush(t *testing.T, servers [2]*process, n int, c call, key func(i int) string) outcomes {
	t.Helper()
	all := outcomes{purchases: map[string]int{}, refused: map[string]int{}}
	var mu sync.Mutex
	var running sync.WaitGroup
	for i := range n {
		one := c
		one.server = servers[i%2].url
		running.Go(func() {
			got, err := o.checkout(t, one, key(i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case got.code != "":
				all.refused[got.code]++
			default:
				all.purchases[got.purchase]++
				if !got.replayed {
					all.fresh++
				}
			}
		})
	}
	running.Wait()
	return all
}

// TestTwoServersSellAsOne has two server processes on one database take many checkouts at once.
func TestTwoServersSellAsOne(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		o.shopper(t, "ada", "USD 2")
		o.shopper(t, "ben", "USD 2")
		o.shopper(t, "eve", "USD 2")
		servers := o.pair(t, s)

		// Money for ten, and a hundred who want it.
		got := o.rush(t, servers, 100, call{as: "SHOPPER ada", query: buyHints}, func(i int) string { return fmt.Sprintf("key-%d", i) })
		if len(got.purchases) != 10 || got.fresh != 10 || got.refused["INSUFFICIENT_FUNDS"] != 90 {
			t.Errorf("100 different checkouts with money for 10: %+v", got)
		}
		// One checkout, two hundred times.
		got = o.rush(t, servers, 200, call{as: "SHOPPER ben", query: buyHints}, func(int) string { return "key" })
		if len(got.purchases) != 1 || got.fresh != 1 || len(got.refused) != 0 {
			t.Errorf("200 identical checkouts: %+v", got)
		}
		// One good that is owned once, and twenty checkouts that want it.
		got = o.rush(t, servers, 20, call{as: "SHOPPER eve", query: buyPoems}, func(i int) string { return fmt.Sprintf("key-%d", i) })
		if len(got.purchases) != 1 || got.fresh != 1 || got.refused["ALREADY_OWNED"] != 19 {
			t.Errorf("20 checkouts of the same durable good: %+v", got)
		}
		if n := o.rows(t)["purchases"]; n != 12 {
			t.Errorf("%d purchases are stored, want 12", n)
		}
		o.proved(t, s)
	})
}

// TestTwoServersShareLimits needs a Redis; without one every process counts for itself.
func TestTwoServersShareLimits(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		if s.redis == "" {
			t.Skip("limits are shared through Redis")
		}
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		servers := o.pair(t, s, "RATE_LIMIT_SHOPPER=1/h:6")
		for attempt := range 5 {
			subject := fmt.Sprintf("ada-%d", attempt)
			o.shopper(t, subject, "USD 10")
			bought := 0
			for i := range 10 {
				got, err := o.buy(t, servers[i%2].url, "SHOPPER "+subject, fmt.Sprintf("key-%d", i))
				if err != nil {
					t.Fatal(err)
				}
				if got.purchase != "" {
					bought++
				} else if got.code != "RATE_LIMITED" {
					t.Errorf("refused as %s", got.code)
				}
			}
			if bought == 6 {
				return
			}
			// On a busy machine Redis may not answer in time, and a server then counts by itself.
			if !strings.Contains(servers[0].log.String()+servers[1].log.String(), "Redis is away") {
				t.Fatalf("%d of 10 checkouts over two servers, want 6", bought)
			}
		}
		t.Error("Redis has not answered in time, five times over")
	})
}

// TestKilledServer kills a server that is selling, and repeats everything at another one: what the first has acknowledged
// exists, once.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const shoppers, each = 4, 25
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		for i := range shoppers {
			o.shopper(t, fmt.Sprintf("shopper-%d", i), "USD 5")
		}
		servers := o.pair(t, s)

		acknowledged := make([][]string, shoppers)
		var sold atomic.Int64
		var running sync.WaitGroup
		for i := range shoppers {
			acknowledged[i] = make([]string, each)
			running.Go(func() {
				for k := range each {
					got, err := o.buy(t, servers[0].url, fmt.Sprintf("SHOPPER shopper-%d", i), fmt.Sprintf("key-%d", k))
					if err != nil {
						continue // killed
					}
					acknowledged[i][k] = got.purchase
					if sold.Add(1) == shoppers*each/3 {
						if err := servers[0].cmd.Process.Kill(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		running.Wait()
		if status := servers[0].exit(t); status != -1 {
			t.Errorf("the killed server ended with status %d", status)
		}
		if n := sold.Load(); n == shoppers*each {
			t.Errorf("all %d were sold before the server was killed", n)
		}

		for i := range shoppers {
			seen := map[string]bool{}
			for k := range each {
				got, err := o.buy(t, servers[1].url, fmt.Sprintf("SHOPPER shopper-%d", i), fmt.Sprintf("key-%d", k))
				if err != nil {
					t.Fatal(err)
				}
				if before := acknowledged[i][k]; got.purchase == "" || seen[got.purchase] || before != "" && (before != got.purchase || !got.replayed) {
					t.Errorf("shopper %d, key %d: acknowledged as %q, and then %+v", i, k, before, got)
				}
				seen[got.purchase] = true
			}
			a := o.ask(t, call{
				as: fmt.Sprintf("SHOPPER shopper-%d", i), server: servers[1].url,
				query: `{ viewer { wallet(currency: "USD") { balance { amount } } purchases { totalCount } } }`,
			})
			o.wants(t, a, `{"data": {"viewer": {"wallet": {"balance": {"amount": "0.00"}}, "purchases": {"totalCount": 25}}}}`)
		}
		o.proved(t, s)
	})
}

// TestGracefulStop asks a server to end while a request is on its way: readiness says no, callers who come before that is
// known are served, then the door closes, the request on its way is finished, and the exit status is 0.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{now: time.Now()}) // the clock of the servers
		o.shopper(t, "ada", "USD 10")
		server := start(t, o.environment(s, "DRAIN_DELAY=3s")...)
		address, err := url.Parse(server.url)
		if err != nil {
			t.Fatal(err)
		}
		r := o.request(t.Context(), t, &call{as: "SHOPPER ada", query: buyHints, server: server.url})
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		sale := dial(t, address.Host)
		r.Header.Set("Expect", "100-continue") // which the server answers when it has begun, and waits for the body
		_, err = fmt.Fprintf(sale, "POST /graphql HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n", len(body))
		if err = errors.Join(err, r.Header.Write(sale)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(sale, "\r\n"); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(sale)
		if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("the server says %q, %v", line, err)
		}
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}

		if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		server.until(t, func() bool { return o.ready(t, server.url) == http.StatusServiceUnavailable })
		if got, err := o.buy(t, server.url, "SHOPPER ada", "late"); err != nil || got.purchase == "" {
			t.Errorf("a caller who comes late gets %+v, %v", got, err)
		}
		server.until(t, func() bool { return o.ready(t, server.url) == 0 })
		if _, err := sale.Write(body); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(answers, r)
		if err != nil {
			t.Fatalf("the request on its way was dropped: %v", err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		o.wants(t, answer{status: response.StatusCode, body: text}, boughtHints("$one", false))
		if got := server.exit(t); got != 0 {
			t.Errorf("the server ended with status %d, want 0\n%s", got, server.log)
		}
		o.proved(t, s)
	})
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// until waits for something that is about to be true.
func (p *process) until(t *testing.T, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !is() {
		if now := <-again.C; now.After(deadline) {
			t.Fatalf("it takes too long\n%s", p.log)
		}
	}
}

// ready asks for readiness on a connection of its own; 0 is for a server that takes no connections.
func (o *shop) ready(t *testing.T, server string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
