package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/fault"
)

func TestFault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault *fault.Fault
		text  string
		want  fault.Fault
	}{
		{
			"without a field", fault.New(fault.NotFound, "There is no %s.", "wallet"), "NOT_FOUND: There is no wallet.",
			fault.Fault{Code: fault.NotFound, Message: "There is no wallet."},
		},
		{
			"at a field of a list", fault.Input("items.0.quantity", "At least %d.", 1), "INVALID_INPUT at items.0.quantity: At least 1.",
			fault.Fault{Code: fault.InvalidInput, Message: "At least 1.", Path: []string{"items", "0", "quantity"}},
		},
		{
			"with data", fault.New(fault.PriceChanged, "Now dearer.").At("expectedTotal").With(7), "PRICE_CHANGED at expectedTotal: Now dearer.",
			fault.Fault{Code: fault.PriceChanged, Message: "Now dearer.", Path: []string{"expectedTotal"}, Data: 7},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, *test.fault); diff != "" {
				t.Error(diff)
			}
			if got := test.fault.Error(); got != test.text {
				t.Errorf("Error() = %q, want %q", got, test.text)
			}
		})
	}
}

func TestListShowsAllFaults(t *testing.T) {
	t.Parallel()
	var list fault.List
	if err := list.Err(); err != nil {
		t.Fatalf("an empty list is the error %v", err)
	}
	list.Add(fault.Input("amount", "Too small."))
	list.Add(fault.New(fault.Conflict, "Too late."))
	err := list.Err()
	if want := "INVALID_INPUT at amount: Too small.; CONFLICT: Too late."; err == nil || err.Error() != want {
		t.Errorf("Err() = %v, want %s", err, want)
	}
}

func TestMergeLeavesOutWhatNobodySent(t *testing.T) {
	t.Parallel()
	malformed := append(make(fault.List, 0, 10), // with room behind it, which is not Merge's
		fault.Input("prices.1.amount", "No number."), fault.Input("items.2", "No item."), fault.New(fault.Overloaded, "Later."))
	found := fault.List{
		fault.Input("prices.1.amount", "Too small."),
		fault.Input("prices.1.currency", "Not traded."),
		fault.Input("prices.10.amount", "Too small."),
		fault.Input("prices", "Too many."),
		fault.Input("items.2.quantity", "Too small."),
		fault.Input("items.20", "Unknown."),
		fault.New(fault.NotFound, "Nothing."),
		fault.Input("name", "Too long."),
		fault.Input("name", "Too odd."),
	}
	want := []string{
		"INVALID_INPUT at prices.1.amount: No number.", "INVALID_INPUT at items.2: No item.", "OVERLOADED: Later.",
		"INVALID_INPUT at prices.1.currency: Not traded.", "INVALID_INPUT at prices.10.amount: Too small.",
		"INVALID_INPUT at prices: Too many.", "INVALID_INPUT at items.20: Unknown.", "NOT_FOUND: Nothing.",
		"INVALID_INPUT at name: Too long.", "INVALID_INPUT at name: Too odd.",
	}
	for range 2 {
		if diff := cmp.Diff(strings.Join(want, "; "), fault.Merge(malformed, found).Error()); diff != "" {
			t.Error(diff)
		}
	}
	if len(malformed) != 3 || malformed[:4][3] != nil {
		t.Error("Merge has written into the list it was given")
	}
	if merged := fault.Merge(nil, nil); merged.Err() != nil {
		t.Errorf("nothing and nothing are %v", merged)
	}
	if !malformed.Blames("items.2.id") || malformed.Blames("items") || malformed.Blames("") || fault.List(nil).Blames("items") {
		t.Error("Blames has another idea of what is part of what")
	}
	if !malformed.Touches("items.2.id") || !malformed.Touches("items") || malformed.Touches("item") || malformed.Touches("") {
		t.Error("Touches has another idea of what is part of what")
	}
}

func TestFromFindsRefusalsOnly(t *testing.T) {
	t.Parallel()
	one, two := fault.New(fault.Forbidden, "No."), fault.New(fault.NotFound, "Nothing.")
	for _, test := range []struct {
		name string
		err  error
		want fault.List
	}{
		{"nil", nil, nil},
		{"an outage", io.ErrUnexpectedEOF, nil},
		{"a fault", one, fault.List{one}},
		{"a wrapped fault", fmt.Errorf("sell: %w", one), fault.List{one}},
		{"a fault joined with an outage", errors.Join(io.EOF, one), fault.List{one}},
		{"a list", fault.List{one, two}, fault.List{one, two}},
		{"a wrapped list", fmt.Errorf("sell: %w", fault.List{one, two}), fault.List{one, two}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, fault.From(test.err)); diff != "" {
				t.Error(diff)
			}
			for _, code := range []fault.Code{fault.Forbidden, fault.NotFound, fault.Internal} {
				want := false
				for _, f := range test.want {
					want = want || f.Code == code
				}
				if got := fault.Is(test.err, code); got != want {
					t.Errorf("Is(%s) = %t, want %t", code, got, want)
				}
			}
		})
	}
}
