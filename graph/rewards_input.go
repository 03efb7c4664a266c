package graph

import (
	"context"

	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/rewards"
)

// rewardRuleInput reads everything that a rule says.
func rewardRuleInput(in model.RewardRuleInput) rewards.RuleInput {
	kind, terms, currencies, malformed := model.RewardTerms(in)
	return rewards.RuleInput{
		Kind: kind, Code: in.Code.Value(), Status: string(in.Status), Texts: model.Texts(in.Texts), Picture: orZero(in.Picture),
		StartsAt: in.StartsAt.Value(), EndsAt: in.EndsAt.Value(), Terms: terms, Currencies: currencies, Malformed: malformed,
	}
}

// updateRewardRuleInput reads which rule is to say what.
func updateRewardRuleInput(in model.UpdateRewardRuleInput) rewards.UpdateRule {
	rule, err := parseID(id.RewardRule, "id", in.ID)
	out := rewards.UpdateRule{ID: rule, ExpectedVersion: in.ExpectedVersion.Value(), RuleInput: rewardRuleInput(in.Rule)}
	out.Malformed = append(fault.From(err), out.Malformed...)
	return out
}

// archiveRewardRuleInput reads which rule to end.
func archiveRewardRuleInput(in model.ArchiveRewardRuleInput) rewards.ArchiveRule {
	rule, err := parseID(id.RewardRule, "id", in.ID)
	return rewards.ArchiveRule{ID: rule, ExpectedVersion: in.ExpectedVersion.Value(), Malformed: fault.From(err)}
}

// rewardSettingsInput reads what the caller chooses.
func rewardSettingsInput(ctx context.Context, in model.UpdateRewardSettingsInput) rewards.Settings {
	return rewards.Settings{
		ShopperID: actor.From(ctx).ShopperID,
		TimeZone:  valueChange(in.TimeZone),
		// Null is refused below, and means neither that they be turned off nor what follows from that.
		Enabled:     catalog.Change[bool]{Set: in.Enabled.Value() != nil, Value: orZero(in.Enabled)},
		DisplayName: catalog.Change[*string]{Set: in.DisplayName.IsSet(), Value: in.DisplayName.Value()},
		Malformed:   refuseNulls(nullable("timeZone", in.TimeZone), nullable("enabled", in.Enabled)),
	}
}

// redeemPerkInput reads which perk the caller wants.
func redeemPerkInput(ctx context.Context, in model.RedeemPerkInput) rewards.RedeemPerk {
	perk, err := parseID(id.RewardRule, "perkId", in.PerkID)
	return rewards.RedeemPerk{
		IdempotencyKey: in.IdempotencyKey, ShopperID: actor.From(ctx).ShopperID, PerkID: perk, Malformed: fault.From(err),
	}
}

// refundInput reads what to give back.
func refundInput(in model.RefundPurchaseInput) checkout.RefundInput {
	purchase, err := parseID(id.Purchase, "purchaseId", in.PurchaseID)
	return checkout.RefundInput{
		IdempotencyKey: in.IdempotencyKey, PurchaseID: purchase, Reason: in.Reason, Malformed: fault.From(err),
	}
}

// rewardRuleFilter reads which rules to list.
func rewardRuleFilter(in *model.RewardRuleFilter) rewards.RuleFilter {
	if in == nil {
		return rewards.RuleFilter{}
	}
	return rewards.RuleFilter{Kinds: texts(in.Kinds.Value()), Statuses: texts(in.Statuses.Value())}
}

// texts are the words of an enum as they are stored.
func texts[Word ~string](words []Word) []string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return list
}
