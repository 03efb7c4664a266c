-- Create "shoppers" table
CREATE TABLE "shoppers" ("id" uuid NOT NULL, "issuer" character varying NOT NULL, "subject" character varying NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- Create index "shopper_issuer_subject" to table: "shoppers"
CREATE UNIQUE INDEX "shopper_issuer_subject" ON "shoppers" ("issuer", "subject");
-- Create "audit_entries" table
CREATE TABLE "audit_entries" ("id" uuid NOT NULL, "actor" character varying NOT NULL, "action" character varying NOT NULL, "target_id" uuid NOT NULL, "before" jsonb NULL, "after" jsonb NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- Create index "auditentry_target_id" to table: "audit_entries"
CREATE INDEX "auditentry_target_id" ON "audit_entries" ("target_id");
-- Create "outbox_events" table
CREATE TABLE "outbox_events" ("id" uuid NOT NULL, "topic" character varying NOT NULL, "shopper_id" uuid NULL, "payload" jsonb NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- Create "price_changes" table
CREATE TABLE "price_changes" ("id" uuid NOT NULL, "product_id" uuid NOT NULL, "currency" character varying NOT NULL, "amount" bigint NULL, "actor" character varying NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "price_changes_amount" CHECK ((amount IS NULL) OR ((amount >= 0) AND (amount <= '9000000000000000'::bigint))));
-- Create index "pricechange_product_id_currency_created_at" to table: "price_changes"
CREATE INDEX "pricechange_product_id_currency_created_at" ON "price_changes" ("product_id", "currency", "created_at");
-- Create "transfers" table
CREATE TABLE "transfers" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "currency" character varying NOT NULL, "amount" bigint NOT NULL, "paid" bigint NOT NULL, "promotional" bigint NOT NULL, "gift" bigint NOT NULL, "refund" bigint NOT NULL, "debit_account_id" uuid NOT NULL, "credit_account_id" uuid NOT NULL, "debit_seq" bigint NULL, "debit_balance" bigint NULL, "credit_seq" bigint NULL, "credit_balance" bigint NULL, "purchase_id" uuid NULL, "rule" character varying NOT NULL DEFAULT '', "corrects_id" uuid NULL, "reference" character varying NOT NULL DEFAULT '', "reason" character varying NOT NULL DEFAULT '', "actor" character varying NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "transfers_a_shopper" CHECK ((debit_seq IS NOT NULL) OR (credit_seq IS NOT NULL)), CONSTRAINT "transfers_accounts" CHECK (debit_account_id <> credit_account_id), CONSTRAINT "transfers_amount" CHECK ((amount >= 1) AND (amount <= '9000000000000000'::bigint)), CONSTRAINT "transfers_credited" CHECK (((credit_seq IS NULL) = (credit_balance IS NULL)) AND ((credit_seq IS NULL) OR ((credit_seq >= 1) AND (credit_balance >= amount)))), CONSTRAINT "transfers_debited" CHECK (((debit_seq IS NULL) = (debit_balance IS NULL)) AND ((debit_seq IS NULL) OR ((debit_seq >= 1) AND (debit_balance >= 0)))), CONSTRAINT "transfers_kind" CHECK ((kind)::text = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text, 'PURCHASE'::text, 'POINTS_EARNED'::text])), CONSTRAINT "transfers_origins" CHECK ((paid >= 0) AND (paid <= '9000000000000000'::bigint) AND (promotional >= 0) AND (promotional <= '9000000000000000'::bigint) AND (gift >= 0) AND (gift <= '9000000000000000'::bigint) AND (refund >= 0) AND (refund <= '9000000000000000'::bigint) AND (amount = (((paid + promotional) + gift) + refund))), CONSTRAINT "transfers_purchase" CHECK ((purchase_id IS NOT NULL) OR ((kind)::text = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text]))), CONSTRAINT "transfers_reason" CHECK (((kind)::text <> 'ADJUSTMENT'::text) OR ((reason)::text <> ''::text)));
-- Create index "transfers_credit" to table: "transfers"
CREATE UNIQUE INDEX "transfers_credit" ON "transfers" ("credit_account_id", "credit_seq") WHERE (credit_seq IS NOT NULL);
-- Create index "transfers_debit" to table: "transfers"
CREATE UNIQUE INDEX "transfers_debit" ON "transfers" ("debit_account_id", "debit_seq") WHERE (debit_seq IS NOT NULL);
-- Create index "transfers_purchase" to table: "transfers"
CREATE UNIQUE INDEX "transfers_purchase" ON "transfers" ("purchase_id", "kind", "rule") WHERE (purchase_id IS NOT NULL);
-- Create "accounts" table
CREATE TABLE "accounts" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "currency" character varying NOT NULL, "balance" bigint NOT NULL DEFAULT 0, "paid" bigint NOT NULL DEFAULT 0, "promotional" bigint NOT NULL DEFAULT 0, "gift" bigint NOT NULL DEFAULT 0, "refund" bigint NOT NULL DEFAULT 0, "seq" bigint NOT NULL DEFAULT 0, "created_at" timestamptz NOT NULL, "shopper_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "accounts_shoppers_accounts" FOREIGN KEY ("shopper_id") REFERENCES "shoppers" ("id") ON UPDATE NO ACTION ON DELETE SET NULL, CONSTRAINT "accounts_balance" CHECK ((balance >= 0) AND (balance <= '9000000000000000'::bigint) AND (paid >= 0) AND (paid <= '9000000000000000'::bigint) AND (promotional >= 0) AND (promotional <= '9000000000000000'::bigint) AND (gift >= 0) AND (gift <= '9000000000000000'::bigint) AND (refund >= 0) AND (refund <= '9000000000000000'::bigint) AND (balance = (((paid + promotional) + gift) + refund))), CONSTRAINT "accounts_house" CHECK ((shopper_id IS NOT NULL) OR ((balance = 0) AND (seq = 0))), CONSTRAINT "accounts_owner" CHECK (((shopper_id IS NOT NULL) AND ((kind)::text = ANY (ARRAY['WALLET'::text, 'POINTS'::text]))) OR ((shopper_id IS NULL) AND ((kind)::text = ANY (ARRAY['FUNDING'::text, 'REVENUE'::text, 'ADJUSTMENT'::text, 'MINT'::text])))), CONSTRAINT "accounts_seq" CHECK (seq >= 0));
-- Create index "account_shopper_id_kind_currency" to table: "accounts"
CREATE UNIQUE INDEX "account_shopper_id_kind_currency" ON "accounts" ("shopper_id", "kind", "currency");
-- Create index "accounts_house" to table: "accounts"
CREATE UNIQUE INDEX "accounts_house" ON "accounts" ("kind", "currency") WHERE (shopper_id IS NULL);
-- Create "purchases" table
CREATE TABLE "purchases" ("id" uuid NOT NULL, "ordinal" bigint NOT NULL, "currency" character varying NOT NULL, "subtotal" bigint NOT NULL, "total" bigint NOT NULL, "points" bigint NOT NULL, "actor" character varying NOT NULL, "created_at" timestamptz NOT NULL, "shopper_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "purchases_shoppers_purchases" FOREIGN KEY ("shopper_id") REFERENCES "shoppers" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "purchases_amounts" CHECK ((subtotal >= 0) AND (subtotal <= '9000000000000000'::bigint) AND (total >= 0) AND (total <= '9000000000000000'::bigint) AND (points >= 0) AND (points <= '9000000000000000'::bigint) AND (total <= subtotal)), CONSTRAINT "purchases_ordinal" CHECK (ordinal >= 1));
-- Create index "purchase_shopper_id_ordinal" to table: "purchases"
CREATE UNIQUE INDEX "purchase_shopper_id_ordinal" ON "purchases" ("shopper_id", "ordinal");
-- Create "badge_awards" table
CREATE TABLE "badge_awards" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "badge" character varying NOT NULL, "awarded_at" timestamptz NOT NULL, "purchase_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "badge_awards_purchases_badges" FOREIGN KEY ("purchase_id") REFERENCES "purchases" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- Create index "badgeaward_purchase_id" to table: "badge_awards"
CREATE INDEX "badgeaward_purchase_id" ON "badge_awards" ("purchase_id");
-- Create index "badgeaward_shopper_id_badge" to table: "badge_awards"
CREATE UNIQUE INDEX "badgeaward_shopper_id_badge" ON "badge_awards" ("shopper_id", "badge");
-- Create "entitlements" table
CREATE TABLE "entitlements" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "product_id" uuid NOT NULL, "kind" character varying NOT NULL, "status" character varying NOT NULL DEFAULT 'ACTIVE', "units" bigint NOT NULL DEFAULT 1, "remaining" bigint NOT NULL DEFAULT 1, "granted_at" timestamptz NOT NULL, "purchase_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "entitlements_purchases_entitlements" FOREIGN KEY ("purchase_id") REFERENCES "purchases" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "entitlements_kind" CHECK ((kind)::text = ANY (ARRAY['DURABLE'::text, 'CONSUMABLE'::text])), CONSTRAINT "entitlements_status" CHECK ((status)::text = ANY (ARRAY['ACTIVE'::text, 'REVOKED'::text])), CONSTRAINT "entitlements_units" CHECK ((units >= 1) AND (remaining >= 0) AND (remaining <= units) AND (((kind)::text = 'CONSUMABLE'::text) OR (units = 1))));
-- Create index "entitlement_purchase_id" to table: "entitlements"
CREATE INDEX "entitlement_purchase_id" ON "entitlements" ("purchase_id");
-- Create index "entitlement_shopper_id_id" to table: "entitlements"
CREATE INDEX "entitlement_shopper_id_id" ON "entitlements" ("shopper_id", "id");
-- Create index "entitlements_owned_once" to table: "entitlements"
CREATE UNIQUE INDEX "entitlements_owned_once" ON "entitlements" ("shopper_id", "product_id") WHERE (((kind)::text = 'DURABLE'::text) AND ((status)::text = 'ACTIVE'::text));
-- Create "idempotency_keys" table
CREATE TABLE "idempotency_keys" ("id" uuid NOT NULL, "operation" character varying NOT NULL, "key" character varying NOT NULL, "fingerprint" bytea NOT NULL, "result_id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "shopper_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "idempotency_keys_shoppers_idempotency_keys" FOREIGN KEY ("shopper_id") REFERENCES "shoppers" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- Create index "idempotencykey_shopper_id_operation_key" to table: "idempotency_keys"
CREATE UNIQUE INDEX "idempotencykey_shopper_id_operation_key" ON "idempotency_keys" ("shopper_id", "operation", "key");
-- Create "products" table
CREATE TABLE "products" ("id" uuid NOT NULL, "reference" character varying NULL, "slug" character varying NOT NULL, "kind" character varying NOT NULL, "status" character varying NOT NULL, "units" bigint NOT NULL DEFAULT 1, "creator" character varying NOT NULL DEFAULT '', "language" character varying NOT NULL, "texts" jsonb NOT NULL, "tags" jsonb NOT NULL, "categories" jsonb NOT NULL, "media" jsonb NOT NULL, "sort_name" bytea NOT NULL, "publish_from" timestamptz NULL, "publish_until" timestamptz NULL, "version" bigint NOT NULL DEFAULT 1, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "products_kind" CHECK ((kind)::text = ANY (ARRAY['DURABLE'::text, 'CONSUMABLE'::text])), CONSTRAINT "products_status" CHECK ((status)::text = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'ARCHIVED'::text])), CONSTRAINT "products_units" CHECK ((units >= 1) AND (units <= 1000000) AND (((kind)::text = 'CONSUMABLE'::text) OR (units = 1))), CONSTRAINT "products_window" CHECK (publish_until > publish_from));
-- Create index "product_reference" to table: "products"
CREATE UNIQUE INDEX "product_reference" ON "products" ("reference");
-- Create index "product_slug" to table: "products"
CREATE UNIQUE INDEX "product_slug" ON "products" ("slug");
-- Create index "product_sort_name_id" to table: "products"
CREATE INDEX "product_sort_name_id" ON "products" ("sort_name", "id");
-- Create "prices" table
CREATE TABLE "prices" ("id" uuid NOT NULL, "currency" character varying NOT NULL, "amount" bigint NOT NULL, "product_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "prices_products_prices" FOREIGN KEY ("product_id") REFERENCES "products" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "prices_amount" CHECK ((amount >= 0) AND (amount <= '9000000000000000'::bigint)));
-- Create index "price_currency_amount_product_id" to table: "prices"
CREATE INDEX "price_currency_amount_product_id" ON "prices" ("currency", "amount", "product_id");
-- Create index "price_product_id_currency" to table: "prices"
CREATE UNIQUE INDEX "price_product_id_currency" ON "prices" ("product_id", "currency");
-- Create "product_terms" table
CREATE TABLE "product_terms" ("id" uuid NOT NULL, "term" bytea NOT NULL, "product_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "product_terms_products_terms" FOREIGN KEY ("product_id") REFERENCES "products" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- Create index "productterm_product_id" to table: "product_terms"
CREATE INDEX "productterm_product_id" ON "product_terms" ("product_id");
-- Create index "productterm_term_product_id" to table: "product_terms"
CREATE UNIQUE INDEX "productterm_term_product_id" ON "product_terms" ("term", "product_id");
-- Create "purchase_lines" table
CREATE TABLE "purchase_lines" ("id" uuid NOT NULL, "position" bigint NOT NULL, "product_id" uuid NOT NULL, "kind" character varying NOT NULL, "language" character varying NOT NULL, "names" jsonb NOT NULL, "quantity" bigint NOT NULL, "units" bigint NOT NULL, "unit_price" bigint NOT NULL, "subtotal" bigint NOT NULL, "total" bigint NOT NULL, "purchase_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "purchase_lines_purchases_lines" FOREIGN KEY ("purchase_id") REFERENCES "purchases" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "purchase_lines_amounts" CHECK ((unit_price >= 0) AND (unit_price <= '9000000000000000'::bigint) AND (subtotal >= 0) AND (subtotal <= '9000000000000000'::bigint) AND (total >= 0) AND (total <= '9000000000000000'::bigint) AND (subtotal = (unit_price * quantity)) AND (total <= subtotal)), CONSTRAINT "purchase_lines_kind" CHECK ((kind)::text = ANY (ARRAY['DURABLE'::text, 'CONSUMABLE'::text])), CONSTRAINT "purchase_lines_quantity" CHECK ((quantity >= 1) AND (units >= 1)));
-- Create index "purchaseline_purchase_id_position" to table: "purchase_lines"
CREATE UNIQUE INDEX "purchaseline_purchase_id_position" ON "purchase_lines" ("purchase_id", "position");
