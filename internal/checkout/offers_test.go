package checkout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// bundle sets up a bundle of products, each once.
func (s *shop) bundle(t testing.TB, kind bundle.Kind, products []*ent.Product, change func(*offers.CreateBundle)) *ent.Bundle {
	t.Helper()
	in := offers.CreateBundle{Common: texts("Bundle"), Kind: kind}
	for _, p := range products {
		in.Components = append(in.Components, offers.Component{ProductID: p.ID, Quantity: 1})
	}
	change(&in)
	made, err := s.offers.CreateBundle(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (s *shop) trial(t testing.TB, p *ent.Product, price string, change func(*offers.CreateTrialOffer)) *ent.TrialOffer {
	t.Helper()
	in := offers.CreateTrialOffer{
		Common: texts("Try " + p.Texts["en"].Name), ProductID: p.ID, Prices: priceList([]string{price}),
		DurationHours: 24, GraceHours: 12,
	}
	if change != nil {
		change(&in)
	}
	made, err := s.offers.CreateTrialOffer(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// one is a basket's item of anything.
func one(id uuid.UUID) Item { return Item{ID: id, Quantity: 1} }

// recorded is what a purchase says of its lines: "Book x1 1.00 -> 0.50: BUNDLE 0.50 of 1".
func recorded(p *ent.Purchase) []string {
	var list []string
	for _, l := range p.Edges.Lines {
		text := fmt.Sprintf("%s x%d %s -> %s", l.Names["en"], l.Quantity, l.Subtotal, l.Total)
		for _, a := range l.Edges.Adjustments {
			text += fmt.Sprintf(": %s %s of %d", a.Kind, a.Amount, a.Units)
		}
		list = append(list, text)
	}
	return list
}

func wantRecorded(t testing.TB, p *ent.Purchase, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, recorded(p)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestBuyABundle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		a, b, c := s.durable(t, "A", "1.00 USD"), s.durable(t, "B", "1.00 USD"), s.durable(t, "C", "2.00 USD")
		pack := s.bundle(t, bundle.KindFIXED, []*ent.Product{a, b, c}, func(in *offers.CreateBundle) {
			in.Prices = priceList([]string{"2.00 USD"})
		})
		ctx := s.rich(t, "sam", "10", "USD")
		s.buy(ctx, t, order("a", "1.00", of(a, 1)))
		_, err := s.Checkout(ctx, order("pack", "2.00", one(pack.ID)))
		quote, ok := the(t, err).Data.(*Quote)
		if !fault.Is(err, fault.PriceChanged) || !ok || quote.Total != amount("1.50") {
			t.Fatalf("got %v, want the price of what is missing", err)
		}
		if l := quote.Lines[0].LeftOut; len(l) != 1 || l[0] != (pricing.LeftOut{Product: a.ID, Reason: pricing.Owned}) {
			t.Errorf("left out %v", l)
		}
		result := s.buy(ctx, t, order("pack", "1.50", one(pack.ID)))
		wantRecorded(t, result.Purchase, "B x1 1 -> 0.5: BUNDLE 0.5 of 1", "C x1 2 -> 1: BUNDLE 1 of 1")
		for _, l := range result.Purchase.Edges.Lines {
			if l.BundleID == nil || *l.BundleID != pack.ID {
				t.Errorf("line %s does not say that it was in the bundle", l.Names["en"])
			}
		}
		_, err = s.Checkout(ctx, order("again", "0", one(pack.ID)))
		wantRefusals(t, err, "ALREADY_OWNED items.0.id")
		if data, ok := the(t, err).Data.(Owned); !ok || data.Bundle == nil || data.Bundle.ID != pack.ID {
			t.Errorf("the refusal says %+v", the(t, err).Data)
		}

		// Years later, when the bundle is gone and everything costs something else, a repeat gets the same.
		s.reprice(t, b, "9.00 USD")
		if _, err := s.offers.ArchiveBundle(merchandiser(t), offers.Archive{ID: pack.ID}); err != nil {
			t.Fatal(err)
		}
		again := s.buy(ctx, t, order("pack", "1.50", one(pack.ID)))
		if !again.Replayed || !slices.Equal(recorded(again.Purchase), recorded(result.Purchase)) {
			t.Errorf("the repeat says %v, %v", again.Replayed, recorded(again.Purchase))
		}
		_, err = s.Checkout(s.rich(t, "kim", "10", "USD"), order("pack", "2.00", one(pack.ID)))
		wantRefusals(t, err, "NOT_FOUND items.0.id")
		prove(t, d)
	})
}

// A bundle that was archived is sold no more by itself, and is in what it was in.
func TestABundleWithinThatIsArchived(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		a, b, c := s.durable(t, "A", "1.00 USD"), s.durable(t, "B", "1.00 USD"), s.durable(t, "C", "2.00 USD")
		inner := s.bundle(t, bundle.KindFIXED, []*ent.Product{a, b}, func(in *offers.CreateBundle) { in.Prices = priceList([]string{"0.50 USD"}) })
		outer := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{c}, func(in *offers.CreateBundle) {
			in.Components = append(in.Components, offers.Component{BundleID: inner.ID, Quantity: 1})
			in.PercentOff = new(offers.Percent(2500))
		})
		ctx := s.rich(t, "sam", "10", "USD")
		_, err := s.Checkout(ctx, order("outer", "0", one(outer.ID)))
		if q, ok := the(t, err).Data.(*Quote); !ok || q.Total != amount("2.00") {
			t.Errorf("with the inner bundle on sale: %v", err)
		}
		if _, err := s.offers.ArchiveBundle(merchandiser(t), offers.Archive{ID: inner.ID}); err != nil {
			t.Fatal(err)
		}
		_, err = s.Checkout(ctx, order("inner", "0.50", one(inner.ID)))
		wantRefusals(t, err, "NOT_AVAILABLE items.0.id")
		s.buy(ctx, t, order("outer", "3.00", one(outer.ID)))
		prove(t, d)
	})
}

// A sale of a bundle counts its units for those who buy it within another one, too.
func TestASaleOfABundleWithin(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		a, b, c := s.durable(t, "A", "1.00 USD"), s.durable(t, "B", "1.00 USD"), s.durable(t, "C", "2.00 USD")
		inner := s.bundle(t, bundle.KindFIXED, []*ent.Product{a, b}, func(in *offers.CreateBundle) { in.Prices = priceList([]string{"1.00 USD"}) })
		outer := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{c}, func(in *offers.CreateBundle) {
			in.Components = append(in.Components, offers.Component{BundleID: inner.ID, Quantity: 1})
			in.PercentOff = new(offers.Percent(1000))
		})
		total := func(who context.Context) money.Amount {
			t.Helper()
			_, err := s.Checkout(who, order("look", "0", one(outer.ID)))
			q, ok := the(t, err).Data.(*Quote)
			if !ok {
				t.Fatalf("the price is told as %v", err)
			}
			return q.Total
		}
		sam, ann := s.rich(t, "sam", "10", "USD"), s.rich(t, "ann", "10", "USD")
		usual := total(sam)
		s.sale(t, a, "0.40 USD", func(in *offers.CreateFlashSale) {
			in.Scope = schema.Scope{Bundles: []uuid.UUID{inner.ID}}
			in.Stock = new(int64(1))
		})
		reduced := total(sam)
		if reduced >= usual {
			t.Fatalf("it costs %v in the sale, and %v without", reduced, usual)
		}
		s.buy(sam, t, order("1", reduced.String(), one(outer.ID)))
		if got := total(ann); got != usual {
			t.Errorf("when the sale is sold out it costs %v, want %v", got, usual)
		}
		prove(t, d)
	})
}

// A till takes its instant and then the board, which another goroutine may have read later: a sale that has ended in between
// is on it still.
func TestABoardThatIsReadLater(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "1.00 USD")
		sale := s.sale(t, hints, "0.25 USD", nil)
		ctx := s.rich(t, "sam", "10", "USD")
		s.clock.set(sale.EndsAt.Add(time.Second))
		if _, err := s.Quote(ctx, QuoteInput{Basket: order("", "0", of(hints, 1)).Basket}); err != nil { // the board is read
			t.Fatal(err)
		}
		s.clock.set(sale.EndsAt.Add(-time.Microsecond))
		s.buy(ctx, t, order("in time", "0.25", of(hints, 1)))
		s.clock.set(*sale.EndsAt)
		s.buy(ctx, t, order("too late", "1.00", of(hints, 1)))
		prove(t, d)
	})
}

func TestOneOfEverything(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		a, b := s.durable(t, "A", "1.00 USD"), s.durable(t, "B", "1.00 USD")
		hints := s.consumable(t, "Hints", 10, "0.50 USD")
		pack := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{a, b, hints}, func(in *offers.CreateBundle) {
			in.PercentOff, in.Components[2].Quantity = new(offers.Percent(2000)), 2
		})
		choice := s.bundle(t, bundle.KindCHOOSE, []*ent.Product{s.durable(t, "C", "1.00 USD"), s.durable(t, "D", "1.00 USD"), s.durable(t, "E", "3.00 USD")},
			func(in *offers.CreateBundle) { in.Choose, in.Prices = new(2), priceList([]string{"1.50 USD"}) })
		s.sale(t, b, "0.30 USD", nil)
		_, err := s.offers.CreateTierPlan(merchandiser(t), offers.CreateTierPlan{
			Common: texts("By the dozen"), ProductID: hints.ID, Mode: "VOLUME",
			Tiers: []offers.Tier{{From: 1, UpTo: new(int64(9)), Prices: priceList([]string{"0.50 USD"})}, {From: 10, Prices: priceList([]string{"0.40 USD"})}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := s.rich(t, "sam", "20", "USD")
		chosen := Item{ID: choice.ID, Quantity: 1, Choices: []uuid.UUID{choice.Edges.Components[2].ID, *choice.Edges.Components[0].ProductID}}
		_, err = s.Checkout(ctx, order("wrong", "1.50", chosen))
		wantRefusals(t, err, "INVALID_INPUT items.0.choices")
		chosen.Choices[0] = *choice.Edges.Components[2].ProductID
		result := s.buy(ctx, t, order("all", "7.40", one(pack.ID), of(a, 1), of(hints, 10), chosen))
		wantRecorded(t, result.Purchase,
			"B x1 1 -> 0.3: FLASH_SALE 0.7 of 1", "Hints x2 1 -> 0.8: BUNDLE 0.2 of 2", "A x1 1 -> 0.8: BUNDLE 0.2 of 1",
			"Hints x10 5 -> 4: TIER 1 of 10", "C x1 1 -> 0.38: BUNDLE 0.62 of 1", "E x1 3 -> 1.12: BUNDLE 1.88 of 1")
		for _, e := range result.Purchase.Edges.Entitlements {
			if e.ProductID == hints.ID && (e.Units != 120 || e.Remaining != 120) {
				t.Errorf("%d hints were given, want 120", e.Units)
			}
		}
		prove(t, d)
	})
}

func TestTryAndBuy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		total string
	}{
		"within":             {23 * time.Hour, "0.80"},
		"in_the_grace":       {30 * time.Hour, "0.80"},
		"at_its_last_moment": {36*time.Hour - time.Microsecond, "0.80"},
		"at_its_end":         {36 * time.Hour, "1.00"},
		"long_after":         {1000 * time.Hour, "1.00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				s := open(t, d)
				book := s.durable(t, "Book", "1.00 USD")
				offer := s.trial(t, book, "0.20 USD", func(in *offers.CreateTrialOffer) { in.Uses = new(int64(3)) })
				ctx := s.rich(t, "sam", "10", "USD")
				begun := s.buy(ctx, t, order("try", "0.20", one(offer.ID))).Purchase
				if e := begun.Edges.Entitlements[0]; e.Kind != "TRIAL" || e.Units != 3 || !e.ExpiresAt.Equal(noon.Add(24*time.Hour)) {
					t.Errorf("the trial gave %+v", e)
				}
				_, err := s.Checkout(ctx, order("both", "1.20", of(book, 1), one(offer.ID)))
				wantRefusals(t, err, "INVALID_INPUT items.1.id")
				s.clock.set(noon.Add(c.after))
				_, err = s.Checkout(ctx, order("try again", "0.20", one(offer.ID)))
				wantRefusals(t, err, "TRIAL_USED items.0.id")
				bought := s.buy(ctx, t, order("buy", c.total, of(book, 1))).Purchase
				if !bought.Edges.Entitlements[0].GrantedAt.Equal(s.clock.get()) {
					t.Error("there is a gap between the trial and what was bought")
				}
				_, err = s.Checkout(ctx, order("and again", "0.20", one(offer.ID)))
				wantRefusals(t, err, "ALREADY_OWNED items.0.id")
				prove(t, d)
			})
		})
	}
}

func TestSalesThatAreGone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "1.00 USD")
		sale := s.sale(t, hints, "0.25 USD", func(in *offers.CreateFlashSale) {
			in.Stock, in.PerShopper = new(int64(5)), new(int64(3))
			in.StartsAt, in.EndsAt = new(noon.Add(-time.Hour)), new(noon.Add(14*24*time.Hour))
			in.Recurrence = &schema.Recurrence{
				TimeZone: "Europe/Berlin", Weekdays: []time.Weekday{time.Thursday, time.Friday}, From: "12:00", Until: "14:00",
			}
		})
		sam, kim := s.rich(t, "sam", "20", "USD"), s.rich(t, "kim", "20", "USD")
		s.buy(sam, t, order("1", "0.50", of(hints, 2)))

		_, err := s.Checkout(sam, order("2", "0.50", of(hints, 2)))
		wantRefusals(t, err, "LIMIT_REACHED expectedTotal")
		tomorrow := time.Date(2026, 12, 25, 11, 0, 0, 0, time.UTC)
		if data, ok := the(t, err).Data.(LimitReached); !ok || data.Limit != 3 || data.Used != 2 || !data.ResetsAt.Equal(tomorrow) || data.Quote.Total != amount("1.25") {
			t.Errorf("the refusal says %+v", the(t, err).Data)
		}
		s.buy(sam, t, order("2", "1.25", of(hints, 2))) // one at the sale's price, one at the list price
		_, err = s.Checkout(kim, order("1", "0.75", of(hints, 3)))
		wantRefusals(t, err, "SOLD_OUT expectedTotal")
		if data, ok := the(t, err).Data.(SoldOut); !ok || data.Remaining != 2 || data.Sale.ID != sale.ID || data.Quote.Total != amount("1.50") {
			t.Errorf("the refusal says %+v", the(t, err).Data)
		}
		s.buy(kim, t, order("1", "0.50", of(hints, 2)))
		_, err = s.Checkout(kim, order("2", "0.25", of(hints, 1)))
		wantRefusals(t, err, "SOLD_OUT expectedTotal")
		_, err = s.Checkout(kim, order("2", "0.33", of(hints, 1)))
		wantRefusals(t, err, "PRICE_CHANGED expectedTotal")

		s.clock.set(tomorrow.Add(-time.Microsecond))
		_, err = s.Checkout(kim, order("2", "0.25", of(hints, 1)))
		wantRefusals(t, err, "PRICE_CHANGED expectedTotal")
		s.clock.set(tomorrow) // and caps count anew
		s.buy(sam, t, order("3", "0.75", of(hints, 3)))
		s.buy(kim, t, order("2", "0.50", of(hints, 2)))
		s.clock.set(tomorrow.Add(2 * time.Hour))
		_, err = s.Checkout(kim, order("3", "0.25", of(hints, 1)))
		wantRefusals(t, err, "PRICE_CHANGED expectedTotal")
		prove(t, d)
	})
}

func TestCouponCodes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, other := s.durable(t, "Book", "1.00 USD"), s.durable(t, "Other", "1.00 USD")
		made, err := s.offers.CreateCoupon(merchandiser(t), offers.CreateCoupon{
			Common: texts("Spring"), Code: "Spring-26", Kind: "AMOUNT", Amounts: priceList([]string{"0.30 USD"}),
			Scope: schema.Scope{Products: []uuid.UUID{book.ID}}, StartsAt: new(noon), EndsAt: new(noon.Add(time.Hour)), PerShopper: new(int64(1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := s.rich(t, "sam", "10", "USD")
		result := s.buy(ctx, t, withCoupon(order("1", "1.70", of(book, 1), of(other, 1)), " spring-26"))
		wantRecorded(t, result.Purchase, "Book x1 1 -> 0.7: COUPON 0.3 of 1", "Other x1 1 -> 1")
		again := s.buy(ctx, t, withCoupon(order("1", "1.70", of(book, 1), of(other, 1)), "SPRING-26"))
		if !again.Replayed {
			t.Error("the repeat is no repeat")
		}
		third := s.durable(t, "Third", "1.00 USD")
		unknown := func(ctx context.Context, code string) error {
			_, err := s.Checkout(ctx, withCoupon(order("2", "1.00", of(third, 1)), code))
			return err
		}
		used, wrong := unknown(ctx, "SPRING-26"), unknown(ctx, "SPRING-27")
		s.clock.set(noon.Add(time.Hour))
		expired := unknown(s.rich(t, "kim", "10", "USD"), "SPRING-26")
		if _, err := s.offers.ArchiveCoupon(merchandiser(t), offers.Archive{ID: made.ID}); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"used up": used, "unknown": wrong, "expired": expired, "archived": unknown(ctx, "SPRING-26")} {
			wantRefusals(t, err, "COUPON_NOT_VALID couponCode")
			if the(t, err).Error() != the(t, wrong).Error() {
				t.Errorf("a code that is %s is told apart: %v", name, err)
			}
		}
		prove(t, d)
	})
}

// What a quote says is what a checkout does: the same total, the same lines, or the same refusals.
func TestQuoteEqualsCheckout(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		random := rand.New(rand.NewPCG(20261122, 3))
		var things []Item
		var books []*ent.Product
		for i := range 6 {
			books = append(books, s.durable(t, fmt.Sprint("Book ", i), fmt.Sprintf("%d.%d9 USD", i, i)))
			things = append(things, of(books[i], 1))
		}
		hints := s.consumable(t, "Hints", 5, "0.33 USD")
		things = append(things, of(hints, 1), of(hints, 7))
		fixed := s.bundle(t, bundle.KindFIXED, books[:4], func(in *offers.CreateBundle) { in.Prices = priceList([]string{"3.33 USD"}) })
		percent := s.bundle(t, bundle.KindPERCENTAGE, append(books[2:6:6], hints), func(in *offers.CreateBundle) { in.PercentOff = new(offers.Percent(3333)) })
		choose := s.bundle(t, bundle.KindCHOOSE, books, func(in *offers.CreateBundle) {
			in.Choose, in.PercentOff = new(2), new(offers.Percent(5000))
		})
		trial := s.trial(t, books[5], "0.77 USD", nil)
		s.sale(t, books[1], "0.19 USD", func(in *offers.CreateFlashSale) { in.Stock = new(int64(4)) })
		s.sale(t, hints, "0.11 USD", func(in *offers.CreateFlashSale) { in.Stock, in.PerShopper = new(int64(20)), new(int64(5)) })
		s.sale(t, hints, "0.20 USD", func(in *offers.CreateFlashSale) { in.Scope = schema.Scope{Bundles: []uuid.UUID{fixed.ID}} })
		if _, err := s.offers.CreateCoupon(merchandiser(t), offers.CreateCoupon{
			Common: texts("Coupon"), Code: "SOMETHING", Kind: "AMOUNT", Amounts: priceList([]string{"1.23 USD"}), StartsAt: new(noon),
			Combines: true, Stock: new(int64(10)),
		}); err != nil {
			t.Fatal(err)
		}
		things = append(things, one(fixed.ID), one(percent.ID), one(trial.ID),
			Item{ID: choose.ID, Quantity: 1, Choices: []uuid.UUID{books[0].ID, books[5].ID}},
			Item{ID: choose.ID, Quantity: 1, Choices: []uuid.UUID{books[1].ID, books[2].ID}})
		bought, refused := 0, 0
		shoppers := s.crowd(t, 12, "500")
		for n := range 120 {
			ctx := shoppers[random.IntN(len(shoppers))]
			in := order(fmt.Sprint(n), "0")
			for range 1 + random.IntN(4) {
				in.Basket.Items = append(in.Basket.Items, things[random.IntN(len(things))])
			}
			if random.IntN(4) == 0 {
				in.Basket.CouponCode = "something"
			}
			quote, err := s.Quote(ctx, QuoteInput{Basket: in.Basket})
			if err != nil {
				t.Fatal(err)
			}
			in.ExpectedTotal = quote.Total
			result, err := s.Checkout(ctx, in)
			if len(quote.Refusals) > 0 {
				refused++
				if strings.Join(refusals(err), ",") != strings.Join(refusals(quote.Refusals), ",") {
					t.Errorf("the quote would refuse %v, the checkout says %v", quote.Refusals, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("quoted %s, refused with %v", quote.Total, err)
				continue
			}
			bought++
			var parts []string
			for _, l := range quote.Lines {
				for _, p := range l.Parts {
					parts = append(parts, fmt.Sprint(p.Product, p.Quantity, p.Subtotal, p.Total, len(p.Adjustments)))
				}
			}
			for i, l := range result.Purchase.Edges.Lines {
				if got := fmt.Sprint(l.ProductID, l.Quantity, l.Subtotal, l.Total, len(l.Edges.Adjustments)); i >= len(parts) || parts[i] != got {
					t.Errorf("line %d is %s, quoted %v", i, got, parts)
				}
			}
		}
		if bought < 30 || refused < 10 {
			t.Errorf("%d bought and %d refused say little", bought, refused)
		}
		prove(t, d)
	})
}

// Merchandisers see what somebody will pay at a moment to come.
func TestQuoteAtAndAs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book := s.durable(t, "Book", "1.00 USD")
		s.sale(t, book, "0.40 USD", func(in *offers.CreateFlashSale) {
			in.StartsAt, in.EndsAt = new(noon.Add(time.Hour)), new(noon.Add(2*time.Hour))
		})
		sam := s.rich(t, "sam", "10", "USD")
		ask := func(at time.Time, as uuid.UUID) *Quote {
			q, err := s.Quote(merchandiser(t), QuoteInput{Basket: order("", "0", of(book, 1)).Basket, At: &at, As: as})
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		for offset, want := range map[time.Duration]string{0: "1.00", time.Hour: "0.40", 2*time.Hour - 1: "0.40", 2 * time.Hour: "1.00"} {
			if q := ask(noon.Add(offset), uuid.Nil); q.Total != amount(want) || !q.At.Equal(noon.Add(offset)) {
				t.Errorf("in %s it costs %s, want %s", offset, q.Total, want)
			}
		}
		s.buy(sam, t, order("1", "1.00", of(book, 1)))
		q := ask(noon.Add(time.Hour), shopperOf(sam))
		if len(q.Refusals) != 1 || q.Refusals[0].Code != fault.AlreadyOwned || q.Balance != nil {
			t.Errorf("for the owner: %v, balance %v", q.Refusals, q.Balance)
		}
		_, err := s.Quote(merchandiser(t), QuoteInput{Basket: order("", "0", of(book, 1)).Basket, At: new(noon.Add(-time.Second)), As: uuid.New()})
		wantRefusals(t, err, "INVALID_INPUT at")
		_, err = s.Quote(merchandiser(t), QuoteInput{Basket: order("", "0", of(book, 1)).Basket, As: uuid.New()})
		wantRefusals(t, err, "NOT_FOUND as")
	})
}

// The catalogue's price, the quote of one and the checkout agree, and a page costs the same whatever its length.
func TestFacts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, other := s.durable(t, "Book", "1.00 USD"), s.durable(t, "Other", "1.00 USD")
		pack := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{book, other}, func(in *offers.CreateBundle) { in.PercentOff = new(offers.Percent(1000)) })
		sale := s.sale(t, book, "0.40 USD", nil)
		sam := s.rich(t, "sam", "10", "USD")
		s.buy(sam, t, order("1", "1.00", of(other, 1)))
		f, err := s.Facts(sam, shopperOf(sam), []uuid.UUID{book.ID, other.ID, pack.ID}, false)
		if err != nil {
			t.Fatal(err)
		}
		p := f.Price(book.ID, "USD")
		if p == nil || p.List != amount("1.00") || p.Current != amount("0.40") || p.Sale == nil || p.Sale.ID != sale.ID || !p.Window.End.Equal(noon.Add(24*time.Hour)) {
			t.Errorf("the book costs %+v", p)
		}
		if p := f.Price(pack.ID, "USD"); p == nil || p.List != amount("1.00") || p.Current != amount("0.40") || len(f.LeftOut(pack.ID)) != 1 {
			t.Errorf("the bundle costs %+v, left out %v", p, f.LeftOut(pack.ID))
		}
		if f.Price(book.ID, "EUR") != nil || f.Price(book.ID, "XXX") != nil || f.Price(uuid.New(), "USD") != nil {
			t.Error("there is a price where nothing is sold")
		}
		if !f.Owned(other.ID) || f.Owned(book.ID) || f.Owned(pack.ID) {
			t.Error("what is owned is wrong")
		}
		s.buy(sam, t, order("2", "0.40", one(pack.ID)))
		if f, err = s.Facts(sam, shopperOf(sam), []uuid.UUID{pack.ID}, false); err != nil {
			t.Fatal(err)
		}
		if p := f.Price(pack.ID, "USD"); !f.Owned(pack.ID) || p == nil || p.Current != amount("1.30") {
			t.Errorf("an owner sees %+v", p)
		}
	})
}
