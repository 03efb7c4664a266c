package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"

	"farthing/migrations"
)

// noTransaction on a line of its own marks a PostgreSQL file whose single statement cannot run in a transaction, such
// as CREATE INDEX CONCURRENTLY. If the process dies right after it, it runs again: write IF NOT EXISTS.
const noTransaction = "-- farthing:no-transaction"

// migrationLock is the key of the advisory lock that one migrator at a time holds: "farthing" in ASCII.
const migrationLock int64 = 0x6661727468696e67

// lockPoll is how often a migrator asks for the advisory lock. It does not wait inside the server: CREATE INDEX
// CONCURRENTLY waits for every running statement, and the two would wait for each other.
const lockPoll = 50 * time.Millisecond

const createRevisions = `CREATE TABLE IF NOT EXISTS schema_migrations (
	version varchar(14) NOT NULL PRIMARY KEY,
	name text NOT NULL,
	hash text NOT NULL,
	applied_at %s NOT NULL DEFAULT CURRENT_TIMESTAMP
)`

// Migrate brings the schema of a database up to the one this binary was built with and returns the names of the files
// it applied, none when there was nothing to do. Any number of processes may call it at once: one works, the others
// wait and find it done.
//
// All files are applied in one transaction, so a crash or an error leaves the database as it was. Only a file marked
// "-- farthing:no-transaction" ends the transaction before it and begins another after it.
//
// Nothing is applied when the files do not match their atlas.sum, when a file that was applied earlier has changed,
// when a file is older than one already applied, or when the database was migrated by a newer binary.
//
// The lock lives in the session: behind PgBouncer in transaction mode it does not hold, so give the URL of the
// database itself. The URL is that of Open; statement_timeout is off and lock_timeout 30s unless it says otherwise.
func Migrate(ctx context.Context, url string, log *slog.Logger) (applied []string, err error) {
	source, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	dir, err := migrations.Dir(source.dialect)
	if err != nil {
		return nil, err
	}
	return migrateTo(ctx, source, dir, log)
}

// Pending returns the names of the files that Migrate would apply; none means that the schema fits this binary. It has
// an error in the cases in which Migrate would refuse.
func (d *DB) Pending(ctx context.Context) ([]string, error) {
	dir, err := migrations.Dir(d.dialect)
	if err != nil {
		return nil, err
	}
	return d.pendingOf(ctx, dir)
}

func (d *DB) pendingOf(ctx context.Context, dir migrate.Dir) ([]string, error) {
	files, err := validFiles(dir)
	if err != nil {
		return nil, err
	}
	exists := `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'`
	if d.dialect == dialect.Postgres {
		exists = `SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migrations')`
	}
	var tables int
	if err := d.reads.QueryRowContext(ctx, exists).Scan(&tables); err != nil {
		return nil, fmt.Errorf("looking for applied migrations: %w", err)
	}
	var done []revision
	if tables > 0 {
		if done, err = readRevisions(ctx, d.reads); err != nil {
			return nil, err
		}
	}
	pending, err := pendingFiles(files, done)
	return fileNames(pending), err
}

// revision is a file that a database has been given.
type revision struct{ version, name, hash string }

func revisionOf(file migrate.File) revision {
	sum := sha256.Sum256(file.Bytes())
	return revision{version: file.Version(), name: file.Name(), hash: hex.EncodeToString(sum[:])}
}

// validFiles reads the files of a directory in order and holds them against its atlas.sum.
func validFiles(dir migrate.Dir) ([]migrate.File, error) {
	if err := migrate.Validate(dir); err != nil {
		return nil, fmt.Errorf("checking the migration files against atlas.sum: %w", err)
	}
	files, err := dir.Files()
	if err != nil {
		return nil, fmt.Errorf("reading the migration files: %w", err)
	}
	return files, nil
}

// pendingFiles is what is left to apply to a database that has been given the files in done. Both are ordered by
// version.
func pendingFiles(files []migrate.File, done []revision) ([]migrate.File, error) {
	known := make(map[string]migrate.File, len(files))
	for _, file := range files {
		known[file.Version()] = file
	}
	newest := ""
	applied := make(map[string]bool, len(done))
	for _, r := range done {
		file, ok := known[r.version]
		if !ok {
			return nil, fmt.Errorf("the database has migration %s, which this binary does not know: "+
				"it was migrated by a newer or a different version; start that one, or restore a backup", r.name)
		}
		if revisionOf(file).hash != r.hash {
			return nil, fmt.Errorf("migration %s has changed since it was applied to this database: "+
				"restore the file and put the change into a new one", r.name)
		}
		applied[r.version] = true
		newest = max(newest, r.version)
	}
	var pending []migrate.File
	for _, file := range files {
		if applied[file.Version()] {
			continue
		}
		if file.Version() < newest {
			return nil, fmt.Errorf("migration %s is older than %s, which was already applied to this database: "+
				"rename it to a newer version", file.Name(), newest)
		}
		pending = append(pending, file)
	}
	return pending, nil
}

// querier is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readRevisions(ctx context.Context, on querier) ([]revision, error) {
	rows, err := on.QueryContext(ctx, `SELECT version, name, hash FROM schema_migrations ORDER BY version`)
	if err != nil {
		return nil, fmt.Errorf("reading applied migrations: %w", err)
	}
	defer rows.Close()
	var done []revision
	for rows.Next() {
		var r revision
		if err := rows.Scan(&r.version, &r.name, &r.hash); err != nil {
			return nil, fmt.Errorf("reading applied migrations: %w", err)
		}
		done = append(done, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading applied migrations: %w", err)
	}
	return done, nil
}

// migrator applies files over one connection.
type migrator struct {
	dialect  string
	conn     *sql.Conn
	splitter migrate.Driver // splits a file into statements as the database would
	log      *slog.Logger
}

func migrateTo(ctx context.Context, source source, dir migrate.Dir, log *slog.Logger) (applied []string, err error) {
	files, err := validFiles(dir)
	if err != nil {
		return nil, err
	}
	var pool *sql.DB
	if source.dialect == dialect.Postgres {
		pool, err = openPostgresMigrator(source.target)
	} else {
		pool, err = openSQLite(source.target, sqliteMigrator)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()

	// Another process may hold the SQLite file, for longer than the driver waits.
	conn, err := whileBusy(ctx, func() (*sql.Conn, error) { return pool.Conn(ctx) })
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()

	m := migrator{dialect: source.dialect, conn: conn, log: log}
	if m.dialect == dialect.Postgres {
		m.splitter, err = postgres.Open(conn)
	} else {
		m.splitter, err = sqlite.Open(conn)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing to migrate: %w", err)
	}
	if m.dialect == dialect.Postgres {
		// The lock goes with the session, which ends with the pool.
		if err := m.lock(ctx); err != nil {
			return nil, err
		}
	}
	return m.apply(ctx, files)
}

func whileBusy[T any](ctx context.Context, try func() (T, error)) (T, error) {
	for {
		got, err := try()
		if err == nil || !isBusy(err) || ctx.Err() != nil {
			return got, err
		}
	}
}

func (m *migrator) lock(ctx context.Context) error {
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for waiting := false; ; {
		var held bool
		if err := m.conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, migrationLock).Scan(&held); err != nil {
			return fmt.Errorf("locking the schema: %w", err)
		}
		if held {
			return nil
		}
		if !waiting {
			waiting = true
			m.log.InfoContext(ctx, "another process is migrating, waiting for it")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("locking the schema: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// apply runs the pending files and returns the names of those that are committed, also with an error.
func (m *migrator) apply(ctx context.Context, files []migrate.File) (committed []string, err error) {
	tx, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // of the latest transaction; nothing after its commit

	timestamp := "timestamptz"
	if m.dialect == dialect.SQLite {
		timestamp = "datetime"
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(createRevisions, timestamp)); err != nil {
		return nil, fmt.Errorf("creating the table of applied migrations: %w", err)
	}
	// On SQLite this is inside the only write lock, so what is read here stays true.
	done, err := readRevisions(ctx, tx)
	if err != nil {
		return nil, err
	}
	pending, err := pendingFiles(files, done)
	if err != nil {
		return nil, err
	}

	var applied []string // includes what is not committed yet
	for _, file := range pending {
		statements, err := migrate.FileStmts(m.splitter, file)
		if err != nil {
			return committed, fmt.Errorf("splitting migration %s into statements: %w", file.Name(), err)
		}
		m.log.InfoContext(ctx, "applying a migration", "file", file.Name(), "statements", len(statements))
		if !runsAlone(file) {
			if err := run(ctx, tx, file, statements); err != nil {
				return committed, err
			}
			applied = append(applied, file.Name())
			continue
		}
		if m.dialect != dialect.Postgres || len(statements) != 1 {
			return committed, fmt.Errorf("migration %s: %q is for a PostgreSQL file with one statement", file.Name(), noTransaction)
		}
		if err := m.commit(ctx, tx); err != nil {
			return committed, err
		}
		committed = slices.Clone(applied)
		if err := run(ctx, m.conn, file, statements); err != nil {
			return committed, err
		}
		applied = append(applied, file.Name())
		committed = slices.Clone(applied)
		if tx, err = m.begin(ctx); err != nil {
			return committed, err
		}
	}
	if err := m.commit(ctx, tx); err != nil {
		return committed, err
	}
	return applied, nil
}

func (m *migrator) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := whileBusy(ctx, func() (*sql.Tx, error) { return m.conn.BeginTx(ctx, nil) })
	if err != nil {
		return nil, fmt.Errorf("beginning to migrate: %w", err)
	}
	return tx, nil
}

// commit checks the foreign keys, which SQLite did not do while the files ran, and commits.
func (m *migrator) commit(ctx context.Context, tx *sql.Tx) error {
	if m.dialect == dialect.SQLite {
		if err := checkForeignKeys(ctx, tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing the migrations: %w", err)
	}
	return nil
}

func run(ctx context.Context, on querier, file migrate.File, statements []string) error {
	for i, statement := range statements {
		if _, err := on.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("applying migration %s, statement %d: %w", file.Name(), i+1, err)
		}
	}
	r := revisionOf(file)
	const insert = `INSERT INTO schema_migrations (version, name, hash) VALUES ($1, $2, $3)`
	if _, err := on.ExecContext(ctx, insert, r.version, r.name, r.hash); err != nil {
		return fmt.Errorf("recording migration %s: %w", file.Name(), err)
	}
	return nil
}

func checkForeignKeys(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT "table", "parent" FROM pragma_foreign_key_check`)
	if err != nil {
		return fmt.Errorf("checking foreign keys: %w", err)
	}
	defer rows.Close()
	var broken []string
	for rows.Next() {
		var table, parent string
		if err := rows.Scan(&table, &parent); err != nil {
			return fmt.Errorf("checking foreign keys: %w", err)
		}
		broken = append(broken, table+" → "+parent)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("checking foreign keys: %w", err)
	}
	if len(broken) > 0 {
		return fmt.Errorf("the migrations would leave rows that refer to nothing: %s", strings.Join(broken, ", "))
	}
	return nil
}

func runsAlone(file migrate.File) bool {
	for line := range strings.Lines(string(file.Bytes())) {
		if strings.TrimSpace(line) == noTransaction {
			return true
		}
	}
	return false
}

func fileNames(files []migrate.File) []string {
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}
