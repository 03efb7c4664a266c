package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/audit"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/page"
)

// changes writes down five changes, an hour apart.
func changes(t *testing.T, d *db.DB, begin time.Time, book, bundle uuid.UUID) {
	t.Helper()
	for i, change := range []struct {
		by, action string
		target     uuid.UUID
	}{
		{"mila", "createProduct", book},
		{"noor", "updateProduct", book},
		{"mila", "createBundle", bundle},
		{"root", "adjustWallet", uuid.New()},
		{"mila", "updateProduct", book},
	} {
		ctx := actor.With(t.Context(), actor.Actor{Subject: change.by})
		err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			return audit.Record(ctx, tx, begin.Add(time.Duration(i)*time.Hour), change.action, change.target, nil, state{"new"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	book, bundle := uuid.New(), uuid.New()
	told := func(p page.Page[*ent.AuditEntry]) []string {
		list := []string{}
		for _, e := range p.Nodes() {
			list = append(list, e.Actor+" "+e.Action)
		}
		return list
	}
	second, fourth := begin.Add(time.Hour), begin.Add(3*time.Hour)

	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		changes(t, d, begin, book, bundle)
		for _, test := range []struct {
			name   string
			filter audit.Filter
			want   []string
		}{
			{"all_latest_first", audit.Filter{}, []string{
				"mila updateProduct", "root adjustWallet", "mila createBundle", "noor updateProduct", "mila createProduct",
			}},
			{"of_a_target", audit.Filter{Target: book}, []string{"mila updateProduct", "noor updateProduct", "mila createProduct"}},
			{"by_an_actor", audit.Filter{Actor: "noor"}, []string{"noor updateProduct"}},
			{"of_an_action", audit.Filter{Action: "updateProduct"}, []string{"mila updateProduct", "noor updateProduct"}},
			{"from_an_instant_on", audit.Filter{From: &fourth}, []string{"mila updateProduct", "root adjustWallet"}},
			{"until_an_instant", audit.Filter{Until: &second}, []string{"mila createProduct"}},
			{"between_two_instants", audit.Filter{From: &second, Until: &fourth}, []string{"mila createBundle", "noor updateProduct"}},
			{"of_the_actions_that_may_be_seen", audit.Filter{Actions: []string{"createProduct", "createBundle"}}, []string{
				"mila createBundle", "mila createProduct",
			}},
			{"of_no_action_at_all", audit.Filter{Actions: []string{}}, []string{}},
			{"of_an_action_that_may_not_be_seen", audit.Filter{Action: "adjustWallet", Actions: []string{"createBundle"}}, []string{}},
			{"all_at_once", audit.Filter{
				Target: book, Actor: "mila", Action: "updateProduct", From: &second, Actions: []string{"updateProduct"},
			}, []string{"mila updateProduct"}},
			{"by_nobody_who_can_be", audit.Filter{Actor: "mila\x00"}, []string{}},
			{"of_no_text", audit.Filter{Action: "\xff"}, []string{}},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				p, err := audit.List(t.Context(), d.Client(), test.filter)
				if diff := cmp.Diff(test.want, told(p)); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				n, err := audit.Count(t.Context(), d.Client(), test.filter)
				if n != len(test.want) || err != nil {
					t.Errorf("Count is %d, %v; want %d", n, err, len(test.want))
				}
			})
		}

		t.Run("page_by_page", func(t *testing.T) {
			t.Parallel()
			var got []string
			filter := audit.Filter{Args: page.Args{First: new(2)}}
			for more := true; more; {
				p, err := audit.List(t.Context(), d.Client(), filter)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, told(p)...)
				filter.After, more = &p.Edges[len(p.Edges)-1].Cursor, p.HasNext
			}
			want := []string{"mila updateProduct", "root adjustWallet", "mila createBundle", "noor updateProduct", "mila createProduct"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})

		t.Run("backwards_from_the_earliest", func(t *testing.T) {
			t.Parallel()
			p, err := audit.List(t.Context(), d.Client(), audit.Filter{Args: page.Args{Last: new(2)}})
			if diff := cmp.Diff([]string{"noor updateProduct", "mila createProduct"}, told(p)); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})

		t.Run("refuses_a_cursor_of_another_filter", func(t *testing.T) {
			t.Parallel()
			p, err := audit.List(t.Context(), d.Client(), audit.Filter{Actions: []string{"updateProduct", "createBundle"}})
			if err != nil {
				t.Fatal(err)
			}
			after := page.Args{After: &p.Edges[0].Cursor}
			for name, test := range map[string]struct {
				filter  audit.Filter
				refused bool
			}{
				"the_same":       {audit.Filter{Args: after, Actions: []string{"createBundle", "updateProduct", "createBundle"}}, false},
				"all":            {audit.Filter{Args: after}, true},
				"none":           {audit.Filter{Args: after, Actions: []string{}}, true},
				"another_target": {audit.Filter{Args: after, Actions: []string{"updateProduct", "createBundle"}, Target: book}, true},
			} {
				if _, err := audit.List(t.Context(), d.Client(), test.filter); fault.Is(err, fault.InvalidInput) != test.refused {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	})
}
