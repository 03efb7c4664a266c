package offers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/offerstock"
	"farthing/ent/product"
	"farthing/ent/salechange"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
	"farthing/internal/page"
)

// after is an instant of a test's time.
func after(d time.Duration) *time.Time { return new(noon.Add(d)) }

// fifth is the input of an active flash sale that takes 20 percent off a product for two hours, from noon on.
func fifth(id uuid.UUID) offers.CreateFlashSale {
	return offers.CreateFlashSale{
		Common: active("A fifth off"), Kind: flashsale.KindPERCENTAGE, PercentOff: new(offers.Percent(2000)),
		Scope: schema.Scope{Products: []uuid.UUID{id}}, StartsAt: after(0), EndsAt: after(2 * time.Hour),
	}
}

func (s *shop) sell(t testing.TB, in offers.CreateFlashSale) *ent.FlashSale {
	t.Helper()
	row, err := s.CreateFlashSale(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateFlashSale: %v", err)
	}
	return row
}

func (s *shop) updateSale(t testing.TB, in offers.UpdateFlashSale) *ent.FlashSale {
	t.Helper()
	row, err := s.UpdateFlashSale(merchandiser(t), in)
	if err != nil {
		t.Fatalf("UpdateFlashSale: %v", err)
	}
	return row
}

// take counts units of a window of an offer as sold.
func (s *shop) take(t testing.TB, offer uuid.UUID, round, units int64) {
	t.Helper()
	s.inTx(t, func(ctx context.Context, tx *ent.Tx) error {
		return offers.Take{All: map[offers.Round]int64{{Offer: offer, Round: round}: units}}.Write(ctx, tx)
	})
}

// giveBack counts units as not sold any more.
func (s *shop) giveBack(t testing.TB, offer uuid.UUID, round, units int64) {
	t.Helper()
	s.inTx(t, func(ctx context.Context, tx *ent.Tx) error {
		return tx.OfferStock.Update().Where(offerstock.OfferID(offer), offerstock.Round(round)).AddTaken(-units).Exec(ctx)
	})
}

func (s *shop) inTx(t testing.TB, fn func(ctx context.Context, tx *ent.Tx) error) {
	t.Helper()
	if err := s.db.Tx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// count shows what is counted of a window: "3 of 10", "3 of any", and "closed" behind it.
func (s *shop) count(t testing.TB, offer uuid.UUID, round int64) string {
	t.Helper()
	row, err := s.db.Client().OfferStock.Query().Where(offerstock.OfferID(offer), offerstock.Round(round)).Only(t.Context())
	if ent.IsNotFound(err) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	most, closed := "any", ""
	if row.Most != nil {
		most = fmt.Sprint(*row.Most)
	}
	if row.Closed {
		closed = " closed"
	}
	return fmt.Sprintf("%d of %s%s", row.Taken, most, closed)
}

func (s *shop) wantCount(t testing.TB, offer uuid.UUID, round int64, want string) {
	t.Helper()
	if got := s.count(t, offer, round); got != want {
		t.Errorf("counted in round %d: %s, want %s", round, got, want)
	}
}

// status is where a stored flash sale stands now.
func (s *shop) status(t testing.TB, id uuid.UUID) offers.Status {
	t.Helper()
	rows, err := offers.FlashSalesByIDs(t.Context(), s.db.Client(), []uuid.UUID{id, uuid.New()})
	if err != nil || len(rows) != 1 {
		t.Fatalf("FlashSalesByIDs = %d rows, %v", len(rows), err)
	}
	stocks, err := offers.StocksOf(t.Context(), s.db.Client(), []*ent.FlashSale{rows[id]}, s.now())
	if err != nil {
		t.Fatal(err)
	}
	return offers.StatusOf(rows[id], stocks[id], s.now())
}

func (s *shop) wantStatus(t testing.TB, id uuid.UUID, want offers.Status) {
	t.Helper()
	if got := s.status(t, id); got != want {
		t.Errorf("at %s the sale is %s, want %s", s.now().Format(time.RFC3339Nano), got, want)
	}
}

// wantTerms compares the history of a sale: "2000 until 14:00", with what is not active in brackets.
func (s *shop) wantTerms(t testing.TB, id uuid.UUID, want ...string) {
	t.Helper()
	var got []string
	for _, c := range s.db.Client().SaleChange.Query().Where(salechange.SaleID(id)).Order(salechange.ByCreatedAt(), salechange.ByID()).AllX(t.Context()) {
		text := fmt.Sprintf("%d until %s", c.BasisPoints, "forever")
		if c.Kind == salechange.KindFIXED {
			text = fmt.Sprintf("%v until %s", c.Prices, "forever")
		}
		if c.EndsAt != nil {
			text = text[:len(text)-len("forever")] + c.EndsAt.UTC().Format("15:04")
		}
		if !c.Active {
			text = "(" + text + ")"
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history of the sale (-want +got):\n%s", diff)
	}
}

func TestCreateFlashSale(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		poems := s.book(t, "Poems")

		t.Run("a percentage, one window", func(t *testing.T) {
			in := fifth(poems.ID)
			in.Scope = schema.Scope{Products: []uuid.UUID{poems.ID, poems.ID}, Tags: []string{" Poetry ", "poetry"}, Categories: []string{"Books"}}
			in.Stock, in.PerShopper, in.StartsAt = new(int64(100)), new(int64(2)), nil
			row := s.sell(t, in)
			want := &ent.FlashSale{
				ID: row.ID, Status: flashsale.StatusACTIVE, Language: "en", Texts: map[string]schema.Text{"en": {Name: "A fifth off"}},
				Kind: flashsale.KindPERCENTAGE, BasisPoints: 2000, Prices: schema.Prices{},
				Scope:    schema.Scope{Products: []uuid.UUID{poems.ID}, Tags: []string{"Poetry"}, Categories: []string{"Books"}},
				StartsAt: noon, EndsAt: after(2 * time.Hour), Stock: new(int64(100)), PerShopper: new(int64(2)),
				Version: 1, CreatedAt: noon, UpdatedAt: noon,
			}
			if diff := cmp.Diff(want.String(), row.String()); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
			s.wantCount(t, row.ID, 0, "0 of 100")
			s.wantTerms(t, row.ID, "2000 until 14:00")
			s.wantAudit(t, row.ID, "basisPoints", "mila createFlashSale - 2000")
			s.wantStatus(t, row.ID, offers.Live)
		})
		t.Run("a fixed price, a draft", func(t *testing.T) {
			in := fifth(poems.ID)
			in.Kind, in.PercentOff, in.Prices, in.Status = flashsale.KindFIXED, nil, prices("USD 0", "KRW 900"), offers.StatusDraft
			row := s.sell(t, in)
			if diff := cmp.Diff(schema.Prices{"USD": 0, "KRW": units("900")}, row.Prices); diff != "" {
				t.Error(diff)
			}
			s.wantCount(t, row.ID, 0, "0 of any")
			s.wantTerms(t, row.ID, "(map[KRW:900 USD:0] until 14:00)")
			s.wantStatus(t, row.ID, offers.Draft)
		})
		t.Run("a recurring one without an end", func(t *testing.T) {
			in := fifth(poems.ID)
			in.EndsAt, in.Recurrence, in.Stock = nil, weekly("Sat,Fri 18:00-18:00 Asia/Seoul"), new(int64(3))
			slices.Reverse(in.Recurrence.Weekdays)
			row := s.sell(t, in)
			if diff := cmp.Diff(weekly("Fri,Sat 18:00-18:00 Asia/Seoul"), row.Recurrence); diff != "" {
				t.Error(diff)
			}
			s.wantCount(t, row.ID, 0, "none")
			s.wantTerms(t, row.ID, "2000 until forever")
			s.wantStatus(t, row.ID, offers.Upcoming)
		})
	})
}

// crowd is so many ids, the first of which is that of something.
func crowd(n int, first uuid.UUID) []uuid.UUID {
	ids := []uuid.UUID{first}
	for len(ids) < n {
		ids = append(ids, uuid.New())
	}
	return ids
}

func TestCreateFlashSaleRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		poems := s.book(t, "Poems")
		for _, test := range []struct {
			name   string
			change func(in *offers.CreateFlashSale)
			want   []string
		}{
			{"a percentage without one", func(in *offers.CreateFlashSale) { in.PercentOff = nil }, []string{"percentOff"}},
			{"nothing off", func(in *offers.CreateFlashSale) { in.PercentOff = new(offers.Percent(0)) }, []string{"percentOff"}},
			{"more than everything off", func(in *offers.CreateFlashSale) { in.PercentOff = new(offers.Percent(10_001)) }, []string{"percentOff"}},
			{"a percentage with prices", func(in *offers.CreateFlashSale) { in.Prices = prices("USD 5") }, []string{"prices"}},
			{"a fixed price without one", func(in *offers.CreateFlashSale) { in.Kind, in.PercentOff = flashsale.KindFIXED, nil }, []string{"prices"}},
			{"a fixed price with a percentage", func(in *offers.CreateFlashSale) {
				in.Kind, in.Prices = flashsale.KindFIXED, prices("USD 5")
			}, []string{"percentOff"}},
			{"a price below zero", func(in *offers.CreateFlashSale) {
				in.Kind, in.PercentOff, in.Prices = flashsale.KindFIXED, nil, prices("USD -1", "KRW 0.5", "CHF 1")
			}, []string{"prices.0.amount", "prices.1.amount", "prices.2.currency"}},
			{"no kind", func(in *offers.CreateFlashSale) { in.Kind = "HALF" }, []string{"kind"}},
			{"nothing in scope", func(in *offers.CreateFlashSale) { in.Scope = schema.Scope{} }, []string{"scope"}},
			{"what is not there", func(in *offers.CreateFlashSale) {
				in.Scope = schema.Scope{Products: []uuid.UUID{poems.ID, uuid.New()}, Bundles: []uuid.UUID{uuid.New()}}
			}, []string{"scope.productIds.1", "scope.bundleIds.0"}},
			{"too much in scope", func(in *offers.CreateFlashSale) {
				in.Scope = schema.Scope{Products: crowd(501, poems.ID), Bundles: crowd(501, poems.ID), Tags: make([]string, 51)}
			}, []string{"scope.tags", "scope.productIds", "scope.bundleIds"}},
			{"labels that are none", func(in *offers.CreateFlashSale) {
				in.Scope = schema.Scope{Tags: []string{"ok", ""}, Categories: []string{"two\nlines"}}
			}, []string{"scope.tags.1", "scope.categories.0"}},
			{"no end", func(in *offers.CreateFlashSale) { in.EndsAt = nil }, []string{"endsAt"}},
			{"an end at the beginning", func(in *offers.CreateFlashSale) { in.EndsAt = in.StartsAt }, []string{"endsAt"}},
			{"an end that has passed", func(in *offers.CreateFlashSale) { in.StartsAt, in.EndsAt = after(-2*time.Hour), after(0) }, []string{"endsAt"}},
			{"a zone that is none", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri 18:00-20:00 Asia/Atlantis") }, []string{"recurrence.timeZone"}},
			{"the machine's own zone", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri 18:00-20:00 Local") }, []string{"recurrence.timeZone"}},
			{"a zone that is a file", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri 18:00-20:00 localtime") }, []string{"recurrence.timeZone"}},
			{"a zone with leap seconds", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri 18:00-20:00 right/UTC") }, []string{"recurrence.timeZone"}},
			{"a zone of nothing", func(in *offers.CreateFlashSale) {
				in.Recurrence = weekly("Fri 18:00-20:00 UTC")
				in.Recurrence.TimeZone = ""
			}, []string{"recurrence.timeZone"}},
			{"no day", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("never 18:00-20:00 UTC") }, []string{"recurrence.weekdays"}},
			{"days twice and of no week", func(in *offers.CreateFlashSale) {
				in.Recurrence = weekly("Fri 18:00-20:00 UTC")
				in.Recurrence.Weekdays = []time.Weekday{time.Friday, 7, time.Friday, -1}
			}, []string{"recurrence.weekdays.1", "recurrence.weekdays.2", "recurrence.weekdays.3"}},
			{"times that are none", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri +1:30-24:00 UTC") }, []string{"recurrence.from", "recurrence.until"}},
			{"times of one digit", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Fri 9:30-18:0 UTC") }, []string{"recurrence.from", "recurrence.until"}},
			{"no window within", func(in *offers.CreateFlashSale) { in.Recurrence = weekly("Thu 14:00-16:00 UTC") }, []string{"recurrence"}},
			{"all windows over", func(in *offers.CreateFlashSale) {
				in.StartsAt, in.Recurrence = after(-7*24*time.Hour), weekly("Thu 08:00-10:00 UTC")
			}, []string{"recurrence"}},
			{"caps of nothing", func(in *offers.CreateFlashSale) { in.Stock, in.PerShopper = new(int64), new(int64(0)) }, []string{"stock", "perShopper"}},
			{"caps that nobody can read", func(in *offers.CreateFlashSale) {
				in.Stock, in.PerShopper = new(int64(1<<31)), new(int64(1<<31))
			}, []string{"stock", "perShopper"}},
			{"everything at once", func(in *offers.CreateFlashSale) {
				*in = offers.CreateFlashSale{Common: offers.Common{Status: offers.StatusArchived}, Kind: flashsale.KindFIXED, Stock: new(int64(-1))}
			}, []string{"status", "texts", "prices", "scope", "stock", "endsAt"}},
			{"what could not be read, and nothing that follows from it", func(in *offers.CreateFlashSale) {
				in.Malformed = fault.List{fault.Input("percentOff", "!"), fault.Input("endsAt", "!"), fault.Input("scope.productIds.0", "!")}
				in.PercentOff, in.EndsAt, in.Scope.Products, in.PerShopper = nil, nil, []uuid.UUID{uuid.Nil}, new(int64)
			}, []string{"percentOff", "endsAt", "scope.productIds.0", "perShopper"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				in := fifth(poems.ID)
				test.change(&in)
				_, err := s.CreateFlashSale(merchandiser(t), in)
				var want []string
				for _, path := range test.want {
					want = append(want, "INVALID_INPUT "+path)
				}
				wantFaults(t, err, want...)
			})
		}
		t.Cleanup(func() {
			if n := d.Client().FlashSale.Query().CountX(context.WithoutCancel(t.Context())); n > 0 {
				t.Errorf("%d sales were made", n)
			}
		})
	})
}

func TestUpdateFlashSale(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		poems := s.book(t, "Poems")
		change := func(id uuid.UUID) offers.UpdateFlashSale {
			return offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: id}}
		}

		t.Run("what changes nothing writes nothing", func(t *testing.T) {
			row := s.sell(t, fifth(poems.ID))
			in := change(row.ID)
			in.ExpectedVersion, in.Status, in.Texts = new(1), catalog.To(offers.StatusActive), catalog.To(texts("A fifth off"))
			in.Kind, in.PercentOff, in.Prices = catalog.To(flashsale.KindPERCENTAGE), catalog.To(new(offers.Percent(2000))), catalog.To(prices())
			in.Scope, in.StartsAt, in.EndsAt = catalog.To(row.Scope), catalog.To(row.StartsAt), catalog.To(row.EndsAt)
			in.Recurrence, in.Stock, in.PerShopper = catalog.To[*schema.Recurrence](nil), catalog.To[*int64](nil), catalog.To[*int64](nil)
			if got := s.updateSale(t, in); got.Version != 1 {
				t.Errorf("it is at version %d", got.Version)
			}
			s.wantTerms(t, row.ID, "2000 until 14:00")
			s.wantAudit(t, row.ID, "status", `mila createFlashSale - "ACTIVE"`)
		})
		t.Run("texts are no terms", func(t *testing.T) {
			row := s.sell(t, fifth(poems.ID))
			in := change(row.ID)
			in.Texts = catalog.To(texts("20 %"))
			if got := s.updateSale(t, in); got.Version != 2 || got.Texts["en"].Name != "20 %" {
				t.Errorf("it is %v", got)
			}
			s.wantTerms(t, row.ID, "2000 until 14:00")
		})
		t.Run("another percentage, a price instead, and back", func(t *testing.T) {
			row := s.sell(t, fifth(poems.ID))
			in := change(row.ID)
			in.PercentOff = catalog.To(new(offers.Percent(5000)))
			s.updateSale(t, in)
			in = change(row.ID)
			in.Kind, in.Prices = catalog.To(flashsale.KindFIXED), catalog.To(prices("USD 5"))
			if got := s.updateSale(t, in); got.BasisPoints != 0 || got.Prices["USD"] != units("5") {
				t.Errorf("it is %v", got)
			}
			in = change(row.ID)
			in.Kind, in.PercentOff = catalog.To(flashsale.KindPERCENTAGE), catalog.To(new(offers.Percent(1000)))
			if got := s.updateSale(t, in); got.BasisPoints != 1000 || len(got.Prices) > 0 || got.Version != 4 {
				t.Errorf("it is %v", got)
			}
			s.wantTerms(t, row.ID, "2000 until 14:00", "5000 until 14:00", "map[USD:5] until 14:00", "1000 until 14:00")
			s.wantAudit(t, row.ID, "basisPoints", "mila createFlashSale - 2000", "mila updateFlashSale 2000 5000",
				"mila updateFlashSale 5000 null", "mila updateFlashSale null 1000")
		})
		t.Run("bounds and caps, and none", func(t *testing.T) {
			row := s.sell(t, fifth(poems.ID))
			in := change(row.ID)
			in.StartsAt, in.Recurrence, in.PerShopper = catalog.To(*after(-time.Hour)), catalog.To(weekly("daily 13:00-15:00 UTC")), catalog.To(new(int64(1)))
			in.EndsAt = catalog.To[*time.Time](nil)
			got := s.updateSale(t, in)
			if got.EndsAt != nil || !got.StartsAt.Equal(*after(-time.Hour)) || got.Recurrence.From != "13:00" || *got.PerShopper != 1 {
				t.Errorf("it is %v", got)
			}
			in = change(row.ID)
			in.EndsAt, in.Recurrence, in.PerShopper = catalog.To(after(time.Hour)), catalog.To[*schema.Recurrence](nil), catalog.To[*int64](nil)
			if got = s.updateSale(t, in); !got.EndsAt.Equal(*after(time.Hour)) || got.Recurrence != nil || got.PerShopper != nil {
				t.Errorf("it is %v", got)
			}
			s.wantTerms(t, row.ID, "2000 until 14:00", "2000 until forever", "2000 until 13:00")
		})

		refused := s.sell(t, fifth(poems.ID))
		fixed := fifth(poems.ID)
		fixed.Kind, fixed.PercentOff, fixed.Prices = flashsale.KindFIXED, nil, prices("USD 5")
		price := s.sell(t, fixed)
		put := s.sell(t, fifth(poems.ID))
		if _, err := s.ArchiveFlashSale(merchandiser(t), offers.Archive{ID: put.ID}); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name string
			id   uuid.UUID
			set  func(in *offers.UpdateFlashSale)
			want []string
		}{
			{"nobody's id, and what is wrong for any sale", uuid.New(), func(in *offers.UpdateFlashSale) {
				in.PercentOff, in.Stock, in.Kind = catalog.To(new(offers.Percent(0))), catalog.To(new(int64(-1))), catalog.To(flashsale.KindPERCENTAGE)
			}, []string{"NOT_FOUND", "INVALID_INPUT percentOff", "INVALID_INPUT stock"}},
			{"nobody's id, and what is right for some sale", uuid.New(), func(in *offers.UpdateFlashSale) {
				in.Kind, in.EndsAt, in.Recurrence = catalog.To(flashsale.KindFIXED), catalog.To[*time.Time](nil), catalog.To(weekly("Fri 18:00-20:00 UTC"))
			}, []string{"NOT_FOUND"}},
			{"another version", refused.ID, func(in *offers.UpdateFlashSale) {
				in.ExpectedVersion, in.PerShopper = new(7), catalog.To(new(int64(0)))
			}, []string{"CONFLICT expectedVersion", "INVALID_INPUT perShopper"}},
			{"another kind without what goes with it", refused.ID, func(in *offers.UpdateFlashSale) { in.Kind = catalog.To(flashsale.KindFIXED) }, []string{"INVALID_INPUT prices"}},
			{"another kind with what went with the old one", price.ID, func(in *offers.UpdateFlashSale) {
				in.Kind, in.Prices = catalog.To(flashsale.KindPERCENTAGE), catalog.To(prices("USD 4"))
			}, []string{"INVALID_INPUT prices", "INVALID_INPUT percentOff"}},
			{"a percentage off a price", price.ID, func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(100))) }, []string{"INVALID_INPUT percentOff"}},
			{"no percentage", refused.ID, func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To[*offers.Percent](nil) }, []string{"INVALID_INPUT percentOff"}},
			{"no price", price.ID, func(in *offers.UpdateFlashSale) { in.Prices = catalog.To(prices()) }, []string{"INVALID_INPUT prices"}},
			{"nothing in scope", refused.ID, func(in *offers.UpdateFlashSale) { in.Scope = catalog.To(schema.Scope{}) }, []string{"INVALID_INPUT scope"}},
			{"no end", refused.ID, func(in *offers.UpdateFlashSale) { in.EndsAt = catalog.To[*time.Time](nil) }, []string{"INVALID_INPUT endsAt"}},
			{"an end before the beginning", refused.ID, func(in *offers.UpdateFlashSale) { in.StartsAt = catalog.To(*after(2 * time.Hour)) }, []string{"INVALID_INPUT endsAt"}},
			{"an end that has passed", refused.ID, func(in *offers.UpdateFlashSale) {
				in.StartsAt, in.EndsAt = catalog.To(*after(-2 * time.Hour)), catalog.To(after(-time.Hour))
			}, []string{"INVALID_INPUT endsAt"}},
			{"no window within", refused.ID, func(in *offers.UpdateFlashSale) { in.Recurrence = catalog.To(weekly("Fri 18:00-20:00 UTC")) }, []string{"INVALID_INPUT recurrence"}},
			{"out of the archive", put.ID, func(in *offers.UpdateFlashSale) { in.Status = catalog.To(offers.StatusActive) }, []string{"INVALID_INPUT status"}},
		} {
			t.Run("refuses "+test.name, func(t *testing.T) {
				in := change(test.id)
				test.set(&in)
				_, err := s.UpdateFlashSale(merchandiser(t), in)
				wantFaults(t, err, test.want...)
				for _, f := range fault.From(err) {
					if f.Code == fault.Conflict && f.Data != (catalog.Current{Version: 1}) {
						t.Errorf("data of the conflict is %v", f.Data)
					}
				}
			})
		}
	})
}

func TestFlashSaleStock(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		poems := open(t, d).book(t, "Poems")
		// Each has a shop of its own, for its clock.
		begin := func(t *testing.T, change func(in *offers.CreateFlashSale)) (*shop, *ent.FlashSale, func(stock *int64) *ent.FlashSale) {
			s := open(t, d)
			in := fifth(poems.ID)
			in.Stock = new(int64(10))
			if change != nil {
				change(&in)
			}
			row := s.sell(t, in)
			return s, row, func(stock *int64) *ent.FlashSale {
				t.Helper()
				return s.updateSale(t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: row.ID}, Stock: catalog.To(stock)})
			}
		}

		t.Run("below what was sold ends the sale, for good", func(t *testing.T) {
			s, row, restock := begin(t, nil)
			s.take(t, row.ID, 0, 5)
			restock(new(int64(4)))
			s.wantCount(t, row.ID, 0, "5 of 5 closed")
			s.wantStatus(t, row.ID, offers.Ended)
			s.giveBack(t, row.ID, 0, 3)
			s.wantStatus(t, row.ID, offers.Ended)
			restock(new(int64(50)))
			s.wantCount(t, row.ID, 0, "2 of 5 closed")
			s.wantStatus(t, row.ID, offers.Ended)
			s.wantTerms(t, row.ID, "2000 until 14:00")
		})
		t.Run("what was sold, exactly, sells it out until there is more", func(t *testing.T) {
			s, row, restock := begin(t, nil)
			s.take(t, row.ID, 0, 5)
			restock(new(int64(5)))
			s.wantCount(t, row.ID, 0, "5 of 5")
			s.wantStatus(t, row.ID, offers.SoldOut)
			restock(new(int64(6)))
			s.wantCount(t, row.ID, 0, "5 of 6")
			s.wantStatus(t, row.ID, offers.Live)
		})
		t.Run("none", func(t *testing.T) {
			s, row, restock := begin(t, nil)
			restock(new(int64))
			s.wantCount(t, row.ID, 0, "0 of 0")
			s.wantStatus(t, row.ID, offers.SoldOut)
		})
		t.Run("any number counts all the same", func(t *testing.T) {
			s, row, restock := begin(t, func(in *offers.CreateFlashSale) { in.Stock = nil })
			s.take(t, row.ID, 0, 7)
			restock(new(int64(8)))
			s.wantCount(t, row.ID, 0, "7 of 8")
			restock(nil)
			s.wantCount(t, row.ID, 0, "7 of any")
			s.take(t, row.ID, 0, 7)
			restock(new(int64(8)))
			s.wantCount(t, row.ID, 0, "14 of 14 closed")
			s.wantStatus(t, row.ID, offers.Ended)
		})
		t.Run("of a recurring sale closes the window that is on", func(t *testing.T) {
			s, row, restock := begin(t, func(in *offers.CreateFlashSale) { in.EndsAt, in.Recurrence = nil, weekly("daily 11:00-13:00 UTC") })
			s.take(t, row.ID, 20261223, 9) // of the day before
			s.take(t, row.ID, 20261224, 5)
			restock(new(int64(4)))
			s.wantCount(t, row.ID, 20261223, "9 of any")
			s.wantCount(t, row.ID, 20261224, "5 of 5 closed")
			s.wantStatus(t, row.ID, offers.SoldOut)
			s.giveBack(t, row.ID, 20261224, 5)
			s.wantStatus(t, row.ID, offers.SoldOut)
			s.set(*after(time.Hour))
			s.wantStatus(t, row.ID, offers.Upcoming)
			s.set(*after(24 * time.Hour))
			s.wantStatus(t, row.ID, offers.Live)
		})
		t.Run("of a window that goes on again", func(t *testing.T) {
			s, row, restock := begin(t, func(in *offers.CreateFlashSale) { in.EndsAt, in.Recurrence = nil, weekly("daily 11:00-13:00 UTC") })
			restock(new(int64(6))) // before its row is made
			s.inTx(t, func(ctx context.Context, tx *ent.Tx) error {
				limits := map[offers.Round]*int64{{Offer: row.ID, Round: 20261224}: new(int64(6))}
				found, err := offers.LockStocks(ctx, tx, limits)
				if err != nil {
					return err
				}
				return offers.BeginStocks(ctx, tx, limits, found)
			})
			s.take(t, row.ID, 20261224, 6)
			s.set(*after(2 * time.Hour)) // it is over
			restock(new(int64(20)))
			s.wantCount(t, row.ID, 20261224, "6 of 6")
			s.updateSale(t, offers.UpdateFlashSale{
				CommonChange: offers.CommonChange{ID: row.ID}, Recurrence: catalog.To(weekly("daily 11:00-16:00 UTC")),
			})
			s.wantCount(t, row.ID, 20261224, "6 of 20")
			s.wantStatus(t, row.ID, offers.Live)
		})
		t.Run("ties the sale to its kind of windows", func(t *testing.T) {
			s, row, _ := begin(t, nil)
			recur := func() error {
				_, err := s.UpdateFlashSale(merchandiser(t), offers.UpdateFlashSale{
					CommonChange: offers.CommonChange{ID: row.ID}, Recurrence: catalog.To(weekly("daily 11:00-13:00 UTC")),
				})
				return err
			}
			s.take(t, row.ID, 0, 1)
			wantFaults(t, recur(), "INVALID_INPUT recurrence")
			s.giveBack(t, row.ID, 0, 1)
			if err := recur(); err != nil {
				t.Error(err)
			}
			s.take(t, row.ID, 20261224, 1)
			_, err := s.UpdateFlashSale(merchandiser(t), offers.UpdateFlashSale{
				CommonChange: offers.CommonChange{ID: row.ID}, Recurrence: catalog.To[*schema.Recurrence](nil),
			})
			wantFaults(t, err, "INVALID_INPUT recurrence")
		})
		t.Run("begins anew when a sale that recurred has one window", func(t *testing.T) {
			s, row, _ := begin(t, func(in *offers.CreateFlashSale) { in.Recurrence = weekly("daily 11:00-13:00 UTC") })
			s.wantCount(t, row.ID, 0, "none")
			s.updateSale(t, offers.UpdateFlashSale{
				CommonChange: offers.CommonChange{ID: row.ID}, Recurrence: catalog.To[*schema.Recurrence](nil),
			})
			s.wantCount(t, row.ID, 0, "0 of 10")
		})
	})
}

func TestEndFlashSale(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		poems := open(t, d).book(t, "Poems")
		end := func(t *testing.T, s *shop, id uuid.UUID) *ent.FlashSale {
			t.Helper()
			row, err := s.EndFlashSale(merchandiser(t), offers.Archive{ID: id})
			if err != nil {
				t.Fatal(err)
			}
			return row
		}

		t.Run("is over from this instant on", func(t *testing.T) {
			s := open(t, d)
			row := s.sell(t, fifth(poems.ID))
			s.set(*after(time.Hour))
			if got := end(t, s, row.ID); !got.EndedAt.Equal(s.now()) || got.Version != 2 || !got.EndsAt.Equal(*row.EndsAt) {
				t.Errorf("it is %v", got)
			}
			s.wantStatus(t, row.ID, offers.Ended)
			s.set(after(time.Hour).Add(-time.Microsecond))
			s.wantStatus(t, row.ID, offers.Live)
			s.wantTerms(t, row.ID, "2000 until 14:00", "2000 until 13:00")
			s.set(*after(90 * time.Minute))
			if got := end(t, s, row.ID); got.Version != 2 || !got.EndedAt.Equal(*after(time.Hour)) {
				t.Errorf("ended twice it is %v", got)
			}
			s.wantAudit(t, row.ID, "endedAt", "mila createFlashSale - null", `mila endFlashSale null "2026-12-24T13:00:00Z"`)
		})
		t.Run("a recurring one, for good", func(t *testing.T) {
			s := open(t, d)
			in := fifth(poems.ID)
			in.EndsAt, in.Recurrence = nil, weekly("daily 18:00-20:00 UTC")
			row := s.sell(t, in)
			end(t, s, row.ID)
			s.wantStatus(t, row.ID, offers.Ended)
			s.wantTerms(t, row.ID, "2000 until forever", "2000 until 12:00")
		})
		t.Run("one that has not begun", func(t *testing.T) {
			s := open(t, d)
			in := fifth(poems.ID)
			in.StartsAt = after(time.Hour)
			row := s.sell(t, in)
			end(t, s, row.ID)
			s.wantStatus(t, row.ID, offers.Ended)
		})
		t.Run("nothing of one that is over", func(t *testing.T) {
			s := open(t, d)
			row, sold := s.sell(t, fifth(poems.ID)), s.sell(t, fifth(poems.ID))
			s.take(t, sold.ID, 0, 2)
			s.updateSale(t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: sold.ID}, Stock: catalog.To(new(int64(1)))})
			if got := end(t, s, sold.ID); got.EndedAt != nil || got.Version != 2 {
				t.Errorf("closed before, it is %v", got)
			}
			s.set(*row.EndsAt)
			if got := end(t, s, row.ID); got.EndedAt != nil || got.Version != 1 {
				t.Errorf("over before, it is %v", got)
			}
		})
		t.Run("refuses", func(t *testing.T) {
			s := open(t, d)
			_, err := s.EndFlashSale(merchandiser(t), offers.Archive{ID: uuid.New()})
			wantFaults(t, err, "NOT_FOUND")
			_, err = s.EndFlashSale(merchandiser(t), offers.Archive{ID: s.sell(t, fifth(poems.ID)).ID, ExpectedVersion: new(2)})
			wantFaults(t, err, "CONFLICT expectedVersion")
			_, err = s.EndFlashSale(merchandiser(t), offers.Archive{Malformed: fault.List{fault.Input("id", "!")}})
			wantFaults(t, err, "INVALID_INPUT id")
		})
		t.Run("archived, it is over as well", func(t *testing.T) {
			s := open(t, d)
			row := s.sell(t, fifth(poems.ID))
			for range 2 {
				got, err := s.ArchiveFlashSale(merchandiser(t), offers.Archive{ID: row.ID})
				if err != nil || got.Version != 2 || got.Status != flashsale.StatusARCHIVED {
					t.Errorf("ArchiveFlashSale = %v, %v", got, err)
				}
			}
			s.wantStatus(t, row.ID, offers.Archived)
			s.wantTerms(t, row.ID, "2000 until 14:00", "(2000 until 14:00)")
			s.wantAudit(t, row.ID, "status", `mila createFlashSale - "ACTIVE"`, `mila archiveFlashSale "ACTIVE" "ARCHIVED"`)
			if got := end(t, s, row.ID); got.Version != 2 {
				t.Errorf("ended, it is %v", got)
			}
		})
	})
}

// TestFlashSalesLeaveTheBoard: what is on offer follows every change at once.
func TestFlashSalesLeaveTheBoard(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		row := s.sell(t, fifth(s.book(t, "Poems").ID))
		sales := func() int {
			t.Helper()
			board, err := s.Boards.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(board.Sales)
		}
		if n := sales(); n != 1 {
			t.Errorf("%d sales are on the board", n)
		}
		if _, err := s.EndFlashSale(merchandiser(t), offers.Archive{ID: row.ID}); err != nil {
			t.Fatal(err)
		}
		if n := sales(); n != 0 {
			t.Errorf("%d sales are on the board after the end", n)
		}
	})
}

func TestListFlashSales(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		poems, err := s.catalog.Create(merchandiser(t), catalog.CreateInput{
			Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Texts: texts("Poems"), Prices: prices("USD 10"),
		})
		if err != nil {
			t.Fatal(err)
		}
		// Sales of every kind, again and again.
		kinds := []func(in *offers.CreateFlashSale) func(row *ent.FlashSale){
			func(*offers.CreateFlashSale) func(*ent.FlashSale) { return nil },
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) { in.StartsAt = after(time.Hour); return nil },
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) { in.Status = offers.StatusDraft; return nil },
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) { in.EndsAt = after(time.Minute); return nil },
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				return func(row *ent.FlashSale) {
					if _, err := s.ArchiveFlashSale(merchandiser(t), offers.Archive{ID: row.ID}); err != nil {
						t.Fatal(err)
					}
				}
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				return func(row *ent.FlashSale) {
					if _, err := s.EndFlashSale(merchandiser(t), offers.Archive{ID: row.ID}); err != nil {
						t.Fatal(err)
					}
				}
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				in.Stock = new(int64(2))
				return func(row *ent.FlashSale) { s.take(t, row.ID, 0, 2) }
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				return func(row *ent.FlashSale) {
					s.take(t, row.ID, 0, 2)
					s.updateSale(t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: row.ID}, Stock: catalog.To(new(int64(1)))})
				}
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				in.EndsAt, in.Recurrence = nil, weekly("daily 11:00-13:00 UTC")
				return nil
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				in.EndsAt, in.Recurrence = nil, weekly("daily 18:00-20:00 UTC")
				return nil
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) {
				in.EndsAt, in.Recurrence, in.Stock = nil, weekly("daily 11:00-13:00 UTC"), new(int64(1))
				return func(row *ent.FlashSale) { s.take(t, row.ID, 20261224, 1) }
			},
			func(in *offers.CreateFlashSale) func(*ent.FlashSale) { // its last window is over before its end
				in.EndsAt, in.Recurrence = after(6*time.Hour), weekly("daily 12:00-12:05 UTC")
				return nil
			},
		}
		for range 2 {
			for _, kind := range kinds {
				in := fifth(poems.ID)
				if then := kind(&in); then == nil {
					s.sell(t, in)
				} else {
					then(s.sell(t, in))
				}
			}
		}
		s.set(*after(10 * time.Minute))
		all := s.db.Client().FlashSale.Query().Order(flashsale.ByID()).AllX(t.Context())
		slices.Reverse(all)
		stands := map[uuid.UUID]offers.Status{}
		for _, row := range all {
			stands[row.ID] = s.status(t, row.ID)
		}

		every := []offers.Status{offers.Draft, offers.Upcoming, offers.Live, offers.SoldOut, offers.Ended, offers.Archived}
		filters := [][]offers.Status{nil, every, {offers.Live, offers.SoldOut}, {offers.Ended, offers.Draft}}
		for _, status := range every {
			filters = append(filters, []offers.Status{status})
		}
		for _, statuses := range filters {
			for _, merchandiser := range []bool{false, true} {
				var want []uuid.UUID
				for _, row := range all {
					seen := merchandiser || row.Status == flashsale.StatusACTIVE
					if seen && (len(statuses) == 0 || slices.Contains(statuses, stands[row.ID])) {
						want = append(want, row.ID)
					}
				}
				if len(want) == 0 && (merchandiser || !slices.Contains([]string{"[DRAFT]", "[ARCHIVED]"}, fmt.Sprint(statuses))) {
					t.Errorf("no sale is %v", statuses)
				}
				in := offers.SaleListInput{Statuses: statuses, Merchandiser: merchandiser}
				if n, err := s.CountFlashSales(t.Context(), in); err != nil || n != len(want) {
					t.Errorf("CountFlashSales(%v, %t) = %d, %v, want %d", statuses, merchandiser, n, err, len(want))
				}
				for _, size := range []int{1, 3, 50} {
					for _, backward := range []bool{false, true} {
						if diff := cmp.Diff(want, s.walk(t, in, size, backward)); diff != "" {
							t.Errorf("%v, merchandiser %t, in pages of %d, backward %t (-want +got):\n%s", statuses, merchandiser, size, backward, diff)
						}
					}
				}
			}
		}

		first, err := s.ListFlashSales(t.Context(), offers.SaleListInput{Args: page.Args{First: new(1)}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.ListFlashSales(t.Context(), offers.SaleListInput{
			Args: page.Args{After: &first.Edges[0].Cursor}, Statuses: []offers.Status{offers.Live},
		})
		wantFaults(t, err, "INVALID_INPUT after")
	})
}

// walk reads a whole list in pages.
func (s *shop) walk(t testing.TB, in offers.SaleListInput, size int, backward bool) []uuid.UUID {
	t.Helper()
	var ids []uuid.UUID
	for {
		in.First, in.Last = &size, nil
		if backward {
			in.First, in.Last = nil, &size
		}
		p, err := s.ListFlashSales(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var part []uuid.UUID
		for _, row := range p.Nodes() {
			part = append(part, row.ID)
		}
		more := p.HasNext
		if backward {
			ids, more = append(part, ids...), p.HasPrevious
		} else {
			ids = append(ids, part...)
		}
		if !more {
			return ids
		}
		if len(part) != size {
			t.Fatalf("a page of %d has %d entries, and there are more", size, len(part))
		}
		in.After, in.Before = &p.Edges[size-1].Cursor, nil
		if backward {
			in.After, in.Before = nil, &p.Edges[0].Cursor
		}
	}
}
