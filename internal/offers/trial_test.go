package offers_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/trialoffer"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// tryout is the input of an active trial offer with a name: two days for one dollar, credited for another day.
func tryout(name string, p *ent.Product) offers.CreateTrialOffer {
	return offers.CreateTrialOffer{
		Common: active(name), ProductID: p.ID, Prices: prices("USD 1"), DurationHours: 48, GraceHours: 24,
	}
}

func (s *shop) trial(t testing.TB, in offers.CreateTrialOffer) *ent.TrialOffer {
	t.Helper()
	row, err := s.CreateTrialOffer(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateTrialOffer(%q): %v", in.Texts[0].Name, err)
	}
	return row
}

func TestCreateTrialOffer(t *testing.T) {
	t.Parallel()

	t.Run("stores_what_was_given", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven := s.book(t, "The Raven")
			in := tryout("Try", raven)
			in.Prices, in.Uses = prices("USD 0", "KRW 1500"), new(int64(3))
			in.PublishFrom, in.PublishUntil = &noon, new(noon.Add(time.Hour))
			row := s.trial(t, in)
			found, err := offers.TrialOffersByIDs(t.Context(), d.Client(), []uuid.UUID{row.ID, uuid.New()})
			if err != nil || len(found) != 1 {
				t.Fatalf("found %v, %v", found, err)
			}
			for _, row := range []*ent.TrialOffer{row, found[row.ID]} {
				if row.ProductID != raven.ID || row.Status != trialoffer.StatusACTIVE || row.Texts["en"].Name != "Try" || row.Version != 1 ||
					row.DurationHours != 48 || row.GraceHours != 24 || *row.Uses != 3 || len(row.Prices) != 2 || row.Prices["KRW"] != units("1500") ||
					!row.PublishFrom.Equal(noon) || !row.PublishUntil.Equal(noon.Add(time.Hour)) || !row.CreatedAt.Equal(noon) {
					t.Errorf("got %v", row)
				}
			}
			s.wantPriceHistory(t, row.ID, "KRW 1500", "USD 0")
			s.wantAudit(t, row.ID, "durationHours", `mila createTrialOffer - 48`)
		})
	})

	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, gems, gone := s.book(t, "The Raven"), s.gems(t, "Gems"), s.book(t, "The Dodo")
			s.archiveProduct(t, gone.ID)
			for _, test := range []struct {
				name   string
				change func(*offers.CreateTrialOffer)
				want   []string
			}{
				{"an_archived_one", func(in *offers.CreateTrialOffer) { in.Status = offers.StatusArchived }, []string{"status"}},
				{"an_unknown_product", func(in *offers.CreateTrialOffer) { in.ProductID = uuid.New() }, []string{"productId"}},
				{"a_consumable", func(in *offers.CreateTrialOffer) { in.ProductID = gems.ID }, []string{"productId"}},
				{"an_archived_product", func(in *offers.CreateTrialOffer) { in.ProductID = gone.ID }, []string{"productId"}},
				{"no_price", func(in *offers.CreateTrialOffer) { in.Prices = nil }, []string{"prices"}},
				{"a_negative_price", func(in *offers.CreateTrialOffer) { in.Prices = prices("USD -1") }, []string{"prices.0.amount"}},
				{"no_duration", func(in *offers.CreateTrialOffer) { in.DurationHours = 0 }, []string{"durationHours"}},
				{"more_than_a_year", func(in *offers.CreateTrialOffer) { in.DurationHours = 8_761 }, []string{"durationHours"}},
				{"a_negative_grace", func(in *offers.CreateTrialOffer) { in.GraceHours = -1 }, []string{"graceHours"}},
				{"a_grace_of_more_than_a_year", func(in *offers.CreateTrialOffer) { in.GraceHours = 8_761 }, []string{"graceHours"}},
				{"no_uses", func(in *offers.CreateTrialOffer) { in.Uses = new(int64(0)) }, []string{"uses"}},
				{"too_many_uses", func(in *offers.CreateTrialOffer) { in.Uses = new(int64(1_000_001)) }, []string{"uses"}},
				{"a_window_without_length", func(in *offers.CreateTrialOffer) { in.PublishFrom, in.PublishUntil = &noon, &noon }, []string{"publishUntil"}},
				{"everything_at_once", func(in *offers.CreateTrialOffer) {
					*in = offers.CreateTrialOffer{GraceHours: -1, Uses: new(int64(0)), PublishFrom: &noon, PublishUntil: &noon}
					in.Malformed = fault.List{fault.Input("productId", "No id."), fault.Input("reason", "No text.")}
				}, []string{"productId", "reason", "status", "texts", "prices", "durationHours", "graceHours", "uses", "publishUntil"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					in := tryout("Try", raven)
					test.change(&in)
					_, err := s.CreateTrialOffer(merchandiser(t), in)
					want := make([]string, len(test.want))
					for i, path := range test.want {
						want[i] = "INVALID_INPUT " + path
					}
					wantFaults(t, err, want...)
				})
			}
			if n := d.Client().TrialOffer.Query().CountX(t.Context()); n != 0 {
				t.Errorf("%d have been stored", n)
			}
		})
	})

	t.Run("takes_the_limits", func(t *testing.T) {
		t.Parallel()
		s := open(t, dbtest.SQLite(t))
		in := tryout("Try", s.book(t, "The Raven"))
		in.DurationHours, in.GraceHours, in.Uses = 8_760, 8_760, new(int64(1_000_000))
		s.trial(t, in)
		in.DurationHours, in.GraceHours, in.Uses = 1, 0, new(int64(1))
		s.trial(t, in)
	})
}

func TestUpdateTrialOffer(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		in := tryout("Try", s.book(t, "The Raven"))
		in.Uses = new(int64(3))
		row := s.trial(t, in)
		update := func(in offers.UpdateTrialOffer) *ent.TrialOffer {
			in.ID = row.ID
			changed, err := s.UpdateTrialOffer(merchandiser(t), in)
			if err != nil {
				t.Fatal(err)
			}
			return changed
		}
		s.set(noon.Add(time.Minute))
		same := update(offers.UpdateTrialOffer{
			CommonChange: offers.CommonChange{ExpectedVersion: new(1), Texts: catalog.To(texts("Try"))},
			Prices:       catalog.To(prices("USD 1")), DurationHours: catalog.To(48), Uses: catalog.To(new(int64(3))),
		})
		if same.Version != 1 || !same.UpdatedAt.Equal(noon) {
			t.Errorf("an update that changes nothing gave %v", same)
		}
		changed := update(offers.UpdateTrialOffer{
			CommonChange: offers.CommonChange{ExpectedVersion: new(1), Status: catalog.To(offers.StatusDraft)},
			Prices:       catalog.To(prices("EUR 2")), DurationHours: catalog.To(1), GraceHours: catalog.To(0), Uses: catalog.To[*int64](nil),
			PublishFrom: catalog.To(&noon), PublishUntil: catalog.To(new(noon.Add(time.Hour))),
		})
		if changed.Version != 2 || changed.Status != trialoffer.StatusDRAFT || changed.DurationHours != 1 || changed.GraceHours != 0 ||
			changed.Uses != nil || changed.Prices["EUR"] != units("2") || !changed.PublishUntil.Equal(noon.Add(time.Hour)) || !changed.UpdatedAt.Equal(noon.Add(time.Minute)) {
			t.Errorf("got %v", changed)
		}
		changed = update(offers.UpdateTrialOffer{PublishFrom: catalog.To[*time.Time](nil), PublishUntil: catalog.To[*time.Time](nil)})
		if changed.PublishFrom != nil || changed.PublishUntil != nil {
			t.Errorf("got %v", changed)
		}
		for _, test := range []struct {
			name string
			in   offers.UpdateTrialOffer
			want []string
		}{
			{"what_is_not_there", offers.UpdateTrialOffer{CommonChange: offers.CommonChange{ID: uuid.New()}}, []string{"NOT_FOUND"}},
			{"everything_at_once", offers.UpdateTrialOffer{
				CommonChange: offers.CommonChange{
					ID: row.ID, ExpectedVersion: new(1), Status: catalog.To(offers.StatusArchived), Malformed: fault.List{fault.Input("graceHours", "No number.")},
				},
				Prices: catalog.To(prices()), DurationHours: catalog.To(0), GraceHours: catalog.To(-1), Uses: catalog.To(new(int64(0))),
				PublishFrom: catalog.To(&noon), PublishUntil: catalog.To(&noon),
			}, []string{
				"INVALID_INPUT graceHours", "CONFLICT expectedVersion", "INVALID_INPUT status", "INVALID_INPUT prices", "INVALID_INPUT durationHours",
				"INVALID_INPUT uses", "INVALID_INPUT publishUntil",
			}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := s.UpdateTrialOffer(merchandiser(t), test.in)
				wantFaults(t, err, test.want...)
			})
		}
		for range 2 {
			archived, err := s.ArchiveTrialOffer(merchandiser(t), offers.Archive{ID: row.ID})
			if err != nil || archived.Status != trialoffer.StatusARCHIVED || archived.Version != 4 {
				t.Fatalf("got %v, %v", archived, err)
			}
		}
		_, err := s.UpdateTrialOffer(merchandiser(t), offers.UpdateTrialOffer{
			CommonChange: offers.CommonChange{ID: row.ID, Status: catalog.To(offers.StatusActive)},
		})
		wantFaults(t, err, "INVALID_INPUT status")
		s.wantPriceHistory(t, row.ID, "USD 1", "EUR 2", "USD -")
		s.wantAudit(t, row.ID, "status", `mila createTrialOffer - "ACTIVE"`, `mila updateTrialOffer "ACTIVE" "DRAFT"`,
			`mila updateTrialOffer "DRAFT" "DRAFT"`, `mila archiveTrialOffer "DRAFT" "ARCHIVED"`)
	})
}
