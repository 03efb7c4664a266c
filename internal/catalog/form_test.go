package catalog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/ent/schema"
	"farthing/internal/catalog"
)

// saying are the faults of a form as people read them: "path: message".
func saying(f catalog.Form) []string {
	var list []string
	for _, one := range f.Faults {
		list = append(list, strings.Join(one.Path, ".")+": "+one.Message)
	}
	return list
}

func TestFormGivesWhatIsStored(t *testing.T) {
	t.Parallel()
	f := catalog.Form{Currencies: currencies(t)}
	language, texts := f.Texts("texts", []catalog.Text{{Language: "PT_br", Name: " Poesia "}, {Language: "en", Name: "Poetry", Description: "a\r\nb"}})
	type stored struct {
		Language string
		Texts    map[string]schema.Text
		Labels   []string
		Prices   schema.Prices
		Slug     string
		Line     string
		Lines    string
	}
	got := stored{
		Language: language, Texts: texts,
		Labels: f.Labels("tags", []string{"Two words", "TWO  wórds", "Other"}),
		Prices: f.Prices("prices", []catalog.Price{{Currency: "USD", Amount: amount("0.99")}, {Currency: "KRW", Amount: catalog.MaxPrice}}),
		Slug:   f.Slug("slug", "a-1"), Line: f.Line("line", " E\u0301lan ", 1, 4), Lines: f.Lines("lines", "", 0),
	}
	f.Between("choose", 1, 1, 10)
	f.Between("choose", 10, 1, 10)
	f.Window("endsAt", nil, &noon)
	f.Window("endsAt", &noon, nil)
	f.Window("endsAt", &noon, new(noon.Add(time.Microsecond)))
	want := stored{
		Language: "pt-BR", Texts: map[string]schema.Text{"pt-BR": {Name: "Poesia"}, "en": {Name: "Poetry", Description: "a\nb"}},
		Labels: []string{"Two words", "Other"}, Prices: schema.Prices{"USD": amount("0.99"), "KRW": catalog.MaxPrice},
		Slug: "a-1", Line: "Élan",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(f.Faults) > 0 {
		t.Errorf("stored (-want +got):\n%s\nrefused: %v", diff, f.Faults)
	}
}

func TestFormFindsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	f := catalog.Form{Currencies: currencies(t)}
	if language, texts := f.Texts("none", nil); language != "" || texts == nil || len(texts) != 0 {
		t.Errorf("no texts are %q, %v", language, texts)
	}
	f.Texts("texts", []catalog.Text{{Language: "?", Name: "a\nb"}, {Language: "en", Name: "One"}, {Language: "EN", Name: "Two"}})
	f.Labels("tags", make([]string, 51))
	f.Labels("labels", []string{"fine", " "})
	f.Prices("prices", []catalog.Price{
		{Currency: "XYZ"},
		{Currency: "USD", Amount: amount("0.001")},
		{Currency: "USD"},
		{Currency: "EUR", Amount: -1},
	})
	f.Slug("slug", "No")
	f.Line("line", "abc", 1, 2)
	f.Lines("lines", "a\x00b", 1)
	f.Between("choose", 0, 1, 10)
	f.Between("choose", 11, 1, 10)
	f.Window("endsAt", &noon, &noon)
	f.Refuse("last", "Not %s.", "this")
	want := []string{
		"none: Give texts in 1 to 20 languages, not 0.",
		"texts.0.name: Line breaks, tabs and other control characters cannot be part of this text.",
		`texts.0.language: "?" is not a BCP 47 language tag, such as en or pt-BR.`,
		"texts.2.language: en is there twice; give each language once.",
		"tags: Give at most 50, not 51.",
		"labels.1: Give 1 to 100 characters, not 0.",
		`prices.0.currency: This shop does not trade in "XYZ".`,
		"prices.1.amount: 0.001 is not a whole number of the minor units of USD, which are 0.01.",
		"prices.2.currency: USD is there twice; give each currency once.",
		"prices.3.amount: A price is from 0 to 1000000, not -0.000001.",
		"slug: A slug has lower-case letters a to z, digits and single hyphens between them, at most 100 characters.",
		"line: Give 1 to 2 characters, not 3.",
		"lines: Control characters other than line breaks and tabs cannot be part of this text.",
		"lines: Give at most 1 characters, not 3.",
		"choose: Give 1 to 10, not 0.",
		"choose: Give 1 to 10, not 11.",
		"endsAt: The end must be after the beginning, 2026-12-24T12:00:00Z.",
		"last: Not this.",
	}
	if diff := cmp.Diff(want, saying(f)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestFoldMakesLabelsComparable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Ærø island", "ÆRØ  ISLAND", " aero\u00a0Ｉsland ", "aero island"} {
		if got := catalog.Fold(text); got != "aero island" {
			t.Errorf("Fold(%q) = %q", text, got)
		}
	}
}

func TestInstantIsWhatTheStoresKeep(t *testing.T) {
	t.Parallel()
	given := noon.Add(1999 * time.Nanosecond).In(time.FixedZone("", 9*3600))
	if got := catalog.Instant(&given); !got.Equal(noon.Add(time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("got %v", got)
	}
	if catalog.Instant(nil) != nil {
		t.Error("nothing became an instant")
	}
}

func TestClipFloodsNoMessage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        `""`,
		"a\x00\xff":               `"a\x00\xff"`,
		strings.Repeat("é", 60):   `"` + strings.Repeat("é", 60) + `"`,
		strings.Repeat("é", 61):   `"` + strings.Repeat("é", 60) + `"…`,
		strings.Repeat("\xff", 9): `"` + strings.Repeat(`\xff`, 9) + `"`,
	} {
		if got := catalog.Clip(text); got != want {
			t.Errorf("Clip(%s) = %s, want %s", fmt.Sprintf("%q", text), got, want)
		}
	}
}
