package identity_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"farthing/internal/fault"
	"farthing/internal/identity"
)

// keyServer is an issuer that publishes its keys, changes them, and goes down.
type keyServer struct {
	*httptest.Server
	// held, when set, is closed by the test to let a fetch go on; asked tells when one has come that far.
	held, asked chan struct{}

	mu      sync.Mutex
	answer  http.HandlerFunc
	fetches int
}

func newKeyServer(t *testing.T, keys ...jwkset.JWKMarshal) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.publish(t, keys...)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.fetches++
	answer, held, asked := s.answer, s.held, s.asked
	s.mu.Unlock()
	if held != nil {
		asked <- struct{}{}
		<-held
	}
	answer(w, r)
}

// publish changes what is published.
func (s *keyServer) publish(t *testing.T, keys ...jwkset.JWKMarshal) {
	t.Helper()
	body, err := json.Marshal(object{"keys": append([]jwkset.JWKMarshal{}, keys...)})
	if err != nil {
		t.Fatal(err)
	}
	s.respond(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

// goDown makes every fetch fail.
func (s *keyServer) goDown() {
	s.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}

func (s *keyServer) respond(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// hold makes the next fetch wait until the returned function is called.
func (s *keyServer) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.asked = make(chan struct{}), make(chan struct{}, 1)
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.held)
		s.held = nil
	})
}

// awaitFetch waits until the fetch that is held has come.
func (s *keyServer) awaitFetch(t *testing.T) {
	t.Helper()
	select {
	case <-s.asked:
	case <-time.After(10 * time.Second):
		t.Error("no fetch came")
	}
}

func (s *keyServer) expectFetches(t *testing.T, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetches != want {
		t.Errorf("the keys were fetched %d times, want %d", s.fetches, want)
	}
}

// remoteVerifier verifies by the keys of a server and nothing else.
func remoteVerifier(t *testing.T, s *keyServer, c *clock) *identity.Verifier {
	t.Helper()
	return newVerifier(t, func(config *identity.KeysConfig) {
		config.PublicKeys, config.JWKSURL, config.Clock = nil, s.URL, c.Now
	})
}

func named(kid string) func(*jwkset.JWKMarshal) {
	return func(m *jwkset.JWKMarshal) { m.KID = kid }
}

// tokenNamed is a token of the key under that kid; no kid when it is empty.
func tokenNamed(t *testing.T, key crypto.Signer, kid string) string {
	t.Helper()
	header := object{"alg": "EdDSA", "kid": kid}
	if kid == "" {
		delete(header, "kid")
	}
	claims := goodClaims().with(object{"exp": now.Add(30 * 24 * time.Hour).Unix()})
	return sign(t, jwt.SigningMethodEdDSA, key, header, claims)
}

func accept(t *testing.T, v *identity.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func refuse(t *testing.T, v *identity.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("got %v, want it refused", err)
	}
}

func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	oldKey, newKey := newEdKey(), newEdKey()
	oldToken, newToken := tokenNamed(t, oldKey, "old"), tokenNamed(t, newKey, "new")
	oldJWK, newJWK := publicJWK(t, oldKey.Public(), named("old")), publicJWK(t, newKey.Public(), named("new"))

	t.Run("of_each_type_are_used_and_fetched_once", func(t *testing.T) {
		t.Parallel()
		server := newKeyServer(t,
			publicJWK(t, edKey.Public(), nil), // Without a kid: named by its thumbprint, as Mint does.
			publicJWK(t, rsaKey.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.USE, m.ALG = "r", "sig", "RS256" }),
			publicJWK(t, ecKey.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.KEYOPS = "e", []jwkset.KEYOPS{"verify"} }),
		)
		v := remoteVerifier(t, server, newClock())
		for range 3 {
			accept(t, v, mint(t, edKey, nil))
			accept(t, v, sign(t, jwt.SigningMethodRS256, rsaKey, object{"alg": "RS256", "kid": "r"}, goodClaims()))
			accept(t, v, sign(t, jwt.SigningMethodES256, ecKey, object{"alg": "ES256", "kid": "e"}, goodClaims()))
			accept(t, v, sign(t, jwt.SigningMethodES256, ecKey, object{"alg": "ES256"}, goodClaims()))
		}
		server.expectFetches(t, 1)
	})

	t.Run("are_not_asked_about_keys_from_a_file", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := newVerifier(t, func(config *identity.KeysConfig) { config.JWKSURL, config.Clock = server.URL, c.Now })
		c.Advance(2 * time.Minute)
		accept(t, v, mint(t, edKey, nil))
		accept(t, v, oldToken)
		server.expectFetches(t, 1)
		refuse(t, v, newToken)
		server.expectFetches(t, 2)
	})

	t.Run("that_cannot_be_used_are_left_out", func(t *testing.T) {
		t.Parallel()
		weak, other, secret := newRSAKey(1024), newECKey(elliptic.P384()), []byte("a secret of at least 32 characters")
		encryption := newEdKey()
		server := newKeyServer(t,
			publicJWK(t, weak.Public(), named("weak")),
			publicJWK(t, other.Public(), named("curve")),
			publicJWK(t, rsaKey.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.ALG = "alg", "PS256" }),
			publicJWK(t, encryption.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.USE = "use", "enc" }),
			publicJWK(t, encryption.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.KEYOPS = "ops", []jwkset.KEYOPS{"sign"} }),
			publicJWK(t, ecKey.Public(), func(m *jwkset.JWKMarshal) { m.KID, m.Y = "point", m.X }),
			jwkset.JWKMarshal{KTY: "oct", KID: "oct", K: encode(t, secret)},
			jwkset.JWKMarshal{KTY: "RSA", KID: "empty"},
			jwkset.JWKMarshal{KTY: "new", KID: "future"},
			oldJWK,
		)
		v := remoteVerifier(t, server, newClock())
		accept(t, v, oldToken)
		claims := goodClaims()
		refuse(t, v, sign(t, jwt.SigningMethodRS256, weak, object{"alg": "RS256", "kid": "weak"}, claims))
		refuse(t, v, sign(t, jwt.SigningMethodES384, other, object{"alg": "ES384", "kid": "curve"}, claims))
		refuse(t, v, sign(t, jwt.SigningMethodRS256, rsaKey, object{"alg": "RS256", "kid": "alg"}, claims))
		refuse(t, v, tokenNamed(t, encryption, "use"))
		refuse(t, v, tokenNamed(t, encryption, "ops"))
		refuse(t, v, tokenNamed(t, encryption, ""))
		refuse(t, v, sign(t, jwt.SigningMethodHS256, secret, object{"alg": "HS256", "kid": "oct"}, claims))
	})

	t.Run("that_are_new_are_fetched_when_a_token_names_one", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		accept(t, v, oldToken)
		server.publish(t, newJWK)
		c.Advance(time.Minute)
		accept(t, v, newToken)
		refuse(t, v, oldToken)
		server.expectFetches(t, 2)
	})

	t.Run("are_fetched_once_a_minute_whatever_kids_are_made_up", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		for minute := range 5 {
			for n := range 20 {
				refuse(t, v, tokenNamed(t, strangerKey, fmt.Sprintf("made up %d", n)))
			}
			server.expectFetches(t, 1+minute)
			c.Advance(59 * time.Second)
			refuse(t, v, tokenNamed(t, strangerKey, "made up"))
			server.expectFetches(t, 1+minute)
			c.Advance(time.Second)
		}
		accept(t, v, oldToken)
	})

	t.Run("are_fetched_once_for_all_who_wait_for_a_new_one", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		server.publish(t, oldJWK, newJWK)
		c.Advance(time.Minute)
		release := server.hold()
		defer release()

		impatient, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := v.Verify(impatient, newToken)
			left <- err
		}()
		server.awaitFetch(t) // The impatient one began it.
		leave()
		if err := <-left; !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("who leaves gets %v", err)
		}

		accept(t, v, oldToken) // Those with a known key wait for nobody.
		c.Advance(time.Minute) // However long a fetch takes, no second one joins it.
		var waiting sync.WaitGroup
		for range 20 {
			waiting.Go(func() { accept(t, v, newToken) })
		}
		release()
		waiting.Wait()
		server.expectFetches(t, 2)
	})

	t.Run("that_are_withdrawn_go_with_the_next_refresh", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		server.publish(t, newJWK)
		c.Advance(15*time.Minute - 1)
		accept(t, v, oldToken)
		server.expectFetches(t, 1)
		c.Advance(1)
		release := server.hold()
		defer release()
		accept(t, v, oldToken) // It begins the refresh and does not wait for it,
		server.awaitFetch(t)
		release()
		refuse(t, v, tokenNamed(t, strangerKey, "nobody")) // which an unknown kid does.
		refuse(t, v, oldToken)
		accept(t, v, newToken)
		server.expectFetches(t, 2)
	})

	t.Run("that_are_all_withdrawn_leave_none", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		server.publish(t)
		c.Advance(time.Minute)
		refuse(t, v, newToken)
		refuse(t, v, oldToken)
	})

	t.Run("serve_for_a_day_while_the_issuer_is_down", func(t *testing.T) {
		t.Parallel()
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		server.goDown()
		for range 24 {
			c.Advance(time.Hour)
			accept(t, v, oldToken)
			refuse(t, v, newToken)
		}
		server.expectFetches(t, 25)
		c.Advance(time.Second)
		refuse(t, v, oldToken)

		server.publish(t, oldJWK, newJWK)
		c.Advance(time.Minute)
		accept(t, v, oldToken)
		accept(t, v, newToken)
	})

	start := func(t *testing.T, answer http.HandlerFunc) error {
		t.Helper()
		server := newKeyServer(t)
		server.respond(answer)
		_, err := identity.NewVerifier(t.Context(), identity.KeysConfig{JWKSURL: server.URL, Audience: audience})
		return err
	}
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"an_error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "status 404"},
		{"a_redirection", http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, "status 302"},
		{"no_JSON", write("<html>"), "read the key set"},
		{"no_key_set", write("{}"), "does not have an array"},
		{"an_empty_key_set", write(`{"keys":[]}`), "no key that can be used"},
		{"a_key_set_of_another_shape", write(`{"keys":[1,"x",null,{}]}`), "no key that can be used"},
		{"too_many_keys", write(`{"keys":[` + strings.Repeat("{},", 100) + `{}]}`), "at most 100 keys"},
		{"too_many_bytes", write(strings.Repeat(" ", 256<<10) + `{"keys":[]}`), "larger than"},
	} {
		t.Run("are_needed_to_start/"+tt.name, func(t *testing.T) {
			t.Parallel()
			err := start(t, tt.answer)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}

	t.Run("are_needed_to_start/nobody_there", func(t *testing.T) {
		t.Parallel()
		server := newKeyServer(t)
		server.Close()
		_, err := identity.NewVerifier(t.Context(), identity.KeysConfig{JWKSURL: server.URL, Audience: audience})
		if err == nil || !strings.Contains(err.Error(), "fetch the token issuer's keys from "+server.URL) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzPublishedKey holds that no published key is used with another algorithm than its own, and that none makes the
// verifier panic.
func FuzzPublishedKey(f *testing.F) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		f.Fatal(err)
	}
	for _, public := range []crypto.PublicKey{edKey.Public(), rsaKey.Public(), ecKey.Public(), weak.Public()} {
		text, err := json.Marshal(publicJWK(f, public, named("x")))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`))
	f.Add([]byte(`{"kty":"RSA","n":"","e":"AQAB"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		alg, public, err := identity.ReadJWK(text)
		if err != nil {
			return
		}
		switch key := public.(type) {
		case interface{ Size() int }: // RSA
			if alg != "RS256" || key.Size() < 256 {
				t.Fatalf("%s: an RSA key of %d bytes for %s", text, key.Size(), alg)
			}
		default:
			if alg != "EdDSA" && alg != "ES256" {
				t.Fatalf("%s: a %T for %s", text, public, alg)
			}
		}
	})
}
