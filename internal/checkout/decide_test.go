package checkout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/achievement"
	"farthing/ent/product"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/earning"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// TestDecide runs random batches of checkouts through decide and through a naive model of a shop side by side: new ones
// and repeats, reused keys, batches that are rolled back and decided again, and batches whose COMMIT was answered by a
// broken connection, so that they are decided again on what they wrote themselves.
func TestDecide(t *testing.T) {
	t.Parallel()
	traded, earned := currencies(t, "USD,KRW"), earning.NewRulebook(rules("USD=10,KRW=0.01"))
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, traded, earned)
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			batch := rapid.SliceOfN(rapid.Custom(w.drawRequest), 1, 10).Draw(t, "batch")
			if rapid.IntRange(0, 3).Draw(t, "rolled back") == 0 {
				st := w.load()
				for _, r := range batch {
					if _, err := st.decide(r.request); err != nil {
						t.Fatal(err)
					}
				}
			}
			st, own := w.load(), map[uuid.UUID]bool{}
			for _, r := range batch {
				purchases, claimed, before := len(st.purchases), len(st.claimed), w.holdings(st)
				o, err := st.decide(r.request)
				if err != nil {
					t.Fatal(err)
				}
				want := w.model.decide(r, w.goods)
				if got := o.String(); got != want {
					t.Fatalf("%s: got %s, want %s", r, got, want)
				}
				if want == "bought" {
					own[r.claim.ResultID] = true
				} else if len(st.purchases) != purchases || len(st.claimed) != claimed || !maps.Equal(w.holdings(st), before) {
					t.Fatalf("%s: %s left a trace", r, want)
				}
				if diff := w.model.differs(st); diff != "" {
					t.Fatalf("after %s: %s", r, diff)
				}
			}
			w.commit(t, st)
			if rapid.IntRange(0, 3).Draw(t, "answer lost") == 0 {
				again := w.load()
				for _, r := range batch {
					o, err := again.decide(r.request)
					if err != nil {
						t.Fatal(err)
					}
					if own[r.claim.ResultID] && (o.recorded != r.claim.ResultID || o.replayed || o.err != nil) {
						t.Fatalf("%s was bought by itself, and then %+v", r, o)
					}
				}
				if len(again.purchases) > 0 {
					t.Fatalf("%d purchases were made again", len(again.purchases))
				}
			}
		}
	})
}

// String is the outcome as the model says it.
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

// world is a shop in memory: what would be in the database.
type world struct {
	currencies *money.Currencies
	rules      *earning.Rulebook
	shoppers   []uuid.UUID
	goods      []*ent.Product
	accounts   []*ent.Account
	claims     map[idempotency.Key]idempotency.Claim
	owned      map[held.Good]*ent.Entitlement
	standings  []*ent.RewardStanding
	story      []*ent.RewardEntry
	earned     []*ent.Achievement
	ordinals   map[uuid.UUID]int64
	model      model
	sent       []drawn
}

func newWorld(t *rapid.T, traded *money.Currencies, earned *earning.Rulebook) *world {
	w := &world{
		currencies: traded, rules: earned,
		shoppers: []uuid.UUID{id.New(), id.New(), id.New()},
		goods: []*ent.Product{
			good(product.KindCONSUMABLE, 10, "0.20 USD", "250 KRW"),
			good(product.KindCONSUMABLE, 1, "0 USD", "7 KRW"),
			good(product.KindDURABLE, 1, "1.99 USD"),
			good(product.KindDURABLE, 1, "0 USD", "1300 KRW"),
			good(product.KindDURABLE, 1, "3.00 USD"),
		},
		claims: map[idempotency.Key]idempotency.Claim{}, owned: map[held.Good]*ent.Entitlement{},
		ordinals: map[uuid.UUID]int64{}, model: model{},
	}
	w.goods[4].Status = product.StatusARCHIVED
	for i, s := range w.shoppers {
		m := &modelShopper{wallets: map[money.Code]wallet.Origins{}, owned: map[uuid.UUID]bool{}, keys: map[string]modelPurchase{}}
		w.model[s] = m
		for _, code := range []money.Code{"USD", "KRW"} {
			if rarely(t, "has no wallet") {
				continue
			}
			step := map[money.Code]money.Amount{"USD": money.Unit / 100, "KRW": money.Unit}[code]
			o := wallet.Origins{
				Paid:        money.Amount(5_000-rapid.Int64Range(0, 5_000).Draw(t, "less")) * step,
				Promotional: money.Amount(rapid.Int64Range(0, 300).Draw(t, "promotional")) * step,
			}
			m.wallets[code] = o
			w.accounts = append(w.accounts, &ent.Account{
				ID: id.New(), ShopperID: new(s), Kind: account.KindWALLET, Currency: code,
				Balance: o.Total(), Paid: o.Paid, Promotional: o.Promotional,
			})
		}
		if i == 1 { // is about to earn the second badge
			m.bought, w.ordinals[s] = 8, 8
			for n := range int64(8) {
				w.story = append(w.story, &ent.RewardEntry{
					ID: id.New(), ShopperID: s, Seq: n + 1, Kind: rewardentry.KindPURCHASE, PurchaseID: new(id.New()), TimeZone: "UTC",
					Facts:     schema.PurchaseFacts{Currency: "USD", Lines: []schema.FactLine{{Product: w.goods[1].ID, Quantity: 1}}},
					CreatedAt: noon.Add(-time.Hour),
				})
			}
			first := earned.Current().Badges[0]
			w.earned = append(w.earned, &ent.Achievement{
				ID: id.New(), ShopperID: s, Kind: achievement.KindBADGE, RuleID: first.ID, Version: first.Version, PurchaseID: *w.story[0].PurchaseID,
			})
		}
		if i == 0 { // has nearly as many points as there can be
			m.points = money.Max - 30*money.Unit
			w.story = append(w.story, &ent.RewardEntry{
				ID: id.New(), ShopperID: s, Seq: 1, Kind: rewardentry.KindREFUND, PurchaseID: new(id.New()), TimeZone: "UTC", Points: m.points,
				CreatedAt: noon.Add(-time.Hour),
			})
			w.accounts = append(w.accounts, &ent.Account{
				ID: id.New(), ShopperID: new(s), Kind: account.KindPOINTS, Currency: money.PointsCode, Balance: m.points, Promotional: m.points,
			})
		}
	}
	return w
}

// load gives the state that a batch would find. Rows are copies, as when they are read.
func (w *world) load() *state {
	accounts := make([]*ent.Account, len(w.accounts))
	for i, a := range w.accounts {
		accounts[i] = new(*a)
	}
	st := &state{
		known: &known{
			now: noon, board: offers.NewBoard(0, nil, nil, nil, nil),
			products: map[uuid.UUID]*ent.Product{}, owned: maps.Clone(w.owned),
		},
		currencies: w.currencies, rules: w.rules,
		shoppers: map[uuid.UUID]bool{}, claims: maps.Clone(w.claims), book: wallet.NewBook(noon, accounts...),
		ordinals: maps.Clone(w.ordinals),
	}
	st.desk = rewards.NewDesk(rewards.Seating{Book: st.book, Rules: w.rules, Now: noon, Shoppers: w.shoppers}, w.standings, w.story, w.earned)
	for _, s := range w.shoppers {
		st.shoppers[s] = true
	}
	for _, p := range w.goods {
		st.products[p.ID] = p
	}
	return st
}

// holdings are all balances of a state.
func (w *world) holdings(st *state) map[string]money.Amount {
	all := map[string]money.Amount{}
	for i, s := range w.shoppers {
		all[fmt.Sprint(i, " points")] = st.book.Points(s)
		for _, code := range []money.Code{"USD", "KRW"} {
			all[fmt.Sprint(i, code)] = st.holds(s, code).Total()
			all[fmt.Sprint(i, code, " paid")] = st.holds(s, code).Paid
		}
	}
	return all
}

// commit keeps what a batch would write, and checks what the constraints of the database would.
func (w *world) commit(t *rapid.T, st *state) {
	w.accounts = nil
	for _, s := range w.shoppers {
		for _, code := range []money.Code{"USD", "KRW"} {
			if a := st.book.Wallet(s, code); a != nil {
				if a.Balance < 0 || a.Balance != wallet.OriginsOf(a).Total() || min(a.Paid, a.Promotional) < 0 {
					t.Fatalf("wallet %+v", a)
				}
				w.accounts = append(w.accounts, a)
			}
		}
		if points := st.book.Points(s); points > 0 {
			w.accounts = append(w.accounts, &ent.Account{
				ID: id.New(), ShopperID: new(s), Kind: account.KindPOINTS, Currency: money.PointsCode, Balance: points, Promotional: points,
			})
		}
	}
	for _, c := range st.claimed {
		if _, twice := w.claims[c.Key]; twice {
			t.Fatalf("key %v is claimed twice", c.Key)
		}
		w.claims[c.Key] = c
	}
	for _, p := range st.purchases {
		if p.Ordinal != w.ordinals[p.ShopperID]+1 {
			t.Fatalf("purchase %d follows number %d", p.Ordinal, w.ordinals[p.ShopperID])
		}
		w.ordinals[p.ShopperID] = p.Ordinal
		var sum money.Amount
		for i, l := range p.Edges.Lines {
			sum += l.Total
			e := p.Edges.Entitlements[i]
			if e.ProductID != l.ProductID || e.Units != l.Units*l.Quantity || e.Remaining != e.Units || e.PurchaseID != p.ID || l.PurchaseID != p.ID || l.Position != i {
				t.Fatalf("line %+v gives %+v", l, e)
			}
			g := held.Good{ShopperID: p.ShopperID, ProductID: e.ProductID}
			if string(e.Kind) == string(product.KindDURABLE) {
				if w.owned[g] != nil {
					t.Fatalf("%v is owned twice", g)
				}
				w.owned[g] = e
			}
		}
		if sum != p.Total || len(p.Edges.Lines) != len(p.Edges.Entitlements) {
			t.Fatalf("purchase %+v", p)
		}
	}
	w.standings, w.story, w.earned = nil, nil, nil
	for _, s := range w.shoppers {
		standing, story, earned := st.desk.Kept(s)
		w.standings, w.story, w.earned = append(w.standings, standing), append(w.story, story...), append(w.earned, earned...)
	}
}

// drawn is a request, and its basket for the model.
type drawn struct {
	*request
	currency money.Code
}

func (d drawn) String() string {
	return fmt.Sprintf("checkout %s by %s of %v for %s %s", d.claim.Text, d.claim.ShopperID, d.basket.Items, d.expected, d.currency)
}

func (w *world) drawRequest(t *rapid.T) drawn {
	if len(w.sent) > 0 && rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
		again := *rapid.SampledFrom(w.sent).Draw(t, "of").request
		again.claim.ResultID = id.New()
		again.basket.Items = slices.Clone(again.basket.Items)
		slices.Reverse(again.basket.Items)
		return drawn{&again, again.basket.Currency}
	}
	shopper := rapid.SampledFrom(w.shoppers).Draw(t, "shopper")
	if rarely(t, "stranger") {
		shopper = id.New()
	}
	goods := w.goods
	if rarely(t, "something unknown") {
		goods = append(slices.Clone(goods), &ent.Product{ID: id.New()})
	}
	if !rarely(t, "something archived") {
		goods = slices.DeleteFunc(slices.Clone(goods), func(p *ent.Product) bool { return p.Status == product.StatusARCHIVED })
	}
	items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Item {
		return of(rapid.SampledFrom(goods).Draw(t, "good"), rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 1, 1, 2, 3}).Draw(t, "quantity"))
	}), 1, 3).Draw(t, "items")
	code := rapid.SampledFrom([]money.Code{"USD", "KRW"}).Draw(t, "currency")
	total := w.total(items, code)
	total += money.Amount(rapid.SampledFrom([]int64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, -1}).Draw(t, "off by")) * money.Unit / 100
	key := fmt.Sprint("key ", rapid.IntRange(1, 1000).Draw(t, "key"))
	in := order(key, max(total, 0).String(), items...).in(code)
	fingerprint, err := in.fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	d := drawn{currency: code, request: &request{
		claim: idempotency.Claim{
			Key:         idempotency.Key{ShopperID: shopper, Operation: operation, Text: key},
			Fingerprint: fingerprint, ResultID: id.New(),
		},
		basket: in.Basket, expected: in.ExpectedTotal, caller: actor.Actor{Subject: "sam"},
	}}
	w.sent = append(w.sent, d)
	return d
}

// rarely is true now and then. (Small numbers are drawn more often than large ones.)
func rarely(t *rapid.T, what string) bool { return rapid.IntRange(0, 20).Draw(t, what) == 20 }

// total is what a basket costs, worked out item by item.
func (w *world) total(items []Item, code money.Code) money.Amount {
	var total money.Amount
	charged := map[uuid.UUID]bool{}
	for _, item := range items {
		for _, p := range w.goods {
			for _, price := range p.Edges.Prices {
				if p.ID != item.ID || price.Currency != code {
					continue
				}
				switch {
				case p.Kind == product.KindCONSUMABLE:
					total += price.Amount * money.Amount(item.Quantity)
				case !charged[p.ID]:
					total += price.Amount
					charged[p.ID] = true
				}
			}
		}
	}
	return total
}

// model is a shop as one would explain it: no batches, no locks.
type model map[uuid.UUID]*modelShopper

type modelShopper struct {
	wallets map[money.Code]wallet.Origins
	points  money.Amount
	owned   map[uuid.UUID]bool
	bought  int64
	keys    map[string]modelPurchase
}

type modelPurchase struct {
	id      uuid.UUID
	content string
}

// content is a request in words.
func content(d drawn) string {
	quantities := map[string]int64{}
	for _, item := range d.basket.Items {
		quantities[item.ID.String()] += item.Quantity
	}
	return fmt.Sprint(d.currency, d.expected, quantities) // maps are printed in the order of their keys
}

func (m model) decide(d drawn, goods []*ent.Product) string {
	s := m[d.claim.ShopperID]
	if s == nil {
		return "NOT_FOUND"
	}
	if earlier, used := s.keys[d.claim.Text]; used {
		if earlier.content != content(d) {
			return "IDEMPOTENCY_KEY_REUSED"
		}
		return fmt.Sprintf("recorded %s true", earlier.id)
	}
	var codes []string
	var total money.Amount
	var durables []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for _, item := range d.basket.Items {
		if seen[item.ID] {
			continue
		}
		seen[item.ID] = true
		var quantity, most int64
		for _, same := range d.basket.Items {
			if same.ID == item.ID {
				quantity, most = quantity+same.Quantity, max(most, same.Quantity)
			}
		}
		at := slices.IndexFunc(goods, func(p *ent.Product) bool { return p.ID == item.ID })
		if at < 0 {
			codes = append(codes, "NOT_FOUND")
			continue
		}
		p := goods[at]
		in := slices.IndexFunc(p.Edges.Prices, func(price *ent.Price) bool { return price.Currency == d.currency })
		if p.Status != product.StatusACTIVE || in < 0 {
			codes = append(codes, "NOT_AVAILABLE")
		}
		if in < 0 {
			continue
		}
		if p.Kind == product.KindDURABLE {
			durables = append(durables, p.ID)
			if most > 1 {
				codes = append(codes, "INVALID_INPUT")
			}
			if s.owned[p.ID] {
				codes = append(codes, "ALREADY_OWNED")
			}
			quantity = 1
		}
		total += p.Edges.Prices[in].Amount * money.Amount(quantity)
	}
	funds := s.wallets[d.currency]
	points := (total - min(total, funds.Promotional)) / money.Unit * 10 // USD=10, and what is below a unit
	points += (total - min(total, funds.Promotional)) % money.Unit * 10 / money.Unit
	if d.currency == "KRW" {
		points = (total - min(total, funds.Promotional)) / money.Unit / 100
	}
	points *= money.Unit
	switch {
	case len(codes) > 0:
		slices.Sort(codes)
		return strings.Join(codes, " ")
	case total != d.expected:
		return "PRICE_CHANGED"
	case total > funds.Total():
		return "INSUFFICIENT_FUNDS"
	case s.points+points > money.Max:
		return "INVALID_INPUT"
	}
	promotional := min(total, funds.Promotional)
	if _, has := s.wallets[d.currency]; has {
		s.wallets[d.currency] = wallet.Origins{Promotional: funds.Promotional - promotional, Paid: funds.Paid - (total - promotional)}
	}
	s.points += points
	for _, p := range durables {
		s.owned[p] = true
	}
	s.bought++
	s.keys[d.claim.Text] = modelPurchase{d.claim.ResultID, content(d)}
	return "bought"
}

// differs says how a state differs from the model; empty when it does not.
func (m model) differs(st *state) string {
	for shopper, s := range m {
		for _, code := range []money.Code{"USD", "KRW"} {
			if got := st.holds(shopper, code); got != s.wallets[code] {
				return fmt.Sprintf("%s has %+v %s, want %+v", shopper, got, code, s.wallets[code])
			}
		}
		if got := st.book.Points(shopper); got != s.points {
			return fmt.Sprintf("%s has %s points, want %s", shopper, got, s.points)
		}
		if got := st.ordinals[shopper]; got != s.bought {
			return fmt.Sprintf("%s has bought %d times, want %d", shopper, got, s.bought)
		}
		_, story, earned := st.desk.Kept(shopper)
		for i, after := range []int64{1, 10} {
			badge, times := st.rules.Current().Badges[i], 0
			for _, a := range earned {
				if a.RuleID == badge.ID {
					times++
				}
			}
			if want := map[bool]int{true: 1}[s.bought >= after]; times != want {
				return fmt.Sprintf("%s has badge %s %d times after %d purchases", shopper, badge.Code, times, s.bought)
			}
		}
		var left money.Amount
		for _, e := range story {
			left += e.Points - e.Used - e.Expired - e.Revoked
		}
		if left != s.points {
			return fmt.Sprintf("%s has lots of %s points, want %s", shopper, left, s.points)
		}
		owned := 0
		for good := range st.owned {
			if good.ShopperID == shopper {
				owned++
			}
		}
		if owned != len(s.owned) {
			return fmt.Sprintf("%s owns %d goods, want %d", shopper, owned, len(s.owned))
		}
	}
	return ""
}
