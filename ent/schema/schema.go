// Package schema says what is stored: one file a domain, named by the domain's word.
//
// Amounts are int64 millionths of a currency's unit (money.Amount), the same on PostgreSQL and SQLite. Instants are
// UTC and truncated to microseconds, which is what both stores keep. Ids are UUIDv7, made in Go, so that rows of one
// table are written in the order of their keys. Rules that a single row can break are CHECK constraints; rules between
// rows are unique indexes; "never changed" is a trigger in the migrations.
//
// Foreign keys stand where the row they point at is not shared by everybody. A key into a product or a house account
// would lock that one row for every sale; those references are proved by `farthing verify` instead (ADR 0002).
package schema

import (
	"fmt"
	"strings"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// id is the primary key of every entity: a UUIDv7, so that it also tells the order in which rows were made.
func id() ent.Field {
	return field.UUID("id", uuid.UUID{}).
		Default(func() uuid.UUID { return uuid.Must(uuid.NewV7()) }).
		Immutable().
		Comment("UUIDv7: unique, and in the order in which rows were made.")
}

// amount is a column of money: millionths of the unit of the row's currency.
func amount(name, comment string) ent.Field {
	return field.Int64(name).GoType(money.Amount(0)).Immutable().Comment(comment)
}

// balance is a column of money that changes. It starts at zero.
func balance(name, comment string) ent.Field {
	return field.Int64(name).GoType(money.Amount(0)).Default(0).Comment(comment)
}

// currency is the code of the currency that the row's amounts are in.
func currency() ent.Field {
	return field.String("currency").GoType(money.Code("")).MaxLen(10).Immutable().
		Comment("Code of the currency of the amounts of this row, such as USD or GEM.")
}

// instant is a point in time that is set once.
func instant(name, comment string) ent.Field {
	return field.Time(name).Immutable().Comment(comment)
}

// checks names the CHECK constraints of a table. A violated one is reported by its name. Each is put into parentheses:
// one that begins and ends with a parenthesis of its own would be taken for one that has them already.
func checks(table string, named map[string]string) schema.Annotation {
	prefixed := make(map[string]string, len(named))
	for name, expression := range named {
		prefixed[table+"_"+name] = "(" + expression + ")"
	}
	return &entsql.Annotation{Table: table, Checks: prefixed}
}

// between is the CHECK that a column of money is from zero, or from one millionth, up to what an amount may be. SQLite
// would turn an overflowing sum silently into a float; this bound catches it first.
func between(least int, columns ...string) string {
	parts := make([]string, len(columns))
	for i, column := range columns {
		parts[i] = fmt.Sprintf("%s >= %d AND %s <= %d", column, least, column, int64(money.Max))
	}
	return strings.Join(parts, " AND ")
}

// oneOf is the CHECK that an enum column holds one of its words: ent checks that in Go only. The cast changes nothing but
// the form in which PostgreSQL keeps the expression, which is then one that the next migration recognises.
func oneOf(column string, words ...string) string {
	return fmt.Sprintf("CAST(%s AS text) IN ('%s')", column, strings.Join(words, "', '"))
}
