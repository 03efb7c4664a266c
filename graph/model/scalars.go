package model

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/text/language"

	"farthing/internal/fault"
	"farthing/internal/money"
)

// bad is the error of a scalar that cannot be read. gqlgen adds the path of the field.
func bad(message string) error {
	return &gqlerror.Error{
		Message:    message,
		Extensions: map[string]any{"code": string(fault.InvalidInput)},
	}
}

// Decimal is an exact decimal number. It is a string on the wire.
//
// One that cannot be read is no error of the operation: that would take the answers of all its other fields away, of a
// purchase that has just been made among them. It is a refusal of the one field it was sent to (Fault).
type Decimal struct {
	amount money.Amount
	text   string
	fault  string
}

// Amount is the number in millionths; zero when there is a Fault.
func (d Decimal) Amount() money.Amount { return d.amount }

// Fault says what is wrong with the number, as a fault at a field of the input; nil when nothing is.
func (d Decimal) Fault(path string) *fault.Fault {
	if d.fault == "" {
		return nil
	}
	return fault.Input(path, "%s", d.fault)
}

// MarshalGQL writes the number as a string.
func (d Decimal) MarshalGQL(w io.Writer) { graphql.MarshalString(d.text).MarshalGQL(w) }

// UnmarshalGQL reads a string, or a JSON number or a whole number, which are exact too. A float literal inside a
// document is refused: the parser has made a binary float of it, and that is no longer what the client wrote.
func (d *Decimal) UnmarshalGQL(v any) error {
	switch v := v.(type) {
	case string:
		d.text = v
	case json.Number:
		d.text = v.String()
	case int64:
		d.text = strconv.FormatInt(v, 10)
	case int:
		d.text = strconv.Itoa(v)
	default:
		d.fault = "A decimal number is written as a string, such as \"0.99\"."
		return nil
	}
	var err error
	if d.amount, err = money.ParseAmount(d.text); err != nil {
		d.fault = sentence(err)
	}
	return nil
}

// newDecimal shows a number.
func newDecimal(amount money.Amount) Decimal { return Decimal{amount: amount, text: amount.String()} }

// sentence makes a sentence of an error that is fit to be shown.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// MarshalTime writes an instant as RFC 3339 in UTC.
func MarshalTime(t time.Time) graphql.Marshaler {
	return graphql.MarshalString(t.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
}

// UnmarshalTime reads RFC 3339 with an offset, and drops what is finer than a microsecond, which is what is stored.
func UnmarshalTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, bad("An instant is a string, such as \"2026-12-24T18:00:00Z\".")
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	t = t.UTC() // where it is stored and shown, an offset can bring it into a year of five digits
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, bad("An instant is RFC 3339 with an offset, such as \"2026-12-24T18:00:00Z\".")
	}
	return t.Truncate(time.Microsecond), nil
}

// MarshalCurrencyCode writes the code of a currency.
func MarshalCurrencyCode(c money.Code) graphql.Marshaler { return graphql.MarshalString(string(c)) }

// UnmarshalCurrencyCode reads the code of a currency. Whether there is one of that name is for the shop to say, as a
// refusal of the field.
func UnmarshalCurrencyCode(v any) (money.Code, error) {
	text, ok := v.(string)
	if !ok {
		return "", bad("A currency code is a string, such as \"USD\".")
	}
	if code, err := money.ParseCode(text); err == nil {
		return code, nil
	}
	// Quoted and cut, it is the code of nothing, and may be shown in the refusal.
	const longest = 20
	return money.Code(strconv.QuoteToASCII(text[:min(len(text), longest)])), nil
}

// MarshalLanguageTag writes a language tag.
func MarshalLanguageTag(tag string) graphql.Marshaler { return graphql.MarshalString(tag) }

// UnmarshalLanguageTag reads a BCP 47 tag into its canonical form.
func UnmarshalLanguageTag(v any) (string, error) {
	const longest = 35
	text, ok := v.(string)
	if !ok || len(text) > longest {
		return "", bad("A language is a BCP 47 tag, such as \"en\" or \"pt-BR\".")
	}
	tag, err := language.Parse(text)
	if err != nil || tag == language.Und {
		return "", bad("A language is a BCP 47 tag, such as \"en\" or \"pt-BR\".")
	}
	return tag.String(), nil
}

// JSON is a JSON document as it is.
type JSON json.RawMessage

// MarshalGQL writes the document.
func (j JSON) MarshalGQL(w io.Writer) { _, _ = w.Write(j) }

// UnmarshalGQL refuses to read one: no input takes any.
func (*JSON) UnmarshalGQL(any) error { return bad("No input takes JSON.") }
