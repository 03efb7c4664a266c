package identity_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"farthing/internal/actor"
	"farthing/internal/fault"
	"farthing/internal/identity"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	header := object{"alg": "EdDSA", "typ": "JWT"}
	good := identity.Claims{
		Subject: "ada", Issuer: issuer, Roles: []actor.Role{actor.Shopper}, ExpiresAt: now.Add(time.Hour),
	}
	change := func(f func(*identity.Claims)) identity.Claims {
		c := good
		f(&c)
		return c
	}
	tests := []struct {
		name   string
		token  string
		config func(*identity.KeysConfig)
		want   identity.Claims
	}{
		{name: "EdDSA", token: signEd(t, header, goodClaims()), want: good},
		{
			name: "RS256", want: good,
			token: sign(t, jwt.SigningMethodRS256, rsaKey, object{"alg": "RS256"}, goodClaims()),
		},
		{
			name: "ES256", want: good,
			token: sign(t, jwt.SigningMethodES256, ecKey, object{"alg": "ES256"}, goodClaims()),
		},
		{
			name: "an_access_token_of_RFC_9068", want: good,
			token: signEd(t, header.with(object{"typ": "application/at+JWT"}), goodClaims()),
		},
		{
			name: "a_header_without_typ", want: good,
			token: signEd(t, header.with(object{"typ": absent{}}), goodClaims()),
		},
		{
			name: "a_kid_that_the_issuer_chose", want: good,
			token: signEd(t, header.with(object{"kid": "2026-spring"}), goodClaims()),
		},
		{
			name: "one_audience_among_several", want: good,
			token: signEd(t, header, goodClaims().with(object{"aud": []string{"other", audience}})),
		},
		{
			name:  "any_issuer_when_none_is_configured",
			token: signEd(t, header, goodClaims().with(object{"iss": "https://elsewhere.example"})), config: anyIssuer,
			want: change(func(c *identity.Claims) { c.Issuer = "https://elsewhere.example" }),
		},
		{
			name:  "no_issuer_when_none_is_configured",
			token: signEd(t, header, goodClaims().with(object{"iss": absent{}})), config: anyIssuer,
			want: change(func(c *identity.Claims) { c.Issuer = "" }),
		},
		{
			name:  "roles_each_once_and_without_unknown_ones",
			token: signEd(t, header, goodClaims().with(object{"roles": []string{"ADMIN", "OWNER", "SHOPPER", "ADMIN", "admin"}})),
			want:  change(func(c *identity.Claims) { c.Roles = []actor.Role{actor.Shopper, actor.Admin} }),
		},
		{
			name:  "no_roles",
			token: signEd(t, header, goodClaims().with(object{"roles": absent{}})),
			want:  change(func(c *identity.Claims) { c.Roles = nil }),
		},
		{
			name:  "only_unknown_roles",
			token: signEd(t, header, goodClaims().with(object{"roles": []string{"OWNER"}})),
			want:  change(func(c *identity.Claims) { c.Roles = nil }),
		},
		{
			name:  "the_longest_subject",
			token: signEd(t, header, goodClaims().with(object{"sub": strings.Repeat("가", 85)})),
			want:  change(func(c *identity.Claims) { c.Subject = strings.Repeat("가", 85) }),
		},
		{
			name:  "the_claim_and_not_one_that_looks_like_it",
			token: signEd(t, header, `{"iss":"`+issuer+`","sub":"ada","SUB":"eve","aud":"farthing","exp":`+unix(time.Hour)+`,"Exp":1}`),
			want:  change(func(c *identity.Claims) { c.Roles = nil }),
		},
		{
			name:  "the_last_instant_of_the_leeway",
			token: signEd(t, header, goodClaims().with(object{"exp": now.Add(-59 * time.Second).Unix()})),
			want:  change(func(c *identity.Claims) { c.ExpiresAt = now.Add(-59 * time.Second) }),
		},
		{
			name: "the_issuer's_clock_a_minute_ahead", want: good,
			token: signEd(t, header, goodClaims().with(object{
				"nbf": now.Add(time.Minute).Unix(), "iat": now.Add(time.Minute).Unix(),
			})),
		},
	}
	for _, tt := range tests {
		t.Run("accepts/"+tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, tt.config).Verify(t.Context(), tt.token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func anyIssuer(config *identity.KeysConfig) { config.Issuer = "" }

// unix is the number of seconds of an instant that far from now, as text.
func unix(d time.Duration) string { return big.NewInt(now.Add(d).Unix()).String() }

// TestVerifyRefuses drives a verifier that has a key of each type with every way to forge a token that is known. All are
// refused with the same sentence and in less than five milliseconds.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	const invalid, expired = "The token is not valid.", "The token has expired."

	// Whoever makes the server of a token speak has followed an address in it.
	var visits atomic.Int32
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(func() {
		lure.Close()
		if n := visits.Load(); n > 0 {
			t.Errorf("an address in a token was visited %d times", n)
		}
	})

	header, claims := object{"alg": "EdDSA", "typ": "JWT"}, goodClaims()
	token := signEd(t, header, claims)
	segments := strings.Split(token, ".")
	bare := func(alg string) string { return encode(t, object{"alg": alg}) + "." + encode(t, claims) + "." }
	headed := func(members object) string { return signEd(t, header.with(members), claims) }
	claimed := func(members object) string { return signEd(t, header, claims.with(members)) }
	hmac := func(secret []byte) string {
		return sign(t, jwt.SigningMethodHS256, secret, object{"alg": "HS256"}, claims)
	}
	stranger := func(members object) string {
		return sign(t, jwt.SigningMethodEdDSA, strangerKey, header.with(members), claims)
	}
	strangerJWK := publicJWK(t, strangerKey.Public(), nil)
	p384Key := newECKey(elliptic.P384())

	tests := []struct {
		name, token string
		message     string // empty is invalid
	}{
		// Not a token at all.
		{name: "nothing", token: ""},
		{name: "dots_alone", token: ".."},
		{name: "one_segment", token: segments[0]},
		{name: "two_segments", token: segments[0] + "." + segments[1]},
		{name: "a_fourth_segment", token: token + "." + segments[2]},
		{name: "a_repeated_claims_segment", token: segments[0] + "." + segments[1] + "." + segments[1] + "." + segments[2]},
		{name: "five_segments_as_if_encrypted", token: token + ".." + segments[2]},
		{name: "8000_dots", token: strings.Repeat(".", 8000)},
		{name: "9_million_dots", token: strings.Repeat(".", 9<<20)},
		{name: "a_header_of_9_MB", token: strings.Repeat("A", 9<<20) + "." + segments[1] + "." + segments[2]},
		{name: "a_signed_token_above_8_KiB", token: claimed(object{"pad": strings.Repeat("x", 8<<10)})},
		{name: "a_truncated_signature", token: token[:len(token)-1]},
		{name: "an_empty_signature", token: segments[0] + "." + segments[1] + "."},
		{name: "padding", token: token + "=="},
		{name: "a_space_before", token: " " + token},
		{name: "a_line_break_after", token: token + "\n"},
		{name: "a_line_break_within_the_signature", token: token[:len(token)-4] + "\r\n" + token[len(token)-4:]},
		{name: "the_scheme_before", token: "Bearer " + token},
		{name: "a_NUL_after", token: token + "\x00"},
		{name: "fullwidth_letters", token: strings.Replace(token, "e", "ｅ", 1)},
		{name: "plain_base64", token: strings.Map(func(r rune) rune {
			if r == '-' || r == '_' {
				return '+'
			}
			return r
		}, token) + "+"},
		{name: "stray_bits_at_the_end_of_the_signature", token: strayBits(token)},
		{name: "a_header_that_is_not_JSON", token: signEd(t, "{", claims)},
		{name: "a_header_that_is_null", token: signEd(t, "null", claims)},
		{name: "a_header_nested_deeply", token: signEd(t, strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500), claims)},
		{name: "claims_that_are_not_JSON", token: signEd(t, header, "[")},
		{name: "claims_that_are_an_array", token: signEd(t, header, "[]")},
		{name: "claims_that_are_null", token: signEd(t, header, "null")},
		{name: "claims_with_something_after", token: signEd(t, header, `{"sub":"ada"}{}`)},

		// The algorithm.
		{name: "no_alg", token: headed(object{"alg": absent{}})},
		{name: "alg_none", token: bare("none")},
		{name: "alg_None", token: bare("None")},
		{name: "alg_nOnE", token: bare("nOnE")},
		{name: "alg_none_with_the_good_signature", token: bare("none") + segments[2]},
		{name: "alg_empty", token: headed(object{"alg": ""})},
		{name: "alg_null", token: headed(object{"alg": nil})},
		{name: "alg_a_list", token: headed(object{"alg": []string{"EdDSA"}})},
		{name: "alg_in_lower_case", token: headed(object{"alg": "eddsa"})},
		{name: "HS256_with_the_PEM_of_the_RSA_key", token: hmac(publicPEM(t, rsaKey.Public()))},
		{name: "HS256_with_the_DER_of_the_RSA_key", token: hmac(publicDER(t, rsaKey.Public()))},
		{name: "HS256_with_the_PEM_of_the_Ed25519_key", token: hmac(publicPEM(t, edKey.Public()))},
		{name: "HS256_with_the_bytes_of_the_Ed25519_key", token: hmac(edKey.Public().(ed25519.PublicKey))},
		{name: "HS256_with_nothing", token: hmac([]byte{})},
		{name: "PS256_by_the_RSA_key", token: sign(t, jwt.SigningMethodPS256, rsaKey, object{"alg": "PS256"}, claims)},
		{name: "RS512_by_the_RSA_key", token: sign(t, jwt.SigningMethodRS512, rsaKey, object{"alg": "RS512"}, claims)},
		{name: "RS512_called_RS256", token: sign(t, jwt.SigningMethodRS512, rsaKey, object{"alg": "RS256"}, claims)},
		{name: "ES384_by_a_key_on_P-384", token: sign(t, jwt.SigningMethodES384, p384Key, object{"alg": "ES384"}, claims)},
		{name: "ES384_called_ES256", token: sign(t, jwt.SigningMethodES384, p384Key, object{"alg": "ES256"}, claims)},
		{name: "EdDSA_called_RS256", token: headed(object{"alg": "RS256"})},
		{name: "RS256_called_EdDSA", token: sign(t, jwt.SigningMethodRS256, rsaKey, object{"alg": "EdDSA"}, claims)},
		{name: "ES256_with_a_signature_of_zeros", token: encode(t, object{"alg": "ES256"}) + "." + encode(t, claims) + "." +
			encode(t, make([]byte, 64))},

		// The key.
		{name: "a_stranger's_key", token: stranger(nil)},
		{name: "a_stranger's_key_under_our_kid", token: stranger(object{"kid": kidOf(t)})},
		{name: "a_stranger's_key_in_jwk", token: stranger(object{"jwk": strangerJWK})},
		{name: "a_stranger's_key_at_jku", token: stranger(object{"jku": lure.URL, "kid": "x"})},
		{name: "a_stranger's_certificate_at_x5u", token: stranger(object{"x5u": lure.URL})},
		{name: "a_stranger's_certificate_in_x5c", token: stranger(object{"x5c": []string{selfSigned(t, strangerKey)}})},
		{name: "a_kid_that_is_a_path", token: stranger(object{"kid": "../../../../dev/null"})},
		{name: "a_kid_that_is_SQL", token: stranger(object{"kid": "' UNION SELECT 'x'; --"})},
		{name: "a_kid_that_is_an_address", token: stranger(object{"kid": lure.URL})},
		{name: "a_kid_that_is_a_number", token: headed(object{"kid": 1})},
		{name: "another_token's_signature", token: segments[0] + "." + encode(t, claims.with(object{"sub": "eve"})) + "." +
			segments[2]},

		// The header.
		{name: "an_extension_that_is_critical", token: headed(object{"crit": []string{"b64"}, "b64": false})},
		{name: "no_critical_extension", token: headed(object{"crit": nil})},
		{name: "an_ID_token's_typ", token: headed(object{"typ": "id+jwt"})},
		{name: "a_logout_token's_typ", token: headed(object{"typ": "logout+jwt"})},
		{name: "a_typ_that_is_a_list", token: headed(object{"typ": []string{"JWT"}})},

		// The claims.
		{name: "another_audience", token: claimed(object{"aud": "other"})},
		{name: "an_audience_that_contains_ours", token: claimed(object{"aud": "farthing.example"})},
		{name: "no_audience", token: claimed(object{"aud": absent{}})},
		{name: "an_audience_that_is_a_number", token: claimed(object{"aud": 1})},
		{name: "another_issuer", token: claimed(object{"iss": issuer + "/"})},
		{name: "no_issuer", token: claimed(object{"iss": absent{}})},
		{name: "expired_a_second_past_the_leeway", message: expired, token: claimed(object{"exp": now.Add(-61 * time.Second).Unix()})},
		{name: "expired_at_the_end_of_the_leeway", message: expired, token: claimed(object{"exp": now.Add(-60 * time.Second).Unix()})},
		{name: "expired_and_not_ours", token: sign(t, jwt.SigningMethodEdDSA, strangerKey, header, claims.with(object{"exp": 1}))},
		{name: "not_valid_yet", token: claimed(object{"nbf": now.Add(61 * time.Second).Unix()})},
		{name: "issued_in_the_future", token: claimed(object{"iat": now.Add(61 * time.Second).Unix()})},
		{name: "no_expiry", token: claimed(object{"exp": absent{}})},
		{name: "an_expiry_of_null", token: claimed(object{"exp": nil})},
		{name: "an_expiry_of_zero", token: claimed(object{"exp": 0})},
		{name: "an_expiry_in_text", token: claimed(object{"exp": "2030-01-01T00:00:00Z"})},
		{name: "an_expiry_in_milliseconds", token: claimed(object{"exp": now.Add(time.Hour).UnixMilli()})},
		{name: "an_expiry_beyond_numbers", token: signEd(t, header, `{"iss":"`+issuer+`","sub":"ada","aud":"farthing","exp":1e400}`)},
		{name: "a_start_that_would_wrap_around", token: claimed(object{"nbf": 1e19})},
		{name: "no_subject", token: claimed(object{"sub": absent{}})},
		{name: "an_empty_subject", token: claimed(object{"sub": ""})},
		{name: "a_subject_that_is_a_number", token: claimed(object{"sub": 1})},
		{name: "a_subject_of_256_bytes", token: claimed(object{"sub": strings.Repeat("a", 256)})},
		{name: "a_subject_with_a_line_break", token: claimed(object{"sub": "ada\nadmin"})},
		{name: "a_subject_with_a_NUL", token: claimed(object{"sub": "ada\x00"})},
		{name: "a_subject_that_is_not_UTF-8", token: signEd(t, header,
			"{\"iss\":\""+issuer+"\",\"sub\":\"ada\xff\",\"aud\":\"farthing\",\"exp\":"+unix(time.Hour)+"}")},
		{name: "roles_that_are_a_string", token: claimed(object{"roles": "ADMIN"})},
		{name: "roles_that_are_numbers", token: claimed(object{"roles": []int{1}})},
		{name: "roles_that_are_an_object", token: claimed(object{"roles": object{"ADMIN": true}})},
	}
	v := newVerifier(t, nil)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatalf("the token that all others are made of is refused: %v", err)
	}
	t.Logf("%d forged tokens", len(tests))
	// One after the other, so that each is timed alone.
	for _, tt := range tests {
		want := tt.message
		if want == "" {
			want = invalid
		}
		t.Run(tt.name, func(t *testing.T) {
			// A busy machine may take longer once, or a few times, but not always.
			best := time.Hour
			for try := 0; try < 100 && best > 5*time.Millisecond; try++ {
				started := time.Now()
				claims, err := v.Verify(t.Context(), tt.token)
				best = min(best, time.Since(started))

				if diff := cmp.Diff(identity.Claims{}, claims); diff != "" {
					t.Fatalf("a refused token has claims:\n%s", diff)
				}
				faults := fault.From(err)
				if len(faults) != 1 || faults[0].Code != fault.Unauthenticated || faults[0].Message != want {
					t.Fatalf("got %v, want UNAUTHENTICATED: %s", err, want)
				}
				if !strings.Contains(err.Error(), " (") {
					t.Fatalf("the log would not learn why: %v", err)
				}
			}
			if best > 5*time.Millisecond {
				t.Errorf("refusing took %s", best)
			}
		})
	}
}

// strayBits sets a bit of the last character that the 64 bytes of the signature do not use.
func strayBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

// kidOf is the thumbprint under which the verifier knows the issuer's Ed25519 key.
func kidOf(t *testing.T) string {
	t.Helper()
	header, _, err := jwt.NewParser().ParseUnverified(mint(t, edKey, nil), jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return header.Header["kid"].(string)
}

func selfSigned(t *testing.T, key crypto.Signer) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(certificate(t, key))
}

func certificate(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestNewVerifier(t *testing.T) {
	t.Parallel()
	token := mint(t, edKey, nil)

	t.Run("reads_public_keys_and_certificates_from_a_file", func(t *testing.T) {
		t.Parallel()
		file := bytes.Join([][]byte{
			[]byte("The issuer's keys of this year.\n"),
			publicPEM(t, rsaKey.Public()),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate(t, edKey)}),
			publicPEM(t, ecKey.Public()),
		}, nil)
		v := newVerifier(t, func(c *identity.KeysConfig) { c.PublicKeys, c.PublicKeyFile = nil, writeFile(t, file) })
		for _, key := range []crypto.Signer{edKey, rsaKey, ecKey} {
			if _, err := v.Verify(t.Context(), mint(t, key, nil)); err != nil {
				t.Errorf("%T: %v", key, err)
			}
		}
	})

	t.Run("uses_no_leeway_unless_told", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, func(c *identity.KeysConfig) {
			c.Leeway, c.Clock = 0, func() time.Time { return now.Add(time.Hour) }
		})
		if _, err := v.Verify(t.Context(), token); err == nil || fault.From(err)[0].Message != "The token has expired." {
			t.Errorf("got %v", err)
		}
	})

	privateDER, err := x509.MarshalPKCS8PrivateKey(edKey)
	if err != nil {
		t.Fatal(err)
	}
	privatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})
	brokenPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(keys ...crypto.PublicKey) func(*identity.KeysConfig) {
		return func(c *identity.KeysConfig) { c.PublicKeys = keys }
	}
	file := func(content []byte) func(*identity.KeysConfig) {
		return func(c *identity.KeysConfig) { c.PublicKeys, c.PublicKeyFile = nil, writeFile(t, content) }
	}
	address := func(url string) func(*identity.KeysConfig) {
		return func(c *identity.KeysConfig) { c.JWKSURL = url }
	}
	refusals := []struct {
		name   string
		change func(*identity.KeysConfig)
		want   string
	}{
		{"no_key", keys(), "a public key or the address of a key set is required"},
		{"no_audience", func(c *identity.KeysConfig) { c.Audience = "" }, "an audience is required"},
		{"a_leeway_above_a_minute", func(c *identity.KeysConfig) { c.Leeway = 61 * time.Second }, "leeway of 1m1s"},
		{"a_leeway_below_zero", func(c *identity.KeysConfig) { c.Leeway = -1 }, "leeway of -1ns"},
		{"a_weak_RSA_key", keys(newRSAKey(1024).Public()), "RSA key of 1024 bits"},
		{"another_curve", keys(newECKey(elliptic.P384()).Public()), "on P-384 is not on P-256"},
		{"a_key_for_agreement", keys(x25519.PublicKey()), "none of Ed25519, RSA and ECDSA"},
		{"a_secret", keys([]byte("secret")), "none of Ed25519, RSA and ECDSA"},
		{"a_private_key", keys(edKey), "none of Ed25519, RSA and ECDSA"},
		{"a_file_that_is_not_there", func(c *identity.KeysConfig) { c.PublicKeyFile = "nowhere.pem" }, "nowhere.pem"},
		{"an_empty_file", file(nil), "no PEM block"},
		{"a_file_of_text", file([]byte("secret")), "no PEM block"},
		{"a_file_with_a_private_key", file(privatePEM), `PEM block "PRIVATE KEY"`},
		{"a_file_with_a_broken_key", file(brokenPEM), "read the public keys"},
		{"an_address_in_the_clear", address("http://issuer.example/keys"), "must be https"},
		{"an_address_that_is_a_file", address("file:///etc/passwd"), "must be https"},
		{"an_address_without_a_host", address("https:///keys"), "must be https"},
	}
	for _, tt := range refusals {
		t.Run("refuses/"+tt.name, func(t *testing.T) {
			t.Parallel()
			config := identity.KeysConfig{PublicKeys: []crypto.PublicKey{edKey.Public()}, Audience: audience}
			tt.change(&config)
			_, err := identity.NewVerifier(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	v := newVerifier(b, nil)
	for _, bm := range []struct {
		name string
		key  crypto.Signer
	}{{"EdDSA", edKey}, {"RS256", rsaKey}, {"ES256", ecKey}} {
		token := mint(b, bm.key, nil)
		for _, forget := range []bool{true, false} {
			b.Run(map[bool]string{true: bm.name + "/first", false: bm.name + "/again"}[forget], func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if forget {
						v.Forget()
					}
					if _, err := v.Verify(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// FuzzVerify holds that of all texts, only the one that the key's owner signed is a token.
func FuzzVerify(f *testing.F) {
	v := newVerifier(f, func(c *identity.KeysConfig) { c.PublicKeys = []crypto.PublicKey{edKey.Public()} })
	good := mint(f, edKey, nil)
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(good + "=")
	f.Add(good + "\n")
	f.Add(good + "." + good)
	for _, header := range []object{
		{"alg": "EdDSA"}, {"alg": "none"}, {"alg": "EdDSA", "crit": []string{"x"}}, {"alg": "EdDSA", "kid": "x"},
	} {
		f.Add(encode(f, header) + "." + encode(f, goodClaims()) + "." + encode(f, make([]byte, 64)))
	}
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if token == good {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !fault.Is(err, fault.Unauthenticated) {
			t.Fatalf("%q: got %+v, %v", token, claims, err)
		}
	})
}
