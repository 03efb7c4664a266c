package main

import (
	"context"
	"fmt"
	"slices"

	"farthing/internal/load"
)

// figures are one figure from each round.
type figures []float64

// String is the median and what it lies between.
func (f figures) String() string {
	sorted := slices.Sorted(slices.Values(f))
	if len(sorted) == 0 {
		return "none"
	}
	return fmt.Sprintf("%.3f (%.3f … %.3f)", f.median(), sorted[0], sorted[len(sorted)-1])
}

func (f figures) median() float64 {
	sorted := slices.Sorted(slices.Values(f))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// conclude prints a ratio over all rounds beside what is wanted of it.
func (c *comparison) conclude(what string, f figures, wanted string) {
	c.say("= %s: %s; wanted %s", what, f, wanted)
}

// cpu is what a request took of the server's CPU and the database's together.
func cpu(r load.Result) float64 {
	return r.Processes["server"].CPUMillisPerOperation + r.Processes["postgres"].CPUMillisPerOperation
}

// many compares checkouts of many wallets with pgbench, by turns.
func many(ctx context.Context, c *comparison) error {
	bench, err := c.initialise(ctx, c.scale)
	if err != nil {
		return err
	}
	defer bench.drop()
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	var rates, same, best, times figures
	for round := range c.rounds {
		c.say("round %d, load %s", round+1, machineLoad())
		against := map[int]float64{}
		fastest := 0.0
		for _, clients := range []int{c.clients, 32, 8} {
			if against[clients], err = bench.tpcB(ctx, clients); err != nil {
				return err
			}
			fastest = max(fastest, against[clients])
		}
		r, err := s.bench(ctx, "checkout")
		if err != nil {
			return err
		}
		rates, times = append(rates, r.PerSecond), append(times, cpu(r))
		same, best = append(same, r.PerSecond/against[c.clients]), append(best, r.PerSecond/fastest)
	}
	c.say("= checkouts in a second: %s", rates)
	c.conclude(fmt.Sprintf("checkouts to pgbench with %d clients", c.clients), same, "at least 1.5, aim at 3")
	c.conclude("checkouts to the best of pgbench", best, "to be told")
	if c.postgres != 0 {
		c.conclude("CPU of server and database, ms for a checkout", times, "at most 0.4")
	}
	return nil
}

// hot compares what goes for one row with what goes for many, and with pgbench's one row.
func hot(ctx context.Context, c *comparison) error {
	bench, err := c.initialise(ctx, 1)
	if err != nil {
		return err
	}
	defer bench.drop()
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	scenarios := []string{"hot-wallet", "flash-sale"}
	toMany, toOne := map[string]figures{}, map[string]figures{}
	for round := range c.rounds {
		c.say("round %d, load %s", round+1, machineLoad())
		one, err := bench.tpcB(ctx, c.clients)
		if err != nil {
			return err
		}
		all, err := s.bench(ctx, "checkout")
		if err != nil {
			return err
		}
		for _, scenario := range scenarios {
			r, err := s.bench(ctx, scenario)
			if err != nil {
				return err
			}
			toMany[scenario] = append(toMany[scenario], r.PerSecond/all.PerSecond)
			toOne[scenario] = append(toOne[scenario], r.PerSecond/one)
		}
	}
	for _, scenario := range scenarios {
		c.conclude(scenario+" to many wallets", toMany[scenario], "at least 0.7")
		c.conclude(scenario+" to pgbench with one branch", toOne[scenario], "at least 5")
	}
	return nil
}

// idle compares the time of one checkout with that of one write.
func idle(ctx context.Context, c *comparison) error {
	bench, err := c.initialise(ctx, 1)
	if err != nil {
		return err
	}
	defer bench.drop()
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	var toTransaction, toStatement figures
	for round := range c.rounds {
		c.say("round %d, load %s", round+1, machineLoad())
		transaction, err := bench.bareInsert(ctx, insertAndCommit)
		if err != nil {
			return err
		}
		statement, err := bench.bareInsert(ctx, insertAlone)
		if err != nil {
			return err
		}
		c.say("  BEGIN, INSERT, COMMIT p50 %.3f ms; INSERT alone %.3f ms", transaction, statement)
		r, err := s.bench(ctx, "idle")
		if err != nil {
			return err
		}
		toTransaction = append(toTransaction, r.Latency.P50/transaction)
		toStatement = append(toStatement, r.Latency.P50/statement)
	}
	c.conclude("p50 of a checkout to BEGIN, INSERT, COMMIT", toTransaction, "under 3")
	c.conclude("p50 of a checkout to an INSERT alone", toStatement, "to be told")
	return nil
}

// storefront compares a page with net/http serving the same bytes.
func storefront(ctx context.Context, c *comparison) error {
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	wanted := map[string]string{"storefront": "at least 0.5", "storefront-signed-in": "at least 0.05"}
	scenarios := []string{"storefront", "storefront-signed-in"}
	toBytes := map[string]figures{}
	for round := range c.rounds {
		c.say("round %d, load %s", round+1, machineLoad())
		for _, scenario := range scenarios {
			r, err := s.bench(ctx, scenario, "--baseline")
			if err != nil {
				return err
			}
			c.say("  %-21s %9.1f/s  p50 %8.2f ms", "net/http, same bytes", r.Baseline.PerSecond, r.Baseline.Latency.P50)
			toBytes[scenario] = append(toBytes[scenario], r.PerSecond/r.Baseline.PerSecond)
		}
	}
	for _, scenario := range scenarios {
		c.conclude(scenario+" to net/http with the same bytes", toBytes[scenario], wanted[scenario])
	}
	return nil
}

// rewards compares a shop that has all rules of the demonstration, and everything else that is in it, with one that has no
// rules at all.
func rewards(ctx context.Context, c *comparison) error {
	ruled, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer ruled.stop()
	if err := ruled.farthing(ctx, nil, "seed", "--demo"); err != nil {
		return err
	}
	free, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer free.stop()
	ratio, err := c.turns("without rules, then with all",
		func() (load.Result, error) { return free.bench(ctx, "checkout", "--without-rules") },
		func() (load.Result, error) { return ruled.bench(ctx, "checkout") })
	if err != nil {
		return err
	}
	c.conclude("checkouts with all rules to checkouts without any", ratio, "at least 0.8")
	return nil
}

// turns runs two loads by turns, and gives the rate of the second to that of the first in each round.
func (c *comparison) turns(what string, first, second func() (load.Result, error)) (ratio figures, err error) {
	for round := range c.rounds {
		c.say("round %d, load %s: %s", round+1, machineLoad(), what)
		a, err := first()
		if err != nil {
			return nil, err
		}
		b, err := second()
		if err != nil {
			return nil, err
		}
		ratio = append(ratio, b.PerSecond/a.PerSecond)
	}
	return ratio, nil
}

// mix runs the mixed scenario.
func mix(ctx context.Context, c *comparison) error {
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	var rates figures
	for round := range c.rounds {
		c.say("round %d, load %s", round+1, machineLoad())
		r, err := s.bench(ctx, "mix")
		if err != nil {
			return err
		}
		rates = append(rates, r.PerSecond)
	}
	c.say("= requests in a second: %s", rates)
	return nil
}

// sqlite compares the two databases.
func sqlite(ctx context.Context, c *comparison) error {
	large, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer large.stop()
	small, err := c.open(ctx, true)
	if err != nil {
		return err
	}
	defer small.stop()
	ratio, err := c.turns("PostgreSQL, then SQLite",
		func() (load.Result, error) { return large.bench(ctx, "checkout") },
		func() (load.Result, error) { return small.bench(ctx, "checkout") })
	if err != nil {
		return err
	}
	c.conclude("checkouts on SQLite to checkouts on PostgreSQL", ratio, "at least 0.5")
	return nil
}

// ledger compares a shop with a long ledger with one that has a short one. Both grow while they are measured, the short
// one by a few percent of the long one.
func ledger(ctx context.Context, c *comparison) error {
	long, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer long.stop()
	c.say("filling the ledger up to %d purchases", c.long)
	for made := int64(0); made < c.long; {
		r, err := long.bench(ctx, "checkout")
		if err != nil {
			return err
		}
		made += r.Done
	}
	// What autovacuum does in time; a cluster may be without it.
	if _, err := c.sql(ctx, long.database, "VACUUM (ANALYZE)"); err != nil {
		return err
	}
	var rates, histories figures
	for round := range c.rounds {
		short, err := c.open(ctx, false)
		if err != nil {
			return err
		}
		err = func() error {
			defer short.stop()
			c.say("round %d, load %s: short, then long", round+1, machineLoad())
			var got [2]load.Result
			var pages [2]load.Result
			for i, s := range []*shop{short, long} {
				if got[i], err = s.bench(ctx, "checkout"); err != nil {
					return err
				}
				if pages[i], err = s.bench(ctx, "history"); err != nil {
					return err
				}
			}
			rates = append(rates, got[1].PerSecond/got[0].PerSecond)
			histories = append(histories, pages[1].Latency.P50/pages[0].Latency.P50)
			return nil
		}()
		if err != nil {
			return err
		}
	}
	c.conclude("checkouts with a long ledger to those with a short one", rates, "at least 0.9")
	c.conclude("p50 of a history with a long ledger to that with a short one", histories, "about 1")
	return nil
}

// memory watches the memory of the server under load.
func memory(ctx context.Context, c *comparison) error {
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.stop()
	r, err := s.bench(ctx, "checkout", "--duration", c.memory.String())
	if err != nil {
		return err
	}
	used := r.Processes["server"]
	c.say("= memory of the server over %s: %.0f MB at the beginning, at most %.0f, %.0f at the end; wanted flat, under 200",
		c.memory, used.StartMB, used.PeakMB, used.EndMB)
	return nil
}
