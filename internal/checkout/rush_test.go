package checkout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// texts is a name for an offer.
func texts(name string) offers.Common {
	return offers.Common{Texts: []catalog.Text{{Language: "en", Name: name}}, Status: offers.StatusActive}
}

// sale plans a flash sale of a product at a price, from noon on for a day.
func (s *shop) sale(t testing.TB, p *ent.Product, price string, change func(*offers.CreateFlashSale)) *ent.FlashSale {
	t.Helper()
	in := offers.CreateFlashSale{
		Common: texts("Sale of " + p.Texts["en"].Name), Kind: flashsale.KindFIXED, Prices: priceList([]string{price}),
		Scope: schema.Scope{Products: []uuid.UUID{p.ID}}, StartsAt: new(noon), EndsAt: new(noon.Add(24 * time.Hour)),
	}
	if change != nil {
		change(&in)
	}
	made, err := s.offers.CreateFlashSale(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// crowd are so many shoppers with so much money, made by several at once.
func (s *shop) crowd(t testing.TB, n int, funds string) []context.Context {
	t.Helper()
	list := make([]context.Context, n)
	next := make(chan int)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for i := range next {
				list[i] = s.rich(t, fmt.Sprint("shopper ", i), funds, "USD") //nolint:fatcontext // One for each, none within another.
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	done.Wait()
	return list
}

// sold are the units that purchases took of a sale, and the prices that lines of a product were sold at, with their counts.
func sold(t *testing.T, d *db.DB, sale *ent.FlashSale) (units int64, prices map[string]int) {
	t.Helper()
	totals, err := offers.Sold(t.Context(), d.Client(), []uuid.UUID{sale.ID})
	if err != nil {
		t.Fatal(err)
	}
	prices = map[string]int{}
	for _, total := range rows(t, d, "SELECT total FROM purchase_lines") {
		prices[total]++
	}
	return totals[sale.ID], prices
}

func TestRushOnAStock(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s, buyers := shops[0], 300
		if len(shops) == 2 && dbtest.URL(t, d) != "" && isPostgres(d) {
			buyers = 2_000
		}
		book := s.durable(t, "Book", "1.00 USD")
		sale := s.sale(t, book, "0.25 USD", func(in *offers.CreateFlashSale) { in.Stock = new(int64(100)) })
		crowd := s.crowd(t, buyers, "2")
		o := atOnce(t.Context(), shops, buyers, func(i int) (context.Context, Input) {
			return crowd[i], order("the key", "0.25", of(book, 1))
		})
		o.want(t, 100, 0, buyers-100, "SOLD_OUT expectedTotal")
		if units, prices := sold(t, d, sale); units != 100 || len(prices) != 1 || prices["250000"] != 100 {
			t.Errorf("%d units sold at %v", units, prices)
		}
		// At its list price it is sold all the same, to whoever says so.
		for i, ctx := range crowd {
			if _, err := s.Checkout(ctx, order("the list price", "1.00", of(book, 1))); fault.Is(err, fault.AlreadyOwned) {
				continue
			} else if err != nil {
				t.Errorf("shopper %d: %v", i, err)
			}
			break
		}
	})
}

func isPostgres(d *db.DB) bool { return d.Dialect() == "postgres" }

func TestRushWhileTheStockIsChanged(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		book := s.durable(t, "Book", "1.00 USD")
		sale := s.sale(t, book, "0.25 USD", func(in *offers.CreateFlashSale) { in.Stock = new(int64(40)) })
		crowd := s.crowd(t, 400, "2")
		var done sync.WaitGroup
		done.Go(func() {
			for _, stock := range []int64{60, 90, 100} {
				_, err := shops[len(shops)-1].offers.UpdateFlashSale(merchandiser(t), offers.UpdateFlashSale{
					CommonChange: offers.CommonChange{ID: sale.ID}, Stock: catalog.To(&stock),
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
		first := atOnce(t.Context(), shops, 200, func(i int) (context.Context, Input) {
			return crowd[i], order("the key", "0.25", of(book, 1))
		})
		done.Wait()
		second := atOnce(t.Context(), shops, 200, func(i int) (context.Context, Input) {
			return crowd[200+i], order("the key", "0.25", of(book, 1))
		})
		if n := len(first.bought) + len(second.bought); n != 100 || first.refused["SOLD_OUT expectedTotal"]+second.refused["SOLD_OUT expectedTotal"] != 300 {
			t.Errorf("%d bought; refused %v and %v", n, first.refused, second.refused)
		}
		// A stock below what was sold ends the sale: the price is the list price, whatever is expected.
		_, err := s.offers.UpdateFlashSale(merchandiser(t), offers.UpdateFlashSale{
			CommonChange: offers.CommonChange{ID: sale.ID}, Stock: catalog.To(new(int64(10))),
		})
		if err != nil {
			t.Fatal(err)
		}
		if units, _ := sold(t, d, sale); units != 100 {
			t.Errorf("%d units are counted after the stock was lowered, want 100", units)
		}
	})
}

func TestRushOnACap(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		hints := s.consumable(t, "Hints", 10, "1.00 USD")
		sale := s.sale(t, hints, "0.25 USD", func(in *offers.CreateFlashSale) {
			in.Stock, in.PerShopper = new(int64(50)), new(int64(3))
		})
		crowd := s.crowd(t, 20, "50")
		o := atOnce(t.Context(), shops, 400, func(i int) (context.Context, Input) {
			return crowd[i%len(crowd)], order(fmt.Sprint(i), "0.25", of(hints, 1))
		})
		if len(o.bought) != 50 || o.refused["SOLD_OUT expectedTotal"]+o.refused["LIMIT_REACHED expectedTotal"] != 350 {
			t.Errorf("%d bought; refused %v", len(o.bought), o.refused)
		}
		for _, taken := range rows(t, d, "SELECT taken FROM offer_uses") {
			if taken != "1" && taken != "2" && taken != "3" {
				t.Errorf("a shopper took %s units of 3", taken)
			}
		}
		if units, _ := sold(t, d, sale); units != 50 {
			t.Errorf("%d units sold, want 50", units)
		}
	})
}

func TestTrialStartsAtOnce(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		book := s.durable(t, "Book", "1.00 USD")
		trial, err := s.offers.CreateTrialOffer(merchandiser(t), offers.CreateTrialOffer{
			Common: texts("Try it"), ProductID: book.ID, Prices: priceList([]string{"0.10 USD"}), DurationHours: 24, GraceHours: 24,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := s.rich(t, "sam", "10", "USD")
		o := atOnce(ctx, shops, 50, func(i int) (context.Context, Input) {
			return ctx, order(fmt.Sprint(i), "0.10", Item{ID: trial.ID, Quantity: 1})
		})
		o.want(t, 1, 0, 49, "TRIAL_USED items.0.id")

		// And fifty times at once the product itself: one purchase, with the credit.
		o = atOnce(ctx, shops, 50, func(i int) (context.Context, Input) { return ctx, order(fmt.Sprint("buy ", i), "0.90", of(book, 1)) })
		o.want(t, 1, 0, 49, "ALREADY_OWNED items.0.id")
		if got := rows(t, d, "SELECT kind, status FROM entitlements ORDER BY id"); len(got) != 2 || got[0] != "TRIALCONVERTED" || got[1] != "DURABLEACTIVE" {
			t.Errorf("entitlements %v", got)
		}
	})
}

func TestCouponRedeemedAtOnce(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, _ *db.DB, shops []*shop) {
		s := shops[0]
		book := s.durable(t, "Book", "1.00 USD")
		_, err := s.offers.CreateCoupon(merchandiser(t), offers.CreateCoupon{
			Common: texts("Welcome"), Code: "WELCOME-26", Kind: "PERCENTAGE", PercentOff: new(offers.Percent(5000)),
			StartsAt: new(noon), Stock: new(int64(7)), PerShopper: new(int64(1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		crowd := s.crowd(t, 60, "2")
		o := atOnce(t.Context(), shops, len(crowd), func(i int) (context.Context, Input) {
			return crowd[i], withCoupon(order("the key", "0.50", of(book, 1)), "welcome-26")
		})
		o.want(t, 7, 0, 53, "COUPON_NOT_VALID couponCode")
	})
}

// A sale is changed, ended and begun again while everybody buys, and the clock goes on. Every purchase must bear the
// price that was right at its own recorded instant, whatever was decided around it.
func TestEveryPriceIsRightForItsInstant(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		for _, other := range shops[1:] {
			other.clock = s.clock
		}
		hints := s.consumable(t, "Hints", 1, "1.00 USD")
		sale := s.sale(t, hints, "0.50 USD", func(in *offers.CreateFlashSale) { in.EndsAt = new(noon.Add(time.Hour)) })
		var tick sync.Mutex
		now := noon
		later := func() time.Time { // every look at the clock is a microsecond later
			tick.Lock()
			defer tick.Unlock()
			now = now.Add(time.Microsecond)
			return now
		}
		shops2 := make([]*shop, len(shops))
		for i := range shops {
			shops2[i] = openAt(t, d, i, later)
		}
		crowd := s.crowd(t, 24, "100")

		var changing sync.WaitGroup
		stop := make(chan struct{})
		prices := []string{"0.10 USD", "0.20 USD", "0.30 USD", "0.40 USD"}
		changing.Go(func() {
			for i, stopped := 0, false; i < 6 || !stopped; i++ {
				select {
				case <-stop:
					stopped = true
				default:
				}
				at := shops2[i%len(shops2)]
				_, err := at.offers.UpdateFlashSale(merchandiser(t), offers.UpdateFlashSale{
					CommonChange: offers.CommonChange{ID: sale.ID}, Prices: catalog.To(priceList(prices[i%len(prices):][:1])),
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		var buying sync.WaitGroup
		for i, ctx := range crowd {
			buying.Go(func() {
				at := shops2[i%len(shops2)]
				for n := range 25 {
					expected := "0." + []string{"10", "20", "30", "40", "50"}[rand.IntN(5)]
					_, err := at.Checkout(ctx, order(fmt.Sprint(n), expected, of(hints, 1)))
					if err != nil && !fault.Is(err, fault.PriceChanged) {
						t.Error(err)
					}
				}
			})
		}
		buying.Wait()
		close(stop)
		changing.Wait()
		if _, err := shops2[0].offers.EndFlashSale(merchandiser(t), offers.Archive{ID: sale.ID}); err != nil {
			t.Fatal(err)
		}

		// What each purchase cost, and what the sale's recorded terms say for its instant.
		changes, err := d.Client().SaleChange.Query().Order(ent.Asc("created_at")).All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		purchases, err := d.Client().Purchase.Query().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(purchases) < 20 || len(changes) < 5 {
			t.Fatalf("%d purchases and %d changes say nothing", len(purchases), len(changes))
		}
		for _, p := range purchases {
			want := amount("1.00")
			for _, c := range changes {
				if !c.CreatedAt.After(p.CreatedAt) {
					want = c.Prices["USD"]
				}
			}
			if p.Total != want {
				t.Errorf("a purchase of %s cost %s; the price was %s", p.CreatedAt, p.Total, want)
			}
		}
	})
}

// openAt makes a shop by another clock on a database: the first on its own handle, others on handles of their own.
func openAt(t *testing.T, d *db.DB, n int, now func() time.Time) *shop {
	t.Helper()
	if n > 0 {
		d = dbtest.Open(t, dbtest.URL(t, d))
	}
	s := &shop{offers: offers.New(d, currencies(t, "USD,EUR,KRW,KWD,GEM:0"), now)}
	s.Service = open(t, d, func(c *Config) { c.Clock, c.Offers = now, s.offers }).Service
	return s
}

// A purchase and the end of its sale at the same moment: either the sale's price and an earlier instant, or neither.
func TestSaleEndsInMidFlight(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		hints := s.consumable(t, "Hints", 1, "1.00 USD")
		crowd := s.crowd(t, 40, "100")
		for range 5 {
			sale := s.sale(t, hints, "0.25 USD", nil)
			var ended sync.WaitGroup
			ended.Go(func() {
				if _, err := shops[len(shops)-1].offers.EndFlashSale(actor.With(t.Context(), actor.From(merchandiser(t))), offers.Archive{ID: sale.ID}); err != nil {
					t.Error(err)
				}
			})
			o := atOnce(t.Context(), shops, len(crowd), func(i int) (context.Context, Input) {
				return crowd[i], order(sale.ID.String(), "0.25", of(hints, 1))
			})
			ended.Wait()
			if n := o.refused["PRICE_CHANGED expectedTotal"]; len(o.bought)+n != len(crowd) {
				t.Errorf("%d bought, refused %v", len(o.bought), o.refused)
			}
			if units, _ := sold(t, d, sale); units != int64(len(o.bought)) {
				t.Errorf("%d units are counted of %d bought", units, len(o.bought))
			}
		}
	})
}
