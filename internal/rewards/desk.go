package rewards

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/achievement"
	"farthing/ent/leaderboardscore"
	"farthing/ent/predicate"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/ent/schema"
	"farthing/ent/transfer"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/wallet"
	"farthing/internal/zone"
)

// returnedDays is for how long points are given again that a refund gives back after they had expired.
const returnedDays = 30

// Desk is the rewards of some shoppers as they are under lock, and what is decided on them and not yet written. As with a
// wallet.Book, which it moves points in, deciding is pure, in the order of the calls; Apply writes it all at once.
type Desk struct {
	book     *wallet.Book
	rules    *earning.Rulebook
	revision int64
	now      time.Time
	seats    map[uuid.UUID]*seat
}

// seat is one shopper at the desk.
type seat struct {
	shopper  uuid.UUID
	standing *ent.RewardStanding
	zone     *time.Location
	state    schema.RewardState
	// lots are those with points left, or all of them when the story is there; nil when they were not needed.
	lots    earning.Lots
	hasLots bool
	// story is every entry, in order, and earned every achievement ever; only where they were needed.
	story    []*ent.RewardEntry
	earned   []*ent.Achievement
	hasStory bool
	scores   map[place]*ent.LeaderboardScore

	changed  bool
	entries  []*ent.RewardEntry
	touched  map[uuid.UUID]*earning.Lot // lots of entries that are stored
	refunded map[uuid.UUID]uuid.UUID    // refund by stored entry of the purchase
	gained   []*ent.Achievement
	revoked  map[uuid.UUID]uuid.UUID // refund by stored achievement
	moved    map[place]bool          // scores that are to be written
}

// place is a shopper's place on a leaderboard in one of its periods.
type place struct {
	rule   uuid.UUID
	period int64
}

// Seating is what a Desk is opened for.
type Seating struct {
	// Book has the shoppers' accounts.
	Book *wallet.Book
	// Rules are those in force, and Revision that of what is for sale.
	Rules    *earning.Rulebook
	Revision int64
	Now      time.Time
	Shoppers []uuid.UUID
	// Spending are those who may spend points, and Refunding those who have a purchase refunded.
	Spending, Refunding []uuid.UUID
}

// Standings reads where some shoppers stand. Those who have bought nothing yet stand nowhere.
func Standings(ctx context.Context, client *ent.Client, shoppers ...uuid.UUID) ([]*ent.RewardStanding, error) {
	rows, err := client.RewardStanding.Query().Where(db.AnyOf(rewardstanding.FieldShopperID, shoppers)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read standings: %w", err)
	}
	return rows, nil
}

// OpenDesk reads what it takes. The caller holds the shoppers' locks when it will write.
func OpenDesk(ctx context.Context, client *ent.Client, s Seating) (*Desk, error) {
	rows, err := Standings(ctx, client, s.Shoppers...)
	if err != nil {
		return nil, err
	}
	return Seat(ctx, client, s, rows)
}

// Seat is OpenDesk for who has read already where the shoppers stand.
func Seat(ctx context.Context, client *ent.Client, s Seating, standings []*ent.RewardStanding) (*Desk, error) {
	d := &Desk{book: s.Book, rules: s.Rules, revision: s.Revision, now: s.Now, seats: make(map[uuid.UUID]*seat, len(s.Shoppers))}
	for _, row := range standings {
		d.sit(row)
	}
	var telling, opening []uuid.UUID
	for _, shopper := range s.Shoppers {
		if d.seats[shopper] == nil {
			d.sit(&ent.RewardStanding{ID: id.New(), ShopperID: shopper, TimeZone: defaultZone, Enabled: true})
		}
		at := d.seats[shopper]
		switch {
		case at.state.Watching != d.terms().Watching || slices.Contains(s.Refunding, shopper):
			telling = append(telling, shopper)
		case slices.Contains(s.Spending, shopper) || at.standing.ExpiresAt != nil && !s.Now.Before(*at.standing.ExpiresAt):
			opening = append(opening, shopper)
		}
	}
	if err := d.readStories(ctx, client, telling); err != nil {
		return nil, err
	}
	if err := d.readLots(ctx, client, opening); err != nil {
		return nil, err
	}
	if err := d.readScores(ctx, client); err != nil {
		return nil, err
	}
	for _, shopper := range telling {
		d.tell(d.seats[shopper])
	}
	return d, nil
}

// defaultZone is the time zone of shoppers who have not said theirs.
const defaultZone = "UTC"

// zoneOf is the time zone of a name that was checked when it was stored; UTC for one that is no longer known.
func zoneOf(name string) *time.Location {
	if name == defaultZone {
		return time.UTC
	}
	if where, err := zone.Load(name); err == nil {
		return where
	}
	return time.UTC
}

func (d *Desk) terms() *earning.Terms { return d.rules.Current() }

func (d *Desk) sit(row *ent.RewardStanding) {
	d.seats[row.ShopperID] = &seat{
		shopper: row.ShopperID, standing: row, zone: zoneOf(row.TimeZone), state: row.State,
		scores: map[place]*ent.LeaderboardScore{}, touched: map[uuid.UUID]*earning.Lot{},
		refunded: map[uuid.UUID]uuid.UUID{}, revoked: map[uuid.UUID]uuid.UUID{}, moved: map[place]bool{},
	}
}

// readStories reads everything that has happened to some shoppers. It is for the rare cases: a refund, a shopper's first
// purchase, and the first after something new is counted.
func (d *Desk) readStories(ctx context.Context, client *ent.Client, shoppers []uuid.UUID) error {
	if len(shoppers) == 0 {
		return nil
	}
	entries, err := client.RewardEntry.Query().Where(db.AnyOf(rewardentry.FieldShopperID, shoppers)).
		Order(rewardentry.ByShopperID(), rewardentry.BySeq()).All(ctx)
	if err != nil {
		return fmt.Errorf("read reward entries: %w", err)
	}
	earned, err := client.Achievement.Query().Where(db.AnyOf(achievement.FieldShopperID, shoppers)).Order(achievement.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("read achievements: %w", err)
	}
	for _, shopper := range shoppers {
		at := d.seats[shopper]
		at.hasStory, at.hasLots = true, true
	}
	for _, e := range entries {
		at := d.seats[e.ShopperID]
		at.story = append(at.story, e)
		at.lots = append(at.lots, lotOf(e))
	}
	for _, a := range earned {
		at := d.seats[a.ShopperID]
		at.earned = append(at.earned, a)
	}
	return nil
}

func (d *Desk) readLots(ctx context.Context, client *ent.Client, shoppers []uuid.UUID) error {
	if len(shoppers) == 0 {
		return nil
	}
	entries, err := client.RewardEntry.Query().Where(db.AnyOf(rewardentry.FieldShopperID, shoppers), hasPoints).
		Order(rewardentry.ByShopperID(), rewardentry.BySeq()).All(ctx)
	if err != nil {
		return fmt.Errorf("read lots of points: %w", err)
	}
	for _, shopper := range shoppers {
		d.seats[shopper].hasLots = true
	}
	for _, e := range entries {
		at := d.seats[e.ShopperID]
		at.lots = append(at.lots, lotOf(e))
	}
	return nil
}

func lotOf(e *ent.RewardEntry) *earning.Lot {
	return &earning.Lot{
		Entry: e.ID, Seq: e.Seq, Points: e.Points, Used: e.Used, Expired: e.Expired, Revoked: e.Revoked, ExpiresAt: e.ExpiresAt,
	}
}

// readScores reads where shoppers who want to be seen stand on leaderboards in the periods of now; those who have a story,
// ever.
func (d *Desk) readScores(ctx context.Context, client *ent.Client) error {
	var seen, ever []uuid.UUID
	for shopper, at := range d.seats {
		switch {
		case at.standing.DisplayName == nil:
		case at.hasStory:
			ever = append(ever, shopper)
		default:
			seen = append(seen, shopper)
		}
	}
	periods := map[int64]bool{}
	for _, board := range d.terms().Leaderboards {
		number, _, _ := earning.PeriodAt(board.Terms.Leaderboard.Period, d.now)
		periods[number] = true
	}
	now := db.AnyOf(leaderboardscore.FieldPeriod, slices.Sorted(maps.Keys(periods)))
	for _, part := range []struct {
		shoppers []uuid.UUID
		which    []predicate.LeaderboardScore
	}{{seen, []predicate.LeaderboardScore{now}}, {ever, nil}} {
		if len(part.shoppers) == 0 {
			continue
		}
		rows, err := client.LeaderboardScore.Query().
			Where(append(part.which, db.AnyOf(leaderboardscore.FieldShopperID, part.shoppers))...).All(ctx)
		if err != nil {
			return fmt.Errorf("read scores: %w", err)
		}
		d.place(rows)
	}
	return nil
}

// place puts shoppers where they stand on leaderboards.
func (d *Desk) place(rows []*ent.LeaderboardScore) {
	for _, row := range rows {
		d.seats[row.ShopperID].scores[place{row.RuleID, row.Period}] = row
	}
}

// tell brings a shopper's state to what the story comes to.
func (d *Desk) tell(at *seat) {
	if at.standing.Seq == 0 && len(at.story) > 0 {
		at.standing.Seq = at.story[len(at.story)-1].Seq
	}
	at.standing.ExpiresAt = at.lots.Next()
	at.state, _ = d.retell(at)
	d.rank(at, func(time.Time) bool { return true })
}

// retell is what the story of a shopper comes to, and the same with all that badges and quests that are held count.
func (d *Desk) retell(at *seat) (state, wide schema.RewardState) {
	held, ofQuests := map[string]int{}, money.Amount(0)
	var rules []*earning.Rule
	for _, a := range at.earned {
		if a.RevokedBy == nil {
			held[a.RuleID.String()] = a.Version
			ofQuests += a.Points
			if r := d.rules.Version(a.RuleID, a.Version); r != nil {
				rules = append(rules, r)
			}
		}
	}
	return d.rules.Retell(d.terms(), eventsOf(at.story), held, ofQuests, rules...)
}

// eventsOf are the entries that stand, as events.
func eventsOf(story []*ent.RewardEntry) []earning.Event {
	events := make([]earning.Event, 0, len(story))
	for _, e := range story {
		switch {
		case e.Kind == rewardentry.KindPURCHASE && e.RefundedBy == nil:
			events = append(events, earning.Event{
				At: e.CreatedAt, Revision: e.Revision, Zone: zoneOf(e.TimeZone), Facts: &e.Facts, Points: e.Result.Points,
			})
		case e.Kind == rewardentry.KindPERK:
			events = append(events, earning.Event{At: e.CreatedAt, Revision: e.Revision, Freezes: e.Result.Freezes})
		}
	}
	return events
}

// Points is how many points a shopper can spend, those not counted that have expired; below zero for a debt.
func (d *Desk) Points(shopper uuid.UUID) money.Amount {
	at := d.seats[shopper]
	points := d.book.Points(shopper)
	for _, lot := range at.lots {
		if lot.ExpiresAt != nil && !d.now.Before(*lot.ExpiresAt) {
			points -= lot.Left()
		}
	}
	return points
}

// Affords says whether a shopper has points enough: nil, or the refusal to show.
func (d *Desk) Affords(shopper uuid.UUID, points money.Amount) *fault.Fault {
	has := max(d.Points(shopper), 0)
	if has >= points {
		return nil
	}
	short := wallet.Shortage{Balance: has, Required: points, Shortfall: points - has, Currency: money.PointsCode}
	return fault.New(fault.InsufficientFunds, "There are fewer points than are to be spent.").With(short)
}

// Enabled says whether a shopper wants to be shown rewards.
func (d *Desk) Enabled(shopper uuid.UUID) bool { return d.seats[shopper].standing.Enabled }

// Plan is what a purchase would earn a shopper, and where the shopper would stand.
type Plan struct {
	earning.Earned

	// Spent is how many points it takes.
	Spent money.Amount
	// Balance is how many points there would be afterwards.
	Balance money.Amount
	// State is where the shopper would stand, and Terms what that is judged by.
	State schema.RewardState
	Terms *earning.Terms

	shopper uuid.UUID
	facts   *schema.PurchaseFacts
}

// Plan decides what a purchase earns, and changes nothing. Points that it spends are taken before it earns any; that there
// are enough has been asked (Affords). The error is earning.ErrTooMuch when there would be more points than an amount can be.
func (d *Desk) Plan(shopper uuid.UUID, facts *schema.PurchaseFacts, spent money.Amount) (Plan, error) {
	at := d.seats[shopper]
	p := Plan{Spent: spent, State: earning.CloneState(at.state), Terms: d.terms(), shopper: shopper, facts: facts}
	var err error
	if p.Earned, err = p.Terms.Earn(&p.State, at.zone, d.now, facts); err != nil {
		return p, err
	}
	p.Balance, err = (d.Points(shopper) - spent).Plus(p.Total)
	if err != nil {
		return p, earning.ErrTooMuch
	}
	p.Earned.Balance = p.Balance
	return p, nil
}

// PlanFor is the plan of a visitor, who has nothing yet.
func PlanFor(rules *earning.Rulebook, facts *schema.PurchaseFacts, now time.Time) (Plan, error) {
	d := &Desk{book: wallet.NewBook(now), rules: rules, now: now, seats: map[uuid.UUID]*seat{}}
	d.sit(&ent.RewardStanding{TimeZone: defaultZone, Enabled: true})
	d.tell(d.seats[uuid.Nil])
	return d.Plan(uuid.Nil, facts, 0)
}

// Purchase is the purchase that a plan is carried out for.
type Purchase struct {
	ID    uuid.UUID
	Actor string
	// Goods says that the points it spends are its price, and not taken off a price in money.
	Goods bool
}

// Carry carries out a plan, which must be of the desk as it is: points are spent and earned, and the entry is noted, with
// badges and quests. The entry is returned.
func (d *Desk) Carry(p Plan, purchase Purchase) (*ent.RewardEntry, error) {
	at := d.seats[p.shopper]
	if err := d.settle(at, purchase.Actor); err != nil {
		return nil, err
	}
	e := d.entry(at, rewardentry.KindPURCHASE)
	e.PurchaseID, e.Facts, e.SpentPoints = &purchase.ID, *p.facts, p.Spent
	if p.Spent > 0 {
		kind, to := transfer.KindPOINTS_REDEEMED, account.KindMINT
		if purchase.Goods {
			kind, to = transfer.KindPURCHASE, account.KindREVENUE
		}
		entry := wallet.Entry{Kind: kind, PurchaseID: &purchase.ID, Actor: purchase.Actor}
		if _, err := d.book.Debit(p.shopper, money.PointsCode, p.Spent, to, entry); err != nil {
			return nil, fmt.Errorf("spend points that were there: %w", err)
		}
		p.Took = at.use(p.Spent)
	}
	debt := max(-d.book.Points(p.shopper), 0)
	if p.Total > 0 {
		entry := wallet.Entry{Kind: transfer.KindPOINTS_EARNED, PurchaseID: &purchase.ID, Actor: purchase.Actor}
		if err := d.book.Award(p.shopper, p.Total, entry); err != nil {
			return nil, fmt.Errorf("award points: %w", err)
		}
	}
	e.Points, e.Used, e.ExpiresAt = p.Total, min(p.Total, debt), p.ExpiresAt
	e.Result = p.RewardResult
	at.state = p.State
	for _, q := range p.Quests {
		d.achieve(at, achievement.KindQUEST, q.RewardRef, q.Points, purchase.ID)
	}
	for _, b := range p.Badges {
		d.achieve(at, achievement.KindBADGE, b, 0, purchase.ID)
	}
	d.note(at, e)
	for _, board := range d.terms().Leaderboards {
		if board.Counts(d.now) {
			d.score(at, board, board.Board().Increment(p.facts, int64(p.Total)))
		}
	}
	return e, nil
}

// settle takes the points that have expired.
func (d *Desk) settle(at *seat, actor string) error {
	var gone money.Amount
	at.onLots(func() { gone = at.lots.Expire(d.now) })
	if gone == 0 {
		return nil
	}
	if err := d.book.TakePoints(at.shopper, gone, wallet.Entry{Kind: transfer.KindPOINTS_EXPIRED, Actor: actor}); err != nil {
		return fmt.Errorf("take points that have expired: %w", err)
	}
	at.changed = true
	return nil
}

// use takes points out of lots, and says out of which.
func (at *seat) use(points money.Amount) (took map[uuid.UUID]money.Amount) {
	at.onLots(func() { took, _ = at.lots.Use(points) })
	return took
}

// onLots does something to lots, and notes which it has changed.
func (at *seat) onLots(do func()) {
	before := make([]earning.Lot, len(at.lots))
	for i, lot := range at.lots {
		before[i] = *lot
	}
	do()
	for i, lot := range at.lots {
		if *lot != before[i] {
			at.touched[lot.Entry] = lot
		}
	}
}

// entry begins the shopper's next entry.
func (d *Desk) entry(at *seat, kind rewardentry.Kind) *ent.RewardEntry {
	at.standing.Seq++
	return &ent.RewardEntry{
		ID: id.New(), ShopperID: at.shopper, Seq: at.standing.Seq, Kind: kind, Revision: d.revision,
		TimeZone: at.standing.TimeZone, CreatedAt: d.now,
	}
}

// note puts an entry into the story.
func (d *Desk) note(at *seat, e *ent.RewardEntry) {
	at.changed = true
	at.entries = append(at.entries, e)
	if at.hasStory {
		at.story = append(at.story, e)
	}
	lot := lotOf(e)
	if at.hasLots {
		at.lots = append(at.lots, lot)
		at.standing.ExpiresAt = at.lots.Next()
	} else if lot.Left() > 0 && e.ExpiresAt != nil && (at.standing.ExpiresAt == nil || e.ExpiresAt.Before(*at.standing.ExpiresAt)) {
		at.standing.ExpiresAt = e.ExpiresAt
	}
	at.touched[e.ID] = lot
}

func (d *Desk) achieve(
	at *seat, kind achievement.Kind, ref schema.RewardRef, points money.Amount, purchase uuid.UUID,
) {
	a := &ent.Achievement{
		ID: id.New(), ShopperID: at.shopper, Kind: kind, RuleID: ref.Rule, Version: ref.Version, PurchaseID: purchase,
		Points: points, AwardedAt: d.now,
	}
	at.gained = append(at.gained, a)
	if at.hasStory {
		at.earned = append(at.earned, a)
	}
}

// Undone is what a refund took back of rewards, and gave back.
type Undone struct {
	// Taken are points that left the shopper, also into debt; Returned those that had been spent on the purchase.
	Taken, Returned money.Amount
	// Lost are badges and quests whose condition no longer holds.
	Lost []*ent.Achievement
	// Balance is how many points there are afterwards; below zero for a debt.
	Balance money.Amount
}

// Refund undoes what a purchase did to the rewards of its shopper, for whom the desk was opened as Refunding (rule 22).
// Goods says that points were its price.
func (d *Desk) Refund(shopper uuid.UUID, purchase Purchase, refund uuid.UUID) (Undone, error) {
	at := d.seats[shopper]
	i := slices.IndexFunc(at.story, func(e *ent.RewardEntry) bool {
		return e.Kind == rewardentry.KindPURCHASE && e.PurchaseID != nil && *e.PurchaseID == purchase.ID
	})
	if i < 0 || at.story[i].RefundedBy != nil {
		return Undone{}, fmt.Errorf("undo the rewards of purchase %s: it has none that stand", purchase.ID)
	}
	bought := at.story[i]
	if err := d.settle(at, purchase.Actor); err != nil {
		return Undone{}, err
	}
	bought.RefundedBy = &refund
	at.refunded[bought.ID] = refund
	u := Undone{Lost: d.lose(at, refund)}

	// Points of the rules go with the purchase, those of quests with the quest.
	back := map[uuid.UUID]money.Amount{}
	for _, p := range bought.Result.Points {
		back[bought.ID] += p.Points
	}
	when := []time.Time{bought.CreatedAt}
	for _, lost := range u.Lost {
		for _, e := range at.story {
			if lost.Points > 0 && e.Kind == rewardentry.KindPURCHASE && *e.PurchaseID == lost.PurchaseID {
				back[e.ID] += lost.Points
				when = append(when, e.CreatedAt)
			}
		}
	}
	at.onLots(func() {
		for _, e := range at.story { // in the order of the story, not that of a map
			if n := back[e.ID]; n > 0 {
				moved, _ := at.lots.Revoke(e.ID, n)
				u.Taken += moved
			}
		}
	})
	entry := wallet.Entry{PurchaseID: &purchase.ID, RefundID: &refund, Actor: purchase.Actor}
	if u.Taken > 0 {
		entry.Kind = transfer.KindPOINTS_REVOKED
		if err := d.book.TakePoints(shopper, u.Taken, entry); err != nil {
			return Undone{}, err
		}
	}
	e := d.entry(at, rewardentry.KindREFUND)
	e.PurchaseID, e.RefundID, e.SpentPoints = &purchase.ID, &refund, u.Taken
	if u.Returned = bought.SpentPoints; u.Returned > 0 {
		if err := d.giveBack(at, e, bought, entry, purchase.Goods); err != nil {
			return Undone{}, err
		}
	}
	for _, lost := range u.Lost {
		ref := schema.RewardRef{Rule: lost.RuleID, Version: lost.Version}
		if r := d.rules.Version(lost.RuleID, lost.Version); r != nil {
			ref = r.Ref()
		}
		if lost.Kind == achievement.KindQUEST {
			e.Result.Quests = append(e.Result.Quests, schema.RewardPoints{RewardRef: ref, Points: lost.Points})
		} else {
			e.Result.Badges = append(e.Result.Badges, ref)
		}
	}
	d.terms().Stand(&e.Result, &at.state, at.zone, d.now)
	u.Balance = d.book.Points(shopper)
	e.Result.Balance = u.Balance
	d.note(at, e)
	d.rank(at, func(start time.Time) bool { return slices.ContainsFunc(when, start.Equal) })
	return u, nil
}

// lose takes the badges and quests whose conditions no longer hold. Quests come first: their points count towards badges.
func (d *Desk) lose(at *seat, refund uuid.UUID) []*ent.Achievement {
	var lost []*ent.Achievement
	for _, kind := range []achievement.Kind{achievement.KindQUEST, achievement.KindBADGE} {
		_, wide := d.retell(at)
		for _, a := range at.earned {
			if a.Kind != kind || a.RevokedBy != nil {
				continue
			}
			if r := d.rules.Version(a.RuleID, a.Version); r != nil && !r.Reached(&wide) {
				a.RevokedBy = &refund
				at.revoked[a.ID] = refund
				lost = append(lost, a)
			}
		}
	}
	at.state, _ = d.retell(at)
	return lost
}

// giveBack returns points that were spent on a purchase: a debt is paid first, the rest goes back to the lots that it came
// from. What belongs to lots that have expired meanwhile becomes one of the refund.
func (d *Desk) giveBack(at *seat, e, bought *ent.RewardEntry, entry wallet.Entry, goods bool) error {
	debt := max(-d.book.Points(at.shopper), 0)
	entry.Kind, entry.PurchaseID = transfer.KindPOINTS_RETURNED, bought.PurchaseID
	from := account.KindMINT
	if goods {
		entry.Kind, from = transfer.KindREFUND, account.KindREVENUE
	}
	value := wallet.Origins{Promotional: bought.SpentPoints}
	if err := d.book.Credit(at.shopper, money.PointsCode, value, from, entry); err != nil {
		return fmt.Errorf("give points back: %w", err)
	}
	rest := bought.SpentPoints - min(debt, bought.SpentPoints)
	var returned map[uuid.UUID]money.Amount
	var homeless money.Amount
	at.onLots(func() { returned, homeless = at.lots.Return(bought.Result.Took, rest, d.now) })
	e.Result.Returned = returned
	if homeless > 0 {
		e.Points, e.ExpiresAt = homeless, new(d.now.Add(returnedDays*24*time.Hour))
	}
	return nil
}

// Redeem takes points for a perk, which must be one of the rules in force, and of which there are enough (Affords). The id is
// that of the entry.
func (d *Desk) Redeem(shopper uuid.UUID, perk *earning.Rule, id uuid.UUID, actor string) (*ent.RewardEntry, error) {
	at, terms := d.seats[shopper], perk.Terms.Perk
	if err := d.settle(at, actor); err != nil {
		return nil, err
	}
	e := d.entry(at, rewardentry.KindPERK)
	e.ID, e.PerkID, e.SpentPoints = id, &perk.ID, terms.Cost
	if terms.Cost > 0 {
		entry := wallet.Entry{Kind: transfer.KindPOINTS_REDEEMED, Actor: actor}
		if _, err := d.book.Debit(shopper, money.PointsCode, terms.Cost, account.KindMINT, entry); err != nil {
			return nil, fmt.Errorf("spend points that were there: %w", err)
		}
		e.Result.Took = at.use(terms.Cost)
	}
	at.state.Days.Freezes += terms.Freezes
	e.Result.Freezes = terms.Freezes
	d.terms().Stand(&e.Result, &at.state, at.zone, d.now)
	e.Result.Balance = d.book.Points(shopper)
	d.note(at, e)
	return e, nil
}

// score raises a shopper's score in the current period of a leaderboard.
func (d *Desk) score(at *seat, board *earning.Rule, by int64) {
	if at.standing.DisplayName == nil || by <= 0 {
		return
	}
	number, _, _ := earning.PeriodAt(board.Terms.Leaderboard.Period, d.now)
	on := place{board.ID, number}
	row := at.scores[on]
	if row == nil {
		row = &ent.LeaderboardScore{ID: id.New(), RuleID: board.ID, Period: number, ShopperID: at.shopper}
		at.scores[on] = row
	}
	row.Score += by
	row.ReachedAt = d.now
	at.moved[on] = true
}

// rank tells a shopper's scores again from the story, in those periods which one of some instants is in, and takes off
// those that nothing tells of.
func (d *Desk) rank(at *seat, touches func(time.Time) bool) {
	if at.standing.DisplayName == nil || !at.hasStory {
		return
	}
	for _, board := range d.terms().Leaderboards {
		told, affected := scoresOf(board, at.story, at.earned), map[int64]bool{}
		for _, e := range at.story {
			if touches(e.CreatedAt) {
				number, _, _ := earning.PeriodAt(board.Terms.Leaderboard.Period, e.CreatedAt)
				affected[number] = true
			}
		}
		for on := range at.scores {
			if _, ok := told[on.period]; on.rule == board.ID && !ok {
				affected[on.period] = true
			}
		}
		for _, number := range slices.Sorted(maps.Keys(affected)) {
			on := place{board.ID, number}
			row, want := at.scores[on], told[number]
			if row == nil {
				row = &ent.LeaderboardScore{ID: id.New(), RuleID: board.ID, Period: number, ShopperID: at.shopper}
			}
			if row.Score == want.Score && row.ReachedAt.Equal(want.ReachedAt) {
				continue
			}
			row.Score, row.ReachedAt = want.Score, want.ReachedAt
			at.scores[on], at.moved[on], at.changed = row, true, true
		}
	}
}

// scoresOf are a shopper's scores on a leaderboard, by its periods, as the entries that stand tell them. Points of a quest
// count where they were earned, as long as the quest is complete, also when the purchase that completed it was refunded.
func scoresOf(board *earning.Rule, story []*ent.RewardEntry, earned []*ent.Achievement) map[int64]ent.LeaderboardScore {
	ofQuests := map[uuid.UUID]money.Amount{}
	for _, a := range earned {
		if a.RevokedBy == nil {
			ofQuests[a.PurchaseID] += a.Points
		}
	}
	told := map[int64]ent.LeaderboardScore{}
	for _, e := range story {
		if e.Kind != rewardentry.KindPURCHASE || !board.Counts(e.CreatedAt) {
			continue
		}
		points := ofQuests[*e.PurchaseID]
		switch {
		case e.RefundedBy == nil:
			for _, p := range e.Result.Points {
				points += p.Points
			}
		case earning.Measure(board.Terms.Leaderboard.Measure) != earning.PointsEarned:
			continue
		}
		by := board.Board().Increment(&e.Facts, int64(points))
		if by <= 0 {
			continue
		}
		number, _, _ := earning.PeriodAt(board.Terms.Leaderboard.Period, e.CreatedAt)
		score := told[number]
		score.Score += by
		score.ReachedAt = e.CreatedAt
		told[number] = score
	}
	return told
}

// Apply writes what was decided. The ledger is the book's to write.
func (d *Desk) Apply(ctx context.Context, tx *ent.Tx) error {
	if err := d.Amend(ctx, tx); err != nil {
		return err
	}
	return db.Write(ctx, tx, d.Parts()...)
}

// changed are the seats that something was decided on, in the order of their shoppers' ids.
func (d *Desk) changed() []*seat {
	var changed []*seat
	for _, at := range d.seats {
		if at.changed {
			changed = append(changed, at)
		}
	}
	slices.SortFunc(changed, func(a, b *seat) int { return bytes.Compare(a.shopper[:], b.shopper[:]) })
	return changed
}

// Amend writes what becomes of rows that were there before: few, when points were spent or a purchase was refunded. It goes
// before Parts: what is taken back may be earned again.
func (d *Desk) Amend(ctx context.Context, tx *ent.Tx) error {
	for _, at := range d.changed() {
		if err := at.amend(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (at *seat) amend(ctx context.Context, tx *ent.Tx) error {
	fresh := map[uuid.UUID]bool{}
	for _, e := range at.entries {
		fresh[e.ID] = true
	}
	for _, a := range at.gained {
		fresh[a.ID] = true
	}
	for _, entry := range sortedIDs(at.touched) {
		if fresh[entry] {
			continue
		}
		lot := at.touched[entry]
		err := tx.RewardEntry.UpdateOneID(entry).SetUsed(lot.Used).SetExpired(lot.Expired).SetRevoked(lot.Revoked).Exec(ctx)
		if err != nil {
			return fmt.Errorf("write what became of points: %w", err)
		}
	}
	for _, entry := range sortedIDs(at.refunded) {
		if fresh[entry] {
			continue
		}
		if err := tx.RewardEntry.UpdateOneID(entry).SetRefundedBy(at.refunded[entry]).Exec(ctx); err != nil {
			return fmt.Errorf("mark the entry of a refunded purchase: %w", err)
		}
	}
	for _, earlier := range sortedIDs(at.revoked) {
		if fresh[earlier] {
			continue
		}
		if err := tx.Achievement.UpdateOneID(earlier).SetRevokedBy(at.revoked[earlier]).Exec(ctx); err != nil {
			return fmt.Errorf("take badges and quests back: %w", err)
		}
	}
	var gone []uuid.UUID
	for on, row := range at.scores {
		if at.moved[on] && row.Score == 0 {
			gone = append(gone, row.ID)
		}
	}
	if len(gone) > 0 {
		if _, err := tx.LeaderboardScore.Delete().Where(leaderboardscore.IDIn(gone...)).Exec(ctx); err != nil {
			return fmt.Errorf("take scores off: %w", err)
		}
	}
	return nil
}

// Parts are what was decided, to be written, shoppers in the order of their ids.
func (d *Desk) Parts() []db.Part {
	var entries []*ent.RewardEntry
	var achievements []*ent.Achievement
	var standings []*ent.RewardStanding
	var scores []*ent.LeaderboardScore
	for _, at := range d.changed() {
		for _, e := range at.entries {
			row, lot := *e, at.touched[e.ID]
			row.Used, row.Expired, row.Revoked = lot.Used, lot.Expired, lot.Revoked
			if refund, ok := at.refunded[e.ID]; ok {
				row.RefundedBy = &refund
			}
			entries = append(entries, &row)
		}
		for _, a := range at.gained {
			row := *a
			if refund, ok := at.revoked[a.ID]; ok {
				row.RevokedBy = &refund
			}
			achievements = append(achievements, &row)
		}
		standing := *at.standing
		standing.State = at.state
		standings = append(standings, &standing)
		for on, row := range at.scores {
			if at.moved[on] && row.Score != 0 {
				scores = append(scores, row)
			}
		}
	}
	return []db.Part{
		entryRows.Of(entries...), achievementRows.Of(achievements...), standingRows.Of(standings...), scoreRows.Of(scores...),
	}
}

func sortedIDs[V any](of map[uuid.UUID]V) []uuid.UUID {
	return slices.SortedFunc(maps.Keys(of), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// hasPoints holds for entries of which points are left.
func hasPoints(s *sql.Selector) {
	s.Where(sql.P(func(b *sql.Builder) {
		b.Ident(s.C(rewardentry.FieldPoints)).WriteString(" > ").
			Ident(s.C(rewardentry.FieldUsed)).WriteString(" + ").Ident(s.C(rewardentry.FieldExpired)).WriteString(" + ").
			Ident(s.C(rewardentry.FieldRevoked))
	}))
}
