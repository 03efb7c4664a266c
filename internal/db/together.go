package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/lib/pq"

	"farthing/ent"
)

// Read reads something in a transaction, or locks rows. It has its own variables to put what it finds into.
type Read func(ctx context.Context, tx *ent.Tx) error

// Together runs reads of a transaction. On PostgreSQL their statements go together: the first ones of all of them in one
// round trip, then, of those that have one, the second ones, and so on. Within a round trip the statements run in the order
// of the reads, each one when the one before it has ended, with a snapshot of its own: a lock that one read takes is held
// when those after it are read. The context must be the one that Tx gave to the function, and no read may write.
//
// The first error ends everything and comes back. The store's own may come back from the read before the one that it
// belongs to. The texts of the statements should not differ from call to call, as with Repeated: they are prepared.
func Together(ctx context.Context, tx *ent.Tx, reads ...Read) error {
	b, _ := ctx.Value(joinKey{}).(*began)
	switch {
	case b == nil:
		return errors.New("db: reads of a transaction need its context")
	case !b.joins || b.turn != nil:
		for _, read := range reads {
			if err := read(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { b.turn = nil }()
	waiting := make([]*joint, len(reads))
	for i, read := range reads {
		waiting[i] = &joint{read: read}
		waiting[i].start(ctx, tx)
		defer waiting[i].stop()
	}
	waiting, err := b.turns(waiting, nil)
	for err == nil && len(waiting) > 0 {
		waiting, err = b.round(ctx, waiting)
	}
	return err
}

// joint is one of the reads that run together. It runs when it is its turn, and stops where it needs the store.
type joint struct {
	read Read
	next func() (statement, bool)
	stop func()
	// ask hands a statement over and returns when there is an answer; false when there will be none.
	ask func(statement) bool
	// asks is the statement that it waits with, and answer what came of the last one.
	asks   statement
	answer *answer
	err    error // of the read, when it has ended
}

// statement is one for the store.
type statement struct {
	text string
	args []any
}

func (j *joint) start(ctx context.Context, tx *ent.Tx) {
	j.next, j.stop = iter.Pull(func(yield func(statement) bool) {
		j.ask = yield
		j.err = j.read(ctx, tx)
	})
}

// turns gives reads their turns, one after the other, and says which of them want something more of the store. Each has the
// next answer of some, if there are any.
func (b *began) turns(joints []*joint, rows *sql.Rows) (waiting []*joint, err error) {
	for i, j := range joints {
		if rows != nil {
			if i > 0 && !rows.NextResultSet() {
				return nil, errors.Join(errors.New("db: a statement among others was not answered"), rows.Err())
			}
			j.answer = &answer{Rows: rows}
		}
		b.turn = j
		asks, more := j.next()
		b.turn = nil
		if j.err != nil {
			return nil, j.err
		}
		if j.answer != nil {
			if err := j.answer.Close(); err != nil {
				return nil, err
			}
		}
		if more {
			j.asks = asks
			waiting = append(waiting, j)
		}
	}
	return waiting, nil
}

// round asks what some reads want to know.
func (b *began) round(ctx context.Context, waiting []*joint) (next []*joint, err error) {
	list := make(statements, len(waiting))
	for i, j := range waiting {
		list[i] = j.asks
	}
	rows, err := b.tx.QueryContext(ctx, "", list)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return b.turns(waiting, rows)
}

// query gives a statement of the read whose turn it is to the others, and its answer back.
func (b *began) query(text string, args []any) (*answer, error) {
	j := b.turn
	if !strings.HasPrefix(text, "SELECT ") {
		return nil, errors.New("db: what is done together reads only") // Without rows there would be no answer.
	}
	if !j.ask(statement{text, args}) {
		return nil, errors.New("db: another read of those that are done together has failed")
	}
	return j.answer, nil
}

// Query is that of ent's driver.
func (b *began) Query(ctx context.Context, query string, args, v any) error {
	if b.turn == nil {
		return b.Conn.Query(ctx, query, args, v)
	}
	list, _ := args.([]any)
	rows, ok := v.(*entsql.Rows)
	if !ok {
		return fmt.Errorf("db: rows are read into %T", v)
	}
	found, err := b.query(query, list)
	if err != nil {
		return err
	}
	rows.ColumnScanner = found
	return nil
}

// Exec is that of ent's driver. Nothing of what is done together comes this way.
func (b *began) Exec(ctx context.Context, query string, args, v any) error {
	if b.turn != nil {
		return errors.New("db: what is done together reads only")
	}
	return b.Conn.Exec(ctx, query, args, v)
}

// ExecContext is that of ent's raw SQL feature. Among what is done together it is for statements that read, and whose answer
// does not matter.
func (b *began) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if b.turn == nil {
		return b.Conn.ExecContext(ctx, query, args...)
	}
	found, err := b.query(query, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(0), found.Close()
}

// QueryContext is that of ent's raw SQL feature. Its rows cannot be those of one statement of several.
func (b *began) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if b.turn != nil {
		return nil, errors.New("db: raw queries cannot be done together")
	}
	return b.Conn.QueryContext(ctx, query, args...)
}

// answer is the rows of one statement of several.
type answer struct {
	*sql.Rows
	ended bool
}

// Next goes to the next row of the statement.
func (a *answer) Next() bool {
	a.ended = a.ended || !a.Rows.Next()
	return !a.ended
}

// NextResultSet says that there is no other: those that follow are other statements' answers.
func (a *answer) NextResultSet() bool { return false }

// Close skips the rows that were not read.
func (a *answer) Close() error {
	for a.Next() { // Nobody wants them.
	}
	return a.Err()
}

// statements are what a connection is asked at once, in place of an argument.
type statements []statement

// CheckNamedValue lets statements through to the connection.
func (c *preparingConn) CheckNamedValue(value *driver.NamedValue) error {
	if _, ok := value.Value.(statements); ok {
		return nil
	}
	return c.wholeConn.CheckNamedValue(value)
}

// queryTogether sends several statements as one text, in which each is a call of its prepared statement. lib/pq cannot send a
// second message before the first is answered, and the only message that takes several statements takes no arguments: so
// they are literals here.
func (c *preparingConn) queryTogether(ctx context.Context, list statements) (driver.Rows, error) {
	var text strings.Builder
	for _, s := range list {
		name, err := c.named(ctx, s.text)
		if err != nil {
			return nil, err
		}
		text.WriteString("EXECUTE " + name)
		for i, arg := range s.args {
			literal, err := literalOf(arg)
			if err != nil {
				return nil, err
			}
			if i == 0 {
				text.WriteString("(")
			} else {
				text.WriteString(", ")
			}
			text.WriteString(literal)
		}
		if len(s.args) > 0 {
			text.WriteString(")")
		}
		text.WriteString(";")
	}
	rows, err := c.wholeConn.QueryContext(ctx, text.String(), nil)
	if err != nil {
		return nil, c.checkedTogether(err)
	}
	several, ok := rows.(severalRows)
	if !ok {
		return nil, errors.Join(errors.New("db: the driver's rows cannot be those of several statements"), rows.Close())
	}
	return &togetherRows{several, c}, nil
}

// named is the name under which a statement is prepared in the session.
func (c *preparingConn) named(ctx context.Context, text string) (string, error) {
	if name, ok := c.names[text]; ok {
		return name, nil
	}
	if len(c.names) >= maxPrepared {
		for text, name := range c.names {
			delete(c.names, text)
			if _, err := c.wholeConn.ExecContext(ctx, "DEALLOCATE "+name, nil); err != nil {
				return "", c.checkedTogether(err)
			}
			break
		}
	}
	c.made++
	name := "together_" + strconv.Itoa(c.made)
	if _, err := c.wholeConn.ExecContext(ctx, "PREPARE "+name+" AS "+text, nil); err != nil {
		return "", err
	}
	c.names[text] = name
	return name, nil
}

// checkedTogether forgets all statements when one of them is stale: it is not told which.
func (c *preparingConn) checkedTogether(err error) error {
	if !isStale(err) {
		return err
	}
	clear(c.names)
	return fmt.Errorf("%w: %w", errStale, err)
}

// severalRows are the rows of several statements.
type severalRows interface {
	driver.Rows
	driver.RowsNextResultSet
}

// togetherRows are those that queryTogether gives.
type togetherRows struct {
	severalRows
	conn *preparingConn
}

// Next reads a row.
func (r *togetherRows) Next(dest []driver.Value) error {
	return r.conn.checkedTogether(r.severalRows.Next(dest))
}

// literalOf is an argument as a literal whose type PostgreSQL infers, as it does for arguments.
func literalOf(arg any) (string, error) {
	value, err := driver.DefaultParameterConverter.ConvertValue(arg)
	if err != nil {
		return "", fmt.Errorf("db: an argument of a statement: %w", err)
	}
	switch v := value.(type) {
	case nil:
		return "NULL", nil
	case int64:
		return "'" + strconv.FormatInt(v, 10) + "'", nil
	case bool:
		return "'" + strconv.FormatBool(v) + "'", nil
	case string:
		// A zero byte would end the text, and so the whole message; PostgreSQL keeps none anyhow.
		if strings.Contains(v, "\x00") {
			return "", errors.New("db: an argument of a statement has a zero byte")
		}
		return pq.QuoteLiteral(v), nil
	case time.Time:
		return pq.QuoteLiteral(string(pq.FormatTimestamp(v))), nil
	default:
		return "", fmt.Errorf("db: an argument of a statement is a %T", v)
	}
}
