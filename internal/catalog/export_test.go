package catalog

import (
	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/money"
)

// What tests of this package see of its inside.
var (
	Fold   = fold
	Words  = words
	IsSlug = isSlug
)

// Stem is the slug that is made from a name.
func Stem(name string) string { return stem(name, uuid.Max) }

// TermsOf are the search terms of a product with a name, a description and tags.
func TermsOf(name, description string, tags ...string) []string {
	c := blank()
	c.Language, c.Tags = "en", tags
	c.Texts = map[string]schema.Text{"en": {Name: name, Description: description}}
	var list []string
	for _, term := range terms(c) {
		list = append(list, string(term))
	}
	return list
}

// SearchPrefixes are the beginnings of terms that a search asks for, and false when it is refused.
func SearchPrefixes(search string) ([]string, bool) {
	s := Service{currencies: &money.Currencies{}}
	q, err := s.query(ListInput{Filter: Filter{Search: search}})
	var list []string
	for _, word := range q.Words {
		from, _ := prefixRange(word)
		list = append(list, string(from))
	}
	return list, err == nil
}
