package wallet_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/transfer"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

func TestTakeSpendsWhatWasNotPaidForFirst(t *testing.T) {
	t.Parallel()
	all := wallet.Origins{Paid: 40, Promotional: 10, Gift: 20, Refund: 30}
	for _, test := range []struct {
		amount money.Amount
		want   wallet.Origins
	}{
		{0, wallet.Origins{}},
		{1, wallet.Origins{Promotional: 1}},
		{10, wallet.Origins{Promotional: 10}},
		{11, wallet.Origins{Promotional: 10, Gift: 1}},
		{31, wallet.Origins{Promotional: 10, Gift: 20, Refund: 1}},
		{61, wallet.Origins{Promotional: 10, Gift: 20, Refund: 30, Paid: 1}},
		{100, all},
	} {
		if got := all.Take(test.amount); got != test.want {
			t.Errorf("Take(%d) = %+v, want %+v", test.amount, got, test.want)
		}
	}
}

func TestTakeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.Custom(func(t *rapid.T) money.Amount {
			return money.Amount(rapid.Int64Range(0, int64(money.Max)/4).Draw(t, "part"))
		})
		o := wallet.Origins{
			Paid: part.Draw(t, "paid"), Promotional: part.Draw(t, "promotional"), Gift: part.Draw(t, "gift"), Refund: part.Draw(t, "refund"),
		}
		amount := money.Amount(rapid.Int64Range(0, int64(o.Total())).Draw(t, "amount"))
		taken := o.Take(amount)
		if taken.Total() != amount {
			t.Fatalf("%s of %+v took %+v", amount, o, taken)
		}
		// In the order of spending: all of one is gone before any of the next is touched.
		there := []money.Amount{o.Promotional, o.Gift, o.Refund, o.Paid}
		touched := []money.Amount{taken.Promotional, taken.Gift, taken.Refund, taken.Paid}
		for i := range there {
			if touched[i] < 0 || touched[i] > there[i] {
				t.Fatalf("%s of %+v took %+v", amount, o, taken)
			}
			if i > 0 && touched[i] > 0 && touched[i-1] < there[i-1] {
				t.Fatalf("%s of %+v took %+v, and left what goes first", amount, o, taken)
			}
		}
		// Taking in two steps takes the same.
		first := money.Amount(rapid.Int64Range(0, int64(amount)).Draw(t, "first"))
		one := o.Take(first)
		two := minus(o, one).Take(amount - first)
		if got := minus(minus(taken, one), two); got != (wallet.Origins{}) {
			t.Fatalf("%s of %+v took %+v at once, and %+v and %+v in two steps", amount, o, taken, one, two)
		}
	})
}

func minus(o, p wallet.Origins) wallet.Origins {
	return wallet.Origins{
		Paid: o.Paid - p.Paid, Promotional: o.Promotional - p.Promotional, Gift: o.Gift - p.Gift, Refund: o.Refund - p.Refund,
	}
}

func TestBookRefuses(t *testing.T) {
	t.Parallel()
	ana := uuid.New()
	entry := wallet.Entry{Kind: transfer.KindADJUSTMENT, Reason: "A test.", Actor: "ada"}
	for _, test := range []struct {
		name string
		move func(b *wallet.Book) error
		code fault.Code // empty for a mistake of the program
	}{
		{"a debit of more than there is", func(b *wallet.Book) error {
			_, err := b.Debit(ana, "USD", 11, account.KindREVENUE, entry)
			return err
		}, fault.InsufficientFunds},
		{"a debit in another currency", func(b *wallet.Book) error {
			_, err := b.Debit(ana, "KRW", 1, account.KindREVENUE, entry)
			return err
		}, fault.InsufficientFunds},
		{"a debit of somebody else", func(b *wallet.Book) error {
			_, err := b.Debit(uuid.New(), "USD", 1, account.KindREVENUE, entry)
			return err
		}, fault.InsufficientFunds},
		{"a debit of nothing", func(b *wallet.Book) error {
			_, err := b.Debit(ana, "USD", 0, account.KindREVENUE, entry)
			return err
		}, ""},
		{"a debit of nothing where there is no wallet", func(b *wallet.Book) error {
			_, err := b.Debit(ana, "GEM", 0, account.KindREVENUE, entry)
			return err
		}, ""},
		{"a debit of less than nothing", func(b *wallet.Book) error {
			_, err := b.Debit(ana, "USD", -1, account.KindREVENUE, entry)
			return err
		}, ""},
		{"a credit of nothing", func(b *wallet.Book) error {
			return b.Credit(ana, "USD", wallet.Origins{}, account.KindFUNDING, entry)
		}, ""},
		{"a credit of less than nothing", func(b *wallet.Book) error {
			return b.Credit(ana, "USD", wallet.Origins{Paid: -1}, account.KindFUNDING, entry)
		}, ""},
		{"a credit that turns one origin into another", func(b *wallet.Book) error {
			return b.Credit(ana, "USD", wallet.Origins{Promotional: -1, Paid: 2}, account.KindFUNDING, entry)
		}, ""},
		{"a credit beyond what a wallet can hold", func(b *wallet.Book) error {
			return b.Credit(ana, "USD", wallet.Origins{Paid: money.Max - 9}, account.KindFUNDING, entry)
		}, fault.InvalidInput},
		{"a first credit beyond what a wallet can hold", func(b *wallet.Book) error {
			return b.Credit(ana, "GEM", wallet.Origins{Paid: money.Max, Gift: 1}, account.KindFUNDING, entry)
		}, fault.InvalidInput},
		{"an award of nothing", func(b *wallet.Book) error { return b.Award(ana, 0, entry) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			held := &ent.Account{ID: id.New(), ShopperID: &ana, Kind: account.KindWALLET, Currency: "USD", Balance: 10, Paid: 10, Seq: 1}
			b := wallet.NewBook(noon, held)
			before := *b.Wallet(ana, "USD")
			err := test.move(b)
			if err == nil || (test.code == "") != (len(fault.From(err)) == 0) || test.code != "" && !fault.Is(err, test.code) {
				t.Errorf("got %v, want %q", err, test.code)
			}
			after := *b.Wallet(ana, "USD")
			if wallet.OriginsOf(&before) != wallet.OriginsOf(&after) || before.Balance != after.Balance || before.Seq != after.Seq {
				t.Errorf("a refusal changed %v to %v", before, after)
			}
			if b.Wallet(ana, "GEM") != nil || b.Wallet(ana, "KRW") != nil || b.Points(ana) != 0 {
				t.Error("a refusal opened a wallet")
			}
			// Nothing to write: this would use the transaction otherwise, and there is none.
			if err := b.Apply(t.Context(), nil); err != nil {
				t.Errorf("Apply after a refusal: %v", err)
			}
		})
	}
}

func TestBookLendsCopies(t *testing.T) {
	t.Parallel()
	ana := uuid.New()
	b := wallet.NewBook(noon, &ent.Account{ID: id.New(), ShopperID: &ana, Kind: account.KindWALLET, Currency: "USD", Balance: 10, Paid: 10})
	b.Wallet(ana, "USD").Balance = 1_000
	if got := b.Wallet(ana, "USD").Balance; got != 10 {
		t.Errorf("the book holds %s, want what it was opened with", got)
	}
	if short := b.Affords(ana, "USD", 10); short != nil {
		t.Errorf("Affords(all there is) = %v", short)
	}
	if short := b.Affords(ana, "GEM", 0); short != nil {
		t.Errorf("Affords(nothing, without a wallet) = %v", short)
	}
}

// TestBookAgreesWithAPileOfCoins runs random books against a model in which a wallet is a pile of single coins, each of
// which knows where it came from. After every book that is applied, all claims about the ledger hold.
func TestBookAgreesWithAPileOfCoins(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		check := 0
		rapid.Check(t, func(rt *rapid.T) {
			check++
			m := &model{T: rt, shop: s, piles: map[pile][]wallet.Origin{}}
			for i := range 2 {
				m.shoppers = append(m.shoppers, s.shopper(t, fmt.Sprintf("shopper %d of check %d", i, check)))
			}
			for range rapid.IntRange(1, 3).Draw(rt, "books") {
				m.book(t.Context())
				prove(rt, d)
			}
		})
	})
}

// model is what the accounts of a few shoppers should be.
type model struct {
	*rapid.T
	shop     *shop
	shoppers []uuid.UUID
	piles    map[pile][]wallet.Origin
}

// pile names the coins of a shopper in a currency.
type pile struct {
	shopper uuid.UUID
	code    money.Code
}

// origins is a pile as the amounts that a wallet keeps. A coin is a whole unit.
func (m *model) origins(p pile) wallet.Origins {
	var sum wallet.Origins
	for _, coin := range m.piles[p] {
		one := coin.From(money.Unit)
		sum = wallet.Origins{
			Paid: sum.Paid + one.Paid, Promotional: sum.Promotional + one.Promotional, Gift: sum.Gift + one.Gift, Refund: sum.Refund + one.Refund,
		}
	}
	return sum
}

// book decides on a random book, applies it or throws it away, and compares what is stored.
func (m *model) book(ctx context.Context) {
	kept := rapid.IntRange(0, 4).Draw(m.T, "kept") > 0
	before := map[pile][]wallet.Origin{}
	for p, coins := range m.piles {
		before[p] = slices.Clone(coins)
	}
	thrownAway := fmt.Errorf("thrown away")
	err := m.shop.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		if _, err := identity.Lock(ctx, tx, m.shoppers...); err != nil {
			return err
		}
		book, err := wallet.Load(ctx, tx.Client(), noon, m.shoppers...)
		if err != nil {
			return err
		}
		var claims []idempotency.Claim
		for range rapid.IntRange(0, 6).Draw(m.T, "movements") {
			if claim := m.move(book); claim != nil {
				claims = append(claims, *claim)
			}
			m.compare(book)
		}
		if err := book.Apply(ctx, tx); err != nil {
			return err
		}
		if len(claims) > 0 {
			if err := db.Write(ctx, tx, idempotency.Part(noon, claims...)); err != nil {
				return err
			}
		}
		if !kept {
			return thrownAway
		}
		return nil
	})
	if !kept {
		m.piles = before
		if err == thrownAway { //nolint:errorlint // It is passed on as it is.
			err = nil
		}
	}
	if err != nil {
		m.Fatal(err)
	}
	stored, err := wallet.Load(ctx, m.shop.db.Client(), noon, m.shoppers...)
	if err != nil {
		m.Fatal(err)
	}
	m.compare(stored)
}

// move does one random movement, in the book and in the model. What it returns is the claim that goes with it.
func (m *model) move(book *wallet.Book) *idempotency.Claim {
	p := pile{
		shopper: rapid.SampledFrom(m.shoppers).Draw(m.T, "shopper"),
		code:    rapid.SampledFrom([]money.Code{"USD", "KRW"}).Draw(m.T, "currency"),
	}
	coins := rapid.IntRange(1, 12).Draw(m.T, "coins")
	amount := money.Amount(coins) * money.Unit
	entry := wallet.Entry{ID: id.New(), Actor: "ada"}
	switch rapid.IntRange(0, 2).Draw(m.T, "kind") {
	case 0:
		parts := rapid.SliceOfN(rapid.SampledFrom([]wallet.Origin{wallet.Paid, wallet.Promotional, wallet.Gift, wallet.Refund}), coins, coins).
			Draw(m.T, "parts")
		credited := (&model{piles: map[pile][]wallet.Origin{p: parts}}).origins(p)
		entry.Kind, entry.Reason = transfer.KindADJUSTMENT, "A test."
		if err := book.Credit(p.shopper, p.code, credited, account.KindADJUSTMENT, entry); err != nil {
			m.Fatal(err)
		}
		m.piles[p] = append(m.piles[p], parts...)
		// Spending takes the coins from the front.
		slices.SortStableFunc(m.piles[p], func(a, b wallet.Origin) int {
			order := []wallet.Origin{wallet.Promotional, wallet.Gift, wallet.Refund, wallet.Paid}
			return slices.Index(order, a) - slices.Index(order, b)
		})
		return &idempotency.Claim{
			Key:      idempotency.Key{ShopperID: p.shopper, Operation: "adjustWallet", Text: entry.ID.String()},
			ResultID: entry.ID,
		}
	case 1:
		entry.Kind, entry.PurchaseID = transfer.KindPURCHASE, new(id.New())
		taken, err := book.Debit(p.shopper, p.code, amount, account.KindREVENUE, entry)
		if coins > len(m.piles[p]) {
			if !fault.Is(err, fault.InsufficientFunds) {
				m.Fatalf("Debit of %d coins from %d = %v", coins, len(m.piles[p]), err)
			}
			return nil
		}
		if err != nil {
			m.Fatal(err)
		}
		spent := (&model{piles: map[pile][]wallet.Origin{p: m.piles[p][:coins]}}).origins(p)
		if diff := cmp.Diff(spent, taken); diff != "" {
			m.Fatalf("Debit took (-want +got):\n%s", diff)
		}
		m.piles[p] = m.piles[p][coins:]
	default:
		entry.Kind, entry.PurchaseID = transfer.KindPOINTS_EARNED, new(id.New())
		if err := book.Award(p.shopper, amount, entry); err != nil {
			m.Fatal(err)
		}
		points := pile{p.shopper, money.PointsCode}
		m.piles[points] = append(m.piles[points], slices.Repeat([]wallet.Origin{wallet.Promotional}, coins)...)
	}
	return nil
}

// compare holds a book to the model.
func (m *model) compare(book *wallet.Book) {
	for _, shopper := range m.shoppers {
		for _, code := range []money.Code{"USD", "KRW"} {
			p := pile{shopper, code}
			var got wallet.Origins
			var balance money.Amount
			if w := book.Wallet(shopper, code); w != nil {
				got, balance = wallet.OriginsOf(w), w.Balance
			}
			if want := m.origins(p); got != want || balance != want.Total() {
				m.Fatalf("the %s wallet holds %s, %+v, want %+v", code, balance, got, want)
			}
		}
		if got, want := book.Points(shopper), m.origins(pile{shopper, money.PointsCode}).Total(); got != want {
			m.Fatalf("%s points, want %s", got, want)
		}
	}
}

// TestApplyIsGuardedByTheDatabase: what a book decides on without the lock, or twice, is rolled back by the constraints.
func TestApplyIsGuardedByTheDatabase(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		s.mustTopUp(t, topUp(ana, "k", "10"))
		spend := func(b *wallet.Book) {
			t.Helper()
			entry := wallet.Entry{Kind: transfer.KindPURCHASE, PurchaseID: new(id.New()), Actor: "ana"}
			if _, err := b.Debit(ana, "USD", usd("6"), account.KindREVENUE, entry); err != nil {
				t.Fatal(err)
			}
		}
		one, err := wallet.Load(t.Context(), d.Client(), noon, ana)
		if err != nil {
			t.Fatal(err)
		}
		two, err := wallet.Load(t.Context(), d.Client(), noon, ana)
		if err != nil {
			t.Fatal(err)
		}
		spend(one)
		spend(two)
		if err := d.Tx(t.Context(), one.Apply); err != nil {
			t.Fatal(err)
		}
		for name, stale := range map[string]*wallet.Book{"read before the other": two, "applied before": one} {
			s.wantNothingWritten(t, func() {
				if err := d.Tx(t.Context(), stale.Apply); !db.IsUnique(err) {
					t.Errorf("Apply of a book %s = %v, want a violated unique index", name, err)
				}
			})
		}
		prove(t, d)
	})
}
