package demo

import (
	"bytes"
	"context"
	_ "embed" // for offers.json
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/money"
	"farthing/internal/offers"
)

//go:embed offers.json
var offersFile []byte

// plans are the offers of the demonstration as offers.json has them. They name products by their slugs.
type plans struct {
	Bundles    []bundlePlan
	Trials     []trialPlan
	FlashSales []salePlan
	TierPlans  []tierPlan
	Coupons    []couponPlan
}

type bundlePlan struct {
	Slug       string
	Kind       bundle.Kind
	PercentOff percent
	Choose     *int
	Components []string
	Prices     prices
	Texts      texts
}

type trialPlan struct {
	Product                   string
	Prices                    prices
	DurationHours, GraceHours int
	Uses                      *int64
	Texts                     texts
}

type salePlan struct {
	Kind       flashsale.Kind
	PercentOff percent
	Prices     prices
	// Products and Bundles are slugs.
	Products, Bundles, Tags, Categories []string
	// FromDay and UntilDay are counted from when the demonstration is set up; no UntilDay is no end.
	FromDay           int
	UntilDay          *int
	Recurrence        *recurrence
	Stock, PerShopper *int64
	Texts             texts
}

type recurrence struct {
	TimeZone string
	// Weekdays are FRIDAY and so on.
	Weekdays    []string
	From, Until string
}

type tierPlan struct {
	Product string
	Mode    tierplan.Mode
	Tiers   []struct {
		From   int64
		UpTo   *int64
		Prices prices
	}
	Texts texts
}

type couponPlan struct {
	Code       string
	Kind       coupon.Kind
	PercentOff percent
	PerShopper *int64
	Texts      texts
}

// texts are names and descriptions, the offer's own language first. There is always an English name.
type texts []catalog.Text

func (t texts) english() string {
	at := slices.IndexFunc(t, func(text catalog.Text) bool { return text.Language == "en" })
	return t[at].Name
}

// prices are amounts by currency.
type prices map[money.Code]amount

// list is the prices in the order of their currencies.
func (p prices) list() []catalog.Price {
	var list []catalog.Price
	for _, currency := range slices.Sorted(maps.Keys(p)) {
		list = append(list, catalog.Price{Currency: currency, Amount: money.Amount(p[currency])})
	}
	return list
}

// percent is a percentage that JSON has as a decimal in a string; 0 is none.
type percent offers.Percent

// UnmarshalText reads the decimal.
func (p *percent) UnmarshalText(text []byte) error {
	const hundredth = money.Unit / 100
	parsed, err := money.ParseAmount(string(text))
	*p = percent(parsed / hundredth)
	return err
}

func (p percent) given() *offers.Percent {
	if p == 0 {
		return nil
	}
	return new(offers.Percent(p))
}

// readPlans reads offers.json.
func readPlans() (plans, error) {
	decoder := json.NewDecoder(bytes.NewReader(offersFile))
	decoder.DisallowUnknownFields()
	var p plans
	if err := decoder.Decode(&p); err != nil {
		return plans{}, fmt.Errorf("reading offers.json: %w", err)
	}
	return p, nil
}

// names are the English names of all offers.
func (p plans) names() []string {
	var names []string
	for _, b := range p.Bundles {
		names = append(names, b.Texts.english())
	}
	for _, t := range p.Trials {
		names = append(names, t.Texts.english())
	}
	for _, f := range p.FlashSales {
		names = append(names, f.Texts.english())
	}
	for _, t := range p.TierPlans {
		names = append(names, t.Texts.english())
	}
	for _, c := range p.Coupons {
		names = append(names, c.Texts.english())
	}
	return names
}

// made is an offer that was made, at an instant.
type made struct {
	id uuid.UUID
	at time.Time
}

// offersThere are the offers that the demonstration's merchandiser has made, by the English names they were made with. They
// are looked up in the audit, which nobody changes: names, slugs and all else of an offer may be changed.
func offersThere(ctx context.Context, client *ent.Client) (map[string]made, error) {
	entries, err := client.AuditEntry.Query().
		Where(auditentry.Actor(merchandiser), auditentry.ActionIn(
			"createBundle", "createTrialOffer", "createFlashSale", "createTierPlan", "createCoupon",
		)).
		Order(ent.Desc(auditentry.FieldID)). // the first of a name is the demonstration's own
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the demonstration's offers: %w", err)
	}
	found := make(map[string]made, len(entries))
	for _, e := range entries {
		var content struct{ Texts map[string]schema.Text }
		if err := json.Unmarshal(e.After, &content); err != nil {
			return nil, fmt.Errorf("reading what %s has made: %w", e.Action, err)
		}
		found[content.Texts["en"].Name] = made{e.TargetID, e.CreatedAt}
	}
	return found, nil
}

// offers makes those of the offers that are not there, as the demonstration's merchandiser.
func (s *seeding) offers(ctx context.Context) error {
	ctx = actor.With(ctx, actor.Actor{Subject: merchandiser, Roles: []actor.Role{actor.Merchandiser}})
	for _, p := range s.plans.Bundles {
		if err := s.make(p.Texts, func(c offers.Common) (uuid.UUID, error) { return s.bundle(ctx, c, p) }); err != nil {
			return err
		}
	}
	for _, p := range s.plans.Trials {
		if err := s.make(p.Texts, func(c offers.Common) (uuid.UUID, error) { return s.trial(ctx, c, p) }); err != nil {
			return err
		}
	}
	for _, p := range s.plans.FlashSales {
		if err := s.make(p.Texts, func(c offers.Common) (uuid.UUID, error) { return s.sale(ctx, c, p) }); err != nil {
			return err
		}
	}
	for _, p := range s.plans.TierPlans {
		if err := s.make(p.Texts, func(c offers.Common) (uuid.UUID, error) { return s.tiers(ctx, c, p) }); err != nil {
			return err
		}
	}
	for _, p := range s.plans.Coupons {
		if err := s.make(p.Texts, func(c offers.Common) (uuid.UUID, error) { return s.coupon(ctx, c, p) }); err != nil {
			return err
		}
	}
	return nil
}

// make makes an offer that is not there.
func (s *seeding) make(t texts, create func(offers.Common) (uuid.UUID, error)) error {
	name := t.english()
	if _, ok := s.made[name]; ok {
		return nil
	}
	id, err := create(offers.Common{Status: offers.StatusActive, Texts: t})
	if err != nil {
		return fmt.Errorf("creating %q: %w", name, err)
	}
	s.made[name] = made{id, s.since.Add(-planned)}
	s.report.Offers++
	return nil
}

func (s *seeding) bundle(ctx context.Context, c offers.Common, p bundlePlan) (uuid.UUID, error) {
	in := offers.CreateBundle{
		Common: c, Kind: p.Kind, Slug: &p.Slug, PercentOff: p.PercentOff.given(), Prices: p.Prices.list(), Choose: p.Choose,
	}
	for _, slug := range p.Components {
		in.Components = append(in.Components, offers.Component{ProductID: s.ids[slug], Quantity: 1})
	}
	row, err := s.past.Offers.CreateBundle(ctx, in)
	if err != nil {
		return uuid.Nil, err
	}
	return row.ID, nil
}

func (s *seeding) trial(ctx context.Context, c offers.Common, p trialPlan) (uuid.UUID, error) {
	row, err := s.past.Offers.CreateTrialOffer(ctx, offers.CreateTrialOffer{
		Common: c, ProductID: s.ids[p.Product], Prices: p.Prices.list(),
		DurationHours: p.DurationHours, GraceHours: p.GraceHours, Uses: p.Uses,
	})
	if err != nil {
		return uuid.Nil, err
	}
	return row.ID, nil
}

func (s *seeding) sale(ctx context.Context, c offers.Common, p salePlan) (uuid.UUID, error) {
	in := offers.CreateFlashSale{
		Common: c, Kind: p.Kind, PercentOff: p.PercentOff.given(), Prices: p.Prices.list(),
		Scope: schema.Scope{Tags: p.Tags, Categories: p.Categories}, Recurrence: p.Recurrence.weekly(),
		StartsAt: s.onDay(&p.FromDay), EndsAt: s.onDay(p.UntilDay), Stock: p.Stock, PerShopper: p.PerShopper,
	}
	for _, slug := range p.Products {
		in.Scope.Products = append(in.Scope.Products, s.ids[slug])
	}
	for _, slug := range p.Bundles {
		in.Scope.Bundles = append(in.Scope.Bundles, s.made[s.plans.bundleNamed(slug)].id)
	}
	row, err := s.past.Offers.CreateFlashSale(ctx, in)
	if err != nil {
		return uuid.Nil, err
	}
	return row.ID, nil
}

// bundleNamed is the English name of the bundle with a slug.
func (p plans) bundleNamed(slug string) string {
	at := slices.IndexFunc(p.Bundles, func(b bundlePlan) bool { return b.Slug == slug })
	return p.Bundles[at].Texts.english()
}

// onDay is an instant so many days after the demonstration was set up; nil for none.
func (s *seeding) onDay(n *int) *time.Time {
	if n == nil {
		return nil
	}
	return new(s.since.Add(time.Duration(*n) * day))
}

// weekly is the weekly window in the terms of the domain; nil for none.
func (r *recurrence) weekly() *schema.Recurrence {
	if r == nil {
		return nil
	}
	weekly := &schema.Recurrence{TimeZone: r.TimeZone, From: r.From, Until: r.Until}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if slices.Contains(r.Weekdays, strings.ToUpper(d.String())) {
			weekly.Weekdays = append(weekly.Weekdays, d)
		}
	}
	return weekly
}

func (s *seeding) tiers(ctx context.Context, c offers.Common, p tierPlan) (uuid.UUID, error) {
	in := offers.CreateTierPlan{Common: c, ProductID: s.ids[p.Product], Mode: p.Mode}
	for _, tier := range p.Tiers {
		in.Tiers = append(in.Tiers, offers.Tier{From: tier.From, UpTo: tier.UpTo, Prices: tier.Prices.list()})
	}
	row, err := s.past.Offers.CreateTierPlan(ctx, in)
	if err != nil {
		return uuid.Nil, err
	}
	return row.ID, nil
}

func (s *seeding) coupon(ctx context.Context, c offers.Common, p couponPlan) (uuid.UUID, error) {
	row, err := s.past.Offers.CreateCoupon(ctx, offers.CreateCoupon{
		Common: c, Code: p.Code, Kind: p.Kind, PercentOff: p.PercentOff.given(), PerShopper: p.PerShopper,
	})
	if err != nil {
		return uuid.Nil, err
	}
	return row.ID, nil
}
