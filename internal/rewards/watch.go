package rewards

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardentry"
	"farthing/ent/rewardstanding"
	"farthing/internal/db"
	"farthing/internal/watch"
)

// Reach is how far a shopper's entries have come.
type Reach struct {
	// Seq is the number of the last entry; 0 before the first.
	Seq int64
	// Enabled says whether the shopper wants to be told of them.
	Enabled bool
}

// Watcher looks at all shoppers whose activity anybody in this process watches, together: at most two statements a turn,
// however many watch.
type Watcher = watch.Watcher[uuid.UUID, Reach, Reach]

func newWatcher(d *db.DB, clock func() time.Time) *Watcher {
	look := func(ctx context.Context, shoppers []uuid.UUID) (map[uuid.UUID]Reach, error) {
		reached := make(map[uuid.UUID]Reach, len(shoppers))
		for some := range slices.Chunk(shoppers, manyIDs) {
			if err := readReach(ctx, d.Client(), some, reached); err != nil {
				return nil, err
			}
		}
		return reached, nil
	}
	return watch.New("reward activity", look, func(r Reach) watch.Sight[Reach] { return watch.Sight[Reach]{Seen: r} }, clock)
}

// manyIDs is how many ids one statement asks for: SQLite takes 32,766 variables.
const manyIDs = 10_000

// readReach reads how far the entries of some shoppers have come. Whoever has no standing yet may still have entries, from
// before there were standings.
func readReach(ctx context.Context, client *ent.Client, shoppers []uuid.UUID, reached map[uuid.UUID]Reach) error {
	rows, err := client.RewardStanding.Query().Where(rewardstanding.ShopperIDIn(shoppers...)).
		Select(rewardstanding.FieldShopperID, rewardstanding.FieldSeq, rewardstanding.FieldEnabled).All(ctx)
	if err != nil {
		return fmt.Errorf("read the numbers of last entries: %w", err)
	}
	for _, row := range rows {
		reached[row.ShopperID] = Reach{Seq: row.Seq, Enabled: row.Enabled}
	}
	var unknown []uuid.UUID
	for _, shopper := range shoppers {
		if _, ok := reached[shopper]; !ok {
			unknown = append(unknown, shopper)
			reached[shopper] = Reach{Enabled: true}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	var last []struct {
		ShopperID uuid.UUID `json:"shopper_id"`
		Seq       int64     `json:"max"`
	}
	err = client.RewardEntry.Query().Where(rewardentry.ShopperIDIn(unknown...)).
		GroupBy(rewardentry.FieldShopperID).Aggregate(ent.Max(rewardentry.FieldSeq)).Scan(ctx, &last)
	if err != nil {
		return fmt.Errorf("read the numbers of last entries: %w", err)
	}
	for _, one := range last {
		reached[one.ShopperID] = Reach{Seq: one.Seq, Enabled: true}
	}
	return nil
}

const (
	// watchedEntries is how many entries are read at once for who watches.
	watchedEntries = 100
	// watchedAgain is after how long entries are asked for again that could not be read.
	watchedAgain = time.Second
)

// WatchActivity tells every entry of a shopper that is made from now on, on whichever instance: each once, in their order,
// and none is left out however slowly they are taken. While the shopper has turned rewards off nothing is told, nor later
// what was made meanwhile; that is judged a few times a second.
//
// The channel is closed when ctx ends. A database that cannot be read delays what is told.
func (s *Service) WatchActivity(ctx context.Context, shopper uuid.UUID) (<-chan *ent.RewardEntry, error) {
	reaches, err := s.Watcher.Watch(ctx, shopper)
	if err != nil {
		return nil, fmt.Errorf("watch reward activity: %w", err)
	}
	begun := <-reaches // it is told at once
	entries := make(chan *ent.RewardEntry)
	go s.follow(ctx, shopper, begun.Seq, reaches, entries)
	return entries, nil
}

// follow tells the entries after one, as far as they are known to have come. It always listens, so that it hears of being
// turned off also while nobody takes what it has to tell.
func (s *Service) follow(ctx context.Context, shopper uuid.UUID, last int64, reaches <-chan Reach, entries chan<- *ent.RewardEntry) {
	defer close(entries)
	upTo := last
	var waiting []*ent.RewardEntry
	for {
		var again <-chan time.Time
		if len(waiting) == 0 && last < upTo {
			rows, err := s.db.Client().RewardEntry.Query().
				Where(rewardentry.ShopperID(shopper), rewardentry.SeqGT(last), rewardentry.SeqLTE(upTo)).
				Order(rewardentry.BySeq()).Limit(watchedEntries).All(ctx)
			if err != nil {
				// The watcher meets the same database, and says so in the log.
				again = time.After(watchedAgain)
			}
			waiting = rows
		}
		var (
			next *ent.RewardEntry
			out  chan<- *ent.RewardEntry // nil, which nobody takes from, while there is nothing to tell
		)
		if len(waiting) > 0 {
			next, out = waiting[0], entries
		}
		select {
		case reach, ok := <-reaches:
			if !ok {
				return
			}
			upTo = reach.Seq
			if !reach.Enabled {
				last, waiting = upTo, nil
			}
		case out <- next:
			last, waiting = next.Seq, waiting[1:]
		case <-again:
		}
	}
}
