package earning_test

import (
	"testing"

	"pgregory.net/rapid"

	"farthing/ent/schema"
	"farthing/internal/earning"
	"farthing/internal/money"
)

// discountOf is a rule by which a point is worth so much in some currencies, up to so many hundredths of a percent.
func discountOf(worth schema.Prices, mostPercent int64) *earning.Rule {
	return ruled(schema.RewardContent{Code: "discount", Status: earning.Active, Terms: schema.RewardTerms{
		Discount: &schema.DiscountTerms{Worth: worth, MostPercent: mostPercent},
	}}).Current().Discount
}

// TestPointsOff has what points take off baskets worked out by hand.
func TestPointsOff(t *testing.T) {
	t.Parallel()
	usd, krw, kwd := money.Currency{Code: "USD", MinorUnit: 2}, money.Currency{Code: "KRW"}, money.Currency{Code: "KWD", MinorUnit: 3}
	for name, c := range map[string]struct {
		currency     money.Currency
		worth, total string
		percent      int64
		most, off    string
	}{
		"a_cent_each":                            {usd, "0.01", "4.99", 10_000, "499", "4.99"},
		"half_of_the_total":                      {usd, "0.01", "4.99", 5_000, "249", "2.49"},
		"a_hundredth_of_a_percent":               {usd, "0.01", "100", 1, "1", "0.01"},
		"less_than_a_cent_may_be_paid":           {usd, "0.01", "99.99", 1, "0", "0"},
		"nothing_to_pay":                         {usd, "0.01", "0", 10_000, "0", "0"},
		"nothing_in_the_currency":                {usd, "0", "4.99", 10_000, "0", "0"},
		"each_worth_more_than_the_basket":        {usd, "5", "4.99", 10_000, "0", "0"},
		"each_worth_more_than_one_may_pay":       {usd, "2.50", "4.99", 5_000, "0", "0"},
		"each_worth_the_basket":                  {usd, "4.99", "4.99", 10_000, "1", "4.99"},
		"the_last_ones_would_be_too_much":        {usd, "0.03", "1", 10_000, "33", "0.99"},
		"more_than_these_would_take_off_no_more": {usd, "0.001", "1", 10_000, "1000", "1"},
		"a_won_and_a_half_each":                  {krw, "1.5", "100", 10_000, "67", "100"},
		"two_thirds_of_a_won_each":               {krw, "0.666667", "100", 10_000, "150", "100"},
		"the_smallest_worth":                     {krw, "0.000001", "3", 10_000, "3000000", "3"},
		"the_smallest_worth_of_the_most":         {krw, "0.000001", "9000000000", 10_000, "9000000000", "9000"},
		"in_thousandths":                         {kwd, "0.005", "1.234", 10_000, "246", "1.23"},
		"the_most_there_is":                      {usd, "1", "9000000000", 10_000, "9000000000", "9000000000"},
		"the_most_worth":                         {usd, "9000000000", "9000000000", 10_000, "1", "9000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := discountOf(schema.Prices{c.currency.Code: amountOf(c.worth)}, c.percent)
			most := rule.MostPoints(amountOf(c.total), c.currency)
			if off := rule.PointsWorth(most, c.currency); most != amountOf(c.most) || off != amountOf(c.off) {
				t.Errorf("%s points take off %s, want %s and %s", most, off, c.most, c.off)
			}
		})
	}
}

// TestMostPoints tries every number of points: the most that can be redeemed take off as much as any that may be, and no
// fewer do.
func TestMostPoints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := money.Currency{Code: "USD", MinorUnit: rapid.IntRange(0, 3).Draw(t, "decimals")}
		total := money.Amount(rapid.Int64Range(0, 300).Draw(t, "total")) * currency.Step()
		// From some hundred points for a minor unit to some minor units for a point.
		worth := money.Amount(rapid.Int64Range(1, 500).Draw(t, "worth")) * currency.Step() / 100
		percent := rapid.SampledFrom([]int64{1, 333, 5_000, 9_999, 10_000}).Draw(t, "percent")
		rule := discountOf(schema.Prices{"USD": worth}, percent)

		var most, off money.Amount
		for points := range money.Amount(30_001) {
			worth := rule.PointsWorth(points*money.Unit, currency)
			if !currency.IsWhole(worth) || worth < off {
				t.Fatalf("%d points are worth %s, and fewer are worth %s", points, worth, off)
			}
			if int64(worth)*10_000 > int64(total)*percent {
				break
			}
			if worth > off {
				most, off = points*money.Unit, worth
			}
		}
		if got := rule.MostPoints(total, currency); got != most {
			t.Fatalf("at most %s points for %s, want %s, which take off %s", got, total, most, off)
		}
	})
}
