package catalog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"farthing/ent/product"
	"farthing/internal/catalog"
	"farthing/internal/money"
)

func readCSV(t testing.TB, text, mapping, prices string) ([]catalog.Row, error) {
	t.Helper()
	how := catalog.CSV{Currencies: currencies(t)}
	var err error
	if mapping != "" {
		if how.Mapping, err = catalog.ParseMapping(mapping); err != nil {
			t.Fatal(err)
		}
	}
	if prices != "" {
		if how.Prices, err = catalog.ParsePrices(prices, how.Currencies); err != nil {
			t.Fatal(err)
		}
	}
	return catalog.ReadCSV(strings.NewReader(text), how)
}

func TestReadCSV(t *testing.T) {
	t.Parallel()

	t.Run("reads_every_column", func(t *testing.T) {
		t.Parallel()
		rows, err := readCSV(t, "\ufeffReference, KIND ,status,slug,language,name,description,creator,tags,categories,units,image_url,price_usd,Price_KRW,publish_from,publish_until\r\n"+
			`r-1,consumable,active,ten-hints,"ko; en","Ten`+"\r\n  hints\",\" first\r\nsecond \",Studio,a; b ;;c,Games,10,https://example.com/x.png,0.50,,2026-12-24,2026-12-25T09:00:00+09:00\r\n"+
			"r-2,,,,,Book,,,,,,,,1200,,\r\n", "", "")
		if err != nil {
			t.Fatal(err)
		}
		midnight := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
		want := []catalog.Row{
			{
				Line: 2, Reference: "r-1", Kind: catalog.To(product.KindCONSUMABLE), Status: catalog.To(product.StatusACTIVE),
				Slug: catalog.To("ten-hints"), Language: "ko", Name: catalog.To("Ten hints"), Description: catalog.To("first\nsecond"),
				Creator: catalog.To("Studio"), Tags: catalog.To([]string{"a", "b", "c"}), Categories: catalog.To([]string{"Games"}),
				Units: catalog.To(10), Image: catalog.To("https://example.com/x.png"),
				Prices:      map[money.Code]*money.Amount{"USD": new(amount("0.50")), "KRW": nil},
				PublishFrom: catalog.To(&midnight), PublishUntil: catalog.To(new(midnight.Add(24 * time.Hour))),
			},
			{
				Line: 5, Reference: "r-2", Name: catalog.To("Book"), Description: catalog.To(""), Creator: catalog.To(""),
				Tags: catalog.To[[]string](nil), Categories: catalog.To[[]string](nil),
				Prices:      map[money.Code]*money.Amount{"USD": nil, "KRW": new(amount("1200"))},
				PublishFrom: catalog.To[*time.Time](nil), PublishUntil: catalog.To[*time.Time](nil),
			},
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})

	t.Run("reads_another_file_by_a_mapping", func(t *testing.T) {
		t.Parallel()
		rows, err := readCSV(t, "Text#,Title,Authors,Price\n7,Poems,\"Doe, Jane\",2\n",
			"reference=Text#, name = title ,creator=Authors,kind='DURABLE',tags='Tom''s, own; poems',price_eur=Price", "USD=0.99,krw = 1200")
		if err != nil {
			t.Fatal(err)
		}
		want := []catalog.Row{{
			Line: 2, Reference: "7", Name: catalog.To("Poems"), Creator: catalog.To("Doe, Jane"), Kind: catalog.To(product.KindDURABLE),
			Tags:   catalog.To([]string{"Tom's, own", "poems"}),
			Prices: map[money.Code]*money.Amount{"USD": new(amount("0.99")), "KRW": new(amount("1200")), "EUR": new(amount("2"))},
		}}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})

	t.Run("says_of_every_bad_row_what_is_wrong", func(t *testing.T) {
		t.Parallel()
		rows, err := readCSV(t, "reference,name,units,price_usd,publish_from\n"+
			"1,good,1,1,\n"+
			"2,\"two\nlines\",many,0.001,tomorrow\n"+
			"3,short\n"+
			"4,a \"quote\",1,1,\n"+
			"5,\xff,1,1,\n"+
			"6,good,1,NaN,2026-12-24T18:00:00\n"+
			"7,good,1,1,\n"+
			"8,\"never closed,1,1,\n", "", "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows {
			got = append(got, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Problems, " ")))
		}
		want := []string{
			"2: ",
			`3: units: "many" is not a whole number. price_usd: "0.001" has too many decimals; USD has 2 decimals. ` +
				`publish_from: "tomorrow" is not an instant such as 2026-12-24T18:00:00Z, nor a day such as 2026-12-24.`,
			"5: row: It has 2 cells, and the first line has 5.",
			"6: row: A quote stands in a cell that is not in quotes; put the cell in quotes and write the quote twice.",
			"7: name: The text is not in UTF-8.",
			`8: price_usd: "NaN" is not an amount; write plain digits such as 12.50. ` +
				`publish_from: "2026-12-24T18:00:00" is not an instant such as 2026-12-24T18:00:00Z, nor a day such as 2026-12-24.`,
			"9: ",
			"10: row: A cell in quotes does not end with a quote, or a quote in it is not written twice.",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})

	t.Run("shortens_a_credit_line_of_many_names", func(t *testing.T) {
		t.Parallel()
		list := strings.Repeat("Doe, Jane [Editor]; ", 40)
		rows, err := readCSV(t, "reference,name,creator\n1,a,\""+list+"\"\n2,b,"+strings.Repeat("x", 501)+"\n", "", "")
		if err != nil {
			t.Fatal(err)
		}
		got := rows[0].Creator.Value
		if n := utf8.RuneCountInString(got); n > 500 || n < 480 || !strings.HasSuffix(got, "; Doe, Jane [Editor]; …") {
			t.Errorf("%d characters: %q", n, got)
		}
		if rows[1].Creator.Value != strings.Repeat("x", 501) {
			t.Error("one long name was cut")
		}
	})

	for _, test := range []struct{ name, file, mapping, prices, want string }{
		{"an_empty_file", "", "", "", "the file is empty"},
		{"a_file_in_utf_16", "\xff\xfer\x00", "", "", "UTF-16"},
		{"a_header_that_is_no_text", "reference,n\xffme\n", "", "", "not in UTF-8"},
		{"an_unknown_column", "reference,prise_usd\n", "", "", `"prise_usd" is not a column of an import; there are reference, kind,`},
		{"a_column_twice", "reference,name,Name\n", "", "", `two columns "name"`},
		{"no_reference", "name\n", "", "", "there is no column reference"},
		{"semicolons", "reference;name\n", "reference=reference;name,kind='DURABLE'", "", ""},
		{"semicolons_between_columns", "reference;name\n1;a\n", "", "", "is not a column of an import"},
		{"a_currency_not_traded_in", "reference,price_xyz\n", "", "", "price_xyz: this shop does not trade in the currency"},
		{"a_price_from_two_places", "reference,price_usd\n", "", "USD=1", "price_usd: there is a price for every row"},
		{"a_mapped_column_that_is_not_there", "Text#,Title\n", "reference=Text#,name=Titel", "", `no column "Titel"; it has Text#, Title`},
		{"a_mapping_without_reference", "Text#,Title\n", "name=Title", "", "there is no column reference"},
		{"too_many_rows", "reference\n" + strings.Repeat("1\n", 200_001), "", "", "more than 200000 rows"},
	} {
		t.Run("refuses_"+test.name, func(t *testing.T) {
			t.Parallel()
			_, err := readCSV(t, test.file, test.mapping, test.prices)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseMappingRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", "is not a rule"},
		{"name", "is not a rule"},
		{"name=", "is not a rule"},
		{"title=Title", `"title" is not a column`},
		{"name=A,name=B", "name is mapped twice"},
		{"kind='DURABLE", "does not end with a quote"},
	} {
		if _, err := catalog.ParseMapping(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParseMapping(%q): %v, want %q", test.text, err, test.want)
		}
	}
}

func TestParsePricesRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", "is not a price"},
		{"0.99", "is not a price"},
		{"XYZ=1", `does not trade in "XYZ"`},
		{"USD=1,usd=2", "USD has two prices"},
		{"USD=0.999", "too many decimals"},
		{"USD=1e3", "not an amount"},
	} {
		if _, err := catalog.ParsePrices(test.text, currencies(t)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParsePrices(%q): %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{
		"reference,name\n1,a\n", "\ufeffreference\r\n1\r\n", "reference,price_usd\n1,0.99\n", "reference,tags\n\"1\n2\",a;b\n",
		"reference\n\"", "a\"b\n", "reference,units\n1,2,3\n", "\xff\xfe", "reference,creator\n1," + strings.Repeat("a;", 300) + "\n",
	} {
		f.Add(seed)
	}
	known := currencies(f)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := catalog.ReadCSV(strings.NewReader(text), catalog.CSV{Currencies: known})
		if err != nil {
			return
		}
		line, lines := 1, strings.Count(text, "\n")+1
		for _, row := range rows {
			if row.Line <= line || row.Line > lines {
				t.Fatalf("a row at line %d follows one at line %d of %d", row.Line, line, lines)
			}
			line = row.Line
			if !utf8.ValidString(row.Reference) || strings.ContainsAny(row.Name.Value, "\r\n\t") {
				t.Fatalf("not one line of text: %+v", row)
			}
		}
	})
}
