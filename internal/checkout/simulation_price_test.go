package checkout

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
	"farthing/internal/money"
)

// verdict is what the model says of a basket: why it is refused, or what it costs.
type verdict struct {
	// codes are why it is refused; nothing else is said then.
	codes map[string]bool
	// low and high are between what it costs. They are the same where no offer is short: the model does not say who of
	// several in a basket gets the last units of a sale, nor which of them give way to a coupon.
	low, high money.Amount
	// short are the sales of which the basket could take more than there is.
	short map[uuid.UUID]bool
	units []*bought
}

// bought is units of one product that are charged together.
type bought struct {
	product  *ent.Product
	quantity int64
	subtotal money.Amount
	credit   money.Amount
	// of is the bundle that is bought, trial the trial; the zero id for a product by itself.
	of, trial uuid.UUID
	// in are the bundles that it gets a share of the price of.
	in []uuid.UUID
	// low and high are between what it costs.
	low, high money.Amount
}

// wanted is one thing that a basket names, however often.
type wanted struct {
	id             uuid.UUID
	choices        []uuid.UUID
	quantity, most int64
}

// pack is a bundle, or one within it, with what is in it and has to be paid.
type pack struct {
	row     *ent.Bundle
	times   int64
	full    money.Amount
	missing []*bought
	// chosen and choose say how much is taken of a bundle to choose from; 1 and 1 for the others.
	chosen, choose int64
}

// judge says what comes of a basket, from what is for sale and what the shopper has. It finds the price of each claim by
// trying all offers one after the other.
func (m *model) judge(s *modelShopper, r *request) verdict {
	v := verdict{codes: map[string]bool{}, short: map[uuid.UUID]bool{}}
	code := r.basket.Currency
	var wants []*wanted
	for _, item := range r.basket.Items {
		choices := slices.SortedFunc(slices.Values(item.Choices), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		i := slices.IndexFunc(wants, func(w *wanted) bool { return w.id == item.ID && slices.Equal(w.choices, choices) })
		if i < 0 {
			i = len(wants)
			wants = append(wants, &wanted{id: item.ID, choices: choices})
		}
		wants[i].quantity += item.Quantity
		wants[i].most = max(wants[i].most, item.Quantity)
	}
	if k := m.shop.coupons[r.coupon]; r.coupon != uuid.Nil && !m.couponCounts(s, k) {
		v.codes["COUPON_NOT_VALID"] = true
	}
	for _, want := range wants {
		if p := m.shop.products[want.id]; p != nil {
			m.judgeProduct(&v, s, want, p, code)
		}
	}
	var packs []*pack
	for _, want := range wants {
		if b := m.shop.onBoard(want.id); b != nil {
			packs = append(packs, m.judgeBundle(&v, s, want, b, code)...)
		}
	}
	for _, want := range wants {
		offer := m.shop.trials[want.id]
		switch {
		case offer != nil && offer.Status != trialoffer.StatusARCHIVED:
			m.judgeTrial(&v, s, want, offer, code)
		case m.shop.products[want.id] == nil && m.shop.onBoard(want.id) == nil:
			v.codes["NOT_FOUND"] = true
		}
	}
	if len(v.codes) == 0 {
		m.priceAll(&v, s, r, packs)
	}
	return v
}

func (m *model) judgeProduct(v *verdict, s *modelShopper, want *wanted, p *ent.Product, code money.Code) {
	list, priced := priceIn(p, code)
	if p.Status != product.StatusACTIVE || !priced {
		v.codes["NOT_AVAILABLE"] = true
	}
	if len(want.choices) > 0 {
		v.codes["INVALID_INPUT"] = true
	}
	if !priced {
		return
	}
	if p.Kind == product.KindDURABLE {
		if want.most > 1 {
			v.codes["INVALID_INPUT"] = true
		}
		if s.owns(p.ID) {
			v.codes["ALREADY_OWNED"] = true
		}
		want.quantity = 1
	}
	v.claim(m, s, p, want.quantity, list, uuid.Nil, code)
}

// claim adds units to what is charged. A durable good is charged once.
func (v *verdict) claim(m *model, s *modelShopper, p *ent.Product, quantity int64, list money.Amount, of uuid.UUID, code money.Code) *bought {
	if p.Kind == product.KindDURABLE {
		for _, b := range v.units {
			if b.product.ID == p.ID && b.trial == uuid.Nil {
				return b
			}
		}
	}
	b := &bought{product: p, quantity: quantity, subtotal: list * money.Amount(quantity), of: of}
	if p.Kind == product.KindDURABLE {
		b.credit = m.credit(s, p.ID, code)
	}
	v.units = append(v.units, b)
	return b
}

// credit is what the shopper has paid for a trial that still counts.
func (m *model) credit(s *modelShopper, product uuid.UUID, code money.Code) money.Amount {
	t := s.trials[product]
	if t == nil || t.converted != uuid.Nil || t.refunded || m.now.Before(t.started) || !m.now.Before(t.creditUntil) || t.currency != code {
		return 0
	}
	return t.price
}

func (m *model) judgeTrial(v *verdict, s *modelShopper, want *wanted, offer *ent.TrialOffer, code money.Code) {
	p := m.shop.products[offer.ProductID]
	price, priced := offer.Prices[code]
	buys, again := false, false
	for _, b := range v.units {
		if b.product.ID == p.ID {
			buys, again = buys || b.trial == uuid.Nil, again || b.trial != uuid.Nil
		}
	}
	switch {
	case offer.Status != trialoffer.StatusACTIVE || p.Status != product.StatusACTIVE || !priced:
		v.codes["NOT_AVAILABLE"] = true
	case s.owns(p.ID):
		v.codes["ALREADY_OWNED"] = true
	case buys:
		v.codes["INVALID_INPUT"] = true
	case s.trials[p.ID] != nil || again:
		v.codes["TRIAL_USED"] = true
	}
	if want.most > 1 || len(want.choices) > 0 {
		v.codes["INVALID_INPUT"] = true
	}
	if priced {
		v.units = append(v.units, &bought{product: p, quantity: 1, subtotal: price, trial: offer.ID, low: price, high: price})
	}
}

// part is a product in a bundle.
type part struct {
	product  *ent.Product
	quantity int64
}

// contents are all products in a bundle with those in its inner bundles.
func (m *model) contents(b *ent.Bundle, times int64) []part {
	var list []part
	for _, c := range b.Edges.Components {
		parts := []part{}
		if c.ProductID != nil {
			parts = append(parts, part{m.shop.products[*c.ProductID], c.Quantity * times})
		} else {
			parts = m.contents(m.shop.bundles[*c.InnerID], c.Quantity*times)
		}
		for _, one := range parts {
			if i := slices.IndexFunc(list, func(p part) bool { return p.product == one.product }); i >= 0 {
				list[i].quantity += one.quantity
			} else {
				list = append(list, one)
			}
		}
	}
	for i := range list {
		if list[i].product.Kind == product.KindDURABLE {
			list[i].quantity = 1
		}
	}
	return list
}

func (m *model) judgeBundle(v *verdict, s *modelShopper, want *wanted, b *ent.Bundle, code money.Code) []*pack {
	contents := m.contents(b, 1)
	available := b.Status == bundle.StatusACTIVE && soldIn(b, code)
	if !available {
		v.codes["NOT_AVAILABLE"] = true
	}
	chosen, open := contents, 0
	for _, c := range contents {
		if c.product.Kind != product.KindDURABLE || !s.owns(c.product.ID) {
			open++
		}
	}
	switch {
	case b.Choose > 0 && open > 0:
		good := map[uuid.UUID]bool{}
		for i, id := range want.choices {
			at := slices.IndexFunc(contents, func(c part) bool { return c.product.ID == id })
			switch {
			case at < 0 || i > 0 && want.choices[i-1] == id:
				v.codes["INVALID_INPUT"] = true
			case contents[at].product.Kind == product.KindDURABLE && s.owns(id):
				v.codes["ALREADY_OWNED"] = true
			default:
				good[id] = true
			}
		}
		if len(want.choices) != min(b.Choose, open) {
			v.codes["INVALID_INPUT"] = true
		}
		chosen = slices.DeleteFunc(slices.Clone(contents), func(c part) bool { return !good[c.product.ID] })
		chosen = chosen[:min(len(chosen), b.Choose)]
	case b.Choose > 0:
		chosen = nil
	case len(want.choices) > 0:
		v.codes["INVALID_INPUT"] = true
	}
	durable := false
	for _, c := range chosen {
		durable = durable || c.product.Kind == product.KindDURABLE
	}
	if durable {
		if want.most > 1 {
			v.codes["INVALID_INPUT"] = true
		}
		want.quantity = 1
	}
	allPriced := soldIn(b, code)
	for _, c := range contents {
		_, priced := priceIn(c.product, code)
		allPriced = allPriced && priced
		taken := slices.ContainsFunc(chosen, func(k part) bool { return k.product == c.product })
		owned := c.product.Kind == product.KindDURABLE && s.owns(c.product.ID)
		if !priced || c.product.Status != product.StatusACTIVE && !owned && taken {
			v.codes["NOT_AVAILABLE"] = true
			available = false
		}
	}
	if open == 0 && available {
		v.codes["ALREADY_OWNED"] = true
	}
	if !allPriced {
		return nil
	}
	for _, c := range chosen {
		list, _ := priceIn(c.product, code)
		if c.product.Kind != product.KindDURABLE {
			v.claim(m, s, c.product, c.quantity*want.quantity, list, b.ID, code)
		} else if !s.owns(c.product.ID) {
			v.claim(m, s, c.product, 1, list, b.ID, code)
		}
	}
	if len(v.codes) > 0 {
		return nil
	}
	if b.Choose > 0 {
		return m.pack(v, s, b, b, want.quantity, chosen, code, int64(len(chosen)), int64(b.Choose))
	}
	return m.packs(v, s, b, b, want.quantity, code)
}

// packs are a bundle and all bundles within it that are sold by themselves.
func (m *model) packs(v *verdict, s *modelShopper, home, b *ent.Bundle, times int64, code money.Code) []*pack {
	list := m.pack(v, s, home, b, times, m.contents(b, 1), code, 1, 1)
	for _, c := range b.Edges.Components {
		if c.InnerID == nil {
			continue
		}
		if inner := m.shop.bundles[*c.InnerID]; inner.Status == bundle.StatusACTIVE && soldIn(inner, code) {
			list = append(list, m.packs(v, s, home, inner, times*c.Quantity, code)...)
		}
	}
	return list
}

// pack is the claims that share the price of a bundle; none when only an outer bundle has all units of one of them.
func (m *model) pack(
	v *verdict, s *modelShopper, home, b *ent.Bundle, times int64, contents []part, code money.Code, chosen, choose int64,
) []*pack {
	p := &pack{row: b, times: times, chosen: chosen, choose: choose}
	for _, c := range contents {
		list, _ := priceIn(c.product, code)
		if c.product.Kind == product.KindDURABLE {
			p.full += list
			if s.owns(c.product.ID) {
				continue
			}
			p.missing = append(p.missing, v.claim(m, s, c.product, 1, list, home.ID, code))
			continue
		}
		p.full += list * money.Amount(c.quantity*times)
		// Of what is named last there are the most claims; the one of this bundle was made just now.
		at := len(v.units) - 1
		for v.units[at].product != c.product || v.units[at].of != home.ID {
			at--
		}
		if v.units[at].quantity != c.quantity*times {
			return nil
		}
		p.missing = append(p.missing, v.units[at])
	}
	if len(p.missing) == 0 {
		return nil
	}
	for _, b := range p.missing {
		b.in = append(b.in, p.row.ID)
	}
	return []*pack{p}
}

// soldIn says whether a bundle has a price in a currency.
func soldIn(b *ent.Bundle, code money.Code) bool {
	_, priced := b.Prices[code]
	return priced || b.BasisPoints > 0
}

func priceIn(p *ent.Product, code money.Code) (money.Amount, bool) {
	for _, price := range p.Edges.Prices {
		if price.Currency == code {
			return price.Amount, true
		}
	}
	return 0, false
}

// stepOf is the smallest charge in a currency.
func stepOf(code money.Code) money.Amount {
	if code == "USD" {
		return 10_000
	}
	return 1_000_000
}

// rounded is n/of of an amount in whole steps, half up.
func rounded(amount money.Amount, n, of int64, code money.Code) money.Amount {
	step := int64(stepOf(code))
	steps := int64(amount) / step
	return money.Amount((2*steps*n + of) / (2 * of) * step)
}

// shareOut gives each weight its part of a total in whole steps, and what is left one step each to those that lost most.
func shareOut(total money.Amount, weights []money.Amount, code money.Code) []money.Amount {
	step := stepOf(code)
	var sum money.Amount
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		return make([]money.Amount, len(weights))
	}
	shares, lost := make([]money.Amount, len(weights)), make([]money.Amount, len(weights))
	left := total
	for i, w := range weights {
		exact := (total / step) * w // of the sum
		shares[i], lost[i] = exact/sum*step, exact%sum
		left -= shares[i]
	}
	for ; left > 0; left -= step {
		most := 0
		for i := range lost {
			if lost[i] > lost[most] {
				most = i
			}
		}
		shares[most] += step
		lost[most] = -1
	}
	return shares
}

// shares are what the claims of a pack cost together at a percentage off, or at a price for all of it.
func (p *pack) shares(base money.Amount, basisPoints int, price money.Amount, code money.Code) []money.Amount {
	var missing money.Amount
	weights := make([]money.Amount, len(p.missing))
	for i, b := range p.missing {
		weights[i] = b.subtotal
		missing += b.subtotal
	}
	if base < 0 {
		base = missing
	}
	var total money.Amount
	switch {
	case basisPoints > 0:
		total = rounded(base, int64(10_000-basisPoints), 10_000, code)
	case p.choose > 1:
		total = rounded(price*money.Amount(p.times), p.chosen, p.choose, code)
	case p.full > 0:
		step := stepOf(code)
		total = rounded(price*money.Amount(p.times), int64(missing/step), int64(p.full/step), code)
	}
	return shareOut(min(total, missing), weights, code)
}

// onSale says whether a flash sale is in a window, and in which one.
func (m *model) onSale(s *ent.FlashSale) (round int64, on bool) {
	if s.Status != flashsale.StatusACTIVE || s.EndedAt != nil || m.now.Before(s.StartsAt) || s.EndsAt != nil && !m.now.Before(*s.EndsAt) {
		return 0, false
	}
	if r := s.Recurrence; r != nil { // from 10:00 to 14:00 by UTC
		if !slices.Contains(r.Weekdays, m.now.Weekday()) || m.now.Hour() < 10 || m.now.Hour() >= 14 {
			return 0, false
		}
		year, month, day := m.now.Date()
		round = int64(year)*10_000 + int64(month)*100 + int64(day)
	}
	return round, !m.closed[window{s.ID, round}]
}

// left is how many units a shopper can have of a sale; false for any number.
func (m *model) left(s *modelShopper, sale *ent.FlashSale, round int64) (units int64, limited bool) {
	units = 1_000_000
	at := window{sale.ID, round}
	if sale.Stock != nil {
		units, limited = min(units, max(*sale.Stock-m.sold[at], 0)), true
	}
	if sale.PerShopper != nil {
		units, limited = min(units, max(*sale.PerShopper-s.used[at], 0)), true
	}
	return units, limited
}

func (m *model) couponCounts(s *modelShopper, k *ent.Coupon) bool {
	at := window{k.ID, 0}
	return k.Status == coupon.StatusACTIVE && !m.now.Before(k.StartsAt) && (k.EndsAt == nil || m.now.Before(*k.EndsAt)) && !m.closed[at] &&
		(k.Stock == nil || m.sold[at] < *k.Stock) && (k.PerShopper == nil || s.used[at] < *k.PerShopper)
}

// inScope says whether an offer names a product, or has no scope and everything is said to be in it.
func inScope(products []uuid.UUID, tags []string, p *ent.Product) bool {
	return slices.Contains(products, p.ID) || slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(p.Tags, t) })
}

// priceAll finds what every claim costs.
func (m *model) priceAll(v *verdict, s *modelShopper, r *request, packs []*pack) {
	code := r.basket.Currency
	for _, b := range v.units {
		if b.trial == uuid.Nil {
			b.low, b.high = b.subtotal, b.subtotal
		}
	}
	try := func(b *bought, price money.Amount, sure bool) {
		b.low = min(b.low, price)
		if sure {
			b.high = min(b.high, price)
		}
	}
	own := make([][]money.Amount, len(packs))
	for i, p := range packs {
		own[i] = p.shares(-1, p.row.BasisPoints, p.row.Prices[code], code)
		for j, b := range p.missing {
			try(b, own[i][j], true)
		}
	}
	for _, b := range v.units {
		if plan := m.shop.tiers[b.product.ID]; b.trial == uuid.Nil && plan != nil {
			if price, ok := m.tiered(plan, b.quantity, code); ok {
				try(b, price, true)
			}
		}
	}
	for _, sale := range m.shop.sales {
		round, on := m.onSale(sale)
		price, priced := sale.Prices[code]
		if !on || !priced && sale.BasisPoints == 0 {
			continue
		}
		left, limited := m.left(s, sale, round)
		var demand int64
		for _, b := range v.units {
			if b.trial == uuid.Nil && inScope(sale.Scope.Products, sale.Scope.Tags, b.product) {
				demand += b.quantity
			}
		}
		for _, p := range packs {
			if slices.Contains(sale.Scope.Bundles, p.row.ID) {
				demand += p.times
			}
		}
		sure := !limited || demand <= left
		v.short[sale.ID] = !sure
		for _, b := range v.units {
			if b.trial != uuid.Nil || !inScope(sale.Scope.Products, sale.Scope.Tags, b.product) {
				continue
			}
			list, _ := priceIn(b.product, code)
			unit := min(price, list)
			if sale.BasisPoints > 0 {
				unit = rounded(list, int64(10_000-sale.BasisPoints), 10_000, code)
			}
			units := min(b.quantity, left)
			try(b, unit*money.Amount(units)+list*money.Amount(b.quantity-units), sure)
		}
		for i, p := range packs {
			if !slices.Contains(sale.Scope.Bundles, p.row.ID) || left < p.times {
				continue
			}
			base := money.Amount(0)
			for _, share := range own[i] {
				base += share
			}
			if sale.BasisPoints == 0 {
				base = -1
			}
			for j, share := range p.shares(base, sale.BasisPoints, price, code) {
				try(p.missing[j], share, sure)
			}
		}
	}
	m.priceCoupon(v, m.shop.coupons[r.coupon], code)
}

// priceCoupon takes the coupon off, then the credit of trials, and adds all up.
func (m *model) priceCoupon(v *verdict, k *ent.Coupon, code money.Code) {
	var most money.Amount // what it takes off several together
	var amount money.Amount
	covers := func(*bought) bool { return false }
	if k != nil {
		amount = k.Amounts[code]
		everything := len(k.Scope.Products)+len(k.Scope.Tags)+len(k.Scope.Bundles) == 0
		covers = func(b *bought) bool {
			return b.trial == uuid.Nil && (everything || inScope(k.Scope.Products, k.Scope.Tags, b.product) ||
				slices.ContainsFunc(b.in, func(in uuid.UUID) bool { return slices.Contains(k.Scope.Bundles, in) }))
		}
	}
	var low, high, lowCovered, highCovered money.Amount
	for _, b := range v.units {
		if k != nil && k.BasisPoints > 0 && covers(b) {
			left := int64(10_000 - k.BasisPoints)
			if k.Combines {
				b.low, b.high = rounded(b.low, left, 10_000, code), rounded(b.high, left, 10_000, code)
			} else {
				off := rounded(b.subtotal, left, 10_000, code)
				b.low, b.high = min(b.low, off), min(b.high, off)
			}
		}
		b.low, b.high = max(b.low-b.credit, 0), max(b.high-b.credit, 0)
		low, high = low+b.low, high+b.high
		if covers(b) {
			lowCovered, highCovered = lowCovered+b.low, highCovered+b.high
			if amount > 0 {
				b.low = 0
			}
			if amount > 0 && !k.Combines {
				b.high = b.subtotal
			}
		}
	}
	v.low, v.high = low, high
	if amount == 0 {
		return
	}
	most = min(amount, lowCovered)
	if k.Combines {
		v.low, v.high = low-most, high-min(amount, highCovered)
		return
	}
	// Whoever pays the list price for the coupon's sake may be anybody: it saves at most what it is worth.
	v.low = max(low-amount, low-lowCovered)
}

// tiered is what so many units cost by tiers.
func (m *model) tiered(plan *ent.TierPlan, quantity int64, code money.Code) (money.Amount, bool) {
	if plan.Status != tierplan.StatusACTIVE || m.now.Before(plan.StartsAt) || plan.EndsAt != nil && !m.now.Before(*plan.EndsAt) {
		return 0, false
	}
	var total, reached money.Amount
	for unit := int64(1); unit <= quantity; unit++ {
		for _, tier := range plan.Tiers {
			price, priced := tier.Prices[code]
			if !priced {
				return 0, false
			}
			if unit >= tier.From {
				reached = price
			}
		}
		total += reached
	}
	if plan.Mode == tierplan.ModeVOLUME {
		total = reached * money.Amount(quantity)
	}
	return total, true
}

// pointsOff is what points take off, and how many can be redeemed for a total, found by trying one after the other.
func pointsOff(points, total money.Amount, code money.Code) (worth money.Amount, ok bool) {
	each := pointWorth[code]
	takesOff := func(points money.Amount) money.Amount {
		return points / money.Unit * each / stepOf(code) * stepOf(code)
	}
	payable := total / 2
	most := money.Amount(0)
	for n := money.Amount(0); takesOff(n) <= payable; n += money.Unit {
		if takesOff(n) > takesOff(most) {
			most = n
		}
	}
	worth = takesOff(points)
	return worth, points >= leastPoints && points <= most && worth > 0
}

// What points are worth in the worlds of the simulation, each, and how few can be redeemed at once.
var pointWorth = map[money.Code]money.Amount{"USD": 4_000, "KRW": 3_000_000}

const leastPoints = 2 * money.Unit

// window is a window of an offer; the second is its round.
type window struct {
	offer uuid.UUID
	round int64
}

func (v verdict) String() string {
	if len(v.codes) > 0 {
		return fmt.Sprint(v.codes)
	}
	return fmt.Sprintf("%s to %s", v.low, v.high)
}

// modelTrial is a trial that a shopper has had.
type modelTrial struct {
	offer, purchase      uuid.UUID
	currency             money.Code
	price                money.Amount
	started, creditUntil time.Time
	converted            uuid.UUID // the purchase that ended it
	refunded             bool
}
