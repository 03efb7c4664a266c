package model_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/graph/model"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/offers"
)

func paths(faults fault.List) []string {
	var list []string
	for _, f := range faults {
		list = append(list, strings.Join(f.Path, "."))
	}
	return list
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12.5": "1250", "12.50": "1250", "0.01": "1", "100": "10000", "0": "0", "-5": "-500", "9000000000": "900000000000",
		"0.001": "percentOff", "12.505": "percentOff", "": "percentOff", "1e2": "percentOff", "12,5": "percentOff", "10%": "percentOff",
	} {
		var d model.Decimal
		if err := d.UnmarshalGQL(text); err != nil {
			t.Fatal(err)
		}
		percent, unreadable := model.Percent("percentOff", &d)
		got := fmt.Sprint(*percent)
		if unreadable != nil {
			got = strings.Join(unreadable.Path, ".")
		}
		if got != want {
			t.Errorf("Percent(%q) = %s, not %s", text, got, want)
		}
	}
	if percent, unreadable := model.Percent("percentOff", nil); percent != nil || unreadable != nil {
		t.Errorf("of nothing: %v, %v", percent, unreadable)
	}
}

// TestWeeklyWindow has every day of the week read as the day of that name.
func TestWeeklyWindow(t *testing.T) {
	t.Parallel()
	in := model.RecurrenceInput{TimeZone: "Asia/Seoul", From: "18:00", Until: "20:00", Weekdays: []model.Weekday{
		model.WeekdayMonday, model.WeekdayTuesday, model.WeekdayWednesday, model.WeekdayThursday, model.WeekdayFriday,
		model.WeekdaySaturday, model.WeekdaySunday,
	}}
	r := model.WeeklyWindow(&in)
	for i, day := range r.Weekdays {
		if got := strings.ToUpper(day.String()); got != string(in.Weekdays[i]) {
			t.Errorf("%s was read as %s", in.Weekdays[i], got)
		}
	}
	if r.TimeZone != "Asia/Seoul" || r.From != "18:00" || r.Until != "20:00" || r.Weekdays[0] != time.Monday {
		t.Errorf("got %v", r)
	}
	if model.WeeklyWindow(nil) != nil {
		t.Error("there is a window where none was given")
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	poems, pair := uuid.New(), uuid.New()
	scope, faults := model.Scope("scope", &model.OfferScopeInput{
		ProductIds: []string{id.Encode(id.Product, poems), "nothing", id.Encode(id.Bundle, pair)},
		BundleIds:  []string{id.Encode(id.Bundle, pair), id.Encode(id.Product, poems)},
		Tags:       []string{"poetry"}, Categories: []string{"books"},
	})
	if diff := cmp.Diff([]string{"scope.productIds.1", "scope.productIds.2", "scope.bundleIds.1"}, paths(faults)); diff != "" {
		t.Errorf("unreadable (-want +got):\n%s", diff)
	}
	// What stands for an id that cannot be read keeps the places of the others, and is no id that might be left out.
	if len(scope.Products) != 3 || scope.Products[0] != poems || scope.Products[1] == uuid.Nil || len(scope.Bundles) != 2 ||
		scope.Bundles[0] != pair || scope.Tags[0] != "poetry" || scope.Categories[0] != "books" {
		t.Errorf("got %v", scope)
	}
}

func TestComponents(t *testing.T) {
	t.Parallel()
	poems, pair := uuid.New(), uuid.New()
	text := func(text string) graphql.Omittable[*string] { return graphql.OmittableOf(&text) }
	components, faults := model.Components("components", []model.BundleComponentInput{
		{ProductID: text(id.Encode(id.Product, poems)), Quantity: 2},
		{BundleID: text(id.Encode(id.Bundle, pair)), Quantity: 1},
		{ProductID: text("nothing"), Quantity: 1},
		{Quantity: 1},
	})
	if diff := cmp.Diff([]string{"components.2.productId"}, paths(faults)); diff != "" {
		t.Errorf("unreadable (-want +got):\n%s", diff)
	}
	want := []offers.Component{
		{ProductID: poems, Quantity: 2}, {BundleID: pair, Quantity: 1}, {ProductID: uuid.Max, Quantity: 1}, {Quantity: 1},
	}
	if diff := cmp.Diff(want, components); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}
