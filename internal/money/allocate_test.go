package money

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAllocate(t *testing.T) {
	t.Parallel()
	const cent = 10_000
	cases := []struct {
		name    string
		total   Amount
		weights []Amount
		step    Amount
		want    []Amount
	}{
		{"divides evenly", 6 * cent, []Amount{1, 2, 3}, cent, []Amount{1 * cent, 2 * cent, 3 * cent}},
		{"ties go to the earlier line", 100 * cent, []Amount{5, 5, 5}, cent, []Amount{34 * cent, 33 * cent, 33 * cent}},
		{"the largest remainder wins", 10 * cent, []Amount{1, 1, 4}, cent, []Amount{2 * cent, 2 * cent, 6 * cent}},
		{"the largest remainder is last", 1 * cent, []Amount{3, 4}, cent, []Amount{0, cent}},
		{"one line", 7 * cent, []Amount{3}, cent, []Amount{7 * cent}},
		{"nothing to share", 0, []Amount{3, 4}, cent, []Amount{0, 0}},
		{"nothing over nobody", 0, nil, cent, []Amount{}},
		{"a free line gets nothing", 5 * cent, []Amount{0, 1, 0, 1}, cent, []Amount{0, 3 * cent, 0, 2 * cent}},
		{"all lines free count as equal", 5 * cent, []Amount{0, 0, 0}, cent, []Amount{2 * cent, 2 * cent, 1 * cent}},
		{"fewer steps than lines", 2 * cent, []Amount{1, 1, 1}, cent, []Amount{cent, cent, 0}},
		{"whole units", 10 * Unit, []Amount{1, 1, 1}, Unit, []Amount{4 * Unit, 3 * Unit, 3 * Unit}},
		{"a total finer than the step", 25_000, []Amount{1, 1}, cent, []Amount{12_500, 12_500}},
		{"the largest amounts", Max, []Amount{Max, Max, Max}, 1, []Amount{Max / 3, Max / 3, Max / 3}},
		{"the largest amounts, unevenly", Max, []Amount{Max, Max - 1, 1}, 1, []Amount{Max / 2, Max / 2, 0}},
		{"discount takes the whole of each line", 30, []Amount{7, 11, 12}, 1, []Amount{7, 11, 12}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Allocate(c.total, c.weights, c.step)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAllocateRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		total   Amount
		weights []Amount
		step    Amount
	}{
		{"a negative total", -1, []Amount{1}, 1},
		{"a total beyond the range", Max + 1, []Amount{1}, 1},
		{"a negative weight", 1, []Amount{-1}, 1},
		{"a negative weight among others", 1, []Amount{1, -1}, 1},
		{"a weight beyond the range", 1, []Amount{1, Max + 1}, 1},
		{"the least weight", 1, []Amount{math.MinInt64}, 1},
		{"no step", 1, []Amount{1}, 0},
		{"a negative step", 1, []Amount{1}, -1},
		{"nobody to share with", 1, nil, 1},
		{"weights beyond counting", 1, slices.Repeat([]Amount{Max}, 2050), 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, err := Allocate(c.total, c.weights, c.step); !errors.Is(err, ErrRange) || got != nil {
				t.Errorf("got %v, %v; want ErrRange", got, err)
			}
		})
	}
}

func TestAllocateLeavesTheWeightsAlone(t *testing.T) {
	t.Parallel()
	weights := []Amount{0, 0}
	if _, err := Allocate(5, weights, 1); err != nil {
		t.Fatal(err)
	}
	if weights[0] != 0 || weights[1] != 0 {
		t.Errorf("the weights became %v", weights)
	}
}

// checkShares asks for everything that Allocate promises of one result, by arithmetic on big fractions.
func checkShares(t rapid.TB, total Amount, weights []Amount, step Amount, shares []Amount) {
	t.Helper()
	if len(shares) != len(weights) {
		t.Fatalf("%d shares for %d weights", len(shares), len(weights))
	}
	if total%step != 0 {
		step = 1
	}
	weighed, sum := new(big.Int), new(big.Int)
	for i := range weights {
		weighed.Add(weighed, big.NewInt(int64(weights[i])))
		sum.Add(sum, big.NewInt(int64(shares[i])))
	}
	if sum.Cmp(big.NewInt(int64(total))) != 0 {
		t.Fatalf("the shares %v add up to %s, not %d", shares, sum, total)
	}
	equal := weighed.Sign() == 0
	covered := weighed.Cmp(sum) >= 0
	for i, share := range shares {
		part := new(big.Rat)
		if equal {
			part.SetFrac64(int64(total), int64(len(shares)))
		} else {
			part.SetFrac(new(big.Int).Mul(big.NewInt(int64(total)), big.NewInt(int64(weights[i]))), weighed)
		}
		off := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(share)), part)
		if off.Abs(off).Cmp(new(big.Rat).SetInt64(int64(step))) >= 0 {
			t.Fatalf("share %d of %d is a step or more off the exact %s", i, share, part.FloatString(3))
		}
		if share < 0 || share%step != 0 {
			t.Fatalf("share %d of %d is not in whole steps of %d", i, share, step)
		}
		if weights[i] == 0 && !equal && share != 0 {
			t.Fatalf("share %d is %d for a weight of zero", i, share)
		}
		if !equal && covered && weights[i]%step == 0 && share > weights[i] {
			t.Fatalf("share %d of %d exceeds its weight %d", i, share, weights[i])
		}
		for j := range i {
			switch {
			case weights[j] == weights[i] && (shares[j] < share || shares[j] > share+step),
				weights[j] > weights[i] && shares[j] < share,
				weights[j] < weights[i] && shares[j] > share:
				t.Fatalf("weights %d and %d at %d and %d got %d and %d", weights[j], weights[i], j, i, shares[j], share)
			}
		}
	}
}

func steps() *rapid.Generator[Amount] {
	return rapid.OneOf(
		rapid.SampledFrom([]Amount{1, 10, 100, 1000, 10_000, 100_000, Unit}),
		rapid.Map(rapid.Int64Range(1, 30), func(n int64) Amount { return Amount(n) }),
	)
}

// weights draws prices of lines: small ones, which tie and divide in all ways, and ones up to the end of the range.
func weights() *rapid.Generator[[]Amount] {
	positive := rapid.Map(amounts(), func(a Amount) Amount { return max(a, -a) })
	small := rapid.Map(rapid.Int64Range(0, 9), func(n int64) Amount { return Amount(n) })
	cents := rapid.Map(rapid.Int64Range(0, 2000), func(n int64) Amount { return Amount(n) * 10_000 })
	return rapid.OneOf(rapid.SliceOfN(positive, 1, 50), rapid.SliceOfN(small, 1, 12), rapid.SliceOfN(cents, 1, 50))
}

// totals draws totals in whole steps, some of them a discount on the weights, and some finer ones.
func totals(step Amount, weights []Amount) *rapid.Generator[Amount] {
	most, err := Sum(weights...)
	if err != nil {
		most = Max
	}
	upTo := func(most Amount) *rapid.Generator[Amount] {
		return rapid.Map(rapid.Int64Range(0, int64(most/step)), func(n int64) Amount { return Amount(n) * step })
	}
	return rapid.OneOf(upTo(most), upTo(Max), upTo(20*step), rapid.Just(most),
		rapid.Map(rapid.Int64Range(0, int64(Max)), func(n int64) Amount { return Amount(n) }))
}

func TestAllocateKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step, weights := steps().Draw(t, "step"), weights().Draw(t, "weights")
		total := totals(step, weights).Draw(t, "total")
		shares, err := Allocate(total, weights, step)
		if err != nil {
			t.Fatal(err)
		}
		checkShares(t, total, weights, step, shares)
	})
}

// TestAllocateDependsOnOrderOnlyInTies: shares move with their lines, except that of lines that lost exactly the same by
// rounding the earlier ones are served, a step at most.
func TestAllocateDependsOnOrderOnlyInTies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		step, weights := steps().Draw(t, "step"), weights().Draw(t, "weights")
		total := totals(step, weights).Draw(t, "total")
		order := make([]int, len(weights))
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		moved := make([]Amount, len(weights))
		for to, from := range order {
			moved[to] = weights[from]
		}

		before, err := Allocate(total, weights, step)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Allocate(total, moved, step)
		if err != nil {
			t.Fatal(err)
		}
		if total%step != 0 {
			step = 1
		}
		losses := lossCounts(total/step, weights)
		for to, from := range order {
			switch difference := after[to] - before[from]; {
			case difference < -step || difference > step:
				t.Fatalf("line %d moved to %d and its share from %d to %d", from, to, before[from], after[to])
			case difference != 0 && losses[loss(total/step, weights, from)] == 1:
				t.Fatalf("line %d ties with no other, moved to %d, and its share from %d to %d", from, to, before[from], after[to])
			}
		}
	})
}

// loss is what line i loses by rounding down, as a count of sum-of-weights-ths of a step.
func loss(steps Amount, weights []Amount, i int) string {
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, big.NewInt(int64(w)))
	}
	if sum.Sign() == 0 {
		return "equal"
	}
	product := new(big.Int).Mul(big.NewInt(int64(steps)), big.NewInt(int64(weights[i])))
	return product.Mod(product, sum).String()
}

func lossCounts(steps Amount, weights []Amount) map[string]int {
	counts := map[string]int{}
	for i := range weights {
		counts[loss(steps, weights, i)]++
	}
	return counts
}

func FuzzAllocate(f *testing.F) {
	seed := func(total, step int64, weights ...uint64) {
		var packed []byte
		for _, w := range weights {
			packed = binary.LittleEndian.AppendUint64(packed, w)
		}
		f.Add(total, step, packed)
	}
	seed(0, 1)
	seed(1, 1)
	seed(-1, 1, 1)
	seed(100, 0, 1)
	seed(1_000_000, 10_000, 5, 5, 5)
	seed(50_000, 10_000, 0, 0, 0)
	seed(25_000, 10_000, 1, 1)
	seed(int64(Max), 1, uint64(Max), uint64(Max), uint64(Max))
	seed(int64(Max), 10_000, uint64(Max), 1, 1)
	seed(int64(Max)+1, 1, 1)
	seed(7, 1, uint64(Max)+1)
	seed(7, math.MaxInt64, 1, 2)
	seed(math.MinInt64, math.MinInt64, math.MaxUint64)
	f.Fuzz(func(t *testing.T, total, step int64, packed []byte) {
		defined := total >= 0 && total <= int64(Max) && step > 0
		var weights []Amount
		for ; len(packed) >= 8 && len(weights) < 100; packed = packed[8:] {
			w := Amount(binary.LittleEndian.Uint64(packed))
			defined = defined && w >= 0 && w <= Max
			weights = append(weights, w)
		}
		defined = defined && (total == 0 || len(weights) > 0)

		shares, err := Allocate(Amount(total), weights, Amount(step))
		if !defined {
			if !errors.Is(err, ErrRange) {
				t.Fatalf("got %v, %v; want ErrRange", shares, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkShares(t, Amount(total), weights, Amount(step), shares)
	})
}

func BenchmarkAllocate(b *testing.B) {
	weights := make([]Amount, 10)
	for i := range weights {
		weights[i] = Amount(i+1) * 990_000
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Allocate(12_340_000, weights, 10_000); err != nil {
			b.Fatal(err)
		}
	}
}
