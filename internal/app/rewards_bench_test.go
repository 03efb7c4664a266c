package app_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent/rewardrule"
	"farthing/internal/actor"
	"farthing/internal/app"
	"farthing/internal/catalog"
	till "farthing/internal/checkout"
	"farthing/internal/db/dbtest"
	"farthing/internal/demo"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// What one round of BenchmarkCheckoutWithRules does.
const (
	tillCallers  = 64
	tillWallets  = 1_000
	tillPerRound = 4_000
)

// BenchmarkCheckoutWithRules is what rewards cost: 64 callers buy in a closed loop from many wallets, at the till itself, in
// three shops on PostgreSQL that have the same demonstration. In one all rules are archived; in one they are all on; and in one
// the shoppers are on the leaderboards besides. An operation is a round in each of the shops, one after the other, so that
// whatever else the machine does is shared. It reports the rates, and each with rules as a part of that without.
//
//	go test -run '^$' -bench CheckoutWithRules -benchtime 5x ./internal/app
func BenchmarkCheckoutWithRules(b *testing.B) {
	var store dbtest.Store
	for _, one := range dbtest.Stores(b) {
		if one.Name == "postgres" {
			store = one
		}
	}
	if store.Name == "" {
		b.Skip("without a PostgreSQL")
	}
	shops := []*loaded{openLoaded(b, store, "none"), openLoaded(b, store, "rules"), openLoaded(b, store, "ranked")}
	for _, s := range shops {
		s.round(b) // pools and caches are warm, and every shopper has bought once
		s.took, s.sold = 0, 0
	}
	b.ResetTimer()
	for i := range b.N {
		for at := range shops {
			shops[(i+at)%len(shops)].round(b)
		}
	}
	b.StopTimer()
	none := shops[0].rate()
	for _, s := range shops {
		b.ReportMetric(s.rate(), s.name+"/s")
		if s != shops[0] {
			b.ReportMetric(s.rate()/none, s.name+"-of-none")
		}
	}
}

// loaded is a shop that is under load.
type loaded struct {
	*app.App

	name     string
	thing    uuid.UUID
	shoppers []uuid.UUID
	next     atomic.Int64
	took     time.Duration
	sold     int64
}

// openLoaded opens a shop with the demonstration and a crowd that has money.
func openLoaded(b *testing.B, store dbtest.Store, name string) *loaded {
	b.Helper()
	config, err := app.ReadConfig([]string{
		"FARTHING_DATABASE_URL=" + store.URL(b), "FARTHING_DATA_DIR=" + b.TempDir(), "FARTHING_RATE_LIMIT=off",
	})
	if err != nil {
		b.Fatal(err)
	}
	a, err := app.New(b.Context(), config, app.Options{Logger: app.NewLogger(&logs{}, config)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	s := &loaded{App: a, name: name, shoppers: make([]uuid.UUID, tillWallets)}
	if _, err := demo.Seed(b.Context(), demo.Shop{DB: a.DB, Identity: a.Identity, Till: a.Till, Issuer: config.AuthIssuer}); err != nil {
		b.Fatal(err)
	}
	oil, err := catalog.BySlug(b.Context(), a.DB.Client(), "lighthouse-keeper-lamp-oil")
	if err != nil {
		b.Fatal(err)
	}
	s.thing = oil.ID
	if name == "none" {
		ctx := actor.With(b.Context(), actor.Actor{Subject: "mia", Roles: []actor.Role{actor.Merchandiser}})
		for _, r := range a.DB.Client().RewardRule.Query().Where(rewardrule.StatusEQ(rewardrule.StatusACTIVE)).AllX(b.Context()) {
			if _, err := a.Rewards.ArchiveRule(ctx, rewards.ArchiveRule{ID: r.ID}); err != nil {
				b.Fatal(err)
			}
		}
	}
	code, funds := split("USD 1000")
	s.each(tillWallets, func(i int) error {
		who, err := a.Identity.Shopper(b.Context(), "", fmt.Sprintf("shopper-%d", i))
		if err == nil {
			s.shoppers[i] = who
			_, err = a.Wallet.TopUp(b.Context(), wallet.TopUpInput{IdempotencyKey: "first", ShopperID: who, Currency: code, Amount: funds})
		}
		if err == nil && name == "ranked" {
			_, err = a.Rewards.ChangeSettings(b.Context(), rewards.Settings{ShopperID: who, DisplayName: catalog.To(new(fmt.Sprintf("Shopper %d", i)))})
		}
		return err
	}, b)
	return s
}

// each does something n times, as many at once as there are callers.
func (s *loaded) each(n int, do func(i int) error, b *testing.B) {
	b.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	for range tillCallers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// round has the crowd buy, each shopper in turn.
func (s *loaded) round(b *testing.B) {
	b.Helper()
	code, price := split("USD 0.20")
	began := time.Now()
	s.each(tillPerRound, func(int) error {
		n := s.next.Add(1)
		who := s.shoppers[n%tillWallets]
		ctx := actor.With(b.Context(), actor.Actor{Subject: "shopper", Roles: []actor.Role{actor.Shopper}, ShopperID: who})
		_, err := s.Till.Checkout(ctx, till.Input{
			IdempotencyKey: fmt.Sprint(n), ExpectedTotal: price,
			Basket: till.Basket{Currency: code, Items: []till.Item{{ID: s.thing, Quantity: 1}}},
		})
		return err
	}, b)
	s.took += time.Since(began)
	s.sold += tillPerRound
}

// rate is how many checkouts there were in a second.
func (s *loaded) rate() float64 { return float64(s.sold) / s.took.Seconds() }
