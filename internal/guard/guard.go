// Package guard limits how often somebody may do something, and says how long to wait when it was too often (rule 13).
//
// A Bucket is a name and a Limit; a Limiter takes one token from each bucket it is asked about, once per operation and
// not per HTTP request: ten aliased checkouts in one document ask ten times. The rule is GCRA, the generic cell rate
// algorithm. There are four limiters behind one interface:
//
//   - Redis counts in Redis with redis_rate, so that any number of instances share one count.
//   - Local counts in this process, decision for decision like Redis. A conformance test holds the two together.
//   - Resilient asks Redis and falls back on a stricter Local while Redis is away. It never fails its caller.
//   - Off allows everything.
//
// No money depends on this package: a limiter that is wrong or away makes callers wait too long or not long enough, and
// the database still decides what is bought.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"farthing/internal/fault"
)

// Limiter decides whether an operation may go on now.
type Limiter interface {
	// Allow takes one token from each bucket, in the order given, and stops at the first that refuses. The decision is
	// the refusing bucket's or, when all allow, that of the bucket with the fewest tokens left (the first of equals).
	//
	// A refusal by a later bucket does not give back what the earlier ones paid: redis_rate takes one key per call, and
	// giving back would be a second write that can be lost. So name the narrowest bucket first, the shopper before
	// the address: whoever is refused for a crowded address pays with a token of their own, and a shopper who
	// hammers takes nothing from the neighbours behind the same address.
	//
	// The error is for asks that make no sense (no bucket, an invalid limit), for a context that has ended, and, from
	// Redis alone, for an outage. Nothing was decided then.
	Allow(ctx context.Context, buckets ...Bucket) (Decision, error)
}

// Bucket is what is counted together.
type Bucket struct {
	// Key names the bucket among all buckets of all operations, such as "checkout:shopper:<uuid>".
	Key string
	// Limit is how fast the bucket may be emptied. Changing it keeps the count of the key.
	Limit Limit
}

// ByShopper is the bucket of one shopper for one operation, such as "checkout".
func ByShopper(operation string, shopper uuid.UUID, limit Limit) Bucket {
	return Bucket{Key: operation + ":shopper:" + shopper.String(), Limit: limit}
}

// ByAddress is the bucket of one client address, as ClientAddress gives it, for one operation.
//
// An IPv6 client owns at least a /64 and may call from any address in it, so those share a bucket. Addresses that
// cannot be read, the empty one included, share one bucket too, so that hiding the address is not a way around the limit.
func ByAddress(operation, address string, limit Limit) Bucket {
	name := "unknown"
	if a, err := netip.ParseAddr(address); err == nil {
		a = plain(a)
		name = a.String()
		if a.Is6() {
			name = netip.PrefixFrom(a, 64).Masked().String()
		}
	}
	return Bucket{Key: operation + ":address:" + name, Limit: limit}
}

// Decision is the answer to one ask.
type Decision struct {
	// Allowed says whether the operation may go on.
	Allowed bool
	// Limit is the limit that decided. While Redis is away it is the stricter one that is in force. It is the zero
	// Limit when nothing is limited.
	Limit Limit
	// Remaining is how many more operations would be allowed at this instant; 0 when refused.
	Remaining int
	// RetryAfter is how long to wait until one more operation is allowed. It is 0 when this one was allowed, and at least
	// a microsecond when it was not.
	RetryAfter time.Duration
	// ResetAfter is how long it takes until the bucket is full again.
	ResetAfter time.Duration
}

// Err is nil when the operation may go on, and otherwise a RATE_LIMITED fault that carries the decision as its data.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return fault.New(fault.RateLimited, "Too many attempts; try again in %d ms.", RoundUpMillis(d.RetryAfter)).With(d)
}

// RoundUpMillis is the duration in whole milliseconds, rounded up, so that whoever waits that long has waited long
// enough. It is never negative.
func RoundUpMillis(d time.Duration) int64 { return roundUp(d, time.Millisecond) }

func roundUp(d, unit time.Duration) int64 {
	whole := d / unit
	if d%unit > 0 {
		whole++
	}
	return int64(max(whole, 0))
}

// Off allows everything and counts nothing. It is for load tests.
type Off struct{}

// Allow allows; the decision names no limit.
func (Off) Allow(context.Context, ...Bucket) (Decision, error) { return Decision{Allowed: true}, nil }

// check refuses asks that no limiter can answer. redis_rate would let everything pass on a zero limit.
func check(ctx context.Context, buckets []Bucket) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("asking the rate limiter: %w", err)
	}
	if len(buckets) == 0 {
		return errors.New("asking the rate limiter: no bucket")
	}
	for _, b := range buckets {
		if err := b.Limit.Validate(); err != nil {
			return fmt.Errorf("asking the rate limiter: %w", err)
		}
	}
	return nil
}

// inOrder asks about the buckets as Limiter promises. Both limiters that count go through here, so they agree.
func inOrder(buckets []Bucket, ask func(Bucket) (Decision, error)) (Decision, error) {
	var tightest Decision
	for i, b := range buckets {
		d, err := ask(b)
		if err != nil || !d.Allowed {
			return d, err
		}
		if i == 0 || d.Remaining < tightest.Remaining {
			tightest = d
		}
	}
	return tightest, nil
}

// decision makes a Decision of what GCRA answers, the same for both limiters that count. Times are rounded to the
// microsecond: Redis' clock has no finer one, and what the floats of GCRA hold below it is noise.
func decision(limit Limit, allowed bool, remaining int, retryAfter, resetAfter time.Duration) Decision {
	d := Decision{Allowed: allowed, Limit: limit, Remaining: remaining, ResetAfter: resetAfter.Round(time.Microsecond)}
	if !allowed {
		d.RetryAfter = max(retryAfter.Round(time.Microsecond), time.Microsecond)
	}
	return d
}
