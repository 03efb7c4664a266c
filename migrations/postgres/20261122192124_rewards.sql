-- Modify "accounts" table
ALTER TABLE "accounts" DROP CONSTRAINT "accounts_balance", ADD CONSTRAINT "accounts_balance" CHECK ((((balance >= 0) AND (balance <= '9000000000000000'::bigint) AND (paid >= 0) AND (paid <= '9000000000000000'::bigint) AND (promotional >= 0) AND (promotional <= '9000000000000000'::bigint) AND (gift >= 0) AND (gift <= '9000000000000000'::bigint) AND (refund >= 0) AND (refund <= '9000000000000000'::bigint)) OR (((kind)::text = 'POINTS'::text) AND (balance = promotional) AND (balance < 0) AND (balance >= '-9000000000000000'::bigint))) AND (balance = (((paid + promotional) + gift) + refund)));
-- Modify "line_adjustments" table
ALTER TABLE "line_adjustments" DROP CONSTRAINT "line_adjustments_kind", ADD CONSTRAINT "line_adjustments_kind" CHECK ((kind)::text = ANY (ARRAY['BUNDLE'::text, 'FLASH_SALE'::text, 'TIER'::text, 'COUPON'::text, 'TRIAL_CREDIT'::text, 'POINTS'::text]));
-- Drop index "transfers_purchase" from table: "transfers"
DROP INDEX "transfers_purchase";
-- Modify "transfers" table
ALTER TABLE "transfers" DROP CONSTRAINT "transfers_credited", ADD CONSTRAINT "transfers_credited" CHECK (((credit_seq IS NULL) = (credit_balance IS NULL)) AND ((credit_seq IS NULL) OR ((credit_seq >= 1) AND ((credit_balance >= amount) OR ((currency)::text = 'POINTS'::text))))), DROP CONSTRAINT "transfers_debited", ADD CONSTRAINT "transfers_debited" CHECK (((debit_seq IS NULL) = (debit_balance IS NULL)) AND ((debit_seq IS NULL) OR ((debit_seq >= 1) AND ((debit_balance >= 0) OR ((currency)::text = 'POINTS'::text))))), DROP CONSTRAINT "transfers_kind", ADD CONSTRAINT "transfers_kind" CHECK ((kind)::text = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text, 'PURCHASE'::text, 'REFUND'::text, 'POINTS_EARNED'::text, 'POINTS_REDEEMED'::text, 'POINTS_EXPIRED'::text, 'POINTS_REVOKED'::text, 'POINTS_RETURNED'::text])), DROP CONSTRAINT "transfers_purchase", ADD CONSTRAINT "transfers_purchase" CHECK ((purchase_id IS NOT NULL) OR ((kind)::text = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text, 'POINTS_REDEEMED'::text, 'POINTS_EXPIRED'::text]))), ADD CONSTRAINT "transfers_points" CHECK (((currency)::text = 'POINTS'::text) OR ((kind)::text = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text, 'PURCHASE'::text, 'REFUND'::text]))), ADD CONSTRAINT "transfers_refunded" CHECK ((refund_id IS NOT NULL) = ((kind)::text = ANY (ARRAY['REFUND'::text, 'POINTS_REVOKED'::text, 'POINTS_RETURNED'::text]))), ADD COLUMN "refund_id" uuid NULL;
-- Create index "transfers_purchase" to table: "transfers"
CREATE UNIQUE INDEX "transfers_purchase" ON "transfers" ("purchase_id", "kind", "rule") WHERE ((purchase_id IS NOT NULL) AND (refund_id IS NULL));
-- Create index "transfers_refund" to table: "transfers"
CREATE UNIQUE INDEX "transfers_refund" ON "transfers" ("refund_id", "kind") WHERE (refund_id IS NOT NULL);
-- Modify "trials" table
ALTER TABLE "trials" ADD CONSTRAINT "trials_ended" CHECK ((converted_by IS NULL) OR (refunded_by IS NULL)), ADD COLUMN "refunded_by" uuid NULL;
-- Create "leaderboard_scores" table
CREATE TABLE "leaderboard_scores" ("id" uuid NOT NULL, "rule_id" uuid NOT NULL, "period" bigint NOT NULL, "shopper_id" uuid NOT NULL, "score" bigint NOT NULL, "reached_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "leaderboard_scores_score" CHECK (score >= 0));
-- Create index "leaderboard_scores_rank" to table: "leaderboard_scores"
CREATE UNIQUE INDEX "leaderboard_scores_rank" ON "leaderboard_scores" ("rule_id", "period", "score" DESC, "reached_at", "shopper_id");
-- Create index "leaderboardscore_shopper_id_rule_id_period" to table: "leaderboard_scores"
CREATE UNIQUE INDEX "leaderboardscore_shopper_id_rule_id_period" ON "leaderboard_scores" ("shopper_id", "rule_id", "period");
-- Create "reward_entries" table
CREATE TABLE "reward_entries" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "seq" bigint NOT NULL, "kind" character varying NOT NULL, "purchase_id" uuid NULL, "refund_id" uuid NULL, "perk_id" uuid NULL, "revision" bigint NOT NULL, "time_zone" character varying NOT NULL, "facts" jsonb NOT NULL, "result" jsonb NOT NULL, "points" bigint NOT NULL, "spent_points" bigint NOT NULL, "expires_at" timestamptz NULL, "used" bigint NOT NULL DEFAULT 0, "expired" bigint NOT NULL DEFAULT 0, "revoked" bigint NOT NULL DEFAULT 0, "refunded_by" uuid NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "reward_entries_kind" CHECK ((((kind)::text = 'PURCHASE'::text) AND (purchase_id IS NOT NULL) AND (refund_id IS NULL) AND (perk_id IS NULL)) OR (((kind)::text = 'REFUND'::text) AND (purchase_id IS NOT NULL) AND (refund_id IS NOT NULL) AND (perk_id IS NULL)) OR (((kind)::text = 'PERK'::text) AND (purchase_id IS NULL) AND (refund_id IS NULL) AND (perk_id IS NOT NULL))), CONSTRAINT "reward_entries_lot" CHECK ((points >= 0) AND (points <= '9000000000000000'::bigint) AND (spent_points >= 0) AND (spent_points <= '9000000000000000'::bigint) AND (used >= 0) AND (used <= '9000000000000000'::bigint) AND (expired >= 0) AND (expired <= '9000000000000000'::bigint) AND (revoked >= 0) AND (revoked <= '9000000000000000'::bigint) AND (((used + expired) + revoked) <= points)), CONSTRAINT "reward_entries_seq" CHECK (seq >= 1));
-- Create index "reward_entries_lots" to table: "reward_entries"
CREATE INDEX "reward_entries_lots" ON "reward_entries" ("shopper_id", "expires_at") WHERE (points > ((used + expired) + revoked));
-- Create index "rewardentry_purchase_id_kind" to table: "reward_entries"
CREATE UNIQUE INDEX "rewardentry_purchase_id_kind" ON "reward_entries" ("purchase_id", "kind") WHERE (purchase_id IS NOT NULL);
-- Create index "rewardentry_shopper_id_seq" to table: "reward_entries"
CREATE UNIQUE INDEX "rewardentry_shopper_id_seq" ON "reward_entries" ("shopper_id", "seq");
-- Create "reward_rules" table
CREATE TABLE "reward_rules" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "code" character varying NOT NULL, "status" character varying NOT NULL, "content" jsonb NOT NULL, "version" bigint NOT NULL DEFAULT 1, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "reward_rules_kind" CHECK ((kind)::text = ANY (ARRAY['POINTS'::text, 'BADGE'::text, 'QUEST'::text, 'LEVEL'::text, 'STREAK'::text, 'LEADERBOARD'::text, 'PERK'::text, 'DISCOUNT'::text])), CONSTRAINT "reward_rules_status" CHECK ((status)::text = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'ARCHIVED'::text])), CONSTRAINT "reward_rules_version" CHECK (version >= 1));
-- Create index "rewardrule_code" to table: "reward_rules"
CREATE UNIQUE INDEX "rewardrule_code" ON "reward_rules" ("code");
-- Create "reward_rule_versions" table
CREATE TABLE "reward_rule_versions" ("id" uuid NOT NULL, "rule_id" uuid NOT NULL, "version" bigint NOT NULL, "revision" bigint NOT NULL, "content" jsonb NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "reward_rule_versions_version" CHECK (version >= 1));
-- Create index "rewardruleversion_rule_id_version" to table: "reward_rule_versions"
CREATE UNIQUE INDEX "rewardruleversion_rule_id_version" ON "reward_rule_versions" ("rule_id", "version");
-- Create "reward_standings" table
CREATE TABLE "reward_standings" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "time_zone" character varying NOT NULL DEFAULT 'UTC', "enabled" boolean NOT NULL DEFAULT true, "display_name" character varying NULL, "seq" bigint NOT NULL DEFAULT 0, "state" jsonb NOT NULL, "expires_at" timestamptz NULL, PRIMARY KEY ("id"), CONSTRAINT "reward_standings_seq" CHECK (seq >= 0), CONSTRAINT "reward_standings_visible" CHECK ((display_name IS NULL) OR enabled));
-- Create index "rewardstanding_shopper_id" to table: "reward_standings"
CREATE UNIQUE INDEX "rewardstanding_shopper_id" ON "reward_standings" ("shopper_id");
-- Create "achievements" table
CREATE TABLE "achievements" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "kind" character varying NOT NULL, "rule_id" uuid NOT NULL, "version" bigint NOT NULL, "points" bigint NOT NULL, "awarded_at" timestamptz NOT NULL, "revoked_by" uuid NULL, "purchase_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "achievements_purchases_achievements" FOREIGN KEY ("purchase_id") REFERENCES "purchases" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "achievements_kind" CHECK ((kind)::text = ANY (ARRAY['BADGE'::text, 'QUEST'::text])), CONSTRAINT "achievements_points" CHECK ((points >= 0) AND (points <= '9000000000000000'::bigint)));
-- Create index "achievement_purchase_id" to table: "achievements"
CREATE INDEX "achievement_purchase_id" ON "achievements" ("purchase_id");
-- Create index "achievement_rule_id" to table: "achievements"
CREATE INDEX "achievement_rule_id" ON "achievements" ("rule_id");
-- Create index "achievement_shopper_id_rule_id" to table: "achievements"
CREATE UNIQUE INDEX "achievement_shopper_id_rule_id" ON "achievements" ("shopper_id", "rule_id") WHERE (revoked_by IS NULL);
-- Create "refunds" table
CREATE TABLE "refunds" ("id" uuid NOT NULL, "shopper_id" uuid NOT NULL, "currency" character varying NOT NULL, "total" bigint NOT NULL, "points_taken" bigint NOT NULL, "points_returned" bigint NOT NULL, "reason" character varying NOT NULL, "actor" character varying NOT NULL, "created_at" timestamptz NOT NULL, "purchase_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "refunds_purchases_refunds" FOREIGN KEY ("purchase_id") REFERENCES "purchases" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "refunds_amounts" CHECK ((total >= 0) AND (total <= '9000000000000000'::bigint) AND (points_taken >= 0) AND (points_taken <= '9000000000000000'::bigint) AND (points_returned >= 0) AND (points_returned <= '9000000000000000'::bigint)));
-- Create index "refund_purchase_id" to table: "refunds"
CREATE INDEX "refund_purchase_id" ON "refunds" ("purchase_id");
-- Create index "refund_shopper_id_id" to table: "refunds"
CREATE INDEX "refund_shopper_id_id" ON "refunds" ("shopper_id", "id");
-- Create "refund_lines" table
CREATE TABLE "refund_lines" ("id" uuid NOT NULL, "total" bigint NOT NULL, "line_id" uuid NOT NULL, "refund_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "refund_lines_purchase_lines_refunds" FOREIGN KEY ("line_id") REFERENCES "purchase_lines" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "refund_lines_refunds_lines" FOREIGN KEY ("refund_id") REFERENCES "refunds" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "refund_lines_total" CHECK ((total >= 0) AND (total <= '9000000000000000'::bigint)));
-- Create index "refundline_line_id" to table: "refund_lines"
CREATE UNIQUE INDEX "refundline_line_id" ON "refund_lines" ("line_id");
-- Create index "refundline_refund_id" to table: "refund_lines"
CREATE INDEX "refundline_refund_id" ON "refund_lines" ("refund_id");
