-- Create "accounts" table
CREATE TABLE `accounts` (`id` uuid NOT NULL, `kind` text NOT NULL, `currency` text NOT NULL, `balance` integer NOT NULL DEFAULT (0), `paid` integer NOT NULL DEFAULT (0), `promotional` integer NOT NULL DEFAULT (0), `gift` integer NOT NULL DEFAULT (0), `refund` integer NOT NULL DEFAULT (0), `seq` integer NOT NULL DEFAULT (0), `created_at` datetime NOT NULL, `shopper_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `accounts_shoppers_accounts` FOREIGN KEY (`shopper_id`) REFERENCES `shoppers` (`id`) ON DELETE SET NULL, CONSTRAINT `accounts_balance` CHECK ((balance >= 0 AND balance <= 9000000000000000 AND paid >= 0 AND paid <= 9000000000000000 AND promotional >= 0 AND promotional <= 9000000000000000 AND gift >= 0 AND gift <= 9000000000000000 AND refund >= 0 AND refund <= 9000000000000000 AND balance = paid + promotional + gift + refund)), CONSTRAINT `accounts_house` CHECK ((shopper_id IS NOT NULL OR (balance = 0 AND seq = 0))), CONSTRAINT `accounts_owner` CHECK (((shopper_id IS NOT NULL AND CAST(kind AS text) IN ('WALLET', 'POINTS')) OR (shopper_id IS NULL AND CAST(kind AS text) IN ('FUNDING', 'REVENUE', 'ADJUSTMENT', 'MINT')))), CONSTRAINT `accounts_seq` CHECK ((seq >= 0)));
-- Create index "account_shopper_id_kind_currency" to table: "accounts"
CREATE UNIQUE INDEX `account_shopper_id_kind_currency` ON `accounts` (`shopper_id`, `kind`, `currency`);
-- Create index "accounts_house" to table: "accounts"
CREATE UNIQUE INDEX `accounts_house` ON `accounts` (`kind`, `currency`) WHERE shopper_id IS NULL;
-- Create "audit_entries" table
CREATE TABLE `audit_entries` (`id` uuid NOT NULL, `actor` text NOT NULL, `action` text NOT NULL, `target_id` uuid NOT NULL, `before` json NULL, `after` json NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create index "auditentry_target_id" to table: "audit_entries"
CREATE INDEX `auditentry_target_id` ON `audit_entries` (`target_id`);
-- Create "badge_awards" table
CREATE TABLE `badge_awards` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `badge` text NOT NULL, `awarded_at` datetime NOT NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `badge_awards_purchases_badges` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION);
-- Create index "badgeaward_shopper_id_badge" to table: "badge_awards"
CREATE UNIQUE INDEX `badgeaward_shopper_id_badge` ON `badge_awards` (`shopper_id`, `badge`);
-- Create index "badgeaward_purchase_id" to table: "badge_awards"
CREATE INDEX `badgeaward_purchase_id` ON `badge_awards` (`purchase_id`);
-- Create "entitlements" table
CREATE TABLE `entitlements` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `product_id` uuid NOT NULL, `kind` text NOT NULL, `status` text NOT NULL DEFAULT ('ACTIVE'), `units` integer NOT NULL DEFAULT (1), `remaining` integer NOT NULL DEFAULT (1), `granted_at` datetime NOT NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `entitlements_purchases_entitlements` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION, CONSTRAINT `entitlements_kind` CHECK ((CAST(kind AS text) IN ('DURABLE', 'CONSUMABLE'))), CONSTRAINT `entitlements_status` CHECK ((CAST(status AS text) IN ('ACTIVE', 'REVOKED'))), CONSTRAINT `entitlements_units` CHECK ((units >= 1 AND remaining >= 0 AND remaining <= units AND (kind = 'CONSUMABLE' OR units = 1))));
-- Create index "entitlements_owned_once" to table: "entitlements"
CREATE UNIQUE INDEX `entitlements_owned_once` ON `entitlements` (`shopper_id`, `product_id`) WHERE kind = 'DURABLE' AND status = 'ACTIVE';
-- Create index "entitlement_shopper_id_id" to table: "entitlements"
CREATE INDEX `entitlement_shopper_id_id` ON `entitlements` (`shopper_id`, `id`);
-- Create index "entitlement_purchase_id" to table: "entitlements"
CREATE INDEX `entitlement_purchase_id` ON `entitlements` (`purchase_id`);
-- Create "idempotency_keys" table
CREATE TABLE `idempotency_keys` (`id` uuid NOT NULL, `operation` text NOT NULL, `key` text NOT NULL, `fingerprint` blob NOT NULL, `result_id` uuid NOT NULL, `created_at` datetime NOT NULL, `shopper_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `idempotency_keys_shoppers_idempotency_keys` FOREIGN KEY (`shopper_id`) REFERENCES `shoppers` (`id`) ON DELETE NO ACTION);
-- Create index "idempotencykey_shopper_id_operation_key" to table: "idempotency_keys"
CREATE UNIQUE INDEX `idempotencykey_shopper_id_operation_key` ON `idempotency_keys` (`shopper_id`, `operation`, `key`);
-- Create "outbox_events" table
CREATE TABLE `outbox_events` (`id` uuid NOT NULL, `topic` text NOT NULL, `shopper_id` uuid NULL, `payload` json NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create "prices" table
CREATE TABLE `prices` (`id` uuid NOT NULL, `currency` text NOT NULL, `amount` integer NOT NULL, `product_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `prices_products_prices` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE NO ACTION, CONSTRAINT `prices_amount` CHECK ((amount >= 0 AND amount <= 9000000000000000)));
-- Create index "price_product_id_currency" to table: "prices"
CREATE UNIQUE INDEX `price_product_id_currency` ON `prices` (`product_id`, `currency`);
-- Create index "price_currency_amount_product_id" to table: "prices"
CREATE INDEX `price_currency_amount_product_id` ON `prices` (`currency`, `amount`, `product_id`);
-- Create "price_changes" table
CREATE TABLE `price_changes` (`id` uuid NOT NULL, `product_id` uuid NOT NULL, `currency` text NOT NULL, `amount` integer NULL, `actor` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `price_changes_amount` CHECK ((amount IS NULL OR (amount >= 0 AND amount <= 9000000000000000))));
-- Create index "pricechange_product_id_currency_created_at" to table: "price_changes"
CREATE INDEX `pricechange_product_id_currency_created_at` ON `price_changes` (`product_id`, `currency`, `created_at`);
-- Create "products" table
CREATE TABLE `products` (`id` uuid NOT NULL, `reference` text NULL, `slug` text NOT NULL, `kind` text NOT NULL, `status` text NOT NULL, `units` integer NOT NULL DEFAULT (1), `creator` text NOT NULL DEFAULT (''), `language` text NOT NULL, `texts` json NOT NULL, `tags` json NOT NULL, `categories` json NOT NULL, `media` json NOT NULL, `sort_name` blob NOT NULL, `publish_from` datetime NULL, `publish_until` datetime NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `products_kind` CHECK ((CAST(kind AS text) IN ('DURABLE', 'CONSUMABLE'))), CONSTRAINT `products_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `products_units` CHECK ((units >= 1 AND units <= 1000000 AND (kind = 'CONSUMABLE' OR units = 1))), CONSTRAINT `products_window` CHECK ((publish_until > publish_from)));
-- Create index "product_reference" to table: "products"
CREATE UNIQUE INDEX `product_reference` ON `products` (`reference`);
-- Create index "product_slug" to table: "products"
CREATE UNIQUE INDEX `product_slug` ON `products` (`slug`);
-- Create index "product_sort_name_id" to table: "products"
CREATE INDEX `product_sort_name_id` ON `products` (`sort_name`, `id`);
-- Create "product_terms" table
CREATE TABLE `product_terms` (`id` uuid NOT NULL, `term` blob NOT NULL, `product_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `product_terms_products_terms` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`) ON DELETE NO ACTION);
-- Create index "productterm_term_product_id" to table: "product_terms"
CREATE UNIQUE INDEX `productterm_term_product_id` ON `product_terms` (`term`, `product_id`);
-- Create index "productterm_product_id" to table: "product_terms"
CREATE INDEX `productterm_product_id` ON `product_terms` (`product_id`);
-- Create "purchases" table
CREATE TABLE `purchases` (`id` uuid NOT NULL, `ordinal` integer NOT NULL, `currency` text NOT NULL, `subtotal` integer NOT NULL, `total` integer NOT NULL, `points` integer NOT NULL, `actor` text NOT NULL, `created_at` datetime NOT NULL, `shopper_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `purchases_shoppers_purchases` FOREIGN KEY (`shopper_id`) REFERENCES `shoppers` (`id`) ON DELETE NO ACTION, CONSTRAINT `purchases_amounts` CHECK ((subtotal >= 0 AND subtotal <= 9000000000000000 AND total >= 0 AND total <= 9000000000000000 AND points >= 0 AND points <= 9000000000000000 AND total <= subtotal)), CONSTRAINT `purchases_ordinal` CHECK ((ordinal >= 1)));
-- Create index "purchase_shopper_id_ordinal" to table: "purchases"
CREATE UNIQUE INDEX `purchase_shopper_id_ordinal` ON `purchases` (`shopper_id`, `ordinal`);
-- Create "purchase_lines" table
CREATE TABLE `purchase_lines` (`id` uuid NOT NULL, `position` integer NOT NULL, `product_id` uuid NOT NULL, `kind` text NOT NULL, `language` text NOT NULL, `names` json NOT NULL, `quantity` integer NOT NULL, `units` integer NOT NULL, `unit_price` integer NOT NULL, `subtotal` integer NOT NULL, `total` integer NOT NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `purchase_lines_purchases_lines` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION, CONSTRAINT `purchase_lines_amounts` CHECK ((unit_price >= 0 AND unit_price <= 9000000000000000 AND subtotal >= 0 AND subtotal <= 9000000000000000 AND total >= 0 AND total <= 9000000000000000 AND subtotal = unit_price * quantity AND total <= subtotal)), CONSTRAINT `purchase_lines_kind` CHECK ((CAST(kind AS text) IN ('DURABLE', 'CONSUMABLE'))), CONSTRAINT `purchase_lines_quantity` CHECK ((quantity >= 1 AND units >= 1)));
-- Create index "purchaseline_purchase_id_position" to table: "purchase_lines"
CREATE UNIQUE INDEX `purchaseline_purchase_id_position` ON `purchase_lines` (`purchase_id`, `position`);
-- Create "shoppers" table
CREATE TABLE `shoppers` (`id` uuid NOT NULL, `issuer` text NOT NULL, `subject` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create index "shopper_issuer_subject" to table: "shoppers"
CREATE UNIQUE INDEX `shopper_issuer_subject` ON `shoppers` (`issuer`, `subject`);
-- Create "transfers" table
CREATE TABLE `transfers` (`id` uuid NOT NULL, `kind` text NOT NULL, `currency` text NOT NULL, `amount` integer NOT NULL, `paid` integer NOT NULL, `promotional` integer NOT NULL, `gift` integer NOT NULL, `refund` integer NOT NULL, `debit_account_id` uuid NOT NULL, `credit_account_id` uuid NOT NULL, `debit_seq` integer NULL, `debit_balance` integer NULL, `credit_seq` integer NULL, `credit_balance` integer NULL, `purchase_id` uuid NULL, `rule` text NOT NULL DEFAULT (''), `corrects_id` uuid NULL, `reference` text NOT NULL DEFAULT (''), `reason` text NOT NULL DEFAULT (''), `actor` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `transfers_a_shopper` CHECK ((debit_seq IS NOT NULL OR credit_seq IS NOT NULL)), CONSTRAINT `transfers_accounts` CHECK ((debit_account_id <> credit_account_id)), CONSTRAINT `transfers_amount` CHECK ((amount >= 1 AND amount <= 9000000000000000)), CONSTRAINT `transfers_credited` CHECK (((credit_seq IS NULL) = (credit_balance IS NULL) AND (credit_seq IS NULL OR (credit_seq >= 1 AND credit_balance >= amount)))), CONSTRAINT `transfers_debited` CHECK (((debit_seq IS NULL) = (debit_balance IS NULL) AND (debit_seq IS NULL OR (debit_seq >= 1 AND debit_balance >= 0)))), CONSTRAINT `transfers_kind` CHECK ((CAST(kind AS text) IN ('TOP_UP', 'ADJUSTMENT', 'PURCHASE', 'POINTS_EARNED'))), CONSTRAINT `transfers_origins` CHECK ((paid >= 0 AND paid <= 9000000000000000 AND promotional >= 0 AND promotional <= 9000000000000000 AND gift >= 0 AND gift <= 9000000000000000 AND refund >= 0 AND refund <= 9000000000000000 AND amount = paid + promotional + gift + refund)), CONSTRAINT `transfers_purchase` CHECK ((purchase_id IS NOT NULL OR CAST(kind AS text) IN ('TOP_UP', 'ADJUSTMENT'))), CONSTRAINT `transfers_reason` CHECK ((kind <> 'ADJUSTMENT' OR reason <> '')));
-- Create index "transfers_debit" to table: "transfers"
CREATE UNIQUE INDEX `transfers_debit` ON `transfers` (`debit_account_id`, `debit_seq`) WHERE debit_seq IS NOT NULL;
-- Create index "transfers_credit" to table: "transfers"
CREATE UNIQUE INDEX `transfers_credit` ON `transfers` (`credit_account_id`, `credit_seq`) WHERE credit_seq IS NOT NULL;
-- Create index "transfers_purchase" to table: "transfers"
CREATE UNIQUE INDEX `transfers_purchase` ON `transfers` (`purchase_id`, `kind`, `rule`) WHERE purchase_id IS NOT NULL;
