package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what came of a run.
type Result struct {
	Scenario string `json:"scenario"`
	Clients  int    `json:"clients"`
	Wallets  int    `json:"wallets"`
	// Rate is how many requests were due in a second; 0 in a closed loop.
	Rate float64 `json:"rate,omitempty"`
	// SetUpSeconds is how long the setting up took.
	SetUpSeconds float64 `json:"setUpSeconds"`
	// Seconds is how long the load was on that counts, until the last answer.
	Seconds float64 `json:"seconds"`
	// Done is how many requests succeeded, Failed how many did not.
	Done   int64 `json:"done"`
	Failed int64 `json:"failed"`
	// Unsent is how many requests were due and could not be sent, as all clients were waiting for answers. With any, the
	// latency of the others is what the server can do and not what callers would have had to wait.
	Unsent int64 `json:"unsent,omitempty"`
	// PerSecond is how many requests succeeded in a second.
	PerSecond float64 `json:"perSecond"`
	// Latency is that of requests that succeeded, FailedLatency that of all others.
	Latency       Latency  `json:"latency"`
	FailedLatency *Latency `json:"failedLatency,omitempty"`
	// Operations are the same, told apart; empty when all requests are of one kind.
	Operations map[string]Operation `json:"operations,omitempty"`
	// Errors are the requests that failed, by code.
	Errors map[string]Failures `json:"errors,omitempty"`
	// Processes are what the watched processes used.
	Processes map[string]Used `json:"processes,omitempty"`
	// Baseline is what a server of the same bytes did under the same load.
	Baseline *Result `json:"baseline,omitempty"`
}

// Operation is how requests of one kind fared.
type Operation struct {
	Done    int64   `json:"done"`
	Latency Latency `json:"latency"`
}

// Failures are requests that failed for one reason.
type Failures struct {
	Count int64 `json:"count"`
	// Example is what the first of them was told.
	Example string `json:"example"`
}

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// example is what was told to the first requests that failed, for each reason.
func (r Result) example() string {
	var told []string
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		told = append(told, fmt.Sprintf("%s (%d): %s", code, r.Errors[code].Count, r.Errors[code].Example))
	}
	return strings.Join(told, "; ")
}

// What is told apart in a latency: microseconds up to ten minutes, to three digits.
const (
	longest = 10 * time.Minute
	digits  = 3
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// recorder collects what the clients see. It is safe for concurrent use: one lock, held for some 100 ns a request.
type recorder struct {
	// started counts the requests that were sent and count.
	started atomic.Int64

	mu     sync.Mutex
	done   map[string]*hdrhistogram.Histogram
	failed *hdrhistogram.Histogram
	errors map[string]Failures
	// second is what came since the last report, whether or not it counts.
	second       *hdrhistogram.Histogram
	secondFailed int64
}

func newRecorder() *recorder {
	return &recorder{
		done: map[string]*hdrhistogram.Histogram{}, failed: newHistogram(), errors: map[string]Failures{}, second: newHistogram(),
	}
}

// record takes down one request of a kind: how long it took and, when it failed, for which reason. counts is whether the
// load had warmed up when it was due.
func (r *recorder) record(kind string, took time.Duration, code, example string, counts bool) {
	micros := min(max(took, time.Microsecond), longest).Microseconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	if code != "" {
		r.secondFailed++
		if counts {
			_ = r.failed.RecordValue(micros) // In range, as all below.
			failures := r.errors[code]
			if failures.Count++; failures.Count == 1 {
				failures.Example = example
			}
			r.errors[code] = failures
		}
		return
	}
	_ = r.second.RecordValue(micros)
	if counts {
		if r.done[kind] == nil {
			r.done[kind] = newHistogram()
		}
		_ = r.done[kind].RecordValue(micros)
	}
}

// lastSecond is what came since it was asked the last time.
func (r *recorder) lastSecond() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Done: r.second.TotalCount(), Failed: r.secondFailed}
	p.P99 = time.Duration(r.second.ValueAtQuantile(99)) * time.Microsecond
	r.second.Reset()
	r.secondFailed = 0
	return p
}

// result is all that counted.
func (r *recorder) result(took time.Duration) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := newHistogram()
	operations := map[string]Operation{}
	for kind, histogram := range r.done {
		all.Merge(histogram)
		operations[kind] = Operation{Done: histogram.TotalCount(), Latency: latency(histogram)}
	}
	result := Result{
		Seconds: took.Seconds(), Done: all.TotalCount(), Failed: r.failed.TotalCount(), Latency: latency(all), Errors: maps.Clone(r.errors),
	}
	if took > 0 {
		result.PerSecond = float64(result.Done) / took.Seconds()
	}
	if result.Failed > 0 {
		failed := latency(r.failed)
		result.FailedLatency = &failed
	}
	if len(operations) > 1 {
		result.Operations = operations
	}
	return result
}

func latency(h *hdrhistogram.Histogram) Latency {
	const microsInMilli = 1000
	at := func(quantile float64) float64 { return float64(h.ValueAtQuantile(quantile)) / microsInMilli }
	return Latency{
		Mean: h.Mean() / microsInMilli, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / microsInMilli,
	}
}
