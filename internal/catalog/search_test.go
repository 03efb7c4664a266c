package catalog_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/internal/catalog"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"Hamlet", "hamlet"},
		{"Élan vital", "elan vital"},
		{"E\u0301lan", "elan"},
		{"STRASSE Straße", "strasse strasse"},
		{"Ærø Łódź İstanbul", "aero lodz istanbul"},
		{"Ὀδύσσεια ΟΔΥΣΣΕΙΑ", "οδυσσεια οδυσσεια"},
		{"Ёжик", "ежик"},
		{"ﬁn Ｆｕｌｌ ①", "fin full 1"},
		{"한국어", "한국어"},
		{"\u1112\u1161\u11ab", "한"},
		{"ガラス", "ガラス"},
		{"ｶﾞﾗｽ", "ガラス"},
		{"כְּתָב", "כתב"},
	} {
		if got := catalog.FoldText(test.text); got != test.want {
			t.Errorf("Fold(%q) = %q, want %q", test.text, got, test.want)
		}
	}

	t.Run("twice_is_once", rapid.MakeCheck(func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		once := catalog.FoldText(text)
		if twice := catalog.FoldText(once); twice != once {
			t.Fatalf("%q folds to %q and that to %q", text, once, twice)
		}
	}))
	t.Run("does_not_see_case", rapid.MakeCheck(func(t *rapid.T) {
		text := rapid.StringMatching(`[\p{Latin}\p{Greek}\p{Cyrillic}]{0,20}`).Draw(t, "text")
		// In letters such as İ and ŉ case is more than case.
		if upper := strings.ToUpper(text); strings.EqualFold(upper, text) && catalog.FoldText(upper) != catalog.FoldText(text) {
			t.Fatalf("%q and %q fold to %q and %q", text, upper, catalog.FoldText(text), catalog.FoldText(upper))
		}
	}))
}

func TestTerms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name               string
		title, description string
		tags               []string
		want               []string
	}{
		{"words_and_tags", "The Raven", "Once, upon", []string{"Gothic Poems"}, []string{"t:gothic poems", "w:gothic", "w:once", "w:poems", "w:raven", "w:the", "w:upon"}},
		{"words_once", "Day by day", "", nil, []string{"w:by", "w:day"}},
		{"korean_words", "운수 좋은 날", "", nil, []string{"w:날", "w:운수", "w:좋은"}},
		{"every_beginning_in_a_script_without_spaces", "羅生門1", "", nil, []string{"w:1", "w:生門1", "w:羅生門1", "w:門1"}},
		{"nothing_of_punctuation", "?!", "—", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, catalog.TermsOf(test.title, test.description, test.tags...)); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("are_bounded_text_in_order", rapid.MakeCheck(func(t *rapid.T) {
		title := rapid.String().Draw(t, "title")
		description := strings.Repeat(rapid.String().Draw(t, "description")+" ", rapid.IntRange(0, 300).Draw(t, "times"))
		tag := rapid.StringN(0, 100, -1).Draw(t, "tag")
		terms := catalog.TermsOf(title, description, tag)
		if !slices.IsSorted(terms) || len(slices.Compact(slices.Clone(terms))) != len(terms) {
			t.Fatalf("not in order or twice: %q", terms)
		}
		for _, term := range terms {
			if len(term) > 200 || len(term) < 2 || !utf8.ValidString(term) {
				t.Fatalf("not a term: %q", term)
			}
		}
	}))
	t.Run("lead_to_every_word_and_its_beginnings", rapid.MakeCheck(func(t *rapid.T) {
		title := rapid.String().Draw(t, "title")
		terms := catalog.TermsOf(title, "")
		for _, word := range catalog.Words(catalog.FoldText(title)) {
			runes := []rune(word)
			beginning := string(runes[:rapid.IntRange(1, len(runes)).Draw(t, "length")])
			prefixes, ok := catalog.SearchPrefixes(beginning)
			if !ok {
				continue
			}
			for _, prefix := range prefixes {
				if !slices.ContainsFunc(terms, func(term string) bool { return strings.HasPrefix(term, prefix) }) {
					t.Fatalf("%q of %q asks for %q, which is not in %q", beginning, title, prefix, terms)
				}
			}
		}
	}))
	t.Run("of_a_long_text_stay_few", func(t *testing.T) {
		t.Parallel()
		var text strings.Builder
		for i := range 20_000 {
			text.WriteRune(rune('一' + i))
			if i%7 == 0 {
				text.WriteByte(' ')
			}
		}
		if n := len(catalog.TermsOf("title", text.String())); n != 2_000 {
			t.Errorf("%d terms, want 2000", n)
		}
	})
}

func FuzzSearchWords(f *testing.F) {
	for _, seed := range []string{"", "Élan vital", "羅生門", "a\x00b", "\xff\xfe", "' OR 1=1 --", strings.Repeat("x ", 12), "\u0345\u0300", "ก็"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, search string) {
		prefixes, ok := catalog.SearchPrefixes(search)
		if ok && utf8.RuneCountInString(search) > 200 {
			t.Fatalf("a search of %d characters was taken", utf8.RuneCountInString(search))
		}
		if len(prefixes) > 10 {
			t.Fatalf("%d words", len(prefixes))
		}
		for _, prefix := range prefixes {
			if len(prefix) <= len("w:") || len(prefix) > len("w:")+100 || !utf8.ValidString(prefix) {
				t.Fatalf("%q asks for %q", search, prefix)
			}
		}
	})
}

func TestSlugOfAName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, want string }{
		{"The Raven", "the-raven"},
		{"  Lincoln's Gettysburg Address — 1863!", "lincolns-gettysburg-address-1863"},
		{"Ærø & Łódź", "aero-lodz"},
		{"Les Misérables", "les-miserables"},
		{"1492", "1492"},
		{"운수 좋은 날", "product-ffffffff"},
		{"羅生門", "product-ffffffff"},
		{"?", "product-ffffffff"},
		{strings.Repeat("abcd ", 30), strings.Repeat("abcd-", 15) + "abcd"},
		{strings.Repeat("x", 200), strings.Repeat("x", 80)},
	} {
		if got := catalog.Stem(test.name, "product", uuid.Max); got != test.want {
			t.Errorf("the slug of %q is %q, want %q", test.name, got, test.want)
		}
	}
	t.Run("is_a_slug", rapid.MakeCheck(func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-zÀ-ž0-9 '.-]{0,200}`)).Draw(t, "name")
		if slug := catalog.Stem(name, "product", uuid.Max); !catalog.IsSlug(slug) || len(slug) > 80 {
			t.Fatalf("%q becomes %q", name, slug)
		}
	}))
}
