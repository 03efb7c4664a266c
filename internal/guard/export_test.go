package guard

import "time"

// Patient makes the limiter wait for its primary as long as a busy machine may take. For tests in which Redis is well.
func (r *Resilient) Patient() *Resilient {
	r.askTimeout = time.Minute
	return r
}
