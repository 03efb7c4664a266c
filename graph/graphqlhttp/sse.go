package graphqlhttp

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const typeEventStream = "text/event-stream"

// eventStream answers one operation with server-sent events: the "distinct connections mode" of the GraphQL over SSE
// protocol. Every response is a "next" event, and a "complete" event ends them. A stream that ends without it was cut off,
// because the server stops or the caller's token has expired, and its client asks again.
type eventStream struct {
	streams   *Streams
	admission *Admission
	w         http.ResponseWriter
	control   *http.ResponseController
}

func newEventStream(t Transport, w http.ResponseWriter) *eventStream {
	return &eventStream{streams: t.Streams, admission: t.Admission, w: w, control: http.NewResponseController(w)}
}

// open sends the headers.
func (e *eventStream) open() bool {
	h := e.w.Header()
	h.Set("Content-Type", typeEventStream+"; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events before it hands them on
	return e.write([]byte(":\n\n"))
}

// send writes a response as a "next" event. A line break between two JSON tokens would end the field, so each line
// is a field of its own.
func (e *eventStream) send(body []byte) bool {
	event := append([]byte("event: next\ndata: "), bytes.ReplaceAll(body, []byte("\n"), []byte("\ndata: "))...)
	return e.write(append(event, "\n\n"...))
}

// complete ends the stream. An event without data would not be seen by the EventSource of browsers.
func (e *eventStream) complete() { e.write([]byte("event: complete\ndata:\n\n")) }

// write sends an event. The server's deadline for writing is that of a plain request, so each event has its own; a writer
// without deadlines, as tests have, does without.
func (e *eventStream) write(event []byte) bool {
	_ = e.control.SetWriteDeadline(graphql.Now().Add(e.streams.timing.write))
	if _, err := e.w.Write(event); err != nil {
		return false
	}
	return e.control.Flush() == nil
}

// refuse answers with an operation's errors as the protocol has it: by an event, since the EventSource of browsers tells
// nobody what was in an answer with another status.
func (e *eventStream) refuse(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, errs gqlerror.List) {
	body, err := encode(requestErrors(ctx, exec, op, errs))
	if err != nil {
		panic(err) // gqlgen's server recovers, presents and logs it
	}
	if e.open() && e.send(body) {
		e.complete()
	}
}

// run executes an operation and streams its responses until there are no more, the client goes away, the caller's token
// expires or the server stops.
func (e *eventStream) run(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext) {
	ctx, cancel := context.WithCancel(ctx)
	// The operation runs beside this function, which alone writes. It is over when this returns.
	bodies, over := make(chan []byte), make(chan struct{})
	defer func() {
		cancel()
		<-over
	}()
	go func() {
		defer close(over)
		run(ctx, exec, op, e.admission, func(body []byte) bool {
			select {
			case bodies <- body:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()

	if !e.open() {
		return
	}
	expiry := newExpiry(ctx)
	defer expiry.Stop()
	ping := time.NewTicker(e.streams.timing.ping)
	defer ping.Stop()
	for {
		select {
		case body := <-bodies:
			if !e.send(body) {
				return
			}
			ping.Reset(e.streams.timing.ping)
		case <-over:
			e.complete()
			return
		case <-ping.C:
			if !e.write([]byte(":\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		case <-expiry.C:
			return
		case <-e.streams.stop:
			return
		}
	}
}
