package graph

import (
	"context"
	"errors"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vikstrous/dataloadgen"

	"farthing/ent"
	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
)

// loaders collect what the fields of one answer look up one by one, so that a list of any length costs the same number
// of queries.
type loaders struct {
	products *dataloadgen.Loader[uuid.UUID, *ent.Product]
	bundles  *dataloadgen.Loader[uuid.UUID, *ent.Bundle]
	trials   *dataloadgen.Loader[uuid.UUID, *ent.TrialOffer]
	sales    *dataloadgen.Loader[uuid.UUID, *ent.FlashSale]
	plans    *dataloadgen.Loader[uuid.UUID, *ent.TierPlan]
	coupons  *dataloadgen.Loader[uuid.UUID, *ent.Coupon]
	// rewardRules are rules as merchandisers see them.
	rewardRules *dataloadgen.Loader[uuid.UUID, *ent.RewardRule]

	// facts are what things cost the caller, and what is the caller's: one read for all prices, owned and used of a page.
	facts *dataloadgen.Loader[uuid.UUID, *checkout.Facts]
	// lowest are prices of the 30 days before a sale. They are read for those alone whose client asks for them.
	lowest *dataloadgen.Loader[offers.Anchor, money.Amount]
	// histories are the latest steps of prices.
	histories *dataloadgen.Loader[history, []*ent.PriceChange]
	// stocks are what has been taken of a window of an offer, sold that of all its windows.
	stocks *dataloadgen.Loader[offers.Round, *ent.OfferStock]
	sold   *dataloadgen.Loader[uuid.UUID, int64]

	// rules are those that rewards are shown by, read once and only if anybody asks.
	rules model.Rulebook
	// earned is what purchases earned, and points what shoppers have now.
	earned *dataloadgen.Loader[uuid.UUID, *ent.RewardEntry]
	points *dataloadgen.Loader[uuid.UUID, money.Amount]
	// vicinities are where the caller is on leaderboards.
	vicinities *dataloadgen.Loader[boardPeriod, vicinity]
}

// newLoaders makes loaders for one answer to one caller: what a caller may see is never kept for another, nor for longer.
func (r *Resolver) newLoaders() *loaders {
	return &loaders{
		products: byID(r, catalog.ByIDs),
		bundles:  byID(r, offers.BundlesByIDs),
		trials:   byID(r, offers.TrialOffersByIDs),
		sales:    byID(r, offers.FlashSalesByIDs),
		plans:    byID(r, offers.TierPlansByIDs),
		coupons:  byID(r, offers.CouponsByIDs),

		rewardRules: byID(r, rewards.RulesByIDs),
		facts: dataloadgen.NewMappedLoader(func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*checkout.Facts, error) {
			facts, err := r.Till.Facts(ctx, actor.From(ctx).ShopperID, ids, model.Merchandises(ctx))
			of := make(map[uuid.UUID]*checkout.Facts, len(ids))
			for _, id := range ids {
				of[id] = facts
			}
			return of, err
		}),
		lowest:    byID(r, r.Offers.Lowest),
		histories: byID(r, readHistories),
		stocks:    byID(r, offers.Stocks),
		sold:      byID(r, offers.Sold),

		rules:      r.onceAnAnswer(),
		earned:     byID(r, rewards.EntriesOf),
		points:     byID(r, r.balances),
		vicinities: byID(r, r.vicinities),
	}
}

// onceAnAnswer reads the rules when they are first asked for, and gives the same ones from then on.
func (r *Resolver) onceAnAnswer() model.Rulebook {
	var (
		once sync.Once
		book *earning.Rulebook
		err  error
	)
	return func(ctx context.Context) (*earning.Rulebook, error) {
		once.Do(func() { book, err = r.Rewards.Rulebooks.Current(ctx) })
		return book, err
	}
}

// history names the latest steps of a thing's price in a currency.
type history struct {
	thing    uuid.UUID
	currency money.Code
	first    int
}

// readHistories reads price histories, those that differ in the thing alone together.
func readHistories(ctx context.Context, client *ent.Client, wanted []history) (map[history][]*ent.PriceChange, error) {
	things := map[history][]uuid.UUID{}
	for _, h := range wanted {
		alike := history{currency: h.currency, first: h.first}
		things[alike] = append(things[alike], h.thing)
	}
	found, failed := make(map[history][]*ent.PriceChange, len(wanted)), dataloadgen.MappedFetchError[history]{}
	for alike, ids := range things {
		steps, err := catalog.PriceHistories(ctx, client, ids, alike.currency, alike.first)
		for _, id := range ids {
			of := history{id, alike.currency, alike.first}
			found[of] = steps[id]
			if err != nil {
				failed[of] = err
			}
		}
	}
	if len(failed) > 0 {
		return found, failed // a wrong first is the fault of those who ask for it
	}
	return found, nil
}

// byID makes a loader of a read.
func byID[K comparable, V any](
	r *Resolver, read func(context.Context, *ent.Client, []K) (map[K]V, error),
) *dataloadgen.Loader[K, V] {
	return dataloadgen.NewMappedLoader(func(ctx context.Context, keys []K) (map[K]V, error) {
		return read(ctx, r.DB.Client(), keys)
	})
}

// find gives what a loader has read, and the zero value when there is nothing.
func find[K comparable, V any](ctx context.Context, loader *dataloadgen.Loader[K, V], key K) (V, error) {
	value, err := loader.Load(ctx, key)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		var none V
		return none, nil
	}
	return value, err
}

// findAll gives what a loader has read for some keys, in their order, without those that there is nothing for.
func findAll[K comparable, V any](ctx context.Context, loader *dataloadgen.Loader[K, V], keys []K) ([]V, error) {
	waiting := make([]func() (V, error), len(keys))
	for i, key := range keys {
		waiting[i] = loader.LoadThunk(ctx, key)
	}
	found := make([]V, 0, len(keys))
	for _, wait := range waiting {
		value, err := wait()
		switch {
		case errors.Is(err, dataloadgen.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			found = append(found, value)
		}
	}
	return found, nil
}

type loadersKey struct{}

func loadersOf(ctx context.Context) *loaders {
	of, _ := ctx.Value(loadersKey{}).(func() *loaders)
	return of()
}

// Loading gives every operation its own loaders; and every event of a subscription, which may run for hours, and every
// field of a mutation, which must not see what was read before its change.
type Loading struct{ Resolver *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
	graphql.RootFieldInterceptor
} = Loading{}

// ExtensionName names the extension.
func (Loading) ExtensionName() string { return "Loading" }

// Validate has nothing to check.
func (Loading) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation is called once for each operation.
func (l Loading) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	return next(l.with(ctx))
}

// InterceptResponse is called for each answer, before it is waited for.
func (l Loading) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if isA(ctx, ast.Subscription) {
		ctx = l.with(ctx)
	}
	return next(ctx)
}

// InterceptRootField is called for each field of a query or mutation; those of a mutation come one after the other.
func (l Loading) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	if isA(ctx, ast.Mutation) {
		ctx = l.with(ctx)
	}
	return next(ctx)
}

// isA says what kind of operation a context belongs to.
func isA(ctx context.Context, kind ast.Operation) bool {
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && op.Operation == kind
}

func (l Loading) with(ctx context.Context) context.Context {
	// Many an answer to a mutation looks nothing up.
	return context.WithValue(ctx, loadersKey{}, sync.OnceValue(l.Resolver.newLoaders))
}
