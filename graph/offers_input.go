package graph

import (
	"github.com/99designs/gqlgen/graphql"

	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/graph/model"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/offers"
)

// given is a field of an input, and whether it was given as null.
type given struct {
	path string
	null bool
}

// nullable says how a field was given of which null is no value.
func nullable[T any](path string, o graphql.Omittable[*T]) given {
	return given{path, o.IsSet() && o.Value() == nil}
}

// nullableList is nullable for a list.
func nullableList[T any](path string, o graphql.Omittable[[]T]) given {
	return given{path, o.IsSet() && o.Value() == nil}
}

// refuseNulls refuses fields of an update that must have a value.
func refuseNulls(fields ...given) fault.List {
	var faults fault.List
	for _, field := range fields {
		if field.null {
			faults.Add(fault.Input(field.path, "This cannot be null. Leave it out to keep what is there."))
		}
	}
	return faults
}

// common reads what all new offers have.
func common(status model.OfferStatus, texts []model.ProductTextInput) offers.Common {
	return offers.Common{Status: string(status), Texts: model.Texts(texts)}
}

// commonChange reads what all changes of offers have.
func commonChange(
	kind id.Kind, text string, version graphql.Omittable[*int],
	status graphql.Omittable[*model.OfferStatus], texts graphql.Omittable[[]model.ProductTextInput],
) offers.CommonChange {
	offer, err := parseID(kind, "id", text)
	return offers.CommonChange{
		ID: offer, ExpectedVersion: version.Value(),
		Status:    catalog.Change[string]{Set: status.IsSet(), Value: string(orZero(status))},
		Texts:     mapped(texts, model.Texts),
		Malformed: append(fault.From(err), refuseNulls(nullable("status", status), nullableList("texts", texts))...),
	}
}

// reading collects what cannot be read of an input.
type reading struct{ malformed *fault.List }

// percent reads a percentage; nil when there is none.
func (r reading) percent(path string, o graphql.Omittable[*model.Decimal]) *offers.Percent {
	percent, unreadable := model.Percent(path, o.Value())
	r.malformed.AddIf(unreadable)
	return percent
}

// prices reads amounts by currency.
func (r reading) prices(path string, input []model.PriceInput) []catalog.Price {
	*r.malformed = append(*r.malformed, model.PriceFaults(path, input)...)
	return model.Prices(input)
}

// priceChange reads a change of amounts by currency.
func (r reading) priceChange(path string, o graphql.Omittable[[]model.PriceInput]) catalog.Change[[]catalog.Price] {
	return catalog.Change[[]catalog.Price]{Set: o.IsSet(), Value: r.prices(path, o.Value())}
}

// percentChange reads a change of a percentage.
func (r reading) percentChange(path string, o graphql.Omittable[*model.Decimal]) catalog.Change[*offers.Percent] {
	return catalog.Change[*offers.Percent]{Set: o.IsSet(), Value: r.percent(path, o)}
}

// read keeps what a reader gives besides its faults.
func read[T any](r reading) func(T, fault.List) T {
	return func(value T, faults fault.List) T {
		*r.malformed = append(*r.malformed, faults...)
		return value
	}
}

// valueChange is a change of a field that cannot be null.
func valueChange[T any](o graphql.Omittable[*T]) catalog.Change[T] {
	return catalog.Change[T]{Set: o.IsSet(), Value: orZero(o)}
}

func createBundleInput(in model.CreateBundleInput) offers.CreateBundle {
	out := offers.CreateBundle{
		Common: common(in.Status, in.Texts), Kind: bundle.Kind(in.Kind), Slug: in.Slug.Value(), Choose: in.Choose.Value(),
		PublishFrom: in.PublishFrom.Value(), PublishUntil: in.PublishUntil.Value(),
	}
	r := reading{&out.Malformed}
	out.Components = read[[]offers.Component](r)(model.Components("components", in.Components))
	out.PercentOff = r.percent("percentOff", in.PercentOff)
	out.Prices = r.prices("prices", in.Prices)
	return out
}

func updateBundleInput(in model.UpdateBundleInput) offers.UpdateBundle {
	out := offers.UpdateBundle{
		CommonChange: commonChange(id.Bundle, in.ID, in.ExpectedVersion, in.Status, in.Texts),
		Slug:         valueChange(in.Slug), Choose: changeOf(in.Choose),
		PublishFrom: changeOf(in.PublishFrom), PublishUntil: changeOf(in.PublishUntil),
	}
	r := reading{&out.Malformed}
	out.Malformed = append(out.Malformed, refuseNulls(nullable("slug", in.Slug), nullableList("components", in.Components))...)
	out.Components.Set = in.Components.IsSet()
	out.Components.Value = read[[]offers.Component](r)(model.Components("components", in.Components.Value()))
	out.PercentOff = r.percentChange("percentOff", in.PercentOff)
	out.Prices = r.priceChange("prices", in.Prices)
	return out
}

func createTrialOfferInput(in model.CreateTrialOfferInput) offers.CreateTrialOffer {
	product, err := parseID(id.Product, "productId", in.ProductID)
	out := offers.CreateTrialOffer{
		Common: common(in.Status, in.Texts), ProductID: product, DurationHours: in.DurationHours, GraceHours: in.GraceHours,
		Uses: model.Whole(in.Uses.Value()), PublishFrom: in.PublishFrom.Value(), PublishUntil: in.PublishUntil.Value(),
	}
	out.Malformed = fault.From(err)
	out.Prices = reading{&out.Malformed}.prices("prices", in.Prices)
	return out
}

func updateTrialOfferInput(in model.UpdateTrialOfferInput) offers.UpdateTrialOffer {
	out := offers.UpdateTrialOffer{
		CommonChange:  commonChange(id.TrialOffer, in.ID, in.ExpectedVersion, in.Status, in.Texts),
		DurationHours: valueChange(in.DurationHours), GraceHours: valueChange(in.GraceHours), Uses: mapped(in.Uses, model.Whole),
		PublishFrom: changeOf(in.PublishFrom), PublishUntil: changeOf(in.PublishUntil),
	}
	out.Malformed = append(out.Malformed, refuseNulls(nullableList("prices", in.Prices),
		nullable("durationHours", in.DurationHours), nullable("graceHours", in.GraceHours))...)
	out.Prices = reading{&out.Malformed}.priceChange("prices", in.Prices)
	return out
}

func createFlashSaleInput(in model.CreateFlashSaleInput) offers.CreateFlashSale {
	out := offers.CreateFlashSale{
		Common: common(in.Status, in.Texts), Kind: flashsale.Kind(in.Kind),
		StartsAt: in.StartsAt.Value(), EndsAt: in.EndsAt.Value(), Recurrence: model.WeeklyWindow(in.Recurrence.Value()),
		Stock: model.Whole(in.Stock.Value()), PerShopper: model.Whole(in.PerShopper.Value()),
	}
	r := reading{&out.Malformed}
	out.PercentOff = r.percent("percentOff", in.PercentOff)
	out.Prices = r.prices("prices", in.Prices)
	out.Scope = read[schema.Scope](r)(model.Scope("scope", &in.Scope))
	return out
}

func updateFlashSaleInput(in model.UpdateFlashSaleInput) offers.UpdateFlashSale {
	out := offers.UpdateFlashSale{
		CommonChange: commonChange(id.FlashSale, in.ID, in.ExpectedVersion, in.Status, in.Texts),
		Kind:         catalog.Change[flashsale.Kind]{Set: in.Kind.IsSet(), Value: flashsale.Kind(orZero(in.Kind))},
		StartsAt:     valueChange(in.StartsAt), EndsAt: changeOf(in.EndsAt), Recurrence: mapped(in.Recurrence, model.WeeklyWindow),
		Stock: mapped(in.Stock, model.Whole), PerShopper: mapped(in.PerShopper, model.Whole),
	}
	r := reading{&out.Malformed}
	out.Malformed = append(out.Malformed, refuseNulls(nullable("kind", in.Kind), nullable("scope", in.Scope),
		nullable("startsAt", in.StartsAt))...)
	out.PercentOff = r.percentChange("percentOff", in.PercentOff)
	out.Prices = r.priceChange("prices", in.Prices)
	out.Scope.Set = in.Scope.IsSet()
	out.Scope.Value = read[schema.Scope](r)(model.Scope("scope", in.Scope.Value()))
	return out
}

func createTierPlanInput(in model.CreateTierPlanInput) offers.CreateTierPlan {
	product, err := parseID(id.Product, "productId", in.ProductID)
	out := offers.CreateTierPlan{
		Common: common(in.Status, in.Texts), ProductID: product, Mode: tierplan.Mode(in.Mode),
		StartsAt: in.StartsAt.Value(), EndsAt: in.EndsAt.Value(),
	}
	out.Malformed = fault.From(err)
	out.Tiers = read[[]offers.Tier](reading{&out.Malformed})(model.Tiers("tiers", in.Tiers))
	return out
}

func updateTierPlanInput(in model.UpdateTierPlanInput) offers.UpdateTierPlan {
	out := offers.UpdateTierPlan{
		CommonChange: commonChange(id.TierPlan, in.ID, in.ExpectedVersion, in.Status, in.Texts),
		Mode:         catalog.Change[tierplan.Mode]{Set: in.Mode.IsSet(), Value: tierplan.Mode(orZero(in.Mode))},
		StartsAt:     valueChange(in.StartsAt), EndsAt: changeOf(in.EndsAt),
	}
	out.Malformed = append(out.Malformed, refuseNulls(nullable("mode", in.Mode), nullableList("tiers", in.Tiers),
		nullable("startsAt", in.StartsAt))...)
	out.Tiers.Set = in.Tiers.IsSet()
	out.Tiers.Value = read[[]offers.Tier](reading{&out.Malformed})(model.Tiers("tiers", in.Tiers.Value()))
	return out
}

func createCouponInput(in model.CreateCouponInput) offers.CreateCoupon {
	out := offers.CreateCoupon{
		Common: common(in.Status, in.Texts), Code: in.Code, Kind: coupon.Kind(in.Kind), Combines: in.Combines,
		StartsAt: in.StartsAt.Value(), EndsAt: in.EndsAt.Value(),
		Stock: model.Whole(in.Stock.Value()), PerShopper: model.Whole(in.PerShopper.Value()),
	}
	r := reading{&out.Malformed}
	out.PercentOff = r.percent("percentOff", in.PercentOff)
	out.Amounts = r.prices("amounts", in.Amounts)
	out.Scope = read[schema.Scope](r)(model.Scope("scope", in.Scope.Value()))
	return out
}

func updateCouponInput(in model.UpdateCouponInput) offers.UpdateCoupon {
	out := offers.UpdateCoupon{
		CommonChange: commonChange(id.Coupon, in.ID, in.ExpectedVersion, in.Status, in.Texts),
		Combines:     valueChange(in.Combines), StartsAt: valueChange(in.StartsAt), EndsAt: changeOf(in.EndsAt),
		Stock: mapped(in.Stock, model.Whole), PerShopper: mapped(in.PerShopper, model.Whole),
	}
	r := reading{&out.Malformed}
	out.Malformed = append(out.Malformed, refuseNulls(nullable("combines", in.Combines), nullable("startsAt", in.StartsAt))...)
	out.PercentOff = r.percentChange("percentOff", in.PercentOff)
	out.Amounts = r.priceChange("amounts", in.Amounts)
	out.Scope.Set = in.Scope.IsSet()
	out.Scope.Value = read[schema.Scope](r)(model.Scope("scope", in.Scope.Value()))
	return out
}

// archiveOfferInput reads which offer of a kind to put away.
func archiveOfferInput(kind id.Kind) func(model.ArchiveOfferInput) offers.Archive {
	return func(in model.ArchiveOfferInput) offers.Archive {
		offer, err := parseID(kind, "id", in.ID)
		return offers.Archive{ID: offer, ExpectedVersion: in.ExpectedVersion.Value(), Malformed: fault.From(err)}
	}
}

func endFlashSaleInput(in model.EndFlashSaleInput) offers.Archive {
	return archiveOfferInput(id.FlashSale)(model.ArchiveOfferInput(in))
}
