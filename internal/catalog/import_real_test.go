package catalog_test

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/internal/catalog"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
)

// TestImportOfARealFile imports the file that FARTHING_TEST_CATALOG_CSV names, a catalogue of Project Gutenberg.
func TestImportOfARealFile(t *testing.T) {
	t.Parallel()
	path := os.Getenv("FARTHING_TEST_CATALOG_CSV")
	if path == "" {
		t.Skip("set FARTHING_TEST_CATALOG_CSV to run this test")
	}
	mapping, err := catalog.ParseMapping("reference=Text#,status='ACTIVE',name=Title,language=Language,creator=Authors,tags=Subjects,categories=Bookshelves")
	if err != nil {
		t.Fatal(err)
	}
	prices, err := catalog.ParsePrices("USD=0.99,KRW=1200", currencies(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	start := time.Now()
	rows, err := catalog.ReadCSV(file, catalog.CSV{Mapping: mapping, Prices: prices, Currencies: currencies(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("read %d rows in %v", len(rows), time.Since(start))

	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			s, rows := open(t, dbtest.Open(t, store.URL(t))), slices.Clone(rows)
			run := func(what string, in catalog.ImportInput) catalog.ImportReport {
				t.Helper()
				start := time.Now()
				report, err := s.Import(merchandiser(t), in)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %v: %+v", what, time.Since(start), report)
				return report
			}
			run("dry run", catalog.ImportInput{Rows: rows, DryRun: true})
			run("first run", catalog.ImportInput{Rows: rows})
			run("second run", catalog.ImportInput{Rows: rows})
			for i := range rows {
				rows[i].Prices = map[money.Code]*money.Amount{"USD": new(amount("1.49"))}
			}
			run("new prices", catalog.ImportInput{Rows: rows})
			for _, order := range []catalog.Order{catalog.Newest, catalog.Oldest, catalog.Name, catalog.PriceLow, catalog.PriceHigh} {
				start := time.Now()
				in := catalog.ListInput{Order: order, Filter: catalog.Filter{Currency: "USD"}}
				forwards, backwards := walk(t, s, in, 100, false), walk(t, s, in, 100, true)
				slices.Reverse(backwards)
				if seen := len(distinct(forwards)); seen != len(rows) || !slices.Equal(forwards, backwards) {
					t.Errorf("%s: saw %d of %d products, and the other way %d", order, seen, len(rows), len(distinct(backwards)))
				}
				t.Logf("both ways through %s: %v", order, time.Since(start))
			}
		})
	}
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
