package app_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"farthing/graph"
	"farthing/graph/generated"
	"farthing/internal/actor"
	"farthing/internal/id"
	"farthing/internal/identity"
)

// TestRoles calls every root field of the schema, and every field of viewer, as everybody there is, and has the schema's
// @role say who gets through. A mutation that is added later is in it by itself.
func TestRoles(t *testing.T) {
	t.Parallel()
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		before := o.rows(t)
		callers := map[string][]actor.Role{"": nil, "SERVICE store for ada": {actor.Service, actor.Shopper}}
		for _, role := range actor.Roles() {
			callers[string(role)+" ada"] = []actor.Role{role}
		}
		for as, roles := range callers {
			for _, root := range []*ast.Definition{schema.Query, schema.Mutation} {
				for _, field := range root.Fields {
					if strings.HasPrefix(field.Name, "__") {
						continue
					}
					query := "{ " + sample(schema, field) + " }"
					if root == schema.Mutation {
						query = "mutation " + query
					}
					want := verdict(roles, graph.RolesOf(field))
					if got := codeOf(t, o.ask(t, call{as: as, query: query})); got != want {
						t.Errorf("%s as %q: %q, want %q", query, as, got, want)
					}
				}
			}
			for _, field := range schema.Types["Shopper"].Fields {
				query := "{ viewer { " + sample(schema, field) + " } }"
				a := o.ask(t, call{as: as, query: query})
				if code := codeOf(t, a); code != "" {
					t.Errorf("%s as %q: %q", query, as, code)
				}
				seen := !strings.Contains(string(a.body), `"viewer":null`)
				if want := verdict(roles, graph.RolesOf(field)) == ""; seen != want {
					t.Errorf("%s as %q: seen %v, want %v\n%s", query, as, seen, want, a)
				}
			}
		}
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("asking changed something (-before +after):\n%s", diff)
		}
	})
}

// verdict is what a caller with some roles gets from a field: a code of refusal, or nothing.
func verdict(has, wanted []actor.Role) string {
	switch {
	case wanted == nil || (actor.Actor{Roles: has}).Has(wanted...):
		return ""
	case has == nil:
		return "UNAUTHENTICATED"
	default:
		return "FORBIDDEN"
	}
}

// codeOf is the code of the first error of an answer that says who may not; other errors are of no interest here.
func codeOf(t *testing.T, a answer) string {
	t.Helper()
	top, _ := a.decoded(t).(map[string]any)
	errors, _ := top["errors"].([]any)
	for _, one := range errors {
		e, _ := one.(map[string]any)
		extensions, _ := e["extensions"].(map[string]any)
		code, _ := extensions["code"].(string)
		switch code {
		case "UNAUTHENTICATED", "FORBIDDEN":
			return code
		case "INVALID_INPUT":
		default:
			t.Errorf("an error of another kind: %s", a)
		}
	}
	return ""
}

// sample is a selection of a field with all the arguments that it must have, and none that mean anything.
func sample(schema *ast.Schema, field *ast.FieldDefinition) string {
	var arguments []string
	for _, argument := range field.Arguments {
		if argument.Type.NonNull && argument.DefaultValue == nil {
			arguments = append(arguments, argument.Name+": "+sampleValue(schema, argument.Type))
		}
	}
	text := field.Name
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, ", ") + ")"
	}
	if schema.Types[field.Type.Name()].IsCompositeType() {
		text += " { __typename }"
	}
	return text
}

func sampleValue(schema *ast.Schema, of *ast.Type) string {
	if of.Elem != nil {
		return "[]"
	}
	switch definition := schema.Types[of.NamedType]; {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		var fields []string
		for _, field := range definition.Fields {
			if field.Type.NonNull && field.DefaultValue == nil {
				fields = append(fields, field.Name+": "+sampleValue(schema, field.Type))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case of.NamedType == "Int":
		return "1"
	case of.NamedType == "CurrencyCode":
		return `"USD"`
	default:
		return `"1"`
	}
}

// TestTokens has every caller refused who is not who they say.
func TestTokens(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		before := o.rows(t)
		shopper := identity.MintInput{Subject: "ada", Roles: []actor.Role{actor.Shopper}}
		with := func(change func(*identity.MintInput)) string {
			in := shopper
			change(&in)
			return "Bearer " + o.mint(t, in)
		}
		good := o.mint(t, shopper)
		head, rest, _ := strings.Cut(good, ".")
		claims, signature, _ := strings.Cut(rest, ".")
		other := s.open(t, opening{})

		for name, c := range map[string]struct {
			authorization, actFor string
			status                int
			code                  string
		}{
			"expired": {
				authorization: with(func(in *identity.MintInput) { in.Now = o.clock.read().Add(-2 * time.Hour) }),
				status:        http.StatusUnauthorized, code: "UNAUTHENTICATED",
			},
			"of tomorrow": {
				authorization: with(func(in *identity.MintInput) { in.Now = o.clock.read().Add(24 * time.Hour) }),
				status:        http.StatusUnauthorized, code: "UNAUTHENTICATED",
			},
			"for another audience": {
				authorization: with(func(in *identity.MintInput) { in.Audience = "elsewhere" }),
				status:        http.StatusUnauthorized, code: "UNAUTHENTICATED",
			},
			"of another key":    {authorization: "Bearer " + other.mint(t, shopper), status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"changed":           {authorization: "Bearer " + head + "." + claims + "AA." + signature, status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"without signature": {authorization: "Bearer " + head + "." + claims + ".", status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"of no algorithm": {
				authorization: "Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + claims + ".",
				status:        http.StatusUnauthorized, code: "UNAUTHENTICATED",
			},
			"nonsense":       {authorization: "Bearer xyz", status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"empty":          {authorization: "Bearer ", status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"a password":     {authorization: "Basic YWRhOmFkYQ==", status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"without Bearer": {authorization: good, status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"nobody for Ada": {actFor: "ada", status: http.StatusUnauthorized, code: "UNAUTHENTICATED"},
			"Ada for Ben":    {authorization: "Bearer " + good, actFor: "ben", status: http.StatusForbidden, code: "FORBIDDEN"},
			"an admin for Ada": {
				authorization: with(func(in *identity.MintInput) { in.Roles = []actor.Role{actor.Admin} }), actFor: "ada",
				status: http.StatusForbidden, code: "FORBIDDEN",
			},
			"a service for a subject that is none": {
				authorization: with(func(in *identity.MintInput) { in.Roles = []actor.Role{actor.Service} }), actFor: strings.Repeat("x", 256),
				status: http.StatusBadRequest, code: "INVALID_INPUT",
			},
		} {
			t.Run(name, func(t *testing.T) {
				header := http.Header{}
				if c.authorization != "" {
					header.Set("Authorization", c.authorization)
				}
				if c.actFor != "" {
					header.Set("Farthing-Shopper", c.actFor)
				}
				a := o.ask(t, call{query: buyHints, header: header})
				if a.status != c.status {
					t.Errorf("answered %d, want %d\n%s", a.status, c.status, a)
				}
				o.wants(t, a, `{"errors": [{"message": "$*", "extensions": {"code": "`+c.code+`"}}]}`)
				if got := strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer"); got != (c.status == http.StatusUnauthorized) {
					t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
				}
				if len(signature) > 0 && strings.Contains(o.log.String(), signature) {
					t.Error("the log holds the token's signature")
				}
			})
		}
		t.Run("missing", func(t *testing.T) {
			c := call{query: buyHints, header: http.Header{"Accept": {"application/graphql-response+json"}}}
			a := o.ask(t, c)
			if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("answered %d with WWW-Authenticate %q", a.status, a.header.Get("WWW-Authenticate"))
			}
			o.wants(t, a, topLevel("UNAUTHENTICATED", "checkout", ""))
		})
		t.Run("good", func(t *testing.T) {
			header := http.Header{"Authorization": {"bearer " + good}}
			o.wants(t, o.ask(t, call{query: `{ viewer { id } }`, header: header}), `{"data": {"viewer": {"id": "$ada"}}}`)
		})
		if diff := cmp.Diff(before, o.rows(t)); diff != "" {
			t.Errorf("the refused callers left a trace (-before +after):\n%s", diff)
		}
	})
}

// TestWhatIsNotYoursIsNotThere has what belongs to somebody else, or is not on sale, answer to the letter like what does
// not exist.
func TestWhatIsNotYoursIsNotThere(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.shopper(t, "ben", "USD 10")
		for _, step := range append(before(), beforeRefund()...) {
			o.play(t, step)
		}
		secret := map[string]id.Kind{
			"$ben": id.Shopper, "$ben-USD": id.Wallet, "$bens-purchase": id.Purchase, "$bens-atlas": id.Entitlement, "$bens-transfer": id.Transfer,
			"$draft": id.Product, "$archived": id.Product, "$future": id.Product, "$past": id.Product,
			"$bens-refund": id.Refund, "$bens-event": id.RewardEntry, "$usual": id.RewardRule,
		}
		for name, kind := range secret {
			unknown := id.Encode(kind, id.New())
			for _, as := range []string{"", "SHOPPER ada", "SERVICE store", "SERVICE store for ada", "SUPPORT sue"} {
				for _, query := range []string{
					`{ node(id: "%s") { id __typename } }`, `{ nodes(ids: ["$poems", "%s"]) { id } }`,
					`mutation { checkout(input: {idempotencyKey: "k", currency: "USD", items: [{id: "%s"}], expectedTotal: "1"}) { errors { code path } } }`,
				} {
					if kind == id.Product && strings.HasPrefix(query, "mutation") && name != "$draft" {
						continue // what was on sale, or will be, is not available rather than not there
					}
					if kind == id.Refund && as == "SUPPORT sue" {
						continue // whose work it is
					}
					theirs := o.ask(t, call{as: as, query: fmt.Sprintf(query, name)})
					nobodys := o.ask(t, call{as: as, query: fmt.Sprintf(query, unknown)})
					if string(theirs.body) != string(nobodys.body) || theirs.status != nobodys.status {
						t.Errorf("%s answers unlike what does not exist:\n%s\n%s", name, theirs, nobodys)
					}
				}
			}
		}
		for _, name := range []string{"$ada", "$ada-USD", "$adas-purchase", "$adas-atlas", "$adas-refund"} {
			for _, as := range []string{"SHOPPER ada", "SERVICE store for ada"} {
				o.wants(t, o.ask(t, call{as: as, query: `{ node(id: "` + name + `") { id } }`}), `{"data": {"node": {"id": "`+name+`"}}}`)
			}
		}
		o.seesDrafts(t)
	})
}

// beforeRefund is what has happened besides: a rule of rewards is set up, and Ada and Ben have given a purchase back, which is
// an event of their rewards.
func beforeRefund() []step {
	steps := []step{rule("usual", tenPerDollar)}
	for _, subject := range []string{"ada", "ben"} {
		steps = append(steps, buysHints(subject, "k1", 1), refunding("$"+subject+"-k1", subject, `{"refund": {"id": "$`+subject+`s-refund"}, "errors": []}`),
			by("SHOPPER "+subject, `{ viewer { rewards { activity(first: 1) { nodes { id kind } } } } }`, `{"data": {"viewer": {"rewards": {"activity": {"nodes": [{"id": "$`+subject+`s-event", "kind": "REFUND"}]}}}}}`))
	}
	return steps
}

// seesDrafts has merchandisers see what nobody else does.
func (o *shop) seesDrafts(t *testing.T) {
	t.Helper()
	const query = `{ draft: product(slug: "draft") { id } past: node(id: "$past") { id }
		all: products(first: 100) { totalCount } drafts: products(filter: {statuses: [DRAFT, ARCHIVED]}) { nodes { status } } }`
	const seen = `{"data": {"draft": {"id": "$draft"}, "past": {"id": "$past"}, "all": {"totalCount": 9},
		"drafts": {"nodes": [{"status": "ARCHIVED"}, {"status": "DRAFT"}]}}}`
	for _, as := range []string{"MERCHANDISER mia", "ADMIN root"} {
		o.wants(t, o.ask(t, call{as: as, query: query}), seen)
	}
	for _, as := range []string{"", "SHOPPER ada", "SUPPORT sue", "SERVICE store"} {
		a := o.ask(t, call{as: as, query: query})
		for _, status := range []string{"DRAFT", "ARCHIVED"} {
			if strings.Contains(string(a.body), status) {
				t.Errorf("%s is shown to %q: %s", status, as, a)
			}
		}
		var names []string
		for _, name := range []string{"$draft", "$past", "$future", "$archived"} {
			if strings.Contains(string(a.body), o.names[name]) {
				names = append(names, name)
			}
		}
		if slices.Sort(names); len(names) > 0 || !strings.Contains(string(a.body), `"totalCount":5`) {
			t.Errorf("%q sees %v: %s", as, names, a)
		}
	}
}
