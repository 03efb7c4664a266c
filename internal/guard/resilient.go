package guard

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// askTimeout is the longest that one ask of Redis may take, with all its buckets, before the fallback decides.
	askTimeout = 200 * time.Millisecond
	// probeEvery is how often Redis is asked again while it is away. It is longer than askTimeout, so that one
	// probe is over before the next begins.
	probeEvery = time.Second
)

// Resilient asks a primary limiter, which is Redis, and decides in this process while the primary is away.
//
// The fallback is stricter, because each instance then counts alone: half the burst, at least 1, and half the rate. While
// the primary is away one request a second asks it, for at most 200 ms, and every other is decided at once; the first answer
// brings all of them back. The fallback starts with full buckets and the primary goes on where it was, so a change of
// state may give somebody a few tokens more, never fewer than the stricter limit promises.
//
// It is safe for concurrent use and starts no goroutine.
type Resilient struct {
	primary  Limiter
	fallback *Local
	logger   *slog.Logger
	clock    func() time.Time
	// askTimeout is the constant, except in tests.
	askTimeout time.Duration

	mu sync.Mutex
	// awaySince is when the primary was found away; zero while it is there.
	awaySince time.Time
	// nextProbe is when one request may ask a primary that is away.
	nextProbe time.Time

	degraded                     atomic.Bool
	failures, outages, fallbacks atomic.Int64
}

// NewResilient makes a limiter that trusts its primary until it fails. The clock is time.Now outside tests; it is only
// for the pause between probes.
func NewResilient(primary Limiter, fallback *Local, logger *slog.Logger, clock func() time.Time) *Resilient {
	return &Resilient{primary: primary, fallback: fallback, logger: logger, clock: clock, askTimeout: askTimeout}
}

// Allow decides, if need be without the primary. A failure of the primary is no error here; what remains are asks that
// make no sense and a context that had ended before the ask.
func (r *Resilient) Allow(ctx context.Context, buckets ...Bucket) (Decision, error) {
	if err := check(ctx, buckets); err != nil {
		return Decision{}, err
	}
	if ask, probe := r.mayAsk(); ask {
		// The ask does not end with the caller's context but by its own time-out. So a caller who goes away or is in a
		// hurry never looks like an outage, and no connection is thrown away half-read.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.askTimeout)
		d, err := r.primary.Allow(bounded, buckets...)
		cancel()
		if err == nil {
			if probe {
				r.back(ctx)
			}
			return d, nil
		}
		r.away(ctx, err)
	}
	r.fallbacks.Add(1)
	strict := make([]Bucket, len(buckets))
	for i, b := range buckets {
		strict[i] = Bucket{Key: b.Key, Limit: b.Limit.stricter()}
	}
	return r.fallback.take(strict), nil
}

// Degraded says whether the fallback is deciding.
func (r *Resilient) Degraded() bool { return r.degraded.Load() }

// Stats is what a Resilient has counted since it was made, for metrics.
type Stats struct {
	// Degraded says whether the fallback is deciding now.
	Degraded bool
	// Outages is how many times the primary went away.
	Outages int64
	// Failures is how many asks of the primary failed, probes included.
	Failures int64
	// Fallbacks is how many decisions the fallback made.
	Fallbacks int64
}

// Stats reads the counts.
func (r *Resilient) Stats() Stats {
	return Stats{
		Degraded: r.Degraded(), Outages: r.outages.Load(), Failures: r.failures.Load(), Fallbacks: r.fallbacks.Load(),
	}
}

// mayAsk says whether this request asks the primary, and whether it is the one that finds out if an absent primary is
// back. A probe claims its second before it asks; one that never comes home therefore blocks nobody.
func (r *Resilient) mayAsk() (ask, probe bool) {
	if !r.degraded.Load() {
		return true, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.awaySince.IsZero() {
		return true, false
	}
	now := r.clock()
	if now.Before(r.nextProbe) {
		return false, false
	}
	r.nextProbe = now.Add(probeEvery)
	return true, true
}

// away notes that an ask failed.
func (r *Resilient) away(ctx context.Context, cause error) {
	r.failures.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	r.nextProbe = now.Add(probeEvery)
	if !r.awaySince.IsZero() {
		return
	}
	r.awaySince = now
	r.degraded.Store(true)
	r.outages.Add(1)
	r.logger.WarnContext(ctx, "rate limiter: Redis is away, deciding in this process under stricter limits", "error", cause)
}

// back notes that a probe was answered. An answer to an ask from before the outage does not count, or a Redis that
// answers every second ask would be declared away and back all the time.
func (r *Resilient) back(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.awaySince.IsZero() {
		return
	}
	away := r.clock().Sub(r.awaySince)
	r.awaySince = time.Time{}
	r.degraded.Store(false)
	r.logger.InfoContext(ctx, "rate limiter: Redis is back", "away", away)
}
