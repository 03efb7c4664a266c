package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// item has something of every kind that a column can be of.
type item struct {
	ID      uuid.UUID
	Other   *uuid.UUID
	Number  int64
	Maybe   *int64
	Text    string
	Perhaps *string
	Yes     bool
	At      time.Time
	Until   *time.Time
	Bytes   []byte
	JSON    map[string]string
}

var (
	itemRows = itemRowsWith(db.Time("at", func(i item) time.Time { return i.At }))
	sameRows = itemRowsWith(db.SameTime("at", func(i item) time.Time { return i.At }))
)

func itemRowsWith(at db.Column[item]) *db.Rows[item] {
	return db.NewRows("items",
		db.UUID("id", func(i item) uuid.UUID { return i.ID }),
		db.NullUUID("other", func(i item) *uuid.UUID { return i.Other }),
		db.Int("number", func(i item) int64 { return i.Number }),
		db.NullInt("maybe", func(i item) *int64 { return i.Maybe }),
		db.Text("text", func(i item) string { return i.Text }),
		db.NullText("perhaps", func(i item) *string { return i.Perhaps }),
		db.Bool("yes", func(i item) bool { return i.Yes }),
		at,
		db.NullTime("until", func(i item) *time.Time { return i.Until }),
		db.Bytes("bytes", func(i item) []byte { return i.Bytes }),
		db.JSON("json", func(i item) map[string]string { return i.JSON }),
	)
}

// someItems are items with texts that mean something to whoever does not quote them.
func someItems(n int) []item {
	texts := []string{
		"", "plain", "NULL", `"quoted"`, `back\slash`, `\"both\"`, "{a,b}", "a,b", "it's", "line\nend", "\t", "$1", "?", "ключ 鍵 𝄞", "\\x00", "\\N",
	}
	items := make([]item, n)
	for i := range items {
		text := texts[i%len(texts)]
		items[i] = item{
			ID: uuid.Must(uuid.NewV7()), Number: []int64{0, -1, math.MaxInt64, math.MinInt64}[i%4], Text: text, Yes: i%2 == 0,
			At:    time.Date(2026, 11, 22, 12, 0, 0, []int{0, 1_000, 999_999_000, 120_000_000}[i%4], time.UTC),
			Bytes: []byte{0, 1, 0xff, '\\', '"'}[:i%6], JSON: map[string]string{text: text, "en": `{"a": "b\\c"}`},
		}
		if i%3 == 0 {
			items[i].Other, items[i].Maybe, items[i].Perhaps, items[i].Until = new(uuid.New()), new(int64(i)), new(text), new(items[i].At)
		}
	}
	return items
}

// readItems reads all items, in the order of their ids.
func readItems(ctx context.Context, t *testing.T, d *db.DB) (items []item) {
	t.Helper()
	err := d.Snapshot(ctx, func(ctx context.Context, tx *ent.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, other, number, maybe, text, perhaps, yes, at, until, bytes, json FROM items ORDER BY id`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var i item
			var text []byte
			err := rows.Scan(&i.ID, &i.Other, &i.Number, &i.Maybe, &i.Text, &i.Perhaps, &i.Yes, &i.At, &i.Until, &i.Bytes, &text)
			if err := errors.Join(err, json.Unmarshal(text, &i.JSON)); err != nil {
				return err
			}
			i.At = i.At.UTC()
			items = append(items, i)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func makeItems(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		bytes, instant, texts := "bytea", "timestamptz", "jsonb"
		if d.Dialect() == "sqlite3" {
			bytes, instant, texts = "blob", "datetime", "json"
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE items (id uuid PRIMARY KEY, other uuid, number bigint NOT NULL, maybe bigint,
			text text NOT NULL, perhaps text, yes bool NOT NULL, at %[2]s NOT NULL, until %[2]s, bytes %[1]s NOT NULL, json %[3]s NOT NULL,
			CONSTRAINT items_text CHECK (text <> 'forbidden'))`, bytes, instant, texts))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := d.Tx(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, `DROP TABLE items`)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func write(t *testing.T, d *db.DB, w *db.Rows[item], rows ...item) error {
	t.Helper()
	return d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error { return db.Write(ctx, tx, w.Of(rows...)) })
}

func TestRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		makeItems(t, d)
		same := cmp.Transformer("text", func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) })
		empty := cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })

		// More than SQLite takes variables for at once.
		var want []item
		for _, n := range []int{0, 1, 2, 17, 4_000} {
			items := someItems(n)
			if err := write(t, d, itemRows, items...); err != nil {
				t.Fatal(err)
			}
			want = append(want, items...)
		}
		slices.SortFunc(want, func(a, b item) int { return strings.Compare(a.ID.String(), b.ID.String()) })
		if diff := cmp.Diff(want, readItems(t.Context(), t, d), same, empty); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}

		one := someItems(1)[0]
		one.ID = want[5].ID
		if err := write(t, d, itemRows, someItems(1)[0], one); !db.IsUnique(err) {
			t.Errorf("a row that is there already: %v", err)
		}
		forbidden := someItems(2)
		forbidden[1].Text = "forbidden"
		if err := write(t, d, itemRows, forbidden...); !db.IsCheck(err) {
			t.Errorf("a row that the table forbids: %v", err)
		}
		if n := len(readItems(t.Context(), t, d)); n != len(want) {
			t.Errorf("%d rows after two that were refused, %d before", n, len(want))
		}

		one.Text, one.Number = "anew", 7
		fresh := someItems(1)[0]
		if err := write(t, d, itemRows.OnConflict(db.Anew("id", "text")), one, fresh); err != nil {
			t.Fatal(err)
		}
		want[5].Text = "anew" // and nothing else
		want = append(want, fresh)
		if diff := cmp.Diff(want, readItems(t.Context(), t, d), same, empty); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		outside := d.Tx(t.Context(), func(_ context.Context, tx *ent.Tx) error { return db.Write(t.Context(), tx, itemRows.Of(fresh)) })
		if outside == nil {
			t.Error("rows are written with a context that is not the transaction's")
		}
	})
}

// TestSameTime writes rows whose instant comes once, and rows that differ in it.
func TestSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		makeItems(t, d)
		at := time.Date(2026, 11, 22, 12, 0, 0, 123_456_000, time.UTC)
		items := someItems(5)
		for i := range items {
			items[i].At = at.In(time.FixedZone("", 3600*(i%2)))
		}
		if err := write(t, d, sameRows, items...); err != nil {
			t.Fatal(err)
		}
		got := readItems(t.Context(), t, d)
		if len(got) != len(items) {
			t.Errorf("%d rows, want %d", len(got), len(items))
		}
		for _, i := range got {
			if !i.At.Equal(at) {
				t.Errorf("the instant is %v, want %v", i.At, at)
			}
		}
		defer func() {
			if recover() == nil {
				t.Error("rows are written together that differ in their instant")
			}
		}()
		items[4].At = at.Add(time.Microsecond)
		sameRows.Of(items...)
	})
}

func TestAnyOf(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		topics := []string{`a"b`, `c\d`, "e,f", "{g}", "NULL", ""}
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			for _, topic := range append(topics, "other") {
				err := tx.OutboxEvent.Create().SetTopic(topic + "!").SetPayload([]byte("{}")).SetCreatedAt(time.Unix(0, 0)).Exec(ctx)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(topics) + 1 {
			wanted := make([]string, n)
			for i := range wanted {
				wanted[i] = topics[i] + "!"
			}
			got, err := d.Client().OutboxEvent.Query().Where(db.AnyOf("topic", wanted)).Count(t.Context())
			if err != nil || got != n {
				t.Errorf("%d of %d are found, %v", got, n, err)
			}
			all, err := d.Client().OutboxEvent.Query().Where(db.AnyOf("topic", wanted)).All(t.Context())
			ids := make([]uuid.UUID, len(all))
			for i, e := range all {
				ids[i] = e.ID
			}
			if found := d.Client().OutboxEvent.Query().Where(db.AnyOf("id", ids)).CountX(t.Context()); err != nil || found != n {
				t.Errorf("%d of %d are found by their ids, %v", found, n, err)
			}
		}
	})
}

// TestPrepared has PostgreSQL lose what was prepared, and change what it reads, between two runs of one statement.
func TestPrepared(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	makeItems(t, d)
	prepared := func(ctx context.Context, tx *ent.Tx) (n int, err error) {
		rows, err := tx.QueryContext(ctx, `SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%items%'`)
		if err != nil {
			return 0, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			err = rows.Scan(&n)
		}
		return n, errors.Join(err, rows.Err())
	}
	writeAndLook := func() (n, runs int) {
		t.Helper()
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			runs++
			if err := db.Write(ctx, tx, itemRows.Of(someItems(3)...)); err != nil {
				return err
			}
			var err error
			n, err = prepared(ctx, tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, runs
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
	for range 5 {
		if n, runs := writeAndLook(); n != 1 || runs != 1 {
			t.Errorf("%d statements are prepared after %d runs, want 1 after 1", n, runs)
		}
	}
	// Reads outside of transactions are prepared, too, on all connections that they come to use.
	reads := func(name string) int {
		t.Helper()
		rows, err := d.Client().QueryContext(db.Repeated(t.Context()), `SELECT text FROM items WHERE text <> $1`, name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n, again := reads("none"), reads("none"); n != 15 || again != 15 {
		t.Errorf("%d rows, and then %d, want 15", n, again)
	}
	do("DEALLOCATE ALL")
	if n, runs := writeAndLook(); n != 1 || runs != 2 {
		t.Errorf("when the server has lost them, %d statements are prepared after %d runs, want 1 after 2", n, runs)
	}
	do("ALTER TABLE items ALTER COLUMN text TYPE varchar(100)")
	if n := reads("none"); n != 18 {
		t.Errorf("%d rows are read when what they are has changed, want 18", n)
	}
	writeAndLook()
	if got := len(readItems(t.Context(), t, d)); got != 21 {
		t.Errorf("%d rows, want 21", got)
	}
}
