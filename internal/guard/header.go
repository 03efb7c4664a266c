package guard

import (
	"net/http"
	"strconv"
	"time"
)

// SetHeaders tells a client where it stands: RateLimit-Limit is the burst, RateLimit-Remaining the operations it has left
// and RateLimit-Reset the seconds until it has all of them again. A refusal adds Retry-After in seconds. Times
// are rounded up.
//
// It replaces what an earlier decision on the same response has set. A decision without a limit sets nothing.
func SetHeaders(h http.Header, d Decision) {
	if d.Limit == (Limit{}) {
		return
	}
	h.Set("RateLimit-Limit", strconv.Itoa(d.Limit.Burst))
	h.Set("RateLimit-Remaining", strconv.Itoa(d.Remaining))
	h.Set("RateLimit-Reset", strconv.FormatInt(roundUp(d.ResetAfter, time.Second), 10))
	h.Del("Retry-After")
	if !d.Allowed {
		h.Set("Retry-After", strconv.FormatInt(roundUp(d.RetryAfter, time.Second), 10))
	}
}
