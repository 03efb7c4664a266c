package rewards

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/badgeaward"
	"farthing/internal/proof"
)

// Held is a badge in a shopper's hands.
type Held struct {
	ShopperID uuid.UUID
	Badge     string
}

// HeldBy reads which badges these shoppers have.
func HeldBy(ctx context.Context, client *ent.Client, shoppers ...uuid.UUID) (map[Held]bool, error) {
	rows, err := client.BadgeAward.Query().Where(badgeaward.ShopperIDIn(shoppers...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read badges: %w", err)
	}
	held := make(map[Held]bool, len(rows))
	for _, row := range rows {
		held[Held{row.ShopperID, row.Badge}] = true
	}
	return held, nil
}

// Of reads a shopper's badges, latest first.
func Of(ctx context.Context, client *ent.Client, shopper uuid.UUID) ([]*ent.BadgeAward, error) {
	rows, err := client.BadgeAward.Query().Where(badgeaward.ShopperID(shopper)).
		Order(ent.Desc(badgeaward.FieldAwardedAt, badgeaward.FieldID)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read badges: %w", err)
	}
	return rows, nil
}

// Award writes badges. One that the shopper has already breaks a unique index, and nothing is awarded.
func Award(ctx context.Context, tx *ent.Tx, awards ...*ent.BadgeAward) error {
	if len(awards) == 0 {
		return nil
	}
	rows := make([]*ent.BadgeAwardCreate, len(awards))
	for i, a := range awards {
		rows[i] = tx.BadgeAward.Create().
			SetID(a.ID).SetShopperID(a.ShopperID).SetBadge(a.Badge).SetPurchaseID(a.PurchaseID).SetAwardedAt(a.AwardedAt)
	}
	if err := tx.BadgeAward.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("award badges: %w", err)
	}
	return nil
}

// Claims are what must be true of rewards.
func Claims() []proof.Claim {
	// Not "by the purchase of exactly that number": one that was missed is earned by the next purchase (Earned).
	var misplaced []string
	for _, b := range badges() {
		misplaced = append(misplaced, fmt.Sprintf(`
			SELECT p.id AS purchase, p.ordinal FROM badge_awards b JOIN purchases p ON p.id = b.purchase_id
			WHERE b.badge = '%[1]s' AND p.ordinal < %[2]d
			UNION ALL
			SELECT p.id, p.ordinal FROM purchases p
			LEFT JOIN badge_awards b ON b.shopper_id = p.shopper_id AND b.badge = '%[1]s'
			WHERE p.ordinal = %[2]d AND b.id IS NULL`, b.Code, b.Purchases))
	}
	return []proof.Claim{
		{
			Name: "a shopper has a badge at most once",
			Contradictions: `
				SELECT shopper_id AS shopper, badge, COUNT(*) AS times FROM badge_awards
				GROUP BY shopper_id, badge HAVING COUNT(*) > 1`,
		},
		{
			Name: "a badge was earned by a purchase of the same shopper",
			Contradictions: `
				SELECT b.id AS award FROM badge_awards b LEFT JOIN purchases p ON p.id = b.purchase_id
				WHERE p.id IS NULL OR p.shopper_id <> b.shopper_id`,
		},
		{
			Name:           "whoever made the purchases of a badge has it, and nobody earned it by fewer",
			Contradictions: strings.Join(misplaced, " UNION ALL "),
		},
	}
}
