package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// locker is db.LockShared or db.LockExclusive.
type locker func(ctx context.Context, tx *ent.Tx, key int64) error

// holding is a transaction that takes the lock of a key and then waits.
type holding struct {
	got  chan struct{} // closed when it has the lock
	free chan struct{}
	done chan error
}

func hold(t *testing.T, d *db.DB, lock locker, key int64) *holding {
	t.Helper()
	h := &holding{got: make(chan struct{}), free: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		h.done <- d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := lock(ctx, tx, key); err != nil {
				return err
			}
			close(h.got)
			<-h.free
			return nil
		})
	}()
	return h
}

// wait waits until the transaction has the lock.
func (h *holding) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.got:
	case err := <-h.done:
		t.Fatalf("the transaction ended without the lock: %v", err)
	}
}

// release ends the transaction.
func (h *holding) release(t *testing.T) {
	t.Helper()
	close(h.free)
	if err := <-h.done; err != nil {
		t.Error(err)
	}
}

// wantWaiting waits until so many transactions of the database are waiting for the lock of a key.
func wantWaiting(t *testing.T, d *db.DB, want string) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got := text(t, d, `SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
			WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted`)
		if got == want {
			return
		}
		if deadline.Err() != nil {
			t.Fatalf("%s are waiting for a lock, want %s", got, want)
		}
	}
}

func TestLocksOfKeys(t *testing.T) {
	t.Parallel()
	const key, other = 7, 8

	t.Run("are_shared_or_exclusive_and_given_in_turn", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		first, second := hold(t, d, db.LockShared, key), hold(t, d, db.LockShared, key)
		first.wait(t)
		second.wait(t)

		writer := hold(t, d, db.LockExclusive, key)
		wantWaiting(t, d, "1")
		reader := hold(t, d, db.LockShared, key)
		wantWaiting(t, d, "2") // although others share it: the writer was first
		elsewhere := hold(t, d, db.LockExclusive, other)
		elsewhere.wait(t)
		elsewhere.release(t)

		first.release(t)
		wantWaiting(t, d, "2")
		second.release(t)
		writer.wait(t)
		wantWaiting(t, d, "1")
		writer.release(t)
		reader.wait(t)
		reader.release(t)
	})

	t.Run("are_free_again_after_a_rollback", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			boom := errors.New("boom")
			for range 2 {
				err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					// The second time changes nothing.
					return errors.Join(db.LockExclusive(ctx, tx, key), db.LockExclusive(ctx, tx, key), db.LockShared(ctx, tx, key), boom)
				})
				if !errors.Is(err, boom) || err.Error() != "boom" {
					t.Fatal(err)
				}
			}
		})
	})

	t.Run("are_refused_outside_their_transaction_and_to_keep_out_the_migrator", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				for _, lock := range []locker{db.LockShared, db.LockExclusive} {
					if err := lock(t.Context(), tx, key); err == nil || !strings.Contains(err.Error(), "context") {
						t.Errorf("with another context: %v", err)
					}
					if err := lock(ctx, tx, db.MigrationLock); err == nil || !strings.Contains(err.Error(), "migrator") {
						t.Errorf("with the migrator's key: %v", err)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestIsLockTimeout(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	holder := hold(t, d, db.LockShared, 7)
	holder.wait(t)
	runs := 0
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		runs++
		if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '1ms'"); err != nil {
			return err
		}
		return db.LockExclusive(ctx, tx, 7)
	})
	if !db.IsLockTimeout(err) || runs != 1 {
		t.Errorf("a lock that others hold: %v, after %d runs", err, runs)
	}
	holder.release(t)

	for _, err := range []error{nil, errors.New("boom"), db.ErrOutcomeUnknown, context.DeadlineExceeded} {
		if db.IsLockTimeout(err) {
			t.Errorf("%v is taken for a lock timeout", err)
		}
	}
	err = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT 1/0")
		return err
	})
	if err == nil || db.IsLockTimeout(err) {
		t.Errorf("another error of the server is taken for a lock timeout: %v", err)
	}
}
