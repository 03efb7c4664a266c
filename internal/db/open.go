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
	// reads serves statements outside a transaction and snapshots, ahead the same for whoever is Ahead, and writes serves
	// transactions. They are three pools so that a flood of the one leaves connections for the others.
	reads, ahead, writes *sql.DB
	// turns has a place for each transaction that may be running, except those that are First.
	turns  chan struct{}
	client *ent.Client
	// joins says whether a connection takes several statements at once.
	joins bool
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
//   - pool_max_conns=20: the most connections this process opens (our own parameter; the server never sees it), from 3 on.
//     Two fifths are for reads, two fifths for transactions, and one fifth for reads that are Ahead.
//   - plan_cache_mode=force_generic_plan, enable_seqscan=off and jit=off where transactions write, and statements that are
//     repeated are prepared there: prepared_statements=off leaves that (our own parameter), for a PgBouncer older than 1.21.
//     Reads that could go Together then go one by one.
//
// A server that keeps silent for 10 seconds longer than statement_timeout is taken for dead; with a statement_timeout
// of 0, or one given through "options", there is no such limit. TimeZone is always UTC. Behind PgBouncer these
// parameters, and default_transaction_read_only, must be listed in its ignore_startup_parameters.
//
// SQLite: write-ahead log, synchronous=FULL, foreign keys on, one connection that writes and several that cannot, some of
// them for reads that are Ahead. The file is made readable for its owner alone. A database in memory is refused, since its
// connections could not share it.
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
		connector, size, err := readPostgres(source.target, forReading)
		if err != nil {
			return nil, err
		}
		writing, _, err := readPostgres(source.target, forWriting)
		if err != nil {
			return nil, err
		}
		_, d.joins = writing.(preparing)
		s := share(size)
		d.writes = openPostgres(writing, s.writes)
		d.ahead = openPostgres(connector, s.ahead)
		d.reads = openPostgres(connector, s.reads)
	case dialect.SQLite:
		if err := d.openSQLite(source.target); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	d.turns = make(chan struct{}, turns(d.writes.Stats().MaxOpenConnections))
	// The writer goes first: on a new SQLite file it is the one that may switch to the write-ahead log.
	for _, pool := range []*sql.DB{d.writes, d.ahead} {
		if err := pool.PingContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("connecting to the database: %w", err), d.Close())
		}
	}
	d.client = ent.NewClient(ent.Driver(&guard{
		db: d, reads: entsql.OpenDB(d.dialect, d.reads), ahead: entsql.OpenDB(d.dialect, d.ahead),
	}))
	return d, nil
}

func (d *DB) openSQLite(path string) (err error) {
	if d.writes, err = openSQLite(path, sqliteWriter); err != nil {
		return err
	}
	if d.ahead, err = openSQLite(path, sqliteReader); err != nil {
		return err
	}
	d.reads, err = openSQLite(path, sqliteReader)
	return err
}

// Client reads outside any transaction, each statement by itself. It refuses to write (ErrWriteOutsideTransaction), and
// refuses to be used with the context of a running Tx or Snapshot (ErrInTransaction). Closing it does nothing.
func (d *DB) Client() *ent.Client { return d.client }

// Dialect is dialect.Postgres or dialect.SQLite.
func (d *DB) Dialect() string { return d.dialect }

// Readers is how many connections there are for reads that are not Ahead: more of them at once only wait for each other.
func (d *DB) Readers() int { return d.reads.Stats().MaxOpenConnections }

// Ping asks the database for a sign of life. It waits for no writer on SQLite, and not behind the many reads anywhere: a
// shop that is busy is not away.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.ahead.PingContext(ctx); err != nil {
		return fmt.Errorf("pinging the database: %w", err)
	}
	return nil
}

// Close waits for statements that are running and closes all connections.
func (d *DB) Close() error {
	// The writer is the last to go: on SQLite it moves the write-ahead log into the file.
	var faults []error
	for _, pool := range []*sql.DB{d.reads, d.ahead, d.writes} {
		if pool != nil {
			faults = append(faults, pool.Close())
		}
	}
	if err := errors.Join(faults...); err != nil {
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
