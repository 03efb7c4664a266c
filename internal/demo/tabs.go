package demo

import (
	"context"
	_ "embed" // for the examples
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/purchase"
	"farthing/ent/purchaseline"
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
	//go:embed tabs/9-what-it-earns.graphql
	whatItEarns string
	//go:embed tabs/10-buy-with-points.graphql
	buyWithPoints string
	//go:embed tabs/11-my-rewards.graphql
	myRewards string
	//go:embed tabs/12-ranks.graphql
	ranks string
	//go:embed tabs/13-redeem.graphql
	redeem string
	//go:embed tabs/14-reward-settings.graphql
	rewardSettings string
	//go:embed tabs/15-watch-rewards.graphql
	watchRewards string
	//go:embed tabs/16-create-product.graphql
	createProduct string
	//go:embed tabs/17-plan-sale.graphql
	planSale string
	//go:embed tabs/18-quote-for.graphql
	quoteFor string
	//go:embed tabs/19-conflicts-and-audit.graphql
	conflictsAndAudit string
	//go:embed tabs/20-preview-rule.graphql
	previewRule string
	//go:embed tabs/21-create-rule.graphql
	createRule string
	//go:embed tabs/22-refund.graphql
	refundOne string
	//go:embed tabs/23-top-up.graphql
	topUp string
)

// The offers that the examples are about, by their English names.
const (
	classics       = "Three English Classics"
	fairCopyTrial  = "Fair Copy for three days"
	starsSale      = "A week of stars"
	fridayEvenings = "Friday evenings in Seoul"
)

// streakFreeze is the perk that an example redeems, by its code.
const streakFreeze = "streak-freeze"

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
// offer, why a basket costs what it does, try and then buy, watch a sale; what a basket earns, earn it, see what one has
// earned and where one stands, spend points, choose; sell, plan a sale, see what it does, plan what is earned; give a
// purchase back; fill a wallet. They work as they are on a seeded shop. There are none when the shop has not what they are about.
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
	ruled, err := rulesThere(ctx, client)
	if err != nil {
		return nil, err
	}
	missing, failed := false, error(nil)
	find := func(kind id.Kind, name string) string {
		found := made[name].id
		switch {
		case kind == id.Product:
			found = products[name]
		case kind == id.RewardRule:
			found = ruled[name].id
		case kind == id.Shopper && !missing: // whoever is not known yet is made known
			var err error
			found, err = shop.Identity.Shopper(ctx, shop.Issuer, name)
			failed = errors.Join(failed, err)
		case kind == id.Purchase && !missing:
			var err error
			subject, slug, _ := strings.Cut(name, "/")
			found, err = firstOf(ctx, shop, subject, products[slug])
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
	tabs := tabsOf(find, evening, shop.Till.Clock())
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

// firstOf is the purchase by which somebody has bought a product first; uuid.Nil when there is none.
func firstOf(ctx context.Context, shop Shop, subject string, productID uuid.UUID) (uuid.UUID, error) {
	shopperID, err := shop.Identity.Shopper(ctx, shop.Issuer, subject)
	if err != nil {
		return uuid.Nil, err
	}
	found, err := shop.DB.Client().Purchase.Query().
		Where(purchase.ShopperID(shopperID), purchase.HasLinesWith(purchaseline.ProductID(productID))).
		Order(ent.Asc(purchase.FieldOrdinal)).
		FirstID(ctx)
	if ent.IsNotFound(err) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("finding the purchase of an example: %w", err)
	}
	return found, nil
}

// tabsOf are the examples with names as ids (of a purchase: who made it, and a product in it), with an evening on which the
// weekly flash sale is on, and with what is now.
func tabsOf(find func(kind id.Kind, name string) string, evening, now time.Time) []Tab {
	all := shoppers()
	first, second := all[0].subject, all[1].subject
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
		{Caller: second, Query: whatItEarns, Variables: fmt.Sprintf(`{
  "languages": ["en"],
  "input": {
    "currency": "USD",
    "items": [
      { "id": %q },
      { "id": %q }
    ]
  }
}`, find(id.Product, "what-is-enlightenment"), find(id.Product, "les-miserables"))},
		{Caller: second, Query: buyWithPoints, Variables: fmt.Sprintf(`{
  "languages": ["en"],
  "input": {
    "idempotencyKey": "my-tenth-purchase",
    "currency": "USD",
    "items": [
      { "id": %q },
      { "id": %q }
    ],
    "redeemPoints": "50",
    "expectedTotal": "2.19"
  }
}`, find(id.Product, "what-is-enlightenment"), find(id.Product, "les-miserables"))},
		{Caller: second, Query: myRewards, Variables: `{
  "languages": ["en"]
}`},
		{Caller: second, Query: ranks, Variables: `{
  "languages": ["en"]
}`},
		{Caller: second, Query: redeem, Variables: fmt.Sprintf(`{
  "goods": {
    "idempotencyKey": "my-bookplates",
    "currency": "POINTS",
    "items": [{ "id": %q }],
    "expectedTotal": "40"
  },
  "perk": {
    "idempotencyKey": "my-first-freeze",
    "perkId": %q
  }
}`, find(id.Product, "ex-libris"), find(id.RewardRule, streakFreeze))},
		{Caller: second, Query: rewardSettings, Variables: `{
  "input": {
    "timeZone": "Asia/Seoul",
    "displayName": "Reader 2"
  }
}`},
		{Caller: second, Query: watchRewards, Variables: `{
  "languages": ["en"]
}`},
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
		{Caller: merchandiser, Query: previewRule, Variables: `{
  "languages": ["en"],
  "input": {
    "texts": [
      { "language": "en", "name": "Night train", "description": "Two things with stars in them, or about the sea." },
      { "language": "de", "name": "Nachtzug", "description": "Zwei Dinge, die von Sternen handeln, oder vom Meer." }
    ],
    "badge": {
      "goals": [{ "measure": "PRODUCTS", "scope": { "tags": ["stars", "sea"] }, "target": "2" }]
    }
  }
}`},
		{Caller: merchandiser, Query: createRule, Variables: fmt.Sprintf(`{
  "input": {
    "texts": [
      { "language": "en", "name": "Days of Japan", "description": "Twice the points for everything Japanese, until the end of the year." },
      { "language": "de", "name": "Japanische Tage", "description": "Doppelte Punkte für alles Japanische, bis zum Ende des Jahres." }
    ],
    "endsAt": %q,
    "points": {
      "extraPercent": "100",
      "scope": { "tags": ["japan"] },
      "perShopper": "100",
      "expireDays": 365
    }
  }
}`, time.Date(now.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))},
		{Caller: support, Query: refundOne, Variables: fmt.Sprintf(`{
  "input": {
    "idempotencyKey": "refund-of-the-stars",
    "purchaseId": %q,
    "reason": "Bought by mistake."
  }
}`, find(id.Purchase, "shopper-4/the-starry-night"))},
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
