package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// BadgeAward is a badge that a shopper has: each badge once (rule 20).
type BadgeAward struct{ ent.Schema }

// Fields of the BadgeAward.
func (BadgeAward) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who has it."),
		field.String("badge").NotEmpty().MaxLen(100).Immutable().Comment("Code of the badge: first-purchase."),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("The purchase that earned it."),
		instant("awarded_at", "When it was earned."),
	}
}

// Edges of the BadgeAward.
func (BadgeAward) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("purchase", Purchase.Type).Ref("badges").Field("purchase_id").Unique().Required().Immutable(),
	}
}

// Indexes of the BadgeAward.
func (BadgeAward) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "badge").Unique(),
		index.Fields("purchase_id"),
	}
}

// Annotations of the BadgeAward.
func (BadgeAward) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "badge_awards"}}
}
