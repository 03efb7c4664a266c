package rewards_test

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent/leaderboardscore"
	"farthing/internal/db/dbtest"
	"farthing/internal/rewards"
)

// BenchmarkLeaderboardPage is what it takes to show a page of 20 after a random place, and a random shopper's own place
// with the ten around it, on a board with as many shoppers on PostgreSQL as FARTHING_BENCH_SHOPPERS says (default 10,000).
// Scores are such that a few to some hundred shoppers tie. It reports the median and the 99th percentile of each, and of
// going to the database and back for nothing, which tells how busy the machine is.
//
//	FARTHING_BENCH_SHOPPERS=1000000 go test -run '^$' -bench LeaderboardPage -benchtime 5000x ./internal/rewards
func BenchmarkLeaderboardPage(b *testing.B) {
	shoppers := 10_000
	if text := os.Getenv("FARTHING_BENCH_SHOPPERS"); text != "" {
		var err error
		if shoppers, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	d := dbtest.Postgres(b)
	p := openPodium(b, d)
	p.Service = rewards.New(d, nil, time.Now) // by the clock, so that landmarks grow old and are read again meanwhile
	pool, err := sql.Open("postgres", dbtest.URL(b, d))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO reward_standings (id, shopper_id, display_name, state)
			SELECT gen_random_uuid(), gen_random_uuid(), 'Shopper ' || n, '{}' FROM generate_series(1, %d) n`, shoppers),
		fmt.Sprintf(`INSERT INTO leaderboard_scores (id, rule_id, period, shopper_id, score, reached_at)
			SELECT gen_random_uuid(), '%s', %d, shopper_id, 1 + floor(50000 * random() * random() * random()),
			now() - random() * interval '7 days' FROM reward_standings`, p.board.ID, p.period),
		`VACUUM ANALYZE`, // as PostgreSQL does by itself in time
	} {
		if _, err := pool.Exec(statement); err != nil {
			b.Fatal(err)
		}
	}
	var known []uuid.UUID
	rows := d.Client().LeaderboardScore.Query().Limit(20_000).AllX(b.Context()) // in the order of the heap, which is random
	for _, row := range rows {
		known = append(known, row.ShopperID)
	}
	if n := d.Client().LeaderboardScore.Query().Where(leaderboardscore.Period(p.period)).CountX(b.Context()); n != shoppers {
		b.Fatalf("%d scores", n)
	}
	if _, err := p.Count(b.Context(), d.Client(), p.board, p.period); err != nil { // landmarks are read
		b.Fatal(err)
	}

	var pages, arounds, nothing []time.Duration
	for i := 0; b.Loop(); i++ {
		begun := time.Now()
		if err := pool.Ping(); err != nil {
			b.Fatal(err)
		}
		nothing = append(nothing, time.Since(begun))
		begun = time.Now()
		page, err := p.Page(b.Context(), d.Client(), p.board, p.period, nil, new(rewards.CursorOf(rows[i%len(rows)])))
		if err != nil {
			b.Fatal(err)
		}
		pages = append(pages, time.Since(begun))
		begun = time.Now()
		own, around, err := p.Around(b.Context(), d.Client(), p.board, p.period, known[i%len(known)])
		if err != nil {
			b.Fatal(err)
		}
		arounds = append(arounds, time.Since(begun))
		if own == nil || len(around) < 6 || len(page.Edges) == 0 && own.Rank < int64(shoppers) {
			b.Fatalf("a page of %d after %+v, among %d", len(page.Edges), own, len(around))
		}
	}
	for name, took := range map[string][]time.Duration{"page": pages, "around": arounds, "nothing": nothing} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
}
