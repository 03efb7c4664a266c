package earning

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/internal/money"
)

// Lot is the points of one entry, which expire together.
type Lot struct {
	// Entry is whose points they are, and Seq its number.
	Entry uuid.UUID
	Seq   int64
	// Points is how many there were. Of these some have been Used: spent, or taken to pay a debt; some have Expired; and
	// some were Revoked before they were used, because what had earned them was refunded.
	Points, Used, Expired, Revoked money.Amount
	// ExpiresAt is the first instant at which they are gone; nil for never.
	ExpiresAt *time.Time
}

// Left is how many there are to spend.
func (l *Lot) Left() money.Amount { return l.Points - l.Used - l.Expired - l.Revoked }

// Lots are the points of one shopper. What is left of all of them together is the shopper's balance, or nothing when the
// balance is a debt.
type Lots []*Lot

// Left is how many points there are in all.
func (l Lots) Left() (left money.Amount) {
	for _, lot := range l {
		left += lot.Left()
	}
	return left
}

// Expire takes what has expired by an instant, and says how much that is.
func (l Lots) Expire(at time.Time) (gone money.Amount) {
	for _, lot := range l {
		if lot.ExpiresAt != nil && !at.Before(*lot.ExpiresAt) {
			gone += lot.Left()
			lot.Expired += lot.Left()
		}
	}
	return gone
}

// Use takes points, those first that expire soonest, of equals the older; and says of which entries, and how many there
// were not.
func (l Lots) Use(points money.Amount) (took map[uuid.UUID]money.Amount, short money.Amount) {
	took = map[uuid.UUID]money.Amount{}
	for _, lot := range l.soonest() {
		if n := min(points, lot.Left()); n > 0 {
			lot.Used += n
			took[lot.Entry] = n
			points -= n
		}
	}
	return took, points
}

// Revoke takes back points of one entry: what is left of its own first, then what has expired, which is gone already; the
// rest has been spent and comes out of the other lots. Moved is how many leave the balance, debt and all; short is how many
// of these there were not: they are a debt (rule 22).
func (l Lots) Revoke(entry uuid.UUID, points money.Amount) (moved, short money.Amount) {
	moved = points
	for _, lot := range l {
		if lot.Entry != entry {
			continue
		}
		left := min(points, lot.Left())
		lot.Revoked += left
		points -= left
		gone := min(points, lot.Expired)
		lot.Expired -= gone
		lot.Revoked += gone
		points -= gone
		moved -= gone
	}
	_, short = l.Use(points)
	return moved, short
}

// Return gives points back to the lots that they were taken from, up to so many in all, those first that expire last; and
// says to which, and how many belong to lots that have expired meanwhile or are not there: for those there is to be a new one.
func (l Lots) Return(took map[uuid.UUID]money.Amount, points money.Amount, at time.Time) (returned map[uuid.UUID]money.Amount, homeless money.Amount) {
	returned = map[uuid.UUID]money.Amount{}
	order := l.soonest()
	slices.Reverse(order)
	for _, lot := range order {
		n := min(points, took[lot.Entry], lot.Used)
		if n <= 0 || lot.ExpiresAt != nil && !at.Before(*lot.ExpiresAt) {
			continue
		}
		lot.Used -= n
		returned[lot.Entry] = n
		points -= n
	}
	return returned, points
}

// Next is the earliest instant at which something of the lots expires; nil for never.
func (l Lots) Next() *time.Time {
	for _, lot := range l.soonest() {
		if lot.Left() > 0 {
			return lot.ExpiresAt
		}
	}
	return nil
}

func (l Lots) soonest() Lots {
	return slices.SortedStableFunc(slices.Values(l), func(a, b *Lot) int {
		switch {
		case a.ExpiresAt == nil && b.ExpiresAt == nil:
			return cmp.Compare(a.Seq, b.Seq)
		case a.ExpiresAt == nil:
			return 1
		case b.ExpiresAt == nil:
			return -1
		}
		return cmp.Or(a.ExpiresAt.Compare(*b.ExpiresAt), cmp.Compare(a.Seq, b.Seq))
	})
}
