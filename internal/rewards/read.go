package rewards

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// View is what a shopper sees of rewards at an instant. That of somebody who has turned rewards off is empty but for the
// standing, as if the shop had no rules.
type View struct {
	Now time.Time
	// Standing is the shopper's own choices, or those of somebody who has made none.
	Standing *ent.RewardStanding
	// State is where the shopper stands by the rules as they are now.
	State schema.RewardState
	Terms *earning.Terms
	// Points are those that can be spent now; below zero for a debt.
	Points money.Amount
	// Expiring is what goes next of these; nil when nothing does.
	Expiring *Expiring
	// Held are badges and quests that the shopper has, in the order in which they were earned.
	Held []Held
}

// Expiring is points that go at one instant unless they are spent before.
type Expiring struct {
	Points money.Amount
	At     time.Time
}

// Held is a badge or quest that somebody has, with the version of the rule that awarded it.
type Held struct {
	*ent.Achievement

	Rule *earning.Rule
}

// Of reads what a shopper sees, in the same number of statements whatever that is. The context is not that of a
// transaction. Nothing is written: a state that does not keep what the rules count now is told again for this view alone.
func (s *Service) Of(ctx context.Context, client *ent.Client, shopper uuid.UUID) (*View, error) {
	rules, err := s.Rulebooks.Current(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	book, err := wallet.Load(ctx, client, now, shopper)
	if err != nil {
		return nil, err
	}
	desk, err := OpenDesk(ctx, client, Seating{
		Book: book, Rules: rules, Revision: rules.Current().Revision, Now: now,
		Shoppers: []uuid.UUID{shopper}, Spending: []uuid.UUID{shopper},
	})
	if err != nil {
		return nil, err
	}
	at := desk.seats[shopper]
	v := &View{Now: now, Standing: at.standing, Terms: &earning.Terms{}}
	if !at.standing.Enabled {
		return v, nil
	}
	v.State, v.Terms = at.state, rules.Current()
	v.Points, v.Expiring = spendable(at.lots, book.Points(shopper), now)
	held, err := client.Achievement.Query().
		Where(achievement.ShopperID(shopper), achievement.RevokedByIsNil()).Order(achievement.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read badges and quests: %w", err)
	}
	for _, a := range held {
		v.Held = append(v.Held, Held{a, rules.Version(a.RuleID, a.Version)})
	}
	return v, nil
}

// spendable is how many points can be spent, and what goes next of them. Lots and balance were read one after the other,
// and a purchase may have come in between; so points are what is left of the lots, which were read at once, and the balance
// counts only where it is a debt, beside which there are no lots.
func spendable(lots earning.Lots, balance money.Amount, now time.Time) (points money.Amount, next *Expiring) {
	for _, lot := range lots {
		left := lot.Left()
		if left == 0 || lot.ExpiresAt != nil && !now.Before(*lot.ExpiresAt) {
			continue
		}
		points += left
		switch {
		case lot.ExpiresAt == nil:
		case next == nil || lot.ExpiresAt.Before(next.At):
			next = &Expiring{Points: left, At: *lot.ExpiresAt}
		case lot.ExpiresAt.Equal(next.At):
			next.Points += left
		}
	}
	if points == 0 {
		points = min(balance, 0)
	}
	return points, next
}

// Level is the shopper's level, nil below the first; the next one, nil for none; and how many points there are to it.
func (v *View) Level() (level, next *earning.Rule, missing money.Amount) {
	level, next = v.Terms.LevelAt(int64(v.State.Lifetime))
	if next != nil {
		missing = next.Terms.Level.From - v.State.Lifetime
	}
	return level, next, missing
}

// Streak is where a streak stands at the instant of a view.
type Streak struct {
	Rule *earning.Rule
	// Count is how long it is, 0 when it is over; Best the longest there has been; Freezes how many there are.
	Count, Best, Freezes int
	// Counted says that the period of this instant is counted already.
	Counted bool
	// Until is until when, exclusive, a purchase continues it; nil when there is none to continue.
	Until *time.Time
}

// Days is the streak of days, and Weeks that of weeks; nil when the shop counts none.
func (v *View) Days() *Streak { return v.streak(v.Terms.Days, v.State.Days) }

// Weeks is the streak of weeks; nil when the shop counts none.
func (v *View) Weeks() *Streak { return v.streak(v.Terms.Weeks, v.State.Weeks) }

func (v *View) streak(rule *earning.Rule, s schema.StreakState) *Streak {
	if rule == nil {
		return nil
	}
	terms, zone := *rule.Terms.Streak, zoneOf(v.Standing.TimeZone)
	streak := &Streak{Rule: rule, Count: earning.StreakAt(s, terms, zone, v.Now), Best: s.Best, Freezes: s.Freezes}
	_, counts := earning.Step(s, terms, zone, v.Now)
	streak.Counted = !counts
	if until, ok := earning.Deadline(s, terms, zone, v.Now); ok {
		streak.Until = &until
	}
	return streak
}

// Pursuit is a badge or quest that a shopper has or can earn now.
type Pursuit struct {
	Rule *earning.Rule
	// Goals are how far the shopper is towards each.
	Goals []earning.Progress
	// Held says since when and by which version the shopper has it; nil for not yet.
	Held *Held
}

// Badges are the active ones that the shopper has or can earn now, and how many of those are secret, and so not shown, that
// are still to be earned.
func (v *View) Badges() (shown []Pursuit, secret int) {
	for _, r := range v.Terms.Badges {
		held := v.held(r)
		switch {
		case held == nil && !r.Counts(v.Now):
		case held == nil && r.Terms.Badge.Secret:
			secret++
		default:
			shown = append(shown, Pursuit{Rule: r, Goals: r.Progress(&v.State), Held: held})
		}
	}
	return shown, secret
}

// Quests are the active ones that the shopper has completed or that are going on.
func (v *View) Quests() []Pursuit {
	var shown []Pursuit
	for _, r := range v.Terms.Quests {
		if held := v.held(r); held != nil || r.Counts(v.Now) {
			shown = append(shown, Pursuit{Rule: r, Goals: r.Progress(&v.State), Held: held})
		}
	}
	return shown
}

func (v *View) held(r *earning.Rule) *Held {
	for i := range v.Held {
		if v.Held[i].RuleID == r.ID {
			return &v.Held[i]
		}
	}
	return nil
}

// Perks are those that points can be redeemed for now.
func (v *View) Perks() []*earning.Rule {
	var offered []*earning.Rule
	for _, r := range v.Terms.Perks {
		if r.Counts(v.Now) {
			offered = append(offered, r)
		}
	}
	return offered
}
