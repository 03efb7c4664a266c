package dbtest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestEach(t *testing.T) {
	t.Parallel()
	for range 2 { // what one test writes, another does not see
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			if pending, err := d.Pending(t.Context()); err != nil || len(pending) > 0 {
				t.Errorf("pending migrations: %v, %v; want none", pending, err)
			}
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.ExecContext(ctx, "CREATE TABLE only_here (x integer)")
				return err
			})
			if err != nil {
				t.Error(err)
			}
			second := dbtest.Open(t, dbtest.URL(t, d))
			rows, err := second.Client().QueryContext(t.Context(), "SELECT x FROM only_here")
			if err != nil {
				t.Fatalf("the second handle sees another database: %v", err)
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAbandonedDatabasesAreDropped(t *testing.T) {
	t.Parallel()
	server := serverOf(t)
	now := time.Now()
	old := fmt.Sprintf("farthing_test_%d_abandoned", now.Add(-2*time.Hour).UnixNano()/1e9)
	young := fmt.Sprintf("farthing_test_%d_inuse%d", now.Unix(), now.Nanosecond())
	for _, name := range []string{old, young} {
		if _, err := server.Exec("CREATE DATABASE " + name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = server.Exec("DROP DATABASE IF EXISTS " + name) })
	}
	if err := dbtest.DropAbandoned(server, now); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{old: false, young: true} {
		var there bool
		err := server.QueryRow("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
		if err != nil || there != want {
			t.Errorf("%s is there: %v, %v; want %v", name, there, err, want)
		}
	}
}

// TestProxyShowsTheDoubleWrite reproduces github.com/lib/pq issue 939, for which package db exists: an autocommit
// write is executed twice and reported as one success.
func TestProxyShowsTheDoubleWrite(t *testing.T) {
	t.Parallel()
	for name, insert := range map[string]func(d *sql.DB) error{
		"simple_query": func(d *sql.DB) error {
			_, err := d.Exec("INSERT INTO t VALUES ('x')")
			return err
		},
		"extended_query": func(d *sql.DB) error {
			_, err := d.Exec("INSERT INTO t VALUES ($1)", "x")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := dbtest.Postgres(t)
			proxy := dbtest.NewProxy(t, dbtest.URL(t, direct))
			careless, err := sql.Open("postgres", proxy.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer careless.Close()
			if _, err := careless.Exec("CREATE TABLE t (x text)"); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				what string
				cut  dbtest.Cut
				want int
			}{
				{"executed and not answered", dbtest.Cut{Statement: dbtest.Write, Executed: true}, 2},
				{"not executed", dbtest.Cut{Statement: dbtest.Write}, 1},
				{"never cut, as there is no second one", dbtest.Cut{Statement: dbtest.Write, Nth: 2, Executed: true}, 1},
			} {
				if _, err := careless.Exec("TRUNCATE t"); err != nil {
					t.Fatal(err)
				}
				proxy.Cut(c.cut)
				want := c.want
				if err := insert(careless); err != nil {
					if c.cut.Executed {
						t.Errorf("%s: the insert reports %v, want the silence of the bug", c.what, err)
					}
					want-- // a connection that is reset, not closed, is not tried again
				}
				var got int
				if err := careless.QueryRow("SELECT count(*) FROM t").Scan(&got); err != nil || got != want {
					t.Errorf("%s: %d rows, %v; want %d", c.what, got, err, want)
				}
			}
			if got := proxy.Cuts(); got != 2 {
				t.Errorf("%d cuts, want 2", got)
			}
		})
	}
}

// TestProxyCutsWhereSomethingWasWritten passes over the COMMIT of a transaction that has only read, and calls back before the
// client knows, when the statement has been executed or not.
func TestProxyCutsWhereSomethingWasWritten(t *testing.T) {
	t.Parallel()
	direct := dbtest.Postgres(t)
	proxy := dbtest.NewProxy(t, dbtest.URL(t, direct))
	through, err := sql.Open("postgres", proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer through.Close()
	observer, err := sql.Open("postgres", dbtest.URL(t, direct))
	if err != nil {
		t.Fatal(err)
	}
	defer observer.Close()
	if _, err := observer.Exec("CREATE TABLE t (x text)"); err != nil {
		t.Fatal(err)
	}
	commit := func(statement string) error {
		t.Helper()
		tx, err := through.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(statement, "x"); err != nil {
			t.Fatal(err)
		}
		return tx.Commit()
	}
	for _, executed := range []bool{false, true} {
		if _, err := observer.Exec("TRUNCATE t"); err != nil {
			t.Fatal(err)
		}
		stored := make(chan int, 1)
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit, Written: true, Executed: executed, Then: func() {
			var rows int
			if err := observer.QueryRow("SELECT count(*) FROM t").Scan(&rows); err != nil {
				t.Error(err)
			}
			stored <- rows
		}})
		if err := commit("SELECT $1::text"); err != nil || len(stored) > 0 {
			t.Errorf("executed %t: a transaction that reads is cut: %v", executed, err)
		}
		if err := commit("INSERT INTO t VALUES ($1)"); err == nil {
			t.Errorf("executed %t: a transaction that writes is not cut", executed)
		}
		want := 0
		if executed {
			want = 1
		}
		if got := <-stored; got != want {
			t.Errorf("executed %t: %d rows at the cut, want %d", executed, got, want)
		}
		if err := commit("INSERT INTO t VALUES ($1)"); err != nil {
			t.Errorf("executed %t: cut once more: %v", executed, err)
		}
	}
}

func TestStatementKinds(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]struct{ write, commit bool }{
		"SELECT 1":             {},
		"COMMIT":               {commit: true},
		" commit;":             {commit: true},
		"insert into t":        {write: true},
		"\nUPDATE t SET x = 1": {write: true},
		"DELETE FROM t":        {write: true},
		"WITH a AS (SELECT 1) INSERT INTO t SELECT 1": {write: true},
		"WITH a AS (SELECT 1) SELECT updated_at":      {},
		"BEGIN READ WRITE":                            {},
		"":                                            {},
	} {
		if dbtest.Write(statement) != want.write || dbtest.Commit(statement) != want.commit {
			t.Errorf("%q: write %v, commit %v", statement, dbtest.Write(statement), dbtest.Commit(statement))
		}
	}
}

// serverOf connects to the server that the environment names.
func serverOf(t *testing.T) *sql.DB {
	t.Helper()
	dbtest.Postgres(t) // skips without a server
	server, err := sql.Open("postgres", os.Getenv("FARTHING_TEST_DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}
