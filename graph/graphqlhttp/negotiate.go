package graphqlhttp

import (
	"mime"
	"strconv"
	"strings"
)

const (
	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
)

// negotiate chooses the media type of the answer from the values of the Accept header (RFC 9110, 12.5.1). The type with
// the higher quality wins. Between equals application/graphql-response+json wins where it is named, since its status
// says more; wildcards and a missing or empty header mean application/json, which every client understands. When neither is
// acceptable the answer is application/json and false.
func negotiate(accept []string) (mediaType string, ok bool) {
	if strings.TrimSpace(strings.Join(accept, ",")) == "" {
		return typeJSON, true
	}
	json, response, _ := preferences(accept)
	if response.q > json.q || response.q == json.q && response.q > 0 && response.by == exact {
		return typeResponse, true
	}
	return typeJSON, json.q > 0
}

// negotiateStream says whether the answer may be an event stream, which must be named for that: whoever takes anything
// wants an answer that ends. It is preferred when nothing else is acceptable, or is less welcome.
func negotiateStream(accept []string) (ok, preferred bool) {
	json, response, stream := preferences(accept)
	return stream.q > 0, stream.q > max(json.q, response.q)
}

// preferences reads the values of the Accept header.
func preferences(accept []string) (json, response, stream preference) {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		pattern, args, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, given := args["q"]; given {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		switch pattern {
		case typeJSON:
			json.apply(exact, q)
		case typeResponse:
			response.apply(exact, q)
		case typeEventStream:
			stream.apply(exact, q)
		case "application/*":
			json.apply(subtypes, q)
			response.apply(subtypes, q)
		case "*/*":
			json.apply(anything, q)
			response.apply(anything, q)
		}
	}
	return json, response, stream
}

// How closely a range of the Accept header names a media type; a closer one overrides a wider one.
const (
	unnamed = iota
	anything
	subtypes
	exact
)

// preference is how much a client wants one media type: q from 0 (not at all) to 1.
type preference struct {
	by int
	q  float64
}

func (p *preference) apply(by int, q float64) {
	if by > p.by || by == p.by && q > p.q {
		p.by, p.q = by, q
	}
}
