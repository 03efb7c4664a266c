package offers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/bundlecomponent"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/money"
	"farthing/internal/pricing"
)

// Board is every offer that is live or planned, drafts too, and archived bundles that are in others, as of one revision of
// the catalogue. What it shows does not change, and it may be used by many at once. Windows are judged by whoever asks, at their instant.
type Board struct {
	// Revision is that of the catalogue which it shows.
	Revision int64
	// Bundles, with their components, and Trials are by id; Tiers by product.
	Bundles map[uuid.UUID]*ent.Bundle
	Trials  map[uuid.UUID]*ent.TrialOffer
	Tiers   map[uuid.UUID]*ent.TierPlan
	// Sales are in the order in which they were made.
	Sales []*ent.FlashSale

	containing map[uuid.UUID][]*ent.Bundle
	trialling  map[uuid.UUID][]*ent.TrialOffer

	products *keptProducts
}

// keptProducts are products as they are at a revision, of those that somebody has asked for.
type keptProducts struct {
	mu   sync.RWMutex
	rows map[uuid.UUID]*ent.Product
}

// mostProducts is how many products a board keeps: some tens of megabytes, were they all as long as products can be.
const mostProducts = 4_096

// find gives those that are kept, and says which are not.
func (k *keptProducts) find(ids []uuid.UUID) (found map[uuid.UUID]*ent.Product, missing []uuid.UUID) {
	found = make(map[uuid.UUID]*ent.Product, len(ids))
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, id := range ids {
		if row := k.rows[id]; row != nil {
			found[id] = row
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing
}

// keep keeps products, in place of any others when there are too many.
func (k *keptProducts) keep(rows map[uuid.UUID]*ent.Product) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, row := range rows {
		for old := range k.rows {
			if len(k.rows) < mostProducts {
				break
			}
			delete(k.rows, old)
		}
		k.rows[id] = row
	}
}

// NewBoard puts offers on a board. Bundles have their components with them.
func NewBoard(
	revision int64, bundles []*ent.Bundle, trials []*ent.TrialOffer, sales []*ent.FlashSale, tiers []*ent.TierPlan,
) *Board {
	b := &Board{
		Revision: revision, Sales: sales,
		Bundles: make(map[uuid.UUID]*ent.Bundle, len(bundles)),
		Trials:  make(map[uuid.UUID]*ent.TrialOffer, len(trials)),
		Tiers:   make(map[uuid.UUID]*ent.TierPlan, len(tiers)),

		containing: map[uuid.UUID][]*ent.Bundle{}, trialling: map[uuid.UUID][]*ent.TrialOffer{},
		products: &keptProducts{rows: map[uuid.UUID]*ent.Product{}},
	}
	for _, row := range bundles {
		b.Bundles[row.ID] = row
	}
	for _, row := range bundles {
		for _, id := range b.ProductsOf(row) {
			b.containing[id] = append(b.containing[id], row)
		}
	}
	for _, row := range trials {
		b.Trials[row.ID] = row
		b.trialling[row.ProductID] = append(b.trialling[row.ProductID], row)
	}
	for _, row := range tiers {
		b.Tiers[row.ProductID] = row
	}
	return b
}

// ProductsHeld are products by id, with their prices, for a transaction that holds the catalogue at the board's revision. What
// the board has kept is not read again. Rows are shared and must not be changed.
func (b *Board) ProductsHeld(ctx context.Context, tx *ent.Tx, ids []uuid.UUID) (map[uuid.UUID]*ent.Product, error) {
	found, missing := b.products.find(ids)
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := catalog.ByIDs(ctx, tx.Client(), missing)
	if err != nil {
		return nil, err
	}
	b.products.keep(rows)
	maps.Copy(found, rows)
	return found, nil
}

// boardMargin is how long a sale that is over stays on boards. A till may have taken its instant before the end of a sale,
// and be given a board that another goroutine has read after it.
const boardMargin = time.Hour

// isInner holds for bundles that are in another one. What is archived stays in what it is in.
func isInner(s *sql.Selector) {
	build := sql.Dialect(s.Dialect())
	components := build.Table(bundlecomponent.Table)
	s.Where(sql.In(s.C(bundle.FieldID),
		build.Select(components.C(bundlecomponent.FieldInnerID)).From(components).
			Where(sql.NotNull(components.C(bundlecomponent.FieldInnerID)))))
}

// ReadBoard reads the board of a transaction that holds the catalogue (catalog.Hold), or of a snapshot.
func ReadBoard(ctx context.Context, client *ent.Client, now time.Time) (*Board, error) {
	revision, err := catalog.Revision(ctx, client)
	if err != nil {
		return nil, err
	}
	bundles, err := client.Bundle.Query().Where(bundle.Or(bundle.StatusNEQ(bundle.StatusARCHIVED), isInner)).Order(bundle.ByID()).
		WithComponents(func(q *ent.BundleComponentQuery) { q.Order(bundlecomponent.ByPosition()) }).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read bundles: %w", err)
	}
	trials, err := client.TrialOffer.Query().Where(trialoffer.StatusNEQ(trialoffer.StatusARCHIVED)).Order(trialoffer.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read trial offers: %w", err)
	}
	sales, err := client.FlashSale.Query().Where(
		flashsale.StatusNEQ(flashsale.StatusARCHIVED), flashsale.EndedAtIsNil(),
		flashsale.Or(flashsale.EndsAtIsNil(), flashsale.EndsAtGT(now.Add(-boardMargin))),
	).Order(flashsale.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read flash sales: %w", err)
	}
	tiers, err := client.TierPlan.Query().Where(tierplan.StatusEQ(tierplan.StatusACTIVE)).Order(tierplan.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read tier plans: %w", err)
	}
	return NewBoard(revision, bundles, trials, sales, tiers), nil
}

// Boards keeps the current board in the process, so that reading what is on offer costs one look at the revision.
type Boards struct {
	db    *db.DB
	clock func() time.Time
	kept  atomic.Pointer[Board]
}

// NewBoards makes the keeper.
func NewBoards(d *db.DB, clock func() time.Time) *Boards { return &Boards{db: d, clock: clock} }

// Current is the board as it is now. It looks up the revision, and reads the offers when that is not the one of the kept
// board.
func (b *Boards) Current(ctx context.Context) (*Board, error) {
	revision, err := catalog.Revision(ctx, b.db.Client())
	if err != nil {
		return nil, err
	}
	if kept := b.kept.Load(); kept != nil && kept.Revision == revision {
		return kept, nil
	}
	var fresh *Board
	err = b.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		fresh, err = ReadBoard(ctx, tx.Client(), b.clock())
		return err
	})
	if err != nil {
		return nil, err
	}
	b.kept.Store(fresh)
	return fresh, nil
}

// Held is the board for a transaction that holds the catalogue, which is at a revision: nobody changes it until the
// transaction ends.
func (b *Boards) Held(ctx context.Context, tx *ent.Tx, revision int64, now time.Time) (*Board, error) {
	if kept := b.kept.Load(); kept != nil && kept.Revision == revision {
		return kept, nil
	}
	fresh, err := ReadBoard(ctx, tx.Client(), now)
	if err != nil {
		return nil, err
	}
	b.kept.Store(fresh)
	return fresh, nil
}

// Products are products by id, with their prices, as they are at a board's revision; or later, those that are not kept when it
// is no longer the current one. Rows are shared and must not be changed.
func (b *Boards) Products(ctx context.Context, board *Board, ids []uuid.UUID) (map[uuid.UUID]*ent.Product, error) {
	found, missing := board.products.find(ids)
	if len(missing) == 0 {
		return found, nil
	}
	err := b.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		rows, err := catalog.ByIDs(ctx, tx.Client(), missing)
		if err == nil && revision == board.Revision {
			board.products.keep(rows)
		}
		maps.Copy(found, rows)
		return err
	})
	return found, err
}

// Weight is about how many products some items come down to, as far as the kept board knows.
func (b *Boards) Weight(items []uuid.UUID) int {
	if kept := b.kept.Load(); kept != nil {
		return len(kept.Needed(items))
	}
	return len(items)
}

// ProductsOf are the products in a bundle, those of bundles within it too, each once.
func (b *Board) ProductsOf(row *ent.Bundle) []uuid.UUID {
	var list []uuid.UUID
	b.walk(row, func(at *ent.Bundle) {
		for _, c := range at.Edges.Components {
			if c.ProductID != nil && !slices.Contains(list, *c.ProductID) {
				list = append(list, *c.ProductID)
			}
		}
	})
	return list
}

// walk visits a bundle and all bundles within it, each as often as it is there. Cycles are refused when they are written.
func (b *Board) walk(row *ent.Bundle, visit func(*ent.Bundle)) {
	visit(row)
	for _, c := range row.Edges.Components {
		if c.InnerID == nil {
			continue
		}
		if inner := b.Bundles[*c.InnerID]; inner != nil {
			b.walk(inner, visit)
		}
	}
}

// Containing are the bundles that a product is in, oldest first.
func (b *Board) Containing(product uuid.UUID) []*ent.Bundle { return b.containing[product] }

// Trialling are the offers to try a product, oldest first.
func (b *Board) Trialling(product uuid.UUID) []*ent.TrialOffer { return b.trialling[product] }

// Needed are the products that it takes to price some items: products, those in bundles, and those of trials.
func (b *Board) Needed(items []uuid.UUID) []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var list []uuid.UUID
	add := func(ids ...uuid.UUID) {
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	for _, id := range items {
		switch {
		case b.Bundles[id] != nil:
			add(b.ProductsOf(b.Bundles[id])...)
		case b.Trials[id] != nil:
			add(b.Trials[id].ProductID)
		default:
			add(id)
		}
	}
	return list
}

// View is what a shelf is made of besides the board: when and in which currency, and what only the database knows.
type View struct {
	Now      time.Time
	Currency money.Currency
	// Products are those that are needed, with their prices.
	Products map[uuid.UUID]*ent.Product
	// Stocks and Uses count what has been taken of offers, by all and by the shopper; nil for a visitor's uses.
	Stocks map[Round]*ent.OfferStock
	Uses   map[Round]int64
	// Coupon is the one whose code was given; nil for none.
	Coupon *ent.Coupon
	// Drafts says to price what is not out yet, for merchandisers who look at what they have set up.
	Drafts bool
}

// Round names a window of an offer: that of a recurring sale, 0 for all others.
type Round struct {
	Offer uuid.UUID
	Round int64
}

// Shelf is what is for sale of some items at one instant in one currency, in the terms of pricing.
func (b *Board) Shelf(items []uuid.UUID, v View) pricing.Shelf {
	shelf := pricing.Shelf{
		Currency: v.Currency,
		Products: make(map[uuid.UUID]pricing.Product, len(v.Products)),
		Bundles:  map[uuid.UUID]pricing.Bundle{},
		Trials:   map[uuid.UUID]pricing.Trial{},
	}
	for id, row := range v.Products {
		if row.Status != product.StatusDRAFT || v.Drafts {
			shelf.Products[id] = b.product(row, v)
		}
	}
	for _, id := range items {
		if row := b.Bundles[id]; row != nil && (row.Status != bundle.StatusDRAFT || v.Drafts) {
			b.walk(row, func(at *ent.Bundle) { shelf.Bundles[at.ID] = bundleOf(at, v) })
		}
		if row := b.Trials[id]; row != nil && (row.Status != trialoffer.StatusDRAFT || v.Drafts) {
			price, priced := row.Prices[v.Currency.Code]
			shelf.Trials[id] = pricing.Trial{
				ID: id, Product: row.ProductID, Priced: priced, Price: price,
				OnSale: row.Status == trialoffer.StatusACTIVE && within(row.PublishFrom, row.PublishUntil, v.Now),
			}
		}
	}
	for _, row := range b.Sales {
		if sale, live := b.sale(row, shelf, v); live {
			shelf.Sales = append(shelf.Sales, sale)
		}
	}
	if v.Coupon != nil {
		shelf.Coupon = b.coupon(v.Coupon, shelf, v)
	}
	return shelf
}

func (b *Board) product(row *ent.Product, v View) pricing.Product {
	list, priced := catalog.PriceIn(row, v.Currency.Code)
	p := pricing.Product{
		ID: row.ID, Durable: row.Kind == product.KindDURABLE, OnSale: catalog.OnSale(row, v.Now), Priced: priced, List: list,
	}
	plan := b.Tiers[row.ID]
	if plan == nil || !(Window{Start: plan.StartsAt, End: orZero(plan.EndsAt)}).Contains(v.Now) {
		return p
	}
	tiers := &pricing.Tiers{ID: plan.ID, Graduated: plan.Mode == tierplan.ModeGRADUATED}
	for _, tier := range plan.Tiers {
		price, ok := tier.Prices[v.Currency.Code]
		if !ok {
			return p
		}
		tiers.Steps = append(tiers.Steps, pricing.Step{From: tier.From, Price: price})
	}
	p.Tiers = tiers
	return p
}

func bundleOf(row *ent.Bundle, v View) pricing.Bundle {
	price, priced := row.Prices[v.Currency.Code]
	made := pricing.Bundle{
		ID: row.ID, BasisPoints: int64(row.BasisPoints), Price: price, Priced: priced || row.BasisPoints > 0, Choose: row.Choose,
		OnSale: row.Status == bundle.StatusACTIVE && within(row.PublishFrom, row.PublishUntil, v.Now),
	}
	for _, c := range row.Edges.Components {
		component := pricing.Component{Quantity: c.Quantity}
		if c.ProductID != nil {
			component.Product = *c.ProductID
		} else {
			component.Inner = *c.InnerID
		}
		made.Components = append(made.Components, component)
	}
	return made
}

// sale is a flash sale that is in its window, as far as it covers anything of the shelf.
func (b *Board) sale(row *ent.FlashSale, shelf pricing.Shelf, v View) (pricing.Sale, bool) {
	if row.Status != flashsale.StatusACTIVE {
		return pricing.Sale{}, false
	}
	window, ok := WindowOf(row, v.Now)
	if !ok || !window.Contains(v.Now) {
		return pricing.Sale{}, false
	}
	price, priced := row.Prices[v.Currency.Code]
	sale := pricing.Sale{
		ID: row.ID, Round: window.Round, BasisPoints: int64(row.BasisPoints), Price: price,
		Priced: priced || row.BasisPoints > 0,
	}
	sale.Products, sale.Bundles = covered(row.Scope, shelf, v.Products)
	if len(sale.Products)+len(sale.Bundles) == 0 {
		return pricing.Sale{}, false
	}
	round := Round{row.ID, window.Round}
	stock := v.Stocks[round]
	if stock != nil && stock.Closed {
		return pricing.Sale{}, false
	}
	if row.Stock != nil {
		left := *row.Stock
		if stock != nil {
			left -= stock.Taken
		}
		sale.Left = new(max(left, 0))
	}
	if row.PerShopper != nil && v.Uses != nil {
		sale.Own = new(max(*row.PerShopper-v.Uses[round], 0))
	}
	return sale, true
}

func (b *Board) coupon(row *ent.Coupon, shelf pricing.Shelf, v View) *pricing.Coupon {
	amount, priced := row.Amounts[v.Currency.Code]
	c := &pricing.Coupon{
		ID: row.ID, BasisPoints: int64(row.BasisPoints), Amount: amount, Priced: priced || row.BasisPoints > 0,
		Combines: row.Combines, Everything: len(row.Scope.Products)+len(row.Scope.Bundles)+len(row.Scope.Tags)+len(row.Scope.Categories) == 0,
	}
	c.Products, c.Bundles = covered(row.Scope, shelf, v.Products)
	return c
}

// covered are the products and bundles of a shelf that a scope names.
func covered(scope schema.Scope, shelf pricing.Shelf, rows map[uuid.UUID]*ent.Product) (products, bundles map[uuid.UUID]bool) {
	products, bundles = map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for id := range shelf.Products {
		if Covers(scope, rows[id]) {
			products[id] = true
		}
	}
	for _, id := range scope.Bundles {
		if _, ok := shelf.Bundles[id]; ok {
			bundles[id] = true
		}
	}
	return products, bundles
}

// Concerns says whether a sale may make something cheaper of some items, which come down to these products.
func (b *Board) Concerns(sale *ent.FlashSale, items []uuid.UUID, products map[uuid.UUID]*ent.Product) bool {
	for _, row := range products {
		if Covers(sale.Scope, row) {
			return true
		}
	}
	if len(sale.Scope.Bundles) == 0 {
		return false
	}
	found := false
	for _, id := range items {
		if row := b.Bundles[id]; row != nil {
			b.walk(row, func(at *ent.Bundle) { found = found || slices.Contains(sale.Scope.Bundles, at.ID) })
		}
	}
	return found
}

// Covers says whether a scope names a product: by its id, or by one of its tags or categories.
func Covers(scope schema.Scope, row *ent.Product) bool {
	return slices.Contains(scope.Products, row.ID) ||
		shares(scope.Tags, row.Tags) || shares(scope.Categories, row.Categories)
}

// shares says whether two lists have a label in common.
func shares(wanted, has []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		w = catalog.Fold(w)
		return slices.ContainsFunc(has, func(h string) bool { return catalog.Fold(h) == w })
	})
}

// WindowOf is the window that a flash sale is in, or its next one; false when there is none any more.
func WindowOf(row *ent.FlashSale, now time.Time) (Window, bool) {
	end := row.EndsAt
	if row.EndedAt != nil && (end == nil || row.EndedAt.Before(*end)) {
		end = row.EndedAt
	}
	return At(row.StartsAt, end, row.Recurrence, now)
}

// StatusOf is where a flash sale stands; stock is that of the window which it is in, nil when nothing has been taken.
func StatusOf(row *ent.FlashSale, stock *ent.OfferStock, now time.Time) Status {
	window, ok := WindowOf(row, now)
	switch {
	case row.Status == flashsale.StatusARCHIVED:
		return Archived
	case row.Status == flashsale.StatusDRAFT:
		return Draft
	case !ok || stock != nil && stock.Closed && row.Recurrence == nil:
		return Ended
	case !window.Contains(now):
		return Upcoming
	case stock != nil && stock.Closed, row.Stock != nil && remaining(row, stock) == 0:
		return SoldOut
	}
	return Live
}

// remaining is how many units of a sale with a stock are left in a window.
func remaining(row *ent.FlashSale, stock *ent.OfferStock) int64 {
	if stock == nil {
		return *row.Stock
	}
	return max(*row.Stock-stock.Taken, 0)
}

// within says whether an instant is in [from, until), of which either may be open.
func within(from, until *time.Time, now time.Time) bool {
	return (from == nil || !now.Before(*from)) && (until == nil || now.Before(*until))
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
