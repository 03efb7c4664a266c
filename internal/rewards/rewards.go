// Package rewards is what buying earns: points, badges, streaks, levels, quests, and places on leaderboards; how the rules
// for them are set up, and what points are redeemed for. What a rule comes to is internal/earning's to say.
//
// It promises:
//
//   - A purchase is awarded in the transaction of its debit, once by each rule, by the versions of the rules that were in
//     force at its instant (rule 20). The version stands on the award.
//   - A refund takes back exactly what the purchase earned. Points that were spent meanwhile become a debt, which later
//     points pay first; a badge or a quest goes only if its condition no longer holds (rule 22).
//   - Points are a currency of the ledger. Those of one purchase are a lot, and expire together; what is spent comes from
//     the lots that expire soonest. What is left of all lots is the balance, or nothing when that is a debt.
//   - A shopper's entries, in their order, tell everything: where the shopper stands follows from them, and can be told
//     again (Audit).
//   - Who has turned rewards off is shown none and told of none, and only those who have chosen a name are on leaderboards.
//
// Everything of a shopper is decided under the shopper's lock, through a Desk.
package rewards

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"farthing/ent"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// Service has the verbs of rewards. It is safe for use by many goroutines.
type Service struct {
	db         *db.DB
	currencies *money.Currencies
	clock      func() time.Time

	// Rulebooks keeps the rules.
	Rulebooks *Rulebooks
	// Watcher looks at the shoppers whose activity somebody in this process watches.
	Watcher *Watcher

	ranks *ranks
}

// New makes the service. The clock tells the current instant; currencies are those that rules may be about.
func New(d *db.DB, currencies *money.Currencies, clock func() time.Time) *Service {
	return &Service{
		db: d, currencies: currencies, clock: clock, Rulebooks: &Rulebooks{db: d}, Watcher: newWatcher(d, clock),
		ranks: newRanks(d, clock),
	}
}

// now is the current instant as both stores keep it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Rulebooks keeps the current rulebook in the process, so that knowing the rules costs one look at the revision of what is
// for sale, which every change of a rule counts up.
type Rulebooks struct {
	db   *db.DB
	kept atomic.Pointer[rulebook]
}

type rulebook struct {
	*earning.Rulebook

	revision int64
}

// Held is the rulebook for a transaction that holds the catalogue at a revision: nobody changes it until the transaction
// ends.
func (b *Rulebooks) Held(ctx context.Context, tx *ent.Tx, revision int64) (*earning.Rulebook, error) {
	if kept := b.kept.Load(); kept != nil && kept.revision == revision {
		return kept.Rulebook, nil
	}
	book, err := ReadRulebook(ctx, tx.Client())
	if err != nil {
		return nil, err
	}
	b.kept.Store(&rulebook{book, revision})
	return book, nil
}

// Current is the rulebook as it is now.
func (b *Rulebooks) Current(ctx context.Context) (*earning.Rulebook, error) {
	revision, err := catalog.Revision(ctx, b.db.Client())
	if err != nil {
		return nil, err
	}
	if kept := b.kept.Load(); kept != nil && kept.revision == revision {
		return kept.Rulebook, nil
	}
	var fresh *rulebook
	err = b.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		book, err := ReadRulebook(ctx, tx.Client())
		fresh = &rulebook{book, revision}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.kept.Store(fresh)
	return fresh.Rulebook, nil
}

// ReadRulebook reads every version of every rule.
func ReadRulebook(ctx context.Context, client *ent.Client) (*earning.Rulebook, error) {
	kinds := map[string]earning.Kind{}
	rules, err := client.RewardRule.Query().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reward rules: %w", err)
	}
	for _, r := range rules {
		kinds[r.ID.String()] = earning.Kind(r.Kind)
	}
	rows, err := client.RewardRuleVersion.Query().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read versions of reward rules: %w", err)
	}
	versions := make([]*earning.Rule, len(rows))
	for i, row := range rows {
		versions[i] = earning.NewRule(row.RuleID, kinds[row.RuleID.String()], row.Version, row.Revision, row.Content)
	}
	return earning.NewRulebook(versions), nil
}
