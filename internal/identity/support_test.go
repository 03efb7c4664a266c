package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"farthing/internal/identity"
)

const (
	audience = "farthing"
	issuer   = "https://issuer.example"
)

// now is when all tests take place unless they move their clock.
var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// The keys of the issuer, and of somebody else. RSA keys take long to make, so all tests share them.
var (
	edKey       = newEdKey()
	rsaKey      = newRSAKey(2048)
	ecKey       = newECKey(elliptic.P256())
	strangerKey = newEdKey()
)

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func newRSAKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func newECKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: now} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newVerifier makes a verifier; what a test does not set is the issuer's keys, audience, issuer, a minute of leeway and now.
func newVerifier(t testing.TB, change func(*identity.KeysConfig)) *identity.Verifier {
	t.Helper()
	config := identity.KeysConfig{
		PublicKeys: []crypto.PublicKey{edKey.Public(), rsaKey.Public(), ecKey.Public()},
		Issuer:     issuer,
		Audience:   audience,
		Leeway:     time.Minute,
		Clock:      func() time.Time { return now },
	}
	if change != nil {
		change(&config)
	}
	v, err := identity.NewVerifier(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type object map[string]any

// with returns a copy with some members set; a member whose value is absent is left out.
func (o object) with(members object) object {
	changed := maps.Clone(o)
	maps.Copy(changed, members)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == absent{} })
	return changed
}

type absent struct{}

// goodClaims are those of a token that is accepted.
func goodClaims() object {
	return object{
		"iss": issuer, "sub": "ada", "aud": audience, "roles": []string{"SHOPPER"},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// encode writes a segment of a token. A string or bytes are taken as they are, anything else is JSON.
func encode(t testing.TB, value any) string {
	t.Helper()
	switch value := value.(type) {
	case string:
		return base64.RawURLEncoding.EncodeToString([]byte(value))
	case []byte:
		return base64.RawURLEncoding.EncodeToString(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// sign makes a token of any header and claims, signed by the method of jwt that is named, whatever the header says.
func sign(t testing.TB, method jwt.SigningMethod, key, header, claims any) string {
	t.Helper()
	text := encode(t, header) + "." + encode(t, claims)
	signature, err := method.Sign(text, key)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(t, signature)
}

// signEd is sign by the issuer's Ed25519 key.
func signEd(t testing.TB, header, claims any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodEdDSA, edKey, header, claims)
}

func mint(t testing.TB, key crypto.Signer, change func(*identity.MintInput)) string {
	t.Helper()
	in := identity.MintInput{Subject: "ada", Issuer: issuer, Audience: audience, TTL: time.Hour, Now: now}
	if change != nil {
		change(&in)
	}
	token, err := identity.Mint(key, in)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// publicJWK is the key as an issuer publishes it.
func publicJWK(t testing.TB, public crypto.PublicKey, change func(*jwkset.JWKMarshal)) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{})
	if err != nil {
		t.Fatal(err)
	}
	published := jwk.Marshal()
	if change != nil {
		change(&published)
	}
	return published
}

func publicDER(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func publicPEM(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(t, public)})
}

func writeFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
