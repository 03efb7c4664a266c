package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/fault"
	"farthing/internal/money"
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
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Current is the data of a CONFLICT: where the thing that somebody wanted to change is by now.
type Current struct {
	// Version is what to send as expectedVersion, after a look at what has changed.
	Version int
}

// Update changes a product and raises its version. An update that changes nothing leaves the version as it is.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the Current version when the product is not
// at the expected one, INVALID_INPUT. Whether a slug is taken is asked only when nothing else is wrong.
func (s *Service) Update(ctx context.Context, in UpdateInput) (updated *ent.Product, err error) {
	err = s.Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		updated, err = s.UpdateIn(ctx, tx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// UpdateIn is Update in a transaction of the caller, which Write has opened.
func (s *Service) UpdateIn(ctx context.Context, tx *ent.Tx, in UpdateInput) (*ent.Product, error) {
	p, refused, err := claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	d := draft{Form: Form{Faults: refused, Currencies: s.currencies}, content: lenient()}
	if p != nil {
		d.content = contentOf(p)
	}
	in.onto(&d)
	if err := fault.Merge(in.Malformed, d.finish()).Err(); err != nil {
		return nil, err
	}
	return s.amend(ctx, tx, "updateProduct", p, d.content)
}

// claim finds and locks the product that an input is about. There is none when the id could not be read, and none together
// with a refusal when there is no such product or it is not at the expected version.
func claim(
	ctx context.Context, tx *ent.Tx, id uuid.UUID, expected *int, malformed fault.List,
) (*ent.Product, fault.List, error) {
	if malformed.Blames("id") {
		return nil, nil, nil
	}
	p, err := lock(ctx, tx, id)
	if faults := fault.From(err); len(faults) > 0 {
		return nil, faults, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if expected != nil && *expected != p.Version {
		return nil, fault.List{
			fault.New(fault.Conflict, "The product is at version %d, not %d; read it again.", p.Version, *expected).
				At("expectedVersion").With(Current{Version: p.Version}),
		}, nil
	}
	return p, nil, nil
}

// lenient is a content that stands for a product that nobody can tell anything about: whatever of an update may be right
// for one product or another is right for it.
func lenient() content {
	c := blank()
	c.Kind = product.KindCONSUMABLE // has any number of units
	c.Prices[money.PointsCode] = 0  // enough to be ACTIVE
	return c
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
		d.content.PublishFrom = Instant(in.PublishFrom.Value)
	}
	if in.PublishUntil.Set {
		d.content.PublishUntil = Instant(in.PublishUntil.Value)
	}
}

// amend gives a locked product its new content, unless that is what it has, and returns the product as it is then.
func (s *Service) amend(ctx context.Context, tx *ent.Tx, action string, p *ent.Product, after content) (*ent.Product, error) {
	before := contentOf(p)
	same, err := Equal(after, before)
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
	return s.write(ctx, tx, action, c)
}
