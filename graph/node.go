package graph

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/checkout"
	"farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/page"
)

// node shows the thing that an id names, whatever it is; nil when there is none. What belongs to another shopper answers
// just like what does not exist (rule 28). The path is where the id stands in the input.
func (r *Resolver) node(ctx context.Context, path, text string) (model.Node, error) {
	kind, named, err := id.Decode(text)
	if err != nil {
		return nil, fault.Input(path, "%s.", err)
	}
	found, err := r.nodeOf(ctx, kind, named)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // Nothing there is an answer, not an error.
	}
	return found, err
}

// nodes shows things of any kinds. Those of which there may be many are read together.
func (r *Resolver) nodes(ctx context.Context, texts []string) ([]model.Node, error) {
	if len(texts) > page.Most {
		return nil, fault.Input("ids", "Ask for at most %d things, not %d.", page.Most, len(texts))
	}
	read := loadersOf(ctx)
	for _, text := range texts {
		kind, named, err := id.Decode(text)
		if err != nil {
			continue
		}
		// What is not there is found out one by one below, from what this has asked for.
		switch kind {
		case id.Product:
			read.products.LoadThunk(ctx, named)
		case id.Bundle:
			read.bundles.LoadThunk(ctx, named)
		case id.TrialOffer:
			read.trials.LoadThunk(ctx, named)
		case id.FlashSale:
			read.sales.LoadThunk(ctx, named)
		case id.TierPlan:
			read.plans.LoadThunk(ctx, named)
		case id.Coupon:
			read.coupons.LoadThunk(ctx, named)
		case id.RewardRule:
			read.rewardRules.LoadThunk(ctx, named)
		default: // Of all else there are few.
		}
	}
	nodes := make([]model.Node, len(texts))
	for i, text := range texts {
		var err error
		if nodes[i], err = r.node(ctx, "ids."+strconv.Itoa(i), text); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (r *Resolver) nodeOf(ctx context.Context, kind id.Kind, named uuid.UUID) (model.Node, error) {
	read := loadersOf(ctx)
	switch kind {
	case id.Product:
		row, err := find(ctx, read.products, named)
		return nodeOrNil(r.visibleProduct(ctx, row)), err
	case id.Bundle:
		row, err := find(ctx, read.bundles, named)
		return nodeOrNil(r.visibleBundle(ctx, row)), err
	case id.TrialOffer:
		row, err := find(ctx, read.trials, named)
		return nodeOrNil(r.visibleTrial(ctx, row)), err
	case id.FlashSale:
		row, err := find(ctx, read.sales, named)
		return nodeOrNil(r.visibleSale(ctx, row)), err
	case id.TierPlan:
		row, err := find(ctx, read.plans, named)
		return forMerchandisers(ctx, r.plan(row)), err
	case id.Coupon:
		row, err := find(ctx, read.coupons, named)
		return forMerchandisers(ctx, r.coupon(row)), err
	case id.RewardRule:
		row, err := find(ctx, read.rewardRules, named)
		return forMerchandisers(ctx, r.rewardRule(row)), err
	case id.Refund:
		refund, err := r.refundByID(ctx, named)
		return nodeOrNil(refund), err
	default:
		return r.ownNode(ctx, kind, named)
	}
}

// ownNode shows what belongs to the shopper who calls.
func (r *Resolver) ownNode(ctx context.Context, kind id.Kind, named uuid.UUID) (model.Node, error) {
	client, shopper := r.DB.Client(), actor.From(ctx).ShopperID
	if shopper == uuid.Nil {
		return nil, nil //nolint:nilnil // Nobody's.
	}
	switch kind {
	case id.Shopper:
		if named != shopper {
			return nil, nil //nolint:nilnil // Somebody else.
		}
		row, err := identity.ByID(ctx, client, shopper)
		return model.Shopper{Shopper: row}, err
	case id.Wallet:
		row, err := r.Wallets.ByID(ctx, client, shopper, named)
		return nodeOrNil(model.NewWallet(row, r.Currencies)), err
	case id.Purchase:
		row, err := checkout.ByID(ctx, client, shopper, named)
		if err != nil {
			return nil, err
		}
		return model.NewPurchase(row, r.Currencies, r.Clock()), nil
	case id.Entitlement:
		row, err := entitlement.ByID(ctx, client, shopper, named)
		return nodeOrNil(model.NewEntitlement(row, r.Clock())), err
	default:
		return nil, nil //nolint:nilnil // A transfer is seen in its wallet only, an event in its shopper's activity.
	}
}

// forMerchandisers is nodeOrNil for what nobody else may see.
func forMerchandisers[View model.Node](ctx context.Context, view *View) model.Node {
	if !model.Merchandises(ctx) {
		return nil
	}
	return nodeOrNil(view)
}

// nodeOrNil is a view as a node; nil for none.
func nodeOrNil[View model.Node](view *View) model.Node {
	if view == nil {
		return nil
	}
	return *view
}
