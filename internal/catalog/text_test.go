package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/catalog"
)

func TestTextIn(t *testing.T) {
	t.Parallel()
	p := &ent.Product{Language: "en", Texts: map[string]schema.Text{
		"en": {Name: "Raven"}, "de": {Name: "Rabe"}, "pt-BR": {Name: "Corvo"}, "ko": {Name: "까마귀"}, "zh-Hant": {Name: "烏鴉"},
	}}
	for _, test := range []struct {
		name   string
		wanted []string
		want   string
	}{
		{"the_wanted_language", []string{"ko"}, "까마귀"},
		{"the_first_that_is_there", []string{"fi", "de", "ko"}, "Rabe"},
		{"a_region_of_the_language", []string{"de-AT"}, "Rabe"},
		{"the_language_of_another_region", []string{"pt-PT"}, "Corvo"},
		{"the_language_in_a_known_script", []string{"zh-TW"}, "烏鴉"},
		{"in_any_way_of_writing_the_tag", []string{"PT_br"}, "Corvo"},
		{"its_own_when_none_is_there", []string{"fi", "ja"}, "Raven"},
		{"its_own_when_none_is_wanted", nil, "Raven"},
		{"its_own_when_the_tags_are_none", []string{"", "no such language", "\xff"}, "Raven"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := catalog.TextIn(p, test.wanted).Name; got != test.want {
				t.Errorf("for %q it is called %q, want %q", test.wanted, got, test.want)
			}
			if got := catalog.Best(p.Language, p.Texts, test.wanted).Name; got != test.want {
				t.Errorf("for %q the best is %q, want %q", test.wanted, got, test.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"en", "de", "ko", "pt-BR", "zh-Hant"}, catalog.Languages(p)); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
}
