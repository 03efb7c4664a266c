package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/internal/money"
)

// tale is a history made by hand: one shopper, who tops up a dollar, buys a book on sale for 40 cents, buys something for points,
// tries the tool, gives the book back, and is shown all of it.
type tale struct {
	h                         *history
	s                         *stored
	offers                    map[uuid.UUID]offer
	shopper, sale, book, tool uuid.UUID
	badge                     uuid.UUID
	pay, buy, stars, try, ret *action
	second                    time.Duration
}

// tell adds an action that was sent and answered a second later.
func (y *tale) tell(a *action, got answer) *action {
	a.shopper, a.key = y.shopper, fmt.Sprintf("key-%d", len(y.h.actions))
	a.begun, got.sent, got.got = y.second, y.second, y.second+time.Second
	y.second += 2 * time.Second
	a.answers = append(a.answers, got)
	y.h.actions = append(y.h.actions, a)
	y.s.keys[claimed{a.shopper, a.operation, a.key}] = []uuid.UUID{got.result}
	return a
}

// show adds a look at the dollars.
func (y *tale) show(balance money.Amount) {
	y.h.looks = append(y.h.looks, look{purse{y.shopper, "USD"}, y.second, y.second + time.Second, balance})
	y.second += 2 * time.Second
}

// purchase stores the purchase of a checkout.
func (y *tale) purchase(a *action) {
	first := a.first()
	y.s.purchases[first.result] = bought{a.shopper, a.currency, -a.amount, first.earned}
}

func newTale() *tale {
	y := &tale{
		h: newHistory(), shopper: uuid.New(), sale: uuid.New(), book: uuid.New(), tool: uuid.New(), badge: uuid.New(),
		s: &stored{
			keys: map[claimed][]uuid.UUID{}, purchases: map[uuid.UUID]bought{}, refunds: map[uuid.UUID]given{},
			balances: map[purse]money.Amount{}, taken: map[taken]int64{}, prizes: map[prize]int{},
		},
	}
	y.offers = map[uuid.UUID]offer{y.sale: {stock: 2, perShopper: 1}}
	y.pay = y.tell(&action{operation: topUp, currency: "USD", amount: cents(100)}, answer{balance: cents(100), currency: "USD"})
	y.show(cents(100))
	y.buy = y.tell(&action{operation: checkout, currency: "USD", amount: -cents(40), offer: y.sale, units: 1, durable: y.book},
		answer{result: uuid.New(), total: cents(40), earned: 4 * money.Unit, balance: cents(60), currency: "USD"})
	y.purchase(y.buy)
	y.stars = y.tell(&action{operation: checkout, currency: money.PointsCode, amount: -3 * money.Unit},
		answer{result: uuid.New(), total: 3 * money.Unit})
	y.purchase(y.stars)
	y.try = y.tell(&action{operation: checkout, currency: "USD", amount: -cents(20), durable: y.tool, trial: true},
		answer{result: uuid.New(), total: cents(20), earned: 2 * money.Unit})
	y.purchase(y.try)
	y.ret = y.tell(&action{operation: refund, currency: "USD", purchase: y.buy.first().result},
		answer{result: uuid.New(), total: cents(40), taken: 4 * money.Unit})
	y.s.refunds[y.ret.first().result] = given{y.ret.purchase, cents(40)}
	y.show(cents(80))
	y.tell(&action{operation: checkout, currency: "USD", amount: -cents(99)},
		answer{code: "INSUFFICIENT_FUNDS", balance: cents(80), currency: "USD", required: cents(99)})
	delete(y.s.keys, claimed{y.shopper, checkout, y.last().key})
	y.s.balances[purse{y.shopper, "USD"}] = cents(80)
	y.s.balances[purse{y.shopper, money.PointsCode}] = -1 * money.Unit
	y.s.prizes[prize{trialKind, y.shopper, y.tool}] = 1
	y.s.prizes[prize{badgeKind, y.shopper, y.badge}] = 1
	y.s.at = y.second + time.Second
	return y
}

func (y *tale) last() *action { return y.h.actions[len(y.h.actions)-1] }

// check runs all checks of what is seen and stored.
func (y *tale) check() []Violation {
	list := append(exactlyOnce(y.h, y.s), linearizable(y.h, y.s)...)
	list = append(list, oversold(y.h, y.s, y.offers)...)
	list = append(list, single(y.h, y.s, y.badge)...)
	return append(list, pointed(y.h, y.s)...)
}

// key is the key of an action as it is stored.
func key(a *action) claimed { return claimed{a.shopper, a.operation, a.key} }

// TestChecks changes one thing in a history in which everything is right, and sees the check for it say so, and no other.
func TestChecks(t *testing.T) {
	t.Parallel()
	if list := newTale().check(); len(list) > 0 {
		t.Fatalf("in a history in which everything is right the checks see %v", list)
	}
	for _, c := range []struct {
		name, check, says string
		wrong             func(y *tale)
	}{
		{"an acknowledged purchase is lost", onceCheck, "is not there", func(y *tale) { delete(y.s.keys, key(y.buy)) }},
		{"a key has made two purchases", onceCheck, "made 2 things", func(y *tale) {
			y.s.keys[key(y.buy)] = append(y.s.keys[key(y.buy)], uuid.New())
		}},
		{"a purchase is there without its key", onceCheck, "under no key", func(y *tale) {
			y.s.purchases[uuid.New()] = bought{y.shopper, "USD", cents(1), 0}
		}},
		{"a refund is there without its key", onceCheck, "under no key", func(y *tale) {
			y.s.refunds[uuid.New()] = given{y.buy.first().result, cents(40)}
		}},
		{"nobody has asked for it", onceCheck, "nobody has asked", func(y *tale) {
			y.s.keys[claimed{y.shopper, topUp, "unheard of"}] = []uuid.UUID{uuid.New()}
		}},
		{"what was refused is there", onceCheck, "was refused", func(y *tale) {
			y.s.keys[key(y.last())] = []uuid.UUID{uuid.New()}
		}},
		{"an outcome is not known", onceCheck, "not found out", func(y *tale) { y.last().lost = true }},
		{"a replay gives another purchase", onceCheck, "and as", func(y *tale) {
			again := y.buy.answers[0]
			again.result, again.replayed, again.currency = uuid.New(), true, ""
			again.sent, again.got = y.second, y.second
			y.buy.answers = append(y.buy.answers, again)
		}},
		{"a repeat is no replay", onceCheck, "made anew", func(y *tale) {
			again := y.buy.answers[0]
			again.currency, again.sent, again.got = "", y.second, y.second
			y.buy.answers = append(y.buy.answers, again)
		}},
		{"two at once are both new", onceCheck, "made anew 2 times", func(y *tale) {
			again := y.buy.answers[0]
			again.currency = ""
			y.buy.answers = append(y.buy.answers, again)
		}},
		{"a repeat is refused", onceCheck, "then refused", func(y *tale) {
			y.buy.answers = append(y.buy.answers, answer{code: "SOLD_OUT", sent: y.second, got: y.second})
		}},
		{"another purchase is stored than was told", onceCheck, "is stored as", func(y *tale) {
			other := uuid.New()
			y.s.purchases[other] = y.s.purchases[y.stars.first().result]
			delete(y.s.purchases, y.stars.first().result)
			y.s.keys[key(y.stars)] = []uuid.UUID{other}
		}},
		{"more is charged than was expected", onceCheck, "was to take", func(y *tale) {
			row := y.s.purchases[y.try.first().result]
			row.total += cents(1)
			y.s.purchases[y.try.first().result] = row
		}},
		{"a purchase has other points than were told", onceCheck, "points", func(y *tale) {
			row := y.s.purchases[y.try.first().result]
			row.points += money.Unit
			y.s.purchases[y.try.first().result] = row
		}},
		{"a refund gives another sum back", onceCheck, "gave", func(y *tale) {
			y.s.refunds[y.ret.first().result] = given{y.ret.purchase, cents(39)}
		}},
		{"a look shows a balance that never was", linearCheck, "no order", func(y *tale) { y.h.looks[0].balance = cents(99) }},
		{"a look misses what was acknowledged before", linearCheck, "no order", func(y *tale) { y.h.looks[1].balance = cents(40) }},
		{"a refusal shows a balance that never was", linearCheck, "no order", func(y *tale) { y.last().answers[0].balance = cents(81) }},
		{"a purchase is paid with money that is not there yet", linearCheck, "no order", func(y *tale) {
			y.buy.begun, y.buy.answers[0].sent, y.buy.answers[0].got, y.buy.answers[0].currency = -9, -9, -8, ""
		}},
		{"a purchase takes nothing in the end", linearCheck, "no order", func(y *tale) {
			y.s.balances[purse{y.shopper, "USD"}] = cents(100)
		}},
		{"somebody has money without having done anything", linearCheck, "no order", func(y *tale) {
			y.s.balances[purse{uuid.New(), "USD"}] = cents(1)
		}},
		{"more is sold than there is", oversellCheck, "to all shoppers, of 2", func(y *tale) {
			y.try.offer, y.try.units, y.offers[y.sale] = y.sale, 3, offer{2, 3}
			y.s.taken[taken{offer: y.sale}], y.s.taken[taken{y.sale, y.shopper}] = 3, 3
		}},
		{"a shopper gets more than one gets", oversellCheck, ", of 1", func(y *tale) {
			y.try.offer, y.try.units = y.sale, 2
			y.s.taken[taken{offer: y.sale}], y.s.taken[taken{y.sale, y.shopper}] = 2, 2
		}},
		{"a unit is not counted", oversellCheck, "0 are counted", func(y *tale) {
			y.try.offer, y.try.units = y.sale, 1
			y.s.taken[taken{y.sale, y.shopper}] = 1
		}},
		{"a unit does not come back", oversellCheck, "nobody has them", func(y *tale) { y.s.taken[taken{offer: y.sale}] = 1 }},
		{"a good is owned twice", singleCheck, "2 times", func(y *tale) { y.s.prizes[prize{durableKind, y.shopper, y.book}] = 2 }},
		{"a good is sold twice", singleCheck, "was sold", func(y *tale) {
			y.stars.durable, y.try.durable, y.try.trial = y.book, y.book, false
			y.s.prizes[prize{durableKind, y.shopper, y.book}] = 1
		}},
		{"a trial is begun again", singleCheck, "was sold", func(y *tale) { y.buy.durable, y.buy.trial = y.tool, true }},
		{"a good is not handed over", singleCheck, "does not have it", func(y *tale) { y.stars.durable = y.book }},
		{"a badge is missing", singleCheck, "badge", func(y *tale) { delete(y.s.prizes, prize{badgeKind, y.shopper, y.badge}) }},
		{"a badge is there twice", singleCheck, "2 times", func(y *tale) { y.s.prizes[prize{badgeKind, y.shopper, y.badge}] = 2 }},
		{"points are not what was told", pointsCheck, "points in all", func(y *tale) {
			y.s.balances[purse{y.shopper, money.PointsCode}] = money.Unit
		}},
		{"points are gone", pointsCheck, "has none", func(y *tale) { delete(y.s.balances, purse{y.shopper, money.PointsCode}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newTale()
			c.wrong(y)
			said := false
			for _, v := range y.check() {
				if v.Check != c.check {
					t.Errorf("%s sees something, too: %s", v.Check, v.Detail)
				}
				said = said || strings.Contains(v.Detail, c.says)
			}
			if !said {
				t.Errorf("%s does not say %q: %v", c.check, c.says, y.check())
			}
		})
	}
}

// TestChecksAllow are histories that look odd, and are right.
func TestChecksAllow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		odd  func(y *tale)
	}{
		{"a purchase whose answer was lost is a replay when it is asked for again", func(y *tale) {
			y.buy.answers[0].replayed = true
		}},
		{"a look that was under way for long shows what was there at its beginning", func(y *tale) {
			y.h.looks[0].got = y.second
		}},
		{"a purchase that was under way for long happens at its end", func(y *tale) {
			y.h.looks[1].sent = 0
			y.h.looks = append(y.h.looks, look{purse{y.shopper, "USD"}, 0, time.Second, 0})
		}},
		{"a refusal before a lost attempt has happened", func(y *tale) {
			first := answer{code: "SOLD_OUT", sent: y.buy.begun, got: y.buy.begun}
			y.buy.answers = append([]answer{first}, y.buy.answers...)
		}},
		{"what was refused after a lost attempt may be known to be refused in the end", func(y *tale) {
			y.last().lost = true
			y.h.settled(y.last())
		}},
		{"a shopper who has nothing", func(y *tale) { y.s.balances[purse{uuid.New(), "KRW"}] = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newTale()
			c.odd(y)
			if list := y.check(); len(list) > 0 {
				t.Errorf("the checks see %v", list)
			}
		})
	}
}

// TestPictures are looks at a whole database in which something is wrong.
func TestPictures(t *testing.T) {
	t.Parallel()
	right := picture{sums: map[money.Code]money.Amount{"USD": 0, "KRW": 0}, purchases: 5}
	if list := conserved(right, 5); len(list) > 0 {
		t.Errorf("the checks see %v", list)
	}
	for _, c := range []struct {
		check string
		wrong picture
	}{
		{conservationCheck, picture{sums: map[money.Code]money.Amount{"USD": 1}, purchases: 5}},
		{conservationCheck, picture{stale: 1, purchases: 5}},
		{conservationCheck, picture{below: 1, purchases: 5}},
		{durabilityCheck, picture{purchases: 4}},
	} {
		list := conserved(c.wrong, 5)
		if len(list) != 1 || list[0].Check != c.check {
			t.Errorf("of %+v the checks see %v", c.wrong, list)
		}
	}
}

// TestAnswers are what clients make of what comes back.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		status     int
		// want is why to ask again, and lost whether it may have happened; "" is a final answer, and "?" one that must not be.
		want string
		lost bool
	}{
		{"a purchase", `{"data": {"done": {"purchase": {"id": "pur_1", "total": {"amount": "0.20"}}, "errors": []}}}`, 200, "", false},
		{"a refusal", `{"data": {"done": {"errors": [{"code": "SOLD_OUT"}]}}}`, 200, "", false},
		{"a purchase, of which the rest went wrong", `{"data": {"done": {"purchase": {"id": "pur_1"}}}, "errors": [{"extensions": {"code": "INTERNAL"}}]}`, 200, "", false},
		{"too busy at the till", `{"data": {"done": {"errors": [{"code": "OVERLOADED", "retryAfterMs": 5}]}}}`, 200, overloaded, false},
		{"too often", `{"data": {"done": {"errors": [{"code": "RATE_LIMITED", "retryAfterMs": 5}]}}}`, 200, rateLimited, false},
		{"too busy at the door", `{"errors": [{"extensions": {"code": "OVERLOADED", "retryAfterMs": 5}}]}`, 503, overloaded, false},
		{"an outage", `{"data": null, "errors": [{"extensions": {"code": "INTERNAL"}}]}`, 200, internal, true},
		{"a proxy's page", `<html>`, 502, "NO_ANSWER", true},
		{"nonsense", `<html>`, 200, "?", false},
		{"a bug in the client", `{"errors": [{"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}`, 422, "?", false},
		{"nothing", `{"data": {"done": null}}`, 200, "?", false},
	} {
		got, err := read(c.status, []byte(c.text))
		var more *again
		switch come := errors.As(err, &more); {
		case come && (more.why != c.want || more.lost != c.lost):
			t.Errorf("%s: asked to come again for %s, lost %t", c.name, more.why, more.lost)
		case !come && err != nil && c.want != "?":
			t.Errorf("%s: %v", c.name, err)
		case err == nil && (c.want != "" || got == nil):
			t.Errorf("%s: it is final: %+v", c.name, got)
		}
	}
}
