package rewards_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/proof"
	"farthing/internal/rewards"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func TestAward(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana, ben := newShopper(t, d, "ana", 10), newShopper(t, d, "ben", 1)
		first, tenth := ana.badge("first-purchase", 1), ana.badge("ten-purchases", 10)
		tenth.AwardedAt = noon.Add(time.Hour)
		mustAward(t, d, first, tenth, ben.badge("first-purchase", 1))
		mustAward(t, d)

		held, err := rewards.HeldBy(t.Context(), d.Client(), ana.id, ben.id)
		if err != nil {
			t.Fatal(err)
		}
		want := map[rewards.Held]bool{
			{ShopperID: ana.id, Badge: "first-purchase"}: true, {ShopperID: ana.id, Badge: "ten-purchases"}: true,
			{ShopperID: ben.id, Badge: "first-purchase"}: true,
		}
		if diff := cmp.Diff(want, held); diff != "" {
			t.Error(diff)
		}
		if held, err = rewards.HeldBy(t.Context(), d.Client(), uuid.New()); err != nil || len(held) > 0 {
			t.Errorf("nobody holds %v, %v", held, err)
		}
		badges, err := rewards.Of(t.Context(), d.Client(), ana.id)
		if err != nil || len(badges) != 2 || badges[0].ID != tenth.ID || badges[1].ID != first.ID || badges[1].PurchaseID != ana.purchases[0] {
			t.Errorf("ana's badges, latest first, are %v, %v", badges, err)
		}

		// Ben's next badge is new, and still not awarded together with one that ana has.
		err = award(t.Context(), d, ben.badge("ten-purchases", 1), ana.badge("first-purchase", 2))
		if !db.IsUnique(err) {
			t.Errorf("a badge twice: %v, want a violated unique index", err)
		}
		if badges, err := rewards.Of(t.Context(), d.Client(), ben.id); err != nil || len(badges) != 1 {
			t.Errorf("ben's badges are %v, %v", badges, err)
		}
	})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	const (
		once    = "a shopper has a badge at most once"
		own     = "a badge was earned by a purchase of the same shopper"
		reached = "whoever made the purchases of a badge has it, and nobody earned it by fewer"
	)
	for name, test := range map[string]struct {
		awards func(ana, ben shopper) []*ent.BadgeAward
		want   []string
	}{
		"nothing": {func(ana, _ shopper) []*ent.BadgeAward {
			return []*ent.BadgeAward{ana.badge("ten-purchases", 10)}
		}, nil},
		"a missed badge, awarded later": {func(ana, _ shopper) []*ent.BadgeAward {
			return []*ent.BadgeAward{ana.badge("ten-purchases", 11)}
		}, nil},
		"a badge twice": {func(ana, ben shopper) []*ent.BadgeAward {
			return []*ent.BadgeAward{ana.badge("ten-purchases", 10), ben.badge("first-purchase", 2)}
		}, []string{once}},
		"a badge too early": {func(ana, ben shopper) []*ent.BadgeAward {
			return []*ent.BadgeAward{ana.badge("ten-purchases", 10), ben.badge("ten-purchases", 2)}
		}, []string{reached}},
		"a badge for a purchase of somebody else": {func(ana, ben shopper) []*ent.BadgeAward {
			award := ben.badge("ten-purchases", 2)
			award.PurchaseID = ana.purchases[10]
			return []*ent.BadgeAward{ana.badge("ten-purchases", 10), award}
		}, []string{own}},
		"a missing badge": {func(shopper, shopper) []*ent.BadgeAward { return nil }, []string{reached}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				ana, ben := newShopper(t, d, "ana", 11), newShopper(t, d, "ben", 2)
				mustAward(t, d, ana.badge("first-purchase", 1), ben.badge("first-purchase", 1))
				exec(t, d, "DROP INDEX badgeaward_shopper_id_badge")
				mustAward(t, d, test.awards(ana, ben)...)
				var got []string
				err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					results, err := proof.Check(ctx, tx, rewards.Claims())
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

// shopper is somebody with free purchases.
type shopper struct {
	id        uuid.UUID
	purchases []uuid.UUID
}

func newShopper(t *testing.T, d *db.DB, subject string, purchases int) shopper {
	t.Helper()
	who, err := identity.New(d, func() time.Time { return noon }).Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	s := shopper{id: who}
	err = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		s.purchases = nil
		for i := range purchases {
			p, err := tx.Purchase.Create().SetShopperID(who).SetOrdinal(int64(i + 1)).SetCurrency("USD").
				SetSubtotal(0).SetTotal(0).SetPoints(0).SetActor(subject).SetCreatedAt(noon).Save(ctx)
			if err != nil {
				return err
			}
			s.purchases = append(s.purchases, p.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// badge is a badge that the n-th purchase earns.
func (s shopper) badge(code string, n int) *ent.BadgeAward {
	return &ent.BadgeAward{ID: id.New(), ShopperID: s.id, Badge: code, PurchaseID: s.purchases[n-1], AwardedAt: noon}
}

func award(ctx context.Context, d *db.DB, awards ...*ent.BadgeAward) error {
	return d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error { return rewards.Award(ctx, tx, awards...) })
}

func mustAward(t *testing.T, d *db.DB, awards ...*ent.BadgeAward) {
	t.Helper()
	if err := award(t.Context(), d, awards...); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
