package offers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// lookout is a shop whose watcher looks when a test says so.
type lookout struct {
	*shop

	ticks chan struct{}
	// asks are how long the watcher would wait, and ends is told instead when nobody watches any more after a look.
	asks chan time.Duration
	ends chan struct{}
}

func watchOver(t testing.TB, d *db.DB) *lookout {
	t.Helper()
	l := &lookout{
		shop: open(t, d), ticks: make(chan struct{}), asks: make(chan time.Duration, 1), ends: make(chan struct{}, 1),
	}
	l.Watcher.Wait = func(ctx context.Context, pause time.Duration) {
		if ctx.Err() != nil {
			l.ends <- struct{}{}
			return
		}
		l.asks <- pause
		select {
		case <-ctx.Done():
		case <-l.ticks:
		}
	}
	return l
}

// rests waits until the watcher is done with what it does, and tells for how long it would wait now.
func (l *lookout) rests(t testing.TB) time.Duration {
	t.Helper()
	select {
	case pause := <-l.asks:
		l.asks <- pause
		return pause
	case <-time.After(time.Minute):
		t.Fatal("nobody waits")
		return 0
	}
}

// tick makes the watcher look, and waits until it has looked: what the test does next is for the next look.
func (l *lookout) tick(t testing.TB) {
	t.Helper()
	l.rests(t)
	<-l.asks
	select {
	case l.ticks <- struct{}{}:
	case <-time.After(time.Minute):
		t.Fatal("nobody looks")
	}
	select {
	case pause := <-l.asks:
		l.asks <- pause
	case <-l.ends:
	case <-time.After(time.Minute):
		t.Fatal("the look does not end")
	}
}

func (l *lookout) watch(t testing.TB, ctx context.Context, id uuid.UUID) <-chan offers.SaleState { //nolint:revive // The test is first, as everywhere.
	t.Helper()
	states, err := l.Watch(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// wantState takes the next state: "LIVE 3" with what is left, or "closed".
func wantState(t testing.TB, states <-chan offers.SaleState, want string) {
	t.Helper()
	select {
	case state, ok := <-states:
		got := "closed"
		if ok {
			standing := state.Standing()
			got = fmt.Sprint(standing.Status)
			if standing.Remaining != nil {
				got += fmt.Sprintf(" %d", *standing.Remaining)
			}
		}
		if got != want {
			t.Fatalf("the sale is %s, want %s", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nothing comes, want %s", want)
	}
}

func wantNothing(t testing.TB, states <-chan offers.SaleState) {
	t.Helper()
	select {
	case state, ok := <-states:
		t.Fatalf("told %v, %t", state.Standing(), ok)
	default:
	}
}

// restock changes the stock of a sale.
func (s *shop) restock(t testing.TB, id uuid.UUID, stock int64) {
	t.Helper()
	s.updateSale(t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: id}, Stock: catalog.To(&stock)})
}

// TestWatch: what happens on one instance is told on another.
func TestWatch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		other := open(t, dbtest.Open(t, dbtest.URL(t, d)))
		poems := other.book(t, "Poems")
		planned := func(change func(in *offers.CreateFlashSale)) *ent.FlashSale {
			in := fifth(poems.ID)
			in.StartsAt, in.Stock = after(time.Hour), new(int64(3))
			if change != nil {
				change(&in)
			}
			return other.sell(t, in)
		}

		t.Run("from before its beginning to its end", func(t *testing.T) {
			l, row := watchOver(t, d), planned(nil)
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "UPCOMING 3")
			l.tick(t)
			l.set(after(time.Hour).Add(-time.Microsecond))
			l.tick(t)
			l.set(*after(time.Hour))
			l.tick(t)
			wantState(t, states, "LIVE 3")
			other.take(t, row.ID, 0, 2)
			l.tick(t)
			wantState(t, states, "LIVE 1")
			other.take(t, row.ID, 0, 1)
			l.tick(t)
			wantState(t, states, "SOLD_OUT 0")
			other.giveBack(t, row.ID, 0, 1)
			l.tick(t)
			wantState(t, states, "LIVE 1")
			other.restock(t, row.ID, 10)
			l.tick(t)
			wantState(t, states, "LIVE 8")
			l.set(*after(2 * time.Hour))
			l.tick(t)
			wantState(t, states, "ENDED 0")
			wantState(t, states, "closed")
		})
		t.Run("what does not change is not told", func(t *testing.T) {
			l, row := watchOver(t, d), planned(nil)
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "UPCOMING 3")
			l.set(*after(time.Minute))
			l.tick(t)
			wantNothing(t, states)
		})
		t.Run("a change of what it is called is told, and its archiving is the last", func(t *testing.T) {
			l, row := watchOver(t, d), planned(nil)
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "UPCOMING 3")
			other.updateSale(t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: row.ID, Texts: catalog.To(texts("Soon"))}})
			l.tick(t)
			wantState(t, states, "UPCOMING 3")
			if _, err := other.ArchiveFlashSale(merchandiser(t), offers.Archive{ID: row.ID}); err != nil {
				t.Fatal(err)
			}
			l.tick(t)
			wantState(t, states, "ARCHIVED 0")
			wantState(t, states, "closed")
		})
		t.Run("being ended before its time is the last", func(t *testing.T) {
			l, row := watchOver(t, d), planned(func(in *offers.CreateFlashSale) { in.StartsAt = nil })
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "LIVE 3")
			if _, err := other.EndFlashSale(merchandiser(t), offers.Archive{ID: row.ID}); err != nil {
				t.Fatal(err)
			}
			l.tick(t)
			wantState(t, states, "ENDED 0")
			wantState(t, states, "closed")
		})
		t.Run("window after window of a recurring one", func(t *testing.T) {
			l := watchOver(t, d)
			row := planned(func(in *offers.CreateFlashSale) {
				in.StartsAt, in.EndsAt, in.Recurrence = nil, nil, weekly("daily 12:00-12:00 UTC")
			})
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "LIVE 3")
			other.take(t, row.ID, 20261224, 3)
			l.tick(t)
			wantState(t, states, "SOLD_OUT 0")
			l.set(*after(24 * time.Hour))
			l.tick(t)
			wantState(t, states, "LIVE 3")
			l.set(*after(48 * time.Hour))
			l.tick(t)
			wantState(t, states, "LIVE 3")
		})
		t.Run("several sales, each for itself", func(t *testing.T) {
			l, first, second := watchOver(t, d), planned(nil), planned(nil)
			untouched, sold := l.watch(t, t.Context(), first.ID), l.watch(t, t.Context(), second.ID)
			wantState(t, untouched, "UPCOMING 3")
			wantState(t, sold, "UPCOMING 3")
			other.take(t, second.ID, 0, 1)
			l.tick(t)
			wantNothing(t, untouched)
			wantState(t, sold, "UPCOMING 2")
		})
		t.Run("one that is over, and one that is not there", func(t *testing.T) {
			l, row := watchOver(t, d), planned(func(in *offers.CreateFlashSale) { in.StartsAt = nil })
			l.set(*after(2 * time.Hour))
			states := l.watch(t, t.Context(), row.ID)
			wantState(t, states, "ENDED 0")
			wantState(t, states, "closed")
			_, err := l.Watch(t.Context(), uuid.New())
			wantFaults(t, err, string(fault.NotFound))
		})
	})
}

// TestWatchWakesForWindows: the beginning and the end of a window are told when they come, not at the next turn.
func TestWatchWakesForWindows(t *testing.T) {
	t.Parallel()
	l := watchOver(t, dbtest.SQLite(t))
	in := fifth(l.book(t, "Poems").ID)
	in.StartsAt, in.EndsAt = after(30*time.Millisecond), after(40*time.Millisecond)
	states := l.watch(t, t.Context(), l.sell(t, in).ID)
	wantState(t, states, "UPCOMING")
	if got := l.rests(t); got != 30*time.Millisecond {
		t.Errorf("it waits for %s", got)
	}
	l.set(*after(30 * time.Millisecond))
	l.tick(t)
	wantState(t, states, "LIVE")
	if got := l.rests(t); got != 10*time.Millisecond {
		t.Errorf("it waits for %s", got)
	}
	l.set(*after(40 * time.Millisecond))
	l.tick(t)
	wantState(t, states, "ENDED")

	in.StartsAt, in.EndsAt = after(time.Hour), after(2*time.Hour)
	l.watch(t, t.Context(), l.sell(t, in).ID)
	if got := l.rests(t); got != 250*time.Millisecond {
		t.Errorf("it waits for %s", got)
	}
}

// TestWatchByItself: with the real ticker, too.
func TestWatchByItself(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		in := fifth(s.book(t, "Poems").ID)
		in.Stock = new(int64(1))
		row := s.sell(t, in)
		states, err := s.Watch(t.Context(), row.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantState(t, states, "LIVE 1")
		s.take(t, row.ID, 0, 1)
		wantState(t, states, "SOLD_OUT 0")
	})
}
