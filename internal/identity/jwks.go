package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	// refreshAfter is the age at which the key set is fetched again, beside the requests. A key that the issuer
	// withdraws is taken no longer than this while tokens keep coming and the issuer can be reached.
	refreshAfter = 15 * time.Minute
	// refetchAfter is the least time between two fetches, whatever kids strangers make up.
	refetchAfter = time.Minute
	// maxStale is how long the last good key set serves while the issuer cannot be reached.
	maxStale = 24 * time.Hour
	// fetchTimeout bounds one fetch.
	fetchTimeout = 5 * time.Second
	// maxKeySetBytes and maxKeySetKeys bound what a fetch may bring.
	maxKeySetBytes = 256 << 10
	maxKeySetKeys  = 100
)

// remoteKeys is the key set that an issuer publishes, kept here and fetched anew by the rules of the constants above.
//
// It is our own and not keyfunc's: there, a set that can no longer be fetched serves for ever, and in a rotation all
// but the first of the requests that wait for the new key are refused.
type remoteKeys struct {
	url    string
	client *http.Client
	clock  func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	keys    []verificationKey
	sets    uint64        // How many sets have been keys so far.
	fetched time.Time     // When the fetch that brought keys began.
	tried   time.Time     // When the last fetch began.
	running chan struct{} // Closed when the running fetch ends; nil when none runs.
}

// newRemoteKeys fetches the key set for the first time and fails if that brings no key.
func newRemoteKeys(ctx context.Context, address string, clock func() time.Time, log *slog.Logger) (*remoteKeys, error) {
	if err := checkKeySetURL(address); err != nil {
		return nil, err
	}
	r := &remoteKeys{
		url: address,
		client: &http.Client{
			Timeout: fetchTimeout,
			// Elsewhere might be in the clear, or inside: the set is where it is configured to be.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		clock: clock,
		log:   log,
	}
	now := clock()
	keys, err := r.fetch(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that can be used")
	}
	r.keys, r.sets, r.fetched, r.tried = keys, 1, now, now
	return r, nil
}

// checkKeySetURL refuses addresses on the way to which somebody could put in a key of their own.
func checkKeySetURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errors.New("the address must be https, or http on a loopback address")
	}
	return nil
}

// find returns the keys of an algorithm with this kid, or all of the algorithm for an empty kid. When there are none,
// it waits for a fetch that may bring them, if one is due or already running, for as long as ctx lasts.
func (r *remoteKeys) find(ctx context.Context, alg, kid string) []verificationKey {
	r.mu.Lock()
	now := r.clock()
	found := r.match(now, alg, kid)
	if len(found) == 0 || r.old(now) {
		r.refresh(ctx, now)
	}
	running := r.running
	r.mu.Unlock()

	if len(found) > 0 || running == nil {
		return found
	}
	select {
	case <-running:
	case <-ctx.Done():
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.match(now, alg, kid)
}

// number tells which key set is in force, from 1 on; 0 when what is at hand is too old to be believed. As find does, it
// has an old set fetched anew beside the requests.
func (r *remoteKeys) number(ctx context.Context) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if r.old(now) {
		r.refresh(ctx, now)
	}
	if r.stale(now) {
		return 0
	}
	return r.sets
}

// old says that it is time for a fetch. The caller holds the lock.
func (r *remoteKeys) old(now time.Time) bool { return now.Sub(r.fetched) >= refreshAfter }

// stale says that the keys at hand are too old to be believed. The caller holds the lock.
func (r *remoteKeys) stale(now time.Time) bool { return now.Sub(r.fetched) > maxStale }

// refresh begins a fetch, unless one is running or the last one was just now. The caller holds the lock.
func (r *remoteKeys) refresh(ctx context.Context, now time.Time) {
	if r.running != nil || now.Sub(r.tried) < refetchAfter {
		return
	}
	r.tried, r.running = now, make(chan struct{})
	// The request that noticed may go away; those that wait with it still want the keys.
	go r.refetch(context.WithoutCancel(ctx), now)
}

// match looks in the keys at hand, unless they are too old to be believed. The caller holds the lock.
func (r *remoteKeys) match(now time.Time, alg, kid string) []verificationKey {
	if r.stale(now) {
		return nil
	}
	var found []verificationKey
	for _, key := range r.keys {
		if key.alg == alg && (kid == "" || key.kid == kid) {
			found = append(found, key)
		}
	}
	return found
}

// refetch replaces the keys by those that are published now, and keeps them when that fails.
func (r *remoteKeys) refetch(ctx context.Context, now time.Time) {
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.log.WarnContext(ctx, "The token issuer's keys cannot be fetched; the last ones serve for a day.",
			"error", err, "fetched_at", r.fetched)
	} else {
		// An empty set is one, too: an issuer that withdraws all of its keys means it.
		r.keys, r.fetched = keys, now
		r.sets++
	}
	close(r.running)
	r.running = nil
}

// fetch gets the key set and reads the keys that can be used here. Others are no error: an issuer may publish keys for
// other purposes and of other types.
func (r *remoteKeys) fetch(ctx context.Context) ([]verificationKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer has status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySetBytes {
		return nil, fmt.Errorf("the key set is larger than %d bytes", maxKeySetBytes)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	if set.Keys == nil || len(set.Keys) > maxKeySetKeys {
		return nil, fmt.Errorf("the key set does not have an array of at most %d keys", maxKeySetKeys)
	}
	var keys []verificationKey
	for i, raw := range set.Keys {
		key, err := readJWK(raw)
		if err != nil {
			r.log.WarnContext(ctx, "A key of the token issuer is left out.", "position", i, "reason", err)
			continue
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readJWK reads one published key that is meant for signatures.
func readJWK(raw json.RawMessage) (verificationKey, error) {
	// Certificates that the key refers to by address (x5u) are not fetched: GetX5U is not set.
	jwk, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return verificationKey{}, err
	}
	key, err := newVerificationKey(jwk.Key())
	if err != nil {
		return verificationKey{}, err
	}
	said := jwk.Marshal()
	switch {
	case said.ALG != "" && said.ALG.String() != key.alg:
		return verificationKey{}, fmt.Errorf("it is for %s, not %s", said.ALG, key.alg)
	case said.USE != "" && said.USE != jwkset.UseSig:
		return verificationKey{}, fmt.Errorf("its use is %q", said.USE)
	case len(said.KEYOPS) > 0 && !slices.Contains(said.KEYOPS, jwkset.KeyOpsVerify):
		return verificationKey{}, errors.New("its operations do not include verify")
	}
	if said.KID != "" {
		key.kid = said.KID
	}
	return key, nil
}
