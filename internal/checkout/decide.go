package checkout

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/account"
	"farthing/ent/entitlement"
	"farthing/ent/product"
	"farthing/ent/purchaseline"
	"farthing/ent/transfer"
	"farthing/internal/catalog"
	held "farthing/internal/entitlement"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// request is one checkout on its way through the till.
type request struct {
	claim    idempotency.Claim
	basket   Basket
	expected money.Amount
	actor    string

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
	now        time.Time
	currencies *money.Currencies
	rules      rewards.Rules

	shoppers map[uuid.UUID]bool
	claims   map[idempotency.Key]idempotency.Claim
	book     *wallet.Book
	products map[uuid.UUID]*ent.Product
	owned    map[held.Good]*ent.Entitlement
	badges   map[rewards.Held]bool
	ordinals map[uuid.UUID]int64

	claimed   []idempotency.Claim
	purchases []*ent.Purchase
}

// load reads what a batch needs. The shoppers' locks come first and in the order of ids, as everywhere; all other reads
// are statements of their own after that, so that they see what the holder before has committed.
func (s *Service) load(ctx context.Context, tx *ent.Tx, batch []*request, now time.Time) (*state, error) {
	shoppers := ids(batch, func(r *request) []uuid.UUID { return []uuid.UUID{r.claim.ShopperID} })
	products := ids(batch, func(r *request) []uuid.UUID {
		return ids(r.basket.Items, func(i Item) []uuid.UUID { return []uuid.UUID{i.ID} })
	})
	keys := make([]idempotency.Key, len(batch))
	for i, r := range batch {
		keys[i] = r.claim.Key
	}
	st := &state{now: now, currencies: s.Currencies, rules: s.Rules}
	var err error
	if st.shoppers, err = identity.Lock(ctx, tx, shoppers...); err != nil {
		return nil, err
	}
	client := tx.Client()
	if st.claims, err = idempotency.Find(ctx, client, keys...); err != nil {
		return nil, err
	}
	if st.book, err = wallet.Load(ctx, client, now, shoppers...); err != nil {
		return nil, err
	}
	if st.products, err = catalog.ByIDs(ctx, client, products); err != nil {
		return nil, err
	}
	if st.owned, err = held.Owned(ctx, client, shoppers, products); err != nil {
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
	pricing, err := price(r.basket, currency, shelf{
		products: st.products,
		owned:    func(id uuid.UUID) *ent.Entitlement { return st.owned[held.Good{ShopperID: shopper, ProductID: id}] },
	}, st.now)
	if err != nil {
		return refused(tooDear()), nil //nolint:nilerr // A price beyond all amounts is a refusal, and so an outcome.
	}
	if err := pricing.Refusals.Err(); err != nil {
		return refused(err), nil
	}
	if pricing.Total != r.expected {
		return refused(fault.New(fault.PriceChanged, "The total is %s, not %s.",
			money.Money{Amount: pricing.Total, Currency: currency}, money.Money{Amount: r.expected, Currency: currency}).
			At("expectedTotal").With(st.quote(pricing, shopper))), nil
	}
	if short := st.book.Affords(shopper, currency.Code, pricing.Total); short != nil {
		return refused(short), nil
	}
	points, err := st.earns(shopper, pricing)
	if err != nil {
		return refused(fault.New(fault.InvalidInput, "The purchase earns more points than a shopper can have.").At("items")), nil //nolint:nilerr // As above.
	}
	return st.sell(r, pricing, points)
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
func (st *state) earns(shopper uuid.UUID, pricing Pricing) (money.Amount, error) {
	spent := st.holds(shopper, pricing.Currency.Code).Take(pricing.Total)
	points, err := st.rules.Points(money.Money{Amount: spent.Paid, Currency: pricing.Currency})
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
func (st *state) sell(r *request, pricing Pricing, points money.Amount) (outcome, error) {
	shopper, code := r.claim.ShopperID, pricing.Currency.Code
	p := &ent.Purchase{
		ID: r.claim.ResultID, ShopperID: shopper, Ordinal: st.ordinals[shopper] + 1, Currency: code,
		Subtotal: pricing.Subtotal, Total: pricing.Total, Points: points, Actor: r.actor, CreatedAt: st.now,
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
	for i, line := range pricing.Lines {
		st.handOver(p, i, line)
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

// handOver notes one line of a purchase and the entitlement that it gives.
func (st *state) handOver(p *ent.Purchase, position int, line PricedLine) {
	names := make(map[string]string, len(line.Product.Texts))
	for language, text := range line.Product.Texts {
		names[language] = text.Name
	}
	units := int64(line.Product.Units)
	p.Edges.Lines = append(p.Edges.Lines, &ent.PurchaseLine{
		ID: id.New(), PurchaseID: p.ID, Position: position, ProductID: line.Product.ID,
		Kind: purchaseline.Kind(line.Product.Kind), Language: line.Product.Language, Names: names,
		Quantity: line.Quantity, Units: units, UnitPrice: line.UnitPrice, Subtotal: line.Subtotal, Total: line.Total,
	})
	e := &ent.Entitlement{
		ID: id.New(), ShopperID: p.ShopperID, ProductID: line.Product.ID, PurchaseID: p.ID,
		Kind: entitlement.Kind(line.Product.Kind), Status: entitlement.StatusACTIVE,
		Units: units * line.Quantity, Remaining: units * line.Quantity, GrantedAt: st.now,
	}
	p.Edges.Entitlements = append(p.Edges.Entitlements, e)
	if line.Product.Kind == product.KindDURABLE {
		st.owned[held.Good{ShopperID: p.ShopperID, ProductID: line.Product.ID}] = e
	}
}

// apply writes what was decided on the whole batch, table by table. The sizes of the till keep every statement below the
// 32,766 variables that SQLite takes.
func (st *state) apply(ctx context.Context, tx *ent.Tx) error {
	if len(st.purchases) == 0 {
		return nil
	}
	if err := st.book.Apply(ctx, tx); err != nil {
		return err
	}
	var lines []*ent.PurchaseLineCreate
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
				SetUnitPrice(l.UnitPrice).SetSubtotal(l.Subtotal).SetTotal(l.Total))
		}
		granted = append(granted, p.Edges.Entitlements...)
		awards = append(awards, p.Edges.Badges...)
		events = append(events, st.event(p))
	}
	if err := tx.Purchase.CreateBulk(purchases...).Exec(ctx); err != nil {
		return fmt.Errorf("write purchases: %w", err)
	}
	if err := tx.PurchaseLine.CreateBulk(lines...).Exec(ctx); err != nil {
		return fmt.Errorf("write purchase lines: %w", err)
	}
	if err := held.Grant(ctx, tx, granted...); err != nil {
		return err
	}
	if err := rewards.Award(ctx, tx, awards...); err != nil {
		return err
	}
	if err := idempotency.Write(ctx, tx, st.now, st.claimed...); err != nil {
		return err
	}
	return notify.Record(ctx, tx, st.now, events...)
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
