package idempotency_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/idempotency"
	"farthing/internal/identity"
	"farthing/internal/money"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var noon = time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, key string
		ok        bool
	}{
		{"one character", "k", true},
		{"a UUID", "0193f9a2-7f6e-7c53-8d5e-0a3a5a2f6d10", true},
		{"255 characters", strings.Repeat("k", 255), true},
		{"255 characters of four bytes", strings.Repeat("𝄞", 255), true},
		{"spaces inside", "my key 1", true},
		{"letters of any script", "ключ-鍵-מפתח", true},
		{"empty", "", false},
		{"256 characters", strings.Repeat("k", 256), false},
		{"256 characters of two bytes", strings.Repeat("é", 256), false},
		{"spaces only", "   ", false},
		{"a no-break space", "\u00a0", false},
		{"a tab", "a\tb", false},
		{"a line end", "key\n", false},
		{"a zero", "key\x00", false},
		{"an escape", "\x1b[0m", false},
		{"an invisible character", "key\u200b", false},
		{"a change of direction", "key\u202e", false},
		{"broken UTF-8", "key\xff", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := idempotency.Validate("idempotencyKey", test.key)
			if test.ok {
				if f != nil {
					t.Errorf("Validate(%q) = %v", test.key, f)
				}
				return
			}
			if f == nil || f.Code != fault.InvalidInput || strings.Join(f.Path, ".") != "idempotencyKey" {
				t.Errorf("Validate(%q) = %v, want INVALID_INPUT at idempotencyKey", test.key, f)
			}
		})
	}
}

// TestFingerprintsStayTheSame pins the fingerprints of inputs as the mutations give them. A repeat may come next year, from a
// client that meets a later release: one that changes here is then refused as another request.
func TestFingerprintsStayTheSame(t *testing.T) {
	t.Parallel()
	type word string
	corrected := uuid.MustParse("0193f9a2-7f6e-7c53-8d5e-0a3a5a2f6d10")
	for _, test := range []struct {
		name  string
		input []any
		want  string
	}{
		{
			"a top-up",
			[]any{money.Code("USD"), money.Amount(10_500_000), "pay-1"},
			"b1dfebfdf3c0d431ef8ad80865937face9a508a6e6096231ae49233c1f528711",
		},
		{
			"a correction",
			[]any{money.Code("KRW"), money.Amount(-1_000_000), word("PAID"), "wrong <amount> & więcej", (*uuid.UUID)(nil)},
			"37907ecc1c8bcdbb09a811f6b6d64ef0d0b0a7456bc7234c410e56c2f854f962",
		},
		{
			"a correction of a transfer",
			[]any{money.Code("KRW"), money.Amount(-1_000_000), word("PAID"), "twice", &corrected},
			"8dd49b15cdf0448f76b34437f2c7ba9321075052c213e84fc4661cb0fc057464",
		},
		{
			"a basket",
			[]any{money.Code("USD"), money.Amount(0), [][]any{{corrected, int64(2)}, {uuid.Nil, int64(1)}}},
			"ba11aa3975657c078825dd6f80ff46eb8b6e6a76baa309375df22c7489b048a9",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := idempotency.FingerprintOf(test.input...)
			if err != nil {
				t.Fatal(err)
			}
			if text := hex.EncodeToString(got[:]); text != test.want {
				t.Errorf("FingerprintOf(%v) = %s, want %s", test.input, text, test.want)
			}
		})
	}
}

func TestFingerprintTellsInputsApart(t *testing.T) {
	t.Parallel()
	seen := map[idempotency.Fingerprint][]any{}
	for _, input := range [][]any{
		{}, {""}, {"", ""}, {nil}, {"a", "b"}, {"b", "a"}, {"ab"}, {"a,b"}, {`a","b`}, {1}, {"1"}, {[]any{"a", "b"}},
	} {
		f, err := idempotency.FingerprintOf(input...)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[f]; taken {
			t.Errorf("%#v and %#v have one fingerprint", input, other)
		}
		seen[f] = input
	}
	if _, err := idempotency.FingerprintOf(func() {}); err == nil {
		t.Error("FingerprintOf(a function) gave no error")
	}
}

func TestKeyBelongsToShopperAndOperation(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		ana, ben := shopper(t, d, "ana"), shopper(t, d, "ben")
		longest := strings.Repeat("𝄞", idempotency.MaxKey)
		var claims []idempotency.Claim
		for i, key := range []idempotency.Key{
			{ShopperID: ana, Operation: "checkout", Text: "k"},
			{ShopperID: ana, Operation: "topUpWallet", Text: "k"},
			{ShopperID: ben, Operation: "checkout", Text: "k"},
			{ShopperID: ana, Operation: "checkout", Text: "K"},
			{ShopperID: ana, Operation: "checkout", Text: longest},
		} {
			claims = append(claims, idempotency.Claim{Key: key, Fingerprint: idempotency.Fingerprint{byte(i)}, ResultID: uuid.New()})
		}
		if err := write(ctx, d, claims...); err != nil {
			t.Fatal(err)
		}
		// Ben's top-up is in the product of what is asked, and was not asked for.
		if err := write(ctx, d, idempotency.Claim{Key: idempotency.Key{ShopperID: ben, Operation: "topUpWallet", Text: "k"}}); err != nil {
			t.Fatal(err)
		}
		want := map[idempotency.Key]idempotency.Claim{}
		keys := []idempotency.Key{{ShopperID: ben, Operation: "checkout", Text: "K"}, claims[0].Key}
		for _, claim := range claims {
			want[claim.Key] = claim
			keys = append(keys, claim.Key)
		}
		found, err := idempotency.Find(ctx, d.Client(), keys...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Error(diff)
		}
		if found, err = idempotency.Find(ctx, d.Client()); err != nil || len(found) > 0 {
			t.Errorf("Find of no keys = %v, %v", found, err)
		}
	})
}

func TestKeyIsClaimedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		key := idempotency.Key{ShopperID: shopper(t, d, "ana"), Operation: "checkout", Text: "k"}
		first := idempotency.Claim{Key: key, Fingerprint: idempotency.Fingerprint{1}, ResultID: uuid.New()}
		if err := write(ctx, d, first); err != nil {
			t.Fatal(err)
		}
		fresh := idempotency.Claim{Key: idempotency.Key{ShopperID: key.ShopperID, Operation: "checkout", Text: "other"}, ResultID: uuid.New()}
		err := write(ctx, d, fresh, idempotency.Claim{Key: key, Fingerprint: idempotency.Fingerprint{2}, ResultID: uuid.New()})
		if !db.IsUnique(err) {
			t.Errorf("a second claim of a key: %v, want a violated unique index", err)
		}
		found, err := idempotency.Find(ctx, d.Client(), key, fresh.Key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[idempotency.Key]idempotency.Claim{key: first}, found); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRolledBackClaimLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		claim := idempotency.Claim{
			Key:      idempotency.Key{ShopperID: shopper(t, d, "ana"), Operation: "checkout", Text: "k"},
			ResultID: uuid.New(),
		}
		refused := errors.New("refused")
		err := d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
			if err := db.Write(ctx, tx, idempotency.Part(noon, claim)); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if err := write(ctx, d, claim); err != nil {
			t.Errorf("claiming the key after a refused attempt: %v", err)
		}
	})
}

func TestReused(t *testing.T) {
	t.Parallel()
	f := idempotency.Reused("idempotencyKey")
	if f.Code != fault.IdempotencyKeyReused || strings.Join(f.Path, ".") != "idempotencyKey" {
		t.Errorf("Reused = %v", f)
	}
}

func write(ctx context.Context, d *db.DB, claims ...idempotency.Claim) error {
	return d.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		return db.Write(ctx, tx, idempotency.Part(noon, claims...))
	})
}

func shopper(t testing.TB, d *db.DB, subject string) uuid.UUID {
	t.Helper()
	id, err := identity.New(d, func() time.Time { return noon }).Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
