package checkout

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// known is what it takes to price things for shoppers at one instant. The catalogue's prices, the quote and the till are
// all made from it, so that they cannot disagree.
type known struct {
	now      time.Time
	board    *offers.Board
	things   []uuid.UUID // what was asked for: products, bundles and trial offers
	products map[uuid.UUID]*ent.Product
	coupons  map[uuid.UUID]*ent.Coupon
	owned    map[held.Good]*ent.Entitlement
	trials   map[held.Good]*ent.Trial
	// past are the trial offers of those trials: they may have been archived since, and are not on the board then.
	past   map[uuid.UUID]*ent.TrialOffer
	stocks map[offers.Round]*ent.OfferStock
	uses   map[offers.Use]int64
}

// asked is what is to be priced, and for whom.
type asked struct {
	shoppers, things, coupons []uuid.UUID
}

// read reads what it takes besides the products, in a number of statements that does not depend on how much is asked for. What
// has been taken of offers is read by whoever knows whether it must be locked.
func read(
	ctx context.Context, client *ent.Client, board *offers.Board, products map[uuid.UUID]*ent.Product, now time.Time, a asked,
) (*known, error) {
	k := &known{now: now, board: board, things: a.things, products: products, uses: map[offers.Use]int64{}}
	var err error
	if k.coupons, err = offers.CouponsByIDs(ctx, client, a.coupons); err != nil {
		return nil, err
	}
	// What is used up is not owned, and not tried.
	lasting := slices.DeleteFunc(board.Needed(a.things), func(id uuid.UUID) bool {
		p := products[id]
		return p != nil && p.Kind != product.KindDURABLE
	})
	if k.owned, err = held.Owned(ctx, client, a.shoppers, lasting); err != nil {
		return nil, err
	}
	if k.trials, err = held.Trials(ctx, client, a.shoppers, lasting); err != nil {
		return nil, err
	}
	past := make([]uuid.UUID, 0, len(k.trials))
	for _, trial := range k.trials {
		past = append(past, trial.OfferID)
	}
	k.past, err = offers.TrialOffersByIDs(ctx, client, past)
	return k, err
}

// limits are the windows of offers that may count for what is known, with how many units each has; nil for any number.
func (k *known) limits() map[offers.Round]*int64 {
	limits := k.limitsOf(k.concerns)
	for _, coupon := range k.coupons {
		limits[offers.Round{Offer: coupon.ID}] = coupon.Stock
	}
	return limits
}

// limitsOf are those of some sales.
func (k *known) limitsOf(which func(*ent.FlashSale) bool) map[offers.Round]*int64 {
	limits := map[offers.Round]*int64{}
	for _, sale := range k.board.Sales {
		if sale.Status != flashsale.StatusACTIVE {
			continue
		}
		if window, ok := offers.WindowOf(sale, k.now); ok && window.Contains(k.now) && which(sale) {
			limits[offers.Round{Offer: sale.ID, Round: window.Round}] = sale.Stock
		}
	}
	return limits
}

// concerns says whether a sale may make something cheaper of what was asked for.
func (k *known) concerns(sale *ent.FlashSale) bool {
	return k.board.Concerns(sale, k.things, k.products)
}

// readTaken reads how many units have been taken of some windows, by all and by shoppers, for those who do not take any.
func (k *known) readTaken(ctx context.Context, client *ent.Client, limits map[offers.Round]*int64, shoppers []uuid.UUID) (err error) {
	rounds := slices.Collect(maps.Keys(limits))
	if k.stocks, err = offers.Stocks(ctx, client, rounds); err != nil {
		return err
	}
	k.uses, err = offers.Uses(ctx, client, shoppers, rounds)
	return err
}

// question is one basket to price.
type question struct {
	shopper  uuid.UUID // the zero id for a visitor
	currency money.Currency
	items    []Item
	coupon   uuid.UUID    // the zero id for none
	points   money.Amount // to redeem for a discount
	drafts   bool         // price what is not out yet, too
}

// shelf is what is for sale to whoever asks, and what counts of them.
func (k *known) shelf(q question) (pricing.Shelf, pricing.Buyer) {
	things := ids(q.items, func(i Item) []uuid.UUID { return []uuid.UUID{i.ID} })
	needed := k.board.Needed(things)
	products := make(map[uuid.UUID]*ent.Product, len(needed))
	owned, trials := map[uuid.UUID]bool{}, []*ent.Trial(nil)
	for _, id := range needed {
		if row := k.products[id]; row != nil {
			products[id] = row
		}
		good := held.Good{ShopperID: q.shopper, ProductID: id}
		if k.owned[good] != nil {
			owned[id] = true
		}
		if t := k.trials[good]; t != nil {
			trials = append(trials, t)
		}
	}
	view := offers.View{
		Now: k.now, Currency: q.currency, Products: products, Stocks: k.stocks, Drafts: q.drafts, Coupon: k.coupons[q.coupon],
	}
	if q.shopper != uuid.Nil {
		view.Uses = map[offers.Round]int64{}
		for use, taken := range k.uses {
			if use.Shopper == q.shopper {
				view.Uses[use.Round] = taken
			}
		}
	}
	return k.board.Shelf(things, view), offers.BuyerOf(owned, trials, q.currency.Code, k.now)
}

// price says what a basket costs. A coupon that does not count is a refusal, whatever the reason.
func (k *known) price(q question) (pricing.Result, error) {
	shelf, buyer := k.shelf(q)
	if len(shelf.Products) > MaxProducts {
		return pricing.Result{Refusals: fault.List{fault.Input("items",
			"A basket comes down to at most %d products, not %d.", MaxProducts, len(shelf.Products))}}, nil
	}
	if q.coupon != uuid.Nil && !k.counts(q) {
		shelf.Coupon = nil
		result, err := pricing.Price(shelf, buyer, q.items)
		result.Refusals.Add(couponNotValid())
		return k.explained(q, result), err
	}
	result, err := pricing.Price(shelf, buyer, q.items)
	return k.explained(q, result), err
}

// counts says whether a coupon counts for whoever asks.
func (k *known) counts(q question) bool {
	round := offers.Round{Offer: q.coupon}
	row := k.coupons[q.coupon]
	return row != nil && offers.CouponCounts(row, k.stocks[round], k.uses[offers.Use{Shopper: q.shopper, Round: round}], k.now)
}

func couponNotValid() *fault.Fault {
	return fault.New(fault.CouponNotValid, "This code is not valid.").At("couponCode")
}

// explained gives refusals what their callers see of the things that they are about.
func (k *known) explained(q question, result pricing.Result) pricing.Result {
	for _, f := range result.Refusals {
		subject, ok := f.Data.(pricing.Subject)
		if !ok {
			continue
		}
		product, bundle, trial := k.products[subject.ID], k.board.Bundles[subject.ID], k.board.Trials[subject.ID]
		switch f.Code {
		case fault.AlreadyOwned:
			f.Data = Owned{product, k.owned[held.Good{ShopperID: q.shopper, ProductID: subject.ID}], bundle}
		case fault.NotAvailable:
			f.Data = Unavailable{product, bundle, trial}
		case fault.TrialUsed:
			f.Data = TrialUsed{trial}
		}
	}
	return result
}

// gone says why a basket does not cost what the client has shown: the units of a sale are sold out, or the shopper has had
// as many as one gets. It is nil when neither explains it: the price has changed.
func (k *known) gone(q question, result pricing.Result, expected money.Amount, quote *Quote) *fault.Fault {
	shelf, buyer := k.shelf(q)
	lifted := shelf
	lift := func(limit func(*pricing.Sale)) bool {
		lifted.Sales = append([]pricing.Sale(nil), lifted.Sales...)
		for i := range lifted.Sales {
			limit(&lifted.Sales[i])
		}
		then, err := pricing.Price(lifted, buyer, q.items)
		return err == nil && then.Total == expected
	}
	find := func(reason pricing.Reason) *pricing.Sale {
		for _, n := range result.NotApplied {
			for i, sale := range shelf.Sales {
				if n.Reason == reason && n.Kind == pricing.BySale && n.Source == sale.ID {
					return &shelf.Sales[i]
				}
			}
		}
		return nil
	}
	soldOut, reached := find(pricing.SoldOut), find(pricing.LimitReached)
	if soldOut == nil && reached == nil {
		return nil
	}
	withStock := soldOut != nil && lift(func(s *pricing.Sale) { s.Left = nil })
	if !withStock && !lift(func(s *pricing.Sale) { s.Left, s.Own = nil, nil }) {
		return nil
	}
	if withStock || reached == nil {
		return fault.New(fault.SoldOut, "The sale's price counts no more: %d units are left.", *soldOut.Left).
			At("expectedTotal").With(SoldOut{*soldOut.Left, k.sale(soldOut.ID), quote})
	}
	row := k.sale(reached.ID)
	limit := LimitReached{Limit: *row.PerShopper, Used: *row.PerShopper - *reached.Own, Quote: quote}
	if window, ok := offers.WindowOf(row, k.now); ok && row.Recurrence != nil {
		if next, ok := offers.WindowOf(row, window.End); ok {
			limit.ResetsAt = &next.Start
		}
	}
	return fault.New(fault.LimitReached, "A shopper gets %d units at the sale's price.", limit.Limit).
		At("expectedTotal").With(limit)
}

func (k *known) sale(id uuid.UUID) *ent.FlashSale {
	for _, row := range k.board.Sales {
		if row.ID == id {
			return row
		}
	}
	return nil
}

// label is what an offer is called: the language it is in by itself, and its texts.
func (k *known) label(kind pricing.AdjustmentKind, source uuid.UUID) (language string, texts map[string]schema.Text) {
	switch kind {
	case pricing.ByBundle:
		if row := k.board.Bundles[source]; row != nil {
			return row.Language, row.Texts
		}
	case pricing.BySale:
		if row := k.sale(source); row != nil {
			return row.Language, row.Texts
		}
	case pricing.ByTier:
		for _, row := range k.board.Tiers {
			if row.ID == source {
				return row.Language, row.Texts
			}
		}
	case pricing.ByCredit:
		if row := k.past[source]; row != nil {
			return row.Language, row.Texts
		}
	case pricing.ByPoints: // not an offer: state.label knows
	case pricing.ByCoupon:
		if row := k.coupons[source]; row != nil {
			return row.Language, row.Texts
		}
	}
	return "", nil
}
