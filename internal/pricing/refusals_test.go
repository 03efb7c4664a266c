package pricing_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/internal/money"
	"farthing/internal/pricing"
)

var usd = money.Currency{Code: "USD", MinorUnit: 2}

func thing(n byte) uuid.UUID { return uuid.UUID{15: n} }

// told are the codes, fields and subjects of the refusals of a basket.
func told(r pricing.Result) []string {
	var list []string
	for _, f := range r.Refusals {
		text := fmt.Sprintf("%s %s", f.Code, strings.Join(f.Path, "."))
		if subject, ok := f.Data.(pricing.Subject); ok {
			text += fmt.Sprintf(" %s %d", subject.Kind, subject.ID[15])
		}
		list = append(list, text)
	}
	return list
}

// TestBundleRefusals buys a bundle of two books in every state that it and they can be in.
func TestBundleRefusals(t *testing.T) {
	t.Parallel()
	const states = 1 << 9
	for state := range states {
		is := func(bit int) bool { return state>>bit&1 == 1 }
		onSale, priced, quantity := is(0), is(1), int64(1)
		if is(2) {
			quantity = 2
		}
		bundle := pricing.Bundle{ID: thing(9), OnSale: onSale, Priced: priced, Price: 10 * money.Unit}
		shelf := pricing.Shelf{Currency: usd, Products: map[uuid.UUID]pricing.Product{}, Bundles: map[uuid.UUID]pricing.Bundle{}}
		buyer := pricing.Buyer{Owns: map[uuid.UUID]bool{}}
		var want []string
		switch {
		case !onSale, !priced:
			want = append(want, "NOT_AVAILABLE items.0.id BUNDLE 9")
		}
		available, allOwned, allPriced := onSale && priced, true, true
		for i := range 2 {
			owned, onSale, priced := is(3+3*i), is(4+3*i), is(5+3*i)
			id := thing(byte(1 + i))
			shelf.Products[id] = pricing.Product{ID: id, Durable: true, OnSale: onSale, Priced: priced, List: 10 * money.Unit}
			bundle.Components = append(bundle.Components, pricing.Component{Product: id, Quantity: 1})
			buyer.Owns[id] = owned
			allOwned, allPriced = allOwned && owned, allPriced && priced
			if available && (!priced || !onSale && !owned) {
				available = false
				want = append(want, fmt.Sprintf("NOT_AVAILABLE items.0.id PRODUCT %d", id[15]))
			}
		}
		if quantity > 1 {
			want = append(want, "INVALID_INPUT items.0.quantity")
		}
		if allOwned && available {
			want = append(want, "ALREADY_OWNED items.0.id BUNDLE 9")
		}
		shelf.Bundles[bundle.ID] = bundle
		r, err := pricing.Price(shelf, buyer, []pricing.Item{{ID: bundle.ID, Quantity: quantity}})
		if diff := cmp.Diff(want, told(r)); diff != "" || err != nil {
			t.Errorf("%+v of %+v for %+v: %v (-want +got):\n%s", bundle, shelf.Products, buyer.Owns, err, diff)
		}
		if (len(r.Lines) == 1) != (priced && allPriced) {
			t.Errorf("%+v of %+v: %d lines", bundle, shelf.Products, len(r.Lines))
		}
	}
}

func TestPriceOfWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	gems := pricing.Product{ID: thing(1), OnSale: true, Priced: true, List: 1_000_000 * money.Unit}
	shelf := pricing.Shelf{
		Currency: usd,
		Products: map[uuid.UUID]pricing.Product{gems.ID: gems},
		Bundles:  map[uuid.UUID]pricing.Bundle{},
	}

	t.Run("is_an_error_beyond_the_largest_amount", func(t *testing.T) {
		t.Parallel()
		_, err := pricing.Price(shelf, pricing.Buyer{}, []pricing.Item{{ID: gems.ID, Quantity: pricing.MaxQuantity}})
		if !errors.Is(err, money.ErrRange) {
			t.Errorf("%v", err)
		}
	})

	t.Run("is_refused_when_bundles_multiply", func(t *testing.T) {
		t.Parallel()
		cheap := gems
		cheap.List = 10_000 // a cent
		shelf := pricing.Shelf{
			Currency: usd, Products: map[uuid.UUID]pricing.Product{gems.ID: cheap}, Bundles: map[uuid.UUID]pricing.Bundle{},
		}
		const depth = 8 // 9,999 to the power of 8 is beyond an int64
		for i := range byte(depth) {
			inner := pricing.Component{Inner: thing(10 + i - 1), Quantity: pricing.MaxQuantity}
			if i == 0 {
				inner = pricing.Component{Product: gems.ID, Quantity: pricing.MaxQuantity}
			}
			shelf.Bundles[thing(10+i)] = pricing.Bundle{
				ID: thing(10 + i), OnSale: true, Priced: true, Price: 1_000_000 * money.Unit, Components: []pricing.Component{inner},
			}
		}
		r, err := pricing.Price(shelf, pricing.Buyer{}, []pricing.Item{{ID: thing(10 + depth - 1), Quantity: pricing.MaxQuantity}})
		if diff := cmp.Diff([]string{"INVALID_INPUT items.0.quantity"}, told(r)); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestBundleWithSomethingUnknown(t *testing.T) {
	t.Parallel()
	book := pricing.Product{ID: thing(1), Durable: true, OnSale: true, Priced: true, List: 10 * money.Unit}
	outer := pricing.Bundle{ID: thing(9), OnSale: true, Priced: true, Price: money.Unit, Components: []pricing.Component{
		{Product: book.ID, Quantity: 1}, {Inner: thing(8), Quantity: 1},
	}}
	shelf := pricing.Shelf{
		Currency: usd,
		Products: map[uuid.UUID]pricing.Product{book.ID: book},
		Bundles:  map[uuid.UUID]pricing.Bundle{outer.ID: outer},
	}
	r, err := pricing.Price(shelf, pricing.Buyer{}, []pricing.Item{{ID: outer.ID, Quantity: 1}})
	if diff := cmp.Diff([]string{"NOT_AVAILABLE items.0.id BUNDLE 9"}, told(r)); diff != "" || err != nil || len(r.Lines) > 0 {
		t.Errorf("%v, %d lines (-want +got):\n%s", err, len(r.Lines), diff)
	}
}
