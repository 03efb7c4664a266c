package rewards_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/rewards"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// office is the merchandisers' side of rewards, and a catalogue, on one handle of a database, with a clock that stands still
// until it is set.
type office struct {
	*rewards.Service

	catalog *catalog.Service
	db      *db.DB
	mu      sync.Mutex
	clock   time.Time
}

func openOffice(t testing.TB, d *db.DB) *office {
	t.Helper()
	traded, err := money.ParseCurrencies("USD,EUR,KRW,GEM:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{db: d, clock: opening}
	o.Service = rewards.New(d, traded, o.now)
	o.catalog = catalog.New(d, traded, o.now)
	return o
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(d)
}

// merchandiser is a context in which one is calling.
func merchandiser(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "mila", Roles: []actor.Role{actor.Merchandiser}})
}

// product is an active one with a name.
func (o *office) product(t testing.TB, name string) *ent.Product {
	t.Helper()
	p, err := o.catalog.Create(merchandiser(t), catalog.CreateInput{
		Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Texts: inEnglish(name),
		Prices: []catalog.Price{{Currency: "USD", Amount: whole(10)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inEnglish(name string) []catalog.Text { return []catalog.Text{{Language: "en", Name: name}} }

// active is the input of an ACTIVE rule with a name and terms, which make its kind.
func active(name string, terms schema.RewardTerms) rewards.RuleInput {
	in := rewards.RuleInput{Status: rewards.StatusActive, Texts: inEnglish(name), Terms: terms}
	switch {
	case terms.Points != nil:
		in.Kind = earning.Points
	case terms.Badge != nil:
		in.Kind = earning.Badge
	case terms.Quest != nil:
		in.Kind, in.StartsAt, in.EndsAt = earning.Quest, new(opening), new(opening.AddDate(0, 1, 0))
	case terms.Level != nil:
		in.Kind = earning.Level
	case terms.Streak != nil:
		in.Kind = earning.Streak
	case terms.Leaderboard != nil:
		in.Kind = earning.Leaderboard
	case terms.Perk != nil:
		in.Kind = earning.Perk
	case terms.Discount != nil:
		in.Kind = earning.Discount
	}
	return in
}

// makes makes a rule and fails when that is refused.
func (o *office) makes(t testing.TB, in rewards.RuleInput) *ent.RewardRule {
	t.Helper()
	row, err := o.CreateRule(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateRule(%q): %v", in.Texts[0].Name, err)
	}
	return row
}

// changes changes a rule and fails when that is refused.
func (o *office) changes(t testing.TB, in rewards.UpdateRule) *ent.RewardRule {
	t.Helper()
	row, err := o.UpdateRule(merchandiser(t), in)
	if err != nil {
		t.Fatalf("UpdateRule(%q): %v", in.Texts[0].Name, err)
	}
	return row
}

// archives ends a rule and fails when that is refused.
func (o *office) archives(t testing.TB, row *ent.RewardRule) *ent.RewardRule {
	t.Helper()
	row, err := o.ArchiveRule(merchandiser(t), rewards.ArchiveRule{ID: row.ID})
	if err != nil {
		t.Fatal(err)
	}
	return row
}
