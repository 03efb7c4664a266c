// Package actor says who is calling. The door puts an Actor into the context of a request; verbs read it from there.
//
// A context without an actor is an anonymous visitor: it may browse and nothing else.
package actor

import (
	"context"
	"slices"

	"github.com/google/uuid"
)

// Role is what a caller may do. The schema's Role enum holds the same words.
type Role string

// The roles of DOMAIN rule 28.
const (
	// Shopper buys for itself. A service that acts for a shopper holds it for the length of the request.
	Shopper Role = "SHOPPER"
	// Merchandiser sets up what is sold.
	Merchandiser Role = "MERCHANDISER"
	// Support looks after shoppers.
	Support Role = "SUPPORT"
	// Admin may correct wallets and change settings.
	Admin Role = "ADMIN"
	// Service is a storefront's or a payment provider's server.
	Service Role = "SERVICE"
)

// Roles lists every role.
func Roles() []Role { return []Role{Shopper, Merchandiser, Support, Admin, Service} }

// Actor is the caller of one request.
type Actor struct {
	// Subject is the caller's name at the issuer of its token; it is what an audit shows.
	Subject string
	// Roles are what the token grants.
	Roles []Role
	// ShopperID is the shopper the request acts for; uuid.Nil for everybody who is not, and does not act for, a shopper.
	ShopperID uuid.UUID
	// Address is the client's network address as far as trusted proxies vouch for it. Empty outside HTTP.
	Address string
}

// Anonymous says whether nobody has identified themselves.
func (a Actor) Anonymous() bool { return a.Subject == "" }

// Has says whether the actor holds at least one of the roles.
func (a Actor) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(a.Roles, r) })
}

type contextKey struct{}

// With returns a context in which this actor is calling.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, contextKey{}, a)
}

// From returns who is calling; the zero Actor is an anonymous visitor.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(contextKey{}).(Actor)
	return a
}

// Name is the actor's subject for records of who did what; "system" when the shop itself did it.
func (a Actor) Name() string {
	if a.Anonymous() {
		return "system"
	}
	return a.Subject
}
