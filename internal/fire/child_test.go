package main

import (
	"testing"
	"time"
)

// TestStepped has a clock that was set show another time, and measure what has passed as before.
func TestStepped(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, seconds := range []int64{0, 1, -1, 7200, -7200} {
		got := stepped(now, seconds)
		if want := now.Round(0).Add(time.Duration(seconds) * time.Second); !got.Round(0).Equal(want) {
			t.Errorf("%d s: shows %s, want %s", seconds, got, want)
		}
		if passed := got.Sub(now); passed != 0 {
			t.Errorf("%d s: measures that %s have passed, want none", seconds, passed)
		}
	}
}
