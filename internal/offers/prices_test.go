package offers_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/coupon"
	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/ent/tierplan"
	"farthing/ent/trialoffer"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/pricing"
)

// TestPrices prices the cases in testdata/prices: shops, shoppers and baskets in plain data, each with what it must cost,
// worked out by hand. The README there says how to read them.
func TestPrices(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "prices", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const least = 90
	count, seen := 0, map[string]bool{}
	for _, file := range files {
		var cases []pricedCase
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range cases {
			name := strings.TrimSuffix(filepath.Base(file), ".yaml") + "/" + strings.ReplaceAll(c.Name, " ", "_")
			if seen[name] || c.Name == "" || c.Why == "" {
				t.Errorf("%s: a case needs a name of its own, and a why", name)
			}
			seen[name] = true
			count++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if diff := cmp.Diff(c.Want, c.price(t)); diff != "" {
					t.Errorf("%s\n(-want +got):\n%s", c.Why, diff)
				}
			})
		}
	}
	if count < least {
		t.Errorf("%d cases, fewer than %d", count, least)
	}
}

// pricedCase is one case: what there is, who buys what, and what that must cost.
type pricedCase struct {
	Name, Why string
	Currency  money.Code
	Now       time.Time
	Products  []pricedProduct
	Bundles   []pricedBundle
	Trials    []pricedTrial
	Sales     []pricedSale
	Coupon    *pricedCoupon
	Shopper   pricedShopper
	Basket    []pricedItem
	Want      pricedWant
}

type (
	pricedProduct struct {
		Name       string
		Kind       product.Kind
		Status     product.Status
		List       priceTag
		Tags       []string
		Categories []string
		Tiers      *pricedTiers
	}
	pricedTiers struct {
		Name        string
		Mode        tierplan.Mode
		Steps       map[int64]priceTag
		From, Until *time.Time
	}
	pricedBundle struct {
		Name        string
		Status      bundle.Status
		Price       priceTag
		Off         percentage
		Choose      int
		Contains    []string
		From, Until *time.Time
	}
	pricedTrial struct {
		Name, Of    string
		Price       priceTag
		From, Until *time.Time
	}
	pricedScope struct {
		On, Tags, Categories []string
	}
	pricedSale struct {
		Scope       pricedScope `yaml:",inline"`
		Name        string
		Status      flashsale.Status
		Price       priceTag
		Off         percentage
		From, Until *time.Time
		Ended       *time.Time
		Weekly      *pricedWeekly
		Stock       *int64
		PerShopper  *int64 `yaml:"perShopper"`
		// Taken is what all have had of the window that now is in, Had what the shopper has.
		Taken, Had int64
		Closed     bool
	}
	pricedWeekly struct {
		Days              []string
		From, Until, Zone string
	}
	pricedCoupon struct {
		Scope    pricedScope `yaml:",inline"`
		Name     string
		Amount   priceTag
		Off      percentage
		Combines bool
	}
	pricedShopper struct {
		Visitor bool
		Owns    []string
		Trials  []struct {
			Of, Under   string
			Paid        priceTag
			Started     time.Time
			CreditUntil time.Time `yaml:"creditUntil"`
			Converted   bool
		}
	}
	pricedItem struct {
		Item    string
		Choices []string
	}
	pricedWant struct {
		Lines           linesOfText
		Subtotal, Total plain
		NotApplied      []string `yaml:"notApplied"`
		Refusals, Taken []string
	}
)

// linesOfText is a block of text, line by line.
type linesOfText []string

func (l *linesOfText) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	err := unmarshal(&text)
	*l = strings.Split(strings.TrimRight(text, "\n"), "\n")
	return err
}

// plain is a number as it is written, zeros at the end and all.
type plain string

func (p *plain) UnmarshalYAML(text []byte) error {
	*p = plain(strings.TrimSpace(string(text)))
	return nil
}

// priceTag is an amount as it is written: in the currency of the case, or in each of several.
type priceTag struct {
	plain  string
	prices map[money.Code]plain
}

func (p *priceTag) UnmarshalYAML(text []byte) error {
	written := strings.TrimSpace(string(text))
	if strings.HasPrefix(written, "{") {
		return yaml.Unmarshal(text, &p.prices)
	}
	p.plain = written
	return nil
}

// in are the prices, of which a plain one is in the currency.
func (p priceTag) in(currency money.Code) schema.Prices {
	list := schema.Prices{}
	if p.plain != "" {
		list[currency] = units(p.plain)
	}
	for code, text := range p.prices {
		list[code] = units(string(text))
	}
	return list
}

// percentage is written as 12.5%, and kept in basis points.
type percentage int

func (p *percentage) UnmarshalYAML(text []byte) error {
	digits, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	if !percent {
		return errors.New("a percentage ends in %")
	}
	const point = money.Unit / 100
	*p = percentage(units(digits) / point)
	return nil
}

func (i *pricedItem) UnmarshalYAML(text []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		type fields pricedItem
		return yaml.Unmarshal(text, (*fields)(i))
	}
	return yaml.Unmarshal(text, &i.Item)
}

// times reads "Gems x3" as Gems and 3.
func times(text string) (string, int64) {
	if name, number, ok := strings.Cut(text, " x"); ok {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return name, n
		}
	}
	return text, 1
}

// stage is a case set up: things have ids in the order in which they are listed, so what is above is older.
type stage struct {
	pricedCase
	t        *testing.T
	currency money.Currency
	ids      map[string]uuid.UUID
	names    map[uuid.UUID]string
}

func (c pricedCase) price(t *testing.T) pricedWant {
	t.Helper()
	known, err := money.ParseCurrencies("USD,EUR,KRW,KWD,GEM:0")
	if err != nil {
		t.Fatal(err)
	}
	currency, ok := known.Lookup(c.Currency)
	if !ok {
		t.Fatalf("no currency %q", c.Currency)
	}
	s := stage{c, t, currency, map[string]uuid.UUID{}, map[uuid.UUID]string{}}
	for _, p := range c.Products {
		s.name(p.Name)
	}
	for _, b := range c.Bundles {
		s.name(b.Name)
	}
	for _, offer := range c.Trials {
		s.name(offer.Name)
	}
	for _, sale := range c.Sales {
		s.name(sale.Name)
	}
	if c.Coupon != nil {
		s.name(c.Coupon.Name)
	}
	view := s.view()
	board := offers.NewBoard(1, s.bundles(), s.trials(), s.sales(view), s.tiers())
	items := s.basket()
	ids := make([]uuid.UUID, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	result, err := pricing.Price(board.Shelf(ids, view), s.buyer(), items)
	if err != nil {
		t.Fatal(err)
	}
	return s.tell(result)
}

func (s stage) name(name string) {
	if name == "" || s.ids[name] != uuid.Nil {
		s.t.Fatalf("%q is not a name of its own", name)
	}
	id := uuid.UUID{14: byte(len(s.ids) >> 8), 15: byte(len(s.ids) + 1)}
	s.ids[name], s.names[id] = id, name
}

// id is that of something with a name, which a case must not misspell.
func (s stage) id(name string) uuid.UUID {
	id, ok := s.ids[name]
	if !ok {
		s.t.Fatalf("there is no %q", name)
	}
	return id
}

func (s stage) list(names []string) []uuid.UUID {
	var list []uuid.UUID
	for _, name := range names {
		list = append(list, s.id(name))
	}
	return list
}

func (s stage) isBundle(id uuid.UUID) bool {
	return slices.ContainsFunc(s.Bundles, func(b pricedBundle) bool { return s.ids[b.Name] == id })
}

func orElse[T comparable](value, other T) T {
	var none T
	if value == none {
		return other
	}
	return value
}

func (s stage) view() offers.View {
	view := offers.View{
		Now: s.Now, Currency: s.currency, Products: map[uuid.UUID]*ent.Product{}, Stocks: map[offers.Round]*ent.OfferStock{},
	}
	if !s.Shopper.Visitor {
		view.Uses = map[offers.Round]int64{}
	}
	for _, p := range s.pricedCase.Products {
		row := &ent.Product{
			ID: s.id(p.Name), Kind: orElse(p.Kind, product.KindDURABLE), Status: orElse(p.Status, product.StatusACTIVE),
			Tags: p.Tags, Categories: p.Categories,
		}
		for code, amount := range p.List.in(s.Currency) {
			row.Edges.Prices = append(row.Edges.Prices, &ent.Price{ProductID: row.ID, Currency: code, Amount: amount})
		}
		view.Products[row.ID] = row
	}
	if k := s.Coupon; k != nil {
		view.Coupon = &ent.Coupon{
			ID: s.id(k.Name), Status: coupon.StatusACTIVE, BasisPoints: int(k.Off), Amounts: k.Amount.in(s.Currency),
			Scope: s.scope(k.Scope), Combines: k.Combines,
		}
	}
	return view
}

func (s stage) scope(of pricedScope) schema.Scope {
	scope := schema.Scope{Tags: of.Tags, Categories: of.Categories}
	for _, id := range s.list(of.On) {
		if s.isBundle(id) {
			scope.Bundles = append(scope.Bundles, id)
		} else {
			scope.Products = append(scope.Products, id)
		}
	}
	return scope
}

func (s stage) bundles() []*ent.Bundle {
	var rows []*ent.Bundle
	for _, b := range s.pricedCase.Bundles {
		row := &ent.Bundle{
			ID: s.id(b.Name), Status: orElse(b.Status, bundle.StatusACTIVE), BasisPoints: int(b.Off),
			Prices: b.Price.in(s.Currency), Choose: b.Choose, PublishFrom: b.From, PublishUntil: b.Until,
		}
		for i, text := range b.Contains {
			name, quantity := times(text)
			id := s.id(name)
			component := &ent.BundleComponent{BundleID: row.ID, Position: i, Quantity: quantity, ProductID: &id}
			if s.isBundle(id) {
				component.ProductID, component.InnerID = nil, &id
			}
			row.Edges.Components = append(row.Edges.Components, component)
		}
		rows = append(rows, row)
	}
	return rows
}

func (s stage) trials() []*ent.TrialOffer {
	var rows []*ent.TrialOffer
	for _, offer := range s.pricedCase.Trials {
		rows = append(rows, &ent.TrialOffer{
			ID: s.id(offer.Name), Status: trialoffer.StatusACTIVE, ProductID: s.id(offer.Of), Prices: offer.Price.in(s.Currency),
			PublishFrom: offer.From, PublishUntil: offer.Until,
		})
	}
	return rows
}

// sales also counts what has been taken of them.
func (s stage) sales(view offers.View) []*ent.FlashSale {
	var rows []*ent.FlashSale
	for _, sale := range s.pricedCase.Sales {
		row := &ent.FlashSale{
			ID: s.id(sale.Name), Status: orElse(sale.Status, flashsale.StatusACTIVE), EndsAt: sale.Until, EndedAt: sale.Ended,
			BasisPoints: int(sale.Off), Prices: sale.Price.in(s.Currency), Scope: s.scope(sale.Scope),
			Stock: sale.Stock, PerShopper: sale.PerShopper,
		}
		if sale.From != nil {
			row.StartsAt = *sale.From
		}
		if w := sale.Weekly; w != nil {
			row.Recurrence = &schema.Recurrence{TimeZone: w.Zone, From: w.From, Until: w.Until}
			for day := time.Sunday; day <= time.Saturday; day++ {
				if slices.Contains(w.Days, day.String()) {
					row.Recurrence.Weekdays = append(row.Recurrence.Weekdays, day)
				}
			}
		}
		if window, ok := offers.WindowOf(row, s.Now); ok && (sale.Taken > 0 || sale.Had > 0 || sale.Closed) {
			round := offers.Round{Offer: row.ID, Round: window.Round}
			view.Stocks[round] = &ent.OfferStock{OfferID: row.ID, Round: window.Round, Taken: sale.Taken, Closed: sale.Closed}
			view.Uses[round] = sale.Had
		}
		rows = append(rows, row)
	}
	return rows
}

func (s stage) tiers() []*ent.TierPlan {
	var rows []*ent.TierPlan
	for _, p := range s.pricedCase.Products {
		if p.Tiers == nil {
			continue
		}
		s.name(p.Tiers.Name)
		row := &ent.TierPlan{
			ID: s.id(p.Tiers.Name), Status: tierplan.StatusACTIVE, ProductID: s.id(p.Name), Mode: p.Tiers.Mode, EndsAt: p.Tiers.Until,
		}
		if p.Tiers.From != nil {
			row.StartsAt = *p.Tiers.From
		}
		for from, tag := range p.Tiers.Steps {
			row.Tiers = append(row.Tiers, schema.Tier{From: from, Prices: tag.in(s.Currency)})
		}
		slices.SortFunc(row.Tiers, func(a, b schema.Tier) int { return int(a.From - b.From) })
		rows = append(rows, row)
	}
	return rows
}

func (s stage) buyer() pricing.Buyer {
	if s.Shopper.Visitor {
		return pricing.Buyer{}
	}
	owned := map[uuid.UUID]bool{}
	for _, id := range s.list(s.Shopper.Owns) {
		owned[id] = true
	}
	var trials []*ent.Trial
	for _, trial := range s.Shopper.Trials {
		for code, amount := range trial.Paid.in(s.Currency) {
			row := &ent.Trial{
				ProductID: s.id(trial.Of), OfferID: s.id(trial.Under), Currency: code, Price: amount,
				StartedAt: trial.Started, CreditUntil: trial.CreditUntil,
			}
			if trial.Converted {
				row.ConvertedBy = new(uuid.New())
			}
			trials = append(trials, row)
		}
	}
	return offers.BuyerOf(owned, trials, s.Currency, s.Now)
}

// unknown is the name of something that the shop does not have.
const unknown = "Unknown"

func (s stage) basket() []pricing.Item {
	var items []pricing.Item
	for _, item := range s.Basket {
		name, quantity := times(item.Item)
		id := uuid.Max
		if name != unknown {
			id = s.id(name)
		}
		items = append(items, pricing.Item{ID: id, Quantity: quantity, Choices: s.list(item.Choices)})
	}
	return items
}

// tell writes a result as the cases do.
func (s stage) tell(r pricing.Result) pricedWant {
	var lines linesOfText
	for _, line := range r.Lines {
		lines = append(lines, fmt.Sprintf("%s: %s of %s", quantified(s.names[line.ID], line.Quantity), s.amount(line.Total), s.amount(line.Subtotal)))
		for _, part := range line.Parts {
			lines = append(lines, "  "+s.sum(part))
		}
		for _, left := range line.LeftOut {
			lines = append(lines, fmt.Sprintf("  without %s: %s", s.names[left.Product], left.Reason))
		}
	}
	told := pricedWant{Lines: lines, Subtotal: plain(s.amount(r.Subtotal)), Total: plain(s.amount(r.Total))}
	for _, n := range r.NotApplied {
		told.NotApplied = append(told.NotApplied, fmt.Sprintf("%s %s %s at %s", n.Kind, s.names[n.Source], n.Reason, n.Path))
	}
	for _, f := range r.Refusals {
		text := fmt.Sprintf("%s at %s", f.Code, strings.Join(f.Path, "."))
		if subject, ok := f.Data.(pricing.Subject); ok {
			text += fmt.Sprintf(" for %s %s", subject.Kind, s.names[subject.ID])
		}
		told.Refusals = append(told.Refusals, text)
	}
	for _, taken := range r.Taken {
		text := quantified(s.names[taken.Source], taken.Units)
		if taken.Round != 0 {
			text += fmt.Sprintf(" of %d", taken.Round)
		}
		told.Taken = append(told.Taken, text)
	}
	return told
}

// sum writes a part as a sum: Novel: 20.00 - 5.00 BUNDLE Trilogy = 15.00.
func (s stage) sum(part pricing.Part) string {
	text := fmt.Sprintf("%s: %s", quantified(s.names[part.Product], part.Quantity), s.amount(part.Subtotal))
	for _, a := range part.Adjustments {
		text += fmt.Sprintf(" - %s %s %s", s.amount(a.Amount), a.Kind, s.names[a.Source])
		if a.Units != part.Quantity {
			text += fmt.Sprintf(" x%d", a.Units)
		}
	}
	if len(part.Adjustments) > 0 {
		text += " = " + s.amount(part.Total)
	}
	return text
}

func (s stage) amount(a money.Amount) string { return s.currency.Format(a) }

func quantified(name string, quantity int64) string {
	if quantity == 1 {
		return name
	}
	return fmt.Sprintf("%s x%d", name, quantity)
}
