package entitlement_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/page"
	"farthing/internal/proof"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func TestOwned(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana, ben := newShopper(t, d, "ana"), newShopper(t, d, "ben")
		book, revoked, hints, other := newProduct(t, d, "book"), newProduct(t, d, "revoked"), newProduct(t, d, "hints"), newProduct(t, d, "other")
		anas, gone, stock, bens := ana.durable(book), ana.durable(revoked), ana.consumable(hints, 10), ben.durable(book)
		gone.Status = entitlement.StatusREVOKED
		mustGrant(t, d, anas, gone, stock, bens, ana.durable(other))

		owned, err := held.Owned(t.Context(), d.Client(), []uuid.UUID{ana.id, ben.id}, []uuid.UUID{book, revoked, hints})
		if err != nil {
			t.Fatal(err)
		}
		got := map[held.Good]uuid.UUID{}
		for good, e := range owned {
			got[good] = e.ID
		}
		want := map[held.Good]uuid.UUID{{ShopperID: ana.id, ProductID: book}: anas.ID, {ShopperID: ben.id, ProductID: book}: bens.ID}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, ids := range [][2][]uuid.UUID{{nil, {book}}, {{ana.id}, nil}} {
			if owned, err := held.Owned(t.Context(), d.Client(), ids[0], ids[1]); err != nil || len(owned) > 0 {
				t.Errorf("Owned of nothing = %v, %v", owned, err)
			}
		}
	})
}

func TestGrant(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana, ben := newShopper(t, d, "ana"), newShopper(t, d, "ben")
		book, hints := newProduct(t, d, "book"), newProduct(t, d, "hints")
		first := ana.durable(book)
		mustGrant(t, d, first, ana.consumable(hints, 10))
		mustGrant(t, d, ana.consumable(hints, 10)) // a stock may be bought again and again
		mustGrant(t, d)

		if err := grant(t.Context(), d, ben.durable(book), ana.durable(book)); !db.IsUnique(err) {
			t.Errorf("a durable good twice: %v, want a violated unique index", err)
		}
		if n, err := held.Count(t.Context(), d.Client(), ben.id); err != nil || n != 0 {
			t.Errorf("ben was given %d of what was refused, %v", n, err)
		}
		stored, err := held.ByID(t.Context(), d.Client(), ana.id, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		if stored.ProductID != book || stored.PurchaseID != ana.purchase || stored.Kind != entitlement.KindDURABLE ||
			stored.Status != entitlement.StatusACTIVE || stored.Units != 1 || stored.Remaining != 1 || !stored.GrantedAt.Equal(noon) {
			t.Errorf("ana was given %v", stored)
		}
		// What was taken back may be bought again.
		exec(t, d, "UPDATE entitlements SET status = 'REVOKED' WHERE id = '"+first.ID.String()+"'")
		mustGrant(t, d, ana.durable(book))
	})
}

func TestEntitlementsBelongToTheirShopper(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana, ben := newShopper(t, d, "ana"), newShopper(t, d, "ben")
		hints := newProduct(t, d, "hints")
		var want []uuid.UUID
		for range 5 {
			e := ana.consumable(hints, 1)
			mustGrant(t, d, e)
			want = append([]uuid.UUID{e.ID}, want...)
		}
		bens := ben.consumable(hints, 1)
		mustGrant(t, d, bens)

		var got []uuid.UUID
		args := page.Args{First: new(2)}
		for more := true; more; {
			p, err := held.Of(t.Context(), d.Client(), ana.id, args)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Nodes() {
				got = append(got, e.ID)
			}
			args.After, more = &p.Edges[len(p.Edges)-1].Cursor, p.HasNext
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ana's, newest first (-want +got):\n%s", diff)
		}
		if n, err := held.Count(t.Context(), d.Client(), ana.id); err != nil || n != 5 {
			t.Errorf("Count = %d, %v, want 5", n, err)
		}
		if _, err := held.Of(t.Context(), d.Client(), ben.id, args); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("a cursor of ana's list in ben's = %v, want INVALID_INPUT", err)
		}
		for name, e := range map[string]uuid.UUID{"ben's": bens.ID, "that of nobody": uuid.New()} {
			if found, err := held.ByID(t.Context(), d.Client(), ana.id, e); found != nil || !fault.Is(err, fault.NotFound) {
				t.Errorf("ana finds %s: %v, %v", name, found, err)
			}
		}
	})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const (
		once   = "a shopper owns a durable good at most once"
		exists = "an entitlement is to a product that exists"
		left   = "no more units are left than were granted"
		tried  = "a shopper tries a product at most once, and every trial has what it granted"
	)
	for name, test := range map[string]struct {
		breaks func(t *testing.T, d *db.DB, ana shopper, book, hints uuid.UUID)
		want   []string
	}{
		"nothing": {func(*testing.T, *db.DB, shopper, uuid.UUID, uuid.UUID) {}, nil},
		"a good that is owned twice": {func(t *testing.T, d *db.DB, ana shopper, book, _ uuid.UUID) {
			exec(t, d, "DROP INDEX entitlements_owned_once")
			mustGrant(t, d, ana.durable(book))
		}, []string{once}},
		"a good that was taken back and bought again": {func(t *testing.T, d *db.DB, ana shopper, book, _ uuid.UUID) {
			exec(t, d, "UPDATE entitlements SET status = 'REVOKED' WHERE kind = 'DURABLE'")
			mustGrant(t, d, ana.durable(book))
		}, nil},
		"a product that is not there": {func(t *testing.T, d *db.DB, ana shopper, _, _ uuid.UUID) {
			mustGrant(t, d, ana.durable(uuid.New()))
		}, []string{exists}},
		"a trial that nobody recorded": {func(t *testing.T, d *db.DB, ana shopper, book, _ uuid.UUID) {
			e := ana.durable(book)
			e.Kind, e.ExpiresAt = "TRIAL", new(e.GrantedAt.Add(time.Hour))
			mustGrant(t, d, e)
		}, []string{tried}},
		"a trial that gave nothing": {func(t *testing.T, d *db.DB, ana shopper, book, _ uuid.UUID) {
			e := ana.durable(book)
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				return held.BeginTrials(ctx, tx, &ent.Trial{
					ID: uuid.New(), ShopperID: e.ShopperID, ProductID: book, OfferID: uuid.New(), PurchaseID: e.PurchaseID,
					EntitlementID: uuid.New(), Currency: "USD", StartedAt: e.GrantedAt,
					ExpiresAt: e.GrantedAt.Add(time.Hour), CreditUntil: e.GrantedAt.Add(time.Hour),
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		}, []string{tried}},
		"more left than there was": {func(t *testing.T, d *db.DB, _ shopper, _, _ uuid.UUID) {
			exec(t, d, unchecked(d), "UPDATE entitlements SET remaining = units + 1 WHERE kind = 'CONSUMABLE'")
		}, []string{left}},
		"less left than nothing": {func(t *testing.T, d *db.DB, _ shopper, _, _ uuid.UUID) {
			exec(t, d, unchecked(d), "UPDATE entitlements SET remaining = -1 WHERE kind = 'CONSUMABLE'")
		}, []string{left}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				ana, ben := newShopper(t, d, "ana"), newShopper(t, d, "ben")
				book, hints := newProduct(t, d, "book"), newProduct(t, d, "hints")
				mustGrant(t, d, ana.durable(book), ben.durable(book), ana.consumable(hints, 5), ana.consumable(hints, 5))
				test.breaks(t, d, ana, book, hints)
				var got []string
				err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					results, err := proof.Check(ctx, tx, held.Claims())
					for _, result := range results {
						if !result.Holds {
							got = append(got, result.Claim)
						}
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("contradicted claims (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestUnitsAreGuardedByTheDatabase: the constraint refuses what the claim would find too late.
func TestUnitsAreGuardedByTheDatabase(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana, hints := newShopper(t, d, "ana"), newProduct(t, d, "hints")
		for name, change := range map[string]func(e *ent.Entitlement){
			"more left than there was":   func(e *ent.Entitlement) { e.Remaining = e.Units + 1 },
			"less left than nothing":     func(e *ent.Entitlement) { e.Remaining = -1 },
			"no units":                   func(e *ent.Entitlement) { e.Units, e.Remaining = 0, 0 },
			"two units of a durable one": func(e *ent.Entitlement) { e.Kind, e.Units = entitlement.KindDURABLE, 2 },
		} {
			e := ana.consumable(hints, 5)
			change(e)
			if err := grant(t.Context(), d, e); !db.IsCheck(err) || db.Constraint(err) != "entitlements_units" {
				t.Errorf("%s: %v, want a violation of entitlements_units", name, err)
			}
		}
	})
}

// unchecked is the statement that makes the database forget the rule about units.
func unchecked(d *db.DB) string {
	if d.Dialect() == dialect.Postgres {
		return "ALTER TABLE entitlements DROP CONSTRAINT entitlements_units"
	}
	return "PRAGMA ignore_check_constraints = 1"
}

// shopper is somebody with a free purchase.
type shopper struct{ id, purchase uuid.UUID }

func newShopper(t *testing.T, d *db.DB, subject string) shopper {
	t.Helper()
	who, err := identity.New(d, func() time.Time { return noon }).Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	s := shopper{id: who, purchase: id.New()}
	err = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		return tx.Purchase.Create().SetID(s.purchase).SetShopperID(who).SetOrdinal(1).SetCurrency("USD").
			SetSubtotal(0).SetTotal(0).SetPoints(0).SetActor(subject).SetCreatedAt(noon).Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s shopper) durable(productID uuid.UUID) *ent.Entitlement {
	return &ent.Entitlement{
		ID: id.New(), ShopperID: s.id, ProductID: productID, PurchaseID: s.purchase, Kind: entitlement.KindDURABLE,
		Status: entitlement.StatusACTIVE, Units: 1, Remaining: 1, GrantedAt: noon,
	}
}

func (s shopper) consumable(productID uuid.UUID, units int64) *ent.Entitlement {
	e := s.durable(productID)
	e.Kind, e.Units, e.Remaining = entitlement.KindCONSUMABLE, units, units
	return e
}

func newProduct(t *testing.T, d *db.DB, slug string) uuid.UUID {
	t.Helper()
	productID := id.New()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		return tx.Product.Create().SetID(productID).SetSlug(slug).SetKind(product.KindDURABLE).SetStatus(product.StatusACTIVE).
			SetLanguage("en").SetTexts(map[string]schema.Text{"en": {Name: slug}}).SetTags([]string{}).SetCategories([]string{}).
			SetMedia([]schema.Media{}).SetSortName([]byte(slug)).SetCreatedAt(noon).SetUpdatedAt(noon).Exec(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	return productID
}

func grant(ctx context.Context, d *db.DB, granted ...*ent.Entitlement) error {
	return d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error { return db.Write(ctx, tx, held.Part(granted...)) })
}

func mustGrant(t *testing.T, d *db.DB, granted ...*ent.Entitlement) {
	t.Helper()
	if err := grant(t.Context(), d, granted...); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
