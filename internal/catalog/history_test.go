package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/pricechange"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
)

func TestRecordPrices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		bundle := uuid.New()
		states := []schema.Prices{
			nil,
			{"USD": amount("9.99"), "KRW": amount("12000")},
			{"USD": amount("9.99"), "KRW": amount("12000")},
			{"EUR": amount("8"), "USD": 0},
			{},
		}
		for i := range len(states) - 1 {
			err := d.Tx(merchandiser(t), func(ctx context.Context, tx *ent.Tx) error {
				return catalog.RecordPrices(ctx, tx, noon.Add(time.Duration(i)*time.Minute), bundle, states[i], states[i+1])
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		steps := d.Client().PriceChange.Query().Where(pricechange.ProductID(bundle)).
			Order(ent.Asc(pricechange.FieldCreatedAt, pricechange.FieldID)).AllX(t.Context())
		var got []string
		for _, step := range steps {
			price := "none"
			if step.Amount != nil {
				price = step.Amount.String()
			}
			got = append(got, fmt.Sprintf("%v %s %s by %s", step.CreatedAt.Sub(noon), step.Currency, price, step.Actor))
		}
		want := []string{
			"0s KRW 12000 by mila", "0s USD 9.99 by mila",
			"2m0s EUR 8 by mila", "2m0s USD 0 by mila", "2m0s KRW none by mila",
			"3m0s EUR none by mila", "3m0s USD none by mila",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestReadingThePriceHistory(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		bundle, other := uuid.New(), uuid.New()
		record := func(minute int, id uuid.UUID, before, after schema.Prices) {
			t.Helper()
			err := d.Tx(merchandiser(t), func(ctx context.Context, tx *ent.Tx) error {
				return catalog.RecordPrices(ctx, tx, noon.Add(time.Duration(minute)*time.Minute), id, before, after)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		record(2, bundle, schema.Prices{"USD": amount("9.99")}, schema.Prices{"USD": amount("8")})
		record(1, bundle, nil, schema.Prices{"USD": amount("9.99"), "KRW": amount("12000")}) // written later than it was in force
		record(3, bundle, schema.Prices{"USD": amount("8")}, schema.Prices{})
		record(3, bundle, schema.Prices{}, schema.Prices{"USD": 0})
		record(4, other, nil, schema.Prices{"USD": amount("1")})
		for _, test := range []struct {
			name  string
			first int
			want  []string
		}{
			{"latest_first", 20, []string{"3m0s 0", "3m0s none", "2m0s 8", "1m0s 9.99"}},
			{"as_many_as_asked_for", 3, []string{"3m0s 0", "3m0s none", "2m0s 8"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				histories, err := catalog.PriceHistories(t.Context(), d.Client(), []uuid.UUID{bundle}, "USD", test.first)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, step := range histories[bundle] {
					price := "none"
					if step.Amount != nil {
						price = step.Amount.String()
					}
					got = append(got, fmt.Sprintf("%v %s", step.CreatedAt.Sub(noon), price))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("history (-want +got):\n%s", diff)
				}
			})
		}
		for _, first := range []int{0, -1, 101} {
			if _, err := catalog.PriceHistories(t.Context(), d.Client(), []uuid.UUID{bundle}, "USD", first); !fault.Is(err, fault.InvalidInput) {
				t.Errorf("%d steps: %v", first, err)
			}
		}
	})
}
