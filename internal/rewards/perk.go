package rewards

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/wallet"
)

// redeemOperation is what claims idempotency keys, named as the mutation is.
const redeemOperation = "redeemPerk"

// RedeemPerk is what redeeming points for a perk needs.
type RedeemPerk struct {
	IdempotencyKey string
	ShopperID      uuid.UUID
	// PerkID is the rule of the perk.
	PerkID uuid.UUID
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Redeemed is what became of redeeming points for a perk.
type Redeemed struct {
	// Entry is what was written down, now or the first time.
	Entry *ent.RewardEntry
	// Replayed says that the key had been used before, and this is the result of that time.
	Replayed bool
}

// RedeemPerk takes a shopper's points for a perk, once for every key. It is the till for a single request: load under the
// shopper's lock, decide, apply, all in one transaction.
func (s *Service) RedeemPerk(ctx context.Context, in RedeemPerk) (Redeemed, error) {
	var faults fault.List
	faults.AddIf(idempotency.Validate("idempotencyKey", in.IdempotencyKey))
	if all := fault.Merge(in.Malformed, faults); len(all) > 0 {
		return Redeemed{}, all
	}
	fingerprint, err := idempotency.FingerprintOf(in.PerkID)
	if err != nil {
		return Redeemed{}, err
	}
	key := idempotency.Key{ShopperID: in.ShopperID, Operation: redeemOperation, Text: in.IdempotencyKey}
	claim := idempotency.Claim{Key: key, Fingerprint: fingerprint, ResultID: id.New()}
	var redeemed Redeemed
	err = s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		rules, revision, now, err := s.hold(ctx, tx, in.ShopperID)
		if err != nil {
			return err
		}
		claims, err := idempotency.Find(ctx, tx.Client(), key)
		if err != nil {
			return err
		}
		if earlier, ok := claims[key]; ok {
			if earlier.Fingerprint != fingerprint {
				return idempotency.Reused("idempotencyKey")
			}
			e, err := tx.RewardEntry.Get(ctx, earlier.ResultID)
			if err != nil {
				return fmt.Errorf("read the entry of an earlier redemption: %w", err)
			}
			redeemed = Redeemed{Entry: e, Replayed: earlier.ResultID != claim.ResultID}
			return nil
		}
		i := slices.IndexFunc(rules.Current().Perks, func(r *earning.Rule) bool { return r.ID == in.PerkID && r.Counts(now) })
		if i < 0 {
			return fault.New(fault.NotAvailable, "Points cannot be redeemed for this perk now.").At("perkId")
		}
		book, err := wallet.Load(ctx, tx.Client(), now, in.ShopperID)
		if err != nil {
			return err
		}
		shoppers := []uuid.UUID{in.ShopperID}
		desk, err := OpenDesk(ctx, tx.Client(), Seating{
			Book: book, Rules: rules, Revision: revision, Now: now, Shoppers: shoppers, Spending: shoppers,
		})
		if err != nil {
			return err
		}
		perk := rules.Current().Perks[i]
		if short := desk.Affords(in.ShopperID, perk.Terms.Perk.Cost); short != nil {
			return short
		}
		e, err := desk.Redeem(in.ShopperID, perk, claim.ResultID, actor.From(ctx).Name())
		if err != nil {
			return err
		}
		redeemed = Redeemed{Entry: e}
		var events []notify.Event
		if desk.Enabled(in.ShopperID) {
			events = []notify.Event{{Topic: notify.PerkRedeemed, ShopperID: in.ShopperID, Payload: redeemed.told()}}
		}
		told, err := notify.Part(now, events...)
		if err != nil {
			return err
		}
		if err := desk.Amend(ctx, tx); err != nil {
			return err
		}
		return db.Write(ctx, tx, slices.Concat(book.Parts(), desk.Parts(), []db.Part{idempotency.Part(now, claim), told})...)
	})
	if err != nil {
		return Redeemed{}, err
	}
	return redeemed, nil
}

// told is what the outbox says of a redemption.
func (r Redeemed) told() any {
	points := money.Points()
	return map[string]string{
		"entryId": id.Encode(id.RewardEntry, r.Entry.ID),
		"perkId":  id.Encode(id.RewardRule, *r.Entry.PerkID),
		"points":  points.Format(r.Entry.SpentPoints),
		"balance": points.Format(r.Entry.Result.Balance),
	}
}
