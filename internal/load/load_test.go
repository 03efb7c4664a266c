package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// answered is a step whose answers are all right.
func answered(_ *rand.Rand, to *request) judge {
	to.name = "anything"
	return func(int, []byte) (code, example string) { return "", "" }
}

// runIn runs a load against something that stands in for a server, by a clock that only moves when everybody waits. So
// every figure is exact.
func runIn(t *testing.T, o Options, serve func(n int64) error, script step) (result Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		o.Clock, o.Scenario = time.Now, "test"
		l := loop{o: o, script: script, phase: "measure", servers: []send{
			func(*request) (int, []byte, error) { return http.StatusOK, nil, serve(n.Add(1)) },
		}}
		var err error
		if result, err = l.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return result
}

// pass lets time pass by the clock of runIn, on which nobody waits in truth.
func pass(d time.Duration) { <-time.After(d) }

func TestOpenLoop(t *testing.T) {
	t.Parallel()

	t.Run("counts_latency_from_when_a_request_was_due", func(t *testing.T) {
		t.Parallel()
		// One request is held up for a second; the nine that were due meanwhile go out late, and at once then.
		result := runIn(t, Options{Clients: 1, Rate: 10, Duration: 2 * time.Second}, func(n int64) error {
			if n == 1 {
				pass(time.Second)
			}
			return nil
		}, answered)
		if result.Done != 20 || result.Unsent != 0 {
			t.Errorf("%d done and %d unsent, want 20 and none", result.Done, result.Unsent)
		}
		// 1,000, 900, … 100 ms, and ten that did not wait.
		near := cmpopts.EquateApprox(0.01, 0)
		if diff := cmp.Diff([]float64{275, 900, 1000}, []float64{result.Latency.Mean, result.Latency.P90 + 100, result.Latency.Max}, near); diff != "" {
			t.Errorf("mean, p90 + 100 and max (-want +got):\n%s", diff)
		}
	})

	t.Run("says_how_many_could_not_be_sent", func(t *testing.T) {
		t.Parallel()
		result := runIn(t, Options{Clients: 2, Rate: 100, Duration: 10 * time.Second}, func(int64) error {
			pass(time.Second)
			return nil
		}, answered)
		if result.Done != 20 || result.Unsent != 980 {
			t.Errorf("%d done and %d unsent, want 20 and 980", result.Done, result.Unsent)
		}
	})

	t.Run("owes_nothing_from_the_warm_up", func(t *testing.T) {
		t.Parallel()
		result := runIn(t, Options{Clients: 1, Rate: 10, Warmup: time.Second, Duration: time.Second}, func(n int64) error {
			if n == 1 {
				pass(time.Second)
			}
			return nil
		}, answered)
		if result.Done != 10 || result.Latency.Max > 1 {
			t.Errorf("%d done, the slowest in %v ms; want 10 at once", result.Done, result.Latency.Max)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	t.Parallel()

	t.Run("sends_the_next_request_after_the_answer", func(t *testing.T) {
		t.Parallel()
		result := runIn(t, Options{Clients: 4, Warmup: time.Second, Duration: 10 * time.Second}, func(int64) error {
			pass(100 * time.Millisecond)
			return nil
		}, answered)
		if result.Done != 400 || result.PerSecond != 40 || result.Seconds != 10 {
			t.Errorf("got %+v, want 400 in 10 s", result)
		}
	})

	t.Run("waits_for_the_last_answer_however_late", func(t *testing.T) {
		t.Parallel()
		result := runIn(t, Options{Clients: 1, Duration: time.Second}, func(n int64) error {
			pass(time.Duration(n*n) * 400 * time.Millisecond) // The second takes 1.6 s, until 2 s.
			return nil
		}, answered)
		if result.Done != 2 || result.PerSecond != 1 || result.Latency.Max < 1600 {
			t.Errorf("got %+v, want 2 in 2 s", result)
		}
	})

	t.Run("counts_no_failure_as_a_success", func(t *testing.T) {
		t.Parallel()
		var n atomic.Int64
		result := runIn(t, Options{Clients: 1, Duration: time.Second}, func(n int64) error {
			pass(90 * time.Millisecond)
			if n%5 == 0 {
				return errors.New("the connection broke")
			}
			return nil
		}, func(*rand.Rand, *request) judge {
			return func(int, []byte) (code, example string) {
				if n.Add(1)%2 == 0 {
					return "SOLD_OUT", "All gone."
				}
				return "", ""
			}
		})
		want := map[string]Failures{"SOLD_OUT": {Count: 4, Example: "All gone."}, "CONNECTION": {Count: 2, Example: "the connection broke"}}
		if diff := cmp.Diff(want, result.Errors); diff != "" || result.Done != 5 || result.Failed != 6 || result.FailedLatency == nil {
			t.Errorf("%d done, %d failed, errors (-want +got):\n%s", result.Done, result.Failed, diff)
		}
	})

	t.Run("fails_when_nothing_succeeds", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := loop{o: Options{Clients: 1, Duration: time.Second, Clock: time.Now}, script: answered, servers: []send{
				func(*request) (int, []byte, error) { return 0, nil, errors.New("nobody there") },
			}}
			if _, err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody there") {
				t.Errorf("got %v, want to be told why", err)
			}
		})
	})

	t.Run("ends_with_its_context_and_tells_what_it_has", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			l := loop{o: Options{Clients: 1, Duration: time.Hour, Clock: time.Now}, script: answered, servers: []send{
				func(*request) (int, []byte, error) { pass(time.Second); return http.StatusOK, nil, nil },
			}}
			if result, err := l.run(ctx); err != nil || result.Done != 3 || result.Seconds != 3 {
				t.Errorf("got %+v, %v, want 3 in 3 s", result, err)
			}
		})
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []Progress
	runIn(t, Options{
		Clients: 1, Warmup: 2500 * time.Millisecond, Duration: 2 * time.Second,
		Progress: func(p Progress) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, p)
		},
	}, func(int64) error { pass(200 * time.Millisecond); return nil }, answered)
	var phases []string
	var done int64
	for _, p := range told {
		phases = append(phases, p.Phase)
		done += p.Done
	}
	if want := []string{"warm up", "warm up", "measure", "measure"}; !slices.Equal(phases, want) || done < 18 || done > 20 {
		t.Errorf("told %v of %d done in 4 s, want %v of about 20", phases, done, want)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const bought = `{"data":{"checkout":{"purchase":{"id":"pur_1"},"replayed":false,"errors":[]}}}`
	page := func(n int) string {
		return `{"data":{"products":{"edges":[` + strings.TrimSuffix(strings.Repeat(`{"node":{"id":"prd_1","name":"x"}},`, n), ",") + `]}}}`
	}
	checkout := func(replayed bool) judge {
		return func(status int, body []byte) (code, example string) {
			_, code, example = readPurchase(status, body, replayed)
			return code, example
		}
	}
	for name, c := range map[string]struct {
		judge  judge
		status int
		body   string
		want   string
	}{
		"a_purchase":                      {checkout(false), 200, bought, ""},
		"a_purchase_that_is_no_replay":    {checkout(true), 200, bought, unexpected},
		"a_replay":                        {checkout(true), 200, strings.Replace(bought, "false", "true", 1), ""},
		"a_replay_that_was_not_asked_for": {checkout(false), 200, strings.Replace(bought, "false", "true", 1), unexpected},
		"a_refusal":                       {checkout(false), 200, `{"data":{"checkout":{"purchase":null,"replayed":false,"errors":[{"code":"SOLD_OUT"}]}}}`, "SOLD_OUT"},
		"neither_purchase_nor_refusal":    {checkout(false), 200, `{"data":{"checkout":{"purchase":null,"replayed":false,"errors":[]}}}`, unexpected},
		"an_error_of_the_operation":       {checkout(false), 200, `{"errors":[{"message":"m","extensions":{"code":"INTERNAL"}}],"data":null}`, "INTERNAL"},
		"an_error_beside_data":            {checkout(false), 200, `{"errors":[{"message":"m","extensions":{"code":"INTERNAL"}}],` + bought[1:], "INTERNAL"},
		"an_error_without_a_code":         {checkout(false), 200, `{"errors":[{"message":"m"}]}`, unexpected},
		"a_status_with_a_reason":          {checkout(false), 503, `{"errors":[{"message":"m","extensions":{"code":"OVERLOADED"}}]}`, "OVERLOADED"},
		"a_status_without_one":            {checkout(false), 502, `<html>`, "HTTP_502"},
		"no_JSON":                         {checkout(false), 200, `<html>`, unexpected},
		"nothing":                         {checkout(false), 200, ``, unexpected},
		"a_page":                          {readPage, 200, page(pageSize), ""},
		"a_page_with_a_product_missing":   {readPage, 200, page(pageSize - 1), unexpected},
		"a_page_with_errors":              {readPage, 200, `{"errors":[{"message":"m","extensions":{"code":"INTERNAL"}}],` + page(pageSize)[1:], "INTERNAL"},
		"a_page_with_a_bad_status":        {readPage, 500, page(pageSize), "HTTP_500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, _ := c.judge(c.status, []byte(c.body)); code != c.want {
				t.Errorf("got %q, want %q", code, c.want)
			}
		})
	}
}

// TestCheckoutKeys buys as two clients do and looks for a key that is used twice: the second would be a replay, which
// is much cheaper than a checkout.
func TestCheckoutKeys(t *testing.T) {
	t.Parallel()
	s := setting{o: Options{Run: "run"}, key: new(atomic.Int64), shoppers: make([]caller, 3)}
	random := rand.New(rand.NewPCG(1, 1))
	seen := map[string]bool{}
	for range 1000 {
		p := s.next(random, []product{{"prd_1", "0.80"}}, s.shoppers)
		if seen[p.key] {
			t.Fatalf("the key %s is used twice", p.key)
		}
		seen[p.key] = true
	}
}

func TestCPU(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which only Linux has")
	}
	// A shell with a child that computes: its time must be there while it lives and after it has ended.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo computed; read -r line); echo ended; read -r line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var seen [2]float64
	for i, said := range []string{"computed\n", "ended\n"} {
		text := make([]byte, len(said))
		if _, err := out.Read(text); err != nil || string(text) != said {
			t.Fatalf("the child said %q, %v", text, err)
		}
		if seen[i], err = cpuSeconds(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0] <= 0 || seen[1] < seen[0] {
		t.Errorf("%v s while the child lived and %v s afterwards", seen[0], seen[1])
	}
	if mb, err := residentMB(os.Getpid()); err != nil || mb < 1 {
		t.Errorf("this process has %v MB, %v", mb, err)
	}
}
