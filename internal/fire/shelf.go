package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"farthing/internal/id"
	"farthing/internal/money"
)

// shelf is what there is to buy.
type shelf struct {
	// hints cost 0.20 or 300 won, oil less from the fifth on, and the flyer nothing; stars are for points.
	hints, oil, flyer, stars string
	// poem has a price that changes; see poemPrice.
	poem string
	// books are owned once, 0.99 each, and the box is all of them for a fifth less. The tool costs 2.00 and can be tried.
	books            []string
	box, tool, trial string
	gift             string
	firstBadge       uuid.UUID

	mu sync.Mutex
	// drop is what is on sale now.
	drop drop
	// poemPrice is what a poem was last seen to cost.
	poemPrice money.Amount
}

// drop is a product with a flash sale of its own, 0.40 instead of 1.00, and a coupon for a quarter off the gift.
type drop struct {
	product string
	sale    uuid.UUID
	coupon  uuid.UUID
	code    string
}

// How many units a drop has, and how many a shopper gets.
const (
	dropStock, dropCap     = 15, 4
	couponStock, couponCap = 6, 2
)

// cents is an amount of USD.
func cents(n int64) money.Amount { return money.Amount(n) * money.Unit / 100 }

// current is what is on sale now.
func (s *shelf) current() drop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop
}

// poemCosts is what a poem was last seen to cost.
func (s *shelf) poemCosts() money.Amount {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poemPrice
}

func (s *shelf) poemIs(price money.Amount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poemPrice = price
}

// Prepare sets the shop up through its API, while nothing is wrong with it yet.
func (c *Crowd) Prepare(ctx context.Context) error {
	m := maker{c: c, ctx: ctx}
	product := func(kind, name string, prices ...string) string {
		return m.make("createProduct", "CreateProductInput", "product", map[string]any{
			"kind": kind, "status": "ACTIVE", "texts": named(name), "prices": priced(prices...),
		})
	}
	s := &c.shelf
	s.hints = product("CONSUMABLE", "Hints", "USD 0.20", "KRW 300")
	s.oil = product("CONSUMABLE", "Lamp oil", "USD 0.20")
	s.flyer = product("CONSUMABLE", "Flyer", "USD 0")
	s.stars = product("CONSUMABLE", "Stars", "POINTS 5")
	s.poem = product("CONSUMABLE", "Poem", "USD 0.30")
	s.poemIs(cents(30))
	s.gift = product("CONSUMABLE", "Gift", "USD 1.00")
	s.tool = product("DURABLE", "Tool", "USD 2.00")
	var components []map[string]any
	for i := range 5 {
		s.books = append(s.books, product("DURABLE", fmt.Sprintf("Book %d", i+1), "USD 0.99"))
		components = append(components, map[string]any{"productId": s.books[i]})
	}
	s.box = m.make("createBundle", "CreateBundleInput", "bundle", map[string]any{
		"texts": named("All books"), "kind": "PERCENTAGE", "percentOff": "20", "components": components,
	})
	s.trial = m.make("createTrialOffer", "CreateTrialOfferInput", "trialOffer", map[string]any{
		"texts": named("The tool for a while"), "productId": s.tool, "prices": priced("USD 0.20"), "durationHours": 720, "graceHours": 720,
	})
	m.make("createTierPlan", "CreateTierPlanInput", "tierPlan", map[string]any{
		"texts": named("Lamp oil by the barrel"), "productId": s.oil, "mode": "VOLUME",
		"tiers": []map[string]any{
			{"from": 1, "upTo": 4, "prices": priced("USD 0.20")}, {"from": 5, "prices": priced("USD 0.15")},
		},
	})
	rule := func(code string, terms map[string]any) string {
		terms["code"], terms["texts"] = code, named(code)
		return m.make("createRewardRule", "RewardRuleInput", "rule", terms)
	}
	goal := func(n string) map[string]any {
		return map[string]any{"badge": map[string]any{"goals": []map[string]any{{"measure": "PURCHASES", "target": n}}}}
	}
	rule("ten-a-dollar", map[string]any{"points": map[string]any{"rates": []map[string]any{{"currency": "USD", "rate": "10"}}}})
	s.firstBadge = m.id(id.RewardRule, rule("first", goal("1")))
	rule("tenth", goal("10"))
	rule("days", map[string]any{"streak": map[string]any{"period": "DAY"}})
	rule("cents", map[string]any{"discount": map[string]any{"worth": []map[string]any{{"currency": "USD", "rate": "0.01"}}}})
	rule("spenders", map[string]any{"leaderboard": map[string]any{"period": "ALL", "measure": "AMOUNT", "currency": "USD"}})
	c.nextDrop(&m)
	if m.err != nil {
		return fmt.Errorf("set up the shop: %w", m.err)
	}
	return nil
}

// nextDrop puts a new product on sale, and a new coupon out. Nothing that has been made is used when something goes wrong on the
// way: it may be there twice then, and only what is known to be there once can be counted.
func (c *Crowd) nextDrop(m *maker) {
	var d drop
	nth := c.keys.Add(1)
	long := m.long()
	d.product = m.make("createProduct", "CreateProductInput", "product", map[string]any{
		"kind": "CONSUMABLE", "status": "ACTIVE", "texts": named(fmt.Sprintf("Drop %d", nth)), "prices": priced("USD 1.00"),
	})
	d.sale = m.id(id.FlashSale, m.make("createFlashSale", "CreateFlashSaleInput", "flashSale", merge(long, map[string]any{
		"texts": named(fmt.Sprintf("Drop %d", nth)), "kind": "FIXED", "prices": priced("USD 0.40"),
		"scope": map[string]any{"productIds": []string{d.product}}, "stock": dropStock, "perShopper": dropCap,
	})))
	d.code = fmt.Sprintf("FIRE-%06d", nth)
	d.coupon = m.id(id.Coupon, m.make("createCoupon", "CreateCouponInput", "coupon", merge(long, map[string]any{
		"texts": named(d.code), "code": d.code, "kind": "PERCENTAGE", "percentOff": "25",
		"scope": map[string]any{"productIds": []string{c.shelf.gift}}, "stock": couponStock, "perShopper": couponCap,
	})))
	if m.err != nil {
		return
	}
	c.mu.Lock()
	c.offers[d.sale], c.offers[d.coupon] = offer{dropStock, dropCap}, offer{couponStock, couponCap}
	c.mu.Unlock()
	c.shelf.mu.Lock()
	c.shelf.drop = d
	c.shelf.mu.Unlock()
}

// merchandise changes what is on offer until ctx ends: new sales and coupons, and a price that goes up and down.
func (c *Crowd) merchandise(ctx context.Context) {
	chance := c.chance(0)
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for dropped := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		m := maker{c: c, ctx: ctx}
		if sold := c.history.acknowledged(); sold >= dropped+season {
			dropped = sold
			c.nextDrop(&m)
		} else {
			price := cents(30 + chance.Int64N(6))
			m.make("updateProduct", "UpdateProductInput", "product", map[string]any{
				"id": c.shelf.poem, "prices": priced("USD " + price.String()),
			})
		}
		if errors.Is(m.err, errUnforeseen) {
			c.history.violate(answerCheck, "a merchandiser is answered: %v", m.err)
		}
	}
}

// maker makes things as a merchandiser, until something goes wrong.
type maker struct {
	c   *Crowd
	ctx context.Context
	err error
}

// long is a window that is open whatever the clocks of servers say.
func (m *maker) long() map[string]any {
	now := time.Now()
	return map[string]any{
		"startsAt": now.AddDate(-1, 0, 0).UTC().Format(time.RFC3339), "endsAt": now.AddDate(10, 0, 0).UTC().Format(time.RFC3339),
	}
}

// make asks once for a mutation that makes or changes something, and gives the id of it.
func (m *maker) make(mutation, input, thing string, in map[string]any) string {
	if m.err != nil {
		return ""
	}
	document := fmt.Sprintf(`mutation($input: %s!) { done: %s(input: $input) { %s { id } errors { code message path } } }`, input, mutation, thing)
	_, got, err := m.c.send(m.ctx, m.c.any(), call{m.c.target.Token("mia", "MERCHANDISER"), document, map[string]any{"input": in}})
	if err != nil {
		m.err = err
		return ""
	}
	var answer struct {
		Data struct {
			Done map[string]json.RawMessage
		}
	}
	var made struct{ ID string }
	if err := json.Unmarshal(got, &answer); err != nil || json.Unmarshal(answer.Data.Done[thing], &made) != nil || made.ID == "" {
		m.err = fmt.Errorf("%s is answered with %s", mutation, got)
	}
	return made.ID
}

// id reads an id that was made.
func (m *maker) id(kind id.Kind, text string) uuid.UUID {
	if m.err != nil {
		return uuid.Nil
	}
	of, err := id.Parse(kind, text)
	m.err = err
	return of
}

func named(name string) []map[string]any { return []map[string]any{{"language": "en", "name": name}} }

func priced(list ...string) []map[string]any {
	var prices []map[string]any
	for _, one := range list {
		var currency, amount string
		_, _ = fmt.Sscan(one, &currency, &amount)
		prices = append(prices, map[string]any{"currency": currency, "amount": amount})
	}
	return prices
}

func merge(a, b map[string]any) map[string]any {
	maps.Copy(b, a)
	return b
}
