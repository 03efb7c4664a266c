package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// run is a crowd in a shop that is hurt again and again.
type run struct {
	options
	log    *slog.Logger
	shop   *shop
	crowd  *Crowd
	faults []fault
	rng    *rand.Rand
	report report
}

// report is what came of a run.
type report struct {
	Store   string         `json:"store"`
	Servers int            `json:"servers"`
	Seed    uint64         `json:"seed"`
	Seconds float64        `json:"seconds"`
	Faults  []*faultReport `json:"faults"`
	Counts  Counts         `json:"counts"`
	// Claims is how many claims `verify` has proved at the end, and Awards how many awards `rebuild` has computed again.
	Claims     int         `json:"claims"`
	Awards     int         `json:"awards"`
	Violations []Violation `json:"violations"`
}

// faultReport is how often a fault has happened, and how long it took after each until every server sold again.
type faultReport struct {
	Fault string `json:"fault"`
	What  string `json:"what"`
	Times int    `json:"times"`
	// MedianMs and SlowestMs are from the end of the fault on.
	MedianMs  int64 `json:"medianMs"`
	SlowestMs int64 `json:"slowestMs"`

	took []time.Duration
}

// Rests between two faults.
const (
	shortestRest = 100 * time.Millisecond
	longestRest  = 700 * time.Millisecond
)

// execute does it all: it opens the shop, lets the crowd in, and hurts the shop until the time is over and everything has
// happened at least once. Then it asks whether all is right. An error says that nothing can be said.
func (r *run) execute(ctx context.Context) (err error) {
	began := time.Now()
	r.report = report{Store: r.store, Servers: r.servers, Seed: r.seed}
	for _, f := range r.faults {
		r.report.Faults = append(r.report.Faults, &faultReport{Fault: f.name, What: f.what})
	}
	if r.shop, err = openShop(ctx, r.store, r.servers); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.shop.close()) }()
	r.log.Info("the shop is open", "store", r.store, "servers", r.servers, "seed", r.seed)
	r.crowd = NewCrowd(Target{URLs: r.shop.urls, Token: r.shop.keys.token, DB: r.shop.database}, r.seed, r.log)
	if err := r.crowd.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare the shop: %w\n%s", err, r.shop.branches[0].log.last(20))
	}
	shopping, leave := context.WithCancel(ctx)
	defer leave()
	left := make(chan struct{})
	go func() {
		r.crowd.Run(shopping)
		close(left)
	}()
	err = r.hurt(ctx)
	leave()
	<-left
	if err != nil {
		r.tellLogs()
		return err
	}
	r.log.Info("the faults are over", "after", time.Since(began).Round(time.Second))
	return r.judge(ctx, began)
}

// hurt makes faults, one after the other: all of them in a random order, and then all of them again.
func (r *run) hurt(ctx context.Context) error {
	if err := r.sells(ctx); err != nil {
		return err
	}
	over := time.After(r.length)
	for ended := false; !ended; {
		for _, i := range r.rng.Perm(len(r.faults)) {
			select {
			case <-over:
				ended = true
			case <-ctx.Done():
				return ctx.Err()
			default:
			}
			if ended && r.report.Faults[i].Times > 0 {
				continue
			}
			if err := r.strike(ctx, r.faults[i], r.report.Faults[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// strike makes one fault, and measures how long it takes until every server sells again.
func (r *run) strike(ctx context.Context, f fault, told *faultReport) error {
	began := time.Now()
	s := &scene{shop: r.shop, rng: r.rng, sells: r.sells}
	if err := f.strike(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	ended := time.Now()
	for i := range r.shop.branches {
		r.shop.pinned.Store(int64(i) + 1)
		err := r.sells(ctx)
		r.shop.pinned.Store(0)
		if err != nil {
			return err
		}
	}
	took := time.Since(ended)
	told.Times++
	told.took = append(told.took, took)
	r.log.Info("a fault is over", "fault", f.name, "lasted", ended.Sub(began).Round(time.Millisecond),
		"sells_again_after", took.Round(time.Millisecond), "purchases", r.crowd.Counts().Purchases)
	return s.lasts(ctx, shortestRest, longestRest)
}

// sells waits until somebody has bought something that they began to buy after the call. When that takes too long it is a
// violation, and the run goes on: the fault has happened.
func (r *run) sells(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, r.within)
	defer cancel()
	err := r.crowd.Recovered(soon)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	r.violate("recovery", "nothing was sold for %s: %v", r.within, err)
	r.tellLogs()
	return nil
}

func (r *run) violate(check, format string, arguments ...any) {
	v := Violation{check, fmt.Sprintf(format, arguments...)}
	if slices.Contains(r.report.Violations, v) {
		return // as when it is seen in every snapshot
	}
	r.log.Error("violation", "check", v.Check, "detail", v.Detail)
	r.report.Violations = append(r.report.Violations, v)
}

// judge asks whether all is right, when everything works again.
func (r *run) judge(ctx context.Context, began time.Time) error {
	if err := r.crowd.Settle(ctx); err != nil {
		return fmt.Errorf("ask for what is not known: %w", err)
	}
	for _, b := range r.shop.branches {
		if err := b.stop(); err != nil {
			r.violate("stop", "%v", err)
		}
		for _, line := range b.log.wrong() {
			r.violate("log", "%s: %s", b.name, line)
		}
	}
	found := r.crowd.Check(ctx)
	claims, unproved := r.shop.verify(ctx)
	awards, differences := r.shop.rebuild(ctx)
	for _, v := range slices.Concat(found, unproved, differences) {
		r.violate(v.Check, "%s", v.Detail)
	}
	r.report.Claims, r.report.Awards = claims, awards
	for _, f := range r.report.Faults {
		if f.Times == 0 {
			r.violate("faults", "%s has not happened", f.Fault)
			continue
		}
		slices.Sort(f.took)
		f.MedianMs, f.SlowestMs = f.took[len(f.took)/2].Milliseconds(), f.took[len(f.took)-1].Milliseconds()
	}
	slices.SortFunc(r.report.Faults, func(a, b *faultReport) int { return cmp.Compare(b.SlowestMs, a.SlowestMs) })
	r.report.Counts = r.crowd.Counts()
	if r.report.Counts.Purchases == 0 {
		r.violate("crowd", "nobody has bought anything")
	}
	r.report.Seconds = time.Since(began).Seconds()
	if len(r.report.Violations) > 0 {
		r.tellLogs()
	}
	return nil
}

// tellLogs shows the end of the servers' logs.
func (r *run) tellLogs() {
	for _, b := range r.shop.branches {
		for _, line := range b.log.last(15) {
			r.log.Info("log of a server", "server", b.name, "line", line)
		}
	}
}
