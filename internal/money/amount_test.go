package money

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	t.Parallel()
	accepted := map[string]Amount{
		"0":                      0,
		"-0":                     0,
		"-0.000":                 0,
		"1":                      Unit,
		"-1":                     -Unit,
		"0.20":                   200_000,
		"12.50":                  12_500_000,
		"0.000001":               1,
		"-0.000001":              -1,
		"007.50":                 7_500_000,
		"1.00000000":             Unit,
		"9000000000":             Max,
		"-9000000000.000000":     -Max,
		"8999999999.999999":      Max - 1,
		strings.Repeat("0", 40):  0,
		"-" + zeros(38) + "1":    -Unit,
		"1." + zeros(38):         Unit,
		zeros(20) + "5." + "123": 5_123_000,
	}
	for in, want := range accepted {
		if got, err := ParseAmount(in); err != nil || got != want {
			t.Errorf("ParseAmount(%q) = %d, %v; want %d", in, got, err, want)
		}
	}

	refused := map[error][]string{
		ErrSyntax: {
			"", " ", " 1", "1 ", "1\n", "+1", "-", "--1", "-+1", "1-", ".", "-.", ".5", "-.5", "5.", "1.2.3", "1..2",
			"NaN", "Inf", "-Inf", "infinity", "1e400", "1e1000000", "1E5", "1e-2", "0x10", "0b1", "1_000", "1,000", "0,5",
			"١", "१", "１", "−1", "–1", "1\u00a0000", "1\x00", "\xff", "½", "∞", "$1", "1 USD", "null",
			zeros(41), strings.Repeat("1", 41), strings.Repeat("9", 1<<20), "0." + zeros(39),
		},
		ErrPrecision: {"0.0000001", "-0.0000001", "1.1234567", "0.00000010", "0." + zeros(37) + "1"},
		ErrRange: {
			"9000000000.000001", "-9000000000.000001", "9000000001", "99999999999", "9223372036854775807",
			"9223372036854.775808", "18446744073709551617", strings.Repeat("9", 40), "-" + strings.Repeat("9", 39),
		},
	}
	for want, inputs := range refused {
		for _, in := range inputs {
			got, err := ParseAmount(in)
			if !errors.Is(err, want) || got != 0 {
				t.Errorf("ParseAmount(%.50q) = %d, %v; want %v", in, got, err, want)
			}
		}
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

func TestErrorsAreFitToShow(t *testing.T) {
	t.Parallel()
	usd, krw, gem := currency(t, "USD"), currency(t, "KRW"), Currency{Code: "GEM", MinorUnit: 1}
	const either = " is out of range; an amount is at most 9000000000 either way"
	cases := map[string]error{
		`"1e400" is not an amount; write plain digits such as 12.50`:   sentence(ParseAmount("1e400")),
		`"\u22121" is not an amount; write plain digits such as 12.50`: sentence(ParseAmount("−1")),
		`"1%d" is not an amount; write plain digits such as 12.50`:     sentence(ParseAmount("1%d")),
		`"` + strings.Repeat(`\u00e9`, 32) + `..." is not an amount; it has more than 40 characters`: sentence(
			ParseAmount(strings.Repeat("é", 1<<20))),
		`"0.0000001" has more than 6 decimals`:                   sentence(ParseAmount("0.0000001")),
		`"9000000001"` + either:                                  sentence(ParseAmount("9000000001")),
		`-9000000001` + either:                                   sentence(FromInt(-9_000_000_001)),
		`9000000000 + 0.000001` + either:                         sentence(Max.Plus(1)),
		`-9000000000 - 0.5` + either:                             sentence((-Max).Minus(Unit / 2)),
		`5 times 2000000000` + either:                            sentence((5 * Unit).Times(2_000_000_000)),
		`the number` + either:                                    sentence(FromDecimal(decimal.New(1, 1_000_000))),
		`"0.001" has too many decimals; USD has 2 decimals`:      sentence(usd.Parse("0.001")),
		`"0.0000001" has too many decimals; KRW has no decimals`: sentence(krw.Parse("0.0000001")),
		`"0.01" has too many decimals; GEM has 1 decimal`:        sentence(gem.Parse("0.01")),
	}
	for want, err := range cases {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func sentence(_ Amount, err error) error { return err }

func TestFromDecimal(t *testing.T) {
	t.Parallel()
	huge := new(big.Int).Lsh(big.NewInt(1), 1<<20)
	cases := []struct {
		name string
		in   decimal.Decimal
		want Amount
		err  error
	}{
		{"zero value", decimal.Decimal{}, 0, nil},
		{"zero with a huge exponent", decimal.New(0, math.MaxInt32), 0, nil},
		{"zero with a tiny exponent", decimal.New(0, math.MinInt32), 0, nil},
		{"a millionth", decimal.New(1, -6), 1, nil},
		{"trailing zeros", decimal.New(-1_500_000_000, -9), -1_500_000, nil},
		{"positive exponent", decimal.New(9, 9), Max, nil},
		{"the lower end", decimal.New(-9, 9), -Max, nil},
		{"a power of ten written out", decimal.NewFromBigInt(pow10(1000), -1000), Unit, nil},
		{"finer", decimal.New(1, -7), 0, ErrPrecision},
		{"a power of two but not of ten", decimal.New(1<<40, -10), 0, ErrPrecision},
		{"beyond the upper end", decimal.New(int64(Max)+1, -6), 0, ErrRange},
		{"beyond the lower end", decimal.New(-int64(Max)-1, -6), 0, ErrRange},
		{"beyond by a digit", decimal.New(1, 10), 0, ErrRange},
		{"wraps around an int64", decimal.NewFromBigInt(new(big.Int).Lsh(big.NewInt(1), 64), -6), 0, ErrRange},
		{"1e1000000", decimal.New(1, 1_000_000), 0, ErrRange},
		{"1e-1000000", decimal.New(1, -1_000_000), 0, ErrPrecision},
		{"largest exponent", decimal.New(1, math.MaxInt32), 0, ErrRange},
		{"smallest exponent", decimal.New(-1, math.MinInt32), 0, ErrPrecision},
		{"huge coefficient", decimal.NewFromBigInt(huge, 0), 0, ErrRange},
		{"huge coefficient and exponent", decimal.NewFromBigInt(huge, math.MaxInt32), 0, ErrRange},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := FromDecimal(c.in)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %d, %v; want %d, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestFromInt(t *testing.T) {
	t.Parallel()
	for in, want := range map[int64]Amount{0: 0, 5: 5 * Unit, -5: -5 * Unit, 9_000_000_000: Max, -9_000_000_000: -Max} {
		if got, err := FromInt(in); err != nil || got != want {
			t.Errorf("FromInt(%d) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []int64{9_000_000_001, -9_000_000_001, math.MaxInt64, math.MinInt64, 1 << 58} {
		if got, err := FromInt(in); !errors.Is(err, ErrRange) {
			t.Errorf("FromInt(%d) = %d, %v; want ErrRange", in, got, err)
		}
	}
}

func TestAmountString(t *testing.T) {
	t.Parallel()
	cases := map[Amount]string{
		0: "0", 1: "0.000001", -1: "-0.000001", 200_000: "0.2", -12_500_000: "-12.5", 1_000_010: "1.00001",
		1200 * Unit: "1200", Max: "9000000000", -Max: "-9000000000", math.MinInt64: "-9223372036854.775808",
	}
	for a, want := range cases {
		if got := a.String(); got != want {
			t.Errorf("Amount(%d).String() = %q, want %q", int64(a), got, want)
		}
	}
}

func TestArithmeticRefusesWhatIsOutOfRange(t *testing.T) {
	t.Parallel()
	cases := map[string]func() (Amount, error){
		"add beyond":              func() (Amount, error) { return Max.Plus(1) },
		"add below":               func() (Amount, error) { return (-Max).Plus(-1) },
		"add wraps into range":    func() (Amount, error) { return Amount(math.MaxInt64).Plus(math.MaxInt64) },
		"add no amount":           func() (Amount, error) { return (Max + 1).Plus(-1) },
		"subtract beyond":         func() (Amount, error) { return Max.Minus(-1) },
		"subtract below":          func() (Amount, error) { return (-Max).Minus(1) },
		"subtract from no amount": func() (Amount, error) { return (Max + 1).Minus(1) },
		"subtract no amount":      func() (Amount, error) { return Amount(math.MinInt64).Minus(math.MinInt64) },
		"multiply beyond":         func() (Amount, error) { return (Max/2 + 1).Times(2) },
		"multiply below":          func() (Amount, error) { return Max.Times(-2) },
		"multiply wraps to zero":  func() (Amount, error) { return Amount(1 << 32).Times(1 << 32) },
		"multiply by the least":   func() (Amount, error) { return Amount(1).Times(math.MinInt64) },
		"multiply no amount":      func() (Amount, error) { return Amount(math.MinInt64).Times(0) },
		"sum beyond":              func() (Amount, error) { return Sum(Max, Max, -Max, 1) },
		"sum beyond an int64":     func() (Amount, error) { return Sum(slices.Repeat([]Amount{Max}, 3000)...) },
		"sum wraps into range":    func() (Amount, error) { return Sum(slices.Repeat([]Amount{1 << 52}, 4096)...) },
	}
	for name, of := range cases {
		if got, err := of(); !errors.Is(err, ErrRange) || got != 0 {
			t.Errorf("%s: got %d, %v; want ErrRange", name, got, err)
		}
	}
}

// amounts draws amounts of every magnitude, with both ends of the range among them.
func amounts() *rapid.Generator[Amount] {
	return rapid.OneOf(
		rapid.Map(rapid.Int64Range(-int64(Max), int64(Max)), func(n int64) Amount { return Amount(n) }),
		rapid.Map(rapid.Int64Range(-2000, 2000), func(n int64) Amount { return Amount(n) * 10_000 }),
		rapid.SampledFrom([]Amount{0, 1, -1, Unit, Max, -Max, Max - 1, 1 - Max}),
	)
}

// TestArithmeticAgreesWithDecimal holds every operation to the same one on decimals, in range and out of it.
func TestArithmeticAgreesWithDecimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts().Draw(t, "a"), amounts().Draw(t, "b")
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000)).Draw(t, "n")
		several := rapid.SliceOfN(amounts(), 0, 40).Draw(t, "several")

		agree := func(name string, got Amount, err error, want decimal.Decimal) {
			t.Helper()
			if want.Abs().GreaterThan(Max.Decimal()) {
				if !errors.Is(err, ErrRange) || got != 0 {
					t.Fatalf("%s = %s, %v; want ErrRange for %s", name, got, err, want)
				}
			} else if err != nil || !got.Decimal().Equal(want) {
				t.Fatalf("%s = %s, %v; want %s", name, got, err, want)
			}
		}
		sum, err := a.Plus(b)
		agree("a + b", sum, err, a.Decimal().Add(b.Decimal()))
		difference, err := a.Minus(b)
		agree("a - b", difference, err, a.Decimal().Sub(b.Decimal()))
		product, err := a.Times(n)
		agree("a times n", product, err, a.Decimal().Mul(decimal.NewFromInt(n)))
		agree("-a", a.Neg(), nil, a.Decimal().Neg())
		total, err := Sum(several...)
		want := decimal.Zero
		for _, one := range several {
			want = want.Add(one.Decimal())
		}
		agree("sum", total, err, want)
	})
}

func TestAmountsComeBackFromTextAndDecimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := amounts().Draw(t, "a")
		if got, err := ParseAmount(a.String()); err != nil || got != a {
			t.Fatalf("ParseAmount(%q) = %d, %v; want %d", a.String(), got, err, a)
		}
		if got := a.Decimal().String(); got != a.String() {
			t.Fatalf("String is %q, the decimal's %q", a.String(), got)
		}
		if got, err := FromDecimal(a.Decimal()); err != nil || got != a {
			t.Fatalf("FromDecimal(%s) = %d, %v; want %d", a.Decimal(), got, err, a)
		}
	})
}

// TestFromDecimalIsExactOrRefuses holds FromDecimal to fractions of big integers over decimals of any shape.
func TestFromDecimalIsExactOrRefuses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := decimals().Draw(t, "d")
		millionths := new(big.Rat).Mul(d.Rat(), big.NewRat(int64(Unit), 1))
		got, err := FromDecimal(d)
		switch {
		case !millionths.IsInt():
			if !errors.Is(err, ErrPrecision) {
				t.Fatalf("FromDecimal(%s) = %d, %v; want ErrPrecision", d, got, err)
			}
		case new(big.Int).Abs(millionths.Num()).Cmp(big.NewInt(int64(Max))) > 0:
			if !errors.Is(err, ErrRange) {
				t.Fatalf("FromDecimal(%s) = %d, %v; want ErrRange", d, got, err)
			}
		case err != nil || millionths.Num().Cmp(big.NewInt(int64(got))) != 0:
			t.Fatalf("FromDecimal(%s) = %d, %v; want %s", d, got, err, millionths)
		}
	})
}

// decimals draws decimals around the range and precision of amounts, in many notations of one value.
func decimals() *rapid.Generator[decimal.Decimal] {
	return rapid.Custom(func(t *rapid.T) decimal.Decimal {
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-10_000, 10_000)).Draw(t, "coefficient")
		padding := rapid.Int64Range(0, 12).Draw(t, "padding")
		exponent := rapid.Int32Range(-24, 14).Draw(t, "exponent")
		return decimal.NewFromBigInt(new(big.Int).Mul(big.NewInt(n), pow10(padding)), exponent)
	})
}

var grammar = regexp.MustCompile(`\A-?[0-9]+(\.[0-9]+)?\z`)

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "0.20", "1200", "-12.5", "1.00000000", "9000000000", "9000000000.000001", "-9000000000", "0.0000001",
		"NaN", "Inf", "1e400", "1e1000000", "", " 1", "1 ", "+1", ".5", "5.", "١", "−1", "--1", "0x10", "1_000", "1,000",
		"99999999999999999999", zeros(40), zeros(41), "18446744073709.551616",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAmount(s)
		if len(s) > 40 || !grammar.MatchString(s) {
			if !errors.Is(err, ErrSyntax) {
				t.Fatalf("ParseAmount(%q) = %d, %v; want ErrSyntax", s, a, err)
			}
			return
		}
		d, parseErr := decimal.NewFromString(s)
		if parseErr != nil {
			t.Fatalf("decimal refuses %q: %v", s, parseErr)
		}
		want, wantErr := FromDecimal(d)
		if a != want || errors.Is(err, ErrPrecision) != errors.Is(wantErr, ErrPrecision) ||
			errors.Is(err, ErrRange) != errors.Is(wantErr, ErrRange) {
			t.Fatalf("ParseAmount(%q) = %d, %v; FromDecimal says %d, %v", s, a, err, want, wantErr)
		}
		if err != nil {
			return
		}
		if !a.valid() {
			t.Fatalf("ParseAmount(%q) = %d is out of range", s, a)
		}
		if again, err := ParseAmount(a.String()); err != nil || again != a {
			t.Fatalf("ParseAmount(%q) = %d, %v; want %d", a.String(), again, err, a)
		}
	})
}

func BenchmarkParseAmount(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAmount("1234.56"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestScaled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount Amount
		by, of int64
		want   Amount
		err    bool
	}{
		{0, 5, 3, 0, false},
		{10, 1, 3, 3, false},
		{Max, 1, 1, Max, false},
		{Max, math.MaxInt64, math.MaxInt64, Max, false},
		{1, int64(Max), 1, Max, false},
		{Max, 2, 1, 0, true},
		{Max, math.MaxInt64, 1, 0, true},
		{Max, 10_001, 10_000, 0, true},
		{-1, 1, 1, 0, true},
		{1, -1, 1, 0, true},
		{1, 1, 0, 0, true},
	} {
		got, err := test.amount.Scaled(test.by, test.of)
		if got != test.want || (err != nil) != test.err || err != nil && !errors.Is(err, ErrRange) {
			t.Errorf("%s scaled by %d of %d is %s, %v, want %s", test.amount, test.by, test.of, got, err, test.want)
		}
	}
}
