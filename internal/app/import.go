package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"farthing/internal/catalog"
)

func (p Process) importCommand() *cobra.Command {
	parent := &cobra.Command{Use: "import", Short: "Bring in records from a file", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return cmd.Help()
	}}
	var o importOptions
	products := &cobra.Command{
		Use: "products FILE.csv", Short: "Bring in products from comma-separated values", Args: cobra.ExactArgs(1),
		Long: "Brings in products, found again by their reference: importing a file twice changes nothing. All rows or none, unless\n" +
			"--keep-good says otherwise; each bad row is reported with its line and the reason.\n\nColumns:\n" + columnHelp(),
		Example: "  farthing import products books.csv --dry-run\n" +
			"  farthing import products catalogue.csv --map \"reference=Text#,name=Title,language=Language,status='ACTIVE'\" --price USD=0.99",
		RunE: func(cmd *cobra.Command, args []string) error { return p.importProducts(cmd, args[0], o) },
	}
	flags := products.Flags()
	flags.StringVar(&o.mapping, "map", "", "where columns come from in a file with other ones: OURS=THEIRS, or OURS='text' for every row, separated by commas")
	flags.StringVar(&o.prices, "price", "", "price of every row: USD=0.99,KRW=1200")
	flags.BoolVar(&o.keepGood, "keep-good", false, "bring in the good rows and skip the bad ones")
	flags.BoolVar(&o.dryRun, "dry-run", false, "do everything but keep nothing")
	parent.AddCommand(products)
	return parent
}

type importOptions struct {
	mapping, prices  string
	keepGood, dryRun bool
}

func columnHelp() string {
	var text strings.Builder
	for _, column := range catalog.Columns() {
		_, _ = fmt.Fprintf(&text, "  %-14s %s\n", column.Name, column.Help)
	}
	return text.String()
}

func (p Process) importProducts(cmd *cobra.Command, path string, o importOptions) error {
	a, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	defer closing(a.Logger, a)
	in, err := a.readProducts(path, o)
	if err != nil {
		return err
	}
	finish := p.progress(&in)
	report, err := a.Catalog.Import(cmd.Context(), in)
	finish()
	if err != nil {
		return err
	}
	for _, bad := range report.Bad {
		_, _ = fmt.Fprintf(p.Stderr, "line %d: %s\n", bad.Line, bad.Reason)
	}
	done := "imported"
	if o.dryRun {
		done = "dry run, nothing kept"
	}
	cmd.Printf("%s: %d created, %d updated, %d unchanged, %d archived and left alone, %d bad\n",
		done, report.Created, report.Updated, report.Unchanged, report.Skipped, len(report.Bad))
	if len(report.Bad) > 0 && !o.keepGood {
		return errors.New("nothing was imported, because of the bad rows above; --keep-good skips them")
	}
	return nil
}

// readProducts reads the file as the options say.
func (a *App) readProducts(path string, o importOptions) (catalog.ImportInput, error) {
	in := catalog.ImportInput{DryRun: o.dryRun}
	if o.keepGood {
		in.Mode = catalog.KeepGood
	}
	how := catalog.CSV{Currencies: a.Currencies}
	var err error
	if o.mapping != "" {
		if how.Mapping, err = catalog.ParseMapping(o.mapping); err != nil {
			return in, fmt.Errorf("--map: %w", err)
		}
	}
	if o.prices != "" {
		if how.Prices, err = catalog.ParsePrices(o.prices, a.Currencies); err != nil {
			return in, fmt.Errorf("--price: %w", err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return in, err
	}
	defer closing(a.Logger, file)
	in.Rows, err = catalog.ReadCSV(file, how)
	return in, err
}

// progress shows a bar while somebody watches: on a terminal only.
func (p Process) progress(in *catalog.ImportInput) (finish func()) {
	terminal, ok := p.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions(len(in.Rows),
		progressbar.OptionSetWriter(p.Stderr), progressbar.OptionSetDescription("products"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	in.Progress = func(done, _ int) { _ = bar.Set(done) }
	return func() { _ = bar.Finish() }
}
