// Package entitlement is what shoppers may use: what a purchase hands over.
//
// It promises that a shopper owns a durable good at most once (rule 12), and that owning it does not depend on what
// becomes of the product in the catalogue (rule 11).
package entitlement

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/internal/fault"
	"farthing/internal/page"
	"farthing/internal/proof"
)

// Good names a product in a shopper's hands.
type Good struct {
	ShopperID, ProductID uuid.UUID
}

// Owned reads which of these products these shoppers own: active entitlements to durable goods, by shopper and product.
func Owned(ctx context.Context, client *ent.Client, shoppers, products []uuid.UUID) (map[Good]*ent.Entitlement, error) {
	owned := map[Good]*ent.Entitlement{}
	if len(shoppers) == 0 || len(products) == 0 {
		return owned, nil
	}
	rows, err := client.Entitlement.Query().Where(
		entitlement.ShopperIDIn(shoppers...), entitlement.ProductIDIn(products...),
		entitlement.KindEQ(entitlement.KindDURABLE), entitlement.StatusEQ(entitlement.StatusACTIVE),
	).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read owned goods: %w", err)
	}
	for _, row := range rows {
		owned[Good{row.ShopperID, row.ProductID}] = row
	}
	return owned, nil
}

// Grant writes what purchases hand over. A durable good that is owned already breaks the index that stands behind
// rule 12, and nothing is granted.
func Grant(ctx context.Context, tx *ent.Tx, granted ...*ent.Entitlement) error {
	rows := make([]*ent.EntitlementCreate, len(granted))
	for i, g := range granted {
		rows[i] = tx.Entitlement.Create().
			SetID(g.ID).SetShopperID(g.ShopperID).SetProductID(g.ProductID).SetPurchaseID(g.PurchaseID).
			SetKind(g.Kind).SetStatus(g.Status).SetUnits(g.Units).SetRemaining(g.Remaining).SetGrantedAt(g.GrantedAt)
	}
	if err := tx.Entitlement.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("grant entitlements: %w", err)
	}
	return nil
}

// Of reads what a shopper may use or might once, newest first.
func Of(ctx context.Context, client *ent.Client, shopper uuid.UUID, args page.Args) (page.Page[*ent.Entitlement], error) {
	order := page.Order[*ent.Entitlement]{
		Scope:      "entitlements:" + shopper.String(),
		Descending: true,
		ID:         func(e *ent.Entitlement) uuid.UUID { return e.ID },
	}
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.Entitlement, error) {
		rows, err := client.Entitlement.Query().Where(entitlement.ShopperID(shopper), apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read entitlements: %w", err)
		}
		return rows, nil
	})
}

// Count counts what Of would list.
func Count(ctx context.Context, client *ent.Client, shopper uuid.UUID) (int, error) {
	n, err := client.Entitlement.Query().Where(entitlement.ShopperID(shopper)).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count entitlements: %w", err)
	}
	return n, nil
}

// ByID reads an entitlement of a shopper. That of somebody else is not found.
func ByID(ctx context.Context, client *ent.Client, shopper, id uuid.UUID) (*ent.Entitlement, error) {
	e, err := client.Entitlement.Query().Where(entitlement.ID(id), entitlement.ShopperID(shopper)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "There is no such entitlement.")
	}
	if err != nil {
		return nil, fmt.Errorf("read entitlement: %w", err)
	}
	return e, nil
}

// Claims are what must be true of entitlements.
func Claims() []proof.Claim {
	return []proof.Claim{
		{
			Name: "a shopper owns a durable good at most once",
			Contradictions: `
				SELECT shopper_id AS shopper, product_id AS product, COUNT(*) AS times FROM entitlements
				WHERE kind = 'DURABLE' AND status = 'ACTIVE' GROUP BY shopper_id, product_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "an entitlement is to a product that exists",
			Contradictions: `
				SELECT e.id AS entitlement, e.product_id AS product FROM entitlements e
				LEFT JOIN products p ON p.id = e.product_id WHERE p.id IS NULL`,
		},
		{
			Name: "no more units are left than were granted",
			Contradictions: `
				SELECT id AS entitlement, units, remaining FROM entitlements WHERE remaining < 0 OR remaining > units`,
		},
	}
}
