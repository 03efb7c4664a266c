package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/id"
)

// TestRewardRefusals tries every wrong input of rules of rewards, and of what shoppers do with them: each answer names
// everything that is wrong, and nothing is stored.
func TestRewardRefusals(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.names["$no-rule"] = id.Encode(id.RewardRule, id.New())
		for _, step := range beforeRules() {
			o.play(t, step)
		}
		before := o.rows(t)
		for _, step := range rewardRefusals() {
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

// beforeRules is what there is before the refusals: a rule of every kind, and $put-away.
func beforeRules() []step {
	return []step{
		rule("usual", tenPerDollar),
		rule("first-purchase", badgeFor("PURCHASES", "1")),
		rule("quest", `startsAt: "2026-12-24T00:00:00Z", endsAt: "2027-01-01T00:00:00Z", quest: {goals: [{measure: UNITS, target: 9}]}`),
		rule("silver", `level: {from: "500"}`),
		rule("days", `streak: {period: DAY}`),
		rule("board", `leaderboard: {period: WEEK, measure: AMOUNT, currency: "USD"}`),
		rule("perk", `perk: {cost: "100"}`),
		rule("discount", `discount: {worth: [{currency: "USD", rate: "0.01"}]}`),
		rule("put-away", `level: {from: "100"}`),
		mia(`mutation { archiveRewardRule(input: {id: "$put-away"}) { errors { code } } }`, `{"data": {"archiveRewardRule": {"errors": []}}}`),
		ada(`mutation { updateRewardSettings(input: {timeZone: "Asia/Seoul"}) { errors { code } } }`, `{"data": {"updateRewardSettings": {"errors": []}}}`),
	}
}

func rewardRefusals() []refusal {
	var list []refusal
	for _, one := range [][]refusal{
		refusedRules(), refusedPoints(), refusedGoals(), refusedOtherTerms(), refusedUpdates(), refusedPreviews(), refusedRedemptions(), refusedRewardReads(),
	} {
		list = append(list, one...)
	}
	return list
}

// newRule is a right input of createRewardRule with these terms.
func newRule(terms string) entry {
	return entry{"createRewardRule", "rule", `{` + rightText + `, ` + terms + `}`}
}

const rightGoals = `"badge": {"goals": [{"measure": "PURCHASES", "target": "1"}]}`

// refusedRules are those that all kinds have in common.
func refusedRules() []refusal {
	right := newRule(rightGoals)
	list := []refusal{
		right.refuses("no terms", `{"badge": null}`, `{"__typename": "InvalidInputError", "code": "INVALID_INPUT", "path": null}`),
		right.refuses("terms of two kinds", `{"level": {"from": "1"}}`, invalid("level")),
		right.refuses("terms of three kinds", `{"points": {"points": "1"}, "perk": {"cost": "1"}}`, invalid("badge", "perk")),
		right.refuses("no texts", `{"texts": []}`, invalid("texts")),
		right.refuses("names that are none", `{"texts": [{"language": "en", "name": " "}, {"language": "ko", "name": "`+strings.Repeat("x", 501)+`"}]}`, invalid("texts.0.name", "texts.1.name")),
		right.unreadable("a language that is none", `{"texts": [{"language": "??", "name": "A"}]}`, "texts.0.language"),
		right.refuses("a language twice", `{"texts": [{"language": "en", "name": "A"}, {"language": "EN", "name": "B"}]}`, invalid("texts.1.language")),
		right.refuses("a name with a zero", `{"texts": [{"language": "en", "name": "a\u0000b"}]}`, invalid("texts.0.name")),
		right.refuses("into the archive", `{"status": "ARCHIVED"}`, invalid("status")),
		right.refuses("an end at the beginning", `{"startsAt": "2026-12-25T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z"}`, invalid("endsAt")),
		right.unreadable("no instant", `{"startsAt": "Christmas"}`, "startsAt"),
		right.refuses("a code that is taken", `{"code": "silver"}`, invalid("code")),
		right.refuses("a code of the archive", `{"code": "put-away"}`, invalid("code")),
		right.refuses("all that is wrong at once", `{"code": "No!", "status": "ARCHIVED", "texts": [], "picture": "x", "startsAt": "2026-12-26T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z",
			"badge": {"goals": [{"measure": "AMOUNT", "target": "NaN", "scope": {"products": ["x", "$nothing"], "tags": [""]}}]}, "perk": {"cost": "x"}}`,
			invalid("badge.goals.0.scope.products.0", "badge.goals.0.target", "perk.cost", "code", "status", "texts", "picture", "endsAt", "perk", "badge.goals.0.currency",
				"badge.goals.0.scope.tags.0", "badge.goals.0.scope.products.1")),
	}
	for _, code := range []string{"", "Silver", "-a", "a-", "a--b", "a_b", "é", strings.Repeat("x", 101)} {
		list = append(list, right.refuses("the code "+code[:min(len(code), 9)], `{"code": "`+code+`"}`, invalid("code")))
	}
	for _, picture := range []string{"http://example.org/a.png", "//example.org/a.png", "javascript:alert(1)", "pictures/a.svg", "/pictures/a b.svg", "https://", `/a\u0000`, "/" + strings.Repeat("x", 2048)} {
		list = append(list, right.refuses("the picture "+picture[:min(len(picture), 24)], `{"picture": "`+picture+`"}`, invalid("picture")))
	}
	return list
}

func refusedPoints() []refusal {
	right := newRule(`"points": {"rates": [{"currency": "USD", "rate": "10"}]}`)
	points := func(name, terms string, paths ...string) refusal {
		return right.refuses(name, `{"points": {`+terms+`}}`, invalid(paths...))
	}
	rate := func(rate string) string { return `{"currency": "USD", "rate": ` + rate + `}` }
	step := func(from, rate string) string { return `{"from": "` + from + `", "rate": "` + rate + `"}` }
	const dollars = `"rates": [{"currency": "USD", "rate": "10"}]`
	list := []refusal{
		points("no way to give any", ``, "points"),
		points("rates and a number", dollars+`, "points": "5"`, "points.points"),
		points("steps and a percentage", `"currency": "USD", "steps": [`+step("0", "1")+`], "extraPercent": "5"`, "points.extraPercent"),
		points("a currency twice", `"rates": [`+rate(`"1"`)+`, `+rate(`"2"`)+`]`, "points.rates.1.currency"),
		points("currencies that are not traded", `"rates": [{"currency": "CHF", "rate": "1"}, {"currency": "POINTS", "rate": "1"}, {"currency": "usd", "rate": "1"}]`,
			"points.rates.0.currency", "points.rates.1.currency", "points.rates.2.currency"),
		points("a currency without steps", dollars+`, "currency": "USD"`, "points.currency"),
		points("steps without a currency", `"steps": [`+step("0", "1")+`]`, "points.currency"),
		points("steps in points", `"currency": "POINTS", "steps": [`+step("0", "1")+`]`, "points.currency"),
		points("a first step from one on", `"currency": "USD", "steps": [`+step("1", "1")+`]`, "points.steps.0.from"),
		points("steps that do not rise", `"currency": "USD", "steps": [`+step("0", "1")+`, `+step("5", "2")+`, `+step("5", "3")+`, `+step("4", "4")+`]`, "points.steps.2.from", "points.steps.3.from"),
		points("steps that give nothing", `"currency": "USD", "steps": [`+step("0", "0")+`, `+step("5", "0")+`]`, "points.steps"),
		points("steps that take", `"currency": "USD", "steps": [`+step("0", "-1")+`, `+step("5", "1000001")+`]`, "points.steps.0.rate", "points.steps.1.rate"),
		points("21 steps", `"currency": "USD", "steps": `+many(21, step("0", "1")), "points.steps"),
		points("nothing at all", `"points": "0"`, "points"),
		points("a day of no time", dollars+`, "expireDays": 0`, "points.expireDays"),
		points("more than ten years", dollars+`, "expireDays": 3651`, "points.expireDays"),
		points("goods that are not there", dollars+`, "scope": {"products": ["$poems", "$nothing", "$silver", "x"]}`, "points.scope.products.2", "points.scope.products.3", "points.scope.products.1"),
		points("51 goods", dollars+`, "scope": {"products": `+many(51, `"$poems"`)+`}`, "points.scope.products"),
		points("labels that are none", dollars+`, "scope": {"tags": ["a", " "], "categories": [""], "creators": ["b", "\u0000"]}`, "points.scope.tags.1", "points.scope.categories.0", "points.scope.creators.1"),
		points("51 labels", dollars+`, "scope": {"tags": `+many(51, `"a"`)+`, "creators": `+many(51, `"a"`)+`}`, "points.scope.tags", "points.scope.creators"),
	}
	for _, number := range []string{`"0"`, `"-1"`, `"1000001"`, `"0.0000001"`, `"NaN"`, `"1e3"`, `""`, `true`} {
		list = append(list, points("a rate of "+number, `"rates": [`+rate(number)+`]`, "points.rates.0.rate"))
	}
	for _, number := range []string{`"-1"`, `"0.5"`, `"1000000001"`, `"Infinity"`, `"x"`} {
		list = append(list, points("the number "+number, `"points": `+number, "points.points"),
			points(number+" a day", dollars+`, "perDay": `+number, "points.perDay"), points(number+" a shopper", dollars+`, "perShopper": `+number, "points.perShopper"))
	}
	for _, number := range []string{`"-1"`, `"10000.01"`, `"12.345"`, `"x"`} {
		list = append(list, points(number+" percent more", `"extraPercent": `+number, "points.extraPercent"))
	}
	return append(list, points("none a day, and none a shopper", dollars+`, "perDay": "0", "perShopper": "0"`, "points.perDay", "points.perShopper"))
}

func refusedGoals() []refusal {
	var list []refusal
	for _, kind := range []struct{ field, more string }{{"badge", ""}, {"quest", `"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z", `}} {
		right := newRule(kind.more + `"` + kind.field + `": {"goals": [{"measure": "PURCHASES", "target": "1"}]}`)
		goals := func(name, goals string, paths ...string) refusal {
			for i := range paths {
				paths[i] = kind.field + "." + paths[i]
			}
			return right.refuses(kind.field+": "+name, `{"`+kind.field+`": {"goals": [`+goals+`]}}`, invalid(paths...))
		}
		list = append(list,
			goals("no goals", ``, "goals"),
			goals("six goals", strings.Trim(many(6, `{"measure": "PURCHASES", "target": "1"}`), "[]"), "goals"),
			goals("the same twice", `{"measure": "UNITS", "scope": {"tags": ["b", "Á"]}, "target": 1}, {"measure": "UNITS", "scope": {"tags": ["a", "B", "b"]}, "target": 2}`, "goals.1"),
			goals("an amount of no currency", `{"measure": "AMOUNT", "target": "1"}`, "goals.0.currency"),
			goals("an amount of another currency", `{"measure": "AMOUNT", "currency": "CHF", "target": "1"}`, "goals.0.currency"),
			goals("purchases of a currency", `{"measure": "PURCHASES", "currency": "USD", "target": "1"}`, "goals.0.currency"),
			goals("an amount of half a cent", `{"measure": "AMOUNT", "currency": "USD", "target": "0.005"}`, "goals.0.target"),
			goals("an amount of no won", `{"measure": "AMOUNT", "currency": "KRW", "target": "0.5"}`, "goals.0.target"),
			goals("goods that are not there", `{"measure": "UNITS", "scope": {"products": ["$nothing"]}, "target": "1"}`, "goals.0.scope.products.0"),
		)
		for _, target := range []string{`"0"`, `"-1"`, `"1.5"`, `"1000000001"`, `"NaN"`, `true`} {
			list = append(list, goals("a target of "+target, `{"measure": "CATEGORIES", "target": `+target+`}`, "goals.0.target"))
		}
	}
	badge := newRule(rightGoals)
	quest := newRule(`"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z", "quest": {"goals": [{"measure": "PURCHASES", "target": "1"}]}`)
	for _, measure := range []string{"STREAK_DAYS", "STREAK_WEEKS", "POINTS"} {
		list = append(list,
			badge.refuses(measure+" of some goods", `{"badge": {"goals": [{"measure": "`+measure+`", "scope": {"tags": ["a"]}, "target": "1"}]}}`, invalid("badge.goals.0.scope")),
			quest.refuses(measure+" in a window", `{"quest": {"goals": [{"measure": "`+measure+`", "target": "1"}]}}`, invalid("quest.goals.0.measure")))
	}
	return append(list,
		badge.refuses("half a point", `{"badge": {"goals": [{"measure": "POINTS", "target": "0.5"}]}}`, invalid("badge.goals.0.target")),
		quest.refuses("a quest without a window", `{"startsAt": null, "endsAt": null}`, invalid("startsAt", "endsAt")),
		quest.refuses("a quest without an end", `{"endsAt": null}`, invalid("endsAt")),
		quest.refuses("half a point for it", `{"quest": {"goals": [{"measure": "UNITS", "target": "1"}], "points": "0.5"}}`, invalid("quest.points")),
		quest.refuses("less than nothing for it", `{"quest": {"goals": [{"measure": "UNITS", "target": "1"}], "points": "-1"}}`, invalid("quest.points")),
	)
}

func refusedOtherTerms() []refusal {
	of := func(field, name, terms string, paths ...string) refusal {
		return newRule(`"`+field+`": {`+terms+`}`).refuses(field+": "+name, `{}`, invalid(paths...))
	}
	const dollars = `"worth": [{"currency": "USD", "rate": "0.02"}]`
	list := []refusal{
		of("level", "what another is from", `"from": "500"`, "level.from"),
		newRule(`"streak": {"period": "WEEK"}`).refuses("streak: a window", `{"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2026-12-25T00:00:00Z"}`, invalid("startsAt", "endsAt")),
		of("streak", "a second one of days", `"period": "DAY"`, "streak.period"),
		of("streak", "too much", `"period": "WEEK", "grace": 7, "freezeEvery": 366, "maxFreezes": 31`, "streak.grace", "streak.freezeEvery", "streak.maxFreezes"),
		of("streak", "less than nothing", `"period": "WEEK", "grace": -1, "freezeEvery": -1, "maxFreezes": -1`, "streak.grace", "streak.freezeEvery", "streak.maxFreezes"),
		of("streak", "freezes that nobody can have", `"period": "WEEK", "freezeEvery": 7`, "streak.maxFreezes"),
		of("streak", "freezes that nobody is given", `"period": "WEEK", "maxFreezes": 1`, "streak.freezeEvery"),
		of("leaderboard", "an amount of no currency", `"period": "DAY", "measure": "AMOUNT"`, "leaderboard.currency"),
		of("leaderboard", "units of a currency", `"period": "DAY", "measure": "UNITS", "currency": "USD"`, "leaderboard.currency"),
		of("leaderboard", "points for some goods", `"period": "DAY", "measure": "POINTS", "scope": {"creators": ["a"]}`, "leaderboard.scope"),
		of("leaderboard", "goods that are not there", `"period": "DAY", "measure": "UNITS", "scope": {"products": ["$nothing"]}`, "leaderboard.scope.products.0"),
		of("perk", "31 freezes", `"cost": "1", "freezes": 31`, "perk.freezes"),
		of("perk", "less than no freeze", `"cost": "1", "freezes": -1`, "perk.freezes"),
		of("discount", "a second one", dollars, "discount"),
		of("discount", "nothing", `"worth": []`, "discount.worth"),
		of("discount", "currencies", `"worth": [{"currency": "CHF", "rate": "1"}, {"currency": "POINTS", "rate": "1"}, {"currency": "USD", "rate": "1"}, {"currency": "USD", "rate": "2"}]`,
			"discount.worth.0.currency", "discount.worth.1.currency", "discount.worth.3.currency"),
		of("discount", "points that are worth nothing", `"worth": [{"currency": "USD", "rate": "0"}, {"currency": "EUR", "rate": "-1"}]`, "discount.worth.0.rate", "discount.worth.1.rate"),
		of("discount", "half a point at least", dollars+`, "least": "0.5"`, "discount.least"),
		of("discount", "less than nothing at least", dollars+`, "least": "-1"`, "discount.least"),
	}
	for _, number := range []string{`"-1"`, `"0.5"`, `"1000000001"`, `"NaN"`} {
		list = append(list, of("level", "from "+number, `"from": `+number, "level.from"), of("perk", "a cost of "+number, `"cost": `+number, "perk.cost"))
	}
	list = append(list, of("perk", "a gift", `"cost": "0"`, "perk.cost"))
	for _, percent := range []string{`"-1"`, `"10000.01"`, `"1.234"`, `"x"`} {
		list = append(list, of("level", percent+" percent more", `"from": "1", "extraPercent": `+percent, "level.extraPercent"))
	}
	for _, percent := range []string{`"0"`, `"-1"`, `"100.01"`, `"1.234"`, `"x"`} {
		list = append(list, of("discount", "of "+percent+" percent", dollars+`, "mostPercent": `+percent, "discount.mostPercent"))
	}
	for _, measure := range []string{"PRODUCTS", "CATEGORIES", "CREATORS", "BUNDLES", "STREAK_DAYS", "STREAK_WEEKS"} {
		list = append(list, of("leaderboard", "by "+measure, `"period": "DAY", "measure": "`+measure+`"`, "leaderboard.measure"))
	}
	return list
}

func refusedUpdates() []refusal {
	update := func(name, rule, terms, fields, want string) refusal {
		e := entry{"updateRewardRule", "rule", `{"id": "` + rule + `", "rule": {` + rightText + `, ` + terms + `}}`}
		return e.refuses(name, fields, want)
	}
	archive := func(name, fields, want string) refusal {
		return mutate("archiveRewardRule: "+name, "MERCHANDISER mia", "archiveRewardRule", "rule", `{"id": "$silver"}`, fields, want)
	}
	const board = `"leaderboard": {"period": "WEEK", "measure": "AMOUNT", "currency": "USD"}`
	return []refusal{
		update("a rule that is not there", "$no-rule", rightGoals, `{}`, general("NOT_FOUND", "")),
		update("no id", "first-purchase", rightGoals, `{}`, invalid("id")),
		update("the id of a product", "$poems", rightGoals, `{}`, invalid("id")),
		update("a version that is gone", "$first-purchase", rightGoals, `{"expectedVersion": 7}`, conflict()),
		update("another kind", "$first-purchase", `"level": {"from": "7"}`, `{}`, invalid("rule.level")),
		update("a code that is taken", "$first-purchase", rightGoals+`, "code": "silver"`, `{}`, invalid("rule.code")),
		update("back from the archive", "$put-away", `"level": {"from": "100"}`, `{}`, invalid("rule.status")),
		update("into the archive", "$silver", `"level": {"from": "100"}, "status": "ARCHIVED"`, `{}`, invalid("rule.status")),
		update("another period", "$board", strings.Replace(board, "WEEK", "DAY", 1), `{}`, invalid("rule.leaderboard")),
		update("other goods", "$board", strings.Replace(board, `"USD"`, `"USD", "scope": {"tags": ["a"]}`, 1), `{}`, invalid("rule.leaderboard")),
		update("no terms", "$silver", `"code": "silver"`, `{}`, `{"__typename": "InvalidInputError", "code": "INVALID_INPUT", "path": ["rule"]}`),
		update("another's change, and all that is wrong", "$silver", `"level": {"from": "0.5", "extraPercent": "x"}, "code": "!"`, `{"expectedVersion": 2}`,
			conflict()+`, `+invalid("rule.level.extraPercent", "rule.code", "rule.level.from")),
		update("all that is wrong with what is not there", "x", `"level": {"from": "0.5"}`, `{}`, invalid("id", "rule.level.from")),
		archive("a rule that is not there", `{"id": "$no-rule"}`, general("NOT_FOUND", "")),
		archive("the id of a wallet", `{"id": "$ada-USD"}`, invalid("id")),
		archive("a version that is gone", `{"expectedVersion": 2}`, conflict()),
	}
}

func refusedPreviews() []refusal {
	preview := func(name, rule, want string) refusal {
		return refusal{"rewardRulePreview: " + name, mia(`{ rewardRulePreview(input: {`+text("New")+`, `+rule+`}) { preview { shoppers } errors { __typename code path } } }`,
			`{"data": {"rewardRulePreview": {"preview": null, "errors": [`+want+`]}}}`)}
	}
	list := []refusal{
		preview("nothing", `code: "x"`, `{"__typename": "InvalidInputError", "code": "INVALID_INPUT", "path": null}`),
		preview("all that is wrong at once", `code: "!", badge: {goals: [{measure: AMOUNT, target: "x"}]}`, invalid("badge.goals.0.target", "code", "badge.goals.0.currency")),
	}
	for field, terms := range map[string]string{
		"level": `{from: "1"}`, "streak": `{period: WEEK}`, "leaderboard": `{period: DAY, measure: UNITS}`, "perk": `{cost: "1"}`, "discount": `{worth: [{currency: "EUR", rate: "1"}]}`,
	} {
		list = append(list, preview(field, field+`: `+terms, invalid(field)))
	}
	return list
}

func refusedRedemptions() []refusal {
	redeem := func(name, fields, want string) refusal {
		return mutate("redeemPerk: "+name, "SHOPPER ada", "redeemPerk", "event", `{"idempotencyKey": "new", "perkId": "$perk"}`, fields, want)
	}
	notAvailable := `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["perkId"]}`
	redeemPoints := func(name, points, want string) refusal {
		return checkout("redeeming "+name, `{"redeemPoints": `+points+`}`, want)
	}
	list := []refusal{
		redeem("without points", `{}`, `{"__typename": "InsufficientFundsError", "code": "INSUFFICIENT_FUNDS", "path": null}`),
		redeem("what is not there", `{"perkId": "$no-rule"}`, notAvailable),
		redeem("a level", `{"perkId": "$silver"}`, notAvailable),
		redeem("a product", `{"perkId": "$poems"}`, invalid("perkId")),
		redeem("all that is wrong at once", `{"idempotencyKey": " ", "perkId": ""}`, invalid("perkId", "idempotencyKey")),
		redeemPoints("more than the basket costs", `"100"`, invalid("redeemPoints")),
		redeemPoints("points that there are not", `"9"`, `{"__typename": "PriceChangedError", "code": "PRICE_CHANGED", "path": ["expectedTotal"]}`),
		checkout("redeeming for points", `{"currency": "POINTS", "expectedTotal": "1", "redeemPoints": "1"}`, invalid("redeemPoints")),
		checkout("redeeming where points are worth nothing", `{"currency": "KRW", "expectedTotal": "1200", "redeemPoints": "1"}`, `{"__typename": "NotAvailableError", "code": "NOT_AVAILABLE", "path": ["redeemPoints"]}`),
	}
	for _, points := range []string{`"-1"`, `"0.5"`, `"NaN"`, `"1e2"`, `""`, `true`, `"99999999999999999999"`} {
		list = append(list, redeemPoints(points, points, invalid("redeemPoints")))
	}
	return list
}

func refusedRewardReads() []refusal {
	merchandiser := func(name, query, want string) refusal { return refusal{name, mia(query, want)} }
	list := []refusal{
		merchandiser("rewardRule: neither id nor code", `{ rewardRule { id } }`, inside("rewardRule", "id", `{"rewardRule": null}`)),
		merchandiser("rewardRule: both id and code", `{ rewardRule(id: "$silver", code: "silver") { id } }`, inside("rewardRule", "id", `{"rewardRule": null}`)),
		merchandiser("rewardRule: an id of a product", `{ rewardRule(id: "$poems") { id } }`, inside("rewardRule", "id", `{"rewardRule": null}`)),
		merchandiser("rewardRule: a code that is none", `{ rewardRule(code: "\u0000") { id } }`, `{"data": {"rewardRule": null}}`),
		merchandiser("rewardRules: none of them", `{ rewardRules(first: 0) { totalCount } }`, inside("rewardRules", "first", "null")),
		merchandiser("rewardRules: 101 of them", `{ rewardRules(last: 101) { totalCount } }`, inside("rewardRules", "last", "null")),
		merchandiser("rewardRules: a cursor that is none", `{ rewardRules(after: "x") { totalCount } }`, inside("rewardRules", "after", "null")),
		read("leaderboard: a code that is none", `{ leaderboard(code: "\u0000") { code } }`, `{"data": {"leaderboard": null}}`),
		read("activity: 101 of them", `{ viewer { rewards { activity(first: 101) { totalCount } } } }`, inside("viewer.rewards.activity", "first", `{"viewer": null}`)),
		read("activity: a cursor that is none", `{ viewer { rewards { activity(after: "x") { totalCount } } } }`, inside("viewer.rewards.activity", "after", `{"viewer": null}`)),
	}
	for _, ago := range []int{-1, 401} {
		list = append(list, read(fmt.Sprintf("leaderboard: %d ago", ago), fmt.Sprintf(`{ leaderboard(code: "board") { standing(ago: %d) { count } } }`, ago), inside("leaderboard.standing", "ago", `{"leaderboard": null}`)))
	}
	for arguments, field := range map[string]string{"first: 0": "first", "first: 101": "first", `after: "x"`: "after"} {
		list = append(list, read("places: "+arguments, `{ leaderboard(code: "board") { standing { places(`+arguments+`) { nodes { rank } } } } }`, inside("leaderboard.standing.places", field, `{"leaderboard": null}`)))
	}
	return list
}
