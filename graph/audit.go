package graph

import (
	"context"
	"maps"
	"slices"

	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/audit"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/page"
)

// auditFilter reads which changes to list. Wallets and purchases are shoppers' own, for admins alone to look at.
func auditFilter(ctx context.Context, args page.Args, in *model.AuditFilter) (audit.Filter, error) {
	filter := audit.Filter{Args: args}
	if !actor.From(ctx).Has(actor.Admin) {
		for action, kind := range model.Audited() {
			if kind != id.Wallet && kind != id.Purchase {
				filter.Actions = append(filter.Actions, action)
			}
		}
		slices.Sort(filter.Actions)
	}
	if in == nil {
		return filter, nil
	}
	filter.Actor, filter.Action = orZero(in.Actor), orZero(in.Action)
	filter.From, filter.Until = in.From.Value(), in.Until.Value()
	if text := in.TargetID.Value(); text != nil {
		kinds := slices.Compact(slices.Sorted(maps.Values(model.Audited())))
		_, target, err := id.ParseOneOf(*text, kinds...)
		if err != nil {
			return filter, fault.Input("filter.targetId", "%s.", err)
		}
		filter.Target = target
	}
	return filter, nil
}
