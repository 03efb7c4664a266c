package graphqlhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/internal/fault"
)

// What a request that was never executed may be told: enough to correct it, too little to be worth a flood.
const (
	maxErrors       = 5
	maxLocations    = 3
	maxMessageBytes = 256
)

// responder writes the one answer of a request.
type responder struct {
	w         http.ResponseWriter
	mediaType string
	collected *headers
}

// prepare sets what every answer has. It comes first so that the answer to a panic, which gqlgen writes, has it too.
func (o responder) prepare() {
	h := o.w.Header()
	h.Set("Content-Type", o.mediaType+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// refuse answers a request that is not well formed, or that there is no room for; the status is the same for both media
// types.
func (o responder) refuse(refused *refusal) {
	if refused.retryAfter > 0 {
		o.w.Header().Set("Retry-After", strconv.FormatInt(roundUp(refused.retryAfter, time.Second), 10))
	}
	o.write(refused.status, &graphql.Response{Errors: refused.errors()})
}

// errors are what a refusal is in a response.
func (r *refusal) errors() gqlerror.List {
	code := fault.InvalidInput
	switch r.status {
	case http.StatusServiceUnavailable:
		code = fault.Overloaded
	case http.StatusForbidden:
		code = fault.Forbidden
	}
	errs := coded(code, r.message)
	if r.retryAfter > 0 {
		errs[0].Extensions["retryAfterMs"] = roundUp(r.retryAfter, time.Millisecond)
	}
	return errs
}

// roundUp is how many units a wait takes: whoever comes a bit too early has come in vain.
func roundUp(wait, unit time.Duration) int64 { return int64((wait + unit - 1) / unit) }

func coded(code fault.Code, message string) gqlerror.List {
	return gqlerror.List{{Message: message, Extensions: map[string]any{"code": string(code)}}}
}

// send answers a well-formed request. With data it was executed and the status is 200, whatever went wrong on the way;
// without data the newer media type tells the reason by its status too.
func (o responder) send(resp *graphql.Response) {
	executed := len(resp.Data) > 0
	missing := fault.InvalidInput
	if executed {
		missing = fault.Internal
	}
	resp.Errors = withCodes(resp.Errors, missing)

	status := http.StatusOK
	if !executed && o.mediaType == typeResponse {
		status = statusOf(resp.Errors)
	}
	if status == http.StatusUnauthorized {
		o.w.Header().Set("WWW-Authenticate", "Bearer")
	}
	o.write(status, resp)
}

func (o responder) write(status int, resp *graphql.Response) {
	body, err := encode(resp)
	if err != nil {
		panic(err) // an extension that is no JSON is a bug of the server; gqlgen's server recovers, presents and logs it
	}
	h := o.w.Header()
	o.collected.copyTo(h)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	o.w.WriteHeader(status)
	_, _ = o.w.Write(body) // a caller who went away is told nothing
}

// encode writes errors first, as the GraphQL specification advises, and leaves out "data" when nothing was executed.
// The data is copied as it is: gqlgen has just written it, and to have encoding/json check a page of products again
// costs more than to send it.
func encode(resp *graphql.Response) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(resp.Data) + 64)
	b.WriteByte('{')
	add := func(key string, value []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(key)
		b.Write(value)
	}
	if len(resp.Errors) > 0 {
		errs, err := json.Marshal(resp.Errors)
		if err != nil {
			return nil, fmt.Errorf("encoding the errors of a response: %w", err)
		}
		add(`"errors":`, errs)
	}
	if len(resp.Data) > 0 {
		add(`"data":`, resp.Data)
	}
	if len(resp.Extensions) > 0 {
		extensions, err := json.Marshal(resp.Extensions)
		if err != nil {
			return nil, fmt.Errorf("encoding the extensions of a response: %w", err)
		}
		add(`"extensions":`, extensions)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// statusOf is the status of an operation that was not executed, for application/graphql-response+json.
func statusOf(errs gqlerror.List) int {
	for _, e := range errs {
		switch code, _ := e.Extensions["code"].(string); fault.Code(code) {
		case fault.Unauthenticated:
			return http.StatusUnauthorized
		case fault.Forbidden:
			return http.StatusForbidden
		case fault.RateLimited:
			return http.StatusTooManyRequests
		case fault.Overloaded:
			return http.StatusServiceUnavailable
		case fault.Internal:
			return http.StatusInternalServerError
		}
	}
	return http.StatusBadRequest
}

// withCodes gives every error without a code the one that is missing. Errors are copied before they are changed, for
// an extension may hand out the same one to many requests.
func withCodes(errs gqlerror.List, missing fault.Code) gqlerror.List {
	coded := make(gqlerror.List, len(errs))
	for i, e := range errs {
		if _, has := e.Extensions["code"]; !has {
			clone := *e
			clone.Extensions = map[string]any{"code": string(missing)}
			maps.Copy(clone.Extensions, e.Extensions)
			e = &clone
		}
		coded[i] = e
	}
	return coded
}

// shorten bounds the errors of a request that was not executed, so that a small hostile document cannot ask for a large
// answer: one with 5,000 bad directives would otherwise be answered with 800 kB.
func shorten(errs gqlerror.List) gqlerror.List {
	short := make(gqlerror.List, 0, maxErrors)
	for _, e := range errs[:min(len(errs), maxErrors)] {
		clone := *e
		clone.Locations = e.Locations[:min(len(e.Locations), maxLocations)]
		if cut := maxMessageBytes; len(e.Message) > cut {
			for !utf8.RuneStart(e.Message[cut]) {
				cut--
			}
			clone.Message = e.Message[:cut] + "…"
		}
		short = append(short, &clone)
	}
	return short
}
