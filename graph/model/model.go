// Package model is what the door shows: the schema's types, each a thin view of what a domain has read. Views know how
// an amount is written, which language is wanted and what an id looks like from the outside, and nothing else; what they
// would have to fetch is a resolver's.
package model

import (
	"context"
	"time"

	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
)

// Node is anything that has an id of its own.
type Node interface{ IsNode() }

// Purchasable is anything that can be in a basket.
type Purchasable interface{ IsPurchasable() }

// Offer is anything that is offered for a price of its own or at a lower price.
type Offer interface{ IsOffer() }

// UserError is a refusal as the client sees it.
type UserError interface{ IsUserError() }

// Money is an amount of one currency, written with the currency's own number of decimals.
type Money struct {
	Amount   Decimal
	Currency money.Code
}

// NewMoney writes an amount of a currency.
func NewMoney(currency money.Currency, amount money.Amount) Money {
	return Money{Amount: Decimal{amount: amount, text: currency.Format(amount)}, Currency: currency.Code}
}

// NewPoints writes an amount of points.
func NewPoints(amount money.Amount) Money { return NewMoney(money.Points(), amount) }

// PageInfo says where a page begins and ends.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// connection is a page of a list as the schema's connections have it.
type connection[Edge, Node any] struct {
	Edges    []Edge
	Nodes    []Node
	PageInfo PageInfo
	count    func(context.Context) (int, error)
}

// TotalCount counts the whole list. It is asked only when the client asks.
func (c connection[Edge, Node]) TotalCount(ctx context.Context) (int, error) { return c.count(ctx) }

// connect shows a page: see turns what was read into a view, edge puts it beside its cursor.
func connect[Row, Edge, Node any](
	p page.Page[Row], count func(context.Context) (int, error), see func(Row) Node, edge func(string, Node) Edge,
) connection[Edge, Node] {
	c := connection[Edge, Node]{
		Edges: make([]Edge, len(p.Edges)), Nodes: make([]Node, len(p.Edges)),
		PageInfo: PageInfo{HasNextPage: p.HasNext, HasPreviousPage: p.HasPrevious}, count: count,
	}
	for i, row := range p.Edges {
		c.Nodes[i] = see(row.Node)
		c.Edges[i] = edge(row.Cursor, c.Nodes[i])
	}
	if n := len(p.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &p.Edges[0].Cursor, &p.Edges[n-1].Cursor
	}
	return c
}

// The refusals. All have what the interface has; some carry data.
type (
	// Refusal is what the interface has.
	Refusal struct {
		Code    fault.Code
		Message string
		Path    []string
	}

	// GeneralError is a refusal whose code says it all.
	GeneralError struct{ Refusal }
	// InvalidInputError says that a field of the input is wrong.
	InvalidInputError struct{ Refusal }
	// IdempotencyKeyReusedError says that the key was used before with other content.
	IdempotencyKeyReusedError struct{ Refusal }
	// CouponNotValidError says that a coupon's code is not good, and not why.
	CouponNotValidError struct{ Refusal }

	// InsufficientFundsError says what is missing in a wallet.
	InsufficientFundsError struct {
		Refusal
		Balance, Required, Shortfall Money
	}
	// PriceChangedError carries the new quote.
	PriceChangedError struct {
		Refusal
		Quote Quote
	}
	// AlreadyOwnedError carries what is owned, and what makes it so.
	AlreadyOwnedError struct {
		Refusal
		Product     *Product
		Entitlement *Entitlement
		Bundle      *Bundle
	}
	// AlreadyRefundedError carries the refund that there is.
	AlreadyRefundedError struct {
		Refusal
		Refund Refund
	}
	// NotAvailableError carries what cannot be bought.
	NotAvailableError struct {
		Refusal
		Product    *Product
		Bundle     *Bundle
		TrialOffer *TrialOffer
	}
	// SoldOutError carries the sale whose units are gone, and what the basket costs without it.
	SoldOutError struct {
		Refusal
		Remaining int64
		FlashSale *FlashSale
		Quote     Quote
	}
	// LimitReachedError says how many units of a sale one gets, and what the basket costs without it.
	LimitReachedError struct {
		Refusal
		Limit, Used int64
		ResetsAt    *time.Time
		Quote       Quote
	}
	// TrialUsedError carries the trial that there is not a second time.
	TrialUsedError struct {
		Refusal
		TrialOffer *TrialOffer
	}
	// ConflictError says which version a thing has by now.
	ConflictError struct {
		Refusal
		CurrentVersion *int
	}
	// RateLimitedError says how long to wait.
	RateLimitedError struct {
		Refusal
		RetryAfterMs int64
		Limit        RateLimitStatus
	}
	// OverloadedError says how long to wait.
	OverloadedError struct {
		Refusal
		RetryAfterMs int64
	}
)

// NewRefusal shows a fault.
func NewRefusal(f *fault.Fault) Refusal {
	return Refusal{Code: f.Code, Message: f.Message, Path: f.Path}
}

// IsUserError marks a refusal.
func (Refusal) IsUserError() {}
