package catalog

import (
	"context"
	"fmt"

	"farthing/ent"
	"farthing/ent/catalogrevision"
	"farthing/internal/db"
)

// The revision is of all that is for sale: products, and offers on them. Two things hang on it.
//
// A purchase's price is right for its recorded instant. Nobody can know in advance when a transaction will be committed, so
// a checkout that took its instant and then read prices could read those that a change has made after that instant, or
// miss those that it has made before. Therefore a checkout takes its instant between Hold and the end of its transaction,
// and a change is made visible between Revise and the end of its own: one is over before the other begins.
//
// A copy of what is for sale can tell whether it is the current one, by one cheap statement (Revision).

// revisionLock is the key of the lock behind Hold and Revise: "forsale" in ASCII.
const revisionLock int64 = 0x666f7273616c65

// revisionRow is the id of the only row.
const revisionRow = 1

// Hold keeps everybody from changing what is for sale until the transaction ends. Any number of transactions may hold it at
// once. Whoever sells takes its instant after Hold, and then reads. A transaction that holds must not Revise.
func Hold(ctx context.Context, tx *ent.Tx) error { return db.LockShared(ctx, tx, revisionLock) }

// Revise waits until nobody holds what is for sale, keeps all others from holding or revising it until the transaction
// ends, and counts the revision up. A transaction may do it several times.
//
// Every transaction that changes what is for sale does it. One whose change is in force from an instant that it takes
// itself does it first, and then takes the instant. One that takes long, such as an import, does it last, so that it
// holds up checkouts for its commit alone.
func Revise(ctx context.Context, tx *ent.Tx) error {
	if err := db.LockExclusive(ctx, tx, revisionLock); err != nil {
		return err
	}
	err := tx.CatalogRevision.Create().SetID(revisionRow).SetNumber(1).
		OnConflictColumns(catalogrevision.FieldID).
		Update(func(u *ent.CatalogRevisionUpsert) { u.AddNumber(1) }).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("counting the revision of what is for sale: %w", err)
	}
	return nil
}

// Revision is how many changes of what is for sale have been committed; 0 before the first. What is read in the same
// snapshot, or under the same Hold, is what was for sale at that revision.
func Revision(ctx context.Context, client *ent.Client) (int64, error) {
	row, err := client.CatalogRevision.Query().Where(catalogrevision.ID(revisionRow)).Only(ctx)
	if ent.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the revision of what is for sale: %w", err)
	}
	return row.Number, nil
}
