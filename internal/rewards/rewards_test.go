package rewards_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"farthing/internal/money"
	"farthing/internal/rewards"
)

func TestParseRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ spec, want string }{
		{"", ""},
		{" , ,", ""},
		{"USD=10", "USD=10"},
		{"USD=10,EUR=10,KRW=0.01", "EUR=10,KRW=0.01,USD=10"},
		{" USD = 10 , GEM=0 ", "GEM=0,USD=10"},
		{"USD=007.500000", "USD=7.5"},
		{"USD=0.000001", "USD=0.000001"},
		{"USD=9000000000", "USD=9000000000"},
	} {
		rules, err := rewards.ParseRules(test.spec)
		if err != nil || rules.String() != test.want {
			t.Errorf("ParseRules(%q) = %q, %v, want %q", test.spec, rules, err, test.want)
		}
	}
	for _, spec := range []string{
		"USD", "USD=", "=10", "usd=10", "USD:10", "USD=ten", "USD=-1", "USD=1e3", "USD=NaN", "USD=10=10", "USD=0.0000001",
		"USD=9000000001", "USD=1,USD=2", "USD=1,EUR", "USD=1;EUR=1",
	} {
		if rules, err := rewards.ParseRules(spec); err == nil || !strings.HasPrefix(err.Error(), "points rate ") {
			t.Errorf("ParseRules(%q) = %q, %v, want an error that shows the rate", spec, rules, err)
		}
	}
}

func TestRulesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var parts []string
		for _, code := range rapid.SliceOfDistinct(rapid.StringMatching(`[A-Z][A-Z0-9]{2,9}`), rapid.ID).Draw(t, "codes") {
			rate := money.Amount(rapid.Int64Range(0, int64(money.Max)).Draw(t, "rate"))
			parts = append(parts, code+"="+rate.String())
		}
		rules, err := rewards.ParseRules(strings.Join(parts, ","))
		if err != nil {
			t.Fatal(err)
		}
		again, err := rewards.ParseRules(rules.String())
		if err != nil || again.String() != rules.String() || strings.Count(rules.String(), "=") != len(parts) {
			t.Fatalf("%v is written %q and read as %q, %v", parts, rules, again, err)
		}
	})
}

func TestPoints(t *testing.T) {
	t.Parallel()
	rules, err := rewards.ParseRules("USD=10,KRW=0.01,GEM=0")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code         money.Code
		amount, want string
	}{
		{"USD", "0", "0"},
		{"USD", "0.09", "0"},
		{"USD", "0.10", "1"},
		{"USD", "0.19", "1"},
		{"USD", "9.99", "99"},
		{"USD", "900000000", "9000000000"},
		{"KRW", "99", "0"},
		{"KRW", "100", "1"},
		{"KRW", "1250", "12"},
		{"GEM", "1000", "0"},
		{"EUR", "1000", "0"},
	} {
		got, err := rules.Points(paid(t, test.code, test.amount))
		if err != nil || got.String() != test.want {
			t.Errorf("%s %s earns %s points, %v, want %s", test.amount, test.code, got, err, test.want)
		}
	}
	if points, err := rules.Points(paid(t, "USD", "900000000.10")); err == nil {
		t.Errorf("more points than there can be: %s", points)
	}
	if points, err := (rewards.Rules{}).Points(paid(t, "USD", "10")); err != nil || points != 0 {
		t.Errorf("without rules 10 USD earn %s points, %v", points, err)
	}
}

// TestPointsAreRoundedDown: whole points, as many as fit into the exact product of amount and rate.
func TestPointsAreRoundedDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := money.Amount(rapid.Int64Range(0, 1_000*int64(money.Unit)).Draw(t, "rate"))
		amount := money.Amount(rapid.Int64Range(0, int64(money.Max)/1_000).Draw(t, "amount"))
		rules, err := rewards.ParseRules("GEM=" + rate.String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := rules.Points(money.Money{Amount: amount, Currency: money.Currency{Code: "GEM"}})
		if err != nil {
			t.Fatal(err)
		}
		exact := new(big.Int).Mul(big.NewInt(int64(rate)), big.NewInt(int64(amount))) // in millionths of millionths
		whole := exact.Div(exact, big.NewInt(int64(money.Unit)*int64(money.Unit)))
		if got%money.Unit != 0 || big.NewInt(int64(got/money.Unit)).Cmp(whole) != 0 {
			t.Fatalf("%s at %s earn %s points, want %s", amount, rate, got, whole)
		}
	})
}

func TestEarned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		ordinal int64
		has     []string
		want    []string
	}{
		{"the first purchase", 1, nil, []string{"first-purchase"}},
		{"the second", 2, []string{"first-purchase"}, nil},
		{"the ninth", 9, []string{"first-purchase"}, nil},
		{"the tenth", 10, []string{"first-purchase"}, []string{"ten-purchases"}},
		{"the eleventh", 11, []string{"first-purchase", "ten-purchases"}, nil},
		{"the tenth again, after a refund", 10, []string{"first-purchase", "ten-purchases"}, nil},
		{"a missed badge", 12, []string{"first-purchase"}, []string{"ten-purchases"}},
		{"all missed", 12, nil, []string{"first-purchase", "ten-purchases"}},
		{"before any purchase", 0, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, badge := range rewards.Earned(test.ordinal, func(code string) bool { return slices.Contains(test.has, code) }) {
				got = append(got, badge.Code)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("earned (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadgeByCode(t *testing.T) {
	t.Parallel()
	badge, ok := rewards.BadgeByCode("ten-purchases")
	if !ok || badge.Purchases != 10 || badge.Name == "" || badge.Description == "" {
		t.Errorf("BadgeByCode(ten-purchases) = %+v, %t", badge, ok)
	}
	if badge, ok := rewards.BadgeByCode("thousand-purchases"); ok {
		t.Errorf("there is a badge %+v", badge)
	}
}

func paid(t testing.TB, code money.Code, text string) money.Money {
	t.Helper()
	amount, err := money.ParseAmount(text)
	if err != nil {
		t.Fatal(err)
	}
	return money.Money{Amount: amount, Currency: money.Currency{Code: code}}
}
