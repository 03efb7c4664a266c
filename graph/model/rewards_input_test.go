package model_test

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/graph/model"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/money"
)

// decimal is a number as a client writes it.
func decimal(text string) model.Decimal {
	var d model.Decimal
	_ = d.UnmarshalGQL(text) // what cannot be read is a fault of the number
	return d
}

func given[T any](value T) graphql.Omittable[*T] { return graphql.OmittableOf(&value) }

func TestRewardTerms(t *testing.T) {
	t.Parallel()
	const unit = int64(money.Unit)
	poems := uuid.New()
	goal := func(measure model.RewardMeasure, target string) model.RewardGoalInput {
		return model.RewardGoalInput{Measure: measure, Target: decimal(target)}
	}
	goals := func(goals ...model.RewardGoalInput) model.RewardRuleInput {
		return model.RewardRuleInput{Badge: given(model.BadgeTermsInput{Goals: goals})}
	}
	rate := func(code money.Code, text string) model.RewardRateInput {
		return model.RewardRateInput{Currency: code, Rate: decimal(text)}
	}
	type read struct {
		Kind       earning.Kind
		Terms      schema.RewardTerms
		Currencies []money.Code
		Unreadable []string
	}
	for _, c := range []struct {
		name string
		in   model.RewardRuleInput
		want read
	}{
		{"nothing", model.RewardRuleInput{}, read{}},
		{"null is nothing", model.RewardRuleInput{Perk: graphql.OmittableOf[*model.PerkTermsInput](nil)}, read{}},
		{
			"rates in their order, one of them twice",
			model.RewardRuleInput{Points: given(model.PointsTermsInput{
				Rates: []model.RewardRateInput{rate("USD", "10"), rate("KRW", "0.01"), rate("USD", "12")}, ExpireDays: given(30), PerDay: given(decimal("100")),
			})},
			read{
				Kind: earning.Points, Currencies: []money.Code{"USD", "KRW", "USD"},
				Terms: schema.RewardTerms{Points: &schema.PointsTerms{
					Rates: schema.Prices{"USD": 12 * money.Unit, "KRW": money.Unit / 100}, ExpireDays: new(30), PerDay: new(100 * money.Unit),
				}},
			},
		},
		{
			"steps, with a scope",
			model.RewardRuleInput{Points: given(model.PointsTermsInput{
				Steps: []model.PointsStepInput{{From: decimal("0"), Rate: decimal("1")}, {From: decimal("5.50"), Rate: decimal("2.5")}}, Currency: given(money.Code("USD")),
				FirstPurchase: true, PerShopper: given(decimal("5")),
				Scope: given(model.RewardScopeInput{
					Products: []string{id.Encode(id.Product, poems)}, Tags: []string{"Café"}, Categories: []string{"Books"}, Creators: []string{"Ada"},
				}),
			})},
			read{Kind: earning.Points, Terms: schema.RewardTerms{Points: &schema.PointsTerms{
				Steps: []schema.RewardStep{{Rate: money.Unit}, {From: 5_500_000, Rate: 2_500_000}}, Currency: "USD", FirstPurchase: true, PerShopper: new(5 * money.Unit),
				Scope: schema.RewardScope{Products: []uuid.UUID{poems}, Tags: []string{"Café"}, Categories: []string{"Books"}, Creators: []string{"Ada"}},
			}}},
		},
		{
			"what comes on top",
			model.RewardRuleInput{Points: given(model.PointsTermsInput{ExtraPercent: given(decimal("12.5"))})},
			read{Kind: earning.Points, Terms: schema.RewardTerms{Points: &schema.PointsTerms{ExtraPercent: 1250}}},
		},
		{
			"a fixed number",
			model.RewardRuleInput{Points: given(model.PointsTermsInput{Points: given(decimal("50"))})},
			read{Kind: earning.Points, Terms: schema.RewardTerms{Points: &schema.PointsTerms{Points: 50 * money.Unit}}},
		},
		{
			"points that cannot be read",
			model.RewardRuleInput{Points: given(model.PointsTermsInput{
				Rates: []model.RewardRateInput{rate("USD", "ten")}, Steps: []model.PointsStepInput{{From: decimal("x"), Rate: decimal("1e3")}}, Points: given(decimal("")),
				ExtraPercent: given(decimal("0.001")), PerDay: given(decimal("a")), PerShopper: given(decimal("b")),
				Scope: given(model.RewardScopeInput{Products: []string{"nothing"}}),
			})},
			read{
				Kind: earning.Points, Currencies: []money.Code{"USD"},
				Terms: schema.RewardTerms{Points: &schema.PointsTerms{
					Rates: schema.Prices{"USD": 0}, Steps: []schema.RewardStep{{}}, PerDay: new(money.Amount(0)), PerShopper: new(money.Amount(0)),
					Scope: schema.RewardScope{Products: []uuid.UUID{uuid.Max}},
				}},
				Unreadable: []string{
					"points.extraPercent", "points.perDay", "points.perShopper", "points.points", "points.rates.0.rate", "points.scope.products.0",
					"points.steps.0.from", "points.steps.0.rate",
				},
			},
		},
		{
			"money and points in millionths, all else by the piece",
			goals(
				model.RewardGoalInput{Measure: model.RewardMeasureAmount, Currency: given(money.Code("USD")), Target: decimal("9.99")},
				goal(model.RewardMeasurePoints, "100"), goal(model.RewardMeasurePurchases, "10"), goal(model.RewardMeasureStreakDays, "7.0"),
			),
			read{Kind: earning.Badge, Terms: schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{
				{RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "USD"}, Target: 9_990_000},
				{RewardCounter: schema.RewardCounter{Measure: "POINTS"}, Target: 100 * unit},
				{RewardCounter: schema.RewardCounter{Measure: "PURCHASES"}, Target: 10},
				{RewardCounter: schema.RewardCounter{Measure: "STREAK_DAYS"}, Target: 7},
			}}}},
		},
		{
			"half a purchase", goals(goal(model.RewardMeasurePurchases, "1"), goal(model.RewardMeasurePurchases, "0.5")),
			read{
				Kind: earning.Badge, Unreadable: []string{"badge.goals.1.target"},
				Terms: schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{
					{RewardCounter: schema.RewardCounter{Measure: "PURCHASES"}, Target: 1}, {RewardCounter: schema.RewardCounter{Measure: "PURCHASES"}},
				}}},
			},
		},
		{
			"a quest",
			model.RewardRuleInput{Quest: given(model.QuestTermsInput{Points: decimal("many"), Goals: []model.RewardGoalInput{
				{Measure: model.RewardMeasureUnits, Target: decimal("3"), Scope: given(model.RewardScopeInput{Products: []string{id.Encode(id.Bundle, poems)}})},
			}})},
			read{
				Kind: earning.Quest, Unreadable: []string{"quest.goals.0.scope.products.0", "quest.points"},
				Terms: schema.RewardTerms{Quest: &schema.QuestTerms{Goals: []schema.RewardGoal{
					{RewardCounter: schema.RewardCounter{Measure: "UNITS", Scope: schema.RewardScope{Products: []uuid.UUID{uuid.Max}}}, Target: 3},
				}}},
			},
		},
		{
			"a level",
			model.RewardRuleInput{Level: given(model.LevelTermsInput{From: decimal("500"), ExtraPercent: decimal("0.25")})},
			read{Kind: earning.Level, Terms: schema.RewardTerms{Level: &schema.LevelTerms{From: 500 * money.Unit, ExtraPercent: 25}}},
		},
		{
			"a streak",
			model.RewardRuleInput{Streak: given(model.StreakTermsInput{Period: model.StreakPeriodWeek, Grace: 1, FreezeEvery: 4, MaxFreezes: 2})},
			read{Kind: earning.Streak, Terms: schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Week, Grace: 1, FreezeEvery: 4, MaxFreezes: 2}}},
		},
		{
			"a leaderboard",
			model.RewardRuleInput{Leaderboard: given(model.LeaderboardTermsInput{
				Period: model.LeaderboardPeriodAll, Measure: model.RewardMeasureAmount, Currency: given(money.Code("KRW")),
				Scope: given(model.RewardScopeInput{Creators: []string{"Ada"}}),
			})},
			read{Kind: earning.Leaderboard, Terms: schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{
				Period: earning.Ever, RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "KRW", Scope: schema.RewardScope{Creators: []string{"Ada"}}},
			}}},
		},
		{
			"a perk",
			model.RewardRuleInput{Perk: given(model.PerkTermsInput{Cost: decimal("20"), Freezes: 2})},
			read{Kind: earning.Perk, Terms: schema.RewardTerms{Perk: &schema.PerkTerms{Cost: 20 * money.Unit, Freezes: 2}}},
		},
		{
			"a discount",
			model.RewardRuleInput{Discount: given(model.DiscountTermsInput{
				Worth: []model.RewardRateInput{rate("USD", "0.01")}, MostPercent: decimal("33.33"), Least: decimal("5"),
			})},
			read{
				Kind: earning.Discount, Currencies: []money.Code{"USD"},
				Terms: schema.RewardTerms{Discount: &schema.DiscountTerms{Worth: schema.Prices{"USD": money.Unit / 100}, MostPercent: 3333, Least: 5 * money.Unit}},
			},
		},
		{
			"two at once, of which the first is the kind, with its own currencies",
			model.RewardRuleInput{
				Points:   given(model.PointsTermsInput{Rates: []model.RewardRateInput{rate("USD", "10")}}),
				Discount: given(model.DiscountTermsInput{Worth: []model.RewardRateInput{rate("KRW", "1")}, MostPercent: decimal("100"), Least: decimal("0")}),
			},
			read{
				Kind: earning.Points, Currencies: []money.Code{"USD"},
				Terms: schema.RewardTerms{
					Points:   &schema.PointsTerms{Rates: schema.Prices{"USD": 10 * money.Unit}},
					Discount: &schema.DiscountTerms{Worth: schema.Prices{"KRW": money.Unit}, MostPercent: 10_000},
				},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kind, terms, currencies, faults := model.RewardTerms(c.in)
			got := read{Kind: kind, Terms: terms, Currencies: currencies, Unreadable: paths(faults)}
			sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty(), sorted); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}
