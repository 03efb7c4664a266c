package checkout

import (
	"context"
	"fmt"
	"sync"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/flashsale"
	"farthing/ent/offeruse"
	"farthing/ent/trial"
	"farthing/internal/db"
	held "farthing/internal/entitlement"
	"farthing/internal/money"
	"farthing/internal/offers"
)

// shelf is what the catalogue shows to everybody for a moment (Config.Delay): the offers and how much is left of them at
// one instant, and what products cost a visitor.
type shelf struct {
	visitors known

	mu     sync.Mutex
	prices map[shelfPrice]*ItemPrice
}

// shelfPrice names a price on a shelf.
type shelfPrice struct {
	thing    uuid.UUID
	currency money.Code
}

// recentFacts are Facts whose catalogue may be a moment old. What is the shopper's own is read now.
func (s *Service) recentFacts(ctx context.Context, shopper uuid.UUID, things []uuid.UUID) (*Facts, error) {
	client := s.db.Client()
	on, err := s.onShelf(ctx, client)
	if err != nil {
		return nil, err
	}
	needed := on.visitors.board.Needed(things)
	k := on.visitors
	if k.products, err = s.Offers.Boards.Products(ctx, k.board, needed); err != nil {
		return nil, err
	}
	f := &Facts{known: &k, shopper: shopper, currencies: s.Currencies, shelf: on}
	if shopper == uuid.Nil {
		return f, nil
	}
	rounds := k.capped()
	repeated := db.Repeated(ctx)
	own, err := s.readOwn(repeated, client, shopper, needed, rounds)
	if err != nil {
		return nil, err
	}
	k.owned = own.owned
	shoppers := []uuid.UUID{shopper}
	if own.tried {
		if k.trials, err = held.Trials(repeated, client, shoppers, needed); err != nil {
			return nil, err
		}
		past := make([]uuid.UUID, 0, len(k.trials))
		for _, trial := range k.trials {
			past = append(past, trial.OfferID)
		}
		if k.past, err = offers.TrialOffersByIDs(ctx, client, past); err != nil {
			return nil, err
		}
	}
	if own.taken {
		k.uses, err = offers.Uses(repeated, client, shoppers, rounds)
	}
	return f, err
}

// own is what of some things is a shopper's own.
type own struct {
	// owned are the goods that the shopper owns, with nothing of the entitlements but whose and for what they are.
	owned map[held.Good]*ent.Entitlement
	// tried and taken say whether there are trials of the products, and units taken of the windows of sales, at all.
	tried, taken bool
}

// readOwn reads it by one statement, since for most shoppers there is nothing more to read.
func (s *Service) readOwn(
	ctx context.Context, client *ent.Client, shopper uuid.UUID, products []uuid.UUID, rounds []offers.Round,
) (own, error) {
	build := sql.Dialect(s.db.Dialect())
	of := func(name, column, what string, ids []uuid.UUID) *sql.Selector {
		table := build.Table(name)
		rows := build.Select(table.C(column)).From(table).AppendSelectExpr(sql.Raw(what)).Where(sql.EQ(table.C("shopper_id"), shopper))
		db.AnyOf(column, ids)(rows)
		return rows
	}
	sales := make([]uuid.UUID, len(rounds))
	for i, round := range rounds {
		sales[i] = round.Offer
	}
	goods := of(entitlement.Table, entitlement.FieldProductID, "'owned'", products)
	goods.Where(sql.And(
		sql.EQ(goods.C(entitlement.FieldKind), entitlement.KindDURABLE), sql.EQ(goods.C(entitlement.FieldStatus), entitlement.StatusACTIVE),
	)).UnionAll(of(trial.Table, trial.FieldProductID, "'tried'", products))
	if len(sales) > 0 {
		goods.UnionAll(of(offeruse.Table, offeruse.FieldOfferID, "'taken'", sales))
	}
	query, args := goods.Query()
	rows, err := client.QueryContext(ctx, query, args...)
	if err != nil {
		return own{}, fmt.Errorf("read what is a shopper's own: %w", err)
	}
	defer func() { _ = rows.Close() }()
	found := own{owned: map[held.Good]*ent.Entitlement{}}
	for rows.Next() {
		var thing uuid.UUID
		var what string
		if err := rows.Scan(&thing, &what); err != nil {
			return own{}, fmt.Errorf("read what is a shopper's own: %w", err)
		}
		switch what {
		case "owned":
			found.owned[held.Good{ShopperID: shopper, ProductID: thing}] = &ent.Entitlement{ShopperID: shopper, ProductID: thing}
		case "tried":
			found.tried = true
		case "taken":
			found.taken = true
		}
	}
	if err := rows.Err(); err != nil {
		return own{}, fmt.Errorf("read what is a shopper's own: %w", err)
	}
	return found, nil
}

// onShelf is the shelf of the moment.
func (s *Service) onShelf(ctx context.Context, client *ent.Client) (*shelf, error) {
	on, ok := s.shelf.Get(struct{}{}, s.Delay)
	if ok {
		return on, nil
	}
	asked := s.Clock()
	board, err := s.Offers.Boards.Current(ctx)
	if err != nil {
		return nil, err
	}
	on = &shelf{visitors: known{now: s.now(), board: board}, prices: map[shelfPrice]*ItemPrice{}}
	everything := on.visitors.limitsOf(func(*ent.FlashSale) bool { return true })
	if err := on.visitors.readTaken(ctx, client, everything, nil); err != nil {
		return nil, err
	}
	s.shelf.Put(struct{}{}, asked, on)
	return on, nil
}

// capped are the windows of sales of which a shopper gets only so many units. How many a shopper has had of others decides
// nothing.
func (k *known) capped() []offers.Round {
	var rounds []offers.Round
	for _, sale := range k.board.Sales {
		if sale.Status != flashsale.StatusACTIVE || sale.PerShopper == nil {
			continue
		}
		if window, ok := offers.WindowOf(sale, k.now); ok && window.Contains(k.now) {
			rounds = append(rounds, offers.Round{Offer: sale.ID, Round: window.Round})
		}
	}
	return rounds
}

// likeAnybody says whether a thing costs the viewer what it costs every visitor: it is a product, and the viewer does not own
// it, has not tried it, and has taken nothing of a sale of which one gets only so many units.
func (f *Facts) likeAnybody(thing uuid.UUID) bool {
	good := held.Good{ShopperID: f.shopper, ProductID: thing}
	return f.products[thing] != nil && len(f.uses) == 0 && f.owned[good] == nil && f.trials[good] == nil
}

// price is what one of a product costs a visitor, of those that some facts are about.
func (on *shelf) price(f *Facts, thing uuid.UUID, code money.Code) *ItemPrice {
	at := shelfPrice{thing, code}
	on.mu.Lock()
	price, priced := on.prices[at]
	on.mu.Unlock()
	if priced {
		return price
	}
	visitors := on.visitors // and nothing that is known of a shopper
	visitors.products = f.products
	price = (&Facts{known: &visitors, currencies: f.currencies}).Price(thing, code)
	on.mu.Lock()
	defer on.mu.Unlock()
	on.prices[at] = price
	return price
}
