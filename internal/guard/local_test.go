package guard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testStart = time.Date(2026, time.November, 3, 9, 0, 0, 0, time.UTC)

// TestLocal is GCRA by example: a burst of two and one token a second.
func TestLocal(t *testing.T) {
	t.Parallel()
	now := testStart
	l := NewLocal(func() time.Time { return now })
	bucket := Bucket{Key: "k", Limit: Limit{Burst: 2, Rate: 1, Period: time.Second}}
	steps := []struct {
		name string
		wait time.Duration
		want Decision
	}{
		{"a new bucket is full", 0, Decision{Allowed: true, Remaining: 1, ResetAfter: time.Second}},
		{"the burst may come at once", 0, Decision{Allowed: true, Remaining: 0, ResetAfter: 2 * time.Second}},
		{"then it is empty", 0, Decision{RetryAfter: time.Second, ResetAfter: 2 * time.Second}},
		{"a refusal costs nothing", 0, Decision{RetryAfter: time.Second, ResetAfter: 2 * time.Second}},
		{"waiting counts", 300 * time.Millisecond, Decision{RetryAfter: 700 * time.Millisecond, ResetAfter: 1700 * time.Millisecond}},
		{"a token has come back", 701 * time.Millisecond, Decision{Allowed: true, ResetAfter: 1999 * time.Millisecond}},
		{"it never holds more than the burst", time.Hour, Decision{Allowed: true, Remaining: 1, ResetAfter: time.Second}},
	}
	for _, s := range steps {
		now = now.Add(s.wait)
		s.want.Limit = bucket.Limit
		got, err := l.Allow(t.Context(), bucket)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("%s: %s", s.name, diff)
		}
	}
}

// TestLocal_waiting_as_told_is_enough, up to the noise of GCRA's floats at the very instant a token comes back: there it may
// take one microsecond more, and the refusal says so.
func TestLocal_waiting_as_told_is_enough(t *testing.T) {
	t.Parallel()
	noisy := 0
	for i := range 1000 {
		now := testStart.Add(time.Duration(i) * 1_234_567 * time.Microsecond)
		l := NewLocal(func() time.Time { return now })
		bucket := Bucket{Key: "k", Limit: Limit{Burst: 1, Rate: 1 + i%7, Period: time.Second}}
		ask := func() Decision { return l.take([]Bucket{bucket}) }
		ask()
		now = now.Add(ask().RetryAfter)
		if d := ask(); !d.Allowed {
			noisy++
			if d.RetryAfter != time.Microsecond {
				t.Fatalf("from %v: refused again, for %s", now, d.RetryAfter)
			}
			now = now.Add(d.RetryAfter)
			if d := ask(); !d.Allowed {
				t.Fatalf("from %v: refused for the third time: %+v", now, d)
			}
		}
	}
	if noisy == 0 {
		t.Error("no instant had noise; the test says nothing about it")
	}
	t.Logf("%d of 1,000 needed the microsecond", noisy)
}

func TestLocal_with_several_buckets(t *testing.T) {
	t.Parallel()
	l := NewLocal(func() time.Time { return testStart })
	bucket := func(key string, burst int) Bucket {
		return Bucket{Key: key, Limit: Limit{Burst: burst, Rate: 1, Period: time.Hour}}
	}
	wide, narrow, narrower := bucket("wide", 10), bucket("narrow", 2), bucket("narrower", 1)
	allow := func(buckets ...Bucket) Decision {
		d, err := l.Allow(t.Context(), buckets...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}

	if d := allow(wide, narrow); !d.Allowed || d.Limit != narrow.Limit || d.Remaining != 1 {
		t.Errorf("all allow: got %+v, want the tighter", d)
	}
	if d := allow(narrow, narrower); !d.Allowed || d.Limit != narrow.Limit {
		t.Errorf("all allow and are equally tight: got %+v, want the first", d)
	}
	if d := allow(narrow, wide); d.Allowed || d.Limit != narrow.Limit {
		t.Errorf("the first refuses: got %+v, want its refusal", d)
	}
	if d := allow(wide); d.Remaining != 8 {
		t.Errorf("the first refused: %d left in the second, want 8, because it was not asked", d.Remaining)
	}
	if d := allow(wide, narrow); d.Allowed || d.Limit != narrow.Limit {
		t.Errorf("the second refuses: got %+v, want its refusal", d)
	}
	if d := allow(wide); d.Remaining != 6 {
		t.Errorf("the second refused: %d left in the first, want 6, because it had paid", d.Remaining)
	}
}

// TestLocal_under_contention: however many ask at once, exactly the burst passes.
func TestLocal_under_contention(t *testing.T) {
	t.Parallel()
	l := NewLocal(func() time.Time { return testStart })
	bucket := Bucket{Key: "k", Limit: Limit{Burst: 100, Rate: 1, Period: time.Hour}}
	var allowed atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 80 {
				if d, err := l.Allow(t.Context(), bucket); err == nil && d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if allowed.Load() != 100 {
		t.Errorf("%d passed, want 100", allowed.Load())
	}
}

func TestLocal_memory_is_bounded(t *testing.T) {
	t.Parallel()
	limit := Limit{Burst: 10, Rate: 1, Period: time.Second}
	ask := func(l *Local, key string) Decision {
		d, err := l.Allow(t.Context(), Bucket{Key: key, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}

	t.Run("full buckets are forgotten, others are not", func(t *testing.T) {
		now := testStart
		l := NewLocal(func() time.Time { return now })
		for range limit.Burst {
			ask(l, "busy")
		}
		for i := range 20 * localSweep {
			now = now.Add(time.Millisecond) // each bucket is full after a second, which is a thousand others
			ask(l, fmt.Sprint(i))
			if i%500 == 0 {
				ask(l, "busy") // which stays empty
			}
		}
		if n := len(l.tats); n > 3*localSweep {
			t.Errorf("%d buckets remembered, about %d are in use", n, 1000)
		}
		if d := ask(l, "busy"); d.Remaining > 0 {
			t.Errorf("a bucket in use was forgotten: %+v", d)
		}
	})
	t.Run("a flood at one instant", func(t *testing.T) {
		l := NewLocal(func() time.Time { return testStart })
		l.maxKeys = 5 * localSweep
		most := 0
		for i := range 10 * l.maxKeys {
			ask(l, fmt.Sprint(i))
			most = max(most, len(l.tats))
		}
		if most != l.maxKeys {
			t.Errorf("%d buckets remembered, want at most, and up to, %d", most, l.maxKeys)
		}
	})
}

func BenchmarkLocal(b *testing.B) {
	limit := Limit{Burst: 20, Rate: 5, Period: time.Second}
	buckets := func(n int) []Bucket {
		list := make([]Bucket, n)
		for i := range list {
			list[i] = Bucket{Key: fmt.Sprintf("checkout:shopper:01936f6e-0000-7000-8000-%012d", i), Limit: limit}
		}
		return list
	}
	for _, n := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			l, list, ctx := NewLocal(time.Now), buckets(n), b.Context()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := l.Allow(ctx, list[i%n]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		const n = 10_000
		l, list, ctx := NewLocal(time.Now), buckets(n), b.Context()
		var next atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := next.Add(1) * 1_000; pb.Next(); i++ {
				if _, err := l.Allow(ctx, list[i%n], list[(i+1)%n]); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
