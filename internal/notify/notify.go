// Package notify writes down what happened for those who will want to know: the outbox. An event is a row of the
// transaction in which the thing happened, so that there is never one without the other; readers take the rows from there.
package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/outboxevent"
	"farthing/internal/db"
	"farthing/internal/id"
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

// Part is events, to be written in the transaction in which they happened.
func Part(at time.Time, events ...Event) (db.Part, error) {
	rows := make([]*ent.OutboxEvent, len(events))
	for i, event := range events {
		payload, err := json.Marshal(event.Payload)
		if err != nil {
			return nil, fmt.Errorf("write %s event: %w", event.Topic, err)
		}
		rows[i] = &ent.OutboxEvent{ID: id.New(), Topic: event.Topic, ShopperID: &event.ShopperID, Payload: payload, CreatedAt: at}
	}
	return eventRows.Of(rows...), nil
}

var eventRows = db.NewRows(outboxevent.Table,
	db.UUID(outboxevent.FieldID, func(e *ent.OutboxEvent) uuid.UUID { return e.ID }),
	db.Text(outboxevent.FieldTopic, func(e *ent.OutboxEvent) string { return e.Topic }),
	db.NullUUID(outboxevent.FieldShopperID, func(e *ent.OutboxEvent) *uuid.UUID { return e.ShopperID }),
	db.JSON(outboxevent.FieldPayload, func(e *ent.OutboxEvent) json.RawMessage { return e.Payload }),
	db.SameTime(outboxevent.FieldCreatedAt, func(e *ent.OutboxEvent) time.Time { return e.CreatedAt }),
)
