package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take that is only started or ended, on a machine that is busy with the crowd as well.
const patience = time.Minute

// server is a server that is started, killed and started again at the same address.
type server struct {
	name string
	// address is where it serves, as host:port.
	address     string
	environment []string
	// log is what its processes have written on standard error.
	log *journal

	mu      sync.Mutex
	process *process // nil while it is down
}

// process is one life of a server.
type process struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers chan string
	// ended is closed when it has ended, and wanted says whether it was to.
	ended  chan struct{}
	wanted bool
}

// newServer describes a server; start starts it. Its environment is what is given, and what every process needs.
func newServer(name, address string, environment ...string) *server {
	environment = append(environment,
		asServer+"=yes", "FARTHING_LISTEN="+address, "FARTHING_LOG_LEVEL=warn",
		"PATH="+os.Getenv("PATH"), "TMPDIR="+os.Getenv("TMPDIR"), "HOME="+os.Getenv("HOME"))
	return &server{name: name, address: address, environment: environment, log: &journal{}}
}

// start starts it, with settings of this life, and waits until it serves.
func (s *server) start(ctx context.Context, settings ...string) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), own, "serve")
	cmd.Env = append(append([]string{}, s.environment...), settings...)
	cmd.Stderr = s.log
	apart(cmd)
	p := &process{cmd: cmd, answers: make(chan string, 1), ended: make(chan struct{})}
	if p.orders, err = cmd.StdinPipe(); err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	serving := make(chan struct{})
	go s.attend(p, output, serving)
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	select {
	case <-serving:
		return nil
	case <-p.ended:
		err = fmt.Errorf("%s ended before it served", s.name)
	case <-time.After(patience):
		err = fmt.Errorf("%s does not say that it serves", s.name)
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.kill()
	return err
}

// attend reads what a process says until it ends.
func (s *server) attend(p *process, output io.Reader, serving chan<- struct{}) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		switch text := lines.Text(); {
		case strings.Contains(text, "GraphQL "):
			close(serving)
		case text == "" || text[0] == ' ' || strings.HasPrefix(text, "Farthing"): // the rest of its welcome
		default:
			select {
			case p.answers <- text:
			default: // nobody has asked
			}
		}
	}
	_ = p.cmd.Wait() // once all is read, as Wait demands
	s.mu.Lock()
	if !p.wanted {
		s.log.note(s.name + " ended by itself: " + p.cmd.ProcessState.String())
	}
	s.process = nil
	s.mu.Unlock()
	close(p.ended)
}

// current is the process that is running, and nil when none is. It says whether the process is to end.
func (s *server) current(toEnd bool) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && toEnd {
		s.process.wanted = true
	}
	return s.process
}

// kill ends it as kill -9 does, and waits until nothing is left of it.
func (s *server) kill() {
	if p := s.current(true); p != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// stop asks it to end, as an operator does, and waits until it has. Not to end in time, or to end with an error, is an error.
func (s *server) stop() error {
	p := s.current(true)
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		s.kill()
		return fmt.Errorf("%s did not stop within %s", s.name, patience)
	}
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		return fmt.Errorf("%s stopped with status %d", s.name, status)
	}
	return nil
}

// tell gives its saboteur an order.
func (s *server) tell(order string) error {
	p := s.current(false)
	if p == nil {
		return fmt.Errorf("%s is down", s.name)
	}
	select {
	case <-p.answers: // what it said before
	default:
	}
	if _, err := fmt.Fprintln(p.orders, order); err != nil {
		return err
	}
	select {
	case answer := <-p.answers:
		if answer != "ok" {
			return fmt.Errorf("tell %s %q: %s", s.name, order, answer)
		}
		return nil
	case <-p.ended:
		return fmt.Errorf("tell %s %q: it ended", s.name, order)
	case <-time.After(patience):
		return fmt.Errorf("tell %s %q: no answer", s.name, order)
	}
}

// doom gives its saboteur an order that it is to die of, and waits until it has.
func (s *server) doom(ctx context.Context, order string) error {
	p := s.current(true)
	if p == nil {
		return fmt.Errorf("%s is down", s.name)
	}
	if _, err := fmt.Fprintln(p.orders, order); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(patience):
		return fmt.Errorf("%s does not die of %q", s.name, order)
	}
}

// freeAddress is an address on this machine where nobody listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// journal keeps the last lines of a log.
type journal struct {
	mu    sync.Mutex
	rest  []byte // of a line that is not complete
	lines []string
	total int
	bad   []string // what a server must never write
}

const (
	journalLines = 5_000
	badLines     = 20
)

// Write takes what a process has written.
func (j *journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, text...)
	for {
		line, rest, whole := bytes.Cut(j.rest, []byte("\n"))
		if !whole {
			return len(text), nil
		}
		j.add(string(line))
		j.rest = rest
	}
}

func (j *journal) add(line string) {
	j.total++
	if j.lines = append(j.lines, line); len(j.lines) > 2*journalLines {
		j.lines = append([]string{}, j.lines[journalLines:]...)
	}
	// A data race, a panic that was caught, and one that was not.
	for _, word := range []string{"DATA RACE", "panic", "fatal error:"} {
		if strings.Contains(line, word) && len(j.bad) < badLines {
			j.bad = append(j.bad, line)
			return
		}
	}
}

// note records something that must not be.
func (j *journal) note(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bad = append(j.bad, text)
}

// mark is where the log is now, for since.
func (j *journal) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

// since says whether a line after a mark has a text.
func (j *journal) since(mark int, text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.total - len(j.lines) // the number of the first line kept
	for _, line := range j.lines[max(mark-first, 0):] {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// last are the last lines, at most n of them.
func (j *journal) last(n int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.lines[max(len(j.lines)-n, 0):]...)
}

// wrong is what the server must not have written.
func (j *journal) wrong() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.bad...)
}

// until asks again and again until something is so; the error says what was waited for.
func until(ctx context.Context, what string, is func() bool) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for !is() {
		select {
		case <-again.C:
		case <-late:
			return errors.New("waited too long: " + what)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	return nil
}
