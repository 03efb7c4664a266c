package demo

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/migrate"
	"farthing/ent/product"
	"farthing/ent/rewardrule"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
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
	Rewards *rewards.Service
}

// open is a shop on an empty database.
func open(t *testing.T, d *db.DB, clock func() time.Time, trading string) opened {
	t.Helper()
	currencies, err := money.ParseCurrencies(trading)
	if err != nil {
		t.Fatal(err)
	}
	shop := opened{
		Catalog: catalog.New(d, currencies, clock),
		Offers:  offers.New(d, currencies, clock),
		Wallet:  wallet.New(d, currencies, clock),
		Rewards: rewards.New(d, currencies, clock),
	}
	shop.Shop = Shop{
		Identity: identity.New(d, clock),
		Till: checkout.New(d, checkout.Config{
			Currencies: currencies, Rewards: shop.Rewards, Offers: shop.Offers, Limiter: guard.Off{}, Clock: clock,
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
		if diff := cmp.Diff(Report{
			Products: len(goods(t)), Offers: 12, Rules: 31, Credits: 17, Purchases: 42, Perks: 1, Refunds: 1,
		}, seed(t, shop)); diff != "" {
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
		t.Run("rewards_shoppers", func(t *testing.T) { checkRewards(t, shop) })
		t.Run("has_offers_of_every_sort", func(t *testing.T) { checkOffers(t, shop) })
		t.Run("leaves_nothing_that_contradicts_the_rules", func(t *testing.T) { checkProof(t, d) })
		t.Run("awards_what_the_rules_say", func(t *testing.T) { checkAudit(t, shop) })
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
		"shopper-2": {"EUR 4.32 (0 given)", "GEM 20 (20 given)", "USD 5.64 (0 given)"},
		"shopper-3": {"EUR 0 (0 given)", "USD 0.15 (0 given)"},
		"shopper-4": {"KRW 4300 (0 given)", "USD 4.1 (0 given)"},
		"shopper-5": {"EUR 1.22 (0 given)"},
		"shopper-6": {"GEM 32 (32 given)", "KRW 300 (0 given)"},
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
		got = append(got, fmt.Sprintf("%d: %s %s for %d lines", p.Ordinal, p.Total, p.Currency, len(p.Edges.Lines)))
	}
	want := []string{
		"9: 0.49 USD for 1 lines",
		"8: 0.2 EUR for 1 lines",
		"7: 0.2 USD for 1 lines",
		"6: 1.99 USD for 1 lines",
		"5: 0.49 USD for 1 lines",
		"4: 0.99 USD for 1 lines",
		"3: 40 GEM for 1 lines",
		"2: 2.48 EUR for 2 lines",
		"1: 0.2 USD for 2 lines",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("purchases, newest first (-want +got):\n%s", diff)
	}
}

// checkRewards compares what shoppers have earned, or are about to.
func checkRewards(t *testing.T, shop opened) {
	t.Helper()
	want := map[string][]string{
		"shopper-1": {
			"0 of 0 points, nothing, 50 to bronze", "0 days of 0, 0 freezes, 0 weeks",
			"first-purchase: 0 of 1", "ten-purchases: 0 of 10", "ten-in-small-change: 0 of 10", "all-over-the-shop: 0 of 10",
			"many-voices: 0 of 10", "seven-days: 0 of 7", "four-weeks: 0 of 4", "curious: 0 of 1", "complete-set: 0 of 1",
			"good-timing: 0 of 3", "three-short-reads: 0 of 3, 0 of 2", "2 secret badges left",
		},
		"shopper-2": {
			"130 of 130 points, bronze, 20 to silver", "4 days of 4, 0 freezes, 5 weeks",
			"first-purchase", "ten-purchases: 9 of 10", "ten-in-small-change: 4.36 of 10", "all-over-the-shop",
			"many-voices: 8 of 10", "seven-days: 4 of 7", "four-weeks", "curious: 0 of 1", "complete-set: 0 of 1",
			"good-timing: 0 of 3", "a-good-beginning", "three-short-reads: 2 of 3, 1 of 2", "2 secret badges left",
		},
		"shopper-3": { // has a freeze for seven days, and one for 30 points
			"51 of 81 points, bronze, 69 to silver", "10 days of 10, 2 freezes, 4 weeks",
			"first-purchase", "ten-purchases", "ten-in-small-change: 0 of 10", "all-over-the-shop: 7 of 10",
			"many-voices: 5 of 10", "seven-days", "four-weeks", "curious: 0 of 1", "complete-set: 0 of 1",
			"good-timing: 0 of 3", "keeper-of-the-light", "three-short-reads: 3 of 3, 1 of 2", "1 secret badges left",
		},
		"shopper-4": { // has spent 50 on a discount, and 40 on a product
			"162 of 252 points, silver, 148 to gold", "2 days of 4, 0 freezes, 2 weeks",
			"first-purchase", "ten-purchases", "ten-in-small-change", "all-over-the-shop",
			"many-voices: 9 of 10", "seven-days: 4 of 7", "four-weeks: 2 of 4", "curious", "complete-set: 0 of 1",
			"good-timing", "navigator", "a-good-beginning", "three-short-reads: 0 of 3, 0 of 2", "1 secret badges left",
		},
		"shopper-5": { // one purchase was refunded, and another one is the first now
			"140 of 140 points, bronze, 10 to silver", "2 days of 2, 0 freezes, 2 weeks",
			"first-purchase", "ten-purchases: 5 of 10", "ten-in-small-change: 0 of 10", "all-over-the-shop: 8 of 10",
			"many-voices: 9 of 10", "seven-days: 2 of 7", "four-weeks: 2 of 4", "curious: 0 of 1", "complete-set",
			"good-timing", "navigator", "three-short-reads: 0 of 3, 0 of 2", "1 secret badges left",
		},
		"shopper-6": {
			"57 of 57 points, bronze, 93 to silver", "1 days of 1, 0 freezes, 2 weeks",
			"first-purchase", "ten-purchases: 4 of 10", "ten-in-small-change: 0 of 10", "all-over-the-shop: 5 of 10",
			"many-voices: 2 of 10", "seven-days: 1 of 7", "four-weeks: 2 of 4", "curious: 0 of 1", "complete-set: 0 of 1",
			"good-timing: 2 of 3", "three-short-reads: 0 of 3, 0 of 2", "2 secret badges left",
		},
	}
	got := map[string][]string{}
	for _, who := range shoppers() {
		got[who.subject] = standing(t, shop, who.subject)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rewards (-want +got):\n%s", diff)
	}
	for board, want := range map[string][]string{
		"points-of-the-month": {"1. Reader 5: 140", "2. Reader 4: 82", "3. Reader 3: 81", "4. Reader 2: 78"}, // in December
		"regulars":            {"1. Reader 3: 12", "2. Reader 4: 10", "3. Reader 2: 9", "4. Reader 5: 5"},
	} {
		if diff := cmp.Diff(want, places(t, shop, board)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", board, diff)
		}
	}
}

// places are those of a leaderboard in its current period.
func places(t *testing.T, shop opened, code string) []string {
	t.Helper()
	book, err := shop.Rewards.Rulebooks.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	boards := book.Current().Leaderboards
	at := slices.IndexFunc(boards, func(r *earning.Rule) bool { return r.Code == code })
	if at < 0 {
		t.Fatalf("there is no leaderboard %s", code)
	}
	terms := boards[at].Terms.Leaderboard
	period, _, _ := earning.PeriodAt(terms.Period, noon)
	found, err := shop.Rewards.Page(t.Context(), shop.DB.Client(), boards[at], period, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range found.Nodes() {
		score := strconv.FormatInt(p.Score, 10)
		if terms.Measure == string(earning.PointsEarned) {
			score = money.Amount(p.Score).String()
		}
		lines = append(lines, fmt.Sprintf("%d. %s: %s", p.Rank, p.DisplayName, score))
	}
	return lines
}

// standing is what a shopper sees of rewards, in a few lines.
func standing(t *testing.T, shop opened, subject string) []string {
	t.Helper()
	view, err := shop.Rewards.Of(t.Context(), shop.DB.Client(), shopperID(t, shop, subject))
	if err != nil {
		t.Fatal(err)
	}
	level, next, missing := view.Level()
	at := "nothing"
	if level != nil {
		at = level.Code
	}
	days, weeks := view.Days(), view.Weeks()
	lines := []string{
		fmt.Sprintf("%s of %s points, %s, %s to %s", view.Points, view.State.Lifetime, at, missing, next.Code),
		fmt.Sprintf("%d days of %d, %d freezes, %d weeks", days.Count, days.Best, days.Freezes, weeks.Count),
	}
	badges, secret := view.Badges()
	for _, p := range slices.Concat(badges, view.Quests()) {
		if p.Held != nil {
			lines = append(lines, p.Rule.Code)
			continue
		}
		var goals []string
		for _, g := range p.Goals {
			n, of := strconv.FormatInt(g.Reached, 10), strconv.FormatInt(g.Target, 10)
			if g.Currency != "" {
				n, of = money.Amount(g.Reached).String(), money.Amount(g.Target).String()
			}
			goals = append(goals, n+" of "+of)
		}
		lines = append(lines, p.Rule.Code+": "+strings.Join(goals, ", "))
	}
	return append(lines, fmt.Sprintf("%d secret badges left", secret))
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
	claims := slices.Concat(wallet.Claims(), entitlement.Claims(), rewards.Claims(), checkout.Claims())
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

// checkAudit computes every award again, from the purchases and the rules.
func checkAudit(t *testing.T, shop opened) {
	t.Helper()
	counted, err := shop.Rewards.Audit(t.Context(), func(d rewards.Difference) {
		t.Errorf("of %s, entry %s: %s is %s, want %s", d.Shopper, d.Entry, d.What, d.Got, d.Want)
	})
	if err != nil {
		t.Fatal(err)
	}
	if counted.Shoppers < 5 || counted.Purchases != 42 || counted.Refunds != 1 || counted.Awards == 0 {
		t.Errorf("there was %+v to look at, want that of five shoppers with 42 purchases and a refund", counted)
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
			perk, err := d.Client().RewardRule.Query().Where(rewardrule.Code("choose-a-print")).Only(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shop.Rewards.UpdateRule(t.Context(), rewards.UpdateRule{ID: perk.ID, RuleInput: rewards.RuleInput{
				Kind: earning.Perk, Code: new("ask-for-a-print"), Status: rewards.StatusDraft,
				Texts: []catalog.Text{{Language: "en", Name: "Ask for a print"}}, Terms: perk.Content.Terms,
			}}); err != nil {
				t.Fatal(err)
			}
			if _, err := shop.Rewards.ChangeSettings(t.Context(), rewards.Settings{
				ShopperID: shopperID(t, shop, "shopper-2"), DisplayName: catalog.To[*string](nil), TimeZone: catalog.To("Asia/Tokyo"),
			}); err != nil {
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
		began, err := d.Client().RewardRule.Query().Order(ent.Asc(rewardrule.FieldCreatedAt)).First(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		whole := open(t, dbtest.SQLite(t), at(began.CreatedAt.Add(arrived)), allCurrencies)
		seed(t, whole)
		if diff := cmp.Diff(rows(t, whole.DB), rows(t, d)); diff != "" {
			t.Errorf("rows by table (-in one run +in several):\n%s", diff)
		}
		shop := open(t, d, at(noon), allCurrencies)
		checkShelves(t, shop)
		checkWallets(t, shop)
		checkProof(t, d)
		checkAudit(t, shop)
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
