package graphqlhttp

import (
	"context"
	"maps"
	"net/http"
	"sync"
)

// SetHeader sets a header of the HTTP response that will carry the running operation, replacing an earlier value.
// Resolvers may call it, also at the same time; the headers are written just before the body. It does nothing for an
// operation that came by another transport, such as a WebSocket, where a single answer has no headers.
func SetHeader(ctx context.Context, key, value string) {
	if c, ok := ctx.Value(headersKey{}).(*headers); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.values.Set(key, value)
	}
}

type headersKey struct{}

// headers are those collected while an operation runs: http.ResponseWriter's own map must not be written by several
// resolvers at once.
type headers struct {
	mu     sync.Mutex
	values http.Header
}

func collectHeaders(ctx context.Context) (context.Context, *headers) {
	c := &headers{values: http.Header{}}
	return context.WithValue(ctx, headersKey{}, c), c
}

func (h *headers) copyTo(to http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(to, h.values)
}
