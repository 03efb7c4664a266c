package catalog

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/pricechange"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
)

// PriceHistories is PriceHistory of many things at once, by id, in one statement for up to 10,000 of them. Things without
// a step are not in the result.
func PriceHistories(
	ctx context.Context, client *ent.Client, ids []uuid.UUID, currency money.Code, first int,
) (map[uuid.UUID][]*ent.PriceChange, error) {
	if first < 1 || first > page.Most {
		return nil, fault.Input("first", "Ask for 1 to %d steps, not %d.", page.Most, first)
	}
	histories := make(map[uuid.UUID][]*ent.PriceChange, len(ids))
	for chunk := range slices.Chunk(ids, idRows) {
		steps, err := client.PriceChange.Query().Where(latest(chunk, currency, first)).
			Order(pricechange.ByCreatedAt(sql.OrderDesc()), pricechange.ByID(sql.OrderDesc())).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading price histories: %w", err)
		}
		for _, step := range steps {
			histories[step.ProductID] = append(histories[step.ProductID], step)
		}
	}
	return histories, nil
}

// latest holds for so many of the latest steps of each of some things.
func latest(ids []uuid.UUID, currency money.Code, first int) func(*sql.Selector) {
	things := make([]any, len(ids))
	for i, id := range ids {
		things[i] = id
	}
	return func(s *sql.Selector) {
		const place = "place"
		build := sql.Dialect(s.Dialect())
		steps := build.Table(pricechange.Table)
		order := sql.RowNumber().PartitionBy(steps.C(pricechange.FieldProductID)).
			OrderBy(sql.Desc(steps.C(pricechange.FieldCreatedAt)), sql.Desc(steps.C(pricechange.FieldID)))
		numbered := build.Select(steps.C(pricechange.FieldID)).AppendSelectExprAs(order, place).From(steps).
			Where(sql.And(sql.In(steps.C(pricechange.FieldProductID), things...), sql.EQ(steps.C(pricechange.FieldCurrency), currency))).
			As("numbered")
		s.Where(sql.In(s.C(pricechange.FieldID),
			build.Select(numbered.C(pricechange.FieldID)).From(numbered).Where(sql.LTE(numbered.C(place), first))))
	}
}
