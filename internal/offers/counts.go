package offers

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/offerstock"
	"farthing/ent/offeruse"
	"farthing/ent/predicate"
	"farthing/internal/db"
	"farthing/internal/id"
)

// Use names what one shopper has taken of a window of an offer.
type Use struct {
	Shopper uuid.UUID
	Round   Round
}

// countRows is how many counts one statement reads or writes: few enough for the variables that SQLite takes.
const countRows = 1_000

// Stocks reads what has been taken of offers by all shoppers. Windows of which nothing has been taken may not be there.
func Stocks(ctx context.Context, client *ent.Client, rounds []Round) (map[Round]*ent.OfferStock, error) {
	return stocks(ctx, client, rounds)
}

// LockStocks is Stocks for a transaction that is about to take units: of those windows nobody else takes any until it
// ends. A limit is how many units there are; windows without one are not locked, since how many are taken decides nothing:
// of these, only those are found that were closed for good when they had one. The locks are taken in the order of offers and
// windows, as everywhere, after those of shoppers. Windows with a limit that are not found are there after BeginStocks.
func LockStocks(ctx context.Context, tx *ent.Tx, limits map[Round]*int64) (map[Round]*ent.OfferStock, error) {
	var limited, others []Round
	for _, round := range sortedRounds(limits) {
		if limits[round] != nil {
			limited = append(limited, round)
		} else {
			others = append(others, round)
		}
	}
	found, err := stocks(ctx, tx.Client(), limited, db.Lock)
	if err != nil {
		return nil, err
	}
	closed, err := stocks(ctx, tx.Client(), others, offerstock.Closed(true))
	maps.Copy(found, closed)
	return found, err
}

// BeginStocks locks those windows with a limit that LockStocks has not found, because nobody has taken any of them yet. The
// first to do so makes the row, and whoever comes second waits for the first here.
func BeginStocks(ctx context.Context, tx *ent.Tx, limits map[Round]*int64, found map[Round]*ent.OfferStock) error {
	var limited []Round
	var missing []*ent.OfferStockCreate
	for _, round := range sortedRounds(limits) {
		if limits[round] == nil {
			continue
		}
		limited = append(limited, round)
		if found[round] == nil {
			missing = append(missing, tx.OfferStock.Create().
				SetID(id.New()).SetOfferID(round.Offer).SetRound(round.Round).SetMost(*limits[round]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := tx.OfferStock.CreateBulk(missing...).OnConflictColumns(offerstock.FieldOfferID, offerstock.FieldRound).DoNothing().Exec(ctx)
	if err != nil {
		return fmt.Errorf("begin to count what is taken of offers: %w", err)
	}
	there, err := stocks(ctx, tx.Client(), limited, db.Lock)
	maps.Copy(found, there)
	return err
}

func stocks(
	ctx context.Context, client *ent.Client, rounds []Round, which ...predicate.OfferStock,
) (map[Round]*ent.OfferStock, error) {
	found := make(map[Round]*ent.OfferStock, len(rounds))
	for chunk := range slices.Chunk(rounds, countRows) {
		wanted, offers := map[Round]bool{}, map[uuid.UUID]bool{}
		for _, round := range chunk {
			wanted[round], offers[round.Offer] = true, true
		}
		query := client.OfferStock.Query().Where(
			db.AnyOf(offerstock.FieldOfferID, slices.Collect(maps.Keys(offers))), db.AnyOf(offerstock.FieldRound, roundNumbers(chunk)),
		).Where(which...).Order(offerstock.ByOfferID(), offerstock.ByRound())
		rows, err := query.All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read what is taken of offers: %w", err)
		}
		for _, row := range rows {
			if round := (Round{row.OfferID, row.Round}); wanted[round] {
				found[round] = row
			}
		}
	}
	return found, nil
}

// Uses reads what some shoppers have taken of offers. What is not there is nothing.
func Uses(ctx context.Context, client *ent.Client, shoppers []uuid.UUID, rounds []Round) (map[Use]int64, error) {
	taken := map[Use]int64{}
	if len(shoppers) == 0 {
		return taken, nil
	}
	for chunk := range slices.Chunk(rounds, countRows) {
		offers := map[uuid.UUID]bool{}
		for _, round := range chunk {
			offers[round.Offer] = true
		}
		rows, err := client.OfferUse.Query().Where(
			db.AnyOf(offeruse.FieldShopperID, shoppers), db.AnyOf(offeruse.FieldOfferID, slices.Collect(maps.Keys(offers))),
			db.AnyOf(offeruse.FieldRound, roundNumbers(chunk)),
		).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read what shoppers have taken of offers: %w", err)
		}
		for _, row := range rows {
			taken[Use{row.ShopperID, Round{row.OfferID, row.Round}}] = row.Taken
		}
	}
	return taken, nil
}

// Sold is how many units have been taken of offers in all their windows.
func Sold(ctx context.Context, client *ent.Client, offers []uuid.UUID) (map[uuid.UUID]int64, error) {
	var rows []struct {
		OfferID uuid.UUID `json:"offer_id" sql:"offer_id"`
		Sum     int64     `json:"sum" sql:"sum"`
	}
	err := client.OfferStock.Query().Where(offerstock.OfferIDIn(offers...)).
		GroupBy(offerstock.FieldOfferID).Aggregate(ent.Sum(offerstock.FieldTaken)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("sum up what is taken of offers: %w", err)
	}
	sold := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		sold[row.OfferID] = row.Sum
	}
	return sold, nil
}

// Take is what a batch of purchases takes of offers.
type Take struct {
	// All is by window, Own by shopper and window: how many units.
	All map[Round]int64
	Own map[Use]int64
	// Caps is how many units one shopper gets of a window; nil or not there for any number.
	Caps map[Round]*int64
}

// Add adds units that a shopper takes, of whom each gets at most so many; nil for any number. Less than 0 gives units back.
func (t *Take) Add(use Use, units int64, most *int64) {
	if t.All == nil {
		t.All, t.Own, t.Caps = map[Round]int64{}, map[Use]int64{}, map[Round]*int64{}
	}
	t.All[use.Round] += units
	t.Own[use] += units
	if units > 0 {
		t.Caps[use.Round] = most
	}
}

// Write counts what is taken. Windows with a limit must be locked (LockStocks) and their limits observed; constraints
// stand behind both. The rows that all shoppers share come last and in order, so that they are held as shortly as can be.
func (t Take) Write(ctx context.Context, tx *ent.Tx) error {
	var uses []*ent.OfferUse
	for use, units := range t.Own {
		if units > 0 {
			uses = append(uses, &ent.OfferUse{
				ID: id.New(), ShopperID: use.Shopper, OfferID: use.Round.Offer, Round: use.Round.Round, Taken: units, Most: t.Caps[use.Round],
			})
		}
	}
	if err := db.Write(ctx, tx, useRows.Of(uses...)); err != nil {
		return err
	}
	if err := t.giveBackUses(ctx, tx); err != nil {
		return err
	}
	// Rows that are not locked yet are from here on. Taking and giving back are therefore one walk in one order: what is
	// taken together, up to the next window of which something is given back, is one statement.
	var rows []*ent.OfferStock
	flush := func() error {
		taken := rows
		rows = nil
		return db.Write(ctx, tx, stockRows.Of(taken...))
	}
	for _, round := range sortedRounds(t.All) {
		switch units := t.All[round]; {
		case units > 0:
			rows = append(rows, &ent.OfferStock{ID: id.New(), OfferID: round.Offer, Round: round.Round, Taken: units})
		case units < 0:
			if err := flush(); err != nil {
				return err
			}
			if err := giveBackStock(ctx, tx, round, units); err != nil {
				return err
			}
		}
	}
	return flush()
}

// What is taken is added to what was taken before.
var (
	useRows = db.NewRows(offeruse.Table,
		db.UUID(offeruse.FieldID, func(u *ent.OfferUse) uuid.UUID { return u.ID }),
		db.UUID(offeruse.FieldShopperID, func(u *ent.OfferUse) uuid.UUID { return u.ShopperID }),
		db.UUID(offeruse.FieldOfferID, func(u *ent.OfferUse) uuid.UUID { return u.OfferID }),
		db.Int(offeruse.FieldRound, func(u *ent.OfferUse) int64 { return u.Round }),
		db.Int(offeruse.FieldTaken, func(u *ent.OfferUse) int64 { return u.Taken }),
		db.NullInt(offeruse.FieldMost, func(u *ent.OfferUse) *int64 { return u.Most }),
	).OnConflict(`ON CONFLICT (shopper_id, offer_id, round) DO UPDATE SET taken = offer_uses.taken + excluded.taken, most = excluded.most`)

	stockRows = db.NewRows(offerstock.Table,
		db.UUID(offerstock.FieldID, func(s *ent.OfferStock) uuid.UUID { return s.ID }),
		db.UUID(offerstock.FieldOfferID, func(s *ent.OfferStock) uuid.UUID { return s.OfferID }),
		db.Int(offerstock.FieldRound, func(s *ent.OfferStock) int64 { return s.Round }),
		db.Int(offerstock.FieldTaken, func(s *ent.OfferStock) int64 { return s.Taken }),
	).OnConflict(`ON CONFLICT (offer_id, round) DO UPDATE SET taken = offer_stocks.taken + excluded.taken`)
)

// giveBackUses counts what shoppers give back. The rows are there, because the units were taken; an upsert would not do,
// since a row to insert must not be below 0.
func (t Take) giveBackUses(ctx context.Context, tx *ent.Tx) error {
	for use, units := range t.Own {
		if units >= 0 {
			continue
		}
		n, err := tx.OfferUse.Update().Where(
			offeruse.ShopperID(use.Shopper), offeruse.OfferID(use.Round.Offer), offeruse.Round(use.Round.Round),
		).AddTaken(units).Save(ctx)
		if err != nil {
			return fmt.Errorf("give back what a shopper took of an offer: %w", err)
		}
		if n != 1 {
			return fmt.Errorf("give back what a shopper took of an offer: there are %d counts of it", n)
		}
	}
	return nil
}

func giveBackStock(ctx context.Context, tx *ent.Tx, round Round, units int64) error {
	n, err := tx.OfferStock.Update().Where(offerstock.OfferID(round.Offer), offerstock.Round(round.Round)).
		AddTaken(units).Save(ctx)
	if err != nil {
		return fmt.Errorf("give back what was taken of an offer: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("give back what was taken of an offer: there are %d counts of it", n)
	}
	return nil
}

func roundNumbers(rounds []Round) []int64 {
	numbers := make([]int64, 0, 1)
	for _, round := range rounds {
		if !slices.Contains(numbers, round.Round) {
			numbers = append(numbers, round.Round)
		}
	}
	return numbers
}

func sortedRounds[V any](of map[Round]V) []Round {
	return slices.SortedFunc(maps.Keys(of), func(a, b Round) int {
		return cmp.Or(bytes.Compare(a.Offer[:], b.Offer[:]), cmp.Compare(a.Round, b.Round))
	})
}
