package identity

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
)

// rememberedTokens is how many verified tokens are remembered: some ten megabytes.
const rememberedTokens = 1 << 14

// tokenName stands for a token in memory, so that nobody who reads the memory can use what is remembered there.
type tokenName [sha256.Size]byte

// verified is what was found out about a token that was good. Checking a signature costs a hundred times what looking
// here does, and shoppers send the same token with every request.
//
// Only what cannot change is taken from here. Whether the token is good now is asked each time: it must be within its
// dates, and the keys in force must be those that it was verified by. Of tokens that were refused nothing is
// remembered; anybody can make those up.
type verified struct {
	claims Claims
	// from and until bound the instants at which the token is taken, leeway included: [from, until).
	from, until time.Time
	// keySet is the number of the key set that was in force; never 0.
	keySet uint64
}

// newVerified keeps the claims of a token that was found good when a key set was in force. The error is for dates
// that cannot be read.
func newVerified(claims Claims, said jwt.MapClaims, leeway time.Duration, keySet uint64) (verified, error) {
	known := verified{claims: claims, until: claims.ExpiresAt.Add(leeway), keySet: keySet}
	known.claims.Roles = slices.Clone(claims.Roles) // The caller may do anything with its own.
	notBefore, err := said.GetNotBefore()
	if err != nil {
		return verified{}, err
	}
	issued, err := said.GetIssuedAt()
	if err != nil {
		return verified{}, err
	}
	for _, date := range []*jwt.NumericDate{notBefore, issued} {
		if date == nil {
			continue
		}
		if from := date.Add(-leeway); from.After(known.from) {
			known.from = from
		}
	}
	return known, nil
}

// good says whether the token is to be taken at an instant at which a key set is in force.
func (k verified) good(now time.Time, keySet uint64) bool {
	return k.keySet == keySet && !now.Before(k.from) && now.Before(k.until)
}

// said is what the token says, for the caller to keep.
func (k verified) said() Claims {
	claims := k.claims
	claims.Roles = slices.Clone(claims.Roles)
	return claims
}

// newMemory makes room for verified tokens. Those that have not been seen for longest make room for others.
func newMemory() *lru.Cache[tokenName, verified] {
	memory, _ := lru.New[tokenName, verified](rememberedTokens) // Fails for a size below one only.
	return memory
}
