package rewards

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// OfPurchase is what a purchase of a shopper earned, as it was decided, and how many points the shopper has now. There is
// no entry for a shopper who has turned rewards off.
func (s *Service) OfPurchase(
	ctx context.Context, client *ent.Client, shopper, purchase uuid.UUID,
) (*ent.RewardEntry, money.Amount, error) {
	rules, err := s.Rulebooks.Current(ctx)
	if err != nil {
		return nil, 0, err
	}
	now, shoppers := s.now(), []uuid.UUID{shopper}
	book, err := wallet.Load(ctx, client, now, shopper)
	if err != nil {
		return nil, 0, err
	}
	desk, err := OpenDesk(ctx, client, Seating{Book: book, Rules: rules, Now: now, Shoppers: shoppers, Spending: shoppers})
	if err != nil {
		return nil, 0, err
	}
	entries, err := EntriesOf(ctx, client, []uuid.UUID{purchase})
	return entries[purchase], desk.Points(shopper), err
}

// EntriesOf are what some purchases earned, by purchase, as it was decided. Those of shoppers who have turned rewards off
// are not among them.
func EntriesOf(ctx context.Context, client *ent.Client, purchases []uuid.UUID) (map[uuid.UUID]*ent.RewardEntry, error) {
	rows, err := client.RewardEntry.Query().
		Where(rewardentry.PurchaseIDIn(purchases...), rewardentry.KindEQ(rewardentry.KindPURCHASE)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what purchases earned: %w", err)
	}
	shoppers := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		shoppers[i] = row.ShopperID
	}
	off, err := client.RewardStanding.Query().
		Where(rewardstanding.ShopperIDIn(shoppers...), rewardstanding.Enabled(false)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read who has turned rewards off: %w", err)
	}
	hidden := make(map[uuid.UUID]bool, len(off))
	for _, row := range off {
		hidden[row.ShopperID] = true
	}
	entries := make(map[uuid.UUID]*ent.RewardEntry, len(rows))
	for _, row := range rows {
		if !hidden[row.ShopperID] {
			entries[*row.PurchaseID] = row
		}
	}
	return entries, nil
}
