package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"farthing/internal/db"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/rewards"
)

func (p Process) rebuildCommand() *cobra.Command {
	var repair, asJSON bool
	cmd := &cobra.Command{
		Use: "rebuild", Short: "Compute every award again, and compare", Args: cobra.NoArgs,
		Long: "Computes every award that was ever made again, from the purchases and from the versions of the rules that were in\n" +
			"force, and what refunds took back of them; and prints what is recorded otherwise. The exit status is 1 when\n" +
			"something is. It reads one snapshot of the database, while the shop goes on selling.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := p.configured()
			if err != nil {
				return err
			}
			currencies, err := money.ParseCurrencies(config.Currencies)
			if err != nil {
				return err
			}
			d, err := db.Open(cmd.Context(), config.Database())
			if err != nil {
				return err
			}
			defer func() { _ = d.Close() }()
			if err := upToDate(cmd.Context(), d); err != nil {
				return err
			}
			b := rebuild{service: rewards.New(d, currencies, time.Now), out: cmd.OutOrStdout(), asJSON: asJSON}
			return b.run(cmd.Context(), repair)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false,
		"write anew what only follows from what was recorded, such as ranks, before comparing; awards and points are never changed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print for machines: an object on each line, the counts in the last one")
	return cmd
}

// rebuild is the command under way. Differences are printed as they are found, since nobody knows how many there will be.
type rebuild struct {
	service *rewards.Service
	out     io.Writer
	asJSON  bool
	// broken is the first error of printing, after which nothing is printed any more.
	broken error
}

func (b *rebuild) run(ctx context.Context, repair bool) error {
	var repaired int64
	if repair {
		var err error
		if repaired, err = b.service.Repair(ctx); err != nil {
			return err
		}
	}
	counted, err := b.service.Audit(ctx, b.differs)
	if err != nil {
		return err
	}
	b.sum(counted, repair, repaired)
	switch {
	case b.broken != nil:
		return b.broken
	case counted.Differences > 0:
		return ErrShown
	}
	return nil
}

// differs prints a difference. What was recorded, and what follows, are JSON as they are stored: amounts in millionths.
func (b *rebuild) differs(d rewards.Difference) {
	shopper, entry := id.Encode(id.Shopper, d.Shopper), ""
	if d.Entry != uuid.Nil {
		entry = id.Encode(id.RewardEntry, d.Entry)
	}
	if b.asJSON {
		b.object(struct {
			Shopper string          `json:"shopper"`
			Entry   string          `json:"entry,omitempty"`
			What    string          `json:"what"`
			Want    json.RawMessage `json:"want"`
			Got     json.RawMessage `json:"got"`
		}{shopper, entry, d.What, json.RawMessage(d.Want), json.RawMessage(d.Got)})
		return
	}
	of := shopper
	if entry != "" {
		of += ", " + entry
	}
	b.line("DIFFERS  %s: %s\n         follows  %s\n         recorded %s\n", of, d.What, d.Want, d.Got)
}

// sum prints the counts.
func (b *rebuild) sum(counted rewards.Counted, repair bool, repaired int64) {
	if b.asJSON {
		sum := map[string]int64{
			"shoppers": counted.Shoppers, "purchases": counted.Purchases, "refunds": counted.Refunds,
			"awards": counted.Awards, "differences": counted.Differences,
		}
		if repair {
			sum["repaired"] = repaired
		}
		b.object(sum)
		return
	}
	if repair {
		b.line("written anew for %d shoppers\n", repaired)
	}
	b.line("%d awards of %d purchases and %d refunds of %d shoppers computed again: %d differences\n",
		counted.Awards, counted.Purchases, counted.Refunds, counted.Shoppers, counted.Differences)
}

func (b *rebuild) object(v any) {
	if b.broken == nil {
		b.broken = json.NewEncoder(b.out).Encode(v)
	}
}

func (b *rebuild) line(format string, args ...any) {
	if b.broken == nil {
		_, b.broken = fmt.Fprintf(b.out, format, args...)
	}
}
