package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// redisPrefix keeps the buckets apart from other programs' keys. redis_rate puts "rate:" before it.
const redisPrefix = "farthing:"

// Redis is a limiter that counts in Redis, by the clock of the Redis server, so that every instance shares one count.
// A bucket is one key that expires when the bucket is full again. It is safe for concurrent use.
type Redis struct {
	limiter *redis_rate.Limiter
}

// NewRedis makes a limiter on a client from OpenRedis. Closing the client stays with whoever opened it.
func NewRedis(client redis.UniversalClient) *Redis {
	return &Redis{limiter: redis_rate.NewLimiter(&pipeline{UniversalClient: client})}
}

// Allow decides in Redis, in one round trip per bucket, which all who ask at the same time share. An outage of Redis is an
// error; a token may or may not have been taken then. It is an error, too, when some four thousand wait already: Redis
// cannot keep up, and no token was taken. The time-outs of OpenRedis and the context bound how long that takes.
func (r *Redis) Allow(ctx context.Context, buckets ...Bucket) (Decision, error) {
	if err := check(ctx, buckets); err != nil {
		return Decision{}, err
	}
	return inOrder(buckets, func(b Bucket) (Decision, error) {
		limit := redis_rate.Limit{Burst: b.Limit.Burst, Rate: b.Limit.Rate, Period: b.Limit.Period}
		res, err := r.limiter.Allow(ctx, redisPrefix+b.Key, limit)
		if err != nil {
			return Decision{}, fmt.Errorf("asking Redis for a rate: %w", err)
		}
		return decision(b.Limit, res.Allowed > 0, res.Remaining, res.RetryAfter, res.ResetAfter), nil
	})
}

// OpenRedis makes a client for the limiter; it does not connect yet, since a shop starts without Redis too. The address
// is one URL (redis://user:password@host:6379/0, or rediss:// for TLS), or several separated by commas, which
// means a Redis Cluster: any of its nodes, all with the scheme and the credentials of the first.
//
// The time-outs are short and nothing is tried twice: a limiter that hesitates is worse than a stricter one, and a
// script that is sent again takes a second token. An error never repeats the address, which may hold a password.
func OpenRedis(address string) (redis.UniversalClient, error) {
	var nodes []*redis.Options
	for part := range strings.SplitSeq(address, ",") {
		node, err := redis.ParseURL(strings.TrimSpace(part))
		if err != nil {
			return nil, errors.New("reading the Redis address: want redis://user:password@host:6379, or several separated by" +
				" commas for a cluster; special characters in a password, the comma too, are written as %2C")
		}
		nodes = append(nodes, node)
	}
	const dial, wait = 200 * time.Millisecond, 100 * time.Millisecond
	first := nodes[0]
	if len(nodes) == 1 {
		first.MaxRetries, first.DialerRetries = -1, 1
		first.DialTimeout, first.ReadTimeout, first.WriteTimeout = dial, wait, wait
		first.ContextTimeoutEnabled = true
		return redis.NewClient(first), nil
	}

	cluster := &redis.ClusterOptions{
		Username: first.Username, Password: first.Password,
		// One redirect, because slots move between nodes. The cluster client would use it for a second try after a
		// time-out as well, and has no switch for that; what the limiter sends says of itself that it is sent once.
		MaxRedirects: 1,
		MaxRetries:   -1, DialerRetries: 1,
		DialTimeout: dial, ReadTimeout: wait, WriteTimeout: wait,
		ContextTimeoutEnabled: true,
	}
	for _, n := range nodes {
		switch {
		case n.Username != first.Username || n.Password != first.Password || (n.TLSConfig == nil) != (first.TLSConfig == nil):
			return nil, errors.New("reading the Redis addresses: all nodes of a cluster have the same scheme and credentials")
		case n.DB != 0:
			return nil, errors.New("reading the Redis addresses: a cluster has no database but 0")
		}
		cluster.Addrs = append(cluster.Addrs, n.Addr)
	}
	if first.TLSConfig != nil {
		// No server name here: the dialer takes the name of the node it calls.
		// Whether certificates are checked is for the address to say.
		cluster.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: first.TLSConfig.InsecureSkipVerify} //nolint:gosec // As said.
	}
	return redis.NewClusterClient(cluster), nil
}

// LogRedisTo sends what go-redis would print on standard error, such as each dial that failed, to the logger at debug
// level; Resilient says what matters. go-redis has one logger for the whole process, so the program calls this once
// and libraries do not.
func LogRedisTo(logger *slog.Logger) { redis.SetLogger(redisLogger{logger}) }

type redisLogger struct{ logger *slog.Logger }

func (l redisLogger) Printf(ctx context.Context, format string, args ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "go-redis speaks", "text", fmt.Sprintf(format, args...))
	}
}
