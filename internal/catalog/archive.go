package catalog

import (
	"context"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
)

// Archive takes a product off sale for good. Who owns it keeps it, and its slug and reference stay taken. Archiving
// twice is the same as once. The error is a NOT_FOUND fault when there is no such product.
func (s *Service) Archive(ctx context.Context, id uuid.UUID) (*ent.Product, error) {
	now := s.now()
	var archived *ent.Product
	err := s.write(ctx, func(ctx context.Context, tx *ent.Tx) error {
		p, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		content := contentOf(p)
		content.Status = product.StatusARCHIVED
		archived, err = s.amend(ctx, tx, now, "archiveProduct", p, content)
		return err
	})
	if err != nil {
		return nil, err
	}
	return archived, nil
}
