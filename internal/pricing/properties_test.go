package pricing_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"

	"farthing/internal/money"
	"farthing/internal/pricing"
)

// TestPriceProperties prices random shops. What fails says its seed, which makes the same shop again.
func TestPriceProperties(t *testing.T) {
	t.Parallel()
	const shops = 6_000
	seeds := []uint64{35_061, 37_257, 359_472} // which have found what the first ones do not
	for seed := range uint64(shops) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		check(t, fmt.Sprintf("seed %d", seed), randomShop(entropy(seed)))
		if t.Failed() {
			return
		}
	}
}

// FuzzPrice reads the same shops from the bytes of the fuzzer.
func FuzzPrice(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(entropy(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, "", randomShop(data)) })
}

// entropy is as many bytes as the largest shop draws, and more.
func entropy(seed uint64) []byte {
	source := rand.New(rand.NewPCG(seed, 1))
	var data []byte
	for range 128 {
		data = binary.LittleEndian.AppendUint64(data, source.Uint64())
	}
	return data
}

// draws makes decisions out of bytes. When they are used up, every decision is the first choice.
type draws struct{ data []byte }

// below is a number from 0 to n-1.
func (d *draws) below(n int) int {
	var word [2]byte
	d.data = d.data[copy(word[:], d.data):]
	return int(binary.LittleEndian.Uint16(word[:])) % n
}

// once is true once in so many times.
func (d *draws) once(in int) bool { return d.below(in) == 0 }

// shop is all that a price is made of.
type shop struct {
	shelf pricing.Shelf
	buyer pricing.Buyer
	items []pricing.Item

	bundles []pricing.Bundle // in the order in which they were drawn
}

func randomShop(data []byte) shop {
	d := &draws{data}
	s := shop{shelf: pricing.Shelf{
		Currency: money.Currency{Code: "USD", MinorUnit: []int{2, 0, 3}[d.below(3)]},
		Products: map[uuid.UUID]pricing.Product{}, Bundles: map[uuid.UUID]pricing.Bundle{}, Trials: map[uuid.UUID]pricing.Trial{},
	}, buyer: pricing.Buyer{Owns: map[uuid.UUID]bool{}, Tried: map[uuid.UUID]bool{}, Credits: map[uuid.UUID]pricing.Credit{}}}
	made := 0
	id := func() uuid.UUID {
		made++
		return uuid.UUID{0: byte(d.below(4)), 15: byte(made)}
	}
	amount := func() money.Amount {
		return money.Amount(d.below([]int{1, 4, 30, 30, 3_000, 3_000}[d.below(6)])) * s.shelf.Currency.Step()
	}
	var products, bundles, items []uuid.UUID
	subset := func(of []uuid.UUID, in int) map[uuid.UUID]bool {
		set := map[uuid.UUID]bool{}
		for _, one := range of {
			if d.once(in) {
				set[one] = true
			}
		}
		return set
	}
	percent := func() int64 { return []int64{1, 333, 1_000, 2_500, 5_000, 9_999, 10_000}[d.below(7)] }
	limit := func() *int64 {
		if d.once(2) {
			return nil
		}
		return new(int64(d.below(6)))
	}
	for range 2 + d.below(5) {
		p := pricing.Product{ID: id(), Durable: !d.once(3), OnSale: !d.once(30), Priced: !d.once(30), List: amount()}
		if !p.Durable && d.once(2) {
			p.Tiers = &pricing.Tiers{ID: id(), Graduated: d.once(2)}
			for from := int64(1); len(p.Tiers.Steps) < 3; from += int64(1 + d.below(2)) {
				p.Tiers.Steps = append(p.Tiers.Steps, pricing.Step{From: from, Price: amount()})
			}
		}
		s.shelf.Products[p.ID] = p
		products = append(products, p.ID)
		if p.Durable && d.once(4) {
			s.buyer.Owns[p.ID] = true
		}
		if d.once(5) {
			s.buyer.Tried[p.ID] = true
			s.buyer.Credits[p.ID] = pricing.Credit{Offer: id(), Amount: amount()}
		}
	}
	for range d.below(5) {
		b := pricing.Bundle{ID: id(), OnSale: !d.once(30), Priced: !d.once(30), Price: amount()}
		if d.once(2) {
			b.Price, b.BasisPoints, b.Priced = 0, percent(), true
		}
		for _, p := range products {
			if d.once(2) {
				c := pricing.Component{Product: p, Quantity: 1}
				if !s.shelf.Products[p].Durable {
					c.Quantity += int64(d.below(3))
				}
				b.Components = append(b.Components, c)
			}
		}
		if len(b.Components) == 0 {
			b.Components = []pricing.Component{{Product: products[0], Quantity: 1}}
		}
		if d.once(4) {
			b.Choose = 1 + d.below(len(b.Components))
		}
		for _, inner := range s.bundles {
			if b.Choose == 0 && inner.Choose == 0 && d.once(3) {
				b.Components = append(b.Components, pricing.Component{Inner: inner.ID, Quantity: int64(1 + d.below(2))})
			}
		}
		s.shelf.Bundles[b.ID] = b
		s.bundles = append(s.bundles, b)
		bundles = append(bundles, b.ID)
	}
	for range d.below(4) {
		sale := pricing.Sale{
			ID: id(), Round: int64(d.below(2)), Priced: !d.once(10), Price: amount(),
			Products: subset(products, 3), Bundles: subset(bundles, 3), Left: limit(), Own: limit(),
		}
		if d.once(2) {
			sale.Price, sale.BasisPoints, sale.Priced = 0, percent(), true
		}
		s.shelf.Sales = append(s.shelf.Sales, sale)
	}
	slices.SortFunc(s.shelf.Sales, func(a, b pricing.Sale) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	if d.once(2) {
		k := pricing.Coupon{
			ID: id(), Priced: !d.once(10), Amount: amount() + s.shelf.Currency.Step(), Everything: d.once(2), Combines: d.once(3),
			Products: subset(products, 3), Bundles: subset(bundles, 3),
		}
		if d.once(2) {
			k.Amount, k.BasisPoints, k.Priced = 0, percent(), true
		}
		s.shelf.Coupon = &k
	}
	for _, p := range products {
		if s.shelf.Products[p].Durable && d.once(5) {
			trial := pricing.Trial{ID: id(), Product: p, OnSale: !d.once(10), Priced: !d.once(10), Price: amount()}
			s.shelf.Trials[trial.ID] = trial
			items = append(items, trial.ID)
		}
	}
	items = append(slices.Concat(items, products, bundles, bundles), id())
	for range 1 + d.below(5) {
		item := pricing.Item{ID: items[d.below(len(items))], Quantity: 1}
		if d.once(2) {
			item.Quantity += int64(d.below(4))
		}
		if b := s.shelf.Bundles[item.ID]; b.Choose > 0 {
			item.Choices = s.anyOf(b, d.below(len(b.Components)))
		}
		s.items = append(s.items, item)
	}
	return s
}

// anyOf chooses as many components of a bundle as have to be chosen, from one on.
func (s shop) anyOf(b pricing.Bundle, from int) []uuid.UUID {
	var choices []uuid.UUID
	for i := range b.Components {
		id := b.Components[(from+i)%len(b.Components)].Product
		if len(choices) < b.Choose && (!s.shelf.Products[id].Durable || !s.buyer.Owns[id]) {
			choices = append(choices, id)
		}
	}
	return choices
}

// with is the shop with another basket.
func (s shop) with(items ...pricing.Item) shop {
	s.items = items
	return s
}

// checker looks for what must not be.
type checker struct {
	testing.TB
	seed string
	shop shop
}

func (c checker) fail(format string, args ...any) {
	c.Helper()
	c.Errorf("%s: %s\nbasket %+v\nbuyer %+v\nshelf %+v", c.seed, fmt.Sprintf(format, args...), c.shop.items, c.shop.buyer, c.shop.shelf)
}

func check(t testing.TB, seed string, s shop) {
	t.Helper()
	c := checker{t, seed, s}
	r := c.price(s)
	c.addsUp(r)
	c.chargesOnce(r)
	c.takesWhatIsThere(r)
	c.isLowest(r)
	c.isTheSameInAnyOrder(r)
	for _, b := range s.bundles {
		c.bundleIsNeverDearer(b)
	}
}

func (c checker) price(s shop) pricing.Result {
	c.Helper()
	r, err := pricing.Price(s.shelf, s.buyer, s.items)
	if err != nil {
		c.fail("%v", err)
	}
	return r
}

// addsUp says that parts add up to lines, lines to the total, and every reduction is told.
func (c checker) addsUp(r pricing.Result) {
	c.Helper()
	whole := func(amounts ...money.Amount) {
		for _, a := range amounts {
			if a < 0 || !c.shop.shelf.Currency.IsWhole(a) {
				c.fail("%s is below zero or not in whole minor units: %+v", a, r)
			}
		}
	}
	var subtotal, total money.Amount
	for _, line := range r.Lines {
		var lineSubtotal, lineTotal money.Amount
		for _, part := range line.Parts {
			left := part.Subtotal
			for _, a := range part.Adjustments {
				if a.Amount <= 0 {
					c.fail("an adjustment of %s: %+v", a.Amount, part)
				}
				whole(a.Amount)
				left -= a.Amount
			}
			whole(part.Unit, part.Subtotal, part.Total)
			if left != part.Total || part.Unit*money.Amount(part.Quantity) != part.Subtotal || part.Quantity < 1 {
				c.fail("a part does not add up: %+v", part)
			}
			lineSubtotal, lineTotal = lineSubtotal+part.Subtotal, lineTotal+part.Total
		}
		if lineSubtotal != line.Subtotal || lineTotal != line.Total {
			c.fail("a line does not add up: %+v", line)
		}
		subtotal, total = subtotal+line.Subtotal, total+line.Total
	}
	if subtotal != r.Subtotal || total != r.Total || total > subtotal {
		c.fail("the lines do not add up to %s of %s", r.Total, r.Subtotal)
	}
}

// chargesOnce says that a durable good is charged once, what is owned is charged by no bundle, and a price has one reason:
// but for the credit of a trial, which comes last, and a coupon that combines.
func (c checker) chargesOnce(r pricing.Result) {
	c.Helper()
	seen := map[uuid.UUID]bool{}
	for _, line := range r.Lines {
		for _, part := range line.Parts {
			if c.shop.shelf.Products[part.Product].Durable && line.Kind != pricing.OfTrial {
				if seen[part.Product] || part.Quantity != 1 {
					c.fail("a durable good is charged twice: %+v", r.Lines)
				}
				seen[part.Product] = true
				if line.Kind == pricing.OfBundle && c.shop.buyer.Owns[part.Product] {
					c.fail("what is owned is charged: %+v", line)
				}
			}
			most := []pricing.AdjustmentKind{""}
			if k := c.shop.shelf.Coupon; k != nil && k.Combines {
				most = append(most, pricing.ByCoupon)
			}
			most = append(most, pricing.ByCredit)
			for i, a := range part.Adjustments {
				at := slices.Index(most[min(i, 1):], a.Kind)
				if i > 0 && at < 0 {
					c.fail("an offer on top of another: %+v", part)
				}
			}
		}
	}
	for i, n := range r.NotApplied {
		if slices.Contains(r.NotApplied[:i], n) {
			c.fail("told twice: %+v", n)
		}
	}
}

// takesWhatIsThere says that no more units are taken than are left, and as many as the parts say.
func (c checker) takesWhatIsThere(r pricing.Result) {
	c.Helper()
	type round struct {
		id    uuid.UUID
		round int64
	}
	told := map[round]int64{}
	for _, line := range r.Lines {
		for _, part := range line.Parts {
			for _, a := range part.Adjustments {
				switch a.Kind {
				case pricing.BySale:
					told[round{a.Source, a.Round}] += a.Units
				case pricing.ByCoupon:
					told[round{id: a.Source}] = 1
				case pricing.ByBundle, pricing.ByTier, pricing.ByCredit, pricing.ByPoints:
				}
				if a.Units < 0 || a.Units == 0 && a.Kind != pricing.BySale {
					c.fail("an adjustment of no units: %+v", part)
				}
			}
		}
	}
	for _, taken := range r.Taken {
		if told[round{taken.Source, taken.Round}] != taken.Units || taken.Units <= 0 {
			c.fail("%+v is taken, and the parts say %d", taken, told[round{taken.Source, taken.Round}])
		}
		delete(told, round{taken.Source, taken.Round})
		for _, sale := range c.shop.shelf.Sales {
			if sale.ID != taken.Source {
				continue
			}
			for _, limit := range []*int64{sale.Left, sale.Own} {
				if limit != nil && taken.Units > *limit {
					c.fail("%d are taken of %d", taken.Units, *limit)
				}
			}
		}
	}
	if len(told) > 0 {
		c.fail("the parts say what is not taken: %+v", told)
	}
}

// isLowest says that no part costs more than it does by itself, with what cannot run out. What a coupon of an amount takes
// off depends on all that is in the basket, so only the whole can be compared: it is never dearer with it.
func (c checker) isLowest(r pricing.Result) {
	c.Helper()
	if k := c.shop.shelf.Coupon; k != nil && k.BasisPoints == 0 {
		without := c.shop
		without.shelf.Coupon = nil
		if other := c.price(without); r.Total > other.Total {
			c.fail("the coupon makes it dearer: %s, not %s", r.Total, other.Total)
		}
		return
	}
	for _, line := range r.Lines {
		for _, part := range line.Parts {
			if line.Kind == pricing.OfTrial {
				continue
			}
			alone := c.shop
			alone.shelf.Sales = slices.DeleteFunc(slices.Clone(alone.shelf.Sales), func(s pricing.Sale) bool {
				return s.Left != nil || s.Own != nil
			})
			alone.buyer.Owns = nil
			single := c.price(alone.with(pricing.Item{ID: part.Product, Quantity: part.Quantity}))
			if part.Total > single.Total {
				c.fail("%s costs %s, and %s by itself", part.Product, part.Total, single.Total)
			}
		}
	}
}

// isTheSameInAnyOrder says that the order of the items changes nothing of what is charged for which product.
func (c checker) isTheSameInAnyOrder(r pricing.Result) {
	c.Helper()
	reversed := slices.Clone(c.shop.items)
	slices.Reverse(reversed)
	turned := append(slices.Clone(c.shop.items[1:]), c.shop.items[0])
	for _, items := range [][]pricing.Item{reversed, turned} {
		other := c.price(c.shop.with(items...))
		if other.Total != r.Total || !slices.Equal(charges(other), charges(r)) || !slices.Equal(other.Taken, r.Taken) ||
			len(other.Refusals) != len(r.Refusals) {
			c.fail("in another order %s, not %s:\n%+v\n%+v", other.Total, r.Total, other, r)
		}
	}
}

// charge is what is charged for some units of a product, and on which line.
type charge struct {
	line, product  uuid.UUID
	quantity       int64
	subtotal, paid money.Amount
}

func charges(r pricing.Result) []charge {
	var list []charge
	for _, line := range r.Lines {
		for _, part := range line.Parts {
			list = append(list, charge{line.ID, part.Product, part.Quantity, part.Subtotal, part.Total})
		}
	}
	slices.SortFunc(list, func(a, b charge) int {
		return cmp.Or(
			bytes.Compare(a.line[:], b.line[:]), bytes.Compare(a.product[:], b.product[:]),
			cmp.Compare(a.quantity, b.quantity), cmp.Compare(a.paid, b.paid),
		)
	})
	return list
}

// bundleIsNeverDearer says what a bundle costs at most: what is missing of it singly, its own price, and what it costs who
// owns less of it.
func (c checker) bundleIsNeverDearer(b pricing.Bundle) {
	c.Helper()
	item := pricing.Item{ID: b.ID, Quantity: 1}
	if b.Choose > 0 {
		item.Choices = c.shop.anyOf(b, 0)
	}
	s := c.shop.with(item)
	r := c.price(s)
	if len(r.Refusals) > 0 {
		return
	}
	var singly []pricing.Item
	for _, part := range r.Lines[0].Parts {
		singly = append(singly, pricing.Item{ID: part.Product, Quantity: part.Quantity})
	}
	if other := c.price(s.with(singly...)); r.Total > other.Total {
		c.fail("bundle %s costs %s, and %s singly\n%+v\n%+v", b.ID, r.Total, other.Total, r, other)
	}
	if b.BasisPoints == 0 && r.Total > b.Price {
		c.fail("bundle %s costs %s, and has a price of %s", b.ID, r.Total, b.Price)
	}
	if b.BasisPoints > 0 {
		c.percentageIsTakenOff(b, r)
	}
	if b.Choose == 0 && !s.limited() {
		c.owningMoreIsNeverDearer(b, s, r)
	}
}

// percentageIsTakenOff says that a bundle of a percentage costs at most the list prices less that, rounded half up.
func (c checker) percentageIsTakenOff(b pricing.Bundle, r pricing.Result) {
	c.Helper()
	step := c.shop.shelf.Currency.Step()
	steps := int64(r.Subtotal/step) * (10_000 - b.BasisPoints)
	if most := money.Amount((steps+5_000)/10_000) * step; r.Total > most {
		c.fail("bundle %s costs %s, and %s less %d basis points", b.ID, r.Total, r.Subtotal, b.BasisPoints)
	}
}

// limited says whether a sale of the shop can run out.
func (s shop) limited() bool {
	return slices.ContainsFunc(s.shelf.Sales, func(s pricing.Sale) bool { return s.Left != nil || s.Own != nil })
}

// owningMoreIsNeverDearer says that a bundle of which more is owned costs no more. Where other offers give some of its
// parts their price, it holds but for the rounding of shares: those of fewer parts are rounded in another way. Where units
// of sales run out it does not quite hold: they are given out in a fixed order, which is not the best for every basket.
func (c checker) owningMoreIsNeverDearer(b pricing.Bundle, s shop, r pricing.Result) {
	c.Helper()
	rounding := money.Amount(0)
	for _, part := range r.Lines[0].Parts {
		for _, a := range part.Adjustments {
			if a.Source != b.ID {
				rounding = s.shelf.Currency.Step() * money.Amount(len(r.Lines[0].Parts))
			}
		}
	}
	for _, part := range r.Lines[0].Parts {
		if !s.shelf.Products[part.Product].Durable {
			continue
		}
		more := s
		more.buyer.Owns = maps.Clone(s.buyer.Owns)
		more.buyer.Owns[part.Product] = true
		if other := c.price(more); other.Total > r.Total+rounding {
			c.fail("bundle %s costs %s, and %s who owns %s, too\n%+v\n%+v", b.ID, r.Total, other.Total, part.Product, r, other)
		}
	}
}
