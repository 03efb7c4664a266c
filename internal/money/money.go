// Package money is exact amounts of money: parsing and printing them, adding them up, rounding them to what a currency
// can charge, and sharing them out so that the parts add up to the whole.
//
// An [Amount] is an int64 of millionths of a currency's unit, on the wire a plain decimal string ("0.20"), and between
// the two, where a computation needs more digits than six, a decimal.Decimal. There is no way in or out by a float.
// Amounts are plain integers and may be compared with the operators of Go; the arithmetic that can leave the range is in
// methods that say so by an error. Nothing here wraps around, saturates or panics.
//
// The rules it keeps:
//
//   - What is not a plain decimal, is finer than a millionth or is larger than [Max] is refused where it enters, at a
//     cost that does not depend on how large the number claims to be: a decimal.Decimal such as 1e1000000 included.
//   - A [Currency] has a minor unit. Prices are whole minor units ([Currency.Parse]); a computed amount is rounded once,
//     at the end, half up ([Currency.Round]).
//   - An amount shared over lines is shared by largest remainder, ties by the order of the lines ([Allocate]).
//   - An amount says nothing about its currency: what is added and compared shares one, and nothing here converts.
//
// The package is pure: no clock, no input or output, no state. Everything in it may be used by many goroutines at once.
package money

import (
	"errors"
	"fmt"
	"strconv"
)

// What can be wrong with a number or a currency. The errors of this package wrap one of these and read as a sentence that
// may be shown to whoever sent the value; they quote it shortened and in ASCII.
var (
	// ErrSyntax is for text that is not a plain decimal.
	ErrSyntax = errors.New("not a plain decimal")
	// ErrPrecision is for a number with more decimals than an amount, or its currency, has.
	ErrPrecision = errors.New("too many decimals")
	// ErrRange is for a number, or a result, beyond Max or below -Max, or outside what a function is defined for.
	ErrRange = errors.New("amount out of range")
	// ErrCurrency is for text that is not the code of a currency, or not a list of currencies.
	ErrCurrency = errors.New("not a currency")
)

// Money is an amount together with its currency, for where the two travel as one. The zero value is no money in no
// currency.
type Money struct {
	// Amount is how much.
	Amount Amount
	// Currency is of what.
	Currency Currency
}

// String gives the amount as its currency writes it and the code: "0.20 USD".
func (m Money) String() string { return m.Currency.Format(m.Amount) + " " + string(m.Currency.Code) }

// refusal is an error whose whole text is one sentence, and which is of a kind that programs can test for.
type refusal struct {
	kind     error
	sentence string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, sentence: fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.sentence }
func (r *refusal) Unwrap() error { return r.kind }

// quote shows what somebody sent. It is short whatever was sent, and in ASCII, because a digit or a minus of another
// script is often the very thing that is wrong and would look right on a screen.
func quote(s string) string {
	const limit = 32
	seen := 0
	for i := range s {
		if seen == limit {
			return strconv.QuoteToASCII(s[:i] + "...")
		}
		seen++
	}
	return strconv.QuoteToASCII(s)
}
