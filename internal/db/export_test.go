package db

import (
	"context"
	"log/slog"
	"net"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// What the tests of the package see of its inside.
var (
	IsRead  = isRead
	Silence = silence
)

// MigrationLock is the key that the migrator locks.
const MigrationLock = migrationLock

// MaxAttempts is how often a transaction that loses against others is run.
const MaxAttempts = maxAttempts

// MaxPrepared is how many statements a connection keeps prepared.
const MaxPrepared = maxPrepared

// MigrateDir is Migrate with other files.
func MigrateDir(ctx context.Context, url string, dir migrate.Dir, log *slog.Logger) ([]string, error) {
	source, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	return migrateTo(ctx, source, dir, log)
}

// PendingOf is Pending with other files.
func PendingOf(ctx context.Context, d *DB, dir migrate.Dir) ([]string, error) {
	return d.pendingOf(ctx, dir)
}

// LimitSilence wraps a connection as the dialer does.
func LimitSilence(conn net.Conn, silence time.Duration) net.Conn {
	return &limitedConn{Conn: conn, silence: silence}
}

// Shares is how so many connections are divided, and how many of those for transactions are for everybody.
func Shares(total int) (reads, ahead, writes, forAll int) {
	s := share(total)
	return s.reads, s.ahead, s.writes, turns(s.writes)
}

// Turns is how many transactions that are not First run at once.
func (d *DB) Turns() int { return cap(d.turns) }

// WaitingForWriter is how many transactions have waited for a connection.
func (d *DB) WaitingForWriter() int64 { return d.writes.Stats().WaitCount }
