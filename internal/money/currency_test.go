package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// currency is a currency of ISO 4217 that the test takes for granted.
func currency(tb testing.TB, code Code) Currency {
	tb.Helper()
	c, ok := ISO(code)
	if !ok {
		tb.Fatalf("ISO does not know %s", code)
	}
	return c
}

// everyCurrency is each of the table, and a virtual one of each number of decimals.
func everyCurrency() []Currency {
	all := append(iso4217[:len(iso4217):len(iso4217)], Points())
	for decimals := range Scale + 1 {
		all = append(all, Currency{Code: "GEM", MinorUnit: decimals, Virtual: true, Name: "Gems"})
	}
	return all
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"USD", "GEM", "G3M", "POINTS", "ABCDEFGHIJ", "A00"} {
		if got, err := ParseCode(s); err != nil || got != Code(s) {
			t.Errorf("ParseCode(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "US", "usd", "3GM", "US D", " USD", "USD\n", "ÜSD", "U-D", "ABCDEFGHIJK", "U\x00D", "ＵＳＤ"} {
		if got, err := ParseCode(s); !errors.Is(err, ErrCurrency) || got != "" {
			t.Errorf("ParseCode(%q) = %q, %v; want ErrCurrency", s, got, err)
		}
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	for minorUnit, want := range map[int]Amount{0: Unit, 1: 100_000, 2: 10_000, 3: 1000, 4: 100, 5: 10, 6: 1, -1: Unit, 7: 1} {
		if got := (Currency{MinorUnit: minorUnit}).Step(); got != want {
			t.Errorf("the step of %d decimals is %d, want %d", minorUnit, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	cases := []struct {
		code   Code
		amount Amount
		want   string
	}{
		{"USD", 0, "0.00"},
		{"USD", 200_000, "0.20"},
		{"USD", -200_000, "-0.20"},
		{"USD", 1200 * Unit, "1200.00"},
		{"USD", 205_000, "0.205"},
		{"USD", 1, "0.000001"},
		{"KRW", 0, "0"},
		{"KRW", 1200 * Unit, "1200"},
		{"KRW", 1200*Unit + 500_000, "1200.5"},
		{"KWD", 1_250_000, "1.250"},
		{"KWD", -Max, "-9000000000.000"},
	}
	for _, c := range cases {
		if got := currency(t, c.code).Format(c.amount); got != c.want {
			t.Errorf("%d of %s is shown as %q, want %q", c.amount, c.code, got, c.want)
		}
	}
	if got, want := (Money{Amount: 200_000, Currency: currency(t, "USD")}).String(), "0.20 USD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCurrencyParse(t *testing.T) {
	t.Parallel()
	cases := []struct {
		code Code
		in   string
		want Amount
		err  error
	}{
		{"USD", "0.20", 200_000, nil},
		{"USD", "0.2", 200_000, nil},
		{"USD", "0.200000000", 200_000, nil},
		{"USD", "-3", -3 * Unit, nil},
		{"USD", "0.001", 0, ErrPrecision},
		{"USD", "0.0000001", 0, ErrPrecision},
		{"USD", "1e400", 0, ErrSyntax},
		{"USD", "9000000000.01", 0, ErrRange},
		{"KRW", "1200", 1200 * Unit, nil},
		{"KRW", "1200.00", 1200 * Unit, nil},
		{"KRW", "0.5", 0, ErrPrecision},
		{"KWD", "0.001", 1000, nil},
		{"KWD", "0.0001", 0, ErrPrecision},
	}
	for _, c := range cases {
		if got, err := currency(t, c.code).Parse(c.in); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s of %s is %d, %v; want %d, %v", c.in, c.code, got, err, c.want, c.err)
		}
	}
}

func TestRound(t *testing.T) {
	t.Parallel()
	cases := []struct {
		code Code
		in   decimal.Decimal
		want Amount
		err  error
	}{
		{"USD", decimal.New(5, -3), 10_000, nil},
		{"USD", decimal.New(-5, -3), -10_000, nil},
		{"USD", decimal.New(4999, -6), 0, nil},
		{"USD", decimal.New(-4999, -6), 0, nil},
		{"USD", decimal.New(15, -3), 20_000, nil}, // half to even would give 0.02 too,
		{"USD", decimal.New(25, -3), 30_000, nil}, // but 0.02 here
		{"USD", decimal.New(1, 9), 1_000_000_000 * Unit, nil},
		{"KRW", decimal.New(5, -1), Unit, nil},
		{"KRW", decimal.New(-15, -1), -2 * Unit, nil},
		{"KRW", decimal.New(149, -2), Unit, nil},
		{"KWD", decimal.New(15, -4), 2000, nil},
		{"KRW", decimal.New(9_000_000_000_4, -1), Max, nil},
		{"KRW", decimal.New(9_000_000_000_5, -1), 0, ErrRange},
		{"KRW", decimal.New(-9_000_000_000_5, -1), 0, ErrRange},
		{"USD", decimal.Decimal{}, 0, nil},
		{"USD", decimal.New(0, math.MinInt32), 0, nil},
		{"USD", decimal.New(0, math.MaxInt32), 0, nil},
		{"USD", decimal.New(1, math.MinInt32), 0, nil},
		{"USD", decimal.New(math.MinInt64, -1_000_000), 0, nil},
		{"USD", decimal.New(1, math.MaxInt32), 0, ErrRange},
		{"USD", decimal.New(1, 1_000_000), 0, ErrRange},
		{"USD", decimal.NewFromBigInt(pow10(1000), -1000), Unit, nil},
	}
	for _, c := range cases {
		got, err := currency(t, c.code).Round(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s in %s rounds to %d, %v; want %d, %v", describe(c.in), c.code, got, err, c.want, c.err)
		}
	}
}

// TestRoundIsHalfUp holds Round to the definition: floor(|x| + 1/2) minor units with the sign of x.
func TestRoundIsHalfUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(everyCurrency()).Draw(t, "currency")
		d := rapid.OneOf(decimals(), rapid.Custom(func(t *rapid.T) decimal.Decimal {
			half := decimal.New(5, int32(-c.MinorUnit-1)) // a tie
			return half.Mul(decimal.NewFromInt(rapid.Int64Range(-10_000, 10_000).Draw(t, "halves")))
		})).Draw(t, "d")

		units := new(big.Rat).Quo(new(big.Rat).Abs(d.Rat()), c.Step().Decimal().Rat())
		units.Add(units, big.NewRat(1, 2))
		want := new(big.Int).Quo(units.Num(), units.Denom())
		want.Mul(want, big.NewInt(int64(c.Step())*int64(d.Sign())))

		got, err := c.Round(d)
		if new(big.Int).Abs(want).Cmp(big.NewInt(int64(Max))) > 0 {
			if !errors.Is(err, ErrRange) || got != 0 {
				t.Fatalf("%s in %s rounds to %d, %v; want ErrRange", d, c.Code, got, err)
			}
			return
		}
		if err != nil || big.NewInt(int64(got)).Cmp(want) != 0 {
			t.Fatalf("%s in %s rounds to %d, %v; want %s", d, c.Code, got, err, want)
		}
		if !c.IsWhole(got) {
			t.Fatalf("%s in %s rounds to %d, which is not in whole minor units", d, c.Code, got)
		}
		if library := d.Round(int32(c.MinorUnit)); !got.Decimal().Equal(library) {
			t.Fatalf("%s in %s rounds to %s, decimal says %s", d, c.Code, got, library)
		}
	})
}

func TestWhatACurrencyShowsItReadsBack(t *testing.T) {
	t.Parallel()
	for _, c := range everyCurrency() {
		t.Run(string(c.Code)+"/"+c.count(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				a := amounts().Draw(t, "a")
				shown := c.Format(a)
				if back, err := ParseAmount(shown); err != nil || back != a {
					t.Fatalf("%q reads back as %d, %v; want %d", shown, back, err, a)
				}
				back, err := c.Parse(shown)
				if !c.IsWhole(a) {
					if !errors.Is(err, ErrPrecision) {
						t.Fatalf("%q is accepted though it is finer than the minor unit", shown)
					}
					a -= a % c.Step()
					shown = c.Format(a)
					back, err = c.Parse(shown)
				}
				if err != nil || back != a {
					t.Fatalf("%q reads back as %d, %v; want %d", shown, back, err, a)
				}
				if want := a.Decimal().StringFixed(int32(c.MinorUnit)); shown != want {
					t.Fatalf("%d is shown as %q, want %q", a, shown, want)
				}
			})
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	usd := currency(b, "USD")
	b.ReportAllocs()
	for b.Loop() {
		_ = usd.Format(1_234_560_000)
	}
}

func BenchmarkRound(b *testing.B) {
	usd, d := currency(b, "USD"), decimal.New(123456789, -5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := usd.Round(d); err != nil {
			b.Fatal(err)
		}
	}
}
