package demo

import (
	"time"

	"farthing/internal/actor"
	"farthing/internal/money"
)

// Caller is somebody to try the shop as.
type Caller struct {
	// Subject is the one for the caller's token.
	Subject string
	// Role is what the token is to grant.
	Role actor.Role
	// Note says in a few words what there is to see.
	Note string
}

// The callers who are not shoppers.
const (
	merchandiser = "merchandiser"
	support      = "support"
	admin        = "admin"
)

// Callers are those to make tokens for: the shoppers first, and of them first the one who has not bought anything yet.
func Callers() []Caller {
	var callers []Caller
	for _, who := range shoppers() {
		if who.note != "" {
			callers = append(callers, Caller{Subject: who.subject, Role: actor.Shopper, Note: who.note})
		}
	}
	return append(callers,
		Caller{Subject: merchandiser, Role: actor.Merchandiser, Note: "sets up what is sold, and what buying earns"},
		Caller{Subject: support, Role: actor.Support, Note: "gives purchases back"},
		Caller{Subject: admin, Role: actor.Admin, Note: "fills and corrects wallets"},
	)
}

// shopper is a customer of the demonstration.
type shopper struct {
	// note is empty for somebody whom nobody calls as: one of those who also buy.
	subject, note string
	// name is the one on leaderboards, empty for none; zone is the time zone that streaks count in, empty for UTC.
	name, zone string
	// credits are what goes into the wallets; of each currency at most one of either sort.
	credits []credit
	// bought are the purchases of the past. New ones go to the end: their places are in their idempotency keys.
	bought []basket
	// perks are what points were redeemed for besides goods. New ones go to the end, too.
	perks []perk
}

// credit is money that was paid in, or, with a reason, given by the shop.
type credit struct {
	currency money.Code
	amount   string
	reason   string
}

// basket is what was bought at once, and what it cost.
type basket struct {
	currency money.Code
	total    string
	items    []item
	// ago is how long before the demonstration was set up that was or, if it was during the last window of a weekly flash
	// sale with an English name, how long after the window's beginning.
	ago    time.Duration
	during string
	// points is how many were redeemed for a discount.
	points int64
	// refund is when and why it was given back; without a reason it was not.
	refund refund
}

// refund is how long after a purchase it was given back, and why.
type refund struct {
	after  time.Duration
	reason string
}

// item is some of a product, by its slug, or an offer, by its English name.
type item struct {
	name string
	// quantity is 1 when it is left out.
	quantity int64
}

// welcome is the reason for what the shop gives.
const welcome = "Welcome to the shop"

func shoppers() []shopper {
	return []shopper{
		{
			subject: "shopper-1", note: "full wallets in four currencies",
			credits: []credit{
				{currency: "USD", amount: "25.00"}, // all of it paid for, so that the first purchase earns points
				{currency: "EUR", amount: "15.00"},
				{currency: "EUR", amount: "5.00", reason: welcome},
				{currency: "KRW", amount: "30000"},
				{currency: "GEM", amount: "400"},
				{currency: "GEM", amount: "100", reason: welcome},
			},
		},
		{
			subject: "shopper-2", note: "has been here for a month, and is one purchase away from a good deal",
			name: "Reader 2",
			credits: []credit{
				{currency: "USD", amount: "10.00"},
				{currency: "EUR", amount: "5.00"},
				{currency: "EUR", amount: "2.00", reason: welcome},
				{currency: "GEM", amount: "60", reason: welcome},
			},
			bought: []basket{
				{currency: "USD", total: "0.20", ago: 28 * day, items: []item{{name: "a-modest-proposal"}, {name: "hound-of-the-baskervilles-1"}}},
				{currency: "EUR", total: "2.48", ago: 22 * day, items: []item{{name: "great-wave"}, {name: "young-hare"}}},
				{currency: "GEM", total: "40", ago: 15 * day, items: []item{{name: "lighthouse-keeper-hints", quantity: 2}}},
				{currency: "USD", total: "0.99", ago: 14 * day, items: []item{{name: "dracula"}}},
				{currency: "USD", total: "0.49", ago: 8 * day, items: []item{{name: "the-narrow-road-to-the-deep-north"}}},
				{currency: "USD", total: "1.99", ago: 4 * day, items: []item{{name: "split-the-bill"}}},
				{currency: "USD", total: "0.20", ago: 3 * day, items: []item{{name: "the-life-of-a-small-coin"}}},
				{currency: "EUR", total: "0.20", ago: 2 * day, items: []item{{name: "civil-disobedience"}}},
				{currency: "USD", total: "0.49", ago: day, items: []item{{name: "earthrise"}}},
			},
		},
		{
			subject: "shopper-3", note: "has fifteen cents left, and the longest streak",
			name:    "Reader 3",
			credits: []credit{{currency: "USD", amount: "0.15"}, {currency: "EUR", amount: "2.40"}},
			// Twenty cents a day, with a day missed here and there.
			bought: []basket{
				{currency: "EUR", total: "0.20", ago: 20 * day, items: []item{{name: "a-modest-proposal"}}},
				{currency: "EUR", total: "0.20", ago: 19 * day, items: []item{{name: "the-raven"}}},
				{currency: "EUR", total: "0.20", ago: 12 * day, items: []item{{name: "what-is-enlightenment"}}},
				{currency: "EUR", total: "0.20", ago: 11 * day, items: []item{{name: "civil-disobedience"}}},
				{currency: "EUR", total: "0.20", ago: 10 * day, items: []item{{name: "j-accuse"}}},
				{currency: "EUR", total: "0.20", ago: 9 * day, items: []item{{name: "the-life-of-a-small-coin"}}},
				{currency: "EUR", total: "0.20", ago: 7 * day, items: []item{{name: "counting-money-exactly"}}},
				{currency: "EUR", total: "0.20", ago: 6 * day, items: []item{{name: "lighthouse-keeper-lamp-oil"}}},
				{currency: "EUR", total: "0.20", ago: 5 * day, items: []item{{name: "lighthouse-keeper-lamp-oil"}}},
				{currency: "EUR", total: "0.20", ago: 4 * day, items: []item{{name: "lighthouse-keeper-lamp-oil"}}},
				{currency: "EUR", total: "0.20", ago: 3 * day, items: []item{{name: "lighthouse-keeper-lamp-oil"}}},
				{currency: "EUR", total: "0.20", ago: day, items: []item{{name: "lighthouse-keeper-lamp-oil"}}},
			},
			perks: []perk{{code: streakFreeze, ago: 8 * day}},
		},
		{
			subject: "shopper-4", note: "has bought in flash sales and with points, owns parts of bundles, and tries a plugin",
			name:    "Reader 4",
			credits: []credit{{currency: "USD", amount: "20.00"}, {currency: "KRW", amount: "5000"}},
			bought: []basket{
				{currency: "USD", total: "1.98", ago: 10 * day, items: []item{
					{name: "hound-of-the-baskervilles-1"}, {name: "hound-of-the-baskervilles-2"}, {name: "hound-of-the-baskervilles-3"},
				}},
				{currency: "USD", total: "1.04", ago: 8 * day, items: []item{{name: "moby-dick"}}},
				{currency: "KRW", total: "700", during: "Friday evenings in Seoul", ago: 5 * time.Minute, items: []item{{name: "hong-gildong-jeon"}}},
				{currency: "USD", total: "1.99", ago: 47 * time.Hour, items: []item{{name: "dry-ink-brushes"}}},
				{currency: "USD", total: "0.75", ago: 20 * time.Hour, items: []item{{name: "the-starry-night"}}},
				{currency: "USD", total: "0.20", ago: 19 * time.Hour, items: []item{{name: "Fair Copy for three days"}}},
				{currency: "USD", total: "0.99", ago: 29 * day, items: []item{{name: "meditations"}}},
				{currency: "USD", total: "0.49", ago: 25 * day, items: []item{{name: "blue-marble"}}},
				{currency: "USD", total: "6.97", ago: 24*day + 3*time.Hour, items: []item{
					{name: "les-miserables"}, {name: "the-tale-of-genji"}, {name: "one-thousand-and-one-nights"},
				}},
				{currency: "USD", total: "1.49", ago: 5 * day, points: 50, items: []item{{name: "journey-to-the-west"}}},
				{currency: "POINTS", total: "40", ago: 4 * day, items: []item{{name: "ex-libris"}}},
			},
		},
		{
			subject: "shopper-5",
			name:    "Reader 5", zone: "Europe/Vienna",
			credits: []credit{{currency: "EUR", amount: "10.00"}},
			bought: []basket{
				{currency: "EUR", total: "2.08", ago: 8*day + time.Hour, items: []item{
					{name: "moby-dick"}, {name: "twenty-thousand-leagues-under-the-seas"},
				}},
				{currency: "EUR", total: "1.99", ago: 46 * time.Hour, items: []item{{name: "dry-ink-brushes"}}},
				{currency: "EUR", total: "1.00", ago: 21 * time.Hour, items: []item{
					{name: "the-starry-night"}, {name: "night-on-the-galactic-railroad"},
				}},
				{currency: "EUR", total: "2.99", ago: 26 * day, items: []item{{name: "fair-copy"}}, refund: refund{
					after: 2 * day, reason: "It does not run in the customer's editor.",
				}},
				{currency: "EUR", total: "1.48", ago: 20 * day, items: []item{{name: "faust"}, {name: "hamlet"}}},
				{currency: "EUR", total: "2.23", ago: 6 * day, items: []item{{name: "Three English Classics"}}},
			},
		},
		{
			subject: "shopper-6",
			zone:    "Asia/Seoul",
			credits: []credit{{currency: "GEM", amount: "300", reason: welcome}, {currency: "KRW", amount: "1000"}},
			bought: []basket{
				{currency: "KRW", total: "700", during: "Friday evenings in Seoul", ago: 40 * time.Minute, items: []item{{name: "chunhyang-jeon"}}},
				{currency: "GEM", total: "199", ago: 40 * time.Hour, items: []item{{name: "dry-ink-brushes"}}},
				{currency: "GEM", total: "49", ago: 27 * day, items: []item{{name: "the-time-machine"}}},
				{currency: "GEM", total: "20", ago: 18 * day, items: []item{{name: "the-raven"}}},
			},
		},
	}
}
