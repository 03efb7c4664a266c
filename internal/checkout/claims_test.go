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
			p, err := purchase(tx, 2, "0.20").Save(ctx)
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
		const taken = "what was taken of an offer is what purchases took of it"
		for name, c := range map[string]struct {
			claim string
			spoil func(tx *ent.Tx) error
		}{
			"a_line_too_many": {"the lines of a purchase add up to it", func(tx *ent.Tx) error { return line(tx, bought.Purchase.ID, hints.ID, "1") }},
			"no_line":         {"the lines of a purchase add up to it", func(tx *ent.Tx) error { return purchase(tx, 2, "0").Exec(ctx) }},
			"no_debit":        {"a purchase was paid by", func(tx *ent.Tx) error { return purchase(tx, 2, "1").Exec(ctx) }},
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
				return purchase(tx, 2, "0").SetPoints(amount("1")).Exec(ctx)
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
			"a_gap":                          {"a shopper's purchases are numbered", func(tx *ent.Tx) error { return purchase(tx, 3, "0").Exec(ctx) }},
			"no_key":                         {"every purchase was made under one", func(tx *ent.Tx) error { return purchase(tx, 2, "0").Exec(ctx) }},
			"a_key_of_nothing": {"every purchase was made under one", func(tx *ent.Tx) error {
				return tx.IdempotencyKey.Create().SetShopperID(sam).SetOperation(operation).SetKey("k").SetFingerprint(make([]byte, 32)).
					SetResultID(id.New()).SetCreatedAt(noon).Exec(ctx)
			}},
			"two_keys": {"every purchase was made under one", func(tx *ent.Tx) error {
				return tx.IdempotencyKey.Create().SetShopperID(sam).SetOperation(operation).SetKey("k").SetFingerprint(make([]byte, 32)).
					SetResultID(bought.Purchase.ID).SetCreatedAt(noon).Exec(ctx)
			}},
			"an_event_too_many": {"every purchase was announced", func(tx *ent.Tx) error {
				return notify.Record(ctx, tx, noon, notify.Event{Topic: notify.PurchaseCompleted, ShopperID: sam})
			}},
			"no_events_at_all": {"every purchase was announced", func(tx *ent.Tx) error { return exec(tx, "DELETE FROM outbox_events") }},
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
