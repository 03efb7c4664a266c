package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestPurchases tells what may be done, step by step. Every refusal has its own line in TestRefusals.
func TestPurchases(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		for _, c := range purchases() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	})
}

// basket is one book and two packets of hints, for 1.39.
const basket = `currency: "USD", items: [{id: "$poems"}, {id: "$hints", quantity: 2}]`

const buyBasket = `mutation {
	checkout(input: {idempotencyKey: "k1", expectedTotal: "1.39", ` + basket + `}) {
		purchase {
			id ordinal currency createdAt
			lines { name kind quantity units unitPrice { amount } listPrice { amount } total { amount } product { id } }
			subtotal { amount currency } savings { amount } total { amount currency } pointsEarned { amount currency }
			entitlements { id product { id } kind status units remaining purchaseId grantedAt }
		}
		replayed
		wallet { id balance { amount currency } }
		rewards { pointsEarned { amount } pointsBalance { amount } badges { badge { code } purchaseId } }
		rateLimit { limit }
		errors { code }
	}
}`

// bought is the answer to buyBasket, but for replayed.
const bought = `{"data": {"checkout": {
	"purchase": {
		"id": "$purchase", "ordinal": 1, "currency": "USD", "createdAt": "2026-12-24T18:00:00Z",
		"lines": [
			{"name": "Poems", "kind": "DURABLE", "quantity": 1, "units": 1, "unitPrice": {"amount": "0.99"},
				"listPrice": {"amount": "0.99"}, "total": {"amount": "0.99"}, "product": {"id": "$poems"}},
			{"name": "Hints", "kind": "CONSUMABLE", "quantity": 2, "units": 5, "unitPrice": {"amount": "0.20"},
				"listPrice": {"amount": "0.40"}, "total": {"amount": "0.40"}, "product": {"id": "$hints"}}
		],
		"subtotal": {"amount": "1.39", "currency": "USD"}, "savings": {"amount": "0.00"},
		"total": {"amount": "1.39", "currency": "USD"}, "pointsEarned": {"amount": "13", "currency": "POINTS"},
		"entitlements": [
			{"id": "$book", "product": {"id": "$poems"}, "kind": "DURABLE", "status": "ACTIVE", "units": 1, "remaining": 1,
				"purchaseId": "$purchase", "grantedAt": "2026-12-24T18:00:00Z"},
			{"id": "$packets", "product": {"id": "$hints"}, "kind": "CONSUMABLE", "status": "ACTIVE", "units": 10, "remaining": 10,
				"purchaseId": "$purchase", "grantedAt": "2026-12-24T18:00:00Z"}
		]
	},
	"replayed": REPLAYED,
	"wallet": {"id": "$ada-USD", "balance": {"amount": "8.61", "currency": "USD"}},
	"rewards": {"pointsEarned": {"amount": "13"}, "pointsBalance": {"amount": "13"},
		"badges": [{"badge": {"code": "first-purchase"}, "purchaseId": "$purchase"}]},
	"rateLimit": {"limit": 100000},
	"errors": []
}}}`

func purchases() []scenario {
	return []scenario{
		{
			name:  "the first purchase",
			funds: map[string][]string{"ada": {"USD 10"}},
			rules: usualRules(),
			steps: []step{
				{
					query: `{ products(first: 5, filter: {search: "poem"}) { nodes { id name creator price(currency: "USD") { current { amount } } owned } totalCount } }`,
					want: `{"data": {"products": {"nodes": [{"id": "$poems", "name": "Poems", "creator": "Walt Whitman",
						"price": {"current": {"amount": "0.99"}}, "owned": false}], "totalCount": 1}}}`,
				},
				{
					query: `{ viewer { id } quote(input: {` + basket + `}) { total { amount } balance { amount } shortfall { amount } rewards { points { amount } badges { code } } errors { code } } }`,
					want: `{"data": {"viewer": null, "quote": {"total": {"amount": "1.39"}, "balance": null, "shortfall": null,
						"rewards": {"points": {"amount": "13"}, "badges": [{"code": "first-purchase"}]}, "errors": []}}}`,
				},
				{
					as: "SHOPPER ada",
					query: `{ quote(input: {` + basket + `}) {
						lines { item { id name } quantity unitPrice { amount } listPrice { amount } total { amount } }
						subtotal { amount } savings { amount } total { amount currency } balance { amount } shortfall { amount }
						rewards { points { amount } badges { code } } serverTime errors { code } } }`,
					want: `{"data": {"quote": {
						"lines": [
							{"item": {"id": "$poems", "name": "Poems"}, "quantity": 1, "unitPrice": {"amount": "0.99"}, "listPrice": {"amount": "0.99"}, "total": {"amount": "0.99"}},
							{"item": {"id": "$hints", "name": "Hints"}, "quantity": 2, "unitPrice": {"amount": "0.20"}, "listPrice": {"amount": "0.40"}, "total": {"amount": "0.40"}}
						],
						"subtotal": {"amount": "1.39"}, "savings": {"amount": "0.00"}, "total": {"amount": "1.39", "currency": "USD"},
						"balance": {"amount": "10.00"}, "shortfall": null,
						"rewards": {"points": {"amount": "13"}, "badges": [{"code": "first-purchase"}]},
						"serverTime": "2026-12-24T18:00:00Z", "errors": []}}}`,
				},
				{as: "SHOPPER ada", query: buyBasket, want: first(bought)},
				{as: "SHOPPER ada", query: buyBasket, want: again(bought), advance: 365 * 24 * 3600e9},
				{
					as: "SHOPPER ada",
					query: `{ viewer {
						wallet(currency: "USD") {
							id currency balance { amount } origins { origin amount { amount } }
							transfers(first: 5) { totalCount pageInfo { hasNextPage } nodes { kind amount { amount } balanceAfter { amount } purchaseId reference reason } }
						}
						purchases { totalCount nodes { id total { amount } } }
						entitlements { totalCount nodes { id product { id name } remaining } }
						rewards { points { amount } badges { badge { code name } purchaseId awardedAt } }
					} }`,
					want: `{"data": {"viewer": {
						"wallet": {
							"id": "$ada-USD", "currency": "USD", "balance": {"amount": "8.61"}, "origins": [{"origin": "PAID", "amount": {"amount": "8.61"}}],
							"transfers": {"totalCount": 2, "pageInfo": {"hasNextPage": false}, "nodes": [
								{"kind": "PURCHASE", "amount": {"amount": "-1.39"}, "balanceAfter": {"amount": "8.61"}, "purchaseId": "$purchase", "reference": null, "reason": null},
								{"kind": "TOP_UP", "amount": {"amount": "10.00"}, "balanceAfter": {"amount": "10.00"}, "purchaseId": null, "reference": null, "reason": null}
							]}
						},
						"purchases": {"totalCount": 1, "nodes": [{"id": "$purchase", "total": {"amount": "1.39"}}]},
						"entitlements": {"totalCount": 2, "nodes": [
							{"id": "$packets", "product": {"id": "$hints", "name": "Hints"}, "remaining": 10},
							{"id": "$book", "product": {"id": "$poems", "name": "Poems"}, "remaining": 1}
						]},
						"rewards": {"points": {"amount": "13"}, "badges": [{"badge": {"code": "first-purchase", "name": "First purchase"},
							"purchaseId": "$purchase", "awardedAt": "2026-12-24T18:00:00Z"}]}
					}}}`,
				},
				{
					as:    "SHOPPER ada",
					query: `{ a: node(id: "$purchase") { id ... on Purchase { ordinal } } b: product(slug: "poems") { owned } c: product(id: "$hints") { owned } }`,
					want:  `{"data": {"a": {"id": "$purchase", "ordinal": 1}, "b": {"owned": true}, "c": {"owned": false}}}`,
				},
			},
		},
		{
			name:  "a service acts for a shopper",
			funds: map[string][]string{"ada": {"USD 10"}},
			rules: usualRules(),
			steps: []step{
				{as: "SERVICE store", query: `{ viewer { id } }`, want: `{"data": {"viewer": null}}`},
				{as: "SERVICE store for ada", query: `{ viewer { id } }`, want: `{"data": {"viewer": {"id": "$ada"}}}`},
				{as: "SERVICE store for ada", query: buyBasket, want: first(bought)},
				// The key is the shopper's, whoever calls.
				{as: "SHOPPER ada", query: buyBasket, want: again(bought)},
				{
					as: "SERVICE store",
					query: `mutation { topUpWallet(input: {idempotencyKey: "k1", shopperId: "$ada", currency: "KRW", amount: "5000", reference: "receipt 7"}) {
						wallet { id currency balance { amount } transfers { nodes { reference } } } replayed errors { code } } }`,
					want: `{"data": {"topUpWallet": {"wallet": {"id": "$won", "currency": "KRW", "balance": {"amount": "5000"},
						"transfers": {"nodes": [{"reference": "receipt 7"}]}}, "replayed": false, "errors": []}}}`,
				},
				{
					as: "SERVICE other",
					query: `mutation { topUpWallet(input: {idempotencyKey: "k1", shopperId: "$ada", currency: "KRW", amount: "5000.00", reference: "receipt 7"}) {
						wallet { id balance { amount } } replayed errors { code } } }`,
					want: `{"data": {"topUpWallet": {"wallet": {"id": "$won", "balance": {"amount": "5000"}}, "replayed": true, "errors": []}}}`,
				},
				{
					as:    "SHOPPER ada",
					query: `{ viewer { wallets { id currency } } }`,
					want:  `{"data": {"viewer": {"wallets": [{"id": "$won", "currency": "KRW"}, {"id": "$ada-USD", "currency": "USD"}]}}}`,
				},
			},
		},
		{
			name:  "a merchandiser sets up what a shopper buys",
			funds: map[string][]string{"ada": {"USD 10"}},
			steps: []step{
				{
					as: "MERCHANDISER mia",
					query: `mutation { createProduct(input: {
						kind: DURABLE, creator: "Herman Melville", tags: ["whales", "sea"], categories: ["Novels"],
						texts: [{language: "en", name: "Moby-Dick", description: "A whale."}, {language: "ko", name: "모비 딕"}],
						media: [{kind: IMAGE, url: "https://example.org/whale.png", alt: "A whale"}],
						prices: [{currency: "USD", amount: "1.50"}, {currency: "KRW", amount: "2000"}], reference: "PG2701"}) {
						product { id slug status name(languages: ["ko"]) languages reference version owned media { kind url alt } prices { list { amount currency } } }
						errors { code } } }`,
					want: `{"data": {"createProduct": {"product": {"id": "$whale", "slug": "moby-dick", "status": "DRAFT", "name": "모비 딕",
						"languages": ["en", "ko"], "reference": "PG2701", "version": 1, "owned": false,
						"media": [{"kind": "IMAGE", "url": "https://example.org/whale.png", "alt": "A whale"}],
						"prices": [{"list": {"amount": "2000", "currency": "KRW"}}, {"list": {"amount": "1.50", "currency": "USD"}}]}, "errors": []}}}`,
				},
				{
					as:    "SHOPPER ada",
					query: `{ product(slug: "moby-dick") { id } node(id: "$whale") { id } products(filter: {search: "whale"}) { totalCount } }`,
					want:  `{"data": {"product": null, "node": null, "products": {"totalCount": 0}}}`,
				},
				{
					as:    "MERCHANDISER mia",
					query: `mutation { updateProduct(input: {id: "$whale", expectedVersion: 1, status: ACTIVE}) { product { status version } errors { code } } }`,
					want:  `{"data": {"updateProduct": {"product": {"status": "ACTIVE", "version": 2}, "errors": []}}}`,
				},
				{
					as:    "SHOPPER ada",
					query: `{ products(filter: {search: "모비"}) { nodes { id reference name(languages: ["fr", "ko-KR"]) } } }`,
					want:  `{"data": {"products": {"nodes": [{"id": "$whale", "reference": null, "name": "모비 딕"}]}}}`,
				},
				{
					as: "SHOPPER ada",
					query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$whale"}], expectedTotal: "1.5"}) {
						purchase { id total { amount } } errors { code } } }`,
					want: `{"data": {"checkout": {"purchase": {"id": "$purchase", "total": {"amount": "1.50"}}, "errors": []}}}`,
				},
				{
					as: "MERCHANDISER mia",
					query: `mutation {
						a: updateProduct(input: {id: "$whale", texts: [{language: "en", name: "The Whale"}], prices: [{currency: "USD", amount: "9.99"}]}) { product { version } errors { code } }
						b: archiveProduct(input: {id: "$whale"}) { product { status version } errors { code } }
						c: archiveProduct(input: {id: "$whale"}) { product { status version } errors { code } } }`,
					want: `{"data": {"a": {"product": {"version": 3}, "errors": []},
						"b": {"product": {"status": "ARCHIVED", "version": 4}, "errors": []},
						"c": {"product": {"status": "ARCHIVED", "version": 4}, "errors": []}}}`,
				},
				{
					// What was sold keeps its name and price, and its owner keeps it.
					as: "SHOPPER ada",
					query: `{ product(slug: "moby-dick") { id } viewer {
						purchases { nodes { total { amount } lines { name(languages: ["ko"]) unitPrice { amount } product { name status owned } } } }
						entitlements { nodes { status product { id name } } } } }`,
					want: `{"data": {"product": null, "viewer": {
						"purchases": {"nodes": [{"total": {"amount": "1.50"}, "lines": [{"name": "모비 딕", "unitPrice": {"amount": "1.50"},
							"product": {"name": "The Whale", "status": "ARCHIVED", "owned": true}}]}]},
						"entitlements": {"nodes": [{"status": "ACTIVE", "product": {"id": "$whale", "name": "The Whale"}}]}}}}`,
				},
			},
		},
		{
			name:  "what is left out of an update stays, and null empties",
			steps: updates(),
		},
		{
			name:  "a free purchase is a purchase",
			funds: map[string][]string{"ada": nil},
			rules: usualRules(),
			steps: []step{{
				as: "SHOPPER ada",
				query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$flyer"}], expectedTotal: "0"}) {
					purchase { ordinal total { amount } pointsEarned { amount } entitlements { product { id } } } wallet { id } rewards { badges { badge { code } } } errors { code } } }`,
				want: `{"data": {"checkout": {"purchase": {"ordinal": 1, "total": {"amount": "0.00"}, "pointsEarned": {"amount": "0"},
					"entitlements": [{"product": {"id": "$flyer"}}]}, "wallet": null, "rewards": {"badges": [{"badge": {"code": "first-purchase"}}]}, "errors": []}}}`,
			}},
		},
		{
			name:  "the same good named twice is charged once, and the order of a basket is no other basket",
			funds: map[string][]string{"ada": {"USD 10"}},
			steps: []step{
				{
					as: "SHOPPER ada",
					query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", expectedTotal: "1.59",
						items: [{id: "$poems"}, {id: "$hints", quantity: 2}, {id: "$poems"}, {id: "$hints"}]}) {
						purchase { id lines { quantity total { amount } } } replayed errors { code path } } }`,
					want: `{"data": {"checkout": {"purchase": {"id": "$purchase", "lines": [{"quantity": 1, "total": {"amount": "0.99"}},
						{"quantity": 3, "total": {"amount": "0.60"}}]}, "replayed": false, "errors": []}}}`,
				},
				{
					as: "SHOPPER ada",
					query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", expectedTotal: "1.590",
						items: [{id: "$hints", quantity: 3}, {id: "$poems"}, {id: "$poems"}]}) { purchase { id } replayed errors { code } } }`,
					want: `{"data": {"checkout": {"purchase": {"id": "$purchase"}, "replayed": true, "errors": []}}}`,
				},
			},
		},
		{
			name:  "two checkouts in one document are two, and one when the key is the same",
			funds: map[string][]string{"ada": {"USD 10"}},
			steps: []step{{
				as: "SHOPPER ada",
				query: `mutation M($hints: CheckoutInput!, $more: CheckoutInput!) {
					a: checkout(input: $hints) { ...P } b: checkout(input: $more) { ...P } c: checkout(input: $hints) { ...P } }
					fragment P on CheckoutPayload { purchase { id ordinal } replayed wallet { balance { amount } } errors { code } }`,
				variables: `{
					"hints": {"idempotencyKey": "k1", "currency": "USD", "items": [{"id": "$hints"}], "expectedTotal": "0.20"},
					"more": {"idempotencyKey": "k2", "currency": "USD", "items": [{"id": "$hints"}], "expectedTotal": "0.20"}}`,
				want: `{"data": {
					"a": {"purchase": {"id": "$one", "ordinal": 1}, "replayed": false, "wallet": {"balance": {"amount": "9.80"}}, "errors": []},
					"b": {"purchase": {"id": "$two", "ordinal": 2}, "replayed": false, "wallet": {"balance": {"amount": "9.60"}}, "errors": []},
					"c": {"purchase": {"id": "$one", "ordinal": 1}, "replayed": true, "wallet": {"balance": {"amount": "9.60"}}, "errors": []}}}`,
			}},
		},
		{
			name:  "a key belongs to its shopper and its operation",
			funds: map[string][]string{"ada": {"USD 10"}, "ben": {"USD 10"}},
			steps: []step{
				{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", false)},
				{as: "SHOPPER ben", query: buyHints, want: boughtHints("$two", false)},
				{
					as:    "SERVICE store",
					query: `mutation { topUpWallet(input: {idempotencyKey: "k1", shopperId: "$ada", currency: "USD", amount: "1"}) { replayed errors { code } } }`,
					want:  `{"data": {"topUpWallet": {"replayed": false, "errors": []}}}`,
				},
				{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", true)},
				{as: "SHOPPER ben", query: buyHints, want: boughtHints("$two", true)},
			},
		},
		{
			name:  "a refused key may be used again",
			funds: map[string][]string{"ada": {"USD 0.10"}},
			rules: usualRules(),
			steps: []step{
				{
					as:    "SHOPPER ada",
					query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.20"}) { purchase { id } errors { code ... on InsufficientFundsError { balance { amount } required { amount } shortfall { amount currency } } } } }`,
					want: `{"data": {"checkout": {"purchase": null, "errors": [{"code": "INSUFFICIENT_FUNDS", "balance": {"amount": "0.10"},
						"required": {"amount": "0.20"}, "shortfall": {"amount": "0.10", "currency": "USD"}}]}}}`,
				},
				{
					as: "ADMIN root",
					query: `mutation { adjustWallet(input: {idempotencyKey: "a1", shopperId: "$ada", currency: "USD", amount: "0.10", reason: "With our apologies"}) {
						wallet { balance { amount } origins { origin amount { amount } } transfers { nodes { kind reason } } } errors { code } } }`,
					want: `{"data": {"adjustWallet": {"wallet": {"balance": {"amount": "0.20"},
						"origins": [{"origin": "PAID", "amount": {"amount": "0.10"}}, {"origin": "PROMOTIONAL", "amount": {"amount": "0.10"}}],
						"transfers": {"nodes": [{"kind": "ADJUSTMENT", "reason": "With our apologies"}, {"kind": "TOP_UP", "reason": null}]}}, "errors": []}}}`,
				},
				{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", false)},
				{
					// Points are for money really paid, and an empty wallet is a wallet.
					as:    "SHOPPER ada",
					query: `{ viewer { rewards { points { amount } } wallet(currency: "USD") { balance { amount } origins { origin } } } }`,
					want:  `{"data": {"viewer": {"rewards": {"points": {"amount": "1"}}, "wallet": {"balance": {"amount": "0.00"}, "origins": []}}}}`,
				},
			},
		},
		{
			name:  "the tenth purchase earns its badge",
			funds: map[string][]string{"ada": {"USD 10"}},
			rules: usualRules(),
			steps: tenPurchases(),
		},
		{
			name:  "a window opens and closes by the clock alone",
			funds: map[string][]string{"ada": {"USD 10"}},
			steps: []step{
				{query: `{ node(id: "$future") { id } }`, want: `{"data": {"node": null}}`},
				{query: `{ node(id: "$future") { id } }`, want: `{"data": {"node": null}}`, advance: 24*3600e9 - 1000},
				{query: `{ node(id: "$future") { id } }`, want: `{"data": {"node": {"id": "$future"}}}`, advance: 1000},
				{
					as:    "SHOPPER ada",
					query: `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$future"}], expectedTotal: "1"}) { purchase { ordinal } errors { code } } }`,
					want:  `{"data": {"checkout": {"purchase": {"ordinal": 1}, "errors": []}}}`,
				},
			},
		},
		{
			name:  "an amount may be an exact number too",
			funds: map[string][]string{"ada": {"USD 10"}},
			steps: []step{{
				as:        "SHOPPER ada",
				query:     `mutation($in: CheckoutInput!) { checkout(input: $in) { purchase { total { amount } } errors { code } } }`,
				variables: `{"in": {"idempotencyKey": "k1", "currency": "USD", "items": [{"id": "$poems"}], "expectedTotal": 0.99}}`,
				want:      `{"data": {"checkout": {"purchase": {"total": {"amount": "0.99"}}, "errors": []}}}`,
			}},
		},
	}
}

const buyHints = `mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.20"}) {
	purchase { id } replayed errors { code } } }`

func boughtHints(purchase string, replayed bool) string {
	text := `{"data": {"checkout": {"purchase": {"id": "` + purchase + `"}, "replayed": REPLAYED, "errors": []}}}`
	if replayed {
		return again(text)
	}
	return first(text)
}

func first(want string) string { return strings.Replace(want, "REPLAYED", "false", 1) }

func again(want string) string { return strings.Replace(want, "REPLAYED", "true", 1) }

// tenPurchases are ten of them, each with what it earned.
func tenPurchases() []step {
	steps := make([]step, 10)
	for i := range steps {
		badges := ""
		switch i + 1 {
		case 1:
			badges = `{"badge": {"code": "first-purchase"}}`
		case 10:
			badges = `{"badge": {"code": "ten-purchases"}}`
		}
		steps[i] = step{
			as:    "SHOPPER ada",
			query: fmt.Sprintf(`mutation { checkout(input: {idempotencyKey: "k%d", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.20"}) { purchase { ordinal } rewards { badges { badge { code } } } } }`, i),
			want:  fmt.Sprintf(`{"data": {"checkout": {"purchase": {"ordinal": %d}, "rewards": {"badges": [%s]}}}}`, i+1, badges),
		}
	}
	return steps
}

// updates change one field of a product after the other.
func updates() []step {
	const see = `product { slug creator tags categories media { url } units publishFrom publishUntil status version name prices { list { amount } } } errors { code path }`
	const created = `"slug": "tea", "creator": "A. Leaf", "tags": ["hot"], "categories": ["Drinks"], "media": [{"url": "https://example.org/tea.png"}], "units": 3,
		"publishFrom": "2026-01-01T00:00:00Z", "publishUntil": "2027-01-01T00:00:00Z", "status": "ACTIVE", "name": "Tea", "prices": [{"list": {"amount": "0.50"}}]`
	update := func(fields, want string) step {
		return step{
			as: "MERCHANDISER mia", query: `mutation { updateProduct(input: {id: "$tea" ` + fields + `}) { ` + see + ` } }`,
			want: `{"data": {"updateProduct": {"product": ` + want + `, "errors": []}}}`,
		}
	}
	return []step{
		{
			as: "ADMIN root",
			query: `mutation { createProduct(input: {kind: CONSUMABLE, status: ACTIVE, units: 3, texts: [{language: "en", name: "Tea"}], creator: "A. Leaf", tags: ["hot"],
				categories: ["Drinks"], media: [{kind: IMAGE, url: "https://example.org/tea.png"}], prices: [{currency: "USD", amount: "0.5"}],
				publishFrom: "2026-01-01T09:00:00+09:00", publishUntil: "2027-01-01T00:00:00Z"}) { product { id } errors { code } } }`,
			want: `{"data": {"createProduct": {"product": {"id": "$tea"}, "errors": []}}}`,
		},
		update(``, `{`+created+`, "version": 1}`),
		update(`, units: 3, creator: "A. Leaf"`, `{`+created+`, "version": 1}`), // changes nothing
		update(`, creator: null, tags: null, categories: null, media: null, publishFrom: null, publishUntil: null`, `{
			"slug": "tea", "creator": null, "tags": [], "categories": [], "media": [], "units": 3, "publishFrom": null, "publishUntil": null,
			"status": "ACTIVE", "name": "Tea", "prices": [{"list": {"amount": "0.50"}}], "version": 2}`),
		update(`, slug: "green-tea", status: DRAFT, prices: null, texts: [{language: "fr", name: "Thé"}]`, `{
			"slug": "green-tea", "creator": null, "tags": [], "categories": [], "media": [], "units": 3, "publishFrom": null, "publishUntil": null,
			"status": "DRAFT", "name": "Thé", "prices": [], "version": 3}`),
	}
}
