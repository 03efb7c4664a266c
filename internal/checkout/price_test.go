package checkout

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

func TestPrice(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	book := good(product.KindDURABLE, 1, "1.99 USD", "1300 KRW", "0.605 KWD")
	hints := good(product.KindCONSUMABLE, 10, "0.20 USD", "250 KRW", "0.055 KWD")
	gift := good(product.KindDURABLE, 1, "0 USD")
	owned := good(product.KindDURABLE, 1, "3.00 USD")
	draft := good(product.KindDURABLE, 1, "1.00 USD")
	draft.Status = product.StatusDRAFT
	archived := good(product.KindDURABLE, 1, "1.00 USD")
	archived.Status = product.StatusARCHIVED
	ownedAndArchived := good(product.KindDURABLE, 1, "1.00 USD")
	ownedAndArchived.Status = product.StatusARCHIVED
	windowed := good(product.KindDURABLE, 1, "1.00 USD")
	windowed.PublishFrom, windowed.PublishUntil = new(noon), new(noon.Add(hour))
	dear := good(product.KindCONSUMABLE, 1, "1000000 USD")
	products := map[uuid.UUID]*ent.Product{}
	for _, p := range []*ent.Product{book, hints, gift, owned, draft, archived, ownedAndArchived, windowed, dear} {
		products[p.ID] = p
	}
	unknown := &ent.Product{ID: id.New()}
	usd, krw, kwd := money.Code("USD"), money.Code("KRW"), money.Code("KWD")

	for _, c := range []struct {
		name     string
		currency money.Code
		items    []Item
		at       time.Duration // after noon
		// lines are "quantity × unit price = total".
		lines    []string
		total    string
		refusals []string
	}{
		{"a_durable_good", usd, []Item{of(book, 1)}, 0, []string{"1 × 1.99 = 1.99"}, "1.99", nil},
		{"a_quantity", usd, []Item{of(hints, 7)}, 0, []string{"7 × 0.2 = 1.4"}, "1.4", nil},
		{
			"several_in_the_order_of_the_basket", usd,
			[]Item{of(hints, 3), of(book, 1), of(gift, 1)},
			0,
			[]string{"3 × 0.2 = 0.6", "1 × 1.99 = 1.99", "1 × 0 = 0"},
			"2.59", nil,
		},
		{"a_currency_without_decimals", krw, []Item{of(book, 1), of(hints, 3)}, 0, []string{"1 × 1300 = 1300", "3 × 250 = 750"}, "2050", nil},
		{"a_currency_with_three", kwd, []Item{of(book, 1), of(hints, 3)}, 0, []string{"1 × 0.605 = 0.605", "3 × 0.055 = 0.165"}, "0.77", nil},
		{"a_free_product", usd, []Item{of(gift, 1)}, 0, []string{"1 × 0 = 0"}, "0", nil},
		{"a_durable_good_named_twice_once", usd, []Item{of(book, 1), of(hints, 1), of(book, 1)}, 0, []string{"1 × 1.99 = 1.99", "1 × 0.2 = 0.2"}, "2.19", nil},
		{"a_consumable_named_twice_with_both_quantities", usd, []Item{of(hints, 2), of(hints, 3)}, 0, []string{"5 × 0.2 = 1"}, "1", nil},
		{"the_largest_quantity", usd, []Item{of(hints, MaxQuantity)}, 0, []string{"9999 × 0.2 = 1999.8"}, "1999.8", nil},
		{
			"refuses_two_of_a_durable_good", usd,
			[]Item{of(hints, 1), of(book, 1), of(book, 2)},
			0,
			[]string{"1 × 0.2 = 0.2", "1 × 1.99 = 1.99"},
			"2.19",
			[]string{"INVALID_INPUT items.2.quantity"},
		},
		{
			"refuses_too_many_in_several_items", usd,
			[]Item{of(book, 1), of(hints, MaxQuantity), of(hints, 1)},
			0,
			[]string{"1 × 1.99 = 1.99"},
			"1.99",
			[]string{"INVALID_INPUT items.1.quantity"},
		},
		{"refuses_what_is_not_there", usd, []Item{of(unknown, 1)}, 0, nil, "0", []string{"NOT_FOUND items.0.id"}},
		{"hides_a_draft", usd, []Item{of(draft, 1)}, 0, nil, "0", []string{"NOT_FOUND items.0.id"}},
		{
			"refuses_what_is_archived_with_its_price", usd,
			[]Item{of(archived, 1)},
			0,
			[]string{"1 × 1 = 1"},
			"1",
			[]string{"NOT_AVAILABLE items.0.id"},
		},
		{
			"refuses_what_is_owned_with_its_price", usd,
			[]Item{of(book, 1), of(owned, 1)},
			0,
			[]string{"1 × 1.99 = 1.99", "1 × 3 = 3"},
			"4.99",
			[]string{"ALREADY_OWNED items.1.id"},
		},
		{
			"gives_every_reason", usd,
			[]Item{of(ownedAndArchived, 3)},
			0,
			[]string{"1 × 1 = 1"},
			"1",
			[]string{"NOT_AVAILABLE items.0.id", "INVALID_INPUT items.0.quantity", "ALREADY_OWNED items.0.id"},
		},
		{"refuses_what_is_not_sold_in_the_currency", krw, []Item{of(windowed, 1)}, 0, nil, "0", []string{"NOT_AVAILABLE items.0.id"}},
		{"refuses_once_what_is_neither_on_sale_nor_sold_in_the_currency", krw, []Item{of(archived, 1)}, 0, nil, "0", []string{"NOT_AVAILABLE items.0.id"}},
		{"refuses_just_before_the_window", usd, []Item{of(windowed, 1)}, -1, []string{"1 × 1 = 1"}, "1", []string{"NOT_AVAILABLE items.0.id"}},
		{"sells_at_the_first_instant_of_the_window", usd, []Item{of(windowed, 1)}, 0, []string{"1 × 1 = 1"}, "1", nil},
		{"sells_just_before_the_end_of_the_window", usd, []Item{of(windowed, 1)}, hour - 1, []string{"1 × 1 = 1"}, "1", nil},
		{"refuses_at_the_end_of_the_window", usd, []Item{of(windowed, 1)}, hour, []string{"1 × 1 = 1"}, "1", []string{"NOT_AVAILABLE items.0.id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			currency := currencies(t, "USD,KRW,KWD").Of(c.currency)
			p, err := price(Basket{Currency: c.currency, Items: c.items}, currency, shelf{
				products: products,
				owned: func(id uuid.UUID) *ent.Entitlement {
					if id == owned.ID || id == ownedAndArchived.ID {
						return &ent.Entitlement{ProductID: id}
					}
					return nil
				},
			}, noon.Add(c.at))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for i, l := range p.Lines {
				if l.Subtotal != l.Total {
					t.Errorf("line %d: subtotal %s, total %s; want the same without promotions", i, l.Subtotal, l.Total)
				}
				lines = append(lines, decimalOf(l.Quantity)+" × "+l.UnitPrice.String()+" = "+l.Total.String())
			}
			if diff := cmp.Diff(c.lines, lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if p.Total.String() != c.total || p.Subtotal != p.Total {
				t.Errorf("total %s, subtotal %s, want %s", p.Total, p.Subtotal, c.total)
			}
			wantRefusals(t, p.Refusals.Err(), c.refusals...)
			if !p.At.Equal(noon.Add(c.at)) || p.Currency != currency {
				t.Errorf("priced in %s at %s", p.Currency.Code, p.At)
			}
		})
	}

	t.Run("is_an_error_beyond_what_an_amount_can_be", func(t *testing.T) {
		t.Parallel()
		for _, items := range [][]Item{{of(dear, MaxQuantity)}, {of(book, 1), of(dear, 9_000)}} {
			_, err := price(Basket{Currency: usd, Items: items}, currencies(t, "USD").Of(usd), shelf{
				products: products, owned: func(uuid.UUID) *ent.Entitlement { return nil },
			}, noon)
			if err == nil || len(fault.From(err)) > 0 {
				t.Errorf("got %v, want an error of the arithmetic", err)
			}
		}
	})

	t.Run("tells_who_owns_and_what_is_not_available", func(t *testing.T) {
		t.Parallel()
		e := &ent.Entitlement{ID: id.New()}
		p, err := price(Basket{Currency: usd, Items: []Item{of(ownedAndArchived, 1)}}, currencies(t, "USD").Of(usd), shelf{
			products: products, owned: func(uuid.UUID) *ent.Entitlement { return e },
		}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Refusals) != 2 || p.Refusals[0].Data != (Unavailable{ownedAndArchived}) || p.Refusals[1].Data != (Owned{ownedAndArchived, e}) {
			t.Errorf("got %+v", p.Refusals)
		}
	})
}

func decimalOf(n int64) string { return money.Amount(n * int64(money.Unit)).String() }

// drawGood draws a product; many are free, few cannot be bought.
func drawGood(t *rapid.T) *ent.Product {
	p := good(rapid.SampledFrom([]product.Kind{product.KindDURABLE, product.KindCONSUMABLE}).Draw(t, "kind"), 1)
	if p.Kind == product.KindCONSUMABLE {
		p.Units = rapid.IntRange(1, 1000).Draw(t, "units")
	}
	p.Status = rapid.SampledFrom([]product.Status{
		product.StatusACTIVE, product.StatusACTIVE, product.StatusACTIVE, product.StatusARCHIVED, product.StatusDRAFT,
	}).Draw(t, "status")
	for _, code := range []money.Code{"USD", "KRW"} {
		if rapid.IntRange(0, 9).Draw(t, "sold") > 0 {
			cents := rapid.Int64Range(0, 100_000).Draw(t, "price")
			p.Edges.Prices = append(p.Edges.Prices, &ent.Price{Currency: code, Amount: money.Amount(cents) * money.Unit / 100})
		}
	}
	return p
}

func drawItems(t *rapid.T, products []*ent.Product) []Item {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Item {
		return of(rapid.SampledFrom(products).Draw(t, "product"), rapid.SampledFrom([]int64{1, 1, 1, 2, 7, MaxQuantity}).Draw(t, "quantity"))
	}), 1, MaxItems).Draw(t, "items")
}

func TestPriceAddsUp(t *testing.T) {
	t.Parallel()
	usd := currencies(t, "USD").Of("USD")
	rapid.Check(t, func(t *rapid.T) {
		goods := rapid.SliceOfN(rapid.Custom(drawGood), 1, 8).Draw(t, "goods")
		owns := rapid.Bool().Draw(t, "owns")
		s := shelf{products: map[uuid.UUID]*ent.Product{}, owned: func(p uuid.UUID) *ent.Entitlement {
			if owns && p == goods[0].ID {
				return &ent.Entitlement{}
			}
			return nil
		}}
		for _, p := range goods {
			s.products[p.ID] = p
		}
		items := drawItems(t, goods)
		p, err := price(Basket{Currency: "USD", Items: items}, usd, s, noon)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uuid.UUID]bool{}
		var sum money.Amount
		for _, l := range p.Lines {
			if seen[l.Product.ID] {
				t.Fatalf("product %s is charged twice", l.Product.ID)
			}
			seen[l.Product.ID] = true
			if l.Total < 0 || l.Total != l.UnitPrice*money.Amount(l.Quantity) || l.Subtotal != l.Total || l.Quantity < 1 || l.Quantity > MaxQuantity {
				t.Fatalf("line %+v", l)
			}
			sum += l.Total
		}
		if sum != p.Total || p.Subtotal != p.Total {
			t.Fatalf("lines sum to %s, total is %s, subtotal %s", sum, p.Total, p.Subtotal)
		}
		for _, f := range p.Refusals {
			if len(f.Path) != 3 || f.Path[0] != "items" {
				t.Fatalf("refusal without an item: %v", f)
			}
		}

		// The order of the items makes no other price.
		shuffled := slices.Clone(items)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		q, err := price(Basket{Currency: "USD", Items: shuffled}, usd, s, noon)
		if err != nil || q.Total != p.Total || len(q.Lines) != len(p.Lines) || len(q.Refusals) != len(p.Refusals) {
			t.Fatalf("in another order: %+v, %v; was %+v", q, err, p)
		}
	})
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
	base := order("key", "2.59", Item{one, 1}, Item{two, 3})

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
			"currency": base.in("EUR"),
			"total":    order("key", "2.6", Item{one, 1}, Item{two, 3}),
			"quantity": order("key", "2.59", Item{one, 1}, Item{two, 2}),
			"product":  order("key", "2.59", Item{two, 1}, Item{one, 3}),
			"missing":  order("key", "2.59", Item{one, 1}),
			"more":     order("key", "2.59", Item{one, 1}, Item{two, 3}, Item{uuid.Nil, 1}),
		} {
			f := hexed(t, in)
			if other, twice := seen[f]; twice {
				t.Errorf("%s has the fingerprint of %s", name, other)
			}
			seen[f] = name
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
					split = append(split, Item{item.ID, part})
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
