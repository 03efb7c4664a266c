package pricing_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/internal/money"
	"farthing/internal/pricing"
)

// redeemed is the rule by which points are taken off.
var redeemed = uuid.UUID{0: 99}

// costing is the result of a basket with lines of parts that cost so many cents.
func costing(lines ...[]int64) pricing.Result {
	var r pricing.Result
	for i, parts := range lines {
		line := pricing.Line{Subject: pricing.Subject{Kind: pricing.OfProduct, ID: uuid.UUID{0: byte(i + 1)}}, Quantity: 1}
		for _, cents := range parts {
			cost := money.Amount(cents) * 10_000
			line.Parts = append(line.Parts, pricing.Part{Product: line.ID, Quantity: 2, Unit: cost / 2, Subtotal: cost, Total: cost})
			line.Subtotal, line.Total = line.Subtotal+cost, line.Total+cost
		}
		r.Lines = append(r.Lines, line)
		r.Subtotal, r.Total = r.Subtotal+line.Subtotal, r.Total+line.Total
	}
	return r
}

// TestTakeOff has what is taken off the parts of baskets worked out by hand: in proportion to what they cost, in cents, the
// cent that is left to whom it costs most to go without, the first of equals.
func TestTakeOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		costs [][]int64
		off   int64
		want  []int64 // off each part
	}{
		"one_part":                       {[][]int64{{100}}, 30, []int64{30}},
		"all_of_it":                      {[][]int64{{100}, {1, 7}}, 108, []int64{100, 1, 7}},
		"nothing":                        {[][]int64{{100}, {50}}, 0, []int64{0, 0}},
		"in_proportion":                  {[][]int64{{100}, {300}}, 40, []int64{10, 30}},
		"the_first_of_equals":            {[][]int64{{100}, {100}, {100}}, 100, []int64{34, 33, 33}},
		"by_largest_remainder":           {[][]int64{{10}, {25}, {65}}, 7, []int64{1, 2, 4}},
		"over_the_parts_of_a_bundle_too": {[][]int64{{60, 30}, {10}}, 50, []int64{30, 15, 5}},
		"nothing_off_what_is_free":       {[][]int64{{0}, {3}, {0, 1}}, 4, []int64{0, 3, 0, 1}},
		"one_cent":                       {[][]int64{{1}, {1}, {2}}, 1, []int64{0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := costing(c.costs...)
			got, err := pricing.TakeOff(r, pricing.ByPoints, redeemed, money.Amount(c.off)*10_000, 10_000)
			if err != nil {
				t.Fatal(err)
			}
			var off []int64
			for _, line := range got.Lines {
				for _, part := range line.Parts {
					off = append(off, int64(part.Subtotal-part.Total)/10_000)
				}
			}
			if !slices.Equal(off, c.want) {
				t.Errorf("off the parts: %v, want %v", off, c.want)
			}
			checkTakenOff(t, "", r, got, money.Amount(c.off)*10_000)
		})
	}
	t.Run("not_more_than_the_total", func(t *testing.T) {
		t.Parallel()
		if got, err := pricing.TakeOff(costing([]int64{100}, []int64{50}), pricing.ByPoints, redeemed, 1_510_000, 10_000); err == nil {
			t.Errorf("a basket of 1.50 costs %s when 1.51 are taken off", got.Total)
		}
	})
}

// TestTakeOffAnything takes any part of the total off random shops' baskets, after all offers there are.
func TestTakeOffAnything(t *testing.T) {
	t.Parallel()
	taken := 0
	for seed := range uint64(6_000) {
		data := entropy(seed)
		s := randomShop(data)
		r, err := pricing.Price(s.shelf, s.buyer, s.items)
		if err != nil || len(r.Refusals) > 0 {
			continue
		}
		step := s.shelf.Currency.Step()
		for _, percent := range []money.Amount{0, 1, 33, 50, 99, 100} {
			off := r.Total * percent / 100 / step * step
			got, err := pricing.TakeOff(r, pricing.ByPoints, redeemed, off, step)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			checkTakenOff(t, fmt.Sprintf("seed %d, %d percent: ", seed, percent), r, got, off)
			if off > 0 {
				taken++
			}
		}
		if again, err := pricing.Price(s.shelf, s.buyer, s.items); err != nil || !cmp.Equal(again, r) {
			t.Errorf("seed %d: what was given to TakeOff has changed: %s", seed, cmp.Diff(again, r))
		}
		if t.Failed() {
			return
		}
	}
	if taken < 2_000 {
		t.Errorf("only %d baskets had something taken off", taken)
	}
}

// checkTakenOff checks a result before and after an amount was taken off.
func checkTakenOff(t *testing.T, name string, before, after pricing.Result, off money.Amount) {
	t.Helper()
	if after.Total != before.Total-off || after.Redeemed != off || after.Subtotal != before.Subtotal || len(after.Lines) != len(before.Lines) {
		t.Errorf("%s%s less %s is %s, %s redeemed", name, before.Total, off, after.Total, after.Redeemed)
		return
	}
	var sum money.Amount
	for i, line := range after.Lines {
		was := before.Lines[i]
		var ofParts money.Amount
		for j, part := range line.Parts {
			ofParts += part.Total
			share := was.Parts[j].Total - part.Total
			adjusted := part.Subtotal
			for _, a := range part.Adjustments {
				adjusted -= a.Amount
			}
			added := part.Adjustments[len(was.Parts[j].Adjustments):]
			want := []pricing.Adjustment{{Kind: pricing.ByPoints, Source: redeemed, Amount: share, Units: part.Quantity}}
			if share == 0 {
				want = nil
			}
			if part.Total < 0 || share < 0 || adjusted != part.Total || !slices.Equal(added, want) {
				t.Errorf("%spart %d of line %d is %+v, was %+v", name, j, i, part, was.Parts[j])
			}
			// A share is less than a step of the exact part: as precisely as integers can say it.
			if exact := float64(off) * float64(was.Parts[j].Total) / float64(max(before.Total, 1)); float64(share) > exact+1e6 || float64(share) < exact-1e6 {
				t.Errorf("%spart %d of line %d has %s off, its part is %f", name, j, i, share, exact)
			}
		}
		if ofParts != line.Total || line.Subtotal != was.Subtotal {
			t.Errorf("%sline %d costs %s, its parts %s", name, i, line.Total, ofParts)
		}
		sum += line.Total
	}
	if sum != after.Total {
		t.Errorf("%sthe lines cost %s, the basket %s", name, sum, after.Total)
	}
}
