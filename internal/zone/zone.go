// Package zone knows time zones by their names in the IANA database.
package zone

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a machine without a time zone database knows Seoul, too
)

// kept are the time zones that have been asked for, since loading one reads files.
var kept sync.Map // name → *time.Location

// Load is the time zone of a name.
func Load(name string) (*time.Location, error) {
	if zone, ok := kept.Load(name); ok {
		return zone.(*time.Location), nil //nolint:errcheck // Nothing else is kept there.
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		kept.Store(name, zone)
	}
	return zone, err
}

// Known says whether a name is that of a time zone. What else a machine keeps among its zones, and what means another zone
// on another machine, is none.
func Known(name string) bool {
	if name == "" || name == "Local" || name == "localtime" || strings.HasPrefix(name, "posix") || strings.HasPrefix(name, "right/") {
		return false
	}
	_, err := Load(name)
	return err == nil
}
