package checkout

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"farthing/internal/fault"
	"farthing/internal/money"
)

// Limits of a basket.
const (
	// MaxItems is how many items a basket may have.
	MaxItems = 50
	// MaxQuantity is how many of one thing a basket may hold, all its items together.
	MaxQuantity = 9_999
)

// Item is one item of a basket.
type Item struct {
	// ID is what to buy: a product.
	ID uuid.UUID
	// Quantity is how many, 1 to MaxQuantity.
	Quantity int64
}

// Basket is what a shopper wants to buy, in one currency.
type Basket struct {
	Currency money.Code
	Items    []Item
}

// validate finds everything that is wrong with a basket by itself.
func (b Basket) validate(faults *fault.List, currencies *money.Currencies) {
	if _, traded := currencies.Lookup(b.Currency); !traded {
		faults.Add(fault.Input("currency", "This shop does not trade in %s.", b.Currency))
	}
	switch n := len(b.Items); {
	case n == 0:
		faults.Add(fault.Input("items", "A basket has at least one item."))
	case n > MaxItems:
		faults.Add(fault.Input("items", "A basket has at most %d items, not %d.", MaxItems, n))
		return
	}
	for i, item := range b.Items {
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			faults.Add(fault.Input(itemPath(i)+".quantity", "A quantity is 1 to %d, not %d.", MaxQuantity, item.Quantity))
		}
	}
}

// itemPath is the path of an item in the input.
func itemPath(i int) string { return "items." + strconv.Itoa(i) }

// wanted is a thing that a basket wants, with the items that name it put together.
type wanted struct {
	id uuid.UUID
	// quantity is that of all its items.
	quantity int64
	// path leads to the first of its items.
	path string
	// most is the greatest quantity of a single item, and mostPath leads to that item.
	most     int64
	mostPath string
}

// wants puts the items of a basket together, in the order in which things are first named.
func (b Basket) wants() []wanted {
	list, places := make([]wanted, 0, len(b.Items)), make(map[uuid.UUID]int, len(b.Items))
	for i, item := range b.Items {
		at, seen := places[item.ID]
		if !seen {
			at = len(list)
			places[item.ID] = at
			list = append(list, wanted{id: item.ID, path: itemPath(i)})
		}
		w := &list[at]
		w.quantity += item.Quantity
		if item.Quantity > w.most {
			w.most, w.mostPath = item.Quantity, itemPath(i)
		}
	}
	return list
}

// canonical is the basket in the one form that all orders of its items have in common.
func (b Basket) canonical() [][]any {
	list := b.wants()
	slices.SortFunc(list, func(a, c wanted) int { return bytes.Compare(a.id[:], c.id[:]) })
	form := make([][]any, len(list))
	for i, w := range list {
		form[i] = []any{w.id, w.quantity}
	}
	return form
}
