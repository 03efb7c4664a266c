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
