package model

import (
	"context"
	"slices"
	"time"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/rewardentry"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

// Rulebook reads every version of every rule, the same one for all of an answer. Views of what has happened take from it
// what the rules said then.
type Rulebook func(context.Context) (*earning.Rulebook, error)

// ruleText is what a version of a rule is called.
type ruleText struct{ rule *earning.Rule }

// Code is its name for programs.
func (t ruleText) Code() string { return t.rule.Code }

// Name is what it is called in the best of the wanted languages.
func (t ruleText) Name(languages []string) string {
	return catalog.Best(t.rule.Language, t.rule.Texts, languages).Name
}

// Description describes it in the best of the wanted languages.
func (t ruleText) Description(languages []string) string {
	return catalog.Best(t.rule.Language, t.rule.Texts, languages).Description
}

// Picture is a link to a picture; nil for none.
func (t ruleText) Picture() *string { return orNil(t.rule.Picture) }

// viewsOf shows rules.
func viewsOf[View any](rules []*earning.Rule, see func(*earning.Rule) View) []View {
	list := make([]View, len(rules))
	for i, rule := range rules {
		list[i] = see(rule)
	}
	return list
}

// Badge shows a badge.
type Badge struct{ ruleText }

// NewBadge shows a version of a badge.
func NewBadge(rule *earning.Rule) Badge { return Badge{ruleText{rule}} }

// NewBadges shows those of some badges that are no secret.
func NewBadges(rules []*earning.Rule) []Badge {
	open := slices.DeleteFunc(slices.Clone(rules), func(r *earning.Rule) bool { return r.Terms.Badge.Secret })
	return viewsOf(open, NewBadge)
}

// Secret says whether it is shown to those only who have it.
func (b Badge) Secret() bool { return b.rule.Terms.Badge.Secret }

// Quest shows a quest.
type Quest struct{ ruleText }

// NewQuest shows a version of a quest.
func NewQuest(rule *earning.Rule) Quest { return Quest{ruleText{rule}} }

// StartsAt is the first instant at which purchases count for it. Every quest has one.
func (q Quest) StartsAt() time.Time { return *q.rule.StartsAt }

// EndsAt is the first instant at which they count no more. Every quest has one.
func (q Quest) EndsAt() time.Time { return *q.rule.EndsAt }

// Points are those for completing it.
func (q Quest) Points() Money { return NewPoints(q.rule.Terms.Quest.Points) }

// Level shows a level.
type Level struct{ ruleText }

// NewLevel shows a version of a level.
func NewLevel(rule *earning.Rule) Level { return Level{ruleText{rule}} }

// NewLevels shows levels.
func NewLevels(rules []*earning.Rule) []Level { return viewsOf(rules, NewLevel) }

// levelOrNil shows a level; nil for none.
func levelOrNil(rule *earning.Rule) *Level {
	if rule == nil {
		return nil
	}
	return new(NewLevel(rule))
}

// From is from how many points on.
func (l Level) From() Money { return NewPoints(l.rule.Terms.Level.From) }

// ExtraPercent is what comes on top of points.
func (l Level) ExtraPercent() Decimal { return percentOf(l.rule.Terms.Level.ExtraPercent) }

// newNextLevel shows the way from so many points, earned in all, to a level; nil for no level.
func newNextLevel(next *earning.Rule, lifetime money.Amount) *NextLevel {
	if next == nil {
		return nil
	}
	return &NextLevel{Level: NewLevel(next), Missing: NewPoints(next.Terms.Level.From - lifetime)}
}

// Perk shows a perk.
type Perk struct{ ruleText }

// NewPerk shows a version of a perk.
func NewPerk(rule *earning.Rule) Perk { return Perk{ruleText{rule}} }

// NewPerks shows perks.
func NewPerks(rules []*earning.Rule) []Perk { return viewsOf(rules, NewPerk) }

// ID is the perk's id on the outside.
func (p Perk) ID() string { return id.Encode(id.RewardRule, p.rule.ID) }

// Cost is how many points it takes.
func (p Perk) Cost() Money { return NewPoints(p.rule.Terms.Perk.Cost) }

// Freezes is how many freezes of the streak of days it gives.
func (p Perk) Freezes() int { return p.rule.Terms.Perk.Freezes }

// PointsAward shows points that a rule gave.
type PointsAward struct {
	ruleText
	given money.Amount
}

// Version is that of the rule.
func (a PointsAward) Version() int { return a.rule.Version }

// Points is how many.
func (a PointsAward) Points() Money { return NewPoints(a.given) }

// ruleOf finds the version of a rule; nil when there is none.
type ruleOf func(schema.RewardRef) *earning.Rule

// versionIn finds the version that a ref names among all that there have been.
func versionIn(book *earning.Rulebook) ruleOf {
	return func(ref schema.RewardRef) *earning.Rule { return book.Version(ref.Rule, ref.Version) }
}

// forceIn finds the version that a ref names among those in force.
func forceIn(t *earning.Terms) ruleOf {
	return func(ref schema.RewardRef) *earning.Rule {
		for _, rules := range [][]*earning.Rule{t.Points, t.Levels, t.Quests, t.Badges} {
			for _, rule := range rules {
				if rule.ID == ref.Rule {
					return rule
				}
			}
		}
		return nil
	}
}

// awards are the points that a purchase earned, by the rules and then by the quests that it completed.
func (of ruleOf) awards(result *schema.RewardResult) []PointsAward {
	list := make([]PointsAward, 0, len(result.Points)+len(result.Quests))
	for _, p := range slices.Concat(result.Points, result.Quests) {
		if p.Points == 0 {
			continue // a quest for the honour
		}
		rule := of(p.RewardRef)
		if rule == nil {
			rule = ruleBeforeRules(p.RewardRef)
		}
		list = append(list, PointsAward{ruleText{rule}, p.Points})
	}
	return list
}

// ruleBeforeRules stands for what gave points before rules were data.
func ruleBeforeRules(ref schema.RewardRef) *earning.Rule {
	return earning.NewRule(ref.Rule, earning.Points, ref.Version, 0, schema.RewardContent{
		Code: ref.Code, Language: "en", Texts: map[string]schema.Text{"en": {Name: "Points for purchases"}},
	})
}

// badges are those that refs name. Each has been in the rulebook since before it was earned.
func (of ruleOf) badges(refs []schema.RewardRef) []Badge {
	list := make([]Badge, 0, len(refs))
	for _, ref := range refs {
		if rule := of(ref); rule != nil {
			list = append(list, NewBadge(rule))
		}
	}
	return list
}

// quests are those that refs name.
func (of ruleOf) quests(refs []schema.RewardPoints) []Quest {
	list := make([]Quest, 0, len(refs))
	for _, ref := range refs {
		if rule := of(ref.RewardRef); rule != nil {
			list = append(list, NewQuest(rule))
		}
	}
	return list
}

// Rewards shows what a shopper has earned.
type Rewards struct {
	view       *rewards.View
	currencies *money.Currencies
	activity   func(context.Context, page.Args) (RewardEventConnection, error)
}

// NewRewards shows what a shopper sees of rewards; nil for nothing. What has happened is fetched by a read when asked for.
func NewRewards(
	view *rewards.View, currencies *money.Currencies, activity func(context.Context, page.Args) (RewardEventConnection, error),
) *Rewards {
	if view == nil {
		return nil
	}
	return &Rewards{view, currencies, activity}
}

// Activity is a page of what has happened.
func (r Rewards) Activity(
	ctx context.Context, first *int, after *string, last *int, before *string,
) (RewardEventConnection, error) {
	return r.activity(ctx, page.Args{First: first, After: after, Last: last, Before: before})
}

// Enabled says whether the shopper wants to be shown rewards.
func (r Rewards) Enabled() bool { return r.view.Standing.Enabled }

// TimeZone is that of the shopper's streaks.
func (r Rewards) TimeZone() string { return r.view.Standing.TimeZone }

// DisplayName is the shopper's name on leaderboards; nil for one who is on none.
func (r Rewards) DisplayName() *string { return r.view.Standing.DisplayName }

// Points are those there are to spend.
func (r Rewards) Points() Money { return NewPoints(max(r.view.Points, 0)) }

// PointsDebt are those that later ones pay first.
func (r Rewards) PointsDebt() Money { return NewPoints(max(-r.view.Points, 0)) }

// Expiring are the points that expire next; nil when none do.
func (r Rewards) Expiring() *ExpiringPoints {
	if r.view.Expiring == nil {
		return nil
	}
	return &ExpiringPoints{Points: NewPoints(r.view.Expiring.Points), At: r.view.Expiring.At}
}

// LifetimePoints are all that were ever earned.
func (r Rewards) LifetimePoints() Money { return NewPoints(r.view.State.Lifetime) }

// Level is the one that is reached; nil below the first.
func (r Rewards) Level() *Level {
	level, _, _ := r.view.Level()
	return levelOrNil(level)
}

// NextLevel is the one that comes next; nil for none.
func (r Rewards) NextLevel() *NextLevel {
	_, next, _ := r.view.Level()
	return newNextLevel(next, r.view.State.Lifetime)
}

// Days is the streak of days; nil when the shop counts none.
func (r Rewards) Days() *StreakStatus { return newStreakStatus(r.view.Days()) }

// Weeks is the streak of weeks; nil when the shop counts none.
func (r Rewards) Weeks() *StreakStatus { return newStreakStatus(r.view.Weeks()) }

func newStreakStatus(s *rewards.Streak) *StreakStatus {
	if s == nil {
		return nil
	}
	return &StreakStatus{Count: s.Count, Best: s.Best, Freezes: s.Freezes, Until: s.Until}
}

// Badges are those that the shopper has, latest first.
func (r Rewards) Badges() []BadgeAward {
	list := []BadgeAward{}
	for _, held := range slices.Backward(r.view.Held) {
		if held.Kind == achievement.KindBADGE && held.Rule != nil {
			list = append(list, BadgeAward{
				Badge: NewBadge(held.Rule), PurchaseID: id.Encode(id.Purchase, held.PurchaseID), AwardedAt: held.AwardedAt,
			})
		}
	}
	return list
}

// BadgeProgress is how far the shopper is towards badges that are no secret.
func (r Rewards) BadgeProgress() []BadgeProgress {
	list := []BadgeProgress{}
	shown, _ := r.view.Badges()
	for _, badge := range shown {
		if badge.Held == nil {
			list = append(list, BadgeProgress{Badge: NewBadge(badge.Rule), Goals: r.goals(badge.Goals)})
		}
	}
	return list
}

// SecretBadgesLeft is how many there are still to be found.
func (r Rewards) SecretBadgesLeft() int {
	_, secret := r.view.Badges()
	return secret
}

// Quests are those that are on, and those that the shopper has completed.
func (r Rewards) Quests() []QuestStatus {
	list := []QuestStatus{}
	for _, quest := range r.view.Quests() {
		status := QuestStatus{Quest: NewQuest(quest.Rule), Goals: r.goals(quest.Goals)}
		if quest.Held != nil {
			status.CompletedAt = &quest.Held.AwardedAt
		}
		list = append(list, status)
	}
	return list
}

func (r Rewards) goals(goals []earning.Progress) []GoalProgress {
	list := make([]GoalProgress, len(goals))
	for i, g := range goals {
		list[i] = GoalProgress{
			Measure: RewardMeasure(g.Measure), Currency: currencyOf(g.RewardCounter), Scope: newRewardScope(g.Scope),
			Reached: measured(g.RewardCounter, g.Reached, r.currencies), Target: measured(g.RewardCounter, g.Target, r.currencies),
		}
	}
	return list
}

// entryView shows an entry of a shopper's rewards.
type entryView struct {
	entry *ent.RewardEntry
	rules Rulebook
}

// Days are the days in a row afterwards.
func (e entryView) Days() int { return e.entry.Result.Days }

// Weeks are the weeks in a row afterwards.
func (e entryView) Weeks() int { return e.entry.Result.Weeks }

// Quests are those that it completed, or lost.
func (e entryView) Quests(ctx context.Context) ([]Quest, error) {
	if len(e.entry.Result.Quests) == 0 {
		return []Quest{}, nil
	}
	book, err := e.rules(ctx)
	if err != nil {
		return nil, err
	}
	return versionIn(book).quests(e.entry.Result.Quests), nil
}

// Level is the one afterwards, as levels were then; nil below the first.
func (e entryView) Level(ctx context.Context) (*Level, error) {
	code := e.entry.Result.Level
	if code == "" {
		return nil, nil //nolint:nilnil // No level is an answer, not an error.
	}
	book, err := e.rules(ctx)
	if err != nil {
		return nil, err
	}
	return levelOrNil(firstOf(book.At(e.entry.Revision).Levels, func(r *earning.Rule) bool { return r.Code == code })), nil
}

// badges are those that it earned, or lost.
func (e entryView) badges(ctx context.Context) ([]Badge, error) {
	if len(e.entry.Result.Badges) == 0 {
		return []Badge{}, nil
	}
	book, err := e.rules(ctx)
	if err != nil {
		return nil, err
	}
	return versionIn(book).badges(e.entry.Result.Badges), nil
}

// why is where the points of a purchase come from.
func (e entryView) why(ctx context.Context) ([]PointsAward, error) {
	if e.entry.Kind != rewardentry.KindPURCHASE || e.entry.Points == 0 {
		return []PointsAward{}, nil
	}
	book, err := e.rules(ctx)
	if err != nil {
		return nil, err
	}
	return versionIn(book).awards(&e.entry.Result), nil
}

// isBeforeRules says that an entry was recorded before rules were data: where the shopper stood then was not kept.
func (e entryView) isBeforeRules() bool { return e.entry.Revision < 0 }

// firstOf is the first rule that fits; nil for none.
func firstOf(rules []*earning.Rule, fits func(*earning.Rule) bool) *earning.Rule {
	if i := slices.IndexFunc(rules, fits); i >= 0 {
		return rules[i]
	}
	return nil
}

// PurchaseRewards shows what a purchase earned.
type PurchaseRewards struct {
	entryView
	balance func(context.Context) (money.Amount, error)
}

// NewPurchaseRewards shows what a purchase earned, with the points that its shopper has now; nil for nothing.
func NewPurchaseRewards(
	entry *ent.RewardEntry, rules Rulebook, balance func(context.Context) (money.Amount, error),
) *PurchaseRewards {
	if entry == nil {
		return nil
	}
	return &PurchaseRewards{entryView{entry, rules}, balance}
}

// PointsEarned are the points that it earned.
func (p PurchaseRewards) PointsEarned() Money { return NewPoints(p.entry.Points) }

// PointsSpent are the points that were spent on it.
func (p PurchaseRewards) PointsSpent() Money { return NewPoints(p.entry.SpentPoints) }

// PointsBalance are those that the shopper has now.
func (p PurchaseRewards) PointsBalance(ctx context.Context) (Money, error) {
	points, err := p.balance(ctx)
	return NewPoints(points), err
}

// Why is where its points come from.
func (p PurchaseRewards) Why(ctx context.Context) ([]PointsAward, error) { return p.why(ctx) }

// NewDay says whether the streak of days grew by it.
func (p PurchaseRewards) NewDay() bool { return p.entry.Result.NewDay }

// Badges are those that it earned.
func (p PurchaseRewards) Badges(ctx context.Context) ([]BadgeAward, error) {
	badges, err := p.badges(ctx)
	list := make([]BadgeAward, len(badges))
	for i, badge := range badges {
		list[i] = BadgeAward{
			Badge: badge, PurchaseID: id.Encode(id.Purchase, *p.entry.PurchaseID), AwardedAt: p.entry.CreatedAt,
		}
	}
	return list, err
}

// NextLevel is the way from where the shopper stood to the next level there is now; nil for none.
func (p PurchaseRewards) NextLevel(ctx context.Context) (*NextLevel, error) {
	if p.isBeforeRules() {
		return nil, nil //nolint:nilnil // Where the shopper stood is not known.
	}
	book, err := p.rules(ctx)
	if err != nil {
		return nil, err
	}
	lifetime := p.entry.Result.Lifetime
	_, next := book.Current().LevelAt(int64(lifetime))
	return newNextLevel(next, lifetime), nil
}

// newRewardPreview shows what a purchase would earn; nil for nothing.
func newRewardPreview(p *rewards.Plan, redeemable money.Amount) *RewardPreview {
	if p == nil {
		return nil
	}
	of := forceIn(p.Terms)
	level, next := p.Terms.LevelAt(int64(p.State.Lifetime))
	return &RewardPreview{
		Points: NewPoints(p.Total), Why: of.awards(&p.RewardResult),
		Badges: slices.DeleteFunc(of.badges(p.Badges), Badge.Secret), Quests: of.quests(p.Quests),
		Days: p.Days, Weeks: p.Weeks, Level: levelOrNil(level), NextLevel: newNextLevel(next, p.State.Lifetime),
		Redeemable: NewPoints(redeemable),
	}
}

// RewardEvent shows an entry of a shopper's rewards. What a refund gave back is fetched when asked for.
type RewardEvent struct{ entryView }

// NewRewardEvent shows an entry; nil for none.
func NewRewardEvent(entry *ent.RewardEntry, rules Rulebook) *RewardEvent {
	if entry == nil {
		return nil
	}
	return &RewardEvent{entryView{entry, rules}}
}

// Entry is the row behind it.
func (e RewardEvent) Entry() *ent.RewardEntry { return e.entry }

// ID is the entry's id on the outside.
func (e RewardEvent) ID() string { return id.Encode(id.RewardEntry, e.entry.ID) }

// Seq is its number, counted from 1.
func (e RewardEvent) Seq() int64 { return e.entry.Seq }

// Kind is what happened.
func (e RewardEvent) Kind() RewardEventKind { return RewardEventKind(e.entry.Kind) }

// PurchaseID is the purchase that was made or refunded; nil for a perk.
func (e RewardEvent) PurchaseID() *string {
	if e.entry.PurchaseID == nil {
		return nil
	}
	return new(id.Encode(id.Purchase, *e.entry.PurchaseID))
}

// Perk is what points were redeemed for, as it was then; nil for all others.
func (e RewardEvent) Perk(ctx context.Context) (*Perk, error) {
	if e.entry.PerkID == nil {
		return nil, nil //nolint:nilnil // It was a purchase or a refund.
	}
	book, err := e.rules(ctx)
	if err != nil {
		return nil, err
	}
	rule := firstOf(book.At(e.entry.Revision).Perks, func(r *earning.Rule) bool { return r.ID == *e.entry.PerkID })
	if rule == nil {
		return nil, nil //nolint:nilnil // Perks are known by the revision that they were redeemed at.
	}
	return new(NewPerk(rule)), nil
}

// PointsTaken are the points that it took.
func (e RewardEvent) PointsTaken() Money { return NewPoints(e.entry.SpentPoints) }

// PointsBalance are the points afterwards; nil where they were not kept.
func (e RewardEvent) PointsBalance() *Money {
	if e.isBeforeRules() {
		return nil
	}
	return new(NewPoints(e.entry.Result.Balance))
}

// Why is where the points of a purchase come from.
func (e RewardEvent) Why(ctx context.Context) ([]PointsAward, error) { return e.why(ctx) }

// Badges are those that a purchase earned, or a refund took back.
func (e RewardEvent) Badges(ctx context.Context) ([]Badge, error) { return e.badges(ctx) }

// CreatedAt is when it happened.
func (e RewardEvent) CreatedAt() time.Time { return e.entry.CreatedAt }

// RewardEventConnection is a page of events.
type RewardEventConnection struct {
	connection[RewardEventEdge, RewardEvent]
}

// RewardEventEdge is an event in a page.
type RewardEventEdge struct {
	Cursor string
	Node   RewardEvent
}

// NewRewardEvents shows a page of what has happened.
func NewRewardEvents(
	p page.Page[*ent.RewardEntry], count func(context.Context) (int, error), rules Rulebook,
) RewardEventConnection {
	return RewardEventConnection{connect(p, count,
		func(row *ent.RewardEntry) RewardEvent { return *NewRewardEvent(row, rules) },
		func(cursor string, node RewardEvent) RewardEventEdge { return RewardEventEdge{cursor, node} },
	)}
}
