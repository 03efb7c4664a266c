// Command bench runs farthing bench beside pgbench on one PostgreSQL, in turns, and prints rates and their ratios.
//
// It builds the server from the tree, gives it a database of its own on the cluster, and the Redis, runs the parts that are
// asked for, and removes what it made. docs/performance.md says what the parts are and how to read them.
//
//	go run ./bench --parts many,hot,idle --rounds 3 --duration 30s
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"farthing/internal/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // The command ends here.
	}
}

// part is something to measure.
type part struct {
	name, help string
	run        func(context.Context, *comparison) error
}

// parts are all that can be measured, in the order in which it is.
var parts = []part{
	{"many", "checkouts of many wallets against pgbench with 64, 32 and 8 clients", many},
	{"hot", "one wallet, and one flash sale, against many wallets and against pgbench with one branch", hot},
	{"idle", "one checkout when nothing else goes on, against one INSERT and COMMIT", idle},
	{"storefront", "a page of 50 products, for visitors and shoppers, against net/http with the same bytes", storefront},
	{"rewards", "checkouts with all rules of the demonstration, to checkouts in a shop without any", rewards},
	{"mix", "an evening at a shop, as fast as it goes", mix},
	{"sqlite", "checkouts on SQLite against checkouts on PostgreSQL", sqlite},
	{"ledger", "checkouts and histories with a long ledger against a short one; takes long", ledger},
	{"memory", "memory of the server while checkouts run for as long as --memory says", memory},
}

// comparison is a run of some parts.
type comparison struct {
	out, log io.Writer
	dir      string
	binary   string
	database string // address of the cluster
	redis    string
	settings []string
	rounds   int
	duration time.Duration
	clients  int
	wallets  int
	scale    int
	protocol string
	long     int64
	memory   time.Duration
	postgres int // process id; 0 when it cannot be told
	redisPID int
	// databases counts those that were made, for their names.
	databases int
}

// list collects what a flag is given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

// Set adds one.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	c := &comparison{out: out, log: log}
	var wanted string
	var settings list
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	help := &strings.Builder{}
	for _, part := range parts {
		_, _ = fmt.Fprintf(help, "\n%s: %s", part.name, part.help)
	}
	environment := os.Getenv //nolint:forbidigo // Where the tests find their databases, too.
	flags.StringVar(&wanted, "parts", "many", "what to measure, separated by commas:"+help.String())
	flags.StringVar(&c.database, "database", environment("FARTHING_TEST_DATABASE_URL"),
		"address of the PostgreSQL; default FARTHING_TEST_DATABASE_URL")
	flags.StringVar(&c.redis, "redis", environment("FARTHING_TEST_REDIS_URL"), "address of the Redis; default FARTHING_TEST_REDIS_URL")
	flags.IntVar(&c.rounds, "rounds", 3, "how often each is measured, in turns")
	flags.DurationVar(&c.duration, "duration", 20*time.Second, "how long each is measured")
	flags.IntVar(&c.clients, "clients", 64, "clients of the shop")
	flags.IntVar(&c.wallets, "wallets", 1000, "wallets of the shop")
	flags.IntVar(&c.scale, "scale", 50, "scale of pgbench")
	flags.StringVar(&c.protocol, "protocol", "simple", "how pgbench sends its statements: simple, extended or prepared")
	flags.Int64Var(&c.long, "ledger", 1_000_000, "purchases of a long ledger")
	flags.DurationVar(&c.memory, "memory", 10*time.Minute, "how long memory is watched")
	flags.StringVar(&c.binary, "binary", "", "the program to measure; built from the tree when left out")
	flags.Var(&settings, "set", "a setting of the server, FARTHING_NAME=VALUE; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.database == "" || c.rounds < 1 {
		return errors.New("want --database, and at least one round")
	}
	chosen := strings.Split(wanted, ",")
	for _, name := range chosen {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	if c.dir, err = os.MkdirTemp("", "farthing-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	c.settings = append([]string{
		// On, with all that it costs, and far above what is sent.
		"FARTHING_RATE_LIMIT_SHOPPER=1000000/s:1000000", "FARTHING_RATE_LIMIT_ADDRESS=1000000/s:1000000",
		"FARTHING_COUPON_LIMIT_SHOPPER=1000000/s:1000000", "FARTHING_COUPON_LIMIT_ADDRESS=1000000/s:1000000",
		"FARTHING_LOG_LEVEL=warn",
	}, settings...)
	if err := c.prepare(ctx); err != nil {
		return err
	}
	for _, part := range parts {
		if !slices.Contains(chosen, part.name) {
			continue
		}
		c.say("\n## %s: %s\n", part.name, part.help)
		if err := part.run(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func (c *comparison) say(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format+"\n", args...) }

// prepare builds the program, finds the processes to watch, and says what is compared.
func (c *comparison) prepare(ctx context.Context) error {
	if c.binary == "" {
		c.binary = filepath.Join(c.dir, "farthing")
		if _, err := c.command(ctx, "go", "build", "-o", c.binary, "farthing"); err != nil {
			return err
		}
	}
	durable, err := c.sql(ctx, c.database, "SELECT string_agg(name || ' ' || setting || coalesce(unit, ''), ', ' ORDER BY name) FROM pg_settings "+
		"WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'server_version')")
	if err != nil {
		return err
	}
	// Who is not allowed to ask, or has the database elsewhere, does without its CPU.
	if text, err := c.sql(ctx, c.database, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"); err == nil {
		c.postgres = running(text)
	}
	if c.redis != "" {
		if text, err := c.command(ctx, "redis-cli", "-u", c.redis, "--no-auth-warning", "info", "server"); err == nil {
			_, after, _ := strings.Cut(text, "process_id:")
			pid, _, _ := strings.Cut(after, "\n")
			c.redisPID = running(pid)
		}
	}
	now := time.Now().UTC() //nolint:forbidigo // When it was, for people.
	c.say("%s, %s, %d cores, load %s", now.Format(time.RFC3339), runtime.Version(), runtime.NumCPU(), machineLoad())
	c.say("PostgreSQL: %s; Redis: %t; %d rounds of %s each", durable, c.redis != "", c.rounds, c.duration)
	return nil
}

// running is the id of a process of this machine; 0 when there is none.
func running(text string) int {
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/stat", pid)); err != nil {
		return 0
	}
	return pid
}

// machineLoad is how many wanted a core in the last minute; who reads the figures wants to know whether others did.
func machineLoad() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// command runs a command and gives what it prints.
func (c *comparison) command(ctx context.Context, name string, args ...string) (string, error) {
	var out, log strings.Builder
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // Programs and addresses that the operator has named.
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", name, err, out.String(), log.String())
	}
	return out.String(), nil
}

func (c *comparison) sql(ctx context.Context, database, statement string) (string, error) {
	text, err := c.command(ctx, "psql", database, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
		"--set=ON_ERROR_STOP=1", "--command="+statement)
	return strings.TrimSpace(text), err
}

// newDatabase makes a database on the cluster, and gives its address and how to remove it.
func (c *comparison) newDatabase(ctx context.Context, what string) (address string, drop func(), err error) {
	c.databases++
	name := fmt.Sprintf("farthing_bench_%s_%d_%d", what, os.Getpid(), c.databases)
	parsed, err := url.Parse(c.database)
	if err != nil {
		return "", nil, err
	}
	parsed.Path = "/" + name
	if _, err := c.sql(ctx, c.database, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	return parsed.String(), func() {
		// Also when the run was ended: nothing is left behind.
		if _, err := c.sql(context.WithoutCancel(ctx), c.database, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			_, _ = fmt.Fprintln(c.log, "drop database:", err)
		}
	}, nil
}

// shop is a running server with a database of its own.
type shop struct {
	c        *comparison
	url      string
	database string // its address; empty for SQLite
	env      []string
	pid      int
	stop     func()
}

// open starts a shop, on the cluster or on SQLite.
func (c *comparison) open(ctx context.Context, onSQLite bool) (*shop, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(c.dir, "data-")
	if err != nil {
		return nil, err
	}
	s := &shop{c: c, url: "http://" + port}
	s.env = append(os.Environ(), c.settings...) //nolint:forbidigo // For a program that reads its settings there.
	s.env = append(s.env, "FARTHING_DATA_DIR="+data, "FARTHING_LISTEN="+port, "FARTHING_REDIS_URL="+c.redis, "FARTHING_DATABASE_URL=")
	drop := func() {}
	if !onSQLite {
		var address string
		if address, drop, err = c.newDatabase(ctx, "shop"); err != nil {
			return nil, err
		}
		s.env, s.database = append(s.env, "FARTHING_DATABASE_URL="+address), address
		if err := s.farthing(ctx, nil, "migrate"); err != nil {
			drop()
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(data, "server.log"))
	if err != nil {
		drop()
		return nil, err
	}
	cmd := exec.CommandContext(ctx, c.binary, "serve") //nolint:gosec // The program to measure.
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		drop()
		return nil, errors.Join(err, log.Close())
	}
	s.pid = cmd.Process.Pid
	s.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // It may have ended with ctx.
		_ = cmd.Wait()
		_ = log.Close()
		drop()
	}
	if err := s.ready(ctx); err != nil {
		s.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return s, nil
}

func freePort(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// ready waits until the server listens.
func (s *shop) ready(ctx context.Context) error {
	const patience, between = time.Minute, 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(between)
	defer ticker.Stop()
	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", err)
		}
	}
}

// farthing runs a command of the program in the shop's environment, and reads what it prints as JSON unless into is nil.
func (s *shop) farthing(ctx context.Context, into any, args ...string) error {
	var out, log strings.Builder
	cmd := exec.CommandContext(ctx, s.c.binary, args...) //nolint:gosec // The program to measure.
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &out, &log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("farthing %s: %w\n%s", strings.Join(args, " "), err, log.String())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal([]byte(out.String()), into)
}

// bench puts load on the shop and says in a line what came of it.
func (s *shop) bench(ctx context.Context, scenario string, args ...string) (load.Result, error) {
	args = append([]string{
		"bench", "--json", "--url", s.url, "--scenario", scenario, "--duration", s.c.duration.String(),
		"--wallets", strconv.Itoa(s.c.wallets), "--pid", "server=" + strconv.Itoa(s.pid),
	}, args...)
	if scenario != "idle" {
		args = append(args, "--clients", strconv.Itoa(s.c.clients))
	}
	if s.c.postgres != 0 {
		args = append(args, "--pid", "postgres="+strconv.Itoa(s.c.postgres))
	}
	if s.c.redisPID != 0 {
		args = append(args, "--pid", "redis="+strconv.Itoa(s.c.redisPID))
	}
	var r load.Result
	if err := s.farthing(ctx, &r, args...); err != nil {
		return r, err
	}
	var line strings.Builder
	_, _ = fmt.Fprintf(&line, "%-21s %9.1f/s  p50 %8.2f ms  p99 %8.2f ms  %d failed  CPU ms:",
		r.Scenario, r.PerSecond, r.Latency.P50, r.Latency.P99, r.Failed)
	for _, name := range []string{"server", "postgres", "redis"} {
		if used, ok := r.Processes[name]; ok {
			_, _ = fmt.Fprintf(&line, " %s %.3f", name, used.CPUMillisPerOperation)
		}
	}
	s.c.say("  %s  RSS %.0f MB", line.String(), r.Processes["server"].PeakMB)
	if r.Failed > 0 {
		s.c.say("  failed: %v", r.Errors)
	}
	return r, nil
}
