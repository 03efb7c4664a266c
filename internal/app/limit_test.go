package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"farthing/internal/app"
	"farthing/internal/guard"
)

// patient is a limiter on the store's Redis that waits as long as a busy machine may take, where a shop would rather
// decide by itself; nil, for the shop's own, without Redis.
func (s store) patient(t *testing.T) guard.Limiter {
	t.Helper()
	if s.redis == "" {
		return nil
	}
	options, err := redis.ParseURL(s.redis)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries = -1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Minute, time.Minute, time.Minute
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return guard.NewRedis(client)
}

// limited is the part of a checkout's answer that is about limits.
type limited struct {
	Purchase *struct{ ID string }
	Replayed bool
	Errors   []struct {
		Code         string
		RetryAfterMs int64
		Limit        status
	}
	RateLimit status
}

type status struct {
	Limit, Remaining int
	ResetAfterMs     int64
}

const limitedFields = `{ purchase { id } replayed rateLimit { limit remaining resetAfterMs }
	errors { code ... on RateLimitedError { retryAfterMs limit { limit remaining resetAfterMs } } } }`

// buyLimited buys a packet of hints under each of the keys, in one document, and gives what came of each.
func (o *shop) buyLimited(t *testing.T, c call, keys ...string) ([]limited, answer) {
	t.Helper()
	c.query = "mutation {"
	for i, key := range keys {
		c.query += fmt.Sprintf(` c%d: checkout(input: {idempotencyKey: "%s", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.20"}) %s`, i, key, limitedFields)
	}
	c.query += "}"
	a := o.ask(t, c)
	var body struct{ Data map[string]limited }
	if err := json.Unmarshal(a.body, &body); err != nil || len(body.Data) != len(keys) {
		t.Fatalf("%v in %s", err, a)
	}
	results := make([]limited, len(keys))
	for i := range keys {
		results[i] = body.Data[fmt.Sprintf("c%d", i)]
	}
	return results, a
}

// TestLimitCountsOperations sends ten checkouts in one document over a limit of five.
func TestLimitCountsOperations(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"RATE_LIMIT_SHOPPER=1/h:5"}, options: app.Options{Limiter: s.patient(t)}})
		o.shopper(t, "ada", "USD 10")
		keys := strings.Fields("a b c d e f g h i j")
		results, a := o.buyLimited(t, call{as: "SHOPPER ada"}, keys...)
		for i, got := range results {
			if i < 5 {
				if got.Purchase == nil || len(got.Errors) > 0 || got.RateLimit.Limit != 5 || got.RateLimit.Remaining != 4-i || got.RateLimit.ResetAfterMs < 1 {
					t.Errorf("checkout %d is %+v, want a purchase and %d remaining", i, got, 4-i)
				}
				continue
			}
			if got.Purchase != nil || len(got.Errors) != 1 || got.Errors[0].Code != "RATE_LIMITED" ||
				got.Errors[0].RetryAfterMs < 1 || got.Errors[0].RetryAfterMs > 3600_000 ||
				got.Errors[0].Limit != got.RateLimit || got.RateLimit.Limit != 5 || got.RateLimit.Remaining != 0 {
				t.Errorf("checkout %d is %+v, want RATE_LIMITED", i, got)
			}
		}
		agree(t, a, results[9])
		if got := o.rows(t)["purchases"]; got != 5 {
			t.Errorf("%d purchases, want 5", got)
		}

		// A repeat of what was bought is answered, however many came; a key that was refused has done nothing.
		results, a = o.buyLimited(t, call{as: "SHOPPER ada"}, "f", "a")
		if got := results[1]; got.Purchase == nil || !got.Replayed || got.RateLimit.Remaining != 0 || results[0].Purchase != nil {
			t.Errorf("the repeats are %+v, want a refusal and a replay", results)
		}
		agree(t, a, results[1])
		// Whoever comes from the same place but is somebody else is not held up.
		o.shopper(t, "ben", "USD 10")
		if results, _ = o.buyLimited(t, call{as: "SHOPPER ben"}, "a"); results[0].Purchase == nil || results[0].Replayed {
			t.Errorf("the neighbour got %+v", results[0])
		}
		if s.redis == "" { // Redis has a clock of its own.
			o.clock.advance(time.Duration(results[0].RateLimit.ResetAfterMs) * time.Millisecond)
			if results, _ = o.buyLimited(t, call{as: "SHOPPER ada"}, "f", "g"); results[0].Purchase == nil || results[1].Purchase != nil {
				t.Errorf("after the wait: %+v, want one purchase", results)
			}
		}
		o.verify(t)
	})
}

// agree has the headers of an answer say what its last checkout says.
func agree(t *testing.T, a answer, last limited) {
	t.Helper()
	seconds := func(ms int64) string { return strconv.FormatInt((ms+999)/1000, 10) }
	want := map[string]string{
		"RateLimit-Limit": strconv.Itoa(last.RateLimit.Limit), "RateLimit-Remaining": strconv.Itoa(last.RateLimit.Remaining),
		"RateLimit-Reset": seconds(last.RateLimit.ResetAfterMs),
	}
	if len(last.Errors) > 0 && last.Errors[0].Code == "RATE_LIMITED" {
		want["Retry-After"] = seconds(last.Errors[0].RetryAfterMs)
	}
	for name, value := range want {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s is %q, want %q as in the data\n%s", name, got, value, a)
		}
	}
}

// TestLimitByAddress counts what comes from one client, as far as trusted proxies say who that is.
func TestLimitByAddress(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"RATE_LIMIT_ADDRESS=1/h:2"}, options: app.Options{Limiter: s.patient(t)}})
		from := func(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }
		for i, c := range []struct {
			from string
			want bool
		}{
			{o.address, true},
			{"192.0.2.1, " + o.address, true},   // what stands further left is the client's own invention
			{"192.0.2.2, " + o.address, false},  //
			{somewhere(), true},                 // somebody else
			{o.address + ", 127.0.0.1", false},  // one more trusted proxy
			{"[" + o.address + "]:4711", false}, // another port
		} {
			subject := fmt.Sprintf("shopper-%d", i)
			o.shopper(t, subject, "USD 1")
			results, _ := o.buyLimited(t, call{as: "SHOPPER " + subject, header: from(c.from)}, "k")
			if got := results[0].Purchase != nil; got != c.want {
				t.Errorf("call %d from %s: bought %v, want %v: %+v", i, c.from, got, c.want, results[0])
			}
		}
	})
}

// TestLimitOff says so in the log, and in the data.
func TestLimitOff(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"RATE_LIMIT=off", "RATE_LIMIT_SHOPPER=1/h:1"}})
		o.shopper(t, "ada", "USD 10")
		results, a := o.buyLimited(t, call{as: "SHOPPER ada"}, "a", "b", "c")
		for _, got := range results {
			if got.Purchase == nil || got.RateLimit != (status{}) {
				t.Errorf("got %+v", got)
			}
		}
		if got := a.header.Get("RateLimit-Limit"); got != "" {
			t.Errorf("RateLimit-Limit is %q", got)
		}
		if !strings.Contains(o.log.String(), "level=WARN msg=\"guard: rate limiting is off") {
			t.Errorf("the log does not warn: %s", o.log)
		}
	})
}

// TestRedisGoesAway has a shop start without its Redis, find it, and lose it again: it sells all the time, under a
// stricter limit while it counts alone, and says so.
func TestRedisGoesAway(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		server := miniredis.RunT(t)
		s.redis = "redis://" + server.Addr()
		server.Close()
		o := s.open(t, opening{settings: []string{"RATE_LIMIT_SHOPPER=1/h:6"}})
		o.shopper(t, "ada", "USD 10")
		results, a := o.buyLimited(t, call{as: "SHOPPER ada"}, "a", "b", "c", "d")
		for i, got := range results {
			if want := i < 3; (got.Purchase != nil) != want || got.RateLimit.Limit != 3 {
				t.Errorf("without Redis, checkout %d is %+v; want bought %v under a limit of 3", i, got, want)
			}
		}
		agree(t, a, results[3])
		o.logged(t, "level=WARN msg=\"rate limiter: Redis is away", 1)

		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		server.SetTime(o.clock.read())
		o.countsIn(t, "ben", 6)
		o.logged(t, "level=INFO msg=\"rate limiter: Redis is back\"", 1)

		server.Close()
		o.countsIn(t, "eve", 3)
		o.logged(t, "level=WARN msg=\"rate limiter: Redis is away", 2)
		o.verify(t)
	})
}

// countsIn has a shopper buy until the limit is the wanted one. That is the first or the second purchase, unless the
// machine is so busy that Redis seems to be away when it is not.
func (o *shop) countsIn(t *testing.T, subject string, limit int) {
	t.Helper()
	for i := range 20 {
		who := fmt.Sprintf("%s-%d", subject, i)
		o.shopper(t, who, "USD 10")
		o.clock.advance(2 * time.Second) // time enough for the limiter to look for Redis again
		results, _ := o.buyLimited(t, call{as: "SHOPPER " + who}, "a", "b")
		if results[0].Purchase == nil || results[1].Purchase == nil {
			t.Errorf("%s could not buy: %+v", who, results)
		}
		if results[1].RateLimit.Limit == limit {
			return
		}
	}
	t.Errorf("the limit never is %d", limit)
}

// logged counts a line in the log. More is forgiven: a busy machine may make Redis seem away when it is not.
func (o *shop) logged(t *testing.T, line string, times int) {
	t.Helper()
	if got := strings.Count(o.log.String(), line); got < times {
		t.Errorf("%d times %q in the log, want %d", got, line, times)
	}
}
