package rewards_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/leaderboardscore"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/id"
	"farthing/internal/rewards"
)

// podium is a stall with a leaderboard, whose scores a test sets.
type podium struct {
	*stall

	board  *earning.Rule
	period int64
}

func openPodium(t testing.TB, d *db.DB) *podium {
	t.Helper()
	p := &podium{stall: openStall(t, d)}
	p.board = p.rule(t, earning.Leaderboard, "board", boardBy(earning.Week, earning.Purchases))
	p.period, _, _ = earning.PeriodAt(earning.Week, opening)
	return p
}

// stands is a score to be set: so many minutes after the opening.
type stands struct {
	shopper uuid.UUID
	score   int64
	minute  int
}

// place puts shoppers on the board, under names that end in their ids.
func (p *podium) place(t testing.TB, all ...stands) {
	t.Helper()
	var standings []*ent.RewardStandingCreate
	var scores []*ent.LeaderboardScoreCreate
	p.tx(t, func(ctx context.Context, tx *ent.Tx) error {
		for _, one := range all {
			standings = append(standings, tx.RewardStanding.Create().SetID(id.New()).SetShopperID(one.shopper).
				SetDisplayName("Shopper "+one.shopper.String()[30:]).SetState(schema.RewardState{}))
			scores = append(scores, tx.LeaderboardScore.Create().SetID(id.New()).SetShopperID(one.shopper).
				SetRuleID(p.board.ID).SetPeriod(p.period).SetScore(one.score).SetReachedAt(opening.Add(time.Duration(one.minute)*time.Minute)))
		}
		return errors.Join(tx.RewardStanding.CreateBulk(standings...).Exec(ctx), tx.LeaderboardScore.CreateBulk(scores...).Exec(ctx))
	})
}

// crowd puts shoppers with random scores on the board, of whom many tie, also at the same instant.
func (p *podium) crowd(t testing.TB, n int) {
	t.Helper()
	all := make([]stands, n)
	for i := range all {
		all[i] = stands{uuid.New(), 1 + rand.Int64N(9), rand.IntN(4)}
	}
	p.place(t, all...)
}

// sorted is the whole board as it should be, with ranks, by reading all and sorting it.
func (p *podium) sorted(t testing.TB) []rewards.Place {
	t.Helper()
	rows := p.db.Client().LeaderboardScore.Query().
		Where(leaderboardscore.RuleID(p.board.ID), leaderboardscore.Period(p.period)).AllX(t.Context())
	slices.SortFunc(rows, func(a, b *ent.LeaderboardScore) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.ReachedAt.Compare(b.ReachedAt), bytes.Compare(a.ShopperID[:], b.ShopperID[:]))
	})
	names := map[uuid.UUID]string{}
	for _, row := range p.db.Client().RewardStanding.Query().Where(rewardstanding.DisplayNameNotNil()).AllX(t.Context()) {
		names[row.ShopperID] = *row.DisplayName
	}
	places := []rewards.Place{}
	for i, row := range rows {
		places = append(places, rewards.Place{
			Rank: int64(i + 1), ShopperID: row.ShopperID, DisplayName: names[row.ShopperID], Score: row.Score, ReachedAt: row.ReachedAt,
		})
	}
	return places
}

// walk reads the board page by page.
func (p *podium) walk(t testing.TB, first int) []rewards.Place {
	t.Helper()
	places := []rewards.Place{}
	var after *string
	for range 1_000 {
		page, err := p.Page(t.Context(), p.db.Client(), p.board, p.period, &first, after)
		if err != nil {
			t.Fatal(err)
		}
		if page.HasPrevious != (after != nil) || len(page.Edges) > first {
			t.Errorf("a page of %d of %d, with one before: %t", len(page.Edges), first, page.HasPrevious)
		}
		for _, edge := range page.Edges {
			places, after = append(places, edge.Node), &edge.Cursor
		}
		if !page.HasNext {
			return places
		}
	}
	t.Fatal("the board does not end")
	return nil
}

func (p *podium) around(t testing.TB, shopper uuid.UUID) (own *rewards.Place, around []rewards.Place) {
	t.Helper()
	own, around, err := p.Around(t.Context(), p.db.Client(), p.board, p.period, shopper)
	if err != nil {
		t.Fatal(err)
	}
	return own, around
}

func (p *podium) rankOf(t testing.TB, shopper uuid.UUID) int64 {
	t.Helper()
	own, _ := p.around(t, shopper)
	return own.Rank
}

// rest waits until nobody reads landmarks.
func (p *podium) rest() { p.RestLandmarks(p.board, p.period) }

func wantPlaces(t testing.TB, what string, want, got []rewards.Place) {
	t.Helper()
	if diff := gocmp.Diff(want, got, gocmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantAll compares everything that is shown of the board with what it should be.
func (p *podium) wantAll(t testing.TB) {
	t.Helper()
	want := p.sorted(t)
	wantPlaces(t, "the pages", want, p.walk(t, 7))
	for i, place := range want {
		own, around := p.around(t, place.ShopperID)
		wantPlaces(t, fmt.Sprintf("the place %d", place.Rank), want[i:i+1], []rewards.Place{*own})
		wantPlaces(t, fmt.Sprintf("around place %d", place.Rank), want[max(0, i-5):min(len(want), i+6)], around)
	}
	n, err := p.Count(t.Context(), p.db.Client(), p.board, p.period)
	if err != nil || n != len(want) {
		t.Errorf("%d places, %v; want %d", n, err, len(want))
	}
}

func TestLeaderboard(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := openPodium(t, d)
		t.Run("is empty without shoppers", func(t *testing.T) {
			p.wantAll(t)
			if own, around := p.around(t, p.client(t, "nobody")); own != nil || around != nil {
				t.Errorf("the place of nobody is %v among %v", own, around)
			}
		})
		t.Run("ranks by score, then by who was earlier, then by id", func(t *testing.T) {
			low, high := uuid.UUID{1}, uuid.UUID{2}
			worst, early, best := uuid.New(), uuid.New(), uuid.New()
			p.place(t, stands{worst, 1, 0}, stands{high, 5, 2}, stands{early, 5, 1}, stands{low, 5, 2}, stands{best, 6, 9})
			var got []uuid.UUID
			for _, place := range p.walk(t, 2) {
				got = append(got, place.ShopperID)
			}
			if diff := gocmp.Diff([]uuid.UUID{best, early, low, high, worst}, got); diff != "" {
				t.Errorf("the order (-want +got):\n%s", diff)
			}
			p.wantAll(t)
		})
		t.Run("shows the same by counting and by landmarks", func(t *testing.T) {
			p.crowd(t, 80)
			p.wantAll(t) // by counting
			for _, every := range []int64{1, 2, 7, 17} {
				p.SetLandmarks(every)
				p.pass(rewards.LandmarkLimit)
				p.wantAll(t)
			}
		})
		t.Run("keeps boards and periods apart", func(t *testing.T) {
			other := p.rule(t, earning.Leaderboard, "other", boardBy(earning.Week, earning.Purchases))
			for _, c := range []struct {
				board  *earning.Rule
				period int64
			}{{other, p.period}, {p.board, p.period - 7}} {
				n, err := p.Count(t.Context(), d.Client(), c.board, c.period)
				page, failed := p.Page(t.Context(), d.Client(), c.board, c.period, nil, nil)
				if n != 0 || len(page.Edges) != 0 || err != nil || failed != nil {
					t.Errorf("%d places, %d on a page, %v, %v", n, len(page.Edges), err, failed)
				}
			}
		})
		t.Run("goes on after somebody who has gone", func(t *testing.T) {
			want := p.sorted(t)
			first := 10
			page, err := p.Page(t.Context(), d.Client(), p.board, p.period, &first, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.tx(t, func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.LeaderboardScore.Delete().Where(leaderboardscore.ShopperID(want[9].ShopperID)).Exec(ctx)
				return err
			})
			next, err := p.Page(t.Context(), d.Client(), p.board, p.period, &first, &page.Edges[9].Cursor)
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(next.Nodes(), func(at rewards.Place) bool { return at.ShopperID == want[10].ShopperID }); i < 0 {
				t.Errorf("the next page misses %+v: %+v", want[10], next.Nodes())
			}
		})
		t.Run("refuses what is no page", func(t *testing.T) {
			page, err := p.Page(t.Context(), d.Client(), p.board, p.period, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				first  *int
				after  *string
				period int64
				want   string
			}{
				{new(0), nil, p.period, "INVALID_INPUT first"},
				{new(101), nil, p.period, "INVALID_INPUT first"},
				{nil, new("nothing"), p.period, "INVALID_INPUT after"},
				{nil, new(""), p.period, "INVALID_INPUT after"},
				{nil, &page.Edges[0].Cursor, p.period - 7, "INVALID_INPUT after"},
			} {
				_, err := p.Page(t.Context(), d.Client(), p.board, c.period, c.first, c.after)
				wantRefused(t, err, c.want)
			}
		})
	})
}

// TestLandmarks: a rank is never older than landmarks may be, and many who ask make them be read once.
func TestLandmarks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Run("are read again when they are old, while the old ones are told", func(t *testing.T) {
			p := openPodium(t, d)
			p.SetLandmarks(5)
			p.crowd(t, 40)
			last := p.sorted(t)[39].ShopperID
			var reads atomic.Int64
			p.BeforeLandmarks(func() error { reads.Add(1); return nil })
			wantRank := func(when string, want, read int64) {
				t.Helper()
				got := p.rankOf(t, last)
				if p.rest(); got != want || reads.Load() != read {
					t.Errorf("%s the last is %dth after %d reads, want %d after %d", when, got, reads.Load(), want, read)
				}
			}
			wantRank("at first", 40, 1)
			p.place(t, stands{uuid.New(), 100, 0})
			p.pass(rewards.LandmarkAge - 1)
			wantRank("while landmarks are new,", 40, 1)
			p.pass(1)
			wantRank("as they are getting old,", 40, 2)
			wantRank("when they have been read,", 41, 2)
			p.place(t, stands{uuid.New(), 100, 0})
			p.pass(rewards.LandmarkLimit)
			wantRank("when they are too old,", 42, 3)
			top := p.sorted(t)[0].ShopperID
			p.place(t, stands{uuid.New(), 200, 0})
			if rank := p.rankOf(t, top); rank != 2 {
				t.Errorf("who has just been overtaken at the top is %dth", rank)
			}
		})
		t.Run("are read once for all who ask, and again after a failure", func(t *testing.T) {
			p := openPodium(t, d)
			p.board = p.rule(t, earning.Leaderboard, "many", boardBy(earning.Week, earning.Purchases))
			p.SetLandmarks(5)
			p.crowd(t, 40)
			last := p.sorted(t)[39].ShopperID
			var reads atomic.Int64
			fog := errors.New("fog")
			hold := make(chan error)
			p.BeforeLandmarks(func() error {
				reads.Add(1)
				select {
				case err := <-hold:
					return err
				case <-time.After(time.Minute):
					return errors.New("nobody lets it go on")
				}
			})
			release := func(err error) {
				t.Helper()
				select {
				case hold <- err:
				case <-time.After(time.Minute):
					t.Fatal("nobody reads landmarks")
				}
			}
			ask := func() (asked *sync.WaitGroup) {
				asked = &sync.WaitGroup{}
				for range 20 {
					asked.Go(func() {
						own, _, err := p.Around(t.Context(), d.Client(), p.board, p.period, last)
						if err != nil && !errors.Is(err, fog) || err == nil && own.Rank != 40 {
							t.Errorf("the last is %+v, %v", own, err)
						}
					})
				}
				return asked
			}
			asked := ask()
			release(nil)
			asked.Wait()
			if n := reads.Load(); n != 1 {
				t.Errorf("landmarks were read %d times", n)
			}
			p.pass(rewards.LandmarkAge)
			ask().Wait() // told the old ones, while nobody can read
			release(fog)
			p.rest()
			ask().Wait()
			release(nil)
			p.rest()
			if n := reads.Load(); n != 3 {
				t.Errorf("landmarks were read %d times", n)
			}
			ctx, leave := context.WithCancel(t.Context())
			leave()
			p.pass(rewards.LandmarkLimit)
			if _, err := p.Count(ctx, d.Client(), p.board, p.period); !errors.Is(err, context.Canceled) {
				t.Errorf("who has left is told %v", err)
			}
			release(fog)
			p.rest()
		})
		t.Run("are kept for so many boards only", func(t *testing.T) {
			p := openPodium(t, d)
			for period := range int64(rewards.LandmarkBoards + 10) {
				if _, err := p.Count(t.Context(), d.Client(), p.board, period); err != nil {
					t.Fatal(err)
				}
			}
			if n := p.KeptLandmarks(); n != rewards.LandmarkBoards {
				t.Errorf("landmarks of %d boards are kept", n)
			}
		})
	})
}

// TestLeaderboardOfPurchases: what is bought is what is shown, under the name of now.
func TestLeaderboardOfPurchases(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := openPodium(t, d)
		ada, bea, cem := p.client(t, "ada"), p.client(t, "bea"), p.client(t, "cem")
		for shopper, name := range map[uuid.UUID]string{ada: "Ada", bea: "Bea"} {
			p.choose(t, rewards.Settings{ShopperID: shopper, DisplayName: named(name)})
		}
		for _, shopper := range []uuid.UUID{bea, ada, cem, cem, cem, ada} {
			p.buys(t, shopper, 1)
		}
		want := func(want ...string) {
			t.Helper()
			var got []string
			for _, place := range p.walk(t, 10) {
				got = append(got, fmt.Sprintf("%d %s %d", place.Rank, place.DisplayName, place.Score))
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("the board (-want +got):\n%s", diff)
			}
		}
		want("1 Ada 2", "2 Bea 1")
		p.choose(t, rewards.Settings{ShopperID: cem, DisplayName: named("Cem")})
		p.choose(t, rewards.Settings{ShopperID: bea, DisplayName: named("Queen Bea")})
		want("1 Cem 3", "2 Ada 2", "3 Queen Bea 1")
		p.choose(t, rewards.Settings{ShopperID: ada, DisplayName: named("")})
		want("1 Cem 3", "2 Queen Bea 1")
		if own, around := p.around(t, ada); own != nil || around != nil {
			t.Errorf("who has left is %v among %v", own, around)
		}
	})
}
