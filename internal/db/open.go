// Package db opens the shop's database, PostgreSQL or SQLite, and runs its transactions.
//
// It promises three things that the rest of the shop leans on.
//
// Nothing is written outside a transaction. database/sql silently runs an autocommit statement a second time when the
// connection drops after the server has executed it (github.com/lib/pq issue 939), so one INSERT can become two rows
// and no error. The client that Client returns therefore only reads: this package refuses anything else before it is
// sent, and the sessions themselves are read-only outside a transaction, so that a function with side effects is
// refused by the store.
//
// A transaction is done, not done, or says that nobody knows. See Tx, TxKeyed and ErrOutcomeUnknown.
//
// The schema is the one the binary was built with. See Migrate and Pending.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"farthing/ent"
)

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	dialect string
	// reads serves statements outside a transaction and snapshots, writes serves transactions. They are two pools on
	// SQLite, which has one writer, and the same pool on PostgreSQL.
	reads, writes *sql.DB
	client        *ent.Client
}

// Open connects to a database and checks that it answers.
//
// The URL is postgres://… or postgresql://… for PostgreSQL, and sqlite:PATH or a plain path for an SQLite file, which
// is created when its folder exists. The schema is not touched; see Migrate.
//
// PostgreSQL: lib/pq's parameters apply (its default is sslmode=require; a server without TLS needs sslmode=disable),
// any run-time parameter of the server can be given, and these defaults hold unless the URL says otherwise:
//
//   - application_name=farthing, connect_timeout=5 (seconds)
//   - statement_timeout=30s, lock_timeout=10s, idle_in_transaction_session_timeout=60s
//   - pool_max_conns=20: the most connections this process opens (our own parameter; the server never sees it)
//
// A server that keeps silent for 10 seconds longer than statement_timeout is taken for dead; with a statement_timeout
// of 0, or one given through "options", there is no such limit. TimeZone is always UTC. Behind PgBouncer these
// parameters, and default_transaction_read_only, must be listed in its ignore_startup_parameters.
//
// SQLite: write-ahead log, synchronous=FULL, foreign keys on, one connection that writes and several that cannot. The
// file is made readable for its owner alone. A database in memory is refused, since its connections could not share it.
//
// No error of Open shows the password.
func Open(ctx context.Context, url string) (*DB, error) {
	source, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	d := &DB{dialect: source.dialect}
	switch d.dialect {
	case dialect.Postgres:
		pool, err := openPostgres(source.target, forServing)
		if err != nil {
			return nil, err
		}
		d.reads, d.writes = pool, pool
	case dialect.SQLite:
		if d.writes, err = openSQLite(source.target, sqliteWriter); err != nil {
			return nil, err
		}
		if d.reads, err = openSQLite(source.target, sqliteReader); err != nil {
			return nil, errors.Join(err, d.writes.Close())
		}
	}
	// The writer goes first: on a new SQLite file it is the one that may switch to the write-ahead log.
	for _, pool := range []*sql.DB{d.writes, d.reads} {
		if err := pool.PingContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("connecting to the database: %w", err), d.Close())
		}
	}
	d.client = ent.NewClient(ent.Driver(&guard{db: d, reads: entsql.OpenDB(d.dialect, d.reads)}))
	return d, nil
}

// Client reads outside any transaction, each statement by itself. It refuses to write (ErrWriteOutsideTransaction), and
// refuses to be used with the context of a running Tx or Snapshot (ErrInTransaction). Closing it does nothing.
func (d *DB) Client() *ent.Client { return d.client }

// Dialect is dialect.Postgres or dialect.SQLite.
func (d *DB) Dialect() string { return d.dialect }

// Ping asks the database for a sign of life. On SQLite it does not wait for the writer.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.reads.PingContext(ctx); err != nil {
		return fmt.Errorf("pinging the database: %w", err)
	}
	return nil
}

// Close waits for statements that are running and closes all connections.
func (d *DB) Close() error {
	err := d.writes.Close()
	if d.reads != d.writes {
		err = errors.Join(d.reads.Close(), err)
	}
	if err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// source is a database URL taken apart: the whole URL for PostgreSQL, the path of the file for SQLite.
type source struct{ dialect, target string }

func parseURL(url string) (source, error) {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return source{dialect.Postgres, url}, nil
	}
	path := strings.TrimPrefix(url, "sqlite:")
	switch {
	case path == "":
		return source{}, errors.New("the database URL is empty")
	case strings.HasPrefix(path, "//"), strings.Contains(path, "://"):
		// Such a URL may hold a password, so it is not repeated.
		return source{}, errors.New("the database URL must be postgres://…, sqlite:PATH or the path of a file")
	case strings.Contains(path, ":memory:"):
		return source{}, errors.New("a database in memory cannot be shared by several connections: give the path of a file")
	}
	return source{dialect.SQLite, path}, nil
}
