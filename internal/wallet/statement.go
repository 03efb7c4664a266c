package wallet

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/transfer"
	"farthing/internal/money"
	"farthing/internal/page"
)

// Line is one line of a wallet's statement: a transfer, seen from that wallet.
type Line struct {
	*ent.Transfer
	// Change is what it did to the wallet: negative for money out.
	Change money.Amount
	// Seq is its number among the wallet's transfers, counted from 1.
	Seq int64
	// Balance is what the wallet held right after it.
	Balance money.Amount
}

// Statement reads a wallet's transfers, newest first.
//
// A transfer stands under the wallet either as debited or as credited, and each side has its own index in the order of
// the wallet's numbers. So a page is read from both and merged; each side gives at most a page. Neither side looks beyond
// the number that was the wallet's last before the first of them was read: what is posted between the two reads would be
// on the page of the second alone, and leave a gap.
func (s *Service) Statement(ctx context.Context, client *ent.Client, wallet uuid.UUID, args page.Args) (page.Page[Line], error) {
	var side string // the column of the wallet's numbers, which is another one for each of the two queries
	order := page.Order[Line]{
		Scope:      "statement:" + wallet.String(),
		Descending: true,
		Column:     func(s *sql.Selector) string { return s.C(side) },
		Key:        func(l Line) any { return l.Seq },
		ID:         func(l Line) uuid.UUID { return l.ID },
	}
	return page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]Line, error) {
		// A list of one, or of none for a wallet that does not exist.
		var last []int64
		if err := client.Account.Query().Where(account.ID(wallet)).Select(account.FieldSeq).Scan(ctx, &last); err != nil {
			return nil, fmt.Errorf("read the number of the last transfer: %w", err)
		}
		if len(last) == 0 {
			return nil, nil
		}
		side = transfer.FieldDebitSeq
		debited, err := client.Transfer.Query().
			Where(transfer.DebitAccountID(wallet), transfer.DebitSeqLTE(last[0]), apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read debits: %w", err)
		}
		side = transfer.FieldCreditSeq
		credited, err := client.Transfer.Query().
			Where(transfer.CreditAccountID(wallet), transfer.CreditSeqLTE(last[0]), apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read credits: %w", err)
		}
		lines := make([]Line, 0, len(debited)+len(credited))
		for _, t := range debited {
			lines = append(lines, Line{Transfer: t, Change: -t.Amount, Seq: *t.DebitSeq, Balance: *t.DebitBalance})
		}
		for _, t := range credited {
			lines = append(lines, Line{Transfer: t, Change: t.Amount, Seq: *t.CreditSeq, Balance: *t.CreditBalance})
		}
		newestFirst := args.Last == nil && args.Before == nil
		slices.SortFunc(lines, func(a, b Line) int {
			if newestFirst {
				a, b = b, a
			}
			return cmp.Compare(a.Seq, b.Seq)
		})
		return lines[:min(limit, len(lines))], nil
	})
}
