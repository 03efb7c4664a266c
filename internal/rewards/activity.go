package rewards

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/internal/page"
)

// Activity reads a shopper's entries, newest first; none of a shopper who has turned rewards off.
func (s *Service) Activity(
	ctx context.Context, client *ent.Client, shopper uuid.UUID, args page.Args,
) (page.Page[*ent.RewardEntry], error) {
	order := page.Order[*ent.RewardEntry]{
		Scope:      "reward activity:" + shopper.String(),
		Descending: true,
		Column:     func(s *sql.Selector) string { return s.C(rewardentry.FieldSeq) },
		Key:        func(e *ent.RewardEntry) any { return e.Seq },
		ID:         func(e *ent.RewardEntry) uuid.UUID { return e.ID },
	}
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.RewardEntry, error) {
		rows, err := client.RewardEntry.Query().Where(rewardentry.ShopperID(shopper), isShown, apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read reward activity: %w", err)
		}
		return rows, nil
	})
}

// CountActivity counts what Activity would list.
func (s *Service) CountActivity(ctx context.Context, client *ent.Client, shopper uuid.UUID) (int, error) {
	n, err := client.RewardEntry.Query().Where(rewardentry.ShopperID(shopper), isShown).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count reward activity: %w", err)
	}
	return n, nil
}

// isShown holds for entries of shoppers who have not turned rewards off.
func isShown(s *sql.Selector) {
	build := sql.Dialect(s.Dialect())
	standings := build.Table(rewardstanding.Table)
	off := build.Select(standings.C(rewardstanding.FieldShopperID)).From(standings).Where(sql.And(
		sql.ColumnsEQ(standings.C(rewardstanding.FieldShopperID), s.C(rewardentry.FieldShopperID)),
		sql.EQ(standings.C(rewardstanding.FieldEnabled), false),
	))
	s.Where(sql.NotExists(off))
}
