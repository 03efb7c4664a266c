package checkout

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/internal/id"
)

func withCoupon(in Input, code string) Input {
	in.Basket.CouponCode = code
	return in
}

func drawItems(t *rapid.T, products []*ent.Product) []Item {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Item {
		return of(rapid.SampledFrom(products).Draw(t, "product"), rapid.SampledFrom([]int64{1, 1, 1, 2, 7, MaxQuantity}).Draw(t, "quantity"))
	}), 1, MaxItems).Draw(t, "items")
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	one := uuid.MustParse("018f0000-0000-7000-8000-000000000001")
	two := uuid.MustParse("018f0000-0000-7000-8000-000000000002")
	hexed := func(t testing.TB, in Input) string {
		t.Helper()
		f, err := in.fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(f[:])
	}
	base := order("key", "2.59", Item{ID: one, Quantity: 1}, Item{ID: two, Quantity: 3})

	t.Run("stays_what_it_was", func(t *testing.T) {
		t.Parallel()
		// A repeat may come next year. When this changes, honest repeats are refused as IDEMPOTENCY_KEY_REUSED. It is the
		// SHA-256 of ["USD",2590000,[["018f0000-0000-7000-8000-000000000001",1],["018f0000-0000-7000-8000-000000000002",3]]].
		const golden = "f4bc542a0e9acd663039b315d13c3e5fa69de4eda4efbf06166089ef88dfeb9b"
		if got := hexed(t, base); got != golden {
			t.Errorf("fingerprint %s, want %s", got, golden)
		}
	})
	t.Run("differs_when_the_request_does", func(t *testing.T) {
		t.Parallel()
		seen := map[string]string{hexed(t, base): "base"}
		for name, in := range map[string]Input{
			"currency":       base.in("EUR"),
			"total":          order("key", "2.6", Item{ID: one, Quantity: 1}, Item{ID: two, Quantity: 3}),
			"quantity":       order("key", "2.59", Item{ID: one, Quantity: 1}, Item{ID: two, Quantity: 2}),
			"product":        order("key", "2.59", Item{ID: two, Quantity: 1}, Item{ID: one, Quantity: 3}),
			"missing":        order("key", "2.59", Item{ID: one, Quantity: 1}),
			"more":           order("key", "2.59", Item{ID: one, Quantity: 1}, Item{ID: two, Quantity: 3}, Item{ID: uuid.Nil, Quantity: 1}),
			"coupon":         withCoupon(base, "SPRING-26"),
			"another coupon": withCoupon(base, "SPRING-27"),
			"choices":        order("key", "2.59", Item{ID: one, Quantity: 1, Choices: []uuid.UUID{two}}, Item{ID: two, Quantity: 3}),
		} {
			f := hexed(t, in)
			if other, twice := seen[f]; twice {
				t.Errorf("%s has the fingerprint of %s", name, other)
			}
			seen[f] = name
		}
	})
	t.Run("takes_a_code_as_it_counts", func(t *testing.T) {
		t.Parallel()
		if hexed(t, withCoupon(base, "SPRING-26")) != hexed(t, withCoupon(base, " spring-26 ")) {
			t.Error("the case of a code makes another request")
		}
	})
	t.Run("does_not_depend_on_the_order_of_choices", func(t *testing.T) {
		t.Parallel()
		three := uuid.MustParse("018f0000-0000-7000-8000-000000000003")
		ordered := order("key", "1", Item{ID: one, Quantity: 1, Choices: []uuid.UUID{two, three}})
		if hexed(t, ordered) != hexed(t, order("key", "1", Item{ID: one, Quantity: 1, Choices: []uuid.UUID{three, two}})) {
			t.Error("the order of choices makes another request")
		}
	})
	t.Run("does_not_depend_on_the_key_or_how_the_items_are_listed", func(t *testing.T) {
		t.Parallel()
		goods := []*ent.Product{{ID: one}, {ID: two}, {ID: id.New()}}
		rapid.Check(t, func(rt *rapid.T) {
			items := drawItems(rt, goods)
			var split []Item
			for _, item := range items {
				if item.Quantity > 1 && rapid.Bool().Draw(rt, "split") {
					part := rapid.Int64Range(1, item.Quantity-1).Draw(rt, "part")
					split = append(split, Item{ID: item.ID, Quantity: part})
					item.Quantity -= part
				}
				split = append(split, item)
			}
			rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)).Shuffle(len(split), func(i, j int) {
				split[i], split[j] = split[j], split[i]
			})
			if hexed(t, order("a", "1", items...)) != hexed(t, order("b", "1.000000", split...)) {
				rt.Fatalf("%v and %v have different fingerprints", items, split)
			}
		})
	})
}
