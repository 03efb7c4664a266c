package graph

import (
	"context"
	"log/slog"
	"maps"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph/generated"
	"farthing/graph/graphqlhttp"
	"farthing/internal/db"
)

const (
	// parsedDocuments is how many parsed documents are kept, so that a storefront's own few are parsed once. The longest take
	// some 350 KB each, so that whoever sends nothing but those takes 70 MB.
	parsedDocuments = 200
	// maxTokens is the longest document in tokens. GraphiQL's introspection has some 400; what is longer than this is
	// somebody trying how much work one request can make.
	maxTokens = 1_500
)

// NewHandler is the GraphQL endpoint. The caller stands in the context (actor.With); requestID names the request that a
// context belongs to. Subscriptions are counted in streams, everything else in admission.
func NewHandler(
	r *Resolver, streams *graphqlhttp.Streams, admission *graphqlhttp.Admission, logger *slog.Logger, requestID func(context.Context) string,
) http.Handler {
	server := handler.New(generated.NewExecutableSchema(generated.Config{
		Schema:     withoutDefer(),
		Resolvers:  r,
		Directives: generated.DirectiveRoot{Role: Role},
	}))
	server.AddTransport(graphqlhttp.WebSocket{Streams: streams, Admission: admission})
	server.AddTransport(graphqlhttp.Transport{Streams: streams, Admission: admission})
	server.SetQueryCache(lru.New[*ast.QueryDocument](parsedDocuments))
	server.SetParserTokenLimit(maxTokens)
	server.SetDisableSuggestion(true)
	server.Use(extension.Introspection{})
	server.Use(Gate{})
	server.Use(Loading{r})
	server.Use(Sharing{})
	server.Use(NewWriting(r))
	server.AroundOperations(mutationsAhead)
	server.SetErrorPresenter(Presenter(logger, requestID))
	server.SetRecoverFunc(Recover(logger))
	return server
}

// mutationsAhead lets what a mutation reads, before its transaction and for its answer, go before what queries read.
func mutationsAhead(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if isA(ctx, ast.Mutation) {
		ctx = db.Ahead(ctx)
	}
	return next(ctx)
}

// withoutDefer is the schema without @defer, which the parser brings along: a request has one answer here, in which
// deferred fields would be lost. It is a copy, since the generated package has one schema for the whole process.
func withoutDefer() *ast.Schema {
	schema := *generated.NewExecutableSchema(generated.Config{}).Schema()
	schema.Directives = maps.Clone(schema.Directives)
	delete(schema.Directives, "defer")
	return &schema
}
