package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"farthing/internal/db/dbtest"
	"farthing/internal/load"
)

// TestBenchCommand puts a little load on a shop, as every scenario does, and has the ledger proved afterwards. It asserts
// no speed: only that every request does what its scenario says.
func TestBenchCommand(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{now: time.Now()}) // the clock of the tokens
		environment := append(o.environment(s), actAsProgram+"=yes")
		small := []string{"bench", "--url", o.url, "--clients", "2", "--wallets", "3", "--warmup", "0s", "--duration", "500ms"}
		run := func(args ...string) (r load.Result) {
			t.Helper()
			c := farthing(t, environment, append(append([]string{}, small...), args...)...)
			if err := json.Unmarshal([]byte(c.out), &r); c.failed != nil || err != nil {
				t.Fatalf("%v: %v, %v\n%s%s", args, c.failed, err, c.out, c.err)
			}
			if r.Done == 0 || r.Failed > 0 || r.PerSecond <= 0 || r.Latency.Max < r.Latency.P50 || r.Latency.P50 <= 0 {
				t.Errorf("%v: %+v", args, r)
			}
			return r
		}
		for _, scenario := range load.Scenarios() {
			if r := run("--json", "--scenario", scenario); r.Scenario != scenario {
				t.Errorf("%s says that it is %s", scenario, r.Scenario)
			}
		}
		// By the schedule of an open loop, and by a service that speaks for the shoppers.
		merchandiser := strings.TrimSpace(farthing(t, environment, "token", "--role", "MERCHANDISER", "--subject", "mia").out)
		service := strings.TrimSpace(farthing(t, environment, "token", "--role", "SERVICE", "--subject", "storefront").out)
		if r := run("--json", "--rate", "100", "--token-merchandiser", merchandiser, "--token-service", service); r.Rate != 100 {
			t.Errorf("an open loop of %v", r.Rate)
		}
		if r := run("--json", "--scenario", "storefront", "--baseline"); r.Baseline == nil || r.Baseline.Done == 0 || r.Baseline.Failed > 0 {
			t.Errorf("beside net/http: %+v", r.Baseline)
		}
		o.verified(t, s)
	})
}

func TestBenchCommandTells(t *testing.T) {
	t.Parallel()
	s := store{Store: dbtest.Stores(t)[0]}
	o := s.open(t, opening{now: time.Now()})
	environment := o.environment(s)
	small := []string{"bench", "--url", o.url, "--wallets", "1", "--warmup", "0s", "--duration", "1100ms"}

	t.Run("people_what_came_of_it", func(t *testing.T) {
		c := farthing(t, environment, append(small, "--scenario", "mix", "--clients", "2")...)
		if c.failed != nil {
			t.Fatalf("%v\n%s", c.failed, c.err)
		}
		shows(t, "the result", c.out, "mix, 2 clients, 1 wallets, closed loop", "a second:", "0 failed", "p99.9", "storefront (")
		shows(t, "the progress", c.err, "measure", "p99", "0 errors")
	})
	t.Run("which_errors_there_were", func(t *testing.T) {
		// Whoever buys more than the limiter lets through is refused, and that is no success.
		limited := s.open(t, opening{now: time.Now(), settings: []string{"RATE_LIMIT_SHOPPER=1/h:2"}})
		c := farthing(t, limited.environment(s), "bench", "--url", limited.url, "--json", "--wallets", "1", "--clients", "1", "--warmup", "0s", "--duration", "200ms")
		var r load.Result
		if err := json.Unmarshal([]byte(c.out), &r); err != nil || r.Done != 2 || r.Failed == 0 || r.Errors["RATE_LIMITED"].Count != r.Failed {
			t.Errorf("%v, %v: %+v", c.failed, err, r)
		}
	})
	t.Run("when_there_is_no_server", func(t *testing.T) {
		if c := farthing(t, environment, "bench", "--url", "http://127.0.0.1:1"); c.failed == nil || !strings.Contains(c.err, "set up:") {
			t.Errorf("got %v: %s", c.failed, c.err)
		}
	})
	t.Run("what_it_cannot_do", func(t *testing.T) {
		for _, args := range [][]string{
			{"--scenario", "sleep"}, {"--clients", "0"}, {"--url", "nowhere"}, {"--pid", "server=x"}, {"--token-service", "x"},
		} {
			if c := farthing(t, environment, append(append([]string{}, small...), args...)...); c.failed == nil {
				t.Errorf("%v is taken", args)
			}
		}
	})
}
