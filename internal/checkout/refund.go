package checkout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/entitlement"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchase"
	"farthing/ent/refund"
	"farthing/ent/transfer"
	"farthing/internal/actor"
	"farthing/internal/audit"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// refundOperation is the name under which a refund claims its key, and which the audit knows it by.
const refundOperation = "refundPurchase"

// maxReason is the longest reason of a refund, in characters.
const maxReason = 500

// RefundInput says what to give back.
type RefundInput struct {
	IdempotencyKey string
	PurchaseID     uuid.UUID
	// Reason is kept for good: 1 to 500 characters, not only spaces.
	Reason string
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Refunded is what became of a refund.
type Refunded struct {
	// Refund is the record, with its purchase; nil when it was refused.
	Refund *ent.Refund
	// Replayed says that the key had been used before, and this is the refund of that time.
	Replayed bool
}

// refundRequest is what a request is that wants something back.
type refundRequest struct {
	purchase uuid.UUID
	reason   string
}

// Refund gives a whole purchase back, exactly once: what was paid goes to where it came from, what was handed over is
// revoked, what was taken of offers is there again, and what was earned is taken back (rules 22 and 24). It goes through the
// till, under the same locks as the purchase did.
//
// The error is a fault: INVALID_INPUT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED, ALREADY_REFUNDED with the *ent.Refund there is,
// NOT_REFUNDABLE, OVERLOADED.
func (s *Service) Refund(ctx context.Context, in RefundInput) (Refunded, error) {
	var faults fault.List
	faults.AddIf(idempotency.Validate("idempotencyKey", in.IdempotencyKey))
	if n := utf8.RuneCountInString(in.Reason); strings.TrimSpace(in.Reason) == "" || n > maxReason || !wallet.IsText(in.Reason) {
		faults.Add(fault.Input("reason", "A reason is required: 1 to %d characters, without control characters.", maxReason))
	}
	if err := fault.Merge(in.Malformed, faults).Err(); err != nil {
		return Refunded{}, err
	}
	// Whose purchase it is never changes, so it is read before anything is locked.
	bought, err := s.db.Client().Purchase.Query().Where(purchase.ID(in.PurchaseID)).Only(ctx)
	if ent.IsNotFound(err) {
		return Refunded{}, fault.New(fault.NotFound, "There is no such purchase.").At("purchaseId")
	}
	if err != nil {
		return Refunded{}, fmt.Errorf("find the purchase to refund: %w", err)
	}
	r, err := newRefund(actor.From(ctx), bought.ShopperID, in)
	if err != nil {
		return Refunded{}, err
	}
	if err := s.till.do(ctx, r); err != nil {
		return Refunded{}, err
	}
	switch o := r.outcome; {
	case o.err != nil:
		return Refunded{}, o.err
	case o.refunded != nil:
		return Refunded{Refund: o.refunded}, nil
	default:
		recorded, err := RefundByID(ctx, s.db.Client(), o.recorded)
		return Refunded{Refund: recorded, Replayed: o.replayed}, err
	}
}

// newRefund makes of an input what comes to the till, as newRequest does. The key belongs to whose purchase it is.
func newRefund(caller actor.Actor, shopper uuid.UUID, in RefundInput) (*request, error) {
	fingerprint, err := idempotency.FingerprintOf(in.PurchaseID, in.Reason)
	if err != nil {
		return nil, err
	}
	return &request{
		claim: idempotency.Claim{
			Key:         idempotency.Key{ShopperID: shopper, Operation: refundOperation, Text: in.IdempotencyKey},
			Fingerprint: fingerprint, ResultID: id.New(),
		},
		caller: caller, refund: &refundRequest{in.PurchaseID, in.Reason}, weight: 1, done: make(chan struct{}),
	}, nil
}

// RefundByID reads a refund with its purchase and all that belongs to that. The error is ent's when there is none.
func RefundByID(ctx context.Context, client *ent.Client, id uuid.UUID) (*ent.Refund, error) {
	row, err := client.Refund.Query().Where(refund.ID(id)).WithPurchase(func(q *ent.PurchaseQuery) { whole(q) }).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read refund: %w", err)
	}
	return row, nil
}

// returned is a purchase that may be refunded, with all that it did.
type returned struct {
	purchase *ent.Purchase
	// paid is the transfer that paid for it; nil for a free purchase.
	paid *ent.Transfer
	// begun are the trials that it began, and ended those that it ended because their products were bought.
	begun, ended []*ent.Trial
	// taken is what it took of offers that count their units, and counts what has been taken of these in all.
	taken  map[offers.Round]int64
	counts map[offers.Round]*ent.OfferStock
}

// readReturns reads what a batch wants to refund. The trials are those that its checkouts see.
func readReturns(
	ctx context.Context, client *ent.Client, batch []*request, trials map[held.Good]*ent.Trial,
) (map[uuid.UUID]*returned, error) {
	wanted := ids(batch, func(r *request) []uuid.UUID {
		if r.refund == nil {
			return nil
		}
		return []uuid.UUID{r.refund.purchase}
	})
	found := make(map[uuid.UUID]*returned, len(wanted))
	if len(wanted) == 0 {
		return found, nil
	}
	purchases, err := whole(client.Purchase.Query().Where(purchase.IDIn(wanted...))).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read purchases to refund: %w", err)
	}
	var rounds []offers.Round
	for _, p := range purchases {
		back := &returned{purchase: p, taken: takenBy(p)}
		found[p.ID] = back
		rounds = slices.AppendSeq(rounds, maps.Keys(back.taken))
	}
	counts, err := offers.Stocks(ctx, client, rounds)
	if err != nil {
		return nil, err
	}
	payments, err := client.Transfer.Query().Where(transfer.PurchaseIDIn(wanted...), transfer.KindEQ(transfer.KindPURCHASE)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what paid for purchases: %w", err)
	}
	for _, t := range payments {
		found[*t.PurchaseID].paid = t
	}
	rows, err := held.TrialsOf(ctx, client, wanted)
	if err != nil {
		return nil, err
	}
	for _, t := range rows {
		// What checkouts of the batch see is the same trial, so that each request finds what those before it did to it.
		if seen := trials[held.Good{ShopperID: t.ShopperID, ProductID: t.ProductID}]; seen != nil {
			t = seen
		}
		if back := found[t.PurchaseID]; back != nil {
			back.begun = append(back.begun, t)
		}
		if t.ConvertedBy != nil && found[*t.ConvertedBy] != nil {
			back := found[*t.ConvertedBy]
			back.ended = append(back.ended, t)
		}
	}
	for _, back := range found {
		back.counts = counts
	}
	return found, nil
}

// takenBy is what a purchase took of offers that count their units: those of its lines at a sale, and one use of a coupon.
func takenBy(p *ent.Purchase) map[offers.Round]int64 {
	taken := map[offers.Round]int64{}
	for _, line := range p.Edges.Lines {
		for _, a := range line.Edges.Adjustments {
			round := offers.Round{Offer: a.SourceID, Round: a.Round}
			switch a.Kind {
			case lineadjustment.KindFLASH_SALE:
				taken[round] += a.Units
			case lineadjustment.KindCOUPON:
				taken[round] = 1
			case lineadjustment.KindBUNDLE, lineadjustment.KindTIER, lineadjustment.KindTRIAL_CREDIT, lineadjustment.KindPOINTS:
			}
		}
	}
	return taken
}

// lock adds the counts that a refund changes to those that are locked, if they have a limit. Those that have none it
// changes as checkouts do, when it writes: every count has one place in the order of locks, whoever wants it.
func (b *returned) lock(limits map[offers.Round]*int64) {
	for round := range b.taken {
		if count := b.counts[round]; count != nil && count.Most != nil && limits[round] == nil {
			limits[round] = count.Most
		}
	}
}

// undone is a refund with what it undoes besides money and rewards.
type undone struct {
	refund  *ent.Refund
	caller  actor.Actor
	revoked []uuid.UUID
	resumed []*ent.Trial
	begun   []*ent.Trial
}

// giveBack decides on a refund, as decide does on a checkout.
func (st *state) giveBack(r *request) (outcome, error) {
	back := st.returns[r.refund.purchase]
	if back == nil || back.purchase.ShopperID != r.claim.ShopperID {
		return refused(fault.New(fault.NotFound, "There is no such purchase.").At("purchaseId")), nil
	}
	p := back.purchase
	if len(p.Edges.Refunds) > 0 {
		earlier := *p.Edges.Refunds[0]
		earlier.Edges.Purchase = p
		return refused(fault.New(fault.AlreadyRefunded, "The purchase was refunded before.").At("purchaseId").With(&earlier)), nil
	}
	for _, t := range back.begun {
		if t.ConvertedBy != nil {
			return refused(fault.New(fault.NotRefundable, "Purchase %s ended a trial that this one began; refund that first.",
				id.Encode(id.Purchase, *t.ConvertedBy)).At("purchaseId")), nil
		}
	}
	name := r.caller.Name()
	row := &ent.Refund{
		ID: r.claim.ResultID, PurchaseID: p.ID, ShopperID: p.ShopperID, Currency: p.Currency, Total: p.Total,
		Reason: r.refund.reason, Actor: name, CreatedAt: st.now,
	}
	if back.paid != nil && p.Currency != money.PointsCode {
		value := wallet.Origins{
			Paid: back.paid.Paid, Promotional: back.paid.Promotional, Gift: back.paid.Gift, Refund: back.paid.Refund,
		}
		err := st.book.Credit(p.ShopperID, p.Currency, value, account.KindREVENUE, wallet.Entry{
			Kind: transfer.KindREFUND, PurchaseID: &p.ID, RefundID: &row.ID, CorrectsID: &back.paid.ID,
			Reason: row.Reason, Actor: name,
		})
		if refusals := fault.From(err); len(refusals) > 0 {
			return refused(fault.New(fault.NotRefundable, "The wallet cannot hold what would be given back.").At("purchaseId")), nil
		}
		if err != nil {
			return outcome{}, err
		}
	}
	rewarded, err := st.desk.Refund(p.ShopperID, rewards.Purchase{
		ID: p.ID, Actor: name, Goods: p.Currency == money.PointsCode,
	}, row.ID)
	if err != nil {
		return outcome{}, err
	}
	row.PointsTaken, row.PointsReturned = rewarded.Taken, rewarded.Returned
	st.takeBack(back, undone{refund: row, caller: r.caller})
	st.claims[r.claim.Key] = r.claim
	st.claimed = append(st.claimed, r.claim)
	st.refunds = append(st.refunds, row)
	p.Edges.Refunds = []*ent.Refund{row}
	shown := *row
	shown.Edges.Purchase = p
	return outcome{refunded: &shown}, nil
}

// takeBack notes what a refund undoes of goods, trials and offers, and leaves the state as it will be.
func (st *state) takeBack(back *returned, u undone) {
	p := back.purchase
	for _, e := range p.Edges.Entitlements {
		if e.Status == entitlement.StatusREVOKED {
			continue
		}
		e.Status = entitlement.StatusREVOKED
		u.revoked = append(u.revoked, e.ID)
		good := held.Good{ShopperID: p.ShopperID, ProductID: e.ProductID}
		if owned := st.owned[good]; owned != nil && owned.ID == e.ID {
			delete(st.owned, good)
		}
	}
	for _, t := range back.ended {
		t.ConvertedBy = nil
		u.resumed = append(u.resumed, t)
	}
	for _, t := range back.begun {
		t.RefundedBy = &u.refund.ID
		u.begun = append(u.begun, t)
	}
	for round, units := range back.taken {
		use := offers.Use{Shopper: p.ShopperID, Round: round}
		st.take.Add(use, -units, nil)
		st.uses[use] -= units
		if stock := st.stocks[round]; stock != nil {
			stock.Taken -= units
		}
	}
	st.undone = append(st.undone, u)
}

// refundedLines is how many lines of refunds one statement writes: few enough for the variables that SQLite takes.
const refundedLines = 5_000

// applyRefunds writes the refunds of a batch and what they undo, and gives the events to tell of.
func (st *state) applyRefunds(ctx context.Context, tx *ent.Tx) ([]notify.Event, error) {
	if len(st.refunds) == 0 {
		return nil, nil
	}
	var rows []*ent.RefundCreate
	var lines []*ent.RefundLineCreate
	var revoked []uuid.UUID
	var resumed []*ent.Trial
	var events []notify.Event
	for _, u := range st.undone {
		r := u.refund
		rows = append(rows, tx.Refund.Create().
			SetID(r.ID).SetPurchaseID(r.PurchaseID).SetShopperID(r.ShopperID).SetCurrency(r.Currency).SetTotal(r.Total).
			SetPointsTaken(r.PointsTaken).SetPointsReturned(r.PointsReturned).SetReason(r.Reason).SetActor(r.Actor).
			SetCreatedAt(r.CreatedAt))
		for _, l := range st.returns[r.PurchaseID].purchase.Edges.Lines {
			lines = append(lines, tx.RefundLine.Create().SetRefundID(r.ID).SetLineID(l.ID).SetTotal(l.Total))
		}
		revoked, resumed = append(revoked, u.revoked...), append(resumed, u.resumed...)
		events = append(events, st.refundEvent(r))
	}
	if err := tx.Refund.CreateBulk(rows...).Exec(ctx); err != nil {
		return nil, fmt.Errorf("write refunds: %w", err)
	}
	for chunk := range slices.Chunk(lines, refundedLines) {
		if err := tx.RefundLine.CreateBulk(chunk...).Exec(ctx); err != nil {
			return nil, fmt.Errorf("write refunded lines: %w", err)
		}
	}
	if err := held.Revoke(ctx, tx, revoked...); err != nil {
		return nil, err
	}
	if err := held.ResumeTrials(ctx, tx, resumed...); err != nil {
		return nil, err
	}
	for _, u := range st.undone {
		for _, t := range u.begun {
			if err := held.RefundTrial(ctx, tx, t.ID, u.refund.ID); err != nil {
				return nil, err
			}
		}
		before := map[string]string{"status": "COMPLETED"}
		after := map[string]string{
			"status": "REFUNDED", "refund": id.Encode(id.Refund, u.refund.ID), "reason": u.refund.Reason,
			"currency": string(u.refund.Currency), "total": st.currencies.Of(u.refund.Currency).Format(u.refund.Total),
		}
		// The transaction is the till's; what it writes down is the word of whoever asked.
		err := audit.Record(actor.With(ctx, u.caller), tx, st.now, refundOperation, u.refund.PurchaseID, before, after)
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// refundEvent is what the outbox says of a refund. Points are not told to who has turned rewards off.
func (st *state) refundEvent(r *ent.Refund) notify.Event {
	payload := map[string]string{
		"refundId":   id.Encode(id.Refund, r.ID),
		"purchaseId": id.Encode(id.Purchase, r.PurchaseID),
		"currency":   string(r.Currency),
		"total":      st.currencies.Of(r.Currency).Format(r.Total),
	}
	if st.desk.Enabled(r.ShopperID) {
		payload["pointsTaken"] = money.Points().Format(r.PointsTaken)
		payload["pointsReturned"] = money.Points().Format(r.PointsReturned)
	}
	return notify.Event{Topic: notify.PurchaseRefunded, ShopperID: r.ShopperID, Payload: payload}
}
