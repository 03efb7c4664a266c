package earning

import "time"

// PeriodBefore is the period of a leaderboard so many before the one that an instant is in, as PeriodAt tells it: the
// same one for 0. All time has no period before.
func PeriodBefore(period string, at time.Time, back int) (number int64, from, until *time.Time) {
	_, begin, _ := PeriodAt(period, at)
	if begin == nil {
		return PeriodAt(period, at)
	}
	switch period {
	case Month:
		return PeriodAt(period, begin.AddDate(0, -back, 0))
	case Week:
		return PeriodAt(period, begin.AddDate(0, 0, -7*back))
	default:
		return PeriodAt(period, begin.AddDate(0, 0, -back))
	}
}
