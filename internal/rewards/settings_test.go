package rewards_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent/leaderboardscore"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/rewards"
)

// choose changes settings and fails when that is refused.
func (s *stall) choose(t testing.TB, in rewards.Settings) *rewards.View {
	t.Helper()
	v, err := s.ChangeSettings(calling(t), in)
	if err != nil {
		t.Fatalf("ChangeSettings(%+v): %v", in, err)
	}
	return v
}

// named is the change to a name on leaderboards, or to none for an empty one.
func named(name string) catalog.Change[*string] {
	if name == "" {
		return catalog.To[*string](nil)
	}
	return catalog.To(&name)
}

// choices are what a shopper has chosen: "Europe/Berlin on Ada".
func choices(v *rewards.View) string {
	text := v.Standing.TimeZone + " off"
	if v.Standing.Enabled {
		text = v.Standing.TimeZone + " on"
	}
	if v.Standing.DisplayName != nil {
		text += " " + *v.Standing.DisplayName
	}
	return text
}

// scores are a shopper's on all leaderboards: "board 20261224: 3 at 12:00".
func (s *stall) scores(t testing.TB, shopper uuid.UUID) []string {
	t.Helper()
	list := []string{}
	for _, row := range s.db.Client().LeaderboardScore.Query().Where(leaderboardscore.ShopperID(shopper)).AllX(t.Context()) {
		list = append(list, fmt.Sprintf("%s %d: %d at %s", row.RuleID, row.Period, row.Score, row.ReachedAt.UTC()))
	}
	slices.Sort(list)
	return list
}

func TestChangeSettings(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := openStall(t, d)
		s.rule(t, earning.Points, "rate", pointsPerDollar(10, 0))
		s.rule(t, earning.Leaderboard, "today", boardBy(earning.Day, earning.Amount))
		s.rule(t, earning.Leaderboard, "month", boardBy(earning.Month, earning.Purchases))
		s.rule(t, earning.Leaderboard, "ever", boardBy(earning.Ever, earning.PointsEarned))

		t.Run("keeps what is not set", func(t *testing.T) {
			ada := s.client(t, "ada")
			for _, step := range []struct {
				in   rewards.Settings
				want string
			}{
				{rewards.Settings{}, "UTC on"},
				{rewards.Settings{TimeZone: catalog.To("Europe/Berlin")}, "Europe/Berlin on"},
				{rewards.Settings{DisplayName: catalog.To(new("  Áda\u0301 L. "))}, "Europe/Berlin on Ádá L."},
				{rewards.Settings{TimeZone: catalog.To("Asia/Seoul")}, "Asia/Seoul on Ádá L."},
				{rewards.Settings{DisplayName: catalog.To(new(strings.Repeat("ü", 40)))}, "Asia/Seoul on " + strings.Repeat("ü", 40)},
				{rewards.Settings{Enabled: catalog.To(false)}, "Asia/Seoul off"},
				{rewards.Settings{TimeZone: catalog.To("UTC"), DisplayName: named("")}, "UTC off"},
				{rewards.Settings{Enabled: catalog.To(true), DisplayName: named("Ada")}, "UTC on Ada"},
				{rewards.Settings{DisplayName: named("")}, "UTC on"},
			} {
				step.in.ShopperID = ada
				if got := choices(s.choose(t, step.in)); got != step.want {
					t.Errorf("after %+v: %s, want %s", step.in, got, step.want)
				}
				if got := choices(s.view(t, ada)); got != step.want {
					t.Errorf("read after %+v: %s, want %s", step.in, got, step.want)
				}
			}
		})
		t.Run("refuses what cannot be, and names the field", func(t *testing.T) {
			off, on := s.client(t, "off"), s.client(t, "on")
			s.choose(t, rewards.Settings{ShopperID: off, Enabled: catalog.To(false)})
			for _, c := range []struct {
				in   rewards.Settings
				want []string
			}{
				{rewards.Settings{ShopperID: on, TimeZone: catalog.To("Middle/Earth")}, []string{"INVALID_INPUT timeZone"}},
				{rewards.Settings{ShopperID: on, TimeZone: catalog.To("")}, []string{"INVALID_INPUT timeZone"}},
				{rewards.Settings{ShopperID: on, TimeZone: catalog.To("Local")}, []string{"INVALID_INPUT timeZone"}},
				{rewards.Settings{ShopperID: on, TimeZone: catalog.To("../zones")}, []string{"INVALID_INPUT timeZone"}},
				{rewards.Settings{ShopperID: on, DisplayName: catalog.To(new(" "))}, []string{"INVALID_INPUT displayName"}},
				{rewards.Settings{ShopperID: on, DisplayName: catalog.To(new(strings.Repeat("x", 41)))}, []string{"INVALID_INPUT displayName"}},
				{rewards.Settings{ShopperID: on, DisplayName: named("a\nb")}, []string{"INVALID_INPUT displayName"}},
				{
					rewards.Settings{ShopperID: on, DisplayName: catalog.To(new("")), TimeZone: catalog.To("x")},
					[]string{"INVALID_INPUT timeZone", "INVALID_INPUT displayName"},
				},
				{rewards.Settings{ShopperID: off, DisplayName: named("Ada")}, []string{"INVALID_INPUT displayName"}},
				{
					rewards.Settings{ShopperID: on, Enabled: catalog.To(false), DisplayName: named("Ada")},
					[]string{"INVALID_INPUT displayName"},
				},
				{
					rewards.Settings{ShopperID: on, TimeZone: catalog.To("x"), Malformed: fault.List{fault.Input("timeZone", "No.")}},
					[]string{"INVALID_INPUT timeZone"},
				},
				{rewards.Settings{ShopperID: uuid.New(), TimeZone: catalog.To("UTC")}, []string{"NOT_FOUND"}},
			} {
				_, err := s.ChangeSettings(calling(t), c.in)
				wantRefused(t, err, c.want...)
			}
			if got := choices(s.view(t, on)) + ", " + choices(s.view(t, off)); got != "UTC on, UTC off" {
				t.Errorf("afterwards: %s", got)
			}
		})
		t.Run("puts somebody on leaderboards with all that was scored before, and takes them off", func(t *testing.T) {
			early, late, other := s.client(t, "early"), s.client(t, "late"), s.client(t, "other")
			begun := s.now()
			for _, shopper := range []uuid.UUID{early, other} {
				s.choose(t, rewards.Settings{ShopperID: shopper, DisplayName: named("Early")})
			}
			if got := s.scores(t, early); len(got) != 0 {
				t.Errorf("scores before the first purchase: %v", got)
			}
			for range 40 {
				for _, shopper := range []uuid.UUID{early, late, other} {
					gone := s.buys(t, shopper, 7)
					s.buys(t, shopper, 3)
					if s.now().Day() == 25 {
						s.undoes(t, shopper, gone)
					}
				}
				s.pass(11 * time.Hour)
			}
			s.rule(t, earning.Badge, "more", badgeFor(earning.Trials, 1)) // so that their states are old
			want := s.scores(t, early)
			if len(want) < 20 {
				t.Fatalf("only these scores: %v", want)
			}
			if got := s.scores(t, late); len(got) != 0 {
				t.Errorf("scores without a name: %v", got)
			}
			s.choose(t, rewards.Settings{ShopperID: late, DisplayName: named("Late")})
			if diff := cmp.Diff(want, s.scores(t, late)); diff != "" {
				t.Errorf("scores from the beginning and from later on (-early +late):\n%s", diff)
			}
			s.rule(t, earning.Leaderboard, "units", boardBy(earning.Ever, earning.Units)) // their scores on it are told as they leave
			s.choose(t, rewards.Settings{ShopperID: early, DisplayName: named("")})
			s.choose(t, rewards.Settings{ShopperID: late, Enabled: catalog.To(false)})
			if got := append(s.scores(t, early), s.scores(t, late)...); len(got) != 0 {
				t.Errorf("scores of those who have left: %v", got)
			}
			if diff := cmp.Diff(want, s.scores(t, other)); diff != "" {
				t.Errorf("scores of somebody else (-want +got):\n%s", diff)
			}
			s.buys(t, early, 5)
			if got := s.scores(t, early); len(got) != 0 {
				t.Errorf("scores after a purchase of somebody who has left: %v", got)
			}
			s.set(begun)
		})
		t.Run("writes nothing when nothing changes", func(t *testing.T) {
			fresh, known := s.client(t, "fresh"), s.client(t, "known")
			s.choose(t, rewards.Settings{ShopperID: known, TimeZone: catalog.To("Asia/Tokyo"), DisplayName: named("Tom")})
			s.buys(t, known, 5)
			s.rule(t, earning.Badge, "still-more", badgeFor(earning.Bundles, 1))
			ctx, writes := db.CountRows(calling(t))
			for _, in := range []rewards.Settings{
				{ShopperID: fresh, TimeZone: catalog.To("UTC"), Enabled: catalog.To(true), DisplayName: named("")},
				{ShopperID: known, TimeZone: catalog.To("Asia/Tokyo"), Enabled: catalog.To(true), DisplayName: named(" Tom")},
			} {
				if _, err := s.ChangeSettings(ctx, in); err != nil {
					t.Fatal(err)
				}
			}
			if n := writes(); n != 0 {
				t.Errorf("%d rows are written", n)
			}
			if _, err := s.ChangeSettings(ctx, rewards.Settings{ShopperID: known, DisplayName: named("Tim")}); err != nil {
				t.Fatal(err)
			}
			if n := writes(); n == 0 {
				t.Error("a change is not written, or this test does not count")
			}
		})
	})
}

// TestSettingsMeetPurchases: whoever joins and leaves while buying has in the end what was scored, or nothing.
func TestSettingsMeetPurchases(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := openStall(t, d)
	s.rule(t, earning.Points, "rate", pointsPerDollar(10, 0))
	s.rule(t, earning.Leaderboard, "today", boardBy(earning.Day, earning.Amount))
	s.rule(t, earning.Leaderboard, "ever", boardBy(earning.Ever, earning.Purchases))
	ada, bea := s.client(t, "ada"), s.client(t, "bea")
	s.choose(t, rewards.Settings{ShopperID: bea, DisplayName: named("Bea")})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for _, shopper := range []uuid.UUID{ada, bea} {
				if _, err := s.buy(t.Context(), shopper, 1); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			name := []string{"Ada", ""}[i%2]
			if _, err := s.ChangeSettings(calling(t), rewards.Settings{ShopperID: ada, DisplayName: named(name)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s.choose(t, rewards.Settings{ShopperID: ada, DisplayName: named("Ada")})
	if diff := cmp.Diff(s.scores(t, bea), s.scores(t, ada)); diff != "" {
		t.Errorf("scores of who was there always and who was not (-always +not):\n%s", diff)
	}
	s.choose(t, rewards.Settings{ShopperID: ada, DisplayName: named("")})
	if got := s.scores(t, ada); len(got) != 0 {
		t.Errorf("scores of who has left: %v", got)
	}
}
