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
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// fair is a shop whose offers are told apart by their names.
type fair struct {
	*shop
	t     testing.TB
	names map[uuid.UUID]string
}

func openFair(t testing.TB, d *db.DB) *fair {
	t.Helper()
	return &fair{open(t, d), t, map[uuid.UUID]string{}}
}

// onSale makes an active flash sale on a product, at so many dollars or so many percent, between two hours after noon.
func (f *fair) onSale(name, price string, from, until float64, scope schema.Scope, changes ...func(*offers.CreateFlashSale)) *ent.FlashSale {
	f.t.Helper()
	in := offers.CreateFlashSale{
		Common: active(name), Kind: flashsale.KindFIXED, Scope: scope, StartsAt: hour(from), EndsAt: hour(until),
	}
	if percentage, ok := strings.CutSuffix(price, "%"); ok {
		in.Kind, in.PercentOff = flashsale.KindPERCENTAGE, new(offers.Percent(units(percentage)/(money.Unit/100)))
	} else {
		in.Prices = prices("USD " + price)
	}
	for _, change := range changes {
		change(&in)
	}
	row := f.sell(f.t, in)
	f.names[row.ID] = name
	return row
}

func hour(after float64) *time.Time {
	return new(noon.Add(time.Duration(after * float64(time.Hour))))
}

func only(things ...uuid.UUID) schema.Scope { return schema.Scope{Products: things} }

func (f *fair) bundled(in offers.CreateBundle) *ent.Bundle {
	f.t.Helper()
	row := f.bundle(f.t, in)
	f.names[row.ID] = in.Texts[0].Name
	return row
}

// conflicts tells of conflicts between two hours after noon: "Novel 0h-2h: Friday 8, Weekend 9", the winner first.
func (f *fair) conflicts(from, until float64) []string {
	f.t.Helper()
	return f.conflictsIn("USD", from, until)
}

func (f *fair) conflictsIn(code money.Code, from, until float64) []string {
	f.t.Helper()
	list, err := f.Conflicts(f.t.Context(), currencies(f.t).Of(code), *hour(from), *hour(until))
	if err != nil {
		f.t.Fatal(err)
	}
	told := []string{}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return fmt.Sprintf("%gh", t.Sub(noon).Hours())
	}
	for _, c := range list {
		var contenders []string
		for _, k := range c.Contenders {
			contenders = append(contenders, f.names[k.ID]+" "+k.Price.String())
		}
		told = append(told, fmt.Sprintf("%s %s-%s: %s",
			c.Product.Texts["en"].Name, at(c.Window.Start), at(c.Window.End), strings.Join(contenders, ", ")))
	}
	return told
}

func (f *fair) want(from, until float64, want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), f.conflicts(from, until)); diff != "" {
		f.t.Errorf("conflicts (-want +got):\n%s", diff)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		of   func(f *fair)
	}{
		{"of_two_sales_where_they_overlap", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			f.onSale("Friday", "8", 1, 3, only(novel.ID, atlas.ID))
			f.onSale("Weekend", "30%", 2, 5, only(novel.ID))
			f.onSale("Later", "9", 5, 6, only(novel.ID)) // right behind, and so they do not meet
			f.want(0, 24, "Novel 2h-3h: Weekend 7, Friday 8")
		}},
		{"go_to_the_older_of_equals", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Older", "5", 1, 3, only(novel.ID))
			f.onSale("Younger", "50%", 1, 3, only(novel.ID))
			f.want(0, 24, "Novel 1h-3h: Older 5, Younger 5")
		}},
		{"of_three_change_as_they_come_and_go", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Long", "8", 1, 9, only(novel.ID))
			f.onSale("Middle", "7", 2, 6, only(novel.ID))
			f.onSale("Short", "6", 3, 4, only(novel.ID))
			f.want(0, 24,
				"Novel 2h-3h: Middle 7, Long 8", "Novel 3h-4h: Short 6, Middle 7, Long 8", "Novel 4h-6h: Middle 7, Long 8")
		}},
		{"tell_their_whole_time_when_it_goes_beyond", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Friday", "8", 1, 8, only(novel.ID))
			f.onSale("Weekend", "7", 2, 9, only(novel.ID))
			f.want(3, 4, "Novel 2h-8h: Weekend 7, Friday 8")
			f.want(8, 9)
			f.want(0, 2)
			f.want(7.9999, 9, "Novel 2h-8h: Weekend 7, Friday 8")
		}},
		{"of_drafts_as_if_they_were_active", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Friday", "8", 1, 3, only(novel.ID))
			f.onSale("Planned", "7", 1, 3, only(novel.ID), func(in *offers.CreateFlashSale) { in.Status = offers.StatusDraft })
			f.want(0, 24, "Novel 1h-3h: Planned 7, Friday 8")
		}},
		{"of_what_is_over_are_none", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Friday", "8", 0, 9, only(novel.ID))
			archived := f.onSale("Archived", "7", 0, 9, only(novel.ID))
			ended := f.onSale("Ended", "6", 0, 9, only(novel.ID))
			closed := f.onSale("Closed", "5", 0, 9, only(novel.ID), func(in *offers.CreateFlashSale) { in.Stock = new(int64(5)) })
			if _, err := f.ArchiveFlashSale(merchandiser(f.t), offers.Archive{ID: archived.ID}); err != nil {
				f.t.Fatal(err)
			}
			f.take(f.t, closed.ID, 0, 3)
			f.updateSale(f.t, offers.UpdateFlashSale{CommonChange: offers.CommonChange{ID: closed.ID}, Stock: catalog.To(new(int64(2)))})
			f.set(*hour(2))
			if _, err := f.EndFlashSale(merchandiser(f.t), offers.Archive{ID: ended.ID}); err != nil {
				f.t.Fatal(err)
			}
			f.want(2, 24)
			f.want(1, 24, "Novel 0h-2h: Ended 6, Friday 8")
		}},
		{"by_tags_and_categories", func(f *fair) {
			novel, poems := f.book(f.t, "Novel"), f.poems(f.t, "x")
			f.onSale("Poetry", "8", 1, 3, schema.Scope{Tags: []string{"POÉSIE X"}})
			f.onSale("Books", "7", 1, 3, schema.Scope{Categories: []string{"books x"}, Products: []uuid.UUID{novel.ID}})
			f.want(0, 24, "Poems 1h-3h: Books 7, Poetry 8")
			if _, err := f.catalog.Archive(merchandiser(f.t), catalog.ArchiveInput{ID: poems.ID}); err != nil {
				f.t.Fatal(err)
			}
			f.want(0, 24)
		}},
		{"of_a_sale_and_tiers", func(f *fair) {
			gems := f.gems(f.t, "Gems")
			plan, err := f.CreateTierPlan(merchandiser(f.t), offers.CreateTierPlan{
				Common: active("Bulk"), ProductID: gems.ID, Mode: "VOLUME", StartsAt: hour(2), Tiers: []offers.Tier{
					{From: 1, UpTo: new(int64(9)), Prices: prices("USD 9")}, {From: 10, Prices: prices("USD 5")},
				},
			})
			if err != nil {
				f.t.Fatal(err)
			}
			f.names[plan.ID] = "Bulk"
			f.onSale("Friday", "8", 1, 3, only(gems.ID))
			f.onSale("Equal", "9", 4, 5, only(gems.ID))
			f.want(0, 24, "Gems 2h-3h: Friday 8, Bulk 9", "Gems 4h-5h: Bulk 9, Equal 9")
		}},
		{"of_a_sale_and_a_share_in_a_bundle", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			pair := fixed("Pair", of(novel, 1), of(atlas, 1)) // 15 for 20
			pair.PublishUntil = hour(4)
			f.bundled(pair)
			f.onSale("Friday", "8", 1, 3, only(novel.ID))
			f.onSale("Saturday", "7", 3, 5, only(novel.ID))
			f.want(0, 24, "Novel 1h-3h: Pair 7.5, Friday 8", "Novel 3h-4h: Saturday 7, Pair 7.5")
		}},
		{"of_a_share_of_many_units", func(f *fair) {
			gems, hints := f.gems(f.t, "Gems"), f.gems(f.t, "Hints")
			f.bundled(fixed("Box", of(gems, 7), of(hints, 1))) // 15 for 80: 13.13 for seven gems
			f.onSale("Friday", "3", 1, 3, only(gems.ID))
			f.want(0, 24, "Gems 1h-3h: Box 1.88, Friday 3")
		}},
		{"of_a_sale_on_a_bundle_and_the_bundle_are_none", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			pair := f.bundled(fixed("Pair", of(novel, 1), of(atlas, 1)))
			f.onSale("Friday", "20%", 1, 3, schema.Scope{Bundles: []uuid.UUID{pair.ID}})
			f.want(0, 24)
		}},
		{"of_a_sale_on_a_bundle_and_one_on_its_part", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			pair := f.bundled(fixed("Pair", of(novel, 1), of(atlas, 1)))
			f.onSale("Friday", "20%", 1, 3, schema.Scope{Bundles: []uuid.UUID{pair.ID}}) // 12 for both
			f.onSale("Novels", "7", 2, 4, only(novel.ID))
			f.want(0, 24, "Novel 2h-3h: Friday 6, Novels 7, Pair 7.5", "Novel 3h-4h: Novels 7, Pair 7.5")
		}},
		{"of_a_sale_on_a_bundle_within_another", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			inner := f.bundled(reduced("Single", of(novel, 1)))                           // 8
			f.bundled(fixed("Outer", within(inner, 1), of(atlas, 1)))                     // 7.50 each
			f.onSale("Friday", "50%", 1, 3, schema.Scope{Bundles: []uuid.UUID{inner.ID}}) // 4
			f.want(0, 24, "Novel 1h-3h: Friday 4, Outer 7.5, Single 8")
		}},
		{"of_a_bundle_are_about_its_own_share", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			inner := f.bundled(reduced("Single", of(novel, 1))) // 8
			outer := fixed("Outer", within(inner, 1), of(atlas, 1))
			outer.Prices = prices("USD 18") // 9 each
			f.bundled(outer)
			f.onSale("Friday", "8.5", 1, 3, only(novel.ID))
			f.want(0, 24, "Novel 1h-3h: Single 8, Friday 8.5, Outer 9")
		}},
		{"of_a_sale_on_a_bundle_end_with_the_bundle", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			in := fixed("Pair", of(novel, 1), of(atlas, 1))
			in.PublishUntil = hour(2)
			pair := f.bundled(in)
			f.onSale("Friday", "20%", 1, 5, schema.Scope{Bundles: []uuid.UUID{pair.ID}})
			f.onSale("Novels", "7", 1, 5, only(novel.ID))
			f.want(0, 24, "Novel 1h-2h: Friday 6, Novels 7, Pair 7.5")
		}},
		{"go_on_when_what_does_not_count_comes_and_goes", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Friday", "8", 1, 9, only(novel.ID))
			f.onSale("Weekend", "7", 1, 9, only(novel.ID))
			f.onSale("Euros", "5", 3, 5, only(novel.ID), func(in *offers.CreateFlashSale) { in.Prices = prices("EUR 5") })
			f.want(0, 24, "Novel 1h-9h: Weekend 7, Friday 8")
		}},
		{"of_what_is_not_sold_any_more_are_none", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Friday", "8", 1, 9, only(novel.ID))
			f.onSale("Weekend", "7", 1, 9, only(novel.ID))
			f.archiveProduct(f.t, novel.ID)
			f.want(0, 24)
		}},
		{"of_a_bundle_to_choose_from_are_none", func(f *fair) {
			novel, atlas := f.book(f.t, "Novel"), f.book(f.t, "Atlas")
			f.bundled(choice("Pick", of(novel, 1), of(atlas, 1)))
			f.onSale("Friday", "9", 1, 3, only(novel.ID))
			f.want(0, 24)
		}},
		{"come_again_every_week", func(f *fair) {
			novel := f.book(f.t, "Novel") // noon is a Thursday
			f.onSale("Season", "8", 0, 24*15, only(novel.ID))
			f.onSale("Fridays", "7", 0, 24*100, only(novel.ID), func(in *offers.CreateFlashSale) {
				in.Recurrence = &schema.Recurrence{TimeZone: "Asia/Seoul", Weekdays: []time.Weekday{time.Friday}, From: "18:00", Until: "20:00"}
			})
			f.want(0, 24*28, "Novel 21h-23h: Fridays 7, Season 8", "Novel 189h-191h: Fridays 7, Season 8", "Novel 357h-359h: Fridays 7, Season 8")
		}},
		{"are_in_a_currency", func(f *fair) {
			novel, poems := f.book(f.t, "Novel"), f.poems(f.t, "x") // poems alone are sold in won, at 999
			f.onSale("Dollars", "8", 1, 3, only(novel.ID, poems.ID))
			f.onSale("Half", "50%", 1, 3, only(novel.ID, poems.ID))
			f.onSale("Third", "33%", 1, 2, only(novel.ID, poems.ID))
			if diff := cmp.Diff([]string{"Poems 1h-2h: Half 500, Third 669"}, f.conflictsIn("KRW", 0, 24)); diff != "" {
				f.t.Errorf("(-want +got):\n%s", diff)
			}
		}},
		{"that_lower_nothing_are_none", func(f *fair) {
			novel := f.book(f.t, "Novel")
			f.onSale("Dear", "10", 1, 3, only(novel.ID))
			f.onSale("Dearer", "12", 1, 3, only(novel.ID))
			f.want(0, 24)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { test.of(openFair(t, d)) })
		})
	}

	t.Run("look_at_a_year_at_most", func(t *testing.T) {
		t.Parallel()
		f := openFair(t, dbtest.SQLite(t))
		usd := currencies(t).Of("USD")
		for _, test := range []struct {
			until   time.Time
			refused bool
		}{
			{noon.AddDate(1, 0, 0), false},
			{noon.AddDate(1, 0, 0).Add(time.Microsecond), true},
			{noon, true},
			{noon.Add(-time.Hour), true},
			{noon.Add(time.Microsecond), false},
		} {
			_, err := f.Conflicts(t.Context(), usd, noon, test.until)
			if test.refused {
				wantFaults(t, err, "INVALID_INPUT until")
			} else if err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("look_at_ten_thousand_boundaries_at_most", func(t *testing.T) {
		t.Parallel()
		f := openFair(t, dbtest.SQLite(t))
		novel := f.book(t, "Novel")
		const daily = 14 // that many sales each day of a year have more, that many in a month do not
		for i := range daily {
			f.onSale(fmt.Sprintf("Daily %d", i), "8", 0, 24*400, only(novel.ID), func(in *offers.CreateFlashSale) {
				in.Recurrence = &schema.Recurrence{TimeZone: "UTC", From: "18:00", Until: "20:00", Weekdays: []time.Weekday{
					time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday,
				}}
			})
		}
		usd := currencies(t).Of("USD")
		_, err := f.Conflicts(t.Context(), usd, noon, noon.AddDate(1, 0, 0))
		wantFaults(t, err, "INVALID_INPUT until")
		list, err := f.Conflicts(t.Context(), usd, noon, noon.AddDate(0, 0, 30))
		if len(list) != 30 || err != nil || len(list[0].Contenders) != daily {
			t.Errorf("%d conflicts, %v", len(list), err)
		}
	})
}

// TestConflictsAgreeWithPrices buys the bundles that offers meet on, and pays what the winners make their parts cost.
func TestConflictsAgreeWithPrices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := openFair(t, d)
		usd := currencies(t).Of("USD")
		novel, atlas, poems := f.book(t, "Novel"), f.book(t, "Atlas"), f.book(t, "Poems")
		pair := f.bundled(fixed("Pair", of(novel, 1), of(atlas, 1)))                 // 7.50 each
		trio := f.bundled(reduced("Trio", of(novel, 1), of(atlas, 1), of(poems, 1))) // 8 each
		f.onSale("Novels", "7", 0, 4, only(novel.ID))
		f.onSale("Atlases", "8", 0, 4, only(atlas.ID))
		f.onSale("Trios", "40%", 2, 4, schema.Scope{Bundles: []uuid.UUID{trio.ID}}) // 4.80 each
		f.onSale("All", "5", 3, 5, only(novel.ID, atlas.ID, poems.ID))

		conflicts, err := f.Conflicts(t.Context(), usd, noon, *hour(24))
		if err != nil {
			t.Fatal(err)
		}
		board, err := f.Boards.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		items := []uuid.UUID{pair.ID, trio.ID}
		products, err := catalog.ByIDs(t.Context(), d.Client(), board.Needed(items))
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, after := range []float64{0, 1, 2, 3, 3.5, 4, 5} {
			shelf := board.Shelf(items, offers.View{Now: *hour(after), Currency: usd, Products: products})
			result, err := pricing.Price(shelf, pricing.Buyer{}, []pricing.Item{{ID: pair.ID, Quantity: 1}, {ID: trio.ID, Quantity: 1}})
			if err != nil {
				t.Fatal(err)
			}
			paid := map[uuid.UUID]offers.Contender{}
			for _, line := range result.Lines {
				for _, part := range line.Parts {
					paid[part.Product] = offers.Contender{Kind: part.Adjustments[0].Kind, ID: part.Adjustments[0].Source, Price: part.Total}
				}
			}
			for _, c := range conflicts {
				if c.Window.Contains(*hour(after)) {
					compared++
					if paid[c.Product.ID] != c.Contenders[0] {
						t.Errorf("%gh: %s costs %v, and the winner of %v should be first", after, f.names[c.Product.ID], paid[c.Product.ID], c.Contenders)
					}
				}
			}
		}
		if compared < 10 {
			t.Errorf("%d comparisons", compared)
		}
	})
}
