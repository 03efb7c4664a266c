package main

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/go-cmp/cmp"

	entmigrate "farthing/ent/migrate"
	"farthing/internal/db/dbtest"
	"farthing/migrations"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// TestSchemaAndMigrationsAgree fails when the ent schema was changed and no migration was written.
func TestSchemaAndMigrationsAgree(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			dir, err := migrations.Dir(dialectOf(store))
			if err != nil {
				t.Fatal(err)
			}
			if missing := mustPlan(t, newScratch(t, store), dir, entmigrate.Tables); missing != "" {
				t.Errorf("run `go run ./internal/db/migrategen -name NAME`; not in the migrations yet:\n%s", missing)
			}
		})
	}
}

// TestPlan walks one schema through three versions: a table, what is written by hand for it, and a change that makes
// SQLite rebuild the table.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			dir := new(migrate.MemDir)
			scratch := newScratch(t, store)
			add := func(name, content string) {
				t.Helper()
				if err := dir.WriteFile(name, []byte(content)); err != nil {
					t.Fatal(err)
				}
				if err := renewSum(dir); err != nil {
					t.Fatal(err)
				}
			}

			first := books("(pages > 0) OR (title = '')")
			add("20260101000000_first.sql", mustPlan(t, scratch, dir, first))
			if again := mustPlan(t, scratch, dir, first); again != "" {
				t.Fatalf("planned a second time:\n%s", again)
			}

			byHand := `CREATE INDEX hand_books_title ON books (lower(title), pages) WHERE pages > 10;
				CREATE UNIQUE INDEX forgotten ON books (title);`
			if store.Name == "postgres" {
				byHand += "ALTER TABLE books ADD CONSTRAINT hand_books_title CHECK (length(title) < 100);"
			} else {
				byHand += "CREATE TRIGGER books_stay BEFORE DELETE ON books BEGIN SELECT 1; SELECT raise(ABORT, 'no'); END;"
			}
			add("20260102000000_by_hand.sql", byHand)
			cleanup := mustPlan(t, scratch, dir, first)
			if !strings.Contains(cleanup, "forgotten") || strings.Contains(cleanup, "hand_books_title") {
				t.Fatalf("want an index without the mark dropped, and the others kept, got:\n%s", cleanup)
			}
			add("20260103000000_cleanup.sql", cleanup)

			// Only the expression of a CHECK changes, not its name.
			second := books("(pages > 1) OR (title = '')")
			change := mustPlan(t, scratch, dir, second)
			if !strings.Contains(change, "books_pages") {
				t.Fatalf("want the changed CHECK, got:\n%s", change)
			}
			if store.Name == "sqlite" {
				lost, err := lostTriggers(t.Context(), dir, []byte(change))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"books_stay"}, lost); diff != "" {
					t.Errorf("lost triggers (-want +got):\n%s", diff)
				}
			}
			add("20260104000000_second.sql", change)
			if again := mustPlan(t, scratch, dir, second); again != "" {
				t.Fatalf("planned a second time:\n%s", again)
			}
			if got := indexesAfter(t, scratch, dir); !slices.Contains(got, "hand_books_title") {
				t.Errorf("the hand-written index is gone, left are %v", got)
			}

			// What is written by hand on a column keeps the column from being dropped unseen.
			third := second
			third[0].Columns = slices.DeleteFunc(third[0].Columns, func(c *schema.Column) bool { return c.Name == "pages" })
			third[0].Annotation = nil
			if _, err := plan(t.Context(), scratch.dialect, scratch.empty(t), dir, third); err == nil ||
				!strings.Contains(err.Error(), "hand_books_title") {
				t.Errorf("want an error that names the index, got %v", err)
			}
		})
	}
}

// TestRun drives the command on a folder of its own.
func TestRun(t *testing.T) {
	t.Parallel()
	if len(dbtest.Stores(t)) < 2 {
		t.Skip("the command needs the PostgreSQL server of FARTHING_TEST_DATABASE_URL")
	}
	root := t.TempDir()
	for _, folder := range []string{"postgres", "sqlite"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"-dir", root}, args...), &out)
		return out.String(), err
	}

	if _, err := command("-check"); !errors.Is(err, errPending) {
		t.Errorf("-check of an empty folder: %v, want %v", err, errPending)
	}
	if _, err := command("-name", "Not a name"); err == nil {
		t.Error("a name with spaces was taken")
	}
	if _, err := command(); err == nil {
		t.Error("nothing to do was not refused")
	}
	if out, err := command("-name", "init"); err != nil || strings.Count(out, "wrote ") != 2 {
		t.Fatalf("-name init: %v\n%s", err, out)
	}
	if out, err := command("-name", "again"); err != nil || strings.Count(out, "nothing to do") != 2 {
		t.Errorf("-name again: %v\n%s", err, out)
	}

	byHand := filepath.Join(root, "postgres", "20990101000000_by_hand.sql")
	if err := os.WriteFile(byHand, []byte("CREATE TABLE extra (id integer);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := command("-check"); err == nil || !strings.Contains(err.Error(), "-hash") {
		t.Errorf("a file without a checksum: %v, want a hint at -hash", err)
	}
	if out, err := command("-hash"); err != nil {
		t.Errorf("-hash: %v\n%s", err, out)
	}
	if out, err := command("-check"); err != nil {
		t.Errorf("-check with a table that the schema does not know: %v\n%s", err, out)
	}
}

// books is a table with a CHECK.
func books(check string) []*schema.Table {
	columns := []*schema.Column{
		{Name: "id", Type: field.TypeInt64},
		{Name: "title", Type: field.TypeString},
		{Name: "pages", Type: field.TypeInt64},
	}
	return []*schema.Table{{
		Name:       "books",
		Columns:    columns,
		PrimaryKey: columns[:1],
		Annotation: &entsql.Annotation{Checks: map[string]string{"books_pages": check}},
	}}
}

func dialectOf(store dbtest.Store) string {
	if store.Name == "postgres" {
		return dialect.Postgres
	}
	return dialect.SQLite
}

// scratch gives one test empty databases.
type scratch struct {
	dialect string
	server  *sql.DB // nil for SQLite
}

func newScratch(t *testing.T, store dbtest.Store) *scratch {
	t.Helper()
	s := &scratch{dialect: dialectOf(store)}
	if s.dialect == dialect.Postgres {
		var err error
		if s.server, err = sql.Open("postgres", store.EmptyURL(t)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.server.Close() })
	}
	return s
}

// empty is a database without any table; on PostgreSQL it is the earlier one, emptied.
func (s *scratch) empty(t *testing.T) *sql.DB {
	t.Helper()
	if s.dialect == dialect.Postgres {
		if _, err := s.server.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			t.Fatal(err)
		}
		return s.server
	}
	database, remove, err := scratchSQLite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return database
}

func mustPlan(t *testing.T, s *scratch, dir migrate.Dir, tables []*schema.Table) string {
	t.Helper()
	content, err := plan(t.Context(), s.dialect, s.empty(t), dir, tables)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// indexesAfter replays the files and names the indexes they leave.
func indexesAfter(t *testing.T, s *scratch, dir migrate.Dir) []string {
	t.Helper()
	database := s.empty(t)
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, err := database.Exec(string(file.Bytes())); err != nil {
			t.Fatalf("replaying %s: %v", file.Name(), err)
		}
	}
	query := "SELECT indexname FROM pg_indexes WHERE tablename = 'books'"
	if s.dialect == dialect.SQLite {
		query = "SELECT name FROM sqlite_schema WHERE type = 'index'"
	}
	rows, err := database.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
