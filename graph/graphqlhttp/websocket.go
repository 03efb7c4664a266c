package graphqlhttp

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/internal/fault"
)

// subprotocol is the one that is spoken: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
const subprotocol = "graphql-transport-ws"

// How a WebSocket is closed, in the protocol's numbers. Clients come again after 4403 and 4408, and after the general 1001
// of a server that stops; the others say that the client, or the server, has a bug.
const (
	closeBadRequest       websocket.StatusCode = 4400
	closeUnauthorized     websocket.StatusCode = 4401 // an operation before connection_ack
	closeForbidden        websocket.StatusCode = 4403 // a caller who is not let in, or not any more
	closeSubprotocol      websocket.StatusCode = 4406
	closeInitTimeout      websocket.StatusCode = 4408
	closeSubscriberExists websocket.StatusCode = 4409
	closeTooManyInits     websocket.StatusCode = 4429
	closeInternalError    websocket.StatusCode = 4500
)

const (
	// maxReasonBytes is the longest reason that a close frame has room for.
	maxReasonBytes = 123
	// maxOperationIDBytes is the longest id that a client may give an operation; they are UUIDs, as a rule.
	maxOperationIDBytes = 64
	// maxOperations is how many operations may run on one connection.
	maxOperations = 20
)

// WebSocket is the graphql.Transport of subscriptions, and of queries beside them, for clients that speak
// graphql-transport-ws. A caller is who the headers of the request say, or else the payload of connection_init
// (StreamsConfig.Identify). Every operation is checked as one that comes by POST is.
type WebSocket struct {
	// Streams are where connections are counted. Required.
	Streams *Streams
	// Admission is where queries are; nil admits all.
	Admission *Admission
}

var _ graphql.Transport = WebSocket{}

// Supports requests to change to a WebSocket. Other values of Upgrade (h2c) are offers that a server may pass over.
func (t WebSocket) Supports(r *http.Request) bool {
	for value := range strings.SplitSeq(strings.Join(r.Header.Values("Upgrade"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(value), "websocket") {
			return true
		}
	}
	return false
}

// Do serves a connection until it is closed.
func (t WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	_, collected := collectHeaders(r.Context())
	out := responder{w: w, mediaType: typeJSON, collected: collected}
	leave, refused := t.Streams.admit(r)
	if refused != nil {
		out.prepare()
		out.refuse(refused)
		return
	}
	defer leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // the origin has just been checked, for event streams too
	})
	if err != nil {
		return // it has been answered
	}
	conn.SetReadLimit(DefaultMaxBodyBytes)
	s := newSocket(t, conn, r, exec)
	defer s.finish()
	if conn.Subprotocol() != subprotocol {
		s.close(closeSubprotocol, "Subprotocol not acceptable: speak "+subprotocol)
		return
	}
	s.serve()
}

// message is what goes to and fro.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// socket is one connection. One goroutine reads, one watches over how long it may last, and each operation has one, in
// which it writes its own responses.
type socket struct {
	streams   *Streams
	admission *Admission
	conn      *websocket.Conn
	exec      graphql.GraphExecutor
	headers   http.Header

	// ctx ends with the connection.
	ctx    context.Context
	cancel context.CancelFunc
	// caller is the context of all operations, since it says who is calling; nil before that is known. It is the reader's.
	caller context.Context
	// expiry fires when the caller is not known any more.
	expiry *time.Timer
	// ready is closed when the caller is known.
	ready chan struct{}

	closing   sync.Once
	running   sync.WaitGroup // goroutines other than the reader
	mu        sync.Mutex
	active    map[string]*operation // by the ids that the client gave
	executing int                   // those that run, also when the client has dropped them already
}

// operation is one that runs on a socket.
type operation struct {
	cancel context.CancelFunc
	// mu is held while a response is sent, so that none follows once the client has dropped the operation: it may use the
	// id again at once.
	mu      sync.Mutex
	dropped bool
}

func newSocket(t WebSocket, conn *websocket.Conn, r *http.Request, exec graphql.GraphExecutor) *socket {
	s := &socket{
		streams: t.Streams, admission: t.Admission, conn: conn, exec: exec, headers: r.Header,
		ready: make(chan struct{}), active: map[string]*operation{},
	}
	s.ctx, s.cancel = context.WithCancel(r.Context())
	return s
}

// finish ends whatever still runs, and waits for it.
func (s *socket) finish() {
	if panicked := recover(); panicked != nil {
		s.streams.config.Logger.ErrorContext(s.ctx, "websocket: panic", "panic", panicked, "stack", string(debug.Stack()))
		s.close(closeInternalError, "Internal server error")
	}
	s.cancel()
	_ = s.conn.CloseNow()
	s.running.Wait()
}

// close ends the connection with a reason. Operations end first, so that nothing is executed for a client that is told to
// go. It waits some seconds for the client to agree.
func (s *socket) close(code websocket.StatusCode, reason string) {
	s.closing.Do(func() {
		s.cancel()
		if len(reason) > maxReasonBytes {
			reason = strings.ToValidUTF8(reason[:maxReasonBytes], "")
		}
		_ = s.conn.Close(code, reason)
	})
}

// serve reads messages until the connection is closed.
func (s *socket) serve() {
	s.running.Go(s.watch)
	s.running.Go(s.keepAlive)
	for {
		kind, text, err := s.conn.Read(context.WithoutCancel(s.ctx)) // a context that ends would cut the connection without a word
		if err != nil || s.ctx.Err() != nil {
			return
		}
		var m message
		if kind != websocket.MessageText || json.Unmarshal(text, &m) != nil {
			s.close(closeBadRequest, "Invalid message")
			return
		}
		if !s.receive(m) {
			return
		}
	}
}

// receive acts on a message; it is false when the connection is closed over it.
func (s *socket) receive(m message) bool {
	switch m.Type {
	case "connection_init":
		return s.init(m.Payload)
	case "subscribe":
		return s.subscribe(m)
	case "complete":
		s.drop(m.ID)
		return true
	case "ping":
		return s.write(message{Type: "pong"})
	case "pong":
		return true
	default:
		s.close(closeBadRequest, "Invalid message: unknown type")
		return false
	}
}

// init finds out who is calling.
func (s *socket) init(payload json.RawMessage) bool {
	if s.caller != nil {
		s.close(closeTooManyInits, "Too many initialisation requests")
		return false
	}
	credentials, ok := readCredentials(payload)
	if !ok {
		s.close(closeBadRequest, "Invalid message: the payload of connection_init is not an object")
		return false
	}
	caller := s.ctx
	if identify := s.streams.config.Identify; identify != nil {
		var err error
		if caller, err = identify(s.ctx, credentials); err != nil {
			if faults := fault.From(err); len(faults) > 0 {
				s.close(closeForbidden, faults[0].Message)
			} else {
				s.close(closeInternalError, "Internal server error")
			}
			return false
		}
	}
	s.caller = caller
	s.expiry = newExpiry(caller)
	close(s.ready)
	return s.write(message{Type: "connection_ack"})
}

// readCredentials takes the text values out of the payload of connection_init. Other values are for somebody else.
func readCredentials(payload json.RawMessage) (http.Header, bool) {
	credentials := http.Header{}
	if len(payload) == 0 {
		return credentials, true
	}
	var values map[string]any
	if json.Unmarshal(payload, &values) != nil {
		return nil, false
	}
	for name, value := range values {
		if text, ok := value.(string); ok {
			credentials.Set(name, text)
		}
	}
	return credentials, true
}

// subscribe begins an operation. One that is refused is answered with an error, and the connection goes on.
func (s *socket) subscribe(m message) bool {
	switch {
	case s.caller == nil:
		s.close(closeUnauthorized, "Unauthorized: send connection_init and wait for connection_ack first")
		return false
	case m.ID == "" || len(m.ID) > maxOperationIDBytes:
		s.close(closeBadRequest, "Invalid message: the id is empty or too long")
		return false
	}
	params, malformed := decode(m.Payload)
	if malformed != nil {
		s.close(closeBadRequest, "Invalid message: "+malformed.message)
		return false
	}
	s.mu.Lock()
	taken, full := s.active[m.ID] != nil, s.executing >= maxOperations
	s.mu.Unlock()
	if taken {
		s.close(closeSubscriberExists, "Subscriber for "+m.ID+" already exists")
		return false
	}
	if full {
		return s.refuse(m.ID, coded(fault.Overloaded, "A connection runs at most "+strconv.Itoa(maxOperations)+" operations at once."))
	}
	now := graphql.Now()
	params.Headers = s.headers
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	ctx := graphql.StartOperationTrace(s.caller)
	op, errs := s.exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		return s.refuse(m.ID, requestErrors(ctx, s.exec, op, errs).Errors)
	}
	if op.Operation.Operation == ast.Mutation {
		return s.refuse(m.ID, noMutations())
	}
	end, turnedAway := s.streams.begin()
	if turnedAway != nil {
		return s.refuse(m.ID, coded(fault.Overloaded, turnedAway.message))
	}
	s.execute(ctx, m.ID, op, end)
	return true
}

// execute runs an operation beside the reader.
func (s *socket) execute(ctx context.Context, id string, op *graphql.OperationContext, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	o := &operation{cancel: cancel}
	s.mu.Lock()
	s.active[id] = o
	s.executing++
	s.mu.Unlock()
	s.running.Go(func() {
		defer cancel()
		run(ctx, s.exec, op, s.admission, func(body []byte) bool {
			return o.send(func() bool { return s.write(message{ID: id, Type: "next", Payload: body}) })
		})
		// The client is told last: it may use the id, and the room, again at once.
		end()
		s.mu.Lock()
		if s.active[id] == o {
			delete(s.active, id)
		}
		s.executing--
		s.mu.Unlock()
		if ctx.Err() == nil {
			o.send(func() bool { return s.write(message{ID: id, Type: "complete"}) })
		}
	})
}

// send sends something of an operation, unless the client has dropped it.
func (o *operation) send(write func() bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.dropped && write()
}

// drop ends an operation at the client's wish. One that has ended already, or never began, is not missed.
func (s *socket) drop(id string) {
	s.mu.Lock()
	o := s.active[id]
	delete(s.active, id)
	s.mu.Unlock()
	if o == nil {
		return
	}
	o.cancel()
	o.mu.Lock()
	o.dropped = true
	o.mu.Unlock()
}

// refuse answers an operation that is not executed.
func (s *socket) refuse(id string, errs gqlerror.List) bool {
	payload, err := json.Marshal(errs)
	if err != nil {
		panic(err) // a bug of the server
	}
	return s.write(message{ID: id, Type: "error", Payload: payload})
}

// write sends a message. A client that does not take it in time is cut off.
func (s *socket) write(m message) bool {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // a bug of the server
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.streams.timing.write)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, text) == nil
}

// watch closes the connection when its time is over: nobody says who is calling, the caller is not known any more, or the
// server stops.
func (s *socket) watch() {
	tooLate := time.NewTimer(s.streams.timing.init)
	defer tooLate.Stop()
	var expired <-chan time.Time
	ready := s.ready
	for {
		select {
		case <-ready:
			ready = nil
			tooLate.Stop()
			defer s.expiry.Stop()
			expired = s.expiry.C
		case <-tooLate.C:
			s.close(closeInitTimeout, "Connection initialisation timeout")
			return
		case <-expired:
			s.close(closeForbidden, "The token has expired")
			return
		case <-s.streams.stop:
			s.close(websocket.StatusGoingAway, "The server is about to stop")
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// keepAlive asks from time to time whether the client is still there, which also keeps proxies from thinking that it is not.
func (s *socket) keepAlive() {
	ping := time.NewTicker(s.streams.timing.ping)
	defer ping.Stop()
	for {
		select {
		case <-ping.C:
			if !s.ping() {
				_ = s.conn.CloseNow() // nobody is there to be told why
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *socket) ping() bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.streams.timing.pong)
	defer cancel()
	return s.conn.Ping(ctx) == nil
}
