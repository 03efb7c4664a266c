package earning_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// noon is when the first purchase of a case is made.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

const hour, day = time.Hour, 24 * time.Hour

// numbered is an id by a number: ids of higher numbers are greater, as those of things that were made later are.
func numbered(n int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func amountOf(text string) money.Amount {
	a, err := money.ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return a
}

// ruled is what rules say, in the order in which they were made, as a rulebook of one revision.
func ruled(contents ...schema.RewardContent) *earning.Rulebook {
	versions := make([]*earning.Rule, len(contents))
	for i, c := range contents {
		versions[i] = earning.NewRule(numbered(i+1), kindOf(c.Terms), 1, 1, c)
	}
	return earning.NewRulebook(versions)
}

func kindOf(t schema.RewardTerms) earning.Kind {
	switch {
	case t.Points != nil:
		return earning.Points
	case t.Badge != nil:
		return earning.Badge
	case t.Quest != nil:
		return earning.Quest
	case t.Level != nil:
		return earning.Level
	case t.Streak != nil:
		return earning.Streak
	case t.Leaderboard != nil:
		return earning.Leaderboard
	case t.Perk != nil:
		return earning.Perk
	}
	return earning.Discount
}

// active is the content of a rule that is in force.
func active(code string, terms schema.RewardTerms) schema.RewardContent {
	return schema.RewardContent{Code: code, Status: earning.Active, Terms: terms}
}

// within puts a window on a rule.
func within(c schema.RewardContent, from, until time.Time) schema.RewardContent {
	c.StartsAt, c.EndsAt = &from, &until
	return c
}

func pointsRule(code string, terms schema.PointsTerms) schema.RewardContent {
	return active(code, schema.RewardTerms{Points: &terms})
}

// rate gives points for each dollar.
func rate(code, points string) schema.RewardContent {
	return pointsRule(code, schema.PointsTerms{Rates: schema.Prices{"USD": amountOf(points)}})
}

func badge(code string, goals ...schema.RewardGoal) schema.RewardContent {
	return active(code, schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: goals}})
}

// quest is one of the day of the first purchase.
func quest(code, points string, goals ...schema.RewardGoal) schema.RewardContent {
	terms := schema.RewardTerms{Quest: &schema.QuestTerms{Goals: goals, Points: amountOf(points)}}
	return within(active(code, terms), noon, noon.Add(day))
}

func level(code, from string, extraPercent int64) schema.RewardContent {
	return active(code, schema.RewardTerms{Level: &schema.LevelTerms{From: amountOf(from), ExtraPercent: extraPercent}})
}

func goal(measure earning.Measure, target int64) schema.RewardGoal {
	return schema.RewardGoal{RewardCounter: schema.RewardCounter{Measure: string(measure)}, Target: target}
}

func points(text string) int64 { return int64(amountOf(text)) }

// bought is the facts of a purchase in USD that was really paid, of lines of an amount and labels: "12.50 #tag /category
// @creator".
func bought(lines ...string) *schema.PurchaseFacts {
	facts := &schema.PurchaseFacts{Currency: "USD"}
	for _, text := range lines {
		words := strings.Fields(text)
		line := schema.FactLine{Product: uuid.NewSHA1(uuid.Nil, []byte(text)), Quantity: 1, Paid: amountOf(words[0])}
		for _, word := range words[1:] {
			label := word[1:]
			switch word[0] {
			case '#':
				line.Tags = append(line.Tags, label)
			case '/':
				line.Categories = append(line.Categories, label)
			case '@':
				line.Creator = label
			case '*':
				line.Quantity = int64(len(label))
			case '!':
				line.Sale, line.Trial = label == "sale", label == "trial"
			case '&':
				line.Bundle = new(uuid.NewSHA1(uuid.Nil, []byte(label)))
			default:
				panic(word)
			}
		}
		facts.Paid += line.Paid
		facts.Lines = append(facts.Lines, line)
	}
	return facts
}

func won(lines ...string) *schema.PurchaseFacts {
	facts := bought(lines...)
	facts.Currency = "KRW"
	return facts
}

// told is what a purchase earns, in a line: "rate 12 + double 12 = 24 for 30d; quest +50; badge; at silver".
func told(e earning.Earned, at time.Time) string {
	var parts []string
	for _, p := range e.Points {
		parts = append(parts, fmt.Sprintf("%s %s", p.Code, p.Points))
	}
	line := strings.Join(parts, " + ") + " = " + e.Total.String()
	if e.ExpiresAt != nil {
		line += fmt.Sprintf(" for %dd", e.ExpiresAt.Sub(at)/day)
	}
	for _, q := range e.Quests {
		line += fmt.Sprintf("; %s +%s", q.Code, q.Points)
	}
	for _, b := range e.Badges {
		line += "; " + b.Code
	}
	if e.Level != "" {
		line += "; at " + e.Level
	}
	return strings.TrimSpace(line)
}

// earned is a purchase of a case: so long after noon, what was bought, and what that earns.
type earned struct {
	after time.Duration
	facts *schema.PurchaseFacts
	want  string
}

func TestEarn(t *testing.T) {
	t.Parallel()
	tag := schema.RewardScope{Tags: []string{"scifi"}}
	fixed := func(code, n string) schema.RewardContent {
		return pointsRule(code, schema.PointsTerms{Points: amountOf(n)})
	}
	extra := func(code string, percent int64, scope schema.RewardScope) schema.RewardContent {
		return pointsRule(code, schema.PointsTerms{ExtraPercent: percent, Scope: scope})
	}
	lasting := func(c schema.RewardContent, days int) schema.RewardContent {
		c.Terms.Points = new(*c.Terms.Points)
		c.Terms.Points.ExpireDays = &days
		return c
	}
	capped := func(c schema.RewardContent, perDay, perShopper string) schema.RewardContent {
		if perDay != "" {
			c.Terms.Points.PerDay = new(amountOf(perDay))
		}
		if perShopper != "" {
			c.Terms.Points.PerShopper = new(amountOf(perShopper))
		}
		return c
	}
	first := func(c schema.RewardContent) schema.RewardContent {
		c.Terms.Points.FirstPurchase = true
		return c
	}
	scoped := func(c schema.RewardContent, scope schema.RewardScope) schema.RewardContent {
		c.Terms.Points = new(*c.Terms.Points)
		c.Terms.Points.Scope = scope
		return c
	}
	steps := pointsRule("steps", schema.PointsTerms{Currency: "USD", Steps: []schema.RewardStep{
		{From: 0, Rate: amountOf("1")}, {From: amountOf("10"), Rate: amountOf("2")}, {From: amountOf("50"), Rate: amountOf("3.5")},
	}})
	free := bought("0")
	promotional := bought("0", "0")
	cases := []struct {
		name      string
		rules     []schema.RewardContent
		purchases []earned
	}{
		{"nothing without rules", nil, []earned{{0, bought("5"), "= 0"}}},
		{
			"a rate for each unit, rounded down",
			[]schema.RewardContent{rate("rate", "1")},
			[]earned{{0, bought("12.99"), "rate 12 = 12"}, {0, bought("0.99"), "= 0"}, {0, bought("0.50", "0.50"), "rate 1 = 1"}},
		},
		{"a fine rate", []schema.RewardContent{rate("rate", "0.000001")}, []earned{{0, bought("999999"), "= 0"}, {0, bought("1000000"), "rate 1 = 1"}}},
		{"a rate of another currency", []schema.RewardContent{rate("rate", "1")}, []earned{{0, won("5000"), "= 0"}}},
		{
			"a rate in a scope, each line once",
			[]schema.RewardContent{scoped(rate("rate", "1"), schema.RewardScope{Tags: []string{"scifi", "new"}, Creators: []string{"ana"}, Categories: []string{"books"}})},
			[]earned{
				{0, bought("3 #scifi #new @ana /books", "5"), "rate 3 = 3"},
				{0, bought("3 #other", "5 @ana", "7 /books"), "rate 12 = 12"},
				{0, bought("3 #ana @scifi /new"), "= 0"},
			},
		},
		{
			"a rate for a product",
			[]schema.RewardContent{scoped(rate("rate", "1"), schema.RewardScope{Products: []uuid.UUID{bought("4").Lines[0].Product}})},
			[]earned{{0, bought("4", "5"), "rate 4 = 4"}},
		},
		{
			"nobody is not a creator",
			[]schema.RewardContent{scoped(rate("rate", "1"), schema.RewardScope{Creators: []string{""}})},
			[]earned{{0, bought("4"), "= 0"}},
		},
		{"steps, the last one that is reached", []schema.RewardContent{steps}, []earned{
			{0, bought("9.99"), "steps 9 = 9"},
			{0, bought("10"), "steps 20 = 20"},
			{0, bought("50"), "steps 175 = 175"},
			{0, won("50"), "= 0"},
		}},
		{
			"steps go by the whole purchase, and give for the scope",
			[]schema.RewardContent{scoped(steps, tag)},
			[]earned{{0, bought("6 #scifi", "5"), "steps 12 = 12"}},
		},
		{"a fixed number, for money only", []schema.RewardContent{fixed("gift", "5")}, []earned{
			{0, bought("0.01"), "gift 5 = 5"}, {0, free, "= 0"}, {0, promotional, "= 0"}, {0, &schema.PurchaseFacts{Currency: "POINTS"}, "= 0"},
		}},
		{
			"a fixed number in a scope that something was paid for",
			[]schema.RewardContent{scoped(fixed("gift", "5"), tag)},
			[]earned{{0, bought("3 #scifi"), "gift 5 = 5"}, {0, bought("0 #scifi", "3"), "= 0"}},
		},
		{
			"extra on rates and steps, not on fixed numbers and not on extra",
			[]schema.RewardContent{extra("half", 5_000, schema.RewardScope{}), rate("rate", "1"), steps, fixed("gift", "5"), extra("double", 10_000, schema.RewardScope{})},
			[]earned{{0, bought("9.50"), "rate 9 + steps 9 + gift 5 + half 9 + double 18 = 50"}},
		},
		{
			"extra for what is in both scopes",
			[]schema.RewardContent{
				scoped(rate("books", "2"), schema.RewardScope{Categories: []string{"books"}}), extra("scifi", 10_000, tag),
			},
			[]earned{{0, bought("3 #scifi /books", "4 /books", "5 #scifi"), "books 14 + scifi 6 = 20"}},
		},
		{
			"extra in its window, which is half-open",
			[]schema.RewardContent{rate("rate", "1"), within(extra("double", 10_000, schema.RewardScope{}), noon.Add(hour), noon.Add(2*hour))},
			[]earned{
				{hour - time.Microsecond, bought("3"), "rate 3 = 3"},
				{hour, bought("3"), "rate 3 + double 3 = 6"},
				{2*hour - time.Microsecond, bought("3"), "rate 3 + double 3 = 6"},
				{2 * hour, bought("3"), "rate 3 = 3"},
			},
		},
		{
			"extra on a rate whose window is over",
			[]schema.RewardContent{within(rate("rate", "1"), noon, noon.Add(hour)), extra("double", 10_000, schema.RewardScope{})},
			[]earned{{hour, bought("3"), "= 0"}},
		},
		{"a cap for the day, by UTC", []schema.RewardContent{capped(rate("rate", "1"), "10", "")}, []earned{
			{0, bought("7"), "rate 7 = 7"},
			{11 * hour, bought("7"), "rate 3 = 3"},
			{11 * hour, bought("7"), "= 0"},
			{12 * hour, bought("7"), "rate 7 = 7"},
		}},
		{"a cap for ever", []schema.RewardContent{capped(rate("rate", "1"), "8", "10")}, []earned{
			{0, bought("9"), "rate 8 = 8"}, {day, bought("9"), "rate 2 = 2"}, {2 * day, bought("9"), "= 0"},
		}},
		{"a cap of nothing", []schema.RewardContent{capped(rate("rate", "1"), "0", "")}, []earned{{0, bought("9"), "= 0"}}},
		{
			"extra on what a cap has left",
			[]schema.RewardContent{
				extra("double", 10_000, schema.RewardScope{}), lasting(capped(rate("rate", "1"), "10", ""), 30), level("bronze", "5", 5_000),
			},
			[]earned{
				{0, bought("8"), "rate 8 + double 8 = 16 for 30d; at bronze"},
				{0, bought("8"), "rate 2 + double 2 + bronze 1 = 5 for 30d; at bronze"},
				{0, bought("8"), "= 0; at bronze"},
			},
		},
		{
			"a cap on extra",
			[]schema.RewardContent{rate("rate", "1"), capped(extra("double", 10_000, schema.RewardScope{}), "", "10")},
			[]earned{{0, bought("8"), "rate 8 + double 8 = 16"}, {0, bought("8"), "rate 8 + double 2 = 10"}},
		},
		{
			"the first purchase that was paid",
			[]schema.RewardContent{first(fixed("welcome", "100")), rate("rate", "1")},
			[]earned{{0, free, "= 0"}, {0, bought("2"), "welcome 100 + rate 2 = 102"}, {0, free, "= 0"}, {0, bought("2"), "rate 2 = 2"}},
		},
		{
			"a rate and extra for the first purchase",
			[]schema.RewardContent{first(rate("rate", "1")), first(extra("double", 10_000, schema.RewardScope{}))},
			[]earned{{0, bought("2"), "rate 2 + double 2 = 4"}, {0, bought("2"), "= 0"}},
		},
		{
			"levels, with extra from the purchase after the one that reaches them",
			[]schema.RewardContent{rate("rate", "1"), level("silver", "10", 2_500), level("bronze", "4", 0), level("gold", "20", 10_000)},
			[]earned{
				{0, bought("3"), "rate 3 = 3"},
				{0, bought("1"), "rate 1 = 1; at bronze"},
				{0, bought("7"), "rate 7 = 7; at silver"},
				{0, bought("8.50"), "rate 8 + silver 2 = 10; at gold"},
				{0, bought("1"), "rate 1 + gold 1 = 2; at gold"},
			},
		},
		{
			"points last as long as those that last longest",
			[]schema.RewardContent{lasting(rate("rate", "1"), 30), lasting(scoped(fixed("gift", "5"), tag), 90), scoped(fixed("ever", "1"), schema.RewardScope{Creators: []string{"ana"}})},
			[]earned{
				{0, bought("3"), "rate 3 = 3 for 30d"},
				{0, bought("3 #scifi"), "rate 3 + gift 5 = 8 for 90d"},
				{0, bought("3 #scifi @ana"), "rate 3 + gift 5 + ever 1 = 9"},
				{0, bought("0.10 #scifi"), "gift 5 = 5 for 90d"},
			},
		},
		{
			"what comes on top for a level lasts as long as what it is on top of",
			[]schema.RewardContent{lasting(rate("rate", "1"), 30), level("bronze", "0", 10_000)},
			[]earned{{0, bought("3"), "rate 3 + bronze 3 = 6 for 30d; at bronze"}},
		},
		{
			"extra lasts as long as what it is on top of, or longer when it says so",
			[]schema.RewardContent{
				lasting(rate("rate", "1"), 30),
				extra("double", 10_000, schema.RewardScope{}),
				lasting(extra("longer", 10_000, tag), 60),
				lasting(extra("shorter", 10_000, schema.RewardScope{Tags: []string{"b"}}), 10),
			},
			[]earned{
				{0, bought("3"), "rate 3 + double 3 = 6 for 30d"},
				{0, bought("3 #scifi"), "rate 3 + double 3 + longer 3 = 9 for 60d"},
				{0, bought("3 #b"), "rate 3 + double 3 + shorter 3 = 9 for 30d"},
			},
		},
		{
			"points of a quest never expire",
			[]schema.RewardContent{lasting(rate("rate", "1"), 30), quest("two", "50", goal(earning.Purchases, 2))},
			[]earned{{0, bought("3"), "rate 3 = 3 for 30d"}, {0, bought("3"), "rate 3 = 53; two +50"}, {0, bought("3"), "rate 3 = 3 for 30d"}},
		},
		{
			"a quest counts in its window alone, and is completed once",
			[]schema.RewardContent{quest("two", "50", goal(earning.Purchases, 2))},
			[]earned{
				{-time.Microsecond, bought("3"), "= 0"},
				{0, bought("3"), "= 0"},
				{day - time.Microsecond, bought("3"), "= 50; two +50"},
				{day - time.Microsecond, bought("3"), "= 0"},
				{day, bought("3"), "= 0"},
			},
		},
		{
			"a quest with points waits for a purchase that pays",
			[]schema.RewardContent{quest("two", "50", goal(earning.Purchases, 2))},
			[]earned{{0, bought("0"), "= 0"}, {0, bought("0"), "= 0"}, {0, bought("1"), "= 50; two +50"}},
		},
		{
			"all goals of a quest",
			[]schema.RewardContent{quest("both", "0", goal(earning.Purchases, 2), goal(earning.Categories, 3))},
			[]earned{{0, bought("3 /a /b"), "= 0"}, {0, bought("3 /a"), "= 0"}, {0, bought("3 /c"), "= 0; both +0"}},
		},
		{
			"a badge by points, those of a quest of the same purchase too",
			[]schema.RewardContent{
				badge("fifty", goal(earning.PointsEarned, points("50"))), rate("rate", "1"), quest("one", "45", goal(earning.Purchases, 1)),
				badge("hundred", goal(earning.PointsEarned, points("100"))),
			},
			[]earned{{0, bought("5"), "rate 5 = 50; one +45; fifty"}, {0, bought("50"), "rate 50 = 50; hundred"}, {0, bought("50"), "rate 50 = 50"}},
		},
		{
			"a badge counts what was before its window, and is earned in it",
			[]schema.RewardContent{within(badge("three", goal(earning.Purchases, 3)), noon.Add(hour), noon.Add(2*hour))},
			[]earned{
				{0, bought("1"), "= 0"},
				{0, bought("1"), "= 0"},
				{0, bought("1"), "= 0"},
				{0, bought("1"), "= 0"},
				{hour, bought("1"), "= 0; three"},
				{hour, bought("1"), "= 0"},
			},
		},
		{
			"only active rules",
			[]schema.RewardContent{
				func() schema.RewardContent { c := rate("draft", "1"); c.Status = "DRAFT"; return c }(),
				func() schema.RewardContent { c := rate("archived", "1"); c.Status = "ARCHIVED"; return c }(),
			},
			[]earned{{0, bought("1"), "= 0"}},
		},
		{
			"a badge for what points were paid for counts nothing",
			[]schema.RewardContent{badge("one", goal(earning.Purchases, 1))},
			[]earned{{0, &schema.PurchaseFacts{Currency: "POINTS"}, "= 0"}, {0, free, "= 0; one"}},
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			terms := ruled(test.rules...).Current()
			state := terms.NewState()
			var got, want []string
			for _, p := range test.purchases {
				at := noon.Add(p.after)
				e, err := terms.Earn(&state, time.UTC, at, p.facts)
				if err != nil {
					t.Fatal(err)
				}
				got, want = append(got, told(e, at)), append(want, p.want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("purchases earn (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEarnSaysWhereStreaksStand(t *testing.T) {
	t.Parallel()
	streak := func(period string) schema.RewardContent {
		return active(strings.ToLower(period), schema.RewardTerms{Streak: &schema.StreakTerms{Period: period}})
	}
	terms := ruled(streak(earning.Day), streak(earning.Week), badge("three", goal(earning.StreakDays, 3))).Current()
	state := terms.NewState()
	var got []string
	for _, after := range []time.Duration{0, hour, day, 2 * day, 4 * day, 11 * day} { // from a Thursday on
		e, err := terms.Earn(&state, time.UTC, noon.Add(after), bought("1"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d days (new: %t), %d weeks, %d badges", e.Days, e.NewDay, e.Weeks, len(e.Badges)))
	}
	want := []string{
		"1 days (new: true), 1 weeks, 0 badges", "1 days (new: false), 1 weeks, 0 badges", "2 days (new: true), 1 weeks, 0 badges",
		"3 days (new: true), 1 weeks, 1 badges", "1 days (new: true), 2 weeks, 0 badges", "1 days (new: true), 3 weeks, 0 badges",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEarnRefusesMoreThanThereCanBe(t *testing.T) {
	t.Parallel()
	many := money.Max.String()
	for _, test := range []struct {
		name  string
		rules []schema.RewardContent
		had   money.Amount
	}{
		{"by a rate", []schema.RewardContent{rate("rate", many)}, 0},
		{"by two rules", []schema.RewardContent{rate("one", "3000000000"), rate("two", "3000000000")}, 0},
		{"by extra", []schema.RewardContent{rate("one", "3000000000"), pointsRule("extra", schema.PointsTerms{ExtraPercent: 20_000})}, 0},
		{"by a level", []schema.RewardContent{rate("one", "3000000000"), level("bronze", "0", 20_000)}, 0},
		{"by a quest", []schema.RewardContent{rate("one", "3000000000"), quest("quest", many, goal(earning.Purchases, 1))}, 0},
		{"in a lifetime", []schema.RewardContent{rate("one", "1")}, money.Max - 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			terms := ruled(test.rules...).Current()
			state := terms.NewState()
			state.Lifetime = test.had
			if e, err := terms.Earn(&state, time.UTC, noon, bought("2")); !errors.Is(err, earning.ErrTooMuch) {
				t.Errorf("%s, %v, want ErrTooMuch", told(e, noon), err)
			}
		})
	}
}

// TestEarnKeepsItsWord: whatever the rules, points are whole, add up, keep to their caps, and come from rules in force; and
// nobody holds a thing twice.
func TestEarnKeepsItsWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		book := anyRulebook(t)
		terms := book.Current()
		state := terms.NewState()
		today, ever := map[string]money.Amount{}, map[uuid.UUID]money.Amount{}
		held := map[uuid.UUID]bool{}
		at := noon
		for range rapid.IntRange(1, 12).Draw(t, "purchases") {
			at = at.Add(rapid.SampledFrom([]time.Duration{0, hour, 7 * hour, day, 3 * day}).Draw(t, "later"))
			facts := anyFacts(t)
			before := state.Lifetime
			e, err := terms.Earn(&state, anyNamedZone(t), at, facts)
			if err != nil {
				t.Fatal(err)
			}
			var sum money.Amount
			for _, p := range e.Points {
				sum += p.Points
				r := book.Version(p.Rule, p.Version)
				if p.Points <= 0 || p.Points%money.Unit != 0 || facts.Paid == 0 || !r.Counts(at) {
					t.Fatalf("%+v for %+v", p, facts)
				}
				if r.Kind != earning.Points {
					continue
				}
				on := r.ID.String() + at.Format(time.DateOnly)
				today[on] += p.Points
				ever[r.ID] += p.Points
				if most := r.Terms.Points.PerDay; most != nil && today[on] > *most {
					t.Fatalf("%s of %s a day", today[on], *most)
				}
				if most := r.Terms.Points.PerShopper; most != nil && ever[r.ID] > *most {
					t.Fatalf("%s of %s in all", ever[r.ID], *most)
				}
			}
			for _, q := range e.Quests {
				sum += q.Points
			}
			if sum != e.Total || state.Lifetime != before+e.Total || e.Lifetime != state.Lifetime {
				t.Fatalf("%s earned, %s in all before and %s after, by %+v", e.Total, before, state.Lifetime, e)
			}
			if e.ExpiresAt != nil && (e.Total == 0 || !e.ExpiresAt.After(at)) {
				t.Fatalf("%s until %s", e.Total, e.ExpiresAt)
			}
			for _, ref := range slices.Concat(e.Badges, refsOf(e.Quests)) {
				if held[ref.Rule] || state.Held[ref.Rule.String()] != ref.Version || !book.Version(ref.Rule, ref.Version).Reached(&state) {
					t.Fatalf("%+v", ref)
				}
				held[ref.Rule] = true
			}
		}
	})
}

func refsOf(list []schema.RewardPoints) (refs []schema.RewardRef) {
	for _, p := range list {
		refs = append(refs, p.RewardRef)
	}
	return refs
}

// TestPlansLeaveNoTrace: what is tried on a copy of a state does not change the state.
func TestPlansLeaveNoTrace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := anyRulebook(t).Current()
		state := terms.NewState()
		for range rapid.IntRange(0, 3).Draw(t, "purchases") {
			if _, err := terms.Earn(&state, time.UTC, noon, anyFacts(t)); err != nil {
				t.Fatal(err)
			}
		}
		before := jsonOf(state)
		copied := earning.CloneState(state)
		if _, err := terms.Earn(&copied, time.UTC, noon.Add(day), anyFacts(t)); err != nil {
			t.Fatal(err)
		}
		if after := jsonOf(state); before != after {
			t.Fatalf("%s became %s", before, after)
		}
	})
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// FuzzEarn earns with whatever can be stored: the answer is what is earned or ErrTooMuch, never a panic.
func FuzzEarn(f *testing.F) {
	type input struct {
		Rules []schema.RewardContent
		State schema.RewardState
		Facts schema.PurchaseFacts
		Hours int32
	}
	for _, in := range []input{
		{Rules: []schema.RewardContent{rate("rate", "1"), level("bronze", "0", 5)}, Facts: *bought("3 #scifi")},
		{
			Rules: []schema.RewardContent{quest("quest", "5", goal(earning.Creators, 1)), badge("badge", goal(earning.Bundles, 1))},
			Facts: *bought("3 @ana &set", "1 !sale"), Hours: 5,
		},
		{
			Rules: []schema.RewardContent{
				active("days", schema.RewardTerms{Streak: &schema.StreakTerms{Period: "DAY", Grace: 1, FreezeEvery: 2, MaxFreezes: 3}}),
				pointsRule("extra", schema.PointsTerms{ExtraPercent: 5}), badge("badge", goal(earning.Units, 1)),
			},
			State: schema.RewardState{Days: schema.StreakState{Count: 3, Last: 20_000, Ends: noon}, Lifetime: money.Max},
			Facts: *bought("1"), Hours: 50,
		},
	} {
		f.Add([]byte(jsonOf(in)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in input
		if json.Unmarshal(data, &in) != nil {
			return
		}
		var rules []schema.RewardContent
		for _, c := range in.Rules {
			if c.Terms != (schema.RewardTerms{}) {
				rules = append(rules, c)
			}
		}
		terms := ruled(rules...).Current()
		at := noon.Add(time.Duration(in.Hours) * time.Hour)
		if e, err := terms.Earn(&in.State, time.UTC, at, &in.Facts); err == nil {
			_ = told(e, at)
		} else if !errors.Is(err, earning.ErrTooMuch) {
			t.Error(err)
		}
	})
}
