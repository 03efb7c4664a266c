package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"farthing/internal/db/dbtest"
)

// fault is a way in which a shop can be hurt.
type fault struct {
	name string
	// what says in a sentence what is done.
	what string
	// strike does it, for as long as it lasts, and undoes it also when ctx ends. Its error says that it could not be done, so
	// that nothing was shown.
	strike func(ctx context.Context, s *scene) error
}

// scene is what a fault happens in.
type scene struct {
	*shop
	rng *rand.Rand
	// sells waits until somebody has bought something that they began to buy after the call, anywhere. It is a violation when
	// that takes too long.
	sells func(ctx context.Context) error
}

// faultsOf are the faults that a store can have.
func faultsOf(store string) []fault {
	if store == "sqlite" {
		return append(everywhere(), onSQLite()...)
	}
	return append(append(everywhere(), onPostgres()...), onRedis()...)
}

// upTo is a random time below a limit.
func (s *scene) upTo(limit time.Duration) time.Duration {
	return time.Duration(s.rng.Int64N(int64(limit)))
}

// lasts waits for a time between two limits.
func (s *scene) lasts(ctx context.Context, least, most time.Duration) error {
	select {
	case <-time.After(least + s.upTo(most-least)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart starts a server that is down, a moment later. While it is down, another one sells.
func (s *scene) restart(ctx context.Context, b *branch) error {
	if len(s.branches) > 1 {
		if err := s.sells(ctx); err != nil {
			return err
		}
	} else if err := s.lasts(ctx, 50*time.Millisecond, 500*time.Millisecond); err != nil {
		return err
	}
	return b.start(ctx)
}

func everywhere() []fault {
	return []fault{
		{"server-killed", "kill -9 of a server at a random moment", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := s.lasts(ctx, 0, 200*time.Millisecond); err != nil {
				return err
			}
			b.kill()
			return s.restart(ctx, b)
		}},
		{"servers-killed", "kill -9 of all servers at once", func(ctx context.Context, s *scene) error {
			for _, b := range s.branches {
				b.kill()
			}
			for _, b := range s.branches {
				if err := b.start(ctx); err != nil {
					return err
				}
			}
			return nil
		}},
		{"server-stopped", "a server is asked to stop (SIGTERM): it finishes what it has taken, and ends with status 0", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := b.stop(); err != nil {
				return err
			}
			return s.restart(ctx, b)
		}},
		{"server-killed-before-answer", "kill -9 of a server when a purchase is committed and its answer is on the way", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := b.gate.lose(ctx, loss{answer: true, then: b.kill}); err != nil {
				return err
			}
			return s.restart(ctx, b)
		}},
		{"request-lost", "a checkout is lost on its way to the server", func(ctx context.Context, s *scene) error {
			return s.any(s.rng).gate.lose(ctx, loss{then: func() {}})
		}},
		{"answer-lost", "the answer to a purchase is lost on its way to the client", func(ctx context.Context, s *scene) error {
			return s.any(s.rng).gate.lose(ctx, loss{answer: true, then: func() {}})
		}},
		{"clients-cut", "the connections of all clients are cut, and refused for a moment", func(ctx context.Context, s *scene) error {
			return s.cut(ctx, s.some(s.rng), func(b *branch) *line { return b.clients })
		}},
		{"clients-truncated", "connections of clients break in the middle of answers", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			defer b.clients.heal()
			if err := b.clients.truncate(50 + s.rng.IntN(4000)); err != nil {
				return err
			}
			return s.lasts(ctx, 300*time.Millisecond, time.Second)
		}},
		{"clients-slow", "the network between clients and servers delays everything", func(ctx context.Context, s *scene) error {
			return s.slow(ctx, s.some(s.rng), func(b *branch) *line { return b.clients })
		}},
		{"clients-half-open", "the network between clients and servers swallows everything, and both ends stay connected", func(ctx context.Context, s *scene) error {
			return s.lose(ctx, s.some(s.rng), 3*time.Second, func(b *branch) *line { return b.clients })
		}},
		{"clock-jump", "a server's clock is wrong by up to two hours, and jumps back", func(ctx context.Context, s *scene) error {
			for _, b := range s.some(s.rng) {
				offset := s.rng.IntN(4*60*60) - 2*60*60
				if err := b.tell(fmt.Sprint("clock ", offset)); err != nil {
					return err
				}
				defer func() { _ = b.tell("clock 0") }() // an error says that it is down, and will have another clock
			}
			if err := s.sells(ctx); err != nil {
				return err
			}
			return s.lasts(ctx, 300*time.Millisecond, 1500*time.Millisecond)
		}},
	}
}

func onPostgres() []fault {
	toPostgres := func(b *branch) *line { return b.database }
	return []fault{
		{"server-killed-before-commit", "kill -9 of a server when it has sent COMMIT and PostgreSQL has not got it", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := s.atCommit(ctx, b, dbtest.Cut{Then: b.kill}); err != nil {
				return err
			}
			return s.restart(ctx, b)
		}},
		{"server-killed-after-commit", "kill -9 of a server when PostgreSQL has committed and its answer is on the way", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := s.atCommit(ctx, b, dbtest.Cut{Executed: true, Then: b.kill}); err != nil {
				return err
			}
			return s.restart(ctx, b)
		}},
		{"cut-before-commit", "the connection is cut when COMMIT is on its way", func(ctx context.Context, s *scene) error {
			return s.atCommit(ctx, s.any(s.rng), dbtest.Cut{})
		}},
		{"cut-after-commit", "the connection is cut between COMMIT and its answer", func(ctx context.Context, s *scene) error {
			return s.atCommit(ctx, s.any(s.rng), dbtest.Cut{Executed: true})
		}},
		{"cut-in-write", "the connection is cut at a write in the middle of a transaction", func(ctx context.Context, s *scene) error {
			return s.at(ctx, s.any(s.rng), dbtest.Cut{Statement: dbtest.Write, Nth: 1 + s.rng.IntN(20), Executed: s.rng.IntN(2) == 0})
		}},
		{"sessions-ended", "PostgreSQL ends all sessions of the servers", func(ctx context.Context, s *scene) error {
			return s.endSessions(ctx)
		}},
		{"database-cut", "the connections of servers to PostgreSQL are cut, and refused for a moment", func(ctx context.Context, s *scene) error {
			return s.cut(ctx, s.some(s.rng), toPostgres)
		}},
		{"database-slow", "the network between servers and PostgreSQL delays everything", func(ctx context.Context, s *scene) error {
			return s.slow(ctx, s.some(s.rng), toPostgres)
		}},
		{"database-half-open", "the network between servers and PostgreSQL swallows everything, and both ends stay connected", func(ctx context.Context, s *scene) error {
			most := 3 * time.Second
			if s.rng.IntN(3) == 0 {
				most = 20 * time.Second // longer than a server may keep silent before it is taken for dead
			}
			return s.lose(ctx, s.some(s.rng), most, toPostgres)
		}},
		{"postgres-stopped", "PostgreSQL stops at once, without a checkpoint, and starts again", func(ctx context.Context, s *scene) error {
			if err := s.postgres.end(quit); err != nil {
				return err
			}
			return s.postgres.start(ctx)
		}},
		{"postgres-killed", "kill -9 of PostgreSQL, which starts again", func(ctx context.Context, s *scene) error {
			if err := s.postgres.end((*os.Process).Kill); err != nil {
				return err
			}
			if err := s.lasts(ctx, 0, time.Second); err != nil {
				return err
			}
			return s.postgres.start(ctx)
		}},
		{"lock-time-outs", "somebody holds the rows of all shoppers for longer than lock_timeout", func(ctx context.Context, s *scene) error {
			return s.inSession(ctx, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "SELECT FROM shoppers ORDER BY id FOR UPDATE"); err != nil {
					return err
				}
				return s.lasts(ctx, 1200*time.Millisecond, 2500*time.Millisecond)
			})
		}},
		{"deadlocks", "somebody locks shoppers in the other direction until the servers have lost a deadlock (40P01)", deadlocks},
		{"serialization-failures", "SERIALIZABLE is the default, and every third transaction that sells is refused at COMMIT (40001)", serializationFailures},
	}
}

func onRedis() []fault {
	toRedis := func(b *branch) *line { return b.redis }
	return []fault{
		{"redis-stopped", "Redis is stopped in whatever it does (SIGSTOP), and goes on later", func(ctx context.Context, s *scene) (err error) {
			if err := s.redis.signal(freeze); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.redis.signal(thaw)) }()
			if err := s.sells(ctx); err != nil {
				return err
			}
			return s.lasts(ctx, 300*time.Millisecond, 2*time.Second)
		}},
		{"redis-killed", "kill -9 of Redis, which starts again and knows nothing", func(ctx context.Context, s *scene) error {
			if err := s.redis.kill(); err != nil {
				return err
			}
			if err := s.sells(ctx); err != nil {
				return errors.Join(err, s.redis.start(context.WithoutCancel(ctx)))
			}
			return s.redis.start(ctx)
		}},
		{"redis-flushed", "Redis forgets everything, the limiter's script too", func(ctx context.Context, s *scene) error {
			return s.redis.flush(ctx)
		}},
		{"redis-slow", "the network between servers and Redis delays everything", func(ctx context.Context, s *scene) error {
			return s.slow(ctx, s.some(s.rng), toRedis)
		}},
		{"redis-half-open", "the network between servers and Redis swallows everything", func(ctx context.Context, s *scene) error {
			return s.lose(ctx, s.some(s.rng), 2*time.Second, toRedis)
		}},
		{"redis-cut", "the connections to Redis are cut, and refused for a moment", func(ctx context.Context, s *scene) error {
			return s.cut(ctx, s.some(s.rng), toRedis)
		}},
	}
}

func onSQLite() []fault {
	return []fault{
		{"server-killed-in-commit", "kill -9 of the server when SQLite is about to commit", func(ctx context.Context, s *scene) error {
			b := s.any(s.rng)
			if err := b.doom(ctx, fmt.Sprint("die ", 1+s.rng.IntN(20))); err != nil {
				return err
			}
			return s.restart(ctx, b)
		}},
		{"file-locked", "another process holds the lock of writers, sometimes for longer than busy_timeout", func(ctx context.Context, s *scene) error {
			most := time.Second
			if s.rng.IntN(3) == 0 {
				most = 8 * time.Second
			}
			return s.holdFile(ctx, most)
		}},
		{"disk-full", "the database may not grow any more (SQLITE_FULL), until there is room again", diskFull},
		{"writes-fail", "the operating system refuses to write files beyond a size (SQLITE_IOERR)", writesFail},
	}
}

// cut cuts lines for a moment.
func (s *scene) cut(ctx context.Context, branches []*branch, which func(*branch) *line) (err error) {
	for _, b := range branches {
		l := which(b)
		l.cut()
		defer func() { err = errors.Join(err, l.mend()) }()
	}
	return s.lasts(ctx, 0, 500*time.Millisecond)
}

// slow delays lines for a while.
func (s *scene) slow(ctx context.Context, branches []*branch, which func(*branch) *line) error {
	for _, b := range branches {
		l := which(b)
		defer l.heal()
		ms := 10 + s.rng.IntN(300)
		if err := l.slow(ms, ms/2); err != nil {
			return err
		}
	}
	return s.lasts(ctx, 500*time.Millisecond, 2*time.Second)
}

// lose has lines swallow everything for a while.
func (s *scene) lose(ctx context.Context, branches []*branch, most time.Duration, which func(*branch) *line) error {
	for _, b := range branches {
		l := which(b)
		defer l.heal()
		if err := l.lose(); err != nil {
			return err
		}
	}
	return s.lasts(ctx, 300*time.Millisecond, most)
}

// atCommit has a server's connection cut at one of its next commits of a transaction that has written something.
func (s *scene) atCommit(ctx context.Context, b *branch, cut dbtest.Cut) error {
	cut.Statement, cut.Written, cut.Nth = dbtest.Commit, true, 1+s.rng.IntN(5)
	return s.at(ctx, b, cut)
}

// at plans a cut of a server's connection to PostgreSQL, and waits until it has happened.
func (s *scene) at(ctx context.Context, b *branch, cut dbtest.Cut) error {
	done, then := make(chan struct{}), cut.Then
	cut.Then = func() {
		if then != nil {
			then()
		}
		close(done)
	}
	b.proxy.Cut(cut)
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s has not come to the statement within %s", b.name, patience)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inSession does something in a transaction of its own, which is always rolled back.
func (s *scene) inSession(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.admin.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}

// endSessions ends the sessions that the servers have at PostgreSQL.
func (s *scene) endSessions(ctx context.Context) error {
	_, err := s.admin.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'farthing' AND pid <> pg_backend_pid()`)
	return err
}

// deadlocks locks shoppers from the last to the first while tills lock them from the first to the last. The servers' sessions
// look for deadlocks sooner, and so it is they who lose.
func deadlocks(ctx context.Context, s *scene) error {
	lost := func() (n int64, err error) {
		err = s.admin.QueryRowContext(ctx, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n)
		return n, err
	}
	before, err := lost()
	if err != nil {
		return err
	}
	collide := func() error {
		return s.inSession(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, "SET LOCAL deadlock_timeout = '30s'"); err != nil {
				return err
			}
			for _, last := range []string{
				"SELECT FROM shoppers ORDER BY id DESC LIMIT (SELECT count(*) / 2 FROM shoppers) FOR UPDATE",
				"SELECT FROM shoppers ORDER BY id DESC FOR UPDATE",
			} {
				if _, err := tx.ExecContext(ctx, last); err != nil {
					return err
				}
				if err := s.lasts(ctx, 50*time.Millisecond, 100*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var failed error
	err = until(ctx, "the servers lose a deadlock", func() bool {
		if failed = collide(); failed != nil {
			return true
		}
		now, err := lost()
		failed = err
		return err != nil || now > before
	})
	return errors.Join(failed, err)
}

// serializationFailures has every third transaction that writes a purchase fail when it commits.
func serializationFailures(ctx context.Context, s *scene) (err error) {
	const makeThem = `CREATE SEQUENCE fire_failures;
		CREATE FUNCTION fire_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF hashint8(txid_current()) % 3 = 0 THEN
				PERFORM nextval('fire_failures'); -- which no rollback undoes
				RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
			END IF;
			RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER fire AFTER INSERT ON purchases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire_fail();
		ALTER DATABASE farthing SET default_transaction_isolation = 'serializable'`
	const undo = `DROP TRIGGER IF EXISTS fire ON purchases; DROP FUNCTION IF EXISTS fire_fail(); DROP SEQUENCE IF EXISTS fire_failures;
		ALTER DATABASE farthing RESET default_transaction_isolation`
	defer func() {
		undone := context.WithoutCancel(ctx)
		_, failed := s.admin.ExecContext(undone, undo)
		err = errors.Join(err, failed, s.endSessions(undone)) // the settings are those of new sessions
	}()
	if _, err := s.admin.ExecContext(ctx, makeThem); err != nil {
		return err
	}
	if err := s.endSessions(ctx); err != nil {
		return err
	}
	var failed error
	err = until(ctx, "transactions are refused at COMMIT", func() bool {
		var refused bool
		failed = s.admin.QueryRowContext(ctx, "SELECT is_called FROM fire_failures").Scan(&refused)
		return failed != nil || refused
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	if err := s.sells(ctx); err != nil {
		return err
	}
	return s.lasts(ctx, 300*time.Millisecond, 1500*time.Millisecond)
}

// holdFile holds the lock that whoever writes to the SQLite file must have.
func (s *scene) holdFile(ctx context.Context, most time.Duration) error {
	file, err := sql.Open("sqlite", "file:"+s.file()+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer file.Close()
	tx, err := file.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return s.lasts(ctx, 200*time.Millisecond, most)
}

// diskFull gives a server a file that may grow by some pages only, until it has run out of them.
func diskFull(ctx context.Context, s *scene) error {
	b := s.any(s.rng)
	if err := b.stop(); err != nil {
		return err
	}
	pages, err := s.pages(ctx)
	if err != nil {
		return err
	}
	mark := b.log.mark()
	if err := b.start(ctx, fmt.Sprintf("%s=%d", maxPages, pages+int64(s.rng.IntN(50)))); err != nil {
		return err
	}
	if err := until(ctx, "the disk is full", func() bool { return b.log.since(mark, "database or disk is full") }); err != nil {
		return err
	}
	if err := s.lasts(ctx, 300*time.Millisecond, 1500*time.Millisecond); err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	return b.start(ctx)
}

// pages is how many pages the SQLite file has.
func (s *scene) pages(ctx context.Context) (n int64, err error) {
	file, err := sql.Open("sqlite", "file:"+s.file()+"?_query_only=1")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	err = file.QueryRowContext(ctx, "PRAGMA page_count").Scan(&n)
	return n, err
}

// writesFail has the operating system refuse a server's writes until it has noticed.
func writesFail(ctx context.Context, s *scene) error {
	b := s.any(s.rng)
	mark := b.log.mark()
	if err := b.tell(fmt.Sprint("files ", 1+s.rng.IntN(200_000))); err != nil {
		return err
	}
	failed := until(ctx, "writes fail", func() bool { return b.log.since(mark, "disk I/O error") })
	if failed == nil {
		failed = s.lasts(ctx, 300*time.Millisecond, 1500*time.Millisecond)
	}
	return errors.Join(failed, b.tell("files -1"))
}
