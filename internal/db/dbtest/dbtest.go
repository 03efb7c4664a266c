// Package dbtest gives tests a real, migrated database of their own.
//
// Every test gets an SQLite file. When FARTHING_TEST_DATABASE_URL names a PostgreSQL server (a URL with the right to
// create databases), it gets a database there, too, and a server that cannot be reached fails the test: a broken server
// must not look like a passed test. FARTHING_TEST_REQUIRE=postgres makes it a failure that the variable is missing, for
// the continuous integration. FARTHING_TEST_REDIS_URL names a Redis in the same way.
//
// A package that uses PostgreSQL through dbtest needs
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// because the migrations run once in a template that all its tests are copied from, and the template must be dropped at
// the end. What a killed process leaves behind is dropped by the next one an hour later.
package dbtest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"farthing/internal/db"
)

const (
	postgresVariable = "FARTHING_TEST_DATABASE_URL"
	redisVariable    = "FARTHING_TEST_REDIS_URL"
	requireVariable  = "FARTHING_TEST_REQUIRE"
)

// process is what the tests of one process share. A test binary has no other place to keep it.
var process struct {
	sqlite   sqliteTemplate
	postgres postgresServer
	urls     sync.Map // *db.DB → its URL
}

// Main runs the tests of a package and drops what they shared. It ends the process; deferred calls do not run.
func Main(m *testing.M) {
	process.postgres.main = true
	code := m.Run()
	if err := process.postgres.close(); err != nil {
		slog.Error("dropping the template database", "error", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Store is a kind of database that tests run on.
type Store struct {
	// Name is "sqlite" or "postgres"; it names the subtest.
	Name string
}

// Stores lists the databases that are there to test on: always SQLite, and PostgreSQL when the environment names one.
func Stores(t testing.TB) []Store {
	t.Helper()
	stores := []Store{{Name: "sqlite"}}
	if serverURL(t) != "" {
		stores = append(stores, Store{Name: "postgres"})
	}
	return stores
}

// URL makes a new migrated database and returns its URL, for db.Open. The database goes away with the test.
func (s Store) URL(t testing.TB) string {
	t.Helper()
	if s.Name == "postgres" {
		return process.postgres.create(t, true)
	}
	return process.sqlite.copy(t)
}

// EmptyURL makes a new database without any table and returns its URL. The database goes away with the test.
func (s Store) EmptyURL(t testing.TB) string {
	t.Helper()
	if s.Name == "postgres" {
		return process.postgres.create(t, false)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "empty.db")
}

// Each runs a test on every store, in parallel subtests named after it, each with a new migrated database.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, store := range Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, store.URL(t)))
		})
	}
}

// Postgres opens a new migrated database on PostgreSQL, for a test that means nothing elsewhere. It skips the test when
// the environment names no server.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	if serverURL(t) == "" {
		t.Skipf("set %s to run this test", postgresVariable)
	}
	return Open(t, Store{Name: "postgres"}.URL(t))
}

// SQLite opens a new migrated SQLite database, for a test that means nothing elsewhere.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return Open(t, Store{Name: "sqlite"}.URL(t))
}

// Open opens a database by its URL; it is closed with the test. Opened twice, a database has two independent handles,
// as with two server processes.
func Open(t testing.TB, target string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), withFewConnections(target))
	if err != nil {
		t.Fatal(err)
	}
	process.urls.Store(d, target)
	t.Cleanup(func() {
		process.urls.Delete(d)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// withFewConnections bounds the pool of a test's handle. PostgreSQL takes a hundred connections in all, and tests that have
// two handles each run beside others.
func withFewConnections(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Query().Has("pool_max_conns") {
		return target
	}
	query := u.Query()
	query.Set("pool_max_conns", "15") // of which five are for transactions of everybody
	u.RawQuery = query.Encode()
	return u.String()
}

// URL is the URL a database of this package was opened with, for a second handle or a second process.
func URL(t testing.TB, d *db.DB) string {
	t.Helper()
	target, ok := process.urls.Load(d)
	if !ok {
		t.Fatal("the database was not opened by dbtest.Open")
	}
	return target.(string)
}

// RedisURL is the Redis to test on, and empty when the environment names none.
func RedisURL(t testing.TB) string {
	t.Helper()
	return variable(t, redisVariable, "redis")
}

func serverURL(t testing.TB) string {
	t.Helper()
	return variable(t, postgresVariable, "postgres")
}

// variable reads the URL of a service; the test fails when it is required and missing.
func variable(t testing.TB, name, service string) string {
	t.Helper()
	url := os.Getenv(name)
	if url == "" && strings.Contains(os.Getenv(requireVariable), service) {
		t.Fatalf("%s requires %s, but %s is not set", requireVariable, service, name)
	}
	return url
}

// sqliteTemplate is a migrated SQLite file, kept in memory.
type sqliteTemplate struct {
	once    sync.Once
	content []byte
	err     error
}

func (s *sqliteTemplate) copy(t testing.TB) string {
	t.Helper()
	s.once.Do(func() { s.content, s.err = migratedFile() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, s.content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func migratedFile() ([]byte, error) {
	dir, err := os.MkdirTemp("", "farthing-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	// The last connection to close moves the write-ahead log into the file.
	if _, err := db.Migrate(context.Background(), "sqlite:"+path, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
