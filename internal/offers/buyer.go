package offers

import (
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/money"
	"farthing/internal/pricing"
)

// BuyerOf is what counts of a shopper when a basket is priced: the durable goods that are owned, and all trials there have
// ever been. What a trial has cost is credited from its beginning until its grace is over, once (rule 17): not when the
// product was bought since, nor when the price was given back, and not in another currency. A trial that cost nothing leaves nothing to credit, and nothing
// to explain.
func BuyerOf(owned map[uuid.UUID]bool, trials []*ent.Trial, currency money.Code, now time.Time) pricing.Buyer {
	buyer := pricing.Buyer{
		Owns:    owned,
		Tried:   make(map[uuid.UUID]bool, len(trials)),
		Credits: make(map[uuid.UUID]pricing.Credit, len(trials)),
	}
	for _, trial := range trials {
		buyer.Tried[trial.ProductID] = true
		if trial.ConvertedBy != nil || trial.RefundedBy != nil || trial.Price == 0 || now.Before(trial.StartedAt) {
			continue
		}
		credit := pricing.Credit{Offer: trial.OfferID, Amount: trial.Price}
		switch {
		case !now.Before(trial.CreditUntil):
			credit.Refused = pricing.CreditExpired
		case trial.Currency != currency:
			credit.Refused = pricing.OtherCurrency
		}
		buyer.Credits[trial.ProductID] = credit
	}
	return buyer
}
