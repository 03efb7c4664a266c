package guard

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// roundScripts is how many scripts go to Redis together at most. It runs them in a few milliseconds, well below
	// the time-out for reading the answers.
	roundScripts = 256
	// waitingRounds is how many full rounds may wait. A Redis that is further behind than that would not answer the last of
	// them in time.
	waitingRounds = 16
)

// errBehind is the answer when too many wait for Redis already; no token was taken.
var errBehind = errors.New("too many wait for Redis")

// pipeline is a client of redis_rate that sends the scripts of many callers together. A script that comes while nothing
// is under way goes alone and at once. Those that come meanwhile wait and go together, in one write and one read, as
// soon as that has ended. Half of what an ask costs is getting the words to Redis and back, for both sides, and a round
// shares that among all who are in it.
//
// A script is sent once: an answer that was lost may be of a script that took a token. It starts a goroutine
// when somebody waits, which ends when nobody does.
type pipeline struct {
	redis.UniversalClient

	mu sync.Mutex
	// busy says that something is under way.
	busy bool
	// rounds wait, the first to come in front. All but the last are full.
	rounds []*round
}

// round is what goes to Redis together.
type round struct {
	scripts []script
	// done is closed when every script has its answer or its error.
	done chan struct{}
}

type script struct {
	cmd *redis.Cmd
	// gone is closed when the caller no longer waits.
	gone <-chan struct{}
}

// once is a command that go-redis does not send again after an error. Its client for clusters would otherwise try the
// whole of a pipeline anew when a node does not answer in time.
type once struct{ *redis.Cmd }

// NoRetry is what go-redis asks.
func (once) NoRetry() bool { return true }

// Eval runs a script in the next round.
func (p *pipeline) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return p.run(ctx, "eval", text, keys, args)
}

// EvalSha runs a script that Redis knows in the next round.
func (p *pipeline) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return p.run(ctx, "evalsha", sha1, keys, args)
}

func (p *pipeline) run(ctx context.Context, name, text string, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, name, text, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3) // By which a cluster finds the node.

	r, alone := p.join(script{cmd, ctx.Done()})
	switch {
	case alone:
		defer p.goOn()
		_ = p.Process(ctx, once{cmd}) // Its error is the command's.
	case r == nil:
		cmd.SetErr(errBehind)
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			cmd = redis.NewCmd(ctx) // The round may still write into the other.
			cmd.SetErr(context.Cause(ctx))
		}
	}
	return cmd
}

// join puts a script into the round that gathers and returns it, or nil when too many wait already. When nothing is
// under way it says that the script goes alone; goOn must follow.
func (p *pipeline) join(s script) (r *round, alone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.busy {
		p.busy = true
		return nil, true
	}
	if n := len(p.rounds); n > 0 && len(p.rounds[n-1].scripts) < roundScripts {
		r = p.rounds[n-1]
	} else if n == waitingRounds {
		return nil, false
	} else {
		r = &round{done: make(chan struct{})}
		p.rounds = append(p.rounds, r)
	}
	r.scripts = append(r.scripts, s)
	return r, false
}

// goOn sends what has gathered, beside the caller, who has an answer already.
func (p *pipeline) goOn() {
	r := p.next()
	if r == nil {
		return
	}
	go func() {
		for ; r != nil; r = p.next() {
			p.send(r)
		}
	}()
}

// next takes the first of the rounds that wait. When there is none, nothing is under way any more.
func (p *pipeline) next() *round {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rounds) == 0 {
		p.busy = false
		return nil
	}
	r := p.rounds[0]
	p.rounds = p.rounds[1:]
	return r
}

// send asks Redis for all of a round whose callers still wait. It ends by the time-outs of the client.
func (p *pipeline) send(r *round) {
	defer close(r.done)
	pipe := p.UniversalClient.Pipeline()
	ctx := context.Background() // A caller who leaves must not take the others' answers along.
	for _, s := range r.scripts {
		select {
		case <-s.gone:
		default:
			_ = pipe.Process(ctx, once{s.cmd}) // It only queues.
		}
	}
	_, err := pipe.Exec(ctx)
	if err == nil {
		return
	}
	for _, s := range r.scripts {
		// go-redis leaves commands without answer and error when Redis refuses the connection, as for a wrong password.
		if s.cmd.Err() == nil && s.cmd.Val() == nil {
			s.cmd.SetErr(err)
		}
	}
}
