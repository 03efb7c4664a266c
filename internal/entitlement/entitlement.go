// Package entitlement is what shoppers may use: what a purchase hands over, for good or for the time of a trial, and how
// much of it is left.
//
// It promises that a shopper owns a durable good at most once (rule 12) and tries it at most once, ever (rule 17), that
// owning it does not depend on what becomes of the product in the catalogue (rule 11), and that what is used up is used
// up once. When something expires is judged on reading, never by a job.
package entitlement

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/page"
	"farthing/internal/proof"
)

// How many ids one statement asks for, and how many rows of a dozen columns it writes: SQLite takes 32,766 variables.
const (
	manyIDs  = 10_000
	manyRows = 1_000
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
	for chunk := range slices.Chunk(products, manyIDs) {
		rows, err := client.Entitlement.Query().Where(
			db.AnyOf(entitlement.FieldShopperID, shoppers), db.AnyOf(entitlement.FieldProductID, chunk),
			entitlement.KindEQ(entitlement.KindDURABLE), entitlement.StatusEQ(entitlement.StatusACTIVE),
		).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read owned goods: %w", err)
		}
		for _, row := range rows {
			owned[Good{row.ShopperID, row.ProductID}] = row
		}
	}
	return owned, nil
}

// Part is what purchases hand over, to be written. A durable good that is owned already breaks the index that stands behind
// rule 12, and nothing is granted.
func Part(granted ...*ent.Entitlement) db.Part { return grantedRows.Of(granted...) }

var grantedRows = db.NewRows(entitlement.Table,
	db.UUID(entitlement.FieldID, func(e *ent.Entitlement) uuid.UUID { return e.ID }),
	db.UUID(entitlement.FieldShopperID, func(e *ent.Entitlement) uuid.UUID { return e.ShopperID }),
	db.UUID(entitlement.FieldProductID, func(e *ent.Entitlement) uuid.UUID { return e.ProductID }),
	db.UUID(entitlement.FieldPurchaseID, func(e *ent.Entitlement) uuid.UUID { return e.PurchaseID }),
	db.Text(entitlement.FieldKind, func(e *ent.Entitlement) entitlement.Kind { return e.Kind }),
	db.Text(entitlement.FieldStatus, func(e *ent.Entitlement) entitlement.Status { return e.Status }),
	db.Int(entitlement.FieldUnits, func(e *ent.Entitlement) int64 { return e.Units }),
	db.Int(entitlement.FieldRemaining, func(e *ent.Entitlement) int64 { return e.Remaining }),
	db.Bool(entitlement.FieldCounted, func(e *ent.Entitlement) bool { return e.Counted }),
	db.NullTime(entitlement.FieldExpiresAt, func(e *ent.Entitlement) *time.Time { return e.ExpiresAt }),
	db.SameTime(entitlement.FieldGrantedAt, func(e *ent.Entitlement) time.Time { return e.GrantedAt }),
)

// Revoke takes back what purchases handed over. Who has used some of it keeps nothing of the rest.
func Revoke(ctx context.Context, tx *ent.Tx, ids ...uuid.UUID) error {
	for chunk := range slices.Chunk(ids, manyIDs) {
		err := tx.Entitlement.Update().Where(entitlement.IDIn(chunk...)).SetStatus(entitlement.StatusREVOKED).Exec(ctx)
		if err != nil {
			return fmt.Errorf("revoke entitlements: %w", err)
		}
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
			Name: "a shopper tries a product at most once, and every trial has what it granted",
			Contradictions: `
				SELECT t.id AS trial, t.product_id AS product FROM trials t
				LEFT JOIN entitlements e ON e.id = t.entitlement_id
				WHERE e.id IS NULL OR e.kind <> 'TRIAL' OR e.shopper_id <> t.shopper_id OR e.product_id <> t.product_id
				   OR e.purchase_id <> t.purchase_id OR e.expires_at <> t.expires_at
				   OR (t.converted_by IS NOT NULL AND e.status = 'ACTIVE')
				UNION ALL
				SELECT e.id, e.product_id FROM entitlements e LEFT JOIN trials t ON t.entitlement_id = e.id
				WHERE e.kind = 'TRIAL' AND t.id IS NULL
				UNION ALL
				SELECT shopper_id, product_id FROM trials GROUP BY shopper_id, product_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "no more units are left than were granted",
			Contradictions: `
				SELECT id AS entitlement, units, remaining FROM entitlements WHERE remaining < 0 OR remaining > units`,
		},
	}
}
