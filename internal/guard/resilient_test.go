package guard_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/guard"
)

// limiterFunc is a primary made of a function.
type limiterFunc func(ctx context.Context) (guard.Decision, error)

func (f limiterFunc) Allow(ctx context.Context, _ ...guard.Bucket) (guard.Decision, error) {
	return f(ctx)
}

// counted counts the asks of a primary.
type counted struct {
	guard.Limiter
	asks atomic.Int64
}

func (c *counted) Allow(ctx context.Context, buckets ...guard.Bucket) (guard.Decision, error) {
	c.asks.Add(1)
	return c.Limiter.Allow(ctx, buckets...)
}

// logbook keeps what is logged, without times.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "error" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func (l *logbook) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// openLimiter is what the shop uses, with its short time-outs.
func openLimiter(t *testing.T, address string) *guard.Redis {
	t.Helper()
	client, err := guard.OpenRedis("redis://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return guard.NewRedis(client)
}

const (
	wentAway = `level=WARN msg="rate limiter: Redis is away, deciding in this process under stricter limits"`
	cameBack = `level=INFO msg="rate limiter: Redis is back"`
)

var (
	errDown   = errors.New("connection refused")
	hourly    = guard.Limit{Burst: 20, Rate: 10, Period: time.Hour}
	strict    = guard.Limit{Burst: 10, Rate: 10, Period: 2 * time.Hour}
	fromRedis = guard.Decision{Allowed: true, Limit: hourly, Remaining: 7}
)

// switchable answers fromRedis or fails, as the test says.
type switchable struct{ down atomic.Bool }

func (s *switchable) Allow(context.Context, ...guard.Bucket) (guard.Decision, error) {
	if s.down.Load() {
		return guard.Decision{}, errDown
	}
	return fromRedis, nil
}

func newResilient(primary guard.Limiter, clock *manualClock) (*guard.Resilient, *counted, *logbook) {
	book, count := &logbook{}, &counted{Limiter: primary}
	return guard.NewResilient(count, guard.NewLocal(clock.Now), book.logger(), clock.Now), count, book
}

func TestResilient_falls_back_and_recovers(t *testing.T) {
	t.Parallel()
	clock, primary := newClock(), &switchable{}
	limiter, asked, book := newResilient(primary, clock)
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	ask := func() guard.Decision { return allow(t, limiter, bucket) }

	if diff := cmp.Diff(fromRedis, ask()); diff != "" {
		t.Fatalf("healthy: %s", diff)
	}

	primary.down.Store(true)
	for i := range 10 {
		want := guard.Decision{Allowed: true, Limit: strict, Remaining: 9 - i, ResetAfter: time.Duration(i+1) * 12 * time.Minute}
		if diff := cmp.Diff(want, ask()); diff != "" {
			t.Fatalf("fallback, ask %d: %s", i, diff)
		}
	}
	if d := ask(); d.Allowed || d.RetryAfter != 12*time.Minute {
		t.Fatalf("fallback, half the burst is spent: %+v", d)
	}
	if n := asked.asks.Load(); n != 2 {
		t.Errorf("the primary was asked %d times, want once before and once after it went away", n)
	}
	if !limiter.Degraded() {
		t.Error("not degraded")
	}

	for range 5 {
		clock.Advance(time.Second - 1)
		ask()
		clock.Advance(1)
		ask()
		ask()
	}
	if n := asked.asks.Load(); n != 7 {
		t.Errorf("the primary was asked %d times in five seconds, want once a second", n-2)
	}

	primary.down.Store(false)
	if d := ask(); d == fromRedis {
		t.Error("the primary was asked before the second was over")
	}
	clock.Advance(time.Second)
	for range 3 {
		if diff := cmp.Diff(fromRedis, ask()); diff != "" {
			t.Errorf("recovered: %s", diff)
		}
	}
	want := guard.Stats{Outages: 1, Failures: 6, Fallbacks: 27}
	if diff := cmp.Diff(want, limiter.Stats()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{wentAway, cameBack + " away=6s"}, book.lines()); diff != "" {
		t.Error(diff)
	}
}

func TestResilient_fallback_is_never_closed(t *testing.T) {
	t.Parallel()
	clock := newClock()
	limiter, _, _ := newResilient(limiterFunc(func(context.Context) (guard.Decision, error) {
		return guard.Decision{}, errDown
	}), clock)
	one := guard.Bucket{Key: "k", Limit: guard.Limit{Burst: 1, Rate: 1, Period: time.Minute}}
	if d := allow(t, limiter, one); !d.Allowed {
		t.Errorf("a burst of one: %+v", d)
	}
	if d := allow(t, limiter, one); d.Allowed || d.RetryAfter != 2*time.Minute {
		t.Errorf("a rate of one a minute: %+v, want one in two minutes", d)
	}
}

// TestResilient_probes_one_at_a_time: while one request finds out whether Redis is back, no other waits.
func TestResilient_probes_one_at_a_time(t *testing.T) {
	t.Parallel()
	clock := newClock()
	var down atomic.Bool
	down.Store(true)
	entered, release := make(chan struct{}), make(chan struct{})
	limiter, asked, _ := newResilient(limiterFunc(func(context.Context) (guard.Decision, error) {
		if down.Load() {
			return guard.Decision{}, errDown
		}
		entered <- struct{}{}
		<-release
		return fromRedis, nil
	}), clock)
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	allow(t, limiter, bucket)
	down.Store(false)
	clock.Advance(time.Second)

	probe := make(chan guard.Decision)
	go func() {
		d, err := limiter.Allow(t.Context(), bucket)
		if err != nil {
			t.Error(err)
		}
		probe <- d
	}()
	<-entered
	for range 100 {
		if d := allow(t, limiter, bucket); d.Limit != strict {
			t.Fatalf("during the probe: %+v, want the fallback", d)
		}
	}
	close(release)
	if d := <-probe; d != fromRedis {
		t.Errorf("the probe got %+v", d)
	}
	if n := asked.asks.Load(); n != 2 || limiter.Degraded() {
		t.Errorf("the primary was asked %d times, want 2; degraded %v", n, limiter.Degraded())
	}
}

// TestResilient_late_answers_do_not_count: an answer to an ask from before the outage says nothing about now.
func TestResilient_late_answers_do_not_count(t *testing.T) {
	t.Parallel()
	clock := newClock()
	var down atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	limiter, _, book := newResilient(limiterFunc(func(context.Context) (guard.Decision, error) {
		if down.Load() {
			return guard.Decision{}, errDown
		}
		close(entered)
		<-release
		return fromRedis, nil
	}), clock)
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	late := make(chan guard.Decision)
	go func() {
		d, err := limiter.Allow(t.Context(), bucket)
		if err != nil {
			t.Error(err)
		}
		late <- d
	}()
	<-entered
	down.Store(true)
	allow(t, limiter, bucket)
	close(release)
	if d := <-late; d != fromRedis {
		t.Errorf("the late answer was lost: %+v", d)
	}
	if !limiter.Degraded() {
		t.Error("a late answer ended the outage")
	}
	if diff := cmp.Diff([]string{wentAway}, book.lines()); diff != "" {
		t.Error(diff)
	}
}

// TestResilient_bounds_the_wait: a primary that never answers costs the one who asks 200 ms, and the others nothing.
func TestResilient_bounds_the_wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := guard.NewResilient(limiterFunc(func(ctx context.Context) (guard.Decision, error) {
			<-ctx.Done()
			return guard.Decision{}, ctx.Err()
		}), guard.NewLocal(time.Now), discard(), time.Now)
		bucket := guard.Bucket{Key: "k", Limit: hourly}
		for _, want := range []time.Duration{200 * time.Millisecond, 0, 0} {
			start := time.Now()
			allow(t, limiter, bucket)
			if took := time.Since(start); took != want {
				t.Errorf("it took %s, want %s", took, want)
			}
		}
	})
}

// TestResilient_callers_who_leave_are_no_outage: the ask outlives the caller, so its end cannot be taken for Redis' own.
func TestResilient_callers_who_leave_are_no_outage(t *testing.T) {
	t.Parallel()
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	t.Run("during the ask", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		limiter, _, _ := newResilient(limiterFunc(func(ctx context.Context) (guard.Decision, error) {
			leave()
			return fromRedis, ctx.Err()
		}), newClock())
		if d, err := limiter.Allow(ctx, bucket); d != fromRedis || err != nil || limiter.Degraded() {
			t.Errorf("got %+v, %v; degraded %v", d, err, limiter.Degraded())
		}
	})
	t.Run("before the ask", func(t *testing.T) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		limiter, asked, _ := newResilient(&switchable{}, newClock())
		if _, err := limiter.Allow(ctx, bucket); !errors.Is(err, context.DeadlineExceeded) || limiter.Degraded() {
			t.Errorf("got %v; degraded %v", err, limiter.Degraded())
		}
		if asked.asks.Load() != 0 {
			t.Error("a token was taken for nobody")
		}
	})
}

// TestResilient_under_contention flips the primary under many callers; the race detector and the books are the judges.
func TestResilient_under_contention(t *testing.T) {
	t.Parallel()
	clock, primary := newClock(), &switchable{}
	limiter, asked, book := newResilient(primary, clock)
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 500 {
				if g == 0 && i%25 == 0 {
					primary.down.Store(i%50 == 0)
					clock.Advance(time.Second)
				}
				if _, err := limiter.Allow(t.Context(), bucket); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	primary.down.Store(false)
	clock.Advance(time.Second)
	if d := allow(t, limiter, bucket); d != fromRedis || limiter.Degraded() {
		t.Errorf("in the end: %+v, degraded %v", d, limiter.Degraded())
	}
	stats := limiter.Stats()
	answered := 8*500 + 1 - stats.Fallbacks
	if asked.asks.Load() != answered+stats.Failures {
		t.Errorf("%d asks, %d answers, %+v", asked.asks.Load(), answered, stats)
	}
	for i, line := range book.lines() {
		if want := []string{wentAway, cameBack}[i%2]; !strings.HasPrefix(line, want) {
			t.Errorf("line %d of the log is %q, want %q", i, line, want)
		}
	}
	if n := int64(len(book.lines())); n != 2*stats.Outages {
		t.Errorf("%d lines for %d outages", n, stats.Outages)
	}
}

// TestResilient_with_a_broken_Redis goes through the real client to servers that misbehave.
func TestResilient_with_a_broken_Redis(t *testing.T) {
	t.Parallel()
	listen := func(t *testing.T) net.Listener {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	// serve hands each connection to handle and closes it in the end.
	serve := func(t *testing.T, handle func(net.Conn)) string {
		t.Helper()
		l := listen(t)
		var group sync.WaitGroup
		var mu sync.Mutex
		var conns []net.Conn
		group.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
				group.Go(func() { handle(conn) })
			}
		})
		t.Cleanup(func() {
			l.Close()
			mu.Lock()
			for _, c := range conns {
				c.Close()
			}
			mu.Unlock()
			group.Wait()
		})
		return l.Addr().String()
	}
	cases := map[string]func(t *testing.T) (address string){
		"refused": func(t *testing.T) string {
			l := listen(t)
			l.Close()
			return l.Addr().String()
		},
		"a black hole": func(t *testing.T) string {
			return serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
		},
		"hangs up": func(t *testing.T) string {
			return serve(t, func(c net.Conn) { c.Close() })
		},
		"speaks something else": func(t *testing.T) string {
			return serve(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); c.Close() })
		},
		"wants a password": func(t *testing.T) string {
			server := startRedis(t)
			server.RequireAuth("another")
			return server.Addr()
		},
		"is loading": func(t *testing.T) string {
			server := startRedis(t)
			server.SetError("LOADING Redis is loading the dataset in memory")
			return server.Addr()
		},
	}
	for name, start := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			limiter, asked, book := newResilient(openLimiter(t, start(t)), clock)
			bucket := guard.Bucket{Key: "k", Limit: hourly}
			begin := time.Now()
			for i := range 1000 {
				if d := allow(t, limiter, bucket); d.Allowed != (i < strict.Burst) || d.Limit != strict {
					t.Fatalf("ask %d: %+v", i, d)
				}
			}
			took := time.Since(begin)
			t.Logf("1,000 asks took %s", took)
			// One ask of 200 ms is expected; a thousand would be 200 s. What lies between is a busy machine.
			if took > 10*time.Second {
				t.Errorf("1,000 asks took %s", took)
			}
			clock.Advance(time.Second)
			allow(t, limiter, bucket)
			if n := asked.asks.Load(); n != 2 {
				t.Errorf("Redis was asked %d times, want 2", n)
			}
			if diff := cmp.Diff([]string{wentAway}, book.lines()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestResilient_with_a_slow_Redis: the answer comes after the limiter has stopped waiting, and is read by nobody else.
func TestResilient_with_a_slow_Redis(t *testing.T) {
	t.Parallel()
	server, clock := startRedis(t), newClock()
	server.SetTime(clock.Now())
	remote := server.limiter(t)
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	var slow atomic.Bool
	limiter, _, book := newResilient(limiterFunc(func(ctx context.Context) (guard.Decision, error) {
		if slow.Load() {
			server.Lock() // no command is executed while it is held
			defer server.Unlock()
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
		}
		return remote.Allow(ctx, bucket)
	}), clock)
	limiter.Patient()

	if d := allow(t, limiter, bucket); d.Limit != hourly || d.Remaining != 19 {
		t.Fatalf("healthy: %+v", d)
	}
	slow.Store(true)
	if d := allow(t, limiter, bucket); d.Limit != strict || d.Remaining != 9 {
		t.Errorf("slow: %+v, want the fallback", d)
	}
	slow.Store(false)
	clock.Advance(time.Second)
	// The held command may have run in the meantime and taken a token.
	if d := allow(t, limiter, bucket); d.Limit != hourly || d.Remaining > 18 || d.Remaining < 17 {
		t.Errorf("quick again: %+v", d)
	}
	if diff := cmp.Diff([]string{wentAway, cameBack + " away=1s"}, book.lines()); diff != "" {
		t.Error(diff)
	}
}

func TestResilient_with_a_restarted_Redis(t *testing.T) {
	t.Parallel()
	server, clock := startRedis(t), newClock()
	server.SetTime(clock.Now())
	limiter, _, book := newResilient(server.limiter(t), clock)
	limiter.Patient()
	bucket := guard.Bucket{Key: "k", Limit: hourly}
	for round := range 3 {
		if d := allow(t, limiter, bucket); d.Limit != hourly || limiter.Degraded() {
			t.Fatalf("round %d, Redis is there: %+v", round, d)
		}
		server.Close()
		if d := allow(t, limiter, bucket); d.Limit != strict || !limiter.Degraded() {
			t.Fatalf("round %d, Redis is away: %+v", round, d)
		}
		// It comes back without its data, as a Redis without persistence does, and without the cached script.
		server.FlushAll()
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
	}
	allow(t, limiter, bucket)
	want := []string{wentAway, cameBack + " away=1s", wentAway, cameBack + " away=1s", wentAway, cameBack + " away=1s"}
	if diff := cmp.Diff(want, book.lines()); diff != "" {
		t.Error(diff)
	}
}

// TestLogRedisTo is not parallel: go-redis has one logger for the process.
func TestLogRedisTo(t *testing.T) { //nolint:paralleltest // As said.
	book := &logbook{}
	guard.LogRedisTo(book.logger())
	t.Cleanup(func() { guard.LogRedisTo(discard()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	limiter := openLimiter(t, l.Addr().String())
	// go-redis logs about a server that it cannot reach after some failed dials.
	for range 50 {
		if _, err := limiter.Allow(t.Context(), guard.Bucket{Key: "k", Limit: hourly}); err == nil {
			t.Fatal("nobody listens, but somebody answered")
		}
	}
	for _, line := range book.lines() {
		if !strings.HasPrefix(line, `level=DEBUG msg="go-redis speaks" text=`) {
			t.Errorf("got %q", line)
		}
	}
}
