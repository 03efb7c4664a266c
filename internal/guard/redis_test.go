package guard_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"farthing/internal/guard"
)

// fakeRedis is a Redis inside the test, whose clock the test sets.
type fakeRedis struct{ *miniredis.Miniredis }

func startRedis(t *testing.T) fakeRedis { return fakeRedis{miniredis.RunT(t)} }

// limiter gives an instance of the shop: a limiter with a client of its own.
func (r fakeRedis) limiter(t *testing.T) *guard.Redis {
	return guard.NewRedis(patientClient(t, "redis://"+r.Addr()))
}

// patientClient waits as long as a busy machine may take, unlike OpenRedis: for tests in which Redis is well.
func patientClient(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries, options.ContextTimeoutEnabled = -1, true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Minute, time.Minute, time.Minute
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestConformance drives Local and redis_rate through the same random histories, at the same instants, and wants the
// same answers to the microsecond. The script is the original in an interpreter; TestRealRedis has the real server.
func TestConformance(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	remote := server.limiter(t)

	limits := rapid.Custom(func(t *rapid.T) guard.Limit {
		l := guard.Limit{
			Burst:  rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(1, 1_000_000)).Draw(t, "burst"),
			Rate:   rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 1_000_000)).Draw(t, "rate"),
			Period: time.Duration(rapid.OneOf(rapid.Int64Range(1, 5e9), rapid.Int64Range(1, 24*3600e9)).Draw(t, "period")),
		}
		if round := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second}).Draw(t, "round"); l.Period >= round {
			l.Period = l.Period.Truncate(round)
		}
		return l
	}).Filter(func(l guard.Limit) bool { return l.Validate() == nil })

	var asks, refusals int
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMicro(rapid.Int64Range(1_577_836_800e6, 2_400_000_000e6).Draw(t, "start"))
		server.FlushAll()
		server.SetTime(now)
		local := guard.NewLocal(func() time.Time { return now })

		// A few limits and keys, so that keys are asked again and also under another limit, as after a change of
		// configuration or from the fallback.
		pool := rapid.SliceOfN(limits, 1, 3).Draw(t, "limits")
		keys := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "keys")]
		buckets := rapid.Custom(func(t *rapid.T) guard.Bucket {
			return guard.Bucket{
				Key:   rapid.SampledFrom(keys).Draw(t, "key"),
				Limit: rapid.SampledFrom(pool).Draw(t, "limit"),
			}
		})
		var wait time.Duration // what the last refusal said
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			one := rapid.SampledFrom(pool).Draw(t, "pace")
			token := one.Period / time.Duration(one.Rate)
			step := rapid.OneOf(
				rapid.SampledFrom([]time.Duration{0, 0, 0, wait, wait, wait - time.Microsecond, token, token / 2, token + time.Microsecond}),
				rapid.Map(rapid.Int64Range(0, 10e6), func(us int64) time.Duration { return time.Duration(us) * time.Microsecond }),
				rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * 24 * time.Hour}),
			).Draw(t, "step").Truncate(time.Microsecond)
			step = max(step, 0)
			now = now.Add(step)
			server.SetTime(now)
			server.FastForward(step)

			ask := rapid.SliceOfN(buckets, 1, 3).Draw(t, "ask")
			want, err := remote.Allow(t.Context(), ask...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := local.Allow(t.Context(), ask...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%v at %v: Local (+) and redis_rate (-) differ\n%s", ask, now, diff)
			}
			asks++
			if !got.Allowed {
				wait = got.RetryAfter
				refusals++
			}
		}
	})
	t.Logf("%d asks, %d refused", asks, refusals)
	if refusals < asks/20 || refusals > asks*19/20 {
		t.Errorf("%d of %d asks were refused; the histories say little", refusals, asks)
	}
}

func TestRedis_shares_one_count_between_instances(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	server.SetTime(newClock().Now())
	one, two := server.limiter(t), server.limiter(t)
	bucket := guard.Bucket{Key: "k", Limit: guard.Limit{Burst: 2, Rate: 1, Period: time.Minute}}
	for i, l := range []guard.Limiter{one, two} {
		if d := allow(t, l, bucket); !d.Allowed || d.Remaining != 1-i {
			t.Fatalf("ask %d: %+v", i, d)
		}
	}
	if d := allow(t, one, bucket); d.Allowed || d.RetryAfter != time.Minute {
		t.Errorf("third ask: %+v, want a refusal for a minute", d)
	}
	if got, want := server.Keys(), []string{"rate:farthing:k"}; !cmp.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if ttl := server.TTL("rate:farthing:k"); ttl <= 0 || ttl > 2*time.Minute {
		t.Errorf("the key lives %s, want until the bucket is full", ttl)
	}
}

func TestOpenRedis(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, address string) redis.UniversalClient {
		t.Helper()
		client, err := guard.OpenRedis(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		return client
	}
	t.Run("one address is one server", func(t *testing.T) {
		o := open(t, "redis://user:p%2Cw@cache.example:7000/3").(*redis.Client).Options()
		if o.Addr != "cache.example:7000" || o.Username != "user" || o.Password != "p,w" || o.DB != 3 || o.TLSConfig != nil {
			t.Errorf("got %+v", o)
		}
		// go-redis turns -1 retries into 0.
		if o.MaxRetries != 0 || o.DialerRetries != 1 || o.DialTimeout != 200*time.Millisecond ||
			o.ReadTimeout != 100*time.Millisecond || o.WriteTimeout != 100*time.Millisecond || !o.ContextTimeoutEnabled {
			t.Errorf("it would hesitate or try twice: %+v", o)
		}
	})
	t.Run("the URL cannot bring retries back", func(t *testing.T) {
		if o := open(t, "redis://cache.example?max_retries=9&read_timeout=9s").(*redis.Client).Options(); o.MaxRetries != 0 ||
			o.ReadTimeout != 100*time.Millisecond {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("rediss is TLS", func(t *testing.T) {
		o := open(t, "rediss://cache.example").(*redis.Client).Options()
		if o.TLSConfig == nil || o.TLSConfig.ServerName != "cache.example" || o.TLSConfig.InsecureSkipVerify {
			t.Errorf("got %+v", o.TLSConfig)
		}
	})
	t.Run("several are a cluster", func(t *testing.T) {
		o := open(t, "rediss://:pw@a.example, rediss://:pw@b.example:7000").(*redis.ClusterClient).Options()
		if !cmp.Equal(o.Addrs, []string{"a.example:6379", "b.example:7000"}) || o.Password != "pw" || o.TLSConfig == nil ||
			o.TLSConfig.ServerName != "" || o.TLSConfig.InsecureSkipVerify {
			t.Errorf("got %+v", o)
		}
		if o.MaxRedirects != 1 || o.DialerRetries != 1 || o.ReadTimeout != 100*time.Millisecond || !o.ContextTimeoutEnabled {
			t.Errorf("it would hesitate or try often: %+v", o)
		}
	})
	t.Run("a cluster limits", func(t *testing.T) {
		server := startRedis(t)
		options := open(t, "redis://"+server.Addr()+",redis://"+server.Addr()).(*redis.ClusterClient).Options()
		options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Minute, time.Minute, time.Minute
		client := redis.NewClusterClient(options)
		t.Cleanup(func() { client.Close() })
		limiter := guard.NewRedis(client)
		bucket := guard.Bucket{Key: "k", Limit: guard.Limit{Burst: 1, Rate: 1, Period: time.Hour}}
		if first, second := allow(t, limiter, bucket), allow(t, limiter, bucket); !first.Allowed || second.Allowed {
			t.Errorf("got %+v, then %+v", first, second)
		}
	})
}

func TestOpenRedis_refuses(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"nothing":                         "",
		"a bare address":                  "cache.example:6379",
		"another scheme":                  "https://:hunter2@cache.example",
		"an unknown option":               "redis://:hunter2@cache.example?colour=hunter2",
		"a bad port":                      "redis://:hunter2@cache.example:port",
		"a password that cuts the URL":    "redis://:hunter2/hunter2@cache.example",
		"a trailing comma":                "redis://:hunter2@cache.example,",
		"a cluster with two passwords":    "redis://:hunter2@a.example,redis://:other@b.example",
		"a cluster half on TLS":           "redis://a.example,rediss://b.example",
		"a cluster with another database": "redis://a.example/1,redis://b.example/1",
	} {
		t.Run(name, func(t *testing.T) {
			client, err := guard.OpenRedis(address)
			if err == nil {
				client.Close()
				t.Fatal("want an error")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

// TestRealRedis runs against the server that FARTHING_TEST_REDIS_URL names.
func TestRealRedis(t *testing.T) {
	t.Parallel()
	url := os.Getenv("FARTHING_TEST_REDIS_URL")
	if url == "" {
		t.Skip("FARTHING_TEST_REDIS_URL is not set")
	}
	run := "test-" + uuid.NewString()
	open := func(t *testing.T) redis.UniversalClient { return patientClient(t, url) }
	// bucket is one of this run, deleted after the test. So slow a limit gives nothing back while the test runs.
	bucket := func(t *testing.T, name string, burst int) guard.Bucket {
		client := open(t)
		b := guard.Bucket{Key: run + ":" + name, Limit: guard.Limit{Burst: burst, Rate: 1, Period: 6 * time.Hour}}
		t.Cleanup(func() {
			if n, err := client.Del(context.WithoutCancel(t.Context()), "rate:farthing:"+b.Key).Result(); n != 1 || err != nil {
				t.Errorf("deleting the key of %s: %d deleted, %v", name, n, err)
			}
		})
		return b
	}

	t.Run("lets exactly the burst through, over two instances", func(t *testing.T) {
		t.Parallel()
		one, two := guard.NewRedis(open(t)), guard.NewRedis(open(t))
		b := bucket(t, "race", 100)
		// Redis has lost the script, so that many find out at once. Whoever else uses this server sends theirs again.
		if err := open(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		var allowed atomic.Int64
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range 1000 {
			l := one
			if i%2 == 1 {
				l = two
			}
			group.Go(func() {
				<-start
				d, err := l.Allow(t.Context(), b)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					allowed.Add(1)
				}
			})
		}
		close(start)
		group.Wait()
		if allowed.Load() != 100 {
			t.Errorf("%d passed, want 100", allowed.Load())
		}
	})
	t.Run("answers like Local", func(t *testing.T) {
		t.Parallel()
		remote, local := guard.NewRedis(open(t)), guard.NewLocal(time.Now)
		b, narrow := bucket(t, "wide", 3), bucket(t, "narrow", 2)
		for i := range 4 {
			want, got := allow(t, remote, narrow, b), allow(t, local, narrow, b)
			// The two clocks differ a little; what is left of six hours does not.
			sameTime := cmp.Comparer(func(x, y time.Duration) bool { return (x - y).Abs() < time.Minute })
			if diff := cmp.Diff(want, got, sameTime); diff != "" {
				t.Errorf("ask %d: Local (+) and Redis (-) differ\n%s", i, diff)
			}
		}
	})
}
