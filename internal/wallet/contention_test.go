package wallet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// instances opens so many shops on one database, each with a handle of its own, as that many server processes have.
func instances(t *testing.T, d *db.DB, n int) []*shop {
	t.Helper()
	shops := make([]*shop, n)
	for i := range shops {
		shops[i] = open(t, dbtest.Open(t, patient(dbtest.URL(t, d))))
	}
	return shops
}

// patient is the URL with locks that are waited for as long as it takes: where many want one lock, what is tested is not how
// fast the machine is.
func patient(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return url
	}
	return url + "&lock_timeout=10min&statement_timeout=10min"
}

func TestSameTopUpAtOnceIsOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d instances", n), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				shops := instances(t, d, n)
				ana := shops[0].shopper(t, "ana")
				const times = 200
				receipts, errs := make([]wallet.Receipt, times), make([]error, times)
				ctx := admin(t)
				atOnce(times, func(i int) { receipts[i], errs[i] = shops[i%n].TopUp(ctx, topUp(ana, "k", "10")) })

				made := 0
				for i, r := range receipts {
					if errs[i] != nil {
						t.Fatal(errs[i])
					}
					if !r.Replayed {
						made++
					}
					if r.TransferID != receipts[0].TransferID || r.Wallet.Balance != usd("10") {
						t.Errorf("receipt %+v with %v", r, r.Wallet)
					}
				}
				if made != 1 {
					t.Errorf("%d of %d top-ups were no repeats, want 1", made, times)
				}
				if n := rows(t, d)["transfers"]; n != 1 {
					t.Errorf("%d transfers, want 1", n)
				}
				shops[0].wantBalance(t, ana, "USD", "10")
				prove(t, d)
			})
		})
	}
}

func TestWalletIsNotOverdrawnByMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d instances", n), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				shops := instances(t, d, n)
				ana := shops[0].shopper(t, "ana")
				shops[0].mustTopUp(t, topUp(ana, "k", "10"))
				var done, refused atomic.Int64
				ctx := admin(t)
				atOnce(100, func(i int) {
					_, err := shops[i%n].Adjust(ctx, adjust(ana, fmt.Sprint(i), "-1"))
					switch {
					case err == nil:
						done.Add(1)
					case fault.Is(err, fault.InsufficientFunds):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
				if done.Load() != 10 || refused.Load() != 90 {
					t.Errorf("%d done and %d refused, want 10 and 90", done.Load(), refused.Load())
				}
				if n := rows(t, d)["transfers"]; n != 11 {
					t.Errorf("%d transfers, want 11", n)
				}
				shops[0].wantBalance(t, ana, "USD", "0")
				prove(t, d)
			})
		})
	}
}

// TestShoppersDoNotMixUp moves money of several shoppers and currencies at once, in and out, opening all wallets on the
// way, and loses nothing.
func TestShoppersDoNotMixUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		shops := instances(t, d, 2)
		var shoppers []uuid.UUID
		for i := range 4 {
			shoppers = append(shoppers, shops[0].shopper(t, fmt.Sprint("shopper ", i)))
		}
		ctx := admin(t)
		codes := []money.Code{"USD", "KRW", "GEM"}
		atOnce(96, func(i int) {
			in := topUp(shoppers[i%4], fmt.Sprint(i), "2")
			in.Currency = codes[i/4%3]
			if _, err := shops[i%2].TopUp(ctx, in); err != nil {
				t.Error(err)
			}
			out := adjust(in.ShopperID, fmt.Sprint(i), "-1")
			out.Currency = in.Currency
			if _, err := shops[(i+1)%2].Adjust(ctx, out); err != nil {
				t.Error(err)
			}
		})
		for _, shopper := range shoppers {
			for _, code := range codes {
				shops[0].wantBalance(t, shopper, code, "8")
			}
		}
		prove(t, d)
	})
}

// TestCutConnections cuts the connection at every write of a top-up and at its COMMIT, before the server executes it and
// after. The top-up is made all the same, and once; so is it when the client, too, asks again.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	const writes = 1 // accounts, transfers, the key and the event go together
	d := dbtest.Postgres(t)
	s := open(t, d)
	proxy := dbtest.NewProxy(t, patient(dbtest.URL(t, d)))
	cut := open(t, dbtest.Open(t, proxy.URL()))
	ana := s.shopper(t, "ana")

	type plan struct {
		name string
		dbtest.Cut
	}
	var plans []plan
	for _, executed := range []bool{false, true} {
		plans = append(plans, plan{fmt.Sprintf("COMMIT, executed %t", executed), dbtest.Cut{Statement: dbtest.Commit, Executed: executed}})
		for nth := range writes + 1 {
			plans = append(plans, plan{
				fmt.Sprintf("write %d, executed %t", nth+1, executed),
				dbtest.Cut{Statement: dbtest.Write, Nth: nth + 1, Executed: executed},
			})
		}
	}
	want := money.Amount(0)
	for _, p := range plans {
		t.Run(p.name, func(t *testing.T) {
			before := proxy.Cuts()
			proxy.Cut(p.Cut)
			first, err := cut.TopUp(admin(t), topUp(ana, p.name, "1"))
			if err != nil || first.Replayed {
				t.Fatalf("TopUp gives %+v and %v", first, err)
			}
			wantCuts := 1
			if p.Nth > writes {
				wantCuts = 0 // there is no such write: the plans above are all there are
			}
			if n := proxy.Cuts() - before; n != wantCuts {
				t.Fatalf("%d connections were cut, want %d", n, wantCuts)
			}
			proxy.Cut(dbtest.Cut{Statement: func(string) bool { return false }})
			want += usd("1")
			s.wantBalance(t, ana, "USD", want.String())
			again := s.mustTopUp(t, topUp(ana, p.name, "1"))
			if !again.Replayed || again.TransferID != first.TransferID || again.Wallet.Balance != want {
				t.Errorf("the repeat gives %+v with %v", again, again.Wallet)
			}
		})
	}
	prove(t, d)
}

// TestCutAmongMany cuts the COMMIT of one of many identical top-ups: the others neither wait for ever nor act twice.
func TestCutAmongMany(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := instances(t, d, 1)[0]
	proxy := dbtest.NewProxy(t, patient(dbtest.URL(t, d)))
	cut := open(t, dbtest.Open(t, proxy.URL()))
	ana := s.shopper(t, "ana")
	for round := range 4 {
		executed := round%2 == 0
		key := fmt.Sprint("round ", round)
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit, Executed: executed})
		ctx := admin(t)
		var made atomic.Int64
		atOnce(30, func(i int) {
			r, err := []*shop{cut, s}[i%2].TopUp(ctx, topUp(ana, key, "1"))
			if err != nil {
				t.Error(err)
			}
			if !r.Replayed {
				made.Add(1)
			}
		})
		if made.Load() != 1 {
			t.Errorf("%d top-ups were no repeats, want 1", made.Load())
		}
	}
	if n := proxy.Cuts(); n != 4 {
		t.Errorf("%d connections were cut, want 4", n)
	}
	s.wantBalance(t, ana, "USD", "4")
	prove(t, d)
}

// TestAnswerThatNobodyWaitedFor: a caller leaves just when the answer to COMMIT is lost. It is told that nobody knows, not
// that the top-up failed; a repeat finds it or makes it.
func TestAnswerThatNobodyWaitedFor(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := open(t, d)
	proxy := dbtest.NewProxy(t, patient(dbtest.URL(t, d)))
	cut := open(t, dbtest.Open(t, proxy.URL()))
	ana := s.shopper(t, "ana")
	for _, executed := range []bool{false, true} {
		t.Run(fmt.Sprintf("executed %t", executed), func(t *testing.T) {
			ctx, leave := context.WithCancel(admin(t))
			defer leave()
			proxy.Cut(dbtest.Cut{Executed: executed, Statement: func(sql string) bool {
				if dbtest.Commit(sql) {
					leave()
					return true
				}
				return false
			}})
			in := topUp(ana, fmt.Sprint(executed), "1")
			if r, err := cut.TopUp(ctx, in); !errors.Is(err, db.ErrOutcomeUnknown) || len(fault.From(err)) > 0 {
				t.Fatalf("TopUp gives %+v and %v, want that the outcome is unknown", r, err)
			}
			if r := s.mustTopUp(t, in); r.Replayed != executed {
				t.Errorf("the repeat gives %+v", r)
			}
		})
	}
	s.wantBalance(t, ana, "USD", "2")
	prove(t, d)
}
