package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"farthing/internal/db"
	"farthing/internal/id"
	"farthing/internal/money"
)

// Target is the shop that a crowd shops in.
type Target struct {
	// URLs are the servers that may be asked now, without /graphql: those that are down may be among them.
	URLs func() []string
	// Token is a bearer token for a subject with roles (SHOPPER, MERCHANDISER, SUPPORT, ADMIN, SERVICE), to last for the whole run.
	Token func(subject string, roles ...string) string
	// DB reads the database that the servers write, by a way of its own that no fault is put into.
	DB *db.DB
}

// Counts is what a crowd has done and seen.
type Counts struct {
	Purchases int `json:"purchases"`
	// Replays are answers that gave a purchase, a refund or a top-up of before.
	Replays int `json:"replays"`
	// Refusals are final answers by their codes; those that only ask to come again are in Retries.
	Refusals map[string]int `json:"refusals"`
	Refunds  int            `json:"refunds"`
	// TopUps are corrections by hand, too.
	TopUps int `json:"topUps"`
	// Retries are requests that were sent again: no connection, no answer, or one that says so, by its code.
	Retries map[string]int `json:"retries"`
	// Unknown are operations of which nobody knew at first whether they had happened.
	Unknown int `json:"unknown"`
	// Reads are balances that shoppers looked at, Snapshots looks at the whole database, and Proofs those that proved all claims.
	Reads     int `json:"reads"`
	Snapshots int `json:"snapshots"`
	Proofs    int `json:"proofs"`
	Shoppers  int `json:"shoppers"`
}

// Violation is something that must not be, and was seen.
type Violation struct {
	// Check is which of the checks saw it.
	Check string `json:"check"`
	// Detail is what was seen.
	Detail string `json:"detail"`
}

// households are how many clients share a shopper, each: so that a wallet is wanted by one alone, and by many at once.
var households = []int{1, 2, 2, 3, 4, 5, 7, 8}

const (
	// life is how many things the clients of a shopper do before they become another one. It keeps histories short, and first
	// purchases, trials and goods that are owned once coming.
	life = 120
	// pause is how long a client thinks between two of them, at most.
	pause = 80 * time.Millisecond
	// season is how many purchases a sale and a coupon last: they are small, and sold out before the next ones come.
	season = 120
	// settlers is how many ask at once for what is unknown in the end.
	settlers = 8
)

// Crowd is many shoppers at once, and what they have seen.
type Crowd struct {
	target  Target
	seed    uint64
	log     *slog.Logger
	http    *http.Client
	history *history
	shelf   shelf
	homes   []*household
	// keys numbers keys, and with them what the merchandiser makes.
	keys atomic.Int64

	mu      sync.Mutex
	waiting []waiting
	// offers are the sales and coupons that there have been.
	offers map[uuid.UUID]offer
}

// waiting is somebody who waits for a sale that was begun since.
type waiting struct {
	since time.Duration
	came  chan struct{}
}

// shopper is one of many.
type shopper struct {
	subject, token string
	// name is the id on the outside.
	name string
	id   uuid.UUID
	// begun counts what its clients have begun to do.
	begun atomic.Int64

	mu sync.Mutex
	// did is what has happened, for replays and refunds.
	did []*action
}

// household is some clients who share a shopper.
type household struct {
	name string
	size int

	mu      sync.Mutex
	shopper *shopper
	nth     int
}

// NewCrowd makes a crowd whose clients choose by the seed what they do. What comes of it depends on the answers.
func NewCrowd(t Target, seed uint64, log *slog.Logger) *Crowd {
	c := &Crowd{target: t, seed: seed, log: log, history: newHistory(), offers: map[uuid.UUID]offer{}}
	clients := 0
	for i, size := range households {
		c.homes = append(c.homes, &household{name: fmt.Sprintf("home-%d", i), size: size})
		clients += size
	}
	c.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}}
	return c
}

// chance is the source of choices of one of those who make them.
func (c *Crowd) chance(who uint64) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, who))
}

// any is one of the servers.
func (c *Crowd) any() string {
	urls := c.target.URLs()
	if len(urls) == 0 {
		return "http://127.0.0.1:1" // where nobody answers
	}
	return urls[rand.IntN(len(urls))]
}

// Run shops until ctx ends, and returns when all have stopped. What is then under way has an unknown outcome; see Settle.
func (c *Crowd) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { c.merchandise(ctx) })
	running.Go(func() { c.watch(ctx) })
	running.Go(func() { c.prove(ctx) })
	who := uint64(0)
	for _, home := range c.homes {
		for range home.size {
			who++
			client := &client{Crowd: c, home: home, chance: c.chance(who)}
			running.Go(func() { client.run(ctx) })
		}
	}
	running.Wait()
	c.http.CloseIdleConnections()
}

// Recovered waits until a checkout that was sent after the call has been acknowledged, while the crowd runs.
func (c *Crowd) Recovered(ctx context.Context) error {
	w := waiting{c.history.now(), make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	c.mu.Unlock()
	select {
	case <-w.came:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no checkout has succeeded: %w", ctx.Err())
	}
}

// sold tells those who wait of a checkout that was sent then and has succeeded.
func (c *Crowd) sold(sent time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	still := c.waiting[:0]
	for _, w := range c.waiting {
		if sent >= w.since {
			close(w.came)
		} else {
			still = append(still, w)
		}
	}
	c.waiting = still
}

// key makes up an idempotency key that nobody else uses.
func (c *Crowd) key(of operation) string { return fmt.Sprintf("%s-%d", of, c.keys.Add(1)) }

// join gives the household's shopper, and a new one when that one has done enough.
func (c *Crowd) join(ctx context.Context, h *household) (*shopper, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shopper != nil && h.shopper.begun.Add(1) <= life {
		return h.shopper, nil
	}
	s, err := c.meet(ctx, fmt.Sprintf("%s-%d", h.name, h.nth))
	if err != nil {
		return nil, err
	}
	h.nth++
	c.history.came()
	h.shopper = s
	return s, nil
}

// Settle asks again for everything of which the outcome is unknown, until it is known. Faults have ended by then.
func (c *Crowd) Settle(ctx context.Context) error {
	// Requests that were given up may still wait at a till. What comes after them at every till is decided after them.
	for _, server := range c.target.URLs() {
		s, err := c.meet(ctx, "last-in-line-"+c.key(checkout))
		if err != nil {
			return fmt.Errorf("nobody can come to %s: %w", server, err)
		}
		a := c.basket(s, item{c.shelf.flyer, 1}).action()
		c.history.begin(a)
		if got := c.do(ctx, func() string { return server }, s.token, a); got == nil || got.code != "" {
			return fmt.Errorf("%s sells nothing: %+v", server, got)
		}
	}
	open := make(chan *action)
	var running sync.WaitGroup
	for range settlers {
		running.Go(func() {
			for a := range open {
				if c.do(ctx, c.any, c.tokenFor(a), a) != nil {
					c.history.settled(a)
				}
			}
		})
	}
	for _, a := range c.history.open() {
		open <- a
	}
	close(open)
	running.Wait()
	if left := c.history.open(); len(left) > 0 {
		return fmt.Errorf("the outcome of %d operations could not be found out, %s among them", len(left), left[0])
	}
	return nil
}

// tokenFor is a token of whoever may do an action.
func (c *Crowd) tokenFor(a *action) string {
	switch a.operation {
	case refund:
		return c.target.Token("sue", "SUPPORT")
	case topUp:
		return c.target.Token("till", "SERVICE")
	case adjust:
		return c.target.Token("ann", "ADMIN")
	default:
		return c.target.Token(a.subject, "SHOPPER")
	}
}

// Check holds what the crowd has seen against what is stored; nothing when all is well. It comes after Settle.
func (c *Crowd) Check(ctx context.Context) []Violation {
	s, err := c.read(ctx)
	if err != nil {
		return []Violation{{verifyCheck, fmt.Sprintf("what is stored cannot be read: %v", err)}}
	}
	list := c.history.violations()
	list = append(list, exactlyOnce(c.history, s)...)
	list = append(list, linearizable(c.history, s)...)
	list = append(list, oversold(c.history, s, c.offers)...)
	list = append(list, single(c.history, s, c.shelf.firstBadge)...)
	return append(list, pointed(c.history, s)...)
}

// Counts may be called at any time.
func (c *Crowd) Counts() Counts { return c.history.count() }

// client is one of those who shop: one thing after another.
type client struct {
	*Crowd

	home   *household
	chance *rand.Rand
}

func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := c.join(ctx, c.home)
		if err != nil {
			if errors.Is(err, errUnforeseen) {
				return
			}
			continue
		}
		c.act(ctx, s)
		timer := time.NewTimer(rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// act does one of the things that shoppers do, by chance.
func (c *client) act(ctx context.Context, s *shopper) {
	switch n := c.chance.IntN(100); {
	case n < 16:
		c.look(ctx, s, pick[money.Code](c.chance, "USD", "USD", "KRW"))
	case n < 28:
		c.topUp(ctx, s)
	case n < 31:
		c.adjust(ctx, s)
	case n < 38:
		c.refund(ctx, s)
	case n < 45:
		c.repeat(ctx, s)
	case n < 48:
		c.reuse(ctx, s)
	default:
		c.buy(ctx, s)
	}
}

// pick chooses one.
func pick[T any](chance *rand.Rand, from ...T) T { return from[chance.IntN(len(from))] }

// submit does an action, now and then twice at once as by a double click, and keeps what has happened.
func (c *client) submit(ctx context.Context, s *shopper, a *action) *answer {
	c.history.begin(a)
	token := c.tokenFor(a)
	var other sync.WaitGroup
	if c.chance.IntN(12) == 0 {
		other.Go(func() { c.do(ctx, c.any, token, a) })
	}
	got := c.do(ctx, c.any, token, a)
	other.Wait()
	if got != nil && got.code == "" {
		s.mu.Lock()
		s.did = append(s.did, a)
		s.mu.Unlock()
	}
	return got
}

// earlier is something that has happened to the shopper; nil when there is nothing.
func (c *client) earlier(s *shopper, want func(*action) bool) *action {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 8 {
		if len(s.did) == 0 {
			return nil
		}
		if a := pick(c.chance, s.did...); want(a) {
			return a
		}
	}
	return nil
}

func (c *client) topUp(ctx context.Context, s *shopper) {
	a := &action{operation: topUp, shopper: s.id, subject: s.subject, key: c.key(topUp), currency: "USD"}
	a.amount = cents(100 + c.chance.Int64N(400))
	if c.chance.IntN(4) == 0 {
		a.currency, a.amount = "KRW", money.Amount(300+c.chance.IntN(2000))*money.Unit
	}
	a.variables = map[string]any{
		"idempotencyKey": a.key, "shopperId": s.name, "currency": a.currency, "amount": a.amount.String(), "reference": "by card",
	}
	c.submit(ctx, s, a)
}

func (c *client) adjust(ctx context.Context, s *shopper) {
	a := &action{operation: adjust, shopper: s.id, subject: s.subject, key: c.key(adjust), currency: "USD"}
	a.amount = cents(pick[int64](c.chance, 25, 10, 5, -3, -7))
	a.variables = map[string]any{
		"idempotencyKey": a.key, "shopperId": s.name, "currency": a.currency, "amount": a.amount.String(), "reason": "a fire",
	}
	c.submit(ctx, s, a)
}

func (c *client) refund(ctx context.Context, s *shopper) {
	of := c.earlier(s, func(a *action) bool { return a.operation == checkout })
	if of == nil {
		return
	}
	a := &action{operation: refund, shopper: s.id, subject: s.subject, key: c.key(refund), currency: of.currency, purchase: c.history.result(of)}
	a.variables = map[string]any{
		"idempotencyKey": a.key, "purchaseId": id.Encode(id.Purchase, a.purchase), "reason": "a fire",
	}
	c.submit(ctx, s, a)
}

// repeat sends again what has happened: nothing may happen again.
func (c *client) repeat(ctx context.Context, s *shopper) {
	if a := c.earlier(s, func(*action) bool { return true }); a != nil {
		c.do(ctx, c.any, c.tokenFor(a), a)
	}
}

// reuse sends the key of a purchase with other content.
func (c *client) reuse(ctx context.Context, s *shopper) {
	of := c.earlier(s, func(a *action) bool { return a.operation == checkout })
	if of == nil {
		return
	}
	other := c.basket(s, item{c.shelf.hints, 9})
	other.key = of.key
	q := call{s.token, documents[checkout], map[string]any{"input": other.action().variables}}
	got, _, _, err := c.insist(ctx, c.any, q, c.retried)
	switch {
	case err != nil:
		c.unforeseen(err)
	case len(got.Errors) != 1 || got.Errors[0].Code != keyReused:
		c.history.violate(onceCheck, "%s, with other content, is answered with %+v", of, got)
	default:
		c.history.reused()
	}
}

// keyReused is the refusal of a key with other content.
const keyReused = "IDEMPOTENCY_KEY_REUSED"
