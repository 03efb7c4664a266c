package checkout

import "farthing/internal/proof"

// Claims are what must be true of purchases, and of what belongs to them in every other domain (rules 7, 8, 12).
func Claims() []proof.Claim {
	return []proof.Claim{
		{
			Name: "the lines of a purchase add up to it",
			Contradictions: `
				SELECT p.id AS purchase, p.subtotal, p.total FROM purchases p
				LEFT JOIN (
					SELECT purchase_id, SUM(subtotal) AS subtotal, SUM(total) AS total FROM purchase_lines GROUP BY purchase_id
				) l ON l.purchase_id = p.id
				WHERE l.purchase_id IS NULL OR l.subtotal <> p.subtotal OR l.total <> p.total`,
		},
		{
			Name: "a purchase was paid by one transfer of its total out of its shopper's wallet, and a free one by none",
			Contradictions: `
				SELECT p.id AS purchase, p.total, t.amount FROM purchases p
				LEFT JOIN transfers t ON t.purchase_id = p.id AND t.kind = 'PURCHASE'
				LEFT JOIN accounts a ON a.id = t.debit_account_id
				LEFT JOIN accounts b ON b.id = t.credit_account_id
				WHERE (p.total = 0) <> (t.id IS NULL)
				   OR (t.id IS NOT NULL AND (t.amount <> p.total OR t.currency <> p.currency
				       OR a.shopper_id <> p.shopper_id OR a.kind <> 'WALLET' OR b.kind <> 'REVENUE'))
				UNION ALL
				SELECT purchase_id, SUM(amount), COUNT(*) FROM transfers
				WHERE kind = 'PURCHASE' GROUP BY purchase_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "the points of a purchase were credited to its shopper",
			Contradictions: `
				SELECT p.id AS purchase, p.points, COALESCE(t.points, 0) AS credited FROM purchases p
				LEFT JOIN (
					SELECT t.purchase_id, a.shopper_id, SUM(t.amount) AS points FROM transfers t
					JOIN accounts a ON a.id = t.credit_account_id WHERE t.kind = 'POINTS_EARNED' GROUP BY t.purchase_id, a.shopper_id
				) t ON t.purchase_id = p.id
				WHERE p.points <> COALESCE(t.points, 0) OR t.shopper_id <> p.shopper_id`,
		},
		{
			Name: "every transfer of a purchase belongs to one that exists",
			Contradictions: `
				SELECT t.id AS transfer, t.purchase_id AS purchase FROM transfers t LEFT JOIN purchases p ON p.id = t.purchase_id
				WHERE t.purchase_id IS NOT NULL AND p.id IS NULL`,
		},
		{
			Name: "every line of a purchase gave its entitlement, and nothing else did",
			Contradictions: `
				SELECT l.purchase_id AS purchase, l.product_id AS product FROM purchase_lines l
				LEFT JOIN purchases p ON p.id = l.purchase_id
				LEFT JOIN entitlements e ON e.purchase_id = l.purchase_id AND e.product_id = l.product_id
				WHERE e.id IS NULL OR e.shopper_id <> p.shopper_id OR e.units <> l.quantity * l.units
				UNION ALL
				SELECT e.purchase_id, e.product_id FROM entitlements e
				LEFT JOIN purchase_lines l ON l.purchase_id = e.purchase_id AND l.product_id = e.product_id
				WHERE l.id IS NULL
				UNION ALL
				SELECT purchase_id, product_id FROM entitlements GROUP BY purchase_id, product_id HAVING COUNT(*) > 1
				UNION ALL
				SELECT purchase_id, product_id FROM purchase_lines GROUP BY purchase_id, product_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "a shopper's purchases are numbered without a gap",
			Contradictions: `
				SELECT shopper_id AS shopper, COUNT(*) AS purchases, MAX(ordinal) AS last FROM purchases
				GROUP BY shopper_id HAVING COUNT(*) <> MAX(ordinal) OR MIN(ordinal) <> 1`,
		},
		{
			Name: "every purchase was made under one idempotency key, and every such key made one purchase",
			Contradictions: `
				SELECT p.id AS purchase, COUNT(k.id) AS keys FROM purchases p
				LEFT JOIN idempotency_keys k ON k.result_id = p.id AND k.operation = 'checkout' AND k.shopper_id = p.shopper_id
				GROUP BY p.id HAVING COUNT(k.id) <> 1
				UNION ALL
				SELECT k.result_id, 0 FROM idempotency_keys k LEFT JOIN purchases p ON p.id = k.result_id
				WHERE k.operation = 'checkout' AND p.id IS NULL`,
		},
		{
			Name: "every purchase was announced once",
			Contradictions: `
				SELECT events, purchases FROM
					(SELECT COUNT(*) AS events FROM outbox_events WHERE topic = 'purchase.completed') e,
					(SELECT COUNT(*) AS purchases FROM purchases) p
				WHERE events <> purchases`,
		},
	}
}
