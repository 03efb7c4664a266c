// Package notify writes down what happened for those who will want to know: the outbox. An event is a row of the
// transaction in which the thing happened, so that there is never one without the other; readers take the rows from there.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
)

// The topics there are.
const (
	PurchaseCompleted = "purchase.completed"
	PurchaseRefunded  = "purchase.refunded"
	PerkRedeemed      = "perk.redeemed"
	WalletToppedUp    = "wallet.topped_up"
	WalletAdjusted    = "wallet.adjusted"
)

// Event is something that happened to a shopper.
type Event struct {
	Topic     string
	ShopperID uuid.UUID
	// Payload is written as JSON, with ids and amounts as the API writes them.
	Payload any
}

// Record writes events into the outbox.
func Record(ctx context.Context, tx *ent.Tx, at time.Time, events ...Event) error {
	rows := make([]*ent.OutboxEventCreate, len(events))
	for i, event := range events {
		payload, err := json.Marshal(event.Payload)
		if err != nil {
			return fmt.Errorf("write %s event: %w", event.Topic, err)
		}
		rows[i] = tx.OutboxEvent.Create().
			SetTopic(event.Topic).
			SetShopperID(event.ShopperID).
			SetPayload(payload).
			SetCreatedAt(at)
	}
	if err := tx.OutboxEvent.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}
