package app_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/id"
)

// TestListsCostTheSame counts what is asked of the database for a page of 5 and for one of 50.
func TestListsCostTheSame(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 100")
		var items []string
		for i := range 50 {
			_, err := o.Catalog.Create(t.Context(), catalog.CreateInput{
				Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Prices: prices("USD 0.10", "KRW 100"),
				Texts: []catalog.Text{{Language: "en", Name: "Page " + strconv.Itoa(i)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		o.wants(t, o.ask(t, call{query: `{ products(first: 1, filter: {search: "page"}) { totalCount } }`}), `{"data": {"products": {"totalCount": 50}}}`)
		for i := range 50 {
			p, err := catalog.BySlug(t.Context(), o.DB.Client(), "page-"+strconv.Itoa(i))
			if err != nil {
				t.Fatal(err)
			}
			name := "$page-" + strconv.Itoa(i)
			o.names[name] = id.Encode(id.Product, p.ID)
			items = append(items, `{id: "`+name+`"}`)
			a := o.ask(t, call{as: "SHOPPER ada", query: fmt.Sprintf(
				`mutation { checkout(input: {idempotencyKey: "%d", currency: "USD", items: [%s], expectedTotal: "0.10"}) { purchase { id } errors { message } } }`, i, items[i])})
			o.wants(t, a, `{"data": {"checkout": {"purchase": {"id": "$bought-`+strconv.Itoa(i)+`"}, "errors": []}}}`)
		}

		var asked atomic.Int64
		o.DB.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, query ent.Query) (ent.Value, error) {
				asked.Add(1)
				return next.Query(ctx, query)
			})
		}))
		for _, query := range []string{
			`{ products(first: %d, filter: {search: "page"}) { nodes { id name price(currency: "USD") { current { amount } } prices { list { amount } } owned } totalCount } }`,
			`{ viewer { purchases(first: %d) { nodes { lines { name product { id name owned prices { list { amount } } } } entitlements { product { id } } } } } }`,
			`{ viewer { entitlements(first: %d) { nodes { product { id owned price(currency: "KRW") { list { amount } } } } totalCount } } }`,
			`{ viewer { wallet(currency: "USD") { transfers(first: %d) { nodes { id amount { amount } purchaseId } } } } }`,
			`{ quote(input: {currency: "USD", items: [ITEMS %d]}) { lines { item { id name owned price(currency: "USD") { list { amount } } } } errors { ... on AlreadyOwnedError { product { id owned } entitlement { product { id } } } } } }`,
		} {
			var cost []int64
			for _, n := range []int{5, 50} {
				text := fmt.Sprintf(query, n)
				text = strings.Replace(text, fmt.Sprintf("ITEMS %d", n), strings.Join(items[:n], " "), 1)
				asked.Store(0)
				a := o.ask(t, call{as: "SHOPPER ada", query: text})
				cost = append(cost, asked.Load())
				if strings.Contains(string(a.body), `"extensions"`) || strings.Count(string(a.body), `"amount"`) < n {
					t.Errorf("not what was wanted: %s", a)
				}
			}
			// On a busy machine a loader may stop collecting too early and ask once more; one statement a row is many more.
			if cost[0] == 0 || cost[1] > 2*cost[0] {
				t.Errorf("5 cost %d statements and 50 cost %d: %s", cost[0], cost[1], query)
			}
		}
	})
}
