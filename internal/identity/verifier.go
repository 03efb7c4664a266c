package identity

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"farthing/internal/actor"
	"farthing/internal/fault"
)

const (
	// maxTokenBytes is checked before anything of a token is read, so that no header can be made expensive.
	maxTokenBytes = 8 << 10
	// maxNameBytes bounds a subject and an issuer; OpenID Connect allows a subject 255 ASCII characters.
	maxNameBytes = 255
	// MaxLeeway is the most that the clocks of issuer and verifier may be taken to differ.
	MaxLeeway = time.Minute
)

// lastInstant is the end of the year 9999. A later date in a token is a mistake (milliseconds for seconds, mostly), and
// far later ones wrap around when they become a time.
const lastInstant = 253402300799

// KeysConfig says whose tokens are taken.
type KeysConfig struct {
	// PublicKeyFile is a PEM file of public keys (PKIX) and certificates; empty for none. A certificate only
	// carries a key here: its dates and its issuer are not judged.
	PublicKeyFile string
	// PublicKeys are keys already in hand: ed25519.PublicKey, *rsa.PublicKey or *ecdsa.PublicKey.
	PublicKeys []crypto.PublicKey
	// JWKSURL is where the issuer publishes its keys (RFC 7517): https, or http on a loopback address; empty for nowhere.
	JWKSURL string
	// Issuer is the iss that tokens must carry. Empty takes any issuer, and tokens without one.
	Issuer string
	// Audience is the aud that tokens must carry, alone or among others. Required.
	Audience string
	// Leeway is how far the issuer's clock may be off when exp, nbf and iat are judged: 0 to MaxLeeway.
	Leeway time.Duration
	// Clock tells the time; nil is time.Now.
	Clock func() time.Time
	// Logger hears about keys that cannot be used or fetched; nil is silence.
	Logger *slog.Logger
}

// Claims is what a valid token says about its bearer.
type Claims struct {
	// Subject is the bearer's name at the issuer: 1 to 255 bytes without control characters.
	Subject string
	// Issuer is who vouches for the subject; empty for a token without iss.
	Issuer string
	// Roles are those of the token that exist here, each once, in the order of actor.Roles. Others are ignored.
	Roles []actor.Role
	// ExpiresAt is when the token ends, without leeway.
	ExpiresAt time.Time
}

// Verifier tells valid bearer tokens from all others. It remembers some 16,000 that were valid, which spares it their
// signatures and nothing else. It is safe for concurrent use.
type Verifier struct {
	static []verificationKey
	remote *remoteKeys // nil without a JWKSURL
	parser *jwt.Parser
	leeway time.Duration
	clock  func() time.Time
	memory *lru.Cache[tokenName, verified]
}

// NewVerifier reads the keys of the configuration and fetches those that are published; ctx bounds that first fetch only.
//
// It fails on a configuration that could not verify anything or not safely: no key, no audience, an RSA key below 2048
// bits, a curve other than P-256, an address that cannot be fetched or would be fetched in the clear.
func NewVerifier(ctx context.Context, config KeysConfig) (*Verifier, error) {
	if config.Clock == nil {
		config.Clock = time.Now //nolint:forbidigo // The default that KeysConfig promises.
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Audience == "" {
		return nil, errors.New("set up token verification: an audience is required")
	}
	if config.Leeway < 0 || config.Leeway > MaxLeeway {
		return nil, fmt.Errorf("set up token verification: a leeway of %s is not between 0s and %s", config.Leeway, MaxLeeway)
	}
	if config.PublicKeyFile == "" && len(config.PublicKeys) == 0 && config.JWKSURL == "" {
		return nil, errors.New("set up token verification: a public key or the address of a key set is required")
	}

	v := &Verifier{leeway: config.Leeway, clock: config.Clock, memory: newMemory()}
	publics := config.PublicKeys
	if config.PublicKeyFile != "" {
		read, err := readPublicKeys(config.PublicKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the public keys of %s: %w", config.PublicKeyFile, err)
		}
		publics = append(read, publics...)
	}
	for i, public := range publics {
		key, err := newVerificationKey(public)
		if err != nil {
			return nil, fmt.Errorf("use public key %d of %d: %w", i+1, len(publics), err)
		}
		v.static = append(v.static, key)
	}
	if config.JWKSURL != "" {
		remote, err := newRemoteKeys(ctx, config.JWKSURL, config.Clock, config.Logger)
		if err != nil {
			return nil, fmt.Errorf("fetch the token issuer's keys from %s: %w", config.JWKSURL, err)
		}
		v.remote = remote
	}

	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{algEdDSA, algRS256, algES256}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithIssuer(config.Issuer), // Empty is any.
		jwt.WithAudience(config.Audience),
		jwt.WithLeeway(config.Leeway),
		jwt.WithTimeFunc(config.Clock),
	)
	return v, nil
}

// Verify returns what a token says if an issuer's key signed it, and it is meant for us and for now.
//
// Its error is always an UNAUTHENTICATED fault. What the caller sees of it tells an expired token from an invalid one
// and no more; the rest of the error, for logs, says what was wrong.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	if err := checkShape(token); err != nil {
		return Claims{}, refused(err)
	}
	name := tokenName(sha256.Sum256([]byte(token)))
	keySet := v.keySet(ctx) // Read before any key is used, so that nothing is taken for verified by keys to come.
	if known, ok := v.memory.Get(name); ok && known.good(v.clock(), keySet) {
		return known.said(), nil
	}
	// A map, since a struct would take "SUB" for "sub" and let the two overwrite one another.
	said := jwt.MapClaims{}
	_, err := v.parser.ParseWithClaims(token, said, func(t *jwt.Token) (any, error) {
		kid, err := checkHeader(t.Header)
		if err != nil {
			return nil, err
		}
		return v.keys(ctx, t.Method.Alg(), kid)
	})
	if err != nil {
		return Claims{}, refused(err)
	}
	claims, err := readClaims(said)
	if err != nil {
		return Claims{}, refused(err)
	}
	if keySet != 0 {
		known, err := newVerified(claims, said, v.leeway, keySet)
		if err != nil {
			return Claims{}, refused(err)
		}
		v.memory.Add(name, known)
	}
	return claims, nil
}

// refused wraps the reason, for logs, in the one sentence a caller may see.
func refused(reason error) error {
	message := "The token is not valid."
	if errors.Is(reason, jwt.ErrTokenExpired) { // Only asked once the signature is good.
		message = "The token has expired."
	}
	return fmt.Errorf("%w (%w)", fault.New(fault.Unauthenticated, "%s", message), reason)
}

// checkShape refuses what cannot be a token without decoding any of it.
func checkShape(token string) error {
	if len(token) > maxTokenBytes {
		return fmt.Errorf("token of %d bytes is longer than %d", len(token), maxTokenBytes)
	}
	dots := 0
	for _, c := range []byte(token) {
		switch {
		case c == '.':
			dots++
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			// Go's base64 skips line breaks: without this, one signature could be written in many ways.
			return fmt.Errorf("byte %#x does not belong in a token", c)
		}
	}
	if dots != 2 {
		return fmt.Errorf("token has %d segments, not 3", dots+1)
	}
	return nil
}

// checkHeader returns the kid of a header, or why the header is refused. All it may do is pick among the keys we
// have: jku, x5u, jwk and x5c, by which a token would bring its own key, are never read.
func checkHeader(header map[string]any) (kid string, err error) {
	if _, ok := header["crit"]; ok {
		return "", errors.New("header has critical extensions, and none is understood here")
	}
	if value, ok := header["typ"]; ok {
		typ, _ := value.(string)
		// RFC 7515: a media type, of any case, whose "application/" may be left out.
		switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
		case "jwt", "at+jwt":
		default:
			return "", fmt.Errorf("header has typ %q, which is no access token", value)
		}
	}
	if value, ok := header["kid"]; ok {
		if kid, ok = value.(string); !ok {
			return "", errors.New("header has a kid that is not a string")
		}
	}
	return kid, nil
}

// keySet is the number of the key set in force, which changes whenever a key may have come or gone. It is 0, under which
// nothing may be remembered, while the published keys are too old to be believed.
func (v *Verifier) keySet(ctx context.Context) uint64 {
	if v.remote == nil {
		return 1
	}
	return v.remote.number(ctx)
}

// keys returns the keys that may have signed a token with this algorithm and kid. Every key is bound to one
// algorithm, its own, so a token cannot choose how a key is used.
//
// A published key is found by its kid. Keys from files have no name but their thumbprint, and issuers who name
// theirs otherwise are welcome: those keys are tried whatever the kid.
func (v *Verifier) keys(ctx context.Context, alg, kid string) (jwt.VerificationKeySet, error) {
	var set jwt.VerificationKeySet
	for _, key := range v.static {
		if key.alg != alg {
			continue
		}
		if key.kid == kid {
			return jwt.VerificationKeySet{Keys: []jwt.VerificationKey{key.public}}, nil
		}
		set.Keys = append(set.Keys, key.public)
	}
	if v.remote != nil {
		for _, key := range v.remote.find(ctx, alg, kid) {
			set.Keys = append(set.Keys, key.public)
		}
	}
	if len(set.Keys) == 0 {
		return set, fmt.Errorf("no %s key has the kid %q", alg, kid)
	}
	return set, nil
}

// readClaims takes what matters out of claims whose signature, dates, audience and issuer have been found good.
func readClaims(said jwt.MapClaims) (Claims, error) {
	for _, name := range []string{"exp", "nbf", "iat"} {
		if seconds, ok := said[name].(float64); ok && (seconds < 0 || seconds > lastInstant) {
			return Claims{}, fmt.Errorf("%s is not a time between the years 1970 and 9999 in seconds", name)
		}
	}
	expires, err := said.GetExpirationTime()
	if err != nil {
		return Claims{}, err
	}
	subject, err := said.GetSubject()
	if err != nil {
		return Claims{}, err
	}
	if err := checkName(subject); err != nil {
		return Claims{}, fmt.Errorf("sub %w", err)
	}
	issuer, err := said.GetIssuer()
	if err != nil {
		return Claims{}, err
	}
	if issuer != "" {
		if err := checkName(issuer); err != nil {
			return Claims{}, fmt.Errorf("iss %w", err)
		}
	}
	roles, err := readRoles(said["roles"])
	if err != nil {
		return Claims{}, err
	}
	return Claims{Subject: subject, Issuer: issuer, Roles: roles, ExpiresAt: expires.UTC()}, nil
}

// checkName says what keeps a text from naming a subject or an issuer.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case len(name) > maxNameBytes:
		return fmt.Errorf("is %d bytes long, more than %d", len(name), maxNameBytes)
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("has control characters")
	case strings.ContainsRune(name, utf8.RuneError):
		// JSON decoding writes U+FFFD for whatever it cannot read: two names would become one.
		return errors.New("is not all readable text")
	}
	return nil
}

// readRoles reads an array of role names; no array is no roles.
func readRoles(value any) ([]actor.Role, error) {
	if value == nil {
		return nil, nil
	}
	values, ok := value.([]any)
	if !ok {
		return nil, errors.New("roles is not an array")
	}
	granted := make(map[actor.Role]bool, len(values))
	for _, value := range values {
		name, ok := value.(string)
		if !ok {
			return nil, errors.New("roles holds something that is not a string")
		}
		granted[actor.Role(name)] = true
	}
	var roles []actor.Role
	for _, role := range actor.Roles() {
		if granted[role] {
			roles = append(roles, role)
		}
	}
	return roles, nil
}
