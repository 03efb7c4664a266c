package graph

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/checkout"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

func (r *Resolver) rewardRule(row *ent.RewardRule) *model.RewardRule {
	return seen(row, func(row *ent.RewardRule) model.RewardRule { return model.NewRewardRule(row, r.Currencies) })
}

func (r *Resolver) refund(row *ent.Refund) *model.Refund {
	return model.NewRefund(row, r.Currencies, r.Clock())
}

// rewards shows what a shopper sees of rewards; nil for nothing.
func (r *Resolver) rewards(view *rewards.View) *model.Rewards {
	return model.NewRewards(view, r.Currencies, func(ctx context.Context, args page.Args) (model.RewardEventConnection, error) {
		client, shopper := r.DB.Client(), view.Standing.ShopperID
		entries, err := r.Rewards.Activity(ctx, client, shopper, args)
		count := func(ctx context.Context) (int, error) { return r.Rewards.CountActivity(ctx, client, shopper) }
		return model.NewRewardEvents(entries, count, r.rulebook), err
	})
}

// visibleRefund is a refund that the caller may see: one of their own or, for those who make them, any; nil for all others.
func (r *Resolver) visibleRefund(ctx context.Context, row *ent.Refund) *model.Refund {
	caller := actor.From(ctx)
	if row == nil || row.ShopperID != caller.ShopperID && !caller.Has(actor.Support, actor.Admin) {
		return nil
	}
	return r.refund(row)
}

// rulebook is that of the answer.
func (*Resolver) rulebook(ctx context.Context) (*earning.Rulebook, error) {
	return loadersOf(ctx).rules(ctx)
}

// inForce are those of some rules as they are now that count now.
func (r *Resolver) inForce(ctx context.Context, of func(*earning.Terms) []*earning.Rule) ([]*earning.Rule, error) {
	book, err := r.rulebook(ctx)
	if err != nil {
		return nil, err
	}
	now := r.Clock()
	return slices.DeleteFunc(slices.Clone(of(book.Current())), func(rule *earning.Rule) bool { return !rule.Counts(now) }), nil
}

func leaderboardsOf(t *earning.Terms) []*earning.Rule { return t.Leaderboards }

func badgesOf(t *earning.Terms) []*earning.Rule { return t.Badges }

func perksOf(t *earning.Terms) []*earning.Rule { return t.Perks }

// earned is what a purchase earned; nil for a shopper who has turned rewards off. It is fetched unless it came with it.
func (r *Resolver) earned(ctx context.Context, purchase *model.Purchase) (*ent.RewardEntry, error) {
	if entry, there := purchase.Earned(); there {
		return entry, nil
	}
	return find(ctx, loadersOf(ctx).earned, purchase.Purchase.ID)
}

// purchaseRewards shows what a purchase earned.
func (r *Resolver) purchaseRewards(ctx context.Context, purchase *model.Purchase) (*model.PurchaseRewards, error) {
	entry, err := r.earned(ctx, purchase)
	return model.NewPurchaseRewards(entry, r.rulebook, func(ctx context.Context) (money.Amount, error) {
		return find(ctx, loadersOf(ctx).points, purchase.ShopperID)
	}), err
}

// pointsGained are the points that an entry gave its shopper. Those that a refund gave back are those that had been spent on
// the purchase: how many of them went to pay a debt its entry does not say.
func (r *Resolver) pointsGained(ctx context.Context, entry *ent.RewardEntry) (model.Money, error) {
	if entry.Kind != rewardentry.KindREFUND {
		return model.NewPoints(entry.Points), nil
	}
	bought, err := find(ctx, loadersOf(ctx).earned, *entry.PurchaseID)
	if err != nil || bought == nil {
		return model.NewPoints(0), err
	}
	return model.NewPoints(bought.SpentPoints), nil
}

// balances are the points that shoppers have now.
func (r *Resolver) balances(ctx context.Context, client *ent.Client, shoppers []uuid.UUID) (map[uuid.UUID]money.Amount, error) {
	points := make(map[uuid.UUID]money.Amount, len(shoppers))
	for _, shopper := range shoppers { // of one answer there is one, but where support looks at several refunds
		view, err := r.Rewards.Of(ctx, client, shopper)
		if err != nil {
			return nil, err
		}
		points[shopper] = view.Points
	}
	return points, nil
}

// redeemed shows what redeeming points for a perk has come to; nil for a shopper who has turned rewards off.
func (r *Resolver) redeemed(ctx context.Context, entry *ent.RewardEntry) (*model.RewardEvent, error) {
	if entry == nil {
		return nil, nil //nolint:nilnil // It was refused.
	}
	view, err := r.Rewards.Of(ctx, r.DB.Client(), entry.ShopperID)
	if err != nil || !view.Standing.Enabled {
		return nil, err
	}
	return model.NewRewardEvent(entry, r.rulebook), nil
}

// follow tells the caller what is earned, lost and redeemed.
func (r *Resolver) follow(ctx context.Context) (<-chan model.RewardEvent, error) {
	watching, stop := context.WithCancel(ctx)
	entries, err := r.Rewards.WatchActivity(watching, actor.From(ctx).ShopperID)
	if err != nil {
		stop()
		return nil, err
	}
	shown := make(chan model.RewardEvent)
	go func() {
		defer close(shown)
		defer stop()
		for entry := range entries {
			select {
			case shown <- *model.NewRewardEvent(entry, r.rulebook):
			case <-ctx.Done():
				return
			}
		}
	}()
	return shown, nil
}

// refundByID is a refund that the caller may see; nil for any other, and for none.
func (r *Resolver) refundByID(ctx context.Context, named uuid.UUID) (*model.Refund, error) {
	row, err := checkout.RefundByID(ctx, r.DB.Client(), named)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Nothing there is an answer, not an error.
	}
	return r.visibleRefund(ctx, row), err
}

// mostPeriodsAgo is how far back a leaderboard is shown.
const mostPeriodsAgo = 400

// boardAt is where a leaderboard stands in one of its periods.
func (r *Resolver) boardAt(board *model.Leaderboard, ago int) (model.LeaderboardStanding, error) {
	if ago < 0 || ago > mostPeriodsAgo {
		return model.LeaderboardStanding{}, fault.Input("ago", "Look back 0 to %d periods, not %d.", mostPeriodsAgo, ago)
	}
	return board.At(r.Clock(), ago), nil
}

// boardPeriod names a leaderboard in one of its periods.
type boardPeriod struct {
	board  *earning.Rule
	period int64
}

// vicinity is the caller's own place on a leaderboard, nil for none, and the places around it.
type vicinity struct {
	own    *rewards.Place
	around []rewards.Place
}

// vicinity is where the caller is on a leaderboard.
func (*Resolver) vicinity(ctx context.Context, of *model.LeaderboardStanding) (vicinity, error) {
	if actor.From(ctx).ShopperID == uuid.Nil {
		return vicinity{}, nil
	}
	return find(ctx, loadersOf(ctx).vicinities, boardPeriod{of.Board, of.Period})
}

// vicinities are where the caller is on some leaderboards.
func (r *Resolver) vicinities(ctx context.Context, client *ent.Client, boards []boardPeriod) (map[boardPeriod]vicinity, error) {
	found := make(map[boardPeriod]vicinity, len(boards))
	for _, b := range boards {
		own, around, err := r.Rewards.Around(ctx, client, b.board, b.period, actor.From(ctx).ShopperID)
		if err != nil {
			return nil, err
		}
		found[b] = vicinity{own, around}
	}
	return found, nil
}
