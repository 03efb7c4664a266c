package graphqlhttp

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/internal/fault"
)

// run executes an operation on a stream and hands on each of its responses, encoded, until there are no more, ctx ends or
// send says that nobody listens. A panic becomes a last response that tells nothing: a goroutine of a stream has nobody
// above it to recover.
func run(
	ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, admission *Admission, send func(body []byte) bool,
) {
	leave, refused := admission.enter(ctx, op.Operation.Operation)
	if refused != nil {
		if body, err := encode(&graphql.Response{Errors: refused.errors()}); err == nil {
			send(body)
		}
		return
	}
	defer leave()
	defer func() {
		if panicked := recover(); panicked != nil && ctx.Err() == nil {
			send(presentPanic(ctx, exec, op, panicked))
		}
	}()
	responses, opCtx := exec.DispatchOperation(graphql.WithOperationContext(ctx, op), op)
	for {
		resp := responses(opCtx)
		if resp == nil || ctx.Err() != nil {
			return
		}
		missing := fault.Internal
		if len(resp.Data) == 0 {
			missing = fault.InvalidInput
		}
		resp.Errors = withCodes(resp.Errors, missing)
		body, err := encode(resp)
		if err != nil {
			panic(err) // an extension that is no JSON is a bug of the server
		}
		leave() // a client that takes its time keeps nobody else from being served
		if !send(body) || op.Operation.Operation != ast.Subscription {
			return
		}
	}
}

// presentPanic has a panic logged and makes a response of it, as gqlgen's server does for a plain request.
func presentPanic(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, panicked any) []byte {
	ctx = graphql.WithOperationContext(ctx, op)
	resp := exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(op.Recover(ctx, panicked))})
	body, err := encode(&graphql.Response{Errors: withCodes(resp.Errors, fault.Internal)})
	if err != nil {
		return []byte(`{"errors":[{"message":"Something went wrong on our side.","extensions":{"code":"INTERNAL"}}]}`)
	}
	return body
}

// requestErrors is the response to an operation that is not executed.
func requestErrors(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, errs gqlerror.List) *graphql.Response {
	resp := exec.DispatchError(graphql.WithOperationContext(ctx, op), shorten(errs))
	resp.Errors = withCodes(resp.Errors, fault.InvalidInput)
	return resp
}

// noMutations refuses a mutation on a stream: its answer has headers (RateLimit) that a stream cannot carry, and one that
// was cut off would leave its caller in doubt.
func noMutations() gqlerror.List {
	return coded(fault.InvalidInput, "A stream is for subscriptions and queries. Send mutations with POST, and accept application/json.")
}
