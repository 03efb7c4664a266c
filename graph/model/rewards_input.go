package model

import (
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// RewardTerms reads what a rule says: the kind of the first of its parts that is given, empty when none is; all parts that
// are; and the currencies of its numbers by currency, in the order in which they were given.
func RewardTerms(in RewardRuleInput) (kind earning.Kind, terms schema.RewardTerms, currencies []money.Code, faults fault.List) {
	r := termsReading{kind: &kind, currencies: &currencies, faults: &faults}
	terms = schema.RewardTerms{
		Points:      readPart(r, earning.Points, in.Points, termsReading.points),
		Badge:       readPart(r, earning.Badge, in.Badge, termsReading.badge),
		Quest:       readPart(r, earning.Quest, in.Quest, termsReading.quest),
		Level:       readPart(r, earning.Level, in.Level, termsReading.level),
		Streak:      readPart(r, earning.Streak, in.Streak, termsReading.streak),
		Leaderboard: readPart(r, earning.Leaderboard, in.Leaderboard, termsReading.leaderboard),
		Perk:        readPart(r, earning.Perk, in.Perk, termsReading.perk),
		Discount:    readPart(r, earning.Discount, in.Discount, termsReading.discount),
	}
	return kind, terms, currencies, faults
}

// termsReading collects what is read of terms besides themselves.
type termsReading struct {
	kind       *earning.Kind
	currencies *[]money.Code
	faults     *fault.List
}

// readPart reads a part of the terms; nil when it is not given.
func readPart[In, Out any](
	r termsReading, kind earning.Kind, in graphql.Omittable[*In], read func(termsReading, In) Out,
) *Out {
	if in.Value() == nil {
		return nil
	}
	if *r.kind == "" {
		*r.kind = kind
	}
	return new(read(r, *in.Value()))
}

func (r termsReading) points(in PointsTermsInput) schema.PointsTerms {
	t := schema.PointsTerms{
		Rates: r.rates("points.rates", earning.Points, in.Rates), Points: r.amountOrZero("points.points", in.Points),
		FirstPurchase: in.FirstPurchase, Scope: r.scope("points.scope", in.Scope),
		PerDay: r.amountOrNil("points.perDay", in.PerDay), PerShopper: r.amountOrNil("points.perShopper", in.PerShopper),
		ExpireDays: in.ExpireDays.Value(),
	}
	if code := in.Currency.Value(); code != nil {
		t.Currency = *code
	}
	for i, step := range in.Steps {
		at := "points.steps." + strconv.Itoa(i)
		t.Steps = append(t.Steps, schema.RewardStep{From: r.amount(at+".from", step.From), Rate: r.amount(at+".rate", step.Rate)})
	}
	if extra := in.ExtraPercent.Value(); extra != nil {
		t.ExtraPercent = r.percent("points.extraPercent", *extra)
	}
	return t
}

func (r termsReading) badge(in BadgeTermsInput) schema.BadgeTerms {
	return schema.BadgeTerms{Goals: r.goals("badge.goals", in.Goals), Secret: in.Secret}
}

func (r termsReading) quest(in QuestTermsInput) schema.QuestTerms {
	return schema.QuestTerms{Goals: r.goals("quest.goals", in.Goals), Points: r.amount("quest.points", in.Points)}
}

func (r termsReading) level(in LevelTermsInput) schema.LevelTerms {
	return schema.LevelTerms{From: r.amount("level.from", in.From), ExtraPercent: r.percent("level.extraPercent", in.ExtraPercent)}
}

func (termsReading) streak(in StreakTermsInput) schema.StreakTerms {
	return schema.StreakTerms{
		Period: string(in.Period), Grace: in.Grace, FreezeEvery: in.FreezeEvery, MaxFreezes: in.MaxFreezes,
	}
}

func (r termsReading) leaderboard(in LeaderboardTermsInput) schema.LeaderboardTerms {
	return schema.LeaderboardTerms{
		RewardCounter: r.counter("leaderboard", in.Measure, in.Currency, in.Scope), Period: string(in.Period),
	}
}

func (r termsReading) perk(in PerkTermsInput) schema.PerkTerms {
	return schema.PerkTerms{Cost: r.amount("perk.cost", in.Cost), Freezes: in.Freezes}
}

func (r termsReading) discount(in DiscountTermsInput) schema.DiscountTerms {
	return schema.DiscountTerms{
		Worth: r.rates("discount.worth", earning.Discount, in.Worth), MostPercent: r.percent("discount.mostPercent", in.MostPercent),
		Least: r.amount("discount.least", in.Least),
	}
}

func (r termsReading) goals(path string, input []RewardGoalInput) []schema.RewardGoal {
	goals := make([]schema.RewardGoal, len(input))
	for i, in := range input {
		at := path + "." + strconv.Itoa(i)
		goals[i] = schema.RewardGoal{RewardCounter: r.counter(at, in.Measure, in.Currency, in.Scope)}
		goals[i].Target = r.target(at+".target", earning.Measure(in.Measure), in.Target)
	}
	return goals
}

// target reads how much of a measure it takes: of money and points in millionths, of all else by the piece.
func (r termsReading) target(path string, of earning.Measure, d Decimal) int64 {
	amount := r.amount(path, d)
	if of == earning.Amount || of == earning.PointsEarned {
		return int64(amount)
	}
	if amount%money.Unit != 0 {
		r.faults.Add(fault.Input(path, "%s is not a whole number.", amount))
	}
	return int64(amount / money.Unit)
}

func (r termsReading) counter(
	path string, measure RewardMeasure, currency graphql.Omittable[*money.Code], scope graphql.Omittable[*RewardScopeInput],
) schema.RewardCounter {
	c := schema.RewardCounter{Measure: string(measure), Scope: r.scope(path+".scope", scope)}
	if code := currency.Value(); code != nil {
		c.Currency = *code
	}
	return c
}

func (r termsReading) scope(path string, o graphql.Omittable[*RewardScopeInput]) schema.RewardScope {
	in := o.Value()
	if in == nil {
		return schema.RewardScope{}
	}
	scope := schema.RewardScope{Tags: in.Tags, Categories: in.Categories, Creators: in.Creators}
	for i, text := range in.Products {
		scope.Products = append(scope.Products, idAt(r.faults, id.Product, path+".products."+strconv.Itoa(i), text))
	}
	return scope
}

// rates reads numbers by currency, of a rule of a kind. A currency that is there twice is found out by their order.
func (r termsReading) rates(path string, of earning.Kind, input []RewardRateInput) schema.Prices {
	rates := make(schema.Prices, len(input))
	for i, in := range input {
		rates[in.Currency] = r.amount(path+"."+strconv.Itoa(i)+".rate", in.Rate)
		if of == *r.kind {
			*r.currencies = append(*r.currencies, in.Currency)
		}
	}
	return rates
}

func (r termsReading) amount(path string, d Decimal) money.Amount {
	r.faults.AddIf(d.Fault(path))
	return d.Amount()
}

func (r termsReading) amountOrNil(path string, o graphql.Omittable[*Decimal]) *money.Amount {
	if o.Value() == nil {
		return nil
	}
	return new(r.amount(path, *o.Value()))
}

func (r termsReading) amountOrZero(path string, o graphql.Omittable[*Decimal]) money.Amount {
	if amount := r.amountOrNil(path, o); amount != nil {
		return *amount
	}
	return 0
}

func (r termsReading) percent(path string, d Decimal) int64 {
	n, unreadable := basisPoints(path, d)
	r.faults.AddIf(unreadable)
	return n
}
