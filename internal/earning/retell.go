package earning

import (
	"maps"
	"slices"
	"time"

	"farthing/ent/schema"
	"farthing/internal/money"
)

// Event is something that has happened to a shopper's rewards and still stands: a purchase that was not refunded, or a perk.
type Event struct {
	At       time.Time
	Revision int64
	Zone     *time.Location
	Facts    *schema.PurchaseFacts
	// Points are those that rules have given, as recorded, without those of quests.
	Points []schema.RewardPoints
	// Freezes are those that a perk gave.
	Freezes int
}

// NewState is that of a shopper to whom nothing has happened.
func (t *Terms) NewState() schema.RewardState {
	return schema.RewardState{
		Watching: t.Watching, Counts: map[string]int64{}, Seen: map[string]map[string]int64{},
	}
}

// Retell tells a shopper's story again: the state that events come to, in their order, for some terms of the rulebook:
// in general the current ones. Streaks are counted by the rules of their time. Which badges and quests the shopper holds,
// and how many points the quests gave, are facts that are given.
//
// Whoever wants to know whether conditions of other rules hold names these too (also); what only they count is not in the
// state that is returned, but in the second one.
func (b *Rulebook) Retell(
	of *Terms, events []Event, held map[string]int, ofQuests money.Amount, also ...*Rule,
) (state, wide schema.RewardState) {
	terms := *of
	own := terms.counters
	terms.counters = slices.Clone(own)
	for _, c := range countersOf(also) {
		if !slices.ContainsFunc(own, func(o Counter) bool { return o.key == c.key }) {
			terms.counters = append(terms.counters, c)
		}
	}
	s := terms.NewState()
	s.Lifetime = ofQuests
	for i := range events {
		e := &events[i]
		s.Days.Freezes += e.Freezes
		if e.Facts == nil || len(e.Facts.Lines) == 0 {
			continue
		}
		then := b.At(e.Revision)
		terms.Days, terms.Weeks = then.Days, then.Weeks
		terms.count(&s, e.Zone, e.At, e.Facts)
		for _, p := range e.Points {
			s.Lifetime += p.Points
			terms.recap(&s, p, e.At)
		}
	}
	if len(held) > 0 {
		s.Held = maps.Clone(held)
	}
	wide = s
	s.Counts, s.Seen = map[string]int64{}, map[string]map[string]int64{}
	for _, c := range own {
		if n := wide.Counts[c.key]; n != 0 {
			s.Counts[c.key] = n
		}
		if seen := wide.Seen[c.key]; seen != nil {
			s.Seen[c.key] = seen
		}
	}
	return s, wide
}

// recap counts points that a rule has given against its caps.
func (t *Terms) recap(s *schema.RewardState, p schema.RewardPoints, at time.Time) {
	if !slices.Contains(t.capped, p.Rule) {
		return
	}
	day, had := at.UTC().Format(time.DateOnly), s.Caps[p.Rule.String()]
	if had.Day != day {
		had.Day, had.Today = day, 0
	}
	had.Today += p.Points
	had.Ever += p.Points
	if s.Caps == nil {
		s.Caps = map[string]schema.RewardCap{}
	}
	s.Caps[p.Rule.String()] = had
}
