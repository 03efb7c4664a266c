package id_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"farthing/internal/id"
)

func TestIDs(t *testing.T) {
	t.Parallel()

	t.Run("come_back_as_they_were", func(t *testing.T) {
		t.Parallel()
		for range 1000 {
			want := id.New()
			text := id.Encode(id.Product, want)
			got, err := id.Parse(id.Product, text)
			if err != nil || got != want {
				t.Fatalf("Parse(Encode(%s)) = %s, %v by way of %s", want, got, err, text)
			}
		}
	})

	t.Run("are_in_the_order_in_which_they_were_made", func(t *testing.T) {
		t.Parallel()
		last := ""
		for range 1000 {
			next := id.Encode(id.Purchase, id.New())
			if next <= last {
				t.Fatalf("%s was made after %s", next, last)
			}
			last = next
		}
	})

	t.Run("of_another_kind_are_refused_and_the_refusal_says_so", func(t *testing.T) {
		t.Parallel()
		_, err := id.Parse(id.Product, id.Encode(id.Wallet, id.New()))
		if err == nil || !strings.Contains(err.Error(), "is the id of a wallet, and a product (prd_…) is wanted") {
			t.Fatalf("got %v", err)
		}
		_, err = id.Parse(id.FlashSale, id.Encode(id.AuditEntry, id.New()))
		if err == nil || !strings.Contains(err.Error(), "is the id of an audit entry, and a flash sale (sal_…) is wanted") {
			t.Fatalf("got %v", err)
		}
	})

	t.Run("of_one_of_several_kinds_are_told_apart", func(t *testing.T) {
		t.Parallel()
		want := id.New()
		kind, got, err := id.ParseOneOf(id.Encode(id.Bundle, want), id.Product, id.Bundle, id.TrialOffer)
		if err != nil || kind != id.Bundle || got != want {
			t.Errorf("got %s %s, %v", kind, got, err)
		}
		_, _, err = id.ParseOneOf(id.Encode(id.Coupon, want), id.Product, id.Bundle, id.TrialOffer)
		if err == nil || !strings.Contains(err.Error(), "coupon, and a product (prd_…), a bundle (bdl_…) or a trial offer (trl_…) is wanted") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("that_are_none_are_refused", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{
			"", " ", "prd", "prd_", "prd_1", "_01h455vb4pex5vsknk084sn02q", "01h455vb4pex5vsknk084sn02q",
			"PRD_01h455vb4pex5vsknk084sn02q", "prd_81h455vb4pex5vsknk084sn02q", "xyz_01h455vb4pex5vsknk084sn02q",
			"prd_01h455vb4pex5vsknk084sn02q ", "prd_01h455vb4pex5vsknk084sn02\x00", uuid.NewString(), strings.Repeat("é", 10_000),
		} {
			_, err := id.Parse(id.Product, text)
			if err == nil {
				t.Errorf("%q was taken for an id", text)
			} else if len(err.Error()) > 300 {
				t.Errorf("the refusal of a long text is %d bytes long", len(err.Error()))
			}
		}
	})
}
