package checkout

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/pricing"
)

// Limits of a basket.
const (
	// MaxItems is how many items a basket may have.
	MaxItems = 50
	// MaxQuantity is how many of one thing a basket may hold, all its items together.
	MaxQuantity = pricing.MaxQuantity
	// MaxChoices is how many components may be chosen of a bundle.
	MaxChoices = 100
	// MaxProducts is how many different products a basket may come down to, those in its bundles counted.
	MaxProducts = 1_000
)

// Item is one item of a basket.
type Item = pricing.Item

// Basket is what a shopper wants to buy, in one currency.
type Basket struct {
	Currency money.Code
	Items    []Item
	// CouponCode is the code of a coupon; empty for none.
	CouponCode string
	// RedeemPoints is how many points to redeem for a discount, whole; 0 for none.
	RedeemPoints money.Amount
}

// validate finds everything that is wrong with a basket by itself.
func (b Basket) validate(faults *fault.List, currencies *money.Currencies) {
	if _, traded := currencies.Priced(b.Currency); !traded {
		faults.Add(fault.Input("currency", "This shop does not trade in %s.", b.Currency))
	}
	switch points := b.RedeemPoints; {
	case points < 0 || points > money.Max || !money.Points().IsWhole(points):
		faults.Add(fault.Input("redeemPoints", "Redeem a whole number of points, from 0 on."))
	case points > 0 && b.Currency == money.PointsCode:
		faults.Add(fault.Input("redeemPoints", "What costs points has no discount for points."))
	}
	switch n := len(b.Items); {
	case n == 0:
		faults.Add(fault.Input("items", "A basket has at least one item."))
	case n > MaxItems:
		faults.Add(fault.Input("items", "A basket has at most %d items, not %d.", MaxItems, n))
		return
	}
	for i, item := range b.Items {
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			faults.Add(fault.Input(pricing.ItemPath(i)+".quantity", "A quantity is 1 to %d, not %d.", MaxQuantity, item.Quantity))
		}
		if n := len(item.Choices); n > MaxChoices {
			faults.Add(fault.Input(pricing.ItemPath(i)+".choices", "Choose at most %d things, not %d.", MaxChoices, n))
		}
	}
}

// things are what the items of a basket name.
func (b Basket) things() []uuid.UUID {
	return ids(b.Items, func(i Item) []uuid.UUID { return []uuid.UUID{i.ID} })
}

// canonical is the basket in the one form that all orders of its items have in common. Purchases that were made before
// there was anything to choose have the same form still.
func (b Basket) canonical() [][]any {
	list := pricing.Merge(b.Items)
	slices.SortFunc(list, func(a, c pricing.Want) int {
		order := func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) }
		return cmp.Or(order(a.ID, c.ID), slices.CompareFunc(a.Choices, c.Choices, order))
	})
	form := make([][]any, len(list))
	for i, w := range list {
		form[i] = []any{w.ID, w.Quantity}
		if len(w.Choices) > 0 {
			form[i] = append(form[i], w.Choices)
		}
	}
	return form
}
