package demo

import (
	"context"
	_ "embed" // for the examples
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/id"
	"farthing/internal/offers"
)

// The examples, each a document with one operation, which gives the example its title.
var (
	//go:embed tabs/1-browse.graphql
	browse string
	//go:embed tabs/2-quote.graphql
	quote string
	//go:embed tabs/3-buy.graphql
	buy string
	//go:embed tabs/4-mine.graphql
	mine string
	//go:embed tabs/5-on-offer.graphql
	onOffer string
	//go:embed tabs/6-explained-quote.graphql
	explainedQuote string
	//go:embed tabs/7-try-then-buy.graphql
	tryThenBuy string
	//go:embed tabs/8-watch-sale.graphql
	watchSale string
	//go:embed tabs/9-create-product.graphql
	createProduct string
	//go:embed tabs/10-plan-sale.graphql
	planSale string
	//go:embed tabs/11-quote-for.graphql
	quoteFor string
	//go:embed tabs/12-conflicts-and-audit.graphql
	conflictsAndAudit string
	//go:embed tabs/13-top-up.graphql
	topUp string
)

// The offers that the examples are about, by their English names.
const (
	classics       = "Three English Classics"
	fairCopyTrial  = "Fair Copy for three days"
	starsSale      = "A week of stars"
	fridayEvenings = "Friday evenings in Seoul"
)

// Tab is an example operation.
type Tab struct {
	// Query is a GraphQL document with one named operation. It begins with a comment that says what there is to see.
	Query string
	// Variables is a JSON object; empty for none.
	Variables string
	// Caller is the subject of whom to call as, one of Callers.
	Caller string
}

// Tabs are the examples in the order in which to try them: look around, ask for a price, buy, see what one has; what is on
// offer, why a basket costs what it does, try and then buy, watch a sale; sell, plan a sale, see what it does; fill a
// wallet. They work as they are on a seeded shop. There are none when the shop has not what they are about.
func Tabs(ctx context.Context, shop Shop) ([]Tab, error) {
	client := shop.DB.Client()
	goods, err := readGoods()
	if err != nil {
		return nil, err
	}
	products, err := there(ctx, client, goods)
	if err != nil {
		return nil, err
	}
	made, err := offersThere(ctx, client)
	if err != nil {
		return nil, err
	}
	missing, failed := false, error(nil)
	find := func(kind id.Kind, name string) string {
		found := made[name].id
		switch {
		case kind == id.Product:
			found = products[name]
		case kind == id.Shopper && !missing: // whoever is not known yet is made known
			var err error
			found, err = shop.Identity.Shopper(ctx, shop.Issuer, name)
			failed = errors.Join(failed, err)
		}
		missing = missing || found == uuid.Nil
		return id.Encode(kind, found)
	}
	evening := shop.Till.Clock()
	if sale := made[fridayEvenings].id; sale != uuid.Nil {
		row, err := client.FlashSale.Get(ctx, sale)
		if err != nil {
			return nil, fmt.Errorf("finding the flash sale %q: %w", fridayEvenings, err)
		}
		evening = nextWindow(row, evening)
	}
	tabs := tabsOf(find, evening)
	if failed != nil || missing {
		return nil, failed
	}
	return tabs, nil
}

// nextWindow is an instant in a window of a weekly flash sale that begins a week from now at the earliest, so that it is in
// the future for as long. When there is none any more it is in a week.
func nextWindow(sale *ent.FlashSale, now time.Time) time.Time {
	week := now.Add(7 * day)
	window, ok := offers.WindowOf(sale, week)
	if ok && window.Contains(week) {
		window, ok = offers.WindowOf(sale, window.End)
	}
	if !ok {
		return week
	}
	return window.Start.Add(30 * time.Minute)
}

// tabsOf are the examples with names as ids, and with an evening on which the weekly flash sale is on.
func tabsOf(find func(kind id.Kind, name string) string, evening time.Time) []Tab {
	first := shoppers()[0].subject
	book := find(id.Product, "pride-and-prejudice")
	return []Tab{
		{Caller: first, Query: browse, Variables: `{
  "search": "tale",
  "languages": ["en"],
  "currency": "USD"
}`},
		{Caller: first, Query: quote, Variables: fmt.Sprintf(`{
  "input": {
    "currency": "USD",
    "items": [{ "id": %q }]
  }
}`, book)},
		{Caller: first, Query: buy, Variables: fmt.Sprintf(`{
  "input": {
    "idempotencyKey": "my-first-purchase",
    "currency": "USD",
    "items": [{ "id": %q }],
    "expectedTotal": "0.99"
  }
}`, book)},
		{Caller: first, Query: mine},
		{Caller: first, Query: onOffer, Variables: `{
  "languages": ["en"],
  "currency": "USD"
}`},
		{Caller: first, Query: explainedQuote, Variables: fmt.Sprintf(`{
  "languages": ["en"],
  "input": {
    "currency": "USD",
    "items": [
      { "id": %q },
      { "id": %q },
      { "id": %q },
      { "id": %q, "quantity": 12 }
    ],
    "couponCode": "WELCOME-BACK"
  }
}`, find(id.Bundle, classics), find(id.Product, "dry-ink-brushes"), find(id.Product, "the-starry-night"),
			find(id.Product, "lighthouse-keeper-lamp-oil"))},
		{Caller: first, Query: tryThenBuy, Variables: fmt.Sprintf(`{
  "trial": {
    "idempotencyKey": "my-first-trial",
    "currency": "USD",
    "items": [{ "id": %q }],
    "expectedTotal": "0.20"
  },
  "product": {
    "idempotencyKey": "my-first-plugin",
    "currency": "USD",
    "items": [{ "id": %q }],
    "expectedTotal": "2.79"
  }
}`, find(id.TrialOffer, fairCopyTrial), find(id.Product, "fair-copy"))},
		{Caller: first, Query: watchSale, Variables: fmt.Sprintf(`{
  "id": %q,
  "languages": ["en"]
}`, find(id.FlashSale, starsSale))},
		{Caller: merchandiser, Query: createProduct, Variables: `{
  "input": {
    "kind": "DURABLE",
    "status": "ACTIVE",
    "texts": [
      { "language": "en", "name": "On Small Change", "description": "An article for twenty cents." },
      { "language": "de", "name": "Vom Kleingeld", "description": "Ein Artikel für zwanzig Cent." }
    ],
    "categories": ["Articles", "Notes"],
    "tags": ["money", "short"],
    "prices": [
      { "currency": "USD", "amount": "0.20" },
      { "currency": "EUR", "amount": "0.20" }
    ]
  }
}`},
		{Caller: merchandiser, Query: planSale, Variables: `{
  "input": {
    "kind": "PERCENTAGE",
    "percentOff": "20",
    "texts": [
      { "language": "en", "name": "Sunday mornings in Vienna", "description": "A fifth off what was painted there, while the coffee is hot." },
      { "language": "de", "name": "Sonntagmorgen in Wien", "description": "Ein Fünftel weniger für alles, was dort gemalt wurde, solange der Kaffee heiß ist." }
    ],
    "scope": { "tags": ["vienna"] },
    "recurrence": { "timeZone": "Europe/Vienna", "weekdays": ["SUNDAY"], "from": "09:00", "until": "12:00" },
    "stock": 50,
    "perShopper": 1
  }
}`},
		{Caller: merchandiser, Query: quoteFor, Variables: fmt.Sprintf(`{
  "input": {
    "currency": "KRW",
    "items": [
      { "id": %q },
      { "id": %q }
    ]
  },
  "at": %q,
  "as": %q,
  "languages": ["en"]
}`, find(id.Product, "chunhyang-jeon"), find(id.Product, "clearing-after-rain-on-mount-inwang"),
			evening.UTC().Format(time.RFC3339), find(id.Shopper, "shopper-4"))},
		{Caller: merchandiser, Query: conflictsAndAudit, Variables: `{
  "currency": "USD"
}`},
		{Caller: admin, Query: topUp, Variables: fmt.Sprintf(`{
  "input": {
    "idempotencyKey": "my-first-top-up",
    "shopperId": %q,
    "currency": "USD",
    "amount": "5.00",
    "reference": "Found behind the sofa"
  }
}`, find(id.Shopper, "shopper-3"))},
	}
}
