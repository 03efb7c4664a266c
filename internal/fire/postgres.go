package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	_ "github.com/lib/pq" // registers the driver "postgres"
)

// postgres is a cluster of our own, as durable as a shop's: fsync and synchronous_commit are on.
type postgres struct {
	binaries string // folder of its programs
	folder   string
	port     string
	log      *journal

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

// newPostgres makes a cluster and starts it.
func newPostgres(ctx context.Context) (*postgres, error) {
	p := &postgres{log: &journal{}}
	var err error
	if p.binaries, err = findPostgres(); err != nil {
		return nil, err
	}
	// Not in the folder of the run, which is root's alone when root runs it.
	if p.folder, err = os.MkdirTemp("", "farthing-fire-postgres-"); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	_, p.port, _ = net.SplitHostPort(address)
	initdb := exec.CommandContext(ctx, filepath.Join(p.binaries, "initdb"), "--pgdata="+p.data(),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale")
	initdb.Dir = p.folder
	if err := unprivileged(initdb, p.folder); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, output), p.close())
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// findPostgres finds the folder of PostgreSQL's programs: where Debian puts the newest, or on the path.
func findPostgres() (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err == nil && len(folders) > 0 {
		return filepath.Dir(slices.Max(folders)), nil
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed here: %w", err)
	}
	return filepath.Dir(program), nil
}

func (p *postgres) data() string { return filepath.Join(p.folder, "data") }

// url is the address of a database of the cluster.
func (p *postgres) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%s/%s?sslmode=disable", p.port, database)
}

// start starts the cluster and waits until it answers. What a killed one has left running must end first, so it may take
// several attempts.
func (p *postgres) start(ctx context.Context) error {
	return until(ctx, "PostgreSQL starts", func() bool {
		return p.launch(ctx) == nil && p.answers(ctx) == nil
	})
}

func (p *postgres) launch(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		return nil
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(p.binaries, "postgres"), "-D", p.data(),
		"-p", p.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+p.folder,
		"-c", "deadlock_timeout=200ms", "-c", "fsync=on", "-c", "synchronous_commit=on")
	cmd.Dir = p.folder
	cmd.Stderr = p.log
	if err := unprivileged(cmd, p.folder); err != nil {
		return err
	}
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.process, p.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait()
		p.mu.Lock()
		p.process = nil
		p.mu.Unlock()
		close(ended)
	}(p.ended)
	return nil
}

// answers asks the cluster for a sign of life.
func (p *postgres) answers(ctx context.Context) error {
	database, err := sql.Open("postgres", p.url("postgres")+"&connect_timeout=2")
	if err != nil {
		return err
	}
	defer database.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return database.PingContext(ctx)
}

// end ends the cluster by a signal and waits until it has ended. Its children notice a little later.
func (p *postgres) end(signal func(*os.Process) error) error {
	p.mu.Lock()
	process, ended := p.process, p.ended
	p.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := signal(process.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
		return errors.New("PostgreSQL does not end")
	}
}

// close ends the cluster and removes everything of it.
func (p *postgres) close() error {
	err := p.end(quit)
	if err != nil {
		err = errors.Join(err, p.end((*os.Process).Kill))
	}
	return errors.Join(err, os.RemoveAll(p.folder))
}
