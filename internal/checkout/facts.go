package checkout

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/catalog"
	held "farthing/internal/entitlement"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// Facts are what it takes to tell a viewer of the catalogue what things cost, and what is theirs. They are read once for a
// page, in a number of statements that does not depend on its length, and say the prices of a quote.
type Facts struct {
	*known

	shopper    uuid.UUID
	drafts     bool
	currencies *money.Currencies
	// shelf has what all visitors pay; nil when the facts are as fresh as can be.
	shelf *shelf
}

// Facts reads the facts of some products, bundles and trial offers for a shopper, or for a visitor by the zero id. Drafts
// says to price what is not out yet, for merchandisers.
func (s *Service) Facts(ctx context.Context, shopper uuid.UUID, things []uuid.UUID, drafts bool) (*Facts, error) {
	if s.Delay > 0 && !drafts {
		return s.recentFacts(ctx, shopper, things)
	}
	board, err := s.Offers.Boards.Current(ctx)
	if err != nil {
		return nil, err
	}
	a := asked{things: things}
	if shopper != uuid.Nil {
		a.shoppers = []uuid.UUID{shopper}
	}
	products, err := s.Offers.Boards.Products(ctx, board, board.Needed(things))
	if err != nil {
		return nil, err
	}
	client := s.db.Client()
	f := &Facts{shopper: shopper, drafts: drafts, currencies: s.Currencies}
	if f.known, err = read(ctx, client, board, products, s.now(), a); err != nil {
		return nil, err
	}
	return f, f.readTaken(ctx, client, f.limits(), a.shoppers)
}

// ItemPrice is what one of a thing costs a viewer.
type ItemPrice struct {
	// List is the list price, Current the one with the best offer there is.
	List, Current money.Amount
	Currency      money.Currency
	// Sale is the flash sale that makes the price, in its Window; nil when none does.
	Sale   *ent.FlashSale
	Window offers.Window
	// Line is how the price comes about.
	Line pricing.Line
	// Quote is the whole answer, of a basket with nothing but the thing.
	Quote *Quote
}

// Board is what is on offer.
func (f *Facts) Board() *offers.Board { return f.board }

// Now is the instant that the facts are judged by.
func (f *Facts) Now() time.Time { return f.now }

// Product is one of those that were asked for, or in a bundle that was; nil when it is not there.
func (f *Facts) Product(id uuid.UUID) *ent.Product { return f.products[id] }

// Stock is what has been taken of the window that a flash sale is in; nil when nothing has, or it is in none.
func (f *Facts) Stock(sale *ent.FlashSale) *ent.OfferStock {
	window, ok := offers.WindowOf(sale, f.now)
	if !ok {
		return nil
	}
	return f.stocks[offers.Round{Offer: sale.ID, Round: window.Round}]
}

// Price is what one of a thing costs the viewer; nil when it is not sold in the currency. A bundle of which everything is
// owned costs what it costs others. One to choose from costs what the cheapest choice does.
func (f *Facts) Price(thing uuid.UUID, code money.Code) *ItemPrice {
	currency, traded := f.currencies.Priced(code)
	if !traded {
		return nil
	}
	if f.shelf != nil && f.likeAnybody(thing) {
		return f.shelf.price(f, thing, code)
	}
	q := question{
		shopper: f.shopper, currency: currency, drafts: f.drafts,
		items: []Item{{ID: thing, Quantity: 1, Choices: f.cheapest(thing, code)}},
	}
	if f.board.Bundles[thing] != nil && f.Owned(thing) {
		q.shopper, q.items[0].Choices = uuid.Nil, (&Facts{known: f.known}).cheapest(thing, code)
	}
	result, err := f.price(q)
	if err != nil || len(result.Lines) == 0 {
		return nil
	}
	line := result.Lines[0]
	price := &ItemPrice{
		List: line.Subtotal, Current: line.Total, Currency: currency, Line: line,
		Quote: &Quote{Result: result, Currency: currency, At: f.now, known: f.known},
	}
	for _, part := range line.Parts {
		for _, a := range part.Adjustments {
			if a.Kind == pricing.BySale && price.Sale == nil {
				price.Sale = f.sale(a.Source)
				price.Window, _ = offers.WindowOf(price.Sale, f.now)
			}
		}
	}
	return price
}

// cheapest is the choice that costs least of a bundle to choose from: those of its products that are not owned and cost
// least by themselves. Nil for everything else.
func (f *Facts) cheapest(thing uuid.UUID, code money.Code) []uuid.UUID {
	row := f.board.Bundles[thing]
	if row == nil || row.Choose == 0 {
		return nil
	}
	type choice struct {
		id   uuid.UUID
		list money.Amount
	}
	var list []choice
	for _, c := range row.Edges.Components {
		product := f.products[*c.ProductID]
		if product == nil || f.Owned(*c.ProductID) {
			continue
		}
		if price, sold := catalog.PriceIn(product, code); sold {
			list = append(list, choice{product.ID, price * money.Amount(c.Quantity)})
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int { return cmp.Compare(a.list, b.list) })
	var chosen []uuid.UUID
	for _, c := range list[:min(row.Choose, len(list))] {
		chosen = append(chosen, c.id)
	}
	return chosen
}

// Owned says whether the viewer owns a product, everything in a bundle, or the product of a trial.
func (f *Facts) Owned(thing uuid.UUID) bool {
	if f.shopper == uuid.Nil {
		return false
	}
	needed := f.board.Needed([]uuid.UUID{thing})
	for _, id := range needed {
		if f.owned[held.Good{ShopperID: f.shopper, ProductID: id}] == nil {
			return false
		}
	}
	return len(needed) > 0
}

// Tried says whether the viewer has had a trial of a product.
func (f *Facts) Tried(product uuid.UUID) bool {
	return f.shopper != uuid.Nil && f.trials[held.Good{ShopperID: f.shopper, ProductID: product}] != nil
}

// LeftOut is what a bundle contains and the viewer would not be charged for.
func (f *Facts) LeftOut(bundle uuid.UUID) []pricing.LeftOut {
	var list []pricing.LeftOut
	for _, id := range f.board.Needed([]uuid.UUID{bundle}) {
		if f.Owned(id) {
			list = append(list, pricing.LeftOut{Product: id, Reason: pricing.Owned})
		}
	}
	return list
}
