package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// crowd holds connections until it is let go.
type crowd struct {
	running sync.WaitGroup
	free    chan struct{}
}

// letGo ends what the crowd does.
func (c *crowd) letGo() {
	close(c.free)
	c.running.Wait()
}

// readers take every connection for reads.
func readers(t *testing.T, d *db.DB) *crowd {
	t.Helper()
	return join(t, d.Readers(), func(began func(), free <-chan struct{}) error {
		return d.Snapshot(t.Context(), func(context.Context, *ent.Tx) error {
			began()
			<-free
			return nil
		})
	})
}

// join starts so many and waits until all have begun.
func join(t *testing.T, n int, do func(began func(), free <-chan struct{}) error) *crowd {
	t.Helper()
	c := &crowd{free: make(chan struct{})}
	var begun sync.WaitGroup
	for range n {
		begun.Add(1)
		c.running.Go(func() {
			if err := do(begun.Done, c.free); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	return c
}

func TestReadsLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, "CREATE TABLE t (n integer)")
		read := func(ctx context.Context) error {
			rows, err := d.Client().QueryContext(ctx, "SELECT n FROM t")
			if err != nil {
				return err
			}
			return errors.Join(rows.Err(), rows.Close())
		}
		nothing := func(context.Context, *ent.Tx) error { return nil }
		patient, give := context.WithTimeout(t.Context(), time.Minute)
		defer give()
		crowd := readers(t, d)
		for what, do := range map[string]func(context.Context) error{
			"a read": read, "a snapshot": func(ctx context.Context) error { return d.Snapshot(ctx, nothing) },
		} {
			waiting, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if err := do(waiting); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s finds a connection where none is left, or waits for longer than its context: %v", what, err)
			}
			cancel()
			for name, ctx := range map[string]context.Context{"ahead": db.Ahead(patient), "first": db.First(patient)} {
				if err := do(ctx); err != nil {
					t.Errorf("%s that is %s: %v", what, name, err)
				}
			}
		}
		exec(t, d, "INSERT INTO t VALUES (1)")
		if err := d.Ping(patient); err != nil {
			t.Errorf("the database is away because many read: %v", err)
		}
		crowd.letGo()
		if got := text(t, d, "SELECT n FROM t"); got != "1" {
			t.Errorf("read %s, want 1", got)
		}
	})
}

// TestFirst has as many transactions run as may, and more wait.
func TestFirst(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		run := func(ctx context.Context, what string) error {
			return d.Tx(ctx, func(context.Context, *ent.Tx) error {
				note(what)
				return nil
			})
		}
		running := join(t, d.Turns(), func(began func(), free <-chan struct{}) error {
			return d.Tx(t.Context(), func(context.Context, *ent.Tx) error {
				began()
				<-free
				return nil
			})
		})
		// One who gives up has not begun anything.
		impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := run(impatient, "impatient"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("one who does not wait: %v", err)
		}
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() {
				if err := run(t.Context(), "waited"); err != nil {
					t.Error(err)
				}
			})
		}
		patient, give := context.WithTimeout(t.Context(), time.Minute)
		defer give()
		first := make(chan error, 1)
		go func() { first <- run(db.First(patient), "first") }()
		if d.Dialect() == "postgres" {
			// It has a connection of its own.
			if err := <-first; err != nil {
				t.Error(err)
			}
		} else {
			// There is one writer. It is next, though others came before.
			again := time.NewTicker(time.Millisecond)
			defer again.Stop()
			for d.WaitingForWriter() == 0 && patient.Err() == nil {
				<-again.C
			}
			defer func() {
				if err := <-first; err != nil {
					t.Error(err)
				}
			}()
		}
		running.letGo()
		waiting.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(order) != 21 || order[0] != "first" {
			t.Errorf("they ran in the order %v", order)
		}
	})
}

func TestShares(t *testing.T) {
	t.Parallel()
	for total := 3; total <= 200; total++ {
		reads, ahead, writes, turns := db.Shares(total)
		if reads+ahead+writes != total || min(reads, ahead, writes, turns) < 1 || turns > writes || writes > 1 && turns == writes {
			t.Errorf("%d connections: %d for reads, %d ahead, %d for transactions, %d of them for everybody", total, reads, ahead, writes, turns)
		}
	}
}
