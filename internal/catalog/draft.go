package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/fault"
	"farthing/internal/money"
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
	Prices       prices                 `json:"prices"`
	PublishFrom  *time.Time             `json:"publishFrom,omitempty"`
	PublishUntil *time.Time             `json:"publishUntil,omitempty"`
}

// blank is the content of a product of which nothing has been said yet.
func blank() content {
	return content{
		Kind: product.KindDURABLE, Status: product.StatusDRAFT, Units: 1,
		Texts: map[string]schema.Text{}, Tags: []string{}, Categories: []string{}, Media: []schema.Media{}, Prices: prices{},
	}
}

// contentOf is the content of a stored product, whose prices are loaded. Nothing of it is shared with the product.
func contentOf(p *ent.Product) content {
	c := content{
		Reference: p.Reference, Slug: p.Slug, Kind: p.Kind, Status: p.Status,
		Language: p.Language, Texts: maps.Clone(p.Texts), Creator: p.Creator,
		Tags: slices.Clone(p.Tags), Categories: slices.Clone(p.Categories), Media: slices.Clone(p.Media), Units: p.Units,
		Prices: make(prices, len(p.Edges.Prices)), PublishFrom: instant(p.PublishFrom), PublishUntil: instant(p.PublishUntil),
	}
	for _, price := range p.Edges.Prices {
		c.Prices[price.Currency] = price.Amount
	}
	return c
}

// equal says whether two contents are the same. Their one JSON form says it for all fields, present and future.
func (c content) equal(other content) (bool, error) {
	left, err := json.Marshal(c)
	if err != nil {
		return false, fmt.Errorf("writing a product as JSON: %w", err)
	}
	right, err := json.Marshal(other)
	if err != nil {
		return false, fmt.Errorf("writing a product as JSON: %w", err)
	}
	return bytes.Equal(left, right), nil
}

func instant(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}

// draft is content in the making: each set method takes a field as it was given, checks it, and puts it into the
// content as it is stored. Everything found to be wrong is in faults, at the path of the input's field.
type draft struct {
	content    content
	currencies *money.Currencies
	faults     fault.List
}

func (d *draft) refuse(path, format string, args ...any) {
	d.faults.Add(fault.Input(path, format, args...))
}

// finish checks what concerns several fields, and gives all that is wrong.
func (d *draft) finish() fault.List {
	c := d.content
	switch {
	case c.Units < 1 || c.Units > maxUnits:
		d.refuse("units", "Give 1 to %d units, not %d.", maxUnits, c.Units)
	case c.Kind == product.KindDURABLE && c.Units != 1:
		d.refuse("units", "A DURABLE product has 1 unit, not %d.", c.Units)
	}
	if c.Status == product.StatusACTIVE && len(c.Prices) == 0 {
		d.refuse("prices", "An ACTIVE product needs at least one price.")
	}
	if c.PublishFrom != nil && c.PublishUntil != nil && !c.PublishUntil.After(*c.PublishFrom) {
		d.refuse("publishUntil", "The end must be after the beginning, %s.", c.PublishFrom.Format(time.RFC3339Nano))
	}
	return d.faults
}

func (d *draft) setKind(path string, kind product.Kind) {
	if product.KindValidator(kind) != nil {
		d.refuse(path, "%s is not a kind of product; it is DURABLE or CONSUMABLE.", clip(string(kind)))
	}
	d.content.Kind = kind
}

// setStatus sets DRAFT or ACTIVE. There are ways of their own into ARCHIVED, and none out of it.
func (d *draft) setStatus(path string, status product.Status) {
	switch {
	case status != product.StatusDRAFT && status != product.StatusACTIVE:
		d.refuse(path, "Set DRAFT or ACTIVE; a product is archived by archiveProduct.")
	case d.content.Status == product.StatusARCHIVED:
		d.refuse(path, "An archived product stays archived.")
	}
	d.content.Status = status
}

func (d *draft) setSlug(path, slug string) {
	if !isSlug(slug) {
		d.refuse(path, "A slug has lower-case letters a to z, digits and single hyphens between them, at most %d characters.", maxSlug)
	}
	d.content.Slug = slug
}

func (d *draft) setReference(path, reference string) {
	reference = d.line(path, reference, 1, maxReference)
	d.content.Reference = &reference
}

func (d *draft) setCreator(path, creator string) {
	d.content.Creator = d.line(path, creator, 0, maxCreator)
}

func (d *draft) setTags(path string, tags []string) { d.content.Tags = d.labels(path, tags) }

func (d *draft) setCategories(path string, categories []string) {
	d.content.Categories = d.labels(path, categories)
}

// labels checks tags or categories and leaves out repeats: those that differ in case and accents alone, since the
// search does not tell them apart.
func (d *draft) labels(path string, given []string) []string {
	if len(given) > maxLabels {
		d.refuse(path, "Give at most %d, not %d.", maxLabels, len(given))
		return nil
	}
	labels, seen := make([]string, 0, len(given)), make(map[string]bool, len(given))
	for i, label := range given {
		label = d.line(path+"."+strconv.Itoa(i), label, 1, maxLabel)
		if folded := fold(label); !seen[folded] {
			seen[folded] = true
			labels = append(labels, label)
		}
	}
	return labels
}

func (d *draft) setMedia(path string, media []schema.Media) {
	if len(media) > maxMedia {
		d.refuse(path, "Give at most %d links, not %d.", maxMedia, len(media))
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
		d.refuse(path+".kind", "%s is not a kind of media; it is IMAGE, VIDEO, AUDIO or DOCUMENT.", clip(m.Kind))
	}
	d.address(path+".url", m.URL)
	m.Alt = d.line(path+".alt", m.Alt, 0, maxAlt)
	return m
}

// address checks a link that browsers of shoppers will follow. What has a user in it, or characters that belong
// escaped, is a mistake or a disguise.
func (d *draft) address(path, text string) {
	u, err := url.Parse(text)
	strange := func(r rune) bool { return r <= ' ' || breaksLine(r) || strings.ContainsRune("\"<>\\^`{|}", r) }
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsFunc(text, strange) || !utf8.ValidString(text) {
		d.refuse(path, "%s is not an absolute https address.", clip(text))
	}
	if n := utf8.RuneCountInString(text); n > maxURL {
		d.refuse(path, "Give at most %d characters, not %d.", maxURL, n)
	}
}
