package money_test

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"

	"farthing/internal/money"
)

// Text that is not exactly an amount is refused, and the error is a sentence for whoever sent it.
func ExampleParseAmount() {
	for _, s := range []string{"0.20", "-1200", "1e1000000", "0.0000001", "9000000001"} {
		a, err := money.ParseAmount(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a, int64(a))
	}
	_, err := money.ParseAmount("NaN")
	fmt.Println(errors.Is(err, money.ErrSyntax))
	// Output:
	// 0.2 200000
	// -1200 -1200000000
	// "1e1000000" is not an amount; write plain digits such as 12.50
	// "0.0000001" has more than 6 decimals
	// "9000000001" is out of range; an amount is at most 9000000000 either way
	// true
}

// A price is whole minor units of its currency.
func ExampleCurrency_Parse() {
	usd, _ := money.ISO("USD")
	fmt.Println(usd.Parse("0.20"))
	fmt.Println(usd.Parse("0.205"))
	// Output:
	// 0.2 <nil>
	// 0 "0.205" has too many decimals; USD has 2 decimals
}

// Every currency shows its own number of decimals, and more where rounding would hide something.
func ExampleCurrency_Format() {
	for _, code := range []money.Code{"USD", "KRW", "KWD"} {
		c, _ := money.ISO(code)
		fmt.Println(c.Format(1250*money.Unit), c.Format(1_250_500), code)
	}
	// Output:
	// 1250.00 1.2505 USD
	// 1250 1.2505 KRW
	// 1250.000 1.2505 KWD
}

// 1,503 calls at 0.0035 USD each cost 5.2605 USD. The unit price is finer than a cent, so the total is rounded, once.
func ExampleCurrency_Round() {
	usd, _ := money.ISO("USD")
	perCall := decimal.RequireFromString("0.0035")
	charge, _ := usd.Round(perCall.Mul(decimal.NewFromInt(1503)))
	fmt.Println(money.Money{Amount: charge, Currency: usd})
	// Output: 5.26 USD
}

// Ten percent off a basket is worked out once, on the sum, and shared out over the lines so that they add up to it.
func ExampleAllocate() {
	usd, _ := money.ISO("USD")
	lines := []money.Amount{990_000, 990_000, 1_490_000}
	subtotal, _ := money.Sum(lines...)
	discount, _ := usd.Round(subtotal.Decimal().Mul(decimal.RequireFromString("0.10")))

	shares, _ := money.Allocate(discount, lines, usd.Step())
	for i, share := range shares {
		price, _ := lines[i].Minus(share)
		fmt.Println(usd.Format(lines[i]), "-", usd.Format(share), "=", usd.Format(price))
	}
	fmt.Println(usd.Format(subtotal), "-", usd.Format(discount))
	// Output:
	// 0.99 - 0.10 = 0.89
	// 0.99 - 0.10 = 0.89
	// 1.49 - 0.15 = 1.34
	// 3.47 - 0.35
}

// A shop lists what it trades in, real currencies by their code and its own with their decimals.
func ExampleParseCurrencies() {
	shop, err := money.ParseCurrencies("USD,KRW,GEM:0:Gems")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range shop.All() {
		fmt.Println(c.Code, c.Name, c.MinorUnit)
	}
	_, traded := shop.Lookup("KWD")
	fmt.Println(traded, shop.Of("KWD").Format(1_250_000))

	_, err = money.ParseCurrencies("USD,GEM")
	fmt.Println(err)
	// Output:
	// USD US dollar 2
	// KRW South Korean won 0
	// GEM Gems 0
	// false 1.250
	// GEM is not an ISO 4217 currency; if it is virtual, state its decimals: GEM:0
}
