package offers

import (
	"time"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/flashsale"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
)

// BundleOnSale says whether a bundle is on offer at an instant: it is ACTIVE and the instant is in its publish window.
// Merchandisers see others as well, and so does who has bought one.
func BundleOnSale(row *ent.Bundle, now time.Time) bool {
	return row.Status == bundle.StatusACTIVE && within(row.PublishFrom, row.PublishUntil, now)
}

// TrialOnOffer says whether a trial can be started at an instant: its offer is ACTIVE and the instant is in its publish
// window.
func TrialOnOffer(row *ent.TrialOffer, now time.Time) bool {
	return row.Status == trialoffer.StatusACTIVE && within(row.PublishFrom, row.PublishUntil, now)
}

// SaleIsPublic says whether everybody may see a flash sale: those to come and those that are over too, but neither drafts
// nor what was put away.
func SaleIsPublic(row *ent.FlashSale) bool { return row.Status == flashsale.StatusACTIVE }

// TierPlanCounts says whether prices by quantity count at an instant.
func TierPlanCounts(row *ent.TierPlan, now time.Time) bool {
	return row.Status == tierplan.StatusACTIVE && Window{Start: row.StartsAt, End: orZero(row.EndsAt)}.Contains(now)
}

// Standing is where a flash sale stands at an instant.
type Standing struct {
	Status Status
	// Window is the one that it is in or, when it is in none, the next one; nil when it is over.
	Window *Window
	// Remaining is how many units of the window are left, 0 when the sale is over; nil for any number.
	Remaining *int64
}

// StandingOf is where a flash sale stands; stock is that of the window which it is in, nil when nothing has been taken.
func StandingOf(row *ent.FlashSale, stock *ent.OfferStock, now time.Time) Standing {
	standing := Standing{Status: StatusOf(row, stock, now)}
	if window, ok := WindowOf(row, now); ok && standing.Status != Ended && standing.Status != Archived {
		standing.Window = &window
	}
	switch {
	case row.Stock == nil:
	case standing.Window == nil, stock != nil && stock.Closed:
		standing.Remaining = new(int64)
	default:
		standing.Remaining = new(remaining(row, stock))
	}
	return standing
}
