package entitlement

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/entitlement"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
)

// operation is the name under which a use claims its key.
const operation = "useEntitlement"

// maxUnits is how much can be used at once.
const maxUnits = 1_000_000_000

// Service has the verbs of entitlements.
type Service struct {
	db    *db.DB
	clock func() time.Time
}

// New makes the service. The clock tells the current instant.
func New(d *db.DB, clock func() time.Time) *Service { return &Service{db: d, clock: clock} }

// UseInput is what to use, and how much of it.
type UseInput struct {
	IdempotencyKey string
	ID             uuid.UUID
	// Units is how many, 1 or more.
	Units int64
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// UseResult is what became of it.
type UseResult struct {
	// Entitlement is as it is now.
	Entitlement *ent.Entitlement
	// Replayed says that the key had been used before, and nothing was used now.
	Replayed bool
}

// Use uses up units of a consumable, or uses of a trial that counts them, for the shopper who calls. It happens once for
// a key, however often it is asked for, and never takes more than there is.
//
// The refusals are INVALID_INPUT, NOT_FOUND, IDEMPOTENCY_KEY_REUSED and NOT_AVAILABLE: nothing of it is counted, it may
// not be used any more, or too little is left.
func (s *Service) Use(ctx context.Context, in UseInput) (UseResult, error) {
	var faults fault.List
	faults.AddIf(idempotency.Validate("idempotencyKey", in.IdempotencyKey))
	if in.Units < 1 || in.Units > maxUnits {
		faults.Add(fault.Input("units", "Use 1 to %d units, not %d.", int64(maxUnits), in.Units))
	}
	if err := fault.Merge(in.Malformed, faults).Err(); err != nil {
		return UseResult{}, err
	}
	fingerprint, err := idempotency.FingerprintOf(in.ID, in.Units)
	if err != nil {
		return UseResult{}, err
	}
	shopper := actor.From(ctx).ShopperID
	claim := idempotency.Claim{
		Key:         idempotency.Key{ShopperID: shopper, Operation: operation, Text: in.IdempotencyKey},
		Fingerprint: fingerprint, ResultID: id.New(),
	}
	var result UseResult
	err = s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		locked, err := identity.Lock(ctx, tx, shopper)
		if err != nil {
			return err
		}
		if !locked[shopper] {
			return fault.New(fault.NotFound, "There is no such shopper.")
		}
		earlier, err := idempotency.Find(ctx, tx.Client(), claim.Key)
		if err != nil {
			return err
		}
		if found, ok := earlier[claim.Key]; ok {
			if found.Fingerprint != claim.Fingerprint {
				return idempotency.Reused("idempotencyKey")
			}
			result.Replayed = found.ResultID != claim.ResultID
			result.Entitlement, err = ByID(ctx, tx.Client(), shopper, in.ID)
			return err
		}
		result.Replayed = false
		if result.Entitlement, err = s.use(ctx, tx, shopper, in); err != nil {
			return err
		}
		return db.Write(ctx, tx, idempotency.Part(s.now(), claim))
	})
	if err != nil {
		return UseResult{}, err
	}
	return result, nil
}

// use takes the units, under the shopper's lock.
func (s *Service) use(ctx context.Context, tx *ent.Tx, shopper uuid.UUID, in UseInput) (*ent.Entitlement, error) {
	e, err := ByID(ctx, tx.Client(), shopper, in.ID)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "There is no such entitlement.").At("id")
	}
	if err != nil {
		return nil, err
	}
	counted := e.Kind == entitlement.KindCONSUMABLE || e.Counted
	switch status := StatusAt(e, s.now()); {
	case !counted:
		return nil, fault.New(fault.NotAvailable, "Nothing of this is used up by using it.").At("id")
	case status != Active && e.Remaining > 0:
		return nil, fault.New(fault.NotAvailable, "This may not be used any more.").At("id")
	case e.Remaining < in.Units:
		return nil, fault.New(fault.NotAvailable, "There are %d left, not %d.", e.Remaining, in.Units).At("units")
	}
	updated, err := tx.Entitlement.UpdateOne(e).SetRemaining(e.Remaining - in.Units).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("use an entitlement: %w", err)
	}
	return updated, nil
}

// now is the current instant as both stores keep it.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Status is whether an entitlement may be used at an instant.
type Status string

// The statuses. The words are those of the schema's EntitlementStatus.
const (
	Active    Status = "ACTIVE"
	Expired   Status = "EXPIRED"
	Revoked   Status = "REVOKED"
	Converted Status = "CONVERTED"
)

// StatusAt is whether an entitlement may be used at an instant: what is stored, and whether its time, its units or its
// uses are used up.
func StatusAt(e *ent.Entitlement, now time.Time) Status {
	over := e.ExpiresAt != nil && !now.Before(*e.ExpiresAt)
	if e.Status == entitlement.StatusACTIVE && (over || e.Remaining == 0) {
		return Expired
	}
	return Status(e.Status)
}
