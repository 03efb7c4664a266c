package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefusals tries every refusal one by one: each says what is wrong and where, and leaves no trace.
func TestRefusals(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.shopper(t, "ben", "USD 10")
		o.shopper(t, "eve")
		for _, step := range before() {
			o.play(t, step)
		}
		for _, step := range refusals() {
			t.Run(step.name, func(t *testing.T) {
				before := o.rows(t)
				o.play(t, step.step)
				if diff := cmp.Diff(before, o.rows(t)); diff != "" {
					t.Errorf("the refusal left a trace in these tables (-before +after):\n%s", diff)
				}
			})
		}
		o.verify(t)
		o.play(t, step{
			as: "SHOPPER eve", query: `{ viewer { wallets { id } purchases { totalCount } rewards { badges { purchaseId } } } }`,
			want: `{"data": {"viewer": {"wallets": [], "purchases": {"totalCount": 0}, "rewards": {"badges": []}}}}`,
		})
	})
}

// before is what has happened before the refusals: Ada and Ben have bought the atlas, Ada in a purchase of the key "used".
func before() []step {
	const buy = `mutation { checkout(input: {idempotencyKey: "used", currency: "USD", items: [{id: "$atlas"}], expectedTotal: "4.99"}) {
		purchase { id entitlements { id } } } }`
	const statement = `{ viewer { wallet(currency: "USD") { transfers(first: 1) { nodes { id } } } } }`
	return []step{
		{as: "SHOPPER ada", query: buy, want: `{"data": {"checkout": {"purchase": {"id": "$adas-purchase", "entitlements": [{"id": "$adas-atlas"}]}}}}`},
		{as: "SHOPPER ben", query: buy, want: `{"data": {"checkout": {"purchase": {"id": "$bens-purchase", "entitlements": [{"id": "$bens-atlas"}]}}}}`},
		{as: "SHOPPER ben", query: statement, want: `{"data": {"viewer": {"wallet": {"transfers": {"nodes": [{"id": "$bens-transfer"}]}}}}}`},
		{
			as:    "SERVICE store",
			query: `mutation { topUpWallet(input: {idempotencyKey: "used", shopperId: "$ada", currency: "USD", amount: "1"}) { replayed } }`,
			want:  `{"data": {"topUpWallet": {"replayed": false}}}`,
		},
	}
}

// refusal is a step with a name.
type refusal struct {
	name string
	step
}

// invalid is the one INVALID_INPUT at a dotted path.
func invalid(paths ...string) string {
	list := make([]string, len(paths))
	for i, path := range paths {
		list[i] = fmt.Sprintf(`{"__typename": "InvalidInputError", "code": "INVALID_INPUT", "path": %s}`, listed(path))
	}
	return strings.Join(list, ", ")
}

// general is a refusal whose code says it all; an empty path is none.
func general(code, path string) string {
	at := "null"
	if path != "" {
		at = listed(path)
	}
	return fmt.Sprintf(`{"__typename": "GeneralError", "code": "%s", "path": %s}`, code, at)
}

// conflict is the refusal of a change that was made from another version.
func conflict() string {
	return `{"__typename": "ConflictError", "code": "CONFLICT", "path": ["expectedVersion"]}`
}

func listed(path string) string { return `["` + strings.ReplaceAll(path, ".", `", "`) + `"]` }

// topLevel is the answer to an operation that is refused as a whole: code, the path of its field, and the field of the
// input at fault.
func topLevel(code, path, field string) string {
	extensions := `"code": "` + code + `"`
	if field != "" {
		extensions += `, "field": ` + listed(field)
	}
	return `{"errors": [{"message": "$*", "path": ` + listed(path) + `, "extensions": {` + extensions + `}}]}`
}

// inside is the answer to a query that a resolver refuses: the data is what is left.
func inside(path, field, data string) string {
	return `{"errors": [{"message": "$*", "locations": "$*", "path": ` + listed(path) +
		`, "extensions": {"code": "INVALID_INPUT", "field": ` + listed(field) + `}}], "data": ` + data + `}`
}

// changed is an input as JSON with some of its fields replaced; null leaves a field out.
func changed(input, fields string) string {
	var all map[string]json.RawMessage
	for _, part := range []string{input, fields} {
		if err := json.Unmarshal([]byte(part), &all); err != nil {
			panic(err)
		}
	}
	text, err := json.Marshal(map[string]any{"in": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// mutate is a refusal of a mutation whose input is right but for some fields.
func mutate(name, as, mutation, result, input, fields, want string) refusal {
	kind := strings.ToUpper(mutation[:1]) + mutation[1:]
	return refusal{name, step{
		as: as, query: fmt.Sprintf(`mutation($in: %sInput!) { %s(input: $in) { %s { id } errors { __typename code path } } }`, kind, mutation, result),
		variables: changed(input, fields), want: fmt.Sprintf(`{"data": {"%s": {"%s": null, "errors": [%s]}}}`, mutation, result, want),
	}}
}

func checkout(name, fields, want string) refusal {
	const right = `{"idempotencyKey": "new", "currency": "USD", "items": [{"id": "$poems"}], "expectedTotal": "0.99"}`
	return mutate("checkout: "+name, "SHOPPER ada", "checkout", "purchase", right, fields, want)
}

func topUp(name, fields, want string) refusal {
	const right = `{"idempotencyKey": "new", "currency": "USD", "shopperId": "$ada", "amount": "1"}`
	return mutate("topUpWallet: "+name, "SERVICE store", "topUpWallet", "wallet", right, fields, want)
}

func adjust(name, fields, want string) refusal {
	const right = `{"idempotencyKey": "new", "currency": "USD", "shopperId": "$ada", "amount": "1", "reason": "A gift"}`
	return mutate("adjustWallet: "+name, "ADMIN root", "adjustWallet", "wallet", right, fields, want)
}

func create(name, fields, want string) refusal {
	const right = `{"kind": "DURABLE", "texts": [{"language": "en", "name": "Tea"}], "prices": [{"currency": "USD", "amount": "1"}]}`
	return mutate("createProduct: "+name, "MERCHANDISER mia", "createProduct", "product", right, fields, want)
}

func update(name, fields, want string) refusal {
	return mutate("updateProduct: "+name, "MERCHANDISER mia", "updateProduct", "product", `{"id": "$poems"}`, fields, want)
}

func read(name, query, want string) refusal {
	return refusal{name, step{as: "SHOPPER ada", query: query, want: want}}
}

func many(n int, one string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

func refusals() []refusal {
	list := []refusal{
		checkout("a basket without items", `{"items": []}`, invalid("items")),
		checkout("51 items", `{"items": `+many(51, `{"id": "$hints"}`)+`}`, invalid("items")),
		checkout("an id of nothing", `{"items": [{"id": "$hints"}, {"id": "$nothing"}]}`, general("NOT_FOUND", "items.1.id")),
		checkout("a draft", `{"items": [{"id": "$draft"}]}`, general("NOT_FOUND", "items.0.id")),
		checkout("a currency that is not traded", `{"currency": "CHF"}`, invalid("currency")),
		checkout("for points what has no price in points", `{"currency": "POINTS", "expectedTotal": "99"}`, `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["items", "0", "id"]}`),
		checkout("half a point", `{"currency": "POINTS", "expectedTotal": "0.5"}`, invalid("expectedTotal")),
		checkout("a currency in small letters", `{"currency": "usd"}`, invalid("currency")),
		checkout("two of a durable good", `{"items": [{"id": "$poems", "quantity": 2}], "expectedTotal": "1.98"}`, invalid("items.0.quantity")),
		checkout("too many of one thing in several items", `{"items": [{"id": "$hints", "quantity": 9999}, {"id": "$hints"}], "expectedTotal": "2000"}`, invalid("items.0.quantity")),
		checkout("all that is wrong at once",
			`{"idempotencyKey": "", "currency": "CHF", "items": [{"id": "poems"}, {"id": "$ada", "quantity": 0}], "expectedTotal": "NaN"}`,
			invalid("items.0.id", "items.1.id", "expectedTotal", "idempotencyKey", "currency", "items.1.quantity")),
		checkout("the key of another basket", `{"idempotencyKey": "used"}`, `{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`),
		checkout("the key of another total", `{"idempotencyKey": "used", "items": [{"id": "$atlas"}], "expectedTotal": "4.98"}`, `{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`),
		{"checkout: a float in the document", step{
			as: "SHOPPER ada", query: `mutation { checkout(input: {idempotencyKey: "new", currency: "USD", items: [{id: "$poems"}], expectedTotal: 0.99}) { purchase { id } errors { __typename code path } } }`,
			want: `{"data": {"checkout": {"purchase": null, "errors": [` + invalid("expectedTotal") + `]}}}`,
		}},
		{"checkout: no shopper", step{
			as: "SERVICE store", query: buyHints, want: topLevel("FORBIDDEN", "checkout", ""),
		}},
		{"checkout: nobody", step{query: buyHints, want: topLevel("UNAUTHENTICATED", "checkout", "")}},
		{"checkout: in one document with something forbidden", step{
			as:    "SHOPPER ada",
			query: `mutation { a: ` + strings.TrimPrefix(buyHints, "mutation { ")[:len(buyHints)-len("mutation { ")-1] + ` b: archiveProduct(input: {id: "$poems"}) { errors { code } } }`,
			want:  topLevel("FORBIDDEN", "b", ""),
		}},
		{"checkout: in one document with something forbidden, in a fragment", step{
			as: "SHOPPER ada",
			query: `mutation { ...F ... on Mutation @include(if: true) { b: archiveProduct(input: {id: "$poems"}) { errors { code } } } }
				fragment F on Mutation { checkout(input: {idempotencyKey: "k1", currency: "USD", items: [{id: "$hints"}], expectedTotal: "0.20"}) { purchase { id } } }`,
			want: topLevel("FORBIDDEN", "b", ""),
		}},

		{"checkout: with a cent less", priceChanged("0.98")},
		{"checkout: with a cent more", priceChanged("1.00")},
		{"checkout: without the money", step{
			as: "SHOPPER ada",
			query: `mutation { checkout(input: {idempotencyKey: "new", currency: "USD", items: [{id: "$hints", quantity: 100}], expectedTotal: "20"}) {
				purchase { id } wallet { id } errors { __typename code path ... on InsufficientFundsError { balance { amount } required { amount } shortfall { amount } } } } }`,
			want: `{"data": {"checkout": {"purchase": null, "wallet": null, "errors": [{"__typename": "InsufficientFundsError", "code": "INSUFFICIENT_FUNDS", "path": null,
				"balance": {"amount": "6.01"}, "required": {"amount": "20.00"}, "shortfall": {"amount": "13.99"}}]}}}`,
		}},
		{"checkout: without a wallet", step{
			as: "SHOPPER eve",
			query: `mutation { checkout(input: {idempotencyKey: "new", currency: "KRW", items: [{id: "$stamp"}], expectedTotal: "300"}) {
				errors { __typename ... on InsufficientFundsError { balance { amount currency } shortfall { amount } } } } }`,
			want: `{"data": {"checkout": {"errors": [{"__typename": "InsufficientFundsError", "balance": {"amount": "0", "currency": "KRW"}, "shortfall": {"amount": "300"}}]}}}`,
		}},
		{"checkout: what is owned", step{
			as: "SHOPPER ada",
			query: `mutation { checkout(input: {idempotencyKey: "new", currency: "USD", items: [{id: "$poems"}, {id: "$atlas"}], expectedTotal: "5.98"}) {
				purchase { id } errors { __typename code path ... on AlreadyOwnedError { product { id } entitlement { id purchaseId } } } } }`,
			want: `{"data": {"checkout": {"purchase": null, "errors": [{"__typename": "AlreadyOwnedError", "code": "ALREADY_OWNED", "path": ["items", "1", "id"],
				"product": {"id": "$atlas"}, "entitlement": {"id": "$adas-atlas", "purchaseId": "$adas-purchase"}}]}}}`,
		}},

		topUp("an unknown shopper", `{"shopperId": "$nobody"}`, general("NOT_FOUND", "shopperId")),
		topUp("no id", `{"shopperId": "ada"}`, invalid("shopperId")),
		topUp("the id of a wallet", `{"shopperId": "$ada-USD"}`, invalid("shopperId")),
		topUp("a currency that is not traded", `{"currency": "CHF"}`, invalid("currency")),
		topUp("points", `{"currency": "POINTS"}`, invalid("currency")),
		topUp("a reference of 256 characters", `{"reference": "`+strings.Repeat("é", 256)+`"}`, invalid("reference")),
		topUp("the key of another amount", `{"idempotencyKey": "used", "amount": "1.01"}`, `{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`),
		topUp("nothing", `{"amount": "0"}`, invalid("amount")),
		topUp("a thousandth of a won", `{"currency": "KRW", "amount": "0.001"}`, invalid("amount")),

		adjust("no reason", `{"reason": " "}`, invalid("reason")),
		adjust("a reason of 501 characters", `{"reason": "`+strings.Repeat("x", 501)+`"}`, invalid("reason")),
		adjust("nothing", `{"amount": "0"}`, invalid("amount")),
		adjust("more than there is", `{"amount": "-6.02"}`, `{"__typename": "InsufficientFundsError", "code": "INSUFFICIENT_FUNDS", "path": null}`),
		adjust("what was given to somebody else", `{"corrects": "$bens-transfer"}`, general("NOT_FOUND", "corrects")),
		adjust("a purchase for a transfer", `{"corrects": "$adas-purchase"}`, invalid("corrects")),
		adjust("an unknown shopper", `{"shopperId": "$nobody"}`, general("NOT_FOUND", "shopperId")),

		create("without a text", `{"texts": []}`, invalid("texts")),
		create("on sale without a price", `{"status": "ACTIVE", "prices": []}`, invalid("prices")),
		create("a slug that is taken", `{"slug": "poems"}`, invalid("slug")),
		create("all that is wrong at once", `{"slug": "No!", "units": 2, "texts": [{"language": "en", "name": ""}], "media": [{"kind": "IMAGE", "url": "http://example.org/"}],
			"prices": [{"currency": "CHF", "amount": "1"}], "tags": [""], "publishFrom": "2026-12-24T18:00:00Z", "publishUntil": "2026-12-24T18:00:00Z", "status": "ARCHIVED"}`,
			invalid("status", "texts.0.name", "slug", "tags.0", "media.0.url", "prices.0.currency", "units", "publishUntil")),

		update("an unknown product", `{"id": "$nothing"}`, general("NOT_FOUND", "")),
		update("no id", `{"id": "poems"}`, invalid("id")),
		update("the id of a shopper", `{"id": "$ada"}`, invalid("id")),
		update("a version that is gone", `{"expectedVersion": 7, "creator": "Me"}`, conflict()),
		update("null for what must be", `{"status": null, "texts": null, "slug": null, "units": null}`, invalid("status", "texts", "slug", "units")),
		update("on sale without a price", `{"prices": null}`, invalid("prices")),
		update("back from the archive", `{"id": "$archived", "status": "ACTIVE"}`, invalid("status")),
		update("into the archive", `{"status": "ARCHIVED"}`, invalid("status")),
		mutate("archiveProduct: an unknown product", "MERCHANDISER mia", "archiveProduct", "product", `{"id": "$nothing"}`, `{}`, general("NOT_FOUND", "")),
		mutate("archiveProduct: the id of a wallet", "MERCHANDISER mia", "archiveProduct", "product", `{"id": "$ada-USD"}`, `{}`, invalid("id")),

		read("quote: all that is wrong at once", `{ quote(input: {currency: "CHF", items: [{id: "$poems", quantity: 0}]}) { total { amount currency } lines { quantity } rewards { badges { code } } errors { __typename code path } } }`,
			`{"data": {"quote": {"total": {"amount": "$*", "currency": "CHF"}, "lines": [], "rewards": null, "errors": [`+invalid("currency", "items.0.quantity")+`]}}}`),
		read("quote: what is owned, not there, and not sold in the currency",
			`{ quote(input: {currency: "USD", items: [{id: "$atlas"}, {id: "$draft"}, {id: "$stamp"}, {id: "$poems"}]}) { total { amount } lines { item { id } } rewards { badges { code } } errors { code path } } }`,
			`{"data": {"quote": {"total": {"amount": "5.98"}, "lines": [{"item": {"id": "$atlas"}}, {"item": {"id": "$poems"}}], "rewards": null, "errors": [
				{"code": "ALREADY_OWNED", "path": ["items", "0", "id"]}, {"code": "NOT_FOUND", "path": ["items", "1", "id"]}, {"code": "NOT_AVAILABLE", "path": ["items", "2", "id"]}]}}}`),
		read("quote: an id that is none", `{ quote(input: {currency: "USD", items: [{id: "wal_1"}]}) { errors { code path } } }`,
			`{"data": {"quote": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "id"]}]}}}`),

		read("node: no id", `{ node(id: "poems") { id } }`, inside("node", "id", `{"node": null}`)),
		read("nodes: no id", `{ nodes(ids: ["$poems", "poems"]) { id } }`, inside("nodes", "ids.1", "null")),
		read("nodes: 101 of them", `{ nodes(ids: `+many(101, `"$poems"`)+`) { id } }`, inside("nodes", "ids", "null")),
		read("product: neither id nor slug", `{ product { id } }`, inside("product", "id", `{"product": null}`)),
		read("product: both id and slug", `{ product(id: "$poems", slug: "poems") { id } }`, inside("product", "id", `{"product": null}`)),
		read("products: none of them", `{ products(first: 0) { totalCount } }`, inside("products", "first", "null")),
		read("products: 101 of them", `{ products(last: 101) { totalCount } }`, inside("products", "last", "null")),
		read("products: from both ends", `{ products(first: 1, last: 1) { totalCount } }`, inside("products", "last", "null")),
		read("products: a cursor that is none", `{ products(after: "x") { totalCount } }`, inside("products", "after", "null")),
		read("products: a price without a currency", `{ products(filter: {minPrice: "1"}) { totalCount } }`, inside("products", "filter.currency", "null")),
		read("products: an amount that is none", `{ products(filter: {currency: "USD", minPrice: "NaN"}) { totalCount } }`, inside("products", "filter.minPrice", "null")),
		read("purchases: 101 of them", `{ viewer { purchases(first: 101) { totalCount } } }`,
			inside("viewer.purchases", "first", `{"viewer": null}`)),
	}
	for name, id := range map[string]string{"no id": "poems", "half an id": "prd_", "a wallet": "$ada-USD", "a shopper": "$ada", "a purchase of somebody else": "$bens-purchase", "no text": ""} {
		list = append(list, checkout("for an id "+name, `{"items": [{"id": "`+id+`"}]}`, invalid("items.0.id")))
	}
	for _, quantity := range []string{"0", "-1", "10000", "1000000000", "99999999999"} {
		list = append(list, checkout("quantity "+quantity, `{"items": [{"id": "$hints", "quantity": `+quantity+`}]}`, invalid("items.0.quantity")))
	}
	for _, gone := range []string{"archived", "future", "past", "stamp"} {
		list = append(list, checkout(gone, `{"items": [{"id": "$`+gone+`"}], "expectedTotal": "1"}`, `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["items", "0", "id"]}`))
	}
	keys := map[string]string{"empty": "", "of 256 characters": strings.Repeat("é", 256), "of spaces": "  ", "with a line break": `a\nb`, "with a zero": `a\u0000`}
	for name, key := range keys {
		field := `{"idempotencyKey": "` + key + `"}`
		list = append(list, checkout("a key "+name, field, invalid("idempotencyKey")),
			topUp("a key "+name, field, invalid("idempotencyKey")), adjust("a key "+name, field, invalid("idempotencyKey")))
	}
	for _, amount := range []string{`"NaN"`, `"Infinity"`, `"1e400"`, `"1e2"`, `"0.001"`, `"0.0000001"`, `"-1"`, `-1`, `"99999999999999999999"`, `""`, `" 1"`, `"1,00"`, `"0x1"`, `"١"`, `true`, `1e400`} {
		list = append(list, checkout("an amount of "+amount, `{"expectedTotal": `+amount+`}`, invalid("expectedTotal")),
			topUp("an amount of "+amount, `{"amount": `+amount+`}`, invalid("amount")),
			create("an amount of "+amount, `{"prices": [{"currency": "USD", "amount": `+amount+`}]}`, invalid("prices.0.amount")))
	}
	return list
}

// priceChanged expects another total than 0.99.
func priceChanged(total string) step {
	return step{
		as: "SHOPPER ada",
		query: `mutation { checkout(input: {idempotencyKey: "new", currency: "USD", items: [{id: "$poems"}], expectedTotal: "` + total + `"}) {
			purchase { id } replayed wallet { id } rewards { pointsEarned { amount } } rateLimit { limit remaining resetAfterMs }
			errors { __typename code path ... on PriceChangedError { quote { total { amount currency } balance { amount } lines { item { id } } errors { code } } } } } }`,
		want: `{"data": {"checkout": {"purchase": null, "replayed": false, "wallet": null, "rewards": null, "rateLimit": {"limit": 100000, "remaining": "$*", "resetAfterMs": "$*"},
			"errors": [{"__typename": "PriceChangedError", "code": "PRICE_CHANGED", "path": ["expectedTotal"],
				"quote": {"total": {"amount": "0.99", "currency": "USD"}, "balance": {"amount": "6.01"}, "lines": [{"item": {"id": "$poems"}}], "errors": []}}]}}}`,
	}
}

// TestMutationsAreNotReadFromAnAddress has a mutation in a link refused.
func TestMutationsAreNotReadFromAnAddress(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		c := call{as: "SHOPPER ada", query: buyHints}
		r := o.request(t.Context(), t, &c)
		r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0
		r.URL.RawQuery = url.Values{"query": {c.query}}.Encode()
		before := o.rows(t)
		a, err := do(c, r)
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != http.MethodPost {
			t.Errorf("answered %d, Allow %q; want 405 and POST\n%s", a.status, a.header.Get("Allow"), a)
		}
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("the refusal left a trace (-before +after):\n%s", diff)
		}
	})
}
