package earning

import (
	"time"

	"farthing/ent/schema"
)

// Step counts a purchase at an instant, in the zone that the shopper was in then. It says whether the purchase began a new
// period of the streak; when it did not, nothing has changed.
//
// A period counts when its number is higher than that of the last one, and when that one is over in the zone in which it
// was counted. So periods that count are stretches of real time that do not overlap, with rising dates, and nobody gets two
// days out of one by changing zones. A clock that was set back counts nothing.
func Step(s schema.StreakState, terms schema.StreakTerms, zone *time.Location, at time.Time) (after schema.StreakState, counted bool) {
	at = at.In(zone)
	this := periodOf(terms.Period, at)
	if !s.Ends.IsZero() && (at.Before(s.Ends) || this <= s.Last) {
		return s, false
	}
	if frozen, ok := bridge(s, terms, at); ok {
		s.Freezes -= frozen
		s.Count++
	} else {
		s.Count = 1
	}
	s.Best = max(s.Best, s.Count)
	if terms.FreezeEvery > 0 && s.Count%terms.FreezeEvery == 0 && s.Freezes < terms.MaxFreezes {
		s.Freezes++ // who has bought more than one can earn keeps them
	}
	s.Last, s.Ends = this, shows(firstDay(terms.Period, this+1), at)
	return s, true
}

// StreakAt is how long a streak is at an instant, as a shopper sees it: its count, or 0 when by then more periods have been
// missed than grace and freezes cover. A period that has begun is not missed before it is over. It is judged on reading, so
// that no job has to end streaks; the next purchase finds the same.
func StreakAt(s schema.StreakState, terms schema.StreakTerms, zone *time.Location, at time.Time) int {
	if _, ok := bridge(s, terms, at.In(zone)); !ok {
		return 0
	}
	return s.Count
}

// Deadline is until when, exclusive, a purchase in a zone continues the streak, as seen at an instant; false when there is
// no streak to continue.
func Deadline(s schema.StreakState, terms schema.StreakTerms, zone *time.Location, at time.Time) (until time.Time, ok bool) {
	if _, ok := bridge(s, terms, at.In(zone)); !ok {
		return time.Time{}, false
	}
	from := s.Ends.In(zone)
	covered := int64(terms.Grace) + int64(s.Freezes)
	last := s.Last + 1 + covered
	if at.After(from) {
		from = at.In(zone)
	}
	for {
		until = shows(firstDay(terms.Period, last+1), from)
		over := missed(s, terms.Period, until.In(zone)) - covered
		if over > 0 {
			return until, true
		}
		last += 1 - over // periods that nobody could buy in put it off
	}
}

// bridge is how many freezes it takes for a purchase at an instant, in the zone of that instant, to continue the streak;
// false when there are not as many, or no streak.
func bridge(s schema.StreakState, terms schema.StreakTerms, at time.Time) (frozen int, ok bool) {
	if s.Ends.IsZero() {
		return 0, false
	}
	needed := max(0, missed(s, terms.Period, at)-int64(terms.Grace))
	if needed > int64(s.Freezes) {
		return 0, false
	}
	return int(needed), true
}

// missed is how many periods of an instant's zone have gone by without a purchase since the last one that counted, up to
// the one that the instant is in. The first that could be missed is the one after the last, or the one that clocks showed
// in this zone when the last was over: who has flown across the date line could not buy on the dates in between. Nor could
// anybody on dates that a zone left out when it changed sides: there was no 30 December 2011 in Samoa.
func missed(s schema.StreakState, period string, at time.Time) int64 {
	this := periodOf(period, at)
	if this <= s.Last+1 {
		return 0
	}
	change := s.Ends.In(at.Location())
	shown := periodOf(period, change) // the latest that clocks have shown
	first := max(s.Last+1, shown)
	count := max(0, this-first)
	for count > 0 {
		change = changeAfter(change)
		if change.IsZero() || change.After(at) {
			break
		}
		shown = max(shown, periodOf(period, change.Add(-1)))
		next := periodOf(period, change)
		count -= max(0, next-max(shown+1, first))
		shown = max(shown, next)
	}
	return count
}

const secondsOfDay = 24 * 60 * 60

// periodOf is the number of the period that an instant is in, by the calendar of its zone: days since 1 January 1970, or
// weeks since the one of that day.
func periodOf(period string, t time.Time) int64 {
	_, offset := t.Zone()
	day := floored(t.Unix()+int64(offset), secondsOfDay)
	if period == Week {
		return floored(day+3, 7) // it was a Thursday
	}
	return day
}

// firstDay is the number of the first day of a period.
func firstDay(period string, number int64) int64 {
	if period == Week {
		return number*7 - 3
	}
	return number
}

// floored is a divided by a positive b, rounded down.
func floored(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}

// shows is the first instant, from one on, at which clocks in the zone of that one show a day or a later one. It need not
// be midnight, which clocks may skip, and when they show midnight twice only one of them is it.
func shows(day int64, from time.Time) time.Time {
	for {
		_, offset := from.Zone()
		midnight := day*secondsOfDay - int64(offset)
		if midnight <= from.Unix() {
			return from.UTC()
		}
		change := changeAfter(from)
		if change.IsZero() || midnight < change.Unix() {
			return time.Unix(midnight, 0).UTC()
		}
		from = change
	}
}

// changeAfter is an instant after another up to which clocks in its zone do not change; zero when they never do. They may
// not change there either.
func changeAfter(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Where a rule goes on for ever, each year is bounded after 365 days, so that on the last day of a leap year (of UTC)
		// the bound has passed. No clocks change between it and the end of the year.
		end = t.Truncate(secondsOfDay * time.Second).Add(secondsOfDay * time.Second)
	}
	return end
}
