package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/predicate"
	"farthing/ent/price"
	"farthing/ent/product"
	"farthing/ent/productterm"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
)

// Limits of a filter.
const (
	maxSearch      = 200 // characters
	maxSearchWords = 10
	maxAnyOf       = 50
)

// Order is how products are listed. Ties are in the order of ids. The words are those of the schema's ProductOrder.
type Order string

// The orders. That of ids is that in which products were made.
const (
	Newest    Order = "NEWEST"
	Oldest    Order = "OLDEST"
	Name      Order = "NAME"
	PriceLow  Order = "PRICE_LOW"
	PriceHigh Order = "PRICE_HIGH"
)

// Filter says which products to list. What is given must all hold; zero values and empty lists ask for nothing.
type Filter struct {
	// Search is words of up to 200 characters, at most 10: each must be a word, or the beginning of one, of the names,
	// descriptions, creator, tags or categories. Text without letters and digits asks for nothing.
	Search string
	Kinds  []product.Kind
	// Statuses count for merchandisers only.
	Statuses []product.Status
	// Tags and Categories, up to 50 each: the product carries at least one of them. Case and accents do not matter.
	Tags, Categories []string
	// Creator is the whole credit line. Case and accents do not matter.
	Creator string
	// Currency is one that the product is sold in. Required with MinPrice, MaxPrice and the orders by price.
	Currency money.Code
	// MinPrice and MaxPrice bound the list price, both included.
	MinPrice, MaxPrice *money.Amount
}

// ListInput asks for a page of products.
type ListInput struct {
	page.Args
	Filter Filter
	// Order is Newest when empty.
	Order Order
	// Merchandiser says that the caller sees drafts, archived products and those outside their window.
	Merchandiser bool
}

// List gives a page of products with their prices. Its cursors belong to one filter, order and visibility. The errors
// are INVALID_INPUT faults, at fields of the schema's query such as first or filter.currency.
func (s *Service) List(ctx context.Context, in ListInput) (page.Page[*ent.Product], error) {
	q, err := s.query(in)
	if err != nil {
		return page.Page[*ent.Product]{}, err
	}
	order, err := q.order(s.db.Dialect())
	if err != nil {
		return page.Page[*ent.Product]{}, err
	}
	if s.Delay == 0 || in.Merchandiser {
		return s.read(ctx, q, in.Args, order)
	}
	key, err := json.Marshal([]any{order.Scope, in.Args})
	if err != nil {
		return page.Page[*ent.Product]{}, fmt.Errorf("writing what is asked for as JSON: %w", err)
	}
	if kept, ok := s.pages.Get(string(key), s.Delay); ok {
		return kept, nil
	}
	asked := s.clock()
	found, err := s.read(ctx, q, in.Args, order)
	if err == nil {
		s.pages.Put(string(key), asked, found)
	}
	return found, err
}

// read reads a page of products with their prices.
func (s *Service) read(
	ctx context.Context, q query, args page.Args, order page.Order[*ent.Product],
) (page.Page[*ent.Product], error) {
	where := q.predicates(s.now())
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.Product, error) {
		products, err := s.db.Client().Product.Query().Where(where...).Where(apply).Limit(limit).WithPrices(inOrder).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing products: %w", err)
		}
		return products, nil
	})
}

// Count tells how many products List would give on all pages together.
func (s *Service) Count(ctx context.Context, in ListInput) (int, error) {
	q, err := s.query(in)
	if err != nil {
		return 0, err
	}
	n, err := s.db.Client().Product.Query().Where(q.predicates(s.now())...).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("counting products: %w", err)
	}
	return n, nil
}

// query is what a filter, an order and a visibility come down to, in one canonical form: equal queries are equal lists.
type query struct {
	Words, Tags, Categories []string
	Creator                 string
	Kinds                   []product.Kind
	Statuses                []product.Status
	Currency                money.Code
	MinPrice, MaxPrice      *money.Amount
	Order                   Order
	Merchandiser            bool
}

func (s *Service) query(in ListInput) (query, error) {
	var faults fault.List
	f := in.Filter
	q := query{
		Words:      searchWords(f.Search, &faults),
		Tags:       anyOf(tagTerm, "filter.tags", f.Tags, &faults),
		Categories: anyOf(categoryTerm, "filter.categories", f.Categories, &faults),
		Kinds:      slices.Compact(slices.Sorted(slices.Values(f.Kinds))),
		Currency:   f.Currency, MinPrice: f.MinPrice, MaxPrice: f.MaxPrice,
		Order: in.Order, Merchandiser: in.Merchandiser,
	}
	if f.Creator != "" {
		q.Creator = string(exact(creatorTerm, f.Creator))
	}
	if in.Merchandiser {
		q.Statuses = slices.Compact(slices.Sorted(slices.Values(f.Statuses)))
	}
	if q.Order == "" {
		q.Order = Newest
	}
	_, traded := s.currencies.Priced(f.Currency)
	switch {
	case f.Currency != "" && !traded:
		faults.Add(fault.Input("filter.currency", "This shop does not trade in %s.", Clip(string(f.Currency))))
	case f.Currency == "" && (f.MinPrice != nil || f.MaxPrice != nil):
		faults.Add(fault.Input("filter.currency", "Give the currency of the price range."))
	case f.Currency == "" && (q.Order == PriceLow || q.Order == PriceHigh):
		faults.Add(fault.Input("filter.currency", "Give the currency to order prices in."))
	}
	return q, faults.Err()
}

// searchWords are the folded words to search for, sorted and without repeats.
func searchWords(search string, faults *fault.List) []string {
	if n := utf8.RuneCountInString(search); n > maxSearch {
		faults.Add(fault.Input("filter.search", "Search for at most %d characters, not %d.", maxSearch, n))
		return nil
	}
	found := slices.Compact(slices.Sorted(slices.Values(words(fold(search)))))
	if len(found) > maxSearchWords {
		faults.Add(fault.Input("filter.search", "Search for at most %d words, not %d.", maxSearchWords, len(found)))
		return nil
	}
	return found
}

// anyOf are the terms of tags or categories, sorted and without repeats.
func anyOf(kind, path string, texts []string, faults *fault.List) []string {
	if len(texts) > maxAnyOf {
		faults.Add(fault.Input(path, "Give at most %d, not %d.", maxAnyOf, len(texts)))
		return nil
	}
	found := make([]string, len(texts))
	for i, text := range texts {
		found[i] = string(exact(kind, text))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// predicates are the conditions of the query at an instant.
func (q query) predicates(now time.Time) []predicate.Product {
	var where []predicate.Product
	if !q.Merchandiser {
		where = append(where,
			product.StatusEQ(product.StatusACTIVE),
			product.Or(product.PublishFromIsNil(), product.PublishFromLTE(now)),
			product.Or(product.PublishUntilIsNil(), product.PublishUntilGT(now)),
		)
	}
	if len(q.Statuses) > 0 {
		where = append(where, product.StatusIn(q.Statuses...))
	}
	if len(q.Kinds) > 0 {
		where = append(where, product.KindIn(q.Kinds...))
	}
	for _, word := range q.Words {
		from, until := prefixRange(word)
		where = append(where, withTerm(func(term string) *sql.Predicate {
			return sql.And(sql.GTE(term, from), sql.LT(term, until))
		}))
	}
	for _, terms := range [][]string{q.Tags, q.Categories} {
		if len(terms) > 0 {
			where = append(where, withTerm(func(term string) *sql.Predicate { return sql.In(term, toBytes(terms)...) }))
		}
	}
	if q.Creator != "" {
		where = append(where, withTerm(func(term string) *sql.Predicate { return sql.EQ(term, []byte(q.Creator)) }))
	}
	if q.Currency != "" {
		where = append(where, q.priced)
	}
	return where
}

// withTerm holds for products that the search index leads to by a term.
func withTerm(matches func(column string) *sql.Predicate) predicate.Product {
	return func(s *sql.Selector) {
		builder := sql.Dialect(s.Dialect())
		t := builder.Table(productterm.Table)
		s.Where(sql.In(s.C(product.FieldID),
			builder.Select(t.C(productterm.FieldProductID)).From(t).Where(matches(t.C(productterm.FieldTerm)))))
	}
}

func toBytes(terms []string) []any {
	list := make([]any, len(terms))
	for i, term := range terms {
		list[i] = []byte(term)
	}
	return list
}

// sortPrice is the name under which the price that a product was sorted by comes with it. The prices that are loaded
// with it are a later look and may differ already.
const sortPrice = "sort_price"

// asked are the prices in the currency of the filter. Its name differs from that of the table, which other conditions
// may use.
func asked(dialect string) *sql.SelectTable {
	return sql.Dialect(dialect).Table(price.Table).As("asked")
}

// priced holds for products with a price in the currency and range of the filter. To sort by that price it is joined.
// Otherwise it is looked up for one product after the other, in whatever order they are sorted: a join would lead the
// database to begin with all the prices there are.
func (q query) priced(s *sql.Selector) {
	t := asked(s.Dialect())
	conditions := []*sql.Predicate{sql.EQ(t.C(price.FieldCurrency), string(q.Currency))}
	if q.MinPrice != nil {
		conditions = append(conditions, sql.GTE(t.C(price.FieldAmount), int64(*q.MinPrice)))
	}
	if q.MaxPrice != nil {
		conditions = append(conditions, sql.LTE(t.C(price.FieldAmount), int64(*q.MaxPrice)))
	}
	if q.Order == PriceLow || q.Order == PriceHigh {
		s.Join(t).On(s.C(product.FieldID), t.C(price.FieldProductID)).Where(sql.And(conditions...))
		return
	}
	conditions = append(conditions, sql.ColumnsEQ(t.C(price.FieldProductID), s.C(product.FieldID)))
	s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(t.C(price.FieldProductID)).From(t).Where(sql.And(conditions...))))
}

// order is how the query's pages are sorted on a store, and told from those of other queries.
func (q query) order(dialect string) (page.Order[*ent.Product], error) {
	scope, err := json.Marshal(q)
	if err != nil {
		return page.Order[*ent.Product]{}, fmt.Errorf("writing a filter as JSON: %w", err)
	}
	order := page.Order[*ent.Product]{
		Scope: "products" + string(scope),
		ID:    func(p *ent.Product) uuid.UUID { return p.ID },
	}
	switch q.Order {
	case Newest:
		order.Descending = true
	case Oldest:
	case Name:
		order.Bytes = true
		order.Column = func(s *sql.Selector) string { return s.C(product.FieldSortName) }
		order.Key = func(p *ent.Product) any { return p.SortName }
	case PriceLow, PriceHigh:
		order.Descending = q.Order == PriceHigh
		order.Column = func(s *sql.Selector) string {
			column := asked(dialect).C(price.FieldAmount)
			s.AppendSelectAs(column, sortPrice)
			return column
		}
		// The index of prices has them by currency, amount and product: with its own column no sorting is left to do.
		order.IDColumn = asked(dialect).C(price.FieldProductID)
		order.Key = func(p *ent.Product) any {
			amount, _ := p.Value(sortPrice)
			return amount
		}
	default:
		return order, fault.Input("orderBy", "%s is not an order of products.", Clip(string(q.Order)))
	}
	return order, nil
}
