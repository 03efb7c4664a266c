package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"farthing/internal/db"
)

// onSale puts poems at half price, of which there is one, for an hour.
const onSale = `mutation { createFlashSale(input: {texts: [{language: "en", name: "Half price"}], status: ACTIVE, kind: PERCENTAGE, percentOff: "50",
	scope: {productIds: ["$poems"]}, stock: 1, perShopper: 1, endsAt: "2026-12-24T19:00:00Z"}) { flashSale { id } errors { message } } }`

const shownPrices = `{ products(first: 50, orderBy: OLDEST) { nodes { slug owned price(currency: "USD") { current { amount } flashSale { remaining } } } } }`

// TestStorefront_IsSoonUpToDate changes the catalogue, sells the last unit of a sale and lets the sale end: for less than the
// delay a visitor may see what was, after it nobody does, on either of two instances.
func TestStorefront_IsSoonUpToDate(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const delay = time.Second
		o := s.open(t, opening{settings: []string{"CATALOGUE_DELAY=1s"}})
		servers := []string{o.url, o.another(t, s, "CATALOGUE_DELAY=1s")}
		o.shopper(t, "ada", "USD 10")
		o.shopper(t, "ben", "USD 10")
		price := func(as, server string) string {
			t.Helper()
			body := string(o.ask(t, call{as: as, query: shownPrices, server: server}).body)
			_, after, _ := strings.Cut(body, `"slug":"poems",`)
			shown, _, _ := strings.Cut(after, `}},{"slug"`)
			return shown
		}
		// seen is what everybody but ada sees, once the delay is over; hers differs when she owns it.
		seen := func(what, want string, others ...string) {
			t.Helper()
			o.clock.advance(delay)
			for _, server := range servers {
				for _, as := range append([]string{"", "SHOPPER ben", "MERCHANDISER mia"}, others...) {
					for range 2 { // the second time it is what was kept of the first
						if got := price(as, server); !strings.Contains(got, want) {
							t.Errorf("%s, %q sees %s", what, as, got)
						}
					}
				}
			}
		}
		seen("at first", `"owned":false,"price":{"current":{"amount":"0.99"},"flashSale":null`, "SHOPPER ada")
		mia := func(query string) {
			t.Helper()
			if a := o.ask(t, call{as: "MERCHANDISER mia", query: query}); !strings.Contains(string(a.body), `"errors":[]`) {
				t.Fatal(a)
			}
		}
		mia(onSale)
		if got := price("", o.url); !strings.Contains(got, `"0.99"`) {
			t.Errorf("a visitor is not shown what was kept, but %s", got)
		}
		seen("on sale", `"owned":false,"price":{"current":{"amount":"0.50"},"flashSale":{"remaining":1`, "SHOPPER ada")

		a := o.ask(t, call{as: "SHOPPER ada", query: buying("k1", `{id: "$poems"}`, "0.50") + `}) { purchase { id } errors { message } } }`})
		if !strings.Contains(string(a.body), `"errors":[]`) {
			t.Fatal(a)
		}
		for _, server := range servers { // what is hers she sees at once
			if got := price("SHOPPER ada", server); !strings.Contains(got, `"owned":true`) {
				t.Errorf("ada, who has just bought it, sees %s", got)
			}
			if got := price("SHOPPER ben", server); !strings.Contains(got, `"owned":false`) {
				t.Errorf("ben, who has not, sees %s", got)
			}
		}
		seen("sold out", `"owned":false,"price":{"current":{"amount":"0.99"},"flashSale":null`)
		mia(strings.Replace(onSale, "stock: 1", "stock: 5", 1))
		seen("on sale again", `"owned":false,"price":{"current":{"amount":"0.50"},"flashSale":{"remaining":5`)
		o.clock.advance(time.Hour)
		seen("when it is over", `"owned":false,"price":{"current":{"amount":"0.99"},"flashSale":null`)
	})
}

// TestStorefront_KeepsWhatMayBeKept asks everything twice and counts what is read the second time.
func TestStorefront_KeepsWhatMayBeKept(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"CATALOGUE_DELAY=1s"}})
		o.shopper(t, "ada", "USD 10")
		handler, err := o.Handler(nil)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(c call) (string, int64) {
			ctx, count := db.CountReads(t.Context())
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, o.request(ctx, t, &c))
			if w.Header().Get("X-Request-Id") == "" {
				t.Errorf("an answer without the id of its request to %s", c.query)
			}
			return w.Body.String(), count()
		}
		for _, c := range []struct {
			call
			kept bool
		}{
			{call{query: shownPrices}, true},
			{call{query: `query Q($n: Int!) { products(first: $n) { totalCount nodes { id } } }`, variables: `{"n": 2}`}, true},
			{call{query: `query Q($n: Int!) { products(first: $n) { totalCount nodes { id } } }`, variables: `{"n": 3}`}, true},
			{call{query: `{ product(id: "$poems") { ...P } } fragment P on Product { __typename name ... on Product { bundles { name } } }`}, true},
			{call{query: `{ flashSales { nodes { status } totalCount } }`}, true},
			{call{query: `{ flashSales { nodes { status serverTime } totalCount } }`}, false},
			{call{query: `{ serverTime products { totalCount } }`}, false},
			{call{query: `{ products { totalCount } ...Q } fragment Q on Query { quote(input: {currency: "USD", items: [{id: "$poems"}]}) { total { amount } } }`}, false},
			{call{query: `{ product(id: "$poems") { id } node(id: "$poems") { id } }`}, false},
			{call{query: `{ product(slug: "poems") { id } products(first: 500) { totalCount } }`}, false}, // an error
			{call{as: "SHOPPER ada", query: `{ product(slug: "atlas") { id } }`}, false},
			{call{as: "MERCHANDISER mia", query: `{ product(slug: "atlas") { id } }`}, false},
		} {
			first, read := ask(c.call)
			again, reread := ask(c.call)
			if first != again && !strings.Contains(first, "requestId") {
				t.Errorf("%s\nis first %s\nthen %s", c.query, first, again)
			}
			if read == 0 || (reread == 0) != c.kept {
				t.Errorf("%s\nreads %d at first and %d then", c.query, read, reread)
			}
		}
	})
}

// TestStorefront_IsWrittenAlike asks for pages in words that are written at once, and for the same with one field more,
// which the executor has to write.
func TestStorefront_IsWrittenAlike(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		for _, delay := range []string{"0s", "1s"} {
			o := s.open(t, opening{settings: []string{"CATALOGUE_DELAY=" + delay}})
			o.shopper(t, "ada", "USD 10")
			o.ask(t, call{as: "MERCHANDISER mia", query: onSale})
			o.ask(t, call{as: "MERCHANDISER mia", query: strings.NewReplacer(`"Half price"`, `"<Half> \"price\" ½"`, `"$poems"`, `"$hints"`, "perShopper: 1, ", "").Replace(onSale)})
			if a := o.ask(t, call{as: "SHOPPER ada", query: buying("k1", `{id: "$poems"}`, "0.50") + `}) { purchase { id } errors { message } } }`}); !strings.Contains(string(a.body), `"errors":[]`) {
				t.Fatal(a)
			}
			o.clock.advance(time.Second)
			const sale = `flashSale { __typename id name(languages: ["ko", "en"]) description kind status startsAt endsAt stock remaining perShopper currentWindow { startsAt endsAt __typename } }`
			const everything = `id slug kind status name description creator tags categories units owned version createdAt updatedAt publishFrom publishUntil __typename
				price(currency: "USD") { list { amount currency } current { amount } lowestLast30Days { amount } until ` + sale + ` }
				won: price(currency: "KRW") { current { amount __typename } } none: price(currency: "EUR") { until } strange: price(currency: "XYZ") { until }`
			for _, as := range []string{"", "SHOPPER ada", "MERCHANDISER mia"} {
				for _, fields := range []string{
					everything,
					`name name again: name ko: name(languages: ["ko", "pt-BR"]) nil: description(languages: null) none: name(languages: [])`,
					`...F ... on Purchasable { owned } price(currency: "USD") { ... on Price { current { amount } } } price(currency: "USD") { list { amount } }`,
					`slug @skip(if: true) id @include(if: false) name`,
				} {
					for _, list := range []string{`nodes { %s }`, `edges { cursor node { %s } }`, `before: edges { cursor } edges { __typename node { %s } } nodes { id }`} {
						ask := func(more string) any {
							query := `{ products(first: 50, orderBy: OLDEST) { ` + fmt.Sprintf(list, fields+more) + ` pageInfo { endCursor } } }`
							if strings.Contains(fields, "...F") {
								query += ` fragment F on Product { tags }`
							}
							a := o.ask(t, call{as: as, query: query})
							if a.status != http.StatusOK || strings.Contains(string(a.body), `"errors"`) {
								t.Fatal(a)
							}
							return without(a.decoded(t), "languages")
						}
						if diff := diff.Diff(ask(" languages"), ask("")); diff != "" {
							t.Errorf("as %q, %s: the executor writes (-), here is written (+)\n%s", as, fields, diff)
						}
					}
				}
			}
		}
	})
}

// without is a JSON value without the fields of a name.
func without(value any, name string) any {
	switch value := value.(type) {
	case map[string]any:
		value = maps.Clone(value)
		delete(value, name)
		for key := range value {
			value[key] = without(value[key], name)
		}
		return value
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = without(value[i], name)
		}
		return list
	}
	return value
}
