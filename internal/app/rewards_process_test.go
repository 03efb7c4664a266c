package app_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestRewardRushes has crowds earn, redeem and give back through two server processes at once: everything is awarded once,
// and taken back once. After each, everything is proved, and every award is computed again.
func TestRewardRushes(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		m := s.openMarket(t)
		for _, step := range rushRules() {
			m.play(t, step)
		}
		for _, rush := range []struct {
			name string
			test func(*market, *testing.T)
		}{
			{"for the tenth purchase", (*market).rushToTen},
			{"for the first purchase", (*market).rushToFirst},
			{"with one key", (*market).rushOnKey},
			{"to refund one purchase", (*market).rushToRefund},
			{"with everything at once", (*market).rushOnAll},
		} {
			t.Run(rush.name, func(t *testing.T) {
				rush.test(m, t)
				m.proved(t, s)
			})
		}
	})
}

func rushRules() []step {
	return append(usualRules(),
		rule("welcome", `points: {points: "50", firstPurchase: true}`),
		rule("capped", `points: {points: "3", perShopper: "12"}`),
		rule("bronze", `level: {from: "60"}`),
		rule("silver", `level: {from: "120", extraPercent: "100"}`),
		rule("ten-units", `startsAt: "2020-01-01T00:00:00Z", endsAt: "2120-01-01T00:00:00Z", quest: {goals: [{measure: UNITS, target: "10"}], points: "20"}`),
		rule("days", `streak: {period: DAY, freezeEvery: 5, maxFreezes: 2}`),
		rule("weeks", `streak: {period: WEEK}`),
		rule("spent", `leaderboard: {period: ALL, measure: AMOUNT, currency: "USD"}`),
		rule("earned", `leaderboard: {period: MONTH, measure: POINTS}`),
		rule("freeze", `perk: {cost: "40", freezes: 1}`),
		rule("cents", `discount: {worth: [{currency: "USD", rate: "0.01"}]}`),
	)
}

// prize is what came of a checkout for its shopper.
type prize struct {
	Purchase *struct{ ID string }
	Replayed bool
	Rewards  *struct {
		PointsEarned struct{ Amount string }
		Why          []struct{ Code string }
		Badges       []struct{ Badge struct{ Code string } }
		Quests       []struct{ Code string }
	}
	Errors []struct{ Code string }
}

// codes are what was earned besides points, and which rules gave these.
func (p prize) codes() []string {
	var list []string
	if p.Rewards == nil {
		return nil
	}
	for _, b := range p.Rewards.Badges {
		list = append(list, b.Badge.Code)
	}
	for _, q := range p.Rewards.Quests {
		list = append(list, q.Code)
	}
	for _, w := range p.Rewards.Why {
		list = append(list, "by "+w.Code)
	}
	return list
}

// win has a shopper buy a packet of hints under a key; what is redeemed for it is taken off.
func (m *market) win(t *testing.T, server int, subject, key, redeemed string) prize {
	t.Helper()
	total, more := "0.20", ""
	if redeemed != "" {
		total, more = "0.10", `, redeemPoints: "`+redeemed+`"`
	}
	var data struct{ Checkout prize }
	err := m.send(t, call{
		as: "SHOPPER " + subject, server: m.servers[server%2].url, query: buying(key, `{id: "$hints"}`, total) + more + `}) {
			purchase { id } replayed rewards { pointsEarned { amount } why { code } badges { badge { code } } quests { code } } errors { code } } }`,
	}, &data)
	if err != nil {
		t.Error(err)
	}
	return data.Checkout
}

// back is what came of a refund.
type back struct {
	Refund *struct {
		ID    string
		Total struct{ Amount string }
	}
	Replayed bool
	Errors   []struct {
		Code   string
		Refund *struct{ ID string }
	}
}

// giveBack has the support refund a purchase under a key.
func (m *market) giveBack(t *testing.T, server int, purchase, key string) back {
	t.Helper()
	var data struct{ RefundPurchase back }
	err := m.send(t, call{
		as: "SUPPORT sue", server: m.servers[server%2].url, query: `mutation { refundPurchase(input: {idempotencyKey: "` + key + `", purchaseId: "` + purchase + `", reason: "A rush"}) {
			refund { id total { amount } } replayed errors { code ... on AlreadyRefundedError { refund { id } } } } }`,
	}, &data)
	if err != nil {
		t.Error(err)
	}
	return data.RefundPurchase
}

// rushToTen has some shoppers make ten purchases at once.
func (m *market) rushToTen(t *testing.T) {
	const shoppers, each = 8, 10
	crowd := m.crowd(t, "tenth", shoppers, "USD 10")
	var bought, won counts
	m.each(shoppers*each, connections, func(i int) {
		subject := crowd[i%shoppers]
		got := m.win(t, i/shoppers, subject, fmt.Sprintf("key-%d", i), "")
		if got.Purchase == nil || got.Replayed {
			t.Errorf("%s, %d: %+v", subject, i, got)
			return
		}
		bought.add(subject)
		for _, code := range got.codes() {
			won.add(code)
		}
	})
	// Twelve points in all by a rule that gives three: four times.
	won.want(t, map[string]int{
		"first-purchase": shoppers, "ten-purchases": shoppers, "by welcome": shoppers, "ten-units": shoppers, "by ten-units": shoppers, "by usual": each * shoppers, "by capped": 4 * shoppers,
	})
	for i, subject := range crowd {
		m.wants(t, m.ask(t, call{
			as: "SHOPPER " + subject, server: m.servers[i%2].url,
			query: `{ viewer { purchases { totalCount } rewards { points { amount } lifetimePoints { amount } level { code } badges { badge { code } } badgeProgress { badge { code } } days { count } activity { totalCount } } } }`,
		}), `{"data": {"viewer": {"purchases": {"totalCount": 10}, "rewards": {"points": {"amount": "102"}, "lifetimePoints": {"amount": "102"}, "level": {"code": "bronze"},
			"badges": [{"badge": {"code": "ten-purchases"}}, {"badge": {"code": "first-purchase"}}], "badgeProgress": [], "days": "$*", "activity": {"totalCount": 10}}}}}`)
	}
}

// rushToFirst has one shopper make twenty first purchases at once, several times over.
func (m *market) rushToFirst(t *testing.T) {
	for _, subject := range m.crowd(t, "first", 5, "USD 10") {
		var won counts
		m.each(20, 20, func(i int) {
			for _, code := range m.win(t, i, subject, fmt.Sprintf("key-%d", i), "").codes() {
				won.add(code)
			}
		})
		if won.made["first-purchase"] != 1 || won.made["by welcome"] != 1 || won.made["ten-purchases"] != 1 || won.made["by usual"] != 20 {
			t.Errorf("20 first purchases at once earn %v", won.made)
		}
	}
}

// rushOnKey sends one checkout a hundred times: each answer tells what the one purchase has earned.
func (m *market) rushOnKey(t *testing.T) {
	crowd := m.crowd(t, "again", 1, "USD 10")
	var mu sync.Mutex
	var purchases, earned []string
	fresh := 0
	m.each(100, connections, func(i int) {
		got := m.win(t, i, crowd[0], "key", "")
		mu.Lock()
		defer mu.Unlock()
		if got.Purchase == nil {
			t.Errorf("%+v", got)
			return
		}
		purchases, earned = append(purchases, got.Purchase.ID), append(earned, strings.Join(got.codes(), ", "))
		if !got.Replayed {
			fresh++
		}
	})
	slices.Sort(purchases)
	slices.Sort(earned)
	if p, e := slices.Compact(purchases), slices.Compact(earned); fresh != 1 || len(p) != 1 || !slices.Equal(e, []string{"first-purchase, by usual, by welcome, by capped"}) {
		t.Errorf("%d are no replays, of purchases %v which earned %q", fresh, p, e)
	}
	m.wants(t, m.ask(t, call{as: "SHOPPER " + crowd[0], query: `{ viewer { rewards { points { amount } activity { totalCount } } } }`}), `{"data": {"viewer": {"rewards": {"points": {"amount": "55"}, "activity": {"totalCount": 1}}}}}`)
}

// rushToRefund has the support refund one purchase a hundred times under keys of their own, and another one a hundred times
// under one key.
func (m *market) rushToRefund(t *testing.T) {
	subject := m.crowd(t, "refunded", 1, "USD 10")[0]
	for round, key := range map[string]func(i int) string{
		"under keys of their own": func(i int) string { return fmt.Sprintf("own-%d", i) },
		"under one key":           func(int) string { return "one" },
	} {
		purchase := m.win(t, 0, subject, round, "").Purchase.ID
		kept := m.win(t, 1, subject, "kept "+round, "")
		var made counts
		var refunds sync.Map
		m.each(100, connections, func(i int) {
			switch got := m.giveBack(t, i, purchase, key(i)); {
			case got.Refund != nil && got.Refund.Total.Amount == "0.20" && len(got.Errors) == 0:
				made.add(map[bool]string{false: "given back", true: "replayed"}[got.Replayed])
				refunds.Store(got.Refund.ID, true)
			case len(got.Errors) == 1 && got.Errors[0].Refund != nil:
				made.add(got.Errors[0].Code)
				refunds.Store(got.Errors[0].Refund.ID, true)
			default:
				t.Errorf("%s: %+v", round, got)
			}
		})
		if round == "under one key" {
			made.want(t, map[string]int{"given back": 1, "replayed": 99})
		} else {
			made.want(t, map[string]int{"given back": 1, "ALREADY_REFUNDED": 99})
		}
		n := 0
		refunds.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%s: %d refunds are told of", round, n)
		}
		if got := m.giveBack(t, 0, kept.Purchase.ID, "kept "+round); got.Refund == nil {
			t.Errorf("%+v", got)
		}
	}
	m.wants(t, m.ask(t, call{
		as: "SHOPPER " + subject, server: m.servers[1].url,
		query: `{ viewer { wallet(currency: "USD") { balance { amount } transfers { totalCount } } purchases { nodes { status } } entitlements { nodes { status } } rewards { points { amount } pointsDebt { amount } badges { badge { code } } activity { totalCount } } } }`,
	}), `{"data": {"viewer": {"wallet": {"balance": {"amount": "10.00"}, "transfers": {"totalCount": 9}}, "purchases": {"nodes": `+many(4, `{"status": "REFUNDED"}`)+`}, "entitlements": {"nodes": `+many(4, `{"status": "REVOKED"}`)+`},
		"rewards": {"points": {"amount": "0"}, "pointsDebt": {"amount": "0"}, "badges": [], "activity": {"totalCount": 8}}}}}`)
}

// rushOnAll has shoppers buy, redeem, have refunded, and join and leave leaderboards, all at once, while a merchandiser changes
// rules. What comes of it is for the proofs to judge.
func (m *market) rushOnAll(t *testing.T) {
	const shoppers, calls = 12, 900
	crowd := m.crowd(t, "busy", shoppers, "USD 100")
	var mu sync.Mutex
	bought := map[int][]string{} // by shopper, what may be given back
	var made counts
	m.each(calls, connections, func(i int) {
		// Each shopper is at both servers, and does now this and now that.
		who, what, server := i%shoppers, i/shoppers%7, i/shoppers/7
		subject := crowd[who]
		send := func(name, mutation string) {
			var data map[string]struct{ Errors []struct{ Code string } }
			if err := m.send(t, call{as: "SHOPPER " + subject, server: m.servers[server%2].url, query: `mutation { ` + mutation + ` }`}, &data); err != nil {
				t.Error(err)
			}
			for _, payload := range data {
				if len(payload.Errors) > 0 {
					name += " " + payload.Errors[0].Code
				}
			}
			made.add(name)
		}
		switch what {
		case 0, 1, 2:
			redeemed := ""
			if what == 2 {
				redeemed = "10"
			}
			got := m.win(t, server, subject, fmt.Sprintf("key-%d", i), redeemed)
			if got.Purchase == nil {
				made.add("buy " + got.Errors[0].Code)
				return
			}
			made.add("buy")
			mu.Lock()
			bought[who] = append(bought[who], got.Purchase.ID)
			mu.Unlock()
		case 3:
			mu.Lock()
			var purchase string
			if n := len(bought[who]); n > 0 {
				purchase, bought[who] = bought[who][n/2], slices.Delete(bought[who], n/2, n/2+1)
			}
			mu.Unlock()
			if purchase != "" && m.giveBack(t, server, purchase, fmt.Sprintf("key-%d", i)).Refund != nil {
				made.add("refund")
			}
		case 4:
			send("perk", fmt.Sprintf(`redeemPerk(input: {idempotencyKey: "key-%d", perkId: "$freeze"}) { errors { code } }`, i))
		case 5:
			name := `"` + subject + `"`
			if i%2 == 0 {
				name = "null"
			}
			send("settings", `updateRewardSettings(input: {displayName: `+name+`, timeZone: "`+[]string{"Asia/Seoul", "America/New_York", "UTC"}[i%3]+`"}) { errors { code } }`)
		case 6:
			var rule struct{ Rule struct{ Version int } }
			err := m.merchandise(t, server, `updateRewardRule(input: {id: "$ten-purchases", rule: {code: "ten-purchases", `+text("Ten")+fmt.Sprintf(`, badge: {goals: [{measure: PURCHASES, target: "%d"}]}}}) { rule { version } errors { code message } }`, 2+i%5), &rule)
			if err != nil {
				t.Error(err)
			}
			made.add("rule")
		}
	})
	for _, what := range []string{"buy", "refund", "perk", "settings", "rule"} {
		if made.made[what] == 0 {
			t.Errorf("it proves nothing that this was done: %v", made.made)
		}
	}
	for what := range made.made {
		if strings.Contains(what, " ") && !strings.HasSuffix(what, " INSUFFICIENT_FUNDS") {
			t.Errorf("refused: %v", made.made)
		}
	}
}
