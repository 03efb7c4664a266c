package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/pricechange"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
)

// priceStep is one step of the price history (rule 19): from an instant on, something costs this much.
type priceStep struct {
	id       uuid.UUID
	currency money.Code
	// amount is nil when it is no longer sold in the currency.
	amount *money.Amount
}

// priceSteps are the steps from some prices to others: first those that are set, then those that are taken away, each in
// the order of their currencies.
func priceSteps(id uuid.UUID, before, after schema.Prices) []priceStep {
	var steps []priceStep
	for _, currency := range slices.Sorted(maps.Keys(after)) {
		amount := after[currency]
		if was, priced := before[currency]; !priced || was != amount {
			steps = append(steps, priceStep{id, currency, &amount})
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(before)) {
		if _, priced := after[currency]; !priced {
			steps = append(steps, priceStep{id, currency, nil})
		}
	}
	return steps
}

// RecordPrices writes into the price history what differs between the prices of a product, a bundle or a trial offer before
// and after a change of the caller: what it costs from now on, or that it is no longer sold in a currency. It writes
// nothing when nothing differs.
func RecordPrices(ctx context.Context, tx *ent.Tx, now time.Time, id uuid.UUID, before, after schema.Prices) error {
	return recordSteps(ctx, tx, now, priceSteps(id, before, after))
}

func recordSteps(ctx context.Context, tx *ent.Tx, now time.Time, steps []priceStep) error {
	subject := actor.From(ctx).Name()
	for chunk := range slices.Chunk(steps, smallRows) {
		rows := make([]*ent.PriceChangeCreate, len(chunk))
		for i, step := range chunk {
			rows[i] = tx.PriceChange.Create().SetProductID(step.id).SetCurrency(step.currency).SetNillableAmount(step.amount).
				SetActor(subject).SetCreatedAt(now)
		}
		if err := tx.PriceChange.CreateBulk(rows...).Exec(ctx); err != nil {
			return fmt.Errorf("writing the price history: %w", err)
		}
	}
	return nil
}

// PriceHistories gives the latest steps of what products, bundles and trial offers cost in a currency, by their ids and latest
// first; of steps at the same instant the one that was written last comes first. It takes one statement for up to 10,000
// of them. Things without a step are not in the result. The error is an INVALID_INPUT fault at first, of which there may be
// 1 to 100.
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
