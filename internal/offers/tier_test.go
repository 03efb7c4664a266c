package offers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// volume is the input of an active tier plan with a name: 10 dollars each up to 9, 8 dollars from 10 on.
func volume(name string, p *ent.Product) offers.CreateTierPlan {
	return offers.CreateTierPlan{
		Common: active(name), ProductID: p.ID, Mode: tierplan.ModeVOLUME,
		Tiers: []offers.Tier{
			{From: 1, UpTo: new(int64(9)), Prices: prices("USD 10")},
			{From: 10, Prices: prices("USD 8")},
		},
	}
}

func (s *shop) plan(t testing.TB, in offers.CreateTierPlan) *ent.TierPlan {
	t.Helper()
	row, err := s.CreateTierPlan(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateTierPlan(%q): %v", in.Texts[0].Name, err)
	}
	return row
}

func TestCreateTierPlan(t *testing.T) {
	t.Parallel()

	t.Run("stores_what_was_given", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			gems := s.gems(t, "Gems")
			row := s.plan(t, volume("Many", gems))
			if row.ProductID != gems.ID || row.Mode != tierplan.ModeVOLUME || row.Status != tierplan.StatusACTIVE || row.Version != 1 ||
				!row.StartsAt.Equal(noon) || row.EndsAt != nil || len(row.Tiers) != 2 ||
				row.Tiers[1].From != 10 || row.Tiers[1].Prices["USD"] != units("8") {
				t.Errorf("got %v", row)
			}
			s.wantAudit(t, row.ID, "mode", `mila createTierPlan - "VOLUME"`)
			in := volume("More", s.gems(t, "More gems"))
			in.Mode, in.StartsAt, in.EndsAt = tierplan.ModeGRADUATED, new(noon.Add(-time.Hour)), new(noon.Add(time.Hour))
			in.Tiers = []offers.Tier{
				{From: 1, UpTo: new(int64(1)), Prices: prices("USD 3", "EUR 3")},
				{From: 2, UpTo: new(int64(9_998)), Prices: prices("EUR 2", "USD 2")},
				{From: 9_999, Prices: prices("USD 0", "EUR 0")},
			}
			row = s.plan(t, in)
			found, err := offers.TierPlansByIDs(t.Context(), d.Client(), []uuid.UUID{row.ID, uuid.New()})
			if err != nil || len(found) != 1 || len(found[row.ID].Tiers) != 3 || found[row.ID].Mode != tierplan.ModeGRADUATED ||
				!found[row.ID].StartsAt.Equal(noon.Add(-time.Hour)) || !found[row.ID].EndsAt.Equal(noon.Add(time.Hour)) {
				t.Errorf("found %v, %v", found, err)
			}
		})
	})

	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			gems, raven, gone, taken := s.gems(t, "Gems"), s.book(t, "The Raven"), s.gems(t, "Lost gems"), s.gems(t, "Other gems")
			s.archiveProduct(t, gone.ID)
			s.plan(t, volume("Many", taken))
			for _, test := range []struct {
				name   string
				change func(*offers.CreateTierPlan)
				want   []string
				says   string
			}{
				{"an_archived_one", func(in *offers.CreateTierPlan) { in.Status = offers.StatusArchived }, []string{"status"}, ""},
				{"an_unknown_product", func(in *offers.CreateTierPlan) { in.ProductID = uuid.New() }, []string{"productId"}, ""},
				{"a_durable", func(in *offers.CreateTierPlan) { in.ProductID = raven.ID }, []string{"productId"}, ""},
				{"an_archived_product", func(in *offers.CreateTierPlan) { in.ProductID = gone.ID }, []string{"productId"}, ""},
				{"a_second_active_plan", func(in *offers.CreateTierPlan) { in.ProductID = taken.ID }, []string{"productId"}, "Another tier plan"},
				{"an_unknown_mode", func(in *offers.CreateTierPlan) { in.Mode = "OTHER" }, []string{"mode"}, ""},
				{"one_tier", func(in *offers.CreateTierPlan) { in.Tiers = in.Tiers[:1] }, []string{"tiers"}, "2 to 20 tiers, not 1"},
				{"twenty_one_tiers", func(in *offers.CreateTierPlan) { in.Tiers = make([]offers.Tier, 21) }, []string{"tiers"}, "not 21"},
				{"a_first_tier_from_2", func(in *offers.CreateTierPlan) { in.Tiers[0].From = 2 }, []string{"tiers.0.from"}, "from 1, not from 2"},
				{"a_gap", func(in *offers.CreateTierPlan) { in.Tiers[1].From = 12 }, []string{"tiers.1.from"}, "gap: no tier has units 10 to 11"},
				{"a_gap_of_one", func(in *offers.CreateTierPlan) { in.Tiers[1].From = 11 }, []string{"tiers.1.from"}, "gap: no tier has unit 10. Begin at 10."},
				{"an_overlap", func(in *offers.CreateTierPlan) { in.Tiers[1].From = 8 }, []string{"tiers.1.from"}, "overlap: the tier before has units 8 to 9"},
				{"a_tier_from_0", func(in *offers.CreateTierPlan) { in.Tiers[1].From = 0 }, []string{"tiers.1.from"}, ""},
				{"a_tier_from_10000", func(in *offers.CreateTierPlan) { in.Tiers[0].UpTo, in.Tiers[1].From = new(int64(9_999)), 10_000 }, []string{"tiers.1.from"}, ""},
				{"a_tier_up_to_10000", func(in *offers.CreateTierPlan) { in.Tiers[0].UpTo = new(int64(10_000)) }, []string{"tiers.0.upTo"}, ""},
				{"a_tier_that_ends_first", func(in *offers.CreateTierPlan) {
					in.Tiers = append(in.Tiers, offers.Tier{From: 10, Prices: prices("USD 7")})
					in.Tiers[1].UpTo = new(int64(9))
				}, []string{"tiers.1.upTo"}, "from 10 cannot end at 9"},
				{"two_open_ends", func(in *offers.CreateTierPlan) { in.Tiers[0].UpTo = nil }, []string{"tiers.0.upTo"}, ""},
				{"no_open_end", func(in *offers.CreateTierPlan) { in.Tiers[1].UpTo = new(int64(20)) }, []string{"tiers.1.upTo"}, "open-ended"},
				{"no_price", func(in *offers.CreateTierPlan) { in.Tiers[1].Prices = nil }, []string{"tiers.1.prices"}, ""},
				{"a_foreign_currency", func(in *offers.CreateTierPlan) { in.Tiers[1].Prices = prices("XXX 1") }, []string{"tiers.1.prices.0.currency"}, ""},
				{"another_currency", func(in *offers.CreateTierPlan) { in.Tiers[1].Prices = prices("EUR 1") }, []string{"tiers.1.prices"}, "the first has USD"},
				{"a_window_without_length", func(in *offers.CreateTierPlan) { in.EndsAt = &noon }, []string{"endsAt"}, ""},
				{"everything_at_once", func(in *offers.CreateTierPlan) {
					in.Status, in.Mode, in.ProductID, in.Texts = "ON", "OTHER", uuid.New(), nil
					in.Tiers = []offers.Tier{{From: 0}, {From: 3, UpTo: new(int64(2)), Prices: prices("USD 1")}}
					in.StartsAt, in.EndsAt = &noon, &noon
					in.Malformed = fault.List{fault.Input("tiers.0.upTo", "No number.")}
				}, []string{"tiers.0.upTo", "status", "texts", "productId", "mode", "tiers.0.prices", "tiers.0.from", "tiers.1.upTo", "endsAt"}, ""},
				{"no_more_than_what_could_not_be_read", func(in *offers.CreateTierPlan) {
					in.Tiers[0].UpTo, in.Tiers[1].Prices, in.StartsAt, in.EndsAt = nil, prices("EUR 1"), nil, &noon
					in.Malformed = fault.List{
						fault.Input("startsAt", "No time."), fault.Input("tiers.0.upTo", "No number."), fault.Input("tiers.1.prices.0.currency", "None."),
					}
				}, []string{"startsAt", "tiers.0.upTo", "tiers.1.prices.0.currency"}, ""},
			} {
				t.Run(test.name, func(t *testing.T) {
					in := volume("Many", gems)
					test.change(&in)
					_, err := s.CreateTierPlan(merchandiser(t), in)
					want := make([]string, len(test.want))
					for i, path := range test.want {
						want[i] = "INVALID_INPUT " + path
					}
					wantFaults(t, err, want...)
					if err != nil && !strings.Contains(err.Error(), test.says) {
						t.Errorf("%v does not say %q", err, test.says)
					}
				})
			}
			if n := d.Client().TierPlan.Query().CountX(t.Context()); n != 1 {
				t.Errorf("%d are stored", n)
			}
		})
	})

	// Nobody makes a plan without Revise, but the index is what holds if somebody does.
	t.Run("sees_a_plan_that_is_committed_meanwhile", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		s := open(t, d)
		gems := s.gems(t, "Gems")
		second := make(chan error, 1)
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			err := tx.TierPlan.Create().SetStatus(tierplan.StatusACTIVE).SetLanguage("en").SetTexts(map[string]schema.Text{"en": {Name: "Many"}}).
				SetStartsAt(noon).SetProductID(gems.ID).SetMode(tierplan.ModeVOLUME).SetTiers([]schema.Tier{}).SetCreatedAt(noon).SetUpdatedAt(noon).Exec(ctx)
			if err != nil {
				return err
			}
			go func() {
				_, err := s.CreateTierPlan(merchandiser(t), volume("Many", gems))
				second <- err
			}()
			return waitForBlocked(ctx, tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantFaults(t, <-second, "INVALID_INPUT productId")
	})
}

func TestUpdateTierPlan(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		gems := s.gems(t, "Gems")
		row := s.plan(t, volume("Many", gems))
		draft := volume("Next", gems)
		draft.Status = offers.StatusDraft
		next := s.plan(t, draft)
		update := func(in offers.UpdateTierPlan) *ent.TierPlan {
			t.Helper()
			changed, err := s.UpdateTierPlan(merchandiser(t), in)
			if err != nil {
				t.Fatal(err)
			}
			return changed
		}
		s.set(noon.Add(time.Minute))
		same := update(offers.UpdateTierPlan{
			CommonChange: offers.CommonChange{ID: row.ID, ExpectedVersion: new(1), Status: catalog.To(offers.StatusActive)},
			Tiers:        catalog.To(volume("Many", gems).Tiers), StartsAt: catalog.To(noon), Mode: catalog.To(tierplan.ModeVOLUME),
		})
		if same.Version != 1 || !same.UpdatedAt.Equal(noon) {
			t.Errorf("an update that changes nothing gave %v", same)
		}
		changed := update(offers.UpdateTierPlan{
			CommonChange: offers.CommonChange{ID: row.ID, ExpectedVersion: new(1), Texts: catalog.To(texts("Lots"))},
			Mode:         catalog.To(tierplan.ModeGRADUATED), StartsAt: catalog.To(noon.Add(time.Hour)), EndsAt: catalog.To(new(noon.Add(2 * time.Hour))),
			Tiers: catalog.To([]offers.Tier{{From: 1, UpTo: new(int64(4)), Prices: prices("EUR 3")}, {From: 5, Prices: prices("EUR 2")}}),
		})
		if changed.Version != 2 || changed.Mode != tierplan.ModeGRADUATED || changed.Texts["en"].Name != "Lots" || changed.Tiers[1].From != 5 ||
			!changed.StartsAt.Equal(noon.Add(time.Hour)) || !changed.EndsAt.Equal(noon.Add(2*time.Hour)) {
			t.Errorf("got %v", changed)
		}
		if changed = update(offers.UpdateTierPlan{CommonChange: offers.CommonChange{ID: row.ID}, EndsAt: catalog.To[*time.Time](nil)}); changed.EndsAt != nil {
			t.Errorf("got %v", changed)
		}
		for _, test := range []struct {
			name string
			in   offers.UpdateTierPlan
			want []string
		}{
			{"what_is_not_there", offers.UpdateTierPlan{CommonChange: offers.CommonChange{ID: uuid.New()}}, []string{"NOT_FOUND"}},
			{"a_second_active_plan", offers.UpdateTierPlan{
				CommonChange: offers.CommonChange{ID: next.ID, Status: catalog.To(offers.StatusActive)},
			}, []string{"INVALID_INPUT status"}},
			{"everything_at_once", offers.UpdateTierPlan{
				CommonChange: offers.CommonChange{
					ID: row.ID, ExpectedVersion: new(1), Texts: catalog.To(texts("")), Malformed: fault.List{fault.Input("mode", "No mode.")},
				},
				Mode: catalog.To(tierplan.Mode("")), Tiers: catalog.To([]offers.Tier{}), StartsAt: catalog.To(noon), EndsAt: catalog.To(&noon),
			}, []string{
				"INVALID_INPUT mode", "CONFLICT expectedVersion", "INVALID_INPUT texts.0.name", "INVALID_INPUT tiers", "INVALID_INPUT endsAt",
			}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := s.UpdateTierPlan(merchandiser(t), test.in)
				wantFaults(t, err, test.want...)
			})
		}
		for range 2 {
			archived, err := s.ArchiveTierPlan(merchandiser(t), offers.Archive{ID: row.ID})
			if err != nil || archived.Status != tierplan.StatusARCHIVED || archived.Version != 4 {
				t.Fatalf("got %v, %v", archived, err)
			}
		}
		if changed = update(offers.UpdateTierPlan{CommonChange: offers.CommonChange{ID: next.ID, Status: catalog.To(offers.StatusActive)}}); changed.Status != tierplan.StatusACTIVE {
			t.Errorf("got %v", changed)
		}
		_, err := s.UpdateTierPlan(merchandiser(t), offers.UpdateTierPlan{
			CommonChange: offers.CommonChange{ID: row.ID, Status: catalog.To(offers.StatusDraft)},
		})
		wantFaults(t, err, "INVALID_INPUT status")
		s.wantAudit(t, row.ID, "mode", `mila createTierPlan - "VOLUME"`, `mila updateTierPlan "VOLUME" "GRADUATED"`,
			`mila updateTierPlan "GRADUATED" "GRADUATED"`, `mila archiveTierPlan "GRADUATED" "GRADUATED"`)
	})
}
