// Package graphqlhttp carries GraphQL over HTTP for a gqlgen server. It takes the place of gqlgen's own transports.
//
// Transport answers queries and mutations by the rules of the GraphQL over HTTP specification:
//
//   - POST takes a JSON object in UTF-8, at most MaxBodyBytes long. Every other media type is refused, so a form or a
//     script on a foreign page cannot send an operation without the browser asking first.
//   - GET takes queries only; a mutation is answered 405.
//   - The Accept header chooses between application/json, where every well-formed request is answered 200, and
//     application/graphql-response+json, where the status says whether the operation was executed. What there is no room
//     for is answered 503 by both, and says when to come again.
//   - A request that was never executed is answered without a "data" key, with at most five errors.
//   - Every error carries extensions.code, and a refusal of the transport repeats nothing of the request.
//
// Subscriptions need a connection that stays open. There are two, which run queries as well, and refuse mutations:
//
//   - Transport streams to whoever accepts text/event-stream, as the GraphQL over SSE protocol has it in its distinct
//     connections mode. Who accepts plain answers too gets a stream for a subscription only.
//   - WebSocket speaks graphql-transport-ws.
//
// Streams, which the two share, hold their limits, and Admission bounds what is executed at once. Incremental delivery
// (@defer) is not carried.
package graphqlhttp

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/internal/fault"
)

// DefaultMaxBodyBytes is the longest request accepted when Transport.MaxBodyBytes is zero: 64 KiB.
const DefaultMaxBodyBytes = 64 << 10

// Transport is the graphql.Transport of this package. The zero value is ready to use.
type Transport struct {
	// MaxBodyBytes is the longest body of a POST and the longest query string of a GET. Zero means DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// Streams are where event streams are counted; nil carries none.
	Streams *Streams
	// Admission is where what is executed is counted; nil admits all.
	Admission *Admission
}

var _ graphql.Transport = Transport{}

// Supports is always true: methods and media types that cannot be served are refused with the right status by Do.
// Add the transport last.
func (Transport) Supports(*http.Request) bool { return true }

// Do answers one request.
func (t Transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, collected := collectHeaders(r.Context())
	mediaType, acceptable := negotiate(r.Header.Values("Accept"))
	out := responder{w: w, mediaType: mediaType, collected: collected}
	out.prepare()

	streams, preferred := t.Streams != nil, false
	if streams {
		streams, preferred = negotiateStream(r.Header.Values("Accept"))
	}
	if !acceptable && !streams {
		out.refuse(&refusal{
			status: http.StatusNotAcceptable,
			message: "Answers come as application/json or application/graphql-response+json, subscriptions as text/event-stream; " +
				"the Accept header allows none of them.",
		})
		return
	}
	params, refused := t.read(w, r)
	if refused != nil {
		out.refuse(refused)
		return
	}

	leave, admitted := func() {}, false
	if !streams && onlyReads(params.Query) {
		if leave, refused = t.Admission.enter(ctx, ast.Query); refused != nil {
			out.refuse(refused)
			return
		}
		admitted = true
		defer leave()
	}
	op, errs := exec.CreateOperationContext(ctx, params)
	if len(errs) == 0 && r.Method == http.MethodGet && op.Operation.Operation != ast.Query &&
		(op.Operation.Operation != ast.Subscription || !streams) {
		w.Header().Set("Allow", http.MethodPost)
		out.refuse(&refusal{status: http.StatusMethodNotAllowed, message: "GET is for queries; send this operation with POST."})
		return
	}
	if preferred || streams && len(errs) == 0 && op.Operation.Operation == ast.Subscription {
		t.stream(out, r, exec, op, errs)
		return
	}
	if len(errs) == 0 && op.Operation.Operation == ast.Subscription {
		errs = coded(fault.InvalidInput, "A subscription needs a connection that stays open: "+
			"Accept: text/event-stream, or a WebSocket with graphql-transport-ws.")
	}
	if len(errs) > 0 {
		ctx = graphql.WithOperationContext(ctx, op)
		out.send(exec.DispatchError(ctx, shorten(errs)))
		return
	}

	if !admitted {
		if leave, refused = t.Admission.enter(ctx, op.Operation.Operation); refused != nil {
			out.refuse(refused)
			return
		}
		defer leave()
	}
	next, ctx := exec.DispatchOperation(ctx, op)
	resp := next(ctx)
	// A client that takes its time to read keeps nobody else from being served.
	leave()
	if resp == nil { // gqlgen's way to say that the context ended before anything was executed
		out.refuse(timeIsOver())
		return
	}
	out.send(resp)
}

// stream answers an operation, or its errors, with an event stream.
func (t Transport) stream(out responder, r *http.Request, exec graphql.GraphExecutor, op *graphql.OperationContext, errs gqlerror.List) {
	leave, refused := t.Streams.admit(r)
	if refused != nil {
		out.refuse(refused)
		return
	}
	defer leave()
	events := newEventStream(t, out.w)
	if len(errs) == 0 && op.Operation.Operation == ast.Mutation {
		errs = noMutations()
	}
	if len(errs) > 0 {
		events.refuse(r.Context(), exec, op, errs)
		return
	}
	end, refused := t.Streams.begin()
	if refused != nil {
		out.refuse(refused)
		return
	}
	defer end()
	events.run(r.Context(), exec, op)
}
