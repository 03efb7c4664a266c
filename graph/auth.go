package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/internal/actor"
	"farthing/internal/fault"
)

// roleDirective is the name of the directive that says who may reach a field.
const roleDirective = "role"

// Role guards a field that declares @role. The root fields of an operation have been checked before it began (Gate);
// this stands in front of all others, and behind those.
func Role(ctx context.Context, _ any, next graphql.Resolver, is []actor.Role) (any, error) {
	if refusal := allowed(actor.From(ctx), is); refusal != nil {
		return nil, refusal
	}
	return next(ctx)
}

func allowed(a actor.Actor, is []actor.Role) *fault.Fault {
	switch {
	case a.Has(is...):
		return nil
	case a.Anonymous():
		return fault.New(fault.Unauthenticated, "Sign in first: this needs a token with one of the roles %v.", is)
	default:
		return fault.New(fault.Forbidden, "This needs one of the roles %v.", is)
	}
}

// Gate refuses an operation as a whole when one of its root fields is not for the caller. Otherwise a document with a
// checkout and something forbidden would buy, and then answer with nothing but the error of the other.
type Gate struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = Gate{}

// ExtensionName names the extension.
func (Gate) ExtensionName() string { return "Gate" }

// Validate has nothing to check.
func (Gate) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses the operation or lets it pass as it is.
func (Gate) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	caller := actor.From(ctx)
	for _, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, nil) {
		if refusal := allowedAt(caller, field.Definition); refusal != nil {
			return &gqlerror.Error{
				Message:    refusal.Message,
				Path:       ast.Path{ast.PathName(field.Alias)},
				Extensions: map[string]any{"code": string(refusal.Code)},
			}
		}
	}
	return nil
}

// allowedAt asks the @role of a field's definition.
func allowedAt(caller actor.Actor, field *ast.FieldDefinition) *fault.Fault {
	if field == nil {
		return nil
	}
	roles := RolesOf(field)
	if roles == nil {
		return nil
	}
	return allowed(caller, roles)
}

// RolesOf are the roles that may reach a field: nil when it is open to everybody.
func RolesOf(field *ast.FieldDefinition) []actor.Role {
	directive := field.Directives.ForName(roleDirective)
	if directive == nil {
		return nil
	}
	is := directive.Arguments.ForName("is").Value
	if is.Kind != ast.ListValue {
		return []actor.Role{actor.Role(is.Raw)}
	}
	roles := make([]actor.Role, len(is.Children))
	for i, child := range is.Children {
		roles[i] = actor.Role(child.Value.Raw)
	}
	return slices.Clip(roles)
}
