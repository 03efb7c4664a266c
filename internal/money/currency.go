package money

import (
	"errors"
	"strconv"

	"github.com/shopspring/decimal"
)

// Code names a currency: three to ten of A–Z and 0–9, the first a letter. "USD", "GEM".
type Code string

// PointsCode is the code of the reward currency; no shop can trade in it.
const PointsCode Code = "POINTS"

// ParseCode reads a code. It says nothing about whether there is such a currency. The error wraps ErrCurrency; its text
// may be shown to whoever sent s.
func ParseCode(s string) (Code, error) {
	valid := len(s) >= 3 && len(s) <= 10
	for i := 0; valid && i < len(s); i++ {
		letter, digit := s[i] >= 'A' && s[i] <= 'Z', s[i] >= '0' && s[i] <= '9'
		valid = letter || digit && i > 0
	}
	if !valid {
		return "", refuse(ErrCurrency, "%s is not a currency code; write 3 to 10 of A-Z and 0-9, a letter first", quote(s))
	}
	return Code(s), nil
}

// Currency is what amounts are of. The zero value is a nameless currency of whole units.
type Currency struct {
	// Code names it.
	Code Code
	// MinorUnit is how many decimals a charge may have: 2 for USD, 0 for KRW, 3 for KWD, at most Scale. Anything outside
	// of 0 to Scale counts as the nearer of the two.
	MinorUnit int
	// Virtual says that a shop or a game made it up: gems, coins, points.
	Virtual bool
	// Name is its name in English, for people.
	Name string
}

// Points is the reward currency, in which shoppers earn and never pay money. It has no decimals.
func Points() Currency { return Currency{Code: PointsCode, Virtual: true, Name: "Points"} }

// Step is the smallest amount that can be charged: 10_000 (0.01) for USD, Unit for KRW.
func (c Currency) Step() Amount {
	step := Unit
	for range c.decimals() {
		step /= 10
	}
	return step
}

func (c Currency) decimals() int { return min(max(c.MinorUnit, 0), Scale) }

// Round brings a computed amount to whole minor units, half up: the nearest, and of two equally near ones that further
// from zero. 0.005 USD is 0.01 and -0.005 USD is -0.01, so that a correction takes back what the charge took. Round once,
// at the end of a computation (rule 2). The error wraps ErrRange. As for FromDecimal, a huge exponent costs nothing.
func (c Currency) Round(d decimal.Decimal) (Amount, error) {
	decimals := c.decimals()
	finer := -int64(d.Exponent()) - int64(decimals) // how many digits of d are beyond the minor unit
	if finer <= 0 {
		return FromDecimal(d)
	}
	// A coefficient of n bits is below 10^n: with more digits than that to cut off, less than a tenth of a minor unit is
	// left. What follows writes out no power of ten much larger than the coefficient.
	if finer > int64(d.Coefficient().BitLen()) {
		return 0, nil
	}
	return FromDecimal(d.Round(int32(decimals)))
}

// IsWhole says whether the amount is in whole minor units, as prices and charges are.
func (c Currency) IsWhole(a Amount) bool { return a%c.Step() == 0 }

// Format gives the amount with the decimals of the currency: "0.20" of USD, "1200" of KRW, "1.250" of KWD. An amount finer
// than the minor unit shows as many more as it needs, "0.205", and no amount is ever shown rounded.
func (c Currency) Format(a Amount) string { return a.text(c.decimals()) }

// Parse reads a plain decimal as ParseAmount does and asks that it be whole minor units: "0.205" of USD is refused with
// an error that wraps ErrPrecision and says how many decimals there may be, "0.200" is accepted.
func (c Currency) Parse(s string) (Amount, error) {
	a, err := ParseAmount(s)
	switch {
	case errors.Is(err, ErrPrecision), err == nil && !c.IsWhole(a):
		return 0, refuse(ErrPrecision, "%s has too many decimals; %s has %s", quote(s), c.Code, c.count())
	case err != nil:
		return 0, err
	}
	return a, nil
}

func (c Currency) count() string {
	switch n := c.decimals(); n {
	case 0:
		return "no decimals"
	case 1:
		return "1 decimal"
	default:
		return strconv.Itoa(n) + " decimals"
	}
}
