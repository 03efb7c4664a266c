package catalog

import (
	"farthing/ent"
	"farthing/internal/money"
)

// MaxPrice is the highest price of one: a million units of its currency, whichever that is. The largest quantity of
// something so dear goes beyond money.Max; checkout refuses that when it multiplies.
const MaxPrice = 1_000_000 * money.Unit

// Price is what something costs in one currency.
type Price struct {
	Currency money.Code
	// Amount is the list price of one. 0 is free.
	Amount money.Amount
}

// PriceIn is the list price of a product, whose prices are loaded, in a currency; false when it is not sold in it.
func PriceIn(p *ent.Product, currency money.Code) (money.Amount, bool) {
	for _, price := range p.Edges.Prices {
		if price.Currency == currency {
			return price.Amount, true
		}
	}
	return 0, false
}

// setPrices replaces all prices.
func (d *draft) setPrices(path string, list []Price) { d.content.Prices = d.Prices(path, list) }

// setPrice sets the price in one currency.
func (d *draft) setPrice(path string, p Price) {
	d.price(path, p)
	d.content.Prices[p.Currency] = p.Amount
}
