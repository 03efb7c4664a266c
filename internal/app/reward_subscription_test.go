package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// watchRewards selects what is told of a shopper's rewards.
const watchRewards = `subscription { rewardActivity { seq kind purchaseId perk { code } pointsGained { amount } pointsTaken { amount } pointsBalance { amount } why { code points { amount } } badges { code } days createdAt } }`

// stream is one end of rewardActivity, by whichever transport: it gives the data of the next message.
type stream func(t *testing.T) []byte

// activityBySocket watches a shopper's rewards by a WebSocket, and activityByEvents by an event stream.
func (o *shop) activityBySocket(t *testing.T, server, as string) stream {
	t.Helper()
	c := o.connect(t, server, as)
	c.starts(t, "1", watchRewards)
	return func(t *testing.T) []byte {
		t.Helper()
		text, err := c.next(t)
		if err != nil {
			t.Fatal(err)
		}
		var message struct {
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(text, &message); err != nil || message.Type != "next" {
			t.Fatalf("got %s", text)
		}
		return message.Payload
	}
}

func (o *shop) activityByEvents(t *testing.T, server, as string) stream {
	t.Helper()
	e := o.listen(t, call{as: as, query: watchRewards, server: server})
	return func(t *testing.T) []byte {
		t.Helper()
		name, data := e.next(t)
		if name != "next" {
			t.Fatalf("got %s %s", name, data)
		}
		return []byte(data)
	}
}

// seq is the number of the event that comes next on a stream.
func (s stream) seq(t *testing.T) int {
	t.Helper()
	text := s(t)
	var message struct {
		Data struct{ RewardActivity *struct{ Seq int } }
	}
	if err := json.Unmarshal(text, &message); err != nil || message.Data.RewardActivity == nil {
		t.Fatalf("%v in %s", err, text)
	}
	return message.Data.RewardActivity.Seq
}

// begun waits until all streams of a shopper are watching, and have told all that there is. When somebody has begun to watch
// is not to be seen from outside; so the shopper goes on buying until everybody has heard of something. From there on each
// stream tells every event once, in order.
func (o *shop) begun(t *testing.T, as string, streams ...stream) {
	t.Helper()
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var buying sync.WaitGroup
	buying.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := o.buy(t, o.url, "SHOPPER "+as, fmt.Sprintf("begin-%s-%d", as, i)); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	heard := make([]int, len(streams))
	for i, s := range streams {
		heard[i] = s.seq(t)
	}
	enough()
	buying.Wait()
	var body struct {
		Data struct {
			Viewer struct {
				Rewards struct{ Activity struct{ TotalCount int } }
			}
		}
	}
	a := o.ask(t, call{as: "SHOPPER " + as, query: `{ viewer { rewards { activity { totalCount } } } }`})
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatal(err)
	}
	last := body.Data.Viewer.Rewards.Activity.TotalCount
	for i, s := range streams {
		for want := heard[i] + 1; want <= last; want++ {
			if got := s.seq(t); got != want {
				t.Fatalf("stream %d tells event %d, want %d", i, got, want)
			}
		}
	}
}

// TestRewardActivity watches a shopper's rewards on two instances and by both transports: each tells what happens on either,
// every event once and in order, and nothing of others.
func TestRewardActivity(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 1000")
		o.shopper(t, "ben", "USD 1000")
		second := o.another(t, s)
		for _, step := range append(redemptionRules(), rule("double", `startsAt: "2026-12-25T00:00:00Z", points: {extraPercent: "100"}`)) {
			o.play(t, step)
		}
		adas := []stream{
			o.activityBySocket(t, o.url, "SHOPPER ada"), o.activityByEvents(t, o.url, "SHOPPER ada"),
			o.activityBySocket(t, second, "SERVICE web for ada"), o.activityByEvents(t, second, "SHOPPER ada"),
		}
		bens := []stream{o.activityBySocket(t, o.url, "SHOPPER ben"), o.activityByEvents(t, second, "SHOPPER ben")}
		o.begun(t, "ada", adas...)
		o.begun(t, "ben", bens...)

		see := func(streams []stream, want string) {
			t.Helper()
			for i, s := range streams {
				a := answer{call: call{query: fmt.Sprintf("stream %d", i)}, body: s(t)}
				o.wants(t, a, `{"data": {"rewardActivity": `+merged(`{"seq": "$*", "pointsBalance": "$*", "perk": null, "badges": [], "days": 1, "createdAt": "2026-12-24T18:00:00Z"}`, want)+`}}`)
			}
		}
		ask := func(server, as, query, want string) {
			t.Helper()
			o.wants(t, o.ask(t, call{as: as, server: server, query: query}), want)
		}
		buy := func(server, as, key string) {
			t.Helper()
			ask(server, as, buying(key, `{id: "$hints", quantity: 5}`, "1.00")+`}) { purchase { id } errors { code } } }`, `{"data": {"checkout": {"purchase": {"id": "$`+key+`"}, "errors": []}}}`)
		}
		bought := func(key string) string {
			return `{"kind": "PURCHASE", "purchaseId": "$` + key + `", "pointsGained": {"amount": "100"}, "pointsTaken": {"amount": "0"}, "why": [{"code": "usual", "points": {"amount": "100"}}]}`
		}
		buy(o.url, "SHOPPER ada", "first")
		see(adas, bought("first"))
		buy(second, "SHOPPER ada", "second")
		buy(o.url, "SHOPPER ben", "bens")
		buy(second, "SHOPPER ada", "third")
		see(adas, bought("second"))
		see(adas, bought("third"))
		see(bens, bought("bens"))
		ask(o.url, "SHOPPER ada", `mutation { redeemPerk(input: {idempotencyKey: "p1", perkId: "$freeze"}) { errors { code } } }`, `{"data": {"redeemPerk": {"errors": []}}}`)
		see(adas, `{"kind": "PERK", "purchaseId": null, "perk": {"code": "freeze"}, "pointsGained": {"amount": "0"}, "pointsTaken": {"amount": "100"}, "why": []}`)
		ask(second, "SUPPORT sue", `mutation { refundPurchase(input: {idempotencyKey: "r1", purchaseId: "$third", reason: "x"}) { errors { code } } }`, `{"data": {"refundPurchase": {"errors": []}}}`)
		see(adas, `{"kind": "REFUND", "purchaseId": "$third", "pointsGained": {"amount": "0"}, "pointsTaken": {"amount": "100"}, "why": []}`)
		// A repeat is no event, and neither is a refusal.
		buy(o.url, "SHOPPER ada", "first")
		ask(o.url, "SHOPPER ada", buying("dear", `{id: "$hints"}`, "9.99")+`}) { errors { code } } }`, `{"data": {"checkout": {"errors": [{"code": "PRICE_CHANGED"}]}}}`)

		// While Ada has turned rewards off nothing is told, nor later what was made meanwhile. An instance looks at all whom it
		// watches at once: when it has told of Ben, it knows that of Ada.
		ask(second, "SHOPPER ada", `mutation { updateRewardSettings(input: {enabled: false}) { errors { code } } }`, `{"data": {"updateRewardSettings": {"errors": []}}}`)
		buy(o.url, "SHOPPER ben", "looks")
		see(bens, bought("looks"))
		buy(o.url, "SHOPPER ada", "quiet")
		buy(second, "SHOPPER ada", "quieter")
		buy(second, "SHOPPER ben", "looks-again")
		see(bens, bought("looks-again"))
		ask(o.url, "SHOPPER ada", `mutation { updateRewardSettings(input: {enabled: true}) { errors { code } } }`, `{"data": {"updateRewardSettings": {"errors": []}}}`)
		buy(o.url, "SHOPPER ben", "looks-once-more")
		see(bens, bought("looks-once-more"))
		buy(second, "SHOPPER ada", "loud")
		see(adas, bought("loud"))
		o.verify(t)
	})
}

// TestRewardActivityIsForShoppers has everybody else refused.
func TestRewardActivityIsForShoppers(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		for as, code := range map[string]string{"": "UNAUTHENTICATED", "MERCHANDISER mia": "FORBIDDEN", "SUPPORT sue": "FORBIDDEN", "SERVICE web": "FORBIDDEN"} {
			c := o.connect(t, o.url, as)
			c.starts(t, "1", watchRewards)
			text, err := c.next(t)
			if err != nil || !strings.Contains(string(text), `"code":"`+code+`"`) {
				t.Errorf("%q by a WebSocket: %s, %v", as, text, err)
			}
		}
	})
}
