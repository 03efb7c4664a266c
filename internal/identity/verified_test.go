package identity_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farthing/internal/actor"
	"farthing/internal/identity"
)

// movedVerifier has the issuer's keys at hand, and a clock that the test moves.
func movedVerifier(t *testing.T) (*identity.Verifier, *clock) {
	t.Helper()
	c := newClock()
	return newVerifier(t, func(config *identity.KeysConfig) { config.Clock = c.Now }), c
}

// TestVerifyAgain: that a token was good before is no reason to take it now.
func TestVerifyAgain(t *testing.T) {
	t.Parallel()
	t.Run("says_the_same", func(t *testing.T) {
		t.Parallel()
		v, _ := movedVerifier(t)
		token := mint(t, edKey, func(in *identity.MintInput) { in.Roles = []actor.Role{actor.Shopper, actor.Service} })
		want := identity.Claims{
			Subject: "ada", Issuer: issuer, Roles: []actor.Role{actor.Shopper, actor.Service},
			ExpiresAt: now.Add(time.Hour).Truncate(time.Second),
		}
		for use := range 3 {
			got, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("use %d: %s", use, diff)
			}
			// What one caller does to the roles is not seen by the next.
			_ = append(got.Roles[:1], actor.Admin)
		}
		if n := v.Remembered(); n != 1 {
			t.Errorf("%d tokens are remembered, want one", n)
		}
	})

	t.Run("refuses_what_has_expired", func(t *testing.T) {
		t.Parallel()
		v, c := movedVerifier(t)
		token := signEd(t, object{"alg": "EdDSA"}, goodClaims().with(object{"exp": now.Add(time.Hour).Unix()}))
		accept(t, v, token)
		c.Advance(time.Hour + time.Minute - 1) // A minute of leeway.
		accept(t, v, token)
		c.Advance(1)
		_, err := v.Verify(t.Context(), token)
		if err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("after its end: %v", err)
		}
	})

	for _, date := range []string{"nbf", "iat"} {
		t.Run("refuses_what_is_to_come_by_"+date, func(t *testing.T) {
			t.Parallel()
			v, c := movedVerifier(t)
			token := signEd(t, object{"alg": "EdDSA"}, goodClaims().with(object{
				"iat": absent{}, "nbf": absent{}, date: now.Add(time.Minute).Unix(),
			}))
			accept(t, v, token)
			c.Advance(-1) // A clock that is set back.
			refuse(t, v, token)
			c.Advance(1)
			accept(t, v, token)
		})
	}

	t.Run("takes_what_was_too_early", func(t *testing.T) {
		t.Parallel()
		v, c := movedVerifier(t)
		token := signEd(t, object{"alg": "EdDSA"}, goodClaims().with(object{"nbf": now.Add(2 * time.Minute).Unix()}))
		refuse(t, v, token)
		c.Advance(time.Minute)
		accept(t, v, token)
	})

	t.Run("refuses_what_a_withdrawn_key_signed", func(t *testing.T) {
		t.Parallel()
		oldKey, newKey := newEdKey(), newEdKey()
		oldJWK, newJWK := publicJWK(t, oldKey.Public(), named("old")), publicJWK(t, newKey.Public(), named("new"))
		oldToken, newToken := tokenNamed(t, oldKey, "old"), tokenNamed(t, newKey, "new")
		server, c := newKeyServer(t, oldJWK), newClock()
		v := remoteVerifier(t, server, c)
		accept(t, v, oldToken)
		accept(t, v, oldToken)
		server.publish(t, newJWK)
		// Nothing but a token that is remembered comes, and it brings the news.
		c.Advance(15 * time.Minute)
		release := server.hold()
		defer release()
		accept(t, v, oldToken)
		server.awaitFetch(t)
		release()
		accept(t, v, newToken) // It waits for the fetch.
		refuse(t, v, oldToken)
		server.expectFetches(t, 2)
	})

	t.Run("refuses_when_the_keys_are_too_old", func(t *testing.T) {
		t.Parallel()
		key := newEdKey()
		jwk := publicJWK(t, key.Public(), named("key"))
		token := tokenNamed(t, key, "key")
		server, c := newKeyServer(t, jwk), newClock()
		v := remoteVerifier(t, server, c)
		accept(t, v, token)
		for range 2 {
			server.goDown()
			c.Advance(24*time.Hour + time.Second)
			refuse(t, v, token)
			server.publish(t, jwk)
			c.Advance(time.Minute)
			accept(t, v, token) // It waits for the fetch.
		}
	})

	t.Run("remembers_no_token_that_was_refused", func(t *testing.T) {
		t.Parallel()
		v, _ := movedVerifier(t)
		for n := range 100 {
			refuse(t, v, signEd(t, object{"alg": "EdDSA"}, goodClaims().with(object{"aud": fmt.Sprint(n)})))
			refuse(t, v, fmt.Sprintf("%d..", n))
		}
		if n := v.Remembered(); n != 0 {
			t.Errorf("%d tokens are remembered, want none", n)
		}
	})

	t.Run("remembers_so_many", func(t *testing.T) {
		t.Parallel()
		v, _ := movedVerifier(t)
		v.Remember(10)
		var tokens []string
		for n := range 30 {
			tokens = append(tokens, mint(t, edKey, func(in *identity.MintInput) { in.Subject = fmt.Sprint(n) }))
		}
		for range 2 {
			for n, token := range tokens {
				claims, err := v.Verify(t.Context(), token)
				if err != nil || claims.Subject != fmt.Sprint(n) {
					t.Fatalf("token %d: %+v, %v", n, claims, err)
				}
			}
		}
		if n := v.Remembered(); n != 10 {
			t.Errorf("%d tokens are remembered, want 10", n)
		}
		if identity.RememberedTokens > 1<<16 {
			t.Errorf("%d tokens may be remembered outside tests", identity.RememberedTokens)
		}
	})
}

// TestVerifyWhileKeysChange is for the race detector; what each use must say is in the tests above.
func TestVerifyWhileKeysChange(t *testing.T) {
	t.Parallel()
	keys := []string{"one", "two"}
	signed := map[string]string{}
	server, c := newKeyServer(t), newClock()
	for _, kid := range keys {
		key := newEdKey()
		signed[kid] = tokenNamed(t, key, kid)
		server.publish(t, publicJWK(t, key.Public(), named(kid)))
	}
	v := remoteVerifier(t, server, c) // It has "two".
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				refuse(t, v, signed["one"])
				accept(t, v, signed["two"])
			}
		})
	}
	group.Go(func() {
		for range 50 {
			c.Advance(15 * time.Minute)
			accept(t, v, signed["two"])
		}
	})
	group.Wait()
}
