// Package recent keeps what has been read, for those for whom it may be a moment old.
package recent

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Values are values by their keys, the latest used ones. What is kept must not be changed by whoever is given it.
type Values[K comparable, V any] struct {
	clock func() time.Time

	mu   sync.Mutex
	kept *simplelru.LRU[K, value[V]]
}

type value[V any] struct {
	V     V
	asked time.Time
}

// New keeps at most so many values, which must be more than none. The clock says how old they are.
func New[K comparable, V any](most int, clock func() time.Time) *Values[K, V] {
	kept, err := simplelru.NewLRU[K, value[V]](most, nil)
	if err != nil {
		panic(err) // most is a constant of whoever keeps something
	}
	return &Values[K, V]{clock: clock, kept: kept}
}

// Get finds the value of a key; false when there is none that was asked for less than so long ago. The clock may have been
// set back: a value from the future is not recent.
func (v *Values[K, V]) Get(key K, within time.Duration) (found V, ok bool) {
	now := v.clock()
	v.mu.Lock()
	defer v.mu.Unlock()
	kept, ok := v.kept.Get(key)
	if age := now.Sub(kept.asked); !ok || age < 0 || age >= within {
		return found, false
	}
	return kept.V, true
}

// Put keeps the value of a key that was asked for at an instant: one from before it was read, since the value may have
// changed while it was. A value that was asked for later stays.
func (v *Values[K, V]) Put(key K, asked time.Time, read V) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if kept, ok := v.kept.Peek(key); !ok || !kept.asked.After(asked) || kept.asked.After(v.clock()) {
		v.kept.Add(key, value[V]{read, asked})
	}
}
