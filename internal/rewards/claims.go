package rewards

import "farthing/internal/proof"

// Claims are what must be true of rewards (rules 20, 22, 23), as far as one query can tell. That every award is the one
// that the rules of its time say takes the rules: see Audit.
func Claims() []proof.Claim {
	return []proof.Claim{
		{
			Name: "the points of a purchase are those of its entry and of one transfer to its shopper",
			Contradictions: `
				SELECT p.id AS purchase, p.points, COALESCE(e.points, 0) AS entry, COALESCE(t.amount, 0) AS transfers FROM purchases p
				LEFT JOIN reward_entries e ON e.purchase_id = p.id AND e.kind = 'PURCHASE'
				LEFT JOIN (
					SELECT t.purchase_id, a.shopper_id, SUM(t.amount) AS amount FROM transfers t JOIN accounts a ON a.id = t.credit_account_id
					WHERE t.kind = 'POINTS_EARNED' GROUP BY t.purchase_id, a.shopper_id
				) t ON t.purchase_id = p.id AND t.shopper_id = p.shopper_id
				WHERE p.points <> COALESCE(e.points, 0) OR p.points <> COALESCE(t.amount, 0)
				UNION ALL
				SELECT t.purchase_id, 0, 0, t.amount FROM transfers t
				LEFT JOIN accounts a ON a.id = t.credit_account_id LEFT JOIN purchases p ON p.id = t.purchase_id AND p.shopper_id = a.shopper_id
				WHERE t.kind = 'POINTS_EARNED' AND p.id IS NULL`,
		},
		{
			Name: "what is left of all points that a shopper was given is the balance, or nothing beside a debt",
			Contradictions: `
				SELECT s.shopper_id AS shopper, SUM(s.balance) AS balance, SUM(s.unspent) AS unspent FROM (
					SELECT shopper_id, balance, 0 AS unspent FROM accounts WHERE kind = 'POINTS'
					UNION ALL
					SELECT shopper_id, 0, points - used - expired - revoked FROM reward_entries
				) s GROUP BY s.shopper_id
				HAVING SUM(s.unspent) <> CASE WHEN SUM(s.balance) > 0 THEN SUM(s.balance) ELSE 0 END`,
		},
		{
			Name: "what became of points is no more than there were",
			Contradictions: `
				SELECT id AS entry, points, used, expired, revoked FROM reward_entries
				WHERE points < 0 OR spent_points < 0 OR used < 0 OR expired < 0 OR revoked < 0 OR used + expired + revoked > points`,
		},
		{
			Name: "the entries of a shopper are numbered without a gap, and the standing knows the last",
			Contradictions: `
				SELECT e.shopper_id AS shopper, e.seq, e.place FROM (
					SELECT shopper_id, seq, ROW_NUMBER() OVER (PARTITION BY shopper_id ORDER BY seq) AS place FROM reward_entries
				) e WHERE e.seq <> e.place
				UNION ALL
				SELECT s.shopper_id, s.seq, COALESCE(e.last, 0) FROM reward_standings s
				LEFT JOIN (SELECT shopper_id, MAX(seq) AS last FROM reward_entries GROUP BY shopper_id) e ON e.shopper_id = s.shopper_id
				WHERE s.seq <> COALESCE(e.last, 0)`,
		},
		{
			Name: "every purchase and every refund has one entry, of its shopper and its instant, and nothing else has one",
			Contradictions: `
				SELECT p.id AS purchase, e.id AS entry FROM purchases p
				LEFT JOIN reward_entries e ON e.purchase_id = p.id AND e.kind = 'PURCHASE'
				WHERE e.id IS NULL OR e.shopper_id <> p.shopper_id OR e.created_at <> p.created_at
				UNION ALL
				SELECT r.purchase_id, e.id FROM refunds r LEFT JOIN reward_entries e ON e.refund_id = r.id
				WHERE e.id IS NULL OR e.shopper_id <> r.shopper_id OR e.purchase_id <> r.purchase_id OR e.created_at <> r.created_at
				UNION ALL
				SELECT e.purchase_id, e.id FROM reward_entries e
				LEFT JOIN purchases p ON p.id = e.purchase_id LEFT JOIN refunds r ON r.id = e.refund_id
				WHERE (e.purchase_id IS NOT NULL AND p.id IS NULL) OR (e.refund_id IS NOT NULL AND r.id IS NULL)`,
		},
		{
			Name: "the entry of a purchase names its refund, and no other entry names one",
			Contradictions: `
				SELECT e.id AS entry, e.refunded_by, r.id AS refund FROM reward_entries e
				LEFT JOIN refunds r ON r.purchase_id = e.purchase_id AND e.kind = 'PURCHASE'
				WHERE (e.refunded_by IS NULL) <> (r.id IS NULL) OR e.refunded_by <> r.id`,
		},
		{
			Name: "a shopper has a badge or quest once at a time",
			Contradictions: `
				SELECT shopper_id AS shopper, rule_id AS rule, COUNT(*) AS times FROM achievements
				WHERE revoked_by IS NULL GROUP BY shopper_id, rule_id HAVING COUNT(*) > 1`,
		},
		{
			Name: "a badge or quest was earned by a purchase of the same shopper, at its instant, by a version of such a rule",
			Contradictions: `
				SELECT a.id AS achievement, a.rule_id AS rule FROM achievements a
				LEFT JOIN purchases p ON p.id = a.purchase_id
				LEFT JOIN reward_rules r ON r.id = a.rule_id
				LEFT JOIN reward_rule_versions v ON v.rule_id = a.rule_id AND v.version = a.version
				WHERE p.id IS NULL OR p.shopper_id <> a.shopper_id OR p.created_at <> a.awarded_at OR r.id IS NULL OR r.kind <> a.kind OR v.id IS NULL`,
		},
		{
			// Later by the order of the entries: instants may be of two servers, whose clocks differ.
			Name: "a badge or quest was taken back by a later refund of the same shopper",
			Contradictions: `
				SELECT a.id AS achievement, a.revoked_by AS refund FROM achievements a LEFT JOIN refunds r ON r.id = a.revoked_by
				LEFT JOIN reward_entries e ON e.purchase_id = a.purchase_id AND e.kind = 'PURCHASE'
				LEFT JOIN reward_entries t ON t.purchase_id = r.purchase_id AND t.kind = 'REFUND'
				WHERE a.revoked_by IS NOT NULL AND (r.id IS NULL OR r.shopper_id <> a.shopper_id OR t.seq < e.seq)`,
		},
		{
			Name: "points of quests are part of those of the purchase, and badges have none",
			Contradictions: `
				SELECT a.purchase_id AS purchase, SUM(a.points) AS achievements, MAX(COALESCE(e.points, 0)) AS entry FROM achievements a
				LEFT JOIN reward_entries e ON e.purchase_id = a.purchase_id AND e.kind = 'PURCHASE'
				GROUP BY a.purchase_id HAVING SUM(a.points) > MAX(COALESCE(e.points, 0))
				UNION ALL
				SELECT purchase_id, points, 0 FROM achievements WHERE kind = 'BADGE' AND points <> 0`,
		},
		{
			Name: "points that were spent are those that transfers took",
			Contradictions: `
				SELECT e.id AS entry, e.spent_points, COALESCE(t.amount, 0) AS transfers FROM reward_entries e
				LEFT JOIN (
					SELECT purchase_id, SUM(amount) AS amount FROM transfers
					WHERE currency = 'POINTS' AND kind IN ('POINTS_REDEEMED', 'PURCHASE') GROUP BY purchase_id
				) t ON t.purchase_id = e.purchase_id
				WHERE e.kind = 'PURCHASE' AND e.spent_points <> COALESCE(t.amount, 0)
				UNION ALL
				SELECT e.id, e.spent_points, COALESCE(t.amount, 0) FROM reward_entries e
				LEFT JOIN (SELECT refund_id, SUM(amount) AS amount FROM transfers WHERE kind = 'POINTS_REVOKED' GROUP BY refund_id) t
					ON t.refund_id = e.refund_id
				WHERE e.kind = 'REFUND' AND e.spent_points <> COALESCE(t.amount, 0)
				UNION ALL
				SELECT s.shopper_id, SUM(s.spent), SUM(s.amount) FROM (
					SELECT shopper_id, spent_points AS spent, 0 AS amount FROM reward_entries WHERE kind = 'PERK'
					UNION ALL
					SELECT a.shopper_id, 0, t.amount FROM transfers t JOIN accounts a ON a.id = t.debit_account_id
					WHERE t.kind = 'POINTS_REDEEMED' AND t.purchase_id IS NULL
				) s GROUP BY s.shopper_id HAVING SUM(s.spent) <> SUM(s.amount)`,
		},
		{
			Name: "the points that a refund took and gave back are those that its transfers moved",
			Contradictions: `
				SELECT r.id AS refund, r.points_taken, r.points_returned, COALESCE(t.taken, 0) AS took, COALESCE(t.returned, 0) AS gave_back
				FROM refunds r
				LEFT JOIN (
					SELECT refund_id, SUM(CASE kind WHEN 'POINTS_REVOKED' THEN amount ELSE 0 END) AS taken,
					       SUM(CASE kind WHEN 'POINTS_REVOKED' THEN 0 ELSE amount END) AS returned
					FROM transfers WHERE currency = 'POINTS' AND refund_id IS NOT NULL GROUP BY refund_id
				) t ON t.refund_id = r.id
				WHERE r.points_taken <> COALESCE(t.taken, 0) OR r.points_returned <> COALESCE(t.returned, 0)`,
		},
		{
			Name: "no more points have expired than were taken for it",
			Contradictions: `
				SELECT s.shopper_id AS shopper, SUM(s.expired) AS expired, SUM(s.amount) AS transfers FROM (
					SELECT shopper_id, expired, 0 AS amount FROM reward_entries
					UNION ALL
					SELECT a.shopper_id, 0, t.amount FROM transfers t JOIN accounts a ON a.id = t.debit_account_id WHERE t.kind = 'POINTS_EXPIRED'
				) s GROUP BY s.shopper_id HAVING SUM(s.expired) > SUM(s.amount)`,
		},
		{
			Name: "a standing knows when the next of its points expire",
			Contradictions: `
				SELECT s.shopper_id AS shopper, s.expires_at, e.next FROM reward_standings s
				LEFT JOIN (
					SELECT shopper_id, MIN(expires_at) AS next FROM reward_entries
					WHERE points > used + expired + revoked GROUP BY shopper_id
				) e ON e.shopper_id = s.shopper_id
				WHERE (s.expires_at IS NULL) <> (e.next IS NULL) OR s.expires_at <> e.next`,
		},
		{
			Name: "those who want to be seen are on leaderboards, and nobody else is",
			Contradictions: `
				SELECT l.id AS score, l.rule_id AS rule FROM leaderboard_scores l
				LEFT JOIN reward_standings s ON s.shopper_id = l.shopper_id LEFT JOIN reward_rules r ON r.id = l.rule_id
				WHERE s.display_name IS NULL OR r.id IS NULL OR r.kind <> 'LEADERBOARD' OR l.score <= 0`,
		},
		{
			Name: "a rule says what its last version says, and its versions are numbered without a gap, in the order of revisions",
			Contradictions: `
				SELECT r.id AS rule, r.version FROM reward_rules r
				LEFT JOIN reward_rule_versions v ON v.rule_id = r.id AND v.version = r.version
				WHERE v.id IS NULL OR CAST(v.content AS text) <> CAST(r.content AS text)
				UNION ALL
				SELECT s.rule_id, s.version FROM (
					SELECT rule_id, version, revision, ROW_NUMBER() OVER w AS place, COALESCE(LAG(revision) OVER w, revision) AS before,
					       MAX(version) OVER (PARTITION BY rule_id) AS last
					FROM reward_rule_versions WINDOW w AS (PARTITION BY rule_id ORDER BY version)
				) s LEFT JOIN reward_rules r ON r.id = s.rule_id
				WHERE r.id IS NULL OR s.version <> s.place OR s.revision < s.before OR (s.version = s.last AND s.version <> r.version)`,
		},
	}
}
