package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/predicate"
	"farthing/internal/page"
)

// Filter says which entries to list. What is given must all hold; zero values ask for nothing.
type Filter struct {
	page.Args `json:"-"`
	// Target is what was changed.
	Target uuid.UUID
	// Actor is the subject of whoever made the change, Action the verb as the schema names it.
	Actor, Action string
	// From is the first instant of the changes, Until the first that is too late.
	From, Until *time.Time
	// Actions are those that the caller may see: only these are listed. Nil is all, and an empty list is none.
	Actions []string
}

// List gives a page of entries, latest first. Its cursors belong to one filter. The errors are INVALID_INPUT faults at
// fields of the page's arguments.
func List(ctx context.Context, client *ent.Client, f Filter) (page.Page[*ent.AuditEntry], error) {
	scope, err := f.scope()
	if err != nil {
		return page.Page[*ent.AuditEntry]{}, err
	}
	order := page.Order[*ent.AuditEntry]{
		Scope: scope, Descending: true, ID: func(e *ent.AuditEntry) uuid.UUID { return e.ID },
	}
	where := f.predicates()
	return page.Read(f.Args, order, func(apply func(*sql.Selector), limit int) ([]*ent.AuditEntry, error) {
		entries, err := client.AuditEntry.Query().Where(where...).Where(apply).Limit(limit).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the audit: %w", err)
		}
		return entries, nil
	})
}

// Count tells how many entries List would give on all pages together.
func Count(ctx context.Context, client *ent.Client, f Filter) (int, error) {
	n, err := client.AuditEntry.Query().Where(f.predicates()...).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count the audit: %w", err)
	}
	return n, nil
}

// scope tells lists of different filters apart.
func (f Filter) scope() (string, error) {
	if f.Actions != nil {
		f.Actions = slices.Compact(slices.Sorted(slices.Values(f.Actions)))
		f.Actions = append(make([]string, 0, len(f.Actions)), f.Actions...) // none is not all
	}
	for _, at := range []**time.Time{&f.From, &f.Until} {
		if *at != nil {
			*at = new((*at).UTC())
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("name the list of the audit: %w", err)
	}
	return "audit:" + string(text), nil
}

func (f Filter) predicates() []predicate.AuditEntry {
	var list []predicate.AuditEntry
	if f.Target != uuid.Nil {
		list = append(list, auditentry.TargetID(f.Target))
	}
	for _, text := range []struct {
		wanted string
		is     func(string) predicate.AuditEntry
	}{{f.Actor, auditentry.Actor}, {f.Action, auditentry.Action}} {
		switch {
		case text.wanted == "":
		case !utf8.ValidString(text.wanted) || strings.ContainsRune(text.wanted, 0):
			list = append(list, auditentry.IDIn()) // none is called so, and PostgreSQL cannot be asked
		default:
			list = append(list, text.is(text.wanted))
		}
	}
	if f.From != nil {
		list = append(list, auditentry.CreatedAtGTE(*f.From))
	}
	if f.Until != nil {
		list = append(list, auditentry.CreatedAtLT(*f.Until))
	}
	if f.Actions != nil {
		list = append(list, auditentry.ActionIn(f.Actions...))
	}
	return list
}
