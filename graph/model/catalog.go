package model

import (
	"context"
	"strconv"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/page"
)

// Product shows a product, whose prices have been read with it. What it costs a viewer is a resolver's.
type Product struct {
	*ent.Product
	currencies *money.Currencies
}

// NewProduct shows a product.
func NewProduct(p *ent.Product, currencies *money.Currencies) Product {
	return Product{Product: p, currencies: currencies}
}

// IsNode marks a thing that has an id.
func (Product) IsNode() {}

// IsPurchasable marks a thing that can be in a basket.
func (Product) IsPurchasable() {}

// ID is the product's id on the outside.
func (p Product) ID() string { return id.Encode(id.Product, p.Product.ID) }

// Kind is what a purchase gives.
func (p Product) Kind() ProductKind { return ProductKind(p.Product.Kind) }

// Status is where the product is in its life.
func (p Product) Status() ProductStatus { return ProductStatus(p.Product.Status) }

// Name is what it is called in the best of the wanted languages.
func (p Product) Name(languages []string) string { return catalog.TextIn(p.Product, languages).Name }

// Description describes it in the best of the wanted languages.
func (p Product) Description(languages []string) string {
	return catalog.TextIn(p.Product, languages).Description
}

// Languages are those there are texts in, the product's own first.
func (p Product) Languages() []string { return catalog.Languages(p.Product) }

// Creator is the credit line, nil when unknown.
func (p Product) Creator() *string { return orNil(p.Product.Creator) }

// Media are the links.
func (p Product) Media() []Media {
	list := make([]Media, len(p.Product.Media))
	for i, m := range p.Product.Media {
		list[i] = Media{Kind: MediaKind(m.Kind), URL: m.URL, Alt: m.Alt}
	}
	return list
}

// Reference is the product's name in the system it was imported from, for merchandisers.
func (p Product) Reference(ctx context.Context) *string {
	if !Merchandises(ctx) {
		return nil
	}
	return p.Product.Reference
}

// Merchandises says whether the caller sets up what is sold, and so sees more of it than a shopper.
func Merchandises(ctx context.Context) bool {
	return actor.From(ctx).Has(actor.Merchandiser, actor.Admin)
}

// ProductConnection is a page of products.
type ProductConnection struct {
	connection[ProductEdge, Product]
}

// ProductEdge is a product in a page.
type ProductEdge struct {
	Cursor string
	Node   Product
}

// NewProducts shows a page of products.
func NewProducts(
	p page.Page[*ent.Product], count func(context.Context) (int, error), currencies *money.Currencies,
) ProductConnection {
	return ProductConnection{connect(p, count,
		func(row *ent.Product) Product { return NewProduct(row, currencies) },
		func(cursor string, node Product) ProductEdge { return ProductEdge{cursor, node} },
	)}
}

// Texts reads the texts of an input.
func Texts(input []ProductTextInput) []catalog.Text {
	list := make([]catalog.Text, len(input))
	for i, text := range input {
		list[i] = catalog.Text{Language: text.Language, Name: text.Name, Description: text.Description}
	}
	return list
}

// Prices reads the prices of an input.
func Prices(input []PriceInput) []catalog.Price {
	list := make([]catalog.Price, len(input))
	for i, price := range input {
		list[i] = catalog.Price{Currency: price.Currency, Amount: price.Amount.Amount()}
	}
	return list
}

// PriceFaults are the amounts among the prices of an input that cannot be read. The path is that of the list.
func PriceFaults(path string, input []PriceInput) fault.List {
	var faults fault.List
	for i, price := range input {
		faults.AddIf(price.Amount.Fault(path + "." + strconv.Itoa(i) + ".amount"))
	}
	return faults
}

// MediaLinks reads the media of an input.
func MediaLinks(input []MediaInput) []schema.Media {
	list := make([]schema.Media, len(input))
	for i, m := range input {
		list[i] = schema.Media{Kind: string(m.Kind), URL: m.URL, Alt: m.Alt}
	}
	return list
}

// orNil gives nil for an empty text, and for no number.
func orNil[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
