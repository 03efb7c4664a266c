package offers

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/pricechange"
	"farthing/ent/product"
	"farthing/ent/salechange"
	"farthing/internal/money"
	"farthing/internal/pricing"
)

// lookedBack is how long before a reduction the lowest price is looked for (rule 19): 30 days, as the law of the European
// Union has it (Directive 98/6/EC, article 6a).
const lookedBack = 30 * 24 * time.Hour

// Anchor asks for the lowest price of a product, or of a bundle with a price of its own, in a currency before the beginning of
// a reduction.
type Anchor struct {
	// Product is the id of either.
	Product  uuid.UUID
	Currency money.Code
	// Start is the first instant of the reduction.
	Start time.Time
}

// Lowest finds the lowest price that everybody could have bought one unit of a product for in the 30 days before a reduction
// began: [Start − 30 days, Start). Anchors of products that were not sold in the currency in any of these days are not in
// the result.
//
// It counts list prices, from when they were set, also before the product was on show, and flash sales as they were at
// the time, on what the product's labels are now. A sale counts to the end of its window, also when it was sold out or
// closed before, and drafts do not count. Bundles, coupons and prices by quantity do not, since they are not the price of
// one unit for everybody.
//
// It takes two statements however many anchors there are, and a third one when a sale goes by tags or categories.
func (s *Service) Lowest(ctx context.Context, client *ent.Client, asked []Anchor) (map[Anchor]money.Amount, error) {
	if len(asked) == 0 {
		return map[Anchor]money.Amount{}, nil
	}
	span := Window{Start: asked[0].Start, End: asked[0].Start}
	products, currencies := map[uuid.UUID]bool{}, map[money.Code]bool{}
	for _, a := range asked {
		span.Start, span.End = earlier(span.Start, a.Start), later(span.End, a.Start)
		products[a.Product], currencies[a.Currency] = true, true
	}
	span.Start = span.Start.Add(-lookedBack)
	ids := slices.Collect(maps.Keys(products))

	prices, err := priceSteps(ctx, client, ids, slices.Collect(maps.Keys(currencies)), span)
	if err != nil {
		return nil, err
	}
	reductions, err := pastReductions(ctx, client, span)
	if err != nil {
		return nil, err
	}
	rows, err := labelled(ctx, client, ids, reductions)
	if err != nil {
		return nil, err
	}

	lowest := make(map[Anchor]money.Amount, len(asked))
	for _, a := range asked {
		days := Window{Start: a.Start.Add(-lookedBack), End: a.Start}
		for _, step := range prices[a.Product][a.Currency] {
			for _, price := range step.pricesWithin(days, rows[a.Product], reductions, s.currencies.Of(a.Currency)) {
				if least, ok := lowest[a]; !ok || price < least {
					lowest[a] = price
				}
			}
		}
	}
	return lowest, nil
}

// listed is a list price while it was in force.
type listed struct {
	Window

	price money.Amount
}

// pricesWithin are the list price, if it was in force in a stretch of time, and all prices that sales made of it then.
func (l listed) pricesWithin(days Window, p *ent.Product, reductions []reduced, currency money.Currency) []money.Amount {
	inForce := days.meet(l.Window)
	if !inForce.lasts() {
		return nil
	}
	found := []money.Amount{l.price}
	for _, r := range reductions {
		if !r.covers(p) || !slices.ContainsFunc(r.windows, func(w Window) bool { return w.meet(inForce).lasts() }) {
			continue
		}
		if price, ok := r.of(l.price, currency); ok {
			found = append(found, price)
		}
	}
	return found
}

// reduced is a flash sale as it was for some time, with the windows in which it was on then.
type reduced struct {
	*ent.SaleChange

	windows []Window
}

// covers says whether the sale was on a product, or on a bundle of that id; of one that has only an id nothing but that
// counts.
func (r reduced) covers(p *ent.Product) bool {
	return Covers(r.Scope, p) || slices.Contains(r.Scope.Bundles, p.ID)
}

// of is what the sale makes of a list price, rounded as pricing does; false when it is not in the currency.
func (r reduced) of(list money.Amount, currency money.Currency) (money.Amount, bool) {
	if r.Kind == salechange.Kind(flashsale.KindFIXED) {
		price, ok := r.Prices[currency.Code]
		return price, ok
	}
	return pricing.Reduced(list, int64(r.BasisPoints), currency), true
}

// meet is what two windows have in common; it does not last when that is nothing.
func (w Window) meet(other Window) Window {
	both := Window{Start: later(w.Start, other.Start), End: w.End}
	if both.End.IsZero() || !other.End.IsZero() && other.End.Before(both.End) {
		both.End = other.End
	}
	return both
}

// lasts says whether there is an instant in the window.
func (w Window) lasts() bool { return w.End.IsZero() || w.Start.Before(w.End) }

// priceSteps reads the list prices that were in force in a stretch of time, by product and currency.
func priceSteps(
	ctx context.Context, client *ent.Client, products []uuid.UUID, currencies []money.Code, span Window,
) (map[uuid.UUID]map[money.Code][]listed, error) {
	rows, err := client.PriceChange.Query().Where(
		pricechange.ProductIDIn(products...), pricechange.CurrencyIn(currencies...), pricechange.CreatedAtLT(span.End),
		inForceAfter(pricechange.Table, pricechange.FieldCreatedAt, span.Start, pricechange.FieldProductID, pricechange.FieldCurrency),
	).Order(pricechange.ByCreatedAt(), pricechange.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the price history: %w", err)
	}
	type key struct {
		product  uuid.UUID
		currency money.Code
	}
	steps := map[key][]*ent.PriceChange{}
	for _, row := range rows {
		k := key{row.ProductID, row.Currency}
		steps[k] = append(steps[k], row)
	}
	prices := map[uuid.UUID]map[money.Code][]listed{}
	for k, rows := range steps {
		for i, row := range rows {
			if row.Amount == nil {
				continue
			}
			l := listed{Window{Start: row.CreatedAt}, *row.Amount}
			if i+1 < len(rows) {
				l.End = rows[i+1].CreatedAt
			}
			if prices[k.product] == nil {
				prices[k.product] = map[money.Code][]listed{}
			}
			prices[k.product][k.currency] = append(prices[k.product][k.currency], l)
		}
	}
	return prices, nil
}

// inForceAfter holds for rows of a history that were in force at an instant or after it: those that no other row of the
// same key had replaced by then.
func inForceAfter(table, created string, at time.Time, key ...string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		builder := sql.Dialect(s.Dialect())
		next := builder.Table(table).As("next")
		conditions := []*sql.Predicate{
			sql.LTE(next.C(created), at),
			sql.Or(
				sql.ColumnsGT(next.C(created), s.C(created)),
				sql.And(sql.ColumnsEQ(next.C(created), s.C(created)), sql.ColumnsGT(next.C("id"), s.C("id"))),
			),
		}
		for _, column := range key {
			conditions = append(conditions, sql.ColumnsEQ(next.C(column), s.C(column)))
		}
		s.Where(sql.Or(
			sql.GT(s.C(created), at),
			sql.Not(sql.Exists(builder.Select(next.C("id")).From(next).Where(sql.And(conditions...)))),
		))
	}
}

// pastReductions reads the flash sales that were on in a stretch of time, as they were then.
//
// Terms whose end was before it are not read. They cannot have taken the place of others within it, since nobody sets an
// end that has passed; what they took the place of before it is left out by inForceAfter.
func pastReductions(ctx context.Context, client *ent.Client, span Window) ([]reduced, error) {
	rows, err := client.SaleChange.Query().Where(
		salechange.CreatedAtLT(span.End), salechange.Or(salechange.EndsAtIsNil(), salechange.EndsAtGT(span.Start)),
		inForceAfter(salechange.Table, salechange.FieldCreatedAt, span.Start, salechange.FieldSaleID),
	).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the history of flash sales: %w", err)
	}
	slices.SortStableFunc(rows, func(a, b *ent.SaleChange) int {
		return cmp.Or(compareIDs(a.SaleID, b.SaleID), a.CreatedAt.Compare(b.CreatedAt), compareIDs(a.ID, b.ID))
	})
	var past []reduced
	for i, row := range rows {
		held := span.meet(Window{Start: row.CreatedAt})
		if i+1 < len(rows) && rows[i+1].SaleID == row.SaleID {
			held.End = earlier(held.End, rows[i+1].CreatedAt)
		}
		if !row.Active || !held.lasts() {
			continue
		}
		if windows := windowsWithin(row, held); len(windows) > 0 {
			past = append(past, reduced{row, windows})
		}
	}
	return past, nil
}

// windowsWithin are the windows that a sale had by some terms while they held.
func windowsWithin(row *ent.SaleChange, held Window) []Window {
	var windows []Window
	for at := held.Start; ; {
		window, ok := At(row.StartsAt, row.EndsAt, row.Recurrence, at)
		if !ok || !window.Start.Before(held.End) {
			return windows
		}
		if part := window.meet(held); part.lasts() {
			windows = append(windows, part)
		}
		if window.End.IsZero() {
			return windows
		}
		at = window.End
	}
}

// labelled gives products with their labels, by id. They are read only when a sale goes by labels; otherwise they have
// nothing but their ids.
func labelled(ctx context.Context, client *ent.Client, ids []uuid.UUID, sales []reduced) (map[uuid.UUID]*ent.Product, error) {
	found := make(map[uuid.UUID]*ent.Product, len(ids))
	for _, id := range ids {
		found[id] = &ent.Product{ID: id}
	}
	byLabel := func(r reduced) bool { return len(r.Scope.Tags)+len(r.Scope.Categories) > 0 }
	if !slices.ContainsFunc(sales, byLabel) {
		return found, nil
	}
	rows, err := client.Product.Query().Where(product.IDIn(ids...)).
		Select(product.FieldID, product.FieldTags, product.FieldCategories).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the labels of products: %w", err)
	}
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, nil
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
