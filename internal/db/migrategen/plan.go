package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
)

// handWritten begins the names of indexes and CHECKs that the ent schema does not know and the generator must keep.
// Without the mark it would drop them, as it drops what was taken out of the ent schema.
const handWritten = "hand_"

// plan is the content of the migration that leads from the files of a directory to the tables, and nil when they agree.
// The directory is not changed. The scratch database must be empty; functions that the files make stay in it.
func plan(
	ctx context.Context, dialectName string, scratch *sql.DB, dir migrate.Dir, tables []*schema.Table,
) ([]byte, error) {
	before, err := dir.Files()
	if err != nil {
		return nil, err
	}
	replayed := new(migrate.MemDir)
	if err := replayed.CopyFiles(before); err != nil {
		return nil, err
	}
	differ, err := schema.NewMigrate(entsql.OpenDB(dialectName, scratch),
		schema.WithDir(replayed),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
		schema.WithFormatter(migrate.DefaultFormatter),
		schema.WithDiffHook(adjust(dialectName)),
		// Without it, a CHECK whose expression has changed and whose name has not goes unnoticed.
		schema.WithDiffOptions(atlas.DiffNormalized()),
	)
	if err != nil {
		return nil, err
	}
	if err := differ.NamedDiff(ctx, "next", tables...); err != nil {
		return nil, err
	}
	after, err := replayed.Files()
	if err != nil {
		return nil, err
	}
	for _, file := range after {
		if !slices.ContainsFunc(before, func(b migrate.File) bool { return b.Name() == file.Name() }) {
			return file.Bytes(), nil
		}
	}
	return nil, nil
}

// adjust corrects the desired schema before it is compared with the files.
func adjust(dialectName string) schema.DiffHook {
	return func(next schema.Differ) schema.Differ {
		return schema.DiffFunc(func(current, desired *atlas.Schema) ([]atlas.Change, error) {
			if dialectName == dialect.SQLite {
				wrapChecks(desired)
			}
			if err := keepHandWritten(current, desired); err != nil {
				return nil, err
			}
			return next.Diff(current, desired)
		})
	}
}

// wrapChecks puts parentheses around the CHECKs of the ent schema for SQLite, whose planner takes "(a) OR (b)" for an
// expression that already has them and writes CHECK (a) OR (b). PostgreSQL's have been normalised by now.
func wrapChecks(desired *atlas.Schema) {
	for _, table := range desired.Tables {
		for _, attribute := range table.Attrs {
			if check, ok := attribute.(*atlas.Check); ok {
				check.Expr = "(" + check.Expr + ")"
			}
		}
	}
}

// keepHandWritten adds what was written by hand to the desired schema, so that it is neither dropped nor lost when
// SQLite has to rebuild the table.
func keepHandWritten(current, desired *atlas.Schema) error {
	for _, have := range current.Tables {
		want, ok := desired.Table(have.Name)
		if !ok {
			continue
		}
		for _, index := range have.Indexes {
			if !strings.HasPrefix(index.Name, handWritten) {
				continue
			}
			kept, err := indexOn(want, index)
			if err != nil {
				return err
			}
			want.AddIndexes(kept)
		}
		for _, attribute := range have.Attrs {
			if check, ok := attribute.(*atlas.Check); ok && strings.HasPrefix(check.Name, handWritten) {
				want.AddChecks(atlas.NewCheck().SetName(check.Name).SetExpr(check.Expr))
			}
		}
	}
	return nil
}

// indexOn copies an index to another version of its table.
func indexOn(table *atlas.Table, index *atlas.Index) (*atlas.Index, error) {
	kept := &atlas.Index{Name: index.Name, Unique: index.Unique, Attrs: index.Attrs}
	for _, part := range index.Parts {
		copied := &atlas.IndexPart{SeqNo: part.SeqNo, Desc: part.Desc, X: part.X, Attrs: part.Attrs}
		if part.C != nil {
			column, ok := table.Column(part.C.Name)
			if !ok {
				return nil, fmt.Errorf("the index %s is on column %s of %s, which is gone: drop the index by hand first",
					index.Name, part.C.Name, table.Name)
			}
			copied.C = column
		}
		kept.AddParts(copied)
	}
	return kept, nil
}

// lostTriggers names the triggers that the files of an SQLite directory make and that one more file drops, as
// rebuilding a table does.
func lostTriggers(ctx context.Context, dir migrate.Dir, next []byte) ([]string, error) {
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	before, err := triggers(ctx, files)
	if err != nil {
		return nil, err
	}
	after, err := triggers(ctx, append(slices.Clone(files), migrate.NewLocalFile("99999999999999_next.sql", next)))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(before, func(name string) bool { return slices.Contains(after, name) }), nil
}

// triggers replays the files into an SQLite database of its own and names the triggers they make.
func triggers(ctx context.Context, files []migrate.File) (names []string, err error) {
	scratch, remove, err := scratchSQLite(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	driver, err := sqlite.Open(scratch)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		statements, err := migrate.FileStmts(driver, file)
		if err != nil {
			return nil, fmt.Errorf("splitting %s: %w", file.Name(), err)
		}
		for _, statement := range statements {
			if _, err := scratch.ExecContext(ctx, statement); err != nil {
				return nil, fmt.Errorf("replaying %s: %w", file.Name(), err)
			}
		}
	}
	rows, err := scratch.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
