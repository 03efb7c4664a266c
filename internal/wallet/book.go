package wallet

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/transfer"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// Origins is an amount by where its value came from (rule 26).
type Origins struct {
	// Paid was paid for by the shopper.
	Paid money.Amount
	// Promotional was given by the shop.
	Promotional money.Amount
	// Gift was given by another shopper.
	Gift money.Amount
	// Refund came back from a purchase.
	Refund money.Amount
}

// Total is the whole amount.
func (o Origins) Total() money.Amount { return o.Paid + o.Promotional + o.Gift + o.Refund }

// Take splits off an amount: promotional value goes first, then gifts, refunds and at last what was paid for, so that
// what can never be paid out is spent before what could. The amount must not be more than the total.
func (o Origins) Take(amount money.Amount) Origins {
	var taken Origins
	for _, part := range []struct{ from, to *money.Amount }{
		{&o.Promotional, &taken.Promotional}, {&o.Gift, &taken.Gift}, {&o.Refund, &taken.Refund}, {&o.Paid, &taken.Paid},
	} {
		*part.to = min(*part.from, amount)
		amount -= *part.to
	}
	return taken
}

// OriginsOf reads the parts of an account's balance.
func OriginsOf(a *ent.Account) Origins {
	return Origins{Paid: a.Paid, Promotional: a.Promotional, Gift: a.Gift, Refund: a.Refund}
}

// Entry is what a transfer says of itself besides who, whom and how much.
type Entry struct {
	// ID is chosen by the caller where it must be known beforehand; otherwise one is made.
	ID uuid.UUID
	// Kind is what the movement is for.
	Kind transfer.Kind
	// PurchaseID is the purchase that it belongs to; nil for none.
	PurchaseID *uuid.UUID
	// RefundID is the refund of that purchase that it belongs to; nil for none.
	RefundID *uuid.UUID
	// CorrectsID is the transfer that it corrects; nil for none.
	CorrectsID *uuid.UUID
	// Reference is the caller's own name for it.
	Reference string
	// Reason is why a person did it.
	Reason string
	// Actor is the subject of whoever asked for it.
	Actor string
}

// owner names an account of a shopper.
type owner struct {
	shopper uuid.UUID
	kind    account.Kind
	code    money.Code
}

// ownerOf names the account of a shopper that a currency is paid from: the wallet or, for points, the points.
func ownerOf(shopper uuid.UUID, code money.Code) owner {
	if code == money.PointsCode {
		return owner{shopper, account.KindPOINTS, code}
	}
	return owner{shopper, account.KindWALLET, code}
}

// Book is the accounts of some shoppers as they are under lock, and the transfers that are decided but not yet written.
// Deciding is pure: Debit and Credit change the book alone, in the order of their calls; Apply writes it all at once.
type Book struct {
	at        time.Time
	accounts  map[owner]*ent.Account
	changed   map[uuid.UUID]*ent.Account
	transfers []*ent.Transfer
}

// Load opens the book of some shoppers. The caller holds their locks (identity.Lock) when it will write, and gives the
// instant that all transfers will bear.
func Load(ctx context.Context, client *ent.Client, at time.Time, shoppers ...uuid.UUID) (*Book, error) {
	rows, err := Accounts(ctx, client, shoppers...)
	if err != nil {
		return nil, err
	}
	return NewBook(at, rows...), nil
}

// Accounts are all that some shoppers have, for who has no instant yet to open a book with.
func Accounts(ctx context.Context, client *ent.Client, shoppers ...uuid.UUID) ([]*ent.Account, error) {
	rows, err := client.Account.Query().Where(db.AnyOf(account.FieldShopperID, shoppers)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load accounts: %w", err)
	}
	return rows, nil
}

// NewBook opens a book with these accounts of shoppers, which are the book's from now on.
func NewBook(at time.Time, accounts ...*ent.Account) *Book {
	b := &Book{at: at, accounts: make(map[owner]*ent.Account, len(accounts)), changed: map[uuid.UUID]*ent.Account{}}
	for _, a := range accounts {
		b.accounts[owner{*a.ShopperID, a.Kind, a.Currency}] = a
	}
	return b
}

// Wallet is a shopper's wallet as the book has it now, as a copy; nil when there is none yet.
func (b *Book) Wallet(shopper uuid.UUID, code money.Code) *ent.Account {
	return b.copyOf(owner{shopper, account.KindWALLET, code})
}

// Points is how many points a shopper has, those too that have expired and were not taken yet; below zero when the shopper
// owes some (rule 22).
func (b *Book) Points(shopper uuid.UUID) money.Amount {
	if a := b.copyOf(ownerOf(shopper, money.PointsCode)); a != nil {
		return a.Balance
	}
	return 0
}

func (b *Book) copyOf(o owner) *ent.Account {
	a, ok := b.accounts[o]
	if !ok {
		return nil
	}
	c := *a
	return &c
}

// Shortage is what an InsufficientFunds fault tells.
type Shortage struct {
	Balance, Required, Shortfall money.Amount
	Currency                     money.Code
}

// Affords says whether a wallet holds an amount: nil, or the refusal to show.
func (b *Book) Affords(shopper uuid.UUID, code money.Code, amount money.Amount) *fault.Fault {
	var balance money.Amount
	if a, ok := b.accounts[ownerOf(shopper, code)]; ok {
		balance = a.Balance
	}
	if balance >= amount {
		return nil
	}
	short := Shortage{Balance: balance, Required: amount, Shortfall: amount - balance, Currency: code}
	return fault.New(fault.InsufficientFunds, "The %s wallet holds less than what is to be taken from it.", code).With(short)
}

// Debit moves an amount of more than zero out of a shopper's wallet, or points, to an account of the house, and tells which
// value was taken. A wallet that holds too little is a fault, and nothing is moved.
func (b *Book) Debit(shopper uuid.UUID, code money.Code, amount money.Amount, to account.Kind, entry Entry) (Origins, error) {
	if amount <= 0 {
		return Origins{}, fmt.Errorf("debit %s %s: a transfer moves more than 0", amount, code)
	}
	if short := b.Affords(shopper, code, amount); short != nil {
		return Origins{}, short
	}
	return b.take(b.accounts[ownerOf(shopper, code)], OriginsOf(b.accounts[ownerOf(shopper, code)]).Take(amount), to, entry), nil
}

// TakePoints moves points, more than zero, back to where they come from, also when the shopper has fewer: what is missing
// is a debt, which later points pay first (rule 22). More debt than an amount can be is an error.
func (b *Book) TakePoints(shopper uuid.UUID, points money.Amount, entry Entry) error {
	if points <= 0 {
		return fmt.Errorf("take %s points: a transfer moves more than 0", points)
	}
	a := b.open(ownerOf(shopper, money.PointsCode))
	if _, err := a.Balance.Minus(points); err != nil {
		return fmt.Errorf("take %s points: %w", points, err)
	}
	b.take(a, Origins{Promotional: points}, account.KindMINT, entry)
	return nil
}

func (b *Book) take(a *ent.Account, taken Origins, to account.Kind, entry Entry) Origins {
	t := b.transfer(a.Currency, taken, entry)
	a.Balance -= taken.Total()
	a.Paid, a.Promotional, a.Gift, a.Refund = a.Paid-taken.Paid, a.Promotional-taken.Promotional, a.Gift-taken.Gift, a.Refund-taken.Refund
	a.Seq++
	t.DebitAccountID, t.DebitSeq, t.DebitBalance = a.ID, new(a.Seq), new(a.Balance)
	t.CreditAccountID = House(to, a.Currency)
	b.post(a, t)
	return taken
}

// open is an account of a shopper, which is made when it is not there.
func (b *Book) open(o owner) *ent.Account {
	if a, ok := b.accounts[o]; ok {
		return a
	}
	a := &ent.Account{ID: id.New(), ShopperID: new(o.shopper), Kind: o.kind, Currency: o.code, CreatedAt: b.at}
	b.accounts[o] = a
	return a
}

// Credit moves value from an account of the house into a shopper's wallet, or points, which is opened when it is the first in the
// currency. The total is more than zero; a wallet that would hold more than an amount can be is a fault.
func (b *Book) Credit(shopper uuid.UUID, code money.Code, value Origins, from account.Kind, entry Entry) error {
	return b.credit(ownerOf(shopper, code), value, from, entry)
}

// Award gives a shopper points, more than zero.
func (b *Book) Award(shopper uuid.UUID, points money.Amount, entry Entry) error {
	return b.credit(ownerOf(shopper, money.PointsCode), Origins{Promotional: points}, account.KindMINT, entry)
}

func (b *Book) credit(o owner, value Origins, from account.Kind, entry Entry) error {
	if min(value.Paid, value.Promotional, value.Gift, value.Refund) < 0 || value.Total() <= 0 {
		return fmt.Errorf("credit %s %s: a transfer moves more than 0, and of no origin less", value.Total(), o.code)
	}
	var balance money.Amount
	if there, ok := b.accounts[o]; ok {
		balance = there.Balance
	}
	if _, err := balance.Plus(value.Total()); err != nil {
		return fault.Input("amount", "No wallet can hold that much.")
	}
	a := b.open(o)
	t := b.transfer(o.code, value, entry)
	a.Balance += value.Total()
	a.Paid, a.Promotional, a.Gift, a.Refund = a.Paid+value.Paid, a.Promotional+value.Promotional, a.Gift+value.Gift, a.Refund+value.Refund
	a.Seq++
	t.DebitAccountID = House(from, o.code)
	t.CreditAccountID, t.CreditSeq, t.CreditBalance = a.ID, new(a.Seq), new(a.Balance)
	b.post(a, t)
	return nil
}

func (b *Book) transfer(code money.Code, value Origins, entry Entry) *ent.Transfer {
	if entry.ID == uuid.Nil {
		entry.ID = id.New()
	}
	return &ent.Transfer{
		ID: entry.ID, Kind: entry.Kind, Currency: code,
		Amount: value.Total(), Paid: value.Paid, Promotional: value.Promotional, Gift: value.Gift, Refund: value.Refund,
		PurchaseID: entry.PurchaseID, RefundID: entry.RefundID, CorrectsID: entry.CorrectsID,
		Reference: entry.Reference, Reason: entry.Reason, Actor: entry.Actor, CreatedAt: b.at,
	}
}

func (b *Book) post(a *ent.Account, t *ent.Transfer) {
	b.changed[a.ID] = a
	b.transfers = append(b.transfers, t)
}

// Apply writes what was decided.
func (b *Book) Apply(ctx context.Context, tx *ent.Tx) error { return db.Write(ctx, tx, b.Parts()...) }

// Parts are what was decided, to be written: every changed account once, in the order of ids, and every transfer. The CHECK
// and UNIQUE constraints of both tables are the guard behind the book's own arithmetic: a balance below zero, or two
// transfers with one number, roll everything back.
//
// New accounts are opened and old ones set. Setting a balance outright, rather than adding to it, is right only because the
// shopper's lock has been held since the book was loaded.
func (b *Book) Parts() []db.Part {
	changed := slices.SortedFunc(maps.Values(b.changed), func(a, c *ent.Account) int { return bytes.Compare(a.ID[:], c.ID[:]) })
	return []db.Part{accountRows.Of(changed...), transferRows.Of(b.transfers...)}
}

var accountRows = db.NewRows(account.Table,
	db.UUID(account.FieldID, func(a *ent.Account) uuid.UUID { return a.ID }),
	db.NullUUID(account.FieldShopperID, func(a *ent.Account) *uuid.UUID { return a.ShopperID }),
	db.Text(account.FieldKind, func(a *ent.Account) account.Kind { return a.Kind }),
	db.Text(account.FieldCurrency, func(a *ent.Account) money.Code { return a.Currency }),
	db.Int(account.FieldBalance, func(a *ent.Account) money.Amount { return a.Balance }),
	db.Int(account.FieldPaid, func(a *ent.Account) money.Amount { return a.Paid }),
	db.Int(account.FieldPromotional, func(a *ent.Account) money.Amount { return a.Promotional }),
	db.Int(account.FieldGift, func(a *ent.Account) money.Amount { return a.Gift }),
	db.Int(account.FieldRefund, func(a *ent.Account) money.Amount { return a.Refund }),
	db.Int(account.FieldSeq, func(a *ent.Account) int64 { return a.Seq }),
	db.Time(account.FieldCreatedAt, func(a *ent.Account) time.Time { return a.CreatedAt }),
).OnConflict(db.Anew(account.FieldID,
	account.FieldBalance, account.FieldPaid, account.FieldPromotional, account.FieldGift, account.FieldRefund, account.FieldSeq))

var transferRows = db.NewRows(transfer.Table,
	db.UUID(transfer.FieldID, func(t *ent.Transfer) uuid.UUID { return t.ID }),
	db.Text(transfer.FieldKind, func(t *ent.Transfer) transfer.Kind { return t.Kind }),
	db.Text(transfer.FieldCurrency, func(t *ent.Transfer) money.Code { return t.Currency }),
	db.Int(transfer.FieldAmount, func(t *ent.Transfer) money.Amount { return t.Amount }),
	db.Int(transfer.FieldPaid, func(t *ent.Transfer) money.Amount { return t.Paid }),
	db.Int(transfer.FieldPromotional, func(t *ent.Transfer) money.Amount { return t.Promotional }),
	db.Int(transfer.FieldGift, func(t *ent.Transfer) money.Amount { return t.Gift }),
	db.Int(transfer.FieldRefund, func(t *ent.Transfer) money.Amount { return t.Refund }),
	db.UUID(transfer.FieldDebitAccountID, func(t *ent.Transfer) uuid.UUID { return t.DebitAccountID }),
	db.NullInt(transfer.FieldDebitSeq, func(t *ent.Transfer) *int64 { return t.DebitSeq }),
	db.NullInt(transfer.FieldDebitBalance, func(t *ent.Transfer) *money.Amount { return t.DebitBalance }),
	db.UUID(transfer.FieldCreditAccountID, func(t *ent.Transfer) uuid.UUID { return t.CreditAccountID }),
	db.NullInt(transfer.FieldCreditSeq, func(t *ent.Transfer) *int64 { return t.CreditSeq }),
	db.NullInt(transfer.FieldCreditBalance, func(t *ent.Transfer) *money.Amount { return t.CreditBalance }),
	db.NullUUID(transfer.FieldPurchaseID, func(t *ent.Transfer) *uuid.UUID { return t.PurchaseID }),
	db.NullUUID(transfer.FieldRefundID, func(t *ent.Transfer) *uuid.UUID { return t.RefundID }),
	db.NullUUID(transfer.FieldCorrectsID, func(t *ent.Transfer) *uuid.UUID { return t.CorrectsID }),
	db.Text(transfer.FieldReference, func(t *ent.Transfer) string { return t.Reference }),
	db.Text(transfer.FieldReason, func(t *ent.Transfer) string { return t.Reason }),
	db.Text(transfer.FieldActor, func(t *ent.Transfer) string { return t.Actor }),
	db.SameTime(transfer.FieldCreatedAt, func(t *ent.Transfer) time.Time { return t.CreatedAt }),
)
