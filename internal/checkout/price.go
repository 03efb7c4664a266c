package checkout

import (
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// Pricing is what a basket costs one shopper at one instant, and why it could not be bought.
type Pricing struct {
	Currency money.Currency
	Lines    []PricedLine
	// Subtotal is the sum of the list prices, Total what is charged.
	Subtotal, Total money.Amount
	// Refusals are why a checkout would be refused, apart from the balance. The lines that they name are there as far
	// as they have a price.
	Refusals fault.List
	// At is the instant that it was decided for.
	At time.Time
}

// PricedLine is one item of a basket with its price.
type PricedLine struct {
	Product *ent.Product
	// Quantity is that of all items that name the product; 1 for a durable good.
	Quantity int64
	// UnitPrice is the list price of one, Subtotal that of all, Total what is charged.
	UnitPrice, Subtotal, Total money.Amount
}

// Owned is what an ALREADY_OWNED fault tells.
type Owned struct {
	Product     *ent.Product
	Entitlement *ent.Entitlement
}

// Unavailable is what a NOT_AVAILABLE fault tells.
type Unavailable struct{ Product *ent.Product }

// shelf is what is known of the products of a basket; owned gives what makes the shopper an owner of one, or nil.
type shelf struct {
	products map[uuid.UUID]*ent.Product
	owned    func(product uuid.UUID) *ent.Entitlement
}

// price says what a basket costs. It is the one place that does: the quote shows what it says and the till charges it.
func price(basket Basket, currency money.Currency, s shelf, now time.Time) (Pricing, error) {
	p := Pricing{Currency: currency, At: now}
	for _, w := range basket.wants() {
		item, known := s.products[w.id]
		if !known || item.Status == product.StatusDRAFT {
			p.Refusals.Add(fault.New(fault.NotFound, "There is no such product.").At(w.path + ".id"))
			continue
		}
		unit, sold := catalog.PriceIn(item, currency.Code)
		switch {
		case !catalog.OnSale(item, now):
			p.Refusals.Add(fault.New(fault.NotAvailable, "This product is not on sale now.").
				At(w.path + ".id").With(Unavailable{item}))
		case !sold:
			p.Refusals.Add(fault.New(fault.NotAvailable, "This product is not sold in %s.", currency.Code).
				At(w.path + ".id").With(Unavailable{item}))
		}
		if !sold {
			continue
		}
		quantity := w.quantity
		if item.Kind == product.KindDURABLE {
			// The same good named twice is charged once; asking for two of it is a mistake.
			if w.most > 1 {
				p.Refusals.Add(fault.Input(w.mostPath+".quantity", "A durable good is bought once: its quantity is 1, not %d.", w.most))
			}
			quantity = 1
			if owned := s.owned(item.ID); owned != nil {
				p.Refusals.Add(fault.New(fault.AlreadyOwned, "This product is owned already.").
					At(w.path + ".id").With(Owned{item, owned}))
			}
		}
		if quantity > MaxQuantity {
			p.Refusals.Add(fault.Input(w.path+".quantity", "A basket holds at most %d of one product, not %d.", MaxQuantity, quantity))
			continue
		}
		subtotal, err := unit.Times(quantity)
		if err != nil {
			return p, err
		}
		p.Lines = append(p.Lines, PricedLine{Product: item, Quantity: quantity, UnitPrice: unit, Subtotal: subtotal, Total: subtotal})
		if p.Subtotal, err = p.Subtotal.Plus(subtotal); err != nil {
			return p, err
		}
	}
	p.Total = p.Subtotal
	return p, nil
}
