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

// IdempotencyKey is the claim of a client's key by the one operation that succeeded under it (rule 8). It is written in
// the transaction of that operation and kept for good: a repeat next year still finds it.
type IdempotencyKey struct{ ent.Schema }

// Fields of the IdempotencyKey.
func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Immutable().Comment("Whose operation it was; keys of different shoppers are different keys."),
		field.String("operation").NotEmpty().MaxLen(50).Immutable().Comment("Name of the mutation: checkout, topUpWallet."),
		field.String("key").NotEmpty().MaxRuneLen(255).Immutable().Comment("The client's key, 1 to 255 characters, as given."),
		field.Bytes("fingerprint").MaxLen(32).Immutable().
			Comment("SHA-256 of the client's own canonical input; the same key with another one is refused."),
		field.UUID("result_id", uuid.UUID{}).Immutable().Comment("What the operation made: a purchase, a transfer."),
		instant("created_at", "When the operation was done."),
	}
}

// Edges of the IdempotencyKey.
func (IdempotencyKey) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("shopper", Shopper.Type).Ref("idempotency_keys").Field("shopper_id").Unique().Required().Immutable(),
	}
}

// Indexes of the IdempotencyKey.
func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "operation", "key").Unique(),
	}
}

// Annotations of the IdempotencyKey.
func (IdempotencyKey) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "idempotency_keys"}}
}
