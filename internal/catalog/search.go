package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Kinds of terms in the search index. A word is found by its beginning, the others by all of their text.
const (
	wordTerm     = "w:"
	tagTerm      = "t:"
	categoryTerm = "c:"
	creatorTerm  = "a:"
)

const (
	// maxTermBytes is how much of a word is indexed, and how much of a searched word is compared.
	maxTermBytes = 100
	// maxExactBytes is the longest text that is indexed as it is; of a longer one its hash tells the rest.
	maxExactBytes = 150
	// maxWords is how many different words of a product are indexed. Names, creator and labels come first; a very long
	// description is found by its beginning.
	maxWords = 2_000
	// maxStarts is how many places inside one run of unspaced script a search can begin at.
	maxStarts = 50
	// maxSortBytes is how much of a name lists are sorted by. PostgreSQL does not index values of any length.
	maxSortBytes = 200
)

// unaccented are letters that no Unicode decomposition takes apart and that readers all the same write without their
// stroke, tail or ligature.
var unaccented = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ħ", "h", "ı", "i", "ł", "l", "ŧ", "t", "þ", "th")

// fold brings text to the form in which it is searched and sorted: without case, accents and differences of mere
// shape (full width, ligatures), so that "Ærø", "ÆRO" and "aero" are the same. Folding twice is folding once.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	// The voice marks of Japanese are no accents: without them glass (ガラス) is a crow (カラス). Composed again at the end.
	isAccent := func(r rune) bool { return unicode.Is(unicode.Mn, r) && r != '\u3099' && r != '\u309a' }
	text = strings.Map(func(r rune) rune {
		if isAccent(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	// Upper case first: ς and σ are both Σ. The case folding of golang.org/x/text is not stable for Cherokee.
	return norm.NFKC.String(unaccented.Replace(strings.ToLower(strings.ToUpper(text))))
}

// Fold brings a label to the form in which labels are compared: two that are the same folded are the same label. What
// differs in case, accents, shape of letters or the spaces between words alone is the same.
func Fold(text string) string { return strings.Join(strings.Fields(fold(text)), " ") }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// words are the words of folded text: its runs of letters, digits and the marks that letters carry.
func words(folded string) []string {
	return strings.FieldsFunc(folded, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
}

// unspaced says whether the letter belongs to a script that is written without spaces between words.
func unspaced(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// starts are the texts under which a word is found: itself and, since nobody can tell where a word begins in a script
// without spaces, what follows from each letter of such a script on. So a search for any part of such a run finds it.
func starts(word string) []string {
	found := []string{cut(word, maxTermBytes)}
	last := false
	for i, r := range word {
		this := unspaced(r)
		if i > 0 && (this || last) && len(found) < maxStarts {
			found = append(found, cut(word[i:], maxTermBytes))
		}
		last = this
	}
	return found
}

// cut is as much of the text's beginning as fits, in whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// exact is the term by which a whole tag, category or creator is found.
func exact(kind, text string) []byte {
	folded := Fold(text)
	if len(folded) > maxExactBytes {
		sum := sha256.Sum256([]byte(folded))
		folded = "#" + hex.EncodeToString(sum[:])
	}
	return []byte(kind + folded)
}

// terms is the product's part of the search index: sorted, without repeats.
func terms(c content) [][]byte {
	found := make(map[string]bool)
	indexed := 0
	index := func(text string) {
		for _, word := range words(fold(text)) {
			for _, start := range starts(word) {
				if term := wordTerm + start; indexed < maxWords && !found[term] {
					found[term] = true
					indexed++
				}
			}
		}
	}
	languages := slices.Sorted(maps.Keys(c.Texts))
	for _, language := range languages {
		index(c.Texts[language].Name)
	}
	if c.Creator != "" {
		index(c.Creator)
		found[string(exact(creatorTerm, c.Creator))] = true
	}
	for _, tag := range c.Tags {
		index(tag)
		found[string(exact(tagTerm, tag))] = true
	}
	for _, category := range c.Categories {
		index(category)
		found[string(exact(categoryTerm, category))] = true
	}
	for _, language := range languages {
		index(c.Texts[language].Description)
	}

	list := make([][]byte, 0, len(found))
	for term := range found {
		list = append(list, []byte(term))
	}
	slices.SortFunc(list, bytes.Compare)
	return list
}

// prefixRange is the range [from, until) of the terms that begin with a word.
func prefixRange(word string) (from, until []byte) {
	from = []byte(wordTerm + cut(word, maxTermBytes))
	until = bytes.Clone(from)
	until[len(until)-1]++ // no byte of UTF-8 is 0xFF
	return from, until
}

// sortName is what a product is sorted by: the words of its name in its own language. The name itself when it has none.
func sortName(c content) []byte {
	name := fold(c.Texts[c.Language].Name)
	if w := words(name); len(w) > 0 {
		name = strings.Join(w, " ")
	}
	return []byte(cut(name, maxSortBytes))
}
