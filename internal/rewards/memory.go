package rewards

import (
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/earning"
	"farthing/internal/id"
)

// NewDesk is OpenDesk for what is in memory instead of in a database, as a simulation of the shop has it: given all that there
// is of the shoppers but their places on leaderboards, it takes as much of it as OpenDesk would read. Nothing of what is given is
// shared with the desk.
func NewDesk(s Seating, standings []*ent.RewardStanding, story []*ent.RewardEntry, earned []*ent.Achievement) *Desk {
	d := &Desk{book: s.Book, rules: s.Rules, revision: s.Revision, now: s.Now, seats: make(map[uuid.UUID]*seat, len(s.Shoppers))}
	for _, shopper := range s.Shoppers {
		row := &ent.RewardStanding{ID: id.New(), ShopperID: shopper, TimeZone: defaultZone, Enabled: true}
		if i := slices.IndexFunc(standings, func(r *ent.RewardStanding) bool { return r.ShopperID == shopper }); i >= 0 {
			row = new(*standings[i])
			row.State = earning.CloneState(row.State)
		}
		d.sit(row)
		at := d.seats[shopper]
		at.hasStory = at.state.Watching != d.terms().Watching || slices.Contains(s.Refunding, shopper)
		at.hasLots = at.hasStory || slices.Contains(s.Spending, shopper) || row.ExpiresAt != nil && !s.Now.Before(*row.ExpiresAt)
	}
	for _, e := range story {
		at := d.seats[e.ShopperID]
		if at != nil && at.hasStory {
			at.story = append(at.story, new(*e))
		}
		if at != nil && at.hasLots && (at.hasStory || lotOf(e).Left() > 0) {
			at.lots = append(at.lots, lotOf(e))
		}
	}
	for _, a := range earned {
		if at := d.seats[a.ShopperID]; at != nil && at.hasStory {
			at.earned = append(at.earned, new(*a))
		}
	}
	for _, shopper := range s.Shoppers {
		if at := d.seats[shopper]; at.hasStory {
			d.tell(at)
		}
	}
	return d
}

// Kept is all that there is of a shopper after what was decided: what there was before, with what Apply would write. Nothing of
// what is given is changed.
func (d *Desk) Kept(
	shopper uuid.UUID, standing *ent.RewardStanding, story []*ent.RewardEntry, earned []*ent.Achievement,
) (*ent.RewardStanding, []*ent.RewardEntry, []*ent.Achievement) {
	at := d.seats[shopper]
	if !at.changed {
		return standing, story, earned
	}
	standing = new(*at.standing)
	standing.State = earning.CloneState(at.state)
	entries := make([]*ent.RewardEntry, 0, len(story)+len(at.entries))
	for _, e := range slices.Concat(story, at.entries) {
		e = new(*e)
		if lot := at.touched[e.ID]; lot != nil {
			e.Used, e.Expired, e.Revoked = lot.Used, lot.Expired, lot.Revoked
		}
		if refund, ok := at.refunded[e.ID]; ok {
			e.RefundedBy = &refund
		}
		entries = append(entries, e)
	}
	achievements := make([]*ent.Achievement, 0, len(earned)+len(at.gained))
	for _, a := range slices.Concat(earned, at.gained) {
		a = new(*a)
		if refund, ok := at.revoked[a.ID]; ok {
			a.RevokedBy = &refund
		}
		achievements = append(achievements, a)
	}
	return standing, entries, achievements
}
