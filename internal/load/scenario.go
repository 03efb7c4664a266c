package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// scenarios make what the clients do, by name.
var scenarios = map[string]func(context.Context, setting) (step, error){
	"checkout": func(_ context.Context, s setting) (step, error) { return s.buy(s.regular, s.shoppers), nil },
	"idle":     func(_ context.Context, s setting) (step, error) { return s.buy(s.regular, s.shoppers), nil },
	"hot-wallet": func(_ context.Context, s setting) (step, error) {
		return s.buy(s.regular, s.shoppers[:1]), nil
	},
	"flash-sale":           func(_ context.Context, s setting) (step, error) { return s.buy(s.sale, s.shoppers), nil },
	"replay":               func(ctx context.Context, s setting) (step, error) { return s.replay(ctx) },
	"storefront":           func(_ context.Context, s setting) (step, error) { return s.visit(), nil },
	"storefront-signed-in": func(_ context.Context, s setting) (step, error) { return s.browse(), nil },
	"history":              func(_ context.Context, s setting) (step, error) { return s.history(), nil },
	"mix":                  func(_ context.Context, s setting) (step, error) { return s.mix(), nil },
}

// Scenarios are the names of the scenarios.
func Scenarios() []string { return slices.Sorted(maps.Keys(scenarios)) }

// The documents, as a storefront sends them.
const (
	checkoutDocument = `mutation Checkout($input: CheckoutInput!) {
  checkout(input: $input) {
    purchase { id total { amount currency } }
    replayed
    wallet { balance { amount currency } }
    rewards { pointsEarned { amount } }
    errors { code message path }
  }
}`
	quoteDocument = `query Quote($input: QuoteInput!) {
  quote(input: $input) {
    total { amount currency }
    savings { amount }
    balance { amount }
    errors { code message }
  }
}`
	storefrontDocument = `query Storefront($first: Int!, $currency: CurrencyCode!, $languages: [LanguageTag!], $filter: ProductFilter) {
  products(first: $first, filter: $filter) {
    edges {
      node {
        id
        name(languages: $languages)
        slug
        price(currency: $currency) {
          list { amount }
          current { amount currency }
          lowestLast30Days { amount }
          flashSale { id remaining currentWindow { endsAt } }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}`
	signedInDocument = `query StorefrontSignedIn($first: Int!, $currency: CurrencyCode!, $languages: [LanguageTag!], $filter: ProductFilter) {
  viewer { wallet(currency: $currency) { balance { amount } } }
  products(first: $first, filter: $filter) {
    edges {
      node {
        id
        name(languages: $languages)
        slug
        owned
        price(currency: $currency) {
          list { amount }
          current { amount currency }
          lowestLast30Days { amount }
          flashSale { id remaining currentWindow { endsAt } }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}`
	historyDocument = `query History {
  viewer {
    purchases(first: 20) {
      nodes { id createdAt status total { amount currency } lines { name quantity total { amount } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`
)

// opening is the body of a request up to its variables.
func opening(name, document string) []byte {
	quoted, _ := json.Marshal(document) // A string is always JSON.
	return fmt.Appendf(nil, `{"operationName":%q,"query":%s,"variables":`, name, quoted)
}

// body is a whole body.
func body(name, document string, variables map[string]any) []byte {
	encoded, _ := json.Marshal(variables) // As above: strings, numbers and lists of them.
	return append(append(opening(name, document), encoded...), '}')
}

// purchase is a checkout that is about to be sent.
type purchase struct {
	from caller
	key  string
	what product
}

func (p purchase) body(opening []byte) []byte {
	return fmt.Appendf(slices.Clip(opening),
		`{"input":{"idempotencyKey":%q,"currency":%q,"items":[{"id":%q,"quantity":1}],"expectedTotal":%q}}}`,
		p.key, currency, p.what.id, p.what.price)
}

// next is a checkout with a key of its own, by one of the shoppers, of one of the products.
func (s setting) next(random *rand.Rand, products []product, shoppers []caller) purchase {
	return purchase{
		from: shoppers[random.IntN(len(shoppers))], what: products[random.IntN(len(products))],
		key: "bench-" + s.o.Run + "-" + strconv.FormatInt(s.key.Add(1), 10),
	}
}

// buy has shoppers buy one product at a time.
func (s setting) buy(products []product, shoppers []caller) step {
	begins := opening("Checkout", checkoutDocument)
	return func(random *rand.Rand, to *request) judge {
		p := s.next(random, products, shoppers)
		to.fill("checkout", p.from, p.body(begins))
		return func(status int, answer []byte) (code, example string) {
			_, code, example = readPurchase(status, answer, false)
			return code, example
		}
	}
}

// replay buys once for every shopper, and then has them send the same again. Each must get the purchase of the first
// time.
func (s setting) replay(ctx context.Context) (step, error) {
	begins := opening("Checkout", checkoutDocument)
	type made struct {
		purchase
		id string
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(s.o.Seed, 0)) //nolint:gosec // Choices that can be made again, no secrets.
	all := make([]made, s.o.Wallets)
	err := s.eachShopper(ctx, func(_ context.Context, n int) error {
		mu.Lock()
		p := s.next(random, s.regular, s.shoppers[n:n+1])
		mu.Unlock()
		to := newRequest()
		defer to.release()
		to.fill("set up", p.from, p.body(begins))
		status, answer, err := s.send(to)
		if err != nil {
			return err
		}
		id, code, example := readPurchase(status, answer, false)
		if code != "" {
			return fmt.Errorf("buy what is to be replayed: %s: %s", code, example)
		}
		all[n] = made{p, id}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(random *rand.Rand, to *request) judge {
		again := all[random.IntN(len(all))]
		to.fill("replay", again.from, again.body(begins))
		return func(status int, answer []byte) (code, example string) {
			id, code, example := readPurchase(status, answer, true)
			if code == "" && id != again.id {
				return unexpected, fmt.Sprintf("purchase %s instead of %s", id, again.id)
			}
			return code, example
		}
	}, nil
}

// pageVariables are those of both storefronts.
func pageVariables() map[string]any {
	return map[string]any{
		"first": pageSize, "currency": currency, "languages": []string{"en"}, "filter": map[string]any{"tags": []string{productTag}},
	}
}

// visit has visitors look at a page of the storefront.
func (s setting) visit() step {
	whole := body("Storefront", storefrontDocument, pageVariables())
	return func(_ *rand.Rand, to *request) judge {
		to.fill("storefront", caller{}, whole)
		return readPage
	}
}

// browse has shoppers look at the same page, with what is theirs.
func (s setting) browse() step {
	whole := body("StorefrontSignedIn", signedInDocument, pageVariables())
	return func(random *rand.Rand, to *request) judge {
		to.fill("storefront-signed-in", s.shoppers[random.IntN(len(s.shoppers))], whole)
		return readPage
	}
}

// history has shoppers look at what they have bought.
func (s setting) history() step {
	whole := body("History", historyDocument, nil)
	return func(random *rand.Rand, to *request) judge {
		to.fill("history", s.shoppers[random.IntN(len(s.shoppers))], whole)
		return func(status int, answer []byte) (code, example string) {
			var data struct {
				Viewer struct {
					Purchases struct{ Nodes []struct{ ID string } }
				}
			}
			return readData(status, answer, &data)
		}
	}
}

// quote has shoppers ask what a product costs them.
func (s setting) quote() step {
	return func(random *rand.Rand, to *request) judge {
		p := s.regular[random.IntN(len(s.regular))]
		to.fill("quote", s.shoppers[random.IntN(len(s.shoppers))], body("Quote", quoteDocument, map[string]any{"input": map[string]any{
			"currency": currency, "items": []map[string]any{{"id": p.id, "quantity": 1}},
		}}))
		return func(status int, answer []byte) (code, example string) {
			var data struct {
				Quote struct {
					Total  struct{ Amount string }
					Errors refusals
				}
			}
			code, example = readData(status, answer, &data)
			switch {
			case code != "":
			case len(data.Quote.Errors) > 0:
				code, example = data.Quote.Errors[0].Code, data.Quote.Errors[0].Message
			case data.Quote.Total.Amount != p.price:
				code, example = unexpected, cut(answer)
			}
			return code, example
		}
	}
}

// mix is an evening at a shop: of a hundred requests 60 are visitors' pages, 15 shoppers' pages, 10 quotes, 10 checkouts
// and 5 histories.
func (s setting) mix() step {
	shares := []struct {
		upTo int
		step step
	}{
		{60, s.visit()},
		{75, s.browse()},
		{85, s.quote()},
		{95, s.buy(append(slices.Clone(s.regular), s.sale...), s.shoppers)},
		{100, s.history()},
	}
	return func(random *rand.Rand, to *request) judge {
		drawn := random.IntN(shares[len(shares)-1].upTo)
		for _, share := range shares {
			if drawn < share.upTo {
				return share.step(random, to)
			}
		}
		panic("the last share is all that is drawn from")
	}
}

// unexpected is the code of an answer that is no refusal and not what was asked for either.
const unexpected = "UNEXPECTED_ANSWER"

// readPurchase reads the answer to a checkout. One that was bought anew where it should have been replayed, or the other
// way round, is no success.
func readPurchase(status int, answer []byte, replayed bool) (id, code, example string) {
	var data struct {
		Checkout struct {
			Purchase *struct{ ID string }
			Replayed bool
			Errors   refusals
		}
	}
	if code, example = readData(status, answer, &data); code != "" {
		return "", code, example
	}
	result := data.Checkout
	switch {
	case len(result.Errors) > 0:
		return "", result.Errors[0].Code, result.Errors[0].Message
	case result.Purchase == nil || result.Purchase.ID == "" || result.Replayed != replayed:
		return "", unexpected, cut(answer)
	}
	return result.Purchase.ID, "", ""
}

// readPage reads a page of the storefront. It looks for as many products as there must be, and for errors at the
// beginning, where the server puts them: to decode all of it would cost the machine more than to serve it.
func readPage(status int, answer []byte) (code, example string) {
	if status == http.StatusOK && bytes.HasPrefix(answer, []byte(`{"data":{`)) &&
		bytes.Count(answer, []byte(`"node":{"id":"prd_`)) == pageSize {
		return "", ""
	}
	if code, example = readData(status, answer, &struct{}{}); code != "" {
		return code, example
	}
	return unexpected, cut(answer)
}

// readData reads the data of an answer. Data beside errors is no success.
func readData(status int, answer []byte, into any) (code, example string) {
	var read struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	err := json.Unmarshal(answer, &read)
	if err == nil && len(read.Errors) > 0 {
		if code = read.Errors[0].Extensions.Code; code == "" {
			code = unexpected
		}
		return code, read.Errors[0].Message
	}
	if status != http.StatusOK {
		return "HTTP_" + strconv.Itoa(status), cut(answer)
	}
	if err == nil {
		err = json.Unmarshal(read.Data, into)
	}
	if err != nil {
		return unexpected, err.Error() + ": " + cut(answer)
	}
	return "", ""
}

// cut is the beginning of an answer, for people.
func cut(answer []byte) string {
	const most = 300
	return string(answer[:min(len(answer), most)])
}
