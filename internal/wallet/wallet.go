// Package wallet is the ledger: accounts, and the transfers between them.
//
// It promises that value is never made, lost or changed. A transfer takes a positive amount from one account and gives it
// to another, so the sum over all accounts of a currency is always zero (rule 5). A shopper's account never goes below
// zero (rule 6). Transfers are never changed; each bears its number in, and the balance after it of, the shopper's
// account, so that the ledger can be proved line by line (Claims). Every amount knows where its value came from (rule 26).
//
// Everything that moves value does so through a Book: load it under the shopper's lock, decide on it in memory, apply it.
package wallet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// houseNames is the namespace of the ids of the house's accounts.
var houseNames = uuid.MustParse("7a1f8a5e-6f4b-5c1d-9a53-6d2b0c6f1e11")

// House is the id of an account of the house. It follows from the kind and the currency, so that nobody looks it up.
func House(kind account.Kind, code money.Code) uuid.UUID {
	return uuid.NewSHA1(houseNames, []byte(string(kind)+":"+string(code)))
}

// Service is the wallet's verbs.
type Service struct {
	db         *db.DB
	currencies *money.Currencies
	clock      func() time.Time
}

// New makes the service. The clock gives the current instant.
func New(d *db.DB, currencies *money.Currencies, clock func() time.Time) *Service {
	return &Service{db: d, currencies: currencies, clock: clock}
}

// OpenHouse opens the accounts of the house in every currency of the shop, as far as they are not there yet. A shop does
// this once when it starts.
func (s *Service) OpenHouse(ctx context.Context) error {
	type houseAccount struct {
		kind account.Kind
		code money.Code
	}
	wanted := []houseAccount{{account.KindMINT, money.PointsCode}, {account.KindREVENUE, money.PointsCode}}
	for _, currency := range s.currencies.All() {
		for _, kind := range []account.Kind{account.KindFUNDING, account.KindREVENUE, account.KindADJUSTMENT} {
			wanted = append(wanted, houseAccount{kind, currency.Code})
		}
	}
	open, err := s.db.Client().Account.Query().Where(account.ShopperIDIsNil()).IDs(ctx)
	if err != nil {
		return fmt.Errorf("read house accounts: %w", err)
	}
	wanted = slices.DeleteFunc(wanted, func(a houseAccount) bool { return slices.Contains(open, House(a.kind, a.code)) })
	if len(wanted) == 0 {
		return nil
	}
	// Two instances that start at once write in the same order, so that one waits for the other and finds them there.
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		rows := make([]*ent.AccountCreate, len(wanted))
		for i, a := range wanted {
			rows[i] = tx.Account.Create().SetID(House(a.kind, a.code)).SetKind(a.kind).SetCurrency(a.code).SetCreatedAt(s.now())
		}
		return tx.Account.CreateBulk(rows...).OnConflictColumns(account.FieldID).DoNothing().Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("open house accounts: %w", err)
	}
	return nil
}

// now is the current instant as both stores keep it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Of reads a shopper's wallets, in the order of their currencies.
func (s *Service) Of(ctx context.Context, client *ent.Client, shopper uuid.UUID) ([]*ent.Account, error) {
	wallets, err := client.Account.Query().
		Where(account.ShopperID(shopper), account.KindEQ(account.KindWALLET)).
		Order(account.ByCurrency()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read wallets: %w", err)
	}
	return wallets, nil
}

// In reads a shopper's wallet in one currency; nil when there is none yet.
func (s *Service) In(ctx context.Context, client *ent.Client, shopper uuid.UUID, code money.Code) (*ent.Account, error) {
	wallets, err := s.Of(ctx, client, shopper)
	if err != nil {
		return nil, err
	}
	for _, w := range wallets {
		if w.Currency == code {
			return w, nil
		}
	}
	return nil, nil //nolint:nilnil // No wallet is an answer, not an error.
}

// ByID reads a wallet of a shopper. That of somebody else is not found.
func (s *Service) ByID(ctx context.Context, client *ent.Client, shopper, id uuid.UUID) (*ent.Account, error) {
	w, err := client.Account.Query().
		Where(account.ID(id), account.ShopperID(shopper), account.KindEQ(account.KindWALLET)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "There is no such wallet.")
	}
	if err != nil {
		return nil, fmt.Errorf("read wallet: %w", err)
	}
	return w, nil
}
