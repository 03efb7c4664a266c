package offers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/bundlecomponent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/id"
	"farthing/internal/pricing"
)

// maxComponents is how many components a bundle has at most.
const maxComponents = 100

// component is a thing in a bundle, a product or a bundle, in the form in which it is stored.
type component struct {
	Product  uuid.UUID `json:"productId,omitzero"`
	Bundle   uuid.UUID `json:"bundleId,omitzero"`
	Quantity int64     `json:"quantity"`
}

// bundleContent is all that merchandisers decide about a bundle.
type bundleContent struct {
	common

	Kind         bundle.Kind   `json:"kind"`
	Slug         string        `json:"slug"`
	Components   []component   `json:"components"`
	BasisPoints  int           `json:"basisPoints,omitempty"`
	Prices       schema.Prices `json:"prices,omitempty"`
	Choose       int           `json:"choose,omitempty"`
	PublishFrom  *time.Time    `json:"publishFrom,omitempty"`
	PublishUntil *time.Time    `json:"publishUntil,omitempty"`
}

// bundles is how bundles are found and stored.
var bundles = kind[ent.Bundle, bundleContent]{
	noun: "bundle", name: "Bundle",
	lock: func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Bundle, error) {
		return tx.Bundle.Query().Where(bundle.ID(id), db.Lock).WithComponents(inPlace).Only(ctx)
	},
	version: func(row *ent.Bundle) (uuid.UUID, int) { return row.ID, row.Version },
	content: bundleContentOf,
	shared:  func(content *bundleContent) *common { return &content.common },
	store:   storeBundle,
}

// inPlace has the components of a bundle in their order.
func inPlace(q *ent.BundleComponentQuery) { q.Order(bundlecomponent.ByPosition()) }

func bundleContentOf(row *ent.Bundle) bundleContent {
	return bundleContent{
		common: commonOf(row.Status, row.Language, row.Texts),
		Kind:   row.Kind, Slug: row.Slug, Components: componentsOf(row),
		BasisPoints: row.BasisPoints, Prices: maps.Clone(row.Prices), Choose: row.Choose,
		PublishFrom: catalog.Instant(row.PublishFrom), PublishUntil: catalog.Instant(row.PublishUntil),
	}
}

// componentsOf are the components of a stored bundle.
func componentsOf(row *ent.Bundle) []component {
	list := make([]component, len(row.Edges.Components))
	for i, c := range row.Edges.Components {
		list[i].Quantity = c.Quantity
		if c.ProductID != nil {
			list[i].Product = *c.ProductID
		} else {
			list[i].Bundle = *c.InnerID
		}
	}
	return list
}

// CreateBundle sets up a bundle. When the slug made from its name is taken, it gets a number: poems-2. The error is a
// fault.List of INVALID_INPUT with all that is wrong with the input.
func (s *Service) CreateBundle(ctx context.Context, in CreateBundle) (*ent.Bundle, error) {
	return alone(ctx, s, s.CreateBundleIn, in)
}

// CreateBundleIn is CreateBundle in a transaction of the caller.
func (s *Service) CreateBundleIn(ctx context.Context, tx *ent.Tx, in CreateBundle) (*ent.Bundle, error) {
	now, f, err := bundles.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	c := bundleContent{common: f.create(in.Common), Kind: in.Kind}
	known := bundle.KindValidator(in.Kind) == nil
	if !known {
		f.Refuse("kind", "%s is not a kind of bundle; it is FIXED, PERCENTAGE or CHOOSE.", catalog.Clip(string(in.Kind)))
	}
	f.bundlePrice(&c, in.PercentOff, catalog.To(in.Prices), in.Choose, known)
	if c.Components, err = f.components(ctx, tx, nil, c.Kind, in.Components); err != nil {
		return nil, err
	}
	f.choose("choose", c)
	c.PublishFrom, c.PublishUntil = catalog.Instant(in.PublishFrom), catalog.Instant(in.PublishUntil)
	f.Window("publishUntil", c.PublishFrom, c.PublishUntil)
	if in.Slug != nil {
		c.Slug = f.Slug("slug", *in.Slug)
		if err := f.freeSlug(ctx, tx, uuid.Nil, c.Slug); err != nil {
			return nil, err
		}
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	if c.Slug == "" {
		if c.Slug, err = madeSlug(ctx, tx, c.Texts[c.Language].Name); err != nil {
			return nil, err
		}
	}
	return bundles.make(ctx, tx, now, c)
}

// UpdateBundle changes a bundle. What was sold keeps its prices, and who owns it keeps it.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateBundle(ctx context.Context, in UpdateBundle) (*ent.Bundle, error) {
	return alone(ctx, s, s.UpdateBundleIn, in)
}

// UpdateBundleIn is UpdateBundle in a transaction of the caller.
func (s *Service) UpdateBundleIn(ctx context.Context, tx *ent.Tx, in UpdateBundle) (*ent.Bundle, error) {
	now, f, err := bundles.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := bundles.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	var c bundleContent
	if row != nil {
		c = bundleContentOf(row)
	}
	f.change(&c.common, in.CommonChange)
	if err := f.bundleTerms(ctx, tx, row, &c, in); err != nil {
		return nil, err
	}
	if err := f.finish(refused...); err != nil {
		return nil, err
	}
	return bundles.amend(ctx, tx, now, "updateBundle", row, c)
}

// ArchiveBundle takes a bundle off sale for good. What is in it stays in the bundles that it is in. Archiving twice is the
// same as once.
func (s *Service) ArchiveBundle(ctx context.Context, in Archive) (*ent.Bundle, error) {
	return alone(ctx, s, s.ArchiveBundleIn, in)
}

// ArchiveBundleIn is ArchiveBundle in a transaction of the caller.
func (s *Service) ArchiveBundleIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.Bundle, error) {
	return bundles.archive(ctx, tx, s, in)
}

// bundleTerms puts what an update sets of a bundle's terms into a content. When the bundle is not known, since the id is
// wrong or somebody else has changed it, only what is wrong for any bundle is refused.
func (f *form) bundleTerms(ctx context.Context, tx *ent.Tx, row *ent.Bundle, c *bundleContent, in UpdateBundle) (err error) {
	percent, choose := in.PercentOff.Value, in.Choose.Value
	if !in.PercentOff.Set && c.BasisPoints > 0 {
		percent = new(Percent(c.BasisPoints))
	}
	if !in.Choose.Set && c.Choose > 0 {
		choose = &c.Choose
	}
	f.bundlePrice(c, percent, in.Prices, choose, row != nil)
	if in.Components.Set {
		if c.Components, err = f.components(ctx, tx, row, c.Kind, in.Components.Value); err != nil {
			return err
		}
	}
	if in.Choose.Set {
		f.choose("choose", *c)
	} else if in.Components.Set {
		f.choose("components", *c)
	}
	if in.PublishFrom.Set {
		c.PublishFrom = catalog.Instant(in.PublishFrom.Value)
	}
	if in.PublishUntil.Set {
		c.PublishUntil = catalog.Instant(in.PublishUntil.Value)
	}
	f.Window("publishUntil", c.PublishFrom, c.PublishUntil)
	if !in.Slug.Set {
		return nil
	}
	c.Slug = f.Slug("slug", in.Slug.Value)
	return f.freeSlug(ctx, tx, in.ID, c.Slug)
}

// bundlePrice sets what a bundle costs, and checks that it is what its kind takes: FIXED has prices, PERCENTAGE a
// percentage, CHOOSE one of them and how many are chosen. When the kind is not known, something may be missing.
func (f *form) bundlePrice(
	c *bundleContent, percent *Percent, prices catalog.Change[[]catalog.Price], choose *int, known bool,
) {
	if percent == nil {
		c.BasisPoints = 0
	} else {
		c.BasisPoints = f.percent(*percent)
	}
	if prices.Set {
		c.Prices = f.Prices("prices", prices.Value)
	}
	c.Choose = 0
	if choose != nil {
		c.Choose = *choose
	}
	if !known {
		return
	}
	priced, reduced := len(c.Prices) > 0 || f.wrong("prices"), percent != nil || f.wrong("percentOff")
	switch {
	case c.Kind == bundle.KindFIXED && percent != nil:
		f.Refuse("percentOff", "A percentage is for the kinds PERCENTAGE and CHOOSE; a FIXED bundle has prices.")
	case c.Kind == bundle.KindPERCENTAGE && !reduced:
		f.Refuse("percentOff", "Give the percentage that is taken off.")
	case c.Kind == bundle.KindCHOOSE && percent != nil && len(c.Prices) > 0:
		f.Refuse("percentOff", "Give percentOff or prices, not both.")
	}
	switch {
	case c.Kind == bundle.KindFIXED && !priced:
		f.Refuse("prices", "Give prices in at least one currency.")
	case c.Kind == bundle.KindPERCENTAGE && len(c.Prices) > 0:
		f.Refuse("prices", "Prices are for the kinds FIXED and CHOOSE; a PERCENTAGE bundle has percentOff.")
	case c.Kind == bundle.KindCHOOSE && !priced && !reduced:
		f.Refuse("prices", "Give prices in at least one currency, or percentOff.")
	}
	switch {
	case c.Kind != bundle.KindCHOOSE && choose != nil:
		f.Refuse("choose", "This is for the kind CHOOSE; of a %s bundle a buyer gets all components.", c.Kind)
	case c.Kind == bundle.KindCHOOSE && choose == nil:
		f.Refuse("choose", "Say how many of the components a buyer chooses.")
	}
}

// choose checks how many components a CHOOSE bundle takes. The path is that of the field to blame.
func (f *form) choose(path string, c bundleContent) {
	if c.Kind != bundle.KindCHOOSE || f.wrong("choose") {
		return
	}
	if n := len(c.Components); c.Choose < 1 || c.Choose >= n && !f.wrong("components") {
		f.Refuse(path, "A buyer chooses at least 1 and fewer than all %d components, not %d.", n, c.Choose)
	}
}

// components checks the components of a bundle of a kind, and all that is in them. The row is the bundle as it is stored,
// nil when it is new, or not known; then the kind is empty, and what may already be in it is not refused.
func (f *form) components(
	ctx context.Context, tx *ent.Tx, row *ent.Bundle, kind bundle.Kind, given []Component,
) ([]component, error) {
	if len(given) < 1 || len(given) > maxComponents {
		f.Refuse("components", "Give 1 to %d components, not %d.", maxComponents, len(given))
		return nil, nil
	}
	list := make([]component, len(given))
	for i, c := range given {
		list[i] = component{Product: c.ProductID, Bundle: c.BundleID, Quantity: c.Quantity}
	}
	there, err := readThings(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	self := uuid.Nil
	if row != nil {
		self = row.ID
		for _, c := range componentsOf(row) {
			there.stays[c.Product], there.stays[c.Bundle] = true, true
		}
	}
	seen := map[uuid.UUID]bool{}
	for i, c := range list {
		at := "components." + strconv.Itoa(i)
		f.Between(at+".quantity", c.Quantity, 1, pricing.MaxQuantity)
		switch {
		case f.malformed.Blames(at + ".productId"), f.malformed.Blames(at + ".bundleId"):
		case c.Product != uuid.Nil && c.Bundle != uuid.Nil:
			f.Refuse(at+".bundleId", "A component is a product or a bundle, not both.")
			list[i].Bundle = uuid.Nil
		case c.Product != uuid.Nil:
			f.component(at, "product", c.Product, there, seen, kind)
			if p := there.products[c.Product]; p != nil && p.Kind == product.KindDURABLE && c.Quantity > 1 && !f.wrong(at+".quantity") {
				f.Refuse(at+".quantity", "Nobody can own a durable product %d times; give 1.", c.Quantity)
			}
		case c.Bundle != uuid.Nil:
			f.component(at, "bundle", c.Bundle, there, seen, kind)
		default:
			f.Refuse(at+".productId", "Say which product or bundle it is.")
		}
	}
	n, err := readNest(ctx, tx, self, kind, list)
	if err != nil {
		return nil, err
	}
	n.check(f)
	return list, nil
}

// component checks that the product or bundle of a component, which is what the noun says, is there, may come into the
// bundle, and is not there twice.
func (f *form) component(at, noun string, id uuid.UUID, there things, seen map[uuid.UUID]bool, kind bundle.Kind) {
	path := at + "." + noun + "Id"
	archived, found := there.archived[id]
	if !found {
		f.Refuse(path, "There is no such %s.", noun)
		return
	}
	if archived && !there.stays[id] && kind != "" {
		f.Refuse(path, "This %s is archived: it stays in bundles that it is in, and comes into no other.", noun)
	}
	if seen[id] {
		f.Refuse(path, "This %s is there twice; give each once, with its quantity.", noun)
	}
	seen[id] = true
}

// things are what some components name.
type things struct {
	products map[uuid.UUID]*ent.Product
	// archived tells of all that is there, products and bundles, whether it is archived.
	archived map[uuid.UUID]bool
	// stays is what may be archived, since it is in the bundle already.
	stays map[uuid.UUID]bool
}

func readThings(ctx context.Context, tx *ent.Tx, list []component) (things, error) {
	var productIDs, bundleIDs []uuid.UUID
	for _, c := range list {
		productIDs, bundleIDs = append(productIDs, c.Product), append(bundleIDs, c.Bundle)
	}
	products, err := catalog.ByIDs(ctx, tx.Client(), productIDs)
	if err != nil {
		return things{}, err
	}
	inner, err := BundlesByIDs(ctx, tx.Client(), bundleIDs)
	if err != nil {
		return things{}, err
	}
	there := things{products: products, archived: map[uuid.UUID]bool{}, stays: map[uuid.UUID]bool{}}
	for id, row := range products {
		there.archived[id] = row.Status == product.StatusARCHIVED
	}
	for id, row := range inner {
		there.archived[id] = row.Status == bundle.StatusARCHIVED
	}
	return there, nil
}

// freeSlug refuses a slug that another bundle than one has.
func (f *form) freeSlug(ctx context.Context, tx *ent.Tx, id uuid.UUID, slug string) error {
	if !catalog.IsSlug(slug) {
		return nil
	}
	taken, err := tx.Bundle.Query().Where(bundle.Slug(slug), bundle.IDNEQ(id)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find a slug: %w", err)
	}
	if taken {
		f.Refuse("slug", "Another bundle has the slug %s.", slug)
	}
	return nil
}

// madeSlug makes a slug from a name: the first of poems, poems-2, poems-3 … that no bundle has.
func madeSlug(ctx context.Context, tx *ent.Tx, name string) (string, error) {
	slug, err := catalog.FreeSlug(catalog.Stem(name, "bundle", id.New()), func(slugs []string) ([]string, error) {
		return tx.Bundle.Query().Where(bundle.SlugIn(slugs...)).Select(bundle.FieldSlug).Strings(ctx)
	})
	if err != nil {
		return "", fmt.Errorf("find slugs: %w", err)
	}
	return slug, nil
}

// storeBundle writes a bundle, its components if they differ, and its steps of the price history.
func storeBundle(ctx context.Context, tx *ent.Tx, now time.Time, c change[bundleContent]) error {
	if err := writeBundle(ctx, tx, now, c); err != nil {
		return err
	}
	var before bundleContent
	if c.before != nil {
		before = *c.before
	}
	if !slices.Equal(before.Components, c.after.Components) {
		if err := writeComponents(ctx, tx, c.id, c.after.Components); err != nil {
			return err
		}
	}
	return catalog.RecordPrices(ctx, tx, now, c.id, before.Prices, c.after.Prices)
}

func writeBundle(ctx context.Context, tx *ent.Tx, now time.Time, change change[bundleContent]) error {
	c := change.after
	if change.before == nil {
		err := tx.Bundle.Create().SetID(change.id).
			SetStatus(bundle.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
			SetKind(c.Kind).SetSlug(c.Slug).SetBasisPoints(c.BasisPoints).SetPrices(orEmpty(c.Prices)).SetChoose(c.Choose).
			SetNillablePublishFrom(c.PublishFrom).SetNillablePublishUntil(c.PublishUntil).
			SetVersion(change.version).SetCreatedAt(now).SetUpdatedAt(now).
			Exec(ctx)
		if err != nil {
			return fmt.Errorf("make a bundle: %w", err)
		}
		return nil
	}
	update := tx.Bundle.Update().Where(bundle.ID(change.id)).
		SetStatus(bundle.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
		SetSlug(c.Slug).SetBasisPoints(c.BasisPoints).SetPrices(orEmpty(c.Prices)).SetChoose(c.Choose).
		SetNillablePublishFrom(c.PublishFrom).SetNillablePublishUntil(c.PublishUntil).
		SetVersion(change.version).SetUpdatedAt(now)
	if c.PublishFrom == nil {
		update.ClearPublishFrom()
	}
	if c.PublishUntil == nil {
		update.ClearPublishUntil()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("change a bundle: %w", err)
	}
	return nil
}

// writeComponents replaces the components of a bundle.
func writeComponents(ctx context.Context, tx *ent.Tx, bundleID uuid.UUID, list []component) error {
	if _, err := tx.BundleComponent.Delete().Where(bundlecomponent.BundleID(bundleID)).Exec(ctx); err != nil {
		return fmt.Errorf("remove components of a bundle: %w", err)
	}
	rows := make([]*ent.BundleComponentCreate, len(list))
	for i, c := range list {
		rows[i] = tx.BundleComponent.Create().SetBundleID(bundleID).SetPosition(i).SetQuantity(c.Quantity)
		if c.Product != uuid.Nil {
			rows[i].SetProductID(c.Product)
		} else {
			rows[i].SetInnerID(c.Bundle)
		}
	}
	if err := tx.BundleComponent.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("write components of a bundle: %w", err)
	}
	return nil
}
