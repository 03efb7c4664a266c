package money

import (
	"cmp"
	"math/bits"
	"slices"
)

// Allocate shares a total out in proportion to weights, such as a discount over the prices of the lines it is for. The
// shares are in the order of the weights and add up to the total exactly (rule 3).
//
// The method is that of the largest remainder: every share is its exact part rounded down to a whole step, and the steps
// still missing go one each to those who lost most by the rounding, the earlier of equals first. A share is therefore
// less than one step away from the exact part, a larger weight never gets less than a smaller one, and a weight of zero
// gets nothing. With weights that are whole steps and add up to the total or more, no share exceeds its weight: a
// discount leaves no line below zero.
//
// The step is what the shares are counted in, in general Currency.Step. A total that is not whole steps is shared in
// millionths instead. Weights that are all zero count as equal.
//
// Every error wraps ErrRange and means a mistake of the calling code: a negative total or weight, one beyond Max, a step
// below one millionth, no weights for a total above zero, or weights that add up to more than two thousand times Max.
func Allocate(total Amount, weights []Amount, step Amount) ([]Amount, error) {
	if total < 0 || !total.valid() {
		return nil, refuse(ErrRange, "a total of %s cannot be shared; it must be from 0 to %s", total, Max)
	}
	if step <= 0 {
		return nil, refuse(ErrRange, "a total cannot be shared in steps of %s", step)
	}
	if len(weights) == 0 && total > 0 {
		return nil, refuse(ErrRange, "a total of %s cannot be shared over nothing", total)
	}
	var sum, overflow uint64
	for _, w := range weights {
		if w < 0 || !w.valid() {
			return nil, refuse(ErrRange, "a total cannot be shared by a weight of %s; it must be from 0 to %s", w, Max)
		}
		if sum, overflow = bits.Add64(sum, uint64(w), 0); overflow != 0 {
			return nil, refuse(ErrRange, "a total cannot be shared by weights that add up to so much")
		}
	}
	if sum == 0 {
		weights, sum = slices.Repeat([]Amount{1}, len(weights)), uint64(len(weights))
	}
	if total%step != 0 {
		step = 1
	}

	steps := uint64(total / step)
	missing := steps
	shares := make([]Amount, len(weights))
	lost := make([]uint64, len(weights))
	for i, w := range weights {
		// No weight exceeds the sum, so no quotient exceeds steps, and the division is defined.
		high, low := bits.Mul64(steps, uint64(w))
		whole, rest := bits.Div64(high, low, sum)
		shares[i], lost[i] = Amount(whole)*step, rest
		missing -= whole
	}
	if missing == 0 {
		return shares, nil
	}
	byLoss := make([]int, len(weights))
	for i := range byLoss {
		byLoss[i] = i
	}
	slices.SortStableFunc(byLoss, func(i, j int) int { return cmp.Compare(lost[j], lost[i]) })
	for _, i := range byLoss[:missing] {
		shares[i] += step
	}
	return shares, nil
}
