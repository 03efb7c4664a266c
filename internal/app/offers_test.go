package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/id"
)

// TestOffers tells what merchandisers can offer and what becomes of it, step by step. Every refusal of what they enter has
// its own line in TestOfferRefusals.
func TestOffers(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		for _, c := range offerScenarios() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	})
}

func offerScenarios() []scenario {
	return []scenario{
		{name: "a bundle costs what is missing of it", funds: map[string][]string{"ada": {"USD 20"}}, rules: usualRules(), steps: bundleSteps()},
		{name: "a bundle to choose from, and a bundle in a bundle", funds: map[string][]string{"ada": {"USD 20"}}, steps: chooseSteps()},
		{name: "a trial is once, is credited, and becomes a purchase without a gap", funds: map[string][]string{"ada": {"USD 20"}, "ben": {"USD 20"}}, steps: trialSteps()},
		{name: "a flash sale has a window and a stock", funds: map[string][]string{"ada": {"USD 20"}, "ben": {"USD 20"}, "eve": {"USD 20"}}, steps: saleSteps()},
		{name: "Fridays from 18 to 20 h in Seoul", funds: map[string][]string{"ada": {"USD 20"}}, steps: fridaySteps()},
		{name: "prices by quantity", funds: map[string][]string{"ada": {"USD 20"}}, steps: tierSteps()},
		{name: "a coupon is counted", funds: map[string][]string{"ada": {"USD 20"}, "ben": {"USD 20"}, "eve": {"USD 20"}}, steps: couponSteps()},
		{name: "of several offers the lowest price counts, and the others say why not", funds: map[string][]string{"ada": {"USD 20"}}, steps: bestSteps()},
		{name: "what will this shopper pay at that moment", funds: map[string][]string{"ada": {"USD 20"}}, steps: whatIfSteps()},
		{name: "offers that meet", steps: meetingSteps()},
		{name: "nobody overwrites another's change unseen", steps: conflictSteps()},
		{name: "the audit says what was before and after", funds: map[string][]string{"ada": nil}, steps: auditSteps()},
		{name: "what is being prepared, and what was put away, is for merchandisers", steps: visibilitySteps()},
	}
}

// by is a step of somebody who calls.
func by(as, query, want string) step { return step{as: as, query: query, want: want} }

func mia(query, want string) step { return by("MERCHANDISER mia", query, want) }

func ada(query, want string) step { return by("SHOPPER ada", query, want) }

// later lets time pass before a step.
func later(passes time.Duration, s step) step {
	s.advance = passes
	return s
}

// text is the texts of an offer with a name.
func text(name string) string { return `texts: [{language: "en", name: "` + name + `"}]` }

// makes is a step in which a merchandiser makes an offer: "Bundle" with these fields is "$name" from then on.
func makes(kind, name, fields string) step {
	field := strings.ToLower(kind[:1]) + kind[1:]
	return mia(`mutation { create`+kind+`(input: {`+fields+`}) { `+field+` { id version } errors { code path message } } }`,
		`{"data": {"create`+kind+`": {"`+field+`": {"id": "`+name+`", "version": 1}, "errors": []}}}`)
}

// pair is a bundle of poems and atlas for USD 4.50, which cost 5.98 singly.
func pair() step {
	return makes("Bundle", "$pair", `texts: [{language: "en", name: "A pair", description: "Two books."}, {language: "ko", name: "한 쌍"}], kind: FIXED,
		components: [{productId: "$poems"}, {productId: "$atlas"}], prices: [{currency: "USD", amount: "4.50"}]`)
}

// buying is a checkout of items at a total, under a key.
func buying(key, items, total string) string {
	return `mutation { checkout(input: {idempotencyKey: "` + key + `", currency: "USD", items: [` + items + `], expectedTotal: "` + total + `"`
}

// receipt selects what a purchase says about its lines.
const receipt = `purchase { id subtotal { amount } savings { amount } total { amount } lines {
	name quantity unitPrice { amount } listPrice { amount } total { amount }
	adjustments { kind label(languages: ["ko"]) amount { amount } source unitsApplied } bundle { id name status } trialOffer { id name status } } }`

func bundleSteps() []step {
	const price = `price(currency: "USD") { list { amount } current { amount } lowestLast30Days { amount } flashSale { id } until
		adjustments { kind label amount { amount currency } source unitsApplied } notApplied { reason } }`
	const bought = `"purchase": {"id": "$purchase", "subtotal": {"amount": "4.99"}, "savings": {"amount": "1.23"}, "total": {"amount": "3.76"}, "lines": [{
		"name": "Atlas", "quantity": 1, "unitPrice": {"amount": "4.99"}, "listPrice": {"amount": "4.99"}, "total": {"amount": "3.76"},
		"adjustments": [{"kind": "BUNDLE", "label": "한 쌍", "amount": {"amount": "1.23"}, "source": "$pair", "unitsApplied": 1}],
		"bundle": {"id": "$pair", "name": "A pair", "status": "STATUS"}, "trialOffer": null}]}`
	onSale, archived := strings.Replace(bought, "STATUS", "ACTIVE", 1), strings.Replace(bought, "STATUS", "ARCHIVED", 1)
	return []step{
		pair(),
		by("", `{ bundle(slug: "a-pair") { id name(languages: ["ko-KR"]) description kind status version percentOff choose fixedPrices { amount currency }
				components { quantity product { id } bundle { id } } products { id } owned leftOut { reason } `+price+` won: price(currency: "KRW") { list { amount } }
				priceHistory(currency: "USD") { price { amount } since } serverTime }
			product(id: "$atlas") { bundles { id } } bundles { totalCount nodes { id } } }`,
			`{"data": {"bundle": {"id": "$pair", "name": "한 쌍", "description": "Two books.", "kind": "FIXED", "status": "ACTIVE", "version": 1, "percentOff": null, "choose": null,
				"fixedPrices": [{"amount": "4.50", "currency": "USD"}],
				"components": [{"quantity": 1, "product": {"id": "$poems"}, "bundle": null}, {"quantity": 1, "product": {"id": "$atlas"}, "bundle": null}],
				"products": [{"id": "$poems"}, {"id": "$atlas"}], "owned": false, "leftOut": [],
				"price": {"list": {"amount": "5.98"}, "current": {"amount": "4.50"}, "lowestLast30Days": null, "flashSale": null, "until": null,
					"adjustments": [{"kind": "BUNDLE", "label": "A pair", "amount": {"amount": "1.48", "currency": "USD"}, "source": "$pair", "unitsApplied": 2}], "notApplied": []},
				"won": null, "priceHistory": [{"price": {"amount": "4.50"}, "since": "2026-12-24T18:00:00Z"}], "serverTime": "2026-12-24T18:00:00Z"},
				"product": {"bundles": [{"id": "$pair"}]}, "bundles": {"totalCount": 1, "nodes": [{"id": "$pair"}]}}}`),
		ada(buying("k1", `{id: "$poems"}`, "0.99")+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$*"}, "errors": []}}}`),
		// 4.50 × 4.99 / 5.98 = 3.755…
		ada(`{ bundle(slug: "a-pair") { owned leftOut { product { id } reason } `+price+` }
			quote(input: {currency: "USD", items: [{id: "$pair"}]}) { lines { item { __typename id name } quantity unitPrice { amount } listPrice { amount } total { amount }
				adjustments { kind source amount { amount } } parts { product { id } quantity listPrice { amount } total { amount } adjustments { kind amount { amount } } } leftOut { product { id } reason } }
				subtotal { amount } savings { amount } total { amount } balance { amount } rewards { points { amount } } errors { code } } }`,
			`{"data": {"bundle": {"owned": false, "leftOut": [{"product": {"id": "$poems"}, "reason": "OWNED"}],
				"price": {"list": {"amount": "4.99"}, "current": {"amount": "3.76"}, "lowestLast30Days": null, "flashSale": null, "until": null,
					"adjustments": [{"kind": "BUNDLE", "label": "A pair", "amount": {"amount": "1.23", "currency": "USD"}, "source": "$pair", "unitsApplied": 1}], "notApplied": []}},
				"quote": {"lines": [{"item": {"__typename": "Bundle", "id": "$pair", "name": "A pair"}, "quantity": 1,
					"unitPrice": {"amount": "4.99"}, "listPrice": {"amount": "4.99"}, "total": {"amount": "3.76"}, "adjustments": [{"kind": "BUNDLE", "source": "$pair", "amount": {"amount": "1.23"}}],
					"parts": [{"product": {"id": "$atlas"}, "quantity": 1, "listPrice": {"amount": "4.99"}, "total": {"amount": "3.76"}, "adjustments": [{"kind": "BUNDLE", "amount": {"amount": "1.23"}}]}],
					"leftOut": [{"product": {"id": "$poems"}, "reason": "OWNED"}]}],
					"subtotal": {"amount": "4.99"}, "savings": {"amount": "1.23"}, "total": {"amount": "3.76"}, "balance": {"amount": "19.01"}, "rewards": {"points": {"amount": "37"}}, "errors": []}}}`),
		// Named alone as well, the atlas is charged once: where it is named alone, at its share in the bundle.
		ada(`{ quote(input: {currency: "USD", items: [{id: "$pair"}, {id: "$atlas"}]}) { total { amount } lines { item { id } total { amount } parts { product { id } } leftOut { product { id } reason } } errors { code } } }`,
			`{"data": {"quote": {"total": {"amount": "3.76"}, "errors": [], "lines": [
				{"item": {"id": "$pair"}, "total": {"amount": "0.00"}, "parts": [], "leftOut": [{"product": {"id": "$poems"}, "reason": "OWNED"}, {"product": {"id": "$atlas"}, "reason": "IN_BASKET"}]},
				{"item": {"id": "$atlas"}, "total": {"amount": "3.76"}, "parts": [{"product": {"id": "$atlas"}}], "leftOut": []}]}}}`),
		ada(buying("k2", `{id: "$pair"}`, "4.50")+`}) { purchase { id } errors { code path ... on PriceChangedError { quote { total { amount } } } } } }`,
			`{"data": {"checkout": {"purchase": null, "errors": [{"code": "PRICE_CHANGED", "path": ["expectedTotal"], "quote": {"total": {"amount": "3.76"}}}]}}}`),
		ada(buying("k2", `{id: "$pair"}`, "3.76")+`}) { `+receipt+` replayed errors { code } } }`, `{"data": {"checkout": {`+onSale+`, "replayed": false, "errors": []}}}`),
		// Who owns all of it sees what it costs others.
		ada(`{ bundle(id: "$pair") { owned leftOut { product { id } } price(currency: "USD") { list { amount } current { amount } } }
			quote(input: {currency: "USD", items: [{id: "$pair"}]}) { total { amount } errors { __typename code path ... on AlreadyOwnedError { product { id } entitlement { id } bundle { id } } } } }`,
			`{"data": {"bundle": {"owned": true, "leftOut": [{"product": {"id": "$poems"}}, {"product": {"id": "$atlas"}}], "price": {"list": {"amount": "5.98"}, "current": {"amount": "4.50"}}},
				"quote": {"total": {"amount": "0.00"}, "errors": [{"__typename": "AlreadyOwnedError", "code": "ALREADY_OWNED", "path": ["items", "0", "id"], "product": null, "entitlement": null, "bundle": {"id": "$pair"}}]}}}`),
		mia(`mutation { archiveBundle(input: {id: "$pair", expectedVersion: 1}) { bundle { status version } errors { code } } }`,
			`{"data": {"archiveBundle": {"bundle": {"status": "ARCHIVED", "version": 2}, "errors": []}}}`),
		by("", `{ bundle(slug: "a-pair") { id } node(id: "$pair") { id } bundles { totalCount } product(id: "$poems") { bundles { id } }
			quote(input: {currency: "USD", items: [{id: "$pair"}]}) { errors { code path } } }`,
			`{"data": {"bundle": null, "node": null, "bundles": {"totalCount": 0}, "product": {"bundles": []},
				"quote": {"errors": [{"code": "NOT_FOUND", "path": ["items", "0", "id"]}]}}}`),
		// What was bought is as it was, and a repeat is a repeat.
		ada(`{ node(id: "$purchase") { ... on Purchase { `+strings.TrimSuffix(strings.TrimPrefix(receipt, "purchase { "), "}")+` } } }`,
			`{"data": {"node": `+strings.TrimPrefix(archived, `"purchase": `)+`}}`),
		ada(buying("k2", `{id: "$pair"}`, "3.76")+`}) { `+receipt+` replayed errors { code } } }`, `{"data": {"checkout": {`+archived+`, "replayed": true, "errors": []}}}`),
	}
}

func chooseSteps() []step {
	const quote = `total { amount } lines { total { amount } parts { product { id } quantity total { amount } } } errors { code path }`
	return []step{
		makes("Bundle", "$any", text("Any two")+`, kind: CHOOSE, choose: 2, percentOff: "25", components: [{productId: "$poems"}, {productId: "$atlas"}, {productId: "$hints", quantity: 2}]`),
		// The least that it can cost: 0.99 and 0.40, less a quarter.
		by("", `{ node(id: "$any") { ... on Bundle { kind choose percentOff fixedPrices { amount } price(currency: "USD") { list { amount } current { amount } } } } }`,
			`{"data": {"node": {"kind": "CHOOSE", "choose": 2, "percentOff": "25", "fixedPrices": [], "price": {"list": {"amount": "1.39"}, "current": {"amount": "1.04"}}}}}`),
		by("", `{ right: quote(input: {currency: "USD", items: [{id: "$any", choices: ["$hints", "$poems"]}]}) { `+quote+` }
			none: quote(input: {currency: "USD", items: [{id: "$any"}]}) { errors { code path } }
			more: quote(input: {currency: "USD", items: [{id: "$any", choices: ["$hints", "$poems", "$atlas"]}]}) { errors { code path } }
			other: quote(input: {currency: "USD", items: [{id: "$any", choices: ["$hints", "$flyer"]}]}) { errors { code path } }
			nothing: quote(input: {currency: "USD", items: [{id: "$poems", choices: ["$hints"]}]}) { errors { code path } } }`,
			`{"data": {"right": {"total": {"amount": "1.04"}, "errors": [], "lines": [{"total": {"amount": "1.04"}, "parts": [
				{"product": {"id": "$poems"}, "quantity": 1, "total": {"amount": "0.74"}}, {"product": {"id": "$hints"}, "quantity": 2, "total": {"amount": "0.30"}}]}]},
				"none": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "choices"]}]}, "more": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "choices"]}]},
				"other": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "choices"]}]}, "nothing": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "choices"]}]}}}`),
		pair(),
		makes("Bundle", "$box", text("A box")+`, kind: PERCENTAGE, percentOff: "10", components: [{bundleId: "$pair"}, {productId: "$hints", quantity: 3}]`),
		// What is in the inner bundle has its lower price from there; the hints theirs from the outer one.
		by("", `{ node(id: "$box") { ... on Bundle { products { __typename } components { bundle { id } quantity }
				price(currency: "USD") { list { amount } current { amount } adjustments { kind source amount { amount } unitsApplied } } } } product(id: "$poems") { bundles { id } } }`,
			`{"data": {"node": {"products": [{"__typename": "Product"}, {"__typename": "Product"}, {"__typename": "Product"}], "components": [{"bundle": {"id": "$pair"}, "quantity": 1}, {"bundle": null, "quantity": 3}],
				"price": {"list": {"amount": "6.58"}, "current": {"amount": "5.04"}, "adjustments": [
					{"kind": "BUNDLE", "source": "$pair", "amount": {"amount": "1.48"}, "unitsApplied": 2}, {"kind": "BUNDLE", "source": "$box", "amount": {"amount": "0.06"}, "unitsApplied": 3}]}},
				"product": {"bundles": [{"id": "$any"}, {"id": "$pair"}, {"id": "$box"}]}}}`),
		ada(buying("k1", `{id: "$any", choices: ["$poems", "$hints"]}`, "1.04")+`}) { purchase { total { amount } lines { name quantity total { amount } bundle { id } } entitlements { product { id } units } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"total": {"amount": "1.04"}, "lines": [
				{"name": "Poems", "quantity": 1, "total": {"amount": "0.74"}, "bundle": {"id": "$any"}}, {"name": "Hints", "quantity": 2, "total": {"amount": "0.30"}, "bundle": {"id": "$any"}}],
				"entitlements": [{"product": {"id": "$poems"}, "units": 1}, {"product": {"id": "$hints"}, "units": 10}]}, "errors": []}}}`),
		// Who owns one of them chooses another.
		ada(`{ owned: quote(input: {currency: "USD", items: [{id: "$any", choices: ["$poems", "$hints"]}]}) { errors { code path } }
			rest: quote(input: {currency: "USD", items: [{id: "$any", choices: ["$atlas", "$hints"]}]}) { total { amount } errors { code path } }
			box: quote(input: {currency: "USD", items: [{id: "$box"}]}) { total { amount } lines { leftOut { product { id } reason } } errors { code } } }`,
			`{"data": {"owned": {"errors": [{"code": "ALREADY_OWNED", "path": ["items", "0", "choices"]}]},
				"rest": {"total": {"amount": "4.04"}, "errors": []},
				"box": {"total": {"amount": "4.30"}, "lines": [{"leftOut": [{"product": {"id": "$poems"}, "reason": "OWNED"}]}], "errors": []}}}`),
	}
}

func trialSteps() []step {
	const try = `}) { purchase { id total { amount } lines { name kind quantity total { amount } adjustments { kind } bundle { id } trialOffer { id name status } }
		entitlements { id product { id } kind trial status units remaining expiresAt grantedAt } } errors { code } } }`
	const atlas = `product(id: "$atlas") { owned price(currency: "USD") { list { amount } current { amount } adjustments { kind label amount { amount } source } notApplied { kind source reason label message } } trialOffers { used } }`
	use := func(key, units, result string) step {
		return ada(`mutation { useEntitlement(input: {idempotencyKey: "`+key+`", id: "$tried", units: `+units+`}) { entitlement { id remaining status } replayed errors { code path } } }`,
			`{"data": {"useEntitlement": `+result+`}}`)
	}
	refused := func(code, path string) string {
		return `{"entitlement": null, "replayed": false, "errors": [{"code": "` + code + `", "path": ["` + path + `"]}]}`
	}
	credited := `"price": {"list": {"amount": "4.99"}, "current": {"amount": "4.00"}, "adjustments": [{"kind": "TRIAL_CREDIT", "label": "Try it", "amount": {"amount": "0.99"}, "source": "$try"}], "notApplied": []}`
	return []step{
		makes("TrialOffer", "$try", text("Try it")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0.99"}], durationHours: 24, graceHours: 12, uses: 3`),
		by("", `{ node(id: "$try") { ... on TrialOffer { name status product { id } owned used durationHours graceHours uses price(currency: "USD") { list { amount } current { amount } } won: price(currency: "KRW") { list { amount } } serverTime } }
			product(id: "$atlas") { trialOffers { id } } trialOffers(filter: {productId: "$atlas"}) { totalCount } none: trialOffers(filter: {productId: "$poems"}) { totalCount } }`,
			`{"data": {"node": {"name": "Try it", "status": "ACTIVE", "product": {"id": "$atlas"}, "owned": false, "used": false, "durationHours": 24, "graceHours": 12, "uses": 3,
				"price": {"list": {"amount": "0.99"}, "current": {"amount": "0.99"}}, "won": null, "serverTime": "2026-12-24T18:00:00Z"},
				"product": {"trialOffers": [{"id": "$try"}]}, "trialOffers": {"totalCount": 1}, "none": {"totalCount": 0}}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$try"}]}) { total { amount } lines { item { __typename id } quantity parts { product { id } total { amount } } } errors { code } }
			both: quote(input: {currency: "USD", items: [{id: "$try"}, {id: "$atlas"}]}) { errors { code path } }
			two: quote(input: {currency: "USD", items: [{id: "$try", quantity: 2}]}) { errors { code path } } }`,
			`{"data": {"quote": {"total": {"amount": "0.99"}, "lines": [{"item": {"__typename": "TrialOffer", "id": "$try"}, "quantity": 1, "parts": [{"product": {"id": "$atlas"}, "total": {"amount": "0.99"}}]}], "errors": []},
				"both": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "id"]}]}, "two": {"errors": [{"code": "INVALID_INPUT", "path": ["items", "0", "quantity"]}]}}}`),
		ada(buying("k1", `{id: "$try"}`, "0.99")+try,
			`{"data": {"checkout": {"purchase": {"id": "$trial-purchase", "total": {"amount": "0.99"},
				"lines": [{"name": "Atlas", "kind": "DURABLE", "quantity": 1, "total": {"amount": "0.99"}, "adjustments": [], "bundle": null, "trialOffer": {"id": "$try", "name": "Try it", "status": "ACTIVE"}}],
				"entitlements": [{"id": "$tried", "product": {"id": "$atlas"}, "kind": "DURABLE", "trial": true, "status": "ACTIVE", "units": 3, "remaining": 3,
					"expiresAt": "2026-12-25T18:00:00Z", "grantedAt": "2026-12-24T18:00:00Z"}]}, "errors": []}}}`),
		by("SHOPPER ben", buying("k1", `{id: "$try"}`, "0.99")+`}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
		ada(`{ `+atlas+` again: quote(input: {currency: "USD", items: [{id: "$try"}]}) { errors { __typename code path ... on TrialUsedError { trialOffer { id } } } } }`,
			`{"data": {"product": {"owned": false, `+credited+`, "trialOffers": [{"used": true}]},
				"again": {"errors": [{"__typename": "TrialUsedError", "code": "TRIAL_USED", "path": ["items", "0", "id"], "trialOffer": {"id": "$try"}}]}}}`),
		use("u1", "2", `{"entitlement": {"id": "$tried", "remaining": 1, "status": "ACTIVE"}, "replayed": false, "errors": []}`),
		use("u1", "2", `{"entitlement": {"id": "$tried", "remaining": 1, "status": "ACTIVE"}, "replayed": true, "errors": []}`),
		use("u1", "1", refused("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")),
		use("u2", "2", refused("NOT_AVAILABLE", "units")),
		use("u2", "0", refused("INVALID_INPUT", "units")),
		// Somebody else's is not there.
		by("SHOPPER ben", `mutation { useEntitlement(input: {idempotencyKey: "u1", id: "$tried"}) { entitlement { id } errors { code path } } }`,
			`{"data": {"useEntitlement": {"entitlement": null, "errors": [{"code": "NOT_FOUND", "path": ["id"]}]}}}`),
		later(24*time.Hour-time.Microsecond, ada(`{ node(id: "$tried") { ... on Entitlement { status } } }`, `{"data": {"node": {"status": "ACTIVE"}}}`)),
		later(time.Microsecond, ada(`{ node(id: "$tried") { ... on Entitlement { status remaining } } }`, `{"data": {"node": {"status": "EXPIRED", "remaining": 1}}}`)),
		use("u3", "1", refused("NOT_AVAILABLE", "id")),
		// What was used is answered all the same.
		use("u1", "2", `{"entitlement": {"id": "$tried", "remaining": 1, "status": "EXPIRED"}, "replayed": true, "errors": []}`),
		later(12*time.Hour-time.Microsecond, ada(`{ `+atlas+` }`, `{"data": {"product": {"owned": false, `+credited+`, "trialOffers": [{"used": true}]}}}`)),
		ada(buying("k2", `{id: "$atlas"}`, "4.00")+`}) { `+receipt+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$bought", "subtotal": {"amount": "4.99"}, "savings": {"amount": "0.99"}, "total": {"amount": "4.00"}, "lines": [{
				"name": "Atlas", "quantity": 1, "unitPrice": {"amount": "4.99"}, "listPrice": {"amount": "4.99"}, "total": {"amount": "4.00"},
				"adjustments": [{"kind": "TRIAL_CREDIT", "label": "Try it", "amount": {"amount": "0.99"}, "source": "$try", "unitsApplied": 1}], "bundle": null, "trialOffer": null}]}, "errors": []}}}`),
		ada(`{ viewer { entitlements { nodes { product { id } trial status expiresAt } } } quote(input: {currency: "USD", items: [{id: "$try"}]}) { errors { code path } } }`,
			`{"data": {"viewer": {"entitlements": {"nodes": [{"product": {"id": "$atlas"}, "trial": false, "status": "ACTIVE", "expiresAt": null},
				{"product": {"id": "$atlas"}, "trial": true, "status": "CONVERTED", "expiresAt": "2026-12-25T18:00:00Z"}]}},
				"quote": {"errors": [{"code": "ALREADY_OWNED", "path": ["items", "0", "id"]}]}}}`),
		// The first instant after the grace is one too late.
		later(time.Microsecond, by("SHOPPER ben", `{ `+atlas+` quote(input: {currency: "USD", items: [{id: "$atlas"}]}) { total { amount } notApplied { kind source reason path } } }`,
			`{"data": {"product": {"owned": false, "price": {"list": {"amount": "4.99"}, "current": {"amount": "4.99"}, "adjustments": [],
				"notApplied": [{"kind": "TRIAL_CREDIT", "source": "$try", "reason": "CREDIT_EXPIRED", "label": "Try it", "message": "$*"}]}, "trialOffers": [{"used": true}]},
				"quote": {"total": {"amount": "4.99"}, "notApplied": [{"kind": "TRIAL_CREDIT", "source": "$try", "reason": "CREDIT_EXPIRED", "path": ["items", "0"]}]}}}`)),
		mia(`mutation { archiveTrialOffer(input: {id: "$try"}) { trialOffer { status version } errors { code } } }`, `{"data": {"archiveTrialOffer": {"trialOffer": {"status": "ARCHIVED", "version": 2}, "errors": []}}}`),
		by("SHOPPER ben", `{ product(id: "$atlas") { trialOffers { id } } trialOffers { totalCount } node(id: "$try") { id } quote(input: {currency: "USD", items: [{id: "$try"}]}) { errors { code path } }
			viewer { purchases { nodes { lines { trialOffer { id status } } } } } }`,
			`{"data": {"product": {"trialOffers": []}, "trialOffers": {"totalCount": 0}, "node": null, "quote": {"errors": [{"code": "NOT_FOUND", "path": ["items", "0", "id"]}]},
				"viewer": {"purchases": {"nodes": [{"lines": [{"trialOffer": {"id": "$try", "status": "ARCHIVED"}}]}]}}}}`),
		ada(`{ node(id: "$bought") { ... on Purchase { lines { adjustments { kind label source } } } } }`,
			`{"data": {"node": {"lines": [{"adjustments": [{"kind": "TRIAL_CREDIT", "label": "Try it", "source": "$try"}]}]}}}`),
	}
}

func saleSteps() []step {
	const poems = `product(id: "$poems") { price(currency: "USD") { list { amount } current { amount } lowestLast30Days { amount } until flashSale { id remaining } adjustments { kind label source amount { amount } unitsApplied } notApplied { kind source reason } }
		won: price(currency: "KRW") { current { amount } } }`
	const sale = `flashSale(id: "$sale") { status remaining endedAt currentWindow { startsAt endsAt } serverTime }`
	const window = `{"startsAt": "2026-12-24T19:00:00Z", "endsAt": "2026-12-24T21:00:00Z"}`
	listed := `{"list": {"amount": "0.99"}, "current": {"amount": "0.99"}, "lowestLast30Days": null, "until": null, "flashSale": null, "adjustments": [], "notApplied": []}`
	soldOut := `{"list": {"amount": "0.99"}, "current": {"amount": "0.99"}, "lowestLast30Days": null, "until": null, "flashSale": null, "adjustments": [], "notApplied": [{"kind": "FLASH_SALE", "source": "$sale", "reason": "SOLD_OUT"}]}`
	onSale := func(remaining string) string {
		return `{"list": {"amount": "0.99"}, "current": {"amount": "0.50"}, "lowestLast30Days": {"amount": "0.99"}, "until": "2026-12-24T21:00:00Z", "flashSale": {"id": "$sale", "remaining": ` + remaining + `},
			"adjustments": [{"kind": "FLASH_SALE", "label": "Poetry at half price", "source": "$sale", "amount": {"amount": "0.49"}, "unitsApplied": 1}], "notApplied": []}`
	}
	state := func(status, remaining, window, at string) string {
		return `"flashSale": {"status": "` + status + `", "remaining": ` + remaining + `, "endedAt": null, "currentWindow": ` + window + `, "serverTime": "2026-12-24T` + at + `Z"}`
	}
	return []step{
		makes("FlashSale", "$sale", text("Poetry at half price")+`, kind: PERCENTAGE, percentOff: "50", scope: {tags: ["Poetry"]}, stock: 2, startsAt: "2026-12-24T20:00:00+01:00", endsAt: "2026-12-24T21:00:00Z"`),
		by("", `{ `+poems+` `+sale+` flashSales(status: [UPCOMING]) { totalCount nodes { id } } live: flashSales(status: [LIVE, SOLD_OUT]) { totalCount } }`,
			`{"data": {"product": {"price": `+listed+`, "won": {"current": {"amount": "1200"}}}, `+state("UPCOMING", "2", window, "18:00:00")+`, "flashSales": {"totalCount": 1, "nodes": [{"id": "$sale"}]}, "live": {"totalCount": 0}}}`),
		// 0.495 is 0.50, in every place; the won are on sale too.
		later(time.Hour, by("", `{ `+poems+` `+sale+` live: flashSales(status: [LIVE]) { totalCount } }`,
			`{"data": {"product": {"price": `+onSale("2")+`, "won": {"current": {"amount": "600"}}}, `+state("LIVE", "2", window, "19:00:00")+`, "live": {"totalCount": 1}}}`)),
		ada(buying("k1", `{id: "$poems"}`, "0.50")+`}) { `+receipt+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$purchase", "subtotal": {"amount": "0.99"}, "savings": {"amount": "0.49"}, "total": {"amount": "0.50"}, "lines": [{
				"name": "Poems", "quantity": 1, "unitPrice": {"amount": "0.99"}, "listPrice": {"amount": "0.99"}, "total": {"amount": "0.50"},
				"adjustments": [{"kind": "FLASH_SALE", "label": "Poetry at half price", "amount": {"amount": "0.49"}, "source": "$sale", "unitsApplied": 1}], "bundle": null, "trialOffer": null}]}, "errors": []}}}`),
		by("SHOPPER ben", buying("k1", `{id: "$poems"}`, "0.50")+`}) { purchase { total { amount } } errors { code } } }`, `{"data": {"checkout": {"purchase": {"total": {"amount": "0.50"}}, "errors": []}}}`),
		by("", `{ `+poems+` `+sale+` }`, `{"data": {"product": {"price": `+soldOut+`, "won": {"current": {"amount": "1200"}}}, `+state("SOLD_OUT", "0", window, "19:00:00")+`}}`),
		by("SHOPPER eve", buying("k1", `{id: "$poems"}`, "0.50")+`}) { purchase { id } errors { __typename code path ... on SoldOutError { remaining flashSale { id status } quote { total { amount } } } } } }`,
			`{"data": {"checkout": {"purchase": null, "errors": [{"__typename": "SoldOutError", "code": "SOLD_OUT", "path": ["expectedTotal"], "remaining": 0, "flashSale": {"id": "$sale", "status": "SOLD_OUT"}, "quote": {"total": {"amount": "0.99"}}}]}}}`),
		mia(`mutation { updateFlashSale(input: {id: "$sale", expectedVersion: 1, stock: 3}) { flashSale { version status remaining sold stock } errors { code } } }`,
			`{"data": {"updateFlashSale": {"flashSale": {"version": 2, "status": "LIVE", "remaining": 1, "sold": 2, "stock": 3}, "errors": []}}}`),
		by("", `{ `+poems+` }`, `{"data": {"product": {"price": `+onSale("1")+`, "won": {"current": {"amount": "600"}}}}}`),
		// A stock below what was sold ends it, and more stock does not bring it back.
		mia(`mutation { a: updateFlashSale(input: {id: "$sale", stock: 1}) { flashSale { status remaining sold currentWindow { endsAt } } errors { code } }
			b: updateFlashSale(input: {id: "$sale", stock: 9}) { flashSale { status remaining } errors { code } } }`,
			`{"data": {"a": {"flashSale": {"status": "ENDED", "remaining": 0, "sold": 2, "currentWindow": null}, "errors": []}, "b": {"flashSale": {"status": "ENDED", "remaining": 0}, "errors": []}}}`),
		by("SHOPPER eve", buying("k1", `{id: "$poems"}`, "0.99")+`}) { purchase { total { amount } lines { adjustments { kind } } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"total": {"amount": "0.99"}, "lines": [{"adjustments": []}]}, "errors": []}}}`),
		mia(`mutation { archiveFlashSale(input: {id: "$sale"}) { flashSale { status } errors { code } } }`, `{"data": {"archiveFlashSale": {"flashSale": {"status": "ARCHIVED"}, "errors": []}}}`),
		ada(`{ flashSale(id: "$sale") { id } node(id: "$purchase") { ... on Purchase { total { amount } lines { adjustments { kind label source } } } } }`,
			`{"data": {"flashSale": null, "node": {"total": {"amount": "0.50"}, "lines": [{"adjustments": [{"kind": "FLASH_SALE", "label": "Poetry at half price", "source": "$sale"}]}]}}}`),
		// A sale that goes on is ended by hand, at once and for good.
		makes("FlashSale", "$second", text("Again")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$hints"], categories: ["None"]}, endsAt: "2026-12-31T00:00:00Z"`),
		by("", `{ product(id: "$hints") { price(currency: "USD") { current { amount } flashSale { id remaining stock } } } }`, `{"data": {"product": {"price": {"current": {"amount": "0.10"}, "flashSale": {"id": "$second", "remaining": null, "stock": null}}}}}`),
		later(time.Minute, mia(`mutation { a: endFlashSale(input: {id: "$second", expectedVersion: 1}) { flashSale { status endedAt version } errors { code } } b: endFlashSale(input: {id: "$second"}) { flashSale { status endedAt version } errors { code } } }`,
			`{"data": {"a": {"flashSale": {"status": "ENDED", "endedAt": "2026-12-24T19:01:00Z", "version": 2}, "errors": []}, "b": {"flashSale": {"status": "ENDED", "endedAt": "2026-12-24T19:01:00Z", "version": 2}, "errors": []}}}`)),
		by("", `{ product(id: "$hints") { price(currency: "USD") { current { amount } flashSale { id } } } ended: flashSales(status: [ENDED]) { nodes { id } } all: flashSales { totalCount } }`,
			`{"data": {"product": {"price": {"current": {"amount": "0.20"}, "flashSale": null}}, "ended": {"nodes": [{"id": "$second"}]}, "all": {"totalCount": 1}}}`),
	}
}

func fridaySteps() []step {
	buy := func(key, quantity, total, want string) step {
		return ada(buying(key, `{id: "$hints", quantity: `+quantity+`}`, total)+`}) { purchase { total { amount } } errors { code path ... on LimitReachedError { limit used resetsAt quote { total { amount } } } } } }`,
			`{"data": {"checkout": `+want+`}}`)
	}
	bought := func(total string) string { return `{"purchase": {"total": {"amount": "` + total + `"}}, "errors": []}` }
	sale := func(status, window, remaining string) step {
		return by("", `{ flashSale(id: "$friday") { status currentWindow { startsAt endsAt } remaining recurrence { timeZone weekdays from until } } }`,
			`{"data": {"flashSale": {"status": "`+status+`", "currentWindow": `+window+`, "remaining": `+remaining+`, "recurrence": {"timeZone": "Asia/Seoul", "weekdays": ["FRIDAY"], "from": "18:00", "until": "20:00"}}}}`)
	}
	const first, second = `{"startsAt": "2026-12-25T09:00:00Z", "endsAt": "2026-12-25T11:00:00Z"}`, `{"startsAt": "2027-01-01T09:00:00Z", "endsAt": "2027-01-01T11:00:00Z"}`
	const toNoon = 15 * time.Hour // from Christmas Eve, 18 h
	return []step{
		makes("FlashSale", "$friday", text("Friday night")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$hints"]}, stock: 10, perShopper: 3,
			startsAt: "2026-12-24T00:00:00Z", recurrence: {timeZone: "Asia/Seoul", weekdays: [FRIDAY], from: "18:00", until: "20:00"}`),
		sale("UPCOMING", first, "10"),
		buy("early", "1", "0.10", `{"purchase": null, "errors": [{"code": "PRICE_CHANGED", "path": ["expectedTotal"]}]}`),
		later(toNoon-time.Microsecond, sale("UPCOMING", first, "10")),
		later(time.Microsecond, sale("LIVE", first, "10")),
		buy("k1", "2", "0.20", bought("0.20")),
		// One of two is left at the sale's price; the other is at the list price.
		buy("k2", "2", "0.20", `{"purchase": null, "errors": [{"code": "LIMIT_REACHED", "path": ["expectedTotal"], "limit": 3, "used": 2, "resetsAt": "2027-01-01T09:00:00Z", "quote": {"total": {"amount": "0.30"}}}]}`),
		buy("k2", "2", "0.30", bought("0.30")),
		sale("LIVE", first, "7"),
		later(2*time.Hour, sale("UPCOMING", second, "10")),
		buy("k3", "1", "0.20", bought("0.20")),
		// A week later it counts anew.
		later(7*24*time.Hour-time.Hour, buy("k4", "3", "0.30", bought("0.30"))),
		sale("LIVE", second, "7"),
		mia(`{ flashSale(id: "$friday") { sold } }`, `{"data": {"flashSale": {"sold": 6}}}`),
	}
}

func tierSteps() []step {
	quote := func(quantity, total, adjustments string) step {
		return by("", `{ quote(input: {currency: "USD", items: [{id: "$hints", quantity: `+quantity+`}]}) { total { amount } lines { unitPrice { amount } adjustments { kind source amount { amount } unitsApplied } } errors { code } } }`,
			`{"data": {"quote": {"total": {"amount": "`+total+`"}, "lines": [{"unitPrice": {"amount": "0.20"}, "adjustments": [`+adjustments+`]}], "errors": []}}}`)
	}
	return []step{
		makes("TierPlan", "$tiers", text("By the dozen")+`, productId: "$hints", mode: VOLUME, tiers: [{from: 1, upTo: 9, prices: [{currency: "USD", amount: "0.20"}]}, {from: 10, prices: [{currency: "USD", amount: "0.15"}]}]`),
		by("", `{ product(id: "$hints") { tierPlan { id name mode status tiers { from upTo prices { amount currency } } } price(currency: "USD") { current { amount } adjustments { kind } } } poems: product(id: "$poems") { tierPlan { id } } }`,
			`{"data": {"product": {"tierPlan": {"id": "$tiers", "name": "By the dozen", "mode": "VOLUME", "status": "ACTIVE", "tiers": [
				{"from": 1, "upTo": 9, "prices": [{"amount": "0.20", "currency": "USD"}]}, {"from": 10, "upTo": null, "prices": [{"amount": "0.15", "currency": "USD"}]}]},
				"price": {"current": {"amount": "0.20"}, "adjustments": []}}, "poems": {"tierPlan": null}}}`),
		quote("9", "1.80", ``),
		quote("10", "1.50", `{"kind": "TIER", "source": "$tiers", "amount": {"amount": "0.50"}, "unitsApplied": 10}`),
		mia(`mutation { updateTierPlan(input: {id: "$tiers", mode: GRADUATED}) { tierPlan { mode version } errors { code } } }`, `{"data": {"updateTierPlan": {"tierPlan": {"mode": "GRADUATED", "version": 2}, "errors": []}}}`),
		quote("9", "1.80", ``),
		quote("10", "1.95", `{"kind": "TIER", "source": "$tiers", "amount": {"amount": "0.05"}, "unitsApplied": 10}`),
		ada(buying("k1", `{id: "$hints", quantity: 10}`, "1.95")+`}) { `+receipt+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$purchase", "subtotal": {"amount": "2.00"}, "savings": {"amount": "0.05"}, "total": {"amount": "1.95"}, "lines": [{
				"name": "Hints", "quantity": 10, "unitPrice": {"amount": "0.20"}, "listPrice": {"amount": "2.00"}, "total": {"amount": "1.95"},
				"adjustments": [{"kind": "TIER", "label": "By the dozen", "amount": {"amount": "0.05"}, "source": "$tiers", "unitsApplied": 10}], "bundle": null, "trialOffer": null}]}, "errors": []}}}`),
		ada(`{ tierPlans { totalCount } }`, `{"errors": [{"message": "$*", "path": ["tierPlans"], "extensions": {"code": "FORBIDDEN"}}]}`),
		mia(`{ tierPlans(filter: {productId: "$hints", statuses: [ACTIVE]}) { totalCount nodes { id product { id } } } none: tierPlans(filter: {statuses: [DRAFT]}) { totalCount } }`,
			`{"data": {"tierPlans": {"totalCount": 1, "nodes": [{"id": "$tiers", "product": {"id": "$hints"}}]}, "none": {"totalCount": 0}}}`),
		mia(`mutation { archiveTierPlan(input: {id: "$tiers"}) { tierPlan { status } errors { code } } }`, `{"data": {"archiveTierPlan": {"tierPlan": {"status": "ARCHIVED"}, "errors": []}}}`),
		quote("10", "2.00", ``),
		ada(`{ product(id: "$hints") { tierPlan { id } } node(id: "$purchase") { ... on Purchase { total { amount } lines { adjustments { kind label source } } } } }`,
			`{"data": {"product": {"tierPlan": null}, "node": {"total": {"amount": "1.95"}, "lines": [{"adjustments": [{"kind": "TIER", "label": "By the dozen", "source": "$tiers"}]}]}}}`),
	}
}

// noCoupon is what everybody is told about a code that is not good, whatever is wrong with it.
const noCoupon = `{"__typename": "CouponNotValidError", "code": "COUPON_NOT_VALID", "message": "This code is not valid.", "path": ["couponCode"]}`

func couponSteps() []step {
	quote := func(as, items, code, total, more string) step {
		return by(as, `{ quote(input: {currency: "USD", items: [`+items+`], couponCode: "`+code+`"}) { total { amount } lines { adjustments { kind source amount { amount } } } notApplied { kind source reason path } errors { __typename code message path } } }`,
			`{"data": {"quote": {"total": {"amount": "`+total+`"}, `+more+`}}}`)
	}
	buy := func(as, key, code, want string) step {
		return by(as, buying(key, `{id: "$atlas"}`, "3.99")+`, couponCode: "`+code+`"}) { purchase { id total { amount } lines { adjustments { kind label source } } } replayed errors { __typename code message path } } }`, `{"data": {"checkout": `+want+`}}`)
	}
	const bought = `{"purchase": {"id": "PURCHASE", "total": {"amount": "3.99"}, "lines": [{"adjustments": [{"kind": "COUPON", "label": "Spring", "source": "$spring"}]}]}, "replayed": REPLAYED, "errors": []}`
	const refused = `{"purchase": null, "replayed": false, "errors": [` + noCoupon + `]}`
	const off = `"lines": [{"adjustments": [{"kind": "COUPON", "source": "$spring", "amount": {"amount": "1.00"}}]}], "notApplied": [], "errors": []`
	const none = `"lines": [{"adjustments": []}], "notApplied": [], "errors": [` + noCoupon + `]`
	used := func(n string) step {
		return mia(`{ coupons { totalCount nodes { id codeHint used stock perShopper kind percentOff amounts { amount currency } combines scope { tags } } } }`,
			`{"data": {"coupons": {"totalCount": 1, "nodes": [{"id": "$spring", "codeHint": "2026", "used": `+n+`, "stock": 2, "perShopper": 1, "kind": "PERCENTAGE", "percentOff": "20", "amounts": [], "combines": false, "scope": {"tags": []}}]}}}`)
	}
	theirs := func(purchase, text string) string { return strings.Replace(text, "PURCHASE", purchase, 1) }
	return []step{
		makes("Coupon", "$spring", text("Spring")+`, code: "Spring-2026", kind: PERCENTAGE, percentOff: "20", startsAt: "2026-12-24T19:00:00Z", endsAt: "2026-12-24T21:00:00Z", stock: 2, perShopper: 1`),
		used("0"),
		quote("SHOPPER ada", `{id: "$atlas"}`, "SPRING-2026", "4.99", none), // not begun
		later(time.Hour, quote("SHOPPER ada", `{id: "$atlas"}`, "SPRING-2026", "3.99", off)),
		// Case and space around it make no difference; a visitor may try it too.
		quote("", `{id: "$atlas"}`, " spring-2026 ", "3.99", off),
		quote("", `{id: "$atlas"}`, "SPRING-2025", "4.99", none),
		buy("SHOPPER ada", "k1", "spring-2026", first(theirs("$adas", bought))),
		buy("SHOPPER ada", "k1", "SPRING-2026", again(theirs("$adas", bought))), // the same code
		buy("SHOPPER ada", "k1", "", `{"purchase": null, "replayed": false, "errors": [{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "message": "$*", "path": ["idempotencyKey"]}]}`),
		quote("SHOPPER ada", `{id: "$poems"}`, "SPRING-2026", "0.99", none), // one for each shopper
		buy("SHOPPER ben", "k1", "SPRING-2026", first(theirs("$bens", bought))),
		used("2"),
		buy("SHOPPER eve", "k1", "SPRING-2026", refused), // used up
		mia(`mutation { updateCoupon(input: {id: "$spring", stock: 3, combines: true}) { coupon { version stock combines } errors { code } } }`, `{"data": {"updateCoupon": {"coupon": {"version": 2, "stock": 3, "combines": true}, "errors": []}}}`),
		quote("SHOPPER eve", `{id: "$atlas"}`, "SPRING-2026", "3.99", off),
		later(2*time.Hour, buy("SHOPPER eve", "k1", "SPRING-2026", refused)), // expired
		mia(`mutation { archiveCoupon(input: {id: "$spring"}) { coupon { status } errors { code } } }`, `{"data": {"archiveCoupon": {"coupon": {"status": "ARCHIVED"}, "errors": []}}}`),
		// A repeat of what was bought with it is let through.
		buy("SHOPPER ben", "k1", "SPRING-2026", again(theirs("$bens", bought))),
		buy("SHOPPER eve", "k1", "SPRING-2026", refused),
		ada(`{ coupons { totalCount } }`, `{"errors": [{"message": "$*", "path": ["coupons"], "extensions": {"code": "FORBIDDEN"}}]}`),
	}
}

func bestSteps() []step {
	const code = `, couponCode: "TEN-OFF-NOW"`
	quote := func(items, more, total, lines, notApplied string) step {
		return ada(`{ quote(input: {currency: "USD", items: [`+items+`]`+more+`}) { total { amount } lines { total { amount } adjustments { kind source amount { amount } unitsApplied } } notApplied { kind source reason path } errors { code } } }`,
			`{"data": {"quote": {"total": {"amount": "`+total+`"}, "lines": [`+lines+`], "notApplied": [`+notApplied+`], "errors": []}}}`)
	}
	line := func(total string, adjustments ...string) string {
		return `{"total": {"amount": "` + total + `"}, "adjustments": [` + strings.Join(adjustments, ", ") + `]}`
	}
	adjustment := func(kind, source, amount, units string) string {
		return `{"kind": "` + kind + `", "source": "` + source + `", "amount": {"amount": "` + amount + `"}, "unitsApplied": ` + units + `}`
	}
	not := func(kind, source, reason, path string) string {
		return `{"kind": "` + kind + `", "source": "` + source + `", "reason": "` + reason + `", "path": ` + listed(path) + `}`
	}
	return []step{
		pair(),
		makes("FlashSale", "$tenth", text("A tenth off")+`, kind: PERCENTAGE, percentOff: "10", scope: {productIds: ["$atlas", "$poems"]}, endsAt: "2026-12-25T18:00:00Z"`),
		makes("Coupon", "$ten", text("Ten off")+`, code: "TEN-OFF-NOW", kind: PERCENTAGE, percentOff: "10", scope: {productIds: ["$hints", "$atlas"]}`),
		quote(`{id: "$atlas"}`, ``, "4.49", line("4.49", adjustment("FLASH_SALE", "$tenth", "0.50", "1")), ``),
		// In the bundle the shares 0.74 and 3.76 are lower than 0.89 and 4.49.
		quote(`{id: "$pair"}`, ``, "4.50", line("4.50", adjustment("BUNDLE", "$pair", "1.48", "2")), not("FLASH_SALE", "$tenth", "BETTER_OFFER", "items.0")),
		// As good as the sale, the coupon is preferred, for it is the shopper's own wish; both do not count.
		quote(`{id: "$atlas"}`, code, "4.49", line("4.49", adjustment("COUPON", "$ten", "0.50", "1")), not("FLASH_SALE", "$tenth", "BETTER_OFFER", "items.0")),
		quote(`{id: "$poems"}`, code, "0.89", line("0.89", adjustment("FLASH_SALE", "$tenth", "0.10", "1")), not("COUPON", "$ten", "OUT_OF_SCOPE", "couponCode")),
		quote(`{id: "$pair"}, {id: "$hints"}`, code, "4.68", line("4.50", adjustment("BUNDLE", "$pair", "1.48", "2"))+`, `+line("0.18", adjustment("COUPON", "$ten", "0.02", "1")), not("FLASH_SALE", "$tenth", "BETTER_OFFER", "items.0")),
		quote(`{id: "$pair"}`, code, "4.50", line("4.50", adjustment("BUNDLE", "$pair", "1.48", "2")), not("FLASH_SALE", "$tenth", "BETTER_OFFER", "items.0")+`, `+not("COUPON", "$ten", "BETTER_OFFER", "couponCode")),
		// Unless it says that it does.
		mia(`mutation { updateCoupon(input: {id: "$ten", combines: true}) { errors { code } } }`, `{"data": {"updateCoupon": {"errors": []}}}`),
		quote(`{id: "$atlas"}`, code, "4.04", line("4.04", adjustment("FLASH_SALE", "$tenth", "0.50", "1"), adjustment("COUPON", "$ten", "0.45", "1")), ``),
		// An amount, off a basket of several things.
		makes("Coupon", "$one", text("One dollar")+`, code: "ONE-DOLLAR", kind: AMOUNT, amounts: [{currency: "USD", amount: "1"}, {currency: "KRW", amount: "1000"}]`),
		quote(`{id: "$hints", quantity: 10}, {id: "$flyer"}`, `, couponCode: "ONE-DOLLAR"`, "1.00", line("1.00", adjustment("COUPON", "$one", "1.00", "10"))+`, `+line("0.00"), ``),
		ada(buying("k1", `{id: "$hints", quantity: 10}`, "1.00")+`, couponCode: "one-dollar"}) { `+receipt+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$*", "subtotal": {"amount": "2.00"}, "savings": {"amount": "1.00"}, "total": {"amount": "1.00"}, "lines": [{
				"name": "Hints", "quantity": 10, "unitPrice": {"amount": "0.20"}, "listPrice": {"amount": "2.00"}, "total": {"amount": "1.00"},
				"adjustments": [{"kind": "COUPON", "label": "One dollar", "amount": {"amount": "1.00"}, "source": "$one", "unitsApplied": 10}], "bundle": null, "trialOffer": null}]}, "errors": []}}}`),
	}
}

func whatIfSteps() []step {
	const basket = `input: {currency: "USD", items: [{id: "$pair"}, {id: "$hints"}]}`
	const shown = ` { total { amount } lines { item { id } total { amount } leftOut { product { id } } } balance { amount } shortfall { amount } errors { code path } serverTime }`
	answer := func(pair, hints, total, leftOut, at string) string {
		return `{"data": {"quote": {"total": {"amount": "` + total + `"}, "lines": [{"item": {"id": "$pair"}, "total": {"amount": "` + pair + `"}, "leftOut": [` + leftOut + `]},
			{"item": {"id": "$hints"}, "total": {"amount": "` + hints + `"}, "leftOut": []}], "balance": null, "shortfall": null, "errors": [], "serverTime": "` + at + `"}}}`
	}
	const owned = `{"product": {"id": "$poems"}}`
	inside := `{"errors": [{"message": "$*", "path": ["quote"], "locations": "$*", "extensions": {"code": "FORBIDDEN"}}], "data": null}`
	return []step{
		pair(),
		makes("FlashSale", "$soon", text("Soon")+`, kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$hints"], bundleIds: ["$pair"]}, startsAt: "2026-12-25T00:00:00Z", endsAt: "2026-12-26T00:00:00Z"`),
		ada(buying("k1", `{id: "$poems"}`, "0.99")+`}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
		mia(`{ quote(`+basket+`)`+shown+` }`, answer("4.50", "0.20", "4.70", "", "2026-12-24T18:00:00Z")),
		mia(`{ quote(`+basket+`, as: "$ada")`+shown+` }`, answer("3.76", "0.20", "3.96", owned, "2026-12-24T18:00:00Z")),
		mia(`{ quote(`+basket+`, as: "$ada", at: "2026-12-24T23:59:59.999999Z")`+shown+` }`, answer("3.76", "0.20", "3.96", owned, "2026-12-24T23:59:59.999999Z")),
		mia(`{ quote(`+basket+`, as: "$ada", at: "2026-12-25T00:00:00Z")`+shown+` }`, answer("1.88", "0.10", "1.98", owned, "2026-12-25T00:00:00Z")),
		by("ADMIN root", `{ quote(`+basket+`, at: "2026-12-25T00:00:00Z")`+shown+` }`, answer("2.25", "0.10", "2.35", "", "2026-12-25T00:00:00Z")),
		mia(`{ quote(`+basket+`, as: "$ada", at: "2026-12-26T00:00:00Z")`+shown+` }`, answer("3.76", "0.20", "3.96", owned, "2026-12-26T00:00:00Z")),
		// The shopper herself will pay what was foretold.
		later(6*time.Hour, ada(buying("k2", `{id: "$pair"}, {id: "$hints"}`, "1.98")+`}) { purchase { total { amount } lines { adjustments { kind source amount { amount } unitsApplied } } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"total": {"amount": "1.98"}, "lines": [{"adjustments": [{"kind": "FLASH_SALE", "source": "$soon", "amount": {"amount": "3.11"}, "unitsApplied": 1}]},
				{"adjustments": [{"kind": "FLASH_SALE", "source": "$soon", "amount": {"amount": "0.10"}, "unitsApplied": 1}]}]}, "errors": []}}}`)),
		ada(`{ quote(`+basket+`, at: "2026-12-26T00:00:00Z") { total { amount } } }`, inside),
		ada(`{ quote(`+basket+`, as: "$ada") { total { amount } } }`, inside),
		by("SERVICE web for ada", `{ quote(`+basket+`, as: "$ada") { total { amount } } }`, inside),
		by("", `{ quote(`+basket+`, at: "2026-12-26T00:00:00Z") { total { amount } } }`, strings.Replace(inside, "FORBIDDEN", "UNAUTHENTICATED", 1)),
		mia(`{ quote(`+basket+`, as: "$nobody", at: "2026-12-26T00:00:00Z") { errors { code path } } past: quote(`+basket+`, as: "$poems", at: "2026-12-24T00:00:00Z") { errors { code path } } }`,
			`{"data": {"quote": {"errors": [{"code": "NOT_FOUND", "path": ["as"]}]}, "past": {"errors": [{"code": "INVALID_INPUT", "path": ["as"]}, {"code": "INVALID_INPUT", "path": ["at"]}]}}}`),
	}
}

func meetingSteps() []step {
	const shown = ` { product { id } startsAt endsAt contenders { offer { __typename id name } price { amount } wins } }`
	return []step{
		makes("FlashSale", "$half", text("Half")+`, kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$atlas"]}, startsAt: "2026-12-25T00:00:00Z", endsAt: "2026-12-27T00:00:00Z"`),
		mia(`{ offerConflicts(currency: "USD")`+shown+` }`, `{"data": {"offerConflicts": []}}`),
		makes("FlashSale", "$low", text("Low")+`, status: DRAFT, kind: FIXED, prices: [{currency: "USD", amount: "1.99"}], scope: {productIds: ["$atlas"]}, startsAt: "2026-12-26T00:00:00Z", endsAt: "2026-12-28T00:00:00Z"`),
		mia(`{ offerConflicts(currency: "USD")`+shown+` }`, `{"data": {"offerConflicts": [{"product": {"id": "$atlas"}, "startsAt": "2026-12-26T00:00:00Z", "endsAt": "2026-12-27T00:00:00Z", "contenders": [
			{"offer": {"__typename": "FlashSale", "id": "$low", "name": "Low"}, "price": {"amount": "1.99"}, "wins": true},
			{"offer": {"__typename": "FlashSale", "id": "$half", "name": "Half"}, "price": {"amount": "2.50"}, "wins": false}]}]}}`),
		mia(`{ before: offerConflicts(currency: "USD", until: "2026-12-26T00:00:00Z") { startsAt } after: offerConflicts(currency: "USD", from: "2026-12-27T00:00:00Z") { startsAt } within: offerConflicts(currency: "USD", from: "2026-12-26T12:00:00Z") { startsAt endsAt } }`,
			`{"data": {"before": [], "after": [], "within": [{"startsAt": "2026-12-26T00:00:00Z", "endsAt": "2026-12-27T00:00:00Z"}]}}`),
		mia(`{ offerConflicts(currency: "CHF") { startsAt } }`, `{"errors": [{"message": "$*", "path": ["offerConflicts"], "locations": "$*", "extensions": {"code": "INVALID_INPUT", "field": ["currency"]}}], "data": null}`),
		mia(`{ offerConflicts(currency: "USD", from: "2026-12-27T00:00:00Z", until: "2026-12-26T00:00:00Z") { startsAt } }`, `{"errors": [{"message": "$*", "path": ["offerConflicts"], "locations": "$*", "extensions": {"code": "INVALID_INPUT", "field": ["until"]}}], "data": null}`),
		ada(`{ offerConflicts(currency: "USD") { startsAt } }`, topLevel("FORBIDDEN", "offerConflicts", "")),
		mia(`mutation { archiveFlashSale(input: {id: "$low"}) { errors { code } } }`, `{"data": {"archiveFlashSale": {"errors": []}}}`),
		mia(`{ offerConflicts(currency: "USD")`+shown+` }`, `{"data": {"offerConflicts": []}}`),
	}
}

// oneOfEach are offers of all kinds, at version 1: $pair, $try, $sale, $tiers and $coupon.
func oneOfEach() []step {
	return []step{
		pair(),
		makes("TrialOffer", "$try", text("Try it")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0"}], durationHours: 24`),
		makes("FlashSale", "$sale", text("Sale")+`, kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$hints"]}, endsAt: "2026-12-25T18:00:00Z", stock: 5`),
		makes("TierPlan", "$tiers", text("By the dozen")+`, productId: "$hints", mode: VOLUME, tiers: [{from: 1, upTo: 9, prices: [{currency: "USD", amount: "0.20"}]}, {from: 10, prices: [{currency: "USD", amount: "0.15"}]}]`),
		makes("Coupon", "$coupon", text("Coupon")+`, code: "COUPON-2026", kind: PERCENTAGE, percentOff: "20"`),
	}
}

// offerKinds are the kinds of offers, with the names that oneOfEach gives them.
var offerKinds = []struct{ kind, name string }{
	{"Bundle", "$pair"}, {"TrialOffer", "$try"}, {"FlashSale", "$sale"}, {"TierPlan", "$tiers"}, {"Coupon", "$coupon"},
}

func conflictSteps() []step {
	steps := oneOfEach()
	for _, of := range offerKinds {
		field := strings.ToLower(of.kind[:1]) + of.kind[1:]
		update := func(version, name string) string {
			return `update` + of.kind + `(input: {id: "` + of.name + `", expectedVersion: ` + version + `, texts: [{language: "en", name: "` + name + `"}]}) { ` + field + ` { version name } errors { __typename code path ... on ConflictError { currentVersion } } }`
		}
		archive := func(version string) string {
			return `archive` + of.kind + `(input: {id: "` + of.name + `", expectedVersion: ` + version + `}) { ` + field + ` { version status } errors { code path ... on ConflictError { currentVersion } } }`
		}
		steps = append(steps,
			mia(`mutation { mine: `+update("1", "Mine")+` theirs: `+update("1", "Theirs")+` }`,
				`{"data": {"mine": {"`+field+`": {"version": 2, "name": "Mine"}, "errors": []},
					"theirs": {"`+field+`": null, "errors": [{"__typename": "ConflictError", "code": "CONFLICT", "path": ["expectedVersion"], "currentVersion": 2}]}}}`),
			// What changes nothing is no new version.
			mia(`mutation { `+update("2", "Mine")+` }`, `{"data": {"update`+of.kind+`": {"`+field+`": {"version": 2, "name": "Mine"}, "errors": []}}}`),
			mia(`mutation { old: `+archive("1")+` right: `+archive("2")+` again: `+archive("3")+` }`,
				`{"data": {"old": {"`+field+`": null, "errors": [{"code": "CONFLICT", "path": ["expectedVersion"], "currentVersion": 2}]},
					"right": {"`+field+`": {"version": 3, "status": "ARCHIVED"}, "errors": []}, "again": {"`+field+`": {"version": 3, "status": "ARCHIVED"}, "errors": []}}}`),
		)
	}
	return append(steps, mia(
		`mutation { a: endFlashSale(input: {id: "$sale", expectedVersion: 1}) { errors { code ... on ConflictError { currentVersion } } }
			b: updateProduct(input: {id: "$poems", expectedVersion: 9, creator: "Me"}) { errors { code ... on ConflictError { currentVersion } } }
			c: archiveProduct(input: {id: "$poems", expectedVersion: 9}) { errors { code path ... on ConflictError { currentVersion } } } }`,
		`{"data": {"a": {"errors": [{"code": "CONFLICT", "currentVersion": 3}]}, "b": {"errors": [{"code": "CONFLICT", "currentVersion": 1}]},
			"c": {"errors": [{"code": "CONFLICT", "path": ["expectedVersion"], "currentVersion": 1}]}}}`,
	))
}

func auditSteps() []step {
	const entries = ` { totalCount nodes { id actor action targetId before after createdAt } }`
	coupon := func(name string) string {
		return `{"status": "ACTIVE", "language": "en", "texts": {"en": {"name": "` + name + `"}}, "codeHint": "2026", "kind": "PERCENTAGE", "basisPoints": 2000, "scope": {}, "combines": false, "startsAt": "2026-12-24T18:00:00Z"}`
	}
	return append(oneOfEach(),
		later(time.Minute, by("MERCHANDISER max", `mutation { updateCoupon(input: {id: "$coupon", texts: [{language: "en", name: "Later"}]}) { errors { code } } }`, `{"data": {"updateCoupon": {"errors": []}}}`)),
		by("MERCHANDISER max", `mutation { updateCoupon(input: {id: "$coupon", texts: [{language: "en", name: "Later"}]}) { errors { code } } }`, `{"data": {"updateCoupon": {"errors": []}}}`), // nothing
		mia(`{ auditEntries(filter: {targetId: "$coupon"})`+entries+` }`,
			`{"data": {"auditEntries": {"totalCount": 2, "nodes": [
				{"id": "$*", "actor": "max", "action": "updateCoupon", "targetId": "$coupon", "before": `+coupon("Coupon")+`, "after": `+coupon("Later")+`, "createdAt": "2026-12-24T18:01:00Z"},
				{"id": "$*", "actor": "mia", "action": "createCoupon", "targetId": "$coupon", "before": null, "after": `+coupon("Coupon")+`, "createdAt": "2026-12-24T18:00:00Z"}]}}}`),
		mia(`{ mine: auditEntries(filter: {actor: "mia"}) { nodes { action } } later: auditEntries(filter: {from: "2026-12-24T18:01:00Z"}) { nodes { action } }
			before: auditEntries(filter: {until: "2026-12-24T18:01:00Z", action: "createBundle"}) { nodes { action targetId } }
			last: auditEntries(first: 1) { nodes { action } pageInfo { hasNextPage } } }`,
			`{"data": {"mine": {"nodes": [{"action": "createCoupon"}, {"action": "createTierPlan"}, {"action": "createFlashSale"}, {"action": "createTrialOffer"}, {"action": "createBundle"}]},
				"later": {"nodes": [{"action": "updateCoupon"}]}, "before": {"nodes": [{"action": "createBundle", "targetId": "$pair"}]},
				"last": {"nodes": [{"action": "updateCoupon"}], "pageInfo": {"hasNextPage": true}}}}`),
		ada(`{ auditEntries { totalCount } }`, topLevel("FORBIDDEN", "auditEntries", "")),
		by("SERVICE web", `{ auditEntries { totalCount } }`, topLevel("FORBIDDEN", "auditEntries", "")),
		by("", `{ auditEntries { totalCount } }`, topLevel("UNAUTHENTICATED", "auditEntries", "")),
		mia(`{ auditEntries(filter: {targetId: "$ada"}) { totalCount } }`, inside("auditEntries", "filter.targetId", "null")),
	)
}

func visibilitySteps() []step {
	const everywhere = `{ nodes(ids: ["$pair", "$try", "$sale", "$tiers", "$coupon"]) { __typename id } bundle(slug: "a-pair") { id } flashSale(id: "$sale") { id }
		pair: node(id: "$pair") { id } try: node(id: "$try") { id } tiers: node(id: "$tiers") { id } coupon: node(id: "$coupon") { id }
		bundles(filter: {statuses: [DRAFT, ACTIVE, ARCHIVED]}) { totalCount nodes { id } } trialOffers { totalCount nodes { id } } flashSales { totalCount nodes { id } }
		product(id: "$atlas") { bundles { id } trialOffers { id } } hints: product(id: "$hints") { tierPlan { id } price(currency: "USD") { flashSale { id } } }
		quote(input: {currency: "USD", items: [{id: "$pair"}, {id: "$try"}]}) { errors { code path } } }`
	const nothing = `{"data": {"nodes": [null, null, null, null, null], "bundle": null, "flashSale": null, "pair": null, "try": null, "tiers": null, "coupon": null,
		"bundles": {"totalCount": 0, "nodes": []}, "trialOffers": {"totalCount": 0, "nodes": []}, "flashSales": {"totalCount": 0, "nodes": []},
		"product": {"bundles": [], "trialOffers": []}, "hints": {"tierPlan": null, "price": {"flashSale": null}}, "quote": {"errors": [{"code": "NOT_FOUND", "path": ["items", "0", "id"]}, {"code": "NOT_FOUND", "path": ["items", "1", "id"]}]}}}`
	const all = `{"data": {"nodes": [{"__typename": "Bundle", "id": "$pair"}, {"__typename": "TrialOffer", "id": "$try"}, {"__typename": "FlashSale", "id": "$sale"}, {"__typename": "TierPlan", "id": "$tiers"}, {"__typename": "Coupon", "id": "$coupon"}],
		"bundle": {"id": "$pair"}, "flashSale": {"id": "$sale"}, "pair": {"id": "$pair"}, "try": {"id": "$try"}, "tiers": {"id": "$tiers"}, "coupon": {"id": "$coupon"},
		"bundles": {"totalCount": 1, "nodes": [{"id": "$pair"}]}, "trialOffers": {"totalCount": 1, "nodes": [{"id": "$try"}]}, "flashSales": {"totalCount": 1, "nodes": [{"id": "$sale"}]},
		"product": {"bundles": [], "trialOffers": []}, "hints": {"tierPlan": null, "price": {"flashSale": null}}, "quote": {"errors": "$*"}}}`
	const open = `{"data": {"nodes": [{"__typename": "Bundle", "id": "$pair"}, {"__typename": "TrialOffer", "id": "$try"}, {"__typename": "FlashSale", "id": "$sale"}, null, null],
		"bundle": {"id": "$pair"}, "flashSale": {"id": "$sale"}, "pair": {"id": "$pair"}, "try": {"id": "$try"}, "tiers": null, "coupon": null,
		"bundles": {"totalCount": 1, "nodes": [{"id": "$pair"}]}, "trialOffers": {"totalCount": 1, "nodes": [{"id": "$try"}]}, "flashSales": {"totalCount": 1, "nodes": [{"id": "$sale"}]},
		"product": {"bundles": [{"id": "$pair"}], "trialOffers": [{"id": "$try"}]}, "hints": {"tierPlan": {"id": "$tiers"}, "price": {"flashSale": {"id": "$sale"}}}, "quote": {"errors": "$*"}}}`
	change := func(mutation, fields string) []step {
		var steps []step
		for _, of := range offerKinds {
			steps = append(steps, mia(`mutation { `+mutation+of.kind+`(input: {id: "`+of.name+`"`+fields+`}) { errors { code } } }`, `{"data": {"`+mutation+of.kind+`": {"errors": []}}}`))
		}
		return steps
	}
	look := func(outside, inside string) []step {
		var steps []step
		for _, as := range []string{"", "SHOPPER ada", "SERVICE web", "SERVICE web for ada", "SUPPORT sue"} {
			steps = append(steps, by(as, everywhere, outside))
		}
		return append(steps, mia(everywhere, inside), by("ADMIN root", everywhere, inside))
	}
	steps := oneOfEach()
	steps = append(steps, by("", everywhere, open), by("SHOPPER ada", everywhere, open))
	steps = append(steps, change("update", ", status: DRAFT")...)
	steps = append(steps, look(nothing, all)...)
	steps = append(steps, change("archive", "")...)
	return append(steps, look(nothing, all)...)
}

// TestAuditOfWallets shows to admins alone what was done to wallets.
func TestAuditOfWallets(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.play(t, pair())
		o.play(t, by("ADMIN root", `mutation { adjustWallet(input: {idempotencyKey: "k", shopperId: "$ada", currency: "USD", amount: "1", reason: "A late one"}) { errors { code } } }`,
			`{"data": {"adjustWallet": {"errors": []}}}`))
		const query = `{ last: auditEntries(first: 1) { nodes { actor action targetId before after } } wallet: auditEntries(filter: {targetId: "$ada-USD"}) { totalCount } action: auditEntries(filter: {action: "adjustWallet"}) { totalCount }
			actor: auditEntries(filter: {actor: "root"}) { totalCount } }`
		o.play(t, mia(query, `{"data": {"last": {"nodes": [{"actor": "mia", "action": "createBundle", "targetId": "$pair", "before": null, "after": "$*"}]},
			"wallet": {"totalCount": 0}, "action": {"totalCount": 0}, "actor": {"totalCount": 0}}}`))
		o.play(t, by("ADMIN root", query, `{"data": {"last": {"nodes": [{"actor": "root", "action": "adjustWallet", "targetId": "$ada-USD", "before": {"currency": "USD", "balance": "10.00"}, "after": {"currency": "USD", "balance": "11.00", "reason": "A late one"}}]}, "wallet": {"totalCount": 1}, "action": {"totalCount": 1}, "actor": {"totalCount": 1}}}`))
	})
}

// TestOffersOutsideTheirWindow has a bundle and a trial that are to come, or are over, answer as if they were not there.
func TestOffersOutsideTheirWindow(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		const window = `, publishFrom: "2026-12-25T00:00:00Z", publishUntil: "2026-12-26T00:00:00Z"`
		for _, step := range []step{
			makes("Bundle", "$pair", text("A pair")+`, kind: PERCENTAGE, percentOff: "10", components: [{productId: "$poems"}, {productId: "$atlas"}]`+window),
			makes("TrialOffer", "$try", text("Try it")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0"}], durationHours: 24`+window),
		} {
			o.play(t, step)
		}
		const query = `{ nodes(ids: ["$pair", "$try"]) { id } bundles { totalCount } trialOffers { totalCount } product(id: "$atlas") { bundles { id } trialOffers { id } }
			quote(input: {currency: "USD", items: [{id: "$pair"}]}) { errors { code } } }`
		const closed = `{"data": {"nodes": [null, null], "bundles": {"totalCount": 0}, "trialOffers": {"totalCount": 0}, "product": {"bundles": [], "trialOffers": []}, "quote": {"errors": [{"code": "NOT_AVAILABLE"}]}}}`
		const open = `{"data": {"nodes": [{"id": "$pair"}, {"id": "$try"}], "bundles": {"totalCount": 1}, "trialOffers": {"totalCount": 1}, "product": {"bundles": [{"id": "$pair"}], "trialOffers": [{"id": "$try"}]}, "quote": {"errors": []}}}`
		const seen = `{"data": {"nodes": [{"id": "$pair"}, {"id": "$try"}], "bundles": {"totalCount": 1}, "trialOffers": {"totalCount": 1}, "product": {"bundles": [], "trialOffers": []}, "quote": {"errors": [{"code": "NOT_AVAILABLE"}]}}}`
		for _, step := range []step{
			by("", query, closed), mia(query, seen),
			later(6*time.Hour-time.Microsecond, by("", query, closed)),
			later(time.Microsecond, by("", query, open)),
			later(24*time.Hour-time.Microsecond, by("", query, open)),
			later(time.Microsecond, by("", query, closed)), mia(query, seen),
		} {
			o.play(t, step)
		}
	})
}

// TestManyChanges makes many changes at once: all of them or, on request, those that are right. Of what is refused nothing is
// stored.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		for _, step := range oneOfEach() {
			o.play(t, step)
		}
		o.names["$no-bundle"] = id.Encode(id.Bundle, id.New())
		const result = ` { changed results { node { __typename ... on Product { version } ... on Offer { version } } errors { code path } } errors { code path ... on ConflictError { currentVersion } } } }`
		const changes = `changes: [
			{createProduct: {kind: CONSUMABLE, status: ACTIVE, texts: [{language: "en", name: "Lives"}], prices: [{currency: "USD", amount: "1"}]}}
			{createBundle: {texts: [{language: "en", name: "Two"}], kind: PERCENTAGE, percentOff: "0", components: [{productId: "$poems"}, {productId: "$nothing"}]}}
			{updateTrialOffer: {id: "$try", expectedVersion: 3, durationHours: 0}}
			{endFlashSale: {id: "$sale"}}
			{archiveTierPlan: {id: "$tiers"}, archiveCoupon: {id: "$coupon"}}
			{updateCoupon: {id: "$coupon", percentOff: "12.5"}}
			{archiveBundle: {id: "$no-bundle"}}]`
		results := func(first, fourth, sixth string) string {
			return `"results": [{"node": ` + first + `, "errors": []},
				{"node": null, "errors": [{"code": "INVALID_INPUT", "path": ["changes", "1", "createBundle", "percentOff"]}, {"code": "INVALID_INPUT", "path": ["changes", "1", "createBundle", "components", "1", "productId"]}]},
				{"node": null, "errors": [{"code": "CONFLICT", "path": ["changes", "2", "updateTrialOffer", "expectedVersion"]}, {"code": "INVALID_INPUT", "path": ["changes", "2", "updateTrialOffer", "durationHours"]}]},
				{"node": ` + fourth + `, "errors": []},
				{"node": null, "errors": [{"code": "INVALID_INPUT", "path": ["changes", "4"]}]},
				{"node": ` + sixth + `, "errors": []},
				{"node": null, "errors": [{"code": "NOT_FOUND", "path": ["changes", "6", "archiveBundle"]}]}]`
		}
		const refused = `"errors": [
			{"code": "INVALID_INPUT", "path": ["changes", "1", "createBundle", "percentOff"]}, {"code": "INVALID_INPUT", "path": ["changes", "1", "createBundle", "components", "1", "productId"]},
			{"code": "CONFLICT", "path": ["changes", "2", "updateTrialOffer", "expectedVersion"], "currentVersion": 1}, {"code": "INVALID_INPUT", "path": ["changes", "2", "updateTrialOffer", "durationHours"]},
			{"code": "INVALID_INPUT", "path": ["changes", "4"]}, {"code": "NOT_FOUND", "path": ["changes", "6", "archiveBundle"]}]`

		before := o.rows(t)
		o.play(t, mia(`mutation { changeOffers(input: {`+changes+`})`+result, `{"data": {"changeOffers": {"changed": 0, `+results("null", "null", "null")+`, `+refused+`}}}`))
		o.play(t, mia(`mutation { changeOffers(input: {changes: []})`+result, `{"data": {"changeOffers": {"changed": 0, "results": [], "errors": [{"code": "INVALID_INPUT", "path": ["changes"]}]}}}`))
		o.play(t, mia(`mutation { changeOffers(input: {errorPolicy: SKIP_FAILED, changes: `+many(101, `{archiveBundle: {id: "$pair"}}`)+`}) { changed results { node { __typename } } errors { code path } } }`,
			`{"data": {"changeOffers": {"changed": 0, "results": [], "errors": [{"code": "INVALID_INPUT", "path": ["changes"]}]}}}`))
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("what was refused left a trace in these tables (-before +after):\n%s", diff)
		}
		o.play(t, mia(`{ flashSale(id: "$sale") { status version } node(id: "$coupon") { ... on Coupon { percentOff version } } products(filter: {search: "lives"}) { totalCount } }`,
			`{"data": {"flashSale": {"status": "LIVE", "version": 1}, "node": {"percentOff": "20", "version": 1}, "products": {"totalCount": 0}}}`))

		o.play(t, mia(`mutation { changeOffers(input: {errorPolicy: SKIP_FAILED, `+changes+`})`+result, `{"data": {"changeOffers": {"changed": 3, `+
			results(`{"__typename": "Product", "version": 1}`, `{"__typename": "FlashSale", "version": 2}`, `{"__typename": "Coupon", "version": 2}`)+`, `+refused+`}}}`))
		o.play(t, mia(`{ flashSale(id: "$sale") { status version } node(id: "$coupon") { ... on Coupon { percentOff version } } products(filter: {search: "lives"}) { totalCount } auditEntries(first: 3) { nodes { action } } }`,
			`{"data": {"flashSale": {"status": "ENDED", "version": 2}, "node": {"percentOff": "12.5", "version": 2}, "products": {"totalCount": 1}, "auditEntries": {"nodes": [{"action": "updateCoupon"}, {"action": "endFlashSale"}, {"action": "createProduct"}]}}}`))
		o.play(t, mia(`mutation { changeOffers(input: {changes: [{archiveBundle: {id: "$pair", expectedVersion: 1}} {archiveTrialOffer: {id: "$try"}} {archiveFlashSale: {id: "$sale"}} {archiveTierPlan: {id: "$tiers"}} {archiveCoupon: {id: "$coupon"}} {archiveProduct: {id: "$poems"}}]}) { changed errors { code } } }`,
			`{"data": {"changeOffers": {"changed": 6, "errors": []}}}`))
		o.verify(t)
	})
}
