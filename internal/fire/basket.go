package main

import (
	"context"

	"github.com/google/uuid"

	"farthing/internal/id"
	"farthing/internal/money"
)

// item is so many of one thing.
type item struct {
	thing    string
	quantity int
}

// basket is what a shopper is about to buy, and the total that the shopper has seen.
type basket struct {
	shopper  *shopper
	key      string
	items    []item
	currency money.Code
	total    money.Amount
	code     string
	redeemed money.Amount
	// offer, units, durable and trial are as in an action.
	offer   uuid.UUID
	units   int64
	durable uuid.UUID
	trial   bool
}

// basket is one with these items, in USD and free until it is said what it costs.
func (c *Crowd) basket(s *shopper, items ...item) *basket {
	return &basket{shopper: s, key: c.key(checkout), items: items, currency: "USD"}
}

// at says what it costs.
func (b *basket) at(total money.Amount) *basket {
	b.total = total
	return b
}

// variables are the input of a quote.
func (b *basket) variables() map[string]any {
	items := make([]map[string]any, len(b.items))
	for i, one := range b.items {
		items[i] = map[string]any{"id": one.thing, "quantity": one.quantity}
	}
	in := map[string]any{"currency": b.currency, "items": items}
	if b.code != "" {
		in["couponCode"] = b.code
	}
	if b.redeemed != 0 {
		in["redeemPoints"] = b.redeemed.String()
	}
	return in
}

// action is the checkout of the basket.
func (b *basket) action() *action {
	in := b.variables()
	in["idempotencyKey"], in["expectedTotal"] = b.key, b.total.String()
	return &action{
		operation: checkout, shopper: b.shopper.id, subject: b.shopper.subject, key: b.key, currency: b.currency, amount: -b.total,
		offer: b.offer, units: b.units, durable: b.durable, trial: b.trial, pointsSpent: b.redeemed, variables: in,
	}
}

// quoted asks what the basket costs. It is false when it cannot be bought or nobody answers.
func (c *client) quoted(ctx context.Context, b *basket) bool {
	q := call{b.shopper.token, howMuchFor, map[string]any{"input": b.variables()}}
	got, _, _, err := c.insist(ctx, c.any, q, c.retried)
	if err != nil {
		c.unforeseen(err)
		return false
	}
	if len(got.Errors) > 0 || got.Total == nil {
		return false
	}
	b.total = money.Amount(got.Total.Amount)
	return true
}

// buy fills a basket by chance, and buys it.
func (c *client) buy(ctx context.Context, s *shopper) {
	b := c.fill(s)
	if b.total < 0 && !c.quoted(ctx, b) {
		return
	}
	got := c.submit(ctx, s, b.action())
	if got != nil && got.code == "PRICE_CHANGED" && b.items[0].thing == c.shelf.poem {
		now := c.basket(s, item{c.shelf.poem, 1})
		if c.quoted(ctx, now) {
			c.shelf.poemIs(now.total)
		}
	}
}

// askFirst stands for a total that only a quote can tell.
const askFirst money.Amount = -1

// fill chooses what to buy.
func (c *client) fill(s *shopper) *basket {
	shelf, few := &c.shelf, 1+c.chance.IntN(3)
	switch n := c.chance.IntN(100); {
	case n < 18:
		return c.basket(s, item{shelf.hints, few}).at(cents(20 * int64(few)))
	case n < 24:
		b := c.basket(s, item{shelf.hints, few}).at(money.Amount(300*few) * money.Unit)
		b.currency = "KRW"
		return b
	case n < 31:
		return c.basket(s, item{shelf.poem, 1}).at(shelf.poemCosts())
	case n < 50:
		d := shelf.current()
		b := c.basket(s, item{d.product, few}).at(cents(40 * int64(few)))
		b.offer, b.units = d.sale, int64(few)
		return b
	case n < 58:
		d := shelf.current()
		b := c.basket(s, item{shelf.gift, 1}).at(cents(75))
		b.code, b.offer, b.units = d.code, d.coupon, 1
		return b
	case n < 66:
		book := pick(c.chance, shelf.books...)
		b := c.basket(s, item{book, 1}).at(cents(99))
		b.durable = product(book)
		return b
	case n < 70:
		return c.basket(s, item{shelf.box, 1}).at(askFirst)
	case n < 75:
		b := c.basket(s, item{shelf.trial, 1}).at(cents(20))
		b.durable, b.trial = product(shelf.tool), true
		return b
	case n < 79:
		b := c.basket(s, item{shelf.tool, 1}).at(askFirst)
		b.durable = product(shelf.tool)
		return b
	case n < 84:
		if c.chance.IntN(2) == 0 {
			return c.basket(s, item{shelf.oil, 5}).at(cents(75))
		}
		return c.basket(s, item{shelf.oil, 4}).at(cents(80))
	case n < 89:
		b := c.basket(s, item{shelf.stars, 1}).at(5 * money.Unit)
		b.currency = money.PointsCode
		return b
	case n < 93:
		b := c.basket(s, item{shelf.hints, 3}).at(cents(50))
		b.redeemed = 10 * money.Unit
		return b
	case n < 95:
		return c.basket(s, item{shelf.flyer, 1})
	default:
		d, book := shelf.current(), pick(c.chance, shelf.books...)
		b := c.basket(s, item{shelf.hints, 1}, item{d.product, 1}, item{book, 1}).at(cents(20 + 40 + 99))
		b.offer, b.units, b.durable = d.sale, 1, product(book)
		return b
	}
}

// product is the id of a product that the crowd has made.
func product(name string) uuid.UUID {
	of, _ := id.Parse(id.Product, name)
	return of
}
