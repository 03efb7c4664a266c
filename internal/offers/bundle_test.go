package offers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/bundle"
	"farthing/ent/bundlecomponent"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// fixed is the input of an active FIXED bundle with a name, at 15 dollars, of one of each.
func fixed(name string, components ...offers.Component) offers.CreateBundle {
	return offers.CreateBundle{
		Common: active(name), Kind: bundle.KindFIXED, Components: components, Prices: prices("USD 15"),
	}
}

// reduced is the input of an active bundle with a name that takes 20 percent off.
func reduced(name string, components ...offers.Component) offers.CreateBundle {
	return offers.CreateBundle{
		Common: active(name), Kind: bundle.KindPERCENTAGE, Components: components, PercentOff: new(offers.Percent(2000)),
	}
}

// choice is the input of an active bundle with a name, of which a buyer chooses one thing for 8 dollars.
func choice(name string, components ...offers.Component) offers.CreateBundle {
	in := fixed(name, components...)
	in.Kind, in.Choose, in.Prices = bundle.KindCHOOSE, new(1), prices("USD 8")
	return in
}

func of(p *ent.Product, quantity int64) offers.Component {
	return offers.Component{ProductID: p.ID, Quantity: quantity}
}

func within(b *ent.Bundle, quantity int64) offers.Component {
	return offers.Component{BundleID: b.ID, Quantity: quantity}
}

func (s *shop) bundle(t testing.TB, in offers.CreateBundle) *ent.Bundle {
	t.Helper()
	row, err := s.CreateBundle(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateBundle(%q): %v", in.Texts[0].Name, err)
	}
	return row
}

func (s *shop) updateBundle(t testing.TB, in offers.UpdateBundle) *ent.Bundle {
	t.Helper()
	row, err := s.UpdateBundle(merchandiser(t), in)
	if err != nil {
		t.Fatalf("UpdateBundle: %v", err)
	}
	return row
}

func (s *shop) archiveBundle(t testing.TB, id uuid.UUID) *ent.Bundle {
	t.Helper()
	row, err := s.ArchiveBundle(merchandiser(t), offers.Archive{ID: id})
	if err != nil {
		t.Fatalf("ArchiveBundle: %v", err)
	}
	return row
}

// componentsOf are the components of a row: "<id> × 3".
func componentsOf(row *ent.Bundle) []string {
	var list []string
	for _, c := range row.Edges.Components {
		thing := c.ProductID
		if thing == nil {
			thing = c.InnerID
		}
		list = append(list, fmt.Sprintf("%s × %d", thing, c.Quantity))
	}
	return list
}

func TestCreateBundle(t *testing.T) {
	t.Parallel()

	t.Run("stores_what_was_given", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, gems := s.book(t, "The Raven"), s.gems(t, "Gems")
			inner := s.bundle(t, reduced("Coins", of(gems, 5)))
			in := fixed(" Tales ", of(raven, 1), of(gems, 7), within(inner, 3))
			in.Texts = append(in.Texts, catalog.Text{Language: "DE", Name: "Märchen", Description: "Zwei\r\nZeilen"})
			in.Prices = prices("USD 15", "KRW 20000")
			in.PublishFrom, in.PublishUntil = new(noon.Add(1)), new(noon.Add(time.Hour))
			made := s.bundle(t, in)
			stored, err := offers.BundleBySlug(t.Context(), d.Client(), "tales")
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range []*ent.Bundle{made, stored} {
				if row.ID != made.ID || row.Status != bundle.StatusACTIVE || row.Kind != bundle.KindFIXED || row.Version != 1 ||
					row.Language != "en" || row.Texts["en"].Name != "Tales" || row.Texts["de"].Description != "Zwei\nZeilen" ||
					row.BasisPoints != 0 || row.Choose != 0 || row.Prices["KRW"] != units("20000") || len(row.Prices) != 2 ||
					!row.PublishFrom.Equal(noon) || !row.PublishUntil.Equal(noon.Add(time.Hour)) ||
					!row.CreatedAt.Equal(noon) || !row.UpdatedAt.Equal(noon) {
					t.Errorf("got %v", row)
				}
				want := []string{raven.ID.String() + " × 1", gems.ID.String() + " × 7", inner.ID.String() + " × 3"}
				if diff := cmp.Diff(want, componentsOf(row)); diff != "" {
					t.Errorf("components (-want +got):\n%s", diff)
				}
			}
			s.wantPriceHistory(t, made.ID, "KRW 20000", "USD 15")
			s.wantAudit(t, made.ID, "prices", `mila createBundle - {"KRW":"20000","USD":"15"}`)

			pick := choice("Pick", of(raven, 1), of(gems, 2))
			pick.PercentOff, pick.Prices = new(offers.Percent(1250)), nil
			if row := s.bundle(t, pick); row.BasisPoints != 1250 || row.Choose != 1 || len(row.Prices) != 0 {
				t.Errorf("got %v", row)
			}
			if row := s.bundle(t, choice("Pick", of(raven, 1), of(gems, 2))); row.Choose != 1 || row.Prices["USD"] != units("8") {
				t.Errorf("got %v", row)
			}
			half := reduced("Half", of(raven, 1))
			half.PercentOff, half.Status = new(offers.Percent(10000)), offers.StatusDraft
			if row := s.bundle(t, half); row.BasisPoints != 10000 || row.Status != bundle.StatusDRAFT {
				t.Errorf("got %v", row)
			}
		})
	})

	t.Run("makes_slugs_from_names", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven := s.book(t, "Poems") // which has the slug poems among products
			var got []string
			for _, name := range []string{"Poems", "Poëms!", "poems", "시"} {
				got = append(got, s.bundle(t, reduced(name, of(raven, 1))).Slug)
			}
			in := reduced("Poems", of(raven, 1))
			in.Slug = new("verses")
			got = append(got, s.bundle(t, in).Slug)
			if !strings.HasPrefix(got[3], "bundle-") {
				t.Errorf("the slug of a name without letters is %s", got[3])
			}
			if want := []string{"poems", "poems-2", "poems-3", got[3], "verses"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	})

	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, crow, gems, gone := s.book(t, "The Raven"), s.book(t, "The Crow"), s.gems(t, "Gems"), s.book(t, "The Dodo")
			inner := s.bundle(t, reduced("Birds", of(raven, 1)))
			coins := s.bundle(t, reduced("Coins", of(gems, 2)))
			pick := s.bundle(t, choice("Pick", of(raven, 1), of(crow, 1)))
			lost := s.bundle(t, reduced("Lost", of(gone, 1)))
			s.archiveProduct(t, gone.ID)
			s.archiveBundle(t, lost.ID)
			before := s.db.Client().AuditEntry.Query().CountX(t.Context())
			deep := coins
			for i := range 9 {
				deep = s.bundle(t, reduced(fmt.Sprint("Deep ", i), within(deep, 1)))
			}
			before += 9
			for _, test := range []struct {
				name   string
				change func(*offers.CreateBundle)
				want   []string
			}{
				{"an_unknown_kind", func(in *offers.CreateBundle) { in.Kind = "OTHER" }, []string{"kind"}},
				{"an_archived_one", func(in *offers.CreateBundle) { in.Status = offers.StatusArchived }, []string{"status"}},
				{"no_text", func(in *offers.CreateBundle) { in.Texts = nil }, []string{"texts"}},
				{"a_slug_that_is_none", func(in *offers.CreateBundle) { in.Slug = new("A b") }, []string{"slug"}},
				{"a_slug_of_another", func(in *offers.CreateBundle) { in.Slug = new("birds") }, []string{"slug"}},
				{"no_components", func(in *offers.CreateBundle) { in.Components = nil }, []string{"components"}},
				{"too_many_components", func(in *offers.CreateBundle) { in.Components = slices.Repeat(in.Components, 101) }, []string{"components"}},
				{"a_component_of_nothing", func(in *offers.CreateBundle) { in.Components[1] = offers.Component{Quantity: 1} }, []string{"components.1.productId"}},
				{"a_component_of_two_things", func(in *offers.CreateBundle) { in.Components[1].BundleID = inner.ID }, []string{"components.1.bundleId"}},
				{"an_unknown_product", func(in *offers.CreateBundle) { in.Components[1].ProductID = uuid.New() }, []string{"components.1.productId"}},
				{"an_unknown_bundle", func(in *offers.CreateBundle) {
					in.Components[1] = offers.Component{BundleID: uuid.New(), Quantity: 1}
				}, []string{"components.1.bundleId"}},
				{"an_archived_product", func(in *offers.CreateBundle) { in.Components[1] = of(gone, 1) }, []string{"components.1.productId"}},
				{"an_archived_bundle", func(in *offers.CreateBundle) { in.Components[1] = within(lost, 1) }, []string{"components.1.bundleId"}},
				{"a_product_twice", func(in *offers.CreateBundle) { in.Components[1] = of(raven, 1) }, []string{"components.1.productId"}},
				{"a_bundle_twice", func(in *offers.CreateBundle) {
					in.Components = []offers.Component{within(coins, 1), within(coins, 2)}
				}, []string{"components.1.bundleId"}},
				{"no_quantity", func(in *offers.CreateBundle) { in.Components[1].Quantity = 0 }, []string{"components.1.quantity"}},
				{"too_large_a_quantity", func(in *offers.CreateBundle) { in.Components[1].Quantity = 10_000 }, []string{"components.1.quantity"}},
				{"two_of_a_durable", func(in *offers.CreateBundle) { in.Components[0].Quantity = 2 }, []string{"components.0.quantity"}},
				{"two_of_a_durable_within", func(in *offers.CreateBundle) { in.Components[0] = within(inner, 2) }, []string{"components.0.quantity"}},
				{"too_many_of_one_product_within", func(in *offers.CreateBundle) { in.Components[0] = within(coins, 5_000) }, []string{"components"}},
				{"a_choice_within", func(in *offers.CreateBundle) { in.Components[0] = within(pick, 1) }, []string{"components.0.bundleId"}},
				{"a_bundle_in_a_choice", func(in *offers.CreateBundle) {
					*in = choice("Pick", within(inner, 1), of(gems, 1))
				}, []string{"components.0.bundleId"}},
				{"eleven_bundles_in_each_other", func(in *offers.CreateBundle) { in.Components[0] = within(deep, 1) }, []string{"components.0.bundleId"}},
				{"fixed_without_prices", func(in *offers.CreateBundle) { in.Prices = nil }, []string{"prices"}},
				{"fixed_with_a_percentage", func(in *offers.CreateBundle) { in.PercentOff = new(offers.Percent(1)) }, []string{"percentOff"}},
				{"a_foreign_currency", func(in *offers.CreateBundle) { in.Prices = prices("XXX 1") }, []string{"prices.0.currency"}},
				{"a_fraction_of_a_cent", func(in *offers.CreateBundle) { in.Prices = prices("USD 1.001") }, []string{"prices.0.amount"}},
				{"a_percentage_without_one", func(in *offers.CreateBundle) {
					*in = reduced("Half", of(raven, 1))
					in.PercentOff = nil
				}, []string{"percentOff"}},
				{"a_percentage_of_nothing", func(in *offers.CreateBundle) {
					*in = reduced("Half", of(raven, 1))
					in.PercentOff = new(offers.Percent(0))
				}, []string{"percentOff"}},
				{"a_percentage_of_more_than_all", func(in *offers.CreateBundle) {
					*in = reduced("Half", of(raven, 1))
					in.PercentOff = new(offers.Percent(10_001))
				}, []string{"percentOff"}},
				{"a_percentage_with_prices", func(in *offers.CreateBundle) {
					*in = reduced("Half", of(raven, 1))
					in.Prices = prices("USD 1")
				}, []string{"prices"}},
				{"a_choice_without_a_price", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), of(crow, 1))
					in.Prices = nil
				}, []string{"prices"}},
				{"a_choice_with_two_prices", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), of(crow, 1))
					in.PercentOff = new(offers.Percent(1))
				}, []string{"percentOff"}},
				{"a_choice_of_any_number", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), of(crow, 1))
					in.Choose = nil
				}, []string{"choose"}},
				{"a_choice_of_none", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), of(crow, 1))
					in.Choose = new(0)
				}, []string{"choose"}},
				{"a_choice_of_all", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), of(crow, 1))
					in.Choose = new(2)
				}, []string{"choose"}},
				{"another_kind_with_a_choice", func(in *offers.CreateBundle) { in.Choose = new(1) }, []string{"choose"}},
				{"a_window_without_length", func(in *offers.CreateBundle) { in.PublishFrom, in.PublishUntil = &noon, &noon }, []string{"publishUntil"}},
				{"everything_at_once", func(in *offers.CreateBundle) {
					in.Kind, in.Status, in.Slug, in.Choose = bundle.KindPERCENTAGE, "ON", new("-"), new(1)
					in.Components[0].Quantity, in.Components[1] = 2, offers.Component{BundleID: uuid.New()}
					in.PublishFrom, in.PublishUntil = &noon, &noon
					in.Texts[0].Name = ""
				}, []string{
					"status", "texts.0.name", "percentOff", "prices", "choose", "components.0.quantity", "components.1.quantity",
					"components.1.bundleId", "publishUntil", "slug",
				}},
				{"together_with_what_could_not_be_read", func(in *offers.CreateBundle) {
					in.Malformed = fault.List{
						fault.Input("components.0.productId", "No id."), fault.Input("prices.0.amount", "No number."), fault.Input("publishFrom", "No time."),
					}
					in.Components[0], in.Components[1].Quantity, in.Prices = offers.Component{Quantity: 1}, 0, prices("USD 0.001")
				}, []string{"components.0.productId", "prices.0.amount", "publishFrom", "components.1.quantity"}},
				{"no_more_than_what_could_not_be_read", func(in *offers.CreateBundle) {
					*in = choice("Pick", of(raven, 1), offers.Component{Quantity: 1})
					in.Prices, in.Choose = nil, nil
					in.Malformed = fault.List{
						fault.Input("components.1.bundleId", "No id."), fault.Input("percentOff", "No number."), fault.Input("choose", "No number."),
					}
				}, []string{"components.1.bundleId", "percentOff", "choose"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					in := fixed("Tales", of(raven, 1), of(gems, 1))
					test.change(&in)
					_, err := s.CreateBundle(merchandiser(t), in)
					want := make([]string, len(test.want))
					for i, path := range test.want {
						want[i] = "INVALID_INPUT " + path
					}
					wantFaults(t, err, want...)
				})
			}
			if n := s.db.Client().AuditEntry.Query().CountX(t.Context()); n != before {
				t.Errorf("refusals have made %d audit entries", n-before)
			}
		})
	})

	t.Run("holds_at_most_500_products", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			var things []offers.Component
			for i := range 100 {
				things = append(things, of(s.gems(t, fmt.Sprint("Gem ", i)), 1))
			}
			hundred := s.bundle(t, reduced("Hundred", things...))
			ninety := s.bundle(t, reduced("Ninety", things[:90]...))
			// Twice in the nest counts twice: what it takes to price it does, too.
			four := []offers.Component{within(hundred, 1)}
			for i := range 3 {
				four = append(four, within(s.bundle(t, reduced(fmt.Sprint("Copy ", i), within(hundred, 1))), 1))
			}
			full := s.bundle(t, reduced("Full", append(slices.Clone(four), append(slices.Clone(things[:10]), within(ninety, 1))...)...))
			_, err := s.CreateBundle(merchandiser(t), reduced("Over", append(slices.Clone(four), append(slices.Clone(things[:11]), within(ninety, 1))...)...))
			wantFaults(t, err, "INVALID_INPUT components")
			_, err = s.UpdateBundle(merchandiser(t), offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: ninety.ID}, Components: catalog.To(things[:91]),
			})
			wantFaults(t, err, "INVALID_INPUT components")
			s.archiveBundle(t, full.ID)
			s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: ninety.ID}, Components: catalog.To(things[:91]),
			})
		})
	})

	t.Run("gives_slugs_to_many_at_once", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven := s.book(t, "The Raven")
			const most = 12
			var group sync.WaitGroup
			slugs, given := make([]string, most), make([]error, most)
			for i := range most {
				group.Go(func() {
					row, err := s.CreateBundle(merchandiser(t), reduced("Poems", of(raven, 1)))
					if err != nil {
						t.Errorf("CreateBundle: %v", err)
						return
					}
					slugs[i] = row.Slug
				})
				group.Go(func() {
					in := reduced("Verses", of(raven, 1))
					in.Slug = new("verses")
					_, given[i] = s.CreateBundle(merchandiser(t), in)
				})
			}
			group.Wait()
			slices.Sort(slugs)
			if len(slices.Compact(slugs)) != most || !slices.Contains(slugs, "poems") || !slices.Contains(slugs, "poems-12") {
				t.Errorf("got %q", slugs)
			}
			made := 0
			for _, err := range given {
				if err == nil {
					made++
					continue
				}
				wantFaults(t, err, "INVALID_INPUT slug")
			}
			if made != 1 {
				t.Errorf("%d bundles have got one slug", made)
			}
		})
	})
}

func TestUpdateBundle(t *testing.T) {
	t.Parallel()

	t.Run("changes_what_is_set", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, crow, gems := s.book(t, "The Raven"), s.book(t, "The Crow"), s.gems(t, "Gems")
			row := s.bundle(t, fixed("Tales", of(raven, 1), of(gems, 5)))
			s.set(noon.Add(time.Minute))
			row = s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: row.ID, ExpectedVersion: new(1)},
				Components:   catalog.To([]offers.Component{of(gems, 5), of(crow, 1)}),
				Prices:       catalog.To(prices("EUR 9")),
			})
			want := []string{gems.ID.String() + " × 5", crow.ID.String() + " × 1"}
			if diff := cmp.Diff(want, componentsOf(row)); diff != "" || row.Version != 2 || row.Slug != "tales" ||
				!row.UpdatedAt.Equal(noon.Add(time.Minute)) || !row.CreatedAt.Equal(noon) {
				t.Errorf("got %v\n%s", row, diff)
			}
			row = s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: row.ID, Status: catalog.To(offers.StatusDraft), Texts: catalog.To(texts("Fables"))},
				Slug:         catalog.To("fables"), PublishFrom: catalog.To(&noon), PublishUntil: catalog.To(new(noon.Add(time.Hour))),
			})
			if row.Status != bundle.StatusDRAFT || row.Texts["en"].Name != "Fables" || row.Slug != "fables" || row.PublishFrom == nil || row.Version != 3 {
				t.Errorf("got %v", row)
			}
			row = s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: row.ID},
				PublishFrom:  catalog.To[*time.Time](nil), PublishUntil: catalog.To[*time.Time](nil),
			})
			if row.PublishFrom != nil || row.PublishUntil != nil {
				t.Errorf("got %v", row)
			}
			s.wantPriceHistory(t, row.ID, "USD 15", "EUR 9", "USD -")
			s.wantAudit(t, row.ID, "slug",
				`mila createBundle - "tales"`, `mila updateBundle "tales" "tales"`, `mila updateBundle "tales" "fables"`, `mila updateBundle "fables" "fables"`)
			if _, err := offers.BundleBySlug(t.Context(), d.Client(), "tales"); !fault.Is(err, fault.NotFound) {
				t.Errorf("the old slug leads to %v", err)
			}
			if n := d.Client().BundleComponent.Query().Where(bundlecomponent.BundleID(row.ID)).CountX(t.Context()); n != 2 {
				t.Errorf("%d components are stored", n)
			}

			pick := s.bundle(t, choice("Pick", of(raven, 1), of(gems, 1), of(crow, 1)))
			first := pick.Edges.Components[0].ID
			pick = s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: pick.ID}, Choose: catalog.To(new(2)),
				PercentOff: catalog.To(new(offers.Percent(3000))), Prices: catalog.To(prices()),
			})
			if pick.Choose != 2 || pick.BasisPoints != 3000 || len(pick.Prices) != 0 || pick.Edges.Components[0].ID != first {
				t.Errorf("got %v", pick)
			}
			s.wantPriceHistory(t, pick.ID, "USD 8", "USD -")
		})
	})

	t.Run("that_changes_nothing_writes_nothing", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven := s.book(t, "The Raven")
			row := s.bundle(t, fixed("Tales", of(raven, 1)))
			s.set(noon.Add(time.Minute))
			same := s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{
					ID: row.ID, ExpectedVersion: new(1), Status: catalog.To(offers.StatusActive), Texts: catalog.To(texts(" Tales ")),
				},
				Slug: catalog.To("tales"), Components: catalog.To([]offers.Component{of(raven, 1)}), Prices: catalog.To(prices("USD 15.00")),
				PercentOff: catalog.To[*offers.Percent](nil), Choose: catalog.To[*int](nil), PublishFrom: catalog.To[*time.Time](nil),
			})
			if same.Version != 1 || !same.UpdatedAt.Equal(noon) || same.Edges.Components[0].ID != row.Edges.Components[0].ID {
				t.Errorf("got %v", same)
			}
			s.wantAudit(t, row.ID, "slug", `mila createBundle - "tales"`)
			s.wantPriceHistory(t, row.ID, "USD 15")
		})
	})

	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, crow, gems := s.book(t, "The Raven"), s.book(t, "The Crow"), s.gems(t, "Gems")
			row := s.bundle(t, fixed("Tales", of(raven, 1), of(gems, 1)))
			outer := s.bundle(t, reduced("Outer", within(row, 1)))
			coins := s.bundle(t, reduced("Coins", of(gems, 2)))
			s.bundle(t, reduced("Purse", within(coins, 100)))
			deep := coins
			for i := range 9 {
				deep = s.bundle(t, reduced(fmt.Sprint("Deep ", i), within(deep, 1)))
			}
			single := s.bundle(t, reduced("Single", of(gems, 1)))
			pick := s.bundle(t, choice("Pick", of(raven, 1), of(gems, 1), of(crow, 1)))
			away := s.bundle(t, fixed("Away", of(raven, 1)))
			s.archiveBundle(t, away.ID)
			id := func(row *ent.Bundle) offers.CommonChange { return offers.CommonChange{ID: row.ID} }
			for _, test := range []struct {
				name string
				in   offers.UpdateBundle
				want []string
			}{
				{"what_is_not_there", offers.UpdateBundle{CommonChange: offers.CommonChange{ID: uuid.New()}}, []string{"NOT_FOUND"}},
				{"another_version", offers.UpdateBundle{CommonChange: offers.CommonChange{ID: row.ID, ExpectedVersion: new(7)}}, []string{"CONFLICT expectedVersion"}},
				{"to_archive", offers.UpdateBundle{CommonChange: offers.CommonChange{ID: row.ID, Status: catalog.To(offers.StatusArchived)}}, []string{"INVALID_INPUT status"}},
				{"to_bring_back", offers.UpdateBundle{CommonChange: offers.CommonChange{ID: away.ID, Status: catalog.To(offers.StatusActive)}}, []string{"INVALID_INPUT status"}},
				{"the_slug_of_another", offers.UpdateBundle{CommonChange: id(row), Slug: catalog.To("pick")}, []string{"INVALID_INPUT slug"}},
				{"no_slug", offers.UpdateBundle{CommonChange: id(row), Slug: catalog.To("")}, []string{"INVALID_INPUT slug"}},
				{"no_prices", offers.UpdateBundle{CommonChange: id(row), Prices: catalog.To(prices())}, []string{"INVALID_INPUT prices"}},
				{"a_percentage_as_well", offers.UpdateBundle{CommonChange: id(pick), PercentOff: catalog.To(new(offers.Percent(100)))}, []string{"INVALID_INPUT percentOff"}},
				{"to_choose_any_number", offers.UpdateBundle{CommonChange: id(pick), Choose: catalog.To[*int](nil)}, []string{"INVALID_INPUT choose"}},
				{"to_choose_all", offers.UpdateBundle{CommonChange: id(pick), Choose: catalog.To(new(3))}, []string{"INVALID_INPUT choose"}},
				{"to_leave_no_choice", offers.UpdateBundle{CommonChange: id(pick), Components: catalog.To([]offers.Component{of(raven, 1)})}, []string{"INVALID_INPUT components"}},
				{"a_cycle_of_one", offers.UpdateBundle{CommonChange: id(row), Components: catalog.To([]offers.Component{of(raven, 1), within(row, 1)})}, []string{"INVALID_INPUT components.1.bundleId"}},
				{"a_cycle_of_two", offers.UpdateBundle{CommonChange: id(row), Components: catalog.To([]offers.Component{within(outer, 1)})}, []string{"INVALID_INPUT components.0.bundleId"}},
				{"a_durable_in_what_comes_in_hundreds", offers.UpdateBundle{CommonChange: id(coins), Components: catalog.To([]offers.Component{of(raven, 1)})}, []string{"INVALID_INPUT components"}},
				{"an_eleventh_bundle_at_the_bottom", offers.UpdateBundle{CommonChange: id(coins), Components: catalog.To([]offers.Component{within(single, 1)})}, []string{"INVALID_INPUT components"}},
				{"too_many_in_what_comes_in_hundreds", offers.UpdateBundle{CommonChange: id(coins), Components: catalog.To([]offers.Component{of(gems, 100)})}, []string{"INVALID_INPUT components"}},
				{"everything_at_once_for_a_known_one", offers.UpdateBundle{
					CommonChange: offers.CommonChange{ID: row.ID, Texts: catalog.To(texts("")), Malformed: fault.List{fault.Input("reason", "No text.")}},
					PercentOff:   catalog.To(new(offers.Percent(0))), Choose: catalog.To(new(1)),
					Components:   catalog.To([]offers.Component{within(outer, 1), of(raven, 2)}),
					PublishUntil: catalog.To(&noon), PublishFrom: catalog.To(&noon), Slug: catalog.To("pick"),
				}, []string{
					"INVALID_INPUT reason", "INVALID_INPUT texts.0.name", "INVALID_INPUT percentOff", "INVALID_INPUT percentOff", "INVALID_INPUT choose",
					"INVALID_INPUT components.1.quantity", "INVALID_INPUT components.0.bundleId", "INVALID_INPUT publishUntil", "INVALID_INPUT slug",
				}},
				{"everything_at_once_for_another_version", offers.UpdateBundle{
					CommonChange: offers.CommonChange{
						ID: row.ID, ExpectedVersion: new(7), Status: catalog.To("ON"), Malformed: fault.List{fault.Input("percentOff", "No number.")},
					},
					PercentOff: catalog.To(new(offers.Percent(0))), Prices: catalog.To(prices("XXX 1")),
					Components: catalog.To([]offers.Component{of(raven, 0)}),
				}, []string{
					"INVALID_INPUT percentOff", "CONFLICT expectedVersion", "INVALID_INPUT status", "INVALID_INPUT prices.0.currency", "INVALID_INPUT components.0.quantity",
				}},
				{"without_an_id", offers.UpdateBundle{
					CommonChange: offers.CommonChange{ExpectedVersion: new(1), Malformed: fault.List{fault.Input("id", "No id.")}}, Slug: catalog.To("-"),
				}, []string{"INVALID_INPUT id", "INVALID_INPUT slug"}},
			} {
				t.Run(test.name, func(t *testing.T) {
					_, err := s.UpdateBundle(merchandiser(t), test.in)
					wantFaults(t, err, test.want...)
				})
			}
			_, err := s.UpdateBundle(merchandiser(t), offers.UpdateBundle{CommonChange: offers.CommonChange{ID: away.ID, ExpectedVersion: new(1)}})
			if list := fault.From(err); len(list) != 1 || list[0].Data != (catalog.Current{Version: 2}) || !strings.Contains(list[0].Message, "version 2, not 1") {
				t.Errorf("the refusal does not name the current version: %v", err)
			}
			s.wantAudit(t, row.ID, "slug", `mila createBundle - "tales"`)
		})
	})

	t.Run("keeps_what_was_archived_since", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := open(t, d)
			raven, crow := s.book(t, "The Raven"), s.book(t, "The Crow")
			inner := s.bundle(t, reduced("Inner", of(crow, 1)))
			row := s.bundle(t, reduced("Outer", of(raven, 1), within(inner, 1)))
			s.archiveProduct(t, raven.ID)
			s.archiveBundle(t, inner.ID)
			row = s.updateBundle(t, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: row.ID}, Components: catalog.To([]offers.Component{within(inner, 1), of(raven, 1)}),
			})
			if want := []string{inner.ID.String() + " × 1", raven.ID.String() + " × 1"}; !slices.Equal(componentsOf(row), want) {
				t.Errorf("got %q", componentsOf(row))
			}
		})
	})

	// On PostgreSQL the two writers are in their transactions at the same time until one of them revises.
	t.Run("together_with_another_makes_no_cycle", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s, other := open(t, d), open(t, dbtest.Open(t, dbtest.URL(t, d)))
			raven := s.book(t, "The Raven")
			for i := range 5 {
				one := s.bundle(t, reduced(fmt.Sprint("One ", i), of(raven, 1)))
				two := s.bundle(t, reduced(fmt.Sprint("Two ", i), of(raven, 1)))
				errs := make([]error, 2)
				var group sync.WaitGroup
				for j, pair := range [][2]*ent.Bundle{{one, two}, {two, one}} {
					group.Go(func() {
						_, errs[j] = []*shop{s, other}[j].UpdateBundle(merchandiser(t), offers.UpdateBundle{
							CommonChange: offers.CommonChange{ID: pair[0].ID}, Components: catalog.To([]offers.Component{within(pair[1], 1)}),
						})
					})
				}
				group.Wait()
				if (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("got %v and %v", errs[0], errs[1])
				}
				wantFaults(t, errors.Join(errs...), "INVALID_INPUT components.0.bundleId")
			}
		})
	})

	t.Run("waits_for_who_makes_the_other_half_of_a_cycle", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		s := open(t, d)
		raven := s.book(t, "The Raven")
		one, two := s.bundle(t, reduced("One", of(raven, 1))), s.bundle(t, reduced("Two", of(raven, 1)))
		second := make(chan error, 1)
		err := d.Tx(merchandiser(t), func(ctx context.Context, tx *ent.Tx) error {
			if _, err := s.UpdateBundleIn(ctx, tx, offers.UpdateBundle{
				CommonChange: offers.CommonChange{ID: one.ID}, Components: catalog.To([]offers.Component{within(two, 1)}),
			}); err != nil {
				return err
			}
			go func() {
				_, err := s.UpdateBundle(merchandiser(t), offers.UpdateBundle{
					CommonChange: offers.CommonChange{ID: two.ID}, Components: catalog.To([]offers.Component{within(one, 1)}),
				})
				second <- err
			}()
			return waitForBlocked(ctx, tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantFaults(t, <-second, "INVALID_INPUT components.0.bundleId")
	})
}

func TestArchiveBundle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		raven := s.book(t, "The Raven")
		row := s.bundle(t, fixed("Tales", of(raven, 1)))
		outer := s.bundle(t, reduced("Outer", within(row, 1)))
		for range 2 {
			if row = s.archiveBundle(t, row.ID); row.Status != bundle.StatusARCHIVED || row.Version != 2 || len(row.Edges.Components) != 1 {
				t.Fatalf("got %v", row)
			}
		}
		s.wantAudit(t, row.ID, "status", `mila createBundle - "ACTIVE"`, `mila archiveBundle "ACTIVE" "ARCHIVED"`)
		s.wantPriceHistory(t, row.ID, "USD 15")
		found, err := offers.BundlesByIDs(t.Context(), d.Client(), []uuid.UUID{outer.ID, row.ID, uuid.New()})
		if err != nil || len(found) != 2 || *found[outer.ID].Edges.Components[0].InnerID != row.ID {
			t.Errorf("got %v, %v", found, err)
		}
		for _, test := range []struct {
			name string
			in   offers.Archive
			want []string
		}{
			{"what_is_not_there", offers.Archive{ID: uuid.New()}, []string{"NOT_FOUND"}},
			{"another_version", offers.Archive{ID: row.ID, ExpectedVersion: new(1)}, []string{"CONFLICT expectedVersion"}},
			{"what_cannot_be_read", offers.Archive{Malformed: fault.List{fault.Input("id", "No id.")}}, []string{"INVALID_INPUT id"}},
			{"everything_at_once", offers.Archive{
				ID: row.ID, ExpectedVersion: new(1), Malformed: fault.List{fault.Input("reason", "No text.")},
			}, []string{"INVALID_INPUT reason", "CONFLICT expectedVersion"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := s.ArchiveBundle(merchandiser(t), test.in)
				wantFaults(t, err, test.want...)
			})
		}
	})
}

// A copy of the board in another process is out of date with the commit of a change, and says so.
func TestBoardShowsChangesAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, other := open(t, d), open(t, dbtest.Open(t, dbtest.URL(t, d)))
		current := func() *offers.Board {
			board, err := other.Boards.Current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return board
		}
		raven, gems := s.book(t, "The Raven"), s.gems(t, "Gems")
		if board := current(); len(board.Bundles)+len(board.Trials)+len(board.Tiers) != 0 {
			t.Fatalf("got %v", board)
		}
		inner := s.bundle(t, reduced("Inner", of(raven, 1)))
		row := s.bundle(t, fixed("Outer", within(inner, 1), of(gems, 3)))
		trial := s.trial(t, tryout("Try", raven))
		plan := s.plan(t, volume("Many", gems))
		board := current()
		if board != current() {
			t.Error("an unchanged board is read again")
		}
		shown := board.Bundles[row.ID]
		if shown == nil || len(shown.Edges.Components) != 2 || len(board.Containing(raven.ID)) != 2 ||
			board.Trials[trial.ID] == nil || board.Tiers[gems.ID] == nil || board.Tiers[gems.ID].ID != plan.ID {
			t.Errorf("got %v", board)
		}
		s.updateBundle(t, offers.UpdateBundle{CommonChange: offers.CommonChange{ID: row.ID}, Prices: catalog.To(prices("USD 3"))})
		if got := current().Bundles[row.ID].Prices["USD"]; got != units("3") {
			t.Errorf("the bundle is shown at %s", got)
		}
		s.archiveBundle(t, row.ID)
		if _, err := s.ArchiveTrialOffer(merchandiser(t), offers.Archive{ID: trial.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ArchiveTierPlan(merchandiser(t), offers.Archive{ID: plan.ID}); err != nil {
			t.Fatal(err)
		}
		if board := current(); board.Bundles[row.ID] != nil || len(board.Trials)+len(board.Tiers) != 0 || board.Bundles[inner.ID] == nil {
			t.Errorf("what was archived is still shown: %v", board)
		}
	})
}

// The instant of a change is taken when nobody sells any more, not when the change is asked for.
func TestChangeTakesItsInstantAfterThoseWhoSell(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := open(t, d)
	raven := s.book(t, "The Raven")
	row := s.bundle(t, fixed("Tales", of(raven, 1)))
	done := make(chan error, 1)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if err := catalog.Hold(ctx, tx); err != nil {
			return err
		}
		go func() {
			_, err := s.ArchiveBundle(merchandiser(t), offers.Archive{ID: row.ID})
			done <- err
		}()
		if err := waitForBlocked(ctx, tx); err != nil {
			return err
		}
		s.set(noon.Add(time.Hour))
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	e := d.Client().AuditEntry.Query().Where(auditentry.Action("archiveBundle")).OnlyX(t.Context())
	if !e.CreatedAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("the change bears %v", e.CreatedAt)
	}
}
