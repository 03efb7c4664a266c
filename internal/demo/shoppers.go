package demo

import (
	"farthing/internal/actor"
	"farthing/internal/money"
)

// Caller is somebody to try the shop as.
type Caller struct {
	// Subject is the one for the caller's token.
	Subject string
	// Role is what the token is to grant.
	Role actor.Role
	// Note says in a few words what there is to see.
	Note string
}

// The callers who are not shoppers.
const (
	merchandiser = "merchandiser"
	admin        = "admin"
)

// Callers are those to make tokens for: the shoppers first, and of them first the one who has not bought anything yet.
func Callers() []Caller {
	var callers []Caller
	for _, who := range shoppers() {
		callers = append(callers, Caller{Subject: who.subject, Role: actor.Shopper, Note: who.note})
	}
	return append(callers,
		Caller{Subject: merchandiser, Role: actor.Merchandiser, Note: "sets up what is sold"},
		Caller{Subject: admin, Role: actor.Admin, Note: "fills and corrects wallets"},
	)
}

// shopper is a customer of the demonstration.
type shopper struct {
	subject, note string
	// credits are what goes into the wallets; of each currency at most one of either sort.
	credits []credit
	// bought are the purchases of the past. New ones go to the end: their places are in their idempotency keys.
	bought []basket
}

// credit is money that was paid in, or, with a reason, given by the shop.
type credit struct {
	currency money.Code
	amount   string
	reason   string
}

type basket struct {
	currency money.Code
	items    []item
}

type item struct {
	slug     string
	quantity int64
}

// welcome is the reason for what the shop gives.
const welcome = "Welcome to the shop"

func shoppers() []shopper {
	return []shopper{
		{
			subject: "shopper-1", note: "full wallets in four currencies",
			credits: []credit{
				{currency: "USD", amount: "25.00"}, // all of it paid for, so that the first purchase earns points
				{currency: "EUR", amount: "15.00"},
				{currency: "EUR", amount: "5.00", reason: welcome},
				{currency: "KRW", amount: "30000"},
				{currency: "GEM", amount: "400"},
				{currency: "GEM", amount: "100", reason: welcome},
			},
		},
		{
			subject: "shopper-2", note: "begins with three purchases, a badge and some points",
			credits: []credit{
				{currency: "USD", amount: "10.00"},
				{currency: "EUR", amount: "5.00"},
				{currency: "EUR", amount: "2.00", reason: welcome},
				{currency: "GEM", amount: "60", reason: welcome},
			},
			bought: []basket{
				{currency: "USD", items: []item{{"a-modest-proposal", 1}, {"hound-of-the-baskervilles-1", 1}}},
				{currency: "EUR", items: []item{{"great-wave", 1}, {"young-hare", 1}}},
				{currency: "GEM", items: []item{{"lighthouse-keeper-hints", 2}}},
			},
		},
		{
			subject: "shopper-3", note: "begins with fifteen cents",
			credits: []credit{{currency: "USD", amount: "0.15"}},
		},
	}
}
