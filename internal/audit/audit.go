// Package audit writes down administrative changes (rule 29): who changed what, when, and what it was before and after.
//
// An entry is written in the transaction of the change itself, so neither is there without the other. Entries are never
// changed and never deleted.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
)

// Entry is one change to write down.
type Entry struct {
	// Action is the verb as the schema names it: updateProduct.
	Action string
	// Target is what was changed.
	Target uuid.UUID
	// Before and After are the target before and after, as anything that becomes JSON. Before is nil for what was made,
	// After for what was removed. They are shown to everybody who may read the audit: no secrets.
	Before, After any
}

// Record writes down one change of the caller.
func Record(ctx context.Context, tx *ent.Tx, at time.Time, action string, target uuid.UUID, before, after any) error {
	return RecordAll(ctx, tx, at, []Entry{{Action: action, Target: target, Before: before, After: after}})
}

// RecordAll writes down many changes of the caller at once.
func RecordAll(ctx context.Context, tx *ent.Tx, at time.Time, entries []Entry) error {
	const rows = 1000 // of 7 columns; SQLite takes 32,766 variables in a statement
	subject := actor.From(ctx).Name()
	for chunk := range slices.Chunk(entries, rows) {
		builders := make([]*ent.AuditEntryCreate, len(chunk))
		for i, entry := range chunk {
			builders[i] = tx.AuditEntry.Create().
				SetActor(subject).
				SetAction(entry.Action).
				SetTargetID(entry.Target).
				SetCreatedAt(at)
			if entry.Before != nil {
				before, err := json.Marshal(entry.Before)
				if err != nil {
					return fmt.Errorf("writing the state before %s as JSON: %w", entry.Action, err)
				}
				builders[i].SetBefore(before)
			}
			if entry.After != nil {
				after, err := json.Marshal(entry.After)
				if err != nil {
					return fmt.Errorf("writing the state after %s as JSON: %w", entry.Action, err)
				}
				builders[i].SetAfter(after)
			}
		}
		if err := tx.AuditEntry.CreateBulk(builders...).Exec(ctx); err != nil {
			return fmt.Errorf("writing the audit: %w", err)
		}
	}
	return nil
}
