package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/wallet"
)

// TestTabsFitTheSchema checks the examples as the door will: the document, the variables, and the caller's role.
func TestTabsFitTheSchema(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	name := func(prefix string) func(string) string {
		return func(string) string { return prefix + "_01h455vb4pex5vsknk084sn02q" }
	}
	roles := map[string]actor.Role{}
	for _, c := range Callers() {
		roles[c.Subject] = c.Role
	}
	var titles []string
	for _, tab := range Tabs(name("prd"), name("shp")) {
		document, faults := gqlparser.LoadQueryWithRules(schema, tab.Query, rules.NewDefaultRules())
		if faults != nil {
			t.Errorf("%v in\n%s", faults, tab.Query)
			continue
		}
		if len(document.Operations) != 1 || !strings.HasPrefix(tab.Query, "# ") {
			t.Errorf("want a comment and one operation:\n%s", tab.Query)
			continue
		}
		operation := document.Operations[0]
		titles = append(titles, operation.Name)
		var variables map[string]any
		if tab.Variables != "" {
			if err := json.Unmarshal([]byte(tab.Variables), &variables); err != nil {
				t.Errorf("%s: variables: %v", operation.Name, err)
			}
		}
		if _, err := validator.VariableValues(schema, operation, variables); err != nil {
			t.Errorf("%s: variables: %v", operation.Name, err)
		}
		role, known := roles[tab.Caller]
		if !known {
			t.Errorf("%s: nobody is %q", operation.Name, tab.Caller)
		}
		for _, selection := range operation.SelectionSet {
			if allowed := rolesOf(selection.(*ast.Field).Definition); allowed != nil && !slices.Contains(allowed, string(role)) {
				t.Errorf("%s: is for %v, and %s is %s", operation.Name, allowed, tab.Caller, role)
			}
		}
	}
	if diff := cmp.Diff([]string{"Browse", "Quote", "Buy", "Mine", "CreateProduct", "TopUp"}, titles); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
}

func readSchema(t *testing.T) *ast.Schema {
	t.Helper()
	files, err := filepath.Glob("../../graph/schema/*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are %d files of the schema: %v", len(files), err)
	}
	var sources []*ast.Source
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: file, Input: string(text)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// rolesOf are the roles that may reach a field; nil when everybody may.
func rolesOf(field *ast.FieldDefinition) []string {
	directive := field.Directives.ForName("role")
	if directive == nil {
		return nil
	}
	list := directive.Arguments.ForName("is").Value
	if len(list.Children) == 0 {
		return []string{list.Raw}
	}
	var roles []string
	for _, child := range list.Children {
		roles = append(roles, child.Value.Raw)
	}
	return roles
}

// TestTabsWorkOnASeededShop does what the examples ask for, with their own variables.
func TestTabsWorkOnASeededShop(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		shop := open(t, d, at(noon), allCurrencies)
		seed(t, shop)
		tabs := Tabs(
			func(slug string) string {
				p, err := catalog.BySlug(t.Context(), d.Client(), slug)
				if err != nil {
					t.Fatal(err)
				}
				return id.Encode(id.Product, p.ID)
			},
			func(subject string) string { return id.Encode(id.Shopper, shopperID(t, shop, subject)) },
		)
		first := actor.With(t.Context(), actor.Actor{
			Subject: tabs[2].Caller, Roles: []actor.Role{actor.Shopper}, ShopperID: shopperID(t, shop, tabs[2].Caller),
		})

		searches := []string{variables[browseVariables](t, tabs[0]).Search, "Hokusai", "holmes", "홍길동", "märchen"} // the latter are in the comment
		for _, search := range searches {
			n, err := shop.Catalog.Count(first, catalog.ListInput{Filter: catalog.Filter{Search: search, Currency: "USD"}})
			if err != nil || n == 0 {
				t.Errorf("searching for %q finds %d products: %v", search, n, err)
			}
			if search == searches[0] && n < 4 {
				t.Errorf("the first search finds %d products, want a few more", n)
			}
		}

		quote, err := shop.Till.Quote(first, variables[input](t, tabs[1]).Input.basket(t))
		if err != nil || len(quote.Refusals) > 0 || len(quote.Badges) == 0 || quote.Points == 0 {
			t.Fatalf("the quote is %+v: %v", quote, err)
		}
		buy := variables[input](t, tabs[2]).Input
		if quote.Total != money.Amount(buy.ExpectedTotal) {
			t.Errorf("the quote says %s and the checkout expects %s", quote.Total, money.Amount(buy.ExpectedTotal))
		}
		for _, replayed := range []bool{false, true} {
			bought, err := shop.Till.Checkout(first, checkout.Input{
				IdempotencyKey: buy.IdempotencyKey, Basket: buy.basket(t), ExpectedTotal: money.Amount(buy.ExpectedTotal),
			})
			if err != nil || bought.Replayed != replayed {
				t.Errorf("the checkout is %+v: %v", bought, err)
			}
		}

		for range 2 {
			if _, err := shop.Catalog.Create(first, variables[input](t, tabs[4]).Input.product()); err != nil {
				t.Errorf("creating the product: %v", err)
			}
		}

		topUp := variables[input](t, tabs[5]).Input
		if _, err := shop.Wallet.TopUp(t.Context(), wallet.TopUpInput{
			IdempotencyKey: topUp.IdempotencyKey, ShopperID: parse(t, id.Shopper, topUp.ShopperID),
			Currency: topUp.Currency, Amount: money.Amount(topUp.Amount), Reference: topUp.Reference,
		}); err != nil {
			t.Errorf("topping up: %v", err)
		}
		checkProof(t, d)
	})
}

type browseVariables struct{ Search string }

// input is the variables of the other examples, all in one.
type input struct {
	Input inputFields
}

type inputFields struct {
	IdempotencyKey string
	Currency       money.Code
	Items          []struct{ ID string }
	ExpectedTotal  amount

	Kind             product.Kind
	Status           product.Status
	Texts            []catalog.Text
	Categories, Tags []string
	Prices           []struct {
		Currency money.Code
		Amount   amount
	}

	ShopperID string
	Amount    amount
	Reference string
}

func (in inputFields) basket(t *testing.T) checkout.Basket {
	t.Helper()
	b := checkout.Basket{Currency: in.Currency}
	for _, item := range in.Items {
		b.Items = append(b.Items, checkout.Item{ID: parse(t, id.Product, item.ID), Quantity: 1})
	}
	return b
}

func (in inputFields) product() catalog.CreateInput {
	created := catalog.CreateInput{
		Kind: in.Kind, Status: in.Status, Texts: in.Texts, Categories: in.Categories, Tags: in.Tags, Units: 1,
	}
	for _, p := range in.Prices {
		created.Prices = append(created.Prices, catalog.Price{Currency: p.Currency, Amount: money.Amount(p.Amount)})
	}
	return created
}

func variables[T any](t *testing.T, tab Tab) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(tab.Variables), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func parse(t *testing.T, kind id.Kind, text string) uuid.UUID {
	t.Helper()
	parsed, err := id.Parse(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
