package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Purchase is the record of one checkout. Never changed, never deleted: later edits in the catalogue, and even a
// refund, leave it as it was decided (rule 11).
type Purchase struct{ ent.Schema }

// Fields of the Purchase.
func (Purchase) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who bought."),
		field.Int64("ordinal").Immutable().
			Comment("This is the shopper's n-th purchase, counted from 1 over all currencies."),
		currency(),
		amount("subtotal", "Sum of the list prices."),
		amount("total", "What was charged. 0 for a free purchase, which has no transfer."),
		amount("points", "Points earned, in millionths of a point like every amount; whole points."),
		field.String("actor").NotEmpty().MaxLen(255).Immutable().
			Comment("Subject of whoever asked for it: the shopper, or a service that acted for them."),
		instant("created_at", "The one instant at which prices, windows and rewards were decided."),
	}
}

// Edges of the Purchase.
func (Purchase) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("shopper", Shopper.Type).Ref("purchases").Field("shopper_id").Unique().Required().Immutable(),
		edge.To("lines", PurchaseLine.Type),
		edge.To("entitlements", Entitlement.Type),
		edge.To("achievements", Achievement.Type),
		edge.To("refunds", Refund.Type),
	}
}

// Indexes of the Purchase.
func (Purchase) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "ordinal").Unique(),
	}
}

// Annotations of the Purchase.
func (Purchase) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("purchases", map[string]string{
		"ordinal": "ordinal >= 1",
		"amounts": between(0, "subtotal", "total", "points") + " AND total <= subtotal",
	})}
}

// PurchaseLine is one item of a purchase, with names, prices and terms as they were (rule 11).
type PurchaseLine struct{ ent.Schema }

// Fields of the PurchaseLine.
func (PurchaseLine) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("The purchase it belongs to."),
		field.Int("position").Immutable().Comment("Place in the purchase, counted from 0."),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("What was bought."),
		field.Enum("kind").Values("DURABLE", "CONSUMABLE").Immutable().Comment("The product's kind when it was bought."),
		field.String("language").MaxLen(35).Immutable().Comment("The product's own language when it was bought."),
		field.JSON("names", map[string]string{}).Immutable().Comment("The product's names when it was bought, by BCP 47 language tag."),
		field.Int64("quantity").Immutable().Comment("How many were bought, at least 1."),
		field.Int64("units").Immutable().Comment("How many units each gave: the product's units when it was bought."),
		amount("unit_price", "List price of one."),
		amount("subtotal", "List price of all."),
		amount("total", "What was charged for the line. The totals of the lines add up to that of the purchase."),
		field.UUID("bundle_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The bundle that it was bought in; null when it was bought by itself."),
		field.UUID("trial_offer_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The offer under which it is tried; null when it was bought for good."),
	}
}

// Edges of the PurchaseLine.
func (PurchaseLine) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("purchase", Purchase.Type).Ref("lines").Field("purchase_id").Unique().Required().Immutable(),
		edge.To("adjustments", LineAdjustment.Type),
		edge.To("refunds", RefundLine.Type),
	}
}

// Indexes of the PurchaseLine.
func (PurchaseLine) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("purchase_id", "position").Unique(),
	}
}

// Annotations of the PurchaseLine.
func (PurchaseLine) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("purchase_lines", map[string]string{
		"kind":     oneOf("kind", "DURABLE", "CONSUMABLE"),
		"quantity": "quantity >= 1 AND units >= 1",
		"amounts":  between(0, "unit_price", "subtotal", "total") + " AND subtotal = unit_price * quantity AND total <= subtotal",
	})}
}

// LineAdjustment is why a line cost less than its list price, with the offer's name as it was (rules 11 and 14). What the
// adjustments of a line take off is the difference between its subtotal and its total. Never changed, never deleted.
type LineAdjustment struct{ ent.Schema }

// Fields of the LineAdjustment.
func (LineAdjustment) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("line_id", uuid.UUID{}).Immutable().Comment("The line that it belongs to."),
		field.Int("position").Immutable().Comment("Place among the line's adjustments, counted from 0."),
		field.Enum("kind").Values("BUNDLE", "FLASH_SALE", "TIER", "COUPON", "TRIAL_CREDIT", "POINTS").Immutable().
			Comment("What kind of offer it was."),
		field.UUID("source_id", uuid.UUID{}).Immutable().Comment("Which bundle, flash sale, tier plan, coupon, trial offer or discount for points it was."),
		field.Int64("round").Default(0).Immutable().Comment("Which window of a recurring sale; 0 for all others."),
		field.String("language").MaxLen(35).Immutable().Comment("The offer's own language when it was used."),
		field.JSON("names", map[string]string{}).Immutable().Comment("The offer's names when it was used, by BCP 47 language tag."),
		amount("amount", "What it took off, more than zero."),
		field.Int64("units").Immutable().
			Comment("How many units it was for: what was taken of a sale's stock. 0 where another line of the same bundle has counted it."),
	}
}

// Edges of the LineAdjustment.
func (LineAdjustment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("line", PurchaseLine.Type).Ref("adjustments").Field("line_id").Unique().Required().Immutable(),
	}
}

// Indexes of the LineAdjustment.
func (LineAdjustment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("line_id", "position").Unique(),
		index.Fields("source_id"),
	}
}

// Annotations of the LineAdjustment.
func (LineAdjustment) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("line_adjustments", map[string]string{
		"kind":   oneOf("kind", "BUNDLE", "FLASH_SALE", "TIER", "COUPON", "TRIAL_CREDIT", "POINTS"),
		"amount": between(1, "amount"),
		"units":  "units >= 0",
	})}
}

// Refund is the record of giving back what a purchase took, and taking back what it gave (rule 24). Never changed, never
// deleted. What it undid is written where it was: entitlements, counts, transfers, rewards.
type Refund struct{ ent.Schema }

// Fields of the Refund.
func (Refund) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("What was refunded."),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Whose purchase it was."),
		currency(),
		amount("total", "What was given back, to where it had come from. 0 for a free purchase, which has no transfer."),
		amount("points_taken", "Points that were taken back: those of the purchase, and those of quests that are no longer complete."),
		amount("points_returned", "Points that had been redeemed for the purchase and were given back."),
		field.String("reason").NotEmpty().MaxRuneLen(500).Immutable().Comment("Why."),
		field.String("actor").NotEmpty().MaxLen(255).Immutable().Comment("Subject of whoever asked for it."),
		instant("created_at", "The one instant at which it was decided."),
	}
}

// Edges of the Refund.
func (Refund) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("purchase", Purchase.Type).Ref("refunds").Field("purchase_id").Unique().Required().Immutable(),
		edge.To("lines", RefundLine.Type),
	}
}

// Indexes of the Refund.
func (Refund) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("purchase_id"),
		index.Fields("shopper_id", "id"),
	}
}

// Annotations of the Refund.
func (Refund) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("refunds", map[string]string{
		"amounts": between(0, "total", "points_taken", "points_returned"),
	})}
}

// RefundLine is a line of a purchase that was refunded: each at most once, so that no more is given back than was paid.
type RefundLine struct{ ent.Schema }

// Fields of the RefundLine.
func (RefundLine) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("refund_id", uuid.UUID{}).Immutable().Comment("The refund that it belongs to."),
		field.UUID("line_id", uuid.UUID{}).Immutable().Comment("The line that was refunded."),
		amount("total", "What was given back for it: what it had cost."),
	}
}

// Edges of the RefundLine.
func (RefundLine) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("refund", Refund.Type).Ref("lines").Field("refund_id").Unique().Required().Immutable(),
		edge.From("line", PurchaseLine.Type).Ref("refunds").Field("line_id").Unique().Required().Immutable(),
	}
}

// Indexes of the RefundLine.
func (RefundLine) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("line_id").Unique(),
		index.Fields("refund_id"),
	}
}

// Annotations of the RefundLine.
func (RefundLine) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("refund_lines", map[string]string{"total": between(0, "total")})}
}
