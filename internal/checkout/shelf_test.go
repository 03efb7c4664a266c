package checkout

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
	"farthing/internal/offers"
)

// What a shelf tells is what is read anew, for everybody and of everything.
func TestShelf_TellsWhatIsSo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, other, tried, hints := s.durable(t, "Book", "1.00 USD"), s.durable(t, "Other", "1.00 USD", "1200 KRW"),
			s.durable(t, "Tried", "2.00 USD"), s.consumable(t, "Hints", 5, "0.50 USD")
		pack := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{book, other}, func(in *offers.CreateBundle) { in.PercentOff = new(offers.Percent(1000)) })
		pick := s.bundle(t, bundle.KindCHOOSE, []*ent.Product{book, other, tried}, func(in *offers.CreateBundle) {
			in.Choose, in.PercentOff = new(2), new(offers.Percent(1000))
		})
		try := s.trial(t, tried, "0.20 USD", nil)
		s.sale(t, book, "0.40 USD", func(in *offers.CreateFlashSale) { in.Stock = new(int64(9)) })
		s.sale(t, hints, "0.10 USD", func(in *offers.CreateFlashSale) { in.Stock, in.PerShopper = new(int64(9)), new(int64(1)) })
		sam, ann, tia := s.rich(t, "sam", "10", "USD"), s.rich(t, "ann", "10", "USD"), s.rich(t, "tia", "10", "USD")
		s.buy(sam, t, order("1", "1.10", of(other, 1), of(hints, 1)))
		s.buy(sam, t, order("2", "0.20", one(try.ID)))
		s.buy(tia, t, order("1", "0.60", one(try.ID), of(book, 1)))

		shelf := open(t, d, func(c *Config) { c.Delay = time.Second })
		things := []uuid.UUID{book.ID, other.ID, tried.ID, hints.ID, pack.ID, pick.ID, try.ID, uuid.New()}
		for range 2 { // the second time prices are there
			for name, who := range map[string]context.Context{"a visitor": t.Context(), "sam": sam, "ann": ann, "tia": tia} {
				viewer := shopperOf(who)
				exact, err := s.Facts(who, viewer, things, false)
				if err != nil {
					t.Fatal(err)
				}
				kept, err := shelf.Facts(who, viewer, things, false)
				if err != nil {
					t.Fatal(err)
				}
				for _, thing := range things {
					for _, code := range []money.Code{"USD", "KRW", "ZAR"} {
						want, got := exact.Price(thing, code), kept.Price(thing, code)
						if (want == nil) != (got == nil) {
							t.Errorf("%s pays %+v for %s, and is told %+v", name, want, thing, got)
							continue
						}
						if want == nil {
							continue
						}
						if !reflect.DeepEqual(want.Line, got.Line) || want.List != got.List || want.Current != got.Current ||
							!reflect.DeepEqual(want.Quote.NotApplied, got.Quote.NotApplied) || !reflect.DeepEqual(want.Window, got.Window) ||
							(want.Sale == nil) != (got.Sale == nil) || want.Sale != nil && want.Sale.ID != got.Sale.ID {
							t.Errorf("%s pays %+v for %s, and is told %+v", name, want, thing, got)
						}
					}
					if exact.Owned(thing) != kept.Owned(thing) || exact.Tried(thing) != kept.Tried(thing) || !reflect.DeepEqual(exact.LeftOut(thing), kept.LeftOut(thing)) {
						t.Errorf("%s is told something else of %s", name, thing)
					}
				}
			}
		}
	})
}

// What is on a shelf stays there until the catalogue changes, and the shelf is looked at anew when its time is over.
func TestShelf_IsReadAnew(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d, func(c *Config) { c.Delay = time.Second })
		book := s.durable(t, "Book", "1.00 USD")
		shown := func() (money.Amount, int64) {
			t.Helper()
			ctx, count := db.CountReads(t.Context())
			f, err := s.Facts(ctx, uuid.Nil, []uuid.UUID{book.ID}, false)
			if err != nil {
				t.Fatal(err)
			}
			return f.Price(book.ID, "USD").Current, count()
		}
		want := func(what, price string, reads bool) {
			t.Helper()
			if got, read := shown(); got != amount(price) || read > 0 != reads {
				t.Errorf("%s it costs %s, for %d reads", what, got, read)
			}
		}
		want("at first", "1.00", true)
		want("then", "1.00", false)
		s.reprice(t, book, "2.00 USD")
		want("as long as it may be late", "1.00", false)
		s.clock.set(noon.Add(time.Second))
		want("when its time is over", "2.00", true)
		s.clock.set(noon.Add(-time.Hour))
		want("when the clock is set back", "2.00", true)
		exact, err := s.Facts(t.Context(), uuid.Nil, []uuid.UUID{book.ID}, true)
		if err != nil || exact.shelf != nil {
			t.Errorf("a merchandiser is shown a shelf, %v", err)
		}
	})
}
