package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/app"
	"farthing/internal/money"
)

// How often the whole database is looked at, and all claims are proved, at most: both take longer the more there is.
const (
	lookEvery  = 300 * time.Millisecond
	proveEvery = 5 * time.Second
	// share is how much longer than a look the pause after it is, at least.
	share = 4
)

// every does something until ctx ends, with pauses that are at least so long.
func every(ctx context.Context, least time.Duration, now func() time.Duration, do func()) {
	for ctx.Err() == nil {
		began := now()
		do()
		timer := time.NewTimer(max(least, share*(now()-began)))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// watch looks at the whole database again and again while the crowd shops: money is neither made nor lost at any instant, and
// what was acknowledged is there. That the database cannot be read, as while it is down, is nothing to it.
func (c *Crowd) watch(ctx context.Context) {
	every(ctx, lookEvery, c.history.now, func() {
		acknowledged := c.history.acknowledged()
		p, err := c.picture(ctx)
		if err != nil {
			return
		}
		c.history.looked()
		for _, v := range conserved(p, acknowledged) {
			c.history.violate(v.Check, "%s", v.Detail)
		}
	})
}

// prove proves all that must be true of what is stored, as farthing verify does, while the crowd shops.
func (c *Crowd) prove(ctx context.Context) {
	every(ctx, proveEvery, c.history.now, func() {
		results, err := app.Verify(ctx, c.target.DB)
		if err != nil {
			return
		}
		c.history.proved()
		for _, result := range results {
			if !result.Holds {
				c.history.violate(verifyCheck, "it is not true that %s: %v", result.Claim, result.Examples)
			}
		}
	})
}

// rows reads what a query gives, row by row, into values that are the same for each.
func rows(ctx context.Context, tx *ent.Tx, query string, each func(), into ...any) error {
	list, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	for list.Next() {
		if err := list.Scan(into...); err != nil {
			return err
		}
		each()
	}
	return list.Err()
}

// picture takes one.
func (c *Crowd) picture(ctx context.Context) (p picture, err error) {
	err = c.target.DB.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		p = picture{sums: map[money.Code]money.Amount{}}
		var currency string
		var sum int64
		err := rows(ctx, tx, `
			SELECT currency, CAST(SUM(amount) AS bigint) FROM (
				SELECT currency, balance AS amount FROM accounts WHERE shopper_id IS NOT NULL
				UNION ALL
				SELECT currency, -amount FROM transfers WHERE debit_seq IS NULL
				UNION ALL
				SELECT currency, amount FROM transfers WHERE credit_seq IS NULL
			) s GROUP BY currency`,
			func() { p.sums[money.Code(currency)] = money.Amount(sum) }, &currency, &sum)
		if err != nil {
			return err
		}
		return rows(ctx, tx, `
			SELECT (
				SELECT COUNT(*) FROM accounts a
				LEFT JOIN transfers d ON d.debit_account_id = a.id AND d.debit_seq = a.seq
				LEFT JOIN transfers c ON c.credit_account_id = a.id AND c.credit_seq = a.seq
				WHERE a.shopper_id IS NOT NULL AND a.balance <> COALESCE(d.debit_balance, c.credit_balance, 0)
			), (SELECT COUNT(*) FROM accounts WHERE balance < 0 AND kind = 'WALLET'), (SELECT COUNT(*) FROM purchases)`,
			func() {}, &p.stale, &p.below, &p.purchases)
	})
	return p, err
}

// read reads what is stored in the end.
func (c *Crowd) read(ctx context.Context) (*stored, error) {
	s := &stored{at: c.history.now()}
	err := c.target.DB.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		*s = stored{
			at: s.at, keys: map[claimed][]uuid.UUID{}, purchases: map[uuid.UUID]bought{}, refunds: map[uuid.UUID]given{},
			balances: map[purse]money.Amount{}, taken: map[taken]int64{}, prizes: map[prize]int{},
		}
		var one, other uuid.UUID
		var none sql.Null[uuid.UUID]
		var text, name string
		var a, b int64
		for _, of := range []struct {
			query string
			each  func()
			into  []any
		}{
			{
				`SELECT shopper_id, operation, key, result_id FROM idempotency_keys`, func() {
					key := claimed{one, operation(text), name}
					s.keys[key] = append(s.keys[key], other)
				}, []any{&one, &text, &name, &other},
			},
			{
				`SELECT id, shopper_id, currency, total, points FROM purchases`, func() {
					s.purchases[one] = bought{other, money.Code(text), money.Amount(a), money.Amount(b)}
				}, []any{&one, &other, &text, &a, &b},
			},
			{
				`SELECT id, purchase_id, total FROM refunds`, func() { s.refunds[one] = given{other, money.Amount(a)} },
				[]any{&one, &other, &a},
			},
			{
				`SELECT shopper_id, currency, balance FROM accounts WHERE shopper_id IS NOT NULL`,
				func() { s.balances[purse{one, money.Code(text)}] = money.Amount(a) },
				[]any{&one, &text, &a},
			},
			{
				`SELECT offer_id, taken FROM offer_stocks`, func() { s.taken[taken{offer: one}] += a }, []any{&one, &a},
			},
			{
				`SELECT offer_id, shopper_id, taken FROM offer_uses`, func() { s.taken[taken{one, other}] += a }, []any{&one, &other, &a},
			},
			{
				`SELECT p.shopper_id, l.product_id, l.trial_offer_id FROM purchase_lines l JOIN purchases p ON p.id = l.purchase_id
				WHERE l.kind = 'DURABLE' AND (l.trial_offer_id IS NOT NULL
				   OR NOT EXISTS (SELECT 1 FROM refunds r WHERE r.purchase_id = p.id))`,
				func() {
					kind := durableKind
					if none.Valid {
						kind = trialKind
					}
					s.prizes[prize{kind, one, other}]++
				},
				[]any{&one, &other, &none},
			},
			{
				`SELECT shopper_id, rule_id FROM achievements WHERE revoked_by IS NULL`,
				func() { s.prizes[prize{badgeKind, one, other}]++ },
				[]any{&one, &other},
			},
		} {
			if err := rows(ctx, tx, of.query, of.each, of.into...); err != nil {
				return fmt.Errorf("%s: %w", of.query, err)
			}
		}
		return nil
	})
	return s, err
}
