package checkout

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/fault"
)

// Sizes of the till.
const (
	// maxBatch is how many requests one transaction takes.
	maxBatch = 256
	// enoughItems is how many products their baskets come down to are enough for one transaction, so that a queue of
	// large baskets does not make one that takes seconds.
	enoughItems = 2_000
	// maxQueue is how many may wait: a few batches, so that nobody waits long for an answer that is not coming.
	maxQueue = 4 * maxBatch
	// lockRetry is when to come again after a lock was not given.
	lockRetry = time.Second
	// batchTimeout bounds a batch with all its retries and all the parts that it is taken into.
	batchTimeout = 20 * time.Second
)

// Batch is what one transaction of the till did, for metrics.
type Batch struct {
	// Requests is how many it took, Purchases how many of them became one.
	Requests, Purchases int
	// Took is how long it was, from the first statement to the answer to COMMIT.
	Took time.Duration
	// Err is why it had to be taken apart, or nil.
	Err error
}

// Overload is what an OVERLOADED fault tells.
type Overload struct{ RetryAfter time.Duration }

// till takes requests one batch at a time. While one batch is committing the next one queues up; when nothing is, a
// request goes alone and at once. One goroutine commits: batches of one process never wait for each other's locks.
type till struct {
	run   func([]*request)
	queue chan *request

	mu     sync.RWMutex // guards closed against a send on a closed queue
	closed bool

	clock func() time.Time
	idle  chan struct{} // closed when the loop has ended
	lasts atomic.Int64  // how long the last batch took, in nanoseconds
}

func openTill(run func([]*request), clock func() time.Time) *till {
	t := &till{run: run, queue: make(chan *request, maxQueue), clock: clock, idle: make(chan struct{})}
	go t.loop()
	return t
}

// do queues a request and waits for its outcome, or for the caller to go away. One who has gone already is not queued.
func (t *till) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *till) enqueue(r *request) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.closed {
		select {
		case t.queue <- r:
			return nil
		default:
		}
	}
	batches := len(t.queue)/maxBatch + 1
	wait := max(time.Duration(batches)*time.Duration(t.lasts.Load()), 100*time.Millisecond)
	return overloaded(wait)
}

func overloaded(wait time.Duration) *fault.Fault {
	return fault.New(fault.Overloaded, "The shop is too busy to take the checkout.").With(Overload{RetryAfter: wait})
}

func (t *till) close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mu.Unlock()
	<-t.idle
}

func (t *till) loop() {
	defer close(t.idle)
	for first := range t.queue {
		batch := t.collect(first)
		began := t.clock()
		t.run(batch)
		t.lasts.Store(int64(t.clock().Sub(began)))
		for _, r := range batch {
			close(r.done)
		}
	}
}

// collect takes what is waiting, without waiting for more.
func (t *till) collect(first *request) []*request {
	batch, items := []*request{first}, first.weight
	for len(batch) < maxBatch && items < enoughItems {
		select {
		case r, open := <-t.queue:
			if !open {
				return batch
			}
			batch, items = append(batch, r), items+r.weight
		default:
			return batch
		}
	}
	return batch
}

// run gives every request of a batch its outcome.
func (s *Service) run(batch []*request) {
	ctx, cancel := context.WithTimeout(db.First(db.Repeated(context.Background())), batchTimeout)
	defer cancel()
	s.serve(ctx, batch)
}

// serve gives every request of a batch, or of a part of one, its outcome. An error that nobody expected takes it apart,
// until the one request that causes it stands alone: the others have done nothing wrong. When the database is away or
// the time is up, no request is to blame and none would fare better alone.
func (s *Service) serve(ctx context.Context, batch []*request) {
	b := s.commit(ctx, batch)
	if s.Observe != nil {
		s.Observe(b)
	}
	switch {
	case b.Err == nil:
	case db.IsLockTimeout(b.Err) && !errors.Is(b.Err, db.ErrOutcomeUnknown):
		// Somebody holds a lock for very long. Nothing was written; each part of the batch would wait as long again.
		s.Logger.Warn("checkout: a lock was not given", "requests", len(batch), "error", b.Err)
		for _, r := range batch {
			r.outcome = refused(overloaded(lockRetry))
		}
	case len(batch) == 1 || isOutage(ctx, b.Err):
		for _, r := range batch {
			r.outcome = refused(b.Err)
		}
	default:
		s.Logger.Warn("checkout: batch taken apart", "requests", len(batch), "error", b.Err)
		half := len(batch) / 2
		s.serve(ctx, batch[:half])
		s.serve(ctx, batch[half:])
	}
}

func isOutage(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, db.ErrOutcomeUnknown) || db.IsConnectionLost(err)
}

// commit runs one batch as one transaction: load, decide, apply. It may run more than once: when locks collide, and when
// the connection breaks, even around COMMIT. That is safe because load looks for the requests' own keys under the
// shoppers' locks: a request that has succeeded already is answered from what it wrote, and nothing is done again.
func (s *Service) commit(ctx context.Context, batch []*request) (b Batch) {
	began := s.Clock()
	b.Requests = len(batch)
	defer func() {
		// The till serves everybody. One request that trips over a mistake of ours must not end the shop.
		if panicked := recover(); panicked != nil {
			b.Err = fmt.Errorf("panic in the till: %v\n%s", panicked, debug.Stack())
		}
		if b.Err != nil {
			b.Purchases = 0
		}
		b.Took = s.Clock().Sub(began)
	}()
	b.Err = s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		st, err := s.load(ctx, tx, batch)
		if err != nil {
			return err
		}
		for _, r := range batch {
			if r.outcome, err = st.decide(r); err != nil {
				return err
			}
		}
		b.Purchases = len(st.purchases)
		return st.apply(ctx, tx)
	})
	return b
}
