package offers

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
)

const (
	// watchInterval is how often watched sales are looked at: what happens on another instance is known that much later.
	watchInterval = 250 * time.Millisecond
	// watchTimeout is how long a look may take before it is given up and another one is tried.
	watchTimeout = 5 * time.Second
)

// SaleState is a flash sale at an instant. It is shared by all who watch the sale.
type SaleState struct {
	Sale *ent.FlashSale
	// Stock is that of the window which it is in or, when it is in none, of its next one; nil when nothing has been taken.
	Stock *ent.OfferStock
	At    time.Time
}

// Standing is where the sale stands.
func (s SaleState) Standing() Standing { return StandingOf(s.Sale, s.Stock, s.At) }

// Watch tells how a flash sale goes: its state at once, and again whenever it begins, units are sold or come back, it sells out,
// is changed or ends. Changes of other instances are told as soon as those of this one, within watchInterval: all of them are
// read from the database. Who reads slowly misses what has been overtaken, never the latest.
//
// The channel is closed when ctx ends, and after the last state when the sale is ENDED or ARCHIVED. The error is a NOT_FOUND
// fault when there is no such sale. Whoever asks must be allowed to see it: drafts are told of, too.
func (s *Service) Watch(ctx context.Context, id uuid.UUID) (<-chan SaleState, error) {
	return s.Watcher.watch(ctx, id)
}

// Watcher looks at all flash sales that anybody in this process watches, together: two statements a turn, however many
// watch. It runs a goroutine while somebody does.
type Watcher struct {
	// Log is told when the database cannot be read, and when it can be again.
	Log *slog.Logger

	db    *db.DB
	clock func() time.Time
	// wait gives a channel on which something comes after a while, and a function to stop waiting.
	wait func(time.Duration) (<-chan time.Time, func() bool)

	mu       sync.Mutex
	watching map[*watching]bool
	// stop ends the goroutine; nil when there is none.
	stop context.CancelFunc
	// runs are the goroutines that have not ended yet: one at most, and some that are about to end.
	runs sync.WaitGroup
}

func newWatcher(d *db.DB, clock func() time.Time) *Watcher {
	return &Watcher{
		Log: slog.New(slog.DiscardHandler), db: d, clock: clock, watching: map[*watching]bool{},
		wait: func(d time.Duration) (<-chan time.Time, func() bool) {
			timer := time.NewTimer(d)
			return timer.C, timer.Stop
		},
	}
}

// watching is one who watches a sale. All but its id is guarded by the watcher's lock.
type watching struct {
	id uuid.UUID
	// states holds one, the latest that has not been read.
	states chan SaleState
	// last is what was told last, and turns when that changes by itself.
	last  sight
	turns time.Time
	// leave forgets to wait for the end of who watches.
	leave func() bool
}

// sight is what of a state is worth telling when it changes.
type sight struct {
	version int
	status  Status
	round   int64
	taken   int64
}

// sight is what there is to see of a state, and the instant at which that changes by itself; zero when it does not.
func (s SaleState) sight() (seen sight, turns time.Time) {
	seen = sight{version: s.Sale.Version, status: s.Standing().Status}
	if s.Stock != nil {
		seen.taken = s.Stock.Taken
	}
	window, ok := WindowOf(s.Sale, s.At)
	if !ok {
		return seen, time.Time{}
	}
	seen.round = window.Round
	if window.Contains(s.At) {
		return seen, window.End
	}
	return seen, window.Start
}

// over says whether nothing is to come any more.
func (s sight) over() bool { return s.status == Ended || s.status == Archived }

func (w *Watcher) watch(ctx context.Context, id uuid.UUID) (<-chan SaleState, error) {
	states, err := w.look(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	state, ok := states[id]
	if !ok {
		return nil, sales.notFound()
	}
	one := &watching{id: id, states: make(chan SaleState, 1)}
	one.last, one.turns = state.sight()
	one.states <- state
	if one.last.over() {
		close(one.states)
		return one.states, nil
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching[one] = true
	one.leave = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.end(one)
	})
	if w.stop == nil {
		// It belongs to all who watch, and so to no request.
		var running context.Context
		running, w.stop = context.WithCancel(context.WithoutCancel(ctx))
		w.runs.Go(func() { w.run(running) })
	}
	return one.states, nil
}

// end closes the channel of one who watches, and ends the goroutine after the last.
func (w *Watcher) end(one *watching) {
	if !w.watching[one] {
		return
	}
	delete(w.watching, one)
	close(one.states)
	one.leave()
	if len(w.watching) == 0 {
		w.stop()
		w.stop = nil
	}
}

// run looks at all that is watched again and again, until its context ends.
func (w *Watcher) run(ctx context.Context) {
	failing := false
	for {
		due, stop := w.wait(w.pause())
		select {
		case <-ctx.Done():
			stop()
			return
		case <-due:
		}
		err := w.safely(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			w.Log.ErrorContext(ctx, "watching flash sales: the database cannot be read, trying on", "error", err)
		case err == nil && failing:
			w.Log.InfoContext(ctx, "watching flash sales: the database can be read again")
		}
		failing = err != nil
	}
}

// safely is turn, with a panic as an error: it is a mistake of ours, and nobody else's sale must end with it.
func (w *Watcher) safely(ctx context.Context) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic while watching flash sales: %v\n%s", panicked, debug.Stack())
		}
	}()
	return w.turn(ctx)
}

// pause is how long to wait for the next look: less than usual when a window begins or ends before.
func (w *Watcher) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	pause, now := watchInterval, w.clock()
	for one := range w.watching {
		if one.turns.After(now) {
			pause = min(pause, one.turns.Sub(now))
		}
	}
	return pause
}

// turn looks at what is watched once, and tells what has changed. Who begins to watch meanwhile has seen something newer
// and is left out.
func (w *Watcher) turn(ctx context.Context) error {
	w.mu.Lock()
	watched := slices.Collect(maps.Keys(w.watching))
	w.mu.Unlock()

	ids := map[uuid.UUID]bool{}
	for _, one := range watched {
		ids[one.id] = true
	}
	limited, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	states, err := w.look(limited, slices.Collect(maps.Keys(ids)))
	if err != nil {
		return err
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range watched {
		if state, ok := states[one.id]; ok && w.watching[one] {
			w.tell(one, state)
		}
	}
	return nil
}

// tell puts a state before one who watches, if it is worth it, in place of one that has not been read.
func (w *Watcher) tell(one *watching, state SaleState) {
	var seen sight
	seen, one.turns = state.sight()
	if seen == one.last {
		return
	}
	one.last = seen
	select {
	case <-one.states:
	default:
	}
	one.states <- state // nobody else sends, so there is room
	if seen.over() {
		w.end(one)
	}
}

// look reads flash sales as they are now, in two statements.
func (w *Watcher) look(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]SaleState, error) {
	found, err := FlashSalesByIDs(ctx, w.db.Client(), ids)
	if err != nil {
		return nil, err
	}
	now := w.clock()
	stocks, err := StocksOf(ctx, w.db.Client(), slices.Collect(maps.Values(found)), now)
	if err != nil {
		return nil, err
	}
	states := make(map[uuid.UUID]SaleState, len(found))
	for id, row := range found {
		states[id] = SaleState{Sale: row, Stock: stocks[id], At: now}
	}
	return states, nil
}
