package schema

import (
	"strconv"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// The kinds of account. Those of a shopper have a balance row; those of the house are only ever summed up, so that no
// row is shared by every sale.
var (
	shopperKinds = []string{"WALLET", "POINTS"}
	houseKinds   = []string{"FUNDING", "REVENUE", "ADJUSTMENT", "MINT"}
)

// origins are the columns that tell where the value of an account or of a transfer came from (rule 26).
var origins = []string{"paid", "promotional", "gift", "refund"}

const originsAddUp = "paid + promotional + gift + refund"

// points are the currency in which alone a balance may be below zero: a debt of points that were taken back after they had
// been spent (rule 22).
const points = "CAST(currency AS text) = '" + string(money.PointsCode) + "'"

// Account is a place where value of one currency can be: a shopper's wallet, a shopper's points, or one of the house.
type Account struct{ ent.Schema }

// Fields of the Account.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("shopper_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Whose account it is; null for an account of the house."),
		field.Enum("kind").Values(append(append([]string{}, shopperKinds...), houseKinds...)...).Immutable().
			Comment("WALLET and POINTS belong to a shopper. FUNDING is where top-ups come from, REVENUE where purchases go, " +
				"ADJUSTMENT the other side of corrections, MINT where points come from."),
		currency(),
		balance("balance", "What is in it, in millionths: the sum of its transfers. Always 0 for the house, which is summed when asked."),
		balance("paid", "Part of the balance that was paid for."),
		balance("promotional", "Part of the balance that was given by the shop."),
		balance("gift", "Part of the balance that another shopper gave."),
		balance("refund", "Part of the balance that came back from a purchase."),
		field.Int64("seq").Default(0).Comment("Number of its last transfer, counted from 1; 0 before the first and for the house."),
		instant("created_at", "When it was opened."),
	}
}

// Edges of the Account.
func (Account) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("shopper", Shopper.Type).Ref("accounts").Field("shopper_id").Unique().Immutable(),
	}
}

// Indexes of the Account.
func (Account) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("shopper_id", "kind", "currency").Unique(),
		index.Fields("kind", "currency").Unique().StorageKey("accounts_house").
			Annotations(entsql.IndexWhere("shopper_id IS NULL")),
	}
}

// Annotations of the Account.
func (Account) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("accounts", map[string]string{
		"owner": "(shopper_id IS NOT NULL AND " + oneOf("kind", shopperKinds...) + ") OR " +
			"(shopper_id IS NULL AND " + oneOf("kind", houseKinds...) + ")",
		"balance": "((" + between(0, append([]string{"balance"}, origins...)...) + ") OR (" + oneOf("kind", "POINTS") +
			" AND balance = promotional AND balance < 0 AND balance >= -" + strconv.FormatInt(int64(money.Max), 10) +
			")) AND balance = " + originsAddUp,
		"house": "shopper_id IS NOT NULL OR (balance = 0 AND seq = 0)",
		"seq":   "seq >= 0",
	})}
}

// transferKinds are what movements are for.
var transferKinds = []string{
	"TOP_UP", "ADJUSTMENT", "PURCHASE", "REFUND",
	"POINTS_EARNED", "POINTS_REDEEMED", "POINTS_EXPIRED", "POINTS_REVOKED", "POINTS_RETURNED",
}

// Transfer is one movement of value between two accounts of one currency (rule 5). Never changed, never deleted: a
// correction is a new transfer that points at the old one.
type Transfer struct{ ent.Schema }

// Fields of the Transfer.
func (Transfer) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Enum("kind").Values(transferKinds...).Immutable().
			Comment("What the movement was for."),
		currency(),
		amount("amount", "How much moved, more than zero."),
		amount("paid", "Part of the amount that had been paid for."),
		amount("promotional", "Part of the amount that had been given by the shop."),
		amount("gift", "Part of the amount that another shopper had given."),
		amount("refund", "Part of the amount that had come back from a purchase."),
		field.UUID("debit_account_id", uuid.UUID{}).Immutable().Comment("Where it came from."),
		field.UUID("credit_account_id", uuid.UUID{}).Immutable().Comment("Where it went."),
		field.Int64("debit_seq").Optional().Nillable().Immutable().
			Comment("Its number among the transfers of the debited account; null when that is the house's."),
		field.Int64("debit_balance").GoType(money.Amount(0)).Optional().Nillable().Immutable().
			Comment("Balance of the debited account afterwards; null when that is the house's."),
		field.Int64("credit_seq").Optional().Nillable().Immutable().
			Comment("Its number among the transfers of the credited account; null when that is the house's."),
		field.Int64("credit_balance").GoType(money.Amount(0)).Optional().Nillable().Immutable().
			Comment("Balance of the credited account afterwards; null when that is the house's."),
		field.UUID("purchase_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The purchase that it belongs to, if any."),
		field.UUID("refund_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The refund of that purchase that it belongs to, if any."),
		field.String("rule").MaxLen(100).Default("").Immutable().
			Comment("Rule that points were awarded by when a purchase had one; empty otherwise. The entry of the purchase says it now."),
		field.UUID("corrects_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("The earlier transfer that this one corrects, if any."),
		field.String("reference").MaxRuneLen(255).Default("").Immutable().
			Comment("The caller's own name for it, such as a payment provider's number."),
		field.String("reason").MaxRuneLen(500).Default("").Immutable().
			Comment("Why a person moved it; empty when the rules did."),
		field.String("actor").NotEmpty().MaxLen(255).Immutable().Comment("Subject of whoever asked for it."),
		instant("created_at", "The one instant at which the whole change was decided."),
	}
}

// Indexes of the Transfer.
func (Transfer) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("debit_account_id", "debit_seq").Unique().StorageKey("transfers_debit").
			Annotations(entsql.IndexWhere("debit_seq IS NOT NULL")),
		index.Fields("credit_account_id", "credit_seq").Unique().StorageKey("transfers_credit").
			Annotations(entsql.IndexWhere("credit_seq IS NOT NULL")),
		index.Fields("purchase_id", "kind", "rule").Unique().StorageKey("transfers_purchase").
			Annotations(entsql.IndexWhere("purchase_id IS NOT NULL AND refund_id IS NULL")),
		index.Fields("refund_id", "kind").Unique().StorageKey("transfers_refund").
			Annotations(entsql.IndexWhere("refund_id IS NOT NULL")),
	}
}

// Annotations of the Transfer.
func (Transfer) Annotations() []schema.Annotation {
	return []schema.Annotation{checks("transfers", map[string]string{
		"kind":      oneOf("kind", transferKinds...),
		"amount":    between(1, "amount"),
		"origins":   between(0, origins...) + " AND amount = " + originsAddUp,
		"accounts":  "debit_account_id <> credit_account_id",
		"debited":   "(debit_seq IS NULL) = (debit_balance IS NULL) AND (debit_seq IS NULL OR (debit_seq >= 1 AND (debit_balance >= 0 OR " + points + ")))",
		"credited":  "(credit_seq IS NULL) = (credit_balance IS NULL) AND (credit_seq IS NULL OR (credit_seq >= 1 AND (credit_balance >= amount OR " + points + ")))",
		"a_shopper": "debit_seq IS NOT NULL OR credit_seq IS NOT NULL",
		"purchase":  "purchase_id IS NOT NULL OR " + oneOf("kind", "TOP_UP", "ADJUSTMENT", "POINTS_REDEEMED", "POINTS_EXPIRED"),
		"refunded":  "(refund_id IS NOT NULL) = (" + oneOf("kind", "REFUND", "POINTS_REVOKED", "POINTS_RETURNED") + ")",
		"points":    "(" + points + ") OR " + oneOf("kind", "TOP_UP", "ADJUSTMENT", "PURCHASE", "REFUND"),
		"reason":    "kind <> 'ADJUSTMENT' OR reason <> ''",
	})}
}
