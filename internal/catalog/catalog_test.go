package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/pricechange"
	"farthing/ent/product"
	"farthing/ent/productterm"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
)

// full is an input with every field.
func full() catalog.CreateInput {
	return catalog.CreateInput{
		Kind: product.KindCONSUMABLE, Status: product.StatusACTIVE, Units: 10,
		Texts: []catalog.Text{
			{Language: "KO_kr", Name: " 힌트 열 개 ", Description: "첫 줄\r\n둘째 줄 "},
			{Language: "en", Name: "Ten hints"},
		},
		Slug: new("ten-hints"), Creator: "Studio E\u0301lan",
		Tags:       []string{"Hints", "HINTS", "Puzzle"},
		Categories: []string{"Games"},
		Media:      []schema.Media{{Kind: "IMAGE", URL: "https://example.com/hints.png", Alt: "Ten lamps"}},
		Prices:     []catalog.Price{{Currency: "USD", Amount: amount("0.50")}, {Currency: "GEM", Amount: amount("25")}},
		// Finer than what the stores keep, and not in UTC.
		PublishFrom:  new(noon.Add(time.Nanosecond).In(time.FixedZone("", 9*3600))),
		PublishUntil: new(noon.Add(time.Hour)),
		Reference:    new("hints-10"),
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()

	t.Run("stores_what_was_given_in_one_form", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			made := s.create(t, full())
			want := &ent.Product{
				ID: made.ID, Reference: new("hints-10"), Slug: "ten-hints", Kind: product.KindCONSUMABLE, Status: product.StatusACTIVE,
				Units: 10, Creator: "Studio Élan", Language: "ko-KR",
				Texts: map[string]schema.Text{"ko-KR": {Name: "힌트 열 개", Description: "첫 줄\n둘째 줄"}, "en": {Name: "Ten hints"}},
				Tags:  []string{"Hints", "Puzzle"}, Categories: []string{"Games"},
				Media:    []schema.Media{{Kind: "IMAGE", URL: "https://example.com/hints.png", Alt: "Ten lamps"}},
				SortName: []byte("힌트 열 개"), PublishFrom: &noon, PublishUntil: new(noon.Add(time.Hour)),
				Version: 1, CreatedAt: noon, UpdatedAt: noon,
			}
			read := s.byID(t, made.ID)
			for _, got := range []*ent.Product{made, read} {
				if diff := cmp.Diff(facts(want), facts(got)); diff != "" {
					t.Errorf("product (-want +got):\n%s", diff)
				}
				if usd, ok := catalog.PriceIn(got, "USD"); !ok || usd != amount("0.5") {
					t.Errorf("it costs %s USD, %v", usd, ok)
				}
				if _, ok := catalog.PriceIn(got, "EUR"); ok || len(got.Edges.Prices) != 2 {
					t.Errorf("its prices are %v", got.Edges.Prices)
				}
			}
		})
	})

	t.Run("makes_slugs_of_names_and_numbers_them", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			var got []string
			for range 12 {
				got = append(got, s.create(t, book("Poèmes!")).Slug)
			}
			want := strings.Fields("poemes poemes-2 poemes-3 poemes-4 poemes-5 poemes-6 poemes-7 poemes-8 poemes-9 poemes-10 poemes-11 poemes-12")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("slugs (-want +got):\n%s", diff)
			}
			if slug := s.create(t, book("운수 좋은 날")).Slug; !strings.HasPrefix(slug, "product-") || len(slug) != len("product-01234567") {
				t.Errorf("the slug of a name in Korean is %q", slug)
			}
		})
	})

	t.Run("takes_texts_of_full_length_in_any_script", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			in := book(strings.Repeat("ﷺ", 500)) // folds to 18 letters each
			in.Texts[0].Description = strings.Repeat("가", 20_000)
			in.Creator = strings.Repeat("각", 500)
			in.Reference = new(strings.Repeat("닭", 255))
			in.Tags = []string{strings.Repeat("책", 100), strings.Repeat("책", 99)}
			p := s.create(t, in)
			found, err := s.List(t.Context(), catalog.ListInput{Filter: catalog.Filter{Tags: in.Tags[:1], Creator: in.Creator, Search: "가가"}})
			if err != nil || len(found.Edges) != 1 || found.Edges[0].Node.ID != p.ID {
				t.Errorf("found %v, %v", found, err)
			}
		})
	})

	t.Run("gives_everybody_who_races_a_slug_of_their_own", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			const racers = 6
			errs := race(racers, func(int) error {
				_, err := s.Create(merchandiser(t), book("Poems"))
				return err
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			slugs := d.Client().Product.Query().Unique(true).Select(product.FieldSlug).StringsX(t.Context())
			if len(slugs) != racers {
				t.Errorf("slugs %v", slugs)
			}
		})
	})

	t.Run("lets_one_of_those_who_race_for_a_reference_have_it", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			errs := race(5, func(i int) error {
				in := book(fmt.Sprint("Book ", i))
				in.Reference = new("the-one")
				_, err := s.Create(merchandiser(t), in)
				return err
			})
			made := 0
			for _, err := range errs {
				if err == nil {
					made++
				} else {
					wantFaults(t, err, "INVALID_INPUT reference")
				}
			}
			if made != 1 {
				t.Errorf("%d got it", made)
			}
		})
	})
}

// facts is a product without what ent adds, as JSON says it.
func facts(p *ent.Product) string {
	bare := *p
	bare.Edges = ent.ProductEdges{}
	// The window's instants may be anybody's, such as noon, and stay as they are.
	for _, at := range []**time.Time{&bare.PublishFrom, &bare.PublishUntil} {
		if *at != nil {
			*at = new((*at).UTC())
		}
	}
	bare.CreatedAt, bare.UpdatedAt = bare.CreatedAt.UTC(), bare.UpdatedAt.UTC()
	text, err := json.MarshalIndent(bare, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// race runs a function several times at once.
func race(racers int, run func(i int) error) []error {
	errs := make([]error, racers)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range racers {
		done.Go(func() {
			start.Wait()
			errs[i] = run(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, test := range []struct {
		name  string
		spoil func(in *catalog.CreateInput)
		want  []string
	}{
		{"no_kind", func(in *catalog.CreateInput) { in.Kind = "" }, []string{"kind"}},
		{"archived", func(in *catalog.CreateInput) { in.Status = product.StatusARCHIVED }, []string{"status"}},
		{"no_text", func(in *catalog.CreateInput) { in.Texts = nil }, []string{"texts"}},
		{"too_many_texts", func(in *catalog.CreateInput) { in.Texts = make([]catalog.Text, 21) }, []string{"texts"}},
		{"a_language_that_is_none", func(in *catalog.CreateInput) { in.Texts[0].Language = "english please" }, []string{"texts.0.language"}},
		{"the_language_of_nobody", func(in *catalog.CreateInput) { in.Texts[0].Language = "und" }, []string{"texts.0.language"}},
		{"a_language_twice", func(in *catalog.CreateInput) {
			in.Texts = append(in.Texts, catalog.Text{Language: "EN", Name: "Once more"})
		}, []string{"texts.1.language"}},
		{"no_name", func(in *catalog.CreateInput) { in.Texts[0].Name = " \u00a0 " }, []string{"texts.0.name"}},
		{"a_name_too_long", func(in *catalog.CreateInput) { in.Texts[0].Name = long(501) }, []string{"texts.0.name"}},
		{"a_name_of_two_lines", func(in *catalog.CreateInput) { in.Texts[0].Name = "One\nTwo" }, []string{"texts.0.name"}},
		{"a_name_of_two_lines_in_disguise", func(in *catalog.CreateInput) { in.Texts[0].Name = "One\u2028Two" }, []string{"texts.0.name"}},
		{"a_name_with_a_zero_byte", func(in *catalog.CreateInput) { in.Texts[0].Name = "One\x00" }, []string{"texts.0.name"}},
		{"a_name_that_is_no_text", func(in *catalog.CreateInput) { in.Texts[0].Name = "One\xff" }, []string{"texts.0.name"}},
		{"a_description_too_long", func(in *catalog.CreateInput) { in.Texts[0].Description = long(20_001) }, []string{"texts.0.description"}},
		{"a_description_with_a_zero_byte", func(in *catalog.CreateInput) { in.Texts[0].Description = "a\x00b" }, []string{"texts.0.description"}},
		{"an_empty_slug", func(in *catalog.CreateInput) { in.Slug = new("") }, []string{"slug"}},
		{"a_slug_with_two_hyphens", func(in *catalog.CreateInput) { in.Slug = new("a--b") }, []string{"slug"}},
		{"a_slug_in_capitals", func(in *catalog.CreateInput) { in.Slug = new("Raven") }, []string{"slug"}},
		{"a_slug_too_long", func(in *catalog.CreateInput) { in.Slug = new(strings.Repeat("a", 101)) }, []string{"slug"}},
		{"a_creator_too_long", func(in *catalog.CreateInput) { in.Creator = long(501) }, []string{"creator"}},
		{"too_many_tags", func(in *catalog.CreateInput) { in.Tags = make([]string, 51) }, []string{"tags"}},
		{"empty_and_long_tags", func(in *catalog.CreateInput) { in.Tags = []string{"good", "", long(101)} }, []string{"tags.1", "tags.2"}},
		{"a_category_of_two_lines", func(in *catalog.CreateInput) { in.Categories = []string{"a\nb"} }, []string{"categories.0"}},
		{"too_many_links", func(in *catalog.CreateInput) { in.Media = make([]schema.Media, 21) }, []string{"media"}},
		{"a_link_of_no_kind", func(in *catalog.CreateInput) {
			in.Media = []schema.Media{{Kind: "SMELL", URL: "https://example.com"}}
		}, []string{"media.0.kind"}},
		{"links_that_are_none", func(in *catalog.CreateInput) {
			for _, address := range []string{
				"", "example.com", "http://example.com", "https://", "https:///x", "javascript:alert(1)", "https://user:secret@example.com",
				"https://example.com/a b", "https://example.com/\"onload=", "https://example.com/\n", "https://example.com/%zz",
			} {
				in.Media = append(in.Media, schema.Media{Kind: "IMAGE", URL: address})
			}
		}, []string{
			"media.0.url", "media.1.url", "media.2.url", "media.3.url", "media.4.url", "media.5.url", "media.6.url",
			"media.7.url", "media.8.url", "media.9.url", "media.10.url",
		}},
		{"a_link_too_long", func(in *catalog.CreateInput) {
			in.Media = []schema.Media{{Kind: "IMAGE", URL: "https://example.com/" + strings.Repeat("x", 2_000), Alt: long(501)}}
		}, []string{"media.0.url", "media.0.alt"}},
		{"no_units", func(in *catalog.CreateInput) { in.Units = 0 }, []string{"units"}},
		{"a_durable_of_two_units", func(in *catalog.CreateInput) { in.Units = 2 }, []string{"units"}},
		{"too_many_units", func(in *catalog.CreateInput) { in.Kind, in.Units = product.KindCONSUMABLE, 1_000_001 }, []string{"units"}},
		{"an_active_one_without_a_price", func(in *catalog.CreateInput) { in.Prices = nil }, []string{"prices"}},
		{"prices_that_are_none", func(in *catalog.CreateInput) {
			in.Prices = []catalog.Price{
				{Currency: "XYZ", Amount: 0},
				{Currency: "POINTS", Amount: amount("0.5")},
				{Currency: "USD", Amount: amount("-0.01")},
				{Currency: "EUR", Amount: amount("0.001")},
				{Currency: "KRW", Amount: amount("1200.5")},
				{Currency: "GEM", Amount: catalog.MaxPrice + money.Unit},
			}
		}, []string{"prices.0.currency", "prices.1.amount", "prices.2.amount", "prices.3.amount", "prices.4.amount", "prices.5.amount"}},
		{"a_currency_twice", func(in *catalog.CreateInput) { in.Prices = append(in.Prices, in.Prices[0]) }, []string{"prices.1.currency"}},
		{"a_window_that_ends_as_it_begins", func(in *catalog.CreateInput) { in.PublishFrom, in.PublishUntil = &noon, &noon }, []string{"publishUntil"}},
		{"an_empty_reference", func(in *catalog.CreateInput) { in.Reference = new("") }, []string{"reference"}},
		{"a_reference_too_long", func(in *catalog.CreateInput) { in.Reference = new(long(256)) }, []string{"reference"}},
		{"everything_at_once", func(in *catalog.CreateInput) {
			*in = catalog.CreateInput{Texts: []catalog.Text{{}}, Slug: new("-"), Media: []schema.Media{{}}, Reference: new("")}
		}, []string{"kind", "status", "texts.0.name", "texts.0.language", "slug", "media.0.kind", "media.0.url", "reference", "units"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := book("The Raven")
			test.spoil(&in)
			// Refused before the database is asked: there is none.
			_, err := catalog.New(nil, currencies(t), nil).Create(t.Context(), in)
			want := make([]string, len(test.want))
			for i, path := range test.want {
				want[i] = "INVALID_INPUT " + path
			}
			wantFaults(t, err, want...)
		})
	}

	t.Run("what_another_product_has", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			s.create(t, full())
			_, err := s.Create(merchandiser(t), full())
			wantFaults(t, err, "INVALID_INPUT reference", "INVALID_INPUT slug")
			if n := d.Client().Product.Query().CountX(t.Context()); n != 1 {
				t.Errorf("%d products", n)
			}
		})
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()

	t.Run("changes_what_is_set_and_leaves_the_rest", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			was := s.create(t, full())
			s.set(noon.Add(time.Minute))
			got := s.update(t, catalog.UpdateInput{
				ID: was.ID, ExpectedVersion: new(1), Creator: catalog.To(""), Tags: catalog.To([]string{"New"}), PublishUntil: catalog.To[*time.Time](nil),
			})
			want := *was
			want.Creator, want.Tags, want.PublishUntil, want.Version, want.UpdatedAt = "", []string{"New"}, nil, 2, noon.Add(time.Minute)
			for _, got := range []*ent.Product{got, s.byID(t, was.ID)} {
				if diff := cmp.Diff(facts(&want), facts(got)); diff != "" {
					t.Errorf("product (-want +got):\n%s", diff)
				}
			}
		})
	})

	t.Run("that_changes_nothing_writes_nothing", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			in := full()
			was := s.create(t, in)
			s.set(noon.Add(time.Minute))
			got := s.update(t, catalog.UpdateInput{
				ID: was.ID, Status: catalog.To(in.Status), Texts: catalog.To(in.Texts), Slug: catalog.To(*in.Slug), Creator: catalog.To(in.Creator),
				Tags: catalog.To(in.Tags), Categories: catalog.To(in.Categories), Media: catalog.To(in.Media), Units: catalog.To(in.Units),
				Prices: catalog.To(in.Prices), PublishFrom: catalog.To(in.PublishFrom), PublishUntil: catalog.To(in.PublishUntil),
			})
			if diff := cmp.Diff(facts(was), facts(got)); diff != "" {
				t.Errorf("product (-want +got):\n%s", diff)
			}
			if n := d.Client().AuditEntry.Query().CountX(t.Context()); n != 1 {
				t.Errorf("%d audit entries, want that of its making", n)
			}
		})
	})

	t.Run("brings_the_search_index_along", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p := s.create(t, book("The Raven"))
			kept := d.Client().ProductTerm.Query().Where(productterm.Term([]byte("w:the"))).OnlyIDX(t.Context())
			s.update(t, catalog.UpdateInput{ID: p.ID, Texts: catalog.To([]catalog.Text{{Language: "en", Name: "The Crow"}})})
			var got []string
			for _, term := range d.Client().ProductTerm.Query().Order(ent.Asc(productterm.FieldTerm)).AllX(t.Context()) {
				got = append(got, string(term.Term))
				if string(term.Term) == "w:the" && term.ID != kept {
					t.Error("a term that stays was written anew")
				}
			}
			if diff := cmp.Diff([]string{"w:crow", "w:the"}, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("is_refused_with_another_version", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p := s.create(t, book("The Raven"))
			s.update(t, catalog.UpdateInput{ID: p.ID, ExpectedVersion: new(1), Creator: catalog.To("Poe")})
			_, err := s.Update(merchandiser(t), catalog.UpdateInput{ID: p.ID, ExpectedVersion: new(1), Creator: catalog.To("Pope")})
			wantFaults(t, err, "CONFLICT expectedVersion")
			if !strings.Contains(err.Error(), "version 2, not 1") || fault.From(err)[0].Data != (catalog.Current{Version: 2}) {
				t.Errorf("the refusal does not name the current version: %v", err)
			}
		})
	})

	t.Run("of_one_version_is_won_by_one", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p := s.create(t, book("The Raven"))
			won := 0
			for _, err := range race(8, func(i int) error {
				_, err := s.Update(merchandiser(t), catalog.UpdateInput{ID: p.ID, ExpectedVersion: new(1), Creator: catalog.To(fmt.Sprint("Poe ", i))})
				return err
			}) {
				if err == nil {
					won++
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			}
			if got := s.byID(t, p.ID).Version; won != 1 || got != 2 {
				t.Errorf("%d won, and the version is %d", won, got)
			}
		})
	})

	t.Run("of_different_fields_at_once_loses_none", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p := s.create(t, book("The Raven"))
			changes := []catalog.UpdateInput{
				{Creator: catalog.To("Poe")},
				{Tags: catalog.To([]string{"Poem"})},
				{Categories: catalog.To([]string{"Books"})},
				{Prices: catalog.To([]catalog.Price{{Currency: "EUR", Amount: amount("1")}})},
				{Slug: catalog.To("raven")},
			}
			if err := errors.Join(race(len(changes), func(i int) error {
				in := changes[i]
				in.ID = p.ID
				_, err := s.Update(merchandiser(t), in)
				return err
			})...); err != nil {
				t.Fatal(err)
			}
			got := s.byID(t, p.ID)
			if _, priced := catalog.PriceIn(got, "EUR"); !priced || got.Creator != "Poe" || len(got.Tags) != 1 || len(got.Categories) != 1 ||
				got.Slug != "raven" || got.Version != 1+len(changes) {
				t.Errorf("something was lost: %v", got)
			}
		})
	})

	t.Run("is_refused", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p := s.create(t, book("The Raven"))
			other := s.create(t, book("The Crow"))
			gone := s.create(t, book("The Dodo"))
			if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: gone.ID}); err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				name string
				in   catalog.UpdateInput
				want []string
			}{
				{"of_what_is_not_there", catalog.UpdateInput{ID: uuid.New()}, []string{"NOT_FOUND"}},
				{"with_what_cannot_be_empty", catalog.UpdateInput{
					ID: p.ID, Status: catalog.To[product.Status](""), Texts: catalog.To[[]catalog.Text](nil), Slug: catalog.To(""), Units: catalog.To(0),
				}, []string{"INVALID_INPUT status", "INVALID_INPUT texts", "INVALID_INPUT slug", "INVALID_INPUT units"}},
				{"without_any_price_left", catalog.UpdateInput{ID: p.ID, Prices: catalog.To[[]catalog.Price](nil)}, []string{"INVALID_INPUT prices"}},
				{"to_the_slug_of_another", catalog.UpdateInput{ID: p.ID, Slug: catalog.To(other.Slug)}, []string{"INVALID_INPUT slug"}},
				{"to_archived", catalog.UpdateInput{ID: p.ID, Status: catalog.To(product.StatusARCHIVED)}, []string{"INVALID_INPUT status"}},
				{"back_from_archived", catalog.UpdateInput{ID: gone.ID, Status: catalog.To(product.StatusDRAFT)}, []string{"INVALID_INPUT status"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					_, err := s.Update(merchandiser(t), test.in)
					wantFaults(t, err, test.want...)
				})
			}
			if v := s.byID(t, p.ID).Version; v != 1 {
				t.Errorf("a refused update left version %d", v)
			}
		})
	})
}

func TestArchive(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		p := s.create(t, book("The Raven"))
		for range 2 {
			archived, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: p.ID})
			if err != nil || archived.Status != product.StatusARCHIVED || archived.Version != 2 || len(archived.Edges.Prices) != 1 {
				t.Fatalf("got %v, %v", archived, err)
			}
		}
		for _, test := range []struct {
			name string
			in   catalog.ArchiveInput
			want []string
		}{
			{"what_is_not_there", catalog.ArchiveInput{ID: uuid.New()}, []string{"NOT_FOUND"}},
			{"another_version", catalog.ArchiveInput{ID: p.ID, ExpectedVersion: new(1)}, []string{"CONFLICT expectedVersion"}},
			{"what_cannot_be_read", catalog.ArchiveInput{
				ExpectedVersion: new(1), Malformed: fault.List{fault.Input("id", "No id.")},
			}, []string{"INVALID_INPUT id"}},
			{"everything_at_once", catalog.ArchiveInput{
				ID: p.ID, ExpectedVersion: new(1), Malformed: fault.List{fault.Input("reason", "No text.")},
			}, []string{"INVALID_INPUT reason", "CONFLICT expectedVersion"}},
		} {
			_, err := s.Archive(merchandiser(t), test.in)
			wantFaults(t, err, test.want...)
			if fault.Is(err, fault.Conflict) && fault.From(err)[len(test.want)-1].Data != (catalog.Current{Version: 2}) {
				t.Errorf("%s: the refusal does not bear the current version: %v", test.name, err)
			}
		}
		if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: p.ID, ExpectedVersion: new(2)}); err != nil {
			t.Error(err)
		}
	})
}

func TestMalformedInputIsRefusedWithEverythingElse(t *testing.T) {
	t.Parallel()

	t.Run("in_a_new_product", func(t *testing.T) {
		t.Parallel()
		in := book("")
		in.Prices = []catalog.Price{{Currency: "XYZ"}, {Currency: "EUR", Amount: -1}}
		in.Malformed = fault.List{fault.Input("prices.1.amount", "Not a number.")}
		_, err := catalog.New(nil, currencies(t), nil).Create(t.Context(), in)
		wantFaults(t, err, "INVALID_INPUT prices.1.amount", "INVALID_INPUT texts.0.name", "INVALID_INPUT prices.0.currency")
		if message := fault.From(err)[0].Message; message != "Not a number." {
			t.Errorf("the field is refused with %q", message)
		}

		in = book("Fine")
		in.Malformed = fault.List{fault.Input("prices.0.amount", "Not a number.")}
		_, err = catalog.New(nil, currencies(t), nil).Create(t.Context(), in)
		wantFaults(t, err, "INVALID_INPUT prices.0.amount")
	})

	t.Run("in_a_change", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			p, gone := s.create(t, book("The Raven")), s.create(t, full())
			if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: gone.ID}); err != nil {
				t.Fatal(err)
			}
			noID := fault.List{fault.Input("id", "No id.")}
			for _, test := range []struct {
				name string
				in   catalog.UpdateInput
				want []string
			}{
				{"what_could_not_be_read_is_blamed_once", catalog.UpdateInput{
					ID: p.ID, Units: catalog.To(0), Slug: catalog.To(""), Malformed: fault.List{fault.Input("units", "Null.")},
				}, []string{"INVALID_INPUT units", "INVALID_INPUT slug"}},
				{"alone", catalog.UpdateInput{ID: p.ID, Malformed: fault.List{fault.Input("units", "Null.")}}, []string{"INVALID_INPUT units"}},
				{"nobody_looks_for_a_product_without_an_id", catalog.UpdateInput{
					ExpectedVersion: new(1), Malformed: noID,
				}, []string{"INVALID_INPUT id"}},
				{"what_is_wrong_with_any_product", catalog.UpdateInput{
					Creator: catalog.To("a\nb"), Units: catalog.To(1_000_001), Prices: catalog.To([]catalog.Price{{Currency: "XYZ"}}),
					PublishFrom: catalog.To(&noon), PublishUntil: catalog.To(&noon), Malformed: noID,
				}, []string{
					"INVALID_INPUT id", "INVALID_INPUT creator", "INVALID_INPUT prices.0.currency", "INVALID_INPUT units",
					"INVALID_INPUT publishUntil",
				}},
				{"and_not_what_may_be_right_with_one", catalog.UpdateInput{
					Status: catalog.To(product.StatusACTIVE), Units: catalog.To(5), PublishUntil: catalog.To(&noon), Malformed: noID,
				}, []string{"INVALID_INPUT id"}},
				{"with_one_that_is_not_there", catalog.UpdateInput{ID: uuid.New(), Slug: catalog.To("")}, []string{
					"NOT_FOUND", "INVALID_INPUT slug",
				}},
				{"with_another_version", catalog.UpdateInput{
					ID: gone.ID, ExpectedVersion: new(1), Status: catalog.To(product.StatusDRAFT), Slug: catalog.To(""),
				}, []string{"CONFLICT expectedVersion", "INVALID_INPUT slug"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					_, err := s.Update(merchandiser(t), test.in)
					wantFaults(t, err, test.want...)
				})
			}
		})
	})
}

func TestSeveralChangesInOneTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		raven, dodo := s.create(t, book("The Raven")), s.create(t, book("The Dodo"))
		boom := errors.New("boom")
		run := func(end error) (crow *ent.Product) {
			err := s.Write(merchandiser(t), func(ctx context.Context, tx *ent.Tx) error {
				var err error
				if crow, err = s.CreateIn(ctx, tx, book("The Crow")); err != nil {
					return err
				}
				// What is refused has written nothing, and the rest goes on.
				_, err = s.CreateIn(ctx, tx, book(""))
				wantFaults(t, err, "INVALID_INPUT texts.0.name")
				_, err = s.UpdateIn(ctx, tx, catalog.UpdateInput{ID: raven.ID, Slug: catalog.To("the-crow")})
				wantFaults(t, err, "INVALID_INPUT slug")
				_, err = s.ArchiveIn(ctx, tx, catalog.ArchiveInput{ID: crow.ID, ExpectedVersion: new(2)})
				wantFaults(t, err, "CONFLICT expectedVersion")
				if _, err = s.UpdateIn(ctx, tx, catalog.UpdateInput{ID: raven.ID, Creator: catalog.To("Poe")}); err != nil {
					return err
				}
				if _, err = s.ArchiveIn(ctx, tx, catalog.ArchiveInput{ID: dodo.ID}); err != nil {
					return err
				}
				return end
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
			return crow
		}
		run(boom)
		if got := s.byID(t, raven.ID); got.Version != 1 || d.Client().Product.Query().CountX(t.Context()) != 2 {
			t.Errorf("after a rollback there is %v", got)
		}
		s.wantRevision(t, 2, "a rollback")
		if crow := run(nil); s.byID(t, crow.ID).Slug != "the-crow" {
			t.Errorf("made %v", crow)
		}
		if raven, dodo := s.byID(t, raven.ID), s.byID(t, dodo.ID); raven.Creator != "Poe" || raven.Version != 2 || dodo.Status != product.StatusARCHIVED {
			t.Errorf("got %v and %v", raven, dodo)
		}
		s.wantRevision(t, 5, "three changes")
		if n := d.Client().AuditEntry.Query().CountX(t.Context()); n != 5 {
			t.Errorf("%d audit entries, want 5", n)
		}
	})
}

func TestPriceHistory(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		p := s.create(t, book("The Raven"))
		set := func(minute int, list ...catalog.Price) {
			t.Helper()
			s.set(noon.Add(time.Duration(minute) * time.Minute))
			s.update(t, catalog.UpdateInput{ID: p.ID, Prices: catalog.To(list)})
		}
		set(1, catalog.Price{Currency: "USD", Amount: amount("0.99")}, catalog.Price{Currency: "KRW", Amount: amount("1200")})
		set(2, catalog.Price{Currency: "USD", Amount: amount("0.49")}, catalog.Price{Currency: "KRW", Amount: amount("1200")})
		set(3, catalog.Price{Currency: "KRW", Amount: 0})
		set(4, catalog.Price{Currency: "KRW", Amount: 0}, catalog.Price{Currency: "USD", Amount: amount("0.99")})

		var got []string
		for _, step := range d.Client().PriceChange.Query().Where(pricechange.ProductID(p.ID)).Order(ent.Asc(pricechange.FieldCreatedAt, pricechange.FieldID)).AllX(t.Context()) {
			price := "none"
			if step.Amount != nil {
				price = step.Amount.String()
			}
			got = append(got, fmt.Sprintf("%v %s %s by %s", step.CreatedAt.Sub(noon), step.Currency, price, step.Actor))
		}
		want := []string{
			"0s USD 0.99 by mila",
			"1m0s KRW 1200 by mila",
			"2m0s USD 0.49 by mila",
			"3m0s KRW 0 by mila", "3m0s USD none by mila",
			"4m0s USD 0.99 by mila",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		p := s.create(t, book("The Raven"))
		s.update(t, catalog.UpdateInput{ID: p.ID, Creator: catalog.To("Poe")})
		if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: p.ID}); err != nil {
			t.Fatal(err)
		}
		entries := d.Client().AuditEntry.Query().Where(auditentry.TargetID(p.ID)).Order(auditentry.ByID(sql.OrderAsc())).AllX(t.Context())
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Actor, " ", e.Action, " ", states(t, e.Before), " > ", states(t, e.After)))
		}
		want := []string{
			"mila createProduct - > ACTIVE  0.99",
			"mila updateProduct ACTIVE  0.99 > ACTIVE Poe 0.99",
			"mila archiveProduct ACTIVE Poe 0.99 > ARCHIVED Poe 0.99",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	})
}

// states is what an audit entry says about a product.
func states(t *testing.T, text json.RawMessage) string {
	t.Helper()
	if text == nil {
		return "-"
	}
	var c struct {
		Status, Creator string
		Prices          map[string]string
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c.Status + " " + c.Creator + " " + c.Prices["USD"]
}

func TestFinding(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		raven, crow := s.create(t, book("The Raven")), s.create(t, book("The Crow"))

		if p, err := catalog.BySlug(t.Context(), d.Client(), "the-crow"); err != nil || p.ID != crow.ID || len(p.Edges.Prices) != 1 {
			t.Errorf("by slug: %v, %v", p, err)
		}
		for _, slug := range []string{"the-dodo", "", "The-Crow", "a\x00b", "\xff"} {
			_, err := catalog.BySlug(t.Context(), d.Client(), slug)
			wantFaults(t, err, "NOT_FOUND")
		}
		_, err := catalog.ByID(t.Context(), d.Client(), uuid.New())
		wantFaults(t, err, "NOT_FOUND")

		found, err := catalog.ByIDs(t.Context(), d.Client(), []uuid.UUID{raven.ID, uuid.New(), crow.ID, raven.ID})
		if err != nil || len(found) != 2 || found[raven.ID].Slug != "the-raven" || len(found[crow.ID].Edges.Prices) != 1 {
			t.Errorf("by ids: %v, %v", found, err)
		}
	})
}

func TestOnSale(t *testing.T) {
	t.Parallel()
	before, after := new(noon.Add(-time.Microsecond)), new(noon.Add(time.Microsecond))
	for _, test := range []struct {
		name string
		p    ent.Product
		want bool
	}{
		{"active", ent.Product{Status: product.StatusACTIVE}, true},
		{"draft", ent.Product{Status: product.StatusDRAFT}, false},
		{"archived", ent.Product{Status: product.StatusARCHIVED}, false},
		{"from_its_first_instant_on", ent.Product{Status: product.StatusACTIVE, PublishFrom: &noon}, true},
		{"not_before", ent.Product{Status: product.StatusACTIVE, PublishFrom: after}, false},
		{"up_to_its_end", ent.Product{Status: product.StatusACTIVE, PublishUntil: after}, true},
		{"not_at_its_end", ent.Product{Status: product.StatusACTIVE, PublishFrom: before, PublishUntil: &noon}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := catalog.OnSale(&test.p, noon); got != test.want || catalog.VisibleTo(&test.p, false, noon) != got {
				t.Errorf("on sale: %v, want %v", got, test.want)
			}
			if !catalog.VisibleTo(&test.p, true, noon) {
				t.Error("a merchandiser does not see it")
			}
		})
	}
}
