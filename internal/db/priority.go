package db

import "context"

// Keys of values in a context that say who need not wait with everybody else.
type (
	aheadKey struct{}
	firstKey struct{}
)

// Ahead gives a context whose reads and snapshots have connections of their own. It is for what a change of the shop reads
// before and after its transaction, and for whatever stands in front of one: were these to wait in one line with the reads
// of those who look around, a flood of visitors would stop the sale.
func Ahead(ctx context.Context) context.Context { return context.WithValue(ctx, aheadKey{}, true) }

// First gives a context whose transactions need not wait for those of others to end: there is a connection that no other
// transaction takes or, on SQLite, it is their turn as soon as the running one has ended. It is for the one who serves very
// many with a transaction, as the till does. Reads are ahead, too.
func First(ctx context.Context) context.Context {
	return context.WithValue(Ahead(ctx), firstKey{}, true)
}

func isAhead(ctx context.Context) bool { return ctx.Value(aheadKey{}) != nil }

// takeTurn waits until a transaction may ask for a connection. Whoever waits is served in the order of coming, which
// database/sql does not promise.
func (d *DB) takeTurn(ctx context.Context) (end func(), err error) {
	if ctx.Value(firstKey{}) != nil {
		return func() {}, nil
	}
	select {
	case d.turns <- struct{}{}:
		return func() { <-d.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// shares are the connections of a process to PostgreSQL, divided by what they are for.
type shares struct{ reads, ahead, writes int }

// minConnections is the least that a process can do with: one of each kind.
const minConnections = 3

// share divides connections: two fifths for reads, two fifths for transactions and one fifth for the reads that are ahead.
func share(total int) shares {
	s := shares{ahead: max(total/5, 1), writes: max(2*total/5, 1)}
	s.reads = total - s.ahead - s.writes
	return s
}

// turns is how many of the connections for transactions are for everybody; the others are kept for those who are First. A
// single one is for all.
func turns(writes int) int { return max(writes-max(writes/4, 1), 1) }
