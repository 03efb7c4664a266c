package demo

import (
	"bytes"
	_ "embed" // for products.json
	"encoding/json"
	"fmt"
	"time"

	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/money"
)

//go:embed products.json
var productsFile []byte

// good is a product of the demonstration as products.json has it.
type good struct {
	Slug string
	// Kind is DURABLE when it is left out, and Status ACTIVE.
	Kind   product.Kind
	Status product.Status
	Texts  []catalog.Text
	// Creator is empty for what was made up for the demonstration, and where nobody knows.
	Creator string
	// Categories are a department of the shop and a shelf in it.
	Categories, Tags []string
	Prices           prices
	Media            []schema.Media
	// Units is 1 when it is left out.
	Units int
	// PublishFrom and PublishUntil are instants far enough away to stay in the future or in the past.
	PublishFrom, PublishUntil *time.Time
}

// amount is a money.Amount that JSON has as a decimal in a string.
type amount money.Amount

// UnmarshalText reads the decimal.
func (a *amount) UnmarshalText(text []byte) error {
	parsed, err := money.ParseAmount(string(text))
	*a = amount(parsed)
	return err
}

// readGoods reads products.json.
func readGoods() ([]good, error) {
	decoder := json.NewDecoder(bytes.NewReader(productsFile))
	decoder.DisallowUnknownFields()
	var goods []good
	if err := decoder.Decode(&goods); err != nil {
		return nil, fmt.Errorf("reading products.json: %w", err)
	}
	for i := range goods {
		g := &goods[i]
		if g.Kind == "" {
			g.Kind = product.KindDURABLE
		}
		if g.Status == "" {
			g.Status = product.StatusACTIVE
		}
		if g.Units == 0 {
			g.Units = 1
		}
	}
	return goods, nil
}

// referencePrefix begins the reference of every product of the demonstration.
const referencePrefix = "demo-"

// reference is by what the product is known again, whatever merchandisers have made of it.
func (g good) reference() string { return referencePrefix + g.Slug }

// createInput is what to ask the catalogue for. What is to be archived begins on sale.
func (g good) createInput() catalog.CreateInput {
	status := g.Status
	if status == product.StatusARCHIVED {
		status = product.StatusACTIVE
	}
	return catalog.CreateInput{
		Reference: new(g.reference()), Slug: new(g.Slug),
		Kind: g.Kind, Status: status, Units: g.Units,
		Texts: g.Texts, Creator: g.Creator, Categories: g.Categories, Tags: g.Tags, Media: g.Media,
		Prices: g.Prices.list(), PublishFrom: g.PublishFrom, PublishUntil: g.PublishUntil,
	}
}
