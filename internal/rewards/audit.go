package rewards

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/achievement"
	"farthing/ent/leaderboardscore"
	"farthing/ent/lineadjustment"
	"farthing/ent/predicate"
	"farthing/ent/purchase"
	"farthing/ent/purchaseline"
	"farthing/ent/refund"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/ent/shopper"
	"farthing/ent/transfer"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// auditShoppers is how many shoppers an audit has in memory at once.
const auditShoppers = 100

// Difference is something that is recorded otherwise than it follows from what it was decided by.
type Difference struct {
	Shopper uuid.UUID
	// Entry is the entry that it is about; zero for what a shopper's whole story comes to.
	Entry uuid.UUID
	// What is what differs, in a few words; Want is what follows, and Got what is recorded.
	What, Want, Got string
}

// Counted is how much an audit has looked at.
type Counted struct{ Shoppers, Purchases, Refunds, Awards, Differences int64 }

// Audit computes again every award that was ever made, from the purchases and from the versions of the rules that were in
// force, and what refunds took back of them, what became of all points, and where every shopper stands; and reports what is
// recorded otherwise. It reads one snapshot, shoppers by the hundred, and writes nothing.
//
// The labels of goods are those of the entry, since the catalogue has gone on. What was awarded before rules were data is
// taken as it is.
func (s *Service) Audit(ctx context.Context, report func(Difference)) (Counted, error) {
	var counted Counted
	err := s.db.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		client := tx.Client()
		rules, err := ReadRulebook(ctx, client)
		if err != nil {
			return err
		}
		return eachPage(ctx, client, func(shoppers []uuid.UUID) error {
			files, err := readFiles(ctx, client, shoppers)
			if err != nil {
				return err
			}
			for _, one := range shoppers {
				a := &retrace{rules: rules, file: files[one], report: report, counted: &counted}
				counted.Shoppers++
				a.story()
			}
			return nil
		})
	})
	return counted, err
}

// eachPage does something to all shoppers, page by page.
func eachPage(ctx context.Context, client *ent.Client, do func(shoppers []uuid.UUID) error) error {
	for last := uuid.Nil; ; {
		page, err := client.Shopper.Query().Where(shopper.IDGT(last)).Order(shopper.ByID()).Limit(auditShoppers).IDs(ctx)
		if err != nil {
			return fmt.Errorf("read shoppers: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		if err := do(page); err != nil {
			return err
		}
		last = page[len(page)-1]
	}
}

// file is everything about one shopper that an audit reads.
type file struct {
	shopper   uuid.UUID
	standing  *ent.RewardStanding // nil for none
	entries   []*ent.RewardEntry
	earned    []*ent.Achievement
	scores    []*ent.LeaderboardScore
	purchases map[uuid.UUID]*ent.Purchase
	refunds   map[uuid.UUID]*ent.Refund
	// onSale are lines at a flash sale's price.
	onSale map[uuid.UUID]bool
	// paid is how much of a purchase was really paid, and spent how many points were.
	paid, spent map[uuid.UUID]money.Amount
	points      money.Amount
}

// readFiles reads the files of some shoppers, in one statement for each table.
func readFiles(ctx context.Context, client *ent.Client, shoppers []uuid.UUID) (map[uuid.UUID]*file, error) {
	files := make(map[uuid.UUID]*file, len(shoppers))
	for _, one := range shoppers {
		files[one] = &file{
			shopper: one, purchases: map[uuid.UUID]*ent.Purchase{}, refunds: map[uuid.UUID]*ent.Refund{},
			onSale: map[uuid.UUID]bool{}, paid: map[uuid.UUID]money.Amount{}, spent: map[uuid.UUID]money.Amount{},
		}
	}
	standings, err := client.RewardStanding.Query().Where(rewardstanding.ShopperIDIn(shoppers...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read standings: %w", err)
	}
	for _, row := range standings {
		files[row.ShopperID].standing = row
	}
	entries, err := client.RewardEntry.Query().Where(rewardentry.ShopperIDIn(shoppers...)).
		Order(rewardentry.ByShopperID(), rewardentry.BySeq(), rewardentry.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read reward entries: %w", err)
	}
	for _, row := range entries {
		files[row.ShopperID].entries = append(files[row.ShopperID].entries, row)
	}
	earned, err := client.Achievement.Query().Where(achievement.ShopperIDIn(shoppers...)).Order(achievement.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read achievements: %w", err)
	}
	for _, row := range earned {
		files[row.ShopperID].earned = append(files[row.ShopperID].earned, row)
	}
	scores, err := client.LeaderboardScore.Query().Where(leaderboardscore.ShopperIDIn(shoppers...)).Order(leaderboardscore.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read scores: %w", err)
	}
	for _, row := range scores {
		files[row.ShopperID].scores = append(files[row.ShopperID].scores, row)
	}
	refunds, err := client.Refund.Query().Where(refund.ShopperIDIn(shoppers...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	for _, row := range refunds {
		files[row.ShopperID].refunds[row.ID] = row
	}
	accounts, err := client.Account.Query().Where(account.ShopperIDIn(shoppers...), account.KindEQ(account.KindPOINTS)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read points: %w", err)
	}
	for _, row := range accounts {
		files[*row.ShopperID].points = row.Balance
	}
	return files, readPurchases(ctx, client, shoppers, files)
}

// readPurchases adds the purchases of some shoppers to their files. Their lines and transfers are found by a subquery, since
// one shopper may have more purchases than a statement takes variables.
func readPurchases(ctx context.Context, client *ent.Client, shoppers []uuid.UUID, files map[uuid.UUID]*file) error {
	of := map[uuid.UUID]*file{}
	purchases, err := client.Purchase.Query().Where(purchase.ShopperIDIn(shoppers...)).All(ctx)
	if err != nil {
		return fmt.Errorf("read purchases: %w", err)
	}
	for _, row := range purchases {
		of[row.ID] = files[row.ShopperID]
		of[row.ID].purchases[row.ID] = row
	}
	within := func(s *sql.Selector, column string) *sql.Predicate {
		of := make([]any, len(shoppers))
		for i, one := range shoppers {
			of[i] = one
		}
		those := sql.Dialect(s.Dialect()).Select(purchase.FieldID).From(sql.Table(purchase.Table)).Where(sql.In(purchase.FieldShopperID, of...))
		return sql.In(column, those)
	}
	lines, err := client.PurchaseLine.Query().
		Where(predicate.PurchaseLine(func(s *sql.Selector) { s.Where(within(s, s.C(purchaseline.FieldPurchaseID))) })).
		Order(purchaseline.ByPurchaseID(), purchaseline.ByPosition()).All(ctx)
	if err != nil {
		return fmt.Errorf("read lines of purchases: %w", err)
	}
	line := make(map[uuid.UUID]*file, len(lines))
	for _, row := range lines {
		p := of[row.PurchaseID].purchases[row.PurchaseID]
		p.Edges.Lines = append(p.Edges.Lines, row)
		line[row.ID] = of[row.PurchaseID]
	}
	sales, err := client.LineAdjustment.Query().
		Where(lineadjustment.KindEQ(lineadjustment.KindFLASH_SALE), predicate.LineAdjustment(func(s *sql.Selector) {
			those := sql.Dialect(s.Dialect()).Select(purchaseline.FieldID).From(sql.Table(purchaseline.Table))
			s.Where(sql.In(s.C(lineadjustment.FieldLineID), those.Where(within(s, purchaseline.FieldPurchaseID))))
		})).All(ctx)
	if err != nil {
		return fmt.Errorf("read which lines were on sale: %w", err)
	}
	for _, row := range sales {
		line[row.LineID].onSale[row.LineID] = true
	}
	payments, err := client.Transfer.Query().
		Where(transfer.KindIn(transfer.KindPURCHASE, transfer.KindPOINTS_REDEEMED), predicate.Transfer(func(s *sql.Selector) {
			s.Where(within(s, s.C(transfer.FieldPurchaseID)))
		})).All(ctx)
	if err != nil {
		return fmt.Errorf("read what paid for purchases: %w", err)
	}
	for _, row := range payments {
		f := of[*row.PurchaseID]
		if row.Currency == money.PointsCode {
			f.spent[*row.PurchaseID] += row.Amount
		} else {
			f.paid[*row.PurchaseID] += row.Paid
		}
	}
	return nil
}

// retrace goes through the story of one shopper once more, as if it happened now.
type retrace struct {
	*file

	rules   *earning.Rulebook
	report  func(Difference)
	counted *Counted

	now     *ent.RewardEntry // the one that is gone through; nil when all have been
	done    []*deed
	gained  []*gain
	lots    earning.Lots
	balance money.Amount
	// state is kept for the terms that it says; nil when it is to be told again.
	state *schema.RewardState
}

// deed is an entry that has been gone through.
type deed struct {
	entry *ent.RewardEntry
	// points are those that the rules give for it, without those of quests.
	points []schema.RewardPoints
	spent  money.Amount
	took   map[uuid.UUID]money.Amount
	// refund is the one of the purchase; zero while it stands.
	refund uuid.UUID
	// freezes are those of a perk.
	freezes int
}

// gain is a badge or quest that follows.
type gain struct {
	kind     achievement.Kind
	ref      schema.RewardRef
	points   money.Amount
	purchase uuid.UUID
	at       time.Time
	// lost is the refund that took it back; zero while it is held.
	lost uuid.UUID
}

// differs reports what is recorded otherwise than it follows. Both are shown as JSON.
func (a *retrace) differs(what string, want, got any) {
	shown := [2]string{}
	for i, v := range []any{want, got} {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		shown[i] = string(text)
	}
	if shown[0] == shown[1] {
		return
	}
	d := Difference{Shopper: a.shopper, What: what, Want: shown[0], Got: shown[1]}
	if a.now != nil {
		d.Entry = a.now.ID
	}
	a.counted.Differences++
	a.report(d)
}

// story goes through the whole story, and then looks at what it comes to.
func (a *retrace) story() {
	made := map[uuid.UUID]bool{}
	for i, e := range a.entries {
		a.now = e
		a.differs("number", i+1, e.Seq)
		a.balance -= a.lots.Expire(e.CreatedAt)
		switch e.Kind {
		case rewardentry.KindPURCHASE:
			a.counted.Purchases++
			made[*e.PurchaseID] = true
			a.purchase(e)
		case rewardentry.KindREFUND:
			a.counted.Refunds++
			made[*e.RefundID] = true
			a.refund(e)
		case rewardentry.KindPERK:
			a.perk(e)
		}
	}
	a.now = nil
	for _, missing := range []struct {
		what string
		ids  []uuid.UUID
	}{{"entry of a purchase", sortedIDs(a.purchases)}, {"entry of a refund", sortedIDs(a.refunds)}} {
		for _, id := range missing.ids {
			if !made[id] {
				a.differs(missing.what, id, nil)
			}
		}
	}
	a.fates()
	a.achievements()
	a.differs("balance", a.balance, a.points)
	a.standingNow()
}

// purchase computes what a purchase earned.
func (a *retrace) purchase(e *ent.RewardEntry) {
	d := &deed{entry: e, spent: a.spent[*e.PurchaseID]}
	defer func() { a.done = append(a.done, d) }()
	p := a.purchases[*e.PurchaseID]
	if p == nil {
		a.differs("purchase", *e.PurchaseID, nil)
		return
	}
	a.differs("instant", p.CreatedAt.UTC(), e.CreatedAt.UTC())
	a.differs("points spent", d.spent, e.SpentPoints)
	if d.spent > 0 {
		d.took = a.spend(d.spent)
		a.differs("points taken of entries", inMap(d.took), inMap(e.Result.Took))
	}
	var total money.Amount
	var expires *time.Time
	if e.Revision < 0 {
		total, expires = a.beforeRules(d)
	} else {
		total, expires = a.earn(d, p)
	}
	a.differs("points", total, e.Points)
	a.differs("points of the purchase", total, p.Points)
	a.differs("expiry", inUTC(expires), inUTC(e.ExpiresAt))
	a.gives(e, total, expires)
	if e.Revision >= 0 {
		a.differs("balance", a.balance, e.Result.Balance)
	}
}

// beforeRules takes over what was earned before rules were data.
func (a *retrace) beforeRules(d *deed) (money.Amount, *time.Time) {
	e := d.entry
	d.points, a.state = e.Result.Points, nil
	var total money.Amount
	for _, p := range d.points {
		total += p.Points
	}
	for _, had := range a.earned {
		if had.PurchaseID == *e.PurchaseID {
			a.gained = append(a.gained, &gain{
				kind: had.Kind, ref: a.refOf(had.RuleID, had.Version), points: had.Points, purchase: had.PurchaseID, at: had.AwardedAt,
			})
		}
	}
	a.counted.Awards += int64(len(d.points))
	return total, e.ExpiresAt
}

// earn computes what a purchase earns, by the rules of its revision.
func (a *retrace) earn(d *deed, p *ent.Purchase) (money.Amount, *time.Time) {
	e, terms := d.entry, a.rules.At(d.entry.Revision)
	facts, err := a.factsOf(p, e.Facts)
	if err != nil {
		a.differs("what counts", err.Error(), e.Facts)
		facts = &e.Facts
	}
	a.differs("what counts", facts, e.Facts)
	state := a.stateBy(terms)
	want, err := terms.Earn(state, zoneOf(e.TimeZone), e.CreatedAt, facts)
	if err != nil {
		a.differs("award", err.Error(), e.Result.Points)
	}
	a.differs("points by rule", want.Points, e.Result.Points)
	a.differs("quests", want.Quests, e.Result.Quests)
	a.differs("badges", want.Badges, e.Result.Badges)
	a.differs("new day", want.NewDay, e.Result.NewDay)
	a.stands(want.RewardResult)
	d.points = want.Points
	for _, q := range want.Quests {
		a.gained = append(a.gained, &gain{kind: achievement.KindQUEST, ref: q.RewardRef, points: q.Points, purchase: p.ID, at: e.CreatedAt})
	}
	for _, b := range want.Badges {
		a.gained = append(a.gained, &gain{kind: achievement.KindBADGE, ref: b, purchase: p.ID, at: e.CreatedAt})
	}
	a.counted.Awards += int64(len(want.Points) + len(want.Quests) + len(want.Badges))
	return want.Total, want.ExpiresAt
}

// stands compares where an entry says that the shopper stood.
func (a *retrace) stands(want schema.RewardResult) {
	got := a.now.Result
	a.differs("lifetime points", want.Lifetime, got.Lifetime)
	a.differs("level", want.Level, got.Level)
	a.differs("days in a row", want.Days, got.Days)
	a.differs("weeks in a row", want.Weeks, got.Weeks)
}

// factsOf is what of a purchase counts, with the labels that were noted then.
func (a *retrace) factsOf(p *ent.Purchase, noted schema.PurchaseFacts) (*schema.PurchaseFacts, error) {
	facts := &schema.PurchaseFacts{Currency: p.Currency}
	if p.Currency == money.PointsCode {
		return facts, nil
	}
	facts.Paid = a.paid[p.ID]
	var totals []money.Amount
	for i, line := range p.Edges.Lines {
		totals = append(totals, line.Total)
		fact := schema.FactLine{
			Product: line.ProductID, Quantity: line.Quantity, Bundle: line.BundleID,
			Trial: line.TrialOfferID != nil, Sale: a.onSale[line.ID],
		}
		if i < len(noted.Lines) {
			fact.Creator, fact.Categories, fact.Tags = noted.Lines[i].Creator, noted.Lines[i].Categories, noted.Lines[i].Tags
		}
		facts.Lines = append(facts.Lines, fact)
	}
	shares, err := earning.ShareOfPaid(facts.Paid, totals)
	if err != nil {
		return nil, fmt.Errorf("share what was paid over the lines: %w", err)
	}
	for i := range shares {
		facts.Lines[i].Paid = shares[i]
	}
	return facts, nil
}

// spend takes points that the shopper has, and says of which entries.
func (a *retrace) spend(points money.Amount) map[uuid.UUID]money.Amount {
	took, short := a.lots.Use(points)
	if short > 0 {
		a.differs("points there were to spend", points-short, points)
	}
	a.balance -= points
	return took
}

// gives adds the points of an entry, of which a debt takes its part.
func (a *retrace) gives(e *ent.RewardEntry, points money.Amount, expires *time.Time) {
	debt := max(-a.balance, 0)
	a.balance += points
	a.lots = append(a.lots, &earning.Lot{Entry: e.ID, Seq: e.Seq, Points: points, Used: min(points, debt), ExpiresAt: expires})
}

// refund computes what a refund takes back and gives back.
func (a *retrace) refund(e *ent.RewardEntry) {
	a.state = nil
	row := a.refunds[*e.RefundID]
	i := slices.IndexFunc(a.done, func(d *deed) bool {
		return d.entry.Kind == rewardentry.KindPURCHASE && *d.entry.PurchaseID == *e.PurchaseID && d.refund == uuid.Nil
	})
	if row == nil || row.PurchaseID != *e.PurchaseID || i < 0 {
		a.differs("refund of a purchase that stood", *e.RefundID, nil)
		return
	}
	d := a.done[i]
	d.refund = row.ID
	a.differs("instant", row.CreatedAt.UTC(), e.CreatedAt.UTC())

	back := map[uuid.UUID]money.Amount{}
	for _, p := range d.points {
		back[*e.PurchaseID] += p.Points
	}
	var quests []schema.RewardPoints
	var badges []schema.RewardRef
	terms := a.rules.At(e.Revision)
	for _, kind := range []achievement.Kind{achievement.KindQUEST, achievement.KindBADGE} {
		_, wide := a.told(terms)
		for _, g := range a.gained {
			if rule := a.rules.Version(g.ref.Rule, g.ref.Version); g.kind != kind || g.lost != uuid.Nil || rule == nil || rule.Reached(&wide) {
				continue
			}
			g.lost = row.ID
			back[g.purchase] += g.points
			if kind == achievement.KindQUEST {
				quests = append(quests, schema.RewardPoints{RewardRef: g.ref, Points: g.points})
			} else {
				badges = append(badges, g.ref)
			}
		}
	}
	// The order is that of ids, which those of one purchase may share a millisecond of.
	a.differs("quests that are no longer complete", inOrder(quests), inOrder(e.Result.Quests))
	a.differs("badges that are lost", inOrder(badges), inOrder(e.Result.Badges))

	var taken, homeless money.Amount
	for _, other := range a.done {
		if other.entry.Kind == rewardentry.KindPURCHASE && back[*other.entry.PurchaseID] > 0 {
			moved, _ := a.lots.Revoke(other.entry.ID, back[*other.entry.PurchaseID])
			taken += moved
		}
	}
	a.balance -= taken
	a.differs("points taken back", taken, e.SpentPoints)
	a.differs("points taken back by the refund", taken, row.PointsTaken)
	a.differs("points given back by the refund", d.spent, row.PointsReturned)
	var expires *time.Time
	if d.spent > 0 {
		rest := d.spent - min(d.spent, max(-a.balance, 0))
		var returned map[uuid.UUID]money.Amount
		returned, homeless = a.lots.Return(d.took, rest, e.CreatedAt)
		a.differs("points given back to entries", inMap(returned), inMap(e.Result.Returned))
		a.balance += d.spent - homeless
		if homeless > 0 {
			expires = new(e.CreatedAt.Add(returnedDays * 24 * time.Hour))
		}
	}
	a.differs("points", homeless, e.Points)
	a.differs("expiry", inUTC(expires), inUTC(e.ExpiresAt))
	a.gives(e, homeless, expires)
	a.done = append(a.done, &deed{entry: e})
	a.after(terms)
}

// perk computes what a perk took.
func (a *retrace) perk(e *ent.RewardEntry) {
	terms := a.rules.At(e.Revision)
	i := slices.IndexFunc(terms.Perks, func(r *earning.Rule) bool { return r.ID == *e.PerkID && r.Counts(e.CreatedAt) })
	if i < 0 {
		a.differs("perk that was in force", *e.PerkID, nil)
		return
	}
	perk := terms.Perks[i].Terms.Perk
	a.differs("points spent", perk.Cost, e.SpentPoints)
	a.differs("freezes", perk.Freezes, e.Result.Freezes)
	a.differs("points taken of entries", inMap(a.spend(perk.Cost)), inMap(e.Result.Took))
	a.stateBy(terms).Days.Freezes += perk.Freezes
	a.done = append(a.done, &deed{entry: e, freezes: perk.Freezes})
	a.gives(e, 0, nil)
	a.after(terms)
}

// after compares where an entry says that the shopper stood after something that earned nothing.
func (a *retrace) after(terms *earning.Terms) {
	var want schema.RewardResult
	terms.Stand(&want, a.stateBy(terms), zoneOf(a.now.TimeZone), a.now.CreatedAt)
	a.stands(want)
	a.differs("balance", a.balance, a.now.Result.Balance)
}

// stateBy is the state before the entry that is gone through, kept for the rules of its time.
func (a *retrace) stateBy(terms *earning.Terms) *schema.RewardState {
	if a.state == nil || a.state.Watching != terms.Watching {
		state, _ := a.told(terms)
		a.state = &state
	}
	return a.state
}

// told is what the story so far comes to, for some terms; and the same with what all badges and quests that are held count.
func (a *retrace) told(terms *earning.Terms) (state, wide schema.RewardState) {
	var events []earning.Event
	for _, d := range a.done {
		switch e := d.entry; {
		case e.Kind == rewardentry.KindPURCHASE && d.refund == uuid.Nil:
			events = append(events, earning.Event{At: e.CreatedAt, Revision: e.Revision, Zone: zoneOf(e.TimeZone), Facts: &e.Facts, Points: d.points})
		case e.Kind == rewardentry.KindPERK:
			events = append(events, earning.Event{At: e.CreatedAt, Revision: e.Revision, Freezes: d.freezes})
		}
	}
	held, ofQuests := map[string]int{}, money.Amount(0)
	var rules []*earning.Rule
	for _, g := range a.gained {
		if g.lost == uuid.Nil {
			held[g.ref.Rule.String()] = g.ref.Version
			ofQuests += g.points
			if r := a.rules.Version(g.ref.Rule, g.ref.Version); r != nil {
				rules = append(rules, r)
			}
		}
	}
	return a.rules.Retell(terms, events, held, ofQuests, rules...)
}

func (a *retrace) refOf(rule uuid.UUID, version int) schema.RewardRef {
	if r := a.rules.Version(rule, version); r != nil {
		return r.Ref()
	}
	return schema.RewardRef{Rule: rule, Version: version}
}

// fate is what became of the points of an entry, and of its purchase.
type fate struct {
	Used, Expired, Revoked money.Amount
	Refund                 *uuid.UUID
}

// fates compares what became of every entry.
func (a *retrace) fates() {
	want := map[uuid.UUID]*fate{}
	for _, d := range a.done {
		want[d.entry.ID] = &fate{}
		if d.refund != uuid.Nil {
			want[d.entry.ID].Refund = &d.refund
		}
	}
	for _, lot := range a.lots {
		if f := want[lot.Entry]; f != nil {
			f.Used, f.Expired, f.Revoked = lot.Used, lot.Expired, lot.Revoked
		}
	}
	for _, e := range a.entries {
		a.now = e
		if f := want[e.ID]; f != nil {
			a.differs("what became of the points", f, fate{e.Used, e.Expired, e.Revoked, e.RefundedBy})
		}
	}
	a.now = nil
}

// achievements compares badges and quests.
func (a *retrace) achievements() {
	show := func(kind achievement.Kind, ref schema.RewardRef, points money.Amount, purchase uuid.UUID, at time.Time, lost uuid.UUID) string {
		return fmt.Sprintf("%s %s version %d, %s points, by %s at %s, taken back by %s",
			kind, ref.Rule, ref.Version, points, purchase, at.UTC().Format(time.RFC3339Nano), lost)
	}
	var want, got []string
	for _, g := range a.gained {
		want = append(want, show(g.kind, g.ref, g.points, g.purchase, g.at, g.lost))
	}
	for _, row := range a.earned {
		var lost uuid.UUID
		if row.RevokedBy != nil {
			lost = *row.RevokedBy
		}
		got = append(got, show(row.Kind, schema.RewardRef{Rule: row.RuleID, Version: row.Version}, row.Points, row.PurchaseID, row.AwardedAt, lost))
	}
	for _, one := range want {
		if !slices.Contains(got, one) {
			a.differs("badge or quest", one, nil)
		}
	}
	for i, one := range got {
		if !slices.Contains(want, one) || slices.Contains(got[:i], one) {
			a.differs("badge or quest", nil, one)
		}
	}
}

// standingNow compares where the shopper stands. A state that keeps what was counted by other rules than the current ones is
// told anew when it is next looked at, and so are scores; neither is wrong until then.
func (a *retrace) standingNow() {
	if a.standing == nil {
		if slices.ContainsFunc(a.entries, func(e *ent.RewardEntry) bool { return e.Revision >= 0 }) {
			a.differs("standing", len(a.entries), nil)
		}
		a.differs("scores", []string(nil), a.scored())
		return
	}
	a.differs("number of the last entry", len(a.entries), a.standing.Seq)
	a.differs("next expiry", inUTC(a.lots.Next()), inUTC(a.standing.ExpiresAt))
	terms := a.rules.Current()
	current := a.standing.State.Watching == terms.Watching
	if current {
		state, _ := a.told(terms)
		a.differs("state", state, a.standing.State)
	}
	switch {
	case a.standing.DisplayName == nil:
		a.differs("scores", []string(nil), a.scored())
	case current:
		a.differs("scores", a.ranked(terms), a.scored())
	}
}

// score is how a score is compared.
func score(rule uuid.UUID, period, score int64, at time.Time) string {
	return fmt.Sprintf("%s of %d: %d at %s", rule, period, score, at.UTC().Format(time.RFC3339Nano))
}

// scored are the shopper's scores on leaderboards that are on, as recorded; of one who is on none, all there are.
func (a *retrace) scored() (list []string) {
	for _, row := range a.scores {
		on := slices.ContainsFunc(a.rules.Current().Leaderboards, func(r *earning.Rule) bool { return r.ID == row.RuleID })
		if on || a.standing == nil || a.standing.DisplayName == nil {
			list = append(list, score(row.RuleID, row.Period, row.Score, row.ReachedAt))
		}
	}
	slices.Sort(list)
	return list
}

// ranked are the scores that follow.
func (a *retrace) ranked(terms *earning.Terms) (list []string) {
	type sum struct {
		score int64
		at    time.Time
	}
	for _, board := range terms.Leaderboards {
		sums := map[int64]sum{}
		for _, d := range a.done {
			e := d.entry
			if e.Kind != rewardentry.KindPURCHASE || !board.Counts(e.CreatedAt) {
				continue
			}
			facts, points := e.Facts, money.Amount(0)
			if d.refund == uuid.Nil {
				for _, p := range d.points {
					points += p.Points
				}
			} else if earning.Measure(board.Terms.Leaderboard.Measure) != earning.PointsEarned {
				continue
			}
			for _, g := range a.gained {
				if g.purchase == *e.PurchaseID && g.lost == uuid.Nil {
					points += g.points
				}
			}
			if by := board.Board().Increment(&facts, int64(points)); by > 0 {
				period, _, _ := earning.PeriodAt(board.Terms.Leaderboard.Period, e.CreatedAt)
				sums[period] = sum{sums[period].score + by, e.CreatedAt}
			}
		}
		for _, period := range slices.Sorted(maps.Keys(sums)) {
			list = append(list, score(board.ID, period, sums[period].score, sums[period].at))
		}
	}
	slices.Sort(list)
	return list
}

// inUTC is an instant as it is compared; nil for none.
func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	return new(at.UTC())
}

// inMap is a map as it is compared: an empty one like none.
func inMap(m map[uuid.UUID]money.Amount) map[uuid.UUID]money.Amount {
	if len(m) == 0 {
		return nil
	}
	return m
}

// inOrder is a list whose order says nothing, as it is compared.
func inOrder[T any](list []T) []string {
	var shown []string
	for _, one := range list {
		shown = append(shown, fmt.Sprintf("%+v", one))
	}
	slices.SortFunc(shown, strings.Compare)
	return shown
}

// Repair writes anew what only follows from the entries, where it is otherwise than it should be: where shoppers stand, when
// their points expire next, and their scores on leaderboards. What was awarded is never changed. It says how many shoppers
// it was otherwise for. Each is a transaction under the shopper's lock.
func (s *Service) Repair(ctx context.Context) (repaired int64, err error) {
	err = eachPage(ctx, s.db.Client(), func(shoppers []uuid.UUID) error {
		for _, one := range shoppers {
			var mended bool
			// What is written is what follows, so a run whose end is not known can be followed by another.
			err := s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) (err error) {
				mended, err = s.mend(ctx, tx, one)
				return err
			})
			if err != nil {
				return fmt.Errorf("repair the rewards of shopper %s: %w", one, err)
			}
			if mended {
				repaired++
			}
		}
		return nil
	})
	return repaired, err
}

// mend is Repair for one shopper.
func (s *Service) mend(ctx context.Context, tx *ent.Tx, one uuid.UUID) (bool, error) {
	rules, revision, now, err := s.hold(ctx, tx, one)
	if err != nil {
		return false, err
	}
	client := tx.Client()
	rows, err := client.RewardStanding.Query().Where(rewardstanding.ShopperID(one)).All(ctx)
	if err != nil {
		return false, fmt.Errorf("read a standing: %w", err)
	}
	// Whoever has a purchase refunded is told from the beginning, whatever is written.
	desk, err := OpenDesk(ctx, client, Seating{
		Book: wallet.NewBook(now), Rules: rules, Revision: revision, Now: now, Shoppers: []uuid.UUID{one}, Refunding: []uuid.UUID{one},
	})
	if err != nil {
		return false, err
	}
	at := desk.seats[one]
	if len(rows) == 0 && len(at.story) == 0 {
		return false, nil
	}
	at.standing.Seq = int64(len(at.story))
	was, err := json.Marshal([]any{schema.RewardState{}, nil, -1})
	if len(rows) > 0 {
		was, err = json.Marshal([]any{rows[0].State, inUTC(rows[0].ExpiresAt), rows[0].Seq})
	}
	if err != nil {
		return false, err
	}
	is, err := json.Marshal([]any{at.state, inUTC(at.standing.ExpiresAt), at.standing.Seq})
	if err != nil {
		return false, err
	}
	at.changed = at.changed || !bytes.Equal(was, is)
	mended := at.changed
	if at.standing.DisplayName == nil {
		gone, err := client.LeaderboardScore.Delete().Where(leaderboardscore.ShopperID(one)).Exec(ctx)
		if err != nil {
			return false, fmt.Errorf("take a shopper off leaderboards: %w", err)
		}
		mended = mended || gone > 0
	}
	return mended, desk.Apply(ctx, tx)
}
