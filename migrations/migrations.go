// Package migrations holds the versioned schema of the shop for both databases, built into the binary.
//
// A file is named YYYYMMDDHHMMSS_name.sql and is never edited once it is released: the atlas.sum beside it holds the
// checksums of all files, and a database remembers the hash of every file it was given. A mistake is corrected by
// the next file. Files are written by "go run ./internal/db/migrategen -name add_x", which compares them with the
// ent schema, and are applied by package db.
//
// What the ent schema cannot say is written by hand into a file of its own, after which
// "go run ./internal/db/migrategen -hash" renews the checksums. A hand-written index or CHECK must be named hand_…;
// the generator drops every other one that the ent schema does not know.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"

	"ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
)

//go:embed postgres sqlite
var files embed.FS

// Folder is the name of the folder that holds the files of a dialect (dialect.Postgres or dialect.SQLite).
func Folder(dialectName string) (string, error) {
	switch dialectName {
	case dialect.Postgres:
		return "postgres", nil
	case dialect.SQLite:
		return "sqlite", nil
	default:
		return "", fmt.Errorf("there are no migrations for dialect %q", dialectName)
	}
}

// Dir is the migration directory of a dialect (dialect.Postgres or dialect.SQLite), with its atlas.sum. Whether the
// two agree is for the reader to check, with migrate.Validate.
func Dir(dialectName string) (migrate.Dir, error) {
	folder, err := Folder(dialectName)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("listing the %s migrations: %w", folder, err)
	}
	dir := new(migrate.MemDir)
	for _, entry := range entries {
		content, err := fs.ReadFile(files, folder+"/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the %s migrations: %w", folder, err)
		}
		if err := dir.WriteFile(entry.Name(), content); err != nil {
			return nil, fmt.Errorf("reading the %s migrations: %w", folder, err)
		}
	}
	return dir, nil
}
