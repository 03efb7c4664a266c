package checkout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/entitlement"
	"farthing/ent/lineadjustment"
	"farthing/ent/purchaseline"
	"farthing/ent/schema"
	"farthing/ent/transfer"
	"farthing/internal/catalog"
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

// request is one checkout on its way through the till.
type request struct {
	claim    idempotency.Claim
	basket   Basket
	coupon   uuid.UUID // whose code was given; the zero id for none
	expected money.Amount
	actor    string
	weight   int // about how many products the basket comes down to

	outcome outcome
	done    chan struct{} // closed once outcome stands
}

// outcome is what was decided on a request: exactly one of purchase, recorded and err.
type outcome struct {
	// purchase is the new purchase, with what stands around it right after.
	purchase *ent.Purchase
	wallet   *ent.Account
	points   money.Amount
	// recorded is an earlier purchase under the same key; replayed is false when that one was made by this very request,
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
	rules      rewards.Rules

	shoppers map[uuid.UUID]bool
	claims   map[idempotency.Key]idempotency.Claim
	book     *wallet.Book
	badges   map[rewards.Held]bool
	ordinals map[uuid.UUID]int64

	claimed   []idempotency.Claim
	purchases []*ent.Purchase
	begun     []*ent.Trial
	converted []*ent.Trial
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
	st := &state{currencies: s.Currencies, rules: s.Rules}
	var err error
	if st.shoppers, err = identity.Lock(ctx, tx, shoppers...); err != nil {
		return nil, err
	}
	if err := catalog.Hold(ctx, tx); err != nil {
		return nil, err
	}
	now, client := s.now(), tx.Client()
	board, err := s.Offers.Boards.Held(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	if st.known, err = read(ctx, client, board, now, asked{shoppers, things, coupons}); err != nil {
		return nil, err
	}
	if st.stocks, err = offers.LockStocks(ctx, tx, st.limits()); err != nil {
		return nil, err
	}
	if st.claims, err = idempotency.Find(ctx, client, keys...); err != nil {
		return nil, err
	}
	if st.book, err = wallet.Load(ctx, client, now, shoppers...); err != nil {
		return nil, err
	}
	if st.badges, err = rewards.HeldBy(ctx, client, shoppers...); err != nil {
		return nil, err
	}
	if st.ordinals, err = lastOrdinals(ctx, client, shoppers); err != nil {
		return nil, err
	}
	return st, nil
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
	currency := st.currencies.Of(r.basket.Currency)
	q := question{shopper: shopper, currency: currency, items: r.basket.Items, coupon: r.coupon}
	result, err := st.price(q)
	if err != nil {
		return refused(tooDear()), nil //nolint:nilerr // A price beyond all amounts is a refusal, and so an outcome.
	}
	if err := result.Refusals.Err(); err != nil {
		return refused(err), nil
	}
	if result.Total != r.expected {
		quote := st.quote(q, result)
		if gone := st.gone(q, result, r.expected, quote); gone != nil {
			return refused(gone), nil
		}
		return refused(fault.New(fault.PriceChanged, "The total is %s, not %s.",
			money.Money{Amount: result.Total, Currency: currency}, money.Money{Amount: r.expected, Currency: currency}).
			At("expectedTotal").With(quote)), nil
	}
	if short := st.book.Affords(shopper, currency.Code, result.Total); short != nil {
		return refused(short), nil
	}
	points, err := st.earns(shopper, currency, result.Total)
	if err != nil {
		return refused(fault.New(fault.InvalidInput, "The purchase earns more points than a shopper can have.").At("items")), nil //nolint:nilerr // As above.
	}
	return st.sell(r, currency, result, points)
}

// tooDear is the refusal of a basket that has no price.
func tooDear() *fault.Fault {
	return fault.New(fault.InvalidInput, "The basket costs more than an amount can be.").At("items")
}

// holds is what is in a shopper's wallet, by where it came from.
func (st *state) holds(shopper uuid.UUID, code money.Code) wallet.Origins {
	if w := st.book.Wallet(shopper, code); w != nil {
		return wallet.OriginsOf(w)
	}
	return wallet.Origins{}
}

// earns is how many points a purchase that the shopper can afford earns: on that part of the total which was really paid
// for (rule 20). The error says that they are more than the shopper can have.
func (st *state) earns(shopper uuid.UUID, currency money.Currency, total money.Amount) (money.Amount, error) {
	spent := st.holds(shopper, currency.Code).Take(total)
	points, err := st.rules.Points(money.Money{Amount: spent.Paid, Currency: currency})
	if err != nil {
		return 0, err
	}
	if _, err := st.book.Points(shopper).Plus(points); err != nil {
		return 0, err
	}
	return points, nil
}

// replay is the outcome of a request whose key is claimed already.
func replay(r *request, earlier idempotency.Claim) outcome {
	if earlier.Fingerprint != r.claim.Fingerprint {
		return refused(idempotency.Reused("idempotencyKey"))
	}
	return outcome{recorded: earlier.ResultID, replayed: earlier.ResultID != r.claim.ResultID}
}

// sell notes everything that a purchase changes. All that could refuse it has been asked before.
func (st *state) sell(r *request, currency money.Currency, result pricing.Result, points money.Amount) (outcome, error) {
	shopper, code := r.claim.ShopperID, currency.Code
	p := &ent.Purchase{
		ID: r.claim.ResultID, ShopperID: shopper, Ordinal: st.ordinals[shopper] + 1, Currency: code,
		Subtotal: result.Subtotal, Total: result.Total, Points: points, Actor: r.actor, CreatedAt: st.now,
	}
	if p.Total > 0 {
		entry := wallet.Entry{Kind: transfer.KindPURCHASE, PurchaseID: &p.ID, Actor: r.actor}
		if _, err := st.book.Debit(shopper, code, p.Total, account.KindREVENUE, entry); err != nil {
			return outcome{}, fmt.Errorf("debit what was afforded: %w", err)
		}
	}
	if p.Points > 0 {
		entry := wallet.Entry{Kind: transfer.KindPOINTS_EARNED, PurchaseID: &p.ID, Rule: rewards.PurchaseRule, Actor: r.actor}
		if err := st.book.Award(shopper, p.Points, entry); err != nil {
			return outcome{}, fmt.Errorf("award points: %w", err)
		}
	}
	for _, line := range result.Lines {
		for _, part := range line.Parts {
			st.handOver(p, line, part)
		}
	}
	for _, taken := range result.Taken {
		st.takeUnits(shopper, taken)
	}
	for _, badge := range rewards.Earned(p.Ordinal, func(code string) bool { return st.badges[rewards.Held{ShopperID: shopper, Badge: code}] }) {
		st.badges[rewards.Held{ShopperID: shopper, Badge: badge.Code}] = true
		p.Edges.Badges = append(p.Edges.Badges, &ent.BadgeAward{
			ID: id.New(), ShopperID: shopper, Badge: badge.Code, PurchaseID: p.ID, AwardedAt: st.now,
		})
	}
	st.ordinals[shopper] = p.Ordinal
	st.claims[r.claim.Key] = r.claim
	st.claimed = append(st.claimed, r.claim)
	st.purchases = append(st.purchases, p)
	return outcome{purchase: p, wallet: st.book.Wallet(shopper, code), points: st.book.Points(shopper)}, nil
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
	if trial := st.trials[good]; trial != nil && trial.ConvertedBy == nil {
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

// lineRows is how many lines one statement writes: they have 17 columns, and SQLite takes 32,766 variables.
const lineRows = 1_500

// apply writes what was decided on the whole batch, table by table.
func (st *state) apply(ctx context.Context, tx *ent.Tx) error {
	if len(st.purchases) == 0 {
		return nil
	}
	if err := st.book.Apply(ctx, tx); err != nil {
		return err
	}
	var lines []*ent.PurchaseLineCreate
	var adjustments []*ent.LineAdjustmentCreate
	var granted []*ent.Entitlement
	var awards []*ent.BadgeAward
	var events []notify.Event
	purchases := make([]*ent.PurchaseCreate, len(st.purchases))
	for i, p := range st.purchases {
		purchases[i] = tx.Purchase.Create().
			SetID(p.ID).SetShopperID(p.ShopperID).SetOrdinal(p.Ordinal).SetCurrency(p.Currency).
			SetSubtotal(p.Subtotal).SetTotal(p.Total).SetPoints(p.Points).SetActor(p.Actor).SetCreatedAt(p.CreatedAt)
		for _, l := range p.Edges.Lines {
			lines = append(lines, tx.PurchaseLine.Create().
				SetID(l.ID).SetPurchaseID(l.PurchaseID).SetPosition(l.Position).SetProductID(l.ProductID).
				SetKind(l.Kind).SetLanguage(l.Language).SetNames(l.Names).SetQuantity(l.Quantity).SetUnits(l.Units).
				SetUnitPrice(l.UnitPrice).SetSubtotal(l.Subtotal).SetTotal(l.Total).
				SetNillableBundleID(l.BundleID).SetNillableTrialOfferID(l.TrialOfferID))
			for _, a := range l.Edges.Adjustments {
				adjustments = append(adjustments, tx.LineAdjustment.Create().
					SetID(a.ID).SetLineID(a.LineID).SetPosition(a.Position).SetKind(a.Kind).SetSourceID(a.SourceID).
					SetRound(a.Round).SetLanguage(a.Language).SetNames(a.Names).SetAmount(a.Amount).SetUnits(a.Units))
			}
		}
		granted = append(granted, p.Edges.Entitlements...)
		awards = append(awards, p.Edges.Badges...)
		events = append(events, st.event(p))
	}
	if err := tx.Purchase.CreateBulk(purchases...).Exec(ctx); err != nil {
		return fmt.Errorf("write purchases: %w", err)
	}
	for chunk := range slices.Chunk(lines, lineRows) {
		if err := tx.PurchaseLine.CreateBulk(chunk...).Exec(ctx); err != nil {
			return fmt.Errorf("write purchase lines: %w", err)
		}
	}
	for chunk := range slices.Chunk(adjustments, lineRows) {
		if err := tx.LineAdjustment.CreateBulk(chunk...).Exec(ctx); err != nil {
			return fmt.Errorf("write adjustments of lines: %w", err)
		}
	}
	if err := held.Grant(ctx, tx, granted...); err != nil {
		return err
	}
	if err := held.BeginTrials(ctx, tx, st.begun...); err != nil {
		return err
	}
	if err := held.ConvertTrials(ctx, tx, st.converted...); err != nil {
		return err
	}
	if err := rewards.Award(ctx, tx, awards...); err != nil {
		return err
	}
	if err := idempotency.Write(ctx, tx, st.now, st.claimed...); err != nil {
		return err
	}
	if err := notify.Record(ctx, tx, st.now, events...); err != nil {
		return err
	}
	return st.take.Write(ctx, tx) // the rows that everybody shares come last
}

// event is what the outbox says of a purchase.
func (st *state) event(p *ent.Purchase) notify.Event {
	currency := st.currencies.Of(p.Currency)
	return notify.Event{Topic: notify.PurchaseCompleted, ShopperID: p.ShopperID, Payload: map[string]string{
		"purchaseId": id.Encode(id.Purchase, p.ID),
		"currency":   string(p.Currency),
		"total":      currency.Format(p.Total),
		"points":     money.Points().Format(p.Points),
	}}
}
