package rewards

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// Limits of what rules say.
const (
	maxGoals       = 5
	maxTarget      = 1_000_000_000
	maxSteps       = 20
	maxScope       = 50
	maxCreator     = 500 // characters, as of a product
	maxExpireDays  = 3_650
	maxGrace       = 6
	maxFreezeEvery = 365
	maxFreezes     = 30
	// maxPercent and allPercent are ten thousand and one hundred percent, in hundredths of a percent.
	maxPercent = 1_000_000
	allPercent = 10_000
	// maxRate is for a unit of money, or for a point, and maxPoints what any number of points can be.
	maxRate   = 1_000_000 * money.Unit
	maxPoints = 1_000_000_000 * money.Unit
)

// form checks the content of a rule.
type form struct {
	catalog.Form
	client *ent.Client
	// malformed is what the door could not read.
	malformed fault.List
	// named are the products that scopes name, and where. They are looked up together.
	named []namedProduct
}

type namedProduct struct {
	path string
	id   uuid.UUID
}

func newForm(currencies *money.Currencies, client *ent.Client) form {
	return form{Form: catalog.Form{Currencies: currencies}, client: client}
}

// finish gives all that is wrong: also what the door could not read.
func (f *form) finish() error { return fault.Merge(f.malformed, f.Faults).Err() }

// wrong says whether something is known to be wrong at a field, within it, or with what it is part of. What follows from
// that alone is not worth a fault of its own.
func (f *form) wrong(path string) bool { return f.malformed.Touches(path) || f.Faults.Touches(path) }

// content checks what a rule says by itself, and gives it in the one form in which it is stored: texts in NFC, labels
// folded, scopes sorted, instants in UTC and whole microseconds. The code is empty when none is given.
func (f *form) content(ctx context.Context, in RuleInput) (schema.RewardContent, error) {
	c := schema.RewardContent{
		Status: in.Status, Picture: in.Picture, StartsAt: catalog.Instant(in.StartsAt), EndsAt: catalog.Instant(in.EndsAt),
	}
	if in.Code != nil {
		if c.Code = *in.Code; !catalog.IsSlug(c.Code) {
			f.Refuse("code", "A code has lower-case letters a to z, digits and single hyphens between them, at most 100 characters.")
		}
	}
	if in.Status != StatusDraft && in.Status != StatusActive {
		f.Refuse("status", "Set DRAFT or ACTIVE; a reward rule is archived by archiveRewardRule.")
	}
	c.Language, c.Texts = f.Texts("texts", in.Texts)
	if in.Picture != "" {
		f.AddressOrPath("picture", in.Picture)
	}
	f.window(in.Kind, c)
	c.Terms = f.terms(in)
	return c, f.products(ctx)
}

// window checks when a rule counts: a quest has a beginning and an end, a streak and a level neither.
func (f *form) window(kind earning.Kind, c schema.RewardContent) {
	always := kind == earning.Streak || kind == earning.Level
	for _, bound := range []struct {
		path string
		at   *time.Time
	}{{"startsAt", c.StartsAt}, {"endsAt", c.EndsAt}} {
		switch {
		case kind == earning.Quest && bound.at == nil:
			f.Refuse(bound.path, "Say when the quest begins and when it ends.")
		case always && bound.at != nil:
			f.Refuse(bound.path, "A %s counts all the time: archive the rule, or make it a draft, to end it.", strings.ToLower(string(kind)))
		}
	}
	if !always {
		f.Window("endsAt", c.StartsAt, c.EndsAt)
	}
}

// part is what terms say of one kind.
type part struct {
	kind  earning.Kind
	given bool
}

func partsOf(t schema.RewardTerms) []part {
	return []part{
		{earning.Points, t.Points != nil},
		{earning.Badge, t.Badge != nil},
		{earning.Quest, t.Quest != nil},
		{earning.Level, t.Level != nil},
		{earning.Streak, t.Streak != nil},
		{earning.Leaderboard, t.Leaderboard != nil},
		{earning.Perk, t.Perk != nil},
		{earning.Discount, t.Discount != nil},
	}
}

func isKind(kind earning.Kind) bool {
	return slices.ContainsFunc(partsOf(schema.RewardTerms{}), func(p part) bool { return p.kind == kind })
}

// fieldOf is the field of a rule that has the terms of a kind.
func fieldOf(kind earning.Kind) string { return strings.ToLower(string(kind)) }

// terms checks that a rule has the terms of its kind and no others, and that they can be.
func (f *form) terms(in RuleInput) (t schema.RewardTerms) {
	if !isKind(in.Kind) {
		f.Faults.Add(fault.New(fault.InvalidInput,
			"Give exactly one of points, badge, quest, level, streak, leaderboard, perk and discount: that makes the kind of the rule."))
		return t
	}
	for _, p := range partsOf(in.Terms) {
		switch {
		case p.kind == in.Kind && !p.given:
			f.Refuse(fieldOf(p.kind), "Say what the %s is.", in.Kind)
			return t
		case p.kind != in.Kind && p.given:
			f.Refuse(fieldOf(p.kind), "This is for the kind %s; a %s has %s alone.", p.kind, in.Kind, fieldOf(in.Kind))
		}
	}
	switch in.Kind {
	case earning.Points:
		t.Points = f.points(*in.Terms.Points, in.Currencies)
	case earning.Badge:
		t.Badge = &schema.BadgeTerms{Goals: f.goals("badge.goals", in.Kind, in.Terms.Badge.Goals), Secret: in.Terms.Badge.Secret}
	case earning.Quest:
		t.Quest = &schema.QuestTerms{Goals: f.goals("quest.goals", in.Kind, in.Terms.Quest.Goals), Points: in.Terms.Quest.Points}
		f.whole("quest.points", t.Quest.Points, 0)
	case earning.Level:
		t.Level = new(*in.Terms.Level)
		f.whole("level.from", t.Level.From, 0)
		f.percent("level.extraPercent", t.Level.ExtraPercent, 0, maxPercent)
	case earning.Streak:
		t.Streak = f.streak(*in.Terms.Streak)
	case earning.Leaderboard:
		t.Leaderboard = f.leaderboard(*in.Terms.Leaderboard)
	case earning.Perk:
		t.Perk = new(*in.Terms.Perk)
		f.whole("perk.cost", t.Perk.Cost, 1)
		f.Between("perk.freezes", int64(t.Perk.Freezes), 0, maxFreezes)
	case earning.Discount:
		t.Discount = f.discount(*in.Terms.Discount, in.Currencies)
	}
	return t
}

// points checks what a POINTS rule gives.
func (f *form) points(given schema.PointsTerms, order []money.Code) *schema.PointsTerms {
	t := given
	f.oneWay(given)
	t.Rates = f.rates("points.rates", given.Rates, order)
	t.Steps = f.steps(given)
	if given.Points != 0 {
		f.whole("points.points", given.Points, 1)
	}
	if given.ExtraPercent != 0 {
		f.percent("points.extraPercent", given.ExtraPercent, 1, maxPercent)
	}
	t.Scope = f.scope("points.scope", given.Scope)
	if t.PerDay = cloned(given.PerDay); t.PerDay != nil {
		f.whole("points.perDay", *t.PerDay, 1)
	}
	if t.PerShopper = cloned(given.PerShopper); t.PerShopper != nil {
		f.whole("points.perShopper", *t.PerShopper, 1)
	}
	if t.ExpireDays = cloned(given.ExpireDays); t.ExpireDays != nil {
		f.Between("points.expireDays", int64(*t.ExpireDays), 1, maxExpireDays)
	}
	return &t
}

// oneWay checks that a POINTS rule says in exactly one way how many points it gives.
func (f *form) oneWay(t schema.PointsTerms) {
	const all = "Give exactly one of rates, steps, points and extraPercent."
	var ways []string
	for _, way := range []struct {
		field string
		given bool
	}{
		{"rates", len(t.Rates) > 0}, {"steps", len(t.Steps) > 0}, {"points", t.Points != 0}, {"extraPercent", t.ExtraPercent != 0},
	} {
		if way.given || f.malformed.Touches("points."+way.field) {
			ways = append(ways, way.field)
		}
	}
	switch len(ways) {
	case 0:
		f.Refuse("points", all)
	case 1:
	default:
		f.Refuse("points."+ways[1], "There are %s, too. %s", ways[0], all)
	}
}

// rates checks numbers for a unit of a currency, each currency once: more than 0 and at most a million.
func (f *form) rates(path string, given schema.Prices, order []money.Code) schema.Prices {
	if order == nil {
		order = slices.Sorted(maps.Keys(given))
	}
	rates := make(schema.Prices, len(order))
	for i, code := range order {
		at := path + "." + strconv.Itoa(i)
		if slices.Contains(order[:i], code) {
			f.Refuse(at+".currency", "%s is there twice; give each currency once.", catalog.Clip(string(code)))
			continue
		}
		f.currency(at+".currency", code)
		if rate := given[code]; rate <= 0 || rate > maxRate {
			f.Refuse(at+".rate", "Give more than 0 and at most %s, not %s.", maxRate, rate)
		}
		rates[code] = given[code]
	}
	return rates
}

// currency checks that money can be in a currency: one that the shop trades in, and not points.
func (f *form) currency(path string, code money.Code) (money.Currency, bool) {
	currency, traded := f.Currencies.Lookup(code)
	if !traded {
		f.Refuse(path, "This shop does not trade in %s.", catalog.Clip(string(code)))
	}
	return currency, traded
}

// steps checks the steps of a tiered rule. A step may give nothing, so that points begin at some amount, but not all may.
func (f *form) steps(t schema.PointsTerms) []schema.RewardStep {
	const path = "points.steps"
	switch n := len(t.Steps); {
	case n == 0:
		if t.Currency != "" {
			f.Refuse("points.currency", "This is the currency of steps, and there are none.")
		}
		return nil
	case n > maxSteps:
		f.Refuse(path, "Give at most %d steps, not %d.", maxSteps, n)
		return nil
	case t.Currency == "":
		f.Refuse("points.currency", "Say in which currency the steps are.")
	default:
		f.currency("points.currency", t.Currency)
	}
	var most money.Amount
	for i, step := range t.Steps {
		at := path + "." + strconv.Itoa(i)
		switch {
		case i == 0 && step.From != 0:
			f.Refuse(at+".from", "The first step is from 0, not from %s.", step.From)
		case i > 0 && step.From <= t.Steps[i-1].From:
			f.Refuse(at+".from", "A step is from more on than the one before it, from %s.", t.Steps[i-1].From)
		}
		if step.Rate < 0 || step.Rate > maxRate {
			f.Refuse(at+".rate", "Give 0 to %s, not %s.", maxRate, step.Rate)
		}
		most = max(most, step.Rate)
	}
	if most == 0 && !f.wrong(path) {
		f.Refuse(path, "At least one step gives points.")
	}
	return slices.Clone(t.Steps)
}

// whole checks a number of points: whole, and at least so many.
func (f *form) whole(path string, points money.Amount, least int64) {
	if points < money.Amount(least)*money.Unit || points > maxPoints || !money.Points().IsWhole(points) {
		f.Refuse(path, "Give a whole number of points, %d to %s, not %s.", least, maxPoints, points)
	}
}

// percent checks a percentage in hundredths.
func (f *form) percent(path string, n, least, most int64) {
	if n < least || n > most {
		shown := func(n int64) string { return (money.Amount(n) * money.Unit / 100).String() }
		f.Refuse(path, "Give %s to %s percent.", shown(least), shown(most))
	}
}

// goals checks the goals of a badge or quest. No two of them count the same.
func (f *form) goals(path string, kind earning.Kind, given []schema.RewardGoal) []schema.RewardGoal {
	if len(given) < 1 || len(given) > maxGoals {
		f.Refuse(path, "Give 1 to %d goals, not %d.", maxGoals, len(given))
		return nil
	}
	goals := make([]schema.RewardGoal, len(given))
	for i, goal := range given {
		at := path + "." + strconv.Itoa(i)
		goals[i] = schema.RewardGoal{RewardCounter: f.counter(at, kind, goal.RewardCounter), Target: goal.Target}
		f.target(at+".target", goals[i])
		for j := range i {
			same, err := catalog.Equal(goals[j].RewardCounter, goals[i].RewardCounter)
			if err == nil && same && !f.wrong(at) {
				f.Refuse(at, "This counts the same as goal number %d; give one of them.", j+1)
			}
		}
	}
	return goals
}

// target checks how far a goal counts. When the measure is wrong, it is not known what the number is of.
func (f *form) target(path string, goal schema.RewardGoal) {
	switch m := earning.Measure(goal.Measure); m {
	case earning.Amount:
		amount := money.Amount(goal.Target)
		currency, known := f.Currencies.Lookup(goal.Currency)
		if amount < 1 || amount > maxTarget*money.Unit || known && !currency.IsWhole(amount) {
			f.Refuse(path, "Give more than 0 and at most %d, in whole minor units of the currency, not %s.", maxTarget, amount)
		}
	case earning.PointsEarned:
		f.whole(path, money.Amount(goal.Target), 1)
	default:
		if m.Known() {
			f.Between(path, goal.Target, 1, maxTarget)
		}
	}
}

// counter checks what a rule of a kind counts.
func (f *form) counter(path string, kind earning.Kind, given schema.RewardCounter) schema.RewardCounter {
	m, c := earning.Measure(given.Measure), given
	switch {
	case !m.Known():
		f.Refuse(path+".measure", "%s is not something to count.", catalog.Clip(given.Measure))
	case kind == earning.Quest && !m.Windowed():
		f.Refuse(path+".measure", "%s cannot be counted from one instant to another, as a quest needs it.", m)
	case kind == earning.Leaderboard && !m.Additive():
		f.Refuse(path+".measure", "%s does not add up purchase by purchase, as a leaderboard needs it.", m)
	}
	switch {
	case m == earning.Amount && given.Currency == "":
		f.Refuse(path+".currency", "Say in which currency the amount is.")
	case m == earning.Amount:
		f.currency(path+".currency", given.Currency)
	case m.Known() && given.Currency != "":
		f.Refuse(path+".currency", "A currency is for the measure AMOUNT.")
	}
	c.Scope = f.scope(path+".scope", given.Scope)
	everything := len(c.Scope.Products)+len(c.Scope.Tags)+len(c.Scope.Categories)+len(c.Scope.Creators) == 0
	if !everything && (m == earning.StreakDays || m == earning.StreakWeeks || m == earning.PointsEarned) {
		f.Refuse(path+".scope", "%s is of everything that is bought; leave the scope out.", m)
	}
	return c
}

// scope checks which goods something is about, and gives them in the one form in which they are compared.
func (f *form) scope(path string, given schema.RewardScope) schema.RewardScope {
	s := schema.RewardScope{
		Tags:       folded(f.Labels(path+".tags", given.Tags)),
		Categories: folded(f.Labels(path+".categories", given.Categories)),
		Creators:   folded(f.creators(path+".creators", given.Creators)),
	}
	if n := len(given.Products); n > maxScope {
		f.Refuse(path+".products", "Give at most %d, not %d.", maxScope, n)
		return s
	}
	for i, one := range given.Products {
		f.named = append(f.named, namedProduct{path + ".products." + strconv.Itoa(i), one})
		s.Products = append(s.Products, one)
	}
	slices.SortFunc(s.Products, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	s.Products = slices.Compact(s.Products)
	return s
}

func (f *form) creators(path string, given []string) []string {
	if len(given) > maxScope {
		f.Refuse(path, "Give at most %d, not %d.", maxScope, len(given))
		return nil
	}
	names := make([]string, len(given))
	for i, name := range given {
		names[i] = f.Line(path+"."+strconv.Itoa(i), name, 1, maxCreator)
	}
	return names
}

// folded are labels as they are compared, sorted, each once; nil for none.
func folded(labels []string) []string {
	var list []string
	for _, label := range labels {
		list = append(list, catalog.Fold(label))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// products refuses ids in scopes that are of no product. An archived product may be named: who bought it has it still.
func (f *form) products(ctx context.Context) error {
	if len(f.named) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(f.named))
	for i, one := range f.named {
		ids[i] = one.id
	}
	found, err := f.client.Product.Query().Where(product.IDIn(ids...)).IDs(ctx)
	if err != nil {
		return fmt.Errorf("find the products of a scope: %w", err)
	}
	for _, one := range f.named {
		if !slices.Contains(found, one.id) {
			f.Refuse(one.path, "There is no such product.")
		}
	}
	return nil
}

// streak checks how a streak is counted.
func (f *form) streak(t schema.StreakTerms) *schema.StreakTerms {
	if t.Period != earning.Day && t.Period != earning.Week {
		f.Refuse("streak.period", "%s is not what a streak is made of; it is DAY or WEEK.", catalog.Clip(t.Period))
	}
	f.Between("streak.grace", int64(t.Grace), 0, maxGrace)
	f.Between("streak.freezeEvery", int64(t.FreezeEvery), 0, maxFreezeEvery)
	f.Between("streak.maxFreezes", int64(t.MaxFreezes), 0, maxFreezes)
	switch {
	case t.FreezeEvery > 0 && t.MaxFreezes == 0:
		f.Refuse("streak.maxFreezes", "Say how many freezes one can have, since they are given.")
	case t.FreezeEvery == 0 && t.MaxFreezes > 0:
		f.Refuse("streak.freezeEvery", "Say for how many in a row a freeze is given, since one can have some.")
	}
	return &t
}

// leaderboard checks what a leaderboard ranks by.
func (f *form) leaderboard(t schema.LeaderboardTerms) *schema.LeaderboardTerms {
	if !slices.Contains([]string{earning.Day, earning.Week, earning.Month, earning.Ever}, t.Period) {
		f.Refuse("leaderboard.period", "%s is not a period; it is DAY, WEEK, MONTH or ALL.", catalog.Clip(t.Period))
	}
	t.RewardCounter = f.counter("leaderboard", earning.Leaderboard, t.RewardCounter)
	return &t
}

// discount checks what points take off a basket.
func (f *form) discount(given schema.DiscountTerms, order []money.Code) *schema.DiscountTerms {
	t := given
	if len(given.Worth) == 0 && !f.wrong("discount.worth") {
		f.Refuse("discount.worth", "Say what a point takes off, in at least one currency.")
	}
	t.Worth = f.rates("discount.worth", given.Worth, order)
	f.percent("discount.mostPercent", t.MostPercent, 1, allPercent)
	f.whole("discount.least", t.Least, 0)
	return &t
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
