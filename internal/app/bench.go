package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"farthing/internal/actor"
	"farthing/internal/load"
)

// benchTokenTTL is how long the tokens of a run last: longer than any run.
const benchTokenTTL = 24 * time.Hour

// serveBytes is the hidden command behind --baseline.
const serveBytes = "serve-bytes"

func (p Process) benchCommand() *cobra.Command {
	o := load.Options{Clock: time.Now}
	var asJSON, baseline bool
	var processes map[string]string
	cmd := &cobra.Command{
		Use: "bench", Short: "Put load on a running server and measure it", Args: cobra.NoArgs,
		Long: "Puts load on a running server over HTTP, as storefronts do, and prints how many requests succeeded in a second,\n" +
			"how long they took and what went wrong. It sets up products, a flash sale, rewards and shoppers with money in that\n" +
			"shop: use it on one that is for nothing else, with FARTHING_RATE_LIMIT_SHOPPER and FARTHING_RATE_LIMIT_ADDRESS\n" +
			"raised, such as to 1000000/s:1000000.\n\n" +
			"Tokens are signed as farthing token signs them, with the key in FARTHING_AUTH_SIGNING_KEY_FILE or in FARTHING_DATA_DIR;\n" +
			"for a server with keys of its own, give tokens: a service then speaks for all shoppers.\n\nScenarios:\n" + scenarioHelp,
		Example: "  farthing bench --clients 64 --duration 30s\n" +
			"  farthing bench --scenario mix --rate 500 --json\n" +
			"  farthing bench --scenario storefront --baseline",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := p.configured()
			if err != nil {
				return err
			}
			if o.Scenario == "idle" && !cmd.Flags().Changed("clients") {
				o.Clients = 1
			}
			if o.Processes, err = readProcesses(processes); err != nil {
				return err
			}
			if err := benchTokens(config, &o.Tokens); err != nil {
				return err
			}
			o.Run = uuid.Must(uuid.NewV7()).String()
			if baseline {
				o.Baseline = p.startBaseline
			}
			o.Progress = p.showProgress
			result, err := load.Run(cmd.Context(), o)
			if result.Seconds > 0 {
				err = errors.Join(err, showBench(cmd.OutOrStdout(), result, asJSON))
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.URLs, "url", []string{"http://127.0.0.1:8080"}, "address of the server; several share the load")
	flags.StringVar(&o.Scenario, "scenario", "checkout", "what the clients do: "+strings.Join(load.Scenarios(), ", "))
	flags.IntVar(&o.Clients, "clients", 64, "how many clients there are, each with one request under way; 1 when idle")
	flags.IntVar(&o.Wallets, "wallets", 1000, "how many shoppers there are, each with a wallet and a token of their own")
	flags.BoolVar(&o.WithoutRules, "without-rules", false, "set up no rules of rewards")
	flags.DurationVar(&o.Duration, "duration", 30*time.Second, "how long to measure")
	flags.DurationVar(&o.Warmup, "warmup", 3*time.Second, "how long the load is on before anything counts")
	flags.Float64Var(&o.Rate, "rate", 0, "requests that are due in a second, whether or not earlier ones have been answered; "+
		"latency counts from when one was due. 0: each client sends the next one as soon as it has its answer")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long to wait for an answer")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the clients' choices")
	flags.StringToStringVar(&processes, "pid", nil,
		"processes on this machine to watch, with their children, as NAME=PID: CPU for each request, and memory")
	flags.BoolVar(&baseline, "baseline", false, "measure a server of nothing but the bytes of one answer as well, under the same load")
	flags.StringVar(&o.Tokens.Merchandiser, "token-merchandiser", "", "token of a MERCHANDISER to set up with")
	flags.StringVar(&o.Tokens.Service, "token-service", "", "token of a SERVICE that tops up and speaks for the shoppers")
	flags.BoolVar(&asJSON, "json", false, "print for machines")
	cmd.MarkFlagsRequiredTogether("token-merchandiser", "token-service")
	_ = cmd.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(load.Scenarios(), cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(&cobra.Command{Use: serveBytes, Hidden: true, Args: cobra.NoArgs, RunE: p.serveBytes})
	return cmd
}

const scenarioHelp = `  checkout              each client buys one of 40 products for one of the shoppers
  hot-wallet            the same, all for one shopper
  flash-sale            the same, of products in one flash sale with one stock
  idle                  checkout with one client: how long it takes when nothing else is going on
  replay                checkouts that were made before, sent again with their keys
  storefront            a page of 50 products with prices and a sale, for visitors
  storefront-signed-in  the same for shoppers, with what they own and have
  history               a page of a shopper's purchases
  mix                   60 % storefront, 15 % storefront-signed-in, 10 % quotes, 10 % checkouts, 5 % history`

// benchTokens signs the tokens that are not given.
func benchTokens(config Config, tokens *load.Tokens) (err error) {
	if tokens.Service != "" {
		return nil
	}
	if !config.OwnKey() {
		return errors.New("tokens are not signed with a key of ours; give --token-merchandiser and --token-service")
	}
	if tokens.Merchandiser, err = mint(config, "bench-merchandiser", []actor.Role{actor.Merchandiser}, benchTokenTTL); err != nil {
		return err
	}
	if tokens.Service, err = mint(config, "bench-service", []actor.Role{actor.Service}, benchTokenTTL); err != nil {
		return err
	}
	tokens.Shopper = func(subject string) (string, error) {
		return mint(config, subject, []actor.Role{actor.Shopper}, benchTokenTTL)
	}
	return nil
}

func readProcesses(named map[string]string) (map[string]int, error) {
	processes := map[string]int{}
	for name, text := range named {
		pid, err := strconv.Atoi(text)
		if err != nil || pid < 1 {
			return nil, fmt.Errorf("--pid: want NAME=PID, not %s=%s", name, text)
		}
		processes[name] = pid
	}
	return processes, nil
}

// showProgress writes a line for each second.
func (p Process) showProgress(now load.Progress) {
	_, _ = fmt.Fprintf(p.Stderr, "%-8s %4.0f s %8d/s   p99 %8.1f ms   %d errors\n",
		now.Phase, now.Elapsed.Seconds(), now.Done, now.P99.Seconds()*1000, now.Failed)
}

// showBench prints what came of a run.
func showBench(w io.Writer, r load.Result, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	how := "closed loop"
	if r.Rate > 0 {
		how = fmt.Sprintf("%g due in a second", r.Rate)
	}
	_, _ = fmt.Fprintf(w, "%s, %d clients, %d wallets, %s, %.1f s\n\n", r.Scenario, r.Clients, r.Wallets, how, r.Seconds)
	_, _ = fmt.Fprintf(w, "%.1f a second: %d succeeded, %d failed\n", r.PerSecond, r.Done, r.Failed)
	if r.Unsent > 0 {
		_, _ = fmt.Fprintf(w, "%d were due and never sent, as all clients were waiting: the latency below is too good\n", r.Unsent)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nms\tmean\tp50\tp90\tp99\tp99.9\tmax\t")
	row := func(name string, l load.Latency) {
		_, _ = fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", name, l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	row("succeeded", r.Latency)
	for _, kind := range slices.Sorted(maps.Keys(r.Operations)) {
		row(fmt.Sprintf("%s (%d)", kind, r.Operations[kind].Done), r.Operations[kind].Latency)
	}
	if r.FailedLatency != nil {
		row("failed", *r.FailedLatency)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		_, _ = fmt.Fprintf(w, "\n%d × %s: %s\n", r.Errors[code].Count, code, r.Errors[code].Example)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Processes)) {
		used := r.Processes[name]
		_, _ = fmt.Fprintf(w, "\n%s: %.3f ms CPU for each success, %.1f s in all; memory %.0f MB, at most %.0f, %.0f at the end\n",
			name, used.CPUMillisPerOperation, used.CPUSeconds, used.StartMB, used.PeakMB, used.EndMB)
	}
	if r.Baseline != nil {
		_, _ = fmt.Fprintf(w, "\n%.1f a second from net/http with the same bytes: this is %.3f of it\n",
			r.Baseline.PerSecond, r.PerSecond/r.Baseline.PerSecond)
	}
	return nil
}

// startBaseline starts this program once more as a server of these bytes: in a process of its own, as the server that it
// is compared with.
func (p Process) startBaseline(ctx context.Context, answer []byte) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, self, "bench", serveBytes) //nolint:gosec // Ourselves.
	cmd.Env, cmd.Stderr, cmd.Stdin = p.Environment, p.Stderr, bytes.NewReader(answer)
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return "", nil, err
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // It ends because it is killed.
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("wait for its address: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// serveBytes serves what is on standard input to whoever asks for anything, and says where. It reads what it is sent and
// sets the headers that every answer of the shop has, and does nothing else.
func (p Process) serveBytes(cmd *cobra.Command, _ []string) error {
	answer, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cmd.Println("http://" + listener.Addr().String())
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/graphql-response+json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(answer)
	})}
	return server.Serve(listener)
}
