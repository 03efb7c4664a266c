package earning

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"farthing/ent/schema"
)

// Measure is what a counter counts, of the goods in its scope.
type Measure string

// The measures. Those of purchases count the purchases that stand; what was paid for with points counts for none.
const (
	// Purchases counts purchases with at least one of the goods.
	Purchases Measure = "PURCHASES"
	// Amount adds up the money really paid for the goods in one currency, in millionths.
	Amount Measure = "AMOUNT"
	// Units adds up the quantities of the goods.
	Units Measure = "UNITS"
	// Products, Categories and Creators count different ones among the goods.
	Products   Measure = "PRODUCTS"
	Categories Measure = "CATEGORIES"
	Creators   Measure = "CREATORS"
	// Trials counts trials that were begun, Bundles different bundles that were bought and so completed, and Sales
	// purchases with goods at a flash sale's price.
	Trials  Measure = "TRIALS"
	Bundles Measure = "BUNDLES"
	Sales   Measure = "SALES"
	// StreakDays and StreakWeeks are the longest streak there has been.
	StreakDays  Measure = "STREAK_DAYS"
	StreakWeeks Measure = "STREAK_WEEKS"
	// PointsEarned is points earned by purchases that stand, in millionths. Badges and leaderboards have it, quests do not.
	PointsEarned Measure = "POINTS"
)

// Additive says whether every purchase adds to the measure what it would add alone, as leaderboards need it.
func (m Measure) Additive() bool {
	return slices.Contains([]Measure{Purchases, Amount, Units, Trials, Sales, PointsEarned}, m)
}

// Windowed says whether the measure can be counted from one instant to another, as quests need it.
func (m Measure) Windowed() bool { return m != StreakDays && m != StreakWeeks && m != PointsEarned }

// Known says whether there is such a measure.
func (m Measure) Known() bool {
	return m.Additive() || slices.Contains([]Measure{Products, Categories, Creators, Bundles, StreakDays, StreakWeeks}, m)
}

// Counter is something that purchases count up, within a window if it has one.
type Counter struct {
	schema.RewardCounter

	From, Until *time.Time
	// key is the counter's name in stored states.
	key string
}

// newCounter names a counter by what it counts, so that two rules that count the same share it, and a rule that is changed
// without changing what it counts goes on counting.
func newCounter(c schema.RewardCounter, from, until *time.Time) Counter {
	named := Counter{RewardCounter: c, From: from, Until: until, key: c.Measure}
	if from == nil && until == nil && c.Currency == "" && isEverything(c.Scope) {
		return named
	}
	text, err := json.Marshal([]any{c, from, until})
	if err != nil {
		panic(err) // strings, ids and instants always become JSON
	}
	sum := sha256.Sum256(text)
	named.key += ":" + hex.EncodeToString(sum[:8])
	return named
}

func isEverything(s schema.RewardScope) bool {
	return len(s.Products)+len(s.Tags)+len(s.Categories)+len(s.Creators) == 0
}

// covers says whether a line is in a scope.
func covers(s schema.RewardScope, line *schema.FactLine) bool {
	if isEverything(s) {
		return true
	}
	return slices.Contains(s.Products, line.Product) ||
		line.Creator != "" && slices.Contains(s.Creators, line.Creator) ||
		meet(s.Tags, line.Tags) || meet(s.Categories, line.Categories)
}

func meet(these, those []string) bool {
	for _, one := range these {
		if slices.Contains(those, one) {
			return true
		}
	}
	return false
}

// count adds what a purchase at an instant counts for.
func (c *Counter) count(s *schema.RewardState, facts *schema.PurchaseFacts, at time.Time) {
	if c.From != nil && at.Before(*c.From) || c.Until != nil && !at.Before(*c.Until) {
		return
	}
	switch m := Measure(c.Measure); m {
	case Products, Categories, Creators, Bundles:
		for i := range facts.Lines {
			if covers(c.Scope, &facts.Lines[i]) {
				for _, name := range names(m, &facts.Lines[i]) {
					c.see(s, name)
				}
			}
		}
	case StreakDays, StreakWeeks, PointsEarned: // read from the state by value
	default:
		if n := c.Increment(facts, 0); n > 0 {
			s.Counts[c.key] += n
		}
	}
}

// names are the different things that a line counts for.
func names(m Measure, line *schema.FactLine) []string {
	switch {
	case m == Products:
		return []string{line.Product.String()}
	case m == Categories:
		return line.Categories
	case m == Creators && line.Creator != "":
		return []string{line.Creator}
	case m == Bundles && line.Bundle != nil:
		return []string{line.Bundle.String()}
	}
	return nil
}

func (c *Counter) see(s *schema.RewardState, name string) {
	seen := s.Seen[c.key]
	if seen == nil {
		seen = map[string]int64{}
		s.Seen[c.key] = seen
	}
	seen[name]++
	s.Counts[c.key] = int64(len(seen))
}

// Increment is what a purchase, with the points that it earned, adds to a counter of an additive measure.
func (c *Counter) Increment(facts *schema.PurchaseFacts, points int64) int64 {
	var n int64
	for i := range facts.Lines {
		line := &facts.Lines[i]
		if !covers(c.Scope, line) {
			continue
		}
		switch Measure(c.Measure) { //nolint:exhaustive // The others are not additive.
		case Purchases:
			return 1
		case Sales:
			if line.Sale {
				return 1
			}
		case PointsEarned:
			return points
		case Units:
			n += line.Quantity
		case Trials:
			if line.Trial {
				n++
			}
		case Amount:
			if facts.Currency == c.Currency {
				n += int64(line.Paid)
			}
		}
	}
	return n
}

// value is how far a counter has counted.
func (c *Counter) value(s *schema.RewardState) int64 {
	switch Measure(c.Measure) {
	case StreakDays:
		return int64(s.Days.Best)
	case StreakWeeks:
		return int64(s.Weeks.Best)
	case PointsEarned:
		return int64(s.Lifetime)
	default:
		return s.Counts[c.key]
	}
}

// Progress is how far a shopper is towards a goal.
type Progress struct {
	schema.RewardGoal

	// Reached is how much has been counted, at most Target.
	Reached int64
}

// Progress is how far a state is towards each goal of a badge or quest. The state must keep its counters (Terms.Watching).
func (r *Rule) Progress(s *schema.RewardState) []Progress {
	goals := r.goals()
	list := make([]Progress, len(goals))
	for i, goal := range goals {
		list[i] = Progress{RewardGoal: goal, Reached: min(r.counters[i].value(s), goal.Target)}
	}
	return list
}

// Reached says whether all goals of a badge or quest are.
func (r *Rule) Reached(s *schema.RewardState) bool {
	for i, goal := range r.goals() {
		if r.counters[i].value(s) < goal.Target {
			return false
		}
	}
	return true
}

// goals are those of a badge or quest; nil for other kinds.
func (r *Rule) goals() []schema.RewardGoal {
	switch {
	case r.Terms.Badge != nil:
		return r.Terms.Badge.Goals
	case r.Terms.Quest != nil:
		return r.Terms.Quest.Goals
	}
	return nil
}

// PeriodAt is the number of a leaderboard's period that an instant is in: the UTC date of its first day, 20261225, or 0 for
// all time; and where the period begins and ends, nil for all time.
func PeriodAt(period string, at time.Time) (number int64, from, until *time.Time) {
	year, month, day := at.UTC().Date()
	var end time.Time
	switch period {
	case "WEEK":
		day -= (int(at.UTC().Weekday()) + 6) % 7
		end = time.Date(year, month, day+7, 0, 0, 0, 0, time.UTC)
	case "MONTH":
		day = 1
		end = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	case "DAY":
		end = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
	default:
		return 0, nil, nil
	}
	begin := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	y, m, d := begin.Date()
	return int64(y)*10_000 + int64(m)*100 + int64(d), &begin, &end
}
