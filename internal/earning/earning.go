// Package earning is the rules of rewards: what a purchase earns, and where a shopper stands after all that has happened.
//
// Everything here is pure: values in, values out, the instant and the time zone are arguments. The till, a quote, the
// preview of a rule that is not yet in force, and the command that computes everything again all call the same functions,
// so that they cannot disagree.
//
// Two things are told apart. What a purchase counts for (Count, Step) follows from the purchases that stand and from
// nothing else, so that a refund undoes it by telling the story again without the purchase (Retell). What it was awarded
// is a fact that is recorded, under the version of the rule that awarded it, and is computed again only to be checked.
package earning

import (
	"maps"
	"time"

	"github.com/google/uuid"

	"farthing/ent/schema"
)

// Kind is what kind of rule a rule is. The words are those that are stored and those of the schema.
type Kind string

// The kinds of rules.
const (
	Points      Kind = "POINTS"
	Badge       Kind = "BADGE"
	Quest       Kind = "QUEST"
	Level       Kind = "LEVEL"
	Streak      Kind = "STREAK"
	Leaderboard Kind = "LEADERBOARD"
	Perk        Kind = "PERK"
	Discount    Kind = "DISCOUNT"
)

// Active is the status of rules that count.
const Active = "ACTIVE"

// Rule is one version of a rule.
type Rule struct {
	schema.RewardContent

	ID      uuid.UUID
	Kind    Kind
	Version int
	// Revision is that of what is for sale from which on the version is in force.
	Revision int64

	// counters are those of its goals, in their order; of a leaderboard the one that it ranks by.
	counters []Counter
}

// NewRule makes a version of a rule.
func NewRule(id uuid.UUID, kind Kind, version int, revision int64, content schema.RewardContent) *Rule {
	r := &Rule{RewardContent: content, ID: id, Kind: kind, Version: version, Revision: revision}
	for _, goal := range r.goals() {
		if kind == Quest {
			r.counters = append(r.counters, newCounter(goal.RewardCounter, r.StartsAt, r.EndsAt))
		} else {
			r.counters = append(r.counters, newCounter(goal.RewardCounter, nil, nil))
		}
	}
	if board := r.Terms.Leaderboard; board != nil {
		r.counters = []Counter{newCounter(board.RewardCounter, nil, nil)}
	}
	return r
}

// Board is what a leaderboard ranks by.
func (r *Rule) Board() *Counter { return &r.counters[0] }

// capped says whether a points rule gives a shopper only so many.
func (r *Rule) capped() bool {
	return r.Terms.Points != nil && (r.Terms.Points.PerDay != nil || r.Terms.Points.PerShopper != nil)
}

// Ref names the version.
func (r *Rule) Ref() schema.RewardRef {
	return schema.RewardRef{Rule: r.ID, Version: r.Version, Code: r.Code}
}

// Counts says whether the rule is in force at an instant: ACTIVE, and in its window, which is half-open.
func (r *Rule) Counts(at time.Time) bool {
	return r.Status == Active && (r.StartsAt == nil || !at.Before(*r.StartsAt)) && (r.EndsAt == nil || at.Before(*r.EndsAt))
}

// CloneState copies a state, so that what is tried on it leaves no trace.
func CloneState(s schema.RewardState) schema.RewardState {
	s.Counts, s.Caps, s.Held = maps.Clone(s.Counts), maps.Clone(s.Caps), maps.Clone(s.Held)
	seen := make(map[string]map[string]int64, len(s.Seen))
	for key, names := range s.Seen {
		seen[key] = maps.Clone(names)
	}
	s.Seen = seen
	if s.Counts == nil {
		s.Counts = map[string]int64{}
	}
	return s
}
