package model

import (
	"context"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/page"
	"farthing/internal/pricing"
)

// Bundle shows a bundle, whose components have been read with it. What it costs a viewer, and what is in it, is a
// resolver's.
type Bundle struct {
	*ent.Bundle
	currencies *money.Currencies
	at         time.Time
}

// NewBundle shows a bundle as it is at an instant.
func NewBundle(row *ent.Bundle, currencies *money.Currencies, at time.Time) Bundle {
	return Bundle{Bundle: row, currencies: currencies, at: at}
}

// IsNode marks a thing that has an id.
func (Bundle) IsNode() {}

// IsPurchasable marks a thing that can be in a basket.
func (Bundle) IsPurchasable() {}

// IsOffer marks an offer.
func (Bundle) IsOffer() {}

// ID is the bundle's id on the outside.
func (b Bundle) ID() string { return id.Encode(id.Bundle, b.Bundle.ID) }

// Kind is how its price is made.
func (b Bundle) Kind() BundleKind { return BundleKind(b.Bundle.Kind) }

// Status is where it is in its life.
func (b Bundle) Status() OfferStatus { return OfferStatus(b.Bundle.Status) }

// Name is what it is called in the best of the wanted languages.
func (b Bundle) Name(languages []string) string {
	return catalog.Best(b.Language, b.Texts, languages).Name
}

// Description describes it in the best of the wanted languages.
func (b Bundle) Description(languages []string) string {
	return catalog.Best(b.Language, b.Texts, languages).Description
}

// Components are what is in it.
func (b Bundle) Components() []BundleComponent {
	list := make([]BundleComponent, len(b.Edges.Components))
	for i, c := range b.Edges.Components {
		list[i] = BundleComponent{c}
	}
	return list
}

// Choose is how many of its components are taken; nil when all are.
func (b Bundle) Choose() *int { return orNil(b.Bundle.Choose) }

// PercentOff is what is taken off; nil when it has a price.
func (b Bundle) PercentOff() *Decimal { return newPercent(b.BasisPoints) }

// FixedPrices are what it costs by currency.
func (b Bundle) FixedPrices() []Money { return newPrices(b.Prices, b.currencies) }

// ServerTime is the instant that it is looked at.
func (b Bundle) ServerTime() time.Time { return b.at }

// BundleComponent shows a thing in a bundle. The thing itself is fetched when asked for.
type BundleComponent struct{ *ent.BundleComponent }

// BundleConnection is a page of bundles.
type BundleConnection struct {
	connection[BundleEdge, Bundle]
}

// BundleEdge is a bundle in a page.
type BundleEdge struct {
	Cursor string
	Node   Bundle
}

// NewBundles shows a page of bundles.
func NewBundles(
	p page.Page[*ent.Bundle], count func(context.Context) (int, error), currencies *money.Currencies, at time.Time,
) BundleConnection {
	return BundleConnection{connect(p, count,
		func(row *ent.Bundle) Bundle { return NewBundle(row, currencies, at) },
		func(cursor string, node Bundle) BundleEdge { return BundleEdge{cursor, node} },
	)}
}

// TrialOffer shows an offer to try a product. What it costs a viewer is a resolver's.
type TrialOffer struct {
	*ent.TrialOffer
	at time.Time
}

// NewTrialOffer shows a trial offer as it is at an instant.
func NewTrialOffer(row *ent.TrialOffer, at time.Time) TrialOffer { return TrialOffer{row, at} }

// IsNode marks a thing that has an id.
func (TrialOffer) IsNode() {}

// IsPurchasable marks a thing that can be in a basket.
func (TrialOffer) IsPurchasable() {}

// IsOffer marks an offer.
func (TrialOffer) IsOffer() {}

// ID is the trial offer's id on the outside.
func (t TrialOffer) ID() string { return id.Encode(id.TrialOffer, t.TrialOffer.ID) }

// Status is where it is in its life.
func (t TrialOffer) Status() OfferStatus { return OfferStatus(t.TrialOffer.Status) }

// Name is what it is called in the best of the wanted languages.
func (t TrialOffer) Name(languages []string) string {
	return catalog.Best(t.Language, t.Texts, languages).Name
}

// Description describes it in the best of the wanted languages.
func (t TrialOffer) Description(languages []string) string {
	return catalog.Best(t.Language, t.Texts, languages).Description
}

// ServerTime is the instant that it is looked at.
func (t TrialOffer) ServerTime() time.Time { return t.at }

// TrialOfferConnection is a page of trial offers.
type TrialOfferConnection struct {
	connection[TrialOfferEdge, TrialOffer]
}

// TrialOfferEdge is a trial offer in a page.
type TrialOfferEdge struct {
	Cursor string
	Node   TrialOffer
}

// NewTrialOffers shows a page of trial offers.
func NewTrialOffers(
	p page.Page[*ent.TrialOffer], count func(context.Context) (int, error), at time.Time,
) TrialOfferConnection {
	return TrialOfferConnection{connect(p, count,
		func(row *ent.TrialOffer) TrialOffer { return NewTrialOffer(row, at) },
		func(cursor string, node TrialOffer) TrialOfferEdge { return TrialOfferEdge{cursor, node} },
	)}
}

// FlashSale shows a flash sale. Where it stands depends on how many units have been taken, and is a resolver's.
type FlashSale struct {
	*ent.FlashSale
	currencies *money.Currencies
	at         time.Time
	counted    bool
	taken      *ent.OfferStock
}

// NewFlashSale shows a flash sale as it is at an instant.
func NewFlashSale(row *ent.FlashSale, currencies *money.Currencies, at time.Time) FlashSale {
	return FlashSale{FlashSale: row, currencies: currencies, at: at}
}

// Counted is the sale with what has been taken of its current window, nil for nothing, so that nobody has to fetch it.
func (s FlashSale) Counted(taken *ent.OfferStock) FlashSale {
	s.counted, s.taken = true, taken
	return s
}

// Uncounted is the window whose stock must be fetched to say where the sale stands; false when there is none to fetch.
func (s FlashSale) Uncounted() (offers.Round, bool) {
	window, ok := offers.WindowOf(s.FlashSale, s.at)
	return offers.Round{Offer: s.FlashSale.ID, Round: window.Round}, ok && !s.counted
}

// Standing is where the sale stands, once it is Counted.
func (s FlashSale) Standing() offers.Standing { return offers.StandingOf(s.FlashSale, s.taken, s.at) }

// IsNode marks a thing that has an id.
func (FlashSale) IsNode() {}

// IsOffer marks an offer.
func (FlashSale) IsOffer() {}

// ID is the flash sale's id on the outside.
func (s FlashSale) ID() string { return id.Encode(id.FlashSale, s.FlashSale.ID) }

// Name is what it is called in the best of the wanted languages.
func (s FlashSale) Name(languages []string) string {
	return catalog.Best(s.Language, s.Texts, languages).Name
}

// Description describes it in the best of the wanted languages.
func (s FlashSale) Description(languages []string) string {
	return catalog.Best(s.Language, s.Texts, languages).Description
}

// Kind is how it lowers a price.
func (s FlashSale) Kind() FlashSaleKind { return FlashSaleKind(s.FlashSale.Kind) }

// PercentOff is what is taken off; nil when it has a price.
func (s FlashSale) PercentOff() *Decimal { return newPercent(s.BasisPoints) }

// FixedPrices are what one costs by currency.
func (s FlashSale) FixedPrices() []Money { return newPrices(s.Prices, s.currencies) }

// Scope is what is on sale.
func (s FlashSale) Scope() OfferScope { return OfferScope{s.FlashSale.Scope} }

// Recurrence is the weekly window; nil when there is one window.
func (s FlashSale) Recurrence() *Recurrence {
	r := s.FlashSale.Recurrence
	if r == nil {
		return nil
	}
	shown := Recurrence{TimeZone: r.TimeZone, Weekdays: make([]Weekday, len(r.Weekdays)), From: r.From, Until: r.Until}
	for i, day := range r.Weekdays {
		shown.Weekdays[i] = weekdays()[day]
	}
	return &shown
}

// ServerTime is the instant that it is looked at.
func (s FlashSale) ServerTime() time.Time { return s.at }

// NewSaleWindow shows a window of a sale; nil for none.
func NewSaleWindow(w *offers.Window) *SaleWindow {
	if w == nil {
		return nil
	}
	shown := SaleWindow{StartsAt: w.Start}
	if !w.End.IsZero() {
		shown.EndsAt = &w.End
	}
	return &shown
}

// FlashSaleConnection is a page of flash sales.
type FlashSaleConnection struct {
	connection[FlashSaleEdge, FlashSale]
}

// FlashSaleEdge is a flash sale in a page.
type FlashSaleEdge struct {
	Cursor string
	Node   FlashSale
}

// NewFlashSales shows a page of flash sales.
func NewFlashSales(
	p page.Page[*ent.FlashSale], count func(context.Context) (int, error), currencies *money.Currencies, at time.Time,
) FlashSaleConnection {
	return FlashSaleConnection{connect(p, count,
		func(row *ent.FlashSale) FlashSale { return NewFlashSale(row, currencies, at) },
		func(cursor string, node FlashSale) FlashSaleEdge { return FlashSaleEdge{cursor, node} },
	)}
}

// OfferScope shows what an offer is for. Products and bundles are fetched when asked for.
type OfferScope struct{ schema.Scope }

// Tags are the labels that it is for.
func (s OfferScope) Tags() []string { return orEmpty(s.Scope.Tags) }

// Categories are the categories that it is for.
func (s OfferScope) Categories() []string { return orEmpty(s.Scope.Categories) }

// TierPlan shows prices by quantity.
type TierPlan struct {
	*ent.TierPlan
	currencies *money.Currencies
}

// NewTierPlan shows prices by quantity.
func NewTierPlan(row *ent.TierPlan, currencies *money.Currencies) TierPlan {
	return TierPlan{row, currencies}
}

// IsNode marks a thing that has an id.
func (TierPlan) IsNode() {}

// IsOffer marks an offer.
func (TierPlan) IsOffer() {}

// ID is the plan's id on the outside.
func (p TierPlan) ID() string { return id.Encode(id.TierPlan, p.TierPlan.ID) }

// Status is where it is in its life.
func (p TierPlan) Status() OfferStatus { return OfferStatus(p.TierPlan.Status) }

// Name is what it is called in the best of the wanted languages.
func (p TierPlan) Name(languages []string) string {
	return catalog.Best(p.Language, p.Texts, languages).Name
}

// Mode is how the tiers count.
func (p TierPlan) Mode() TierMode { return TierMode(p.TierPlan.Mode) }

// Tiers are its steps. Each goes up to the unit before the next one begins.
func (p TierPlan) Tiers() []Tier {
	tiers := make([]Tier, len(p.TierPlan.Tiers))
	for i, tier := range p.TierPlan.Tiers {
		tiers[i] = Tier{From: tier.From, Prices: newPrices(tier.Prices, p.currencies)}
		if i > 0 {
			tiers[i-1].UpTo = new(tier.From - 1)
		}
	}
	return tiers
}

// Tier is one step of prices by quantity.
type Tier struct {
	From   int64
	UpTo   *int64
	Prices []Money
}

// TierPlanConnection is a page of tier plans.
type TierPlanConnection struct {
	connection[TierPlanEdge, TierPlan]
}

// TierPlanEdge is a tier plan in a page.
type TierPlanEdge struct {
	Cursor string
	Node   TierPlan
}

// NewTierPlans shows a page of tier plans.
func NewTierPlans(
	p page.Page[*ent.TierPlan], count func(context.Context) (int, error), currencies *money.Currencies,
) TierPlanConnection {
	return TierPlanConnection{connect(p, count,
		func(row *ent.TierPlan) TierPlan { return NewTierPlan(row, currencies) },
		func(cursor string, node TierPlan) TierPlanEdge { return TierPlanEdge{cursor, node} },
	)}
}

// Coupon shows a coupon. How often it was used is fetched when asked for.
type Coupon struct {
	*ent.Coupon
	currencies *money.Currencies
}

// NewCoupon shows a coupon.
func NewCoupon(row *ent.Coupon, currencies *money.Currencies) Coupon { return Coupon{row, currencies} }

// IsNode marks a thing that has an id.
func (Coupon) IsNode() {}

// IsOffer marks an offer.
func (Coupon) IsOffer() {}

// ID is the coupon's id on the outside.
func (c Coupon) ID() string { return id.Encode(id.Coupon, c.Coupon.ID) }

// Status is where it is in its life.
func (c Coupon) Status() OfferStatus { return OfferStatus(c.Coupon.Status) }

// Name is what it is called in the best of the wanted languages.
func (c Coupon) Name(languages []string) string {
	return catalog.Best(c.Language, c.Texts, languages).Name
}

// Kind is how it lowers a price.
func (c Coupon) Kind() CouponKind { return CouponKind(c.Coupon.Kind) }

// PercentOff is what is taken off; nil for an amount.
func (c Coupon) PercentOff() *Decimal { return newPercent(c.BasisPoints) }

// Amounts are what is taken off by currency.
func (c Coupon) Amounts() []Money { return newPrices(c.Coupon.Amounts, c.currencies) }

// Scope is what it is for.
func (c Coupon) Scope() OfferScope { return OfferScope{c.Coupon.Scope} }

// CouponConnection is a page of coupons.
type CouponConnection struct {
	connection[CouponEdge, Coupon]
}

// CouponEdge is a coupon in a page.
type CouponEdge struct {
	Cursor string
	Node   Coupon
}

// NewCoupons shows a page of coupons.
func NewCoupons(
	p page.Page[*ent.Coupon], count func(context.Context) (int, error), currencies *money.Currencies,
) CouponConnection {
	return CouponConnection{connect(p, count,
		func(row *ent.Coupon) Coupon { return NewCoupon(row, currencies) },
		func(cursor string, node Coupon) CouponEdge { return CouponEdge{cursor, node} },
	)}
}

// OfferConflict shows offers that meet on a product.
type OfferConflict struct {
	Product    Product
	Contenders []OfferContender
	SaleWindow
}

// OfferContender shows an offer that meets others. The offer itself is fetched when asked for.
type OfferContender struct {
	OfferKind pricing.AdjustmentKind
	OfferID   uuid.UUID
	Price     Money
	Wins      bool
}

// NewOfferConflicts shows where offers meet. Prices are in one currency, and the first contender wins.
func NewOfferConflicts(conflicts []offers.Conflict, currency money.Currency, currencies *money.Currencies) []OfferConflict {
	list := make([]OfferConflict, len(conflicts))
	for i, c := range conflicts {
		list[i] = OfferConflict{
			Product: NewProduct(c.Product, currencies), SaleWindow: *NewSaleWindow(&c.Window),
			Contenders: make([]OfferContender, len(c.Contenders)),
		}
		for j, contender := range c.Contenders {
			list[i].Contenders[j] = OfferContender{
				OfferKind: contender.Kind, OfferID: contender.ID, Price: NewMoney(currency, contender.Price), Wins: j == 0,
			}
		}
	}
	return list
}

// orEmpty gives an empty list for none.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
