package graph

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph/model"
	"farthing/internal/actor"
	"farthing/internal/money"
	"farthing/internal/offers"
	"farthing/internal/recent"
)

// keptLowest is how many lowest prices of 30 days are kept for a moment.
const keptLowest = 10_000

// Writing writes the products of a page, when a client asks for nothing but what storefronts show (writtenFields). The
// executor would give each of hundreds of fields a context of its own and each product a goroutine, which takes many times as
// long as to know and to write what is in them. Everything else is left to the executor, and so is a page that cannot be
// read: it knows how to tell errors.
//
// What it writes are the same views by the same marshalers (package model), so that both answer alike.
type Writing struct {
	Resolver *Resolver
	lowest   *recent.Values[offers.Anchor, *money.Amount]
}

// NewWriting makes the extension.
func NewWriting(r *Resolver) Writing {
	return Writing{r, recent.New[offers.Anchor, *money.Amount](keptLowest, r.Clock)}
}

var _ interface {
	graphql.HandlerExtension
	graphql.FieldInterceptor
} = Writing{}

// ExtensionName names the extension.
func (Writing) ExtensionName() string { return "Writing" }

// Validate has nothing to check.
func (Writing) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptField writes the products of a page.
func (w Writing) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if field.Object != "ProductConnection" {
		return next(ctx)
	}
	kind, ok := map[string]string{"edges": "ProductEdge", "nodes": "Product"}[field.Field.Name]
	page, isPage := field.Parent.Result.(model.ProductConnection)
	if !ok || !isPage {
		return next(ctx)
	}
	p := pageWriter{r: w.Resolver, page: page}
	steps, ok := p.plan(graphql.GetOperationContext(ctx), field.Field.Selections, kind)
	if !ok || p.read(ctx, w.lowest) != nil {
		return next(ctx)
	}
	p.list(steps)
	return graphql.WriterFunc(func(to io.Writer) { _, _ = to.Write(p.out.Bytes()) }), nil
}

// writtenFields are the fields that are written, by their types, with the types of those that have fields themselves.
var writtenFields = map[string]map[string]string{
	"ProductEdge": {"cursor": "", "node": "Product"},
	"Product": {
		"id": "", "slug": "", "kind": "", "status": "", "name": "", "description": "", "creator": "", "tags": "", "categories": "",
		"units": "", "owned": "", "price": "Price", "publishFrom": "", "publishUntil": "", "version": "", "createdAt": "", "updatedAt": "",
	},
	"Price": {"list": "Money", "current": "Money", "lowestLast30Days": "Money", "until": "", "flashSale": "FlashSale"},
	"Money": {"amount": "", "currency": ""},
	"FlashSale": {
		"id": "", "name": "", "description": "", "kind": "", "status": "", "startsAt": "", "endsAt": "", "currentWindow": "SaleWindow",
		"stock": "", "remaining": "", "perShopper": "",
	},
	"SaleWindow": {"startsAt": "", "endsAt": ""},
}

// writtenAs are the types that fragments may name for each of these types.
var writtenAs = map[string][]string{
	"ProductEdge": {"ProductEdge"}, "Product": {"Product", "Node", "Purchasable"}, "Price": {"Price"}, "Money": {"Money"},
	"FlashSale": {"FlashSale", "Node", "Offer"}, "SaleWindow": {"SaleWindow"},
}

// step writes one field of an object.
type step struct {
	key   string // the name of the field in the answer, with its quotes and colon
	name  string
	kind  string // of the object that the field is in
	steps []step

	price     int      // which of the prices of the product, when it is one
	languages []string // in which a text is wanted
}

// pageWriter writes one page of products.
type pageWriter struct {
	r    *Resolver
	page model.ProductConnection
	out  bytes.Buffer

	// currencies are those of the prices that are asked for; owned and lowest say what else must be known.
	currencies     []money.Code
	owned, lowest  bool
	ownedOf        []bool
	prices         [][]*model.Price
	lowestByAnchor map[offers.Anchor]*money.Amount
}

// plan finds out what is to be written; false when the executor must.
func (p *pageWriter) plan(op *graphql.OperationContext, selections ast.SelectionSet, kind string) ([]step, bool) {
	fields := graphql.CollectFields(op, selections, writtenAs[kind])
	steps := make([]step, len(fields))
	for i, f := range fields {
		s := step{key: `"` + f.Alias + `":`, name: f.Name, kind: kind}
		of, ok := writtenFields[kind][f.Name]
		if !ok && f.Name != "__typename" {
			return nil, false
		}
		switch f.Name {
		case "name", "description":
			if s.languages, ok = languages(f.ArgumentMap(op.Variables)["languages"]); !ok {
				return nil, false
			}
		case "owned":
			p.owned = true
		case "lowestLast30Days":
			p.lowest = true
		case "price":
			code, err := model.UnmarshalCurrencyCode(f.ArgumentMap(op.Variables)["currency"])
			if err != nil {
				return nil, false
			}
			s.price = len(p.currencies)
			p.currencies = append(p.currencies, code)
		}
		if of != "" {
			if s.steps, ok = p.plan(op, f.Selections, of); !ok {
				return nil, false
			}
		}
		steps[i] = s
	}
	return steps, true
}

// languages reads an argument; false when it is not of the usual form.
func languages(argument any) ([]string, bool) {
	list, ok := argument.([]any)
	tags := make([]string, len(list))
	for i, one := range list {
		tag, err := model.UnmarshalLanguageTag(one)
		if err != nil {
			return nil, false
		}
		tags[i] = tag
	}
	return tags, ok || argument == nil
}

// read reads what it takes: all of the page at once.
func (p *pageWriter) read(ctx context.Context, kept *recent.Values[offers.Anchor, *money.Amount]) error {
	if !p.owned && len(p.currencies) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(p.page.Nodes))
	for i, product := range p.page.Nodes {
		ids[i] = product.Product.ID
	}
	facts, err := p.r.Till.Facts(ctx, actor.From(ctx).ShopperID, ids, model.Merchandises(ctx))
	if err != nil {
		return err
	}
	p.ownedOf, p.prices = make([]bool, len(ids)), make([][]*model.Price, len(ids))
	anchors := map[offers.Anchor]bool{}
	for i, id := range ids {
		p.ownedOf[i] = p.owned && facts.Owned(id)
		p.prices[i] = make([]*model.Price, len(p.currencies))
		for j, code := range p.currencies {
			price := model.NewPrice(facts, id, code, p.r.Currencies)
			p.prices[i][j] = price
			if price != nil && p.lowest {
				if anchor, onSale := price.Anchor(); onSale {
					anchors[anchor] = true
				}
			}
		}
	}
	return p.readLowest(ctx, anchors, kept)
}

// readLowest finds lowest prices among those that are kept, and reads all others at once. What a reduction is compared with
// stays as it was when it began, unless somebody changes the catalogue.
func (p *pageWriter) readLowest(
	ctx context.Context, anchors map[offers.Anchor]bool, kept *recent.Values[offers.Anchor, *money.Amount],
) error {
	p.lowestByAnchor = make(map[offers.Anchor]*money.Amount, len(anchors))
	var missing []offers.Anchor
	for anchor := range anchors {
		if lowest, ok := kept.Get(anchor, p.r.Delay); ok {
			p.lowestByAnchor[anchor] = lowest
		} else {
			missing = append(missing, anchor)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	asked := p.r.Clock()
	read, err := p.r.Offers.Lowest(ctx, p.r.DB.Client(), missing)
	if err != nil {
		return err
	}
	for _, anchor := range missing {
		if amount, sold := read[anchor]; sold {
			p.lowestByAnchor[anchor] = &amount
		}
		kept.Put(anchor, asked, p.lowestByAnchor[anchor])
	}
	return nil
}

// list writes all products, or their edges.
func (p *pageWriter) list(steps []step) {
	p.out.Grow(len(p.page.Nodes) * 512)
	p.out.WriteByte('[')
	for i := range p.page.Nodes {
		if i > 0 {
			p.out.WriteByte(',')
		}
		p.object(steps, func(s step) {
			switch {
			case s.kind == "Product":
				p.product(i, s)
			case s.name == "cursor":
				p.text(p.page.Edges[i].Cursor)
			default:
				p.object(s.steps, func(s step) { p.product(i, s) })
			}
		})
	}
	p.out.WriteByte(']')
}

// object writes the fields of an object.
func (p *pageWriter) object(steps []step, write func(step)) {
	p.out.WriteByte('{')
	for i, s := range steps {
		if i > 0 {
			p.out.WriteByte(',')
		}
		p.out.WriteString(s.key)
		if s.name == "__typename" {
			p.text(s.kind)
			continue
		}
		write(s)
	}
	p.out.WriteByte('}')
}

func (p *pageWriter) product(i int, s step) {
	product := p.page.Nodes[i]
	switch s.name {
	case "id":
		p.text(product.ID())
	case "slug":
		p.text(product.Slug)
	case "kind":
		product.Kind().MarshalGQL(&p.out)
	case "status":
		product.Status().MarshalGQL(&p.out)
	case "name":
		p.text(product.Name(s.languages))
	case "description":
		p.text(product.Description(s.languages))
	case "creator":
		p.textOrNull(product.Creator())
	case "tags":
		p.texts(product.Tags)
	case "categories":
		p.texts(product.Categories)
	case "units":
		graphql.MarshalInt(product.Units).MarshalGQL(&p.out)
	case "version":
		graphql.MarshalInt(product.Version).MarshalGQL(&p.out)
	case "publishFrom":
		p.timeOrNull(product.PublishFrom)
	case "publishUntil":
		p.timeOrNull(product.PublishUntil)
	case "createdAt":
		p.timeOrNull(&product.CreatedAt)
	case "updatedAt":
		p.timeOrNull(&product.UpdatedAt)
	case "owned":
		graphql.MarshalBoolean(p.ownedOf[i]).MarshalGQL(&p.out)
	case "price":
		if price := p.prices[i][s.price]; price != nil {
			p.object(s.steps, func(s step) { p.price(price, s) })
		} else {
			p.null()
		}
	}
}

func (p *pageWriter) price(price *model.Price, s step) {
	switch s.name {
	case "list":
		p.money(s, price.List())
	case "current":
		p.money(s, price.Current())
	case "until":
		p.timeOrNull(price.Until())
	case "lowestLast30Days":
		anchor, onSale := price.Anchor()
		if lowest := p.lowestByAnchor[anchor]; onSale && lowest != nil {
			p.money(s, price.In(*lowest))
		} else {
			p.null()
		}
	case "flashSale":
		if sale := price.FlashSale(); sale != nil {
			p.object(s.steps, func(s step) { p.sale(sale, s) })
		} else {
			p.null()
		}
	}
}

func (p *pageWriter) money(s step, m model.Money) {
	p.object(s.steps, func(s step) {
		if s.name == "amount" {
			m.Amount.MarshalGQL(&p.out)
		} else {
			model.MarshalCurrencyCode(m.Currency).MarshalGQL(&p.out)
		}
	})
}

// sale writes the flash sale of a price, which comes with what has been taken of it.
func (p *pageWriter) sale(sale *model.FlashSale, s step) {
	switch s.name {
	case "id":
		p.text(sale.ID())
	case "name":
		p.text(sale.Name(s.languages))
	case "description":
		p.text(sale.Description(s.languages))
	case "currentWindow":
		if window := model.NewSaleWindow(sale.Standing().Window); window != nil {
			p.object(s.steps, func(s step) {
				if s.name == "startsAt" {
					p.timeOrNull(&window.StartsAt)
				} else {
					p.timeOrNull(window.EndsAt)
				}
			})
		} else {
			p.null()
		}
	case "kind":
		sale.Kind().MarshalGQL(&p.out)
	case "status":
		model.FlashSaleStatus(sale.Standing().Status).MarshalGQL(&p.out)
	case "startsAt":
		p.timeOrNull(&sale.StartsAt)
	case "endsAt":
		p.timeOrNull(sale.EndsAt)
	case "stock":
		p.numberOrNull(sale.Stock)
	case "remaining":
		p.numberOrNull(sale.Standing().Remaining)
	case "perShopper":
		p.numberOrNull(sale.PerShopper)
	}
}

func (p *pageWriter) null() { graphql.Null.MarshalGQL(&p.out) }

// text writes a text with its quotes. Hardly any has something in it that must be written in another way.
func (p *pageWriter) text(text string) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			graphql.MarshalString(text).MarshalGQL(&p.out)
			return
		}
	}
	p.out.WriteByte('"')
	p.out.WriteString(text)
	p.out.WriteByte('"')
}

func (p *pageWriter) textOrNull(text *string) {
	if text == nil {
		p.null()
		return
	}
	p.text(*text)
}

func (p *pageWriter) texts(list []string) {
	p.out.WriteByte('[')
	for i, text := range list {
		if i > 0 {
			p.out.WriteByte(',')
		}
		p.text(text)
	}
	p.out.WriteByte(']')
}

func (p *pageWriter) timeOrNull(t *time.Time) {
	if t == nil {
		p.null()
		return
	}
	model.MarshalTime(*t).MarshalGQL(&p.out)
}

func (p *pageWriter) numberOrNull(n *int64) {
	if n == nil {
		p.null()
		return
	}
	graphql.MarshalInt64(*n).MarshalGQL(&p.out)
}
