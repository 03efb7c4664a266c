package rewards

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/predicate"
	"farthing/ent/rewardrule"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/page"
)

// idRows is how many ids one statement looks for: SQLite takes 32,766 variables.
const idRows = 10_000

// RuleFilter says which rules to list. What is given must all hold; an empty list asks for nothing.
type RuleFilter struct {
	// Kinds and Statuses are those of which a rule has one.
	Kinds, Statuses []string
}

// Rules gives a page of rules, newest first. Its cursors belong to one filter. The errors are INVALID_INPUT faults, at
// fields such as first or filter.statuses.
func Rules(ctx context.Context, client *ent.Client, filter RuleFilter, args page.Args) (page.Page[*ent.RewardRule], error) {
	where, err := filter.predicates()
	if err != nil {
		return page.Page[*ent.RewardRule]{}, err
	}
	scope, err := filter.scope()
	if err != nil {
		return page.Page[*ent.RewardRule]{}, err
	}
	order := page.Order[*ent.RewardRule]{Scope: scope, Descending: true, ID: func(row *ent.RewardRule) uuid.UUID { return row.ID }}
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.RewardRule, error) {
		rows, err := client.RewardRule.Query().Where(where...).Where(apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("list reward rules: %w", err)
		}
		return rows, nil
	})
}

// CountRules tells how many rules Rules would give on all pages together.
func CountRules(ctx context.Context, client *ent.Client, filter RuleFilter) (int, error) {
	where, err := filter.predicates()
	if err != nil {
		return 0, err
	}
	n, err := client.RewardRule.Query().Where(where...).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count reward rules: %w", err)
	}
	return n, nil
}

// predicates are the conditions of a filter.
func (filter RuleFilter) predicates() ([]predicate.RewardRule, error) {
	var where []predicate.RewardRule
	var faults fault.List
	kinds := make([]rewardrule.Kind, len(filter.Kinds))
	for i, kind := range filter.Kinds {
		if !isKind(earning.Kind(kind)) {
			faults.Add(fault.Input("filter.kinds", "%s is not a kind of reward rule.", catalog.Clip(kind)))
		}
		kinds[i] = rewardrule.Kind(kind)
	}
	if len(kinds) > 0 {
		where = append(where, rewardrule.KindIn(kinds...))
	}
	statuses := make([]rewardrule.Status, len(filter.Statuses))
	for i, status := range filter.Statuses {
		if status != StatusDraft && status != StatusActive && status != StatusArchived {
			faults.Add(fault.Input("filter.statuses", "%s is not a status; it is DRAFT, ACTIVE or ARCHIVED.", catalog.Clip(status)))
		}
		statuses[i] = rewardrule.Status(status)
	}
	if len(statuses) > 0 {
		where = append(where, rewardrule.StatusIn(statuses...))
	}
	return where, faults.Err()
}

// scope tells lists of different filters apart.
func (filter RuleFilter) scope() (string, error) {
	text, err := json.Marshal(RuleFilter{
		Kinds:    slices.Compact(slices.Sorted(slices.Values(filter.Kinds))),
		Statuses: slices.Compact(slices.Sorted(slices.Values(filter.Statuses))),
	})
	if err != nil {
		return "", fmt.Errorf("write a filter as JSON: %w", err)
	}
	return "reward rules" + string(text), nil
}

// RulesByIDs finds rules. Those that are not there are not in the result.
func RulesByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.RewardRule, error) {
	found := make(map[uuid.UUID]*ent.RewardRule, len(ids))
	for chunk := range slices.Chunk(ids, idRows) {
		rows, err := client.RewardRule.Query().Where(rewardrule.IDIn(chunk...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("find reward rules: %w", err)
		}
		for _, row := range rows {
			found[row.ID] = row
		}
	}
	return found, nil
}

// RuleByCode finds a rule by its code. The error is a NOT_FOUND fault when there is none.
func RuleByCode(ctx context.Context, client *ent.Client, code string) (*ent.RewardRule, error) {
	if !catalog.IsSlug(code) {
		return nil, noRule() // and PostgreSQL is not asked about text that it cannot hold
	}
	row, err := client.RewardRule.Query().Where(rewardrule.Code(code)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, noRule()
	}
	if err != nil {
		return nil, fmt.Errorf("find a reward rule: %w", err)
	}
	return row, nil
}

// noRule refuses an id or a code that no rule has.
func noRule() *fault.Fault { return fault.New(fault.NotFound, "There is no such reward rule.") }
