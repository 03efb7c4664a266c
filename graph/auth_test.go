package graph_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph"
	"farthing/graph/graphqlhttp"
	"farthing/internal/actor"
)

// TestGateGuardsSubscriptions: a subscription that is not for the caller is refused before anything of it runs, whichever
// way its field is written.
func TestGateGuardsSubscriptions(t *testing.T) {
	t.Parallel()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: `
		directive @role(is: [Role!]!) on FIELD_DEFINITION
		enum Role { ADMIN MERCHANDISER }
		type Query { a: Int }
		type Subscription { ledger: Int! @role(is: [ADMIN]) sale: Int! }`})
	if err != nil {
		t.Fatal(err)
	}
	server := handler.New(&graphql.ExecutableSchemaMock{
		SchemaFunc: func() *ast.Schema { return schema },
		ExecFunc: func(context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Data: []byte(`{"ran":true}`)})
		},
	})
	server.AddTransport(graphqlhttp.Transport{Streams: graphqlhttp.NewStreams(graphqlhttp.StreamsConfig{})})
	server.Use(graph.Gate{})

	for _, tt := range []struct {
		query string
		as    actor.Actor
		want  string
	}{
		{`subscription { sale }`, actor.Actor{}, `"ran":true`},
		{`subscription { ledger }`, actor.Actor{}, "UNAUTHENTICATED"},
		{`subscription { sale: ledger }`, actor.Actor{Subject: "mo", Roles: []actor.Role{actor.Merchandiser}}, "FORBIDDEN"},
		{`subscription { ... on Subscription { ledger } }`, actor.Actor{}, "UNAUTHENTICATED"},
		{`subscription { ...F } fragment F on Subscription { ledger }`, actor.Actor{}, "UNAUTHENTICATED"},
		{`subscription { ledger }`, actor.Actor{Subject: "root", Roles: []actor.Role{actor.Admin}}, `"ran":true`},
	} {
		r := httptest.NewRequest(http.MethodGet, "/graphql?query="+url.QueryEscape(tt.query), nil)
		r.Header.Set("Accept", "text/event-stream")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r.WithContext(actor.With(t.Context(), tt.as)))
		if got := w.Body.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "ran") != strings.Contains(tt.want, "ran") {
			t.Errorf("%s as %q: got %s, want %s", tt.query, tt.as.Subject, got, tt.want)
		}
	}
}
