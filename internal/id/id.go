// Package id is how things are named on the outside: a TypeID, which is a prefix that tells the kind and the UUID behind
// it, as in prd_01h455vb4pex5vsknk084sn02q. Inside the shop an id is the bare UUID.
package id

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.jetify.com/typeid"
)

// Kind is what an id names: its prefix.
type Kind string

// The kinds of things that have an id on the outside.
const (
	Product     Kind = "prd"
	Purchase    Kind = "pur"
	Wallet      Kind = "wal"
	Shopper     Kind = "shp"
	Entitlement Kind = "ent"
	Transfer    Kind = "trf"
	Bundle      Kind = "bdl"
	TrialOffer  Kind = "trl"
	FlashSale   Kind = "sal"
	TierPlan    Kind = "tir"
	Coupon      Kind = "cpn"
	AuditEntry  Kind = "aud"
	RewardRule  Kind = "rul"
	RewardEntry Kind = "rwd"
	Refund      Kind = "rfd"
)

// nouns are what messages call one of each kind.
var nouns = map[Kind]string{
	Product: "a product", Purchase: "a purchase", Wallet: "a wallet",
	Shopper: "a shopper", Entitlement: "an entitlement", Transfer: "a transfer",
	Bundle: "a bundle", TrialOffer: "a trial offer", FlashSale: "a flash sale", TierPlan: "a tier plan", Coupon: "a coupon",
	AuditEntry: "an audit entry", RewardRule: "a reward rule", RewardEntry: "a reward entry", Refund: "a refund",
}

// New makes a UUIDv7: unique, and greater than those made before by this process.
func New() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Encode writes the id of a thing for the outside.
func Encode(kind Kind, id uuid.UUID) string {
	// A prefix of this package and 16 bytes always make a TypeID.
	return typeid.Must(typeid.FromUUIDBytesWithPrefix(string(kind), id[:])).String()
}

// Decode reads an id of any kind from the outside. Its error is a sentence fit for the caller.
func Decode(text string) (Kind, uuid.UUID, error) {
	tid, err := typeid.FromString(text)
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("%s is not an id", quote(text))
	}
	kind := Kind(tid.Prefix())
	if _, known := nouns[kind]; !known {
		return "", uuid.Nil, fmt.Errorf("%s is not an id of anything here", quote(text))
	}
	return kind, uuid.UUID(tid.UUIDBytes()), nil
}

// Parse reads an id of one kind from the outside. Its error is a sentence fit for the caller, and says so when the id
// belongs to something else.
func Parse(kind Kind, text string) (uuid.UUID, error) {
	_, id, err := ParseOneOf(text, kind)
	return id, err
}

// ParseOneOf is Parse for an id that may be of several kinds.
func ParseOneOf(text string, kinds ...Kind) (Kind, uuid.UUID, error) {
	got, id, err := Decode(text)
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("%w: %s is wanted", err, anyOf(kinds))
	}
	if !slices.Contains(kinds, got) {
		return "", uuid.Nil, fmt.Errorf("%s is the id of %s, and %s is wanted", quote(text), nouns[got], anyOf(kinds))
	}
	return got, id, nil
}

// anyOf lists kinds: "a product (prd_…) or a bundle (bdl_…)".
func anyOf(kinds []Kind) string {
	var list strings.Builder
	for i, kind := range kinds {
		switch {
		case i > 0 && i == len(kinds)-1:
			list.WriteString(" or ")
		case i > 0:
			list.WriteString(", ")
		}
		fmt.Fprintf(&list, "%s (%s_…)", nouns[kind], kind)
	}
	return list.String()
}

// quote shows what the caller sent, cut to a length that no message is flooded by.
func quote(text string) string {
	const most = 60
	runes := []rune(text)
	if len(runes) > most {
		return fmt.Sprintf("%q…", string(runes[:most]))
	}
	return fmt.Sprintf("%q", text)
}
