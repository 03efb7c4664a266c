package rewards_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/achievement"
	"farthing/ent/refund"
	"farthing/ent/rewardentry"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/earning"
	"farthing/internal/proof"
	"farthing/internal/rewards"
)

// The claims, by what they say.
const (
	pointsAgree   = "the points of a purchase are those of its entry and of one transfer to its shopper"
	lotsAddUp     = "what is left of all points that a shopper was given is the balance, or nothing beside a debt"
	lotsHold      = "what became of points is no more than there were"
	entriesFollow = "the entries of a shopper are numbered without a gap, and the standing knows the last"
	entriesExist  = "every purchase and every refund has one entry, of its shopper and its instant, and nothing else has one"
	refundsAgree  = "the entry of a purchase names its refund, and no other entry names one"
	onceAtATime   = "a shopper has a badge or quest once at a time"
	earnedByOwn   = "a badge or quest was earned by a purchase of the same shopper, at its instant, by a version of such a rule"
	takenByOwn    = "a badge or quest was taken back by a later refund of the same shopper"
	questsArePart = "points of quests are part of those of the purchase, and badges have none"
	spentAgrees   = "points that were spent are those that transfers took"
	returnsAgree  = "the points that a refund took and gave back are those that its transfers moved"
	expiredAgrees = "no more points have expired than were taken for it"
	nextIsKnown   = "a standing knows when the next of its points expire"
	seenAreRanked = "those who want to be seen are on leaderboards, and nobody else is"
	rulesFollow   = "a rule says what its last version says, and its versions are numbered without a gap, in the order of revisions"
)

// spoilt is an arcade in which tests break something. Ana, who is on a leaderboard, has bought p and q, had p refunded,
// redeemed a perk, and some of her points have expired; ben has bought goods with points and had those refunded.
type spoilt struct {
	*arcade

	pool  *sql.DB
	names *strings.Replacer
}

func spoil(t *testing.T, d *db.DB) *spoilt {
	t.Helper()
	a := openArcade(t, d)
	a.rule(t, earning.Points, "rate", rates("1", lasting(2)))
	rate := a.rule(t, earning.Points, "rate", rates("1", lasting(3)))
	badge := a.rule(t, earning.Badge, "one", badgeFor(earning.Purchases, 1))
	a.rule(t, earning.Badge, "two", badgeFor(earning.Purchases, 2))
	quest := a.rule(t, earning.Quest, "quest", questFor(earning.Purchases, 2, 50), aWeek)
	a.rule(t, earning.Streak, "days", streakOf(earning.Day, 5))
	board := a.rule(t, earning.Leaderboard, "board", boardBy(earning.Ever, earning.PointsEarned))
	a.rule(t, earning.Perk, "freeze", perkFor(2, 1))
	story := []happens{
		{"ana shows as Queen", ""},
		{"ben buys 6 #x !sale, 3 as b", "rate 9, badge one: +9, has 9"},
		{"ben gets 4 as goods", "+0, has 5"},
		{"ben returns goods", "-0, +4 back, has 9"},
		{"ana buys 10 as p", "rate 10, badge one: +10, has 10"},
		{"after 1h", ""},
		{"ana buys 4 as q", "rate 4, quest quest 50, badge two: +54, has 64"},
		{"ana redeems freeze", "-2, has 62"},
		{"ana returns p", "-60, loses quest, loses two, has 2"},
		{"after 100h", ""},
		{"ana buys 5 as r", "rate 5, quest quest 50, badge two: +55, has 57"},
		{"ben buys 1 as c", "rate 1, quest quest 50, badge two: +51, has 51"},
		{"ben buys 2", "rate 2: +2, has 53"},
	}
	for _, step := range story {
		if got := a.does(t, step.line); got != step.want {
			t.Fatalf("%s: %s, want %s", step.line, got, step.want)
		}
	}
	s := &spoilt{arcade: a}
	one := func(query string, args ...any) string {
		t.Helper()
		var found uuid.UUID
		a.tx(t, func(ctx context.Context, tx *ent.Tx) error {
			rows, err := tx.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			if !rows.Next() {
				return sql.ErrNoRows
			}
			return rows.Scan(&found)
		})
		return literal(found)
	}
	client := a.db.Client()
	ana, ben := a.shoppers["ana"], a.shoppers["ben"]
	entry := func(shopper uuid.UUID, seq int64) string {
		return literal(client.RewardEntry.Query().Where(rewardentry.ShopperID(shopper), rewardentry.Seq(seq)).OnlyX(t.Context()).ID)
	}
	won := func(rule *earning.Rule, lost bool) string {
		where := achievement.RevokedByIsNil()
		if lost {
			where = achievement.RevokedByNotNil()
		}
		return literal(client.Achievement.Query().Where(achievement.ShopperID(ana), achievement.RuleID(rule.ID), where).OnlyX(t.Context()).ID)
	}
	s.names = strings.NewReplacer(
		"{ana}", literal(ana), "{ben}", literal(ben), "{nobody}", literal(uuid.New()), "{new}", literal(uuid.New()),
		"{p}", literal(a.sold["p"].purchase.ID), "{q}", literal(a.sold["q"].purchase.ID), "{b}", literal(a.sold["b"].purchase.ID),
		"{goods}", literal(a.sold["goods"].purchase.ID),
		"{entry p}", entry(ana, 1), "{entry q}", entry(ana, 2), "{entry perk}", entry(ana, 3), "{entry refund}", entry(ana, 4),
		"{entry r}", entry(ana, 5), "{entry b}", entry(ben, 1), "{entry goods}", entry(ben, 2), "{entry c}", entry(ben, 4), "{entry last}", entry(ben, 5),
		"{refund}", literal(client.Refund.Query().Where(refund.ShopperID(ana)).OnlyX(t.Context()).ID),
		"{refund of goods}", literal(client.Refund.Query().Where(refund.ShopperID(ben)).OnlyX(t.Context()).ID),
		"{rate}", literal(rate.ID), "{badge}", literal(badge.ID), "{quest}", literal(quest.ID), "{board}", literal(board.ID),
		"{has badge}", won(badge, false), "{has quest}", won(quest, false), "{lost quest}", won(quest, true),
		"{line b}", one("SELECT id FROM purchase_lines WHERE purchase_id = "+literal(a.sold["b"].purchase.ID)+" AND position = 0"),
		"{points q}", one("SELECT id FROM transfers WHERE kind = 'POINTS_EARNED' AND purchase_id = "+literal(a.sold["q"].purchase.ID)),
		"{paid b}", one("SELECT id FROM transfers WHERE kind = 'PURCHASE' AND purchase_id = "+literal(a.sold["b"].purchase.ID)),
	)
	s.pool = a.loosen(t)
	return s
}

func literal(id uuid.UUID) string { return "'" + id.String() + "'" }

// loosen opens the database with nothing left that would keep anybody from breaking it.
func (a *arcade) loosen(t *testing.T) *sql.DB {
	t.Helper()
	driver, url := "postgres", dbtest.URL(t, a.db)
	query := `
		SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
		UNION ALL SELECT 'SET session_replication_role = replica'`
	if a.db.Dialect() == dialect.SQLite {
		driver, url = "sqlite", "file:"+strings.TrimPrefix(url, "sqlite:")+"?_pragma=busy_timeout(5000)&_pragma=ignore_check_constraints(1)"
		query = "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
	}
	pool, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(1) // what is set for a session is set for all
	rows, err := pool.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{"DROP INDEX achievement_shopper_id_rule_id", "DROP INDEX rewardentry_shopper_id_seq"}
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			t.Fatal(err)
		}
		statements = append(statements, statement)
	}
	if err := rows.Err(); err != nil || len(statements) < 8 {
		t.Fatalf("there is nothing to loosen: %v, %v", statements, err)
	}
	for _, statement := range statements {
		if _, err := pool.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return pool
}

func (s *spoilt) exec(t *testing.T, statements string) {
	t.Helper()
	for statement := range strings.SplitSeq(statements, ";") {
		if _, err := s.pool.Exec(s.names.Replace(statement)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// keep copies what the cases break, and returns a function that brings it back.
func (s *spoilt) keep(t *testing.T) func() {
	t.Helper()
	tables := []string{
		"purchases", "purchase_lines", "line_adjustments", "refunds", "accounts", "transfers", "reward_rules", "reward_rule_versions",
		"reward_entries", "reward_standings", "achievements", "leaderboard_scores",
	}
	for _, table := range tables {
		s.exec(t, fmt.Sprintf("CREATE TABLE kept_%s AS SELECT * FROM %s", table, table))
	}
	return func() {
		t.Helper()
		for _, table := range tables {
			s.exec(t, fmt.Sprintf("DELETE FROM %s; INSERT INTO %s SELECT * FROM kept_%s", table, table, table))
		}
	}
}

// set changes a value inside a column of JSON: both stores have their own word for it.
func (s *spoilt) set(column, path, value string) string {
	if s.db.Dialect() == dialect.SQLite {
		path = strings.ReplaceAll(strings.ReplaceAll(path, ",0", "[0]"), ",", ".")
		return fmt.Sprintf("%s = json_set(%s, '$.%s', json('%s'))", column, column, path, value)
	}
	return fmt.Sprintf("%s = jsonb_set(%s, '{%s}', '%s')", column, column, path, value)
}

// inspect says what the audit finds otherwise than it should be.
func (a *arcade) inspect(t testing.TB) (what []string) {
	t.Helper()
	counted, err := a.Audit(t.Context(), func(d rewards.Difference) {
		if d.Shopper == uuid.Nil || d.Want == d.Got {
			t.Errorf("%+v", d)
		}
		what = append(what, d.What)
	})
	if err != nil {
		t.Fatal(err)
	}
	if counted.Differences != int64(len(what)) {
		t.Errorf("%d differences are counted, %d reported", counted.Differences, len(what))
	}
	slices.Sort(what)
	return slices.Compact(what)
}

// TestWhatIsSpoiltIsFound breaks something in one way at a time, and wants exactly the claims that this contradicts to say
// so, and the audit to name what is otherwise than it should be. Every claim is contradicted by something.
func TestWhatIsSpoiltIsFound(t *testing.T) {
	t.Parallel()
	type breakage struct {
		name, statement string
		claims, audit   []string
	}
	cases := func(s *spoilt) []breakage {
		return []breakage{
			{"nothing", "SELECT 1", nil, nil},
			{
				"a purchase says other points", "UPDATE purchases SET points = points + 1 WHERE id = {q}",
				[]string{pointsAgree},
				[]string{"points of the purchase"},
			},
			{
				"an entry gives more", "UPDATE reward_entries SET points = points + 1 WHERE id = {entry q}",
				[]string{pointsAgree, lotsAddUp},
				[]string{"points"},
			},
			{
				"points went to somebody else", `UPDATE transfers SET credit_account_id = (SELECT id FROM accounts WHERE shopper_id = {ben} AND kind = 'POINTS')
				WHERE id = {points q}`, []string{pointsAgree}, nil,
			},
			{
				"points became fewer", "UPDATE accounts SET balance = balance - 1, promotional = promotional - 1 WHERE kind = 'POINTS' AND shopper_id = {ana}",
				[]string{lotsAddUp},
				[]string{"balance"},
			},
			{
				"what was used is not", "UPDATE reward_entries SET used = used - 1 WHERE id = {entry p}",
				[]string{lotsAddUp, nextIsKnown},
				[]string{"what became of the points"},
			},
			{
				"what was revoked has expired", "UPDATE reward_entries SET revoked = revoked - 1, expired = expired + 1 WHERE id = {entry p}",
				[]string{expiredAgrees},
				[]string{"what became of the points"},
			},
			{
				"more was used than there was", "UPDATE reward_entries SET used = used + 9000000, revoked = revoked - 9000000 WHERE id = {entry q}; " +
					"UPDATE reward_entries SET used = points + 1, revoked = -1 - expired WHERE id = {entry p}",
				[]string{lotsHold},
				[]string{"what became of the points"},
			},
			{"a gap", "UPDATE reward_entries SET seq = 7 WHERE id = {entry r}", []string{entriesFollow}, []string{"number"}},
			{
				"a number twice", "UPDATE reward_entries SET seq = 2 WHERE id = {entry perk}",
				[]string{entriesFollow},
				[]string{"number"},
			},
			{
				"a standing that miscounts", "UPDATE reward_standings SET seq = seq + 1 WHERE shopper_id = {ana}",
				[]string{entriesFollow},
				[]string{"number of the last entry"},
			},
			{
				"an entry that went away", "DELETE FROM reward_entries WHERE id = {entry last}",
				[]string{pointsAgree, lotsAddUp, entriesFollow, entriesExist, nextIsKnown},
				[]string{"balance", "entry of a purchase", "next expiry", "number of the last entry", "state"},
			},
			{
				"a refund that nothing is known of", "DELETE FROM reward_entries WHERE id = {entry refund}",
				[]string{entriesFollow, entriesExist},
				[]string{
					"badge or quest", "badges", "balance", "entry of a refund", "expiry", "lifetime points", "next expiry", "number",
					"number of the last entry", "points", "points of the purchase", "quests", "scores", "state", "what became of the points",
				},
			},
			{
				"an entry of another instant", "UPDATE reward_entries SET created_at = (SELECT created_at FROM reward_entries WHERE id = {entry c}) WHERE id = {entry goods}",
				[]string{entriesExist},
				[]string{"balance", "instant", "points given back to entries", "points taken of entries", "points there were to spend"},
			},
			{
				"an entry of no purchase", "UPDATE reward_entries SET purchase_id = {nobody} WHERE id = {entry goods}",
				[]string{spentAgrees, entriesExist, refundsAgree},
				[]string{"entry of a purchase", "purchase", "refund of a purchase that stood", "what became of the points"},
			},
			{
				"a purchase that says nothing of its refund", "UPDATE reward_entries SET refunded_by = NULL WHERE id = {entry p}",
				[]string{refundsAgree},
				[]string{"what became of the points"},
			},
			{
				"a purchase that was not refunded", "UPDATE reward_entries SET refunded_by = {refund} WHERE id = {entry q}",
				[]string{refundsAgree},
				[]string{"what became of the points"},
			},
			{
				"a badge twice", `INSERT INTO achievements (id, shopper_id, kind, rule_id, version, purchase_id, points, awarded_at)
				SELECT {new}, shopper_id, kind, rule_id, version, purchase_id, points, awarded_at FROM achievements WHERE id = {has badge}`,
				[]string{onceAtATime},
				[]string{"badge or quest"},
			},
			{"a badge that went away", "DELETE FROM achievements WHERE id = {has badge}", nil, []string{"badge or quest"}},
			{
				"a badge by somebody else", "UPDATE achievements SET shopper_id = {ben} WHERE id = {has badge}",
				[]string{onceAtATime, earnedByOwn},
				[]string{"badge or quest"},
			},
			{
				"a badge by another purchase", "UPDATE achievements SET purchase_id = {q} WHERE id = {has badge}",
				[]string{earnedByOwn},
				[]string{"badge or quest"},
			},
			{
				"a badge by a version that never was", "UPDATE achievements SET version = 5 WHERE id = {has badge}",
				[]string{earnedByOwn},
				[]string{"badge or quest"},
			},
			{
				"a badge that a quest gives", "UPDATE achievements SET rule_id = {quest} WHERE id = {has badge}",
				[]string{onceAtATime, earnedByOwn},
				[]string{"badge or quest"},
			},
			{
				"a quest that somebody else's refund took", "UPDATE achievements SET revoked_by = {refund of goods} WHERE id = {lost quest}",
				[]string{takenByOwn},
				[]string{"badge or quest"},
			},
			{
				"a quest that an earlier refund took", "UPDATE achievements SET revoked_by = {refund} WHERE id = {has quest}",
				[]string{takenByOwn},
				[]string{"badge or quest"},
			},
			{
				"a quest that no refund took", "UPDATE achievements SET revoked_by = {nobody} WHERE id = {has quest}",
				[]string{takenByOwn},
				[]string{"badge or quest"},
			},
			{
				"a badge with points", "UPDATE achievements SET points = 1 WHERE id = {has badge}",
				[]string{questsArePart},
				[]string{"badge or quest"},
			},
			{
				"a quest with more points", "UPDATE achievements SET points = points + 9000000 WHERE id = {has quest}",
				[]string{questsArePart},
				[]string{"badge or quest"},
			},
			{
				"points that a purchase did not spend", "UPDATE reward_entries SET spent_points = 1 WHERE id = {entry q}",
				[]string{spentAgrees},
				[]string{"points spent"},
			},
			{
				"points that a perk did not take", "UPDATE reward_entries SET spent_points = 1 WHERE id = {entry perk}",
				[]string{spentAgrees},
				[]string{"points spent"},
			},
			{
				"points that a refund did not take", "UPDATE reward_entries SET spent_points = 1 WHERE id = {entry refund}",
				[]string{spentAgrees},
				[]string{"points taken back"},
			},
			{
				"a refund that says it took more", "UPDATE refunds SET points_taken = points_taken + 1 WHERE id = {refund}",
				[]string{returnsAgree},
				[]string{"points taken back by the refund"},
			},
			{
				"a refund that says it gave more", "UPDATE refunds SET points_returned = points_returned + 1 WHERE id = {refund of goods}",
				[]string{returnsAgree},
				[]string{"points given back by the refund"},
			},
			{
				"a standing that waits for nothing", "UPDATE reward_standings SET expires_at = NULL WHERE shopper_id = {ben}",
				[]string{nextIsKnown},
				[]string{"next expiry"},
			},
			{
				"somebody on leaderboards who does not want to be", "UPDATE reward_standings SET display_name = NULL WHERE shopper_id = {ana}",
				[]string{seenAreRanked},
				[]string{"scores"},
			},
			{
				"somebody on leaderboards whom nobody knows", "UPDATE leaderboard_scores SET shopper_id = {nobody}",
				[]string{seenAreRanked},
				[]string{"scores"},
			},
			{"a score", "UPDATE leaderboard_scores SET score = score + 1", nil, []string{"scores"}},
			{"a score that went away", "DELETE FROM leaderboard_scores", nil, []string{"scores"}},
			{
				"a rule that was changed behind its back", "UPDATE reward_rules SET " + s.set("content", "code", `"other"`) + " WHERE id = {rate}",
				[]string{rulesFollow},
				nil,
			},
			{
				"a version that went away", "DELETE FROM reward_rule_versions WHERE rule_id = {rate} AND version = 1",
				[]string{rulesFollow},
				nil,
			},
			{
				"a version that was changed", "UPDATE reward_rule_versions SET " + s.set("content", "terms,points,rates,USD", `"2"`) + " WHERE rule_id = {rate} AND version = 2",
				[]string{rulesFollow},
				[]string{
					"balance", "lifetime points", "points", "points by rule", "points of the purchase", "points taken back",
					"points taken back by the refund", "scores", "state", "what became of the points",
				},
			},
			{
				"versions that passed one another", "UPDATE reward_rule_versions SET revision = 1000 WHERE rule_id = {rate} AND version = 1",
				[]string{rulesFollow},
				nil,
			},
			{
				"points by another rule", "UPDATE reward_entries SET " + s.set("result", "points,0,version", "1") + " WHERE id = {entry q}",
				nil,
				[]string{"points by rule"},
			},
			{
				"points by a rule that were more", "UPDATE reward_entries SET " + s.set("result", "points,0,points", "5000000") + " WHERE id = {entry q}",
				nil,
				[]string{"points by rule"},
			},
			{
				"a quest with fewer points", "UPDATE reward_entries SET " + s.set("result", "quests,0,points", "5000000") + " WHERE id = {entry q}",
				nil,
				[]string{"quests"},
			},
			{
				"a badge of another name", "UPDATE reward_entries SET " + s.set("result", "badges,0,code", `"three"`) + " WHERE id = {entry q}",
				nil,
				[]string{"badges"},
			},
			{
				"days in a row", "UPDATE reward_entries SET " + s.set("result", "days", "7") + " WHERE id IN ({entry q}, {entry perk}, {entry refund})",
				nil,
				[]string{"days in a row"},
			},
			{
				"points in all", "UPDATE reward_entries SET " + s.set("result", "lifetime", "7000000") + " WHERE id IN ({entry q}, {entry perk}, {entry refund})",
				nil,
				[]string{"lifetime points"},
			},
			{
				"a balance afterwards", "UPDATE reward_entries SET " + s.set("result", "balance", "7000000") + " WHERE id IN ({entry q}, {entry perk}, {entry refund})",
				nil,
				[]string{"balance"},
			},
			{
				"a quest that a refund did not take", "UPDATE reward_entries SET " + s.set("result", "quests", "[]") + " WHERE id = {entry refund}",
				nil,
				[]string{"quests that are no longer complete"},
			},
			{
				"a badge that a refund did not take", "UPDATE reward_entries SET " + s.set("result", "badges", "[]") + " WHERE id = {entry refund}",
				nil,
				[]string{"badges that are lost"},
			},
			{
				"points of other entries", "UPDATE reward_entries SET " + s.set("result", "took", "{}") + " WHERE id IN ({entry perk}, {entry goods})",
				nil,
				[]string{"points taken of entries"},
			},
			{
				"freezes", "UPDATE reward_entries SET " + s.set("result", "freezes", "5") + " WHERE id = {entry perk}",
				nil,
				[]string{"freezes"},
			},
			{
				"a perk that there is not", "UPDATE reward_entries SET perk_id = {nobody} WHERE id = {entry perk}",
				nil,
				[]string{"balance", "perk that was in force", "state", "what became of the points"},
			},
			{
				"an expiry", "UPDATE reward_entries SET expires_at = created_at WHERE id = {entry last}",
				[]string{nextIsKnown},
				[]string{"expiry"},
			},
			{
				"what was really paid", "UPDATE transfers SET paid = paid - 1000000, promotional = 1000000 WHERE id = {paid b}",
				nil,
				[]string{
					"balance", "lifetime points", "points", "points by rule", "points of the purchase", "state", "what became of the points",
					"what counts",
				},
			},
			{"a quantity", "UPDATE purchase_lines SET quantity = 5 WHERE id = {line b}", nil, []string{"what counts"}},
			{"another product", "UPDATE purchase_lines SET product_id = {nobody} WHERE id = {line b}", nil, []string{"what counts"}},
			{"no sale", "DELETE FROM line_adjustments WHERE line_id = {line b}", nil, []string{"what counts"}},
			{"a trial", "UPDATE purchase_lines SET trial_offer_id = {nobody} WHERE id = {line b}", nil, []string{"what counts"}},
			{
				"a state", "UPDATE reward_standings SET " + s.set("state", "lifetime", "7000000") + " WHERE shopper_id = {ana}",
				nil,
				[]string{"state"},
			},
			{"a standing that went away", "DELETE FROM reward_standings WHERE shopper_id = {ben}", nil, []string{"standing"}},
		}
	}
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			s := spoil(t, dbtest.Open(t, store.URL(t)))
			restore := s.keep(t)
			found := map[string]bool{}
			for _, test := range cases(s) {
				t.Run(test.name, func(t *testing.T) {
					defer restore()
					s.exec(t, test.statement)
					var claims []string
					for _, claim := range s.contradicted(t) {
						if slices.ContainsFunc(rewards.Claims(), func(c proof.Claim) bool { return c.Name == claim }) {
							claims = append(claims, claim)
							found[claim] = true
						}
					}
					slices.Sort(claims)
					slices.Sort(test.claims)
					if diff := cmp.Diff(test.claims, claims); diff != "" {
						t.Errorf("contradicted claims (-want +got):\n%s", diff)
					}
					if diff := cmp.Diff(test.audit, s.inspect(t)); diff != "" {
						t.Errorf("the audit finds (-want +got):\n%s", diff)
					}
				})
			}
			for _, claim := range rewards.Claims() {
				if !found[claim.Name] {
					t.Errorf("nothing contradicts that %s", claim.Name)
				}
			}
		})
	}
}
