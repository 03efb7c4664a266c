// Package graph is the door: it turns what clients ask for in GraphQL into verbs of the domains, and what came of it
// into the schema's types. It decides nothing.
//
// The schema under graph/schema is written by hand, one file a domain, and is the list of what can be reached. Each has
// its resolvers beside it in <domain>.resolvers.go: translate, one verb, wrap. Refusals become UserErrors in errors.go,
// and nowhere else.
package graph

import (
	"time"

	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/entitlement"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// Resolver is what all resolvers stand on: the domains' services.
type Resolver struct {
	DB         *db.DB
	Currencies *money.Currencies
	Clock      func() time.Time
	Shoppers   *identity.Service
	Catalog    *catalog.Service
	Offers     *offers.Service
	Wallets    *wallet.Service
	Rewards    *rewards.Service
	Till       *checkout.Service

	Entitlements *entitlement.Service

	// Delay is how old lowest prices may be that a page shows; zero for not at all.
	Delay time.Duration
}
