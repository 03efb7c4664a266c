package fault_test

import (
	"errors"
	"fmt"
	"io"
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
