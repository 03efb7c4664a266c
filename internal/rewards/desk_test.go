package rewards_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/leaderboardscore"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchase"
	"farthing/ent/purchaseline"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/ent/transfer"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/proof"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// arcade is a shop that sells at the desk as a till does, and writes purchases and refunds down as far as rewards know of
// them. Its shoppers are rich. It is told what happens in words: see does.
type arcade struct {
	*stall

	wallets  *wallet.Service
	shoppers map[string]uuid.UUID
	sold     map[string]*sale
	changes  map[string]func()
	keys     int
}

// sale is a purchase by the name that a test gives it.
type sale struct {
	purchase *ent.Purchase
	shopper  uuid.UUID
	paid     wallet.Origins
}

func openArcade(t testing.TB, d *db.DB) *arcade {
	t.Helper()
	a := &arcade{stall: openStall(t, d), shoppers: map[string]uuid.UUID{}, sold: map[string]*sale{}, changes: map[string]func(){}}
	traded, err := money.ParseCurrencies("USD,EUR")
	if err != nil {
		t.Fatal(err)
	}
	a.wallets = wallet.New(d, traded, a.now)
	return a
}

// who is a shopper by name, who comes with 10,000 USD.
func (a *arcade) who(t testing.TB, name string) uuid.UUID {
	t.Helper()
	if shopper, ok := a.shoppers[name]; ok {
		return shopper
	}
	shopper := a.client(t, name)
	a.shoppers[name] = shopper
	_, err := a.wallets.TopUp(asAda(t), wallet.TopUpInput{
		IdempotencyKey: a.key(), ShopperID: shopper, Currency: "USD", Amount: whole(10_000), Reference: "rich",
	})
	if err != nil {
		t.Fatal(err)
	}
	return shopper
}

// asAda is a context in which an administrator is calling.
func asAda(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "ada", Roles: []actor.Role{actor.Admin}})
}

func (a *arcade) key() string {
	a.keys++
	return fmt.Sprint("key-", a.keys)
}

func amount(text string) money.Amount {
	n, err := money.ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return n
}

// does lets something happen, and gives in words what came of it. What stands in one line, parted by semicolons, is one
// batch of a till. The words are
//
//	ana buys 3 #tag /category @creator, 4 !sale spending 5 as first
//	ana gets 30 as goods     for points
//	ana returns first
//	ana redeems freeze
//	ana plans 3              as a quote does
//	ana is given 5           of the shop's money
//	ana moves to Asia/Seoul
//	ana shows as Queen; ana hides
//	ana has                  what points
//	ana ranks                where on leaderboards
//	after 24h
//	change price             one of the case's changes
func (a *arcade) does(t testing.TB, line string) string {
	t.Helper()
	words := strings.Fields(line)
	switch words[0] {
	case "after":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		a.pass(d)
		return ""
	case "change":
		a.changes[words[1]]()
		return ""
	}
	shopper := a.who(t, words[0])
	switch verb := strings.Join(words[1:min(3, len(words))], " "); verb {
	case "is given":
		_, err := a.wallets.Adjust(asAda(t), wallet.AdjustInput{
			IdempotencyKey: a.key(), ShopperID: shopper, Currency: "USD", Amount: amount(words[3]), Origin: wallet.Promotional, Reason: "Good will.",
		})
		if err != nil {
			t.Fatal(err)
		}
		return ""
	case "moves to":
		a.choose(t, rewards.Settings{ShopperID: shopper, TimeZone: catalog.Change[string]{Set: true, Value: words[3]}})
		return ""
	case "shows as":
		a.choose(t, rewards.Settings{ShopperID: shopper, DisplayName: catalog.Change[*string]{Set: true, Value: &words[3]}})
		return ""
	case "hides":
		a.choose(t, rewards.Settings{ShopperID: shopper, DisplayName: catalog.Change[*string]{Set: true}})
		return ""
	case "has":
		return a.has(t, shopper)
	case "ranks":
		return a.ranks(t, shopper)
	}
	return strings.Join(a.together(t, strings.Split(line, ";")), "; ")
}

// has is a shopper's balance, and what is left of which points.
func (a *arcade) has(t testing.TB, shopper uuid.UUID) string {
	t.Helper()
	book, err := wallet.Load(t.Context(), a.db.Client(), a.now(), shopper)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := a.db.Client().RewardEntry.Query().Where(rewardentry.ShopperID(shopper)).Order(rewardentry.BySeq()).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{book.Points(shopper).String()}
	for _, e := range entries {
		if left := e.Points - e.Used - e.Expired - e.Revoked; left > 0 {
			shown = append(shown, fmt.Sprintf("%s of #%d", left, e.Seq))
			if e.ExpiresAt != nil {
				shown[len(shown)-1] += fmt.Sprintf(" for %s", e.ExpiresAt.Sub(a.now()))
			}
		}
	}
	return strings.Join(shown, ", ")
}

func (a *arcade) ranks(t testing.TB, shopper uuid.UUID) string {
	t.Helper()
	rows, err := a.db.Client().LeaderboardScore.Query().Where(leaderboardscore.ShopperID(shopper)).
		Order(leaderboardscore.ByRuleID(), leaderboardscore.ByPeriod()).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, row := range rows {
		shown = append(shown, fmt.Sprintf("%d: %s since %s", row.Period, money.Amount(row.Score), row.ReachedAt.UTC().Format("2 Jan 15:04")))
	}
	return strings.Join(shown, ", ")
}

// batch is one transaction of a till.
type batch struct {
	*arcade
	testing.TB

	ctx  context.Context //nolint:containedctx // It lives as long as the transaction.
	tx   *ent.Tx
	book *wallet.Book
	desk *rewards.Desk
	now  time.Time
}

// together carries out requests in one transaction. The desk is opened for all shoppers there are.
func (a *arcade) together(t testing.TB, lines []string) (told []string) {
	t.Helper()
	var all, refunding []uuid.UUID
	for _, line := range lines {
		words := strings.Fields(line)
		a.who(t, words[0])
		if words[1] == "returns" {
			refunding = append(refunding, a.who(t, words[0]))
		}
	}
	for _, shopper := range a.shoppers {
		all = append(all, shopper)
	}
	a.tx(t, func(ctx context.Context, tx *ent.Tx) error {
		if _, err := identity.Lock(ctx, tx, all...); err != nil {
			return err
		}
		if err := catalog.Hold(ctx, tx); err != nil {
			return err
		}
		b := &batch{arcade: a, TB: t, ctx: ctx, tx: tx, now: a.now()}
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		rules, err := a.Rulebooks.Held(ctx, tx, revision)
		if err != nil {
			return err
		}
		if b.book, err = wallet.Load(ctx, tx.Client(), b.now, all...); err != nil {
			return err
		}
		b.desk, err = rewards.OpenDesk(ctx, tx.Client(), rewards.Seating{
			Book: b.book, Rules: rules, Revision: revision, Now: b.now, Shoppers: all,
			Spending: spending(a.shoppers, lines), Refunding: refunding,
		})
		if err != nil {
			return err
		}
		for _, line := range lines {
			line, name, _ := strings.Cut(strings.TrimSpace(line), " as ")
			words := strings.Fields(line)
			shopper, rest := a.shoppers[words[0]], strings.Join(words[2:], " ")
			switch words[1] {
			case "buys":
				told = append(told, b.buy(shopper, name, rest))
			case "gets":
				told = append(told, b.goods(shopper, name, amount(rest)))
			case "returns":
				told = append(told, b.undo(shopper, a.sold[rest]))
			case "redeems":
				told = append(told, b.perk(rules, shopper, rest))
			case "plans":
				facts, _ := b.facts(rest, func(total money.Amount) money.Amount { return total })
				plan, err := b.desk.Plan(shopper, facts, 0)
				b.must(err)
				told = append(told, b.says(plan.Earned))
			default:
				t.Fatalf("nobody can do this: %s", line)
			}
		}
		if err := b.book.Apply(ctx, tx); err != nil {
			return err
		}
		return b.desk.Apply(ctx, tx)
	})
	return told
}

// spending are those who spend points.
func spending(shoppers map[string]uuid.UUID, lines []string) (spending []uuid.UUID) {
	for _, line := range lines {
		if words := strings.Fields(line); words[1] == "gets" || words[1] == "redeems" || slices.Contains(words, "spending") {
			spending = append(spending, shoppers[words[0]])
		}
	}
	return spending
}

func (b *batch) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// facts are those of some lines, of which so much is really paid.
func (b *batch) facts(text string, pay func(total money.Amount) money.Amount) (*schema.PurchaseFacts, []money.Amount) {
	b.Helper()
	facts := &schema.PurchaseFacts{Currency: "USD"}
	var totals []money.Amount
	for line := range strings.SplitSeq(text, ",") {
		words := strings.Fields(line)
		fact := schema.FactLine{Product: uuid.NewSHA1(uuid.Nil, []byte(line)), Quantity: 1}
		for _, word := range words[1:] {
			switch label := word[1:]; word[0] {
			case '#':
				fact.Tags = append(fact.Tags, label)
			case '/':
				fact.Categories = append(fact.Categories, label)
			case '@':
				fact.Creator = label
			case '!':
				fact.Sale, fact.Trial = label == "sale", label == "trial"
			}
		}
		facts.Lines, totals = append(facts.Lines, fact), append(totals, amount(words[0]))
	}
	total, err := money.Sum(totals...)
	b.must(err)
	facts.Paid = pay(total)
	shares, err := earning.ShareOfPaid(facts.Paid, totals)
	b.must(err)
	for i := range shares {
		facts.Lines[i].Paid = shares[i]
	}
	return facts, totals
}

// says is what a purchase earns.
func (b *batch) says(e earning.Earned) string {
	var parts []string
	for _, p := range e.Points {
		parts = append(parts, fmt.Sprintf("%s %s", p.Code, p.Points))
	}
	for _, q := range e.Quests {
		parts = append(parts, fmt.Sprintf("quest %s %s", q.Code, q.Points))
	}
	for _, got := range e.Badges {
		parts = append(parts, "badge "+got.Code)
	}
	text := fmt.Sprintf("%s: +%s", strings.Join(parts, ", "), e.Total)
	if e.Level != "" {
		text += " at " + e.Level
	}
	return strings.TrimPrefix(text, ": ") + fmt.Sprintf(", has %s", e.Balance)
}

// record writes a purchase down.
func (b *batch) record(shopper uuid.UUID, code money.Code, points money.Amount, facts *schema.PurchaseFacts, totals []money.Amount) *ent.Purchase {
	b.Helper()
	made, err := b.tx.Purchase.Query().Where(purchase.ShopperID(shopper)).Count(b.ctx)
	b.must(err)
	total, err := money.Sum(totals...)
	b.must(err)
	var discounts money.Amount
	for _, fact := range facts.Lines {
		if fact.Sale {
			discounts += money.Unit
		}
	}
	p, err := b.tx.Purchase.Create().SetShopperID(shopper).SetOrdinal(int64(made) + 1).SetCurrency(code).
		SetSubtotal(total + discounts).SetTotal(total).SetPoints(points).SetActor("till").SetCreatedAt(b.now).Save(b.ctx)
	b.must(err)
	for i, total := range totals {
		line := b.tx.PurchaseLine.Create().SetPurchaseID(p.ID).SetPosition(i).SetKind(purchaseline.KindCONSUMABLE).SetLanguage("en").
			SetNames(map[string]string{}).SetQuantity(1).SetUnits(1).SetProductID(id.New()).SetTotal(total)
		list := total
		if i < len(facts.Lines) {
			fact := facts.Lines[i]
			line.SetProductID(fact.Product).SetNillableBundleID(fact.Bundle)
			if fact.Trial {
				line.SetTrialOfferID(id.New())
			}
			if fact.Sale {
				list += money.Unit
			}
		}
		row, err := line.SetUnitPrice(list).SetSubtotal(list).Save(b.ctx)
		b.must(err)
		if list > total {
			b.must(b.tx.LineAdjustment.Create().SetLineID(row.ID).SetPosition(0).SetKind(lineadjustment.KindFLASH_SALE).SetSourceID(id.New()).
				SetLanguage("en").SetNames(map[string]string{}).SetAmount(list - total).SetUnits(1).Exec(b.ctx))
		}
	}
	return p
}

// buy makes a purchase with money, "3 #tag, 4 spending 5".
func (b *batch) buy(shopper uuid.UUID, name, text string) string {
	b.Helper()
	text, points, _ := strings.Cut(text, " spending ")
	var spent money.Amount
	if points != "" {
		spent = amount(points)
		if short := b.desk.Affords(shopper, spent); short != nil {
			return string(short.Code)
		}
	}
	var paid wallet.Origins
	facts, totals := b.facts(text, func(total money.Amount) money.Amount {
		paid = wallet.OriginsOf(b.book.Wallet(shopper, "USD")).Take(total)
		return paid.Paid
	})
	plan, err := b.desk.Plan(shopper, facts, spent)
	if errors.Is(err, earning.ErrTooMuch) {
		return "too much"
	}
	b.must(err)
	p := b.record(shopper, "USD", plan.Total, facts, totals)
	if paid.Total() > 0 {
		_, err = b.book.Debit(shopper, "USD", paid.Total(), account.KindREVENUE, wallet.Entry{
			Kind: transfer.KindPURCHASE, PurchaseID: &p.ID, Actor: "till",
		})
		b.must(err)
	}
	_, err = b.desk.Carry(plan, rewards.Purchase{ID: p.ID, Actor: "till"})
	b.must(err)
	b.sold[name] = &sale{purchase: p, shopper: shopper, paid: paid}
	if got := b.desk.Points(shopper); got != plan.Balance {
		b.Errorf("%s points are left, planned were %s", got, plan.Balance)
	}
	return b.says(plan.Earned)
}

// goods makes a purchase with points.
func (b *batch) goods(shopper uuid.UUID, name string, price money.Amount) string {
	b.Helper()
	if short := b.desk.Affords(shopper, price); short != nil {
		return string(short.Code)
	}
	facts := &schema.PurchaseFacts{Currency: money.PointsCode}
	plan, err := b.desk.Plan(shopper, facts, price)
	b.must(err)
	p := b.record(shopper, money.PointsCode, plan.Total, facts, []money.Amount{price})
	_, err = b.desk.Carry(plan, rewards.Purchase{ID: p.ID, Actor: "till", Goods: true})
	b.must(err)
	b.sold[name] = &sale{purchase: p, shopper: shopper}
	return b.says(plan.Earned)
}

// undo refunds a purchase.
func (b *batch) undo(shopper uuid.UUID, of *sale) string {
	b.Helper()
	p, refund := of.purchase, id.New()
	if of.paid.Total() > 0 {
		b.must(b.book.Credit(shopper, "USD", of.paid, account.KindREVENUE, wallet.Entry{
			Kind: transfer.KindREFUND, PurchaseID: &p.ID, RefundID: &refund, Actor: "till",
		}))
	}
	u, err := b.desk.Refund(shopper, rewards.Purchase{ID: p.ID, Actor: "till", Goods: p.Currency == money.PointsCode}, refund)
	b.must(err)
	b.must(b.tx.Refund.Create().SetID(refund).SetPurchaseID(p.ID).SetShopperID(shopper).SetCurrency(p.Currency).SetTotal(p.Total).
		SetPointsTaken(u.Taken).SetPointsReturned(u.Returned).SetReason("Regret.").SetActor("till").SetCreatedAt(b.now).Exec(b.ctx))
	text := fmt.Sprintf("-%s", u.Taken)
	if u.Returned > 0 {
		text += fmt.Sprintf(", +%s back", u.Returned)
	}
	for _, lost := range u.Lost {
		rule, err := b.tx.RewardRule.Get(b.ctx, lost.RuleID)
		b.must(err)
		text += ", loses " + rule.Code
	}
	return text + fmt.Sprintf(", has %s", u.Balance)
}

// perk redeems points for one.
func (b *batch) perk(rules *earning.Rulebook, shopper uuid.UUID, code string) string {
	b.Helper()
	i := slices.IndexFunc(rules.Current().Perks, func(r *earning.Rule) bool { return r.Code == code })
	if i < 0 {
		b.Fatalf("there is no perk %s", code)
	}
	perk := rules.Current().Perks[i]
	if short := b.desk.Affords(shopper, perk.Terms.Perk.Cost); short != nil {
		return string(short.Code)
	}
	e, err := b.desk.Redeem(shopper, perk, id.New(), "till")
	b.must(err)
	return fmt.Sprintf("-%s, has %s", e.SpentPoints, e.Result.Balance)
}

// wantSound fails unless every claim about the ledger and about rewards holds, and the audit finds no difference.
func (a *arcade) wantSound(t testing.TB) rewards.Counted {
	t.Helper()
	for _, claim := range a.contradicted(t) {
		t.Errorf("it does not hold that %s", claim)
	}
	counted, err := a.Audit(t.Context(), func(d rewards.Difference) {
		t.Errorf("entry %s of shopper %s: %s is %s, want %s", d.Entry, d.Shopper, d.What, d.Got, d.Want)
	})
	if err != nil {
		t.Fatal(err)
	}
	return counted
}

// contradicted are the claims that do not hold.
func (a *arcade) contradicted(t testing.TB) (names []string) {
	t.Helper()
	err := a.db.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		results, err := proof.Check(ctx, tx, slices.Concat(wallet.Claims(), rewards.Claims()))
		for _, result := range results {
			if !result.Holds {
				names = append(names, result.Claim)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// rates is a points rule by money paid.
func rates(points string, more ...func(*schema.PointsTerms)) schema.RewardTerms {
	terms := schema.PointsTerms{Rates: schema.Prices{"USD": amount(points)}}
	for _, change := range more {
		change(&terms)
	}
	return schema.RewardTerms{Points: &terms}
}

func lasting(days int) func(*schema.PointsTerms) {
	return func(p *schema.PointsTerms) { p.ExpireDays = &days }
}

func perDay(most int64) func(*schema.PointsTerms) {
	return func(p *schema.PointsTerms) { p.PerDay = new(whole(most)) }
}

func ever(most int64) func(*schema.PointsTerms) {
	return func(p *schema.PointsTerms) { p.PerShopper = new(whole(most)) }
}

// instead gives fixed points or extra in the place of a rate.
func instead(points, extraPercent int64) func(*schema.PointsTerms) {
	return func(p *schema.PointsTerms) { p.Rates, p.Points, p.ExtraPercent = nil, whole(points), extraPercent }
}

func firstOnly(p *schema.PointsTerms) { p.FirstPurchase = true }

func tagged(tag string) func(*schema.PointsTerms) {
	return func(p *schema.PointsTerms) { p.Scope.Tags = []string{tag} }
}

func streakOf(period string, grace int) schema.RewardTerms {
	return schema.RewardTerms{Streak: &schema.StreakTerms{Period: period, Grace: grace}}
}

// aWeek is the window of a quest.
var aWeek = inWindow(opening, opening.Add(7*24*time.Hour))

// happens is a line of a story, and what comes of it.
type happens struct{ line, want string }

// deskCases are stories. Each begins at noon of a Thursday.
var deskCases = []struct {
	name  string
	rules func(t testing.TB, a *arcade)
	story []happens
}{
	{
		"points of a refunded purchase go",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1")) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"ben buys 4", "rate 4: +4, has 4"},
			{"ana buys 5", "rate 5: +5, has 15"},
			{"ana returns p", "-10, has 5"},
			{"ana has", "5, 5 of #2"},
			{"ben has", "4, 4 of #1"},
		},
	},
	{
		"spent points become a debt that later points pay",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1")) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"ana gets 8 as goods", "+0, has 2"},
			{"ana returns p", "-10, has -8"},
			{"ana has", "-8"},
			{"ana gets 1", "INSUFFICIENT_FUNDS"},
			{"ana buys 5 as q", "rate 5: +5, has -3"},
			{"ana has", "-3"},
			{"ana buys 6 as r", "rate 6: +6, has 3"},
			{"ana has", "3, 3 of #5"},
			{"ana returns r", "-6, has -3"},
			{"ana returns q", "-5, has -8"},
			{"ana returns goods", "-0, +8 back, has 0"},
			{"ana has", "0"},
		},
	},
	{
		"spent points are made up for by others first",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1", lasting(30))) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"after 24h", ""},
			{"ana buys 7", "rate 7: +7, has 17"},
			{"ana gets 12", "+0, has 5"},
			{"ana has", "5, 5 of #2 for 720h0m0s"},
			{"ana returns p", "-10, has -5"},
			{"ana buys 6", "rate 6: +6, has 1"},
			{"ana has", "1, 1 of #5 for 720h0m0s"},
		},
	},
	{
		"points that have expired are not taken again",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1", lasting(1))) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"ana gets 4", "+0, has 6"},
			{"after 23h59m59s", ""},
			{"ana plans 1", "rate 1: +1, has 7"},
			{"after 1s", ""},
			{"ana plans 1", "rate 1: +1, has 1"},
			{"ana has", "6, 6 of #1 for 0s"},
			{"ana gets 1", "INSUFFICIENT_FUNDS"},
			{"ana buys 3 as q", "rate 3: +3, has 3"},
			{"ana has", "3, 3 of #3 for 24h0m0s"},
			{"ana returns p", "-4, has -1"},
			{"ana buys 5", "rate 5: +5, has 4"},
		},
	},
	{
		"points expire before a refund is decided",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1", lasting(1))) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"}, {"after 25h", ""}, {"ana returns p", "-0, has 0"}, {"ana has", "0"},
		},
	},
	{
		"points that were spent on a purchase come back to where they were",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1", lasting(30))) },
		[]happens{
			{"ana buys 10", "rate 10: +10, has 10"},
			{"after 24h", ""},
			{"ana buys 10", "rate 10: +10, has 20"},
			{"ana buys 3 spending 14 as p", "rate 3: +3, has 9"},
			{"ana has", "9, 6 of #2 for 720h0m0s, 3 of #3 for 720h0m0s"},
			{"ana returns p", "-3, +14 back, has 20"},
			{"ana has", "20, 10 of #1 for 696h0m0s, 10 of #2 for 720h0m0s"},
		},
	},
	{
		"points that were spent and would have expired are given anew",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1", lasting(30))) },
		[]happens{
			{"ana buys 10", "rate 10: +10, has 10"},
			{"after 48h", ""},
			{"ana buys 10", "rate 10: +10, has 20"},
			{"ana gets 14 as goods", "+0, has 6"},
			{"after 690h", ""},
			{"ana returns goods", "-0, +14 back, has 20"},
			{"ana has", "20, 10 of #2 for 30h0m0s, 10 of #4 for 720h0m0s"},
			{"ana gets 15 as more", "+0, has 5"},
			{"after 719h", ""},
			{"ana returns more", "-0, +15 back, has 20"},
			{"ana has", "20, 10 of #4 for 1h0m0s, 10 of #6 for 720h0m0s"},
			{"after 1h", ""},
			{"ana gets 1", "+0, has 9"},
		},
	},
	{
		"points that come back pay a debt first",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1")) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"ana buys 4 as q", "rate 4: +4, has 14"},
			{"ana gets 12 as goods", "+0, has 2"},
			{"ana returns p", "-10, has -8"},
			{"ana returns goods", "-0, +12 back, has 4"},
			{"ana has", "4, 2 of #1, 2 of #2"},
			{"ana returns q", "-4, has 0"},
		},
	},
	{
		"a purchase that spends what it takes back again",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1")) },
		[]happens{
			{"ana buys 10", "rate 10: +10, has 10"},
			{"ana buys 20 spending 10 as p", "rate 20: +20, has 20"},
			{"ana gets 15", "+0, has 5"},
			{"ana returns p", "-20, +10 back, has -5"},
			{"ana has", "-5"},
		},
	},
	{
		"a debt is paid by a purchase that is refunded",
		func(t testing.TB, a *arcade) { a.rule(t, earning.Points, "rate", rates("1")) },
		[]happens{
			{"ana buys 10 as p", "rate 10: +10, has 10"},
			{"ana gets 10", "+0, has 0"},
			{"ana returns p", "-10, has -10"},
			{"ana buys 15 as q", "rate 15: +15, has 5"},
			{"ana returns q", "-15, has -10"},
			{"ana has", "-10"},
		},
	},
	{
		"only money that was really paid earns",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("10", tagged("a")))
			a.rule(t, earning.Points, "gift", rates("1", instead(5, 0)))
		},
		[]happens{
			{"ana is given 6", ""},
			{"ana buys 3 #a, 6", "rate 10, gift 5: +15, has 15"},
			{"ana is given 6", ""},
			{"ana buys 3 #a as p", "+0, has 15"},
			{"ana buys 0 #a", "+0, has 15"},
			{"ana returns p", "-0, has 15"},
		},
	},
	{
		"a badge goes when its condition holds no longer, and stays when it does",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
			a.rule(t, earning.Badge, "two", badgeFor(earning.Purchases, 2))
			a.rule(t, earning.Badge, "seller", badgeFor(earning.Creators, 2))
		},
		[]happens{
			{"ana buys 1 @x as p", "badge one: +0, has 0"},
			{"ana buys 1 @y as q", "badge two, badge seller: +0, has 0"},
			{"ana buys 1 @x as r", "+0, has 0"},
			{"ana returns p", "-0, has 0"},
			{"ana returns q", "-0, loses two, loses seller, has 0"},
			{"ana buys 1 @y", "badge two, badge seller: +0, has 0"},
			{"ana returns r", "-0, loses two, loses seller, has 0"},
		},
	},
	{
		"a badge stays by the version that awarded it",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Badge, "badge", badgeFor(earning.Purchases, 2))
			a.changes["badge"] = func() { a.rule(t, earning.Badge, "badge", badgeFor(earning.Creators, 5)) }
			a.changes["back"] = func() { a.rule(t, earning.Badge, "badge", badgeFor(earning.Purchases, 1)) }
		},
		[]happens{
			{"ana buys 1 as p", "+0, has 0"},
			{"ana buys 1 as q", "badge badge: +0, has 0"},
			{"change badge", ""},
			{"ana buys 1 as r", "+0, has 0"},
			{"ana returns p", "-0, has 0"},
			{"ana returns r", "-0, loses badge, has 0"},
			{"change back", ""},
			{"ana buys 1", "badge badge: +0, has 0"},
		},
	},
	{
		"a quest that is still complete keeps its points, and that of another purchase goes",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Quest, "two", questFor(earning.Purchases, 2, 50), aWeek)
		},
		[]happens{
			{"ana buys 1 as p", "rate 1: +1, has 1"},
			{"ana buys 2 as q", "rate 2, quest two 50: +52, has 53"},
			{"ana buys 4 as r", "rate 4: +4, has 57"},
			{"ana returns q", "-2, has 55"},
			{"ana has", "55, 1 of #1, 50 of #2, 4 of #3"},
			{"ana returns p", "-51, loses two, has 4"},
			{"ana has", "4, 4 of #3"},
			{"ana buys 8 as s", "rate 8, quest two 50: +58, has 62"},
			{"ana returns r", "-54, loses two, has 8"},
			{"ana returns s", "-8, has 0"},
		},
	},
	{
		"a quest that goes takes badges by points with it",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Quest, "two", questFor(earning.Purchases, 2, 50), aWeek)
			a.rule(t, earning.Badge, "fifty", badgeFor(earning.PointsEarned, int64(whole(50))))
		},
		[]happens{
			{"ana buys 1 as p", "rate 1: +1, has 1"},
			{"ana buys 2 as q", "rate 2, quest two 50, badge fifty: +52, has 53"},
			{"ana gets 40", "+0, has 13"},
			{"ana returns p", "-51, loses two, loses fifty, has -38"},
			{"ana buys 1", "rate 1, quest two 50, badge fifty: +51, has 13"},
		},
	},
	{
		"levels are reached and lost",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Level, "bronze", levelFrom(5))
			a.rule(t, earning.Level, "silver", schema.RewardTerms{Level: &schema.LevelTerms{From: whole(10), ExtraPercent: 5_000}})
		},
		[]happens{
			{"ana buys 6 as p", "rate 6: +6 at bronze, has 6"},
			{"ana buys 4 as q", "rate 4: +4 at silver, has 10"},
			{"ana buys 4 as r", "rate 4, silver 2: +6 at silver, has 16"},
			{"ana gets 16", "+0 at silver, has 0"},
			{"ana returns p", "-6, has -6"},
			{"ana plans 4", "rate 4, silver 2: +6 at silver, has 0"},
			{"ana returns r", "-6, has -12"},
			{"ana plans 1", "rate 1: +1 at bronze, has -11"},
			{"ana returns q", "-4, has -16"},
			{"ana plans 1", "rate 1: +1, has -15"},
		},
	},
	{
		"caps have room again after a refund",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "day", rates("1", perDay(10)))
			a.rule(t, earning.Points, "ever", rates("1", ever(15)))
		},
		[]happens{
			{"ana buys 8 as p", "day 8, ever 8: +16, has 16"},
			{"ana buys 8 as q", "day 2, ever 7: +9, has 25"},
			{"ana buys 8", "+0, has 25"},
			{"ana returns p", "-16, has 9"},
			{"ana buys 8", "day 8, ever 8: +16, has 25"},
			{"after 24h", ""},
			{"ana buys 8", "day 8: +8, has 33"},
			{"ana returns q", "-9, has 24"},
			{"ana buys 8", "day 2, ever 7: +9, has 33"},
		},
	},
	{
		"the first purchase is the first that stands",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "welcome", rates("1", instead(100, 0), firstOnly))
		},
		[]happens{
			{"ana buys 0", "+0, has 0"},
			{"ana buys 1 as p", "welcome 100: +100, has 100"},
			{"ana buys 1 as q", "+0, has 100"},
			{"ana returns p", "-100, has 0"},
			{"ana buys 1 as r", "+0, has 0"},
			{"ana returns q", "-0, has 0"},
			{"ana returns r", "-0, has 0"},
			{"ana buys 1", "welcome 100: +100, has 100"},
		},
	},
	{
		"extra for a tag",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Points, "double", rates("1", instead(0, 10_000), tagged("a")))
		},
		[]happens{{"ana buys 3 #a, 4 as p", "rate 7, double 3: +10, has 10"}, {"ana returns p", "-10, has 0"}},
	},
	{
		"streaks are told again without a purchase",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Streak, "days", streakOf(earning.Day, 0))
			a.rule(t, earning.Streak, "weeks", streakOf(earning.Week, 1))
			a.rule(t, earning.Badge, "three", badgeFor(earning.StreakDays, 3))
			a.rule(t, earning.Perk, "freeze", perkFor(5, 1))
			a.rule(t, earning.Points, "rate", rates("1"))
			a.changes["grace"] = func() { a.rule(t, earning.Streak, "days", streakOf(earning.Day, 1)) }
			a.changes["none"] = func() { a.rule(t, earning.Streak, "days", streakOf(earning.Day, 0), inStatus("ARCHIVED")) }
		},
		[]happens{
			{"ana buys 9", "rate 9: +9, has 9"},
			{"after 24h", ""},
			{"ana moves to Asia/Seoul", ""},
			{"ana buys 1 as p", "rate 1: +1, has 10"},
			{"after 20h", ""},
			{"ana buys 1", "rate 1, badge three: +1, has 11"},
			{"ana redeems freeze", "-5, has 6"},
			{"ana moves to Pacific/Honolulu", ""},
			{"after 60h", ""},
			{"ana buys 1", "rate 1: +1, has 7"},
			{"ana returns p", "-1, loses three, has 6"},
			{"change grace", ""},
			{"after 48h", ""},
			{"ana buys 1", "rate 1, badge three: +1, has 7"},
			{"after 24h", ""},
			{"ana buys 1", "rate 1: +1, has 8"},
			{"change none", ""},
			{"ana buys 1", "rate 1: +1, has 9"},
		},
	},
	{
		"a rule that is new counts what was before",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.changes["badge"] = func() { a.rule(t, earning.Badge, "three", badgeFor(earning.Purchases, 3)) }
			a.changes["cap"] = func() { a.rule(t, earning.Points, "rate", rates("2", ever(10))) }
		},
		[]happens{
			{"ana buys 1", "rate 1: +1, has 1"},
			{"ana buys 1 as p", "rate 1: +1, has 2"},
			{"ana buys 4", "rate 4: +4, has 6"},
			{"change badge", ""},
			{"change cap", ""},
			{"ben buys 1", "rate 2: +2, has 2"},
			{"ana buys 4", "rate 4, badge three: +4, has 10"},
			{"ana buys 1", "+0, has 10"},
			{"ana returns p", "-1, has 9"},
			{"ana buys 1", "rate 1: +1, has 10"},
		},
	},
	{
		"a batch of one shopper, with a purchase that it refunds",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1", lasting(2)))
			a.rule(t, earning.Badge, "two", badgeFor(earning.Purchases, 2))
			a.rule(t, earning.Quest, "three", questFor(earning.Purchases, 3, 50), aWeek)
			a.rule(t, earning.Leaderboard, "board", boardBy(earning.Ever, earning.PointsEarned))
			a.rule(t, earning.Perk, "freeze", perkFor(5, 1))
		},
		[]happens{
			{"ana shows as Queen", ""},
			{"ana buys 1 as p", "rate 1: +1, has 1"},
			{
				"ana buys 2 as q; ana buys 4 as r; ana returns q; ben buys 1; ana buys 8; ana redeems freeze; ana returns p",
				"rate 2, badge two: +2, has 3; rate 4, quest three 50: +54, has 57; -52, loses three, has 5;" +
					" rate 1: +1, has 1; rate 8, quest three 50: +58, has 63; -5, has 58; -51, loses three, has 7",
			},
			{"ana has", "7, 7 of #5"},
			{"ana ranks", "0: 12 since 24 Dec 12:00"},
			{"after 48h", ""},
			{"ana plans 1", "rate 1, quest three 50: +51, has 58"},
			{"ana returns r; ana buys 1", "-4, loses two, has 3; rate 1, badge two: +1, has 4"},
			{"ana ranks", "0: 9 since 26 Dec 12:00"},
		},
	},
	{
		"a purchase that is made and refunded at once",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
			a.rule(t, earning.Leaderboard, "board", boardBy(earning.Day, earning.PointsEarned))
		},
		[]happens{
			{"ana shows as Queen", ""},
			{"ana buys 3 as p; ana returns p; ana buys 4 as q", "rate 3, badge one: +3, has 3; -3, loses one, has 0; rate 4, badge one: +4, has 4"},
			{"ana ranks", "20261224: 4 since 24 Dec 12:00"},
			{"ana returns q", "-4, loses one, has 0"},
			{"ana ranks", ""},
			{"ana buys 3 spending 1 as r", "INSUFFICIENT_FUNDS"},
		},
	},
	{
		"two shoppers in a batch",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Badge, "two", badgeFor(earning.Purchases, 2))
		},
		[]happens{
			{"ana buys 1 as p; ben buys 2; ben buys 3 as q; ana buys 4", "rate 1: +1, has 1; rate 2: +2, has 2; rate 3, badge two: +3, has 5; rate 4, badge two: +4, has 5"},
			{"ben returns q; ana gets 5; ana returns p", "-3, loses two, has 2; +0, has 0; -1, loses two, has -1"},
			{"ana has", "-1"},
			{"ben has", "2, 2 of #1"},
		},
	},
	{
		"leaderboards follow",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1"))
			a.rule(t, earning.Leaderboard, "week", boardBy(earning.Week, earning.PointsEarned))
			a.rule(t, earning.Quest, "two", questFor(earning.Purchases, 2, 50), aWeek)
			a.changes["month"] = func() { a.rule(t, earning.Leaderboard, "month", boardBy(earning.Month, earning.Purchases)) }
			a.changes["window"] = func() {
				a.rule(t, earning.Leaderboard, "week", boardBy(earning.Week, earning.PointsEarned), inWindow(opening.Add(time.Hour), opening.Add(900*time.Hour)))
			}
		},
		[]happens{
			{"ana buys 1 as p", "rate 1: +1, has 1"},
			{"ana ranks", ""},
			{"ana shows as Queen", ""},
			{"ana ranks", "20261221: 1 since 24 Dec 12:00"},
			{"after 1h", ""},
			{"ana buys 2 as q", "rate 2, quest two 50: +52, has 53"},
			{"ana ranks", "20261221: 53 since 24 Dec 13:00"},
			{"after 120h", ""},
			{"ana buys 4 as r", "rate 4: +4, has 57"},
			{"ana ranks", "20261221: 53 since 24 Dec 13:00, 20261228: 4 since 29 Dec 13:00"},
			{"ana returns q", "-2, has 55"},
			{"ana ranks", "20261221: 51 since 24 Dec 13:00, 20261228: 4 since 29 Dec 13:00"},
			{"change month", ""},
			{"ana ranks", "20261221: 51 since 24 Dec 13:00, 20261228: 4 since 29 Dec 13:00"},
			{"ana buys 8", "rate 8: +8, has 63"},
			{"ana ranks", "20261221: 51 since 24 Dec 13:00, 20261228: 12 since 29 Dec 13:00, 20261201: 0.000003 since 29 Dec 13:00"},
			{"change window", ""},
			{"ana buys 1", "rate 1: +1, has 64"},
			{"ana ranks", "20261221: 50 since 24 Dec 13:00, 20261228: 13 since 29 Dec 13:00, 20261201: 0.000004 since 29 Dec 13:00"},
			{"ana returns r", "-4, has 60"},
			{"ana hides", ""},
			{"ana ranks", ""},
			{"ana buys 1", "rate 1: +1, has 61"},
			{"ana ranks", ""},
			{"ana shows as King", ""},
			{"ana ranks", "20261221: 50 since 24 Dec 13:00, 20261228: 10 since 29 Dec 13:00, 20261201: 0.000004 since 29 Dec 13:00"},
		},
	},
	{
		"more points than there can be are refused, and change nothing",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Points, "rate", rates("1000000"))
			a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
		},
		[]happens{
			{"ana buys 9001", "too much"},
			{"ana buys 9001; ana buys 8999 as p; ana buys 2", "too much; rate 8999000000, badge one: +8999000000, has 8999000000; too much"},
			{"ana gets 8999000000", "+0, has 0"},
			{"ana buys 2", "too much"},
			{"ana returns p", "-8999000000, loses one, has -8999000000"},
			{"ana buys 2", "rate 2000000, badge one: +2000000, has -8997000000"},
		},
	},
	{
		"sales and trials count",
		func(t testing.TB, a *arcade) {
			a.rule(t, earning.Badge, "sale", badgeFor(earning.Sales, 1))
			a.rule(t, earning.Badge, "trial", badgeFor(earning.Trials, 1))
		},
		[]happens{{"ana buys 1 !sale, 0 !trial as p", "badge sale, badge trial: +0, has 0"}, {"ana returns p", "-0, loses sale, loses trial, has 0"}},
	},
}

func TestDesk(t *testing.T) {
	t.Parallel()
	for _, test := range deskCases {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				a := openArcade(t, d)
				test.rules(t, a)
				var got []happens
				for _, step := range test.story {
					got = append(got, happens{step.line, a.does(t, step.line)})
				}
				if diff := cmp.Diff(test.story, got, cmp.AllowUnexported(happens{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				a.wantSound(t)
			})
		})
	}
}

// TestDeskAtRandom lets two shoppers do whatever they can, while the rules change, and wants every claim to hold and the
// audit to agree all the way. What fails says its seed, which makes the same story again.
func TestDeskAtRandom(t *testing.T) {
	t.Parallel()
	const stories, lines = 6, 60
	for seed := range uint64(stories) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			stores := dbtest.Stores(t)
			d := dbtest.Open(t, stores[seed%uint64(len(stores))].URL(t))
			a, draw := openArcade(t, d), rand.New(rand.NewPCG(seed, 1))
			a.varied(t, draw)
			var story []string
			for i := range lines {
				line := a.anything(draw, []string{"ana", "ben"}, i)
				story = append(story, fmt.Sprint(line, " -> ", a.does(t, line)))
				if i%20 == 19 {
					a.wantSound(t)
				}
				if t.Failed() {
					t.Fatal(strings.Join(story, "\n"))
				}
			}
		})
	}
}

// varied puts many kinds of rules in force, and makes up changes of them.
func (a *arcade) varied(t testing.TB, draw *rand.Rand) {
	t.Helper()
	now := a.now()
	window := inWindow(now.Add(24*time.Hour), now.Add(200*time.Hour))
	a.rule(t, earning.Points, "rate", rates("1", lasting(3)))
	a.rule(t, earning.Points, "tag", rates("2.5", tagged("a"), perDay(20)))
	a.rule(t, earning.Points, "welcome", rates("1", instead(25, 0), firstOnly, lasting(10)))
	a.rule(t, earning.Points, "double", rates("1", instead(0, 10_000), tagged("b"), lasting(5)), window)
	a.rule(t, earning.Badge, "three", badgeFor(earning.Purchases, 3))
	a.rule(t, earning.Badge, "creators", badgeFor(earning.Creators, 2))
	a.rule(t, earning.Badge, "points", badgeFor(earning.PointsEarned, int64(whole(60))))
	a.rule(t, earning.Badge, "days", badgeFor(earning.StreakDays, 3))
	a.rule(t, earning.Quest, "quest", questFor(earning.Units, 4, 30), window)
	a.rule(t, earning.Quest, "long", questFor(earning.Creators, 2, 15), inWindow(now, now.Add(5000*time.Hour)))
	a.rule(t, earning.Level, "bronze", levelFrom(20))
	a.rule(t, earning.Level, "silver", schema.RewardTerms{Level: &schema.LevelTerms{From: whole(50), ExtraPercent: 2_500}})
	a.rule(t, earning.Streak, "streak-days", streakOf(earning.Day, 0))
	a.rule(t, earning.Streak, "streak-weeks", streakOf(earning.Week, 1))
	a.rule(t, earning.Leaderboard, "board", boardBy(earning.Day, earning.PointsEarned))
	a.rule(t, earning.Leaderboard, "buyers", boardBy(earning.Ever, earning.Purchases))
	a.rule(t, earning.Perk, "freeze", perkFor(7, 1))
	a.changes["rate"] = func() { a.rule(t, earning.Points, "rate", rates("1.5", lasting(2), ever(100))) }
	a.changes["unlimited"] = func() { a.rule(t, earning.Points, "rate", rates("2")) }
	a.changes["grace"] = func() { a.rule(t, earning.Streak, "streak-days", streakOf(earning.Day, draw.IntN(3))) }
	a.changes["badge"] = func() { a.rule(t, earning.Badge, "three", badgeFor(earning.Units, 2+int64(draw.IntN(5)))) }
	a.changes["gone"] = func() { a.rule(t, earning.Badge, "creators", badgeFor(earning.Creators, 2), inStatus("ARCHIVED")) }
	a.changes["window"] = func() {
		a.rule(t, earning.Leaderboard, "board", boardBy(earning.Day, earning.PointsEarned), inWindow(now.Add(50*time.Hour), now.Add(1000*time.Hour)))
	}
}

// anything makes a line up.
func (a *arcade) anything(draw *rand.Rand, names []string, i int) string {
	pick := func(list ...string) string { return list[draw.IntN(len(list))] }
	one := func(name string) string {
		var standing []string
		for sold, s := range a.sold {
			if s.shopper == a.shoppers[name] && !strings.HasPrefix(sold, "undone") {
				standing = append(standing, sold)
			}
		}
		slices.Sort(standing)
		what := draw.IntN(10)
		switch {
		case what < 3 && len(standing) > 0:
			sold := pick(standing...)
			a.sold["undone "+sold] = a.sold[sold]
			delete(a.sold, sold)
			return fmt.Sprintf("%s returns undone %s", name, sold)
		case what == 3:
			return fmt.Sprintf("%s gets %d as g%d", name, 1+draw.IntN(30), i)
		case what == 4:
			return name + " redeems freeze"
		}
		var lines []string
		for range 1 + draw.IntN(2) {
			lines = append(lines, fmt.Sprintf("%s%s%s%s", pick("0", "1", "4.99", "12", "30.50"), pick("", " #a", " #b", " #a #b"),
				pick("", " @x", " @y"), pick("", "", " !sale", " !trial")))
		}
		return fmt.Sprintf("%s buys %s%s as p%d", name, strings.Join(lines, ", "), pick("", "", "", " spending 3"), i)
	}
	name := pick(names...)
	switch draw.IntN(12) {
	case 0, 1, 2:
		return "after " + pick("1h", "13h", "24h", "30h", "48h")
	case 3:
		return "change " + pick("rate", "unlimited", "grace", "badge", "gone", "window")
	case 4:
		return pick(name+" moves to Asia/Seoul", name+" moves to America/New_York", name+" shows as Queen", name+" hides", name+" is given 9")
	case 5:
		return one(names[0]) + "; " + one(names[1])
	default:
		return one(name)
	}
}
