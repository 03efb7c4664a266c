package audit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/internal/actor"
	"farthing/internal/audit"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

type state struct {
	Name string `json:"name"`
}

func TestRecord(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	mila := actor.Actor{Subject: "mila"}

	t.Run("writes_down_who_did_what_to_what", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			name          string
			caller        actor.Actor
			before, after any
			want          [3]string // actor, before, after
		}{
			{"a_caller_who_makes", mila, nil, state{"new"}, [3]string{"mila", "", `{"name":"new"}`}},
			{"a_caller_who_changes", mila, state{"old"}, state{"new"}, [3]string{"mila", `{"name":"old"}`, `{"name":"new"}`}},
			{"a_caller_who_removes", mila, state{"old"}, nil, [3]string{"mila", `{"name":"old"}`, ""}},
			{"nobody", actor.Actor{}, nil, state{"new"}, [3]string{"system", "", `{"name":"new"}`}},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				dbtest.Each(t, func(t *testing.T, d *db.DB) {
					target := uuid.New()
					ctx := actor.With(t.Context(), test.caller)
					err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
						return audit.Record(ctx, tx, at, "renameThing", target, test.before, test.after)
					})
					if err != nil {
						t.Fatal(err)
					}
					e := d.Client().AuditEntry.Query().Where(auditentry.TargetID(target)).OnlyX(t.Context())
					got := [3]string{e.Actor, compact(e.Before), compact(e.After)}
					if got != test.want || e.Action != "renameThing" || !e.CreatedAt.Equal(at) {
						t.Errorf("got %q, %s at %v; want %q", got, e.Action, e.CreatedAt, test.want)
					}
				})
			})
		}
	})

	t.Run("is_undone_with_the_change", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			undo := errors.New("undo")
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				return errors.Join(audit.Record(ctx, tx, at, "renameThing", uuid.New(), nil, state{"new"}), undo)
			})
			if n := d.Client().AuditEntry.Query().CountX(t.Context()); n != 0 || !errors.Is(err, undo) {
				t.Errorf("%d entries, %v", n, err)
			}
		})
	})

	t.Run("refuses_what_is_no_json", func(t *testing.T) {
		t.Parallel()
		d := dbtest.SQLite(t)
		for _, states := range [][2]any{{func() {}, nil}, {nil, func() {}}} {
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				return audit.Record(ctx, tx, at, "renameThing", uuid.New(), states[0], states[1])
			})
			if err == nil {
				t.Error("it was written")
			}
		}
	})

	t.Run("of_many_changes_writes_all", func(t *testing.T) {
		t.Parallel()
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			entries := make([]audit.Entry, 2_500)
			for i := range entries {
				entries[i] = audit.Entry{Action: "renameThing", Target: uuid.New(), After: state{"new"}}
			}
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error { return audit.RecordAll(ctx, tx, at, entries) })
			if n := d.Client().AuditEntry.Query().CountX(t.Context()); n != len(entries) || err != nil {
				t.Errorf("%d entries, %v", n, err)
			}
		})
	})
}

// compact is JSON without the spaces that PostgreSQL adds.
func compact(text []byte) string {
	var clean []byte
	for _, c := range text {
		if c != ' ' {
			clean = append(clean, c)
		}
	}
	return string(clean)
}
