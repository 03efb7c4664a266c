package earning_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// TestMeasures counts by each measure what a few purchases come to.
func TestMeasures(t *testing.T) {
	t.Parallel()
	purchases := []*schema.PurchaseFacts{
		bought("3 #a /books /new @ana *xx", "4 #b /books"),
		bought("3 #a /books /new @ana *xx", "5 @ben !sale"),
		bought("0 #a /games !trial", "0 !trial", "0 #a @ben *xxx"),
		won("4000 #a &set", "3000 &set", "2000 &other !sale", "1000 !sale"),
		{Currency: "POINTS"},
	}
	const everything, tagged = "everything", "tagged a"
	cases := []struct {
		measure  earning.Measure
		currency money.Code
		want     map[string]int64
	}{
		{earning.Purchases, "", map[string]int64{everything: 4, tagged: 4}},
		{earning.Amount, "USD", map[string]int64{everything: points("15"), tagged: points("6")}},
		{earning.Amount, "KRW", map[string]int64{everything: points("10000"), tagged: points("4000")}},
		{earning.Amount, "EUR", map[string]int64{everything: 0, tagged: 0}},
		{earning.Units, "", map[string]int64{everything: 15, tagged: 9}},
		{earning.Products, "", map[string]int64{everything: 10, tagged: 4}},
		{earning.Categories, "", map[string]int64{everything: 3, tagged: 3}},
		{earning.Creators, "", map[string]int64{everything: 2, tagged: 2}},
		{earning.Trials, "", map[string]int64{everything: 2, tagged: 1}},
		{earning.Bundles, "", map[string]int64{everything: 2, tagged: 1}},
		{earning.Sales, "", map[string]int64{everything: 2, tagged: 0}},
		{earning.PointsEarned, "", map[string]int64{everything: 0, tagged: 0}},
		{earning.StreakDays, "", map[string]int64{everything: 2, tagged: 2}},
		{earning.StreakWeeks, "", map[string]int64{everything: 1, tagged: 1}},
	}
	for _, test := range cases {
		t.Run(string(test.measure)+string(test.currency), func(t *testing.T) {
			t.Parallel()
			for name, scope := range map[string]schema.RewardScope{everything: {}, tagged: {Tags: []string{"a"}}} {
				counter := schema.RewardCounter{Measure: string(test.measure), Currency: test.currency, Scope: scope}
				book := ruled(
					badge("badge", schema.RewardGoal{RewardCounter: counter, Target: 1 << 60}),
					active("board", schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{RewardCounter: counter, Period: earning.Ever}}),
					active("days", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Day}}),
					active("weeks", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Week}}),
				)
				terms := book.Current()
				state, score := terms.NewState(), int64(0)
				for i, facts := range purchases {
					at := noon.Add(time.Duration(i/2) * day)
					if i == 4 {
						at = noon.Add(30 * day)
					}
					if _, err := terms.Earn(&state, time.UTC, at, facts); err != nil {
						t.Fatal(err)
					}
					score += terms.Leaderboards[0].Board().Increment(facts, 0)
				}
				if got := terms.Badges[0].Progress(&state)[0].Reached; got != test.want[name] {
					t.Errorf("of %s %d are counted, want %d", name, got, test.want[name])
				}
				if test.measure.Additive() && score != test.want[name] {
					t.Errorf("of %s a leaderboard counts %d, want %d", name, score, test.want[name])
				}
			}
		})
	}
}

// TestCountersAreSharedByWhatTheyCount: rules that count the same use one counter, and all others have their own.
func TestCountersAreSharedByWhatTheyCount(t *testing.T) {
	t.Parallel()
	amount := func(code money.Code) schema.RewardGoal {
		g := goal(earning.Amount, 1)
		g.Currency = code
		return g
	}
	tagged := func(tags ...string) schema.RewardGoal {
		g := goal(earning.Units, 2)
		g.Scope.Tags = tags
		return g
	}
	empty := goal(earning.Units, 3)
	empty.Scope = schema.RewardScope{Tags: []string{}, Products: []uuid.UUID{}}
	book := ruled(
		badge("one", goal(earning.Units, 1), goal(earning.Products, 1)), badge("two", goal(earning.Units, 5), empty),
		badge("three", tagged("a")), badge("four", tagged("a"), tagged("b")), badge("five", amount("USD"), amount("KRW")),
		quest("six", "0", goal(earning.Units, 1)), quest("seven", "0", goal(earning.Units, 4)),
		within(quest("eight", "0", goal(earning.Units, 4)), noon.Add(-1), noon.Add(day)),
	)
	terms := book.Current()
	state := terms.NewState()
	for _, facts := range []*schema.PurchaseFacts{bought("1 #a", "2 #b"), won("5")} {
		if _, err := terms.Earn(&state, time.UTC, noon, facts); err != nil {
			t.Fatal(err)
		}
	}
	// Units: of everything, in either of two windows, of each tag; products; two amounts.
	if len(state.Counts) != 8 || state.Counts["UNITS"] != 3 || state.Counts["PRODUCTS"] != 3 {
		t.Errorf("%v", state.Counts)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	terms := ruled(
		badge("badge", goal(earning.Units, 2), goal(earning.PointsEarned, points("10")), goal(earning.StreakDays, 3)), rate("rate", "1"),
		active("days", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Day}}),
	).Current()
	state := terms.NewState()
	for range 3 {
		if _, err := terms.Earn(&state, time.UTC, noon, bought("3")); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for _, p := range terms.Badges[0].Progress(&state) {
		got = append(got, p.Reached)
	}
	if diff := cmp.Diff([]int64{2, points("9"), 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if terms.Badges[0].Reached(&state) {
		t.Error("not all goals are reached")
	}
}

func TestPeriodAt(t *testing.T) {
	t.Parallel()
	cases := []struct{ period, at, want string }{
		{earning.Day, "2026-12-24T12:00:00Z", "20261224 from 2026-12-24 until 2026-12-25"},
		{earning.Day, "2026-12-24T23:30:00-05:00", "20261225 from 2026-12-25 until 2026-12-26"},
		{earning.Week, "2026-12-24T12:00:00Z", "20261221 from 2026-12-21 until 2026-12-28"},
		{earning.Week, "2026-12-21T00:00:00Z", "20261221 from 2026-12-21 until 2026-12-28"},
		{earning.Week, "2026-12-27T23:59:59Z", "20261221 from 2026-12-21 until 2026-12-28"},
		{earning.Week, "2027-01-01T00:00:00Z", "20261228 from 2026-12-28 until 2027-01-04"},
		{earning.Month, "2026-12-31T23:59:59Z", "20261201 from 2026-12-01 until 2027-01-01"},
		{earning.Month, "2028-02-29T00:00:00Z", "20280201 from 2028-02-01 until 2028-03-01"},
		{earning.Ever, "2026-12-24T12:00:00Z", "0"},
	}
	for _, test := range cases {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		number, from, until := earning.PeriodAt(test.period, at)
		got := strconv.FormatInt(number, 10)
		if from != nil {
			got += from.Format(" from 2006-01-02") + until.Format(" until 2006-01-02")
		}
		if got != test.want {
			t.Errorf("the %s of %s is %s, want %s", test.period, test.at, got, test.want)
		}
	}
}

func TestMeasuresAreKnown(t *testing.T) {
	t.Parallel()
	for _, m := range []earning.Measure{
		earning.Purchases, earning.Amount, earning.Units, earning.Products, earning.Categories, earning.Creators, earning.Trials,
		earning.Bundles, earning.Sales, earning.StreakDays, earning.StreakWeeks, earning.PointsEarned,
	} {
		if !m.Known() {
			t.Errorf("%s is not known", m)
		}
	}
	if earning.Measure("VISITS").Known() || earning.Products.Additive() || earning.PointsEarned.Windowed() || !earning.Bundles.Windowed() {
		t.Error("what is known of measures is wrong")
	}
}
