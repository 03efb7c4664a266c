package main

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// architectureFile holds the table that TestFloors compares with the code.
const architectureFile = "docs/architecture.md"

// floorsHeader is how that table's first line reads; the first table that starts with it is the one.
const floorsHeader = "| floor | package | what it is | imports |"

var update = flag.Bool("update", false, "write what the code really imports into the table of "+architectureFile)

// TestFloors fails when the table of packages and the code disagree, or when a package imports a neighbour or upwards.
// After a wanted change, `go test -run TestFloors -update .` rewrites the imports column; floors and prose are yours.
func TestFloors(t *testing.T) {
	t.Parallel()

	tree := os.DirFS(".")
	text, err := fs.ReadFile(tree, architectureFile)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := readPackages(tree)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		text = []byte(updateFloors(string(text), packages))
		if err := os.WriteFile(architectureFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, problem := range checkFloors(string(text), packages) {
		t.Error(problem)
	}
}

// goPackage is one directory of Go files and the packages of this module that they import, each with one file that
// does. Names are short: the path in the module without a leading "internal/"; the root has the module's name.
type goPackage struct {
	imports     map[string]string // by the code
	testImports map[string]string // by its tests
}

// readPackages finds the packages of the module at the root of the tree, by short name. Modules inside it (tools),
// testdata and hidden directories are left out, as the go command does; build constraints are not looked at, so
// an import counts on whatever system it is made.
func readPackages(tree fs.FS) (map[string]goPackage, error) {
	module, err := modulePath(tree)
	if err != nil {
		return nil, err
	}
	packages := map[string]goPackage{}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() {
			if name == "." {
				return nil
			}
			_, err := fs.Stat(tree, path.Join(name, "go.mod"))
			if err == nil || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(base) != ".go" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		self := shortName(module, path.Join(module, path.Dir(name)))
		pkg, ok := packages[self]
		if !ok {
			pkg = goPackage{imports: map[string]string{}, testImports: map[string]string{}}
			packages[self] = pkg
		}
		found := pkg.imports
		if strings.HasSuffix(base, "_test.go") {
			found = pkg.testImports
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imported == module || strings.HasPrefix(imported, module+"/") {
				found[shortName(module, imported)] = name
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the packages of %s: %w", module, err)
	}
	return packages, nil
}

func modulePath(tree fs.FS) (string, error) {
	text, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if module, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(module), nil
		}
	}
	return "", fmt.Errorf("read go.mod: no module line")
}

func shortName(module, importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module+"/"), "internal/")
}

// testSupport is the floor of packages that serve tests: any test may import them, no other code may, and what they
// import themselves is not held to a floor.
const testSupport = "test"

// floorRow is one row of the table. A package named "x/..." stands for x and everything below it, which is how
// generated code comes in.
type floorRow struct {
	line                        int // in the file, from 1; 0 for a row that is not there yet
	floor, name, prose, imports string
}

func (r floorRow) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s |", r.floor, r.name, r.prose, r.imports)
}

// covers says whether the row speaks for the package.
func (r floorRow) covers(name string) bool {
	tree, ok := strings.CutSuffix(r.name, "/...")
	return name == r.name || ok && (name == tree || strings.HasPrefix(name, tree+"/"))
}

// readFloors finds the rows of the table.
func readFloors(text string) []floorRow {
	var rows []floorRow
	started, number := false, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case !started:
			started = line == floorsHeader
		case strings.HasPrefix(line, "| ---"):
		case !strings.HasPrefix(line, "|"):
			return rows
		default:
			cells := append(strings.Split(strings.Trim(line, "|"), "|"), "", "", "", "")
			for i, cell := range cells {
				cells[i] = strings.TrimSpace(cell)
			}
			rows = append(rows, floorRow{line: number, floor: cells[0], name: cells[1], prose: cells[2], imports: cells[3]})
		}
	}
	return rows
}

// floorsPlan is the table with the code laid over it.
type floorsPlan struct {
	rows     []floorRow
	packages map[string]goPackage // by the name of their row; by their own where none covers them
}

func planFloors(text string, packages map[string]goPackage) floorsPlan {
	plan := floorsPlan{rows: readFloors(text), packages: map[string]goPackage{}}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		room := plan.room(name)
		pkg, ok := plan.packages[room]
		if !ok {
			pkg = goPackage{imports: map[string]string{}, testImports: map[string]string{}}
			plan.packages[room] = pkg
		}
		plan.merge(room, pkg.imports, packages[name].imports)
		plan.merge(room, pkg.testImports, packages[name].testImports)
	}
	return plan
}

// merge adds imports to those of a room, as rooms themselves; what a room imports from within does not count.
func (p floorsPlan) merge(room string, into, imports map[string]string) {
	for imported, file := range imports {
		if to := p.room(imported); to != room {
			into[to] = file
		}
	}
}

// room is the name of the row that covers a package: its own row before one that stands for a tree.
func (p floorsPlan) room(name string) string {
	room := name
	for _, row := range p.rows {
		if row.name == name {
			return name
		}
		if row.covers(name) {
			room = row.name
		}
	}
	return room
}

func (p floorsPlan) imports(room string) string {
	names := slices.Sorted(maps.Keys(p.packages[room].imports))
	if len(names) == 0 {
		return "—"
	}
	return strings.Join(names, ", ")
}

// updateFloors is the text with the imports column as the code has it.
func updateFloors(text string, packages map[string]goPackage) string {
	plan := planFloors(text, packages)
	lines := strings.SplitAfter(text, "\n")
	for _, row := range plan.rows {
		row.imports = plan.imports(row.name)
		lines[row.line-1] = row.String() + "\n"
	}
	return strings.Join(lines, "")
}

// checkFloors lists everything in which table and code disagree, each as a sentence with the row that would put it right.
func checkFloors(text string, packages map[string]goPackage) []string {
	plan := planFloors(text, packages)
	if len(plan.rows) == 0 {
		return []string{fmt.Sprintf("%s has no table that starts with %q", architectureFile, floorsHeader)}
	}
	var problems []string
	complain := func(row floorRow, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: %s", architectureFile, row.line, fmt.Sprintf(format, args...)))
	}
	rows := map[string]floorRow{}
	for _, row := range plan.rows {
		if _, twice := rows[row.name]; twice {
			complain(row, "%s has two rows; keep one", row.name)
		}
		rows[row.name] = row
		if _, err := strconv.Atoi(row.floor); err != nil && row.floor != testSupport {
			complain(row, "%s is on floor %q, which is neither a whole number nor %q", row.name, row.floor, testSupport)
		}
		if _, ok := plan.packages[row.name]; !ok {
			complain(row, "there is no package %s; delete the row", row.name)
			continue
		}
		if want := plan.imports(row.name); row.imports != want {
			right := row
			right.imports = want
			complain(row, "the code of %s imports other packages than its row says; it should read\n%s\n"+
				"(go test -run TestFloors -update . writes it)", row.name, right)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(plan.packages)) {
		row, ok := rows[name]
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: package %s has no row; add one, such as\n%s", architectureFile, name, plan.newRow(name, rows)))
			continue
		}
		problems = append(problems, climbs(row, rows, plan.packages[name])...)
	}
	return problems
}

// climbs lists the imports of a package that do not lead downwards.
func climbs(from floorRow, rows map[string]floorRow, pkg goPackage) []string {
	var problems []string
	judge := func(imports map[string]string, test bool) {
		for _, name := range slices.Sorted(maps.Keys(imports)) {
			to, ok := rows[name]
			if !ok {
				continue // Its missing row is a problem of its own.
			}
			switch {
			case to.floor == testSupport:
				if !test && from.floor != testSupport {
					problems = append(problems, fmt.Sprintf("%s: %s imports %s, which is for tests only", imports[name], from.name, name))
				}
			case from.floor != testSupport && level(to) >= level(from):
				problems = append(problems, fmt.Sprintf("%s: %s (floor %s) imports %s (floor %s); imports lead downwards only, "+
					"never to a neighbour: move the shared part down, or hand facts up as rows", imports[name], from.name, from.floor, name, to.floor))
			}
		}
	}
	judge(pkg.imports, false)
	judge(pkg.testImports, true)
	return problems
}

// newRow proposes a row for a package without one, on the lowest floor its imports allow.
func (p floorsPlan) newRow(name string, rows map[string]floorRow) floorRow {
	floor := 0
	for imported := range p.packages[name].imports {
		if row, ok := rows[imported]; ok {
			floor = max(floor, level(row)+1)
		}
	}
	return floorRow{floor: strconv.Itoa(floor), name: name, prose: "…", imports: p.imports(name)}
}

// level is the floor as a number; checkFloors complains elsewhere about one that is none.
func level(row floorRow) int {
	n, _ := strconv.Atoi(row.floor)
	return n
}

// TestCheckFloors holds the check to a small module that is right, and to that module with one thing wrong at a time.
func TestCheckFloors(t *testing.T) {
	t.Parallel()

	const table = `# Architecture

| a | b |
| --- | --- |
| 1 | another table |

| floor | package | what it is | imports |
| --- | --- | --- | --- |
| 0 | money | amounts | — |
| 1 | ent/... | stored | money |
| 3 | catalog | what is sold | ent/..., money |
| 3 | guard | what is allowed | — |
| 5 | wallet | what a shopper has | ent/..., money |
| test | dbtest | a database for a test | ent/... |
| 9 | shop | the program | catalog, guard, wallet |

After the table.
`
	right := map[string]string{
		"go.mod":                          "module shop\n\ngo 1.26\n",
		"server.go":                       source("main", "fmt", "shop/internal/catalog", "shop/internal/guard", "shop/internal/wallet"),
		"ent/client.go":                   source("ent", "shop/ent/wallet", "shop/ent/schema"),
		"ent/wallet/where.go":             source("wallet", "shop/ent/predicate"),
		"ent/schema/wallet.go":            source("schema", "shop/internal/money"),
		"internal/money/money.go":         source("money", "math/big"),
		"internal/catalog/catalog.go":     source("catalog", "shop/ent", "shop/internal/money"),
		"internal/guard/guard.go":         source("guard"),
		"internal/wallet/wallet.go":       source("wallet", "shop/ent/wallet", "shop/internal/money"),
		"internal/wallet/wallet_test.go":  source("wallet_test", "shop/internal/wallet", "shop/internal/dbtest", "shop/internal/catalog"),
		"internal/wallet/testdata/bad.go": "not Go at all",
		"internal/dbtest/dbtest.go":       source("dbtest", "shop/ent"),
		"tools/go.mod":                    "module shop/tools\n",
		"tools/tools.go":                  source("tools", "shop/internal/wallet"),
		".hidden/hidden.go":               source("hidden"),
	}
	tests := []struct {
		name  string
		files map[string]string // over the right ones; empty removes a file
		table func(string) string
		want  []string // what the problems say, each in order
	}{
		{name: "says nothing when all is right"},
		{
			name:  "a package without a row",
			files: map[string]string{"internal/rewards/rewards.go": source("rewards", "shop/internal/wallet", "shop/internal/money")},
			want:  []string{"package rewards has no row; add one, such as\n| 6 | rewards | … | money, wallet |"},
		},
		{
			name:  "a row without a package",
			files: map[string]string{"internal/guard/guard.go": "", "server.go": source("main", "shop/internal/catalog", "shop/internal/wallet")},
			table: replace("catalog, guard, wallet", "catalog, wallet"),
			want:  []string{"docs/architecture.md:12: there is no package guard; delete the row"},
		},
		{
			name:  "a row twice",
			table: replace("| 3 | guard |", "| 2 | guard | again | — |\n| 3 | guard |"),
			want:  []string{"docs/architecture.md:13: guard has two rows"},
		},
		{
			name:  "an import upwards",
			files: map[string]string{"internal/catalog/price.go": source("catalog", "shop/internal/wallet")},
			table: replace("what is sold | ent/..., money", "what is sold | ent/..., money, wallet"),
			want:  []string{"internal/catalog/price.go: catalog (floor 3) imports wallet (floor 5)"},
		},
		{
			name:  "an import of a neighbour",
			files: map[string]string{"internal/guard/guard.go": source("guard", "shop/internal/catalog")},
			table: replace("what is allowed | —", "what is allowed | catalog"),
			want:  []string{"internal/guard/guard.go: guard (floor 3) imports catalog (floor 3)"},
		},
		{
			name:  "an import upwards from generated code",
			files: map[string]string{"ent/schema/wallet.go": source("schema", "shop/internal/guard", "shop/internal/money")},
			table: replace("stored | money", "stored | guard, money"),
			want:  []string{"ent/schema/wallet.go: ent/... (floor 1) imports guard (floor 3)"},
		},
		{
			name:  "an import upwards by a test",
			files: map[string]string{"internal/catalog/catalog_test.go": source("catalog_test", "shop/internal/wallet")},
			want:  []string{"internal/catalog/catalog_test.go: catalog (floor 3) imports wallet (floor 5)"},
		},
		{
			name:  "test support in code",
			files: map[string]string{"internal/guard/guard.go": source("guard", "shop/internal/dbtest")},
			table: replace("what is allowed | —", "what is allowed | dbtest"),
			want:  []string{"internal/guard/guard.go: guard imports dbtest, which is for tests only"},
		},
		{
			name:  "an import the row does not say",
			files: map[string]string{"internal/catalog/price.go": source("catalog", "shop/internal/money", "shop/ent")},
			table: replace("what is sold | ent/..., money", "what is sold | money"),
			want:  []string{"docs/architecture.md:11: the code of catalog imports other packages than its row says; it should read\n| 3 | catalog | what is sold | ent/..., money |"},
		},
		{
			name:  "an import that only the row says",
			table: replace("what is allowed | —", "what is allowed | money"),
			want:  []string{"docs/architecture.md:12: the code of guard imports other packages than its row says; it should read\n| 3 | guard | what is allowed | — |"},
		},
		{
			name:  "a row of its own inside a tree that has one",
			table: replace("| 1 | ent/... | stored | money |", "| 1 | ent/schema | described | money |\n| 2 | ent/... | stored | ent/schema |"),
		},
		{
			name:  "a floor that is no floor",
			table: replace("| 3 | guard |", "| third | guard |"),
			want:  []string{`docs/architecture.md:12: guard is on floor "third"`},
		},
		{
			name:  "no table",
			table: replace(floorsHeader, "| level | package |"),
			want:  []string{"docs/architecture.md has no table"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			packages := parse(t, right, tt.files)
			text := table
			if tt.table != nil {
				text = tt.table(table)
			}
			got := checkFloors(text, packages)
			if len(got) != len(tt.want) {
				t.Fatalf("found %d problems, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("problem %d reads\n%s\nwant it to say\n%s", i, got[i], want)
				}
			}
		})
	}

	t.Run("update writes the imports and nothing else", func(t *testing.T) {
		t.Parallel()
		packages := parse(t, right, nil)
		wrong := replace("what is sold | ent/..., money", "what is sold | wallet, ")(table)
		wrong = replace("the program | catalog, guard, wallet", "the program |")(wrong)
		if diff := cmp.Diff(table, updateFloors(wrong, packages)); diff != "" {
			t.Errorf("the table after an update (-want +got):\n%s", diff)
		}
	})
}

func parse(t *testing.T, files, changes map[string]string) map[string]goPackage {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range changes {
		if text == "" {
			delete(tree, name)
			continue
		}
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	packages, err := readPackages(tree)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func source(name string, imports ...string) string {
	text := "package " + name + "\n"
	for _, imported := range imports {
		text += "import _ " + strconv.Quote(imported) + "\n"
	}
	return text
}

func replace(old, replacement string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, replacement, 1) }
}
