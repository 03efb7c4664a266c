package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
)

func TestTx(t *testing.T) {
	t.Parallel()
	insert := func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('x')")
		return err
	}
	refusal := fault.New(fault.NotFound, "there is none")

	cases := []struct {
		name string
		run  func(t *testing.T, d *db.DB)
		rows string
	}{
		{"commits_when_the_function_returns_nil", func(t *testing.T, d *db.DB) {
			if err := d.Tx(t.Context(), insert); err != nil {
				t.Error(err)
			}
		}, "1"},
		{"rolls_back_and_returns_the_error_as_it_is", func(t *testing.T, d *db.DB) {
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				return errors.Join(insert(ctx, tx), refusal)
			})
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v, want the refusal", err)
			}
		}, "0"},
		{"rolls_back_when_the_function_panics", func(t *testing.T, d *db.DB) {
			defer func() {
				if got := recover(); got != "boom" {
					t.Errorf("recovered %v, want the panic of the function", got)
				}
			}()
			_ = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				if err := insert(ctx, tx); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}, "0"},
		{"rolls_back_when_the_function_ends_its_goroutine", func(t *testing.T, d *db.DB) {
			var ended sync.WaitGroup
			ended.Go(func() {
				_ = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					if err := insert(ctx, tx); err != nil {
						t.Error(err)
					}
					runtime.Goexit()
					return nil
				})
			})
			ended.Wait()
		}, "0"},
		{"rolls_back_when_the_caller_leaves_before_the_commit", func(t *testing.T, d *db.DB) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
				defer leave()
				return insert(ctx, tx)
			})
			if !errors.Is(err, context.Canceled) || errors.Is(err, db.ErrOutcomeUnknown) {
				t.Errorf("got %v, want only %v", err, context.Canceled)
			}
		}, "0"},
		{"stops_a_statement_when_the_caller_leaves", func(t *testing.T, d *db.DB) {
			endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"
			ctx, leave := context.WithCancelCause(t.Context())
			defer leave(nil)
			err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
				if err := insert(ctx, tx); err != nil {
					return err
				}
				go leave(errors.New("gone"))
				_, err := textIn(ctx, tx, endless)
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		}, "0"},
		{"does_not_begin_for_a_caller_who_has_left", func(t *testing.T, d *db.DB) {
			ctx, leave := context.WithCancel(t.Context())
			leave()
			if err := d.Tx(ctx, insert); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		}, "0"},
		{"leaves_the_commit_to_nobody_else", func(t *testing.T, d *db.DB) {
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				if tx.Commit() == nil || tx.Rollback() == nil {
					t.Error("the function could end the transaction")
				}
				return errors.Join(insert(ctx, tx), refusal)
			})
			if !errors.Is(err, refusal) {
				t.Errorf("got %v, want the refusal", err)
			}
		}, "0"},
		{"runs_again_when_it_lost_against_another", func(t *testing.T, d *db.DB) {
			runs := 0
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				if runs++; runs < 3 {
					return errors.Join(insert(ctx, tx), fmt.Errorf("lock wallets: %w", &pq.Error{Code: "40P01"}))
				}
				return insert(ctx, tx)
			})
			if err != nil || runs != 3 {
				t.Errorf("after %d runs: %v, want success after 3", runs, err)
			}
		}, "1"},
		{"gives_up_in_the_end", func(t *testing.T, d *db.DB) {
			runs := 0
			err := d.Tx(t.Context(), func(context.Context, *ent.Tx) error {
				runs++
				return &pq.Error{Code: "40001"}
			})
			if pq.As(err, "40001") == nil || runs != db.MaxAttempts {
				t.Errorf("after %d runs: %v, want the conflict after %d", runs, err, db.MaxAttempts)
			}
		}, "0"},
		{"gives_up_when_the_caller_leaves", func(t *testing.T, d *db.DB) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			runs := 0
			err := d.TxKeyed(ctx, func(context.Context, *ent.Tx) error {
				runs++
				leave()
				return &pq.Error{Code: "40001"}
			})
			if !errors.Is(err, context.Canceled) || runs != 1 {
				t.Errorf("after %d runs: %v, want %v after one", runs, err, context.Canceled)
			}
		}, "0"},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, "CREATE TABLE t (x text)")
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				exec(t, d, "DELETE FROM t")
				c.run(t, d)
				if got := text(t, d, "SELECT count(*) FROM t"); got != c.rows {
					t.Errorf("%s rows, want %s", got, c.rows)
				}
				// The connection is fit for the next one.
				if err := d.Tx(t.Context(), insert); err != nil {
					t.Errorf("the next transaction: %v", err)
				}
			})
		}
	})
}

func TestTxWaitsForTheAnswerToCommit(t *testing.T) {
	t.Parallel()
	direct := dbtest.Postgres(t)
	exec(t, direct,
		"CREATE TABLE t (x text)",
		// The server works on the COMMIT long enough for a cancellation to arrive.
		"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$",
		"CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()")
	proxy := dbtest.NewProxy(t, dbtest.URL(t, direct))
	d := dbtest.Open(t, proxy.URL())
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	proxy.Cut(dbtest.Cut{Statement: func(sql string) bool {
		if dbtest.Commit(sql) {
			leave() // COMMIT is on its way
		}
		return false
	}})
	err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('x')")
		return err
	})
	if err != nil || ctx.Err() == nil {
		t.Errorf("got %v with a caller who has left (%v), want the commit to be reported", err, ctx.Err())
	}
	if got := text(t, direct, "SELECT count(*) FROM t"); got != "1" {
		t.Errorf("%s rows, want 1", got)
	}
}

// TestTxUnderContention has many add to one number, half of them locking two rows in the opposite order.
func TestTxUnderContention(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, "CREATE TABLE t (id integer, n integer)", "INSERT INTO t VALUES (1, 0), (2, 0)")
		other := dbtest.Open(t, dbtest.URL(t, d))
		var done sync.WaitGroup
		for i := range 6 {
			done.Go(func() {
				handle, order := d, []int{1, 2}
				if i%2 == 1 {
					handle, order = other, []int{2, 1}
				}
				err := handle.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					for _, id := range order {
						if _, err := tx.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE id = $1", id); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		if diff := cmp.Diff([]string{"6", "6"}, texts(t, d, "SELECT n FROM t")); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	})
}

// TestTxOnBusyFile loses against another process that holds the SQLite file.
func TestTxOnBusyFile(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	impatient, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(dbtest.URL(t, d), "sqlite:")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer impatient.Close()
	runs := 0
	err = d.Tx(t.Context(), func(context.Context, *ent.Tx) error {
		if runs++; runs > 1 {
			return nil
		}
		_, err := impatient.Begin() // this one finds the file locked by the transaction around it
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("after %d runs: %v, want success after 2", runs, err)
	}
}

func TestConstraints(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(error) bool{"unique": db.IsUnique, "check": db.IsCheck, "foreign key": db.IsForeignKey}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, `CREATE TABLE t (
			id integer PRIMARY KEY, name text, n integer CONSTRAINT t_n CHECK (n >= 0),
			parent integer CONSTRAINT t_parent REFERENCES t (id))`,
			"CREATE UNIQUE INDEX t_name ON t (name)", "INSERT INTO t (id, name) VALUES (1, 'taken')")
		for _, c := range []struct{ kind, statement, postgres, sqlite string }{
			{"unique", "INSERT INTO t (id, name) VALUES (2, 'taken')", "t_name", "t.name"},
			{"unique", "INSERT INTO t (id, name) VALUES (1, 'free')", "t_pkey", "t.id"},
			{"check", "INSERT INTO t (id, name, n) VALUES (3, 'private', -1)", "t_n", "t_n"},
			{"foreign key", "INSERT INTO t (id, name, parent) VALUES (4, 'private', 9)", "t_parent", ""},
		} {
			runs := 0
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				runs++
				_, err := tx.ExecContext(ctx, c.statement)
				return err
			})
			for kind, is := range kinds {
				if is(err) != (kind == c.kind) {
					t.Errorf("%s: is %s: %v, of %v", c.statement, kind, is(err), err)
				}
			}
			want := c.postgres
			if d.Dialect() != "postgres" {
				want = c.sqlite
			}
			if got := db.Constraint(err); got != want {
				t.Errorf("%s: constraint %q, want %q", c.statement, got, want)
			}
			if runs != 1 || err == nil || strings.Contains(err.Error(), "private") {
				t.Errorf("%s: after %d runs: %v, want one run and no value of the row", c.statement, runs, err)
			}
		}
	})

	t.Run("at_the_commit_is_a_certain_failure", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		exec(t, d, "CREATE TABLE t (x text CONSTRAINT t_x UNIQUE DEFERRABLE INITIALLY DEFERRED)")
		err := d.TxKeyed(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('x'), ('x')")
			return err
		})
		if !db.IsUnique(err) || errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("got %v, want a violated constraint and no doubt", err)
		}
	})

	t.Run("of_anything_else_is_none", func(t *testing.T) {
		t.Parallel()
		for _, err := range []error{nil, errors.New("UNIQUE constraint failed: t.x"), sql.ErrNoRows} {
			if db.IsUnique(err) || db.IsCheck(err) || db.IsForeignKey(err) || db.Constraint(err) != "" {
				t.Errorf("%v was taken for a violated constraint", err)
			}
		}
	})
}

// TestOutcome cuts the connection around the statements of a transaction.
func TestOutcome(t *testing.T) {
	t.Parallel()

	// setup opens a database directly and through a proxy.
	setup := func(t *testing.T) (direct, d *db.DB, proxy *dbtest.Proxy) {
		direct = dbtest.Postgres(t)
		exec(t, direct, "CREATE TABLE t (k text PRIMARY KEY, n integer)", "INSERT INTO t VALUES ('sum', 0)")
		proxy = dbtest.NewProxy(t, dbtest.URL(t, direct))
		return direct, dbtest.Open(t, proxy.URL()), proxy
	}
	sum := func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE t SET n = n + $1 WHERE k = 'sum'", 1)
		return err
	}
	// keyed adds one, once for its key.
	keyed := func(ctx context.Context, tx *ent.Tx) error {
		result, err := tx.ExecContext(ctx, "INSERT INTO t (k) VALUES ($1) ON CONFLICT DO NOTHING", "key")
		if err != nil {
			return err
		}
		if claimed, err := result.RowsAffected(); err != nil || claimed == 0 {
			return err
		}
		return sum(ctx, tx)
	}
	const read = "SELECT n FROM t WHERE k = 'sum'"

	for _, c := range []struct {
		name string
		cut  dbtest.Cut
		want string
	}{
		{"commit_executed", dbtest.Cut{Statement: dbtest.Commit, Executed: true}, "1"},
		{"commit_lost", dbtest.Cut{Statement: dbtest.Commit}, "0"},
	} {
		t.Run("is_unknown_after_"+c.name, func(t *testing.T) {
			t.Parallel()
			direct, d, proxy := setup(t)
			proxy.Cut(c.cut)
			runs := 0
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				runs++
				return sum(ctx, tx)
			})
			if !errors.Is(err, db.ErrOutcomeUnknown) || runs != 1 || proxy.Cuts() != 1 {
				t.Errorf("after %d runs and %d cuts: %v, want %v after one", runs, proxy.Cuts(), err, db.ErrOutcomeUnknown)
			}
			if got := text(t, direct, read); got != c.want {
				t.Errorf("sum is %s, want %s", got, c.want)
			}
		})
	}

	t.Run("is_failure_when_a_statement_is_lost", func(t *testing.T) {
		t.Parallel()
		for _, executed := range []bool{false, true} {
			direct, d, proxy := setup(t)
			proxy.Cut(dbtest.Cut{Statement: dbtest.Write, Executed: executed})
			err := d.Tx(t.Context(), sum)
			if err == nil || errors.Is(err, db.ErrOutcomeUnknown) || proxy.Cuts() != 1 {
				t.Errorf("executed %v: %v, want a failure without doubt", executed, err)
			}
			if got := text(t, direct, read); got != "0" {
				t.Errorf("executed %v: sum is %s, want 0", executed, got)
			}
		}
	})

	t.Run("is_found_out_by_a_keyed_transaction", func(t *testing.T) {
		t.Parallel()
		direct, d, proxy := setup(t)
		for _, executed := range []bool{false, true} {
			for name, statement := range map[string]func(string) bool{
				"begin":  func(sql string) bool { return strings.HasPrefix(sql, "BEGIN") },
				"claim":  func(sql string) bool { return strings.HasPrefix(sql, "INSERT") },
				"update": func(sql string) bool { return strings.HasPrefix(sql, "UPDATE") },
				"commit": dbtest.Commit,
			} {
				exec(t, direct, "DELETE FROM t WHERE k = 'key'", "UPDATE t SET n = 0")
				before := proxy.Cuts()
				proxy.Cut(dbtest.Cut{Statement: statement, Executed: executed})
				if err := d.TxKeyed(t.Context(), keyed); err != nil {
					t.Errorf("%s, executed %v: %v", name, executed, err)
				}
				if proxy.Cuts() != before+1 {
					t.Errorf("%s, executed %v: the connection was not cut", name, executed)
				}
				if got := text(t, direct, read); got != "1" {
					t.Errorf("%s, executed %v: sum is %s, want 1", name, executed, got)
				}
			}
		}
	})

	t.Run("stays_unknown_when_no_later_run_gets_to_look", func(t *testing.T) {
		t.Parallel()
		_, d, proxy := setup(t)
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit, Executed: true})
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		runs := 0
		err := d.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
			if runs++; runs == 2 {
				leave()
			}
			return keyed(ctx, tx)
		})
		if !errors.Is(err, db.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) || runs != 2 {
			t.Errorf("after %d runs: %v, want %v and %v", runs, err, db.ErrOutcomeUnknown, context.Canceled)
		}
	})

	t.Run("stays_unknown_when_every_later_run_loses", func(t *testing.T) {
		t.Parallel()
		_, d, proxy := setup(t)
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit, Executed: true})
		runs := 0
		err := d.TxKeyed(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if runs++; runs > 1 {
				return &pq.Error{Code: "40001"}
			}
			return keyed(ctx, tx)
		})
		if !errors.Is(err, db.ErrOutcomeUnknown) || runs != db.MaxAttempts {
			t.Errorf("after %d runs: %v, want %v after %d", runs, err, db.ErrOutcomeUnknown, db.MaxAttempts)
		}
	})

	t.Run("is_unknown_when_the_server_says_so", func(t *testing.T) {
		t.Parallel()
		direct, _, _ := setup(t)
		exec(t, direct, "CREATE SEQUENCE commits", // which counts commits that fail, too
			`CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('commits') = 1 THEN RAISE 'who knows' USING ERRCODE = 'statement_completion_unknown'; END IF;
				RETURN NULL;
			END $$`,
			"CREATE CONSTRAINT TRIGGER doubt AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION doubt()")
		if err := direct.Tx(t.Context(), sum); !errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("got %v, want %v", err, db.ErrOutcomeUnknown)
		}
		exec(t, direct, "SELECT setval('commits', 1, false)")
		if err := direct.TxKeyed(t.Context(), keyed); err != nil {
			t.Errorf("keyed: %v", err)
		}
		if got := text(t, direct, read); got != "1" {
			t.Errorf("sum is %s, want 1", got)
		}
	})

	t.Run("is_what_a_later_run_decides", func(t *testing.T) {
		t.Parallel()
		_, d, proxy := setup(t)
		proxy.Cut(dbtest.Cut{Statement: dbtest.Commit})
		runs := 0
		err := d.TxKeyed(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if runs++; runs == 2 {
				return fault.New(fault.NotAvailable, "sold out meanwhile")
			}
			return keyed(ctx, tx)
		})
		if !fault.Is(err, fault.NotAvailable) || errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("got %v, want the refusal and no doubt", err)
		}
	})
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		exec(t, d, "CREATE TABLE t (x text)", "INSERT INTO t VALUES ('a')")
		const count = "SELECT count(*) FROM t"
		err := d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			before, err := textIn(ctx, tx, count)
			if err != nil {
				return err
			}
			exec(t, d, "INSERT INTO t VALUES ('b')") // a writer does not wait for the snapshot
			after, err := textIn(ctx, tx, count)
			if before != "1" || after != "1" {
				t.Errorf("%s rows, then %s, want 1 and 1", before, after)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		err = d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('c')"); err != nil {
				return err
			}
			// A snapshot does not wait for a writer.
			return d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				got, err := textIn(ctx, tx, count)
				if got != "2" {
					t.Errorf("%s rows, want 2", got)
				}
				return err
			})
		})
		if err != nil {
			t.Error(err)
		}
		err = d.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('d')")
			return err
		})
		if !errors.Is(err, db.ErrWriteOutsideTransaction) {
			t.Errorf("writing in a snapshot: %v, want %v", err, db.ErrWriteOutsideTransaction)
		}
		if got := text(t, d, count); got != "3" {
			t.Errorf("%s rows, want 3", got)
		}
	})
}
