package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/id"
)

// TestRefunds tells what giving a purchase back undoes, step by step.
func TestRefunds(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		for _, c := range refundScenarios() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	})
}

func refundScenarios() []scenario {
	rich := map[string][]string{"ada": {"USD 50"}, "ben": {"USD 50"}}
	return []scenario{
		{name: "a refund is the exact inverse of a checkout", funds: rich, rules: refundRules(), steps: inverseSteps()},
		{name: "points that were spent become a debt", funds: rich, rules: redemptionRules(), steps: debtSteps()},
		{name: "a badge and a quest go only if their condition no longer holds", funds: rich, rules: conditionRules(), steps: conditionSteps()},
		{name: "points that were spent on it come back", funds: rich, rules: redemptionRules(), steps: returnSteps()},
		{name: "points that have expired come back for a while", funds: rich, rules: redemptionRules("expireDays: 30"), steps: expiredReturnSteps()},
		{name: "what was limited is there again", funds: rich, steps: limitedSteps()},
		{name: "a trial goes on when what it became is given back", funds: rich, steps: trialRefundSteps()},
		{name: "a refund is for support to make, and for its shopper to see", funds: rich, steps: whoRefundsSteps()},
	}
}

// refundFields select what a refund says.
const refundFields = `id purchase { id status refund { id } } total { amount currency } pointsTaken { amount } pointsReturned { amount } reason createdAt`

// refunds is a refund of a total, such as "USD 4.99", by Sue of the support, with all that it is to say; "$refund-of-" and the purchase name it from then on.
func refunds(purchase, total, taken, returned string) step {
	name := strings.TrimPrefix(purchase, "$")
	code, amount, _ := strings.Cut(total, " ")
	return by("SUPPORT sue", `mutation { refundPurchase(input: {idempotencyKey: "of `+name+`", purchaseId: "`+purchase+`", reason: "By mistake"}) { refund { `+refundFields+` } replayed errors { code path message } } }`,
		fmt.Sprintf(`{"data": {"refundPurchase": {"refund": {"id": "$refund-of-%[1]s", "purchase": {"id": "$%[1]s", "status": "REFUNDED", "refund": {"id": "$refund-of-%[1]s"}},
			"total": {"amount": %[2]q, "currency": %[3]q}, "pointsTaken": {"amount": %[4]q}, "pointsReturned": {"amount": %[5]q}, "reason": "By mistake", "createdAt": "$*"}, "replayed": false, "errors": []}}}`,
			name, amount, code, taken, returned))
}

func refundRules() []step {
	return append(usualRules(),
		rule("bronze", `level: {from: "10"}`),
		rule("days", `streak: {period: DAY}`),
		rule("spent", `leaderboard: {period: ALL, measure: AMOUNT, currency: "USD"}`),
	)
}

func inverseSteps() []step {
	refund := func(key, reason, want string) step {
		return by("SUPPORT sue", `mutation { refundPurchase(input: {idempotencyKey: "`+key+`", purchaseId: "$purchase", reason: "`+reason+`"}) { refund { `+refundFields+` } replayed
			errors { __typename code path ... on AlreadyRefundedError { refund { id reason } } } } }`, `{"data": {"refundPurchase": `+want+`}}`)
	}
	const given = `{"refund": {"id": "$refund", "purchase": {"id": "$purchase", "status": "REFUNDED", "refund": {"id": "$refund"}}, "total": {"amount": "1.39", "currency": "USD"},
		"pointsTaken": {"amount": "13"}, "pointsReturned": {"amount": "0"}, "reason": "Bought by mistake", "createdAt": "2026-12-24T19:00:00Z"}, "replayed": REPLAYED, "errors": []}`
	refused := func(err string) string { return `{"refund": null, "replayed": false, "errors": [` + err + `]}` }
	const see = `{ product(id: "$poems") { owned } leaderboard(code: "spent") { standing { count me { score } } } node(id: "$purchase") { ... on Purchase { status refund { id total { amount } reason } } } viewer {
		wallet(currency: "USD") { balance { amount } origins { origin amount { amount } } transfers { nodes { kind amount { amount } balanceAfter { amount } purchaseId reason } } }
		purchases { totalCount nodes { id status refund { id } pointsEarned { amount } } } entitlements { nodes { id status remaining } }
		rewards { points { amount } pointsDebt { amount } lifetimePoints { amount } level { code } days { count best until } badges { badge { code } } badgeProgress { badge { code } goals { reached } }
			activity { nodes { seq kind purchaseId pointsGained { amount } pointsTaken { amount } pointsBalance { amount } why { code } badges { code } quests { code } days level { code } createdAt } } } } }`
	bought := func(replayed, status string) step {
		return ada(`mutation { checkout(input: {idempotencyKey: "k1", expectedTotal: "1.39", `+basket+`}) { purchase { id ordinal status entitlements { id status } } replayed wallet { balance { amount } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$purchase", "ordinal": 1, "status": "`+status+`", "entitlements": [{"id": "$book", "status": "`+map[string]string{"COMPLETED": "ACTIVE", "REFUNDED": "REVOKED"}[status]+`"},
				{"id": "$packets", "status": "`+map[string]string{"COMPLETED": "ACTIVE", "REFUNDED": "REVOKED"}[status]+`"}]}, "replayed": `+replayed+`, "wallet": {"balance": {"amount": "`+map[string]string{"COMPLETED": "48.61", "REFUNDED": "50.00"}[status]+`"}}, "errors": []}}}`)
	}
	return []step{
		joins("ada", "Ada"),
		bought("false", "COMPLETED"),
		ada(`mutation { useEntitlement(input: {idempotencyKey: "u1", id: "$packets", units: 3}) { entitlement { remaining } errors { code } } }`, `{"data": {"useEntitlement": {"entitlement": {"remaining": 7}, "errors": []}}}`),
		later(time.Hour, refund("r1", "Bought by mistake", first(given))),
		refund("r1", "Bought by mistake", again(given)),
		refund("r1", "Another reason", refused(`{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`)),
		refund("r2", "Bought by mistake", refused(`{"__typename": "AlreadyRefundedError", "code": "ALREADY_REFUNDED", "path": ["purchaseId"], "refund": {"id": "$refund", "reason": "Bought by mistake"}}`)),
		ada(see, `{"data": {"product": {"owned": false}, "leaderboard": {"standing": {"count": 0, "me": null}}, "node": {"status": "REFUNDED", "refund": {"id": "$refund", "total": {"amount": "1.39"}, "reason": "Bought by mistake"}}, "viewer": {
			"wallet": {"balance": {"amount": "50.00"}, "origins": [{"origin": "PAID", "amount": {"amount": "50.00"}}], "transfers": {"nodes": [
				{"kind": "REFUND", "amount": {"amount": "1.39"}, "balanceAfter": {"amount": "50.00"}, "purchaseId": "$purchase", "reason": "Bought by mistake"},
				{"kind": "PURCHASE", "amount": {"amount": "-1.39"}, "balanceAfter": {"amount": "48.61"}, "purchaseId": "$purchase", "reason": null},
				{"kind": "TOP_UP", "amount": {"amount": "50.00"}, "balanceAfter": {"amount": "50.00"}, "purchaseId": null, "reason": null}]}},
			"purchases": {"totalCount": 1, "nodes": [{"id": "$purchase", "status": "REFUNDED", "refund": {"id": "$refund"}, "pointsEarned": {"amount": "13"}}]},
			"entitlements": {"nodes": [{"id": "$packets", "status": "REVOKED", "remaining": 7}, {"id": "$book", "status": "REVOKED", "remaining": 1}]},
			"rewards": {"points": {"amount": "0"}, "pointsDebt": {"amount": "0"}, "lifetimePoints": {"amount": "0"}, "level": null, "days": {"count": 0, "best": 0, "until": null}, "badges": [],
				"badgeProgress": [{"badge": {"code": "first-purchase"}, "goals": [{"reached": "0"}]}, {"badge": {"code": "ten-purchases"}, "goals": [{"reached": "0"}]}],
				"activity": {"nodes": [
					{"seq": 2, "kind": "REFUND", "purchaseId": "$purchase", "pointsGained": {"amount": "0"}, "pointsTaken": {"amount": "13"}, "pointsBalance": {"amount": "0"}, "why": [], "badges": [{"code": "first-purchase"}], "quests": [], "days": 0, "level": null, "createdAt": "2026-12-24T19:00:00Z"},
					{"seq": 1, "kind": "PURCHASE", "purchaseId": "$purchase", "pointsGained": {"amount": "13"}, "pointsTaken": {"amount": "0"}, "pointsBalance": {"amount": "13"}, "why": [{"code": "usual"}], "badges": [{"code": "first-purchase"}], "quests": [], "days": 1, "level": {"code": "bronze"}, "createdAt": "2026-12-24T18:00:00Z"}]}}}}}`),
		ada(`mutation { useEntitlement(input: {idempotencyKey: "u2", id: "$packets"}) { entitlement { id } errors { code } } }`, `{"data": {"useEntitlement": {"entitlement": null, "errors": [{"code": "NOT_AVAILABLE"}]}}}`),
		// Its key is that of a purchase that was given back: it does not buy again. Another one does, from the beginning.
		bought("true", "REFUNDED"),
		ada(`mutation { checkout(input: {idempotencyKey: "k2", expectedTotal: "1.39", `+basket+`}) { purchase { id ordinal status refund { id } } replayed rewards { badges { badge { code } } days newDay level { code } pointsBalance { amount } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$second", "ordinal": 2, "status": "COMPLETED", "refund": null}, "replayed": false, "rewards": {"badges": [{"badge": {"code": "first-purchase"}}], "days": 1, "newDay": true, "level": {"code": "bronze"}, "pointsBalance": {"amount": "13"}}, "errors": []}}}`),
		ada(`{ leaderboard(code: "spent") { standing { me { rank score } } } viewer { entitlements { nodes { status } } } }`,
			`{"data": {"leaderboard": {"standing": {"me": {"rank": 1, "score": "1.39"}}}, "viewer": {"entitlements": {"nodes": [{"status": "ACTIVE"}, {"status": "ACTIVE"}, {"status": "REVOKED"}, {"status": "REVOKED"}]}}}}`),
		by("ADMIN root", `{ auditEntries(filter: {targetId: "$purchase"}) { nodes { actor action targetId before after createdAt } } }`,
			`{"data": {"auditEntries": {"nodes": [{"actor": "sue", "action": "refundPurchase", "targetId": "$purchase", "before": {"status": "COMPLETED"},
				"after": {"status": "REFUNDED", "refund": "$refund", "reason": "Bought by mistake", "currency": "USD", "total": "1.39"}, "createdAt": "2026-12-24T19:00:00Z"}]}}}`),
		mia(`{ auditEntries(filter: {action: "refundPurchase"}) { totalCount } }`, `{"data": {"auditEntries": {"totalCount": 0}}}`),
	}
}

func debtSteps() []step {
	redeem := func(key, want string) step {
		return ada(`mutation { redeemPerk(input: {idempotencyKey: "`+key+`", perkId: "$freeze"}) { event { pointsBalance { amount } } errors { code ... on InsufficientFundsError { balance { amount } shortfall { amount } } } } }`, `{"data": {"redeemPerk": `+want+`}}`)
	}
	left := func(points string) string {
		return `{"event": {"pointsBalance": {"amount": "` + points + `"}}, "errors": []}`
	}
	see := func(points, debt, lifetime string) step {
		return ada(`{ viewer { rewards { points { amount } pointsDebt { amount } lifetimePoints { amount } } } }`,
			`{"data": {"viewer": {"rewards": {"points": {"amount": "`+points+`"}, "pointsDebt": {"amount": "`+debt+`"}, "lifetimePoints": {"amount": "`+lifetime+`"}}}}}`)
	}
	buy := func(key, n, total, earned, balance string) step {
		return ada(buying(key, `{id: "$hints", quantity: `+n+`}`, total)+`}) { purchase { id } rewards { pointsEarned { amount } pointsBalance { amount } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$`+key+`"}, "rewards": {"pointsEarned": {"amount": "`+earned+`"}, "pointsBalance": {"amount": "`+balance+`"}}, "errors": []}}}`)
	}
	return []step{
		buysAtlas(),
		redeem("p1", left("399")), redeem("p2", left("299")), redeem("p3", left("199")), redeem("p4", left("99")),
		refunds("$ada-atlas", "USD 4.99", "499", "0"),
		see("0", "400", "0"),
		redeem("p5", `{"event": null, "errors": [{"code": "INSUFFICIENT_FUNDS", "balance": {"amount": "0"}, "shortfall": {"amount": "100"}}]}`),
		ada(`{ quote(input: {currency: "USD", items: [{id: "$hints", quantity: 10}]}) { rewards { points { amount } } } viewer { rewards { activity(first: 1) { nodes { pointsTaken { amount } pointsBalance { amount } } } } } }`,
			`{"data": {"quote": {"rewards": {"points": {"amount": "200"}}}, "viewer": {"rewards": {"activity": {"nodes": [{"pointsTaken": {"amount": "499"}, "pointsBalance": {"amount": "-400"}}]}}}}}`),
		// Later points pay it first.
		buy("half", "10", "2.00", "200", "-200"),
		see("0", "200", "200"),
		buy("rest", "15", "3.00", "300", "100"),
		see("100", "0", "500"),
		redeem("p5", left("0")),
		// The points of the first one went into the debt; they are taken back all the same.
		refunds("$half", "USD 2.00", "200", "0"),
		see("0", "200", "300"),
		refunds("$rest", "USD 3.00", "300", "0"),
		see("0", "500", "0"),
	}
}

func conditionRules() []step {
	return []step{
		rule("usual", tenPerDollar),
		rule("first", badgeFor("PURCHASES", "1")),
		rule("two", badgeFor("PURCHASES", "2")),
		rule("spender", `badge: {goals: [{measure: AMOUNT, currency: "USD", target: "2.50"}]}`),
		rule("rich-in-points", badgeFor("POINTS", "60")),
		rule("dozen", `startsAt: "2026-12-24T00:00:00Z", endsAt: "2026-12-31T00:00:00Z", quest: {goals: [{measure: UNITS, target: "12"}], points: "40"}`),
		rule("silver", `level: {from: "60"}`),
	}
}

func conditionSteps() []step {
	buy := func(key, points, badges, quests string) step {
		return ada(buying(key, `{id: "$hints", quantity: 5}`, "1.00")+`}) { purchase { id } rewards { pointsEarned { amount } badges { badge { code } } quests { code } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$`+key+`"}, "rewards": {"pointsEarned": {"amount": "`+points+`"}, "badges": [`+badges+`], "quests": [`+quests+`]}, "errors": []}}}`)
	}
	badge := func(codes ...string) string {
		list := make([]string, len(codes))
		for i, code := range codes {
			list[i] = `{"badge": {"code": "` + code + `"}}`
		}
		return strings.Join(list, ", ")
	}
	see := func(points, level, badges, quest, event string) step {
		return ada(`{ viewer { rewards { points { amount } lifetimePoints { amount } level { code } badges { badge { code } } quests { completedAt goals { reached } } activity(first: 1) { nodes { kind pointsTaken { amount } badges { code } quests { code } level { code } } } } } }`,
			`{"data": {"viewer": {"rewards": {"points": {"amount": "`+points+`"}, "lifetimePoints": {"amount": "`+points+`"}, "level": `+level+`, "badges": [`+badges+`], "quests": [`+quest+`], "activity": {"nodes": [`+event+`]}}}}}`)
	}
	const silver = `{"code": "silver"}`
	return []step{
		buy("buy-one", "10", badge("first"), ""),
		buy("buy-two", "10", badge("two"), ""),
		buy("buy-three", "50", badge("spender", "rich-in-points"), `{"code": "dozen"}`),
		see("70", silver, badge("rich-in-points", "spender", "two", "first"), `{"completedAt": "2026-12-24T18:00:00Z", "goals": [{"reached": "12"}]}`,
			`{"kind": "PURCHASE", "pointsTaken": {"amount": "0"}, "badges": [{"code": "spender"}, {"code": "rich-in-points"}], "quests": [{"code": "dozen"}], "level": `+silver+`}`),
		// Two purchases are left, and so are the badges for one and for two. Ten units are no dozen, and the points for it go, too.
		refunds("$buy-one", "USD 1.00", "50", "0"),
		see("20", "null", badge("two", "first"), `{"completedAt": null, "goals": [{"reached": "10"}]}`,
			`{"kind": "REFUND", "pointsTaken": {"amount": "50"}, "badges": [{"code": "spender"}, {"code": "rich-in-points"}], "quests": [{"code": "dozen"}], "level": null}`),
		// What was lost can be earned once more.
		buy("buy-four", "50", badge("spender", "rich-in-points"), `{"code": "dozen"}`),
		see("70", silver, badge("rich-in-points", "spender", "two", "first"), `{"completedAt": "2026-12-24T18:00:00Z", "goals": [{"reached": "12"}]}`,
			`{"kind": "PURCHASE", "pointsTaken": {"amount": "0"}, "badges": [{"code": "spender"}, {"code": "rich-in-points"}], "quests": [{"code": "dozen"}], "level": `+silver+`}`),
		refunds("$buy-four", "USD 1.00", "50", "0"),
		refunds("$buy-three", "USD 1.00", "10", "0"),
		see("10", "null", badge("first"), `{"completedAt": null, "goals": [{"reached": "5"}]}`, `{"kind": "REFUND", "pointsTaken": {"amount": "10"}, "badges": [{"code": "two"}], "quests": [], "level": null}`),
		refunds("$buy-two", "USD 1.00", "10", "0"),
		see("0", "null", ``, `{"completedAt": null, "goals": [{"reached": "0"}]}`, `{"kind": "REFUND", "pointsTaken": {"amount": "10"}, "badges": [{"code": "first"}], "quests": [], "level": null}`),
	}
}

// mug is a product for 200 points.
func mug() step {
	return mia(`mutation { createProduct(input: {kind: CONSUMABLE, status: ACTIVE, `+text("Mug")+`, prices: [{currency: "POINTS", amount: "200"}]}) { product { id } errors { code } } }`,
		`{"data": {"createProduct": {"product": {"id": "$mug"}, "errors": []}}}`)
}

// buysMug is a checkout of it, which leaves so many points.
func buysMug(left string) step {
	return ada(`mutation { checkout(input: {idempotencyKey: "mug", currency: "POINTS", items: [{id: "$mug"}], expectedTotal: "200"}) { purchase { id } rewards { pointsBalance { amount } } errors { code } } }`,
		`{"data": {"checkout": {"purchase": {"id": "$bought-mug"}, "rewards": {"pointsBalance": {"amount": "`+left+`"}}, "errors": []}}}`)
}

func returnSteps() []step {
	see := func(points, wallet string) step {
		return ada(`{ viewer { wallet(currency: "USD") { balance { amount } } rewards { points { amount } } } }`, `{"data": {"viewer": {"wallet": {"balance": {"amount": "`+wallet+`"}}, "rewards": {"points": {"amount": "`+points+`"}}}}}`)
	}
	return []step{
		mug(),
		buysAtlas(),
		ada(buying("k1", `{id: "$poems"}`, "0.50")+`, redeemPoints: "49"}) { purchase { id } rewards { pointsBalance { amount } } errors { code } } }`,
			`{"data": {"checkout": {"purchase": {"id": "$poems-bought"}, "rewards": {"pointsBalance": {"amount": "500"}}, "errors": []}}}`),
		buysMug("300"),
		see("300", "44.51"),
		refunds("$poems-bought", "USD 0.50", "50", "49"),
		see("299", "45.01"),
		refunds("$bought-mug", "POINTS 200", "0", "200"),
		see("499", "45.01"),
		ada(`{ viewer { rewards { lifetimePoints { amount } activity(first: 2) { nodes { kind pointsGained { amount } pointsTaken { amount } pointsBalance { amount } } } } entitlements { nodes { product { id } status } } } }`,
			`{"data": {"viewer": {"rewards": {"lifetimePoints": {"amount": "499"}, "activity": {"nodes": [
				{"kind": "REFUND", "pointsGained": {"amount": "200"}, "pointsTaken": {"amount": "0"}, "pointsBalance": {"amount": "499"}},
				{"kind": "REFUND", "pointsGained": {"amount": "49"}, "pointsTaken": {"amount": "50"}, "pointsBalance": {"amount": "299"}}]}},
				"entitlements": {"nodes": [{"product": {"id": "$mug"}, "status": "REVOKED"}, {"product": {"id": "$poems"}, "status": "REVOKED"}, {"product": {"id": "$atlas"}, "status": "ACTIVE"}]}}}}`),
		// What was spent elsewhere is a debt; what comes back pays it first.
		ada(`mutation { checkout(input: {idempotencyKey: "more", currency: "POINTS", items: [{id: "$mug", quantity: 2}], expectedTotal: "400"}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$mugs"}, "errors": []}}}`),
		refunds("$ada-atlas", "USD 4.99", "499", "0"),
		ada(`{ viewer { rewards { points { amount } pointsDebt { amount } } } }`, `{"data": {"viewer": {"rewards": {"points": {"amount": "0"}, "pointsDebt": {"amount": "400"}}}}}`),
		refunds("$mugs", "POINTS 400", "0", "400"),
		ada(`{ viewer { rewards { points { amount } pointsDebt { amount } } } }`, `{"data": {"viewer": {"rewards": {"points": {"amount": "0"}, "pointsDebt": {"amount": "0"}}}}}`),
	}
}

func expiredReturnSteps() []step {
	const day = 24 * time.Hour
	see := func(points, expiring string) step {
		return ada(`{ viewer { rewards { points { amount } expiring { points { amount } at } } } }`, `{"data": {"viewer": {"rewards": {"points": {"amount": "`+points+`"}, "expiring": `+expiring+`}}}}`)
	}
	return []step{
		mug(),
		buysAtlas(),
		buysMug("299"),
		later(40*day, see("0", "null")),
		refunds("$bought-mug", "POINTS 200", "0", "200"),
		see("200", `{"points": {"amount": "200"}, "at": "2027-03-04T18:00:00Z"}`),
		// Of the points of the atlas, 299 have expired before anybody took them back.
		refunds("$ada-atlas", "USD 4.99", "200", "0"),
		see("0", "null"),
	}
}

func limitedSteps() []step {
	buy := func(key, items, more, total, want string) step {
		return ada(buying(key, items, total)+more+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": `+want+`}}`)
	}
	bought := func(name string) string { return `{"purchase": {"id": "` + name + `"}, "errors": []}` }
	refused := func(code string) string { return `{"purchase": null, "errors": [{"code": "` + code + `"}]}` }
	sale := func(status, remaining string) step {
		return mia(`{ flashSale(id: "$sale") { status remaining sold } }`, `{"data": {"flashSale": {"status": "`+status+`", "remaining": `+remaining+`, "sold": `+map[string]string{"1": "1", "2": "0", "0": "2"}[remaining]+`}}}`)
	}
	coupon := func(used string) step {
		return mia(`{ coupons { nodes { used } } }`, `{"data": {"coupons": {"nodes": [{"used": `+used+`}]}}}`)
	}
	const hints, code = `{id: "$hints"}`, `, couponCode: "HALF-A-BOOK"`
	return []step{
		makes("FlashSale", "$sale", text("Sale")+`, kind: FIXED, prices: [{currency: "USD", amount: "0.10"}], scope: {productIds: ["$hints"]}, endsAt: "2026-12-25T18:00:00Z", stock: 2, perShopper: 1`),
		makes("Coupon", "$coupon", text("Half a book")+`, code: "HALF-A-BOOK", kind: PERCENTAGE, percentOff: "50", scope: {productIds: ["$atlas"]}, stock: 1, perShopper: 1`),
		buy("k1", hints, ``, "0.10", bought("$cheap")),
		buy("k2", hints, ``, "0.10", refused("LIMIT_REACHED")),
		sale("LIVE", "1"),
		refunds("$cheap", "USD 0.10", "0", "0"),
		sale("LIVE", "2"),
		buy("k2", hints, ``, "0.10", bought("$cheap-again")),
		by("SHOPPER ben", buying("k1", hints, "0.10")+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$bens"}, "errors": []}}}`),
		sale("SOLD_OUT", "0"),
		refunds("$bens", "USD 0.10", "0", "0"),
		sale("LIVE", "1"),
		buy("k3", `{id: "$atlas"}`, code, "2.50", bought("$book")),
		coupon("1"),
		buy("k4", hints, code, "0.20", refused("COUPON_NOT_VALID")),
		refunds("$book", "USD 2.50", "0", "0"),
		coupon("0"),
		buy("k4", `{id: "$atlas"}`, code, "2.50", bought("$book-again")),
		// After the sale there is nothing that the unit could go back to.
		later(24*time.Hour, refunds("$cheap-again", "USD 0.10", "0", "0")),
		mia(`{ flashSale(id: "$sale") { status remaining sold } }`, `{"data": {"flashSale": {"status": "ENDED", "remaining": 0, "sold": 0}}}`),
	}
}

func trialRefundSteps() []step {
	buy := func(key, thing, total, want string) step {
		return ada(buying(key, `{id: "`+thing+`"}`, total)+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": `+want+`}}`)
	}
	see := func(quote string, entitlements ...string) step {
		return ada(`{ quote(input: {currency: "USD", items: [{id: "$atlas"}]}) { total { amount } } viewer { entitlements { nodes { trial status } } } }`,
			`{"data": {"quote": {"total": {"amount": "`+quote+`"}}, "viewer": {"entitlements": {"nodes": [`+strings.Join(entitlements, ", ")+`]}}}}`)
	}
	has := func(trial, status string) string { return `{"trial": ` + trial + `, "status": "` + status + `"}` }
	return []step{
		makes("TrialOffer", "$try", text("Try it")+`, productId: "$atlas", prices: [{currency: "USD", amount: "0.99"}], durationHours: 24, graceHours: 24`),
		buy("k1", "$try", "0.99", `{"purchase": {"id": "$trial"}, "errors": []}`),
		buy("k2", "$atlas", "4.00", `{"purchase": {"id": "$whole"}, "errors": []}`),
		refunding("$trial", "r1", `{"refund": null, "errors": [{"code": "NOT_REFUNDABLE"}]}`),
		refunds("$whole", "USD 4.00", "0", "0"),
		see("4.00", has("false", "REVOKED"), has("true", "ACTIVE")),
		buy("k3", "$atlas", "4.00", `{"purchase": {"id": "$whole-again"}, "errors": []}`),
		refunds("$whole-again", "USD 4.00", "0", "0"),
		refunds("$trial", "USD 0.99", "0", "0"),
		see("4.99", has("false", "REVOKED"), has("false", "REVOKED"), has("true", "REVOKED")),
		// There is one trial of a thing, ever.
		buy("k4", "$try", "0.99", `{"purchase": null, "errors": [{"code": "TRIAL_USED"}]}`),
		ada(`{ viewer { wallet(currency: "USD") { balance { amount } } } }`, `{"data": {"viewer": {"wallet": {"balance": {"amount": "50.00"}}}}}`),
	}
}

func whoRefundsSteps() []step {
	const refund = `mutation { refundPurchase(input: {idempotencyKey: "r1", purchaseId: "$purchase", reason: "x"}) { refund { id } replayed errors { code } } }`
	steps := []step{ada(strings.Replace(buyHints, "k1", "k0", 1), boughtHints("$purchase", false))}
	for _, as := range []string{"SHOPPER ada", "SHOPPER ben", "MERCHANDISER mia", "SERVICE store", "SERVICE store for ada"} {
		steps = append(steps, by(as, refund, topLevel("FORBIDDEN", "refundPurchase", "")))
	}
	node := func(as, want string) step {
		return by(as, `{ node(id: "$refund") { __typename id ... on Refund { purchase { id total { amount } lines { name } } total { amount } } } }`, `{"data": {"node": `+want+`}}`)
	}
	const shown = `{"__typename": "Refund", "id": "$refund", "purchase": {"id": "$purchase", "total": {"amount": "0.20"}, "lines": [{"name": "Hints"}]}, "total": {"amount": "0.20"}}`
	steps = append(steps,
		by("", refund, topLevel("UNAUTHENTICATED", "refundPurchase", "")),
		by("ADMIN root", refund, `{"data": {"refundPurchase": {"refund": {"id": "$refund"}, "replayed": false, "errors": []}}}`),
		// A key belongs to the shopper, whoever of the support uses it.
		by("SUPPORT sue", refund, `{"data": {"refundPurchase": {"refund": {"id": "$refund"}, "replayed": true, "errors": []}}}`),
	)
	for _, as := range []string{"SHOPPER ada", "SERVICE store for ada", "SUPPORT sue", "ADMIN root"} {
		steps = append(steps, node(as, shown))
	}
	for _, as := range []string{"", "SHOPPER ben", "MERCHANDISER mia", "SERVICE store", "SERVICE store for ben"} {
		steps = append(steps, node(as, "null"))
	}
	return steps
}

// TestRefundRefusals tries every wrong refund: each answer names everything that is wrong, and nothing is stored.
func TestRefundRefusals(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.names["$no-purchase"] = id.Encode(id.Purchase, id.New())
		o.play(t, ada(strings.Replace(buyHints, "k1", "k0", 1), boughtHints("$purchase", false)))
		o.play(t, ada(buyHints, boughtHints("$other", false)))
		o.play(t, refunding("$other", "used", `{"refund": {"id": "$*"}, "errors": []}`))
		for _, r := range refusedRefunds() {
			t.Run(r.name, func(t *testing.T) {
				before := o.rows(t)
				o.play(t, r.step)
				if diff := cmp.Diff(before, o.rows(t)); diff != "" {
					t.Errorf("the refusal left a trace in these tables (-before +after):\n%s", diff)
				}
			})
		}
		o.verify(t)
	})
}

func refusedRefunds() []refusal {
	refund := func(name, fields, want string) refusal {
		return mutate("refundPurchase: "+name, "SUPPORT sue", "refundPurchase", "refund", `{"idempotencyKey": "new", "purchaseId": "$purchase", "reason": "By mistake"}`, fields, want)
	}
	list := []refusal{
		refund("what is not there", `{"purchaseId": "$no-purchase"}`, general("NOT_FOUND", "purchaseId")),
		refund("a product", `{"purchaseId": "$poems"}`, invalid("purchaseId")),
		refund("the key of another purchase", `{"idempotencyKey": "used"}`, `{"__typename": "IdempotencyKeyReusedError", "code": "IDEMPOTENCY_KEY_REUSED", "path": ["idempotencyKey"]}`),
		refund("what was refunded", `{"purchaseId": "$other"}`, `{"__typename": "AlreadyRefundedError", "code": "ALREADY_REFUNDED", "path": ["purchaseId"]}`),
		refund("all that is wrong at once", `{"idempotencyKey": "", "purchaseId": "x", "reason": " "}`, invalid("purchaseId", "idempotencyKey", "reason")),
	}
	for name, reason := range map[string]string{"no reason": "", "spaces for a reason": "  ", "501 characters": strings.Repeat("é", 501), "a zero": `a\u0000b`} {
		list = append(list, refund(name, `{"reason": "`+reason+`"}`, invalid("reason")))
	}
	for name, key := range map[string]string{"an empty key": "", "a key of 256 characters": strings.Repeat("é", 256), "a key with a line break": `a\nb`} {
		list = append(list, refund(name, `{"idempotencyKey": "`+key+`"}`, invalid("idempotencyKey")))
	}
	return list
}
