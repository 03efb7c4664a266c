package checkout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
)

// throughProxy opens a shop directly and a till whose connections a proxy can cut.
func throughProxy(t *testing.T) (s, cuttable *shop, proxy *dbtest.Proxy) {
	t.Helper()
	d := dbtest.Postgres(t)
	proxy = dbtest.NewProxy(t, dbtest.URL(t, d))
	return open(t, d), open(t, dbtest.Open(t, proxy.URL())), proxy
}

// anything is every statement.
func anything(string) bool { return true }

// statementsOf counts the statements of a kind in one purchase.
func statementsOf(t *testing.T, proxy *dbtest.Proxy, kind func(string) bool, purchase func()) int {
	t.Helper()
	var n atomic.Int64
	proxy.Cut(dbtest.Cut{Statement: func(sql string) bool {
		if kind(sql) {
			n.Add(1)
		}
		return false
	}})
	purchase()
	if n.Load() == 0 {
		t.Fatal("no statement went through the proxy")
	}
	return int(n.Load())
}

// TestCutConnections cuts the connection at every statement of a purchase in turn, before the server gets it and right
// after it has executed it, COMMIT included. The till finds out by itself what became of the purchase; the client never
// needs to repeat, and may.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	s, cuttable, proxy := throughProxy(t)
	book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 1, "0.20 USD")
	key := 0
	in := func(first bool) Input {
		key++
		if first {
			return order(fmt.Sprint(key), "2.19", of(book, 1), of(hints, 1))
		}
		return order(fmt.Sprint(key), "0.20", of(hints, 1))
	}
	for _, kind := range []struct {
		name string
		is   func(string) bool
		// first says that it is a shopper's first purchase, which opens the points account and earns a badge.
		first bool
	}{
		{"commit", dbtest.Commit, false}, {"write", dbtest.Write, true}, {"statement", anything, false},
	} {
		ctx := s.rich(t, kind.name, "100", "USD")
		if !kind.first {
			cuttable.buy(ctx, t, in(false))
		}
		n := statementsOf(t, proxy, kind.is, func() {
			buyer := ctx
			if kind.first {
				buyer = s.rich(t, "counted", "100", "USD")
			}
			cuttable.buy(buyer, t, in(kind.first))
		})
		for nth := 1; nth <= n; nth++ {
			for _, executed := range []bool{false, true} {
				what := fmt.Sprintf("cut at %s %d of %d, executed %t", kind.name, nth, n, executed)
				buyer := ctx
				if kind.first {
					buyer = s.rich(t, what, "100", "USD")
				}
				before, cuts := count(t, s.db, "purchases"), proxy.Cuts()
				in := in(kind.first)
				proxy.Cut(dbtest.Cut{Statement: kind.is, Nth: nth, Executed: executed})
				got, err := cuttable.Checkout(buyer, in)
				if err != nil || got.Replayed || got.Purchase == nil {
					t.Errorf("%s: %v, replayed %t; want a purchase of its own", what, err, got.Replayed)
					continue
				}
				again := s.buy(buyer, t, in)
				if !again.Replayed || asJSON(t, again.Purchase) != asJSON(t, got.Purchase) || again.Wallet.Balance != got.Wallet.Balance {
					t.Errorf("%s: the repeat gives another purchase (-first +repeat):\n%s", what, cmp.Diff(asJSON(t, got.Purchase), asJSON(t, again.Purchase)))
				}
				if made := count(t, s.db, "purchases") - before; made != 1 || proxy.Cuts() != cuts+1 {
					t.Errorf("%s: %d purchases, %d cuts; want 1 of each", what, made, proxy.Cuts()-cuts)
				}
			}
		}
		t.Logf("%d statements of kind %s", n, kind.name)
	}
	prove(t, s.db)
}

// TestCutBatch cuts around the COMMIT of a batch in which requests stand in each other's way.
func TestCutBatch(t *testing.T) {
	t.Parallel()
	s, cuttable, proxy := throughProxy(t)
	book, hints := s.durable(t, "Walden", "1.99 USD"), s.consumable(t, "Hints", 1, "0.20 USD")
	for _, executed := range []bool{false, true} {
		sam, kim := s.rich(t, fmt.Sprint("sam", executed), "2.50", "USD"), s.rich(t, fmt.Sprint("kim", executed), "2.50", "USD")
		batch := []*request{
			requested(sam, t, order("a", "1.99", of(book, 1))),
			requested(kim, t, order("a", "1.99", of(book, 1))),
			requested(sam, t, order("a", "1.99", of(book, 1))),
			requested(sam, t, order("b", "1.99", of(book, 1))),
			requested(kim, t, order("c", "0.60", of(hints, 3))),
		}
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit, Executed: executed})
		cuttable.run(batch)
		for i, want := range []string{"bought", "bought", "repeat", "ALREADY_OWNED", "INSUFFICIENT_FUNDS"} {
			o := batch[i].outcome
			got := o.String()
			switch {
			case o.err == nil && o.recorded == batch[i].claim.ResultID && !o.replayed:
				got = "bought"
			case o.err == nil && o.recorded == batch[0].claim.ResultID && o.replayed:
				got = "repeat"
			}
			if got != want {
				t.Errorf("executed %t, request %d: %s, want %s", executed, i, got, want)
			}
		}
	}
	if n := count(t, s.db, "purchases"); n != 4 {
		t.Errorf("%d purchases, want 4", n)
	}
	prove(t, s.db)
}

// TestCallerLeaves has the caller go away at every statement of the purchase in turn. It is then made whole or not at
// all, and a repeat with the same key makes it one.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	s, cuttable, proxy := throughProxy(t)
	hints := s.consumable(t, "Hints", 1, "0.20 USD")
	ctx := s.rich(t, "sam", "100", "USD")
	in := func(n int) Input { return order(fmt.Sprint(n), "0.20", of(hints, 1)) }
	cuttable.buy(ctx, t, in(-1))
	n := statementsOf(t, proxy, anything, func() { cuttable.buy(ctx, t, in(0)) })
	left := 0
	for nth := 1; nth <= n; nth++ {
		leaving, leave := context.WithCancel(ctx)
		var seen atomic.Int64
		proxy.Cut(dbtest.Cut{Statement: func(string) bool {
			if seen.Add(1) == int64(nth) {
				leave()
			}
			return false
		}})
		got, err := cuttable.Checkout(leaving, in(nth))
		leave()
		switch {
		case err == nil && got.Purchase != nil: // the answer was faster
		case errors.Is(err, context.Canceled):
			left++
		default:
			t.Errorf("leaving at statement %d: %v", nth, err)
		}
		s.buy(ctx, t, in(nth))
	}
	if got := count(t, s.db, "purchases"); got != n+2 || left == 0 {
		t.Errorf("%d purchases, want %d; left %d times", got, n+2, left)
	}
	prove(t, s.db)
}

// TestIsolation runs into each other whatever isolation the database gives to those who do not ask for one.
func TestIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"serializable", "repeatable read"} {
		t.Run(strings.ReplaceAll(level, " ", "_"), func(t *testing.T) {
			t.Parallel()
			first := dbtest.Postgres(t)
			err := first.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.ExecContext(ctx, `DO $$ BEGIN
					EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = %L', current_database(), '`+level+`');
				END $$`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var shops []*shop
			for range 2 {
				d, err := db.Open(t.Context(), dbtest.URL(t, first))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := d.Close(); err != nil {
						t.Error(err)
					}
				})
				shops = append(shops, open(t, d))
			}
			s := shops[0]
			if got := rows(t, s.db, "SELECT current_setting('default_transaction_isolation')"); len(got) != 1 || got[0] != level {
				t.Fatalf("isolation %v", got)
			}
			hints, free := s.consumable(t, "Hints", 1, "0.20 USD"), s.consumable(t, "Free", 1, "0 USD")
			ctx := s.rich(t, "sam", "2.10", "USD")
			// The same key for each pair, on one till and on the other.
			o := atOnce(ctx, shops, 40, func(i int) (context.Context, Input) {
				return ctx, order(fmt.Sprint("free ", i/2), "0", of(free, 1))
			})
			o.want(t, 20, 20, 0, "")
			o = atOnce(ctx, shops, 60, func(i int) (context.Context, Input) { return ctx, order(fmt.Sprint(i), "0.20", of(hints, 1)) })
			o.want(t, 10, 0, 50, "INSUFFICIENT_FUNDS")
			prove(t, s.db)
		})
	}
}

// TestClosingServesWhatIsQueued closes the shop in the middle of a rush: each checkout is either bought or refused.
func TestClosingServesWhatIsQueued(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx := s.rich(t, "sam", "100", "USD")
		served := make(chan struct{}, 1)
		go func() {
			<-served
			s.Close()
		}()
		o := atOnce(ctx, []*shop{s}, 100, func(i int) (context.Context, Input) {
			if i == 50 {
				served <- struct{}{}
			}
			return ctx, order(fmt.Sprint(i), "0.20", of(hints, 1))
		})
		s.Close()
		if bought := len(o.bought); bought+o.refused["OVERLOADED"] != 100 || bought != count(t, d, "purchases") {
			t.Errorf("%d bought, %v refused, %d purchases", bought, o.refused, count(t, d, "purchases"))
		}
		if _, err := s.Checkout(ctx, order("late", "0.20", of(hints, 1))); !fault.Is(err, fault.Overloaded) {
			t.Errorf("after the close: %v", err)
		}
		prove(t, d)
	})
}

// Somebody holds a shopper's row for longer than anybody waits for a lock: the shop says that it is busy, and the same key
// may be used again.
func TestLockThatIsNotGiven(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := open(t, d)
	hints := s.consumable(t, "Hints", 1, "0.20 USD")
	ctx := s.rich(t, "sam", "1", "USD")
	impatient := open(t, dbtest.Open(t, dbtest.URL(t, d)+"&lock_timeout=100"))
	impatient.clock = s.clock
	held, release := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	holding.Go(func() {
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT id FROM shoppers FOR UPDATE")
			close(held)
			<-release
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	_, err := impatient.Checkout(ctx, order("key", "0.20", of(hints, 1)))
	wantRefusals(t, err, "OVERLOADED")
	if o, ok := the(t, err).Data.(Overload); !ok || o.RetryAfter != lockRetry {
		t.Errorf("the refusal says %+v", the(t, err).Data)
	}
	close(release)
	holding.Wait()
	if impatient.buy(ctx, t, order("key", "0.20", of(hints, 1))).Replayed {
		t.Error("what was refused had happened")
	}
	prove(t, d)
}
