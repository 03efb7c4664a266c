-- As in append_only: what is recorded in these tables is never changed and never deleted.
CREATE TRIGGER sale_changes_no_update BEFORE UPDATE ON sale_changes BEGIN SELECT RAISE(ABORT, 'rows of sale_changes are never changed or deleted'); END;
CREATE TRIGGER sale_changes_no_delete BEFORE DELETE ON sale_changes BEGIN SELECT RAISE(ABORT, 'rows of sale_changes are never changed or deleted'); END;
CREATE TRIGGER line_adjustments_no_update BEFORE UPDATE ON line_adjustments BEGIN SELECT RAISE(ABORT, 'rows of line_adjustments are never changed or deleted'); END;
CREATE TRIGGER line_adjustments_no_delete BEFORE DELETE ON line_adjustments BEGIN SELECT RAISE(ABORT, 'rows of line_adjustments are never changed or deleted'); END;
