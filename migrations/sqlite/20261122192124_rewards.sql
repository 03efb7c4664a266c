-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Create "new_accounts" table
CREATE TABLE `new_accounts` (`id` uuid NOT NULL, `kind` text NOT NULL, `currency` text NOT NULL, `balance` integer NOT NULL DEFAULT (0), `paid` integer NOT NULL DEFAULT (0), `promotional` integer NOT NULL DEFAULT (0), `gift` integer NOT NULL DEFAULT (0), `refund` integer NOT NULL DEFAULT (0), `seq` integer NOT NULL DEFAULT (0), `created_at` datetime NOT NULL, `shopper_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `accounts_shoppers_accounts` FOREIGN KEY (`shopper_id`) REFERENCES `shoppers` (`id`) ON DELETE SET NULL, CONSTRAINT `accounts_balance` CHECK ((((balance >= 0 AND balance <= 9000000000000000 AND paid >= 0 AND paid <= 9000000000000000 AND promotional >= 0 AND promotional <= 9000000000000000 AND gift >= 0 AND gift <= 9000000000000000 AND refund >= 0 AND refund <= 9000000000000000) OR (CAST(kind AS text) IN ('POINTS') AND balance = promotional AND balance < 0 AND balance >= -9000000000000000)) AND balance = paid + promotional + gift + refund)), CONSTRAINT `accounts_house` CHECK ((shopper_id IS NOT NULL OR (balance = 0 AND seq = 0))), CONSTRAINT `accounts_owner` CHECK (((shopper_id IS NOT NULL AND CAST(kind AS text) IN ('WALLET', 'POINTS')) OR (shopper_id IS NULL AND CAST(kind AS text) IN ('FUNDING', 'REVENUE', 'ADJUSTMENT', 'MINT')))), CONSTRAINT `accounts_seq` CHECK ((seq >= 0)));
-- Copy rows from old table "accounts" to new temporary table "new_accounts"
INSERT INTO `new_accounts` (`id`, `kind`, `currency`, `balance`, `paid`, `promotional`, `gift`, `refund`, `seq`, `created_at`, `shopper_id`) SELECT `id`, `kind`, `currency`, `balance`, `paid`, `promotional`, `gift`, `refund`, `seq`, `created_at`, `shopper_id` FROM `accounts`;
-- Drop "accounts" table after copying rows
DROP TABLE `accounts`;
-- Rename temporary table "new_accounts" to "accounts"
ALTER TABLE `new_accounts` RENAME TO `accounts`;
-- Create index "account_shopper_id_kind_currency" to table: "accounts"
CREATE UNIQUE INDEX `account_shopper_id_kind_currency` ON `accounts` (`shopper_id`, `kind`, `currency`);
-- Create index "accounts_house" to table: "accounts"
CREATE UNIQUE INDEX `accounts_house` ON `accounts` (`kind`, `currency`) WHERE shopper_id IS NULL;
-- Create "new_transfers" table
CREATE TABLE `new_transfers` (`id` uuid NOT NULL, `kind` text NOT NULL, `currency` text NOT NULL, `amount` integer NOT NULL, `paid` integer NOT NULL, `promotional` integer NOT NULL, `gift` integer NOT NULL, `refund` integer NOT NULL, `debit_account_id` uuid NOT NULL, `credit_account_id` uuid NOT NULL, `debit_seq` integer NULL, `debit_balance` integer NULL, `credit_seq` integer NULL, `credit_balance` integer NULL, `purchase_id` uuid NULL, `refund_id` uuid NULL, `rule` text NOT NULL DEFAULT (''), `corrects_id` uuid NULL, `reference` text NOT NULL DEFAULT (''), `reason` text NOT NULL DEFAULT (''), `actor` text NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `transfers_a_shopper` CHECK ((debit_seq IS NOT NULL OR credit_seq IS NOT NULL)), CONSTRAINT `transfers_accounts` CHECK ((debit_account_id <> credit_account_id)), CONSTRAINT `transfers_amount` CHECK ((amount >= 1 AND amount <= 9000000000000000)), CONSTRAINT `transfers_credited` CHECK (((credit_seq IS NULL) = (credit_balance IS NULL) AND (credit_seq IS NULL OR (credit_seq >= 1 AND (credit_balance >= amount OR CAST(currency AS text) = 'POINTS'))))), CONSTRAINT `transfers_debited` CHECK (((debit_seq IS NULL) = (debit_balance IS NULL) AND (debit_seq IS NULL OR (debit_seq >= 1 AND (debit_balance >= 0 OR CAST(currency AS text) = 'POINTS'))))), CONSTRAINT `transfers_kind` CHECK ((CAST(kind AS text) IN ('TOP_UP', 'ADJUSTMENT', 'PURCHASE', 'REFUND', 'POINTS_EARNED', 'POINTS_REDEEMED', 'POINTS_EXPIRED', 'POINTS_REVOKED', 'POINTS_RETURNED'))), CONSTRAINT `transfers_origins` CHECK ((paid >= 0 AND paid <= 9000000000000000 AND promotional >= 0 AND promotional <= 9000000000000000 AND gift >= 0 AND gift <= 9000000000000000 AND refund >= 0 AND refund <= 9000000000000000 AND amount = paid + promotional + gift + refund)), CONSTRAINT `transfers_points` CHECK (((CAST(currency AS text) = 'POINTS') OR CAST(kind AS text) IN ('TOP_UP', 'ADJUSTMENT', 'PURCHASE', 'REFUND'))), CONSTRAINT `transfers_purchase` CHECK ((purchase_id IS NOT NULL OR CAST(kind AS text) IN ('TOP_UP', 'ADJUSTMENT', 'POINTS_REDEEMED', 'POINTS_EXPIRED'))), CONSTRAINT `transfers_reason` CHECK ((kind <> 'ADJUSTMENT' OR reason <> '')), CONSTRAINT `transfers_refunded` CHECK (((refund_id IS NOT NULL) = (CAST(kind AS text) IN ('REFUND', 'POINTS_REVOKED', 'POINTS_RETURNED')))));
-- Copy rows from old table "transfers" to new temporary table "new_transfers"
INSERT INTO `new_transfers` (`id`, `kind`, `currency`, `amount`, `paid`, `promotional`, `gift`, `refund`, `debit_account_id`, `credit_account_id`, `debit_seq`, `debit_balance`, `credit_seq`, `credit_balance`, `purchase_id`, `rule`, `corrects_id`, `reference`, `reason`, `actor`, `created_at`) SELECT `id`, `kind`, `currency`, `amount`, `paid`, `promotional`, `gift`, `refund`, `debit_account_id`, `credit_account_id`, `debit_seq`, `debit_balance`, `credit_seq`, `credit_balance`, `purchase_id`, `rule`, `corrects_id`, `reference`, `reason`, `actor`, `created_at` FROM `transfers`;
-- Drop "transfers" table after copying rows
DROP TABLE `transfers`;
-- Rename temporary table "new_transfers" to "transfers"
ALTER TABLE `new_transfers` RENAME TO `transfers`;
-- Create index "transfers_debit" to table: "transfers"
CREATE UNIQUE INDEX `transfers_debit` ON `transfers` (`debit_account_id`, `debit_seq`) WHERE debit_seq IS NOT NULL;
-- Create index "transfers_credit" to table: "transfers"
CREATE UNIQUE INDEX `transfers_credit` ON `transfers` (`credit_account_id`, `credit_seq`) WHERE credit_seq IS NOT NULL;
-- Create index "transfers_purchase" to table: "transfers"
CREATE UNIQUE INDEX `transfers_purchase` ON `transfers` (`purchase_id`, `kind`, `rule`) WHERE purchase_id IS NOT NULL AND refund_id IS NULL;
-- Create index "transfers_refund" to table: "transfers"
CREATE UNIQUE INDEX `transfers_refund` ON `transfers` (`refund_id`, `kind`) WHERE refund_id IS NOT NULL;
-- Create "new_line_adjustments" table
CREATE TABLE `new_line_adjustments` (`id` uuid NOT NULL, `position` integer NOT NULL, `kind` text NOT NULL, `source_id` uuid NOT NULL, `round` integer NOT NULL DEFAULT (0), `language` text NOT NULL, `names` json NOT NULL, `amount` integer NOT NULL, `units` integer NOT NULL, `line_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `line_adjustments_purchase_lines_adjustments` FOREIGN KEY (`line_id`) REFERENCES `purchase_lines` (`id`) ON DELETE NO ACTION, CONSTRAINT `line_adjustments_amount` CHECK ((amount >= 1 AND amount <= 9000000000000000)), CONSTRAINT `line_adjustments_kind` CHECK ((CAST(kind AS text) IN ('BUNDLE', 'FLASH_SALE', 'TIER', 'COUPON', 'TRIAL_CREDIT', 'POINTS'))), CONSTRAINT `line_adjustments_units` CHECK ((units >= 0)));
-- Copy rows from old table "line_adjustments" to new temporary table "new_line_adjustments"
INSERT INTO `new_line_adjustments` (`id`, `position`, `kind`, `source_id`, `round`, `language`, `names`, `amount`, `units`, `line_id`) SELECT `id`, `position`, `kind`, `source_id`, `round`, `language`, `names`, `amount`, `units`, `line_id` FROM `line_adjustments`;
-- Drop "line_adjustments" table after copying rows
DROP TABLE `line_adjustments`;
-- Rename temporary table "new_line_adjustments" to "line_adjustments"
ALTER TABLE `new_line_adjustments` RENAME TO `line_adjustments`;
-- Create index "lineadjustment_line_id_position" to table: "line_adjustments"
CREATE UNIQUE INDEX `lineadjustment_line_id_position` ON `line_adjustments` (`line_id`, `position`);
-- Create index "lineadjustment_source_id" to table: "line_adjustments"
CREATE INDEX `lineadjustment_source_id` ON `line_adjustments` (`source_id`);
-- Create "new_trials" table
CREATE TABLE `new_trials` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `product_id` uuid NOT NULL, `offer_id` uuid NOT NULL, `purchase_id` uuid NOT NULL, `entitlement_id` uuid NOT NULL, `currency` text NOT NULL, `price` integer NOT NULL, `started_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `credit_until` datetime NOT NULL, `converted_by` uuid NULL, `refunded_by` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `trials_ended` CHECK ((converted_by IS NULL OR refunded_by IS NULL)), CONSTRAINT `trials_price` CHECK ((price >= 0 AND price <= 9000000000000000)), CONSTRAINT `trials_window` CHECK ((expires_at > started_at AND credit_until >= expires_at)));
-- Copy rows from old table "trials" to new temporary table "new_trials"
INSERT INTO `new_trials` (`id`, `shopper_id`, `product_id`, `offer_id`, `purchase_id`, `entitlement_id`, `currency`, `price`, `started_at`, `expires_at`, `credit_until`, `converted_by`) SELECT `id`, `shopper_id`, `product_id`, `offer_id`, `purchase_id`, `entitlement_id`, `currency`, `price`, `started_at`, `expires_at`, `credit_until`, `converted_by` FROM `trials`;
-- Drop "trials" table after copying rows
DROP TABLE `trials`;
-- Rename temporary table "new_trials" to "trials"
ALTER TABLE `new_trials` RENAME TO `trials`;
-- Create index "trial_shopper_id_product_id" to table: "trials"
CREATE UNIQUE INDEX `trial_shopper_id_product_id` ON `trials` (`shopper_id`, `product_id`);
-- Create index "trial_purchase_id" to table: "trials"
CREATE INDEX `trial_purchase_id` ON `trials` (`purchase_id`);
-- Create "achievements" table
CREATE TABLE `achievements` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `kind` text NOT NULL, `rule_id` uuid NOT NULL, `version` integer NOT NULL, `points` integer NOT NULL, `awarded_at` datetime NOT NULL, `revoked_by` uuid NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `achievements_purchases_achievements` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION, CONSTRAINT `achievements_kind` CHECK ((CAST(kind AS text) IN ('BADGE', 'QUEST'))), CONSTRAINT `achievements_points` CHECK ((points >= 0 AND points <= 9000000000000000)));
-- Create index "achievement_shopper_id_rule_id" to table: "achievements"
CREATE UNIQUE INDEX `achievement_shopper_id_rule_id` ON `achievements` (`shopper_id`, `rule_id`) WHERE revoked_by IS NULL;
-- Create index "achievement_purchase_id" to table: "achievements"
CREATE INDEX `achievement_purchase_id` ON `achievements` (`purchase_id`);
-- Create index "achievement_rule_id" to table: "achievements"
CREATE INDEX `achievement_rule_id` ON `achievements` (`rule_id`);
-- Create "leaderboard_scores" table
CREATE TABLE `leaderboard_scores` (`id` uuid NOT NULL, `rule_id` uuid NOT NULL, `period` integer NOT NULL, `shopper_id` uuid NOT NULL, `score` integer NOT NULL, `reached_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `leaderboard_scores_score` CHECK ((score >= 0)));
-- Create index "leaderboard_scores_rank" to table: "leaderboard_scores"
CREATE UNIQUE INDEX `leaderboard_scores_rank` ON `leaderboard_scores` (`rule_id`, `period`, `score` DESC, `reached_at`, `shopper_id`);
-- Create index "leaderboardscore_shopper_id_rule_id_period" to table: "leaderboard_scores"
CREATE UNIQUE INDEX `leaderboardscore_shopper_id_rule_id_period` ON `leaderboard_scores` (`shopper_id`, `rule_id`, `period`);
-- Create "refunds" table
CREATE TABLE `refunds` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `currency` text NOT NULL, `total` integer NOT NULL, `points_taken` integer NOT NULL, `points_returned` integer NOT NULL, `reason` text NOT NULL, `actor` text NOT NULL, `created_at` datetime NOT NULL, `purchase_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `refunds_purchases_refunds` FOREIGN KEY (`purchase_id`) REFERENCES `purchases` (`id`) ON DELETE NO ACTION, CONSTRAINT `refunds_amounts` CHECK ((total >= 0 AND total <= 9000000000000000 AND points_taken >= 0 AND points_taken <= 9000000000000000 AND points_returned >= 0 AND points_returned <= 9000000000000000)));
-- Create index "refund_purchase_id" to table: "refunds"
CREATE INDEX `refund_purchase_id` ON `refunds` (`purchase_id`);
-- Create index "refund_shopper_id_id" to table: "refunds"
CREATE INDEX `refund_shopper_id_id` ON `refunds` (`shopper_id`, `id`);
-- Create "refund_lines" table
CREATE TABLE `refund_lines` (`id` uuid NOT NULL, `total` integer NOT NULL, `line_id` uuid NOT NULL, `refund_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `refund_lines_purchase_lines_refunds` FOREIGN KEY (`line_id`) REFERENCES `purchase_lines` (`id`) ON DELETE NO ACTION, CONSTRAINT `refund_lines_refunds_lines` FOREIGN KEY (`refund_id`) REFERENCES `refunds` (`id`) ON DELETE NO ACTION, CONSTRAINT `refund_lines_total` CHECK ((total >= 0 AND total <= 9000000000000000)));
-- Create index "refundline_line_id" to table: "refund_lines"
CREATE UNIQUE INDEX `refundline_line_id` ON `refund_lines` (`line_id`);
-- Create index "refundline_refund_id" to table: "refund_lines"
CREATE INDEX `refundline_refund_id` ON `refund_lines` (`refund_id`);
-- Create "reward_entries" table
CREATE TABLE `reward_entries` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `seq` integer NOT NULL, `kind` text NOT NULL, `purchase_id` uuid NULL, `refund_id` uuid NULL, `perk_id` uuid NULL, `revision` integer NOT NULL, `time_zone` text NOT NULL, `facts` json NOT NULL, `result` json NOT NULL, `points` integer NOT NULL, `spent_points` integer NOT NULL, `expires_at` datetime NULL, `used` integer NOT NULL DEFAULT (0), `expired` integer NOT NULL DEFAULT (0), `revoked` integer NOT NULL DEFAULT (0), `refunded_by` uuid NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `reward_entries_kind` CHECK (((CAST(kind AS text) IN ('PURCHASE') AND purchase_id IS NOT NULL AND refund_id IS NULL AND perk_id IS NULL) OR (CAST(kind AS text) IN ('REFUND') AND purchase_id IS NOT NULL AND refund_id IS NOT NULL AND perk_id IS NULL) OR (CAST(kind AS text) IN ('PERK') AND purchase_id IS NULL AND refund_id IS NULL AND perk_id IS NOT NULL))), CONSTRAINT `reward_entries_lot` CHECK ((points >= 0 AND points <= 9000000000000000 AND spent_points >= 0 AND spent_points <= 9000000000000000 AND used >= 0 AND used <= 9000000000000000 AND expired >= 0 AND expired <= 9000000000000000 AND revoked >= 0 AND revoked <= 9000000000000000 AND used + expired + revoked <= points)), CONSTRAINT `reward_entries_seq` CHECK ((seq >= 1)));
-- Create index "rewardentry_shopper_id_seq" to table: "reward_entries"
CREATE UNIQUE INDEX `rewardentry_shopper_id_seq` ON `reward_entries` (`shopper_id`, `seq`);
-- Create index "rewardentry_purchase_id_kind" to table: "reward_entries"
CREATE UNIQUE INDEX `rewardentry_purchase_id_kind` ON `reward_entries` (`purchase_id`, `kind`) WHERE purchase_id IS NOT NULL;
-- Create index "reward_entries_lots" to table: "reward_entries"
CREATE INDEX `reward_entries_lots` ON `reward_entries` (`shopper_id`, `expires_at`) WHERE points > used + expired + revoked;
-- Create "reward_rules" table
CREATE TABLE `reward_rules` (`id` uuid NOT NULL, `kind` text NOT NULL, `code` text NOT NULL, `status` text NOT NULL, `content` json NOT NULL, `version` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `reward_rules_kind` CHECK ((CAST(kind AS text) IN ('POINTS', 'BADGE', 'QUEST', 'LEVEL', 'STREAK', 'LEADERBOARD', 'PERK', 'DISCOUNT'))), CONSTRAINT `reward_rules_status` CHECK ((CAST(status AS text) IN ('DRAFT', 'ACTIVE', 'ARCHIVED'))), CONSTRAINT `reward_rules_version` CHECK ((version >= 1)));
-- Create index "rewardrule_code" to table: "reward_rules"
CREATE UNIQUE INDEX `rewardrule_code` ON `reward_rules` (`code`);
-- Create "reward_rule_versions" table
CREATE TABLE `reward_rule_versions` (`id` uuid NOT NULL, `rule_id` uuid NOT NULL, `version` integer NOT NULL, `revision` integer NOT NULL, `content` json NOT NULL, `created_at` datetime NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `reward_rule_versions_version` CHECK ((version >= 1)));
-- Create index "rewardruleversion_rule_id_version" to table: "reward_rule_versions"
CREATE UNIQUE INDEX `rewardruleversion_rule_id_version` ON `reward_rule_versions` (`rule_id`, `version`);
-- Create "reward_standings" table
CREATE TABLE `reward_standings` (`id` uuid NOT NULL, `shopper_id` uuid NOT NULL, `time_zone` text NOT NULL DEFAULT ('UTC'), `enabled` bool NOT NULL DEFAULT (true), `display_name` text NULL, `seq` integer NOT NULL DEFAULT (0), `state` json NOT NULL, `expires_at` datetime NULL, PRIMARY KEY (`id`), CONSTRAINT `reward_standings_seq` CHECK ((seq >= 0)), CONSTRAINT `reward_standings_visible` CHECK ((display_name IS NULL OR enabled)));
-- Create index "rewardstanding_shopper_id" to table: "reward_standings"
CREATE UNIQUE INDEX `rewardstanding_shopper_id` ON `reward_standings` (`shopper_id`);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
