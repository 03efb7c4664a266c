package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"farthing/internal/db"
)

// databasePrefix begins the names of all databases of this package: farthing_test_<unix seconds>_<random>. Older ones
// than abandonedAfter belong to a process that was killed.
const (
	databasePrefix = "farthing_test_"
	abandonedAfter = time.Hour
)

// postgresServer makes databases on the server that the environment names.
type postgresServer struct {
	main bool // Main runs the tests and will call close

	once     sync.Once
	admin    *sql.DB
	template string
	err      error

	mu    sync.Mutex
	free  []string // migrated, empty and at nobody's use
	shape string   // what a migrated database looks like, but for its rows
}

// create makes a database and returns its URL. It is the test's own until the test ends. A migrated one is then emptied
// and given to another test, because making and dropping a database costs seconds of a busy server; one whose schema
// the test has changed is dropped, like one that began empty.
func (s *postgresServer) create(t testing.TB, migrated bool) string {
	t.Helper()
	server := serverURL(t)
	if !s.main {
		t.Fatal("the package needs: func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	s.once.Do(func() { s.err = s.start(server) })
	if s.err != nil {
		t.Fatalf("preparing the PostgreSQL server of %s: %v", postgresVariable, s.err)
	}
	name := ""
	if migrated {
		name = s.take()
	}
	if name == "" {
		name = newName()
		statement := "CREATE DATABASE " + pq.QuoteIdentifier(name)
		if migrated {
			statement += " TEMPLATE " + pq.QuoteIdentifier(s.template)
		}
		if _, err := s.admin.Exec(statement); err != nil {
			t.Fatalf("creating a test database: %v", err)
		}
	}
	t.Cleanup(func() {
		if migrated && s.giveBack(server, name) == nil {
			return
		}
		if err := dropDatabase(s.admin, name); err != nil {
			t.Error(err)
		}
	})
	return databaseURL(server, name)
}

// take gives a database that another test has left; empty when there is none.
func (s *postgresServer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		return ""
	}
	name := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return name
}

// giveBack empties a database for the next test. An error means that it cannot be used again.
func (s *postgresServer) giveBack(server, name string) error {
	if err := endSessions(s.admin, name); err != nil {
		return err
	}
	database, err := sql.Open("postgres", databaseURL(server, name))
	if err != nil {
		return err
	}
	defer database.Close()
	database.SetMaxOpenConns(1) // the settings below are those of one session
	shape, err := shapeOf(database)
	if err != nil {
		return err
	}
	if shape != s.shape {
		return errors.New("the test has changed the schema")
	}
	var tables string
	err = database.QueryRow(`SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
		WHERE schemaname = 'public' AND tablename <> 'schema_migrations'`).Scan(&tables)
	if err != nil {
		return err
	}
	// As a replica, which repeats what was decided elsewhere, a session fires no triggers: those that keep rows for ever.
	if _, err := database.Exec("SET session_replication_role = replica; TRUNCATE " + tables); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, name)
	return nil
}

// endSessions ends what a test has left running on its database, and waits until it has ended.
func endSessions(admin *sql.DB, name string) error {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		var left int
		err := admin.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1`, name).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
	}
	return errors.New("the sessions of the test do not end")
}

// shapeOf condenses everything about a database but its rows: columns, constraints, indexes, triggers, functions,
// settings, and which migrations were applied.
func shapeOf(database *sql.DB) (shape string, err error) {
	err = database.QueryRow(`SELECT md5(string_agg(part, '|' ORDER BY part)) FROM (
		SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull AS part
		FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT 'function ' || proname || ' ' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		UNION ALL SELECT 'setting ' || array_to_string(setconfig, ',') FROM pg_db_role_setting r
		JOIN pg_database d ON d.oid = r.setdatabase WHERE datname = current_database()
		UNION ALL SELECT 'migration ' || version || ' ' || hash FROM schema_migrations
	) parts`).Scan(&shape)
	return shape, err
}

// start drops what killed processes left behind and makes the template.
func (s *postgresServer) start(server string) (err error) {
	if s.admin, err = sql.Open("postgres", server); err != nil {
		return err
	}
	s.admin.SetMaxOpenConns(2)
	if err := dropAbandoned(s.admin, time.Now()); err != nil {
		return err
	}
	template := newName()
	if _, err := s.admin.Exec("CREATE DATABASE " + pq.QuoteIdentifier(template)); err != nil {
		return fmt.Errorf("creating the template database: %w", err)
	}
	s.template = template
	if _, err := db.Migrate(context.Background(), databaseURL(server, template), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	migrated, err := sql.Open("postgres", databaseURL(server, template))
	if err != nil {
		return err
	}
	s.shape, err = shapeOf(migrated)
	if err := errors.Join(err, migrated.Close()); err != nil {
		return fmt.Errorf("reading the shape of the template database: %w", err)
	}
	// A database that somebody is connected to, such as autovacuum, cannot be copied.
	if _, err := s.admin.Exec("ALTER DATABASE " + pq.QuoteIdentifier(template) + " ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("closing the template database: %w", err)
	}
	return nil
}

// close drops the template and what the tests have left.
func (s *postgresServer) close() error {
	if s.admin == nil {
		return nil
	}
	defer s.admin.Close()
	names := s.free
	if s.template != "" {
		names = append(names, s.template)
	}
	var faults []error
	for _, name := range names {
		faults = append(faults, dropDatabase(s.admin, name))
	}
	return errors.Join(faults...)
}

func newName() string {
	return databasePrefix + strconv.FormatInt(time.Now().Unix(), 10) + "_" + strings.ToLower(rand.Text()[:10])
}

func dropDatabase(admin *sql.DB, name string) error {
	// FORCE ends the sessions of a test that failed to close its own.
	if _, err := admin.Exec("DROP DATABASE IF EXISTS " + pq.QuoteIdentifier(name) + " WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping a test database: %w", err)
	}
	return nil
}

func dropAbandoned(admin *sql.DB, now time.Time) error {
	rows, err := admin.Query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", databasePrefix)
	if err != nil {
		return fmt.Errorf("listing test databases: %w", err)
	}
	defer rows.Close()
	var abandoned []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("listing test databases: %w", err)
		}
		seconds, _, _ := strings.Cut(strings.TrimPrefix(name, databasePrefix), "_")
		if made, err := strconv.ParseInt(seconds, 10, 64); err == nil && now.Sub(time.Unix(made, 0)) > abandonedAfter {
			abandoned = append(abandoned, name)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("listing test databases: %w", err)
	}
	for _, name := range abandoned {
		if err := dropDatabase(admin, name); err != nil {
			return err
		}
	}
	return nil
}

// databaseURL is the server's URL with another database.
func databaseURL(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server // db.Open says what is wrong with it
	}
	u.Path = "/" + name
	return u.String()
}
