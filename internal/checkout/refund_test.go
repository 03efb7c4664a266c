package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// TestRefundAfterwards refunds what was gone on from: it takes back what that purchase gave, and nothing else.
func TestRefundAfterwards(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, test := range map[string]func(b *bench){
		"when_its_points_were_spent_they_are_a_debt": func(b *bench) {
			first := b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
			b.pass(time.Hour)
			prize := b.durable(b.t, "Prize", "60 POINTS")
			goods := b.buy(b.ctx, b.t, order(b.key(), "60", of(prize, 1)).in(money.PointsCode)).Purchase
			if r := b.refund(b.t, first); r.PointsTaken != amount("85") || r.PointsReturned != 0 {
				b.t.Errorf("the refund says %+v", r)
			}
			b.wantPoints("-60")
			_, err := b.Checkout(b.ctx, withPoints(order(b.key(), "0.90", of(b.book("1.00"), 1)), "10"))
			wantRefusals(b.t, err, "INSUFFICIENT_FUNDS redeemPoints")
			if short, ok := the(b.t, err).Data.(wallet.Shortage); !ok || short.Balance != 0 || short.Shortfall != amount("10") {
				b.t.Errorf("the refusal says %+v", the(b.t, err).Data)
			}
			_, err = b.Checkout(b.ctx, order(b.key(), "1", of(b.durable(b.t, "Cheap", "1 POINTS"), 1)).in(money.PointsCode))
			wantRefusals(b.t, err, "INSUFFICIENT_FUNDS")
			// Later points pay the debt, and only what is left of them can be spent.
			if p := b.buys("1.00", of(b.book("1.00"), 1)); p.Points != amount("70") { // the first that stands
				b.t.Errorf("the next purchase earned %s", p.Points)
			}
			b.wantPoints("10")
			b.redeems("10", "0.90", of(b.book("1.00"), 1))
			// And what the debt was for comes back with the goods.
			before := b.view().Points
			b.refund(b.t, goods)
			if got := b.view().Points - before; got != amount("60") {
				b.t.Errorf("%s points came back with the goods", got)
			}
		},
		"goods_for_points_pay_a_debt_first": func(b *bench) {
			first := b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
			goods := b.buy(b.ctx, b.t, order(b.key(), "80", of(b.durable(b.t, "Prize", "80 POINTS"), 1)).in(money.PointsCode)).Purchase
			b.refund(b.t, first)
			b.wantPoints("-80")
			if r := b.refund(b.t, goods); r.PointsReturned != amount("80") {
				b.t.Errorf("the refund says %+v", r)
			}
			b.wantPoints("0")
			if left := rows(b.t, b.db, "SELECT id FROM reward_entries WHERE points > used + expired + revoked AND shopper_id IN (SELECT shopper_id FROM accounts WHERE id = '"+
				b.db.Client().Account.Query().Order(ent.Desc("id")).FirstX(b.ctx).ID.String()+"')"); len(left) != 0 {
				b.t.Errorf("there are points left of %v", left)
			}
		},
		"when_its_points_have_expired_nothing_is_taken": func(b *bench) {
			first := b.buys("2.00", of(b.book("2.00"), 1))
			b.pass(60 * day)
			b.wantPoints("0")
			if r := b.refund(b.t, first); r.PointsTaken != 0 {
				b.t.Errorf("%s points were taken", r.PointsTaken)
			}
			b.wantPoints("0")
		},
		"when_some_were_spent_and_the_rest_has_expired": func(b *bench) {
			first := b.buys("2.00", of(b.book("2.00"), 1))                                                            // 85 points
			b.buy(b.ctx, b.t, order(b.key(), "20", of(b.durable(b.t, "Prize", "20 POINTS"), 1)).in(money.PointsCode)) // of them
			b.pass(60 * day)
			if r := b.refund(b.t, first); r.PointsTaken != amount("20") {
				b.t.Errorf("%s points were taken", r.PointsTaken)
			}
			b.wantPoints("-20")
		},
		"points_come_back_for_thirty_days_when_their_lot_has_expired": func(b *bench) {
			b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
			b.pass(59 * day)
			bought := b.redeems("50", "1.50", of(b.book("2.00"), 1)) // earns 27 more
			b.pass(day)                                              // the rest, 35, has expired
			b.wantPoints("27")
			if r := b.refund(b.t, bought); r.PointsReturned != amount("50") || r.PointsTaken != amount("27") {
				b.t.Errorf("the refund says %+v", r)
			}
			b.wantPoints("50")
			b.pass(30*day - 1)
			b.wantPoints("50")
			b.pass(1)
			b.wantPoints("0")
		},
		"points_come_back_as_they_were_when_their_lot_has_not": func(b *bench) {
			b.buys("2.00", of(b.book("2.00"), 1)) // 85 points
			b.pass(30 * day)
			bought := b.redeems("50", "1.50", of(b.book("2.00"), 1))
			b.pass(day)
			b.refund(b.t, bought)
			b.wantPoints("85")
			b.pass(29*day - 1)
			b.wantPoints("85")
			b.pass(1)
			b.wantPoints("0")
		},
		"what_was_bought_first_comes_back_and_the_bonus_moves_on": func(b *bench) {
			first := b.buys("1.00", of(b.book("1.00"), 1))
			second := b.buys("1.00", of(b.book("1.00"), 1))
			b.refund(b.t, first)
			// The second purchase stays what it was; a bonus is for a purchase that is the first when it is made.
			b.refund(b.t, second)
			b.wantPoints("0")
			if p := b.buys("1.00", of(b.book("1.00"), 1)); p.Points != amount("70") || p.Ordinal != 3 {
				b.t.Errorf("the next purchase is %+v", p)
			}
		},
		"a_badge_whose_condition_holds_stays": func(b *bench) {
			var bought []*ent.Purchase
			for range 4 {
				bought = append(bought, b.buys("0.50", of(b.hints("0.50"), 1)))
				b.pass(time.Minute)
			}
			b.refund(b.t, bought[2]) // which earned it
			if b.held() != "collector newcomer regular three-purchases" {
				b.t.Errorf("with three purchases there is %s", b.held())
			}
			b.refund(b.t, bought[0])
			if b.held() != "newcomer" {
				b.t.Errorf("with two purchases there is %s", b.held())
			}
			b.refund(b.t, bought[3])
			b.refund(b.t, bought[1])
			b.wantPoints("0")
			if b.held() != "" {
				b.t.Errorf("with no purchases there is %s", b.held())
			}
		},
		"points_of_a_quest_stay_as_long_as_it_is_complete": func(b *bench) {
			var bought []*ent.Purchase
			for range 4 {
				bought = append(bought, b.buys("0.50", of(b.hints("0.50"), 1)))
				b.pass(time.Minute)
			}
			points := b.view().Points
			third := bought[2].Points
			if r := b.refund(b.t, bought[2]); r.PointsTaken != third-amount("25") {
				b.t.Errorf("%s points were taken of %s", r.PointsTaken, third)
			}
			if got := b.view().Points; got != points-third+amount("25") {
				b.t.Errorf("%s points after the refund", got)
			}
			second := bought[1].Points
			if r := b.refund(b.t, bought[1]); r.PointsTaken != second+amount("25") {
				b.t.Errorf("%s points were taken of %s", r.PointsTaken, second)
			}
		},
		"of_a_sale_that_was_closed_leaves_it_closed": func(b *bench) {
			hints := b.hints("1.00")
			sale := b.sale(b.t, hints, "0.25 USD", func(in *offers.CreateFlashSale) {
				in.StartsAt, in.EndsAt, in.Stock = new(b.now()), new(b.now().Add(day)), new(int64(5))
			})
			bought := b.buys("0.75", of(hints, 3))
			limit := func(stock *int64) {
				_, err := b.offers.UpdateFlashSale(merchandiser(b.t), offers.UpdateFlashSale{
					CommonChange: offers.CommonChange{ID: sale.ID}, Stock: catalog.To(stock),
				})
				if err != nil {
					b.t.Fatal(err)
				}
			}
			limit(new(int64(2)))
			b.refund(b.t, bought)
			if units, _ := sold(b.t, b.db, sale); units != 0 {
				b.t.Errorf("%d units are counted", units)
			}
			b.buys("1.00", of(hints, 1))
			limit(nil) // what is closed stays so
			b.buys("1.00", of(hints, 1))
		},
		"goes_through_when_the_shop_has_given_up_the_currency": func(b *bench) {
			bought := b.buys("1.00", of(b.book("1.00"), 1))
			other := open(b.t, b.db, func(c *Config) { c.Currencies = currencies(b.t, "EUR") })
			other.clock = b.clock
			other.refund(b.t, bought)
		},
		"with_rewards_turned_off_is_told_without_points": func(b *bench) {
			_, err := b.Rewards.ChangeSettings(b.ctx, rewards.Settings{ShopperID: shopperOf(b.ctx), Enabled: catalog.To(false)})
			if err != nil {
				b.t.Fatal(err)
			}
			b.refund(b.t, b.buys("1.00", of(b.book("1.00"), 1)))
			for _, e := range b.db.Client().OutboxEvent.Query().AllX(b.ctx) {
				if text := string(e.Payload); strings.Contains(text, "oints") {
					b.t.Errorf("%s tells of points: %s", e.Topic, text)
				}
			}
		},
		"is_told_and_audited": func(b *bench) {
			bought := b.buys("1.00", of(b.book("1.00"), 1))
			r := b.refund(b.t, bought)
			event := b.db.Client().OutboxEvent.Query().Order(ent.Desc("id")).FirstX(b.ctx)
			var payload map[string]string
			if err := json.Unmarshal(event.Payload, &payload); err != nil {
				b.t.Fatal(err)
			}
			want := map[string]string{
				"refundId": id.Encode(id.Refund, r.ID), "purchaseId": id.Encode(id.Purchase, bought.ID), "currency": "USD", "total": "1.00",
				"pointsTaken": "70", "pointsReturned": "0",
			}
			if diff := cmp.Diff(want, payload); diff != "" || event.Topic != "purchase.refunded" {
				b.t.Errorf("topic %s (-want +got):\n%s", event.Topic, diff)
			}
			entry := b.db.Client().AuditEntry.Query().Order(ent.Desc("id")).FirstX(b.ctx)
			if entry.Action != "refundPurchase" || entry.TargetID != bought.ID || entry.Actor != "sue" || !strings.Contains(string(entry.After), "asked for it") {
				b.t.Errorf("the audit says %+v", entry)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				setRules(t, d, everyRule())
				b := open(t, d).bench(t, "sam")
				b.topUp(b.ctx, t, "90", "USD")
				test(b)
				prove(t, d)
			})
		})
	}
}

// TestRefundIsRefused tries one by one what a refund is refused for; nothing is left of any of them.
func TestRefundIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, everyRule())
		s := open(t, d)
		b := s.bench(t, "sam")
		bought, again, kims := b.buys("1.00", of(b.book("1.00"), 1)), b.buys("1.00", of(b.book("1.00"), 1)), s.bench(t, "kim").buys("1.00", of(b.book("1.00"), 1))
		done, err := b.Refund(support(t), refunding("done", bought))
		if err != nil || done.Replayed {
			t.Fatal(done, err)
		}
		full := s.rich(t, "croesus", "10", "USD")
		dear := s.buy(full, t, order("1", "1.00", of(b.book("1.00"), 1))).Purchase
		s.topUp(full, t, "8999999990.50", "USD")

		in := func(change func(*RefundInput)) RefundInput {
			in := refunding("key", again)
			change(&in)
			return in
		}
		for name, c := range map[string]struct {
			in   RefundInput
			want []string
		}{
			"no_key":                   {in(func(in *RefundInput) { in.IdempotencyKey = "" }), []string{"INVALID_INPUT idempotencyKey"}},
			"no_reason":                {in(func(in *RefundInput) { in.Reason = "" }), []string{"INVALID_INPUT reason"}},
			"a_blank_reason":           {in(func(in *RefundInput) { in.Reason = " \n\t" }), []string{"INVALID_INPUT reason"}},
			"a_reason_of_501":          {in(func(in *RefundInput) { in.Reason = strings.Repeat("ä", maxReason+1) }), []string{"INVALID_INPUT reason"}},
			"a_reason_with_a_zero":     {in(func(in *RefundInput) { in.Reason = "a\x00b" }), []string{"INVALID_INPUT reason"}},
			"a_reason_with_an_escape":  {in(func(in *RefundInput) { in.Reason = "a\u009bb" }), []string{"INVALID_INPUT reason"}},
			"a_reason_that_is_no_text": {in(func(in *RefundInput) { in.Reason = "\xff" }), []string{"INVALID_INPUT reason"}},
			"all_that_is_wrong":        {RefundInput{Malformed: fault.List{fault.Input("purchaseId", "No id.")}}, []string{"INVALID_INPUT purchaseId", "INVALID_INPUT idempotencyKey", "INVALID_INPUT reason"}},
			"an_unknown_purchase":      {in(func(in *RefundInput) { in.PurchaseID = uuid.New() }), []string{"NOT_FOUND purchaseId"}},
			"refunded_before":          {refunding("key", bought), []string{"ALREADY_REFUNDED purchaseId"}},
			"the_key_of_another":       {refunding("done", again), []string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"}},
			"the_key_for_another_reason": {
				RefundInput{IdempotencyKey: "done", PurchaseID: bought.ID, Reason: "asked for it again"},
				[]string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"},
			},
			"a_full_wallet": {refunding("key", dear), []string{"NOT_REFUNDABLE purchaseId"}},
		} {
			t.Run(name, func(t *testing.T) {
				before := contents(t, d)
				got, err := s.Refund(support(t), c.in)
				wantRefusals(t, err, c.want...)
				if got.Refund != nil || got.Replayed {
					t.Errorf("got %+v beside the refusal", got)
				}
				if fault.Is(err, fault.AlreadyRefunded) {
					if r, ok := the(t, err).Data.(*ent.Refund); !ok || r.ID != done.Refund.ID || r.Edges.Purchase == nil || r.Edges.Purchase.ID != bought.ID {
						t.Errorf("the refusal says %+v", the(t, err).Data)
					}
				}
				if diff := cmp.Diff(before, contents(t, d)); diff != "" {
					t.Errorf("a refusal changed something (-before +after):\n%s", diff)
				}
			})
		}
		t.Run("a_repeat_is_no_refusal", func(t *testing.T) {
			before := contents(t, d)
			got, err := s.Refund(support(t), refunding("done", bought))
			if err != nil || !got.Replayed || asJSON(t, got.Refund) != asJSON(t, done.Refund) {
				t.Errorf("the repeat is %+v, %v", got, err)
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("a repeat changed something (-before +after):\n%s", diff)
			}
		})
		t.Run("the_refused_key_refunds", func(t *testing.T) {
			if got, err := s.Refund(support(t), refunding("key", again)); err != nil || got.Replayed {
				t.Error(got, err)
			}
		})
		t.Run("the_key_of_another_shopper_is_another", func(t *testing.T) {
			if got, err := s.Refund(support(t), refunding("done", kims)); err != nil || got.Replayed {
				t.Error(got, err)
			}
		})
		t.Run("a_wallet_that_has_room_again", func(t *testing.T) {
			s.buy(full, t, order("2", "0.50", of(b.hints("0.50"), 1)))
			s.refund(t, dear)
		})
		prove(t, d)
	})
}

// TestRefundsInOneBatch puts refunds and checkouts into one batch that stand in each other's way. What one has decided the
// next one sees, and what is written comes to the same.
func TestRefundsInOneBatch(t *testing.T) {
	t.Parallel()
	give := func(ctx context.Context, t *testing.T, key string, p *ent.Purchase) *request {
		t.Helper()
		return refundRequested(ctx, t, refunding(key, p))
	}
	for name, c := range map[string]struct {
		batch func(t *testing.T, b *bench) []*request
		want  []string
	}{
		"what_is_given_back_is_bought_again": {
			batch: func(t *testing.T, b *bench) []*request {
				book := b.book("1.00")
				bought := b.buys("1.00", of(book, 1))
				return []*request{
					requested(b.ctx, t, order("too early", "1.00", of(book, 1))), give(b.ctx, t, "back", bought),
					requested(b.ctx, t, order("again", "1.00", of(book, 1))), requested(b.ctx, t, order("and again", "1.00", of(book, 1))),
					give(b.ctx, t, "back twice", bought), give(b.ctx, t, "back", bought),
				}
			},
			want: []string{"ALREADY_OWNED", "refunded", "bought", "ALREADY_OWNED", "ALREADY_REFUNDED", "repeat"},
		},
		"money_that_comes_back_pays": {
			batch: func(t *testing.T, b *bench) []*request {
				bought := b.buys("9.00", of(b.book("9.00"), 1))
				return []*request{
					requested(b.ctx, t, order("1", "8.00", of(b.book("8.00"), 1))), give(b.ctx, t, "back", bought),
					requested(b.ctx, t, order("2", "8.00", of(b.book("8.00"), 1))),
				}
			},
			want: []string{"INSUFFICIENT_FUNDS", "refunded", "bought"},
		},
		"a_trial_that_ends_in_the_batch_cannot_be_refunded": {
			batch: func(t *testing.T, b *bench) []*request {
				book := b.book("1.00")
				tried := b.buys("0.20", one(b.shop.trial(t, book, "0.20 USD", nil).ID))
				return []*request{requested(b.ctx, t, order("buy", "0.80", of(book, 1))), give(b.ctx, t, "back", tried)}
			},
			want: []string{"bought", "NOT_REFUNDABLE"},
		},
		"a_trial_that_is_refunded_in_the_batch_is_credited_no_more": {
			batch: func(t *testing.T, b *bench) []*request {
				book := b.book("1.00")
				tried := b.buys("0.20", one(b.shop.trial(t, book, "0.20 USD", nil).ID))
				return []*request{
					give(b.ctx, t, "back", tried), requested(b.ctx, t, order("credited", "0.80", of(book, 1))),
					requested(b.ctx, t, order("buy", "1.00", of(book, 1))),
				}
			},
			want: []string{"refunded", "PRICE_CHANGED", "bought"},
		},
		"a_trial_goes_on_and_ends_again": {
			batch: func(t *testing.T, b *bench) []*request {
				book := b.book("1.00")
				b.buys("0.20", one(b.shop.trial(t, book, "0.20 USD", nil).ID))
				bought := b.buys("0.80", of(book, 1))
				return []*request{give(b.ctx, t, "back", bought), requested(b.ctx, t, order("buy", "0.80", of(book, 1)))}
			},
			want: []string{"refunded", "bought"},
		},
		"a_trial_goes_on_and_is_refunded": {
			batch: func(t *testing.T, b *bench) []*request {
				book := b.book("1.00")
				tried := b.buys("0.20", one(b.shop.trial(t, book, "0.20 USD", nil).ID))
				bought := b.buys("0.80", of(book, 1))
				return []*request{
					give(b.ctx, t, "too early", tried), give(b.ctx, t, "first", bought), give(b.ctx, t, "then", tried),
					requested(b.ctx, t, order("buy", "1.00", of(book, 1))),
				}
			},
			want: []string{"NOT_REFUNDABLE", "refunded", "refunded", "bought"},
		},
		"units_of_a_sale_go_from_hand_to_hand": {
			batch: func(t *testing.T, b *bench) []*request {
				hints := b.hints("1.00")
				b.sale(t, hints, "0.25 USD", func(in *offers.CreateFlashSale) { in.Stock, in.PerShopper = new(int64(2)), new(int64(2)) })
				free := b.hints("1.00")
				b.sale(t, free, "0.25 USD", nil)
				kim := b.rich(t, "kim", "5", "USD")
				bought := b.buys("1.00", of(hints, 2), of(free, 2))
				return []*request{
					requested(kim, t, order("1", "0.25", of(hints, 1))), give(b.ctx, t, "back", bought),
					requested(kim, t, order("2", "0.50", of(hints, 1), of(free, 1))), requested(b.ctx, t, order("3", "0.50", of(hints, 1), of(free, 1))),
					requested(kim, t, order("4", "0.25", of(hints, 1))),
				}
			},
			want: []string{"SOLD_OUT", "refunded", "bought", "bought", "SOLD_OUT"},
		},
		"points_that_were_taken_back_cannot_be_spent": {
			batch: func(t *testing.T, b *bench) []*request {
				bought, prize := b.buys("1.00", of(b.book("1.00"), 1)), b.durable(t, "Prize", "70 POINTS") // 70 points
				return []*request{
					give(b.ctx, t, "back", bought), requested(b.ctx, t, order("goods", "70", of(prize, 1)).in(money.PointsCode)),
					requested(b.ctx, t, order("again", "1.00", of(b.book("1.00"), 1))),
					requested(b.ctx, t, order("goods", "70", of(prize, 1)).in(money.PointsCode)),
				}
			},
			want: []string{"refunded", "INSUFFICIENT_FUNDS", "bought", "bought"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				setRules(t, d, everyRule())
				var taken []Batch
				s := open(t, d, func(c *Config) { c.Observe = func(b Batch) { taken = append(taken, b) } })
				b := s.bench(t, "sam")
				batch := c.batch(t, b)
				taken = nil
				s.run(batch)
				var got []string
				for _, r := range batch {
					switch o := r.outcome; {
					case o.refunded != nil:
						got = append(got, "refunded")
					case o.err == nil && o.purchase == nil:
						got = append(got, "repeat")
					default:
						got = append(got, o.String())
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if len(taken) != 1 || taken[0].Err != nil {
					t.Errorf("it took more than one transaction: %+v", taken)
				}
				prove(t, d)
			})
		})
	}
}

// refundRequested is a refund as it comes to the till.
func refundRequested(ctx context.Context, t testing.TB, in RefundInput) *request {
	t.Helper()
	r, err := newRefund(actor.Actor{Subject: "sue", Roles: []actor.Role{actor.Support}}, shopperOf(ctx), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCutRefunds cuts the connection at every statement of a refund in turn, before the server gets it and right after it has
// executed it, COMMIT included: the purchase is given back exactly once, and the till knows it.
func TestCutRefunds(t *testing.T) {
	t.Parallel()
	s, cuttable, proxy := throughProxy(t)
	setRules(t, s.db, everyRule())
	cuttable.clock = s.clock
	b := s.bench(t, "sam")
	hints := b.hints("0.20")
	s.sale(t, hints, "0.10 USD", func(in *offers.CreateFlashSale) { in.Stock = new(int64(5)) })
	b.buys("0.30", of(b.book("0.30"), 1))
	for _, kind := range []struct {
		name string
		is   func(string) bool
		from int
	}{{"commit", dbtest.Commit, 1}, {"statement", anything, 2}} { // the first finds whose purchase it is, before the till
		bought := b.buys("0.10", of(hints, 1))
		n := statementsOf(t, proxy, kind.is, func() { cuttable.refund(t, bought) })
		for nth := kind.from; nth <= n; nth++ {
			for _, executed := range []bool{false, true} {
				what := fmt.Sprintf("cut at %s %d of %d, executed %t", kind.name, nth, n, executed)
				before := holdings(t, s.db)
				in := refunding(what, b.buys("0.10", of(hints, 1)))
				made, cuts := count(t, s.db, "refunds"), proxy.Cuts()
				proxy.Cut(dbtest.Cut{Statement: kind.is, Nth: nth, Executed: executed})
				got, err := cuttable.Refund(support(t), in)
				proxy.Cut(dbtest.Cut{Statement: func(string) bool { return false }})
				if err != nil || got.Replayed || got.Refund == nil {
					t.Errorf("%s: %+v, %v; want a refund of its own", what, got, err)
					continue
				}
				again, err := s.Refund(support(t), in)
				if err != nil || !again.Replayed || asJSON(t, again.Refund) != asJSON(t, got.Refund) {
					t.Errorf("%s: the repeat gives another refund (-first +repeat):\n%s", what, cmp.Diff(asJSON(t, got.Refund), asJSON(t, again.Refund)))
				}
				if n := count(t, s.db, "refunds") - made; n != 1 || proxy.Cuts() != cuts+1 {
					t.Errorf("%s: %d refunds, %d cuts; want 1 of each", what, n, proxy.Cuts()-cuts)
				}
				if diff := cmp.Diff(before, holdings(t, s.db)); diff != "" {
					t.Errorf("%s: before the purchase and after its refund (-before +after):\n%s", what, diff)
				}
			}
		}
		t.Logf("%d statements of kind %s", n, kind.name)
	}
	prove(t, s.db)
}
