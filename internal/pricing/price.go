package pricing

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/google/uuid"

	"farthing/internal/fault"
	"farthing/internal/money"
)

// Price says what a basket costs, and why. The error wraps money.ErrRange: the basket costs more than an amount can be.
func Price(shelf Shelf, buyer Buyer, items []Item) (Result, error) {
	p := &pricer{shelf: shelf, buyer: buyer, step: shelf.Currency.Step(), durables: map[uuid.UUID]*claim{}}
	if err := p.read(items); err != nil {
		return Result{}, err
	}
	if err := p.choose(); err != nil {
		return Result{}, err
	}
	return p.result()
}

// pricer is the state of one pricing.
type pricer struct {
	shelf Shelf
	buyer Buyer
	step  money.Amount

	lines    []*line
	sets     []*set
	claims   []*claim
	durables map[uuid.UUID]*claim
	refusals fault.List
	// taken is how many units of each sale of the shelf the claims take, couponUsed whether the coupon lowers any.
	taken      []int64
	couponUsed bool
}

// line is an item of the basket in the making.
type line struct {
	Line
	// fixed are the parts of a line that no offer lowers: a trial.
	fixed []Part
	want  Want
}

// claim is units of one product that are charged together.
type claim struct {
	product  Product
	quantity int64
	subtotal money.Amount
	home     *line
	// credit is what a trial has paid for it already.
	credit money.Amount
	// shares are the bundles that it is a part of.
	shares []share
	decision
}

// share is the place of a claim in a set.
type share struct {
	set   *set
	place int
}

// set is a bundle of the basket, or one within it, with what of it the shopper does not own.
type set struct {
	bundle Bundle
	// times is how many of the bundle.
	times int64
	// missing are its claims in order; full is the list price of all its components, owned ones too.
	missing []*claim
	full    money.Amount
	// part and parts say how much of a bundle to choose from is taken: 2 of 3 when one more cannot be chosen. Else 1 of 1.
	part, parts int64
	// shares are those of the bundle's own price. onSale are those under each sale that covers it, by place on the shelf.
	shares []money.Amount
	onSale map[int][]money.Amount
	// counted says which sales have counted their units for it, reserved for which units are set aside.
	counted, reserved map[int]bool
}

// use is units of a sale that a claim takes.
type use struct {
	sale  int
	units int64
	set   *set
}

// read makes lines, claims and sets of the basket, and finds what must be refused.
func (p *pricer) read(items []Item) error {
	wants := Merge(items)
	// What is named by itself stands on its own line, wherever in the basket it is.
	for _, w := range wants {
		if product, ok := p.shelf.Products[w.ID]; ok {
			if err := p.readProduct(w, product); err != nil {
				return err
			}
		}
	}
	byAge := slices.Clone(wants)
	slices.SortStableFunc(byAge, func(a, b Want) int {
		return cmp.Or(compare(a.ID, b.ID), slices.CompareFunc(a.Choices, b.Choices, compare))
	})
	for _, w := range byAge {
		if bundle, ok := p.shelf.Bundles[w.ID]; ok {
			if err := p.readBundle(w, bundle); err != nil {
				return err
			}
		}
	}
	for _, w := range byAge {
		if trial, ok := p.shelf.Trials[w.ID]; ok {
			p.readTrial(w, trial)
			continue
		}
		_, product := p.shelf.Products[w.ID]
		_, bundle := p.shelf.Bundles[w.ID]
		if !product && !bundle {
			p.refuse(fault.New(fault.NotFound, "There is no such product.").At(w.Path + ".id"))
		}
	}
	slices.SortStableFunc(p.lines, func(a, b *line) int { return cmp.Compare(a.want.item, b.want.item) })
	return nil
}

func (p *pricer) refuse(f *fault.Fault) { p.refusals.Add(f) }

func (p *pricer) open(w Want, kind Kind) *line {
	l := &line{Line: Line{Subject: Subject{kind, w.ID}, Path: w.Path, Quantity: w.Quantity}, want: w}
	p.lines = append(p.lines, l)
	return l
}

func (p *pricer) readProduct(w Want, product Product) error {
	at, subject := w.Path+".id", Subject{OfProduct, w.ID}
	switch {
	case !product.OnSale:
		p.refuse(fault.New(fault.NotAvailable, "This product is not on sale now.").At(at).With(subject))
	case !product.Priced:
		p.refuse(fault.New(fault.NotAvailable, "This product is not sold in %s.", p.shelf.Currency.Code).At(at).With(subject))
	}
	p.refuseChoices(w)
	if !product.Priced {
		return nil
	}
	if product.Durable {
		// The same good named twice is charged once; asking for two of it is a mistake.
		if w.Most > 1 {
			p.refuse(fault.Input(w.MostPath+".quantity", "A durable good is bought once: its quantity is 1, not %d.", w.Most))
		}
		w.Quantity = 1
		if p.buyer.Owns[w.ID] {
			p.refuse(fault.New(fault.AlreadyOwned, "This product is owned already.").At(at).With(subject))
		}
	}
	if w.Quantity > MaxQuantity {
		p.refuse(fault.Input(w.Path+".quantity", "A basket holds at most %d of one product, not %d.", MaxQuantity, w.Quantity))
		return nil
	}
	_, err := p.claim(p.open(w, OfProduct), product, w.Quantity)
	return err
}

// claim charges units of a product on a line. A durable good that is charged already stays where it is.
func (p *pricer) claim(home *line, product Product, quantity int64) (*claim, error) {
	if c := p.durables[product.ID]; c != nil {
		return c, nil
	}
	subtotal, err := product.List.Times(quantity)
	if err != nil {
		return nil, err
	}
	c := &claim{product: product, quantity: quantity, subtotal: subtotal, home: home}
	p.claims = append(p.claims, c)
	if product.Durable {
		p.durables[product.ID] = c
		if credit := p.buyer.Credits[product.ID]; credit.Refused == "" {
			c.credit = credit.Amount
		}
	}
	return c, nil
}

// net is what the credit of a trial leaves to pay of a price.
func (c *claim) net(price money.Amount) money.Amount { return max(price-c.credit, 0) }

func (p *pricer) refuseChoices(w Want) {
	if len(w.Choices) > 0 {
		p.refuse(fault.Input(w.Path+".choices", "There is nothing to choose here."))
	}
}

func (p *pricer) readTrial(w Want, trial Trial) {
	at, subject := w.Path+".id", Subject{OfTrial, w.ID}
	product := p.shelf.Products[trial.Product]
	again := slices.ContainsFunc(p.lines, func(l *line) bool {
		return l.Kind == OfTrial && p.shelf.Trials[l.ID].Product == trial.Product
	})
	switch {
	case !trial.OnSale || !product.OnSale:
		p.refuse(fault.New(fault.NotAvailable, "This trial is not offered now.").At(at).With(subject))
	case !trial.Priced:
		p.refuse(fault.New(fault.NotAvailable, "This trial is not offered in %s.", p.shelf.Currency.Code).At(at).With(subject))
	case p.buyer.Owns[trial.Product]:
		p.refuse(fault.New(fault.AlreadyOwned, "This product is owned already.").At(at).With(Subject{OfProduct, trial.Product}))
	case p.durables[trial.Product] != nil:
		p.refuse(fault.Input(at, "The basket buys the product itself, too: leave one of them out."))
	case p.buyer.Tried[trial.Product] || again:
		p.refuse(fault.New(fault.TrialUsed, "A product can be tried once.").At(at).With(subject))
	}
	p.refuseChoices(w)
	if w.Most > 1 {
		p.refuse(fault.Input(w.MostPath+".quantity", "A trial is taken once: its quantity is 1, not %d.", w.Most))
	}
	if trial.Priced {
		l := p.open(w, OfTrial)
		l.Quantity = 1
		l.fixed = []Part{{Product: trial.Product, Quantity: 1, Unit: trial.Price, Subtotal: trial.Price, Total: trial.Price}}
	}
}

func (p *pricer) readBundle(w Want, bundle Bundle) error {
	at, subject := w.Path+".id", Subject{OfBundle, w.ID}
	if !p.known(bundle) {
		p.refuse(fault.New(fault.NotAvailable, "Something in this bundle is not there any more.").At(at).With(subject))
		return nil
	}
	contents := p.contents(bundle, 1)
	switch {
	case !bundle.OnSale:
		p.refuse(fault.New(fault.NotAvailable, "This bundle is not on sale now.").At(at).With(subject))
	case !bundle.Priced:
		p.refuse(fault.New(fault.NotAvailable, "This bundle is not sold in %s.", p.shelf.Currency.Code).At(at).With(subject))
	}
	available := bundle.OnSale && bundle.Priced
	chosen := contents
	if bundle.Choose > 0 {
		chosen = p.chosen(w, bundle, contents)
	} else {
		p.refuseChoices(w)
	}
	durable, missing, priced := false, false, true
	for _, c := range contents {
		product := p.shelf.Products[c.Product]
		taken := slices.ContainsFunc(chosen, func(k Component) bool { return k.Product == c.Product })
		left := product.Durable && p.buyer.Owns[c.Product]
		durable = durable || product.Durable && taken
		missing = missing || !left
		priced = priced && product.Priced
		if available && (!product.Priced || !product.OnSale && !left && taken) {
			available = false // told once, of the first
			p.refuse(fault.New(fault.NotAvailable, "Something in this bundle cannot be bought now or in %s.", p.shelf.Currency.Code).
				At(at).With(Subject{OfProduct, c.Product}))
		}
	}
	if durable && w.Most > 1 {
		p.refuse(fault.Input(w.MostPath+".quantity", "A bundle with durable goods is bought once: its quantity is 1, not %d.", w.Most))
	}
	if durable {
		w.Quantity = 1
	}
	switch {
	case !missing && available:
		p.refuse(fault.New(fault.AlreadyOwned, "Everything in this bundle is owned already.").At(at).With(subject))
	case w.Quantity > MaxQuantity:
		p.refuse(fault.Input(w.Path+".quantity", "A basket holds at most %d of one bundle, not %d.", MaxQuantity, w.Quantity))
		return nil
	}
	if !priced || !bundle.Priced {
		return nil
	}
	return p.fill(p.open(w, OfBundle), bundle, chosen, contents)
}

// known says whether the shelf has all bundles within a bundle.
func (p *pricer) known(bundle Bundle) bool {
	return !slices.ContainsFunc(bundle.Components, func(c Component) bool {
		inner, ok := p.shelf.Bundles[c.Inner]
		return c.Inner != uuid.Nil && (!ok || !p.known(inner))
	})
}

// tooMany stands for all quantities that a basket does not hold. Bundles in bundles can multiply to more than an integer.
const tooMany = MaxQuantity + 1

// contents are the products of a bundle, those of bundles within it too, each once with all its units.
func (p *pricer) contents(bundle Bundle, times int64) []Component {
	var list []Component
	add := func(c Component) {
		c.Quantity = min(c.Quantity, tooMany)
		if at := slices.IndexFunc(list, func(k Component) bool { return k.Product == c.Product }); at >= 0 {
			list[at].Quantity = min(list[at].Quantity+c.Quantity, tooMany)
			return
		}
		list = append(list, c)
	}
	for _, c := range bundle.Components {
		if c.Inner == uuid.Nil {
			add(Component{Product: c.Product, Quantity: c.Quantity * times})
			continue
		}
		for _, inner := range p.contents(p.shelf.Bundles[c.Inner], min(c.Quantity*times, tooMany)) {
			add(inner)
		}
	}
	for i, c := range list {
		if p.shelf.Products[c.Product].Durable {
			list[i].Quantity = 1
		}
	}
	return list
}

// chosen are the components that were chosen of a bundle to choose from, in the bundle's order.
func (p *pricer) chosen(w Want, bundle Bundle, contents []Component) []Component {
	open := 0
	for _, c := range contents {
		if !p.shelf.Products[c.Product].Durable || !p.buyer.Owns[c.Product] {
			open++
		}
	}
	if open == 0 {
		return nil // everything is owned, and nothing is wrong with the choices
	}
	seen := map[uuid.UUID]bool{}
	for i, id := range w.Choices {
		at := w.Path + ".choices"
		inIt := slices.ContainsFunc(contents, func(c Component) bool { return c.Product == id })
		switch {
		case !inIt:
			p.refuse(fault.Input(at, "One of the choices is not in this bundle."))
		case i > 0 && w.Choices[i-1] == id:
			p.refuse(fault.Input(at, "Choose each thing once."))
		case p.shelf.Products[id].Durable && p.buyer.Owns[id]:
			p.refuse(fault.New(fault.AlreadyOwned, "One of the choices is owned already; choose another.").
				At(at).With(Subject{OfProduct, id}))
		default:
			seen[id] = true
		}
	}
	if most := min(bundle.Choose, open); len(w.Choices) != most {
		p.refuse(fault.Input(w.Path+".choices", "Choose %d of the bundle's components, not %d.", most, len(w.Choices)))
	}
	var list []Component
	for _, c := range contents {
		if seen[c.Product] && len(list) < bundle.Choose {
			list = append(list, c)
		}
	}
	return list
}

// fill makes the claims of a bundle's line, and the sets in whose prices they share: the bundle and those within it.
func (p *pricer) fill(home *line, bundle Bundle, chosen, contents []Component) error {
	quantity, refused := home.Quantity, len(p.refusals)
	for _, c := range chosen {
		product := p.shelf.Products[c.Product]
		if product.Durable && p.buyer.Owns[c.Product] {
			home.LeftOut = append(home.LeftOut, LeftOut{c.Product, Owned})
			continue
		}
		units := c.Quantity
		if !product.Durable {
			units *= quantity
		}
		if units > MaxQuantity {
			p.refuse(fault.Input(home.Path+".quantity", "A basket holds at most %d of one product, not %d.", MaxQuantity, units))
			units = MaxQuantity
		}
		made, err := p.claim(home, product, units)
		if err != nil {
			return err
		}
		if made.home != home {
			home.LeftOut = append(home.LeftOut, LeftOut{c.Product, InBasket})
		}
	}
	if len(p.refusals) > refused {
		return nil
	}
	if bundle.Choose > 0 {
		if len(chosen) == 0 {
			return nil
		}
		return p.addSet(home, bundle, quantity, chosen, int64(len(chosen)), int64(bundle.Choose))
	}
	return p.addSets(home, bundle, quantity, contents)
}

// addSets adds the set of a bundle and those of the bundles within it.
func (p *pricer) addSets(home *line, bundle Bundle, times int64, contents []Component) error {
	if err := p.addSet(home, bundle, times, contents, 1, 1); err != nil {
		return err
	}
	for _, c := range bundle.Components {
		inner := p.shelf.Bundles[c.Inner]
		if c.Inner == uuid.Nil || !inner.OnSale || !inner.Priced {
			continue
		}
		if err := p.addSets(home, inner, min(times*c.Quantity, tooMany), p.contents(inner, 1)); err != nil {
			return err
		}
	}
	return nil
}

// addSet adds one set. Its claims are those of its line, and durable goods wherever they are charged.
//
// A consumable is shared by the whole line, with the units of all the bundles that contain it: only a set that holds all
// of them can say what they cost.
func (p *pricer) addSet(home *line, bundle Bundle, times int64, contents []Component, part, parts int64) error {
	s := &set{bundle: bundle, times: times, part: part, parts: parts, onSale: map[int][]money.Amount{}}
	var full []money.Amount
	for _, c := range contents {
		product := p.shelf.Products[c.Product]
		units := int64(1)
		if !product.Durable {
			units = c.Quantity * times
		}
		list, err := product.List.Times(units)
		if err != nil {
			return err
		}
		full = append(full, list)
		if product.Durable && p.buyer.Owns[c.Product] {
			continue
		}
		claimed := p.durables[c.Product]
		if claimed == nil {
			at := slices.IndexFunc(p.claims, func(k *claim) bool { return k.home == home && k.product.ID == c.Product })
			claimed = p.claims[at]
			if claimed.quantity != units {
				return nil // bought in several bundles at once: the outer one, which has all of it, gives its price
			}
		}
		s.missing = append(s.missing, claimed)
	}
	var err error
	if s.full, err = money.Sum(full...); err != nil || len(s.missing) == 0 {
		return err
	}
	if s.shares, err = p.share(s, bundle.BasisPoints, bundle.Price, false); err != nil {
		return err
	}
	for i, sale := range p.shelf.Sales {
		if !sale.Bundles[bundle.ID] || !sale.Priced {
			continue
		}
		if s.onSale[i], err = p.share(s, sale.BasisPoints, sale.Price, sale.BasisPoints > 0); err != nil {
			return err
		}
	}
	for place, c := range s.missing {
		c.shares = append(c.shares, share{s, place})
	}
	p.sets = append(p.sets, s)
	return nil
}

// share gives each missing claim of a set its share in what they cost together: a percentage off their list prices, or
// as much of a price for all as their list prices are of all list prices, and never more than they cost singly. A
// percentage sale takes its part off what the bundle costs without it.
func (p *pricer) share(s *set, basisPoints int64, price money.Amount, offBundle bool) ([]money.Amount, error) {
	weights := make([]money.Amount, len(s.missing))
	for i, c := range s.missing {
		weights[i] = c.subtotal
	}
	missing, err := money.Sum(weights...)
	if err != nil {
		return nil, err
	}
	base := missing
	if offBundle {
		if base, err = money.Sum(s.shares...); err != nil {
			return nil, err
		}
	}
	var total money.Amount
	if basisPoints > 0 {
		total = p.fraction(base, whole-basisPoints, whole)
	} else {
		if price, err = price.Times(s.times); err != nil {
			price = money.Max // more than the list prices, and so none of it counts
		}
		switch {
		case s.parts > 1:
			total = p.fraction(price, s.part, s.parts)
		case s.full > 0:
			total = p.fraction(price, int64(missing), int64(s.full))
		}
	}
	return money.Allocate(min(total, missing), weights, p.step)
}

// fraction is part/all of an amount in whole minor units, half up. The part is not more than all.
func (p *pricer) fraction(amount money.Amount, part, all int64) money.Amount {
	return fraction(amount, part, all, p.step)
}

// Reduced is what a percentage, in basis points, leaves of a price: whole minor units of the currency, half up.
func Reduced(price money.Amount, basisPoints int64, currency money.Currency) money.Amount {
	return fraction(price, whole-basisPoints, whole, currency.Step())
}

func fraction(amount money.Amount, part, all int64, step money.Amount) money.Amount {
	size := func(n int64) uint64 { return uint64(n) } //nolint:gosec // None of them is negative.
	high, low := bits.Mul64(size(int64(amount/step)), size(part))
	quotient, rest := bits.Div64(high, low, size(all))
	if rest >= size(all)-rest {
		quotient++
	}
	return money.Amount(quotient) * step //nolint:gosec // It is not more than the amount.
}

// result puts together what was chosen.
func (p *pricer) result() (Result, error) {
	slices.SortStableFunc(p.refusals, func(a, b *fault.Fault) int { return cmp.Compare(itemOf(a), itemOf(b)) })
	r := Result{Refusals: p.refusals}
	var err error
	for _, l := range p.lines {
		l.Parts = l.fixed
		for _, c := range p.claims {
			if c.home == l {
				l.Parts = append(l.Parts, Part{
					Product: c.product.ID, Quantity: c.quantity, Unit: c.product.List,
					Subtotal: c.subtotal, Total: c.paid, Adjustments: c.reasons,
				})
			}
		}
		for _, part := range l.Parts {
			if l.Subtotal, err = l.Subtotal.Plus(part.Subtotal); err != nil {
				return Result{}, err
			}
			l.Total += part.Total
		}
		if r.Subtotal, err = r.Subtotal.Plus(l.Subtotal); err != nil {
			return Result{}, err
		}
		r.Total += l.Total
		r.Lines = append(r.Lines, l.Line)
	}
	for i, units := range p.taken {
		if units > 0 {
			r.Taken = append(r.Taken, Taken{p.shelf.Sales[i].ID, p.shelf.Sales[i].Round, units})
		}
	}
	if p.couponUsed {
		r.Taken = append(r.Taken, Taken{Source: p.shelf.Coupon.ID, Units: 1})
	}
	r.NotApplied = p.notApplied()
	return r, nil
}
