package wallet

import (
	"bytes"
	"maps"
	"slices"

	"farthing/ent"
)

// Kept is what Apply would write: every changed account as it is now, in the order of ids, and every transfer in the order in
// which it was decided. A simulation of the shop keeps them in memory instead of in a database.
func (b *Book) Kept() (accounts []*ent.Account, transfers []*ent.Transfer) {
	accounts = slices.SortedFunc(maps.Values(b.changed), func(a, c *ent.Account) int { return bytes.Compare(a.ID[:], c.ID[:]) })
	return accounts, slices.Clone(b.transfers)
}
