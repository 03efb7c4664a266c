package rewards_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

func TestActivity(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		ada, bea := s.client(t, "ada"), s.client(t, "bea")
		for range 7 {
			s.buys(t, ada, 1)
			s.buys(t, bea, 1)
		}
		// read walks through all pages of an order.
		read := func(shopper uuid.UUID, args func(cursor *string) page.Args) (seqs []int64) {
			var cursor *string
			for range 10 {
				p, err := s.Activity(t.Context(), d.Client(), shopper, args(cursor))
				if err != nil {
					t.Fatal(err)
				}
				more := p.HasNext
				if args(nil).Last != nil {
					more = p.HasPrevious
					slices.Reverse(p.Edges)
				}
				for _, edge := range p.Edges {
					seqs, cursor = append(seqs, edge.Node.Seq), &edge.Cursor
					if edge.Node.ShopperID != shopper {
						t.Errorf("an entry of %s", edge.Node.ShopperID)
					}
				}
				if !more {
					return seqs
				}
			}
			t.Fatal("the list does not end")
			return nil
		}
		down := func(cursor *string) page.Args { return page.Args{First: new(3), After: cursor} }
		if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2, 1}, read(ada, down)); diff != "" {
			t.Errorf("newest first (-want +got):\n%s", diff)
		}
		up := read(ada, func(cursor *string) page.Args { return page.Args{Last: new(3), Before: cursor} })
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7}, up); diff != "" {
			t.Errorf("from the end (-want +got):\n%s", diff)
		}
		of := func(shopper uuid.UUID) string {
			n, err := s.CountActivity(t.Context(), d.Client(), shopper)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d of %d", len(read(shopper, down)), n)
		}
		s.choose(t, rewards.Settings{ShopperID: ada, Enabled: catalog.To(false)})
		if got := of(ada) + ", " + of(bea); got != "0 of 0, 7 of 7" {
			t.Errorf("entries of who has turned rewards off and of who has not: %s", got)
		}
		s.choose(t, rewards.Settings{ShopperID: ada, Enabled: catalog.To(true)})
		if got := of(ada); got != "7 of 7" {
			t.Errorf("entries after turning them on again: %s", got)
		}
	})
}

// gallery is a stall whose watcher looks when a test says so.
type gallery struct {
	*stall

	looks chan struct{}
	rests chan struct{}
}

func openGallery(t testing.TB, d *db.DB) *gallery {
	t.Helper()
	g := &gallery{stall: openStall(t, d), looks: make(chan struct{}), rests: make(chan struct{}, 1)}
	g.Watcher.Wait = func(ctx context.Context, _ time.Duration) {
		select {
		case g.rests <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
		case <-g.looks:
		}
	}
	return g
}

// look makes the watcher look, and waits until it has.
func (g *gallery) look(t testing.TB) {
	t.Helper()
	for range 2 { // it waits for the look to begin, then for the next one
		select {
		case <-g.rests:
		case <-time.After(time.Minute):
			t.Fatal("nobody waits to look")
		}
		select {
		case g.looks <- struct{}{}:
		case <-time.After(time.Minute):
			t.Fatal("nobody looks")
		}
	}
}

func (g *gallery) watch(t testing.TB, ctx context.Context, shopper uuid.UUID) <-chan *ent.RewardEntry { //nolint:revive // The test is first, as everywhere.
	t.Helper()
	entries, err := g.WatchActivity(ctx, shopper)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// wantEntries takes entries with these numbers.
func wantEntries(t testing.TB, entries <-chan *ent.RewardEntry, want ...int64) {
	t.Helper()
	for _, seq := range want {
		select {
		case e, ok := <-entries:
			if !ok {
				t.Fatalf("told nothing any more, want %d", seq)
			}
			if e.Seq != seq {
				t.Fatalf("told %d, want %d", e.Seq, seq)
			}
		case <-time.After(time.Minute):
			t.Fatalf("nothing comes, want %d", seq)
		}
	}
}

func wantClosed(t testing.TB, entries <-chan *ent.RewardEntry) {
	t.Helper()
	select {
	case e, ok := <-entries:
		if ok {
			t.Fatalf("told %d, want no more", e.Seq)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

func TestWatchActivity(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Run("tells what comes, in order, however slowly it is taken", func(t *testing.T) {
			g := openGallery(t, d)
			other := openStall(t, dbtest.Open(t, dbtest.URL(t, d))) // buys on another instance
			ada, bea := g.client(t, "slow ada"), g.client(t, "slow bea")
			other.buys(t, ada, 1)
			ctx, leave := context.WithCancel(t.Context())
			entries, others := g.watch(t, ctx, ada), g.watch(t, ctx, bea)
			for range 12 {
				for range 20 {
					other.buys(t, ada, 1)
				}
				g.look(t)
			}
			other.buys(t, bea, 1)
			for seq := range int64(240) {
				wantEntries(t, entries, seq+2)
			}
			g.look(t)
			wantEntries(t, others, 1)
			other.buys(t, ada, 1)
			late := g.watch(t, ctx, ada)
			other.buys(t, ada, 1)
			g.look(t)
			wantEntries(t, late, 243)
			wantEntries(t, entries, 242, 243)
			leave()
			wantClosed(t, entries)
			wantClosed(t, late)
		})
		t.Run("tells nothing while rewards are off, and not later what was made then", func(t *testing.T) {
			s := openStall(t, d)
			ada := s.client(t, "off ada")
			for range 7 {
				s.buys(t, ada, 1)
			}
			reaches, entries := make(chan rewards.Reach), make(chan *ent.RewardEntry)
			go s.Follow(t.Context(), ada, 1, reaches, entries)
			reaches <- rewards.Reach{Seq: 3, Enabled: true}
			wantEntries(t, entries, 2)
			reaches <- rewards.Reach{Seq: 5} // 3 has not been taken yet
			reaches <- rewards.Reach{Seq: 6}
			reaches <- rewards.Reach{Seq: 6, Enabled: true}
			reaches <- rewards.Reach{Seq: 7, Enabled: true}
			wantEntries(t, entries, 7)
			close(reaches)
			wantClosed(t, entries)
		})
		t.Run("looks at whether rewards are on", func(t *testing.T) {
			g := openGallery(t, d)
			ada := g.client(t, "reaching ada")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			reaches, err := g.Watcher.Watch(ctx, ada)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []struct {
				do   func()
				want rewards.Reach
			}{
				{func() {}, rewards.Reach{Enabled: true}},
				{func() { g.buys(t, ada, 1); g.look(t) }, rewards.Reach{Seq: 1, Enabled: true}},
				{
					func() {
						g.choose(t, rewards.Settings{ShopperID: ada, Enabled: catalog.To(false)})
						g.look(t)
					}, rewards.Reach{Seq: 1},
				},
				{func() { g.buys(t, ada, 1); g.look(t) }, rewards.Reach{Seq: 2}},
			} {
				if step.do(); <-reaches != step.want {
					t.Errorf("not %+v", step.want)
				}
			}
		})
		t.Run("begins after entries from before there were standings", func(t *testing.T) {
			g := openGallery(t, d)
			ada := g.client(t, "early ada")
			g.tx(t, func(ctx context.Context, tx *ent.Tx) error {
				return tx.RewardEntry.Create().SetID(id.New()).SetShopperID(ada).SetSeq(1).SetKind(rewardentry.KindPURCHASE).
					SetPurchaseID(id.New()).SetRevision(-1).SetTimeZone("UTC").SetPoints(0).SetSpentPoints(0).
					SetFacts(ent.RewardEntry{}.Facts).SetResult(ent.RewardEntry{}.Result).SetCreatedAt(opening).Exec(ctx)
			})
			ctx, leave := context.WithCancel(t.Context())
			entries := g.watch(t, ctx, ada)
			g.look(t)
			g.buys(t, ada, 1)
			g.look(t)
			wantEntries(t, entries, 2)
			leave()
			wantClosed(t, entries)
		})
	})
}
