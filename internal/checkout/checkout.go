// Package checkout is the sale: what a basket costs, and buying it.
//
// It promises that a checkout happens all or not at all, exactly once for every idempotency key, at the price that the
// client has shown, and never for a good that is owned already (rules 7–12). Everything it does for one purchase (claim
// of the key, debit, entitlements, points, badges, the event for others) is one transaction.
//
// Requests go through a till, which takes those that came while the last transaction was committing into one: it loads
// what they need under lock, decides on each in plain Go, writes what was decided set-wise and commits (till.go,
// decide.go). Prices are internal/pricing's; the catalogue's, a quote's and the till's are made from the same knowledge in
// the same way, so that they cannot disagree (known.go).
package checkout

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/recent"
	"farthing/internal/rewards"
)

// operation is the name under which a checkout claims its key.
const operation = "checkout"

// Config is what the shop decides about checkouts.
type Config struct {
	// Currencies are those that the shop trades in.
	Currencies *money.Currencies
	// Rewards are what buying earns.
	Rewards *rewards.Service
	// Offers are what makes prices lower than list prices.
	Offers *offers.Service
	// Limiter decides how many checkouts may come, and how many codes of coupons.
	Limiter guard.Limiter
	// PerShopper and PerAddress are the limits on checkouts by shopper and by client address.
	PerShopper, PerAddress guard.Limit
	// CodesPerShopper and CodesPerAddress are the limits on codes of coupons, good or wrong, at quotes and checkouts
	// together: they are what keeps codes from being guessed.
	CodesPerShopper, CodesPerAddress guard.Limit
	// Clock gives the current instant.
	Clock func() time.Time
	// Logger hears of batches that had to be taken apart.
	Logger *slog.Logger
	// Delay is how old the prices and stocks may be that the catalogue shows (Facts); zero for not at all. What is the
	// shopper's own is always read, and quotes and checkouts never look at anything old.
	Delay time.Duration
	// Observe is told about every batch, for metrics; may be nil.
	Observe func(Batch)
}

// Service is the verbs of the sale.
type Service struct {
	db *db.DB
	Config
	till *till
	// shelf is what the catalogue shows for a moment.
	shelf *recent.Values[struct{}, *shelf]
}

// New makes the service and opens its till. Close it when done.
func New(d *db.DB, config Config) *Service {
	s := &Service{db: d, Config: config, shelf: recent.New[struct{}, *shelf](1, config.Clock)}
	s.till = openTill(s.run, config.Clock)
	return s
}

// Close closes the till: what is queued is still served, what comes later is refused as OVERLOADED.
func (s *Service) Close() { s.till.close() }

// Input is a checkout as the client asked for it.
type Input struct {
	IdempotencyKey string
	Basket         Basket
	// ExpectedTotal is the total that the client has shown.
	ExpectedTotal money.Amount
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Result is what became of a checkout.
type Result struct {
	// Purchase is the record, with its lines and entitlements, and its refund if there is one; nil when the checkout was refused.
	Purchase *ent.Purchase
	// Replayed says that the key had been used before, and this is the purchase of that time.
	Replayed bool
	// Wallet is the wallet that was paid from, as it is now; nil when there is none (a free purchase needs none).
	Wallet *ent.Account
	// Earned is what it earned; nil for a shopper who has turned rewards off.
	Earned *ent.RewardEntry
	// Points is how many points the shopper has now; below zero for a debt.
	Points money.Amount
	// Limit is where the caller stands with the rate limit. It is there for refusals too.
	Limit guard.Decision
}

// Checkout buys a basket for the shopper who calls.
//
// A caller who goes away abandons the waiting, never the purchase: it is then either made or not, and a repeat with the
// same key tells which.
func (s *Service) Checkout(ctx context.Context, in Input) (Result, error) {
	caller := actor.From(ctx)
	decision, err := s.limit(ctx, caller)
	if err != nil {
		return Result{}, err
	}
	result := Result{Limit: decision}
	r, err := newRequest(caller, in)
	if err != nil {
		return result, err
	}
	if err := s.validate(in); err != nil {
		if len(in.Malformed) > 0 {
			return result, err // what could not be read is no repeat of anything, though what stands in its place might be
		}
		return s.unlessRepeated(ctx, r, result, err)
	}
	if !decision.Allowed {
		return s.unlessRepeated(ctx, r, result, decision.Err())
	}
	var unknown bool
	if r.coupon, unknown, err = s.coupon(ctx, in.Basket.CouponCode); err != nil {
		return s.unlessRepeated(ctx, r, result, err)
	}
	if unknown {
		return s.unlessRepeated(ctx, r, result, couponNotValid())
	}
	r.weight = s.Offers.Boards.Weight(in.Basket.things())
	if err := s.till.do(ctx, r); err != nil {
		return result, err
	}
	return s.answer(ctx, r, result)
}

// newRequest makes of an input what comes to the till. The purchase's id is chosen here, before the first attempt.
func newRequest(caller actor.Actor, in Input) (*request, error) {
	fingerprint, err := in.fingerprint()
	if err != nil {
		return nil, err
	}
	return &request{
		claim: idempotency.Claim{
			Key:         idempotency.Key{ShopperID: caller.ShopperID, Operation: operation, Text: in.IdempotencyKey},
			Fingerprint: fingerprint, ResultID: id.New(),
		},
		basket: in.Basket, expected: in.ExpectedTotal, caller: caller,
		done: make(chan struct{}),
	}, nil
}

// limit asks the rate limiter, by shopper and by client address.
func (s *Service) limit(ctx context.Context, caller actor.Actor) (guard.Decision, error) {
	buckets := []guard.Bucket{
		guard.ByShopper(operation, caller.ShopperID, s.PerShopper),
		guard.ByAddress(operation, caller.Address, s.PerAddress),
	}
	decision, err := s.Limiter.Allow(ctx, buckets...)
	if err != nil {
		return decision, fmt.Errorf("ask the rate limiter: %w", err)
	}
	return decision, nil
}

// guesses are the buckets that codes of coupons are counted in. A visitor is known by the address alone.
func (s *Service) guesses(caller actor.Actor) []guard.Bucket {
	const operation = "coupon"
	byAddress := guard.ByAddress(operation, caller.Address, s.CodesPerAddress)
	if caller.ShopperID == uuid.Nil {
		return []guard.Bucket{byAddress}
	}
	return []guard.Bucket{guard.ByShopper(operation, caller.ShopperID, s.CodesPerShopper), byAddress}
}

// unlessRepeated refuses a checkout before it comes to the till: one that came too soon, or that is wrong by itself. A
// repeat of a committed purchase is let through. It costs one look-up, and a client that lost the answer must be able to
// learn it, even when the shop has meanwhile given up the currency.
func (s *Service) unlessRepeated(ctx context.Context, r *request, result Result, refusal error) (Result, error) {
	if idempotency.Validate("idempotencyKey", r.claim.Text) != nil {
		return result, refusal
	}
	claims, err := idempotency.Find(ctx, s.db.Client(), r.claim.Key)
	if err != nil {
		return result, err
	}
	if earlier, ok := claims[r.claim.Key]; ok && earlier.Fingerprint == r.claim.Fingerprint {
		r.outcome = replay(r, earlier)
		return s.answer(ctx, r, result)
	}
	return result, refusal
}

// answer turns the outcome of a request into what the caller sees.
func (s *Service) answer(ctx context.Context, r *request, result Result) (Result, error) {
	o := r.outcome
	switch {
	case o.err != nil:
		return result, o.err
	case o.purchase != nil:
		result.Purchase, result.Wallet, result.Points, result.Earned = o.purchase, o.wallet, o.points, o.earned
		return result, nil
	}
	// A repeat: the purchase is read as it was recorded, the wallet and the points as they are now.
	client, shopper := s.db.Client(), r.claim.ShopperID
	purchase, err := ByID(ctx, client, shopper, o.recorded)
	if err != nil {
		return result, err
	}
	book, err := s.book(ctx, client, shopper)
	if err != nil {
		return result, err
	}
	result.Purchase, result.Replayed = purchase, o.replayed
	result.Wallet = book.Wallet(shopper, purchase.Currency)
	result.Earned, result.Points, err = s.Rewards.OfPurchase(ctx, client, shopper, purchase.ID)
	return result, err
}

// validate finds everything that is wrong with an input by itself.
func (s *Service) validate(in Input) error {
	var faults fault.List
	faults.AddIf(idempotency.Validate("idempotencyKey", in.IdempotencyKey))
	in.Basket.validate(&faults, s.Currencies)
	if currency, traded := s.Currencies.Priced(in.Basket.Currency); traded {
		switch {
		case in.ExpectedTotal < 0:
			faults.Add(fault.Input("expectedTotal", "A total is not below 0."))
		case !currency.IsWhole(in.ExpectedTotal):
			faults.Add(fault.Input("expectedTotal", "%s has %d decimals.", currency.Code, currency.MinorUnit))
		}
	}
	return fault.Merge(in.Malformed, faults).Err()
}

// fingerprint is over what the client sent: the currency, the total it showed, the basket with equal items put together
// and sorted, so that the order in which a client lists them makes no other request, the code of a coupon as it
// counts, and points to redeem. A basket without these has the fingerprint that it had before they were there.
func (in Input) fingerprint() (idempotency.Fingerprint, error) {
	content := []any{in.Basket.Currency, in.ExpectedTotal, in.Basket.canonical()}
	if code := in.Basket.CouponCode; code != "" {
		content = append(content, offers.FoldCode(code))
	}
	if points := in.Basket.RedeemPoints; points != 0 {
		content = append(content, []any{"points", points})
	}
	return idempotency.FingerprintOf(content...)
}

// Owned is what an ALREADY_OWNED fault tells: a product and what makes it owned, or a bundle of which everything is.
type Owned struct {
	Product     *ent.Product
	Entitlement *ent.Entitlement
	Bundle      *ent.Bundle
}

// Unavailable is what a NOT_AVAILABLE fault tells: what cannot be bought.
type Unavailable struct {
	Product *ent.Product
	Bundle  *ent.Bundle
	Trial   *ent.TrialOffer
}

// TrialUsed is what a TRIAL_USED fault tells.
type TrialUsed struct{ Offer *ent.TrialOffer }

// SoldOut is what a SOLD_OUT fault tells: how many units are left of a sale, and what the basket costs without it.
type SoldOut struct {
	Remaining int64
	Sale      *ent.FlashSale
	Quote     *Quote
}

// LimitReached is what a LIMIT_REACHED fault tells: how many units of a sale a shopper gets and has had, when they count
// anew (nil for never), and what the basket costs without it.
type LimitReached struct {
	Limit, Used int64
	ResetsAt    *time.Time
	Quote       *Quote
}

// now is the current instant as both stores keep it.
func (s *Service) now() time.Time { return s.Clock().UTC().Truncate(time.Microsecond) }

// ids lists what some requests name, each once.
func ids[T any](of []T, name func(T) []uuid.UUID) []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var list []uuid.UUID
	for _, one := range of {
		for _, id := range name(one) {
			if !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	return list
}
