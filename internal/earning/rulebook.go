package earning

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"farthing/ent/schema"
)

// Rulebook is every version of every rule that a shop has had. It does not change and may be used by many at once.
type Rulebook struct {
	versions map[schema.RewardRef]*Rule // by rule and version, without the code
	terms    []*Terms                   // in the order of revisions; the first is that of no rules
}

// beforeRules is the revision of what was decided before rules were data.
const beforeRules = -1

// NewRulebook makes a rulebook of versions, in any order.
func NewRulebook(versions []*Rule) *Rulebook {
	b := &Rulebook{versions: make(map[schema.RewardRef]*Rule, len(versions)), terms: []*Terms{newTerms(beforeRules, nil)}}
	versions = slices.SortedFunc(slices.Values(versions), func(a, c *Rule) int {
		return cmp.Or(cmp.Compare(a.Revision, c.Revision), cmp.Compare(a.Version, c.Version), bytes.Compare(a.ID[:], c.ID[:]))
	})
	current := map[uuid.UUID]*Rule{}
	for i, r := range versions {
		b.versions[schema.RewardRef{Rule: r.ID, Version: r.Version}] = r
		current[r.ID] = r
		if i+1 < len(versions) && versions[i+1].Revision == r.Revision {
			continue // several rules were changed at once
		}
		b.terms = append(b.terms, newTerms(r.Revision, current))
	}
	return b
}

// Current are the rules as they are now.
func (b *Rulebook) Current() *Terms { return b.terms[len(b.terms)-1] }

// At are the rules that were in force at a revision of what is for sale.
func (b *Rulebook) At(revision int64) *Terms {
	after, found := slices.BinarySearchFunc(b.terms, revision, func(t *Terms, r int64) int { return cmp.Compare(t.Revision, r) })
	if !found {
		after--
	}
	return b.terms[max(after, 0)]
}

// Version is one version of a rule; nil when there is no such version.
func (b *Rulebook) Version(rule uuid.UUID, version int) *Rule {
	return b.versions[schema.RewardRef{Rule: rule, Version: version}]
}

// Terms are the rules that are ACTIVE from one revision on, each kind in the order in which they were made; levels from the
// lowest. Windows are judged by whoever asks.
type Terms struct {
	Revision int64

	Points, Badges, Quests, Levels, Leaderboards, Perks []*Rule
	// Days and Weeks are how streaks are counted, and Discount what points take off a basket; nil where the shop has no
	// such rule.
	Days, Weeks, Discount *Rule

	// Watching names all that is counted. A state that was written under another name lacks something.
	Watching string

	counters []Counter
	capped   []uuid.UUID
}

// stateFormat is part of what a state is known by, so that one from before a change of what is kept is told anew.
const stateFormat = "1"

func newTerms(revision int64, current map[uuid.UUID]*Rule) *Terms {
	t := &Terms{Revision: revision}
	rules := make([]*Rule, 0, len(current))
	for _, r := range current {
		if r.Status == Active {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b *Rule) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, r := range rules {
		switch r.Kind {
		case Points:
			t.Points = append(t.Points, r)
		case Badge:
			t.Badges = append(t.Badges, r)
		case Quest:
			t.Quests = append(t.Quests, r)
		case Level:
			t.Levels = append(t.Levels, r)
		case Leaderboard:
			t.Leaderboards = append(t.Leaderboards, r)
		case Perk:
			t.Perks = append(t.Perks, r)
		case Discount:
			t.Discount = r
		case Streak:
			if r.Terms.Streak.Period == Week {
				t.Weeks = r
			} else {
				t.Days = r
			}
		}
	}
	slices.SortStableFunc(t.Levels, func(a, b *Rule) int { return cmp.Compare(a.Terms.Level.From, b.Terms.Level.From) })
	t.watch()
	return t
}

// The periods of streaks and leaderboards.
const (
	Day   = "DAY"
	Week  = "WEEK"
	Month = "MONTH"
	Ever  = "ALL"
)

func (t *Terms) watch() {
	t.counters = countersOf(slices.Concat(t.Badges, t.Quests))
	hash := sha256.New()
	hash.Write([]byte(stateFormat))
	for _, r := range t.Points {
		if r.capped() {
			t.capped = append(t.capped, r.ID)
			hash.Write([]byte("\n" + r.ID.String()))
		}
	}
	for _, r := range t.Leaderboards {
		fmt.Fprintf(hash, "\n%s %s %s", r.ID, r.Terms.Leaderboard.Period, newCounter(r.Board().RewardCounter, r.StartsAt, r.EndsAt).key)
	}
	for _, c := range t.counters {
		hash.Write([]byte("\n" + c.key))
	}
	t.Watching = hex.EncodeToString(hash.Sum(nil)[:8])
}

// countersOf are what counts towards the goals of some rules, each once, in the order of their keys.
func countersOf(rules []*Rule) []Counter {
	byKey := map[string]Counter{}
	for _, r := range rules {
		if r.Kind != Leaderboard { // leaderboards keep scores of their own
			for _, c := range r.counters {
				byKey[c.key] = c
			}
		}
	}
	list := make([]Counter, 0, len(byKey))
	for _, c := range byKey {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Counter) int { return strings.Compare(a.key, b.key) })
	return list
}

// LevelAt is the level of somebody with so many points in all; nil below the first. The next is what comes after it; nil
// for none.
func (t *Terms) LevelAt(lifetime int64) (level, next *Rule) {
	for _, r := range t.Levels {
		if int64(r.Terms.Level.From) > lifetime {
			return level, r
		}
		level = r
	}
	return level, nil
}
