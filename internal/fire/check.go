package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"farthing/internal/money"
)

// claimed is an idempotency key as it is stored.
type claimed struct {
	shopper   uuid.UUID
	operation operation
	key       string
}

// bought is a purchase as it is stored.
type bought struct {
	shopper  uuid.UUID
	currency money.Code
	total    money.Amount
	points   money.Amount
}

// given is a refund as it is stored.
type given struct {
	purchase uuid.UUID
	total    money.Amount
}

// taken is how much of an offer one shopper has taken; of all shoppers together when shopper is Nil.
type taken struct{ offer, shopper uuid.UUID }

// prize is something of which a shopper has at most one: a durable good, a trial, a badge.
type prize struct {
	kind           string
	shopper, thing uuid.UUID
}

// stored is what the database holds at the end, in one snapshot.
type stored struct {
	keys      map[claimed][]uuid.UUID
	purchases map[uuid.UUID]bought
	refunds   map[uuid.UUID]given
	balances  map[purse]money.Amount
	taken     map[taken]int64
	// prizes counts how many of each there are, by the rows that tell of them.
	prizes map[prize]int
	// at is when it was read.
	at time.Duration
}

// offer is what the crowd knows of a sale or a coupon: how many units there are, and how many one shopper gets.
type offer struct {
	stock, perShopper int64
}

// The names of the checks.
const (
	onceCheck         = "exactly once"
	conservationCheck = "conservation"
	linearCheck       = "linearizable wallet"
	oversellCheck     = "no oversell"
	singleCheck       = "one of a kind"
	pointsCheck       = "points"
	answerCheck       = "answers"
	durabilityCheck   = "durability"
	verifyCheck       = "verify"
)

// findings collects what a check has seen.
type findings struct {
	check string
	list  []Violation
}

func (r *findings) add(format string, args ...any) {
	r.list = append(r.list, Violation{r.check, fmt.Sprintf(format, args...)})
}

// exactlyOnce holds every key that the crowd has used against what is stored: what was acknowledged is there once, as it was
// told, and what was not has left nothing; and there is nothing that nobody has asked for.
func exactlyOnce(h *history, s *stored) []Violation {
	r := findings{check: onceCheck}
	asked, made := map[claimed]bool{}, map[uuid.UUID]bool{}
	for _, a := range h.actions {
		key := claimed{a.shopper, a.operation, a.key}
		asked[key] = true
		results := s.keys[key]
		for _, result := range results {
			made[result] = true
		}
		answers(&r, a)
		switch o := a.outcome(); {
		case len(results) > 1:
			r.add("%s: the key has made %d things: %v", a, len(results), results)
		case o == unknown:
			r.add("%s: its outcome was not found out", a)
		case o == done && len(results) == 0:
			r.add("%s was acknowledged, and is not there", a)
		case o == refused && len(results) == 1:
			r.add("%s was refused as %s, and is there: %s", a, a.answers[len(a.answers)-1].code, results[0])
		case o == done:
			as(&r, a, results[0], s)
		}
	}
	for key, results := range s.keys {
		if !asked[key] {
			r.add("nobody has asked for %s %s of %s, which made %v", key.operation, key.key, key.shopper, results)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.purchases), byID) {
		if !made[id] {
			r.add("purchase %s was made under no key", id)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.refunds), byID) {
		if !made[id] {
			r.add("refund %s was made under no key", id)
		}
	}
	return r.list
}

// answers holds the answers to one action against each other: all of them tell of the same thing, it is new in one of them at
// most, and once it was acknowledged it is never new nor refused.
func answers(r *findings, a *action) {
	first, fresh := a.first(), 0
	if first == nil {
		return
	}
	since := first.got
	for _, got := range a.answers {
		if got.code == "" && got.got < since {
			since = got.got
		}
	}
	for _, got := range a.answers {
		switch {
		case got.code != "" && got.sent > since:
			r.add("%s was acknowledged, and then refused as %s", a, got.code)
		case got.code != "":
		case got.result != first.result || got.total != first.total:
			r.add("%s was acknowledged as %s for %s, and as %s for %s", a, first.result, first.total, got.result, got.total)
		case !got.replayed && got.sent > since:
			r.add("%s was acknowledged, and then made anew", a)
		}
		if got.code == "" && !got.replayed {
			fresh++
		}
	}
	if fresh > 1 {
		r.add("%s was made anew %d times", a, fresh)
	}
}

// as holds what was acknowledged against the row that its key has made.
func as(r *findings, a *action, result uuid.UUID, s *stored) {
	told := a.first()
	switch a.operation {
	case checkout:
		row, there := s.purchases[result]
		switch {
		case !there:
			r.add("%s: its purchase %s is not there", a, result)
		case told.result != result:
			r.add("%s was acknowledged as %s, and is stored as %s", a, told.result, result)
		case row.shopper != a.shopper || row.currency != a.currency || row.total != -a.amount || told.total != row.total:
			r.add("%s was to take %s %s, took %s and is stored as %+v", a, -a.amount, a.currency, told.total, row)
		case row.points != told.earned:
			r.add("%s earned %s points, and is stored with %s", a, told.earned, row.points)
		}
	case refund:
		row, there := s.refunds[result]
		switch {
		case !there:
			r.add("%s: its refund %s is not there", a, result)
		case told.result != result:
			r.add("%s was acknowledged as %s, and is stored as %s", a, told.result, result)
		case row.purchase != a.purchase || row.total != told.total || row.total != s.purchases[a.purchase].total:
			r.add("%s gave %s back and is stored as %+v", a, told.total, row)
		}
	case topUp, adjust: // their amounts are in the balance; see linearizable
	}
}

// movement is what an action does to a purse, or what a look at it has shown.
type movement struct {
	// add is what it adds; nothing can take more than is there.
	add money.Amount
	// shown says that it is a look, and balance is what was seen.
	shown   bool
	balance money.Amount
}

// walletModel is one purse as if everything happened to it one after another: a balance that is never below zero, and that
// everybody who looks sees.
var walletModel = porcupine.Model{
	Init: func() any { return money.Amount(0) },
	Step: func(state, input, _ any) (bool, any) {
		balance, m := state.(money.Amount), input.(movement)
		if m.shown {
			return balance == m.balance, balance
		}
		return balance+m.add >= 0, balance + m.add
	},
	Hash: func(state any) uint64 { return uint64(state.(money.Amount)) },
}

// orderPatience is how long a purse's history may take to be checked. It takes milliseconds when there is an order that explains it.
const orderPatience = 2 * time.Minute

// linearizable asks for every purse whether there is an order of all that was done to it, each within the time in which it was
// under way, by which everybody was shown what was there, also in the end.
func linearizable(h *history, s *stored) []Violation {
	r := findings{check: linearCheck}
	purses := movements(h, s)
	keys := slices.SortedFunc(maps.Keys(purses), func(a, b purse) int {
		return cmp.Or(byID(a.shopper, b.shopper), cmp.Compare(a.currency, b.currency))
	})
	for _, key := range keys {
		operations := purses[key]
		switch porcupine.CheckOperationsTimeout(walletModel, operations, orderPatience) {
		case porcupine.Ok:
		case porcupine.Illegal:
			r.add("no order explains what was seen of the %s of %s: %s", key.currency, key.shopper, listed(operations))
		case porcupine.Unknown:
			r.add("what was seen of the %s of %s, %d movements, could not be checked in %s", key.currency, key.shopper, len(operations), orderPatience)
		}
	}
	return r.list
}

// movements are what was done to every purse, and seen of it.
func movements(h *history, s *stored) map[purse][]porcupine.Operation {
	purses := map[purse][]porcupine.Operation{}
	add := func(key purse, sent, got time.Duration, m movement) {
		if key.currency != money.PointsCode {
			purses[key] = append(purses[key], porcupine.Operation{Input: m, Call: int64(sent), Return: int64(got)})
		}
	}
	for _, a := range h.actions {
		for _, got := range a.answers {
			if got.currency != "" {
				add(purse{a.shopper, got.currency}, got.sent, got.got, movement{shown: true, balance: got.balance})
			}
		}
		if a.outcome() != done {
			continue
		}
		amount, ended := a.amount, a.first().got
		if a.operation == refund {
			amount = a.first().total
		}
		for _, got := range a.answers {
			if got.code == "" {
				ended = min(ended, got.got)
			}
		}
		if amount != 0 {
			add(purse{a.shopper, a.currency}, a.begun, ended, movement{add: amount})
		}
	}
	for _, l := range h.looks {
		add(l.purse, l.sent, l.got, movement{shown: true, balance: l.balance})
	}
	for key := range purses {
		add(key, s.at, s.at, movement{shown: true, balance: s.balances[key]})
	}
	for key, balance := range s.balances {
		if _, known := purses[key]; !known {
			add(key, s.at, s.at, movement{shown: true, balance: balance})
		}
	}
	return purses
}

// listed is a history to read, its last part when it is long.
func listed(operations []porcupine.Operation) string {
	const most = 40
	slices.SortFunc(operations, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	text := ""
	if len(operations) > most {
		text = fmt.Sprintf("(%d movements, of which the last are) ", len(operations))
		operations = operations[len(operations)-most:]
	}
	for _, o := range operations {
		m := o.Input.(movement)
		if m.shown {
			text += fmt.Sprintf("[%s–%s shows %s] ", time.Duration(o.Call), time.Duration(o.Return), m.balance)
		} else {
			text += fmt.Sprintf("[%s–%s %s] ", time.Duration(o.Call), time.Duration(o.Return), m.add)
		}
	}
	return text
}

// oversold counts what purchases that stand took of each offer: not more than there is, nor than a shopper gets, and exactly
// what the shop has counted.
func oversold(h *history, s *stored, offers map[uuid.UUID]offer) []Violation {
	r := findings{check: oversellCheck}
	counted := map[taken]int64{}
	for _, a := range h.standing() {
		if a.offer != uuid.Nil {
			counted[taken{offer: a.offer}] += a.units
			counted[taken{a.offer, a.shopper}] += a.units
		}
	}
	for of, units := range counted {
		most, whose := offers[of.offer].stock, "all shoppers"
		if of.shopper != uuid.Nil {
			most, whose = offers[of.offer].perShopper, of.shopper.String()
		}
		if units > most {
			r.add("%d units of offer %s went to %s, of %d", units, of.offer, whose, most)
		}
		if s.taken[of] != units {
			r.add("%d units of offer %s went to %s, and %d are counted", units, of.offer, whose, s.taken[of])
		}
	}
	for of, units := range s.taken {
		if _, known := counted[of]; !known && units != 0 {
			r.add("%d units of offer %s are counted (shopper %s), and nobody has them", units, of.offer, of.shopper)
		}
	}
	return r.list
}

// single looks for anything that somebody has twice and can have once: a durable good by purchases that stand, a trial by any, a
// badge. Whoever has a purchase that stands has the badge for the first.
func single(h *history, s *stored, firstBadge uuid.UUID) []Violation {
	r := findings{check: singleCheck}
	for has, n := range s.prizes {
		if n > 1 {
			r.add("%s has %s %s %d times", has.shopper, has.kind, has.thing, n)
		}
	}
	owned, buyers := map[prize]int{}, map[uuid.UUID]bool{}
	for _, a := range h.standing() {
		if a.durable != uuid.Nil && !a.trial {
			owned[prize{durableKind, a.shopper, a.durable}]++
		}
		if a.amount < 0 && a.currency != money.PointsCode {
			buyers[a.shopper] = true
		}
	}
	for _, a := range h.done(checkout) {
		if a.trial {
			owned[prize{trialKind, a.shopper, a.durable}]++
		}
	}
	for has, n := range owned {
		if n > 1 {
			r.add("%s was sold %s %s %d times", has.shopper, has.kind, has.thing, n)
		}
		if s.prizes[has] == 0 {
			r.add("%s has bought %s %s, and does not have it", has.shopper, has.kind, has.thing)
		}
	}
	for shopper := range buyers {
		if s.prizes[prize{badgeKind, shopper, firstBadge}] != 1 {
			r.add("%s has bought something, and does not have the badge for it", shopper)
		}
	}
	return r.list
}

// The kinds of prizes.
const (
	durableKind = "the durable good"
	trialKind   = "a trial of"
	badgeKind   = "the badge"
)

// pointed adds up the points that answers have told of: what there is in the end is what was earned and returned, less what was
// spent and taken back.
func pointed(h *history, s *stored) []Violation {
	r := findings{check: pointsCheck}
	told := map[uuid.UUID]money.Amount{}
	for _, a := range h.done(checkout) {
		told[a.shopper] += a.first().earned - a.pointsSpent
		if a.currency == money.PointsCode {
			told[a.shopper] += a.amount
		}
	}
	for _, a := range h.done(refund) {
		told[a.shopper] += a.first().returned - a.first().taken
	}
	for key, balance := range s.balances {
		if key.currency != money.PointsCode {
			continue
		}
		if told[key.shopper] != balance {
			r.add("%s was told of %s points in all, and has %s", key.shopper, told[key.shopper], balance)
		}
		delete(told, key.shopper)
	}
	for shopper, points := range told {
		if points != 0 {
			r.add("%s was told of %s points, and has none", shopper, points)
		}
	}
	return r.list
}

// picture is what one look at the whole database shows.
type picture struct {
	// sums are the balances of all accounts of a currency, those of the house added up from its transfers.
	sums map[money.Code]money.Amount
	// stale are accounts whose balance is not the one that their last transfer says.
	stale int
	// below are wallets with less than nothing in them.
	below int
	// purchases is how many there are.
	purchases int
}

// conserved holds a picture against what must always be, and against the purchases that had been acknowledged before it was taken.
func conserved(p picture, acknowledged int) []Violation {
	r := findings{check: conservationCheck}
	for currency, sum := range p.sums {
		if sum != 0 {
			r.add("the accounts of %s add up to %s", currency, sum)
		}
	}
	if p.stale > 0 {
		r.add("the balance of %d accounts is not that of their last transfer", p.stale)
	}
	if p.below > 0 {
		r.add("%d wallets are below zero", p.below)
	}
	if p.purchases < acknowledged {
		r.check = durabilityCheck
		r.add("%d purchases had been acknowledged, and %d are there", acknowledged, p.purchases)
	}
	return r.list
}
