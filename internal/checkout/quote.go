package checkout

import (
	"context"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// Quote is what a basket costs, and what that means for whoever asks.
type Quote struct {
	Pricing
	// Balance is what is in the shopper's wallet; nil for a visitor.
	Balance *money.Amount
	// Shortfall is what is missing in it; nil for a visitor and when nothing is.
	Shortfall *money.Amount
	// Points and Badges are what the purchase would earn.
	Points money.Amount
	Badges []rewards.Badge
}

// Quote says what a basket costs the caller now. Visitors may ask too.
func (s *Service) Quote(ctx context.Context, basket Basket) (*Quote, error) {
	var faults fault.List
	basket.validate(&faults, s.Currencies)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	client, shopper, now := s.db.Client(), actor.From(ctx).ShopperID, s.now()
	var shoppers []uuid.UUID
	if shopper != uuid.Nil {
		shoppers = append(shoppers, shopper)
	}
	products := ids(basket.Items, func(i Item) []uuid.UUID { return []uuid.UUID{i.ID} })
	st := &state{now: now, currencies: s.Currencies, rules: s.Rules}
	var err error
	if st.products, err = catalog.ByIDs(ctx, client, products); err != nil {
		return nil, err
	}
	if st.owned, err = held.Owned(ctx, client, shoppers, products); err != nil {
		return nil, err
	}
	if len(shoppers) > 0 {
		if st.book, err = wallet.Load(ctx, client, now, shoppers...); err != nil {
			return nil, err
		}
		if st.badges, err = rewards.HeldBy(ctx, client, shoppers...); err != nil {
			return nil, err
		}
		if st.ordinals, err = lastOrdinals(ctx, client, shoppers); err != nil {
			return nil, err
		}
	}
	pricing, err := price(basket, s.Currencies.Of(basket.Currency), shelf{
		products: st.products,
		owned:    func(id uuid.UUID) *ent.Entitlement { return st.owned[held.Good{ShopperID: shopper, ProductID: id}] },
	}, now)
	if err != nil {
		return nil, tooDear()
	}
	return st.quote(pricing, shopper), nil
}

// quote adds to a pricing what it means for a shopper; uuid.Nil is a visitor.
func (st *state) quote(pricing Pricing, shopper uuid.UUID) *Quote {
	q := &Quote{Pricing: pricing}
	spent := wallet.Origins{Paid: pricing.Total}
	if shopper != uuid.Nil {
		there := st.holds(shopper, pricing.Currency.Code)
		q.Balance = new(there.Total())
		if missing := pricing.Total - there.Total(); missing > 0 {
			q.Shortfall = &missing
			there.Paid += missing // it would have to be topped up, and a top-up is paid for
		}
		spent = there.Take(pricing.Total)
		q.Badges = rewards.Earned(st.ordinals[shopper]+1, func(code string) bool {
			return st.badges[rewards.Held{ShopperID: shopper, Badge: code}]
		})
	}
	// Points of an amount that fits are an amount that fits, or the purchase itself will be refused: none to show then.
	if points, err := st.rules.Points(money.Money{Amount: spent.Paid, Currency: pricing.Currency}); err == nil {
		q.Points = points
	}
	return q
}
