// Package rewards is what buying earns: points and badges.
//
// It decides and does not store: the checkout writes, in the transaction of the debit, what the rules here say. So an
// award is made once for each purchase and rule, and "first" and "tenth" are decided under the lock of the debit (rule 20).
package rewards

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"farthing/internal/money"
)

// PurchaseRule is the name of the rule that gives points for a purchase by its currency's rate.
const PurchaseRule = "purchase-rate"

// Badge is something to be proud of.
type Badge struct {
	// Code is its name for programs, and in the database.
	Code string
	// Name and Description are for people, in English.
	Name, Description string
	// Purchases is how many purchases earn it.
	Purchases int64
}

// badges lists the badges there are, in the order in which they are shown.
func badges() []Badge {
	return []Badge{
		{Code: "first-purchase", Name: "First purchase", Description: "Bought something for the first time.", Purchases: 1},
		{Code: "ten-purchases", Name: "Ten purchases", Description: "Bought something ten times.", Purchases: 10},
	}
}

// BadgeByCode finds a badge; ok is false for a code that no badge has.
func BadgeByCode(code string) (badge Badge, ok bool) {
	for _, b := range badges() {
		if b.Code == code {
			return b, true
		}
	}
	return Badge{}, false
}

// Rules are what a shop gives for buying.
type Rules struct {
	rates map[money.Code]decimal.Decimal
}

// ParseRules reads how many points a unit of each currency earns, such as "USD=10,EUR=10,KRW=0.01". A currency that is not
// named earns none; an empty text gives no points at all.
func ParseRules(spec string) (Rules, error) {
	rules := Rules{rates: map[money.Code]decimal.Decimal{}}
	for part := range strings.SplitSeq(spec, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, number, ok := strings.Cut(part, "=")
		if !ok {
			return Rules{}, fmt.Errorf("points rate %q: want CURRENCY=POINTS, such as USD=10", part)
		}
		code, err := money.ParseCode(strings.TrimSpace(name))
		if err != nil {
			return Rules{}, fmt.Errorf("points rate %q: %w", part, err)
		}
		rate, err := money.ParseAmount(strings.TrimSpace(number))
		if err != nil {
			return Rules{}, fmt.Errorf("points rate %q: %w", part, err)
		}
		if rate < 0 {
			return Rules{}, fmt.Errorf("points rate %q: a rate is not negative", part)
		}
		if _, twice := rules.rates[code]; twice {
			return Rules{}, fmt.Errorf("points rate %q: %s is there twice", part, code)
		}
		rules.rates[code] = rate.Decimal()
	}
	return rules, nil
}

// String writes the rules as ParseRules reads them, in the order of the currencies.
func (r Rules) String() string {
	parts := make([]string, 0, len(r.rates))
	for _, code := range slices.Sorted(maps.Keys(r.rates)) {
		parts = append(parts, string(code)+"="+r.rates[code].String())
	}
	return strings.Join(parts, ",")
}

// Points is how many points an amount earns: on what was really paid for, and rounded down to whole points (rule 20).
func (r Rules) Points(paid money.Money) (money.Amount, error) {
	points, err := money.FromDecimal(paid.Amount.Decimal().Mul(r.rates[paid.Currency.Code]).Floor())
	if err != nil {
		return 0, fmt.Errorf("points for %s: %w", paid, err)
	}
	return points, nil
}

// Earned is which badges a shopper's n-th purchase earns, of those that the shopper does not have.
func Earned(ordinal int64, has func(code string) bool) []Badge {
	var earned []Badge
	for _, b := range badges() {
		if ordinal >= b.Purchases && !has(b.Code) {
			earned = append(earned, b)
		}
	}
	return earned
}
