package db_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// discard is a log that nobody reads.
var discard = slog.New(slog.DiscardHandler)

// migrationsOf makes a directory of (name, content) pairs with its atlas.sum.
func migrationsOf(t *testing.T, files ...string) *migrate.MemDir {
	t.Helper()
	dir := new(migrate.MemDir)
	for pair := range slices.Chunk(files, 2) {
		if err := dir.WriteFile(pair[0], []byte(pair[1])); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
	return dir
}

// eachEmpty runs a test on every store with an empty database.
func eachEmpty(t *testing.T, test func(t *testing.T, store dbtest.Store, url string)) {
	t.Helper()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			test(t, store, store.EmptyURL(t))
		})
	}
}

const (
	first  = "20260101000000_first.sql"
	second = "20260102000000_second.sql"
	third  = "20260103000000_third.sql"
)

func TestMigrate(t *testing.T) {
	t.Parallel()

	t.Run("brings_a_database_up_to_this_binary", func(t *testing.T) {
		t.Parallel()
		eachEmpty(t, func(t *testing.T, _ dbtest.Store, url string) {
			d := dbtest.Open(t, url)
			before, err := d.Pending(t.Context())
			if err != nil || len(before) == 0 {
				t.Fatalf("pending on an empty database: %v, %v; want every file", before, err)
			}
			applied, err := db.Migrate(t.Context(), url, discard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, applied); diff != "" {
				t.Errorf("applied (-pending +applied):\n%s", diff)
			}
			if after, err := d.Pending(t.Context()); err != nil || len(after) > 0 {
				t.Errorf("pending after migrating: %v, %v; want nothing", after, err)
			}
			if again, err := db.Migrate(t.Context(), url, discard); err != nil || len(again) > 0 {
				t.Errorf("a second time: %v, %v; want nothing", again, err)
			}
		})
	})

	t.Run("lets_many_starters_in_and_works_once", func(t *testing.T) {
		t.Parallel()
		eachEmpty(t, func(t *testing.T, store dbtest.Store, url string) {
			files := []string{
				first, "CREATE TABLE t (x integer);",
				second, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);",
			}
			if store.Name == "postgres" {
				files = append(files, third, "-- farthing:no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x);")
			}
			dir := migrationsOf(t, files...)
			var mu sync.Mutex
			var total []string
			var done sync.WaitGroup
			for range 6 {
				done.Go(func() {
					applied, err := db.MigrateDir(t.Context(), url, dir, discard)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					total = append(total, applied...)
				})
			}
			done.Wait()
			if len(total) != len(files)/2 {
				t.Errorf("the six applied %v, want each file once", total)
			}
			d := dbtest.Open(t, url)
			if got := text(t, d, "SELECT count(*) FROM t"); got != "2" {
				t.Errorf("%s rows, want 2", got)
			}
		})
	})

	t.Run("leaves_nothing_of_an_upgrade_that_fails_half_way", func(t *testing.T) {
		t.Parallel()
		eachEmpty(t, func(t *testing.T, _ dbtest.Store, url string) {
			good := []string{first, "CREATE TABLE t (x integer);"}
			if _, err := db.MigrateDir(t.Context(), url, migrationsOf(t, good...), discard); err != nil {
				t.Fatal(err)
			}
			bad := migrationsOf(t, append(good,
				second, "INSERT INTO t VALUES (1);",
				third, "CREATE TABLE u (x integer); INSERT INTO t VALUES (2); INSERT INTO nowhere VALUES (3);")...)
			applied, err := db.MigrateDir(t.Context(), url, bad, discard)
			if err == nil || len(applied) > 0 || !strings.Contains(err.Error(), third+", statement 3") {
				t.Errorf("applied %v, error %v; want nothing, and the statement named", applied, err)
			}
			d := dbtest.Open(t, url)
			if got := text(t, d, "SELECT count(*) FROM t"); got != "0" {
				t.Errorf("%s rows are left", got)
			}
			exec(t, d, "CREATE TABLE u (x integer)") // it is not there
			pending, err := db.PendingOf(t.Context(), d, bad)
			if diff := cmp.Diff([]string{second, third}, pending); err != nil || diff != "" {
				t.Errorf("pending (-want +got): %v\n%s", err, diff)
			}
		})
	})

	t.Run("stops_when_the_caller_leaves", func(t *testing.T) {
		t.Parallel()
		eachEmpty(t, func(t *testing.T, _ dbtest.Store, url string) {
			ctx, leave := context.WithCancel(t.Context())
			leave()
			dir := migrationsOf(t, first, "CREATE TABLE t (x integer);")
			if _, err := db.MigrateDir(ctx, url, dir, discard); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			d := dbtest.Open(t, url)
			if pending, err := db.PendingOf(t.Context(), d, dir); err != nil || len(pending) != 1 {
				t.Errorf("pending: %v, %v; want the file", pending, err)
			}
		})
	})

	t.Run("refuses_what_does_not_fit", func(t *testing.T) {
		t.Parallel()
		applied := []string{first, "CREATE TABLE t (x integer);", second, "INSERT INTO t VALUES (1);"}
		edited := migrationsOf(t, applied...)
		if err := edited.WriteFile(second, []byte("INSERT INTO t VALUES (100);")); err != nil {
			t.Fatal(err)
		}
		cases := []struct {
			what string
			dir  migrate.Dir
			want string
		}{
			{"a file that is not in atlas.sum", edited, "atlas.sum"},
			{"an applied file that has changed", migrationsOf(t, first, applied[1], second, "INSERT INTO t VALUES (100);"), "changed"},
			{"a database of a newer binary", migrationsOf(t, applied[:2]...), "newer"},
			{"a file older than the applied ones", migrationsOf(t, append(applied, "20260101120000_late.sql", "SELECT 1;")...), "older"},
		}
		eachEmpty(t, func(t *testing.T, _ dbtest.Store, url string) {
			if _, err := db.MigrateDir(t.Context(), url, migrationsOf(t, applied...), discard); err != nil {
				t.Fatal(err)
			}
			d := dbtest.Open(t, url)
			for _, c := range cases {
				if _, err := db.MigrateDir(t.Context(), url, c.dir, discard); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: migrating: %v, want an error that says %q", c.what, err, c.want)
				}
				if _, err := db.PendingOf(t.Context(), d, c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: pending: %v, want an error that says %q", c.what, err, c.want)
				}
			}
			if got := text(t, d, "SELECT x FROM t"); got != "1" {
				t.Errorf("the table holds %s", got)
			}
		})
	})

	t.Run("runs_a_marked_file_outside_the_transaction", func(t *testing.T) {
		t.Parallel()
		eachEmpty(t, func(t *testing.T, store dbtest.Store, url string) {
			const marked = "-- farthing:no-transaction\n"
			good := []string{
				first, "CREATE TABLE t (x integer);",
				second, marked + "CREATE INDEX CONCURRENTLY t_x ON t (x);",
			}
			bad := migrationsOf(t, append(good, third, "INSERT INTO nowhere VALUES (1);")...)
			applied, err := db.MigrateDir(t.Context(), url, bad, discard)
			if store.Name == "sqlite" {
				if err == nil || len(applied) > 0 {
					t.Errorf("applied %v, error %v; want it refused on SQLite", applied, err)
				}
				return
			}
			if diff := cmp.Diff([]string{first, second}, applied); err == nil || diff != "" {
				t.Errorf("applied with error %v (-want +got):\n%s", err, diff)
			}
			two := migrationsOf(t, append(good, third, marked+"INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);")...)
			if _, err := db.MigrateDir(t.Context(), url, two, discard); err == nil || !strings.Contains(err.Error(), "one statement") {
				t.Errorf("two statements: %v, want them refused", err)
			}
		})
	})
}

// TestMigrateRebuild rebuilds a table on SQLite, as the generator does for a new CHECK. With foreign keys on, dropping the
// old table would delete the rows that refer to it.
func TestMigrateRebuild(t *testing.T) {
	t.Parallel()
	url := dbtest.Store{Name: "sqlite"}.EmptyURL(t)
	files := []string{
		first, `
			CREATE TABLE orders (id integer PRIMARY KEY);
			CREATE TABLE lines (id integer PRIMARY KEY, order_id integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE);
			CREATE TABLE notes (id integer PRIMARY KEY, order_id integer REFERENCES orders (id) ON DELETE SET NULL);
			CREATE TRIGGER orders_stay BEFORE DELETE ON orders BEGIN
				SELECT 1;
				SELECT raise(ABORT, 'orders stay');
			END;
			INSERT INTO orders VALUES (1), (2);
			INSERT INTO lines VALUES (10, 1), (20, 2);
			INSERT INTO notes VALUES (30, 1);`,
		second, `
			PRAGMA foreign_keys = off;
			CREATE TABLE new_orders (id integer PRIMARY KEY, total integer NOT NULL DEFAULT 0 CHECK (total >= 0));
			INSERT INTO new_orders (id) SELECT id FROM orders;
			DROP TABLE orders;
			ALTER TABLE new_orders RENAME TO orders;
			PRAGMA foreign_keys = on;`,
	}
	if _, err := db.MigrateDir(t.Context(), url, migrationsOf(t, files[:2]...), discard); err != nil {
		t.Fatal(err)
	}
	if _, err := db.MigrateDir(t.Context(), url, migrationsOf(t, files...), discard); err != nil {
		t.Fatal(err)
	}
	d := dbtest.Open(t, url)
	for query, want := range map[string][]string{
		"SELECT id FROM orders WHERE total = 0 ORDER BY id":                                {"1", "2"},
		"SELECT order_id FROM lines ORDER BY id":                                           {"1", "2"},
		"SELECT order_id FROM notes WHERE order_id NOT NULL":                               {"1"},
		"SELECT count(*) FROM pragma_foreign_key_list('lines') WHERE \"table\" = 'orders'": {"1"},
	} {
		if diff := cmp.Diff(want, texts(t, d, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	// Foreign keys count again.
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO lines VALUES (40, 9)")
		return err
	})
	if !db.IsForeignKey(err) {
		t.Errorf("a line of no order: %v, want a violated foreign key", err)
	}

	orphans := migrationsOf(t, append(files, third, "DELETE FROM orders WHERE id = 1;")...)
	if _, err := db.MigrateDir(t.Context(), url, orphans, discard); err == nil || !strings.Contains(err.Error(), "lines → orders") {
		t.Errorf("a migration that leaves orphans: %v, want it refused", err)
	}
	if got := text(t, d, "SELECT count(*) FROM orders"); got != "2" {
		t.Errorf("%s orders are left, want 2", got)
	}
}
