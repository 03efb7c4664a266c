// Package idempotency lets an operation that moves value happen exactly once, however often it is asked for (rule 8).
//
// The client makes up a key and sends it with every repeat. The key belongs to (shopper, operation) and is claimed in the
// transaction of the operation itself, so that there is never a claim without its result, nor a result without its claim.
// Only what succeeded is claimed: a refused attempt leaves nothing behind, and the same key may be used again.
//
// Callers hold the shopper's lock when they look a key up and claim it; the unique index is the guard behind that.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/idempotencykey"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
)

// MaxKey is the length of the longest key, in characters.
const MaxKey = 255

// Key names one operation of one shopper.
type Key struct {
	ShopperID uuid.UUID
	// Operation is the name of the mutation.
	Operation string
	// Text is the client's own key.
	Text string
}

// Claim is a key with what it was used for.
type Claim struct {
	Key
	// Fingerprint is that of the client's input.
	Fingerprint Fingerprint
	// ResultID names what the operation makes. It is chosen before the first attempt: when the answer to a COMMIT was
	// lost, finding it under the key means that this very attempt succeeded.
	ResultID uuid.UUID
}

// Fingerprint tells one input from another.
type Fingerprint [sha256.Size]byte

// FingerprintOf condenses a client's own canonical input: sorted, normalised, and without anything that the server
// worked out, such as a price or a balance, which would make an honest repeat look like another request. Give a list of
// values rather than a struct: a repeat may come next year, and a field that was added meanwhile must not change it.
func FingerprintOf(input ...any) (Fingerprint, error) {
	canonical, err := json.Marshal(input)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint input: %w", err)
	}
	return sha256.Sum256(canonical), nil
}

// Validate checks a key as the client gave it: 1 to 255 printable characters, not only spaces.
func Validate(path, key string) *fault.Fault {
	length := utf8.RuneCountInString(key)
	switch {
	case length == 0:
		return fault.Input(path, "An idempotency key is required: 1 to %d characters.", MaxKey)
	case length > MaxKey:
		return fault.Input(path, "An idempotency key has at most %d characters, not %d.", MaxKey, length)
	case !utf8.ValidString(key):
		return fault.Input(path, "An idempotency key is text.")
	}
	blank := true
	for _, r := range key {
		if !unicode.IsPrint(r) {
			return fault.Input(path, "An idempotency key has printable characters only.")
		}
		blank = blank && unicode.IsSpace(r)
	}
	if blank {
		return fault.Input(path, "An idempotency key is more than spaces.")
	}
	return nil
}

// Reused is the refusal of a key that was used before with other content.
func Reused(path string) *fault.Fault {
	return fault.New(fault.IdempotencyKeyReused,
		"This idempotency key was used before with other content. Use a new key for a new operation.").At(path)
}

// Find reads the claims that committed operations hold on these keys. Keys without one are not in the map.
func Find(ctx context.Context, client *ent.Client, keys ...Key) (map[Key]Claim, error) {
	found := make(map[Key]Claim, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	var shoppers []uuid.UUID
	var operations, texts []string
	for _, key := range keys {
		shoppers, operations, texts = append(shoppers, key.ShopperID), append(operations, key.Operation), append(texts, key.Text)
	}
	rows, err := client.IdempotencyKey.Query().Where(db.RowIn(
		db.Each(idempotencykey.FieldShopperID, shoppers), db.Each(idempotencykey.FieldOperation, operations),
		db.Each(idempotencykey.FieldKey, texts),
	)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find idempotency keys: %w", err)
	}
	for _, row := range rows {
		key := Key{ShopperID: row.ShopperID, Operation: row.Operation, Text: row.Key}
		claim := Claim{Key: key, ResultID: row.ResultID}
		copy(claim.Fingerprint[:], row.Fingerprint)
		found[key] = claim
	}
	return found, nil
}

// Part claims keys: what is to be written in the transaction of what they were used for.
func Part(at time.Time, claims ...Claim) db.Part {
	rows := make([]*ent.IdempotencyKey, len(claims))
	for i, claim := range claims {
		rows[i] = &ent.IdempotencyKey{
			ID: id.New(), ShopperID: claim.ShopperID, Operation: claim.Operation, Key: claim.Text,
			Fingerprint: claim.Fingerprint[:], ResultID: claim.ResultID, CreatedAt: at,
		}
	}
	return keyRows.Of(rows...)
}

var keyRows = db.NewRows(idempotencykey.Table,
	db.UUID(idempotencykey.FieldID, func(k *ent.IdempotencyKey) uuid.UUID { return k.ID }),
	db.UUID(idempotencykey.FieldShopperID, func(k *ent.IdempotencyKey) uuid.UUID { return k.ShopperID }),
	db.Text(idempotencykey.FieldOperation, func(k *ent.IdempotencyKey) string { return k.Operation }),
	db.Text(idempotencykey.FieldKey, func(k *ent.IdempotencyKey) string { return k.Key }),
	db.Bytes(idempotencykey.FieldFingerprint, func(k *ent.IdempotencyKey) []byte { return k.Fingerprint }),
	db.UUID(idempotencykey.FieldResultID, func(k *ent.IdempotencyKey) uuid.UUID { return k.ResultID }),
	db.SameTime(idempotencykey.FieldCreatedAt, func(k *ent.IdempotencyKey) time.Time { return k.CreatedAt }),
)
