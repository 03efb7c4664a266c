package guard_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"farthing/internal/fault"
	"farthing/internal/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manualClock stands still until it is moved.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *manualClock {
	return &manualClock{now: time.Date(2026, time.November, 3, 9, 0, 0, 123_456_000, time.UTC)}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// allow asks and fails the test on an error.
func allow(t *testing.T, l guard.Limiter, buckets ...guard.Bucket) guard.Decision {
	t.Helper()
	d, err := l.Allow(t.Context(), buckets...)
	if err != nil {
		t.Fatalf("Allow: %v", err)
	}
	return d
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	limit := guard.Limit{Burst: 1, Rate: 1, Period: time.Second}
	shopper := uuid.MustParse("01936f6e-0000-7000-8000-000000000001")
	cases := []struct {
		name   string
		bucket guard.Bucket
		want   string
	}{
		{"a shopper", guard.ByShopper("checkout", shopper, limit), "checkout:shopper:01936f6e-0000-7000-8000-000000000001"},
		{"an IPv4 address", guard.ByAddress("checkout", "192.0.2.7", limit), "checkout:address:192.0.2.7"},
		{"IPv4 written as IPv6", guard.ByAddress("checkout", "::ffff:192.0.2.7", limit), "checkout:address:192.0.2.7"},
		{"an IPv6 network", guard.ByAddress("checkout", "2001:db8:1:2:3:4:5:6", limit), "checkout:address:2001:db8:1:2::/64"},
		{"its neighbour", guard.ByAddress("checkout", "2001:db8:1:2::ffff", limit), "checkout:address:2001:db8:1:2::/64"},
		{"a link-local address", guard.ByAddress("checkout", "fe80::1%eth0", limit), "checkout:address:fe80::/64"},
		{"no address", guard.ByAddress("checkout", "", limit), "checkout:address:unknown"},
		{"nonsense", guard.ByAddress("checkout", "a:b\r\nc", limit), "checkout:address:unknown"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(guard.Bucket{Key: c.want, Limit: limit}, c.bucket); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecision_Err(t *testing.T) {
	t.Parallel()
	if err := (guard.Decision{Allowed: true}).Err(); err != nil {
		t.Errorf("allowed: %v", err)
	}
	refused := guard.Decision{Limit: guard.Limit{Burst: 1, Rate: 1, Period: time.Second}, RetryAfter: 1500 * time.Microsecond}
	want := &fault.Fault{Code: fault.RateLimited, Message: "Too many attempts; try again in 2 ms.", Data: refused}
	var got *fault.Fault
	if err := refused.Err(); !errors.As(err, &got) {
		t.Fatalf("refused: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRoundUpMillis(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{
		-time.Second: 0, -1: 0, 0: 0, 1: 1, time.Microsecond: 1, time.Millisecond - 1: 1, time.Millisecond: 1,
		time.Millisecond + 1: 2, time.Second: 1000, 1<<63 - 1: 9_223_372_036_855,
	} {
		if got := guard.RoundUpMillis(d); got != want {
			t.Errorf("RoundUpMillis(%d ns) = %d, want %d", d, got, want)
		}
	}
}

func TestOff_allows_everything(t *testing.T) {
	t.Parallel()
	want := guard.Decision{Allowed: true}
	if diff := cmp.Diff(want, allow(t, guard.Off{}, guard.Bucket{Key: "k"})); diff != "" {
		t.Error(diff)
	}
}

// TestLimiters_refuse_asks_that_make_no_sense: redis_rate itself lets everything pass on a zero limit.
func TestLimiters_refuse_asks_that_make_no_sense(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := startRedis(t)
	limiters := map[string]guard.Limiter{
		"local":     guard.NewLocal(clock.Now),
		"redis":     server.limiter(t),
		"resilient": guard.NewResilient(server.limiter(t), guard.NewLocal(clock.Now), discard(), clock.Now).Patient(),
	}
	good := guard.Bucket{Key: "good", Limit: guard.Limit{Burst: 1, Rate: 1, Period: time.Hour}}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, l := range limiters {
		t.Run(name, func(t *testing.T) {
			if _, err := l.Allow(t.Context()); err == nil {
				t.Error("no bucket: want an error")
			}
			if _, err := l.Allow(t.Context(), good, guard.Bucket{Key: "zero"}); err == nil {
				t.Error("zero limit: want an error")
			}
			if _, err := l.Allow(gone, good); !errors.Is(err, context.Canceled) {
				t.Errorf("ended context: got %v, want context.Canceled", err)
			}
			// None of these took the only token.
			if !allow(t, l, guard.Bucket{Key: name, Limit: good.Limit}).Allowed {
				t.Error("a token was taken")
			}
		})
	}
}

func TestSetHeaders(t *testing.T) {
	t.Parallel()
	limit := guard.Limit{Burst: 20, Rate: 5, Period: time.Second}
	cases := []struct {
		name      string
		decisions []guard.Decision
		want      http.Header
	}{
		{
			"allowed",
			[]guard.Decision{{Allowed: true, Limit: limit, Remaining: 19, ResetAfter: 200 * time.Millisecond}},
			http.Header{"Ratelimit-Limit": {"20"}, "Ratelimit-Remaining": {"19"}, "Ratelimit-Reset": {"1"}},
		},
		{
			"refused",
			[]guard.Decision{{Limit: limit, RetryAfter: 1001 * time.Millisecond, ResetAfter: 4 * time.Second}},
			http.Header{"Ratelimit-Limit": {"20"}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"4"}, "Retry-After": {"2"}},
		},
		{
			"refused for a moment",
			[]guard.Decision{{Limit: limit, RetryAfter: time.Microsecond, ResetAfter: time.Second}},
			http.Header{"Ratelimit-Limit": {"20"}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"1"}, "Retry-After": {"1"}},
		},
		{
			"the last decision counts",
			[]guard.Decision{
				{Limit: limit, RetryAfter: time.Second, ResetAfter: time.Second},
				{Allowed: true, Limit: limit, Remaining: 3, ResetAfter: time.Minute},
			},
			http.Header{"Ratelimit-Limit": {"20"}, "Ratelimit-Remaining": {"3"}, "Ratelimit-Reset": {"60"}},
		},
		{"nothing is limited", []guard.Decision{{Allowed: true}}, http.Header{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := http.Header{}
			for _, d := range c.decisions {
				guard.SetHeaders(got, d)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
