package rewards

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/rewardrule"
	"farthing/ent/schema"
	"farthing/internal/audit"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/earning"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
)

// Statuses of rules. They are those of the schema's OfferStatus.
const (
	StatusDraft    = "DRAFT"
	StatusActive   = earning.Active
	StatusArchived = "ARCHIVED"
)

// RuleInput is everything that a rule says. Faults name the fields as the schema's RewardRuleInput does.
type RuleInput struct {
	// Kind is that of the one part of Terms that is there.
	Kind earning.Kind
	// Code is 1 to 100 lower-case letters, digits and single hyphens. Nil leaves a rule the one it has; that of a new rule is
	// made from its name.
	Code *string
	// Status is DRAFT or ACTIVE.
	Status string
	// Texts are 1 to 20, each language once. The first is in the rule's own language.
	Texts []catalog.Text
	// Picture is an absolute https address, or a path on this server; empty for none.
	Picture string
	// StartsAt and EndsAt are the window [from, until) in which an ACTIVE rule counts; nil for no bound.
	StartsAt, EndsAt *time.Time
	Terms            schema.RewardTerms
	// Currencies are those of the rates of a POINTS rule, or of the worth of a DISCOUNT, in the order in which they were given,
	// by which faults count them. Nil for the order of the alphabet.
	Currencies []money.Code
	// Malformed is what the door could not read of the input; it is refused together with all else that is wrong.
	Malformed fault.List
}

// UpdateRule gives a rule its whole content anew. Faults name the fields as the schema's UpdateRewardRuleInput does, those
// of the content below "rule"; Malformed may name these either way.
type UpdateRule struct {
	ID uuid.UUID
	// ExpectedVersion is the version that the change was made from; nil to change whatever is there.
	ExpectedVersion *int
	RuleInput
}

// ArchiveRule says which rule to end.
type ArchiveRule struct {
	ID              uuid.UUID
	ExpectedVersion *int
	Malformed       fault.List
}

// CreateRule makes a rule. When the code made from its name is taken, it gets a number: poet-2. The error is a fault.List of
// INVALID_INPUT with all that is wrong with the input.
func (s *Service) CreateRule(ctx context.Context, in RuleInput) (*ent.RewardRule, error) {
	return s.alone(ctx, func(ctx context.Context, e *edit) (*ent.RewardRule, error) {
		e.malformed = in.Malformed
		c, err := e.content(ctx, in)
		if err != nil {
			return nil, err
		}
		if err := e.fits(ctx, uuid.Nil, c); err != nil {
			return nil, err
		}
		if err := e.finish(); err != nil {
			return nil, err
		}
		made := id.New()
		if c.Code == "" {
			if c.Code, err = e.madeCode(ctx, c.Texts[c.Language].Name, made); err != nil {
				return nil, err
			}
		}
		return e.write(ctx, "createRewardRule", change{id: made, kind: in.Kind, version: 1, after: c})
	})
}

// UpdateRule gives a rule its whole content anew, under a new version, unless that is the content it has. What was awarded
// stays as it was. Its kind stays, and so does what a leaderboard ranks by; an archived rule stays as it is.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateRule(ctx context.Context, in UpdateRule) (*ent.RewardRule, error) {
	own, malformed := split(in.Malformed)
	return s.alone(ctx, func(ctx context.Context, e *edit) (*ent.RewardRule, error) {
		row, refused, err := e.claim(ctx, in.ID, in.ExpectedVersion, own)
		if err != nil {
			return nil, err
		}
		e.malformed = malformed
		c, err := e.content(ctx, in.RuleInput)
		if err != nil {
			return nil, err
		}
		if row != nil {
			e.keeps(row, in.Kind, &c)
		}
		if err := e.fits(ctx, in.ID, c); err != nil {
			return nil, err
		}
		wrong := append(fault.Merge(own, refused), fault.Merge(e.malformed, e.Faults).Below("rule")...)
		if err := wrong.Err(); err != nil {
			return nil, err
		}
		return e.amend(ctx, "updateRewardRule", row, c)
	})
}

// ArchiveRule ends a rule for good. What was awarded stays, and its code stays taken. Archiving twice is the same as once.
//
// The error is a fault.List: NOT_FOUND, CONFLICT with the catalog.Current version, and what could not be read.
func (s *Service) ArchiveRule(ctx context.Context, in ArchiveRule) (*ent.RewardRule, error) {
	return s.alone(ctx, func(ctx context.Context, e *edit) (*ent.RewardRule, error) {
		row, refused, err := e.claim(ctx, in.ID, in.ExpectedVersion, in.Malformed)
		if err != nil {
			return nil, err
		}
		if err := fault.Merge(in.Malformed, refused).Err(); err != nil {
			return nil, err
		}
		c := row.Content
		c.Status = StatusArchived
		return e.amend(ctx, "archiveRewardRule", row, c)
	})
}

// split takes what is malformed of an update apart: what is beside the content of the rule, and what is in it, named as
// the schema's RewardRuleInput does.
func split(malformed fault.List) (own, content fault.List) {
	for _, f := range malformed {
		switch path := strings.Join(f.Path, "."); path {
		case "", "id", "expectedVersion":
			own.Add(f)
		default:
			inner := *f
			content.Add(inner.At(strings.TrimPrefix(path, "rule.")))
		}
	}
	return own, content
}

// edit is a change of a rule that is being made: the form that its content goes through, and the transaction that it is
// written in.
type edit struct {
	form
	tx *ent.Tx
	// now is the instant from which on the change is in force, and revision that of what is for sale which begins with it.
	now      time.Time
	revision int64
}

// alone runs a verb in a transaction of its own, after waiting until nobody sells and nobody else changes a rule. So what
// the verb reads of rules stays as it is until the end: a code that was free then is free when it is written.
func (s *Service) alone(
	ctx context.Context, verb func(context.Context, *edit) (*ent.RewardRule, error),
) (row *ent.RewardRule, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		if err := catalog.Revise(ctx, tx); err != nil {
			return err
		}
		e := &edit{form: newForm(s.currencies, tx.Client()), tx: tx, now: s.now()}
		if e.revision, err = catalog.Revision(ctx, tx.Client()); err != nil {
			return err
		}
		row, err = verb(ctx, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

// claim finds and locks the rule that an input is about. There is none when the id could not be read, and none together
// with a refusal when there is no such rule or it is not at the expected version.
func (e *edit) claim(
	ctx context.Context, id uuid.UUID, expected *int, malformed fault.List,
) (*ent.RewardRule, fault.List, error) {
	if malformed.Blames("id") {
		return nil, nil, nil
	}
	row, err := e.tx.RewardRule.Query().Where(rewardrule.ID(id), db.Lock).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, fault.List{noRule()}, nil
	case err != nil:
		return nil, nil, fmt.Errorf("lock a reward rule: %w", err)
	case expected != nil && *expected != row.Version:
		return nil, fault.List{
			fault.New(fault.Conflict, "The reward rule is at version %d, not %d; read it again.", row.Version, *expected).
				At("expectedVersion").With(catalog.Current{Version: row.Version}),
		}, nil
	}
	return row, nil, nil
}

// change is a rule before and after.
type change struct {
	id   uuid.UUID
	kind earning.Kind
	// before is nil for a rule that is made.
	before *schema.RewardContent
	// version is the one that it has afterwards.
	version int
	after   schema.RewardContent
}

// amend gives a locked rule its new content and raises its version, unless that is the content it has, and returns the rule
// as it is then.
func (e *edit) amend(ctx context.Context, action string, row *ent.RewardRule, after schema.RewardContent) (*ent.RewardRule, error) {
	same, err := catalog.Equal(row.Content, after)
	if err != nil {
		return nil, err
	}
	if same {
		return row, nil
	}
	return e.write(ctx, action, change{id: row.ID, before: &row.Content, version: row.Version + 1, after: after})
}

// write writes a change, the version of the rule that begins with it, and its audit entry.
func (e *edit) write(ctx context.Context, action string, c change) (*ent.RewardRule, error) {
	status := rewardrule.Status(c.after.Status)
	var err error
	if c.before == nil {
		err = e.tx.RewardRule.Create().SetID(c.id).SetKind(rewardrule.Kind(c.kind)).
			SetCode(c.after.Code).SetStatus(status).SetContent(c.after).
			SetVersion(c.version).SetCreatedAt(e.now).SetUpdatedAt(e.now).Exec(ctx)
	} else {
		err = e.tx.RewardRule.UpdateOneID(c.id).
			SetCode(c.after.Code).SetStatus(status).SetContent(c.after).
			SetVersion(c.version).SetUpdatedAt(e.now).Exec(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("write a reward rule: %w", err)
	}
	err = e.tx.RewardRuleVersion.Create().SetID(id.New()).SetRuleID(c.id).SetVersion(c.version).SetRevision(e.revision).
		SetContent(c.after).SetCreatedAt(e.now).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("write a version of a reward rule: %w", err)
	}
	entry := audit.Entry{Action: action, Target: c.id, After: c.after}
	if c.before != nil {
		entry.Before = *c.before
	}
	if err := audit.RecordAll(ctx, e.tx, e.now, []audit.Entry{entry}); err != nil {
		return nil, err
	}
	row, err := e.tx.RewardRule.Get(ctx, c.id)
	if err != nil {
		return nil, fmt.Errorf("read a reward rule that was written: %w", err)
	}
	return row, nil
}

// madeCode makes a code from a name: the first of poet, poet-2, poet-3 … that no rule has.
func (e *edit) madeCode(ctx context.Context, name string, rule uuid.UUID) (string, error) {
	code, err := catalog.FreeSlug(catalog.Stem(name, "rule", rule), func(codes []string) ([]string, error) {
		return e.tx.RewardRule.Query().Where(rewardrule.CodeIn(codes...)).Select(rewardrule.FieldCode).Strings(ctx)
	})
	if err != nil {
		return "", fmt.Errorf("find a code for a reward rule: %w", err)
	}
	return code, nil
}

// keeps refuses to change what stays of a rule, and leaves it the code that it has when none is given.
func (e *edit) keeps(row *ent.RewardRule, kind earning.Kind, c *schema.RewardContent) {
	if c.Code == "" && !e.wrong("code") {
		c.Code = row.Code
	}
	if row.Status == rewardrule.StatusARCHIVED {
		e.Refuse("status", "An archived reward rule stays archived.")
	}
	if own := earning.Kind(row.Kind); kind != own {
		if isKind(kind) {
			e.Refuse(fieldOf(kind), "This rule is a %s and stays one.", own)
		}
		return
	}
	before, after := row.Content.Terms.Leaderboard, c.Terms.Leaderboard
	if before == nil || after == nil || e.wrong("leaderboard") {
		return
	}
	if same, err := catalog.Equal(before, after); err != nil || !same {
		e.Refuse("leaderboard", "What a leaderboard ranks by stays: archive this one, and make another.")
	}
}

// fits refuses what cannot be beside the rules that are there. The id is that of the rule itself, which does not count.
func (e *edit) fits(ctx context.Context, self uuid.UUID, c schema.RewardContent) error {
	if c.Code != "" && !e.wrong("code") {
		taken, err := e.tx.RewardRule.Query().Where(rewardrule.Code(c.Code), rewardrule.IDNEQ(self)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("find the code of a reward rule: %w", err)
		}
		if taken {
			e.Refuse("code", "Another reward rule has the code %s.", c.Code)
		}
	}
	path, kind, rivals := rivalry(c)
	if path == "" || e.wrong(path) {
		return nil
	}
	others, err := e.tx.RewardRule.Query().
		Where(rewardrule.KindEQ(kind), rewardrule.StatusEQ(rewardrule.StatusACTIVE), rewardrule.IDNEQ(self)).
		Order(rewardrule.ByID()).All(ctx)
	if err != nil {
		return fmt.Errorf("find the rivals of a reward rule: %w", err)
	}
	for _, other := range others {
		if rivals(other.Content.Terms) {
			e.Refuse(path, "The reward rule %s is ACTIVE in its place; archive it, or make it a draft, first.", other.Code)
			break
		}
	}
	return nil
}

// rivalry is where an ACTIVE rule of a kind can be only once, and which terms of others are in its place. The path is empty
// when there can be any number.
func rivalry(c schema.RewardContent) (path string, kind rewardrule.Kind, rivals func(schema.RewardTerms) bool) {
	t := c.Terms
	switch {
	case c.Status != StatusActive:
		return "", "", nil
	case t.Level != nil:
		return "level.from", rewardrule.KindLEVEL, func(o schema.RewardTerms) bool { return o.Level.From == t.Level.From }
	case t.Streak != nil:
		return "streak.period", rewardrule.KindSTREAK, func(o schema.RewardTerms) bool { return o.Streak.Period == t.Streak.Period }
	case t.Discount != nil:
		return "discount", rewardrule.KindDISCOUNT, func(schema.RewardTerms) bool { return true }
	}
	return "", "", nil
}
