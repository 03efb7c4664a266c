package wallet_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/proof"
	"farthing/internal/wallet"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when tests happen.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

// shop is the wallets on one handle of a database.
type shop struct {
	*wallet.Service
	db *db.DB
}

// open opens a shop that trades in USD, KRW and two virtual currencies.
func open(t testing.TB, d *db.DB) *shop {
	t.Helper()
	return trade(t, d, "USD,KRW,GEM:0,DUST:6")
}

// trade opens a shop that trades in these currencies.
func trade(t testing.TB, d *db.DB, currencies string) *shop {
	t.Helper()
	traded, err := money.ParseCurrencies(currencies)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{Service: wallet.New(d, traded, func() time.Time { return noon }), db: d}
	if err := s.OpenHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// shopper makes a shopper.
func (s *shop) shopper(t testing.TB, subject string) uuid.UUID {
	t.Helper()
	id, err := identity.New(s.db, func() time.Time { return noon }).Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// admin is a context in which an administrator is calling.
func admin(t testing.TB) context.Context {
	return actor.With(t.Context(), actor.Actor{Subject: "ada", Roles: []actor.Role{actor.Admin}})
}

// topUp is the input of a top-up in USD.
func topUp(shopper uuid.UUID, key, amount string) wallet.TopUpInput {
	return wallet.TopUpInput{IdempotencyKey: key, ShopperID: shopper, Currency: "USD", Amount: usd(amount), Reference: "pay-" + key}
}

// adjust is the input of a correction in USD.
func adjust(shopper uuid.UUID, key, amount string) wallet.AdjustInput {
	return wallet.AdjustInput{
		IdempotencyKey: key, ShopperID: shopper, Currency: "USD", Amount: usd(amount), Origin: wallet.Promotional, Reason: "Good will.",
	}
}

func usd(text string) money.Amount {
	a, err := money.ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return a
}

// mustTopUp tops up.
func (s *shop) mustTopUp(t testing.TB, in wallet.TopUpInput) wallet.Receipt {
	t.Helper()
	r, err := s.TopUp(admin(t), in)
	if err != nil {
		t.Fatalf("TopUp(%+v): %v", in, err)
	}
	return r
}

// mustAdjust corrects.
func (s *shop) mustAdjust(t testing.TB, in wallet.AdjustInput) wallet.Receipt {
	t.Helper()
	r, err := s.Adjust(admin(t), in)
	if err != nil {
		t.Fatalf("Adjust(%+v): %v", in, err)
	}
	return r
}

// wantBalance fails unless a shopper's wallet holds so much.
func (s *shop) wantBalance(t testing.TB, shopper uuid.UUID, code money.Code, want string) {
	t.Helper()
	w, err := s.In(t.Context(), s.db.Client(), shopper, code)
	if err != nil {
		t.Fatal(err)
	}
	var got money.Amount
	if w != nil {
		got = w.Balance
	}
	if got != usd(want) {
		t.Errorf("the %s wallet holds %s, want %s", code, got, want)
	}
}

// prover is a *testing.T or a *rapid.T.
type prover interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// prove fails unless every claim about the ledger holds.
func prove(t prover, d *db.DB) {
	t.Helper()
	for _, result := range check(t, d) {
		if !result.Holds {
			t.Errorf("it does not hold that %s: %s", result.Claim, strings.Join(result.Examples, "; "))
		}
	}
}

// check checks the claims in one snapshot.
func check(t prover, d *db.DB) (results []proof.Result) {
	t.Helper()
	err := d.Snapshot(context.Background(), func(ctx context.Context, tx *ent.Tx) (err error) {
		results, err = proof.Check(ctx, tx, wallet.Claims())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// rows counts the rows of every table.
func rows(t testing.TB, d *db.DB) map[string]int {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if d.Dialect() == dialect.Postgres {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	counts := map[string]int{}
	err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		tables, err := column(ctx, tx, query)
		for _, table := range tables {
			ids, failed := column(ctx, tx, "SELECT 'row' FROM "+table)
			counts[table], err = len(ids), errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := counts["transfers"]; !ok {
		t.Fatalf("these are not the tables of the shop: %v", counts)
	}
	return counts
}

// column runs a query outside of ent and gives its one column.
func column(ctx context.Context, on interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string,
) ([]string, error) {
	found, err := on.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer func() { _ = found.Close() }()
	var values []string
	for found.Next() {
		var value string
		if err := found.Scan(&value); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		values = append(values, value)
	}
	return values, found.Err()
}

// wantNothingWritten fails when some table has other rows than before, or a wallet holds something else.
func (s *shop) wantNothingWritten(t testing.TB, during func()) {
	t.Helper()
	before, accounts := rows(t, s.db), s.accounts(t)
	during()
	if diff := cmp.Diff(before, rows(t, s.db)); diff != "" {
		t.Errorf("rows were written (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(accounts, s.accounts(t)); diff != "" {
		t.Errorf("accounts were changed (-before +after):\n%s", diff)
	}
}

// accounts shows every account that is not empty.
func (s *shop) accounts(t testing.TB) map[uuid.UUID]string {
	t.Helper()
	all, err := s.db.Client().Account.Query().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shown := map[uuid.UUID]string{}
	for _, a := range all {
		shown[a.ID] = fmt.Sprintf("%s %s %s %+v #%d", a.Kind, a.Currency, a.Balance, wallet.OriginsOf(a), a.Seq)
	}
	maps.DeleteFunc(shown, func(_ uuid.UUID, text string) bool { return strings.HasSuffix(text, "#0") })
	return shown
}

// faults are the codes and fields of a refusal: "INVALID_INPUT amount".
func faults(err error) []string {
	var list []string
	for _, f := range fault.From(err) {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s", f.Code, strings.Join(f.Path, "."))))
	}
	return list
}

// raw opens a database without the shop's guards. SQLite does not look at CHECK constraints there.
func raw(t testing.TB, d *db.DB, pragmas ...string) *sql.DB {
	t.Helper()
	driver, url := "postgres", dbtest.URL(t, d)
	if d.Dialect() == dialect.SQLite {
		driver, url = "sqlite", "file:"+strings.TrimPrefix(url, "sqlite:")+"?_pragma=busy_timeout(5000)"
		for _, pragma := range pragmas {
			url += "&_pragma=" + pragma
		}
	}
	pool, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// atOnce runs a function n times at the same time and waits for all.
func atOnce(n int, run func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	all.Wait()
}
