package checkout

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/achievement"
	"farthing/ent/bundle"
	"farthing/ent/entitlement"
	"farthing/ent/product"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/ent/transfer"
	"farthing/internal/earning"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// world is a shop in memory: what would be in the database, and the model beside it. All that happens in it comes from its seed.
type world struct {
	r          *rand.Rand
	currencies *money.Currencies
	shop       *catalogue
	model      *model
	now        time.Time
	board      *offers.Board
	rules      *earning.Rulebook
	revision   int64
	made       uint64

	steps    int64
	outcomes map[string]int64
	log      []func() string
	sent     []*request // for repeats
	later    []*request // totals that are shown, and not asked for yet
	moves    []move
	wanted   uuid.UUID // what the checkouts of a batch want, when there is a rush
	eager    uuid.UUID // who sends all of them; the zero id for everybody

	// rows
	shoppers     []uuid.UUID
	accounts     map[uuid.UUID]*ent.Account
	payments     map[uuid.UUID]*ent.Transfer
	house        map[uuid.UUID]money.Amount
	claims       map[idempotency.Key]idempotency.Claim
	purchases    map[uuid.UUID]*ent.Purchase
	bought       []uuid.UUID
	entitlements map[uuid.UUID]*ent.Entitlement
	owned        map[held.Good]uuid.UUID
	trials       map[held.Good]*ent.Trial
	stocks       map[offers.Round]*ent.OfferStock
	uses         map[offers.Use]int64
	standings    map[uuid.UUID]*ent.RewardStanding
	story        map[uuid.UUID][]*ent.RewardEntry
	earned       map[uuid.UUID][]*ent.Achievement
}

// catalogue is what is for sale, archived things too.
type catalogue struct {
	products map[uuid.UUID]*ent.Product
	bundles  map[uuid.UUID]*ent.Bundle
	trials   map[uuid.UUID]*ent.TrialOffer
	tiers    map[uuid.UUID]*ent.TierPlan // by product
	coupons  map[uuid.UUID]*ent.Coupon
	sales    []*ent.FlashSale
	rules    []*earning.Rule
	// perPoint is how much money earns a point.
	perPoint map[money.Code]money.Amount

	// In the order in which they were made.
	productIDs, bundleIDs, trialIDs, couponIDs []uuid.UUID
}

// onBoard is a bundle that is not archived, or in another one.
func (c *catalogue) onBoard(id uuid.UUID) *ent.Bundle {
	row := c.bundles[id]
	if row == nil || row.Status != bundle.StatusARCHIVED {
		return row
	}
	for _, other := range c.bundles {
		for _, component := range other.Edges.Components {
			if component.InnerID != nil && *component.InnerID == id {
				return row
			}
		}
	}
	return nil
}

// limitsOf are how many units of an offer there are, and for one shopper; nil for any number.
func (c *catalogue) limitsOf(offer uuid.UUID) (stock, most *int64) {
	if k := c.coupons[offer]; k != nil {
		return k.Stock, k.PerShopper
	}
	for _, s := range c.sales {
		if s.ID == offer {
			return s.Stock, s.PerShopper
		}
	}
	return nil, nil
}

// newID is an id that comes after all before it.
func (w *world) newID() uuid.UUID {
	w.made++
	var id uuid.UUID
	id[0] = 1
	binary.BigEndian.PutUint64(id[8:], w.made)
	return id
}

// below is a number from 0 to n-1.
func (w *world) below(n int) int { return w.r.IntN(n) }

// once is true once in so many times.
func (w *world) once(in int) bool { return w.r.IntN(in) == 0 }

func pick[T any](w *world, list []T) T { return list[w.below(len(list))] }

// happened counts, and logs, what has happened.
func (w *world) happened(what string, tell func() string) {
	w.outcomes[what]++
	if tell != nil {
		w.log = append(w.log, tell)
	}
}

func newWorld(seed uint64, traded *money.Currencies) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 0)), currencies: traded, outcomes: map[string]int64{}, now: noon,
		accounts: map[uuid.UUID]*ent.Account{}, payments: map[uuid.UUID]*ent.Transfer{}, house: map[uuid.UUID]money.Amount{},
		claims: map[idempotency.Key]idempotency.Claim{}, purchases: map[uuid.UUID]*ent.Purchase{},
		entitlements: map[uuid.UUID]*ent.Entitlement{}, owned: map[held.Good]uuid.UUID{}, trials: map[held.Good]*ent.Trial{},
		stocks: map[offers.Round]*ent.OfferStock{}, uses: map[offers.Use]int64{}, standings: map[uuid.UUID]*ent.RewardStanding{},
		story: map[uuid.UUID][]*ent.RewardEntry{}, earned: map[uuid.UUID][]*ent.Achievement{},
	}
	w.model = &model{
		now: w.now, shoppers: map[uuid.UUID]*modelShopper{}, sold: map[window]int64{}, closed: map[window]bool{}, house: map[string]money.Amount{},
		outcomes: w.outcomes,
	}
	w.stock()
	w.model.shop = w.shop
	w.revise()
	for range 3 {
		w.shoppers = append(w.shoppers, w.newID())
	}
	for i, s := range w.shoppers {
		w.model.shoppers[s] = &modelShopper{
			wallets: map[money.Code]wallet.Origins{}, keys: map[string]modelKey{}, owned: map[uuid.UUID]uuid.UUID{},
			trials: map[uuid.UUID]*modelTrial{}, used: map[window]int64{}, byID: map[uuid.UUID]*modelPurchase{}, held: map[string]uuid.UUID{},
		}
		if i == 0 && w.once(6) {
			w.enrich(s)
			continue
		}
		for _, code := range []money.Code{"USD", "KRW"} {
			if !w.once(8) {
				w.move(move{key: w.key(s, "topUp"), currency: code, amount: 10 * w.price(code), origin: wallet.Paid, house: account.KindFUNDING})
			}
		}
	}
	return w
}

// enrich gives a shopper nearly as much as there can be.
func (w *world) enrich(s uuid.UUID) {
	m := w.model.shoppers[s]
	m.rich = true
	w.move(move{
		key: w.key(s, "topUp"), currency: "USD", amount: money.Max - 3*money.Unit, origin: wallet.Paid, house: account.KindFUNDING,
	})
	book := wallet.NewBook(w.now)
	points := money.Max - 900*money.Unit
	if err := book.Award(s, points, wallet.Entry{Kind: transfer.KindPOINTS_EARNED}); err != nil {
		panic(err)
	}
	w.keep(book)
	w.story[s] = []*ent.RewardEntry{{
		ID: w.newID(), ShopperID: s, Seq: 1, Kind: rewardentry.KindREFUND, PurchaseID: new(w.newID()), TimeZone: "UTC", Points: points, CreatedAt: w.now,
	}}
	w.model.movePoints(m, points, "MINT")
	m.addLot(points, nil)
}

// load gives the state that a batch would find: what Service.load reads, and no more. Rows are copies, as when they are read.
func (w *world) load(batch []*request) *state {
	shoppers := ids(batch, func(r *request) []uuid.UUID { return []uuid.UUID{r.claim.ShopperID} })
	things := ids(batch, func(r *request) []uuid.UUID { return r.basket.things() })
	st := &state{
		known: &known{
			now: w.now, board: w.board, things: things, products: map[uuid.UUID]*ent.Product{}, coupons: map[uuid.UUID]*ent.Coupon{},
			owned: map[held.Good]*ent.Entitlement{}, trials: map[held.Good]*ent.Trial{}, past: map[uuid.UUID]*ent.TrialOffer{},
			stocks: map[offers.Round]*ent.OfferStock{}, uses: map[offers.Use]int64{},
		},
		currencies: w.currencies, rules: w.rules, shoppers: map[uuid.UUID]bool{},
		claims: map[idempotency.Key]idempotency.Claim{}, ordinals: map[uuid.UUID]int64{}, returns: map[uuid.UUID]*returned{},
	}
	for _, thing := range w.board.Needed(things) {
		if p := w.shop.products[thing]; p != nil {
			st.products[thing] = p
		}
		for _, s := range shoppers {
			good := held.Good{ShopperID: s, ProductID: thing}
			if e := w.entitlements[w.owned[good]]; e != nil {
				st.owned[good] = new(*e)
			}
			if t := w.trials[good]; t != nil {
				st.trials[good] = new(*t)
				st.past[t.OfferID] = w.shop.trials[t.OfferID]
			}
		}
	}
	for _, r := range batch {
		if k := w.shop.coupons[r.coupon]; k != nil {
			st.coupons[r.coupon] = k
		}
		if claim, ok := w.claims[r.claim.Key]; ok {
			st.claims[r.claim.Key] = claim
		}
	}
	for round := range st.limits() {
		for _, s := range shoppers {
			use := offers.Use{Shopper: s, Round: round}
			if n, ok := w.uses[use]; ok {
				st.uses[use] = n
			}
		}
	}
	w.loadReturns(st, batch)
	limits := st.limits()
	for _, back := range st.returns {
		back.lock(limits)
	}
	for round, most := range limits {
		row := w.stocks[round]
		switch {
		case most != nil && row == nil:
			st.stocks[round] = &ent.OfferStock{ID: w.newID(), OfferID: round.Offer, Round: round.Round, Most: new(*most)}
		case row != nil && (most != nil || row.Closed):
			st.stocks[round] = new(*row)
		}
	}
	w.loadRewards(st, batch, shoppers)
	return st
}

func (w *world) loadRewards(st *state, batch []*request, shoppers []uuid.UUID) {
	var accounts []*ent.Account
	var standings []*ent.RewardStanding
	var story []*ent.RewardEntry
	var earned []*ent.Achievement
	var known []uuid.UUID
	for _, s := range shoppers {
		if !slices.Contains(w.shoppers, s) {
			continue
		}
		st.shoppers[s] = true
		known = append(known, s)
		for _, a := range w.accounts {
			if *a.ShopperID == s {
				accounts = append(accounts, new(*a))
			}
		}
		if row := w.standings[s]; row != nil {
			standings = append(standings, row)
		}
		story, earned = append(story, w.story[s]...), append(earned, w.earned[s]...)
		for _, id := range w.bought {
			if p := w.purchases[id]; p.ShopperID == s {
				st.ordinals[s] = p.Ordinal
			}
		}
	}
	st.book = wallet.NewBook(w.now, accounts...)
	seating := rewards.Seating{Book: st.book, Rules: w.rules, Revision: w.revision, Now: w.now, Shoppers: known}
	for _, r := range batch {
		switch {
		case r.refund != nil:
			seating.Refunding = append(seating.Refunding, r.claim.ShopperID)
		case r.basket.spendsPoints():
			seating.Spending = append(seating.Spending, r.claim.ShopperID)
		}
	}
	st.desk = rewards.NewDesk(seating, standings, story, earned)
}

// loadReturns gives what readReturns reads.
func (w *world) loadReturns(st *state, batch []*request) {
	counts := map[offers.Round]*ent.OfferStock{}
	for _, r := range batch {
		if r.refund == nil || w.purchases[r.refund.purchase] == nil || st.returns[r.refund.purchase] != nil {
			continue
		}
		p := *w.purchases[r.refund.purchase]
		p.Edges.Entitlements = nil
		for _, e := range w.entitlements {
			if e.PurchaseID == p.ID {
				p.Edges.Entitlements = append(p.Edges.Entitlements, new(*e))
			}
		}
		p.Edges.Refunds = slices.Clone(p.Edges.Refunds)
		back := &returned{purchase: &p, taken: takenBy(&p), paid: w.payments[p.ID], counts: counts}
		st.returns[p.ID] = back
		for round := range back.taken {
			if row := w.stocks[round]; row != nil {
				counts[round] = new(*row)
			}
		}
	}
	for good, t := range w.trials {
		begun, ended := st.returns[t.PurchaseID], (*returned)(nil)
		if t.ConvertedBy != nil {
			ended = st.returns[*t.ConvertedBy]
		}
		if begun == nil && ended == nil {
			continue
		}
		row := st.trials[good]
		if row == nil {
			row = new(*t)
		}
		if begun != nil {
			begun.begun = append(begun.begun, row)
		}
		if ended != nil {
			ended.ended = append(ended.ended, row)
		}
	}
}

// serve has the till decide on a batch, checks every outcome against the model, and commits.
func (w *world) serve(batch []*request) {
	st := w.load(batch)
	for _, r := range batch {
		w.steps++
		purchases, refunds, claimed := len(st.purchases), len(st.refunds), len(st.claimed)
		o, err := st.decide(r)
		w.log = append(w.log, func() string { return fmt.Sprintf("%s: %s %v", told(r), outcomeOf(o), o.err) })
		must(err == nil, "decide: %v", err)
		what := w.model.follow(r, o)
		if o.purchase != nil {
			purchases, claimed = purchases+1, claimed+1
			for _, kind := range kinds(o.purchase) {
				w.happened("checkout: bought"+kind, nil)
			}
		}
		if o.refunded != nil {
			refunds, claimed = refunds+1, claimed+1
		}
		verb := "checkout: "
		if r.refund != nil {
			verb = "refund: "
		}
		if o.err != nil {
			for code := range strings.FieldsSeq(what) {
				w.happened(verb+code, nil)
			}
		} else {
			w.happened(verb+what, nil)
		}
		must(len(st.purchases) == purchases && len(st.refunds) == refunds && len(st.claimed) == claimed,
			"%s left a trace: %d purchases, %d refunds, %d claims", what, len(st.purchases), len(st.refunds), len(st.claimed))
		w.compareState(st, r.claim.ShopperID)
	}
	w.commit(st)
	w.compare()
}

// compareState checks what the rest of the batch is decided on.
func (w *world) compareState(st *state, shopper uuid.UUID) {
	s := w.model.shoppers[shopper]
	if s == nil {
		return
	}
	for _, code := range []money.Code{"USD", "KRW"} {
		must(st.holds(shopper, code) == s.wallets[code], "the wallet has %+v %s, not %+v", st.holds(shopper, code), code, s.wallets[code])
	}
	must(st.book.Points(shopper) == s.balance, "the balance is %s points, not %s", st.book.Points(shopper), s.balance)
	must(st.desk.Points(shopper) == w.model.points(s), "there are %s points, not %s", st.desk.Points(shopper), w.model.points(s))
	must(st.ordinals[shopper] == int64(len(s.story)), "the last purchase is number %d, not %d", st.ordinals[shopper], len(s.story))
	for good, e := range st.owned {
		if good.ShopperID == shopper {
			must(s.owned[good.ProductID] == e.PurchaseID, "%s is owned by purchase %s, not %s", good.ProductID, e.PurchaseID, s.owned[good.ProductID])
		}
	}
	for id := range st.products {
		must(!s.owns(id) || st.owned[held.Good{ShopperID: shopper, ProductID: id}] != nil, "%s is not owned", id)
	}
	for round, row := range st.stocks {
		want := w.model.sold[window{round.Offer, round.Round}]
		must(row.Taken == want && row.Taken >= 0, "%d units of offer %s are taken, not %d", row.Taken, round.Offer, want)
	}
}

// commit keeps what a batch writes, in the order in which apply does, and refuses what the database's constraints would.
func (w *world) commit(st *state) {
	if len(st.purchases)+len(st.refunds) == 0 {
		return
	}
	w.keep(st.book)
	for _, p := range st.purchases {
		must(w.purchases[p.ID] == nil, "purchase %s is made twice", p.ID)
		row := *p
		row.Edges = ent.PurchaseEdges{Lines: p.Edges.Lines}
		w.purchases[p.ID] = &row
		w.bought = append(w.bought, p.ID)
	}
	w.commitRefunds(st)
	for _, p := range st.purchases {
		for _, e := range p.Edges.Entitlements {
			w.entitlements[e.ID] = new(*e)
			good := held.Good{ShopperID: e.ShopperID, ProductID: e.ProductID}
			if e.Kind == entitlement.KindDURABLE {
				must(w.owned[good] == uuid.Nil, "%v is owned twice", good)
				w.owned[good] = e.ID
			}
		}
	}
	for _, t := range st.begun {
		good := held.Good{ShopperID: t.ShopperID, ProductID: t.ProductID}
		must(w.trials[good] == nil, "%v is tried twice", good)
		w.trials[good] = new(*t)
	}
	for _, t := range st.converted {
		w.trials[held.Good{ShopperID: t.ShopperID, ProductID: t.ProductID}].ConvertedBy = t.ConvertedBy
		if e := w.entitlements[t.EntitlementID]; e.Status == entitlement.StatusACTIVE {
			e.Status = entitlement.StatusCONVERTED
		}
	}
	for s := range st.shoppers {
		w.standings[s], w.story[s], w.earned[s] = st.desk.Kept(s, w.standings[s], w.story[s], w.earned[s])
	}
	for _, c := range st.claimed {
		_, twice := w.claims[c.Key]
		must(!twice, "key %v is claimed twice", c.Key)
		w.claims[c.Key] = c
	}
	w.commitTake(st)
}

func (w *world) commitRefunds(st *state) {
	for _, u := range st.undone {
		p := w.purchases[u.refund.PurchaseID]
		must(len(p.Edges.Refunds) == 0, "purchase %s is refunded twice", p.ID)
		p.Edges.Refunds = []*ent.Refund{u.refund}
		for _, id := range u.revoked {
			e := w.entitlements[id]
			e.Status = entitlement.StatusREVOKED
			if good := (held.Good{ShopperID: e.ShopperID, ProductID: e.ProductID}); w.owned[good] == id {
				delete(w.owned, good)
			}
		}
	}
	for _, u := range st.undone {
		for _, t := range u.resumed {
			w.trials[held.Good{ShopperID: t.ShopperID, ProductID: t.ProductID}].ConvertedBy = nil
			if e := w.entitlements[t.EntitlementID]; e.Status == entitlement.StatusCONVERTED {
				e.Status = entitlement.StatusACTIVE
			}
		}
		for _, t := range u.begun {
			w.trials[held.Good{ShopperID: t.ShopperID, ProductID: t.ProductID}].RefundedBy = &u.refund.ID
		}
	}
}

// commitTake counts what was taken of offers.
func (w *world) commitTake(st *state) {
	for use, units := range st.take.Own {
		w.uses[use] += units
		most := st.take.Caps[use.Round]
		must(w.uses[use] >= 0 && (units <= 0 || most == nil || w.uses[use] <= *most), "a shopper has had %d units of %v", w.uses[use], use.Round)
	}
	for round, row := range st.stocks {
		if w.stocks[round] == nil { // it was made to be locked
			w.stocks[round] = &ent.OfferStock{ID: row.ID, OfferID: row.OfferID, Round: row.Round, Most: row.Most}
		}
	}
	for round, units := range st.take.All {
		row := w.stocks[round]
		if row == nil && units != 0 {
			must(units > 0, "units of %v come back that nobody has counted", round)
			row = &ent.OfferStock{ID: w.newID(), OfferID: round.Offer, Round: round.Round}
			w.stocks[round] = row
		}
		if units != 0 {
			row.Taken += units
			must(row.Taken >= 0 && (row.Most == nil || row.Taken <= *row.Most), "of %v %d units are taken", round, row.Taken)
		}
	}
}

// keep writes a book, and checks its double entry.
func (w *world) keep(book *wallet.Book) {
	accounts, transfers := book.Kept()
	type end struct {
		seq     int64
		balance money.Amount
	}
	ends := map[uuid.UUID]end{}
	for _, t := range transfers {
		must(t.Amount > 0 && t.Amount == t.Paid+t.Promotional+t.Gift+t.Refund && min(t.Paid, t.Promotional, t.Gift, t.Refund) >= 0 &&
			t.DebitAccountID != t.CreditAccountID && (t.DebitSeq == nil) != (t.CreditSeq == nil) && t.CreatedAt.Equal(w.now), "transfer %+v", t)
		account, house, seq, balance, amount := t.DebitAccountID, t.CreditAccountID, t.DebitSeq, t.DebitBalance, -t.Amount
		if t.CreditSeq != nil {
			account, house, seq, balance, amount = t.CreditAccountID, t.DebitAccountID, t.CreditSeq, t.CreditBalance, t.Amount
		}
		last, known := ends[account]
		if row := w.accounts[account]; !known && row != nil {
			last = end{row.Seq, row.Balance}
		}
		must(*seq == last.seq+1 && *balance == last.balance+amount, "transfer %+v follows number %d, balance %s", t, last.seq, last.balance)
		ends[account] = end{*seq, *balance}
		w.house[house] -= amount
		if t.Kind == transfer.KindPURCHASE {
			must(w.payments[*t.PurchaseID] == nil, "purchase %s is paid twice", *t.PurchaseID)
			w.payments[*t.PurchaseID] = t
		}
	}
	must(len(ends) == len(accounts), "%d accounts have changed, %d are written", len(ends), len(accounts))
	for _, a := range accounts {
		last := ends[a.ID]
		must(a.Balance == last.balance && a.Seq == last.seq && a.Balance == wallet.OriginsOf(a).Total(), "account %+v, after %+v", a, last)
		must(a.Kind != account.KindWALLET || min(a.Paid, a.Promotional, a.Gift, a.Refund) >= 0, "account %+v", a)
		w.accounts[a.ID] = new(*a)
	}
}

// compare checks all that there is against the model.
func (w *world) compare() {
	sums := map[money.Code]money.Amount{}
	seen := map[string]money.Amount{}
	for _, a := range w.accounts {
		sums[a.Currency] += a.Balance
		must(seen[a.ShopperID.String()+string(a.Currency)] == 0, "a shopper has two accounts of %s", a.Currency)
		if s := w.model.shoppers[*a.ShopperID]; a.Kind == account.KindPOINTS {
			must(a.Balance == s.balance, "account %+v, and %s points", a, s.balance)
		} else {
			must(wallet.OriginsOf(a) == s.wallets[a.Currency], "account %+v, not %+v", a, s.wallets[a.Currency])
		}
	}
	for _, kind := range []account.Kind{account.KindFUNDING, account.KindREVENUE, account.KindADJUSTMENT, account.KindMINT} {
		for _, code := range []money.Code{"USD", "KRW", money.PointsCode} {
			there := w.house[wallet.House(kind, code)]
			sums[code] += there
			must(there == w.model.house[string(kind)+" "+string(code)], "%s has %s %s, not %s", kind, there, code, w.model.house[string(kind)+" "+string(code)])
		}
	}
	for code, sum := range sums {
		must(sum == 0, "all accounts of %s add up to %s", code, sum)
	}
	keys, owned, trials := 0, 0, 0
	for shopper, s := range w.model.shoppers {
		w.compareRewards(shopper, s)
		keys, owned, trials = keys+len(s.keys), owned+len(s.owned), trials+len(s.trials)
		for good, by := range s.owned {
			e := w.entitlements[w.owned[held.Good{ShopperID: shopper, ProductID: good}]]
			must(e != nil && e.PurchaseID == by && e.Status == entitlement.StatusACTIVE && e.Kind == entitlement.KindDURABLE, "%s is owned by %s, but there is %+v", good, by, e)
		}
		for good, t := range s.trials {
			row := w.trials[held.Good{ShopperID: shopper, ProductID: good}]
			must(row != nil && row.PurchaseID == t.purchase && (row.ConvertedBy != nil) == (t.converted != uuid.Nil) && (row.RefundedBy != nil) == t.refunded &&
				row.Price == t.price && row.CreditUntil.Equal(t.creditUntil), "trial %+v, not %+v", row, t)
			want := entitlement.StatusACTIVE
			switch {
			case t.refunded:
				want = entitlement.StatusREVOKED
			case t.converted != uuid.Nil:
				want = entitlement.StatusCONVERTED
			}
			must(w.entitlements[row.EntitlementID].Status == want, "what a trial granted is %s, not %s", w.entitlements[row.EntitlementID].Status, want)
		}
		for at, n := range s.used {
			there := w.uses[offers.Use{Shopper: shopper, Round: offers.Round{Offer: at.offer, Round: at.round}}]
			must(there == n && n >= 0, "a shopper has had %d units of %v, not %d", there, at, n)
		}
		for id, p := range s.byID {
			row := w.purchases[id]
			must(row != nil && row.ShopperID == shopper && row.Total == p.total && (len(row.Edges.Refunds) > 0) == (p.refund != uuid.Nil), "purchase %+v, not %+v", row, p)
		}
	}
	must(keys == len(w.claims) && owned == len(w.owned) && trials == len(w.trials),
		"there are %d claims, %d goods and %d trials, not %d, %d and %d", len(w.claims), len(w.owned), len(w.trials), keys, owned, trials)
	for at, n := range w.model.sold {
		row := w.stocks[offers.Round{Offer: at.offer, Round: at.round}]
		must(n == 0 || row != nil, "nobody counts what is sold of %v", at)
		must(row == nil || row.Taken == n && row.Closed == w.model.closed[at], "of %v %d units are taken, closed %t, not %d", at, row.Taken, row.Closed, n)
	}
}

// compareRewards checks points, badges, quests and the streak of a shopper.
func (w *world) compareRewards(shopper uuid.UUID, s *modelShopper) {
	story := w.story[shopper]
	must(len(story) == len(s.lots), "there are %d entries, not %d", len(story), len(s.lots))
	var left money.Amount
	for i, e := range story {
		l := s.lots[i]
		left += e.Points - e.Used - e.Expired - e.Revoked
		must(e.Seq == int64(l.seq) && e.Points == l.points && e.Used == l.used && e.Expired == l.expired && e.Revoked == l.gone &&
			(e.ExpiresAt == nil) == (l.expires == nil) && (e.ExpiresAt == nil || e.ExpiresAt.Equal(*l.expires)), "entry %+v, not %+v", e, l)
		if l.expired > 0 {
			w.outcomes["points expired"]++
		}
	}
	must(left == max(s.balance, 0), "lots have %s points of %s", left, s.balance)
	if s.balance < 0 {
		w.outcomes["points in debt"]++
	}
	standing := map[string]uuid.UUID{}
	for _, a := range w.earned[shopper] {
		if a.RevokedBy != nil {
			continue
		}
		code := w.rules.Version(a.RuleID, a.Version).Code
		must(standing[code] == uuid.Nil, "%s is held twice", code)
		must((a.Kind == achievement.KindQUEST) == (code == "quest"), "%s is a %s", code, a.Kind)
		standing[code] = a.PurchaseID
	}
	must(maps.Equal(standing, s.held), "badges and quests are %v, not %v", standing, s.held)
	row := w.standings[shopper]
	if row == nil {
		return
	}
	count, last := s.streak()
	must(row.State.Days.Count == count && (count == 0 || row.State.Days.Last == last), "the streak is %+v, not %d up to %d", row.State.Days, count, last)
	paid := int64(0)
	var lifetime money.Amount
	for _, p := range s.story {
		if p.counted() {
			lifetime += p.points
			if p.paidFrom.Paid > 0 {
				paid++
			}
		}
	}
	if s.held["quest"] != uuid.Nil {
		lifetime += questBonus
	}
	must(row.State.Purchases == paid && row.State.Lifetime == lifetime, "%d purchases and %s points in all, not %d and %s",
		row.State.Purchases, row.State.Lifetime, paid, lifetime)
}

// compareHistory checks that purchases say what they said when they were made.
func (w *world) compareHistory() {
	for _, id := range w.bought {
		p := w.purchases[id]
		must(textOf(p) == w.model.shoppers[p.ShopperID].byID[id].text, "purchase %s has changed", id)
	}
}

// move is a top-up or an adjustment.
type move struct {
	key      idempotency.Key
	currency money.Code
	amount   money.Amount // below zero to take away
	origin   wallet.Origin
	house    account.Kind
}

func (mv move) content() string { return fmt.Sprint(mv.currency, mv.amount, mv.origin) }

// move does what the wallet's verbs do for one request.
func (w *world) move(mv move) {
	w.steps++
	fingerprint, err := idempotency.FingerprintOf(mv.currency, mv.amount, mv.origin)
	must(err == nil, "fingerprint: %v", err)
	claim := idempotency.Claim{Key: mv.key, Fingerprint: fingerprint, ResultID: w.newID()}
	st := w.load([]*request{{claim: claim}})
	got := "moved"
	if earlier, ok := st.claims[mv.key]; ok {
		got = outcomeOf(replay(&request{claim: claim}, earlier))
	} else {
		entry := wallet.Entry{ID: claim.ResultID, Kind: transfer.KindADJUSTMENT}
		if mv.amount < 0 {
			_, err = st.book.Debit(mv.key.ShopperID, mv.currency, -mv.amount, mv.house, entry)
		} else {
			err = st.book.Credit(mv.key.ShopperID, mv.currency, mv.origin.From(mv.amount), mv.house, entry)
		}
		if err != nil {
			must(len(fault.From(err)) > 0, "move: %v", err)
			got = codes(err)
		}
	}
	what := "top-up"
	if mv.house == account.KindADJUSTMENT {
		what = "adjustment"
	}
	w.happened(what+": "+got, func() string {
		return fmt.Sprintf("%s %s by %s of %s %s %s: %s", what, mv.key.Text, mv.key.ShopperID, mv.amount, mv.currency, mv.origin, got)
	})
	w.model.followMove(mv, claim.ResultID, got)
	w.keep(st.book)
	if got == "moved" {
		w.claims[mv.key] = claim
	}
	w.compareState(st, mv.key.ShopperID)
	w.compare()
}

// perk redeems points for a perk.
func (w *world) perk(shopper uuid.UUID) {
	w.steps++
	st := w.load([]*request{{
		claim: idempotency.Claim{Key: idempotency.Key{ShopperID: shopper}}, basket: Basket{RedeemPoints: perkCost},
	}})
	what := "perk: redeemed"
	short := st.desk.Affords(shopper, perkCost)
	if short != nil {
		what = "perk: " + codes(short)
	} else {
		_, err := st.desk.Redeem(shopper, w.rules.Current().Perks[0], w.newID(), "sam")
		must(err == nil, "redeem: %v", err)
		w.keep(st.book)
		w.standings[shopper], w.story[shopper], w.earned[shopper] = st.desk.Kept(shopper, w.standings[shopper], w.story[shopper], w.earned[shopper])
	}
	w.happened(what, func() string { return fmt.Sprint(what, " by ", shopper) })
	w.model.followPerk(w.model.shoppers[shopper], short == nil)
	w.compareState(st, shopper)
	w.compare()
}

// text is what a thing is called.
func text(name string) map[string]schema.Text { return map[string]schema.Text{"en": {Name: name}} }

// price is an amount of at least one step.
func (w *world) price(code money.Code) money.Amount {
	most := map[money.Code]int{"USD": 600, "KRW": 6_000, money.PointsCode: 40}[code]
	return money.Amount(1+w.below(most)) * stepOf(code)
}

// prices are some in both currencies, or in one of them.
func (w *world) prices() schema.Prices {
	switch w.below(6) {
	case 0:
		return schema.Prices{"USD": w.price("USD")}
	case 1:
		return schema.Prices{"KRW": w.price("KRW")}
	}
	return schema.Prices{"USD": w.price("USD"), "KRW": w.price("KRW")}
}

// goodAt is a product at prices.
func (w *world) goodAt(kind product.Kind, units int, prices schema.Prices, tags ...string) {
	p := &ent.Product{ID: w.newID(), Kind: kind, Status: product.StatusACTIVE, Units: units, Language: "en", Tags: tags}
	p.Texts = text(fmt.Sprint(kind, " ", len(w.shop.productIDs)))
	w.reprice(p, prices)
	w.shop.products[p.ID] = p
	w.shop.productIDs = append(w.shop.productIDs, p.ID)
}

func (w *world) reprice(p *ent.Product, prices schema.Prices) {
	p.Edges.Prices = nil
	for _, code := range slices.Sorted(maps.Keys(prices)) {
		p.Edges.Prices = append(p.Edges.Prices, &ent.Price{ProductID: p.ID, Currency: code, Amount: prices[code]})
	}
}

// reward is a rule of rewards that is in force from the current revision on.
func (w *world) reward(ruleID uuid.UUID, kind earning.Kind, code string, version int, terms schema.RewardTerms) {
	w.shop.rules = append(w.shop.rules, earning.NewRule(ruleID, kind, version, w.revision+1, schema.RewardContent{
		Code: code, Status: earning.Active, Language: "en", Texts: text(code), Terms: terms,
	}))
}

// key is one that nobody has used.
func (w *world) key(shopper uuid.UUID, operation string) idempotency.Key {
	w.made++
	return idempotency.Key{ShopperID: shopper, Operation: operation, Text: fmt.Sprint("key ", w.made)}
}

// told is a request in words.
func told(r *request) string {
	who := short(r.claim.ShopperID)
	if r.refund != nil {
		return fmt.Sprintf("refund with %s of purchase %s by %s", r.claim.Text, short(r.refund.purchase), who)
	}
	text := fmt.Sprintf("checkout %s with %s by %s of", short(r.claim.ResultID), r.claim.Text, who)
	for _, item := range r.basket.Items {
		text += fmt.Sprintf(" %d x %s", item.Quantity, short(item.ID))
		for _, choice := range item.Choices {
			text += "/" + short(choice)
		}
	}
	text += fmt.Sprintf(" for %s %s", r.expected, r.basket.Currency)
	if r.coupon != uuid.Nil {
		text += " with coupon " + short(r.coupon)
	}
	if r.basket.RedeemPoints > 0 {
		text += fmt.Sprintf(" and %s points", r.basket.RedeemPoints)
	}
	return text
}

// short is the number in an id of a world.
func short(id uuid.UUID) string { return strconv.FormatUint(binary.BigEndian.Uint64(id[8:]), 10) }
