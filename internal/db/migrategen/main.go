// Command migrategen writes the next migration: what the ent schema has and the files under migrations/ do not yet.
//
//	go run ./internal/db/migrategen -name add_wallets   # writes migrations/*/YYYYMMDDHHMMSS_add_wallets.sql
//	go run ./internal/db/migrategen -check              # exit status 1 when there is something to write
//	go run ./internal/db/migrategen -hash               # renews atlas.sum after a file was written by hand
//
// It replays the files into a scratch database of its own and compares the result with the schema: a temporary file for
// SQLite, and for PostgreSQL a database that it creates and drops on the server of FARTHING_TEST_DATABASE_URL (default
// postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable). Read what it writes before you commit it: a renamed
// column, for one, comes out as one dropped and one added.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	entmigrate "farthing/ent/migrate"
	"farthing/migrations"
)

const defaultServer = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"

var errPending = errors.New("the ent schema and the migrations differ; run migrategen -name NAME")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "migrategen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("migrategen", flag.ContinueOnError)
	name := flags.String("name", "", "write the next migration under this name, such as add_wallets")
	check := flags.Bool("check", false, "only say whether there is something to write, by the exit status")
	hash := flags.Bool("hash", false, "only renew atlas.sum")
	root := flags.String("dir", "migrations", "the folder that holds postgres and sqlite")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if (*name != "") == (*check || *hash) || *check && *hash {
		return errors.New("give one of -name NAME, -check and -hash")
	}
	if *name != "" && !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(*name) {
		return errors.New("a name is made of lower-case letters, digits and underscores")
	}

	var dirs []*migrate.LocalDir
	var contents [][]byte
	pending := false
	for _, dialectName := range []string{dialect.Postgres, dialect.SQLite} {
		folder, err := migrations.Folder(dialectName)
		if err != nil {
			return err
		}
		dir, err := migrate.NewLocalDir(filepath.Join(*root, folder))
		if err != nil {
			return fmt.Errorf("opening the %s migrations: %w", folder, err)
		}
		if *hash {
			if err := renewSum(dir); err != nil {
				return err
			}
			continue
		}
		if err := migrate.Validate(dir); err != nil {
			return fmt.Errorf("checking the %s migrations: %w; a file written by hand needs migrategen -hash", folder, err)
		}
		content, err := planOnScratch(ctx, dialectName, dir)
		if err != nil {
			return fmt.Errorf("comparing the %s migrations with the ent schema: %w", folder, err)
		}
		if content == nil {
			fmt.Fprintf(out, "%s: nothing to do\n", folder)
			continue
		}
		pending = true
		if *check {
			fmt.Fprintf(out, "%s: not in the migrations yet:\n%s", folder, content)
		}
		dirs, contents = append(dirs, dir), append(contents, content)
	}
	if *check {
		if pending {
			return errPending
		}
		return nil
	}

	file := migrate.NewVersion() + "_" + *name + ".sql" // the same for both dialects
	for i, dir := range dirs {
		if err := dir.WriteFile(file, contents[i]); err != nil {
			return fmt.Errorf("writing the migration: %w", err)
		}
		if err := renewSum(dir); err != nil {
			return err
		}
		fmt.Fprintf(out, "wrote %s\n", filepath.Join(dir.Path(), file))
	}
	return nil
}

// planOnScratch is plan with the ent schema, on scratch databases that it makes and removes.
func planOnScratch(ctx context.Context, dialectName string, dir migrate.Dir) (content []byte, err error) {
	makeScratch := scratchSQLite
	if dialectName == dialect.Postgres {
		makeScratch = scratchPostgres
	}
	scratch, remove, err := makeScratch(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if content, err = plan(ctx, dialectName, scratch, dir, entmigrate.Tables); err != nil || content == nil {
		return nil, err
	}
	if dialectName != dialect.SQLite {
		return content, nil
	}
	lost, err := lostTriggers(ctx, dir, content)
	if err != nil {
		return nil, err
	}
	if len(lost) > 0 {
		content = fmt.Appendf(content, "-- A rebuilt table loses its triggers; create them again here: %s\n", strings.Join(lost, ", "))
	}
	return content, nil
}

func renewSum(dir migrate.Dir) error {
	sum, err := dir.Checksum()
	if err != nil {
		return fmt.Errorf("computing atlas.sum: %w", err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		return fmt.Errorf("writing atlas.sum: %w", err)
	}
	return nil
}

// scratchSQLite makes an empty SQLite database; remove closes and deletes it.
func scratchSQLite(context.Context) (scratch *sql.DB, remove func() error, err error) {
	folder, err := os.MkdirTemp("", "migrategen-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a scratch folder: %w", err)
	}
	path := filepath.ToSlash(filepath.Join(folder, "scratch.db"))
	if scratch, err = sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)"); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening the scratch database: %w", err), os.RemoveAll(folder))
	}
	return scratch, func() error { return errors.Join(scratch.Close(), os.RemoveAll(folder)) }, nil
}

// scratchPostgres makes an empty PostgreSQL database; remove closes and drops it.
func scratchPostgres(ctx context.Context) (scratch *sql.DB, remove func() error, err error) {
	server := os.Getenv("FARTHING_TEST_DATABASE_URL")
	if server == "" {
		server = defaultServer
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, nil, errors.New("FARTHING_TEST_DATABASE_URL is not a URL")
	}
	admin, err := sql.Open("postgres", server)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the server of FARTHING_TEST_DATABASE_URL: %w", err)
	}
	name := "farthing_migrategen_" + strings.ToLower(rand.Text()[:10])
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("creating a scratch database: %w", err), admin.Close())
	}
	u.Path = "/" + name
	scratch, openErr := sql.Open("postgres", u.String())
	remove = func() error {
		var closing error
		if scratch != nil {
			closing = scratch.Close()
		}
		_, dropping := admin.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+pq.QuoteIdentifier(name)+" WITH (FORCE)")
		return errors.Join(closing, dropping, admin.Close())
	}
	if openErr != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening the scratch database: %w", openErr), remove())
	}
	return scratch, remove, nil
}
