//go:build unix

package guard_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"farthing/internal/guard"
)

// BenchmarkRedis asks the server that FARTHING_TEST_REDIS_URL names as checkouts do, for a shopper and an address, and
// reports the processor time of an ask in this process and in Redis beside its time by the clock.
func BenchmarkRedis(b *testing.B) {
	url := os.Getenv("FARTHING_TEST_REDIS_URL")
	if url == "" {
		b.Skip("FARTHING_TEST_REDIS_URL is not set")
	}
	limit := guard.Limit{Burst: 1_000_000, Rate: 1_000_000, Period: time.Second}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			client, err := guard.OpenRedis(url)
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			limiter := guard.NewResilient(guard.NewRedis(client), guard.NewLocal(time.Now), discard(), time.Now)
			limiter.Patient()
			shoppers := make([]uuid.UUID, 1000)
			for i := range shoppers {
				shoppers[i] = uuid.New()
			}
			run := "bench-" + uuid.NewString()[:8]
			var asks atomic.Int64
			ask := func() {
				d, err := limiter.Allow(b.Context(), guard.ByShopper(run, shoppers[rand.IntN(len(shoppers))], limit),
					guard.ByAddress(run, "192.0.2."+strconv.Itoa(rand.IntN(50)), limit))
				if err != nil || !d.Allowed {
					b.Errorf("got %+v, %v", d, err)
				}
			}
			ask()
			own, theirs := processorTime(b), redisTime(b, client)
			b.ResetTimer()
			done := make(chan struct{}, clients)
			for range clients {
				go func() {
					for asks.Add(1) <= int64(b.N) {
						ask()
					}
					done <- struct{}{}
				}()
			}
			for range clients {
				<-done
			}
			b.StopTimer()
			perAsk := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N) }
			b.ReportMetric(perAsk(processorTime(b)-own), "own-cpu-ns/op")
			b.ReportMetric(perAsk(redisTime(b, client)-theirs), "redis-cpu-ns/op")
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// redisTime is what the Redis server has used so far.
func redisTime(b *testing.B, client redis.UniversalClient) time.Duration {
	b.Helper()
	info, err := client.Info(context.WithoutCancel(b.Context()), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var total time.Duration
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			total += time.Duration(seconds * float64(time.Second))
		}
	}
	return total
}
