package app_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/db"
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

// TestRewardsCostTheSame counts what is asked of the database for pages of 5 and of 50, with rewards and refunds on them.
func TestRewardsCostTheSame(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		const crowd = 50
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 100")
		for _, step := range earningRules() {
			o.play(t, step)
		}
		o.play(t, rule("spent", `leaderboard: {period: ALL, measure: AMOUNT, currency: "USD"}`))
		for i := range crowd {
			n := strconv.Itoa(i)
			o.play(t, rule("badge-"+n, badgeFor("PURCHASES", strconv.Itoa(i+1))))
			o.play(t, buysHints("ada", n, 1))
			if i%2 == 0 {
				o.play(t, refunding("$ada-"+n, n, `{"refund": {"id": "$refund-`+n+`"}, "errors": []}`))
			}
			o.shopper(t, "reader-"+n, "USD 1")
			o.play(t, joins("reader-"+n, "Reader "+n))
			o.play(t, buysHints("reader-"+n, "k1", 1))
		}
		handler, err := o.Handler(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range []struct{ as, query, counted string }{
			{"SHOPPER ada", `{ viewer { purchases(first: %d) { totalCount nodes { id status pointsEarned { amount } rewards { pointsEarned { amount } pointsBalance { amount } why { name points { amount } }
				badges { badge { name } } quests { name } level { name } nextLevel { level { name } missing { amount } } } refund { total { amount } reason purchase { id pointsEarned { amount } } } } } } }`, `"status"`},
			{"SHOPPER ada", `{ viewer { rewards { activity(first: %d) { totalCount nodes { seq kind purchaseId pointsGained { amount } why { name } badges { name } quests { name } perk { name } level { name } } } } } }`, `"seq"`},
			{"SHOPPER ada", `{ viewer { wallet(currency: "USD") { transfers(first: %d) { nodes { kind amount { amount } purchaseId reason } } } } }`, `"kind"`},
			{"SHOPPER reader-7", `{ leaderboard(code: "spent") { standing { count places(first: %d) { nodes { rank displayName score isMe } } me { rank } aroundMe { displayName } } } }`, `"isMe"`},
			{"MERCHANDISER mia", `{ rewardRules(first: %d) { totalCount nodes { code name badge { goals { measure target scope { products } } } } } }`, `"code"`},
			{"MERCHANDISER mia", `{ nodes(ids: [RULES %d]) { id } }`, `"id"`},
		} {
			var cost []int64
			for _, n := range []int{5, crowd} {
				query := fmt.Sprintf(page.query, n)
				var ids strings.Builder
				for i := range n {
					ids.WriteString(`"$badge-` + strconv.Itoa(i) + `" `)
				}
				query = strings.Replace(query, fmt.Sprintf("RULES %d", n), ids.String(), 1)
				ctx, count := db.CountReads(t.Context())
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, o.request(ctx, t, &call{as: page.as, query: query}))
				cost = append(cost, count())
				if body := answer.Body.String(); strings.Contains(body, `"extensions"`) || strings.Count(body, page.counted) < n {
					t.Errorf("not what was wanted of %s: %s", query, body)
				}
			}
			// As above, a loader may stop collecting too early.
			if cost[0] == 0 || cost[1] > 2*cost[0] {
				t.Errorf("5 cost %d statements and %d cost %d: %s", cost[0], crowd, cost[1], page.query)
			}
		}
	})
}
