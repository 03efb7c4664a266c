// Package offers is what makes a price lower than the list price: bundles, trials, flash sales, prices by quantity and
// coupons; how they are set up, found and counted. What they come to for a basket is internal/pricing's to say.
//
// It promises:
//
//   - Whatever is stored has been checked. A refusal names everything that is wrong at once, each at its field.
//   - A change, its audit entry (rule 29) and its step of the price history (rule 19) are written in one transaction, at
//     one instant taken while nobody sells: every purchase's price is right for the instant it bears. A change that changes
//     nothing writes nothing, and nobody overwrites another's change unseen.
//   - Offers are archived, never deleted, and an archived one never comes back: what was sold keeps its row.
//   - Where an offer stands in time is computed when somebody asks, from half-open windows in UTC (rule 10). No job begins
//     or ends anything.
//   - Units taken of an offer never exceed its stock, nor those of one shopper the cap (rule 16): counted in rows that
//     whoever takes one locks, with constraints behind them.
//
// Verbs do not ask for roles: the schema declares them, and the door checks.
package offers

import (
	"time"

	"github.com/google/uuid"

	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// Service has the verbs of offers. It is safe for use by many goroutines.
type Service struct {
	db         *db.DB
	currencies *money.Currencies
	clock      func() time.Time

	// Boards keeps what is on offer.
	Boards *Boards
	// Watcher looks at the flash sales that somebody watches.
	Watcher *Watcher
}

// New makes the service. The clock tells the current instant; currencies are those that prices may be in.
func New(d *db.DB, currencies *money.Currencies, clock func() time.Time) *Service {
	return &Service{db: d, currencies: currencies, clock: clock, Boards: NewBoards(d, clock), Watcher: newWatcher(d, clock)}
}

// now is the current instant as both stores keep it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Percent is a percentage in hundredths: 1250 is 12.5 percent.
type Percent int

// Status words of all offers. They are those of the schema's OfferStatus.
const (
	StatusDraft    = "DRAFT"
	StatusActive   = "ACTIVE"
	StatusArchived = "ARCHIVED"
)

// Common is what all new offers have.
type Common struct {
	// Texts are 1 to 20, each language once. The first is in the offer's own language.
	Texts []catalog.Text
	// Status is DRAFT or ACTIVE.
	Status string
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// CommonChange is what all changes of offers have: what is not Set stays.
type CommonChange struct {
	ID uuid.UUID
	// ExpectedVersion is the version that the change was made from; nil to change whatever is there.
	ExpectedVersion *int
	Status          catalog.Change[string]
	Texts           catalog.Change[[]catalog.Text]
	Malformed       fault.List
}

// Archive says which offer to put away.
type Archive struct {
	ID              uuid.UUID
	ExpectedVersion *int
	Malformed       fault.List
}

// Component is a thing of a new bundle: one of the ids is the zero id.
type Component struct {
	ProductID, BundleID uuid.UUID
	Quantity            int64
}

// CreateBundle is a new bundle. Faults name the fields as the schema's CreateBundleInput does, here and below.
type CreateBundle struct {
	Common
	Kind bundle.Kind
	// Slug is made from the name when it is nil.
	Slug       *string
	Components []Component
	PercentOff *Percent
	Prices     []catalog.Price
	// Choose is how many of the components a CHOOSE takes; nil for the other kinds.
	Choose                    *int
	PublishFrom, PublishUntil *time.Time
}

// UpdateBundle is a change of a bundle.
type UpdateBundle struct {
	CommonChange
	Slug                      catalog.Change[string]
	Components                catalog.Change[[]Component]
	PercentOff                catalog.Change[*Percent]
	Prices                    catalog.Change[[]catalog.Price]
	Choose                    catalog.Change[*int]
	PublishFrom, PublishUntil catalog.Change[*time.Time]
}

// CreateTrialOffer is a new trial offer.
type CreateTrialOffer struct {
	Common
	ProductID                 uuid.UUID
	Prices                    []catalog.Price
	DurationHours, GraceHours int
	// Uses is nil for any number.
	Uses                      *int64
	PublishFrom, PublishUntil *time.Time
}

// UpdateTrialOffer is a change of a trial offer.
type UpdateTrialOffer struct {
	CommonChange
	Prices                    catalog.Change[[]catalog.Price]
	DurationHours, GraceHours catalog.Change[int]
	Uses                      catalog.Change[*int64]
	PublishFrom, PublishUntil catalog.Change[*time.Time]
}

// CreateFlashSale is a new flash sale.
type CreateFlashSale struct {
	Common
	Kind       flashsale.Kind
	PercentOff *Percent
	Prices     []catalog.Price
	Scope      schema.Scope
	// StartsAt is now when it is nil.
	StartsAt, EndsAt  *time.Time
	Recurrence        *schema.Recurrence
	Stock, PerShopper *int64
}

// UpdateFlashSale is a change of a flash sale.
type UpdateFlashSale struct {
	CommonChange
	Kind              catalog.Change[flashsale.Kind]
	PercentOff        catalog.Change[*Percent]
	Prices            catalog.Change[[]catalog.Price]
	Scope             catalog.Change[schema.Scope]
	StartsAt          catalog.Change[time.Time]
	EndsAt            catalog.Change[*time.Time]
	Recurrence        catalog.Change[*schema.Recurrence]
	Stock, PerShopper catalog.Change[*int64]
}

// Tier is one step of a new tier plan.
type Tier struct {
	From int64
	// UpTo is nil for the last tier.
	UpTo   *int64
	Prices []catalog.Price
}

// CreateTierPlan is a new tier plan.
type CreateTierPlan struct {
	Common
	ProductID uuid.UUID
	Mode      tierplan.Mode
	Tiers     []Tier
	// StartsAt is now when it is nil.
	StartsAt, EndsAt *time.Time
}

// UpdateTierPlan is a change of a tier plan.
type UpdateTierPlan struct {
	CommonChange
	Mode     catalog.Change[tierplan.Mode]
	Tiers    catalog.Change[[]Tier]
	StartsAt catalog.Change[time.Time]
	EndsAt   catalog.Change[*time.Time]
}

// CreateCoupon is a new coupon.
type CreateCoupon struct {
	Common
	Code       string
	Kind       coupon.Kind
	PercentOff *Percent
	Amounts    []catalog.Price
	Scope      schema.Scope
	Combines   bool
	// StartsAt is now when it is nil.
	StartsAt, EndsAt  *time.Time
	Stock, PerShopper *int64
}

// UpdateCoupon is a change of a coupon.
type UpdateCoupon struct {
	CommonChange
	PercentOff        catalog.Change[*Percent]
	Amounts           catalog.Change[[]catalog.Price]
	Scope             catalog.Change[schema.Scope]
	Combines          catalog.Change[bool]
	StartsAt          catalog.Change[time.Time]
	EndsAt            catalog.Change[*time.Time]
	Stock, PerShopper catalog.Change[*int64]
}
