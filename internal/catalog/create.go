package catalog

import (
	"context"
	"time"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/fault"
	"farthing/internal/id"
)

// CreateInput is a new product. Faults name the fields as the schema's CreateProductInput does.
type CreateInput struct {
	Kind product.Kind
	// Status is DRAFT or ACTIVE.
	Status product.Status
	// Texts are 1 to 20, each language once. The first is in the product's own language.
	Texts []Text
	// Slug is made from the name when it is nil.
	Slug *string
	// Creator is one line of up to 500 characters, empty when unknown.
	Creator string
	// Tags and Categories are up to 50 each, of up to 100 characters. Of those that differ in case or accents alone the
	// first is kept.
	Tags, Categories []string
	// Media are up to 20.
	Media []schema.Media
	// Units is 1 to 1,000,000, and 1 for a DURABLE.
	Units int
	// Prices are in currencies of the shop, each once. An ACTIVE product needs one.
	Prices []Price
	// PublishFrom and PublishUntil are the window [from, until) in which an ACTIVE product is on sale; nil for no bound.
	PublishFrom, PublishUntil *time.Time
	// Reference is up to 255 characters and unique; nil for none.
	Reference *string
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Create sets up a product. When the slug made from its name is taken, it gets a number: poems-2.
//
// The error is a fault.List of INVALID_INPUT with all that is wrong with the input; whether a given slug or the reference
// is taken is asked only when nothing else is wrong.
func (s *Service) Create(ctx context.Context, in CreateInput) (made *ent.Product, err error) {
	after, err := s.drafted(in)
	if err != nil {
		return nil, err // before a transaction is opened for it
	}
	err = s.Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		made, err = s.make(ctx, tx, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// CreateIn is Create in a transaction of the caller, which Write has opened.
func (s *Service) CreateIn(ctx context.Context, tx *ent.Tx, in CreateInput) (*ent.Product, error) {
	after, err := s.drafted(in)
	if err != nil {
		return nil, err
	}
	return s.make(ctx, tx, after)
}

// drafted is the content of a new product, or all that is wrong with the input by itself.
func (s *Service) drafted(in CreateInput) (content, error) {
	d := draft{Form: Form{Currencies: s.currencies}, content: blank()}
	in.onto(&d)
	return d.content, fault.Merge(in.Malformed, d.finish()).Err()
}

// make makes a product, and returns it as it is then.
func (s *Service) make(ctx context.Context, tx *ent.Tx, after content) (*ent.Product, error) {
	c := change{id: id.New(), after: after}
	if err := claimNames(ctx, tx, &c); err != nil {
		return nil, err
	}
	return s.write(ctx, tx, "createProduct", c)
}

func (in CreateInput) onto(d *draft) {
	d.setKind("kind", in.Kind)
	d.setStatus("status", in.Status)
	d.setTexts("texts", in.Texts)
	if in.Slug != nil {
		d.setSlug("slug", *in.Slug)
	}
	d.setCreator("creator", in.Creator)
	d.setTags("tags", in.Tags)
	d.setCategories("categories", in.Categories)
	d.setMedia("media", in.Media)
	d.content.Units = in.Units
	d.setPrices("prices", in.Prices)
	d.content.PublishFrom, d.content.PublishUntil = Instant(in.PublishFrom), Instant(in.PublishUntil)
	if in.Reference != nil {
		d.setReference("reference", *in.Reference)
	}
}

// claimNames refuses a reference or a given slug that another product has, and finds a free slug when none was given.
func claimNames(ctx context.Context, tx *ent.Tx, c *change) error {
	var faults fault.List
	if c.before == nil && c.after.Reference != nil {
		taken, err := tx.Product.Query().Where(product.Reference(*c.after.Reference)).Exist(ctx)
		if err != nil {
			return err
		}
		if taken {
			faults.Add(fault.Input("reference", "Another product has the reference %s.", Clip(*c.after.Reference)))
		}
	}
	if c.after.Slug == "" {
		name := c.after.Texts[c.after.Language].Name
		slugs, err := freeSlugs(ctx, tx.Client(), []string{Stem(name, fallbackStem, c.id)}, nil)
		if err != nil {
			return err
		}
		c.after.Slug = slugs[0]
		return faults.Err()
	}
	taken, err := takenSlugs(ctx, tx.Client(), []string{c.after.Slug})
	if err != nil {
		return err
	}
	if owner, ok := taken[c.after.Slug]; ok && owner != c.id {
		faults.Add(fault.Input("slug", "Another product has the slug %s.", c.after.Slug))
	}
	return faults.Err()
}
