package offers

import (
	"context"
	"errors"

	"farthing/ent"
	"farthing/internal/catalog"
	"farthing/internal/fault"
)

// MaxChanges is how many changes may be made at once.
const MaxChanges = 100

// Change is one of many changes.
type Change struct {
	// Path leads to it in the input: "changes.0.createBundle". Its faults are at fields below.
	Path string
	// Make makes it in a transaction, and gives what was made or changed, as a row. It is one of the verbs of products and
	// offers that join a transaction of their caller.
	Make func(ctx context.Context, tx *ent.Tx) (any, error)
}

// Outcome is what became of one of many changes.
type Outcome struct {
	// Row is what was made or changed, as it is then; nil when the change was not made.
	Row any
	// Refused is why it was not made. Empty when it was, or when it was not made for others' sake.
	Refused fault.List
}

// errRejected rolls back changes of which one was refused.
var errRejected = errors.New("one of many changes was refused")

// ChangeAll makes many changes in their order, and tells what became of each. SkipFailed makes those that are not refused,
// each in a transaction of its own, so that nobody who sells waits for all of them. Otherwise they are one transaction: one
// that is refused undoes all, and the others are tried all the same, so that everything that is wrong is told at once.
//
// The error is an INVALID_INPUT fault for too few or too many changes. Any other is a bug or an outage: with SkipFailed,
// changes before it have been made.
func (s *Service) ChangeAll(ctx context.Context, changes []Change, skipFailed bool) ([]Outcome, error) {
	if n := len(changes); n < 1 || n > MaxChanges {
		return nil, fault.Input("changes", "Give 1 to %d changes, not %d.", MaxChanges, n)
	}
	if !skipFailed {
		return s.together(ctx, changes)
	}
	outcomes := make([]Outcome, len(changes))
	for i := range changes {
		alone, err := s.together(ctx, changes[i:i+1])
		if err != nil {
			return nil, err
		}
		outcomes[i] = alone[0]
	}
	return outcomes, nil
}

// together makes changes in one transaction: all, or none when one is refused.
func (s *Service) together(ctx context.Context, changes []Change) ([]Outcome, error) {
	outcomes := make([]Outcome, len(changes))
	// What two products, or two bundles, that are made at once take from each other starts the transaction again.
	err := catalog.New(s.db, s.currencies, s.clock).Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		// First of all, as verbs of offers do it by themselves: so the instants of all changes are taken while nobody sells.
		if err := catalog.Revise(ctx, tx); err != nil {
			return err
		}
		rejected := false
		for i, change := range changes {
			row, err := change.Make(ctx, tx)
			refused := fault.From(err)
			if err != nil && len(refused) == 0 {
				return err
			}
			outcomes[i] = Outcome{Row: row, Refused: refused.Below(change.Path)}
			if len(refused) > 0 {
				outcomes[i].Row, rejected = nil, true
			}
		}
		if rejected {
			return errRejected
		}
		return nil
	})
	if errors.Is(err, errRejected) {
		for i := range outcomes {
			outcomes[i].Row = nil
		}
		return outcomes, nil
	}
	return outcomes, err
}
