package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// pgbench is a database that pgbench has set up.
type pgbench struct {
	c       *comparison
	address string
	drop    func()
}

// initialise sets a database up for pgbench, at a scale.
func (c *comparison) initialise(ctx context.Context, scale int) (*pgbench, error) {
	address, drop, err := c.newDatabase(ctx, "pgbench")
	if err != nil {
		return nil, err
	}
	if _, err := c.command(ctx, "pgbench", "--initialize", "--quiet", "--scale="+strconv.Itoa(scale), address); err != nil {
		drop()
		return nil, err
	}
	return &pgbench{c: c, address: address, drop: drop}, nil
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+) `)

// tpcB runs pgbench's own transaction, TPC-B-like, and gives how many there were in a second.
func (p *pgbench) tpcB(ctx context.Context, clients int) (float64, error) {
	text, err := p.c.command(ctx, "pgbench", "--no-vacuum", "--protocol="+p.c.protocol, "--client="+strconv.Itoa(clients),
		"--jobs="+strconv.Itoa(min(clients, runtime.NumCPU())), "--time="+strconv.Itoa(p.c.seconds()), p.address)
	if err != nil {
		return 0, err
	}
	found := tps.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("pgbench says no tps: %s", text)
	}
	rate, err := strconv.ParseFloat(found[1], 64)
	p.c.say("  %-21s %9.1f/s  %d clients", "pgbench TPC-B-like", rate, clients)
	return rate, err
}

// seconds is how long each is measured, for pgbench: whole.
func (c *comparison) seconds() int { return max(1, int(c.duration.Seconds())) }

// The least that a durable write can be: in a transaction that says so, as the shop's are, and by itself.
const (
	insertAndCommit = "BEGIN;\nINSERT INTO bare (amount) VALUES (99);\nCOMMIT;\n"
	insertAlone     = "INSERT INTO bare (amount) VALUES (99);\n"
)

// bareInsert is the median time that one client takes for a script with an INSERT in it, in milliseconds.
func (p *pgbench) bareInsert(ctx context.Context, script string) (float64, error) {
	if _, err := p.c.sql(ctx, p.address, "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, amount bigint NOT NULL)"); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp(p.c.dir, "pgbench-")
	if err != nil {
		return 0, err
	}
	file := filepath.Join(dir, "insert.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, err
	}
	if _, err := p.c.command(ctx, "pgbench", "--no-vacuum", "--protocol="+p.c.protocol, "--client=1", "--file="+file,
		"--log", "--log-prefix="+filepath.Join(dir, "log"),
		"--time="+strconv.Itoa(p.c.seconds()), p.address); err != nil {
		return 0, err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "log.*"))
	if err != nil || len(logs) != 1 {
		return 0, fmt.Errorf("look for pgbench's log: %v, %w", logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil {
		return 0, err
	}
	// A line: client, number, microseconds, script, second, microsecond.
	var micros []int
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		const atLatency = 2
		if len(fields) <= atLatency {
			continue
		}
		took, err := strconv.Atoi(fields[atLatency])
		if err != nil {
			return 0, err
		}
		micros = append(micros, took)
	}
	if len(micros) == 0 {
		return 0, fmt.Errorf("pgbench logged nothing in %s", logs[0])
	}
	slices.Sort(micros)
	const microsInMilli = 1000
	return float64(micros[len(micros)/2]) / microsInMilli, nil
}
