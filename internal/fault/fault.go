// Package fault is the one kind of error that a caller of the shop may see.
//
// A *Fault is a refusal: expected, typed by its Code, and safe to show. Any other error is a bug or an outage;
// the door shows those as INTERNAL with a request id and logs what happened. Nothing in a Fault may come from the
// inside of the shop: no SQL, no path of a file, no row of another shopper.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code names a refusal for programs. The schema's ErrorCode enum holds the same words; new ones may be added.
type Code string

// The refusals. What each means to a client is described once, in the schema's ErrorCode.
const (
	Unauthenticated      Code = "UNAUTHENTICATED"
	Forbidden            Code = "FORBIDDEN"
	NotFound             Code = "NOT_FOUND"
	InvalidInput         Code = "INVALID_INPUT"
	Conflict             Code = "CONFLICT"
	RateLimited          Code = "RATE_LIMITED"
	Overloaded           Code = "OVERLOADED"
	Internal             Code = "INTERNAL"
	InsufficientFunds    Code = "INSUFFICIENT_FUNDS"
	PriceChanged         Code = "PRICE_CHANGED"
	AlreadyOwned         Code = "ALREADY_OWNED"
	NotAvailable         Code = "NOT_AVAILABLE"
	IdempotencyKeyReused Code = "IDEMPOTENCY_KEY_REUSED"
	SoldOut              Code = "SOLD_OUT"
	LimitReached         Code = "LIMIT_REACHED"
	TrialUsed            Code = "TRIAL_USED"
	CouponNotValid       Code = "COUPON_NOT_VALID"
	AlreadyRefunded      Code = "ALREADY_REFUNDED"
	NotRefundable        Code = "NOT_REFUNDABLE"
)

// Fault is one refusal.
type Fault struct {
	// Code is what programs decide on.
	Code Code
	// Message is one English sentence for a person; it names values the caller sent, never the inside.
	Message string
	// Path leads to the field of the input that is at fault, outermost first; list positions are decimal numbers.
	// Empty when no single field is to blame.
	Path []string
	// Data carries what a client needs to go on, such as the missing amount. Its type belongs to the domain that
	// refuses; nil when the code says it all.
	Data any
}

// Error gives the code, the field and the message, for logs.
func (f *Fault) Error() string {
	if len(f.Path) == 0 {
		return fmt.Sprintf("%s: %s", f.Code, f.Message)
	}
	return fmt.Sprintf("%s at %s: %s", f.Code, strings.Join(f.Path, "."), f.Message)
}

// New makes a fault without a field.
func New(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Input makes an INVALID_INPUT fault at a field. The path is dotted: "items.0.quantity".
func Input(path, format string, args ...any) *Fault {
	return New(InvalidInput, format, args...).At(path)
}

// At sets the field at fault and returns the fault. The path is dotted: "items.0.quantity".
func (f *Fault) At(path string) *Fault {
	f.Path = strings.Split(path, ".")
	return f
}

// With sets the data of the fault and returns it.
func (f *Fault) With(data any) *Fault {
	f.Data = data
	return f
}

// List is several faults found at once, so that a form can show all of them.
type List []*Fault

// Error joins the faults for logs.
func (l List) Error() string {
	parts := make([]string, len(l))
	for i, f := range l {
		parts[i] = f.Error()
	}
	return strings.Join(parts, "; ")
}

// Add appends a fault.
func (l *List) Add(f *Fault) { *l = append(*l, f) }

// AddIf appends a fault, if there is one.
func (l *List) AddIf(f *Fault) {
	if f != nil {
		l.Add(f)
	}
}

// Blames says whether one of the faults is at the field, or at a field that the field is part of. The path is dotted:
// "items.0.quantity".
func (l List) Blames(path string) bool {
	for _, f := range l {
		at := strings.Join(f.Path, ".")
		if at != "" && (path == at || strings.HasPrefix(path, at+".")) {
			return true
		}
	}
	return false
}

// Touches says whether one of the faults is at the field, within it, or at a field that it is part of. The path is dotted.
func (l List) Touches(path string) bool {
	return l.Blames(path) || slices.ContainsFunc(l, func(f *Fault) bool {
		return strings.HasPrefix(strings.Join(f.Path, "."), path+".")
	})
}

// Below names fields as those of a field that path leads to: "changes.0.createBundle". The faults that are given stay as they
// are.
func (l List) Below(path string) List {
	moved := make(List, len(l))
	for i, f := range l {
		at := *f
		at.Path = slices.Concat(strings.Split(path, "."), f.Path)
		moved[i] = &at
	}
	return moved
}

// Merge puts together what the door could not read of an input and what the domain found wrong with the rest. Where
// something could not be read, the domain was given something in its place; what is wrong with that nobody has sent, and
// so it is left out.
func Merge(malformed, found List) List {
	all := slices.Clone(malformed)
	for _, f := range found {
		if !malformed.Blames(strings.Join(f.Path, ".")) {
			all.Add(f)
		}
	}
	return all
}

// Err is the list as an error, or nil when it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// From takes the faults out of an error. It is empty when the error is not a refusal, which means a bug or an outage.
func From(err error) List {
	if list, ok := errors.AsType[List](err); ok {
		return list
	}
	if one, ok := errors.AsType[*Fault](err); ok {
		return List{one}
	}
	return nil
}

// Is says whether the error is, or holds, a refusal with this code.
func Is(err error, code Code) bool {
	for _, f := range From(err) {
		if f.Code == code {
			return true
		}
	}
	return false
}
