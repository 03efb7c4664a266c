// Package graphqlhttp carries GraphQL queries and mutations over HTTP for a gqlgen server. It takes the place of
// gqlgen's own POST and GET transports and promises the rules of the GraphQL over HTTP specification:
//
//   - POST takes a JSON object in UTF-8, at most MaxBodyBytes long. Every other media type is refused, so a form or a
//     script on a foreign page cannot send an operation without the browser asking first.
//   - GET takes queries only; a mutation is answered 405.
//   - The Accept header chooses between application/json, where every well-formed request is answered 200, and
//     application/graphql-response+json, where the status says whether the operation was executed.
//   - A request that was never executed is answered without a "data" key, with at most five errors.
//   - Every error carries extensions.code, and a refusal of the transport repeats nothing of the request.
//
// Subscriptions and incremental delivery (@defer) are not carried: one request has exactly one answer. Transports for
// event streams and WebSockets belong in front of this one; it answers whatever they leave.
package graphqlhttp

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/internal/fault"
)

// DefaultMaxBodyBytes is the longest request accepted when Transport.MaxBodyBytes is zero: 64 KiB.
const DefaultMaxBodyBytes = 64 << 10

// Transport is the graphql.Transport of this package. The zero value is ready to use.
type Transport struct {
	// MaxBodyBytes is the longest body of a POST and the longest query string of a GET. Zero means DefaultMaxBodyBytes.
	MaxBodyBytes int64
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

	if !acceptable {
		out.refuse(&refusal{
			http.StatusNotAcceptable,
			"Answers come as application/json or application/graphql-response+json; the Accept header allows neither.",
		})
		return
	}
	params, refused := t.read(w, r)
	if refused != nil {
		out.refuse(refused)
		return
	}

	op, errs := exec.CreateOperationContext(ctx, params)
	if len(errs) == 0 && r.Method == http.MethodGet && op.Operation.Operation != ast.Query {
		w.Header().Set("Allow", http.MethodPost)
		out.refuse(&refusal{http.StatusMethodNotAllowed, "GET is for queries; send this operation with POST."})
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

	next, ctx := exec.DispatchOperation(ctx, op)
	resp := next(ctx)
	if resp == nil { // gqlgen's way to say that the context ended before anything was executed
		out.refuse(&refusal{http.StatusServiceUnavailable, "The time of the request was over before it could be executed."})
		return
	}
	out.send(resp)
}
