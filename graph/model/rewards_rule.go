package model

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

// RewardRule shows a rule as merchandisers set it up.
type RewardRule struct {
	*ent.RewardRule
	currencies *money.Currencies
}

// NewRewardRule shows a rule.
func NewRewardRule(row *ent.RewardRule, currencies *money.Currencies) RewardRule {
	return RewardRule{row, currencies}
}

// IsNode marks a thing that has an id.
func (RewardRule) IsNode() {}

// ID is the rule's id on the outside.
func (r RewardRule) ID() string { return id.Encode(id.RewardRule, r.RewardRule.ID) }

// Kind is what it is about.
func (r RewardRule) Kind() RewardRuleKind { return RewardRuleKind(r.RewardRule.Kind) }

// Status is where it is in its life.
func (r RewardRule) Status() OfferStatus { return OfferStatus(r.RewardRule.Status) }

// Name is what it is called in the best of the wanted languages.
func (r RewardRule) Name(languages []string) string {
	return catalog.Best(r.Content.Language, r.Content.Texts, languages).Name
}

// Description describes it in the best of the wanted languages.
func (r RewardRule) Description(languages []string) string {
	return catalog.Best(r.Content.Language, r.Content.Texts, languages).Description
}

// Languages are those there are texts in, the rule's own first.
func (r RewardRule) Languages() []string {
	own := r.Content.Language
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Content.Texts)), func(tag string) bool { return tag == own })
	return append([]string{own}, others...)
}

// Picture is a link to a picture; nil for none.
func (r RewardRule) Picture() *string { return orNil(r.Content.Picture) }

// StartsAt is the first instant at which it counts; nil for no beginning.
func (r RewardRule) StartsAt() *time.Time { return r.Content.StartsAt }

// EndsAt is the first instant at which it counts no more; nil for no end.
func (r RewardRule) EndsAt() *time.Time { return r.Content.EndsAt }

// Points are the terms of a POINTS rule; nil for other kinds.
func (r RewardRule) Points() *PointsTerms {
	t := r.Content.Terms.Points
	if t == nil {
		return nil
	}
	terms := PointsTerms{
		Rates: newRates(t.Rates), Steps: make([]PointsStep, len(t.Steps)), Currency: orNil(t.Currency),
		ExtraPercent: newPercent(t.ExtraPercent), FirstPurchase: t.FirstPurchase, Scope: newRewardScope(t.Scope),
		PerDay: pointsOrNil(t.PerDay), PerShopper: pointsOrNil(t.PerShopper), ExpireDays: t.ExpireDays,
		Points: pointsOrNil(orNil(t.Points)),
	}
	for i, step := range t.Steps {
		terms.Steps[i] = PointsStep{From: NewMoney(r.currencies.Of(t.Currency), step.From), Rate: newDecimal(step.Rate)}
	}
	return &terms
}

// Badge are the terms of a BADGE; nil for other kinds.
func (r RewardRule) Badge() *BadgeTerms {
	t := r.Content.Terms.Badge
	if t == nil {
		return nil
	}
	return &BadgeTerms{Goals: r.goals(t.Goals), Secret: t.Secret}
}

// Quest are the terms of a QUEST; nil for other kinds.
func (r RewardRule) Quest() *QuestTerms {
	t := r.Content.Terms.Quest
	if t == nil {
		return nil
	}
	return &QuestTerms{Goals: r.goals(t.Goals), Points: NewPoints(t.Points)}
}

// Level are the terms of a LEVEL; nil for other kinds.
func (r RewardRule) Level() *LevelTerms {
	t := r.Content.Terms.Level
	if t == nil {
		return nil
	}
	return &LevelTerms{From: NewPoints(t.From), ExtraPercent: percentOf(t.ExtraPercent)}
}

// Streak are the terms of a STREAK; nil for other kinds.
func (r RewardRule) Streak() *StreakTerms {
	t := r.Content.Terms.Streak
	if t == nil {
		return nil
	}
	return &StreakTerms{Period: StreakPeriod(t.Period), Grace: t.Grace, FreezeEvery: t.FreezeEvery, MaxFreezes: t.MaxFreezes}
}

// Leaderboard are the terms of a LEADERBOARD; nil for other kinds.
func (r RewardRule) Leaderboard() *LeaderboardTerms {
	t := r.Content.Terms.Leaderboard
	if t == nil {
		return nil
	}
	return &LeaderboardTerms{
		Period: LeaderboardPeriod(t.Period), Measure: RewardMeasure(t.Measure), Currency: orNil(t.Currency), Scope: newRewardScope(t.Scope),
	}
}

// Perk are the terms of a PERK; nil for other kinds.
func (r RewardRule) Perk() *PerkTerms {
	t := r.Content.Terms.Perk
	if t == nil {
		return nil
	}
	return &PerkTerms{Cost: NewPoints(t.Cost), Freezes: t.Freezes}
}

// Discount are the terms of a DISCOUNT; nil for other kinds.
func (r RewardRule) Discount() *DiscountTerms {
	t := r.Content.Terms.Discount
	if t == nil {
		return nil
	}
	return &DiscountTerms{Worth: newRates(t.Worth), MostPercent: percentOf(t.MostPercent), Least: NewPoints(t.Least)}
}

func (r RewardRule) goals(goals []schema.RewardGoal) []RewardGoal {
	list := make([]RewardGoal, len(goals))
	for i, g := range goals {
		list[i] = RewardGoal{
			Measure: RewardMeasure(g.Measure), Currency: orNil(g.Currency), Scope: newRewardScope(g.Scope),
			Target: measured(g.RewardCounter, g.Target, r.currencies),
		}
	}
	return list
}

// RewardRuleConnection is a page of rules.
type RewardRuleConnection struct {
	connection[RewardRuleEdge, RewardRule]
}

// RewardRuleEdge is a rule in a page.
type RewardRuleEdge struct {
	Cursor string
	Node   RewardRule
}

// NewRewardRules shows a page of rules.
func NewRewardRules(
	p page.Page[*ent.RewardRule], count func(context.Context) (int, error), currencies *money.Currencies,
) RewardRuleConnection {
	return RewardRuleConnection{connect(p, count,
		func(row *ent.RewardRule) RewardRule { return NewRewardRule(row, currencies) },
		func(cursor string, node RewardRule) RewardRuleEdge { return RewardRuleEdge{cursor, node} },
	)}
}

// NewRewardRulePreview shows what a rule would have done; nil for nothing.
func NewRewardRulePreview(d *rewards.DryRun) *RewardRulePreview {
	if d == nil {
		return nil
	}
	return &RewardRulePreview{
		Shoppers: int(d.Shoppers), Purchases: int(d.Purchases), Points: NewPoints(d.Points), Considered: int(d.Considered),
	}
}

// newRewardScope shows which goods something is about.
func newRewardScope(s schema.RewardScope) RewardScope {
	products := make([]string, len(s.Products))
	for i, product := range s.Products {
		products[i] = id.Encode(id.Product, product)
	}
	return RewardScope{
		Products: products, Tags: orEmpty(s.Tags), Categories: orEmpty(s.Categories), Creators: orEmpty(s.Creators),
	}
}

// newRates shows numbers by currency, in the order of their codes.
func newRates(rates schema.Prices) []RewardRate {
	list := make([]RewardRate, 0, len(rates))
	for _, code := range slices.Sorted(maps.Keys(rates)) {
		list = append(list, RewardRate{Currency: code, Rate: newDecimal(rates[code])})
	}
	return list
}

// pointsOrNil shows points; nil for none.
func pointsOrNil(points *money.Amount) *Money {
	if points == nil {
		return nil
	}
	return new(NewPoints(*points))
}

// currencyOf is the currency that a counter counts in: points are one. It is nil for all that is counted by the piece.
func currencyOf(c schema.RewardCounter) *money.Code {
	if earning.Measure(c.Measure) == earning.PointsEarned {
		return new(money.PointsCode)
	}
	return orNil(c.Currency)
}

// measured shows what a counter has counted: money and points as they are written, all else by the piece.
func measured(c schema.RewardCounter, n int64, currencies *money.Currencies) Decimal {
	if code := currencyOf(c); code != nil {
		return NewMoney(currencies.Of(*code), money.Amount(n)).Amount
	}
	return Decimal{text: strconv.FormatInt(n, 10)}
}
