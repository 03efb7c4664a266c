package app_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"farthing/ent"
	"farthing/ent/migrate"
	"farthing/ent/product"
	"farthing/internal/actor"
	"farthing/internal/app"
	"farthing/internal/catalog"
	"farthing/internal/db/dbtest"
	"farthing/internal/guard"
	"farthing/internal/id"
	"farthing/internal/identity"
	"farthing/internal/money"
	"farthing/internal/rewards"
	"farthing/internal/wallet"
)

// store is what a shop runs on: SQLite and a limiter in the process, or PostgreSQL and Redis.
type store struct {
	dbtest.Store
	redis string
}

// onEveryStore runs a test on every store that is there, side by side.
func onEveryStore(t *testing.T, test func(t *testing.T, s store)) {
	t.Helper()
	for _, d := range dbtest.Stores(t) {
		s := store{Store: d}
		if d.Name == "postgres" {
			s.redis = dbtest.RedisURL(t)
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// shop is a shop behind its real HTTP handler.
type shop struct {
	*app.App
	url         string
	databaseURL string
	dataDir     string
	key         ed25519.PrivateKey
	clock       *clock
	log         *logs
	// address is where the shop believes the calls come from, so that tests on one Redis share no bucket.
	address string
	// names are what a scenario's "$name" stands for.
	names names
}

// opening is what a shop is opened with besides its store.
type opening struct {
	// settings are NAME=VALUE without FARTHING_.
	settings []string
	options  app.Options
	// now is where its clock stands; zero is Christmas Eve.
	now time.Time
}

// unlimited lets a scenario call as often as it likes; the scenarios about limits set their own.
const unlimited = "RATE_LIMIT_SHOPPER=100000/s:100000"

// open opens a fresh shop with a few goods on the shelf; it closes with the test.
func (s store) open(t *testing.T, with opening) *shop {
	t.Helper()
	url := s.URL(t)
	dir := t.TempDir()
	key, _, err := identity.LoadOrCreateSigningKey(filepath.Join(dir, "signing-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o := &shop{
		databaseURL: url, dataDir: dir, key: key, log: &logs{}, clock: &clock{now: with.now},
		address: somewhere(), names: names{},
	}
	if with.now.IsZero() {
		o.clock.now = time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	}
	config, err := app.ReadConfig(o.environment(s, with.settings...))
	if err != nil {
		t.Fatal(err)
	}
	options := with.options
	options.Logger, options.Clock = app.NewLogger(o.log, config), o.clock.read
	if o.App, err = app.New(t.Context(), config, options); err != nil {
		t.Fatal(err)
	}
	handler, err := o.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	o.url = server.URL
	t.Cleanup(func() {
		server.Close()
		o.forgetLimits(t, s)
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("the shop's log:\n", o.log)
		}
	})
	o.stock(t)
	return o
}

// forgetLimits takes from Redis what the shop's callers have left there. Some limits would be remembered for hours.
func (o *shop) forgetLimits(t *testing.T, s store) {
	t.Helper()
	if s.redis == "" || strings.Contains(o.databaseURL, "sqlite") {
		return
	}
	ctx := context.WithoutCancel(t.Context())
	shoppers, err := o.DB.Client().Shopper.Query().IDs(ctx)
	if err != nil {
		return // the test has taken the database away
	}
	var keys []string
	for _, operation := range []string{"checkout", "coupon"} {
		keys = append(keys, "rate:farthing:"+guard.ByAddress(operation, o.address, guard.Limit{}).Key)
		for _, shopper := range shoppers {
			keys = append(keys, "rate:farthing:"+guard.ByShopper(operation, shopper, guard.Limit{}).Key)
		}
	}
	options, err := redis.ParseURL(s.redis)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	// A test may have taken its Redis away, and its keys with it.
	_ = client.Del(ctx, keys...).Err()
}

// environment is that of a shop on this store. Later settings win.
func (o *shop) environment(s store, settings ...string) []string {
	environment := []string{
		"FARTHING_DATABASE_URL=" + o.databaseURL, "FARTHING_REDIS_URL=" + s.redis, "FARTHING_DATA_DIR=" + o.dataDir,
		"FARTHING_TRUSTED_PROXIES=127.0.0.1", "FARTHING_RATE_LIMIT_ADDRESS=100000/s:100000", "FARTHING_" + unlimited,
		"FARTHING_LISTEN=127.0.0.1:0", "FARTHING_CATALOGUE_DELAY=0s", // a shop's clock stands still until it is moved
	}
	for _, setting := range settings {
		environment = append(environment, app.Prefix+setting)
	}
	return environment
}

// somewhere is a network address that nobody else calls from.
func somewhere() string {
	var a [16]byte
	_, _ = rand.Read(a[:])
	a[0] = 0xfd
	return netip.AddrFrom16(a).String()
}

// stock puts the goods on the shelf that scenarios buy: $poems and $atlas (durable), $hints (five at a time), $flyer
// (free), $stamp (in KRW only), and with them what cannot be bought: $draft, $archived, $future and $past.
func (o *shop) stock(t *testing.T) {
	t.Helper()
	now := o.clock.read()
	tomorrow, yesterday := now.Add(24*time.Hour), now.Add(-24*time.Hour)
	shelf := []struct {
		name string
		catalog.CreateInput
	}{
		{"poems", catalog.CreateInput{Prices: prices("USD 0.99", "KRW 1200"), Creator: "Walt Whitman", Tags: []string{"poetry"}}},
		{"atlas", catalog.CreateInput{Prices: prices("USD 4.99")}},
		{"hints", catalog.CreateInput{Kind: product.KindCONSUMABLE, Prices: prices("USD 0.20"), Units: 5}},
		{"flyer", catalog.CreateInput{Prices: prices("USD 0")}},
		{"stamp", catalog.CreateInput{Prices: prices("KRW 300")}},
		{"draft", catalog.CreateInput{Prices: prices("USD 1"), Status: product.StatusDRAFT}},
		{"archived", catalog.CreateInput{Prices: prices("USD 1")}},
		{"future", catalog.CreateInput{Prices: prices("USD 1"), PublishFrom: &tomorrow}},
		{"past", catalog.CreateInput{Prices: prices("USD 1"), PublishUntil: &yesterday}},
	}
	for _, good := range shelf {
		name, in := good.name, good.CreateInput
		in.Kind, in.Status = cmp.Or(in.Kind, product.KindDURABLE), cmp.Or(in.Status, product.StatusACTIVE)
		in.Texts = []catalog.Text{{Language: "en", Name: strings.ToUpper(name[:1]) + name[1:]}}
		in.Units = max(in.Units, 1)
		made, err := o.Catalog.Create(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		o.names["$"+name] = id.Encode(id.Product, made.ID)
		if name == "archived" {
			if _, err := o.Catalog.Archive(t.Context(), catalog.ArchiveInput{ID: made.ID}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Right ids of things that are not there.
	for name, kind := range map[string]id.Kind{"nothing": id.Product, "nobody": id.Shopper, "nowhere": id.Wallet} {
		o.names["$"+name] = id.Encode(kind, id.New())
	}
}

func prices(list ...string) []catalog.Price {
	all := make([]catalog.Price, len(list))
	for i, one := range list {
		code, amount := split(one)
		all[i] = catalog.Price{Currency: code, Amount: amount}
	}
	return all
}

// split reads "USD 0.99".
func split(text string) (money.Code, money.Amount) {
	code, number, _ := strings.Cut(text, " ")
	amount, err := money.ParseAmount(number)
	if err != nil {
		panic(err)
	}
	return money.Code(code), amount
}

// shopper makes a shopper with this subject and, if any, this money ("USD 10"); it is called "$subject" from now on.
func (o *shop) shopper(t *testing.T, subject string, funds ...string) uuid.UUID {
	t.Helper()
	who, err := o.Identity.Shopper(t.Context(), "", subject)
	if err != nil {
		t.Fatal(err)
	}
	o.names["$"+subject] = id.Encode(id.Shopper, who)
	for _, one := range funds {
		code, amount := split(one)
		receipt, err := o.Wallet.TopUp(t.Context(), wallet.TopUpInput{
			IdempotencyKey: "first " + one, ShopperID: who, Currency: code, Amount: amount,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.names["$"+subject+"-"+string(code)] = id.Encode(id.Wallet, receipt.Wallet.ID)
	}
	return who
}

// token is a bearer token for "ROLE subject".
func (o *shop) token(t *testing.T, as string) string {
	t.Helper()
	role, subject, _ := strings.Cut(as, " ")
	return o.mint(t, identity.MintInput{Subject: subject, Roles: []actor.Role{actor.Role(role)}})
}

// mint signs a token with the shop's key; what the input leaves out is as it should be.
func (o *shop) mint(t *testing.T, in identity.MintInput) string {
	t.Helper()
	if in.Audience == "" {
		in.Audience = o.Config.AuthAudience
	}
	if in.TTL == 0 {
		in.TTL = time.Hour
	}
	if in.Now.IsZero() {
		in.Now = o.clock.read()
	}
	token, err := identity.Mint(o.key, in)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// call is one request: as is "" for a visitor, "ROLE subject", or "SERVICE subject for shopper".
type call struct {
	as, query, variables string
	// header replaces what as says about the caller.
	header http.Header
	// server is where to call, the shop itself when empty.
	server string
}

// answer is what came back.
type answer struct {
	call   call
	status int
	header http.Header
	body   []byte
}

// String is the whole exchange, for a test that fails.
func (a answer) String() string {
	return fmt.Sprintf("as %q\n%s\nvariables %s\nanswered %d\n%s", a.call.as, a.call.query, a.call.variables, a.status, a.body)
}

// decoded is the answer as JSON.
func (a answer) decoded(t *testing.T) any {
	t.Helper()
	return decode(t, a.body)
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// ask sends a call and fails the test when there is no answer.
func (o *shop) ask(t *testing.T, c call) answer {
	t.Helper()
	a, err := o.try(t.Context(), t, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try sends a call that may get no answer.
func (o *shop) try(ctx context.Context, t *testing.T, c call) (answer, error) {
	t.Helper()
	r := o.request(ctx, t, &c)
	return do(c, r)
}

// do sends the request of a call.
func do(c call, r *http.Request) (answer, error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{call: c, status: response.StatusCode, header: response.Header, body: body}, err
}

// request makes a POST of a call, with its names replaced.
func (o *shop) request(ctx context.Context, t *testing.T, c *call) *http.Request {
	t.Helper()
	c.query, c.variables = o.names.fill(c.query), o.names.fill(c.variables)
	body := map[string]any{"query": c.query}
	if c.variables != "" {
		body["variables"] = json.RawMessage(c.variables)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if c.server == "" {
		c.server = o.url
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+"/graphql", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = o.header(t, c.as)
	maps.Copy(r.Header, c.header)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// header says who is calling.
func (o *shop) header(t *testing.T, as string) http.Header {
	t.Helper()
	h := http.Header{}
	h.Set("X-Forwarded-For", o.address)
	if as == "" {
		return h
	}
	who, shopper, acting := strings.Cut(as, " for ")
	h.Set("Authorization", "Bearer "+o.token(t, who))
	if acting {
		h.Set("Farthing-Shopper", shopper)
	}
	return h
}

// names are what "$name" stands for in the queries, variables and wanted answers of a scenario.
type names map[string]string

// fill replaces every "$name" that is known, with its quotes.
func (n names) fill(text string) string {
	if !strings.Contains(text, `"$`) {
		return text
	}
	pairs := make([]string, 0, 2*len(n))
	for name, value := range n {
		pairs = append(pairs, `"`+name+`"`, `"`+value+`"`)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// match puts into want what its names stand for, so that it can be compared with got. A name that is not known yet
// stands for the text in its place from now on; "$*" stands for anything but null.
func (n names) match(want, got any) any {
	switch want := want.(type) {
	case string:
		if want == "$*" && got != nil {
			return got
		}
		if !strings.HasPrefix(want, "$") {
			return want
		}
		if known, ok := n[want]; ok {
			return known
		}
		if text, ok := got.(string); ok && text != "" {
			n[want] = text
			return text
		}
	case map[string]any:
		g, _ := got.(map[string]any)
		for key := range want {
			want[key] = n.match(want[key], g[key])
		}
	case []any:
		g, _ := got.([]any)
		for i := range want {
			if i < len(g) {
				want[i] = n.match(want[i], g[i])
			}
		}
	}
	return want
}

// wants fails the test when an answer is not the wanted one.
func (o *shop) wants(t *testing.T, a answer, want string) {
	t.Helper()
	got := a.decoded(t)
	if d := diff.Diff(o.names.match(decode(t, []byte(want)), got), got); d != "" {
		t.Errorf("the answer differs (-want +got):\n%s\n%s", d, a)
	}
}

// step is one exchange of a scenario.
type step struct {
	as, query, variables string
	// want is the answer as JSON, in which "$name" stands for an id and "$*" for anything.
	want string
	// status is that of HTTP; 0 is 200.
	status int
	// advance is how much time passes before.
	advance time.Duration
}

// scenario is a story in a fresh shop.
type scenario struct {
	name string
	// with is what the shop is opened with.
	with opening
	// funds is the money that shoppers begin with, by their subjects.
	funds map[string][]string
	// rules sets up the rules of rewards that there are, if any.
	rules []step
	steps []step
}

// run plays the scenario, and then has everything proved that must be true of what is stored.
func (c scenario) run(t *testing.T, s store) {
	t.Helper()
	o := s.open(t, c.with)
	for subject, funds := range c.funds {
		o.shopper(t, subject, funds...)
	}
	for _, step := range slices.Concat(c.rules, c.steps) {
		o.play(t, step)
	}
	o.verify(t)
}

func (o *shop) play(t *testing.T, s step) {
	t.Helper()
	o.clock.advance(s.advance)
	a := o.ask(t, call{as: s.as, query: s.query, variables: s.variables})
	if want := cmp.Or(s.status, http.StatusOK); a.status != want {
		t.Errorf("answered %d, want %d\n%s", a.status, want, a)
	}
	o.wants(t, a, s.want)
}

// verify has everything proved that must be true of what is stored, and every award computed again.
func (o *shop) verify(t *testing.T) {
	t.Helper()
	// Not the test's own context: the proof comes last.
	ctx := context.WithoutCancel(t.Context())
	results, err := app.Verify(ctx, o.DB)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if !result.Holds {
			t.Errorf("it is not true that %s: %v", result.Claim, result.Examples)
		}
	}
	if _, err := o.Rewards.Audit(ctx, func(d rewards.Difference) { t.Errorf("computed again, it is different: %+v", d) }); err != nil {
		t.Error(err)
	}
}

// rows counts what every table holds.
func (o *shop) rows(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	err := o.DB.Snapshot(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for _, table := range migrate.Tables {
			rows, err := tx.QueryContext(ctx, "SELECT COUNT(*) FROM "+table.Name)
			if err != nil {
				return err
			}
			for rows.Next() {
				var n int
				if err := rows.Scan(&n); err != nil {
					return err
				}
				counts[table.Name] = n
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// clock is the shop's clock, which stands still unless the test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// set lets the clock stand at an instant.
func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// logs is what a shop has logged, or a program has printed.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds to the log.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is the log so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
