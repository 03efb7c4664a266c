package checkout

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/money"
)

// The simulation runs longer when it is told to:
//
//	go test -run TestSimulation ./internal/checkout -args -simulation.steps 5000000
//	go test -run TestSimulation ./internal/checkout -timeout 0 -args -simulation.for 10m -simulation.seed 7
//
// A world that fails says the seed that makes the very same world again.
var (
	simulationSteps = flag.Int64("simulation.steps", 0, "run the simulation for at least so many steps; 0 for a short run")
	simulationFor   = flag.Duration("simulation.for", 0, "run the simulation for so long; 0 for a number of steps")
	simulationSeed  = flag.Uint64("simulation.seed", 0, "seed of the first world of the simulation, the next ones count up; 0 for any")
)

// What a short run does: worlds that are the same every time, and some that nobody has seen before.
const (
	fixedWorlds = 24
	freshWorlds = 12
	// worldSteps is for how many steps a world goes on. What is long past makes every step slower and finds little.
	worldSteps = 400
)

// TestSimulation drives the till's decide, and with it prices, wallets and rewards, by random operations: checkouts of all that
// is on offer, refunds, repeats, keys that were used for something else, top-ups, adjustments, perks, changes of what is for
// sale and steps of the clock; batches that are rolled back, and batches whose COMMIT was answered by a broken connection. A
// model that knows nothing of batches, locks or tables follows every step and says what had to come of it.
//
// What is checked after every step, by the rules of the shop:
//
//   - 3: lines, subtotals and adjustments add up; no price is below zero; a discount is shared out exactly.
//   - 5: every transfer has two sides and moves more than nothing; the accounts of a currency add up to zero, those of the
//     house to what the model says has been sold, paid in, adjusted, and given and taken in points.
//   - 6: no wallet is below zero, each is the sum of its transfers, numbered without a gap.
//   - 7: what is refused leaves no trace; what is sold is there as a whole: money, goods, trials, counts, points and the key.
//   - 8: a key buys once, however often it comes, also when the answer to the COMMIT was lost; with other content it is refused.
//   - 9: what is charged is what was shown, and a total that is right is not refused.
//   - 10 and 16: windows are half-open; no more is sold than the stock, nor to one shopper than the cap; a refund gives the
//     unit back once; a stock set below what was sold ends the sale.
//   - 11: a purchase stays what it was, whatever becomes of the catalogue.
//   - 12: a durable good is owned once, and charged once in a basket.
//   - 14, 15 and 18: each claim costs the lowest single price that applies to it, by a price list of the model's own.
//   - 17: a product is tried once, ever; what a trial has cost is credited once, in its time.
//   - 20, 22 and 23: points, badges and quests are given once and taken back exactly; what was spent becomes a debt.
//   - 21: a streak counts days.
//   - 24: a refund gives everything back to where it came from, once.
//   - 26: promotional value is spent first, and never becomes paid.
func TestSimulation(t *testing.T) {
	t.Parallel()
	runs := []run{{first: 1, worlds: fixedWorlds}, {first: rand.Uint64() >> 16, worlds: freshWorlds}}
	seed := *simulationSeed
	if seed == 0 {
		seed = rand.Uint64() >> 16
	}
	switch {
	case *simulationFor > 0:
		runs = []run{{first: seed, until: time.Now().Add(*simulationFor)}}
	case *simulationSteps > 0:
		runs = []run{{first: seed, steps: *simulationSteps}}
	case *simulationSeed > 0:
		runs = []run{{first: seed, worlds: 1}}
	}
	traded := currencies(t, "USD,KRW")
	var all happenings
	began := time.Now()
	for _, r := range runs {
		t.Logf("simulation: worlds from seed %d on", r.first)
		sum, err := r.run(traded)
		if err != nil {
			t.Fatal(err)
		}
		all.add(sum)
	}
	took := time.Since(began)
	t.Logf("simulation: %d steps in %d worlds, %.0f steps a second", all.steps, all.worlds, float64(all.steps)/took.Seconds())
	for _, what := range slices.Sorted(maps.Keys(all.outcomes)) {
		t.Logf("%9d %s", all.outcomes[what], what)
	}
	if len(runs) > 1 || all.worlds > 10*fixedWorlds {
		for _, what := range everyOutcome {
			if all.outcomes[what] == 0 {
				t.Errorf("in no world there was: %s", what)
			}
		}
	}
}

// TestSimulationRepeats lives through one world twice: what is printed as the way to replay a failure must be that.
func TestSimulationRepeats(t *testing.T) {
	t.Parallel()
	var stories [2]string
	for i := range stories {
		w := newWorld(5, currencies(t, "USD,KRW"))
		for w.steps < worldSteps/2 {
			w.step()
		}
		stories[i] = w.tell(0)
	}
	if diff := cmp.Diff(stories[0], stories[1]); diff != "" {
		t.Errorf("the second time something else happened (-first +second):\n%s", diff)
	}
}

// everyOutcome is what must have happened in a run that is worth anything.
var everyOutcome = []string{
	"checkout: bought", "checkout: bought free", "checkout: bought for points", "checkout: bought with points redeemed",
	"checkout: bought a bundle", "checkout: bought a trial", "checkout: bought with trial credit", "checkout: bought in a flash sale",
	"checkout: bought by tiers", "checkout: bought with a coupon", "checkout: recorded", "checkout: recorded own",
	"checkout: IDEMPOTENCY_KEY_REUSED", "checkout: NOT_FOUND", "checkout: NOT_AVAILABLE", "checkout: ALREADY_OWNED",
	"checkout: TRIAL_USED", "checkout: INVALID_INPUT", "checkout: COUPON_NOT_VALID", "checkout: PRICE_CHANGED", "checkout: SOLD_OUT",
	"checkout: LIMIT_REACHED", "checkout: INSUFFICIENT_FUNDS", "refund: refunded", "refund: recorded", "refund: ALREADY_REFUNDED",
	"refund: NOT_REFUNDABLE", "refund: NOT_FOUND", "top-up: moved", "top-up: recorded", "top-up: IDEMPOTENCY_KEY_REUSED",
	"adjustment: moved", "adjustment: INSUFFICIENT_FUNDS", "perk: redeemed", "perk: INSUFFICIENT_FUNDS", "batch rolled back",
	"batch whose answer was lost", "points in debt", "points expired", "clock set back",
}

// run is worlds with seeds that count up from the first.
type run struct {
	first uint64
	// One of these says when it is over.
	worlds int
	steps  int64
	until  time.Time
}

// happenings counts what has happened.
type happenings struct {
	worlds   int
	steps    int64
	outcomes map[string]int64
}

func (a *happenings) add(b happenings) {
	a.worlds, a.steps = a.worlds+b.worlds, a.steps+b.steps
	if a.outcomes == nil {
		a.outcomes = map[string]int64{}
	}
	for what, n := range b.outcomes {
		a.outcomes[what] += n
	}
}

// run lives through the worlds of a run, as many at once as there are processors, up to the first that fails.
func (r run) run(traded *money.Currencies) (happenings, error) {
	var mu sync.Mutex
	var sum happenings
	var failures []error
	next := 0
	begin := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		over := r.worlds > 0 && next >= r.worlds || r.steps > 0 && sum.steps >= r.steps ||
			!r.until.IsZero() && time.Now().After(r.until)
		next++
		return r.first + uint64(next) - 1, !over && len(failures) == 0
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				seed, ok := begin()
				if !ok {
					return
				}
				w, err := live(seed, traded)
				mu.Lock()
				sum.add(w)
				if err != nil {
					failures = append(failures, err)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return sum, errors.Join(failures...)
}

// live lives through one world, which is all in its seed.
func live(seed uint64, traded *money.Currencies) (sum happenings, err error) {
	w := newWorld(seed, traded)
	defer func() {
		sum = happenings{1, w.steps, w.outcomes}
		panicked := recover()
		if panicked == nil {
			return
		}
		what := fmt.Sprint(panicked)
		if _, ours := panicked.(contradiction); !ours {
			what = fmt.Sprintf("panic: %v\n%s", panicked, debug.Stack())
		}
		err = fmt.Errorf("world %d, step %d: %s\n\nThe last of what happened:%s\n\nReplay it: "+
			"go test -run TestSimulation ./internal/checkout -args -simulation.seed %d", seed, w.steps, what, w.tell(len(w.log)-shownSteps), seed)
	}()
	for w.steps < worldSteps {
		w.step()
	}
	w.compare()
	w.compareHistory()
	return sum, nil
}

// tell is what has happened from somewhere in the log on.
func (w *world) tell(first int) string {
	var story strings.Builder
	for i, tell := range w.log {
		if i >= first {
			fmt.Fprintf(&story, "\n%5d %s", i+1, tell())
		}
	}
	return story.String()
}

// shownSteps is how many of the last steps a failure tells.
const shownSteps = 25

// contradiction is something that must not be.
type contradiction string
