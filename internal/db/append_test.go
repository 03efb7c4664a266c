package db_test

import (
	"context"
	"strings"
	"testing"

	"farthing/ent"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
)

// TestReplaceIsADeletion shows that SQLite's REPLACE, which deletes the row in its way, is no way around the triggers that
// keep what was recorded.
func TestReplaceIsADeletion(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	change := id.New().String()
	write := func(statement string) error {
		return d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, statement+` INTO price_changes (id, product_id, currency, amount, actor, created_at)
				VALUES (?, ?, 'USD', 1, 'somebody', '2026-01-01 00:00:00+00:00')`, change, change)
			return err
		})
	}
	if err := write("INSERT"); err != nil {
		t.Fatal(err)
	}
	if err := write("REPLACE"); err == nil || !strings.Contains(err.Error(), "never changed or deleted") {
		t.Errorf("REPLACE gave %v", err)
	}
}
