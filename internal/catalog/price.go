package catalog

import (
	"encoding/json"
	"strconv"

	"farthing/ent"
	"farthing/internal/money"
)

// MaxPrice is the highest price of one: a million units of its currency, whichever that is. The largest quantity of
// something so dear goes beyond money.Max; checkout refuses that when it multiplies.
const MaxPrice = 1_000_000 * money.Unit

// Price is what a product costs in one currency.
type Price struct {
	Currency money.Code
	// Amount is the list price of one. 0 is a free product.
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

// prices are list prices by currency. In JSON the amounts are plain decimals.
type prices map[money.Code]money.Amount

// MarshalJSON writes the amounts as decimal strings.
func (p prices) MarshalJSON() ([]byte, error) {
	decimals := make(map[money.Code]string, len(p))
	for currency, amount := range p {
		decimals[currency] = amount.String()
	}
	return json.Marshal(decimals)
}

// setPrices replaces all prices.
func (d *draft) setPrices(path string, list []Price) {
	d.content.Prices = make(prices, len(list))
	for i, p := range list {
		at := path + "." + strconv.Itoa(i)
		if _, twice := d.content.Prices[p.Currency]; twice {
			d.refuse(at+".currency", "%s is there twice; give each currency once.", p.Currency)
			continue
		}
		d.setPrice(at, p)
	}
}

// setPrice sets the price in one currency.
func (d *draft) setPrice(path string, p Price) {
	currency, traded := d.currencies.Lookup(p.Currency)
	switch {
	case !traded:
		d.refuse(path+".currency", "This shop does not trade in %s.", clip(string(p.Currency)))
	case p.Amount < 0 || p.Amount > MaxPrice:
		d.refuse(path+".amount", "A price is from 0 to %s, not %s.", MaxPrice, p.Amount)
	case !currency.IsWhole(p.Amount):
		d.refuse(path+".amount", "%s is not a whole number of the minor units of %s, which are %s.",
			p.Amount, p.Currency, currency.Step())
	}
	d.content.Prices[p.Currency] = p.Amount
}
