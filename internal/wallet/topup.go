package wallet

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/transfer"
	"farthing/internal/actor"
	"farthing/internal/audit"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/notify"
)

// The operations that claim idempotency keys, named as the mutations are.
const (
	topUpOperation  = "topUpWallet"
	adjustOperation = "adjustWallet"
)

// Longest texts on a transfer, in characters.
const (
	maxReference = 255
	maxReason    = 500
)

// Receipt is what became of a top-up or a correction.
type Receipt struct {
	// Wallet is the wallet afterwards; for a repeat, as it is now.
	Wallet *ent.Account
	// TransferID is the movement that was made, now or the first time.
	TransferID uuid.UUID
	// Replayed says that the key had been used before, and this is the result of that time.
	Replayed bool
}

// TopUpInput is what TopUp needs.
type TopUpInput struct {
	IdempotencyKey string
	ShopperID      uuid.UUID
	Currency       money.Code
	// Amount is more than zero, a whole number of the currency's minor units.
	Amount money.Amount
	// Reference is the payment's name where it was paid; may be empty.
	Reference string
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// TopUp credits a shopper's wallet with money that was paid elsewhere, once for every key.
func (s *Service) TopUp(ctx context.Context, in TopUpInput) (Receipt, error) {
	var faults fault.List
	if in.Amount < 0 {
		faults.Add(fault.Input("amount", "A top-up is more than 0."))
	}
	checkText(&faults, "reference", in.Reference, maxReference)
	return s.move(ctx, in.Malformed, faults, movement{
		key:   idempotency.Key{ShopperID: in.ShopperID, Operation: topUpOperation, Text: in.IdempotencyKey},
		input: []any{in.Currency, in.Amount, in.Reference}, currency: in.Currency, amount: in.Amount, topic: notify.WalletToppedUp,
		post: func(_ context.Context, _ *ent.Client, book *Book, entry Entry) error {
			entry.Kind, entry.Reference = transfer.KindTOP_UP, in.Reference
			return book.Credit(in.ShopperID, in.Currency, Origins{Paid: in.Amount}, account.KindFUNDING, entry)
		},
	})
}

// AdjustInput is what Adjust needs.
type AdjustInput struct {
	IdempotencyKey string
	ShopperID      uuid.UUID
	Currency       money.Code
	// Amount is what to add; negative to take away; not zero; a whole number of the currency's minor units.
	Amount money.Amount
	// Origin is where added value counts as coming from; it means nothing when value is taken away.
	Origin Origin
	// Reason is kept for good: 1 to 500 characters, not only spaces.
	Reason string
	// Corrects is the earlier transfer that this one corrects; nil for none.
	Corrects *uuid.UUID
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Origin names where value came from, as the schema's ValueOrigin does.
type Origin string

// The origins of value.
const (
	Paid        Origin = "PAID"
	Promotional Origin = "PROMOTIONAL"
	Gift        Origin = "GIFT"
	Refund      Origin = "REFUND"
)

// From is an amount that is all of one origin. It is nothing when there is no such origin.
func (o Origin) From(amount money.Amount) Origins {
	switch o {
	case Paid:
		return Origins{Paid: amount}
	case Promotional:
		return Origins{Promotional: amount}
	case Gift:
		return Origins{Gift: amount}
	case Refund:
		return Origins{Refund: amount}
	default:
		return Origins{}
	}
}

// Adjust corrects a shopper's wallet by hand, once for every key.
func (s *Service) Adjust(ctx context.Context, in AdjustInput) (Receipt, error) {
	var faults fault.List
	if in.Amount > 0 && in.Origin.From(in.Amount) == (Origins{}) {
		faults.Add(fault.Input("origin", "Added value comes from one of %s, %s, %s and %s.", Paid, Promotional, Gift, Refund))
	}
	if strings.TrimSpace(in.Reason) == "" {
		faults.Add(fault.Input("reason", "A reason is required: 1 to %d characters.", maxReason))
	}
	checkText(&faults, "reason", in.Reason, maxReason)
	return s.move(ctx, in.Malformed, faults, movement{
		key:   idempotency.Key{ShopperID: in.ShopperID, Operation: adjustOperation, Text: in.IdempotencyKey},
		input: []any{in.Currency, in.Amount, in.Origin, in.Reason, in.Corrects}, currency: in.Currency, amount: in.Amount,
		topic: notify.WalletAdjusted, audited: adjustOperation, reason: in.Reason,
		post: func(ctx context.Context, client *ent.Client, book *Book, entry Entry) error {
			entry.Kind, entry.Reason, entry.CorrectsID = transfer.KindADJUSTMENT, in.Reason, in.Corrects
			if err := s.checkCorrected(ctx, client, book, in); err != nil {
				return err
			}
			if in.Amount > 0 {
				return book.Credit(in.ShopperID, in.Currency, in.Origin.From(in.Amount), account.KindADJUSTMENT, entry)
			}
			_, err := book.Debit(in.ShopperID, in.Currency, in.Amount.Neg(), account.KindADJUSTMENT, entry)
			return err
		},
	})
}

// checkCorrected refuses a correction of a transfer that is not one of the wallet's.
func (s *Service) checkCorrected(ctx context.Context, client *ent.Client, book *Book, in AdjustInput) error {
	if in.Corrects == nil {
		return nil
	}
	unknown := fault.New(fault.NotFound, "This wallet has no such transfer.").At("corrects")
	w := book.Wallet(in.ShopperID, in.Currency)
	if w == nil {
		return unknown
	}
	there, err := client.Transfer.Query().Where(
		transfer.ID(*in.Corrects),
		transfer.Or(transfer.DebitAccountID(w.ID), transfer.CreditAccountID(w.ID)),
	).Exist(ctx)
	if err != nil {
		return fmt.Errorf("read corrected transfer: %w", err)
	}
	if !there {
		return unknown
	}
	return nil
}

// checkTraded finds what is wrong with an amount by the currencies of the shop, which change with its configuration.
func (s *Service) checkTraded(code money.Code, amount money.Amount) fault.List {
	currency, traded := s.currencies.Lookup(code)
	switch {
	case !traded:
		return fault.List{fault.Input("currency", "This shop does not trade in %s.", code)}
	case !currency.IsWhole(amount):
		return fault.List{fault.Input("amount", "%s has %d decimals.", code, currency.MinorUnit)}
	}
	return nil
}

// IsText says whether a text can be kept as somebody has written it: without control characters but tabs and line ends.
// PostgreSQL cannot keep a zero, and nobody means the others.
func IsText(text string) bool {
	strange := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }
	return utf8.ValidString(text) && !strings.ContainsFunc(text, strange)
}

// checkText finds what is wrong with a text that is kept.
func checkText(faults *fault.List, path, text string, most int) {
	switch {
	case utf8.RuneCountInString(text) > most:
		faults.Add(fault.Input(path, "A %s has at most %d characters.", path, most))
	case !IsText(text):
		faults.Add(fault.Input(path, "A %s is text without control characters.", path))
	}
}

// movement is one verb that moves value in or out of a wallet by the word of somebody who may.
type movement struct {
	key      idempotency.Key
	input    []any
	currency money.Code
	amount   money.Amount
	topic    string
	// audited is the action to write down in the audit, with its reason, when a person changes a wallet by hand (rule 29);
	// empty for none: money that comes in is not an administrative change, and its transfer says who sent it.
	audited, reason string
	post            func(ctx context.Context, client *ent.Client, book *Book, entry Entry) error
}

// move is the till for a single request: load under the shopper's lock, decide, apply, all in one transaction. The
// faults are what is wrong with the request by itself. A request that could not be read in full comes no further than
// that: nobody looks for its shopper, and it is no repeat of anything, though what stands in its place might be.
func (s *Service) move(ctx context.Context, malformed, faults fault.List, m movement) (Receipt, error) {
	if f := idempotency.Validate("idempotencyKey", m.key.Text); f != nil {
		faults.Add(f)
	}
	switch {
	case m.amount == 0:
		faults.Add(fault.Input("amount", "The amount is not 0."))
	case m.amount > money.Max || m.amount < -money.Max:
		faults.Add(fault.Input("amount", "An amount is at most %s.", money.Max))
	}
	// What the shop trades in may be less than when a key was used. So this refuses a new movement below, not a repeat.
	untraded := s.checkTraded(m.currency, m.amount)
	if len(malformed)+len(faults) > 0 {
		return Receipt{}, fault.Merge(malformed, append(faults, untraded...))
	}
	fingerprint, err := idempotency.FingerprintOf(m.input...)
	if err != nil {
		return Receipt{}, err
	}
	claim := idempotency.Claim{Key: m.key, Fingerprint: fingerprint, ResultID: id.New()}
	var receipt Receipt
	err = s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		found, err := identity.Lock(ctx, tx, m.key.ShopperID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.NotFound, "There is no such shopper.").At("shopperId")
		}
		at := s.now() // under the lock, so that the statement's instants are in the order of its numbers
		book, err := Load(ctx, tx.Client(), at, m.key.ShopperID)
		if err != nil {
			return err
		}
		claims, err := idempotency.Find(ctx, tx.Client(), m.key)
		if err != nil {
			return err
		}
		if earlier, ok := claims[m.key]; ok {
			if earlier.Fingerprint != fingerprint {
				return idempotency.Reused("idempotencyKey")
			}
			receipt = Receipt{
				Wallet: book.Wallet(m.key.ShopperID, m.currency), TransferID: earlier.ResultID,
				Replayed: earlier.ResultID != claim.ResultID,
			}
			return nil
		}
		if err := untraded.Err(); err != nil {
			return err
		}
		var before any
		if w := book.Wallet(m.key.ShopperID, m.currency); w != nil {
			before = s.audited(w, "")
		}
		entry := Entry{ID: claim.ResultID, Actor: actor.From(ctx).Name()}
		if err := m.post(ctx, tx.Client(), book, entry); err != nil {
			return err
		}
		receipt = Receipt{Wallet: book.Wallet(m.key.ShopperID, m.currency), TransferID: claim.ResultID}
		if m.audited != "" {
			if err := audit.Record(ctx, tx, at, m.audited, receipt.Wallet.ID, before, s.audited(receipt.Wallet, m.reason)); err != nil {
				return err
			}
		}
		told, err := notify.Part(at, notify.Event{Topic: m.topic, ShopperID: m.key.ShopperID, Payload: s.told(receipt)})
		if err != nil {
			return err
		}
		return db.Write(ctx, tx, append(book.Parts(), idempotency.Part(at, claim), told)...)
	})
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// audited is what the audit says of a wallet, and of why it is so.
func (s *Service) audited(w *ent.Account, reason string) map[string]string {
	content := map[string]string{"currency": string(w.Currency), "balance": s.currencies.Of(w.Currency).Format(w.Balance)}
	if reason != "" {
		content["reason"] = reason
	}
	return content
}

// told is what the outbox says of a movement.
func (s *Service) told(r Receipt) any {
	currency := s.currencies.Of(r.Wallet.Currency)
	return map[string]string{
		"transferId": id.Encode(id.Transfer, r.TransferID),
		"walletId":   id.Encode(id.Wallet, r.Wallet.ID),
		"currency":   string(currency.Code),
		"balance":    currency.Format(r.Wallet.Balance),
	}
}
