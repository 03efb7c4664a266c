package catalog_test

import (
	stdcmp "cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
	"farthing/internal/page"
)

// many are rows of products that tie in names and prices again and again; every seventh is not sold in USD.
func many(n int) []catalog.Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]catalog.Row, n)
	for i := range rows {
		rows[i] = catalog.Row{
			Line: i + 2, Reference: fmt.Sprint("ref-", i),
			Status: catalog.To(product.StatusACTIVE),
			Name:   catalog.To([]string{"Éclair", "eclair", "Zebra", "書", "ant", "날"}[random.IntN(6)]),
			Prices: map[money.Code]*money.Amount{"KRW": new(amount(fmt.Sprint(random.IntN(1_000))))},
		}
		if i%7 != 0 {
			rows[i].Prices["USD"] = new(amount(fmt.Sprintf("0.%02d", random.IntN(20))))
		}
	}
	return rows
}

// TestPaging walks through 500 products in every order, in both directions, a page of every size at a time.
func TestPaging(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		const n = 500
		if report, err := s.Import(merchandiser(t), catalog.ImportInput{Rows: many(n)}); err != nil || report.Created != n {
			t.Fatalf("importing: %+v, %v", report, err)
		}
		all := d.Client().Product.Query().WithPrices().AllX(t.Context())

		for order, less := range map[catalog.Order]func(a, b *ent.Product) int{
			catalog.Newest: func(a, b *ent.Product) int { return byID(b, a) },
			catalog.Oldest: byID,
			catalog.Name: func(a, b *ent.Product) int {
				return stdcmp.Or(strings.Compare(string(a.SortName), string(b.SortName)), byID(a, b))
			},
			catalog.PriceLow:  byPrice,
			catalog.PriceHigh: func(a, b *ent.Product) int { return byPrice(b, a) },
		} {
			in := catalog.ListInput{Order: order}
			want := slices.Clone(all)
			if order == catalog.PriceLow || order == catalog.PriceHigh {
				in.Filter.Currency = "USD"
				want = slices.DeleteFunc(want, func(p *ent.Product) bool { _, sold := catalog.PriceIn(p, "USD"); return !sold })
			}
			slices.SortFunc(want, less)
			if count, err := s.Count(t.Context(), in); err != nil || count != len(want) {
				t.Errorf("%s: counted %d, %v; there are %d", order, count, err, len(want))
			}
			for _, size := range []int{1, 7, 100} {
				t.Run(fmt.Sprintf("%s_by_%d", order, size), func(t *testing.T) {
					t.Parallel()
					forwards := walk(t, s, in, size, false)
					if diff := cmp.Diff(ids(want), forwards); diff != "" {
						t.Errorf("forwards (-want +got):\n%s", diff)
					}
					backwards := walk(t, s, in, size, true)
					slices.Reverse(backwards)
					if diff := cmp.Diff(ids(want), backwards); diff != "" {
						t.Errorf("backwards (-want +got):\n%s", diff)
					}
				})
			}
		}
	})
}

func byID(a, b *ent.Product) int { return strings.Compare(a.ID.String(), b.ID.String()) }

func byPrice(a, b *ent.Product) int {
	left, _ := catalog.PriceIn(a, "USD")
	right, _ := catalog.PriceIn(b, "USD")
	return stdcmp.Or(int(left-right), byID(a, b))
}

func ids(products []*ent.Product) []uuid.UUID {
	list := make([]uuid.UUID, len(products))
	for i, p := range products {
		list[i] = p.ID
	}
	return list
}

// walk reads page after page until there is none.
func walk(t *testing.T, s *shop, in catalog.ListInput, size int, backwards bool) []uuid.UUID {
	t.Helper()
	in.First = &size
	if backwards {
		in.First, in.Last = nil, &size
	}
	var seen []uuid.UUID
	for {
		p, err := s.List(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		list := ids(p.Nodes())
		more := p.HasNext
		if backwards {
			slices.Reverse(list)
			more = p.HasPrevious
		}
		seen = append(seen, list...)
		if !more {
			return seen
		}
		if len(seen) > 10_000 {
			t.Fatal("it never ends")
		}
		if backwards {
			in.Before = &p.Edges[0].Cursor
		} else {
			in.After = &p.Edges[len(p.Edges)-1].Cursor
		}
	}
}

// shelf sets up a small catalogue to search in.
func shelf(t *testing.T, s *shop) {
	t.Helper()
	usd := func(text string) []catalog.Price { return []catalog.Price{{Currency: "USD", Amount: amount(text)}} }
	for _, in := range []catalog.CreateInput{
		{
			Texts:   []catalog.Text{{Language: "fr", Name: "Les Misérables", Description: "Un roman"}, {Language: "en", Name: "The Wretched"}},
			Creator: "Hugo, Victor", Tags: []string{"Novel", "Classic"}, Categories: []string{"Books"}, Prices: usd("2"),
		},
		{
			Texts:   []catalog.Text{{Language: "ja", Name: "羅生門"}},
			Creator: "芥川龍之介", Tags: []string{"Short story"}, Categories: []string{"Books"}, Prices: usd("1"),
		},
		{
			Texts: []catalog.Text{{Language: "ko", Name: "운수 좋은 날"}, {Language: "en", Name: "A Lucky Day"}},
			Tags:  []string{"short STORY"}, Categories: []string{"Books"}, Prices: []catalog.Price{{Currency: "KRW", Amount: amount("1200")}},
		},
		{
			Kind: product.KindCONSUMABLE, Units: 10, Texts: []catalog.Text{{Language: "en", Name: "Ten hints", Description: "For every novel puzzle"}},
			Categories: []string{"Games"}, Prices: usd("0.5"),
		},
		{Status: product.StatusDRAFT, Texts: []catalog.Text{{Language: "en", Name: "A novel draft"}}, Prices: usd("1")},
		{Texts: []catalog.Text{{Language: "en", Name: "A novel of tomorrow"}}, Prices: usd("1"), PublishFrom: new(noon.Add(24 * time.Hour))},
		{Texts: []catalog.Text{{Language: "en", Name: "A novel of yesterday"}}, Prices: usd("1"), PublishUntil: &noon},
	} {
		if in.Kind == "" {
			in.Kind, in.Units = product.KindDURABLE, 1
		}
		if in.Status == "" {
			in.Status = product.StatusACTIVE
		}
		s.create(t, in)
	}
	gone := s.create(t, book("A novel of old"))
	if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: gone.ID}); err != nil {
		t.Fatal(err)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	type f = catalog.Filter
	const (
		hugo, gate, lucky, hints = "Les Misérables", "羅生門", "운수 좋은 날", "Ten hints"
		draft, tomorrow, past    = "A novel draft", "A novel of tomorrow", "A novel of yesterday"
		archived                 = "A novel of old"
	)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		shelf(t, s)
		for _, test := range []struct {
			name         string
			filter       f
			merchandiser bool
			want         []string
		}{
			{"nothing_asked", f{}, false, []string{hugo, gate, lucky, hints}},
			{"nothing_asked_by_a_merchandiser", f{}, true, []string{hugo, gate, lucky, hints, draft, tomorrow, past, archived}},
			{"a_word", f{Search: "roman"}, false, []string{hugo}},
			{"a_word_without_its_accents", f{Search: "MISERABLES"}, false, []string{hugo}},
			{"the_beginning_of_a_word", f{Search: "wret"}, false, []string{hugo}},
			{"not_the_end_of_a_word", f{Search: "tched"}, false, nil},
			{"every_word", f{Search: "victor  novel"}, false, []string{hugo}},
			{"every_word_or_nothing", f{Search: "victor hints"}, false, nil},
			{"the_beginning_of_a_korean_word", f{Search: "운"}, false, []string{lucky}},
			{"any_part_of_a_japanese_name", f{Search: "生門"}, false, []string{gate}},
			{"any_part_of_a_creator", f{Search: "龍之介"}, false, []string{gate}},
			{"a_word_in_tags_and_descriptions", f{Search: "novel"}, false, []string{hugo, hints}},
			{"a_word_seen_by_a_merchandiser", f{Search: "novel"}, true, []string{hugo, hints, draft, tomorrow, past, archived}},
			{"a_search_without_words", f{Search: " ?! "}, false, []string{hugo, gate, lucky, hints}},
			{"what_looks_like_a_pattern", f{Search: "%"}, false, []string{hugo, gate, lucky, hints}},
			{"what_postgres_cannot_hold", f{Search: "no\x00vel", Tags: []string{"a\x00b", "\xff"}, Creator: "\x00"}, false, nil},
			{"a_tag", f{Tags: []string{"Short Story"}}, false, []string{gate, lucky}},
			{"one_of_several_tags", f{Tags: []string{"CLASSIC", "short story", "nobody has this"}}, false, []string{hugo, gate, lucky}},
			{"not_the_beginning_of_a_tag", f{Tags: []string{"short"}}, false, nil},
			{"a_category", f{Categories: []string{"games"}}, false, []string{hints}},
			{"a_creator", f{Creator: "hugo, VICTOR"}, false, []string{hugo}},
			{"not_a_part_of_a_creator", f{Creator: "hugo"}, false, nil},
			{"a_kind", f{Kinds: []product.Kind{product.KindCONSUMABLE}}, false, []string{hints}},
			{"a_currency", f{Currency: "KRW"}, false, []string{lucky}},
			{"a_price_range", f{Currency: "USD", MinPrice: new(amount("0.5")), MaxPrice: new(amount("1"))}, false, []string{gate, hints}},
			{"statuses", f{Statuses: []product.Status{product.StatusDRAFT, product.StatusARCHIVED}}, true, []string{draft, archived}},
			{"statuses_of_a_visitor_do_not_count", f{Statuses: []product.Status{product.StatusDRAFT}}, false, []string{hugo, gate, lucky, hints}},
			{"all_together", f{
				Search: "les", Kinds: []product.Kind{product.KindDURABLE}, Tags: []string{"novel"}, Categories: []string{"books"},
				Creator: "Hugo, Victor", Currency: "USD", MaxPrice: new(amount("2")),
			}, false, []string{hugo}},
		} {
			t.Run(test.name, func(t *testing.T) {
				in := catalog.ListInput{Filter: test.filter, Order: catalog.Oldest, Merchandiser: test.merchandiser}
				found, err := s.List(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				got := names(found.Nodes())
				if len(got) == 0 {
					got = nil
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("products (-want +got):\n%s", diff)
				}
				if n, err := s.Count(t.Context(), in); err != nil || n != len(test.want) {
					t.Errorf("counted %d, %v", n, err)
				}
			})
		}

		t.Run("windows_open_and_close_by_the_clock", func(t *testing.T) {
			defer s.set(noon)
			for now, want := range map[time.Time]string{
				noon.Add(-time.Microsecond): past,
				noon:                        "",
				noon.Add(24*time.Hour - time.Microsecond):   "",
				noon.Add(24 * time.Hour):                    tomorrow,
				noon.Add(24*time.Hour + 10_000*time.Second): tomorrow,
			} {
				s.set(now)
				found, err := s.List(t.Context(), catalog.ListInput{Filter: f{Search: "novel of"}})
				if got := strings.Join(names(found.Nodes()), ","); err != nil || got != want {
					t.Errorf("at %v: %q, %v; want %q", now, got, err, want)
				}
			}
		})
	})
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	type f = catalog.Filter
	d := dbtest.SQLite(t)
	s := open(t, d)
	shelf(t, s)
	all, err := s.List(t.Context(), catalog.ListInput{Args: page.Args{First: new(1)}})
	if err != nil {
		t.Fatal(err)
	}
	cursor := all.Edges[0].Cursor
	for _, test := range []struct {
		name string
		in   catalog.ListInput
		want string
	}{
		{"a_long_search", catalog.ListInput{Filter: f{Search: strings.Repeat("é", 201)}}, "filter.search"},
		{"eleven_words", catalog.ListInput{Filter: f{Search: "a b c d e f g h i j k"}}, "filter.search"},
		{"too_many_tags", catalog.ListInput{Filter: f{Tags: make([]string, 51)}}, "filter.tags"},
		{"too_many_categories", catalog.ListInput{Filter: f{Categories: make([]string, 51)}}, "filter.categories"},
		{"a_currency_not_traded_in", catalog.ListInput{Filter: f{Currency: "XYZ"}}, "filter.currency"},
		{"a_price_range_of_no_currency", catalog.ListInput{Filter: f{MinPrice: new(amount("1"))}}, "filter.currency"},
		{"an_order_of_prices_of_no_currency", catalog.ListInput{Order: catalog.PriceHigh}, "filter.currency"},
		{"an_order_that_is_none", catalog.ListInput{Order: "RANDOM"}, "orderBy"},
		{"a_page_of_101", catalog.ListInput{Args: page.Args{First: new(101)}}, "first"},
		{"a_cursor_of_another_filter", catalog.ListInput{Args: page.Args{After: &cursor}, Filter: f{Search: "novel"}}, "after"},
		{"a_cursor_of_another_order", catalog.ListInput{Args: page.Args{After: &cursor}, Order: catalog.Name}, "after"},
		{"a_cursor_of_another_visibility", catalog.ListInput{Args: page.Args{After: &cursor}, Merchandiser: true}, "after"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.List(t.Context(), test.in)
			wantFaults(t, err, "INVALID_INPUT "+test.want)
		})
	}
	t.Run("but_not_a_cursor_of_the_same_filter_written_otherwise", func(t *testing.T) {
		t.Parallel()
		in := catalog.ListInput{Filter: f{Search: "novel", Tags: []string{"novel", "classic"}}, Args: page.Args{First: new(1)}}
		found, err := s.List(t.Context(), in)
		if err != nil || len(found.Edges) != 1 {
			t.Fatal(found, err)
		}
		in.Filter = f{Search: " NOVEL novel ", Tags: []string{"Classic", "NOVEL", "novel"}}
		in.After = &found.Edges[0].Cursor
		if _, err := s.List(t.Context(), in); err != nil {
			t.Error(err)
		}
	})
}
