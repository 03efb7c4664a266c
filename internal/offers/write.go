package offers

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/schema"
	"farthing/internal/audit"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/fault"
	"farthing/internal/id"
)

// common is what merchandisers decide about every offer. Each kind of offer has a content, which this is a part of: all
// that is decided about one, in the one form in which it is stored, compared and audited. Texts are in NFC, language tags
// canonical, instants in UTC and whole microseconds.
type common struct {
	Status   string                 `json:"status"`
	Language string                 `json:"language"`
	Texts    map[string]schema.Text `json:"texts"`
}

// commonOf is the common part of a stored offer. Nothing of it is shared with the row.
func commonOf[S ~string](status S, language string, texts map[string]schema.Text) common {
	return common{Status: string(status), Language: language, Texts: maps.Clone(texts)}
}

// kind is how the offers of one kind, rows R with content C, are found and stored.
type kind[R, C any] struct {
	// noun is what messages call one, and name what mutations do: "trial offer" and "TrialOffer".
	noun, name string
	// lock finds one, with all that belongs to it, and keeps others from changing it until the transaction ends. The error
	// is ent's when there is none.
	lock func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*R, error)
	// version is that of a row, content what it says, and shared the common part of a content.
	version func(row *R) (id uuid.UUID, version int)
	content func(row *R) C
	shared  func(content *C) *common
	// store writes the row and all that follows from it except the audit.
	store func(ctx context.Context, tx *ent.Tx, now time.Time, c change[C]) error
}

// change is an offer before and after.
type change[C any] struct {
	id uuid.UUID
	// before is nil for an offer that is made.
	before *C
	// version is the one that it has afterwards.
	version int
	after   C
}

// alone runs a verb in a transaction of its own. What a verb refuses it has written nothing of.
//
// Something that must be there once, and that somebody else makes between our look and our insert, is a violated unique
// index, which spoils the transaction; then the verb starts again, sees what is there, and refuses in words.
func alone[In, Row any](
	ctx context.Context, s *Service, verb func(context.Context, *ent.Tx, In) (*Row, error), in In,
) (*Row, error) {
	const attempts = 10
	for range attempts {
		var row *Row
		err := s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) (err error) {
			row, err = verb(ctx, tx, in)
			return err
		})
		if err == nil {
			return row, nil
		}
		if !db.IsUnique(err) {
			return nil, err
		}
	}
	return nil, fault.New(fault.Conflict, "Many offers like this one are being made at once; try again.")
}

// begin is the first thing that a verb does: it waits until nobody sells, and gives the instant from which on the change
// is in force. Whatever is read after it stays as it is until the transaction ends, as far as offers are concerned.
func (k kind[R, C]) begin(ctx context.Context, tx *ent.Tx, s *Service) (time.Time, *form, error) {
	if err := catalog.Revise(ctx, tx); err != nil {
		return time.Time{}, nil, err
	}
	return s.now(), &form{Form: catalog.Form{Currencies: s.currencies}, noun: k.noun, name: k.name}, nil
}

// claim finds and locks the offer that an input is about. There is none when the id could not be read, and none together
// with a refusal when there is no such offer or it is not at the expected version.
func (k kind[R, C]) claim(
	ctx context.Context, tx *ent.Tx, id uuid.UUID, expected *int, malformed fault.List,
) (*R, fault.List, error) {
	if malformed.Blames("id") {
		return nil, nil, nil
	}
	row, err := k.lock(ctx, tx, id)
	if ent.IsNotFound(err) {
		return nil, fault.List{k.notFound()}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lock a %s: %w", k.noun, err)
	}
	if _, version := k.version(row); expected != nil && *expected != version {
		return nil, fault.List{
			fault.New(fault.Conflict, "The %s is at version %d, not %d; read it again.", k.noun, version, *expected).
				At("expectedVersion").With(catalog.Current{Version: version}),
		}, nil
	}
	return row, nil, nil
}

// notFound refuses an id or a slug that no offer of the kind has.
func (k kind[R, C]) notFound() *fault.Fault {
	return fault.New(fault.NotFound, "There is no such %s.", k.noun)
}

// make writes a new offer, and returns it as it is then.
func (k kind[R, C]) make(ctx context.Context, tx *ent.Tx, now time.Time, content C) (*R, error) {
	return k.write(ctx, tx, now, "create"+k.name, change[C]{id: id.New(), version: 1, after: content})
}

// amend gives a locked offer its new content and raises its version, unless that is the content it has, and returns the
// offer as it is then. The action is the name of the mutation.
func (k kind[R, C]) amend(ctx context.Context, tx *ent.Tx, now time.Time, action string, row *R, after C) (*R, error) {
	before := k.content(row)
	same, err := catalog.Equal(before, after)
	if err != nil {
		return nil, err
	}
	if same {
		return row, nil
	}
	id, version := k.version(row)
	return k.write(ctx, tx, now, action, change[C]{id: id, before: &before, version: version + 1, after: after})
}

// archive puts an offer away for good. Archiving twice is the same as once.
func (k kind[R, C]) archive(ctx context.Context, tx *ent.Tx, s *Service, in Archive) (*R, error) {
	now, _, err := k.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := k.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	if err := fault.Merge(in.Malformed, refused).Err(); err != nil {
		return nil, err
	}
	content := k.content(row)
	k.shared(&content).Status = StatusArchived
	return k.amend(ctx, tx, now, "archive"+k.name, row, content)
}

// write writes a change and its audit entry.
func (k kind[R, C]) write(ctx context.Context, tx *ent.Tx, now time.Time, action string, c change[C]) (*R, error) {
	if err := k.store(ctx, tx, now, c); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: action, Target: c.id, After: c.after}
	if c.before != nil {
		entry.Before = *c.before
	}
	if err := audit.RecordAll(ctx, tx, now, []audit.Entry{entry}); err != nil {
		return nil, err
	}
	row, err := k.lock(ctx, tx, c.id)
	if err != nil {
		return nil, fmt.Errorf("read a %s that was written: %w", k.noun, err)
	}
	return row, nil
}

// form checks the fields of an offer of a kind, beyond those that products have too.
type form struct {
	catalog.Form
	noun, name string
	// malformed is what the door could not read.
	malformed fault.List
}

// create checks what all new offers have.
func (f *form) create(in Common) common {
	f.malformed = in.Malformed
	var c common
	f.status(&c, in.Status)
	c.Language, c.Texts = f.Texts("texts", in.Texts)
	return c
}

// change checks what all changes of offers have.
func (f *form) change(c *common, in CommonChange) {
	f.malformed = in.Malformed
	if in.Status.Set {
		f.status(c, in.Status.Value)
	}
	if in.Texts.Set {
		c.Language, c.Texts = f.Texts("texts", in.Texts.Value)
	}
}

// finish gives all that is wrong: also what the door could not read, and why the offer itself cannot be changed.
func (f *form) finish(refused ...*fault.Fault) error {
	return fault.Merge(f.malformed, append(refused, f.Faults...)).Err()
}

// wrong says whether something is known to be wrong at a field, within it, or with what it is part of. What follows from
// that alone is not worth a fault of its own.
func (f *form) wrong(path string) bool { return f.malformed.Touches(path) || f.Faults.Touches(path) }

// status sets DRAFT or ACTIVE. There are mutations of their own into ARCHIVED, and none out of it.
func (f *form) status(c *common, status string) {
	switch {
	case status != StatusDraft && status != StatusActive:
		f.Refuse("status", "Set DRAFT or ACTIVE; a %s is archived by archive%s.", f.noun, f.name)
	case c.Status == StatusArchived:
		f.Refuse("status", "An archived %s stays archived.", f.noun)
	}
	c.Status = status
}

// percent checks percentOff and gives it in hundredths of a percent, as it is stored: more than 0, and at most 100 percent.
func (f *form) percent(p Percent) int {
	const most = 100 * 100
	if p < 1 || p > most {
		f.Refuse("percentOff", "Take off more than 0 and at most 100 percent.")
	}
	return int(p)
}
