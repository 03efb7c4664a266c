package offers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
	"farthing/internal/offers"
)

// past is a shop and a product of it whose history is being made, from days before noon on.
type past struct {
	*shop

	t testing.TB
	p *ent.Product
	// sale is the latest that was made.
	sale *ent.FlashSale
}

const day = 24 * time.Hour

// ago is an instant so many days before noon.
func ago(days float64) *time.Time { return new(noon.Add(-time.Duration(days * float64(day)))) }

// at sets the clock to so many days before noon.
func (p *past) at(days float64) *past {
	p.set(*ago(days))
	return p
}

// cost sets the product's list prices.
func (p *past) cost(list ...string) {
	p.t.Helper()
	_, err := p.catalog.Update(merchandiser(p.t), catalog.UpdateInput{ID: p.p.ID, Prices: catalog.To(prices(list...))})
	if err != nil {
		p.t.Fatal(err)
	}
}

// off puts the product on sale, with a percentage off, between days before noon.
func (p *past) off(hundredths offers.Percent, from, until float64, changes ...func(in *offers.CreateFlashSale)) {
	p.t.Helper()
	in := fifth(p.p.ID)
	in.PercentOff, in.StartsAt, in.EndsAt = new(hundredths), ago(from), ago(until)
	for _, change := range changes {
		change(&in)
	}
	p.sale = p.sell(p.t, in)
}

// amend changes the latest sale.
func (p *past) amend(change func(in *offers.UpdateFlashSale)) {
	p.t.Helper()
	in := offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: p.sale.ID}}
	change(&in)
	p.updateSale(p.t, in)
}

func TestLowest(t *testing.T) {
	t.Parallel()
	micro := float64(time.Microsecond) / float64(day)
	cases := []struct {
		name string
		// happens makes the history of a product that costs 10 dollars since 100 days.
		happens func(p *past)
		// want is the lowest price in dollars of the 30 days before noon; "none" when there is none.
		want string
	}{
		{"a price that never changed", func(*past) {}, "10"},
		{"a rise right before the sale does not make a reduction", func(p *past) { p.at(5).cost("USD 20") }, "10"},
		{"a rise the moment before", func(p *past) { p.at(micro).cost("USD 20") }, "10"},
		{"a rise with the sale itself", func(p *past) { p.at(0).cost("USD 20") }, "10"},
		{"a rise 31 days ago", func(p *past) { p.at(31).cost("USD 20") }, "20"},
		{"a rise exactly 30 days ago", func(p *past) { p.at(30).cost("USD 20") }, "20"},
		{"a rise less than 30 days ago", func(p *past) { p.at(30 - micro).cost("USD 20") }, "10"},
		{"a low price for an hour", func(p *past) { p.at(7).cost("USD 6"); p.at(7 - 1.0/24).cost("USD 12") }, "6"},
		{"many steps before the 30 days count once, the last", func(p *past) {
			for i := range 20 {
				p.at(90 - float64(i)).cost(fmt.Sprintf("USD %d", 1+i))
			}
		}, "20"},
		{"a fall with the sale itself is later", func(p *past) { p.at(0).cost("USD 1") }, "10"},

		{"a sale before", func(p *past) { p.at(20).off(2000, 20, 18) }, "8"},
		{"a sale that was over 30 days ago", func(p *past) { p.at(40).off(2000, 40, 30) }, "10"},
		{"a sale that was just not over 30 days ago", func(p *past) { p.at(40).off(2000, 40, 30-micro) }, "8"},
		{"a sale to the very beginning of this one, back to back", func(p *past) { p.at(3).off(2000, 3, 0) }, "8"},
		{"a parallel sale that began before", func(p *past) { p.at(3).off(2000, 3, -3) }, "8"},
		{"a sale that begins with this one", func(p *past) { p.at(3).off(2000, 0, -3) }, "10"},
		{"a sale that was made later for earlier", func(p *past) { p.at(5).off(2000, 50, -1) }, "8"},
		{"a sale that was made only at the end for earlier", func(p *past) { p.at(0).off(2000, 50, -1) }, "10"},
		{"the best of several sales, not their sum", func(p *past) { p.at(25).off(2000, 25, 5); p.at(20).off(3000, 20, 15) }, "7"},

		{"a sale whose price was changed in mid-flight, for a minute", func(p *past) {
			p.at(20).off(2000, 20, 10)
			p.at(15).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(5000))) })
			p.at(15 - 1.0/24/60).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(1000))) })
		}, "5"},
		{"a sale that was better before the 30 days", func(p *past) {
			p.at(50).off(5000, 50, 10)
			p.at(30).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(1000))) })
		}, "9"},
		{"a sale that was better before the list price fell", func(p *past) {
			p.at(25).off(5000, 25, 10)
			p.at(24).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(1000))) })
			p.at(20).cost("USD 8")
		}, "5"},
		{"a sale that was changed only after it was over", func(p *past) {
			p.at(20).off(2000, 20, 18)
			p.at(10).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(9000))) })
		}, "8"},
		{"a sale that became a better one at noon", func(p *past) {
			p.at(20).off(2000, 20, -1)
			p.at(0).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(5000))) })
		}, "8"},
		{"a percentage that was off another list price at the time", func(p *past) {
			p.at(20).off(5000, 20, 10)
			p.at(15).cost("USD 30")
		}, "5"},
		{"a percentage off a dear price", func(p *past) {
			p.at(40).cost("USD 30")
			p.at(20).off(5000, 20, 18)
			p.at(17).cost("USD 18")
		}, "15"},

		{"a draft", func(p *past) {
			p.at(20).off(2000, 20, 10, func(in *offers.CreateFlashSale) { in.Status = offers.StatusDraft })
		}, "10"},
		{"a draft that became active on its last day", func(p *past) {
			p.at(20).off(2000, 20, 10, func(in *offers.CreateFlashSale) { in.Status = offers.StatusDraft })
			p.at(11).amend(func(in *offers.UpdateFlashSale) { in.Status = catalog.To(offers.StatusActive) })
		}, "8"},
		{"a draft that became active when it was over", func(p *past) {
			p.at(20).off(2000, 20, 10, func(in *offers.CreateFlashSale) { in.Status = offers.StatusDraft })
			p.at(9).amend(func(in *offers.UpdateFlashSale) { in.Status = catalog.To(offers.StatusActive) })
		}, "10"},
		{"a sale that was put away before the 30 days", func(p *past) {
			p.at(40).off(2000, 40, 10)
			if _, err := p.at(31).ArchiveFlashSale(merchandiser(p.t), offers.Archive{ID: p.sale.ID}); err != nil {
				p.t.Fatal(err)
			}
		}, "10"},
		{"a sale that was put away in them", func(p *past) {
			p.at(40).off(2000, 40, 10)
			if _, err := p.at(29).ArchiveFlashSale(merchandiser(p.t), offers.Archive{ID: p.sale.ID}); err != nil {
				p.t.Fatal(err)
			}
		}, "8"},
		{"a sale that was ended before the 30 days", func(p *past) {
			p.at(40).off(2000, 40, 10)
			if _, err := p.at(31).EndFlashSale(merchandiser(p.t), offers.Archive{ID: p.sale.ID}); err != nil {
				p.t.Fatal(err)
			}
		}, "10"},
		{"a sale that was ended before it began", func(p *past) {
			p.at(40).off(2000, 20, 10)
			if _, err := p.at(31).EndFlashSale(merchandiser(p.t), offers.Archive{ID: p.sale.ID}); err != nil {
				p.t.Fatal(err)
			}
		}, "10"},

		{"a recurring sale, in its window a week before", func(p *past) {
			p.at(90).off(2000, 90, 1, recurring("Thu 12:00-14:00 UTC")) // noon is one, too
		}, "8"},
		{"a recurring sale that ended before", func(p *past) { p.at(90).off(2000, 90, 31, recurring("daily 12:00-14:00 UTC")) }, "10"},
		{"a recurring sale that was better between its windows only", func(p *past) {
			p.at(90).off(2000, 90, 1, recurring("Thu 12:00-14:00 UTC"))
			p.at(5).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(9000))) })
			p.at(1).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(1000))) })
		}, "8"},
		{"a recurring sale that was better in a window", func(p *past) {
			p.at(90).off(2000, 90, 1, recurring("Thu 12:00-14:00 UTC"))
			p.at(7.5).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(4000))) })
			p.at(6.5).amend(func(in *offers.UpdateFlashSale) { in.PercentOff = catalog.To(new(offers.Percent(1000))) })
		}, "6"},
		{"a list price that was there between windows only", func(p *past) {
			p.at(90).off(5000, 90, 1, recurring("Thu 12:00-14:00 UTC"))
			p.at(5).cost("USD 6") // the sale would make 3 of it
			p.at(1).cost("USD 10")
		}, "5"},

		{"not sold in the currency", func(p *past) { p.at(40).cost("EUR 1") }, "none"},
		{"not sold in the currency for some days", func(p *past) { p.at(40).cost("EUR 1"); p.at(10).cost("EUR 1", "USD 12") }, "12"},
		{"sold in the currency until 30 days ago", func(p *past) { p.at(30).cost("EUR 1"); p.at(0).cost("USD 3") }, "none"},
		{"sold in the currency until a moment later", func(p *past) { p.at(30 - micro).cost("EUR 1"); p.at(0).cost("USD 3") }, "10"},
		{"a sale while it was not sold in the currency", func(p *past) {
			p.at(25).cost("EUR 1")
			p.at(20).off(5000, 20, 15)
			p.at(10).cost("USD 10")
		}, "10"},
		{"free", func(p *past) { p.at(10).cost("USD 0"); p.at(9).cost("USD 10") }, "0"},

		{"a fixed price", func(p *past) { p.at(20).off(0, 20, 10, fixedPrice("USD 7.77")) }, "7.77"},
		{"a fixed price in another currency", func(p *past) { p.at(20).off(0, 20, 10, fixedPrice("EUR 1")) }, "10"},
		{"a fixed price above the list price", func(p *past) { p.at(20).off(0, 20, 10, fixedPrice("USD 11")) }, "10"},
		{"everything off", func(p *past) { p.at(20).off(10_000, 20, 10) }, "0"},
		{"half a cent is rounded up", func(p *past) { p.at(40).cost("USD 0.99"); p.at(20).off(5000, 20, 10) }, "0.5"},

		{"by tag, whatever its case", func(p *past) {
			p.at(20).off(2000, 20, 10, scoped(schema.Scope{Tags: []string{"other", strings.ToUpper(p.p.Tags[0])}}))
		}, "8"},
		{"by category", func(p *past) {
			p.at(20).off(2000, 20, 10, scoped(schema.Scope{Categories: []string{strings.ToLower(p.p.Categories[0])}}))
		}, "8"},
		{"by another tag and category", func(p *past) {
			p.at(20).off(2000, 20, 10, scoped(schema.Scope{Tags: p.p.Categories, Categories: p.p.Tags}))
		}, "10"},
		{"another product", func(p *past) {
			p.at(20).off(2000, 20, 10, scoped(schema.Scope{Products: []uuid.UUID{p.book(p.t, "Prose").ID}}))
		}, "10"},
		{"a product that the sale came to later", func(p *past) {
			p.at(20).off(2000, 20, 10, scoped(schema.Scope{Categories: []string{"other"}}))
			p.at(15).amend(func(in *offers.UpdateFlashSale) { in.Scope = catalog.To(schema.Scope{Products: []uuid.UUID{p.p.ID}}) })
		}, "8"},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, test := range cases {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				p := &past{shop: open(t, d), t: t}
				p.p = p.at(100).poems(t, test.name)
				test.happens(p)
				asked := offers.Anchor{Product: p.p.ID, Currency: "USD", Start: noon}
				found, err := p.Lowest(t.Context(), d.Client(), []offers.Anchor{asked})
				if err != nil {
					t.Fatal(err)
				}
				got := "none"
				if amount, ok := found[asked]; ok {
					got = amount.String()
				}
				if got != test.want {
					t.Errorf("the lowest price was %s, want %s", got, test.want)
				}
			})
		}
	})
}

// poems is a book at 10 dollars, with labels of its own.
func (s *shop) poems(t testing.TB, label string) *ent.Product {
	t.Helper()
	p, err := s.catalog.Create(merchandiser(t), catalog.CreateInput{
		Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Texts: texts("Poems"), Prices: prices("USD 10", "KRW 999", "GEM 7"),
		Tags: []string{"poésie " + label}, Categories: []string{"Books " + label},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func recurring(text string) func(in *offers.CreateFlashSale) {
	return func(in *offers.CreateFlashSale) { in.Recurrence = weekly(text) }
}

func fixedPrice(list ...string) func(in *offers.CreateFlashSale) {
	return func(in *offers.CreateFlashSale) {
		in.Kind, in.PercentOff, in.Prices = flashsale.KindFIXED, nil, prices(list...)
	}
}

func scoped(scope schema.Scope) func(in *offers.CreateFlashSale) {
	return func(in *offers.CreateFlashSale) { in.Scope = scope }
}

// TestLowestOfMany asks for products, currencies and beginnings at once, each of which has an answer of its own.
func TestLowestOfMany(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := &past{shop: open(t, d), t: t}
		p.p = p.at(100).poems(t, "")
		poems := p.p.ID
		prose := p.at(35).book(t, "Prose").ID
		p.at(60).off(1500, 60, 50)
		p.at(20).off(5000, 20, 10, scoped(schema.Scope{Products: []uuid.UUID{prose}}))
		p.at(10).cost("USD 4", "KRW 999")

		want := map[offers.Anchor]money.Amount{
			{Product: poems, Currency: "USD", Start: *ago(70)}: units("10"),
			{Product: poems, Currency: "USD", Start: *ago(50)}: units("8.5"),
			{Product: poems, Currency: "KRW", Start: *ago(50)}: units("849"), // of 849.15
			{Product: poems, Currency: "GEM", Start: *ago(50)}: units("6"),   // of 5.95
			{Product: poems, Currency: "USD", Start: *ago(15)}: units("10"),
			{Product: poems, Currency: "USD", Start: noon}:     units("4"),
			{Product: poems, Currency: "GEM", Start: noon}:     units("7"),
			{Product: prose, Currency: "USD", Start: noon}:     units("5"),
			{Product: prose, Currency: "USD", Start: *ago(20)}: units("10"),
		}
		asked := []offers.Anchor{
			{Product: prose, Currency: "KRW", Start: noon},
			{Product: prose, Currency: "USD", Start: *ago(40)},
			{Product: poems, Currency: "USD", Start: *ago(100)},
			{Product: uuid.New(), Currency: "USD", Start: noon},
		}
		for a := range want {
			asked = append(asked, a)
		}
		got, err := p.Lowest(t.Context(), d.Client(), asked)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lowest prices (-want +got):\n%s", diff)
		}
		if none, err := p.Lowest(t.Context(), d.Client(), nil); err != nil || len(none) > 0 {
			t.Errorf("nothing asked, Lowest = %v, %v", none, err)
		}
	})
}

// A bundle with a price of its own has a history of its own, and sales of its own.
func TestLowestOfABundle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := &past{shop: open(t, d), t: t}
		p.at(90)
		one, other := p.book(t, "One"), p.book(t, "Other")
		pack, err := p.CreateBundle(merchandiser(t), offers.CreateBundle{
			Common: active("Pack"), Kind: "FIXED", Prices: prices("USD 8"),
			Components: []offers.Component{{ProductID: one.ID, Quantity: 1}, {ProductID: other.ID, Quantity: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p.at(40)
		if _, err := p.UpdateBundle(merchandiser(t), offers.UpdateBundle{
			CommonChange: offers.CommonChange{ID: pack.ID}, Prices: catalog.To(prices("USD 9")),
		}); err != nil {
			t.Fatal(err)
		}
		p.p = one // what is off is the bundle, not what is in it
		p.off(5000, 20, 19, scoped(schema.Scope{Bundles: []uuid.UUID{pack.ID}}))
		p.set(noon)
		anchors := []offers.Anchor{
			{Product: pack.ID, Currency: "USD", Start: noon},
			{Product: pack.ID, Currency: "USD", Start: *ago(20)},
			{Product: pack.ID, Currency: "KRW", Start: noon},
		}
		lowest, err := p.Lowest(t.Context(), d.Client(), anchors)
		if err != nil {
			t.Fatal(err)
		}
		want := map[offers.Anchor]money.Amount{anchors[0]: units("4.50"), anchors[1]: units("8")}
		if diff := cmp.Diff(want, lowest); diff != "" {
			t.Errorf("lowest prices (-want +got):\n%s", diff)
		}
	})
}
