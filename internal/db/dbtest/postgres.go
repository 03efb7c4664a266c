package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
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
}

// create makes a database and returns its URL; the database is dropped with the test.
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
	name := newName()
	statement := "CREATE DATABASE " + pq.QuoteIdentifier(name)
	if migrated {
		statement += " TEMPLATE " + pq.QuoteIdentifier(s.template)
	}
	if _, err := s.admin.Exec(statement); err != nil {
		t.Fatalf("creating a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := dropDatabase(s.admin, name); err != nil {
			t.Error(err)
		}
	})
	return databaseURL(server, name)
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
	// A database that somebody is connected to, such as autovacuum, cannot be copied.
	if _, err := s.admin.Exec("ALTER DATABASE " + pq.QuoteIdentifier(template) + " ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("closing the template database: %w", err)
	}
	return nil
}

// close drops the template.
func (s *postgresServer) close() error {
	if s.admin == nil {
		return nil
	}
	defer s.admin.Close()
	if s.template == "" {
		return nil
	}
	return dropDatabase(s.admin, s.template)
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
