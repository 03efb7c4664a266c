// Package identity knows who is calling and which shopper that is (rule 28).
//
//   - A Verifier reads bearer tokens: JWTs in EdDSA, RS256 or ES256, from keys in a file or published by the issuer. It
//     promises that a token was signed by one of those keys, for this audience, and for now; that a key is only used
//     with its own algorithm; that nothing a token says makes it fetch or trust anything; and that refusing is cheap.
//   - A Service turns the subject of a token into the shopper's row, which it makes when the subject is first seen.
//   - LoadOrCreateSigningKey and Mint make tokens for development, for a shop without an issuer of its own.
//
// Nothing about the person is stored: who they are is the issuer's affair.
package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"farthing/ent"
	"farthing/ent/shopper"
	"farthing/internal/db"
	"farthing/internal/fault"
)

// cachedShoppers is how many shoppers' ids are remembered: a few megabytes.
const cachedShoppers = 1 << 14

// Service finds shoppers. It is safe for concurrent use.
type Service struct {
	db    *db.DB
	clock func() time.Time
	// seen holds ids that are committed. A shopper's row keeps its id, issuer and subject for ever, so no entry can
	// become wrong, on this instance or another.
	seen *lru.Cache[name, uuid.UUID]
}

// name is what a shopper is called: a subject is only unique at its issuer.
type name struct{ issuer, subject string }

// New makes a Service on a database. The clock says when a new shopper was first seen.
func New(d *db.DB, clock func() time.Time) *Service {
	seen, _ := lru.New[name, uuid.UUID](cachedShoppers) // Fails for a size below one only.
	return &Service{db: d, clock: clock, seen: seen}
}

// Shopper returns the id of the shopper with this subject at this issuer, who comes to be when first seen. However many
// ask at once, on however many instances, one row is made. The issuer is empty for tokens without one.
//
// A subject that could not stand in a token (empty, above 255 bytes, control characters) is INVALID_INPUT.
func (s *Service) Shopper(ctx context.Context, issuer, subject string) (uuid.UUID, error) {
	who := name{issuer, subject}
	if id, ok := s.seen.Get(who); ok {
		return id, nil
	}
	if err := checkName(subject); err != nil {
		return uuid.Nil, fault.New(fault.InvalidInput, "The shopper's subject %s.", err)
	}
	if issuer != "" {
		if err := checkName(issuer); err != nil {
			return uuid.Nil, fault.New(fault.InvalidInput, "The shopper's issuer %s.", err)
		}
	}
	id, err := find(ctx, s.db.Client(), who)
	if ent.IsNotFound(err) {
		id, err = s.create(ctx, who)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the shopper of a subject: %w", err)
	}
	s.seen.Add(who, id)
	return id, nil
}

// find reads the id of a shopper.
func find(ctx context.Context, client *ent.Client, who name) (uuid.UUID, error) {
	return client.Shopper.Query().
		Where(shopper.Issuer(who.issuer), shopper.Subject(who.subject)).
		OnlyID(ctx)
}

// create makes the shopper unless somebody else just did, and returns the id of whichever row is there. Its insert on
// the unique name is the claim that TxKeyed asks for: running it twice makes one row.
func (s *Service) create(ctx context.Context, who name) (id uuid.UUID, err error) {
	err = s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		err := tx.Shopper.Create().
			SetIssuer(who.issuer).
			SetSubject(who.subject).
			SetCreatedAt(s.clock().UTC().Truncate(time.Microsecond)).
			OnConflictColumns(shopper.FieldIssuer, shopper.FieldSubject).
			DoNothing().
			Exec(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // No row: it was there.
			return err
		}
		id, err = find(ctx, tx.Client(), who)
		return err
	})
	return id, err
}

// ByID reads a shopper. One that does not exist is NOT_FOUND.
func ByID(ctx context.Context, client *ent.Client, id uuid.UUID) (*ent.Shopper, error) {
	found, err := client.Shopper.Get(ctx, id)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "There is no such shopper.")
	}
	if err != nil {
		return nil, fmt.Errorf("read a shopper: %w", err)
	}
	return found, nil
}

// Lock locks the rows of shoppers until the transaction ends, and tells which of them exist. Ids may repeat.
//
// A shopper's row is the lock under which everything of the shopper changes: wallets, purchases, entitlements and
// rewards. Whoever changes any of these takes it first, so none of them needs a lock of its own and what is decided
// from them ("the tenth purchase", "not owned yet") is still true when it is written.
//
// The rows are locked in the order of their ids, whatever order they are named in, so that two batches with shoppers in
// common wait one for the other and never each for the other. On PostgreSQL the lock is FOR NO KEY UPDATE: FOR
// UPDATE would also hold up everybody who inserts a row that refers to the shopper, whose foreign-key check takes a
// key-share lock. On SQLite it is a plain read, since the transaction holds the only write lock already.
func Lock(ctx context.Context, tx *ent.Tx, ids ...uuid.UUID) (map[uuid.UUID]bool, error) {
	locked, err := tx.Shopper.Query().Where(db.AnyOf(shopper.FieldID, ids), db.Lock).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock shoppers: %w", err)
	}
	found := make(map[uuid.UUID]bool, len(locked))
	for _, id := range locked {
		found[id] = true
	}
	return found, nil
}
