package schema

import (
	"encoding/json"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// Prices are amounts by currency. In JSON, which is how they are stored, the amounts are plain decimals.
type Prices map[money.Code]money.Amount

// MarshalJSON writes the amounts as decimal strings.
func (p Prices) MarshalJSON() ([]byte, error) {
	decimals := make(map[money.Code]string, len(p))
	for currency, amount := range p {
		decimals[currency] = amount.String()
	}
	return json.Marshal(decimals)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (p *Prices) UnmarshalJSON(text []byte) error {
	var decimals map[money.Code]string
	if err := json.Unmarshal(text, &decimals); err != nil {
		return err
	}
	*p = make(Prices, len(decimals))
	for currency, decimal := range decimals {
		amount, err := money.ParseAmount(decimal)
		if err != nil {
			return err
		}
		(*p)[currency] = amount
	}
	return nil
}

// Scope says what an offer is for: what any of its lists names. Labels are as given; case and accents do not matter.
type Scope struct {
	Products   []uuid.UUID `json:"products,omitempty"`
	Bundles    []uuid.UUID `json:"bundles,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Categories []string    `json:"categories,omitempty"`
}

// Recurrence is a window that comes again every week, on the clocks of a time zone.
type Recurrence struct {
	// TimeZone is a name of the IANA database, such as Asia/Seoul.
	TimeZone string `json:"timeZone"`
	// Weekdays are the days on which a window begins, by time.Weekday: 0 is Sunday.
	Weekdays []time.Weekday `json:"weekdays"`
	// From and Until are times of day, HH:MM. A window whose Until is not after its From ends on the next day.
	From  string `json:"from"`
	Until string `json:"until"`
}

// Tier is one step of a tier plan: what a unit costs from this quantity on, until the next tier begins.
type Tier struct {
	From   int64  `json:"from"`
	Prices Prices `json:"prices"`
}

// offer are the fields that all offers have: what they are called, where they are in their life, and who changed them when.
func offer(fields ...ent.Field) []ent.Field {
	common := []ent.Field{
		id(),
		field.Enum("status").Values("DRAFT", "ACTIVE", "ARCHIVED").
			Comment("DRAFT is seen by merchandisers only, ACTIVE counts in its window, ARCHIVED is over for good."),
		field.String("language").MaxLen(35).
			Comment("BCP 47 tag of the text that is shown when none of the wanted languages is there."),
		field.JSON("texts", map[string]Text{}).
			Comment("Names and descriptions by BCP 47 language tag. Holds at least the text in language."),
	}
	last := []ent.Field{
		field.Int("version").Default(1).
			Comment("Counts the changes, so that two people cannot overwrite each other unseen. The first version is 1."),
		instant("created_at", "When the offer was made."),
		field.Time("updated_at").Comment("When the offer was last changed."),
	}
	return append(append(common, fields...), last...)
}

const (
	offerStatus = "CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED')"
	percentage  = "basis_points >= 0 AND basis_points <= 10000"
)

// window are the instants between which an offer counts.
func window() []ent.Field {
	return []ent.Field{
		field.Time("starts_at").Comment("First instant at which it counts."),
		field.Time("ends_at").Optional().Nillable().Comment("First instant at which it counts no more; null for no end."),
	}
}

// Bundle is products sold together under one pricing rule (rule 15).
type Bundle struct{ ent.Schema }

// Fields of the Bundle.
func (Bundle) Fields() []ent.Field {
	return offer(
		field.String("slug").NotEmpty().MaxLen(100).
			Comment("Name of the bundle in addresses: lower-case letters, digits and single hyphens. Unique among bundles."),
		field.Enum("kind").Values("FIXED", "PERCENTAGE", "CHOOSE").Immutable().
			Comment("FIXED has a price, PERCENTAGE takes a part off the list prices, CHOOSE is any so many of its components."),
		field.Int("basis_points").Default(0).
			Comment("What is taken off the list prices, in hundredths of a percent; 0 when there are prices instead."),
		field.JSON("prices", Prices{}).
			Comment("What all of it, or any so many of a CHOOSE, costs by currency; empty when a percentage is taken off instead."),
		field.Int("choose").Default(0).Comment("How many components a CHOOSE takes; 0 for the other kinds."),
		field.Time("publish_from").Optional().Nillable().
			Comment("First instant at which an ACTIVE bundle is on sale; null for no beginning."),
		field.Time("publish_until").Optional().Nillable().
			Comment("First instant at which an ACTIVE bundle is no longer on sale; null for no end."),
	)
}

// Edges of the Bundle.
func (Bundle) Edges() []ent.Edge { return []ent.Edge{edge.To("components", BundleComponent.Type)} }

// Indexes of the Bundle.
func (Bundle) Indexes() []ent.Index { return []ent.Index{index.Fields("slug").Unique()} }

// Annotations of the Bundle.
func (Bundle) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("bundles", map[string]string{
		"status":     offerStatus,
		"kind":       oneOf("kind", "FIXED", "PERCENTAGE", "CHOOSE"),
		"percentage": percentage,
		"choose":     "choose >= 0 AND (choose > 0) = (kind = 'CHOOSE')",
		"window":     "publish_until > publish_from",
	})}
}

// BundleComponent is one thing in a bundle: a product, or another bundle with all that is in it.
type BundleComponent struct{ ent.Schema }

// Fields of the BundleComponent.
func (BundleComponent) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("bundle_id", uuid.UUID{}).Immutable().Comment("Whose component it is."),
		field.Int("position").Immutable().Comment("Place in the bundle, counted from 0."),
		field.UUID("product_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("The product; null for a bundle."),
		field.UUID("inner_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("The bundle within; null for a product."),
		field.Int64("quantity").Default(1).Immutable().Comment("How many of it, at least 1."),
	}
}

// Edges of the BundleComponent.
func (BundleComponent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("bundle", Bundle.Type).Ref("components").Field("bundle_id").Unique().Required().Immutable(),
	}
}

// Indexes of the BundleComponent.
func (BundleComponent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("bundle_id", "position").Unique(),
		index.Fields("product_id"),
		index.Fields("inner_id"),
	}
}

// Annotations of the BundleComponent.
func (BundleComponent) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("bundle_components", map[string]string{
		"thing":    "(product_id IS NULL) <> (inner_id IS NULL) AND (inner_id IS NULL OR inner_id <> bundle_id)",
		"quantity": "quantity >= 1 AND quantity <= 9999",
	})}
}

// TrialOffer is timed access to one product at a low price or free (rule 17).
type TrialOffer struct{ ent.Schema }

// Fields of the TrialOffer.
func (TrialOffer) Fields() []ent.Field {
	return offer(
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("What may be tried."),
		field.JSON("prices", Prices{}).Comment("What the trial costs, by currency. 0 is free."),
		field.Int("duration_hours").Comment("How long a trial lasts."),
		field.Int("grace_hours").Default(0).Comment("How long after its end the price paid is still credited."),
		field.Int64("uses").Optional().Nillable().Comment("How often the product may be used in a trial; null for any number."),
		field.Time("publish_from").Optional().Nillable().Comment("First instant at which a trial can be started; null for no beginning."),
		field.Time("publish_until").Optional().Nillable().Comment("First instant at which none can be started any more; null for no end."),
	)
}

// Indexes of the TrialOffer.
func (TrialOffer) Indexes() []ent.Index { return []ent.Index{index.Fields("product_id")} }

// Annotations of the TrialOffer.
func (TrialOffer) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("trial_offers", map[string]string{
		"status":   offerStatus,
		"duration": "duration_hours >= 1 AND grace_hours >= 0",
		"uses":     "uses >= 1",
		"window":   "publish_until > publish_from",
	})}
}

// FlashSale is a lower price on products or bundles in a window, with caps (rule 16). Whether it is live is never stored.
type FlashSale struct{ ent.Schema }

// Fields of the FlashSale.
func (FlashSale) Fields() []ent.Field {
	return offer(append(window(),
		field.Enum("kind").Values("FIXED", "PERCENTAGE").
			Comment("FIXED is a price of its own, PERCENTAGE takes a part off."),
		field.Int("basis_points").Default(0).Comment("What is taken off, in hundredths of a percent; 0 for FIXED."),
		field.JSON("prices", Prices{}).Comment("What one costs by currency; empty for PERCENTAGE."),
		field.JSON("scope", Scope{}).Comment("What is on sale."),
		field.JSON("recurrence", &Recurrence{}).Optional().
			Comment("The weekly window within [starts_at, ends_at); null when all of that is the window."),
		field.Int64("stock").Optional().Nillable().Comment("How many units a window has; null for any number."),
		field.Int64("per_shopper").Optional().Nillable().Comment("How many units of a window one shopper gets; null for any number."),
		field.Time("ended_at").Optional().Nillable().Comment("When it was ended before its time; null when it was not."),
	)...)
}

// Indexes of the FlashSale.
func (FlashSale) Indexes() []ent.Index { return []ent.Index{index.Fields("ends_at")} }

// Annotations of the FlashSale.
func (FlashSale) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("flash_sales", map[string]string{
		"status":     offerStatus,
		"kind":       oneOf("kind", "FIXED", "PERCENTAGE"),
		"percentage": percentage,
		"window":     "ends_at > starts_at",
		"caps":       "(stock IS NULL OR stock >= 0) AND (per_shopper IS NULL OR per_shopper >= 1)",
	})}
}

// SaleChange is what a flash sale's terms were from an instant on: the part of the price history that sales make
// (rule 19). Never changed, never deleted.
type SaleChange struct{ ent.Schema }

// Fields of the SaleChange.
func (SaleChange) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("sale_id", uuid.UUID{}).Immutable().Comment("Whose terms."),
		field.Bool("active").Immutable().Comment("Whether it could count at all: not while it was a draft or archived."),
		field.Enum("kind").Values("FIXED", "PERCENTAGE").Immutable().Comment("As the flash sale's."),
		field.Int("basis_points").Immutable().Comment("As the flash sale's."),
		field.JSON("prices", Prices{}).Immutable().Comment("As the flash sale's."),
		field.JSON("scope", Scope{}).Immutable().Comment("As the flash sale's."),
		instant("starts_at", "As the flash sale's."),
		field.Time("ends_at").Optional().Nillable().Immutable().Comment("As the flash sale's, or when it was ended before."),
		field.JSON("recurrence", &Recurrence{}).Optional().Immutable().Comment("As the flash sale's."),
		instant("created_at", "From when on these were its terms."),
	}
}

// Indexes of the SaleChange.
func (SaleChange) Indexes() []ent.Index {
	return []ent.Index{index.Fields("sale_id", "created_at"), index.Fields("ends_at")}
}

// Annotations of the SaleChange.
func (SaleChange) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "sale_changes"}}
}

// TierPlan is what a product costs by quantity (rule 18).
type TierPlan struct{ ent.Schema }

// Fields of the TierPlan.
func (TierPlan) Fields() []ent.Field {
	return offer(append(window(),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("Whose price it is."),
		field.Enum("mode").Values("VOLUME", "GRADUATED").
			Comment("VOLUME: all units at the reached tier's price. GRADUATED: each unit at its own tier's."),
		field.JSON("tiers", []Tier{}).Comment("The tiers, from the first unit on; the last is open-ended."),
	)...)
}

// Indexes of the TierPlan.
func (TierPlan) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("product_id").Unique().StorageKey("tier_plans_one_active").
			Annotations(entsql.IndexWhere("status = 'ACTIVE'")),
	}
}

// Annotations of the TierPlan.
func (TierPlan) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("tier_plans", map[string]string{
		"status": offerStatus,
		"mode":   oneOf("mode", "VOLUME", "GRADUATED"),
		"window": "ends_at > starts_at",
	})}
}

// Coupon is a lower price for those who know a code.
type Coupon struct{ ent.Schema }

// Fields of the Coupon.
func (Coupon) Fields() []ent.Field {
	return offer(append(window(),
		field.Bytes("code_hash").MaxLen(32).Sensitive().
			Comment("PBKDF2 of the folded code with the shop's salt. The code itself is not stored."),
		field.String("code_hint").MaxRuneLen(4).Comment("The last characters of the code, by which people tell coupons apart."),
		field.Enum("kind").Values("AMOUNT", "PERCENTAGE").
			Comment("AMOUNT is taken off the basket, PERCENTAGE off each of its lines."),
		field.Int("basis_points").Default(0).Comment("What is taken off, in hundredths of a percent; 0 for AMOUNT."),
		field.JSON("amounts", Prices{}).Comment("What is taken off by currency; empty for PERCENTAGE."),
		field.JSON("scope", Scope{}).Comment("What it is for; all that is sold when it names nothing."),
		field.Bool("combines").Default(false).
			Comment("Whether it is taken off what other offers have left. Otherwise a line has one of them, whichever is best."),
		field.Int64("stock").Optional().Nillable().Comment("How many purchases may use it; null for any number."),
		field.Int64("per_shopper").Optional().Nillable().Comment("How many purchases of one shopper may use it; null for any number."),
	)...)
}

// Indexes of the Coupon.
func (Coupon) Indexes() []ent.Index { return []ent.Index{index.Fields("code_hash").Unique()} }

// Annotations of the Coupon.
func (Coupon) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("coupons", map[string]string{
		"status":     offerStatus,
		"kind":       oneOf("kind", "AMOUNT", "PERCENTAGE"),
		"percentage": percentage,
		"window":     "ends_at > starts_at",
		"caps":       "(stock IS NULL OR stock >= 0) AND (per_shopper IS NULL OR per_shopper >= 1)",
	})}
}

// OfferStock counts what has been taken of an offer's units by all shoppers together. It is the row that everybody who
// takes one locks.
type OfferStock struct{ ent.Schema }

// Fields of the OfferStock.
func (OfferStock) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("offer_id", uuid.UUID{}).Immutable().Comment("Of which flash sale or coupon."),
		field.Int64("round").Default(0).Immutable().
			Comment("Which window of a recurring sale: the local date of its beginning as a number, 20261225. 0 for all others."),
		field.Int64("taken").Default(0).Comment("How many units have been taken."),
		field.Int64("most").Optional().Nillable().Comment("How many there are; null for any number."),
		field.Bool("closed").Default(false).
			Comment("Whether the window was ended because its stock was set below what had been taken: it stays ended, even if units come back."),
	}
}

// Indexes of the OfferStock.
func (OfferStock) Indexes() []ent.Index {
	return []ent.Index{index.Fields("offer_id", "round").Unique()}
}

// Annotations of the OfferStock.
func (OfferStock) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("offer_stocks", map[string]string{
		"taken": "taken >= 0 AND (most IS NULL OR taken <= most)",
	})}
}

// OfferUse counts what one shopper has taken of an offer's units.
type OfferUse struct{ ent.Schema }

// Fields of the OfferUse.
func (OfferUse) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("offer_id", uuid.UUID{}).Immutable().Comment("Of which flash sale or coupon."),
		field.Int64("round").Default(0).Immutable().Comment("Which window of a recurring sale, as in the stock; 0 for all others."),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who took them."),
		field.Int64("taken").Default(0).Comment("How many units the shopper has taken."),
		field.Int64("most").Optional().Nillable().Comment("How many one shopper could take when the last was taken; null for any number."),
	}
}

// Indexes of the OfferUse.
func (OfferUse) Indexes() []ent.Index {
	return []ent.Index{index.Fields("shopper_id", "offer_id", "round").Unique()}
}

// Annotations of the OfferUse.
func (OfferUse) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("offer_uses", map[string]string{
		"taken": "taken >= 0 AND (most IS NULL OR taken <= most)",
	})}
}

// ShopSecret is a random value that the shop has made for itself once.
type ShopSecret struct{ ent.Schema }

// Fields of the ShopSecret.
func (ShopSecret) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("name").NotEmpty().MaxLen(100).Immutable().Comment("What it is for: coupon-salt."),
		field.Bytes("value").Immutable().Sensitive().Comment("Random bytes."),
	}
}

// Indexes of the ShopSecret.
func (ShopSecret) Indexes() []ent.Index { return []ent.Index{index.Fields("name").Unique()} }

// Annotations of the ShopSecret.
func (ShopSecret) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "shop_secrets"}}
}
