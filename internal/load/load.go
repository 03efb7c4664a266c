// Package load puts load on a running server over HTTP, as storefronts do, and measures what comes back.
//
// It promises numbers that can be believed: real GraphQL documents with variables over connections that are kept; an
// answer counts as a success only when it says what was asked for; in an open loop, latency counts from the instant at
// which a request was due, not from when there was room to send it. What it needs, products, a flash sale, shoppers with
// money, it sets up through GraphQL as well, once for each shop.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what load to put on whom.
type Options struct {
	// URLs are the servers, such as http://127.0.0.1:8080; clients are dealt out to them in turn.
	URLs []string
	// Scenario is what the clients do: one of Scenarios.
	Scenario string
	// Clients is how many there are, each with a request under way at most.
	Clients int
	// Wallets is how many shoppers there are, each with a wallet of their own.
	Wallets int
	// WithoutRules leaves the two rules of rewards out that the run else sets up.
	WithoutRules bool
	// Rate is how many requests a second are due, whether or not earlier ones have been answered; 0 is a closed loop, in
	// which every client sends its next request as soon as it has an answer.
	Rate float64
	// Warmup is how long the load is on before anything counts.
	Warmup time.Duration
	// Duration is how long requests are sent that count.
	Duration time.Duration
	// Timeout is how long a client waits for an answer.
	Timeout time.Duration
	// Seed makes the clients' choices; the same one makes them again.
	Seed uint64
	// Run makes the idempotency keys of this run different from those of all others.
	Run string
	// Tokens speaks for those who call.
	Tokens Tokens
	// Processes are watched while requests count: their ids by what to call them. Their descendants count with them.
	Processes map[string]int
	// Baseline gives the address of a server of the same bytes that the scenario's server answers with, to compare it
	// with; nil for no comparison.
	Baseline func(ctx context.Context, answer []byte) (url string, stop func(), err error)
	// Clock gives the current instant.
	Clock func() time.Time
	// Progress is told once a second how it goes; nil for nobody.
	Progress func(Progress)
}

// Tokens gives the bearer tokens of those who call.
type Tokens struct {
	// Shopper gives a shopper's own token. When it is nil, a service speaks for all shoppers and names them.
	Shopper func(subject string) (string, error)
	// Merchandiser sets up products, sales and rewards.
	Merchandiser string
	// Service tops up wallets.
	Service string
}

// Progress is how a run went within one second.
type Progress struct {
	// Phase is "warm up" or "measure", or "baseline" for the server of the same bytes.
	Phase string
	// Elapsed is the time since the phase began.
	Elapsed time.Duration
	// Done and Failed count the answers of that second.
	Done, Failed int64
	// P99 is their latency's; 0 without any.
	P99 time.Duration
}

// Run puts the load on and says what came of it. When ctx ends early, that is what has come until then. Its error is
// about the setting up, or says that not one request succeeded; requests that failed are in the result.
func Run(ctx context.Context, o Options) (Result, error) {
	prepare, ok := scenarios[o.Scenario]
	if !ok {
		return Result{}, fmt.Errorf("there is no scenario %q", o.Scenario)
	}
	if o.Clients < 1 || o.Wallets < 1 || o.Rate < 0 || o.Duration <= 0 || o.Warmup < 0 {
		return Result{}, errors.New("want at least one client, one wallet and some time")
	}
	servers, err := dial(o.URLs, o.Clients, o.Timeout)
	if err != nil {
		return Result{}, err
	}
	began := o.Clock()
	s, err := setUp(ctx, o, servers[0])
	if err != nil {
		return Result{}, fmt.Errorf("set up: %w", err)
	}
	script, err := prepare(ctx, s)
	if err != nil {
		return Result{}, fmt.Errorf("set up: %w", err)
	}
	settingUp := o.Clock().Sub(began)
	l := loop{o: o, servers: servers, script: script, phase: "measure"}
	result, err := l.run(ctx)
	result.SetUpSeconds = settingUp.Seconds()
	if err != nil || o.Baseline == nil || ctx.Err() != nil {
		return result, err
	}
	baseline, err := l.baseline(ctx)
	result.Baseline = &baseline
	return result, err
}

// step makes a request, and gives how to read its answer. Steps run beside each other, each with a random source of its
// own.
type step func(random *rand.Rand, to *request) judge

// judge says what is wrong with an answer, as a code and an example; the code is empty when nothing is.
type judge func(status int, body []byte) (code, example string)

// loop sends requests until time is up.
type loop struct {
	o       Options
	servers []send
	script  step
	phase   string
}

func (l loop) run(ctx context.Context) (Result, error) {
	counted := newRecorder()
	begin := l.o.Clock()
	measureFrom := begin.Add(l.o.Warmup)
	end := measureFrom.Add(l.o.Duration)
	warmup, schedule := l.closed, l.closed
	if l.o.Rate > 0 {
		warmup, schedule = l.open(begin), l.open(measureFrom)
	}

	watched := watch(ctx, l.o, measureFrom)
	reported := make(chan struct{})
	reporting, stopReporting := context.WithCancel(ctx)
	go func() {
		defer close(reported)
		l.report(reporting, counted, begin, measureFrom)
	}()

	var working sync.WaitGroup
	for i := range l.o.Clients {
		working.Go(func() {
			w := worker{
				send: l.servers[i%len(l.servers)], script: l.script, clock: l.o.Clock, counted: counted,
				random: rand.New(rand.NewPCG(l.o.Seed, uint64(i))), //nolint:gosec // Choices that can be made again, no secrets.
			}
			// What was due while warming up and could not be sent is no debt of the requests that count.
			w.work(ctx, warmup, measureFrom, false)
			w.work(ctx, schedule, end, true)
		})
	}
	working.Wait()
	finished := l.o.Clock()
	stopReporting()
	<-reported

	result := counted.result(finished.Sub(measureFrom))
	result.Scenario, result.Clients, result.Wallets, result.Rate = l.o.Scenario, l.o.Clients, l.o.Wallets, l.o.Rate
	if l.o.Rate > 0 {
		due := int64(min(finished.Sub(measureFrom), l.o.Duration).Seconds() * l.o.Rate)
		result.Unsent = max(0, due-counted.started.Load())
	}
	used, err := watched()
	if err != nil {
		return result, err
	}
	result.Processes = used.perOperation(result.Done)
	if result.Done == 0 && ctx.Err() == nil {
		return result, fmt.Errorf("not one request succeeded: %s", result.example())
	}
	return result, nil
}

// baseline puts the same load on a server of nothing but the bytes of one answer.
func (l loop) baseline(ctx context.Context) (Result, error) {
	to := newRequest()
	defer to.release()
	judge := l.script(rand.New(rand.NewPCG(l.o.Seed, 0)), to) //nolint:gosec // As in run.
	status, body, err := l.servers[0](to)
	if err != nil {
		return Result{}, err
	}
	if code, example := judge(status, body); code != "" {
		return Result{}, fmt.Errorf("an answer to compare with: %s: %s", code, example)
	}
	url, stop, err := l.o.Baseline(ctx, append([]byte(nil), body...))
	if err != nil {
		return Result{}, fmt.Errorf("start a server to compare with: %w", err)
	}
	defer stop()
	if l.servers, err = dial([]string{url}, l.o.Clients, l.o.Timeout); err != nil {
		return Result{}, err
	}
	l.phase, l.o.Processes = "baseline", nil
	return l.run(ctx)
}

// schedule says when the next request is due. Not ok: none is before the end.
type schedule func(end time.Time) (due time.Time, ok bool)

// closed has a request due as soon as somebody can send it.
func (l loop) closed(end time.Time) (time.Time, bool) {
	now := l.o.Clock()
	return now, now.Before(end)
}

// open has requests due at even distances, whoever sends them. One that was due before the end and is late is not sent
// after it.
func (l loop) open(begin time.Time) schedule {
	var next atomic.Int64
	return func(end time.Time) (time.Time, bool) {
		if !l.o.Clock().Before(end) {
			return end, false
		}
		due := begin.Add(time.Duration(float64(next.Add(1)-1) / l.o.Rate * float64(time.Second)))
		return due, due.Before(end)
	}
}

// worker is one client's part of the load.
type worker struct {
	send    send
	script  step
	clock   func() time.Time
	counted *recorder
	random  *rand.Rand
}

// afterBroken is how long a client waits when there is no server at all, rather than to spin.
const afterBroken = 10 * time.Millisecond

// work sends requests that are due before the end, and says of each whether it counts.
func (w worker) work(ctx context.Context, next schedule, end time.Time, counts bool) {
	to := newRequest()
	defer to.release()
	for ctx.Err() == nil {
		due, ok := next(end)
		if !ok || !wait(ctx, due.Sub(w.clock())) {
			return
		}
		if counts {
			w.counted.started.Add(1)
		}
		judge := w.script(w.random, to)
		status, body, err := w.send(to)
		took := w.clock().Sub(due)
		if err != nil {
			w.counted.record(to.name, took, broken(err), err.Error(), counts)
			wait(ctx, afterBroken)
			continue
		}
		code, example := judge(status, body)
		w.counted.record(to.name, took, code, example, counts)
	}
}

// wait waits for so long; not ok means that ctx has ended meanwhile.
func wait(ctx context.Context, d time.Duration) (ok bool) {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// report tells once a second how it goes.
func (l loop) report(ctx context.Context, counted *recorder, begin, measureFrom time.Time) {
	if l.o.Progress == nil {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p := counted.lastSecond()
		now := l.o.Clock()
		p.Phase, p.Elapsed = l.phase, now.Sub(measureFrom)
		if now.Before(measureFrom) {
			p.Phase, p.Elapsed = "warm up", now.Sub(begin)
		}
		l.o.Progress(p)
	}
}
