package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// postgresUse is what a pool of PostgreSQL connections is for.
type postgresUse int

const (
	forReading postgresUse = iota
	forWriting
	forMigrating
)

// silenceMargin is how much longer than statement_timeout a server may take to answer before it is taken for dead.
const silenceMargin = 10 * time.Second

// readPostgres reads a URL: how to connect, and how many connections there may be.
func readPostgres(target string, use postgresUse) (driver.Connector, int, error) {
	// The errors of url.Parse repeat the URL, and with it the password.
	if _, err := url.Parse(target); err != nil {
		return nil, 0, errors.New("the PostgreSQL URL cannot be read; " +
			"special characters in the user name and the password must be escaped, such as / as %2F")
	}
	config, err := pq.NewConfig(target)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the PostgreSQL URL: %w", err)
	}

	size := 20
	if given, ok := config.Runtime["pool_max_conns"]; ok {
		delete(config.Runtime, "pool_max_conns")
		if size, err = strconv.Atoi(given); err != nil || size < minConnections {
			return nil, 0, fmt.Errorf("reading the PostgreSQL URL: pool_max_conns must be a number from %d on, not %q", minConnections, given)
		}
	}

	prepare := config.Runtime["prepared_statements"] != "off"
	delete(config.Runtime, "prepared_statements")

	defaults := map[string]string{
		"statement_timeout":                   "30s",
		"lock_timeout":                        "10s",
		"idle_in_transaction_session_timeout": "60s",
	}
	if use == forWriting {
		// What transactions send again and again looks rows up by their keys: one plan is right for all arguments, and
		// planning takes longer than running it. A plan that was made while a table was small must not read all of it
		// for ever.
		defaults["plan_cache_mode"], defaults["enable_seqscan"], defaults["jit"] = "force_generic_plan", "off", "off"
	}
	if use == forMigrating {
		// Building an index on a big table takes as long as it takes. Waiting for a lock does not: everybody else
		// queues behind a migration that waits.
		defaults = map[string]string{"statement_timeout": "0", "lock_timeout": "30s"}
	}
	for name, value := range defaults {
		if _, given := config.Runtime[name]; !given && !strings.Contains(config.Options, name) {
			config.Runtime[name] = value
		}
	}
	maps.DeleteFunc(config.Runtime, func(name, _ string) bool { return strings.EqualFold(name, "TimeZone") })
	config.Runtime["TimeZone"] = "UTC"
	if config.ApplicationName == "" {
		config.ApplicationName = "farthing"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if use != forMigrating {
		// Outside a transaction a session cannot write. A transaction can: lib/pq begins it with READ WRITE.
		config.Runtime["default_transaction_read_only"] = "on"
		if config.TargetSessionAttrs == pq.TargetSessionAttrsReadWrite {
			// It would look at the default just set. A server that is not a standby is what is meant.
			config.TargetSessionAttrs = pq.TargetSessionAttrsPrimary
		}
	} else {
		size = 1
	}

	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the PostgreSQL URL: %w", err)
	}
	connector.Dialer(dialer{silence: silence(config.Runtime["statement_timeout"])})
	if use != forMigrating && prepare {
		return preparing{connector, use == forReading}, size, nil
	}
	return connector, size, nil
}

// openPostgresMigrator makes the pool that migrations run on.
func openPostgresMigrator(target string) (*sql.DB, error) {
	connector, size, err := readPostgres(target, forMigrating)
	if err != nil {
		return nil, err
	}
	return openPostgres(connector, size), nil
}

// openPostgres makes a pool; it does not connect yet.
func openPostgres(connector driver.Connector, size int) *sql.DB {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxLifetime(30 * time.Minute)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool
}

// silence is the time after which a server with this statement_timeout is taken for dead; 0 means never.
func silence(statementTimeout string) time.Duration {
	limit, err := time.ParseDuration(statementTimeout)
	if err != nil {
		limit, err = time.ParseDuration(statementTimeout + "ms") // a bare number is in milliseconds
	}
	if err != nil || limit <= 0 {
		return 0
	}
	return limit + silenceMargin
}

// dialer gives its connections a limit on silence. lib/pq waits for an answer without one, whatever the context says,
// so a COMMIT sent into a network that swallows packets would hold its caller for the 15 minutes TCP keeps trying.
type dialer struct {
	net     net.Dialer
	silence time.Duration
}

// Dial connects without a limit on the time it takes.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout connects within the time given.
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext connects while the context lasts.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil || d.silence == 0 {
		return conn, err
	}
	return &limitedConn{Conn: conn, silence: d.silence}, nil
}

// limitedConn fails a read or write that has to wait longer than silence. A deadline that lib/pq sets itself, while
// it connects, goes before. Only the goroutine that uses the connection calls these methods.
type limitedConn struct {
	net.Conn
	silence time.Duration
	own     bool // lib/pq has set a deadline
}

// SetDeadline lets a deadline of the caller replace the limit; the zero time brings the limit back.
func (c *limitedConn) SetDeadline(t time.Time) error {
	c.own = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// Read waits for bytes from the server, at most for the limit.
func (c *limitedConn) Read(b []byte) (int, error) {
	if !c.own {
		if err := c.Conn.SetReadDeadline(time.Now().Add(c.silence)); err != nil { //nolint:forbidigo // The network keeps real time.
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

// Write waits for the network to take the bytes, at most for the limit.
func (c *limitedConn) Write(b []byte) (int, error) {
	if !c.own {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.silence)); err != nil { //nolint:forbidigo // As above.
			return 0, err
		}
	}
	return c.Conn.Write(b)
}
