package identity_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"farthing/internal/actor"
	"farthing/internal/identity"
)

func TestMint(t *testing.T) {
	t.Parallel()

	t.Run("makes_tokens_that_say_what_they_are_told", func(t *testing.T) {
		t.Parallel()
		keys := []crypto.Signer{edKey, ecKey, rsaKey}
		strict := newVerifier(t, func(c *identity.KeysConfig) { c.Issuer, c.Leeway = "", 0 })
		text := rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.N, unicode.P, unicode.Zs)
		rapid.Check(t, func(t *rapid.T) {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			in := identity.MintInput{
				Subject:  rapid.StringOfN(text, 1, -1, 255).Draw(t, "subject"),
				Issuer:   rapid.StringOfN(text, 0, -1, 255).Draw(t, "issuer"),
				Audience: audience,
				TTL:      time.Duration(rapid.Int64Range(int64(time.Second), int64(10*365*24*time.Hour)).Draw(t, "ttl")),
				Now:      now,
			}
			for _, role := range actor.Roles() {
				if rapid.Bool().Draw(t, string(role)) {
					in.Roles = append(in.Roles, role)
				}
			}
			token, err := identity.Mint(key, in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := strict.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			want := identity.Claims{
				Subject: in.Subject, Issuer: in.Issuer, Roles: in.Roles,
				ExpiresAt: now.Add(in.TTL).Truncate(time.Second),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("claims (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("names_the_key_by_its_thumbprint", func(t *testing.T) {
		t.Parallel()
		token, _, err := jwt.NewParser().ParseUnverified(mint(t, edKey, nil), jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		thumbprint, err := identity.Thumbprint(edKey.Public())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"alg": "EdDSA", "typ": "JWT", "kid": thumbprint}, token.Header); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})

	refusals := []struct {
		name   string
		key    crypto.Signer
		change func(*identity.MintInput)
		want   string
	}{
		{"no_subject", edKey, func(in *identity.MintInput) { in.Subject = "" }, "the subject is missing"},
		{"a_subject_of_two_lines", edKey, func(in *identity.MintInput) { in.Subject = "a\nb" }, "the subject has control characters"},
		{"an_issuer_too_long", edKey, func(in *identity.MintInput) { in.Issuer = strings.Repeat("a", 256) }, "the issuer is 256 bytes"},
		{"no_audience", edKey, func(in *identity.MintInput) { in.Audience = "" }, "the audience is missing"},
		{"no_life", edKey, func(in *identity.MintInput) { in.TTL = 0 }, "shorter than a second"},
		{"an_unknown_role", edKey, func(in *identity.MintInput) { in.Roles = []actor.Role{"OWNER"} }, `there is no role "OWNER"`},
		{"a_weak_key", newRSAKey(1024), func(*identity.MintInput) {}, "RSA key of 1024 bits"},
		{"another_curve", newECKey(elliptic.P521()), func(*identity.MintInput) {}, "not on P-256"},
	}
	for _, tt := range refusals {
		t.Run("refuses/"+tt.name, func(t *testing.T) {
			t.Parallel()
			in := identity.MintInput{Subject: "ada", Audience: audience, TTL: time.Hour, Now: now}
			tt.change(&in)
			if _, err := identity.Mint(tt.key, in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestThumbprint takes the examples of RFC 7638 (3.1) and RFC 8037 (A.3).
func TestThumbprint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, jwk, want string }{
		{
			"RSA", `{"kty":"RSA","e":"AQAB","n":"` +
				"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB" +
				"ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8" +
				"KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_" +
				"xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" +
				`"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		{
			"Ed25519", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, public, err := identity.ReadJWK([]byte(tt.jwk))
			if err != nil {
				t.Fatal(err)
			}
			got, err := identity.Thumbprint(public)
			if err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestSigningKey(t *testing.T) {
	t.Parallel()

	t.Run("is_made_once_for_its_owner_alone", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "data", "signing.pem")
		if _, err := identity.LoadSigningKey(path); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("a key that is not there: %v", err)
		}
		made, created, err := identity.LoadOrCreateSigningKey(path)
		if err != nil || !created {
			t.Fatalf("created = %t, %v", created, err)
		}
		for place, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
			info, err := os.Stat(place)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != want && runtime.GOOS != "windows" {
				t.Errorf("%s has mode %s, want %s", place, info.Mode(), want)
			}
		}
		again, created, err := identity.LoadOrCreateSigningKey(path)
		if err != nil || created || !again.Equal(made) {
			t.Errorf("the second time: created = %t, the same = %t, %v", created, again.Equal(made), err)
		}
		loaded, err := identity.LoadSigningKey(path)
		if err != nil || !loaded.Equal(made) {
			t.Errorf("loaded: the same = %t, %v", loaded.Equal(made), err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 {
			t.Errorf("the folder holds %v, %v", left, err)
		}
		v := newVerifier(t, func(c *identity.KeysConfig) { c.PublicKeys = []crypto.PublicKey{made.Public()} })
		accept(t, v, mint(t, loaded, nil))
	})

	t.Run("is_the_same_for_all_who_start_at_once", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "signing.pem")
		var makers atomic.Int32
		keys := make([]ed25519.PrivateKey, 20)
		var starting sync.WaitGroup
		for i := range keys {
			starting.Go(func() {
				key, created, err := identity.LoadOrCreateSigningKey(path)
				if err != nil {
					t.Error(err)
				}
				if created {
					makers.Add(1)
				}
				keys[i] = key
			})
		}
		starting.Wait()
		for _, key := range keys {
			if !key.Equal(keys[0]) {
				t.Fatal("two started with different keys")
			}
		}
		if makers.Load() != 1 {
			t.Errorf("%d say they made the key", makers.Load())
		}
	})

	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
		want    string
	}{
		{"a_file_that_others_may_read", pkcs8(key), 0o644, "mode 0644"},
		{"a_file_that_the_group_may_read", pkcs8(key), 0o640, "mode 0640"},
		{"an_empty_file", nil, 0o600, "does not hold a PEM block PRIVATE KEY"},
		{"a_public_key", publicPEM(t, key.Public()), 0o600, "does not hold a PEM block PRIVATE KEY"},
		{"a_broken_key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), 0o600, "read the key of"},
		{"a_key_of_another_type", pkcs8(ecKey), 0o600, "not an Ed25519 key"},
	} {
		t.Run("refuses/"+tt.name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, tt.content)
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, created, err := identity.LoadOrCreateSigningKey(path)
			if err == nil || created || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("created = %t, %v, want %q", created, err, tt.want)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != string(tt.content) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}

	t.Run("refuses/a_folder", func(t *testing.T) {
		t.Parallel()
		if _, _, err := identity.LoadOrCreateSigningKey(t.TempDir()); err == nil {
			t.Error("a folder was taken for a key")
		}
	})
}
