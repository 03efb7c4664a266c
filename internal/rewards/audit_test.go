package rewards_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/rewards"
)

func TestAuditOfNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		if got := a.wantSound(t); got != (rewards.Counted{}) {
			t.Errorf("%+v", got)
		}
		if n, err := a.Repair(t.Context()); n != 0 || err != nil {
			t.Errorf("%d are repaired, %v", n, err)
		}
	})
}

// TestAuditCounts goes through more shoppers than it has in memory at once.
func TestAuditCounts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		a.rule(t, earning.Points, "rate", rates("1"))
		a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
		a.tx(t, func(ctx context.Context, tx *ent.Tx) error {
			rows := make([]*ent.ShopperCreate, 250)
			for i := range rows {
				rows[i] = tx.Shopper.Create().SetIssuer("").SetSubject(fmt.Sprint("guest-", i)).SetCreatedAt(a.now())
			}
			return tx.Shopper.CreateBulk(rows...).Exec(ctx)
		})
		for _, line := range []string{"ana buys 1 as p", "ana buys 2 as q", "ben buys 0", "ana returns p", "ben buys 3; ana returns q"} {
			a.does(t, line)
		}
		want := rewards.Counted{Shoppers: 252, Purchases: 4, Refunds: 2, Awards: 5}
		if got := a.wantSound(t); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// TestAuditOfWhatWasBeforeRules: points and badges from before rules were data are taken as they are, and a refund takes
// them back.
func TestAuditOfWhatWasBeforeRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
		a.rule(t, earning.Points, "rate", rates("3"))
		a.does(t, "ana buys 5 as p")
		a.does(t, "ana buys 5 as q")
		// The entries as the migration wrote them: no standing, no labels, and points by a rule that nobody knows.
		pool := a.loosen(t)
		for _, statement := range []string{
			"UPDATE reward_entries SET revision = -1, result = '" +
				`{"points":[{"rule":"` + uuid.Nil.String() + `","version":0,"code":"purchase-rate","points":15000000}]}` + "'",
			"DELETE FROM reward_standings",
		} {
			if _, err := pool.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		a.wantSound(t)
		for _, step := range []happens{
			{"ana buys 1 as r", "rate 3: +3, has 33"},
			{"ana returns p", "-15, has 18"},
			{"ana gets 18", "+0, has 0"},
			{"ana returns q", "-15, has -15"},
			{"ana returns r", "-3, loses one, has -18"},
			{"ana buys 1", "rate 3, badge one: +3, has -15"},
		} {
			if got := a.does(t, step.line); got != step.want {
				t.Errorf("%s: %s, want %s", step.line, got, step.want)
			}
		}
		a.wantSound(t)
	})
}

// TestAuditAfterRulesHaveChanged: a standing that keeps what is no longer counted is not wrong.
func TestAuditAfterRulesHaveChanged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		a.rule(t, earning.Points, "rate", rates("1"))
		a.does(t, "ana shows as Queen")
		a.does(t, "ana buys 5")
		a.rule(t, earning.Badge, "one", badgeFor(earning.Units, 1))
		a.rule(t, earning.Leaderboard, "board", boardBy(earning.Ever, earning.Purchases))
		a.wantSound(t)
		if n, err := a.Repair(t.Context()); n != 1 || err != nil {
			t.Errorf("%d are brought up, %v", n, err)
		}
		if got := a.does(t, "ana ranks"); got != "0: 0.000001 since 24 Dec 12:00" {
			t.Errorf("ana ranks %s", got)
		}
		a.wantSound(t)
		if n, err := a.Repair(t.Context()); n != 0 || err != nil {
			t.Errorf("%d are repaired again, %v", n, err)
		}
	})
}

// TestAuditStops: neither goes on when it is told to stop.
func TestAuditStops(t *testing.T) {
	t.Parallel()
	a := openArcade(t, dbtest.SQLite(t))
	a.who(t, "ana")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Audit(ctx, nil); err == nil {
		t.Error("the audit went on")
	}
	if _, err := a.Repair(ctx); err == nil {
		t.Error("the repair went on")
	}
}

// TestRepair brings back everything that only follows, and leaves alone what was awarded.
func TestRepair(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, statement string
		repaired        int64
		left            []string
	}{
		{"nothing", "SELECT 1", 0, nil},
		{"a standing that went away", "DELETE FROM reward_standings WHERE shopper_id = {ben}", 1, nil},
		{"all standings of those whom nobody sees", "DELETE FROM reward_standings WHERE display_name IS NULL", 1, nil},
		{"a number", "UPDATE reward_standings SET seq = seq + 4", 2, nil},
		{"an expiry", "UPDATE reward_standings SET expires_at = NULL", 1, nil},
		{"a score", "UPDATE leaderboard_scores SET score = score + 4", 1, nil},
		{"an instant of a score", "UPDATE leaderboard_scores SET reached_at = (SELECT created_at FROM reward_entries WHERE id = {entry p})", 1, nil},
		{"scores that went away", "DELETE FROM leaderboard_scores", 1, nil},
		{"a score of a time in which nothing was bought", "UPDATE leaderboard_scores SET period = 20260101", 1, nil},
		{"a score of somebody who does not want to be seen", "UPDATE leaderboard_scores SET shopper_id = {ben}", 2, nil},
		{"an award", "UPDATE reward_entries SET points = points + 1 WHERE id = {entry q}", 0, []string{"points"}},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := spoil(t, d)
		s.does(t, "ana shows as King")
		restore := s.keep(t)
		for _, test := range cases {
			t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
				defer restore()
				s.exec(t, test.statement)
				if n, err := s.Repair(t.Context()); n != test.repaired || err != nil {
					t.Errorf("%d are repaired, %v, want %d", n, err, test.repaired)
				}
				if diff := cmp.Diff(test.left, s.inspect(t)); diff != "" {
					t.Errorf("the audit finds (-want +got):\n%s", diff)
				}
			})
		}
		t.Run("a state", func(t *testing.T) {
			defer restore()
			s.exec(t, "UPDATE reward_standings SET "+s.set("state", "lifetime", "7000000"))
			if n, err := s.Repair(t.Context()); n != 2 || err != nil {
				t.Errorf("%d are repaired, %v", n, err)
			}
			if got := s.inspect(t); got != nil {
				t.Errorf("the audit finds %v", got)
			}
			row := s.db.Client().RewardStanding.Query().Where(rewardstanding.ShopperID(s.shoppers["ana"])).OnlyX(t.Context())
			if row.DisplayName == nil || *row.DisplayName != "King" || !row.Enabled {
				t.Errorf("choices have changed: %+v", row)
			}
		})
	})
}

// TestAuditSharesWhatWasPaid: of a purchase that promotional money paid a part of, each line counts for its share.
func TestAuditSharesWhatWasPaid(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		a.rule(t, earning.Badge, "amount", schema.RewardTerms{Badge: &schema.BadgeTerms{Goals: []schema.RewardGoal{{
			RewardCounter: schema.RewardCounter{Measure: string(earning.Amount), Currency: "USD", Scope: schema.RewardScope{Tags: []string{"a"}}},
			Target:        int64(amount("3.333335")),
		}}}})
		a.does(t, "ana is given 5")
		got := []string{a.does(t, "ana buys 5 #a, 5 #b, 5 #c"), a.does(t, "ana buys 0.01 #a")}
		if !slices.Equal(got, []string{"+0, has 0", "badge amount: +0, has 0"}) {
			t.Errorf("%q", got)
		}
		a.wantSound(t)
	})
}

// TestAuditKeepsUpWithTheTill: what is being written meanwhile is in another snapshot.
func TestAuditKeepsUpWithTheTill(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := openArcade(t, d)
		a.rule(t, earning.Points, "rate", rates("1", lasting(1)))
		a.who(t, "ana")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 15 {
				_, err := a.Audit(t.Context(), func(d rewards.Difference) { t.Errorf("%+v", d) })
				if err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range 20 {
			a.does(t, fmt.Sprintf("ana buys 2 as p%d", i))
			a.pass(3 * time.Hour)
			if i%3 == 2 {
				a.does(t, fmt.Sprintf("ana returns p%d", i-1))
			}
		}
		<-done
	})
}
