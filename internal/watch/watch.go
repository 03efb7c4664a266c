// Package watch tells what changes in the database to those who watch it, by looking at it a few times a second.
//
// What is watched, and what of it is worth telling, a domain says. This package promises:
//
//   - One goroutine looks for all who watch, however many, at everything that they watch at once; when nobody watches there
//     is none, and nothing is read.
//   - Changes of other instances are told as soon as those of this one: within a quarter of a second, because all of them are
//     read. What changes by the clock alone is told when it does.
//   - Nobody waits for who reads slowly: a state that has not been read gives way to a newer one, and the latest is never
//     missed. Who must not miss what lies between watches how far a log has come, and reads on from where it was.
//   - A database that cannot be read, or a panic of the domain, delays what is told and ends nothing.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// interval is how often what is watched is looked at: what happens on another instance is known that much later.
	interval = 250 * time.Millisecond
	// timeout is how long a look may take before it is given up and another one is tried.
	timeout = 5 * time.Second
)

// ErrNotThere is the answer to who wants to watch what a look does not find.
var ErrNotThere = errors.New("nothing to watch by that key")

// Look reads the states of what has these keys, each of which comes once, as they are now. It takes the same number of
// statements however many there are. What is not there is not in the result; of what is gone while somebody watches nothing
// is told.
type Look[K comparable, S any] func(ctx context.Context, keys []K) (map[K]S, error)

// Sight is what there is to see of a state.
type Sight[V comparable] struct {
	// Seen is what is worth telling: a state is told when it is another than in the state before.
	Seen V
	// Turns is the instant at which Seen changes although nobody writes anything; zero when there is none.
	Turns time.Time
	// Over says that nothing is to come any more.
	Over bool
}

// Watcher looks at all that anybody in this process watches of one sort, together. K is what it is called by, S its state
// and V what is worth telling of that. It is safe for use by many goroutines, but for its fields: they are set before
// anybody watches.
type Watcher[K comparable, S any, V comparable] struct {
	// Log is told when the database cannot be read, and when it can be again; nobody is, unless it is set.
	Log *slog.Logger
	// Wait returns after a while, or when ctx ends. It is a timer, unless a test decides when to look.
	Wait func(ctx context.Context, pause time.Duration)

	noun  string
	look  Look[K, S]
	sight func(S) Sight[V]
	clock func() time.Time

	mu       sync.Mutex
	watching map[*watching[K, S, V]]bool
	// stop ends the goroutine; nil when there is none.
	stop context.CancelFunc
}

// watching is one who watches. All but its key is guarded by the watcher's lock.
type watching[K comparable, S any, V comparable] struct {
	key K
	// states holds one, the latest that has not been read.
	states chan S
	// last is what there was to see of what was told last, and turns when that changes by itself.
	last  V
	turns time.Time
	// leave forgets to wait for the end of who watches.
	leave func() bool
}

// New makes a watcher of what the noun is the plural of: "flash sales". The sight is a rule, the same for the same state.
func New[K comparable, S any, V comparable](
	noun string, look Look[K, S], sight func(S) Sight[V], clock func() time.Time,
) *Watcher[K, S, V] {
	return &Watcher[K, S, V]{
		Log: slog.New(slog.DiscardHandler), Wait: wait,
		noun: noun, look: look, sight: sight, clock: clock, watching: map[*watching[K, S, V]]bool{},
	}
}

func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Watch tells the state of what has a key at once, and again whenever it is another to see. Whoever watches the same is
// given the same state, and changes nothing of it.
//
// The channel is closed when ctx ends, and after the last state when that is over. The error is ErrNotThere, or that of the
// first look.
func (w *Watcher[K, S, V]) Watch(ctx context.Context, key K) (<-chan S, error) {
	states, err := w.look(ctx, []K{key})
	if err != nil {
		return nil, err
	}
	state, ok := states[key]
	if !ok {
		return nil, ErrNotThere
	}
	sight := w.sight(state)
	one := &watching[K, S, V]{key: key, states: make(chan S, 1), last: sight.Seen, turns: sight.Turns}
	one.states <- state
	if sight.Over {
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
		running, w.stop = context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // Method end calls it; gosec does not see through type parameters.
		go w.run(running)
	}
	return one.states, nil
}

// end closes the channel of one who watches, and ends the goroutine after the last.
func (w *Watcher[K, S, V]) end(one *watching[K, S, V]) {
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
func (w *Watcher[K, S, V]) run(ctx context.Context) {
	failing := false
	for {
		w.Wait(ctx, w.pause())
		if ctx.Err() != nil {
			return
		}
		err := w.safely(ctx)
		switch {
		case ctx.Err() != nil: // The look was cut short because nobody watches any more.
		case err != nil && !failing:
			w.Log.ErrorContext(ctx, "watching "+w.noun+": the database cannot be read, trying on", "error", err) //nolint:sloglint // Each watcher says the same each time.
		case err == nil && failing:
			w.Log.InfoContext(ctx, "watching "+w.noun+": the database can be read again") //nolint:sloglint // As above.
		}
		failing = err != nil
	}
}

// safely is turn, with a panic as an error: it is a mistake of ours, and what others watch must not end with it.
func (w *Watcher[K, S, V]) safely(ctx context.Context) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic while watching %s: %v\n%s", w.noun, panicked, debug.Stack())
		}
	}()
	return w.turn(ctx)
}

// pause is how long to wait for the next look: less than usual when something changes by itself before.
func (w *Watcher[K, S, V]) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	pause, now := interval, w.clock()
	for one := range w.watching {
		if one.turns.After(now) {
			pause = min(pause, one.turns.Sub(now))
		}
	}
	return pause
}

// turn looks at what is watched once, and tells what has changed. Who begins to watch meanwhile has seen something newer
// and is left out. What the domain does, it does outside the lock.
func (w *Watcher[K, S, V]) turn(ctx context.Context) error {
	w.mu.Lock()
	watched := slices.Collect(maps.Keys(w.watching))
	w.mu.Unlock()

	keys := map[K]bool{}
	for _, one := range watched {
		keys[one.key] = true
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	states, err := w.look(limited, slices.Collect(maps.Keys(keys)))
	if err != nil {
		return err
	}
	sights := make(map[K]Sight[V], len(states))
	for key, state := range states {
		sights[key] = w.sight(state)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range watched {
		if state, ok := states[one.key]; ok && w.watching[one] {
			w.tell(one, state, sights[one.key])
		}
	}
	return nil
}

// tell puts a state before one who watches, if it is worth it, in place of one that has not been read.
func (w *Watcher[K, S, V]) tell(one *watching[K, S, V], state S, sight Sight[V]) {
	one.turns = sight.Turns
	if sight.Seen != one.last {
		one.last = sight.Seen
		select {
		case <-one.states:
		default:
		}
		one.states <- state // nobody else sends, so there is room
	}
	if sight.Over {
		w.end(one)
	}
}
