package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/graph"
	"farthing/graph/generated"
	"farthing/internal/actor"
	"farthing/internal/audit"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// shop is the door on a database, without HTTP around it. Documents name things as "$name".
type shop struct {
	*graph.Resolver
	exec  *executor.Executor
	mu    sync.Mutex
	clock time.Time
	names map[string]string
}

// openShop opens a shop at noon of Christmas Eve that has had, since the day before, $poems and $atlas (durable, USD 4 and 6), and $hints (consumable, USD 1).
func openShop(t *testing.T, d *db.DB) *shop {
	t.Helper()
	currencies, err := money.ParseCurrencies("USD,KRW")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{clock: time.Date(2026, 12, 23, 12, 0, 0, 0, time.UTC), names: map[string]string{}}
	wallets := wallet.New(d, currencies, s.now)
	if err := wallets.OpenHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, earned := offers.New(d, currencies, s.now), rewards.New(d, currencies, s.now)
	till := checkout.New(d, checkout.Config{
		Currencies: currencies, Rewards: earned, Offers: made, Limiter: guard.Off{}, Clock: s.now,
		Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(till.Close)
	s.Resolver = &graph.Resolver{
		DB: d, Currencies: currencies, Clock: s.now, Shoppers: identity.New(d, s.now), Catalog: catalog.New(d, currencies, s.now),
		Offers: made, Wallets: wallets, Rewards: earned, Till: till, Entitlements: entitlement.New(d, s.now),
	}
	s.exec = executor.New(generated.NewExecutableSchema(generated.Config{
		Resolvers: s.Resolver, Directives: generated.DirectiveRoot{Role: graph.Role},
	}))
	s.exec.Use(graph.Gate{})
	s.exec.Use(graph.Loading{Resolver: s.Resolver})
	s.exec.SetErrorPresenter(graph.Presenter(slog.New(slog.NewTextHandler(t.Output(), nil)), func(context.Context) string { return "test" }))
	s.good(t, "poems", product.KindDURABLE, "4")
	s.good(t, "atlas", product.KindDURABLE, "6")
	s.good(t, "hints", product.KindCONSUMABLE, "1")
	s.pass(24 * time.Hour)
	return s
}

func (s *shop) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

func (s *shop) good(t *testing.T, name string, kind product.Kind, price string) {
	t.Helper()
	amount, err := money.ParseAmount(price)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Catalog.Create(s.as(t, "MERCHANDISER mila"), catalog.CreateInput{
		Kind: kind, Status: product.StatusACTIVE, Units: 1, Slug: &name,
		Texts: []catalog.Text{{Language: "en", Name: name}}, Prices: []catalog.Price{{Currency: "USD", Amount: amount}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.names["$"+name] = id.Encode(id.Product, p.ID)
}

// as is a context in which somebody is calling: "MERCHANDISER mila", or "" for a visitor.
func (s *shop) as(t *testing.T, who string) context.Context {
	t.Helper()
	role, subject, known := strings.Cut(who, " ")
	if !known {
		return t.Context()
	}
	caller := actor.Actor{Subject: subject, Roles: []actor.Role{actor.Role(role)}}
	if caller.Has(actor.Shopper) {
		var err error
		if caller.ShopperID, err = s.Shoppers.Shopper(t.Context(), "test", subject); err != nil {
			t.Fatal(err)
		}
		s.names["$"+subject] = id.Encode(id.Shopper, caller.ShopperID)
	}
	return actor.With(t.Context(), caller)
}

// start begins an operation.
func (s *shop) start(ctx context.Context, t *testing.T, document string) (graphql.ResponseHandler, context.Context) {
	t.Helper()
	for name, value := range s.names {
		document = strings.ReplaceAll(document, `"`+name+`"`, `"`+value+`"`)
	}
	now := graphql.Now()
	ctx = graphql.StartOperationTrace(ctx)
	operation, errs := s.exec.CreateOperationContext(ctx, &graphql.RawParams{
		Query: document, ReadTime: graphql.TraceTiming{Start: now, End: now},
	})
	if errs != nil {
		response := s.exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
		return func(context.Context) *graphql.Response { return response }, ctx
	}
	return s.exec.DispatchOperation(ctx, operation)
}

// ask answers a document, with the names of things in place of their ids.
func (s *shop) ask(t *testing.T, who, document string) string {
	t.Helper()
	next, ctx := s.start(s.as(t, who), t, document)
	return s.answer(t, next(ctx))
}

func (s *shop) answer(t *testing.T, response *graphql.Response) string {
	t.Helper()
	if response == nil {
		return "over"
	}
	text := string(response.Data)
	for name, value := range s.names {
		text = strings.ReplaceAll(text, value, name)
	}
	for _, e := range response.Errors {
		text += fmt.Sprintf(" %s %v", e.Path, e.Extensions["code"])
	}
	return text
}

// keep gives a name to the id that stands at a path of an answer.
func (s *shop) keep(t *testing.T, name, answer string, path ...string) {
	t.Helper()
	var at any
	if err := json.Unmarshal([]byte(answer), &at); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	for _, field := range path {
		fields, ok := at.(map[string]any)
		if !ok {
			t.Fatalf("nothing at %v of %s", path, answer)
		}
		at = fields[field]
	}
	text, ok := at.(string)
	if !ok {
		t.Fatalf("nothing at %v of %s", path, answer)
	}
	s.names["$"+name] = text
}

func wantAnswer(t *testing.T, got, want string) {
	t.Helper()
	squeeze := func(text string) string { return strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(text) }
	if diff := cmp.Diff(squeeze(want), squeeze(got)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// stocked has $pair (poems and atlas for USD 8), $taste (a free trial of atlas), $flash (a quarter off poems, 10 units, two
// for each shopper) and $bulk (hints at USD 0.80 from 10).
func (s *shop) stocked(t *testing.T) *shop {
	t.Helper()
	const texts = `texts: [{language: "en", name: "An offer"}, {language: "ko", name: "제안"}]`
	for name, of := range map[string]struct{ kind, input string }{
		"pair":  {"bundle", `createBundle(input: {` + texts + `, slug: "pair", kind: FIXED, components: [{productId: "$poems"}, {productId: "$atlas"}], prices: [{currency: "USD", amount: "8"}]})`},
		"taste": {"trialOffer", `createTrialOffer(input: {` + texts + `, productId: "$atlas", prices: [{currency: "USD", amount: "0"}], durationHours: 24})`},
		"flash": {"flashSale", `createFlashSale(input: {` + texts + `, kind: PERCENTAGE, percentOff: "25", scope: {productIds: ["$poems"]}, endsAt: "2026-12-24T18:00:00Z", stock: 10, perShopper: 2})`},
		"bulk":  {"tierPlan", `createTierPlan(input: {` + texts + `, productId: "$hints", mode: VOLUME, tiers: [{from: 1, upTo: 9, prices: [{currency: "USD", amount: "1"}]}, {from: 10, prices: [{currency: "USD", amount: "0.80"}]}]})`},
	} {
		answer := s.ask(t, "MERCHANDISER mila", `mutation { made: `+of.input+` { made: `+of.kind+` { id } errors { code path message } } }`)
		s.keep(t, name, answer, "made", "made", "id")
	}
	return s
}

// TestWhatIsOnOfferIsShown reads all kinds of offers, as a shopper who has never bought anything.
func TestWhatIsOnOfferIsShown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ product(slug: "poems") {
			price(currency: "USD") { list { amount } current { amount } lowestLast30Days { amount } until flashSale { id status remaining }
				adjustments { kind label(languages: ["ko"]) amount { amount } source unitsApplied } notApplied { kind } }
			won: price(currency: "KRW") { list { amount } }
			prices { current { amount } }
			bundles { id price(currency: "USD") { list { amount } current { amount } } components { quantity product { id } bundle { id } }
				products { id } leftOut { reason } fixedPrices { amount currency } percentOff choose owned }
			trialOffers { id } tierPlan { id } owned
			history: priceHistory(currency: "USD") { price { amount } since } } }`),
			`{"product":{
				"price":{"list":{"amount":"4.00"},"current":{"amount":"3.00"},"lowestLast30Days":{"amount":"4.00"},"until":"2026-12-24T18:00:00Z",
					"flashSale":{"id":"$flash","status":"LIVE","remaining":10},
					"adjustments":[{"kind":"FLASH_SALE","label":"제안","amount":{"amount":"1.00"},"source":"$flash","unitsApplied":1}],"notApplied":[]},
				"won":null,
				"prices":[{"current":{"amount":"3.00"}}],
				"bundles":[{"id":"$pair","price":{"list":{"amount":"10.00"},"current":{"amount":"7.80"}},
					"components":[{"quantity":1,"product":{"id":"$poems"},"bundle":null},{"quantity":1,"product":{"id":"$atlas"},"bundle":null}],
					"products":[{"id":"$poems"},{"id":"$atlas"}],"leftOut":[],"fixedPrices":[{"amount":"8.00","currency":"USD"}],
					"percentOff":null,"choose":null,"owned":false}],
				"trialOffers":[],"tierPlan":null,"owned":false,
				"history":[{"price":{"amount":"4.00"},"since":"2026-12-23T12:00:00Z"}]}}`)
		wantAnswer(t, s.ask(t, "", `{ product(id: "$poems") { wrong: priceHistory(currency: "USD", first: 0) { since } } }`),
			`{"product":null} product.wrong INVALID_INPUT`)
		wantAnswer(t, s.ask(t, "", `{
			bundles { totalCount nodes { id } } bundle(slug: "pair") { id kind status } none: bundle(slug: "no-such") { id }
			trialOffers(filter: {productId: "$atlas"}) { nodes { id product { id } price(currency: "USD") { current { amount } } owned used durationHours } }
			flashSales(status: [LIVE]) { nodes { id percentOff scope { products { id } bundles { id } tags categories } currentWindow { startsAt endsAt } recurrence { timeZone } } }
			flashSale(id: "$flash") { id name version endedAt perShopper stock }
			nodes(ids: ["$pair", "$taste", "$flash", "$bulk"]) { __typename id }
			product(id: "$hints") { tierPlan { mode tiers { from upTo prices { amount } } } } }`),
			`{"bundles":{"totalCount":1,"nodes":[{"id":"$pair"}]},"bundle":{"id":"$pair","kind":"FIXED","status":"ACTIVE"},"none":null,
				"trialOffers":{"nodes":[{"id":"$taste","product":{"id":"$atlas"},"price":{"current":{"amount":"0.00"}},"owned":false,"used":false,"durationHours":24}]},
				"flashSales":{"nodes":[{"id":"$flash","percentOff":"25","scope":{"products":[{"id":"$poems"}],"bundles":[],"tags":[],"categories":[]},
					"currentWindow":{"startsAt":"2026-12-24T12:00:00Z","endsAt":"2026-12-24T18:00:00Z"},"recurrence":null}]},
				"flashSale":{"id":"$flash","name":"An offer","version":1,"endedAt":null,"perShopper":2,"stock":10},
				"nodes":[{"__typename":"Bundle","id":"$pair"},{"__typename":"TrialOffer","id":"$taste"},{"__typename":"FlashSale","id":"$flash"},null],
				"product":{"tierPlan":{"mode":"VOLUME","tiers":[{"from":1,"upTo":9,"prices":[{"amount":"1.00"}]},{"from":10,"upTo":null,"prices":[{"amount":"0.80"}]}]}}}`)
	})
}

// TestDraftsAreForMerchandisers hides what is being prepared from everybody else, wherever it might be met.
func TestDraftsAreForMerchandisers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		for kind, name := range map[string]string{"Bundle": "pair", "TrialOffer": "taste", "FlashSale": "flash"} {
			s.ask(t, "MERCHANDISER mila", `mutation { update`+kind+`(input: {id: "$`+name+`", status: DRAFT}) { errors { code } } }`)
		}
		const everywhere = `{ nodes(ids: ["$pair", "$taste", "$flash"]) { id } bundle(id: "$pair") { id } flashSale(id: "$flash") { id }
			product(id: "$poems") { price(currency: "USD") { current { amount } flashSale { id } } bundles { id } }
			bundles { nodes { id } } trialOffers { nodes { id } } flashSales { nodes { id } } }`
		wantAnswer(t, s.ask(t, "SHOPPER ada", everywhere), `{"nodes":[null,null,null],"bundle":null,"flashSale":null,
			"product":{"price":{"current":{"amount":"4.00"},"flashSale":null},"bundles":[]},
			"bundles":{"nodes":[]},"trialOffers":{"nodes":[]},"flashSales":{"nodes":[]}}`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", everywhere), `{"nodes":[{"id":"$pair"},{"id":"$taste"},{"id":"$flash"}],
			"bundle":{"id":"$pair"},"flashSale":{"id":"$flash"},
			"product":{"price":{"current":{"amount":"4.00"},"flashSale":null},"bundles":[]},
			"bundles":{"nodes":[{"id":"$pair"}]},"trialOffers":{"nodes":[{"id":"$taste"}]},"flashSales":{"nodes":[{"id":"$flash"}]}}`)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `subscription { flashSale(id: "$flash") { id } }`), ` flashSale NOT_FOUND`)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ flashSales { nodes { sold } } coupons { nodes { id } } }`), `coupons FORBIDDEN`)
	})
}

// TestPagesCostTheSame counts what is asked of the database for a page of 5 and for one of 50, with all that a storefront
// shows beside a product.
func TestPagesCostTheSame(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		for i := range 50 {
			s.good(t, fmt.Sprintf("page-%d", i), product.KindDURABLE, "2")
			if i%10 == 9 {
				s.ask(t, "MERCHANDISER mila", fmt.Sprintf(`mutation { createBundle(input: {texts: [{language: "en", name: "Two"}], kind: PERCENTAGE,
					percentOff: "10", components: [{productId: "$page-%d"}, {productId: "$atlas"}]}) { errors { code } } }`, i))
				s.ask(t, "MERCHANDISER mila", fmt.Sprintf(`mutation { createFlashSale(input: {texts: [{language: "en", name: "Half"}], kind: PERCENTAGE,
					percentOff: "50", scope: {productIds: ["$page-%d"]}, endsAt: "2026-12-24T18:00:00Z", stock: 5}) { errors { code } } }`, i))
			}
		}
		var asked atomic.Int64
		d.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, query ent.Query) (ent.Value, error) {
				asked.Add(1)
				return next.Query(ctx, query)
			})
		}))
		for _, document := range []string{
			`{ products(first: %d) { nodes { owned price(currency: "USD") { current { amount } lowestLast30Days { amount } flashSale { remaining status sold scope { products { id } } } notApplied { label } }
				bundles { id price(currency: "USD") { current { amount } } owned leftOut { reason } components { product { id } } } trialOffers { price(currency: "USD") { current { amount } } used } tierPlan { id }
				priceHistory(currency: "USD", first: 3) { price { amount } } } } }`,
			`{ bundles(first: %d) { nodes { owned price(currency: "USD") { current { amount } } products { id owned } priceHistory(currency: "USD") { price { amount } } } totalCount } }`,
			`{ flashSales(first: %d) { nodes { status remaining currentWindow { endsAt } sold scope { products { id price(currency: "USD") { current { amount } } } } } } }`,
		} {
			var cost []int64
			for _, n := range []int{5, 50} {
				asked.Store(0)
				answer := s.ask(t, "MERCHANDISER mila", fmt.Sprintf(document, n))
				cost = append(cost, asked.Load())
				if strings.Contains(answer, "INTERNAL") || !strings.Contains(answer, `"amount"`) {
					t.Errorf("not what was wanted: %s", answer)
				}
			}
			// On a busy machine a loader may stop collecting too early and ask once more; one statement a row is many more.
			if cost[0] == 0 || cost[1] > 2*cost[0] {
				t.Errorf("5 cost %d statements and 50 cost %d: %s", cost[0], cost[1], document)
			}
		}
	})
}

// TestChangesAtOnce makes many changes at once: all or none, or each by itself.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		const changes = `changes: [
			{updateBundle: {id: "$pair", percentOff: "a lot", prices: [{currency: "USD", amount: "x"}]}}
			{updateProduct: {id: "$poems", expectedVersion: 7, creator: "Walt Whitman"}}
			{endFlashSale: {id: "$flash"}, archiveFlashSale: {id: "$flash"}}
			{updateTrialOffer: {id: "$taste", durationHours: 48}}
			{}]`
		const result = `{ changed results { node { __typename id } errors { code path } } errors { __typename code path ... on ConflictError { currentVersion } } }`
		const errors = `"errors":[
			{"__typename":"InvalidInputError","code":"INVALID_INPUT","path":["changes","0","updateBundle","percentOff"]},
			{"__typename":"InvalidInputError","code":"INVALID_INPUT","path":["changes","0","updateBundle","prices","0","amount"]},
			{"__typename":"ConflictError","code":"CONFLICT","path":["changes","1","updateProduct","expectedVersion"],"currentVersion":1},
			{"__typename":"InvalidInputError","code":"INVALID_INPUT","path":["changes","2"]},
			{"__typename":"InvalidInputError","code":"INVALID_INPUT","path":["changes","4"]}]`
		const results = `"results":[
			{"node":null,"errors":[{"code":"INVALID_INPUT","path":["changes","0","updateBundle","percentOff"]},{"code":"INVALID_INPUT","path":["changes","0","updateBundle","prices","0","amount"]}]},
			{"node":null,"errors":[{"code":"CONFLICT","path":["changes","1","updateProduct","expectedVersion"]}]},
			{"node":null,"errors":[{"code":"INVALID_INPUT","path":["changes","2"]}]},
			{"node":%s,"errors":[]},
			{"node":null,"errors":[{"code":"INVALID_INPUT","path":["changes","4"]}]}]`
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `mutation { changeOffers(input: {`+changes+`}) `+result+` }`),
			`{"changeOffers":{"changed":0,`+fmt.Sprintf(results, "null")+`,`+errors+`}}`)
		wantAnswer(t, s.ask(t, "", `{ node(id: "$taste") { ... on TrialOffer { version durationHours } } }`), `{"node":{"version":1,"durationHours":24}}`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `mutation { changeOffers(input: {errorPolicy: SKIP_FAILED, `+changes+`}) `+result+` }`),
			`{"changeOffers":{"changed":1,`+fmt.Sprintf(results, `{"__typename":"TrialOffer","id":"$taste"}`)+`,`+errors+`}}`)
		wantAnswer(t, s.ask(t, "", `{ node(id: "$taste") { ... on TrialOffer { version durationHours } } }`), `{"node":{"version":2,"durationHours":48}}`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `mutation { changeOffers(input: {changes: [
			{updateProduct: {id: "$poems", expectedVersion: 1, creator: "Walt Whitman"}} {endFlashSale: {id: "$flash", expectedVersion: 1}}]}) `+result+` }`),
			`{"changeOffers":{"changed":2,"results":[{"node":{"__typename":"Product","id":"$poems"},"errors":[]},
				{"node":{"__typename":"FlashSale","id":"$flash"},"errors":[]}],"errors":[]}}`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `mutation { changeOffers(input: {changes: []}) `+result+` }`),
			`{"changeOffers":{"changed":0,"results":[],"errors":[{"__typename":"InvalidInputError","code":"INVALID_INPUT","path":["changes"]}]}}`)
	})
}

// TestSaleIsFollowed watches a sale to its end.
func TestSaleIsFollowed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		next, ctx := s.start(s.as(t, "SHOPPER ada"), t, `subscription { flashSale(id: "$flash") { status remaining stock endedAt serverTime scope { products { price(currency: "USD") { current { amount } } } } } }`)
		state := func(status, remaining, stock, ended, price string) {
			t.Helper()
			wantAnswer(t, s.answer(t, next(ctx)), fmt.Sprintf(`{"flashSale":{"status":"%s","remaining":%s,"stock":%s,"endedAt":%s,
				"serverTime":"2026-12-24T12:00:00Z","scope":{"products":[{"price":{"current":{"amount":"%s"}}}]}}}`, status, remaining, stock, ended, price))
		}
		state("LIVE", "10", "10", "null", "3.00")
		s.ask(t, "MERCHANDISER mila", `mutation { updateFlashSale(input: {id: "$flash", stock: 3}) { errors { code } } }`)
		state("LIVE", "3", "3", "null", "3.00")
		s.ask(t, "MERCHANDISER mila", `mutation { endFlashSale(input: {id: "$flash"}) { errors { code } } }`)
		state("ENDED", "0", "3", `"2026-12-24T12:00:00Z"`, "4.00")
		if last := next(ctx); last != nil {
			t.Errorf("it goes on: %s", s.answer(t, last))
		}
	})
}

// TestQuotesForOthers lets merchandisers, and nobody else, see what a shopper will pay later.
func TestQuotesForOthers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		s.as(t, "SHOPPER ada")
		const basket = `input: {currency: "USD", items: [{id: "$poems"}]}`
		const shown = `{ total { amount } balance { amount } lines { item { __typename id } unitPrice { amount } adjustments { kind amount { amount } } parts { product { id } total { amount } } } errors { code path } serverTime }`
		quoted := func(total, adjustments, at string) string {
			return `{"quote":{"total":{"amount":"` + total + `"},"balance":null,"lines":[{"item":{"__typename":"Product","id":"$poems"},"unitPrice":{"amount":"4.00"},
				"adjustments":[` + adjustments + `],"parts":[{"product":{"id":"$poems"},"total":{"amount":"` + total + `"}}]}],"errors":[],"serverTime":"` + at + `"}}`
		}
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ quote(`+basket+`, as: "$ada", at: "2026-12-24T17:59:59Z") `+shown+` }`),
			quoted("3.00", `{"kind":"FLASH_SALE","amount":{"amount":"1.00"}}`, "2026-12-24T17:59:59Z"))
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ quote(`+basket+`, at: "2026-12-24T18:00:00Z") `+shown+` }`),
			quoted("4.00", "", "2026-12-24T18:00:00Z"))
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ quote(`+basket+`, at: "2026-12-24T18:00:00Z") { total { amount } } }`), `null quote FORBIDDEN`)
		wantAnswer(t, s.ask(t, "", `{ quote(`+basket+`, as: "$ada") { total { amount } } }`), `null quote UNAUTHENTICATED`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ quote(input: {currency: "USD", items: [{id: "$flash"}, {id: "$pair", choices: ["$pair"]}]}, as: "$poems") { errors { code path } } }`),
			`{"quote":{"errors":[{"code":"INVALID_INPUT","path":["items","0","id"]},{"code":"INVALID_INPUT","path":["items","1","choices","0"]},{"code":"INVALID_INPUT","path":["as"]}]}}`)
	})
}

// TestPurchasesNameTheirOffers buys a trial and then a bundle, and meets the refusals on the way.
func TestPurchasesNameTheirOffers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		s.as(t, "SHOPPER ada")
		s.ask(t, "ADMIN root", `mutation { topUpWallet(input: {idempotencyKey: "t", shopperId: "$ada", currency: "USD", amount: "50"}) { errors { code } } }`)
		s.keep(t, "rush", s.ask(t, "MERCHANDISER mila", `mutation { made: createFlashSale(input: {texts: [{language: "en", name: "Rush"}], kind: FIXED,
			prices: [{currency: "USD", amount: "0.50"}], scope: {productIds: ["$hints"]}, endsAt: "2026-12-24T18:00:00Z", stock: 10, perShopper: 2}) { made: flashSale { id } } }`), "made", "made", "id")
		buy := func(key, items, total string) string {
			return s.ask(t, "SHOPPER ada", `mutation { checkout(input: {idempotencyKey: "`+key+`", currency: "USD", items: [`+items+`], expectedTotal: "`+total+`"}) {
				purchase { lines { product { id } bundle { id } trialOffer { id } total { amount } adjustments { kind source label amount { amount } unitsApplied } } entitlements { id kind trial status expiresAt remaining } }
				errors { __typename code path ... on LimitReachedError { limit used resetsAt quote { total { amount } notApplied { kind source reason message path } } }
					... on AlreadyOwnedError { product { id } bundle { id } } ... on TrialUsedError { trialOffer { id } } ... on PriceChangedError { quote { total { amount } lines { leftOut { reason product { id } } } } } } } }`)
		}
		first := buy("1", `{id: "$taste"}`, "0")
		var trial struct {
			Checkout struct {
				Purchase struct{ Entitlements []struct{ ID string } }
			}
		}
		if err := json.Unmarshal([]byte(first), &trial); err != nil || len(trial.Checkout.Purchase.Entitlements) != 1 {
			t.Fatal(first, err)
		}
		s.names["$trial"] = trial.Checkout.Purchase.Entitlements[0].ID
		wantAnswer(t, strings.ReplaceAll(first, s.names["$trial"], "$trial"), `{"checkout":{"purchase":{"lines":[{"product":{"id":"$atlas"},"bundle":null,"trialOffer":{"id":"$taste"},"total":{"amount":"0.00"},"adjustments":[]}],
			"entitlements":[{"id":"$trial","kind":"DURABLE","trial":true,"status":"ACTIVE","expiresAt":"2026-12-25T12:00:00Z","remaining":1}]},"errors":[]}}`)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ product(id: "$atlas") { owned trialOffers { used owned } } }`), `{"product":{"owned":false,"trialOffers":[{"used":true,"owned":false}]}}`)
		wantAnswer(t, buy("2", `{id: "$taste"}`, "0"), `{"checkout":{"purchase":null,"errors":[{"__typename":"TrialUsedError","code":"TRIAL_USED","path":["items","0","id"],"trialOffer":{"id":"$taste"}}]}}`)
		wantAnswer(t, buy("3", `{id: "$hints", quantity: 3}`, "1.50"), `{"checkout":{"purchase":null,"errors":[{"__typename":"LimitReachedError","code":"LIMIT_REACHED","path":["expectedTotal"],
			"limit":2,"used":0,"resetsAt":null,"quote":{"total":{"amount":"2.00"},"notApplied":[{"kind":"FLASH_SALE","source":"$rush","reason":"LIMIT_REACHED","message":"One shopper gets no more units at this price.","path":["items","0"]}]}}]}}`)
		s.pass(25 * time.Hour)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `mutation { useEntitlement(input: {idempotencyKey: "u", id: "$trial"}) { entitlement { id } errors { code } } }`),
			`{"useEntitlement":{"entitlement":null,"errors":[{"code":"NOT_AVAILABLE"}]}}`)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ node(id: "$trial") { ... on Entitlement { status product { id } } } }`), `{"node":{"status":"EXPIRED","product":{"id":"$atlas"}}}`)
		bought := buy("4", `{id: "$poems"}`, "4")
		if !strings.Contains(bought, `"errors":[]`) {
			t.Error(bought)
		}
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ bundle(id: "$pair") { owned leftOut { reason product { id } } price(currency: "USD") { list { amount } current { amount } } } }`),
			`{"bundle":{"owned":false,"leftOut":[{"reason":"OWNED","product":{"id":"$poems"}}],"price":{"list":{"amount":"6.00"},"current":{"amount":"4.80"}}}}`)
		wantAnswer(t, buy("5", `{id: "$pair"}`, "8"), `{"checkout":{"purchase":null,"errors":[{"__typename":"PriceChangedError","code":"PRICE_CHANGED","path":["expectedTotal"],
			"quote":{"total":{"amount":"4.80"},"lines":[{"leftOut":[{"reason":"OWNED","product":{"id":"$poems"}}]}]}}]}}`)
		if bought = buy("6", `{id: "$pair"}`, "4.80"); !strings.Contains(bought, `"lines":[{"product":{"id":"$atlas"},"bundle":{"id":"$pair"},"trialOffer":null,"total":{"amount":"4.80"},`+
			`"adjustments":[{"kind":"BUNDLE","source":"$pair","label":"An offer","amount":{"amount":"1.20"},"unitsApplied":1}]}]`) {
			t.Error(bought)
		}
		wantAnswer(t, buy("7", `{id: "$pair"}`, "0"), `{"checkout":{"purchase":null,"errors":[{"__typename":"AlreadyOwnedError","code":"ALREADY_OWNED","path":["items","0","id"],"product":null,"bundle":{"id":"$pair"}}]}}`)
	})
}

// TestConflictsAreReported tells merchandisers which offers meet on a product.
func TestConflictsAreReported(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		s.ask(t, "MERCHANDISER mila", `mutation { archiveBundle(input: {id: "$pair"}) { errors { code } } }`)
		s.keep(t, "rush", s.ask(t, "MERCHANDISER mila", `mutation { made: createFlashSale(input: {texts: [{language: "en", name: "Rush"}], kind: FIXED,
			prices: [{currency: "USD", amount: "2"}], scope: {productIds: ["$poems"]}, startsAt: "2026-12-24T17:00:00Z", endsAt: "2026-12-24T19:00:00Z"}) { made: flashSale { id } } }`), "made", "made", "id")
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ offerConflicts(currency: "USD") { product { id } startsAt endsAt contenders { offer { __typename id name version } price { amount } wins } } }`),
			`{"offerConflicts":[{"product":{"id":"$poems"},"startsAt":"2026-12-24T17:00:00Z","endsAt":"2026-12-24T18:00:00Z","contenders":[
				{"offer":{"__typename":"FlashSale","id":"$rush","name":"Rush","version":1},"price":{"amount":"2.00"},"wins":true},
				{"offer":{"__typename":"FlashSale","id":"$flash","name":"An offer","version":1},"price":{"amount":"3.00"},"wins":false}]}]}`)
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ offerConflicts(currency: "EUR") { startsAt } }`), `null offerConflicts INVALID_INPUT`)
	})
}

// TestAudit shows to merchandisers what was done to products and offers, with what it was before and after.
func TestAudit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		s.ask(t, "MERCHANDISER mona", `mutation { archiveBundle(input: {id: "$pair"}) { errors { code } } }`)
		answer := s.ask(t, "MERCHANDISER mila", `{ auditEntries(filter: {targetId: "$pair"}) { totalCount nodes { actor action targetId before after } } }`)
		var got struct {
			AuditEntries struct {
				TotalCount int
				Nodes      []struct {
					Actor, Action, TargetID string
					Before, After           *struct{ Status string }
				}
			}
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		var told []string
		for _, e := range got.AuditEntries.Nodes {
			before := "-"
			if e.Before != nil {
				before = e.Before.Status
			}
			told = append(told, fmt.Sprintf("%s %s %s %s %s", e.Actor, e.Action, e.TargetID, before, e.After.Status))
		}
		want := []string{"mona archiveBundle $pair ACTIVE ARCHIVED", "mila createBundle $pair - ACTIVE"}
		if diff := cmp.Diff(want, told); diff != "" || got.AuditEntries.TotalCount != 2 {
			t.Errorf("%d changes (-want +got):\n%s", got.AuditEntries.TotalCount, diff)
		}
		wantAnswer(t, s.ask(t, "MERCHANDISER mila", `{ auditEntries(filter: {targetId: "`+id.Encode(id.Entitlement, uuid.New())+`"}) { totalCount } }`),
			`null auditEntries INVALID_INPUT`)
	})
}

// TestAuditOfShoppersIsForAdmins hides from merchandisers what was done to wallets and purchases, also when they ask for it by
// name.
func TestAuditOfShoppersIsForAdmins(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d)
		for action, kind := range map[string]id.Kind{"adjustWallet": id.Wallet, "refundPurchase": id.Purchase} {
			target := id.New()
			s.names["$target"] = id.Encode(kind, target)
			err := d.Tx(s.as(t, "ADMIN root"), func(ctx context.Context, tx *ent.Tx) error {
				return audit.Record(ctx, tx, s.now(), action, target, nil, map[string]string{"balance": "1"})
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, filter := range []string{`filter: {targetId: "$target"}`, `filter: {action: "` + action + `"}`} {
				document := `{ auditEntries(first: 1, ` + filter + `) { totalCount nodes { targetId after } } }`
				wantAnswer(t, s.ask(t, "MERCHANDISER mila", document), `{"auditEntries":{"totalCount":0,"nodes":[]}}`)
				wantAnswer(t, s.ask(t, "ADMIN root", document), `{"auditEntries":{"totalCount":1,"nodes":[{"targetId":"$target","after":{"balance":"1"}}]}}`)
			}
		}
	})
}

// TestEveryRefusalHasItsType shows refusals that carry no data by their codes.
func TestEveryRefusalHasItsType(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openShop(t, d).stocked(t)
		const errors = `errors { __typename code path ... on NotAvailableError { product { id } bundle { id } trialOffer { id } } ... on AlreadyOwnedError { product { id } bundle { id } } }`
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ quote(input: {currency: "USD", items: [{id: "$poems"}], couponCode: "NO-SUCH-CODE"}) { `+errors+` } }`),
			`{"quote":{"errors":[{"__typename":"CouponNotValidError","code":"`+string(fault.CouponNotValid)+`","path":["couponCode"]}]}}`)
		s.ask(t, "MERCHANDISER mila", `mutation { archiveTrialOffer(input: {id: "$taste"}) { errors { code } } archiveBundle(input: {id: "$pair"}) { errors { code } } }`)
		wantAnswer(t, s.ask(t, "SHOPPER ada", `{ quote(input: {currency: "KRW", items: [{id: "$poems"}]}) { `+errors+` } }`),
			`{"quote":{"errors":[{"__typename":"NotAvailableError","code":"NOT_AVAILABLE","path":["items","0","id"],"product":{"id":"$poems"},"bundle":null,"trialOffer":null}]}}`)
	})
}
