package db

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrWriteOutsideTransaction refuses a statement that is not a plain read on the client that Client returns, and
	// a write inside a Snapshot. It is a mistake of the program: writes belong into Tx.
	ErrWriteOutsideTransaction = errors.New("db: write outside a transaction")

	// ErrInTransaction refuses a Tx, a Snapshot or a use of the plain client with the context of a running Tx or
	// Snapshot. It is a mistake of the program: on SQLite the inner one would wait for the outer one, and anywhere it
	// would not see what the outer one has written.
	ErrInTransaction = errors.New("db: a transaction is already running in this context; use its client")

	// ErrOutcomeUnknown says that COMMIT was sent and its answer was lost: the transaction has been done completely
	// or not at all. Only the database can tell which, by a unique key that the transaction wrote; see TxKeyed.
	ErrOutcomeUnknown = errors.New("db: the outcome of the transaction is unknown")
)

// IsUnique says whether the error is a violation of a UNIQUE constraint, a unique index or a primary key.
func IsUnique(err error) bool {
	return pq.As(err, pqerror.UniqueViolation) != nil ||
		isSQLite(err, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// IsCheck says whether the error is a violation of a CHECK constraint.
func IsCheck(err error) bool {
	return pq.As(err, pqerror.CheckViolation) != nil || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_CHECK)
}

// IsForeignKey says whether the error is a violation of a foreign key.
func IsForeignKey(err error) bool {
	return pq.As(err, pqerror.ForeignKeyViolation) != nil || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY)
}

// IsLockTimeout says whether PostgreSQL gave up waiting for a lock that others held for longer than lock_timeout, or did
// not wait for one at all, as NOWAIT asks. The transaction is lost, and nothing that it did is to blame. SQLite has no such
// error: there a transaction waits for its turn before it begins.
func IsLockTimeout(err error) bool { return pq.As(err, pqerror.LockNotAvailable) != nil }

// Constraint is what the driver tells about the constraint that was violated, and empty when it tells nothing. On
// PostgreSQL it is the name of the constraint or index. SQLite gives the name of a CHECK, the columns of a unique
// constraint ("accounts.shopper_id, accounts.currency"), and nothing for a foreign key.
func Constraint(err error) string {
	if e := pq.As(err); e != nil {
		return e.Constraint
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return ""
	}
	// "constraint failed: UNIQUE constraint failed: accounts.shopper_id (2067)"
	for _, kind := range []string{"UNIQUE", "CHECK"} {
		if _, rest, found := strings.Cut(e.Error(), kind+" constraint failed: "); found {
			name, _, _ := strings.Cut(rest, " (")
			return name
		}
	}
	return ""
}

// isSQLite says whether the error comes from SQLite with one of the extended result codes.
func isSQLite(err error, codes ...int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if e.Code() == code {
			return true
		}
	}
	return false
}

// isBusy says whether SQLite gave up waiting for another process. The low byte of a result code is its family: BUSY
// comes as 5, and as 517 when a snapshot is too old to write from.
func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isConflict says whether the transaction lost against another one, was rolled back, and may simply run again.
func isConflict(err error) bool {
	return pq.As(err, pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected) != nil || isBusy(err) || errors.Is(err, errStale)
}

// isReadOnly says whether the store itself refused to write in a read-only session or transaction.
func isReadOnly(err error) bool {
	if pq.As(err, pqerror.ReadOnlySQLTransaction) != nil {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_READONLY
}

// IsConnectionLost says whether the connection could not be made or died: the database is away, and nothing that was
// asked of it is to blame.
func IsConnectionLost(err error) bool {
	if e := pq.As(err); e != nil {
		return e.Code.Class() == "08" || e.Code == pqerror.AdminShutdown || e.Code == pqerror.CrashShutdown ||
			e.Code == pqerror.CannotConnectNow || e.Code == pqerror.TooManyConnections
	}
	// Not net.Error: the error of a context whose deadline has passed is one, too.
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// isRolledBack says whether an error of COMMIT means for certain that nothing was committed. Only the store's own
// refusal does; whatever else went wrong may have gone wrong after the fact.
func isRolledBack(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pq.ErrInFailedTransaction) {
		return true
	}
	if e := pq.As(err); e != nil {
		return !IsConnectionLost(err) && !e.Fatal() && e.Code != pqerror.TRStatementCompletionUnknown
	}
	// After a failed write or sync SQLite rolls back, but a crash before the next commit may find the frames complete.
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff != sqlite3.SQLITE_IOERR
}
