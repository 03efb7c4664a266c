package db_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("refuses_urls_without_repeating_their_secrets", func(t *testing.T) {
		t.Parallel()
		for _, url := range []string{
			"",
			"sqlite:",
			"sqlite://pa55",
			"sqlite::memory:",
			":memory:",
			"mysql://root:pa55@localhost/shop",
			"postgres://shop:pa55%@localhost/shop",
			"postgres://shop:pa55/x@localhost/shop",
			"postgres://shop:pa55@localhost:no/shop",
			"postgres://shop:pa55@localhost/shop?sslmode=maybe",
			"postgres://shop:pa55@localhost/shop?pool_max_conns=2",
			"postgres://shop:pa55@127.0.0.1:1/shop?sslmode=disable",
			filepath.Join(t.TempDir(), "no", "folder", "shop.db"),
		} {
			d, err := db.Open(t.Context(), url)
			if err == nil {
				t.Errorf("%q was opened", url)
				_ = d.Close()
				continue
			}
			if strings.Contains(err.Error(), "pa55") {
				t.Errorf("%q: the error repeats the secret: %v", url, err)
			}
		}
	})

	t.Run("opens_a_file_whose_name_needs_escaping", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a shop? 100%25 #1.db")
		d := dbtest.Open(t, path)
		exec(t, d, "CREATE TABLE t (x text)")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("the file has permissions %v, want them for the owner alone", info.Mode().Perm())
		}
	})

	t.Run("answers_a_ping_beside_a_writer_until_it_is_closed", func(t *testing.T) {
		t.Parallel()
		for _, store := range dbtest.Stores(t) {
			d, err := db.Open(t.Context(), store.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			err = d.Tx(t.Context(), func(context.Context, *ent.Tx) error { return d.Ping(t.Context()) })
			if err != nil {
				t.Errorf("%s: %v", store.Name, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if err := d.Ping(t.Context()); err == nil {
				t.Errorf("%s: a closed database answers", store.Name)
			}
		}
	})
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	settings := map[string]string{
		"SELECT journal_mode FROM pragma_journal_mode": "wal",
		"SELECT synchronous FROM pragma_synchronous":   "2", // FULL
		"SELECT timeout FROM pragma_busy_timeout":      "5000",
	}
	for query, want := range settings {
		if got := text(t, d, query); got != want {
			t.Errorf("reading: %s = %s, want %s", query, got, want)
		}
	}
	settings["SELECT foreign_keys FROM pragma_foreign_keys"] = "1"
	settings["SELECT query_only FROM pragma_query_only"] = "0"
	err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for query, want := range settings {
			got, err := textIn(ctx, tx, query)
			if err != nil {
				return err
			}
			if got != want {
				t.Errorf("writing: %s = %s, want %s", query, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	base := dbtest.URL(t, dbtest.Postgres(t))
	for _, c := range []struct {
		name, add string
		want      map[string]string
	}{
		{"defaults", "", map[string]string{
			"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min",
			"application_name": "farthing", "TimeZone": "UTC", "default_transaction_read_only": "on",
		}},
		{"given_by_name", "&statement_timeout=7s&lock_timeout=0&application_name=till&timezone=Asia/Seoul", map[string]string{
			"statement_timeout": "7s", "lock_timeout": "0", "application_name": "till", "TimeZone": "UTC",
		}},
		{"given_by_options", "&options=-c%20statement_timeout%3D8s&pool_max_conns=3", map[string]string{
			"statement_timeout": "8s", "lock_timeout": "10s",
		}},
		{"wants_a_primary", "&target_session_attrs=read-write", map[string]string{"transaction_read_only": "on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, base+c.add)
			for name, want := range c.want {
				if got := text(t, d, "SELECT current_setting('"+name+"')"); got != want {
					t.Errorf("%s = %s, want %s", name, got, want)
				}
			}
		})
	}
}

// TestTimes checks that what is written in one zone sorts, and reads, as UTC.
func TestTimes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		kind := "timestamptz"
		if d.Dialect() != "postgres" {
			kind = "datetime"
		}
		exec(t, d, "CREATE TABLE t (id integer, at "+kind+")")
		noon := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
		err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			for i, zone := range []int{9, -8, 0, 5} {
				at := noon.Add(time.Duration(i) * time.Minute).In(time.FixedZone("", zone*3600))
				if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ($1, $2)", i, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"3", "2", "1", "0"}, texts(t, d, "SELECT id FROM t ORDER BY at DESC")); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		rows, err := d.Client().QueryContext(t.Context(), "SELECT max(at) FROM t")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var latest time.Time
		for rows.Next() {
			if err := rows.Scan(&latest); err != nil {
				t.Fatal(err)
			}
		}
		if want := noon.Add(3 * time.Minute); !latest.Equal(want) || latest.Format(time.RFC3339Nano) != want.Format(time.RFC3339Nano) {
			t.Errorf("latest is %v, want %v", latest, want)
		}
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]time.Duration{
		"30s": 40 * time.Second, "500": 10500 * time.Millisecond, "250ms": 10250 * time.Millisecond,
		"0": 0, "": 0, "5min": 0, "-1": 0,
	} {
		if got := db.Silence(given); got != want {
			t.Errorf("statement_timeout %q: silence of %v, want %v", given, got, want)
		}
	}

	t.Run("ends_a_read_that_nobody_answers", func(t *testing.T) {
		t.Parallel()
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		conn := db.LimitSilence(near, time.Millisecond)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if _, err := conn.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v, want %v", err, os.ErrDeadlineExceeded)
		}
	})

	t.Run("leaves_the_deadline_of_the_caller_alone", func(t *testing.T) {
		t.Parallel()
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		conn := db.LimitSilence(near, time.Hour)
		if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v, want %v", err, os.ErrDeadlineExceeded)
		}
	})
}
