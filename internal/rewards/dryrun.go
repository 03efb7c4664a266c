package rewards

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// dryRows is how many entries a dry run has in memory at once.
const dryRows = 2_000

// DryRun is what a rule would have done to all purchases that were not refunded, had it always been there.
type DryRun struct {
	// Shoppers is how many would have had something of it, and Purchases how many purchases would have earned that.
	Shoppers, Purchases int64
	// Points is how many it would have given in all.
	Points money.Amount
	// Considered is how many purchases were looked at.
	Considered int64
}

// DryRun tries a POINTS rule, a BADGE or a QUEST on all that has happened, as if it were ACTIVE, and writes nothing. It reads
// every entry there is, shopper by shopper.
//
// The error is a fault.List of INVALID_INPUT with all that is wrong with the rule by itself. What may be tried is a change
// of a rule that is there, so that nobody asks whether the code is free.
func (s *Service) DryRun(ctx context.Context, in RuleInput) (*DryRun, error) {
	var result *DryRun
	err := s.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		client := tx.Client()
		rule, err := s.tried(ctx, client, in)
		if err != nil {
			return err
		}
		revision, err := catalog.Revision(ctx, client)
		if err != nil {
			return err
		}
		rules, err := s.Rulebooks.Held(ctx, tx, revision)
		if err != nil {
			return err
		}
		run := &dryRun{rule: rule, rehearsal: rules.Rehearse(rule)}
		if err := run.through(ctx, client); err != nil {
			return err
		}
		result = &run.DryRun
		return nil
	})
	if errors.Is(err, earning.ErrTooMuch) {
		return nil, fault.List{fault.Input(fieldOf(in.Kind), "This would have given more points than there can be.")}
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// tried is the rule that a dry run is of.
func (s *Service) tried(ctx context.Context, client *ent.Client, in RuleInput) (*earning.Rule, error) {
	f := newForm(s.currencies, client)
	f.malformed = in.Malformed
	c, err := f.content(ctx, in)
	if err != nil {
		return nil, err
	}
	if isKind(in.Kind) && !slices.Contains([]earning.Kind{earning.Points, earning.Badge, earning.Quest}, in.Kind) {
		f.Refuse(fieldOf(in.Kind), "Try rules of the kinds POINTS, BADGE and QUEST: a %s gives nothing by itself.", in.Kind)
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	return earning.NewRule(id.New(), in.Kind, 1, 0, c), nil
}

// dryRun is a dry run under way.
type dryRun struct {
	DryRun

	rule      *earning.Rule
	rehearsal *earning.Rehearsal
	// shopper is whose entries are being gone through, and served whether the rule has given that shopper anything.
	shopper uuid.UUID
	served  bool
}

// through goes through all entries that stand, in the order of shoppers and of what happened to each.
func (d *dryRun) through(ctx context.Context, client *ent.Client) error {
	var last *ent.RewardEntry
	for {
		entries, err := standing(ctx, client, last)
		if err != nil {
			return err
		}
		gone, err := goneQuests(ctx, client, entries)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := d.next(e, gone); err != nil {
				return err
			}
		}
		if len(entries) < dryRows {
			return nil
		}
		last = entries[len(entries)-1]
	}
}

// standing are the next entries that stand after one, nil for the first ones: purchases that were not refunded, and perks.
func standing(ctx context.Context, client *ent.Client, after *ent.RewardEntry) ([]*ent.RewardEntry, error) {
	query := client.RewardEntry.Query().Where(rewardentry.KindIn(rewardentry.KindPURCHASE, rewardentry.KindPERK), rewardentry.RefundedByIsNil())
	if after != nil {
		query.Where(func(s *sql.Selector) {
			columns := []string{s.C(rewardentry.FieldShopperID), s.C(rewardentry.FieldSeq)}
			s.Where(sql.CompositeGT(columns, after.ShopperID, after.Seq))
		})
	}
	entries, err := query.Order(rewardentry.ByShopperID(), rewardentry.BySeq()).Limit(dryRows).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reward entries: %w", err)
	}
	return entries, nil
}

// goneQuests are the quests, by purchase, whose points were taken back with the quest: a refund of another purchase did
// that, so that the entry of the one that had completed the quest still stands.
func goneQuests(ctx context.Context, client *ent.Client, entries []*ent.RewardEntry) (map[uuid.UUID][]uuid.UUID, error) {
	var purchases []uuid.UUID
	for _, e := range entries {
		if len(e.Result.Quests) > 0 && e.PurchaseID != nil {
			purchases = append(purchases, *e.PurchaseID)
		}
	}
	if len(purchases) == 0 {
		return nil, nil
	}
	rows, err := client.Achievement.Query().
		Where(achievement.PurchaseIDIn(purchases...), achievement.KindEQ(achievement.KindQUEST), achievement.RevokedByNotNil()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read quests that were taken back: %w", err)
	}
	gone := make(map[uuid.UUID][]uuid.UUID, len(rows))
	for _, row := range rows {
		gone[row.PurchaseID] = append(gone[row.PurchaseID], row.RuleID)
	}
	return gone, nil
}

// next goes through one entry.
func (d *dryRun) next(e *ent.RewardEntry, gone map[uuid.UUID][]uuid.UUID) error {
	if e.ShopperID != d.shopper {
		d.shopper, d.served = e.ShopperID, false
		d.rehearsal.Shopper()
	}
	event := earning.Event{At: e.CreatedAt, Revision: e.Revision, Freezes: e.Result.Freezes}
	if e.Kind == rewardentry.KindPURCHASE {
		d.Considered++
		event.Zone, event.Facts, event.Points = zoneOf(e.TimeZone), &e.Facts, slices.Clone(e.Result.Points)
		event.Points = append(event.Points, kept(e.Result.Quests, gone[*e.PurchaseID])...)
	}
	points, reached, err := d.rehearsal.Next(event)
	if err != nil {
		return fmt.Errorf("try a rule on a purchase: %w", err)
	}
	if points == 0 && !reached {
		return nil
	}
	d.Purchases++
	if !d.served {
		d.Shoppers++
		d.served = true
	}
	if d.Points, err = d.Points.Plus(points); err != nil {
		return fmt.Errorf("add up the points of a rule: %w", earning.ErrTooMuch)
	}
	return nil
}

// kept are the quests that are still complete.
func kept(quests []schema.RewardPoints, gone []uuid.UUID) []schema.RewardPoints {
	return slices.DeleteFunc(slices.Clone(quests), func(q schema.RewardPoints) bool { return slices.Contains(gone, q.Rule) })
}
