package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"farthing/internal/actor"
	"farthing/internal/id"
)

// TestTabsFitTheSchema checks the examples as the door will: the document, the variables, and the caller's role.
func TestTabsFitTheSchema(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	name := func(kind id.Kind, _ string) string { return string(kind) + "_01h455vb4pex5vsknk084sn02q" }
	roles := map[string]actor.Role{}
	for _, c := range Callers() {
		roles[c.Subject] = c.Role
	}
	var titles []string
	for _, tab := range tabsOf(name, noon, noon) {
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
	if diff := cmp.Diff(titlesWanted(), titles); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
}

// titlesWanted are the examples in their order.
func titlesWanted() []string {
	return []string{
		"Browse", "Quote", "Buy", "Mine", "OnOffer", "ExplainedQuote", "TryThenBuy", "WatchSale",
		"WhatItEarns", "BuyWithPoints", "MyRewards", "Ranks", "Redeem", "RewardSettings", "WatchRewards",
		"CreateProduct", "PlanSale", "QuoteFor", "ConflictsAndAudit", "PreviewRule", "CreateRule", "Refund", "TopUp",
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
