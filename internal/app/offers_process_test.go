package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/wallet"
)

// market is a shop with two server processes on its database, and a crowd that buys over so many connections.
type market struct {
	*shop
	servers [2]*process
	client  *http.Client
}

// connections is how many calls are under way at once, half of them to each server.
const connections = 96

// openMarket opens a shop whose two servers limit nobody.
func (s store) openMarket(t *testing.T) *market {
	t.Helper()
	o := s.open(t, opening{now: time.Now()}) // the clock of the servers
	settings := []string{"RATE_LIMIT=off"}
	if s.Name == "postgres" {
		// PostgreSQL takes a hundred connections, and other tests want some.
		settings = append(settings, "DATABASE_URL="+o.databaseURL+"&pool_max_conns=10")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	t.Cleanup(transport.CloseIdleConnections)
	return &market{o, o.pair(t, s, settings...), &http.Client{Transport: transport}}
}

// TestRushes sells offers that are limited to crowds, through two servers at once.
func TestRushes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		m := s.openMarket(t)
		for _, rush := range []struct {
			name string
			test func(*market, *testing.T, store)
		}{
			{"on a stock that is raised meanwhile", (*market).rushOnStock},
			{"on a cap", (*market).rushOnCap},
			{"on a trial", (*market).rushOnTrial},
			{"on sales that end", (*market).rushOnEnds},
			{"on a window", (*market).rushOnWindow},
		} {
			t.Run(rush.name, func(t *testing.T) {
				rush.test(m, t, s)
				m.proved(t, s)
			})
		}
	})
}

// crowd makes shoppers with this money, several at once, and gives their subjects, which begin with a name.
func (m *market) crowd(t *testing.T, name string, n int, funds string) []string {
	t.Helper()
	code, amount := split(funds)
	subjects := make([]string, n)
	m.each(n, 8, func(i int) {
		subjects[i] = fmt.Sprintf("%s-%d", name, i)
		who, err := m.Identity.Shopper(t.Context(), "", subjects[i])
		if err == nil {
			_, err = m.Wallet.TopUp(t.Context(), wallet.TopUpInput{IdempotencyKey: "first", ShopperID: who, Currency: code, Amount: amount})
		}
		if err != nil {
			t.Error(err)
		}
	})
	return subjects
}

// each does something n times, so many at once, in about their order.
func (m *market) each(n, atOnce int, do func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(n, atOnce) {
		running.Go(func() {
			for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	running.Wait()
}

// deal is what came of a checkout.
type deal struct {
	Purchase *struct {
		ID        string
		Total     struct{ Amount string }
		CreatedAt time.Time
	}
	Errors []struct{ Code string }
}

// outcome is the code of the refusal, or "bought".
func (d deal) outcome() string {
	if d.Purchase != nil && len(d.Errors) == 0 {
		return "bought"
	}
	if d.Purchase == nil && len(d.Errors) == 1 {
		return d.Errors[0].Code
	}
	return fmt.Sprintf("%+v", d)
}

// send asks one of the servers, and reads the answer's data.
func (m *market) send(t *testing.T, c call, data any) error {
	t.Helper()
	response, err := m.client.Do(m.request(t.Context(), t, &c))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Errors != nil {
		return fmt.Errorf("%s is answered with %s: %w", c.query, body, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return json.Unmarshal(answer.Data, data)
}

// order has a shopper buy one of a thing at a price, under a key.
func (m *market) order(t *testing.T, server int, subject, key, thing, total string) (deal, error) {
	t.Helper()
	var data struct{ Checkout deal }
	err := m.send(t, call{
		as: "SHOPPER " + subject, server: m.servers[server%2].url,
		query: `mutation { checkout(input: {idempotencyKey: "` + key + `", currency: "USD", items: [{id: "` + thing + `"}], expectedTotal: "` + total + `"}) {
			purchase { id total { amount } createdAt } errors { code } } }`,
	}, &data)
	return data.Checkout, err
}

// merchandise has a merchandiser change something through one of the servers; the mutation's one field is called "done".
func (m *market) merchandise(t *testing.T, server int, mutation string, data any) error {
	t.Helper()
	var answer struct {
		Done json.RawMessage
	}
	var refused struct {
		Errors []struct{ Code, Message string }
	}
	err := m.send(t, call{as: "MERCHANDISER mia", server: m.servers[server%2].url, query: `mutation { done: ` + mutation + ` }`}, &answer)
	if err == nil {
		err = json.Unmarshal(answer.Done, &refused)
	}
	switch {
	case err != nil:
		return err
	case len(refused.Errors) > 0:
		return fmt.Errorf("%s is refused: %v", mutation, refused.Errors)
	}
	return json.Unmarshal(answer.Done, data)
}

// counts counts outcomes, from many goroutines.
type counts struct {
	mu   sync.Mutex
	made map[string]int
}

func (c *counts) add(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = map[string]int{}
	}
	c.made[outcome]++
}

func (c *counts) want(t *testing.T, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, c.made); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// rushOnStock has 2,000 shoppers want one of a stock that a merchandiser raises from 60 to 100 meanwhile: a hundred get it,
// whoever they ask, and all others are told that it is sold out.
func (m *market) rushOnStock(t *testing.T, s store) {
	t.Helper()
	buyers := 2_000
	if s.Name == "sqlite" {
		buyers = 200 // one writer at a time
	}
	m.play(t, makes("FlashSale", "$rush", text("Rush")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.25"}], scope: {productIds: ["$poems"]}, endsAt: "`+inAnHour()+`", stock: 60`))
	crowd, before := m.crowd(t, "rusher", buyers, "USD 5"), m.rows(t)["purchases"]

	// The stock is raised when an eighth of the crowd has been answered, two eighths, and so on. The last quarter comes when all
	// is there.
	raise, raised := make(chan int, 4), make(chan struct{})
	go func() {
		defer close(raised)
		for stock := range raise {
			var answer struct{ FlashSale struct{ Stock int } }
			err := m.merchandise(t, stock/10, fmt.Sprintf(`updateFlashSale(input: {id: "$rush", stock: %d}) { flashSale { stock } errors { code message } }`, stock), &answer)
			if err != nil || answer.FlashSale.Stock != stock {
				t.Errorf("raise the stock to %d: %+v, %v", stock, answer, err)
			}
			if stock == 100 {
				return
			}
		}
	}()
	var answered atomic.Int64
	var made counts
	m.each(buyers, connections, func(i int) {
		if i >= buyers*3/4 {
			<-raised
		}
		got, err := m.order(t, i, crowd[i], "key", "$poems", "0.25")
		if err != nil {
			t.Error(err)
		}
		made.add(got.outcome())
		if n, step := int(answered.Add(1)), buyers/8; n%step == 0 && n/step <= 4 {
			raise <- 60 + 10*(n/step)
		}
	})
	made.want(t, map[string]int{"bought": 100, "SOLD_OUT": buyers - 100})
	if n := m.rows(t)["purchases"] - before; n != 100 {
		t.Errorf("%d purchases are stored, want 100", n)
	}
	for _, server := range m.servers {
		m.wants(t, m.ask(t, call{as: "MERCHANDISER mia", server: server.url, query: `{ flashSale(id: "$rush") { status stock remaining sold } }`}),
			`{"data": {"flashSale": {"status": "SOLD_OUT", "stock": 100, "remaining": 0, "sold": 100}}}`)
	}
	// At the list price it is there for everybody.
	m.shopper(t, "late", "USD 5")
	if got, err := m.order(t, 0, "late", "key", "$poems", "0.99"); err != nil || got.outcome() != "bought" {
		t.Errorf("at the list price: %+v, %v", got, err)
	}
}

// inAnHour is when sales of these tests end, unless they are ended before.
func inAnHour() string { return time.Now().Add(time.Hour).Format(time.RFC3339) }

// rushOnCap has each of some shoppers try to buy more at a sale's price than one gets.
func (m *market) rushOnCap(t *testing.T, _ store) {
	t.Helper()
	const shoppers, tries = 20, 12
	m.play(t, mia(`mutation { createProduct(input: {kind: CONSUMABLE, status: ACTIVE, `+text("Lives")+`, prices: [{currency: "USD", amount: "1"}]}) { product { id } errors { code } } }`,
		`{"data": {"createProduct": {"product": {"id": "$lives"}, "errors": []}}}`))
	m.play(t, makes("FlashSale", "$capped", text("Capped")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$lives"]}, endsAt: "`+inAnHour()+`", perShopper: 3`))
	crowd := m.crowd(t, "capped", shoppers, "USD 5")
	var made, bought counts
	m.each(shoppers*tries, connections, func(i int) {
		subject := crowd[i%shoppers]
		got, err := m.order(t, i/shoppers, subject, fmt.Sprintf("key-%d", i), "$lives", "0.10")
		if err != nil {
			t.Error(err)
		}
		made.add(got.outcome())
		if got.outcome() == "bought" {
			bought.add(subject)
		}
	})
	made.want(t, map[string]int{"bought": 3 * shoppers, "LIMIT_REACHED": (tries - 3) * shoppers})
	each := map[string]int{}
	for _, subject := range crowd {
		each[subject] = 3
	}
	bought.want(t, each)
}

// rushOnTrial has one shopper start a trial fifty times at once, and then buy the product as often: each happens once.
func (m *market) rushOnTrial(t *testing.T, _ store) {
	t.Helper()
	m.play(t, makes("TrialOffer", "$try", text("Try it")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0.99"}], durationHours: 24, graceHours: 24`))
	m.shopper(t, "ada", "USD 20")
	for _, round := range []struct {
		thing, total string
		want         map[string]int
	}{
		{"$try", "0.99", map[string]int{"bought": 1, "TRIAL_USED": 49}},
		{"$atlas", "4.00", map[string]int{"bought": 1, "ALREADY_OWNED": 49}},
	} {
		var made counts
		m.each(50, 50, func(i int) {
			got, err := m.order(t, i, "ada", fmt.Sprintf("%s-%d", round.thing[1:], i), round.thing, round.total)
			if err != nil {
				t.Error(err)
			}
			made.add(got.outcome())
		})
		made.want(t, round.want)
	}
	m.wants(t, m.ask(t, call{
		as: "SHOPPER ada", server: m.servers[1].url,
		query: `{ viewer { wallet(currency: "USD") { balance { amount } } entitlements { nodes { trial status product { id } } } purchases { totalCount } } }`,
	}), `{"data": {"viewer": {"wallet": {"balance": {"amount": "15.01"}}, "entitlements": {"nodes": [
		{"trial": false, "status": "ACTIVE", "product": {"id": "$atlas"}}, {"trial": true, "status": "CONVERTED", "product": {"id": "$atlas"}}]}, "purchases": {"totalCount": 2}}}}`)
}

// rushOnEnds ends sales through one server while shoppers buy through both: whoever was decided before the end has paid the
// sale's price, and whoever was decided at it or later has not.
func (m *market) rushOnEnds(t *testing.T, _ store) {
	t.Helper()
	const calls = 240
	crowd := m.crowd(t, "early", 40, "USD 100")
	for round := range 4 {
		name := fmt.Sprintf("$ending-%d", round)
		m.play(t, makes("FlashSale", name, text("Ending")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$hints"]}, endsAt: "`+inAnHour()+`"`))
		var ending sync.WaitGroup
		var ended struct {
			FlashSale struct {
				Status  string
				EndedAt time.Time
			}
		}
		all := m.haggle(t, crowd, name[1:], func(i int) bool {
			if i == calls/2 {
				ending.Go(func() {
					if err := m.merchandise(t, round, `endFlashSale(input: {id: "`+name+`"}) { flashSale { status endedAt } errors { code message } }`, &ended); err != nil {
						t.Error(err)
					}
				})
			}
			if i > calls*3/4 {
				ending.Wait() // so that there are some after the end
			}
			return i < calls
		})
		if ended.FlashSale.Status != "ENDED" {
			t.Errorf("the sale is %+v", ended.FlashSale)
		}
		priced(t, all, time.Time{}, ended.FlashSale.EndedAt)
	}
}

// rushOnWindow has shoppers buy from before a sale's window until after it: the clock alone opens and closes it.
func (m *market) rushOnWindow(t *testing.T, _ store) {
	t.Helper()
	crowd := m.crowd(t, "watcher", 20, "USD 1000")
	from := time.Now().Add(time.Second).Truncate(time.Microsecond)
	until := from.Add(time.Second)
	m.play(t, makes("FlashSale", "$window", text("Window")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$hints"]}, startsAt: "`+
		from.Format(time.RFC3339Nano)+`", endsAt: "`+until.Format(time.RFC3339Nano)+`"`))
	all := m.haggle(t, crowd, "window", func(int) bool { return time.Now().Before(until.Add(500 * time.Millisecond)) })
	priced(t, all, from, until)
}

// sold is a purchase with what it cost and when it was decided.
type sold struct {
	total string
	at    time.Time
}

// haggle has shoppers buy hints at 0.10 or 0.20, each at the price that they have last heard of, until nobody should any more;
// more says whether the i-th call should be made. It gives all purchases.
func (m *market) haggle(t *testing.T, crowd []string, round string, more func(i int) bool) []sold {
	t.Helper()
	var mu sync.Mutex
	var all []sold
	var next atomic.Int64
	m.each(len(crowd), len(crowd), func(at int) {
		for totals := []string{"0.10", "0.20"}; ; {
			i := int(next.Add(1) - 1)
			if !more(i) {
				return
			}
			key := fmt.Sprintf("%s-%d", round, i)
			got, err := m.order(t, i, crowd[at], key, "$hints", totals[0])
			switch {
			case err != nil:
				t.Error(err)
				return
			case got.outcome() == "PRICE_CHANGED":
				totals[0], totals[1] = totals[1], totals[0]
			case got.outcome() == "bought" && got.Purchase.Total.Amount == totals[0]:
				mu.Lock()
				all = append(all, sold{got.Purchase.Total.Amount, got.Purchase.CreatedAt})
				mu.Unlock()
			default:
				t.Errorf("%s at %s: %+v", key, totals[0], got)
			}
		}
	})
	return all
}

// priced fails the test when a purchase has another price than that of its instant: 0.10 in [from, until), and 0.20 before and
// after. There must be some of both.
func priced(t *testing.T, all []sold, from, until time.Time) {
	t.Helper()
	prices := map[string]int{}
	for _, one := range all {
		want := "0.20"
		if !one.at.Before(from) && one.at.Before(until) {
			want = "0.10"
		}
		if one.total != want {
			t.Errorf("%s was paid at %s, want %s: the sale was from %s to %s", one.total, one.at, want, from, until)
		}
		prices[one.total]++
	}
	if prices["0.10"] == 0 || prices["0.20"] == 0 {
		t.Errorf("it proves nothing that these were sold: %v", prices)
	}
}
