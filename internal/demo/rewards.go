package demo

import (
	"bytes"
	"context"
	_ "embed" // for rewards.json
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/rewards"
)

//go:embed rewards.json
var rewardsFile []byte

// rulePlan is a rule of rewards as rewards.json has it. Exactly one of Points to Discount is there.
type rulePlan struct {
	Code string
	// FromDay and UntilDay are counted from when the demonstration is set up; nil for no beginning or end.
	FromDay, UntilDay *int
	Picture           string
	Texts             texts

	Points      *pointsPlan
	Badge       *badgePlan
	Quest       *questPlan
	Level       *levelPlan
	Streak      *schema.StreakTerms
	Leaderboard *schema.LeaderboardTerms
	Perk        *perkPlan
	Discount    *discountPlan
}

type pointsPlan struct {
	Rates              prices
	Currency           money.Code
	Steps              []struct{ From, Rate amount }
	Points             amount
	ExtraPercent       percent
	FirstPurchase      bool
	Scope              schema.RewardScope
	PerDay, PerShopper *amount
	ExpireDays         *int
}

type badgePlan struct {
	Secret bool
	Goals  []goalPlan
}

type questPlan struct {
	Points amount
	Goals  []goalPlan
}

type goalPlan struct {
	Measure  earning.Measure
	Currency money.Code
	Scope    schema.RewardScope
	Target   amount
}

type levelPlan struct {
	From         amount
	ExtraPercent percent
}

type perkPlan struct {
	Cost    amount
	Freezes int
}

type discountPlan struct {
	Worth       prices
	MostPercent percent
	Least       amount
}

// readRules reads rewards.json.
func readRules() ([]rulePlan, error) {
	decoder := json.NewDecoder(bytes.NewReader(rewardsFile))
	decoder.DisallowUnknownFields()
	var all []rulePlan
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("reading rewards.json: %w", err)
	}
	return all, nil
}

// terms is what a rule says, in the terms of the domain, and its kind.
func (p rulePlan) terms() (earning.Kind, schema.RewardTerms) {
	switch {
	case p.Points != nil:
		return earning.Points, schema.RewardTerms{Points: p.Points.terms()}
	case p.Badge != nil:
		return earning.Badge, schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: goalsOf(p.Badge.Goals), Secret: p.Badge.Secret}}
	case p.Quest != nil:
		return earning.Quest, schema.RewardTerms{Quest: &schema.QuestTerms{
			Goals: goalsOf(p.Quest.Goals), Points: money.Amount(p.Quest.Points),
		}}
	case p.Level != nil:
		return earning.Level, schema.RewardTerms{Level: &schema.LevelTerms{
			From: money.Amount(p.Level.From), ExtraPercent: int64(p.Level.ExtraPercent),
		}}
	case p.Streak != nil:
		return earning.Streak, schema.RewardTerms{Streak: p.Streak}
	case p.Leaderboard != nil:
		return earning.Leaderboard, schema.RewardTerms{Leaderboard: p.Leaderboard}
	case p.Perk != nil:
		return earning.Perk, schema.RewardTerms{Perk: &schema.PerkTerms{Cost: money.Amount(p.Perk.Cost), Freezes: p.Perk.Freezes}}
	case p.Discount != nil:
		return earning.Discount, schema.RewardTerms{Discount: &schema.DiscountTerms{
			Worth: p.Discount.Worth.rates(), MostPercent: int64(p.Discount.MostPercent), Least: money.Amount(p.Discount.Least),
		}}
	}
	return "", schema.RewardTerms{}
}

func (p pointsPlan) terms() *schema.PointsTerms {
	t := &schema.PointsTerms{
		Rates: p.Rates.rates(), Currency: p.Currency, Points: money.Amount(p.Points), ExtraPercent: int64(p.ExtraPercent),
		FirstPurchase: p.FirstPurchase, Scope: p.Scope,
		PerDay: (*money.Amount)(p.PerDay), PerShopper: (*money.Amount)(p.PerShopper), ExpireDays: p.ExpireDays,
	}
	for _, step := range p.Steps {
		t.Steps = append(t.Steps, schema.RewardStep{From: money.Amount(step.From), Rate: money.Amount(step.Rate)})
	}
	return t
}

// rates are numbers for a unit of each currency; nil for none.
func (p prices) rates() schema.Prices {
	if p == nil {
		return nil
	}
	rates := make(schema.Prices, len(p))
	for currency, rate := range maps.All(p) {
		rates[currency] = money.Amount(rate)
	}
	return rates
}

// goalsOf are goals in the terms of the domain. Money and points are counted in millionths, all else in ones.
func goalsOf(plans []goalPlan) []schema.RewardGoal {
	goals := make([]schema.RewardGoal, len(plans))
	for i, p := range plans {
		target := int64(p.Target)
		if p.Measure != earning.Amount && p.Measure != earning.PointsEarned {
			target /= int64(money.Unit)
		}
		goals[i] = schema.RewardGoal{
			RewardCounter: schema.RewardCounter{Measure: string(p.Measure), Currency: p.Currency, Scope: p.Scope}, Target: target,
		}
	}
	return goals
}

// rulesThere are the rules that the shop has, by code. Those that the demonstration's merchandiser has made are looked up
// in the audit, by the codes they were made with, since a code may be changed; those that were there before are left alone,
// and count as well.
func rulesThere(ctx context.Context, client *ent.Client) (map[string]made, error) {
	found := map[string]made{}
	rows, err := client.RewardRule.Query().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the shop's rules of rewards: %w", err)
	}
	for _, row := range rows {
		found[row.Code] = made{id: row.ID}
	}
	entries, err := client.AuditEntry.Query().
		Where(auditentry.Actor(merchandiser), auditentry.Action("createRewardRule")).
		Order(ent.Desc(auditentry.FieldID)). // the first of a code is the demonstration's own
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the demonstration's rules of rewards: %w", err)
	}
	for _, e := range entries {
		var content struct{ Code string }
		if err := json.Unmarshal(e.After, &content); err != nil {
			return nil, fmt.Errorf("reading what %s has made: %w", e.Action, err)
		}
		found[content.Code] = made{e.TargetID, e.CreatedAt}
	}
	return found, nil
}

// rewards makes those of the rules that are not there, as the demonstration's merchandiser.
func (s *seeding) rewards(ctx context.Context) error {
	ctx = actor.With(ctx, actor.Actor{Subject: merchandiser, Roles: []actor.Role{actor.Merchandiser}})
	for _, p := range s.rules {
		if _, ok := s.ruled[p.Code]; ok {
			continue
		}
		kind, terms := p.terms()
		row, err := s.past.Rewards.CreateRule(ctx, rewards.RuleInput{
			Kind: kind, Code: &p.Code, Status: rewards.StatusActive, Texts: p.Texts, Picture: p.Picture,
			StartsAt: s.onDay(p.FromDay), EndsAt: s.onDay(p.UntilDay), Terms: terms,
		})
		if err != nil {
			return fmt.Errorf("creating %q: %w", p.Code, err)
		}
		s.ruled[p.Code] = made{row.ID, s.since.Add(-arrived)}
		s.report.Rules++
	}
	return nil
}

// settings makes a shopper's choices about rewards, unless the shopper stands somewhere already: choices are the shopper's
// own, and may have been changed since.
func (s *seeding) settings(ctx context.Context, who shopper) error {
	if who.name == "" && who.zone == "" {
		return nil
	}
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, who.subject)
	if err != nil {
		return err
	}
	stands, err := s.DB.Client().RewardStanding.Query().Where(rewardstanding.ShopperID(shopperID)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for the choices of %s: %w", who.subject, err)
	}
	if stands {
		return nil
	}
	chosen := rewards.Settings{ShopperID: shopperID}
	if who.name != "" {
		chosen.DisplayName = catalog.To(&who.name)
	}
	if who.zone != "" {
		chosen.TimeZone = catalog.To(who.zone)
	}
	_, err = s.past.Rewards.ChangeSettings(ctx, chosen)
	return err
}

// redeem takes a shopper's points for a perk, once.
func (s *seeding) redeem(ctx context.Context, who shopper, n int) error {
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, who.subject)
	if err != nil {
		return err
	}
	redeemed, err := s.past.Rewards.RedeemPerk(as(ctx, who.subject, shopperID), rewards.RedeemPerk{
		IdempotencyKey: keyOf("perk", n), ShopperID: shopperID, PerkID: s.ruled[who.perks[n].code].id,
	})
	if err != nil {
		return err
	}
	if !redeemed.Replayed {
		s.report.Perks++
	}
	return nil
}

// as is the context of a shopper who calls.
func as(ctx context.Context, subject string, shopperID uuid.UUID) context.Context {
	return actor.With(ctx, actor.Actor{Subject: subject, Roles: []actor.Role{actor.Shopper}, ShopperID: shopperID})
}

// perk is something that points were redeemed for, by its code, so long before the demonstration was set up.
type perk struct {
	code string
	ago  time.Duration
}
