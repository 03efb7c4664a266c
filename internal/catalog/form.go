package catalog

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"farthing/ent/schema"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// Form checks the fields of an input one by one and collects everything that is wrong with them. Each method takes a
// field as it was given, and gives it in the one form in which it is stored. Paths are those of the input's fields, dotted:
// "texts.0.name".
type Form struct {
	// Faults are all that is wrong so far.
	Faults fault.List
	// Currencies are those that prices may be in. Only Prices needs them.
	Currencies *money.Currencies
}

// Refuse adds an INVALID_INPUT fault at a field.
func (f *Form) Refuse(path, format string, args ...any) {
	f.Faults.Add(fault.Input(path, format, args...))
}

// Line checks a text of one line, of least to most characters, and gives it in NFC, without space around it.
func (f *Form) Line(path, text string, least, most int) string {
	text = strings.TrimSpace(norm.NFC.String(text))
	if strings.ContainsFunc(text, breaksLine) || !utf8.ValidString(text) {
		f.Refuse(path, "Line breaks, tabs and other control characters cannot be part of this text.")
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		f.Refuse(path, "Give %d to %d characters, not %d.", least, most, n)
	}
	return text
}

// Lines checks a text of any number of lines and at most so many characters, and gives it in NFC, with LF at the ends of
// lines and without space around it.
func (f *Form) Lines(path, text string, most int) string {
	text = strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n")))
	forbidden := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if strings.ContainsFunc(text, forbidden) || !utf8.ValidString(text) {
		f.Refuse(path, "Control characters other than line breaks and tabs cannot be part of this text.")
	}
	if n := utf8.RuneCountInString(text); n > most {
		f.Refuse(path, "Give at most %d characters, not %d.", most, n)
	}
	return text
}

// Texts checks texts in 1 to 20 languages, each there once, and gives them by their language tags in canonical form. The
// first is in the thing's own language.
func (f *Form) Texts(path string, texts []Text) (language string, stored map[string]schema.Text) {
	stored = make(map[string]schema.Text, len(texts))
	if len(texts) < 1 || len(texts) > maxTexts {
		f.Refuse(path, "Give texts in 1 to %d languages, not %d.", maxTexts, len(texts))
		return "", stored
	}
	for i, text := range texts {
		at := path + "." + strconv.Itoa(i)
		one := schema.Text{
			Name:        f.Line(at+".name", text.Name, 1, maxName),
			Description: f.Lines(at+".description", text.Description, maxDescription),
		}
		tag, ok := f.language(at+".language", text.Language)
		if !ok {
			continue
		}
		if _, twice := stored[tag]; twice {
			f.Refuse(at+".language", "%s is there twice; give each language once.", tag)
			continue
		}
		if i == 0 {
			language = tag
		}
		stored[tag] = one
	}
	return language, stored
}

// language checks a language tag and gives it in its canonical form: "pt-BR" for "PT_br".
func (f *Form) language(path, text string) (string, bool) {
	tag, err := parseLanguage(text)
	canonical := tag.String()
	if err != nil || tag.IsRoot() || len(canonical) > maxLanguage {
		f.Refuse(path, "%s is not a BCP 47 language tag, such as en or pt-BR.", Clip(text))
		return "", false
	}
	return canonical, true
}

// Labels checks tags or categories, up to 50 of up to 100 characters each, and leaves out repeats: those that are the same
// folded (Fold), since the search does not tell them apart.
func (f *Form) Labels(path string, given []string) []string {
	if len(given) > maxLabels {
		f.Refuse(path, "Give at most %d, not %d.", maxLabels, len(given))
		return nil
	}
	labels, seen := make([]string, 0, len(given)), make(map[string]bool, len(given))
	for i, label := range given {
		label = f.Line(path+"."+strconv.Itoa(i), label, 1, maxLabel)
		if folded := Fold(label); !seen[folded] {
			seen[folded] = true
			labels = append(labels, label)
		}
	}
	return labels
}

// Prices checks prices in currencies of the shop, each there once: 0 to MaxPrice, in whole minor units.
func (f *Form) Prices(path string, list []Price) schema.Prices {
	stored := make(schema.Prices, len(list))
	for i, p := range list {
		at := path + "." + strconv.Itoa(i)
		if _, twice := stored[p.Currency]; twice {
			f.Refuse(at+".currency", "%s is there twice; give each currency once.", p.Currency)
			continue
		}
		f.price(at, p)
		stored[p.Currency] = p.Amount
	}
	return stored
}

// price checks the price in one currency.
func (f *Form) price(path string, p Price) {
	currency, traded := f.Currencies.Priced(p.Currency)
	switch {
	case !traded:
		f.Refuse(path+".currency", "This shop does not trade in %s.", Clip(string(p.Currency)))
	case p.Amount < 0 || p.Amount > MaxPrice:
		f.Refuse(path+".amount", "A price is from 0 to %s, not %s.", MaxPrice, p.Amount)
	case !currency.IsWhole(p.Amount):
		f.Refuse(path+".amount", "%s is not a whole number of the minor units of %s, which are %s.",
			p.Amount, p.Currency, currency.Step())
	}
}

// Window checks that the end of a window [from, until), if it has both, is after its beginning. The path is that of the
// end. Give instants in the precision in which they are stored (Instant).
func (f *Form) Window(untilPath string, from, until *time.Time) {
	if from != nil && until != nil && !until.After(*from) {
		f.Refuse(untilPath, "The end must be after the beginning, %s.", from.Format(time.RFC3339Nano))
	}
}

// Slug checks a name in addresses.
func (f *Form) Slug(path, slug string) string {
	if !IsSlug(slug) {
		f.Refuse(path, "A slug has lower-case letters a to z, digits and single hyphens between them, at most %d characters.", maxSlug)
	}
	return slug
}

// Address checks a link that browsers of shoppers will follow: an absolute https address. What has a user in it, or
// characters that belong escaped, is a mistake or a disguise.
func (f *Form) Address(path, text string) {
	u, err := parseLink(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		f.Refuse(path, "%s is not an absolute https address.", Clip(text))
	}
	f.shortLink(path, text)
}

// AddressOrPath checks a link that is an absolute https address, or a path on this server, which begins with one slash:
// two would be followed to another server.
func (f *Form) AddressOrPath(path, text string) {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		f.Address(path, text)
		return
	}
	if _, err := parseLink(text); err != nil {
		f.Refuse(path, "%s is not a path of an address.", Clip(text))
	}
	f.shortLink(path, text)
}

func (f *Form) shortLink(path, text string) {
	if n := utf8.RuneCountInString(text); n > maxURL {
		f.Refuse(path, "Give at most %d characters, not %d.", maxURL, n)
	}
}

func parseLink(text string) (*url.URL, error) {
	strange := func(r rune) bool { return r <= ' ' || breaksLine(r) || strings.ContainsRune("\"<>\\^`{|}", r) }
	if strings.ContainsFunc(text, strange) || !utf8.ValidString(text) {
		return nil, errors.New("there are characters in it that belong escaped")
	}
	return url.Parse(text)
}

// Between checks that a number is from least to most.
func (f *Form) Between(path string, n, least, most int64) {
	if n < least || n > most {
		f.Refuse(path, "Give %d to %d, not %d.", least, most, n)
	}
}

// Instant is an instant in UTC and in whole microseconds, the precision that both stores keep; nil for nil.
func Instant(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}

func breaksLine(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }

// Clip shows what somebody sent in a message: quoted, and cut to a length that no message is flooded by.
func Clip(text string) string {
	const most = 60
	for i, n := 0, 0; i < len(text); n++ {
		if n == most {
			return strconv.Quote(text[:i]) + "…"
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return strconv.Quote(text)
}
