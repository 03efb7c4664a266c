package earning

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/money"
)

// ErrTooMuch says that a purchase would earn more points than there can be.
var ErrTooMuch = errors.New("more points than an amount can be")

// Earned is what a purchase earns.
type Earned struct {
	schema.RewardResult

	// Total is all points together, and ExpiresAt the first instant at which they are gone; nil for never. Points of one
	// purchase are one lot: they expire together, when those do that last longest.
	Total     money.Amount
	ExpiresAt *time.Time
}

// Earn decides what a purchase earns and brings the state up to it. The state must be kept for these terms (Watching).
// The zone is the shopper's of that moment. A purchase without lines, such as one that was paid for with points, counts
// for nothing.
//
// The error is ErrTooMuch; the state is spoilt then.
func (t *Terms) Earn(s *schema.RewardState, zone *time.Location, at time.Time, facts *schema.PurchaseFacts) (Earned, error) {
	var e Earned
	if len(facts.Lines) > 0 {
		level, _ := t.LevelAt(int64(s.Lifetime))
		e.NewDay = t.count(s, zone, at, facts)
		if err := t.award(&e, s, level, at, facts); err != nil {
			return e, err
		}
	}
	t.Stand(&e.RewardResult, s, zone, at)
	return e, nil
}

// count brings counters and streaks up to a purchase. It says whether a day of the streak began with it.
func (t *Terms) count(s *schema.RewardState, zone *time.Location, at time.Time, facts *schema.PurchaseFacts) (newDay bool) {
	if s.Counts == nil { // as in a state that was stored before anything was counted
		s.Counts = map[string]int64{}
	}
	if s.Seen == nil {
		s.Seen = map[string]map[string]int64{}
	}
	if facts.Paid > 0 {
		s.Purchases++
	}
	for i := range t.counters {
		t.counters[i].count(s, facts, at)
	}
	if t.Days != nil {
		s.Days, newDay = Step(s.Days, *t.Days.Terms.Streak, zone, at)
	}
	if t.Weeks != nil {
		s.Weeks, _ = Step(s.Weeks, *t.Weeks.Terms.Streak, zone, at)
	}
	return newDay
}

// award gives points, then quests, then badges. What comes on top of other points is given after them, so that it is of
// what they come to under their caps.
func (t *Terms) award(e *Earned, s *schema.RewardState, level *Rule, at time.Time, facts *schema.PurchaseFacts) error {
	given := map[uuid.UUID]money.Amount{}
	give := func(r *Rule, points money.Amount) error {
		if points = t.capTo(s, r, at, points); points == 0 {
			return nil
		}
		first := e.Total == 0
		total, err := e.Total.Plus(points)
		if err != nil {
			return ErrTooMuch
		}
		e.Total, given[r.ID] = total, points
		e.Points = append(e.Points, schema.RewardPoints{RewardRef: r.Ref(), Points: points})
		// What comes on top lasts as long as what it comes on top of, unless it says how long.
		if r.Kind != Level && (r.Terms.Points.ExtraPercent == 0 || r.Terms.Points.ExpireDays != nil) {
			e.lasts(first, at, r.Terms.Points.ExpireDays)
		}
		return nil
	}
	for _, extra := range []bool{false, true} {
		for _, r := range t.Points {
			if r.Terms.Points.ExtraPercent > 0 != extra || !r.Counts(at) {
				continue
			}
			points, err := t.pointsOf(r, s, given, facts)
			if err != nil {
				return err
			}
			if err := give(r, points); err != nil {
				return err
			}
		}
	}
	if level != nil && level.Terms.Level.ExtraPercent > 0 {
		points, err := t.extra(level.Terms.Level.ExtraPercent, schema.RewardScope{}, given, facts)
		if err != nil {
			return err
		}
		if err := give(level, points); err != nil {
			return err
		}
	}
	for _, r := range t.Quests {
		points := r.Terms.Quest.Points
		// Points are for money really paid, those of quests too: a free purchase that reaches the last goal leaves the quest to
		// the next one that pays.
		if !r.Counts(at) || isHeld(s, r) || !r.Reached(s) || points > 0 && facts.Paid == 0 {
			continue
		}
		hold(s, r)
		if points > 0 {
			first := e.Total == 0
			total, err := e.Total.Plus(points)
			if err != nil {
				return ErrTooMuch
			}
			e.Total = total
			e.lasts(first, at, nil)
		}
		e.Quests = append(e.Quests, schema.RewardPoints{RewardRef: r.Ref(), Points: points})
	}
	lifetime, err := s.Lifetime.Plus(e.Total)
	if err != nil {
		return ErrTooMuch
	}
	s.Lifetime = lifetime
	for _, r := range t.Badges {
		if r.Counts(at) && !isHeld(s, r) && r.Reached(s) {
			hold(s, r)
			e.Badges = append(e.Badges, r.Ref())
		}
	}
	return nil
}

// lasts says how long some of the points last.
func (e *Earned) lasts(first bool, at time.Time, days *int) {
	switch {
	case days == nil:
		e.ExpiresAt = nil
	case first || e.ExpiresAt != nil:
		until := at.Add(time.Duration(*days) * 24 * time.Hour)
		if first || until.After(*e.ExpiresAt) {
			e.ExpiresAt = &until
		}
	}
}

func isHeld(s *schema.RewardState, r *Rule) bool {
	_, held := s.Held[r.ID.String()]
	return held
}

func hold(s *schema.RewardState, r *Rule) {
	if s.Held == nil {
		s.Held = map[string]int{}
	}
	s.Held[r.ID.String()] = r.Version
}

// pointsOf is how many points a rule gives for a purchase, before its caps, beside those that others have given. Points are
// for money really paid: a free purchase earns none, by whatever rule (rule 20).
func (t *Terms) pointsOf(
	r *Rule, s *schema.RewardState, given map[uuid.UUID]money.Amount, facts *schema.PurchaseFacts,
) (money.Amount, error) {
	terms := r.Terms.Points
	switch {
	case terms.FirstPurchase && s.Purchases != 1:
		return 0, nil
	case terms.ExtraPercent > 0:
		return t.extra(terms.ExtraPercent, terms.Scope, given, facts)
	case terms.Points == 0:
		return r.base(facts, schema.RewardScope{})
	case paidFor(facts, terms.Scope, schema.RewardScope{}) == 0:
		return 0, nil
	}
	return terms.Points, nil
}

// extra is what comes on top of the points that rates and steps have given for the goods in a scope. Those that a cap has
// cut down count for no more than was given.
func (t *Terms) extra(
	percent int64, scope schema.RewardScope, given map[uuid.UUID]money.Amount, facts *schema.PurchaseFacts,
) (money.Amount, error) {
	var sum money.Amount
	for _, r := range t.Points {
		if given[r.ID] == 0 || r.Terms.Points.Points > 0 || r.Terms.Points.ExtraPercent > 0 {
			continue
		}
		points, err := r.base(facts, scope)
		if err != nil {
			return 0, err
		}
		if sum, err = sum.Plus(min(points, given[r.ID])); err != nil {
			return 0, ErrTooMuch
		}
	}
	return scaled(sum, percent, 10_000)
}

// base is what the rates or steps of a rule give for the goods that are in its scope and in another.
func (r *Rule) base(facts *schema.PurchaseFacts, scope schema.RewardScope) (money.Amount, error) {
	terms := r.Terms.Points
	rate := terms.Rates[facts.Currency]
	if len(terms.Steps) > 0 && terms.Currency == facts.Currency {
		for _, step := range terms.Steps {
			if facts.Paid >= step.From {
				rate = step.Rate
			}
		}
	}
	if rate == 0 {
		return 0, nil
	}
	return scaled(paidFor(facts, terms.Scope, scope), int64(rate), int64(money.Unit))
}

// paidFor is how much was really paid for the goods that are in both scopes.
func paidFor(facts *schema.PurchaseFacts, one, other schema.RewardScope) money.Amount {
	var paid money.Amount
	for i := range facts.Lines {
		if covers(one, &facts.Lines[i]) && covers(other, &facts.Lines[i]) {
			paid += facts.Lines[i].Paid
		}
	}
	return paid
}

// scaled is an amount times a fraction, rounded down to whole points.
func scaled(amount money.Amount, by, of int64) (money.Amount, error) {
	points, err := amount.Scaled(by, of)
	if err != nil {
		return 0, ErrTooMuch
	}
	return points / money.Unit * money.Unit, nil
}

// capTo cuts points down to what a rule still gives the shopper, on the UTC day and ever, and counts them.
func (t *Terms) capTo(s *schema.RewardState, r *Rule, at time.Time, points money.Amount) money.Amount {
	if !slices.Contains(t.capped, r.ID) || points == 0 {
		return points
	}
	day, had := at.UTC().Format(time.DateOnly), s.Caps[r.ID.String()]
	if had.Day != day {
		had.Day, had.Today = day, 0
	}
	if most := r.Terms.Points.PerDay; most != nil {
		points = min(points, max(*most-had.Today, 0))
	}
	if most := r.Terms.Points.PerShopper; most != nil {
		points = min(points, max(*most-had.Ever, 0))
	}
	had.Today += points
	had.Ever += points
	if points > 0 {
		if s.Caps == nil {
			s.Caps = map[string]schema.RewardCap{}
		}
		s.Caps[r.ID.String()] = had
	}
	return points
}

// Stand writes down where a state stands.
func (t *Terms) Stand(result *schema.RewardResult, s *schema.RewardState, zone *time.Location, at time.Time) {
	result.Lifetime = s.Lifetime
	if level, _ := t.LevelAt(int64(s.Lifetime)); level != nil {
		result.Level = level.Code
	}
	if t.Days != nil {
		result.Days = StreakAt(s.Days, *t.Days.Terms.Streak, zone, at)
	}
	if t.Weeks != nil {
		result.Weeks = StreakAt(s.Weeks, *t.Weeks.Terms.Streak, zone, at)
	}
}
