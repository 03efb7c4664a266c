package graph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph/graphqlhttp"
	"farthing/internal/actor"
)

const (
	// keptPages is how many bytes all answers together may have that are kept, and keptPage how many one may have.
	keptPages = 16 << 20
	keptPage  = 1 << 20
)

// Pages keep what visitors were answered, for the next visitor who asks the same: the catalogue is the same for everybody
// who is nobody, until it changes. An answer that is given tells what was so at most a time to live before it was asked
// for, on this instance and on all others, whatever has changed meanwhile.
//
// What is kept must never be somebody's own. It is the answer to a request without a token, whose every field is known to be
// shared (sharedFields), that had no errors and set no header but those every answer has. It is given to requests
// that are equal in all that an answer depends on: method, address, body and the headers that say how they are to be read.
type Pages struct {
	ttl   time.Duration
	clock func() time.Time

	mu      sync.Mutex
	kept    *simplelru.LRU[pageKey, *keptAnswer]
	bytes   int
	flights map[pageKey]*flight
}

// NewPages keeps answers for so long.
func NewPages(ttl time.Duration, clock func() time.Time) *Pages {
	p := &Pages{ttl: ttl, clock: clock, flights: map[pageKey]*flight{}}
	// It is bounded by bytes; this number of answers is never reached.
	p.kept, _ = simplelru.NewLRU(keptPages, func(_ pageKey, a *keptAnswer) { p.bytes -= a.size() })
	return p
}

// pageKey is the digest of all that an answer depends on.
type pageKey [sha256.Size]byte

// keptAnswer is an answer that many are given.
type keptAnswer struct {
	asked  time.Time // what it tells was so then or later
	header http.Header
	body   []byte
}

// size is about how much memory it takes, with its place in the list.
func (a *keptAnswer) size() int { return len(a.body) + 1<<10 }

func (a *keptAnswer) writeTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.body) // a caller who went away is told nothing
}

// flight is a request whose answer others wait for, who have asked the same meanwhile.
type flight struct {
	asked time.Time
	// private is closed when it has turned out that its answer is not for others, and landed when there is one or none.
	private, landed chan struct{}
	// answer is set before landed is closed; nil when there is none that others may have.
	answer *keptAnswer
	// shared and clean are what the GraphQL server finds out about the operation and its answer (Sharing).
	shared, clean bool
}

// Serve answers with what is kept, and has next answer everything else.
func (p *Pages) Serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := keyOf(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		kept, own, other := p.look(key)
		if other != nil {
			kept = other.wait(r.Context())
		}
		switch {
		case kept != nil:
			kept.writeTo(w)
		case own != nil:
			defer p.land(key, own)
			copied := &copyingWriter{ResponseWriter: w, flight: own, before: w.Header().Clone()}
			next.ServeHTTP(copied, r.WithContext(context.WithValue(r.Context(), flightKey{}, own)))
			own.answer = copied.answer()
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// keyOf tells what the answer to a visitor depends on; false when the request is not of a kind whose answers are kept. It
// leaves the request as it was, to be read again.
func keyOf(r *http.Request) (pageKey, bool) {
	for _, name := range []string{"Authorization", "Upgrade", "Content-Encoding", "Farthing-Shopper"} {
		if len(r.Header[name]) > 0 {
			return pageKey{}, false
		}
	}
	accept := r.Header["Accept"]
	streams := slices.ContainsFunc(accept, func(a string) bool { return strings.Contains(strings.ToLower(a), "event-stream") })
	if streams || !actor.From(r.Context()).Anonymous() || r.ContentLength < 0 || r.ContentLength > graphqlhttp.DefaultMaxBodyBytes ||
		r.Method != http.MethodPost && r.Method != http.MethodGet {
		return pageKey{}, false
	}
	body := make([]byte, r.ContentLength)
	n, err := io.ReadFull(r.Body, body)
	if err != nil { // whoever reads on is told the same
		r.Body = reread{io.MultiReader(bytes.NewReader(body[:n]), r.Body), r.Body}
		return pageKey{}, false
	}
	r.Body = reread{bytes.NewReader(body), r.Body}

	// Each part with its length before it, so that no two requests can be written alike.
	text := make([]byte, 0, len(body)+512)
	for _, part := range slices.Concat([]string{r.Method, r.URL.RawQuery}, r.Header["Content-Type"], []string{""}, accept) {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return sha256.Sum256(append(append(text, 0), body...)), true
}

// reread is a body that is read from the beginning again.
type reread struct {
	io.Reader
	io.Closer
}

// look finds the answer that is kept. When there is none the caller is to make one, unless another is about to.
func (p *Pages) look(key pageKey) (kept *keptAnswer, own, other *flight) {
	now := p.clock()
	fresh := func(asked time.Time) bool {
		age := now.Sub(asked)
		return age >= 0 && age < p.ttl // a clock that was set back makes nothing young
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept, ok := p.kept.Get(key); ok {
		if fresh(kept.asked) {
			return kept, nil, nil
		}
		p.kept.Remove(key)
	}
	if other := p.flights[key]; other != nil && fresh(other.asked) {
		return nil, nil, other
	}
	own = &flight{asked: now, private: make(chan struct{}), landed: make(chan struct{})}
	p.flights[key] = own
	return nil, own, nil
}

// land ends a flight, and keeps its answer if it has one that others may have.
func (p *Pages) land(key pageKey, f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flights[key] == f {
		delete(p.flights, key)
	}
	close(f.landed)
	if f.answer == nil {
		return
	}
	p.kept.Remove(key)
	p.kept.Add(key, f.answer)
	for p.bytes += f.answer.size(); p.bytes > keptPages; {
		p.kept.RemoveOldest()
	}
}

// wait gives the answer of a flight; nil when there is none for others, or nobody waits any more.
func (f *flight) wait(ctx context.Context) *keptAnswer {
	select {
	case <-f.landed:
		return f.answer
	case <-f.private:
	case <-ctx.Done():
	}
	return nil
}

// ownHeaders are those that every answer has, and has of its own.
var ownHeaders = []string{"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options"}

// copyingWriter writes an answer and copies it for others.
type copyingWriter struct {
	http.ResponseWriter
	flight *flight
	before http.Header

	wrote  bool
	header http.Header
	body   []byte
}

// WriteHeader notes the headers of an answer that others may have: one with any header that not every answer has is
// somebody's own.
func (w *copyingWriter) WriteHeader(status int) {
	w.wrote = true
	if status == http.StatusOK && w.flight.clean {
		others := w.Header().Clone()
		own := http.Header{}
		for _, name := range ownHeaders {
			if values := others[name]; values != nil {
				own[name] = values
			}
			delete(others, name)
			delete(w.before, name)
		}
		if maps.EqualFunc(others, w.before, slices.Equal) {
			w.header = own
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write copies what others may have.
func (w *copyingWriter) Write(text []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.header != nil && len(w.body)+len(text) <= keptPage {
		w.body = append(w.body, text...)
	} else {
		w.header = nil
	}
	return w.ResponseWriter.Write(text)
}

// Unwrap lets http.ResponseController reach the writer inside.
func (w *copyingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answer is the copy; nil when it is not for others.
func (w *copyingWriter) answer() *keptAnswer {
	if w.header == nil {
		return nil
	}
	return &keptAnswer{asked: w.flight.asked, header: w.header, body: w.body}
}

type flightKey struct{}

// Sharing tells Pages which operations are shared, and which answers have no errors.
type Sharing struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = Sharing{}

// ExtensionName names the extension.
func (Sharing) ExtensionName() string { return "Sharing" }

// Validate has nothing to check.
func (Sharing) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation says whether the answer of an operation may be shared, as soon as that is known.
func (Sharing) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		if f.shared = sharedOperation(graphql.GetOperationContext(ctx)); !f.shared {
			close(f.private)
		}
	}
	return next(ctx)
}

// InterceptResponse says whether an answer tells what was asked for, and nothing else.
func (Sharing) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		f.clean = f.shared && resp != nil && len(resp.Errors) == 0 && len(resp.Extensions) == 0
	}
	return resp
}

// sharedFields are the fields, by their types, whose value is the same for all visitors and does not have to be exact to
// the instant: a time to live late is soon enough. What is not listed is not shared, so a new field is not until somebody has
// thought about it. Above all no clock (serverTime) is, and nothing that is counted by a limiter (quote).
var sharedFields = fieldsOf(map[string]string{
	"Query": "products product bundles bundle trialOffers flashSales flashSale",

	"ProductConnection":    "edges nodes pageInfo totalCount",
	"ProductEdge":          "cursor node",
	"BundleConnection":     "edges nodes pageInfo totalCount",
	"BundleEdge":           "cursor node",
	"TrialOfferConnection": "edges nodes pageInfo totalCount",
	"TrialOfferEdge":       "cursor node",
	"FlashSaleConnection":  "edges nodes pageInfo totalCount",
	"FlashSaleEdge":        "cursor node",
	"PageInfo":             "hasNextPage hasPreviousPage startCursor endCursor",

	"Product": "id slug kind status name description languages creator tags categories media units price prices owned bundles " +
		"trialOffers tierPlan priceHistory publishFrom publishUntil version createdAt updatedAt",
	"Price":           "list current lowestLast30Days flashSale until adjustments notApplied",
	"PriceAdjustment": "kind label source amount unitsApplied",
	"OfferNotApplied": "kind label source reason message path",
	"PriceStep":       "price since",
	"Money":           "amount currency",
	"Media":           "kind url alt",
	"Bundle": "id slug kind status name description components products choose percentOff fixedPrices price owned leftOut " +
		"publishFrom publishUntil priceHistory version createdAt updatedAt",
	"BundleComponent": "product bundle quantity",
	"LeftOut":         "product reason",
	"TrialOffer": "id product status name description price owned used durationHours graceHours uses publishFrom publishUntil " +
		"version createdAt updatedAt",
	"FlashSale": "id status name description kind percentOff fixedPrices scope startsAt endsAt recurrence currentWindow stock " +
		"remaining perShopper endedAt version createdAt updatedAt",
	"OfferScope": "products bundles tags categories",
	"Recurrence": "timeZone weekdays from until",
	"SaleWindow": "startsAt endsAt",
	"TierPlan":   "id product status name mode tiers startsAt endsAt version createdAt updatedAt",
	"Tier":       "from upTo prices",
})

type fieldName struct{ kind, field string }

func fieldsOf(lists map[string]string) map[fieldName]bool {
	set := map[fieldName]bool{}
	for kind, list := range lists {
		for field := range strings.FieldsSeq(list) {
			set[fieldName{kind, field}] = true
		}
	}
	return set
}

// sharedOperation says whether all that an operation asks for is shared. Fields that its variables leave out count too.
func sharedOperation(op *graphql.OperationContext) bool {
	if op.Operation.Operation != ast.Query {
		return false
	}
	seen := map[string]bool{}
	var shared func(ast.SelectionSet) bool
	shared = func(selections ast.SelectionSet) bool {
		for _, selection := range selections {
			ok := false
			switch s := selection.(type) {
			case *ast.Field:
				ok = s.ObjectDefinition != nil && (s.Name == "__typename" || sharedFields[fieldName{s.ObjectDefinition.Name, s.Name}]) &&
					shared(s.SelectionSet)
			case *ast.InlineFragment:
				ok = shared(s.SelectionSet)
			case *ast.FragmentSpread:
				ok = seen[s.Name] || s.Definition != nil
				if !seen[s.Name] && ok {
					seen[s.Name] = true
					ok = shared(s.Definition.SelectionSet)
				}
			}
			if !ok {
				return false
			}
		}
		return true
	}
	return shared(op.Operation.SelectionSet)
}
