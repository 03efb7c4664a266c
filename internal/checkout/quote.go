package checkout

import (
	"context"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// Quote is what a basket costs, and what that means for whoever asks.
type Quote struct {
	pricing.Result

	Currency money.Currency
	// At is the instant that it was decided for.
	At time.Time
	// Balance is what is in the shopper's wallet; nil for a visitor, and for whoever asks for somebody else.
	Balance *money.Amount
	// Shortfall is what is missing in it; nil for a visitor and when nothing is.
	Shortfall *money.Amount
	// Rewards are what the purchase would earn; nil when it cannot be told, and for a shopper who has turned rewards off.
	Rewards *rewards.Plan
	// Redeemable is the most points that could be redeemed for the basket; 0 for none.
	Redeemable money.Amount

	known *known
	rules *earning.Rulebook
}

// Product is one that the quote names, with its prices; nil when it is not there.
func (q *Quote) Product(id uuid.UUID) *ent.Product {
	if q.known == nil {
		return nil
	}
	return q.known.products[id]
}

// Board is what was on offer.
func (q *Quote) Board() *offers.Board {
	if q.known == nil {
		return offers.NewBoard(0, nil, nil, nil, nil)
	}
	return q.known.board
}

// Label is what an offer of the quote is called: the language it is in by itself, and its texts.
func (q *Quote) Label(kind pricing.AdjustmentKind, source uuid.UUID) (language string, texts map[string]schema.Text) {
	if q.known == nil {
		return "", nil
	}
	if kind == pricing.ByPoints {
		return labelOfDiscount(q.rules)
	}
	return q.known.label(kind, source)
}

// QuoteInput asks what a basket costs.
type QuoteInput struct {
	Basket
	// At is the instant to price it for, not before now; nil for now.
	At *time.Time
	// As is the shopper to price it for; the zero id for whoever calls.
	As uuid.UUID
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Quote says what a basket costs: the caller now or, for those who may ask so, somebody else or later. Visitors may ask
// too. What a checkout would refuse is in the quote; the error is for input that cannot be priced.
func (s *Service) Quote(ctx context.Context, in QuoteInput) (*Quote, error) {
	now := s.now()
	var faults fault.List
	in.validate(&faults, s.Currencies)
	if in.At != nil && in.At.Before(now) {
		faults.Add(fault.Input("at", "What is past cannot be quoted; it is %s now.", now.Format(time.RFC3339)))
	}
	if err := fault.Merge(in.Malformed, faults).Err(); err != nil {
		return nil, err
	}
	if in.At != nil {
		now = *in.At
	}
	shopper := actor.From(ctx).ShopperID
	if in.As != uuid.Nil && in.As != shopper {
		if _, err := identity.ByID(ctx, s.db.Client(), in.As); err != nil {
			return nil, at("as", err)
		}
		shopper = in.As
	}
	coupon, unknown, err := s.coupon(ctx, in.CouponCode)
	if err != nil {
		return nil, err
	}
	st, err := s.view(ctx, now, shopper, asked{things: in.things(), coupons: coupons(coupon)})
	if err != nil {
		return nil, err
	}
	q := question{
		shopper: shopper, currency: s.Currencies.Of(in.Currency), items: in.Items, coupon: coupon, points: in.RedeemPoints,
	}
	result, err := st.price(q)
	if err != nil {
		return nil, tooDear()
	}
	if unknown {
		result.Refusals.Add(couponNotValid())
	}
	quote := st.quote(q, result)
	switch {
	case in.As != uuid.Nil && in.As != actor.From(ctx).ShopperID:
		quote.Balance, quote.Shortfall = nil, nil
	case shopper != uuid.Nil && len(quote.Refusals) == 0:
		if short := st.desk.Affords(shopper, in.RedeemPoints); short != nil {
			quote.Refusals.Add(short.At("redeemPoints"))
		}
	}
	return quote, nil
}

// at puts a fault of somebody else at a field of the input.
func at(path string, err error) error {
	if faults := fault.From(err); len(faults) > 0 {
		return faults[0].At(path)
	}
	return err
}

func coupons(id uuid.UUID) []uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return []uuid.UUID{id}
}

// coupon finds the coupon of a code, under the limit on guesses. Whether it counts is decided with the price; unknown
// says that there is none.
func (s *Service) coupon(ctx context.Context, code string) (id uuid.UUID, unknown bool, err error) {
	if code == "" {
		return uuid.Nil, false, nil
	}
	caller := actor.From(ctx)
	decision, err := s.Limiter.Allow(ctx, s.guesses(caller)...)
	switch {
	case err != nil:
		return uuid.Nil, false, err
	case !decision.Allowed:
		return uuid.Nil, false, decision.Err()
	}
	row, err := s.Offers.FindCoupon(ctx, s.db.Client(), code)
	switch {
	case err != nil:
		return uuid.Nil, false, err
	case row == nil:
		return uuid.Nil, true, nil
	}
	return row.ID, false, nil
}

// view reads what it takes to price things for a shopper, or a visitor, outside of the till.
func (s *Service) view(ctx context.Context, now time.Time, shopper uuid.UUID, a asked) (*state, error) {
	if shopper != uuid.Nil {
		a.shoppers = []uuid.UUID{shopper}
	}
	board, err := s.Offers.Boards.Current(ctx)
	if err != nil {
		return nil, err
	}
	products, err := s.Offers.Boards.Products(ctx, board, board.Needed(a.things))
	if err != nil {
		return nil, err
	}
	client := s.db.Client()
	st := &state{currencies: s.Currencies}
	if st.known, err = read(ctx, client, board, products, now, a); err != nil {
		return nil, err
	}
	if err := st.readTaken(ctx, client, st.limits(), a.shoppers); err != nil {
		return nil, err
	}
	if st.rules, err = s.Rewards.Rulebooks.Current(ctx); err != nil || shopper == uuid.Nil {
		return st, err
	}
	if st.book, err = wallet.Load(ctx, client, now, shopper); err != nil {
		return nil, err
	}
	st.desk, err = rewards.OpenDesk(ctx, client, rewards.Seating{
		Book: st.book, Rules: st.rules, Revision: board.Revision, Now: now, Shoppers: a.shoppers, Spending: a.shoppers,
	})
	return st, err
}

// quote adds to a price what it means for a shopper; uuid.Nil is a visitor.
func (st *state) quote(asked question, result pricing.Result) *Quote {
	q := &Quote{Result: result, Currency: asked.currency, At: st.now, known: st.known, rules: st.rules}
	spent, shopper := wallet.Origins{Paid: result.Total}, asked.shopper
	if shopper != uuid.Nil {
		there := st.holds(shopper, asked.currency.Code)
		q.Balance = new(there.Total())
		if missing := result.Total - there.Total(); missing > 0 {
			q.Shortfall = &missing
			there.Paid += missing // it would have to be topped up, and a top-up is paid for
		}
		spent = there.Take(result.Total)
		if !st.desk.Enabled(shopper) {
			return q
		}
	}
	if asked.currency.Code != money.PointsCode {
		q.Redeemable = st.redeemable(result.Total+result.Redeemed, asked.currency)
	}
	// A basket that earns more points than an amount can be will be refused itself: none to show then.
	if plan, err := st.plan(asked, result, spent); err == nil {
		q.Rewards = &plan
	}
	return q
}
