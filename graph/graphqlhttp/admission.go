package graphqlhttp

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// patience is how long an operation waits for its turn. Whoever has waited for longer has, as a rule, given up already.
const patience = time.Second

// Budget is room for operations of one kind.
type Budget struct {
	// Executing is how many run at once, at least one.
	Executing int
	// Waiting is how many more wait for their turn, for a second at most; zero has nobody wait.
	Waiting int
}

// Load is how a budget is used.
type Load struct {
	// Executing and Waiting are how many operations do so now.
	Executing, Waiting int
	// Refused is how many have been turned away so far.
	Refused int64
}

// Admission bounds what a process executes at once, queries and mutations apart, so that a flood of the ones leaves room
// for the others. An operation beyond the budget of its kind waits in a bounded line; when that is full, too, it is
// turned away at once: OVERLOADED, with a time to come again. So a process that gets ten times what it can do goes on
// doing what it can. Subscriptions are not counted here (Streams).
//
// A document in which the word "mutation" does not occur is turned away before it is parsed. Give one Admission to all
// transports of a server; nil admits everything.
type Admission struct{ queries, mutations *line }

// NewAdmission has room for everybody yet.
func NewAdmission(queries, mutations Budget) *Admission {
	return &Admission{queries: newLine(queries), mutations: newLine(mutations)}
}

// Queries is how much is read.
func (a *Admission) Queries() Load { return a.queries.load() }

// Mutations is how much is changed.
func (a *Admission) Mutations() Load { return a.mutations.load() }

// enter lets an operation be executed until leave is called, which may be more than once, or refuses it.
func (a *Admission) enter(ctx context.Context, kind ast.Operation) (leave func(), refused *refusal) {
	switch {
	case a == nil:
	case kind == ast.Query:
		return a.queries.enter(ctx)
	case kind == ast.Mutation:
		return a.mutations.enter(ctx)
	}
	return func() {}, nil
}

// onlyReads says whether a document that is not parsed yet can only be a query: the others are not written without their
// word. It may be nothing at all, which is found out when there is time for it.
func onlyReads(document string) bool {
	return !strings.Contains(document, string(ast.Mutation)) && !strings.Contains(document, string(ast.Subscription))
}

// line is a budget and who uses it.
type line struct {
	executing chan struct{} // holds one for each operation that runs
	longest   int64
	patience  time.Duration

	waiting, refused atomic.Int64
}

func newLine(b Budget) *line {
	return &line{executing: make(chan struct{}, max(b.Executing, 1)), longest: int64(b.Waiting), patience: patience}
}

func (l *line) load() Load {
	return Load{Executing: len(l.executing), Waiting: int(l.waiting.Load()), Refused: l.refused.Load()}
}

// enter waits for a place. Places are given in the order in which they were asked for.
func (l *line) enter(ctx context.Context) (leave func(), refused *refusal) {
	select {
	case l.executing <- struct{}{}:
		return l.leave(), nil
	default:
	}
	if l.waiting.Add(1) > l.longest {
		l.waiting.Add(-1)
		return nil, l.turnAway()
	}
	defer l.waiting.Add(-1)
	tooLong := time.NewTimer(l.patience)
	defer tooLong.Stop()
	select {
	case l.executing <- struct{}{}:
		return l.leave(), nil
	case <-tooLong.C:
		return nil, l.turnAway()
	case <-ctx.Done():
		return nil, timeIsOver()
	}
}

func (l *line) leave() func() { return sync.OnceFunc(func() { <-l.executing }) }

// turnAway tells everybody another time to come again, lest they all come together.
func (l *line) turnAway() *refusal {
	l.refused.Add(1)
	return &refusal{
		status: http.StatusServiceUnavailable, message: "The shop is too busy. Try again later.",
		retryAfter: patience/2 + rand.N(patience), //nolint:gosec // Nobody gains by guessing it.
	}
}

func timeIsOver() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, message: "The time of the request was over before it could be executed."}
}
