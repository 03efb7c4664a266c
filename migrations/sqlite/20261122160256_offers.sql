-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_entitlements" table
CREATE TABLE `new_entitlements` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `product_id` uuid NOT NULL, `kind` text NOT NULL, `status` text NOT NULL DEFAULT ('ACTIVE'), `units` integer NOT NULL DEFAULT (1), `remaining` integer NOT NULL DEFAULT (1), `counted` bool NOT NULL DEFAULT (false), `expires_at` datetime NULL, `granted_at` datetime NOT NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `entitlements_purchases_entitlements` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION, CONSTRAINT `entitlements_kind` CHECK ((CAST(kind AS text) IN ('DURABLE', 'CONSUMABLE', 'TRIAL'))), CONSTRAINT `entitlements_status` CHECK ((CAST(status AS text) IN ('ACTIVE', 'REVOKED', 'CONVERTED'))), CONSTRAINT `entitlements_trial` CHECK ((kind <> 'TRIAL' OR (expires_at IS NOT NULL AND expires_at > granted_at))), CONSTRAINT `entitlements_units` CHECK ((units >= 1 AND remaining >= 0 AND remaining <= units AND (kind <> 'DURABLE' OR units = 1))));
-- Copy rows from old table "entitlements" to new temporary table "new_entitlements"
INSERT INTO `new_entitlements` (`id`, `shopper_id`, `product_id`, `kind`, `status`, `units`, `remaining`, `granted_at`, `purchase_id`) SELECT `id`, `shopper_id`, `product_id`, `kind`, `status`, `units`, `remaining`, `granted_at`, `purchase_id` FROM `entitlements`;
-- Drop "entitlements" table after copying rows
DROP TABLE `entitlements`;
-- Rename temporary table "new_entitlements" to "entitlements"
ALTER TABLE `new_entitlements` RENAME TO `entitlements`;
-- Create index "entitlements_owned_once" to table: "entitlements"
CREATE UNIQUE INDEX `entitlements_owned_once` ON `entitlements` (`shopper_id`, `product_id`) WHERE kind = 'DURABLE' AND status = 'ACTIVE';
-- Create index "entitlement_shopper_id_id" to table: "entitlements"
CREATE INDEX `entitlement_shopper_id_id` ON `entitlements` (`shopper_id`, `id`);
-- Create index "entitlement_purchase_id" to table: "entitlements"
CREATE INDEX `entitlement_purchase_id` ON `entitlements` (`purchase_id`);
-- Add column "bundle_id" to table: "purchase_lines"
ALTER TABLE `purchase_lines` ADD COLUMN `bundle_id` uuid NULL;
-- Add column "trial_offer_id" to table: "purchase_lines"
ALTER TABLE `purchase_lines` ADD COLUMN `trial_offer_id` uuid NULL;
-- Create "bundles" table
CREATE TABLE `bundles` (`id` uuid NOT NULL, `status` text NOT NULL, `language` text NOT NULL, `texts` json NOT NULL, `slug` text NOT NULL, `kind` text NOT NULL, `basis_points` integer NOT NULL DEFAULT (0), `prices` json NOT NULL, `choose` integer NOT NULL DEFAULT (0), `publish_from` datetime NULL, `publish_until` datetime NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `bundles_choose` CHECK ((choose >= 0 AND (choose > 0) = (kind = 'CHOOSE'))), CONSTRAINT `bundles_kind` CHECK ((CAST(kind AS text) IN ('FIXED', 'PERCENTAGE', 'CHOOSE'))), CONSTRAINT `bundles_percentage` CHECK ((basis_points >= 0 AND basis_points <= 10000)), CONSTRAINT `bundles_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `bundles_window` CHECK ((publish_until > publish_from)));
-- Create index "bundle_slug" to table: "bundles"
CREATE UNIQUE INDEX `bundle_slug` ON `bundles` (`slug`);
-- Create "bundle_components" table
CREATE TABLE `bundle_components` (`id` uuid NOT NULL, `position` integer NOT NULL, `product_id` uuid NULL, `inner_id` uuid NULL, `quantity` integer NOT NULL DEFAULT (1), `bundle_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `bundle_components_bundles_components` FOREIGN KEY (`bundle_id`) REFERENCES `bundles` (`id`) ON DELETE NO ACTION, CONSTRAINT `bundle_components_quantity` CHECK ((quantity >= 1 AND quantity <= 9999)), CONSTRAINT `bundle_components_thing` CHECK (((product_id IS NULL) <> (inner_id IS NULL) AND (inner_id IS NULL OR inner_id <> bundle_id))));
-- Create index "bundlecomponent_bundle_id_position" to table: "bundle_components"
CREATE UNIQUE INDEX `bundlecomponent_bundle_id_position` ON `bundle_components` (`bundle_id`, `position`);
-- Create index "bundlecomponent_product_id" to table: "bundle_components"
CREATE INDEX `bundlecomponent_product_id` ON `bundle_components` (`product_id`);
-- Create index "bundlecomponent_inner_id" to table: "bundle_components"
CREATE INDEX `bundlecomponent_inner_id` ON `bundle_components` (`inner_id`);
-- Create "catalog_revisions" table
CREATE TABLE `catalog_revisions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `number` integer NOT NULL, CONSTRAINT `catalog_revisions_one` CHECK ((id = 1)));
-- Create "coupons" table
CREATE TABLE `coupons` (`id` uuid NOT NULL, `status` text NOT NULL, `language` text NOT NULL, `texts` json NOT NULL, `starts_at` datetime NOT NULL, `ends_at` datetime NULL, `code_hash` blob NOT NULL, `code_hint` text NOT NULL, `kind` text NOT NULL, `basis_points` integer NOT NULL DEFAULT (0), `amounts` json NOT NULL, `scope` json NOT NULL, `combines` bool NOT NULL DEFAULT (false), `stock` integer NULL, `per_shopper` integer NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `coupons_caps` CHECK (((stock IS NULL OR stock >= 0) AND (per_shopper IS NULL OR per_shopper >= 1))), CONSTRAINT `coupons_kind` CHECK ((CAST(kind AS text) IN ('AMOUNT', 'PERCENTAGE'))), CONSTRAINT `coupons_percentage` CHECK ((basis_points >= 0 AND basis_points <= 10000)), CONSTRAINT `coupons_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `coupons_window` CHECK ((ends_at > starts_at)));
-- Create index "coupon_code_hash" to table: "coupons"
CREATE UNIQUE INDEX `coupon_code_hash` ON `coupons` (`code_hash`);
-- Create "flash_sales" table
CREATE TABLE `flash_sales` (`id` uuid NOT NULL, `status` text NOT NULL, `language` text NOT NULL, `texts` json NOT NULL, `starts_at` datetime NOT NULL, `ends_at` datetime NULL, `kind` text NOT NULL, `basis_points` integer NOT NULL DEFAULT (0), `prices` json NOT NULL, `scope` json NOT NULL, `recurrence` json NULL, `stock` integer NULL, `per_shopper` integer NULL, `ended_at` datetime NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `flash_sales_caps` CHECK (((stock IS NULL OR stock >= 0) AND (per_shopper IS NULL OR per_shopper >= 1))), CONSTRAINT `flash_sales_kind` CHECK ((CAST(kind AS text) IN ('FIXED', 'PERCENTAGE'))), CONSTRAINT `flash_sales_percentage` CHECK ((basis_points >= 0 AND basis_points <= 10000)), CONSTRAINT `flash_sales_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `flash_sales_window` CHECK ((ends_at > starts_at)));
-- Create index "flashsale_ends_at" to table: "flash_sales"
CREATE INDEX `flashsale_ends_at` ON `flash_sales` (`ends_at`);
-- Create "line_adjustments" table
CREATE TABLE `line_adjustments` (`id` uuid NOT NULL, `position` integer NOT NULL, `kind` text NOT NULL, `source_id` uuid NOT NULL, `round` integer NOT NULL DEFAULT (0), `language` text NOT NULL, `names` json NOT NULL, `amount` integer NOT NULL, `units` integer NOT NULL, `line_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `line_adjustments_purchase_lines_adjustments` FOREIGN KEY (`line_id`) REFERENCES `purchase_lines` (`id`) ON DELETE NO ACTION, CONSTRAINT `line_adjustments_amount` CHECK ((amount >= 1 AND amount <= 9000000000000000)), CONSTRAINT `line_adjustments_kind` CHECK ((CAST(kind AS text) IN ('BUNDLE', 'FLASH_SALE', 'TIER', 'COUPON', 'TRIAL_CREDIT'))), CONSTRAINT `line_adjustments_units` CHECK ((units >= 0)));
-- Create index "lineadjustment_line_id_position" to table: "line_adjustments"
CREATE UNIQUE INDEX `lineadjustment_line_id_position` ON `line_adjustments` (`line_id`, `position`);
-- Create index "lineadjustment_source_id" to table: "line_adjustments"
CREATE INDEX `lineadjustment_source_id` ON `line_adjustments` (`source_id`);
-- Create "offer_stocks" table
CREATE TABLE `offer_stocks` (`id` uuid NOT NULL, `offer_id` uuid NOT NULL, `round` integer NOT NULL DEFAULT (0), `taken` integer NOT NULL DEFAULT (0), `most` integer NULL, `closed` bool NOT NULL DEFAULT (false), PRIMARY KEY (`id`), CONSTRAINT `offer_stocks_taken` CHECK ((taken >= 0 AND (most IS NULL OR taken <= most))));
-- Create index "offerstock_offer_id_round" to table: "offer_stocks"
CREATE UNIQUE INDEX `offerstock_offer_id_round` ON `offer_stocks` (`offer_id`, `round`);
-- Create "offer_uses" table
CREATE TABLE `offer_uses` (`id` uuid NOT NULL, `offer_id` uuid NOT NULL, `round` integer NOT NULL DEFAULT (0), `shopper_id` uuid NOT NULL, `taken` integer NOT NULL DEFAULT (0), `most` integer NULL, PRIMARY KEY (`id`), CONSTRAINT `offer_uses_taken` CHECK ((taken >= 0 AND (most IS NULL OR taken <= most))));
-- Create index "offeruse_shopper_id_offer_id_round" to table: "offer_uses"
CREATE UNIQUE INDEX `offeruse_shopper_id_offer_id_round` ON `offer_uses` (`shopper_id`, `offer_id`, `round`);
-- Create "sale_changes" table
CREATE TABLE `sale_changes` (`id` uuid NOT NULL, `sale_id` uuid NOT NULL, `active` bool NOT NULL, `kind` text NOT NULL, `basis_points` integer NOT NULL, `prices` json NOT NULL, `scope` json NOT NULL, `starts_at` datetime NOT NULL, `ends_at` datetime NULL, `recurrence` json NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- Create index "salechange_sale_id_created_at" to table: "sale_changes"
CREATE INDEX `salechange_sale_id_created_at` ON `sale_changes` (`sale_id`, `created_at`);
-- Create index "salechange_ends_at" to table: "sale_changes"
CREATE INDEX `salechange_ends_at` ON `sale_changes` (`ends_at`);
-- Create "shop_secrets" table
CREATE TABLE `shop_secrets` (`id` uuid NOT NULL, `name` text NOT NULL, `value` blob NOT NULL, PRIMARY KEY (`id`));
-- Create index "shopsecret_name" to table: "shop_secrets"
CREATE UNIQUE INDEX `shopsecret_name` ON `shop_secrets` (`name`);
-- Create "tier_plans" table
CREATE TABLE `tier_plans` (`id` uuid NOT NULL, `status` text NOT NULL, `language` text NOT NULL, `texts` json NOT NULL, `starts_at` datetime NOT NULL, `ends_at` datetime NULL, `product_id` uuid NOT NULL, `mode` text NOT NULL, `tiers` json NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `tier_plans_mode` CHECK ((CAST(mode AS text) IN ('VOLUME', 'GRADUATED'))), CONSTRAINT `tier_plans_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `tier_plans_window` CHECK ((ends_at > starts_at)));
-- Create index "tier_plans_one_active" to table: "tier_plans"
CREATE UNIQUE INDEX `tier_plans_one_active` ON `tier_plans` (`product_id`) WHERE status = 'ACTIVE';
-- Create "trials" table
CREATE TABLE `trials` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `product_id` uuid NOT NULL, `offer_id` uuid NOT NULL, `purchase_id` uuid NOT NULL, `entitlement_id` uuid NOT NULL, `currency` text NOT NULL, `price` integer NOT NULL, `started_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `credit_until` datetime NOT NULL, `converted_by` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `trials_price` CHECK ((price >= 0 AND price <= 9000000000000000)), CONSTRAINT `trials_window` CHECK ((expires_at > started_at AND credit_until >= expires_at)));
-- Create index "trial_shopper_id_product_id" to table: "trials"
CREATE UNIQUE INDEX `trial_shopper_id_product_id` ON `trials` (`shopper_id`, `product_id`);
-- Create index "trial_purchase_id" to table: "trials"
CREATE INDEX `trial_purchase_id` ON `trials` (`purchase_id`);
-- Create "trial_offers" table
CREATE TABLE `trial_offers` (`id` uuid NOT NULL, `status` text NOT NULL, `language` text NOT NULL, `texts` json NOT NULL, `product_id` uuid NOT NULL, `prices` json NOT NULL, `duration_hours` integer NOT NULL, `grace_hours` integer NOT NULL DEFAULT (0), `uses` integer NULL, `publish_from` datetime NULL, `publish_until` datetime NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `trial_offers_duration` CHECK ((duration_hours >= 1 AND grace_hours >= 0)), CONSTRAINT `trial_offers_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `trial_offers_uses` CHECK ((uses >= 1)), CONSTRAINT `trial_offers_window` CHECK ((publish_until > publish_from)));
-- Create index "trialoffer_product_id" to table: "trial_offers"
CREATE INDEX `trialoffer_product_id` ON `trial_offers` (`product_id`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
