package catalog

import (
	"errors"
	"slices"

	"golang.org/x/text/language"

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

// Text is what something is called and how it is described in one language.
type Text struct {
	// Language is a BCP 47 tag, such as "en" or "pt-BR".
	Language string
	// Name is one line, 1 to 500 characters.
	Name string
	// Description is plain text of any number of lines, up to 20,000 characters; may be empty.
	Description string
}

// TextIn is the product's text in the best of the wanted languages; see Best.
func TextIn(p *ent.Product, languages []string) schema.Text {
	return Best(p.Language, p.Texts, languages)
}

// Best is the text in the best of the wanted languages, which are BCP 47 tags with the best first: the one that a reader of
// theirs understands best (pt-BR for pt, en-GB for en-US), and the one in the thing's own language when there is none.
// Tags that are no tags are passed over.
func Best(own string, texts map[string]schema.Text, languages []string) schema.Text {
	if len(languages) == 0 || len(texts) == 1 {
		return texts[own]
	}
	if text, exact := texts[languages[0]]; exact {
		return text
	}
	there := languagesOf(own, texts)
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
		return texts[own]
	}
	return texts[there[index]]
}

// Languages are the BCP 47 tags of the languages that the product has texts in: its own first, the others sorted.
func Languages(p *ent.Product) []string { return languagesOf(p.Language, p.Texts) }

func languagesOf(own string, texts map[string]schema.Text) []string {
	tags := make([]string, 0, len(texts))
	for tag := range texts {
		if tag != own {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return append([]string{own}, tags...)
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
	d.content.Language, d.content.Texts = d.Texts(path, texts)
}
