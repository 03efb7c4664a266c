package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when tests begin.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

// shop is a catalogue on an empty database, with a clock that stands still until it is set.
type shop struct {
	*catalog.Service
	db    *db.DB
	mu    sync.Mutex
	clock time.Time
}

func open(t testing.TB, d *db.DB) *shop {
	t.Helper()
	s := &shop{db: d, clock: noon}
	s.Service = catalog.New(d, currencies(t), func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.clock
	})
	return s
}

func (s *shop) set(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

func currencies(t testing.TB) *money.Currencies {
	t.Helper()
	c, err := money.ParseCurrencies("USD,EUR,KRW,GEM:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// merchandiser is a context in which one is calling.
func merchandiser(t testing.TB) context.Context {
	t.Helper()
	return actor.With(t.Context(), actor.Actor{Subject: "mila", Roles: []actor.Role{actor.Merchandiser}})
}

// book is the input of an active book with a name.
func book(name string) catalog.CreateInput {
	return catalog.CreateInput{
		Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1,
		Texts:  []catalog.Text{{Language: "en", Name: name}},
		Prices: []catalog.Price{{Currency: "USD", Amount: amount("0.99")}},
	}
}

func (s *shop) create(t testing.TB, in catalog.CreateInput) *ent.Product {
	t.Helper()
	p, err := s.Create(merchandiser(t), in)
	if err != nil {
		t.Fatalf("Create(%q): %v", in.Texts[0].Name, err)
	}
	return p
}

func (s *shop) update(t testing.TB, in catalog.UpdateInput) *ent.Product {
	t.Helper()
	p, err := s.Update(merchandiser(t), in)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return p
}

func (s *shop) byID(t testing.TB, id uuid.UUID) *ent.Product {
	t.Helper()
	p, err := catalog.ByID(t.Context(), s.db.Client(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func amount(text string) money.Amount {
	a, err := money.ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return a
}

// faultPaths are the codes and fields of a refusal: "INVALID_INPUT texts.0.name".
func faultPaths(err error) []string {
	var list []string
	for _, f := range fault.From(err) {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s", f.Code, strings.Join(f.Path, "."))))
	}
	return list
}

func wantFaults(t testing.TB, err error, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, faultPaths(err)); diff != "" {
		t.Errorf("refusal (-want +got):\n%s\nof %v", diff, err)
	}
}

func names(products []*ent.Product) []string {
	list := make([]string, len(products))
	for i, p := range products {
		list[i] = p.Texts[p.Language].Name
	}
	return list
}
