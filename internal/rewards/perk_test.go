package rewards_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/outboxevent"
	"farthing/ent/rewardentry"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/proof"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

func perkFrom(shopper uuid.UUID, perk *earning.Rule, key string) rewards.RedeemPerk {
	return rewards.RedeemPerk{IdempotencyKey: key, ShopperID: shopper, PerkID: perk.ID}
}

// redeems redeems points for a perk and fails when that is refused.
func (s *stall) redeems(t testing.TB, in rewards.RedeemPerk) rewards.Redeemed {
	t.Helper()
	r, err := s.RedeemPerk(calling(t), in)
	if err != nil {
		t.Fatalf("RedeemPerk(%+v): %v", in, err)
	}
	return r
}

// told are the events about a shopper in the outbox.
func (s *stall) told(t testing.TB, shopper uuid.UUID) []string {
	t.Helper()
	var list []string
	for _, e := range s.db.Client().OutboxEvent.Query().Where(outboxevent.ShopperID(shopper)).Order(outboxevent.ByID()).AllX(t.Context()) {
		list = append(list, e.Topic)
	}
	return list
}

// wantLedger proves that the ledger holds.
func (s *stall) wantLedger(t testing.TB) {
	t.Helper()
	err := s.db.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		results, err := proof.Check(ctx, tx, wallet.Claims())
		for _, result := range results {
			if !result.Holds {
				t.Errorf("it does not hold that %s: %s", result.Claim, strings.Join(result.Examples, "; "))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRedeemPerk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		s.rule(t, earning.Points, "rate", pointsPerDollar(10, 2))
		mug := s.rule(t, earning.Perk, "mug", perkFor(15, 0))
		freeze := s.rule(t, earning.Perk, "freeze", perkFor(5, 2))
		planned := s.rule(t, earning.Perk, "planned", perkFor(1, 0), inStatus("DRAFT"))
		over := s.rule(t, earning.Perk, "over", perkFor(1, 0), inWindow(opening.Add(-time.Hour), opening))
		level := s.rule(t, earning.Level, "wood", levelFrom(0))

		t.Run("takes points, once for every key", func(t *testing.T) {
			ada := s.client(t, "ada")
			s.buys(t, ada, 3)
			first := s.redeems(t, perkFrom(ada, mug, "key"))
			e := first.Entry
			if first.Replayed || e.Kind != rewardentry.KindPERK || *e.PerkID != mug.ID || e.SpentPoints != whole(15) ||
				e.Seq != 2 || e.Result.Balance != whole(15) {
				t.Errorf("redeemed %+v", first)
			}
			again := s.redeems(t, perkFrom(ada, mug, "key"))
			if !again.Replayed || again.Entry.ID != e.ID || again.Entry.SpentPoints != e.SpentPoints {
				t.Errorf("the repeat is %+v", again)
			}
			_, err := s.RedeemPerk(calling(t), perkFrom(ada, freeze, "key"))
			wantRefused(t, err, "IDEMPOTENCY_KEY_REUSED idempotencyKey")
			if v := s.view(t, ada); v.Points != whole(15) {
				t.Errorf("%s points are left, want 15", v.Points)
			}
			if diff := cmp.Diff([]string{"perk.redeemed"}, s.told(t, ada)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if freezes := s.redeems(t, perkFrom(ada, freeze, "other")).Entry.Result.Freezes; freezes != 2 {
				t.Errorf("%d freezes, want 2", freezes)
			}
			if n := s.view(t, ada).State.Days.Freezes; n != 2 {
				t.Errorf("the state has %d freezes, want 2", n)
			}
			s.rule(t, earning.Perk, "mug", mug.Terms, inStatus("ARCHIVED"))
			defer s.rule(t, earning.Perk, "mug", mug.Terms)
			if again := s.redeems(t, perkFrom(ada, mug, "key")); !again.Replayed || again.Entry.ID != e.ID {
				t.Errorf("the repeat after the perk was archived is %+v", again)
			}
		})
		t.Run("refuses what cannot be, and leaves the key free", func(t *testing.T) {
			bea := s.client(t, "bea")
			s.buys(t, bea, 1)
			for _, c := range []struct {
				in   rewards.RedeemPerk
				want []string
			}{
				{perkFrom(bea, mug, ""), []string{"INVALID_INPUT idempotencyKey"}},
				{rewards.RedeemPerk{Malformed: fault.List{fault.Input("perkId", "No.")}}, []string{"INVALID_INPUT perkId", "INVALID_INPUT idempotencyKey"}},
				{perkFrom(bea, mug, "key"), []string{"INSUFFICIENT_FUNDS"}},
				{perkFrom(bea, planned, "key"), []string{"NOT_AVAILABLE perkId"}},
				{perkFrom(bea, over, "key"), []string{"NOT_AVAILABLE perkId"}},
				{perkFrom(bea, level, "key"), []string{"NOT_AVAILABLE perkId"}},
				{perkFrom(bea, &earning.Rule{ID: uuid.New()}, "key"), []string{"NOT_AVAILABLE perkId"}},
				{perkFrom(uuid.New(), mug, "key"), []string{"NOT_FOUND"}},
			} {
				_, err := s.RedeemPerk(calling(t), c.in)
				wantRefused(t, err, c.want...)
			}
			_, err := s.RedeemPerk(calling(t), perkFrom(bea, mug, "key"))
			want := wallet.Shortage{Balance: whole(10), Required: whole(15), Shortfall: whole(5), Currency: "POINTS"}
			if diff := cmp.Diff(any(want), dataOf(err)); diff != "" {
				t.Errorf("what is missing (-want +got):\n%s", diff)
			}
			s.buys(t, bea, 1)
			if r := s.redeems(t, perkFrom(bea, mug, "key")); r.Replayed {
				t.Error("what was refused is replayed")
			}
		})
		t.Run("does not spend points that have expired", func(t *testing.T) {
			cem := s.client(t, "cem")
			begun := s.now()
			s.buys(t, cem, 1)
			s.pass(48 * time.Hour)
			s.buys(t, cem, 1)
			_, err := s.RedeemPerk(calling(t), perkFrom(cem, mug, "key"))
			wantRefused(t, err, "INSUFFICIENT_FUNDS")
			if r := s.redeems(t, perkFrom(cem, freeze, "key")); r.Entry.Result.Balance != whole(5) {
				t.Errorf("%s points are left, want 5", r.Entry.Result.Balance)
			}
			s.set(begun)
		})
		t.Run("tells nobody of it when rewards are off", func(t *testing.T) {
			dan := s.client(t, "dan")
			s.buys(t, dan, 2)
			s.choose(t, rewards.Settings{ShopperID: dan, Enabled: catalog.To(false)})
			s.redeems(t, perkFrom(dan, mug, "key"))
			if got := s.told(t, dan); len(got) != 0 {
				t.Errorf("told %v", got)
			}
		})
		s.wantLedger(t)
	})
}

// TestRedeemPerkRush: however many come at once, no more is redeemed than there are points for, and a key counts once.
func TestRedeemPerkRush(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	one := openStall(t, d)
	other := openStall(t, dbtest.Open(t, dbtest.URL(t, d)))
	one.rule(t, earning.Points, "rate", pointsPerDollar(10, 0))
	mug := one.rule(t, earning.Perk, "mug", perkFor(10, 0))
	rush := func(shopper uuid.UUID, key func(i int) string) (redeemed, replayed, short int) {
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range 50 {
			all.Go(func() {
				r, err := []*stall{one, other}[i%2].RedeemPerk(calling(t), perkFrom(shopper, mug, key(i)))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case fault.Is(err, fault.InsufficientFunds):
					short++
				case err != nil:
					t.Error(errors.Join(err))
				case r.Replayed:
					replayed++
				default:
					redeemed++
				}
			})
		}
		all.Wait()
		return redeemed, replayed, short
	}
	ada, bea := one.client(t, "ada"), one.client(t, "bea")
	one.buys(t, ada, 3)
	one.buys(t, bea, 3)
	if redeemed, replayed, short := rush(ada, func(i int) string { return fmt.Sprint(i) }); redeemed != 3 || replayed != 0 || short != 47 {
		t.Errorf("by 50 keys, with points for 3: %d redeemed, %d replayed, %d short", redeemed, replayed, short)
	}
	if redeemed, replayed, short := rush(bea, func(int) string { return "key" }); redeemed != 1 || replayed != 49 || short != 0 {
		t.Errorf("by one key, with points for 3: %d redeemed, %d replayed, %d short", redeemed, replayed, short)
	}
	for shopper, left := range map[uuid.UUID]int64{ada: 0, bea: 20} {
		if v := one.view(t, shopper); v.Points != whole(left) {
			t.Errorf("%s points are left, want %d", v.Points, left)
		}
	}
	one.wantLedger(t)
}
