package graph

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"farthing/ent"
	"farthing/graph/model"
	"farthing/internal/catalog"
	"farthing/internal/checkout"
	"farthing/internal/fault"
	"farthing/internal/guard"
	"farthing/internal/wallet"
)

// refusals turns an error of a verb into what the payload shows. An error that is not a refusal is a bug or an outage, and
// comes back as it is.
func (r *Resolver) refusals(err error) ([]model.UserError, error) {
	list := []model.UserError{}
	if err == nil {
		return list, nil
	}
	faults := fault.From(err)
	if len(faults) == 0 {
		return list, err
	}
	for _, f := range faults {
		list = append(list, r.refusal(f))
	}
	return list, nil
}

// refusal is one fault as the schema has it: the one place where they are translated.
func (r *Resolver) refusal(f *fault.Fault) model.UserError {
	switch data := f.Data.(type) {
	case wallet.Shortage:
		currency := r.Currencies.Of(data.Currency)
		return model.InsufficientFundsError{
			Refusal:   model.NewRefusal(f),
			Balance:   model.NewMoney(currency, data.Balance),
			Required:  model.NewMoney(currency, data.Required),
			Shortfall: model.NewMoney(currency, data.Shortfall),
		}
	case *checkout.Quote:
		return model.PriceChangedError{Refusal: model.NewRefusal(f), Quote: r.quote(data)}
	case checkout.SoldOut:
		return model.SoldOutError{
			Refusal: model.NewRefusal(f), Remaining: data.Remaining, FlashSale: r.sale(data.Sale), Quote: r.quote(data.Quote),
		}
	case checkout.LimitReached:
		return model.LimitReachedError{
			Refusal: model.NewRefusal(f), Limit: data.Limit, Used: data.Used, ResetsAt: data.ResetsAt, Quote: r.quote(data.Quote),
		}
	case checkout.Owned:
		return model.AlreadyOwnedError{
			Refusal: model.NewRefusal(f), Product: r.shown(data.Product), Bundle: r.bundle(data.Bundle),
			Entitlement: model.NewEntitlement(data.Entitlement, r.Clock()),
		}
	case checkout.Unavailable:
		return model.NotAvailableError{
			Refusal: model.NewRefusal(f), Product: r.shown(data.Product), Bundle: r.bundle(data.Bundle), TrialOffer: r.trial(data.Trial),
		}
	case *ent.Refund:
		return model.AlreadyRefundedError{Refusal: model.NewRefusal(f), Refund: *r.refund(data)}
	case checkout.TrialUsed:
		return model.TrialUsedError{Refusal: model.NewRefusal(f), TrialOffer: r.trial(data.Offer)}
	case catalog.Current:
		return model.ConflictError{Refusal: model.NewRefusal(f), CurrentVersion: &data.Version}
	case checkout.Overload:
		return model.OverloadedError{Refusal: model.NewRefusal(f), RetryAfterMs: guard.RoundUpMillis(data.RetryAfter)}
	case guard.Decision:
		return model.RateLimitedError{
			Refusal: model.NewRefusal(f), RetryAfterMs: guard.RoundUpMillis(data.RetryAfter), Limit: model.NewRateLimit(data),
		}
	}
	switch f.Code {
	case fault.InvalidInput:
		return model.InvalidInputError{Refusal: model.NewRefusal(f)}
	case fault.Conflict:
		return model.ConflictError{Refusal: model.NewRefusal(f)}
	case fault.NotAvailable:
		return model.NotAvailableError{Refusal: model.NewRefusal(f)}
	case fault.CouponNotValid:
		return model.CouponNotValidError{Refusal: model.NewRefusal(f)}
	case fault.IdempotencyKeyReused:
		return model.IdempotencyKeyReusedError{Refusal: model.NewRefusal(f)}
	default:
		return model.GeneralError{Refusal: model.NewRefusal(f)}
	}
}

// Presenter writes a top-level error. A refusal is shown with its code and path. What comes without a code is from the
// inside: it is logged, and shown as INTERNAL with the request's id.
func Presenter(logger *slog.Logger, requestID func(context.Context) string) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown := &gqlerror.Error{Path: graphql.GetPath(ctx)}
		var known *gqlerror.Error
		if errors.As(err, &known) {
			shown.Path, shown.Locations = known.Path, known.Locations
			if code, ok := known.Extensions["code"].(string); ok && code != "" {
				shown.Message, shown.Extensions = known.Message, map[string]any{"code": code}
				return shown
			}
		}
		if faults := fault.From(err); len(faults) > 0 {
			shown.Message = faults[0].Message
			shown.Extensions = map[string]any{"code": string(faults[0].Code)}
			if len(faults[0].Path) > 0 {
				shown.Extensions["field"] = faults[0].Path
			}
			return shown
		}
		if known != nil && known.Unwrap() == nil && len(known.Locations) > 0 {
			// gqlgen's own words about a variable or an argument that does not fit the schema.
			shown.Message, shown.Extensions = known.Message, map[string]any{"code": errcode.ValidationFailed}
			return shown
		}
		id := requestID(ctx)
		if errors.Is(err, context.Canceled) {
			logger.InfoContext(ctx, "request: caller went away", "request", id)
		} else {
			logger.ErrorContext(ctx, "request: unexpected error", "request", id, "path", shown.Path.String(), "error", err)
		}
		shown.Message = "Something went wrong on our side. Quote the request id: " + id + "."
		shown.Extensions = map[string]any{"code": string(fault.Internal), "requestId": id}
		return shown
	}
}

// Recover turns a panic into an error that says nothing to the client; the stack goes to the log.
func Recover(logger *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, panicked any) error {
		logger.ErrorContext(ctx, "request: panic", "panic", panicked, "stack", string(debug.Stack()))
		return errors.New("a resolver panicked")
	}
}
