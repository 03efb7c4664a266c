package model

import (
	"context"

	"farthing/ent"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/wallet"
)

// Shopper shows a shopper. What belongs to them is fetched when asked for.
type Shopper struct{ *ent.Shopper }

// IsNode marks a thing that has an id.
func (Shopper) IsNode() {}

// ID is the shopper's id on the outside.
func (s Shopper) ID() string { return id.Encode(id.Shopper, s.Shopper.ID) }

// Wallet shows a shopper's wallet.
type Wallet struct {
	*ent.Account
	currency money.Currency
}

// NewWallet shows a wallet; nil for none.
func NewWallet(a *ent.Account, currencies *money.Currencies) *Wallet {
	if a == nil {
		return nil
	}
	return &Wallet{Account: a, currency: currencies.Of(a.Currency)}
}

// IsNode marks a thing that has an id.
func (Wallet) IsNode() {}

// ID is the wallet's id on the outside.
func (w Wallet) ID() string { return id.Encode(id.Wallet, w.Account.ID) }

// Balance is what is in it.
func (w Wallet) Balance() Money { return NewMoney(w.currency, w.Account.Balance) }

// Origins are the parts of the balance by where they came from.
func (w Wallet) Origins() []WalletOrigin {
	var parts []WalletOrigin
	for _, part := range []struct {
		origin ValueOrigin
		amount money.Amount
	}{
		{ValueOriginPaid, w.Paid}, {ValueOriginPromotional, w.Promotional}, {ValueOriginGift, w.Gift}, {ValueOriginRefund, w.Refund},
	} {
		if part.amount > 0 {
			parts = append(parts, WalletOrigin{Origin: part.origin, Amount: NewMoney(w.currency, part.amount)})
		}
	}
	return parts
}

// Transfer shows one line of a wallet's statement.
type Transfer struct {
	wallet.Line
	currency money.Currency
}

// ID is the transfer's id on the outside.
func (t Transfer) ID() string { return id.Encode(id.Transfer, t.Line.ID) }

// Kind is what the movement was for.
func (t Transfer) Kind() TransferKind { return TransferKind(t.Line.Kind) }

// Amount is what it did to the wallet.
func (t Transfer) Amount() Money { return NewMoney(t.currency, t.Change) }

// BalanceAfter is what the wallet held right after it.
func (t Transfer) BalanceAfter() Money { return NewMoney(t.currency, t.Balance) }

// PurchaseID is the purchase that it paid for or gave back, nil for others.
func (t Transfer) PurchaseID() *string {
	if t.Line.PurchaseID == nil {
		return nil
	}
	return new(id.Encode(id.Purchase, *t.Line.PurchaseID))
}

// Reference is the caller's own name for it, nil when none was given.
func (t Transfer) Reference() *string { return orNil(t.Line.Reference) }

// Reason is why it was done by hand, nil for all others.
func (t Transfer) Reason() *string { return orNil(t.Line.Reason) }

// TransferConnection is a page of a statement.
type TransferConnection struct {
	connection[TransferEdge, Transfer]
}

// TransferEdge is a transfer in a page.
type TransferEdge struct {
	Cursor string
	Node   Transfer
}

// NewStatement shows a page of a wallet's statement. The wallet has counted its transfers itself.
func NewStatement(p page.Page[wallet.Line], w Wallet) TransferConnection {
	return TransferConnection{connect(p,
		func(context.Context) (int, error) { return int(w.Seq), nil },
		func(line wallet.Line) Transfer { return Transfer{Line: line, currency: w.currency} },
		func(cursor string, node Transfer) TransferEdge { return TransferEdge{cursor, node} },
	)}
}
