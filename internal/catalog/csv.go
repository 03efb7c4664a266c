package catalog

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"farthing/ent/product"
	"farthing/internal/money"
)

// maxRows is how many rows a file may have: all of them are held in memory.
const maxRows = 200_000

// pricePrefix begins the name of a column of prices; a currency's code follows in either case.
const pricePrefix = "price_"

// Column is a column that an import understands.
type Column struct {
	// Name is that in the first line of the file, in either case.
	Name string
	// Help says what is in it, and what an empty cell means.
	Help string
}

// Columns are all columns that an import understands, in the order to show them. A file has those it needs: what it
// does not have stays as it is on products that are there already.
func Columns() []Column {
	return []Column{
		{"reference", "Required. Name of the product in the system it comes from, by which the next import finds it again."},
		{"kind", "DURABLE or CONSUMABLE. Empty: DURABLE for a new product."},
		{"status", "DRAFT, ACTIVE or ARCHIVED. Empty: DRAFT for a new product."},
		{"slug", "Name in addresses. Empty: made from the name for a new product."},
		{"language", "BCP 47 tag of name and description; of several with ; between them the first. Empty: the product's own, en for a new one."},
		{"name", "Required for a new product. One line: line breaks and runs of spaces become one space."},
		{"description", "Plain text. Empty: none."},
		{"creator", "Credit line. Of one too long, with ; between names, as many names as fit and an ellipsis. Empty: unknown."},
		{"tags", "Free labels with ; between them. Empty: none."},
		{"categories", "Places in the shop's order of things with ; between them. Empty: none."},
		{"units", "How many units of a CONSUMABLE one purchase gives. Empty: 1 for a new product."},
		{"image_url", "https address of the first picture. Empty: as it is."},
		{pricePrefix + "usd", "List price in the currency that the name ends with, such as 0.99; one column a currency. Empty: not sold in it."},
		{"publish_from", "First instant on sale: 2026-12-24T18:00:00Z, or 2026-12-24 for midnight UTC. Empty: no beginning."},
		{"publish_until", "First instant no longer on sale, written in the same way. Empty: no end."},
	}
}

// CSV says how to read a file.
type CSV struct {
	// Mapping says where columns come from. The zero Mapping is for a file with columns of ours.
	Mapping Mapping
	// Prices are set on every row. They may not be in a currency that the file has prices in.
	Prices []Price
	// Currencies are those of the shop.
	Currencies *money.Currencies
}

// Mapping says for columns of ours from where in another file they come. The zero value maps nothing.
type Mapping struct{ rules []mapRule }

type mapRule struct {
	to      string // a column of ours
	from    string // a column of the file, or the text for every row
	literal bool
}

// ParseMapping reads rules such as
//
//	reference=Text#,name=Title,tags=Subjects,kind='DURABLE'
//
// On the left is a column of ours, on the right a column of the file or, in single quotes, a text for every row. A quote
// within the text is written twice. With a mapping, only what it names is read.
func ParseMapping(text string) (Mapping, error) {
	var m Mapping
	for _, part := range splitOutsideQuotes(text) {
		to, from, ok := strings.Cut(part, "=")
		rule := mapRule{to: columnName(to), from: strings.TrimSpace(from)}
		if !ok || rule.from == "" {
			return Mapping{}, fmt.Errorf("%q is not a rule; write name=Title or kind='DURABLE'", part)
		}
		if !isColumn(rule.to) {
			return Mapping{}, fmt.Errorf("%q is not a column of an import; there are %s", strings.TrimSpace(to), columnList())
		}
		if slices.ContainsFunc(m.rules, func(r mapRule) bool { return r.to == rule.to }) {
			return Mapping{}, fmt.Errorf("%s is mapped twice", rule.to)
		}
		if inner, quoted := strings.CutPrefix(rule.from, "'"); quoted {
			inner, closed := strings.CutSuffix(inner, "'")
			if !closed {
				return Mapping{}, fmt.Errorf("the text of %q does not end with a quote", part)
			}
			rule.from, rule.literal = strings.ReplaceAll(inner, "''", "'"), true
		}
		m.rules = append(m.rules, rule)
	}
	return m, nil
}

// splitOutsideQuotes splits at commas that are not between single quotes.
func splitOutsideQuotes(text string) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(text) {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// ParsePrices reads a price rule for every row, such as USD=0.99,KRW=1200.
func ParsePrices(text string, currencies *money.Currencies) ([]Price, error) {
	var list []Price
	for part := range strings.SplitSeq(text, ",") {
		code, amount, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not a price; write USD=0.99", part)
		}
		p := Price{Currency: money.Code(strings.ToUpper(strings.TrimSpace(code)))}
		currency, traded := currencies.Priced(p.Currency)
		if !traded {
			return nil, fmt.Errorf("this shop does not trade in %q", string(p.Currency))
		}
		if slices.ContainsFunc(list, func(q Price) bool { return q.Currency == p.Currency }) {
			return nil, fmt.Errorf("%s has two prices", p.Currency)
		}
		var err error
		if p.Amount, err = currency.Parse(strings.TrimSpace(amount)); err != nil {
			return nil, fmt.Errorf("reading the price in %s: %w", p.Currency, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// ReadCSV reads products from comma-separated values in UTF-8, with a first line that names the columns; see Columns. A
// byte order mark and either kind of line end are fine. What is wrong with a row is left in its Problems; the error is
// for what concerns the whole file, such as a column that is not there.
func ReadCSV(file io.Reader, how CSV) ([]Row, error) {
	buffered := bufio.NewReader(file)
	if err := skipMark(buffered); err != nil {
		return nil, err
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the first line: %w", err)
	}
	sources, err := how.sources(header)
	if err != nil {
		return nil, err
	}

	var rows []Row
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if len(rows) == maxRows {
			return nil, fmt.Errorf("the file has more than %d rows; split it", maxRows)
		}
		broken, isBroken := errors.AsType[*csv.ParseError](err)
		switch {
		case isBroken:
			rows = append(rows, Row{Line: broken.StartLine, Problems: []string{"row: " + explainBroken(broken, len(cells), reader.FieldsPerRecord)}})
		case err != nil:
			return nil, fmt.Errorf("reading the file: %w", err)
		default:
			line, _ := reader.FieldPos(0)
			rows = append(rows, how.row(line, cells, sources))
		}
	}
}

// skipMark skips a byte order mark. That of UTF-16 is the end.
func skipMark(file *bufio.Reader) error {
	start, err := file.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errors.New("the file is in UTF-16; save it as CSV in UTF-8")
	case bytes.Equal(start, []byte("\xef\xbb\xbf")):
		_, err = file.Discard(len(start))
		return err
	}
	return nil
}

func explainBroken(err *csv.ParseError, cells, want int) string {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Sprintf("It has %d cells, and the first line has %d.", cells, want)
	case errors.Is(err, csv.ErrBareQuote):
		return "A quote stands in a cell that is not in quotes; put the cell in quotes and write the quote twice."
	default:
		return "A cell in quotes does not end with a quote, or a quote in it is not written twice."
	}
}

// cellSource is where a column's cells come from.
type cellSource struct {
	to    string // a column of ours
	index int    // in the file's rows; -1 for the same text on every row
	text  string
}

// sources finds the columns in the first line of a file.
func (how CSV) sources(header []string) ([]cellSource, error) {
	at := make(map[string]int, len(header))
	for i, name := range header {
		if !utf8.ValidString(name) {
			return nil, errors.New("the first line is not in UTF-8; save the file as CSV in UTF-8")
		}
		name = columnName(name)
		if _, twice := at[name]; twice && name != "" {
			return nil, fmt.Errorf("the file has two columns %q", name)
		}
		at[name] = i
	}
	sources, err := how.Mapping.sources(header, at)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(sources, func(s cellSource) bool { return s.to == "reference" }) {
		hint := ""
		if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
			hint = "; cells must have commas between them"
		}
		return nil, fmt.Errorf("there is no column reference%s", hint)
	}
	priced := make(map[string]bool)
	for _, p := range how.Prices {
		priced[pricePrefix+strings.ToLower(string(p.Currency))] = true
	}
	for _, s := range sources {
		code, isPrice := strings.CutPrefix(s.to, pricePrefix)
		if _, traded := how.Currencies.Priced(money.Code(strings.ToUpper(code))); isPrice && !traded {
			return nil, fmt.Errorf("%s: this shop does not trade in the currency", s.to)
		}
		if priced[s.to] {
			return nil, fmt.Errorf("%s: there is a price for every row in this currency already", s.to)
		}
	}
	return sources, nil
}

func (m Mapping) sources(header []string, at map[string]int) ([]cellSource, error) {
	var sources []cellSource
	if len(m.rules) == 0 {
		for i, name := range header {
			if !isColumn(columnName(name)) {
				return nil, fmt.Errorf("%q is not a column of an import; there are %s; a mapping reads other files", name, columnList())
			}
			sources = append(sources, cellSource{to: columnName(name), index: i})
		}
		return sources, nil
	}
	for _, rule := range m.rules {
		if rule.literal {
			sources = append(sources, cellSource{to: rule.to, index: -1, text: rule.from})
			continue
		}
		index, ok := at[columnName(rule.from)]
		if !ok {
			return nil, fmt.Errorf("the file has no column %q; it has %s", rule.from, strings.Join(header, ", "))
		}
		sources = append(sources, cellSource{to: rule.to, index: index})
	}
	return sources, nil
}

// row reads the cells of one row.
func (how CSV) row(line int, cells []string, sources []cellSource) Row {
	row := Row{Line: line}
	for _, source := range sources {
		text := source.text
		if source.index >= 0 {
			text = cells[source.index]
		}
		if !utf8.ValidString(text) {
			row.Problems = append(row.Problems, source.to+": The text is not in UTF-8.")
			continue
		}
		if problem := row.read(source.to, strings.TrimSpace(text), how.Currencies); problem != "" {
			row.Problems = append(row.Problems, source.to+": "+problem)
		}
	}
	for _, p := range how.Prices {
		row.setPrice(p.Currency, &p.Amount)
	}
	return row
}

func (row *Row) setPrice(currency money.Code, amount *money.Amount) {
	if row.Prices == nil {
		row.Prices = make(map[money.Code]*money.Amount)
	}
	row.Prices[currency] = amount
}

// read takes the text of one column. It gives what is wrong with it, as a sentence.
func (row *Row) read(column, text string, currencies *money.Currencies) string {
	line := strings.Join(strings.Fields(text), " ")
	switch column {
	case "reference":
		row.Reference = line
	case "kind":
		row.Kind = Change[product.Kind]{Set: text != "", Value: product.Kind(strings.ToUpper(text))}
	case "status":
		row.Status = Change[product.Status]{Set: text != "", Value: product.Status(strings.ToUpper(text))}
	case "slug":
		row.Slug = Change[string]{Set: text != "", Value: text}
	case "language":
		first, _, _ := strings.Cut(text, ";")
		row.Language = strings.TrimSpace(first)
	case "name":
		row.Name = To(line)
	case "description":
		row.Description = To(text)
	case "creator":
		row.Creator = To(credit(line))
	case "tags":
		row.Tags = To(list(line))
	case "categories":
		row.Categories = To(list(line))
	case "units":
		if text == "" {
			return ""
		}
		units, err := strconv.Atoi(text)
		if err != nil {
			return Clip(text) + " is not a whole number."
		}
		row.Units = To(units)
	case "image_url":
		row.Image = Change[string]{Set: text != "", Value: text}
	case "publish_from":
		return readInstant(text, &row.PublishFrom)
	case "publish_until":
		return readInstant(text, &row.PublishUntil)
	default:
		return row.readPrice(money.Code(strings.ToUpper(strings.TrimPrefix(column, pricePrefix))), text, currencies)
	}
	return ""
}

func (row *Row) readPrice(code money.Code, text string, currencies *money.Currencies) string {
	if text == "" {
		row.setPrice(code, nil)
		return ""
	}
	amount, err := currencies.Of(code).Parse(text)
	if err != nil {
		return err.Error() + "."
	}
	row.setPrice(code, &amount)
	return ""
}

func readInstant(text string, into *Change[*time.Time]) string {
	into.Set = true
	if text == "" {
		return ""
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			into.Value = &t
			return ""
		}
	}
	return Clip(text) + " is not an instant such as 2026-12-24T18:00:00Z, nor a day such as 2026-12-24."
}

// list splits a cell with several values.
func list(text string) []string {
	var values []string
	for value := range strings.SplitSeq(text, ";") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// credit shortens a list of names that is too long for a credit line to as many whole names as fit.
func credit(text string) string {
	const more = "; …"
	if utf8.RuneCountInString(text) <= maxCreator {
		return text
	}
	names := strings.Split(text, ";")
	for n := len(names) - 1; n > 0; n-- {
		if short := strings.Join(names[:n], ";") + more; utf8.RuneCountInString(short) <= maxCreator {
			return short
		}
	}
	return text // one name of such a length is refused
}

func columnName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// isColumn says whether the name is that of a column of ours, or begins like one of prices.
func isColumn(name string) bool {
	return strings.HasPrefix(name, pricePrefix) ||
		slices.ContainsFunc(Columns(), func(c Column) bool { return c.Name == name })
}

func columnList() string {
	var names []string
	for _, c := range Columns() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}
