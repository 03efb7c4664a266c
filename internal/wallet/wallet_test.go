package wallet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent/account"
	"farthing/ent/transfer"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

func TestOpenHouse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		other := dbtest.Open(t, dbtest.URL(t, d))
		atOnce(8, func(i int) { trade(t, []*db.DB{d, other}[i%2], "USD,KRW,GEM:0") })
		wantHouse(t, d, 3*3+2)
		trade(t, d, "USD,EUR") // a currency that is no longer traded keeps its accounts
		wantHouse(t, d, 4*3+2)
		prove(t, d)
	})
}

// wantHouse fails unless the house has so many accounts, each under the id that follows from what it is.
func wantHouse(t *testing.T, d *db.DB, want int) {
	t.Helper()
	accounts, err := d.Client().Account.Query().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.ShopperID != nil || a.ID != wallet.House(a.Kind, a.Currency) || !a.CreatedAt.Equal(noon) {
			t.Errorf("%v is not an account of the house", a)
		}
	}
	if len(accounts) != want {
		t.Errorf("the house has %d accounts, want %d", len(accounts), want)
	}
}

// TestHouseKeepsItsIDs: the ids of the house stand in every transfer, so they must be the same in every release.
func TestHouseKeepsItsIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind account.Kind
		code money.Code
		want string
	}{
		{account.KindFUNDING, "USD", "bdc48082-aa5d-582e-89e4-09d52c63f4bf"},
		{account.KindREVENUE, "GEM", "97db858b-dd53-51ff-9728-da6a95833672"},
		{account.KindMINT, money.PointsCode, "e2e6e759-c4af-57e4-9812-0c3067402da9"},
	} {
		if got := wallet.House(test.kind, test.code).String(); got != test.want {
			t.Errorf("House(%s, %s) = %s, want %s", test.kind, test.code, got, test.want)
		}
	}
}

func TestWalletsBelongToTheirShopper(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, client, ctx := open(t, d), d.Client(), t.Context()
		ana, ben := s.shopper(t, "ana"), s.shopper(t, "ben")
		for _, code := range []money.Code{"USD", "GEM", "KRW"} {
			in := topUp(ana, string(code), "3")
			in.Currency = code
			s.mustTopUp(t, in)
		}
		bens := s.mustTopUp(t, topUp(ben, "k", "5")).Wallet
		award(t, d, ana, 7)

		wallets, err := s.Of(ctx, client, ana)
		if err != nil {
			t.Fatal(err)
		}
		var codes []money.Code
		for _, w := range wallets {
			codes = append(codes, w.Currency)
		}
		if diff := cmp.Diff([]money.Code{"GEM", "KRW", "USD"}, codes); diff != "" {
			t.Errorf("ana's wallets (-want +got):\n%s", diff)
		}
		if w, err := s.In(ctx, client, ben, "GEM"); w != nil || err != nil {
			t.Errorf("ben's GEM wallet is %v, %v", w, err)
		}
		if w, err := s.In(ctx, client, ana, money.PointsCode); w != nil || err != nil {
			t.Errorf("ana's points as a wallet are %v, %v", w, err)
		}
		if w, err := s.ByID(ctx, client, ben, bens.ID); err != nil || w.Balance != usd("5") {
			t.Errorf("ben's own wallet is %v, %v", w, err)
		}
		points, err := client.Account.Query().Where(account.KindEQ(account.KindPOINTS)).OnlyID(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]uuid.UUID{
			"ben's": bens.ID, "that of nobody": uuid.New(), "that of the house": wallet.House(account.KindFUNDING, "USD"), "the points": points,
		} {
			if w, err := s.ByID(ctx, client, ana, id); w != nil || !fault.Is(err, fault.NotFound) {
				t.Errorf("of the wallets, ana finds %s: %v, %v", name, w, err)
			}
		}
		for name, test := range map[string]struct {
			shopper uuid.UUID
			want    money.Amount
		}{"ana": {ana, usd("7")}, "ben": {ben, 0}} {
			book, err := wallet.Load(ctx, client, noon, test.shopper)
			if err != nil {
				t.Fatal(err)
			}
			if got := book.Points(test.shopper); got != test.want {
				t.Errorf("%s has %s points, want %s", name, got, test.want)
			}
		}
		prove(t, d)
	})
}

// award gives points, whole ones.
func award(t *testing.T, d *db.DB, shopper uuid.UUID, points int64) {
	t.Helper()
	book, err := wallet.Load(t.Context(), d.Client(), noon, shopper)
	if err != nil {
		t.Fatal(err)
	}
	entry := wallet.Entry{Kind: transfer.KindPOINTS_EARNED, PurchaseID: new(id.New()), Actor: "ana"}
	if err := book.Award(shopper, money.Amount(points)*money.Unit, entry); err != nil {
		t.Fatal(err)
	}
	if err := d.Tx(t.Context(), book.Apply); err != nil {
		t.Fatal(err)
	}
}
