package pricing

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"farthing/internal/money"
)

// TakeOff takes an amount off what a whole basket costs, such as points that are redeemed: shared out over its parts by
// what they cost, in steps of the currency's smallest charge (rule 3). The result that is given stays as it is. The error
// is for an amount that is more than the total.
func TakeOff(r Result, kind AdjustmentKind, source uuid.UUID, amount, step money.Amount) (Result, error) {
	if amount > r.Total {
		return r, fmt.Errorf("take %s off %s: nothing costs less than 0", amount, r.Total)
	}
	var weights []money.Amount
	for _, line := range r.Lines {
		for _, part := range line.Parts {
			weights = append(weights, part.Total)
		}
	}
	shares, err := money.Allocate(amount, weights, step)
	if err != nil {
		return r, err
	}
	next := 0
	r.Lines = slices.Clone(r.Lines)
	for i := range r.Lines {
		line := &r.Lines[i]
		line.Parts = slices.Clone(line.Parts)
		for j := range line.Parts {
			part, share := &line.Parts[j], shares[next]
			next++
			if share == 0 {
				continue
			}
			part.Total -= share
			part.Adjustments = append(slices.Clone(part.Adjustments), Adjustment{
				Kind: kind, Source: source, Amount: share, Units: part.Quantity,
			})
			line.Total -= share
		}
	}
	r.Total -= amount
	r.Redeemed += amount
	return r, nil
}
