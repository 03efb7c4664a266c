package checkout

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchase"
	"farthing/ent/purchaseline"
	"farthing/ent/shopper"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/page"
	"farthing/internal/wallet"
)

// ByID reads a purchase of a shopper with its lines, entitlements and refund. That of somebody else is not found.
func ByID(ctx context.Context, client *ent.Client, shopperID, id uuid.UUID) (*ent.Purchase, error) {
	p, err := whole(client.Purchase.Query().Where(purchase.ID(id), purchase.ShopperID(shopperID))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "There is no such purchase.")
	}
	if err != nil {
		return nil, fmt.Errorf("read purchase: %w", err)
	}
	return p, nil
}

// History reads a shopper's purchases with all that belongs to them, newest first.
func History(ctx context.Context, client *ent.Client, shopperID uuid.UUID, args page.Args) (page.Page[*ent.Purchase], error) {
	order := page.Order[*ent.Purchase]{
		Scope:      "purchases:" + shopperID.String(),
		Descending: true,
		Column:     func(s *sql.Selector) string { return s.C(purchase.FieldOrdinal) },
		Key:        func(p *ent.Purchase) any { return p.Ordinal },
		ID:         func(p *ent.Purchase) uuid.UUID { return p.ID },
	}
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.Purchase, error) {
		rows, err := whole(client.Purchase.Query().Where(purchase.ShopperID(shopperID), apply)).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read purchases: %w", err)
		}
		return rows, nil
	})
}

// Count is how many purchases a shopper has made: the number of the last one.
func Count(ctx context.Context, client *ent.Client, shopperID uuid.UUID) (int64, error) {
	ordinals, err := lastOrdinals(ctx, client, []uuid.UUID{shopperID})
	return ordinals[shopperID], err
}

// whole has a query read what belongs to a purchase, in the order in which it was decided.
func whole(q *ent.PurchaseQuery) *ent.PurchaseQuery {
	return q.
		WithLines(func(q *ent.PurchaseLineQuery) {
			q.Order(purchaseline.ByPosition()).
				WithAdjustments(func(q *ent.LineAdjustmentQuery) { q.Order(lineadjustment.ByPosition()) })
		}).
		WithEntitlements(func(q *ent.EntitlementQuery) { q.Order(entitlement.ByID()) }).
		WithRefunds()
}

// lastOrdinals reads the number of each shopper's last purchase: one step into an index for each, however many purchases
// there are. Shoppers without one are not in the map.
func lastOrdinals(ctx context.Context, client *ent.Client, shoppers []uuid.UUID) (map[uuid.UUID]int64, error) {
	var rows []struct {
		ID      uuid.UUID `sql:"id"`
		Ordinal *int64    `sql:"ordinal"` // null for a shopper who has bought nothing yet
	}
	err := client.Shopper.Query().Where(db.AnyOf(shopper.FieldID, shoppers)).Modify(func(s *sql.Selector) {
		last := sql.Table(purchase.Table)
		ordinal := sql.Select(last.C(purchase.FieldOrdinal)).From(last).
			Where(sql.ColumnsEQ(last.C(purchase.FieldShopperID), s.C(shopper.FieldID))).
			OrderBy(sql.Desc(last.C(purchase.FieldOrdinal))).Limit(1)
		s.Select(s.C(shopper.FieldID)).AppendSelectExprAs(ordinal, "ordinal")
	}).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read numbers of last purchases: %w", err)
	}
	ordinals := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		if row.Ordinal != nil {
			ordinals[row.ID] = *row.Ordinal
		}
	}
	return ordinals, nil
}

// book opens a shopper's accounts for reading.
func (s *Service) book(ctx context.Context, client *ent.Client, shopperID uuid.UUID) (*wallet.Book, error) {
	return wallet.Load(ctx, client, s.now(), shopperID)
}
