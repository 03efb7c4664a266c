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
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/wallet"
)

func TestCheckout(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book := s.durable(t, "Walden", "1.99 USD")
		hints := s.consumable(t, "Hints", 10, "0.20 USD")
		ctx := s.rich(t, "sam", "5", "USD")
		s.give(ctx, t, "0.50", "USD", wallet.Promotional)

		got := s.buy(ctx, t, order("first", "2.59", of(hints, 3), of(book, 1)))
		p := got.Purchase
		if p.ShopperID != shopperOf(ctx) || p.Ordinal != 1 || p.Currency != "USD" || p.Actor != "sam" || !p.CreatedAt.Equal(noon) ||
			p.Subtotal != amount("2.59") || p.Total != amount("2.59") {
			t.Errorf("purchase %+v", p)
		}
		// 0.50 of it was given, and 2.09 earns 20.9 points.
		if p.Points != amount("20") || got.Points != amount("20") || got.Replayed {
			t.Errorf("%s points, %s in all, replayed %t; want 20, 20, false", p.Points, got.Points, got.Replayed)
		}
		if w := got.Wallet; w == nil || w.Balance != amount("2.91") || w.Paid != amount("2.91") || w.Promotional != 0 {
			t.Errorf("wallet %+v, want 2.91, all paid", w)
		}
		if b := badges(got); b != "first-purchase" {
			t.Errorf("badges %q", b)
		}
		lines, entitlements := p.Edges.Lines, p.Edges.Entitlements
		if len(lines) != 2 || len(entitlements) != 2 {
			t.Fatalf("%d lines, %d entitlements, want 2 of each", len(lines), len(entitlements))
		}
		if l := lines[0]; l.ProductID != hints.ID || l.Position != 0 || l.Kind != "CONSUMABLE" || l.Quantity != 3 || l.Units != 10 ||
			l.UnitPrice != amount("0.20") || l.Subtotal != amount("0.60") || l.Total != amount("0.60") || l.Language != "en" ||
			!cmp.Equal(l.Names, map[string]string{"en": "Hints", "de": "Hints (de)"}) {
			t.Errorf("line %+v", l)
		}
		if l := lines[1]; l.ProductID != book.ID || l.Position != 1 || l.Kind != "DURABLE" || l.Quantity != 1 || l.Units != 1 || l.Total != amount("1.99") {
			t.Errorf("line %+v", l)
		}
		if e := entitlements[0]; e.ProductID != hints.ID || e.Units != 30 || e.Remaining != 30 || e.Status != "ACTIVE" || !e.GrantedAt.Equal(noon) {
			t.Errorf("entitlement %+v", e)
		}
		if e := entitlements[1]; e.ProductID != book.ID || e.Units != 1 || e.Remaining != 1 || e.Kind != "DURABLE" {
			t.Errorf("entitlement %+v", e)
		}

		// What was returned is what was written.
		stored, err := ByID(ctx, d.Client(), shopperOf(ctx), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asJSON(t, p), asJSON(t, stored)); diff != "" {
			t.Errorf("returned (-) is not what is stored (+):\n%s", diff)
		}
		events, err := d.Client().OutboxEvent.Query().All(ctx)
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		var payload map[string]string
		if err := json.Unmarshal(last.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"purchaseId": id.Encode(id.Purchase, p.ID), "currency": "USD", "total": "2.59", "points": "20"}
		if diff := cmp.Diff(want, payload); diff != "" || last.Topic != "purchase.completed" || last.ShopperID == nil || *last.ShopperID != shopperOf(ctx) {
			t.Errorf("event %s for %v (-want +got):\n%s", last.Topic, last.ShopperID, diff)
		}
		prove(t, d)
	})
}

// asJSON is a purchase with all that belongs to it, for comparison. Instants are in UTC.
func asJSON(t testing.TB, record any) string {
	t.Helper()
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), `+00:00"`, `Z"`)
}

func TestCheckoutOfNothingToPay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		gift, hints := s.durable(t, "Gift", "0 USD"), s.consumable(t, "Hints", 5, "0 USD")
		ctx := s.shopper(t, "sam")
		got := s.buy(ctx, t, order("free", "0", of(gift, 1), of(hints, 2)))
		if p := got.Purchase; p.Ordinal != 1 || p.Total != 0 || p.Points != 0 || len(p.Edges.Lines) != 2 || len(p.Edges.Entitlements) != 2 || badges(got) != "first-purchase" {
			t.Errorf("purchase %+v", got.Purchase)
		}
		if got.Wallet != nil || got.Points != 0 || count(t, d, "transfers") != 0 {
			t.Errorf("wallet %v, %s points, %d transfers; want none", got.Wallet, got.Points, count(t, d, "transfers"))
		}
		// What cannot be read is refused, also where the rest of it would be a repeat.
		unreadable := order("free", "0", of(gift, 1), of(hints, 2))
		unreadable.Malformed = fault.List{fault.Input("expectedTotal", "Not a number.")}
		if _, err := s.Checkout(ctx, unreadable); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("an unreadable total gave %v", err)
		}
		again := s.buy(ctx, t, order("free", "0", of(gift, 1), of(hints, 2)))
		if !again.Replayed || again.Purchase.ID != got.Purchase.ID || again.Wallet != nil {
			t.Errorf("repeat: %+v", again)
		}
		prove(t, d)
	})
}

func TestCheckoutWithValueThatWasNotPaidFor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "1.00 USD")
		ctx := s.shopper(t, "sam")
		s.give(ctx, t, "1.50", "USD", wallet.Promotional)
		s.give(ctx, t, "0.50", "USD", wallet.Gift)
		s.topUp(ctx, t, "1.95", "USD")
		for i, points := range []string{"0", "0", "10"} {
			got := s.buy(ctx, t, order(fmt.Sprint(i), "1", of(hints, 1)))
			if got.Purchase.Points != amount(points) {
				t.Errorf("purchase %d earned %s points, want %s", i+1, got.Purchase.Points, points)
			}
		}
		if n := len(rows(t, d, "SELECT id FROM transfers WHERE kind = 'POINTS_EARNED'")); n != 1 {
			t.Errorf("%d awards of points, want 1", n)
		}
		prove(t, d)
	})
}

func TestCheckoutEarnsBadges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx := s.rich(t, "sam", "10", "USD")
		for n := int64(1); n <= 12; n++ {
			in := order(fmt.Sprint("key ", n), "0.20", of(hints, 1))
			quote, err := s.Quote(ctx, QuoteInput{Basket: in.Basket})
			if err != nil {
				t.Fatal(err)
			}
			bought := s.buy(ctx, t, in)
			p := bought.Purchase
			var want string
			switch n {
			case 1:
				want = "first-purchase"
			case 10:
				want = "ten-purchases"
			}
			if got, promised := badges(bought), promised(quote); p.Ordinal != n || got != want || promised != want {
				t.Errorf("purchase %d has number %d and badges %q, promised %q, want %q", n, p.Ordinal, got, promised, want)
			}
		}
		prove(t, d)
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 10, "0.20 USD", "250 KRW")
		ctx := s.rich(t, "sam", "10", "USD")
		in := order("key", "2.39", of(book, 1), of(hints, 2))
		first := s.buy(ctx, t, in)

		repeat := func(t *testing.T, with *shop, in Input) {
			t.Helper()
			before := contents(t, d)
			got := with.buy(ctx, t, in)
			if !got.Replayed || asJSON(t, got.Purchase) != asJSON(t, first.Purchase) {
				t.Errorf("replayed %t (-first +repeat):\n%s", got.Replayed, cmp.Diff(asJSON(t, first.Purchase), asJSON(t, got.Purchase)))
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("the repeat wrote (-before +after):\n%s", diff)
			}
		}
		t.Run("returns_the_purchase_and_writes_nothing", func(t *testing.T) {
			repeat(t, s, in)
			repeat(t, s, order("key", "2.39", of(hints, 1), of(book, 1), of(hints, 1))) // the same basket
		})
		t.Run("shows_the_wallet_as_it_is_now", func(t *testing.T) {
			s.topUp(ctx, t, "1", "USD")
			got := s.buy(ctx, t, in)
			if got.Wallet.Balance != amount("8.61") || got.Points != first.Points {
				t.Errorf("wallet %s, %s points", got.Wallet.Balance, got.Points)
			}
		})
		t.Run("with_other_content_is_refused", func(t *testing.T) {
			before := contents(t, d)
			for name, other := range map[string]Input{
				"basket":   order("key", "2.39", of(book, 1), of(hints, 1)),
				"total":    order("key", "2.40", of(book, 1), of(hints, 2)),
				"currency": order("key", "3", of(book, 1), of(hints, 2)).in("KRW"),
			} {
				result, err := s.Checkout(ctx, other)
				if wantRefusals(t, err, "IDEMPOTENCY_KEY_REUSED idempotencyKey"); result.Purchase != nil {
					t.Errorf("%s: got a purchase", name)
				}
			}
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("a reused key wrote (-before +after):\n%s", diff)
			}
		})
		t.Run("is_another_key_for_another_shopper", func(t *testing.T) {
			other := s.rich(t, "kim", "10", "USD")
			if got := s.buy(other, t, in); got.Replayed || got.Purchase.ID == first.Purchase.ID {
				t.Errorf("another shopper got %+v", got)
			}
		})
		t.Run("is_the_same_after_the_catalogue_has_changed", func(t *testing.T) {
			for _, p := range []*ent.Product{book, hints} {
				_, err := s.catalog.Update(merchandiser(t), catalog.UpdateInput{
					ID: p.ID, Texts: catalog.To([]catalog.Text{{Language: "fr", Name: "Autre"}}), Prices: catalog.To(priceList([]string{"7 USD"})),
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.catalog.Archive(merchandiser(t), catalog.ArchiveInput{ID: p.ID}); err != nil {
					t.Fatal(err)
				}
			}
			s.clock.set(noon.AddDate(1, 0, 0))
			repeat(t, s, in)
			history, err := History(ctx, d.Client(), shopperOf(ctx), page.Args{})
			if err != nil || len(history.Edges) != 1 || asJSON(t, history.Edges[0].Node) != asJSON(t, first.Purchase) {
				t.Errorf("history %+v, %v", history, err)
			}
		})
		t.Run("is_the_same_after_the_shop_has_given_up_the_currency", func(t *testing.T) {
			s := open(t, d, func(c *Config) { c.Currencies = currencies(t, "EUR") })
			repeat(t, s, in)
			_, err := s.Checkout(ctx, order("key", "2.40", in.Basket.Items...))
			wantRefusals(t, err, "INVALID_INPUT currency")
			_, err = s.Checkout(ctx, order("new", "2.39", in.Basket.Items...))
			wantRefusals(t, err, "INVALID_INPUT currency")
		})
		prove(t, d)
	})
}

// TestRefusals tries one by one what a checkout is refused for. Nothing is left of any of them, and the key buys when it
// is used for something that can be bought.
func TestRefusals(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 10, "0.20 USD", "0.055 KWD")
		book := s.durable(t, "Walden", "1.99 USD", "1300 KRW")
		owned := s.durable(t, "Owned", "0.99 USD")
		draft := s.create(t, catalog.CreateInput{Kind: product.KindDURABLE, Units: 1, Status: product.StatusDRAFT}, "Draft", []string{"1 USD"})
		archived := s.durable(t, "Archived", "1 USD")
		if _, err := s.catalog.Archive(merchandiser(t), catalog.ArchiveInput{ID: archived.ID}); err != nil {
			t.Fatal(err)
		}
		early := s.create(t, catalog.CreateInput{Kind: product.KindDURABLE, Units: 1, PublishFrom: new(noon.Add(time.Microsecond))}, "Early", []string{"1 USD"})
		late := s.create(t, catalog.CreateInput{Kind: product.KindDURABLE, Units: 1, PublishUntil: new(noon)}, "Late", []string{"1 USD"})
		dear := s.consumable(t, "Dear", 1, "1000000 USD")
		unknown := &ent.Product{ID: id.New()}
		ctx := s.rich(t, "sam", "5", "USD")
		s.buy(ctx, t, order("before", "0.99", of(owned, 1)))

		many := func(n int) []Item {
			items := make([]Item, n)
			for i := range items {
				items[i] = of(hints, 1)
			}
			return items
		}
		malformed := order("key", "0.20", of(hints, 1))
		malformed.Malformed = fault.List{fault.Input("items.0.id", "No id.")}
		for name, c := range map[string]struct {
			in   Input
			want []string
		}{
			"no_key":                        {order("", "0.20", of(hints, 1)), []string{"INVALID_INPUT idempotencyKey"}},
			"a_blank_key":                   {order(" \u00a0", "0.20", of(hints, 1)), []string{"INVALID_INPUT idempotencyKey"}},
			"a_key_of_256":                  {order(strings.Repeat("ä", 256), "0.20", of(hints, 1)), []string{"INVALID_INPUT idempotencyKey"}},
			"a_key_with_a_zero":             {order("a\x00b", "0.20", of(hints, 1)), []string{"INVALID_INPUT idempotencyKey"}},
			"a_key_that_is_no_text":         {order("\xff", "0.20", of(hints, 1)), []string{"INVALID_INPUT idempotencyKey"}},
			"an_empty_basket":               {order("key", "0"), []string{"INVALID_INPUT items"}},
			"51_items":                      {order("key", "10.20", many(51)...), []string{"INVALID_INPUT items"}},
			"quantity_0":                    {order("key", "0", of(hints, 0)), []string{"INVALID_INPUT items.0.quantity"}},
			"quantity_-1":                   {order("key", "0", of(hints, -1)), []string{"INVALID_INPUT items.0.quantity"}},
			"quantity_10^9":                 {order("key", "0.20", of(hints, 1e9)), []string{"INVALID_INPUT items.0.quantity"}},
			"too_many_together":             {order("key", "2000", of(hints, MaxQuantity), of(hints, 1)), []string{"INVALID_INPUT items.0.quantity"}},
			"two_of_a_durable_good":         {order("key", "3.98", of(book, 2)), []string{"INVALID_INPUT items.0.quantity"}},
			"more_than_an_amount_can_be":    {order("key", "9000000000", of(dear, 9001)), []string{"INVALID_INPUT items"}},
			"a_total_of_-1":                 {order("key", "-1", of(hints, 1)), []string{"INVALID_INPUT expectedTotal"}},
			"a_total_finer_than_a_cent":     {order("key", "0.201", of(hints, 1)), []string{"INVALID_INPUT expectedTotal"}},
			"a_total_finer_than_a_won":      {order("key", "1300.5", of(book, 1)).in("KRW"), []string{"INVALID_INPUT expectedTotal"}},
			"a_currency_not_traded":         {order("key", "0.20", of(hints, 1)).in("CHF"), []string{"INVALID_INPUT currency"}},
			"a_total_finer_than_a_point":    {order("key", "0.20", of(hints, 1)).in(money.PointsCode), []string{"INVALID_INPUT expectedTotal"}},
			"not_sold_for_points":           {order("key", "20", of(hints, 1)).in(money.PointsCode), []string{"NOT_AVAILABLE items.0.id"}},
			"what_could_not_be_read":        {malformed, []string{"INVALID_INPUT items.0.id"}},
			"all_that_is_wrong_at_once":     {order("", "-1", of(hints, 0)), []string{"INVALID_INPUT idempotencyKey", "INVALID_INPUT items.0.quantity", "INVALID_INPUT expectedTotal"}},
			"an_unknown_product":            {order("key", "0.20", of(hints, 1), of(unknown, 1)), []string{"NOT_FOUND items.1.id"}},
			"a_draft":                       {order("key", "1", of(draft, 1)), []string{"NOT_FOUND items.0.id"}},
			"an_archived_product":           {order("key", "1", of(archived, 1)), []string{"NOT_AVAILABLE items.0.id"}},
			"before_its_window":             {order("key", "1", of(early, 1)), []string{"NOT_AVAILABLE items.0.id"}},
			"at_the_end_of_its_window":      {order("key", "1", of(late, 1)), []string{"NOT_AVAILABLE items.0.id"}},
			"not_sold_in_the_currency":      {order("key", "1", of(hints, 1)).in("KRW"), []string{"NOT_AVAILABLE items.0.id"}},
			"owned_already":                 {order("key", "1.19", of(hints, 1), of(owned, 1)), []string{"ALREADY_OWNED items.1.id"}},
			"a_cent_too_little":             {order("key", "0.19", of(hints, 1)), []string{"PRICE_CHANGED expectedTotal"}},
			"a_cent_too_much":               {order("key", "0.21", of(hints, 1)), []string{"PRICE_CHANGED expectedTotal"}},
			"a_cent_too_much_and_no_money":  {order("key", "200.01", of(hints, 1000)), []string{"PRICE_CHANGED expectedTotal"}},
			"too_little_money":              {order("key", "4.20", of(hints, 21)), []string{"INSUFFICIENT_FUNDS"}},
			"no_wallet_in_the_currency":     {order("key", "0.055", of(hints, 1)).in("KWD"), []string{"INSUFFICIENT_FUNDS"}},
			"one_wrong_item_spoils_the_lot": {order("key", "3.19", of(hints, 1), of(book, 1), of(archived, 1)), []string{"NOT_AVAILABLE items.2.id"}},
		} {
			t.Run(name, func(t *testing.T) {
				before := contents(t, d)
				result, err := s.Checkout(ctx, c.in)
				wantRefusals(t, err, c.want...)
				if result.Purchase != nil || result.Replayed || result.Wallet != nil {
					t.Errorf("got %+v beside the refusal", result)
				}
				if diff := cmp.Diff(before, contents(t, d)); diff != "" {
					t.Errorf("left behind (-before +after):\n%s", diff)
				}
				if c.in.IdempotencyKey == "key" {
					buyer := s.rich(t, "after "+name, "1", "USD")
					_, _ = s.Checkout(buyer, c.in)
					s.buy(buyer, t, order("key", "0.20", of(hints, 1)))
				}
			})
		}
		t.Run("nobody", func(t *testing.T) {
			stranger := actor.With(ctx, actor.Actor{Subject: "nobody", ShopperID: id.New()})
			for _, ctx := range []context.Context{stranger, t.Context()} {
				before := contents(t, d)
				_, err := s.Checkout(ctx, order("key", "0.20", of(hints, 1)))
				wantRefusals(t, err, "NOT_FOUND")
				if diff := cmp.Diff(before, contents(t, d)); diff != "" {
					t.Errorf("left behind (-before +after):\n%s", diff)
				}
			}
		})
		prove(t, d)
	})
}

func TestRefusalsCarryWhatAClientNeeds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 10, "0.20 USD")
		ctx := s.rich(t, "sam", "2", "USD")

		_, err := s.Checkout(ctx, order("key", "2.19", of(book, 1), of(hints, 1)))
		want := wallet.Shortage{Balance: amount("2"), Required: amount("2.19"), Shortfall: amount("0.19"), Currency: "USD"}
		if got := the(t, err); got.Data != want {
			t.Errorf("%s with %+v, want %+v", got.Code, got.Data, want)
		}

		s.reprice(t, book, "1.49 USD")
		_, err = s.Checkout(ctx, order("key", "1.99", of(book, 1)))
		f := the(t, err)
		quote, ok := f.Data.(*Quote)
		if !ok || quote.Total != amount("1.49") || *quote.Balance != amount("2") || quote.Shortfall != nil || quote.Rewards.Total != amount("14") ||
			promised(quote) != "first-purchase" || len(quote.Lines) != 1 || !quote.At.Equal(noon) {
			t.Errorf("%s with %+v", f.Code, f.Data)
		}
		// With the new quote's total, the refused key buys.
		p := s.buy(ctx, t, order("key", quote.Total.String(), of(book, 1))).Purchase

		_, err = s.Checkout(ctx, order("again", "1.49", of(book, 1)))
		f = the(t, err)
		if data, ok := f.Data.(Owned); !ok || data.Product.ID != book.ID || data.Entitlement.ID != p.Edges.Entitlements[0].ID {
			t.Errorf("%s with %+v", f.Code, f.Data)
		}
		prove(t, d)
	})
}

// TestMorePointsThanThereCanBe refuses a purchase whose points have no place, before anything is moved.
func TestMorePointsThanThereCanBe(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		setRules(t, d, rules("GEM=4000"))
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "1000000 GEM")
		ctx, other := s.rich(t, "sam", "9000000", "GEM"), s.rich(t, "kim", "9000000", "GEM")
		for i := range 2 { // 4,000,000,000 points each
			s.buy(ctx, t, order(fmt.Sprint(i), "1000000", of(hints, 1)).in("GEM"))
		}
		before := contents(t, d)
		_, err := s.Checkout(ctx, order("key", "1000000", of(hints, 1)).in("GEM"))
		wantRefusals(t, err, "INVALID_INPUT items")
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("left behind (-before +after):\n%s", diff)
		}
		// In one batch with another's purchase it leaves nothing either.
		batch := []*request{
			requested(ctx, t, order("key", "1000000", of(hints, 1)).in("GEM")),
			requested(other, t, order("key", "1000000", of(hints, 1)).in("GEM")),
		}
		s.run(batch)
		if batch[0].outcome.err == nil || batch[1].outcome.purchase == nil {
			t.Errorf("outcomes %v and %v, want a refusal and a purchase", batch[0].outcome, batch[1].outcome)
		}
		prove(t, d)
	})
}

func TestQuote(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 10, "0.20 USD")
		basket := Basket{Currency: "USD", Items: []Item{of(book, 1), of(hints, 3)}}
		before := contents(t, d)

		visitor, err := s.Quote(t.Context(), QuoteInput{Basket: basket})
		if err != nil {
			t.Fatal(err)
		}
		if visitor.Total != amount("2.59") || visitor.Balance != nil || visitor.Shortfall != nil || promised(visitor) != "first-purchase" ||
			visitor.Rewards.Total != amount("25") || len(visitor.Lines) != 2 || len(visitor.Refusals) != 0 {
			t.Errorf("a visitor's quote is %+v", visitor)
		}
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("a quote wrote (-before +after):\n%s", diff)
		}

		ctx := s.shopper(t, "sam")
		poor, err := s.Quote(ctx, QuoteInput{Basket: basket})
		if err != nil {
			t.Fatal(err)
		}
		if *poor.Balance != 0 || *poor.Shortfall != amount("2.59") || poor.Rewards.Total != amount("25") || promised(poor) != "first-purchase" {
			t.Errorf("the quote without a wallet is %+v", poor)
		}
		s.give(ctx, t, "1", "USD", wallet.Promotional)
		poor, err = s.Quote(ctx, QuoteInput{Basket: basket})
		if err != nil {
			t.Fatal(err)
		}
		// What is missing would be paid for, and earns.
		if *poor.Balance != amount("1") || *poor.Shortfall != amount("1.59") || poor.Rewards.Total != amount("15") {
			t.Errorf("the quote of a poor shopper is %+v", poor)
		}

		for name, c := range map[string]struct {
			basket Basket
			want   string
		}{
			"nothing":  {Basket{Currency: "USD"}, "INVALID_INPUT items"},
			"currency": {Basket{Currency: "CHF", Items: basket.Items}, "INVALID_INPUT currency"},
			"quantity": {Basket{Currency: "USD", Items: []Item{of(hints, 0)}}, "INVALID_INPUT items.0.quantity"},
		} {
			if quote, err := s.Quote(ctx, QuoteInput{Basket: c.basket}); quote != nil {
				t.Errorf("%s: %+v", name, quote)
			} else {
				wantRefusals(t, err, c.want)
			}
		}
	})
}

// TestQuoteIsWhatACheckoutDoes draws baskets and wallets, asks for a quote and then checks out at the quoted total.
func TestQuoteIsWhatACheckoutDoes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		goods := []*ent.Product{
			s.consumable(t, "Hints", 10, "0.20 USD", "250 KRW"), s.consumable(t, "Lives", 3, "1.15 USD", "0 KRW"),
			s.durable(t, "Walden", "1.99 USD", "1300 KRW"), s.durable(t, "Gift", "0 USD"), s.durable(t, "Poems", "0.99 USD"),
			s.durable(t, "Archived", "1 USD"),
			{ID: id.New()},
		}
		if _, err := s.catalog.Archive(merchandiser(t), catalog.ArchiveInput{ID: goods[5].ID}); err != nil {
			t.Fatal(err)
		}
		var shoppers []context.Context
		for i := range 6 {
			ctx := s.shopper(t, fmt.Sprint("shopper ", i))
			s.topUp(ctx, t, fmt.Sprint(1+5*i), "USD")
			s.give(ctx, t, "0.70", "USD", wallet.Promotional)
			if i%2 == 0 {
				s.topUp(ctx, t, "5000", "KRW")
			}
			shoppers = append(shoppers, ctx)
		}
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			ctx := rapid.SampledFrom(shoppers).Draw(rt, "shopper")
			items := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Item {
				return of(rapid.SampledFrom(goods).Draw(rt, "good"), rapid.SampledFrom([]int64{1, 1, 1, 1, 2}).Draw(rt, "quantity"))
			}), 1, 4).Draw(rt, "items")
			code := rapid.SampledFrom([]money.Code{"USD", "USD", "KRW"}).Draw(rt, "currency")
			basket := Basket{Currency: code, Items: items}
			quote, err := s.Quote(ctx, QuoteInput{Basket: basket})
			if err != nil {
				rt.Fatal(err)
			}
			n++
			in := Input{IdempotencyKey: fmt.Sprint("key ", n), Basket: basket, ExpectedTotal: quote.Total}
			got, err := s.Checkout(ctx, in)
			switch {
			case len(quote.Refusals) > 0:
				if diff := cmp.Diff(refusals(quote.Refusals), refusals(err)); diff != "" {
					rt.Fatalf("refusals (-quote +checkout):\n%s", diff)
				}
			case quote.Shortfall != nil:
				if short, ok := the(t, err).Data.(wallet.Shortage); !ok || short.Shortfall != *quote.Shortfall || short.Balance != *quote.Balance {
					rt.Fatalf("quote %+v, then %v", quote, err)
				}
			case err != nil:
				rt.Fatalf("quote %+v, then %v", quote, err)
			default:
				p := got.Purchase
				same := p.Total == quote.Total && p.Subtotal == quote.Subtotal && p.Points == quote.Rewards.Total &&
					len(p.Edges.Lines) == len(quote.Lines) && badges(got) == promised(quote)
				for i, l := range p.Edges.Lines {
					q := quote.Lines[i]
					same = same && l.ProductID == q.ID && l.Quantity == q.Quantity && l.UnitPrice == q.Parts[0].Unit && l.Total == q.Total
				}
				if !same {
					rt.Fatalf("quote %+v, then %+v", quote, p)
				}
			}
		})
		prove(t, d)
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var clock func() time.Time
		s := open(t, d, func(c *Config) {
			clock = c.Clock
			c.Limiter = guard.NewLocal(c.Clock)
			c.PerShopper = guard.Limit{Burst: 3, Rate: 1, Period: time.Minute}
			c.PerAddress = guard.Limit{Burst: 7, Rate: 1, Period: time.Minute}
		})
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx := s.rich(t, "sam", "5", "USD")
		nth := func(n int) Input { return order(fmt.Sprint(n), "0.20", of(hints, 1)) }

		first := s.buy(ctx, t, nth(0))
		if first.Limit.Remaining != 2 || first.Limit.Limit.Burst != 3 {
			t.Errorf("limit %+v after one of three", first.Limit)
		}
		// A refusal for another reason counts, too, and says where the caller stands.
		result, err := s.Checkout(ctx, order("x", "0.19", of(hints, 1)))
		if wantRefusals(t, err, "PRICE_CHANGED expectedTotal"); result.Limit.Remaining != 1 {
			t.Errorf("limit %+v after two of three", result.Limit)
		}
		s.buy(ctx, t, nth(1))

		before := contents(t, d)
		result, err = s.Checkout(ctx, nth(2))
		f := the(t, err)
		decision, ok := f.Data.(guard.Decision)
		if f.Code != fault.RateLimited || !ok || decision.Allowed || decision.RetryAfter != time.Minute || result.Limit != decision {
			t.Errorf("%s with %+v, limit %+v", f.Code, f.Data, result.Limit)
		}
		if diff := cmp.Diff(before, contents(t, d)); diff != "" {
			t.Errorf("left behind (-before +after):\n%s", diff)
		}
		t.Run("lets_a_repeat_through", func(t *testing.T) {
			got := s.buy(ctx, t, nth(0))
			if !got.Replayed || got.Purchase.ID != first.Purchase.ID || got.Limit.Allowed || got.Wallet.Balance != amount("4.60") {
				t.Errorf("got %+v", got)
			}
			_, err := s.Checkout(ctx, order("0", "0.40", of(hints, 2))) // the key of a purchase, and another request
			wantRefusals(t, err, "RATE_LIMITED")
			_, err = s.Checkout(ctx, order("a\x00", "0.20", of(hints, 1)))
			wantRefusals(t, err, "INVALID_INPUT idempotencyKey")
		})
		t.Run("counts_each_shopper_alone", func(t *testing.T) {
			s.buy(s.rich(t, "kim", "5", "USD"), t, nth(0))
		})
		t.Run("counts_an_address_for_all", func(t *testing.T) {
			for i := range 3 { // on top of the four that were allowed
				s.buy(s.rich(t, fmt.Sprint("crowd ", i), "5", "USD"), t, nth(0))
			}
			late := s.rich(t, "late", "5", "USD")
			_, err := s.Checkout(late, nth(0))
			if f := the(t, err); f.Code != fault.RateLimited || f.Data.(guard.Decision).Limit.Burst != 7 {
				t.Errorf("got %+v", f)
			}
			elsewhere := actor.From(late)
			elsewhere.Address = "198.51.100.7"
			s.buy(actor.With(late, elsewhere), t, nth(0))
		})
		t.Run("ends", func(t *testing.T) {
			s.clock.set(clock().Add(time.Minute))
			s.buy(ctx, t, nth(2))
		})
		prove(t, d)
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const purchases = 25
		s := open(t, d)
		hints, gift := s.consumable(t, "Hints", 1, "0.20 USD"), s.durable(t, "Gift", "0 USD")
		ctx, other := s.rich(t, "sam", "20", "USD"), s.rich(t, "kim", "20", "USD")
		var made []string
		for i := range purchases {
			items, total := []Item{of(hints, 1)}, "0.20"
			if i == 0 {
				items = append(items, of(gift, 1))
			}
			made = append(made, asJSON(t, s.buy(ctx, t, order(fmt.Sprint(i), total, items...)).Purchase))
			s.buy(other, t, order(fmt.Sprint(i), "0.20", of(hints, 1)))
			s.clock.set(noon.Add(-time.Duration(i) * time.Hour)) // the order is that of the purchases, whatever the clock says
		}
		read := func(shopper context.Context, args page.Args) (page.Page[*ent.Purchase], error) {
			return History(t.Context(), d.Client(), shopperOf(shopper), args)
		}
		for _, size := range []int{1, 7, 25, 100} {
			var forward, backward []string
			var after, before *string
			for more := true; more; {
				p, err := read(ctx, page.Args{First: &size, After: after})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range p.Edges {
					forward = append([]string{asJSON(t, e.Node)}, forward...)
					after = &e.Cursor
				}
				more = p.HasNext
			}
			for more := true; more; {
				p, err := read(ctx, page.Args{Last: &size, Before: before})
				if err != nil {
					t.Fatal(err)
				}
				for i := range p.Edges {
					e := p.Edges[len(p.Edges)-1-i]
					backward = append(backward, asJSON(t, e.Node))
					before = &e.Cursor
				}
				more = p.HasPrevious
			}
			if diff := cmp.Diff(made, forward); diff != "" {
				t.Errorf("forwards by %d (-made +read):\n%s", size, diff)
			}
			if diff := cmp.Diff(made, backward); diff != "" {
				t.Errorf("backwards by %d (-made +read):\n%s", size, diff)
			}
		}
		if n, err := Count(ctx, d.Client(), shopperOf(ctx)); err != nil || n != purchases {
			t.Errorf("counted %d, %v; want %d", n, err, purchases)
		}
		nobody := s.shopper(t, "nobody")
		if n, err := Count(ctx, d.Client(), shopperOf(nobody)); err != nil || n != 0 {
			t.Errorf("counted %d, %v for a shopper without purchases", n, err)
		}
		if p, err := read(nobody, page.Args{}); err != nil || len(p.Edges) != 0 || p.HasNext || p.HasPrevious {
			t.Errorf("got %+v, %v for a shopper without purchases", p, err)
		}

		theirs, err := read(other, page.Args{First: new(1)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = read(ctx, page.Args{After: &theirs.Edges[0].Cursor})
		wantRefusals(t, err, "INVALID_INPUT after")
		for name, foreign := range map[string]uuid.UUID{"another's": theirs.Edges[0].Node.ID, "unknown": id.New()} {
			if p, err := ByID(ctx, d.Client(), shopperOf(ctx), foreign); p != nil || !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: got %v, %v", name, p, err)
			}
		}
	})
}

// requested makes of an input what comes to the till.
func requested(ctx context.Context, t testing.TB, in Input) *request {
	t.Helper()
	r, err := newRequest(actor.From(ctx), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
