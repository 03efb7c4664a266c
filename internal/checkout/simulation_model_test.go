package checkout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/pricing"
	"farthing/internal/wallet"
)

// model is a shop as one would explain it: no batches, no locks, no tables. It says what must come of each operation.
type model struct {
	shop     *catalogue
	now      time.Time
	shoppers map[uuid.UUID]*modelShopper
	// sold is how many units of an offer's window have been sold and not given back, closed those windows that are over for
	// good because the stock was set below what had been sold.
	sold   map[window]int64
	closed map[window]bool
	// house is what the accounts of the house hold.
	house map[string]money.Amount
	// outcomes counts what has happened, for the tally of the world.
	outcomes map[string]int64
}

// modelShopper is what a shopper has.
type modelShopper struct {
	wallets map[money.Code]wallet.Origins
	keys    map[string]modelKey // by operation and key
	owned   map[uuid.UUID]uuid.UUID
	trials  map[uuid.UUID]*modelTrial
	used    map[window]int64
	story   []*modelPurchase
	byID    map[uuid.UUID]*modelPurchase

	// lots are points by what gave them. The balance is what the ledger says: it is below zero for a debt.
	lots    []*modelLot
	balance money.Amount
	// held is by which purchase a badge or quest was earned.
	held map[string]uuid.UUID
	// rich is a shopper near the most that an account can hold.
	rich bool
}

func (s *modelShopper) owns(product uuid.UUID) bool { return s.owned[product] != uuid.Nil }

type modelKey struct {
	content string
	result  uuid.UUID
}

// modelPurchase is what a purchase has done.
type modelPurchase struct {
	id       uuid.UUID
	at       time.Time
	currency money.Code
	total    money.Amount
	paidFrom wallet.Origins
	text     string // of the lines, to see that they never change
	points   money.Amount
	tagged   money.Amount
	spent    money.Amount
	took     map[*modelLot]money.Amount
	lot      *modelLot
	taken    map[window]int64
	refund   uuid.UUID
}

// counted says whether a purchase stands and counts for rewards.
func (p *modelPurchase) counted() bool { return p.refund == uuid.Nil && p.currency != money.PointsCode }

// modelLot is points that expire together.
type modelLot struct {
	seq                         int
	points, used, expired, gone money.Amount
	expires                     *time.Time
}

func (l *modelLot) left() money.Amount { return l.points - l.used - l.expired - l.gone }

func (l *modelLot) over(now time.Time) bool { return l.expires != nil && !now.Before(*l.expires) }

// points are those that a shopper can spend now.
func (m *model) points(s *modelShopper) money.Amount {
	points := s.balance
	for _, l := range s.lots {
		if l.over(m.now) {
			points -= l.left()
		}
	}
	return points
}

// expire takes points that are over.
func (m *model) expire(s *modelShopper) {
	for _, l := range s.lots {
		if n := l.left(); l.over(m.now) && n > 0 {
			l.expired += n
			m.movePoints(s, -n, "MINT")
		}
	}
}

func (m *model) movePoints(s *modelShopper, points money.Amount, house string) {
	s.balance += points
	m.house[house+" "+string(money.PointsCode)] -= points
}

// soonest are a shopper's lots, those first that expire first.
func (s *modelShopper) soonest() []*modelLot {
	return slices.SortedStableFunc(slices.Values(s.lots), func(a, b *modelLot) int {
		never := time.Unix(1<<40, 0)
		end := func(l *modelLot) time.Time {
			if l.expires == nil {
				return never
			}
			return *l.expires
		}
		return cmp.Or(end(a).Compare(end(b)), cmp.Compare(a.seq, b.seq))
	})
}

// spend takes points out of lots.
func (s *modelShopper) spend(points money.Amount) map[*modelLot]money.Amount {
	took := map[*modelLot]money.Amount{}
	for _, l := range s.soonest() {
		if n := min(points, l.left()); n > 0 {
			l.used += n
			took[l] = n
			points -= n
		}
	}
	return took
}

func (s *modelShopper) addLot(points money.Amount, expires *time.Time) *modelLot {
	l := &modelLot{seq: len(s.lots) + 1, points: points, expires: expires}
	s.lots = append(s.lots, l)
	return l
}

// codes are those of a refusal, each once.
func codes(err error) string {
	found := map[string]bool{}
	for _, f := range fault.From(err) {
		found[string(f.Code)] = true
	}
	return joined(found)
}

func joined(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }

// content is what a client has sent, in words.
func content(r *request) string {
	if r.refund != nil {
		return fmt.Sprint(r.refund.purchase, r.refund.reason)
	}
	quantities := map[string]int64{}
	for _, item := range r.basket.Items {
		choices := make([]string, len(item.Choices))
		for i, c := range item.Choices {
			choices[i] = c.String()
		}
		slices.Sort(choices)
		quantities[fmt.Sprint(item.ID, choices)] += item.Quantity
	}
	return fmt.Sprint(r.basket.Currency, r.expected, quantities, r.basket.CouponCode, r.basket.RedeemPoints) // maps are printed in order
}

// repeated is what the model says of a key that has been used; empty when it has not.
func (m *model) repeated(s *modelShopper, operation, key, content string, result uuid.UUID) string {
	earlier, used := s.keys[operation+" "+key]
	switch {
	case !used:
		return ""
	case earlier.content != content:
		return "IDEMPOTENCY_KEY_REUSED"
	case earlier.result == result:
		return "recorded own"
	}
	return "recorded"
}

// String is the outcome with the refusals, each as often as it is there, or the record that was found.
func (o outcome) String() string {
	switch {
	case o.err != nil:
		var codes []string
		for _, f := range fault.From(o.err) {
			codes = append(codes, string(f.Code))
		}
		slices.Sort(codes)
		return strings.Join(codes, " ")
	case o.purchase != nil:
		return "bought"
	default:
		return fmt.Sprintf("recorded %s %t", o.recorded, o.replayed)
	}
}

// outcomeOf is what a till has made of a request, in the model's words.
func outcomeOf(o outcome) string {
	switch {
	case o.err != nil:
		return codes(o.err)
	case o.purchase != nil:
		return "bought"
	case o.refunded != nil:
		return "refunded"
	case o.replayed:
		return "recorded"
	}
	return "recorded own"
}

// follow checks what came of a request, and does the same to the model. It gives what happened, in words.
func (m *model) follow(r *request, o outcome) string {
	s := m.shoppers[r.claim.ShopperID]
	got := outcomeOf(o)
	if s == nil {
		must(got == "NOT_FOUND", "a stranger is told %s", got)
		return got
	}
	if want := m.repeated(s, r.claim.Operation, r.claim.Text, content(r), r.claim.ResultID); want != "" {
		must(got == want, "got %s, want %s", got, want)
		if earlier := s.keys[r.claim.Operation+" "+r.claim.Text].result; o.err == nil {
			must(o.recorded == earlier, "the key names %s, not %s", o.recorded, earlier)
		}
		return got
	}
	if r.refund != nil {
		m.followRefund(s, r, o)
		return got
	}
	return m.followCheckout(s, r, o)
}

func (m *model) followCheckout(s *modelShopper, r *request, o outcome) string {
	got, code := outcomeOf(o), r.basket.Currency
	v := m.judge(s, r)
	redeems := r.basket.RedeemPoints
	if len(v.codes) > 0 {
		if want := joined(v.codes); redeems == 0 {
			must(got == want, "got %s, want %s", got, want)
		} else { // what points could take off a basket that has no price is nobody's concern
			for code := range v.codes {
				must(strings.Contains(got, code), "got %s, want %s among them", got, code)
			}
		}
		return got
	}
	if redeems > 0 {
		lowest, canAtLow := pointsOff(redeems, v.low, code)
		_, canAtHigh := pointsOff(redeems, v.high, code)
		if !canAtLow && (!canAtHigh || got == "INVALID_INPUT") {
			must(got == "INVALID_INPUT", "got %s: %s points can be redeemed for a total of %s", got, redeems, v)
			return got
		}
		v.low, v.high = v.low-lowest, v.high-lowest
	}
	switch got {
	case "PRICE_CHANGED", "SOLD_OUT", "LIMIT_REACHED":
		m.followPrice(v, r, o, got)
		return got
	}
	if v.low == v.high {
		m.outcomes["model: the price is known exactly"]++
	} else {
		m.outcomes["model: the price is known within bounds"]++
	}
	must(v.low <= r.expected && r.expected <= v.high, "got %s at %s: the price is %s", got, r.expected, v)
	total := r.expected
	short := s.wallets[code].Total() < total
	if code == money.PointsCode {
		short = max(m.points(s), 0) < total
	}
	if short || max(m.points(s), 0) < redeems {
		must(got == "INSUFFICIENT_FUNDS", "got %s: there is %+v and %s points for %s and %s points", got, s.wallets[code], m.points(s), total, redeems)
		return got
	}
	p := &modelPurchase{id: r.claim.ResultID, at: m.now, currency: code, total: total, spent: redeems, taken: map[window]int64{}}
	lot, quests := m.earn(s, p, o.purchase)
	balance := m.points(s) - p.spent + lot.points
	if code == money.PointsCode {
		balance -= total
	}
	if balance > money.Max || got == "INVALID_INPUT" && s.rich && balance+taggedBonus > money.Max {
		must(got == "INVALID_INPUT", "got %s: the shopper would have %s points", got, balance)
		return got
	}
	must(got == "bought", "got %s, want bought: the price is %s", got, v)
	m.buy(s, p, lot, quests)
	m.followLines(s, p, v, o.purchase)
	s.keys[r.claim.Operation+" "+r.claim.Text] = modelKey{content(r), p.id}
	return got
}

// followPrice checks a refusal of a total that was shown.
func (m *model) followPrice(v verdict, r *request, o outcome, got string) {
	must(v.low != v.high || v.low != r.expected, "got %s: the price is %s as shown", got, v)
	var quote *Quote
	switch data := fault.From(o.err)[0].Data.(type) {
	case *Quote:
		quote = data
	case SoldOut:
		quote = data.Quote
		must(v.short[data.Sale.ID], "got SOLD_OUT of sale %s, of which there is enough", data.Sale.ID)
	case LimitReached:
		quote = data.Quote
		must(anyOf(v.short), "got LIMIT_REACHED, and no sale is short")
	}
	must(quote != nil && quote.Total != r.expected && v.low <= quote.Total && quote.Total <= v.high,
		"got %s with a quote of %s: the price is %s", got, quote.Total, v)
}

func anyOf(set map[uuid.UUID]bool) bool {
	for _, is := range set {
		if is {
			return true
		}
	}
	return false
}

// pay takes an amount: what can never be paid out goes first.
func pay(o wallet.Origins, amount money.Amount) (left, taken wallet.Origins) {
	left = o
	for _, at := range []struct{ left, taken *money.Amount }{
		{&left.Promotional, &taken.Promotional}, {&left.Gift, &taken.Gift}, {&left.Refund, &taken.Refund}, {&left.Paid, &taken.Paid},
	} {
		for *at.left > 0 && amount > 0 {
			n := min(*at.left, amount)
			*at.left -= n
			*at.taken += n
			amount -= n
		}
	}
	return left, taken
}

// The rules of rewards: 30 days is for how long points by rate last, the others are for good.
const (
	rateDays    = 30
	firstBonus  = 50 * money.Unit
	taggedBonus = 25 * money.Unit
	taggedMost  = 60 * money.Unit
	questBonus  = 40 * money.Unit
	questTarget = 5
	perkCost    = 20 * money.Unit
)

var badgeTargets = map[string]int{"badge-1": 1, "badge-8": 8}

// earn says what a purchase earns: its lot, and the badges and quests. What was bought says which lines cost something; it
// is nil for what was refused.
func (m *model) earn(s *modelShopper, p *modelPurchase, got *ent.Purchase) (lot *modelLot, held []string) {
	lot = &modelLot{}
	if p.currency == money.PointsCode {
		p.spent = 0
		return lot, nil
	}
	_, p.paidFrom = pay(s.wallets[p.currency], p.total)
	paid := p.paidFrom.Paid
	standing, standingPaid, hadTagged := 1, 0, money.Amount(0)
	for _, e := range s.story {
		if e.counted() {
			standing++
			hadTagged += e.tagged
			if e.paidFrom.Paid > 0 {
				standingPaid++
			}
		}
	}
	for at := paid; at >= m.shop.perPoint[p.currency]; at -= m.shop.perPoint[p.currency] {
		lot.points += money.Unit
	}
	if lot.points > 0 {
		lot.expires = new(m.now.Add(rateDays * 24 * time.Hour))
	}
	forGood := money.Amount(0)
	if paid > 0 && standingPaid == 0 {
		forGood += firstBonus
	}
	if paid > 0 && got != nil && slices.ContainsFunc(got.Edges.Lines, func(l *ent.PurchaseLine) bool {
		return l.Total > 0 && slices.Contains(m.shop.products[l.ProductID].Tags, "bonus")
	}) {
		p.tagged = min(taggedBonus, taggedMost-hadTagged)
		forGood += p.tagged
	}
	p.points = lot.points + forGood
	if standing >= questTarget && paid > 0 && s.held["quest"] == uuid.Nil {
		held = append(held, "quest")
		forGood += questBonus
	}
	if forGood > 0 {
		lot.points, lot.expires = lot.points+forGood, nil
	}
	for badge, target := range badgeTargets {
		if standing >= target && s.held[badge] == uuid.Nil {
			held = append(held, badge)
		}
	}
	return lot, held
}

// buy does to a shopper what a purchase does to money and rewards.
func (m *model) buy(s *modelShopper, p *modelPurchase, lot *modelLot, held []string) {
	m.expire(s)
	if p.currency == money.PointsCode {
		p.spent = p.total
	} else if w, there := s.wallets[p.currency]; there {
		s.wallets[p.currency], p.paidFrom = pay(w, p.total)
		m.house["REVENUE "+string(p.currency)] += p.total
	}
	if p.spent > 0 {
		house := "MINT"
		if p.currency == money.PointsCode {
			house = "REVENUE"
		}
		m.movePoints(s, -p.spent, house)
		p.took = s.spend(p.spent)
	}
	debt := max(-s.balance, 0)
	if lot.points > 0 {
		m.movePoints(s, lot.points, "MINT")
	}
	p.lot = s.addLot(lot.points, lot.expires)
	p.lot.used = min(lot.points, debt)
	for _, h := range held {
		s.held[h] = p.id
	}
	s.story = append(s.story, p)
	s.byID[p.id] = p
}

// kinds are what was special about a purchase.
func kinds(p *ent.Purchase) []string {
	var special []string
	add := func(is bool, what string) {
		if is && !slices.Contains(special, what) {
			special = append(special, what)
		}
	}
	add(p.Total == 0, " free")
	add(p.Currency == money.PointsCode, " for points")
	for _, line := range p.Edges.Lines {
		add(line.BundleID != nil, " a bundle")
		add(line.TrialOfferID != nil, " a trial")
		for _, a := range line.Edges.Adjustments {
			switch pricing.AdjustmentKind(a.Kind) {
			case pricing.ByPoints:
				add(true, " with points redeemed")
			case pricing.ByCredit:
				add(true, " with trial credit")
			case pricing.BySale:
				add(true, " in a flash sale")
			case pricing.ByTier:
				add(true, " by tiers")
			case pricing.ByCoupon:
				add(true, " with a coupon")
			case pricing.ByBundle:
			}
		}
	}
	return special
}

// followLines checks what was handed over, line by line, and has the shopper have it.
func (m *model) followLines(s *modelShopper, p *modelPurchase, v verdict, got *ent.Purchase) {
	must(got.Total == p.total && got.Currency == p.currency && got.Points == p.lot.points && got.CreatedAt.Equal(m.now) &&
		got.Ordinal == int64(len(s.story)), "the purchase says %+v", got)
	exact := v.low == v.high && p.spent == 0 || p.currency == money.PointsCode && v.low == v.high
	open := slices.Clone(v.units)
	var total, subtotal money.Amount
	coupon := false
	for i, line := range got.Edges.Lines {
		total, subtotal = total+line.Total, subtotal+line.Subtotal
		at := claimOf(open, line)
		must(at >= 0, "line %d is %d of %s, which nobody wanted", i, line.Quantity, line.ProductID)
		b := open[at]
		open = slices.Delete(open, at, at+1)
		must(line.Subtotal == b.subtotal && line.UnitPrice*money.Amount(line.Quantity) == line.Subtotal && line.Total >= 0 && line.Position == i &&
			line.PurchaseID == p.id && line.Names["en"] == b.product.Texts["en"].Name, "line %d says %+v, want %+v", i, line, b)
		if p.spent == 0 || p.currency == money.PointsCode {
			must(line.Total >= b.low && (line.Total == b.high || !exact || b.low < b.high), "line %d costs %s, not %s to %s", i, line.Total, b.low, b.high)
		}
		m.followAdjustments(p, line, b, &coupon)
		m.hand(s, p, b, got)
	}
	must(len(open) == 0, "%d things were not sold", len(open))
	must(total == p.total && subtotal == got.Subtotal, "lines add up to %s of %s", total, subtotal)
	if coupon {
		for _, line := range got.Edges.Lines {
			for _, a := range line.Edges.Adjustments {
				if a.Kind == "COUPON" {
					p.taken[window{a.SourceID, 0}] = 1
				}
			}
		}
	}
	for at, units := range p.taken {
		m.sold[at] += units
		s.used[at] += units
		stock, most := m.shop.limitsOf(at.offer)
		must(!m.closed[at] && (stock == nil || m.sold[at] <= *stock), "%d units of offer %s are sold", m.sold[at], at.offer)
		must(most == nil || s.used[at] <= *most, "a shopper has had %d units of offer %s", s.used[at], at.offer)
	}
	p.text = textOf(got)
	var granted int64
	for _, e := range got.Edges.Entitlements {
		granted += e.Units
		must(e.Status == "ACTIVE" && e.Remaining == e.Units && e.ShopperID == got.ShopperID && e.PurchaseID == p.id && e.GrantedAt.Equal(m.now),
			"it grants %+v", e)
	}
	for _, b := range v.units {
		if b.trial == uuid.Nil {
			granted -= b.quantity * int64(b.product.Units)
		} else if uses := m.shop.trials[b.trial].Uses; uses != nil {
			granted -= *uses
		} else {
			granted--
		}
	}
	must(granted == 0, "it grants %d units too many", granted)
}

// claimOf is which of the claims a line is of; below zero for none. Where there are as many units of one product in several, it
// is the one of the same bundle, and of these the one with the line's price: a durable good may be in any line that names it.
func claimOf(open []*bought, line *ent.PurchaseLine) int {
	best, most := -1, -1
	for i, b := range open {
		same := func(id *uuid.UUID, other uuid.UUID) bool {
			return id == nil && other == uuid.Nil || id != nil && *id == other
		}
		if b.product.ID != line.ProductID || b.quantity != line.Quantity || !same(line.TrialOfferID, b.trial) {
			continue
		}
		score := 0
		if same(line.BundleID, b.of) {
			score += 2
		}
		if line.Total == b.high {
			score++
		}
		if score > most {
			best, most = i, score
		}
	}
	return best
}

// followAdjustments checks why a line costs less than its list price.
func (m *model) followAdjustments(p *modelPurchase, line *ent.PurchaseLine, b *bought, coupon *bool) {
	left, promotions := line.Subtotal, 0
	for _, a := range line.Edges.Adjustments {
		must(a.Amount > 0, "%s takes %s off", a.Kind, a.Amount)
		left -= a.Amount
		switch pricing.AdjustmentKind(a.Kind) {
		case pricing.BySale:
			promotions++
			at := slices.IndexFunc(m.shop.sales, func(f *ent.FlashSale) bool { return f.ID == a.SourceID })
			must(at >= 0, "there is no sale %s", a.SourceID)
			sale := m.shop.sales[at]
			round, on := m.onSale(sale)
			must(on && round == a.Round && sale.Status == flashsale.StatusACTIVE, "sale %s is not on", a.SourceID)
			must(inScope(sale.Scope.Products, sale.Scope.Tags, b.product) && a.Units > 0 && a.Units <= line.Quantity ||
				slices.ContainsFunc(b.in, func(in uuid.UUID) bool { return slices.Contains(sale.Scope.Bundles, in) }),
				"sale %s is not for %s", a.SourceID, b.product.ID)
			if a.Units > 0 {
				p.taken[window{a.SourceID, a.Round}] += a.Units
			}
		case pricing.ByTier, pricing.ByBundle:
			promotions++
		case pricing.ByCoupon:
			*coupon = true
			if !m.shop.coupons[a.SourceID].Combines {
				promotions++
			}
		case pricing.ByCredit:
			must(a.Amount <= b.credit, "a credit of %s takes %s off", b.credit, a.Amount)
		case pricing.ByPoints:
			must(p.spent > 0, "points take something off that nobody redeems")
		}
	}
	must(left == line.Total, "adjustments leave %s, not %s", left, line.Total)
	must(promotions <= 1, "%d promotions lower one price", promotions)
}

// hand gives a shopper what was bought.
func (m *model) hand(s *modelShopper, p *modelPurchase, b *bought, got *ent.Purchase) {
	switch {
	case b.trial != uuid.Nil:
		must(s.trials[b.product.ID] == nil && !s.owns(b.product.ID), "%s is tried again", b.product.ID)
		offer := m.shop.trials[b.trial]
		expires := m.now.Add(time.Duration(offer.DurationHours) * time.Hour)
		s.trials[b.product.ID] = &modelTrial{
			offer: offer.ID, purchase: p.id, currency: p.currency, price: lineOf(got, b).Total, started: m.now,
			creditUntil: expires.Add(time.Duration(offer.GraceHours) * time.Hour),
		}
	case b.product.Kind == product.KindDURABLE:
		must(!s.owns(b.product.ID), "%s is owned twice", b.product.ID)
		s.owned[b.product.ID] = p.id
		if t := s.trials[b.product.ID]; t != nil && t.converted == uuid.Nil && !t.refunded {
			t.converted = p.id
		}
	}
}

func lineOf(p *ent.Purchase, b *bought) *ent.PurchaseLine {
	for _, line := range p.Edges.Lines {
		if line.TrialOfferID != nil && *line.TrialOfferID == b.trial {
			return line
		}
	}
	return nil
}

// textOf is what a purchase says of its lines.
func textOf(p *ent.Purchase) string {
	var text strings.Builder
	for _, line := range p.Edges.Lines {
		fmt.Fprint(&text, line.ProductID, line.Names, line.Quantity, line.Units, line.UnitPrice, line.Subtotal, line.Total, ";")
	}
	return text.String()
}

func (m *model) followRefund(s *modelShopper, r *request, o outcome) {
	got := outcomeOf(o)
	p := s.byID[r.refund.purchase]
	switch {
	case p == nil:
		must(got == "NOT_FOUND", "got %s for a purchase of somebody else", got)
		return
	case p.refund != uuid.Nil:
		must(got == "ALREADY_REFUNDED", "got %s for a purchase that is refunded", got)
		return
	}
	for _, t := range s.trials {
		if t.purchase == p.id && t.converted != uuid.Nil {
			must(got == "NOT_REFUNDABLE", "got %s for a trial that a purchase has ended", got)
			return
		}
	}
	w := s.wallets[p.currency]
	if p.currency != money.PointsCode && w.Total()+p.total > money.Max {
		must(got == "NOT_REFUNDABLE", "got %s: the wallet cannot hold %s more", got, p.total)
		return
	}
	must(got == "refunded", "got %s, want refunded", got)
	if _, there := s.wallets[p.currency]; there {
		s.wallets[p.currency] = wallet.Origins{
			Paid: w.Paid + p.paidFrom.Paid, Promotional: w.Promotional + p.paidFrom.Promotional, Gift: w.Gift + p.paidFrom.Gift, Refund: w.Refund + p.paidFrom.Refund,
		}
		m.house["REVENUE "+string(p.currency)] -= p.total
	}
	p.refund = r.claim.ResultID
	taken := m.takePoints(s, p)
	m.returnPoints(s, p)
	must(o.refunded.Total == p.total && o.refunded.PointsTaken == taken && o.refunded.PointsReturned == p.spent && o.refunded.CreatedAt.Equal(m.now),
		"the refund says %+v, want %s points taken", o.refunded, taken)
	for good, by := range s.owned {
		if by == p.id {
			delete(s.owned, good)
		}
	}
	for _, t := range s.trials {
		if t.converted == p.id {
			t.converted = uuid.Nil
		}
		t.refunded = t.refunded || t.purchase == p.id
	}
	for at, units := range p.taken {
		m.sold[at] -= units
		s.used[at] -= units
	}
	s.keys[r.claim.Operation+" "+r.claim.Text] = modelKey{content(r), r.claim.ResultID}
}

// takePoints takes back what a purchase has earned, and quests and badges that are not reached any more.
func (m *model) takePoints(s *modelShopper, p *modelPurchase) (taken money.Amount) {
	m.expire(s)
	standing := 0
	for _, e := range s.story {
		if e.counted() {
			standing++
		}
	}
	back := map[*modelPurchase]money.Amount{p: p.points}
	if by := s.held["quest"]; by != uuid.Nil && standing < questTarget {
		back[s.byID[by]] += questBonus
		delete(s.held, "quest")
	}
	for badge, target := range badgeTargets {
		if standing < target {
			delete(s.held, badge)
		}
	}
	for _, e := range s.story {
		points := back[e]
		if points == 0 {
			continue
		}
		own := min(points, e.lot.left())
		e.lot.gone += own
		late := min(points-own, e.lot.expired) // these are gone already
		e.lot.expired -= late
		e.lot.gone += late
		s.spend(points - own - late)
		taken += points - late
	}
	m.movePoints(s, -taken, "MINT")
	return taken
}

// returnPoints gives back what a purchase has spent.
func (m *model) returnPoints(s *modelShopper, p *modelPurchase) {
	var homeless money.Amount
	if p.spent > 0 {
		debt := max(-s.balance, 0)
		house := "MINT"
		if p.currency == money.PointsCode {
			house = "REVENUE"
		}
		m.movePoints(s, p.spent, house)
		homeless = p.spent - min(debt, p.spent)
		order := s.soonest()
		slices.Reverse(order)
		for _, l := range order {
			if n := min(homeless, p.took[l], l.used); n > 0 && !l.over(m.now) {
				l.used -= n
				homeless -= n
			}
		}
	}
	var expires *time.Time
	if homeless > 0 {
		expires = new(m.now.Add(30 * 24 * time.Hour))
	}
	s.addLot(homeless, expires)
}

// followMove checks what came of a top-up or an adjustment, and does the same to the model.
func (m *model) followMove(mv move, result uuid.UUID, got string) {
	s := m.shoppers[mv.key.ShopperID]
	if want := m.repeated(s, mv.key.Operation, mv.key.Text, mv.content(), result); want != "" {
		must(got == want, "got %s, want %s", got, want)
		return
	}
	w := s.wallets[mv.currency]
	if w.Total()+mv.amount < 0 {
		must(got == "INSUFFICIENT_FUNDS", "got %s: there is %+v", got, w)
		return
	}
	if w.Total()+mv.amount > money.Max {
		must(got == "INVALID_INPUT", "got %s: there is %+v", got, w)
		return
	}
	must(got == "moved", "got %s, want moved", got)
	if mv.amount < 0 {
		w, _ = pay(w, -mv.amount)
	} else {
		more := mv.origin.From(mv.amount)
		w = wallet.Origins{Paid: w.Paid + more.Paid, Promotional: w.Promotional + more.Promotional, Gift: w.Gift + more.Gift, Refund: w.Refund + more.Refund}
	}
	s.wallets[mv.currency] = w
	m.house[string(mv.house)+" "+string(mv.currency)] -= mv.amount
	s.keys[mv.key.Operation+" "+mv.key.Text] = modelKey{mv.content(), result}
}

// followPerk does to the model what a perk does.
func (m *model) followPerk(s *modelShopper, redeemed bool) {
	must(redeemed == (max(m.points(s), 0) >= perkCost), "a perk is redeemed: %t, with %s points", redeemed, m.points(s))
	if redeemed {
		m.expire(s)
		m.movePoints(s, -perkCost, "MINT")
		s.spend(perkCost)
		s.addLot(0, nil)
	}
}

// streak is how many days in a row a shopper has bought, with at most one day left out, and the last of them.
func (s *modelShopper) streak() (count int, last int64) {
	last = -1
	for _, p := range s.story {
		day := p.at.Unix() / (24 * 60 * 60)
		if !p.counted() || day <= last {
			continue
		}
		if last < 0 || day > last+2 {
			count = 0
		}
		count, last = count+1, day
	}
	return count, last
}

// must ends the world when something is not as it must be.
func must(holds bool, format string, args ...any) {
	if !holds {
		panic(contradiction(fmt.Sprintf(format, args...)))
	}
}
