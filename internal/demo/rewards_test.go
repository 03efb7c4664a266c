package demo

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
)

func TestRules(t *testing.T) {
	t.Parallel()
	all, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	seen, kinds, measures, secret := map[string]bool{}, map[earning.Kind]int{}, map[earning.Measure]bool{}, 0
	for _, p := range all {
		if seen[p.Code] {
			t.Errorf("%s is there twice", p.Code)
		}
		seen[p.Code] = true
		kind, _ := p.terms()
		kinds[kind]++
		var languages []string
		for _, text := range p.Texts {
			languages = append(languages, text.Language)
			if text.Name == "" || text.Description == "" {
				t.Errorf("%s: name or description is missing in %q", p.Code, text.Language)
			}
		}
		if diff := cmp.Diff([]string{"en", "de", "es", "ko"}, languages); diff != "" {
			t.Errorf("%s: languages (-want +got):\n%s", p.Code, diff)
		}
		if kind != earning.Badge {
			continue
		}
		if p.Picture != "/pictures/badges/"+p.Code+".svg" {
			t.Errorf("%s has the picture %q", p.Code, p.Picture)
		}
		for _, goal := range p.Badge.Goals {
			measures[goal.Measure] = true
		}
		if p.Badge.Secret {
			secret++
		}
	}
	want := map[earning.Kind]int{
		earning.Points: 5, earning.Badge: 12, earning.Quest: 3, earning.Level: 4, earning.Streak: 2, earning.Leaderboard: 2,
		earning.Perk: 2, earning.Discount: 1,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("rules by kind (-want +got):\n%s", diff)
	}
	if secret != 2 || len(measures) < 10 {
		t.Errorf("%d badges are secret, and all of them count %d measures; want 2, and at least 10", secret, len(measures))
	}
}

// TestPictures looks for whatever an SVG could do besides being a picture.
func TestPictures(t *testing.T) {
	t.Parallel()
	elements := []string{"svg", "title", "desc", "g", "path", "rect", "circle"}
	attributes := []string{
		"xmlns", "viewBox", "role", "d", "x", "y", "width", "height", "rx", "cx", "cy", "r",
		"fill", "fill-opacity", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin",
	}
	found := 0
	err := fs.WalkDir(Pictures(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		file, err := Pictures().Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		texts := map[string]string{}
		var within string
		for decoder := xml.NewDecoder(file); ; {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s is not well-formed: %v", name, err)
				break
			}
			switch token := token.(type) {
			case xml.StartElement:
				within = token.Name.Local
				if !slices.Contains(elements, within) {
					t.Errorf("%s has an element %s", name, within)
				}
				for _, a := range token.Attr {
					if !slices.Contains(attributes, a.Name.Local) || a.Name.Local != "xmlns" && strings.Contains(a.Value, ":") {
						t.Errorf("%s has %s=%q", name, a.Name.Local, a.Value)
					}
				}
				if within == "svg" && !slices.ContainsFunc(token.Attr, func(a xml.Attr) bool { return a.Name.Local == "viewBox" }) {
					t.Errorf("%s has no viewBox", name)
				}
			case xml.EndElement:
				within = ""
			case xml.CharData:
				texts[within] += string(token)
			case xml.Directive, xml.ProcInst:
				t.Errorf("%s has %v", name, token)
			}
		}
		if texts["title"] == "" || texts["desc"] == "" {
			t.Errorf("%s has no title or no description", name)
		}
		return nil
	})
	if err != nil || found != 12 {
		t.Errorf("there are %d pictures (%v), want 12", found, err)
	}
}

func TestPictureHandler(t *testing.T) {
	t.Parallel()
	ask := func(method, path string, header http.Header) *http.Response {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		request.Header = header
		PictureHandler().ServeHTTP(recorder, request)
		return recorder.Result()
	}
	all, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	etag := ""
	for _, p := range all {
		if p.Picture == "" {
			continue
		}
		answer := ask(http.MethodGet, p.Picture, nil)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", p.Picture, answer.Status)
			continue
		}
		got := map[string]string{}
		for _, name := range []string{"Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"} {
			got[name] = answer.Header.Get(name)
		}
		want := map[string]string{
			"Content-Type": "image/svg+xml", "Content-Security-Policy": "default-src 'none'; sandbox",
			"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=86400",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", p.Picture, diff)
		}
		etag = answer.Header.Get("ETag")
		if again := ask(http.MethodGet, p.Picture, http.Header{"If-None-Match": {etag}}); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s, when it is known: %s", p.Picture, again.Status)
		}
	}
	if etag == "" {
		t.Error("no picture was served")
	}
	for _, path := range []string{"/pictures/", "/pictures/badges", "/pictures/badges/", "/pictures/badges/none.svg", "/rewards.json", "/pictures/../rewards.json"} {
		if answer := ask(http.MethodGet, path, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, answer.Status)
		}
	}
}

// TestSeedOnAnyDay sets the demonstration up on days on which calendars do something, and at both ends of a day: what
// shoppers have is the same, but for streaks of those who do not come as regularly as one of them.
func TestSeedOnAnyDay(t *testing.T) {
	t.Parallel()
	have := func(t *testing.T, now time.Time) map[string][]string {
		t.Helper()
		shop := open(t, dbtest.SQLite(t), at(now), allCurrencies)
		seed(t, shop)
		all := map[string][]string{}
		for _, who := range shoppers() {
			lines := standing(t, shop, who.subject)
			all[who.subject] = append(lines[:1], slices.DeleteFunc(lines[2:], func(line string) bool {
				return who.subject != "shopper-2" && (strings.HasPrefix(line, "four-weeks") || strings.HasPrefix(line, "seven-days:"))
			})...)
		}
		return all
	}
	want := have(t, noon)
	for name, now := range map[string]time.Time{
		"leap_day":             time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC),
		"new_year":             time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		"after_clocks_went_on": time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC),
		"after_they_went_back": time.Date(2027, 11, 1, 0, 30, 0, 0, time.UTC),
		"friday_in_seoul":      time.Date(2027, 6, 18, 9, 20, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, have(t, now)); diff != "" {
				t.Errorf("rewards (-on Christmas Eve +then):\n%s", diff)
			}
		})
	}
}
