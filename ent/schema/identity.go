package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Shopper is somebody who has a wallet here. It is made when its subject is first seen, and holds nothing about the
// person: who they are is the issuer's affair.
//
// Its row is the lock under which everything of the shopper changes: wallets, purchases, entitlements and rewards.
type Shopper struct{ ent.Schema }

// Fields of the Shopper.
func (Shopper) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("issuer").MaxLen(255).Immutable().
			Comment("Who vouches for the subject: the iss claim of its tokens; empty for tokens without one."),
		field.String("subject").NotEmpty().MaxLen(255).Immutable().
			Comment("Name of the shopper at the issuer: the sub claim of its tokens."),
		instant("created_at", "When the subject was first seen."),
	}
}

// Edges of the Shopper.
func (Shopper) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("accounts", Account.Type),
		edge.To("purchases", Purchase.Type),
		edge.To("idempotency_keys", IdempotencyKey.Type),
	}
}

// Indexes of the Shopper.
func (Shopper) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("issuer", "subject").Unique(),
	}
}

// Annotations of the Shopper.
func (Shopper) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "shoppers"}}
}
