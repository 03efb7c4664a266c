package offers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/coupon"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
	"farthing/internal/page"
)

// windows are some offers: their names say which status and window they have.
var windows = []struct {
	name, status string
	from, until  *time.Time
}{
	{"draft", offers.StatusDraft, nil, nil},
	{"always", offers.StatusActive, nil, nil},
	{"from now", offers.StatusActive, &noon, nil},
	{"later", offers.StatusActive, new(noon.Add(time.Microsecond)), nil},
	{"until now", offers.StatusActive, new(noon.Add(-time.Hour)), &noon},
	{"still", offers.StatusActive, new(noon.Add(-time.Hour)), new(noon.Add(time.Microsecond))},
	{"archived", offers.StatusArchived, nil, nil},
}

// lists are the lists of offers of all kinds, as the names of what is on a page, or on all, and its cursors.
func (s *shop) lists(t testing.TB) map[string]func(offers.ListInput) (names, cursors []string, total int, err error) {
	return map[string]func(offers.ListInput) ([]string, []string, int, error){
		"bundles": func(in offers.ListInput) ([]string, []string, int, error) {
			p, err := s.ListBundles(t.Context(), in)
			total, countErr := s.CountBundles(t.Context(), in)
			for _, row := range p.Nodes() {
				if len(row.Edges.Components) == 0 {
					t.Errorf("%v comes without components", row)
				}
			}
			return named(p, func(row *ent.Bundle) map[string]schema.Text { return row.Texts }, total, err, countErr)
		},
		"trial offers": func(in offers.ListInput) ([]string, []string, int, error) {
			p, err := s.ListTrialOffers(t.Context(), in)
			total, countErr := s.CountTrialOffers(t.Context(), in)
			return named(p, func(row *ent.TrialOffer) map[string]schema.Text { return row.Texts }, total, err, countErr)
		},
		"tier plans": func(in offers.ListInput) ([]string, []string, int, error) {
			p, err := s.ListTierPlans(t.Context(), in)
			total, countErr := s.CountTierPlans(t.Context(), in)
			return named(p, func(row *ent.TierPlan) map[string]schema.Text { return row.Texts }, total, err, countErr)
		},
		"coupons": func(in offers.ListInput) ([]string, []string, int, error) {
			p, err := s.ListCoupons(t.Context(), in)
			total, countErr := s.CountCoupons(t.Context(), in)
			return named(p, func(row *ent.Coupon) map[string]schema.Text { return row.Texts }, total, err, countErr)
		},
	}
}

func named[R any](
	p page.Page[*R], texts func(*R) map[string]schema.Text, total int, err, countErr error,
) (names, cursors []string, n int, _ error) {
	for _, edge := range p.Edges {
		names, cursors = append(names, texts(edge.Node)["en"].Name), append(cursors, edge.Cursor)
	}
	if err == nil {
		err = countErr
	}
	return names, cursors, total, err
}

func TestLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		s.set(noon.Add(-2 * time.Hour)) // when the offers are made
		raven := s.book(t, "The Raven")
		for i, w := range windows {
			common := active(w.name)
			if w.status == offers.StatusDraft {
				common.Status = w.status
			}
			b := reduced(w.name, of(raven, 1))
			b.Common, b.PublishFrom, b.PublishUntil = common, w.from, w.until
			tried := tryout(w.name, raven)
			tried.Common, tried.PublishFrom, tried.PublishUntil = common, w.from, w.until
			plan := volume(w.name, s.gems(t, w.name))
			plan.Common, plan.StartsAt, plan.EndsAt = common, w.from, w.until
			code := offers.CreateCoupon{
				Common: common, Code: fmt.Sprint("WINTER-", i), Kind: coupon.KindPERCENTAGE, PercentOff: new(offers.Percent(500)), StartsAt: w.from, EndsAt: w.until,
			}
			rows := []offers.Archive{{ID: s.bundle(t, b).ID}, {ID: s.trial(t, tried).ID}, {ID: s.plan(t, plan).ID}}
			made, err := s.CreateCoupon(merchandiser(t), code)
			if err != nil {
				t.Fatal(err)
			}
			if w.status != offers.StatusArchived {
				continue
			}
			_, errBundle := s.ArchiveBundle(merchandiser(t), rows[0])
			_, errTrial := s.ArchiveTrialOffer(merchandiser(t), rows[1])
			_, errPlan := s.ArchiveTierPlan(merchandiser(t), rows[2])
			_, errCoupon := s.ArchiveCoupon(merchandiser(t), offers.Archive{ID: made.ID})
			for _, err := range []error{errBundle, errTrial, errPlan, errCoupon} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		s.set(noon)
		for kind, list := range s.lists(t) {
			for _, test := range []struct {
				name string
				in   offers.ListInput
				want []string
			}{
				{"shoppers_see_what_is_on_offer", offers.ListInput{}, []string{"still", "from now", "always"}},
				{"shoppers_cannot_ask_for_drafts", offers.ListInput{Statuses: []string{offers.StatusDraft}}, []string{"still", "from now", "always"}},
				{"merchandisers_see_all", offers.ListInput{Merchandiser: true}, []string{"archived", "still", "until now", "later", "from now", "always", "draft"}},
				{"merchandisers_ask_for_some", offers.ListInput{
					Merchandiser: true, Statuses: []string{offers.StatusDraft, offers.StatusArchived, offers.StatusDraft},
				}, []string{"archived", "draft"}},
			} {
				t.Run(kind+"/"+test.name, func(t *testing.T) {
					names, _, total, err := list(test.in)
					if err != nil || !slices.Equal(names, test.want) || total != len(test.want) {
						t.Errorf("got %q, %d, %v; want %q", names, total, err, test.want)
					}
					// A page of two at a time leads through the same list.
					var walked []string
					in := test.in
					for in.First = new(2); ; {
						names, cursors, _, err := list(in)
						if err != nil {
							t.Fatal(err)
						}
						if walked = append(walked, names...); len(names) < 2 {
							break
						}
						in.After = &cursors[1]
					}
					if !slices.Equal(walked, test.want) {
						t.Errorf("page by page: %q, want %q", walked, test.want)
					}
				})
			}
			t.Run(kind+"/refuses", func(t *testing.T) {
				_, cursors, _, err := list(offers.ListInput{})
				if err != nil {
					t.Fatal(err)
				}
				_, _, _, err = list(offers.ListInput{Merchandiser: true, Args: page.Args{After: &cursors[0]}})
				wantFaults(t, err, "INVALID_INPUT after")
				_, _, _, err = list(offers.ListInput{Args: page.Args{First: new(0)}})
				wantFaults(t, err, "INVALID_INPUT first")
				_, _, _, err = list(offers.ListInput{Statuses: []string{"LIVE"}})
				wantFaults(t, err, "INVALID_INPUT filter.statuses")
			})
		}
	})
}

func TestListsByProduct(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		raven, crow, gems, coins := s.book(t, "The Raven"), s.book(t, "The Crow"), s.gems(t, "Gems"), s.gems(t, "Coins")
		inner := s.bundle(t, reduced("inner", of(raven, 1)))
		middle := s.bundle(t, reduced("middle", of(gems, 1), within(inner, 1)))
		s.bundle(t, reduced("outer", within(middle, 1), within(inner, 1)))
		s.bundle(t, reduced("other", of(crow, 1)))
		s.trial(t, tryout("try the raven", raven))
		s.trial(t, tryout("try the crow", crow))
		s.plan(t, volume("many gems", gems))
		s.plan(t, volume("many coins", coins))
		lists := s.lists(t)
		for _, test := range []struct {
			list    string
			product uuid.UUID
			want    []string
		}{
			{"bundles", raven.ID, []string{"outer", "middle", "inner"}},
			{"bundles", gems.ID, []string{"outer", "middle"}},
			{"bundles", crow.ID, []string{"other"}},
			{"bundles", coins.ID, nil},
			{"trial offers", raven.ID, []string{"try the raven"}},
			{"tier plans", gems.ID, []string{"many gems"}},
		} {
			names, _, total, err := lists[test.list](offers.ListInput{ProductID: test.product})
			if err != nil || !slices.Equal(names, test.want) || total != len(test.want) {
				t.Errorf("%s: got %q, %d, %v; want %q", test.list, names, total, err, test.want)
			}
		}
		_, _, _, err := lists["coupons"](offers.ListInput{ProductID: raven.ID, Merchandiser: true})
		wantFaults(t, err, "INVALID_INPUT filter.productId")
	})
}

func TestBundleBySlug(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		row := s.bundle(t, reduced("Birds", of(s.book(t, "The Raven"), 1)))
		found, err := offers.BundleBySlug(t.Context(), d.Client(), "birds")
		if err != nil || found.ID != row.ID || len(found.Edges.Components) != 1 {
			t.Errorf("got %v, %v", found, err)
		}
		for _, slug := range []string{"the-raven", "", "\x00", strings.Repeat("a", 200)} {
			if _, err := offers.BundleBySlug(t.Context(), d.Client(), slug); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q leads to %v", slug, err)
			}
		}
	})
}
