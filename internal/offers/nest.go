package offers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/bundle"
	"farthing/ent/bundlecomponent"
	"farthing/ent/product"
	"farthing/internal/pricing"
)

// Limits of bundles within bundles. They bound what it takes to price one.
const (
	// maxNested is how many products a bundle has with all that is in its bundles, each counted as often as it is there.
	maxNested = 500
	// maxDepth is how many bundles deep a bundle is; one with products alone is one deep.
	maxDepth = 10
)

// nest is a bundle that is about to be written, with all bundles that are in it and, since they grow with it, all that it
// is in.
type nest struct {
	id      uuid.UUID
	bundles map[uuid.UUID]nested
	// holders are the bundles that hold the one, directly or not.
	holders []uuid.UUID
	durable map[uuid.UUID]bool
	sizes   map[uuid.UUID]size
}

// nested is a bundle in a nest.
type nested struct {
	kind       bundle.Kind
	archived   bool
	components []component
}

// size is what a bundle comes to with all that is in it.
type size struct {
	// products is how many there are, each counted as often as it is there.
	products int
	depth    int
	// units are how many of each product a buyer gets, counted up to one more than anybody may buy.
	units map[uuid.UUID]int64
	// durable says whether anything in it is.
	durable bool
}

// most is how many there are of the product that there is most of.
func (s size) most() int64 {
	var most int64
	for _, units := range s.units {
		most = max(most, units)
	}
	return most
}

// readNest reads all that a bundle hangs together with, and gives it the components that it is about to have. The zero id
// is that of a new bundle.
func readNest(ctx context.Context, tx *ent.Tx, id uuid.UUID, kind bundle.Kind, components []component) (*nest, error) {
	n := &nest{
		id: id, bundles: map[uuid.UUID]nested{id: {kind: kind, components: components}},
		durable: map[uuid.UUID]bool{}, sizes: map[uuid.UUID]size{},
	}
	if id != uuid.Nil {
		if err := n.readHolders(ctx, tx); err != nil {
			return nil, err
		}
	}
	for wanted := n.missing(); len(wanted) > 0; {
		before := len(n.bundles)
		if err := n.read(ctx, tx, wanted); err != nil {
			return nil, err
		}
		if len(n.bundles) == before {
			break // what is still missing is not there
		}
		wanted = n.missing()
	}
	return n, n.readDurable(ctx, tx)
}

// readHolders reads the bundles that hold the one, those that hold these, and so on.
func (n *nest) readHolders(ctx context.Context, tx *ent.Tx) error {
	seen := map[uuid.UUID]bool{n.id: true}
	for held := []uuid.UUID{n.id}; len(held) > 0; {
		var holding []uuid.UUID
		for chunk := range slices.Chunk(held, countRows) {
			rows, err := tx.BundleComponent.Query().Where(bundlecomponent.InnerIDIn(chunk...)).All(ctx)
			if err != nil {
				return fmt.Errorf("find the bundles that hold a bundle: %w", err)
			}
			for _, row := range rows {
				if !seen[row.BundleID] {
					seen[row.BundleID] = true
					holding = append(holding, row.BundleID)
				}
			}
		}
		if err := n.read(ctx, tx, holding); err != nil {
			return err
		}
		n.holders = append(n.holders, holding...)
		held = holding
	}
	return nil
}

// missing are the bundles within those that have been read which have not been read themselves.
func (n *nest) missing() []uuid.UUID {
	found := map[uuid.UUID]bool{}
	for _, b := range n.bundles {
		for _, c := range b.components {
			if _, read := n.bundles[c.Bundle]; c.Bundle != uuid.Nil && !read {
				found[c.Bundle] = true
			}
		}
	}
	return slices.Collect(maps.Keys(found))
}

// read reads bundles. Of the one that is about to be written, what is stored does not count any more.
func (n *nest) read(ctx context.Context, tx *ent.Tx, ids []uuid.UUID) error {
	for chunk := range slices.Chunk(ids, countRows) {
		rows, err := tx.Bundle.Query().Where(bundle.IDIn(chunk...)).WithComponents(inPlace).All(ctx)
		if err != nil {
			return fmt.Errorf("read bundles within bundles: %w", err)
		}
		for _, row := range rows {
			if row.ID != n.id {
				n.bundles[row.ID] = nested{row.Kind, row.Status == bundle.StatusARCHIVED, componentsOf(row)}
			}
		}
	}
	return nil
}

// readDurable finds out which of all the products are durable goods.
func (n *nest) readDurable(ctx context.Context, tx *ent.Tx) error {
	products := map[uuid.UUID]bool{}
	for _, b := range n.bundles {
		for _, c := range b.components {
			if c.Product != uuid.Nil {
				products[c.Product] = true
			}
		}
	}
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(products)), countRows) {
		ids, err := tx.Product.Query().Where(product.IDIn(chunk...), product.KindEQ(product.KindDURABLE)).IDs(ctx)
		if err != nil {
			return fmt.Errorf("find durable products: %w", err)
		}
		for _, id := range ids {
			n.durable[id] = true
		}
	}
	return nil
}

// check refuses what cannot be in the bundle because of other bundles. Components that are wrong by themselves have been
// refused already.
func (n *nest) check(f *form) {
	own := n.bundles[n.id]
	round := false
	for i, c := range own.components {
		at := "components." + strconv.Itoa(i)
		inner, there := n.bundles[c.Bundle]
		if c.Bundle == uuid.Nil || !there {
			continue
		}
		switch {
		case n.id != uuid.Nil && n.reaches(c.Bundle, n.id):
			round = true
			f.Refuse(at+".bundleId", "This bundle is in that one, or is that one: a bundle cannot be in itself.")
		case inner.kind == bundle.KindCHOOSE:
			f.Refuse(at+".bundleId", "A bundle to choose from cannot be in another bundle.")
		case own.kind == bundle.KindCHOOSE:
			f.Refuse(at+".bundleId", "A bundle to choose from has products only.")
		}
	}
	if round {
		return // it has no end that could be measured
	}
	for i, c := range own.components {
		if c.Bundle == uuid.Nil {
			continue
		}
		at, inner := "components."+strconv.Itoa(i), n.size(c.Bundle)
		if inner.depth >= maxDepth {
			f.Refuse(at+".bundleId", "Bundles are at most %d deep in each other.", maxDepth)
		}
		if inner.durable && c.Quantity > 1 && !f.wrong(at+".quantity") {
			f.Refuse(at+".quantity", "There are durable products in that bundle, of which nobody can own %d.", c.Quantity)
		}
	}
	n.checkSize(f)
}

// checkSize refuses components that make this bundle, or one that holds it, too large.
func (n *nest) checkSize(f *form) {
	const path = "components"
	own := n.size(n.id)
	if own.products > maxNested {
		f.Refuse(path, "With all that is in its bundles, this one has %d products; give at most %d.", own.products, maxNested)
	}
	if own.most() > pricing.MaxQuantity && !f.wrong(path) {
		f.Refuse(path, "With all that is in its bundles, this one has more than %d of one product; nobody can buy as many.",
			pricing.MaxQuantity)
	}
	if f.wrong(path) {
		return // what it makes of other bundles is not the point
	}
	for _, id := range n.holders {
		held := n.size(id)
		switch {
		case n.bundles[id].archived: // nobody buys it any more
			continue
		case held.products > maxNested:
			f.Refuse(path, "A bundle that holds this one would have %d products; it may have at most %d.", held.products, maxNested)
		case held.depth > maxDepth:
			f.Refuse(path, "A bundle that holds this one would be more than %d bundles deep.", maxDepth)
		case held.most() > pricing.MaxQuantity:
			f.Refuse(path, "A bundle that holds this one would have more than %d of one product.", pricing.MaxQuantity)
		case n.multiplies(id):
			f.Refuse(path, "A bundle holds several of what this one is in, so that there can be no durable product in it.")
		default:
			continue
		}
		return
	}
}

// multiplies says whether a bundle takes several of one that durable products are in.
func (n *nest) multiplies(id uuid.UUID) bool {
	return slices.ContainsFunc(n.bundles[id].components, func(c component) bool {
		return c.Bundle != uuid.Nil && c.Quantity > 1 && n.size(c.Bundle).durable
	})
}

// reaches says whether a bundle is another one, or has it somewhere within.
func (n *nest) reaches(from, to uuid.UUID) bool {
	seen := map[uuid.UUID]bool{}
	for open := []uuid.UUID{from}; len(open) > 0; {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if at == to {
			return true
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		for _, c := range n.bundles[at].components {
			if c.Bundle != uuid.Nil {
				open = append(open, c.Bundle)
			}
		}
	}
	return false
}

// size measures a bundle of a nest without cycles.
func (n *nest) size(id uuid.UUID) size {
	if known, ok := n.sizes[id]; ok {
		return known
	}
	total := size{depth: 1, units: map[uuid.UUID]int64{}}
	add := func(product uuid.UUID, units int64) {
		total.units[product] = min(total.units[product]+units, pricing.MaxQuantity+1)
	}
	for _, c := range n.bundles[id].components {
		if c.Bundle == uuid.Nil {
			total.products++
			total.durable = total.durable || n.durable[c.Product]
			add(c.Product, c.Quantity)
			continue
		}
		inner := n.size(c.Bundle)
		total.products += inner.products
		total.depth = max(total.depth, inner.depth+1)
		total.durable = total.durable || inner.durable
		for product, units := range inner.units {
			add(product, units*c.Quantity)
		}
	}
	n.sizes[id] = total
	return total
}
