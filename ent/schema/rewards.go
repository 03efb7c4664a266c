package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// RewardScope says which goods something is about: those that any of its lists names; all goods when every list is empty.
// Labels are folded: case and accents do not matter.
type RewardScope struct {
	Products   []uuid.UUID `json:"products,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Categories []string    `json:"categories,omitempty"`
	Creators   []string    `json:"creators,omitempty"`
}

// RewardCounter is something that purchases count up.
type RewardCounter struct {
	// Measure is what is counted: PURCHASES, AMOUNT, UNITS, PRODUCTS, CATEGORIES, CREATORS, TRIALS, BUNDLES, SALES,
	// STREAK_DAYS, STREAK_WEEKS or POINTS. See earning.Measure.
	Measure string `json:"measure"`
	// Currency is that of an AMOUNT, and empty for all others.
	Currency money.Code `json:"currency,omitempty"`
	// Scope is which goods count.
	Scope RewardScope `json:"scope,omitzero"`
}

// RewardGoal is how far something must be counted.
type RewardGoal struct {
	RewardCounter

	// Target is how many; of an AMOUNT or POINTS in millionths.
	Target int64 `json:"target"`
}

// RewardStep is one step of a tiered points rule: what a unit of money earns when the purchase pays at least From.
type RewardStep struct {
	From money.Amount `json:"from"`
	Rate money.Amount `json:"rate"`
}

// PointsTerms are what a rule gives points for. Exactly one of Rates, Steps, Points and ExtraPercent says how many.
type PointsTerms struct {
	// Rates are points for each unit of money really paid, by currency.
	Rates Prices `json:"rates,omitempty"`
	// Steps are points for each unit of Currency, by how much the purchase pays: the last step that is reached counts.
	Steps    []RewardStep `json:"steps,omitempty"`
	Currency money.Code   `json:"currency,omitempty"`
	// Points is a fixed number.
	Points money.Amount `json:"points,omitempty"`
	// ExtraPercent is what comes on top of the points that rates and steps give, in hundredths of a percent: 10000 doubles.
	ExtraPercent int64 `json:"extraPercent,omitempty"`
	// FirstPurchase says that only a shopper's first purchase counts.
	FirstPurchase bool `json:"firstPurchase,omitempty"`
	// Scope is which goods count.
	Scope RewardScope `json:"scope,omitzero"`
	// PerDay and PerShopper are how many points a shopper gets by the rule on one UTC day, and ever; null for any number.
	PerDay     *money.Amount `json:"perDay,omitempty"`
	PerShopper *money.Amount `json:"perShopper,omitempty"`
	// ExpireDays is after how many days of 24 hours the points expire; null for never.
	ExpireDays *int `json:"expireDays,omitempty"`
}

// BadgeTerms are what a badge is earned by: all goals together.
type BadgeTerms struct {
	Goals []RewardGoal `json:"goals"`
	// Secret says that a badge is shown to those only who have it.
	Secret bool `json:"secret,omitempty"`
}

// QuestTerms are goals to be reached between the beginning and the end of the rule, and the points for it.
type QuestTerms struct {
	Goals  []RewardGoal `json:"goals"`
	Points money.Amount `json:"points,omitempty"`
}

// LevelTerms are from how many points on, earned in all, somebody is at a level, and its perk.
type LevelTerms struct {
	From money.Amount `json:"from"`
	// ExtraPercent is what comes on top of the points that rates and steps give, in hundredths of a percent.
	ExtraPercent int64 `json:"extraPercent,omitempty"`
}

// StreakTerms are how purchases in a row of days or weeks are counted.
type StreakTerms struct {
	// Period is DAY or WEEK. A week begins on Monday.
	Period string `json:"period"`
	// Grace is how many periods in a row may be missed.
	Grace int `json:"grace,omitempty"`
	// FreezeEvery gives a freeze for every so many periods counted in a row, 0 for none; MaxFreezes is how many one can have.
	// A freeze stands in for a missed period beyond grace.
	FreezeEvery int `json:"freezeEvery,omitempty"`
	MaxFreezes  int `json:"maxFreezes,omitempty"`
}

// LeaderboardTerms are what a leaderboard ranks shoppers by.
type LeaderboardTerms struct {
	RewardCounter

	// Period is DAY, WEEK, MONTH or ALL, in UTC.
	Period string `json:"period"`
}

// PerkTerms are what points can be redeemed for besides goods.
type PerkTerms struct {
	// Cost is how many points it takes.
	Cost money.Amount `json:"cost"`
	// Freezes is how many freezes of the daily streak it gives; 0 for a perk that the storefront honours.
	Freezes int `json:"freezes,omitempty"`
}

// DiscountTerms are what points take off a basket.
type DiscountTerms struct {
	// Worth is what one point takes off, by currency.
	Worth Prices `json:"worth"`
	// MostPercent is how much of a total points can pay, in hundredths of a percent.
	MostPercent int64 `json:"mostPercent"`
	// Least is how few points may be redeemed at once.
	Least money.Amount `json:"least,omitempty"`
}

// RewardTerms are what a rule says: exactly one is there, that of the rule's kind.
type RewardTerms struct {
	Points      *PointsTerms      `json:"points,omitempty"`
	Badge       *BadgeTerms       `json:"badge,omitempty"`
	Quest       *QuestTerms       `json:"quest,omitempty"`
	Level       *LevelTerms       `json:"level,omitempty"`
	Streak      *StreakTerms      `json:"streak,omitempty"`
	Leaderboard *LeaderboardTerms `json:"leaderboard,omitempty"`
	Perk        *PerkTerms        `json:"perk,omitempty"`
	Discount    *DiscountTerms    `json:"discount,omitempty"`
}

// RewardContent is everything that merchandisers decide about a rule.
type RewardContent struct {
	Code     string          `json:"code"`
	Status   string          `json:"status"`
	Language string          `json:"language"`
	Texts    map[string]Text `json:"texts"`
	Picture  string          `json:"picture,omitempty"`
	StartsAt *time.Time      `json:"startsAt,omitempty"`
	EndsAt   *time.Time      `json:"endsAt,omitempty"`
	Terms    RewardTerms     `json:"terms"`
}

// PurchaseFacts are what of a purchase counts for rewards, with the labels of its goods as they were then. Fields have
// short names, since there is one for every purchase.
type PurchaseFacts struct {
	Currency money.Code   `json:"c,omitempty"`
	Paid     money.Amount `json:"p,omitempty"`
	Lines    []FactLine   `json:"l,omitempty"`
}

// FactLine is what of a line of a purchase counts for rewards. Labels are folded.
type FactLine struct {
	Product    uuid.UUID    `json:"g"`
	Quantity   int64        `json:"q"`
	Paid       money.Amount `json:"p,omitempty"`
	Creator    string       `json:"a,omitempty"`
	Categories []string     `json:"k,omitempty"`
	Tags       []string     `json:"t,omitempty"`
	Bundle     *uuid.UUID   `json:"b,omitempty"`
	Trial      bool         `json:"r,omitempty"`
	Sale       bool         `json:"s,omitempty"`
}

// RewardRef names the version of a rule.
type RewardRef struct {
	Rule    uuid.UUID `json:"rule"`
	Version int       `json:"version"`
	Code    string    `json:"code"`
}

// RewardPoints are points by a version of a rule.
type RewardPoints struct {
	RewardRef

	Points money.Amount `json:"points"`
}

// StreakState is where a streak stands.
type StreakState struct {
	// Count is how many periods have been counted in a row up to the last one, Best the most there have been in a row.
	Count int `json:"n,omitempty"`
	Best  int `json:"best,omitempty"`
	// Freezes is how many there are.
	Freezes int `json:"freezes,omitempty"`
	// Last is the number of the last period that was counted, by the calendar of the shopper, and Ends the instant at which
	// it was over, by the zone in which it was counted.
	Last int64     `json:"last,omitempty"`
	Ends time.Time `json:"ends,omitzero"`
}

// RewardCap is how many points a rule has given a shopper on a UTC day, and ever.
type RewardCap struct {
	Day   string       `json:"day"`
	Today money.Amount `json:"today"`
	Ever  money.Amount `json:"ever"`
}

// RewardState is where a shopper stands with rewards. It follows from the shopper's entries (earning.Retell).
type RewardState struct {
	// Watching tells which counters are kept: those of the rules that were in force when it was written.
	Watching string `json:"watching,omitempty"`
	// Purchases counts those that stand and were paid in money.
	Purchases int64 `json:"purchases,omitempty"`
	// Counts are counters, and Seen the different things that those of them have counted which count different things.
	Counts map[string]int64            `json:"counts,omitempty"`
	Seen   map[string]map[string]int64 `json:"seen,omitempty"`
	Days   StreakState                 `json:"days,omitzero"`
	Weeks  StreakState                 `json:"weeks,omitzero"`
	// Lifetime is how many points have been earned in all, without those that were taken back.
	Lifetime money.Amount `json:"lifetime,omitempty"`
	// Caps are by id of the rule; only of rules that have any.
	Caps map[string]RewardCap `json:"caps,omitempty"`
	// Held are the badges and quests that the shopper has, by id of the rule: the version that awarded each.
	Held map[string]int `json:"held,omitempty"`
}

// RewardResult is what an entry earned, or took back, and where the shopper stood afterwards.
type RewardResult struct {
	Points []RewardPoints `json:"points,omitempty"`
	Badges []RewardRef    `json:"badges,omitempty"`
	Quests []RewardPoints `json:"quests,omitempty"`
	// Took is which points an entry has spent: how many of which entry's.
	Took map[uuid.UUID]money.Amount `json:"took,omitempty"`
	// Returned is which of the points that it gives back went to which entry.
	Returned map[uuid.UUID]money.Amount `json:"returned,omitempty"`
	// Freezes is how many freezes of the daily streak it gave.
	Freezes int `json:"freezes,omitempty"`

	Lifetime money.Amount `json:"lifetime,omitempty"`
	Level    string       `json:"level,omitempty"`
	Days     int          `json:"days,omitempty"`
	Weeks    int          `json:"weeks,omitempty"`
	NewDay   bool         `json:"newDay,omitempty"`
	Balance  money.Amount `json:"balance,omitempty"`
}

// RewardRule is what a shop rewards, as merchandisers have set it up. It is archived, never deleted.
type RewardRule struct{ ent.Schema }

var rewardKinds = []string{"POINTS", "BADGE", "QUEST", "LEVEL", "STREAK", "LEADERBOARD", "PERK", "DISCOUNT"}

// Fields of the RewardRule.
func (RewardRule) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Enum("kind").Values(rewardKinds...).Immutable().Comment("What kind of rule it is."),
		field.String("code").NotEmpty().MaxLen(100).
			Comment("Its name for programs: lower-case letters, digits and single hyphens. Unique."),
		field.Enum("status").Values("DRAFT", "ACTIVE", "ARCHIVED").
			Comment("DRAFT counts for nothing yet, ACTIVE counts in its window, ARCHIVED is over for good."),
		field.JSON("content", RewardContent{}).Comment("All that it says, as of its version."),
		field.Int("version").Default(1).
			Comment("Counts the changes, so that two people cannot overwrite each other unseen. The first version is 1."),
		instant("created_at", "When the rule was made."),
		field.Time("updated_at").Comment("When the rule was last changed."),
	}
}

// Indexes of the RewardRule.
func (RewardRule) Indexes() []ent.Index { return []ent.Index{index.Fields("code").Unique()} }

// Annotations of the RewardRule.
func (RewardRule) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("reward_rules", map[string]string{
		"kind":    oneOf("kind", rewardKinds...),
		"status":  offerStatus,
		"version": "version >= 1",
	})}
}

// RewardRuleVersion is what a rule said from one revision of what is for sale on. Never changed, never deleted: awards name
// the version that made them, and can be computed again.
type RewardRuleVersion struct{ ent.Schema }

// Fields of the RewardRuleVersion.
func (RewardRuleVersion) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("rule_id", uuid.UUID{}).Immutable().Comment("Of which rule."),
		field.Int("version").Immutable().Comment("Which version of it, counted from 1."),
		field.Int64("revision").Immutable().Comment("The revision of what is for sale that begins with it. Purchases name theirs."),
		field.JSON("content", RewardContent{}).Immutable().Comment("All that it says."),
		instant("created_at", "When it was written."),
	}
}

// Indexes of the RewardRuleVersion.
func (RewardRuleVersion) Indexes() []ent.Index {
	return []ent.Index{index.Fields("rule_id", "version").Unique()}
}

// Annotations of the RewardRuleVersion.
func (RewardRuleVersion) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("reward_rule_versions", map[string]string{"version": "version >= 1"})}
}

// RewardStanding is a shopper's own choices about rewards, and where the shopper stands.
type RewardStanding struct{ ent.Schema }

// Fields of the RewardStanding.
func (RewardStanding) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Whose it is."),
		field.String("time_zone").MaxLen(64).Default("UTC").
			Comment("Name in the IANA database of the zone whose days and weeks streaks count."),
		field.Bool("enabled").Default(true).Comment("Whether rewards are shown and told of. Points are earned either way."),
		field.String("display_name").MaxRuneLen(40).Optional().Nillable().
			Comment("Name on leaderboards; null for a shopper who is on none."),
		field.Int64("seq").Default(0).Comment("Number of the shopper's last entry, counted from 1."),
		field.JSON("state", RewardState{}).Comment("Where the shopper stands: what the entries come to."),
		field.Time("expires_at").Optional().Nillable().
			Comment("The earliest instant at which points expire that have not been spent; null when none do."),
	}
}

// Indexes of the RewardStanding.
func (RewardStanding) Indexes() []ent.Index { return []ent.Index{index.Fields("shopper_id").Unique()} }

// Annotations of the RewardStanding.
func (RewardStanding) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("reward_standings", map[string]string{
		"seq":     "seq >= 0",
		"visible": "display_name IS NULL OR enabled",
	})}
}

// RewardEntry is one event of a shopper's rewards: a purchase, a refund, or a perk that points were redeemed for. What it
// says never changes. What has become of its points does: they are a lot, which is spent, expires or is taken back.
type RewardEntry struct{ ent.Schema }

// Fields of the RewardEntry.
func (RewardEntry) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Whose it is."),
		field.Int64("seq").Immutable().Comment("This is the shopper's n-th, counted from 1."),
		field.Enum("kind").Values("PURCHASE", "REFUND", "PERK").Immutable().Comment("What happened."),
		field.UUID("purchase_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The purchase that was made or refunded; null for a perk."),
		field.UUID("refund_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("The refund; null for all others."),
		field.UUID("perk_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("The rule of the perk; null for all others."),
		field.Int64("revision").Immutable().Comment("The revision of what is for sale, and so of the rules, that it was decided by."),
		field.String("time_zone").MaxLen(64).Immutable().Comment("The shopper's time zone then."),
		field.JSON("facts", PurchaseFacts{}).Immutable().Comment("What of a purchase counts."),
		field.JSON("result", RewardResult{}).Immutable().Comment("What it earned or took back, and where the shopper stood then."),
		amount("points", "Points that it gave: earned by a purchase, or given back by a refund after the lot that they came from had expired."),
		amount("spent_points", "Points that it took: paid with, redeemed, or taken back by a refund."),
		field.Time("expires_at").Optional().Nillable().Immutable().Comment("First instant at which its points are gone; null for never."),
		balance("used", "How many of its points have been spent, or went to pay a debt."),
		balance("expired", "How many of its points have expired."),
		balance("revoked", "How many of its points were taken back before they were spent."),
		field.UUID("refunded_by", uuid.UUID{}).Optional().Nillable().Comment("The refund of its purchase; null while it stands."),
		instant("created_at", "When it happened."),
	}
}

// Indexes of the RewardEntry.
func (RewardEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "seq").Unique(),
		index.Fields("purchase_id", "kind").Unique().Annotations(entsql.IndexWhere("purchase_id IS NOT NULL")),
		index.Fields("shopper_id", "expires_at").StorageKey("reward_entries_lots").
			Annotations(entsql.IndexWhere("points > used + expired + revoked")),
	}
}

// Annotations of the RewardEntry.
func (RewardEntry) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("reward_entries", map[string]string{
		"kind": "(" + oneOf("kind", "PURCHASE") + " AND purchase_id IS NOT NULL AND refund_id IS NULL AND perk_id IS NULL) OR (" +
			oneOf("kind", "REFUND") + " AND purchase_id IS NOT NULL AND refund_id IS NOT NULL AND perk_id IS NULL) OR (" +
			oneOf("kind", "PERK") + " AND purchase_id IS NULL AND refund_id IS NULL AND perk_id IS NOT NULL)",
		"seq": "seq >= 1",
		"lot": between(0, "points", "spent_points", "used", "expired", "revoked") + " AND used + expired + revoked <= points",
	})}
}

// Achievement is a badge that a shopper has earned or a quest that a shopper has completed: each once at a time (rule 20).
type Achievement struct{ ent.Schema }

// Fields of the Achievement.
func (Achievement) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who has it."),
		field.Enum("kind").Values("BADGE", "QUEST").Immutable().Comment("What it is."),
		field.UUID("rule_id", uuid.UUID{}).Immutable().Comment("The badge or quest."),
		field.Int("version").Immutable().Comment("The version of the rule that awarded it."),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("The purchase that earned it."),
		amount("points", "Points that came with a quest, part of those of the purchase."),
		instant("awarded_at", "When it was earned."),
		field.UUID("revoked_by", uuid.UUID{}).Optional().Nillable().
			Comment("The refund after which its condition held no longer; null while the shopper has it."),
	}
}

// Edges of the Achievement.
func (Achievement) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("purchase", Purchase.Type).Ref("achievements").Field("purchase_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Achievement.
func (Achievement) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "rule_id").Unique().Annotations(entsql.IndexWhere("revoked_by IS NULL")),
		index.Fields("purchase_id"),
		index.Fields("rule_id"),
	}
}

// Annotations of the Achievement.
func (Achievement) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("achievements", map[string]string{
		"kind":   oneOf("kind", "BADGE", "QUEST"),
		"points": between(0, "points"),
	})}
}

// LeaderboardScore is where a shopper who wants to be seen stands on a leaderboard in one of its periods. It follows from
// the shopper's entries.
type LeaderboardScore struct{ ent.Schema }

// Fields of the LeaderboardScore.
func (LeaderboardScore) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("rule_id", uuid.UUID{}).Immutable().Comment("Which leaderboard."),
		field.Int64("period").Immutable().Comment("Which of its periods: the UTC date of its first day as a number, 20261225; 0 for all time."),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who."),
		field.Int64("score").Comment("How much; of an AMOUNT or POINTS in millionths."),
		field.Time("reached_at").Comment("When it was last raised: of equal scores the earlier is better."),
	}
}

// Indexes of the LeaderboardScore.
func (LeaderboardScore) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("rule_id", "period", "score", "reached_at", "shopper_id").Unique().StorageKey("leaderboard_scores_rank").
			Annotations(entsql.DescColumns("score")),
		index.Fields("shopper_id", "rule_id", "period").Unique(),
	}
}

// Annotations of the LeaderboardScore.
func (LeaderboardScore) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("leaderboard_scores", map[string]string{"score": "score >= 0"})}
}
