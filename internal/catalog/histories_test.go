package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// TestPriceHistoriesAreThatOfEach reads those of several things at once, of which each has its own latest steps.
func TestPriceHistoriesAreThatOfEach(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things := []uuid.UUID{id.New(), id.New(), id.New()}
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			for thing, steps := range []int{3, 1} {
				before := schema.Prices{}
				for step := range steps {
					at := time.Date(2026, 12, 1+step, 0, 0, 0, 0, time.UTC)
					after := schema.Prices{"USD": money.Unit * money.Amount(10*thing+step+1), "KRW": money.Unit * 100}
					if err := catalog.RecordPrices(ctx, tx, at, things[thing], before, after); err != nil {
						return err
					}
					before = after
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for first, want := range map[int][]string{1: {"[3]", "[11]", "[]"}, 2: {"[3 2]", "[11]", "[]"}, 100: {"[3 2 1]", "[11]", "[]"}} {
			histories, err := catalog.PriceHistories(t.Context(), d.Client(), things, "USD", first)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]string, len(things))
			for i, thing := range things {
				amounts := []string{}
				for _, step := range histories[thing] {
					amounts = append(amounts, step.Amount.String())
				}
				got[i] = fmt.Sprint(amounts)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the first %d (-want +got):\n%s", first, diff)
			}
		}
		if _, err := catalog.PriceHistories(t.Context(), d.Client(), things, "USD", 0); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("got %v", err)
		}
	})
}
