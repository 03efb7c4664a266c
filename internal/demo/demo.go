// Package demo sets up a small shop to look at and to try things on: books, articles, an episode series, pictures, tools
// and a game, offers of every sort that began up to two weeks ago or are to come, rewards of every sort, and shoppers with
// money in their wallets, some of whom have bought things for a month.
//
// What is sold is in the public domain or made up for the purpose; products.json and offers.json hold it, rewards.json and
// the folder pictures what is earned by buying. Everything is done through the verbs of the domains, so the demonstration shop is bound by the same rules as any other, and under fixed
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
	Products, Offers, Rules, Credits, Purchases, Perks, Refunds int
}

// How the demonstration lies in time, from the full hour in which it is first set up.
const (
	day = 24 * time.Hour
	// shelved is how long before the products were put on sale: long enough for every reduction to have the 30 days before
	// it in the price history.
	shelved = 60 * day
	// arrived is how long before shoppers came: what buying earns was set up, wallets were filled, and there are purchases from
	// then on.
	arrived = 30 * day
	// planned is how long before the offers were made.
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
	s.past.to(s.since.Add(-arrived))
	if err := s.rewards(ctx); err != nil {
		return s.report, fmt.Errorf("setting up the demonstration's rewards: %w", err)
	}
	for _, who := range shoppers() {
		if err := s.credits(ctx, who); err != nil {
			return s.report, fmt.Errorf("filling the wallets of the demonstration's %s: %w", who.subject, err)
		}
		if err := s.settings(ctx, who); err != nil {
			return s.report, fmt.Errorf("making the choices of the demonstration's %s: %w", who.subject, err)
		}
	}
	if err := s.relive(ctx, func(ago time.Duration) bool { return ago > planned }); err != nil {
		return s.report, err
	}
	s.past.to(s.since.Add(-planned))
	if err := s.offers(ctx); err != nil {
		return s.report, fmt.Errorf("setting up the demonstration's offers: %w", err)
	}
	return s.report, s.relive(ctx, func(ago time.Duration) bool { return ago <= planned })
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
	rules []rulePlan
	// ids are those of goods by slug; made are the offers by English name, and ruled the rules of rewards by code.
	ids   map[string]uuid.UUID
	made  map[string]made
	ruled map[string]made
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
	if s.rules, err = readRules(); err != nil {
		return err
	}
	if s.ids, err = there(ctx, s.DB.Client(), s.goods); err != nil {
		return err
	}
	if s.made, err = offersThere(ctx, s.DB.Client()); err != nil {
		return err
	}
	if s.ruled, err = rulesThere(ctx, s.DB.Client()); err != nil {
		return err
	}
	s.since = s.Till.Clock().UTC().Truncate(time.Hour)
	for _, p := range s.rules {
		if m := s.ruled[p.Code]; !m.at.IsZero() {
			s.since = m.at.Add(arrived)
		}
	}
	// A demonstration that was set up before there were rewards keeps its time.
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

// happening is something that a shopper did, or that was done for one.
type happening struct {
	// what it is, for errors.
	what string
	at   time.Time
	do   func(ctx context.Context) error
}

// relive does what shoppers did, in the order in which it happened: what was so long ago as is wanted.
func (s *seeding) relive(ctx context.Context, wanted func(ago time.Duration) bool) error {
	var all []happening
	for _, who := range shoppers() {
		for i, b := range who.bought {
			if !wanted(b.ago) {
				continue
			}
			at, err := s.instant(ctx, b)
			if err != nil {
				return err
			}
			var bought uuid.UUID
			all = append(all, happening{
				what: fmt.Sprintf("purchase %d of the demonstration's %s", i+1, who.subject), at: at,
				do: func(ctx context.Context) (err error) { bought, err = s.buy(ctx, who, i); return err },
			})
			if b.refund.reason != "" {
				all = append(all, happening{
					what: fmt.Sprintf("the refund of purchase %d of the demonstration's %s", i+1, who.subject), at: at.Add(b.refund.after),
					do: func(ctx context.Context) error { return s.giveBack(ctx, bought, keyOf("refund", i), b.refund.reason) },
				})
			}
		}
		for i, p := range who.perks {
			if wanted(p.ago) {
				all = append(all, happening{
					what: fmt.Sprintf("perk %d of the demonstration's %s", i+1, who.subject), at: s.since.Add(-p.ago),
					do: func(ctx context.Context) error { return s.redeem(ctx, who, i) },
				})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, h := range all {
		s.past.to(h.at)
		if err := h.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", h.what, err)
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

// keyOf is the idempotency key of the n-th of something, counted from 0.
func keyOf(what string, n int) string { return fmt.Sprintf("demo-%s-%d", what, n+1) }

// buy makes the n-th purchase of a shopper, once, and says which it is. The total is that of the demonstration, whatever
// the prices are by now: a repeat must ask for the same thing to be known as one.
func (s *seeding) buy(ctx context.Context, who shopper, n int) (uuid.UUID, error) {
	shopperID, err := s.Identity.Shopper(ctx, s.Issuer, who.subject)
	if err != nil {
		return uuid.Nil, err
	}
	b := who.bought[n]
	in := checkout.Input{IdempotencyKey: fmt.Sprintf("demo-%d", n+1), Basket: checkout.Basket{
		Currency: b.currency, RedeemPoints: money.Amount(b.points) * money.Unit,
	}}
	if in.ExpectedTotal, err = money.ParseAmount(b.total); err != nil {
		return uuid.Nil, err
	}
	for _, item := range b.items {
		id := s.ids[item.name]
		if offer, ok := s.made[item.name]; ok {
			id = offer.id
		}
		in.Basket.Items = append(in.Basket.Items, checkout.Item{ID: id, Quantity: cmp.Or(item.quantity, 1)})
	}
	result, err := s.past.Till.Checkout(as(ctx, who.subject, shopperID), in)
	if err != nil {
		return uuid.Nil, err
	}
	if !result.Replayed {
		s.report.Purchases++
	}
	return result.Purchase.ID, nil
}

// giveBack refunds a purchase, once, as the demonstration's support.
func (s *seeding) giveBack(ctx context.Context, bought uuid.UUID, key, reason string) error {
	ctx = actor.With(ctx, actor.Actor{Subject: support, Roles: []actor.Role{actor.Support}})
	refunded, err := s.past.Till.Refund(ctx, checkout.RefundInput{IdempotencyKey: key, PurchaseID: bought, Reason: reason})
	if err != nil {
		return err
	}
	if !refunded.Replayed {
		s.report.Refunds++
	}
	return nil
}
