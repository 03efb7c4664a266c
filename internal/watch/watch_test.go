package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/watch"
)

// turn is how long it takes until a change is told at the latest.
const turn = 250 * time.Millisecond

// door is what is watched here.
type door struct {
	sign string
	// paint is nothing that anybody is told of.
	paint string
	// turns is when somebody will turn the sign.
	turns time.Time
	// gone says that the door has been walled up.
	gone bool
}

// street has doors by their numbers, and a watcher of them.
type street struct {
	*watch.Watcher[int, door, string]

	log strings.Builder

	mu    sync.Mutex
	doors map[int]door
	// looks are the doors of each look.
	looks [][]int
	// fails, and strikes unless it is nil, are what comes of a look once it has read the doors.
	fails   error
	strikes func(ctx context.Context) error
}

// inStreet runs a test in a street where the time passes when everybody waits for it.
func inStreet(test func(t *testing.T, s *street)) func(*testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &street{doors: map[int]door{1: {sign: "open"}, 2: {sign: "open"}}}
			s.Watcher = watch.New("doors", s.look, func(d door) watch.Sight[string] {
				return watch.Sight[string]{Seen: d.sign, Turns: d.turns, Over: d.gone}
			}, time.Now)
			s.Log = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))
			test(t, s)
		})
	}
}

func (s *street) look(ctx context.Context, numbers []int) (map[int]door, error) {
	s.mu.Lock()
	s.looks = append(s.looks, slices.Sorted(slices.Values(numbers)))
	found := map[int]door{}
	for _, number := range numbers {
		if d, ok := s.doors[number]; ok {
			found[number] = d
		}
	}
	strikes, fails := s.strikes, s.fails
	s.mu.Unlock()
	if strikes != nil {
		fails = strikes(ctx)
	}
	return found, fails
}

// put changes a door, or builds it.
func (s *street) put(number int, d door) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doors[number] = d
}

func (s *street) tearDown(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doors, number)
}

// breaks makes looks fail, or succeed when there is no error.
func (s *street) breaks(fails error, strikes func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.strikes = fails, strikes
}

// forget what has been looked at.
func (s *street) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks = nil
}

// wantLooks compares the looks since it was last asked.
func (s *street) wantLooks(t testing.TB, want ...[]int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.looks); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
	s.looks = nil
}

func (s *street) watch(t testing.TB, ctx context.Context, number int) <-chan door { //nolint:revive // The test is first, as everywhere.
	t.Helper()
	states, err := s.Watch(ctx, number)
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// pass lets time pass, and everybody do what is due by then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// wantTold takes all that has been told by now: signs, and "closed" at the end.
func wantTold(t testing.TB, states <-chan door, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for waiting := true; waiting; {
		select {
		case d, ok := <-states:
			if waiting = ok; ok {
				got = append(got, d.sign)
			} else {
				got = append(got, "closed")
			}
		default:
			waiting = false
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	t.Run("tells the state at once and what changes within a turn", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.put(1, door{sign: "shut"})
		pass(turn - 1)
		wantTold(t, states)
		pass(1)
		wantTold(t, states, "shut")
		s.put(1, door{sign: "open"})
		pass(turn)
		wantTold(t, states, "open")
	}))
	t.Run("does not tell what stays, or is not worth it", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.put(1, door{sign: "open", paint: "red"})
		s.put(2, door{sign: "shut"})
		pass(3 * turn)
		wantTold(t, states)
	}))
	t.Run("gives the latest to who reads slowly", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		for _, sign := range []string{"shut", "ajar", "locked"} {
			s.put(1, door{sign: sign})
			pass(turn)
		}
		wantTold(t, states, "locked")
		s.put(1, door{sign: "shut"})
		pass(turn)
		s.put(1, door{sign: "bricks", gone: true})
		pass(turn)
		wantTold(t, states, "bricks", "closed")
	}))
	t.Run("ends after the last state", inStreet(func(t *testing.T, s *street) {
		first, second := s.watch(t, t.Context(), 1), s.watch(t, t.Context(), 2)
		s.put(1, door{sign: "bricks", gone: true})
		s.put(2, door{sign: "open", gone: true}) // nothing to see, but over
		pass(turn)
		wantTold(t, first, "bricks", "closed")
		wantTold(t, second, "open", "closed")
	}))
	t.Run("ends at once when it is over already", inStreet(func(t *testing.T, s *street) {
		s.put(1, door{sign: "bricks", gone: true})
		wantTold(t, s.watch(t, t.Context(), 1), "bricks", "closed")
		s.wantLooks(t, []int{1})
		pass(time.Hour)
		s.wantLooks(t)
	}))
	t.Run("refuses what is not there, or cannot be read", inStreet(func(t *testing.T, s *street) {
		if _, err := s.Watch(t.Context(), 3); !errors.Is(err, watch.ErrNotThere) {
			t.Errorf("got %v, want ErrNotThere", err)
		}
		fog := errors.New("fog")
		s.breaks(fog, nil)
		if _, err := s.Watch(t.Context(), 1); !errors.Is(err, fog) {
			t.Errorf("got %v, want fog", err)
		}
		s.wantLooks(t, []int{3}, []int{1})
		pass(time.Hour)
		s.wantLooks(t)
	}))
	t.Run("stays with what is gone without a word", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.tearDown(1)
		pass(turn)
		wantTold(t, states)
		s.put(1, door{sign: "shut"})
		pass(turn)
		wantTold(t, states, "shut")
	}))
	t.Run("does not tell who begins during a look what it saw before", inStreet(func(t *testing.T, s *street) {
		s.watch(t, t.Context(), 1)
		looking, ends := make(chan bool), make(chan bool)
		s.breaks(nil, func(context.Context) error {
			looking <- true
			<-ends
			return nil
		})
		<-looking // and "open" has been read
		s.breaks(nil, nil)
		s.put(1, door{sign: "shut"})
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "shut")
		close(ends)
		wantTold(t, states)
		pass(turn)
		wantTold(t, states)
	}))
}

// TestWatchers: what it takes does not grow with those who watch.
func TestWatchers(t *testing.T) {
	t.Parallel()
	t.Run("many share a look and a goroutine", inStreet(func(t *testing.T, s *street) {
		before := runtime.NumGoroutine()
		var watching []<-chan door
		for range 500 {
			watching = append(watching, s.watch(t, t.Context(), 1), s.watch(t, t.Context(), 2))
		}
		// Other tests run beside this one, and come with goroutines of their own, but not with hundreds.
		if more := runtime.NumGoroutine() - before; more > 500 {
			t.Errorf("%d goroutines watch", more)
		}
		s.forget()
		for _, states := range watching {
			wantTold(t, states, "open")
		}
		s.put(2, door{sign: "shut"})
		pass(2 * turn)
		s.wantLooks(t, []int{1, 2}, []int{1, 2})
		for i, states := range watching {
			if i%2 == 0 {
				wantTold(t, states)
			} else {
				wantTold(t, states, "shut")
			}
		}
	}))
	t.Run("who goes away is forgotten, and nobody looks when nobody watches", inStreet(func(t *testing.T, s *street) {
		for range 3 { // it begins anew
			first, leaveFirst := context.WithCancel(t.Context())
			second, leaveSecond := context.WithCancel(t.Context())
			gone, here := s.watch(t, first, 1), s.watch(t, second, 2)
			leaveFirst()
			wantTold(t, gone, "open", "closed")
			pass(turn)
			wantTold(t, here, "open")
			s.wantLooks(t, []int{1}, []int{2}, []int{2})
			leaveSecond()
			wantTold(t, here, "closed")
			pass(time.Hour)
			s.wantLooks(t)
		}
	}))
	t.Run("who has gone before is told the state and no more", inStreet(func(t *testing.T, s *street) {
		ctx, leave := context.WithCancel(t.Context())
		leave()
		wantTold(t, s.watch(t, ctx, 1), "open", "closed")
		pass(time.Hour)
		s.wantLooks(t, []int{1})
	}))
	t.Run("a look ends with the last who watches, and that is no failure", inStreet(func(t *testing.T, s *street) {
		ctx, leave := context.WithCancel(t.Context())
		s.watch(t, ctx, 1)
		s.breaks(nil, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		pass(turn)
		leave()
		synctest.Wait()
		wantLog(t, s)
	}))
	t.Run("who goes away during a look keeps nobody else from being told", inStreet(func(t *testing.T, s *street) {
		ctx, leave := context.WithCancel(t.Context())
		gone := s.watch(t, ctx, 1)
		wantTold(t, gone, "open")
		var here []<-chan door
		for range 20 {
			here = append(here, s.watch(t, t.Context(), 1))
		}
		s.put(1, door{sign: "shut"})
		s.breaks(nil, func(context.Context) error {
			leave()
			<-gone // it is closed
			return nil
		})
		pass(turn)
		for _, states := range here {
			wantTold(t, states, "shut")
		}
		wantLog(t, s)
	}))
	t.Run("come and go while doors turn", inStreet(func(t *testing.T, s *street) {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ctx, leave := context.WithTimeout(t.Context(), time.Duration(i)*turn/3)
				defer leave()
				last := ""
				for d := range s.watch(t, ctx, 1+i%2) {
					if d.sign == last {
						t.Errorf("told %q twice", last)
					}
					last = d.sign
				}
			})
		}
		for i := range 50 {
			s.put(1+i%2, door{sign: fmt.Sprint(i)})
			<-time.After(turn / 2)
		}
		all.Wait()
	}))
}

// TestWatchTurns: what changes by the clock is told when it does, not at the next turn.
func TestWatchTurns(t *testing.T) {
	t.Parallel()
	t.Run("as soon as it turns", inStreet(func(t *testing.T, s *street) {
		s.put(1, door{sign: "shut", turns: time.Now().Add(30 * time.Millisecond)})
		s.put(2, door{sign: "shut", turns: time.Now().Add(time.Hour)})
		first, second := s.watch(t, t.Context(), 1), s.watch(t, t.Context(), 2)
		wantTold(t, first, "shut")
		wantTold(t, second, "shut")
		s.put(1, door{sign: "open", turns: time.Now().Add(40 * time.Millisecond)})
		s.forget()
		pass(30*time.Millisecond - 1)
		wantTold(t, first)
		pass(1)
		wantTold(t, first, "open")
		s.put(1, door{sign: "shut"})
		pass(10 * time.Millisecond)
		wantTold(t, first, "shut")
		pass(turn - 1)
		s.wantLooks(t, []int{1, 2}, []int{1, 2})
		pass(1)
		s.wantLooks(t, []int{1, 2})
		wantTold(t, second)
	}))
	t.Run("also when that is put off", inStreet(func(t *testing.T, s *street) {
		s.put(1, door{sign: "shut", turns: time.Now().Add(turn + time.Millisecond)})
		s.watch(t, t.Context(), 1)
		s.put(1, door{sign: "shut", turns: time.Now().Add(turn + 2*time.Millisecond)}) // nothing to tell
		pass(turn)
		s.forget()
		pass(time.Millisecond)
		s.wantLooks(t)
		pass(time.Millisecond)
		s.wantLooks(t, []int{1})
	}))
	t.Run("what should have turned is looked at as often as anything", inStreet(func(t *testing.T, s *street) {
		s.put(1, door{sign: "shut", turns: time.Now()})
		s.watch(t, t.Context(), 1)
		pass(2 * turn)
		s.wantLooks(t, []int{1}, []int{1}, []int{1})
	}))
}

func wantLog(t testing.TB, s *street, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(s.log.String()) {
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// TestWatchFailing: what cannot be read is said once, and told when it can be.
func TestWatchFailing(t *testing.T) {
	t.Parallel()
	const back = `level=INFO msg="watching doors: the database can be read again"`
	t.Run("the database is away", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.breaks(errors.New("fog"), nil)
		s.put(1, door{sign: "shut"})
		pass(3 * turn)
		wantTold(t, states)
		fog := `level=ERROR msg="watching doors: the database cannot be read, trying on" error=fog`
		wantLog(t, s, fog)
		s.breaks(nil, nil)
		pass(2 * turn)
		wantTold(t, states, "shut")
		wantLog(t, s, fog, back)
		s.breaks(errors.New("fog"), nil)
		pass(2 * turn)
		wantLog(t, s, fog, back, fog)
	}))
	t.Run("a panic of the domain", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.breaks(nil, func(context.Context) error { panic("a mistake") })
		s.put(1, door{sign: "shut"})
		pass(2 * turn)
		wantTold(t, states)
		s.breaks(nil, nil)
		pass(turn)
		wantTold(t, states, "shut")
		lines := strings.Split(s.log.String(), "\n")
		if len(lines) != 3 || lines[1] != back || !strings.Contains(lines[0], "panic while watching doors: a mistake") || !strings.Contains(lines[0], "watch_test.go") {
			t.Errorf("the log says:\n%s", s.log.String())
		}
	}))
	t.Run("a look that hangs is given up", inStreet(func(t *testing.T, s *street) {
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.breaks(nil, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		pass(turn)
		s.breaks(nil, nil)
		s.put(1, door{sign: "shut"})
		pass(5*time.Second + turn - 1)
		wantTold(t, states)
		pass(1)
		wantTold(t, states, "shut")
		wantLog(t, s, `level=ERROR msg="watching doors: the database cannot be read, trying on" error="context deadline exceeded"`, back)
	}))
}

// TestWatchWait: a test that cannot let time pass, because a database is in it, says itself when to look.
func TestWatchWait(t *testing.T) {
	t.Parallel()
	inStreet(func(t *testing.T, s *street) {
		looks := make(chan time.Time)
		s.Wait = func(ctx context.Context, pause time.Duration) {
			if pause != turn {
				t.Errorf("it would wait %s", pause)
			}
			select {
			case <-ctx.Done():
			case <-looks:
			}
		}
		states := s.watch(t, t.Context(), 1)
		wantTold(t, states, "open")
		s.put(1, door{sign: "shut"})
		pass(time.Hour)
		wantTold(t, states)
		looks <- time.Now()
		wantTold(t, states, "shut")
	})(t)
}

// TestWatchLog: who watches how far a log has come, and reads on from where it was, misses no entry and reads none twice,
// however slowly it reads.
func TestWatchLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			mu        sync.Mutex
			log, read []int
		)
		w := watch.New("logs", func(_ context.Context, names []string) (map[string]int, error) {
			mu.Lock()
			defer mu.Unlock()
			ends := map[string]int{}
			for _, name := range names {
				ends[name] = len(log) // also before it begins
			}
			return ends, nil
		}, func(end int) watch.Sight[int] { return watch.Sight[int]{Seen: end} }, time.Now)
		ctx, leave := context.WithCancel(t.Context())
		ends, err := w.Watch(ctx, "the log")
		if err != nil {
			t.Fatal(err)
		}
		states := 0
		var reading sync.WaitGroup
		reading.Go(func() {
			for end := range ends {
				states++
				mu.Lock()
				read = append(read, log[len(read):end]...)
				mu.Unlock()
				<-time.After(3 * turn)
			}
		})
		for entry := range 100 {
			mu.Lock()
			log = append(log, entry)
			mu.Unlock()
			<-time.After(turn / 4)
		}
		pass(time.Minute)
		leave()
		reading.Wait()
		if diff := cmp.Diff(log, read); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		if states > 12 {
			t.Errorf("read slowly in %d states: none has given way", states)
		}
	})
}
