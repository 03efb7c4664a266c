package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"farthing/ent"
)

// How long a transaction that lost against another one is tried again: ten times over about a second.
const (
	maxAttempts  = 10
	firstBackoff = 4 * time.Millisecond
	maxBackoff   = 500 * time.Millisecond
)

// Tx runs a function in one transaction and commits when it returns nil. When it returns an error or panics, the
// transaction is rolled back and the error or panic goes on.
//
// The function may run several times: when the transaction loses against another one (a serialization failure, a
// deadlock, a busy SQLite file) it is rolled back and starts afresh. So it must set, not add to, what it leaves outside
// the database, and do nothing there that cannot be undone. A violated constraint is not tried again.
//
// The function gets a context of its own, which refuses the plain client and further transactions (ErrInTransaction).
// It must not use tx from several goroutines at once, nor after it returns.
//
// On PostgreSQL the transaction is READ COMMITTED: each statement sees what is committed when it begins, so what is read
// after a lock was waited for is what its last holder left. (On SQLite there is one writer at a time.)
//
// When ctx ends before the function has returned, the transaction is rolled back and the error is the context's. After
// that the caller is not asked any more: COMMIT is sent and its answer is awaited. When the answer is lost, the error is
// ErrOutcomeUnknown, which Tx never hides by trying again; TxKeyed is for callers who can.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	return d.retry(ctx, fn, isConflict)
}

// TxKeyed is Tx for a function that can be run again although an earlier run may have been committed. It starts the
// function afresh also when the connection dies, before or during COMMIT.
//
// The contract: before the function acts, it makes sure that no earlier run of it can still commit, and then looks for
// what such a run has left, by a unique key of its own; when that is there, it returns the stored result instead of
// acting. A look alone is not enough, since the lost transaction may be just about to commit. It takes one of two ways,
// and both wait for that transaction to end:
//
//   - It claims its key with an INSERT … ON CONFLICT DO NOTHING, which waits for anybody who is writing the same key.
//   - It takes a lock that every run takes first of all, such as that of one row (Lock), and then looks the key up. Only a
//     run that held the lock can have sent its COMMIT, and it holds the lock until it is done or undone. The look is a
//     later statement than the lock, and so sees what the last holder has committed.
//
// ErrOutcomeUnknown comes back only when no later run could reach the database, and then with the reason.
func (d *DB) TxKeyed(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	return d.retry(ctx, fn, func(err error) bool {
		return isConflict(err) || IsConnectionLost(err) || errors.Is(err, ErrOutcomeUnknown)
	})
}

// Snapshot runs a function that reads one consistent state of the database, however long it takes: what others commit
// meanwhile is invisible. Writes are refused with ErrWriteOutsideTransaction. It waits for no writer and no writer waits
// for it; on SQLite the write-ahead log cannot shrink until it ends. It runs once. As with Tx, the function gets its own
// context.
func (d *DB) Snapshot(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if d.dialect == dialect.Postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	pool := d.reads
	if isAhead(ctx) {
		pool = d.ahead
	}
	_, err := d.once(ctx, pool, options, fn)
	return explain(err)
}

func (d *DB) retry(ctx context.Context, fn func(context.Context, *ent.Tx) error, again func(error) bool) error {
	options := &sql.TxOptions{}
	if d.dialect == dialect.Postgres {
		// Whoever takes a lock and then looks must see what the last holder did, whatever the database's default is.
		options.Isolation = sql.LevelReadCommitted
	}
	unknown := false // whether an earlier attempt may have been committed
	for attempt := 1; ; attempt++ {
		decided, err := d.inTurn(ctx, options, fn)
		if err == nil {
			return nil
		}
		unknown = unknown || errors.Is(err, ErrOutcomeUnknown)
		if !again(err) {
			// A lock that is not given may be the one that the lost transaction holds: its end is not known still.
			if decided && !IsLockTimeout(err) || !unknown {
				return err
			}
			return stillUnknown(err)
		}
		switch {
		case attempt == maxAttempts:
			err = fmt.Errorf("giving up after %d attempts: %w", attempt, err)
		case !pause(ctx, attempt):
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		default:
			continue
		}
		if unknown {
			return stillUnknown(err)
		}
		return err
	}
}

// stillUnknown makes sure that a later error, such as a refused connection, does not hide that an earlier COMMIT may
// have gone through.
func stillUnknown(err error) error {
	if errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// pause waits before the next attempt, a random time so that two who collided do not collide again. It is false when
// the context ends first.
func pause(ctx context.Context, attempt int) bool {
	limit := min(firstBackoff<<(attempt-1), maxBackoff)
	timer := time.NewTimer(rand.N(limit)) //nolint:gosec // Nobody gains by guessing how long somebody waits.
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// inTurn is once for a transaction that writes, when it is its turn.
func (d *DB) inTurn(ctx context.Context, options *sql.TxOptions, fn func(context.Context, *ent.Tx) error) (decided bool, err error) {
	if running(ctx, d) {
		return false, ErrInTransaction // it would wait for itself
	}
	end, err := d.takeTurn(ctx)
	if err != nil {
		return false, fmt.Errorf("waiting to begin a transaction: %w", err)
	}
	defer end()
	return d.once(ctx, d.writes, options, fn)
}

// once runs the function in one transaction. It reports whether the function itself decided the outcome: it returned,
// and not because the context ended.
func (d *DB) once(
	ctx context.Context, pool *sql.DB, options *sql.TxOptions, fn func(context.Context, *ent.Tx) error,
) (decided bool, err error) {
	if running(ctx, d) {
		return false, ErrInTransaction
	}
	// The transaction follows the caller's context up to COMMIT and not beyond. Were it begun with that context, a
	// caller who leaves while COMMIT is on its way would make the driver cancel it.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	leave := context.AfterFunc(ctx, cancel)
	defer leave()

	begun, err := pool.BeginTx(own, options)
	if err != nil {
		return false, fmt.Errorf("beginning a transaction: %w", withCause(ctx, err))
	}
	// After a commit this does nothing. It also runs when the function panics or ends its goroutine. The cancel above
	// would do it as well, but only some time after the caller goes on and meets its own locks.
	defer func() { _ = begun.Rollback() }()

	b := &began{Conn: entsql.Conn{ExecQuerier: begun}, tx: begun, joins: d.joins}
	tx, err := d.client.Tx(context.WithValue(own, beganKey{}, b))
	if err != nil {
		return false, err
	}
	if err := fn(context.WithValue(context.WithValue(ctx, runningKey{}, d), joinKey{}, b), tx); err != nil {
		return ctx.Err() == nil, withCause(ctx, err)
	}
	if !leave() {
		return false, fmt.Errorf("rolling back a transaction whose caller has left: %w", ctx.Err())
	}
	if err := begun.Commit(); err != nil {
		if isRolledBack(err) {
			return true, fmt.Errorf("committing a transaction: %w", err)
		}
		return false, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return true, nil
}

// withCause adds that the context has ended, which PostgreSQL reports as a cancelled statement (57014) and SQLite as an
// interruption.
func withCause(ctx context.Context, err error) error {
	if ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}
