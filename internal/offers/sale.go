package offers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/flashsale"
	"farthing/ent/offerstock"
	"farthing/ent/predicate"
	"farthing/ent/product"
	"farthing/ent/salechange"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/page"
	"farthing/internal/zone"
)

const (
	// maxScope is how many products, and how many bundles, a scope may name.
	maxScope = 500
	// maxUnits is the highest stock or cap: a number that every client can read, and that no shop reaches.
	maxUnits = 1_000_000_000
)

// saleContent is all that merchandisers decide about a flash sale.
type saleContent struct {
	common

	Kind        flashsale.Kind     `json:"kind"`
	BasisPoints int                `json:"basisPoints,omitempty"`
	Prices      schema.Prices      `json:"prices,omitempty"`
	Scope       schema.Scope       `json:"scope"`
	StartsAt    time.Time          `json:"startsAt"`
	EndsAt      *time.Time         `json:"endsAt,omitempty"`
	Recurrence  *schema.Recurrence `json:"recurrence,omitempty"`
	Stock       *int64             `json:"stock,omitempty"`
	PerShopper  *int64             `json:"perShopper,omitempty"`
	EndedAt     *time.Time         `json:"endedAt,omitempty"`
}

// sales is how flash sales are found and stored.
var sales = kind[ent.FlashSale, saleContent]{
	noun: "flash sale", name: "FlashSale",
	lock: func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.FlashSale, error) {
		return tx.FlashSale.Query().Where(flashsale.ID(id), db.Lock).Only(ctx)
	},
	version: func(row *ent.FlashSale) (uuid.UUID, int) { return row.ID, row.Version },
	content: saleContentOf,
	shared:  func(content *saleContent) *common { return &content.common },
	store:   storeSale,
}

func saleContentOf(row *ent.FlashSale) saleContent {
	return saleContent{
		common: commonOf(row.Status, row.Language, row.Texts),
		Kind:   row.Kind, BasisPoints: row.BasisPoints, Prices: maps.Clone(row.Prices), Scope: row.Scope,
		StartsAt: row.StartsAt.UTC(), EndsAt: catalog.Instant(row.EndsAt), Recurrence: row.Recurrence,
		Stock: row.Stock, PerShopper: row.PerShopper, EndedAt: catalog.Instant(row.EndedAt),
	}
}

// CreateFlashSale plans a flash sale, or begins one. The error is a fault.List of INVALID_INPUT with all that is wrong with
// the input.
func (s *Service) CreateFlashSale(ctx context.Context, in CreateFlashSale) (*ent.FlashSale, error) {
	return alone(ctx, s, s.CreateFlashSaleIn, in)
}

// CreateFlashSaleIn is CreateFlashSale in a transaction of the caller.
func (s *Service) CreateFlashSaleIn(ctx context.Context, tx *ent.Tx, in CreateFlashSale) (*ent.FlashSale, error) {
	now, f, err := sales.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	c := saleContent{common: f.create(in.Common), Kind: in.Kind, Prices: f.Prices("prices", in.Prices), StartsAt: now}
	if flashsale.KindValidator(in.Kind) != nil {
		f.Refuse("kind", "%s is not a kind of flash sale; it is FIXED or PERCENTAGE.", catalog.Clip(string(in.Kind)))
	} else {
		c.BasisPoints = f.reduction(c.Kind == flashsale.KindPERCENTAGE, in.PercentOff, "prices", c.Prices, true)
	}
	if c.Scope, err = f.scope(ctx, tx, in.Scope); err != nil {
		return nil, err
	}
	if in.StartsAt != nil {
		c.StartsAt = *catalog.Instant(in.StartsAt)
	}
	c.EndsAt = catalog.Instant(in.EndsAt)
	c.Recurrence = f.recurrence(in.Recurrence)
	c.Stock, c.PerShopper = f.units("stock", in.Stock, 1), f.units("perShopper", in.PerShopper, 1)
	if c.EndsAt != nil && c.EndsAt.After(c.StartsAt) && !c.EndsAt.After(now) {
		f.Refuse("endsAt", "The end has passed already.")
	}
	f.finishSale(c, later(c.StartsAt, now))
	if err := f.finish(); err != nil {
		return nil, err
	}
	return sales.make(ctx, tx, now, c)
}

// UpdateFlashSale changes a flash sale, also a running one: what was sold stays as it was sold. A stock below what has been
// sold ends the window that is on, for good.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateFlashSale(ctx context.Context, in UpdateFlashSale) (*ent.FlashSale, error) {
	return alone(ctx, s, s.UpdateFlashSaleIn, in)
}

// UpdateFlashSaleIn is UpdateFlashSale in a transaction of the caller.
func (s *Service) UpdateFlashSaleIn(ctx context.Context, tx *ent.Tx, in UpdateFlashSale) (*ent.FlashSale, error) {
	now, f, err := sales.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := sales.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	var c saleContent
	if row != nil {
		c = saleContentOf(row)
	}
	f.change(&c.common, in.CommonChange)
	f.saleTerms(&c, in, row != nil)
	if in.Scope.Set {
		if c.Scope, err = f.scope(ctx, tx, in.Scope.Value); err != nil {
			return nil, err
		}
	}
	if row != nil {
		if c.EndsAt != nil && c.EndsAt.After(c.StartsAt) && !c.EndsAt.After(now) && (row.EndsAt == nil || !c.EndsAt.Equal(*row.EndsAt)) {
			f.Refuse("endsAt", "The end has passed already. To end a flash sale now there is endFlashSale.")
		}
		f.finishSale(c, c.StartsAt)
		if err := f.keepRounds(ctx, tx, row, c); err != nil {
			return nil, err
		}
	}
	if err := f.finish(refused...); err != nil {
		return nil, err
	}
	return sales.amend(ctx, tx, now, "updateFlashSale", row, c)
}

// ArchiveFlashSale puts a flash sale away for good, and ends it if it is on. Archiving twice is the same as once.
func (s *Service) ArchiveFlashSale(ctx context.Context, in Archive) (*ent.FlashSale, error) {
	return alone(ctx, s, s.ArchiveFlashSaleIn, in)
}

// ArchiveFlashSaleIn is ArchiveFlashSale in a transaction of the caller.
func (s *Service) ArchiveFlashSaleIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.FlashSale, error) {
	return sales.archive(ctx, tx, s, in)
}

// EndFlashSale ends a flash sale now: at the instant that it returns with, and at all later ones, it does not count. Ending
// one that is over changes nothing.
func (s *Service) EndFlashSale(ctx context.Context, in Archive) (*ent.FlashSale, error) {
	return alone(ctx, s, s.EndFlashSaleIn, in)
}

// EndFlashSaleIn is EndFlashSale in a transaction of the caller.
func (s *Service) EndFlashSaleIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.FlashSale, error) {
	now, _, err := sales.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := sales.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	if err := fault.Merge(in.Malformed, refused).Err(); err != nil {
		return nil, err
	}
	stocks, err := Stocks(ctx, tx.Client(), []Round{{Offer: row.ID}})
	if err != nil {
		return nil, err
	}
	stock := stocks[Round{Offer: row.ID}] // of all of a sale with one window; that of another is not asked about
	if _, goesOn := WindowOf(row, now); !goesOn || row.Status == flashsale.StatusARCHIVED || StatusOf(row, stock, now) == Ended {
		return row, nil
	}
	c := saleContentOf(row)
	c.EndedAt = &now
	return sales.amend(ctx, tx, now, "endFlashSale", row, c)
}

// saleTerms puts what an update sets of a sale's terms, except its scope, into a content. When the sale is not known, since
// the id is wrong or somebody else has changed it, only what is wrong for any sale is refused.
func (f *form) saleTerms(c *saleContent, in UpdateFlashSale, known bool) {
	if in.Kind.Set && in.Kind.Value != c.Kind {
		// What goes with the kind that it was goes with it.
		c.Kind, c.BasisPoints, c.Prices = in.Kind.Value, 0, nil
	}
	if in.Prices.Set {
		c.Prices = f.Prices("prices", in.Prices.Value)
	}
	percent := in.PercentOff.Value
	if !in.PercentOff.Set && c.BasisPoints > 0 {
		percent = new(Percent(c.BasisPoints))
	}
	switch {
	case flashsale.KindValidator(c.Kind) == nil:
		c.BasisPoints = f.reduction(c.Kind == flashsale.KindPERCENTAGE, percent, "prices", c.Prices, known)
	case in.Kind.Set:
		f.Refuse("kind", "%s is not a kind of flash sale; it is FIXED or PERCENTAGE.", catalog.Clip(string(c.Kind)))
	case percent != nil:
		f.percent(*percent) // whichever kind it is
	}
	if in.StartsAt.Set {
		c.StartsAt = *catalog.Instant(&in.StartsAt.Value)
	}
	if in.EndsAt.Set {
		c.EndsAt = catalog.Instant(in.EndsAt.Value)
	}
	if in.Recurrence.Set {
		c.Recurrence = f.recurrence(in.Recurrence.Value)
	}
	if in.Stock.Set {
		c.Stock = f.units("stock", in.Stock.Value, 0)
	}
	if in.PerShopper.Set {
		c.PerShopper = f.units("perShopper", in.PerShopper.Value, 1)
	}
}

// finishSale checks what concerns several fields. There must be a window from an instant on.
func (f *form) finishSale(c saleContent, from time.Time) {
	if c.EndsAt == nil && c.Recurrence == nil && !f.wrong("endsAt") && !f.wrong("recurrence") {
		f.Refuse("endsAt", "A flash sale that does not recur needs an end.")
	}
	if f.wrong("startsAt") || f.wrong("endsAt") {
		return
	}
	f.Window("endsAt", &c.StartsAt, c.EndsAt)
	if c.Recurrence == nil || f.wrong("endsAt") || f.wrong("recurrence") {
		return
	}
	if _, ok := At(c.StartsAt, c.EndsAt, c.Recurrence, from); !ok {
		f.Refuse("recurrence", "There is no such window between the beginning and the end of the flash sale.")
	}
}

// keepRounds refuses to make a recurring sale of one with one window, or the reverse, when units have been sold: what was
// sold is counted by windows, and they would be others.
func (f *form) keepRounds(ctx context.Context, tx *ent.Tx, row *ent.FlashSale, c saleContent) error {
	if (row.Recurrence == nil) == (c.Recurrence == nil) {
		return nil
	}
	sold, err := Sold(ctx, tx.Client(), []uuid.UUID{row.ID})
	if err != nil {
		return err
	}
	if sold[row.ID] > 0 {
		f.Refuse("recurrence", "Units have been sold already: a flash sale with one window cannot become a recurring one any more, nor the reverse.")
	}
	return nil
}

// reduction checks that an offer lowers a price by a percentage or by amounts in currencies, whichever it takes, and not by
// the other as well, and gives the percentage as it is stored. The path is that of the amounts. When not all of it is known,
// something may be missing.
func (f *form) reduction(byPercent bool, percent *Percent, path string, amounts schema.Prices, known bool) int {
	switch {
	case byPercent && len(amounts) > 0:
		f.Refuse(path, "The kind PERCENTAGE has percentOff and no %s.", path)
	case !byPercent && len(amounts) == 0 && known && !f.wrong(path):
		f.Refuse(path, "Give %s in at least one currency.", path)
	}
	switch {
	case byPercent && percent != nil:
		return f.percent(*percent)
	case byPercent && known && !f.wrong("percentOff"):
		f.Refuse("percentOff", "Give the percentage that is taken off.")
	case !byPercent && percent != nil:
		f.Refuse("percentOff", "A percentage is for the kind PERCENTAGE; this one has %s.", path)
	}
	return 0
}

// units checks a stock or cap; nil is any number.
func (f *form) units(path string, n *int64, least int64) *int64 {
	if n != nil {
		f.Between(path, *n, least, maxUnits)
	}
	return n
}

// scope checks what an offer is for: that it names something, and that all of it is there. What is named twice is kept
// once.
func (f *form) scope(ctx context.Context, tx *ent.Tx, in schema.Scope) (schema.Scope, error) {
	scope, err := f.scopeOrAll(ctx, tx, in)
	if len(in.Products)+len(in.Bundles)+len(in.Tags)+len(in.Categories) == 0 && !f.wrong("scope") {
		f.Refuse("scope", "Name at least one product, bundle, tag or category.")
	}
	return scope, err
}

// scopeOrAll is scope for an offer that is for everything when nothing is named.
func (f *form) scopeOrAll(ctx context.Context, tx *ent.Tx, in schema.Scope) (schema.Scope, error) {
	scope := schema.Scope{Tags: f.Labels("scope.tags", in.Tags), Categories: f.Labels("scope.categories", in.Categories)}
	var err error
	if f.fits("scope.productIds", in.Products) {
		scope.Products, err = f.existing("scope.productIds", "product", in.Products, func(ids []uuid.UUID) ([]uuid.UUID, error) {
			return tx.Product.Query().Where(product.IDIn(ids...)).IDs(ctx)
		})
		if err != nil {
			return scope, fmt.Errorf("find the products of a scope: %w", err)
		}
	}
	if f.fits("scope.bundleIds", in.Bundles) {
		scope.Bundles, err = f.existing("scope.bundleIds", "bundle", in.Bundles, func(ids []uuid.UUID) ([]uuid.UUID, error) {
			return tx.Bundle.Query().Where(bundle.IDIn(ids...)).IDs(ctx)
		})
		if err != nil {
			return scope, fmt.Errorf("find the bundles of a scope: %w", err)
		}
	}
	return scope, nil
}

func (f *form) fits(path string, ids []uuid.UUID) bool {
	if len(ids) > maxScope {
		f.Refuse(path, "Give at most %d, not %d.", maxScope, len(ids))
	}
	return len(ids) > 0 && len(ids) <= maxScope
}

// existing refuses ids of nothing, and gives the others, each once.
func (f *form) existing(
	path, noun string, ids []uuid.UUID, find func([]uuid.UUID) ([]uuid.UUID, error),
) ([]uuid.UUID, error) {
	found, err := find(ids)
	if err != nil {
		return nil, err
	}
	there, seen := make(map[uuid.UUID]bool, len(found)), make(map[uuid.UUID]bool, len(ids))
	for _, id := range found {
		there[id] = true
	}
	var kept []uuid.UUID
	for i, id := range ids {
		if !there[id] {
			f.Refuse(path+"."+strconv.Itoa(i), "There is no such %s.", noun)
		}
		if !seen[id] {
			kept = append(kept, id)
		}
		seen[id] = true
	}
	return kept, nil
}

// recurrence checks a weekly window, and gives its days in the order of the week. Equal times are a window of a whole day.
func (f *form) recurrence(r *schema.Recurrence) *schema.Recurrence {
	if r == nil {
		return nil
	}
	if !zone.Known(r.TimeZone) {
		f.Refuse("recurrence.timeZone", "%s is not a time zone of the IANA database, such as Asia/Seoul.", catalog.Clip(r.TimeZone))
	}
	if len(r.Weekdays) == 0 {
		f.Refuse("recurrence.weekdays", "Give at least one day.")
	}
	for i, day := range r.Weekdays {
		at := "recurrence.weekdays." + strconv.Itoa(i)
		switch {
		case day < time.Sunday || day > time.Saturday:
			f.Refuse(at, "This is not a day of the week.")
		case slices.Contains(r.Weekdays[:i], day):
			f.Refuse(at, "%s is there twice; give each day once.", strings.ToUpper(day.String()))
		}
	}
	for _, clock := range []struct{ field, text string }{{".from", r.From}, {".until", r.Until}} {
		if _, ok := parseClock(clock.text); !ok {
			f.Refuse("recurrence"+clock.field, "%s is not a time of day such as 18:00.", catalog.Clip(clock.text))
		}
	}
	sorted := *r
	sorted.Weekdays = slices.Sorted(slices.Values(r.Weekdays))
	return &sorted
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// storeSale writes a flash sale, its counts, and what became of its terms.
func storeSale(ctx context.Context, tx *ent.Tx, now time.Time, c change[saleContent]) error {
	if err := writeSale(ctx, tx, now, c); err != nil {
		return err
	}
	if err := recordTerms(ctx, tx, now, c); err != nil {
		return err
	}
	after := c.after
	if after.Recurrence == nil && (c.before == nil || c.before.Recurrence != nil) {
		if err := beginCount(ctx, tx, c.id, after.Stock); err != nil {
			return err
		}
	}
	if c.before == nil {
		return nil
	}
	// Not only when the stock changes: new hours can make a window of today go on that was over when it did.
	from := int64(0)
	if after.Recurrence != nil {
		window, ok := At(after.StartsAt, after.EndsAt, after.Recurrence, now)
		if !ok {
			return nil
		}
		from = window.Round // what was sold in windows that are over stays as it is
	}
	return limitCounts(ctx, tx, c.id, from, after.Stock)
}

func writeSale(ctx context.Context, tx *ent.Tx, now time.Time, change change[saleContent]) error {
	c := change.after
	if change.before == nil {
		create := tx.FlashSale.Create().SetID(change.id).
			SetStatus(flashsale.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
			SetKind(c.Kind).SetBasisPoints(c.BasisPoints).SetPrices(orEmpty(c.Prices)).SetScope(c.Scope).
			SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).
			SetNillableStock(c.Stock).SetNillablePerShopper(c.PerShopper).
			SetVersion(change.version).SetCreatedAt(now).SetUpdatedAt(now)
		if c.Recurrence != nil {
			create.SetRecurrence(c.Recurrence)
		}
		if err := create.Exec(ctx); err != nil {
			return fmt.Errorf("make a flash sale: %w", err)
		}
		return nil
	}
	update := tx.FlashSale.Update().Where(flashsale.ID(change.id)).
		SetStatus(flashsale.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
		SetKind(c.Kind).SetBasisPoints(c.BasisPoints).SetPrices(orEmpty(c.Prices)).SetScope(c.Scope).
		SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).
		SetNillableStock(c.Stock).SetNillablePerShopper(c.PerShopper).SetNillableEndedAt(c.EndedAt).
		SetVersion(change.version).SetUpdatedAt(now)
	if c.EndsAt == nil {
		update.ClearEndsAt()
	}
	if c.Recurrence == nil {
		update.ClearRecurrence()
	} else {
		update.SetRecurrence(c.Recurrence)
	}
	if c.Stock == nil {
		update.ClearStock()
	}
	if c.PerShopper == nil {
		update.ClearPerShopper()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("change a flash sale: %w", err)
	}
	return nil
}

// orEmpty is no prices for those that are not there: the columns are not null.
func orEmpty(prices schema.Prices) schema.Prices {
	if prices == nil {
		return schema.Prices{}
	}
	return prices
}

// beginCount makes the row of what is taken of an offer's only window, unless it is there.
func beginCount(ctx context.Context, tx *ent.Tx, offer uuid.UUID, stock *int64) error {
	err := tx.OfferStock.Create().SetID(id.New()).SetOfferID(offer).SetRound(0).SetNillableMost(stock).
		OnConflictColumns(offerstock.FieldOfferID, offerstock.FieldRound).Ignore().Exec(ctx)
	if err != nil {
		return fmt.Errorf("begin to count what is taken of an offer: %w", err)
	}
	return nil
}

// limitCounts changes the stock of an offer's windows from one on. Of a window of which more has been taken nothing more
// can be, even when units come back: it is closed. What is closed stays so.
func limitCounts(ctx context.Context, tx *ent.Tx, offer uuid.UUID, from int64, stock *int64) error {
	rows, err := tx.OfferStock.Query().Where(offerstock.OfferID(offer), offerstock.RoundGTE(from), offerstock.Closed(false), db.Lock).All(ctx)
	if err != nil {
		return fmt.Errorf("lock what is taken of an offer: %w", err)
	}
	for _, row := range rows {
		update := tx.OfferStock.Update().Where(offerstock.ID(row.ID))
		switch {
		case stock == nil && row.Most == nil, stock != nil && row.Most != nil && *stock == *row.Most:
			continue
		case stock == nil:
			update.ClearMost()
		case *stock < row.Taken:
			update.SetMost(row.Taken).SetClosed(true)
		default:
			update.SetMost(*stock)
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("limit what can be taken of an offer: %w", err)
		}
	}
	return nil
}

// terms are what lowers prices of a flash sale: the part of it that is kept in the price history.
type terms struct {
	Active      bool
	Kind        flashsale.Kind
	BasisPoints int
	Prices      schema.Prices
	Scope       schema.Scope
	StartsAt    time.Time
	EndsAt      *time.Time
	Recurrence  *schema.Recurrence
}

func termsOf(c saleContent) terms {
	t := terms{
		Active: c.Status == StatusActive, Kind: c.Kind, BasisPoints: c.BasisPoints, Prices: orEmpty(c.Prices), Scope: c.Scope,
		StartsAt: c.StartsAt, EndsAt: c.EndsAt, Recurrence: c.Recurrence,
	}
	if c.EndedAt != nil && (t.EndsAt == nil || c.EndedAt.Before(*t.EndsAt)) {
		t.EndsAt = c.EndedAt
	}
	return t
}

// recordTerms writes the terms of a flash sale into the history of prices (rule 19), unless they are as they were.
func recordTerms(ctx context.Context, tx *ent.Tx, now time.Time, c change[saleContent]) error {
	t := termsOf(c.after)
	if c.before != nil {
		if unchanged, err := catalog.Equal(termsOf(*c.before), t); err != nil || unchanged {
			return err
		}
	}
	create := tx.SaleChange.Create().SetID(id.New()).SetSaleID(c.id).SetActive(t.Active).
		SetKind(salechange.Kind(t.Kind)).SetBasisPoints(t.BasisPoints).SetPrices(t.Prices).SetScope(t.Scope).
		SetStartsAt(t.StartsAt).SetNillableEndsAt(t.EndsAt).SetCreatedAt(now)
	if t.Recurrence != nil {
		create.SetRecurrence(t.Recurrence)
	}
	if err := create.Exec(ctx); err != nil {
		return fmt.Errorf("write the history of a flash sale: %w", err)
	}
	return nil
}

// FlashSalesByIDs finds flash sales. Those that are not there are not in the result.
func FlashSalesByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.FlashSale, error) {
	found := make(map[uuid.UUID]*ent.FlashSale, len(ids))
	for chunk := range slices.Chunk(ids, countRows) {
		rows, err := client.FlashSale.Query().Where(flashsale.IDIn(chunk...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("find flash sales: %w", err)
		}
		for _, row := range rows {
			found[row.ID] = row
		}
	}
	return found, nil
}

// SaleListInput asks for a page of flash sales.
type SaleListInput struct {
	page.Args
	// Statuses are where they stand now; all when it is empty.
	Statuses []Status
	// Merchandiser says that the caller sees drafts and archived ones.
	Merchandiser bool
}

// saleQuery is what a list of flash sales comes down to: equal queries are equal lists.
type saleQuery struct {
	Statuses     []Status
	Merchandiser bool
}

func (in SaleListInput) query() saleQuery {
	return saleQuery{Merchandiser: in.Merchandiser, Statuses: slices.Compact(slices.Sorted(slices.Values(in.Statuses)))}
}

// ListFlashSales gives a page of flash sales, newest first. The errors are INVALID_INPUT faults, at fields such as first.
//
// Where a sale stands is not stored. The database leaves out what it can tell, and the rest is looked at here, as many rows as
// it takes to fill the page; so a page is as full as any, and cursors lead on where it ends.
func (s *Service) ListFlashSales(ctx context.Context, in SaleListInput) (page.Page[*ent.FlashSale], error) {
	q, now, client := in.query(), s.now(), s.db.Client()
	scope, err := json.Marshal(q)
	if err != nil {
		return page.Page[*ent.FlashSale]{}, fmt.Errorf("write a filter as JSON: %w", err)
	}
	order := page.Order[*ent.FlashSale]{
		Scope: "flash sales" + string(scope), Descending: true,
		ID: func(row *ent.FlashSale) uuid.UUID { return row.ID },
	}
	ascending := in.Last != nil || in.Before != nil
	return page.Read(in.Args, order, func(apply func(*sql.Selector), limit int) ([]*ent.FlashSale, error) {
		var found []*ent.FlashSale
		for beyond := (func(*sql.Selector))(nil); ; {
			query := client.FlashSale.Query().Where(q.could(now)...).Where(apply).Limit(limit)
			if beyond != nil {
				query.Where(beyond)
			}
			rows, err := query.All(ctx)
			if err != nil {
				return nil, fmt.Errorf("list flash sales: %w", err)
			}
			matching, err := q.matching(ctx, client, rows, now)
			if err != nil {
				return nil, err
			}
			found = append(found, matching...)
			if len(found) >= limit || len(rows) < limit {
				return found[:min(len(found), limit)], nil
			}
			last := rows[len(rows)-1].ID
			beyond = func(s *sql.Selector) {
				if ascending {
					s.Where(sql.GT(s.C(flashsale.FieldID), last))
				} else {
					s.Where(sql.LT(s.C(flashsale.FieldID), last))
				}
			}
		}
	})
}

// CountFlashSales tells how many flash sales ListFlashSales would give on all pages together.
func (s *Service) CountFlashSales(ctx context.Context, in SaleListInput) (int, error) {
	q, now, client := in.query(), s.now(), s.db.Client()
	if len(q.Statuses) == 0 {
		n, err := client.FlashSale.Query().Where(q.could(now)...).Count(ctx)
		if err != nil {
			return 0, fmt.Errorf("count flash sales: %w", err)
		}
		return n, nil
	}
	total := 0
	for after := uuid.Nil; ; {
		rows, err := client.FlashSale.Query().Where(q.could(now)...).Where(flashsale.IDGT(after)).
			Order(flashsale.ByID()).Limit(countRows).All(ctx)
		if err != nil {
			return 0, fmt.Errorf("count flash sales: %w", err)
		}
		matching, err := q.matching(ctx, client, rows, now)
		if err != nil {
			return 0, err
		}
		total += len(matching)
		if len(rows) < countRows {
			return total, nil
		}
		after = rows[len(rows)-1].ID
	}
}

// could holds for all flash sales that may be asked for, and for as few others as the database can tell.
func (q saleQuery) could(now time.Time) []predicate.FlashSale {
	over := flashsale.Or(flashsale.EndsAtLTE(now), flashsale.EndedAtLTE(now))
	goesOn := flashsale.And(
		flashsale.Or(flashsale.EndsAtIsNil(), flashsale.EndsAtGT(now)),
		flashsale.Or(flashsale.EndedAtIsNil(), flashsale.EndedAtGT(now)),
	)
	active := flashsale.StatusEQ(flashsale.StatusACTIVE)
	if len(q.Statuses) == 0 {
		if q.Merchandiser {
			return nil
		}
		return []predicate.FlashSale{active}
	}
	wanted := []predicate.FlashSale{flashsale.IDEQ(uuid.Nil)} // none, unless there is something to add
	for _, status := range q.Statuses {
		switch {
		case status == Draft && q.Merchandiser:
			wanted = append(wanted, flashsale.StatusEQ(flashsale.StatusDRAFT))
		case status == Archived && q.Merchandiser:
			wanted = append(wanted, flashsale.StatusEQ(flashsale.StatusARCHIVED))
		case status == Upcoming:
			wanted = append(wanted, flashsale.And(active, goesOn, flashsale.Or(flashsale.StartsAtGT(now), flashsale.RecurrenceNotNil())))
		case status == Live, status == SoldOut:
			wanted = append(wanted, flashsale.And(active, goesOn, flashsale.StartsAtLTE(now)))
		case status == Ended:
			wanted = append(wanted, flashsale.And(active, flashsale.Or(over, flashsale.RecurrenceNotNil(), closedOnce)))
		}
	}
	return []predicate.FlashSale{flashsale.Or(wanted...)}
}

// closedOnce holds for flash sales whose one window was closed.
func closedOnce(s *sql.Selector) {
	t := sql.Dialect(s.Dialect()).Table(offerstock.Table)
	s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(t.C(offerstock.FieldID)).From(t).Where(sql.And(
		sql.ColumnsEQ(t.C(offerstock.FieldOfferID), s.C(flashsale.FieldID)),
		sql.EQ(t.C(offerstock.FieldRound), 0), sql.EQ(t.C(offerstock.FieldClosed), true),
	))))
}

// matching are those of some flash sales that stand as is asked for.
func (q saleQuery) matching(
	ctx context.Context, client *ent.Client, rows []*ent.FlashSale, now time.Time,
) ([]*ent.FlashSale, error) {
	if len(q.Statuses) == 0 || len(rows) == 0 {
		return rows, nil
	}
	counts, err := StocksOf(ctx, client, rows, now)
	if err != nil {
		return nil, err
	}
	var matching []*ent.FlashSale
	for _, row := range rows {
		if slices.Contains(q.Statuses, StatusOf(row, counts[row.ID], now)) {
			matching = append(matching, row)
		}
	}
	return matching, nil
}

// StocksOf reads, by flash sale, what has been taken of the window that each is in or, when it is in none, of its next one.
func StocksOf(ctx context.Context, client *ent.Client, rows []*ent.FlashSale, now time.Time) (map[uuid.UUID]*ent.OfferStock, error) {
	rounds := make([]Round, 0, len(rows))
	for _, row := range rows {
		if window, ok := WindowOf(row, now); ok {
			rounds = append(rounds, Round{row.ID, window.Round})
		}
	}
	found, err := Stocks(ctx, client, rounds)
	if err != nil {
		return nil, err
	}
	counts := make(map[uuid.UUID]*ent.OfferStock, len(found))
	for round, stock := range found {
		counts[round.Offer] = stock
	}
	return counts, nil
}
