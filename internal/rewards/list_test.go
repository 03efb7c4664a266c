package rewards_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

func codesOf(rows []*ent.RewardRule) []string {
	var codes []string
	for _, row := range rows {
		codes = append(codes, row.Code)
	}
	return codes
}

func TestRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o, client := openOffice(t, d), d.Client()
		first := o.makes(t, active("First", badge()))
		draft := active("Second", badge())
		draft.Status = "DRAFT"
		second := o.makes(t, draft)
		o.makes(t, active("Third", streak()))
		o.archives(t, o.makes(t, active("Fourth", fixed())))
		for _, test := range []struct {
			name string
			in   rewards.RuleFilter
			want []string
		}{
			{"all", rewards.RuleFilter{}, []string{"fourth", "third", "second", "first"}},
			{"of_a_kind", rewards.RuleFilter{Kinds: []string{"BADGE"}}, []string{"second", "first"}},
			{"of_two_kinds", rewards.RuleFilter{Kinds: []string{"STREAK", "BADGE", "STREAK"}}, []string{"third", "second", "first"}},
			{"of_a_status", rewards.RuleFilter{Statuses: []string{"ARCHIVED", "DRAFT"}}, []string{"fourth", "second"}},
			{"of_both", rewards.RuleFilter{Kinds: []string{"BADGE", "POINTS"}, Statuses: []string{"ACTIVE"}}, []string{"first"}},
			{"none", rewards.RuleFilter{Kinds: []string{"QUEST"}}, nil},
		} {
			t.Run(test.name, func(t *testing.T) {
				total, err := rewards.CountRules(t.Context(), client, test.in)
				if err != nil || total != len(test.want) {
					t.Errorf("counted %d, %v; want %d", total, err, len(test.want))
				}
				// A page of one at a time leads through the same list.
				var walked []string
				args := page.Args{First: new(1)}
				for {
					p, err := rewards.Rules(t.Context(), client, test.in, args)
					if err != nil {
						t.Fatal(err)
					}
					if walked = append(walked, codesOf(p.Nodes())...); !p.HasNext {
						break
					}
					args.After = &p.Edges[0].Cursor
				}
				if !slices.Equal(walked, test.want) {
					t.Errorf("page by page: %q, want %q", walked, test.want)
				}
			})
		}

		t.Run("refuses", func(t *testing.T) {
			badges, err := rewards.Rules(t.Context(), client, rewards.RuleFilter{Kinds: []string{"BADGE", "POINTS"}}, page.Args{})
			if err != nil {
				t.Fatal(err)
			}
			cursor := badges.Edges[0].Cursor
			for _, test := range []struct {
				name string
				in   rewards.RuleFilter
				args page.Args
				want []string
			}{
				{"what_is_no_filter", rewards.RuleFilter{Kinds: []string{"LUCK"}, Statuses: []string{"ON"}}, page.Args{}, []string{
					"INVALID_INPUT filter.kinds", "INVALID_INPUT filter.statuses",
				}},
				{"a_page_of_none", rewards.RuleFilter{}, page.Args{First: new(0)}, []string{"INVALID_INPUT first"}},
				{"a_cursor_of_another_filter", rewards.RuleFilter{}, page.Args{After: &cursor}, []string{"INVALID_INPUT after"}},
				{"no_cursor_of_the_same_in_another_order", rewards.RuleFilter{Kinds: []string{"POINTS", "BADGE", "POINTS"}}, page.Args{After: &cursor}, nil},
			} {
				t.Run(test.name, func(t *testing.T) {
					_, err := rewards.Rules(t.Context(), client, test.in, test.args)
					wantRefused(t, err, test.want...)
				})
			}
			_, err = rewards.CountRules(t.Context(), client, rewards.RuleFilter{Kinds: []string{""}})
			wantRefused(t, err, "INVALID_INPUT filter.kinds")
		})

		t.Run("finds_by_id", func(t *testing.T) {
			found, err := rewards.RulesByIDs(t.Context(), client, []uuid.UUID{first.ID, uuid.New(), second.ID})
			if err != nil || len(found) != 2 || found[first.ID].Code != "first" || found[second.ID].Code != "second" {
				t.Errorf("found %v, %v", found, err)
			}
		})

		t.Run("finds_by_code", func(t *testing.T) {
			if row, err := rewards.RuleByCode(t.Context(), client, "second"); err != nil || row.ID != second.ID {
				t.Errorf("found %v, %v", row, err)
			}
			for _, code := range []string{"fifth", "", "First", "\xff", "\x00"} {
				_, err := rewards.RuleByCode(t.Context(), client, code)
				wantRefused(t, err, "NOT_FOUND")
			}
		})
	})
}
