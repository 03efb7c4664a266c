package checkout

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/migrate"
	"farthing/ent/product"
	"farthing/ent/rewardrule"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/proof"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when tests begin.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

// clock stands still until it is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) get() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// shop is a whole shop on one handle of a database.
type shop struct {
	*Service
	catalog  *catalog.Service
	offers   *offers.Service
	wallets  *wallet.Service
	shoppers *identity.Service
	clock    *clock
}

// open makes a shop; changes may alter what its till is configured with.
func open(t testing.TB, d *db.DB, changes ...func(*Config)) *shop {
	t.Helper()
	s := &shop{clock: &clock{now: noon}}
	config := Config{
		Currencies: currencies(t, "USD,EUR,KRW,KWD,GEM:0"),
		Limiter:    guard.Off{}, Clock: s.clock.get, Logger: slog.New(slog.DiscardHandler),
	}
	for _, change := range changes {
		change(&config)
	}
	s.catalog = catalog.New(d, config.Currencies, s.clock.get)
	s.offers = offers.New(d, config.Currencies, s.clock.get)
	config.Offers = s.offers
	s.wallets = wallet.New(d, config.Currencies, s.clock.get)
	config.Rewards = rewards.New(d, config.Currencies, s.clock.get)
	s.shoppers = identity.New(d, s.clock.get)
	if err := s.wallets.OpenHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.Client().RewardRule.Query().CountX(t.Context()) == 0 {
		setRules(t, d, rules("USD=10,KRW=0.01,GEM=1"))
	}
	s.Service = New(d, config)
	t.Cleanup(s.Close)
	return s
}

func currencies(t testing.TB, spec string) *money.Currencies {
	t.Helper()
	c, err := money.ParseCurrencies(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rules are points by rates such as "USD=10,KRW=0.01", and badges for the first and the tenth purchase.
func rules(rates string) []*earning.Rule {
	prices := schema.Prices{}
	for part := range strings.SplitSeq(rates, ",") {
		code, rate, _ := strings.Cut(part, "=")
		prices[money.Code(code)] = amount(rate)
	}
	purchases := func(n int64) schema.RewardTerms {
		return schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{
			{RewardCounter: schema.RewardCounter{Measure: string(earning.Purchases)}, Target: n},
		}}}
	}
	return []*earning.Rule{
		rule("purchase-rate", earning.Points, schema.RewardTerms{Points: &schema.PointsTerms{Rates: prices}}),
		rule("first-purchase", earning.Badge, purchases(1)),
		rule("ten-purchases", earning.Badge, purchases(10)),
	}
}

// rule is one that is in force from the beginning.
func rule(code string, kind earning.Kind, terms schema.RewardTerms) *earning.Rule {
	return earning.NewRule(id.New(), kind, 1, 0, schema.RewardContent{
		Code: code, Status: earning.Active, Language: "en", Texts: map[string]schema.Text{"en": {Name: code}}, Terms: terms,
	})
}

// setRules puts rules in force.
func setRules(t testing.TB, d *db.DB, rules []*earning.Rule) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if err := catalog.Revise(ctx, tx); err != nil {
			return err
		}
		revision, err := catalog.Revision(ctx, tx.Client())
		if err != nil {
			return err
		}
		for _, r := range rules {
			tx.RewardRule.Create().SetID(r.ID).SetKind(rewardrule.Kind(r.Kind)).SetCode(r.Code).SetStatus(rewardrule.StatusACTIVE).
				SetContent(r.RewardContent).SetCreatedAt(noon).SetUpdatedAt(noon).ExecX(ctx)
			tx.RewardRuleVersion.Create().SetRuleID(r.ID).SetVersion(1).SetRevision(revision).SetContent(r.RewardContent).
				SetCreatedAt(noon).ExecX(ctx)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// badges are the codes of the badges that a purchase earned, together.
func badges(r Result) string {
	var codes string
	if r.Earned != nil {
		for _, b := range r.Earned.Result.Badges {
			codes += b.Code
		}
	}
	return codes
}

// promised are the codes of the badges that a quote promises, together.
func promised(q *Quote) string {
	var codes string
	if q.Rewards != nil {
		for _, b := range q.Rewards.Badges {
			codes += b.Code
		}
	}
	return codes
}

func amount(text string) money.Amount {
	a, err := money.ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return a
}

// shopper is a context in which a shopper of that name is calling.
func (s *shop) shopper(t testing.TB, name string) context.Context {
	t.Helper()
	shopper, err := s.shoppers.Shopper(t.Context(), "", name)
	if err != nil {
		t.Fatal(err)
	}
	return actor.With(t.Context(), actor.Actor{
		Subject: name, Roles: []actor.Role{actor.Shopper}, ShopperID: shopper, Address: "192.0.2.1",
	})
}

// rich is a shopper with so much money.
func (s *shop) rich(t testing.TB, name, funds string, code money.Code) context.Context {
	t.Helper()
	ctx := s.shopper(t, name)
	s.topUp(ctx, t, funds, code)
	return ctx
}

func (s *shop) topUp(ctx context.Context, t testing.TB, funds string, code money.Code) {
	t.Helper()
	_, err := s.wallets.TopUp(ctx, wallet.TopUpInput{
		IdempotencyKey: uuid.NewString(), ShopperID: shopperOf(ctx), Currency: code, Amount: amount(funds),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// give puts money of another origin into a wallet.
func (s *shop) give(ctx context.Context, t testing.TB, funds string, code money.Code, origin wallet.Origin) {
	t.Helper()
	_, err := s.wallets.Adjust(ctx, wallet.AdjustInput{
		IdempotencyKey: uuid.NewString(), ShopperID: shopperOf(ctx), Currency: code, Amount: amount(funds),
		Origin: origin, Reason: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
}

func shopperOf(ctx context.Context) uuid.UUID { return actor.From(ctx).ShopperID }

// durable sets up a durable good with prices such as "1.99 USD".
func (s *shop) durable(t testing.TB, name string, prices ...string) *ent.Product {
	t.Helper()
	return s.create(t, catalog.CreateInput{Kind: product.KindDURABLE, Units: 1}, name, prices)
}

// consumable sets up a pack of so many units.
func (s *shop) consumable(t testing.TB, name string, units int, prices ...string) *ent.Product {
	t.Helper()
	return s.create(t, catalog.CreateInput{Kind: product.KindCONSUMABLE, Units: units}, name, prices)
}

func (s *shop) create(t testing.TB, in catalog.CreateInput, name string, prices []string) *ent.Product {
	t.Helper()
	if in.Status == "" {
		in.Status = product.StatusACTIVE
	}
	in.Texts = []catalog.Text{{Language: "en", Name: name}, {Language: "de", Name: name + " (de)"}}
	in.Prices = priceList(prices)
	p, err := s.catalog.Create(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func merchandiser(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "mila", Roles: []actor.Role{actor.Merchandiser}})
}

func priceList(texts []string) []catalog.Price {
	prices := make([]catalog.Price, len(texts))
	for i, text := range texts {
		number, code, _ := strings.Cut(text, " ")
		prices[i] = catalog.Price{Currency: money.Code(code), Amount: amount(number)}
	}
	return prices
}

func (s *shop) reprice(t testing.TB, p *ent.Product, prices ...string) {
	t.Helper()
	if _, err := s.catalog.Update(merchandiser(t), catalog.UpdateInput{ID: p.ID, Prices: catalog.To(priceList(prices))}); err != nil {
		t.Fatal(err)
	}
}

// of is an item of a basket.
func of(p *ent.Product, quantity int64) Item { return Item{ID: p.ID, Quantity: quantity} }

// order is a checkout in US dollars.
func order(key, total string, items ...Item) Input {
	return Input{IdempotencyKey: key, Basket: Basket{Currency: "USD", Items: items}, ExpectedTotal: amount(total)}
}

// in is the order in another currency.
func (in Input) in(code money.Code) Input {
	in.Basket.Currency = code
	return in
}

// buy checks out and fails the test unless something was bought.
func (s *shop) buy(ctx context.Context, t testing.TB, in Input) Result {
	t.Helper()
	result, err := s.Checkout(ctx, in)
	if err != nil {
		t.Fatalf("Checkout(%q): %v", in.IdempotencyKey, err)
	}
	if result.Purchase == nil {
		t.Fatalf("Checkout(%q): neither a purchase nor an error", in.IdempotencyKey)
	}
	return result
}

// prove proves the claims of all domains, and computes all rewards again.
func prove(t testing.TB, d *db.DB) {
	t.Helper()
	all := rewards.New(d, currencies(t, "USD"), func() time.Time { return noon })
	_, err := all.Audit(context.WithoutCancel(t.Context()), func(diff rewards.Difference) {
		t.Errorf("rewards of %s, entry %s: %s is %s, want %s", diff.Shopper, diff.Entry, diff.What, diff.Got, diff.Want)
	})
	if err != nil {
		t.Error(err)
	}
	claims := slices.Concat(wallet.Claims(), entitlement.Claims(), rewards.Claims(), Claims())
	err = d.Snapshot(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *ent.Tx) error {
		results, err := proof.Check(ctx, tx, claims)
		for _, r := range results {
			if !r.Holds {
				t.Errorf("it does not hold that %s: %s", r.Claim, strings.Join(r.Examples, "; "))
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// contents are all rows of all tables as text.
func contents(t testing.TB, d *db.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range migrate.Tables {
		all[table.Name] = rows(t, d, "SELECT * FROM "+table.Name+" ORDER BY id")
	}
	return all
}

// rows is what a query gives, a text for every row.
func rows(t testing.TB, d *db.DB, query string) []string {
	t.Helper()
	found, err := d.Client().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(values...))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// count counts the rows of a table.
func count(t testing.TB, d *db.DB, table string) int {
	t.Helper()
	return len(rows(t, d, "SELECT id FROM "+table))
}

// refusals are the codes and fields of an error: "INVALID_INPUT items.0.quantity". An error that is no refusal is itself.
func refusals(err error) []string {
	list := fault.From(err)
	if len(list) == 0 && err != nil {
		return []string{err.Error()}
	}
	var texts []string
	for _, f := range list {
		texts = append(texts, strings.TrimSpace(string(f.Code)+" "+strings.Join(f.Path, ".")))
	}
	return texts
}

func wantRefusals(t testing.TB, err error, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, refusals(err)); diff != "" {
		t.Errorf("refusals (-want +got):\n%s\nof %v", diff, err)
	}
}

// the gives the only fault of an error.
func the(t testing.TB, err error) *fault.Fault {
	t.Helper()
	list := fault.From(err)
	if len(list) != 1 {
		t.Fatalf("got %v, want one refusal", err)
	}
	return list[0]
}
