package catalog

import (
	"farthing/ent/schema"
	"farthing/internal/money"
)

// What tests of this package see of its inside.
var (
	FoldText = fold
	Words    = words
)

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
