package graph

import (
	"context"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"farthing/ent"
	"farthing/graph/model"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/offers"
)

// changes reads many changes. Each input is read as that of the mutation of its name.
func (r *Resolver) changes(list []model.OfferChangeInput) []offers.Change {
	changes := make([]offers.Change, len(list))
	for i, in := range list {
		path := "changes." + strconv.Itoa(i)
		given := r.given(path+".", in)
		if len(given) == 1 {
			changes[i] = given[0]
			continue
		}
		refusal := fault.New(fault.InvalidInput, "Give exactly one change, not %d.", len(given))
		changes[i] = offers.Change{
			Path: path, Make: func(context.Context, *ent.Tx) (any, error) { return nil, refusal },
		}
	}
	return changes
}

// given are the changes that one place of the list gives.
func (r *Resolver) given(path string, in model.OfferChangeInput) []offers.Change {
	var list []offers.Change
	add(&list, path+"createProduct", in.CreateProduct, createInput, r.Catalog.CreateIn)
	add(&list, path+"updateProduct", in.UpdateProduct, updateInput, r.Catalog.UpdateIn)
	add(&list, path+"archiveProduct", in.ArchiveProduct, archiveInput, r.Catalog.ArchiveIn)
	add(&list, path+"createBundle", in.CreateBundle, createBundleInput, r.Offers.CreateBundleIn)
	add(&list, path+"updateBundle", in.UpdateBundle, updateBundleInput, r.Offers.UpdateBundleIn)
	add(&list, path+"archiveBundle", in.ArchiveBundle, archiveOfferInput(id.Bundle), r.Offers.ArchiveBundleIn)
	add(&list, path+"createTrialOffer", in.CreateTrialOffer, createTrialOfferInput, r.Offers.CreateTrialOfferIn)
	add(&list, path+"updateTrialOffer", in.UpdateTrialOffer, updateTrialOfferInput, r.Offers.UpdateTrialOfferIn)
	add(&list, path+"archiveTrialOffer", in.ArchiveTrialOffer, archiveOfferInput(id.TrialOffer), r.Offers.ArchiveTrialOfferIn)
	add(&list, path+"createFlashSale", in.CreateFlashSale, createFlashSaleInput, r.Offers.CreateFlashSaleIn)
	add(&list, path+"updateFlashSale", in.UpdateFlashSale, updateFlashSaleInput, r.Offers.UpdateFlashSaleIn)
	add(&list, path+"archiveFlashSale", in.ArchiveFlashSale, archiveOfferInput(id.FlashSale), r.Offers.ArchiveFlashSaleIn)
	add(&list, path+"createTierPlan", in.CreateTierPlan, createTierPlanInput, r.Offers.CreateTierPlanIn)
	add(&list, path+"updateTierPlan", in.UpdateTierPlan, updateTierPlanInput, r.Offers.UpdateTierPlanIn)
	add(&list, path+"archiveTierPlan", in.ArchiveTierPlan, archiveOfferInput(id.TierPlan), r.Offers.ArchiveTierPlanIn)
	add(&list, path+"createCoupon", in.CreateCoupon, createCouponInput, r.Offers.CreateCouponIn)
	add(&list, path+"updateCoupon", in.UpdateCoupon, updateCouponInput, r.Offers.UpdateCouponIn)
	add(&list, path+"archiveCoupon", in.ArchiveCoupon, archiveOfferInput(id.Coupon), r.Offers.ArchiveCouponIn)
	add(&list, path+"endFlashSale", in.EndFlashSale, endFlashSaleInput, r.Offers.EndFlashSaleIn)
	return list
}

// add adds a change, if it is given.
func add[In, Read, Row any](
	list *[]offers.Change, path string, in graphql.Omittable[*In], read func(In) Read,
	verb func(context.Context, *ent.Tx, Read) (*Row, error),
) {
	if in.Value() == nil {
		return
	}
	input := read(*in.Value())
	*list = append(*list, offers.Change{
		Path: path, Make: func(ctx context.Context, tx *ent.Tx) (any, error) { return verb(ctx, tx, input) },
	})
}

// results shows what became of many changes.
func (r *Resolver) results(outcomes []offers.Outcome) model.ChangeOffersPayload {
	payload := model.ChangeOffersPayload{Results: make([]model.OfferChangeResult, len(outcomes)), Errors: []model.UserError{}}
	for i, outcome := range outcomes {
		result := model.OfferChangeResult{Node: r.row(outcome.Row), Errors: make([]model.UserError, len(outcome.Refused))}
		for j, f := range outcome.Refused {
			result.Errors[j] = r.refusal(f)
		}
		if result.Node != nil {
			payload.Changed++
		}
		payload.Results[i] = result
		payload.Errors = append(payload.Errors, result.Errors...)
	}
	return payload
}

// row shows a product or an offer; nil for nothing.
func (r *Resolver) row(row any) model.Node {
	switch row := row.(type) {
	case *ent.Product:
		return nodeOrNil(r.shown(row))
	case *ent.Bundle:
		return nodeOrNil(r.bundle(row))
	case *ent.TrialOffer:
		return nodeOrNil(r.trial(row))
	case *ent.FlashSale:
		return nodeOrNil(r.sale(row))
	case *ent.TierPlan:
		return nodeOrNil(r.plan(row))
	case *ent.Coupon:
		return nodeOrNil(r.coupon(row))
	default:
		return nil
	}
}
