package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/MicahParks/jwkset"
)

// The algorithms of RFC 7518 and RFC 8037 in which a token may be signed. There is one for each type of key.
const (
	algEdDSA = "EdDSA"
	algRS256 = "RS256"
	algES256 = "ES256"
)

// RSA keys below 2048 bits can be broken; above 8192 verifying one token takes too long.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// maxKeyFileBytes is far more than any file of keys needs.
const maxKeyFileBytes = 256 << 10

// verificationKey is a public key with the one algorithm it may be used with.
type verificationKey struct {
	public crypto.PublicKey
	alg    string
	kid    string // As published; the thumbprint of a key that has no name.
}

// newVerificationKey binds a key to its algorithm and names it by its thumbprint. It refuses keys that are weak or of a
// type that is not in use here.
func newVerificationKey(public crypto.PublicKey) (verificationKey, error) {
	alg, err := algorithmOf(public)
	if err != nil {
		return verificationKey{}, err
	}
	kid, err := thumbprint(public)
	if err != nil {
		return verificationKey{}, err
	}
	return verificationKey{public: public, alg: alg, kid: kid}, nil
}

func algorithmOf(public crypto.PublicKey) (string, error) {
	switch key := public.(type) {
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return "", fmt.Errorf("an Ed25519 key has %d bytes, not %d", ed25519.PublicKeySize, len(key))
		}
		return algEdDSA, nil
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return "", fmt.Errorf("an RSA key of %d bits is not between %d and %d", bits, minRSABits, maxRSABits)
		}
		return algRS256, nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return "", fmt.Errorf("an ECDSA key on %s is not on P-256", key.Params().Name)
		}
		if _, err := key.ECDH(); err != nil { // Is the point on the curve?
			return "", err
		}
		return algES256, nil
	}
	return "", fmt.Errorf("a key of type %T is none of Ed25519, RSA and ECDSA", public)
}

// thumbprint names a key by what it is: the SHA-256 JWK thumbprint of RFC 7638 and, for Ed25519, RFC 8037.
func thumbprint(public crypto.PublicKey) (string, error) {
	jwk, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{})
	if err != nil {
		return "", fmt.Errorf("take the thumbprint of a key: %w", err)
	}
	// The required members in the order of their names, without a space.
	var members string
	switch m := jwk.Marshal(); m.KTY {
	case jwkset.KtyRSA:
		members = fmt.Sprintf(`{"e":%q,"kty":%q,"n":%q}`, m.E, m.KTY, m.N)
	case jwkset.KtyEC:
		members = fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, m.CRV, m.KTY, m.X, m.Y)
	case jwkset.KtyOKP:
		members = fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q}`, m.CRV, m.KTY, m.X)
	default:
		return "", fmt.Errorf("take the thumbprint of a key: %s keys have none here", m.KTY)
	}
	sum := sha256.Sum256([]byte(members))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// readPublicKeys reads the public keys and certificates of a PEM file, of which there must be at least one.
func readPublicKeys(path string) ([]crypto.PublicKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	rest, err := io.ReadAll(io.LimitReader(file, maxKeyFileBytes))
	if err != nil {
		return nil, err
	}
	var publics []crypto.PublicKey
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "PUBLIC KEY":
			public, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			publics = append(publics, public)
		case "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, err
			}
			publics = append(publics, certificate.PublicKey)
		default:
			// A private key above all: it has no business on a machine that only verifies.
			return nil, fmt.Errorf("it holds a PEM block %q; only PUBLIC KEY and CERTIFICATE belong there", block.Type)
		}
	}
	if len(publics) == 0 {
		return nil, errors.New("it holds no PEM block PUBLIC KEY or CERTIFICATE")
	}
	return publics, nil
}
