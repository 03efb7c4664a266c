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

// Entitlement is what a shopper may use: one row for every line of a purchase that gave something.
type Entitlement struct{ ent.Schema }

// Fields of the Entitlement.
func (Entitlement) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who may use it."),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("What may be used."),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("The purchase that gave it."),
		field.Enum("kind").Values("DURABLE", "CONSUMABLE").Immutable().Comment("The product's kind when it was bought."),
		field.Enum("status").Values("ACTIVE", "REVOKED").Default("ACTIVE").
			Comment("ACTIVE may be used; REVOKED was taken back."),
		field.Int64("units").Default(1).Immutable().Comment("How many units a CONSUMABLE came with. 1 for a DURABLE."),
		field.Int64("remaining").Default(1).Comment("How many units are left. 1 for a DURABLE."),
		instant("granted_at", "When it was given."),
	}
}

// Edges of the Entitlement.
func (Entitlement) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("purchase", Purchase.Type).Ref("entitlements").Field("purchase_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Entitlement.
func (Entitlement) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "product_id").Unique().StorageKey("entitlements_owned_once").
			Annotations(entsql.IndexWhere("kind = 'DURABLE' AND status = 'ACTIVE'")),
		index.Fields("shopper_id", "id"),
		index.Fields("purchase_id"),
	}
}

// Annotations of the Entitlement.
func (Entitlement) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("entitlements", map[string]string{
		"kind":   oneOf("kind", "DURABLE", "CONSUMABLE"),
		"status": oneOf("status", "ACTIVE", "REVOKED"),
		"units":  "units >= 1 AND remaining >= 0 AND remaining <= units AND (kind = 'CONSUMABLE' OR units = 1)",
	})}
}
