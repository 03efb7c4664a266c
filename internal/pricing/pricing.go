// Package pricing says what a basket costs, and why. It is one pure function, Price, of the basket, what is for sale, what
// the shopper has and what is left of limited offers. The quote shows what it says, the catalogue's prices are quotes of
// one item, and the till charges it, so that the three cannot disagree.
//
// A basket comes down to claims: units of one product that are charged together. A durable good is one claim in the whole
// basket, however often it is named, alone or in bundles (rule 12); units of a consumable are a claim for each item. The
// price of a claim is the lowest of the single prices that apply to it (rule 14): its list price, the price of its tier, a
// flash sale, its share in a bundle that is in the basket, or a coupon. So the total does not depend on the order of the
// items, and a bundle is never dearer than what is missing of it bought singly. Only the credit of a trial, which has been
// paid already, and a coupon that says so come on top.
//
// Amounts are whole minor units of the currency. What is computed is rounded half up, once for each price, and shared
// out by largest remainder, so that parts add up to lines and lines to the total (rules 2 and 3).
package pricing

import (
	"github.com/google/uuid"

	"farthing/internal/fault"
	"farthing/internal/money"
)

// MaxQuantity is how many of one thing a basket may hold, all its items together.
const MaxQuantity = 9_999

// whole is all of something in basis points, which are hundredths of a percent.
const whole = 10_000

// Item is one item of a basket.
type Item struct {
	// ID is what to buy: a product, a bundle or a trial offer.
	ID uuid.UUID
	// Quantity is how many, 1 to MaxQuantity.
	Quantity int64
	// Choices are the products chosen of a bundle to choose from; nil for all else.
	Choices []uuid.UUID
}

// Shelf is what is for sale in one currency at one instant: what the basket names, and what is in the bundles it names.
type Shelf struct {
	Currency money.Currency
	Products map[uuid.UUID]Product
	Bundles  map[uuid.UUID]Bundle
	Trials   map[uuid.UUID]Trial
	// Sales are those in their window, also when they are sold out.
	Sales []Sale
	// Coupon is the one whose code was given and is good; nil for none.
	Coupon *Coupon
}

// Buyer is what counts of the shopper who asks. The zero Buyer has nothing, as a visitor.
type Buyer struct {
	// Owns says whether a durable good is owned.
	Owns map[uuid.UUID]bool
	// Tried says of which products there has been a trial, ever.
	Tried map[uuid.UUID]bool
	// Credits are what trials that are running or in their grace have paid, by product.
	Credits map[uuid.UUID]Credit
}

// Product is one good.
type Product struct {
	ID uuid.UUID
	// Durable says that it is owned for good and bought once.
	Durable bool
	// OnSale says that it can be bought at the instant.
	OnSale bool
	// Priced says that it is sold in the currency, List is the price of one then.
	Priced bool
	List   money.Amount
	// Tiers are what it costs by quantity; nil for none.
	Tiers *Tiers
}

// Tiers are what a product costs by quantity (rule 18).
type Tiers struct {
	ID uuid.UUID
	// Graduated says that each unit costs what its own tier says. Otherwise all cost what the reached tier says.
	Graduated bool
	// Steps begin at 1 and rise. The last is open-ended.
	Steps []Step
}

// Step is one tier: what a unit costs from a quantity on.
type Step struct {
	From  int64
	Price money.Amount
}

// Bundle is products sold together under one rule (rule 15).
type Bundle struct {
	ID     uuid.UUID
	OnSale bool
	// BasisPoints is what is taken off the list prices. 0 for a bundle with a price of its own.
	BasisPoints int64
	// Priced says that there is a price in the currency, or a percentage; Price is that of all of it.
	Priced bool
	Price  money.Amount
	// Choose is how many of its components are taken; 0 for all of them.
	Choose int
	// Components are what is in it, in order.
	Components []Component
}

// Component is a product in a bundle or, when Product is the zero id, a bundle in it.
type Component struct {
	Product, Inner uuid.UUID
	Quantity       int64
}

// Trial is an offer to try a product.
type Trial struct {
	ID, Product uuid.UUID
	OnSale      bool
	Priced      bool
	Price       money.Amount
}

// Sale is a flash sale in its window (rule 16).
type Sale struct {
	ID uuid.UUID
	// Round tells the windows of a recurring sale apart.
	Round int64
	// BasisPoints is what is taken off. 0 for a sale with a price of its own.
	BasisPoints int64
	// Priced says that there is a price in the currency, or a percentage; Price is that of one.
	Priced bool
	Price  money.Amount
	// Products and Bundles are what it covers of the shelf.
	Products, Bundles map[uuid.UUID]bool
	// Left is how many units there are still, and Own how many of them the shopper may have; nil for any number.
	Left, Own *int64
}

// Coupon is a lower price for those who know a code.
type Coupon struct {
	ID uuid.UUID
	// BasisPoints is what is taken off each line. 0 for a coupon of an amount.
	BasisPoints int64
	// Priced says that there is an amount in the currency, or a percentage; Amount is taken off the basket.
	Priced bool
	Amount money.Amount
	// Everything says that it is for all that is sold; otherwise Products and Bundles are what it covers of the shelf.
	Everything        bool
	Products, Bundles map[uuid.UUID]bool
	// Combines says that it is taken off what other offers leave.
	Combines bool
}

// Credit is what a trial has paid for a product.
type Credit struct {
	// Offer is the trial offer it was paid under.
	Offer  uuid.UUID
	Amount money.Amount
	// Refused says why it does not count; empty when it does.
	Refused Reason
}

// Result is what a basket costs.
type Result struct {
	// Lines are the items of the basket, those that name the same put together, as far as they have a price.
	Lines []Line
	// Subtotal is the sum of the list prices, Total what is charged.
	Subtotal, Total money.Amount
	// Redeemed is what points have taken off the total (TakeOff).
	Redeemed money.Amount
	// Taken is what the basket takes of offers that count their units, by id and round.
	Taken []Taken
	// NotApplied are offers that a shopper might have expected to lower the price, and why they did not.
	NotApplied []NotApplied
	// Refusals are why a checkout would be refused. Their data is a Subject where a thing is to blame.
	Refusals fault.List
}

// Kind is what an item names.
type Kind string

// What there is to buy.
const (
	OfProduct Kind = "PRODUCT"
	OfBundle  Kind = "BUNDLE"
	OfTrial   Kind = "TRIAL"
)

// Subject is what a refusal is about.
type Subject struct {
	Kind Kind
	ID   uuid.UUID
}

// Line is one item of the basket.
type Line struct {
	Subject
	// Path leads to the first item that names it.
	Path     string
	Quantity int64
	// Subtotal is the list price of its parts, Total what is charged for them.
	Subtotal, Total money.Amount
	// Parts are what it hands over, product by product.
	Parts []Part
	// LeftOut is what a bundle contains and this line does not charge.
	LeftOut []LeftOut
}

// Part is units of one product in a line, with their price: what a later refund gives back for them.
type Part struct {
	Product  uuid.UUID
	Quantity int64
	// Unit is the list price of one, Subtotal that of all, Total what is charged.
	Unit, Subtotal, Total money.Amount
	// Adjustments are what lowers the price, each by more than zero: Subtotal less all of them is Total.
	Adjustments []Adjustment
}

// AdjustmentKind is what kind of offer lowers a price.
type AdjustmentKind string

// What lowers a price.
const (
	ByBundle AdjustmentKind = "BUNDLE"
	BySale   AdjustmentKind = "FLASH_SALE"
	ByTier   AdjustmentKind = "TIER"
	ByCoupon AdjustmentKind = "COUPON"
	ByCredit AdjustmentKind = "TRIAL_CREDIT"
	ByPoints AdjustmentKind = "POINTS"
)

// Adjustment is what an offer takes off a part.
type Adjustment struct {
	Kind AdjustmentKind
	// Source is the offer: a bundle, a flash sale, a tier plan, a coupon, a trial offer, or the rule that points count by.
	Source uuid.UUID
	// Round is that of a sale.
	Round int64
	// Amount is what is taken off, more than zero.
	Amount money.Amount
	// Units is how many units it was for. A sale on a bundle counts bundles, on the first part that it lowers: 0 on the
	// others.
	Units int64
}

// LeftOut is a product of a bundle that its line does not charge.
type LeftOut struct {
	Product uuid.UUID
	Reason  LeftOutReason
}

// LeftOutReason is why a line does not charge a product.
type LeftOutReason string

// Why a line does not charge a product.
const (
	// Owned says that the shopper has it already.
	Owned LeftOutReason = "OWNED"
	// InBasket says that another line of the basket charges it.
	InBasket LeftOutReason = "IN_BASKET"
)

// Taken is what a basket takes of an offer's units.
type Taken struct {
	Source uuid.UUID
	Round  int64
	Units  int64
}

// NotApplied is an offer that did not lower the price, or not of all units.
type NotApplied struct {
	Kind   AdjustmentKind
	Source uuid.UUID
	Reason Reason
	// Path leads to the item that it might have been for.
	Path string
}

// Reason is why an offer did not lower a price.
type Reason string

// Why an offer did not lower a price.
const (
	// SoldOut says that its units are gone, or not enough are left.
	SoldOut Reason = "SOLD_OUT"
	// LimitReached says that the shopper has had as many units as one may have.
	LimitReached Reason = "LIMIT_REACHED"
	// BetterOffer says that another offer is lower, or no offer at all.
	BetterOffer Reason = "BETTER_OFFER"
	// OutOfScope says that it covers nothing in the basket.
	OutOfScope Reason = "OUT_OF_SCOPE"
	// OtherCurrency says that it has no amount in the currency of the basket.
	OtherCurrency Reason = "OTHER_CURRENCY"
	// CreditExpired says that the trial's grace is over.
	CreditExpired Reason = "CREDIT_EXPIRED"
)
