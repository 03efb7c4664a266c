package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// OutboxEvent is something that happened and that others will want to know, written in the transaction in which it
// happened, so that there is never one without the other. Its key is the order in which a reader takes them.
type OutboxEvent struct{ ent.Schema }

// Fields of the OutboxEvent.
func (OutboxEvent) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("topic").NotEmpty().MaxLen(100).Immutable().Comment("What happened: purchase.completed."),
		field.UUID("shopper_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("Whom it concerns; null when nobody in particular."),
		field.JSON("payload", json.RawMessage{}).Immutable().Comment("The facts, with ids and amounts as the API writes them."),
		instant("created_at", "When it happened."),
	}
}

// Annotations of the OutboxEvent.
func (OutboxEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "outbox_events"}}
}
