package offers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/flashsale"
	"farthing/ent/offerstock"
	"farthing/ent/product"
	"farthing/ent/tierplan"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/pricing"
)

const (
	// maxBoundaries is how many beginnings and ends of windows a look for conflicts goes through.
	maxBoundaries = 10_000
	// maxMeetings is how often it works out who wins: for a product in a stretch of time.
	maxMeetings = 50_000
	// labelRows is how many products are looked at together to see whether a sale covers them by their labels.
	labelRows = 5_000
)

// Conflict is offers that meet on a product, at least one of them a flash sale, and who wins: what a shopper pays there is
// what the first of them makes it cost.
type Conflict struct {
	Product *ent.Product
	// Window is from when to when they meet. Its round says nothing.
	Window Window
	// Contenders are the offers, the winner first.
	Contenders []Contender
}

// Contender is one of the offers that meet.
type Contender struct {
	Kind pricing.AdjustmentKind
	ID   uuid.UUID
	// Price is what one of the product costs under it alone, at most the list price: of a bundle, its share in that.
	Price money.Amount
}

// Conflicts finds where live and planned offers meet, drafts counted as if they were active: flash sales with each other,
// with prices by quantity (of one unit) and with bundles. Bundles to choose from have no shares before somebody chooses,
// and a sale on a bundle is not a rival of that bundle alone. Units that may be sold out by then are not looked at.
//
// It looks at [from, until), at most a year. The error is an INVALID_INPUT fault at until when that is too long, or when
// there are too many windows in it.
func (s *Service) Conflicts(ctx context.Context, currency money.Currency, from, until time.Time) ([]Conflict, error) {
	switch {
	case !until.After(from):
		return nil, fault.Input("until", "The end must be after the beginning.")
	case until.After(from.AddDate(1, 0, 0)):
		return nil, fault.Input("until", "Look at a year at most.")
	}
	m := &match{currency: currency, span: Window{Start: from, End: until}, windows: map[uuid.UUID][]Window{}}
	err := s.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error { return m.read(ctx, tx.Client()) })
	if err != nil {
		return nil, err
	}
	return m.conflicts()
}

// match is a look for conflicts.
type match struct {
	currency money.Currency
	span     Window

	// board has the bundles, products all that may be contested and what is in bundles with them.
	board    *Board
	products map[uuid.UUID]*ent.Product
	sales    []*ent.FlashSale
	tiers    map[uuid.UUID][]*ent.TierPlan
	// closed are the windows that were ended because their stock was set below what had been sold.
	closed map[Round]*ent.OfferStock

	// windows are those of sales within the span, found when somebody asks.
	windows    map[uuid.UUID][]Window
	boundaries int
	meetings   int
}

// rival is an offer on a product, with the windows in which it counts.
type rival struct {
	kind pricing.AdjustmentKind
	id   uuid.UUID
	// item is what to buy to see its price: the product, or a bundle.
	item    uuid.UUID
	windows []Window
	// sale and tiers are what makes the price; neither for a bundle's own.
	sale  *ent.FlashSale
	tiers *ent.TierPlan
}

// read finds all offers that may count in the span, and the products that more than one of them is for.
func (m *match) read(ctx context.Context, client *ent.Client) error {
	// Archived bundles may be in others still, whose prices depend on them.
	bundles, err := client.Bundle.Query().Order(bundle.ByID()).WithComponents(inPlace).All(ctx)
	if err != nil {
		return fmt.Errorf("read bundles: %w", err)
	}
	m.board = NewBoard(0, bundles, nil, nil, nil)
	m.sales, err = client.FlashSale.Query().Where(
		flashsale.StatusNEQ(flashsale.StatusARCHIVED), flashsale.StartsAtLT(m.span.End),
		flashsale.Or(flashsale.EndsAtIsNil(), flashsale.EndsAtGT(m.span.Start)),
		flashsale.Or(flashsale.EndedAtIsNil(), flashsale.EndedAtGT(m.span.Start)),
	).Order(flashsale.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("read flash sales: %w", err)
	}
	plans, err := client.TierPlan.Query().Where(
		tierplan.StatusNEQ(tierplan.StatusARCHIVED), tierplan.StartsAtLT(m.span.End),
		tierplan.Or(tierplan.EndsAtIsNil(), tierplan.EndsAtGT(m.span.Start)),
	).Order(tierplan.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("read tier plans: %w", err)
	}
	m.tiers = map[uuid.UUID][]*ent.TierPlan{}
	for _, plan := range plans {
		plan.Status = tierplan.StatusACTIVE
		m.tiers[plan.ProductID] = append(m.tiers[plan.ProductID], plan)
	}
	stocks, err := client.OfferStock.Query().Where(offerstock.Closed(true)).All(ctx)
	if err != nil {
		return fmt.Errorf("read what is taken of offers: %w", err)
	}
	m.closed = make(map[Round]*ent.OfferStock, len(stocks))
	for _, stock := range stocks {
		m.closed[Round{stock.OfferID, stock.Round}] = stock
	}
	for _, sale := range m.sales {
		sale.Status = flashsale.StatusACTIVE
	}
	return m.readProducts(ctx, client)
}

// readProducts reads the products that a sale covers and another offer is for, and those that are in bundles with them.
func (m *match) readProducts(ctx context.Context, client *ent.Client) error {
	offers := map[uuid.UUID]int{} // how many there are for a product
	for _, sale := range m.sales {
		for _, id := range sale.Scope.Products {
			offers[id]++
		}
		for _, id := range sale.Scope.Bundles {
			if row := m.board.Bundles[id]; row != nil {
				for _, id := range m.board.ProductsOf(row) {
					offers[id]++
				}
			}
		}
	}
	if err := m.countLabelled(ctx, client, offers); err != nil {
		return err
	}
	needed := map[uuid.UUID]bool{}
	for id, sales := range offers {
		if sales+len(m.tiers[id])+len(m.board.Containing(id)) < 2 {
			continue
		}
		needed[id] = true
		for _, row := range m.board.Containing(id) {
			for _, other := range m.board.ProductsOf(row) {
				needed[other] = true
			}
		}
	}
	ids := make([]uuid.UUID, 0, len(needed))
	for id := range needed {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	m.products = make(map[uuid.UUID]*ent.Product, len(ids))
	for chunk := range slices.Chunk(ids, countRows) {
		found, err := catalog.ByIDs(ctx, client, chunk)
		if err != nil {
			return err
		}
		maps.Copy(m.products, found)
	}
	return nil
}

// countLabelled counts the sales that cover products by their labels. It goes through the catalogue for that, since a tag
// can be on any product, and only when there is such a sale.
func (m *match) countLabelled(ctx context.Context, client *ent.Client, offers map[uuid.UUID]int) error {
	byLabel := slices.DeleteFunc(slices.Clone(m.sales), func(sale *ent.FlashSale) bool {
		return len(sale.Scope.Tags)+len(sale.Scope.Categories) == 0
	})
	last := uuid.Nil
	for len(byLabel) > 0 {
		rows, err := client.Product.Query().Where(product.IDGT(last), product.StatusNEQ(product.StatusARCHIVED)).
			Order(product.ByID()).Limit(labelRows).
			Select(product.FieldID, product.FieldTags, product.FieldCategories).All(ctx)
		if err != nil {
			return fmt.Errorf("read the labels of products: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		last = rows[len(rows)-1].ID
		for _, row := range rows {
			for _, sale := range byLabel {
				if shares(sale.Scope.Tags, row.Tags) || shares(sale.Scope.Categories, row.Categories) {
					offers[row.ID]++
				}
			}
		}
	}
	return nil
}

// conflicts goes through the products, and for each through the stretches of time in which the same offers count.
func (m *match) conflicts() ([]Conflict, error) {
	var list []Conflict
	for _, row := range m.products {
		if row.Status == product.StatusARCHIVED {
			continue
		}
		if _, priced := catalog.PriceIn(row, m.currency.Code); !priced {
			continue
		}
		rivals, err := m.rivals(row)
		if err != nil {
			return nil, err
		}
		found, err := m.sweep(row, rivals)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	slices.SortFunc(list, func(a, b Conflict) int {
		if order := a.Window.Start.Compare(b.Window.Start); order != 0 {
			return order
		}
		return compareIDs(a.Product.ID, b.Product.ID)
	})
	return list, nil
}

// rivals are the offers for a product, if they are worth comparing: a sale and another one.
func (m *match) rivals(row *ent.Product) ([]rival, error) {
	var list []rival
	var bundles []*ent.Bundle
	for _, b := range m.board.Containing(row.ID) {
		if b.Choose == 0 && b.Status != bundle.StatusARCHIVED {
			bundles = append(bundles, b)
		}
	}
	covered := []*ent.FlashSale{}
	for _, sale := range m.sales {
		if Covers(sale.Scope, row) || slices.ContainsFunc(bundles, func(b *ent.Bundle) bool { return slices.Contains(sale.Scope.Bundles, b.ID) }) {
			covered = append(covered, sale)
		}
	}
	if len(covered) == 0 || len(covered)+len(m.tiers[row.ID])+len(bundles) < 2 {
		return nil, nil
	}
	for _, sale := range covered {
		windows, err := m.windowsOf(sale)
		if err != nil {
			return nil, err
		}
		if Covers(sale.Scope, row) {
			list = append(list, rival{kind: pricing.BySale, id: sale.ID, item: row.ID, windows: windows, sale: sale})
		}
		for _, b := range bundles {
			if slices.Contains(sale.Scope.Bundles, b.ID) {
				list = append(list, rival{
					kind: pricing.BySale, id: sale.ID, item: b.ID, windows: meetAll(windows, published(b)), sale: sale,
				})
			}
		}
	}
	for _, plan := range m.tiers[row.ID] {
		window := Window{Start: plan.StartsAt, End: orZero(plan.EndsAt)}
		list = append(list, rival{kind: pricing.ByTier, id: plan.ID, item: row.ID, windows: []Window{window}, tiers: plan})
	}
	for _, b := range bundles {
		list = append(list, rival{kind: pricing.ByBundle, id: b.ID, item: b.ID, windows: []Window{published(b)}})
	}
	return list, nil
}

// published is when a bundle is on sale.
func published(b *ent.Bundle) Window {
	return Window{Start: orZero(b.PublishFrom), End: orZero(b.PublishUntil)}
}

func meetAll(windows []Window, with Window) []Window {
	var list []Window
	for _, w := range windows {
		if part := w.meet(with); part.lasts() {
			list = append(list, part)
		}
	}
	return list
}

// windowsOf are the windows of a sale that have a part in the span, in order.
func (m *match) windowsOf(sale *ent.FlashSale) ([]Window, error) {
	if windows, known := m.windows[sale.ID]; known {
		return windows, nil
	}
	var windows []Window
	for at := m.span.Start; ; {
		w, ok := WindowOf(sale, at)
		if !ok || !w.Start.Before(m.span.End) {
			break
		}
		if m.closed[Round{sale.ID, w.Round}] == nil {
			windows = append(windows, w)
		}
		m.boundaries += 2
		if m.boundaries > maxBoundaries {
			return nil, fault.Input("until", "There are more than %d beginnings and ends of offers in this time; look at less of it.", maxBoundaries)
		}
		if w.End.IsZero() {
			break
		}
		at = w.End
	}
	m.windows[sale.ID] = windows
	return windows, nil
}

// sweep finds the stretches of time in which the same rivals meet at the same prices.
func (m *match) sweep(row *ent.Product, rivals []rival) ([]Conflict, error) {
	if len(rivals) < 2 {
		return nil, nil
	}
	instants := []time.Time{m.span.Start}
	for _, r := range rivals {
		for _, w := range r.windows {
			for _, at := range []time.Time{w.Start, w.End} {
				if at.After(m.span.Start) && at.Before(m.span.End) {
					instants = append(instants, at)
				}
			}
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	instants = slices.CompactFunc(instants, time.Time.Equal)
	var list []Conflict
	for i, at := range instants {
		live := slices.DeleteFunc(slices.Clone(rivals), func(r rival) bool { return !r.live(at) })
		contenders, err := m.contenders(row, live, at)
		if err != nil {
			return nil, err
		}
		if contenders == nil {
			continue
		}
		window := Window{Start: at, End: m.span.End}
		if i+1 < len(instants) {
			window.End = instants[i+1]
		}
		if n := len(list); n > 0 && list[n-1].Window.End.Equal(at) && slices.Equal(list[n-1].Contenders, contenders) {
			list[n-1].Window.End = window.End
			continue
		}
		list = append(list, Conflict{Product: row, Window: window, Contenders: contenders})
	}
	for i := range list {
		list[i].Window = m.whole(list[i], rivals)
	}
	return list, nil
}

// whole is the window of a conflict with what of it is outside of the span: back to the beginning of the last of them to
// begin, and on to the end of the first to end.
func (m *match) whole(c Conflict, rivals []rival) Window {
	var since time.Time
	until := Window{Start: c.Window.Start}
	for _, r := range rivals {
		for _, w := range r.windows {
			if !slices.ContainsFunc(c.Contenders, func(k Contender) bool { return k.Kind == r.kind && k.ID == r.id }) {
				continue
			}
			if w.Contains(c.Window.Start) {
				since = later(since, w.Start)
			}
			if w.Contains(c.Window.End.Add(-time.Microsecond)) {
				until = until.meet(Window{End: w.End})
			}
		}
	}
	if c.Window.Start.Equal(m.span.Start) {
		c.Window.Start = since
	}
	if c.Window.End.Equal(m.span.End) {
		c.Window.End = until.End
	}
	return c.Window
}

func (r rival) live(at time.Time) bool {
	return slices.ContainsFunc(r.windows, func(w Window) bool { return w.Contains(at) })
}

// contenders are rivals with their prices, the winner first; nil when there is nothing to decide: there are no two of them,
// none is a sale, a sale only meets the bundle that it is on, or none makes the product cheaper.
func (m *match) contenders(row *ent.Product, live []rival, at time.Time) ([]Contender, error) {
	if !contested(live) {
		return nil, nil
	}
	m.meetings++
	if m.meetings > maxMeetings {
		return nil, fault.Input("until", "Offers meet more than %d times in this time; look at less of it.", maxMeetings)
	}
	var list []pricing.Rival
	var priced []rival
	for _, r := range live {
		price, ok, err := m.priceUnder(row, r, at)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, pricing.Rival{Kind: r.kind, Source: r.id, Price: price})
			priced = append(priced, r)
		}
	}
	if !contested(priced) {
		return nil, nil
	}
	slices.SortFunc(list, pricing.CompareRivals)
	if price, _ := catalog.PriceIn(row, m.currency.Code); list[0].Price >= price {
		return nil, nil
	}
	var contenders []Contender
	for _, r := range list {
		// A sale on a product and on bundles with it counts once, with its best price.
		if !slices.ContainsFunc(contenders, func(k Contender) bool { return k.Kind == r.Kind && k.ID == r.Source }) {
			contenders = append(contenders, Contender{r.Kind, r.Source, m.rounded(r.Price)})
		}
	}
	return contenders, nil
}

// contested says whether there is something to decide between offers.
func contested(live []rival) bool {
	at := slices.IndexFunc(live, func(r rival) bool { return r.sale != nil })
	return at >= 0 && slices.ContainsFunc(live, func(r rival) bool {
		own := r.kind == pricing.ByBundle && !slices.ContainsFunc(live, func(s rival) bool {
			return s.sale != nil && s.item != r.id
		})
		return r.id != live[at].id && !own
	})
}

// priceUnder is what one of a product costs under a rival alone, in millionths, so that shares of bundles with many units
// can be compared; false when it does not count in the currency.
func (m *match) priceUnder(row *ent.Product, r rival, at time.Time) (money.Amount, bool, error) {
	board := *m.board
	if r.sale != nil {
		board.Sales = []*ent.FlashSale{r.sale}
	}
	if r.tiers != nil {
		board.Tiers = map[uuid.UUID]*ent.TierPlan{row.ID: r.tiers}
	}
	items := []uuid.UUID{r.item}
	view := View{Now: at, Currency: m.currency, Products: map[uuid.UUID]*ent.Product{}, Drafts: true}
	for _, id := range board.Needed(items) {
		if known := m.products[id]; known != nil {
			view.Products[id] = known
		}
	}
	shelf := board.Shelf(items, view)
	for id, b := range shelf.Bundles {
		b.OnSale = id == r.item // others within it count with what is in them, not with their prices
		shelf.Bundles[id] = b
	}
	counts := r.tiers == nil || shelf.Products[row.ID].Tiers != nil
	for i := range shelf.Sales {
		counts = counts && shelf.Sales[i].Priced
		shelf.Sales[i].Left = nil
	}
	if !counts {
		return 0, false, nil
	}
	result, err := pricing.Price(shelf, pricing.Buyer{}, []pricing.Item{{ID: r.item, Quantity: 1}})
	if err != nil {
		return 0, false, fmt.Errorf("price %s of %s: %w", r.kind, row.ID, err)
	}
	for _, line := range result.Lines {
		for _, part := range line.Parts {
			if part.Product == row.ID {
				return part.Total / money.Amount(part.Quantity), true, nil
			}
		}
	}
	return 0, false, nil
}

// rounded is a price in whole minor units, half up.
func (m *match) rounded(price money.Amount) money.Amount {
	step := m.currency.Step()
	return (price + step/2) / step * step
}
