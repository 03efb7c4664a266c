package actor_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/internal/actor"
)

func TestActorTravelsInTheContext(t *testing.T) {
	t.Parallel()
	ana := actor.Actor{Subject: "ana", Roles: []actor.Role{actor.Shopper}, ShopperID: uuid.New(), Address: "192.0.2.1"}
	outer := actor.With(t.Context(), ana)
	inner := actor.With(outer, actor.Actor{Subject: "till", Roles: []actor.Role{actor.Service}})
	if diff := cmp.Diff(ana, actor.From(outer)); diff != "" {
		t.Error(diff)
	}
	if got := actor.From(inner).Subject; got != "till" {
		t.Errorf("the inner context is %q's, want till's", got)
	}
}

func TestContextWithoutActorIsAnonymous(t *testing.T) {
	t.Parallel()
	nobody := actor.From(t.Context())
	if !nobody.Anonymous() || nobody.Has(actor.Roles()...) || nobody.ShopperID != uuid.Nil {
		t.Errorf("nobody is %+v", nobody)
	}
	if got := nobody.Name(); got != "system" {
		t.Errorf("Name() = %q, want system", got)
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	support := actor.Actor{Subject: "sam", Roles: []actor.Role{actor.Support, actor.Merchandiser}}
	for _, test := range []struct {
		name  string
		roles []actor.Role
		want  bool
	}{
		{"one that it holds", []actor.Role{actor.Support}, true},
		{"one of several", []actor.Role{actor.Admin, actor.Merchandiser}, true},
		{"none of several", []actor.Role{actor.Admin, actor.Shopper, actor.Service}, false},
		{"none asked", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := support.Has(test.roles...); got != test.want {
				t.Errorf("Has(%v) = %t, want %t", test.roles, got, test.want)
			}
		})
	}
	if support.Anonymous() || support.Name() != "sam" {
		t.Errorf("sam is %+v", support)
	}
}
