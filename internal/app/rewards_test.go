package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRewards tells what merchandisers can reward, and what shoppers see of it, step by step. Every refusal of what they
// enter has its own line in TestRewardRefusals.
func TestRewards(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		for _, c := range rewardScenarios() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	})
}

func rewardScenarios() []scenario {
	rich := map[string][]string{"ada": {"USD 50"}, "ben": {"USD 50"}, "eve": {"USD 50"}, "joe": nil}
	return []scenario{
		{name: "a merchandiser sets up a rule of every kind", funds: rich, steps: ruleSteps()},
		{name: "a rule is tried on what has happened before it is made", funds: rich, rules: usualRules(), steps: previewSteps()},
		{name: "nobody overwrites another's rule unseen, and a version lasts for what it awarded", funds: rich, rules: usualRules(), steps: versionSteps()},
		{name: "a quote shows what the checkout earns, and a repeat earns nothing more", funds: rich, rules: earningRules(), steps: earningSteps()},
		{name: "points by steps, in windows, once, and up to a cap", funds: rich, steps: pointsSteps()},
		{name: "7 of 10", funds: rich, rules: usualRules(), steps: progressSteps()},
		{name: "a secret badge is seen by those only who have it", funds: rich, steps: secretSteps()},
		{name: "14 points to Silver", funds: rich, rules: levelRules(), steps: levelSteps()},
		{name: "a quest is on in its window, and is completed once", funds: rich, steps: questSteps()},
		{name: "days in a row, in the shopper's own time zone", funds: rich, rules: streakRules(), steps: streakSteps()},
		{name: "only those are on a leaderboard who want to be seen", funds: rich, rules: leaderboardRules(), steps: leaderboardSteps()},
		{name: "around the middle of a leaderboard", funds: rich, rules: leaderboardRules(), steps: aroundSteps()},
		{name: "points take something off a basket", funds: rich, rules: redemptionRules(), steps: discountSteps()},
		{name: "goods for points", funds: rich, rules: redemptionRules(), steps: pointsPriceSteps()},
		{name: "a perk is redeemed once for every key", funds: rich, rules: redemptionRules(), steps: perkSteps()},
		{name: "points expire, soonest first", funds: rich, rules: redemptionRules("expireDays: 30"), steps: expirySteps()},
		{name: "settings are the shopper's own", funds: rich, rules: streakRules(), steps: settingsSteps()},
		{name: "what there is to earn is for everybody to see", funds: rich, rules: allRules(), steps: shelfSteps()},
	}
}

// rule is a step in which a merchandiser makes a rule of rewards under a code, with these terms and other fields. The rule is
// called "$code" from then on.
func rule(code, terms string) step {
	return mia(`mutation { createRewardRule(input: {code: "`+code+`", `+text(titled(code))+`, `+terms+`}) { rule { id version } errors { code path message } } }`,
		`{"data": {"createRewardRule": {"rule": {"id": "$`+code+`", "version": 1}, "errors": []}}}`)
}

// titled makes of a code what people read: "first-purchase" is "First purchase".
func titled(code string) string {
	words := strings.ReplaceAll(code, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// tenPerDollar gives ten points for every dollar.
const tenPerDollar = `points: {rates: [{currency: "USD", rate: "10"}]}`

// badgeFor is a badge for so much of one thing: "PURCHASES", "10".
func badgeFor(measure, target string) string {
	return `badge: {goals: [{measure: ` + measure + `, target: "` + target + `"}]}`
}

// usualRules are ten points for a dollar, and badges for the first and the tenth purchase.
func usualRules() []step {
	return []step{
		rule("usual", tenPerDollar),
		rule("first-purchase", badgeFor("PURCHASES", "1")),
		rule("ten-purchases", badgeFor("PURCHASES", "10")),
	}
}

const (
	scopeFields = `scope { products tags categories creators }`
	goalFields  = `goals { measure currency ` + scopeFields + ` target }`
	ruleFields  = `id kind code status name description picture languages startsAt endsAt version createdAt updatedAt
		points { rates { currency rate } steps { from { amount currency } rate } currency points { amount currency } extraPercent firstPurchase
			` + scopeFields + ` perDay { amount } perShopper { amount } expireDays }
		badge { ` + goalFields + ` secret } quest { ` + goalFields + ` points { amount currency } } level { from { amount } extraPercent }
		streak { period grace freezeEvery maxFreezes } leaderboard { period measure currency ` + scopeFields + ` } perk { cost { amount currency } freezes }
		discount { worth { currency rate } mostPercent least { amount } }`
	everything = `"scope": {"products": [], "tags": [], "categories": [], "creators": []}`
)

// everyKind is a rule of every kind, and of every way to give points: its code, its kind, what is entered, and how that is
// shown.
var everyKind = []struct{ code, kind, terms, shown string }{
	{
		"ten-a-dollar", "POINTS", `points: {rates: [{currency: "USD", rate: "10"}, {currency: "KRW", rate: "0.005"}], perDay: "500", perShopper: "10000", expireDays: 365}`,
		`"points": {"rates": [{"currency": "KRW", "rate": "0.005"}, {"currency": "USD", "rate": "10"}], "steps": [], "currency": null, "points": null, "extraPercent": null, "firstPurchase": false,
			` + everything + `, "perDay": {"amount": "500"}, "perShopper": {"amount": "10000"}, "expireDays": 365}`,
	},
	{
		"more-for-more", "POINTS", `points: {currency: "USD", steps: [{from: "0", rate: "0"}, {from: "5", rate: "1.5"}, {from: "10", rate: 3}]}`,
		`"points": {"rates": [], "steps": [{"from": {"amount": "0.00", "currency": "USD"}, "rate": "0"}, {"from": {"amount": "5.00", "currency": "USD"}, "rate": "1.5"}, {"from": {"amount": "10.00", "currency": "USD"}, "rate": "3"}],
			"currency": "USD", "points": null, "extraPercent": null, "firstPurchase": false, ` + everything + `, "perDay": null, "perShopper": null, "expireDays": null}`,
	},
	{
		"welcome", "POINTS", `points: {points: "50", firstPurchase: true}`,
		`"points": {"rates": [], "steps": [], "currency": null, "points": {"amount": "50", "currency": "POINTS"}, "extraPercent": null, "firstPurchase": true, ` + everything + `, "perDay": null, "perShopper": null, "expireDays": null}`,
	},
	{
		"double-poetry", "POINTS", `startsAt: "2026-12-25T00:00:00+09:00", endsAt: "2026-12-27T00:00:00Z", points: {extraPercent: "100", scope: {products: ["$atlas"], tags: ["Poésie", "POETRY", "poetry"], categories: ["Verse "], creators: ["Walt Whitman"]}}`,
		`"startsAt": "2026-12-24T15:00:00Z", "endsAt": "2026-12-27T00:00:00Z", "points": {"rates": [], "steps": [], "currency": null, "points": null, "extraPercent": "100", "firstPurchase": false,
			"scope": {"products": ["$atlas"], "tags": ["poesie", "poetry"], "categories": ["verse"], "creators": ["walt whitman"]}, "perDay": null, "perShopper": null, "expireDays": null}`,
	},
	{
		"patron", "BADGE", `picture: "/pictures/patron.svg", badge: {secret: true, goals: [{measure: AMOUNT, currency: "USD", target: "10.50"}, {measure: CREATORS, scope: {tags: ["poetry"]}, target: "3"}, {measure: STREAK_DAYS, target: 7}, {measure: POINTS, target: "100"}]}`,
		`"picture": "/pictures/patron.svg", "badge": {"secret": true, "goals": [{"measure": "AMOUNT", "currency": "USD", ` + everything + `, "target": "10.50"},
			{"measure": "CREATORS", "currency": null, "scope": {"products": [], "tags": ["poetry"], "categories": [], "creators": []}, "target": "3"},
			{"measure": "STREAK_DAYS", "currency": null, ` + everything + `, "target": "7"}, {"measure": "POINTS", "currency": null, ` + everything + `, "target": "100"}]}`,
	},
	{
		"winter-reader", "QUEST", `startsAt: "2026-12-24T00:00:00Z", endsAt: "2027-01-07T00:00:00Z", picture: "https://example.org/winter.png", quest: {goals: [{measure: PRODUCTS, target: "3"}], points: "40"}`,
		`"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2027-01-07T00:00:00Z", "picture": "https://example.org/winter.png",
			"quest": {"goals": [{"measure": "PRODUCTS", "currency": null, ` + everything + `, "target": "3"}], "points": {"amount": "40", "currency": "POINTS"}}`,
	},
	{"silver", "LEVEL", `level: {from: "500", extraPercent: "12.5"}`, `"level": {"from": {"amount": "500"}, "extraPercent": "12.5"}`},
	{"days-in-a-row", "STREAK", `streak: {period: DAY, grace: 1, freezeEvery: 7, maxFreezes: 2}`, `"streak": {"period": "DAY", "grace": 1, "freezeEvery": 7, "maxFreezes": 2}`},
	{"weeks-in-a-row", "STREAK", `streak: {period: WEEK}`, `"streak": {"period": "WEEK", "grace": 0, "freezeEvery": 0, "maxFreezes": 0}`},
	{
		"top-readers", "LEADERBOARD", `leaderboard: {period: WEEK, measure: AMOUNT, currency: "USD", scope: {categories: ["Novels"]}}`,
		`"leaderboard": {"period": "WEEK", "measure": "AMOUNT", "currency": "USD", "scope": {"products": [], "tags": [], "categories": ["novels"], "creators": []}}`,
	},
	{"streak-freeze", "PERK", `perk: {cost: "100", freezes: 1}`, `"perk": {"cost": {"amount": "100", "currency": "POINTS"}, "freezes": 1}`},
	{
		"cents-for-points", "DISCOUNT", `discount: {worth: [{currency: "USD", rate: "0.01"}, {currency: "EUR", rate: "0.009"}], mostPercent: "50", least: "10"}`,
		`"discount": {"worth": [{"currency": "EUR", "rate": "0.009"}, {"currency": "USD", "rate": "0.01"}], "mostPercent": "50", "least": {"amount": "10"}}`,
	},
}

// shownRule is how a rule is shown that was made at the beginning: "$code", with these fields, and nothing in all others.
func shownRule(code, kind string, fields ...string) string {
	all := []string{`{"points": null, "badge": null, "quest": null, "level": null, "streak": null, "leaderboard": null, "perk": null, "discount": null,
		"picture": null, "startsAt": null, "endsAt": null, "status": "ACTIVE", "version": 1, "description": "", "languages": ["en"],
		"createdAt": "2026-12-24T18:00:00Z", "updatedAt": "2026-12-24T18:00:00Z",
		"id": "$` + code + `", "kind": "` + kind + `", "code": "` + code + `", "name": "` + titled(code) + `"}`}
	for _, field := range fields {
		all = append(all, `{`+field+`}`)
	}
	return merged(all...)
}

// merged is one JSON object with the fields of several; later ones win.
func merged(objects ...string) string {
	all := map[string]json.RawMessage{}
	for _, object := range objects {
		if err := json.Unmarshal([]byte(object), &all); err != nil {
			panic(fmt.Sprintf("%v in %s", err, object))
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func ruleSteps() []step {
	var steps []step
	counts := map[string]int{}
	for _, r := range everyKind {
		steps = append(steps, mia(`mutation { createRewardRule(input: {code: "`+r.code+`", `+text(titled(r.code))+`, `+r.terms+`}) { rule { `+ruleFields+` } errors { code path message } } }`,
			`{"data": {"createRewardRule": {"rule": `+shownRule(r.code, r.kind, r.shown)+`, "errors": []}}}`))
		counts[r.kind]++
	}
	for _, r := range everyKind {
		shown := shownRule(r.code, r.kind, r.shown)
		steps = append(steps, by("ADMIN root", `{ rewardRule(code: "`+r.code+`") { `+ruleFields+` } node(id: "$`+r.code+`") { ... on RewardRule { `+ruleFields+` } } }`,
			`{"data": {"rewardRule": `+shown+`, "node": `+shown+`}}`))
	}
	for kind, n := range counts {
		steps = append(steps, mia(`{ rewardRules(filter: {kinds: [`+kind+`], statuses: [ACTIVE]}) { totalCount nodes { kind } } none: rewardRules(filter: {kinds: [`+kind+`], statuses: [DRAFT, ARCHIVED]}) { totalCount } }`,
			fmt.Sprintf(`{"data": {"rewardRules": {"totalCount": %d, "nodes": %s}, "none": {"totalCount": 0}}}`, n, many(n, `{"kind": "`+kind+`"}`))))
	}
	return append(steps,
		mia(`{ rewardRules(first: 2) { totalCount edges { node { code } } pageInfo { hasNextPage } } rewardRule(id: "$silver") { code } none: rewardRule(code: "gold") { id } }`,
			`{"data": {"rewardRules": {"totalCount": 12, "edges": [{"node": {"code": "cents-for-points"}}, {"node": {"code": "streak-freeze"}}], "pageInfo": {"hasNextPage": true}},
				"rewardRule": {"code": "silver"}, "none": null}}`),
		// Without a code it gets one from its name, that nobody has.
		mia(`mutation { a: createRewardRule(input: {texts: [{language: "en", name: "Silver", description: "Some."}, {language: "ko", name: "은"}], status: DRAFT, level: {from: "600"}}) {
				rule { code status name(languages: ["ko"]) description languages } errors { code } }
			b: createRewardRule(input: {`+text("Très bien!")+`, badge: {goals: [{measure: SALES, target: 1}]}}) { rule { code } errors { code } } }`,
			`{"data": {"a": {"rule": {"code": "silver-2", "status": "DRAFT", "name": "은", "description": "Some.", "languages": ["en", "ko"]}, "errors": []}, "b": {"rule": {"code": "tres-bien"}, "errors": []}}}`),
		mia(`mutation { archiveRewardRule(input: {id: "$patron", expectedVersion: 2}) { rule { id } errors { __typename code path ... on ConflictError { currentVersion } } } }`,
			`{"data": {"archiveRewardRule": {"rule": null, "errors": [{"__typename": "ConflictError", "code": "CONFLICT", "path": ["expectedVersion"], "currentVersion": 1}]}}}`),
		later(time.Minute, mia(`mutation { a: archiveRewardRule(input: {id: "$patron", expectedVersion: 1}) { rule { status version updatedAt } errors { code } }
			b: archiveRewardRule(input: {id: "$patron"}) { rule { status version updatedAt } errors { code } } }`,
			`{"data": {"a": {"rule": {"status": "ARCHIVED", "version": 2, "updatedAt": "2026-12-24T18:01:00Z"}, "errors": []}, "b": {"rule": {"status": "ARCHIVED", "version": 2, "updatedAt": "2026-12-24T18:01:00Z"}, "errors": []}}}`)),
		// Its code stays taken, and it stays to be seen.
		mia(`{ rewardRule(code: "patron") { id status } rewardRules(filter: {statuses: [ARCHIVED]}) { nodes { id } } }`,
			`{"data": {"rewardRule": {"id": "$patron", "status": "ARCHIVED"}, "rewardRules": {"nodes": [{"id": "$patron"}]}}}`),
		mia(`{ auditEntries(filter: {targetId: "$patron"}) { totalCount nodes { actor action targetId before after createdAt } } }`,
			`{"data": {"auditEntries": {"totalCount": 2, "nodes": [
				{"actor": "mia", "action": "archiveRewardRule", "targetId": "$patron", "before": "$*", "after": "$*", "createdAt": "2026-12-24T18:01:00Z"},
				{"actor": "mia", "action": "createRewardRule", "targetId": "$patron", "before": null, "after": "$*", "createdAt": "2026-12-24T18:00:00Z"}]}}}`),
		ada(`{ node(id: "$silver") { id } }`, `{"data": {"node": null}}`),
		ada(`{ rewardRule(code: "silver") { id } }`, `{"errors": [{"message": "$*", "path": ["rewardRule"], "extensions": {"code": "FORBIDDEN"}}]}`),
	)
}

func previewSteps() []step {
	preview := func(terms, shoppers, purchases, points, considered string) step {
		return mia(`{ rewardRulePreview(input: {`+text("What if")+`, status: DRAFT, `+terms+`}) { preview { shoppers purchases points { amount currency } considered } errors { code path } } }`,
			`{"data": {"rewardRulePreview": {"preview": {"shoppers": `+shoppers+`, "purchases": `+purchases+`, "points": {"amount": "`+points+`", "currency": "POINTS"}, "considered": `+considered+`}, "errors": []}}}`)
	}
	refused := func(terms, path string) step {
		return mia(`{ rewardRulePreview(input: {`+text("What if")+`, `+terms+`}) { preview { shoppers } errors { code path } } }`,
			`{"data": {"rewardRulePreview": {"preview": null, "errors": [{"code": "INVALID_INPUT", "path": `+path+`}]}}}`)
	}
	buy := func(as, key, items, total string) step {
		return by("SHOPPER "+as, buying(key, items, total)+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$`+as+"-"+key+`"}, "errors": []}}}`)
	}
	return []step{
		preview(badgeFor("PURCHASES", "1"), "0", "0", "0", "0"),
		buy("ada", "k1", `{id: "$hints"}`, "0.20"),
		buy("ada", "k2", `{id: "$hints", quantity: 5}`, "1.00"),
		buy("ada", "k3", `{id: "$poems"}`, "0.99"),
		buy("ben", "k1", `{id: "$hints"}`, "0.20"),
		buy("ben", "k2", `{id: "$flyer"}`, "0"),
		buy("eve", "k1", `{id: "$atlas"}, {id: "$poems"}`, "5.98"),
		preview(badgeFor("PURCHASES", "1"), "3", "3", "0", "6"),
		preview(badgeFor("PURCHASES", "2"), "2", "2", "0", "6"),
		preview(badgeFor("PURCHASES", "4"), "0", "0", "0", "6"),
		preview(`badge: {goals: [{measure: PRODUCTS, target: "2"}, {measure: AMOUNT, currency: "USD", target: "2.00"}]}`, "2", "2", "0", "6"),
		preview(`startsAt: "2026-12-24T00:00:00Z", endsAt: "2026-12-25T00:00:00Z", quest: {goals: [{measure: UNITS, scope: {products: ["$hints"]}, target: 6}], points: "40"}`, "1", "1", "40", "6"),
		preview(`startsAt: "2026-12-25T00:00:00Z", endsAt: "2026-12-26T00:00:00Z", quest: {goals: [{measure: UNITS, target: 1}], points: "40"}`, "0", "0", "0", "6"),
		// 2, 10, 9, 2 and 59 by the rate; nothing for what was free.
		preview(tenPerDollar, "3", "5", "82", "6"),
		preview(`points: {rates: [{currency: "USD", rate: "10"}], perShopper: "11"}`, "3", "4", "24", "6"),
		preview(`points: {points: "50", firstPurchase: true}`, "3", "3", "150", "6"),
		preview(`points: {extraPercent: "100", scope: {tags: ["poetry"]}}`, "2", "2", "18", "6"),
		refused(`level: {from: "1"}`, `["level"]`),
		refused(`points: {points: "0.5"}`, `["points", "points"]`),
		refused(`badge: {goals: [{measure: PURCHASES, target: "0"}]}`, `["badge", "goals", "0", "target"]`),
		// Nothing is written, and what is refunded does not count.
		mia(`{ rewardRules { totalCount } }`, `{"data": {"rewardRules": {"totalCount": 3}}}`),
		refunding("$eve-k1", "key", `{"refund": {"id": "$*"}, "errors": []}`),
		preview(tenPerDollar, "2", "4", "23", "5"),
		preview(badgeFor("PURCHASES", "1"), "2", "2", "0", "5"),
	}
}

// refunding is a refund of a purchase by Sue of the support, with what she is answered.
func refunding(purchase, key, want string) step {
	return by("SUPPORT sue", `mutation { refundPurchase(input: {idempotencyKey: "`+key+`", purchaseId: "`+purchase+`", reason: "It was a mistake"}) { refund { id } errors { code } } }`,
		`{"data": {"refundPurchase": `+want+`}}`)
}

func versionSteps() []step {
	update := func(expected, terms, want string) step {
		return mia(`mutation { updateRewardRule(input: {id: "$usual", `+expected+` rule: {`+text("Usual, changed")+`, `+terms+`}}) { rule { id code name version } errors { __typename code path ... on ConflictError { currentVersion } } } }`,
			`{"data": {"updateRewardRule": `+want+`}}`)
	}
	changed := func(version string) string {
		return `{"rule": {"id": "$usual", "code": "usual", "name": "Usual, changed", "version": ` + version + `}, "errors": []}`
	}
	const twenty = `points: {rates: [{currency: "USD", rate: "20"}]}`
	buy := func(key, points, version, name string) step {
		return ada(buying(key, `{id: "$hints", quantity: 5}`, "1.00")+`}) { purchase { id } rewards { pointsEarned { amount } why { code name version points { amount } } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$`+key+`"}, "rewards": {"pointsEarned": {"amount": "`+points+`"},
				"why": [{"code": "usual", "name": "`+name+`", "version": `+version+`, "points": {"amount": "`+points+`"}}]}, "errors": []}}}`)
	}
	badge := func(code, name string) string { return `{"badge": {"code": "` + code + `", "name": "` + name + `"}}` }
	return []step{
		buy("first", "10", "1", "Usual"),
		update(`expectedVersion: 1,`, twenty, changed("2")),
		update(`expectedVersion: 1,`, tenPerDollar, `{"rule": null, "errors": [{"__typename": "ConflictError", "code": "CONFLICT", "path": ["expectedVersion"], "currentVersion": 2}]}`),
		update(`expectedVersion: 2,`, twenty, changed("2")), // which changes nothing
		buy("second", "20", "2", "Usual, changed"),
		update(``, `status: DRAFT, `+twenty, changed("3")),
		ada(buying("third", `{id: "$hints"}`, "0.20")+`}) { rewards { pointsEarned { amount } why { code } pointsBalance { amount } } } }`, `{"data": {"checkout": {"rewards": {"pointsEarned": {"amount": "0"}, "why": [], "pointsBalance": {"amount": "30"}}}}}`),
		update(``, twenty, changed("4")),
		mia(`mutation { archiveRewardRule(input: {id: "$usual"}) { rule { status version } errors { code } } }`, `{"data": {"archiveRewardRule": {"rule": {"status": "ARCHIVED", "version": 5}, "errors": []}}}`),
		// A badge that was earned is called what it was called then.
		mia(`mutation { updateRewardRule(input: {id: "$first-purchase", rule: {code: "first-of-all", `+text("First of all")+`, badge: {goals: [{measure: PURCHASES, target: "2"}]}}}) { rule { code version } errors { code } } }`,
			`{"data": {"updateRewardRule": {"rule": {"code": "first-of-all", "version": 2}, "errors": []}}}`),
		by("SHOPPER ben", buying("k1", `{id: "$hints"}`, "0.20")+`}) { rewards { badges { badge { code } } } } }`, `{"data": {"checkout": {"rewards": {"badges": []}}}}`),
		by("SHOPPER ben", buying("k2", `{id: "$hints"}`, "0.20")+`}) { rewards { badges { badge { code name } } } } }`, `{"data": {"checkout": {"rewards": {"badges": [`+badge("first-of-all", "First of all")+`]}}}}`),
		ada(`{ viewer { rewards { badges { badge { code name } } points { amount } } }
			node(id: "$second") { ... on Purchase { pointsEarned { amount } rewards { why { code name version points { amount } } } } } }`,
			`{"data": {"viewer": {"rewards": {"badges": [`+badge("first-purchase", "First purchase")+`], "points": {"amount": "30"}}},
				"node": {"pointsEarned": {"amount": "20"}, "rewards": {"why": [{"code": "usual", "name": "Usual, changed", "version": 2, "points": {"amount": "20"}}]}}}}`),
		mia(`{ auditEntries(filter: {targetId: "$usual"}) { nodes { action } } }`,
			`{"data": {"auditEntries": {"nodes": [{"action": "archiveRewardRule"}, {"action": "updateRewardRule"}, {"action": "updateRewardRule"}, {"action": "updateRewardRule"}, {"action": "createRewardRule"}]}}}`),
	}
}

// previewed selects what a quote says of rewards, and told what a purchase does. Both have the same fields as far as they can.
const (
	standing  = `quests { code points { amount } } days weeks level { code } nextLevel { level { code } missing { amount } }`
	previewed = `rewards { points { amount } why { code version points { amount } } badges { code } ` + standing + ` }`
	told      = `rewards { pointsEarned { amount } pointsSpent { amount } pointsBalance { amount } why { code version points { amount } } badges { badge { code } purchaseId awardedAt } newDay ` + standing + ` }`
)

// earningRules are rules of all the kinds that a purchase meets.
func earningRules() []step {
	return append(usualRules(),
		rule("welcome", `points: {points: "50", firstPurchase: true}`),
		rule("double-poetry", `points: {extraPercent: "100", scope: {tags: ["Poetry"]}}`),
		rule("two-things", `startsAt: "2026-12-24T00:00:00Z", endsAt: "2026-12-27T00:00:00Z", quest: {goals: [{measure: PRODUCTS, target: "2"}], points: "25"}`),
		rule("bronze", `level: {from: "10"}`),
		rule("silver", `level: {from: "200", extraPercent: "50"}`),
		rule("days", `streak: {period: DAY}`),
		rule("weeks", `streak: {period: WEEK}`),
	)
}

func earningSteps() []step {
	const (
		// 13.9 for the whole basket, 50 for the first one, 9.9 once more for the poems, and 25 for two different things.
		why = `"why": [{"code": "usual", "version": 1, "points": {"amount": "13"}}, {"code": "welcome", "version": 1, "points": {"amount": "50"}},
			{"code": "double-poetry", "version": 1, "points": {"amount": "9"}}, {"code": "two-things", "version": 1, "points": {"amount": "25"}}]`
		after = `"quests": [{"code": "two-things", "points": {"amount": "25"}}], "days": 1, "weeks": 1, "level": {"code": "bronze"}, "nextLevel": {"level": {"code": "silver"}, "missing": {"amount": "103"}}`
		event = `{"seq": 1, "kind": "PURCHASE", "purchaseId": "$purchase", "perk": null, "pointsGained": {"amount": "97"}, "pointsTaken": {"amount": "0"}, "pointsBalance": {"amount": "97"}, ` + why + `,
			"badges": [{"code": "first-purchase"}], "quests": [{"code": "two-things"}], "days": 1, "weeks": 1, "level": {"code": "bronze"}, "createdAt": "2026-12-24T18:00:00Z"}`
	)
	buy := func(replayed, balance string) step {
		return ada(`mutation { checkout(input: {idempotencyKey: "k1", expectedTotal: "1.39", `+basket+`}) { purchase { id } replayed `+told+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$purchase"}, "replayed": `+replayed+`, "rewards": {"pointsEarned": {"amount": "97"}, "pointsSpent": {"amount": "0"}, "pointsBalance": {"amount": "`+balance+`"},
				`+why+`, "badges": [{"badge": {"code": "first-purchase"}, "purchaseId": "$purchase", "awardedAt": "2026-12-24T18:00:00Z"}], "newDay": true, `+after+`}, "errors": []}}}`)
	}
	quoted := `{"data": {"quote": {"rewards": {"points": {"amount": "97"}, ` + why + `, "badges": [{"code": "first-purchase"}], ` + after + `}, "errors": []}}}`
	return []step{
		by("", `{ quote(input: {`+basket+`}) { `+previewed+` errors { code } } }`, quoted),
		ada(`{ quote(input: {`+basket+`}) { `+previewed+` errors { code } } }`, quoted),
		buy("false", "97"),
		buy("true", "97"),
		// The second one, a day later: nothing for the first purchase, for the quest, for poems.
		later(24*time.Hour, ada(`{ quote(input: {currency: "USD", items: [{id: "$atlas"}]}) { `+previewed+` errors { code } } }`,
			`{"data": {"quote": {"rewards": {"points": {"amount": "49"}, "why": [{"code": "usual", "version": 1, "points": {"amount": "49"}}], "badges": [], "quests": [], "days": 2, "weeks": 1,
				"level": {"code": "bronze"}, "nextLevel": {"level": {"code": "silver"}, "missing": {"amount": "54"}}}, "errors": []}}}`)),
		ada(buying("k2", `{id: "$atlas"}`, "4.99")+`}) { purchase { id } `+told+` errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$second"}, "rewards": {"pointsEarned": {"amount": "49"}, "pointsSpent": {"amount": "0"}, "pointsBalance": {"amount": "146"},
				"why": [{"code": "usual", "version": 1, "points": {"amount": "49"}}], "badges": [], "newDay": true, "quests": [], "days": 2, "weeks": 1,
				"level": {"code": "bronze"}, "nextLevel": {"level": {"code": "silver"}, "missing": {"amount": "54"}}}, "errors": []}}}`),
		buy("true", "146"), // as it was decided; only the balance is that of now
		ada(`{ viewer { purchases { nodes { id pointsEarned { amount } rewards { pointsEarned { amount } pointsBalance { amount } days } } } rewards { points { amount } pointsDebt { amount } expiring { at } lifetimePoints { amount }
				level { code name from { amount } extraPercent } nextLevel { level { code } missing { amount } } days { count best freezes until } weeks { count best until }
				badges { badge { code name } purchaseId awardedAt } badgeProgress { badge { code } goals { measure currency `+scopeFields+` reached target } } secretBadgesLeft
				quests { quest { code startsAt endsAt points { amount } } goals { measure reached target } completedAt }
				activity(first: 1) { totalCount pageInfo { hasNextPage } nodes { seq kind purchaseId pointsGained { amount } } } } } }`,
			`{"data": {"viewer": {
				"purchases": {"nodes": [{"id": "$second", "pointsEarned": {"amount": "49"}, "rewards": {"pointsEarned": {"amount": "49"}, "pointsBalance": {"amount": "146"}, "days": 2}},
					{"id": "$purchase", "pointsEarned": {"amount": "97"}, "rewards": {"pointsEarned": {"amount": "97"}, "pointsBalance": {"amount": "146"}, "days": 1}}]},
				"rewards": {"points": {"amount": "146"}, "pointsDebt": {"amount": "0"}, "expiring": null, "lifetimePoints": {"amount": "146"},
				"level": {"code": "bronze", "name": "Bronze", "from": {"amount": "10"}, "extraPercent": "0"}, "nextLevel": {"level": {"code": "silver"}, "missing": {"amount": "54"}},
				"days": {"count": 2, "best": 2, "freezes": 0, "until": "2026-12-27T00:00:00Z"}, "weeks": {"count": 1, "best": 1, "until": "2027-01-04T00:00:00Z"},
				"badges": [{"badge": {"code": "first-purchase", "name": "First purchase"}, "purchaseId": "$purchase", "awardedAt": "2026-12-24T18:00:00Z"}],
				"badgeProgress": [{"badge": {"code": "ten-purchases"}, "goals": [{"measure": "PURCHASES", "currency": null, `+everything+`, "reached": "2", "target": "10"}]}], "secretBadgesLeft": 0,
				"quests": [{"quest": {"code": "two-things", "startsAt": "2026-12-24T00:00:00Z", "endsAt": "2026-12-27T00:00:00Z", "points": {"amount": "25"}}, "goals": [{"measure": "PRODUCTS", "reached": "2", "target": "2"}], "completedAt": "2026-12-24T18:00:00Z"}],
				"activity": {"totalCount": 2, "pageInfo": {"hasNextPage": true}, "nodes": [{"seq": 2, "kind": "PURCHASE", "purchaseId": "$second", "pointsGained": {"amount": "49"}}]}}}}}`),
		ada(`{ viewer { rewards { activity(last: 1) { nodes { seq kind purchaseId perk { code } pointsGained { amount } pointsTaken { amount } pointsBalance { amount } why { code version points { amount } }
			badges { code } quests { code } days weeks level { code } createdAt } } } } }`, `{"data": {"viewer": {"rewards": {"activity": {"nodes": [`+event+`]}}}}}`),
		// A refusal earns nothing, and shows nothing.
		ada(buying("k3", `{id: "$hints"}`, "0.19")+`}) { rewards { days } errors { code ... on PriceChangedError { quote { rewards { points { amount } } } } } } }`,
			`{"data": {"checkout": {"rewards": null, "errors": [{"code": "PRICE_CHANGED", "quote": {"rewards": {"points": {"amount": "2"}}}}]}}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$atlas"}]}) { rewards { points { amount } } errors { code } } }`, `{"data": {"quote": {"rewards": null, "errors": [{"code": "ALREADY_OWNED"}]}}}`),
		// What another shopper would earn, and at another time, is for merchandisers to see.
		mia(`{ quote(input: {`+basket+`}, as: "$ben", at: "2026-12-28T00:00:00Z") { rewards { points { amount } why { code } } } }`,
			`{"data": {"quote": {"rewards": {"points": {"amount": "72"}, "why": [{"code": "usual"}, {"code": "welcome"}, {"code": "double-poetry"}]}}}}`),
	}
}

// awarded is where points come from.
func awarded(code, points string) string {
	return `{"code": "` + code + `", "points": {"amount": "` + points + `"}}`
}

func pointsSteps() []step {
	buy := func(as, key, items, total, points, why string) step {
		return by("SHOPPER "+as, buying(key, items, total)+`}) { rewards { pointsEarned { amount } why { code points { amount } } } errors { code } } }`,
			`{"data": {"checkout": {"rewards": {"pointsEarned": {"amount": "`+points+`"}, "why": [`+why+`]}, "errors": []}}}`)
	}
	hints := func(n string) string { return `{id: "$hints", quantity: ` + n + `}` }
	return []step{
		rule("steps", `points: {currency: "USD", steps: [{from: "0", rate: "0"}, {from: "1", rate: "10"}, {from: "2", rate: "20"}]}`),
		rule("flyers", `points: {points: "7", scope: {products: ["$flyer", "$poems"]}}`),
		rule("evening", `startsAt: "2026-12-24T20:00:00Z", endsAt: "2026-12-24T22:00:00Z", points: {extraPercent: "50"}`),
		rule("a-day", `points: {points: "4", perDay: "6", perShopper: "10", scope: {products: ["$hints"]}}`),
		rule("other", `points: {rates: [{currency: "KRW", rate: "1000"}]}`),
		buy("ada", "k1", hints("4"), "0.80", "4", awarded("a-day", "4")),
		buy("ada", "k2", hints("5"), "1.00", "12", awarded("steps", "10")+`, `+awarded("a-day", "2")), // 6 on one day
		buy("ada", "k3", hints("11"), "2.20", "44", awarded("steps", "44")),
		buy("ada", "k4", `{id: "$flyer"}`, "0", "0", ""), // nothing is paid
		buy("ada", "k5", `{id: "$poems"}`, "0.99", "7", awarded("flyers", "7")),
		later(2*time.Hour, buy("ada", "k6", hints("10"), "2.00", "60", awarded("steps", "40")+`, `+awarded("evening", "20"))),
		later(2*time.Hour, buy("ada", "k7", hints("10"), "2.00", "40", awarded("steps", "40"))),
		later(2*time.Hour, buy("ada", "k8", hints("1"), "0.20", "4", awarded("a-day", "4"))), // a new day
		later(24*time.Hour, buy("ada", "k9", hints("1"), "0.20", "0", "")),                   // 10 in all
		buy("ben", "k1", hints("1"), "0.20", "4", awarded("a-day", "4")),
		// Money that was given is not money paid.
		by("ADMIN root", `mutation { adjustWallet(input: {idempotencyKey: "a1", shopperId: "$joe", currency: "USD", amount: "5", reason: "A gift"}) { errors { code } } }`, `{"data": {"adjustWallet": {"errors": []}}}`),
		buy("joe", "k1", hints("10"), "2.00", "0", ""),
	}
}

func progressSteps() []step {
	progress := func(reached string) string {
		return `{"badge": {"code": "ten-purchases", "name": "Ten purchases", "picture": null, "secret": false}, "goals": [{"measure": "PURCHASES", "reached": "` + reached + `", "target": "10"}]}`
	}
	spender := func(reached string) string {
		return `{"badge": {"code": "spender", "name": "Spender", "picture": "/pictures/spender.svg", "secret": false}, "goals": [{"measure": "AMOUNT", "reached": "` + reached + `", "target": "1.50"}, {"measure": "UNITS", "reached": "0", "target": "1"}]}`
	}
	see := func(earned, progress string) step {
		return ada(`{ viewer { rewards { badges { badge { code } } badgeProgress { badge { code name picture secret } goals { measure reached target } } } } }`,
			`{"data": {"viewer": {"rewards": {"badges": [`+earned+`], "badgeProgress": [`+progress+`]}}}}`)
	}
	steps := []step{
		rule("spender", `picture: "/pictures/spender.svg", badge: {goals: [{measure: AMOUNT, currency: "USD", target: "1.5"}, {measure: UNITS, scope: {creators: ["WALT Whitman"]}, target: 1}]}`),
		see("", `{"badge": {"code": "first-purchase", "name": "First purchase", "picture": null, "secret": false}, "goals": [{"measure": "PURCHASES", "reached": "0", "target": "1"}]}, `+progress("0")+`, `+spender("0.00")),
	}
	bought := tenPurchases()
	steps = append(steps, bought[:7]...)
	steps = append(steps, see(`{"badge": {"code": "first-purchase"}}`, progress("7")+`, `+spender("1.40")))
	steps = append(steps, bought[7:9]...)
	// More than it takes is as much as it takes.
	steps = append(steps, see(`{"badge": {"code": "first-purchase"}}`, progress("9")+`, `+spender("1.50")),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$poems"}]}) { rewards { badges { code } } } }`, `{"data": {"quote": {"rewards": {"badges": [{"code": "ten-purchases"}, {"code": "spender"}]}}}}`),
		bought[9],
		ada(buying("k10", `{id: "$poems"}`, "0.99")+`}) { rewards { badges { badge { code } } } } }`, `{"data": {"checkout": {"rewards": {"badges": [{"badge": {"code": "spender"}}]}}}}`),
		// The latest comes first.
		see(`{"badge": {"code": "spender"}}, {"badge": {"code": "ten-purchases"}}, {"badge": {"code": "first-purchase"}}`, ""),
		// A rule that is new counts what was before it, and gives its badge to the next purchase.
		rule("twelve", badgeFor("PURCHASES", "11")),
		see(`{"badge": {"code": "spender"}}, {"badge": {"code": "ten-purchases"}}, {"badge": {"code": "first-purchase"}}`,
			`{"badge": {"code": "twelve", "name": "Twelve", "picture": null, "secret": false}, "goals": [{"measure": "PURCHASES", "reached": "11", "target": "11"}]}`),
		ada(buying("k11", `{id: "$hints"}`, "0.20")+`}) { rewards { badges { badge { code } } } } }`, `{"data": {"checkout": {"rewards": {"badges": [{"badge": {"code": "twelve"}}]}}}}`),
	)
	return steps
}

func secretSteps() []step {
	hidden := func(as, left string) step {
		return by(as, `{ badges { code } viewer { rewards { secretBadgesLeft badges { badge { code } } badgeProgress { badge { code } } } } quote(input: {currency: "USD", items: [{id: "$poems"}]}) { rewards { badges { code } } } }`,
			`{"data": {"badges": [{"code": "open"}], "viewer": {"rewards": {"secretBadgesLeft": `+left+`, "badges": [], "badgeProgress": [{"badge": {"code": "open"}}]}}, "quote": {"rewards": {"badges": []}}}}`)
	}
	const badge = `{"code": "whitman", "name": "Whitman", "description": "", "secret": true}`
	return []step{
		rule("open", badgeFor("PURCHASES", "3")),
		rule("whitman", `badge: {secret: true, goals: [{measure: UNITS, scope: {creators: ["Walt Whitman"]}, target: 1}]}`),
		rule("midnight", `startsAt: "2026-12-25T00:00:00Z", badge: {secret: true, goals: [{measure: UNITS, target: 1}]}`), // which is not on yet
		hidden("SHOPPER ada", "1"),
		hidden("SHOPPER ben", "1"),
		ada(buying("k1", `{id: "$poems"}`, "0.99")+`}) { rewards { badges { badge { code name description secret } } } } }`, `{"data": {"checkout": {"rewards": {"badges": [{"badge": `+badge+`}]}}}}`),
		ada(`{ badges { code } viewer { rewards { secretBadgesLeft badges { badge { code name description secret } } badgeProgress { badge { code } } activity { nodes { badges { code secret } } } } } }`,
			`{"data": {"badges": [{"code": "open"}], "viewer": {"rewards": {"secretBadgesLeft": 0, "badges": [{"badge": `+badge+`}], "badgeProgress": [{"badge": {"code": "open"}}], "activity": {"nodes": [{"badges": [{"code": "whitman", "secret": true}]}]}}}}}`),
		hidden("SHOPPER ben", "1"),
	}
}

func levelRules() []step {
	return []step{
		rule("usual", tenPerDollar),
		rule("gold", `level: {from: "1000", extraPercent: "200"}`),
		rule("bronze", `level: {from: "10"}`),
		rule("silver", `level: {from: "63", extraPercent: "50"}`),
	}
}

func levelSteps() []step {
	way := func(level, next, missing string) string {
		return `"level": ` + level + `, "nextLevel": {"level": {"code": "` + next + `", "name": "` + titled(next) + `"}, "missing": {"amount": "` + missing + `"}}`
	}
	named := func(code string) string { return `{"code": "` + code + `"}` }
	const fields = `level { code } nextLevel { level { code name } missing { amount } }`
	see := func(points, level string) step {
		return ada(`{ viewer { rewards { lifetimePoints { amount } `+fields+` } } }`, `{"data": {"viewer": {"rewards": {"lifetimePoints": {"amount": "`+points+`"}, `+level+`}}}}`)
	}
	buy := func(key, items, total, points, why, level string) []step {
		return []step{
			ada(`{ quote(input: {currency: "USD", items: [`+items+`]}) { rewards { points { amount } why { code points { amount } } `+fields+` } } }`,
				`{"data": {"quote": {"rewards": {"points": {"amount": "`+points+`"}, "why": [`+why+`], `+level+`}}}}`),
			ada(buying(key, items, total)+`}) { rewards { pointsEarned { amount } why { code points { amount } } `+fields+` } errors { code } } }`,
				`{"data": {"checkout": {"rewards": {"pointsEarned": {"amount": "`+points+`"}, "why": [`+why+`], `+level+`}, "errors": []}}}`),
		}
	}
	steps := []step{see("0", way("null", "bronze", "10"))}
	steps = append(steps, buy("k1", `{id: "$atlas"}`, "4.99", "49", awarded("usual", "49"), way(named("bronze"), "silver", "14"))...)
	steps = append(steps, see("49", way(named("bronze"), "silver", "14")))
	// The purchase that reaches a level is made below it.
	steps = append(steps, buy("k2", `{id: "$hints", quantity: 7}`, "1.40", "14", awarded("usual", "14"), way(named("silver"), "gold", "937"))...)
	steps = append(steps, buy("k3", `{id: "$poems"}`, "0.99", "13", awarded("usual", "9")+`, `+awarded("silver", "4"), way(named("silver"), "gold", "924"))...)
	return append(steps,
		// Levels are as they are now; what was earned by another one stays.
		mia(`mutation { updateRewardRule(input: {id: "$silver", rule: {`+text("Silver")+`, level: {from: "100"}}}) { errors { code } } }`, `{"data": {"updateRewardRule": {"errors": []}}}`),
		see("76", way(named("bronze"), "silver", "24")),
		by("", `{ levels { code from { amount } extraPercent } }`, `{"data": {"levels": [{"code": "bronze", "from": {"amount": "10"}, "extraPercent": "0"}, {"code": "silver", "from": {"amount": "100"}, "extraPercent": "0"},
			{"code": "gold", "from": {"amount": "1000"}, "extraPercent": "200"}]}}`),
		mia(`mutation { archiveRewardRule(input: {id: "$gold"}) { errors { code } } }`, `{"data": {"archiveRewardRule": {"errors": []}}}`),
		rule("first", `level: {from: "0"}`),
		by("SHOPPER ben", `{ viewer { rewards { `+fields+` } } }`, `{"data": {"viewer": {"rewards": {`+way(named("first"), "bronze", "10")+`}}}}`),
	)
}

func questSteps() []step {
	status := func(units, purchases, completed string) string {
		return `{"data": {"viewer": {"rewards": {"quests": [{"quest": {"code": "christmas", "name": "Christmas", "startsAt": "2026-12-24T18:30:00Z", "endsAt": "2026-12-25T18:00:00Z", "points": {"amount": "40"}},
			"goals": [{"measure": "UNITS", "reached": "` + units + `", "target": "3"}, {"measure": "PURCHASES", "reached": "` + purchases + `", "target": "2"}], "completedAt": ` + completed + `}]}}}}`
	}
	see := func(as, want string) step {
		return by("SHOPPER "+as, `{ viewer { rewards { quests { quest { code name startsAt endsAt points { amount } } goals { measure reached target } completedAt } } } }`, want)
	}
	buy := func(as, key, n, total, points, quests string) step {
		return by("SHOPPER "+as, buying(key, `{id: "$hints", quantity: `+n+`}`, total)+`}) { rewards { pointsEarned { amount } quests { code } } errors { code } } }`,
			`{"data": {"checkout": {"rewards": {"pointsEarned": {"amount": "`+points+`"}, "quests": [`+quests+`]}, "errors": []}}}`)
	}
	const none = `{"data": {"viewer": {"rewards": {"quests": []}}}}`
	return []step{
		rule("christmas", `startsAt: "2026-12-24T18:30:00Z", endsAt: "2026-12-25T18:00:00Z", quest: {goals: [{measure: UNITS, scope: {products: ["$hints"]}, target: 3}, {measure: PURCHASES, target: 2}], points: "40"}`),
		see("ada", none),
		buy("ada", "k0", "9", "1.80", "0", ""), // before it begins
		later(30*time.Minute, see("ada", status("0", "0", "null"))),
		buy("ada", "k1", "2", "0.40", "0", ""),
		buy("ben", "k1", "3", "0.60", "0", ""),
		see("ada", status("2", "1", "null")),
		see("ben", status("3", "1", "null")),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}]}) { rewards { points { amount } quests { code points { amount } } } } }`,
			`{"data": {"quote": {"rewards": {"points": {"amount": "40"}, "quests": [{"code": "christmas", "points": {"amount": "40"}}]}}}}`),
		later(time.Hour, buy("ada", "k2", "1", "0.20", "40", `{"code": "christmas"}`)),
		buy("ada", "k3", "9", "1.80", "0", ""), // once
		see("ada", status("3", "2", `"2026-12-24T19:30:00Z"`)),
		later(24*time.Hour, buy("ben", "k2", "1", "0.20", "0", "")), // too late
		see("ada", status("3", "2", `"2026-12-24T19:30:00Z"`)),
		see("ben", none),
		// A change of it counts anew, and gives nothing to who has it.
		mia(`mutation { updateRewardRule(input: {id: "$christmas", rule: {`+text("Christmas")+`, startsAt: "2026-12-24T18:30:00Z", endsAt: "2026-12-26T18:00:00Z", quest: {goals: [{measure: PURCHASES, target: 1}], points: "5"}}}) { errors { code } } }`,
			`{"data": {"updateRewardRule": {"errors": []}}}`),
		buy("ada", "k4", "1", "0.20", "0", ""),
		buy("ben", "k3", "1", "0.20", "5", `{"code": "christmas"}`),
	}
}

func streakRules() []step {
	return []step{
		rule("days", `streak: {period: DAY, freezeEvery: 3, maxFreezes: 1}`),
		rule("weeks", `streak: {period: WEEK}`),
		rule("three-days", badgeFor("STREAK_DAYS", "3")),
	}
}

// settings is a change of what a shopper has chosen, and what is answered of it.
func settings(as, fields, selection, want string) step {
	return by("SHOPPER "+as, `mutation { updateRewardSettings(input: {`+fields+`}) { rewards { `+selection+` } errors { code path } } }`,
		`{"data": {"updateRewardSettings": {"rewards": `+want+`, "errors": []}}}`)
}

func streakSteps() []step {
	zone := func(name string) step {
		return settings("ada", `timeZone: "`+name+`"`, "timeZone", `{"timeZone": "`+name+`"}`)
	}
	buy := func(key string, days, weeks int, newDay bool, badges string) step {
		return ada(buying(key, `{id: "$hints"}`, "0.20")+`}) { rewards { days weeks newDay badges { badge { code } } } errors { code } } }`,
			fmt.Sprintf(`{"data": {"checkout": {"rewards": {"days": %d, "weeks": %d, "newDay": %t, "badges": [%s]}, "errors": []}}}`, days, weeks, newDay, badges))
	}
	see := func(days, weeks string) step {
		return ada(`{ viewer { rewards { days { count best freezes until } weeks { count best freezes until } } } }`, `{"data": {"viewer": {"rewards": {"days": `+days+`, "weeks": `+weeks+`}}}}`)
	}
	streak := func(count, best, freezes int, until string) string {
		return fmt.Sprintf(`{"count": %d, "best": %d, "freezes": %d, "until": %s}`, count, best, freezes, until)
	}
	return []step{
		see(streak(0, 0, 0, "null"), streak(0, 0, 0, "null")),
		zone("Asia/Seoul"),
		buy("k1", 1, 1, true, ""), // Friday the 25th, 3 h in Seoul
		see(streak(1, 1, 0, `"2026-12-26T15:00:00Z"`), streak(1, 1, 0, `"2027-01-03T15:00:00Z"`)),
		later(18*time.Hour, buy("k2", 1, 1, false, "")), // 21 h on the same day
		later(6*time.Hour, buy("k3", 2, 1, true, "")),   // 3 h on the 26th
		// In Los Angeles it is the 25th, 10 h. Nobody gets a day twice by moving there.
		zone("America/Los_Angeles"),
		buy("k4", 2, 1, false, ""),
		later(24*time.Hour, buy("k5", 2, 1, false, "")), // the 26th there as well
		later(24*time.Hour, buy("k6", 3, 1, true, `{"badge": {"code": "three-days"}}`)),
		// There is a freeze for three days in a row. It lets a day pass, the 28th, and is gone then.
		see(streak(3, 3, 1, `"2026-12-30T08:00:00Z"`), streak(1, 1, 0, `"2027-01-04T08:00:00Z"`)),
		later(48*time.Hour, see(streak(3, 3, 1, `"2026-12-30T08:00:00Z"`), streak(1, 1, 0, `"2027-01-04T08:00:00Z"`))),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}]}) { rewards { days weeks } } }`, `{"data": {"quote": {"rewards": {"days": 4, "weeks": 2}}}}`),
		buy("k7", 4, 2, true, ""),
		see(streak(4, 4, 0, `"2026-12-31T08:00:00Z"`), streak(2, 2, 0, `"2027-01-11T08:00:00Z"`)),
		// Two days later it is over, without anybody ending it.
		later(48*time.Hour, see(streak(0, 4, 0, "null"), streak(2, 2, 0, `"2027-01-11T08:00:00Z"`))),
		buy("k8", 1, 2, true, ""),
		see(streak(1, 4, 0, `"2027-01-02T08:00:00Z"`), streak(2, 2, 0, `"2027-01-11T08:00:00Z"`)),
	}
}

func leaderboardRules() []step {
	return []step{
		rule("spent", `leaderboard: {period: MONTH, measure: AMOUNT, currency: "USD"}`),
		rule("poetry", `leaderboard: {period: ALL, measure: PURCHASES, scope: {tags: ["poetry"]}}`),
		rule("secret", `status: DRAFT, leaderboard: {period: DAY, measure: UNITS}`),
	}
}

// joins is a shopper who wants to be seen on leaderboards under a name.
func joins(as, name string) step {
	return settings(as, `displayName: "`+name+`"`, `displayName`, `{"displayName": "`+name+`"}`)
}

// places selects places on a leaderboard, and place is one of them.
const places = `rank displayName score isMe`

func place(rank int, name, score string, me bool) string {
	return fmt.Sprintf(`{"rank": %d, "displayName": %q, "score": %q, "isMe": %t}`, rank, name, score, me)
}

// buysHints is a shopper who buys hints, as a step whose answer is of no interest.
func buysHints(as, key string, n int) step {
	return by("SHOPPER "+as, buying(key, fmt.Sprintf(`{id: "$hints", quantity: %d}`, n), fmt.Sprintf("%d.%d0", n/5, n%5*2))+`}) { purchase { id } errors { code } } }`,
		`{"data": {"checkout": {"purchase": {"id": "$`+as+"-"+key+`"}, "errors": []}}}`)
}

func leaderboardSteps() []step {
	const months = `startsAt endsAt`
	see := func(as, count, nodes, me, around string) step {
		return by(as, `{ leaderboard(code: "spent") { standing { count places { nodes { `+places+` } } me { `+places+` } aroundMe { `+places+` } } } }`,
			`{"data": {"leaderboard": {"standing": {"count": `+count+`, "places": {"nodes": [`+nodes+`]}, "me": `+me+`, "aroundMe": [`+around+`]}}}}`)
	}
	all := func(me int) string {
		list := []string{place(1, "Eve", "1.20", me == 1), place(2, "Ada L.", "1.00", me == 2), place(3, "Ben", "1.00", me == 3)}
		return strings.Join(list, ", ")
	}
	return []step{
		by("", `{ leaderboards { code name period measure currency `+scopeFields+` } secret: leaderboard(code: "secret") { code } none: leaderboard(code: "none") { code } }`,
			`{"data": {"leaderboards": [{"code": "spent", "name": "Spent", "period": "MONTH", "measure": "AMOUNT", "currency": "USD", `+everything+`},
				{"code": "poetry", "name": "Poetry", "period": "ALL", "measure": "PURCHASES", "currency": null, "scope": {"products": [], "tags": ["poetry"], "categories": [], "creators": []}}], "secret": null, "none": null}}`),
		buysHints("ada", "k1", 5),
		see("SHOPPER ada", "0", "", "null", ""),
		// Who joins brings along what was bought before.
		joins("ada", "Ada L."),
		see("SHOPPER ada", "1", place(1, "Ada L.", "1.00", true), place(1, "Ada L.", "1.00", true), place(1, "Ada L.", "1.00", true)),
		joins("ben", "Ben"),
		see("SHOPPER ben", "1", place(1, "Ada L.", "1.00", false), "null", ""),
		later(time.Minute, buysHints("ben", "k1", 5)),
		joins("eve", "Eve"),
		buysHints("eve", "k1", 6),
		// Of equals the one who was first is before.
		see("SHOPPER ada", "3", all(2), place(2, "Ada L.", "1.00", true), all(2)),
		see("SHOPPER ben", "3", all(3), place(3, "Ben", "1.00", true), all(3)),
		see("", "3", all(0), "null", ""),
		see("MERCHANDISER mia", "3", all(0), "null", ""),
		by("", `{ leaderboard(code: "spent") { standing { startsAt endsAt places(first: 2) { edges { cursor node { rank } } pageInfo { hasNextPage endCursor } } } before: standing(ago: 1) { startsAt endsAt count } } ever: leaderboard(code: "poetry") { standing { startsAt endsAt count } } }`,
			`{"data": {"leaderboard": {"standing": {"startsAt": "2026-12-01T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z", "places": {"edges": [{"cursor": "$*", "node": {"rank": 1}}, {"cursor": "$second-place", "node": {"rank": 2}}],
				"pageInfo": {"hasNextPage": true, "endCursor": "$second-place"}}}, "before": {"startsAt": "2026-11-01T00:00:00Z", "endsAt": "2026-12-01T00:00:00Z", "count": 0}},
				"ever": {"standing": {"startsAt": null, "endsAt": null, "count": 0}}}}`),
		by("", `{ leaderboard(code: "spent") { standing { places(first: 2, after: "$second-place") { nodes { rank displayName } pageInfo { hasNextPage } } } } }`,
			`{"data": {"leaderboard": {"standing": {"places": {"nodes": [{"rank": 3, "displayName": "Ben"}], "pageInfo": {"hasNextPage": false}}}}}}`),
		// A refund takes its score along.
		refunding("$eve-k1", "key", `{"refund": {"id": "$*"}, "errors": []}`),
		see("SHOPPER eve", "2", place(1, "Ada L.", "1.00", false)+`, `+place(2, "Ben", "1.00", false), "null", ""),
		settings("ada", `displayName: null`, `displayName`, `{"displayName": null}`),
		see("SHOPPER ada", "1", place(1, "Ben", "1.00", false), "null", ""),
		// A new month begins with nobody.
		later(8*24*time.Hour, see("SHOPPER ben", "0", "", "null", "")),
		by("SHOPPER ben", buying("k2", `{id: "$poems"}`, "0.99")+`}) { errors { code } } }`, `{"data": {"checkout": {"errors": []}}}`),
		see("SHOPPER ben", "1", place(1, "Ben", "0.99", true), place(1, "Ben", "0.99", true), place(1, "Ben", "0.99", true)),
		by("SHOPPER ben", `{ leaderboard(code: "spent") { standing(ago: 1) { `+months+` count me { `+places+` } } } ever: leaderboard(code: "poetry") { standing { places { nodes { `+places+` } } } } }`,
			`{"data": {"leaderboard": {"standing": {"startsAt": "2026-12-01T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z", "count": 1, "me": `+place(1, "Ben", "1.00", true)+`}},
				"ever": {"standing": {"places": {"nodes": [`+place(1, "Ben", "1", true)+`]}}}}}`),
		mia(`mutation { archiveRewardRule(input: {id: "$spent"}) { errors { code } } }`, `{"data": {"archiveRewardRule": {"errors": []}}}`),
		by("", `{ leaderboards { code } leaderboard(code: "spent") { code } }`, `{"data": {"leaderboards": [{"code": "poetry"}], "leaderboard": null}}`),
	}
}

func aroundSteps() []step {
	var steps []step
	const crowd = 14
	var ranked []string
	for i := range crowd {
		as := fmt.Sprintf("reader-%d", i)
		n := 5 + crowd - i
		steps = append(steps,
			by("SHOPPER "+as, `{ viewer { id } }`, `{"data": {"viewer": {"id": "$`+as+`"}}}`),
			by("SERVICE store", `mutation { topUpWallet(input: {idempotencyKey: "first", shopperId: "$`+as+`", currency: "USD", amount: "9"}) { errors { code } } }`, `{"data": {"topUpWallet": {"errors": []}}}`),
			joins(as, as), buysHints(as, "k1", n))
		ranked = append(ranked, fmt.Sprintf(`{"rank": %d, "displayName": "%s"}`, i+1, as))
	}
	see := func(i int) step {
		return by(fmt.Sprintf("SHOPPER reader-%d", i), `{ leaderboard(code: "spent") { standing { count me { rank displayName } aroundMe { rank displayName } } } }`,
			fmt.Sprintf(`{"data": {"leaderboard": {"standing": {"count": %d, "me": %s, "aroundMe": [%s]}}}}`, crowd, ranked[i], strings.Join(ranked[max(0, i-5):min(crowd, i+6)], ", ")))
	}
	return append(steps, see(0), see(3), see(7), see(crowd-1))
}

// redemptionRules are a hundred points for a dollar, which may say more, and all that points are good for.
func redemptionRules(more ...string) []step {
	return []step{
		rule("usual", `points: {rates: [{currency: "USD", rate: "100"}] `+strings.Join(more, " ")+`}`),
		rule("cents", `discount: {worth: [{currency: "USD", rate: "0.01"}], mostPercent: "50", least: "10"}`),
		rule("freeze", `perk: {cost: "100", freezes: 1}`),
		rule("days", `streak: {period: DAY}`),
		rule("two-purchases", badgeFor("PURCHASES", "2")),
	}
}

// buysAtlas is a checkout that earns 499 points by those rules.
func buysAtlas() step {
	return ada(buying("atlas", `{id: "$atlas"}`, "4.99")+`}) { purchase { id } rewards { pointsBalance { amount } } errors { code } } }`,
		`{"data": {"checkout": {"purchase": {"id": "$ada-atlas"}, "rewards": {"pointsBalance": {"amount": "499"}}, "errors": []}}}`)
}

func discountSteps() []step {
	quote := func(as, items, points, want string) step {
		return by(as, `{ quote(input: {currency: "USD", items: [`+items+`], redeemPoints: "`+points+`"}) { subtotal { amount } savings { amount } total { amount }
			lines { total { amount } adjustments { kind label source amount { amount } unitsApplied } } rewards { points { amount } redeemable { amount } } errors { code path } } }`, `{"data": {"quote": `+want+`}}`)
	}
	buy := func(as, key, items, points, total, want string) step {
		return by(as, buying(key, items, total)+`, redeemPoints: "`+points+`"}) { purchase { id total { amount } lines { total { amount } adjustments { kind amount { amount } source label } } }
			replayed wallet { balance { amount } } rewards { pointsSpent { amount } pointsEarned { amount } pointsBalance { amount } } errors { code path ... on InsufficientFundsError { balance { amount currency } required { amount } shortfall { amount } } } } }`,
			`{"data": {"checkout": `+want+`}}`)
	}
	refused := func(err string) string {
		return `{"purchase": null, "replayed": false, "wallet": null, "rewards": null, "errors": [` + err + `]}`
	}
	wrong := refused(`{"code": "INVALID_INPUT", "path": ["redeemPoints"]}`)
	const (
		poems = `{id: "$poems"}`
		off   = `{"kind": "POINTS", "label": "Cents", "source": "$cents", "amount": {"amount": "0.49"}, "unitsApplied": 1}`
	)
	bought := func(replayed string) string {
		return `{"purchase": {"id": "$redeemed", "total": {"amount": "0.50"}, "lines": [{"total": {"amount": "0.50"}, "adjustments": [{"kind": "POINTS", "amount": {"amount": "0.49"}, "source": "$cents", "label": "Cents"}]}]},
			"replayed": ` + replayed + `, "wallet": {"balance": {"amount": "44.51"}}, "rewards": {"pointsSpent": {"amount": "49"}, "pointsEarned": {"amount": "50"}, "pointsBalance": {"amount": "500"}}, "errors": []}`
	}
	return []step{
		buysAtlas(),
		// Half of 0.99 at most, in whole cents.
		quote("SHOPPER ada", poems, "0", `{"subtotal": {"amount": "0.99"}, "savings": {"amount": "0.00"}, "total": {"amount": "0.99"}, "lines": [{"total": {"amount": "0.99"}, "adjustments": []}],
			"rewards": {"points": {"amount": "99"}, "redeemable": {"amount": "49"}}, "errors": []}`),
		quote("SHOPPER ada", poems, "49", `{"subtotal": {"amount": "0.99"}, "savings": {"amount": "0.49"}, "total": {"amount": "0.50"}, "lines": [{"total": {"amount": "0.50"}, "adjustments": [`+off+`]}],
			"rewards": {"points": {"amount": "50"}, "redeemable": {"amount": "49"}}, "errors": []}`),
		// Fewer than must be redeemed at once are none.
		quote("SHOPPER ada", `{id: "$hints", quantity: 1}`, "0", `{"subtotal": {"amount": "0.20"}, "savings": {"amount": "0.00"}, "total": {"amount": "0.20"}, "lines": [{"total": {"amount": "0.20"}, "adjustments": []}],
			"rewards": {"points": {"amount": "20"}, "redeemable": {"amount": "10"}}, "errors": []}`),
		quote("SHOPPER ada", `{id: "$flyer"}`, "0", `{"subtotal": {"amount": "0.00"}, "savings": {"amount": "0.00"}, "total": {"amount": "0.00"}, "lines": [{"total": {"amount": "0.00"}, "adjustments": []}],
			"rewards": {"points": {"amount": "0"}, "redeemable": {"amount": "0"}}, "errors": []}`),
		quote("SHOPPER ada", poems, "50", `{"subtotal": {"amount": "0.99"}, "savings": {"amount": "0.00"}, "total": {"amount": "0.99"}, "lines": "$*", "rewards": null, "errors": [{"code": "INVALID_INPUT", "path": ["redeemPoints"]}]}`),
		buy("SHOPPER ada", "k1", poems, "50", "0.49", wrong),
		buy("SHOPPER ada", "k1", poems, "9", "0.90", wrong),
		buy("SHOPPER ada", "k1", poems, "20.5", "0.79", wrong),
		buy("SHOPPER ada", "k1", poems, "-20", "0.79", wrong),
		buy("SHOPPER ada", "k1", poems, "49", "0.99", refused(`{"code": "PRICE_CHANGED", "path": ["expectedTotal"]}`)),
		buy("SHOPPER ben", "k1", poems, "49", "0.50", refused(`{"code": "INSUFFICIENT_FUNDS", "path": ["redeemPoints"], "balance": {"amount": "0", "currency": "POINTS"}, "required": {"amount": "49"}, "shortfall": {"amount": "49"}}`)),
		buy("SHOPPER ada", "k1", poems, "49", "0.50", bought("false")),
		buy("SHOPPER ada", "k1", poems, "49", "0.50", bought("true")),
		buy("SHOPPER ada", "k1", poems, "48", "0.50", refused(`{"code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`)),
		// Several lines share it out by what they cost.
		ada(buying("k2", `{id: "$hints", quantity: 2}, {id: "$flyer"}, {id: "$hints"}`, "0.31")+`, redeemPoints: "29"}) { purchase { lines { total { amount } adjustments { amount { amount } } } } rewards { pointsBalance { amount } } } }`,
			`{"data": {"checkout": {"purchase": {"lines": [{"total": {"amount": "0.31"}, "adjustments": [{"amount": {"amount": "0.29"}}]}, {"total": {"amount": "0.00"}, "adjustments": []}]}, "rewards": {"pointsBalance": {"amount": "502"}}}}}`),
		ada(`{ viewer { rewards { points { amount } lifetimePoints { amount } activity(first: 2) { nodes { kind pointsGained { amount } pointsTaken { amount } pointsBalance { amount } } } } } }`,
			`{"data": {"viewer": {"rewards": {"points": {"amount": "502"}, "lifetimePoints": {"amount": "580"}, "activity": {"nodes": [
				{"kind": "PURCHASE", "pointsGained": {"amount": "31"}, "pointsTaken": {"amount": "29"}, "pointsBalance": {"amount": "502"}},
				{"kind": "PURCHASE", "pointsGained": {"amount": "50"}, "pointsTaken": {"amount": "49"}, "pointsBalance": {"amount": "500"}}]}}}}}`),
		// In another currency, or when the shop takes none, points are worth nothing.
		ada(`{ quote(input: {currency: "KRW", items: [{id: "$stamp"}], redeemPoints: "10"}) { total { amount } errors { code path } } }`, `{"data": {"quote": {"total": {"amount": "300"}, "errors": [{"code": "NOT_AVAILABLE", "path": ["redeemPoints"]}]}}}`),
		// A basket for which fewer can be redeemed than must be at once takes none.
		mia(`mutation { updateRewardRule(input: {id: "$cents", rule: {`+text("Cents")+`, discount: {worth: [{currency: "USD", rate: "0.01"}], mostPercent: "50", least: "11"}}}) { errors { code } } }`, `{"data": {"updateRewardRule": {"errors": []}}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}]}) { rewards { redeemable { amount } } } }`, `{"data": {"quote": {"rewards": {"redeemable": {"amount": "0"}}}}}`),
		mia(`mutation { archiveRewardRule(input: {id: "$cents"}) { errors { code } } }`, `{"data": {"archiveRewardRule": {"errors": []}}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}], redeemPoints: "10"}) { rewards { redeemable { amount } } errors { code path } } }`, `{"data": {"quote": {"rewards": null, "errors": [{"code": "NOT_AVAILABLE", "path": ["redeemPoints"]}]}}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints"}]}) { rewards { redeemable { amount } } } node(id: "$redeemed") { ... on Purchase { lines { adjustments { label amount { amount } } } } } }`,
			`{"data": {"quote": {"rewards": {"redeemable": {"amount": "0"}}}, "node": {"lines": [{"adjustments": [{"label": "Cents", "amount": {"amount": "0.49"}}]}]}}}`),
	}
}

func pointsPriceSteps() []step {
	buy := func(as, key, total, want string) step {
		return by(as, `mutation { checkout(input: {idempotencyKey: "`+key+`", currency: "POINTS", items: [{id: "$mug"}], expectedTotal: "`+total+`"}) {
			purchase { id currency ordinal total { amount currency } pointsEarned { amount } entitlements { product { id } } } wallet { id } rewards { pointsSpent { amount } pointsEarned { amount } pointsBalance { amount } days badges { badge { code } } }
			errors { code path ... on InsufficientFundsError { balance { amount currency } required { amount } shortfall { amount } } } } }`, `{"data": {"checkout": `+want+`}}`)
	}
	return []step{
		mia(`mutation { createProduct(input: {kind: CONSUMABLE, status: ACTIVE, `+text("Mug")+`, prices: [{currency: "POINTS", amount: "200"}]}) { product { id prices { list { amount currency } } } errors { code } } }`,
			`{"data": {"createProduct": {"product": {"id": "$mug", "prices": [{"list": {"amount": "200", "currency": "POINTS"}}]}, "errors": []}}}`),
		buysAtlas(),
		by("", `{ product(id: "$mug") { points: price(currency: "POINTS") { current { amount } } dollars: price(currency: "USD") { current { amount } } } }`, `{"data": {"product": {"points": {"current": {"amount": "200"}}, "dollars": null}}}`),
		ada(`{ quote(input: {currency: "POINTS", items: [{id: "$mug"}]}) { total { amount currency } balance { amount } shortfall { amount } rewards { points { amount } badges { code } days redeemable { amount } } errors { code } } }`,
			`{"data": {"quote": {"total": {"amount": "200", "currency": "POINTS"}, "balance": {"amount": "499"}, "shortfall": null, "rewards": {"points": {"amount": "0"}, "badges": [], "days": 1, "redeemable": {"amount": "0"}}, "errors": []}}}`),
		by("SHOPPER ben", `{ quote(input: {currency: "POINTS", items: [{id: "$mug"}]}) { balance { amount } shortfall { amount currency } } }`, `{"data": {"quote": {"balance": {"amount": "0"}, "shortfall": {"amount": "200", "currency": "POINTS"}}}}`),
		buy("SHOPPER ben", "k1", "200", `{"purchase": null, "wallet": null, "rewards": null, "errors": [{"code": "INSUFFICIENT_FUNDS", "path": null, "balance": {"amount": "0", "currency": "POINTS"}, "required": {"amount": "200"}, "shortfall": {"amount": "200"}}]}`),
		buy("SHOPPER ada", "k1", "199", `{"purchase": null, "wallet": null, "rewards": null, "errors": [{"code": "PRICE_CHANGED", "path": ["expectedTotal"]}]}`),
		// It is a purchase like any other, and counts for no reward.
		later(24*time.Hour, buy("SHOPPER ada", "k1", "200", `{"purchase": {"id": "$mugs", "currency": "POINTS", "ordinal": 2, "total": {"amount": "200", "currency": "POINTS"}, "pointsEarned": {"amount": "0"}, "entitlements": [{"product": {"id": "$mug"}}]},
			"wallet": null, "rewards": {"pointsSpent": {"amount": "200"}, "pointsEarned": {"amount": "0"}, "pointsBalance": {"amount": "299"}, "days": 1, "badges": []}, "errors": []}`)),
		ada(`mutation { checkout(input: {idempotencyKey: "k2", currency: "POINTS", items: [{id: "$hints"}], expectedTotal: "20"}) { errors { code path } } }`, `{"data": {"checkout": {"errors": [{"code": "NOT_AVAILABLE", "path": ["items", "0", "id"]}]}}}`),
		ada(`mutation { checkout(input: {idempotencyKey: "k2", currency: "POINTS", items: [{id: "$mug"}], expectedTotal: "190", redeemPoints: "10"}) { errors { code path } } }`, `{"data": {"checkout": {"errors": [{"code": "INVALID_INPUT", "path": ["redeemPoints"]}]}}}`),
		ada(`{ viewer { wallets { currency } rewards { points { amount } lifetimePoints { amount } badgeProgress { badge { code } goals { reached } } } } }`,
			`{"data": {"viewer": {"wallets": [{"currency": "USD"}], "rewards": {"points": {"amount": "299"}, "lifetimePoints": {"amount": "499"}, "badgeProgress": [{"badge": {"code": "two-purchases"}, "goals": [{"reached": "1"}]}]}}}}`),
	}
}

func perkSteps() []step {
	redeem := func(as, key, perk, want string) step {
		return by(as, `mutation { redeemPerk(input: {idempotencyKey: "`+key+`", perkId: "`+perk+`"}) { event { id seq kind purchaseId perk { id code cost { amount } freezes } pointsGained { amount } pointsTaken { amount } pointsBalance { amount } why { code } days createdAt }
			replayed errors { __typename code path ... on InsufficientFundsError { balance { amount currency } required { amount } shortfall { amount } } } } }`, `{"data": {"redeemPerk": `+want+`}}`)
	}
	redeemed := func(event, seq, balance, replayed string) string {
		return `{"event": {"id": "` + event + `", "seq": ` + seq + `, "kind": "PERK", "purchaseId": null, "perk": {"id": "$freeze", "code": "freeze", "cost": {"amount": "100"}, "freezes": 1}, "pointsGained": {"amount": "0"}, "pointsTaken": {"amount": "100"},
			"pointsBalance": {"amount": "` + balance + `"}, "why": [], "days": 1, "createdAt": "$*"}, "replayed": ` + replayed + `, "errors": []}`
	}
	refused := func(err string) string { return `{"event": null, "replayed": false, "errors": [` + err + `]}` }
	return []step{
		by("", `{ perks { id code name cost { amount currency } freezes } }`, `{"data": {"perks": [{"id": "$freeze", "code": "freeze", "name": "Freeze", "cost": {"amount": "100", "currency": "POINTS"}, "freezes": 1}]}}`),
		buysAtlas(),
		redeem("SHOPPER ada", "k1", "$freeze", redeemed("$event", "2", "399", "false")),
		redeem("SHOPPER ada", "k1", "$freeze", redeemed("$event", "2", "399", "true")),
		redeem("SHOPPER ada", "k2", "$freeze", redeemed("$another", "3", "299", "false")),
		redeem("SHOPPER ben", "k1", "$freeze", refused(`{"__typename": "InsufficientFundsError", "code": "INSUFFICIENT_FUNDS", "path": null, "balance": {"amount": "0", "currency": "POINTS"}, "required": {"amount": "100"}, "shortfall": {"amount": "100"}}`)),
		ada(`{ viewer { rewards { points { amount } days { count freezes until } activity { totalCount nodes { id kind perk { code } } } } } node(id: "$event") { id } }`,
			`{"data": {"viewer": {"rewards": {"points": {"amount": "299"}, "days": {"count": 1, "freezes": 2, "until": "2026-12-28T00:00:00Z"}, "activity": {"totalCount": 3, "nodes": [{"id": "$another", "kind": "PERK", "perk": {"code": "freeze"}},
				{"id": "$event", "kind": "PERK", "perk": {"code": "freeze"}}, {"id": "$*", "kind": "PURCHASE", "perk": null}]}}}, "node": null}}`),
		// The freezes stand in for the two days after the next.
		later(72*time.Hour, ada(buying("k1", `{id: "$hints"}`, "0.20")+`}) { rewards { days newDay } } }`, `{"data": {"checkout": {"rewards": {"days": 2, "newDay": true}}}}`)),
		rule("tea", `endsAt: "2026-12-28T00:00:00Z", perk: {cost: "1"}`),
		redeem("SHOPPER ada", "k1", "$tea", refused(`{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`)),
		later(24*time.Hour, redeem("SHOPPER ada", "k3", "$tea", refused(`{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["perkId"]}`))),
		mia(`mutation { archiveRewardRule(input: {id: "$freeze"}) { errors { code } } }`, `{"data": {"archiveRewardRule": {"errors": []}}}`),
		redeem("SHOPPER ada", "k3", "$freeze", refused(`{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["perkId"]}`)),
		by("", `{ perks { code } }`, `{"data": {"perks": []}}`),
		// What was redeemed is as it was.
		redeem("SHOPPER ada", "k1", "$freeze", redeemed("$event", "2", "399", "true")),
	}
}

func expirySteps() []step {
	see := func(points, expiring string) step {
		return ada(`{ viewer { rewards { points { amount } lifetimePoints { amount } expiring { points { amount } at } } } }`, `{"data": {"viewer": {"rewards": {"points": {"amount": "`+points+`"}, "lifetimePoints": {"amount": "519"}, "expiring": `+expiring+`}}}}`)
	}
	soon := func(points, at string) string {
		return `{"points": {"amount": "` + points + `"}, "at": "` + at + `"}`
	}
	const first, second = "2027-01-23T18:00:00Z", "2027-02-02T18:00:00Z"
	const day = 24 * time.Hour
	return []step{
		buysAtlas(),
		later(10*day, buysHints("ada", "k1", 1)),
		see("519", soon("499", first)),
		// What expires soonest is spent first.
		by("SHOPPER ada", `mutation { redeemPerk(input: {idempotencyKey: "k1", perkId: "$freeze"}) { event { pointsBalance { amount } } errors { code } } }`, `{"data": {"redeemPerk": {"event": {"pointsBalance": {"amount": "419"}}, "errors": []}}}`),
		see("419", soon("399", first)),
		later(20*day-time.Microsecond, see("419", soon("399", first))),
		later(time.Microsecond, see("20", soon("20", second))),
		by("SHOPPER ada", `mutation { redeemPerk(input: {idempotencyKey: "k2", perkId: "$freeze"}) { event { id } errors { code ... on InsufficientFundsError { balance { amount } } } } }`,
			`{"data": {"redeemPerk": {"event": null, "errors": [{"code": "INSUFFICIENT_FUNDS", "balance": {"amount": "20"}}]}}}`),
		// The next change takes what has expired. What was earned stays earned.
		ada(buying("k2", `{id: "$hints"}`, "0.10")+`, redeemPoints: "10"}) { rewards { pointsSpent { amount } pointsEarned { amount } pointsBalance { amount } } errors { code } } }`,
			`{"data": {"checkout": {"rewards": {"pointsSpent": {"amount": "10"}, "pointsEarned": {"amount": "10"}, "pointsBalance": {"amount": "20"}}, "errors": []}}}`),
		later(10*day, ada(`{ viewer { rewards { points { amount } lifetimePoints { amount } expiring { points { amount } at } } } }`,
			`{"data": {"viewer": {"rewards": {"points": {"amount": "10"}, "lifetimePoints": {"amount": "529"}, "expiring": {"points": {"amount": "10"}, "at": "2027-02-22T18:00:00Z"}}}}}`)),
	}
}

func settingsSteps() []step {
	refused := func(fields, paths string) step {
		return ada(`mutation { updateRewardSettings(input: {`+fields+`}) { rewards { enabled } errors { __typename code path } } }`, `{"data": {"updateRewardSettings": {"rewards": null, "errors": [`+paths+`]}}}`)
	}
	const all = `enabled timeZone displayName`
	return []step{
		ada(`{ viewer { rewards { `+all+` } } }`, `{"data": {"viewer": {"rewards": {"enabled": true, "timeZone": "UTC", "displayName": null}}}}`),
		settings("ada", `timeZone: "Asia/Seoul", displayName: " Ada  "`, all, `{"enabled": true, "timeZone": "Asia/Seoul", "displayName": "Ada"}`),
		settings("ada", ``, all, `{"enabled": true, "timeZone": "Asia/Seoul", "displayName": "Ada"}`),
		settings("ada", `enabled: false`, all, `{"enabled": false, "timeZone": "Asia/Seoul", "displayName": null}`),
		settings("ada", `enabled: true`, all, `{"enabled": true, "timeZone": "Asia/Seoul", "displayName": null}`),
		by("SHOPPER ben", `{ viewer { rewards { `+all+` } } }`, `{"data": {"viewer": {"rewards": {"enabled": true, "timeZone": "UTC", "displayName": null}}}}`),
		refused(`timeZone: "Atlantis/Capital"`, invalid("timeZone")),
		refused(`timeZone: "Local"`, invalid("timeZone")),
		refused(`timeZone: null, enabled: null`, invalid("timeZone", "enabled")),
		refused(`displayName: ""`, invalid("displayName")),
		refused(`displayName: "`+strings.Repeat("x", 41)+`"`, invalid("displayName")),
		refused(`displayName: "Ada\nLovelace"`, invalid("displayName")),
		refused(`enabled: false, displayName: "Ada", timeZone: "x"`, invalid("timeZone", "displayName")),
		ada(`{ viewer { rewards { `+all+` } } }`, `{"data": {"viewer": {"rewards": {"enabled": true, "timeZone": "Asia/Seoul", "displayName": null}}}}`),
	}
}

// allRules are one of every kind, and more that are not to be seen.
func allRules() []step {
	steps := []step{}
	for _, r := range everyKind {
		steps = append(steps, rule(r.code, r.terms))
	}
	return append(steps,
		rule("gold", `level: {from: "1000"}`),
		rule("reader", `picture: "/pictures/reader.svg", badge: {goals: [{measure: PURCHASES, target: 1}]}`),
		rule("planned", `startsAt: "2027-01-01T00:00:00Z", badge: {goals: [{measure: PURCHASES, target: 1}]}`),
		rule("drafted", `status: DRAFT, `+badgeFor("PURCHASES", "1")),
		rule("drafted-perk", `status: DRAFT, perk: {cost: "1"}`),
		rule("drafted-level", `status: DRAFT, level: {from: "1"}`),
		rule("drafted-board", `status: DRAFT, leaderboard: {period: DAY, measure: POINTS}`),
	)
}

func shelfSteps() []step {
	var steps []step
	for _, as := range []string{"", "SHOPPER ada", "MERCHANDISER mia", "SERVICE store"} {
		steps = append(steps, by(as, `{ badges { code name description picture secret } levels { code from { amount } } perks { code cost { amount } freezes } leaderboards { code measure } }`,
			`{"data": {"badges": [{"code": "reader", "name": "Reader", "description": "", "picture": "/pictures/reader.svg", "secret": false}],
				"levels": [{"code": "silver", "from": {"amount": "500"}}, {"code": "gold", "from": {"amount": "1000"}}], "perks": [{"code": "streak-freeze", "cost": {"amount": "100"}, "freezes": 1}],
				"leaderboards": [{"code": "top-readers", "measure": "AMOUNT"}]}}`))
	}
	return steps
}

// TestRewardsTurnedOff: who has turned rewards off is shown nothing of them and told nothing of them, wherever they could be;
// and finds everything there on coming back.
func TestRewardsTurnedOff(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 50")
		for _, step := range slices.Concat(redemptionRules("expireDays: 365"), offRules(), turnedOffSteps()) {
			o.play(t, step)
		}
		o.verify(t)
		told := map[string]string{}
		for _, event := range o.DB.Client().OutboxEvent.Query().AllX(t.Context()) {
			told[event.Topic] += string(event.Payload) + "\n"
		}
		// The first purchase was made before, and so was the first perk; the others after that, of which nothing is told but money.
		for topic, with := range map[string]int{"purchase.completed": 1, "perk.redeemed": 1, "purchase.refunded": 0} {
			if got := strings.Count(told[topic], `"points`); got != with {
				t.Errorf("%d of these tell points, want %d:\n%s", got, with, told[topic])
			}
		}
		if n := strings.Count(told["purchase.completed"], "\n"); n != 3 {
			t.Errorf("%d purchases are told of, want 3", n)
		}
		if n := strings.Count(told["purchase.refunded"], "\n"); n != 1 {
			t.Errorf("%d refunds are told of, want 1", n)
		}
	})
}

func offRules() []step {
	return []step{
		rule("weeks", `streak: {period: WEEK}`),
		rule("first", badgeFor("PURCHASES", "1")),
		rule("secret", `badge: {secret: true, goals: [{measure: TRIALS, target: 1}]}`),
		rule("quest", `startsAt: "2026-12-24T00:00:00Z", endsAt: "2026-12-31T00:00:00Z", quest: {goals: [{measure: UNITS, target: 3}], points: "5"}`),
		rule("bronze", `level: {from: "10"}`),
		rule("silver", `level: {from: "5000"}`),
		rule("spent", `leaderboard: {period: ALL, measure: AMOUNT, currency: "USD"}`),
	}
}

func turnedOffSteps() []step {
	const (
		mine = `viewer { rewards { enabled timeZone displayName points { amount } pointsDebt { amount } expiring { points { amount } } lifetimePoints { amount } level { code } nextLevel { missing { amount } }
			days { count freezes } weeks { count } badges { badge { code } } badgeProgress { badge { code } } secretBadgesLeft quests { quest { code } goals { reached } } activity { totalCount nodes { kind } edges { cursor } } } }`
		board = `leaderboard(code: "spent") { standing { count me { rank } aroundMe { rank } places { nodes { rank } } } }`
		// What there is to earn is there for everybody, and is nobody's.
		shelf  = `badges { code }`
		nobody = `"leaderboard": {"standing": {"count": 0, "me": null, "aroundMe": [], "places": {"nodes": []}}}, "badges": [{"code": "two-purchases"}, {"code": "first"}]`
		off    = `{"enabled": false, "timeZone": "Asia/Seoul", "displayName": null, "points": {"amount": "0"}, "pointsDebt": {"amount": "0"}, "expiring": null, "lifetimePoints": {"amount": "0"}, "level": null, "nextLevel": null,
			"days": null, "weeks": null, "badges": [], "badgeProgress": [], "secretBadgesLeft": 0, "quests": [], "activity": {"totalCount": 0, "nodes": [], "edges": []}}`
	)
	redeem := func(key, want string) step {
		return ada(`mutation { redeemPerk(input: {idempotencyKey: "`+key+`", perkId: "$freeze"}) { event { kind } replayed errors { code } } }`, `{"data": {"redeemPerk": `+want+`}}`)
	}
	buy := func(replayed string) step {
		return ada(buying("k1", `{id: "$hints", quantity: 5}`, "1.00")+`}) { purchase { id pointsEarned { amount } rewards { days } } replayed rewards { days } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$quiet", "pointsEarned": null, "rewards": null}, "replayed": `+replayed+`, "rewards": null, "errors": []}}}`)
	}
	return []step{
		settings("ada", `timeZone: "Asia/Seoul", displayName: "Ada"`, `enabled`, `{"enabled": true}`),
		buysAtlas(),
		redeem("p1", `{"event": {"kind": "PERK"}, "replayed": false, "errors": []}`),
		ada(`{ `+mine+` `+board+` }`, `{"data": {"viewer": {"rewards": {"enabled": true, "timeZone": "Asia/Seoul", "displayName": "Ada", "points": {"amount": "399"}, "pointsDebt": {"amount": "0"}, "expiring": {"points": {"amount": "399"}}, "lifetimePoints": {"amount": "499"},
			"level": {"code": "bronze"}, "nextLevel": {"missing": {"amount": "4501"}}, "days": {"count": 1, "freezes": 1}, "weeks": {"count": 1}, "badges": [{"badge": {"code": "first"}}], "badgeProgress": [{"badge": {"code": "two-purchases"}}], "secretBadgesLeft": 1,
			"quests": [{"quest": {"code": "quest"}, "goals": [{"reached": "1"}]}], "activity": {"totalCount": 2, "nodes": [{"kind": "PERK"}, {"kind": "PURCHASE"}], "edges": "$*"}}},
			"leaderboard": {"standing": {"count": 1, "me": {"rank": 1}, "aroundMe": [{"rank": 1}], "places": {"nodes": [{"rank": 1}]}}}}}`),

		ada(`mutation { updateRewardSettings(input: {enabled: false}) { `+strings.TrimSuffix(strings.TrimPrefix(mine, "viewer { "), "}")+` errors { code } } }`, `{"data": {"updateRewardSettings": {"rewards": `+off+`, "errors": []}}}`),
		ada(`{ `+mine+` `+board+` `+shelf+` }`, `{"data": {"viewer": {"rewards": `+off+`}, `+nobody+`}}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints", quantity: 5}]}) { total { amount } rewards { points { amount } } errors { code } } }`, `{"data": {"quote": {"total": {"amount": "1.00"}, "rewards": null, "errors": []}}}`),
		mia(`{ quote(input: {currency: "USD", items: [{id: "$hints"}]}, as: "$ada") { rewards { points { amount } } } }`, `{"data": {"quote": {"rewards": null}}}`),
		buy("false"),
		buy("true"),
		ada(buying("k2", `{id: "$poems"}`, "0.50")+`, redeemPoints: "49"}) { purchase { id total { amount } } rewards { days } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$poems-bought", "total": {"amount": "0.50"}}, "rewards": null, "errors": []}}}`),
		redeem("p2", `{"event": null, "replayed": false, "errors": []}`),
		redeem("p2", `{"event": null, "replayed": true, "errors": []}`),
		redeem("p1", `{"event": null, "replayed": true, "errors": []}`),
		ada(`mutation { updateRewardSettings(input: {displayName: "Ada"}) { rewards { displayName } errors { code path } } }`, `{"data": {"updateRewardSettings": {"rewards": null, "errors": [{"code": "INVALID_INPUT", "path": ["displayName"]}]}}}`),
		refunding("$poems-bought", "r1", `{"refund": {"id": "$refund"}, "errors": []}`),
		ada(`{ `+mine+` `+board+` `+shelf+` viewer { purchases { nodes { pointsEarned { amount } rewards { days } refund { id } } } }
			node(id: "$refund") { ... on Refund { total { amount } purchase { pointsEarned { amount } rewards { days } } } } }`,
			`{"data": {"viewer": {"rewards": `+off+`, "purchases": {"nodes": [{"pointsEarned": null, "rewards": null, "refund": {"id": "$refund"}}, {"pointsEarned": null, "rewards": null, "refund": null}, {"pointsEarned": null, "rewards": null, "refund": null}]}}, `+nobody+`,
				"node": {"total": {"amount": "0.50"}, "purchase": {"pointsEarned": null, "rewards": null}}}}`),

		// 499 + 100 + 5 for the quest, less two perks; what the poems took and gave is as if it had not been.
		settings("ada", `enabled: true`, `enabled points { amount }`, `{"enabled": true, "points": {"amount": "404"}}`),
		ada(`{ `+mine+` `+board+` }`, `{"data": {"viewer": {"rewards": {"enabled": true, "timeZone": "Asia/Seoul", "displayName": null, "points": {"amount": "404"}, "pointsDebt": {"amount": "0"}, "expiring": "$*", "lifetimePoints": {"amount": "604"},
			"level": {"code": "bronze"}, "nextLevel": {"missing": {"amount": "4396"}}, "days": {"count": 1, "freezes": 2}, "weeks": {"count": 1}, "badges": [{"badge": {"code": "two-purchases"}}, {"badge": {"code": "first"}}], "badgeProgress": [], "secretBadgesLeft": 1,
			"quests": [{"quest": {"code": "quest"}, "goals": [{"reached": "3"}]}], "activity": {"totalCount": 6, "nodes": [{"kind": "REFUND"}, {"kind": "PERK"}, {"kind": "PURCHASE"}, {"kind": "PURCHASE"}, {"kind": "PERK"}, {"kind": "PURCHASE"}], "edges": "$*"}}},
			"leaderboard": {"standing": {"count": 0, "me": null, "aroundMe": [], "places": {"nodes": []}}}}}`),
		ada(buying("k1", `{id: "$hints", quantity: 5}`, "1.00")+`}) { purchase { pointsEarned { amount } rewards { why { code } badges { badge { code } } } } replayed rewards { pointsEarned { amount } quests { code } } } }`,
			`{"data": {"checkout": {"purchase": {"pointsEarned": {"amount": "105"}, "rewards": {"why": [{"code": "usual"}, {"code": "quest"}], "badges": [{"badge": {"code": "two-purchases"}}]}}, "replayed": true, "rewards": {"pointsEarned": {"amount": "105"}, "quests": [{"code": "quest"}]}}}}`),
		ada(`{ node(id: "$refund") { ... on Refund { pointsTaken { amount } pointsReturned { amount } } } }`, `{"data": {"node": {"pointsTaken": {"amount": "50"}, "pointsReturned": {"amount": "49"}}}}`),
		settings("ada", `displayName: "Ada"`, `displayName`, `{"displayName": "Ada"}`),
		ada(`{ `+board+` }`, `{"data": {"leaderboard": {"standing": {"count": 1, "me": {"rank": 1}, "aroundMe": [{"rank": 1}], "places": {"nodes": [{"rank": 1}]}}}}}`),
	}
}
