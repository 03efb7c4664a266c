package graph_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph"
	"farthing/graph/generated"
	"farthing/internal/actor"
)

// schemaOf is the schema as it is served.
func schemaOf() *ast.Schema { return generated.NewExecutableSchema(generated.Config{}).Schema() }

// ours are the types of our own, in the order of their names: all but GraphQL's.
func ours(schema *ast.Schema) []*ast.Definition {
	var list []*ast.Definition
	for name, definition := range schema.Types {
		if !definition.BuiltIn && !strings.HasPrefix(name, "__") {
			list = append(list, definition)
		}
	}
	slices.SortFunc(list, func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// TestAccessIsDeclared fails when a mutation, or a field of viewer, does not say who may reach it.
func TestAccessIsDeclared(t *testing.T) {
	t.Parallel()
	schema := schemaOf()
	viewer := schema.Types[schema.Query.Fields.ForName("viewer").Type.Name()]
	for _, definition := range []*ast.Definition{schema.Mutation, viewer} {
		if len(definition.Fields) == 0 {
			t.Errorf("%s has no field", definition.Name)
		}
		for _, field := range definition.Fields {
			roles := graph.RolesOf(field)
			if len(roles) == 0 {
				t.Errorf("%s.%s declares no @role: who may reach it?", definition.Name, field.Name)
			}
			for _, role := range roles {
				if !slices.Contains(actor.Roles(), role) {
					t.Errorf("%s.%s is for the role %q, which nobody has", definition.Name, field.Name, role)
				}
			}
			if definition == viewer && !slices.Contains(roles, actor.Shopper) {
				t.Errorf("%s.%s is not for the shopper whose it is", definition.Name, field.Name)
			}
		}
	}
}

// TestNoAccessByTheWay fails when a shopper, and what is theirs, can be reached by another way than viewer and node,
// which show nobody but the caller.
func TestNoAccessByTheWay(t *testing.T) {
	t.Parallel()
	schema := schemaOf()
	for _, definition := range ours(schema) {
		for _, field := range definition.Fields {
			if field.Type.Name() == "Shopper" && (definition != schema.Query || field.Name != "viewer") {
				t.Errorf("%s.%s leads to a shopper", definition.Name, field.Name)
			}
		}
	}
	for _, field := range schema.Query.Fields {
		if slices.Contains([]string{"Wallet", "Purchase", "Refund", "Entitlement", "Transfer", "Rewards", "PurchaseRewards", "RewardEvent"}, field.Type.Name()) {
			t.Errorf("Query.%s leads to what is somebody's", field.Name)
		}
	}
}

// TestRolesAgree has the schema know the same roles as the code.
func TestRolesAgree(t *testing.T) {
	t.Parallel()
	var got, want []string
	for _, value := range schemaOf().Types["Role"].EnumValues {
		got = append(got, value.Name)
	}
	for _, role := range actor.Roles() {
		want = append(want, string(role))
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("the schema has the roles %v, the code %v", got, want)
	}
}

// TestEverythingIsDescribed fails when something in the schema has no description, or one that is no sentence. A field
// may leave it to that of the interface that it implements.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	schema := schemaOf()
	check := func(what, description string) {
		switch {
		case description == "":
			t.Errorf("%s has no description", what)
		case !strings.HasSuffix(description, ".") && !strings.HasSuffix(description, ")"):
			t.Errorf("the description of %s does not end like a sentence: %q", what, description)
		}
	}
	for _, definition := range ours(schema) {
		if definition != schema.Query && definition != schema.Mutation && definition != schema.Subscription {
			check(definition.Name, definition.Description)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			name := definition.Name + "." + field.Name
			parent := inherited(schema, definition, field.Name)
			if field.Description != "" || parent == nil {
				check(name, field.Description)
			}
			for _, argument := range field.Arguments {
				if argument.Description != "" || parent == nil || parent.Arguments.ForName(argument.Name) == nil {
					check(name+"("+argument.Name+":)", argument.Description)
				}
			}
		}
		for _, value := range definition.EnumValues {
			check(definition.Name+"."+value.Name, value.Description)
		}
	}
	for name, directive := range schema.Directives {
		if directive.Position.Src.BuiltIn {
			continue
		}
		check("@"+name, directive.Description)
		for _, argument := range directive.Arguments {
			check("@"+name+"("+argument.Name+":)", argument.Description)
		}
	}
}

// inherited is the field of an interface that a field implements, or nil.
func inherited(schema *ast.Schema, definition *ast.Definition, name string) *ast.FieldDefinition {
	for _, parent := range definition.Interfaces {
		if field := schema.Types[parent].Fields.ForName(name); field != nil {
			return field
		}
	}
	return nil
}
