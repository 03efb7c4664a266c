package recent_test

import (
	"testing"
	"time"

	"farthing/internal/recent"
)

func TestValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	kept := recent.New[string, int](2, func() time.Time { return now })
	want := func(key string, within time.Duration, value int, there bool) {
		t.Helper()
		if found, ok := kept.Get(key, within); found != value || ok != there {
			t.Errorf("%s within %s is %d, %t, want %d, %t", key, within, found, ok, value, there)
		}
	}
	want("a", time.Hour, 0, false)
	kept.Put("a", now, 1)
	want("a", time.Second, 1, true)
	want("a", 0, 0, false)

	now = now.Add(time.Second)
	want("a", time.Second, 0, false)
	want("a", time.Second+1, 1, true)

	kept.Put("a", now, 2)
	kept.Put("a", now.Add(-time.Second), 1) // a slow reader
	want("a", time.Second, 2, true)

	now = now.Add(-time.Hour)
	want("a", 2*time.Hour, 0, false)
	kept.Put("a", now, 3) // the clock was set back
	want("a", time.Second, 3, true)

	kept.Put("b", now, 4)
	kept.Put("c", now, 5)
	want("a", time.Second, 0, false)
	want("b", time.Second, 4, true)
}
