package db_test

import (
	"context"
	"testing"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// exec runs statements in one transaction.
func exec(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// texts returns the first column of a query outside a transaction.
func texts(t *testing.T, d *db.DB, query string) []string {
	t.Helper()
	rows, err := d.Client().QueryContext(context.WithoutCancel(t.Context()), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		list = append(list, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// text returns the only value of a query outside a transaction.
func text(t *testing.T, d *db.DB, query string) string {
	t.Helper()
	list := texts(t, d, query)
	if len(list) != 1 {
		t.Fatalf("%s: %d rows, want one", query, len(list))
	}
	return list[0]
}

// textIn returns the only value of a query inside a transaction.
func textIn(ctx context.Context, tx *ent.Tx, query string, args ...any) (string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var text string
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
	}
	return text, rows.Err()
}
