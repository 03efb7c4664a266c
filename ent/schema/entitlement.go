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
		field.Enum("kind").Values("DURABLE", "CONSUMABLE", "TRIAL").Immutable().
			Comment("The product's kind when it was bought, or TRIAL for a DURABLE that is tried."),
		field.Enum("status").Values("ACTIVE", "REVOKED", "CONVERTED").Default("ACTIVE").
			Comment("ACTIVE may be used until it expires; REVOKED was taken back; CONVERTED is a trial whose product was bought."),
		field.Int64("units").Default(1).Immutable().
			Comment("How many units a CONSUMABLE came with, or uses a TRIAL that counts them. 1 for all others."),
		field.Int64("remaining").Default(1).Comment("How many units or uses are left. 1 where none are counted."),
		field.Bool("counted").Default(false).Immutable().Comment("Whether a TRIAL ends when its uses are used up."),
		field.Time("expires_at").Optional().Nillable().Immutable().
			Comment("First instant at which it may be used no more; null for good. Judged on reading, never by a job."),
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
		"kind":   oneOf("kind", "DURABLE", "CONSUMABLE", "TRIAL"),
		"status": oneOf("status", "ACTIVE", "REVOKED", "CONVERTED"),
		"units":  "units >= 1 AND remaining >= 0 AND remaining <= units AND (kind <> 'DURABLE' OR units = 1)",
		"trial":  "kind <> 'TRIAL' OR (expires_at IS NOT NULL AND expires_at > granted_at)",
	})}
}

// Trial is a shopper's one trial of a product. It stays when it has expired or was refunded: there is no second one
// (rule 17).
type Trial struct{ ent.Schema }

// Fields of the Trial.
func (Trial) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Who tries."),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("What is tried."),
		field.UUID("offer_id", uuid.UUID{}).Immutable().Comment("Under which trial offer."),
		field.UUID("purchase_id", uuid.UUID{}).Immutable().Comment("The purchase that began it."),
		field.UUID("entitlement_id", uuid.UUID{}).Immutable().Comment("What may be used meanwhile."),
		currency(),
		amount("price", "What was paid for it, and is credited when the product is bought in time."),
		instant("started_at", "When it began."),
		instant("expires_at", "First instant at which it is over."),
		instant("credit_until", "First instant at which its price is no longer credited."),
		field.UUID("converted_by", uuid.UUID{}).Optional().Nillable().Comment("The purchase of the product that ended it; null for none."),
		field.UUID("refunded_by", uuid.UUID{}).Optional().Nillable().
			Comment("The refund that gave its price back, which is then no longer credited; null for none."),
	}
}

// Indexes of the Trial.
func (Trial) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "product_id").Unique(),
		index.Fields("purchase_id"),
	}
}

// Annotations of the Trial.
func (Trial) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("trials", map[string]string{
		"price":  between(0, "price"),
		"window": "expires_at > started_at AND credit_until >= expires_at",
		"ended":  "converted_by IS NULL OR refunded_by IS NULL",
	})}
}
