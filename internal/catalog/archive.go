package catalog

import (
	"context"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/fault"
)

// ArchiveInput says which product to take off sale. Faults name the fields as the schema's ArchiveProductInput does.
type ArchiveInput struct {
	ID uuid.UUID
	// ExpectedVersion is the version that the caller has read; nil to archive whatever is there.
	ExpectedVersion *int
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// Archive takes a product off sale for good. Who owns it keeps it, and its slug and reference stay taken. Archiving
// twice is the same as once.
//
// The error is a fault.List: NOT_FOUND, CONFLICT with the Current version when the product is not at the expected one,
// and what could not be read.
func (s *Service) Archive(ctx context.Context, in ArchiveInput) (archived *ent.Product, err error) {
	err = s.Write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		archived, err = s.ArchiveIn(ctx, tx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return archived, nil
}

// ArchiveIn is Archive in a transaction of the caller, which Write has opened.
func (s *Service) ArchiveIn(ctx context.Context, tx *ent.Tx, in ArchiveInput) (*ent.Product, error) {
	p, refused, err := claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	if err := fault.Merge(in.Malformed, refused).Err(); err != nil {
		return nil, err
	}
	content := contentOf(p)
	content.Status = product.StatusARCHIVED
	return s.amend(ctx, tx, "archiveProduct", p, content)
}
