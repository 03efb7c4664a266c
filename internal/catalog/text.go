package catalog

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"farthing/ent"
	"farthing/ent/schema"
)

// Limits of texts, in characters.
const (
	maxTexts       = 20
	maxName        = 500
	maxDescription = 20_000
	maxLanguage    = 35
)

// Text is what a product is called and how it is described in one language.
type Text struct {
	// Language is a BCP 47 tag, such as "en" or "pt-BR".
	Language string
	// Name is one line, 1 to 500 characters.
	Name string
	// Description is plain text of any number of lines, up to 20,000 characters; may be empty.
	Description string
}

// TextIn is the product's text in the best of the wanted languages, which are BCP 47 tags with the best first: the one
// that a reader of theirs understands best (pt-BR for pt, en-GB for en-US), and the product's own language when there is
// none. Tags that are no tags are passed over.
func TextIn(p *ent.Product, languages []string) schema.Text {
	own := p.Texts[p.Language]
	if len(languages) == 0 || len(p.Texts) == 1 {
		return own
	}
	if text, exact := p.Texts[languages[0]]; exact {
		return text
	}
	there := Languages(p)
	supported := make([]language.Tag, len(there))
	for i, tag := range there {
		supported[i] = language.Make(tag)
	}
	var wanted []language.Tag
	for _, text := range languages {
		if tag, err := parseLanguage(text); err == nil {
			wanted = append(wanted, tag)
		}
	}
	_, index, confidence := language.NewMatcher(supported).Match(wanted...)
	if confidence == language.No {
		return own
	}
	return p.Texts[there[index]]
}

// Languages are the BCP 47 tags of the languages that the product has texts in: its own first, the others sorted.
func Languages(p *ent.Product) []string {
	tags := make([]string, 0, len(p.Texts))
	for tag := range p.Texts {
		if tag != p.Language {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return append([]string{p.Language}, tags...)
}

// parseLanguage reads a BCP 47 tag. A tag that is well-formed but names no language is an error, too.
func parseLanguage(text string) (language.Tag, error) {
	if len(text) > maxLanguage {
		return language.Und, errors.New("the tag is too long")
	}
	return language.Parse(text)
}

// setTexts replaces all texts. The first is that of the product's own language.
func (d *draft) setTexts(path string, texts []Text) {
	d.content.Language, d.content.Texts = "", make(map[string]schema.Text, len(texts))
	if len(texts) < 1 || len(texts) > maxTexts {
		d.refuse(path, "A product has texts in 1 to %d languages, not %d.", maxTexts, len(texts))
		return
	}
	for i, text := range texts {
		at := path + "." + strconv.Itoa(i)
		stored := schema.Text{
			Name:        d.line(at+".name", text.Name, 1, maxName),
			Description: d.lines(at+".description", text.Description, maxDescription),
		}
		tag, ok := d.language(at+".language", text.Language)
		if !ok {
			continue
		}
		if _, twice := d.content.Texts[tag]; twice {
			d.refuse(at+".language", "%s is there twice; give each language once.", tag)
			continue
		}
		if i == 0 {
			d.content.Language = tag
		}
		d.content.Texts[tag] = stored
	}
}

// language checks a language tag and gives it in its canonical form: "pt-BR" for "PT_br".
func (d *draft) language(path, text string) (string, bool) {
	tag, err := parseLanguage(text)
	canonical := tag.String()
	if err != nil || tag.IsRoot() || len(canonical) > maxLanguage {
		d.refuse(path, "%s is not a BCP 47 language tag, such as en or pt-BR.", clip(text))
		return "", false
	}
	return canonical, true
}

// line checks a text of one line and gives it as it is stored: NFC, without space around it.
func (d *draft) line(path, text string, least, most int) string {
	text = strings.TrimSpace(norm.NFC.String(text))
	if strings.ContainsFunc(text, breaksLine) || !utf8.ValidString(text) {
		d.refuse(path, "Line breaks, tabs and other control characters cannot be part of this text.")
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		d.refuse(path, "Give %d to %d characters, not %d.", least, most, n)
	}
	return text
}

// lines checks a text of any number of lines and gives it as it is stored: NFC, with LF at the ends of lines and
// without space around it.
func (d *draft) lines(path, text string, most int) string {
	text = strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n")))
	forbidden := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if strings.ContainsFunc(text, forbidden) || !utf8.ValidString(text) {
		d.refuse(path, "Control characters other than line breaks and tabs cannot be part of this text.")
	}
	if n := utf8.RuneCountInString(text); n > most {
		d.refuse(path, "Give at most %d characters, not %d.", most, n)
	}
	return text
}

func breaksLine(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }

// clip shows what somebody sent in a message, cut to a length that no message is flooded by.
func clip(text string) string {
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
