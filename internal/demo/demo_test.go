package demo

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/migrate"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/page"
	"farthing/internal/proof"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when the tests are.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

// opened is a shop, with the verbs of those who look at it.
type opened struct {
	Shop

	Catalog *catalog.Service
	Offers  *offers.Service
	Wallet  *wallet.Service
}

// open is a shop on an empty database.
func open(t *testing.T, d *db.DB, clock func() time.Time, trading string) opened {
	t.Helper()
	currencies, err := money.ParseCurrencies(trading)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := rewards.ParseRules("USD=10,EUR=10,KRW=0.01")
	if err != nil {
		t.Fatal(err)
	}
	shop := opened{
		Catalog: catalog.New(d, currencies, clock),
		Offers:  offers.New(d, currencies, clock),
		Wallet:  wallet.New(d, currencies, clock),
	}
	shop.Shop = Shop{
		Identity: identity.New(d, clock),
		Till: checkout.New(d, checkout.Config{
			Currencies: currencies, Rules: rules, Offers: shop.Offers, Limiter: guard.Off{}, Clock: clock,
			Logger: slog.New(slog.DiscardHandler),
		}),
		DB: d, Issuer: "https://issuer.example",
	}
	t.Cleanup(shop.Till.Close)
	if err := shop.Wallet.OpenHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	return shop
}

const allCurrencies = "USD,EUR,KRW,GEM:0"

func seed(t *testing.T, shop opened) Report {
	t.Helper()
	report, err := Seed(t.Context(), shop.Shop)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func goods(t *testing.T) []good {
	t.Helper()
	all, err := readGoods()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shelves is the order of things: departments, and the shelves in each.
func shelves() map[string][]string {
	return map[string][]string{
		"Books":    {"Novels", "Tales", "Plays", "Poetry", "Philosophy"},
		"Articles": {"Essays", "Notes"},
		"Series":   {"Mysteries"},
		"Pictures": {"Prints", "Photographs", "Wallpapers"},
		"Tools":    {"Plugins", "Brushes"},
		"Games":    {"Supplies", "Features"},
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	all := goods(t)
	if n := len(all); n < 40 || n > 60 {
		t.Errorf("there are %d products, want 40 to 60", n)
	}
	seen, statuses := map[string]bool{}, map[product.Status]int{}
	for _, g := range all {
		if seen[g.Slug] {
			t.Errorf("%s is there twice", g.Slug)
		}
		seen[g.Slug] = true
		statuses[g.Status]++
		if len(g.Categories) != 2 || !slices.Contains(shelves()[g.Categories[0]], g.Categories[1]) {
			t.Errorf("%s: categories are %v, want a department and one of its shelves", g.Slug, g.Categories)
		}
		if len(g.Tags) == 0 {
			t.Errorf("%s has no tags", g.Slug)
		}
		languages := map[string]bool{}
		for _, text := range g.Texts {
			languages[text.Language] = true
			if text.Name == "" || text.Description == "" {
				t.Errorf("%s: name or description is missing in %q", g.Slug, text.Language)
			}
		}
		if !languages["en"] || len(languages) < 2 {
			t.Errorf("%s is there in %v, want English and another language", g.Slug, slices.Sorted(maps.Keys(languages)))
		}
	}
	if statuses[product.StatusDRAFT] != 1 || statuses[product.StatusARCHIVED] != 1 {
		t.Errorf("there are %v, want one DRAFT and one ARCHIVED", statuses)
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	all, err := readPlans()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	check := func(all texts) {
		name := all.english()
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		var languages []string
		for _, text := range all {
			languages = append(languages, text.Language)
			if text.Name == "" || text.Description == "" {
				t.Errorf("%s: name or description is missing in %q", name, text.Language)
			}
		}
		if slices.Sort(languages); !slices.Equal(languages, []string{"de", "en", "ko"}) {
			t.Errorf("%s is there in %v, want English, German and Korean", name, languages)
		}
	}
	for _, p := range all.Bundles {
		check(p.Texts)
	}
	for _, p := range all.Trials {
		check(p.Texts)
	}
	for _, p := range all.FlashSales {
		check(p.Texts)
	}
	for _, p := range all.TierPlans {
		check(p.Texts)
	}
	for _, p := range all.Coupons {
		check(p.Texts)
	}
	if n := len(all.names()); n != len(seen) || n != 12 {
		t.Errorf("there are %d offers with %d names, want 12", n, len(seen))
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		shop := open(t, d, at(noon), allCurrencies)
		if diff := cmp.Diff(Report{Products: len(goods(t)), Offers: 12, Credits: 16, Purchases: 14}, seed(t, shop)); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		t.Run("stocks_the_shelves", func(t *testing.T) { checkShelves(t, shop) })
		t.Run("sells_what_the_first_purchase_needs", func(t *testing.T) {
			checkPrice(t, d, "pride-and-prejudice", "USD", "0.99")
			checkPrice(t, d, "a-modest-proposal", "USD", "0.20")
			checkPrice(t, d, "hound-of-the-baskervilles-1", "USD", "0.00")
			checkPrice(t, d, "lighthouse-keeper-hints", "GEM", "20")
		})
		t.Run("fills_the_wallets", func(t *testing.T) { checkWallets(t, shop) })
		t.Run("gives_a_shopper_a_past", func(t *testing.T) { checkPast(t, shop) })
		t.Run("has_offers_of_every_sort", func(t *testing.T) { checkOffers(t, shop) })
		t.Run("leaves_nothing_that_contradicts_the_rules", func(t *testing.T) { checkProof(t, d) })
	})
}

// checkShelves compares what visitors and merchandisers see with the file.
func checkShelves(t *testing.T, shop opened) {
	t.Helper()
	all := goods(t)
	var shown []string
	for _, g := range all {
		from, until := g.PublishFrom, g.PublishUntil
		if g.Status == product.StatusACTIVE && (from == nil || !noon.Before(*from)) && (until == nil || noon.Before(*until)) {
			shown = append(shown, g.Slug)
		}
	}
	if hidden := len(all) - len(shown); hidden != 4 {
		t.Errorf("%d products are hidden from visitors, want a draft, an archived one, one to come and one gone", hidden)
	}
	listed, err := shop.Catalog.List(t.Context(), catalog.ListInput{Args: page.Args{First: new(len(all))}})
	if err != nil {
		t.Fatal(err)
	}
	var slugs []string
	for _, p := range listed.Nodes() {
		slugs = append(slugs, p.Slug)
	}
	if diff := cmp.Diff(shown, slugs); diff != "" {
		t.Errorf("newest products (-file +shop):\n%s", diff)
	}
	n, err := shop.Catalog.Count(t.Context(), catalog.ListInput{Merchandiser: true})
	if err != nil || n != len(all) {
		t.Errorf("a merchandiser sees %d products (%v), want %d", n, err, len(all))
	}
}

func checkPrice(t *testing.T, d *db.DB, slug string, currency money.Code, want string) {
	t.Helper()
	p, err := catalog.BySlug(t.Context(), d.Client(), slug)
	if err != nil {
		t.Fatalf("%s: %v", slug, err)
	}
	price, sold := catalog.PriceIn(p, currency)
	if amount, _ := money.ParseAmount(want); !sold || price != amount {
		t.Errorf("%s costs %s %s (sold: %t), want %s", slug, price, currency, sold, want)
	}
}

func checkWallets(t *testing.T, shop opened) {
	t.Helper()
	want := map[string][]string{
		"shopper-1": {"EUR 20 (5 given)", "GEM 500 (100 given)", "KRW 30000 (0 given)", "USD 25 (0 given)"},
		"shopper-2": {"EUR 4.52 (0 given)", "GEM 20 (20 given)", "USD 9.8 (0 given)"},
		"shopper-3": {"USD 0.15 (0 given)"},
		"shopper-4": {"KRW 4300 (0 given)", "USD 14.04 (0 given)"},
		"shopper-5": {"EUR 4.93 (0 given)"},
		"shopper-6": {"GEM 101 (101 given)", "KRW 300 (0 given)"},
	}
	got := map[string][]string{}
	for _, who := range shoppers() {
		wallets, err := shop.Wallet.Of(t.Context(), shop.DB.Client(), shopperID(t, shop, who.subject))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wallets {
			got[who.subject] = append(got[who.subject], fmt.Sprintf("%s %s (%s given)", w.Currency, w.Balance, w.Promotional))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wallets (-want +got):\n%s", diff)
	}
}

func checkPast(t *testing.T, shop opened) {
	t.Helper()
	id := shopperID(t, shop, "shopper-2")
	history, err := checkout.History(t.Context(), shop.DB.Client(), id, page.Args{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range history.Nodes() {
		got = append(got, fmt.Sprintf("%d: %s %s for %d lines, %d badges", p.Ordinal, p.Total, p.Currency, len(p.Edges.Lines), len(p.Edges.Badges)))
	}
	want := []string{
		"3: 40 GEM for 1 lines, 0 badges",
		"2: 2.48 EUR for 2 lines, 0 badges",
		"1: 0.2 USD for 2 lines, 1 badges",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("purchases, newest first (-want +got):\n%s", diff)
	}
	points, err := shop.Wallet.PointsOf(t.Context(), shop.DB.Client(), id)
	if err != nil || points != 6*money.Unit { // 2 for 0.20 USD, 4 for the 0.48 EUR that were not a gift
		t.Errorf("points are %s (%v), want 6", points, err)
	}
}

// checkOffers looks at the two weeks before and after noon, and at what is on offer then.
func checkOffers(t *testing.T, shop opened) {
	t.Helper()
	client := shop.DB.Client()
	sales, err := shop.Offers.ListFlashSales(t.Context(), offers.SaleListInput{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []uuid.UUID
	var rounds []offers.Round
	for _, row := range sales.Nodes() {
		ids = append(ids, row.ID)
		if window, ok := offers.WindowOf(row, noon); ok {
			rounds = append(rounds, offers.Round{Offer: row.ID, Round: window.Round})
		}
	}
	sold, err := offers.Sold(t.Context(), client, ids)
	if err != nil {
		t.Fatal(err)
	}
	stocks, err := offers.Stocks(t.Context(), client, rounds)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range sales.Nodes() {
		window, _ := offers.WindowOf(row, noon)
		standing := offers.StandingOf(row, stocks[offers.Round{Offer: row.ID, Round: window.Round}], noon)
		line := fmt.Sprintf("%s: %s, %d sold, %d left", row.Texts["en"].Name, standing.Status, sold[row.ID], *standing.Remaining)
		if w := standing.Window; w != nil {
			line += fmt.Sprintf(", %s to %s", w.Start.UTC().Format("Mon 02 15:04"), w.End.UTC().Format("Mon 02 15:04"))
		}
		got = append(got, line)
	}
	want := []string{
		"Friday evenings in Seoul: UPCOMING, 2 sold, 20 left, Fri 25 09:00 to Fri 25 11:00",
		"Two days of detection: UPCOMING, 0 sold, 200 left, Thu 31 12:00 to Sat 02 12:00",
		"Three sets of brushes: SOLD_OUT, 3 sold, 0 left, Tue 22 12:00 to Tue 29 12:00",
		"A week of stars: LIVE, 3 sold, 97 left, Wed 23 12:00 to Wed 30 12:00",
		"Two days at sea: ENDED, 3 sold, 0 left",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flash sales, newest first (-want +got):\n%s", diff)
	}
	for subject, want := range map[string][]string{
		"shopper-1": {"any-three-prints 2.99, 0 left out", "three-english-classics 2.23, 0 left out", "hound-of-the-baskervilles-complete 4.99, 0 left out"},
		"shopper-4": {"any-three-prints 2.99, 1 left out", "three-english-classics 2.23, 0 left out", "hound-of-the-baskervilles-complete 3.74, 3 left out"},
	} {
		bundles, err := shop.Offers.ListBundles(t.Context(), offers.ListInput{})
		if err != nil {
			t.Fatal(err)
		}
		var things []uuid.UUID
		for _, row := range bundles.Nodes() {
			things = append(things, row.ID)
		}
		facts, err := shop.Till.Facts(t.Context(), shopperID(t, shop, subject), things, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range bundles.Nodes() {
			price := facts.Price(row.ID, "USD")
			if price == nil {
				t.Fatalf("%s has no price", row.Slug)
			}
			got = append(got, fmt.Sprintf("%s %s, %d left out", row.Slug, price.Current, len(facts.LeftOut(row.ID))))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bundles for %s, newest first (-want +got):\n%s", subject, diff)
		}
	}
	if n, err := shop.Offers.CountTrialOffers(t.Context(), offers.ListInput{}); err != nil || n != 2 {
		t.Errorf("%d trials can be started (%v), want 2", n, err)
	}
	if n, err := shop.Offers.CountTierPlans(t.Context(), offers.ListInput{Merchandiser: true}); err != nil || n != 1 {
		t.Errorf("there are %d tier plans (%v), want 1", n, err)
	}
	if row, err := shop.Offers.FindCoupon(t.Context(), client, "welcome-back"); err != nil || row == nil {
		t.Errorf("the coupon is %v (%v)", row, err)
	}
}

func checkProof(t *testing.T, d *db.DB) {
	t.Helper()
	claims := slices.Concat(wallet.Claims(), entitlement.Claims(), checkout.Claims())
	err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		results, err := proof.Check(ctx, tx, claims)
		for _, r := range results {
			if !r.Holds {
				t.Errorf("it is not true that %s: %v", r.Claim, r.Examples)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func shopperID(t *testing.T, shop opened, subject string) uuid.UUID {
	t.Helper()
	id, err := shop.Identity.Shopper(t.Context(), shop.Issuer, subject)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSeedAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		shop := open(t, d, at(noon), allCurrencies)
		seed(t, shop)

		t.Run("changes_nothing", func(t *testing.T) {
			before := contents(t, d)
			seedsNothing(t, open(t, d, at(noon.AddDate(0, 1, 0)), allCurrencies))
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("database (-before +after):\n%s", diff)
			}
		})
		t.Run("leaves_what_was_changed_since", func(t *testing.T) {
			article, err := catalog.BySlug(t.Context(), d.Client(), "a-modest-proposal")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shop.Catalog.Update(t.Context(), catalog.UpdateInput{
				ID: article.ID, Slug: catalog.To("modest"), Prices: catalog.To([]catalog.Price{{Currency: "USD", Amount: money.Unit}}),
			}); err != nil {
				t.Fatal(err)
			}
			picture, err := catalog.BySlug(t.Context(), d.Client(), "great-wave")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shop.Catalog.Archive(t.Context(), catalog.ArchiveInput{ID: picture.ID}); err != nil {
				t.Fatal(err)
			}
			before := contents(t, d)
			seedsNothing(t, shop)
			if diff := cmp.Diff(before, contents(t, d)); diff != "" {
				t.Errorf("database (-before +after):\n%s", diff)
			}
		})
	})
}

func seedsNothing(t *testing.T, shop opened) {
	t.Helper()
	if report := seed(t, shop); report != (Report{}) {
		t.Errorf("the second run made %+v", report)
	}
}

// cutting is a context that ends when it has been looked at so many times, as everything that waits for a database does.
type cutting struct {
	context.Context
	left atomic.Int32
	cut  context.CancelFunc
}

func (c *cutting) Done() <-chan struct{} {
	if c.left.Add(-1) == 0 {
		c.cut()
	}
	return c.Context.Done()
}

func TestSeedCompletesOneThatWasCutShort(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		looks, cuts := int32(300), 0
		for {
			ctx, cancel := context.WithCancel(t.Context())
			short := &cutting{Context: ctx, cut: cancel}
			short.left.Store(looks)
			_, err := Seed(short, open(t, d, at(noon.AddDate(0, 0, 5*cuts)), allCurrencies).Shop)
			cancel()
			if err == nil {
				break
			}
			looks *= 2
			cuts++
		}
		if cuts < 3 {
			t.Errorf("%d runs were cut short, want a few", cuts)
		}
		whole := open(t, dbtest.SQLite(t), at(noon), allCurrencies)
		seed(t, whole)
		if diff := cmp.Diff(rows(t, whole.DB), rows(t, d)); diff != "" {
			t.Errorf("rows by table (-in one run +in several):\n%s", diff)
		}
		shop := open(t, d, at(noon), allCurrencies)
		checkShelves(t, shop)
		checkWallets(t, shop)
		checkProof(t, d)
	})
}

// rows is how many rows each table has.
func rows(t *testing.T, d *db.DB) map[string]int {
	t.Helper()
	n := map[string]int{}
	for table, all := range contents(t, d) {
		n[table] = len(all)
	}
	return n
}

func TestSeedRefusesAShopOfOtherCurrencies(t *testing.T) {
	t.Parallel()
	shop := open(t, dbtest.SQLite(t), at(noon), "USD,EUR,KRW")
	if _, err := Seed(t.Context(), shop.Shop); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("the error is %v, want one that says that GEM is not traded in", err)
	}
}

// contents is every row of every table, as text, by table.
func contents(t *testing.T, d *db.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for _, table := range migrate.Tables {
			rows, err := tx.QueryContext(ctx, "SELECT * FROM "+table.Name)
			if err != nil {
				return err
			}
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			for rows.Next() {
				values, into := make([]any, len(columns)), make([]any, len(columns))
				for i := range values {
					into[i] = &values[i]
				}
				if err := rows.Scan(into...); err != nil {
					return err
				}
				all[table.Name] = append(all[table.Name], fmt.Sprint(values...))
			}
			if err := rows.Err(); err != nil {
				return err
			}
			slices.Sort(all[table.Name])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all["products"]) == 0 || len(all["transfers"]) == 0 {
		t.Fatal("the tables are empty, so comparing them proves nothing")
	}
	return all
}
