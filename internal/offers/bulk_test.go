package offers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// bundleOf is the change that makes a bundle of two products, with a slug.
func (s *shop) bundleOf(path, slug string, products ...*ent.Product) offers.Change {
	in := offers.CreateBundle{Common: active(slug), Kind: bundle.KindFIXED, Slug: &slug, Prices: prices("USD 5")}
	for _, p := range products {
		in.Components = append(in.Components, offers.Component{ProductID: p.ID, Quantity: 1})
	}
	return offers.Change{
		Path: path, Make: func(ctx context.Context, tx *ent.Tx) (any, error) { return s.CreateBundleIn(ctx, tx, in) },
	}
}

// outcomes are what became of changes: what was made, or the paths of what is wrong.
func outcomes(list []offers.Outcome) []string {
	told := make([]string, len(list))
	for i, o := range list {
		switch row := o.Row.(type) {
		case *ent.Bundle:
			told[i] = row.Slug
		case *ent.Product:
			told[i] = fmt.Sprint("version ", row.Version)
		default:
			told[i] = fmt.Sprint(faultPaths(o.Refused))
		}
	}
	return told
}

func TestChangeAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ctx := merchandiser(t)
		poems, atlas := s.book(t, "Poems"), s.book(t, "Atlas")
		rename := offers.Change{Path: "changes.2.updateProduct", Make: func(ctx context.Context, tx *ent.Tx) (any, error) {
			return s.catalog.UpdateIn(ctx, tx, catalog.UpdateInput{ID: poems.ID, Creator: catalog.To("Walt Whitman")})
		}}
		slugs := func(want ...string) {
			t.Helper()
			var got []string
			for _, row := range d.Client().Bundle.Query().Order(bundle.BySlug()).AllX(t.Context()) {
				got = append(got, row.Slug)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("bundles (-want +got):\n%s", diff)
			}
		}
		change := func(skipFailed bool, changes []offers.Change, want ...string) {
			t.Helper()
			got, err := s.ChangeAll(ctx, changes, skipFailed)
			if diff := cmp.Diff(want, outcomes(got)); diff != "" || err != nil {
				t.Errorf("outcomes (-want +got):\n%s%v", diff, err)
			}
		}
		mixed := []offers.Change{
			s.bundleOf("changes.0.createBundle", "pair", poems, atlas), s.bundleOf("changes.1.createBundle", "pair", poems, atlas), rename,
		}
		change(false, mixed, "[]", "[INVALID_INPUT changes.1.createBundle.slug]", "[]")
		slugs()
		change(true, mixed, "pair", "[INVALID_INPUT changes.1.createBundle.slug]", "version 2")
		slugs("pair")
		change(false, []offers.Change{s.bundleOf("changes.0.createBundle", "one", poems, atlas), s.bundleOf("changes.1.createBundle", "two", poems, atlas)}, "one", "two")
		slugs("one", "pair", "two")

		outage := errors.New("no database")
		broken := offers.Change{Path: "changes.1.createBundle", Make: func(context.Context, *ent.Tx) (any, error) { return nil, outage }}
		if _, err := s.ChangeAll(ctx, []offers.Change{s.bundleOf("changes.0.createBundle", "three", poems, atlas), broken}, false); !errors.Is(err, outage) {
			t.Errorf("got %v", err)
		}
		slugs("one", "pair", "two")
		for _, n := range []int{0, offers.MaxChanges + 1} {
			_, err := s.ChangeAll(ctx, make([]offers.Change, n), true)
			wantFaults(t, err, string(fault.InvalidInput)+" changes")
		}
	})
}
