package wallet_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent/transfer"
	"farthing/internal/actor"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/id"
	"farthing/internal/money"
	"farthing/internal/notify"
	"farthing/internal/wallet"
)

func TestTopUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		first := s.mustTopUp(t, topUp(ana, "k1", "10.50"))
		second := s.mustTopUp(t, topUp(ana, "k2", "0.01"))

		if first.Replayed || second.Replayed || first.TransferID == second.TransferID {
			t.Errorf("receipts %+v and %+v", first, second)
		}
		w := second.Wallet
		want := wallet.Origins{Paid: usd("10.51")}
		if w.ID != first.Wallet.ID || w.Balance != usd("10.51") || wallet.OriginsOf(w) != want || w.Seq != 2 || *w.ShopperID != ana {
			t.Errorf("the wallet is %v", w)
		}
		moved, err := d.Client().Transfer.Get(t.Context(), second.TransferID)
		if err != nil {
			t.Fatal(err)
		}
		if moved.Kind != transfer.KindTOP_UP || moved.Amount != usd("0.01") || moved.Paid != usd("0.01") ||
			moved.Reference != "pay-k2" || moved.Actor != "ada" || !moved.CreatedAt.Equal(noon) ||
			moved.DebitAccountID != wallet.House("FUNDING", "USD") || moved.CreditAccountID != w.ID ||
			*moved.CreditSeq != 2 || *moved.CreditBalance != usd("10.51") {
			t.Errorf("the transfer is %v", moved)
		}
		wantTold(t, d, notify.WalletToppedUp, ana, map[string]string{
			"transferId": id.Encode(id.Transfer, second.TransferID), "walletId": id.Encode(id.Wallet, w.ID),
			"currency": "USD", "balance": "10.51",
		})
		prove(t, d)
	})
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		paid := s.mustTopUp(t, topUp(ana, "k", "10"))
		for _, origin := range []wallet.Origin{wallet.Promotional, wallet.Gift, wallet.Refund, wallet.Paid} {
			in := adjust(ana, "add "+string(origin), "1")
			in.Origin = origin
			s.mustAdjust(t, in)
		}
		in := adjust(ana, "take", "-2.50")
		in.Corrects, in.Reason, in.Origin = &paid.TransferID, "Paid by mistake.\nSee the letter.", ""
		r := s.mustAdjust(t, in)

		want := wallet.Origins{Paid: usd("11"), Refund: usd("0.50")}
		if wallet.OriginsOf(r.Wallet) != want || r.Wallet.Balance != usd("11.50") {
			t.Errorf("the wallet is %v, want %+v", r.Wallet, want)
		}
		moved, err := d.Client().Transfer.Get(t.Context(), r.TransferID)
		if err != nil {
			t.Fatal(err)
		}
		if moved.Kind != transfer.KindADJUSTMENT || moved.Amount != usd("2.50") || moved.Promotional != usd("1") ||
			moved.Gift != usd("1") || moved.Refund != usd("0.50") || moved.Paid != 0 ||
			*moved.CorrectsID != paid.TransferID || moved.Reason != in.Reason || moved.Actor != "ada" ||
			moved.CreditAccountID != wallet.House("ADJUSTMENT", "USD") || *moved.DebitSeq != 6 {
			t.Errorf("the transfer is %v", moved)
		}
		wantTold(t, d, notify.WalletAdjusted, ana, map[string]string{
			"transferId": id.Encode(id.Transfer, r.TransferID), "walletId": id.Encode(id.Wallet, r.Wallet.ID),
			"currency": "USD", "balance": "11.50",
		})
		prove(t, d)
	})
}

func TestTopUpTakesTheLargestAndTheLongest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		in := topUp(ana, strings.Repeat("鍵", 255), "0.01")
		in.Amount, in.Reference = money.Max, strings.Repeat("ę", 255)
		s.mustTopUp(t, in)
		gems := wallet.AdjustInput{
			IdempotencyKey: "k", ShopperID: ana, Currency: "DUST", Amount: 1, Origin: wallet.Gift, Reason: strings.Repeat("ę", 500),
		}
		s.mustAdjust(t, gems)
		s.wantBalance(t, ana, "USD", "9000000000")
		s.wantBalance(t, ana, "DUST", "0.000001")

		s.wantNothingWritten(t, func() {
			_, err := s.TopUp(admin(t), topUp(ana, "more", "0.01"))
			if diff := cmp.Diff([]string{"INVALID_INPUT amount"}, faults(err)); diff != "" {
				t.Errorf("a wallet beyond what an amount can be: %s", diff)
			}
		})
		prove(t, d)
	})
}

// TestRefusedMovements goes through everything that is wrong with a top-up or a correction. None of it writes a row, and
// none uses up the key.
func TestRefusedMovements(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana, ben := s.shopper(t, "ana"), s.shopper(t, "ben")
		s.mustTopUp(t, topUp(ana, "ana's", "10"))
		bens := s.mustTopUp(t, topUp(ben, "ben's", "10"))

		type both struct {
			name string
			wrong
			want []string
		}
		for _, test := range []both{
			{"an unknown shopper", wrong{shopper: new(uuid.New())}, []string{"NOT_FOUND shopperId"}},
			{"no shopper", wrong{shopper: new(uuid.Nil)}, []string{"NOT_FOUND shopperId"}},
			{"a currency that is not traded", wrong{currency: "EUR"}, []string{"INVALID_INPUT currency"}},
			{"points", wrong{currency: money.PointsCode}, []string{"INVALID_INPUT currency"}},
			{"no currency", wrong{currency: "-"}, []string{"INVALID_INPUT currency"}},
			{"nothing", wrong{amount: new(money.Amount(0))}, []string{"INVALID_INPUT amount"}},
			{"a tenth of a cent", wrong{amount: new(usd("0.001"))}, []string{"INVALID_INPUT amount"}},
			{"a millionth over", wrong{amount: new(usd("1.000001"))}, []string{"INVALID_INPUT amount"}},
			{"half a won", wrong{currency: "KRW", amount: new(usd("0.5"))}, []string{"INVALID_INPUT amount"}},
			{"more than an amount can be", wrong{amount: new(money.Max + 10_000)}, []string{"INVALID_INPUT amount"}},
			{
				"the most that an integer can be",
				wrong{currency: "DUST", amount: new(money.Amount(math.MaxInt64))},
				[]string{"INVALID_INPUT amount"},
			},
			{"no key", wrong{key: new("")}, []string{"INVALID_INPUT idempotencyKey"}},
			{"a key of 256 characters", wrong{key: new(strings.Repeat("k", 256))}, []string{"INVALID_INPUT idempotencyKey"}},
			{"a blank key", wrong{key: new("  ")}, []string{"INVALID_INPUT idempotencyKey"}},
			{"a key with a control character", wrong{key: new("a\x00b")}, []string{"INVALID_INPUT idempotencyKey"}},
			{"a text too long", wrong{text: new(strings.Repeat("x", 501))}, []string{"INVALID_INPUT text"}},
			{"a text with a zero", wrong{text: new("pay\x00")}, []string{"INVALID_INPUT text"}},
			{"a text that is none", wrong{text: new("pay\xff")}, []string{"INVALID_INPUT text"}},
			{
				"everything at once",
				wrong{key: new(""), currency: "EUR", amount: new(money.Amount(0)), text: new("\x1b")},
				[]string{"INVALID_INPUT text", "INVALID_INPUT idempotencyKey", "INVALID_INPUT amount", "INVALID_INPUT currency"},
			},
		} {
			t.Run("TopUp refuses "+test.name, func(t *testing.T) {
				in := topUp(ana, "k", "1")
				test.set(&in.ShopperID, &in.IdempotencyKey, &in.Currency, &in.Amount, &in.Reference)
				s.wantRefusal(t, test.want, "reference", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
			})
			t.Run("Adjust refuses "+test.name, func(t *testing.T) {
				in := adjust(ana, "k", "1")
				test.set(&in.ShopperID, &in.IdempotencyKey, &in.Currency, &in.Amount, &in.Reason)
				s.wantRefusal(t, test.want, "reason", func(ctx context.Context) (wallet.Receipt, error) { return s.Adjust(ctx, in) })
			})
		}

		for name, test := range map[string]struct {
			change func(*wallet.TopUpInput)
			want   []string
		}{
			"a negative amount": {func(in *wallet.TopUpInput) { in.Amount = usd("-1") }, []string{"INVALID_INPUT amount"}},
			"the least amount":  {func(in *wallet.TopUpInput) { in.Amount = -money.Max }, []string{"INVALID_INPUT amount"}},
			"a reference of 256 characters": {
				func(in *wallet.TopUpInput) { in.Reference = strings.Repeat("x", 256) }, []string{"INVALID_INPUT reference"},
			},
		} {
			t.Run("TopUp refuses "+name, func(t *testing.T) {
				in := topUp(ana, "k", "1")
				test.change(&in)
				s.wantRefusal(t, test.want, "", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
			})
		}
		for name, test := range map[string]struct {
			change func(*wallet.AdjustInput)
			want   []string
		}{
			"no reason":    {func(in *wallet.AdjustInput) { in.Reason = "" }, []string{"INVALID_INPUT reason"}},
			"a blank one":  {func(in *wallet.AdjustInput) { in.Reason = " \n\t " }, []string{"INVALID_INPUT reason"}},
			"no origin":    {func(in *wallet.AdjustInput) { in.Origin = "" }, []string{"INVALID_INPUT origin"}},
			"an odd one":   {func(in *wallet.AdjustInput) { in.Origin = "paid" }, []string{"INVALID_INPUT origin"}},
			"below zero":   {func(in *wallet.AdjustInput) { in.Amount = usd("-10.01") }, []string{"INSUFFICIENT_FUNDS"}},
			"all there is": {func(in *wallet.AdjustInput) { in.Amount = -money.Max }, []string{"INSUFFICIENT_FUNDS"}},
			"beyond all there is": {
				func(in *wallet.AdjustInput) { in.Currency, in.Amount = "DUST", math.MinInt64 },
				[]string{"INVALID_INPUT amount"},
			},
			"no such wallet":      {func(in *wallet.AdjustInput) { in.Currency, in.Amount = "GEM", usd("-1") }, []string{"INSUFFICIENT_FUNDS"}},
			"an unknown transfer": {func(in *wallet.AdjustInput) { in.Corrects = new(uuid.New()) }, []string{"NOT_FOUND corrects"}},
			"a foreign transfer":  {func(in *wallet.AdjustInput) { in.Corrects = &bens.TransferID }, []string{"NOT_FOUND corrects"}},
			"a correction in a wallet that is not there": {
				func(in *wallet.AdjustInput) { in.Currency, in.Corrects = "GEM", &bens.TransferID }, []string{"NOT_FOUND corrects"},
			},
		} {
			t.Run("Adjust refuses "+name, func(t *testing.T) {
				in := adjust(ana, "k", "1")
				test.change(&in)
				s.wantRefusal(t, test.want, "", func(ctx context.Context) (wallet.Receipt, error) { return s.Adjust(ctx, in) })
			})
		}

		bad := func(paths ...string) (list fault.List) {
			for _, path := range paths {
				list.Add(fault.Input(path, "It cannot be read."))
			}
			return list
		}
		t.Run("TopUp refuses what could not be read with everything else, and each field once", func(t *testing.T) {
			in := topUp(uuid.Nil, "", "0")
			in.Currency, in.Malformed = "EUR", bad("shopperId", "amount")
			want := []string{"INVALID_INPUT shopperId", "INVALID_INPUT amount", "INVALID_INPUT idempotencyKey", "INVALID_INPUT currency"}
			s.wantRefusal(t, want, "", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
		})
		t.Run("TopUp looks for no shopper whose id could not be read", func(t *testing.T) {
			in := topUp(uuid.Nil, "k", "1")
			in.Malformed = bad("shopperId")
			s.wantRefusal(t, []string{"INVALID_INPUT shopperId"}, "", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
		})
		t.Run("TopUp takes what could not be read for no repeat", func(t *testing.T) {
			in := topUp(ana, "ana's", "10")
			in.Malformed = bad("reference")
			s.wantRefusal(t, []string{"INVALID_INPUT reference"}, "", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
		})
		t.Run("Adjust refuses what could not be read with everything else, and each field once", func(t *testing.T) {
			in := adjust(ana, "k", "0")
			in.Reason, in.Corrects, in.Malformed = "", new(uuid.Nil), bad("corrects", "amount")
			want := []string{"INVALID_INPUT corrects", "INVALID_INPUT amount", "INVALID_INPUT reason"}
			s.wantRefusal(t, want, "", func(ctx context.Context) (wallet.Receipt, error) { return s.Adjust(ctx, in) })
		})

		// All that was refused had this key, and it is still free.
		if r := s.mustTopUp(t, topUp(ana, "k", "1")); r.Replayed {
			t.Error("a refused top-up has used up its key")
		}
		if r := s.mustAdjust(t, adjust(ana, "k", "1")); r.Replayed {
			t.Error("a refused correction has used up its key")
		}
		prove(t, d)
	})
}

// wrong is what a request gets instead of what is right.
type wrong struct {
	shopper  *uuid.UUID
	key      *string
	currency money.Code // "-" for none
	amount   *money.Amount
	text     *string
}

func (w wrong) set(shopper *uuid.UUID, key *string, currency *money.Code, amount *money.Amount, text *string) {
	if w.shopper != nil {
		*shopper = *w.shopper
	}
	if w.key != nil {
		*key = *w.key
	}
	if w.currency != "" {
		*currency = money.Code(strings.TrimPrefix(string(w.currency), "-"))
	}
	if w.amount != nil {
		*amount = *w.amount
	}
	if w.text != nil {
		*text = *w.text
	}
}

// wantRefusal fails unless a movement is refused, with these faults, and leaves nothing behind. The path "text" stands for
// the field that is the movement's own text.
func (s *shop) wantRefusal(t *testing.T, want []string, text string, move func(context.Context) (wallet.Receipt, error)) {
	t.Helper()
	for i, one := range want {
		if one == "INVALID_INPUT text" {
			want = append(append(append([]string{}, want[:i]...), "INVALID_INPUT "+text), want[i+1:]...)
		}
	}
	s.wantNothingWritten(t, func() {
		r, err := move(admin(t))
		if diff := cmp.Diff(want, faults(err)); diff != "" {
			t.Errorf("refusal (-want +got):\n%s\nof %v", diff, err)
		}
		if r != (wallet.Receipt{}) {
			t.Errorf("a refusal came with %+v", r)
		}
	})
}

func TestShortageTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		s.mustTopUp(t, topUp(ana, "k", "10"))
		for _, test := range []struct {
			code money.Code
			want wallet.Shortage
		}{
			{"USD", wallet.Shortage{Balance: usd("10"), Required: usd("12"), Shortfall: usd("2"), Currency: "USD"}},
			{"GEM", wallet.Shortage{Balance: 0, Required: usd("12"), Shortfall: usd("12"), Currency: "GEM"}},
		} {
			in := adjust(ana, "k", "-12")
			in.Currency = test.code
			_, err := s.Adjust(admin(t), in)
			list := fault.From(err)
			if len(list) != 1 || list[0].Code != fault.InsufficientFunds {
				t.Fatalf("Adjust = %v", err)
			}
			if diff := cmp.Diff(test.want, list[0].Data); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestRepeatReturnsTheFirstResult(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana, ben := s.shopper(t, "ana"), s.shopper(t, "ben")
		added := s.mustTopUp(t, topUp(ana, "k", "10"))
		correction := adjust(ana, "k", "-1")
		correction.Corrects = &added.TransferID
		taken := s.mustAdjust(t, correction) // the same key of another operation is another key
		if taken.Replayed {
			t.Error("a correction was taken for a repeat of a top-up")
		}
		s.mustTopUp(t, topUp(ana, "later", "5"))

		s.wantNothingWritten(t, func() {
			r := s.mustTopUp(t, topUp(ana, "k", "10"))
			if !r.Replayed || r.TransferID != added.TransferID || r.Wallet.Balance != usd("14") {
				t.Errorf("a repeated top-up gives %+v with %v", r, r.Wallet)
			}
			r = s.mustAdjust(t, correction)
			if !r.Replayed || r.TransferID != taken.TransferID || r.Wallet.Balance != usd("14") {
				t.Errorf("a repeated correction gives %+v with %v", r, r.Wallet)
			}
		})
		if r := s.mustTopUp(t, topUp(ben, "k", "10")); r.Replayed || r.TransferID == added.TransferID {
			t.Error("the same key of another shopper is another key")
		}
		prove(t, d)
	})
}

// TestRepeatOutlivesTheCurrency: a repeat is answered although the shop no longer trades in the currency, and the actor, who
// may be another instance of the client, makes no other request of it.
func TestRepeatOutlivesTheCurrency(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		in := topUp(ana, "k", "10")
		in.Currency = "GEM"
		added := s.mustTopUp(t, in)

		later := trade(t, d, "USD")
		ctx := actor.With(t.Context(), actor.Actor{Subject: "till-2", Roles: []actor.Role{actor.Service}})
		r, err := later.TopUp(ctx, in)
		if err != nil || !r.Replayed || r.TransferID != added.TransferID {
			t.Errorf("the repeat gives %+v and %v", r, err)
		}
		in.IdempotencyKey = "new"
		_, err = later.TopUp(ctx, in)
		if diff := cmp.Diff([]string{"INVALID_INPUT currency"}, faults(err)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestKeyWithOtherContentIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		added := s.mustTopUp(t, topUp(ana, "k", "10"))
		s.mustAdjust(t, adjust(ana, "k", "1"))
		reused := []string{"IDEMPOTENCY_KEY_REUSED idempotencyKey"}
		for name, change := range map[string]func(*wallet.TopUpInput){
			"amount":    func(in *wallet.TopUpInput) { in.Amount = usd("10.01") },
			"currency":  func(in *wallet.TopUpInput) { in.Currency = "GEM" },
			"reference": func(in *wallet.TopUpInput) { in.Reference = "" },
		} {
			t.Run("TopUp with another "+name, func(t *testing.T) {
				in := topUp(ana, "k", "10")
				change(&in)
				s.wantRefusal(t, reused, "", func(ctx context.Context) (wallet.Receipt, error) { return s.TopUp(ctx, in) })
			})
		}
		for name, change := range map[string]func(*wallet.AdjustInput){
			"amount":                           func(in *wallet.AdjustInput) { in.Amount = usd("-1") },
			"currency":                         func(in *wallet.AdjustInput) { in.Currency = "GEM" },
			"origin":                           func(in *wallet.AdjustInput) { in.Origin = wallet.Paid },
			"reason":                           func(in *wallet.AdjustInput) { in.Reason = "Good will" },
			"transfer":                         func(in *wallet.AdjustInput) { in.Corrects = &added.TransferID },
			"amount that is not in the wallet": func(in *wallet.AdjustInput) { in.Amount = usd("-1000") },
		} {
			t.Run("Adjust with another "+name, func(t *testing.T) {
				in := adjust(ana, "k", "1")
				change(&in)
				s.wantRefusal(t, reused, "", func(ctx context.Context) (wallet.Receipt, error) { return s.Adjust(ctx, in) })
			})
		}
		prove(t, d)
	})
}

func TestCallerWhoLeftMovesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ana := s.shopper(t, "ana")
		ctx, leave := context.WithCancel(admin(t))
		leave()
		s.wantNothingWritten(t, func() {
			if _, err := s.TopUp(ctx, topUp(ana, "k", "1")); !errors.Is(err, context.Canceled) {
				t.Errorf("TopUp = %v", err)
			}
		})
	})
}

// wantTold fails unless the last event is of this topic and says this.
func wantTold(t *testing.T, d *db.DB, topic string, shopper uuid.UUID, want map[string]string) {
	t.Helper()
	events, err := d.Client().OutboxEvent.Query().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		var said map[string]string
		if err := json.Unmarshal(event.Payload, &said); err != nil {
			t.Fatal(err)
		}
		if said["transferId"] != want["transferId"] {
			continue
		}
		if diff := cmp.Diff(want, said); diff != "" || event.Topic != topic || *event.ShopperID != shopper || !event.CreatedAt.Equal(noon) {
			t.Errorf("the outbox says %v %s", event, diff)
		}
		return
	}
	t.Errorf("the outbox says nothing of %s", want["transferId"])
}
