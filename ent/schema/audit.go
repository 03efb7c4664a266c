package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// AuditEntry is the record of one administrative change (rule 29). Never changed, never deleted.
type AuditEntry struct{ ent.Schema }

// Fields of the AuditEntry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("actor").NotEmpty().Immutable().Comment("Subject of whoever made the change."),
		field.String("action").NotEmpty().Immutable().Comment("The verb, as the schema names it: updateProduct."),
		field.UUID("target_id", uuid.UUID{}).Immutable().Comment("What was changed."),
		field.JSON("before", json.RawMessage{}).Optional().Immutable().Comment("The target before; null when it was made."),
		field.JSON("after", json.RawMessage{}).Optional().Immutable().Comment("The target after; null when it was removed."),
		instant("created_at", "When the change was made."),
	}
}

// Indexes of the AuditEntry.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("target_id"),
	}
}

// Annotations of the AuditEntry.
func (AuditEntry) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "audit_entries"}}
}
