package earning

import (
	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/money"
)

// Rehearsal is what a rule would have given, had it always been there beside the rules that were. It goes through the
// shoppers one by one, and through what happened to each in order.
type Rehearsal struct {
	book  *Rulebook
	rule  *Rule
	terms *Terms
	state schema.RewardState
}

// Rehearse begins a rehearsal of a POINTS rule, a BADGE or a QUEST, as if it were ACTIVE.
func (b *Rulebook) Rehearse(rule *Rule) *Rehearsal {
	active := *rule
	active.Status = Active
	r := &Rehearsal{book: b, rule: &active, terms: newTerms(beforeRules, map[uuid.UUID]*Rule{rule.ID: &active})}
	r.Shopper()
	return r
}

// Shopper begins the next shopper, to whom nothing has happened yet.
func (r *Rehearsal) Shopper() { r.state = r.terms.NewState() }

// Next goes through what happened next, of which the points are all that the shopper has kept, those of quests as well. It
// says how many points the rule would have given then, and whether its goals would have been reached first.
//
// The error is ErrTooMuch.
func (r *Rehearsal) Next(e Event) (points money.Amount, reached bool, err error) {
	s := &r.state
	s.Days.Freezes += e.Freezes
	if e.Facts == nil || len(e.Facts.Lines) == 0 {
		return 0, false, nil
	}
	then := r.book.At(e.Revision)
	terms := *r.terms
	terms.Days, terms.Weeks = then.Days, then.Weeks
	terms.count(s, e.Zone, e.At, e.Facts)
	given := make(map[uuid.UUID]money.Amount, len(e.Points))
	for _, p := range e.Points {
		s.Lifetime += p.Points
		given[p.Rule] += p.Points
	}
	switch {
	case !r.rule.Counts(e.At):
		return 0, false, nil
	case r.rule.Kind == Points:
		// What comes on top does so of the points that the rules of the time gave.
		terms.Points = then.Points
		if points, err = terms.pointsOf(r.rule, s, given, e.Facts); err != nil {
			return 0, false, err
		}
		return terms.capTo(s, r.rule, e.At, points), false, nil
	case isHeld(s, r.rule) || !r.rule.Reached(s):
		return 0, false, nil
	}
	hold(s, r.rule)
	if r.rule.Kind == Quest {
		points = r.rule.Terms.Quest.Points
	}
	return points, true, nil
}
