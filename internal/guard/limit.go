package guard

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What a Limit may hold. Beyond these bounds GCRA's floats would no longer tell one microsecond from the next.
const (
	maxTokens  = 1_000_000
	maxPeriod  = 24 * time.Hour
	maxRefill  = 30 * 24 * time.Hour
	minBetween = time.Microsecond
)

// Limit is how fast a bucket may be emptied: Burst operations at once, and then Rate operations per Period, evenly
// spaced. A new bucket is full. The zero Limit is invalid, because to redis_rate it means no limit at all.
type Limit struct {
	// Burst is how many operations may come at once, from 1 to 1,000,000.
	Burst int
	// Rate is how many tokens come back in a Period, from 1 to 1,000,000.
	Rate int
	// Period is the time that Rate is about, at most a day.
	Period time.Duration
}

// ParseLimit reads RATE/PERIOD or RATE/PERIOD:BURST. PERIOD is a unit (s, m, h) or a Go duration; BURST is as large as
// RATE when it is left out.
//
//	5/s        five a second, five at once
//	5/s:20     five a second, twenty at once
//	60/1h30m   sixty in ninety minutes, sixty at once
func ParseLimit(text string) (Limit, error) {
	l, err := parseLimit(strings.TrimSpace(text))
	if err != nil {
		return Limit{}, fmt.Errorf("reading limit %q: %w", text, err)
	}
	return l, nil
}

func parseLimit(text string) (Limit, error) {
	rate, rest, ok := strings.Cut(text, "/")
	if !ok {
		return Limit{}, fmt.Errorf("want RATE/PERIOD:BURST, such as 5/s:20")
	}
	period, burst, ok := strings.Cut(rest, ":")
	if !ok {
		burst = rate
	}
	var l Limit
	var err error
	if l.Rate, err = strconv.Atoi(rate); err != nil {
		return Limit{}, fmt.Errorf("rate %q is not a whole number", rate)
	}
	if l.Burst, err = strconv.Atoi(burst); err != nil {
		return Limit{}, fmt.Errorf("burst %q is not a whole number", burst)
	}
	switch period {
	case "s", "m", "h":
		period = "1" + period
	}
	if l.Period, err = time.ParseDuration(period); err != nil {
		return Limit{}, fmt.Errorf("period %q is neither s, m, h nor a duration such as 90s", period)
	}
	return l, l.Validate()
}

// String is the limit as ParseLimit reads it. It always names the burst.
func (l Limit) String() string {
	period := l.Period.String()
	switch l.Period {
	case time.Second:
		period = "s"
	case time.Minute:
		period = "m"
	case time.Hour:
		period = "h"
	}
	return fmt.Sprintf("%d/%s:%d", l.Rate, period, l.Burst)
}

// Validate says what is wrong with the limit, or nil.
func (l Limit) Validate() error {
	switch {
	case l.Rate < 1 || l.Rate > maxTokens:
		return fmt.Errorf("limit %s: rate must be 1 to %d", l, maxTokens)
	case l.Burst < 1 || l.Burst > maxTokens:
		return fmt.Errorf("limit %s: burst must be 1 to %d", l, maxTokens)
	case l.Period <= 0 || l.Period > maxPeriod:
		return fmt.Errorf("limit %s: period must be positive and at most %s", l, maxPeriod)
	case l.interval() < minBetween.Seconds():
		return fmt.Errorf("limit %s: more than one token a microsecond", l)
	case l.interval()*float64(l.Burst) > maxRefill.Seconds():
		return fmt.Errorf("limit %s: an empty bucket would take more than %s to fill", l, maxRefill)
	}
	return nil
}

// interval is the time in seconds in which one token comes back.
func (l Limit) interval() float64 { return l.Period.Seconds() / float64(l.Rate) }

// stricter is the limit in force while Redis is away: half the burst, but at least 1, at half the rate. The rate is
// halved by doubling the period, which is exact for every rate, 1 included.
func (l Limit) stricter() Limit {
	return Limit{Burst: max(1, l.Burst/2), Rate: l.Rate, Period: 2 * l.Period}
}
