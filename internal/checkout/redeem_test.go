package checkout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// TestRedeem takes points off a basket, which are shared out over its lines as every discount is, and are spent.
func TestRedeem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, append(rules("USD=100"), discount("USD=0.01", 10_000, "0")))
		b := open(t, d).bench(t, "sam")
		b.give(b.ctx, t, "1.00", "USD", wallet.Promotional)
		b.buys("2.00", of(b.durable(t, "First", "2.00 USD"), 1)) // of which 1.00 is really paid: 100 points
		b.wantPoints("100")
		book, hints, free := b.durable(t, "Book", "3.00 USD"), b.consumable(t, "Hints", 10, "0.50 USD"), b.durable(t, "Free", "0 USD")

		in := withPoints(order("key", "4.10", of(book, 1), of(hints, 4), of(free, 1)), "90")
		result := b.buy(b.ctx, t, in)
		wantRecorded(t, result.Purchase, "Book x1 3 -> 2.46: POINTS 0.54 of 1", "Hints x4 2 -> 1.64: POINTS 0.36 of 4", "Free x1 0 -> 0")
		if a := result.Purchase.Edges.Lines[0].Edges.Adjustments[0]; a.SourceID != b.rule("discount") || a.Names["en"] != "discount" {
			t.Errorf("the adjustment says %+v", a)
		}
		// Points are earned on what is left, and of the points that were there 10 are.
		e := result.Earned
		if result.Purchase.Points != amount("410") || e.SpentPoints != amount("90") || result.Points != amount("420") || len(e.Result.Took) != 1 {
			t.Errorf("it earned %s points, spent %s, and there are %s; %+v", result.Purchase.Points, e.SpentPoints, result.Points, e.Result)
		}
		again := b.buy(b.ctx, t, in)
		if !again.Replayed || asJSON(t, again.Purchase) != asJSON(t, result.Purchase) || again.Points != amount("420") || again.Earned.ID != e.ID {
			t.Errorf("the repeat is %+v", again)
		}
		_, err := b.Checkout(b.ctx, withPoints(in, "91"))
		wantRefusals(t, err, "IDEMPOTENCY_KEY_REUSED idempotencyKey")
		_, err = b.Checkout(b.ctx, withPoints(in, "0"))
		wantRefusals(t, err, "IDEMPOTENCY_KEY_REUSED idempotencyKey")

		// What points pay for altogether is free, earns nothing, and counts.
		all := b.buy(b.ctx, t, withPoints(order("all", "0", of(b.durable(t, "Other", "1.00 USD"), 1)), "100"))
		if p := all.Purchase; p.Total != 0 || p.Points != 0 || p.Ordinal != 3 || all.Points != amount("320") {
			t.Errorf("what points paid for is %+v, %s points are left", p, all.Points)
		}
		if n := len(rows(t, d, "SELECT id FROM transfers WHERE kind = 'PURCHASE'")); n != 2 {
			t.Errorf("%d purchases were paid for with money", n)
		}
		prove(t, d)
	})
}

// rule is the id of a rule by its code.
func (s *shop) rule(code string) uuid.UUID {
	for _, row := range s.db.Client().RewardRule.Query().AllX(context.Background()) {
		if row.Code == code {
			return row.ID
		}
	}
	return uuid.Nil
}

// TestRedeemIsRefused tries one by one what points are not taken for; nothing is left of any of them.
func TestRedeemIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, append(rules("USD=100"), discount("USD=0.01,KRW=0.4", 5_000, "2")))
		b := open(t, d).bench(t, "sam")
		b.topUp(b.ctx, t, "5000", "KRW")
		b.topUp(b.ctx, t, "5", "EUR")
		hints := b.consumable(t, "Hints", 10, "1.00 USD", "1.00 EUR", "1000 KRW", "50 POINTS")
		b.buys("1.00", of(hints, 1)) // 100 points
		for name, c := range map[string]struct {
			in   Input
			want []string
		}{
			"parts_of_a_point":                {withPoints(order("key", "1.00", of(hints, 1)), "10.5"), []string{"INVALID_INPUT redeemPoints"}},
			"fewer_than_none":                 {withPoints(order("key", "1.00", of(hints, 1)), "-10"), []string{"INVALID_INPUT redeemPoints"}},
			"for_what_costs_points":           {withPoints(order("key", "50", of(hints, 1)).in(money.PointsCode), "10"), []string{"INVALID_INPUT redeemPoints"}},
			"fewer_than_the_least":            {withPoints(order("key", "0.99", of(hints, 1)), "1"), []string{"INVALID_INPUT redeemPoints"}},
			"so_few_that_they_take_off_none":  {withPoints(order("key", "1000", of(hints, 1)).in("KRW"), "2"), []string{"INVALID_INPUT redeemPoints"}},
			"more_than_their_part":            {withPoints(order("key", "0.49", of(hints, 1)), "51"), []string{"INVALID_INPUT redeemPoints"}},
			"in_a_currency_they_are_not_for":  {withPoints(order("key", "0.50", of(hints, 1)).in("EUR"), "50"), []string{"NOT_AVAILABLE redeemPoints"}},
			"more_than_there_are":             {withPoints(order("key", "1.99", of(hints, 3)), "101"), []string{"INSUFFICIENT_FUNDS redeemPoints"}},
			"at_the_total_without_them":       {withPoints(order("key", "1.00", of(hints, 1)), "50"), []string{"PRICE_CHANGED expectedTotal"}},
			"for_more_than_there_is_money":    {withPoints(order("key", "19.50", of(hints, 20)), "50"), []string{"INSUFFICIENT_FUNDS"}},
			"as_a_price_of_which_there_is_no": {order("key", "150", of(hints, 3)).in(money.PointsCode), []string{"INSUFFICIENT_FUNDS"}},
		} {
			t.Run(name, func(t *testing.T) {
				before := contents(t, d)
				_, err := b.Checkout(b.ctx, c.in)
				wantRefusals(t, err, c.want...)
				if short, ok := the(t, err).Data.(wallet.Shortage); ok && short.Currency == money.PointsCode && short.Balance != amount("100") {
					t.Errorf("the refusal says %+v", short)
				}
				if diff := cmp.Diff(before, contents(t, d)); diff != "" {
					t.Errorf("a refusal wrote (-before +after):\n%s", diff)
				}
			})
		}
		t.Run("the_refused_key_buys", func(t *testing.T) {
			b.buy(b.ctx, t, withPoints(order("key", "0.50", of(hints, 1)), "50"))
		})
		prove(t, d)
	})
}

// A shop without a rule for it, or with one that is not in force, takes nothing off for points.
func TestRedeemWithoutARule(t *testing.T) {
	t.Parallel()
	later := earning.NewRule(discount("USD=0.01", 10_000, "0").ID, earning.Discount, 1, 0, schema.RewardContent{
		Code: "later", Status: earning.Active, Language: "en", Texts: map[string]schema.Text{"en": {Name: "Later"}},
		StartsAt: new(noon.Add(time.Hour)), EndsAt: new(noon.Add(2 * time.Hour)), Terms: discount("USD=0.01", 10_000, "0").Terms,
	})
	for name, all := range map[string][]*earning.Rule{"none": rules("USD=100"), "later": append(rules("USD=100"), later)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				setRules(t, d, all)
				b := open(t, d).bench(t, "sam")
				hints := b.hints("1.00")
				b.buys("1.00", of(hints, 1))
				in := withPoints(order("key", "0.90", of(hints, 1)), "10")
				refused := func() {
					t.Helper()
					_, err := b.Checkout(b.ctx, in)
					wantRefusals(t, err, "NOT_AVAILABLE redeemPoints")
					q, err := b.Quote(b.ctx, QuoteInput{Basket: in.Basket})
					if err != nil || q.Redeemable != 0 {
						t.Errorf("%s points could be redeemed, %v", q.Redeemable, err)
					}
					wantRefusals(t, q.Refusals.Err(), "NOT_AVAILABLE redeemPoints")
				}
				refused()
				if name == "none" {
					return
				}
				b.clock.set(noon.Add(time.Hour))
				b.buy(b.ctx, t, in)
				b.clock.set(noon.Add(2 * time.Hour))
				in.IdempotencyKey = "too late"
				refused()
				prove(t, d)
			})
		})
	}
}

// TestQuoteOfPoints shows what a basket means for somebody who has points.
func TestQuoteOfPoints(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, append(rules("USD=100"), discount("USD=0.01", 5_000, "30")))
		b := open(t, d).bench(t, "sam")
		hints := b.consumable(t, "Hints", 10, "1.00 USD", "80 POINTS")
		b.buys("1.00", of(hints, 1)) // 100 points
		ask := func(ctx context.Context, basket Basket) *Quote {
			t.Helper()
			before := contents(t, d)
			q, err := b.Quote(ctx, QuoteInput{Basket: basket})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("a quote wrote (-before +after):\n%s", diff)
			}
			return q
		}
		dollars := func(quantity int64, points string) Basket {
			return withPoints(order("", "0", of(hints, quantity)), points).Basket
		}

		if q := ask(b.ctx, dollars(1, "50")); q.Total != amount("0.50") || q.Redeemed != amount("0.50") || q.Redeemable != amount("50") || q.Subtotal != amount("1") ||
			q.Rewards.Spent != amount("50") || q.Rewards.Total != amount("50") || q.Rewards.Balance != amount("100") || len(q.Refusals) != 0 {
			t.Errorf("with 50 points: %+v", q)
		} else if language, texts := q.Label(q.Lines[0].Parts[0].Adjustments[0].Kind, q.Lines[0].Parts[0].Adjustments[0].Source); language != "en" || texts["en"].Name != "discount" {
			t.Errorf("the adjustment is called %v in %s", texts, language)
		}
		if q := ask(b.ctx, dollars(9, "101")); q.Shortfall != nil || q.Total != amount("7.99") {
			t.Errorf("with more points than there are: %+v", q)
		} else {
			wantRefusals(t, q.Refusals.Err(), "INSUFFICIENT_FUNDS redeemPoints")
		}
		if q := ask(b.ctx, Basket{Currency: "USD", Items: []Item{of(b.hints("0.50"), 1)}}); q.Redeemable != 0 {
			t.Errorf("%s points of at least 30 could be redeemed for half of 0.50", q.Redeemable)
		}
		goods := Basket{Currency: money.PointsCode, Items: []Item{of(hints, 2)}}
		if q := ask(b.ctx, goods); q.Total != amount("160") || *q.Balance != amount("100") || *q.Shortfall != amount("60") || q.Redeemable != 0 || q.Rewards.Total != 0 {
			t.Errorf("goods for points: %+v", q)
		}
		// A visitor has none, and is told what there would be.
		if q := ask(t.Context(), dollars(1, "50")); q.Total != amount("0.50") || q.Balance != nil || q.Rewards.Total != amount("50") || q.Redeemable != amount("50") || len(q.Refusals) != 0 {
			t.Errorf("a visitor's quote: %+v", q)
		}
		// Somebody else's points are nobody's business.
		other, err := b.Quote(merchandiser(t), QuoteInput{Basket: dollars(9, "101"), As: shopperOf(b.ctx)})
		if err != nil || len(other.Refusals) != 0 || other.Total != amount("7.99") {
			t.Errorf("a merchandiser's quote: %+v, %v", other, err)
		}
		// Who has turned rewards off can pay with points still, and is not shown any.
		if _, err := b.Rewards.ChangeSettings(b.ctx, rewards.Settings{ShopperID: shopperOf(b.ctx), Enabled: catalog.To(false)}); err != nil {
			t.Fatal(err)
		}
		if q := ask(b.ctx, dollars(1, "50")); q.Total != amount("0.50") || q.Rewards != nil || q.Redeemable != 0 {
			t.Errorf("with rewards turned off: %+v", q)
		}
		r := b.buy(b.ctx, t, withPoints(order("off", "0.50", of(hints, 1)), "50"))
		if r.Earned != nil || r.Purchase.Points != amount("50") {
			t.Errorf("with rewards turned off: %+v", r)
		}
		prove(t, d)
	})
}

// Points that have expired cannot be spent, whatever has noticed that yet.
func TestExpiredPointsAreNotSpent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, everyRule())
		b := open(t, d).bench(t, "sam")
		prize := b.consumable(t, "Prize", 1, "60 POINTS")
		b.buys("2.00", of(b.book("2.00"), 1)) // 85 points, for 60 days
		b.clock.set(noon.AddDate(0, 0, 60).Add(-time.Microsecond))
		b.buy(b.ctx, t, order("in time", "60", of(prize, 1)).in(money.PointsCode))
		b.clock.set(noon.AddDate(0, 0, 60))
		_, err := b.Checkout(b.ctx, withPoints(order("too late", "0.90", of(b.book("1.00"), 1)), "10"))
		wantRefusals(t, err, "INSUFFICIENT_FUNDS redeemPoints")
		if short, ok := the(t, err).Data.(wallet.Shortage); !ok || short.Balance != 0 {
			t.Errorf("the refusal says %+v", the(t, err).Data)
		}
		b.buys("1.00", of(b.book("1.00"), 1)) // which notices it
		if got := rows(t, d, "SELECT amount FROM transfers WHERE kind = 'POINTS_EXPIRED'"); len(got) != 1 || got[0] != "25000000" {
			t.Errorf("expired: %v", got)
		}
		prove(t, d)
	})
}

// What a quote says is what a checkout does, whatever is paid with points, and whatever else lowers the price.
func TestQuoteEqualsCheckoutWithPoints(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, everyRule())
		s := open(t, d)
		random := rand.New(rand.NewPCG(20261122, 4))
		var things []Item
		hints := s.consumable(t, "Hints", 5, "0.33 USD", "500 KRW", "7 POINTS")
		lives := s.consumable(t, "Lives", 1, "2.99 USD", "1 POINTS")
		book := s.durable(t, "Book", "4.49 USD", "900 KRW", "40 POINTS")
		pack := s.bundle(t, bundle.KindPERCENTAGE, []*ent.Product{s.durable(t, "A", "1.01 USD"), s.durable(t, "B", "2.02 USD"), hints}, func(in *offers.CreateBundle) { in.PercentOff = new(offers.Percent(3333)) })
		s.sale(t, lives, "0.19 USD", func(in *offers.CreateFlashSale) {
			in.Stock, in.EndsAt = new(int64(90)), new(noon.AddDate(0, 3, 0))
		})
		s.coupon(t, "SOMETHING", func(in *offers.CreateCoupon) { in.Combines = true })
		things = append(things, of(hints, 1), of(hints, 6), of(lives, 3), of(book, 1), one(pack.ID))
		var shoppers []*bench
		for i := range 6 {
			b := s.bench(t, fmt.Sprint("shopper ", i))
			b.topUp(b.ctx, t, "8", "USD")
			b.topUp(b.ctx, t, "3000", "KRW")
			shoppers = append(shoppers, b)
		}
		var got tally
		for n := range 150 {
			b := shoppers[random.IntN(len(shoppers))]
			s.clock.set(noon.Add(time.Duration(n) * 12 * time.Hour)) // so that points expire, too
			in := order(fmt.Sprint(n), "0").in([]money.Code{"USD", "USD", "USD", "KRW", money.PointsCode}[random.IntN(5)])
			for range 1 + random.IntN(3) {
				in.Basket.Items = append(in.Basket.Items, things[random.IntN(len(things))])
			}
			if random.IntN(3) == 0 {
				in.Basket.CouponCode = "something"
			}
			if random.IntN(2) == 0 {
				in.Basket.RedeemPoints = amount([]string{"10", "25", "60", "200"}[random.IntN(4)])
			}
			quote, err := s.Quote(b.ctx, QuoteInput{Basket: in.Basket})
			if err != nil {
				wantRefusals(t, err, "INVALID_INPUT redeemPoints") // of what costs points
				continue
			}
			in.ExpectedTotal = quote.Total
			r, err := s.Checkout(b.ctx, in)
			got.checked(r, err)
			want := refusals(quote.Refusals.Err())
			if quote.Shortfall != nil && (len(want) == 0 || want[0] == "INSUFFICIENT_FUNDS redeemPoints") {
				want = []string{"INSUFFICIENT_FUNDS"} // which the quote tells by how much it is
			}
			if diff := cmp.Diff(want, refusals(err)); diff != "" {
				t.Errorf("refusals of %+v (-quote +checkout):\n%s", in, diff)
			}
			if err != nil {
				continue
			}
			var quoted, bought []string
			for _, l := range quote.Lines {
				for _, p := range l.Parts {
					for _, a := range p.Adjustments {
						quoted = append(quoted, fmt.Sprint(a.Kind, a.Source, a.Amount, a.Units))
					}
					quoted = append(quoted, fmt.Sprint(p.Product, p.Quantity, p.Subtotal, p.Total))
				}
			}
			for _, l := range r.Purchase.Edges.Lines {
				for _, a := range l.Edges.Adjustments {
					bought = append(bought, fmt.Sprint(a.Kind, a.SourceID, a.Amount, a.Units))
				}
				bought = append(bought, fmt.Sprint(l.ProductID, l.Quantity, l.Subtotal, l.Total))
			}
			plan := quote.Rewards
			quoted = append(quoted, fmt.Sprint(plan.Total, plan.Spent, plan.Balance, plan.RewardResult.Points, plan.Quests, promised(quote), plan.Level, plan.Days, plan.NewDay))
			e := r.Earned
			bought = append(bought, fmt.Sprint(e.Points, e.SpentPoints, r.Points, e.Result.Points, e.Result.Quests, badges(r), e.Result.Level, e.Result.Days, e.Result.NewDay))
			if diff := cmp.Diff(quoted, bought); diff != "" {
				t.Errorf("%+v (-quote +checkout):\n%s", in, diff)
			}
			for _, l := range r.Purchase.Edges.Lines {
				for _, a := range l.Edges.Adjustments {
					got.add(string(a.Kind))
				}
			}
		}
		for _, what := range []string{"bought", "POINTS", "INSUFFICIENT_FUNDS redeemPoints", "INVALID_INPUT redeemPoints", "INSUFFICIENT_FUNDS", "COUPON", "FLASH_SALE"} {
			if got.times[what] < 3 {
				t.Errorf("%s %d times says little: %v", what, got.times[what], got.times)
			}
		}
		prove(t, d)
	})
}
