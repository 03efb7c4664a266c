-- What is recorded in these tables is never changed and never deleted, whatever the code above does: a correction is a
-- new row that points at the old one.
CREATE FUNCTION farthing_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER purchases_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purchases FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER purchase_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON purchase_lines FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER price_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_changes FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
CREATE TRIGGER idempotency_keys_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON idempotency_keys FOR EACH STATEMENT EXECUTE FUNCTION farthing_append_only();
