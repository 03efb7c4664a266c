package offers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/watch"
)

// SaleState is a flash sale at an instant. It is shared by all who watch the sale.
type SaleState struct {
	Sale *ent.FlashSale
	// Stock is that of the window which it is in or, when it is in none, of its next one; nil when nothing has been taken.
	Stock *ent.OfferStock
	At    time.Time
}

// Standing is where the sale stands.
func (s SaleState) Standing() Standing { return StandingOf(s.Sale, s.Stock, s.At) }

// Watch tells how a flash sale goes: its state at once, and again whenever it begins, units are sold or come back, it sells out,
// is changed or ends, on whichever instance. Who reads slowly misses what has been overtaken, never the latest.
//
// The channel is closed when ctx ends, and after the last state when the sale is ENDED or ARCHIVED. The error is a NOT_FOUND
// fault when there is no such sale. Whoever asks must be allowed to see it: drafts are told of, too.
func (s *Service) Watch(ctx context.Context, id uuid.UUID) (<-chan SaleState, error) {
	states, err := s.Watcher.Watch(ctx, id)
	if errors.Is(err, watch.ErrNotThere) {
		return nil, sales.notFound()
	}
	return states, err
}

// Watcher looks at all flash sales that anybody in this process watches, together: two statements a turn, however many
// watch.
type Watcher = watch.Watcher[uuid.UUID, SaleState, sight]

func newWatcher(d *db.DB, clock func() time.Time) *Watcher {
	look := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]SaleState, error) {
		found, err := FlashSalesByIDs(ctx, d.Client(), ids)
		if err != nil {
			return nil, err
		}
		now := clock()
		stocks, err := StocksOf(ctx, d.Client(), slices.Collect(maps.Values(found)), now)
		if err != nil {
			return nil, err
		}
		states := make(map[uuid.UUID]SaleState, len(found))
		for id, row := range found {
			states[id] = SaleState{Sale: row, Stock: stocks[id], At: now}
		}
		return states, nil
	}
	return watch.New("flash sales", look, SaleState.sight, clock)
}

// sight is what of a state is worth telling when it changes.
type sight struct {
	version int
	status  Status
	round   int64
	taken   int64
}

// sight is what there is to see of a state. It changes by itself when a window begins or ends.
func (s SaleState) sight() watch.Sight[sight] {
	seen := sight{version: s.Sale.Version, status: s.Standing().Status}
	if s.Stock != nil {
		seen.taken = s.Stock.Taken
	}
	var turns time.Time
	if window, ok := WindowOf(s.Sale, s.At); ok {
		seen.round, turns = window.Round, window.Start
		if window.Contains(s.At) {
			turns = window.End
		}
	}
	return watch.Sight[sight]{Seen: seen, Turns: turns, Over: seen.status == Ended || seen.status == Archived}
}
