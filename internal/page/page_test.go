package page_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"farthing/ent"
	"farthing/ent/idempotencykey"
	"farthing/ent/transfer"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/money"
	"farthing/internal/page"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func TestReadRefusesArguments(t *testing.T) {
	t.Parallel()
	here := page.Cursor("numbers", int64(7), uuid.New())
	for _, test := range []struct {
		name string
		args page.Args
		want string
	}{
		{"first 0", page.Args{First: new(0)}, "first"},
		{"first -1", page.Args{First: new(-1)}, "first"},
		{"first 101", page.Args{First: new(101)}, "first"},
		{"last 0", page.Args{Last: new(0)}, "last"},
		{"last -1", page.Args{Last: new(-1)}, "last"},
		{"last 101", page.Args{Last: new(101)}, "last"},
		{"both first and last", page.Args{First: new(1), Last: new(1)}, "last"},
		{"both after and before", page.Args{After: &here, Before: &here}, "last"},
		{"after with last", page.Args{Last: new(1), After: &here}, "last"},
		{"first with before", page.Args{First: new(1), Before: &here}, "last"},
		{"an empty cursor", page.Args{After: new("")}, "after"},
		{"garbage for a cursor", page.Args{After: new("garbage!")}, "after"},
		{"garbage before", page.Args{Before: new("AAAA")}, "before"},
		{"half a cursor", page.Args{After: new(here[:len(here)/2])}, "after"},
		{"a cursor with something behind it", page.Args{After: new(here + "AAAA")}, "after"},
		{"a cursor of another list", page.Args{After: new(page.Cursor("names", int64(7), uuid.New()))}, "after"},
		{"a cursor of another list before", page.Args{Before: new(page.Cursor("names", int64(7), uuid.New()))}, "before"},
		{"a forged cursor without a key", page.Args{After: new(page.Cursor("numbers", nil, uuid.New()))}, "after"},
		{"a forged cursor with a key of bytes", page.Args{Before: new(page.Cursor("numbers", []byte("12345678"), uuid.New()))}, "before"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := page.Read(test.args, numbers, func(func(*sql.Selector), int) ([]int64, error) {
				t.Error("the list was read")
				return nil, nil
			})
			faults := fault.From(err)
			if len(faults) != 1 || faults[0].Code != fault.InvalidInput || strings.Join(faults[0].Path, ".") != test.want {
				t.Errorf("Read(%+v) = %v, want INVALID_INPUT at %s", test.args, err, test.want)
			}
		})
	}
}

func TestReadRefusesMoreThanACursor(t *testing.T) {
	t.Parallel()
	byID := page.Order[int64]{Scope: "ids", ID: numbers.ID}
	whole := page.Cursor("ids", nil, uuid.New())
	for _, text := range []string{whole + "AA", whole + "AAAA"} {
		_, err := page.Read(page.Args{After: &text}, byID, func(func(*sql.Selector), int) ([]int64, error) { return nil, nil })
		if !fault.Is(err, fault.InvalidInput) {
			t.Errorf("Read after %s and more = %v, want INVALID_INPUT", whole, err)
		}
	}
}

func TestReadSizes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args page.Args
		want int
	}{
		{"nothing given", page.Args{}, page.Default},
		{"first 1", page.Args{First: new(1)}, 1},
		{"first 100", page.Args{First: new(100)}, page.Most},
		{"last 100", page.Args{Last: new(100)}, page.Most},
		{"before without last", page.Args{Before: new(page.Cursor("numbers", int64(1), uuid.Nil))}, page.Default},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := page.Read(test.args, numbers, func(_ func(*sql.Selector), limit int) ([]int64, error) {
				return make([]int64, limit), nil
			})
			if err != nil || len(got.Edges) != test.want || len(got.Nodes()) != test.want {
				t.Errorf("Read(%+v) gave %d entries and %v, want %d", test.args, len(got.Edges), err, test.want)
			}
		})
	}
}

func TestReadPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := page.Read(page.Args{}, numbers, func(func(*sql.Selector), int) ([]int64, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("Read = %v", err)
	}
}

func TestReadRefusesKeysOfAnotherForm(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]page.Order[int64]{
		"an amount": {
			Scope: "numbers", Column: numbers.Column, ID: numbers.ID, Key: func(n int64) any { return money.Amount(n) },
		},
		"a number for bytes":     {Scope: "numbers", Column: numbers.Column, ID: numbers.ID, Key: numbers.Key, Bytes: true},
		"a key without a column": {Scope: "numbers", ID: numbers.ID, Key: numbers.Key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := page.Read(page.Args{}, order, func(func(*sql.Selector), int) ([]int64, error) { return []int64{1}, nil })
			if err == nil || len(fault.From(err)) > 0 {
				t.Errorf("Read = %v, want an error that is no refusal", err)
			}
		})
	}
}

// numbers is a list of which tests make up the entries.
var numbers = page.Order[int64]{
	Scope:  "numbers",
	Column: func(s *sql.Selector) string { return s.C("number") },
	Key:    func(n int64) any { return n },
	ID:     func(int64) uuid.UUID { return uuid.Nil },
}

// TestPagesGiveTheListExactly walks lists with many ties in both directions with any sizes of page, and holds what comes
// to the list as Go sorts it.
func TestPagesGiveTheListExactly(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, store.URL(t))
			var transfers []*ent.Transfer
			var keys []*ent.IdempotencyKey
			err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				transfers, keys = nil, nil
				shopper, err := tx.Shopper.Create().SetIssuer("").SetSubject("ana").SetCreatedAt(noon).Save(ctx)
				if err != nil {
					return err
				}
				for i := range 45 {
					moved, err := topUp(tx, money.Amount(1+i%7)).Save(ctx)
					if err != nil {
						return err
					}
					transfers = append(transfers, moved)
					// Some of these are the beginning of others, and some are no text.
					key, err := tx.IdempotencyKey.Create().SetID(uuid.New()).SetShopperID(shopper.ID).SetOperation("checkout").
						SetKey(fmt.Sprint(i)).SetFingerprint(bytes.Repeat([]byte{byte(120 + i%8)}, i%4)).
						SetResultID(uuid.New()).SetCreatedAt(noon).Save(ctx)
					if err != nil {
						return err
					}
					keys = append(keys, key)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			client := d.Client()
			byAmount := list[*ent.Transfer]{
				rows: transfers,
				order: page.Order[*ent.Transfer]{
					Column: func(s *sql.Selector) string { return s.C(transfer.FieldAmount) },
					Key:    func(t *ent.Transfer) any { return int64(t.Amount) },
					ID:     func(t *ent.Transfer) uuid.UUID { return t.ID },
				},
				compare: func(a, b *ent.Transfer) int {
					return cmp.Or(cmp.Compare(a.Amount, b.Amount), bytes.Compare(a.ID[:], b.ID[:]))
				},
				fetch: func(apply func(*sql.Selector), limit int) ([]*ent.Transfer, error) {
					return client.Transfer.Query().Where(apply).Limit(limit).All(t.Context())
				},
			}
			byID := byAmount
			byID.order.Column, byID.order.Key = nil, nil
			byID.compare = func(a, b *ent.Transfer) int { return bytes.Compare(a.ID[:], b.ID[:]) }
			byBytes := list[*ent.IdempotencyKey]{
				rows: keys,
				order: page.Order[*ent.IdempotencyKey]{
					Bytes:  true,
					Column: func(s *sql.Selector) string { return s.C(idempotencykey.FieldFingerprint) },
					Key:    func(k *ent.IdempotencyKey) any { return k.Fingerprint },
					ID:     func(k *ent.IdempotencyKey) uuid.UUID { return k.ID },
				},
				compare: func(a, b *ent.IdempotencyKey) int {
					return cmp.Or(bytes.Compare(a.Fingerprint, b.Fingerprint), bytes.Compare(a.ID[:], b.ID[:]))
				},
				fetch: func(apply func(*sql.Selector), limit int) ([]*ent.IdempotencyKey, error) {
					return client.IdempotencyKey.Query().Where(apply).Limit(limit).All(t.Context())
				},
			}
			t.Run("by number", rapid.MakeCheck(byAmount.walk))
			t.Run("by id", rapid.MakeCheck(byID.walk))
			t.Run("by bytes", rapid.MakeCheck(byBytes.walk))
		})
	}
}

// list is a list of the database with all its rows.
type list[T any] struct {
	rows    []T
	order   page.Order[T]
	compare func(a, b T) int
	fetch   func(apply func(*sql.Selector), limit int) ([]T, error)
}

// walk reads the whole list in one direction, with pages of random sizes.
func (l list[T]) walk(t *rapid.T) {
	order := l.order
	order.Descending = rapid.Bool().Draw(t, "descending")
	backward := rapid.Bool().Draw(t, "backward")
	size := rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(40, page.Most))

	var want, got []uuid.UUID
	sorted := slices.SortedFunc(slices.Values(l.rows), l.compare)
	if order.Descending {
		slices.Reverse(sorted)
	}
	for _, row := range sorted {
		want = append(want, order.ID(row))
	}
	var args page.Args
	for more := true; more; {
		n := size.Draw(t, "size")
		if args.First, args.Last = &n, nil; backward {
			args.First, args.Last = nil, &n
		}
		p, err := page.Read(args, order, l.fetch)
		if err != nil {
			t.Fatal(err)
		}
		var ids []uuid.UUID
		for _, node := range p.Nodes() {
			ids = append(ids, order.ID(node))
		}
		left := len(want) - len(got)
		if len(ids) != min(n, left) {
			t.Fatalf("a page of %d has %d entries, and %d are left", n, len(ids), left)
		}
		behind := len(got) > 0
		if backward {
			got = append(ids, got...)
			args.Before, more = &p.Edges[0].Cursor, p.HasPrevious
		} else {
			got = append(got, ids...)
			args.After, more = &p.Edges[len(ids)-1].Cursor, p.HasNext
		}
		if says := !backward && p.HasPrevious || backward && p.HasNext; says != behind {
			t.Fatalf("after %d entries a page says that there are some behind it: %t", len(got)-len(ids), says)
		}
		if more != (len(got) < len(want)) {
			t.Fatalf("after %d of %d a page says more: %t", len(got), len(want), more)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("the list in pages (-want +got):\n%s", diff)
	}
}

// TestRowsThatComeBetweenPages: what was there from the first page on is read exactly once, whatever comes while reading.
func TestRowsThatComeBetweenPages(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, store.URL(t))
			add := func() (added []uuid.UUID) {
				t.Helper()
				err := d.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
					added = nil
					for _, amount := range []money.Amount{1, 2, 2, 3} {
						row, err := topUp(tx, amount).Save(ctx)
						if err != nil {
							return err
						}
						added = append(added, row.ID)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return added
			}
			there := append(add(), add()...)
			order := page.Order[*ent.Transfer]{
				Column: func(s *sql.Selector) string { return s.C(transfer.FieldAmount) },
				Key:    func(t *ent.Transfer) any { return int64(t.Amount) },
				ID:     func(t *ent.Transfer) uuid.UUID { return t.ID },
			}
			seen := map[uuid.UUID]int{}
			args := page.Args{First: new(2)}
			for more := true; more; {
				p, err := page.Read(args, order, func(apply func(*sql.Selector), limit int) ([]*ent.Transfer, error) {
					return d.Client().Transfer.Query().Where(apply).Limit(limit).All(t.Context())
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range p.Nodes() {
					seen[row.ID]++
				}
				args.After, more = &p.Edges[len(p.Edges)-1].Cursor, p.HasNext
				if len(seen) < 8 {
					add()
				}
			}
			for _, id := range there {
				if seen[id] != 1 {
					t.Errorf("a row was read %d times", seen[id])
				}
			}
			for id, times := range seen {
				if times != 1 {
					t.Errorf("%s was read %d times", id, times)
				}
			}
		})
	}
}

func FuzzCursor(f *testing.F) {
	for _, key := range []any{nil, int64(0), int64(-1), []byte(nil), []byte("b"), bytes.Repeat([]byte{0xff}, 300)} {
		f.Add(page.Cursor("numbers", key, uuid.New()))
	}
	f.Add("")
	f.Add("garbage")
	f.Fuzz(func(t *testing.T, text string) {
		if err := page.Reread(text, "numbers"); err != nil {
			t.Error(err)
		}
		// A text is either refused or read, and never a failure of the shop's own.
		_, err := page.Read(page.Args{After: &text}, numbers, func(func(*sql.Selector), int) ([]int64, error) { return nil, nil })
		if err != nil && !fault.Is(err, fault.InvalidInput) {
			t.Errorf("Read = %v", err)
		}
	})
}

// topUp is a transfer of so much, with an id at random, so that ids are in no order.
func topUp(tx *ent.Tx, amount money.Amount) *ent.TransferCreate {
	return tx.Transfer.Create().SetID(uuid.New()).SetKind(transfer.KindTOP_UP).SetCurrency("USD").
		SetAmount(amount).SetPaid(amount).SetPromotional(0).SetGift(0).SetRefund(0).
		SetDebitAccountID(uuid.New()).SetCreditAccountID(uuid.New()).SetCreditSeq(1).SetCreditBalance(amount).
		SetActor("till").SetCreatedAt(noon)
}
