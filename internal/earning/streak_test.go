package earning_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine without a time zone database can run these tests, too

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"farthing/ent/schema"
	"farthing/internal/earning"
)

// TestStreaks runs the cases in testdata/streaks: who buys when and where, and how long the streak is then, worked out by
// hand. The README there says how to read them.
func TestStreaks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "streaks", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const least = 80
	count, seen := 0, map[string]bool{}
	for _, file := range files {
		var cases []streakCase
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range cases {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml") + "/" + strings.ReplaceAll(c.Name, " ", "_")
			if seen[name] || c.Name == "" || c.Why == "" {
				t.Errorf("%s: a case needs a name of its own, and a why", name)
			}
			seen[name] = true
			count++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := strings.Split(strings.TrimRight(c.Story, "\n"), "\n")
				if diff := cmp.Diff(want, c.tell(t)); diff != "" {
					t.Errorf("%s\n(-want +got):\n%s", c.Why, diff)
				}
			})
		}
	}
	if count < least {
		t.Errorf("%d cases, fewer than %d", count, least)
	}
}

// streakCase is one case: the terms, and a story of lines that each end in what comes of them.
type streakCase struct {
	Name, Why, Story string
	Terms            struct {
		Period      string
		Grace       int
		FreezeEvery int `yaml:"freezeEvery"`
		MaxFreezes  int `yaml:"maxFreezes"`
	}
}

// tell is the story as the code has it.
func (c *streakCase) tell(t *testing.T) (lines []string) {
	t.Helper()
	terms := schema.StreakTerms{Period: c.Terms.Period, Grace: c.Terms.Grace, FreezeEvery: c.Terms.FreezeEvery, MaxFreezes: c.Terms.MaxFreezes}
	if terms.Period == "" {
		terms.Period = earning.Day
	}
	var state schema.StreakState
	zone := time.UTC
	for line := range strings.Lines(c.Story) {
		told, _, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		verb, rest, _ := strings.Cut(told, " ")
		switch verb {
		case "in":
			zone = zoneOf(rest)
		case "get":
			var freezes int
			if _, err := fmt.Sscanf(rest, "%d freezes", &freezes); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			state.Freezes += freezes
		case "buy":
			at, _ := readInstant(t, rest, zone)
			after, counted := earning.Step(state, terms, zone, at)
			if counted {
				told += fmt.Sprintf(" -> counts: %d, best %d, %d freezes", after.Count, after.Best, after.Freezes)
			} else {
				told += " -> does not count"
				if after != state {
					told += ", but changes something"
				}
			}
			state = after
		case "see":
			at, layout := readInstant(t, rest, zone)
			told += fmt.Sprintf(" -> %d", earning.StreakAt(state, terms, zone, at))
			if until, ok := earning.Deadline(state, terms, zone, at); ok {
				if strings.HasSuffix(rest, "Z") {
					until = until.UTC()
				} else {
					until = until.In(zone)
				}
				told += ", until " + until.Format(layout)
			}
		default:
			t.Fatalf("%q: what is that", line)
		}
		lines = append(lines, told)
	}
	return lines
}

// readInstant reads 2026-05-04 12:00, with seconds if they matter, on clocks in a zone, or 2026-05-04T12:00Z, and the layout
// for instants beside it. Clocks must show the time once: it is not for a test to guess which one is meant.
func readInstant(t *testing.T, text string, zone *time.Location) (at time.Time, layout string) {
	t.Helper()
	if strings.HasSuffix(text, "Z") {
		layout = "2006-01-02T15:04Z"
		at, err := time.Parse(layout, text)
		if err != nil {
			t.Fatal(err)
		}
		return at, layout
	}
	layout = "2006-01-02 15:04"
	wall, err := time.Parse(layout+":05", text)
	if err != nil {
		if wall, err = time.Parse(layout, text); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[time.Time]bool{}
	for hours := -26; hours <= 26; hours++ {
		_, offset := wall.Add(time.Duration(hours) * time.Hour).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, there := at.In(zone).Zone(); there == offset {
			shown[at] = true
		}
	}
	if len(shown) != 1 {
		t.Fatalf("clocks in %s show %s %d times", zone, text, len(shown))
	}
	for at = range shown {
		break
	}
	return at, layout
}

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// nastyZones are those whose clocks do what clocks do not do at home.
var nastyZones = []string{
	"UTC", "Asia/Seoul", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo",
	"America/Sao_Paulo", "America/Havana", "America/Santiago", "America/Asuncion", "America/St_Johns", "America/Nuuk", "Atlantic/Azores",
	"Asia/Beirut", "Asia/Amman", "Asia/Tehran", "Antarctica/Casey", "Antarctica/Troll", "Africa/Casablanca", "Pacific/Apia",
	"Pacific/Kwajalein", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Fakaofo",
}

// backwards are those of them whose clocks have gone back from one date to the one before since 1990, so that what is bought
// on the earlier date can come after what was bought on the later one.
var backwards = map[string]bool{"America/St_Johns": true, "Antarctica/Casey": true}

// dateOf is the date that clocks show, as a number, the plain way.
func dateOf(at time.Time, zone *time.Location) int64 {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// mondayOf is the Monday of a date's week.
func mondayOf(date int64) int64 {
	weekday := time.Unix(date*24*60*60, 0).UTC().Weekday()
	return date - int64(weekday+6)%7
}

// TestDaysEndWhereClocksSay compares where a counted day or week ends with a look at the clocks, minute by minute.
func TestDaysEndWhereClocksSay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ zone, from, until string }{
		{"America/Sao_Paulo", "2018-11-02", "2018-11-06"},
		{"America/Sao_Paulo", "2018-02-16", "2018-02-20"},
		{"America/Havana", "2026-03-06", "2026-03-10"},
		{"America/Havana", "2026-10-30", "2026-11-03"},
		{"America/New_York", "2026-03-06", "2026-03-10"},
		{"America/New_York", "2026-10-30", "2026-11-03"},
		{"America/New_York", "2027-12-30", "2028-01-02"},
		{"America/New_York", "2040-02-27", "2040-03-02"},
		{"America/New_York", "2040-12-28", "2041-01-03"},
		{"America/New_York", "2044-11-04", "2044-11-08"},
		{"America/Santiago", "2040-12-28", "2041-01-03"},
		{"America/Nuuk", "2026-03-26", "2026-03-30"},
		{"America/Nuuk", "2026-10-22", "2026-10-26"},
		{"America/Asuncion", "2010-10-01", "2010-10-05"},
		{"America/St_Johns", "2010-03-12", "2010-03-16"},
		{"America/St_Johns", "2010-11-04", "2010-11-10"},
		{"Africa/Cairo", "2026-04-22", "2026-04-26"},
		{"Africa/Cairo", "2026-10-28", "2026-11-01"},
		{"Africa/Cairo", "2041-04-22", "2041-04-28"},
		{"Antarctica/Casey", "2010-03-02", "2010-03-07"},
		{"Antarctica/Troll", "2026-10-23", "2026-10-27"},
		{"Asia/Beirut", "2026-03-27", "2026-03-31"},
		{"Asia/Beirut", "2026-10-23", "2026-10-27"},
		{"Asia/Tehran", "2021-03-19", "2021-03-24"},
		{"Asia/Kathmandu", "1985-12-30", "1986-01-03"},
		{"Atlantic/Azores", "2026-03-27", "2026-03-31"},
		{"Atlantic/Azores", "2026-10-23", "2026-10-27"},
		{"Australia/Lord_Howe", "2026-04-03", "2026-04-07"},
		{"Australia/Lord_Howe", "2026-10-02", "2026-10-06"},
		{"Europe/Berlin", "2040-12-28", "2041-01-03"},
		{"Pacific/Apia", "2011-12-27", "2012-01-02"},
		{"Pacific/Fakaofo", "2011-12-27", "2012-01-02"},
		{"Pacific/Kiritimati", "1994-12-29", "1995-01-03"},
		{"Pacific/Kwajalein", "1969-09-28", "1969-10-03"},
		{"Pacific/Kwajalein", "1993-08-18", "1993-08-24"},
		{"Asia/Manila", "1844-12-28", "1845-01-03"},
	} {
		t.Run(test.zone+" "+test.from, func(t *testing.T) {
			t.Parallel()
			zone := zoneOf(test.zone)
			from, err := time.Parse(time.DateOnly, test.from)
			if err != nil {
				t.Fatal(err)
			}
			until, err := time.Parse(time.DateOnly, test.until)
			if err != nil {
				t.Fatal(err)
			}
			var dates []int64 // of each minute from the first on, for a week longer than there are purchases
			for at := from; at.Before(until.AddDate(0, 0, 9)); at = at.Add(time.Minute) {
				dates = append(dates, dateOf(at, zone))
			}
			for minute := 0; from.Add(time.Duration(minute) * time.Minute).Before(until); minute += 7 {
				for period, begins := range map[string]int64{earning.Day: dates[minute] + 1, earning.Week: mondayOf(dates[minute]) + 7} {
					over := minute
					for dates[over] < begins {
						over++
					}
					at := from.Add(time.Duration(minute) * time.Minute)
					after, _ := earning.Step(schema.StreakState{}, schema.StreakTerms{Period: period}, zone, at)
					if test.zone == "Asia/Manila" { // whose clocks were 8 seconds off the minute
						after.Ends = after.Ends.Add(59 * time.Second).Truncate(time.Minute)
					}
					if want := from.Add(time.Duration(over) * time.Minute); !after.Ends.Equal(want) {
						t.Fatalf("the %s of %s ends at %s, want %s", period, at.In(zone), after.Ends.In(zone), want.In(zone))
					}
				}
			}
		})
	}
}

// anyTerms draws the terms of a streak.
func anyTerms(t *rapid.T) schema.StreakTerms {
	return schema.StreakTerms{
		Period:      rapid.SampledFrom([]string{earning.Day, earning.Week}).Draw(t, "period"),
		Grace:       rapid.IntRange(0, 2).Draw(t, "grace"),
		FreezeEvery: rapid.IntRange(0, 4).Draw(t, "freeze every"),
		MaxFreezes:  rapid.IntRange(0, 3).Draw(t, "max freezes"),
	}
}

func anyZone(t *rapid.T, label string) *time.Location {
	return zoneOf(rapid.SampledFrom(nastyZones).Draw(t, label))
}

// anyInstant draws an instant between 1990 and 2045, every other one around a change of clocks in a zone.
func anyInstant(t *rapid.T, zone *time.Location) time.Time {
	from, until := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC)
	at := time.Unix(rapid.Int64Range(from.Unix(), until.Unix()).Draw(t, "unix"), 0).UTC()
	if rapid.Bool().Draw(t, "around a change of clocks") {
		if _, change := at.In(zone).ZoneBounds(); !change.IsZero() {
			at = change.UTC().Add(time.Duration(rapid.IntRange(-4*24*60, 2*24*60).Draw(t, "minutes from it")) * time.Minute)
		}
	}
	return at
}

// anyWhile draws how long it is to the next purchase: some minutes, hours or days.
func anyWhile(t *rapid.T) time.Duration {
	unit := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 12 * time.Hour}).Draw(t, "unit")
	return time.Duration(rapid.IntRange(0, 90).Draw(t, "units")) * unit / 10
}

// TestZonesEarnNothing holds for a shopper who is anywhere at any time: periods that counted do not overlap, and between
// any two of them there is as much real time as their number takes, but for the two that have been begun and the 26 hours
// between the clocks of Kiritimati and those furthest west, which can be won once and never again.
func TestZonesEarnNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		length := 24 * time.Hour
		if terms.Period == earning.Week {
			length *= 7
		}
		zones := rapid.SliceOfNDistinct(rapid.SampledFrom(nastyZones), 1, 4, rapid.ID).Draw(t, "zones")
		at := anyInstant(t, zoneOf(zones[0]))
		var state schema.StreakState
		var counted []time.Time
		for range rapid.IntRange(2, 60).Draw(t, "purchases") {
			zone := zoneOf(rapid.SampledFrom(zones).Draw(t, "zone"))
			after, ok := earning.Step(state, terms, zone, at)
			switch {
			case !ok && after != state:
				t.Fatalf("%s does not count, but makes %+v of %+v", at, after, state)
			case ok && (at.Before(state.Ends) || !after.Ends.After(at)):
				t.Fatalf("a period from %s to %s overlaps one that ends at %s", at, after.Ends, state.Ends)
			case ok && len(counted) > 0 && after.Last <= state.Last:
				t.Fatalf("period %d follows %d", after.Last, state.Last)
			case after.Count > after.Best || after.Freezes < 0 || after.Freezes > max(state.Freezes, terms.MaxFreezes):
				t.Fatalf("%+v follows %+v", after, state)
			}
			if ok {
				counted = append(counted, at)
				for i, first := range counted {
					between := time.Duration(len(counted)-i-2) * length // whole periods that both are around
					if at.Sub(first)+26*time.Hour <= between {
						t.Fatalf("%d periods in %s", len(counted)-i, at.Sub(first))
					}
				}
			}
			state = after
			at = at.Add(anyWhile(t))
		}
	})
}

// calendar is the plain way to number the periods of a zone: by date, or by the Monday of the week.
func calendar(period string, zone *time.Location) func(at time.Time) int64 {
	if period == earning.Week {
		return func(at time.Time) int64 { return mondayOf(dateOf(at, zone)) }
	}
	return func(at time.Time) int64 { return dateOf(at, zone) }
}

// TestStayingCountsDates holds for a shopper who stays in a zone: each local date, or week, with a purchase counts once, and
// the streak is what a calendar says on which the dates that clocks showed are crossed out when something is bought.
func TestStayingCountsDates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, terms := anyZone(t, "zone"), anyTerms(t)
		numberOf := calendar(terms.Period, zone)
		at := anyInstant(t, zone)
		latest := numberOf(at) - 1
		bought, shown := map[int64]bool{}, map[int64]bool{}
		var state schema.StreakState
		var counted, row, freezes int
		for range rapid.IntRange(1, 40).Draw(t, "purchases") {
			period := numberOf(at)
			bought[period] = true
			if period > latest {
				counted++
				gone := -terms.Grace
				for p := latest + 1; p < period; p++ {
					if shown[p] {
						gone++
					}
				}
				if gone = max(gone, 0); gone > freezes {
					row = 0
				} else {
					freezes -= gone
				}
				row++
				if terms.FreezeEvery > 0 && row%terms.FreezeEvery == 0 {
					freezes = min(freezes+1, terms.MaxFreezes)
				}
			}
			after, ok := earning.Step(state, terms, zone, at)
			if ok != (period > latest) || after.Count != row || after.Freezes != freezes {
				t.Fatalf("%s in %s makes %+v of %+v; want %d in a row and %d freezes", at, zone, after, state, row, freezes)
			}
			state, latest = after, max(latest, period)
			for next := at.Add(anyWhile(t)); at.Before(next); at = at.Add(min(next.Sub(at), 15*time.Minute)) {
				shown[numberOf(at)] = true
			}
		}
		if counted != len(bought) && !backwards[zone.String()] {
			t.Fatalf("%d counted, but there are purchases on %d dates", counted, len(bought))
		}
	})
}

// TestBuyingAlwaysBreaksNothing holds for a shopper who stays in a zone and buys at some time of every date that there is,
// or in every week: the streak goes on, without grace.
func TestBuyingAlwaysBreaksNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := anyZone(t, "zone")
		terms := schema.StreakTerms{Period: rapid.SampledFrom([]string{earning.Day, earning.Week}).Draw(t, "period")}
		numberOf := calendar(terms.Period, zone)
		days := 12
		if terms.Period == earning.Week {
			days *= 7
		}
		from := anyInstant(t, zone)
		var periods [][]time.Time // the minutes of each that clocks show
		latest := numberOf(from) - 1
		for at := from; at.Before(from.AddDate(0, 0, days)); at = at.Add(17 * time.Minute) {
			switch period := numberOf(at); {
			case period > latest:
				periods, latest = append(periods, []time.Time{at}), period
			case period == latest:
				periods[len(periods)-1] = append(periods[len(periods)-1], at)
			}
		}
		var state schema.StreakState
		for i, minutes := range periods {
			at := rapid.SampledFrom(minutes).Draw(t, "at")
			after, ok := earning.Step(state, terms, zone, at)
			if !ok || after.Count != i+1 || after.Best != i+1 {
				t.Fatalf("%s in %s makes %+v of %+v", at, zone, after, state)
			}
			state = after
		}
	})
}

// TestSeeingIsBuying holds for a shopper who has been anywhere and looks from anywhere: what is seen is what a purchase
// would find, and the deadline is the instant from which on it would find nothing to continue.
func TestSeeingIsBuying(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		zone := anyZone(t, "zone")
		at := anyInstant(t, zone)
		var state schema.StreakState
		state.Freezes = rapid.IntRange(0, 2).Draw(t, "bought freezes")
		for range rapid.IntRange(0, 8).Draw(t, "purchases") {
			state, _ = earning.Step(state, terms, zone, at)
			at = at.Add(anyWhile(t))
			if rapid.Bool().Draw(t, "travels") {
				zone = anyZone(t, "zone")
			}
		}
		at = at.Add(time.Duration(rapid.IntRange(-50, 300).Draw(t, "hours until looking")) * time.Hour)

		agree := func(at time.Time, want int) {
			t.Helper()
			if got := earning.StreakAt(state, terms, zone, at); got != want {
				t.Fatalf("%+v is seen as %d at %s in %s, want %d", state, got, at, zone, want)
			}
			switch after, ok := earning.Step(state, terms, zone, at); {
			case !ok && (want != state.Count || after != state):
				t.Fatalf("nothing begins at %s in %s with %+v, seen as %d", at, zone, state, want)
			case ok && after.Count != want+1:
				t.Fatalf("%s in %s makes %+v of %+v, seen as %d", at, zone, after, state, want)
			}
		}
		seen := earning.StreakAt(state, terms, zone, at)
		agree(at, seen)
		until, ok := earning.Deadline(state, terms, zone, at)
		switch {
		case ok != (seen > 0):
			t.Fatalf("%+v is seen as %d at %s in %s, with a deadline: %t", state, seen, at, zone, ok)
		case !ok:
			return
		case !until.After(at) || !until.After(state.Ends):
			t.Fatalf("the deadline of %+v at %s in %s is %s", state, at, zone, until)
		}
		agree(until.Add(-1), state.Count)
		agree(until, 0)
		between := rapid.Int64Range(0, int64(until.Sub(at)/time.Minute)).Draw(t, "minutes towards the deadline")
		if between := at.Add(time.Duration(between) * time.Minute); between.Before(until) {
			agree(between, state.Count)
		}
		if !backwards[zone.String()] {
			agree(until.Add(anyWhile(t)), 0)
		}
	})
}

// TestStepAllocatesNothing: it is on every purchase's way.
func TestStepAllocatesNothing(t *testing.T) { //nolint:paralleltest // Allocations are counted for the whole process.
	zone, terms := zoneOf("Europe/Berlin"), schema.StreakTerms{Period: earning.Day, Grace: 1, FreezeEvery: 7, MaxFreezes: 2}
	at := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	state, _ := earning.Step(schema.StreakState{}, terms, zone, at)
	if n := testing.AllocsPerRun(100, func() { earning.Step(state, terms, zone, at.Add(72*time.Hour)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
