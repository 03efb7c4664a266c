package identity_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/shopper"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/identity"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func newService(d *db.DB) *identity.Service {
	return identity.New(d, func() time.Time { return now.Add(123456789 * time.Nanosecond) })
}

func TestShopper(t *testing.T) {
	t.Parallel()

	t.Run("is_made_when_first_seen", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := newService(d)
			id, err := s.Shopper(t.Context(), issuer, "ada")
			if err != nil {
				t.Fatal(err)
			}
			row, err := identity.ByID(t.Context(), d.Client(), id)
			if err != nil {
				t.Fatal(err)
			}
			if row.Issuer != issuer || row.Subject != "ada" || !row.CreatedAt.Equal(now.Add(123456*time.Microsecond)) {
				t.Errorf("got %s", row)
			}
			for _, other := range []*identity.Service{s, newService(d)} {
				if again, err := other.Shopper(t.Context(), issuer, "ada"); err != nil || again != id {
					t.Errorf("seen again: %s, %v, want %s", again, err, id)
				}
			}
			expectShoppers(t, d, 1)
		})
	})

	t.Run("is_another_at_another_issuer", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := newService(d)
			seen := map[uuid.UUID]string{}
			for _, name := range [][2]string{
				{issuer, "ada"}, {"", "ada"}, {issuer, "Ada"}, {issuer, "ada "}, {issuer, strings.Repeat("가", 85)},
			} {
				id, err := s.Shopper(t.Context(), name[0], name[1])
				if err != nil {
					t.Fatal(err)
				}
				if other, ok := seen[id]; ok {
					t.Errorf("%q and %q are one shopper", other, name)
				}
				seen[id] = fmt.Sprint(name)
			}
		})
	})

	t.Run("is_one_however_many_see_it_first", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			// Two instances on one database, which share no cache.
			instances := []*identity.Service{newService(d), newService(dbtest.Open(t, dbtest.URL(t, d)))}
			for round := range 5 {
				subject := fmt.Sprint("subject ", round)
				var ids [50]uuid.UUID
				var seeing sync.WaitGroup
				start := make(chan struct{})
				for i := range ids {
					seeing.Go(func() {
						<-start
						id, err := instances[i%2].Shopper(t.Context(), issuer, subject)
						if err != nil {
							t.Error(err)
						}
						ids[i] = id
					})
				}
				close(start)
				seeing.Wait()
				if distinct := slices.Compact(ids[:]); len(distinct) != 1 || distinct[0] == uuid.Nil {
					t.Fatalf("50 who asked at once got %v", distinct)
				}
				expectShoppers(t, d, round+1)
			}
		})
	})

	t.Run("is_refused_with_a_name_that_no_token_has", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := newService(d)
			for _, name := range [][2]string{
				{issuer, ""},
				{issuer, strings.Repeat("a", 256)},
				{issuer, "a\x00b"},
				{issuer, "a\nb"},
				{issuer, "a\xff"},
				{strings.Repeat("a", 256), "ada"},
				{"a\x00b", "ada"},
			} {
				if id, err := s.Shopper(t.Context(), name[0], name[1]); !fault.Is(err, fault.InvalidInput) {
					t.Errorf("%q: got %s, %v", name, id, err)
				}
			}
			expectShoppers(t, d, 0)
		})
	})

	t.Run("is_not_remembered_when_it_could_not_be_made", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			s := newService(d)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Shopper(ctx, issuer, "ada"); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			expectShoppers(t, d, 0)
			if _, err := s.Shopper(t.Context(), issuer, "ada"); err != nil {
				t.Fatal(err)
			}
			expectShoppers(t, d, 1)
		})
	})
}

func TestByID(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if _, err := identity.ByID(t.Context(), d.Client(), uuid.Must(uuid.NewV7())); !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v, want NOT_FOUND", err)
		}
	})
}

func TestLock(t *testing.T) {
	t.Parallel()

	t.Run("tells_which_shoppers_exist", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			ids := makeShoppers(t, d, 3)
			missing := uuid.Must(uuid.NewV7())
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				found, err := identity.Lock(ctx, tx, ids[2], missing, ids[0], ids[2])
				if diff := cmp.Diff(map[uuid.UUID]bool{ids[0]: true, ids[2]: true}, found); err == nil && diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
				if err != nil {
					return err
				}
				found, err = identity.Lock(ctx, tx)
				if len(found) != 0 {
					t.Errorf("of none: %v", found)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	})

	t.Run("lets_one_in_at_a_time_and_nobody_deadlock", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			ids := makeShoppers(t, d, 4)
			inside := make(map[uuid.UUID]*atomic.Int32, len(ids))
			for _, id := range ids {
				inside[id] = new(atomic.Int32)
			}
			// Tx tries a transaction that deadlocked again without a word: the runs give it away.
			var runs, transactions atomic.Int32
			var working sync.WaitGroup
			for range 8 {
				working.Go(func() {
					for range 25 {
						mine := slices.Clone(ids)
						rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
						mine = mine[:3]
						transactions.Add(1)
						err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
							runs.Add(1)
							if _, err := identity.Lock(ctx, tx, mine...); err != nil {
								return err
							}
							for _, id := range mine {
								if inside[id].Add(1) != 1 {
									t.Errorf("two hold the lock of %s", id)
								}
							}
							// Time for the others to come in if they can.
							_, err := identity.ByID(ctx, tx.Client(), mine[0])
							for _, id := range mine {
								inside[id].Add(-1)
							}
							return err
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			working.Wait()
			if runs.Load() != transactions.Load() {
				t.Errorf("%d transactions ran %d times", transactions.Load(), runs.Load())
			}
		})
	})

	t.Run("keeps_out_writers_and_lets_foreign_keys_be_checked", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		id := makeShoppers(t, d, 1)[0]
		// try takes a lock of some strength in a transaction of its own, without waiting.
		try := func(strength entsql.LockStrength) error {
			return d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.Shopper.Query().Where(shopper.ID(id), func(s *entsql.Selector) {
					s.For(strength, entsql.WithLockAction(entsql.NoWait))
				}).All(ctx)
				return err
			})
		}
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if _, err := identity.Lock(ctx, tx, id); err != nil {
				return err
			}
			if err := try(entsql.LockNoKeyUpdate); err == nil {
				t.Error("another transaction holds the lock, too")
			}
			if err := try(entsql.LockKeyShare); err != nil { // What a foreign-key check takes.
				t.Errorf("a row that refers to the shopper could not be inserted: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func makeShoppers(t *testing.T, d *db.DB, n int) []uuid.UUID {
	t.Helper()
	s := newService(d)
	ids := make([]uuid.UUID, n)
	for i := range ids {
		id, err := s.Shopper(t.Context(), issuer, fmt.Sprint("shopper ", i))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}

func expectShoppers(t *testing.T, d *db.DB, want int) {
	t.Helper()
	if got, err := d.Client().Shopper.Query().Count(t.Context()); err != nil || got != want {
		t.Errorf("there are %d shoppers, %v, want %d", got, err, want)
	}
}
