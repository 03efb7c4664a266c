package earning

import "farthing/internal/money"

// ShareOfPaid is how much of each line of a purchase was really paid for: all of it when the whole total was, and a share
// in proportion to what the lines cost otherwise. The totals are those of the lines.
func ShareOfPaid(paid money.Amount, totals []money.Amount) ([]money.Amount, error) {
	total, err := money.Sum(totals...)
	if err != nil || paid == total {
		return totals, err
	}
	return money.Allocate(paid, totals, 1)
}
