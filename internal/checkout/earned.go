package checkout

import (
	"slices"

	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/pricing"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// spendsPoints says whether a basket takes points.
func (b Basket) spendsPoints() bool { return b.RedeemPoints > 0 || b.Currency == money.PointsCode }

// price says what a basket costs, points that are redeemed taken off.
func (st *state) price(q question) (pricing.Result, error) {
	result, err := st.known.price(q)
	if err != nil || q.points == 0 {
		return result, err
	}
	worth, refusal := st.discount(q, result.Total)
	if refusal != nil {
		result.Refusals.Add(refusal)
		return result, nil
	}
	return pricing.TakeOff(result, pricing.ByPoints, st.rules.Current().Discount.ID, worth, q.currency.Step())
}

// discount is what the points of a question take off a total.
func (st *state) discount(q question, total money.Amount) (money.Amount, *fault.Fault) {
	rule := st.rules.Current().Discount
	if rule == nil || !rule.Counts(st.now) || rule.Terms.Discount.Worth[q.currency.Code] == 0 {
		return 0, fault.New(fault.NotAvailable, "Points take nothing off a basket in %s.", q.currency.Code).At("redeemPoints")
	}
	if least := rule.Terms.Discount.Least; q.points < least {
		return 0, fault.Input("redeemPoints", "Redeem at least %s points at once.", money.Points().Format(least))
	}
	most := rule.MostPoints(total, q.currency)
	if q.points > most {
		return 0, fault.Input("redeemPoints", "At most %s points can be redeemed for this basket.", money.Points().Format(most))
	}
	worth := rule.PointsWorth(q.points, q.currency)
	if worth == 0 {
		return 0, fault.Input("redeemPoints", "%s points take nothing off.", money.Points().Format(q.points))
	}
	return worth, nil
}

// redeemable is the most points that could be redeemed for a total; 0 when none can be.
func (st *state) redeemable(total money.Amount, currency money.Currency) money.Amount {
	rule := st.rules.Current().Discount
	if rule == nil || !rule.Counts(st.now) {
		return 0
	}
	if most := rule.MostPoints(total, currency); most >= rule.Terms.Discount.Least {
		return most
	}
	return 0
}

// affords says whether a shopper can pay a total, and redeem points for it: nil, or the refusal to show.
func (st *state) affords(shopper uuid.UUID, currency money.Currency, total, points money.Amount) *fault.Fault {
	if currency.Code == money.PointsCode {
		return st.desk.Affords(shopper, total)
	}
	if short := st.book.Affords(shopper, currency.Code, total); short != nil {
		return short
	}
	if short := st.desk.Affords(shopper, points); short != nil {
		return short.At("redeemPoints")
	}
	return nil
}

// plan is what a purchase would earn, when these parts of what the shopper has pay for it.
func (st *state) plan(q question, result pricing.Result, spent wallet.Origins) (rewards.Plan, error) {
	facts, err := st.countable(q.currency, result, spent.Paid)
	if err != nil {
		return rewards.Plan{}, err
	}
	if st.desk == nil {
		return rewards.PlanFor(st.rules, facts, st.now)
	}
	points := q.points
	if q.currency.Code == money.PointsCode {
		points = result.Total
	}
	return st.desk.Plan(q.shopper, facts, points)
}

// countable is what of a basket counts for rewards: nothing of what is paid for with points.
func (st *state) countable(currency money.Currency, result pricing.Result, paid money.Amount) (*schema.PurchaseFacts, error) {
	if currency.Code == money.PointsCode {
		return &schema.PurchaseFacts{Currency: currency.Code}, nil
	}
	facts := &schema.PurchaseFacts{Currency: currency.Code, Paid: paid}
	var totals []money.Amount
	for i := range result.Lines {
		line := &result.Lines[i]
		for _, part := range line.Parts {
			totals = append(totals, part.Total)
			product := st.products[part.Product]
			fact := schema.FactLine{
				Product: part.Product, Quantity: part.Quantity, Creator: catalog.Fold(product.Creator),
				Categories: folded(product.Categories), Tags: folded(product.Tags), Trial: line.Kind == pricing.OfTrial,
				Sale: slices.ContainsFunc(part.Adjustments, func(a pricing.Adjustment) bool { return a.Kind == pricing.BySale }),
			}
			if line.Kind == pricing.OfBundle {
				fact.Bundle = &line.ID
			}
			facts.Lines = append(facts.Lines, fact)
		}
	}
	shares, err := earning.ShareOfPaid(paid, totals)
	if err != nil {
		return nil, err
	}
	for i := range facts.Lines {
		facts.Lines[i].Paid = shares[i]
	}
	return facts, nil
}

func folded(labels []string) []string {
	if len(labels) == 0 {
		return nil
	}
	list := make([]string, len(labels))
	for i, label := range labels {
		list[i] = catalog.Fold(label)
	}
	return list
}

// labelOfDiscount is what points that were redeemed are called.
func labelOfDiscount(rules *earning.Rulebook) (language string, texts map[string]schema.Text) {
	if rule := rules.Current().Discount; rule != nil {
		return rule.Language, rule.Texts
	}
	return "", nil
}

// label is what an offer, or the rule that points were redeemed by, is called.
func (st *state) label(kind pricing.AdjustmentKind, source uuid.UUID) (language string, texts map[string]schema.Text) {
	if kind == pricing.ByPoints {
		return labelOfDiscount(st.rules)
	}
	return st.known.label(kind, source)
}
