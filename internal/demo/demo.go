// Package demo sets up a small shop to look at and to try things on: books, articles, an episode series, pictures, tools
// and a game, offers of every sort that began up to two weeks ago or are to come, and shoppers with money in their wallets,
// some of whom have bought things before.
//
// What is sold is in the public domain or made up for the purpose; products.json and offers.json hold it. Everything is
// done through the verbs of the domains, so the demonstration shop is bound by the same rules as any other, and under fixed
// references, names and idempotency keys, so that doing it again changes nothing. What is past is done by services whose
// clock stands there.
package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

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
	DB       *db.DB
	Identity *identity.Service
	// Till is the shop's own; the demonstration has its currencies and rules, and its clock, seen from the past.
	Till *checkout.Service
	// Issuer is that of the tokens with which the shoppers will call; empty for tokens without one.
	Issuer string
}

// Report counts what a Seed has made; all zero when it was there already.
type Report struct {
	Products, Offers, Credits, Purchases int
}

// How the demonstration lies in time, from the full hour in which it is first set up.
const (
	day = 24 * time.Hour
	// shelved is how long before the products were put on sale: long enough for every reduction to have the 30 days before
	// it in the price history.
	shelved = 60 * day
	// planned is how long before the offers were made, and shoppers filled their wallets.
	planned = 14 * day
)

// Seed sets up the demonstration. What is there already is left as it is, however it was changed since, and what is
// missing is added: so a run that was cut short is completed by the next one.
//
// An error means that the shop refuses a part, say because it does not trade in a currency or sells something else under
// a slug of the demonstration; what was done before it stays.
func Seed(ctx context.Context, shop Shop) (Report, error) {
	s := seeding{Shop: shop}
	if err := s.look(ctx); err != nil {
		return s.report, err
	}
	s.past = openPast(shop)
	defer s.past.Till.Close()
	s.past.to(s.since.Add(-shelved))
	if err := s.products(ctx); err != nil {
		return s.report, fmt.Errorf("setting up the demonstration's products: %w", err)
	}
	s.past.to(s.since.Add(-planned))
	if err := s.offers(ctx); err != nil {
		return s.report, fmt.Errorf("setting up the demonstration's offers: %w", err)
	}
	for _, who := range shoppers() {
		if err := s.credits(ctx, who); err != nil {
			return s.report, fmt.Errorf("filling the wallets of the demonstration's %s: %w", who.subject, err)
		}
	}
	return s.report, s.purchases(ctx)
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

	goods []good
	plans plans
	// ids are those of goods by slug; made are the offers by English name.
	ids  map[string]uuid.UUID
	made map[string]made
	// since is the full hour in which the demonstration was first set up.
	since  time.Time
	past   past
	report Report
}

// look reads what there is to be and what is there.
func (s *seeding) look(ctx context.Context) (err error) {
	if s.goods, err = readGoods(); err != nil {
		return err
	}
	if s.plans, err = readPlans(); err != nil {
		return err
	}
	if s.ids, err = there(ctx, s.DB.Client(), s.goods); err != nil {
		return err
	}
	if s.made, err = offersThere(ctx, s.DB.Client()); err != nil {
		return err
	}
	s.since = s.Till.Clock().UTC().Truncate(time.Hour)
	for _, name := range s.plans.names() {
		if m, ok := s.made[name]; ok {
			s.since = m.at.Add(planned)
		}
	}
	return nil
}

// products makes those of the goods that are not there.
func (s *seeding) products(ctx context.Context) error {
	// The first of the file is made last, because the newest of a shop is shown first.
	for _, g := range slices.Backward(s.goods) {
		if _, ok := s.ids[g.Slug]; !ok {
			made, err := s.past.Catalog.Create(ctx, g.createInput())
			if err != nil {
				return fmt.Errorf("creating %s: %w", g.Slug, err)
			}
			s.ids[g.Slug] = made.ID
			s.report.Products++
		}
		if g.Status == product.StatusARCHIVED {
			if _, err := s.past.Catalog.Archive(ctx, catalog.ArchiveInput{ID: s.ids[g.Slug]}); err != nil {
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

// credits fills the wallets of a shopper.
func (s *seeding) credits(ctx context.Context, who shopper) error {
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, who.subject)
	if err != nil {
		return err
	}
	for _, c := range who.credits {
		if err := s.credit(ctx, shopperID, c); err != nil {
			return fmt.Errorf("crediting %s %s: %w", c.amount, c.currency, err)
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
		receipt, err = s.past.Wallet.TopUp(ctx, wallet.TopUpInput{
			IdempotencyKey: "demo-" + string(c.currency), ShopperID: shopperID,
			Currency: c.currency, Amount: amount, Reference: "Demonstration",
		})
	} else {
		receipt, err = s.past.Wallet.Adjust(ctx, wallet.AdjustInput{
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

// purchase is one to make.
type purchase struct {
	basket

	subject, key string
	at           time.Time
}

// purchases makes the purchases of all shoppers, in the order in which they happened.
func (s *seeding) purchases(ctx context.Context) error {
	var all []purchase
	for _, who := range shoppers() {
		for i, b := range who.bought {
			at, err := s.instant(ctx, b)
			if err != nil {
				return err
			}
			all = append(all, purchase{basket: b, subject: who.subject, key: fmt.Sprintf("demo-%d", i+1), at: at})
		}
	}
	slices.SortStableFunc(all, func(a, b purchase) int { return a.at.Compare(b.at) })
	for _, p := range all {
		if err := s.buy(ctx, p); err != nil {
			return fmt.Errorf("making purchase %s of the demonstration's %s: %w", p.key, p.subject, err)
		}
	}
	return nil
}

// instant is when a basket was bought.
func (s *seeding) instant(ctx context.Context, b basket) (time.Time, error) {
	if b.during == "" {
		return s.since.Add(-b.ago), nil
	}
	sale, err := s.DB.Client().FlashSale.Get(ctx, s.made[b.during].id)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the flash sale %q: %w", b.during, err)
	}
	return lastWindow(sale, s.since).Add(b.ago), nil
}

// buy makes a purchase, once. The total is that of the demonstration, whatever the prices are by now: a repeat must ask for
// the same thing to be known as one.
func (s *seeding) buy(ctx context.Context, p purchase) error {
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, p.subject)
	if err != nil {
		return err
	}
	in := checkout.Input{IdempotencyKey: p.key, Basket: checkout.Basket{Currency: p.currency}}
	if in.ExpectedTotal, err = money.ParseAmount(p.total); err != nil {
		return err
	}
	for _, item := range p.items {
		id := s.ids[item.name]
		if offer, ok := s.made[item.name]; ok {
			id = offer.id
		}
		in.Basket.Items = append(in.Basket.Items, checkout.Item{ID: id, Quantity: cmp.Or(item.quantity, 1)})
	}
	s.past.to(p.at)
	ctx = actor.With(ctx, actor.Actor{Subject: p.subject, Roles: []actor.Role{actor.Shopper}, ShopperID: shopperID})
	result, err := s.past.Till.Checkout(ctx, in)
	if err != nil {
		return err
	}
	if !result.Replayed {
		s.report.Purchases++
	}
	return nil
}
