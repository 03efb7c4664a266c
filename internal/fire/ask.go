package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"farthing/internal/id"
	"farthing/internal/money"
)

// problem is what is asked for of every refusal.
const problem = `errors {
	code message
	... on InsufficientFundsError { balance { amount currency } required { amount } }
	... on PriceChangedError { quote { total { amount } } }
	... on RateLimitedError { retryAfterMs }
	... on OverloadedError { retryAfterMs }
}`

// documents are what is sent for each operation. What was asked for is always called "done".
var documents = map[operation]string{
	checkout: `mutation($input: CheckoutInput!) { done: checkout(input: $input) {
		purchase { id total { amount } pointsEarned { amount } } replayed wallet { balance { amount currency } } ` + problem + ` } }`,
	refund: `mutation($input: RefundPurchaseInput!) { done: refundPurchase(input: $input) {
		refund { id total { amount } pointsTaken { amount } pointsReturned { amount } } replayed ` + problem + ` } }`,
	topUp:  `mutation($input: TopUpWalletInput!) { done: topUpWallet(input: $input) { wallet { balance { amount currency } } replayed ` + problem + ` } }`,
	adjust: `mutation($input: AdjustWalletInput!) { done: adjustWallet(input: $input) { wallet { balance { amount currency } } replayed ` + problem + ` } }`,
}

const (
	whoAmI     = `{ done: viewer { id } }`
	balanceOf  = `query($currency: CurrencyCode!) { done: viewer { wallet(currency: $currency) { balance { amount currency } } } }`
	howMuchFor = `query($input: QuoteInput!) { done: quote(input: $input) { total { amount } errors { code } } }`
)

// sum is an amount of one currency, as the API writes it.
type sum struct {
	Amount   decimal
	Currency money.Code
}

// decimal is an amount in an answer.
type decimal money.Amount

// UnmarshalJSON reads a decimal string.
func (d *decimal) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	amount, err := money.ParseAmount(s)
	*d = decimal(amount)
	return err
}

// payload is what any of the documents gives.
type payload struct {
	Purchase *struct {
		ID           string
		Total        sum
		PointsEarned *sum
	}
	Refund *struct {
		ID                                 string
		Total, PointsTaken, PointsReturned sum
	}
	Wallet   *struct{ Balance sum }
	Replayed bool
	Errors   []refusal
	// ID is the viewer's, Total is a quote's.
	ID    string
	Total *sum
}

// refusal is one of the errors of a payload.
type refusal struct {
	Code, Message     string
	Balance, Required *sum
	Quote             *struct{ Total sum }
	RetryAfterMs      int
}

// again is why there is no final answer.
type again struct {
	why string
	// lost says that the attempt may have reached the shop and may still happen.
	lost bool
	// wait is how long the shop asks to wait, 0 when it does not say.
	wait time.Duration
}

// Error says why.
func (a *again) Error() string { return a.why }

// errUnforeseen is an answer that no client should ever get.
var errUnforeseen = errors.New("this answer was not foreseen")

// call is one request.
type call struct {
	token, document string
	variables       map[string]any
}

// attemptTimeout is how long a client waits for an answer before it asks again.
const attemptTimeout = 5 * time.Second

// send sends a request once, and gives the status and the body of the answer. An error is an *again.
func (c *Crowd) send(ctx context.Context, server string, q call) (status int, text []byte, err error) {
	body, err := json.Marshal(map[string]any{"query": q.document, "variables": q.variables})
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/graphql", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+q.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(r)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return 0, nil, &again{why: "NO_CONNECTION"}
		}
		return 0, nil, &again{why: "NO_ANSWER", lost: true}
	}
	defer func() { _ = response.Body.Close() }()
	if text, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, &again{why: "NO_ANSWER", lost: true}
	}
	return response.StatusCode, text, nil
}

// attempt sends a request once. An error is an *again, or tells what is wrong with the answer (errUnforeseen).
func (c *Crowd) attempt(ctx context.Context, server string, q call) (*payload, error) {
	status, text, err := c.send(ctx, server, q)
	if err != nil {
		return nil, err
	}
	return read(status, text)
}

// read reads an answer.
func read(status int, text []byte) (*payload, error) {
	var answer struct {
		Data   struct{ Done *payload }
		Errors []struct {
			Message    string
			Extensions struct {
				Code         string
				RetryAfterMs int
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		if status >= http.StatusInternalServerError {
			return nil, &again{why: "NO_ANSWER", lost: true}
		}
		return nil, fmt.Errorf("%w: %d %s", errUnforeseen, status, text)
	}
	if got := answer.Data.Done; got != nil && (got.Purchase != nil || got.Refund != nil) {
		return got, nil // what has happened is said, whatever went wrong with the rest of the answer
	}
	if len(answer.Errors) > 0 {
		e := answer.Errors[0]
		wait := time.Duration(e.Extensions.RetryAfterMs) * time.Millisecond
		switch e.Extensions.Code {
		case internal:
			return nil, &again{why: internal, lost: true, wait: wait}
		case overloaded, rateLimited:
			return nil, &again{why: e.Extensions.Code, wait: wait}
		}
	}
	if answer.Data.Done == nil || len(answer.Errors) > 0 {
		return nil, fmt.Errorf("%w: %d %s", errUnforeseen, status, text)
	}
	for _, e := range answer.Data.Done.Errors {
		if e.Code == overloaded || e.Code == rateLimited {
			return nil, &again{why: e.Code, wait: time.Duration(e.RetryAfterMs) * time.Millisecond}
		}
	}
	return answer.Data.Done, nil
}

// How long a client waits before it asks again, when the shop does not say or says more.
const (
	shortestWait = 20 * time.Millisecond
	longestWait  = 2 * time.Second
)

// insist sends a request, each time to any server, until there is a final answer or ctx ends. tell is told why it is repeated.
func (c *Crowd) insist(ctx context.Context, pick picker, q call, tell func(*again)) (got *payload, sent, at time.Duration, err error) {
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		sent = c.history.now()
		got, err = c.attempt(ctx, pick(), q)
		at = c.history.now()
		var more *again
		if !errors.As(err, &more) {
			return got, sent, at, err
		}
		tell(more)
		timer := time.NewTimer(min(max(wait, more.wait), longestWait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, sent, at, more
		case <-timer.C:
		}
	}
}

// picker chooses the server to ask.
type picker func() string

// do sends an action until its outcome is known or ctx ends, and takes down what was seen of it. It gives the last answer; nil
// when there is none.
func (c *Crowd) do(ctx context.Context, pick picker, token string, a *action) *answer {
	q := call{token, documents[a.operation], map[string]any{"input": a.variables}}
	got, sent, at, err := c.insist(ctx, pick, q, func(why *again) { c.history.again(a, why.why, why.lost) })
	var more *again
	switch {
	case errors.As(err, &more):
		return nil
	case err != nil:
		c.history.violate(answerCheck, "%s: %v", a, err)
		return nil
	}
	final := answer{sent: sent, got: at, replayed: got.Replayed}
	switch {
	case got.Purchase != nil:
		final.result, err = id.Parse(id.Purchase, got.Purchase.ID)
		final.total = money.Amount(got.Purchase.Total.Amount)
		if got.Purchase.PointsEarned != nil {
			final.earned = money.Amount(got.Purchase.PointsEarned.Amount)
		}
	case got.Refund != nil:
		final.result, err = id.Parse(id.Refund, got.Refund.ID)
		final.total = money.Amount(got.Refund.Total.Amount)
		final.taken, final.returned = money.Amount(got.Refund.PointsTaken.Amount), money.Amount(got.Refund.PointsReturned.Amount)
	case len(got.Errors) > 0:
		c.refused(a, &final, got.Errors[0])
	case got.Wallet == nil || a.operation == checkout || a.operation == refund:
		c.history.violate(answerCheck, "%s is neither done nor refused", a)
		return nil
	}
	if err != nil {
		c.history.violate(answerCheck, "%s: %v", a, err)
	}
	if got.Wallet != nil {
		final.balance, final.currency = money.Amount(got.Wallet.Balance.Amount), got.Wallet.Balance.Currency
	}
	c.history.end(a, final)
	if final.code == "" && !final.replayed && a.operation == checkout {
		c.sold(sent)
	}
	return &final
}

// expected are the refusals that a client may get who does nothing wrong.
var expected = map[string]bool{
	"INSUFFICIENT_FUNDS": true, "PRICE_CHANGED": true, "ALREADY_OWNED": true, "SOLD_OUT": true, "LIMIT_REACHED": true,
	"TRIAL_USED": true, "COUPON_NOT_VALID": true, "ALREADY_REFUNDED": true, "NOT_REFUNDABLE": true,
}

// refused takes down a refusal. One for want of money shows what is there, which is less than what was wanted.
func (c *Crowd) refused(a *action, final *answer, e refusal) {
	final.code = e.Code
	if !expected[e.Code] {
		c.history.violate(answerCheck, "%s is refused as %s: %s", a, e.Code, e.Message)
	}
	if e.Code != "INSUFFICIENT_FUNDS" || e.Balance == nil || e.Required == nil {
		return
	}
	final.balance, final.currency = money.Amount(e.Balance.Amount), e.Balance.Currency
	if e.Required.Amount <= e.Balance.Amount {
		c.history.violate(answerCheck, "%s is refused for want of %d with %d in the wallet", a, e.Required.Amount, e.Balance.Amount)
	}
}

// look looks at a wallet once it can be seen.
func (c *Crowd) look(ctx context.Context, s *shopper, currency money.Code) {
	q := call{s.token, balanceOf, map[string]any{"currency": currency}}
	seen, sent, at, err := c.insist(ctx, c.any, q, c.retried)
	if err != nil {
		c.unforeseen(err)
		return
	}
	l := look{purse: purse{s.id, currency}, sent: sent, got: at}
	if seen.Wallet != nil {
		l.balance = money.Amount(seen.Wallet.Balance.Amount)
	}
	c.history.look(l)
}

// retried counts why a question was asked again. Questions leave nothing behind, whatever becomes of them.
func (c *Crowd) retried(why *again) { c.history.retried(why.why) }

// unforeseen takes down an answer to a question that no client should get.
func (c *Crowd) unforeseen(err error) {
	if errors.Is(err, errUnforeseen) {
		c.history.violate(answerCheck, "%v", err)
	}
}

// meet is a shopper's first visit.
func (c *Crowd) meet(ctx context.Context, subject string) (*shopper, error) {
	s := &shopper{subject: subject, token: c.target.Token(subject, "SHOPPER")}
	got, _, _, err := c.insist(ctx, c.any, call{token: s.token, document: whoAmI}, c.retried)
	if err != nil {
		c.unforeseen(err)
		return nil, err
	}
	s.name = got.ID
	s.id, err = id.Parse(id.Shopper, got.ID)
	return s, err
}
