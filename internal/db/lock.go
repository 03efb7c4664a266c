package db

import (
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
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
