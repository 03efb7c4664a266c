package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/outboxevent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// tell puts events of some topics into the outbox, a second after each other.
func tell(t *testing.T, d *db.DB, topics ...string) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for i, topic := range topics {
			err := tx.OutboxEvent.Create().SetTopic(topic).SetPayload([]byte("{}")).SetCreatedAt(time.Unix(int64(i), 0)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// find is a read of the events of some topics, one statement for each.
func find(found *[]string, topics ...string) db.Read {
	return func(ctx context.Context, tx *ent.Tx) error {
		*found = nil
		for _, topic := range topics {
			rows, err := tx.OutboxEvent.Query().Where(outboxevent.Topic(topic)).All(ctx)
			if err != nil {
				return err
			}
			for _, row := range rows {
				*found = append(*found, row.Topic)
			}
		}
		return nil
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		tell(t, d, "a", "b", "b", "c")
		var first, second, third, none, inner []string
		first = []string{"not set"}
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := db.Together(ctx, tx); err != nil {
				return err
			}
			err := db.Together(ctx, tx,
				find(&none, "x"),
				find(&first, "a"),
				find(&second, "b", "x", "c", "a"),
				func(ctx context.Context, tx *ent.Tx) error { return nil },
				func(ctx context.Context, tx *ent.Tx) error {
					return db.Together(ctx, tx, find(&inner, "c"), find(&none, "x", "x"))
				},
				find(&third, "c", "b"),
			)
			if err != nil {
				return err
			}
			tell := tx.OutboxEvent.Create().SetTopic("after").SetPayload([]byte("{}")).SetCreatedAt(time.Unix(9, 0))
			return tell.Exec(ctx) // the transaction goes on as usual
		})
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(none, first, second, third, inner)
		if want := "[] [a] [b b c a] [c b b] [c]"; got != want {
			t.Errorf("found %s, want %s", got, want)
		}
		if n := d.Client().OutboxEvent.Query().Where(outboxevent.Topic("after")).CountX(t.Context()); n != 1 {
			t.Errorf("%d events were written afterwards, want 1", n)
		}
	})
}

// TestTogetherIsOneMessage looks at what PostgreSQL was sent last, from another connection.
func TestTogetherIsOneMessage(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	sent := func() string {
		return text(t, d, `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`)
	}
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for range 3 {
			var one, two, three []string
			if err := db.Together(ctx, tx, find(&one, "a"), find(&two, "b"), find(&three, "c")); err != nil {
				return err
			}
			if got := strings.Count(sent(), "EXECUTE"); got != 3 {
				t.Errorf("the last message was %q, want three statements", sent())
			}
		}
		prepared, err := textIn(ctx, tx, `SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'together%'`)
		if err != nil || prepared != "1" {
			t.Errorf("%s statements are prepared, want one for all that have one text, %v", prepared, err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTogetherArguments gives texts to statements that mean something to whoever does not quote them.
func TestTogetherArguments(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		topics := []string{
			"plain", "NULL", `"quoted"`, `back\slash`, `\`, `\'`, "it's", "'", "''", "');DROP TABLE outbox_events;--", "$1", "?", "a,b", "{a}", "line\nend",
			"ключ 鍵 𝄞", `E'\\x'`, "/*", "--", ";",
		}
		tell(t, d, topics...)
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			found := make([][]string, len(topics))
			reads := make([]db.Read, len(topics))
			for i, topic := range topics {
				reads[i] = find(&found[i], topic, topic)
			}
			if err := db.Together(ctx, tx, reads...); err != nil {
				return err
			}
			for i, topic := range topics {
				if !slices.Equal(found[i], []string{topic, topic}) {
					t.Errorf("%q is found for %q", found[i], topic)
				}
			}
			var rows, none []*ent.OutboxEvent
			err := db.Together(ctx, tx, func(ctx context.Context, tx *ent.Tx) (err error) {
				rows, err = tx.OutboxEvent.Query().Where(outboxevent.CreatedAtLT(time.Unix(5, 0).In(time.FixedZone("", 7200)))).Limit(4).All(ctx)
				return err
			}, func(ctx context.Context, tx *ent.Tx) (err error) {
				none, err = tx.OutboxEvent.Query().Where(outboxevent.ID(uuid.New())).All(ctx)
				return err
			})
			if err != nil || len(rows) != 4 || len(none) != 0 {
				t.Errorf("%d and %d rows are found by instant and by id, want 4 and 0, %v", len(rows), len(none), err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestTogetherFails has a read fail among others: in itself, in the store, and by what it must not do.
func TestTogetherFails(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	tell(t, d, "a", "b")
	own := errors.New("no")
	for _, test := range []struct {
		name string
		read db.Read
		want string
	}{
		{"by itself before it reads", func(context.Context, *ent.Tx) error { return own }, "no"},
		{"by itself after it has read", func(ctx context.Context, tx *ent.Tx) error {
			return errors.Join(find(new([]string), "a")(ctx, tx), own)
		}, "no"},
		{"in the store", func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT 1 / $1::int", 0)
			return err
		}, "division by zero"},
		{"in the store when it is asked the second time", func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT 1")
			if err == nil {
				_, err = tx.ExecContext(ctx, "SELECT 1 / $1::int", 0)
			}
			return err
		}, "division by zero"},
		{"when it is prepared", func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT nothing_of_the_kind")
			return err
		}, "does not exist"},
		{"by writing", func(ctx context.Context, tx *ent.Tx) error {
			return tx.OutboxEvent.Create().SetTopic("c").SetPayload([]byte("{}")).SetCreatedAt(time.Unix(0, 0)).Exec(ctx)
		}, "reads only"},
		{"by a raw query", func(ctx context.Context, tx *ent.Tx) error {
			rows, err := tx.QueryContext(ctx, "SELECT 1")
			if err == nil {
				err = errors.Join(rows.Err(), rows.Close())
			}
			return err
		}, "raw queries"},
		{"by an argument with a zero byte", find(new([]string), "a\x00b"), "zero byte"},
		{"by an argument of bytes", func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT $1::bytea", []byte("a"))
			return err
		}, "[]uint8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				runs++
				before := find(new([]string), "a", "b", "a")
				return db.Together(ctx, tx, before, test.read, before)
			})
			if err == nil || !strings.Contains(err.Error(), test.want) || runs != 1 {
				t.Errorf("after %d runs: %v; want one, with %q", runs, err, test.want)
			}
			var found []string
			if err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error { return db.Together(ctx, tx, find(&found, "a", "b")) }); err != nil ||
				fmt.Sprint(found) != "[a b]" {
				t.Errorf("the next transaction finds %v, %v", found, err)
			}
		})
	}
	t.Run("outside of a transaction", func(t *testing.T) {
		t.Parallel()
		if err := db.Together(t.Context(), nil, find(new([]string), "a")); err == nil {
			t.Error("reads are done together without a transaction")
		}
	})
}

// TestTogetherLocks takes a lock and reads what it protects in one message, while another transaction holds the lock and
// changes it: the read must see what the other one has left.
func TestTogetherLocks(t *testing.T) {
	t.Parallel()
	const key = 7
	d := dbtest.Postgres(t)
	tell(t, d, "a")
	locked, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := db.LockExclusive(ctx, tx, key); err != nil {
				return err
			}
			close(locked)
			<-free
			_, err := tx.ExecContext(ctx, "UPDATE outbox_events SET topic = 'b'")
			return err
		})
	}()
	<-locked
	var a, b []string
	read := make(chan error, 1)
	go func() {
		read <- d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			return db.Together(ctx, tx,
				func(ctx context.Context, tx *ent.Tx) error { return db.LockShared(ctx, tx, key) }, find(&a, "a"), find(&b, "b"))
		})
	}()
	wantWaiting(t, d, "1")
	close(free)
	if err := errors.Join(<-done, <-read); err != nil || len(a) != 0 || len(b) != 1 {
		t.Errorf("under the lock %v and %v are found, want what its last holder left, %v", a, b, err)
	}
}

// TestTogetherIsPreparedAgain has PostgreSQL lose what was prepared, and has it prepare more than a connection keeps.
func TestTogetherIsPreparedAgain(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	tell(t, d, "a", "b")
	run := func(reads ...db.Read) (runs int) {
		t.Helper()
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			runs++
			return db.Together(ctx, tx, reads...)
		})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	do := func(statement string) {
		t.Helper()
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var a, b []string
	if runs := run(find(&a, "a"), find(&b, "b")); runs != 1 {
		t.Errorf("%d runs, want 1", runs)
	}
	do("DEALLOCATE ALL")
	if runs := run(find(&a, "a"), find(&b, "b")); runs != 2 || fmt.Sprint(a, b) != "[a] [b]" {
		t.Errorf("when the server has lost its statements, %v and %v are found in %d runs, want [a] and [b] in 2", a, b, runs)
	}
	do("ALTER TABLE outbox_events ALTER COLUMN topic TYPE varchar(100)")
	if runs := run(find(&a, "a"), find(&b, "b")); runs != 2 || fmt.Sprint(a, b) != "[a] [b]" {
		t.Errorf("when a column is another one, %v and %v are found in %d runs, want [a] and [b] in 2", a, b, runs)
	}
	for n := range db.MaxPrepared + 10 {
		text := fmt.Sprintf("SELECT %d + $1::int", n)
		run(find(&a, "a"), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, text, 1)
			return err
		})
		if fmt.Sprint(a) != "[a]" {
			t.Fatalf("%v is found, want [a]", a)
		}
	}
	// The one that became stale is forgotten, and there until the session ends.
	want := fmt.Sprint(db.MaxPrepared + 1)
	if got := textOfWriter(t, d, `SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'together%'`); got != want {
		t.Errorf("%s statements are prepared, want %s", got, want)
	}
}

// TestTogetherWithoutPreparing is for whom nothing can be prepared.
func TestTogetherWithoutPreparing(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.URL(t, dbtest.Postgres(t))+"&prepared_statements=off")
	tell(t, d, "a", "b")
	var a, b []string
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if err := db.Together(ctx, tx, find(&a, "a", "b"), find(&b, "b")); err != nil {
			return err
		}
		prepared, err := textIn(ctx, tx, `SELECT count(*) FROM pg_prepared_statements`)
		if prepared != "0" {
			t.Errorf("%s statements are prepared", prepared)
		}
		return err
	})
	if err != nil || fmt.Sprint(a, b) != "[a b] [b]" {
		t.Errorf("%v and %v are found, want [a b] and [b], %v", a, b, err)
	}
}

func textOfWriter(t *testing.T, d *db.DB, query string) (found string) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) (err error) {
		found, err = textIn(ctx, tx, query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
