package rewards

import (
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/leaderboardscore"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/money"
)

// The tables that a desk writes.

var entryRows = db.NewRows(rewardentry.Table,
	db.UUID(rewardentry.FieldID, func(e *ent.RewardEntry) uuid.UUID { return e.ID }),
	db.UUID(rewardentry.FieldShopperID, func(e *ent.RewardEntry) uuid.UUID { return e.ShopperID }),
	db.Int(rewardentry.FieldSeq, func(e *ent.RewardEntry) int64 { return e.Seq }),
	db.Text(rewardentry.FieldKind, func(e *ent.RewardEntry) rewardentry.Kind { return e.Kind }),
	db.NullUUID(rewardentry.FieldPurchaseID, func(e *ent.RewardEntry) *uuid.UUID { return e.PurchaseID }),
	db.NullUUID(rewardentry.FieldRefundID, func(e *ent.RewardEntry) *uuid.UUID { return e.RefundID }),
	db.NullUUID(rewardentry.FieldPerkID, func(e *ent.RewardEntry) *uuid.UUID { return e.PerkID }),
	db.Int(rewardentry.FieldRevision, func(e *ent.RewardEntry) int64 { return e.Revision }),
	db.Text(rewardentry.FieldTimeZone, func(e *ent.RewardEntry) string { return e.TimeZone }),
	db.JSON(rewardentry.FieldFacts, func(e *ent.RewardEntry) *schema.PurchaseFacts { return &e.Facts }),
	db.JSON(rewardentry.FieldResult, func(e *ent.RewardEntry) *schema.RewardResult { return &e.Result }),
	db.Int(rewardentry.FieldPoints, func(e *ent.RewardEntry) money.Amount { return e.Points }),
	db.Int(rewardentry.FieldSpentPoints, func(e *ent.RewardEntry) money.Amount { return e.SpentPoints }),
	db.NullTime(rewardentry.FieldExpiresAt, func(e *ent.RewardEntry) *time.Time { return e.ExpiresAt }),
	db.Int(rewardentry.FieldUsed, func(e *ent.RewardEntry) money.Amount { return e.Used }),
	db.Int(rewardentry.FieldExpired, func(e *ent.RewardEntry) money.Amount { return e.Expired }),
	db.Int(rewardentry.FieldRevoked, func(e *ent.RewardEntry) money.Amount { return e.Revoked }),
	db.NullUUID(rewardentry.FieldRefundedBy, func(e *ent.RewardEntry) *uuid.UUID { return e.RefundedBy }),
	db.SameTime(rewardentry.FieldCreatedAt, func(e *ent.RewardEntry) time.Time { return e.CreatedAt }),
)

var achievementRows = db.NewRows(achievement.Table,
	db.UUID(achievement.FieldID, func(a *ent.Achievement) uuid.UUID { return a.ID }),
	db.UUID(achievement.FieldShopperID, func(a *ent.Achievement) uuid.UUID { return a.ShopperID }),
	db.Text(achievement.FieldKind, func(a *ent.Achievement) achievement.Kind { return a.Kind }),
	db.UUID(achievement.FieldRuleID, func(a *ent.Achievement) uuid.UUID { return a.RuleID }),
	db.Int(achievement.FieldVersion, func(a *ent.Achievement) int { return a.Version }),
	db.UUID(achievement.FieldPurchaseID, func(a *ent.Achievement) uuid.UUID { return a.PurchaseID }),
	db.Int(achievement.FieldPoints, func(a *ent.Achievement) money.Amount { return a.Points }),
	db.Time(achievement.FieldAwardedAt, func(a *ent.Achievement) time.Time { return a.AwardedAt }),
	db.NullUUID(achievement.FieldRevokedBy, func(a *ent.Achievement) *uuid.UUID { return a.RevokedBy }),
)

var standingRows = db.NewRows(rewardstanding.Table,
	db.UUID(rewardstanding.FieldID, func(s *ent.RewardStanding) uuid.UUID { return s.ID }),
	db.UUID(rewardstanding.FieldShopperID, func(s *ent.RewardStanding) uuid.UUID { return s.ShopperID }),
	db.Text(rewardstanding.FieldTimeZone, func(s *ent.RewardStanding) string { return s.TimeZone }),
	db.Bool(rewardstanding.FieldEnabled, func(s *ent.RewardStanding) bool { return s.Enabled }),
	db.NullText(rewardstanding.FieldDisplayName, func(s *ent.RewardStanding) *string { return s.DisplayName }),
	db.Int(rewardstanding.FieldSeq, func(s *ent.RewardStanding) int64 { return s.Seq }),
	db.JSON(rewardstanding.FieldState, func(s *ent.RewardStanding) *schema.RewardState { return &s.State }),
	db.NullTime(rewardstanding.FieldExpiresAt, func(s *ent.RewardStanding) *time.Time { return s.ExpiresAt }),
).OnConflict(db.Anew(rewardstanding.FieldShopperID,
	rewardstanding.FieldTimeZone, rewardstanding.FieldEnabled, rewardstanding.FieldDisplayName, rewardstanding.FieldSeq,
	rewardstanding.FieldState, rewardstanding.FieldExpiresAt))

var scoreRows = db.NewRows(leaderboardscore.Table,
	db.UUID(leaderboardscore.FieldID, func(s *ent.LeaderboardScore) uuid.UUID { return s.ID }),
	db.UUID(leaderboardscore.FieldRuleID, func(s *ent.LeaderboardScore) uuid.UUID { return s.RuleID }),
	db.Int(leaderboardscore.FieldPeriod, func(s *ent.LeaderboardScore) int64 { return s.Period }),
	db.UUID(leaderboardscore.FieldShopperID, func(s *ent.LeaderboardScore) uuid.UUID { return s.ShopperID }),
	db.Int(leaderboardscore.FieldScore, func(s *ent.LeaderboardScore) int64 { return s.Score }),
	db.Time(leaderboardscore.FieldReachedAt, func(s *ent.LeaderboardScore) time.Time { return s.ReachedAt }),
).OnConflict(db.Anew(leaderboardscore.FieldID, leaderboardscore.FieldScore, leaderboardscore.FieldReachedAt))
