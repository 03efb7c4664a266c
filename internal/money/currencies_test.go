package money

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestISO(t *testing.T) {
	t.Parallel()
	decimals := map[int]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
		2: "USD EUR GBP CHF CNY INR BRL MXN HUF TWD IDR MGA MRU XCD XCG ZWG SLE VES VED BYN STN ZMW",
		3: "BHD IQD JOD KWD LYD OMR TND",
	}
	for want, codes := range decimals {
		for code := range strings.FieldsSeq(codes) {
			if c := currency(t, Code(code)); c.MinorUnit != want || c.Code != Code(code) || c.Virtual || c.Name == "" {
				t.Errorf("%s is %+v; want %d decimals", code, c, want)
			}
		}
	}
	others := len(strings.Fields(decimals[0])) + len(strings.Fields(decimals[3]))
	for _, c := range iso4217 {
		if c.MinorUnit != 2 {
			others--
		}
	}
	if others != 0 {
		t.Errorf("%d more or fewer currencies than expected have other than 2 decimals", others)
	}

	// Replaced, never issued, not for paying with, reserved, not a code.
	unknown := "HRK BGN SLL ZWL ANG CUC BTC XAU XDR CLF XTS XXX POINTS usd"
	for _, code := range append(strings.Fields(unknown), "") {
		if c, ok := ISO(Code(code)); ok || c != (Currency{}) {
			t.Errorf("ISO(%q) = %+v, %t", code, c, ok)
		}
	}
}

func TestISOTableIsInOrder(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(iso4217[:], func(a, b Currency) int { return cmp.Compare(a.Code, b.Code) }) {
		t.Error("the table is not in the order of the codes, which the search needs")
	}
	names := map[string]Code{}
	for i, c := range iso4217 {
		if code, err := ParseCode(string(c.Code)); err != nil || len(code) != 3 {
			t.Errorf("%q is not a code of ISO 4217", c.Code)
		}
		if i > 0 && c.Code == iso4217[i-1].Code {
			t.Errorf("%s is in the table twice", c.Code)
		}
		if other, taken := names[c.Name]; taken {
			t.Errorf("%s and %s have the same name", c.Code, other)
		}
		names[c.Name] = c.Code
	}
}

func TestParseCurrencies(t *testing.T) {
	t.Parallel()
	usd, krw := currency(t, "USD"), currency(t, "KRW")
	accepted := map[string][]Currency{
		"USD":                {usd},
		"KRW,USD":            {krw, usd},
		" USD , KRW ":        {usd, krw},
		"USD,KRW,GEM:0":      {usd, krw, {Code: "GEM", Virtual: true, Name: "GEM"}},
		"COIN:2:Gold coins ": {{Code: "COIN", MinorUnit: 2, Virtual: true, Name: "Gold coins"}},
		"G3M:6:Gem: shiny":   {{Code: "G3M", MinorUnit: 6, Virtual: true, Name: "Gem: shiny"}},
		"KRD:1:보석":           {{Code: "KRD", MinorUnit: 1, Virtual: true, Name: "보석"}},
	}
	for spec, want := range accepted {
		set, err := ParseCurrencies(spec)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
			continue
		}
		if diff := gocmp.Diff(want, set.All()); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", spec, diff)
		}
		for _, c := range want {
			if got, ok := set.Lookup(c.Code); !ok || got != c {
				t.Errorf("%q: Lookup(%s) = %+v, %t", spec, c.Code, got, ok)
			}
		}
	}

	refused := map[string]string{
		"":              "no currency is listed; name at least one, such as USD",
		"  ":            "no currency is listed; name at least one, such as USD",
		"USD,":          `"" is not a currency code; write 3 to 10 of A-Z and 0-9, a letter first`,
		"usd":           `"usd" is not a currency code; write 3 to 10 of A-Z and 0-9, a letter first`,
		"USD;EUR":       `"USD;EUR" is not a currency code; write 3 to 10 of A-Z and 0-9, a letter first`,
		"GEM : 0":       `"GEM " is not a currency code; write 3 to 10 of A-Z and 0-9, a letter first`,
		"USD,KRW,USD":   "USD is listed twice",
		"GEM:0,GEM:2":   "GEM is listed twice",
		"USD:2":         "USD is an ISO 4217 currency with 2 decimals; list it as USD alone",
		"KRW:0:Won":     "KRW is an ISO 4217 currency with no decimals; list it as KRW alone",
		"GEM":           "GEM is not an ISO 4217 currency; if it is virtual, state its decimals: GEM:0",
		"POINTS":        "POINTS is the reward currency and cannot be listed",
		"USD,POINTS:0":  "POINTS is the reward currency and cannot be listed",
		"GEM:":          `"" of GEM is not a number of decimals; write 0 to 6`,
		"GEM:7":         `"7" of GEM is not a number of decimals; write 0 to 6`,
		"GEM:-1":        `"-1" of GEM is not a number of decimals; write 0 to 6`,
		"GEM:02":        `"02" of GEM is not a number of decimals; write 0 to 6`,
		"GEM:x":         `"x" of GEM is not a number of decimals; write 0 to 6`,
		"GEM:0:":        `"" of GEM is not a name; write 1 to 60 printable characters`,
		"GEM:0:a\x1bb":  `"a\x1bb" of GEM is not a name; write 1 to 60 printable characters`,
		"GEM:0:a\xffb":  `"a\xffb" of GEM is not a name; write 1 to 60 printable characters`,
		"GEM:0:\u202ea": `"\u202ea" of GEM is not a name; write 1 to 60 printable characters`,
		"GEM:0:" + strings.Repeat("x", 61): `"` + strings.Repeat("x", 32) +
			`..." of GEM is not a name; write 1 to 60 printable characters`,
	}
	for spec, want := range refused {
		if set, err := ParseCurrencies(spec); set != nil || !errors.Is(err, ErrCurrency) || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", spec, err, want)
		}
	}
}

func TestCurrenciesOfShowsWhatIsNoLongerTraded(t *testing.T) {
	t.Parallel()
	set, err := ParseCurrencies("USD,GEM:2:Gems")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[Code]Currency{
		"USD":      currency(t, "USD"),
		"GEM":      {Code: "GEM", MinorUnit: 2, Virtual: true, Name: "Gems"},
		"KWD":      currency(t, "KWD"),
		PointsCode: Points(),
		"SHELL":    {Code: "SHELL", Virtual: true, Name: "SHELL"},
	}
	for code, want := range cases {
		if got := set.Of(code); got != want {
			t.Errorf("Of(%s) = %+v, want %+v", code, got, want)
		}
	}
	for _, code := range []Code{"KWD", PointsCode, "SHELL", ""} {
		if c, ok := set.Lookup(code); ok {
			t.Errorf("Lookup(%s) finds %+v, which is not traded", code, c)
		}
	}
	if got := new(Currencies).Of("USD"); got != currency(t, "USD") {
		t.Errorf("a shop without currencies shows USD as %+v", got)
	}
}

func TestCurrenciesCannotBeChanged(t *testing.T) {
	t.Parallel()
	set, err := ParseCurrencies("USD,EUR")
	if err != nil {
		t.Fatal(err)
	}
	set.All()[0] = Points()
	if got := set.All()[0]; got != currency(t, "USD") {
		t.Errorf("a caller turned USD into %s", got.Code)
	}
}
