package model_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/graph/model"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// TestBeforeRulesWereData shows what was earned before rules were data: under a name of its own, and nothing that is not
// known of that time.
func TestBeforeRulesWereData(t *testing.T) {
	t.Parallel()
	purchase := uuid.New()
	entry := &ent.RewardEntry{
		ID: uuid.New(), Seq: 1, Kind: rewardentry.KindPURCHASE, PurchaseID: &purchase, Revision: -1, Points: 40 * money.Unit,
		Result: schema.RewardResult{Points: []schema.RewardPoints{{
			RewardRef: schema.RewardRef{Code: "purchase-rate"}, Points: 40 * money.Unit,
		}}},
	}
	level := schema.RewardContent{
		Code: "silver", Status: earning.Active, Language: "en", Texts: map[string]schema.Text{"en": {Name: "Silver"}},
		Terms: schema.RewardTerms{Level: &schema.LevelTerms{From: 100 * money.Unit}},
	}
	rules := func(context.Context) (*earning.Rulebook, error) {
		return earning.NewRulebook([]*earning.Rule{earning.NewRule(uuid.New(), earning.Level, 1, 3, level)}), nil
	}
	earned := model.NewPurchaseRewards(entry, rules, func(context.Context) (money.Amount, error) { return -5 * money.Unit, nil })
	why, err := earned.Why(t.Context())
	if err != nil || len(why) != 1 || why[0].Code() != "purchase-rate" || why[0].Name([]string{"ko"}) != "Points for purchases" ||
		why[0].Version() != 0 || why[0].Points() != model.NewPoints(40*money.Unit) {
		t.Errorf("why: %v, %v", why, err)
	}
	if next, err := earned.NextLevel(t.Context()); err != nil || next != nil {
		t.Errorf("the next level: %v, %v", next, err)
	}
	if level, err := earned.Level(t.Context()); err != nil || level != nil {
		t.Errorf("the level: %v, %v", level, err)
	}
	if now, err := earned.PointsBalance(t.Context()); err != nil || now != model.NewPoints(-5*money.Unit) {
		t.Errorf("the debt is %v, %v", now, err)
	}
	if balance := model.NewRewardEvent(entry, rules).PointsBalance(); balance != nil {
		t.Errorf("the points afterwards: %v", balance)
	}
	entry.Revision, entry.Result.Lifetime, entry.CreatedAt = 3, 40*money.Unit, time.Now()
	if next, err := earned.NextLevel(t.Context()); err != nil || next == nil || next.Missing != model.NewPoints(60*money.Unit) {
		t.Errorf("the next level since then: %v, %v", next, err)
	}
	if balance := model.NewRewardEvent(entry, rules).PointsBalance(); balance == nil || *balance != model.NewPoints(0) {
		t.Errorf("the points afterwards since then: %v", balance)
	}
}
