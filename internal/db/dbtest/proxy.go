package dbtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a program and a PostgreSQL server and cuts connections at chosen statements. It reads enough of
// the protocol to find them; TLS must be off (sslmode=disable).
type Proxy struct {
	listener net.Listener
	upstream string // host:port of the server
	url      string
	running  sync.WaitGroup

	mu    sync.Mutex
	plan  *Cut
	seen  int // statements of the plan's kind since it was set
	cuts  int
	conns map[net.Conn]bool // nil once the proxy is closed
}

// Cut is where a proxy cuts a connection.
type Cut struct {
	// Statement says which statements count, such as Commit or Write. The text is what the client sent.
	Statement func(sql string) bool
	// Nth is which of them it is, counted over all connections from the call of Proxy.Cut on; 0 and 1 mean the first.
	Nth int
	// Executed lets the server execute the statement and cuts before the client sees the answer. Otherwise the
	// server never gets the statement.
	Executed bool
	// Written leaves out the statements of transactions that have sent no Write so far.
	Written bool
	// Then, if not nil, is called at the cut: after the execution, if there is one, and before the client notices anything.
	Then func()
}

// Commit says whether a statement is COMMIT.
func Commit(sql string) bool { return firstWord(sql) == "COMMIT" }

// Write says whether a statement begins with INSERT, UPDATE, DELETE or MERGE, or is a WITH that contains one.
func Write(sql string) bool {
	switch firstWord(sql) {
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		return true
	case "WITH":
		upper := strings.ToUpper(sql)
		for _, word := range []string{"INSERT INTO ", "UPDATE ", "DELETE FROM ", "MERGE INTO "} {
			if strings.Contains(upper, word) {
				return true
			}
		}
	}
	return false
}

// ends says whether a statement ends a transaction.
func ends(sql string) bool { return Commit(sql) || firstWord(sql) == "ROLLBACK" }

func firstWord(sql string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(sql, " \t\r\n("), " ")
	return strings.ToUpper(strings.TrimRight(strings.TrimSpace(word), ";"))
}

// NewProxy starts a proxy to the server of a database URL. It ends with the test.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	t.Helper()
	p, err := StartProxy(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// StartProxy is NewProxy without a test. The proxy goes on until it is closed.
func StartProxy(databaseURL string) (*Proxy, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Query().Get("sslmode") != "disable" {
		return nil, errors.New("the proxy needs a PostgreSQL URL with sslmode=disable")
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &Proxy{listener: listener, upstream: net.JoinHostPort(u.Hostname(), port), conns: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	p.url = u.String()
	p.running.Go(p.accept)
	return p, nil
}

// Close cuts all connections and takes no more.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.running.Wait()
}

// URL is the database URL that leads through the proxy.
func (p *Proxy) URL() string { return p.url }

// Cut plans one cut and forgets an earlier plan that has not come to pass.
func (p *Proxy) Cut(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.seen = &c, 0
}

// Cuts is how many connections were cut.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// due counts a statement and says whether the plan cuts here. Its transaction may have written something.
func (p *Proxy) due(sql string, written bool) (c Cut, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan == nil || !p.plan.Statement(sql) || p.plan.Written && !written {
		return Cut{}, false
	}
	p.seen++
	if p.seen < p.plan.Nth {
		return Cut{}, false
	}
	c, p.plan = *p.plan, nil
	p.cuts++
	return c, true
}

// keep registers a connection to be closed with the proxy.
func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until either side or the plan ends it.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	s := &session{
		proxy: p, client: client, server: server,
		statements: map[string]string{}, portals: map[string]string{}, answered: make(chan struct{}),
	}
	p.running.Go(func() {
		err := s.backward()
		close(s.answered)
		if !errors.Is(err, errCut) { // else forward waits for just that, and cuts
			_ = client.Close() // ends forward, too
		}
	})
	_ = s.forward()
	_ = server.Close() // ends backward, too
	<-s.answered
}

// session is one connection through the proxy.
type session struct {
	proxy          *Proxy
	client, server net.Conn
	statements     map[string]string // prepared statement → its text
	portals        map[string]string // portal → the text bound to it
	written        bool              // the transaction under way has sent a Write

	muted    atomic.Bool   // the client gets no more answers
	answered chan struct{} // closed when the muted answer is complete, or the server is gone
}

var errCut = errors.New("cut")

// forward passes the client's messages on, up to the cut.
func (s *session) forward() error {
	if err := s.startup(); err != nil {
		return err
	}
	cutting := false
	then := func() {}
	for {
		kind, message, err := readMessage(s.client)
		if err != nil {
			return err
		}
		if sql, runs := s.statement(kind, message[5:]); runs {
			c, due := s.proxy.due(sql, s.written)
			if due && c.Then != nil {
				then = c.Then
			}
			if due && !c.Executed {
				then()
				return errCut
			}
			if due {
				cutting = true
				s.muted.Store(true)
			}
			s.written = Write(sql) || s.written && !ends(sql)
		}
		if _, err := s.server.Write(message); err != nil {
			return err
		}
		// A simple query is answered at once, an extended one after Sync, which is also when it commits.
		if cutting && (kind == 'Q' || kind == 'S') {
			<-s.answered
			then()
			return errCut
		}
	}
}

// startup passes on the first message, which has no kind byte. A cancel request ends with it.
func (s *session) startup() error {
	var length [4]byte
	if _, err := io.ReadFull(s.client, length[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size < 8 || size > 1<<16 {
		return fmt.Errorf("startup message of %d bytes", size)
	}
	message := make([]byte, size)
	copy(message, length[:])
	if _, err := io.ReadFull(s.client, message[4:]); err != nil {
		return err
	}
	_, err := s.server.Write(message)
	return err
}

// statement follows prepared statements and portals, and returns the text that a message makes the server run.
func (s *session) statement(kind byte, body []byte) (sql string, runs bool) {
	text := func() string {
		head, rest, _ := strings.Cut(string(body), "\x00")
		body = []byte(rest)
		return head
	}
	switch kind {
	case 'Q':
		return text(), true
	case 'P':
		name := text()
		s.statements[name] = text()
	case 'B':
		portal := text()
		s.portals[portal] = s.statements[text()]
	case 'E':
		return s.portals[text()], true
	}
	return "", false
}

// backward passes the server's messages on, or swallows them.
func (s *session) backward() error {
	for {
		kind, message, err := readMessage(s.server)
		if err != nil {
			return err
		}
		switch {
		case !s.muted.Load():
			if _, err := s.client.Write(message); err != nil {
				return err
			}
		case kind == 'Z': // ready for the next query: the muted one is done
			return errCut
		}
	}
}

// readMessage reads one message: a kind byte, a length that counts itself, and the body.
func readMessage(from io.Reader) (kind byte, message []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size < 4 || size > 1<<28 {
		return 0, nil, fmt.Errorf("message of %d bytes", size)
	}
	message = make([]byte, 1+size)
	copy(message, head)
	if _, err := io.ReadFull(from, message[5:]); err != nil {
		return 0, nil, err
	}
	return head[0], message, nil
}
