package offers

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/ent/trialoffer"
	"farthing/internal/catalog"
	"farthing/internal/db"
)

const (
	// maxHours is the longest trial, and the longest grace, in hours: a year.
	maxHours = 365 * 24
	// maxTrialUses is the highest number of uses in a trial.
	maxTrialUses = 1_000_000
)

// trialContent is all that merchandisers decide about a trial offer.
type trialContent struct {
	common

	ProductID     uuid.UUID     `json:"productId"`
	Prices        schema.Prices `json:"prices"`
	DurationHours int           `json:"durationHours"`
	GraceHours    int           `json:"graceHours"`
	Uses          *int64        `json:"uses,omitempty"`
	PublishFrom   *time.Time    `json:"publishFrom,omitempty"`
	PublishUntil  *time.Time    `json:"publishUntil,omitempty"`
}

// trials is how trial offers are found and stored.
var trials = kind[ent.TrialOffer, trialContent]{
	noun: "trial offer", name: "TrialOffer",
	lock: func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.TrialOffer, error) {
		return tx.TrialOffer.Query().Where(trialoffer.ID(id), db.Lock).Only(ctx)
	},
	version: func(row *ent.TrialOffer) (uuid.UUID, int) { return row.ID, row.Version },
	content: trialContentOf,
	shared:  func(content *trialContent) *common { return &content.common },
	store:   storeTrial,
}

func trialContentOf(row *ent.TrialOffer) trialContent {
	return trialContent{
		common:    commonOf(row.Status, row.Language, row.Texts),
		ProductID: row.ProductID, Prices: maps.Clone(row.Prices),
		DurationHours: row.DurationHours, GraceHours: row.GraceHours, Uses: row.Uses,
		PublishFrom: catalog.Instant(row.PublishFrom), PublishUntil: catalog.Instant(row.PublishUntil),
	}
}

// CreateTrialOffer sets up a trial of a durable product. The error is a fault.List of INVALID_INPUT with all that is wrong
// with the input.
func (s *Service) CreateTrialOffer(ctx context.Context, in CreateTrialOffer) (*ent.TrialOffer, error) {
	return alone(ctx, s, s.CreateTrialOfferIn, in)
}

// CreateTrialOfferIn is CreateTrialOffer in a transaction of the caller.
func (s *Service) CreateTrialOfferIn(ctx context.Context, tx *ent.Tx, in CreateTrialOffer) (*ent.TrialOffer, error) {
	now, f, err := trials.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	c := trialContent{
		common: f.create(in.Common), ProductID: in.ProductID,
		DurationHours: in.DurationHours, GraceHours: in.GraceHours, Uses: in.Uses,
		PublishFrom: catalog.Instant(in.PublishFrom), PublishUntil: catalog.Instant(in.PublishUntil),
	}
	if err := f.product(ctx, tx, in.ProductID, product.KindDURABLE, "tried"); err != nil {
		return nil, err
	}
	c.Prices = f.somePrices("prices", in.Prices)
	f.trialTerms(c)
	f.Window("publishUntil", c.PublishFrom, c.PublishUntil)
	if err := f.finish(); err != nil {
		return nil, err
	}
	return trials.make(ctx, tx, now, c)
}

// UpdateTrialOffer changes a trial offer. Trials that have begun keep their terms.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateTrialOffer(ctx context.Context, in UpdateTrialOffer) (*ent.TrialOffer, error) {
	return alone(ctx, s, s.UpdateTrialOfferIn, in)
}

// UpdateTrialOfferIn is UpdateTrialOffer in a transaction of the caller.
func (s *Service) UpdateTrialOfferIn(ctx context.Context, tx *ent.Tx, in UpdateTrialOffer) (*ent.TrialOffer, error) {
	now, f, err := trials.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := trials.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	c := trialContent{DurationHours: 1} // right for any trial offer, when it is not known
	if row != nil {
		c = trialContentOf(row)
	}
	f.change(&c.common, in.CommonChange)
	if in.Prices.Set {
		c.Prices = f.somePrices("prices", in.Prices.Value)
	}
	if in.DurationHours.Set {
		c.DurationHours = in.DurationHours.Value
	}
	if in.GraceHours.Set {
		c.GraceHours = in.GraceHours.Value
	}
	if in.Uses.Set {
		c.Uses = in.Uses.Value
	}
	f.trialTerms(c)
	if in.PublishFrom.Set {
		c.PublishFrom = catalog.Instant(in.PublishFrom.Value)
	}
	if in.PublishUntil.Set {
		c.PublishUntil = catalog.Instant(in.PublishUntil.Value)
	}
	f.Window("publishUntil", c.PublishFrom, c.PublishUntil)
	if err := f.finish(refused...); err != nil {
		return nil, err
	}
	return trials.amend(ctx, tx, now, "updateTrialOffer", row, c)
}

// ArchiveTrialOffer withdraws a trial offer for good. Trials that have begun go on. Archiving twice is the same as once.
func (s *Service) ArchiveTrialOffer(ctx context.Context, in Archive) (*ent.TrialOffer, error) {
	return alone(ctx, s, s.ArchiveTrialOfferIn, in)
}

// ArchiveTrialOfferIn is ArchiveTrialOffer in a transaction of the caller.
func (s *Service) ArchiveTrialOfferIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.TrialOffer, error) {
	return trials.archive(ctx, tx, s, in)
}

// trialTerms checks how long a trial lasts, how long its price is credited afterwards, and how many uses it has.
func (f *form) trialTerms(c trialContent) {
	f.Between("durationHours", int64(c.DurationHours), 1, maxHours)
	f.Between("graceHours", int64(c.GraceHours), 0, maxHours)
	if c.Uses != nil {
		f.Between("uses", *c.Uses, 1, maxTrialUses)
	}
}

// product checks the one product that an offer is of: it is there, of a kind, and not archived. The message says what is
// done with products of that kind.
func (f *form) product(ctx context.Context, tx *ent.Tx, id uuid.UUID, kind product.Kind, done string) error {
	const path = "productId"
	row, err := tx.Product.Query().Where(product.ID(id)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		f.Refuse(path, "There is no such product.")
		return nil
	case err != nil:
		return fmt.Errorf("find the product of an offer: %w", err)
	case row.Kind != kind:
		f.Refuse(path, "Only %s products are %s like this; this one is %s.", kind, done, row.Kind)
	case row.Status == product.StatusARCHIVED:
		f.Refuse(path, "The product is archived.")
	}
	return nil
}

// somePrices checks prices of which there must be one.
func (f *form) somePrices(path string, list []catalog.Price) schema.Prices {
	if len(list) == 0 && !f.wrong(path) {
		f.Refuse(path, "Give prices in at least one currency.")
	}
	return f.Prices(path, list)
}

// storeTrial writes a trial offer and its steps of the price history.
func storeTrial(ctx context.Context, tx *ent.Tx, now time.Time, c change[trialContent]) error {
	if err := writeTrial(ctx, tx, now, c); err != nil {
		return err
	}
	var before schema.Prices
	if c.before != nil {
		before = c.before.Prices
	}
	return catalog.RecordPrices(ctx, tx, now, c.id, before, c.after.Prices)
}

func writeTrial(ctx context.Context, tx *ent.Tx, now time.Time, change change[trialContent]) error {
	c := change.after
	if change.before == nil {
		err := tx.TrialOffer.Create().SetID(change.id).
			SetStatus(trialoffer.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
			SetProductID(c.ProductID).SetPrices(c.Prices).
			SetDurationHours(c.DurationHours).SetGraceHours(c.GraceHours).SetNillableUses(c.Uses).
			SetNillablePublishFrom(c.PublishFrom).SetNillablePublishUntil(c.PublishUntil).
			SetVersion(change.version).SetCreatedAt(now).SetUpdatedAt(now).
			Exec(ctx)
		if err != nil {
			return fmt.Errorf("make a trial offer: %w", err)
		}
		return nil
	}
	update := tx.TrialOffer.Update().Where(trialoffer.ID(change.id)).
		SetStatus(trialoffer.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
		SetPrices(c.Prices).
		SetDurationHours(c.DurationHours).SetGraceHours(c.GraceHours).SetNillableUses(c.Uses).
		SetNillablePublishFrom(c.PublishFrom).SetNillablePublishUntil(c.PublishUntil).
		SetVersion(change.version).SetUpdatedAt(now)
	if c.Uses == nil {
		update.ClearUses()
	}
	if c.PublishFrom == nil {
		update.ClearPublishFrom()
	}
	if c.PublishUntil == nil {
		update.ClearPublishUntil()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("change a trial offer: %w", err)
	}
	return nil
}
