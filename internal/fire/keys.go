package main

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"time"

	"farthing/internal/actor"
	"farthing/internal/identity"
)

// How long tokens are good for, around the moment they are made: the servers' clocks are put forward and back.
const (
	tokenBefore = 24 * time.Hour
	tokenAfter  = 7 * 24 * time.Hour
)

// keys sign the tokens that the servers believe.
type keys struct {
	// file is where the servers find the key.
	file    string
	private ed25519.PrivateKey
}

// newKeys makes a key in a folder.
func newKeys(folder string) (*keys, error) {
	k := &keys{file: filepath.Join(folder, "signing-key.pem")}
	var err error
	k.private, _, err = identity.LoadOrCreateSigningKey(k.file)
	return k, err
}

// token is a bearer token for a subject with these roles. It panics when there can be none, which is a mistake of the caller.
func (k *keys) token(subject string, roles ...string) string {
	in := identity.MintInput{
		Subject: subject, Audience: "farthing", TTL: tokenBefore + tokenAfter,
		Now: time.Now().Add(-tokenBefore),
	}
	for _, role := range roles {
		in.Roles = append(in.Roles, actor.Role(role))
	}
	token, err := identity.Mint(k.private, in)
	if err != nil {
		panic(fmt.Sprintf("token for %q with roles %q: %v", subject, roles, err))
	}
	return token
}
