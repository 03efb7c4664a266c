package checkout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/offers"
)

// everyRuleOn is tills for a shop with rules of every kind, and with others.
func everyRuleOn(t *testing.T, test func(t *testing.T, d *db.DB, shops []*shop), others ...*earning.Rule) {
	t.Helper()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n, "_tills"), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				if setRules(t, d, everyRule()); len(others) > 0 {
					setRules(t, d, others)
				}
				shops := []*shop{open(t, d)}
				for len(shops) < n {
					shops = append(shops, open(t, dbtest.Open(t, dbtest.URL(t, d))))
				}
				test(t, d, shops)
				prove(t, d)
			})
		})
	}
}

// together does something n times at the same moment, and waits for all of it.
func together(n int, do func(i int)) {
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	done.Wait()
}

// tally counts how often something came about.
type tally struct {
	mu    sync.Mutex
	times map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[what]++
}

// refunded counts what became of a refund, and checked what became of a checkout.
func (c *tally) refunded(r Refunded, err error) {
	switch {
	case err != nil:
		c.add(strings.Join(refusals(err), ","))
	case r.Replayed:
		c.add("repeated")
	default:
		c.add("refunded")
	}
}

func (c *tally) checked(r Result, err error) {
	switch {
	case err != nil:
		c.add(strings.Join(refusals(err), ","))
	case r.Replayed:
		c.add("repeated")
	default:
		c.add("bought")
	}
}

// want checks what it came to; 0 times is not at all.
func (c *tally) want(t *testing.T, want map[string]int) {
	t.Helper()
	maps.DeleteFunc(want, func(_ string, times int) bool { return times == 0 })
	if fmt.Sprint(c.times) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", c.times, want)
	}
}

func TestRefundsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  func(i int) string
		want map[string]int
	}{
		"under_one_key":    {func(int) string { return "the key" }, map[string]int{"refunded": 1, "repeated": 99}},
		"under_other_keys": {func(i int) string { return fmt.Sprint(i) }, map[string]int{"refunded": 1, "ALREADY_REFUNDED purchaseId": 99}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyRuleOn(t, func(t *testing.T, d *db.DB, shops []*shop) {
				b := shops[0].bench(t, "sam")
				b.buys("0.50", of(b.hints("0.50"), 1))
				before := holdings(t, d)
				bought := b.buys("3.00", of(b.book("2.00"), 1), of(b.hints("0.50"), 2))
				var got tally
				ctx := support(t)
				together(100, func(i int) { got.refunded(shops[i%len(shops)].Refund(ctx, refunding(c.key(i), bought))) })
				got.want(t, c.want)
				if after := holdings(t, d); strings.Join(after, "\n") != strings.Join(before, "\n") {
					t.Errorf("before %v\nafter %v", before, after)
				}
				if n := count(t, d, "refunds"); n != 1 {
					t.Errorf("%d refunds", n)
				}
			})
		})
	}
}

// Six devices of one shopper want a good again and again, until each has had it three times, while the support gives it back: never is
// it owned twice, nor is money made.
func TestRefundsAndCheckoutsOfOneShopper(t *testing.T) {
	t.Parallel()
	everyRuleOn(t, func(t *testing.T, d *db.DB, shops []*shop) {
		const devices, each = 6, 3
		b := shops[0].bench(t, "sam")
		book := b.book("2.00")
		before := holdings(t, d)
		var got tally
		ctx := support(t)
		together(devices, func(i int) {
			for round, had := 0, 0; had < each && round < 1000; round++ {
				s, other := shops[(i+round)%len(shops)], shops[(i+round+1)%len(shops)]
				r, err := s.Checkout(b.ctx, order(fmt.Sprint(i, "/", round), "2.00", of(book, 1)))
				got.checked(r, err)
				if err != nil {
					continue
				}
				had++
				for _, at := range []*shop{other, s} {
					got.refunded(at.Refund(ctx, refunding(fmt.Sprint(i, "/", round), r.Purchase)))
				}
			}
		})
		const n = devices * each
		got.want(t, map[string]int{"ALREADY_OWNED items.0.id": got.times["ALREADY_OWNED items.0.id"], "bought": n, "refunded": n, "repeated": n})
		if after := holdings(t, d); strings.Join(after, "\n") != strings.Join(before, "\n") {
			t.Errorf("before %v\nafter %v", before, after)
		}
	})
}

// A sale is sold out. While its buyers give their units back, others want them: no unit is sold twice, and none is lost.
func TestRefundsAndBuyersOfTheLastUnits(t *testing.T) {
	t.Parallel()
	everyRuleOn(t, func(t *testing.T, d *db.DB, shops []*shop) {
		const stock, wanting = 10, 60
		s := shops[0]
		book := s.durable(t, "Book", "1.00 USD")
		sale := s.sale(t, book, "0.25 USD", func(in *offers.CreateFlashSale) { in.Stock, in.PerShopper = new(int64(stock)), new(int64(1)) })
		crowd := s.crowd(t, stock+wanting, "2")
		var bought []*ent.Purchase
		for _, ctx := range crowd[:stock] {
			bought = append(bought, s.buy(ctx, t, order("1", "0.25", of(book, 1))).Purchase)
		}
		var got tally
		ctx := support(t)
		together(3*stock+wanting, func(i int) {
			s := shops[i%len(shops)]
			if n := i - 3*stock; n >= 0 {
				got.checked(s.Checkout(crowd[stock+n], order("1", "0.25", of(book, 1))))
			} else {
				got.refunded(s.Refund(ctx, refunding(fmt.Sprint(i), bought[i%stock])))
			}
		})
		if n := got.times["bought"]; got.times["refunded"] != stock || got.times["ALREADY_REFUNDED purchaseId"] != 2*stock ||
			n > stock || got.times["SOLD_OUT expectedTotal"] != wanting-n {
			t.Errorf("it came to %v", got.times)
		}
		if units, _ := sold(t, d, sale); units != int64(got.times["bought"]) {
			t.Errorf("%d units are counted, %d were bought and not given back", units, got.times["bought"])
		}
		// What is left is what can still be bought, by those who gave theirs back, too.
		left := stock - got.times["bought"]
		var again tally
		together(stock, func(i int) {
			again.checked(shops[i%len(shops)].Checkout(crowd[i], order("again", "0.25", of(book, 1))))
		})
		again.want(t, map[string]int{"bought": left, "SOLD_OUT expectedTotal": stock - left})
	})
}

// Points are spent while the purchase that earned them is given back: they are spent, or gone, or a debt.
func TestRefundWhileItsPointsAreSpent(t *testing.T) {
	t.Parallel()
	everyRuleOn(t, func(t *testing.T, _ *db.DB, shops []*shop) {
		for round := range 6 {
			b := shops[0].bench(t, fmt.Sprint("sam ", round))
			prize := b.consumable(t, "Prize", 1, "30 POINTS")
			bought := b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
			var got tally
			ctx := support(t)
			together(9, func(i int) {
				s := shops[i%len(shops)]
				if i == 4 {
					got.refunded(s.Refund(ctx, refunding("back", bought)))
				} else {
					got.checked(s.Checkout(b.ctx, order(fmt.Sprint(i), "30", of(prize, 1)).in(money.PointsCode)))
				}
			})
			n := got.times["bought"]
			if got.times["refunded"] != 1 || n > 2 || got.times["INSUFFICIENT_FUNDS"] != 8-n {
				t.Errorf("it came to %v", got.times)
			}
			b.wantPoints((-money.Amount(n) * amount("30")).String())
		}
	})
}

func TestPointsForThree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   func(s *shop, t *testing.T) func(key string) Input
		want map[string]int
	}{
		"goods": {func(s *shop, t *testing.T) func(string) Input {
			prize := s.consumable(t, "Prize", 1, "25 POINTS")
			return func(key string) Input { return order(key, "25", of(prize, 1)).in(money.PointsCode) }
		}, map[string]int{"bought": 3, "INSUFFICIENT_FUNDS": 47}},
		"discounts": {func(s *shop, t *testing.T) func(string) Input {
			hints := s.consumable(t, "Hints", 1, "1000 KRW")
			return func(key string) Input { return withPoints(order(key, "955", of(hints, 1)).in("KRW"), "30") }
		}, map[string]int{"bought": 3, "INSUFFICIENT_FUNDS redeemPoints": 47}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyRuleOn(t, func(t *testing.T, _ *db.DB, shops []*shop) {
				b := shops[0].bench(t, "sam")
				b.topUp(b.ctx, t, "90000", "KRW") // in which nothing is earned
				in := c.in(b.shop, t)
				b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
				var got tally
				together(50, func(i int) { got.checked(shops[i%len(shops)].Checkout(b.ctx, in(fmt.Sprint(i)))) })
				got.want(t, c.want)
			})
		})
	}
}

// Ten purchases at once, each asked for twice: what is for the tenth is for exactly one of them, and every rule awards a
// purchase once.
func TestTenthPurchaseAtOnce(t *testing.T) {
	t.Parallel()
	everyRuleOn(t, func(t *testing.T, d *db.DB, shops []*shop) {
		b := shops[0].bench(t, "sam")
		hints := b.hints("0.10")
		o := atOnce(b.ctx, shops, 20, func(i int) (context.Context, Input) { return b.ctx, order(fmt.Sprint(i/2), "0.10", of(hints, 1)) })
		o.want(t, 10, 10, 0, "")
		at := map[string]int64{}
		for _, r := range o.bought {
			for _, badge := range r.Earned.Result.Badges {
				at[badge.Code] += r.Purchase.Ordinal
			}
			for _, q := range r.Earned.Result.Quests {
				at[q.Code] += r.Purchase.Ordinal
			}
			once := map[uuid.UUID]bool{}
			for _, p := range r.Earned.Result.Points {
				if once[p.Rule] {
					t.Errorf("purchase %d was awarded twice by %s", r.Purchase.Ordinal, p.Code)
				}
				once[p.Rule] = true
			}
		}
		if at["newcomer"] != 1 || at["regular"] != 3 || at["three-purchases"] != 3 || at["the-tenth"] != 10 {
			t.Errorf("badges and quests at purchases %v", at)
		}
		if got := rows(t, d, "SELECT rule_id, COUNT(*) FROM achievements GROUP BY rule_id HAVING COUNT(*) > 1"); len(got) != 0 {
			t.Errorf("awarded more than once: %v", got)
		}
		// 50 for the first, 1 for each at the rate, of whose half nothing is left, 7 of the day, and the quests.
		b.wantPoints("192")
	}, quest("the-tenth", 10, "100"))
}

// TestRefundStorm has shoppers buy whatever there is, at sales and with coupons that have a limit and that have none, on two
// tills, while all of it is given back. No unit, no money and no point is lost, and nobody waits for each other in a circle.
func TestRefundStorm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const shoppers, rounds = 8, 12
		setRules(t, d, everyRule())
		var handles []*db.DB
		var shops []*shop
		for range 2 {
			url := dbtest.URL(t, d)
			if isPostgres(d) {
				url += "&application_name=till"
			}
			handle, err := db.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, handle)
			shops = append(shops, open(t, handle))
		}
		s := shops[0]
		var goods []*ent.Product
		for i := range 8 {
			p := s.consumable(t, fmt.Sprint("Hints ", i), 10, "1.00 USD", "40 POINTS")
			s.sale(t, p, "0.50 USD", func(in *offers.CreateFlashSale) {
				if i%2 == 1 {
					in.Stock, in.PerShopper = new(int64(30)), new(int64(8))
				}
			})
			goods = append(goods, p)
		}
		codes := []string{"", "FREE-FOR-ALL", "THE-FIRST-20"}
		s.coupon(t, codes[1], func(in *offers.CreateCoupon) { in.Combines = true })
		s.coupon(t, codes[2], func(in *offers.CreateCoupon) {
			in.Combines, in.Stock, in.PerShopper = true, new(int64(20)), new(int64(4))
		})
		ctx := support(t)
		var got tally
		var done sync.WaitGroup
		for n := range shoppers {
			b := s.bench(t, fmt.Sprint("shopper ", n))
			b.topUp(b.ctx, t, "200", "USD")
			done.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 4))
				var bought []*ent.Purchase
				for i := range rounds {
					basket := Basket{Currency: "USD", CouponCode: codes[random.IntN(len(codes))]}
					for range 1 + random.IntN(4) {
						basket.Items = append(basket.Items, of(goods[random.IntN(len(goods))], 1+random.Int64N(2)))
					}
					switch random.IntN(4) {
					case 0:
						basket.RedeemPoints = amount("10")
					case 1:
						basket = Basket{Currency: money.PointsCode, Items: basket.Items[:1]}
					}
					at := shops[random.IntN(len(shops))]
					if p := buyAsQuoted(b.ctx, at, fmt.Sprint(n, "/", i), basket, &got); p != nil {
						bought = append(bought, p)
					}
					if len(bought) > 0 && random.IntN(2) == 0 {
						p := bought[random.IntN(len(bought))]
						together(2, func(i int) { got.refunded(shops[i].Refund(ctx, refunding(fmt.Sprint(n, i, p.ID), p))) })
					}
				}
			})
		}
		done.Wait()
		for what := range got.times {
			switch what {
			case "bought", "refunded", "repeated", "ALREADY_REFUNDED purchaseId", "PRICE_CHANGED expectedTotal", "SOLD_OUT expectedTotal",
				"LIMIT_REACHED expectedTotal", "COUPON_NOT_VALID couponCode", "INSUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS redeemPoints",
				"INVALID_INPUT redeemPoints":
			default:
				t.Errorf("it came to %s %d times", what, got.times[what])
			}
		}
		if got.times["bought"] < shoppers*rounds/4 || got.times["refunded"] < shoppers {
			t.Errorf("%v says little", got.times)
		}
		prove(t, d)
		for i, handle := range handles {
			shops[i].Close()
			if err := handle.Close(); err != nil {
				t.Error(err)
			}
		}
		if isPostgres(d) {
			if n := deadlocks(t, d); n != "0" {
				t.Errorf("%s times the tills waited for each other in a circle", n)
			}
		}
	})
}

// buyAsQuoted buys at the total of a quote, if that can be bought.
func buyAsQuoted(ctx context.Context, s *shop, key string, basket Basket, got *tally) *ent.Purchase {
	quote, err := s.Quote(ctx, QuoteInput{Basket: basket})
	if err != nil || len(quote.Refusals) > 0 {
		got.add(strings.Join(refusals(errors.Join(err, quote.Refusals.Err())), ","))
		return nil
	}
	r, err := s.Checkout(ctx, Input{IdempotencyKey: key, Basket: basket, ExpectedTotal: quote.Total})
	got.checked(r, err)
	if err != nil {
		return nil
	}
	return r.Purchase
}

// deadlocks is how often the database had to break up a circle of those who wait for each other. Sessions tell it when they
// have ended.
func deadlocks(t *testing.T, d *db.DB) string {
	t.Helper()
	const others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'till'"
	for deadline := time.Now().Add(10 * time.Second); len(rows(t, d, others)) > 0 && time.Now().Before(deadline); {
		continue
	}
	return rows(t, d, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0]
}

// A refused refund of one shopper in a batch with refunds and checkouts of others changes nothing for them.
func TestRefundsOfManyShoppersAtOnce(t *testing.T) {
	t.Parallel()
	everyRuleOn(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		book, hints := s.durable(t, "Book", "1.00 USD"), s.consumable(t, "Hints", 1, "0.10 USD")
		crowd := s.crowd(t, 40, "2")
		bought := make([]*ent.Purchase, len(crowd))
		for i, ctx := range crowd {
			bought[i] = s.buy(ctx, t, order("1", "1.00", of(book, 1))).Purchase
		}
		var got tally
		ctx := support(t)
		together(3*len(crowd), func(i int) {
			s, n := shops[i%len(shops)], i/3
			switch i % 3 {
			case 0:
				got.refunded(s.Refund(ctx, refunding("back", bought[n])))
			case 1:
				got.checked(s.Checkout(crowd[n], order("2", "0.10", of(hints, 1))))
			default:
				_, err := s.Refund(ctx, refunding("unknown", &ent.Purchase{ID: bought[n].Edges.Lines[0].ID}))
				if !fault.Is(err, fault.NotFound) {
					got.refunded(Refunded{}, err)
				}
			}
		})
		got.want(t, map[string]int{"refunded": len(crowd), "bought": len(crowd)})
		if n := len(rows(t, d, "SELECT id FROM reward_entries WHERE kind = 'REFUND'")); n != len(crowd) {
			t.Errorf("%d entries of refunds", n)
		}
	})
}
