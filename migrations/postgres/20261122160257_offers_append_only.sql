-- As in append_only: what is recorded in these tables is never changed and never deleted.
CREATE TRIGGER sale_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sale_changes FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER line_adjustments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON line_adjustments FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
