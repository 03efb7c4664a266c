package rewards_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/rewards"
)

// past is what has happened to some shoppers, made up and put there as rows.
type past struct {
	entries map[uuid.UUID][]*ent.RewardEntry
	// base is a rule that gave points on the way, and gone are the purchases whose quest was lost again.
	base *ent.RewardRule
	gone map[uuid.UUID]bool
}

// begun is after how many days the rules of a past begin: points, then the streak.
var begun = []int{5, 10}

// tell makes up a past of more entries than a dry run reads at once. Everybody's 1 to 40 entries are in the order of time.
func (o *office) tell(t testing.TB) past {
	t.Helper()
	p := past{entries: map[uuid.UUID][]*ent.RewardEntry{}, gone: map[uuid.UUID]bool{}}
	p.base = o.makes(t, active("Base", pointsPerDollar(2, 0)))
	first := o.revision(t)
	o.makes(t, active("Days", schema.RewardTerms{Streak: &schema.StreakTerms{Period: "DAY", Grace: 1}}))
	second := o.revision(t)
	random := rand.New(rand.NewPCG(20, 26)) // the same past in every run
	var rows []*ent.RewardEntry
	for shoppers := 0; len(rows) < rewards.DryRows*5/4; shoppers++ {
		shopper, at := uuid.New(), opening
		zone := []string{"UTC", "Asia/Seoul", "America/New_York"}[shoppers%3]
		for seq := range int64(1 + random.IntN(40)) {
			at = at.Add(time.Duration(random.IntN(60)) * time.Hour)
			e := &ent.RewardEntry{ID: id.New(), ShopperID: shopper, Seq: seq + 1, TimeZone: zone, CreatedAt: at, Revision: second}
			switch days := int(at.Sub(opening).Hours() / 24); {
			case days < begun[0]:
				e.Revision = -1
			case days < begun[1]:
				e.Revision = first
			}
			switch random.IntN(12) {
			case 0:
				e.Kind, e.PerkID, e.Result.Freezes = rewardentry.KindPERK, new(id.New()), random.IntN(3)
			case 1:
				e.Kind, e.PurchaseID, e.RefundID = rewardentry.KindREFUND, new(id.New()), new(id.New())
			case 2:
				p.buys(e, random)
				e.RefundedBy = new(id.New())
			default:
				p.buys(e, random)
			}
			p.entries[shopper] = append(p.entries[shopper], e)
			rows = append(rows, e)
		}
	}
	o.record(t, rows, p.gone)
	o.changes(t, rewards.UpdateRule{ID: p.base.ID, RuleInput: active("Base", pointsPerDollar(3, 0))}) // after all that
	return p
}

// buys makes an entry one of a purchase.
func (p past) buys(e *ent.RewardEntry, random *rand.Rand) {
	some := func(of ...string) []string {
		return slices.DeleteFunc(of, func(string) bool { return random.IntN(2) == 0 })
	}
	e.Kind, e.PurchaseID = rewardentry.KindPURCHASE, new(id.New())
	e.Facts.Currency = []money.Code{"USD", "USD", "EUR"}[random.IntN(3)]
	for range random.IntN(4) { // one without lines was paid for with points
		line := schema.FactLine{
			Product: uuid.UUID{15: byte(random.IntN(5))}, Quantity: 1 + random.Int64N(3), Paid: money.Amount(random.IntN(2_000)) * 10_000,
			Creator: []string{"", "poe", "zola", "austen"}[random.IntN(4)], Tags: some("jazz", "sea"), Categories: some("books", "music"),
			Sale: random.IntN(3) == 0,
		}
		e.Facts.Lines = append(e.Facts.Lines, line)
		e.Facts.Paid += line.Paid
	}
	if points := floor(2 * e.Facts.Paid); e.Facts.Currency == "USD" && points > 0 && e.Revision >= 0 {
		ref := schema.RewardRef{Rule: p.base.ID, Version: 1, Code: "base"}
		e.Result.Points = []schema.RewardPoints{{RewardRef: ref, Points: points}}
		e.Points = points
	}
	if len(e.Facts.Lines) > 0 && random.IntN(8) == 0 {
		ref := schema.RewardRef{Rule: id.New(), Version: 1, Code: "quest"}
		e.Result.Quests = []schema.RewardPoints{{RewardRef: ref, Points: whole(100)}}
		e.Points += whole(100)
		p.gone[*e.PurchaseID] = random.IntN(2) == 0
	}
}

// record writes entries, and the quests that were completed with them.
func (o *office) record(t testing.TB, entries []*ent.RewardEntry, gone map[uuid.UUID]bool) {
	t.Helper()
	shopper := (&stall{db: o.db}).client(t, "somebody")
	err := o.db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		var rows []*ent.RewardEntryCreate
		var bought []*ent.PurchaseCreate
		var won []*ent.AchievementCreate
		for i, e := range entries {
			rows = append(rows, tx.RewardEntry.Create().SetID(e.ID).SetShopperID(e.ShopperID).SetSeq(e.Seq).SetKind(e.Kind).
				SetNillablePurchaseID(e.PurchaseID).SetNillableRefundID(e.RefundID).SetNillablePerkID(e.PerkID).SetNillableRefundedBy(e.RefundedBy).
				SetRevision(e.Revision).SetTimeZone(e.TimeZone).SetFacts(e.Facts).SetResult(e.Result).SetPoints(e.Points).SetSpentPoints(0).
				SetCreatedAt(e.CreatedAt))
			for _, quest := range e.Result.Quests {
				bought = append(bought, tx.Purchase.Create().SetID(*e.PurchaseID).SetShopperID(shopper).SetOrdinal(int64(i)+1).SetCurrency("USD").
					SetSubtotal(0).SetTotal(0).SetPoints(0).SetActor("till").SetCreatedAt(e.CreatedAt))
				row := tx.Achievement.Create().SetShopperID(e.ShopperID).SetKind(achievement.KindQUEST).SetRuleID(quest.Rule).SetVersion(1).
					SetPurchaseID(*e.PurchaseID).SetPoints(quest.Points).SetAwardedAt(e.CreatedAt)
				if gone[*e.PurchaseID] {
					row.SetRevokedBy(id.New())
				}
				won = append(won, row)
			}
		}
		for chunk := range slices.Chunk(rows, 1_000) {
			if err := tx.RewardEntry.CreateBulk(chunk...).Exec(ctx); err != nil {
				return err
			}
		}
		if err := tx.Purchase.CreateBulk(bought...).Exec(ctx); err != nil {
			return err
		}
		return tx.Achievement.CreateBulk(won...).Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func floor(points money.Amount) money.Amount { return points / money.Unit * money.Unit }

// naive is a dry run by hand: gains tells, of one shopper's entries that stand, which would have earned how many points.
func (p past) naive(gains func(entries []*ent.RewardEntry) map[int]money.Amount) rewards.DryRun {
	var run rewards.DryRun
	for _, entries := range p.entries {
		entries = slices.DeleteFunc(slices.Clone(entries), func(e *ent.RewardEntry) bool {
			return e.Kind == rewardentry.KindREFUND || e.RefundedBy != nil
		})
		for _, e := range entries {
			if e.Kind == rewardentry.KindPURCHASE {
				run.Considered++
			}
		}
		gained := gains(entries)
		if len(gained) > 0 {
			run.Shoppers++
		}
		run.Purchases += int64(len(gained))
		for _, points := range gained {
			run.Points += points
		}
	}
	return run
}

// each is the gains of a points rule: so many by each purchase, with how many that count have been made before it.
func each(points func(e *ent.RewardEntry, earlier int) money.Amount) func([]*ent.RewardEntry) map[int]money.Amount {
	return func(entries []*ent.RewardEntry) map[int]money.Amount {
		gained, earlier := map[int]money.Amount{}, 0
		for i, e := range entries {
			if n := points(e, earlier); n > 0 {
				gained[i] = n
			}
			if e.Facts.Paid > 0 {
				earlier++
			}
		}
		return gained
	}
}

// once is the gains of a badge or quest: at the first purchase at which something is true of all entries up to it.
func once(points money.Amount, reached func(soFar []*ent.RewardEntry) bool) func([]*ent.RewardEntry) map[int]money.Amount {
	return func(entries []*ent.RewardEntry) map[int]money.Amount {
		for i, e := range entries {
			if len(e.Facts.Lines) > 0 && reached(entries[:i+1]) {
				return map[int]money.Amount{i: points}
			}
		}
		return nil
	}
}

// paid adds up what was paid in a currency for lines.
func paid(e *ent.RewardEntry, currency money.Code, of func(schema.FactLine) bool) money.Amount {
	var sum money.Amount
	for _, line := range e.Facts.Lines {
		if e.Facts.Currency == currency && of(line) {
			sum += line.Paid
		}
	}
	return sum
}

func anything(schema.FactLine) bool    { return true }
func isJazz(line schema.FactLine) bool { return slices.Contains(line.Tags, "jazz") }

// longest is how many days in a row there have been at most since the streak was a rule: one may be missed, and as many more
// as there are freezes.
func longest(entries []*ent.RewardEntry) int {
	best, count, freezes := 0, 0, 0
	last := time.Time{}
	for _, e := range entries {
		freezes += e.Result.Freezes
		if len(e.Facts.Lines) == 0 || e.CreatedAt.Before(opening.AddDate(0, 0, begun[1])) {
			continue
		}
		zone, err := time.LoadLocation(e.TimeZone)
		if err != nil {
			panic(err)
		}
		y, m, d := e.CreatedAt.In(zone).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		missed := int(day.Sub(last).Hours()/24) - 1
		switch {
		case !last.IsZero() && missed < 0:
			continue
		case last.IsZero() || missed-1 > freezes:
			count = 1
		default:
			freezes -= max(missed-1, 0)
			count++
		}
		last = day
		best = max(best, count)
	}
	return best
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := openOffice(t, d)
		p := o.tell(t)
		jazz := schema.RewardScope{Tags: []string{"JAZZ"}}
		points := func(terms schema.PointsTerms) schema.RewardTerms { return schema.RewardTerms{Points: &terms} }
		count := func(m earning.Measure, scope schema.RewardScope, target int64) schema.RewardGoal {
			return schema.RewardGoal{RewardCounter: schema.RewardCounter{Measure: string(m), Scope: scope}, Target: target}
		}
		from, until := opening.AddDate(0, 0, 7), opening.AddDate(0, 0, 20)
		within := func(e *ent.RewardEntry) bool { return !e.CreatedAt.Before(from) && e.CreatedAt.Before(until) }
		last := func(entries []*ent.RewardEntry) *ent.RewardEntry { return entries[len(entries)-1] }
		for _, test := range []struct {
			name   string
			terms  schema.RewardTerms
			change func(*rewards.RuleInput)
			gains  func([]*ent.RewardEntry) map[int]money.Amount
		}{
			{
				"rates", points(schema.PointsTerms{Rates: schema.Prices{"USD": 1_500_000, "EUR": 3_000_000}, Scope: jazz}), nil,
				each(func(e *ent.RewardEntry, _ int) money.Amount {
					return floor(paid(e, "USD", isJazz)*3/2) + floor(paid(e, "EUR", isJazz)*3)
				}),
			},
			{"rates_in_a_window", points(schema.PointsTerms{Rates: schema.Prices{"USD": whole(1)}}), func(in *rewards.RuleInput) {
				in.StartsAt, in.EndsAt, in.Status = &from, &until, "DRAFT"
			}, each(func(e *ent.RewardEntry, _ int) money.Amount {
				if !within(e) {
					return 0
				}
				return floor(paid(e, "USD", anything))
			})},
			{
				"steps", points(schema.PointsTerms{Currency: "EUR", Steps: []schema.RewardStep{{}, {From: whole(10), Rate: whole(1)}, {From: whole(20), Rate: whole(2)}}}), nil,
				each(func(e *ent.RewardEntry, _ int) money.Amount {
					all := paid(e, "EUR", anything)
					return floor(all * min(all/whole(10), 2))
				}),
			},
			{
				"a_number_with_caps", points(schema.PointsTerms{Points: whole(5), PerDay: new(whole(8)), PerShopper: new(whole(31))}), nil,
				func(entries []*ent.RewardEntry) map[int]money.Amount {
					gained, today, ever := map[int]money.Amount{}, map[string]money.Amount{}, money.Amount(0)
					for i, e := range entries {
						day := e.CreatedAt.Format(time.DateOnly)
						if n := min(whole(5), whole(8)-today[day], whole(31)-ever); e.Facts.Paid > 0 && n > 0 {
							gained[i] = n
							today[day] += n
							ever += n
						}
					}
					return gained
				},
			},
			{
				"a_welcome", points(schema.PointsTerms{Points: whole(50), FirstPurchase: true, Scope: jazz}), nil,
				each(func(e *ent.RewardEntry, earlier int) money.Amount {
					if earlier > 0 || paid(e, e.Facts.Currency, isJazz) == 0 {
						return 0
					}
					return whole(50)
				}),
			},
			{
				"on_top_of_what_was_given", points(schema.PointsTerms{ExtraPercent: 5_000, Scope: jazz}), nil,
				each(func(e *ent.RewardEntry, _ int) money.Amount {
					if e.Revision < 0 {
						return 0
					}
					return floor(floor(2*paid(e, "USD", isJazz)) / 2)
				}),
			},
			{"a_badge", schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{
				count(earning.Creators, jazz, 2), count(earning.Purchases, schema.RewardScope{}, 12),
			}}}, nil, once(0, func(soFar []*ent.RewardEntry) bool {
				creators, purchases := map[string]bool{}, 0
				for _, e := range soFar {
					if len(e.Facts.Lines) > 0 {
						purchases++
					}
					for _, line := range e.Facts.Lines {
						if isJazz(line) && line.Creator != "" {
							creators[line.Creator] = true
						}
					}
				}
				return len(creators) >= 2 && purchases >= 12
			})},
			{
				"a_badge_that_ended", badgeFor(earning.Sales, 5), func(in *rewards.RuleInput) { in.StartsAt, in.EndsAt = &from, &until },
				once(0, func(soFar []*ent.RewardEntry) bool {
					sales := 0
					for _, e := range soFar {
						if slices.ContainsFunc(e.Facts.Lines, func(line schema.FactLine) bool { return line.Sale }) {
							sales++
						}
					}
					return sales >= 5 && within(last(soFar))
				}),
			},
			{
				"a_badge_for_points", badgeFor(earning.PointsEarned, 300_000_000), func(in *rewards.RuleInput) { in.EndsAt = &until },
				once(0, func(soFar []*ent.RewardEntry) bool {
					var earned money.Amount
					for _, e := range soFar {
						if earned += e.Points; e.PurchaseID != nil && p.gone[*e.PurchaseID] {
							earned -= whole(100)
						}
					}
					return earned >= whole(300) && last(soFar).CreatedAt.Before(until)
				}),
			},
			{
				"a_badge_for_a_streak", badgeFor(earning.StreakDays, 6), nil,
				once(0, func(soFar []*ent.RewardEntry) bool { return longest(soFar) >= 6 }),
			},
			{
				"a_quest",
				schema.RewardTerms{Quest: &schema.QuestTerms{Points: whole(20), Goals: []schema.RewardGoal{
					{RewardCounter: schema.RewardCounter{Measure: "AMOUNT", Currency: "USD"}, Target: int64(whole(60))}, count(earning.Units, jazz, 4),
				}}},
				func(in *rewards.RuleInput) { in.StartsAt, in.EndsAt = &from, &until },
				once(whole(20), func(soFar []*ent.RewardEntry) bool {
					var amount money.Amount
					var units int64
					for _, e := range soFar {
						if !within(e) {
							continue
						}
						amount += paid(e, "USD", anything)
						for _, line := range e.Facts.Lines {
							if isJazz(line) {
								units += line.Quantity
							}
						}
					}
					return amount >= whole(60) && units >= 4 && within(last(soFar))
				}),
			},
			{"nothing", badgeFor(earning.Trials, 1), nil, once(0, func([]*ent.RewardEntry) bool { return false })},
		} {
			t.Run(test.name, func(t *testing.T) {
				in := active("Poet", test.terms)
				in.Code = new("base") // as for a change of a rule that is there
				if test.change != nil {
					test.change(&in)
				}
				got, err := o.DryRun(merchandiser(t), in)
				if err != nil {
					t.Fatal(err)
				}
				want := p.naive(test.gains)
				if *got != want {
					t.Errorf("got %+v, want %+v", *got, want)
				}
				if test.name != "nothing" && (want.Shoppers == 0 || want.Shoppers == int64(len(p.entries))) {
					t.Errorf("%d of %d shoppers tell nothing", want.Shoppers, len(p.entries))
				}
			})
		}
		if n := d.Client().RewardRule.Query().CountX(t.Context()); n != 2 {
			t.Errorf("there are %d rules", n)
		}
	})
}

func TestDryRunRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := openOffice(t, d)
		shopper := uuid.New()
		big := &ent.RewardEntry{
			ID: id.New(), ShopperID: shopper, Seq: 1, Kind: rewardentry.KindPURCHASE, PurchaseID: new(id.New()), TimeZone: "UTC", CreatedAt: opening,
			Facts: schema.PurchaseFacts{Currency: "USD", Paid: whole(5_000), Lines: []schema.FactLine{{Quantity: 1, Paid: whole(5_000)}}},
		}
		next := *big
		next.ID, next.Seq, next.PurchaseID = id.New(), 2, new(id.New())
		o.record(t, []*ent.RewardEntry{big, &next}, nil)
		rated := func(rate int64) rewards.RuleInput {
			return active("Poet", schema.RewardTerms{Points: &schema.PointsTerms{Rates: schema.Prices{"USD": whole(rate)}}})
		}
		if got, err := o.DryRun(t.Context(), rated(900_000)); err != nil || *got != (rewards.DryRun{Shoppers: 1, Purchases: 2, Points: money.Max, Considered: 2}) {
			t.Errorf("got %+v, %v", got, err)
		}
		for _, test := range []struct {
			name string
			in   rewards.RuleInput
			want []string
		}{
			{"a_kind_that_gives_nothing", active("Poet", perk()), []string{"INVALID_INPUT perk"}},
			{"a_level", active("Poet", level()), []string{"INVALID_INPUT level"}},
			{"no_kind", active("Poet", schema.RewardTerms{}), []string{"INVALID_INPUT"}},
			{"what_cannot_be", rewards.RuleInput{
				Kind: earning.Badge, Status: "ON", Terms: badgeFor("LUCK", 1), Texts: []catalog.Text{{Language: "en", Name: ""}},
				Malformed: fault.List{fault.Input("badge.goals.0.scope", "No scope.")},
			}, []string{"INVALID_INPUT badge.goals.0.scope", "INVALID_INPUT status", "INVALID_INPUT texts.0.name", "INVALID_INPUT badge.goals.0.measure"}},
			{"a_scope_of_what_is_not_there", func() rewards.RuleInput {
				in := active("Poet", badge())
				in.Terms.Badge.Goals[0].Scope.Products = []uuid.UUID{uuid.Max}
				return in
			}(), []string{"INVALID_INPUT badge.goals.0.scope.products.0"}},
			{"more_points_than_there_can_be", rated(900_001), []string{"INVALID_INPUT points"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := o.DryRun(t.Context(), test.in)
				wantRefused(t, err, test.want...)
			})
		}
	})
}
