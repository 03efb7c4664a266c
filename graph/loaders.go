package graph

import (
	"context"

	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/entitlement"
)

// loaders collect what the fields of one request look up one by one, so that a list of any length costs the same number
// of queries.
type loaders struct {
	products *dataloadgen.Loader[uuid.UUID, *ent.Product]
	owned    *dataloadgen.Loader[uuid.UUID, bool]
}

type loadersKey struct{}

// WithLoaders gives a request its own loaders: what one caller may see is never kept for another.
func WithLoaders(ctx context.Context, d *db.DB) context.Context {
	return context.WithValue(ctx, loadersKey{}, &loaders{
		products: dataloadgen.NewMappedLoader(func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*ent.Product, error) {
			return catalog.ByIDs(ctx, d.Client(), ids)
		}),
		owned: dataloadgen.NewMappedLoader(func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
			shopper := actor.From(ctx).ShopperID
			goods, err := entitlement.Owned(ctx, d.Client(), []uuid.UUID{shopper}, ids)
			owned := make(map[uuid.UUID]bool, len(ids))
			for _, id := range ids {
				owned[id] = goods[entitlement.Good{ShopperID: shopper, ProductID: id}] != nil
			}
			return owned, err
		}),
	})
}

func loadersOf(ctx context.Context) *loaders {
	l, _ := ctx.Value(loadersKey{}).(*loaders)
	return l
}
