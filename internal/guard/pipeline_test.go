package guard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"farthing/internal/guard"
)

// stub stands between a client and its server. It holds each round trip until the test lets it pass, and answers itself.
type stub struct {
	mu sync.Mutex
	// sent has the keys of each round trip.
	sent [][]string
	// pass is received from before each answer; nil never holds.
	pass chan struct{}
	// answer is what Redis says about a key; nil allows, with Remaining 7.
	answer func(key string) (any, error)
	// refuse is the error of every connection, if there is one.
	refuse error
}

var _ redis.Hook = (*stub)(nil)

func (*stub) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("the stub has no server")
	}
}

func (s *stub) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		if !strings.HasPrefix(cmd.Name(), "eval") { // A cluster client asks what commands there are.
			cmd.SetErr(errors.New("the stub runs scripts only"))
			return cmd.Err()
		}
		return s.trip(cmd)
	}
}

func (s *stub) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		return s.trip(cmds...)
	}
}

func (s *stub) trip(cmds ...redis.Cmder) error {
	var keys []string
	for _, cmd := range cmds {
		keys = append(keys, strings.TrimPrefix(fmt.Sprint(cmd.Args()[3]), "rate:farthing:"))
	}
	s.mu.Lock()
	s.sent = append(s.sent, keys)
	s.mu.Unlock()
	if s.pass != nil {
		<-s.pass
	}
	if s.refuse != nil {
		return s.refuse
	}
	for i, cmd := range cmds {
		var value any = []any{int64(1), int64(7), "-1", "1"}
		var err error
		if s.answer != nil {
			value, err = s.answer(keys[i])
		}
		if err != nil {
			cmd.SetErr(err)
		} else {
			cmd.(interface{ SetVal(any) }).SetVal(value)
		}
	}
	return cmds[0].Err()
}

func (s *stub) trips() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *stub) limiter(t *testing.T) *guard.Redis {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	client.AddHook(s)
	return guard.NewRedis(client)
}

func keyed(key string) guard.Bucket { return guard.Bucket{Key: key, Limit: hourly} }

// reply is what came of an ask.
type reply struct {
	decision guard.Decision
	err      error
}

// ask asks beside the test and hands over what comes of it.
func ask(ctx context.Context, l guard.Limiter, buckets ...guard.Bucket) <-chan reply {
	answered := make(chan reply, 1)
	go func() {
		d, err := l.Allow(ctx, buckets...)
		answered <- reply{d, err}
	}()
	return answered
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return list
}

func TestRedis_sends_together_what_came_meanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Each key has as many tokens left as its name says, to see that everybody gets the own answer.
		s := &stub{pass: make(chan struct{}), answer: func(key string) (any, error) {
			var n int64
			if _, err := fmt.Sscanf(key, "k%d", &n); err != nil {
				return nil, err
			}
			return []any{int64(1), n, "-1", "1"}, nil
		}}
		limiter := s.limiter(t)
		first := ask(t.Context(), limiter, keyed("k9999"))
		synctest.Wait()
		if diff := cmp.Diff([][]string{{"k9999"}}, s.trips()); diff != "" {
			t.Fatalf("nothing is under way, and the first waits: %s", diff)
		}
		var waiting []<-chan reply
		keys := names("k", 300)
		for _, key := range keys {
			waiting = append(waiting, ask(t.Context(), limiter, keyed(key)))
			synctest.Wait() // So that they come in this order.
		}
		if n := len(s.trips()); n != 1 {
			t.Fatalf("%d round trips are under way, want one", n)
		}
		for range 3 {
			s.pass <- struct{}{}
			synctest.Wait()
		}
		if diff := cmp.Diff([][]string{{"k9999"}, keys[:256], keys[256:]}, s.trips()); diff != "" {
			t.Errorf("what went together: %s", diff)
		}
		if r := <-first; r.err != nil || r.decision.Remaining != 9999 {
			t.Errorf("the first got %+v", r)
		}
		for i, w := range waiting {
			if r := <-w; r.err != nil || r.decision.Remaining != i {
				t.Errorf("number %d got %+v", i, r)
			}
		}
		// It is idle again: the next goes at once.
		ask(t.Context(), limiter, keyed("k0000"))
		synctest.Wait()
		if n := len(s.trips()); n != 4 {
			t.Errorf("%d round trips, want a fourth", n)
		}
		s.pass <- struct{}{}
	})
}

// TestRedis_asks_no_further_than_a_refusal: whom the first bucket refuses takes nothing from the second, in a round too.
func TestRedis_asks_no_further_than_a_refusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{pass: make(chan struct{}), answer: func(key string) (any, error) {
			if strings.HasPrefix(key, "refused") {
				return []any{int64(0), int64(0), "60", "60"}, nil
			}
			return []any{int64(1), int64(3), "-1", "1"}, nil
		}}
		limiter := s.limiter(t)
		blocker := ask(t.Context(), limiter, keyed("blocker"))
		synctest.Wait()
		refused := ask(t.Context(), limiter, keyed("refused"), keyed("address of the refused"))
		synctest.Wait()
		allowed := ask(t.Context(), limiter, keyed("allowed"), keyed("address of the allowed"))
		synctest.Wait()
		for range 3 {
			s.pass <- struct{}{}
			synctest.Wait()
		}
		want := [][]string{{"blocker"}, {"refused", "allowed"}, {"address of the allowed"}}
		if diff := cmp.Diff(want, s.trips()); diff != "" {
			t.Error(diff)
		}
		if r := <-refused; r.err != nil || r.decision.Allowed || r.decision.RetryAfter != time.Minute {
			t.Errorf("refused: %+v", r)
		}
		for _, answered := range []<-chan reply{blocker, allowed} {
			if r := <-answered; r.err != nil || !r.decision.Allowed {
				t.Errorf("allowed: %+v", r)
			}
		}
	})
}

func TestRedis_callers_who_leave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{pass: make(chan struct{})}
		limiter := s.limiter(t)
		before, during := errors.New("left before the round"), errors.New("left during the round")
		leaving := func(key string) (leave context.CancelCauseFunc, answered <-chan reply) {
			ctx, leave := context.WithCancelCause(t.Context())
			answered = ask(ctx, limiter, keyed(key))
			synctest.Wait()
			return leave, answered
		}
		_, first := leaving("first")
		leaveBefore, leftBefore := leaving("leaves before")
		leaveDuring, leftDuring := leaving("leaves during")
		_, stays := leaving("stays")

		leaveBefore(before)
		if r := <-leftBefore; !errors.Is(r.err, before) {
			t.Errorf("who leaves before the round gets %+v", r)
		}
		s.pass <- struct{}{}
		synctest.Wait()
		leaveDuring(during)
		if r := <-leftDuring; !errors.Is(r.err, during) {
			t.Errorf("who leaves during the round gets %+v", r)
		}
		s.pass <- struct{}{}
		for _, answered := range []<-chan reply{first, stays} {
			if r := <-answered; r.err != nil || r.decision.Remaining != 7 {
				t.Errorf("who stays gets %+v", r)
			}
		}
		// Nobody pays for who had left before.
		if diff := cmp.Diff([][]string{{"first"}, {"leaves during", "stays"}}, s.trips()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRedis_bounds_who_waits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 16 * 256
		s := &stub{pass: make(chan struct{})}
		limiter := s.limiter(t)
		waiting := []<-chan reply{ask(t.Context(), limiter, keyed("first"))}
		synctest.Wait()
		for _, key := range names("k", most) {
			waiting = append(waiting, ask(t.Context(), limiter, keyed(key)))
		}
		synctest.Wait()
		for range 10 {
			if _, err := limiter.Allow(t.Context(), keyed("one too many")); err == nil {
				t.Fatalf("%d wait, and one more may", most)
			}
		}
		for range 1 + most/256 {
			s.pass <- struct{}{}
		}
		for i, w := range waiting {
			if r := <-w; r.err != nil {
				t.Fatalf("number %d got %+v", i, r)
			}
		}
		if n := len(s.trips()); n != 1+most/256 {
			t.Errorf("%d round trips, want %d", n, 1+most/256)
		}
		close(s.pass)
		if d := allow(t, limiter, keyed("afterwards")); d.Remaining != 7 {
			t.Errorf("afterwards: %+v", d)
		}
	})
}

// TestRedis_a_failed_round: who was in it hears of it, and who comes later does not.
func TestRedis_a_failed_round(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		s := &stub{pass: make(chan struct{}), answer: func(string) (any, error) {
			if down.Load() {
				return nil, io.EOF
			}
			return []any{int64(1), int64(7), "-1", "1"}, nil
		}}
		limiter := s.limiter(t)
		first := ask(t.Context(), limiter, keyed("first"))
		synctest.Wait()
		var failed []<-chan reply
		for _, key := range names("k", 256) {
			failed = append(failed, ask(t.Context(), limiter, keyed(key)))
		}
		synctest.Wait()
		later := ask(t.Context(), limiter, keyed("later"))
		synctest.Wait()

		s.pass <- struct{}{}
		if r := <-first; r.err != nil {
			t.Errorf("the first got %v", r.err)
		}
		down.Store(true)
		s.pass <- struct{}{}
		for _, f := range failed {
			if r := <-f; !errors.Is(r.err, io.EOF) {
				t.Errorf("who was in the round got %+v", r)
			}
		}
		down.Store(false)
		s.pass <- struct{}{}
		if r := <-later; r.err != nil || r.decision.Remaining != 7 {
			t.Errorf("who came later got %+v", r)
		}
	})
}

// TestRedis_a_refused_connection: when Redis refuses a connection, as for a wrong password, go-redis leaves the commands
// of a pipeline without an answer and without an error, and redis_rate would panic.
func TestRedis_a_refused_connection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{pass: make(chan struct{}), refuse: errors.New("WRONGPASS invalid username-password pair")}
		limiter := s.limiter(t)
		alone := ask(t.Context(), limiter, keyed("alone"))
		synctest.Wait()
		one, two := ask(t.Context(), limiter, keyed("one")), ask(t.Context(), limiter, keyed("two"))
		synctest.Wait()
		close(s.pass)
		for _, answered := range []<-chan reply{alone, one, two} {
			if r := <-answered; !errors.Is(r.err, s.refuse) {
				t.Errorf("got %+v", r)
			}
		}
		if n := len(s.trips()); n != 2 {
			t.Errorf("%d round trips, want two", n)
		}
	})
}

// TestRedis_sends_once: in a cluster go-redis would send a whole round again when its answer is lost, and each of its
// scripts would take a second token.
func TestRedis_sends_once(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{pass: make(chan struct{}), answer: func(string) (any, error) { return nil, io.EOF }}
		client := redis.NewClusterClient(&redis.ClusterOptions{
			MaxRedirects: 1, MaxRetries: -1,
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: "127.0.0.1:1"}}}}, nil
			},
		})
		defer client.Close()
		client.OnNewNode(func(node *redis.Client) { node.AddHook(s) })
		limiter := guard.NewRedis(client)

		waiting := []<-chan reply{ask(t.Context(), limiter, keyed("alone"))}
		synctest.Wait()
		for _, key := range []string{"one", "two", "three"} {
			waiting = append(waiting, ask(t.Context(), limiter, keyed(key)))
			synctest.Wait()
		}
		close(s.pass)
		for _, answered := range waiting {
			if r := <-answered; !errors.Is(r.err, io.EOF) {
				t.Errorf("got %+v, want the error of the connection", r)
			}
		}
		if diff := cmp.Diff([][]string{{"alone"}, {"one", "two", "three"}}, s.trips()); diff != "" {
			t.Error(diff)
		}
	})
}
