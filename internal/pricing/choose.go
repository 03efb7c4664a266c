package pricing

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"farthing/internal/money"
)

// candidate is a price that a claim could have.
type candidate struct {
	total  money.Amount
	kind   AdjustmentKind // empty for the list price
	source Adjustment
	sale   *use
}

// ranks is the order among equal prices: units of an offer that can run out are not taken for nothing.
var ranks = map[AdjustmentKind]int{"": 0, ByTier: 1, ByBundle: 2, ByCoupon: 3, BySale: 4}

// better orders candidates for a claim: the lower price, then the one that takes less of anything, then the older offer.
// A price is what the credit of a trial leaves to pay: when it leaves nothing of either, what cannot run out is preferred.
func (p *pricer) better(c *claim, a, b candidate) int {
	return cmp.Or(
		cmp.Compare(c.net(a.total), c.net(b.total)),
		cmp.Compare(p.uses(c, a), p.uses(c, b)),
		CompareRivals(a.rival(), b.rival()),
		cmp.Compare(a.source.Round, b.source.Round),
	)
}

func (k candidate) rival() Rival { return Rival{k.kind, k.source.Source, k.total} }

// Rival is an offer, and what some units would cost under it alone.
type Rival struct {
	// Kind is empty for the list price.
	Kind   AdjustmentKind
	Source uuid.UUID
	Price  money.Amount
}

// CompareRivals orders offers for the same units, the one that counts first: the lowest price, of equal prices that of
// the offer which has no units to run out of, then that of the older offer.
func CompareRivals(a, b Rival) int {
	return cmp.Or(
		cmp.Compare(a.Price, b.Price), cmp.Compare(ranks[a.Kind], ranks[b.Kind]), compare(a.Source, b.Source),
	)
}

// uses is 1 for a candidate that takes units which are counted, and 0 for others. It makes no difference without a credit.
func (p *pricer) uses(c *claim, k candidate) int {
	limited := k.sale != nil && p.shelf.Sales[k.sale.sale].limited()
	if c.credit > 0 && (limited || k.kind == ByCoupon) {
		return 1
	}
	return 0
}

// limited says whether a sale can run out, for all or for the shopper.
func (s Sale) limited() bool { return s.Left != nil || s.Own != nil }

// plan is one way to give out offers that can run out, or take each other's place.
type plan struct {
	// bundles says to let claims have their shares in bundles. Without, they are priced as if bought singly.
	bundles bool
	// bundlesFirst says that sales on bundles take their units before those on products.
	bundlesFirst bool
}

// plans are the ways that are worth trying, the usual one first. Units that are left are given out in a fixed order, and a
// coupon of an amount takes the place of other offers by a rule of thumb; neither is best for every basket, and finding
// that would take too long. With the last plan a bundle is never dearer than its parts bought singly.
func (p *pricer) plans() []plan {
	list := []plan{{bundles: true}}
	limited := slices.ContainsFunc(p.shelf.Sales, Sale.limited)
	if len(p.sets) > 0 && limited {
		list = append(list, plan{bundles: true, bundlesFirst: true})
	}
	if len(p.sets) > 0 && (limited || p.replaces()) {
		list = append(list, plan{})
	}
	return list
}

// choice is what a plan has come to.
type choice struct {
	total      money.Amount
	claims     []decision
	taken      []int64
	couponUsed bool
	counted    []map[int]bool
}

// decision is what a claim costs, and why it is less than the subtotal.
type decision struct {
	paid    money.Amount
	reasons []Adjustment
	sale    *use
}

// choose gives every claim its price: that of the plan that costs least, the first of equal ones.
func (p *pricer) choose() error {
	var best *choice
	plans := p.plans()
	for _, with := range plans {
		if err := p.try(with); err != nil {
			return err
		}
		if len(plans) == 1 {
			return nil
		}
		if made := p.keep(); best == nil || made.total < best.total {
			best = made
		}
	}
	p.taken, p.couponUsed = best.taken, best.couponUsed
	for i, c := range p.claims {
		c.decision = best.claims[i]
	}
	for i, s := range p.sets {
		s.counted = best.counted[i]
	}
	return nil
}

// keep remembers what the claims cost now.
func (p *pricer) keep() *choice {
	made := &choice{taken: p.taken, couponUsed: p.couponUsed}
	for _, c := range p.claims {
		made.total += c.paid
		made.claims = append(made.claims, c.decision)
	}
	for _, s := range p.sets {
		made.counted = append(made.counted, s.counted)
	}
	return made
}

// try gives every claim its price by a plan.
func (p *pricer) try(with plan) error {
	p.pick(with, nil)
	if err := p.takeCoupon(with); err != nil {
		return err
	}
	for _, c := range p.claims {
		if off := min(c.credit, c.paid); off > 0 {
			c.lower(Adjustment{Kind: ByCredit, Source: p.buyer.Credits[c.product.ID].Offer, Amount: off, Units: 1})
		}
	}
	return nil
}

// pick gives every claim the lowest of its single prices, and some of them the list price, which they pay for the sake of a
// coupon: those take nothing of any offer.
func (p *pricer) pick(with plan, listed []*claim) {
	p.taken, p.couponUsed = make([]int64, len(p.shelf.Sales)), false
	for _, s := range p.sets {
		s.counted, s.reserved = map[int]bool{}, map[int]bool{}
		if with.bundlesFirst {
			p.reserve(s)
		}
	}
	for _, c := range p.inTurn(with.bundles) {
		best := candidate{total: c.subtotal}
		if !slices.Contains(listed, c) {
			for _, other := range p.candidates(c, with.bundles) {
				if p.better(c, other, best) < 0 {
					best = other
				}
			}
		}
		p.settle(c, best)
	}
	for _, s := range p.sets {
		for at := range s.reserved {
			if !s.counted[at] {
				p.taken[at] -= s.times // nobody wanted them
			}
		}
	}
}

// reserve sets units of sales on a bundle aside for it.
func (p *pricer) reserve(s *set) {
	for at := range p.shelf.Sales {
		shares, covered := s.onSale[at]
		if covered && sum(shares) < sum(s.shares) && p.left(at) >= s.times {
			s.reserved[at] = true
			p.taken[at] += s.times
		}
	}
}

// sum adds up shares of a price that is in range.
func sum(shares []money.Amount) money.Amount {
	total := money.Amount(0)
	for _, share := range shares {
		total += share
	}
	return total
}

// inTurn is the order in which claims take from what can run out. It is the same however the basket is ordered: those that
// gain most by a unit first, then the older product, then the older bundle.
func (p *pricer) inTurn(bundles bool) []*claim {
	gains := make(map[*claim]money.Amount, len(p.claims))
	for _, c := range p.claims {
		for i, sale := range p.shelf.Sales {
			if sale.Products[c.product.ID] && sale.limited() {
				gains[c] = max(gains[c], p.gain(c, i, bundles))
			}
		}
	}
	list := slices.Clone(p.claims)
	slices.SortStableFunc(list, func(a, b *claim) int {
		return cmp.Or(
			cmp.Compare(gains[b], gains[a]),
			compare(a.product.ID, b.product.ID),
			cmp.Compare(a.quantity, b.quantity),
			compare(a.home.ID, b.home.ID),
			slices.CompareFunc(a.home.want.Choices, b.home.want.Choices, compare),
		)
	})
	return list
}

// gain is what a sale that can run out takes off for each of its units that a claim could have, beyond what is there for
// everybody.
func (p *pricer) gain(c *claim, sale int, bundles bool) money.Amount {
	units := min(c.quantity, p.left(sale))
	if units == 0 {
		return 0
	}
	without := c.net(c.subtotal)
	for _, k := range p.candidates(c, bundles) {
		if k.sale == nil || !p.shelf.Sales[k.sale.sale].limited() {
			without = min(without, c.net(k.total))
		}
	}
	return (without - c.net(p.onSale(sale, c, units))) / money.Amount(units)
}

// onSale is what a claim costs when so many of its units are bought in a sale, and the others at the list price.
func (p *pricer) onSale(sale int, c *claim, units int64) money.Amount {
	// The price of one is not above the list price, so the sum is not above the subtotal.
	return p.unitOnSale(p.shelf.Sales[sale], c.product)*money.Amount(units) + c.product.List*money.Amount(c.quantity-units)
}

// unitOnSale is what one of a product costs in a sale, its list price when that is not lower.
func (p *pricer) unitOnSale(sale Sale, product Product) money.Amount {
	price := sale.Price
	if sale.BasisPoints > 0 {
		price = Reduced(product.List, sale.BasisPoints, p.shelf.Currency)
	}
	if !sale.Priced {
		price = product.List
	}
	return min(price, product.List)
}

// left is how many units of a sale are there to take.
func (p *pricer) left(sale int) int64 {
	s := p.shelf.Sales[sale]
	units := int64(MaxQuantity) * MaxQuantity
	for _, limit := range []*int64{s.Left, s.Own} {
		if limit != nil {
			units = min(units, max(*limit-p.taken[sale], 0))
		}
	}
	return units
}

// candidates are all single prices of a claim but its list price.
func (p *pricer) candidates(c *claim, bundles bool) []candidate {
	var list []candidate
	if t := c.product.Tiers; t != nil {
		if total, err := t.total(c.quantity); err == nil {
			list = append(list, candidate{total: total, kind: ByTier, source: Adjustment{Source: t.ID, Units: c.quantity}})
		}
	}
	for i, sale := range p.shelf.Sales {
		units := min(c.quantity, p.left(i))
		if !sale.Products[c.product.ID] || units == 0 {
			continue
		}
		list = append(list, candidate{
			total: p.onSale(i, c, units), kind: BySale, sale: &use{sale: i, units: units},
			source: Adjustment{Source: sale.ID, Round: sale.Round, Units: units},
		})
	}
	if k := p.shelf.Coupon; k != nil && !k.Combines && k.Priced && k.BasisPoints > 0 && p.covered(c) {
		list = append(list, candidate{
			total: p.fraction(c.subtotal, whole-k.BasisPoints, whole), kind: ByCoupon,
			source: Adjustment{Source: k.ID, Units: c.quantity},
		})
	}
	if !bundles {
		return list
	}
	for _, s := range c.shares {
		list = append(list, candidate{
			total: s.set.shares[s.place], kind: ByBundle,
			source: Adjustment{Source: s.set.bundle.ID, Units: c.quantity},
		})
		for i := range p.shelf.Sales {
			shares, covered := s.set.onSale[i]
			if !covered || !s.set.counted[i] && !s.set.reserved[i] && p.left(i) < s.set.times {
				continue
			}
			sale := p.shelf.Sales[i]
			list = append(list, candidate{
				total: shares[s.place], kind: BySale, sale: &use{sale: i, units: s.set.times, set: s.set},
				source: Adjustment{Source: sale.ID, Round: sale.Round},
			})
		}
	}
	return list
}

// total is what so many units cost by tiers. The error wraps money.ErrRange.
func (t *Tiers) total(quantity int64) (money.Amount, error) {
	if !t.Graduated {
		at := len(t.Steps) - 1
		for t.Steps[at].From > quantity {
			at--
		}
		return t.Steps[at].Price.Times(quantity)
	}
	var parts []money.Amount
	for i, step := range t.Steps {
		until := quantity + 1
		if i+1 < len(t.Steps) {
			until = min(until, t.Steps[i+1].From)
		}
		if until <= step.From {
			break
		}
		part, err := step.Price.Times(until - step.From)
		if err != nil {
			return 0, err
		}
		parts = append(parts, part)
	}
	return money.Sum(parts...)
}

// settle gives a claim the price that was chosen for it.
func (p *pricer) settle(c *claim, best candidate) {
	c.decision = decision{paid: c.subtotal}
	off := c.subtotal - best.total
	if best.kind == "" || off <= 0 {
		return
	}
	adjustment := best.source
	adjustment.Kind, adjustment.Amount = best.kind, off
	if best.sale != nil {
		c.sale = best.sale
		switch s := best.sale.set; {
		case s == nil:
			p.taken[best.sale.sale] += best.sale.units
		case !s.counted[best.sale.sale]:
			s.counted[best.sale.sale] = true
			adjustment.Units = best.sale.units
			if !s.reserved[best.sale.sale] {
				p.taken[best.sale.sale] += best.sale.units
			}
		}
	}
	if best.kind == ByCoupon {
		p.couponUsed = true
	}
	c.lower(adjustment)
}

// lower takes an adjustment off a claim.
func (c *claim) lower(a Adjustment) {
	c.paid -= a.Amount
	c.reasons = append(slices.Clip(c.reasons), a)
}

// covered says whether the coupon is for a claim: for its product, or for a bundle that it is in.
func (p *pricer) covered(c *claim) bool {
	k := p.shelf.Coupon
	return k.Everything || k.Products[c.product.ID] ||
		slices.ContainsFunc(c.shares, func(s share) bool { return k.Bundles[s.set.bundle.ID] })
}

// replaces says whether the coupon is of an amount that takes the place of other offers.
func (p *pricer) replaces() bool {
	k := p.shelf.Coupon
	return k != nil && k.Priced && k.BasisPoints == 0 && !k.Combines
}

// takeCoupon takes off what the coupon takes off several claims at once, or off what other offers have left.
func (p *pricer) takeCoupon(with plan) error {
	k := p.shelf.Coupon
	if k == nil || !k.Priced || k.BasisPoints > 0 && !k.Combines {
		return nil
	}
	var claims []*claim
	for _, c := range p.inTurn(with.bundles) {
		if p.covered(c) {
			claims = append(claims, c)
		}
	}
	if k.BasisPoints > 0 {
		for _, c := range claims {
			if c.net(c.paid) > 0 {
				p.takeOff(c, c.paid-p.fraction(c.paid, whole-k.BasisPoints, whole))
			}
		}
		return nil
	}
	if p.replaces() {
		claims = p.worthListing(claims)
		if len(claims) == 0 {
			return nil
		}
		p.pick(with, claims) // what these would have taken of other offers is there for the rest
	}
	weights := make([]money.Amount, len(claims))
	for i, c := range claims {
		weights[i] = c.net(c.paid)
	}
	all, err := money.Sum(weights...)
	if err != nil || all == 0 {
		return err
	}
	shares, err := money.Allocate(min(k.Amount, all), weights, p.step)
	if err != nil {
		return err
	}
	for i, c := range claims {
		p.takeOff(c, shares[i])
	}
	return nil
}

// takeOff takes what the coupon is worth off a claim.
func (p *pricer) takeOff(c *claim, off money.Amount) {
	if off > 0 {
		c.lower(Adjustment{Kind: ByCoupon, Source: p.shelf.Coupon.ID, Amount: off, Units: c.quantity})
		p.couponUsed = true
	}
}

// worthListing chooses the claims that a coupon of an amount is taken off, which then have no other offer: a claim has one
// or the other. Those that lose least come first, as many are taken as save most, and those that are not needed are left
// out again. There are none when the coupon saves nothing.
func (p *pricer) worthListing(claims []*claim) []*claim {
	lost := func(c *claim) money.Amount { return c.net(c.subtotal) - c.net(c.paid) }
	// What a claim has beyond the coupon's amount makes no difference.
	worth := func(c *claim) money.Amount { return min(c.net(c.subtotal), p.shelf.Coupon.Amount) }
	slices.SortStableFunc(claims, func(a, b *claim) int {
		return cmp.Or(cmp.Compare(lost(a), lost(b)), cmp.Compare(worth(b), worth(a)))
	})
	saving := func(worth, lost money.Amount) money.Amount { return min(p.shelf.Coupon.Amount, worth) - lost }
	var best []*claim
	var most, reached, given money.Amount
	for i, c := range claims {
		reached, given = reached+worth(c), given+lost(c)
		list, loss, needed := reached, given, make([]*claim, 0, i+1)
		for _, k := range claims[:i+1] {
			if saving(list-worth(k), loss-lost(k)) > saving(list, loss) {
				list, loss = list-worth(k), loss-lost(k)
			} else {
				needed = append(needed, k)
			}
		}
		saved := saving(list, loss)
		if saved > most || saved == most && saved > 0 && lost(c) == 0 { // shared by all that lose nothing
			most, best = saved, needed
		}
	}
	return best
}

// notApplied tells of offers that a shopper might have expected to lower the price.
func (p *pricer) notApplied() []NotApplied {
	var list []NotApplied
	add := func(n NotApplied) {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	for i, sale := range p.shelf.Sales {
		for _, c := range p.claims {
			if reason := p.whyNoSale(i, c); reason != "" {
				add(NotApplied{BySale, sale.ID, reason, c.home.Path})
			}
		}
	}
	if k := p.shelf.Coupon; k != nil && !p.couponUsed {
		reason := BetterOffer
		switch {
		case !k.Priced:
			reason = OtherCurrency
		case !slices.ContainsFunc(p.claims, p.covered):
			reason = OutOfScope
		}
		add(NotApplied{ByCoupon, k.ID, reason, "couponCode"})
	}
	for _, c := range p.claims {
		if credit, ok := p.buyer.Credits[c.product.ID]; ok && credit.Refused != "" && c.product.Durable {
			add(NotApplied{ByCredit, credit.Offer, credit.Refused, c.home.Path})
		}
	}
	return list
}

// whyNoSale is why a sale does not lower a claim that it covers, or not all of it; empty when there is nothing to say.
func (p *pricer) whyNoSale(at int, c *claim) Reason {
	sale := p.shelf.Sales[at]
	covers := sale.Products[c.product.ID]
	wanted := c.quantity
	for _, s := range c.shares {
		if sale.Bundles[s.set.bundle.ID] {
			if s.set.counted[at] {
				return "" // it lowers other parts of the bundle
			}
			covers, wanted = true, s.set.times
		}
	}
	taken := int64(0)
	if c.sale != nil && c.sale.sale == at {
		taken = c.sale.units
	}
	switch {
	case !covers || taken >= wanted:
		return ""
	case !sale.Priced:
		return OtherCurrency
	case sale.Products[c.product.ID] && p.unitOnSale(sale, c.product) == c.product.List:
		return "" // it is no lower than the list price, and nobody would expect it to count
	case sale.Left != nil && *sale.Left-p.taken[at] < wanted-taken:
		return SoldOut
	case sale.Own != nil && *sale.Own-p.taken[at] < wanted-taken:
		return LimitReached
	case taken == 0:
		return BetterOffer
	}
	return ""
}
