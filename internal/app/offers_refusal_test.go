package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/app"
	"farthing/internal/id"
)

// unlimitedCodes lets tests give as many codes of coupons as they like.
var unlimitedCodes = []string{"COUPON_LIMIT_SHOPPER=100000/s:100000", "COUPON_LIMIT_ADDRESS=100000/s:100000"}

// TestOfferRefusals tries every wrong input of what merchandisers set up, and of what shoppers do with it: each answer names
// everything that is wrong, and nothing is stored.
func TestOfferRefusals(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: unlimitedCodes})
		o.shopper(t, "ada", "USD 10")
		for name, kind := range map[string]id.Kind{
			"bundle": id.Bundle, "trial": id.TrialOffer, "sale": id.FlashSale, "plan": id.TierPlan, "coupon": id.Coupon, "entitlement": id.Entitlement,
		} {
			o.names["$no-"+name] = id.Encode(kind, id.New())
		}
		for _, step := range beforeOffers() {
			o.play(t, step)
		}
		before := o.rows(t)
		for _, step := range offerRefusals() {
			t.Run(step.name, func(t *testing.T) {
				o.play(t, step.step)
				after := o.rows(t)
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("the refusal left a trace in these tables (-before +after):\n%s", diff)
				}
				before = after
			})
		}
		o.verify(t)
	})
}

// beforeOffers is what there is before the refusals: one offer of each kind, $outer with $pair in it, $any to choose from,
// $several of $lives, a draft of a plan for $hints, and offers that were put away. Of $sale Ada has bought one, as $packet.
func beforeOffers() []step {
	const tiers = `mode: VOLUME, tiers: [{from: 1, upTo: 9, prices: [{currency: "USD", amount: "0.20"}]}, {from: 10, prices: [{currency: "USD", amount: "0.15"}]}]`
	steps := append(oneOfEach(),
		mia(`mutation { createProduct(input: {kind: CONSUMABLE, status: ACTIVE, `+text("Lives")+`, prices: [{currency: "USD", amount: "1"}]}) { product { id } errors { code } } }`,
			`{"data": {"createProduct": {"product": {"id": "$lives"}, "errors": []}}}`),
		makes("Bundle", "$outer", text("Outer")+`, kind: PERCENTAGE, percentOff: "10", components: [{bundleId: "$pair"}, {productId: "$lives"}]`),
		makes("Bundle", "$any", text("Any")+`, kind: CHOOSE, choose: 1, percentOff: "10", components: [{productId: "$poems"}, {productId: "$lives"}]`),
		makes("Bundle", "$several", text("Several")+`, kind: PERCENTAGE, percentOff: "10", components: [{productId: "$lives", quantity: 5000}]`),
		makes("TierPlan", "$draft-tiers", text("Draft")+`, status: DRAFT, productId: "$hints", `+tiers),
		makes("Bundle", "$old-bundle", text("Old")+`, kind: PERCENTAGE, percentOff: "10", components: [{productId: "$lives"}]`),
		makes("TrialOffer", "$old-trial", text("Old")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0"}], durationHours: 24`),
		makes("FlashSale", "$old-sale", text("Old")+`, kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$atlas"]}, endsAt: "2026-12-25T18:00:00Z"`),
		makes("TierPlan", "$old-plan", text("Old")+`, productId: "$lives", `+tiers),
		makes("Coupon", "$old-coupon", text("Old")+`, code: "OLD-CODE", kind: PERCENTAGE, percentOff: "20"`),
		ada(buying("used", `{id: "$hints"}`, "0.10")+`}) { purchase { entitlements { id } } errors { code } } }`, `{"data": {"checkout": {"purchase": {"entitlements": [{"id": "$packet"}]}, "errors": []}}}`),
		ada(`mutation { useEntitlement(input: {idempotencyKey: "used", id: "$packet"}) { errors { code } } }`, `{"data": {"useEntitlement": {"errors": []}}}`),
	)
	for kind, name := range map[string]string{
		"Bundle": "$old-bundle", "TrialOffer": "$old-trial", "FlashSale": "$old-sale", "TierPlan": "$old-plan", "Coupon": "$old-coupon",
	} {
		steps = append(steps, mia(`mutation { archive`+kind+`(input: {id: "`+name+`"}) { errors { code } } }`, `{"data": {"archive`+kind+`": {"errors": []}}}`))
	}
	return steps
}

// entry is a right input of a mutation, by its name, and what is refused of it.
type entry struct {
	mutation, result, input string
}

// refuses is a refusal of the input with some of its fields replaced; want is the list of errors.
func (e entry) refuses(name, fields, want string) refusal {
	kind := strings.ToUpper(e.mutation[:1]) + e.mutation[1:]
	switch {
	case strings.HasPrefix(e.mutation, "archive"):
		kind = "ArchiveOffer"
	case e.mutation == "createRewardRule":
		kind = "RewardRule"
	}
	return refusal{e.mutation + ": " + name, step{
		as: "MERCHANDISER mia", query: fmt.Sprintf(`mutation($in: %sInput!) { %s(input: $in) { %s { id } errors { __typename code path } } }`, kind, e.mutation, e.result),
		variables: changed(e.input, fields), want: fmt.Sprintf(`{"data": {"%s": {"%s": null, "errors": [%s]}}}`, e.mutation, e.result, want),
	}}
}

// unreadable is the refusal of an input in which a field is nothing of its type.
func (e entry) unreadable(name, fields, path string) refusal {
	r := e.refuses(name, fields, "")
	steps := strings.Split(e.mutation+".input."+path, ".")
	at := make([]any, len(steps))
	for i, one := range steps {
		at[i] = one
		if n, err := strconv.Atoi(one); err == nil {
			at[i] = n
		}
	}
	text, err := json.Marshal(at)
	if err != nil {
		panic(err)
	}
	r.want = `{"errors": [{"message": "$*", "path": ` + string(text) + `, "extensions": {"code": "INVALID_INPUT"}}], "data": null}`
	return r
}

const rightText = `"texts": [{"language": "en", "name": "New"}]`

func offerRefusals() []refusal {
	list := refusedTexts()
	for _, one := range [][]refusal{
		refusedBundles(), refusedTrials(), refusedSales(), refusedPlans(), refusedCoupons(), refusedIDs(), refusedUses(), refusedBaskets(), refusedReads(),
	} {
		list = append(list, one...)
	}
	return list
}

var (
	newBundle = entry{"createBundle", "bundle", `{` + rightText + `, "kind": "FIXED", "components": [{"productId": "$poems"}, {"productId": "$atlas"}], "prices": [{"currency": "USD", "amount": "4"}]}`}
	newTrial  = entry{"createTrialOffer", "trialOffer", `{` + rightText + `, "productId": "$poems", "prices": [{"currency": "USD", "amount": "0.50"}], "durationHours": 24}`}
	newSale   = entry{"createFlashSale", "flashSale", `{` + rightText + `, "kind": "PERCENTAGE", "percentOff": "50", "scope": {"productIds": ["$poems"]}, "endsAt": "2026-12-25T00:00:00Z"}`}
	newPlan   = entry{"createTierPlan", "tierPlan", `{` + rightText + `, "productId": "$lives", "mode": "GRADUATED", "tiers": [` + tier(1, 9, "1") + `, ` + tier(10, 0, "0.90") + `]}`}
	newCoupon = entry{"createCoupon", "coupon", `{` + rightText + `, "code": "FRESH-CODE", "kind": "PERCENTAGE", "percentOff": "10"}`}

	oldBundle = entry{"updateBundle", "bundle", `{"id": "$pair"}`}
	oldTrial  = entry{"updateTrialOffer", "trialOffer", `{"id": "$try"}`}
	oldSale   = entry{"updateFlashSale", "flashSale", `{"id": "$sale"}`}
	oldPlan   = entry{"updateTierPlan", "tierPlan", `{"id": "$tiers"}`}
	oldCoupon = entry{"updateCoupon", "coupon", `{"id": "$coupon"}`}
)

// tier is a step of prices in USD; up to 0 is the open end.
func tier(from, upTo int, price string) string {
	end := ""
	if upTo != 0 {
		end = `"upTo": ` + strconv.Itoa(upTo) + `, `
	}
	return fmt.Sprintf(`{"from": %d, %s"prices": [{"currency": "USD", "amount": "%s"}]}`, from, end, price)
}

// tiers is a field of so many steps.
func tiers(list ...string) string { return `{"tiers": [` + strings.Join(list, ", ") + `]}` }

// badPercents are no percentages to take off.
var badPercents = []string{`"0"`, `"-1"`, `"100.01"`, `"12.345"`, `"NaN"`, `"Infinity"`, `"1e1"`, `""`, `"10%"`, `"12,5"`, `"99999999999999999999"`, `true`, `101`}

// refusedTexts are those that all offers have in common.
func refusedTexts() []refusal {
	var list []refusal
	for _, e := range []entry{newBundle, newTrial, newSale, newPlan, newCoupon, oldBundle, oldTrial, oldSale, oldPlan, oldCoupon} {
		list = append(list,
			e.refuses("no texts", `{"texts": []}`, invalid("texts")),
			e.refuses("names that are none", `{"texts": [{"language": "en", "name": " "}, {"language": "ko", "name": "`+strings.Repeat("x", 501)+`"}]}`, invalid("texts.0.name", "texts.1.name")),
			e.unreadable("a language that is none", `{"texts": [{"language": "??", "name": "A"}]}`, "texts.0.language"),
			e.refuses("a language twice", `{"texts": [{"language": "en", "name": "A"}, {"language": "EN", "name": "B"}]}`, invalid("texts.1.language")),
			e.refuses("a name with a zero", `{"texts": [{"language": "en", "name": "a\u0000b"}]}`, invalid("texts.0.name")),
			e.refuses("into the archive", `{"status": "ARCHIVED"}`, invalid("status")),
		)
	}
	return list
}

func refusedBundles() []refusal {
	components := func(list string) string { return `{"components": [` + list + `]}` }
	list := []refusal{
		newBundle.refuses("no components", components(``), invalid("components")),
		newBundle.refuses("101 components", `{"components": `+many(101, `{"productId": "$poems"}`)+`}`, invalid("components")),
		newBundle.refuses("components of nothing", components(`{"productId": "$nothing"}, {"bundleId": "$no-bundle"}, {}`), invalid("components.0.productId", "components.1.bundleId", "components.2.productId")),
		newBundle.refuses("a component that is two things", components(`{"productId": "$poems", "bundleId": "$pair"}`), invalid("components.0.bundleId")),
		newBundle.refuses("ids of other kinds", components(`{"productId": "$pair"}, {"bundleId": "$poems"}, {"productId": "poems"}, {"bundleId": ""}`),
			invalid("components.0.productId", "components.1.bundleId", "components.2.productId", "components.3.bundleId")),
		newBundle.refuses("quantities", components(`{"productId": "$poems", "quantity": 2}, {"productId": "$hints", "quantity": 0}, {"productId": "$lives", "quantity": 10000}`),
			invalid("components.0.quantity", "components.1.quantity", "components.2.quantity")),
		newBundle.refuses("the same twice", components(`{"productId": "$poems"}, {"productId": "$poems"}`), invalid("components.1.productId")),
		newBundle.refuses("what is archived", components(`{"productId": "$archived"}, {"bundleId": "$old-bundle"}`), invalid("components.0.productId", "components.1.bundleId")),
		newBundle.refuses("a bundle to choose from in it", components(`{"bundleId": "$any"}`), invalid("components.0.bundleId")),
		newBundle.refuses("durable products several times", components(`{"bundleId": "$outer", "quantity": 2}`), invalid("components.0.quantity")),
		newBundle.refuses("more of one thing than anybody can buy", components(`{"bundleId": "$several", "quantity": 2}`), invalid("components")),
		newBundle.refuses("fixed without a price", `{"prices": []}`, invalid("prices")),
		newBundle.refuses("fixed with a percentage and a number to choose", `{"percentOff": "10", "choose": 1}`, invalid("percentOff", "choose")),
		newBundle.refuses("a percentage without one", `{"kind": "PERCENTAGE", "prices": []}`, invalid("percentOff")),
		newBundle.refuses("a percentage with prices", `{"kind": "PERCENTAGE", "percentOff": "10"}`, invalid("prices")),
		newBundle.refuses("a choice of nothing", `{"kind": "CHOOSE", "choose": 0}`, invalid("choose")),
		newBundle.refuses("a choice of all", `{"kind": "CHOOSE", "choose": 2}`, invalid("choose")),
		newBundle.refuses("a choice without a number, at a price and a percentage", `{"kind": "CHOOSE", "percentOff": "10"}`, invalid("percentOff", "choose")),
		newBundle.refuses("a choice without a price", `{"kind": "CHOOSE", "choose": 1, "prices": []}`, invalid("prices")),
		newBundle.refuses("a choice of bundles", `{"kind": "CHOOSE", "choose": 1, "components": [{"bundleId": "$pair"}, {"productId": "$lives"}]}`, invalid("components.0.bundleId")),
		newBundle.refuses("prices", `{"prices": [{"currency": "CHF", "amount": "1"}, {"currency": "USD", "amount": "0.001"}, {"currency": "KRW", "amount": "-1"}, {"currency": "EUR", "amount": "1"}, {"currency": "EUR", "amount": "1"}, {"currency": "GBP", "amount": "1e2"}]}`,
			invalid("prices.5.amount", "prices.0.currency", "prices.1.amount", "prices.2.amount", "prices.4.currency")),
		newBundle.refuses("half a point for a price", `{"prices": [{"currency": "POINTS", "amount": "0.5"}]}`, invalid("prices.0.amount")),
		newBundle.refuses("a slug that is taken", `{"slug": "a-pair"}`, invalid("slug")),
		newBundle.refuses("a slug that is none", `{"slug": "A pair!"}`, invalid("slug")),
		newBundle.refuses("an end before the beginning", `{"publishFrom": "2026-12-25T00:00:00Z", "publishUntil": "2026-12-25T00:00:00Z"}`, invalid("publishUntil")),
		newBundle.refuses("all that is wrong at once",
			`{"status": "ARCHIVED", "texts": [], "kind": "PERCENTAGE", "percentOff": "x", "prices": [{"currency": "USD", "amount": "y"}], "choose": 1, "slug": "-", "components": [{"productId": "z"}, {"productId": "$hints", "quantity": -1}],
				"publishFrom": "2026-12-26T00:00:00Z", "publishUntil": "2026-12-25T00:00:00Z"}`,
			invalid("components.0.productId", "percentOff", "prices.0.amount", "status", "texts", "prices", "choose", "components.1.quantity", "publishUntil", "slug")),

		oldBundle.refuses("itself in it", components(`{"bundleId": "$pair"}`), invalid("components.0.bundleId")),
		oldBundle.refuses("in itself by way of another", components(`{"productId": "$poems"}, {"bundleId": "$outer"}`), invalid("components.1.bundleId")),
		oldBundle.refuses("null for what must be", `{"status": null, "texts": null, "slug": null, "components": null}`, invalid("status", "texts", "slug", "components")),
		oldBundle.refuses("no price any more", `{"prices": null}`, invalid("prices")),
		oldBundle.refuses("a percentage for a price", `{"percentOff": "10", "prices": []}`, invalid("percentOff", "prices")),
		oldBundle.refuses("a slug that is taken", `{"slug": "outer"}`, invalid("slug")),
		oldBundle.refuses("what is archived", components(`{"productId": "$archived"}`), invalid("components.0.productId")),
		oldBundle.refuses("more to choose than there is", `{"id": "$any", "choose": 2}`, invalid("choose")),
		oldBundle.refuses("less than is to be chosen", `{"id": "$any", "components": [{"productId": "$lives"}]}`, invalid("components")),
		oldBundle.refuses("an end before the beginning", `{"publishFrom": "2026-12-25T00:00:00Z", "publishUntil": "2026-12-24T00:00:00Z"}`, invalid("publishUntil")),
		oldBundle.refuses("another's change, and all that is wrong", `{"expectedVersion": 2, "status": "ARCHIVED", "percentOff": "101", "components": []}`, conflict()+`, `+invalid("status", "percentOff", "components")),
	}
	for _, percent := range badPercents {
		list = append(list, newBundle.refuses("a percentage of "+percent, `{"kind": "PERCENTAGE", "prices": [], "percentOff": `+percent+`}`, invalid("percentOff")),
			oldBundle.refuses("a percentage of "+percent, `{"id": "$outer", "percentOff": `+percent+`}`, invalid("percentOff")))
	}
	return list
}

func refusedTrials() []refusal {
	list := []refusal{
		newTrial.refuses("no price", `{"prices": []}`, invalid("prices")),
		newTrial.refuses("a price that is none", `{"prices": [{"currency": "USD", "amount": "0.005"}, {"currency": "USD", "amount": "1"}]}`, invalid("prices.0.amount", "prices.1.currency")),
		newTrial.refuses("no time", `{"durationHours": 0, "graceHours": -1, "uses": 0}`, invalid("durationHours", "graceHours", "uses")),
		newTrial.refuses("too much time", `{"durationHours": 8761, "graceHours": 8761, "uses": 1000001}`, invalid("durationHours", "graceHours", "uses")),
		newTrial.refuses("an end before the beginning", `{"publishFrom": "2026-12-25T00:00:00Z", "publishUntil": "2026-12-24T00:00:00Z"}`, invalid("publishUntil")),
		newTrial.refuses("all that is wrong at once", `{"status": "ARCHIVED", "texts": [], "productId": "$ada", "prices": [{"currency": "CHF", "amount": "NaN"}], "durationHours": -5, "publishFrom": "2026-12-25T00:00:00Z", "publishUntil": "2026-12-25T00:00:00Z"}`,
			invalid("productId", "prices.0.amount", "status", "texts", "prices.0.currency", "durationHours", "publishUntil")),
		oldTrial.refuses("null for what must be", `{"status": null, "texts": null, "prices": null, "durationHours": null, "graceHours": null}`, invalid("status", "texts", "prices", "durationHours", "graceHours")),
		oldTrial.refuses("no price", `{"prices": []}`, invalid("prices")),
		oldTrial.refuses("another's change, and all that is wrong", `{"expectedVersion": 9, "durationHours": 0, "uses": -1}`, conflict()+`, `+invalid("durationHours", "uses")),
	}
	for name, product := range map[string]string{"what is used up": "$hints", "what is archived": "$archived", "nothing": "$nothing", "a bundle": "$pair", "no id": "poems", "no text": ""} {
		list = append(list, newTrial.refuses("of "+name, `{"productId": "`+product+`"}`, invalid("productId")))
	}
	return list
}

func refusedSales() []refusal {
	weekly := func(fields string) string {
		return `{"endsAt": "2027-12-25T00:00:00Z", "recurrence": ` + strings.TrimSuffix(strings.TrimPrefix(changed(`{"timeZone": "Asia/Seoul", "weekdays": ["FRIDAY"], "from": "18:00", "until": "20:00"}`, fields), `{"in":`), `}`) + `}`
	}
	scope := func(fields string) string { return `{"scope": {` + fields + `}}` }
	list := []refusal{
		newSale.refuses("for nothing", scope(``), invalid("scope")),
		newSale.refuses("for what is not there", scope(`"productIds": ["$nothing", "$poems"], "bundleIds": ["$pair", "$no-bundle"]`), invalid("scope.productIds.0", "scope.bundleIds.1")),
		newSale.refuses("for ids of other kinds", scope(`"productIds": ["$pair", "$nothing", "poems"], "bundleIds": ["$poems"]`), invalid("scope.productIds.0", "scope.productIds.2", "scope.bundleIds.0", "scope.productIds.1")),
		newSale.refuses("for labels that are none", scope(`"tags": ["", "good"], "categories": ["`+strings.Repeat("x", 101)+`"]`), invalid("scope.tags.0", "scope.categories.0")),
		newSale.refuses("for 501 products", scope(`"productIds": `+many(501, `"$poems"`)), invalid("scope.productIds")),
		newSale.refuses("for 51 tags", scope(`"tags": `+many(51, `"tag"`)), invalid("scope.tags")),
		newSale.refuses("without an end", `{"endsAt": null}`, invalid("endsAt")),
		newSale.refuses("that is over", `{"startsAt": "2026-12-23T00:00:00Z", "endsAt": "2026-12-24T18:00:00Z"}`, invalid("endsAt")),
		newSale.refuses("that ends when it begins", `{"startsAt": "2026-12-25T00:00:00Z"}`, invalid("endsAt")),
		newSale.refuses("a percentage without one", `{"percentOff": null}`, invalid("percentOff")),
		newSale.refuses("a percentage with prices", `{"prices": [{"currency": "USD", "amount": "1"}]}`, invalid("prices")),
		newSale.refuses("a price without one", `{"kind": "FIXED"}`, invalid("prices", "percentOff")),
		newSale.refuses("prices that are none", `{"kind": "FIXED", "percentOff": null, "prices": [{"currency": "USD", "amount": "x"}, {"currency": "usd", "amount": "1"}]}`, invalid("prices.0.amount", "prices.1.currency")),
		newSale.refuses("no stock", `{"stock": 0, "perShopper": 0}`, invalid("stock", "perShopper")),
		newSale.refuses("more stock than can be counted", `{"stock": 1000000001, "perShopper": -1}`, invalid("stock", "perShopper")),
		newSale.refuses("on no day", weekly(`{"weekdays": []}`), invalid("recurrence.weekdays")),
		newSale.refuses("on a day twice", weekly(`{"weekdays": ["FRIDAY", "MONDAY", "FRIDAY"]}`), invalid("recurrence.weekdays.2")),
		newSale.refuses("at no time", weekly(`{"from": "24:00", "until": "8 pm"}`), invalid("recurrence.from", "recurrence.until")),
		newSale.refuses("with a window that never comes", `{"recurrence": {"timeZone": "Asia/Seoul", "weekdays": ["SUNDAY"], "from": "18:00", "until": "20:00"}}`, invalid("recurrence")),
		newSale.refuses("all that is wrong at once", `{"status": "ARCHIVED", "texts": [], "percentOff": "0.001", "scope": {"productIds": ["x"], "tags": [""]}, "startsAt": "2026-12-26T00:00:00Z", "stock": -1, "perShopper": 0,
			"recurrence": {"timeZone": "Mars/Olympus", "weekdays": [], "from": "6", "until": "7"}}`,
			invalid("percentOff", "scope.productIds.0", "status", "texts", "scope.tags.0", "recurrence.timeZone", "recurrence.weekdays", "recurrence.from", "recurrence.until", "stock", "perShopper", "endsAt")),

		oldSale.refuses("null for what must be", `{"status": null, "texts": null, "kind": null, "scope": null, "startsAt": null}`, invalid("status", "texts", "kind", "scope", "startsAt")),
		oldSale.refuses("without an end", `{"endsAt": null}`, invalid("endsAt")),
		oldSale.refuses("an end that is past", `{"startsAt": "2026-12-23T00:00:00Z", "endsAt": "2026-12-24T17:00:00Z"}`, invalid("endsAt")),
		oldSale.refuses("another kind without its price", `{"kind": "FIXED"}`, invalid("prices")),
		oldSale.refuses("a price for a percentage", `{"prices": [{"currency": "USD", "amount": "1"}]}`, invalid("prices")),
		oldSale.refuses("recurring, when units were sold", `{"endsAt": "2027-12-25T00:00:00Z", "recurrence": {"timeZone": "Asia/Seoul", "weekdays": ["FRIDAY"], "from": "18:00", "until": "20:00"}}`, invalid("recurrence")),
		oldSale.refuses("a stock below nothing", `{"stock": -1, "perShopper": 0}`, invalid("stock", "perShopper")),
		oldSale.refuses("for nothing", `{"scope": {}}`, invalid("scope")),
		oldSale.refuses("another's change, and all that is wrong", `{"expectedVersion": 2, "percentOff": "0", "scope": {"bundleIds": ["$no-bundle"]}, "stock": -1}`, conflict()+`, `+invalid("percentOff", "stock", "scope.bundleIds.0")),
		newSale.unreadable("a time that is none", `{"endsAt": "tomorrow"}`, "endsAt"),
		newSale.unreadable("a time after all years", `{"endsAt": "9999-12-31T23:59:59-00:01"}`, "endsAt"),
		newSale.unreadable("a time before all years", `{"startsAt": "0001-01-01T00:00:00+00:01"}`, "startsAt"),
		newSale.unreadable("a time without an offset", `{"startsAt": "2026-12-25T00:00:00"}`, "startsAt"),
	}
	for _, zone := range []string{"", "Mars/Olympus", "Local", "localtime", "KST", "+09:00", "../etc/passwd", "asia/seoul/"} {
		list = append(list, newSale.refuses("in the time zone "+strconv.Quote(zone), weekly(`{"timeZone": "`+zone+`"}`), invalid("recurrence.timeZone")))
	}
	for _, percent := range badPercents {
		list = append(list, newSale.refuses("a percentage of "+percent, `{"percentOff": `+percent+`}`, invalid("percentOff")),
			oldSale.refuses("a percentage of "+percent, `{"percentOff": `+percent+`}`, invalid("percentOff")))
	}
	return list
}

func refusedPlans() []refusal {
	ladder := make([]string, 21)
	for i := range ladder {
		ladder[i] = tier(i+1, i+1, "1")
	}
	ladder[20] = tier(21, 0, "1")
	list := []refusal{
		newPlan.refuses("of what is owned", `{"productId": "$poems"}`, invalid("productId")),
		newPlan.refuses("of what has one", `{"productId": "$hints"}`, invalid("productId")),
		newPlan.refuses("of nothing", `{"productId": "$nothing"}`, invalid("productId")),
		newPlan.refuses("of a bundle", `{"productId": "$pair"}`, invalid("productId")),
		newPlan.refuses("an end before the beginning", `{"startsAt": "2026-12-25T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z"}`, invalid("endsAt")),
		newPlan.refuses("all that is wrong at once", `{"status": "ARCHIVED", "texts": [], "productId": "x", "tiers": [`+tier(0, 5, "x")+`, `+tier(8, 7, "1")+`], "startsAt": "2026-12-25T00:00:00Z", "endsAt": "2026-12-24T00:00:00Z"}`,
			invalid("productId", "tiers.0.prices.0.amount", "status", "texts", "tiers.0.from", "tiers.1.from", "tiers.1.upTo", "endsAt")),
		oldPlan.refuses("null for what must be", `{"status": null, "texts": null, "mode": null, "tiers": null, "startsAt": null}`, invalid("status", "texts", "mode", "tiers", "startsAt")),
		oldPlan.refuses("a second one that counts", `{"id": "$draft-tiers", "status": "ACTIVE"}`, invalid("status")),
		oldPlan.refuses("another's change, and all that is wrong", `{"expectedVersion": 2, "tiers": []}`, conflict()+`, `+invalid("tiers")),
	}
	for _, e := range []entry{newPlan, oldPlan} {
		list = append(list,
			e.refuses("one tier", tiers(tier(1, 0, "1")), invalid("tiers")),
			e.refuses("21 tiers", tiers(ladder...), invalid("tiers")),
			e.refuses("not from the first unit", tiers(tier(2, 9, "1"), tier(10, 0, "1")), invalid("tiers.0.from")),
			e.refuses("a gap", tiers(tier(1, 9, "1"), tier(11, 0, "1")), invalid("tiers.1.from")),
			e.refuses("an overlap", tiers(tier(1, 9, "1"), tier(9, 0, "1")), invalid("tiers.1.from")),
			e.refuses("an end of the last", tiers(tier(1, 9, "1"), tier(10, 20, "1")), invalid("tiers.1.upTo")),
			e.refuses("no end of another", tiers(tier(1, 0, "1"), tier(10, 0, "1")), invalid("tiers.0.upTo")),
			e.refuses("an end before the beginning", tiers(tier(1, 9, "1"), tier(10, 5, "1"), tier(6, 0, "1")), invalid("tiers.1.upTo")),
			e.refuses("more units than anybody can buy", tiers(tier(1, 10000, "1"), tier(10001, 0, "1")), invalid("tiers.0.upTo", "tiers.1.from")),
			e.refuses("other currencies", `{"tiers": [`+tier(1, 9, "1")+`, {"from": 10, "prices": [{"currency": "KRW", "amount": "1"}]}]}`, invalid("tiers.1.prices")),
			e.refuses("no prices", `{"tiers": [{"from": 1, "upTo": 9, "prices": []}, `+tier(10, 0, "1")+`]}`, invalid("tiers.0.prices")),
			e.refuses("prices that are none", tiers(tier(1, 9, "0.001"), tier(10, 0, "NaN")), invalid("tiers.1.prices.0.amount", "tiers.0.prices.0.amount")),
		)
	}
	return list
}

func refusedCoupons() []refusal {
	list := []refusal{
		newCoupon.refuses("a percentage without one", `{"percentOff": null}`, invalid("percentOff")),
		newCoupon.refuses("a percentage with amounts", `{"amounts": [{"currency": "USD", "amount": "1"}]}`, invalid("amounts")),
		newCoupon.refuses("an amount without one", `{"kind": "AMOUNT", "percentOff": null}`, invalid("amounts")),
		newCoupon.refuses("amounts that are none", `{"kind": "AMOUNT", "percentOff": null, "amounts": [{"currency": "USD", "amount": "0"}, {"currency": "KRW", "amount": "0.5"}, {"currency": "CHF", "amount": "1"}, {"currency": "EUR", "amount": "-1"}, {"currency": "GBP", "amount": "x"}]}`,
			invalid("amounts.4.amount", "amounts.1.amount", "amounts.2.currency", "amounts.3.amount", "amounts.0.amount")),
		newCoupon.refuses("no stock", `{"stock": 0, "perShopper": 0}`, invalid("stock", "perShopper")),
		newCoupon.refuses("an end before the beginning", `{"startsAt": "2026-12-25T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z"}`, invalid("endsAt")),
		newCoupon.refuses("for what is not there", `{"scope": {"productIds": ["$nothing", "x"], "bundleIds": ["$no-bundle"], "tags": [""]}}`, invalid("scope.productIds.1", "scope.tags.0", "scope.productIds.0", "scope.bundleIds.0")),
		newCoupon.refuses("all that is wrong at once", `{"status": "ARCHIVED", "texts": [], "code": "?", "percentOff": "x", "scope": {"bundleIds": ["$poems"]}, "stock": -1, "startsAt": "2026-12-25T00:00:00Z", "endsAt": "2026-12-24T00:00:00Z"}`,
			invalid("percentOff", "scope.bundleIds.0", "status", "texts", "code", "stock", "endsAt")),
		oldCoupon.refuses("null for what must be", `{"status": null, "texts": null, "combines": null, "startsAt": null}`, invalid("status", "texts", "combines", "startsAt")),
		oldCoupon.refuses("no percentage", `{"percentOff": null}`, invalid("percentOff")),
		oldCoupon.refuses("an amount for a percentage", `{"amounts": [{"currency": "USD", "amount": "1"}]}`, invalid("amounts")),
		oldCoupon.refuses("another's change, and all that is wrong", `{"expectedVersion": 2, "percentOff": "101", "stock": -1, "perShopper": 0}`, conflict()+`, `+invalid("percentOff", "stock", "perShopper")),
	}
	for _, code := range []string{"", "SHORT", strings.Repeat("X", 65), "TWO WORDS", "A+B+C+D", "CODE\\u0000CODE", "coupon-2026", " COUPON-2026 ", "ＣＯＵＰＯＮ-2026", "old-code"} {
		list = append(list, newCoupon.refuses("the code "+strconv.Quote(code), `{"code": "`+code+`"}`, invalid("code")))
	}
	for _, percent := range badPercents {
		list = append(list, newCoupon.refuses("a percentage of "+percent, `{"percentOff": `+percent+`}`, invalid("percentOff")))
	}
	return list
}

// refusedIDs are changes of what is not there, is something else, or has been put away.
func refusedIDs() []refusal {
	var list []refusal
	for _, of := range []struct{ kind, name, own, nothing, old string }{
		{"Bundle", "bundle", "$pair", "$no-bundle", "$old-bundle"},
		{"TrialOffer", "trialOffer", "$try", "$no-trial", "$old-trial"},
		{"FlashSale", "flashSale", "$sale", "$no-sale", "$old-sale"},
		{"TierPlan", "tierPlan", "$tiers", "$no-plan", "$old-plan"},
		{"Coupon", "coupon", "$coupon", "$no-coupon", "$old-coupon"},
	} {
		update, archive := entry{"update" + of.kind, of.name, `{}`}, entry{"archive" + of.kind, of.name, `{}`}
		all := []entry{update, archive}
		if of.kind == "FlashSale" {
			all = append(all, entry{"endFlashSale", of.name, `{}`})
		}
		for _, e := range all {
			list = append(list,
				e.refuses("of nothing", `{"id": "`+of.nothing+`"}`, general("NOT_FOUND", "")),
				e.refuses("of a product", `{"id": "$poems"}`, invalid("id")),
				e.refuses("of no id", `{"id": "x"}`, invalid("id")),
				e.refuses("of another version", `{"id": "`+of.own+`", "expectedVersion": 0}`, conflict()),
			)
		}
		list = append(list,
			update.refuses("of nothing, and all that is wrong", `{"id": "`+of.nothing+`", "status": "ARCHIVED", "texts": []}`, general("NOT_FOUND", "")+`, `+invalid("status", "texts")),
			update.refuses("of no id, and all that is wrong", `{"id": "x", "expectedVersion": 9, "status": "ARCHIVED", "texts": []}`, invalid("id", "status", "texts")),
			update.refuses("back from the archive", `{"id": "`+of.old+`", "status": "ACTIVE"}`, invalid("status")),
		)
		for _, role := range []string{"", "SHOPPER ada", "SERVICE web", "SERVICE web for ada", "SUPPORT sue"} {
			code := "FORBIDDEN"
			if role == "" {
				code = "UNAUTHENTICATED"
			}
			list = append(list, refusal{"archive" + of.kind + " as " + role, by(role, `mutation { archive`+of.kind+`(input: {id: "`+of.own+`"}) { errors { code } } }`, topLevel(code, "archive"+of.kind, ""))})
		}
	}
	return list
}

func refusedUses() []refusal {
	use := func(name, fields, want string) refusal {
		return mutate("useEntitlement: "+name, "SHOPPER ada", "useEntitlement", "entitlement", `{"idempotencyKey": "new", "id": "$packet"}`, fields, want)
	}
	const used = `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["units"]}`
	return []refusal{
		use("of nothing", `{"id": "$no-entitlement"}`, general("NOT_FOUND", "id")),
		use("of a product", `{"id": "$hints"}`, invalid("id")),
		use("more than there is", `{"units": 5}`, used),
		use("more than anybody can have", `{"units": 1000000001}`, invalid("units")),
		use("all that is wrong at once", `{"idempotencyKey": "", "id": "x", "units": 0}`, invalid("id", "idempotencyKey", "units")),
		use("the key of another use", `{"idempotencyKey": "used", "units": 2}`, `{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`),
		{"useEntitlement: no shopper", mia(`mutation { useEntitlement(input: {idempotencyKey: "new", id: "$packet"}) { errors { code } } }`, topLevel("FORBIDDEN", "useEntitlement", ""))},
	}
}

func refusedBaskets() []refusal {
	invalidCoupon := `{"__typename": "CouponNotValidError", "code": "COUPON_NOT_VALID", "path": ["couponCode"]}`
	unavailable := `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["items", "0", "id"]}`
	list := []refusal{
		checkout("a flash sale", `{"items": [{"id": "$sale"}]}`, invalid("items.0.id")),
		checkout("a coupon, and a plan", `{"items": [{"id": "$coupon"}, {"id": "$tiers"}]}`, invalid("items.0.id", "items.1.id")),
		checkout("a bundle of nothing, and a trial of nothing", `{"items": [{"id": "$no-bundle"}, {"id": "$no-trial"}]}`, general("NOT_FOUND", "items.0.id")+`, `+general("NOT_FOUND", "items.1.id")),
		checkout("two bundles with durable goods", `{"items": [{"id": "$pair", "quantity": 2}], "expectedTotal": "9"}`, invalid("items.0.quantity")),
		checkout("choices where there are none", `{"items": [{"id": "$pair", "choices": ["$poems"]}, {"id": "$hints", "choices": ["$hints"]}]}`, invalid("items.0.choices", "items.1.choices")),
		checkout("choices of other kinds", `{"items": [{"id": "$any", "choices": ["$pair", "x"]}]}`, invalid("items.0.choices.0", "items.0.choices.1")),
		checkout("101 choices", `{"items": [{"id": "$any", "choices": `+many(101, `"$poems"`)+`}]}`, invalid("items.0.choices")),
		checkout("the same chosen twice", `{"items": [{"id": "$any", "choices": ["$poems", "$poems"]}]}`, invalid("items.0.choices")+`, `+invalid("items.0.choices")),
		checkout("a bundle that is not sold in the currency", `{"currency": "KRW", "items": [{"id": "$pair"}], "expectedTotal": "1"}`, unavailable),
		checkout("a trial that is not offered in the currency", `{"currency": "KRW", "items": [{"id": "$try"}], "expectedTotal": "1"}`, unavailable),
		checkout("a trial and the product", `{"items": [{"id": "$try"}, {"id": "$atlas"}]}`, invalid("items.0.id")),
		checkout("a trial twice", `{"items": [{"id": "$try", "quantity": 2}]}`, invalid("items.0.quantity")),
		checkout("a wrong code, and a wrong total", `{"couponCode": "NO-SUCH-CODE", "expectedTotal": "0.50"}`, invalidCoupon),
	}
	for _, code := range []string{"NO-SUCH-CODE", "OLD-CODE", "X", strings.Repeat("X", 1000), "💰💰💰💰💰💰", "COUPON\\u0000-2026", "coupon 2026", " "} {
		list = append(list, checkout("the code "+code[:min(len(code), 12)], `{"couponCode": "`+code+`"}`, invalidCoupon))
	}
	return list
}

func refusedReads() []refusal {
	list := []refusal{
		read("bundle: neither id nor slug", `{ bundle { id } }`, inside("bundle", "id", `{"bundle": null}`)),
		read("bundle: both id and slug", `{ bundle(id: "$pair", slug: "a-pair") { id } }`, inside("bundle", "id", `{"bundle": null}`)),
		read("bundle: an id of a product", `{ bundle(id: "$poems") { id } }`, inside("bundle", "id", `{"bundle": null}`)),
		read("bundle: a slug that is none", `{ bundle(slug: "\u0000") { id } }`, `{"data": {"bundle": null}}`),
		read("flashSale: an id of a product", `{ flashSale(id: "$poems") { id } }`, inside("flashSale", "id", `{"flashSale": null}`)),
		read("bundles: of no product", `{ bundles(filter: {productId: "$pair"}) { totalCount } }`, inside("bundles", "filter.productId", "null")),
		read("bundle: a history of nothing", `{ bundle(id: "$pair") { priceHistory(currency: "USD", first: 0) { since } } }`, inside("bundle.priceHistory", "first", `{"bundle": null}`)),
		read("bundle: a history of 101 steps", `{ bundle(id: "$pair") { priceHistory(currency: "USD", first: 101) { since } } }`, inside("bundle.priceHistory", "first", `{"bundle": null}`)),
		{"coupons: by product", mia(`{ coupons(filter: {productId: "$poems"}) { totalCount } }`, inside("coupons", "filter.productId", "null"))},
		{"auditEntries: of nothing that is audited", mia(`{ auditEntries(filter: {targetId: "x"}) { totalCount } }`, inside("auditEntries", "filter.targetId", "null"))},
		{"auditEntries: 101 of them", mia(`{ auditEntries(first: 101) { totalCount } }`, inside("auditEntries", "first", "null"))},
		{"offerConflicts: of more than a year", mia(`{ offerConflicts(currency: "USD", until: "2027-12-25T18:00:00Z") { startsAt } }`, inside("offerConflicts", "until", "null"))},
	}
	for _, of := range []string{"bundles", "trialOffers", "flashSales"} {
		list = append(list,
			read(of+": none of them", `{ `+of+`(first: 0) { totalCount } }`, inside(of, "first", "null")),
			read(of+": 101 of them", `{ `+of+`(last: 101) { totalCount } }`, inside(of, "last", "null")),
			read(of+": a cursor that is none", `{ `+of+`(after: "x") { totalCount } }`, inside(of, "after", "null")),
		)
	}
	return list
}

// TestCodesAreNotTold has every code that is not good refused in the same words, whatever is wrong with it, and in a quote as
// at the till.
func TestCodesAreNotTold(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: unlimitedCodes})
		o.shopper(t, "ada", "USD 20")
		o.shopper(t, "ben", "USD 20")
		coupon := func(name, fields string) step {
			return makes("Coupon", "$"+name, text("Coupon")+`, code: "`+strings.ToUpper(name)+`-CODE", kind: PERCENTAGE, percentOff: "50"`+fields)
		}
		for _, step := range []step{
			coupon("planned", `, startsAt: "2026-12-24T18:00:00.000001Z"`),
			coupon("expired", `, startsAt: "2026-12-01T00:00:00Z", endsAt: "2026-12-24T18:00:00Z"`),
			coupon("drafted", `, status: DRAFT`),
			coupon("withdrawn", ``),
			coupon("spent", `, stock: 1`),
			coupon("closed", `, stock: 2`),
			coupon("own", `, perShopper: 1`),
			mia(`mutation { archiveCoupon(input: {id: "$withdrawn"}) { errors { code } } }`, `{"data": {"archiveCoupon": {"errors": []}}}`),
			by("SHOPPER ben", buying("k1", `{id: "$hints"}`, "0.10")+`, couponCode: "SPENT-CODE"}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
			by("SHOPPER ben", buying("k2", `{id: "$hints"}`, "0.10")+`, couponCode: "CLOSED-CODE"}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
			mia(`mutation { updateCoupon(input: {id: "$closed", stock: 0}) { errors { code } } }`, `{"data": {"updateCoupon": {"errors": []}}}`),
			ada(buying("k1", `{id: "$hints"}`, "0.10")+`, couponCode: "OWN-CODE"}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
		} {
			o.play(t, step)
		}
		for _, code := range []string{"PLANNED-CODE", "EXPIRED-CODE", "DRAFTED-CODE", "WITHDRAWN-CODE", "SPENT-CODE", "CLOSED-CODE", "OWN-CODE", "UNKNOWN-CODE"} {
			o.play(t, ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}], couponCode: "`+code+`"}) { total { amount } lines { total { amount } adjustments { kind } } notApplied { kind } rewards { points { amount } } errors { __typename code message path } } }`,
				`{"data": {"quote": {"total": {"amount": "0.20"}, "lines": [{"total": {"amount": "0.20"}, "adjustments": []}], "notApplied": [], "rewards": null, "errors": [`+noCoupon+`]}}}`))
			before := o.rows(t)
			for _, total := range []string{"0.10", "0.20"} {
				o.play(t, ada(buying("k2", `{id: "$hints"}`, total)+`, couponCode: "`+code+`"}) { purchase { id } replayed wallet { id } errors { __typename code message path } } }`,
					`{"data": {"checkout": {"purchase": null, "replayed": false, "wallet": null, "errors": [`+noCoupon+`]}}}`))
			}
			if diff := cmp.Diff(before, o.rows(t)); diff != "" {
				t.Errorf("%s left a trace (-before +after):\n%s", code, diff)
			}
		}
		o.verify(t)
	})
}

// TestCodesAreLimited has guesses of codes end soon, in quotes and at the till together, also for who hits upon a good one;
// what was bought with a code is answered all the same.
func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{settings: []string{"COUPON_LIMIT_SHOPPER=1/h:4", "COUPON_LIMIT_ADDRESS=1/h:7"}, options: app.Options{Limiter: s.patient(t)}})
		o.shopper(t, "ada", "USD 20")
		o.shopper(t, "ben", "USD 20")
		o.play(t, makes("Coupon", "$half", text("Half")+`, code: "GOOD-CODE", kind: PERCENTAGE, percentOff: "50"`))
		const limited = `{"code": "RATE_LIMITED", "retryAfterMs": "$*", "limit": {"limit": LIMIT, "remaining": 0}}`
		const errors = `errors { code ... on RateLimitedError { retryAfterMs limit { limit remaining } } }`
		buy := func(as, key, code, want string) {
			t.Helper()
			o.play(t, by(as, buying(key, `{id: "$hints"}`, "0.10")+`, couponCode: "`+code+`"}) { purchase { id } replayed rateLimit { limit remaining } `+errors+` } }`, `{"data": {"checkout": `+want+`}}`))
		}
		quote := func(as, code, total, want string) {
			t.Helper()
			o.play(t, by(as, `{ quote(input: {currency: "USD", items: [{id: "$hints"}], couponCode: "`+code+`"}) { total { amount } lines { quantity } `+errors+` } }`,
				`{"data": {"quote": {"total": {"amount": "`+total+`"}, "lines": `+map[bool]string{true: `[]`, false: `[{"quantity": 1}]`}[total == "0.00"]+`, "errors": [`+want+`]}}}`))
		}
		bought := func(purchase string, replayed bool) string {
			return `{"purchase": {"id": "` + purchase + `"}, "replayed": ` + strconv.FormatBool(replayed) + `, "rateLimit": {"limit": 100000, "remaining": "$*"}, "errors": []}`
		}
		refused := func(limit, code string) string {
			return `{"purchase": null, "replayed": false, "rateLimit": {"limit": 100000, "remaining": "$*"}, "errors": [` + strings.Replace(code, "LIMIT,", limit+",", 1) + `]}`
		}
		buy("SHOPPER ada", "k1", "GOOD-CODE", bought("$adas", false))
		quote("SHOPPER ada", "BAD-CODE-1", "0.20", `{"code": "COUPON_NOT_VALID"}`)
		buy("SHOPPER ada", "k2", "BAD-CODE-2", refused("", `{"code": "COUPON_NOT_VALID"}`))
		quote("SHOPPER ada", "BAD-CODE-3", "0.20", `{"code": "COUPON_NOT_VALID"}`)
		// The fourth in the hour was the last.
		before := o.rows(t)
		for range 2 {
			quote("SHOPPER ada", "GOOD-CODE", "0.00", strings.Replace(limited, "LIMIT,", "4,", 1))
			buy("SHOPPER ada", "k2", "GOOD-CODE", refused("4", limited))
			buy("SHOPPER ada", "k2", "BAD-CODE-4", refused("4", limited))
		}
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("the refusals left a trace (-before +after):\n%s", diff)
		}
		buy("SHOPPER ada", "k1", "GOOD-CODE", bought("$adas", true))
		buy("SHOPPER ada", "k1", "good-code", bought("$adas", true))
		// Without a code nobody is held up, and others may still try, until too many have come from one address.
		o.play(t, ada(buying("k2", `{id: "$hints"}`, "0.20")+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$*"}, "errors": []}}}`))
		buy("SHOPPER ben", "k1", "GOOD-CODE", bought("$bens", false))
		quote("", "GOOD-CODE", "0.10", ``)
		quote("", "BAD-CODE-5", "0.20", `{"code": "COUPON_NOT_VALID"}`)
		quote("", "GOOD-CODE", "0.00", strings.Replace(limited, "LIMIT,", "7,", 1))
		quote("SHOPPER ben", "GOOD-CODE", "0.00", strings.Replace(limited, "LIMIT,", "7,", 1))
		a := o.ask(t, call{
			query:  o.names.fill(`{ quote(input: {currency: "USD", items: [{id: "$hints"}], couponCode: "GOOD-CODE"}) { total { amount } } }`),
			header: http.Header{"X-Forwarded-For": {somewhere()}},
		})
		o.wants(t, a, `{"data": {"quote": {"total": {"amount": "0.10"}}}}`)
		o.verify(t)
	})
}

// TestCodesAreNotKept looks for codes of coupons in everything that is stored and logged.
func TestCodesAreNotKept(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const code = "XYLOPHONE-4711"
		o := s.open(t, opening{settings: unlimitedCodes})
		o.shopper(t, "ada", "USD 20")
		o.play(t, makes("Coupon", "$secret", text("Secret")+`, code: "`+code+`", kind: PERCENTAGE, percentOff: "50"`))
		o.play(t, ada(buying("k1", `{id: "$hints"}`, "0.10")+`, couponCode: "`+code+`"}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`))
		o.play(t, ada(buying("k2", `{id: "$hints"}`, "0.10")+`, couponCode: "`+code+`0"}) { errors { code } } }`, `{"data": {"checkout": {"errors": [{"code": "COUPON_NOT_VALID"}]}}}`))
		client := o.DB.Client()
		var stored []any
		for _, rows := range []func() (any, error){
			func() (any, error) { return client.Coupon.Query().All(t.Context()) },
			func() (any, error) { return client.AuditEntry.Query().All(t.Context()) },
			func() (any, error) { return client.LineAdjustment.Query().All(t.Context()) },
			func() (any, error) { return client.OutboxEvent.Query().All(t.Context()) },
			func() (any, error) { return client.IdempotencyKey.Query().All(t.Context()) },
		} {
			found, err := rows()
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, found)
		}
		text, err := json.Marshal(stored)
		if err != nil {
			t.Fatal(err)
		}
		for name, where := range map[string]string{"what is stored": string(text), "the log": o.log.String()} {
			if strings.Contains(strings.ToUpper(where), "XYLOPHONE") {
				t.Errorf("the code is in %s", name)
			}
		}
	})
}
