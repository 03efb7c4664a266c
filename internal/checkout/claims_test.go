package checkout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/entitlement"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchaseline"
	"farthing/ent/transfer"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/proof"
	"farthing/internal/wallet"
)

// TestClaims spoils a sound shop in every way that the claims are about, and sees them contradicted.
func TestClaims(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx, other := s.rich(t, "sam", "10", "USD"), s.rich(t, "kim", "10", "USD")
		bought := s.buy(ctx, t, order("key", "0.20", of(hints, 1)))
		sam, kims := shopperOf(ctx), s.buy(other, t, order("key", "0.20", of(hints, 1))).Wallet
		book := s.durable(t, "Book", "1.00 USD")
		tried := s.buy(ctx, t, order("try", "0.10", one(s.trial(t, book, "0.10 USD", nil).ID))).Purchase
		trying := d.Client().Trial.Query().OnlyX(ctx)
		back := s.buy(ctx, t, order("back", "0.40", of(hints, 2))).Purchase
		refunded := s.refund(t, back)
		prove(t, d)

		purchase := func(tx *ent.Tx, ordinal int64, total string) *ent.PurchaseCreate {
			return tx.Purchase.Create().SetShopperID(sam).SetOrdinal(ordinal).SetCurrency("USD").SetActor("sam").SetCreatedAt(noon).
				SetSubtotal(amount(total)).SetTotal(amount(total)).SetPoints(0)
		}
		line := func(tx *ent.Tx, of uuid.UUID, product uuid.UUID, total string) error {
			return tx.PurchaseLine.Create().SetPurchaseID(of).SetPosition(9).SetProductID(product).SetKind(purchaseline.KindCONSUMABLE).
				SetLanguage("en").SetNames(map[string]string{}).SetQuantity(1).SetUnits(1).
				SetUnitPrice(amount(total)).SetSubtotal(amount(total)).SetTotal(amount(total)).Exec(ctx)
		}
		grant := func(tx *ent.Tx, product uuid.UUID) error {
			return tx.Entitlement.Create().SetShopperID(sam).SetProductID(product).SetPurchaseID(bought.Purchase.ID).
				SetKind(entitlement.KindCONSUMABLE).SetStatus(entitlement.StatusACTIVE).SetGrantedAt(noon).Exec(ctx)
		}
		debit := func(tx *ent.Tx, from *ent.Account, purchase uuid.UUID, total string, to account.Kind) error {
			return tx.Transfer.Create().SetKind(transfer.KindPURCHASE).SetCurrency("USD").SetAmount(amount(total)).
				SetPaid(amount(total)).SetPromotional(0).SetGift(0).SetRefund(0).SetDebitAccountID(from.ID).SetDebitSeq(9).SetDebitBalance(0).
				SetCreditAccountID(wallet.House(to, "USD")).SetPurchaseID(purchase).SetActor("sam").SetCreatedAt(noon).Exec(ctx)
		}
		// A second purchase that is sound but for the debit, which the case makes.
		second := func(tx *ent.Tx, from *ent.Account, total string, to account.Kind) error {
			p, err := purchase(tx, 4, "0.20").Save(ctx)
			if err != nil {
				return err
			}
			return errors.Join(line(tx, p.ID, hints.ID, "0.20"), debit(tx, from, p.ID, total, to))
		}
		exec := func(tx *ent.Tx, statement string) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}
		cut := func(tx *ent.Tx, kind lineadjustment.Kind, source uuid.UUID, units int64) error {
			return tx.LineAdjustment.Create().SetLineID(bought.Purchase.Edges.Lines[0].ID).SetPosition(0).SetKind(kind).SetSourceID(source).
				SetLanguage("en").SetNames(map[string]string{}).SetAmount(amount("0.10")).SetUnits(units).Exec(ctx)
		}
		stock := func(tx *ent.Tx, offer uuid.UUID, taken int64) error {
			return tx.OfferStock.Create().SetOfferID(offer).SetTaken(taken).Exec(ctx)
		}
		use := func(tx *ent.Tx, offer uuid.UUID, taken int64) error {
			return tx.OfferUse.Create().SetOfferID(offer).SetShopperID(sam).SetTaken(taken).Exec(ctx)
		}
		trial := func(tx *ent.Tx, purchase uuid.UUID) error {
			return tx.Trial.Create().SetShopperID(sam).SetProductID(hints.ID).SetOfferID(id.New()).SetPurchaseID(purchase).
				SetEntitlementID(id.New()).SetCurrency("USD").SetPrice(0).SetStartedAt(noon).SetExpiresAt(noon.Add(time.Hour)).
				SetCreditUntil(noon.Add(time.Hour)).Exec(ctx)
		}
		// A refund of a purchase, as it should be but for what is changed, and without its lines and its transfer.
		refund := func(tx *ent.Tx, p *ent.Purchase, change func(*ent.RefundCreate)) (*ent.Refund, error) {
			row := tx.Refund.Create().SetPurchaseID(p.ID).SetShopperID(p.ShopperID).SetCurrency(p.Currency).SetTotal(p.Total).
				SetPointsTaken(0).SetPointsReturned(0).SetReason("test").SetActor("sue").SetCreatedAt(noon)
			if change != nil {
				change(row)
			}
			return row.Save(ctx)
		}
		withLines := func(tx *ent.Tx, r *ent.Refund, lines []*ent.PurchaseLine, total money.Amount) error {
			for _, l := range lines {
				if err := tx.RefundLine.Create().SetRefundID(r.ID).SetLineID(l.ID).SetTotal(total).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		}
		// A refund of what sam bought that is whole, but for what is changed of it.
		wholeRefund := func(tx *ent.Tx, change func(*ent.RefundCreate)) error {
			r, err := refund(tx, bought.Purchase, change)
			if err != nil {
				return err
			}
			return withLines(tx, r, bought.Purchase.Edges.Lines, bought.Purchase.Total)
		}
		// A transfer that gives back for a refund, from an account of the house to a wallet.
		credit := func(tx *ent.Tx, r *ent.Refund, change func(*ent.TransferCreate)) error {
			row := tx.Transfer.Create().SetKind(transfer.KindREFUND).SetCurrency("USD").SetAmount(r.Total).SetPaid(r.Total).
				SetPromotional(0).SetGift(0).SetRefund(0).SetDebitAccountID(wallet.House(account.KindREVENUE, "USD")).
				SetCreditAccountID(bought.Wallet.ID).SetCreditSeq(9).SetCreditBalance(r.Total).
				SetPurchaseID(r.PurchaseID).SetRefundID(r.ID).SetActor("sue").SetCreatedAt(noon)
			if change != nil {
				change(row)
			}
			return row.Exec(ctx)
		}
		// A refund of what sam bought with a transfer that gives back, but for what is changed of that.
		paidBack := func(change func(*ent.TransferCreate)) func(tx *ent.Tx) error {
			return func(tx *ent.Tx) error {
				r, err := refund(tx, bought.Purchase, nil)
				if err != nil {
					return err
				}
				return credit(tx, r, change)
			}
		}
		refundKey := func(tx *ent.Tx, of, result uuid.UUID) error {
			return tx.IdempotencyKey.Create().SetShopperID(of).SetOperation(refundOperation).SetKey("k").SetFingerprint(make([]byte, 32)).
				SetResultID(result).SetCreatedAt(noon).Exec(ctx)
		}
		const (
			ofWhole  = "a refund is of a whole purchase"
			gaveBack = "a refund gave back exactly"
			revoked  = "what a refunded purchase had handed over is revoked"
			oneKey   = "every refund was made under one"
		)
		const taken = "what was taken of an offer is what purchases that stand took of it"
		for name, c := range map[string]struct {
			claim string
			spoil func(tx *ent.Tx) error
		}{
			"a_line_too_many": {"the lines of a purchase add up to it", func(tx *ent.Tx) error { return line(tx, bought.Purchase.ID, hints.ID, "1") }},
			"no_line":         {"the lines of a purchase add up to it", func(tx *ent.Tx) error { return purchase(tx, 4, "0").Exec(ctx) }},
			"no_debit":        {"a purchase was paid by", func(tx *ent.Tx) error { return purchase(tx, 4, "1").Exec(ctx) }},
			"too_small_a_debit": {"a purchase was paid by", func(tx *ent.Tx) error {
				return second(tx, bought.Wallet, "0.19", account.KindREVENUE)
			}},
			"another's_debit": {"a purchase was paid by", func(tx *ent.Tx) error { return second(tx, kims, "0.20", account.KindREVENUE) }},
			"a_debit_to_elsewhere": {"a purchase was paid by", func(tx *ent.Tx) error {
				return second(tx, bought.Wallet, "0.20", account.KindADJUSTMENT)
			}},
			"two_debits": {"a purchase was paid by", func(tx *ent.Tx) error {
				return errors.Join(exec(tx, "DROP INDEX transfers_purchase"), debit(tx, bought.Wallet, bought.Purchase.ID, "0.20", account.KindREVENUE))
			}},
			"no_points": {"the points of a purchase were credited", func(tx *ent.Tx) error {
				return purchase(tx, 4, "0").SetPoints(amount("1")).Exec(ctx)
			}},
			"a_debit_for_nothing": {"every transfer of a purchase belongs", func(tx *ent.Tx) error {
				return debit(tx, bought.Wallet, id.New(), "1", account.KindREVENUE)
			}},
			"an_entitlement_to_what_was_not_bought": {"the lines of a product in a purchase gave", func(tx *ent.Tx) error { return grant(tx, id.New()) }},
			"an_entitlement_twice":                  {"the lines of a product in a purchase gave", func(tx *ent.Tx) error { return grant(tx, hints.ID) }},
			"no_entitlement":                        {"the lines of a product in a purchase gave", func(tx *ent.Tx) error { return line(tx, bought.Purchase.ID, id.New(), "0") }},
			"an_adjustment_of_nothing":              {"the adjustments of a line", func(tx *ent.Tx) error { return cut(tx, "BUNDLE", id.New(), 1) }},
			"units_that_are_not_counted":            {taken, func(tx *ent.Tx) error { return cut(tx, "FLASH_SALE", id.New(), 1) }},
			"units_that_are_not_the_shopper's": {taken, func(tx *ent.Tx) error {
				offer := id.New()
				return errors.Join(cut(tx, "FLASH_SALE", offer, 1), stock(tx, offer, 1))
			}},
			"too_few_units": {taken, func(tx *ent.Tx) error {
				offer := id.New()
				return errors.Join(cut(tx, "FLASH_SALE", offer, 2), stock(tx, offer, 1), use(tx, offer, 2))
			}},
			"a_coupon_counted_twice": {taken, func(tx *ent.Tx) error {
				offer := id.New()
				return errors.Join(cut(tx, "COUPON", offer, 5), stock(tx, offer, 2), use(tx, offer, 1))
			}},
			"units_that_nobody_took":         {taken, func(tx *ent.Tx) error { return stock(tx, id.New(), 1) }},
			"units_that_the_shopper_did_not": {taken, func(tx *ent.Tx) error { return use(tx, id.New(), 1) }},
			"a_trial_without_a_line":         {"a trial was begun", func(tx *ent.Tx) error { return trial(tx, bought.Purchase.ID) }},
			"a_credit_without_a_trial":       {"a trial was begun", func(tx *ent.Tx) error { return cut(tx, "TRIAL_CREDIT", id.New(), 1) }},
			"a_gap":                          {"a shopper's purchases are numbered", func(tx *ent.Tx) error { return purchase(tx, 5, "0").Exec(ctx) }},
			"no_key":                         {"every purchase was made under one", func(tx *ent.Tx) error { return purchase(tx, 4, "0").Exec(ctx) }},
			"a_key_of_nothing": {"every purchase was made under one", func(tx *ent.Tx) error {
				return tx.IdempotencyKey.Create().SetShopperID(sam).SetOperation(operation).SetKey("k").SetFingerprint(make([]byte, 32)).
					SetResultID(id.New()).SetCreatedAt(noon).Exec(ctx)
			}},
			"two_keys": {"every purchase was made under one", func(tx *ent.Tx) error {
				return tx.IdempotencyKey.Create().SetShopperID(sam).SetOperation(operation).SetKey("k").SetFingerprint(make([]byte, 32)).
					SetResultID(bought.Purchase.ID).SetCreatedAt(noon).Exec(ctx)
			}},
			"an_event_too_many": {"every purchase was announced", func(tx *ent.Tx) error {
				return tx.OutboxEvent.Create().SetTopic(notify.PurchaseCompleted).SetShopperID(sam).SetPayload([]byte("{}")).SetCreatedAt(noon).Exec(ctx)
			}},
			"a_refund_that_was_announced_twice": {"every purchase was announced", func(tx *ent.Tx) error {
				return tx.OutboxEvent.Create().SetTopic(notify.PurchaseRefunded).SetShopperID(sam).SetPayload([]byte("{}")).SetCreatedAt(noon).Exec(ctx)
			}},
			"goods_for_points_that_money_paid_for": {"a purchase was paid by", func(tx *ent.Tx) error {
				p, err := purchase(tx, 4, "1").SetCurrency(money.PointsCode).Save(ctx)
				if err != nil {
					return err
				}
				return tx.Transfer.Create().SetKind(transfer.KindPURCHASE).SetCurrency(money.PointsCode).SetAmount(amount("1")).
					SetPaid(0).SetPromotional(amount("1")).SetGift(0).SetRefund(0).SetDebitAccountID(bought.Wallet.ID).SetDebitSeq(9).SetDebitBalance(0).
					SetCreditAccountID(wallet.House(account.KindREVENUE, money.PointsCode)).SetPurchaseID(p.ID).SetActor("sam").SetCreatedAt(noon).Exec(ctx)
			}},
			"units_that_were_given_back": {taken, func(tx *ent.Tx) error {
				offer := id.New()
				err := tx.LineAdjustment.Create().SetLineID(back.Edges.Lines[0].ID).SetPosition(0).SetKind("FLASH_SALE").SetSourceID(offer).
					SetLanguage("en").SetNames(map[string]string{}).SetAmount(amount("0.10")).SetUnits(1).Exec(ctx)
				return errors.Join(err, stock(tx, offer, 1), use(tx, offer, 1))
			}},
			"a_coupon_that_was_given_back": {taken, func(tx *ent.Tx) error {
				offer := id.New()
				err := tx.LineAdjustment.Create().SetLineID(back.Edges.Lines[0].ID).SetPosition(0).SetKind("COUPON").SetSourceID(offer).
					SetLanguage("en").SetNames(map[string]string{}).SetAmount(amount("0.10")).SetUnits(1).Exec(ctx)
				return errors.Join(err, stock(tx, offer, 1), use(tx, offer, 1))
			}},
			"a_refund_of_another's": {ofWhole, func(tx *ent.Tx) error {
				return wholeRefund(tx, func(r *ent.RefundCreate) { r.SetShopperID(*kims.ShopperID) })
			}},
			"a_refund_of_more": {ofWhole, func(tx *ent.Tx) error {
				return wholeRefund(tx, func(r *ent.RefundCreate) { r.SetTotal(amount("0.21")) })
			}},
			"a_refund_in_euros": {ofWhole, func(tx *ent.Tx) error { return wholeRefund(tx, func(r *ent.RefundCreate) { r.SetCurrency("EUR") }) }},
			"a_second_refund": {ofWhole, func(tx *ent.Tx) error {
				r, err := refund(tx, back, nil)
				if err != nil {
					return err
				}
				return errors.Join(exec(tx, "DROP INDEX refundline_line_id"), withLines(tx, r, back.Edges.Lines, back.Total))
			}},
			"a_refund_without_lines": {ofWhole, func(tx *ent.Tx) error { _, err := refund(tx, bought.Purchase, nil); return err }},
			"a_refunded_line_of_less": {ofWhole, func(tx *ent.Tx) error {
				r, err := refund(tx, bought.Purchase, nil)
				if err != nil {
					return err
				}
				return withLines(tx, r, bought.Purchase.Edges.Lines, amount("0.19"))
			}},
			"a_refunded_line_of_another_purchase": {ofWhole, func(tx *ent.Tx) error {
				return withLines(tx, refunded, bought.Purchase.Edges.Lines, bought.Purchase.Total)
			}},
			"nothing_given_back":              {gaveBack, func(tx *ent.Tx) error { return wholeRefund(tx, nil) }},
			"too_little_given_back":           {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetAmount(amount("0.19")).SetPaid(amount("0.19")) })},
			"given_back_as_another's_gift":    {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetPaid(0).SetGift(amount("0.20")) })},
			"given_back_as_promotional":       {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetPaid(0).SetPromotional(amount("0.20")) })},
			"given_back_as_a_refund":          {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetPaid(0).SetRefund(amount("0.20")) })},
			"given_back_to_another":           {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetCreditAccountID(kims.ID) })},
			"given_back_from_elsewhere":       {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetDebitAccountID(wallet.House(account.KindFUNDING, "USD")) })},
			"given_back_for_another_purchase": {gaveBack, paidBack(func(c *ent.TransferCreate) { c.SetPurchaseID(back.ID) })},
			"given_back_twice": {gaveBack, func(tx *ent.Tx) error {
				return errors.Join(exec(tx, "DROP INDEX transfers_refund"), credit(tx, refunded, nil))
			}},
			"given_back_for_nothing": {gaveBack, func(tx *ent.Tx) error {
				return credit(tx, &ent.Refund{ID: id.New(), PurchaseID: bought.Purchase.ID, Total: amount("0.20")}, nil)
			}},
			"given_back_for_what_was_free": {gaveBack, func(tx *ent.Tx) error {
				p, err := purchase(tx, 4, "0").Save(ctx)
				if err != nil {
					return err
				}
				r, err := refund(tx, p, nil)
				if err != nil {
					return err
				}
				return credit(tx, &ent.Refund{ID: r.ID, PurchaseID: p.ID, Total: amount("0.20")}, nil)
			}},
			"points_taken_for_another_purchase": {gaveBack, func(tx *ent.Tx) error {
				return credit(tx, &ent.Refund{ID: refunded.ID, PurchaseID: bought.Purchase.ID, Total: amount("1")}, func(c *ent.TransferCreate) {
					c.SetKind(transfer.KindPOINTS_RETURNED).SetCurrency(money.PointsCode)
				})
			}},
			"what_was_refunded_is_there": {revoked, func(tx *ent.Tx) error {
				return tx.Entitlement.UpdateOneID(back.Edges.Entitlements[0].ID).SetStatus(entitlement.StatusACTIVE).Exec(ctx)
			}},
			"what_was_not_refunded_is_revoked": {revoked, func(tx *ent.Tx) error {
				return tx.Entitlement.UpdateOneID(bought.Purchase.Edges.Entitlements[0].ID).SetStatus(entitlement.StatusREVOKED).Exec(ctx)
			}},
			"a_trial_that_was_refunded_and_does_not_know": {revoked, func(tx *ent.Tx) error {
				return errors.Join(
					tx.Entitlement.UpdateOneID(tried.Edges.Entitlements[0].ID).SetStatus(entitlement.StatusREVOKED).Exec(ctx),
					func() error { _, err := refund(tx, tried, nil); return err }(),
				)
			}},
			"a_trial_that_was_not_refunded_and_says_so": {revoked, func(tx *ent.Tx) error {
				return tx.Trial.UpdateOneID(trying.ID).SetRefundedBy(id.New()).Exec(ctx)
			}},
			"a_trial_that_names_another_refund": {revoked, func(tx *ent.Tx) error {
				_, err := refund(tx, tried, nil)
				return errors.Join(
					err, tx.Entitlement.UpdateOneID(tried.Edges.Entitlements[0].ID).SetStatus(entitlement.StatusREVOKED).Exec(ctx),
					tx.Trial.UpdateOneID(trying.ID).SetRefundedBy(refunded.ID).Exec(ctx),
				)
			}},
			"a_trial_that_was_ended_by_what_was_refunded": {revoked, func(tx *ent.Tx) error {
				return errors.Join(
					tx.Entitlement.UpdateOneID(trying.EntitlementID).SetStatus(entitlement.StatusCONVERTED).Exec(ctx),
					tx.Trial.UpdateOneID(trying.ID).SetConvertedBy(back.ID).Exec(ctx),
				)
			}},
			"a_trial_that_nothing_ended": {revoked, func(tx *ent.Tx) error {
				return tx.Entitlement.UpdateOneID(trying.EntitlementID).SetStatus(entitlement.StatusCONVERTED).Exec(ctx)
			}},
			"a_refund_without_a_key": {oneKey, func(tx *ent.Tx) error { return wholeRefund(tx, nil) }},
			"a_refund_with_two_keys": {oneKey, func(tx *ent.Tx) error { return refundKey(tx, sam, refunded.ID) }},
			"a_key_of_no_refund":     {oneKey, func(tx *ent.Tx) error { return refundKey(tx, sam, id.New()) }},
			"a_refund_under_another's_key": {oneKey, func(tx *ent.Tx) error {
				r, err := refund(tx, bought.Purchase, nil)
				return errors.Join(err, refundKey(tx, *kims.ShopperID, r.ID))
			}},
			"no_events_at_all": {"every purchase was announced", func(tx *ent.Tx) error { return exec(tx, "DELETE FROM outbox_events") }},
			"no_events_of_refunds": {"every purchase was announced", func(tx *ent.Tx) error {
				return exec(tx, "DELETE FROM outbox_events WHERE topic = 'purchase.refunded'")
			}},
		} {
			t.Run(name, func(t *testing.T) {
				undo := errors.New("undo")
				err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					if err := c.spoil(tx); err != nil {
						return err
					}
					results, err := proof.Check(ctx, tx, Claims())
					if err != nil {
						return err
					}
					for _, r := range results {
						if strings.HasPrefix(r.Claim, c.claim) {
							if r.Holds {
								t.Errorf("it still holds that %s", r.Claim)
							}
							return undo
						}
					}
					return errors.New("no such claim")
				})
				if !errors.Is(err, undo) {
					t.Error(err)
				}
			})
		}
		prove(t, d)
	})
}
