package proof_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/internal/db/dbtest"
	"farthing/internal/proof"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestCheck(t *testing.T) {
	t.Parallel()
	claims := []proof.Claim{
		{Name: "nothing is wrong", Contradictions: "SELECT id FROM accounts WHERE balance < 0"},
		{Name: "two are the same", Contradictions: "SELECT 1 AS one, 'b' AS two, CAST(NULL AS text) AS three UNION ALL SELECT 2, 'c', 'd'"},
		{
			Name:           "nobody is there",
			Contradictions: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) SELECT i FROM n ORDER BY i",
		},
	}
	want := []proof.Result{
		{Claim: "nothing is wrong", Holds: true},
		{Claim: "two are the same", Contradictions: 2, Examples: []string{"one=1 two=b three=", "one=2 two=c three=d"}},
		{Claim: "nobody is there", Contradictions: 12, Examples: []string{"i=1", "i=2", "i=3", "i=4", "i=5"}},
	}
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, store.URL(t))
			err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				got, err := proof.Check(ctx, tx, claims)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCheckNamesTheClaimThatCannotBeChecked(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			for _, query := range []string{"SELECT id FROM no_such_table", "UPDATE accounts SET seq = 1", "DELETE FROM accounts RETURNING id"} {
				d := dbtest.Open(t, store.URL(t))
				err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					results, err := proof.Check(ctx, tx, []proof.Claim{{Name: "all is well", Contradictions: query}})
					if results != nil {
						t.Errorf("%s gives %+v", query, results)
					}
					return err
				})
				if err == nil || !strings.Contains(err.Error(), "check that all is well: ") {
					t.Errorf("%s: %v, want an error that names the claim", query, err)
				}
			}
		})
	}
}
