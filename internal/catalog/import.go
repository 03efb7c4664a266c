package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// Row is one product of an import, found again by its reference. What is not Set stays as it is on a product that is
// there, and is what a new product begins with: DURABLE, DRAFT, one unit, a slug made from its name.
type Row struct {
	// Line is where the row begins in its file, counted from 1; reports name it.
	Line      int
	Reference string
	Kind      Change[product.Kind]
	Status    Change[product.Status]
	Slug      Change[string]
	// Language is that of Name and Description. Empty is the product's own, and English for a new product. A language
	// that the product does not have yet is added to those it has.
	Language          string
	Name, Description Change[string]
	Creator           Change[string]
	Tags, Categories  Change[[]string]
	Units             Change[int]
	// Image becomes the product's first link to a picture; its other links stay.
	Image Change[string]
	// Prices are set in their currencies, and a nil one removed. Other currencies stay.
	Prices                    map[money.Code]*money.Amount
	PublishFrom, PublishUntil Change[*time.Time]
	// Problems are what was wrong already when the row was read, each a sentence that begins with the column. A row with
	// problems is a bad one.
	Problems []string
}

// Mode is what an import does about bad rows.
type Mode int

const (
	// AllOrNothing writes nothing when one row is bad.
	AllOrNothing Mode = iota
	// KeepGood writes the good rows.
	KeepGood
)

// ImportInput is an import.
type ImportInput struct {
	Rows []Row
	Mode Mode
	// DryRun does all the work and then undoes it, so the report is that of the real run. Like a real one in one
	// transaction, it keeps other writers of an SQLite database waiting.
	DryRun bool
	// Progress is told after each part how many rows are done; it begins anew when the database makes the import begin
	// anew. Nil for nobody to tell.
	Progress func(done, total int)
}

// ImportReport says what an import did, or would have done in a dry run.
type ImportReport struct {
	// Created, Updated and Unchanged count the rows by what became of their products.
	Created, Updated, Unchanged int
	// Skipped counts the rows of archived products, which an import leaves alone unless the row says ARCHIVED itself.
	Skipped int
	// Bad are the rows that are wrong, in the order of their lines. When there are any in an import of AllOrNothing,
	// nothing was written and all counts are 0.
	Bad []BadRow
}

// BadRow is a row that is wrong.
type BadRow struct {
	Line int
	// Reason names everything that is wrong, each with its column.
	Reason string
}

// importRows is how many rows are looked up and written together.
const importRows = 500

// errUndo ends a transaction that is not to be committed although nothing went wrong.
var errUndo = errors.New("undo")

// Import sets up the products of the rows and changes those that are there already, as their references tell. A second
// run with the same rows changes nothing.
//
// AllOrNothing and dry runs are one transaction. KeepGood is one for every 500 rows, so that others can write between
// them; when it is cut short, the next run does the rest.
func (s *Service) Import(ctx context.Context, in ImportInput) (ImportReport, error) {
	run := importRun{ImportInput: in, service: s, now: s.now()}
	run.look()

	var report ImportReport
	if in.Mode == KeepGood && !in.DryRun {
		for first := 0; first < len(in.Rows); first += importRows {
			var part ImportReport
			err := s.Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
				part = ImportReport{}
				if err := run.part(ctx, tx, first, &part); err != nil {
					return err
				}
				return part.revise(ctx, tx)
			})
			if err != nil {
				return report, err
			}
			report.add(part)
		}
		return report, nil
	}
	err := s.Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		report = ImportReport{}
		for first := 0; first < len(in.Rows); first += importRows {
			if err := run.part(ctx, tx, first, &report); err != nil {
				return err
			}
		}
		if in.DryRun || run.spoiled(report) {
			return errUndo
		}
		return report.revise(ctx, tx)
	})
	if err != nil && !errors.Is(err, errUndo) {
		return ImportReport{}, err
	}
	if run.spoiled(report) {
		report = ImportReport{Bad: report.Bad}
	}
	return report, nil
}

// revise is the last step of a transaction of an import, so that checkouts wait for its commit alone.
func (r *ImportReport) revise(ctx context.Context, tx *ent.Tx) error {
	if r.Created+r.Updated == 0 {
		return nil
	}
	return Revise(ctx, tx)
}

func (r *ImportReport) add(part ImportReport) {
	r.Created += part.Created
	r.Updated += part.Updated
	r.Unchanged += part.Unchanged
	r.Skipped += part.Skipped
	r.Bad = append(r.Bad, part.Bad...)
}

// importRun is an import on its way.
type importRun struct {
	ImportInput
	service  *Service
	now      time.Time
	problems [][]string      // by row, those that the rows alone tell
	given    map[string]bool // slugs that rows ask for, which are not made from the names of others
}

// spoiled says whether nothing more is to be written.
func (run *importRun) spoiled(report ImportReport) bool {
	return run.Mode == AllOrNothing && len(report.Bad) > 0
}

// look finds what is wrong between the rows: references and slugs that are there twice.
func (run *importRun) look() {
	run.problems = make([][]string, len(run.Rows))
	run.given = make(map[string]bool)
	references, slugs := make(map[string]int), make(map[string]int)
	for i, row := range run.Rows {
		problems := slices.Clone(row.Problems)
		if ref := reference(row); ref != "" {
			if line, twice := references[ref]; twice {
				problems = append(problems, fmt.Sprintf("reference: Line %d has the reference %s, too.", line, Clip(ref)))
			} else {
				references[ref] = row.Line
			}
		}
		if row.Slug.Set {
			slug := row.Slug.Value
			if line, twice := slugs[slug]; twice {
				problems = append(problems, fmt.Sprintf("slug: Line %d has the slug %s, too.", line, Clip(slug)))
			} else {
				slugs[slug], run.given[slug] = row.Line, true
			}
		}
		run.problems[i] = problems
	}
}

// part decides about up to importRows rows and writes them, unless a bad row has made that pointless.
func (run *importRun) part(ctx context.Context, tx *ent.Tx, first int, report *ImportReport) error {
	end := min(first+importRows, len(run.Rows))
	rows := run.Rows[first:end]
	known, err := run.known(ctx, tx, rows)
	if err != nil {
		return err
	}
	var changes []change
	for i, row := range rows {
		decided, problems, err := run.decide(row, known)
		if err != nil {
			return err
		}
		problems = append(slices.Clone(run.problems[first+i]), problems...)
		switch {
		case len(problems) > 0:
			report.Bad = append(report.Bad, BadRow{Line: row.Line, Reason: strings.Join(problems, " ")})
		case decided.skipped:
			report.Skipped++
		case decided.unchanged:
			report.Unchanged++
		case decided.before == nil:
			report.Created++
			changes = append(changes, decided.change)
		default:
			report.Updated++
			changes = append(changes, decided.change)
		}
	}
	if !run.spoiled(*report) && len(changes) > 0 {
		if err := run.nameNew(ctx, tx, changes); err != nil {
			return err
		}
		if err := run.service.apply(ctx, tx, run.now, "importProducts", changes); err != nil {
			return err
		}
	}
	if run.Progress != nil {
		run.Progress(end, len(run.Rows))
	}
	return nil
}

// knownProducts are what the database has to say about some rows.
type knownProducts struct {
	byReference map[string]*ent.Product
	slugs       map[string]uuid.UUID // of the slugs that rows ask for, who has them
}

func (run *importRun) known(ctx context.Context, tx *ent.Tx, rows []Row) (knownProducts, error) {
	var references, slugs []string
	for _, row := range rows {
		// PostgreSQL cannot be asked about what is no text. Such a reference is refused when its row is decided.
		if ref := reference(row); utf8.ValidString(ref) && !strings.ContainsFunc(ref, breaksLine) {
			references = append(references, ref)
		}
		if row.Slug.Set && IsSlug(row.Slug.Value) {
			slugs = append(slugs, row.Slug.Value)
		}
	}
	found, err := tx.Product.Query().Where(product.ReferenceIn(references...), db.Lock).WithPrices(inOrder).All(ctx)
	if err != nil {
		return knownProducts{}, fmt.Errorf("finding products by reference: %w", err)
	}
	known := knownProducts{byReference: make(map[string]*ent.Product, len(found))}
	for _, p := range found {
		known.byReference[*p.Reference] = p
	}
	known.slugs, err = takenSlugs(ctx, tx.Client(), slugs)
	return known, err
}

// decision is what becomes of a row that is not bad.
type decision struct {
	change
	skipped, unchanged bool
}

// decide lays a row over its product, or over a blank one. It decides nothing about a slug that is to be made.
func (run *importRun) decide(row Row, known knownProducts) (decision, []string, error) {
	d := draft{Form: Form{Currencies: run.service.currencies}, content: blank()}
	c := change{}
	old, exists := known.byReference[reference(row)]
	if exists {
		if old.Status == product.StatusARCHIVED && row.Status.Value != product.StatusARCHIVED {
			return decision{skipped: true}, nil, nil
		}
		before := contentOf(old)
		c = change{id: old.ID, before: &before, version: old.Version}
		d.content = contentOf(old)
	} else {
		c.id = id.New()
	}
	row.onto(&d, exists)
	if owner, taken := known.slugs[d.content.Slug]; taken && row.Slug.Set && owner != c.id {
		d.Refuse("slug", "Another product has the slug %s.", d.content.Slug)
	}
	if faults := d.finish(); len(faults) > 0 {
		return decision{}, sentences(faults), nil
	}
	c.after = d.content
	if !exists {
		return decision{change: c}, nil, nil
	}
	same, err := Equal(c.after, *c.before)
	return decision{change: c, unchanged: same}, nil, err
}

// nameNew makes slugs for the new products whose rows give none.
func (run *importRun) nameNew(ctx context.Context, tx *ent.Tx, changes []change) error {
	var unnamed []int
	var stems []string
	for i, c := range changes {
		if c.after.Slug == "" {
			unnamed = append(unnamed, i)
			stems = append(stems, Stem(c.after.Texts[c.after.Language].Name, fallbackStem, c.id))
		}
	}
	slugs, err := freeSlugs(ctx, tx.Client(), stems, run.given)
	if err != nil {
		return err
	}
	for i, at := range unnamed {
		changes[at].after.Slug = slugs[i]
	}
	return nil
}

// reference is the row's reference in the form in which it is stored.
func reference(row Row) string {
	d := draft{}
	return d.Line("", row.Reference, 0, maxReference)
}

// onto lays the row over a draft. Faults name the import's columns.
func (row Row) onto(d *draft, exists bool) {
	d.setReference("reference", row.Reference)
	if row.Kind.Set {
		if exists && row.Kind.Value != d.content.Kind {
			d.Refuse("kind", "The product is %s already and stays so.", d.content.Kind)
		}
		d.setKind("kind", row.Kind.Value)
	}
	if row.Status.Set && row.Status.Value == product.StatusARCHIVED {
		d.content.Status = product.StatusARCHIVED
	} else if row.Status.Set {
		d.setStatus("status", row.Status.Value)
	}
	if row.Slug.Set {
		d.setSlug("slug", row.Slug.Value)
	}
	row.textOnto(d, exists)
	if row.Creator.Set {
		d.setCreator("creator", row.Creator.Value)
	}
	if row.Tags.Set {
		d.setTags("tags", row.Tags.Value)
	}
	if row.Categories.Set {
		d.setCategories("categories", row.Categories.Value)
	}
	if row.Units.Set {
		d.content.Units = row.Units.Value
	}
	if row.Image.Set {
		d.setImage("image_url", row.Image.Value)
	}
	for _, currency := range slices.Sorted(maps.Keys(row.Prices)) {
		if amount := row.Prices[currency]; amount != nil {
			d.setPrice("price_"+strings.ToLower(string(currency)), Price{Currency: currency, Amount: *amount})
		} else {
			delete(d.content.Prices, currency)
		}
	}
	if row.PublishFrom.Set {
		d.content.PublishFrom = Instant(row.PublishFrom.Value)
	}
	if row.PublishUntil.Set {
		d.content.PublishUntil = Instant(row.PublishUntil.Value)
	}
}

// textOnto sets the text in the row's language.
func (row Row) textOnto(d *draft, exists bool) {
	if exists && !row.Name.Set && !row.Description.Set {
		return
	}
	tag := d.content.Language
	if row.Language != "" || tag == "" {
		const english = "en"
		var ok bool
		if tag, ok = d.language("language", cmp.Or(row.Language, english)); !ok {
			tag = english // and go on to what else is wrong
		}
	}
	if d.content.Language == "" {
		d.content.Language = tag
	}
	text, there := d.content.Texts[tag]
	switch {
	case row.Name.Set:
		text.Name = d.Line("name", row.Name.Value, 1, maxName)
	case !there:
		d.Refuse("name", "A new product, or a new language of one, needs a name.")
	}
	if row.Description.Set {
		text.Description = d.Lines("description", row.Description.Value, maxDescription)
	}
	d.content.Texts[tag] = text
	if len(d.content.Texts) > maxTexts {
		d.Refuse("language", "A product has texts in at most %d languages.", maxTexts)
	}
}

// setImage makes an address the product's first link to a picture.
func (d *draft) setImage(path, address string) {
	d.Address(path, address)
	i := slices.IndexFunc(d.content.Media, func(m schema.Media) bool { return m.Kind == "IMAGE" })
	switch {
	case i >= 0 && d.content.Media[i].URL == address:
	case i >= 0:
		d.content.Media[i] = schema.Media{Kind: "IMAGE", URL: address}
	case len(d.content.Media) == maxMedia:
		d.Refuse(path, "The product has %d links already.", maxMedia)
	default:
		d.content.Media = append(d.content.Media, schema.Media{Kind: "IMAGE", URL: address})
	}
}

// sentences are the faults of a row, each with its column in front.
func sentences(faults fault.List) []string {
	columns := map[string]string{"prices": "price", "publishUntil": "publish_until"}
	list := make([]string, len(faults))
	for i, f := range faults {
		column := f.Path[0]
		if name, ok := columns[column]; ok {
			column = name
		}
		list[i] = column + ": " + f.Message
	}
	return list
}
