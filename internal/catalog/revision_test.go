package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func (s *shop) wantRevision(t testing.TB, want int64, after string) {
	t.Helper()
	got, err := catalog.Revision(t.Context(), s.db.Client())
	if err != nil || got != want {
		t.Errorf("after %s the revision is %d, want %d; %v", after, got, want, err)
	}
}

func TestRevisionCountsChanges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		s.wantRevision(t, 0, "nothing")
		p := s.create(t, book("The Raven"))
		s.wantRevision(t, 1, "a product was made")
		s.update(t, catalog.UpdateInput{ID: p.ID, Creator: catalog.To("Poe")})
		s.wantRevision(t, 2, "it was changed")
		s.update(t, catalog.UpdateInput{ID: p.ID, Creator: catalog.To("Poe")})
		s.wantRevision(t, 2, "a change that changed nothing")
		for range 2 {
			if _, err := s.Archive(merchandiser(t), catalog.ArchiveInput{ID: p.ID}); err != nil {
				t.Fatal(err)
			}
			s.wantRevision(t, 3, "it was archived")
		}
		for _, err := range []error{
			errorOf(s.Create(merchandiser(t), catalog.CreateInput{})),
			errorOf(s.Update(merchandiser(t), catalog.UpdateInput{ID: p.ID, Slug: catalog.To("")})),
			errorOf(s.Archive(merchandiser(t), catalog.ArchiveInput{ID: uuid.New()})),
		} {
			if err == nil {
				t.Error("not refused")
			}
		}
		s.wantRevision(t, 3, "refusals")

		file := []string{"reference,name", "a,One", "b,Two"}
		for range 2 {
			s.load(t, catalog.ImportInput{}, file...)
			s.wantRevision(t, 4, "an import")
		}
		s.load(t, catalog.ImportInput{DryRun: true}, "reference,name", "c,Three")
		s.wantRevision(t, 4, "a dry run")
		s.load(t, catalog.ImportInput{}, "reference,name", "c,Three", "c,Four")
		s.wantRevision(t, 4, "an import with a bad row")
		lines := []string{"reference,name"}
		for i := range 1_001 {
			lines = append(lines, fmt.Sprintf("p%d,Book %d", i, i))
		}
		s.load(t, catalog.ImportInput{Mode: catalog.KeepGood}, lines...)
		s.wantRevision(t, 7, "an import in three parts")

		boom := errors.New("boom")
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := errors.Join(catalog.Revise(ctx, tx), catalog.Revise(ctx, tx)); err != nil {
				return err
			}
			if n, err := catalog.Revision(ctx, tx.Client()); err != nil || n != 9 {
				t.Errorf("in the transaction the revision is %d, %v", n, err)
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		s.wantRevision(t, 7, "a rollback")
	})
}

func errorOf(_ *ent.Product, err error) error { return err }

// holding is a transaction that holds what is for sale, or revises it, and then waits.
type holding struct {
	got, free chan struct{}
	done      chan error
}

func begin(t *testing.T, d *db.DB, lock func(context.Context, *ent.Tx) error) *holding {
	t.Helper()
	h := &holding{got: make(chan struct{}), free: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		h.done <- d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := lock(ctx, tx); err != nil {
				return err
			}
			close(h.got)
			<-h.free
			return nil
		})
	}()
	return h
}

func (h *holding) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.got:
	case err := <-h.done:
		t.Fatalf("the transaction ended before: %v", err)
	}
}

func (h *holding) end(t *testing.T) {
	t.Helper()
	close(h.free)
	if err := <-h.done; err != nil {
		t.Error(err)
	}
}

// wantWaiting waits until so many transactions are waiting for Hold or Revise.
func wantWaiting(t *testing.T, d *db.DB, want int) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got := waiting(t, d)
		if got == want {
			return
		}
		if deadline.Err() != nil {
			t.Fatalf("%d are waiting, want %d", got, want)
		}
	}
}

func waiting(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	rows, err := d.Client().QueryContext(t.Context(), `SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
		WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHoldAndRevise(t *testing.T) {
	t.Parallel()

	t.Run("keep_each_other_out_in_turn", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		first, second := begin(t, d, catalog.Hold), begin(t, d, catalog.Hold)
		first.wait(t)
		second.wait(t)
		change := begin(t, d, catalog.Revise)
		wantWaiting(t, d, 1)
		later := begin(t, d, catalog.Hold)
		wantWaiting(t, d, 2)
		first.end(t)
		wantWaiting(t, d, 2)
		second.end(t)
		change.wait(t)
		wantWaiting(t, d, 1)
		change.end(t)
		later.wait(t)
		later.end(t)
	})

	t.Run("follow_each_other", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			for range 2 {
				for _, lock := range []func(context.Context, *ent.Tx) error{catalog.Hold, catalog.Revise} {
					if err := d.Tx(t.Context(), lock); err != nil {
						t.Fatal(err)
					}
				}
			}
			open(t, d).wantRevision(t, 2, "two changes")
		})
	})

	t.Run("let_every_write_wait_for_who_holds", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		s := open(t, d)
		changed, archived := s.create(t, book("The Raven")), s.create(t, book("The Dodo"))
		rows, err := readCSV(t, "reference,name\na,Imported", "", "")
		if err != nil {
			t.Fatal(err)
		}
		sale := begin(t, d, catalog.Hold)
		sale.wait(t)
		writes := []func() error{
			func() error { return errorOf(s.Create(merchandiser(t), book("The Crow"))) },
			func() error {
				return errorOf(s.Update(merchandiser(t), catalog.UpdateInput{ID: changed.ID, Creator: catalog.To("Poe")}))
			},
			func() error { return errorOf(s.Archive(merchandiser(t), catalog.ArchiveInput{ID: archived.ID})) },
			func() error { _, err := s.Import(merchandiser(t), catalog.ImportInput{Rows: rows}); return err },
			func() error {
				_, err := s.Import(merchandiser(t), catalog.ImportInput{Rows: rows[:0], Mode: catalog.KeepGood})
				return err // writes nothing, and waits for nobody
			},
		}
		done := make(chan error, len(writes))
		for _, write := range writes {
			go func() { done <- write() }()
		}
		wantWaiting(t, d, len(writes)-1)
		s.wantRevision(t, 2, "nothing but what was there before the hold")
		sale.end(t)
		for range writes {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		s.wantRevision(t, 6, "four changes")
	})

	// On SQLite an import keeps all other writers waiting from its beginning.
	t.Run("do_not_meet_before_an_import_is_about_to_be_committed", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		s := open(t, d)
		sales := 0
		s.load(t, catalog.ImportInput{Progress: func(int, int) {
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '1s'"); err != nil {
					return err
				}
				return catalog.Hold(ctx, tx)
			})
			if err != nil {
				t.Errorf("a sale during an import: %v", err)
			}
			sales++
		}}, "reference,name", "a,One")
		if sales != 1 {
			t.Errorf("there were %d sales during the import", sales)
		}
		s.wantRevision(t, 1, "an import")
	})
}
