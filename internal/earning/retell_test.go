package earning_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// anyScope draws a scope out of few labels, so that goods are in it often.
func anyScope(t *rapid.T) (s schema.RewardScope) {
	switch rapid.IntRange(0, 5).Draw(t, "scope") {
	case 0:
		s.Tags = []string{"a"}
	case 1:
		s.Categories = []string{"b", "c"}
	case 2:
		s.Creators = []string{"ana"}
		s.Products = []uuid.UUID{numbered(1)}
	}
	return s
}

func anyGoals(t *rapid.T, quest bool) (goals []schema.RewardGoal) {
	measures := []earning.Measure{
		earning.Purchases, earning.Amount, earning.Units, earning.Products, earning.Categories, earning.Creators, earning.Trials,
		earning.Bundles, earning.Sales, earning.StreakDays, earning.StreakWeeks, earning.PointsEarned,
	}
	if quest {
		measures = slices.DeleteFunc(measures, func(m earning.Measure) bool { return !m.Windowed() })
	}
	for range rapid.IntRange(1, 2).Draw(t, "goals") {
		g := goal(rapid.SampledFrom(measures).Draw(t, "measure"), rapid.Int64Range(1, 4).Draw(t, "target"))
		g.Scope = anyScope(t)
		m := earning.Measure(g.Measure)
		if !m.Windowed() {
			g.Scope = schema.RewardScope{}
		}
		if m == earning.PointsEarned {
			g.Target *= 10_000_000
		}
		if m == earning.Amount {
			g.Currency = rapid.SampledFrom([]money.Code{"USD", "KRW"}).Draw(t, "currency")
			g.Target *= 5_000_000
		}
		goals = append(goals, g)
	}
	return goals
}

// anyContent draws what a rule of a kind says.
func anyContent(t *rapid.T, kind earning.Kind, code string) schema.RewardContent {
	c := active(code, schema.RewardTerms{})
	if rapid.IntRange(0, 7).Draw(t, "status") == 0 {
		c.Status = rapid.SampledFrom([]string{"DRAFT", "ARCHIVED"}).Draw(t, "inactive")
	}
	always := kind == earning.Level || kind == earning.Streak // these have no windows
	if kind == earning.Quest || !always && rapid.IntRange(0, 3).Draw(t, "windowed") == 0 {
		from := noon.Add(time.Duration(rapid.IntRange(-2, 5).Draw(t, "from")) * day)
		c = within(c, from, from.Add(time.Duration(rapid.IntRange(1, 9).Draw(t, "long"))*day))
	}
	switch kind {
	case earning.Points:
		terms := schema.PointsTerms{Scope: anyScope(t), FirstPurchase: rapid.IntRange(0, 5).Draw(t, "first") == 0}
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			terms.Points = money.Amount(rapid.IntRange(1, 50).Draw(t, "points")) * money.Unit
		case 1:
			terms.ExtraPercent = rapid.Int64Range(1, 30_000).Draw(t, "extra")
		case 2:
			terms.Currency = "USD"
			terms.Steps = []schema.RewardStep{{Rate: 1_500_000}, {From: 5_000_000, Rate: 2_000_000}}
		default:
			terms.Rates = schema.Prices{"USD": money.Amount(rapid.IntRange(1, 5_000_000).Draw(t, "rate")), "KRW": 10_000}
		}
		if rapid.IntRange(0, 2).Draw(t, "capped") == 0 {
			terms.PerDay = new(money.Amount(rapid.IntRange(0, 30).Draw(t, "a day")) * money.Unit)
		}
		if rapid.IntRange(0, 3).Draw(t, "capped for ever") == 0 {
			terms.PerShopper = new(money.Amount(rapid.IntRange(0, 80).Draw(t, "ever")) * money.Unit)
		}
		if rapid.Bool().Draw(t, "expires") {
			terms.ExpireDays = new(rapid.IntRange(1, 30).Draw(t, "days"))
		}
		c.Terms.Points = &terms
	case earning.Badge:
		c.Terms.Badge = &schema.BadgeTerms{Goals: anyGoals(t, false)}
	case earning.Quest:
		c.Terms.Quest = &schema.QuestTerms{Goals: anyGoals(t, true), Points: money.Amount(rapid.IntRange(0, 50).Draw(t, "prize")) * money.Unit}
	case earning.Level:
		c.Terms.Level = &schema.LevelTerms{
			From: money.Amount(rapid.IntRange(0, 60).Draw(t, "from points")) * money.Unit, ExtraPercent: rapid.Int64Range(0, 10_000).Draw(t, "perk"),
		}
	case earning.Streak:
		terms := anyTerms(t)
		c.Terms.Streak = &terms
	case earning.Leaderboard, earning.Perk, earning.Discount: // purchases earn nothing by them
	}
	return c
}

// anyRulebook draws some rules, each with some versions from higher and higher revisions on.
func anyRulebook(t *rapid.T) *earning.Rulebook {
	kinds := []earning.Kind{
		earning.Points, earning.Points, earning.Points, earning.Badge, earning.Badge, earning.Quest, earning.Quest, earning.Level, earning.Streak,
	}
	var versions []*earning.Rule
	period := map[uuid.UUID]string{}
	for i, kind := range kinds {
		id, revision := numbered(i+1), int64(0)
		for v := range rapid.IntRange(0, 3).Draw(t, "versions") {
			revision += rapid.Int64Range(1, 4).Draw(t, "revision")
			c := anyContent(t, kind, fmt.Sprintf("%s-%d", kind, i))
			if c.Terms.Streak != nil { // a streak's period stays
				if period[id] == "" {
					period[id] = c.Terms.Streak.Period
				}
				c.Terms.Streak.Period = period[id]
			}
			versions = append(versions, earning.NewRule(id, kind, v+1, revision, c))
		}
	}
	return earning.NewRulebook(versions)
}

// anyFacts draws a purchase.
func anyFacts(t *rapid.T) *schema.PurchaseFacts {
	facts := &schema.PurchaseFacts{Currency: rapid.SampledFrom([]money.Code{"USD", "USD", "USD", "KRW", "POINTS"}).Draw(t, "in")}
	if facts.Currency == money.PointsCode {
		return facts
	}
	for range rapid.IntRange(1, 3).Draw(t, "lines") {
		line := schema.FactLine{
			Product: numbered(rapid.IntRange(1, 4).Draw(t, "product")), Quantity: rapid.Int64Range(1, 3).Draw(t, "quantity"),
			Paid:    money.Amount(rapid.SampledFrom([]int{0, 10, 990, 5_000, 12_345}).Draw(t, "thousandths")) * 1_000,
			Creator: rapid.SampledFrom([]string{"", "ana", "ben"}).Draw(t, "creator"),
			Sale:    rapid.Bool().Draw(t, "sale"), Trial: rapid.IntRange(0, 3).Draw(t, "trial") == 0,
		}
		line.Tags = rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}, {"c"}}).Draw(t, "tags")
		line.Categories = rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"b", "c"}}).Draw(t, "categories")
		if rapid.IntRange(0, 3).Draw(t, "bundled") == 0 {
			line.Bundle = new(numbered(rapid.IntRange(1, 3).Draw(t, "bundle")))
		}
		facts.Paid += line.Paid
		facts.Lines = append(facts.Lines, line)
	}
	return facts
}

func anyNamedZone(t *rapid.T) *time.Location {
	return zoneOf(rapid.SampledFrom([]string{"UTC", "Asia/Seoul", "America/New_York", "Pacific/Apia", "Pacific/Honolulu"}).Draw(t, "zone"))
}

// awarded is a badge or quest that the story of TestRetellIsWhatEarnSays has given.
type awarded struct {
	ref    schema.RewardRef
	points money.Amount
}

// TestRetellIsWhatEarnSays: a state that is brought up purchase by purchase, through changes of the rules and of the zone,
// perks and refunds, is at any time the one that the story comes to.
func TestRetellIsWhatEarnSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		book := anyRulebook(t)
		var events []earning.Event
		holds := map[string]awarded{}
		var state schema.RewardState
		at, revision := noon, int64(0)
		retold := func(terms *earning.Terms) schema.RewardState {
			held, ofQuests := map[string]int{}, money.Amount(0)
			for rule, a := range holds {
				held[rule] = a.ref.Version
				ofQuests += a.points
			}
			s, _ := book.Retell(terms, events, held, ofQuests)
			return s
		}
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			at = at.Add(rapid.SampledFrom([]time.Duration{0, hour, 13 * hour, day, 2 * day}).Draw(t, "later"))
			revision += rapid.SampledFrom([]int64{0, 0, 0, 1, 2}).Draw(t, "changes")
			terms := book.At(revision)
			if state.Watching != terms.Watching {
				state = retold(terms)
			}
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what == 0:
				freezes := rapid.IntRange(0, 2).Draw(t, "freezes")
				state.Days.Freezes += freezes
				events = append(events, earning.Event{At: at, Revision: revision, Freezes: freezes})
			case what == 1 && len(events) > 0:
				i := rapid.IntRange(0, len(events)-1).Draw(t, "undone")
				if events[i].Facts == nil {
					continue
				}
				events = slices.Delete(events, i, i+1)
				for _, rule := range slices.Sorted(maps.Keys(holds)) {
					if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
						delete(holds, rule)
					}
				}
				state = retold(terms)
			default:
				facts, zone := anyFacts(t), anyNamedZone(t)
				e, err := terms.Earn(&state, zone, at, facts)
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, earning.Event{At: at, Revision: revision, Zone: zone, Facts: facts, Points: e.Points})
				for _, b := range e.Badges {
					holds[b.Rule.String()] = awarded{ref: b}
				}
				for _, q := range e.Quests {
					holds[q.Rule.String()] = awarded{q.RewardRef, q.Points}
				}
			}
			if told, kept := jsonOf(retold(terms)), jsonOf(state); told != kept {
				t.Fatalf("the story comes to\n%s, but kept is\n%s", told, kept)
			}
		}
	})
}

// TestRetellCountsForOthersApart: what only rules count that are asked for besides is in the second state alone.
func TestRetellCountsForOthersApart(t *testing.T) {
	t.Parallel()
	book := ruled(badge("units", goal(earning.Units, 5)))
	other := earning.NewRule(numbered(9), earning.Badge, 1, 1, badge("creators", goal(earning.Creators, 2), goal(earning.Units, 1)))
	events := []earning.Event{
		{At: noon, Revision: 1, Zone: time.UTC, Facts: bought("1 @ana *xxx")}, {At: noon, Revision: 1, Zone: time.UTC, Facts: bought("1 @ben")},
	}
	state, wide := book.Retell(book.Current(), events, nil, 0, other)
	if other.Reached(&state) || !other.Reached(&wide) {
		t.Errorf("%s, and wide %s", jsonOf(state), jsonOf(wide))
	}
	if want := (map[string]int64{"UNITS": 4}); !maps.Equal(state.Counts, want) || len(state.Seen) > 0 {
		t.Errorf("%v and %v, want %v", state.Counts, state.Seen, want)
	}
	if wide.Counts["CREATORS"] != 2 || wide.Counts["UNITS"] != 4 {
		t.Errorf("%v", wide.Counts)
	}
	if again, _ := book.Retell(book.Current(), events, nil, 0); jsonOf(again) != jsonOf(state) {
		t.Errorf("%s, and by itself %s", jsonOf(state), jsonOf(again))
	}
}

// TestRetellCountsAgainstCaps: what was given counts against the caps of a rule also when it had none then.
func TestRetellCountsAgainstCaps(t *testing.T) {
	t.Parallel()
	free := rate("rate", "1")
	capped := rate("rate", "1")
	capped.Terms.Points.PerDay, capped.Terms.Points.PerShopper = new(amountOf("10")), new(amountOf("12"))
	book := earning.NewRulebook([]*earning.Rule{
		earning.NewRule(numbered(1), earning.Points, 1, 1, free), earning.NewRule(numbered(1), earning.Points, 2, 2, capped),
	})
	state := book.At(1).NewState()
	e, err := book.At(1).Earn(&state, time.UTC, noon, bought("7"))
	if err != nil {
		t.Fatal(err)
	}
	if state.Caps != nil {
		t.Errorf("%v is counted against no cap", state.Caps)
	}
	events := []earning.Event{{At: noon, Revision: 1, Zone: time.UTC, Facts: bought("7"), Points: e.Points}}
	state, _ = book.Retell(book.Current(), events, nil, 0)
	for i, want := range []string{"rate 3 = 3", "rate 2 = 2", "= 0"} {
		at := noon.Add(time.Duration(i) * day)
		if e, err = book.Current().Earn(&state, time.UTC, at, bought("9")); err != nil || told(e, at) != want {
			t.Errorf("%s, %v, want %s", told(e, at), err, want)
		}
	}
}
