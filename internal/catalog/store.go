package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/price"
	"farthing/ent/product"
	"farthing/ent/productterm"
	"farthing/ent/schema"
	"farthing/internal/audit"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// Rows in one statement: SQLite takes 32,766 variables, PostgreSQL 65,535.
const (
	productRows = 1_000 // of 18 columns
	smallRows   = 500   // of up to 6
	idRows      = 10_000
)

// change is a product before and after.
type change struct {
	id uuid.UUID
	// before is nil for a product that is made.
	before *content
	// version is that of before.
	version int
	after   content
}

// Write runs a function in a transaction of its own, which may take in several CreateIn, UpdateIn and ArchiveIn. What one of
// them refuses it has written nothing of, and the transaction can go on without it.
//
// A slug or reference that somebody else takes between our look and our insert is a violated unique index, which spoils
// the transaction; then the function starts again, sees who has it, and takes another or refuses. See db.DB.Tx for what
// a function that may run several times has to mind.
func (s *Service) Write(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	const attempts = 10
	for range attempts {
		err := s.db.Tx(ctx, fn)
		if !db.IsUnique(err) {
			return err
		}
	}
	return fault.New(fault.Conflict, "Many products of this name are being made at once; try again.")
}

// lock finds a product and its prices and keeps others from changing it until the transaction ends.
func lock(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Product, error) {
	return only(ctx, tx.Product.Query().Where(product.ID(id), db.Lock))
}

// write applies one change and returns the product as it is then. The instant from which its prices are in force is taken
// while nobody sells.
func (s *Service) write(ctx context.Context, tx *ent.Tx, action string, c change) (*ent.Product, error) {
	if err := Revise(ctx, tx); err != nil {
		return nil, err
	}
	if err := s.apply(ctx, tx, s.now(), action, []change{c}); err != nil {
		return nil, err
	}
	return ByID(ctx, tx.Client(), c.id)
}

// apply writes changes with all that follows from them: versions, prices and their history, search terms, audit. What
// exists must be locked. The caller does Revise at the end.
func (s *Service) apply(ctx context.Context, tx *ent.Tx, now time.Time, action string, changes []change) error {
	steps := []func(context.Context, *ent.Tx, time.Time, []change) error{makeProducts, changeProducts, writePrices, s.indexTerms}
	for _, step := range steps {
		if err := step(ctx, tx, now, changes); err != nil {
			return err
		}
	}
	entries := make([]audit.Entry, len(changes))
	for i, c := range changes {
		entries[i] = audit.Entry{Action: action, Target: c.id, After: c.after}
		if c.before != nil {
			entries[i].Before = *c.before
		}
	}
	return audit.RecordAll(ctx, tx, now, entries)
}

func makeProducts(ctx context.Context, tx *ent.Tx, now time.Time, changes []change) error {
	var made []*ent.ProductCreate
	for _, change := range changes {
		if change.before != nil {
			continue
		}
		c := change.after
		made = append(made, tx.Product.Create().
			SetID(change.id).
			SetNillableReference(c.Reference).
			SetSlug(c.Slug).
			SetKind(c.Kind).
			SetStatus(c.Status).
			SetUnits(c.Units).
			SetCreator(c.Creator).
			SetLanguage(c.Language).
			SetTexts(c.Texts).
			SetTags(c.Tags).
			SetCategories(c.Categories).
			SetMedia(c.Media).
			SetSortName(sortName(c)).
			SetNillablePublishFrom(c.PublishFrom).
			SetNillablePublishUntil(c.PublishUntil).
			SetCreatedAt(now).
			SetUpdatedAt(now))
	}
	for chunk := range slices.Chunk(made, productRows) {
		if err := tx.Product.CreateBulk(chunk...).Exec(ctx); err != nil {
			return fmt.Errorf("making products: %w", err)
		}
	}
	return nil
}

func changeProducts(ctx context.Context, tx *ent.Tx, now time.Time, changes []change) error {
	for _, change := range changes {
		if change.before == nil {
			continue
		}
		c := change.after
		update := tx.Product.Update().
			Where(product.ID(change.id)).
			SetSlug(c.Slug).
			SetStatus(c.Status).
			SetUnits(c.Units).
			SetCreator(c.Creator).
			SetLanguage(c.Language).
			SetTexts(c.Texts).
			SetTags(c.Tags).
			SetCategories(c.Categories).
			SetMedia(c.Media).
			SetSortName(sortName(c)).
			SetNillablePublishFrom(c.PublishFrom).
			SetNillablePublishUntil(c.PublishUntil).
			SetVersion(change.version + 1).
			SetUpdatedAt(now)
		if c.PublishFrom == nil {
			update.ClearPublishFrom()
		}
		if c.PublishUntil == nil {
			update.ClearPublishUntil()
		}
		if err := update.Exec(ctx); err != nil {
			return fmt.Errorf("changing a product: %w", err)
		}
	}
	return nil
}

// writePrices writes the prices that differ, and for each of them its step in the price history.
func writePrices(ctx context.Context, tx *ent.Tx, now time.Time, changes []change) error {
	var set []*ent.PriceCreate
	var history []priceStep
	removed := make(map[money.Code][]uuid.UUID)
	for _, change := range changes {
		var before schema.Prices
		if change.before != nil {
			before = change.before.Prices
		}
		for _, step := range priceSteps(change.id, before, change.after.Prices) {
			history = append(history, step)
			if step.amount == nil {
				removed[step.currency] = append(removed[step.currency], step.id)
				continue
			}
			set = append(set, tx.Price.Create().SetProductID(step.id).SetCurrency(step.currency).SetAmount(*step.amount))
		}
	}

	for chunk := range slices.Chunk(set, smallRows) {
		err := tx.Price.CreateBulk(chunk...).
			OnConflictColumns(price.FieldProductID, price.FieldCurrency).
			Update(func(u *ent.PriceUpsert) { u.UpdateAmount() }).
			Exec(ctx)
		if err != nil {
			return fmt.Errorf("setting prices: %w", err)
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(removed)) {
		for ids := range slices.Chunk(removed[currency], idRows) {
			if _, err := tx.Price.Delete().Where(price.CurrencyEQ(currency), price.ProductIDIn(ids...)).Exec(ctx); err != nil {
				return fmt.Errorf("removing prices: %w", err)
			}
		}
	}
	return recordSteps(ctx, tx, now, history)
}

// indexTerms makes the search index of the changed products what it should be: terms that stay are not touched.
func (s *Service) indexTerms(ctx context.Context, tx *ent.Tx, _ time.Time, changes []change) error {
	var existing []uuid.UUID
	for _, change := range changes {
		if change.before != nil {
			existing = append(existing, change.id)
		}
	}
	type entry struct {
		product uuid.UUID
		term    string
	}
	there := make(map[entry]uuid.UUID)
	for ids := range slices.Chunk(existing, idRows) {
		stored, err := tx.ProductTerm.Query().Where(productterm.ProductIDIn(ids...)).All(ctx)
		if err != nil {
			return fmt.Errorf("reading search terms: %w", err)
		}
		for _, t := range stored {
			there[entry{t.ProductID, string(t.Term)}] = t.ID
		}
	}

	var added []entry
	for _, change := range changes {
		for _, term := range terms(change.after) {
			if e := (entry{change.id, string(term)}); there[e] == uuid.Nil {
				added = append(added, e)
			} else {
				delete(there, e)
			}
		}
	}
	for ids := range slices.Chunk(slices.Collect(maps.Values(there)), idRows) {
		if _, err := tx.ProductTerm.Delete().Where(productterm.IDIn(ids...)).Exec(ctx); err != nil {
			return fmt.Errorf("removing search terms: %w", err)
		}
	}
	// An index is built up twice as fast in its own order.
	slices.SortFunc(added, func(a, b entry) int { return cmp.Compare(a.term, b.term) })
	for chunk := range slices.Chunk(added, smallRows) {
		// ent's own bulk insert reads back every row, at twice the cost; a catalogue has some thirty terms a product.
		insert := sql.Dialect(s.db.Dialect()).Insert(productterm.Table).
			Columns(productterm.FieldID, productterm.FieldTerm, productterm.FieldProductID)
		for _, e := range chunk {
			insert.Values(id.New(), []byte(e.term), e.product)
		}
		statement, args := insert.Query()
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("adding search terms: %w", err)
		}
	}
	return nil
}
