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
			Name: "a purchase was paid by one transfer of its total out of its shopper's wallet, or points, and a free one by none",
			Contradictions: `
				SELECT p.id AS purchase, p.total, t.amount FROM purchases p
				LEFT JOIN transfers t ON t.purchase_id = p.id AND t.kind = 'PURCHASE'
				LEFT JOIN accounts a ON a.id = t.debit_account_id
				LEFT JOIN accounts b ON b.id = t.credit_account_id
				WHERE (p.total = 0) <> (t.id IS NULL)
				   OR (t.id IS NOT NULL AND (t.amount <> p.total OR t.currency <> p.currency OR a.shopper_id <> p.shopper_id
				       OR a.kind <> CASE p.currency WHEN 'POINTS' THEN 'POINTS' ELSE 'WALLET' END OR b.kind <> 'REVENUE'))
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
			Name: "the lines of a product in a purchase gave one entitlement with all their units, and nothing else did",
			Contradictions: `
				SELECT l.purchase_id AS purchase, l.product_id AS product FROM (
					SELECT purchase_id, product_id, SUM(quantity * units) AS units, COUNT(trial_offer_id) AS trials, COUNT(*) AS lines
					FROM purchase_lines GROUP BY purchase_id, product_id
				) l
				LEFT JOIN purchases p ON p.id = l.purchase_id
				LEFT JOIN entitlements e ON e.purchase_id = l.purchase_id AND e.product_id = l.product_id
				WHERE e.id IS NULL OR e.shopper_id <> p.shopper_id
				   OR (e.kind = 'TRIAL' AND (l.trials <> 1 OR l.lines <> 1))
				   OR (e.kind <> 'TRIAL' AND (l.trials <> 0 OR e.units <> l.units))
				   OR (e.kind = 'DURABLE' AND l.lines <> 1)
				UNION ALL
				SELECT e.purchase_id, e.product_id FROM entitlements e
				LEFT JOIN purchase_lines l ON l.purchase_id = e.purchase_id AND l.product_id = e.product_id
				WHERE l.id IS NULL
				UNION ALL
				SELECT purchase_id, product_id FROM entitlements GROUP BY purchase_id, product_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "the adjustments of a line are what it cost less than its list price",
			Contradictions: `
				SELECT l.id AS line, l.subtotal, l.total, COALESCE(a.amount, 0) AS adjusted FROM purchase_lines l
				LEFT JOIN (SELECT line_id, SUM(amount) AS amount FROM line_adjustments GROUP BY line_id) a ON a.line_id = l.id
				WHERE l.subtotal - COALESCE(a.amount, 0) <> l.total`,
		},
		{
			Name: "what was taken of an offer is what purchases that stand took of it, all together and by shopper, and not more than there was",
			Contradictions: `
				WITH bought AS (
					SELECT a.source_id, a.round, p.shopper_id, SUM(a.units) AS units FROM line_adjustments a
					JOIN purchase_lines l ON l.id = a.line_id JOIN purchases p ON p.id = l.purchase_id
					WHERE a.kind = 'FLASH_SALE' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.purchase_id = p.id) GROUP BY a.source_id, a.round, p.shopper_id
					UNION ALL
					SELECT a.source_id, a.round, p.shopper_id, COUNT(DISTINCT p.id) FROM line_adjustments a
					JOIN purchase_lines l ON l.id = a.line_id JOIN purchases p ON p.id = l.purchase_id
					WHERE a.kind = 'COUPON' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.purchase_id = p.id) GROUP BY a.source_id, a.round, p.shopper_id
				), counted AS (
					SELECT source_id, round, SUM(units) AS units FROM bought GROUP BY source_id, round
				)
				SELECT c.source_id AS offer, c.units AS bought, s.taken FROM counted c
				LEFT JOIN offer_stocks s ON s.offer_id = c.source_id AND s.round = c.round
				WHERE s.id IS NULL OR s.taken <> c.units
				UNION ALL
				SELECT s.offer_id, 0, s.taken FROM offer_stocks s
				LEFT JOIN counted c ON c.source_id = s.offer_id AND c.round = s.round
				WHERE (c.source_id IS NULL AND s.taken <> 0) OR s.taken > s.most
				UNION ALL
				SELECT b.source_id, b.units, u.taken FROM bought b
				LEFT JOIN offer_uses u ON u.offer_id = b.source_id AND u.round = b.round AND u.shopper_id = b.shopper_id
				WHERE u.id IS NULL OR u.taken <> b.units
				UNION ALL
				SELECT u.offer_id, 0, u.taken FROM offer_uses u
				LEFT JOIN bought b ON b.source_id = u.offer_id AND b.round = u.round AND b.shopper_id = u.shopper_id
				WHERE (b.source_id IS NULL AND u.taken <> 0) OR u.taken > u.most`,
		},
		{
			Name: "a trial was begun by a line of its purchase at its price, and credited once, by the purchase that converted it",
			Contradictions: `
				SELECT t.id AS trial, t.purchase_id AS purchase FROM trials t
				LEFT JOIN purchases p ON p.id = t.purchase_id
				LEFT JOIN purchase_lines l ON l.purchase_id = t.purchase_id AND l.trial_offer_id = t.offer_id AND l.product_id = t.product_id
				WHERE l.id IS NULL OR p.shopper_id <> t.shopper_id OR p.currency <> t.currency OR l.total <> t.price
				UNION ALL
				SELECT l.id, l.purchase_id FROM purchase_lines l
				LEFT JOIN trials t ON t.purchase_id = l.purchase_id AND t.offer_id = l.trial_offer_id
				WHERE l.trial_offer_id IS NOT NULL AND t.id IS NULL
				UNION ALL
				SELECT a.id, l.purchase_id FROM line_adjustments a
				JOIN purchase_lines l ON l.id = a.line_id JOIN purchases p ON p.id = l.purchase_id
				LEFT JOIN trials t ON t.shopper_id = p.shopper_id AND t.product_id = l.product_id
				WHERE a.kind = 'TRIAL_CREDIT' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.purchase_id = p.id)
				   AND (t.id IS NULL OR t.converted_by IS NULL OR t.converted_by <> p.id OR t.refunded_by IS NOT NULL
				   OR t.offer_id <> a.source_id OR a.amount > t.price OR t.currency <> p.currency)`,
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
				WHERE events <> purchases
				UNION ALL
				SELECT events, refunds FROM
					(SELECT COUNT(*) AS events FROM outbox_events WHERE topic = 'purchase.refunded') e,
					(SELECT COUNT(*) AS refunds FROM refunds) r
				WHERE events <> refunds`,
		},
		{
			// Their instants are not compared: they may be of two servers, whose clocks differ.
			Name: "a refund is of a whole purchase of its shopper, line by line, and there is one for a purchase at most",
			Contradictions: `
				SELECT r.id AS refund, r.purchase_id AS purchase FROM refunds r LEFT JOIN purchases p ON p.id = r.purchase_id
				WHERE p.id IS NULL OR p.shopper_id <> r.shopper_id OR p.currency <> r.currency OR p.total <> r.total
				UNION ALL
				SELECT purchase_id, purchase_id FROM refunds GROUP BY purchase_id HAVING COUNT(*) > 1
				UNION ALL
				SELECT r.id, l.purchase_id FROM refunds r JOIN purchase_lines l ON l.purchase_id = r.purchase_id
				LEFT JOIN refund_lines b ON b.line_id = l.id AND b.refund_id = r.id WHERE b.id IS NULL OR b.total <> l.total
				UNION ALL
				SELECT b.refund_id, l.purchase_id FROM refund_lines b JOIN refunds r ON r.id = b.refund_id
				JOIN purchase_lines l ON l.id = b.line_id WHERE l.purchase_id <> r.purchase_id`,
		},
		{
			Name: "a refund gave back exactly what had paid, to where it came from, and never twice",
			Contradictions: `
				SELECT r.id AS refund, r.total, t.amount FROM refunds r
				LEFT JOIN transfers t ON t.refund_id = r.id AND t.kind = 'REFUND'
				LEFT JOIN transfers o ON o.purchase_id = r.purchase_id AND o.kind = 'PURCHASE'
				WHERE (r.total = 0) <> (t.id IS NULL) OR (t.id IS NOT NULL AND (o.id IS NULL OR t.amount <> o.amount OR t.paid <> o.paid
				   OR t.promotional <> o.promotional OR t.gift <> o.gift OR t.refund <> o.refund
				   OR t.debit_account_id <> o.credit_account_id OR t.credit_account_id <> o.debit_account_id))
				UNION ALL
				SELECT refund_id, SUM(amount), COUNT(*) FROM transfers
				WHERE kind = 'REFUND' GROUP BY refund_id HAVING COUNT(*) > 1
				UNION ALL
				SELECT t.id, 0, t.amount FROM transfers t LEFT JOIN refunds r ON r.id = t.refund_id
				WHERE t.refund_id IS NOT NULL AND (r.id IS NULL OR t.purchase_id <> r.purchase_id)`,
		},
		{
			Name: "what a refunded purchase had handed over is revoked, its trials are credited no more, and those that it ended go on",
			Contradictions: `
				SELECT e.id AS thing, e.purchase_id AS purchase FROM entitlements e JOIN refunds r ON r.purchase_id = e.purchase_id
				WHERE e.status <> 'REVOKED'
				UNION ALL
				SELECT e.id, e.purchase_id FROM entitlements e LEFT JOIN refunds r ON r.purchase_id = e.purchase_id
				WHERE e.status = 'REVOKED' AND r.id IS NULL
				UNION ALL
				SELECT t.id, t.purchase_id FROM trials t LEFT JOIN refunds r ON r.purchase_id = t.purchase_id
				WHERE (r.id IS NULL) <> (t.refunded_by IS NULL) OR t.refunded_by <> r.id
				UNION ALL
				SELECT t.id, t.converted_by FROM trials t JOIN refunds r ON r.purchase_id = t.converted_by
				UNION ALL
				SELECT t.id, t.purchase_id FROM trials t JOIN entitlements e ON e.id = t.entitlement_id
				WHERE t.converted_by IS NULL AND t.refunded_by IS NULL AND e.status <> 'ACTIVE'`,
		},
		{
			Name: "every refund was made under one idempotency key, and every such key made one refund",
			Contradictions: `
				SELECT r.id AS refund, COUNT(k.id) AS keys FROM refunds r
				LEFT JOIN idempotency_keys k ON k.result_id = r.id AND k.operation = '` + refundOperation + `' AND k.shopper_id = r.shopper_id
				GROUP BY r.id HAVING COUNT(k.id) <> 1
				UNION ALL
				SELECT k.result_id, 0 FROM idempotency_keys k LEFT JOIN refunds r ON r.id = k.result_id
				WHERE k.operation = '` + refundOperation + `' AND r.id IS NULL`,
		},
	}
}
