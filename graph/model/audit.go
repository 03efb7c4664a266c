package model

import (
	"context"

	"farthing/ent"
	"farthing/internal/id"
	"farthing/internal/page"
)

// AuditEntry shows an administrative change.
type AuditEntry struct{ *ent.AuditEntry }

// ID is the entry's id on the outside.
func (e AuditEntry) ID() string { return id.Encode(id.AuditEntry, e.AuditEntry.ID) }

// TargetID is what was changed; nil for what has no id on the outside.
func (e AuditEntry) TargetID() *string {
	kind, ok := Audited()[e.Action]
	if !ok {
		return nil
	}
	return new(id.Encode(kind, e.AuditEntry.TargetID))
}

// Before is the thing before the change; nil when it was made.
func (e AuditEntry) Before() JSON { return JSON(e.AuditEntry.Before) }

// After is the thing after the change; nil when it was removed.
func (e AuditEntry) After() JSON { return JSON(e.AuditEntry.After) }

// Audited are the actions that are written down, and what they change.
func Audited() map[string]id.Kind {
	return map[string]id.Kind{
		"createProduct": id.Product, "updateProduct": id.Product, "archiveProduct": id.Product, "importProducts": id.Product,
		"createBundle": id.Bundle, "updateBundle": id.Bundle, "archiveBundle": id.Bundle,
		"createTrialOffer": id.TrialOffer, "updateTrialOffer": id.TrialOffer, "archiveTrialOffer": id.TrialOffer,
		"createFlashSale": id.FlashSale, "updateFlashSale": id.FlashSale, "endFlashSale": id.FlashSale,
		"archiveFlashSale": id.FlashSale,
		"createTierPlan":   id.TierPlan, "updateTierPlan": id.TierPlan, "archiveTierPlan": id.TierPlan,
		"createCoupon": id.Coupon, "updateCoupon": id.Coupon, "archiveCoupon": id.Coupon,
		"createRewardRule": id.RewardRule, "updateRewardRule": id.RewardRule, "archiveRewardRule": id.RewardRule,
		"adjustWallet": id.Wallet, "refundPurchase": id.Purchase,
	}
}

// AuditEntryConnection is a page of changes.
type AuditEntryConnection struct {
	connection[AuditEntryEdge, AuditEntry]
}

// AuditEntryEdge is a change in a page.
type AuditEntryEdge struct {
	Cursor string
	Node   AuditEntry
}

// NewAuditEntries shows a page of changes.
func NewAuditEntries(p page.Page[*ent.AuditEntry], count func(context.Context) (int, error)) AuditEntryConnection {
	return AuditEntryConnection{connect(p, count,
		func(row *ent.AuditEntry) AuditEntry { return AuditEntry{row} },
		func(cursor string, node AuditEntry) AuditEntryEdge { return AuditEntryEdge{cursor, node} },
	)}
}
