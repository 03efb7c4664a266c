package identity

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"farthing/internal/actor"
)

const privateKeyBlock = "PRIVATE KEY"

// LoadSigningKey reads the Ed25519 key that development tokens are signed with: PEM, PKCS #8.
//
// As ssh does, it refuses a file that anybody but its owner may read or write: whoever has it can be anyone. (Windows
// keeps no such mode, and there it is not asked.) The error of a file that does not exist is fs.ErrNotExist.
func LoadSigningKey(path string) (ed25519.PrivateKey, error) {
	key, err := readSigningKey(path)
	if err != nil {
		return nil, fmt.Errorf("load the signing key: %w", err)
	}
	return key, nil
}

func readSigningKey(path string) (ed25519.PrivateKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has mode %#o, so that others may use the key; chmod 600 it, or delete it for a new one",
			path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFileBytes))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateKeyBlock {
		return nil, fmt.Errorf("%s does not hold a PEM block %s", path, privateKeyBlock)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the key of %s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, not an Ed25519 key", path, parsed)
	}
	return key, nil
}

// LoadOrCreateSigningKey is LoadSigningKey, but makes a key with mode 0600, and its folder with mode 0700, where there is
// none. The file appears whole or not at all, and processes that start at the same time end up with the same key;
// created is true for the one that made it.
func LoadOrCreateSigningKey(path string) (key ed25519.PrivateKey, created bool, err error) {
	key, err = LoadSigningKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	err = createSigningKey(path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, false, fmt.Errorf("create the signing key: %w", err)
	}
	created = err == nil
	key, err = LoadSigningKey(path)
	if err != nil {
		return nil, false, err
	}
	return key, created, nil
}

// createSigningKey writes a new key to path; fs.ErrExist if something is there already.
func createSigningKey(path string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, ".signing-key-*") // With mode 0600.
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = errors.Join(
		pem.Encode(file, &pem.Block{Type: privateKeyBlock, Bytes: der}),
		file.Sync(),
		file.Close(),
	)
	if err != nil {
		return err
	}
	// A link and not a rename: a rename would silently replace the key that another process has just put there.
	return os.Link(file.Name(), path)
}

// MintInput says what a new token says.
type MintInput struct {
	// Subject names the bearer: 1 to 255 bytes without control characters.
	Subject string
	// Roles are what the token grants; none is allowed.
	Roles []actor.Role
	// Issuer is who vouches for the subject; empty for a token without iss.
	Issuer string
	// Audience is who the token is for. Required.
	Audience string
	// TTL is how long the token lasts, from one second on.
	TTL time.Duration
	// Now is when the token is made; it lasts from then, truncated to the second.
	Now time.Time
}

// Mint signs a token that a Verifier with the key's public half accepts. The key is Ed25519, RSA of at least 2048 bits or
// ECDSA on P-256; the token's kid is its JWK thumbprint (RFC 7638).
func Mint(key crypto.Signer, in MintInput) (string, error) {
	public, err := newVerificationKey(key.Public())
	if err != nil {
		return "", fmt.Errorf("mint a token: %w", err)
	}
	if err := in.check(); err != nil {
		return "", fmt.Errorf("mint a token: %w", err)
	}
	issued := in.Now.Truncate(time.Second)
	claims := jwt.MapClaims{
		"sub": in.Subject,
		"aud": in.Audience,
		"iat": issued.Unix(),
		"exp": issued.Add(in.TTL).Unix(),
	}
	if in.Issuer != "" {
		claims["iss"] = in.Issuer
	}
	if len(in.Roles) > 0 {
		claims["roles"] = in.Roles
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(public.alg), claims)
	token.Header["kid"] = public.kid
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("mint a token: %w", err)
	}
	return signed, nil
}

// check refuses a token that no Verifier would accept.
func (in MintInput) check() error {
	if err := checkName(in.Subject); err != nil {
		return fmt.Errorf("the subject %w", err)
	}
	if in.Issuer != "" {
		if err := checkName(in.Issuer); err != nil {
			return fmt.Errorf("the issuer %w", err)
		}
	}
	if in.Audience == "" {
		return errors.New("the audience is missing")
	}
	if in.TTL < time.Second {
		return fmt.Errorf("a life of %s is shorter than a second", in.TTL)
	}
	for _, role := range in.Roles {
		if !slices.Contains(actor.Roles(), role) {
			return fmt.Errorf("there is no role %q", role)
		}
	}
	return nil
}
