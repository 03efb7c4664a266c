package wallet_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/wallet"
)

// The claims, by what they say.
const (
	balancesAddUp  = "every balance is the sum of its transfers"
	partsAddUp     = "every part of a balance is the sum of the transfers of that origin"
	sumsToZero     = "the accounts of each currency sum to zero"
	notBelowZero   = "no wallet and no part of one is below zero, now or after any transfer; only points may be owed"
	houseIsEmpty   = "the accounts of the house keep no balance: they are summed up"
	numbersFollow  = "the transfers of an account are numbered without a gap, and each follows from the one before"
	allAreCounted  = "an account has counted all of its transfers"
	sidesAreThere  = "both sides of a transfer are accounts of its currency, and a shopper's side is numbered"
	amountsAddUp   = "a transfer moves a positive amount, and its origins add up to it"
	correctsOwn    = "a correction points at another transfer of the same wallet"
	keysAreClaimed = "every top-up and every correction was made under one idempotency key, and every such key made one"
)

// ledger is a small ledger in which tests break something: ana has topped up 10 USD, and was corrected by -3; ben has
// topped up 4.
type ledger struct {
	*shop
	names *strings.Replacer
}

func newLedger(t *testing.T, d *db.DB) ledger {
	t.Helper()
	s := open(t, d)
	ana, ben := s.shopper(t, "ana"), s.shopper(t, "ben")
	topped := s.mustTopUp(t, topUp(ana, "k", "10"))
	correction := adjust(ana, "k", "-3")
	correction.Corrects = &topped.TransferID
	corrected := s.mustAdjust(t, correction)
	bens := s.mustTopUp(t, topUp(ben, "k", "4"))
	return ledger{s, strings.NewReplacer(
		"{ana}", quoted(ana), "{ben}", quoted(ben), "{wallet}", quoted(topped.Wallet.ID), "{bens wallet}", quoted(bens.Wallet.ID),
		"{top-up}", quoted(topped.TransferID), "{correction}", quoted(corrected.TransferID), "{bens top-up}", quoted(bens.TransferID),
		"{house}", quoted(wallet.House("FUNDING", "USD")), "{other house}", quoted(wallet.House("REVENUE", "USD")),
		"{won}", quoted(wallet.House("FUNDING", "KRW")), "{nobody}", quoted(uuid.New()), "{new}", quoted(uuid.New()),
	)}
}

func quoted(id uuid.UUID) string { return "'" + id.String() + "'" }

// loose opens the ledger's database with nothing left that would keep anybody from breaking it.
func (l ledger) loose(t *testing.T) *sql.DB {
	t.Helper()
	pool := raw(t, l.db, "ignore_check_constraints(1)")
	query := "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
	if l.db.Dialect() == dialect.Postgres {
		query = `
			SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname FROM pg_constraint
			WHERE contype = 'c' AND conrelid <> 0
			UNION ALL
			SELECT 'ALTER TABLE ' || tgrelid::regclass || ' DISABLE TRIGGER ' || tgname FROM pg_trigger WHERE NOT tgisinternal`
	}
	statements, err := column(t.Context(), pool, query)
	if err != nil || len(statements) < 6 {
		t.Fatalf("there is nothing to loosen: %v, %v", statements, err)
	}
	for _, statement := range statements {
		l.exec(t, pool, statement)
	}
	return pool
}

func (l ledger) exec(t *testing.T, pool *sql.DB, statement string) {
	t.Helper()
	if _, err := pool.Exec(l.names.Replace(statement)); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestClaimsAreContradicted breaks the ledger in one way at a time, and wants exactly the claims that this contradicts to
// say so. Every claim is contradicted by something.
func TestClaimsAreContradicted(t *testing.T) {
	t.Parallel()
	type breakage struct {
		name, statement string
		want            []string
	}
	cases := []breakage{
		{"nothing", "SELECT 1", nil},
		{
			"money out of nowhere", "UPDATE accounts SET balance = balance + 1, paid = paid + 1 WHERE id = {wallet}",
			[]string{balancesAddUp, partsAddUp, sumsToZero},
		},
		{
			"money of a wallet without a transfer", `INSERT INTO accounts (id, shopper_id, kind, currency, balance, paid, created_at)
			VALUES ({new}, {ana}, 'WALLET', 'GEM', 5, 5, CURRENT_TIMESTAMP)`,
			[]string{balancesAddUp, partsAddUp, sumsToZero},
		},
		{
			"promotional money that became paid", "UPDATE accounts SET promotional = promotional - 1, paid = paid + 1 WHERE id = {wallet}",
			[]string{partsAddUp, notBelowZero},
		},
		{
			"paid money that became a gift", "UPDATE accounts SET paid = paid - 1, gift = gift + 1 WHERE id = {wallet}",
			[]string{partsAddUp},
		},
		{
			"a wallet below zero", "UPDATE accounts SET balance = -1, paid = -1 WHERE id = {wallet}",
			[]string{balancesAddUp, partsAddUp, sumsToZero, notBelowZero},
		},
		{
			"a wallet that was below zero", "UPDATE transfers SET debit_balance = -1 WHERE id = {correction}",
			[]string{notBelowZero, numbersFollow},
		},
		{"a balance of the house", "UPDATE accounts SET balance = 5, paid = 5 WHERE id = {house}", []string{houseIsEmpty}},
		{"a number of the house", "UPDATE accounts SET seq = 5 WHERE id = {house}", []string{houseIsEmpty}},
		{"a gap", "UPDATE transfers SET debit_seq = 3 WHERE id = {correction}", []string{numbersFollow}},
		{
			"a wrong balance afterwards", "UPDATE transfers SET credit_balance = credit_balance + 1 WHERE id = {bens top-up}",
			[]string{numbersFollow},
		},
		{"an account that miscounts", "UPDATE accounts SET seq = seq + 1 WHERE id = {wallet}", []string{allAreCounted}},
		{
			"a lost transfer", "DELETE FROM transfers WHERE id = {bens top-up}",
			[]string{balancesAddUp, partsAddUp, sumsToZero, allAreCounted, keysAreClaimed},
		},
		{
			"a transfer from nowhere", "UPDATE transfers SET debit_account_id = {nobody} WHERE id = {bens top-up}",
			[]string{sumsToZero, sidesAreThere},
		},
		{
			"a transfer from another currency", "UPDATE transfers SET debit_account_id = {won} WHERE id = {bens top-up}",
			[]string{sumsToZero, sidesAreThere},
		},
		{"a lost house", "DELETE FROM accounts WHERE id = {house}", []string{sumsToZero, sidesAreThere}},
		{
			"a wallet's side without a number", "UPDATE transfers SET credit_seq = NULL, credit_balance = NULL WHERE id = {bens top-up}",
			[]string{sidesAreThere},
		},
		{
			"a house's side with a number", "UPDATE transfers SET debit_seq = 1, debit_balance = -4000000 WHERE id = {bens top-up}",
			[]string{notBelowZero, sidesAreThere, keysAreClaimed},
		},
		{
			"a changed amount", "UPDATE transfers SET amount = amount + 1 WHERE id = {bens top-up}",
			[]string{balancesAddUp, sumsToZero, numbersFollow, amountsAddUp},
		},
		{"a changed origin", "UPDATE transfers SET paid = paid - 1 WHERE id = {bens top-up}", []string{partsAddUp, amountsAddUp}},
		{
			"an origin below zero", "UPDATE transfers SET paid = paid + 1, gift = gift - 1 WHERE id = {bens top-up}",
			[]string{partsAddUp, amountsAddUp},
		},
		{
			"a transfer of nothing", `UPDATE transfers SET amount = 0, paid = 0 WHERE id = {bens top-up}`,
			[]string{balancesAddUp, partsAddUp, sumsToZero, numbersFollow, amountsAddUp},
		},
		{
			"a transfer to itself", "UPDATE transfers SET debit_account_id = {bens wallet} WHERE id = {bens top-up}",
			[]string{balancesAddUp, partsAddUp, sumsToZero, allAreCounted, sidesAreThere, amountsAddUp},
		},
		{"a correction of nothing", "UPDATE transfers SET corrects_id = {nobody} WHERE id = {correction}", []string{correctsOwn}},
		{"a correction of itself", "UPDATE transfers SET corrects_id = id WHERE id = {correction}", []string{correctsOwn}},
		{
			"a correction of somebody else's transfer", "UPDATE transfers SET corrects_id = {bens top-up} WHERE id = {correction}",
			[]string{correctsOwn},
		},
		{
			"a credit that corrects somebody else's", "UPDATE transfers SET corrects_id = {correction} WHERE id = {bens top-up}",
			[]string{correctsOwn},
		},
		{"a top-up without a key", "DELETE FROM idempotency_keys WHERE result_id = {top-up}", []string{keysAreClaimed}},
		{"a correction without a key", "DELETE FROM idempotency_keys WHERE result_id = {correction}", []string{keysAreClaimed}},
		{
			"a key of another operation", "UPDATE idempotency_keys SET operation = 'adjustWallet', key = 'x' WHERE result_id = {top-up}",
			[]string{keysAreClaimed},
		},
		{
			"a key of another shopper", "UPDATE idempotency_keys SET shopper_id = {ben}, key = 'x' WHERE result_id = {top-up}",
			[]string{keysAreClaimed},
		},
		{
			"two keys", `INSERT INTO idempotency_keys (id, shopper_id, operation, key, fingerprint, result_id, created_at)
			SELECT {new}, shopper_id, operation, 'x', fingerprint, result_id, created_at FROM idempotency_keys WHERE result_id = {top-up}`,
			[]string{keysAreClaimed},
		},
		{
			"a key that made nothing", `INSERT INTO idempotency_keys (id, shopper_id, operation, key, fingerprint, result_id, created_at)
			SELECT {new}, shopper_id, operation, 'x', fingerprint, {nobody}, created_at FROM idempotency_keys WHERE result_id = {top-up}`,
			[]string{keysAreClaimed},
		},
		{
			"a key that made something else", `INSERT INTO idempotency_keys (id, shopper_id, operation, key, fingerprint, result_id, created_at)
			SELECT {new}, shopper_id, 'checkout', 'x', fingerprint, {nobody}, created_at FROM idempotency_keys WHERE result_id = {top-up}`,
			nil,
		},
	}
	for _, claim := range wallet.Claims() {
		if !slices.ContainsFunc(cases, func(b breakage) bool { return slices.Contains(b.want, claim.Name) }) {
			t.Errorf("nothing here contradicts that %s", claim.Name)
		}
	}
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, dbtest.Open(t, store.URL(t)))
			pool := l.loose(t)
			keep := l.keep(t, pool)
			for _, test := range cases {
				t.Run(test.name, func(t *testing.T) {
					l.exec(t, pool, test.statement)
					var got []string
					for _, result := range check(t, l.db) {
						if result.Holds != (result.Contradictions == 0) || result.Holds != (len(result.Examples) == 0) {
							t.Errorf("result %+v", result)
						}
						if !result.Holds {
							got = append(got, result.Claim)
						}
					}
					if diff := cmp.Diff(test.want, got); diff != "" {
						t.Errorf("contradicted claims (-want +got):\n%s", diff)
					}
					keep()
				})
			}
		})
	}
}

// keep copies the ledger's tables, and returns a function that brings them back.
func (l ledger) keep(t *testing.T, pool *sql.DB) func() {
	t.Helper()
	tables := []string{"accounts", "transfers", "idempotency_keys"}
	for _, table := range tables {
		l.exec(t, pool, fmt.Sprintf("CREATE TABLE kept_%s AS SELECT * FROM %s", table, table))
	}
	return func() {
		t.Helper()
		for _, table := range tables {
			l.exec(t, pool, "DELETE FROM "+table)
			l.exec(t, pool, fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s", table, table))
		}
	}
}

// TestRecordsAreNeverChanged: the database itself refuses to change or delete what is recorded.
func TestRecordsAreNeverChanged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLedger(t, d)
		pool := raw(t, d)
		for _, statement := range []string{
			`INSERT INTO purchases (id, shopper_id, ordinal, currency, subtotal, total, points, actor, created_at)
				VALUES ({new}, {ana}, 1, 'USD', 0, 0, 0, 'ana', CURRENT_TIMESTAMP)`,
			`INSERT INTO purchase_lines
				(id, purchase_id, position, product_id, kind, language, names, quantity, units, unit_price, subtotal, total)
				VALUES ({new}, {new}, 0, {nobody}, 'DURABLE', 'en', '{}', 1, 1, 0, 0, 0)`,
			`INSERT INTO price_changes (id, product_id, currency, amount, actor, created_at)
				VALUES ({new}, {nobody}, 'USD', 0, 'mila', CURRENT_TIMESTAMP)`,
			`INSERT INTO audit_entries (id, actor, action, target_id, created_at)
				VALUES ({new}, 'mila', 'updateProduct', {nobody}, CURRENT_TIMESTAMP)`,
			`INSERT INTO refunds (id, purchase_id, shopper_id, currency, total, points_taken, points_returned, reason, actor, created_at)
				VALUES ({new}, {new}, {ana}, 'USD', 0, 0, 0, 'broken', 'sue', CURRENT_TIMESTAMP)`,
			`INSERT INTO refund_lines (id, refund_id, line_id, total) VALUES ({new}, {new}, {new}, 0)`,
			`INSERT INTO reward_rule_versions (id, rule_id, version, revision, content, created_at)
				VALUES ({new}, {nobody}, 1, 1, '{}', CURRENT_TIMESTAMP)`,
			`INSERT INTO reward_entries (id, shopper_id, seq, kind, purchase_id, revision, time_zone, facts, result, points, spent_points, created_at)
				VALUES ({new}, {ana}, 1, 'PURCHASE', {new}, 1, 'UTC', '{}', '{}', 0, 0, CURRENT_TIMESTAMP)`,
		} {
			l.exec(t, pool, statement)
		}
		before := rows(t, d)
		for _, table := range []string{
			"transfers", "purchases", "purchase_lines", "price_changes", "audit_entries", "idempotency_keys",
			"refunds", "refund_lines", "reward_rule_versions", "reward_entries",
		} {
			if before[table] == 0 {
				t.Fatalf("there are no rows of %s to try it on", table)
			}
			statements := []string{
				"UPDATE " + table + " SET id = id", "DELETE FROM " + table,
				"INSERT INTO " + table + " SELECT * FROM " + table + " WHERE true ON CONFLICT (id) DO UPDATE SET id = excluded.id",
			}
			if d.Dialect() == dialect.Postgres {
				statements = append(statements, "TRUNCATE "+table+" CASCADE")
			}
			for _, statement := range statements {
				_, err := pool.Exec(statement)
				if err == nil || !strings.Contains(err.Error(), "rows of "+table+" are never changed or deleted") {
					t.Errorf("%s: %v, want a refusal", statement, err)
				}
			}
		}
		if diff := cmp.Diff(before, rows(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestDatabaseGuardsTheLedger: the constraints refuse by themselves what the code never asks for.
func TestDatabaseGuardsTheLedger(t *testing.T) {
	t.Parallel()
	const unique, foreign, none = "UNIQUE", "FOREIGN KEY", ""
	cases := []struct{ name, statement, want string }{
		{"nothing", "UPDATE accounts SET balance = balance WHERE id = {wallet}", none},
		{"a balance below zero", "UPDATE accounts SET balance = -1, paid = -1 WHERE id = {wallet}", "accounts_balance"},
		{"a part below zero", "UPDATE accounts SET paid = paid + 1, gift = -1 WHERE id = {wallet}", "accounts_balance"},
		{"parts that do not add up", "UPDATE accounts SET balance = balance + 1 WHERE id = {wallet}", "accounts_balance"},
		{"more than an amount can be", `UPDATE accounts SET balance = 9000000000000001, paid = 9000000000000001
			WHERE id = {wallet}`, "accounts_balance"},
		{"parts that overflow", `UPDATE accounts SET paid = 9223372036854775807, promotional = 9223372036854775807, gift = 2,
			balance = 0 WHERE id = {wallet}`, "accounts_balance"},
		{"a wallet of the house", "UPDATE accounts SET kind = 'WALLET' WHERE id = {house}", "accounts_owner"},
		{"revenue of a shopper", "UPDATE accounts SET kind = 'REVENUE' WHERE id = {wallet}", "accounts_owner"},
		{"a balance of the house", "UPDATE accounts SET balance = 1, paid = 1 WHERE id = {house}", "accounts_house"},
		{"a number of the house", "UPDATE accounts SET seq = 1 WHERE id = {house}", "accounts_house"},
		{"a number below zero", "UPDATE accounts SET seq = -1 WHERE id = {wallet}", "accounts_seq"},
		{"a second wallet", `INSERT INTO accounts (id, shopper_id, kind, currency, created_at)
			VALUES ({new}, {ana}, 'WALLET', 'USD', CURRENT_TIMESTAMP)`, unique},
		{"a second house", `INSERT INTO accounts (id, kind, currency, created_at) VALUES ({new}, 'FUNDING', 'USD', CURRENT_TIMESTAMP)`, unique},
		{"a wallet of nobody", `INSERT INTO accounts (id, shopper_id, kind, currency, created_at)
			VALUES ({new}, {nobody}, 'WALLET', 'USD', CURRENT_TIMESTAMP)`, foreign},
		{"a key of nobody", `INSERT INTO idempotency_keys (id, shopper_id, operation, key, fingerprint, result_id, created_at)
			SELECT {new}, {nobody}, operation, key, fingerprint, result_id, created_at FROM idempotency_keys WHERE result_id = {top-up}`, foreign},
		{"a key again", `INSERT INTO idempotency_keys (id, shopper_id, operation, key, fingerprint, result_id, created_at)
			SELECT {new}, shopper_id, operation, key, fingerprint, {nobody}, created_at FROM idempotency_keys WHERE result_id = {top-up}`, unique},

		{"a transfer like others", like(nil), none},
		{"of an unknown kind", like(map[string]string{"kind": "'PRESENT'"}), "transfers_kind"},
		{"of nothing", like(map[string]string{"amount": "0", "paid": "0"}), "transfers_amount"},
		{"of origins that do not add up", like(map[string]string{"paid": "paid - 1"}), "transfers_origins"},
		{"of an origin below zero", like(map[string]string{"paid": "paid + 1", "gift": "-1"}), "transfers_origins"},
		{"to itself", like(map[string]string{"debit_account_id": "credit_account_id"}), "transfers_accounts"},
		{"with a number and no balance", like(map[string]string{"credit_balance": "NULL"}), "transfers_credited"},
		{"with a balance and no number", like(map[string]string{"debit_balance": "1"}), "transfers_debited"},
		{"that leaves less than it brought", like(map[string]string{"credit_balance": "amount - 1"}), "transfers_credited"},
		{"that leaves less than nothing", like(map[string]string{"debit_seq": "9", "debit_balance": "-1"}), "transfers_debited"},
		{"numbered 0", like(map[string]string{"credit_seq": "0"}), "transfers_credited"},
		{
			"between houses", like(map[string]string{"credit_account_id": "{other house}", "credit_seq": "NULL", "credit_balance": "NULL"}),
			"transfers_a_shopper",
		},
		{"of a purchase that it does not name", like(map[string]string{"kind": "'PURCHASE'"}), "transfers_purchase"},
		{"of points for nothing", like(map[string]string{"kind": "'POINTS_EARNED'", "currency": "'POINTS'"}), "transfers_purchase"},
		{"of points in money", like(map[string]string{"kind": "'POINTS_EARNED'", "purchase_id": "{nobody}"}), "transfers_points"},
		{"of points into a debt", like(map[string]string{"currency": "'POINTS'", "credit_balance": "-1"}), none},
		{"of a refund that it does not name", like(map[string]string{"kind": "'REFUND'", "purchase_id": "{nobody}"}), "transfers_refunded"},
		{"of a refund, as a top-up", like(map[string]string{"purchase_id": "{nobody}", "refund_id": "{nobody}"}), "transfers_refunded"},
		{"by hand without a reason", like(map[string]string{"kind": "'ADJUSTMENT'"}), "transfers_reason"},
		{"with a number that is taken", like(map[string]string{"credit_seq": "1"}), unique},
		{"with a number that is taken on the other side", like(map[string]string{
			"debit_account_id": "{wallet}", "credit_account_id": "{house}", "credit_seq": "NULL", "credit_balance": "NULL",
			"debit_seq": "2", "debit_balance": "0",
		}), unique},
		{"twice for a purchase and rule", like(map[string]string{"kind": "'POINTS_EARNED'", "currency": "'POINTS'", "purchase_id": "{nobody}", "rule": "'r'"}) + ";" +
			strings.ReplaceAll(like(map[string]string{"kind": "'POINTS_EARNED'", "currency": "'POINTS'", "purchase_id": "{nobody}", "rule": "'r'", "credit_seq": "10"}),
				"{new}", "{top-up twin}"), unique},
		{"twice for a refund", like(map[string]string{"kind": "'REFUND'", "purchase_id": "{nobody}", "refund_id": "{nobody}"}) + ";" +
			strings.ReplaceAll(like(map[string]string{"kind": "'REFUND'", "purchase_id": "{nobody}", "refund_id": "{nobody}", "credit_seq": "10"}),
				"{new}", "{top-up twin}"), unique},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLedger(t, d)
		pool := raw(t, d, "foreign_keys(1)")
		twin := quoted(uuid.New())
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				tx, err := pool.Begin()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback() }()
				_, err = tx.Exec(l.names.Replace(strings.ReplaceAll(test.statement, "{top-up twin}", twin)))
				var got string
				switch {
				case err == nil:
				case db.IsUnique(err):
					got = unique
				case db.IsForeignKey(err):
					got = foreign
				default:
					got = db.Constraint(err)
				}
				if got != test.want || (err == nil) != (test.want == none) {
					t.Errorf("%v, want a violation of %q", err, test.want)
				}
			})
		}
	})
}

// like is the statement that writes a transfer like ana's top-up, with the next number and some columns otherwise.
func like(otherwise map[string]string) string {
	columns := []string{
		"id", "kind", "currency", "amount", "paid", "promotional", "gift", "refund", "debit_account_id", "credit_account_id",
		"debit_seq", "debit_balance", "credit_seq", "credit_balance", "purchase_id", "refund_id", "rule", "reference", "reason", "actor", "created_at",
	}
	values := slices.Clone(columns)
	for i, column := range columns {
		if value, ok := map[string]string{"id": "{new}", "credit_seq": "9"}[column]; ok {
			values[i] = value
		}
		if value, ok := otherwise[column]; ok {
			values[i] = value
		}
	}
	return fmt.Sprintf("INSERT INTO transfers (%s) SELECT %s FROM transfers WHERE id = {top-up}",
		strings.Join(columns, ", "), strings.Join(values, ", "))
}
