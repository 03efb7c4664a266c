// Package page reads lists a page at a time, as Relay's connections do, by keyset: a page starts behind the last row of
// the one before it, not at a count of rows. So a page costs the same wherever it is in the list, and rows that come or
// go in between leave no gap and no repeat.
//
// The order of a list is (a column, id), both in the same direction, or id alone. The column must not be nullable: nulls
// sort differently on the two stores and are lost in comparisons.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/internal/fault"
)

// Sizes of a page.
const (
	// Default is how many entries a page has when the client does not say.
	Default = 20
	// Most is how many a client may ask for.
	Most = 100
)

// Args are the arguments of a connection as the client gave them; nil for what it left out.
type Args struct {
	First  *int
	After  *string
	Last   *int
	Before *string
}

// Edge is one entry with the cursor that leads to the place behind (or before) it.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// Page is a part of a list.
type Page[T any] struct {
	Edges []Edge[T]
	// HasNext and HasPrevious say whether there are entries after and before this page; each is only sure in the
	// direction of reading and for a page that was reached by a cursor.
	HasNext, HasPrevious bool
}

// Nodes are the entries without their cursors.
func (p Page[T]) Nodes() []T {
	nodes := make([]T, len(p.Edges))
	for i, edge := range p.Edges {
		nodes[i] = edge.Node
	}
	return nodes
}

// Order is how a list is sorted.
type Order[T any] struct {
	// Scope tells this list, its filter and its order from all others. A cursor of one scope is refused in another.
	Scope string
	// Descending turns the order round, for the column and the id alike.
	Descending bool
	// Column gives the column that is sorted by before the id, of the table (or joined table) in the selector. Nil to
	// sort by id alone.
	Column func(*sql.Selector) string
	// Key gives the value of Column for an entry: an int64, or a []byte when Bytes is set. Nil when Column is.
	Key func(T) any
	// Bytes says that Column holds bytes rather than numbers.
	Bytes bool
	// ID gives the id of an entry.
	ID func(T) uuid.UUID
	// IDColumn is the name of the column that ID comes from; "id" when empty.
	IDColumn string
}

// Read reads a page. Fetch runs the list's query with a condition and order put on it, for at most limit entries.
func Read[T any](args Args, order Order[T], fetch func(apply func(*sql.Selector), limit int) ([]T, error)) (Page[T], error) {
	w, err := args.window(order.Scope)
	if err != nil {
		return Page[T]{}, err
	}
	if w.cursor != nil && w.cursor.form() != order.form() {
		return Page[T]{}, fault.Input(args.cursorName(), "%s", errNoCursor)
	}
	entries, err := fetch(w.selector(order.Descending, order.Column, order.IDColumn), w.limit+1)
	if err != nil {
		return Page[T]{}, err
	}
	more := len(entries) > w.limit
	if more {
		entries = entries[:w.limit]
	}
	page := Page[T]{HasNext: more, HasPrevious: w.cursor != nil}
	if w.backward {
		slices.Reverse(entries)
		page = Page[T]{HasNext: w.cursor != nil, HasPrevious: more}
	}
	page.Edges = make([]Edge[T], len(entries))
	for i, entry := range entries {
		c := cursor{id: order.ID(entry)}
		if order.Key != nil {
			c.key = order.Key(entry)
		}
		// Such as an int64 with a name of its own: it would make cursors that nobody can use.
		if c.form() != order.form() {
			return Page[T]{}, fmt.Errorf("page of %s: the key of an entry is %T", order.Scope, c.key)
		}
		page.Edges[i] = Edge[T]{Cursor: c.encode(order.Scope), Node: entry}
	}
	return page, nil
}

// window is what a client's arguments come down to.
type window struct {
	limit    int
	backward bool
	cursor   *cursor
}

func (a Args) window(scope string) (window, error) {
	w := window{limit: Default, backward: a.Last != nil || a.Before != nil}
	size, sizeName, at, atName := a.First, "first", a.After, "after"
	if w.backward {
		if a.First != nil || a.After != nil {
			return w, fault.Input("last", "Give first and after, or last and before, not both.")
		}
		size, sizeName, at, atName = a.Last, "last", a.Before, "before"
	}
	if size != nil {
		if *size < 1 || *size > Most {
			return w, fault.Input(sizeName, "A page has 1 to %d entries, not %d.", Most, *size)
		}
		w.limit = *size
	}
	if at != nil {
		c, err := decode(*at, scope)
		if err != nil {
			return w, fault.Input(atName, "%s", err)
		}
		w.cursor = &c
	}
	return w, nil
}

func (a Args) cursorName() string {
	if a.After != nil {
		return "after"
	}
	return "before"
}

// form is the form that the keys of this order have inside a cursor.
func (o Order[T]) form() byte {
	switch {
	case o.Column == nil:
		return keyNone
	case o.Bytes:
		return keyBytes
	default:
		return keyNumber
	}
}

// selector puts the window's condition and order on a query.
func (w window) selector(descending bool, column func(*sql.Selector) string, idColumn string) func(*sql.Selector) {
	if idColumn == "" {
		idColumn = "id"
	}
	// Reading backwards is reading forwards in the opposite order, and turning the result round.
	descending = descending != w.backward
	direction := sql.Asc
	if descending {
		direction = sql.Desc
	}
	return func(s *sql.Selector) {
		columns := []string{s.C(idColumn)}
		if column != nil {
			columns = []string{column(s), s.C(idColumn)}
		}
		if w.cursor != nil {
			values := []any{w.cursor.id}
			if column != nil {
				values = []any{w.cursor.key, w.cursor.id}
			}
			if descending {
				s.Where(sql.CompositeLT(columns, values...))
			} else {
				s.Where(sql.CompositeGT(columns, values...))
			}
		}
		for _, c := range columns {
			s.OrderBy(direction(c))
		}
	}
}

// cursor is a place in a list: right behind, or right before, the entry with this key and id.
type cursor struct {
	key any // nil, int64 or []byte
	id  uuid.UUID
}

// The forms of a key inside a cursor.
const (
	keyNone byte = iota
	keyNumber
	keyBytes
)

const scopeSize = 8

func scopeHash(scope string) []byte {
	sum := sha256.Sum256([]byte(scope))
	return sum[:scopeSize]
}

func (c cursor) form() byte {
	switch c.key.(type) {
	case int64:
		return keyNumber
	case []byte:
		return keyBytes
	default:
		return keyNone
	}
}

// encode writes the cursor as scope hash, id, form of the key, key.
func (c cursor) encode(scope string) string {
	raw := append(append(scopeHash(scope), c.id[:]...), c.form())
	switch key := c.key.(type) {
	case int64:
		raw = binary.BigEndian.AppendUint64(raw, uint64(key)) //nolint:gosec // The bits come back as they went.
	case []byte:
		raw = append(raw, key...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

var (
	errNoCursor    = errors.New("This is not a cursor.")                                                         //nolint:staticcheck // A sentence for the client.
	errOtherCursor = errors.New("This cursor belongs to another list, filter or order; start again without it.") //nolint:staticcheck // A sentence for the client.
)

func decode(text, scope string) (cursor, error) {
	const head = scopeSize + 16
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < head+1 {
		return cursor{}, errNoCursor
	}
	if string(raw[:scopeSize]) != string(scopeHash(scope)) {
		return cursor{}, errOtherCursor
	}
	c := cursor{id: uuid.UUID(raw[scopeSize:head])}
	key := raw[head+1:]
	switch raw[head] {
	case keyNone:
		if len(key) != 0 {
			return cursor{}, errNoCursor
		}
		return c, nil
	case keyNumber:
		if len(key) != 8 {
			return cursor{}, errNoCursor
		}
		c.key = int64(binary.BigEndian.Uint64(key)) //nolint:gosec // The bits come back as they went.
		return c, nil
	case keyBytes:
		c.key = key
		return c, nil
	}
	return cursor{}, errNoCursor
}
