package model

import (
	"context"
	"time"

	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/earning"
	"farthing/internal/money"
	"farthing/internal/page"
	"farthing/internal/rewards"
)

// Leaderboard shows a leaderboard. Where it stands is fetched when asked for.
type Leaderboard struct {
	ruleText
	terms      *schema.LeaderboardTerms
	currencies *money.Currencies
}

// NewLeaderboard shows a leaderboard.
func NewLeaderboard(rule *earning.Rule, currencies *money.Currencies) Leaderboard {
	return Leaderboard{ruleText{rule}, rule.Terms.Leaderboard, currencies}
}

// NewLeaderboards shows leaderboards.
func NewLeaderboards(rules []*earning.Rule, currencies *money.Currencies) []Leaderboard {
	return viewsOf(rules, func(rule *earning.Rule) Leaderboard { return NewLeaderboard(rule, currencies) })
}

// Period is how often it begins anew.
func (l Leaderboard) Period() LeaderboardPeriod { return LeaderboardPeriod(l.terms.Period) }

// Measure is what is counted.
func (l Leaderboard) Measure() RewardMeasure { return RewardMeasure(l.terms.Measure) }

// Currency is that of what is counted; nil for none.
func (l Leaderboard) Currency() *money.Code { return currencyOf(l.terms.RewardCounter) }

// Scope is what counts.
func (l Leaderboard) Scope() RewardScope { return newRewardScope(l.terms.Scope) }

// At is where it stands in a period, so many before the one that an instant is in. All time is one period.
func (l Leaderboard) At(now time.Time, ago int) LeaderboardStanding {
	number, from, until := earning.PeriodBefore(l.terms.Period, now, ago)
	return LeaderboardStanding{StartsAt: from, EndsAt: until, Board: l.rule, Period: number, currencies: l.currencies}
}

// LeaderboardStanding shows where a leaderboard stands in a period. Places are fetched when asked for.
type LeaderboardStanding struct {
	StartsAt, EndsAt *time.Time

	Board      *earning.Rule
	Period     int64
	currencies *money.Currencies
}

// PlaceOn shows a place on it; nil for none.
func (s LeaderboardStanding) PlaceOn(p *rewards.Place) *LeaderboardPlace {
	if p == nil {
		return nil
	}
	return &LeaderboardPlace{
		place: *p, Rank: p.Rank, DisplayName: p.DisplayName,
		Score: measured(s.Board.Terms.Leaderboard.RewardCounter, p.Score, s.currencies),
	}
}

// PlacesOn shows places on it.
func (s LeaderboardStanding) PlacesOn(places []rewards.Place) []LeaderboardPlace {
	list := make([]LeaderboardPlace, len(places))
	for i, p := range places {
		list[i] = *s.PlaceOn(&p)
	}
	return list
}

// LeaderboardPlace shows a place on a leaderboard.
type LeaderboardPlace struct {
	Rank        int64
	DisplayName string
	Score       Decimal
	place       rewards.Place
}

// IsMe says whether it is the caller's own. Visitors have none.
func (p LeaderboardPlace) IsMe(ctx context.Context) bool {
	return p.place.ShopperID == actor.From(ctx).ShopperID
}

// LeaderboardPlaceConnection is a page of places.
type LeaderboardPlaceConnection struct {
	connection[LeaderboardPlaceEdge, LeaderboardPlace]
}

// LeaderboardPlaceEdge is a place in a page.
type LeaderboardPlaceEdge struct {
	Cursor string
	Node   LeaderboardPlace
}

// Page shows a page of places on it.
func (s LeaderboardStanding) Page(p page.Page[rewards.Place]) LeaderboardPlaceConnection {
	return LeaderboardPlaceConnection{connect(p, nil,
		func(place rewards.Place) LeaderboardPlace { return *s.PlaceOn(&place) },
		func(cursor string, node LeaderboardPlace) LeaderboardPlaceEdge {
			return LeaderboardPlaceEdge{cursor, node}
		},
	)}
}
