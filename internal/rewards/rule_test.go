package rewards_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/rewardrule"
	"farthing/ent/rewardruleversion"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/rewards"
)

// wantVersions compares the versions of a rule, the revisions with which they begin, and what each says of one field:
// "1 from 3: "poet"".
func (o *office) wantVersions(t testing.TB, rule uuid.UUID, field string, want ...string) {
	t.Helper()
	var got []string
	for _, v := range o.db.Client().RewardRuleVersion.Query().Where(rewardruleversion.RuleID(rule)).
		Order(rewardruleversion.ByVersion()).AllX(t.Context()) {
		text, err := json.Marshal(v.Content)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d from %d: %s", v.Version, v.Revision, fieldOf(t, text, field)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

// wantAudit compares what has been written down about a rule: "mila createRewardRule <field before> <field after>".
func (o *office) wantAudit(t testing.TB, rule uuid.UUID, field string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range o.db.Client().AuditEntry.Query().Where(auditentry.TargetID(rule)).Order(auditentry.ByID()).AllX(t.Context()) {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.Actor, e.Action, fieldOf(t, e.Before, field), fieldOf(t, e.After, field)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func fieldOf(t testing.TB, text []byte, field string) string {
	t.Helper()
	if len(text) == 0 {
		return "-"
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return string(fields[field])
}

func (o *office) revision(t testing.TB) int64 {
	t.Helper()
	n, err := catalog.Revision(t.Context(), o.db.Client())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCreateRule(t *testing.T) {
	t.Parallel()

	t.Run("stores_each_kind", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			o := openOffice(t, d)
			raven, poems := o.product(t, "The Raven"), o.product(t, "Poems")
			for _, test := range []struct {
				name   string
				terms  schema.RewardTerms
				change func(*rewards.RuleInput)
				want   string // the terms as they are stored
			}{
				{"rates", schema.RewardTerms{Points: &schema.PointsTerms{
					Rates: schema.Prices{"USD": whole(2), "EUR": 1_500_000},
					Scope: schema.RewardScope{
						Products: []uuid.UUID{poems.ID, raven.ID, poems.ID}, Tags: []string{"Poésie", " sea ", "POESIE"},
						Categories: []string{"Books"}, Creators: []string{"Émile  Zola", "edgar allan poe"},
					},
					PerDay: new(whole(100)), PerShopper: new(whole(1_000)), ExpireDays: new(3_650),
				}}, nil, `{"points":{"rates":{"EUR":"1.5","USD":"2"},"scope":{"products":["` + raven.ID.String() + `","` + poems.ID.String() +
					`"],"tags":["poesie","sea"],"categories":["books"],"creators":["edgar allan poe","emile zola"]},"perDay":100000000,"perShopper":1000000000,"expireDays":3650}}`},
				{"steps", schema.RewardTerms{Points: &schema.PointsTerms{
					Currency: "KRW", Steps: []schema.RewardStep{{From: 0, Rate: 0}, {From: whole(10_000), Rate: 1_000}},
				}}, nil, `{"points":{"steps":[{"from":0,"rate":0},{"from":10000000000,"rate":1000}],"currency":"KRW"}}`},
				{
					"fixed",
					schema.RewardTerms{Points: &schema.PointsTerms{Points: whole(50), FirstPurchase: true}},
					nil,
					`{"points":{"points":50000000,"firstPurchase":true}}`,
				},
				{"double", schema.RewardTerms{Points: &schema.PointsTerms{ExtraPercent: 1_000_000}}, func(in *rewards.RuleInput) {
					in.StartsAt = new(opening.In(time.FixedZone("KST", 9*60*60)).Add(time.Nanosecond))
				}, `{"points":{"extraPercent":1000000}}`},
				{"badge", schema.RewardTerms{Badge: &schema.BadgeTerms{Secret: true, Goals: []schema.RewardGoal{
					{RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "USD"}, Target: 990_000},
					{RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "EUR"}, Target: 1_000_000_000_000_000},
					{RewardCounter: schema.RewardCounter{Measure: "POINTS"}, Target: 10_000_000},
					{RewardCounter: schema.RewardCounter{Measure: "STREAK_DAYS"}, Target: 7},
					{RewardCounter: schema.RewardCounter{Measure: "BUNDLES"}, Target: 1_000_000_000},
				}}}, nil, `{"badge":{"goals":[{"measure":"AMOUNT","currency":"USD","target":990000},{"measure":"AMOUNT","currency":"EUR","target":1000000000000000},` +
					`{"measure":"POINTS","target":10000000},{"measure":"STREAK_DAYS","target":7},{"measure":"BUNDLES","target":1000000000}],"secret":true}}`},
				{"quest", schema.RewardTerms{Quest: &schema.QuestTerms{Points: whole(20), Goals: []schema.RewardGoal{
					{RewardCounter: schema.RewardCounter{Measure: "CREATORS", Scope: schema.RewardScope{Tags: []string{"Jazz"}}}, Target: 3},
					{RewardCounter: schema.RewardCounter{Measure: "CREATORS"}, Target: 5},
				}}}, nil, `{"quest":{"goals":[{"measure":"CREATORS","scope":{"tags":["jazz"]},"target":3},{"measure":"CREATORS","target":5}],"points":20000000}}`},
				{"level", schema.RewardTerms{Level: &schema.LevelTerms{From: 0}}, nil, `{"level":{"from":0}}`},
				{
					"another_level",
					schema.RewardTerms{Level: &schema.LevelTerms{From: whole(100), ExtraPercent: 1_000}},
					nil,
					`{"level":{"from":100000000,"extraPercent":1000}}`,
				},
				{
					"days",
					schema.RewardTerms{Streak: &schema.StreakTerms{Period: "DAY", Grace: 6, FreezeEvery: 365, MaxFreezes: 30}},
					nil,
					`{"streak":{"period":"DAY","grace":6,"freezeEvery":365,"maxFreezes":30}}`,
				},
				{"weeks", schema.RewardTerms{Streak: &schema.StreakTerms{Period: "WEEK"}}, nil, `{"streak":{"period":"WEEK"}}`},
				{"board", schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{
					RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "GEM", Scope: schema.RewardScope{Products: []uuid.UUID{raven.ID}}}, Period: "MONTH",
				}}, nil, `{"leaderboard":{"measure":"AMOUNT","currency":"GEM","scope":{"products":["` + raven.ID.String() + `"]},"period":"MONTH"}}`},
				{"board_of_points", schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{
					RewardCounter: schema.RewardCounter{Measure: "POINTS"}, Period: "ALL",
				}}, nil, `{"leaderboard":{"measure":"POINTS","period":"ALL"}}`},
				{"perk", schema.RewardTerms{Perk: &schema.PerkTerms{Cost: whole(1), Freezes: 30}}, nil, `{"perk":{"cost":1000000,"freezes":30}}`},
				{"discount", schema.RewardTerms{Discount: &schema.DiscountTerms{
					Worth: schema.Prices{"USD": 10_000, "KRW": whole(10)}, MostPercent: 10_000, Least: whole(100),
				}}, nil, `{"discount":{"worth":{"KRW":"10","USD":"0.01"},"mostPercent":10000,"least":100000000}}`},
			} {
				in := active(test.name, test.terms)
				in.Texts = append(in.Texts, catalog.Text{Language: "PT_br", Name: " Poeta ", Description: "Um\r\ndois"})
				in.Code, in.Picture = new(strings.ReplaceAll(test.name, "_", "-")), "/console/rewards/poet.svg"
				if in.EndsAt == nil && test.terms.Streak == nil && test.terms.Level == nil {
					in.EndsAt = new(opening.Add(time.Hour))
				}
				if test.change != nil {
					test.change(&in)
				}
				before, err := json.Marshal(in.Terms)
				if err != nil {
					t.Fatal(err)
				}
				row := o.makes(t, in)
				if given, err := json.Marshal(in.Terms); err != nil || string(given) != string(before) {
					t.Errorf("%s: the input has become %s, %v", test.name, given, err)
				}
				content := row.Content
				if row.Kind != rewardrule.Kind(in.Kind) || row.Code != *in.Code || content.Code != *in.Code || row.Status != rewardrule.StatusACTIVE ||
					content.Status != "ACTIVE" || content.Language != "en" || content.Texts["pt-BR"] != (schema.Text{Name: "Poeta", Description: "Um\ndois"}) ||
					content.Picture != in.Picture || row.Version != 1 || !row.CreatedAt.Equal(opening) || !row.UpdatedAt.Equal(opening) {
					t.Errorf("%s: stored %v", test.name, row)
				}
				if s := content.StartsAt; s != nil && (!s.Equal(opening) || s.Location() != time.UTC) || (s == nil) != (in.StartsAt == nil) {
					t.Errorf("%s: begins at %v", test.name, s)
				}
				terms, err := json.Marshal(content.Terms)
				if err != nil || string(terms) != test.want {
					t.Errorf("%s: stored the terms\n%s\nwant\n%s", test.name, terms, test.want)
				}
				o.wantVersions(t, row.ID, "code", fmt.Sprintf(`1 from %d: %q`, o.revision(t), row.Code))
				o.wantAudit(t, row.ID, "code", fmt.Sprintf(`mila createRewardRule - %q`, row.Code))
				book, err := o.Rulebooks.Current(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if r := book.Version(row.ID, 1); r == nil || r.Kind != in.Kind || book.Current().Revision != o.revision(t) {
					t.Errorf("%s: the rulebook has %v", test.name, r)
				}
			}
		})
	})

	t.Run("makes_a_code_of_the_name", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			o := openOffice(t, d)
			first := o.makes(t, active("Poet’s Corner", perkFor(1, 0)))
			o.archives(t, first)
			given := active("Other", perkFor(1, 0))
			given.Code = new("poets-corner-2")
			o.makes(t, given)
			in := active("Poet’s corner", perkFor(1, 0))
			in.Texts = append(in.Texts, catalog.Text{Language: "ko", Name: "시인"})
			for _, want := range []string{"poets-corner-3", "poets-corner-4"} {
				if row := o.makes(t, in); row.Code != want || row.Content.Code != want {
					t.Errorf("got the code %s, want %s", row.Code, want)
				}
			}
			row := o.makes(t, active("시인", perkFor(1, 0)))
			text := row.ID.String()
			if want := "rule-" + text[len(text)-8:]; first.Code != "poets-corner" || row.Code != want {
				t.Errorf("got the codes %s, %s; want poets-corner, %s", first.Code, row.Code, want)
			}
		})
	})
}

// refusals are what is wrong with rules, beginning with a sound one of a kind.
var refusals = []struct {
	name   string
	terms  func() schema.RewardTerms
	change func(in *rewards.RuleInput)
	want   []string
}{
	{"a_code_that_is_none", perk, func(in *rewards.RuleInput) { in.Code = new("Poet") }, []string{"code"}},
	{"an_empty_code", perk, func(in *rewards.RuleInput) { in.Code = new("") }, []string{"code"}},
	{"a_long_code", perk, func(in *rewards.RuleInput) { in.Code = new(strings.Repeat("a", 101)) }, []string{"code"}},
	{"a_code_that_is_taken", perk, func(in *rewards.RuleInput) { in.Code = new("taken") }, []string{"code"}},
	{"the_code_of_an_archived_rule", perk, func(in *rewards.RuleInput) { in.Code = new("gone") }, []string{"code"}},
	{"an_archived_one", perk, func(in *rewards.RuleInput) { in.Status = rewards.StatusArchived }, []string{"status"}},
	{"no_status", perk, func(in *rewards.RuleInput) { in.Status = "" }, []string{"status"}},
	{"no_texts", perk, func(in *rewards.RuleInput) { in.Texts = nil }, []string{"texts"}},
	{"no_name", perk, func(in *rewards.RuleInput) { in.Texts[0].Name = " " }, []string{"texts.0.name"}},
	{"a_language_that_is_none", perk, func(in *rewards.RuleInput) { in.Texts[0].Language = "?" }, []string{"texts.0.language"}},
	{"a_picture_on_no_server", perk, func(in *rewards.RuleInput) { in.Picture = "poet.svg" }, []string{"picture"}},
	{"a_picture_in_the_clear", perk, func(in *rewards.RuleInput) { in.Picture = "http://example.com/poet.svg" }, []string{"picture"}},
	{"a_picture_that_is_a_program", perk, func(in *rewards.RuleInput) { in.Picture = "javascript:alert(1)" }, []string{"picture"}},
	{"a_picture_on_another_server", perk, func(in *rewards.RuleInput) { in.Picture = "//example.com/poet.svg" }, []string{"picture"}},
	{"a_picture_on_another_server_in_disguise", perk, func(in *rewards.RuleInput) { in.Picture = `/\example.com/poet.svg` }, []string{"picture"}},
	{"a_picture_with_a_line_break", perk, func(in *rewards.RuleInput) { in.Picture = "/poet.svg\n" }, []string{"picture"}},
	{"a_long_picture", perk, func(in *rewards.RuleInput) { in.Picture = "/" + strings.Repeat("x", 2_000) }, []string{"picture"}},
	{"a_window_without_length", perk, func(in *rewards.RuleInput) { in.StartsAt, in.EndsAt = &opening, new(opening.Add(time.Nanosecond)) }, []string{"endsAt"}},

	{"no_kind", perk, func(in *rewards.RuleInput) { in.Kind = "" }, []string{""}},
	{"another_kind", perk, func(in *rewards.RuleInput) { in.Kind = "OTHER" }, []string{""}},
	{"the_terms_of_another_kind", perk, func(in *rewards.RuleInput) { in.Kind = earning.Badge }, []string{"badge"}},
	{"the_terms_of_two_kinds", perk, func(in *rewards.RuleInput) { in.Terms.Level = &schema.LevelTerms{} }, []string{"level"}},

	{"points_for_nothing", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points = 0 }, []string{"points"}},
	{"points_in_two_ways", fixed, func(in *rewards.RuleInput) { in.Terms.Points.ExtraPercent = 1 }, []string{"points.extraPercent"}},
	{"points_in_all_ways", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Rates = schema.Prices{"USD": whole(1)}
		in.Terms.Points.Currency, in.Terms.Points.Steps = "USD", []schema.RewardStep{{Rate: whole(1)}}
	}, []string{"points.steps"}},
	{"a_rate_in_a_foreign_currency", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Terms.Points.Rates = 0, schema.Prices{"USD": whole(1), "ZAR": whole(1)}
	}, []string{"points.rates.1.currency"}},
	{"points_for_points", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Terms.Points.Rates = 0, schema.Prices{"POINTS": whole(1)}
	}, []string{"points.rates.0.currency"}},
	{"rates_out_of_range", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Terms.Points.Rates = 0, schema.Prices{"EUR": 0, "KRW": -1, "USD": whole(1_000_000) + 1}
	}, []string{"points.rates.0.rate", "points.rates.1.rate", "points.rates.2.rate"}},
	{"rates_in_the_order_given", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Terms.Points.Rates = 0, schema.Prices{"USD": whole(1), "EUR": 0}
		in.Currencies = []money.Code{"USD", "EUR", "USD"}
	}, []string{"points.rates.1.rate", "points.rates.2.currency"}},
	{"steps_from_something", fixed, stepped("USD", schema.RewardStep{From: 1, Rate: 1}), []string{"points.steps.0.from"}},
	{"steps_that_do_not_rise", fixed, stepped("USD", schema.RewardStep{Rate: 1}, schema.RewardStep{From: 5, Rate: 2}, schema.RewardStep{From: 5, Rate: 3}), []string{"points.steps.2.from"}},
	{"steps_out_of_range", fixed, stepped("USD", schema.RewardStep{Rate: -1}, schema.RewardStep{From: 1, Rate: whole(1_000_000) + 1}), []string{"points.steps.0.rate", "points.steps.1.rate"}},
	{"steps_of_nothing", fixed, stepped("USD", schema.RewardStep{}), []string{"points.steps"}},
	{"too_many_steps", fixed, stepped("USD", make([]schema.RewardStep, 21)...), []string{"points.steps"}},
	{"steps_in_no_currency", fixed, stepped("", schema.RewardStep{Rate: 1}), []string{"points.currency"}},
	{"steps_in_a_foreign_currency", fixed, stepped("ZAR", schema.RewardStep{Rate: 1}), []string{"points.currency"}},
	{"a_currency_without_steps", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Currency = "USD" }, []string{"points.currency"}},
	{"half_a_point", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points = whole(1) / 2 }, []string{"points.points"}},
	{"points_below_0", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points = whole(-1) }, []string{"points.points"}},
	{"too_many_points", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points = whole(1_000_000_001) }, []string{"points.points"}},
	{"too_much_extra", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points, in.Terms.Points.ExtraPercent = 0, 1_000_001 }, []string{"points.extraPercent"}},
	{"less_than_no_extra", fixed, func(in *rewards.RuleInput) { in.Terms.Points.Points, in.Terms.Points.ExtraPercent = 0, -1 }, []string{"points.extraPercent"}},
	{"caps_of_nothing", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.PerDay, in.Terms.Points.PerShopper = new(money.Amount(0)), new(whole(1)+1)
	}, []string{"points.perDay", "points.perShopper"}},
	{"points_that_expire_at_once", fixed, func(in *rewards.RuleInput) { in.Terms.Points.ExpireDays = new(0) }, []string{"points.expireDays"}},
	{"points_that_expire_too_late", fixed, func(in *rewards.RuleInput) { in.Terms.Points.ExpireDays = new(3_651) }, []string{"points.expireDays"}},
	{"a_scope_of_what_is_not_there", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Scope = schema.RewardScope{Products: []uuid.UUID{uuid.Max, uuid.Nil}}
	}, []string{"points.scope.products.0", "points.scope.products.1"}},
	{"labels_that_are_none", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Scope = schema.RewardScope{Tags: []string{"a", ""}, Categories: []string{"a\nb"}, Creators: []string{strings.Repeat("a", 501)}}
	}, []string{"points.scope.tags.1", "points.scope.categories.0", "points.scope.creators.0"}},
	{"long_scopes", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Scope = schema.RewardScope{
			Products: make([]uuid.UUID, 51), Tags: make([]string, 51), Categories: make([]string, 51), Creators: make([]string, 51),
		}
	}, []string{"points.scope.tags", "points.scope.categories", "points.scope.creators", "points.scope.products"}},

	{"a_badge_without_goals", badge, func(in *rewards.RuleInput) { in.Terms.Badge.Goals = nil }, []string{"badge.goals"}},
	{"a_badge_with_six_goals", badge, func(in *rewards.RuleInput) { in.Terms.Badge.Goals = make([]schema.RewardGoal, 6) }, []string{"badge.goals"}},
	{"an_unknown_measure", badge, goal("LUCK", "", 1), []string{"badge.goals.0.measure"}},
	{"no_measure", badge, goal("", "", 0), []string{"badge.goals.0.measure"}},
	{"an_amount_of_no_currency", badge, goal("AMOUNT", "", 1), []string{"badge.goals.0.currency"}},
	{"an_amount_of_a_foreign_currency", badge, goal("AMOUNT", "ZAR", 1), []string{"badge.goals.0.currency"}},
	{"an_amount_of_points", badge, goal("AMOUNT", "POINTS", 1), []string{"badge.goals.0.currency"}},
	{"an_amount_of_half_a_cent", badge, goal("AMOUNT", "USD", 5_000), []string{"badge.goals.0.target"}},
	{"an_amount_of_nothing", badge, goal("AMOUNT", "USD", 0), []string{"badge.goals.0.target"}},
	{"too_large_an_amount", badge, goal("AMOUNT", "USD", 1_000_000_000_010_000), []string{"badge.goals.0.target"}},
	{"a_currency_of_purchases", badge, goal("PURCHASES", "USD", 1), []string{"badge.goals.0.currency"}},
	{"a_target_of_0", badge, goal("PURCHASES", "", 0), []string{"badge.goals.0.target"}},
	{"a_target_out_of_reach", badge, goal("PURCHASES", "", 1_000_000_001), []string{"badge.goals.0.target"}},
	{"a_target_of_half_a_point", badge, goal("POINTS", "", 500_000), []string{"badge.goals.0.target"}},
	{"a_scope_of_a_streak", badge, func(in *rewards.RuleInput) {
		goal("STREAK_WEEKS", "", 2)(in)
		in.Terms.Badge.Goals[0].Scope.Tags = []string{"jazz"}
	}, []string{"badge.goals.0.scope"}},
	{"a_scope_of_points", badge, func(in *rewards.RuleInput) {
		goal("POINTS", "", 1_000_000)(in)
		in.Terms.Badge.Goals[0].Scope.Creators = []string{"Poe"}
	}, []string{"badge.goals.0.scope"}},
	{"goals_that_count_the_same", badge, func(in *rewards.RuleInput) {
		one := schema.RewardGoal{RewardCounter: schema.RewardCounter{Measure: "UNITS", Scope: schema.RewardScope{Tags: []string{"Sea", "Jazz"}}}, Target: 1}
		other := schema.RewardGoal{RewardCounter: schema.RewardCounter{Measure: "UNITS", Scope: schema.RewardScope{Tags: []string{"jazz", "sea", "JAZZ"}}}, Target: 2}
		in.Terms.Badge.Goals = append(in.Terms.Badge.Goals, one, other)
	}, []string{"badge.goals.2"}},

	{"a_quest_without_beginning", quest, func(in *rewards.RuleInput) { in.StartsAt = nil }, []string{"startsAt"}},
	{"a_quest_without_end", quest, func(in *rewards.RuleInput) { in.EndsAt = nil }, []string{"endsAt"}},
	{"a_quest_without_goals", quest, func(in *rewards.RuleInput) { in.Terms.Quest.Goals = nil }, []string{"quest.goals"}},
	{"a_quest_of_what_has_no_window", quest, func(in *rewards.RuleInput) {
		in.Terms.Quest.Goals = []schema.RewardGoal{
			{RewardCounter: schema.RewardCounter{Measure: "STREAK_DAYS"}, Target: 1},
			{RewardCounter: schema.RewardCounter{Measure: "STREAK_WEEKS"}, Target: 1},
			{RewardCounter: schema.RewardCounter{Measure: "POINTS"}, Target: 1_000_000},
		}
	}, []string{"quest.goals.0.measure", "quest.goals.1.measure", "quest.goals.2.measure"}},
	{"a_quest_of_less_than_nothing", quest, func(in *rewards.RuleInput) { in.Terms.Quest.Points = whole(-1) }, []string{"quest.points"}},

	{"a_level_below_0", level, func(in *rewards.RuleInput) { in.Terms.Level.From = whole(-1) }, []string{"level.from"}},
	{"a_level_at_half_a_point", level, func(in *rewards.RuleInput) { in.Terms.Level.From = 500_000 }, []string{"level.from"}},
	{"a_level_with_too_much_on_top", level, func(in *rewards.RuleInput) { in.Terms.Level.ExtraPercent = 1_000_001 }, []string{"level.extraPercent"}},
	{"a_level_with_less_than_nothing_on_top", level, func(in *rewards.RuleInput) { in.Terms.Level.ExtraPercent = -1 }, []string{"level.extraPercent"}},
	{"a_second_level_there", level, func(in *rewards.RuleInput) { in.Terms.Level.From = whole(100) }, []string{"level.from"}},

	{"a_streak_of_months", streak, func(in *rewards.RuleInput) { in.Terms.Streak.Period = "MONTH" }, []string{"streak.period"}},
	{"a_second_streak_of_days", streak, func(in *rewards.RuleInput) { in.Terms.Streak.Period = "DAY" }, []string{"streak.period"}},
	{"a_streak_in_a_window", streak, func(in *rewards.RuleInput) { in.StartsAt, in.EndsAt = &opening, &opening }, []string{"startsAt", "endsAt"}},
	{"a_level_in_a_window", level, func(in *rewards.RuleInput) { in.StartsAt, in.EndsAt = &opening, &opening }, []string{"startsAt", "endsAt"}},
	{"a_streak_out_of_range", streak, func(in *rewards.RuleInput) {
		*in.Terms.Streak = schema.StreakTerms{Period: "WEEK", Grace: 7, FreezeEvery: 366, MaxFreezes: 31}
	}, []string{"streak.grace", "streak.freezeEvery", "streak.maxFreezes"}},
	{"a_streak_below_0", streak, func(in *rewards.RuleInput) {
		*in.Terms.Streak = schema.StreakTerms{Period: "WEEK", Grace: -1, FreezeEvery: -1, MaxFreezes: -1}
	}, []string{"streak.grace", "streak.freezeEvery", "streak.maxFreezes"}},
	{"freezes_that_nobody_can_have", streak, func(in *rewards.RuleInput) { in.Terms.Streak.FreezeEvery = 7 }, []string{"streak.maxFreezes"}},
	{"freezes_that_nobody_gets", streak, func(in *rewards.RuleInput) { in.Terms.Streak.MaxFreezes = 1 }, []string{"streak.freezeEvery"}},

	{"a_leaderboard_of_years", leaderboard, func(in *rewards.RuleInput) { in.Terms.Leaderboard.Period = "YEAR" }, []string{"leaderboard.period"}},
	{"a_leaderboard_of_different_things", leaderboard, func(in *rewards.RuleInput) { in.Terms.Leaderboard.Measure = "CREATORS" }, []string{"leaderboard.measure"}},
	{"a_leaderboard_of_luck", leaderboard, func(in *rewards.RuleInput) { in.Terms.Leaderboard.Measure = "LUCK" }, []string{"leaderboard.measure"}},
	{"a_leaderboard_of_an_amount_of_nothing", leaderboard, func(in *rewards.RuleInput) { in.Terms.Leaderboard.Measure = "AMOUNT" }, []string{"leaderboard.currency"}},
	{"a_leaderboard_of_some_points", leaderboard, func(in *rewards.RuleInput) {
		in.Terms.Leaderboard.Measure, in.Terms.Leaderboard.Scope.Tags = "POINTS", []string{"jazz"}
	}, []string{"leaderboard.scope"}},
	{"a_leaderboard_of_what_is_not_there", leaderboard, func(in *rewards.RuleInput) {
		in.Terms.Leaderboard.Scope.Products = []uuid.UUID{uuid.Max}
	}, []string{"leaderboard.scope.products.0"}},

	{"a_perk_for_nothing", perk, func(in *rewards.RuleInput) { in.Terms.Perk.Cost = 0 }, []string{"perk.cost"}},
	{"a_perk_for_a_fraction", perk, func(in *rewards.RuleInput) { in.Terms.Perk.Cost = whole(1) + 1 }, []string{"perk.cost"}},
	{"a_perk_of_too_many_freezes", perk, func(in *rewards.RuleInput) { in.Terms.Perk.Freezes = 31 }, []string{"perk.freezes"}},
	{"a_perk_that_takes_freezes", perk, func(in *rewards.RuleInput) { in.Terms.Perk.Freezes = -1 }, []string{"perk.freezes"}},

	{"a_discount_of_nothing", discount, func(in *rewards.RuleInput) { in.Status, in.Terms.Discount.Worth = "DRAFT", nil }, []string{"discount.worth"}},
	{"a_discount_out_of_range", discount, func(in *rewards.RuleInput) {
		in.Status = "DRAFT"
		*in.Terms.Discount = schema.DiscountTerms{Worth: schema.Prices{"EUR": 0, "POINTS": 1}, MostPercent: 0, Least: -1}
	}, []string{"discount.worth.0.rate", "discount.worth.1.currency", "discount.mostPercent", "discount.least"}},
	{"a_discount_of_more_than_all", discount, func(in *rewards.RuleInput) { in.Status, in.Terms.Discount.MostPercent = "DRAFT", 10_001 }, []string{"discount.mostPercent"}},
	{"a_second_discount", discount, func(*rewards.RuleInput) {}, []string{"discount"}},

	{"everything_at_once", badge, func(in *rewards.RuleInput) {
		in.Code, in.Status, in.Texts, in.Picture, in.StartsAt, in.EndsAt = new("taken"), "ON", nil, "x", &opening, &opening
		goal("AMOUNT", "ZAR", 0)(in)
		in.Terms.Badge.Goals[0].Scope.Products = []uuid.UUID{uuid.Max}
		in.Malformed = fault.List{fault.Input("badge.goals.0.scope.tags.3", "No text.")}
	}, []string{
		"badge.goals.0.scope.tags.3", "status", "texts", "picture", "endsAt", "badge.goals.0.currency", "badge.goals.0.target",
		"badge.goals.0.scope.products.0", "code",
	}},
	{"no_more_than_what_could_not_be_read", fixed, func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Code, in.Status = 0, nil, ""
		in.Malformed = fault.List{fault.Input("points.rates.0.rate", "No number."), fault.Input("status", "None."), fault.Input("code", "None.")}
	}, []string{"points.rates.0.rate", "status", "code"}},
	{"no_more_of_a_discount_than_what_could_not_be_read", discount, func(in *rewards.RuleInput) {
		in.Terms.Discount.Worth = nil
		in.Malformed = fault.List{fault.Input("discount.worth.0.rate", "No number.")}
	}, []string{"discount.worth.0.rate"}},
}

func perk() schema.RewardTerms { return perkFor(10, 0) }
func fixed() schema.RewardTerms {
	return schema.RewardTerms{Points: &schema.PointsTerms{Points: whole(5)}}
}
func badge() schema.RewardTerms { return badgeFor(earning.Purchases, 10) }
func quest() schema.RewardTerms { return questFor(earning.Purchases, 10, 20) }
func level() schema.RewardTerms { return levelFrom(200) }
func streak() schema.RewardTerms {
	return schema.RewardTerms{Streak: &schema.StreakTerms{Period: "WEEK"}}
}

func leaderboard() schema.RewardTerms {
	return schema.RewardTerms{Leaderboard: &schema.LeaderboardTerms{RewardCounter: schema.RewardCounter{Measure: "PURCHASES"}, Period: "WEEK"}}
}

func discount() schema.RewardTerms {
	return schema.RewardTerms{Discount: &schema.DiscountTerms{Worth: schema.Prices{"USD": 10_000}, MostPercent: 5_000}}
}

// goal gives a badge one goal.
func goal(measure string, currency money.Code, target int64) func(*rewards.RuleInput) {
	return func(in *rewards.RuleInput) {
		in.Terms.Badge.Goals = []schema.RewardGoal{
			{RewardCounter: schema.RewardCounter{Measure: measure, Currency: currency}, Target: target},
		}
	}
}

// stepped gives points by steps.
func stepped(currency money.Code, steps ...schema.RewardStep) func(*rewards.RuleInput) {
	return func(in *rewards.RuleInput) {
		in.Terms.Points.Points, in.Terms.Points.Currency, in.Terms.Points.Steps = 0, currency, steps
	}
}

// invalid are the refusals of some fields; "" for one without a field.
func invalid(paths []string, below string) []string {
	want := make([]string, len(paths))
	for i, path := range paths {
		want[i] = strings.TrimSuffix(strings.TrimSpace("INVALID_INPUT "+below+path), ".")
	}
	return want
}

// furnish makes the rules that refusals refer to.
func (o *office) furnish(t testing.TB) {
	t.Helper()
	for code, terms := range map[string]schema.RewardTerms{
		"taken": perk(), "gone": perk(), "silver": levelFrom(100), "cash": discount(),
		"daily": {Streak: &schema.StreakTerms{Period: "DAY"}},
	} {
		in := active(code, terms)
		in.Code = &code
		if row := o.makes(t, in); code == "gone" {
			o.archives(t, row)
		}
	}
}

func TestCreateRuleRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := openOffice(t, d)
		o.furnish(t)
		rules, revision := d.Client().RewardRule.Query().CountX(t.Context()), o.revision(t)
		for _, test := range refusals {
			t.Run(test.name, func(t *testing.T) {
				in := active("Poet", test.terms())
				test.change(&in)
				_, err := o.CreateRule(merchandiser(t), in)
				wantRefused(t, err, invalid(test.want, "")...)
			})
		}
		if n := d.Client().RewardRule.Query().CountX(t.Context()); n != rules || o.revision(t) != revision {
			t.Errorf("there are %d rules at revision %d, want %d at %d", n, o.revision(t), rules, revision)
		}
	})
}

func TestUpdateRule(t *testing.T) {
	t.Parallel()

	t.Run("gives_a_rule_its_content_anew", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			o := openOffice(t, d)
			raven := o.product(t, "The Raven")
			in := active("Poet", badge())
			in.Code, in.Picture, in.EndsAt = new("poet"), "https://example.com/poet.svg", new(opening.Add(time.Hour))
			row := o.makes(t, in)
			first := o.revision(t)
			o.pass(time.Minute)

			same := o.changes(t, rewards.UpdateRule{ID: row.ID, ExpectedVersion: new(1), RuleInput: in})
			if same.Version != 1 || !same.UpdatedAt.Equal(opening) {
				t.Errorf("an update that changes nothing gave %v", same)
			}
			in.Code, in.Picture, in.EndsAt, in.Status = nil, "", nil, "DRAFT"
			in.Texts = []catalog.Text{{Language: "de", Name: "Dichter"}}
			in.Terms = schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{
				{RewardCounter: schema.RewardCounter{Measure: "UNITS", Scope: schema.RewardScope{Products: []uuid.UUID{raven.ID}}}, Target: 3},
			}}}
			changed := o.changes(t, rewards.UpdateRule{ID: row.ID, ExpectedVersion: new(1), RuleInput: in})
			want := schema.RewardContent{
				Code: "poet", Status: "DRAFT", Language: "de", Texts: map[string]schema.Text{"de": {Name: "Dichter"}}, Terms: in.Terms,
			}
			if diff := cmp.Diff(want, changed.Content); diff != "" {
				t.Errorf("content (-want +got):\n%s", diff)
			}
			if changed.Code != "poet" || changed.Status != rewardrule.StatusDRAFT || changed.Version != 2 || changed.Kind != rewardrule.KindBADGE ||
				!changed.CreatedAt.Equal(opening) || !changed.UpdatedAt.Equal(opening.Add(time.Minute)) {
				t.Errorf("got %v", changed)
			}
			o.product(t, "Poems") // makes a revision of its own
			in.Code = new("dichter")
			if renamed := o.changes(t, rewards.UpdateRule{ID: row.ID, RuleInput: in}); renamed.Code != "dichter" || renamed.Version != 3 {
				t.Errorf("got %v", renamed)
			}
			// The update that changed nothing counted a revision, too: whoever changes begins with that.
			o.wantVersions(t, row.ID, "code", fmt.Sprintf(`1 from %d: "poet"`, first), fmt.Sprintf(`2 from %d: "poet"`, first+2),
				fmt.Sprintf(`3 from %d: "dichter"`, first+4))
			o.wantAudit(t, row.ID, "status", `mila createRewardRule - "ACTIVE"`, `mila updateRewardRule "ACTIVE" "DRAFT"`,
				`mila updateRewardRule "DRAFT" "DRAFT"`)

			// The rulebook tells what was in force when.
			book, err := o.Rulebooks.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for revision, want := range map[int64]int{first - 1: 0, first: 1, first + 1: 1, first + 2: 0} {
				if got := len(book.At(revision).Badges); got != want {
					t.Errorf("there are %d badges at revision %d, want %d", got, revision, want)
				}
			}
		})
	})

	t.Run("refuses_what_it_would_refuse_of_a_new_rule", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			o := openOffice(t, d)
			o.furnish(t)
			for _, test := range refusals {
				if slices.Contains(test.want, "") || test.name == "the_terms_of_another_kind" {
					continue // the kind is refused in its own way
				}
				t.Run(test.name, func(t *testing.T) {
					in := active("Poet", test.terms())
					draft := in
					draft.Status = "DRAFT"
					row := o.makes(t, draft)
					in.Terms = test.terms()
					test.change(&in)
					_, err := o.UpdateRule(merchandiser(t), rewards.UpdateRule{ID: row.ID, RuleInput: in})
					wantRefused(t, err, invalid(test.want, "rule.")...)
					if got := d.Client().RewardRule.GetX(t.Context(), row.ID); got.Version != 1 {
						t.Errorf("got %v", got)
					}
				})
			}
		})
	})

	t.Run("refuses_what_cannot_be_changed", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			o := openOffice(t, d)
			poet, board, gone := o.makes(t, active("Poet", badge())), o.makes(t, active("Board", leaderboard())), o.makes(t, active("Gone", perk()))
			o.archives(t, gone)
			for _, test := range []struct {
				name string
				in   rewards.UpdateRule
				want []string
			}{
				{"what_is_not_there", rewards.UpdateRule{ID: uuid.New(), RuleInput: active("Poet", badge())}, []string{"NOT_FOUND"}},
				{"what_is_not_there_and_everything_else", rewards.UpdateRule{
					ID: uuid.New(), ExpectedVersion: new(3), RuleInput: rewards.RuleInput{Kind: earning.Perk, Code: new("board"), Terms: perkFor(0, 0)},
				}, []string{"NOT_FOUND", "INVALID_INPUT rule.status", "INVALID_INPUT rule.texts", "INVALID_INPUT rule.perk.cost", "INVALID_INPUT rule.code"}},
				{"another_version", rewards.UpdateRule{ID: poet.ID, ExpectedVersion: new(2), RuleInput: active("", badge())}, []string{
					"CONFLICT expectedVersion", "INVALID_INPUT rule.texts.0.name",
				}},
				{"an_id_that_could_not_be_read", rewards.UpdateRule{ExpectedVersion: new(1), RuleInput: rewards.RuleInput{
					Kind: earning.Perk, Status: "DRAFT", Texts: inEnglish(""), Terms: perkFor(1, 0), Malformed: fault.List{
						fault.Input("rule.picture", "No text."), fault.Input("id", "No id."), fault.Input("code", "No text."),
					},
				}}, []string{"INVALID_INPUT id", "INVALID_INPUT rule.picture", "INVALID_INPUT rule.code", "INVALID_INPUT rule.texts.0.name"}},
				{"the_kind", rewards.UpdateRule{ID: poet.ID, RuleInput: active("Poet", perk())}, []string{"INVALID_INPUT rule.perk"}},
				{"no_kind", rewards.UpdateRule{ID: poet.ID, RuleInput: active("Poet", schema.RewardTerms{})}, []string{"INVALID_INPUT rule"}},
				{"an_archived_rule", rewards.UpdateRule{ID: gone.ID, RuleInput: active("Gone", perk())}, []string{"INVALID_INPUT rule.status"}},
				{"what_a_leaderboard_ranks_by", rewards.UpdateRule{ID: board.ID, RuleInput: active("Board", boardBy("WEEK", earning.Units))}, []string{"INVALID_INPUT rule.leaderboard"}},
				{"how_often_a_leaderboard_begins_anew", rewards.UpdateRule{ID: board.ID, RuleInput: active("Board", boardBy("DAY", earning.Purchases))}, []string{"INVALID_INPUT rule.leaderboard"}},
				{"the_code_of_another_rule", rewards.UpdateRule{ID: board.ID, RuleInput: func() rewards.RuleInput {
					in := active("Board", leaderboard())
					in.Code = new("poet")
					return in
				}()}, []string{"INVALID_INPUT rule.code"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					malformed := len(test.in.Malformed)
					_, err := o.UpdateRule(merchandiser(t), test.in)
					wantRefused(t, err, test.want...)
					if len(test.in.Malformed) != malformed || malformed > 0 && test.in.Malformed[0].Path[0] != "rule" {
						t.Errorf("the input has become %v", test.in.Malformed)
					}
					if faults := fault.From(err); faults[0].Code == fault.Conflict && faults[0].Data != (catalog.Current{Version: 1}) {
						t.Errorf("the conflict says %v", faults[0].Data)
					}
				})
			}
			renamed := active("The board", leaderboard())
			if row := o.changes(t, rewards.UpdateRule{ID: board.ID, RuleInput: renamed}); row.Version != 2 || row.Code != "board" {
				t.Errorf("got %v", row)
			}
		})
	})
}

func TestArchiveRule(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := openOffice(t, d)
		row := o.makes(t, active("Weekly", streak()))
		for _, test := range []struct {
			in   rewards.ArchiveRule
			want []string
		}{
			{rewards.ArchiveRule{ID: uuid.New()}, []string{"NOT_FOUND"}},
			{rewards.ArchiveRule{ID: row.ID, ExpectedVersion: new(2)}, []string{"CONFLICT expectedVersion"}},
			{rewards.ArchiveRule{Malformed: fault.List{fault.Input("id", "No id.")}}, []string{"INVALID_INPUT id"}},
		} {
			_, err := o.ArchiveRule(merchandiser(t), test.in)
			wantRefused(t, err, test.want...)
		}
		o.pass(time.Hour)
		for range 2 {
			archived := o.archives(t, row)
			if archived.Status != rewardrule.StatusARCHIVED || archived.Content.Status != "ARCHIVED" || archived.Version != 2 ||
				!archived.UpdatedAt.Equal(opening.Add(time.Hour)) {
				t.Errorf("got %v", archived)
			}
		}
		o.wantVersions(t, row.ID, "status", `1 from 1: "ACTIVE"`, `2 from 2: "ARCHIVED"`)
		o.wantAudit(t, row.ID, "status", `mila createRewardRule - "ACTIVE"`, `mila archiveRewardRule "ACTIVE" "ARCHIVED"`)
		book, err := o.Rulebooks.Current(t.Context())
		if err != nil || book.Current().Weeks != nil || book.At(1).Weeks == nil {
			t.Errorf("the rulebook has %v, %v", book.Current().Weeks, err)
		}
	})
}

// TestOneOfAKind is of rules of which one can be ACTIVE: in its place comes another when it is a draft, or archived.
func TestOneOfAKind(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, test := range []struct {
			path  string
			terms func() schema.RewardTerms
		}{
			{"streak.period", streak}, {"level.from", level}, {"discount", discount},
		} {
			t.Run(test.path, func(t *testing.T) {
				o := openOffice(t, d)
				first := o.makes(t, active("First "+test.path, test.terms()))
				// It is not in its own way.
				in := active("Again", test.terms())
				o.changes(t, rewards.UpdateRule{ID: first.ID, RuleInput: in})
				in.Status = "DRAFT"
				second := o.makes(t, in)
				in.Status = "ACTIVE"
				_, err := o.UpdateRule(merchandiser(t), rewards.UpdateRule{ID: second.ID, RuleInput: in})
				wantRefused(t, err, "INVALID_INPUT rule."+test.path)
				if !strings.Contains(fmt.Sprint(err), first.Code) {
					t.Errorf("%v does not say which rule is in the way", err)
				}
				in.Status = "DRAFT"
				o.changes(t, rewards.UpdateRule{ID: first.ID, RuleInput: in})
				in.Status = "ACTIVE"
				o.changes(t, rewards.UpdateRule{ID: second.ID, RuleInput: in})
				o.archives(t, second)
				o.changes(t, rewards.UpdateRule{ID: first.ID, RuleInput: in})
			})
		}
	})
}

func TestRulesAreWrittenOneAfterAnother(t *testing.T) {
	t.Parallel()
	const writers = 8
	// together runs a verb for each writer at once, on two handles of one database, and gives what they made and refused.
	together := func(t *testing.T, d *db.DB, verb func(o *office, i int) (*ent.RewardRule, error)) (rows []*ent.RewardRule, refused []error) {
		t.Helper()
		offices := []*office{openOffice(t, d), openOffice(t, dbtest.Open(t, dbtest.URL(t, d)))}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				row, err := verb(offices[i%2], i)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused = append(refused, err)
				} else {
					rows = append(rows, row)
				}
			})
		}
		all.Wait()
		return rows, refused
	}

	t.Run("one_of_those_who_want_a_code_gets_it", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			rows, refused := together(t, d, func(o *office, _ int) (*ent.RewardRule, error) {
				in := active("Poet", badge())
				in.Code = new("poet")
				return o.CreateRule(merchandiser(t), in)
			})
			if len(rows) != 1 || len(refused) != writers-1 {
				t.Fatalf("%d rules were made, %d refused", len(rows), len(refused))
			}
			for _, err := range refused {
				wantRefused(t, err, "INVALID_INPUT code")
			}
		})
	})

	t.Run("everybody_gets_a_code_of_a_name", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			rows, refused := together(t, d, func(o *office, _ int) (*ent.RewardRule, error) {
				return o.CreateRule(merchandiser(t), active("Poet", badge()))
			})
			codes, want := map[string]bool{}, map[string]bool{"poet": true}
			for i, row := range rows {
				codes[row.Code] = true
				if i > 0 {
					want[fmt.Sprint("poet-", i+1)] = true
				}
			}
			if diff := cmp.Diff(want, codes); diff != "" || len(rows) != writers {
				t.Errorf("codes (-want +got):\n%s\nrefused %v", diff, refused)
			}
			revisions := map[int64]bool{}
			for _, v := range d.Client().RewardRuleVersion.Query().AllX(t.Context()) {
				revisions[v.Revision] = true
			}
			if len(revisions) != writers {
				t.Errorf("the rules begin with %d revisions, want %d", len(revisions), writers)
			}
		})
	})

	t.Run("nobody_overwrites_another_unseen", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			row := openOffice(t, d).makes(t, active("Poet", badge()))
			rows, refused := together(t, d, func(o *office, i int) (*ent.RewardRule, error) {
				return o.UpdateRule(merchandiser(t), rewards.UpdateRule{
					ID: row.ID, ExpectedVersion: new(1), RuleInput: active(fmt.Sprint("Poet ", i), badge()),
				})
			})
			if len(rows) != 1 || len(refused) != writers-1 {
				t.Fatalf("%d updates were made, %d refused", len(rows), len(refused))
			}
			for _, err := range refused {
				wantRefused(t, err, "CONFLICT expectedVersion")
			}
		})
	})
}
