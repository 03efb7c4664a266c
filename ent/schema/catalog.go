package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// Text is what a product is called and how it is described in one language.
type Text struct {
	// Name is one line, at most 500 characters.
	Name string `json:"name"`
	// Description is plain text of any number of lines; may be empty.
	Description string `json:"description,omitempty"`
}

// Media is a link to a picture, a sample or a film about a product. Farthing stores the link, never the file.
type Media struct {
	// Kind is IMAGE, VIDEO, AUDIO or DOCUMENT.
	Kind string `json:"kind"`
	// URL is an absolute https address.
	URL string `json:"url"`
	// Alt says what is to be seen or heard, for those who cannot; may be empty.
	Alt string `json:"alt,omitempty"`
}

// Product is one digital good. It is archived, never deleted: what was sold keeps its row.
type Product struct{ ent.Schema }

// Fields of the Product.
func (Product) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("reference").MaxRuneLen(255).Optional().Nillable().
			Comment("Name of the product in the system it was imported from; an import finds it by this. Null for others."),
		field.String("slug").NotEmpty().MaxLen(100).
			Comment("Name of the product in addresses: lower-case letters, digits and single hyphens. Unique."),
		field.Enum("kind").Values("DURABLE", "CONSUMABLE").Immutable().
			Comment("What a purchase gives: DURABLE is owned for good, CONSUMABLE is a counted stock."),
		field.Enum("status").Values("DRAFT", "ACTIVE", "ARCHIVED").
			Comment("DRAFT is seen by merchandisers only, ACTIVE is on sale in its window, ARCHIVED is not sold any more."),
		field.Int("units").Default(1).
			Comment("How many units of a CONSUMABLE one purchased quantity gives: a pack of ten hints has 10. 1 for a DURABLE."),
		field.String("creator").MaxRuneLen(500).Default("").
			Comment("Credit line: author, artist or studio. Empty when unknown."),
		field.String("language").MaxLen(35).
			Comment("BCP 47 tag of the text that is shown when none of the wanted languages is there."),
		field.JSON("texts", map[string]Text{}).
			Comment("Names and descriptions by BCP 47 language tag. Holds at least the text in language."),
		field.JSON("tags", []string{}).
			Comment("Free labels, as given, in order, without repeats."),
		field.JSON("categories", []string{}).
			Comment("Places in the shop's own order of things, as given, without repeats."),
		field.JSON("media", []Media{}).
			Comment("Links to pictures, samples and films, in the order in which to show them."),
		field.Bytes("sort_name").
			Comment("Folded name in language, by which lists are sorted. Bytes, because text is sorted by another rule on each store."),
		field.Time("publish_from").Optional().Nillable().
			Comment("First instant at which an ACTIVE product is on sale; null for no beginning."),
		field.Time("publish_until").Optional().Nillable().
			Comment("First instant at which an ACTIVE product is no longer on sale; null for no end."),
		field.Int("version").Default(1).
			Comment("Counts the changes, so that two people cannot overwrite each other unseen. The first version is 1."),
		instant("created_at", "When the product was made."),
		field.Time("updated_at").Comment("When the product was last changed."),
	}
}

// Edges of the Product.
func (Product) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("prices", Price.Type),
		edge.To("terms", ProductTerm.Type),
	}
}

// Indexes of the Product.
func (Product) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("reference").Unique(),
		index.Fields("slug").Unique(),
		index.Fields("sort_name", "id"),
	}
}

// Annotations of the Product.
func (Product) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("products", map[string]string{
		"kind":   oneOf("kind", "DURABLE", "CONSUMABLE"),
		"status": oneOf("status", "DRAFT", "ACTIVE", "ARCHIVED"),
		"units":  "units >= 1 AND units <= 1000000 AND (kind = 'CONSUMABLE' OR units = 1)",
		"window": "publish_until > publish_from",
	})}
}

// ProductTerm is an entry of the catalogue's search index: a folded word, tag, category or creator that leads to a
// product. It is derived from the product and written with it.
type ProductTerm struct{ ent.Schema }

// Fields of the ProductTerm.
func (ProductTerm) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Bytes("term").NotEmpty().MaxLen(200).Immutable().
			Comment("Kind of the term (w word, t tag, c category, a creator), a colon and the folded text. Bytes, so that a prefix is a range on both stores."),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("Where the term leads."),
	}
}

// Edges of the ProductTerm.
func (ProductTerm) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("product", Product.Type).Ref("terms").Field("product_id").Unique().Required().Immutable(),
	}
}

// Indexes of the ProductTerm.
func (ProductTerm) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("term", "product_id").Unique(),
		index.Fields("product_id"),
	}
}

// Annotations of the ProductTerm.
func (ProductTerm) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "product_terms"}}
}

// Price is what a product costs today in one currency. A product without a price in a currency is not sold in it.
type Price struct{ ent.Schema }

// Fields of the Price.
func (Price) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("What is priced."),
		currency(),
		field.Int64("amount").GoType(money.Amount(0)).
			Comment("List price of one, a whole number of the currency's minor units. 0 is a free product."),
	}
}

// Edges of the Price.
func (Price) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("product", Product.Type).Ref("prices").Field("product_id").Unique().Required().Immutable(),
	}
}

// Indexes of the Price.
func (Price) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("product_id", "currency").Unique(),
		index.Fields("currency", "amount", "product_id"),
	}
}

// Annotations of the Price.
func (Price) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("prices", map[string]string{"amount": between(0, "amount")})}
}

// PriceChange is one step of the price history of a product, a bundle or a trial offer (rule 19): from its instant on, it
// cost this much.
// Never changed, never deleted.
type PriceChange struct{ ent.Schema }

// Fields of the PriceChange.
func (PriceChange) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("product_id", uuid.UUID{}).Immutable().Comment("Whose price changed: a product, a bundle or a trial offer."),
		currency(),
		field.Int64("amount").GoType(money.Amount(0)).Optional().Nillable().Immutable().
			Comment("List price from then on; null when it is no longer sold in the currency."),
		field.String("actor").NotEmpty().Immutable().Comment("Subject of whoever changed it."),
		instant("created_at", "From when on the price held."),
	}
}

// Indexes of the PriceChange.
func (PriceChange) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("product_id", "currency", "created_at"),
	}
}

// Annotations of the PriceChange.
func (PriceChange) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("price_changes", map[string]string{"amount": "amount IS NULL OR (" + between(0, "amount") + ")"})}
}

// CatalogRevision counts the changes of all that is for sale, so that whoever keeps a copy of it can tell whether it is
// the current one. It has one row, or none before the first change.
type CatalogRevision struct{ ent.Schema }

// Fields of the CatalogRevision.
func (CatalogRevision) Fields() []ent.Field {
	return []ent.Field{
		field.Int("id").Immutable().Comment("1."),
		field.Int64("number").Comment("How many changes there have been."),
	}
}

// Annotations of the CatalogRevision.
func (CatalogRevision) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("catalog_revisions", map[string]string{"one": "id = 1"})}
}
