package guard

import (
	"context"
	"sync"
	"time"
)

const (
	// localKeys is how many buckets a Local remembers at most, in some 15 MB.
	localKeys = 100_000
	// localSweep is the number of buckets below which looking for forgettable ones is not worth it.
	localSweep = 1_000
)

// Local is a limiter in this process. It decides exactly like redis_rate v10.0.1 on a Redis with the same clock.
//
// It remembers at most 100,000 buckets. A bucket that is full again is forgotten at no loss. When that many are in use
// at once, a quarter of them, any quarter, is forgotten and starts full: under a flood of addresses the limiter becomes
// generous to a few rather than large. It starts no goroutine and is safe for concurrent use.
type Local struct {
	clock func() time.Time
	// start is what instants are measured from, so that a step of the wall clock neither frees nor blocks anybody.
	start time.Time

	mu sync.Mutex
	// tats holds the theoretical arrival time of each bucket in seconds of gcra: the instant at which it is full again.
	tats    map[string]float64
	maxKeys int
	sweepAt int
}

// NewLocal makes a limiter whose buckets are all full. The clock is time.Now outside tests.
func NewLocal(clock func() time.Time) *Local {
	return &Local{clock: clock, start: clock(), tats: map[string]float64{}, maxKeys: localKeys, sweepAt: localSweep}
}

// Allow decides at the clock's instant, the same for all the buckets. It has no outages.
func (l *Local) Allow(ctx context.Context, buckets ...Bucket) (Decision, error) {
	if err := check(ctx, buckets); err != nil {
		return Decision{}, err
	}
	return l.take(buckets), nil
}

// take decides about buckets that check has passed, or stricter ones.
func (l *Local) take(buckets []Bucket) Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := gcraSeconds(l.start.Add(l.clock().Sub(l.start)))
	d, _ := inOrder(buckets, func(b Bucket) (Decision, error) {
		tat, known := l.tats[b.Key]
		if !known {
			tat = now
		}
		next, d := gcra(b.Limit, tat, now)
		if d.Allowed {
			if !known && len(l.tats) >= l.sweepAt {
				l.makeRoom(now)
			}
			l.tats[b.Key] = next
		}
		return d, nil
	})
	return d
}

// makeRoom forgets the buckets that are full, and then as many others as it takes to be at three quarters of the bound.
// It runs each time the number of buckets has doubled, or has grown by a quarter of the bound, so its cost per ask is constant.
func (l *Local) makeRoom(now float64) {
	for key, tat := range l.tats {
		if tat <= now {
			delete(l.tats, key)
		}
	}
	for key := range l.tats {
		if len(l.tats) <= l.maxKeys/4*3 {
			break
		}
		delete(l.tats, key)
	}
	l.sweepAt = min(max(localSweep, 2*len(l.tats)), l.maxKeys)
}

// gcra takes one token at instant now from a bucket that is full again at tat, both in gcraSeconds, and says when the
// bucket is full again afterwards. A refusal leaves tat as it is.
//
// It is redis_rate's Lua script, step by step in the same floats, so that both agree to the last bit even where a token
// comes back at this very instant. The conversions around products forbid the compiler to fuse them with the
// addition that follows, which some processors do and Redis does not.
func gcra(limit Limit, tat, now float64) (next float64, d Decision) {
	interval := limit.interval()
	burstOffset := float64(interval * float64(limit.Burst))

	tat = max(tat, now)
	next = tat + interval
	spare := now - (next - burstOffset)
	remaining := spare / interval
	if remaining < 0 {
		return tat, decision(limit, false, 0, seconds(-spare), seconds(tat-now))
	}
	return next, decision(limit, true, int(remaining), 0, seconds(next-now))
}

// gcraSeconds is the instant as redis_rate's script reckons it: seconds since the beginning of 2017, with microseconds.
func gcraSeconds(t time.Time) float64 {
	const begin2017 = 1_483_228_800
	us := t.UnixMicro()
	return float64(us/1e6-begin2017) + float64(us%1e6)/1e6
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
