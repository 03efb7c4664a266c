package model

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// Price shows what one of a thing costs a viewer. The lowest price of the last 30 days is fetched when asked for.
type Price struct {
	price      *checkout.ItemPrice
	thing      uuid.UUID
	everybody  bool // whether it is a price for everybody, rather than for what a viewer does not own of a bundle
	stock      *ent.OfferStock
	currencies *money.Currencies
}

// NewPrice shows what one of a thing costs a viewer; nil in a currency it is not sold in.
func NewPrice(facts *checkout.Facts, thing uuid.UUID, currency money.Code, currencies *money.Currencies) *Price {
	price := facts.Price(thing, currency)
	if price == nil {
		return nil
	}
	row := facts.Board().Bundles[thing]
	shown := &Price{
		price: price, thing: thing, currencies: currencies,
		everybody: facts.Product(thing) != nil || row != nil && row.Kind == bundle.KindFIXED && len(price.Line.LeftOut) == 0,
	}
	if price.Sale != nil {
		shown.stock = facts.Stock(price.Sale)
	}
	return shown
}

// Anchor is what its lowest price of the last 30 days is looked up by; false when no flash sale lowers it, or when it is the
// viewer's own and others pay another one.
func (p Price) Anchor() (offers.Anchor, bool) {
	if p.price.Sale == nil || !p.everybody {
		return offers.Anchor{}, false
	}
	return offers.Anchor{Product: p.thing, Currency: p.price.Currency.Code, Start: p.price.Window.Start}, true
}

// In is an amount in the currency of the price.
func (p Price) In(amount money.Amount) Money { return NewMoney(p.price.Currency, amount) }

// List is the price without any offer.
func (p Price) List() Money { return p.In(p.price.List) }

// Current is the price with the best offer there is.
func (p Price) Current() Money { return p.In(p.price.Current) }

// FlashSale is the sale that makes the price; nil when none does.
func (p Price) FlashSale() *FlashSale {
	if p.price.Sale == nil {
		return nil
	}
	return new(NewFlashSale(p.price.Sale, p.currencies, p.price.Quote.At).Counted(p.stock))
}

// Until is the end of the sale; nil when none makes the price, or it has no end.
func (p Price) Until() *time.Time {
	if p.price.Sale == nil || p.price.Window.End.IsZero() {
		return nil
	}
	return &p.price.Window.End
}

// Adjustments are what makes it lower than the list price.
func (p Price) Adjustments() []PriceAdjustment {
	return newAdjustments(p.price.Quote, ofAll(p.price.Line.Parts))
}

// NotApplied are offers that do not lower it. There is no item of a basket that they could be at.
func (p Price) NotApplied() []OfferNotApplied {
	return newNotApplied(p.price.Quote, p.price.Quote.NotApplied)
}

// offerLabel is what an offer is called.
type offerLabel struct {
	kind     pricing.AdjustmentKind
	source   uuid.UUID
	language string
	texts    map[string]schema.Text
}

func labelOf(q *checkout.Quote, kind pricing.AdjustmentKind, source uuid.UUID) offerLabel {
	language, texts := q.Label(kind, source)
	return offerLabel{kind, source, language, texts}
}

// Kind is what kind of offer it is.
func (l offerLabel) Kind() AdjustmentKind { return AdjustmentKind(l.kind) }

// Label is its name in the best of the wanted languages.
func (l offerLabel) Label(languages []string) string {
	return catalog.Best(l.language, l.texts, languages).Name
}

// Source is the offer's id on the outside.
func (l offerLabel) Source() string {
	kinds := map[pricing.AdjustmentKind]id.Kind{
		pricing.ByBundle: id.Bundle, pricing.BySale: id.FlashSale, pricing.ByTier: id.TierPlan,
		pricing.ByCoupon: id.Coupon, pricing.ByCredit: id.TrialOffer, pricing.ByPoints: id.RewardRule,
	}
	return id.Encode(kinds[l.kind], l.source)
}

// PriceAdjustment is what an offer takes off a price.
type PriceAdjustment struct {
	offerLabel
	Amount       Money
	UnitsApplied int64
}

func newAdjustments(q *checkout.Quote, adjustments []pricing.Adjustment) []PriceAdjustment {
	list := make([]PriceAdjustment, len(adjustments))
	for i, a := range adjustments {
		list[i] = PriceAdjustment{
			offerLabel: labelOf(q, a.Kind, a.Source), Amount: NewMoney(q.Currency, a.Amount), UnitsApplied: a.Units,
		}
	}
	return list
}

// ofAll are the adjustments of several parts, each offer once with all that it takes off.
func ofAll(parts []pricing.Part) []pricing.Adjustment {
	var list []pricing.Adjustment
	for _, part := range parts {
		for _, a := range part.Adjustments {
			at := slices.IndexFunc(list, func(b pricing.Adjustment) bool {
				return a.Kind == b.Kind && a.Source == b.Source && a.Round == b.Round
			})
			if at < 0 {
				list = append(list, a)
				continue
			}
			list[at].Amount += a.Amount
			list[at].Units += a.Units
		}
	}
	return list
}

// OfferNotApplied is an offer that does not lower a price, or not of all units.
type OfferNotApplied struct {
	offerLabel
	Reason NotAppliedReason
	Path   []string
}

func newNotApplied(q *checkout.Quote, offers []pricing.NotApplied) []OfferNotApplied {
	list := make([]OfferNotApplied, len(offers))
	for i, n := range offers {
		list[i] = OfferNotApplied{offerLabel: labelOf(q, n.Kind, n.Source), Reason: NotAppliedReason(n.Reason)}
	}
	return list
}

// Message says the reason in a sentence.
func (n OfferNotApplied) Message() string {
	switch pricing.Reason(n.Reason) {
	case pricing.SoldOut:
		return "Not enough units are left at this price."
	case pricing.LimitReached:
		return "One shopper gets no more units at this price."
	case pricing.BetterOffer:
		return "The price is lower without it."
	case pricing.OutOfScope:
		return "It is for none of the items."
	case pricing.OtherCurrency:
		return "It does not count in this currency."
	case pricing.CreditExpired:
		return "What the trial has cost is not credited any more."
	default:
		return "It does not count here."
	}
}

// LeftOut is a product of a bundle that is not charged in it. The product is fetched when asked for.
type LeftOut struct {
	ProductID uuid.UUID
	Reason    LeftOutReason
}

// NewLeftOut shows what is not charged in a bundle.
func NewLeftOut(list []pricing.LeftOut) []LeftOut {
	shown := make([]LeftOut, len(list))
	for i, l := range list {
		shown[i] = LeftOut{ProductID: l.Product, Reason: LeftOutReason(l.Reason)}
	}
	return shown
}

// PriceStep shows one step of a price history.
type PriceStep struct {
	Price *Money
	Since time.Time
}

// NewPriceSteps shows a price history.
func NewPriceSteps(rows []*ent.PriceChange, currencies *money.Currencies) []PriceStep {
	steps := make([]PriceStep, len(rows))
	for i, row := range rows {
		steps[i].Since = row.CreatedAt
		if row.Amount != nil {
			steps[i].Price = new(NewMoney(currencies.Of(row.Currency), *row.Amount))
		}
	}
	return steps
}

// newPrices shows amounts by currency, in the order of their codes.
func newPrices(prices schema.Prices, currencies *money.Currencies) []Money {
	list := make([]Money, 0, len(prices))
	for _, code := range slices.Sorted(maps.Keys(prices)) {
		list = append(list, NewMoney(currencies.Of(code), prices[code]))
	}
	return list
}
