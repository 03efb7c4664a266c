package offers

import "time"

// WaitFor makes the watcher look again whenever something comes on a channel, instead of after a while; asked is told for
// how long it would have waited.
func (w *Watcher) WaitFor(ticks <-chan time.Time, asked func(time.Duration)) {
	w.wait = func(d time.Duration) (<-chan time.Time, func() bool) {
		asked(d)
		return ticks, func() bool { return true }
	}
}

// Ended returns when the watcher has no goroutine any more.
func (w *Watcher) Ended() { w.runs.Wait() }

// Running says whether somebody is watching.
func (w *Watcher) Running() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stop != nil
}
