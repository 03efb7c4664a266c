package offers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/pricing"
)

// Limits of a tier plan.
const (
	minTiers = 2
	maxTiers = 20
)

// tierContent is all that merchandisers decide about a tier plan.
type tierContent struct {
	common

	ProductID uuid.UUID     `json:"productId"`
	Mode      tierplan.Mode `json:"mode"`
	Tiers     []schema.Tier `json:"tiers"`
	StartsAt  time.Time     `json:"startsAt"`
	EndsAt    *time.Time    `json:"endsAt,omitempty"`
}

// tierPlans is how tier plans are found and stored.
var tierPlans = kind[ent.TierPlan, tierContent]{
	noun: "tier plan", name: "TierPlan",
	lock: func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.TierPlan, error) {
		return tx.TierPlan.Query().Where(tierplan.ID(id), db.Lock).Only(ctx)
	},
	version: func(row *ent.TierPlan) (uuid.UUID, int) { return row.ID, row.Version },
	content: tierContentOf,
	shared:  func(content *tierContent) *common { return &content.common },
	store:   storeTierPlan,
}

func tierContentOf(row *ent.TierPlan) tierContent {
	return tierContent{
		common:    commonOf(row.Status, row.Language, row.Texts),
		ProductID: row.ProductID, Mode: row.Mode, Tiers: slices.Clone(row.Tiers),
		StartsAt: row.StartsAt.UTC(), EndsAt: catalog.Instant(row.EndsAt),
	}
}

// CreateTierPlan sets up prices by quantity. The error is a fault.List of INVALID_INPUT with all that is wrong with the
// input.
func (s *Service) CreateTierPlan(ctx context.Context, in CreateTierPlan) (*ent.TierPlan, error) {
	return alone(ctx, s, s.CreateTierPlanIn, in)
}

// CreateTierPlanIn is CreateTierPlan in a transaction of the caller.
func (s *Service) CreateTierPlanIn(ctx context.Context, tx *ent.Tx, in CreateTierPlan) (*ent.TierPlan, error) {
	now, f, err := tierPlans.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	c := tierContent{common: f.create(in.Common), ProductID: in.ProductID, StartsAt: now, EndsAt: catalog.Instant(in.EndsAt)}
	if err := f.product(ctx, tx, in.ProductID, product.KindCONSUMABLE, "priced by quantity"); err != nil {
		return nil, err
	}
	f.mode(&c, in.Mode)
	c.Tiers = f.tiers("tiers", in.Tiers)
	if in.StartsAt != nil {
		c.StartsAt = *catalog.Instant(in.StartsAt)
	}
	if !f.wrong("startsAt") {
		f.Window("endsAt", &c.StartsAt, c.EndsAt)
	}
	if err := f.onlyPlan(ctx, tx, "productId", uuid.Nil, c); err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	return tierPlans.make(ctx, tx, now, c)
}

// UpdateTierPlan changes prices by quantity. What was sold keeps its prices.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateTierPlan(ctx context.Context, in UpdateTierPlan) (*ent.TierPlan, error) {
	return alone(ctx, s, s.UpdateTierPlanIn, in)
}

// UpdateTierPlanIn is UpdateTierPlan in a transaction of the caller.
func (s *Service) UpdateTierPlanIn(ctx context.Context, tx *ent.Tx, in UpdateTierPlan) (*ent.TierPlan, error) {
	now, f, err := tierPlans.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := tierPlans.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	var c tierContent
	if row != nil {
		c = tierContentOf(row)
	}
	f.change(&c.common, in.CommonChange)
	if in.Mode.Set {
		f.mode(&c, in.Mode.Value)
	}
	if in.Tiers.Set {
		c.Tiers = f.tiers("tiers", in.Tiers.Value)
	}
	if in.StartsAt.Set {
		c.StartsAt = *catalog.Instant(&in.StartsAt.Value)
	}
	if in.EndsAt.Set {
		c.EndsAt = catalog.Instant(in.EndsAt.Value)
	}
	if !f.wrong("startsAt") {
		f.Window("endsAt", &c.StartsAt, c.EndsAt)
	}
	if row != nil && in.Status.Set {
		if err := f.onlyPlan(ctx, tx, "status", row.ID, c); err != nil {
			return nil, err
		}
	}
	if err := f.finish(refused...); err != nil {
		return nil, err
	}
	return tierPlans.amend(ctx, tx, now, "updateTierPlan", row, c)
}

// ArchiveTierPlan puts prices by quantity away for good. Archiving twice is the same as once.
func (s *Service) ArchiveTierPlan(ctx context.Context, in Archive) (*ent.TierPlan, error) {
	return alone(ctx, s, s.ArchiveTierPlanIn, in)
}

// ArchiveTierPlanIn is ArchiveTierPlan in a transaction of the caller.
func (s *Service) ArchiveTierPlanIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.TierPlan, error) {
	return tierPlans.archive(ctx, tx, s, in)
}

func (f *form) mode(c *tierContent, mode tierplan.Mode) {
	if tierplan.ModeValidator(mode) != nil {
		f.Refuse("mode", "%s is not how tiers count; that is VOLUME or GRADUATED.", catalog.Clip(string(mode)))
	}
	c.Mode = mode
}

// onlyPlan refuses an ACTIVE plan for a product that has another one, which would leave it open what the product costs.
func (f *form) onlyPlan(ctx context.Context, tx *ent.Tx, path string, id uuid.UUID, c tierContent) error {
	if c.Status != StatusActive {
		return nil
	}
	other, err := tx.TierPlan.Query().
		Where(tierplan.ProductID(c.ProductID), tierplan.StatusEQ(tierplan.StatusACTIVE), tierplan.IDNEQ(id)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find the tier plan of a product: %w", err)
	}
	if other {
		f.Refuse(path, "Another tier plan of this product is ACTIVE; archive it, or make it a draft, first.")
	}
	return nil
}

// tiers checks that tiers begin at the first unit, follow each other without gap or overlap, and that the last, alone, is
// open-ended (rule 18). They are stored by their beginnings.
func (f *form) tiers(path string, given []Tier) []schema.Tier {
	if len(given) < minTiers || len(given) > maxTiers {
		f.Refuse(path, "Give %d to %d tiers, not %d.", minTiers, maxTiers, len(given))
		return nil
	}
	stored := make([]schema.Tier, len(given))
	for i, tier := range given {
		at := path + "." + strconv.Itoa(i)
		stored[i] = schema.Tier{From: tier.From, Prices: f.somePrices(at+".prices", tier.Prices)}
		if i == 0 {
			if tier.From != 1 {
				f.Refuse(at+".from", "The first tier is from 1, not from %d.", tier.From)
			}
		} else {
			f.follows(path, i, given[i-1], tier)
			f.sameCurrencies(path, i, stored)
		}
		f.tierEnd(at, tier, i == len(given)-1)
	}
	return stored
}

// follows checks that a tier begins right behind the one before it.
func (f *form) follows(path string, i int, previous, tier Tier) {
	at := path + "." + strconv.Itoa(i) + ".from"
	last := path + "." + strconv.Itoa(i-1) + ".upTo"
	switch {
	case tier.From < 1 || tier.From > pricing.MaxQuantity:
		f.Between(at, tier.From, 1, pricing.MaxQuantity)
	case previous.UpTo == nil || f.wrong(last):
		// Where the tier before ends is not known, which is refused there.
	case tier.From > *previous.UpTo+1:
		f.Refuse(at, "There is a gap: no tier has %s. Begin at %d.", span(*previous.UpTo+1, tier.From-1), *previous.UpTo+1)
	case tier.From <= *previous.UpTo:
		f.Refuse(at, "There is an overlap: the tier before has %s, too. Begin at %d.", span(tier.From, *previous.UpTo), *previous.UpTo+1)
	}
}

// span names some units.
func span(first, last int64) string {
	if first == last {
		return fmt.Sprintf("unit %d", first)
	}
	return fmt.Sprintf("units %d to %d", first, last)
}

// tierEnd checks the last unit of a tier.
func (f *form) tierEnd(at string, tier Tier, last bool) {
	path := at + ".upTo"
	switch {
	case last && tier.UpTo != nil:
		f.Refuse(path, "The last tier is open-ended: leave this out.")
	case last:
	case tier.UpTo == nil:
		f.Refuse(path, "Say up to which unit the tier is; only the last one is open-ended.")
	case *tier.UpTo < 1 || *tier.UpTo > pricing.MaxQuantity:
		f.Between(path, *tier.UpTo, 1, pricing.MaxQuantity)
	case *tier.UpTo < tier.From && !f.wrong(at+".from"):
		f.Refuse(path, "A tier from %d cannot end at %d.", tier.From, *tier.UpTo)
	}
}

// sameCurrencies checks that a tier has prices in the currencies of the first.
func (f *form) sameCurrencies(path string, i int, tiers []schema.Tier) {
	at := path + "." + strconv.Itoa(i) + ".prices"
	if f.wrong(path+".0.prices") || f.wrong(at) {
		return
	}
	first, own := slices.Sorted(maps.Keys(tiers[0].Prices)), slices.Sorted(maps.Keys(tiers[i].Prices))
	if slices.Equal(first, own) {
		return
	}
	names := make([]string, len(first))
	for i, currency := range first {
		names[i] = string(currency)
	}
	f.Refuse(at, "All tiers have prices in the same currencies; the first has %s.", strings.Join(names, ", "))
}

func storeTierPlan(ctx context.Context, tx *ent.Tx, now time.Time, change change[tierContent]) error {
	c := change.after
	if change.before == nil {
		err := tx.TierPlan.Create().SetID(change.id).
			SetStatus(tierplan.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
			SetProductID(c.ProductID).SetMode(c.Mode).SetTiers(c.Tiers).
			SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).
			SetVersion(change.version).SetCreatedAt(now).SetUpdatedAt(now).
			Exec(ctx)
		if err != nil {
			return fmt.Errorf("make a tier plan: %w", err)
		}
		return nil
	}
	update := tx.TierPlan.Update().Where(tierplan.ID(change.id)).
		SetStatus(tierplan.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
		SetMode(c.Mode).SetTiers(c.Tiers).
		SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).
		SetVersion(change.version).SetUpdatedAt(now)
	if c.EndsAt == nil {
		update.ClearEndsAt()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("change a tier plan: %w", err)
	}
	return nil
}
