package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"farthing/internal/app"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// shop is a shop of one or more servers, and all that they depend on: each by a way of its own that can be made bad.
//
//	clients ─ line ─ gate ─ server ─ line ─ proxy ─ PostgreSQL
//	                          └───── line ─ Redis
type shop struct {
	store    string
	folder   string
	keys     *keys
	branches []*branch
	postgres *postgres
	redis    *redisServer
	// database reads what is stored, and admin does with PostgreSQL whatever it likes; neither goes by a line.
	database *db.DB
	admin    *sql.DB
	// settings is how the command line finds the database.
	settings []string
	// pinned is one more than the number of the only branch that is shown to the clients; 0 shows all.
	pinned  atomic.Int64
	closers []func() error
}

// branch is a server and the ways to and from it.
type branch struct {
	*server
	gate     *gate
	clients  *line
	database *line         // nil on SQLite, as are the next two
	proxy    *dbtest.Proxy // finds COMMITs
	redis    *line
}

// openShop puts a shop of so many servers together, on a store of its own, and starts it.
func openShop(ctx context.Context, store string, servers int) (s *shop, err error) {
	s = &shop{store: store}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "farthing-fire-"); err != nil {
		return s, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(s.folder) })
	if s.keys, err = newKeys(s.folder); err != nil {
		return s, err
	}
	target := s.onSQLite()
	if store == "postgres" {
		if target, err = s.onPostgres(ctx); err != nil {
			return s, err
		}
	}
	if _, err := s.command(ctx, "migrate"); err != nil {
		return s, err
	}
	if s.database, err = db.Open(ctx, target); err != nil {
		return s, err
	}
	s.closers = append(s.closers, quietly(s.database.Close))
	lines := newNetwork()
	for i := range servers {
		b, err := s.newBranch(lines, i)
		if err != nil {
			return s, err
		}
		if err := b.start(ctx); err != nil {
			return s, fmt.Errorf("%w\n%s", err, b.log.last(20))
		}
	}
	return s, nil
}

func (s *shop) onPostgres(ctx context.Context) (target string, err error) {
	if s.postgres, err = newPostgres(ctx); err != nil {
		return "", err
	}
	s.closers = append(s.closers, s.postgres.close)
	if s.redis, err = newRedis(ctx, s.folder); err != nil {
		return "", err
	}
	s.closers = append(s.closers, s.redis.close)
	if s.admin, err = sql.Open("postgres", s.postgres.url("postgres")); err != nil {
		return "", err
	}
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE farthing"); err != nil {
		return "", errors.Join(err, s.admin.Close())
	}
	if err := s.admin.Close(); err != nil {
		return "", err
	}
	target = s.postgres.url("farthing")
	s.settings = []string{app.Prefix + "DATABASE_URL=" + target, app.Prefix + "REDIS_URL=redis://" + s.redis.address}
	s.admin, err = sql.Open("postgres", target)
	if err == nil {
		s.closers = append(s.closers, quietly(s.admin.Close))
	}
	return target, err
}

func (s *shop) onSQLite() (target string) {
	s.settings = []string{app.Prefix + "DATA_DIR=" + filepath.Dir(s.file())}
	return "sqlite:" + s.file()
}

// file is where the SQLite database is.
func (s *shop) file() string { return filepath.Join(s.folder, "data", "farthing.db") }

// newBranch makes a server and the ways to and from it; it is not started.
func (s *shop) newBranch(lines *network, number int) (b *branch, err error) {
	name := fmt.Sprintf("server %d", number+1)
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b = &branch{}
	settings := append([]string{}, s.settings...)
	settings = append(settings, app.Prefix+"AUTH_SIGNING_KEY_FILE="+s.keys.file,
		// The limits are in force, and out of reach of anybody who is not in a loop.
		app.Prefix+"RATE_LIMIT_SHOPPER=1000/s:1000", app.Prefix+"RATE_LIMIT_ADDRESS=100000/s:100000",
		app.Prefix+"COUPON_LIMIT_SHOPPER=1000/s:1000", app.Prefix+"COUPON_LIMIT_ADDRESS=100000/s:100000")
	if s.postgres != nil {
		if b.proxy, err = dbtest.StartProxy(s.postgres.url("farthing")); err != nil {
			return nil, err
		}
		s.closers = append(s.closers, func() error { b.proxy.Close(); return nil })
		through, err := url.Parse(b.proxy.URL())
		if err != nil {
			return nil, err
		}
		if b.database, err = lines.lay(name+" to PostgreSQL", through.Host); err != nil {
			return nil, err
		}
		s.closers = append(s.closers, func() error { b.database.cut(); return nil })
		if b.redis, err = lines.lay(name+" to Redis", s.redis.address); err != nil {
			return nil, err
		}
		s.closers = append(s.closers, func() error { b.redis.cut(); return nil })
		// Short limits, so that what is lost is given up soon. An operator sets them in the same way.
		through.Host = b.database.address()
		through.RawQuery += "&connect_timeout=2&statement_timeout=5s&lock_timeout=1s&idle_in_transaction_session_timeout=5s&pool_max_conns=16"
		settings = append(settings, app.Prefix+"DATABASE_URL="+through.String(), app.Prefix+"REDIS_URL=redis://"+b.redis.address())
	}
	b.server = newServer(name, address, settings...)
	if b.gate, err = openGate(address); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, b.gate.close)
	if b.clients, err = lines.lay("clients to "+name, b.gate.address); err != nil {
		return nil, err
	}
	s.branches = append(s.branches, b)
	s.closers = append(s.closers, func() error { b.clients.cut(); b.kill(); return nil })
	return b, nil
}

// close ends everything, the last first.
func (s *shop) close() error {
	var faults []error
	for _, closing := range slices.Backward(s.closers) {
		faults = append(faults, closing())
	}
	s.closers = nil
	return errors.Join(faults...)
}

// quietly closes a pool of connections, some of which have died since they were last used and say so.
func quietly(closing func() error) func() error {
	return func() error {
		_ = closing()
		return nil
	}
}

// urls are the servers as the clients may know them at the moment.
func (s *shop) urls() []string {
	var urls []string
	pinned := s.pinned.Load()
	for i, b := range s.branches {
		if pinned == 0 || pinned == int64(i)+1 {
			urls = append(urls, "http://"+b.clients.address())
		}
	}
	return urls
}

// command runs a command of the shop's command line, and returns what it prints.
func (s *shop) command(ctx context.Context, arguments ...string) (string, error) {
	var output, faults bytes.Buffer
	err := app.Run(ctx, app.Process{
		Args: arguments, Environment: append([]string{app.Prefix + "LOG_LEVEL=warn"}, s.settings...), Stdout: &output, Stderr: &faults,
	})
	if err != nil {
		return output.String(), fmt.Errorf("%s: %w\n%s", arguments[0], err, faults.String())
	}
	return output.String(), nil
}

// verify proves the ledger, and says how many claims hold.
func (s *shop) verify(ctx context.Context) (claims int, violations []Violation) {
	output, err := s.command(ctx, "verify", "--json")
	var report struct {
		Claims []struct {
			Claim          string
			Holds          bool
			Contradictions int
			Examples       []string
		}
	}
	if unread := json.Unmarshal([]byte(output), &report); unread != nil || len(report.Claims) == 0 {
		return 0, []Violation{{"verify", fmt.Sprintf("%v, %v\n%s", err, unread, output)}}
	}
	for _, claim := range report.Claims {
		if !claim.Holds {
			violations = append(violations, Violation{"verify", fmt.Sprintf("%s: %d contradictions %s", claim.Claim, claim.Contradictions, claim.Examples)})
		}
	}
	return len(report.Claims), violations
}

// rebuild computes all awards again, and says how many there are.
func (s *shop) rebuild(ctx context.Context) (awards int, violations []Violation) {
	output, err := s.command(ctx, "rebuild", "--json")
	lines := json.NewDecoder(bytes.NewReader([]byte(output)))
	var counted *int
	for {
		var line struct {
			What        string
			Differences *int
			Awards      int
		}
		switch unread := lines.Decode(&line); {
		case errors.Is(unread, io.EOF) && counted != nil && *counted == len(violations):
			return awards, violations
		case unread != nil:
			return awards, append(violations, Violation{"rebuild", fmt.Sprintf("%v, %v\n%s", err, unread, output)})
		case line.Differences != nil:
			counted, awards = line.Differences, line.Awards
		default:
			violations = append(violations, Violation{"rebuild", fmt.Sprintf("differs: %s", line.What)})
		}
	}
}

// any is one of the servers.
func (s *shop) any(rng *rand.Rand) *branch { return s.branches[rng.IntN(len(s.branches))] }

// some are one of the servers, or all of them.
func (s *shop) some(rng *rand.Rand) []*branch {
	if rng.IntN(2) == 0 {
		return s.branches
	}
	return []*branch{s.any(rng)}
}
