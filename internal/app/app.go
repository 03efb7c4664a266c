// Package app puts the shop together: configuration, the list of constructors in the order of the floors, the HTTP
// server around them and the command line in front. The server, the commands and the tests all build the shop here.
package app

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"farthing/graph"
	"farthing/graph/graphqlhttp"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/entitlement"
	"farthing/internal/guard"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// App is a shop that is put together. Close it when done.
type App struct {
	Config     Config
	Logger     *slog.Logger
	Clock      func() time.Time
	DB         *db.DB
	Currencies *money.Currencies
	Identity   *identity.Service
	Catalog    *catalog.Service
	Wallet     *wallet.Service
	Offers     *offers.Service
	Rewards    *rewards.Service
	Uses       *entitlement.Service
	Till       *checkout.Service
	Limiter    guard.Limiter

	verifier  *identity.Verifier
	redis     redis.UniversalClient
	streams   *graphqlhttp.Streams
	admission *graphqlhttp.Admission
	metrics   *metrics
	draining  atomic.Bool
	// delay is how old what is read of the catalogue to be shown may be, and how old an answer that visitors share.
	delay time.Duration
}

// Options are what a shop is built from besides its configuration.
type Options struct {
	Logger *slog.Logger
	// Clock gives the current instant; nil is the machine's clock.
	Clock func() time.Time
	// Limiter stands in for the configured one; nil outside tests.
	Limiter guard.Limiter
}

// New puts a shop together on a database that is there and migrated.
func New(ctx context.Context, config Config, o Options) (*App, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	a := &App{Config: config, Logger: o.Logger, Clock: o.Clock, Limiter: o.Limiter, metrics: newMetrics()}
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context) (err error) {
	if a.Currencies, err = money.ParseCurrencies(a.Config.Currencies); err != nil {
		return err
	}
	if a.DB, err = db.Open(ctx, a.Config.Database()); err != nil {
		return err
	}
	if err := upToDate(ctx, a.DB); err != nil {
		return err
	}
	if a.verifier, err = a.newVerifier(ctx); err != nil {
		return err
	}
	if a.Limiter == nil {
		if a.Limiter, err = a.newLimiter(); err != nil {
			return err
		}
	}
	whole, err := a.Config.catalogueDelay()
	if err != nil {
		return err
	}
	a.delay = whole / 2 // a visitor may be given an old answer that was made of something old
	limits, err := a.Config.limits()
	if err != nil {
		return err
	}
	if a.streams, err = a.newStreams(); err != nil {
		return err
	}
	if a.admission, err = a.newAdmission(); err != nil {
		return err
	}
	a.Identity = identity.New(a.DB, a.Clock)
	a.Catalog = catalog.New(a.DB, a.Currencies, a.Clock)
	a.Catalog.Delay = a.delay
	a.Wallet = wallet.New(a.DB, a.Currencies, a.Clock)
	a.Offers = offers.New(a.DB, a.Currencies, a.Clock)
	a.Offers.Watcher.Log = a.Logger
	a.Rewards = rewards.New(a.DB, a.Currencies, a.Clock)
	a.Rewards.Watcher.Log = a.Logger
	a.Uses = entitlement.New(a.DB, a.Clock)
	a.Till = checkout.New(a.DB, checkout.Config{
		Currencies: a.Currencies, Rewards: a.Rewards, Offers: a.Offers, Limiter: a.Limiter,
		PerShopper: limits["RATE_LIMIT_SHOPPER"], PerAddress: limits["RATE_LIMIT_ADDRESS"],
		CodesPerShopper: limits["COUPON_LIMIT_SHOPPER"], CodesPerAddress: limits["COUPON_LIMIT_ADDRESS"],
		Clock: a.Clock, Logger: a.Logger, Observe: a.metrics.batch, Delay: a.delay,
	})
	return a.Wallet.OpenHouse(ctx)
}

// upToDate refuses a database that wants migrations.
func upToDate(ctx context.Context, d *db.DB) error {
	pending, err := d.Pending(ctx)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return fmt.Errorf("the database wants %d migrations: run farthing migrate", len(pending))
	}
	return nil
}

// newVerifier knows the keys that are configured or, when there are none, the one that `farthing token` signs with.
func (a *App) newVerifier(ctx context.Context) (*identity.Verifier, error) {
	keys := identity.KeysConfig{
		PublicKeyFile: a.Config.AuthPublicKeyFile, JWKSURL: a.Config.AuthJWKSURL,
		Issuer: a.Config.AuthIssuer, Audience: a.Config.AuthAudience,
		Leeway: tokenLeeway, Clock: a.Clock, Logger: a.Logger,
	}
	if a.Config.OwnKey() {
		key, err := signingKey(a.Config)
		if err != nil {
			return nil, err
		}
		keys.PublicKeys = []crypto.PublicKey{key.Public()}
	}
	return identity.NewVerifier(ctx, keys)
}

// signingKey is the key that tokens are signed with here: one that is given, or one that is generated for development.
func signingKey(config Config) (ed25519.PrivateKey, error) {
	if config.AuthSigningKeyFile != "" {
		return identity.LoadSigningKey(config.AuthSigningKeyFile)
	}
	if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	key, _, err := identity.LoadOrCreateSigningKey(config.SigningKeyFile())
	return key, err
}

// newLimiter counts in Redis when there is one, and in this process otherwise or while Redis is away.
func (a *App) newLimiter() (guard.Limiter, error) {
	if a.Config.RateLimit == "off" {
		a.Logger.Warn("guard: rate limiting is off; do not run a shop like this")
		return guard.Off{}, nil
	}
	local := guard.NewLocal(a.Clock)
	if a.Config.RedisURL == "" {
		return local, nil
	}
	guard.LogRedisTo(a.Logger)
	client, err := guard.OpenRedis(a.Config.RedisURL)
	if err != nil {
		return nil, err
	}
	a.redis = client
	resilient := guard.NewResilient(guard.NewRedis(client), local, a.Logger, a.Clock)
	a.metrics.limiter(resilient)
	return resilient, nil
}

// GraphQL is the GraphQL endpoint, without the layers of HTTP around it (Handler).
func (a *App) GraphQL() http.Handler {
	handler := graph.NewHandler(&graph.Resolver{
		DB: a.DB, Currencies: a.Currencies, Clock: a.Clock, Shoppers: a.Identity,
		Catalog: a.Catalog, Offers: a.Offers, Wallets: a.Wallet, Rewards: a.Rewards, Till: a.Till, Entitlements: a.Uses,
		Delay: a.delay,
	}, a.streams, a.admission, a.Logger, requestID)
	if a.delay > 0 {
		handler = graph.NewPages(a.delay, a.Clock).Serve(handler)
	}
	return handler
}

// Close ends the subscriptions, serves what is queued at the till and lets go of everything.
func (a *App) Close() error {
	if a.streams != nil {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if err := a.streams.Stop(ctx); err != nil {
			a.Logger.Warn("some subscriptions were cut off", "error", err)
		}
	}
	if a.Till != nil {
		a.Till.Close()
	}
	var faults []error
	if a.redis != nil {
		faults = append(faults, a.redis.Close())
	}
	if a.DB != nil {
		faults = append(faults, a.DB.Close())
	}
	return errors.Join(faults...)
}

// Migrate brings the configured database up to date, and makes the folder for an embedded one.
func Migrate(ctx context.Context, config Config, logger *slog.Logger) ([]string, error) {
	if config.Embedded() {
		if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data folder: %w", err)
		}
	}
	return db.Migrate(ctx, config.Database(), logger)
}
