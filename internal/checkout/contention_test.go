package checkout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// tills are a shop on one handle of a database, and then with a second one on a handle of its own, as another server
// process would have.
func tills(t *testing.T, test func(t *testing.T, d *db.DB, shops []*shop)) {
	t.Helper()
	for _, n := range []int{1, 2} {
		t.Run(strconv.Itoa(n)+"_tills", func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
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

// outcomes is what became of many checkouts.
type outcomes struct {
	bought, replayed []Result
	refused          map[string]int
}

// atOnce sends n checkouts at the same moment, to each till in turn, and waits for all of them.
func atOnce(ctx context.Context, shops []*shop, n int, in func(i int) (context.Context, Input)) outcomes {
	o := outcomes{refused: map[string]int{}}
	var mu sync.Mutex
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Go(func() {
			ctx, in := in(i)
			<-start
			result, err := shops[i%len(shops)].Checkout(ctx, in)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				for _, text := range refusals(err) {
					o.refused[text]++
				}
			case result.Replayed:
				o.replayed = append(o.replayed, result)
			default:
				o.bought = append(o.bought, result)
			}
		})
	}
	close(start)
	done.Wait()
	return o
}

// want checks how many checkouts bought, repeated, and were refused for the one reason given.
func (o outcomes) want(t *testing.T, bought, replayed, refused int, reason string) {
	t.Helper()
	if len(o.bought) != bought || len(o.replayed) != replayed || o.refused[reason] != refused || (refused == 0) != (len(o.refused) == 0) || len(o.refused) > 1 {
		t.Fatalf("%d bought, %d repeated, %v refused; want %d, %d, and %d times %s",
			len(o.bought), len(o.replayed), o.refused, bought, replayed, refused, reason)
	}
}

func TestIdenticalCheckoutsAtOnce(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		hints := s.consumable(t, "Hints", 10, "0.20 USD")
		ctx := s.rich(t, "sam", "100", "USD")
		o := atOnce(ctx, shops, 200, func(int) (context.Context, Input) { return ctx, order("the key", "0.60", of(hints, 3)) })
		o.want(t, 1, 199, 0, "")
		for _, r := range o.replayed {
			if asJSON(t, r.Purchase) != asJSON(t, o.bought[0].Purchase) {
				t.Errorf("a repeat got another purchase: %+v", r.Purchase)
			}
		}
		if n := len(rows(t, d, "SELECT id FROM transfers WHERE kind = 'PURCHASE'")); n != 1 || count(t, d, "purchases") != 1 {
			t.Errorf("%d purchases, %d debits, want 1 of each", count(t, d, "purchases"), n)
		}
		if w := s.buy(ctx, t, order("the key", "0.60", of(hints, 3))).Wallet; w.Balance != amount("99.40") {
			t.Errorf("%s is left, want 99.40", w.Balance)
		}
	})
}

func TestMoneyForTen(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx := s.rich(t, "sam", "2.10", "USD")
		o := atOnce(ctx, shops, 100, func(i int) (context.Context, Input) { return ctx, order(fmt.Sprint(i), "0.20", of(hints, 1)) })
		o.want(t, 10, 0, 90, "INSUFFICIENT_FUNDS")
		numbers := map[int64]bool{}
		for _, r := range o.bought {
			p := r.Purchase
			numbers[p.Ordinal] = true
			if want := map[int64]string{1: "first-purchase", 10: "ten-purchases"}[p.Ordinal]; badges(r) != want {
				t.Errorf("purchase %d earned %q, want %q", p.Ordinal, badges(r), want)
			}
			if left := amount("2.10") - money.Amount(p.Ordinal)*amount("0.20"); r.Wallet.Balance != left {
				t.Errorf("after purchase %d there is %s left, want %s", p.Ordinal, r.Wallet.Balance, left)
			}
		}
		if len(numbers) != 10 || count(t, d, "achievements") != 2 {
			t.Errorf("numbers %v, %d badges", numbers, count(t, d, "achievements"))
		}
	})
}

func TestOneDurableGoodAtOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 50} {
		t.Run(strconv.Itoa(n)+"_times", func(t *testing.T) {
			t.Parallel()
			tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
				s := shops[0]
				book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 1, "0.20 USD")
				ctx := s.rich(t, "sam", "200", "USD")
				o := atOnce(ctx, shops, n, func(i int) (context.Context, Input) {
					return ctx, order(fmt.Sprint(i), "2.19", of(book, 1), of(hints, 1))
				})
				o.want(t, 1, 0, n-1, "ALREADY_OWNED items.0.id")
				if count(t, d, "entitlements") != 2 || o.bought[0].Wallet.Balance != amount("197.81") {
					t.Errorf("%d entitlements, %s left", count(t, d, "entitlements"), o.bought[0].Wallet.Balance)
				}
			})
		})
	}
}

func TestFirstPurchasesAtOnce(t *testing.T) {
	t.Parallel()
	tills(t, func(t *testing.T, d *db.DB, shops []*shop) {
		s := shops[0]
		hints := s.consumable(t, "Hints", 1, "0 USD") // not even an account row stands between them
		ctx := s.shopper(t, "sam")
		o := atOnce(ctx, shops, 20, func(i int) (context.Context, Input) { return ctx, order(fmt.Sprint(i), "0", of(hints, 1)) })
		o.want(t, 20, 0, 0, "")
		got := map[string]int64{}
		for _, r := range o.bought {
			if code := badges(r); code != "" {
				got[code] += r.Purchase.Ordinal
			}
		}
		if len(got) != 2 || got["first-purchase"] != 1 || got["ten-purchases"] != 10 || count(t, d, "achievements") != 2 {
			t.Errorf("badges at purchases %v, %d in all", got, count(t, d, "achievements"))
		}
	})
}

// TestMixedLoad has eight shoppers buy on two tills, sometimes by the same call on both at once, while prices change under
// them. Each pays exactly what they were shown.
func TestMixedLoad(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const shoppers, rounds = 8, 15
		shops := []*shop{open(t, d), open(t, dbtest.Open(t, dbtest.URL(t, d)))}
		s := shops[0]
		prices := []string{"0.20 USD", "0.30 USD", "0.55 USD"}
		hints, lives := s.consumable(t, "Hints", 10, prices[0]), s.consumable(t, "Lives", 1, "0 USD")
		book := s.durable(t, "Walden", "1.99 USD")
		valid := map[money.Amount]bool{}
		for _, p := range priceList(prices) {
			valid[p.Amount] = true
		}

		var buyers, merchandisers sync.WaitGroup
		turns := make(chan int, shoppers*rounds)
		merchandisers.Go(func() {
			for i := range turns { // faster than that, nobody would get to buy at the price that they were shown
				s.reprice(t, hints, prices[i%len(prices)])
			}
		})
		for n := range shoppers {
			ctx := s.rich(t, fmt.Sprint("shopper ", n), "9", "USD")
			buyers.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 1))
				for i := range rounds {
					items := []Item{of(hints, 1+random.Int64N(3))}
					switch random.IntN(4) {
					case 0:
						items = append(items, of(book, 1))
					case 1:
						items = append(items, of(lives, 2))
					}
					turns <- i
					on := random.IntN(3) // on the one, on the other, on both
					asked := [][]*shop{shops[:1], shops[1:], shops}[on]
					if err := buyAsShown(ctx, asked, fmt.Sprint(n, "/", i), items, valid); err != nil {
						t.Errorf("shopper %d, round %d: %v", n, i, err)
					}
				}
			})
		}
		buyers.Wait()
		close(turns)
		merchandisers.Wait()
		prove(t, d)
		if n := count(t, d, "purchases"); n < shoppers*rounds/4 {
			t.Errorf("only %d purchases of %d tries", n, shoppers*rounds)
		}
	})
}

// buyAsShown asks for a quote and buys at its total, on one till or on both at once, and starts again when the price has
// changed meanwhile. The error says what should not have happened.
func buyAsShown(ctx context.Context, shops []*shop, key string, items []Item, valid map[money.Amount]bool) error {
	basket := Basket{Currency: "USD", Items: items}
	for {
		quote, err := shops[0].Quote(ctx, QuoteInput{Basket: basket})
		if err != nil {
			return err
		}
		in := Input{IdempotencyKey: key, Basket: basket, ExpectedTotal: quote.Total}
		o := atOnce(ctx, shops, len(shops), func(int) (context.Context, Input) { return ctx, in })
		if len(o.bought) > 0 {
			p := o.bought[0].Purchase
			if p.Total != in.ExpectedTotal || !valid[p.Edges.Lines[0].UnitPrice] {
				return fmt.Errorf("shown %s, paid %s at %s", in.ExpectedTotal, p.Total, p.Edges.Lines[0].UnitPrice)
			}
			if len(o.bought) > 1 || len(o.replayed) > 0 && o.replayed[0].Purchase.ID != p.ID {
				return fmt.Errorf("the same checkout twice: %d bought, repeated %+v", len(o.bought), o.replayed)
			}
			return nil
		}
		switch {
		case o.refused["PRICE_CHANGED expectedTotal"] > 0: // again with what is shown now
		case o.refused["INSUFFICIENT_FUNDS"] == len(shops), o.refused["ALREADY_OWNED items.1.id"] == len(shops):
			return nil
		default:
			return fmt.Errorf("%d repeated, refused %v", len(o.replayed), o.refused)
		}
	}
}

// TestBatchesSeeEachOther puts requests into one batch that stand in each other's way.
func TestBatchesSeeEachOther(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 1, "0.20 USD")
		sam, kim := s.rich(t, "sam", "2.50", "USD"), s.rich(t, "kim", "2.50", "USD")
		batch := []*request{
			requested(sam, t, order("a", "1.99", of(book, 1))),
			requested(kim, t, order("a", "1.99", of(book, 1))),
			requested(sam, t, order("a", "1.99", of(book, 1))),
			requested(sam, t, order("b", "1.99", of(book, 1))),
			requested(sam, t, order("a", "0.20", of(hints, 1))),
			requested(sam, t, order("c", "0.40", of(hints, 2))),
			requested(sam, t, order("d", "0.20", of(hints, 1))),
			requested(kim, t, order("d", "0.20", of(hints, 1))),
		}
		s.run(batch)
		var got []string
		for _, r := range batch {
			got = append(got, r.outcome.String())
		}
		want := []string{
			"bought", "bought", "recorded " + batch[0].claim.ResultID.String() + " true", "ALREADY_OWNED", "IDEMPOTENCY_KEY_REUSED",
			"bought", "INSUFFICIENT_FUNDS", "bought",
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("request %d: %s, want %s", i, got[i], want[i])
			}
		}
		prove(t, d)
	})
}

// TestLargestBatch writes, and asks for, as many rows as one transaction ever has to.
func TestLargestBatch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		var items []Item
		for i := range MaxItems {
			items = append(items, of(s.consumable(t, fmt.Sprint("Hints ", i), 1, "0.01 USD"), 1))
		}
		ctx := s.rich(t, "sam", "1000", "USD")
		batch := make([]*request, enoughItems/MaxItems+1)
		for i := range batch {
			batch[i] = requested(ctx, t, order(fmt.Sprint(i), "0.50", items...))
		}
		s.run(batch)
		for i, r := range batch {
			if r.outcome.purchase == nil {
				t.Fatalf("request %d: %v", i, r.outcome)
			}
		}
		if n := count(t, d, "purchase_lines"); n != len(batch)*MaxItems {
			t.Errorf("%d lines, want %d", n, len(batch)*MaxItems)
		}

		// As many different products as there can be, none of them there.
		for i := range batch {
			unknown := make([]Item, MaxItems)
			for j := range unknown {
				unknown[j] = Item{ID: id.New(), Quantity: 1}
			}
			batch[i] = requested(ctx, t, order("unknown", "1", unknown...))
		}
		s.run(batch)
		for _, r := range batch {
			if list := fault.From(r.outcome.err); len(list) != MaxItems || !fault.Is(list, fault.NotFound) {
				t.Fatalf("got %v, want %d products not found", r.outcome, MaxItems)
			}
		}
	})
}
