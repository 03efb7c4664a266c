package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/fault"
)

// Limits of what is not text, and of its lines in characters.
const (
	maxCreator   = 500
	maxReference = 255
	maxLabels    = 50
	maxLabel     = 100
	maxMedia     = 20
	maxURL       = 2_000
	maxAlt       = 500
	maxUnits     = 1_000_000
)

// content is all that merchandisers decide about a product, in the one form in which it is stored, compared and
// audited: texts in NFC, language tags canonical, instants in UTC and whole microseconds, no nil lists.
type content struct {
	Reference    *string                `json:"reference,omitempty"`
	Slug         string                 `json:"slug"`
	Kind         product.Kind           `json:"kind"`
	Status       product.Status         `json:"status"`
	Language     string                 `json:"language"`
	Texts        map[string]schema.Text `json:"texts"`
	Creator      string                 `json:"creator,omitempty"`
	Tags         []string               `json:"tags"`
	Categories   []string               `json:"categories"`
	Media        []schema.Media         `json:"media"`
	Units        int                    `json:"units"`
	Prices       schema.Prices          `json:"prices"`
	PublishFrom  *time.Time             `json:"publishFrom,omitempty"`
	PublishUntil *time.Time             `json:"publishUntil,omitempty"`
}

// blank is the content of a product of which nothing has been said yet.
func blank() content {
	return content{
		Kind: product.KindDURABLE, Status: product.StatusDRAFT, Units: 1,
		Texts: map[string]schema.Text{}, Tags: []string{}, Categories: []string{}, Media: []schema.Media{}, Prices: schema.Prices{},
	}
}

// contentOf is the content of a stored product, whose prices are loaded. Nothing of it is shared with the product.
func contentOf(p *ent.Product) content {
	c := content{
		Reference: p.Reference, Slug: p.Slug, Kind: p.Kind, Status: p.Status,
		Language: p.Language, Texts: maps.Clone(p.Texts), Creator: p.Creator,
		Tags: slices.Clone(p.Tags), Categories: slices.Clone(p.Categories), Media: slices.Clone(p.Media), Units: p.Units,
		Prices: make(schema.Prices, len(p.Edges.Prices)), PublishFrom: Instant(p.PublishFrom), PublishUntil: Instant(p.PublishUntil),
	}
	for _, price := range p.Edges.Prices {
		c.Prices[price.Currency] = price.Amount
	}
	return c
}

// Equal says whether two contents of something are the same. Their one JSON form says it for all fields, present and
// future.
func Equal[C any](one, other C) (bool, error) {
	left, err := json.Marshal(one)
	if err != nil {
		return false, fmt.Errorf("write a content as JSON: %w", err)
	}
	right, err := json.Marshal(other)
	if err != nil {
		return false, fmt.Errorf("write a content as JSON: %w", err)
	}
	return bytes.Equal(left, right), nil
}

// draft is content in the making: each set method takes a field as it was given, checks it, and puts it into the
// content as it is stored. Everything found to be wrong is in Faults, at the path of the input's field.
type draft struct {
	Form
	content content
}

// finish checks what concerns several fields, and gives all that is wrong.
func (d *draft) finish() fault.List {
	c := d.content
	switch {
	case c.Units < 1 || c.Units > maxUnits:
		d.Refuse("units", "Give 1 to %d units, not %d.", maxUnits, c.Units)
	case c.Kind == product.KindDURABLE && c.Units != 1:
		d.Refuse("units", "A DURABLE product has 1 unit, not %d.", c.Units)
	}
	if c.Status == product.StatusACTIVE && len(c.Prices) == 0 {
		d.Refuse("prices", "An ACTIVE product needs at least one price.")
	}
	d.Window("publishUntil", c.PublishFrom, c.PublishUntil)
	return d.Faults
}

func (d *draft) setKind(path string, kind product.Kind) {
	if product.KindValidator(kind) != nil {
		d.Refuse(path, "%s is not a kind of product; it is DURABLE or CONSUMABLE.", Clip(string(kind)))
	}
	d.content.Kind = kind
}

// setStatus sets DRAFT or ACTIVE. There are ways of their own into ARCHIVED, and none out of it.
func (d *draft) setStatus(path string, status product.Status) {
	switch {
	case status != product.StatusDRAFT && status != product.StatusACTIVE:
		d.Refuse(path, "Set DRAFT or ACTIVE; a product is archived by archiveProduct.")
	case d.content.Status == product.StatusARCHIVED:
		d.Refuse(path, "An archived product stays archived.")
	}
	d.content.Status = status
}

func (d *draft) setSlug(path, slug string) { d.content.Slug = d.Slug(path, slug) }

func (d *draft) setReference(path, reference string) {
	reference = d.Line(path, reference, 1, maxReference)
	d.content.Reference = &reference
}

func (d *draft) setCreator(path, creator string) {
	d.content.Creator = d.Line(path, creator, 0, maxCreator)
}

func (d *draft) setTags(path string, tags []string) { d.content.Tags = d.Labels(path, tags) }

func (d *draft) setCategories(path string, categories []string) {
	d.content.Categories = d.Labels(path, categories)
}

func (d *draft) setMedia(path string, media []schema.Media) {
	if len(media) > maxMedia {
		d.Refuse(path, "Give at most %d links, not %d.", maxMedia, len(media))
		return
	}
	d.content.Media = make([]schema.Media, len(media))
	for i, m := range media {
		d.content.Media[i] = d.link(path+"."+strconv.Itoa(i), m)
	}
}

func (d *draft) link(path string, m schema.Media) schema.Media {
	switch m.Kind {
	case "IMAGE", "VIDEO", "AUDIO", "DOCUMENT":
	default:
		d.Refuse(path+".kind", "%s is not a kind of media; it is IMAGE, VIDEO, AUDIO or DOCUMENT.", Clip(m.Kind))
	}
	d.Address(path+".url", m.URL)
	m.Alt = d.Line(path+".alt", m.Alt, 0, maxAlt)
	return m
}
