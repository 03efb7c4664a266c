// Command fire sets a shop on fire and asks whether money is right.
//
// It starts one or more servers on a store of their own, lets a crowd of clients shop there, and hurts everything that a shop
// depends on, one thing after the other: servers, PostgreSQL or the SQLite file, Redis, the network, the clocks. Clients repeat
// what got no answer under the same key. In the end what the clients have seen is compared with what is stored. The exit status
// is 1 when anything is wrong, also when a fault could not be made: a run that shows nothing has not passed.
//
//	go run ./internal/fire --store postgres --servers 2 --for 10m
//	go run ./internal/fire --store sqlite --for 10m --seed 7 --json
//
// It needs PostgreSQL's and Redis' programs on this machine and starts its own; see docs/reliability.md. Servers are this program
// again, so that nothing of this is in the one that is shipped.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	_ "time/tzdata" // as the shop has them
)

func main() {
	if os.Getenv(asServer) != "" {
		os.Exit(serveAsChild())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fire:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	store   string
	servers int
	length  time.Duration
	within  time.Duration
	seed    uint64
	only    string
	json    bool
}

// errViolated says that something was wrong, which has been printed.
var errViolated = errors.New("something was wrong")

func command(ctx context.Context, arguments []string, output, progress io.Writer) error {
	var o options
	flags := flag.NewFlagSet("fire", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&o.store, "store", "postgres", "postgres, with Redis, or sqlite")
	flags.IntVar(&o.servers, "servers", 0, "how many servers; 0 is 2 on PostgreSQL and 1 on SQLite")
	flags.DurationVar(&o.length, "for", time.Minute, "how long to go on; in any case each fault happens once")
	flags.DurationVar(&o.within, "within", 30*time.Second, "how soon every server must sell again after a fault")
	flags.Uint64Var(&o.seed, "seed", 0, "chooses the faults and what the clients want; 0 is any, which is printed")
	flags.StringVar(&o.only, "faults", "", "only these, separated by commas; see docs/reliability.md")
	flags.BoolVar(&o.json, "json", false, "print the report for machines")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	faults, err := o.complete()
	if err != nil {
		return err
	}
	r := &run{
		options: o, faults: faults, log: slog.New(slog.NewTextHandler(progress, nil)),
		rng: rand.New(rand.NewPCG(o.seed, 1)),
	}
	if err := r.execute(ctx); err != nil {
		return fmt.Errorf("seed %d: %w", o.seed, err)
	}
	if o.json {
		encoder := json.NewEncoder(output)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r.report)
	} else {
		err = r.report.print(output)
	}
	if err == nil && len(r.report.Violations) > 0 {
		err = fmt.Errorf("%w; repeat with --store %s --servers %d --seed %d", errViolated, o.store, o.servers, o.seed)
	}
	return err
}

// complete fills in what was left open, and chooses the faults.
func (o *options) complete() ([]fault, error) {
	if o.store != "postgres" && o.store != "sqlite" {
		return nil, fmt.Errorf("--store is postgres or sqlite, not %q", o.store)
	}
	if o.servers == 0 {
		o.servers = map[string]int{"postgres": 2, "sqlite": 1}[o.store]
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	all := faultsOf(o.store)
	if o.only == "" {
		return all, nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(o.only, ",") {
		at := slices.IndexFunc(all, func(f fault) bool { return f.name == name })
		if at < 0 {
			return nil, fmt.Errorf("%s has no fault %q", o.store, name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// print writes the report for people.
func (r report) print(output io.Writer) error {
	table := tabwriter.NewWriter(output, 0, 0, 2, ' ', 0)
	line := func(format string, arguments ...any) { _, _ = fmt.Fprintf(table, format+"\n", arguments...) }
	line("%s, %d servers, seed %d, %.0f s\n", r.Store, r.Servers, r.Seed, r.Seconds)
	line("FAULT\tTIMES\tSELLS AGAIN AFTER (MEDIAN)\tAT MOST")
	times := 0
	for _, f := range r.Faults {
		times += f.Times
		line("%s\t%d\t%d ms\t%d ms", f.Fault, f.Times, f.MedianMs, f.SlowestMs)
	}
	line("\nfaults\t%d", times)
	line("purchases\t%d", r.Counts.Purchases)
	line("refunds\t%d", r.Counts.Refunds)
	line("top-ups\t%d", r.Counts.TopUps)
	line("replays\t%d", r.Counts.Replays)
	line("outcomes unknown at first\t%d", r.Counts.Unknown)
	for _, of := range []struct {
		what   string
		counts map[string]int
	}{{"refused as", r.Counts.Refusals}, {"asked again after", r.Counts.Retries}} {
		for _, code := range slices.Sorted(maps.Keys(of.counts)) {
			line("%s %s\t%d", of.what, code, of.counts[code])
		}
	}
	line("balances read\t%d", r.Counts.Reads)
	line("snapshots read\t%d", r.Counts.Snapshots)
	line("claims proved\t%d", r.Claims)
	line("awards computed again\t%d", r.Awards)
	line("violations\t%d", len(r.Violations))
	if err := table.Flush(); err != nil {
		return err
	}
	for _, v := range r.Violations {
		if _, err := fmt.Fprintf(output, "VIOLATION  %s: %s\n", v.Check, v.Detail); err != nil {
			return err
		}
	}
	return nil
}
