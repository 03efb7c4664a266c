package identity

import (
	"crypto"
)

// ReadJWK reads one published key and tells its algorithm.
func ReadJWK(text []byte) (alg string, public crypto.PublicKey, err error) {
	key, err := readJWK(text)
	return key.alg, key.public, err
}

// Thumbprint is the name that a key gives itself.
var Thumbprint = thumbprint

// Remember bounds how many tokens are remembered.
func (v *Verifier) Remember(most int) { v.memory.Resize(most) }

// Remembered is how many tokens are remembered.
func (v *Verifier) Remembered() int { return v.memory.Len() }

// Forget makes the next use of every token like its first.
func (v *Verifier) Forget() { v.memory.Purge() }

// RememberedTokens is the bound outside tests.
const RememberedTokens = rememberedTokens
