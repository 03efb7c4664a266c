package graphqlhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// canary stands for what a client would not like to see repeated: a one-time code, a token.
const canary = "canary-7f3a"

const schema = `
scalar Decimal
type Query {
  echo(text: String, number: Decimal): String
  refused: String
  broken: String
  header(value: String!): String
  type(name: String!): String
}
type Mutation { buy: Boolean! }
type Subscription { ticks: Int! }
`

// shared is an error that a careless extension hands out to everybody.
var shared = &gqlerror.Error{Message: "shared"}

// execute resolves the test schema: one string for a field, in order.
func execute(ctx context.Context) graphql.ResponseHandler {
	return graphql.OneShot(func() *graphql.Response {
		op := graphql.GetOperationContext(ctx)
		var out []string
		var errs gqlerror.List
		for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation"}) {
			args := f.ArgumentMap(op.Variables)
			value := "null"
			switch f.Name {
			case "__typename":
				value = `"Query"`
			case "echo":
				text, _ := json.Marshal(fmt.Sprint(args["text"], " ", args["number"]))
				value = string(text)
			case "refused":
				errs = append(errs, &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": "FORBIDDEN"}})
			case "broken":
				errs = append(errs, shared)
			case "header":
				SetHeader(ctx, "RateLimit", args["value"].(string))
			case "buy":
				value = "true"
			}
			out = append(out, fmt.Sprintf("%q:%s", f.Alias, value))
		}
		return &graphql.Response{Data: []byte("{" + strings.Join(out, ",") + "}"), Errors: errs}
	}())
}

func newServer(t testing.TB, transport Transport) *handler.Server {
	t.Helper()
	parsed, err := gqlparser.LoadSchema(&ast.Source{Input: schema})
	if err != nil {
		t.Fatal(err)
	}
	server := handler.New(&graphql.ExecutableSchemaMock{
		SchemaFunc: func() *ast.Schema { return parsed },
		ExecFunc:   execute,
	})
	server.AddTransport(transport)
	return server
}

type answer struct {
	Status int
	Header http.Header
	Raw    string
	Errors []struct {
		Message    string
		Locations  []any
		Extensions struct{ Code string }
	}
	Data map[string]any
}

func (a answer) codes() []string {
	var codes []string
	for _, e := range a.Errors {
		codes = append(codes, e.Extensions.Code)
	}
	return codes
}

func do(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{Status: w.Code, Header: w.Header(), Raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the answer is not JSON: %v: %s", err, a.Raw)
	}
	return a
}

func post(body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func get(parameters string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/graphql?"+parameters, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestAnswersAQuery(t *testing.T) {
	t.Parallel()
	server := newServer(t, Transport{})
	ask := url.Values{
		"query":         {`query Other{a:__typename} query Ask($n: Decimal){echo(text: "hi", number: $n)}`},
		"operationName": {"Ask"},
		"variables":     {`{"n": 1234567890123456789.10}`},
		"extensions":    {`{"a":1}`},
	}
	body, err := json.Marshal(map[string]any{
		"query": ask.Get("query"), "operationName": "Ask", "variables": json.RawMessage(ask.Get("variables")), "unknown": 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*http.Request{
		"by POST": post(string(body)),
		"by POST that names its charset, whatever the address carries": func() *http.Request {
			r := post(string(body), "Content-Type", "application/json; charset=UTF-8")
			r.URL.RawQuery = "query={buy}"
			return r
		}(),
		"by GET": get(ask.Encode()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := do(t, server, r)
			if want := `{"data":{"echo":"hi 1234567890123456789.10"}}`; a.Status != 200 || a.Raw != want {
				t.Errorf("got %d %s, want 200 %s", a.Status, a.Raw, want)
			}
			want := map[string]string{
				"Content-Type":           "application/json; charset=utf-8",
				"Cache-Control":          "no-store",
				"X-Content-Type-Options": "nosniff",
				"Content-Length":         fmt.Sprint(len(a.Raw)),
			}
			for key, value := range want {
				if got := a.Header.Get(key); got != value {
					t.Errorf("%s is %q, want %q", key, got, value)
				}
			}
		})
	}
}

// What is not well formed is refused with the same status for both media types, nothing repeated, and never executed.
func TestRefusesWhatIsNotWellFormed(t *testing.T) {
	t.Parallel()
	long := `{"query":"{__typename} #` + strings.Repeat("x", DefaultMaxBodyBytes) + `"}`
	fits := `{"query":"{__typename}"}` + strings.Repeat(" ", DefaultMaxBodyBytes-len(`{"query":"{__typename}"}`))
	with := func(method, contentType string) *http.Request {
		r := httptest.NewRequest(method, "/graphql", strings.NewReader(`{"query":"mutation{buy}"}`))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	tests := []struct {
		name    string
		request *http.Request
		status  int
		allow   string
	}{
		{"no body", post(""), 400, ""},
		{"malformed JSON", post(`{"query": "{__typename}", "code": "` + canary), 400, ""},
		{"text after the object", post(`{"query":"{__typename}"} ` + canary), 400, ""},
		{"null", post(`null`), 400, ""},
		{"a string", post(`"` + canary + `"`), 400, ""},
		{"a batch", post(`[{"query":"{__typename}"}]`), 400, ""},
		{"a batch after white space", post(" \n\t[]"), 400, ""},
		{"not UTF-8", post("{\"query\":\"{__typename} #\xff\"}"), 400, ""},
		{"nested without end", post(strings.Repeat(`{"variables":`, 4000)), 400, ""},
		{"no query", post(`{"variables":{}}`), 400, ""},
		{"query in other letters", post(`{"Query":"{__typename}"}`), 400, ""},
		{"query null", post(`{"query":null}`), 400, ""},
		{"query of another type", post(`{"query":{"a":"` + canary + `"}}`), 400, ""},
		{"operationName of another type", post(`{"query":"{__typename}","operationName":7}`), 400, ""},
		{"variables a list", post(`{"query":"{__typename}","variables":[]}`), 400, ""},
		{"variables a string", post(`{"query":"{__typename}","variables":"` + canary + `"}`), 400, ""},
		{"extensions a number", post(`{"query":"{__typename}","extensions":7}`), 400, ""},
		{"a body over the limit", post(long), 413, ""},
		{"another charset", post(`{}`, "Content-Type", "application/json; charset=iso-8859-1"), 415, ""},
		{"a compressed body", post(`{}`, "Content-Encoding", "gzip"), 415, ""},
		{"no content type", with("POST", ""), 415, ""},
		{"plain text", with("POST", "text/plain"), 415, ""},
		{"a form", with("POST", "application/x-www-form-urlencoded"), 415, ""},
		{"a form with files", with("POST", "multipart/form-data; boundary=x"), 415, ""},
		{"GraphQL as it is", with("POST", "application/graphql"), 415, ""},
		{"an answer nobody can give", post(`{"query":"{__typename}"}`, "Accept", "text/html, image/*"), 406, ""},
		{"another method", with("PUT", "application/json"), 405, "GET, POST"},
		{"OPTIONS", with("OPTIONS", "application/json"), 405, "GET, POST"},
		{"a mutation by GET", get("query=mutation{buy}"), 405, "POST"},
		{"a subscription by GET", get("query=subscription{ticks}"), 405, "POST"},
		{"GET without a query", get("variables={}"), 400, ""},
		{"GET with malformed variables", get("query={__typename}&variables={" + canary), 400, ""},
		{"GET with text after the variables", get("query={__typename}&variables={}" + canary), 400, ""},
		{"GET with extensions of another type", get("query={__typename}&extensions=7"), 400, ""},
		{"GET with a malformed address", get("query={__typename}&x=%zz" + canary), 400, ""},
		{"GET over the limit", get("query={__typename}&x=" + strings.Repeat("x", DefaultMaxBodyBytes)), 414, ""},
		{"a body at the limit is no refusal", post(fits), 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := do(t, newServer(t, Transport{}), tt.request)
			if a.Status != tt.status || a.Header.Get("Allow") != tt.allow {
				t.Errorf("got %d, Allow %q, want %d, Allow %q: %s", a.Status, a.Header.Get("Allow"), tt.status, tt.allow, a.Raw)
			}
			if tt.status == 200 {
				return
			}
			if diff := cmp.Diff([]string{"INVALID_INPUT"}, a.codes()); diff != "" {
				t.Errorf("codes: %s", diff)
			}
			if strings.Contains(a.Raw, `"data"`) || strings.Contains(a.Raw, canary) || strings.Contains(a.Raw, "buy") {
				t.Errorf("answered %s", a.Raw)
			}
		})
	}
}

func TestSaysThatBatchesAreNotAccepted(t *testing.T) {
	t.Parallel()
	a := do(t, newServer(t, Transport{}), post(`[{"query":"{__typename}"}]`))
	if len(a.Errors) != 1 || !strings.HasPrefix(a.Errors[0].Message, "Batches are not accepted") {
		t.Errorf("got %s", a.Raw)
	}
}

func TestMaxBodyBytes(t *testing.T) {
	t.Parallel()
	server := newServer(t, Transport{MaxBodyBytes: 29})
	for body, status := range map[string]int{
		`{"query":"{__typename}"}`: 200, `{"query":"{a:__typename   }"}`: 200,
		`{"query":"{a:__typename    }"}`: 413,
	} {
		if a := do(t, server, post(body)); a.Status != status {
			t.Errorf("%d bytes: got %d, want %d", len(body), a.Status, status)
		}
	}
}

// A well-formed request is 200 as application/json, come what may; the newer type tells by its status whether the
// operation was executed.
func TestStatusFollowsTheMediaType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		response   int // status as application/graphql-response+json; as application/json it is always 200
		codes      []string
		data       bool
	}{
		{"executed", `{"query":"{__typename}"}`, 200, nil, true},
		{
			"executed, with null parameters",
			`{"query":"{__typename}","operationName":null,"variables":null,"extensions":null}`, 200, nil, true,
		},
		{"executed, a field refused", `{"query":"{refused}"}`, 200, []string{"FORBIDDEN"}, true},
		{"executed, an error without a code", `{"query":"{broken}"}`, 200, []string{"INTERNAL"}, true},
		{"no document", `{"query":""}`, 400, []string{"GRAPHQL_VALIDATION_FAILED"}, false},
		{"a document that does not parse", `{"query":"{"}`, 400, []string{"GRAPHQL_PARSE_FAILED"}, false},
		{"an unknown field", `{"query":"{nope}"}`, 400, []string{"GRAPHQL_VALIDATION_FAILED"}, false},
		{
			"a missing variable", `{"query":"query($v:String!){header(value:$v)}"}`, 400,
			[]string{"GRAPHQL_VALIDATION_FAILED"},
			false,
		},
		{
			"an unknown operation", `{"query":"query A{__typename}","operationName":"B"}`, 400,
			[]string{"GRAPHQL_VALIDATION_FAILED"},
			false,
		},
		{
			"no choice among operations", `{"query":"query A{__typename} query B{__typename}"}`, 400,
			[]string{"GRAPHQL_VALIDATION_FAILED"},
			false,
		},
		{"a subscription", `{"query":"subscription{ticks}"}`, 400, []string{"INVALID_INPUT"}, false},
	}
	for _, tt := range tests {
		for mediaType, status := range map[string]int{typeJSON: 200, typeResponse: tt.response} {
			t.Run(tt.name+" as "+mediaType, func(t *testing.T) {
				t.Parallel()
				a := do(t, newServer(t, Transport{}), post(tt.body, "Accept", mediaType))
				if got := a.Header.Get("Content-Type"); a.Status != status || got != mediaType+"; charset=utf-8" {
					t.Errorf("got %d %s, want %d %s: %s", a.Status, got, status, mediaType, a.Raw)
				}
				if diff := cmp.Diff(tt.codes, a.codes()); diff != "" {
					t.Errorf("codes: %s", diff)
				}
				if got := strings.Contains(a.Raw, `"data"`); got != tt.data {
					t.Errorf("has data: %v, want %v: %s", got, tt.data, a.Raw)
				}
			})
		}
	}
	t.Cleanup(func() {
		if shared.Extensions != nil {
			t.Errorf("an error that is not ours was changed: %v", shared.Extensions)
		}
	})
}

// An extension may refuse an operation before it runs: by an error with a code, which becomes the status.
func TestStatusOfARefusedOperation(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{
		"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "RATE_LIMITED": 429, "OVERLOADED": 503, "INTERNAL": 500,
		"QUERY_TOO_COMPLEX": 400, "": 400,
	} {
		t.Run("code "+code, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, Transport{})
			server.AroundOperations(func(ctx context.Context, _ graphql.OperationHandler) graphql.ResponseHandler {
				refused := &gqlerror.Error{Message: "no"}
				if code != "" {
					refused.Extensions = map[string]any{"code": code}
				}
				SetHeader(ctx, "Retry-After", "3")
				return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{refused}})
			})
			for mediaType, want := range map[string]int{typeJSON: 200, typeResponse: status} {
				a := do(t, server, post(`{"query":"mutation{buy}"}`, "Accept", mediaType))
				if a.Status != want || strings.Contains(a.Raw, `"data"`) || a.Header.Get("Retry-After") != "3" {
					t.Errorf("as %s: got %d, want %d: %s %v", mediaType, a.Status, want, a.Raw, a.Header)
				}
				if (a.Status == 401) != (a.Header.Get("WWW-Authenticate") != "") {
					t.Errorf("as %s: %d with WWW-Authenticate %q", mediaType, a.Status, a.Header.Get("WWW-Authenticate"))
				}
				if got := a.codes(); code == "" && got[0] != "INVALID_INPUT" || code != "" && got[0] != code {
					t.Errorf("as %s: code %q, want %q", mediaType, got[0], code)
				}
			}
		})
	}
}

func TestBoundsTheErrorsOfAHostileDocument(t *testing.T) {
	t.Parallel()
	server := newServer(t, Transport{})
	for name, document := range map[string]string{
		"many errors":         "{__typename" + strings.Repeat(" @nope", 2000) + "}",
		"one error, repeated": "{" + strings.Repeat("nope ", 2000) + "}",
		"long names":          "{" + strings.Repeat(strings.Repeat("é", 200)+" ", 20) + "}",
		"one long name":       "{" + strings.Repeat("n", 20000) + "}",
		"one field many ways": "{" + strings.Repeat(`__typename a:echo(text:"1") a:echo(text:"2") `, 50) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]string{"query": document})
			if err != nil {
				t.Fatal(err)
			}
			a := do(t, server, post(string(body)))
			if len(a.Errors) == 0 || len(a.Errors) > maxErrors || len(a.Raw) > 2500 {
				t.Errorf("%d errors in %d bytes", len(a.Errors), len(a.Raw))
			}
			for _, e := range a.Errors {
				if len(e.Locations) > maxLocations || len(e.Message) > maxMessageBytes+len("…") {
					t.Errorf("%d locations, %d bytes: %s", len(e.Locations), len(e.Message), e.Message)
				}
			}
		})
	}
}

func TestAnswersWhenTheTimeIsOverBeforeExecution(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := do(t, newServer(t, Transport{}), post(`{"query":"mutation{buy}"}`).WithContext(ctx))
	if a.Status != 503 || a.codes()[0] != "OVERLOADED" || strings.Contains(a.Raw, `"data"`) {
		t.Errorf("got %d %s", a.Status, a.Raw)
	}
}

func TestSetHeader(t *testing.T) {
	t.Parallel()
	t.Run("reaches the response, the last value winning", func(t *testing.T) {
		t.Parallel()
		a := do(t, newServer(t, Transport{}), post(`{"query":"{a:header(value:\"r=2\") b:header(value:\"r=1\")}"}`))
		if diff := cmp.Diff([]string{"r=1"}, a.Header.Values("RateLimit")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("may be called by many at once", func(t *testing.T) {
		t.Parallel()
		ctx, collected := collectHeaders(t.Context())
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { SetHeader(ctx, fmt.Sprintf("X-%d", i%10), "v") })
		}
		wg.Wait()
		to := http.Header{}
		collected.copyTo(to)
		if len(to) != 10 {
			t.Errorf("%d headers, want 10", len(to))
		}
	})
	t.Run("does nothing elsewhere", func(t *testing.T) {
		t.Parallel()
		SetHeader(t.Context(), "RateLimit", "r=1")
	})
}

// A panic of the server is no answer of the transport's, but it leaves with the transport's headers.
func TestAPanicIsAnsweredWithTheHeaders(t *testing.T) {
	t.Parallel()
	server := newServer(t, Transport{})
	server.SetRecoverFunc(func(context.Context, any) error { return shared })
	server.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		resp := next(ctx)
		resp.Extensions = map[string]any{"no JSON": func() {}}
		return resp
	})
	a := do(t, server, post(`{"query":"{__typename}"}`))
	if a.Status != 500 || a.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("got %d %v %s", a.Status, a.Header, a.Raw)
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const none = ""
	tests := []struct{ accept, want string }{
		{"*/*", typeJSON},
		{"application/*", typeJSON},
		{"application/json", typeJSON},
		{"application/graphql-response+json", typeResponse},
		{"Application/JSON; charset=utf-8", typeJSON},
		{"application/graphql-response+json; charset=utf-8", typeResponse},
		{"application/graphql-response+json, application/json", typeResponse},
		{"application/json, application/graphql-response+json", typeResponse},
		{"application/json, application/graphql-response+json;q=0.9", typeJSON},
		{"application/graphql-response+json;q=0.9, application/json;q=0.8", typeResponse},
		{"application/json, multipart/mixed", typeJSON},
		{"application/json, */*", typeJSON},
		{"application/graphql-response+json, */*;q=0.1", typeResponse},
		{"application/json;q=0, */*", typeResponse},
		{"application/json;q=0, */*;q=0", none},
		{"application/*;q=0, */*", none},
		{"application/graphql-response+json;q=0, application/*", typeJSON},
		{"application/graphql-response+json;q=0", none},
		{"application/json;q=NaN", none},
		{"application/json;q=7", none},
		{"application/json;q=-1, text/html", none},
		{"text/event-stream", none},
		{"text/html, application/xhtml+xml, */*;q=0.8", typeJSON},
		{";;, application/json", typeJSON},
		{"", typeJSON},
	}
	for _, tt := range tests {
		t.Run(tt.accept, func(t *testing.T) {
			t.Parallel()
			got, ok := negotiate([]string{tt.accept})
			if ok != (tt.want != none) || ok && got != tt.want {
				t.Errorf("got %q, %v, want %q", got, ok, tt.want)
			}
		})
	}
	if got, ok := negotiate(nil); got != typeJSON || !ok {
		t.Errorf("without the header: got %q, %v", got, ok)
	}
	if got, ok := negotiate([]string{"text/html", typeResponse}); got != typeResponse || !ok {
		t.Errorf("in a second header: got %q, %v", got, ok)
	}
}

// FuzzDecode holds the reader of bodies to encoding/json: what is accepted is an object with exactly these values, and
// what is refused is told in a sentence of ours.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{__typename}"}`,
		`{"query":"q","operationName":null,"variables":{"n":0.10,"s":"0.10"},"extensions":{}}`,
		`{"query":"a","query":"b","QUERY":7}`,
		`[{"query":"q"}]`, `{"query":"\ud800"}`, "{\"query\":\"\xff\"}", `{"variables":{`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		params, refused := decode(bytes.Clone(body))
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		err := d.Decode(&object)
		if refused != nil {
			if refused.status != http.StatusBadRequest || refused.message == "" {
				t.Fatalf("refused with %+v", refused)
			}
			return
		}
		if err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		name, _ := object["operationName"].(string)
		variables, _ := object["variables"].(map[string]any)
		extensions, _ := object["extensions"].(map[string]any)
		want := &graphql.RawParams{
			Query: object["query"].(string), OperationName: name, Variables: variables, Extensions: extensions,
		}
		if diff := cmp.Diff(want, params); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkTransport(b *testing.B) {
	server := newServer(b, Transport{})
	page := bytes.Repeat([]byte(`{"id":"prd_1","name":"A Room with a View","price":"1.20"},`), 1000)
	page = append(append([]byte(`{"products":[`), page[:len(page)-1]...), "]}"...)
	server.AroundOperations(func(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{Data: page})
	})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, post(`{"query":"{__typename}"}`))
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
