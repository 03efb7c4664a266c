package checkout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/entitlement"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchase"
	"farthing/ent/purchaseline"
	"farthing/ent/schema"
	"farthing/ent/transfer"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/earning"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/offers"
	"farthing/internal/pricing"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// request is one checkout, or one refund, on its way through the till.
type request struct {
	claim    idempotency.Claim
	caller   actor.Actor
	basket   Basket
	coupon   uuid.UUID // whose code was given; the zero id for none
	expected money.Amount
	weight   int            // about how many products the basket comes down to
	refund   *refundRequest // what to give back, instead of a basket to buy

	outcome outcome
	done    chan struct{} // closed once outcome stands
}

// outcome is what was decided on a request: exactly one of purchase, refunded, recorded and err.
type outcome struct {
	// purchase is the new purchase, with what stands around it right after.
	purchase *ent.Purchase
	wallet   *ent.Account
	earned   *ent.RewardEntry // nil when rewards are not to be shown
	points   money.Amount
	// refunded is the new refund, with its purchase.
	refunded *ent.Refund
	// recorded is an earlier purchase, or refund, under the same key; replayed is false when that one was made by this very request,
	// whose COMMIT was answered by a broken connection.
	recorded uuid.UUID
	replayed bool
	// err is a refusal, or why it is not known what became of the request.
	err error
}

func refused(err error) outcome { return outcome{err: err} }

// state is everything that the requests of one batch are decided on, and what was decided. It is loaded under the
// shoppers' locks, so that nobody else changes it until the commit.
type state struct {
	*known

	currencies *money.Currencies
	rules      *earning.Rulebook

	shoppers map[uuid.UUID]bool
	claims   map[idempotency.Key]idempotency.Claim
	book     *wallet.Book
	desk     *rewards.Desk // nil for a visitor
	ordinals map[uuid.UUID]int64
	returns  map[uuid.UUID]*returned // what may be refunded, by purchase

	claimed   []idempotency.Claim
	purchases []*ent.Purchase
	begun     []*ent.Trial
	converted []*ent.Trial
	refunds   []*ent.Refund
	undone    []undone
	take      offers.Take
}

// load reads what a batch needs. Locks come first and in one order everywhere: the shoppers' by id, then that of the
// catalogue, shared with other tills and against those who change what is for sale, then the counts of offers that can
// run out. The instant is taken between the last two. So whatever was changed before it is seen, and nothing is changed
// until the commit: every purchase's price is right for the instant it bears. All reads are statements of their own after
// the locks, so that they see what the holder before has committed.
func (s *Service) load(ctx context.Context, tx *ent.Tx, batch []*request) (*state, error) {
	shoppers := ids(batch, func(r *request) []uuid.UUID { return []uuid.UUID{r.claim.ShopperID} })
	things := ids(batch, func(r *request) []uuid.UUID { return r.basket.things() })
	coupons := ids(batch, func(r *request) []uuid.UUID {
		if r.coupon == uuid.Nil {
			return nil
		}
		return []uuid.UUID{r.coupon}
	})
	keys := make([]idempotency.Key, len(batch))
	for i, r := range batch {
		keys[i] = r.claim.Key
	}
	st := &state{currencies: s.Currencies}
	var revision int64
	var accounts []*ent.Account
	var standings []*ent.RewardStanding
	err := db.Together(ctx, tx,
		func(ctx context.Context, tx *ent.Tx) (err error) {
			st.shoppers, err = identity.Lock(ctx, tx, shoppers...)
			return err
		},
		catalog.Hold,
		func(ctx context.Context, tx *ent.Tx) (err error) {
			revision, err = catalog.Revision(ctx, tx.Client())
			return err
		},
		func(ctx context.Context, tx *ent.Tx) (err error) {
			st.claims, err = idempotency.Find(ctx, tx.Client(), keys...)
			return err
		},
		func(ctx context.Context, tx *ent.Tx) (err error) {
			accounts, err = wallet.Accounts(ctx, tx.Client(), shoppers...)
			return err
		},
		func(ctx context.Context, tx *ent.Tx) (err error) {
			st.ordinals, err = lastOrdinals(ctx, tx.Client(), shoppers)
			return err
		},
		func(ctx context.Context, tx *ent.Tx) (err error) {
			standings, err = rewards.Standings(ctx, tx.Client(), shoppers...)
			return err
		},
	)
	if err != nil {
		return nil, err
	}
	now, client := s.now(), tx.Client()
	st.book = wallet.NewBook(now, accounts...)
	board, err := s.Offers.Boards.Held(ctx, tx, revision, now)
	if err != nil {
		return nil, err
	}
	if st.rules, err = s.Rewards.Rulebooks.Held(ctx, tx, revision); err != nil {
		return nil, err
	}
	products, err := board.ProductsHeld(ctx, tx, board.Needed(things))
	if err != nil {
		return nil, err
	}
	if st.known, err = read(ctx, client, board, products, now, asked{shoppers, things, coupons}); err != nil {
		return nil, err
	}
	if st.returns, err = readReturns(ctx, client, batch, st.trials); err != nil {
		return nil, err
	}
	if err := st.lockCounts(ctx, tx, shoppers); err != nil {
		return nil, err
	}
	seating := rewards.Seating{Book: st.book, Rules: st.rules, Revision: board.Revision, Now: now, Shoppers: shoppers}
	for _, r := range batch {
		switch {
		case r.refund != nil:
			seating.Refunding = append(seating.Refunding, r.claim.ShopperID)
		case r.basket.spendsPoints():
			seating.Spending = append(seating.Spending, r.claim.ShopperID)
		}
	}
	st.desk, err = rewards.Seat(ctx, client, seating, standings)
	return st, err
}

// lockCounts reads how many units have been taken of the offers that may count, and locks those of which there are so many.
func (st *state) lockCounts(ctx context.Context, tx *ent.Tx, shoppers []uuid.UUID) error {
	all := st.limits()
	own := slices.Collect(maps.Keys(all))
	for _, back := range st.returns {
		back.lock(all)
	}
	if len(all) == 0 {
		return nil
	}
	err := db.Together(ctx, tx,
		func(ctx context.Context, tx *ent.Tx) (err error) {
			st.uses, err = offers.Uses(ctx, tx.Client(), shoppers, own)
			return err
		},
		func(ctx context.Context, tx *ent.Tx) (err error) {
			st.stocks, err = offers.LockStocks(ctx, tx, all)
			return err
		},
	)
	if err != nil {
		return err
	}
	return offers.BeginStocks(ctx, tx, all, st.stocks)
}

// decide gives a request its outcome and notes what is to be written. It does nothing but that, so a refusal leaves no
// trace; and it leaves the state as it will be, so that the next request of the batch sees it.
//
// The error is for what cannot be; the state is spoilt then, and nothing of the batch may be written.
func (st *state) decide(r *request) (outcome, error) {
	shopper := r.claim.ShopperID
	if !st.shoppers[shopper] {
		return refused(fault.New(fault.NotFound, "There is no such shopper.")), nil
	}
	if earlier, ok := st.claims[r.claim.Key]; ok {
		return replay(r, earlier), nil
	}
	if r.refund != nil {
		return st.giveBack(r)
	}
	currency := st.currencies.Of(r.basket.Currency)
	q := question{shopper: shopper, currency: currency, items: r.basket.Items, coupon: r.coupon, points: r.basket.RedeemPoints}
	result, err := st.price(q)
	if err != nil {
		return refused(tooDear()), nil //nolint:nilerr // A price beyond all amounts is a refusal, and so an outcome.
	}
	if err := result.Refusals.Err(); err != nil {
		return refused(err), nil
	}
	if result.Total != r.expected {
		quote := st.quote(q, result)
		if gone := st.gone(q, result, r.expected+result.Redeemed, quote); gone != nil {
			return refused(gone), nil
		}
		return refused(fault.New(fault.PriceChanged, "The total is %s, not %s.",
			money.Money{Amount: result.Total, Currency: currency}, money.Money{Amount: r.expected, Currency: currency}).
			At("expectedTotal").With(quote)), nil
	}
	if short := st.affords(shopper, currency, result.Total, q.points); short != nil {
		return refused(short), nil
	}
	plan, err := st.plan(q, result, st.holds(shopper, currency.Code).Take(result.Total))
	if err != nil {
		return refused(fault.New(fault.InvalidInput, "The purchase earns more points than a shopper can have.").At("items")), nil //nolint:nilerr // As above.
	}
	return st.sell(r, currency, result, plan)
}

// tooDear is the refusal of a basket that has no price.
func tooDear() *fault.Fault {
	return fault.New(fault.InvalidInput, "The basket costs more than an amount can be.").At("items")
}

// holds is what is in a shopper's wallet, by where it came from.
func (st *state) holds(shopper uuid.UUID, code money.Code) wallet.Origins {
	if code == money.PointsCode {
		return wallet.Origins{Promotional: max(st.desk.Points(shopper), 0)}
	}
	if w := st.book.Wallet(shopper, code); w != nil {
		return wallet.OriginsOf(w)
	}
	return wallet.Origins{}
}

// replay is the outcome of a request whose key is claimed already.
func replay(r *request, earlier idempotency.Claim) outcome {
	if earlier.Fingerprint != r.claim.Fingerprint {
		return refused(idempotency.Reused("idempotencyKey"))
	}
	return outcome{recorded: earlier.ResultID, replayed: earlier.ResultID != r.claim.ResultID}
}

// sell notes everything that a purchase changes. All that could refuse it has been asked before.
func (st *state) sell(r *request, currency money.Currency, result pricing.Result, plan rewards.Plan) (outcome, error) {
	shopper, code, name := r.claim.ShopperID, currency.Code, r.caller.Name()
	p := &ent.Purchase{
		ID: r.claim.ResultID, ShopperID: shopper, Ordinal: st.ordinals[shopper] + 1, Currency: code,
		Subtotal: result.Subtotal, Total: result.Total, Points: plan.Total, Actor: name, CreatedAt: st.now,
	}
	if p.Total > 0 && code != money.PointsCode {
		entry := wallet.Entry{Kind: transfer.KindPURCHASE, PurchaseID: &p.ID, Actor: name}
		if _, err := st.book.Debit(shopper, code, p.Total, account.KindREVENUE, entry); err != nil {
			return outcome{}, fmt.Errorf("debit what was afforded: %w", err)
		}
	}
	earned, err := st.desk.Carry(plan, rewards.Purchase{ID: p.ID, Actor: name, Goods: code == money.PointsCode})
	if err != nil {
		return outcome{}, err
	}
	for _, line := range result.Lines {
		for _, part := range line.Parts {
			st.handOver(p, line, part)
		}
	}
	for _, taken := range result.Taken {
		st.takeUnits(shopper, taken)
	}
	st.ordinals[shopper] = p.Ordinal
	st.claims[r.claim.Key] = r.claim
	st.claimed = append(st.claimed, r.claim)
	st.purchases = append(st.purchases, p)
	if !st.desk.Enabled(shopper) {
		earned = nil
	}
	return outcome{purchase: p, wallet: st.book.Wallet(shopper, code), earned: earned, points: st.desk.Points(shopper)}, nil
}

// handOver notes one part of a line as a line of the purchase, and what it gives.
func (st *state) handOver(p *ent.Purchase, line pricing.Line, part pricing.Part) {
	product := st.products[part.Product]
	recorded := &ent.PurchaseLine{
		ID: id.New(), PurchaseID: p.ID, Position: len(p.Edges.Lines), ProductID: product.ID,
		Kind: purchaseline.Kind(product.Kind), Language: product.Language, Names: names(product.Texts),
		Quantity: part.Quantity, Units: int64(product.Units), UnitPrice: part.Unit, Subtotal: part.Subtotal, Total: part.Total,
	}
	switch line.Kind {
	case pricing.OfProduct: // it was bought by itself
	case pricing.OfBundle:
		recorded.BundleID = &line.ID
	case pricing.OfTrial:
		recorded.TrialOfferID = &line.ID
	}
	for i, a := range part.Adjustments {
		language, texts := st.label(a.Kind, a.Source)
		recorded.Edges.Adjustments = append(recorded.Edges.Adjustments, &ent.LineAdjustment{
			ID: id.New(), LineID: recorded.ID, Position: i, Kind: lineadjustment.Kind(a.Kind), SourceID: a.Source, Round: a.Round,
			Language: language, Names: names(texts), Amount: a.Amount, Units: a.Units,
		})
	}
	p.Edges.Lines = append(p.Edges.Lines, recorded)
	if line.Kind == pricing.OfTrial {
		st.lend(p, st.board.Trials[line.ID], part)
		return
	}
	st.give(p, product, part.Quantity)
}

func names(texts map[string]schema.Text) map[string]string {
	list := make(map[string]string, len(texts))
	for language, text := range texts {
		list[language] = text.Name
	}
	return list
}

// give notes an entitlement for good. Units of one product are one entitlement, however many lines they are on. Who has
// tried what is bought has it from now on without a gap: the trial ends at the same instant.
func (st *state) give(p *ent.Purchase, product *ent.Product, quantity int64) {
	units := int64(product.Units) * quantity
	for _, e := range p.Edges.Entitlements {
		if e.ProductID == product.ID {
			e.Units += units
			e.Remaining += units
			return
		}
	}
	e := &ent.Entitlement{
		ID: id.New(), ShopperID: p.ShopperID, ProductID: product.ID, PurchaseID: p.ID,
		Kind: entitlement.Kind(product.Kind), Status: entitlement.StatusACTIVE,
		Units: units, Remaining: units, GrantedAt: st.now,
	}
	p.Edges.Entitlements = append(p.Edges.Entitlements, e)
	if e.Kind != entitlement.KindDURABLE {
		return
	}
	good := held.Good{ShopperID: p.ShopperID, ProductID: product.ID}
	st.owned[good] = e
	if trial := st.trials[good]; trial != nil && trial.ConvertedBy == nil && trial.RefundedBy == nil {
		trial.ConvertedBy = &p.ID
		st.converted = append(st.converted, trial)
	}
}

// lend notes a trial, and the entitlement for its time.
func (st *state) lend(p *ent.Purchase, offer *ent.TrialOffer, part pricing.Part) {
	expires := st.now.Add(time.Duration(offer.DurationHours) * time.Hour)
	e := &ent.Entitlement{
		ID: id.New(), ShopperID: p.ShopperID, ProductID: offer.ProductID, PurchaseID: p.ID,
		Kind: entitlement.KindTRIAL, Status: entitlement.StatusACTIVE, Units: 1, Remaining: 1,
		ExpiresAt: &expires, GrantedAt: st.now,
	}
	if offer.Uses != nil {
		e.Counted, e.Units, e.Remaining = true, *offer.Uses, *offer.Uses
	}
	p.Edges.Entitlements = append(p.Edges.Entitlements, e)
	trial := &ent.Trial{
		ID: id.New(), ShopperID: p.ShopperID, ProductID: offer.ProductID, OfferID: offer.ID, PurchaseID: p.ID,
		EntitlementID: e.ID, Currency: p.Currency, Price: part.Total, StartedAt: st.now, ExpiresAt: expires,
		CreditUntil: expires.Add(time.Duration(offer.GraceHours) * time.Hour),
	}
	st.trials[held.Good{ShopperID: p.ShopperID, ProductID: offer.ProductID}] = trial
	st.past[offer.ID] = offer
	st.begun = append(st.begun, trial)
}

// takeUnits notes what a purchase takes of an offer.
func (st *state) takeUnits(shopper uuid.UUID, taken pricing.Taken) {
	round := offers.Round{Offer: taken.Source, Round: taken.Round}
	use := offers.Use{Shopper: shopper, Round: round}
	st.take.Add(use, taken.Units, st.cap(taken.Source))
	st.uses[use] += taken.Units
	if stock := st.stocks[round]; stock != nil {
		stock.Taken += taken.Units
	}
}

// cap is how many units of an offer one shopper gets; nil for any number.
func (st *state) cap(offer uuid.UUID) *int64 {
	if coupon := st.coupons[offer]; coupon != nil {
		return coupon.PerShopper
	}
	return st.sale(offer).PerShopper
}

// apply writes what was decided on the whole batch. What refunds take back goes first: a purchase of the same batch may hand it
// over again, and none of the batch is refunded in it. All that is new goes together.
func (st *state) apply(ctx context.Context, tx *ent.Tx) error {
	if len(st.purchases)+len(st.refunds) == 0 {
		return nil
	}
	var lines []*ent.PurchaseLine
	var adjustments []*ent.LineAdjustment
	var granted []*ent.Entitlement
	var events []notify.Event
	for _, p := range st.purchases {
		lines = append(lines, p.Edges.Lines...)
		for _, l := range p.Edges.Lines {
			adjustments = append(adjustments, l.Edges.Adjustments...)
		}
		granted = append(granted, p.Edges.Entitlements...)
		events = append(events, st.event(p))
	}
	refunded, err := st.applyRefunds(ctx, tx)
	if err != nil {
		return err
	}
	if err := st.desk.Amend(ctx, tx); err != nil {
		return err
	}
	told, err := notify.Part(st.now, append(events, refunded...)...)
	if err != nil {
		return err
	}
	parts := slices.Concat(st.book.Parts(), []db.Part{
		purchaseRows.Of(st.purchases...), lineRows.Of(lines...), adjustmentRows.Of(adjustments...), held.Part(granted...),
	}, st.desk.Parts(), []db.Part{idempotency.Part(st.now, st.claimed...), told})
	if err := db.Write(ctx, tx, parts...); err != nil {
		return err
	}
	if err := held.BeginTrials(ctx, tx, st.begun...); err != nil {
		return err
	}
	if err := held.ConvertTrials(ctx, tx, st.converted...); err != nil {
		return err
	}
	return st.take.Write(ctx, tx) // the rows that everybody shares come last
}

var purchaseRows = db.NewRows(purchase.Table,
	db.UUID(purchase.FieldID, func(p *ent.Purchase) uuid.UUID { return p.ID }),
	db.UUID(purchase.FieldShopperID, func(p *ent.Purchase) uuid.UUID { return p.ShopperID }),
	db.Int(purchase.FieldOrdinal, func(p *ent.Purchase) int64 { return p.Ordinal }),
	db.Text(purchase.FieldCurrency, func(p *ent.Purchase) money.Code { return p.Currency }),
	db.Int(purchase.FieldSubtotal, func(p *ent.Purchase) money.Amount { return p.Subtotal }),
	db.Int(purchase.FieldTotal, func(p *ent.Purchase) money.Amount { return p.Total }),
	db.Int(purchase.FieldPoints, func(p *ent.Purchase) money.Amount { return p.Points }),
	db.Text(purchase.FieldActor, func(p *ent.Purchase) string { return p.Actor }),
	db.SameTime(purchase.FieldCreatedAt, func(p *ent.Purchase) time.Time { return p.CreatedAt }),
)

var lineRows = db.NewRows(purchaseline.Table,
	db.UUID(purchaseline.FieldID, func(l *ent.PurchaseLine) uuid.UUID { return l.ID }),
	db.UUID(purchaseline.FieldPurchaseID, func(l *ent.PurchaseLine) uuid.UUID { return l.PurchaseID }),
	db.Int(purchaseline.FieldPosition, func(l *ent.PurchaseLine) int { return l.Position }),
	db.UUID(purchaseline.FieldProductID, func(l *ent.PurchaseLine) uuid.UUID { return l.ProductID }),
	db.Text(purchaseline.FieldKind, func(l *ent.PurchaseLine) purchaseline.Kind { return l.Kind }),
	db.Text(purchaseline.FieldLanguage, func(l *ent.PurchaseLine) string { return l.Language }),
	db.JSON(purchaseline.FieldNames, func(l *ent.PurchaseLine) map[string]string { return l.Names }),
	db.Int(purchaseline.FieldQuantity, func(l *ent.PurchaseLine) int64 { return l.Quantity }),
	db.Int(purchaseline.FieldUnits, func(l *ent.PurchaseLine) int64 { return l.Units }),
	db.Int(purchaseline.FieldUnitPrice, func(l *ent.PurchaseLine) money.Amount { return l.UnitPrice }),
	db.Int(purchaseline.FieldSubtotal, func(l *ent.PurchaseLine) money.Amount { return l.Subtotal }),
	db.Int(purchaseline.FieldTotal, func(l *ent.PurchaseLine) money.Amount { return l.Total }),
	db.NullUUID(purchaseline.FieldBundleID, func(l *ent.PurchaseLine) *uuid.UUID { return l.BundleID }),
	db.NullUUID(purchaseline.FieldTrialOfferID, func(l *ent.PurchaseLine) *uuid.UUID { return l.TrialOfferID }),
)

var adjustmentRows = db.NewRows(lineadjustment.Table,
	db.UUID(lineadjustment.FieldID, func(a *ent.LineAdjustment) uuid.UUID { return a.ID }),
	db.UUID(lineadjustment.FieldLineID, func(a *ent.LineAdjustment) uuid.UUID { return a.LineID }),
	db.Int(lineadjustment.FieldPosition, func(a *ent.LineAdjustment) int { return a.Position }),
	db.Text(lineadjustment.FieldKind, func(a *ent.LineAdjustment) lineadjustment.Kind { return a.Kind }),
	db.UUID(lineadjustment.FieldSourceID, func(a *ent.LineAdjustment) uuid.UUID { return a.SourceID }),
	db.Int(lineadjustment.FieldRound, func(a *ent.LineAdjustment) int64 { return a.Round }),
	db.Text(lineadjustment.FieldLanguage, func(a *ent.LineAdjustment) string { return a.Language }),
	db.JSON(lineadjustment.FieldNames, func(a *ent.LineAdjustment) map[string]string { return a.Names }),
	db.Int(lineadjustment.FieldAmount, func(a *ent.LineAdjustment) money.Amount { return a.Amount }),
	db.Int(lineadjustment.FieldUnits, func(a *ent.LineAdjustment) int64 { return a.Units }),
)

// event is what the outbox says of a purchase. Points are not told to who has turned rewards off.
func (st *state) event(p *ent.Purchase) notify.Event {
	payload := map[string]string{
		"purchaseId": id.Encode(id.Purchase, p.ID),
		"currency":   string(p.Currency),
		"total":      st.currencies.Of(p.Currency).Format(p.Total),
	}
	if st.desk.Enabled(p.ShopperID) {
		payload["points"] = money.Points().Format(p.Points)
	}
	return notify.Event{Topic: notify.PurchaseCompleted, ShopperID: p.ShopperID, Payload: payload}
}
