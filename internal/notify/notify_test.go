package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/outboxevent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/notify"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func TestRecord(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ana := uuid.New()
		events := []notify.Event{
			{Topic: notify.WalletToppedUp, ShopperID: ana, Payload: map[string]string{"balance": "10.50"}},
			{Topic: notify.PurchaseCompleted, ShopperID: ana, Payload: map[string]string{"total": "1.00", "points": "<10> & więcej"}},
			{Topic: notify.WalletAdjusted, ShopperID: ana, Payload: map[string]string{}},
		}
		if err := record(t.Context(), d, events...); err != nil {
			t.Fatal(err)
		}
		if err := record(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		// A reader takes them in the order of their keys, which is that of the call.
		rows, err := d.Client().OutboxEvent.Query().Order(outboxevent.ByID()).All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []notify.Event
		for _, row := range rows {
			payload := map[string]string{}
			if err := json.Unmarshal(row.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			got = append(got, notify.Event{Topic: row.Topic, ShopperID: *row.ShopperID, Payload: payload})
			if !row.CreatedAt.Equal(noon) {
				t.Errorf("%s happened at %s", row.Topic, row.CreatedAt)
			}
		}
		if diff := cmp.Diff(events, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestNothingIsToldOfWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		refused := errors.New("refused")
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			return errors.Join(recordIn(ctx, tx, notify.Event{Topic: notify.PurchaseCompleted, Payload: "x"}), refused)
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		good := notify.Event{Topic: notify.PurchaseCompleted, Payload: "x"}
		if err := record(t.Context(), d, good, notify.Event{Topic: notify.WalletAdjusted, Payload: func() {}}); err == nil {
			t.Error("a payload that is no JSON was recorded")
		}
		if n, err := d.Client().OutboxEvent.Query().Count(t.Context()); err != nil || n > 0 {
			t.Errorf("%d events, %v, want none", n, err)
		}
	})
}

func record(ctx context.Context, d *db.DB, events ...notify.Event) error {
	return d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error { return recordIn(ctx, tx, events...) })
}

func recordIn(ctx context.Context, tx *ent.Tx, events ...notify.Event) error {
	part, err := notify.Part(noon, events...)
	if err != nil {
		return err
	}
	return db.Write(ctx, tx, part)
}
