package graph

import (
	"context"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/identity"
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

func (r *Resolver) nodeOf(ctx context.Context, kind id.Kind, named uuid.UUID) (model.Node, error) {
	client, shopper := r.DB.Client(), actor.From(ctx).ShopperID
	if kind == id.Product {
		p, err := r.visible(ctx, func(client *ent.Client) (*ent.Product, error) { return catalog.ByID(ctx, client, named) })
		if p == nil {
			return nil, err
		}
		return *p, err
	}
	if shopper == uuid.Nil {
		return nil, nil //nolint:nilnil // All else belongs to a shopper.
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
		if err != nil {
			return nil, err
		}
		return *model.NewWallet(row, r.Currencies), nil
	case id.Purchase:
		row, err := checkout.ByID(ctx, client, shopper, named)
		if err != nil {
			return nil, err
		}
		return model.NewPurchase(row, r.Currencies), nil
	case id.Entitlement:
		row, err := entitlement.ByID(ctx, client, shopper, named)
		return model.Entitlement{Entitlement: row}, err
	default:
		return nil, nil //nolint:nilnil // A transfer is seen in its wallet only.
	}
}
