package graphqlhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// refusal is a request that is not well formed as GraphQL over HTTP. Its message is a constant of this package: bodies
// hold codes and tokens, so nothing of a request that could not be read goes into an answer or a log.
type refusal struct {
	status  int
	message string
	// retryAfter is when to come again; zero says nothing.
	retryAfter time.Duration
}

func badRequest(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, message: message}
}

// read takes the parameters out of a request.
func (t Transport) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	limit := t.MaxBodyBytes
	if limit == 0 {
		limit = DefaultMaxBodyBytes
	}
	start := graphql.Now()
	var params *graphql.RawParams
	var refused *refusal
	switch r.Method {
	case http.MethodPost:
		params, refused = readPost(w, r, limit)
	case http.MethodGet:
		params, refused = readGet(r, limit)
	default:
		w.Header().Set("Allow", "GET, POST")
		refused = &refusal{status: http.StatusMethodNotAllowed, message: "Send queries and mutations with POST, or queries with GET."}
	}
	if refused != nil {
		return nil, refused
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

func readPost(w http.ResponseWriter, r *http.Request, limit int64) (*graphql.RawParams, *refusal) {
	mediaType, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, named := args["charset"]
	if err != nil || mediaType != typeJSON || named && !strings.EqualFold(charset, "utf-8") {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, message: "Send the request as Content-Type: application/json in UTF-8."}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, message: "Send the request without a Content-Encoding."}
	}
	var text bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= limit {
		text.Grow(int(n) + bytes.MinRead)
	}
	_, err = text.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, message: "The request is too long."}
	}
	if err != nil {
		return nil, badRequest("The request ended before it was complete.")
	}
	return decode(text.Bytes())
}

// decode reads the JSON object of a POST. Names are matched exactly, unlike encoding/json does for structs, and numbers
// in variables stay as they were written (json.Number), since a float would bend an amount. Other names are ignored.
func decode(body []byte) (*graphql.RawParams, *refusal) {
	if !utf8.Valid(body) {
		return nil, badRequest("The body is not UTF-8.")
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return nil, badRequest("Batches are not accepted: send one operation as a JSON object.")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, badRequest("The body is not a JSON object.")
	}
	var query *string
	if !decodeField(fields["query"], &query) || query == nil {
		return nil, badRequest(`The request needs "query", a string.`)
	}
	params := &graphql.RawParams{Query: *query}
	if !decodeField(fields["operationName"], &params.OperationName) {
		return nil, badRequest(`"operationName" is not a string.`)
	}
	return params, decodeMaps(params, fields["variables"], fields["extensions"])
}

func readGet(r *http.Request, limit int64) (*graphql.RawParams, *refusal) {
	if int64(len(r.URL.RawQuery)) > limit {
		return nil, &refusal{status: http.StatusRequestURITooLong, message: "The request is too long."}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query string of the address is malformed.")
	}
	if !values.Has("query") {
		return nil, badRequest(`The request needs "query", a string.`)
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	return params, decodeMaps(params, []byte(values.Get("variables")), []byte(values.Get("extensions")))
}

func decodeMaps(params *graphql.RawParams, variables, extensions []byte) *refusal {
	if !decodeField(variables, &params.Variables) {
		return badRequest(`"variables" is not a JSON object.`)
	}
	if !decodeField(extensions, &params.Extensions) {
		return badRequest(`"extensions" is not a JSON object.`)
	}
	return nil
}

// decodeField reads one JSON value and says whether it fits. An absent value and null leave the target as it is.
func decodeField(raw []byte, into any) bool {
	if len(raw) == 0 {
		return true
	}
	if raw[0] == '"' {
		return json.Unmarshal(raw, into) == nil // no number in it
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(into) != nil {
		return false
	}
	_, err := d.Token() // anything after the value, as a GET may carry
	return errors.Is(err, io.EOF)
}
