package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// support is a context in which somebody of the support is calling.
func support(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "sue", Roles: []actor.Role{actor.Support}})
}

// refunding is the input of a refund of a purchase.
func refunding(key string, p *ent.Purchase) RefundInput {
	return RefundInput{IdempotencyKey: key, PurchaseID: p.ID, Reason: "asked for it"}
}

// refund gives a purchase back and fails the test unless that was done.
func (s *shop) refund(t testing.TB, p *ent.Purchase) *ent.Refund {
	t.Helper()
	got, err := s.Refund(support(t), refunding(uuid.NewString(), p))
	if err != nil {
		t.Fatalf("Refund: %v", err)
	}
	if got.Refund == nil || got.Replayed {
		t.Fatalf("Refund: %+v", got)
	}
	return got.Refund
}

// everyRule is a rule of every kind, and of every kind of points.
func everyRule() []*earning.Rule {
	badge := func(code string, measure earning.Measure, currency money.Code, target int64) *earning.Rule {
		return rule(code, earning.Badge, schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: goals(measure, currency, target)}})
	}
	points := func(code string, terms schema.PointsTerms) *earning.Rule {
		return rule(code, earning.Points, schema.RewardTerms{Points: &terms})
	}
	level := func(code, from string, extra int64) *earning.Rule {
		return rule(code, earning.Level, schema.RewardTerms{Level: &schema.LevelTerms{From: amount(from), ExtraPercent: extra}})
	}
	streak := func(period string) *earning.Rule {
		return rule(strings.ToLower(period), earning.Streak, schema.RewardTerms{
			Streak: &schema.StreakTerms{Period: period, FreezeEvery: 2, MaxFreezes: 2},
		})
	}
	board := func(measure earning.Measure, currency money.Code, period string) *earning.Rule {
		return rule("most-"+strings.ToLower(string(measure)), earning.Leaderboard, schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{
			RewardCounter: schema.RewardCounter{Measure: string(measure), Currency: currency}, Period: period,
		}})
	}
	return []*earning.Rule{
		points("rate", schema.PointsTerms{Rates: schema.Prices{"USD": amount("10")}, ExpireDays: new(60)}),
		points("welcome", schema.PointsTerms{Points: amount("50"), FirstPurchase: true, ExpireDays: new(60)}),
		points("daily", schema.PointsTerms{Points: amount("5"), PerDay: new(amount("7")), PerShopper: new(amount("30")), ExpireDays: new(60)}),
		points("happy-hour", schema.PointsTerms{ExtraPercent: 5_000, ExpireDays: new(60)}),
		badge("newcomer", earning.Purchases, "", 1), badge("regular", earning.Purchases, "", 3),
		badge("spender", earning.Amount, "USD", int64(amount("20"))), badge("collector", earning.Products, "", 3),
		badge("loyal", earning.StreakDays, "", 2), badge("hoarder", earning.PointsEarned, "", int64(amount("250"))),
		quest("three-purchases", 3, "25"),
		level("bronze", "0", 0), level("silver", "100", 1_000), level("gold", "500", 2_000),
		streak(earning.Day), streak(earning.Week),
		board(earning.PointsEarned, "", earning.Month), board(earning.Amount, "USD", earning.Ever),
		rule("freeze", earning.Perk, schema.RewardTerms{Perk: &schema.PerkTerms{Cost: amount("20"), Freezes: 1}}),
		discount("USD=0.01,KRW=1.5", 5_000, "10"),
	}
}

func goals(measure earning.Measure, currency money.Code, target int64) []schema.RewardGoal {
	return []schema.RewardGoal{{RewardCounter: schema.RewardCounter{Measure: string(measure), Currency: currency}, Target: target}}
}

// quest is one for so many purchases, for a year from the day before noon on.
func quest(code string, purchases int64, points string) *earning.Rule {
	return earning.NewRule(id.New(), earning.Quest, 1, 0, schema.RewardContent{
		Code: code, Status: earning.Active, Language: "en", Texts: map[string]schema.Text{"en": {Name: code}},
		StartsAt: new(noon.AddDate(0, 0, -1)), EndsAt: new(noon.AddDate(1, 0, 0)),
		Terms: schema.RewardTerms{Quest: &schema.QuestTerms{Goals: goals(earning.Purchases, "", purchases), Points: amount(points)}},
	})
}

// discount is what points take off baskets, such as "USD=0.01,KRW=10" each.
func discount(worth string, mostPercent int64, least string) *earning.Rule {
	prices := schema.Prices{}
	for part := range strings.SplitSeq(worth, ",") {
		code, each, _ := strings.Cut(part, "=")
		prices[money.Code(code)] = amount(each)
	}
	return rule("discount", earning.Discount, schema.RewardTerms{Discount: &schema.DiscountTerms{
		Worth: prices, MostPercent: mostPercent, Least: amount(least),
	}})
}

// bench is one case on a shop, with a shopper of its own.
type bench struct {
	*shop

	t    *testing.T
	ctx  context.Context
	name string
	keys int
}

// bench has a shopper with ten dollars, who wants to be seen on leaderboards, and has bought nothing.
func (s *shop) bench(t *testing.T, name string) *bench {
	t.Helper()
	b := &bench{shop: s, t: t, name: name, ctx: s.rich(t, name, "10", "USD")}
	_, err := s.Rewards.ChangeSettings(b.ctx, rewards.Settings{ShopperID: shopperOf(b.ctx), DisplayName: catalog.To(&name)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) key() string {
	b.keys++
	return fmt.Sprint(b.name, " ", b.keys)
}

// buys buys things at a total in US dollars.
func (b *bench) buys(total string, items ...Item) *ent.Purchase {
	b.t.Helper()
	return b.buy(b.ctx, b.t, order(b.key(), total, items...)).Purchase
}

// redeems buys things with points taken off.
func (b *bench) redeems(points, total string, items ...Item) *ent.Purchase {
	b.t.Helper()
	return b.buy(b.ctx, b.t, withPoints(order(b.key(), total, items...), points)).Purchase
}

func withPoints(in Input, points string) Input {
	in.Basket.RedeemPoints = amount(points)
	return in
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) { b.clock.set(b.clock.get().Add(d)) }

// now is the instant that the shop is at.
func (b *bench) now() time.Time { return b.clock.get() }

// hints are a pack of ten at a price in US dollars.
func (b *bench) hints(price string) *ent.Product {
	return b.consumable(b.t, b.name+" hints", 10, price+" USD")
}

// book is a durable good at a price in US dollars.
func (b *bench) book(price string) *ent.Product {
	return b.durable(b.t, b.name+" book", price+" USD")
}

// view is what the shopper sees of rewards.
func (b *bench) view() *rewards.View {
	b.t.Helper()
	view, err := b.Rewards.Of(b.ctx, b.db.Client(), shopperOf(b.ctx))
	if err != nil {
		b.t.Fatal(err)
	}
	return view
}

// wantPoints checks how many points can be spent.
func (b *bench) wantPoints(want string) {
	b.t.Helper()
	if got := b.view().Points; got != amount(want) {
		b.t.Errorf("%s points, want %s", got, want)
	}
}

// held are the codes of the badges and quests that the shopper has, in order.
func (b *bench) held() string {
	b.t.Helper()
	var codes []string
	for _, a := range b.view().Held {
		codes = append(codes, b.db.Client().RewardRule.GetX(b.ctx, a.RuleID).Code)
	}
	slices.Sort(codes)
	return strings.Join(codes, " ")
}

// holdings are where everything stands that a purchase changes: what there is, and not the records of how it came about.
// Purchases and their refunds leave it as it was.
func holdings(t testing.TB, d *db.DB) []string {
	t.Helper()
	ctx, client := t.Context(), d.Client()
	var list []string
	add := func(what string, parts ...any) {
		text, err := json.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, what+" "+string(text))
	}
	for _, a := range client.Account.Query().AllX(ctx) {
		if a.ShopperID != nil && (a.Balance != 0 || wallet.OriginsOf(a) != (wallet.Origins{})) {
			add("account", a.ShopperID, a.Kind, a.Currency, a.Balance, wallet.OriginsOf(a))
		}
	}
	for _, e := range client.Entitlement.Query().Where(entitlement.StatusEQ(entitlement.StatusACTIVE)).AllX(ctx) {
		add("entitlement", e.ID, e.ShopperID, e.ProductID, e.Kind, e.Units, e.Remaining, e.Counted, e.ExpiresAt, e.GrantedAt)
	}
	for _, o := range client.OfferStock.Query().AllX(ctx) {
		if o.Taken != 0 || o.Closed {
			add("taken", o.OfferID, o.Round, o.Taken, o.Most, o.Closed)
		}
	}
	for _, u := range client.OfferUse.Query().AllX(ctx) {
		if u.Taken != 0 {
			add("used", u.OfferID, u.Round, u.ShopperID, u.Taken)
		}
	}
	for _, trial := range client.Trial.Query().AllX(ctx) {
		if trial.RefundedBy == nil { // one whose price was given back counts for nothing but that there is no second
			add("trial", trial.ID, trial.ConvertedBy, trial.ExpiresAt, trial.CreditUntil)
		}
	}
	for _, e := range client.RewardEntry.Query().AllX(ctx) {
		if left := e.Points - e.Used - e.Expired - e.Revoked; left != 0 {
			add("lot", e.ID, left, e.Used, e.ExpiresAt)
		}
	}
	for _, a := range client.Achievement.Query().AllX(ctx) {
		if a.RevokedBy == nil {
			add("achievement", a.ID, a.ShopperID, a.RuleID, a.Version, a.PurchaseID, a.Points)
		}
	}
	for _, r := range client.RewardStanding.Query().AllX(ctx) {
		add("standing", r.ShopperID, r.TimeZone, r.Enabled, r.DisplayName, r.State, r.ExpiresAt)
	}
	for _, score := range client.LeaderboardScore.Query().AllX(ctx) {
		add("score", score.RuleID, score.Period, score.ShopperID, score.Score, score.ReachedAt)
	}
	slices.Sort(list)
	return list
}
