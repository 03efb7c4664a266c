package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// How many statements a connection keeps prepared, and how long their texts may be. A statement with a long list in its
// text comes in too many lengths for any of them to be worth keeping.
const (
	maxPrepared     = 200
	maxPreparedText = 16_000
)

type repeatedKey struct{}

// Repeated is a context for statements that are sent again and again with the same text: on PostgreSQL a connection prepares
// each once and keeps it, which saves a round trip, parsing and planning. Whatever differs must be in the arguments (AnyOf,
// Rows).
func Repeated(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatedKey{}, true)
}

// preparing is a connector whose connections keep statements prepared. It stands below database/sql, whose own prepared
// statements want a second connection while a transaction holds the first.
type preparing struct {
	driver.Connector
	// reading says that statements stand by themselves, mostly, rather than in transactions that run again when one fails.
	reading bool
}

// Connect makes a connection.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(wholeConn)
	if !ok {
		return nil, errors.Join(errors.New("db: the driver's connection lacks something that database/sql uses"), conn.Close())
	}
	return &preparingConn{wholeConn: whole, kept: map[string]keptStmt{}, names: map[string]string{}, reading: p.reading}, nil
}

// wholeConn is all that lib/pq's connections do for database/sql.
type wholeConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// keptStmt is what a prepared statement of lib/pq does.
type keptStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// preparingConn is one connection. As with every connection, one goroutine uses it at a time.
type preparingConn struct {
	wholeConn
	kept    map[string]keptStmt
	reading bool
	// names are those of the statements that are sent together, and made is how many there have been.
	names map[string]string
	made  int
}

// QueryContext runs a query, by its prepared statement where it is repeated.
func (c *preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 1 {
		if list, ok := args[0].Value.(statements); ok {
			return c.queryTogether(ctx, list)
		}
	}
	stmt, err := c.prepared(ctx, query, len(args))
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.wholeConn.QueryContext(ctx, query, args)
	}
	rows, err := stmt.QueryContext(ctx, args)
	if err = c.checked(query, err); c.reading && errors.Is(err, errStale) {
		return c.wholeConn.QueryContext(ctx, query, args)
	}
	return rows, err
}

// ExecContext runs a statement, by its prepared one where it is repeated.
func (c *preparingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	stmt, err := c.prepared(ctx, query, len(args))
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.wholeConn.ExecContext(ctx, query, args)
	}
	result, err := stmt.ExecContext(ctx, args)
	return result, c.checked(query, err)
}

// prepared is the statement that is kept for a query, and nil where none is to be.
func (c *preparingConn) prepared(ctx context.Context, query string, args int) (keptStmt, error) {
	if args == 0 || len(query) > maxPreparedText || ctx.Value(repeatedKey{}) == nil {
		return nil, nil //nolint:nilnil // Most statements are not repeated.
	}
	if stmt, ok := c.kept[query]; ok {
		return stmt, nil
	}
	if len(c.kept) >= maxPrepared {
		return nil, nil //nolint:nilnil // As above.
	}
	made, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt, ok := made.(keptStmt)
	if !ok {
		return nil, errors.Join(errors.New("db: the driver's statement lacks something that database/sql uses"), made.Close())
	}
	c.kept[query] = stmt
	return stmt, nil
}

// errStale is the error of a prepared statement that is there no more (DISCARD ALL, a pooler that has changed the server's
// session), or that reads something else than when it was prepared (a migration). The transaction may simply run again.
var errStale = errors.New("db: a prepared statement is stale")

// isStale says whether PostgreSQL refused a prepared statement for what it is, and not for what it does.
func isStale(err error) bool {
	return pq.As(err, pqerror.InvalidSQLStatementName, pqerror.FeatureNotSupported) != nil
}

// checked forgets a statement that is stale.
func (c *preparingConn) checked(query string, err error) error {
	if !isStale(err) {
		return err
	}
	delete(c.kept, query)
	return fmt.Errorf("%w: %w", errStale, err)
}
