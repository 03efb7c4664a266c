package rewards

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/leaderboardscore"
	"farthing/internal/catalog"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/identity"
	"farthing/internal/wallet"
	"farthing/internal/zone"
)

// maxDisplayName is the length of the longest name on leaderboards, in characters.
const maxDisplayName = 40

// Settings are what a shopper chooses about rewards. What is not set stays.
type Settings struct {
	ShopperID uuid.UUID
	// TimeZone is the name in the IANA database of the zone whose days and weeks streaks count from now on.
	TimeZone catalog.Change[string]
	// Enabled says whether rewards are shown and told of. Turning them off takes the shopper off all leaderboards.
	Enabled catalog.Change[bool]
	// DisplayName puts the shopper on leaderboards under this name, 1 to 40 characters in one line, with all that has been
	// scored before; nil takes the shopper off all of them.
	DisplayName catalog.Change[*string]
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// ChangeSettings changes what a shopper has chosen about rewards, and gives what the shopper sees then. What changes
// nothing writes nothing.
func (s *Service) ChangeSettings(ctx context.Context, in Settings) (*View, error) {
	form := &catalog.Form{}
	if in.TimeZone.Set && !zone.Known(in.TimeZone.Value) {
		form.Refuse("timeZone", "%s is not the name of a time zone, such as Europe/Berlin or UTC.", catalog.Clip(in.TimeZone.Value))
	}
	joins := in.DisplayName.Set && in.DisplayName.Value != nil
	if joins {
		in.DisplayName.Value = new(form.Line("displayName", *in.DisplayName.Value, 1, maxDisplayName))
	}
	if joins && in.Enabled.Set && !in.Enabled.Value {
		form.Faults.Add(nameless())
	}
	if all := fault.Merge(in.Malformed, form.Faults); len(all) > 0 {
		return nil, all
	}
	// Settings are set and not added to, under the shopper's lock, so a run whose end is not known can be followed by another.
	err := s.db.TxKeyed(ctx, func(ctx context.Context, tx *ent.Tx) error {
		rules, revision, now, err := s.hold(ctx, tx, in.ShopperID)
		if err != nil {
			return err
		}
		book, err := wallet.Load(ctx, tx.Client(), now, in.ShopperID)
		if err != nil {
			return err
		}
		desk, err := OpenDesk(ctx, tx.Client(), Seating{
			Book: book, Rules: rules, Revision: revision, Now: now, Shoppers: []uuid.UUID{in.ShopperID},
		})
		if err != nil {
			return err
		}
		return desk.choose(ctx, tx, in)
	})
	if err != nil {
		return nil, err
	}
	return s.Of(ctx, s.db.Client(), in.ShopperID)
}

// nameless is the refusal of a name to be shown by, from somebody who is shown nothing.
func nameless() *fault.Fault {
	return fault.Input("displayName", "A name on leaderboards needs rewards to be turned on.")
}

// hold begins what a shopper does to their own rewards: it locks the shopper, keeps the rules as they are, and takes the
// instant.
func (s *Service) hold(ctx context.Context, tx *ent.Tx, shopper uuid.UUID) (
	rules *earning.Rulebook, revision int64, now time.Time, err error,
) {
	found, err := identity.Lock(ctx, tx, shopper)
	if err != nil {
		return nil, 0, now, err
	}
	if !found[shopper] {
		return nil, 0, now, fault.New(fault.NotFound, "There is no such shopper.")
	}
	if err := catalog.Hold(ctx, tx); err != nil {
		return nil, 0, now, err
	}
	now = s.now() // under the locks, so that entries are in the order of their instants, and after every rule in force
	if revision, err = catalog.Revision(ctx, tx.Client()); err != nil {
		return nil, 0, now, err
	}
	rules, err = s.Rulebooks.Held(ctx, tx, revision)
	return rules, revision, now, err
}

// choose changes the settings of the shopper who sits at the desk, and writes them.
func (d *Desk) choose(ctx context.Context, tx *ent.Tx, in Settings) error {
	at := d.seats[in.ShopperID]
	before := *at.standing
	after := at.standing
	if in.TimeZone.Set {
		after.TimeZone = in.TimeZone.Value
	}
	if in.Enabled.Set {
		after.Enabled = in.Enabled.Value
	}
	switch {
	case in.DisplayName.Set && in.DisplayName.Value != nil && !after.Enabled:
		return nameless()
	case in.DisplayName.Set:
		after.DisplayName = in.DisplayName.Value
	case !after.Enabled:
		after.DisplayName = nil
	}
	joins, leaves := before.DisplayName == nil && after.DisplayName != nil, before.DisplayName != nil && after.DisplayName == nil
	renamed := before.DisplayName != nil && after.DisplayName != nil && *before.DisplayName != *after.DisplayName
	if before.TimeZone == after.TimeZone && before.Enabled == after.Enabled && !joins && !leaves && !renamed {
		return nil
	}
	at.changed = true
	if joins {
		if err := d.join(ctx, tx, at); err != nil {
			return err
		}
	}
	if leaves {
		clear(at.moved) // what opening the desk has told again is not to be written after all
		_, err := tx.LeaderboardScore.Delete().Where(leaderboardscore.ShopperID(at.shopper)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("take a shopper off leaderboards: %w", err)
		}
	}
	return d.Apply(ctx, tx)
}

// join tells the scores of a shopper who had none, in all periods that the shopper has bought something in.
func (d *Desk) join(ctx context.Context, tx *ent.Tx, at *seat) error {
	if !at.hasStory {
		at.lots = nil // they come with the story
		if err := d.readStories(ctx, tx.Client(), []uuid.UUID{at.shopper}); err != nil {
			return err
		}
	}
	d.rank(at, func(time.Time) bool { return true })
	return nil
}
