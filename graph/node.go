package graph

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"farthing/ent"
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

// nodes shows things of any kinds. Products, of which there may be many, are read together.
func (r *Resolver) nodes(ctx context.Context, texts []string) ([]model.Node, error) {
	if len(texts) > page.Most {
		return nil, fault.Input("ids", "Ask for at most %d things, not %d.", page.Most, len(texts))
	}
	var products []uuid.UUID
	for _, text := range texts {
		if kind, named, err := id.Decode(text); err == nil && kind == id.Product {
			products = append(products, named)
		}
	}
	// What is not there is found out one by one below, from what this has read.
	_, _ = loadersOf(ctx).products.LoadAll(ctx, products)
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
	client, shopper := r.DB.Client(), actor.From(ctx).ShopperID
	if kind == id.Product {
		p, err := r.visible(ctx, func(*ent.Client) (*ent.Product, error) { return loadersOf(ctx).products.Load(ctx, named) })
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
