// Package catalog is what is sold: products with their texts in several languages, prices in several currencies, labels
// and publish windows; how they are set up, found and imported.
//
// It promises:
//
//   - Whatever is stored has been checked. A refusal names everything that is wrong at once, each at its field.
//   - A change, its audit entry (rule 29), its steps of the price history (rule 19) and its search terms are written in
//     one transaction. A change that changes nothing writes nothing.
//   - Nobody overwrites another's change unseen: a product is locked while it is changed, and whoever says which version
//     they have read is refused when that is not the current one.
//   - Products are archived, never deleted, and an archived one never comes back: what was sold keeps its row.
//   - Visitors see what is on sale at the instant of asking, [publishFrom, publishUntil). No job opens or closes windows.
//
// Verbs do not ask for roles: the schema declares them, and the door checks. What differs for a merchandiser, seeing
// drafts and archived products, is an argument.
package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/price"
	"farthing/ent/product"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/recent"
)

// Service has the verbs of the catalogue. It is safe for use by many goroutines.
type Service struct {
	db         *db.DB
	currencies *money.Currencies
	clock      func() time.Time
	// Delay is how old a page may be that somebody is shown who is not a merchandiser; zero for not at all.
	Delay time.Duration
	pages *recent.Values[string, page.Page[*ent.Product]]
}

// keptPages is how many pages are kept for those to whom they may be shown again.
const keptPages = 64

// New makes the service. The clock tells the current instant; currencies are those that prices may be in.
func New(d *db.DB, currencies *money.Currencies, clock func() time.Time) *Service {
	return &Service{
		db: d, currencies: currencies, clock: clock, pages: recent.New[string, page.Page[*ent.Product]](keptPages, clock),
	}
}

// Change is a field of an update: left alone unless Set. The zero Value empties the field; one that may not be empty is
// refused like any other wrong value.
type Change[T any] struct {
	Set   bool
	Value T
}

// To is the change of a field to a value.
func To[T any](value T) Change[T] { return Change[T]{Set: true, Value: value} }

// ByID finds a product and its prices. The error is a NOT_FOUND fault when there is none.
func ByID(ctx context.Context, client *ent.Client, id uuid.UUID) (*ent.Product, error) {
	return only(ctx, client.Product.Query().Where(product.ID(id)))
}

// BySlug finds a product and its prices by its name in addresses. The error is a NOT_FOUND fault when there is none.
func BySlug(ctx context.Context, client *ent.Client, slug string) (*ent.Product, error) {
	if !IsSlug(slug) {
		return nil, notFound() // and PostgreSQL is not asked about text that it cannot hold
	}
	return only(ctx, client.Product.Query().Where(product.Slug(slug)))
}

// ByIDs finds products and their prices, in two queries however many there are. Those that are not there are not in the
// result. There may be at most 30,000 ids.
func ByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.Product, error) {
	found, err := client.Product.Query().Where(product.IDIn(ids...)).WithPrices(inOrder).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding products: %w", err)
	}
	products := make(map[uuid.UUID]*ent.Product, len(found))
	for _, p := range found {
		products[p.ID] = p
	}
	return products, nil
}

// OnSale says whether the product can be bought at an instant: it is ACTIVE and the instant is in its window.
func OnSale(p *ent.Product, now time.Time) bool {
	return p.Status == product.StatusACTIVE &&
		(p.PublishFrom == nil || !now.Before(*p.PublishFrom)) &&
		(p.PublishUntil == nil || now.Before(*p.PublishUntil))
}

// VisibleTo says whether the product is shown in the catalogue: to merchandisers always, to everybody else while it is
// on sale.
func VisibleTo(p *ent.Product, merchandiser bool, now time.Time) bool {
	return merchandiser || OnSale(p, now)
}

func only(ctx context.Context, query *ent.ProductQuery) (*ent.Product, error) {
	p, err := query.WithPrices(inOrder).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("finding a product: %w", err)
	}
	return p, nil
}

func notFound() error { return fault.New(fault.NotFound, "There is no such product.") }

func inOrder(q *ent.PriceQuery) { q.Order(price.ByCurrency()) }

// now is the one instant of a change, in the precision that both stores keep.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }
