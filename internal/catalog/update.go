package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/fault"
)

// UpdateInput is a change of a product: what is not Set stays as it is. Limits are those of CreateInput; faults name the
// fields as the schema's UpdateProductInput does.
type UpdateInput struct {
	ID uuid.UUID
	// ExpectedVersion is the version that the change was made from; nil to change whatever is there.
	ExpectedVersion *int
	// Status is DRAFT or ACTIVE. An archived product stays archived.
	Status Change[product.Status]
	// Texts replace all texts.
	Texts            Change[[]Text]
	Slug             Change[string]
	Creator          Change[string]
	Tags, Categories Change[[]string]
	Media            Change[[]schema.Media]
	Units            Change[int]
	// Prices replace all prices: in a currency that is not among them the product is no longer sold.
	Prices                    Change[[]Price]
	PublishFrom, PublishUntil Change[*time.Time]
}

// Update changes a product and raises its version. An update that changes nothing leaves the version as it is.
//
// The errors are faults: NOT_FOUND, CONFLICT when the product is not at the expected version, or a list of
// INVALID_INPUT with all that is wrong.
func (s *Service) Update(ctx context.Context, in UpdateInput) (*ent.Product, error) {
	now := s.now()
	var updated *ent.Product
	err := s.write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		p, err := lock(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if in.ExpectedVersion != nil && *in.ExpectedVersion != p.Version {
			return fault.New(fault.Conflict, "The product is at version %d, not %d; read it again.", p.Version, *in.ExpectedVersion).
				At("expectedVersion")
		}
		d := draft{content: contentOf(p), currencies: s.currencies}
		in.onto(&d)
		if err := d.finish().Err(); err != nil {
			return err
		}
		updated, err = s.amend(ctx, tx, now, "updateProduct", p, d.content)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

func (in UpdateInput) onto(d *draft) {
	if in.Status.Set {
		d.setStatus("status", in.Status.Value)
	}
	if in.Texts.Set {
		d.setTexts("texts", in.Texts.Value)
	}
	if in.Slug.Set {
		d.setSlug("slug", in.Slug.Value)
	}
	if in.Creator.Set {
		d.setCreator("creator", in.Creator.Value)
	}
	if in.Tags.Set {
		d.setTags("tags", in.Tags.Value)
	}
	if in.Categories.Set {
		d.setCategories("categories", in.Categories.Value)
	}
	if in.Media.Set {
		d.setMedia("media", in.Media.Value)
	}
	if in.Units.Set {
		d.content.Units = in.Units.Value
	}
	if in.Prices.Set {
		d.setPrices("prices", in.Prices.Value)
	}
	if in.PublishFrom.Set {
		d.content.PublishFrom = instant(in.PublishFrom.Value)
	}
	if in.PublishUntil.Set {
		d.content.PublishUntil = instant(in.PublishUntil.Value)
	}
}

// amend gives a locked product its new content, unless that is what it has, and returns the product as it is then.
func (s *Service) amend(ctx context.Context, tx *ent.Tx, now time.Time, action string, p *ent.Product, after content) (*ent.Product, error) {
	before := contentOf(p)
	same, err := after.equal(before)
	if err != nil {
		return nil, err
	}
	if same {
		return p, nil
	}
	c := change{id: p.ID, before: &before, version: p.Version, after: after}
	if err := claimNames(ctx, tx, &c); err != nil {
		return nil, err
	}
	if err := s.apply(ctx, tx, now, action, []change{c}); err != nil {
		return nil, err
	}
	return ByID(ctx, tx.Client(), p.ID)
}
