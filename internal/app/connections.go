package app

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connections is a listener that bounds how many of its connections are open, and with them the goroutines and buffers of
// an HTTP server. Whoever comes when there are as many waits until there is room. The connection that has been idle for the
// longest makes it: clients that keep connections without using them shut nobody out. The server tells by changed which
// are idle.
type connections struct {
	net.Listener
	most int

	mu      sync.Mutex
	room    sync.Cond // somebody has left, is idle, or the listener is closed
	open    int
	waiting bool // somebody has come and finds no room
	closed  bool
	idle    *list.List // of net.Conn, idle for the longest first
	places  map[net.Conn]*list.Element
}

func boundConnections(listener net.Listener, most int) *connections {
	c := &connections{Listener: listener, most: most, idle: list.New(), places: map[net.Conn]*list.Element{}}
	c.room.L = &c.mu
	return c
}

// Accept waits for a connection and for room for it.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !c.enter() {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return &countedConn{Conn: conn, left: sync.OnceFunc(c.left)}, nil
}

// enter waits for room; it is false when the listener is closed.
func (c *connections) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.waiting = false }()
	for c.open >= c.most && !c.closed {
		c.waiting = true
		if longest := c.idle.Front(); longest != nil {
			conn, _ := longest.Value.(net.Conn)
			c.forget(conn)
			c.mu.Unlock() // closing it comes back here, to left
			_ = conn.Close()
			c.mu.Lock()
			continue
		}
		c.room.Wait()
	}
	if c.closed {
		return false
	}
	c.open++
	return true
}

// changed is told by the server what a connection does.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
	if state == http.StateIdle {
		c.places[conn] = c.idle.PushBack(conn)
		c.room.Signal()
	}
}

func (c *connections) forget(conn net.Conn) {
	if place, ok := c.places[conn]; ok {
		c.idle.Remove(place)
		delete(c.places, conn)
	}
}

func (c *connections) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.room.Signal()
}

// polite has clients not come back on the same connection while somebody waits for room: the next one to be idle is closed,
// maybe just when its client sends something.
func (c *connections) polite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.crowded() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (c *connections) crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// count is how many are open.
func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Close closes the listener. Connections stay open.
func (c *connections) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.room.Broadcast()
	return c.Listener.Close()
}

// countedConn is a connection that says when it is closed.
type countedConn struct {
	net.Conn
	left func()
}

// Close closes the connection and makes room for another one.
func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.left()
	return err
}
