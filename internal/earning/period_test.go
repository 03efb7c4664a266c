package earning_test

import (
	"testing"
	"time"

	"farthing/internal/earning"
)

// TestPeriodBefore goes back over the ends of months and years, to days that are the first of their period.
func TestPeriodBefore(t *testing.T) {
	t.Parallel()
	at := time.Date(2028, 3, 31, 23, 30, 0, 0, time.FixedZone("behind UTC", -3600)) // 1 April in UTC, a Saturday
	for _, c := range []struct {
		period string
		back   int
		want   int64
		from   string
		until  string
	}{
		{earning.Day, 0, 20280401, "2028-04-01", "2028-04-02"},
		{earning.Day, 1, 20280331, "2028-03-31", "2028-04-01"},
		{earning.Day, 32, 20280229, "2028-02-29", "2028-03-01"},
		{earning.Week, 0, 20280327, "2028-03-27", "2028-04-03"},
		{earning.Week, 1, 20280320, "2028-03-20", "2028-03-27"},
		{earning.Week, 13, 20271227, "2027-12-27", "2028-01-03"},
		{earning.Month, 0, 20280401, "2028-04-01", "2028-05-01"},
		{earning.Month, 2, 20280201, "2028-02-01", "2028-03-01"},
		{earning.Month, 4, 20271201, "2027-12-01", "2028-01-01"},
		{earning.Ever, 0, 0, "", ""},
		{earning.Ever, 3, 0, "", ""},
	} {
		number, from, until := earning.PeriodBefore(c.period, at, c.back)
		if number != c.want || firstOf(from) != c.from || firstOf(until) != c.until {
			t.Errorf("%d before this %s is %d from %s until %s, want %d from %s until %s",
				c.back, c.period, number, firstOf(from), firstOf(until), c.want, c.from, c.until)
		}
	}
}

func firstOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}
