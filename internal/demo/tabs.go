package demo

import (
	_ "embed" // for the examples
	"fmt"
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
	//go:embed tabs/5-create-product.graphql
	createProduct string
	//go:embed tabs/6-top-up.graphql
	topUp string
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

// Tabs are the examples in the order in which to try them: look around, ask for a price, buy, see what one has, sell,
// fill a wallet. They work as they are on a seeded shop. The functions give the ids, as the API has them, of the product
// with a slug and of the shopper with a subject.
func Tabs(productID, shopperID func(name string) string) []Tab {
	first := shoppers()[0].subject
	book := productID("pride-and-prejudice")
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
		{Caller: admin, Query: topUp, Variables: fmt.Sprintf(`{
  "input": {
    "idempotencyKey": "my-first-top-up",
    "shopperId": %q,
    "currency": "USD",
    "amount": "5.00",
    "reference": "Found behind the sofa"
  }
}`, shopperID("shopper-3"))},
	}
}
