package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"farthing/ent"
	"farthing/graph/model"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/page"
	"farthing/internal/pricing"
)

// seen shows a row; nil for none.
func seen[Row, View any](row *Row, see func(*Row) View) *View {
	if row == nil {
		return nil
	}
	return new(see(row))
}

func (r *Resolver) bundle(row *ent.Bundle) *model.Bundle {
	return seen(row, func(row *ent.Bundle) model.Bundle { return model.NewBundle(row, r.Currencies, r.Clock()) })
}

func (r *Resolver) trial(row *ent.TrialOffer) *model.TrialOffer {
	return seen(row, func(row *ent.TrialOffer) model.TrialOffer { return model.NewTrialOffer(row, r.Clock()) })
}

func (r *Resolver) sale(row *ent.FlashSale) *model.FlashSale {
	return seen(row, func(row *ent.FlashSale) model.FlashSale { return model.NewFlashSale(row, r.Currencies, r.Clock()) })
}

func (r *Resolver) plan(row *ent.TierPlan) *model.TierPlan {
	return seen(row, func(row *ent.TierPlan) model.TierPlan { return model.NewTierPlan(row, r.Currencies) })
}

func (r *Resolver) coupon(row *ent.Coupon) *model.Coupon {
	return seen(row, func(row *ent.Coupon) model.Coupon { return model.NewCoupon(row, r.Currencies) })
}

// visibleProduct is a product that the caller may see; nil for any other, and for none.
func (r *Resolver) visibleProduct(ctx context.Context, row *ent.Product) *model.Product {
	if row == nil || !catalog.VisibleTo(row, model.Merchandises(ctx), r.Clock()) {
		return nil
	}
	return r.shown(row)
}

// visibleBundle is a bundle that the caller may see; nil for any other, and for none.
func (r *Resolver) visibleBundle(ctx context.Context, row *ent.Bundle) *model.Bundle {
	if row == nil || !model.Merchandises(ctx) && !offers.BundleOnSale(row, r.Clock()) {
		return nil
	}
	return r.bundle(row)
}

// visibleTrial is a trial offer that the caller may see; nil for any other, and for none.
func (r *Resolver) visibleTrial(ctx context.Context, row *ent.TrialOffer) *model.TrialOffer {
	if row == nil || !model.Merchandises(ctx) && !offers.TrialOnOffer(row, r.Clock()) {
		return nil
	}
	return r.trial(row)
}

// visibleSale is a flash sale that the caller may see; nil for any other, and for none.
func (r *Resolver) visibleSale(ctx context.Context, row *ent.FlashSale) *model.FlashSale {
	if row == nil || !model.Merchandises(ctx) && !offers.SaleIsPublic(row) {
		return nil
	}
	return r.sale(row)
}

// visibleProducts are those of some products that the caller may see, in their order.
func (r *Resolver) visibleProducts(ctx context.Context, products []uuid.UUID) ([]model.Product, error) {
	rows, err := findAll(ctx, loadersOf(ctx).products, products)
	list := make([]model.Product, 0, len(rows))
	for _, row := range rows {
		if product := r.visibleProduct(ctx, row); product != nil {
			list = append(list, *product)
		}
	}
	return list, err
}

// visibleBundles are those of some bundles that the caller may see, in their order.
func (r *Resolver) visibleBundles(ctx context.Context, bundles []uuid.UUID) ([]model.Bundle, error) {
	rows, err := findAll(ctx, loadersOf(ctx).bundles, bundles)
	list := make([]model.Bundle, 0, len(rows))
	for _, row := range rows {
		if bundle := r.visibleBundle(ctx, row); bundle != nil {
			list = append(list, *bundle)
		}
	}
	return list, err
}

// contents are the products in a bundle, and in bundles within it, that the caller may see.
func (r *Resolver) contents(ctx context.Context, bundle *ent.Bundle) ([]model.Product, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, bundle.ID)
	if err != nil {
		return nil, err
	}
	return r.visibleProducts(ctx, facts.Board().ProductsOf(bundle))
}

// product shows the product that an offer is for, in whatever state it is now.
func (r *Resolver) product(ctx context.Context, product uuid.UUID) (model.Product, error) {
	shown, err := r.loadProduct(ctx, product)
	if err != nil {
		return model.Product{}, err
	}
	return *shown, nil
}

// price is what one of a thing costs the caller; nil in a currency it is not sold in.
func (r *Resolver) price(ctx context.Context, thing uuid.UUID, currency money.Code) (*model.Price, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, thing)
	if err != nil {
		return nil, err
	}
	return model.NewPrice(facts, thing, currency, r.Currencies), nil
}

// prices are what one of a product costs the caller in every currency it is sold in.
func (r *Resolver) prices(ctx context.Context, product *ent.Product) ([]model.Price, error) {
	list := make([]model.Price, 0, len(product.Edges.Prices))
	for _, listed := range product.Edges.Prices {
		price, err := r.price(ctx, product.ID, listed.Currency)
		if err != nil {
			return nil, err
		}
		if price != nil {
			list = append(list, *price)
		}
	}
	return list, nil
}

// lowest is the lowest price of the 30 days before a sale; nil when there was none.
func (r *Resolver) lowest(ctx context.Context, price *model.Price, anchor offers.Anchor) (*model.Money, error) {
	amount, err := loadersOf(ctx).lowest.Load(ctx, anchor)
	switch {
	case errors.Is(err, dataloadgen.ErrNotFound):
		return nil, nil //nolint:nilnil // It was not sold before.
	case err != nil:
		return nil, err
	}
	return new(price.In(amount)), nil
}

// bundlesWith are the bundles on sale that contain a product.
func (r *Resolver) bundlesWith(ctx context.Context, product uuid.UUID) ([]model.Bundle, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, product)
	if err != nil {
		return nil, err
	}
	list := []model.Bundle{}
	for _, row := range facts.Board().Containing(product) {
		if offers.BundleOnSale(row, facts.Now()) {
			list = append(list, *r.bundle(row))
		}
	}
	return list, nil
}

// trialsOf are the trials of a product that can be started now.
func (r *Resolver) trialsOf(ctx context.Context, product uuid.UUID) ([]model.TrialOffer, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, product)
	if err != nil {
		return nil, err
	}
	list := []model.TrialOffer{}
	for _, row := range facts.Board().Trialling(product) {
		if offers.TrialOnOffer(row, facts.Now()) {
			list = append(list, *r.trial(row))
		}
	}
	return list, nil
}

// planOf is what a product costs by quantity; nil when every unit costs the same.
func (r *Resolver) planOf(ctx context.Context, product uuid.UUID) (*model.TierPlan, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, product)
	if err != nil {
		return nil, err
	}
	row := facts.Board().Tiers[product]
	if row == nil || !offers.TierPlanCounts(row, facts.Now()) {
		return nil, nil //nolint:nilnil // No plan is an answer, not an error.
	}
	return r.plan(row), nil
}

// owned says whether a thing is the caller's already.
func (r *Resolver) owned(ctx context.Context, thing uuid.UUID) (bool, error) {
	facts, err := loadersOf(ctx).facts.Load(ctx, thing)
	if err != nil {
		return false, err
	}
	return facts.Owned(thing), nil
}

// priceHistory is how the price of a thing has been set.
func (r *Resolver) priceHistory(
	ctx context.Context, thing uuid.UUID, currency money.Code, first int,
) ([]model.PriceStep, error) {
	rows, err := find(ctx, loadersOf(ctx).histories, history{thing, currency, first})
	return model.NewPriceSteps(rows, r.Currencies), err
}

// standing is where a flash sale stands. What has been taken of it is fetched unless it came with it.
func (r *Resolver) standing(ctx context.Context, sale *model.FlashSale) (offers.Standing, error) {
	round, uncounted := sale.Uncounted()
	if !uncounted {
		return sale.Standing(), nil
	}
	taken, err := find(ctx, loadersOf(ctx).stocks, round)
	return sale.Counted(taken).Standing(), err
}

// watch follows a flash sale for the caller, until it is over or the caller may not see it any more.
func (r *Resolver) watch(ctx context.Context, sale uuid.UUID) (<-chan model.FlashSale, error) {
	row, err := find(ctx, loadersOf(ctx).sales, sale)
	if err != nil {
		return nil, err
	}
	if r.visibleSale(ctx, row) == nil {
		return nil, fault.New(fault.NotFound, "There is no such flash sale.").At("id")
	}
	watching, stop := context.WithCancel(ctx)
	states, err := r.Offers.Watch(watching, sale)
	if err != nil {
		stop()
		return nil, err
	}
	shown := make(chan model.FlashSale)
	go func() {
		defer close(shown)
		defer stop()
		for state := range states {
			if r.visibleSale(ctx, state.Sale) == nil {
				return
			}
			select {
			case shown <- model.NewFlashSale(state.Sale, r.Currencies, state.At).Counted(state.Stock):
			case <-ctx.Done():
				return
			}
		}
	}()
	return shown, nil
}

// listInput reads what to list of offers.
func listInput(
	ctx context.Context, first *int, after *string, last *int, before *string, filter *model.OfferFilter,
) (offers.ListInput, error) {
	in := offers.ListInput{
		Args:         page.Args{First: first, After: after, Last: last, Before: before},
		Merchandiser: model.Merchandises(ctx),
	}
	if filter == nil {
		return in, nil
	}
	for _, status := range filter.Statuses.Value() {
		in.Statuses = append(in.Statuses, string(status))
	}
	var err error
	if text := filter.ProductID.Value(); text != nil {
		in.ProductID, err = parseID(id.Product, "filter.productId", *text)
	}
	return in, err
}

// conflicts are where offers meet, in four weeks from now unless somebody wants to know about other times.
func (r *Resolver) conflicts(
	ctx context.Context, code money.Code, from, until *time.Time,
) ([]model.OfferConflict, error) {
	currency, traded := r.Currencies.Priced(code)
	if !traded {
		return nil, fault.Input("currency", "This shop does not trade in %s.", code)
	}
	const fourWeeks = 28 * 24 * time.Hour
	first := r.Clock()
	if from != nil {
		first = *from
	}
	end := first.Add(fourWeeks)
	if until != nil {
		end = *until
	}
	found, err := r.Offers.Conflicts(ctx, currency, first, end)
	return model.NewOfferConflicts(found, currency, r.Currencies), err
}

// offer shows an offer of a conflict.
func (r *Resolver) offer(ctx context.Context, of *model.OfferContender) (model.Offer, error) {
	switch of.OfferKind {
	case pricing.ByBundle:
		row, err := loadersOf(ctx).bundles.Load(ctx, of.OfferID)
		return r.bundle(row), err
	case pricing.BySale:
		row, err := loadersOf(ctx).sales.Load(ctx, of.OfferID)
		return r.sale(row), err
	case pricing.ByTier:
		row, err := loadersOf(ctx).plans.Load(ctx, of.OfferID)
		return r.plan(row), err
	default:
		return nil, fmt.Errorf("a conflict with a %s", of.OfferKind)
	}
}
