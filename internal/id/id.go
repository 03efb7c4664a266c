// Package id is how things are named on the outside: a TypeID, which is a prefix that tells the kind and the UUID behind
// it, as in prd_01h455vb4pex5vsknk084sn02q. Inside the shop an id is the bare UUID.
package id

import (
	"fmt"

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
)

var nouns = map[Kind]string{
	Product: "product", Purchase: "purchase", Wallet: "wallet",
	Shopper: "shopper", Entitlement: "entitlement", Transfer: "transfer",
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
	got, id, err := Decode(text)
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: the id of a %s begins with %s_", err, nouns[kind], kind)
	}
	if got != kind {
		return uuid.Nil, fmt.Errorf("%s is the id of a %s, and a %s (%s_…) is wanted", quote(text), nouns[got], nouns[kind], kind)
	}
	return id, nil
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
