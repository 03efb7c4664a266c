package earning_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/ent/schema"
	"farthing/internal/earning"
)

// coded are the codes of rules.
func coded(rules ...*earning.Rule) (codes []string) {
	for _, r := range rules {
		if r != nil {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

func archived(c schema.RewardContent) schema.RewardContent {
	c.Status = "ARCHIVED"
	return c
}

func TestRulebookKnowsWhatWasInForce(t *testing.T) {
	t.Parallel()
	book := earning.NewRulebook([]*earning.Rule{ // in no order
		earning.NewRule(numbered(2), earning.Points, 1, 4, rate("second", "1")),
		earning.NewRule(numbered(1), earning.Points, 3, 9, archived(rate("first", "3"))),
		earning.NewRule(numbered(1), earning.Points, 1, 2, rate("first", "1")),
		earning.NewRule(numbered(3), earning.Points, 1, 9, rate("third", "1")),
		earning.NewRule(numbered(1), earning.Points, 2, 4, rate("first-again", "2")),
	})
	for revision, want := range map[int64][]string{
		-1: nil, 0: nil, 1: nil, 2: {"first"}, 3: {"first"}, 4: {"first-again", "second"}, 8: {"first-again", "second"}, 9: {"second", "third"},
		1_000: {"second", "third"},
	} {
		if diff := cmp.Diff(want, coded(book.At(revision).Points...)); diff != "" {
			t.Errorf("at revision %d (-want +got):\n%s", revision, diff)
		}
	}
	if book.Current() != book.At(1_000) || book.Current().Revision != 9 {
		t.Error("the current rules are not those of the last revision")
	}
	if r := book.Version(numbered(1), 2); r == nil || r.Code != "first-again" || r.Ref() != (schema.RewardRef{Rule: numbered(1), Version: 2, Code: "first-again"}) {
		t.Errorf("%+v", r)
	}
	if book.Version(numbered(1), 4) != nil || book.Version(numbered(4), 1) != nil {
		t.Error("there are no such versions")
	}
}

func TestRulebookWithoutRules(t *testing.T) {
	t.Parallel()
	book := earning.NewRulebook(nil)
	if book.Current() != book.At(5) || book.At(-1) != book.Current() || book.Current().Watching == "" {
		t.Error("no rules are the same at any time")
	}
}

// TestTermsAreInOrder: each kind is in the order in which rules were made, levels from the lowest.
func TestTermsAreInOrder(t *testing.T) {
	t.Parallel()
	terms := ruled(
		badge("b1", goal(earning.Units, 1)), rate("p1", "1"), level("gold", "100", 0), quest("q1", "0", goal(earning.Units, 1)), rate("p2", "1"),
		level("bronze", "0", 0), badge("b2", goal(earning.Units, 1)), level("silver", "50", 0), quest("q2", "0", goal(earning.Units, 1)),
		active("perk", schema.RewardTerms{Perk: &schema.PerkTerms{}}), active("discount", schema.RewardTerms{Discount: &schema.DiscountTerms{}}),
		active("days", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Day}}),
		active("weeks", schema.RewardTerms{Streak: &schema.StreakTerms{Period: earning.Week}}),
		active("board", schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{Period: earning.Ever}}),
	).Current()
	got := [][]string{
		coded(terms.Points...), coded(terms.Badges...), coded(terms.Quests...), coded(terms.Levels...), coded(terms.Perks...),
		coded(terms.Leaderboards...), coded(terms.Days, terms.Weeks, terms.Discount),
	}
	want := [][]string{{"p1", "p2"}, {"b1", "b2"}, {"q1", "q2"}, {"bronze", "silver", "gold"}, {"perk"}, {"board"}, {"days", "weeks", "discount"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for lifetime, want := range map[string][2]string{
		"0": {"bronze", "silver"}, "49.999999": {"bronze", "silver"}, "50": {"silver", "gold"}, "100": {"gold", ""}, "5000": {"gold", ""},
	} {
		level, next := terms.LevelAt(points(lifetime))
		got := [2]string{level.Code}
		if next != nil {
			got[1] = next.Code
		}
		if got != want {
			t.Errorf("with %s points: %q, want %q", lifetime, got, want)
		}
	}
}

func TestLevelBelowTheFirst(t *testing.T) {
	t.Parallel()
	terms := ruled(level("silver", "50", 0)).Current()
	if level, next := terms.LevelAt(points("49")); level != nil || next == nil || next.Code != "silver" {
		t.Errorf("%v, %v", level, next)
	}
	if level, next := ruled().Current().LevelAt(points("49")); level != nil || next != nil {
		t.Errorf("%v, %v", level, next)
	}
}

// TestWatching: a state goes by another name when something else is to be kept in it, and by the same otherwise.
func TestWatching(t *testing.T) {
	t.Parallel()
	board := func(period string) schema.RewardContent {
		counter := schema.RewardCounter{Measure: string(earning.Units)}
		return active("board", schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{RewardCounter: counter, Period: period}})
	}
	capped := rate("rate", "1")
	capped.Terms.Points = new(*capped.Terms.Points)
	capped.Terms.Points.PerDay = new(amountOf("5"))
	more := rate("rate", "1")
	more.Terms.Points = new(*capped.Terms.Points)
	more.Terms.Points.PerDay = new(amountOf("50"))
	cases := []struct {
		name          string
		before, after []schema.RewardContent
		same          bool
	}{
		{"a rate", []schema.RewardContent{rate("rate", "1")}, []schema.RewardContent{rate("other", "2")}, true},
		{"a cap", []schema.RewardContent{rate("rate", "1")}, []schema.RewardContent{capped}, false},
		{"another cap", []schema.RewardContent{more}, []schema.RewardContent{capped}, true},
		{"a goal", []schema.RewardContent{badge("b", goal(earning.Units, 1))}, []schema.RewardContent{badge("b", goal(earning.Units, 5))}, true},
		{"a measure", []schema.RewardContent{badge("b", goal(earning.Units, 1))}, []schema.RewardContent{badge("b", goal(earning.Trials, 1))}, false},
		{"a badge that is over", []schema.RewardContent{badge("b", goal(earning.Units, 1))}, []schema.RewardContent{archived(badge("b", goal(earning.Units, 1)))}, false},
		{
			"a second badge that counts the same",
			[]schema.RewardContent{badge("b", goal(earning.Units, 1))},
			[]schema.RewardContent{badge("b", goal(earning.Units, 1)), badge("c", goal(earning.Units, 8))},
			true,
		},
		{
			"the window of a badge",
			[]schema.RewardContent{badge("b", goal(earning.Units, 1))},
			[]schema.RewardContent{within(badge("b", goal(earning.Units, 1)), noon, noon.Add(day))},
			true,
		},
		{
			"the window of a quest",
			[]schema.RewardContent{quest("q", "1", goal(earning.Units, 1))},
			[]schema.RewardContent{within(quest("q", "1", goal(earning.Units, 1)), noon, noon.Add(2*day))},
			false,
		},
		{
			"the prize of a quest",
			[]schema.RewardContent{quest("q", "1", goal(earning.Units, 1))},
			[]schema.RewardContent{quest("q", "2", goal(earning.Units, 1))},
			true,
		},
		{"a leaderboard", nil, []schema.RewardContent{board(earning.Day)}, false},
		{"the period of a leaderboard", []schema.RewardContent{board(earning.Day)}, []schema.RewardContent{board(earning.Week)}, false},
		{
			"the window of a leaderboard",
			[]schema.RewardContent{board(earning.Day)},
			[]schema.RewardContent{within(board(earning.Day), noon, noon.Add(day))},
			false,
		},
		{"a level", nil, []schema.RewardContent{level("gold", "5", 5)}, true},
	}
	for _, test := range cases {
		if before, after := ruled(test.before...).Current(), ruled(test.after...).Current(); before.Watching == after.Watching != test.same {
			t.Errorf("%s: %s, then %s", test.name, before.Watching, after.Watching)
		}
	}
}

func TestRulesCountInTheirWindow(t *testing.T) {
	t.Parallel()
	r := ruled(within(rate("rate", "1"), noon, noon.Add(hour))).Version(numbered(1), 1)
	for after, want := range map[time.Duration]bool{-1: false, 0: true, hour - 1: true, hour: false} {
		if got := r.Counts(noon.Add(after)); got != want {
			t.Errorf("%s after it begins: %t", after, got)
		}
	}
}
