package guard_test

import (
	"testing"
	"time"

	"farthing/internal/guard"
)

func TestParseLimit(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text   string
		want   guard.Limit
		string string
	}{
		{"5/s", guard.Limit{Burst: 5, Rate: 5, Period: time.Second}, "5/s:5"},
		{"5/s:20", guard.Limit{Burst: 20, Rate: 5, Period: time.Second}, "5/s:20"},
		{" 60/m:10 ", guard.Limit{Burst: 10, Rate: 60, Period: time.Minute}, "60/m:10"},
		{"1/1h", guard.Limit{Burst: 1, Rate: 1, Period: time.Hour}, "1/h:1"},
		{"60/1h30m", guard.Limit{Burst: 60, Rate: 60, Period: 90 * time.Minute}, "60/1h30m0s:60"},
		{"3/250ms:7", guard.Limit{Burst: 7, Rate: 3, Period: 250 * time.Millisecond}, "3/250ms:7"},
		{"1000000/s:1000000", guard.Limit{Burst: 1e6, Rate: 1e6, Period: time.Second}, "1000000/s:1000000"},
		{"1/24h:30", guard.Limit{Burst: 30, Rate: 1, Period: 24 * time.Hour}, "1/24h0m0s:30"},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			got, err := guard.ParseLimit(c.text)
			if err != nil || got != c.want {
				t.Fatalf("ParseLimit(%q) = %+v, %v; want %+v", c.text, got, err, c.want)
			}
			if got.String() != c.string {
				t.Errorf("String() = %q, want %q", got, c.string)
			}
		})
	}
}

func TestParseLimit_refuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                      "",
		"no period":                    "5",
		"an empty period":              "5/",
		"an unknown unit":              "5/d",
		"a bare number as the period":  "5/60",
		"an empty rate":                "/s",
		"an empty burst":               "5/s:",
		"a fraction":                   "1.5/s",
		"a zero rate":                  "0/s:1",
		"a zero burst":                 "1/s:0",
		"a negative rate":              "-1/s:1",
		"a negative burst":             "1/s:-1",
		"a zero period":                "1/0s",
		"a negative period":            "1/-1s",
		"a period beyond a day":        "1/24h0m1s",
		"a rate beyond the bound":      "1000001/s:1",
		"a burst beyond the bound":     "1000/s:1000001",
		"a rate beyond an int":         "99999999999999999999/s",
		"more than one a microsecond":  "1000000/999ms",
		"a bucket that takes too long": "1/24h:31",
		"something behind":             "5/s:20:3",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := guard.ParseLimit(text); err == nil || got != (guard.Limit{}) {
				t.Errorf("ParseLimit(%q) = %v, %v; want an error", text, got, err)
			}
		})
	}
	if err := (guard.Limit{}).Validate(); err == nil {
		t.Error("the zero limit is valid; redis_rate would let everything pass")
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, s := range []string{"5/s", "5/s:20", "60/1h30m:2", "1/24h:30", "0/s", "1/1ns", "1e3/s", "٣/s", "1/.5s:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := guard.ParseLimit(text)
		if err != nil {
			return
		}
		if err := l.Validate(); err != nil {
			t.Errorf("ParseLimit(%q) gave an invalid limit: %v", text, err)
		}
		if again, err := guard.ParseLimit(l.String()); err != nil || again != l {
			t.Errorf("ParseLimit(%q) = %+v, but its String %q reads as %+v, %v", text, l, l, again, err)
		}
	})
}
