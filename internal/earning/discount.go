package earning

import (
	"farthing/internal/money"
)

// PointsWorth is what points take off a basket by a DISCOUNT, in whole minor units, rounded down; 0 in a currency that it
// says nothing of.
func (r *Rule) PointsWorth(points money.Amount, currency money.Currency) money.Amount {
	worth, err := points.Scaled(int64(r.Terms.Discount.Worth[currency.Code]), int64(money.Unit))
	if err != nil {
		return money.Max // more than any basket costs
	}
	return worth / currency.Step() * currency.Step()
}

// MostPoints is how many points can be redeemed for a basket: the fewest that take off as much as points can, which is at
// most their part of the total. More would take off no more.
func (r *Rule) MostPoints(total money.Amount, currency money.Currency) money.Amount {
	terms := r.Terms.Discount
	worth, step := terms.Worth[currency.Code], currency.Step()
	payable, err := total.Scaled(terms.MostPercent, 10_000)
	if err != nil || worth <= 0 {
		return 0
	}
	payable -= payable % step
	if payable == 0 {
		return 0
	}
	// What is worth less than one minor unit more takes off no more than that, once it is rounded down.
	takesOff := r.PointsWorth(pointsFor(payable+step-1, worth), currency)
	if takesOff == 0 {
		return 0
	}
	// The fewest that are worth as much: one more than are worth a millionth less.
	return pointsFor(takesOff-1, worth) + money.Unit
}

// pointsFor is how many whole points are worth an amount and no more.
func pointsFor(amount, worth money.Amount) money.Amount {
	points, err := amount.Scaled(int64(money.Unit), int64(worth))
	if err != nil {
		points = money.Max
	}
	return points / money.Unit * money.Unit
}
