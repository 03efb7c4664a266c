package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"farthing/internal/money"
)

// operation is what is asked for under an idempotency key, by the name that keys are stored with.
type operation string

const (
	checkout operation = "checkout"
	refund   operation = "refundPurchase"
	topUp    operation = "topUpWallet"
	adjust   operation = "adjustWallet"
)

// fault codes that say that nothing has happened and that one may come again.
const (
	overloaded  = "OVERLOADED"
	rateLimited = "RATE_LIMITED"
	internal    = "INTERNAL"
)

// outcome is what has become of an action, as far as its client knows.
type outcome int

const (
	// unknown: nobody knows, since an answer was lost.
	unknown outcome = iota
	// done: it has happened.
	done
	// refused: it has not happened.
	refused
)

// action is one thing that a shopper wants under a key, however often it is sent.
type action struct {
	operation operation
	shopper   uuid.UUID
	// subject is the shopper's name in tokens.
	subject  string
	key      string
	currency money.Code
	// amount is what it is to add to the wallet: less than zero for what takes away. Of a refund it is told by the answer.
	amount money.Amount
	// offer is the sale or the coupon that the expected total is made with, and units is what it takes of that.
	offer uuid.UUID
	units int64
	// durable is a durable good that is bought by itself; trial says that it is only tried.
	durable uuid.UUID
	trial   bool
	// purchase is what a refund is to give back.
	purchase uuid.UUID
	// pointsSpent are points that it redeems for a discount.
	pointsSpent money.Amount
	// variables are the input that is sent.
	variables map[string]any

	// begun is when it was sent for the first time, since the history began.
	begun time.Duration
	// answers are those that say what became of it, in the order in which they came. Those that only ask to come again are
	// not among them.
	answers []answer
	// lost says that an attempt got no answer, so that it may have happened, or may yet.
	lost bool
}

// answer is a final answer to one attempt.
type answer struct {
	// sent and got are when the attempt was sent and answered, since the history began.
	sent, got time.Duration
	// code is why it was refused; empty when it is done.
	code string
	// replayed says that it had been done before.
	replayed bool
	// result is the purchase or the refund; Nil for top-ups and adjustments, which do not tell.
	result uuid.UUID
	// total is what a purchase has cost, or a refund has given back.
	total money.Amount
	// earned, taken and returned are the points of a purchase and of a refund.
	earned, taken, returned money.Amount
	// balance is what is in the wallet afterwards, in which currency; empty when the answer does not tell.
	balance  money.Amount
	currency money.Code
	// required is what a refusal for want of money has asked for.
	required money.Amount
}

// outcome is what the answers come to. A refusal says nothing about an attempt that was lost and may still be under way.
func (a *action) outcome() outcome {
	if a.first() != nil {
		return done
	}
	if a.lost || len(a.answers) == 0 {
		return unknown
	}
	return refused
}

// first is the first answer that says that it is done; nil when there is none.
func (a *action) first() *answer {
	for i := range a.answers {
		if a.answers[i].code == "" {
			return &a.answers[i]
		}
	}
	return nil
}

// String names the action in what a check has seen.
func (a *action) String() string {
	return fmt.Sprintf("%s %s of %s", a.operation, a.key, a.shopper)
}

// purse is one shopper's wallet in one currency.
type purse struct {
	shopper  uuid.UUID
	currency money.Code
}

// look is a balance that somebody was shown.
type look struct {
	purse

	sent, got time.Duration
	balance   money.Amount
}

// history is all that the crowd has asked for and seen. It is safe for use by many goroutines.
type history struct {
	began time.Time

	mu      sync.Mutex
	actions []*action
	looks   []look
	// seen are contradictions that were seen at once.
	seen []Violation
	// bought counts purchases that were acknowledged.
	bought int
	counts Counts
}

func newHistory() *history {
	return &history{
		began:  time.Now(),
		counts: Counts{Refusals: map[string]int{}, Retries: map[string]int{}},
	}
}

// now is the time since the history began, by the monotonic clock.
func (h *history) now() time.Duration {
	return time.Since(h.began)
}

// begin takes an action down before it is sent for the first time.
func (h *history) begin(a *action) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.begun = h.now()
	h.actions = append(h.actions, a)
}

// again takes down why an attempt is to be repeated; lost is one of which nobody knows whether it has reached the shop.
func (h *history) again(a *action, why string, lost bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Retries[why]++
	if lost && !a.lost {
		a.lost = true
		h.counts.Unknown++
	}
}

// retried takes down why a question was asked again.
func (h *history) retried(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Retries[why]++
}

// end takes a final answer down.
func (h *history) end(a *action, got answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := a.first() != nil
	a.answers = append(a.answers, got)
	switch {
	case got.code != "":
		h.counts.Refusals[got.code]++
	case got.replayed:
		h.counts.Replays++
	}
	if got.code == "" && !before {
		switch a.operation {
		case checkout:
			h.bought++
			h.counts.Purchases++
		case refund:
			h.counts.Refunds++
		case topUp, adjust:
			h.counts.TopUps++
		}
	}
}

// settled says that no attempt of an action is under way any more: what the last answer said is what became of it.
func (h *history) settled(a *action) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.lost = false
}

// look takes down a balance that was shown.
func (h *history) look(l look) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks = append(h.looks, l)
	h.counts.Reads++
}

// violate takes down a contradiction that was seen at once.
func (h *history) violate(check, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) < mostSeen {
		h.seen = append(h.seen, Violation{check, fmt.Sprintf(format, args...)})
	}
}

// mostSeen bounds how many contradictions are kept: the first tell what is wrong.
const mostSeen = 200

// violations are the contradictions that were seen at once.
func (h *history) violations() []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

// result is the purchase or refund that an action has made.
func (h *history) result(a *action) uuid.UUID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return a.first().result
}

// came counts a new shopper.
func (h *history) came() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Shoppers++
}

// reused counts a key that was refused with other content.
func (h *history) reused() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Refusals[keyReused]++
}

// proved counts a proof of all claims.
func (h *history) proved() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Proofs++
}

// open are the actions of which the outcome is unknown.
func (h *history) open() []*action {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*action
	for _, a := range h.actions {
		if a.outcome() == unknown {
			list = append(list, a)
		}
	}
	return list
}

// acknowledged is how many purchases clients know of.
func (h *history) acknowledged() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bought
}

// looked counts a look at the whole database.
func (h *history) looked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Snapshots++
}

func (h *history) count() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counts
	c.Refusals, c.Retries = maps.Clone(c.Refusals), maps.Clone(c.Retries)
	return c
}

// done are the actions of a kind that have happened, in the order in which they were begun.
func (h *history) done(o operation) []*action {
	var list []*action
	for _, a := range h.actions {
		if a.operation == o && a.outcome() == done {
			list = append(list, a)
		}
	}
	return list
}

// standing are the purchases that have happened and were not given back.
func (h *history) standing() []*action {
	back := map[uuid.UUID]bool{}
	for _, a := range h.done(refund) {
		back[a.purchase] = true
	}
	return slices.DeleteFunc(h.done(checkout), func(a *action) bool { return back[a.first().result] })
}

// byID orders ids.
func byID(a, b uuid.UUID) int { return cmp.Compare(a.String(), b.String()) }
