package graph

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"farthing/graph/graphqlhttp"
	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/checkout"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/money"
)

// basket reads the items of a basket, and tells what of it cannot be read.
func basket(
	currency money.Code, items []model.BasketItemInput, coupon graphql.Omittable[*string], points graphql.Omittable[*model.Decimal],
) (checkout.Basket, fault.List) {
	b := checkout.Basket{Currency: currency, Items: make([]checkout.Item, len(items)), CouponCode: orZero(coupon)}
	var faults fault.List
	if redeem := points.Value(); redeem != nil {
		b.RedeemPoints = redeem.Amount()
		faults.AddIf(redeem.Fault("redeemPoints"))
	}
	// A basket that is too long is refused as such, and not for each of its items.
	for i, item := range items[:min(len(items), checkout.MaxItems)] {
		path := "items." + strconv.Itoa(i)
		_, thing, err := id.ParseOneOf(item.ID, id.Product, id.Bundle, id.TrialOffer)
		if err != nil {
			faults.Add(fault.Input(path+".id", "%s.", err))
		}
		b.Items[i] = checkout.Item{ID: thing, Quantity: int64(item.Quantity), Choices: make([]uuid.UUID, len(item.Choices))}
		for j, text := range item.Choices[:min(len(item.Choices), checkout.MaxChoices)] {
			if b.Items[i].Choices[j], err = parseID(id.Product, path+".choices."+strconv.Itoa(j), text); err != nil {
				faults = append(faults, fault.From(err)...)
			}
		}
	}
	return b, faults
}

// quoteInput reads what to price, and for whom. For another time or another shopper only merchandisers may ask.
func quoteInput(ctx context.Context, in model.QuoteInput, at *time.Time, as *string) (checkout.QuoteInput, error) {
	if at != nil || as != nil {
		if refusal := allowed(actor.From(ctx), []actor.Role{actor.Merchandiser, actor.Admin}); refusal != nil {
			return checkout.QuoteInput{}, refusal
		}
	}
	wanted, malformed := basket(in.Currency, in.Items, in.CouponCode, in.RedeemPoints)
	out := checkout.QuoteInput{Basket: wanted, At: at, Malformed: malformed}
	if as != nil {
		var err error
		out.As, err = parseID(id.Shopper, "as", *as)
		out.Malformed = append(out.Malformed, fault.From(err)...)
	}
	return out, nil
}

// setRateLimit tells in headers what the payload tells in data. Of several checkouts in a document the last one counts.
func setRateLimit(ctx context.Context, d guard.Decision) {
	headers := http.Header{}
	guard.SetHeaders(headers, d)
	for name := range headers {
		graphqlhttp.SetHeader(ctx, name, headers.Get(name))
	}
}

// quote shows a quote. The refusals in it are errors of the quote, not of the request.
func (r *Resolver) quote(q *checkout.Quote) model.Quote {
	errors := make([]model.UserError, len(q.Refusals))
	for i, f := range q.Refusals {
		errors[i] = r.refusal(f)
	}
	return model.NewQuote(q, errors, r.Currencies)
}

// refusedQuote is the quote of a basket that cannot be priced at all.
func (r *Resolver) refusedQuote(currency money.Code, refusals []model.UserError) model.Quote {
	empty := &checkout.Quote{Currency: r.Currencies.Of(currency), At: r.Clock()}
	return model.NewQuote(empty, refusals, r.Currencies)
}
