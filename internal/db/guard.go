package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// guard is the driver of every ent client that a DB makes. Outside a transaction it lets reads through and nothing
// else. It opens no transaction either, since ent opens one by itself for some creates and updates; it only hands out
// the transaction that Tx or Snapshot has begun and put into the context.
type guard struct {
	db *DB
	// reads and ahead are the pools of the same names.
	reads, ahead *entsql.Driver
}

// Keys of values in a context.
type (
	beganKey   struct{} // the *began that ent's Client.Tx is to pick up
	joinKey    struct{} // the *began that the context belongs to
	runningKey struct{} // the *DB whose transaction the context belongs to
	countKey   struct{} // the *atomic.Int64 that counts reads
	writtenKey struct{} // the *atomic.Int64 that counts rows
)

// Exec refuses everything but a read, whose result ent would ignore.
func (g *guard) Exec(ctx context.Context, query string, args, v any) error {
	if err := g.allow(ctx, query); err != nil {
		return err
	}
	return explain(g.pool(ctx).Exec(ctx, query, args, v))
}

// Query runs a read. An INSERT … RETURNING comes this way, too, and is refused.
func (g *guard) Query(ctx context.Context, query string, args, v any) error {
	if err := g.allow(ctx, query); err != nil {
		return err
	}
	return explain(g.pool(ctx).Query(ctx, query, args, v))
}

// ExecContext is Exec for ent's raw SQL feature.
func (g *guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := g.allow(ctx, query); err != nil {
		return nil, err
	}
	result, err := g.pool(ctx).ExecContext(ctx, query, args...)
	return result, explain(err)
}

// QueryContext is Query for ent's raw SQL feature.
func (g *guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := g.allow(ctx, query); err != nil {
		return nil, err
	}
	rows, err := g.pool(ctx).QueryContext(ctx, query, args...)
	return rows, explain(err)
}

// Tx hands out the transaction begun by the DB and refuses to open another one.
func (g *guard) Tx(ctx context.Context) (dialect.Tx, error) {
	if b, ok := ctx.Value(beganKey{}).(*began); ok {
		return b, nil
	}
	return nil, ErrWriteOutsideTransaction
}

// BeginTx refuses like Tx.
func (g *guard) BeginTx(ctx context.Context, _ *sql.TxOptions) (dialect.Tx, error) { return g.Tx(ctx) }

// Dialect is the dialect of the database.
func (g *guard) Dialect() string { return g.db.dialect }

// Close does nothing: the connections belong to the DB.
func (g *guard) Close() error { return nil }

// pool is whose connection a read takes.
func (g *guard) pool(ctx context.Context) *entsql.Driver {
	if isAhead(ctx) {
		return g.ahead
	}
	return g.reads
}

func (g *guard) allow(ctx context.Context, query string) error {
	if running(ctx, g.db) {
		return ErrInTransaction
	}
	if !isRead(query) {
		return ErrWriteOutsideTransaction
	}
	if count, ok := ctx.Value(countKey{}).(*atomic.Int64); ok {
		count.Add(1)
	}
	return nil
}

// CountReads gives a context in which the statements are counted that read outside of a transaction, and the count of
// them. It tells whether what a request costs grows with what it shows.
func CountReads(ctx context.Context) (counting context.Context, count func() int64) {
	var reads atomic.Int64
	return context.WithValue(ctx, countKey{}, &reads), reads.Load
}

// CountRows gives a context in which the rows are counted that are written many at a time (Rows), and the count of them. It
// tells whether what changes nothing writes nothing.
func CountRows(ctx context.Context) (counting context.Context, count func() int64) {
	var rows atomic.Int64
	return context.WithValue(ctx, writtenKey{}, &rows), rows.Load
}

// running says whether the context belongs to a transaction of this database.
func running(ctx context.Context, d *DB) bool { return ctx.Value(runningKey{}) == d }

// explain names the mistake when the store refused a write that looked like a read.
func explain(err error) error {
	if err != nil && isReadOnly(err) {
		return fmt.Errorf("%w: %w", ErrWriteOutsideTransaction, err)
	}
	return err
}

// began is a running transaction as ent sees it. It ends when the function given to Tx or Snapshot returns.
type began struct {
	entsql.Conn
	tx *sql.Tx
	// joins says whether its connection takes several statements at once, and turn is the read whose turn it is when some run
	// together.
	joins bool
	turn  *joint
}

// Commit refuses: the transaction is committed when the function that uses it returns nil.
func (*began) Commit() error {
	return fmt.Errorf("db: return from the function to commit, do not call Commit")
}

// Rollback refuses: the transaction is rolled back when the function that uses it returns an error.
func (*began) Rollback() error {
	return fmt.Errorf("db: return an error from the function to roll back, do not call Rollback")
}

// isRead says whether a statement is one SELECT, WITH, VALUES or EXPLAIN in which no word outside quotes and comments
// writes or locks. It does not know which functions write, and a nested quote can deceive it; the read-only sessions of
// the store stand behind it.
func isRead(query string) bool {
	first, ended := true, false
	for len(query) > 0 {
		switch c := query[0]; {
		case c == '\'' || c == '"' || c == '`':
			_, rest, closed := strings.Cut(query[1:], query[:1])
			if first || ended || !closed {
				return false
			}
			query = rest // a doubled quote opens the next piece of the same text
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
		case strings.HasPrefix(query, "/*"):
			_, query, _ = strings.Cut(query, "*/")
		case isWordByte(c):
			n := 1
			for n < len(query) && isWordByte(query[n]) {
				n++
			}
			word := query[:n]
			query = query[n:]
			if ended || first && !isOneOf(word, "SELECT", "WITH", "VALUES", "EXPLAIN") ||
				isOneOf(word, "INSERT", "UPDATE", "DELETE", "MERGE", "INTO") {
				return false
			}
			first = false
		case c == ';':
			ended = true
			query = query[1:]
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(':
			query = query[1:]
		default:
			if first || ended {
				return false
			}
			query = query[1:]
		}
	}
	return !first
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

func isOneOf(word string, list ...string) bool {
	for _, w := range list {
		if len(word) == len(w) && strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}
