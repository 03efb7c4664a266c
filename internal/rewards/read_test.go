package rewards_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardrule"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// opening is when a stall opens: a Thursday.
var opening = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

// stall is the shoppers' side of rewards on one handle of a database: rules are put there as rows and purchases made at
// the desk alone, with a clock that stands still until it is set.
type stall struct {
	*rewards.Service

	db    *db.DB
	mu    sync.Mutex
	clock time.Time
}

func openStall(t testing.TB, d *db.DB) *stall {
	t.Helper()
	traded, err := money.ParseCurrencies("USD,EUR")
	if err != nil {
		t.Fatal(err)
	}
	s := &stall{db: d, clock: opening}
	s.Service = rewards.New(d, traded, s.now)
	if err := wallet.New(d, traded, s.now).OpenHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stall) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *stall) set(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

func (s *stall) pass(d time.Duration) { s.set(s.now().Add(d)) }

// tx runs a function in a transaction.
func (s *stall) tx(t testing.TB, do func(ctx context.Context, tx *ent.Tx) error) {
	t.Helper()
	if err := s.db.Tx(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func (s *stall) client(t testing.TB, subject string) uuid.UUID {
	t.Helper()
	shopper, err := identity.New(s.db, s.now).Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	return shopper
}

// rule puts the next version of the rule with a code in force.
func (s *stall) rule(t testing.TB, kind earning.Kind, code string, terms schema.RewardTerms, more ...func(*schema.RewardContent)) *earning.Rule {
	t.Helper()
	content := schema.RewardContent{
		Code: code, Status: earning.Active, Language: "en", Texts: map[string]schema.Text{"en": {Name: code}}, Terms: terms,
	}
	for _, change := range more {
		change(&content)
	}
	var made *earning.Rule
	s.tx(t, func(ctx context.Context, tx *ent.Tx) error {
		if err := catalog.Revise(ctx, tx); err != nil {
			return err
		}
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		row, err := tx.RewardRule.Query().Where(rewardrule.Code(code)).Only(ctx)
		switch {
		case ent.IsNotFound(err):
			row, err = tx.RewardRule.Create().SetID(id.New()).SetKind(rewardrule.Kind(kind)).SetCode(code).
				SetStatus(rewardrule.Status(content.Status)).SetContent(content).
				SetCreatedAt(s.now()).SetUpdatedAt(s.now()).Save(ctx)
		case err == nil:
			row, err = row.Update().SetStatus(rewardrule.Status(content.Status)).SetContent(content).AddVersion(1).
				SetUpdatedAt(s.now()).Save(ctx)
		}
		if err != nil {
			return err
		}
		made = earning.NewRule(row.ID, kind, row.Version, revision, content)
		return tx.RewardRuleVersion.Create().SetID(id.New()).SetRuleID(row.ID).SetVersion(row.Version).SetRevision(revision).
			SetContent(content).SetCreatedAt(s.now()).Exec(ctx)
	})
	return made
}

func inStatus(status string) func(*schema.RewardContent) {
	return func(c *schema.RewardContent) { c.Status = status }
}

func inWindow(from, until time.Time) func(*schema.RewardContent) {
	return func(c *schema.RewardContent) { c.StartsAt, c.EndsAt = &from, &until }
}

// Terms of rules, with whole points and dollars.

func pointsPerDollar(points int64, expireDays int) schema.RewardTerms {
	terms := &schema.PointsTerms{Rates: schema.Prices{"USD": whole(points)}}
	if expireDays > 0 {
		terms.ExpireDays = &expireDays
	}
	return schema.RewardTerms{Points: terms}
}

func badgeFor(measure earning.Measure, target int64) schema.RewardTerms {
	return schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: goalsOf(measure, target)}}
}

func questFor(measure earning.Measure, target, points int64) schema.RewardTerms {
	return schema.RewardTerms{Quest: &schema.QuestTerms{Goals: goalsOf(measure, target), Points: whole(points)}}
}

func goalsOf(measure earning.Measure, target int64) []schema.RewardGoal {
	return []schema.RewardGoal{{RewardCounter: schema.RewardCounter{Measure: string(measure)}, Target: target}}
}

func levelFrom(points int64) schema.RewardTerms {
	return schema.RewardTerms{Level: &schema.LevelTerms{From: whole(points)}}
}

func perkFor(cost int64, freezes int) schema.RewardTerms {
	return schema.RewardTerms{Perk: &schema.PerkTerms{Cost: whole(cost), Freezes: freezes}}
}

func boardBy(period string, measure earning.Measure) schema.RewardTerms {
	counter := schema.RewardCounter{Measure: string(measure)}
	if measure == earning.Amount {
		counter.Currency = "USD"
	}
	return schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{RewardCounter: counter, Period: period}}
}

func whole(n int64) money.Amount { return money.Amount(n) * money.Unit }

// buys makes a purchase of one thing for whole dollars.
func (s *stall) buys(t testing.TB, shopper uuid.UUID, dollars int64) uuid.UUID {
	t.Helper()
	purchase, err := s.buy(t.Context(), shopper, dollars)
	if err != nil {
		t.Fatal(err)
	}
	return purchase
}

func (s *stall) buy(ctx context.Context, shopper uuid.UUID, dollars int64) (purchase uuid.UUID, err error) {
	facts := &schema.PurchaseFacts{
		Currency: "USD", Paid: whole(dollars), Lines: []schema.FactLine{{Product: id.New(), Quantity: 1, Paid: whole(dollars)}},
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		desk, book, now, err := s.desk(ctx, tx, shopper)
		if err != nil {
			return err
		}
		plan, err := desk.Plan(shopper, facts, 0)
		if err != nil {
			return err
		}
		purchase = id.New()
		ordinal, err := tx.Purchase.Query().Count(ctx)
		if err != nil {
			return err
		}
		err = tx.Purchase.Create().SetID(purchase).SetShopperID(shopper).SetOrdinal(int64(ordinal) + 1).SetCurrency("USD").
			SetSubtotal(facts.Paid).SetTotal(facts.Paid).SetPoints(plan.Total).SetActor("till").SetCreatedAt(now).Exec(ctx)
		if err != nil {
			return err
		}
		if _, err := desk.Carry(plan, rewards.Purchase{ID: purchase, Actor: "till"}); err != nil {
			return err
		}
		if err := book.Apply(ctx, tx); err != nil {
			return err
		}
		return desk.Apply(ctx, tx)
	})
	return purchase, err
}

// desk opens the desk for a shopper as a till does.
func (s *stall) desk(ctx context.Context, tx *ent.Tx, shopper uuid.UUID) (*rewards.Desk, *wallet.Book, time.Time, error) {
	var now time.Time
	if _, err := identity.Lock(ctx, tx, shopper); err != nil {
		return nil, nil, now, err
	}
	if err := catalog.Hold(ctx, tx); err != nil {
		return nil, nil, now, err
	}
	now = s.now()
	revision, err := catalog.Revision(ctx, tx.Client())
	if err != nil {
		return nil, nil, now, err
	}
	rules, err := s.Rulebooks.Held(ctx, tx, revision)
	if err != nil {
		return nil, nil, now, err
	}
	book, err := wallet.Load(ctx, tx.Client(), now, shopper)
	if err != nil {
		return nil, nil, now, err
	}
	desk, err := rewards.OpenDesk(ctx, tx.Client(), rewards.Seating{
		Book: book, Rules: rules, Revision: revision, Now: now, Shoppers: []uuid.UUID{shopper},
	})
	return desk, book, now, err
}

// calling is a context in which a storefront's server is calling.
func calling(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "storefront", Roles: []actor.Role{actor.Service}})
}

// view reads what a shopper sees.
func (s *stall) view(t testing.TB, shopper uuid.UUID) *rewards.View {
	t.Helper()
	v, err := s.Of(t.Context(), s.db.Client(), shopper)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantRefused compares the codes and fields of a refusal: "INVALID_INPUT timeZone".
func wantRefused(t testing.TB, err error, want ...string) {
	t.Helper()
	var got []string
	for _, f := range fault.From(err) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s", f.Code, strings.Join(f.Path, "."))))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusal (-want +got):\n%s\nof %v", diff, err)
	}
}

// dataOf is the data of a refusal; nil when there is none.
func dataOf(err error) any {
	for _, f := range fault.From(err) {
		return f.Data
	}
	return nil
}

// sketch draws a view in a few words a line.
func sketch(v *rewards.View) []string {
	lines := []string{fmt.Sprintf("points %s", v.Points)}
	if v.Expiring != nil {
		lines = append(lines, fmt.Sprintf("%s expire in %s", v.Expiring.Points, v.Expiring.At.Sub(v.Now)))
	}
	for _, h := range v.Held {
		lines = append(lines, fmt.Sprintf("has %s v%d", h.Rule.Code, h.Version))
	}
	if level, next, missing := v.Level(); level != nil || next != nil {
		lines = append(lines, fmt.Sprintf("level %s, %s to %s", codeOf(level), missing, codeOf(next)))
	}
	for name, streak := range map[string]*rewards.Streak{"days": v.Days(), "weeks": v.Weeks()} {
		if streak != nil {
			line := fmt.Sprintf("%s %d best %d freezes %d counted %t", name, streak.Count, streak.Best, streak.Freezes, streak.Counted)
			if streak.Until != nil {
				line += fmt.Sprintf(" for %s", streak.Until.Sub(v.Now))
			}
			lines = append(lines, line)
		}
	}
	badges, secret := v.Badges()
	for _, pursuit := range append(badges, v.Quests()...) {
		line := fmt.Sprintf("%s %s", pursuit.Rule.Kind, pursuit.Rule.Code)
		for _, goal := range pursuit.Goals {
			line += fmt.Sprintf(" %d of %d", goal.Reached, goal.Target)
		}
		if pursuit.Held != nil {
			line += " held"
		}
		lines = append(lines, line)
	}
	if secret > 0 {
		lines = append(lines, fmt.Sprintf("%d secret", secret))
	}
	for _, perk := range v.Perks() {
		lines = append(lines, "perk "+perk.Code)
	}
	return lines
}

func codeOf(r *earning.Rule) string {
	if r == nil {
		return "none"
	}
	return r.Code
}

func wantView(t testing.TB, v *rewards.View, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, sketch(v)); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		ada, bea := s.client(t, "ada"), s.client(t, "bea")
		wantView(t, s.view(t, ada), "points 0")

		s.rule(t, earning.Points, "rate", pointsPerDollar(10, 2))
		s.rule(t, earning.Badge, "first", badgeFor(earning.Purchases, 1))
		s.rule(t, earning.Badge, "third", badgeFor(earning.Purchases, 3))
		s.rule(t, earning.Badge, "draft", badgeFor(earning.Purchases, 1), inStatus("DRAFT"))
		s.rule(t, earning.Badge, "over", badgeFor(earning.Purchases, 1), inWindow(opening.Add(-time.Hour), opening))
		hidden := badgeFor(earning.Units, 2)
		hidden.Badge.Secret = true
		s.rule(t, earning.Badge, "secret", hidden)
		s.rule(t, earning.Quest, "trip", questFor(earning.Purchases, 2, 5), inWindow(opening, opening.Add(36*time.Hour)))
		s.rule(t, earning.Level, "wood", levelFrom(0))
		s.rule(t, earning.Level, "silver", levelFrom(34))
		s.rule(t, earning.Streak, "daily", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Day}})
		s.rule(t, earning.Perk, "mug", perkFor(10, 0))
		s.rule(t, earning.Perk, "later", perkFor(10, 0), inWindow(opening.Add(time.Hour), opening.Add(2*time.Hour)))

		t.Run("shows somebody who has done nothing what there is to do", func(t *testing.T) {
			v := s.view(t, ada)
			wantView(t, v, "points 0", "level wood, 34 to silver", "days 0 best 0 freezes 0 counted false",
				"BADGE first 0 of 1", "BADGE third 0 of 3", "QUEST trip 0 of 2", "1 secret", "perk mug")
			if v.Standing.TimeZone != "UTC" || !v.Standing.Enabled || v.Standing.DisplayName != nil {
				t.Errorf("standing %+v", v.Standing)
			}
			if n := d.Client().RewardStanding.Query().CountX(t.Context()); n != 0 {
				t.Errorf("reading has written %d standings", n)
			}
		})
		s.buys(t, ada, 1)
		t.Run("shows how far somebody is", func(t *testing.T) {
			wantView(t, s.view(t, ada), "points 10", "10 expire in 48h0m0s", "has first v1", "level wood, 24 to silver",
				"days 1 best 1 freezes 0 counted true for 36h0m0s",
				"BADGE first 1 of 1 held", "BADGE third 1 of 3", "QUEST trip 1 of 2", "1 secret", "perk mug")
		})
		s.pass(24 * time.Hour)
		t.Run("shows secret badges to those who have them, and what quests gave", func(t *testing.T) {
			s.buys(t, ada, 2)
			wantView(t, s.view(t, ada), "points 35", "10 expire in 24h0m0s", "has first v1", "has trip v1", "has secret v1",
				"level silver, 0 to none", "days 2 best 2 freezes 0 counted true for 36h0m0s",
				"BADGE first 1 of 1 held", "BADGE third 2 of 3", "BADGE secret 2 of 2 held", "QUEST trip 2 of 2 held", "perk mug")
		})
		s.pass(24 * time.Hour)
		t.Run("does not count points that have expired, also before they are taken", func(t *testing.T) {
			wantView(t, s.view(t, ada), "points 25", "has first v1", "has trip v1", "has secret v1",
				"level silver, 0 to none", "days 2 best 2 freezes 0 counted false for 12h0m0s",
				"BADGE first 1 of 1 held", "BADGE third 2 of 3", "BADGE secret 2 of 2 held", "QUEST trip 2 of 2 held", "perk mug")
			wantView(t, s.view(t, bea), "points 0", "level wood, 34 to silver", "days 0 best 0 freezes 0 counted false",
				"BADGE first 0 of 1", "BADGE third 0 of 3", "1 secret", "perk mug")
		})
		t.Run("tells a state again that does not keep what is counted now, and writes nothing", func(t *testing.T) {
			s.rule(t, earning.Badge, "units", badgeFor(earning.Products, 5))
			before := d.Client().RewardStanding.Query().Where(rewardstanding.ShopperID(ada)).OnlyX(t.Context())
			badges, _ := s.view(t, ada).Badges()
			if last := badges[len(badges)-1]; last.Rule.Code != "units" || last.Goals[0].Reached != 2 {
				t.Errorf("the last badge is %s at %d, want units at 2", last.Rule.Code, last.Goals[0].Reached)
			}
			after := d.Client().RewardStanding.Query().Where(rewardstanding.ShopperID(ada)).OnlyX(t.Context())
			if diff := cmp.Diff(before.State, after.State); diff != "" {
				t.Errorf("reading has changed the state (-before +after):\n%s", diff)
			}
		})
		t.Run("shows nothing to who has turned rewards off", func(t *testing.T) {
			v, err := s.ChangeSettings(calling(t), rewards.Settings{ShopperID: ada, Enabled: catalog.To(false)})
			if err != nil {
				t.Fatal(err)
			}
			wantView(t, v, "points 0")
			if v.Standing.Enabled {
				t.Error("rewards are on")
			}
		})
	})
}

// TestOfDebt: points below zero are shown as what they are.
func TestOfDebt(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		ada := s.client(t, "ada")
		s.rule(t, earning.Points, "rate", pointsPerDollar(10, 0))
		mug := s.rule(t, earning.Perk, "mug", perkFor(15, 0))
		purchase := s.buys(t, ada, 2)
		if _, err := s.RedeemPerk(calling(t), rewards.RedeemPerk{IdempotencyKey: "1", ShopperID: ada, PerkID: mug.ID}); err != nil {
			t.Fatal(err)
		}
		wantView(t, s.view(t, ada), "points 5", "perk mug")
		s.undoes(t, ada, purchase)
		wantView(t, s.view(t, ada), "points -15", "perk mug")
		_, err := s.RedeemPerk(calling(t), rewards.RedeemPerk{IdempotencyKey: "2", ShopperID: ada, PerkID: mug.ID})
		want := wallet.Shortage{Required: whole(15), Shortfall: whole(15), Currency: money.PointsCode}
		if diff := cmp.Diff([]any{want}, []any{dataOf(err)}); diff != "" {
			t.Errorf("what is missing for a perk (-want +got):\n%s", diff)
		}
	})
}

// undoes takes back what a purchase did to rewards, as its refund does.
func (s *stall) undoes(t testing.TB, shopper, purchase uuid.UUID) {
	t.Helper()
	s.tx(t, func(ctx context.Context, tx *ent.Tx) error {
		_, book, now, err := s.desk(ctx, tx, shopper)
		if err != nil {
			return err
		}
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		rules, err := s.Rulebooks.Held(ctx, tx, revision)
		if err != nil {
			return err
		}
		shoppers := []uuid.UUID{shopper}
		desk, err := rewards.OpenDesk(ctx, tx.Client(), rewards.Seating{
			Book: book, Rules: rules, Revision: revision, Now: now, Shoppers: shoppers, Refunding: shoppers,
		})
		if err != nil {
			return err
		}
		if _, err := desk.Refund(shopper, rewards.Purchase{ID: purchase, Actor: "till"}, id.New()); err != nil {
			return err
		}
		if err := book.Apply(ctx, tx); err != nil {
			return err
		}
		return desk.Apply(ctx, tx)
	})
}

// TestOfCost: what a view costs does not grow with what is in it.
func TestOfCost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		ada, bea := s.client(t, "ada"), s.client(t, "bea")
		s.rule(t, earning.Points, "rate", pointsPerDollar(10, 30))
		for i := range 20 {
			s.rule(t, earning.Badge, fmt.Sprintf("badge-%d", i), badgeFor(earning.Purchases, int64(i+1)))
		}
		s.rule(t, earning.Leaderboard, "today", boardBy(earning.Day, earning.Purchases))
		for _, shopper := range []uuid.UUID{ada, bea} {
			s.buys(t, shopper, 1)
			_, err := s.ChangeSettings(calling(t), rewards.Settings{ShopperID: shopper, DisplayName: catalog.To(new("A name"))})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 25 {
			s.pass(time.Hour)
			s.buys(t, bea, 1)
		}
		cost := func(shopper uuid.UUID) int64 {
			ctx, count := db.CountReads(t.Context())
			if _, err := s.Of(ctx, d.Client(), shopper); err != nil {
				t.Fatal(err)
			}
			return count()
		}
		cost(ada) // the rules are read once
		little, much := cost(ada), cost(bea)
		if little != much || little > 6 {
			t.Errorf("a view of little costs %d statements, of much %d", little, much)
		}
		s.rule(t, earning.Badge, "another", badgeFor(earning.Trials, 1))
		cost(ada)
		if little, much := cost(ada), cost(bea); little != much || little > 8 {
			t.Errorf("told again, a view of little costs %d statements, of much %d", little, much)
		}
	})
}
