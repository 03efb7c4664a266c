package money

import (
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Amount is an amount of money in millionths of its currency's unit: 0.20 USD is Amount(200_000), 1200 KRW is
// Amount(1_200_000_000). It may be negative. Its magnitude is at most Max; functions that make amounts keep to that, and a
// conversion such as Amount(n) is the caller's own promise.
type Amount int64

// Scale is the number of decimals an Amount holds.
const Scale = 6

// Unit is one whole unit of a currency: one dollar, one won, one gem.
const Unit Amount = 1_000_000

// Max is the largest magnitude of an Amount, nine thousand million units. The database refuses more by a CHECK; a
// thousand such amounts still add up within an int64.
const Max Amount = 9_000_000_000_000_000

// maxText is the most characters ParseAmount reads.
const maxText = 40

// ParseAmount reads a plain decimal: an optional minus sign, one or more digits and, after a dot, one or more digits
// again, all ASCII and at most 40 characters long. There is no exponent, plus sign, grouping or space.
//
// Zeros in front and zeros at the end change nothing, however many: "007.50" is 7.5 and "1.00000000" is 1, because the
// number they write is held exactly. "-0" is zero.
//
// The error wraps ErrSyntax, ErrPrecision when a digit other than zero stands beyond the sixth decimal, or ErrRange
// beyond Max; its text may be shown to whoever sent s.
func ParseAmount(s string) (Amount, error) {
	if len(s) > maxText {
		return 0, refuse(ErrSyntax, "%s is not an amount; it has more than %d characters", quote(s), maxText)
	}
	number, negative := strings.CutPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(number, ".")
	if !isDigits(whole) || dotted && !isDigits(fraction) {
		return 0, refuse(ErrSyntax, "%s is not an amount; write plain digits such as 12.50", quote(s))
	}

	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(fraction) > Scale {
		return 0, refuse(ErrPrecision, "%s has more than %d decimals", quote(s), Scale)
	}
	const wholeDigits = 10 // of Max; with the decimals that is 16 digits, which an int64 holds
	if len(whole) > wholeDigits {
		return 0, outOfRange(quote(s))
	}
	var a Amount
	for i := range len(whole) {
		a = a*10 + Amount(whole[i]-'0')
	}
	for i := range Scale {
		a *= 10
		if i < len(fraction) {
			a += Amount(fraction[i] - '0')
		}
	}
	if !a.valid() {
		return 0, outOfRange(quote(s))
	}
	if negative {
		a = -a
	}
	return a, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// FromDecimal takes a decimal that is exactly an amount. The error wraps ErrPrecision when d is finer than a millionth and
// ErrRange beyond Max. The cost is bounded by the digits d holds, not by its exponent. To round instead, use
// Currency.Round.
func FromDecimal(d decimal.Decimal) (Amount, error) {
	n, shift := d.Coefficient(), int64(d.Exponent())+Scale // d is n * 10^shift millionths
	switch {
	case n.Sign() == 0:
		return 0, nil
	case shift > 0:
		const maxDigits, maxBits = 15, 53 // of Max; n is at least one
		if shift > maxDigits || n.BitLen() > maxBits {
			return 0, outOfRange(describe(d))
		}
		n.Mul(n, pow10(shift))
	case shift < 0:
		// A multiple of 10^k is a multiple of 2^k. Asking that first keeps the power no larger than n is.
		rest := new(big.Int)
		exact := int64(n.TrailingZeroBits()) >= -shift
		if exact {
			n.QuoRem(n, pow10(-shift), rest)
		}
		if !exact || rest.Sign() != 0 {
			return 0, refuse(ErrPrecision, "%s has more than %d decimals", describe(d), Scale)
		}
	}
	if !n.IsInt64() || !Amount(n.Int64()).valid() {
		return 0, outOfRange(describe(d))
	}
	return Amount(n.Int64()), nil
}

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// describe shows a decimal in an error, if it is of a size a person would read: 1e1000000 would print a million digits.
func describe(d decimal.Decimal) string {
	const digits, coefficientBits = 40, 128
	if e := d.Exponent(); e < -digits || e > digits || d.Coefficient().BitLen() > coefficientBits {
		return "the number"
	}
	return quote(d.String())
}

// FromInt takes whole units of a currency: FromInt(5) is 5 USD or 5 KRW. The error wraps ErrRange.
func FromInt(units int64) (Amount, error) {
	a, err := Unit.Times(units)
	if err != nil {
		return 0, outOfRange(strconv.FormatInt(units, 10))
	}
	return a, nil
}

// Decimal is the amount for computations that need more than six decimals on the way, such as a percentage. Bring the
// result back with Currency.Round.
func (a Amount) Decimal() decimal.Decimal { return decimal.New(int64(a), -Scale) }

// String gives the amount as a plain decimal without zeros at the end: "0.2", "1200", "-0.000001". ParseAmount reads it
// back. For people, use Currency.Format.
func (a Amount) String() string { return a.text(0) }

// text writes the amount with at least so many decimals, and with as many as it takes to be exact.
func (a Amount) text(decimals int) string {
	var buffer [24]byte
	s := buffer[:0]
	if a < 0 {
		s = append(s, '-')
	}
	m := a.magnitude()
	s = strconv.AppendUint(s, m/uint64(Unit), 10)

	fraction := m % uint64(Unit)
	if fraction == 0 && decimals == 0 {
		return string(s)
	}
	s = append(s, '.')
	for unit := uint64(Unit) / 10; unit > 0 && (fraction > 0 || decimals > 0); unit /= 10 {
		s = append(s, byte('0'+fraction/unit))
		fraction %= unit
		decimals--
	}
	return string(s)
}

// Plus is a + b, or an error that wraps ErrRange. (Not Add: ent's generator takes a method of that name for one with a
// single result and calls it.)
func (a Amount) Plus(b Amount) (Amount, error) {
	// Two amounts in range add up within an int64, so that the sum itself can be asked.
	if sum := a + b; a.valid() && b.valid() && sum.valid() {
		return sum, nil
	}
	return 0, outOfRange(a.String() + " + " + b.String())
}

// Minus is a - b, or an error that wraps ErrRange.
func (a Amount) Minus(b Amount) (Amount, error) {
	if difference := a - b; a.valid() && b.valid() && difference.valid() {
		return difference, nil
	}
	return 0, outOfRange(a.String() + " - " + b.String())
}

// Times is n times the amount, or an error that wraps ErrRange.
func (a Amount) Times(n int64) (Amount, error) {
	high, low := bits.Mul64(a.magnitude(), Amount(n).magnitude())
	if high != 0 || low > uint64(Max) || !a.valid() {
		return 0, outOfRange(a.String() + " times " + strconv.FormatInt(n, 10))
	}
	return a * Amount(n), nil
}

// Scaled is the amount times by/of, rounded down to a millionth. None of the three is negative, and of is more than 0. The
// error wraps ErrRange.
func (a Amount) Scaled(by, of int64) (Amount, error) {
	if a < 0 || by < 0 || of <= 0 {
		return 0, refuse(ErrRange, "%s cannot be scaled by %d of %d", a, by, of)
	}
	high, low := bits.Mul64(uint64(a), uint64(by))
	if high >= uint64(of) {
		return 0, outOfRange("the product")
	}
	n, _ := bits.Div64(high, low, uint64(of))
	if n > uint64(Max) {
		return 0, outOfRange("the product")
	}
	return Amount(n), nil
}

// Neg is -a. The range is the same on both sides of zero, so it cannot leave it.
func (a Amount) Neg() Amount { return -a }

// Sum adds up amounts; of none it is zero. Only the total has to be in range, so the order of the amounts does not
// matter; otherwise the error wraps ErrRange.
func Sum(amounts ...Amount) (Amount, error) {
	var high int64 // high and low are one integer of 128 bits
	var low, carry uint64
	for _, a := range amounts {
		low, carry = bits.Add64(low, uint64(a), 0)
		high += int64(a)>>63 + int64(carry)
	}
	total := Amount(low)
	if high != int64(total)>>63 || !total.valid() {
		return 0, outOfRange("the total")
	}
	return total, nil
}

// valid says whether the amount is within Max.
func (a Amount) valid() bool { return -Max <= a && a <= Max }

// magnitude is the absolute value, of every int64.
func (a Amount) magnitude() uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// outOfRange refuses a number or a computation, named by what.
func outOfRange(what string) error {
	return refuse(ErrRange, "%s is out of range; an amount is at most %s either way", what, Max)
}
