package model

import (
	"context"
	"strings"
	"time"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	held "farthing/internal/entitlement"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/pricing"
)

// Entitlement shows what a shopper may use. The product is fetched when asked for.
type Entitlement struct {
	*ent.Entitlement
	at time.Time
}

// NewEntitlement shows what a shopper may use at an instant; nil for nothing.
func NewEntitlement(e *ent.Entitlement, at time.Time) *Entitlement {
	if e == nil {
		return nil
	}
	return &Entitlement{Entitlement: e, at: at}
}

// IsNode marks a thing that has an id.
func (Entitlement) IsNode() {}

// ID is the entitlement's id on the outside.
func (e Entitlement) ID() string { return id.Encode(id.Entitlement, e.Entitlement.ID) }

// Kind is the product's kind when it was bought: what is tried is durable.
func (e Entitlement) Kind() ProductKind {
	if e.Trial() {
		return ProductKindDurable
	}
	return ProductKind(e.Entitlement.Kind)
}

// Trial says whether it is a trial.
func (e Entitlement) Trial() bool { return e.Entitlement.Kind == entitlement.KindTRIAL }

// Status says whether it may be used.
func (e Entitlement) Status() EntitlementStatus {
	return EntitlementStatus(held.StatusAt(e.Entitlement, e.at))
}

// PurchaseID is the purchase that gave it.
func (e Entitlement) PurchaseID() string { return id.Encode(id.Purchase, e.Entitlement.PurchaseID) }

// EntitlementConnection is a page of entitlements.
type EntitlementConnection struct {
	connection[EntitlementEdge, Entitlement]
}

// EntitlementEdge is an entitlement in a page.
type EntitlementEdge struct {
	Cursor string
	Node   Entitlement
}

// NewEntitlements shows a page of entitlements.
func NewEntitlements(
	p page.Page[*ent.Entitlement], count func(context.Context) (int, error), at time.Time,
) EntitlementConnection {
	return EntitlementConnection{connect(p, count,
		func(row *ent.Entitlement) Entitlement { return *NewEntitlement(row, at) },
		func(cursor string, node Entitlement) EntitlementEdge { return EntitlementEdge{cursor, node} },
	)}
}

// Purchase shows a purchase that was read whole. What it earned is fetched when asked for.
type Purchase struct {
	*ent.Purchase
	currency  money.Currency
	at        time.Time
	hasEarned bool
	earned    *ent.RewardEntry
}

// NewPurchase shows a purchase, and what may be done at an instant with what it gave.
func NewPurchase(p *ent.Purchase, currencies *money.Currencies, at time.Time) Purchase {
	return Purchase{Purchase: p, currency: currencies.Of(p.Currency), at: at}
}

// IsNode marks a thing that has an id.
func (Purchase) IsNode() {}

// ID is the purchase's id on the outside.
func (p Purchase) ID() string { return id.Encode(id.Purchase, p.Purchase.ID) }

// Lines are its items.
func (p Purchase) Lines() []PurchaseLine {
	lines := make([]PurchaseLine, len(p.Edges.Lines))
	for i, line := range p.Edges.Lines {
		lines[i] = PurchaseLine{PurchaseLine: line, currency: p.currency}
	}
	return lines
}

// Subtotal is the sum of the list prices.
func (p Purchase) Subtotal() Money { return NewMoney(p.currency, p.Purchase.Subtotal) }

// Savings are what was taken off.
func (p Purchase) Savings() Money { return NewMoney(p.currency, p.Purchase.Subtotal-p.Purchase.Total) }

// Total is what was charged.
func (p Purchase) Total() Money { return NewMoney(p.currency, p.Purchase.Total) }

// Status is what has become of it.
func (p Purchase) Status() PurchaseStatus {
	if len(p.Edges.Refunds) > 0 {
		return PurchaseStatusRefunded
	}
	return PurchaseStatusCompleted
}

// Refund is the record of giving it back; nil while it stands.
func (p Purchase) Refund() *Refund {
	if len(p.Edges.Refunds) == 0 {
		return nil
	}
	return &Refund{Refund: p.Edges.Refunds[0], purchase: p}
}

// Earning is the purchase with what it earned, nil for nothing to show, so that nobody has to fetch it.
func (p Purchase) Earning(earned *ent.RewardEntry) Purchase {
	p.hasEarned, p.earned = true, earned
	return p
}

// Earned is what it earned, nil for nothing to show; false when that must be fetched.
func (p Purchase) Earned() (*ent.RewardEntry, bool) { return p.earned, p.hasEarned }

// Entitlements are what it gave.
func (p Purchase) Entitlements() []Entitlement {
	list := make([]Entitlement, len(p.Edges.Entitlements))
	for i, e := range p.Edges.Entitlements {
		list[i] = *NewEntitlement(e, p.at)
	}
	return list
}

// PurchaseLine shows one item of a purchase.
type PurchaseLine struct {
	*ent.PurchaseLine
	currency money.Currency
}

// Name is what it was called then, in the best of the wanted languages.
func (l PurchaseLine) Name(languages []string) string {
	return catalog.Best(l.Language, named(l.Names), languages).Name
}

// named are texts that have kept nothing but the names.
func named(names map[string]string) map[string]schema.Text {
	texts := make(map[string]schema.Text, len(names))
	for tag, name := range names {
		texts[tag] = schema.Text{Name: name}
	}
	return texts
}

// Kind is the product's kind then.
func (l PurchaseLine) Kind() ProductKind { return ProductKind(l.PurchaseLine.Kind) }

// UnitPrice is the list price of one, then.
func (l PurchaseLine) UnitPrice() Money { return NewMoney(l.currency, l.PurchaseLine.UnitPrice) }

// ListPrice is the list price of all, then.
func (l PurchaseLine) ListPrice() Money { return NewMoney(l.currency, l.Subtotal) }

// Total is what was charged for the line.
func (l PurchaseLine) Total() Money { return NewMoney(l.currency, l.PurchaseLine.Total) }

// Adjustments are why it cost less than the list price.
func (l PurchaseLine) Adjustments() []PriceAdjustment {
	list := make([]PriceAdjustment, len(l.Edges.Adjustments))
	for i, a := range l.Edges.Adjustments {
		kind := pricing.AdjustmentKind(a.Kind)
		list[i] = PriceAdjustment{
			offerLabel: offerLabel{kind, a.SourceID, a.Language, named(a.Names)},
			Amount:     NewMoney(l.currency, a.Amount), UnitsApplied: a.Units,
		}
	}
	return list
}

// Refund shows the record of giving a purchase back.
type Refund struct {
	*ent.Refund
	purchase Purchase
}

// NewRefund shows a refund that was read with its purchase, as it is at an instant; nil for none.
func NewRefund(row *ent.Refund, currencies *money.Currencies, at time.Time) *Refund {
	if row == nil {
		return nil
	}
	return &Refund{Refund: row, purchase: NewPurchase(row.Edges.Purchase, currencies, at)}
}

// IsNode marks a thing that has an id.
func (Refund) IsNode() {}

// ID is the refund's id on the outside.
func (r Refund) ID() string { return id.Encode(id.Refund, r.Refund.ID) }

// Purchase is what was given back.
func (r Refund) Purchase() Purchase { return r.purchase }

// Total is what was paid back.
func (r Refund) Total() Money { return NewMoney(r.purchase.currency, r.Refund.Total) }

// PointsTaken are those that were taken back.
func (r Refund) PointsTaken() Money { return NewPoints(r.Refund.PointsTaken) }

// PointsReturned are those that had been spent on it and were given back.
func (r Refund) PointsReturned() Money { return NewPoints(r.Refund.PointsReturned) }

// PurchaseConnection is a page of purchases.
type PurchaseConnection struct {
	connection[PurchaseEdge, Purchase]
}

// PurchaseEdge is a purchase in a page.
type PurchaseEdge struct {
	Cursor string
	Node   Purchase
}

// NewPurchases shows a page of purchases.
func NewPurchases(
	p page.Page[*ent.Purchase], count func(context.Context) (int, error), currencies *money.Currencies, at time.Time,
) PurchaseConnection {
	return PurchaseConnection{connect(p, count,
		func(row *ent.Purchase) Purchase { return NewPurchase(row, currencies, at) },
		func(cursor string, node Purchase) PurchaseEdge { return PurchaseEdge{cursor, node} },
	)}
}

// Quote shows what a basket costs.
type Quote struct {
	*checkout.Quote
	currencies *money.Currencies
	errors     []UserError
}

// NewQuote shows a quote, with its refusals as the client sees them.
func NewQuote(q *checkout.Quote, errors []UserError, currencies *money.Currencies) Quote {
	return Quote{Quote: q, currencies: currencies, errors: errors}
}

// Lines are its items.
func (q Quote) Lines() []QuoteLine {
	lines := make([]QuoteLine, len(q.Quote.Lines))
	for i, line := range q.Quote.Lines {
		lines[i] = QuoteLine{
			Item:        q.item(line.Subject),
			Quantity:    line.Quantity,
			UnitPrice:   NewMoney(q.Currency, line.Subtotal/money.Amount(line.Quantity)),
			ListPrice:   NewMoney(q.Currency, line.Subtotal),
			Total:       NewMoney(q.Currency, line.Total),
			Adjustments: newAdjustments(q.Quote, ofAll(line.Parts)),
			Parts:       q.parts(line.Parts),
			LeftOut:     NewLeftOut(line.LeftOut),
		}
	}
	return lines
}

// item is what a line is about.
func (q Quote) item(of pricing.Subject) Purchasable {
	switch of.Kind {
	case pricing.OfBundle:
		return NewBundle(q.Board().Bundles[of.ID], q.currencies, q.At)
	case pricing.OfTrial:
		return NewTrialOffer(q.Board().Trials[of.ID], q.At)
	default:
		return NewProduct(q.Product(of.ID), q.currencies)
	}
}

func (q Quote) parts(parts []pricing.Part) []QuotePart {
	list := make([]QuotePart, len(parts))
	for i, part := range parts {
		list[i] = QuotePart{
			Product:     NewProduct(q.Product(part.Product), q.currencies),
			Quantity:    part.Quantity,
			ListPrice:   NewMoney(q.Currency, part.Subtotal),
			Total:       NewMoney(q.Currency, part.Total),
			Adjustments: newAdjustments(q.Quote, part.Adjustments),
		}
	}
	return list
}

// QuoteLine is one item of a quote.
type QuoteLine struct {
	Item                        Purchasable
	Quantity                    int64
	UnitPrice, ListPrice, Total Money
	Adjustments                 []PriceAdjustment
	Parts                       []QuotePart
	LeftOut                     []LeftOut
}

// QuotePart is one product in a line of a quote.
type QuotePart struct {
	Product          Product
	Quantity         int64
	ListPrice, Total Money
	Adjustments      []PriceAdjustment
}

// NotApplied are offers that do not lower the price.
func (q Quote) NotApplied() []OfferNotApplied {
	list := newNotApplied(q.Quote, q.Quote.NotApplied)
	for i, n := range q.Quote.NotApplied {
		if n.Path != "" {
			list[i].Path = strings.Split(n.Path, ".")
		}
	}
	return list
}

// Subtotal is the sum of the list prices.
func (q Quote) Subtotal() Money { return NewMoney(q.Currency, q.Quote.Subtotal) }

// Savings are what is taken off.
func (q Quote) Savings() Money { return NewMoney(q.Currency, q.Quote.Subtotal-q.Quote.Total) }

// Total is what a checkout would charge.
func (q Quote) Total() Money { return NewMoney(q.Currency, q.Quote.Total) }

// Balance is what is in the viewer's wallet; nil for a visitor.
func (q Quote) Balance() *Money { return q.orNil(q.Quote.Balance) }

// Shortfall is what is missing in it; nil when nothing is.
func (q Quote) Shortfall() *Money { return q.orNil(q.Quote.Shortfall) }

func (q Quote) orNil(amount *money.Amount) *Money {
	if amount == nil {
		return nil
	}
	return new(NewMoney(q.Currency, *amount))
}

// Rewards are what the purchase would earn; nil when it cannot be made, and for a shopper who has turned rewards off.
func (q Quote) Rewards() *RewardPreview {
	if len(q.errors) > 0 {
		return nil
	}
	return newRewardPreview(q.Quote.Rewards, q.Redeemable)
}

// ServerTime is the instant at which it was decided.
func (q Quote) ServerTime() time.Time { return q.At }

// Errors are why a checkout would be refused.
func (q Quote) Errors() []UserError { return q.errors }

// NewRateLimit shows where a caller stands with a rate limit.
func NewRateLimit(d guard.Decision) RateLimitStatus {
	return RateLimitStatus{Limit: d.Limit.Burst, Remaining: d.Remaining, ResetAfterMs: guard.RoundUpMillis(d.ResetAfter)}
}

// RateLimitStatus is where a caller stands with a rate limit.
type RateLimitStatus struct {
	Limit        int
	Remaining    int
	ResetAfterMs int64
}
