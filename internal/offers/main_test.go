package offers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/pricechange"
	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/offers"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is when tests begin.
var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

// shop is offers and a catalogue on an empty database, with a clock that stands still until it is set.
type shop struct {
	*offers.Service
	catalog *catalog.Service
	db      *db.DB
	mu      sync.Mutex
	clock   time.Time
}

func open(t testing.TB, d *db.DB) *shop {
	t.Helper()
	s := &shop{db: d, clock: noon}
	s.Service = offers.New(d, currencies(t), s.now)
	s.catalog = catalog.New(d, currencies(t), s.now)
	return s
}

func (s *shop) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
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

// book is an active durable product with a name, at 10 dollars.
func (s *shop) book(t testing.TB, name string) *ent.Product {
	t.Helper()
	return s.product(t, product.KindDURABLE, name)
}

// gems is an active consumable product with a name, at 10 dollars.
func (s *shop) gems(t testing.TB, name string) *ent.Product {
	t.Helper()
	return s.product(t, product.KindCONSUMABLE, name)
}

func (s *shop) product(t testing.TB, kind product.Kind, name string) *ent.Product {
	t.Helper()
	p, err := s.catalog.Create(merchandiser(t), catalog.CreateInput{
		Kind: kind, Status: product.StatusACTIVE, Units: 1, Texts: texts(name), Prices: prices("USD 10"),
	})
	if err != nil {
		t.Fatalf("Create(%q): %v", name, err)
	}
	return p
}

func (s *shop) archiveProduct(t testing.TB, id uuid.UUID) {
	t.Helper()
	if _, err := s.catalog.Archive(merchandiser(t), catalog.ArchiveInput{ID: id}); err != nil {
		t.Fatal(err)
	}
}

// active is what a new offer with a name has at least.
func active(name string) offers.Common {
	return offers.Common{Status: offers.StatusActive, Texts: texts(name)}
}

func texts(name string) []catalog.Text { return []catalog.Text{{Language: "en", Name: name}} }

// prices reads prices such as "USD 10".
func prices(list ...string) []catalog.Price {
	read := []catalog.Price{}
	for _, text := range list {
		currency, amount, _ := strings.Cut(text, " ")
		read = append(read, catalog.Price{Currency: money.Code(currency), Amount: units(amount)})
	}
	return read
}

func units(text string) money.Amount {
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

// wantAudit compares what has been written down about an offer: "mila createBundle <field before> <field after>", with
// the values of one field of its content as JSON, nothing where there is none.
func (s *shop) wantAudit(t testing.TB, target uuid.UUID, field string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range s.db.Client().AuditEntry.Query().Where(auditentry.TargetID(target)).Order(auditentry.ByID()).AllX(t.Context()) {
		got = append(got, fmt.Sprintf("%s %s %s %s", e.Actor, e.Action, jsonField(t, e.Before, field), jsonField(t, e.After, field)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func jsonField(t testing.TB, text []byte, field string) string {
	t.Helper()
	if len(text) == 0 {
		return "-"
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(fields[field])
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// wantPriceHistory compares the steps of the price history of something: "USD 10" or "USD -".
func (s *shop) wantPriceHistory(t testing.TB, id uuid.UUID, want ...string) {
	t.Helper()
	var got []string
	for _, c := range s.db.Client().PriceChange.Query().Where(pricechange.ProductID(id)).Order(pricechange.ByID()).AllX(t.Context()) {
		amount := "-"
		if c.Amount != nil {
			amount = c.Amount.String()
		}
		got = append(got, fmt.Sprintf("%s %s", c.Currency, amount))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("price history (-want +got):\n%s", diff)
	}
}

// waitForBlocked returns when somebody on PostgreSQL waits for a lock that the transaction holds.
func waitForBlocked(ctx context.Context, tx *ent.Tx) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		rows, err := tx.QueryContext(ctx, `SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))`)
		if err != nil {
			return err
		}
		waits := rows.Next()
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || waits {
			return err
		}
	}
	return ctx.Err()
}
