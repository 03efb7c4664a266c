-- What is recorded in these tables is never changed and never deleted, whatever the code above does: a correction is a
-- new row that points at the old one.
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers BEGIN SELECT RAISE(ABORT, 'rows of transfers are never changed or deleted'); END;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers BEGIN SELECT RAISE(ABORT, 'rows of transfers are never changed or deleted'); END;
CREATE TRIGGER purchases_no_update BEFORE UPDATE ON purchases BEGIN SELECT RAISE(ABORT, 'rows of purchases are never changed or deleted'); END;
CREATE TRIGGER purchases_no_delete BEFORE DELETE ON purchases BEGIN SELECT RAISE(ABORT, 'rows of purchases are never changed or deleted'); END;
CREATE TRIGGER purchase_lines_no_update BEFORE UPDATE ON purchase_lines BEGIN SELECT RAISE(ABORT, 'rows of purchase_lines are never changed or deleted'); END;
CREATE TRIGGER purchase_lines_no_delete BEFORE DELETE ON purchase_lines BEGIN SELECT RAISE(ABORT, 'rows of purchase_lines are never changed or deleted'); END;
CREATE TRIGGER price_changes_no_update BEFORE UPDATE ON price_changes BEGIN SELECT RAISE(ABORT, 'rows of price_changes are never changed or deleted'); END;
CREATE TRIGGER price_changes_no_delete BEFORE DELETE ON price_changes BEGIN SELECT RAISE(ABORT, 'rows of price_changes are never changed or deleted'); END;
CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'rows of audit_entries are never changed or deleted'); END;
CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries BEGIN SELECT RAISE(ABORT, 'rows of audit_entries are never changed or deleted'); END;
CREATE TRIGGER idempotency_keys_no_update BEFORE UPDATE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'rows of idempotency_keys are never changed or deleted'); END;
CREATE TRIGGER idempotency_keys_no_delete BEFORE DELETE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'rows of idempotency_keys are never changed or deleted'); END;
