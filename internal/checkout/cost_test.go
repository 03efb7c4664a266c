package checkout

import (
	"fmt"
	"sync/atomic"
	"testing"

	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
)

// TestRewardsCostTheSame counts what is asked of the database for a purchase, with rules of every kind and with none. What
// rewards take is a few statements for a whole batch, however many rules there are and however much was bought before.
func TestRewardsCostTheSame(t *testing.T) {
	t.Parallel()
	cost := func(rules []*earning.Rule, before int) int {
		d := dbtest.Postgres(t)
		setRules(t, d, rules)
		proxy := dbtest.NewProxy(t, dbtest.URL(t, d))
		s, counted := open(t, d), open(t, dbtest.Open(t, proxy.URL()))
		b := s.bench(t, "sam")
		hints := b.hints("0.01")
		for range before {
			b.buys("0.01", of(hints, 1))
		}
		counted.buy(b.ctx, t, order("first", "0.01", of(hints, 1))) // which reads the rules and what is on offer
		return statementsOf(t, proxy, anything, func() { counted.buy(b.ctx, t, order("counted", "0.01", of(hints, 1))) })
	}
	// None is one that is far away: a shop without any rule is given some.
	none := []*earning.Rule{quest("far-away", 1_000_000, "1")}
	without, with, later := cost(none, 1), cost(everyRule(), 1), cost(everyRule(), 40)
	if with > without+4 || later > with {
		t.Errorf("%d statements without rules, %d with every kind, %d after forty purchases", without, with, later)
	}
}

// BenchmarkRewards buys on one till, by as many at once as benefit from one batch, with rules of every kind and with none.
func BenchmarkRewards(b *testing.B) {
	for _, store := range dbtest.Stores(b) {
		for name, rules := range map[string][]*earning.Rule{"none": {quest("far-away", 1_000_000, "1")}, "every": everyRule()} {
			b.Run(fmt.Sprint(store.Name, "/", name), func(b *testing.B) {
				d := dbtest.Open(b, store.URL(b))
				setRules(b, d, rules)
				s := open(b, d)
				hints := s.consumable(b, "Hints", 10, "0.01 USD")
				crowd := s.crowd(b, 64, "1000")
				var n atomic.Int64
				b.SetParallelism(32)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					ctx := crowd[int(n.Add(1))%len(crowd)]
					for pb.Next() {
						if _, err := s.Checkout(ctx, order(fmt.Sprint(n.Add(1)), "0.01", of(hints, 1))); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "purchases/s")
			})
		}
	}
}
