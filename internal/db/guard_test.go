package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func TestIsRead(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"SELECT 1",
		" \n\tselect * FROM t;",
		"-- why\n/* what */ SELECT 'INSERT', \"update\", `delete` FROM t -- UPDATE",
		"(SELECT 1) UNION (SELECT 2)",
		"WITH a AS (SELECT 1) SELECT * FROM a",
		"VALUES (1), (2)",
		"EXPLAIN ANALYZE SELECT updated_at, deleted FROM t",
		"SELECT 'it''s; DELETE'",
	} {
		if !db.IsRead(query) {
			t.Errorf("refused: %s", query)
		}
	}
	for _, query := range []string{
		"",
		"-- SELECT",
		";",
		"INSERT INTO t VALUES (1) RETURNING id",
		"/* SELECT */ UPDATE t SET x = 1",
		"DELETE FROM t",
		"WITH a AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM a",
		"WITH a AS (SELECT 1) DELETE FROM t",
		"EXPLAIN ANALYZE UPDATE t SET x = 1",
		"SELECT * INTO u FROM t",
		"SELECT * FROM t FOR NO KEY UPDATE",
		"SELECT 1; DROP TABLE t",
		"SELECT 1; 'x'",
		"MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
		"REPLACE INTO t VALUES (1)",
		"CREATE TABLE t (x int)",
		"DROP TABLE t",
		"TRUNCATE t",
		"PRAGMA foreign_keys = off",
		"BEGIN",
		"COMMIT",
		"SET statement_timeout = 0",
		"CALL f()",
		"DO $$ BEGIN END $$",
		"COPY t FROM stdin",
		"'SELECT'",
		"*SELECT",
		"SELECT 'open",
	} {
		if db.IsRead(query) {
			t.Errorf("let through: %s", query)
		}
	}
}

func FuzzIsRead(f *testing.F) {
	f.Add("INSERT INTO t VALUES (1)", " ")
	f.Add("/* x */", "-- y\n")
	f.Fuzz(func(t *testing.T, query, space string) {
		if db.IsRead(query) && db.IsRead(query+" ; DELETE FROM t") {
			t.Errorf("let through a second statement after %q", query)
		}
		_ = db.IsRead(space + query)
	})
}

func TestClient(t *testing.T) {
	t.Parallel()

	t.Run("reads_and_never_writes", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			exec(t, d, "CREATE TABLE t (x text)", "INSERT INTO t VALUES ('kept')")
			ctx, client := t.Context(), d.Client()
			for name, write := range map[string]func() error{
				"exec": func() error {
					_, err := client.ExecContext(ctx, "DELETE FROM t")
					return err
				},
				"query": func() error {
					rows, err := client.QueryContext(ctx, "INSERT INTO t VALUES ('lost') RETURNING x")
					if err == nil {
						rows.Close()
					}
					return err
				},
				"create":           func() error { return event(client).Exec(ctx) },
				"create_many":      func() error { return client.OutboxEvent.CreateBulk(event(client), event(client)).Exec(ctx) },
				"create_with_edge": func() error { return price(client).Exec(ctx) },
				"upsert": func() error {
					return price(client).OnConflictColumns("product_id", "currency").UpdateNewValues().Exec(ctx)
				},
				"update":           func() error { return client.Product.Update().SetSlug("x").Exec(ctx) },
				"update_with_edge": func() error { return client.Product.Update().AddPriceIDs(uuid.New()).Exec(ctx) },
				"delete": func() error {
					_, err := client.OutboxEvent.Delete().Exec(ctx)
					return err
				},
				"transaction": func() error {
					_, err := client.Tx(ctx)
					return err
				},
				"transaction_with_options": func() error {
					_, err := client.BeginTx(ctx, nil)
					return err
				},
			} {
				if err := write(); !errors.Is(err, db.ErrWriteOutsideTransaction) {
					t.Errorf("%s: %v, want %v", name, err, db.ErrWriteOutsideTransaction)
				}
			}
			if got := text(t, d, "SELECT x FROM t"); got != "kept" {
				t.Errorf("the table holds %q", got)
			}
		})
	})

	t.Run("guards_what_a_transaction_leaves_behind", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			var kept *ent.Product
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) (err error) {
				kept, err = product(tx.Client(), "kept").Save(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := kept.Unwrap().Update().SetSlug("changed").Exec(t.Context()); !errors.Is(err, db.ErrWriteOutsideTransaction) {
				t.Errorf("got %v, want %v", err, db.ErrWriteOutsideTransaction)
			}
			if err := kept.Update().AddPriceIDs(uuid.New()).Exec(t.Context()); err == nil {
				t.Error("a product whose transaction has ended was changed")
			}
			if got := text(t, d, "SELECT slug FROM products"); got != "kept" {
				t.Errorf("the slug is %q", got)
			}
		})
	})

	t.Run("is_stopped_by_the_store_where_a_read_hides_a_write", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		exec(t, d,
			"CREATE TABLE t (x text)",
			"CREATE FUNCTION sneak() RETURNS text LANGUAGE sql AS $$ INSERT INTO t VALUES ('x') RETURNING x $$")
		_, err := d.Client().QueryContext(t.Context(), "SELECT sneak()")
		if !errors.Is(err, db.ErrWriteOutsideTransaction) {
			t.Errorf("got %v, want %v", err, db.ErrWriteOutsideTransaction)
		}
		exec(t, d, "SELECT sneak()") // allowed in a transaction
		if got := text(t, d, "SELECT count(*) FROM t"); got != "1" {
			t.Errorf("%s rows, want the one of the transaction", got)
		}
	})

	t.Run("refuses_the_context_of_a_transaction", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			nested := func(ctx context.Context, _ *ent.Tx) error {
				nothing := func(context.Context, *ent.Tx) error { return nil }
				_, err := d.Client().QueryContext(ctx, "SELECT 1")
				for name, err := range map[string]error{
					"client": err, "tx": d.Tx(ctx, nothing), "keyed": d.TxKeyed(ctx, nothing), "snapshot": d.Snapshot(ctx, nothing),
				} {
					if !errors.Is(err, db.ErrInTransaction) {
						t.Errorf("%s: %v, want %v", name, err, db.ErrInTransaction)
					}
				}
				return nil
			}
			if err := d.Tx(t.Context(), nested); err != nil {
				t.Error(err)
			}
			if err := d.Snapshot(t.Context(), nested); err != nil {
				t.Error(err)
			}
		})
	})
}

// event is a valid entity without edges.
func event(client *ent.Client) *ent.OutboxEventCreate {
	return client.OutboxEvent.Create().SetTopic("x").SetPayload([]byte("{}")).SetCreatedAt(time.Unix(0, 0))
}

// product is a valid entity.
func product(client *ent.Client, slug string) *ent.ProductCreate {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return client.Product.Create().SetSlug(slug).SetKind("DURABLE").SetStatus("DRAFT").SetLanguage("en").
		SetTexts(map[string]schema.Text{}).SetTags(nil).SetCategories(nil).SetMedia(nil).SetSortName([]byte(slug)).
		SetCreatedAt(now).SetUpdatedAt(now)
}

// price is a valid entity with an edge, for which ent asks its driver for a transaction.
func price(client *ent.Client) *ent.PriceCreate {
	return client.Price.Create().SetProductID(uuid.New()).SetCurrency("USD").SetAmount(1)
}

func TestLock(t *testing.T) {
	t.Parallel()

	t.Run("is_written_for_each_dialect", func(t *testing.T) {
		t.Parallel()
		for name, want := range map[string]string{
			dialect.Postgres: `SELECT "id" FROM "accounts" ORDER BY "accounts"."id" FOR NO KEY UPDATE`,
			dialect.SQLite:   "SELECT `id` FROM `accounts` ORDER BY `accounts`.`id`",
		} {
			s := entsql.Dialect(name).Select("id").From(entsql.Table("accounts"))
			db.Lock(s)
			if got, _ := s.Query(); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
			if err := s.Err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})

	t.Run("keeps_out_writers_of_the_row_and_not_of_rows_that_refer_to_it", func(t *testing.T) {
		t.Parallel()
		d := dbtest.Postgres(t)
		exec(t, d,
			"CREATE TABLE parents (id integer PRIMARY KEY)", "INSERT INTO parents VALUES (1)",
			"CREATE TABLE children (parent integer REFERENCES parents)")
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			s := entsql.Dialect(dialect.Postgres).Select("id").From(entsql.Table("parents"))
			db.Lock(s)
			query, _ := s.Query()
			if _, err := textIn(ctx, tx, query); err != nil {
				return err
			}
			exec(t, d, "SET LOCAL lock_timeout = '5s'", "INSERT INTO children VALUES (1)")
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				_, err := tx.ExecContext(ctx, query+" NOWAIT")
				return err
			})
			if pq.As(err, pqerror.LockNotAvailable) == nil {
				t.Errorf("a second transaction wants the lock: %v, want it refused", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestCountReads(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, count := db.CountReads(t.Context())
		for range 3 {
			if _, err := d.Client().Product.Query().All(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Client().Product.Query().All(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 3 {
			t.Errorf("%d reads are counted, want 3", n)
		}
	})
}
