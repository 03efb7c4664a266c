package model

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"farthing/ent/schema"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/offers"
)

// basisPoint is a hundredth of a percent, as a Decimal of percents holds it.
const basisPoint = money.Unit / 100

// percentOf shows basis points in percent.
func percentOf[N int | int64](basisPoints N) Decimal {
	return newDecimal(money.Amount(basisPoints) * basisPoint)
}

// newPercent shows basis points in percent; nil for none.
func newPercent[N int | int64](basisPoints N) *Decimal {
	if basisPoints == 0 {
		return nil
	}
	return new(percentOf(basisPoints))
}

// Percent reads a percentage at a field of the input: one with at most 2 decimals. Whether there can be so much is for the
// shop to say. It is nil when it was left out, and zero when it cannot be read.
func Percent(path string, d *Decimal) (*offers.Percent, *fault.Fault) {
	if d == nil {
		return nil, nil
	}
	n, unreadable := basisPoints(path, *d)
	return new(offers.Percent(n)), unreadable
}

// basisPoints reads a percentage as Percent does; zero when it cannot be read.
func basisPoints(path string, d Decimal) (int64, *fault.Fault) {
	if unreadable := d.Fault(path); unreadable != nil {
		return 0, unreadable
	}
	if d.amount%basisPoint != 0 {
		return 0, fault.Input(path, "%s has more than 2 decimals; a percentage is one such as 12.5.", d.amount)
	}
	return int64(d.amount / basisPoint), nil
}

// unreadable stands for an id that cannot be read, where no id at all would be a fault of its own. There is nothing of
// this id; that this is so is not told, since nobody has sent it (fault.Merge).
var unreadable = uuid.Max

// idAt reads an id of one kind at a field of the input.
func idAt(faults *fault.List, kind id.Kind, path, text string) uuid.UUID {
	read, err := id.Parse(kind, text)
	if err != nil {
		faults.Add(fault.Input(path, "%s.", err))
		return unreadable
	}
	return read
}

// Scope reads what an offer is for, at a field of the input.
func Scope(path string, in *OfferScopeInput) (schema.Scope, fault.List) {
	var faults fault.List
	if in == nil {
		return schema.Scope{}, nil
	}
	scope := schema.Scope{Tags: in.Tags, Categories: in.Categories}
	for i, text := range in.ProductIds {
		scope.Products = append(scope.Products, idAt(&faults, id.Product, path+".productIds."+strconv.Itoa(i), text))
	}
	for i, text := range in.BundleIds {
		scope.Bundles = append(scope.Bundles, idAt(&faults, id.Bundle, path+".bundleIds."+strconv.Itoa(i), text))
	}
	return scope, faults
}

// weekdays are the days in the order of time.Weekday.
func weekdays() []Weekday {
	return []Weekday{
		WeekdaySunday, WeekdayMonday, WeekdayTuesday, WeekdayWednesday, WeekdayThursday, WeekdayFriday, WeekdaySaturday,
	}
}

// WeeklyWindow reads a window that comes again every week; nil for none.
func WeeklyWindow(in *RecurrenceInput) *schema.Recurrence {
	if in == nil {
		return nil
	}
	r := schema.Recurrence{TimeZone: in.TimeZone, From: in.From, Until: in.Until, Weekdays: make([]time.Weekday, len(in.Weekdays))}
	for i, day := range in.Weekdays {
		r.Weekdays[i] = time.Weekday(slices.Index(weekdays(), day))
	}
	return &r
}

// Components reads what is in a bundle, at a field of the input.
func Components(path string, input []BundleComponentInput) ([]offers.Component, fault.List) {
	var faults fault.List
	list := make([]offers.Component, len(input))
	for i, c := range input {
		at := path + "." + strconv.Itoa(i)
		list[i].Quantity = int64(c.Quantity)
		if text := c.ProductID.Value(); text != nil {
			list[i].ProductID = idAt(&faults, id.Product, at+".productId", *text)
		}
		if text := c.BundleID.Value(); text != nil {
			list[i].BundleID = idAt(&faults, id.Bundle, at+".bundleId", *text)
		}
	}
	return list, faults
}

// Tiers reads the steps of prices by quantity, at a field of the input.
func Tiers(path string, input []TierInput) ([]offers.Tier, fault.List) {
	var faults fault.List
	list := make([]offers.Tier, len(input))
	for i, tier := range input {
		at := path + "." + strconv.Itoa(i)
		list[i] = offers.Tier{From: int64(tier.From), UpTo: Whole(tier.UpTo.Value()), Prices: Prices(tier.Prices)}
		faults = append(faults, PriceFaults(at+".prices", tier.Prices)...)
	}
	return list, faults
}

// Whole is a number of units; nil for any.
func Whole(n *int) *int64 {
	if n == nil {
		return nil
	}
	return new(int64(*n))
}
