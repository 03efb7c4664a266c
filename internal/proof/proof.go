// Package proof checks what is stored against what must be true, by queries whose every row is a contradiction.
//
// Each domain states its own claims; `farthing verify` runs them all in one snapshot of the database.
package proof

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"farthing/ent"
)

// Claim is something that must be true of everything stored.
type Claim struct {
	// Name is the claim in a few words.
	Name string
	// Contradictions is a query that gives one row for everything that contradicts the claim. It must run on both
	// stores. Its columns are shown as they are, so it selects ids and amounts and nothing personal.
	Contradictions string
}

// Result is what became of one claim.
type Result struct {
	Claim string `json:"claim"`
	// Holds says that nothing contradicts the claim.
	Holds bool `json:"holds"`
	// Contradictions counts the rows that contradict it.
	Contradictions int `json:"contradictions"`
	// Examples are the first few of them, as "column=value column=value".
	Examples []string `json:"examples,omitempty"`
}

// examples is how many contradictions of a claim are shown.
const examples = 5

// Check runs the claims against one snapshot.
func Check(ctx context.Context, tx *ent.Tx, claims []Claim) ([]Result, error) {
	results := make([]Result, 0, len(claims))
	for _, claim := range claims {
		result, err := check(ctx, tx, claim)
		if err != nil {
			return nil, fmt.Errorf("check that %s: %w", claim.Name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

func check(ctx context.Context, tx *ent.Tx, claim Claim) (Result, error) {
	result := Result{Claim: claim.Name}
	rows, err := tx.QueryContext(ctx, claim.Contradictions)
	if err != nil {
		return result, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return result, err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if result.Contradictions++; result.Contradictions > examples {
			continue
		}
		if err := rows.Scan(into...); err != nil {
			return result, err
		}
		parts := make([]string, len(columns))
		for i, column := range columns {
			parts[i] = column + "=" + values[i].String
		}
		result.Examples = append(result.Examples, strings.Join(parts, " "))
	}
	result.Holds = result.Contradictions == 0
	return result, rows.Err()
}
