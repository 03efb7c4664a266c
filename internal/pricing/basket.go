package pricing

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"farthing/internal/fault"
)

// Want is a thing that a basket wants, with the items that name it put together.
type Want struct {
	ID uuid.UUID
	// Choices are those of a bundle to choose from, sorted. Other choices of the same bundle are another want.
	Choices []uuid.UUID
	// Quantity is that of all its items.
	Quantity int64
	// Path leads to the first of its items.
	Path string
	// Most is the greatest quantity of a single item, and MostPath leads to that item.
	Most     int64
	MostPath string

	item int // the first of its items
}

// Merge puts the items of a basket together, in the order in which things are first named.
func Merge(items []Item) []Want {
	list, places := make([]Want, 0, len(items)), make(map[uuid.UUID][]int, len(items))
	for i, item := range items {
		choices := sorted(item.Choices)
		at := slices.IndexFunc(places[item.ID], func(at int) bool { return slices.Equal(list[at].Choices, choices) })
		if at < 0 {
			at = len(places[item.ID])
			places[item.ID] = append(places[item.ID], len(list))
			list = append(list, Want{ID: item.ID, Choices: choices, Path: ItemPath(i), item: i})
		}
		w := &list[places[item.ID][at]]
		w.Quantity += item.Quantity
		if item.Quantity > w.Most {
			w.Most, w.MostPath = item.Quantity, ItemPath(i)
		}
	}
	return list
}

// ItemPath is the path of an item in the input.
func ItemPath(i int) string { return "items." + strconv.Itoa(i) }

// itemOf is the item that a refusal is about.
func itemOf(f *fault.Fault) int {
	i, _ := strconv.Atoi(f.Path[1]) // all of them are at items.N
	return i
}

// compare is the order of ids: that in which things were made.
func compare(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func sorted(ids []uuid.UUID) []uuid.UUID {
	if len(ids) == 0 {
		return nil
	}
	list := slices.Clone(ids)
	slices.SortFunc(list, compare)
	return list
}
