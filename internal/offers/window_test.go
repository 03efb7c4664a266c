package offers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farthing/ent/schema"
	"farthing/internal/offers"
)

// instant reads a time in RFC 3339, or 2006-01-02 15:04 in UTC.
func instant(text string) time.Time {
	layout := time.RFC3339Nano
	if !strings.Contains(text, "T") {
		layout = "2006-01-02 15:04"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// weekly is a recurrence written as "Fri 18:00-20:00 Asia/Seoul"; several days are joined by commas, and "daily" is all.
func weekly(text string) *schema.Recurrence {
	fields := strings.Fields(text)
	from, until, _ := strings.Cut(fields[1], "-")
	r := &schema.Recurrence{TimeZone: fields[2], From: from, Until: until}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if fields[0] == "daily" || slices.Contains(strings.Split(fields[0], ","), day.String()[:3]) {
			r.Weekdays = append(r.Weekdays, day)
		}
	}
	return r
}

// show writes a window as "from – until #round".
func show(w offers.Window, ok bool) string {
	const layout = "2006-01-02 15:04"
	switch {
	case !ok:
		return "none"
	case w.End.IsZero():
		return fmt.Sprintf("%s – #%d", w.Start.UTC().Format(layout), w.Round)
	}
	return fmt.Sprintf("%s – %s #%d", w.Start.UTC().Format(layout), w.End.UTC().Format(layout), w.Round)
}

// TestWindows: every instant is in UTC. Windows of a sale are within [start, end).
func TestWindows(t *testing.T) {
	t.Parallel()
	const always = "2000-01-01 00:00"
	for _, test := range []struct {
		name, weekly    string
		start, end, now string
		want            string
	}{
		{"one window, before it", "", "2026-12-24 12:00", "2026-12-24 14:00", "2026-12-24 11:59", "2026-12-24 12:00 – 2026-12-24 14:00 #0"},
		{"one window, its first instant", "", "2026-12-24 12:00", "2026-12-24 14:00", "2026-12-24 12:00", "2026-12-24 12:00 – 2026-12-24 14:00 #0"},
		{"one window, its last microsecond", "", "2026-12-24 12:00", "2026-12-24 14:00", "2026-12-24T13:59:59.999999Z", "2026-12-24 12:00 – 2026-12-24 14:00 #0"},
		{"one window, its end", "", "2026-12-24 12:00", "2026-12-24 14:00", "2026-12-24 14:00", "none"},
		{"one window without an end", "", "2026-12-24 12:00", "", "2036-12-24 12:00", "2026-12-24 12:00 – #0"},
		{"one that was ended before it began", "", "2026-12-24 12:00", "2026-12-24 10:00", "2026-12-24 09:00", "none"},

		{"Fridays in Seoul, on a Thursday", "Fri 18:00-20:00 Asia/Seoul", always, "", "2026-12-24 12:00", "2026-12-25 09:00 – 2026-12-25 11:00 #20261225"},
		{"Fridays in Seoul, the first instant", "Fri 18:00-20:00 Asia/Seoul", always, "", "2026-12-25 09:00", "2026-12-25 09:00 – 2026-12-25 11:00 #20261225"},
		{"Fridays in Seoul, the last microsecond", "Fri 18:00-20:00 Asia/Seoul", always, "", "2026-12-25T10:59:59.999999Z", "2026-12-25 09:00 – 2026-12-25 11:00 #20261225"},
		{"Fridays in Seoul, the end", "Fri 18:00-20:00 Asia/Seoul", always, "", "2026-12-25 11:00", "2027-01-01 09:00 – 2027-01-01 11:00 #20270101"},
		{"Fridays in Seoul that begin on Thursdays in UTC", "Fri 06:00-08:00 Asia/Seoul", always, "", "2026-12-24 12:00", "2026-12-24 21:00 – 2026-12-24 23:00 #20261225"},
		{"several days", "Fri,Tue 18:00-20:00 Asia/Seoul", always, "", "2026-12-25 11:00", "2026-12-29 09:00 – 2026-12-29 11:00 #20261229"},

		{"across midnight, before it", "Sat 22:00-02:00 UTC", always, "", "2026-12-26 23:30", "2026-12-26 22:00 – 2026-12-27 02:00 #20261226"},
		{"across midnight, after it", "Sat 22:00-02:00 UTC", always, "", "2026-12-27 01:59", "2026-12-26 22:00 – 2026-12-27 02:00 #20261226"},
		{"across midnight, the end", "Sat 22:00-02:00 UTC", always, "", "2026-12-27 02:00", "2027-01-02 22:00 – 2027-01-03 02:00 #20270102"},
		{"until midnight", "Sat 22:00-00:00 UTC", always, "", "2026-12-26 23:59", "2026-12-26 22:00 – 2026-12-27 00:00 #20261226"},
		{"the same time is a whole day", "Sat 09:00-09:00 UTC", always, "", "2026-12-27 08:59", "2026-12-26 09:00 – 2026-12-27 09:00 #20261226"},
		{"every day the whole day", "daily 00:00-00:00 UTC", always, "", "2026-12-27 00:00", "2026-12-27 00:00 – 2026-12-28 00:00 #20261227"},

		{"clipped to the start", "Fri 18:00-20:00 UTC", "2026-12-25 19:00", "", "2026-12-01 00:00", "2026-12-25 19:00 – 2026-12-25 20:00 #20261225"},
		{"a start at the end of a window", "Fri 18:00-20:00 UTC", "2026-12-25 20:00", "", "2026-12-01 00:00", "2027-01-01 18:00 – 2027-01-01 20:00 #20270101"},
		{"clipped to the end", "Fri 18:00-20:00 UTC", always, "2026-12-25 19:00", "2026-12-25 18:30", "2026-12-25 18:00 – 2026-12-25 19:00 #20261225"},
		{"clipped to the end, at it", "Fri 18:00-20:00 UTC", always, "2026-12-25 19:00", "2026-12-25 19:00", "none"},
		{"an end at the beginning of a window", "Fri 18:00-20:00 UTC", always, "2026-12-25 18:00", "2026-12-24 12:00", "none"},
		{"clipped at both sides", "daily 00:00-00:00 UTC", "2026-12-25 05:00", "2026-12-25 06:00", "2026-12-24 00:00", "2026-12-25 05:00 – 2026-12-25 06:00 #20261225"},
		{"a start years ahead", "Fri 18:00-20:00 UTC", "2030-01-01 00:00", "", "2026-12-24 12:00", "2030-01-04 18:00 – 2030-01-04 20:00 #20300104"},

		// New York: clocks go from 02:00 to 03:00 on 8 March 2026 at 07:00 UTC, and from 02:00 to 01:00 on 1 November at 06:00 UTC.
		{"New York in winter", "Sun 18:00-20:00 America/New_York", always, "", "2026-03-01 00:00", "2026-03-01 23:00 – 2026-03-02 01:00 #20260301"},
		{"New York in summer", "Sun 18:00-20:00 America/New_York", always, "", "2026-03-08 12:00", "2026-03-08 22:00 – 2026-03-09 00:00 #20260308"},
		{"over the gap: one hour shorter", "Sat 22:00-04:00 America/New_York", always, "", "2026-03-08 04:00", "2026-03-08 03:00 – 2026-03-08 08:00 #20260307"},
		{"over the repeat: one hour longer", "Sat 22:00-04:00 America/New_York", always, "", "2026-11-01 04:00", "2026-11-01 02:00 – 2026-11-01 09:00 #20261031"},
		{"begins in the gap: as if the clocks had not changed", "Sun 02:00-04:00 America/New_York", always, "", "2026-03-08 00:00", "2026-03-08 07:00 – 2026-03-08 08:00 #20260308"},
		{"ends in the gap: as if the clocks had not changed", "Sun 01:30-02:30 America/New_York", always, "", "2026-03-08 00:00", "2026-03-08 06:30 – 2026-03-08 07:30 #20260308"},
		{"swallowed whole by the gap", "Sun 02:30-03:30 America/New_York", always, "", "2026-03-08 00:00", "2026-03-15 06:30 – 2026-03-15 07:30 #20260315"},
		{"ends before it begins, because of the gap", "Sun 02:30-03:00 America/New_York", always, "", "2026-03-08 00:00", "2026-03-15 06:30 – 2026-03-15 07:00 #20260315"},
		{"begins at a time that comes twice: the first", "Sun 01:30-02:30 America/New_York", always, "", "2026-11-01 00:00", "2026-11-01 05:30 – 2026-11-01 07:30 #20261101"},
		{"ends at a time that comes twice: the first", "Sun 00:30-01:15 America/New_York", always, "", "2026-11-01 00:00", "2026-11-01 04:30 – 2026-11-01 05:15 #20261101"},
		{"does not begin again when its time comes again", "Sun 01:00-01:15 America/New_York", always, "", "2026-11-01 06:10", "2026-11-08 06:00 – 2026-11-08 06:15 #20261108"},
		{"nearly a day, until the gap: ends where the next begins", "daily 03:00-02:30 America/New_York", always, "", "2026-03-08 06:59", "2026-03-07 08:00 – 2026-03-08 07:00 #20260307"},
		{"nearly a day, from the gap on", "daily 03:00-02:30 America/New_York", always, "", "2026-03-08 07:00", "2026-03-08 07:00 – 2026-03-09 06:30 #20260308"},

		// Berlin: from 02:00 to 03:00 on 29 March 2026, from 03:00 to 02:00 on 25 October, both at 01:00 UTC.
		{"Berlin, begins in the gap", "Sun 02:30-05:00 Europe/Berlin", always, "", "2026-03-29 00:00", "2026-03-29 01:30 – 2026-03-29 03:00 #20260329"},
		{"Berlin, all of it comes twice: once", "Sun 02:30-02:45 Europe/Berlin", always, "", "2026-10-25 00:00", "2026-10-25 00:30 – 2026-10-25 00:45 #20261025"},
		{"Berlin, begins before and ends after the repeat", "Sun 01:00-04:00 Europe/Berlin", always, "", "2026-10-25 00:00", "2026-10-24 23:00 – 2026-10-25 03:00 #20261025"},

		// Lord Howe Island changes by half an hour: from 02:00 to 02:30 on 4 October 2026, from 02:00 to 01:30 on 5 April.
		{"Lord Howe, begins in the gap", "Sun 02:15-03:00 Australia/Lord_Howe", always, "", "2026-10-03 00:00", "2026-10-03 15:45 – 2026-10-03 16:00 #20261004"},
		{"Lord Howe, begins at a time that comes twice", "Sun 01:45-02:15 Australia/Lord_Howe", always, "", "2026-04-04 00:00", "2026-04-04 14:45 – 2026-04-04 15:45 #20260405"},

		// Cairo: from 00:00 to 01:00 on 24 April 2026 at 22:00 UTC the day before; 29 October has its last hour twice.
		{"Cairo, begins at the midnight that is not", "Fri 00:00-02:00 Africa/Cairo", always, "", "2026-04-23 12:00", "2026-04-23 22:00 – 2026-04-23 23:00 #20260424"},
		{"Cairo, begins before it and ends in the gap", "Thu 23:30-00:30 Africa/Cairo", always, "", "2026-04-23 12:00", "2026-04-23 21:30 – 2026-04-23 22:30 #20260423"},
		{"Cairo, the last hour of the day comes twice", "Thu 23:00-23:30 Africa/Cairo", always, "", "2026-10-29 12:00", "2026-10-29 20:00 – 2026-10-29 20:30 #20261029"},
		{"Cairo, and is not on the second time", "Thu 23:00-23:30 Africa/Cairo", always, "", "2026-10-29 21:10", "2026-11-05 21:00 – 2026-11-05 21:30 #20261105"},
		// São Paulo: from 00:00 to 01:00 on 4 November 2018.
		{"São Paulo, the hour after midnight is not there", "Sun 00:00-01:00 America/Sao_Paulo", always, "", "2018-11-03 12:00", "2018-11-11 02:00 – 2018-11-11 03:00 #20181111"},

		// Samoa went over the date line: 29 December 2011 was followed by the 31st, at 10:00 UTC on the 30th.
		{"Apia, a window into the day that was not", "Thu 22:00-02:00 Pacific/Apia", always, "", "2011-12-30 11:00", "2011-12-30 08:00 – 2011-12-30 12:00 #20111229"},
		{"Apia, on the day that was not", "Fri 10:00-12:00 Pacific/Apia", always, "", "2011-12-29 12:00", "2012-01-05 20:00 – 2012-01-05 22:00 #20120106"},
		{"Apia, every day", "daily 10:00-12:00 Pacific/Apia", always, "", "2011-12-29 22:00", "2011-12-30 20:00 – 2011-12-30 22:00 #20111231"},
		{"Apia, every whole day", "daily 12:00-12:00 Pacific/Apia", always, "", "2011-12-30 12:00", "2011-12-29 22:00 – 2011-12-30 22:00 #20111229"},

		{"a zone that nobody knows", "daily 10:00-12:00 Atlantic/Atlantis", always, "", "2026-12-24 12:00", "none"},
		{"no days", "never 10:00-12:00 UTC", always, "", "2026-12-24 12:00", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var end *time.Time
			if test.end != "" {
				end = new(instant(test.end))
			}
			var recurrence *schema.Recurrence
			if test.weekly != "" {
				recurrence = weekly(test.weekly)
			}
			if got := show(offers.At(instant(test.start), end, recurrence, instant(test.now))); got != test.want {
				t.Errorf("At(%s) = %s, want %s", test.now, got, test.want)
			}
		})
	}
}

func TestWindowContains(t *testing.T) {
	t.Parallel()
	w := offers.Window{Start: instant("2026-12-24 12:00"), End: instant("2026-12-24 14:00")}
	for at, want := range map[string]bool{
		"2026-12-24T11:59:59.999999Z": false, "2026-12-24 12:00": true, "2026-12-24T13:59:59.999999Z": true, "2026-12-24 14:00": false,
	} {
		if w.Contains(instant(at)) != want {
			t.Errorf("Contains(%s) is not %t", at, want)
		}
	}
	w.End = time.Time{}
	if !w.Contains(instant("2126-12-24 12:00")) {
		t.Error("a window without an end has ended")
	}
}

// TestRoundsOutliveHours: whoever moves a sale's hours, or its zone by a little, does not give its shoppers new caps.
func TestRoundsOutliveHours(t *testing.T) {
	t.Parallel()
	start, now := instant("2026-01-01 00:00"), instant("2026-12-25 09:30")
	for _, text := range []string{
		"Fri 18:00-20:00 Asia/Seoul", "Fri 18:15-20:00 Asia/Seoul", "Fri 17:00-23:59 Asia/Seoul", "Thu,Fri 18:00-21:00 Asia/Tokyo", "Fri 19:00-02:00 Asia/Seoul",
	} {
		if w, ok := offers.At(start, nil, weekly(text), now); !ok || w.Round != 20261225 {
			t.Errorf("%s is in round %d", text, w.Round)
		}
	}
}

// TestWindowsFollowEachOther holds for recurrences of any kind, around all changes of clocks since 1990, that windows are
// never empty, never overlap, come in their order, and that asking at any instant gives the one that is on or the next.
func TestWindowsFollowEachOther(t *testing.T) {
	t.Parallel()
	zones := []string{
		"UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Sao_Paulo", "Pacific/Apia",
		"Pacific/Kwajalein", "Pacific/Kiritimati", "America/Havana", "Asia/Beirut", "Atlantic/Azores", "Antarctica/Troll", "Asia/Kathmandu",
	}
	clock := rapid.Custom(func(t *rapid.T) string {
		minutes := rapid.IntRange(0, 24*60-1).Draw(t, "minutes")
		if rapid.Bool().Draw(t, "round") {
			minutes -= minutes % 15
		}
		return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
	})
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(instant("1990-01-01 00:00").Unix(), instant("2037-01-01 00:00").Unix()).Draw(t, "unix"), 0).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		r := &schema.Recurrence{
			TimeZone: zone.String(), From: clock.Draw(t, "from"), Until: clock.Draw(t, "until"),
			Weekdays: rapid.SliceOfNDistinct(rapid.SampledFrom([]time.Weekday{0, 1, 2, 3, 4, 5, 6}), 1, 7, rapid.ID).Draw(t, "weekdays"),
		}
		now := moment.Draw(t, "now")
		if rapid.Bool().Draw(t, "near a change of clocks") {
			for range 500 { // the first change after now, and some hours before or after it
				_, today := now.In(zone).Zone()
				_, tomorrow := now.Add(24 * time.Hour).In(zone).Zone()
				if today != tomorrow {
					now = now.Add(time.Duration(rapid.IntRange(-30, 40).Draw(t, "hours")) * time.Hour)
					break
				}
				now = now.Add(24 * time.Hour)
			}
		}
		start := now.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(t, "start")) * time.Hour)
		var end *time.Time
		if rapid.Bool().Draw(t, "ends") {
			end = new(start.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "end")) * time.Hour))
		}

		var last offers.Window
		for at, turn := now, 0; turn < 12; turn++ {
			w, ok := offers.At(start, end, r, at)
			if !ok {
				if end == nil {
					t.Fatalf("no window at %s or after, and there is no end", at)
				}
				break
			}
			length := w.End.Sub(w.Start)
			switch {
			case length <= 0 || length > 26*time.Hour:
				t.Fatalf("%s lasts %s", show(w, ok), length)
			case !at.Before(w.End):
				t.Fatalf("%s is over at %s", show(w, ok), at)
			case w.Start.Before(start) || end != nil && w.End.After(*end):
				t.Fatalf("%s goes beyond the sale's bounds", show(w, ok))
			case turn > 0 && (w.Start.Before(last.End) || w.Round <= last.Round):
				t.Fatalf("%s follows %s", show(w, ok), show(last, ok))
			}
			for _, other := range []time.Time{w.Start, w.End.Add(-time.Microsecond), at.Add(w.Start.Sub(at) / 2)} {
				if same, ok := offers.At(start, end, r, other); !ok || !other.Before(at) && same != w {
					t.Fatalf("at %s it is %s, at %s %s", at, show(w, true), other, show(same, ok))
				}
			}
			if w.Start.After(start) {
				begins := w.Start.In(zone)
				if !slices.Contains(r.Weekdays, begins.Weekday()) && begins.Add(-12*time.Hour).In(zone).Weekday() == begins.Weekday() {
					t.Fatalf("%s begins on a %s", show(w, ok), begins.Weekday())
				}
			}
			last, at = w, w.End
		}
	})
}
