package rewards

import (
	"slices"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/earning"
	"farthing/internal/id"
)

// NewDesk is OpenDesk for what is in memory instead of in a database, as a simulation of the shop has it: all that there is
// of the shoppers. Nothing of what is given is shared with the desk.
func NewDesk(s Seating, standings []*ent.RewardStanding, story []*ent.RewardEntry, earned []*ent.Achievement) *Desk {
	d := &Desk{book: s.Book, rules: s.Rules, revision: s.Revision, now: s.Now, seats: make(map[uuid.UUID]*seat, len(s.Shoppers))}
	for _, shopper := range s.Shoppers {
		row := &ent.RewardStanding{ID: id.New(), ShopperID: shopper, TimeZone: defaultZone, Enabled: true}
		if i := slices.IndexFunc(standings, func(r *ent.RewardStanding) bool { return r.ShopperID == shopper }); i >= 0 {
			row = new(*standings[i])
			row.State = earning.CloneState(row.State)
		}
		d.sit(row)
		d.seats[shopper].hasStory, d.seats[shopper].hasLots = true, true
	}
	for _, e := range story {
		if at := d.seats[e.ShopperID]; at != nil {
			at.story, at.lots = append(at.story, new(*e)), append(at.lots, lotOf(e))
		}
	}
	for _, a := range earned {
		if at := d.seats[a.ShopperID]; at != nil {
			at.earned = append(at.earned, new(*a))
		}
	}
	for _, shopper := range s.Shoppers {
		if at := d.seats[shopper]; at.state.Watching != d.terms().Watching {
			d.tell(at)
		}
	}
	return d
}

// Kept is all that there is of a shopper after what was decided, as Apply would have written it.
func (d *Desk) Kept(shopper uuid.UUID) (standing *ent.RewardStanding, story []*ent.RewardEntry, earned []*ent.Achievement) {
	at := d.seats[shopper]
	standing = new(*at.standing)
	standing.State = at.state
	for _, e := range at.story {
		e = new(*e)
		for _, lot := range at.lots {
			if lot.Entry == e.ID {
				e.Used, e.Expired, e.Revoked = lot.Used, lot.Expired, lot.Revoked
			}
		}
		story = append(story, e)
	}
	return standing, story, at.earned
}
