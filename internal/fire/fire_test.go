package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"farthing/internal/actor"
	"farthing/internal/app"
	"farthing/internal/db/dbtest"
	"farthing/internal/identity"
	"farthing/internal/rewards"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		os.Exit(serveAsChild())
	}
	dbtest.Main(m)
}

// TestCrowd lets a crowd into a shop that nothing is wrong with, of one server and of two, for as long as it takes to do a bit of
// everything: what its clients have seen agrees with what is stored.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		servers := map[string]int{"one server": 1}
		if store.Name == "postgres" {
			servers["two servers"] = 2
		}
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			t.Run(store.Name+", "+name, func(t *testing.T) {
				t.Parallel()
				c := NewCrowd(target(t, store, servers[name]), 1, slog.New(slog.DiscardHandler))
				if err := c.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				shopUntilAllIsTried(t, c)
				if err := c.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, v := range c.Check(t.Context()) {
					t.Errorf("%s: %s", v.Check, v.Detail)
				}
				proved(t, c)
				t.Logf("%+v", c.Counts())
			})
		}
	}
}

// shopUntilAllIsTried lets a crowd in until it has made some purchases, and met everything that it can meet: what is not tried is
// not shown.
func shopUntilAllIsTried(t *testing.T, c *Crowd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	for !allTried(c.Counts()) {
		if err := c.Recovered(ctx); err != nil {
			t.Errorf("not everything was tried: %+v", c.Counts())
			break
		}
	}
	cancel()
	running.Wait()
}

func allTried(n Counts) bool {
	for _, code := range []string{"INSUFFICIENT_FUNDS", "ALREADY_OWNED", "TRIAL_USED", "SOLD_OUT", "LIMIT_REACHED", "COUPON_NOT_VALID", keyReused} {
		if n.Refusals[code] == 0 {
			return false
		}
	}
	return n.Purchases >= 300 && min(n.Refunds, n.TopUps, n.Replays, n.Reads, n.Snapshots, n.Proofs) > 0
}

// proved has all claims proved, and every award computed again.
func proved(t *testing.T, c *Crowd) {
	t.Helper()
	results, err := app.Verify(t.Context(), c.target.DB)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if !result.Holds {
			t.Errorf("it is not true that %s: %v", result.Claim, result.Examples)
		}
	}
	r := rewards.New(c.target.DB, nil, time.Now)
	if _, err := r.Audit(t.Context(), func(d rewards.Difference) { t.Errorf("computed again, it is different: %+v", d) }); err != nil {
		t.Error(err)
	}
}

// target opens a shop of so many servers in this process, each with its own connections.
func target(t *testing.T, store dbtest.Store, servers int) Target {
	t.Helper()
	url, dir := store.URL(t), t.TempDir()
	key, _, err := identity.LoadOrCreateSigningKey(filepath.Join(dir, "signing-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if store.Name == "postgres" {
		url += "&pool_max_conns=10" // PostgreSQL takes a hundred connections, and other tests want some.
	}
	var urls []string
	for range servers {
		urls = append(urls, open(t, url, dir))
	}
	return Target{
		URLs:  func() []string { return urls },
		Token: func(subject string, roles ...string) string { return token(t, key, subject, roles) },
		DB:    dbtest.Open(t, url),
	}
}

// open opens a server.
func open(t *testing.T, url, dir string) string {
	t.Helper()
	config, err := app.ReadConfig([]string{"FARTHING_DATABASE_URL=" + url, "FARTHING_DATA_DIR=" + dir, "FARTHING_RATE_LIMIT=off"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), config, app.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := a.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

func token(t *testing.T, key ed25519.PrivateKey, subject string, roles []string) string {
	t.Helper()
	in := identity.MintInput{Subject: subject, Audience: "farthing", TTL: time.Hour, Now: time.Now()}
	for _, role := range roles {
		in.Roles = append(in.Roles, actor.Role(role))
	}
	text, err := identity.Mint(key, in)
	if err != nil {
		t.Error(err)
	}
	return text
}
