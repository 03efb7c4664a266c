// Package demo sets up a small shop to look at and to try things on: books, articles, an episode series, pictures, tools
// and a game, and three shoppers with money in their wallets, one of whom has bought things before.
//
// What is sold is in the public domain or made up for the purpose; products.json holds it. Everything is done through the
// verbs of the domains, so the demonstration shop is bound by the same rules as any other, and under fixed references and
// idempotency keys, so that doing it again changes nothing.
package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// Shop is where the demonstration is set up: migrated, the accounts of the house open, and trading in USD, EUR, KRW and
// GEM, which has no decimals.
type Shop struct {
	Catalog  *catalog.Service
	Identity *identity.Service
	Wallet   *wallet.Service
	Till     *checkout.Service
	DB       *db.DB
	// Issuer is that of the tokens with which the shoppers will call; empty for tokens without one.
	Issuer string
}

// Report counts what a Seed has made; all zero when it was there already.
type Report struct {
	Products, Credits, Purchases int
}

// Seed sets up the demonstration. What is there already is left as it is, however it was changed since, and what is
// missing is added: so a run that was cut short is completed by the next one.
//
// An error means that the shop refuses a part, say because it does not trade in a currency or sells something else under
// a slug of the demonstration; what was done before it stays.
func Seed(ctx context.Context, shop Shop) (Report, error) {
	s := seeding{Shop: shop}
	if err := s.products(ctx); err != nil {
		return s.report, fmt.Errorf("setting up the demonstration's products: %w", err)
	}
	for _, who := range shoppers() {
		if err := s.shopper(ctx, who); err != nil {
			return s.report, fmt.Errorf("setting up the demonstration's %s: %w", who.subject, err)
		}
	}
	return s.report, nil
}

// Begun says whether a shop has a part of the demonstration: at least one of its products.
func Begun(ctx context.Context, client *ent.Client) (bool, error) {
	begun, err := client.Product.Query().Where(product.ReferenceHasPrefix(referencePrefix)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("looking for the demonstration: %w", err)
	}
	return begun, nil
}

// seeding is a run of Seed.
type seeding struct {
	Shop
	goods  []good
	ids    map[string]uuid.UUID // of the goods, by slug
	report Report
}

// products makes those of the goods that are not there.
func (s *seeding) products(ctx context.Context) (err error) {
	if s.goods, err = readGoods(); err != nil {
		return err
	}
	if s.ids, err = there(ctx, s.DB.Client(), s.goods); err != nil {
		return err
	}
	// The first of the file is made last, because the newest of a shop is shown first.
	for _, g := range slices.Backward(s.goods) {
		if _, ok := s.ids[g.Slug]; !ok {
			made, err := s.Catalog.Create(ctx, g.createInput())
			if err != nil {
				return fmt.Errorf("creating %s: %w", g.Slug, err)
			}
			s.ids[g.Slug] = made.ID
			s.report.Products++
		}
		if g.Status == product.StatusARCHIVED {
			if _, err := s.Catalog.Archive(ctx, s.ids[g.Slug]); err != nil {
				return fmt.Errorf("archiving %s: %w", g.Slug, err)
			}
		}
	}
	return nil
}

// there are the ids of the goods that the shop has, by slug. They are known by their references: a slug may be changed.
func there(ctx context.Context, client *ent.Client, goods []good) (map[string]uuid.UUID, error) {
	slugs, references := make(map[string]string, len(goods)), make([]string, len(goods))
	for i, g := range goods {
		references[i] = g.reference()
		slugs[g.reference()] = g.Slug
	}
	found, err := client.Product.Query().
		Where(product.ReferenceIn(references...)).
		Select(product.FieldID, product.FieldReference).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding products by reference: %w", err)
	}
	ids := make(map[string]uuid.UUID, len(goods))
	for _, p := range found {
		ids[slugs[*p.Reference]] = p.ID
	}
	return ids, nil
}

// shopper fills the wallets of a shopper and makes the purchases of their past.
func (s *seeding) shopper(ctx context.Context, who shopper) error {
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, who.subject)
	if err != nil {
		return err
	}
	for _, c := range who.credits {
		if err := s.credit(ctx, shopperID, c); err != nil {
			return fmt.Errorf("crediting %s %s: %w", c.amount, c.currency, err)
		}
	}
	ctx = actor.With(ctx, actor.Actor{Subject: who.subject, Roles: []actor.Role{actor.Shopper}, ShopperID: shopperID})
	for i, b := range who.bought {
		if err := s.buy(ctx, fmt.Sprintf("demo-%d", i+1), b); err != nil {
			return fmt.Errorf("making purchase %d: %w", i+1, err)
		}
	}
	return nil
}

// credit puts money into a wallet, once: paid for, or given by the shop when there is a reason.
func (s *seeding) credit(ctx context.Context, shopperID uuid.UUID, c credit) error {
	amount, err := money.ParseAmount(c.amount)
	if err != nil {
		return err
	}
	var receipt wallet.Receipt
	if c.reason == "" {
		receipt, err = s.Wallet.TopUp(ctx, wallet.TopUpInput{
			IdempotencyKey: "demo-" + string(c.currency), ShopperID: shopperID,
			Currency: c.currency, Amount: amount, Reference: "Demonstration",
		})
	} else {
		receipt, err = s.Wallet.Adjust(ctx, wallet.AdjustInput{
			IdempotencyKey: "demo-" + string(c.currency), ShopperID: shopperID,
			Currency: c.currency, Amount: amount, Origin: wallet.Promotional, Reason: c.reason,
		})
	}
	if err != nil {
		return err
	}
	if !receipt.Replayed {
		s.report.Credits++
	}
	return nil
}

// buy makes a purchase, once. The total is that of the file, whatever the prices are by now: a repeat must ask for the
// same thing to be known as one.
func (s *seeding) buy(ctx context.Context, key string, b basket) error {
	in := checkout.Input{IdempotencyKey: key, Basket: checkout.Basket{Currency: b.currency}}
	for _, item := range b.items {
		price, err := s.price(item.slug, b.currency)
		if err != nil {
			return err
		}
		cost, err := price.Times(item.quantity)
		if err != nil {
			return err
		}
		if in.ExpectedTotal, err = in.ExpectedTotal.Plus(cost); err != nil {
			return err
		}
		in.Basket.Items = append(in.Basket.Items, checkout.Item{ID: s.ids[item.slug], Quantity: item.quantity})
	}
	result, err := s.Till.Checkout(ctx, in)
	if err != nil {
		return err
	}
	if !result.Replayed {
		s.report.Purchases++
	}
	return nil
}

// price is what the file says that a good costs.
func (s *seeding) price(slug string, currency money.Code) (money.Amount, error) {
	for _, g := range s.goods {
		if price, sold := g.Prices[currency]; sold && g.Slug == slug {
			return money.Amount(price), nil
		}
	}
	return 0, fmt.Errorf("products.json has no price of %s in %s", slug, currency)
}
