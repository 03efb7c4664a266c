package wallet

import "farthing/internal/proof"

// entries gives both sides of every transfer: what it did to which account, and the account's own account of it.
const entries = `(
	SELECT debit_account_id AS account_id, -amount AS amount, -paid AS paid, -promotional AS promotional, -gift AS gift,
	       -refund AS refund, debit_seq AS seq, debit_balance AS balance, currency, id AS transfer_id FROM transfers
	UNION ALL
	SELECT credit_account_id, amount, paid, promotional, gift, refund, credit_seq, credit_balance, currency, id FROM transfers
)`

// Claims are what must be true of the ledger (rules 5, 6, 26). They are proved from the transfers alone.
func Claims() []proof.Claim {
	return []proof.Claim{
		{
			Name: "every balance is the sum of its transfers",
			Contradictions: `
				SELECT a.id AS account, a.balance, COALESCE(e.amount, 0) AS transfers
				FROM accounts a
				LEFT JOIN (SELECT account_id, SUM(amount) AS amount FROM ` + entries + ` x GROUP BY account_id) e ON e.account_id = a.id
				WHERE a.shopper_id IS NOT NULL AND a.balance <> COALESCE(e.amount, 0)`,
		},
		{
			Name: "every part of a balance is the sum of the transfers of that origin",
			Contradictions: `
				SELECT a.id AS account, a.paid, a.promotional, a.gift, a.refund
				FROM accounts a
				LEFT JOIN (
					SELECT account_id, SUM(paid) AS paid, SUM(promotional) AS promotional, SUM(gift) AS gift, SUM(refund) AS refund
					FROM ` + entries + ` x GROUP BY account_id
				) e ON e.account_id = a.id
				WHERE a.shopper_id IS NOT NULL AND (
					a.paid <> COALESCE(e.paid, 0) OR a.promotional <> COALESCE(e.promotional, 0) OR
					a.gift <> COALESCE(e.gift, 0) OR a.refund <> COALESCE(e.refund, 0))`,
		},
		{
			Name: "the accounts of each currency sum to zero",
			Contradictions: `
				SELECT currency, SUM(amount) AS off_by FROM (
					SELECT currency, balance AS amount FROM accounts WHERE shopper_id IS NOT NULL
					UNION ALL
					SELECT a.currency, e.amount FROM ` + entries + ` e JOIN accounts a ON a.id = e.account_id WHERE a.shopper_id IS NULL
				) s GROUP BY currency HAVING SUM(amount) <> 0`,
		},
		{
			Name: "no wallet and no part of one is below zero, now or after any transfer; only points may be owed",
			Contradictions: `
				SELECT id AS account, balance FROM accounts
				WHERE paid < 0 OR gift < 0 OR refund < 0 OR (kind <> 'POINTS' AND (balance < 0 OR promotional < 0))
				UNION ALL
				SELECT account_id, balance FROM ` + entries + ` e WHERE balance < 0 AND currency <> 'POINTS'`,
		},
		{
			Name: "the accounts of the house keep no balance: they are summed up",
			Contradictions: `
				SELECT id AS account, balance, seq FROM accounts WHERE shopper_id IS NULL AND (
					balance <> 0 OR paid <> 0 OR promotional <> 0 OR gift <> 0 OR refund <> 0 OR seq <> 0)`,
		},
		{
			Name: "the transfers of an account are numbered without a gap, and each follows from the one before",
			Contradictions: `
				SELECT account_id AS account, seq, balance, before, amount FROM (
					SELECT account_id, seq, balance, amount,
					       COALESCE(LAG(balance) OVER w, 0) AS before, ROW_NUMBER() OVER w AS place
					FROM ` + entries + ` e WHERE seq IS NOT NULL WINDOW w AS (PARTITION BY account_id ORDER BY seq)
				) s WHERE seq <> place OR balance <> before + amount`,
		},
		{
			Name: "an account has counted all of its transfers",
			Contradictions: `
				SELECT a.id AS account, a.seq, COALESCE(e.n, 0) AS transfers FROM accounts a
				LEFT JOIN (SELECT account_id, COUNT(*) AS n FROM ` + entries + ` x GROUP BY account_id) e ON e.account_id = a.id
				WHERE a.shopper_id IS NOT NULL AND a.seq <> COALESCE(e.n, 0)`,
		},
		{
			Name: "both sides of a transfer are accounts of its currency, and a shopper's side is numbered",
			Contradictions: `
				SELECT e.transfer_id AS transfer, e.account_id AS account FROM ` + entries + ` e
				LEFT JOIN accounts a ON a.id = e.account_id
				WHERE a.id IS NULL OR a.currency <> e.currency OR (a.shopper_id IS NULL) <> (e.seq IS NULL)`,
		},
		{
			Name: "a transfer moves a positive amount, and its origins add up to it",
			Contradictions: `
				SELECT id AS transfer, amount FROM transfers
				WHERE amount <= 0 OR paid < 0 OR promotional < 0 OR gift < 0 OR refund < 0
				   OR amount <> paid + promotional + gift + refund OR debit_account_id = credit_account_id`,
		},
		{
			Name: "a correction points at another transfer of the same wallet",
			Contradictions: `
				SELECT c.id AS transfer, c.corrects_id AS corrects FROM transfers c LEFT JOIN transfers o ON o.id = c.corrects_id
				WHERE c.corrects_id IS NOT NULL AND (o.id IS NULL OR o.id = c.id OR
					CASE WHEN c.debit_seq IS NULL THEN c.credit_account_id ELSE c.debit_account_id END
						NOT IN (o.debit_account_id, o.credit_account_id))`,
		},
		{
			Name: "every top-up and every correction was made under one idempotency key, and every such key made one",
			Contradictions: `
				SELECT t.id AS transfer, COUNT(k.id) AS keys FROM transfers t
				LEFT JOIN accounts a ON a.id = CASE WHEN t.debit_seq IS NULL THEN t.credit_account_id ELSE t.debit_account_id END
				LEFT JOIN idempotency_keys k ON k.result_id = t.id AND k.shopper_id = a.shopper_id AND
					k.operation = CASE t.kind WHEN 'TOP_UP' THEN '` + topUpOperation + `' ELSE '` + adjustOperation + `' END
				WHERE t.kind IN ('TOP_UP', 'ADJUSTMENT') GROUP BY t.id HAVING COUNT(k.id) <> 1
				UNION ALL
				SELECT k.result_id, 0 FROM idempotency_keys k LEFT JOIN transfers t ON t.id = k.result_id
				WHERE k.operation IN ('` + topUpOperation + `', '` + adjustOperation + `') AND t.id IS NULL`,
		},
	}
}
