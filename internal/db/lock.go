package db

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"farthing/ent"
)

// Lock makes a query inside a Tx lock the rows it finds, in the order of their ids, until the transaction ends:
//
//	tx.Account.Query().Where(account.IDIn(ids...), db.Lock).All(ctx)
//
// Everybody who locks several rows of a table locks them in this order, so two transactions cannot wait for each other.
//
// On PostgreSQL it is FOR NO KEY UPDATE: it keeps out every other writer of the row, but not an INSERT of a row that
// refers to it. On SQLite, where ent refuses a locking clause, the transaction already holds the only write lock. The
// table's key must be the column id; PostgreSQL refuses the lock on a query that is DISTINCT or counts.
func Lock(s *entsql.Selector) {
	s.OrderBy(s.C("id"))
	if s.Dialect() == dialect.Postgres {
		s.For(entsql.LockNoKeyUpdate)
	}
}

// LockShared takes the lock of a key together with whoever else shares it, and keeps out LockExclusive of that key until
// the transaction ends. The context must be the one that Tx gave to the function. The error is wrapped; IsLockTimeout tells
// that others held the lock for longer than lock_timeout.
//
// These locks are advisory ones of PostgreSQL. They belong to no row, so that sharing one writes nothing, and they are given
// in the order in which they were asked for: who comes to share while somebody waits for the exclusive lock waits behind
// them, so that any number of readers cannot starve a writer. A transaction that holds the shared lock must not ask for
// the exclusive one: two that do would wait for each other, and one would be rolled back and run again.
//
// Keys are the whole database's. One that is made of the ASCII codes of a name meets no other by accident; "farthing" is
// the migrator's. On SQLite the locks do nothing, since writing transactions run one at a time.
func LockShared(ctx context.Context, tx *ent.Tx, key int64) error {
	return lockKey(ctx, tx, `SELECT pg_advisory_xact_lock_shared($1)`, key)
}

// LockExclusive takes the lock of a key alone: it waits until every transaction that holds it in either way has ended, and
// keeps all others out until its own ends. Taking it again changes nothing. See LockShared.
func LockExclusive(ctx context.Context, tx *ent.Tx, key int64) error {
	return lockKey(ctx, tx, `SELECT pg_advisory_xact_lock($1)`, key)
}

func lockKey(ctx context.Context, tx *ent.Tx, statement string, key int64) error {
	d, ok := ctx.Value(runningKey{}).(*DB)
	if !ok {
		return errors.New("db: a lock of a key needs the context of its transaction")
	}
	if key == migrationLock {
		return errors.New("db: the key is that of the migrator, who would be kept out by it")
	}
	if d.dialect != dialect.Postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, statement, key); err != nil {
		return fmt.Errorf("locking key %#x: %w", key, err)
	}
	return nil
}
