package offers

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"farthing/ent"
	"farthing/ent/coupon"
	"farthing/ent/schema"
	"farthing/ent/shopsecret"
	"farthing/internal/catalog"
	"farthing/internal/db"
	"farthing/internal/id"
)

// Codes of coupons are kept like passwords: whoever reads the database finds out none. They are short, so the hash is made
// slow; it is made for every guess, which the door limits as well.
const (
	minCode        = 6 // characters
	maxCode        = 64
	shownCode      = 4 // as many of the last characters people tell coupons apart by
	hashIterations = 10_000
	hashSize       = 32 // bytes, as is the output of SHA-256
	saltSize       = 16 // bytes
	saltName       = "coupon-salt"
)

// couponContent is all that merchandisers decide about a coupon.
type couponContent struct {
	common

	CodeHint    string        `json:"codeHint"`
	Kind        coupon.Kind   `json:"kind"`
	BasisPoints int           `json:"basisPoints,omitempty"`
	Amounts     schema.Prices `json:"amounts,omitempty"`
	Scope       schema.Scope  `json:"scope"`
	Combines    bool          `json:"combines"`
	StartsAt    time.Time     `json:"startsAt"`
	EndsAt      *time.Time    `json:"endsAt,omitempty"`
	Stock       *int64        `json:"stock,omitempty"`
	PerShopper  *int64        `json:"perShopper,omitempty"`

	// hash is of the code of a new coupon. It never changes, and nobody reads it in the audit.
	hash []byte
}

// coupons is how coupons are found and stored.
var coupons = kind[ent.Coupon, couponContent]{
	noun: "coupon", name: "Coupon",
	lock: func(ctx context.Context, tx *ent.Tx, id uuid.UUID) (*ent.Coupon, error) {
		return tx.Coupon.Query().Where(coupon.ID(id), db.Lock).Only(ctx)
	},
	version: func(row *ent.Coupon) (uuid.UUID, int) { return row.ID, row.Version },
	content: couponContentOf,
	shared:  func(content *couponContent) *common { return &content.common },
	store:   storeCoupon,
}

func couponContentOf(row *ent.Coupon) couponContent {
	return couponContent{
		common:   commonOf(row.Status, row.Language, row.Texts),
		CodeHint: row.CodeHint, Kind: row.Kind, BasisPoints: row.BasisPoints, Amounts: maps.Clone(row.Amounts), Scope: row.Scope,
		Combines: row.Combines, StartsAt: row.StartsAt.UTC(), EndsAt: catalog.Instant(row.EndsAt),
		Stock: row.Stock, PerShopper: row.PerShopper,
	}
}

// CreateCoupon makes a coupon. Its code is not kept: whoever made it is the last to know it.
//
// The error is a fault.List of INVALID_INPUT with all that is wrong with the input; whether another coupon has the code is
// asked only when nothing is wrong with it.
func (s *Service) CreateCoupon(ctx context.Context, in CreateCoupon) (*ent.Coupon, error) {
	return alone(ctx, s, s.CreateCouponIn, in)
}

// CreateCouponIn is CreateCoupon in a transaction of the caller.
func (s *Service) CreateCouponIn(ctx context.Context, tx *ent.Tx, in CreateCoupon) (*ent.Coupon, error) {
	now, f, err := coupons.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	c := couponContent{common: f.create(in.Common), Kind: in.Kind, Amounts: f.amounts(in.Amounts), Combines: in.Combines, StartsAt: now}
	code := f.code(in.Code)
	if !f.wrong("code") {
		if c.hash, err = f.claimCode(ctx, tx, code); err != nil {
			return nil, err
		}
		c.CodeHint = lastCharacters(code)
	}
	if coupon.KindValidator(in.Kind) != nil {
		f.Refuse("kind", "%s is not a kind of coupon; it is AMOUNT or PERCENTAGE.", catalog.Clip(string(in.Kind)))
	} else {
		c.BasisPoints = f.reduction(c.Kind == coupon.KindPERCENTAGE, in.PercentOff, "amounts", c.Amounts, true)
	}
	if c.Scope, err = f.scopeOrAll(ctx, tx, in.Scope); err != nil {
		return nil, err
	}
	if in.StartsAt != nil {
		c.StartsAt = *catalog.Instant(in.StartsAt)
	}
	c.EndsAt = catalog.Instant(in.EndsAt)
	c.Stock, c.PerShopper = f.units("stock", in.Stock, 1), f.units("perShopper", in.PerShopper, 1)
	f.finishCoupon(c)
	if err := f.finish(); err != nil {
		return nil, err
	}
	return coupons.make(ctx, tx, now, c)
}

// UpdateCoupon changes a coupon; its code and kind stay. A stock below what has been used ends it for good.
//
// The error is a fault.List with all that is wrong: NOT_FOUND, CONFLICT with the catalog.Current version, INVALID_INPUT.
func (s *Service) UpdateCoupon(ctx context.Context, in UpdateCoupon) (*ent.Coupon, error) {
	return alone(ctx, s, s.UpdateCouponIn, in)
}

// UpdateCouponIn is UpdateCoupon in a transaction of the caller.
func (s *Service) UpdateCouponIn(ctx context.Context, tx *ent.Tx, in UpdateCoupon) (*ent.Coupon, error) {
	now, f, err := coupons.begin(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	row, refused, err := coupons.claim(ctx, tx, in.ID, in.ExpectedVersion, in.Malformed)
	if err != nil {
		return nil, err
	}
	var c couponContent
	if row != nil {
		c = couponContentOf(row)
	}
	f.change(&c.common, in.CommonChange)
	f.couponTerms(&c, in)
	if in.Scope.Set {
		if c.Scope, err = f.scopeOrAll(ctx, tx, in.Scope.Value); err != nil {
			return nil, err
		}
	}
	if row != nil {
		f.finishCoupon(c)
	}
	if err := f.finish(refused...); err != nil {
		return nil, err
	}
	return coupons.amend(ctx, tx, now, "updateCoupon", row, c)
}

// ArchiveCoupon withdraws a coupon for good. Its code stays taken. Archiving twice is the same as once.
func (s *Service) ArchiveCoupon(ctx context.Context, in Archive) (*ent.Coupon, error) {
	return alone(ctx, s, s.ArchiveCouponIn, in)
}

// ArchiveCouponIn is ArchiveCoupon in a transaction of the caller.
func (s *Service) ArchiveCouponIn(ctx context.Context, tx *ent.Tx, in Archive) (*ent.Coupon, error) {
	return coupons.archive(ctx, tx, s, in)
}

// couponTerms puts what an update sets, except the scope, into a content. Its kind is empty when the coupon is not known:
// then only what is wrong for any coupon is refused.
func (f *form) couponTerms(c *couponContent, in UpdateCoupon) {
	if in.Amounts.Set {
		c.Amounts = f.amounts(in.Amounts.Value)
	}
	percent := in.PercentOff.Value
	if !in.PercentOff.Set && c.BasisPoints > 0 {
		percent = new(Percent(c.BasisPoints))
	}
	switch {
	case c.Kind != "":
		c.BasisPoints = f.reduction(c.Kind == coupon.KindPERCENTAGE, percent, "amounts", c.Amounts, true)
	case percent != nil:
		f.percent(*percent)
	}
	if in.Combines.Set {
		c.Combines = in.Combines.Value
	}
	if in.StartsAt.Set {
		c.StartsAt = *catalog.Instant(&in.StartsAt.Value)
	}
	if in.EndsAt.Set {
		c.EndsAt = catalog.Instant(in.EndsAt.Value)
	}
	if in.Stock.Set {
		c.Stock = f.units("stock", in.Stock.Value, 0)
	}
	if in.PerShopper.Set {
		c.PerShopper = f.units("perShopper", in.PerShopper.Value, 1)
	}
}

// finishCoupon checks what concerns several fields.
func (f *form) finishCoupon(c couponContent) {
	if !f.wrong("startsAt") {
		f.Window("endsAt", &c.StartsAt, c.EndsAt)
	}
}

// amounts checks what a coupon takes off: as prices are, but none of them nothing.
func (f *form) amounts(list []catalog.Price) schema.Prices {
	stored := f.Prices("amounts", list)
	for i, one := range list {
		if one.Amount == 0 {
			f.Refuse(fmt.Sprintf("amounts.%d.amount", i), "Take off more than 0.")
		}
	}
	return stored
}

// code checks the code of a new coupon, and gives it in the form in which it counts.
func (f *form) code(text string) string {
	code := FoldCode(text)
	if n := utf8.RuneCountInString(code); n < minCode || n > maxCode {
		f.Refuse("code", "Give %d to %d characters, not %d.", minCode, maxCode, n)
	} else if !isCode(code) {
		f.Refuse("code", "A code has letters, digits, hyphens and underscores.")
	}
	return code
}

// isCode says whether a folded text can be the code of a coupon.
func isCode(code string) bool {
	allowed := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' }
	for _, r := range code {
		if !allowed(r) {
			return false
		}
	}
	n := utf8.RuneCountInString(code)
	return n >= minCode && n <= maxCode
}

// claimCode hashes the code of a new coupon, and refuses one that another coupon has, or had before it was put away.
func (f *form) claimCode(ctx context.Context, tx *ent.Tx, code string) ([]byte, error) {
	salt, err := makeSalt(ctx, tx)
	if err != nil {
		return nil, err
	}
	hash, err := hashCode(code, salt)
	if err != nil {
		return nil, err
	}
	taken, err := tx.Coupon.Query().Where(coupon.CodeHash(hash)).Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for the code of a coupon: %w", err)
	}
	if taken {
		f.Refuse("code", "Another coupon has this code.")
	}
	return hash, nil
}

func lastCharacters(code string) string {
	runes := []rune(code)
	return string(runes[len(runes)-shownCode:])
}

func hashCode(code string, salt []byte) ([]byte, error) {
	hash, err := pbkdf2.Key(sha256.New, code, salt, hashIterations, hashSize)
	if err != nil {
		return nil, fmt.Errorf("hash the code of a coupon: %w", err)
	}
	return hash, nil
}

// makeSalt is the salt of all codes, which is one for the shop: a code is found by its hash. It is made on first use. Of two
// who do that at once one finds that of the other.
func makeSalt(ctx context.Context, tx *ent.Tx) ([]byte, error) {
	salt, err := readSalt(ctx, tx.Client())
	if err != nil || salt != nil {
		return salt, err
	}
	fresh := make([]byte, saltSize)
	rand.Read(fresh)
	err = tx.ShopSecret.Create().SetID(id.New()).SetName(saltName).SetValue(fresh).
		OnConflictColumns(shopsecret.FieldName).Ignore().Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the salt of coupons: %w", err)
	}
	return readSalt(ctx, tx.Client())
}

// readSalt is the salt of all codes; nil before there is a coupon.
func readSalt(ctx context.Context, client *ent.Client) ([]byte, error) {
	row, err := client.ShopSecret.Query().Where(shopsecret.Name(saltName)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the salt of coupons: %w", err)
	}
	return row.Value, nil
}

func storeCoupon(ctx context.Context, tx *ent.Tx, now time.Time, change change[couponContent]) error {
	c := change.after
	if change.before == nil {
		err := tx.Coupon.Create().SetID(change.id).
			SetStatus(coupon.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
			SetCodeHash(c.hash).SetCodeHint(c.CodeHint).
			SetKind(c.Kind).SetBasisPoints(c.BasisPoints).SetAmounts(orEmpty(c.Amounts)).SetScope(c.Scope).SetCombines(c.Combines).
			SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).SetNillableStock(c.Stock).SetNillablePerShopper(c.PerShopper).
			SetVersion(change.version).SetCreatedAt(now).SetUpdatedAt(now).
			Exec(ctx)
		if err != nil {
			return fmt.Errorf("make a coupon: %w", err)
		}
		return beginCount(ctx, tx, change.id, c.Stock)
	}
	update := tx.Coupon.Update().Where(coupon.ID(change.id)).
		SetStatus(coupon.Status(c.Status)).SetLanguage(c.Language).SetTexts(c.Texts).
		SetBasisPoints(c.BasisPoints).SetAmounts(orEmpty(c.Amounts)).SetScope(c.Scope).SetCombines(c.Combines).
		SetStartsAt(c.StartsAt).SetNillableEndsAt(c.EndsAt).SetNillableStock(c.Stock).SetNillablePerShopper(c.PerShopper).
		SetVersion(change.version).SetUpdatedAt(now)
	if c.EndsAt == nil {
		update.ClearEndsAt()
	}
	if c.Stock == nil {
		update.ClearStock()
	}
	if c.PerShopper == nil {
		update.ClearPerShopper()
	}
	if err := update.Exec(ctx); err != nil {
		return fmt.Errorf("change a coupon: %w", err)
	}
	return limitCounts(ctx, tx, change.id, 0, c.Stock)
}

// CouponsByIDs finds coupons. Those that are not there are not in the result.
func CouponsByIDs(ctx context.Context, client *ent.Client, ids []uuid.UUID) (map[uuid.UUID]*ent.Coupon, error) {
	found := make(map[uuid.UUID]*ent.Coupon, len(ids))
	for chunk := range slices.Chunk(ids, countRows) {
		rows, err := client.Coupon.Query().Where(coupon.IDIn(chunk...)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("find coupons: %w", err)
		}
		for _, row := range rows {
			found[row.ID] = row
		}
	}
	return found, nil
}

// FindCoupon finds the coupon of a code, whatever has become of it (CouponCounts tells whether it counts); nil when there is
// none, or when the text cannot be a code. It takes some milliseconds of a processor, by intent: limit how often somebody
// may ask, and do not hold locks meanwhile.
func (s *Service) FindCoupon(ctx context.Context, client *ent.Client, code string) (*ent.Coupon, error) {
	folded := FoldCode(code)
	if !isCode(folded) {
		return nil, nil
	}
	salt, err := readSalt(ctx, client)
	if err != nil || salt == nil {
		return nil, err
	}
	hash, err := hashCode(folded, salt)
	if err != nil {
		return nil, err
	}
	row, err := client.Coupon.Query().Where(coupon.CodeHash(hash)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a coupon by its code: %w", err)
	}
	return row, nil
}

// CouponCounts says whether a coupon counts for one more purchase: it is active, the instant is in its window, and there
// are uses left of all and of the shopper's own, who has used it so often.
func CouponCounts(row *ent.Coupon, stock *ent.OfferStock, used int64, now time.Time) bool {
	if row.Status != coupon.StatusACTIVE || !within(&row.StartsAt, row.EndsAt, now) {
		return false
	}
	var taken int64
	if stock != nil {
		if stock.Closed {
			return false
		}
		taken = stock.Taken
	}
	return (row.Stock == nil || taken < *row.Stock) && (row.PerShopper == nil || used < *row.PerShopper)
}
