package wallet_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/wallet"
)

// mixed makes a wallet with n transfers in and out, and returns it.
func (s *shop) mixed(t *testing.T, shopper uuid.UUID, n int) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	for i := range n {
		key := fmt.Sprint("mixed ", i)
		if i%5 == 0 || i%7 == 3 {
			id = s.mustTopUp(t, topUp(shopper, key, fmt.Sprint(10+i))).Wallet.ID
		} else {
			s.mustAdjust(t, adjust(shopper, key, fmt.Sprint([]int{-3, 2, -1}[i%3])))
		}
	}
	return id
}

func TestStatementInPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana, ben := s.shopper(t, "ana"), s.shopper(t, "ben")
		const transfers = 50
		anas := s.mixed(t, ana, transfers)
		bens := s.mixed(t, ben, 3)
		whole := s.statement(t, anas, page.Args{First: new(100)})
		if len(whole.Edges) != transfers || whole.HasNext || whole.HasPrevious {
			t.Fatalf("the whole statement has %d lines, more %t, %t", len(whole.Edges), whole.HasNext, whole.HasPrevious)
		}
		var balance money.Amount
		for i, line := range slices.Backward(whole.Nodes()) {
			balance += line.Change
			if line.Seq != int64(transfers-i) || line.Balance != balance || line.Change == 0 || max(line.Change, -line.Change) != line.Amount {
				t.Errorf("line %d is number %d, changes by %s to %s; want %s", i, line.Seq, line.Change, line.Balance, balance)
			}
		}
		s.wantBalance(t, ana, "USD", balance.String())

		for _, size := range []int{1, 2, 7, 100} {
			t.Run(fmt.Sprintf("forwards by %d", size), func(t *testing.T) {
				var got []wallet.Line
				args := page.Args{First: &size}
				for more := true; more; {
					p := s.statement(t, anas, args)
					if p.HasPrevious != (len(got) > 0) {
						t.Errorf("after %d lines a page says that there is one before: %t", len(got), p.HasPrevious)
					}
					got = append(got, p.Nodes()...)
					args.After, more = &p.Edges[len(p.Edges)-1].Cursor, p.HasNext
				}
				wantLines(t, whole.Nodes(), got)
			})
			t.Run(fmt.Sprintf("backwards by %d", size), func(t *testing.T) {
				var got []wallet.Line
				args := page.Args{Last: &size}
				for more := true; more; {
					p := s.statement(t, anas, args)
					if p.HasNext != (len(got) > 0) {
						t.Errorf("after %d lines a page says that there is one after: %t", len(got), p.HasNext)
					}
					got = append(p.Nodes(), got...)
					args.Before, more = &p.Edges[0].Cursor, p.HasPrevious
				}
				wantLines(t, whole.Nodes(), got)
			})
		}
		t.Run("there and back", func(t *testing.T) {
			first := s.statement(t, anas, page.Args{First: new(10)})
			second := s.statement(t, anas, page.Args{First: new(10), After: &first.Edges[9].Cursor})
			back := s.statement(t, anas, page.Args{Last: new(10), Before: &second.Edges[0].Cursor})
			wantLines(t, first.Nodes(), back.Nodes())
		})
		t.Run("refuses the cursor of another wallet", func(t *testing.T) {
			foreign := s.statement(t, bens, page.Args{}).Edges[0].Cursor
			for want, args := range map[string]page.Args{"INVALID_INPUT after": {After: &foreign}, "INVALID_INPUT before": {Before: &foreign}} {
				_, err := s.Statement(t.Context(), d.Client(), anas, args)
				if diff := cmp.Diff([]string{want}, faults(err)); diff != "" {
					t.Error(diff)
				}
			}
		})
		t.Run("refuses more than a page holds", func(t *testing.T) {
			_, err := s.Statement(t.Context(), d.Client(), anas, page.Args{First: new(101)})
			if diff := cmp.Diff([]string{"INVALID_INPUT first"}, faults(err)); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("is empty for a wallet that is not there", func(t *testing.T) {
			if p := s.statement(t, uuid.New(), page.Args{}); len(p.Edges) > 0 || p.HasNext || p.HasPrevious {
				t.Errorf("it is %+v", p)
			}
		})
	})
}

// TestStatementWhileTheWalletMoves reads pages while transfers come in and go out. Whatever a page begins with, it has no
// gap: two reads, of the debits and of the credits, see one and the same ledger.
func TestStatementWhileTheWalletMoves(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		start := s.mustTopUp(t, topUp(ana, "start", "10"))
		oldest := s.statement(t, start.Wallet.ID, page.Args{}).Edges[0].Cursor
		ctx := admin(t)
		done := make(chan struct{})
		atOnce(3, func(i int) {
			if i == 0 {
				defer close(done)
				for n := range 80 {
					if _, err := s.Adjust(ctx, adjust(ana, fmt.Sprint(n), []string{"-1", "1"}[n%2])); err != nil {
						t.Error(err)
						return
					}
				}
				return
			}
			for {
				for _, args := range []page.Args{{First: new(7)}, {Last: new(100), Before: &oldest}} {
					p, err := s.Statement(ctx, d.Client(), start.Wallet.ID, args)
					if err != nil {
						t.Error(err)
						return
					}
					lines := p.Nodes()
					for j := range len(lines) - 1 {
						newer, older := lines[j], lines[j+1]
						if newer.Seq != older.Seq+1 || newer.Balance != older.Balance+newer.Change {
							t.Errorf("number %d follows number %d", newer.Seq, older.Seq)
							return
						}
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	})
}

func (s *shop) statement(t *testing.T, id uuid.UUID, args page.Args) page.Page[wallet.Line] {
	t.Helper()
	p, err := s.Statement(t.Context(), s.db.Client(), id, args)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantLines(t *testing.T, want, got []wallet.Line) {
	t.Helper()
	seqs := func(lines []wallet.Line) (list []int64) {
		for _, line := range lines {
			list = append(list, line.Seq)
		}
		return list
	}
	if diff := cmp.Diff(seqs(want), seqs(got)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
