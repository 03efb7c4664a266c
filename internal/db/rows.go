package db

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
)

// maxVariables is how many variables SQLite takes in one statement.
const maxVariables = 32_766

// Rows writes rows of a table many at a time, in one statement whose text does not depend on how many there are. On the way
// of every sale it takes the place of ent's CreateBulk: on PostgreSQL a column comes as one array, so the statement is
// parsed and planned once for a connection and not for every batch. What is stored is the same. Nothing is validated here:
// the constraints of the table are.
type Rows[T any] struct {
	table      string
	columns    []Column[T]
	conflict   string
	statements sync.Map // for PostgreSQL, by how many arguments come before
}

// Column is a column of a table, and what a row has in it.
type Column[T any] struct {
	name, kind string
	// same is set where all rows that are written together have the same instant, so that it comes once.
	same func(row T) time.Time
	// element appends what the row has as an element of an array of PostgreSQL, value is the same for SQLite.
	element func(array []byte, row T) []byte
	value   func(row T) any
}

// NewRows prepares the writing of rows with these columns.
func NewRows[T any](table string, columns ...Column[T]) *Rows[T] {
	return &Rows[T]{table: table, columns: columns}
}

// OnConflict is the same with a clause for rows that may be there already, such as
//
//	ON CONFLICT ("id") DO UPDATE SET "balance" = excluded."balance"
func (w *Rows[T]) OnConflict(clause string) *Rows[T] {
	return &Rows[T]{table: w.table, columns: w.columns, conflict: " " + clause}
}

// Anew is the clause of OnConflict by which a row that is there, by the value in a unique column, gets some columns anew.
func Anew(by string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, name := range columns {
		sets[i] = fmt.Sprintf(`"%s" = excluded."%s"`, name, name)
	}
	return fmt.Sprintf(`ON CONFLICT ("%s") DO UPDATE SET %s`, by, strings.Join(sets, ", "))
}

func (w *Rows[T]) into() string {
	names := make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i] = `"` + c.name + `"`
	}
	return `INSERT INTO "` + w.table + `" (` + strings.Join(names, ", ") + `)`
}

// statement is that for PostgreSQL, with its arguments counted from the one after these.
func (w *Rows[T]) statement(after int) string {
	arrays := make([]string, len(w.columns))
	for i, c := range w.columns {
		arrays[i] = "$" + strconv.Itoa(after+i+1) + "::" + c.kind
		if c.same == nil {
			arrays[i] = "unnest(" + arrays[i] + "[])"
		}
	}
	return w.into() + " SELECT " + strings.Join(arrays, ", ") + w.conflict
}

// Part is rows of one table, to be written together with those of others (Write).
type Part interface {
	rows() int
	// postgres gives the statement, its arguments counted from the one after these, and the arguments.
	postgres(after int) (statement string, arrays []any)
	sqlite(ctx context.Context, tx *ent.Tx) error
}

type part[T any] struct {
	*Rows[T]
	list []T
}

// Of makes these rows a part of what is to be written.
func (w *Rows[T]) Of(rows ...T) Part {
	for _, c := range w.columns {
		if c.same != nil && slices.ContainsFunc(rows, func(row T) bool { return !c.same(row).Equal(c.same(rows[0])) }) {
			panic("db: rows of " + w.table + " that are written together differ in " + c.name)
		}
	}
	return part[T]{w, rows}
}

// Write writes rows of several tables: on PostgreSQL all in one statement, one round trip for everything. Foreign keys are
// asked when all rows are there; no part sees what another one writes. A violated constraint is an error that says which,
// and of no rows there is nothing to write.
func Write(ctx context.Context, tx *ent.Tx, parts ...Part) error {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.rows() == 0 })
	if len(parts) == 0 {
		return nil
	}
	d, _ := ctx.Value(runningKey{}).(*DB)
	if d == nil {
		return errors.New("write rows: the context is not that of a transaction")
	}
	if count, ok := ctx.Value(writtenKey{}).(*atomic.Int64); ok {
		for _, p := range parts {
			count.Add(int64(p.rows()))
		}
	}
	if d.dialect != dialect.Postgres {
		for _, p := range parts {
			if err := p.sqlite(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
	var all strings.Builder
	var args []any
	for i, p := range parts {
		statement, arrays := p.postgres(len(args))
		args = append(args, arrays...)
		switch {
		case i == len(parts)-1:
			all.WriteString(statement)
		case i == 0:
			all.WriteString("WITH part0 AS (" + statement + ")")
		default:
			all.WriteString(", part" + strconv.Itoa(i) + " AS (" + statement + ")")
		}
		if i == len(parts)-2 {
			all.WriteString(" ")
		}
	}
	if _, err := tx.ExecContext(Repeated(ctx), all.String(), args...); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func (p part[T]) rows() int { return len(p.list) }

func (p part[T]) postgres(after int) (statement string, arrays []any) {
	known, ok := p.statements.Load(after)
	if !ok {
		known, _ = p.statements.LoadOrStore(after, p.statement(after))
	}
	statement, _ = known.(string)
	return statement, p.arrays(p.list)
}

func (p part[T]) sqlite(ctx context.Context, tx *ent.Tx) error {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(p.columns)), ", ") + ")"
	for chunk := range slices.Chunk(p.list, maxVariables/len(p.columns)) {
		values := make([]any, 0, len(chunk)*len(p.columns))
		for _, row := range chunk {
			for _, c := range p.columns {
				values = append(values, c.value(row))
			}
		}
		statement := p.into() + " VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", len(chunk)), ", ") + p.conflict
		if _, err := tx.ExecContext(ctx, statement, values...); err != nil {
			return fmt.Errorf("write %s: %w", p.table, err)
		}
	}
	return nil
}

// arrays are the columns of rows as arrays in the text form of PostgreSQL.
func (w *Rows[T]) arrays(rows []T) []any {
	all, ends := make([]byte, 0, len(w.columns)*(2+len(rows)*24)), make([]int, len(w.columns))
	for i, c := range w.columns {
		if c.same == nil {
			all = append(all, '{')
			for at, row := range rows {
				if at > 0 {
					all = append(all, ',')
				}
				all = c.element(all, row)
			}
			all = append(all, '}')
		}
		ends[i] = len(all)
	}
	arrays, begin := make([]any, len(w.columns)), 0
	for i, c := range w.columns {
		if c.same != nil {
			arrays[i] = c.same(rows[0])
		} else {
			arrays[i] = all[begin:ends[i]:ends[i]]
		}
		begin = ends[i]
	}
	return arrays
}

// UUID is a column of ids.
func UUID[T any](name string, of func(T) uuid.UUID) Column[T] {
	return Column[T]{
		name: name, kind: "uuid",
		element: func(array []byte, row T) []byte { return appendUUID(array, of(row)) },
		value:   func(row T) any { return of(row) },
	}
}

// NullUUID is a column of ids that may be missing.
func NullUUID[T any](name string, of func(T) *uuid.UUID) Column[T] {
	return nullable(UUID(name, func(row T) uuid.UUID { return *of(row) }), func(row T) bool { return of(row) == nil })
}

// Int is a column of whole numbers, and so of amounts.
func Int[T any, N ~int | ~int64](name string, of func(T) N) Column[T] {
	return Column[T]{
		name: name, kind: "bigint",
		element: func(array []byte, row T) []byte { return strconv.AppendInt(array, int64(of(row)), 10) },
		value:   func(row T) any { return int64(of(row)) },
	}
}

// NullInt is a column of whole numbers that may be missing.
func NullInt[T any, N ~int | ~int64](name string, of func(T) *N) Column[T] {
	return nullable(Int(name, func(row T) N { return *of(row) }), func(row T) bool { return of(row) == nil })
}

// Text is a column of text.
func Text[T any, S ~string](name string, of func(T) S) Column[T] {
	return Column[T]{
		name: name, kind: "text",
		element: func(array []byte, row T) []byte { return appendQuoted(array, string(of(row))) },
		value:   func(row T) any { return string(of(row)) },
	}
}

// NullText is a column of text that may be missing.
func NullText[T any, S ~string](name string, of func(T) *S) Column[T] {
	return nullable(Text(name, func(row T) S { return *of(row) }), func(row T) bool { return of(row) == nil })
}

// Bool is a column of yes and no.
func Bool[T any](name string, of func(T) bool) Column[T] {
	return Column[T]{
		name: name, kind: "boolean",
		element: func(array []byte, row T) []byte { return strconv.AppendBool(array, of(row)) },
		value:   func(row T) any { return of(row) },
	}
}

// Time is a column of instants, to the microsecond.
func Time[T any](name string, of func(T) time.Time) Column[T] {
	return Column[T]{
		name: name, kind: "timestamptz",
		element: func(array []byte, row T) []byte {
			array = append(array, '"')
			array = of(row).UTC().AppendFormat(array, "2006-01-02 15:04:05.999999Z")
			return append(array, '"')
		},
		value: func(row T) any { return of(row) },
	}
}

// SameTime is a column of the instant at which something was done, which is the same for all rows that are written together. If
// it is not, that is a mistake of the program, and panics.
func SameTime[T any](name string, of func(T) time.Time) Column[T] {
	c := Time(name, of)
	c.same = of
	return c
}

// NullTime is a column of instants that may be missing.
func NullTime[T any](name string, of func(T) *time.Time) Column[T] {
	return nullable(Time(name, func(row T) time.Time { return *of(row) }), func(row T) bool { return of(row) == nil })
}

// Bytes is a column of bytes.
func Bytes[T any](name string, of func(T) []byte) Column[T] {
	return Column[T]{
		name: name, kind: "bytea",
		element: func(array []byte, row T) []byte {
			array = append(array, `"\\x`...)
			return append(hex.AppendEncode(array, of(row)), '"')
		},
		value: func(row T) any { return of(row) },
	}
}

// JSON is a column of what is kept as JSON. The values must be of a type that always can be; another is a mistake of the
// program, and panics.
func JSON[T, V any](name string, of func(T) V) Column[T] {
	marshal := func(row T) json.RawMessage {
		text, err := json.Marshal(of(row))
		if err != nil {
			panic(fmt.Errorf("db: column %s: %w", name, err))
		}
		return text
	}
	return Column[T]{
		name: name, kind: "jsonb",
		element: func(array []byte, row T) []byte { return appendQuoted(array, marshal(row)) },
		value:   func(row T) any { return marshal(row) },
	}
}

func nullable[T any](c Column[T], missing func(T) bool) Column[T] {
	element, value := c.element, c.value
	c.element = func(array []byte, row T) []byte {
		if missing(row) {
			return append(array, "NULL"...)
		}
		return element(array, row)
	}
	c.value = func(row T) any {
		if missing(row) {
			return nil
		}
		return value(row)
	}
	return c
}

// appendUUID appends an id as PostgreSQL reads it; the hyphens are not needed.
func appendUUID(b []byte, id uuid.UUID) []byte { return hex.AppendEncode(b, id[:]) }

// appendQuoted appends text as an element of an array.
func appendQuoted[S string | json.RawMessage](b []byte, text S) []byte {
	b = append(b, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}

// AnyOf is a predicate of ent: a column has one of these values. It is ent's …In with a text that does not depend on how many
// they are, so that PostgreSQL can keep the statement.
//
//	client.Account.Query().Where(db.AnyOf(account.FieldShopperID, shoppers))
func AnyOf[V uuid.UUID | ~string | ~int64](column string, values []V) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		if s.Dialect() != dialect.Postgres {
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			s.Where(entsql.In(s.C(column), list...))
			return
		}
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.Ident(s.C(column)).WriteString(" = ANY(").Arg(arrayOf(values)).WriteString(")")
		}))
	}
}

// arrayOf is an array in the text form of PostgreSQL.
func arrayOf[V any](values []V) string {
	array := append(make([]byte, 0, 2+len(values)*40), '{')
	for i, v := range values {
		if i > 0 {
			array = append(array, ',')
		}
		array = appendElement(array, v)
	}
	return string(append(array, '}'))
}

func appendElement(array []byte, value any) []byte {
	switch v := value.(type) {
	case uuid.UUID:
		return appendUUID(array, v)
	case string:
		return appendQuoted(array, v)
	case int64:
		return strconv.AppendInt(array, v, 10)
	default:
		return appendQuoted(array, fmt.Sprint(v))
	}
}

// Values are what a column may have, one for each row (RowIn).
type Values struct {
	column, kind, array string
	list                []any
}

// Each is a column's values, one for each row that RowIn looks for.
func Each[V uuid.UUID | string](column string, values []V) Values {
	v := Values{column: column, kind: "text", array: arrayOf(values), list: make([]any, len(values))}
	for i, value := range values {
		v.list[i] = value
	}
	if _, ok := any(*new(V)).(uuid.UUID); ok {
		v.kind = "uuid"
	}
	return v
}

// RowIn is a predicate of ent: several columns have the values of one of these rows. All have as many values, one at least.
func RowIn(columns ...Values) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			names, arrays := make([]string, len(columns)), 0
			for i, c := range columns {
				names[i] = s.C(c.column)
			}
			b.WriteString("(" + strings.Join(names, ", ") + ") IN (")
			if s.Dialect() == dialect.Postgres {
				b.WriteString("SELECT * FROM unnest(")
				for _, c := range columns {
					if arrays++; arrays > 1 {
						b.WriteString(", ")
					}
					b.Arg(c.array).WriteString("::" + c.kind + "[]")
				}
				b.WriteString("))")
				return
			}
			b.WriteString("VALUES ")
			for row := range columns[0].list {
				if row > 0 {
					b.WriteString(", ")
				}
				b.WriteString("(")
				for i, c := range columns {
					if i > 0 {
						b.WriteString(", ")
					}
					b.Arg(c.list[row])
				}
				b.WriteString(")")
			}
			b.WriteString(")")
		}))
	}
}
