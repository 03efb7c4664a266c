package entitlement

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/trial"
	"farthing/internal/db"
)

// Trials reads the trials that these shoppers have had of these products, whatever became of them: there is at most one
// for each shopper and product, ever (rule 17).
func Trials(ctx context.Context, client *ent.Client, shoppers, products []uuid.UUID) (map[Good]*ent.Trial, error) {
	found := map[Good]*ent.Trial{}
	if len(shoppers) == 0 {
		return found, nil
	}
	for chunk := range slices.Chunk(products, manyIDs) {
		rows, err := client.Trial.Query().Where(db.AnyOf(trial.FieldShopperID, shoppers), db.AnyOf(trial.FieldProductID, chunk)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read trials: %w", err)
		}
		for _, row := range rows {
			found[Good{row.ShopperID, row.ProductID}] = row
		}
	}
	return found, nil
}

// BeginTrials writes that trials have begun. A second one of a product breaks the index that stands behind rule 17.
func BeginTrials(ctx context.Context, tx *ent.Tx, begun ...*ent.Trial) error {
	for chunk := range slices.Chunk(begun, manyRows) {
		rows := make([]*ent.TrialCreate, len(chunk))
		for i, t := range chunk {
			rows[i] = tx.Trial.Create().
				SetID(t.ID).SetShopperID(t.ShopperID).SetProductID(t.ProductID).SetOfferID(t.OfferID).SetPurchaseID(t.PurchaseID).
				SetEntitlementID(t.EntitlementID).SetCurrency(t.Currency).SetPrice(t.Price).
				SetStartedAt(t.StartedAt).SetExpiresAt(t.ExpiresAt).SetCreditUntil(t.CreditUntil).
				SetNillableConvertedBy(t.ConvertedBy)
		}
		if err := tx.Trial.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("begin trials: %w", err)
		}
	}
	return nil
}

// ConvertTrials writes that trials have ended because their products were bought: their price is credited no more, and
// what the purchase has granted takes the place of what they had granted, at the same instant.
func ConvertTrials(ctx context.Context, tx *ent.Tx, converted ...*ent.Trial) error {
	if len(converted) == 0 {
		return nil
	}
	byPurchase, entitlements := map[uuid.UUID][]uuid.UUID{}, make([]uuid.UUID, len(converted))
	for i, t := range converted {
		byPurchase[*t.ConvertedBy] = append(byPurchase[*t.ConvertedBy], t.ID)
		entitlements[i] = t.EntitlementID
	}
	for purchase, trials := range byPurchase {
		if err := tx.Trial.Update().Where(trial.IDIn(trials...)).SetConvertedBy(purchase).Exec(ctx); err != nil {
			return fmt.Errorf("convert trials: %w", err)
		}
	}
	err := tx.Entitlement.Update().
		Where(entitlement.IDIn(entitlements...), entitlement.StatusEQ(entitlement.StatusACTIVE)).
		SetStatus(entitlement.StatusCONVERTED).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end what trials had granted: %w", err)
	}
	return nil
}

// TrialsOf reads the trials that some purchases began or ended.
func TrialsOf(ctx context.Context, client *ent.Client, purchases []uuid.UUID) ([]*ent.Trial, error) {
	rows, err := client.Trial.Query().
		Where(trial.Or(trial.PurchaseIDIn(purchases...), trial.ConvertedByIn(purchases...))).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read trials of purchases: %w", err)
	}
	return rows, nil
}

// RefundTrial writes that the price of a trial was given back: it is credited no more, and there is no second trial.
func RefundTrial(ctx context.Context, tx *ent.Tx, id, refund uuid.UUID) error {
	if err := tx.Trial.UpdateOneID(id).SetRefundedBy(refund).Exec(ctx); err != nil {
		return fmt.Errorf("refund a trial: %w", err)
	}
	return nil
}

// ResumeTrials undoes ConvertTrials: what had been bought was given back, and the trials go on, as long as they last.
func ResumeTrials(ctx context.Context, tx *ent.Tx, resumed ...*ent.Trial) error {
	if len(resumed) == 0 {
		return nil
	}
	trials, entitlements := make([]uuid.UUID, len(resumed)), make([]uuid.UUID, len(resumed))
	for i, t := range resumed {
		trials[i], entitlements[i] = t.ID, t.EntitlementID
	}
	if err := tx.Trial.Update().Where(trial.IDIn(trials...)).ClearConvertedBy().Exec(ctx); err != nil {
		return fmt.Errorf("resume trials: %w", err)
	}
	err := tx.Entitlement.Update().
		Where(entitlement.IDIn(entitlements...), entitlement.StatusEQ(entitlement.StatusCONVERTED)).
		SetStatus(entitlement.StatusACTIVE).Exec(ctx)
	if err != nil {
		return fmt.Errorf("resume what trials had granted: %w", err)
	}
	return nil
}
