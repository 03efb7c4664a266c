package checkout

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
	"farthing/internal/actor"
	"farthing/internal/earning"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/wallet"
)

// step does the next thing.
func (w *world) step() {
	switch n := w.below(100); {
	case n < 66:
		w.batch()
	case n < 78:
		w.drawMove()
	case n < 82:
		w.perk(w.poor())
	case n < 92:
		w.change()
	default:
		w.tick()
	}
}

// poor is a shopper who is not near the most that an account can hold.
func (w *world) poor() uuid.UUID {
	for {
		if s := pick(w, w.shoppers); !w.model.shoppers[s].rich {
			return s
		}
	}
}

// stock sets up what is for sale.
func (w *world) stock() {
	w.shop = &catalogue{
		products: map[uuid.UUID]*ent.Product{}, bundles: map[uuid.UUID]*ent.Bundle{}, trials: map[uuid.UUID]*ent.TrialOffer{},
		tiers: map[uuid.UUID]*ent.TierPlan{}, coupons: map[uuid.UUID]*ent.Coupon{}, perPoint: map[money.Code]money.Amount{},
	}
	both := func() schema.Prices { return schema.Prices{"USD": w.price("USD"), "KRW": w.price("KRW")} }
	w.goodAt(product.KindDURABLE, 1, both(), "tools")
	w.goodAt(product.KindDURABLE, 1, both(), "bonus")
	w.goodAt(product.KindDURABLE, 1, schema.Prices{"USD": w.price("USD"), "KRW": w.price("KRW"), money.PointsCode: w.price(money.PointsCode)})
	w.goodAt(product.KindDURABLE, 1, schema.Prices{"USD": 0, "KRW": w.price("KRW")}, "tools")
	w.goodAt(product.KindDURABLE, 1, w.prices(), "tools", "bonus")
	w.goodAt(product.KindDURABLE, 1, both(), "bonus")
	w.goodAt(product.KindDURABLE, 1, both())
	w.goodAt(product.KindDURABLE, 1, w.prices(), "tools")
	w.goodAt(product.KindCONSUMABLE, 10, both(), "bonus")
	w.goodAt(product.KindCONSUMABLE, 1, both(), "tools")
	w.goodAt(product.KindCONSUMABLE, 3, schema.Prices{"USD": w.price("USD"), money.PointsCode: w.price(money.PointsCode)})
	p := w.shop.productIDs
	for i, mode := range []tierplan.Mode{tierplan.ModeVOLUME, tierplan.ModeGRADUATED} {
		w.shop.tiers[p[8+i]] = &ent.TierPlan{
			ID: w.newID(), Status: tierplan.StatusACTIVE, StartsAt: noon.Add(-time.Hour), ProductID: p[8+i], Mode: mode, Language: "en", Texts: text("by number"),
			Tiers: []schema.Tier{{From: 1, Prices: both()}, {From: 2, Prices: both()}, {From: 4, Prices: both()}},
		}
	}
	one := func(i int) *ent.BundleComponent { return &ent.BundleComponent{ProductID: new(p[i]), Quantity: 1} }
	some := func(i int) *ent.BundleComponent {
		return &ent.BundleComponent{ProductID: new(p[i]), Quantity: int64(1 + w.below(2))}
	}
	w.addBundle(bundle.KindPERCENTAGE, 0, one(0), one(1), some(8))
	w.addBundle(bundle.KindFIXED, 0, one(1), one(2))
	w.addBundle(bundle.KindCHOOSE, 2, one(0), one(2), one(3), some(9))
	w.addBundle(bundle.KindFIXED, 0, one(4), &ent.BundleComponent{InnerID: new(w.shop.bundleIDs[0]), Quantity: 1}, some(8))
	w.addBundle(bundle.KindPERCENTAGE, 0, some(8), some(9))
	w.addBundle(bundle.KindFIXED, 0, one(5), one(6), one(0))
	for _, i := range []int{0, 2, 4, 2, 6} {
		offer := &ent.TrialOffer{
			ID: w.newID(), Status: trialoffer.StatusACTIVE, Language: "en", Texts: text("trial"), ProductID: p[i], Prices: w.prices(),
			DurationHours: 1 + w.below(150), GraceHours: w.below(300),
		}
		if w.once(3) {
			offer.Prices = schema.Prices{"USD": 0, "KRW": 0}
		}
		if w.once(3) {
			offer.Uses = new(int64(1 + w.below(5)))
		}
		w.shop.trials[offer.ID] = offer
		w.shop.trialIDs = append(w.shop.trialIDs, offer.ID)
	}
	for range 6 {
		w.addSale()
	}
	for range 4 {
		w.addCoupon()
	}
	w.setRules()
}

// setRules sets up the rules of rewards, which model.earn knows in its own way.
func (w *world) setRules() {
	w.shop.perPoint["USD"], w.shop.perPoint["KRW"] = money.Unit/10, 100*money.Unit
	purchases := func(target int) []schema.RewardGoal {
		return []schema.RewardGoal{{RewardCounter: schema.RewardCounter{Measure: string(earning.Purchases)}, Target: int64(target)}}
	}
	w.reward(w.newID(), earning.Points, "rate", 1, schema.RewardTerms{Points: &schema.PointsTerms{
		Rates: schema.Prices{"USD": 10 * money.Unit, "KRW": money.Unit / 100}, ExpireDays: new(rateDays),
	}})
	w.reward(w.newID(), earning.Points, "first", 1, schema.RewardTerms{Points: &schema.PointsTerms{Points: firstBonus, FirstPurchase: true}})
	w.reward(w.newID(), earning.Points, "bonus", 1, schema.RewardTerms{Points: &schema.PointsTerms{
		Points: taggedBonus, Scope: schema.RewardScope{Tags: []string{"bonus"}}, PerShopper: new(taggedMost),
	}})
	w.reward(w.newID(), earning.Quest, "quest", 1, schema.RewardTerms{Quest: &schema.QuestTerms{Goals: purchases(questTarget), Points: questBonus}})
	for _, code := range []string{"badge-1", "badge-8"} {
		w.reward(w.newID(), earning.Badge, code, 1, schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: purchases(badgeTargets[code])}})
	}
	w.reward(w.newID(), earning.Streak, "days", 1, schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Day, Grace: 1}})
	w.reward(w.newID(), earning.Perk, "perk", 1, schema.RewardTerms{Perk: &schema.PerkTerms{Cost: perkCost}})
	w.reward(w.newID(), earning.Discount, "discount", 1, schema.RewardTerms{Discount: &schema.DiscountTerms{
		Worth: schema.Prices{"USD": pointWorth["USD"], "KRW": pointWorth["KRW"]}, MostPercent: 5_000, Least: leastPoints,
	}})
}

func (w *world) addBundle(kind bundle.Kind, choose int, components ...*ent.BundleComponent) {
	b := &ent.Bundle{ID: w.newID(), Status: bundle.StatusACTIVE, Kind: kind, Language: "en", Texts: text("bundle"), Choose: choose}
	if kind == bundle.KindPERCENTAGE || kind == bundle.KindCHOOSE && w.once(2) {
		b.BasisPoints = w.basisPoints()
	} else {
		b.Prices = w.bundlePrices()
	}
	b.Edges.Components = components
	w.shop.bundles[b.ID] = b
	w.shop.bundleIDs = append(w.shop.bundleIDs, b.ID)
}

// bundlePrices are about those of two products.
func (w *world) bundlePrices() schema.Prices {
	return schema.Prices{"USD": w.price("USD") + w.price("USD"), "KRW": w.price("KRW") + w.price("KRW")}
}

func (w *world) basisPoints() int { return pick(w, []int{333, 1_000, 2_500, 5_000, 9_999, 10_000}) }

// limit is a small number, or none.
func (w *world) limit(most int) *int64 {
	if w.once(3) {
		return nil
	}
	return new(int64(1 + w.below(most)))
}

// scope is some products, by id or tag, and for a sale some bundles.
func (w *world) scope() schema.Scope {
	var scope schema.Scope
	switch w.below(4) {
	case 0:
		scope.Tags = []string{pick(w, []string{"tools", "bonus"})}
	case 1:
		scope.Bundles = []uuid.UUID{pick(w, w.shop.bundleIDs)}
	case 2:
		scope.Bundles = []uuid.UUID{pick(w, w.shop.bundleIDs)}
		scope.Products = []uuid.UUID{pick(w, w.shop.productIDs)}
	default:
		scope.Products = []uuid.UUID{pick(w, w.shop.productIDs), pick(w, w.shop.productIDs)}
	}
	return scope
}

func (w *world) addSale() {
	s := &ent.FlashSale{
		ID: w.newID(), Status: flashsale.StatusACTIVE, Language: "en", Texts: text("sale"), Kind: flashsale.KindPERCENTAGE, BasisPoints: w.basisPoints(),
		Scope: w.scope(), StartsAt: w.now.Add(time.Duration(w.below(48)-40) * time.Hour), Stock: w.limit(8), PerShopper: w.limit(4),
	}
	if w.once(3) {
		s.Kind, s.BasisPoints, s.Prices = flashsale.KindFIXED, 0, w.prices()
	}
	if !w.once(3) {
		s.EndsAt = new(s.StartsAt.Add(time.Duration(1+w.below(400)) * time.Hour))
	}
	if w.once(4) {
		s.Recurrence = &schema.Recurrence{
			TimeZone: "UTC", From: "10:00", Until: "14:00", Weekdays: []time.Weekday{time.Monday, time.Thursday, time.Friday, time.Saturday},
		}
	} else {
		w.stocks[offers.Round{Offer: s.ID}] = &ent.OfferStock{ID: w.newID(), OfferID: s.ID, Most: s.Stock}
	}
	w.shop.sales = append(w.shop.sales, s)
}

func (w *world) addCoupon() {
	k := &ent.Coupon{
		ID: w.newID(), Status: coupon.StatusACTIVE, Language: "en", Texts: text("coupon"), StartsAt: w.now.Add(-time.Hour), Kind: coupon.KindPERCENTAGE,
		BasisPoints: w.basisPoints(), Combines: w.once(2), Stock: w.limit(12), PerShopper: w.limit(5),
	}
	if w.once(2) {
		k.Kind, k.BasisPoints, k.Amounts = coupon.KindAMOUNT, 0, schema.Prices{"USD": w.price("USD"), "KRW": w.price("KRW")}
	}
	if w.once(2) {
		k.Scope = w.scope()
	}
	w.stocks[offers.Round{Offer: k.ID}] = &ent.OfferStock{ID: w.newID(), OfferID: k.ID, Most: k.Stock}
	w.shop.coupons[k.ID] = k
	w.shop.couponIDs = append(w.shop.couponIDs, k.ID)
}

// revise makes what is for sale now the current revision, as whoever changes it does.
func (w *world) revise() {
	w.revision++
	var bundles []*ent.Bundle
	for _, id := range w.shop.bundleIDs {
		if b := w.shop.onBoard(id); b != nil {
			bundles = append(bundles, b)
		}
	}
	var trials []*ent.TrialOffer
	for _, id := range w.shop.trialIDs {
		if t := w.shop.trials[id]; t.Status != trialoffer.StatusARCHIVED {
			trials = append(trials, t)
		}
	}
	var sales []*ent.FlashSale
	for _, s := range w.shop.sales {
		if s.Status != flashsale.StatusARCHIVED && s.EndedAt == nil {
			sales = append(sales, s)
		}
	}
	var tiers []*ent.TierPlan
	for _, id := range w.shop.productIDs {
		if t := w.shop.tiers[id]; t != nil && t.Status == tierplan.StatusACTIVE {
			tiers = append(tiers, t)
		}
	}
	w.board = offers.NewBoard(w.revision, bundles, trials, sales, tiers)
	if w.rules == nil || w.shop.rules[len(w.shop.rules)-1].Revision == w.revision {
		w.rules = earning.NewRulebook(w.shop.rules)
	}
}

// change changes what is for sale. Rows are replaced, never changed: boards and purchases hold what they were made of.
func (w *world) change() {
	w.steps++
	what := ""
	switch n := w.below(22); {
	case n < 4:
		what = w.changeProduct()
	case n < 12:
		what = w.changeSale()
	case n < 15:
		what = w.changeBundle()
	case n < 18:
		what = w.changeCoupon()
	case n < 20:
		what = w.changeTrial()
	case n < 21:
		what = w.changeTiers()
	default:
		what = "the rate of points"
		was := w.shop.rules[0]
		times := pick(w, []money.Amount{1, 2, 4})
		w.shop.perPoint["USD"], w.shop.perPoint["KRW"] = money.Unit/10/times, 100*money.Unit/times
		w.reward(was.ID, earning.Points, "rate", 1+len(w.shop.rules), schema.RewardTerms{Points: &schema.PointsTerms{
			Rates: schema.Prices{"USD": 10 * times * money.Unit, "KRW": money.Unit / 100 * times}, ExpireDays: new(rateDays),
		}})
	}
	w.revise()
	w.compareHistory()
	w.happened("change", func() string { return "change of " + what })
}

func (w *world) changeProduct() string {
	i := w.below(len(w.shop.productIDs))
	p := *w.shop.products[w.shop.productIDs[i]]
	switch {
	case w.once(20):
		p.Status = product.StatusARCHIVED
	case w.once(3):
		p.Texts = text(fmt.Sprint("renamed ", w.revision))
	default:
		prices := schema.Prices{}
		for _, price := range p.Edges.Prices {
			prices[price.Currency] = w.price(price.Currency)
		}
		w.reprice(&p, prices)
	}
	w.shop.products[p.ID] = &p
	return fmt.Sprintf("product %s: %s %v", p.ID, p.Status, p.Edges.Prices)
}

func (w *world) changeSale() string {
	if w.once(3) && len(w.shop.sales) < 20 {
		w.addSale()
		return fmt.Sprint("sales: one more ", w.shop.sales[len(w.shop.sales)-1])
	}
	i := w.below(len(w.shop.sales))
	s := *w.shop.sales[i]
	switch w.below(8) {
	case 0:
		if s.Recurrence == nil {
			s.StartsAt, s.EndsAt = w.now, new(w.now.Add(time.Duration(1+w.below(200))*time.Hour))
		}
	case 1:
		s.EndedAt = new(w.now)
	case 2:
		s.Status = flashsale.StatusARCHIVED
	case 3:
		if s.BasisPoints > 0 {
			s.BasisPoints = w.basisPoints()
		}
	case 4:
		s.PerShopper = w.limit(4)
	default:
		if s.Recurrence == nil {
			s.Stock = w.limit(8)
			w.limitCount(s.ID, s.Stock)
		}
	}
	w.shop.sales[i] = &s
	return fmt.Sprint("sale ", &s)
}

// limitCount changes how many units there are of an offer's only window: what has been sold of a lower stock ends it.
func (w *world) limitCount(offer uuid.UUID, stock *int64) {
	at := window{offer, 0}
	if stock != nil && *stock < w.model.sold[at] {
		w.model.closed[at] = true
	}
	row := w.stocks[offers.Round{Offer: offer}]
	switch {
	case row.Closed:
	case stock == nil:
		row.Most = nil
	case *stock < row.Taken:
		row.Most, row.Closed = new(row.Taken), true
	default:
		row.Most = stock
	}
}

func (w *world) changeBundle() string {
	b := *w.shop.bundles[pick(w, w.shop.bundleIDs)]
	switch {
	case w.once(15):
		b.Status = bundle.StatusARCHIVED
	case b.BasisPoints > 0:
		b.BasisPoints = w.basisPoints()
	default:
		b.Prices = w.bundlePrices()
	}
	w.shop.bundles[b.ID] = &b
	return fmt.Sprintf("bundle %s: %s %d %v", b.ID, b.Status, b.BasisPoints, b.Prices)
}

func (w *world) changeCoupon() string {
	k := *w.shop.coupons[pick(w, w.shop.couponIDs)]
	switch w.below(6) {
	case 0:
		k.StartsAt = w.now.Add(time.Duration(w.below(3)-1) * time.Hour)
	case 1:
		k.EndsAt = new(w.now.Add(time.Duration(1+w.below(100)) * time.Hour))
	case 2:
		k.PerShopper = w.limit(6)
	case 3:
		if k.BasisPoints > 0 {
			k.BasisPoints = w.basisPoints()
		}
	default:
		k.Stock = w.limit(20)
		w.limitCount(k.ID, k.Stock)
	}
	w.shop.coupons[k.ID] = &k
	return fmt.Sprint("coupon ", &k)
}

func (w *world) changeTrial() string {
	t := *w.shop.trials[pick(w, w.shop.trialIDs)]
	if w.once(8) {
		t.Status = trialoffer.StatusARCHIVED
	} else {
		t.Prices, t.GraceHours = w.prices(), w.below(300)
	}
	w.shop.trials[t.ID] = &t
	return fmt.Sprintf("trial %s: %s %v", t.ID, t.Status, t.Prices)
}

func (w *world) changeTiers() string {
	t := *w.shop.tiers[w.shop.productIDs[8+w.below(2)]]
	t.EndsAt = nil
	if w.once(2) {
		t.EndsAt = new(w.now.Add(time.Duration(w.below(100)) * time.Hour))
	}
	w.shop.tiers[t.ProductID] = &t
	return fmt.Sprintf("tiers of %s until %v", t.ProductID, t.EndsAt)
}

// tick sets the clock: on by a while, to the very instant at which something begins or ends, or back as when a machine learns
// the right time.
func (w *world) tick() {
	w.steps++
	what := "clock"
	edges := w.edges()
	switch n := w.below(12); {
	case n == 0:
		w.now = w.now.Add(-time.Duration(1+w.below(5_000)) * time.Second)
		what = "clock set back"
	case n < 4 && len(edges) > 0:
		next := edges[w.below(min(3, len(edges)))]
		if i := slices.IndexFunc(edges, func(e edge) bool { return e.thing != uuid.Nil && e.shopper != uuid.Nil }); i >= 0 && w.once(3) {
			next = edges[i] // the end of a credit, which only one shopper could see
		}
		w.now = next.at.Add(time.Duration(w.below(2)-1) * time.Microsecond)
		w.wanted, w.eager = next.thing, next.shopper // in the next batch
	case n < 9:
		w.now = w.now.Add(time.Duration(1+w.below(30*3_600)) * time.Second)
	case n < 10:
		w.now = w.now.Add(time.Duration(w.below(20*24)) * time.Hour)
	default:
		w.now = w.now.Add(time.Duration(1+w.below(1_000)) * time.Microsecond)
	}
	w.model.now = w.now
	now := w.now
	w.happened(what, func() string { return fmt.Sprint("it is ", now) })
	w.compare()
}

// edge is an instant at which something begins or ends, what to buy then, and who should; the zero id for anybody.
type edge struct {
	at             time.Time
	thing, shopper uuid.UUID
}

// edges are those to come, the next first.
func (w *world) edges() []edge {
	var list []edge
	for _, s := range w.shop.sales {
		for _, thing := range slices.Concat(s.Scope.Products, s.Scope.Bundles) {
			list = append(list, edge{at: s.StartsAt, thing: thing})
			if s.EndsAt != nil {
				list = append(list, edge{at: *s.EndsAt, thing: thing})
			}
		}
	}
	for _, id := range w.shop.productIDs {
		if t := w.shop.tiers[id]; t != nil && t.EndsAt != nil {
			list = append(list, edge{at: *t.EndsAt, thing: id})
		}
	}
	for _, id := range w.shop.couponIDs {
		if k := w.shop.coupons[id]; k.EndsAt != nil {
			list = append(list, edge{at: *k.EndsAt})
		}
	}
	for _, shopper := range w.shoppers {
		s := w.model.shoppers[shopper]
		for _, product := range w.shop.productIDs {
			if t := s.trials[product]; t != nil {
				list = append(list, edge{t.creditUntil, product, shopper})
			}
		}
		for _, l := range s.lots {
			if l.expires != nil && l.left() > 0 {
				list = append(list, edge{at: *l.expires, shopper: shopper})
			}
		}
	}
	list = slices.DeleteFunc(list, func(e edge) bool { return !e.at.After(w.now) })
	slices.SortStableFunc(list, func(a, b edge) int { return a.at.Compare(b.at) })
	return list
}

// drawMove tops up, adjusts, or repeats one of these.
func (w *world) drawMove() {
	s := pick(w, w.shoppers)
	mv := move{key: w.key(s, "topUp"), currency: pick(w, []money.Code{"USD", "KRW"}), origin: wallet.Paid, house: account.KindFUNDING}
	mv.amount = w.price(mv.currency) * money.Amount(1+w.below(12))
	if w.once(3) {
		mv.key, mv.house = w.key(s, "adjust"), account.KindADJUSTMENT
		mv.origin = pick(w, []wallet.Origin{wallet.Promotional, wallet.Gift, wallet.Refund, wallet.Paid})
		if w.once(3) {
			mv.amount = -mv.amount
		}
	}
	if len(w.moves) > 0 && w.once(5) {
		again := pick(w, w.moves)
		if w.once(3) {
			again.amount += stepOf(again.currency)
		}
		mv = again
	}
	w.moves = append(w.moves, mv)
	w.move(mv)
}

// batch is a batch of the till: requests that were waiting together.
func (w *world) batch() {
	var batch, fresh []*request
	if w.wanted == uuid.Nil && w.once(3) {
		w.wanted = w.popular()
		if w.once(2) {
			w.eager = pick(w, w.shoppers)
		}
	}
	defer func() { w.wanted, w.eager = uuid.Nil, uuid.Nil }()
	size := 1 + w.below(1+w.below(8))
	if w.wanted != uuid.Nil {
		size = 3 + w.below(6)
	}
	for range size {
		switch n := w.below(20); {
		case n < 2 && len(w.sent) > 0:
			batch = append(batch, w.repeat(pick(w, w.sent)))
		case n < 4 && len(w.later) > 0:
			batch = append(batch, w.later[0])
			w.later = w.later[1:]
		case n < 6 && len(w.bought) > 0:
			batch = append(batch, w.drawRefund())
		default:
			r := w.drawCheckout()
			batch, fresh = append(batch, r), append(fresh, r)
		}
	}
	st := w.load(batch)
	for _, r := range fresh {
		w.show(st, r)
	}
	kept := batch[:0]
	for _, r := range batch {
		if w.once(12) && slices.Contains(fresh, r) {
			w.later = append(w.later, r)
			continue
		}
		kept = append(kept, r)
		w.sent = append(w.sent, r)
		if w.once(12) { // sent twice at once
			kept = append(kept, w.repeat(r))
		}
	}
	w.sent = w.sent[max(0, len(w.sent)-60):]
	if batch = kept; len(batch) == 0 {
		return
	}
	if w.once(8) {
		st := w.load(batch)
		for _, r := range batch {
			_, err := st.decide(r)
			must(err == nil, "decide: %v", err)
		}
		w.happened("batch rolled back", func() string { return "a batch was rolled back" })
		w.compare()
	}
	w.serve(batch)
	if w.once(10) {
		w.happened("batch whose answer was lost", func() string { return "the answer was lost, and the batch is served again" })
		w.serve(batch)
	}
}

// show has the client show what the basket costs now, or something else.
func (w *world) show(st *state, r *request) {
	currency := w.currencies.Of(r.basket.Currency)
	q := question{shopper: r.claim.ShopperID, currency: currency, items: r.basket.Items, coupon: r.coupon, points: r.basket.RedeemPoints}
	if result, err := st.price(q); err == nil {
		r.expected = result.Total
	}
	if w.once(30) {
		r.expected = max(0, r.expected+money.Amount(w.below(3)-1)*currency.Step())
	}
	w.sign(r)
}

// sign gives a request its fingerprint.
func (w *world) sign(r *request) {
	fingerprint, err := Input{IdempotencyKey: r.claim.Text, Basket: r.basket, ExpectedTotal: r.expected}.fingerprint()
	if r.refund != nil {
		fingerprint, err = idempotency.FingerprintOf(r.refund.purchase, r.refund.reason)
	}
	must(err == nil, "fingerprint: %v", err)
	r.claim.Fingerprint = fingerprint
}

// repeat is a request once more, with its items in another order; now and then with other content under the same key.
func (w *world) repeat(of *request) *request {
	again := *of
	again.claim.ResultID = w.newID()
	again.basket.Items = slices.Clone(of.basket.Items)
	slices.Reverse(again.basket.Items)
	if w.once(6) {
		switch {
		case again.refund != nil:
			again.refund = &refundRequest{again.refund.purchase, again.refund.reason + "!"}
		case w.once(2):
			again.expected += stepOf(again.basket.Currency)
		default:
			again.basket.Items = append(again.basket.Items, Item{ID: pick(w, w.shop.productIDs), Quantity: 1})
		}
	}
	w.sign(&again)
	return &again
}

func (w *world) drawRefund() *request {
	p := w.purchases[pick(w, w.bought)]
	for i := 0; i < 4 && len(p.Edges.Refunds) > 0; i++ {
		p = w.purchases[pick(w, w.bought)]
	}
	owner := p.ShopperID
	if w.once(30) {
		owner = pick(w, w.shoppers)
	}
	r := &request{
		claim: idempotency.Claim{Key: w.key(owner, refundOperation), ResultID: w.newID()}, caller: actor.Actor{Subject: "sue"},
		refund: &refundRequest{p.ID, "was asked for"},
	}
	w.sign(r)
	return r
}

func (w *world) drawCheckout() *request {
	s := pick(w, w.shoppers)
	if w.eager != uuid.Nil {
		s = w.eager
	}
	r := &request{claim: idempotency.Claim{Key: w.key(s, operation), ResultID: w.newID()}, caller: actor.Actor{Subject: "sam"}}
	if w.once(60) {
		r.claim.ShopperID = w.newID()
	}
	rich := w.model.shoppers[s].rich
	r.basket.Currency = pick(w, []money.Code{"USD", "USD", "USD", "KRW", "KRW", money.PointsCode})
	if rich && r.basket.Currency == money.PointsCode {
		r.basket.Currency = "USD"
	}
	for range 1 + w.below(1+w.below(4)) {
		item := w.drawItem(r.basket.Currency)
		for i := 0; i < 3 && w.model.shoppers[s].owns(item.ID); i++ {
			item = w.drawItem(r.basket.Currency)
		}
		if tried := w.tried(s); len(tried) > 0 && w.once(5) {
			item = Item{ID: pick(w, tried), Quantity: 1}
		}
		r.basket.Items = append(r.basket.Items, item)
	}
	if w.once(4) {
		r.coupon = pick(w, w.shop.couponIDs)
		r.basket.CouponCode = r.coupon.String()
	}
	if r.basket.Currency != money.PointsCode && w.once(5) && !rich {
		r.basket.RedeemPoints = money.Amount(1+w.below(200)) * money.Unit
	}
	return r
}

// popular is a thing in a flash sale of which there is something left, one that can be bought again if there is one; any
// product when there is no such sale.
func (w *world) popular() uuid.UUID {
	var things []uuid.UUID
	for _, s := range w.shop.sales {
		if round, on := w.model.onSale(s); on && (s.Stock == nil || w.model.sold[window{s.ID, round}] < *s.Stock) {
			things = slices.Concat(things, s.Scope.Products, s.Scope.Bundles)
		}
	}
	again := slices.DeleteFunc(slices.Clone(things), func(id uuid.UUID) bool {
		p := w.shop.products[id]
		return p == nil || p.Kind != product.KindCONSUMABLE
	})
	switch {
	case len(again) > 0 && !w.once(3):
		return pick(w, again)
	case len(things) > 0:
		return pick(w, things)
	}
	return pick(w, w.shop.productIDs)
}

// tried are products that a shopper has tried and does not own.
func (w *world) tried(shopper uuid.UUID) []uuid.UUID {
	s := w.model.shoppers[shopper]
	return slices.DeleteFunc(slices.Clone(w.shop.productIDs), func(id uuid.UUID) bool { return s.trials[id] == nil || s.owns(id) })
}

func (w *world) drawItem(code money.Code) Item {
	item := Item{Quantity: 1}
	switch n := w.below(40); {
	case n < 1:
		item.ID = w.newID()
	case n < 6:
		item.ID = pick(w, w.shop.trialIDs)
	case n < 16 && code != money.PointsCode:
		item.ID = pick(w, w.shop.bundleIDs)
	case code == money.PointsCode && !w.once(10):
		item.ID = w.shop.productIDs[[]int{2, 10}[w.below(2)]]
	default:
		item.ID = pick(w, w.shop.productIDs)
	}
	if w.wanted != uuid.Nil && w.once(2) {
		item.ID = w.wanted
	}
	p := w.shop.products[item.ID]
	if p != nil && p.Kind == product.KindCONSUMABLE || w.once(40) {
		item.Quantity = int64(1 + w.below(4))
	}
	if b := w.shop.bundles[item.ID]; b != nil && b.Choose > 0 {
		for _, i := range w.r.Perm(len(b.Edges.Components))[:b.Choose] {
			item.Choices = append(item.Choices, *b.Edges.Components[i].ProductID)
		}
		if w.once(6) {
			item.Choices = append(item.Choices, pick(w, w.shop.productIDs))[1:]
		}
	} else if w.once(100) {
		item.Choices = []uuid.UUID{pick(w, w.shop.productIDs)}
	}
	return item
}
