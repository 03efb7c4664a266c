package checkout

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/entitlement"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	held "farthing/internal/entitlement"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/wallet"
)

// inverse is a purchase that is refunded later, with all as it was before.
type inverse struct {
	// before makes what there is, and gives the basket.
	before func(b *bench) Input
	// meanwhile happens between the purchase and its refund, and leaves no trace; nil for nothing.
	meanwhile func(b *bench, bought *ent.Purchase)
	// then looks at what can be done afterwards; nil for nothing.
	then func(b *bench, refunded *ent.Refund)
}

// TestRefundIsTheInverse buys and gives back in every way that changes nothing.
func TestRefundIsTheInverse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, everyRule())
		s := open(t, d)
		for name, c := range inverses() {
			t.Run(name, func(t *testing.T) {
				b := s.bench(t, name)
				in := c.before(b)
				before := holdings(t, d)
				bought := b.buy(b.ctx, t, in).Purchase
				if diff := cmp.Diff(before, holdings(t, d)); diff == "" {
					t.Error("the purchase changed nothing")
				}
				if c.meanwhile != nil {
					c.meanwhile(b, bought)
				}
				refunded := b.refund(t, bought)
				if diff := cmp.Diff(before, holdings(t, d)); diff != "" {
					t.Errorf("before the purchase and after its refund (-before +after):\n%s", diff)
				}
				p := refunded.Edges.Purchase
				if refunded.Total != bought.Total || refunded.Currency != bought.Currency || refunded.Actor != "sue" || refunded.PointsTaken != bought.Points ||
					!refunded.CreatedAt.Equal(b.now()) || p.ID != bought.ID || len(p.Edges.Lines) != len(bought.Edges.Lines) || len(p.Edges.Refunds) != 1 {
					t.Errorf("the refund says %+v", refunded)
				}
				for _, e := range p.Edges.Entitlements {
					if e.Status != entitlement.StatusREVOKED {
						t.Errorf("after the refund there is %+v", e)
					}
				}
				again := b.buy(b.ctx, t, in)
				if !again.Replayed || again.Purchase.ID != bought.ID || len(again.Purchase.Edges.Refunds) != 1 {
					t.Errorf("the repeat of what was refunded is %+v", again)
				}
				if c.then != nil {
					c.then(b, refunded)
				}
				prove(t, d)
			})
		}
	})
}

func inverses() map[string]inverse {
	day := 24 * time.Hour
	return map[string]inverse{
		"first_purchase": {
			before: func(b *bench) Input { return order(b.key(), "3.00", of(b.book("2.00"), 1), of(b.hints("0.50"), 2)) },
			then: func(b *bench, _ *ent.Refund) {
				b.wantPoints("0")
				if b.held() != "" {
					b.t.Errorf("there is %s still", b.held())
				}
				// What is for the first purchase is for the next one.
				if again := b.buys("0.50", of(b.hints("0.50"), 1)); again.Points != amount("62") || again.Ordinal != 2 {
					b.t.Errorf("the next purchase is %+v", again)
				}
				if b.held() != "newcomer" {
					b.t.Errorf("the next purchase earned %s", b.held())
				}
			},
		},
		"value_of_every_origin": {before: func(b *bench) Input {
			b.give(b.ctx, b.t, "0.30", "USD", wallet.Promotional)
			b.give(b.ctx, b.t, "0.40", "USD", wallet.Gift)
			b.give(b.ctx, b.t, "0.50", "USD", wallet.Refund)
			return order(b.key(), "1.50", of(b.book("1.50"), 1))
		}},
		"value_that_was_not_paid_for": {before: func(b *bench) Input {
			b.give(b.ctx, b.t, "3.00", "USD", wallet.Promotional)
			return order(b.key(), "1.50", of(b.book("1.50"), 1))
		}},
		"free": {before: func(b *bench) Input { return order(b.key(), "0", of(b.book("0"), 1)) }},
		"another_currency": {before: func(b *bench) Input {
			b.topUp(b.ctx, b.t, "5000", "KRW")
			return order(b.key(), "1200", of(b.durable(b.t, "Seoul", "1200 KRW"), 1)).in("KRW")
		}},
		"after_other_purchases": {before: func(b *bench) Input {
			hints := b.hints("0.70")
			b.buys("0.70", of(hints, 1))
			b.pass(time.Hour)
			return order(b.key(), "1.40", of(hints, 2))
		}},
		"a_durable_good_that_can_be_bought_again": {
			before: func(b *bench) Input { return order("again", "1.00", of(b.book("1.00"), 1)) },
			then: func(b *bench, r *ent.Refund) {
				product := r.Edges.Purchase.Edges.Lines[0].ProductID
				b.buys("1.00", one(product))
				_, err := b.Checkout(b.ctx, order(b.key(), "1.00", one(product)))
				wantRefusals(b.t, err, "ALREADY_OWNED items.0.id")
			},
		},
		"partly_used": {
			before: func(b *bench) Input { return order(b.key(), "0.50", of(b.hints("0.50"), 1)) },
			meanwhile: func(b *bench, bought *ent.Purchase) {
				_, err := held.New(b.db, b.clock.get).Use(b.ctx, held.UseInput{
					IdempotencyKey: b.key(), ID: bought.Edges.Entitlements[0].ID, Units: 4,
				})
				if err != nil {
					b.t.Fatal(err)
				}
			},
			then: func(b *bench, r *ent.Refund) {
				_, err := held.New(b.db, b.clock.get).Use(b.ctx, held.UseInput{
					IdempotencyKey: b.key(), ID: r.Edges.Purchase.Edges.Entitlements[0].ID, Units: 1,
				})
				wantRefusals(b.t, err, "NOT_AVAILABLE id")
			},
		},
		"a_bundle": {before: func(b *bench) Input {
			pack := b.bundle(b.t, bundle.KindPERCENTAGE, []*ent.Product{b.book("1.00"), b.book("2.00"), b.hints("0.50")}, func(in *offers.CreateBundle) {
				in.PercentOff, in.Components[2].Quantity = new(offers.Percent(2000)), 2
			})
			return order(b.key(), "3.20", one(pack.ID))
		}},
		"a_new_day_of_the_streak": {
			before: func(b *bench) Input {
				hints := b.hints("0.50")
				b.buys("0.50", of(hints, 1))
				b.pass(day)
				b.buys("0.50", of(hints, 1)) // which earns a freeze
				b.pass(day)
				return order(b.key(), "0.50", of(hints, 1))
			},
			meanwhile: func(b *bench, _ *ent.Purchase) {
				if at := b.view().State.Days; at.Count != 3 || at.Freezes != 1 {
					b.t.Errorf("before the refund the streak is %+v", at)
				}
			},
			then: func(b *bench, r *ent.Refund) {
				if at := b.view().State.Days; at.Count != 2 || at.Freezes != 1 {
					b.t.Errorf("after the refund the streak is %+v", at)
				}
				b.buys("0.50", one(r.Edges.Purchase.Edges.Lines[0].ProductID))
				if at := b.view().State.Days; at.Count != 3 {
					b.t.Errorf("after another purchase of the day the streak is %+v", at)
				}
			},
		},
		"a_streak_that_began_anew": {before: func(b *bench) Input {
			hints := b.hints("0.50")
			b.buys("0.50", of(hints, 1))
			b.pass(5 * day)
			return order(b.key(), "0.50", of(hints, 1))
		}},
		"a_level_up": {
			before: func(b *bench) Input { return order(b.key(), "5.00", of(b.book("5.00"), 1)) },
			meanwhile: func(b *bench, bought *ent.Purchase) {
				if level, _ := b.view().Terms.LevelAt(int64(b.view().State.Lifetime)); level.Code != "silver" || bought.Points != amount("130") {
					b.t.Errorf("%s points are level %s", bought.Points, level.Code)
				}
			},
			then: func(b *bench, _ *ent.Refund) {
				if level, _ := b.view().Terms.LevelAt(int64(b.view().State.Lifetime)); level.Code != "bronze" {
					b.t.Errorf("after the refund the level is %s", level.Code)
				}
			},
		},
		"a_level_in_force": {before: func(b *bench) Input {
			b.buys("5.00", of(b.book("5.00"), 1))
			b.pass(time.Minute)
			return order(b.key(), "1.00", of(b.book("1.00"), 1)) // with the extra of its level
		}},
		"a_cap_of_the_day": {
			before: func(b *bench) Input {
				hints := b.hints("0.10")
				b.buys("0.10", of(hints, 1))
				return order(b.key(), "0.10", of(hints, 1)) // 2 points are left under the cap
			},
			then: func(b *bench, r *ent.Refund) {
				// What was given back under the cap can be earned again, and no more than that.
				product := r.Edges.Purchase.Edges.Lines[0].ProductID
				for i, want := range []string{"3", "26"} { // with 25 of the quest
					if p := b.buys("0.10", one(product)); p.Points != amount(want) {
						b.t.Errorf("purchase %d earned %s points, want %s", i, p.Points, want)
					}
				}
			},
		},
		"a_quest_and_badges": {
			before: func(b *bench) Input {
				for range 2 {
					b.buys("0.50", of(b.book("0.50"), 1))
					b.pass(time.Hour)
				}
				return order(b.key(), "0.50", of(b.book("0.50"), 1))
			},
			meanwhile: func(b *bench, _ *ent.Purchase) {
				if b.held() != "collector newcomer regular three-purchases" {
					b.t.Errorf("before the refund there is %s", b.held())
				}
			},
			then: func(b *bench, r *ent.Refund) {
				if b.held() != "newcomer" {
					b.t.Errorf("after the refund there is %s", b.held())
				}
				b.pass(time.Hour)
				b.buys("0.50", one(r.Edges.Purchase.Edges.Lines[0].ProductID))
				if b.held() != "collector newcomer regular three-purchases" {
					b.t.Errorf("after another purchase there is %s", b.held())
				}
			},
		},
		"points_redeemed": {
			before: func(b *bench) Input {
				b.buys("1.00", of(b.book("1.00"), 1)) // 70 points
				b.pass(time.Hour)
				b.buys("1.00", of(b.book("1.00"), 1)) // 17 points
				b.pass(time.Hour)
				return withPoints(order(b.key(), "1.20", of(b.book("2.00"), 1)), "80") // of both
			},
			meanwhile: func(b *bench, bought *ent.Purchase) {
				wantRecorded(b.t, bought, bought.Edges.Lines[0].Names["en"]+" x1 2 -> 1.2: POINTS 0.8 of 1")
				b.pass(time.Hour)
			},
			then: func(b *bench, r *ent.Refund) {
				if r.PointsReturned != amount("80") {
					b.t.Errorf("%s points came back", r.PointsReturned)
				}
				b.wantPoints("87")
			},
		},
		"goods_for_points": {
			before: func(b *bench) Input {
				b.buys("1.00", of(b.book("1.00"), 1))
				prize := b.durable(b.t, "Prize", "60 POINTS")
				return order(b.key(), "60", of(prize, 1)).in(money.PointsCode)
			},
			meanwhile: func(b *bench, bought *ent.Purchase) {
				b.wantPoints("10")
				if bought.Points != 0 {
					b.t.Errorf("what was paid for with points earned %s", bought.Points)
				}
			},
			then: func(b *bench, r *ent.Refund) {
				if r.Total != amount("60") || r.PointsReturned != amount("60") || r.PointsTaken != 0 {
					b.t.Errorf("the refund says %+v", r)
				}
			},
		},
		"the_last_unit_of_a_sale": {
			before: func(b *bench) Input {
				book := b.book("1.00")
				b.sale(b.t, book, "0.25 USD", func(in *offers.CreateFlashSale) {
					in.StartsAt, in.EndsAt, in.Stock, in.PerShopper = new(b.now()), new(b.now().Add(day)), new(int64(1)), new(int64(1))
				})
				return order(b.key(), "0.25", of(book, 1))
			},
			meanwhile: func(b *bench, bought *ent.Purchase) {
				_, err := b.Checkout(b.shopper(b.t, b.name+" other"), order("1", "0.25", one(bought.Edges.Lines[0].ProductID)))
				wantRefusals(b.t, err, "SOLD_OUT expectedTotal")
			},
			then: func(b *bench, r *ent.Refund) {
				product := r.Edges.Purchase.Edges.Lines[0].ProductID
				b.buys("0.25", one(product))
				_, err := b.Checkout(b.shopper(b.t, b.name+" other"), order("2", "0.25", one(product)))
				wantRefusals(b.t, err, "SOLD_OUT expectedTotal")
			},
		},
		"a_sale_that_is_over": {
			before: func(b *bench) Input {
				hints := b.hints("1.00")
				b.sale(b.t, hints, "0.25 USD", func(in *offers.CreateFlashSale) {
					in.StartsAt, in.EndsAt, in.Stock = new(b.now()), new(b.now().Add(day)), new(int64(5))
				})
				b.buys("0.25", of(hints, 1))
				return order(b.key(), "0.50", of(hints, 2))
			},
			meanwhile: func(b *bench, _ *ent.Purchase) { b.pass(day) },
			then: func(b *bench, r *ent.Refund) {
				_, err := b.Checkout(b.ctx, order(b.key(), "0.25", one(r.Edges.Purchase.Edges.Lines[0].ProductID)))
				wantRefusals(b.t, err, "PRICE_CHANGED expectedTotal")
			},
		},
		"a_sale_without_a_limit": {before: func(b *bench) Input {
			hints := b.hints("1.00")
			b.sale(b.t, hints, "0.25 USD", func(in *offers.CreateFlashSale) { in.StartsAt, in.EndsAt = new(b.now()), new(b.now().Add(day)) })
			return order(b.key(), "0.50", of(hints, 2))
		}},
		"a_window_of_a_sale": {
			before: func(b *bench) Input {
				hints := b.hints("1.00")
				b.sale(b.t, hints, "0.25 USD", func(in *offers.CreateFlashSale) {
					in.StartsAt, in.EndsAt, in.Stock = new(b.now().Add(-time.Hour)), new(b.now().Add(14*day)), new(int64(3))
					in.Recurrence = &schema.Recurrence{
						TimeZone: "UTC", Weekdays: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, From: "00:00", Until: "23:59",
					}
				})
				return order(b.key(), "0.75", of(hints, 3))
			},
			meanwhile: func(b *bench, bought *ent.Purchase) {
				b.pass(day) // what is taken of the next window is another count
				again := b.buys("0.50", Item{ID: bought.Edges.Lines[0].ProductID, Quantity: 2})
				b.refund(b.t, again)
			},
		},
		"a_sale_on_a_bundle": {before: func(b *bench) Input {
			pack := b.bundle(b.t, bundle.KindFIXED, []*ent.Product{b.book("1.00"), b.hints("0.50")}, func(in *offers.CreateBundle) {
				in.Prices = priceList([]string{"1.20 USD"})
			})
			b.sale(b.t, b.book("9.00"), "0.60 USD", func(in *offers.CreateFlashSale) {
				in.StartsAt, in.EndsAt, in.Stock, in.Scope = new(b.now()), new(b.now().Add(day)), new(int64(1)), schema.Scope{Bundles: []uuid.UUID{pack.ID}}
			})
			return order(b.key(), "0.60", one(pack.ID))
		}},
		"the_last_use_of_a_coupon": {
			before: func(b *bench) Input {
				b.coupon(b.t, "LAST-USE", func(in *offers.CreateCoupon) { in.Stock, in.PerShopper = new(int64(1)), new(int64(1)) })
				return withCoupon(order(b.key(), "1.00", of(b.book("1.00"), 1), of(b.book("1.00"), 1)), "last-use")
			},
			meanwhile: func(b *bench, _ *ent.Purchase) {
				_, err := b.Checkout(b.ctx, withCoupon(order(b.key(), "0.50", of(b.book("1.00"), 1)), "last-use"))
				wantRefusals(b.t, err, "COUPON_NOT_VALID couponCode")
			},
			then: func(b *bench, _ *ent.Refund) {
				b.buy(b.ctx, b.t, withCoupon(order(b.key(), "0.50", of(b.book("1.00"), 1)), "last-use"))
				_, err := b.Checkout(b.ctx, withCoupon(order(b.key(), "0.50", of(b.book("1.00"), 1)), "last-use"))
				wantRefusals(b.t, err, "COUPON_NOT_VALID couponCode")
			},
		},
		"a_coupon_without_a_limit_on_a_sale": {before: func(b *bench) Input {
			hints := b.hints("1.00")
			b.sale(b.t, hints, "0.40 USD", func(in *offers.CreateFlashSale) { in.StartsAt, in.EndsAt = new(b.now()), new(b.now().Add(day)) })
			b.coupon(b.t, "ON-TOP", func(in *offers.CreateCoupon) { in.Combines = true })
			return withCoupon(order(b.key(), "0.40", of(hints, 2)), "on-top")
		}},
		"a_trial": {
			before: func(b *bench) Input {
				return order(b.key(), "0.20", one(b.shop.trial(b.t, b.book("1.00"), "0.20 USD", nil).ID))
			},
			then: func(b *bench, r *ent.Refund) {
				line := r.Edges.Purchase.Edges.Lines[0]
				_, err := b.Checkout(b.ctx, order(b.key(), "0.20", one(*line.TrialOfferID)))
				wantRefusals(b.t, err, "TRIAL_USED items.0.id")
				b.buys("1.00", one(line.ProductID)) // what was given back is credited no more
			},
		},
		"what_was_tried_before": {
			before: func(b *bench) Input {
				book := b.book("1.00")
				b.buys("0.20", one(b.shop.trial(b.t, book, "0.20 USD", nil).ID))
				b.pass(time.Hour)
				return order(b.key(), "0.80", of(book, 1))
			},
			meanwhile: func(b *bench, bought *ent.Purchase) {
				trial := b.db.Client().Trial.Query().Order(ent.Desc("id")).FirstX(b.ctx)
				begun, err := ByID(b.ctx, b.db.Client(), shopperOf(b.ctx), trial.PurchaseID)
				if err != nil {
					b.t.Fatal(err)
				}
				before := contents(b.t, b.db)
				_, err = b.Refund(support(b.t), refunding(b.key(), begun))
				wantRefusals(b.t, err, "NOT_REFUNDABLE purchaseId")
				if text := id.Encode(id.Purchase, bought.ID); !strings.Contains(the(b.t, err).Error(), text) {
					b.t.Errorf("the refusal does not name %s: %v", text, err)
				}
				if diff := cmp.Diff(before, contents(b.t, b.db)); diff != "" {
					b.t.Errorf("the refusal changed something (-before +after):\n%s", diff)
				}
			},
			then: func(b *bench, r *ent.Refund) {
				product := r.Edges.Purchase.Edges.Lines[0].ProductID
				b.refund(b.t, b.buys("0.80", one(product)))
				trial := b.db.Client().Trial.Query().Order(ent.Desc("id")).FirstX(b.ctx)
				begun, err := ByID(b.ctx, b.db.Client(), shopperOf(b.ctx), trial.PurchaseID)
				if err != nil {
					b.t.Fatal(err)
				}
				if e := begun.Edges.Entitlements[0]; held.StatusAt(e, trial.ExpiresAt.Add(-1)) != held.Active || held.StatusAt(e, trial.ExpiresAt) != held.Expired {
					b.t.Errorf("the trial does not go on until its end: %+v", e)
				}
				b.refund(b.t, begun)
				b.buys("1.00", one(product))
			},
		},
		"what_was_tried_long_before": {
			before: func(b *bench) Input {
				book := b.book("1.00")
				b.buys("0.20", one(b.shop.trial(b.t, book, "0.20 USD", nil).ID))
				b.pass(10 * day) // the grace is over
				return order(b.key(), "1.00", of(book, 1))
			},
		},
	}
}

// coupon makes one of half the price.
func (s *shop) coupon(t testing.TB, code string, change func(*offers.CreateCoupon)) *ent.Coupon {
	t.Helper()
	in := offers.CreateCoupon{
		Common: texts(code), Code: code, Kind: "PERCENTAGE", PercentOff: new(offers.Percent(5000)), StartsAt: new(noon),
	}
	if change != nil {
		change(&in)
	}
	made, err := s.offers.CreateCoupon(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
