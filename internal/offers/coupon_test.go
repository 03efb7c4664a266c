package offers_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/auditentry"
	"farthing/ent/coupon"
	"farthing/ent/offerstock"
	"farthing/ent/schema"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
	"farthing/internal/offers"
)

// voucher is the input of an active coupon of five dollars with a code.
func voucher(code string) offers.CreateCoupon {
	return offers.CreateCoupon{Common: active("Five off"), Code: code, Kind: coupon.KindAMOUNT, Amounts: prices("USD 5")}
}

func (s *shop) issue(t testing.TB, in offers.CreateCoupon) *ent.Coupon {
	t.Helper()
	row, err := s.CreateCoupon(merchandiser(t), in)
	if err != nil {
		t.Fatalf("CreateCoupon: %v", err)
	}
	return row
}

// find is the coupon of a code, or nil.
func (s *shop) find(t testing.TB, code string) *ent.Coupon {
	t.Helper()
	row, err := s.FindCoupon(t.Context(), s.db.Client(), code)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestCreateCoupon(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		if row := s.find(t, "WINTER-2026"); row != nil {
			t.Errorf("found %v before there is any", row)
		}
		poems := s.book(t, "Poems")
		in := voucher("  winter-2026\n")
		in.Scope, in.Combines = schema.Scope{Products: []uuid.UUID{poems.ID}, Tags: []string{"poetry"}}, true
		in.Stock, in.PerShopper, in.EndsAt = new(int64(100)), new(int64(2)), after(time.Hour)
		row := s.issue(t, in)
		want := &ent.Coupon{
			ID: row.ID, Status: coupon.StatusACTIVE, Language: "en", Texts: map[string]schema.Text{"en": {Name: "Five off"}},
			CodeHint: "2026", Kind: coupon.KindAMOUNT, Amounts: schema.Prices{"USD": units("5")}, Scope: in.Scope, Combines: true,
			StartsAt: noon, EndsAt: after(time.Hour), Stock: new(int64(100)), PerShopper: new(int64(2)),
			Version: 1, CreatedAt: noon, UpdatedAt: noon,
		}
		if diff := cmp.Diff(want.String(), row.String()); diff != "" {
			t.Errorf("made (-want +got):\n%s", diff)
		}
		s.wantCount(t, row.ID, 0, "0 of 100")
		s.wantAudit(t, row.ID, "codeHint", `mila createCoupon - "2026"`)

		t.Run("is found by its code, whatever its case and width", func(t *testing.T) {
			for _, code := range []string{"WINTER-2026", " Winter-2026 ", "ｗｉｎｔｅｒ－２０２６"} {
				if got := s.find(t, code); got == nil || got.ID != row.ID {
					t.Errorf("%s leads to %v", code, got)
				}
			}
			for _, code := range []string{"WINTER-2027", "WINTER2026", "", "x", strings.Repeat("x", 65), "WINTER 2026", "WINTER-2026\x00", "\xff\xff\xff\xff\xff\xff"} {
				if got := s.find(t, code); got != nil {
					t.Errorf("%q leads to a coupon", code)
				}
			}
		})
		t.Run("its code is nowhere", func(t *testing.T) {
			if len(row.CodeHash) != 32 || bytes.Contains(bytes.ToUpper(row.CodeHash), []byte("WINTER")) {
				t.Errorf("the hash is %q", row.CodeHash)
			}
			for _, e := range d.Client().AuditEntry.Query().Where(auditentry.TargetID(row.ID)).AllX(t.Context()) {
				if strings.Contains(strings.ToUpper(string(e.After)), "WINTER") || strings.Contains(strings.ToLower(string(e.After)), "hash") {
					t.Errorf("the audit says %s", e.After)
				}
			}
		})
		t.Run("a percentage off everything, in letters of any script", func(t *testing.T) {
			in := voucher("겨울할인쿠폰")
			in.Kind, in.Amounts, in.PercentOff = coupon.KindPERCENTAGE, nil, new(offers.Percent(1250))
			row := s.issue(t, in)
			if row.BasisPoints != 1250 || len(row.Amounts) > 0 || row.CodeHint != "할인쿠폰" || row.EndsAt != nil {
				t.Errorf("made %v", row)
			}
			s.wantCount(t, row.ID, 0, "0 of any")
			if got := s.find(t, "겨울할인쿠폰"); got == nil || got.ID != row.ID {
				t.Errorf("found %v", got)
			}
		})
		t.Run("all hashes of a shop have one salt, and no two shops the same", func(t *testing.T) {
			other := open(t, dbtest.SQLite(t))
			if bytes.Equal(other.issue(t, voucher("WINTER-2026")).CodeHash, row.CodeHash) {
				t.Error("two shops have the same hash of a code")
			}
			if n := d.Client().ShopSecret.Query().CountX(t.Context()); n != 1 {
				t.Errorf("there are %d secrets", n)
			}
		})
	})
}

func TestCreateCouponRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		s.issue(t, voucher("taken-already"))
		put := s.issue(t, voucher("archived"))
		if _, err := s.ArchiveCoupon(merchandiser(t), offers.Archive{ID: put.ID}); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name   string
			change func(in *offers.CreateCoupon)
			want   []string
		}{
			{"a short code", func(in *offers.CreateCoupon) { in.Code = " ABCDE " }, []string{"code"}},
			{"a long code", func(in *offers.CreateCoupon) { in.Code = strings.Repeat("A", 65) }, []string{"code"}},
			{"a code with a space", func(in *offers.CreateCoupon) { in.Code = "WINTER 2026" }, []string{"code"}},
			{"a code that is no text", func(in *offers.CreateCoupon) { in.Code = "WINTER\xff" }, []string{"code"}},
			{"another coupon's code", func(in *offers.CreateCoupon) { in.Code = "TAKEN-already" }, []string{"code"}},
			{"the code of one that was put away", func(in *offers.CreateCoupon) { in.Code = "Archived" }, []string{"code"}},
			{"no kind", func(in *offers.CreateCoupon) { in.Kind = "GIFT" }, []string{"kind"}},
			{"no amount", func(in *offers.CreateCoupon) { in.Amounts = nil }, []string{"amounts"}},
			{"amounts of nothing, and less", func(in *offers.CreateCoupon) { in.Amounts = prices("USD 0", "EUR -1", "KRW 0.5") }, []string{
				"amounts.1.amount", "amounts.2.amount", "amounts.0.amount",
			}},
			{"an amount and a percentage", func(in *offers.CreateCoupon) { in.PercentOff = new(offers.Percent(100)) }, []string{"percentOff"}},
			{"a percentage and an amount", func(in *offers.CreateCoupon) {
				in.Kind, in.PercentOff = coupon.KindPERCENTAGE, new(offers.Percent(100))
			}, []string{"amounts"}},
			{"no percentage", func(in *offers.CreateCoupon) { in.Kind, in.Amounts = coupon.KindPERCENTAGE, nil }, []string{"percentOff"}},
			{"what is not there", func(in *offers.CreateCoupon) { in.Scope.Products = []uuid.UUID{uuid.New()} }, []string{"scope.productIds.0"}},
			{"an end at the beginning", func(in *offers.CreateCoupon) { in.EndsAt = after(0) }, []string{"endsAt"}},
			{"caps of nothing", func(in *offers.CreateCoupon) { in.Stock, in.PerShopper = new(int64), new(int64(-1)) }, []string{"stock", "perShopper"}},
			{"everything at once", func(in *offers.CreateCoupon) { *in = offers.CreateCoupon{Kind: coupon.KindAMOUNT, Stock: new(int64)} }, []string{
				"status", "texts", "code", "amounts", "stock",
			}},
			{"what could not be read", func(in *offers.CreateCoupon) {
				in.Malformed = fault.List{fault.Input("amounts.0.amount", "!")}
				in.Amounts[0].Amount, in.Code = 0, ""
			}, []string{"amounts.0.amount", "code"}},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				in := voucher("fresh-code")
				test.change(&in)
				_, err := s.CreateCoupon(merchandiser(t), in)
				var want []string
				for _, path := range test.want {
					want = append(want, "INVALID_INPUT "+path)
				}
				wantFaults(t, err, want...)
			})
		}
	})
}

func TestUpdateCoupon(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		update := func(t *testing.T, id uuid.UUID, set func(in *offers.UpdateCoupon)) (*ent.Coupon, error) {
			t.Helper()
			in := offers.UpdateCoupon{CommonChange: offers.CommonChange{ID: id}}
			set(&in)
			return s.UpdateCoupon(merchandiser(t), in)
		}
		row := s.issue(t, voucher("WINTER-2026"))
		part := voucher("SUMMER-2026")
		part.Kind, part.Amounts, part.PercentOff = coupon.KindPERCENTAGE, nil, new(offers.Percent(1000))
		share := s.issue(t, part)

		t.Run("changes what is set, and never the code", func(t *testing.T) {
			got, err := update(t, row.ID, func(in *offers.UpdateCoupon) {
				in.Amounts, in.Combines, in.EndsAt = catalog.To(prices("EUR 4")), catalog.To(true), catalog.To(after(time.Hour))
				in.StartsAt, in.Stock, in.PerShopper = catalog.To(*after(-time.Hour)), catalog.To(new(int64(5))), catalog.To(new(int64(1)))
				in.Scope = catalog.To(schema.Scope{Categories: []string{"Books"}})
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Version != 2 || !bytes.Equal(got.CodeHash, row.CodeHash) || got.CodeHint != "2026" || got.Amounts["EUR"] != units("4") ||
				!got.Combines || !got.EndsAt.Equal(*after(time.Hour)) || !got.StartsAt.Equal(*after(-time.Hour)) || *got.PerShopper != 1 {
				t.Errorf("it is %v", got)
			}
			s.wantCount(t, row.ID, 0, "0 of 5")
			got, err = update(t, row.ID, func(in *offers.UpdateCoupon) {
				in.EndsAt, in.Stock, in.PerShopper = catalog.To[*time.Time](nil), catalog.To[*int64](nil), catalog.To[*int64](nil)
				in.Scope = catalog.To(schema.Scope{})
			})
			if err != nil || got.EndsAt != nil || got.Stock != nil || got.PerShopper != nil || len(got.Scope.Categories) > 0 {
				t.Errorf("emptied it is %v, %v", got, err)
			}
			s.wantCount(t, row.ID, 0, "0 of any")
			if found := s.find(t, "winter-2026"); found == nil || found.Version != 3 {
				t.Errorf("found %v", found)
			}
		})
		t.Run("another percentage, and nothing twice", func(t *testing.T) {
			for range 2 {
				got, err := update(t, share.ID, func(in *offers.UpdateCoupon) { in.PercentOff = catalog.To(new(offers.Percent(500))) })
				if err != nil || got.BasisPoints != 500 || got.Version != 2 {
					t.Errorf("it is %v, %v", got, err)
				}
			}
			s.wantAudit(t, share.ID, "basisPoints", "mila createCoupon - 1000", "mila updateCoupon 1000 500")
		})
		t.Run("a stock below what was used ends it for good", func(t *testing.T) {
			row := s.issue(t, voucher("AUTUMN-2026"))
			s.take(t, row.ID, 0, 3)
			got, err := update(t, row.ID, func(in *offers.UpdateCoupon) { in.Stock = catalog.To(new(int64(2))) })
			if err != nil {
				t.Fatal(err)
			}
			s.wantCount(t, row.ID, 0, "3 of 3 closed")
			s.giveBack(t, row.ID, 0, 3)
			if offers.CouponCounts(got, d.Client().OfferStock.Query().Where(offerstock.OfferID(row.ID)).OnlyX(t.Context()), 0, noon) {
				t.Error("it counts")
			}
		})
		t.Run("refuses", func(t *testing.T) {
			_, err := update(t, uuid.New(), func(in *offers.UpdateCoupon) {
				in.PercentOff, in.Stock = catalog.To(new(offers.Percent(0))), catalog.To(new(int64(-1)))
			})
			wantFaults(t, err, "NOT_FOUND", "INVALID_INPUT percentOff", "INVALID_INPUT stock")
			_, err = update(t, uuid.New(), func(in *offers.UpdateCoupon) { in.PercentOff = catalog.To(new(offers.Percent(500))) })
			wantFaults(t, err, "NOT_FOUND")
			_, err = update(t, row.ID, func(in *offers.UpdateCoupon) { in.PercentOff = catalog.To(new(offers.Percent(500))) })
			wantFaults(t, err, "INVALID_INPUT percentOff")
			_, err = update(t, row.ID, func(in *offers.UpdateCoupon) { in.Amounts = catalog.To(prices()) })
			wantFaults(t, err, "INVALID_INPUT amounts")
			_, err = update(t, row.ID, func(in *offers.UpdateCoupon) { in.EndsAt = catalog.To(after(-2 * time.Hour)) })
			wantFaults(t, err, "INVALID_INPUT endsAt")
			_, err = update(t, row.ID, func(in *offers.UpdateCoupon) { in.ExpectedVersion = new(1) })
			wantFaults(t, err, "CONFLICT expectedVersion")
		})
		t.Run("archived, it stays so", func(t *testing.T) {
			for range 2 {
				got, err := s.ArchiveCoupon(merchandiser(t), offers.Archive{ID: share.ID})
				if err != nil || got.Version != 3 || got.Status != coupon.StatusARCHIVED {
					t.Errorf("ArchiveCoupon = %v, %v", got, err)
				}
			}
			_, err := update(t, share.ID, func(in *offers.UpdateCoupon) { in.Status = catalog.To(offers.StatusDraft) })
			wantFaults(t, err, "INVALID_INPUT status")
		})
		t.Run("found by ids", func(t *testing.T) {
			got, err := offers.CouponsByIDs(t.Context(), d.Client(), []uuid.UUID{row.ID, share.ID, uuid.New()})
			if err != nil || len(got) != 2 || got[row.ID].ID != row.ID {
				t.Errorf("CouponsByIDs = %v, %v", got, err)
			}
		})
	})
}

// TestCouponCodesAreMadeOnce: of many who make a coupon of one code at once, and the shop's first at that, one succeeds.
func TestCouponCodesAreMadeOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		ctx := merchandiser(t)
		made := make([]error, 8)
		var all sync.WaitGroup
		for i := range made {
			all.Go(func() { _, made[i] = s.CreateCoupon(ctx, voucher("WINTER-2026")) })
		}
		all.Wait()
		succeeded := 0
		for _, err := range made {
			if err == nil {
				succeeded++
				continue
			}
			wantFaults(t, err, "INVALID_INPUT code")
		}
		if succeeded != 1 {
			t.Errorf("%d coupons have the code", succeeded)
		}
		if s.find(t, "WINTER-2026") == nil {
			t.Error("the coupon is not found")
		}
	})
}

func TestCouponCounts(t *testing.T) {
	t.Parallel()
	counted := func(taken int64) *ent.OfferStock { return &ent.OfferStock{Taken: taken} }
	for _, test := range []struct {
		name   string
		change func(row *ent.Coupon)
		stock  *ent.OfferStock
		used   int64
		now    time.Time
		want   bool
	}{
		{"never used", nil, nil, 0, noon, true},
		{"before it begins", nil, nil, 0, noon.Add(-time.Microsecond), false},
		{"at its last microsecond", nil, nil, 0, noon.Add(time.Hour - time.Microsecond), true},
		{"at its end", nil, nil, 0, noon.Add(time.Hour), false},
		{"without an end", func(row *ent.Coupon) { row.EndsAt = nil }, nil, 0, noon.Add(time.Hour), true},
		{"one use left", nil, counted(9), 0, noon, true},
		{"used up", nil, counted(10), 0, noon, false},
		{"closed, though uses came back", nil, &ent.OfferStock{Closed: true}, 0, noon, false},
		{"any number of uses", func(row *ent.Coupon) { row.Stock = nil }, counted(1_000), 0, noon, true},
		{"the shopper's last use", nil, nil, 1, noon, true},
		{"the shopper's cap", nil, nil, 2, noon, false},
		{"no cap", func(row *ent.Coupon) { row.PerShopper = nil }, nil, 2_000, noon, true},
		{"a draft", func(row *ent.Coupon) { row.Status = coupon.StatusDRAFT }, nil, 0, noon, false},
		{"archived", func(row *ent.Coupon) { row.Status = coupon.StatusARCHIVED }, nil, 0, noon, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			row := &ent.Coupon{
				Status: coupon.StatusACTIVE, StartsAt: noon, EndsAt: after(time.Hour), Stock: new(int64(10)), PerShopper: new(int64(2)),
			}
			if test.change != nil {
				test.change(row)
			}
			if got := offers.CouponCounts(row, test.stock, test.used, test.now); got != test.want {
				t.Errorf("CouponCounts = %t", got)
			}
		})
	}
}
