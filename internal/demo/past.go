package demo

import (
	"sync/atomic"
	"time"

	"farthing/ent"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/guard"
	"farthing/internal/offers"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// past is the shop as it was: the same verbs, on a clock that stands where it is put. It only ever goes forward, since
// what is over is not kept in mind.
type past struct {
	now     *atomic.Pointer[time.Time]
	Catalog *catalog.Service
	Offers  *offers.Service
	Wallet  *wallet.Service
	Rewards *rewards.Service
	Till    *checkout.Service
}

// openPast opens the shop in the past. Close its till when done.
func openPast(shop Shop) past {
	p := past{now: &atomic.Pointer[time.Time]{}}
	p.to(time.Time{})
	clock := func() time.Time { return *p.now.Load() }
	config := shop.Till.Config
	p.Catalog = catalog.New(shop.DB, config.Currencies, clock)
	p.Offers = offers.New(shop.DB, config.Currencies, clock)
	p.Wallet = wallet.New(shop.DB, config.Currencies, clock)
	p.Rewards = rewards.New(shop.DB, config.Currencies, clock)
	// Weeks of purchases come in a moment: nobody has to wait between them.
	config.Offers, config.Rewards, config.Limiter, config.Clock, config.Observe = p.Offers, p.Rewards, guard.Off{}, clock, nil
	p.Till = checkout.New(shop.DB, config)
	return p
}

// to puts the clock to an instant.
func (p past) to(now time.Time) { p.now.Store(&now) }

// lastWindow is the beginning of the last window of a weekly flash sale that was over by an instant, by a day at least.
func lastWindow(sale *ent.FlashSale, now time.Time) time.Time {
	const week = 7 * day
	window, _ := offers.WindowOf(sale, now.Add(-week-day))
	return window.Start
}
