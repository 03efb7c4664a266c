package offers

import (
	"slices"
	"time"

	"farthing/ent/schema"
	zones "farthing/internal/zone"
)

// Window is a half-open stretch of time [Start, End). A zero End is none.
type Window struct {
	Start, End time.Time
	// Round tells the windows of a recurring sale apart: the local date of the beginning as a number, 20261225. It stays
	// the same when the hours are changed. 0 for a sale with one window.
	Round int64
}

// Contains says whether an instant is in the window.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.Start) && (w.End.IsZero() || t.Before(w.End))
}

// A weekly window is looked for from two days before to lookAhead days after an instant. Before: one that began yesterday may
// still be on, and where clocks have leapt over a whole day it began the day before that. After: a week, and another one
// in case a change of the clocks leaves nothing of a window.
const (
	lookBack  = 2
	lookAhead = 15
)

// At is the window that an instant is in or, when it is in none, the next one; false when there is none any more. The
// window of an offer without a recurrence is all of [start, end).
func At(start time.Time, end *time.Time, recurrence *schema.Recurrence, now time.Time) (Window, bool) {
	outer := Window{Start: start}
	if end != nil {
		outer.End = *end
	}
	if recurrence == nil {
		// An offer that was ended before it began has no window at all.
		return outer, outer.End.IsZero() || now.Before(outer.End) && start.Before(outer.End)
	}
	zone, err := zones.Load(recurrence.TimeZone)
	if err != nil {
		return Window{}, false // not a zone that this machine knows; it was checked when it was written
	}
	from := now
	if start.After(from) {
		from = start
	}
	year, month, day := from.In(zone).Date()
	for i := -lookBack; i <= lookAhead; i++ {
		date := time.Date(year, month, day+i, 0, 0, 0, 0, time.UTC)
		w, ok := occurrence(recurrence, date, zone, outer)
		if ok && now.Before(w.End) {
			return w, true
		}
	}
	return Window{}, false
}

// occurrence is the window that begins on a local date, clipped to the offer's own; false when there is none.
func occurrence(r *schema.Recurrence, date time.Time, zone *time.Location, outer Window) (Window, bool) {
	if !slices.Contains(r.Weekdays, date.Weekday()) || !exists(date, zone) {
		return Window{}, false
	}
	until := date
	if r.Until <= r.From {
		until = date.AddDate(0, 0, 1)
	}
	w := Window{
		Start: localTime(date, r.From, zone), End: localTime(until, r.Until, zone),
		Round: int64(date.Year())*10_000 + int64(date.Month())*100 + int64(date.Day()),
	}
	if slices.Contains(r.Weekdays, until.Weekday()) && !until.Equal(date) {
		// A window of nearly a day can end at a time that the clocks skip, and which is read as one after the beginning of
		// the next window: that one begins when it says.
		w.End = earlier(w.End, localTime(until, r.From, zone))
	}
	if w.Start.Before(outer.Start) {
		w.Start = outer.Start
	}
	if !outer.End.IsZero() {
		w.End = earlier(w.End, outer.End)
	}
	return w, w.Start.Before(w.End)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// exists says whether clocks in a zone ever show a date. They do not where a country has gone over to the other side of the
// date line: there was no 30 December 2011 in Samoa.
func exists(date time.Time, zone *time.Location) bool {
	_, _, day := localTime(date, "12:00", zone).In(zone).Date()
	return day == date.Day()
}

// localTime is the instant at which clocks in a zone show a time of day, HH:MM, on a date. One that they show twice is
// the first; one that they skip is read with the offset before the gap (RFC 5545, section 3.3.5).
func localTime(date time.Time, clock string, zone *time.Location) time.Time {
	minutes, _ := parseClock(clock)
	shown := date.Add(time.Duration(minutes) * time.Minute)
	before, after := offsetAt(shown.Add(-24*time.Hour), zone), offsetAt(shown.Add(24*time.Hour), zone)
	first, second := shown.Add(-before), shown.Add(-after)
	if offsetAt(first, zone) != before && offsetAt(second, zone) == after {
		return second
	}
	return first
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// parseClock reads a time of day, HH:MM, as minutes after midnight.
func parseClock(text string) (int, bool) {
	shown, err := time.Parse("15:04", text)
	return shown.Hour()*60 + shown.Minute(), err == nil && shown.Format("15:04") == text
}

// Status is where a flash sale stands at an instant. It is computed, never stored.
type Status string

// Where a flash sale stands. The words are those of the schema's FlashSaleStatus.
const (
	Draft    Status = "DRAFT"
	Upcoming Status = "UPCOMING"
	Live     Status = "LIVE"
	SoldOut  Status = "SOLD_OUT"
	Ended    Status = "ENDED"
	Archived Status = "ARCHIVED"
)
