package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/graph/model"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// parseID reads an id of one kind at a field of the input.
func parseID(kind id.Kind, path, text string) (uuid.UUID, error) {
	parsed, err := id.Parse(kind, text)
	if err != nil {
		return uuid.Nil, fault.Input(path, "%s.", err)
	}
	return parsed, nil
}

// shown shows a product; nil for none.
func (r *Resolver) shown(p *ent.Product) *model.Product {
	return seen(p, func(p *ent.Product) model.Product { return model.NewProduct(p, r.Currencies) })
}

// unlessNotFound passes over the refusal that there is no such thing: nothing to see is an answer, not an error.
func unlessNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// loadProduct shows a product that the caller has bought, in whatever state it is now.
func (r *Resolver) loadProduct(ctx context.Context, product uuid.UUID) (*model.Product, error) {
	p, err := loadersOf(ctx).products.Load(ctx, product)
	if err != nil {
		return nil, err
	}
	return r.shown(p), nil
}

// productFilter reads a filter.
func productFilter(f *model.ProductFilter) (catalog.Filter, error) {
	if f == nil {
		return catalog.Filter{}, nil
	}
	var faults fault.List
	for _, bound := range []struct {
		path   string
		amount graphql.Omittable[*model.Decimal]
	}{{"filter.minPrice", f.MinPrice}, {"filter.maxPrice", f.MaxPrice}} {
		if amount := bound.amount.Value(); amount != nil {
			faults.AddIf(amount.Fault(bound.path))
		}
	}
	filter := catalog.Filter{
		Search: orZero(f.Search), Tags: f.Tags.Value(), Categories: f.Categories.Value(), Creator: orZero(f.Creator),
		Currency: orZero(f.Currency), MinPrice: amount(f.MinPrice), MaxPrice: amount(f.MaxPrice),
	}
	for _, kind := range f.Kinds.Value() {
		filter.Kinds = append(filter.Kinds, product.Kind(kind))
	}
	for _, status := range f.Statuses.Value() {
		filter.Statuses = append(filter.Statuses, product.Status(status))
	}
	return filter, faults.Err()
}

func amount(d graphql.Omittable[*model.Decimal]) *money.Amount {
	if d.Value() == nil {
		return nil
	}
	return new(d.Value().Amount())
}

// orZero is the value of a field that may be left out or null; both are the zero value.
func orZero[T any](o graphql.Omittable[*T]) T {
	if p := o.Value(); p != nil {
		return *p
	}
	var zero T
	return zero
}

// createInput reads the input of createProduct.
func createInput(in model.CreateProductInput) catalog.CreateInput {
	return catalog.CreateInput{
		Kind: product.Kind(in.Kind), Status: product.Status(in.Status), Texts: model.Texts(in.Texts), Slug: in.Slug.Value(),
		Creator: orZero(in.Creator), Tags: in.Tags, Categories: in.Categories, Media: model.MediaLinks(in.Media),
		Units: in.Units, Prices: model.Prices(in.Prices),
		PublishFrom: in.PublishFrom.Value(), PublishUntil: in.PublishUntil.Value(), Reference: in.Reference.Value(),
		Malformed: model.PriceFaults("prices", in.Prices),
	}
}

// updateInput reads the input of updateProduct: what is left out is no change. Null empties what may be empty, and is
// refused where there must be something.
func updateInput(in model.UpdateProductInput) catalog.UpdateInput {
	productID, err := parseID(id.Product, "id", in.ID)
	malformed := append(fault.From(err), model.PriceFaults("prices", in.Prices.Value())...)
	malformed = append(malformed, refuseNulls(nullable("status", in.Status), nullableList("texts", in.Texts),
		nullable("slug", in.Slug), nullable("units", in.Units))...)
	return catalog.UpdateInput{
		ID: productID, ExpectedVersion: in.ExpectedVersion.Value(),
		Status:     catalog.Change[product.Status]{Set: in.Status.IsSet(), Value: product.Status(orZero(in.Status))},
		Texts:      mapped(in.Texts, model.Texts),
		Slug:       valueChange(in.Slug),
		Creator:    valueChange(in.Creator),
		Tags:       changeOf(in.Tags),
		Categories: changeOf(in.Categories),
		Media:      mapped(in.Media, model.MediaLinks),
		Units:      valueChange(in.Units),
		Prices:     mapped(in.Prices, model.Prices),

		PublishFrom: changeOf(in.PublishFrom), PublishUntil: changeOf(in.PublishUntil),
		Malformed: malformed,
	}
}

// archiveInput reads the input of archiveProduct.
func archiveInput(in model.ArchiveProductInput) catalog.ArchiveInput {
	productID, err := parseID(id.Product, "id", in.ID)
	return catalog.ArchiveInput{ID: productID, ExpectedVersion: in.ExpectedVersion.Value(), Malformed: fault.From(err)}
}

func changeOf[T any](o graphql.Omittable[T]) catalog.Change[T] {
	return catalog.Change[T]{Set: o.IsSet(), Value: o.Value()}
}

func mapped[T, U any](o graphql.Omittable[T], read func(T) U) catalog.Change[U] {
	return catalog.Change[U]{Set: o.IsSet(), Value: read(o.Value())}
}
