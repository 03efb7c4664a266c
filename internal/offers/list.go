package offers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/bundlecomponent"
	"farthing/ent/coupon"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
	"farthing/internal/catalog"
	"farthing/internal/fault"
	"farthing/internal/page"
)

// BundlesByIDs finds bundles with their components, in two queries for a thousand of them. Those that are not there are not
// in the result.
func BundlesByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.Bundle, error) {
	return byIDs("bundles", ids, func(row *ent.Bundle) uuid.UUID { return row.ID }, func(ids []uuid.UUID) ([]*ent.Bundle, error) {
		return client.Bundle.Query().Where(bundle.IDIn(ids...)).WithComponents(inPlace).All(ctx)
	})
}

// BundleBySlug finds a bundle with its components by its name in addresses. The error is a NOT_FOUND fault when there is
// none.
func BundleBySlug(ctx context.Context, client *ent.Client, slug string) (*ent.Bundle, error) {
	if !catalog.IsSlug(slug) {
		return nil, bundles.notFound() // and PostgreSQL is not asked about text that it cannot hold
	}
	row, err := client.Bundle.Query().Where(bundle.Slug(slug)).WithComponents(inPlace).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, bundles.notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("find a bundle: %w", err)
	}
	return row, nil
}

// TrialOffersByIDs finds trial offers. Those that are not there are not in the result.
func TrialOffersByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.TrialOffer, error) {
	return byIDs("trial offers", ids, func(row *ent.TrialOffer) uuid.UUID { return row.ID },
		func(ids []uuid.UUID) ([]*ent.TrialOffer, error) {
			return client.TrialOffer.Query().Where(trialoffer.IDIn(ids...)).All(ctx)
		})
}

// TierPlansByIDs finds tier plans. Those that are not there are not in the result.
func TierPlansByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.TierPlan, error) {
	return byIDs("tier plans", ids, func(row *ent.TierPlan) uuid.UUID { return row.ID }, func(ids []uuid.UUID) ([]*ent.TierPlan, error) {
		return client.TierPlan.Query().Where(tierplan.IDIn(ids...)).All(ctx)
	})
}

func byIDs[R any](
	what string, ids []uuid.UUID, idOf func(R) uuid.UUID, find func(ids []uuid.UUID) ([]R, error),
) (map[uuid.UUID]R, error) {
	found := make(map[uuid.UUID]R, len(ids))
	for chunk := range slices.Chunk(ids, countRows) {
		rows, err := find(chunk)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", what, err)
		}
		for _, row := range rows {
			found[idOf(row)] = row
		}
	}
	return found, nil
}

// ListInput asks for a page of offers of a kind.
type ListInput struct {
	page.Args
	// Statuses are those to list; all when it is empty. They count for merchandisers only.
	Statuses []string
	// ProductID is what the offers are for: bundles that it is in, also those that have such a bundle within, trials of it,
	// prices of it. The zero id is any.
	ProductID uuid.UUID
	// Merchandiser says that the caller sees drafts, archived offers and those outside their window.
	Merchandiser bool
}

// ListBundles gives a page of bundles with their components, newest first. Its cursors belong to one filter and visibility.
// The errors are INVALID_INPUT faults, at fields such as first or filter.statuses.
func (s *Service) ListBundles(ctx context.Context, in ListInput) (page.Page[*ent.Bundle], error) {
	return list(s, bundleList, in, func(where, apply func(*sql.Selector), limit int) ([]*ent.Bundle, error) {
		return s.db.Client().Bundle.Query().Where(where, apply).Limit(limit).WithComponents(inPlace).All(ctx)
	})
}

// CountBundles tells how many bundles ListBundles would give on all pages together.
func (s *Service) CountBundles(ctx context.Context, in ListInput) (int, error) {
	return count(s, bundleList, in, func(where func(*sql.Selector)) (int, error) {
		return s.db.Client().Bundle.Query().Where(where).Count(ctx)
	})
}

// ListTrialOffers gives a page of trial offers, newest first, as ListBundles does.
func (s *Service) ListTrialOffers(ctx context.Context, in ListInput) (page.Page[*ent.TrialOffer], error) {
	return list(s, trialList, in, func(where, apply func(*sql.Selector), limit int) ([]*ent.TrialOffer, error) {
		return s.db.Client().TrialOffer.Query().Where(where, apply).Limit(limit).All(ctx)
	})
}

// CountTrialOffers tells how many trial offers ListTrialOffers would give on all pages together.
func (s *Service) CountTrialOffers(ctx context.Context, in ListInput) (int, error) {
	return count(s, trialList, in, func(where func(*sql.Selector)) (int, error) {
		return s.db.Client().TrialOffer.Query().Where(where).Count(ctx)
	})
}

// ListTierPlans gives a page of tier plans, newest first, as ListBundles does.
func (s *Service) ListTierPlans(ctx context.Context, in ListInput) (page.Page[*ent.TierPlan], error) {
	return list(s, tierList, in, func(where, apply func(*sql.Selector), limit int) ([]*ent.TierPlan, error) {
		return s.db.Client().TierPlan.Query().Where(where, apply).Limit(limit).All(ctx)
	})
}

// CountTierPlans tells how many tier plans ListTierPlans would give on all pages together.
func (s *Service) CountTierPlans(ctx context.Context, in ListInput) (int, error) {
	return count(s, tierList, in, func(where func(*sql.Selector)) (int, error) {
		return s.db.Client().TierPlan.Query().Where(where).Count(ctx)
	})
}

// ListCoupons gives a page of coupons, newest first, as ListBundles does. They cannot be listed by product: most are for
// anything, or for what carries a label.
func (s *Service) ListCoupons(ctx context.Context, in ListInput) (page.Page[*ent.Coupon], error) {
	return list(s, couponList, in, func(where, apply func(*sql.Selector), limit int) ([]*ent.Coupon, error) {
		return s.db.Client().Coupon.Query().Where(where, apply).Limit(limit).All(ctx)
	})
}

// CountCoupons tells how many coupons ListCoupons would give on all pages together.
func (s *Service) CountCoupons(ctx context.Context, in ListInput) (int, error) {
	return count(s, couponList, in, func(where func(*sql.Selector)) (int, error) {
		return s.db.Client().Coupon.Query().Where(where).Count(ctx)
	})
}

// listing is how the offers of one kind are listed: what they are called, and in which columns to look. All kinds have
// the columns id and status.
type listing[R any] struct {
	noun string
	id   func(row *R) uuid.UUID
	// from and until are the window in which shoppers see one that is ACTIVE, and product what it is for, empty when that
	// cannot be asked. Bundles have it elsewhere.
	from, until, product string
	holds                func(s *sql.Selector, product uuid.UUID) *sql.Predicate
}

var (
	bundleList = listing[ent.Bundle]{
		"bundles", func(row *ent.Bundle) uuid.UUID { return row.ID },
		bundle.FieldPublishFrom, bundle.FieldPublishUntil, "", holding,
	}
	trialList = listing[ent.TrialOffer]{
		"trial offers", func(row *ent.TrialOffer) uuid.UUID { return row.ID },
		trialoffer.FieldPublishFrom, trialoffer.FieldPublishUntil, trialoffer.FieldProductID, nil,
	}
	tierList = listing[ent.TierPlan]{
		"tier plans", func(row *ent.TierPlan) uuid.UUID { return row.ID },
		tierplan.FieldStartsAt, tierplan.FieldEndsAt, tierplan.FieldProductID, nil,
	}
	couponList = listing[ent.Coupon]{
		"coupons", func(row *ent.Coupon) uuid.UUID { return row.ID },
		coupon.FieldStartsAt, coupon.FieldEndsAt, "", nil,
	}
)

// listQuery is what a filter and a visibility come down to: equal queries are equal lists.
type listQuery struct {
	Statuses     []string
	Product      uuid.UUID
	Merchandiser bool
}

func list[R any](
	s *Service, of listing[R], in ListInput, fetch func(where, apply func(*sql.Selector), limit int) ([]*R, error),
) (page.Page[*R], error) {
	q, err := of.query(in)
	if err != nil {
		return page.Page[*R]{}, err
	}
	scope, err := json.Marshal(q)
	if err != nil {
		return page.Page[*R]{}, fmt.Errorf("write a filter as JSON: %w", err)
	}
	where := of.where(q, s.now())
	order := page.Order[*R]{Scope: of.noun + string(scope), Descending: true, ID: of.id}
	return page.Read(in.Args, order, func(apply func(*sql.Selector), limit int) ([]*R, error) {
		rows, err := fetch(where, apply, limit)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", of.noun, err)
		}
		return rows, nil
	})
}

func count[R any](s *Service, of listing[R], in ListInput, count func(where func(*sql.Selector)) (int, error)) (int, error) {
	q, err := of.query(in)
	if err != nil {
		return 0, err
	}
	n, err := count(of.where(q, s.now()))
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", of.noun, err)
	}
	return n, nil
}

func (l listing[R]) query(in ListInput) (listQuery, error) {
	q := listQuery{Product: in.ProductID, Merchandiser: in.Merchandiser}
	var faults fault.List
	if in.ProductID != uuid.Nil && l.product == "" && l.holds == nil {
		faults.Add(fault.Input("filter.productId", "There is no list of %s by product.", l.noun))
	}
	for _, status := range in.Statuses {
		if status != StatusDraft && status != StatusActive && status != StatusArchived {
			faults.Add(fault.Input("filter.statuses", "%s is not a status; it is DRAFT, ACTIVE or ARCHIVED.", catalog.Clip(status)))
		}
	}
	if in.Merchandiser {
		q.Statuses = slices.Compact(slices.Sorted(slices.Values(in.Statuses)))
	}
	return q, faults.Err()
}

// where is the condition of a query at an instant.
func (l listing[R]) where(q listQuery, now time.Time) func(*sql.Selector) {
	const status = "status" // all kinds have it
	return func(s *sql.Selector) {
		if !q.Merchandiser {
			s.Where(sql.And(
				sql.EQ(s.C(status), StatusActive),
				sql.Or(sql.IsNull(s.C(l.from)), sql.LTE(s.C(l.from), now)),
				sql.Or(sql.IsNull(s.C(l.until)), sql.GT(s.C(l.until), now)),
			))
		}
		if len(q.Statuses) > 0 {
			statuses := make([]any, len(q.Statuses))
			for i, one := range q.Statuses {
				statuses[i] = one
			}
			s.Where(sql.In(s.C(status), statuses...))
		}
		if q.Product == uuid.Nil {
			return
		}
		if l.holds != nil {
			s.Where(l.holds(s, q.Product))
		} else {
			s.Where(sql.EQ(s.C(l.product), q.Product))
		}
	}
}

// holding is the condition that a product is in a bundle, or in one that is in it, however deep.
func holding(s *sql.Selector, product uuid.UUID) *sql.Predicate {
	const query = ` IN (WITH RECURSIVE holding(id) AS (SELECT ` + bundlecomponent.FieldBundleID + ` FROM ` + bundlecomponent.Table +
		` WHERE ` + bundlecomponent.FieldProductID + ` = `
	const further = ` UNION SELECT c.` + bundlecomponent.FieldBundleID + ` FROM ` + bundlecomponent.Table +
		` AS c JOIN holding AS h ON c.` + bundlecomponent.FieldInnerID + ` = h.id) SELECT id FROM holding)`
	column := s.C(bundle.FieldID)
	return sql.P(func(b *sql.Builder) { b.Ident(column).WriteString(query).Arg(product).WriteString(further) })
}
