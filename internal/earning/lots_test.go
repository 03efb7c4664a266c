package earning_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/internal/earning"
	"farthing/internal/money"
)

// coin is one point of the naive ledger that lots are held against.
type coin struct {
	lot   int // number of the lot that it belongs to
	until time.Time
	state string // left, used, expired or revoked
	spent int    // which spending took it; 0 for none
}

// purse is the naive ledger: every point by itself, and a debt.
type purse struct {
	coins []*coin
	debt  int
}

// forever is when points expire that never do.
var forever = noon.AddDate(1_000, 0, 0)

func (p *purse) earn(lot, n int, until time.Time) {
	for range n {
		c := &coin{lot: lot, until: until, state: "left"}
		if p.debt > 0 {
			p.debt--
			c.state = "used"
		}
		p.coins = append(p.coins, c)
	}
}

// soonest are the coins that are left, those first that expire soonest, of equals the older.
func (p *purse) soonest() []*coin {
	var left []*coin
	for _, c := range p.coins {
		if c.state == "left" {
			left = append(left, c)
		}
	}
	slices.SortStableFunc(left, func(a, b *coin) int { return cmp.Or(a.until.Compare(b.until), cmp.Compare(a.lot, b.lot)) })
	return left
}

func (p *purse) spend(n, number int) {
	for _, c := range p.soonest()[:n] {
		c.state, c.spent = "used", number
	}
}

func (p *purse) expire(at time.Time) (gone int) {
	for _, c := range p.coins {
		if c.state == "left" && !at.Before(c.until) {
			c.state = "expired"
			gone++
		}
	}
	return gone
}

func (p *purse) revoke(lot, n int) (moved int) {
	for _, state := range []string{"left", "expired"} {
		for _, c := range p.coins {
			if n > 0 && c.lot == lot && c.state == state {
				c.state = "revoked"
				n--
				if state == "left" {
					moved++
				}
			}
		}
	}
	for range n {
		moved++
		if left := p.soonest(); len(left) > 0 {
			left[0].state = "used"
		} else {
			p.debt++
		}
	}
	return moved
}

// giveBack returns what a spending took: what a debt leaves of it, to the coins that expire last; and how many have no
// lot to go to.
func (p *purse) giveBack(number int, at time.Time) (homeless int) {
	var spent []*coin
	for _, c := range p.coins {
		if c.spent == number {
			c.spent = 0
			spent = append(spent, c)
		}
	}
	slices.SortStableFunc(spent, func(a, b *coin) int { return -cmp.Or(a.until.Compare(b.until), cmp.Compare(a.lot, b.lot)) })
	n := len(spent) - min(p.debt, len(spent))
	p.debt -= len(spent) - n
	for _, c := range spent {
		if n > 0 && at.Before(c.until) {
			c.state = "left"
			n--
		}
	}
	return n
}

func (p *purse) balance() int { return len(p.soonest()) - p.debt }

// show is what became of each lot's points.
func (p *purse) show() (lines []string) {
	type sums struct{ points, used, expired, revoked int }
	lots := map[int]*sums{}
	for _, c := range p.coins {
		if lots[c.lot] == nil {
			lots[c.lot] = &sums{}
		}
		s := lots[c.lot]
		s.points++
		switch c.state {
		case "used":
			s.used++
		case "expired":
			s.expired++
		case "revoked":
			s.revoked++
		}
	}
	for _, lot := range slices.Sorted(maps.Keys(lots)) {
		lines = append(lines, fmt.Sprintf("%d: %+v", lot, *lots[lot]))
	}
	return lines
}

func showLots(lots earning.Lots) (lines []string) {
	for _, l := range lots {
		lines = append(lines, fmt.Sprintf("%d: {points:%s used:%s expired:%s revoked:%s}", l.Seq, l.Points, l.Used, l.Expired, l.Revoked))
	}
	return lines
}

// TestLotsAreTheBalance earns, spends, lets expire, takes back and gives back at random: what is left of all lots is the
// balance, or nothing when there is a debt, and each lot is what a ledger of single points says.
func TestLotsAreTheBalance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var lots earning.Lots
		var naive purse
		balance, at := money.Amount(0), noon
		spendings := map[int]map[uuid.UUID]money.Amount{}
		earnable := map[int]int{} // what can still be revoked of a lot
		whole := func(n int) money.Amount { return money.Amount(n) * money.Unit }
		add := func(n int, until time.Time) {
			seq := len(lots) + 1
			lot := &earning.Lot{Entry: numbered(seq), Seq: int64(seq), Points: whole(n)}
			lot.Used = min(lot.Points, max(-balance, 0))
			if until != forever {
				lot.ExpiresAt = &until
			}
			lots = append(lots, lot)
			naive.earn(seq, n, until)
			balance += whole(n)
		}
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * hour)
			gone := lots.Expire(at)
			balance -= gone
			if naiveGone := naive.expire(at); whole(naiveGone) != gone {
				t.Fatalf("%s expire, want %d", gone, naiveGone)
			}
			switch what := rapid.SampledFrom([]string{"earn", "earn", "spend", "revoke", "return"}).Draw(t, "what"); {
			case what == "earn":
				n := rapid.IntRange(1, 8).Draw(t, "points")
				until := forever
				if days := rapid.IntRange(0, 3).Draw(t, "days"); days > 0 {
					until = at.Add(time.Duration(days) * day)
				}
				earnable[len(lots)+1] = n
				add(n, until)
			case what == "spend" && balance > 0:
				n := rapid.IntRange(1, int(balance/money.Unit)).Draw(t, "spent")
				took, short := lots.Use(whole(n))
				if short != 0 {
					t.Fatalf("%s of %s are not there", short, balance)
				}
				naive.spend(n, step+1)
				spendings[step+1] = took
				balance -= whole(n)
			case what == "revoke" && len(earnable) > 0:
				lot := rapid.SampledFrom(slices.Sorted(maps.Keys(earnable))).Draw(t, "lot")
				n := rapid.IntRange(1, earnable[lot]).Draw(t, "revoked") // a quest of several purchases goes by itself
				if earnable[lot] -= n; earnable[lot] == 0 {
					delete(earnable, lot)
				}
				moved, short := lots.Revoke(numbered(lot), whole(n))
				if want := naive.revoke(lot, n); moved != whole(want) || short < 0 || short > moved {
					t.Fatalf("%s move, %s short, want %d", moved, short, want)
				}
				balance -= moved
			case what == "return" && len(spendings) > 0:
				number := rapid.SampledFrom(slices.Sorted(maps.Keys(spendings))).Draw(t, "spending")
				took := spendings[number]
				delete(spendings, number)
				var sum money.Amount
				for _, n := range took {
					sum += n
				}
				rest := sum - min(max(-balance, 0), sum)
				returned, homeless := lots.Return(took, rest, at)
				want := naive.giveBack(number, at)
				if homeless != whole(want) {
					t.Fatalf("%s are homeless, want %d", homeless, want)
				}
				for _, n := range returned {
					rest -= n
				}
				if rest != homeless {
					t.Fatalf("%v go back, %s are homeless: %s are left over", returned, homeless, rest)
				}
				balance += sum - homeless
				if homeless > 0 {
					add(int(homeless/money.Unit), at.Add(30*day))
				}
			}
			if lots.Left() != max(balance, 0) || balance != whole(naive.balance()) {
				t.Fatalf("%s are left of all lots, the balance is %s, and should be %d", lots.Left(), balance, naive.balance())
			}
			if diff := gocmp.Diff(naive.show(), showLots(lots)); diff != "" {
				t.Fatalf("lots (-want +got):\n%s", diff)
			}
			next := forever
			if until := lots.Next(); until != nil {
				next = *until
			}
			want := forever
			if left := naive.soonest(); len(left) > 0 {
				want = left[0].until
			}
			if !next.Equal(want) {
				t.Fatalf("points expire next at %s, want %s", next, want)
			}
		}
	})
}

// lotsOf are lots of some points that expire after so many days, never for 0: "10/30 5/0".
func lotsOf(text string) (lots earning.Lots) {
	for i, word := range strings.Fields(text) {
		var n, days int
		if _, err := fmt.Sscanf(word, "%d/%d", &n, &days); err != nil {
			panic(err)
		}
		lot := &earning.Lot{Entry: numbered(i + 1), Seq: int64(i + 1), Points: money.Amount(n) * money.Unit}
		if days > 0 {
			lot.ExpiresAt = new(noon.Add(time.Duration(days) * day))
		}
		lots = append(lots, lot)
	}
	return lots
}

func leftOf(lots earning.Lots) (left []string) {
	for _, lot := range lots {
		left = append(left, lot.Left().String())
	}
	return left
}

func TestPointsThatExpireSoonestAreSpentFirst(t *testing.T) {
	t.Parallel()
	lots := lotsOf("10/0 10/30 10/10 10/30 10/0")
	var got []string
	for range 6 {
		if _, short := lots.Use(amountOf("9")); short > 0 {
			got = append(got, short.String()+" short")
		}
		got = append(got, strings.Join(leftOf(lots), " "))
	}
	want := []string{"10 10 1 10 10", "10 2 0 10 10", "10 0 0 3 10", "4 0 0 0 10", "0 0 0 0 5", "4 short", "0 0 0 0 0"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPointsGoAtTheInstantTheyExpire: not a moment before.
func TestPointsGoAtTheInstantTheyExpire(t *testing.T) {
	t.Parallel()
	lots := lotsOf("10/1 5/0")
	if gone := lots.Expire(noon.Add(day - 1)); gone != 0 {
		t.Errorf("%s went before", gone)
	}
	if gone := lots.Expire(noon.Add(day)); gone != amountOf("10") || lots.Left() != amountOf("5") || lots.Next() != nil {
		t.Errorf("%s went, %s are left", gone, lots.Left())
	}
}

// TestRevokingTakesEachPointOnce: what is left, what has expired, then those of others, then a debt.
func TestRevokingTakesEachPointOnce(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name              string
		before            func(lots earning.Lots)
		moved, short, was string
	}{
		{"nothing was touched", func(earning.Lots) {}, "10", "0", "0 5"},
		{"some was spent", func(l earning.Lots) { l.Use(amountOf("4")) }, "10", "0", "0 1"},
		{"more was spent than others have", func(l earning.Lots) { l.Use(amountOf("12")) }, "10", "7", "0 0"},
		{"all has expired", func(l earning.Lots) { l.Expire(noon.Add(day)) }, "0", "0", "0 5"},
		{"some was spent, the rest has expired", func(l earning.Lots) { l.Use(amountOf("4")); l.Expire(noon.Add(day)) }, "4", "0", "0 1"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lots := lotsOf("10/1 5/0")
			test.before(lots)
			moved, short := lots.Revoke(numbered(1), amountOf("10"))
			if got := [3]string{moved.String(), short.String(), strings.Join(leftOf(lots), " ")}; got != [3]string{test.moved, test.short, test.was} {
				t.Errorf("moved, short and left are %q", got)
			}
		})
	}
}
