package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/graph"
	"farthing/graph/generated"
	"farthing/graph/model"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// door is the mutations of products and wallets, on a database.
func door(t *testing.T, d *db.DB) generated.MutationResolver {
	t.Helper()
	currencies, err := money.ParseCurrencies("USD,EUR,KRW")
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC) }
	r := &graph.Resolver{
		DB: d, Currencies: currencies, Clock: clock,
		Catalog: catalog.New(d, currencies, clock), Wallets: wallet.New(d, currencies, clock),
	}
	return r.Mutation()
}

// decimal is a number as a client writes it.
func decimal(t *testing.T, text string) model.Decimal {
	t.Helper()
	var d model.Decimal
	if err := d.UnmarshalGQL(text); err != nil {
		t.Fatal(err)
	}
	return d
}

func wantErrors(t *testing.T, got []model.UserError, want ...string) {
	t.Helper()
	paths := make([]string, len(got))
	for i, e := range got {
		var refusal model.Refusal
		switch e := e.(type) {
		case model.InvalidInputError:
			refusal = e.Refusal
		case model.GeneralError:
			refusal = e.Refusal
		default:
			t.Fatalf("an unexpected kind of refusal: %T", e)
		}
		paths[i] = strings.TrimSpace(fmt.Sprintf("%s %s", refusal.Code, strings.Join(refusal.Path, ".")))
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestAllThatIsWrongIsToldAtOnce sends inputs of which parts cannot be read, and others are wrong: all are told, each field
// once.
func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mutation := door(t, d)
		null := graphql.OmittableOf[*string](nil)

		created, err := mutation.CreateProduct(t.Context(), model.CreateProductInput{
			Kind: model.ProductKindDurable, Status: model.ProductStatusActive, Units: 1,
			Texts:  []model.ProductTextInput{{Language: "en"}},
			Prices: []model.PriceInput{{Currency: "USD", Amount: decimal(t, "a lot")}, {Currency: "XYZ", Amount: decimal(t, "1")}},
		})
		if err != nil || created.Product != nil {
			t.Fatal(created, err)
		}
		wantErrors(t, created.Errors, "INVALID_INPUT prices.0.amount", "INVALID_INPUT texts.0.name", "INVALID_INPUT prices.1.currency")

		updated, err := mutation.UpdateProduct(t.Context(), model.UpdateProductInput{
			ID: "prd_nothing", ExpectedVersion: graphql.OmittableOf(new(1)),
			Slug: null, Units: graphql.OmittableOf[*int](nil), Texts: graphql.OmittableOf[[]model.ProductTextInput](nil),
			Status: graphql.OmittableOf[*model.ProductStatus](nil), Creator: graphql.OmittableOf(new("a\nb")),
		})
		if err != nil || updated.Product != nil {
			t.Fatal(updated, err)
		}
		wantErrors(t, updated.Errors,
			"INVALID_INPUT id", "INVALID_INPUT status", "INVALID_INPUT texts", "INVALID_INPUT slug", "INVALID_INPUT units",
			"INVALID_INPUT creator")

		updated, err = mutation.UpdateProduct(t.Context(), model.UpdateProductInput{
			ID: id.Encode(id.Product, uuid.New()), Slug: null, Creator: graphql.OmittableOf(new("a\nb")),
		})
		if err != nil || updated.Product != nil {
			t.Fatal(updated, err)
		}
		wantErrors(t, updated.Errors, "INVALID_INPUT slug", "NOT_FOUND", "INVALID_INPUT creator")

		archived, err := mutation.ArchiveProduct(t.Context(), model.ArchiveProductInput{ID: id.Encode(id.Shopper, uuid.New())})
		if err != nil || archived.Product != nil {
			t.Fatal(archived, err)
		}
		wantErrors(t, archived.Errors, "INVALID_INPUT id")

		topUp, err := mutation.TopUpWallet(t.Context(), model.TopUpWalletInput{
			ShopperID: "nobody", Currency: "XYZ", Amount: decimal(t, "1e9"), Reference: graphql.OmittableOf(new("a\x00b")),
		})
		if err != nil || topUp.Wallet != nil {
			t.Fatal(topUp, err)
		}
		wantErrors(t, topUp.Errors,
			"INVALID_INPUT shopperId", "INVALID_INPUT amount", "INVALID_INPUT reference", "INVALID_INPUT idempotencyKey",
			"INVALID_INPUT currency")

		topUp, err = mutation.TopUpWallet(t.Context(), model.TopUpWalletInput{
			IdempotencyKey: "k", ShopperID: "nobody", Currency: "USD", Amount: decimal(t, "1"),
		})
		if err != nil || topUp.Wallet != nil {
			t.Fatal(topUp, err)
		}
		wantErrors(t, topUp.Errors, "INVALID_INPUT shopperId")

		adjusted, err := mutation.AdjustWallet(t.Context(), model.AdjustWalletInput{
			IdempotencyKey: "k", ShopperID: "nobody", Currency: "USD", Amount: decimal(t, ""), Origin: model.ValueOriginPromotional,
			Corrects: graphql.OmittableOf(new("no transfer")),
		})
		if err != nil || adjusted.Wallet != nil {
			t.Fatal(adjusted, err)
		}
		wantErrors(t, adjusted.Errors,
			"INVALID_INPUT shopperId", "INVALID_INPUT corrects", "INVALID_INPUT amount", "INVALID_INPUT reason")
	})
}
