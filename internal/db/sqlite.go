package db

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// sqliteUse is what a pool of SQLite connections is for.
type sqliteUse int

const (
	sqliteWriter sqliteUse = iota
	sqliteReader
	sqliteMigrator
)

// sqliteShared holds for every connection. Times are written in UTC in a form that sorts and that SQLite's own date
// functions read; the driver's default is Go's Time.String, which does neither. Recursive triggers are those that fire for
// the row that a REPLACE takes away: without them, it is a way around what may never be deleted.
const sqliteShared = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=recursive_triggers(1)" +
	"&_timezone=UTC&_time_format=sqlite&_texttotime=1"

// openSQLite opens a pool on the file, creating the file when it is missing.
func openSQLite(path string, use sqliteUse) (*sql.DB, error) {
	// SQLite gives the files of the write-ahead log the permissions of the database.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the SQLite database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening the SQLite database: %w", err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the SQLite database: %w", err)
	}

	query := sqliteShared
	switch use {
	case sqliteWriter:
		// A deferred transaction that starts with a read and then writes fails at once when somebody else has written.
		query += "&_pragma=foreign_keys(1)&_txlock=immediate"
	case sqliteReader:
		query += "&_query_only=1"
	case sqliteMigrator:
		// Rebuilding a table drops the old one, and with foreign keys on that deletes the rows that refer to it. The
		// switch does nothing inside a transaction, so it is thrown here and the keys are checked before the commit.
		query += "&_pragma=foreign_keys(0)&_txlock=immediate"
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	location := url.URL{Scheme: "file", Path: slashed, RawQuery: query}
	pool, err := sql.Open("sqlite", location.String())
	if err != nil {
		return nil, fmt.Errorf("opening the SQLite database: %w", err)
	}
	size := 1
	if use == sqliteReader {
		size = max(4, 2*runtime.GOMAXPROCS(0))
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}
