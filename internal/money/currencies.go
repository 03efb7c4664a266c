package money

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Currencies is the set of currencies a shop trades in. It never changes. The zero value is a shop that trades in none.
type Currencies struct {
	inOrder []Currency
	byCode  map[Code]Currency
}

// ParseCurrencies reads the list in a shop's configuration, such as
//
//	USD,EUR,KRW,GEM:0,COIN:2:Gold coins
//
// Entries are separated by commas, with spaces around them if one likes. An ISO 4217 code stands alone, since its
// decimals are a fact. A virtual currency states its decimals, 0 to 6, and may state its name (at most 60 printable
// characters; its code when left out). POINTS is the reward currency of every shop and cannot be listed.
//
// The error wraps ErrCurrency and says in a sentence which entry is wrong and how to put it right.
func ParseCurrencies(spec string) (*Currencies, error) {
	if strings.TrimSpace(spec) == "" {
		return nil, refuse(ErrCurrency, "no currency is listed; name at least one, such as USD")
	}
	set := &Currencies{byCode: make(map[Code]Currency)}
	for entry := range strings.SplitSeq(spec, ",") {
		c, err := parseEntry(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		if _, taken := set.byCode[c.Code]; taken {
			return nil, refuse(ErrCurrency, "%s is listed twice", c.Code)
		}
		set.byCode[c.Code] = c
		set.inOrder = append(set.inOrder, c)
	}
	return set, nil
}

func parseEntry(entry string) (Currency, error) {
	head, terms, isVirtual := strings.Cut(entry, ":")
	code, err := ParseCode(head)
	if err != nil {
		return Currency{}, err
	}
	if code == PointsCode {
		return Currency{}, refuse(ErrCurrency, "%s is the reward currency and cannot be listed", code)
	}
	official, isOfficial := ISO(code)
	switch {
	case isOfficial && isVirtual:
		return Currency{}, refuse(ErrCurrency, "%s is an ISO 4217 currency with %s; list it as %s alone",
			code, official.count(), code)
	case isOfficial:
		return official, nil
	case !isVirtual:
		return Currency{}, refuse(ErrCurrency, "%s is not an ISO 4217 currency; if it is virtual, state its decimals: %s:0",
			code, code)
	}

	decimals, name, isNamed := strings.Cut(terms, ":")
	if len(decimals) != 1 || decimals[0] < '0' || decimals[0] > '0'+Scale {
		return Currency{}, refuse(ErrCurrency, "%s of %s is not a number of decimals; write 0 to %d",
			quote(decimals), code, Scale)
	}
	c := Currency{Code: code, MinorUnit: int(decimals[0] - '0'), Virtual: true, Name: string(code)}
	if isNamed {
		c.Name = strings.TrimSpace(name)
		const limit = 60
		printable := utf8.ValidString(c.Name) && !strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsPrint(r) })
		if n := utf8.RuneCountInString(c.Name); n < 1 || n > limit || !printable {
			return Currency{}, refuse(ErrCurrency, "%s of %s is not a name; write 1 to %d printable characters",
				quote(c.Name), code, limit)
		}
	}
	return c, nil
}

// Lookup finds a currency the shop trades in. Points are not traded in and not found.
func (s *Currencies) Lookup(code Code) (Currency, bool) {
	c, ok := s.byCode[code]
	return c, ok
}

// Priced finds a currency that goods can have a price in: those that the shop trades in, and points, which goods are
// redeemed for (rule 23).
func (s *Currencies) Priced(code Code) (Currency, bool) {
	if code == PointsCode {
		return Points(), true
	}
	return s.Lookup(code)
}

// Of gives a currency to show records in, whether the shop still trades in it or not: the shop's own, else that of
// ISO 4217, else Points, else a virtual currency of that code without decimals, with which amounts are still shown
// exactly. What comes in is to be checked with Lookup.
func (s *Currencies) Of(code Code) Currency {
	if c, ok := s.byCode[code]; ok {
		return c
	}
	if c, ok := ISO(code); ok {
		return c
	}
	if code == PointsCode {
		return Points()
	}
	return Currency{Code: code, Virtual: true, Name: string(code)}
}

// All lists the currencies in the order they were configured in; the first is the shop's first choice. The slice is the
// caller's own.
func (s *Currencies) All() []Currency { return slices.Clone(s.inOrder) }
