package load

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is set up, and found again by the next run by these names.
const (
	currency    = "USD"
	productSlug = "bench-product-" // and a number from 1 to pageSize
	productTag  = "bench"
	saleTag     = "bench-sale"
	ruleSlug    = "bench-points"
	badgeSlug   = "bench-badge"
	subject     = "bench-shopper-" // and a number from 1 on

	// pageSize is how many products there are, one page of a storefront; onSale of them are in the flash sale.
	pageSize = 50
	onSale   = 10
	// listPrice of every product: small change.
	listPrice = "0.80"
	percent   = "25"
	// saleStock is more than any run sells.
	saleStock = 1_000_000_000
	saleYears = 5
	// topUp is what each shopper gets for each run: more than any run spends from one wallet.
	topUp = "5000000.00"
)

// caller is somebody who calls: by a token of their own, or by a service's that acts for them. The zero caller is a
// visitor.
type caller struct{ authorization, actsFor string }

func bearer(token string) string { return "Bearer " + token }

// product is something to buy.
type product struct{ id, price string }

// setting is what there is in the shop for the run.
type setting struct {
	o        Options
	send     send
	regular  []product
	sale     []product
	shoppers []caller
	// key numbers the purchases of the run, so that each has an idempotency key of its own.
	key *atomic.Int64
}

// setUp makes what is not there yet, and gives every shopper money.
func setUp(ctx context.Context, o Options, to send) (setting, error) {
	s := setting{o: o, send: to, key: new(atomic.Int64)}
	if err := s.setUpProducts(ctx); err != nil {
		return s, err
	}
	rules := map[string]string{
		ruleSlug:  `"points": {"rates": [{"currency": "USD", "rate": "10"}], "expireDays": 365}`,
		badgeSlug: `"badge": {"goals": [{"measure": "PURCHASES", "target": "10"}]}`,
	}
	if o.WithoutRules {
		rules = nil
	}
	for code, terms := range rules {
		if err := s.setUpRule(ctx, code, terms); err != nil {
			return s, err
		}
	}
	return s, s.setUpShoppers(ctx)
}

func (s *setting) setUpProducts(ctx context.Context) error {
	there, err := s.products(ctx)
	if err != nil {
		return err
	}
	for n := range pageSize {
		if _, ok := there[n]; ok {
			continue
		}
		if err := s.setUpProduct(ctx, n); err != nil {
			return fmt.Errorf("create product %d: %w", n+1, err)
		}
	}
	if there, err = s.products(ctx); err != nil {
		return err
	}
	if there[0].price == listPrice {
		if err := s.setUpSale(ctx); err != nil {
			return fmt.Errorf("create a flash sale: %w", err)
		}
		if there, err = s.products(ctx); err != nil {
			return err
		}
	}
	for n := range pageSize {
		p, ok := there[n]
		switch {
		case !ok:
			return fmt.Errorf("product %s%d is not to be had", productSlug, n+1)
		case n < onSale && p.price == listPrice:
			return fmt.Errorf("product %s%d is not in the flash sale", productSlug, n+1)
		case n < onSale:
			s.sale = append(s.sale, p)
		default:
			s.regular = append(s.regular, p)
		}
	}
	return nil
}

// products are those of the benchmark that are there, with what they cost now, by their numbers from 0. A merchandiser
// asks, who is never told what was so a moment ago.
func (s *setting) products(ctx context.Context) (map[int]product, error) {
	var found struct {
		Products struct {
			Nodes []struct {
				ID, Slug string
				Price    *struct{ Current struct{ Amount string } }
			}
		}
	}
	err := s.ask(ctx, s.merchandiser(), `query Products($tags: [String!], $currency: CurrencyCode!) {
  products(first: 100, filter: { tags: $tags, statuses: [ACTIVE] }) { nodes { id slug price(currency: $currency) { current { amount } } } }
}`, map[string]any{"tags": []string{productTag}, "currency": currency}, &found)
	if err != nil {
		return nil, fmt.Errorf("look for products: %w", err)
	}
	there := map[int]product{}
	for _, node := range found.Products.Nodes {
		number, ok := strings.CutPrefix(node.Slug, productSlug)
		n, err := strconv.Atoi(number)
		if !ok || err != nil || node.Price == nil {
			continue
		}
		there[n-1] = product{id: node.ID, price: node.Price.Current.Amount}
	}
	return there, nil
}

func (s *setting) merchandiser() caller {
	return caller{authorization: bearer(s.o.Tokens.Merchandiser)}
}

func (s *setting) setUpProduct(ctx context.Context, n int) error {
	tags := []string{productTag}
	if n < onSale {
		tags = append(tags, saleTag)
	}
	var created struct {
		CreateProduct struct{ Errors refusals }
	}
	err := s.ask(ctx, s.merchandiser(), `mutation CreateProduct($input: CreateProductInput!) {
  createProduct(input: $input) { product { id } errors { code message path } }
}`, map[string]any{"input": map[string]any{
		"kind": "CONSUMABLE", "status": "ACTIVE", "slug": productSlug + strconv.Itoa(n+1), "tags": tags, "creator": "Farthing bench",
		"categories": []string{"Benchmark"}, "units": 3,
		"texts": []map[string]any{
			{"language": "en", "name": fmt.Sprint("A hint, number ", n+1), "description": "Three hints for a riddle, to be used one by one."},
			{"language": "de", "name": fmt.Sprint("Ein Hinweis, Nummer ", n+1), "description": "Drei Hinweise zu einem Rätsel, einzeln zu verbrauchen."},
		},
		"prices": []map[string]any{{"currency": currency, "amount": listPrice}},
	}}, &created)
	return errorOf(err, created.CreateProduct.Errors)
}

func (s *setting) setUpSale(ctx context.Context) error {
	var created struct {
		CreateFlashSale struct{ Errors refusals }
	}
	err := s.ask(ctx, s.merchandiser(), `mutation CreateFlashSale($input: CreateFlashSaleInput!) {
  createFlashSale(input: $input) { flashSale { id } errors { code message path } }
}`, map[string]any{"input": map[string]any{
		"kind": "PERCENTAGE", "percentOff": percent, "stock": saleStock, "scope": map[string]any{"tags": []string{saleTag}},
		"endsAt": s.o.Clock().UTC().AddDate(saleYears, 0, 0).Format(time.RFC3339),
		"texts":  []map[string]any{{"language": "en", "name": "Benchmark sale", "description": "A quarter off."}},
	}}, &created)
	return errorOf(err, created.CreateFlashSale.Errors)
}

// setUpRule puts a rule of rewards in force, with terms in JSON.
func (s *setting) setUpRule(ctx context.Context, code, terms string) error {
	var found struct{ RewardRule *struct{ ID string } }
	err := s.ask(ctx, s.merchandiser(), `query Find($code: String!) { rewardRule(code: $code) { id } }`, map[string]any{"code": code}, &found)
	if err != nil {
		return fmt.Errorf("look for rule %s: %w", code, err)
	}
	if found.RewardRule != nil {
		return nil
	}
	input := fmt.Sprintf(`{"code": %q, "texts": [{"language": "en", "name": %q, "description": "For the benchmark."}], %s}`,
		code, code, terms)
	var created struct {
		CreateRewardRule struct{ Errors refusals }
	}
	err = s.ask(ctx, s.merchandiser(), `mutation CreateRule($input: RewardRuleInput!) {
  createRewardRule(input: $input) { rule { id } errors { code message path } }
}`, map[string]any{"input": json.RawMessage(input)}, &created)
	if err := errorOf(err, created.CreateRewardRule.Errors); err != nil {
		return fmt.Errorf("create rule %s: %w", code, err)
	}
	return nil
}

// setUpShoppers makes shoppers come, and gives each money. Several at a time: a run with many would take minutes.
func (s *setting) setUpShoppers(ctx context.Context) error {
	s.shoppers = make([]caller, s.o.Wallets)
	return s.eachShopper(ctx, func(ctx context.Context, n int) error {
		name := subject + strconv.Itoa(n+1)
		if s.o.Tokens.Shopper == nil {
			s.shoppers[n] = caller{authorization: bearer(s.o.Tokens.Service), actsFor: name}
		} else {
			token, err := s.o.Tokens.Shopper(name)
			if err != nil {
				return err
			}
			s.shoppers[n] = caller{authorization: bearer(token)}
		}
		var seen struct{ Viewer *struct{ ID string } }
		if err := s.ask(ctx, s.shoppers[n], `query Me { viewer { id } }`, nil, &seen); err != nil {
			return fmt.Errorf("call as %s: %w", name, err)
		}
		if seen.Viewer == nil {
			return fmt.Errorf("the server takes %s for a visitor", name)
		}
		var credited struct {
			TopUpWallet struct{ Errors refusals }
		}
		err := s.ask(ctx, caller{authorization: bearer(s.o.Tokens.Service)}, `mutation TopUp($input: TopUpWalletInput!) {
  topUpWallet(input: $input) { wallet { id } errors { code message path } }
}`, map[string]any{"input": map[string]any{
			"idempotencyKey": "bench-" + s.o.Run, "shopperId": seen.Viewer.ID, "currency": currency, "amount": topUp,
		}}, &credited)
		if err := errorOf(err, credited.TopUpWallet.Errors); err != nil {
			return fmt.Errorf("top up the wallet of %s: %w", name, err)
		}
		return nil
	})
}

// eachShopper does something for every shopper, for several at a time, and stops at the first error.
func (s *setting) eachShopper(ctx context.Context, do func(ctx context.Context, n int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(s.o.Clients, s.o.Wallets) {
		working.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= s.o.Wallets {
					return
				}
				if err := do(ctx, n); err != nil {
					cancel(err)
				}
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// refusals are why a mutation did nothing.
type refusals []struct {
	Code, Message string
	Path          []string
}

// errorOf is the error of a mutation: of asking, or what it was refused for.
func errorOf(err error, refused refusals) error {
	if err != nil || len(refused) == 0 {
		return err
	}
	return fmt.Errorf("%s: %s (%v)", refused[0].Code, refused[0].Message, refused[0].Path)
}

// How often a server that is too busy is asked again while setting up, and how long is waited between.
const (
	attempts     = 50
	afterRefused = 100 * time.Millisecond
)

// ask runs a document and reads its data.
func (s *setting) ask(ctx context.Context, from caller, document string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	to := newRequest()
	defer to.release()
	for attempt := 1; ; attempt++ {
		to.fill("set up", from, body)
		status, answer, err := s.send(to)
		if err != nil {
			return err
		}
		code, example := readData(status, answer, into)
		switch {
		case code == "":
			return nil
		case code != "OVERLOADED" || attempt == attempts:
			return fmt.Errorf("%s: %s", code, example)
		case !wait(ctx, afterRefused):
			return context.Cause(ctx)
		}
	}
}
