package graph

import (
	"context"
	"net/http"
	"strconv"

	"farthing/graph/graphqlhttp"
	"farthing/graph/model"
	"farthing/internal/checkout"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/money"
)

// basket reads the items of a basket, and tells which ids are none.
func basket(currency money.Code, items []model.BasketItemInput) (checkout.Basket, fault.List) {
	b := checkout.Basket{Currency: currency, Items: make([]checkout.Item, len(items))}
	var faults fault.List
	// A basket that is too long is refused as such, and not for each of its items.
	for i, item := range items[:min(len(items), checkout.MaxItems)] {
		product, err := parseID(id.Product, "items."+strconv.Itoa(i)+".id", item.ID)
		if err != nil {
			faults = append(faults, fault.From(err)...)
		}
		b.Items[i] = checkout.Item{ID: product, Quantity: int64(item.Quantity)}
	}
	return b, faults
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
	empty := &checkout.Quote{Pricing: checkout.Pricing{Currency: r.Currencies.Of(currency), At: r.Clock()}}
	return model.NewQuote(empty, refusals, r.Currencies)
}
