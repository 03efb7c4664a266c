package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
)

// load imports a file with columns of ours.
func (s *shop) load(t testing.TB, in catalog.ImportInput, lines ...string) catalog.ImportReport {
	t.Helper()
	rows, err := readCSV(t, strings.Join(lines, "\n"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	in.Rows = rows
	report, err := s.Import(merchandiser(t), in)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func wantReport(t testing.TB, got, want catalog.ImportReport) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// byReference finds an imported product.
func (s *shop) byReference(t testing.TB, reference string) *ent.Product {
	t.Helper()
	p, err := s.db.Client().Product.Query().Where(product.Reference(reference)).WithPrices().Only(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestImport(t *testing.T) {
	t.Parallel()

	t.Run("makes_changes_and_leaves_alone", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			file := []string{
				"reference,status,language,name,tags,price_usd",
				"1,ACTIVE,en,Poems,verse;old,0.99",
				"2,ACTIVE,en,Poems,verse,0.99",
				"3,,ko,운수 좋은 날,,",
			}
			wantReport(t, s.load(t, catalog.ImportInput{}, file...), catalog.ImportReport{Created: 3})
			wantReport(t, s.load(t, catalog.ImportInput{}, file...), catalog.ImportReport{Unchanged: 3})
			file[2] = "2,ACTIVE,en,Poems,verse,1.99"
			wantReport(t, s.load(t, catalog.ImportInput{}, file...), catalog.ImportReport{Updated: 1, Unchanged: 2})

			one, two, three := s.byReference(t, "1"), s.byReference(t, "2"), s.byReference(t, "3")
			if one.Slug != "poems" || two.Slug != "poems-2" || one.Version != 1 || two.Version != 2 || three.Status != product.StatusDRAFT {
				t.Errorf("got %v, %v, %v", one, two, three)
			}
			if usd, _ := catalog.PriceIn(two, "USD"); usd != amount("1.99") {
				t.Errorf("the second costs %s", usd)
			}
			if n := d.Client().PriceChange.Query().CountX(t.Context()); n != 3 {
				t.Errorf("%d steps of price history, want 3", n)
			}
			if n := d.Client().AuditEntry.Query().CountX(t.Context()); n != 4 {
				t.Errorf("%d audit entries, want 4", n)
			}
		})
	})

	t.Run("leaves_what_the_file_does_not_have", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			was := s.create(t, full())
			wantReport(t, s.load(t, catalog.ImportInput{}, "reference,price_usd", "hints-10,"), catalog.ImportReport{Updated: 1})
			wantReport(t, s.load(t, catalog.ImportInput{}, "reference,language,name", "hints-10,de,Zehn Hinweise"), catalog.ImportReport{Updated: 1})
			wantReport(t, s.load(t, catalog.ImportInput{}, "reference,name", "hints-10,힌트"), catalog.ImportReport{Updated: 1})
			wantReport(t, s.load(t, catalog.ImportInput{}, "reference,image_url", "hints-10,https://example.com/new.png"), catalog.ImportReport{Updated: 1})
			want := *was
			want.Version = 5
			want.SortName = []byte("힌트")
			want.Media = []schema.Media{{Kind: "IMAGE", URL: "https://example.com/new.png"}}
			want.Texts = map[string]schema.Text{
				"ko-KR": {Name: "힌트", Description: was.Texts["ko-KR"].Description}, "en": was.Texts["en"], "de": {Name: "Zehn Hinweise"},
			}
			got := s.byID(t, was.ID)
			if diff := cmp.Diff(facts(&want), facts(got)); diff != "" {
				t.Errorf("product (-want +got):\n%s", diff)
			}
			_, usd := catalog.PriceIn(got, "USD")
			if _, gem := catalog.PriceIn(got, "GEM"); usd || !gem {
				t.Errorf("prices %v", got.Edges.Prices)
			}
		})
	})

	t.Run("writes_nothing_when_a_row_is_bad", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			s.create(t, full())
			lines := []string{"reference,kind,status,slug,name,units,price_usd", "1,,,,Good,,"}
			for i := range 600 { // the bad rows come in another part than the first
				lines = append(lines, fmt.Sprintf("r%d,,,,Book %d,,1", i, i))
			}
			lines = append(lines,
				"1,,,,Twice,,",
				",,,,No reference,,",
				"2,,,,,,0.001",
				"3,DURABLE,ACTIVE,,Without a price,2,",
				"hints-10,DURABLE,,,Of another kind,1,1",
				"4,,,ten-hints,Slug of another,,",
				"5,,,new-one,Good,,",
				"6,,,new-one,Slug of line 608,,",
				"7,THING,GONE,Not a slug,Everything wrong,x,x",
				strings.Repeat("8", 256)+",,,,Long reference,,",
				"9\x00,,,,Zero byte,,",
			)
			want := catalog.ImportReport{Bad: []catalog.BadRow{
				{Line: 603, Reason: `reference: Line 2 has the reference "1", too.`},
				{Line: 604, Reason: "reference: Give 1 to 255 characters, not 0."},
				{Line: 605, Reason: `price_usd: "0.001" has too many decimals; USD has 2 decimals. name: Give 1 to 500 characters, not 0.`},
				{Line: 606, Reason: "units: A DURABLE product has 1 unit, not 2. price: An ACTIVE product needs at least one price."},
				{Line: 607, Reason: "kind: The product is CONSUMABLE already and stays so."},
				{Line: 608, Reason: "slug: Another product has the slug ten-hints."},
				{Line: 610, Reason: `slug: Line 609 has the slug "new-one", too.`},
				{Line: 611, Reason: `units: "x" is not a whole number. price_usd: "x" is not an amount; write plain digits such as 12.50. ` +
					`kind: "THING" is not a kind of product; it is DURABLE or CONSUMABLE. ` +
					`status: Set DRAFT or ACTIVE; a product is archived by archiveProduct. ` +
					`slug: A slug has lower-case letters a to z, digits and single hyphens between them, at most 100 characters.`},
				{Line: 612, Reason: "reference: Give 1 to 255 characters, not 256."},
				{Line: 613, Reason: "reference: Line breaks, tabs and other control characters cannot be part of this text."},
			}}
			wantReport(t, s.load(t, catalog.ImportInput{}, lines...), want)
			if n := d.Client().Product.Query().CountX(t.Context()); n != 1 {
				t.Errorf("%d products, want the one that was there", n)
			}

			want.Created = 602
			wantReport(t, s.load(t, catalog.ImportInput{Mode: catalog.KeepGood, DryRun: true}, lines...), want)
			if n := d.Client().Product.Query().CountX(t.Context()); n != 1 {
				t.Errorf("%d products after a dry run, want the one that was there", n)
			}
			wantReport(t, s.load(t, catalog.ImportInput{Mode: catalog.KeepGood}, lines...), want)
			if n := d.Client().Product.Query().CountX(t.Context()); n != 603 {
				t.Errorf("%d products", n)
			}
			want.Created, want.Unchanged = 0, 602
			want.Bad[6].Reason += " slug: Another product has the slug new-one."
			wantReport(t, s.load(t, catalog.ImportInput{Mode: catalog.KeepGood}, lines...), want)
		})
	})

	t.Run("keeps_a_slug_for_the_row_that_asks_for_it", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			wantReport(t, s.load(t, catalog.ImportInput{}, "reference,slug,name", "1,,Poems", "2,,Poems", "3,poems,Verse"), catalog.ImportReport{Created: 3})
			for reference, want := range map[string]string{"1": "poems-2", "2": "poems-3", "3": "poems"} {
				if got := s.byReference(t, reference).Slug; got != want {
					t.Errorf("the slug of %s is %s, want %s", reference, got, want)
				}
			}
		})
	})

	t.Run("tries_without_writing", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			var told []string
			in := catalog.ImportInput{DryRun: true, Progress: func(done, total int) { told = append(told, fmt.Sprint(done, "/", total)) }}
			in.Rows = many(1_100)
			report, err := s.Import(merchandiser(t), in)
			if err != nil {
				t.Fatal(err)
			}
			wantReport(t, report, catalog.ImportReport{Created: 1_100})
			if n := d.Client().Product.Query().CountX(t.Context()); n != 0 {
				t.Errorf("%d products", n)
			}
			if diff := cmp.Diff([]string{"500/1100", "1000/1100", "1100/1100"}, told); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("leaves_archived_products_alone", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			file := []string{"reference,status,name,price_usd", "1,ACTIVE,Poems,1", "2,ARCHIVED,Old poems,1"}
			s.load(t, catalog.ImportInput{}, file...)
			if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: s.byReference(t, "1").ID}); err != nil {
				t.Fatal(err)
			}
			wantReport(t, s.load(t, catalog.ImportInput{}, file...), catalog.ImportReport{Skipped: 1, Unchanged: 1})
			wantReport(t, s.load(t, catalog.ImportInput{}, file[0], "1,ARCHIVED,Poems,1"), catalog.ImportReport{Unchanged: 1})
			if got := s.byReference(t, "1"); got.Status != product.StatusARCHIVED || got.Version != 2 {
				t.Errorf("got %v", got)
			}
		})
	})

	t.Run("writes_nothing_when_it_is_cut_short", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			ctx, cancel := context.WithCancel(merchandiser(t))
			_, err := s.Import(ctx, catalog.ImportInput{Rows: many(1_100), Progress: func(done, _ int) {
				if done == 1_000 {
					cancel()
				}
			}})
			if err == nil {
				t.Fatal("it went on")
			}
			if n := d.Client().Product.Query().CountX(t.Context()); n != 0 {
				t.Errorf("%d products", n)
			}
		})
	})

	t.Run("twice_at_once_makes_nothing_twice", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			reports := make([]catalog.ImportReport, 2)
			for _, err := range race(2, func(i int) (err error) {
				reports[i], err = s.Import(merchandiser(t), catalog.ImportInput{Rows: many(600)})
				return err
			}) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if a, b := reports[0], reports[1]; a.Created+b.Created != 600 || a.Unchanged+b.Unchanged != 600 {
				t.Errorf("reports %+v, %+v", a, b)
			}
		})
	})

	t.Run("makes_products_that_can_be_found_and_bought", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			rows, err := readCSV(t, "Text#,Title,Language,Authors,Subjects\n9,\"Forty Centuries of Ink\nOr, A chronological narrative\",\"en; la\",\"Carvalho, David N., 1848-1925\",Ink; Writing\n",
				"reference=Text#,name=Title,language=Language,creator=Authors,tags=Subjects,status='ACTIVE'", "USD=0.99")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Import(merchandiser(t), catalog.ImportInput{Rows: rows}); err != nil {
				t.Fatal(err)
			}
			found, err := s.List(t.Context(), catalog.ListInput{Filter: catalog.Filter{Search: "carv ink narrative", Tags: []string{"writing"}, Currency: "USD"}})
			if err != nil || len(found.Edges) != 1 {
				t.Fatal(found, err)
			}
			p := found.Edges[0].Node
			if text := catalog.TextIn(p, nil); text.Name != "Forty Centuries of Ink Or, A chronological narrative" || p.Language != "en" {
				t.Errorf("it is called %q in %s", text.Name, p.Language)
			}
			if usd, ok := catalog.PriceIn(p, money.Code("USD")); !ok || usd != amount("0.99") || !catalog.OnSale(p, noon) {
				t.Errorf("it costs %s, %v", usd, ok)
			}
		})
	})
}
