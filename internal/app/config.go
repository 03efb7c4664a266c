package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/caarlos0/env/v11"

	"farthing/internal/guard"
	"farthing/internal/money"
)

// Prefix begins the name of every setting in the environment.
const Prefix = "FARTHING_"

// testPrefix begins the names that only tests read; they are no settings of the shop.
const testPrefix = Prefix + "TEST_"

// Config is what the environment says. Each field names its variable (without the prefix), its default and what it is
// for; `farthing config` prints them.
type Config struct {
	Listen        string `env:"LISTEN" envDefault:"127.0.0.1:8080" help:"address to serve on"`
	DataDir       string `env:"DATA_DIR" envDefault:"data" help:"folder of the embedded database and of the generated signing key"`
	DatabaseURL   string `env:"DATABASE_URL" help:"postgres://… ; unset: SQLite in FARTHING_DATA_DIR" secret:"url"`
	RedisURL      string `env:"REDIS_URL" help:"redis://… for the rate limiter, several separated by commas for a cluster; unset: counted in this process" secret:"url"`
	LogLevel      string `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	LogFormat     string `env:"LOG_FORMAT" envDefault:"text" help:"text or json"`
	MetricsListen string `env:"METRICS_LISTEN" help:"address to serve /metrics on; unset: nowhere"`
	DrainDelay    string `env:"DRAIN_DELAY" envDefault:"0s" help:"how long to go on serving after SIGTERM, while /readyz says no, so that a load balancer can notice"`

	RateLimit          string `env:"RATE_LIMIT" envDefault:"on" help:"on, or off for load tests"`
	RateLimitShopper   string `env:"RATE_LIMIT_SHOPPER" envDefault:"1/s:5" help:"checkouts of one shopper, as RATE/PERIOD:BURST"`
	RateLimitAddress   string `env:"RATE_LIMIT_ADDRESS" envDefault:"10/s:100" help:"checkouts from one client address"`
	CouponLimitShopper string `env:"COUPON_LIMIT_SHOPPER" envDefault:"10/m:20" help:"codes of coupons that one shopper sends, good or wrong, at quotes and checkouts"`
	CouponLimitAddress string `env:"COUPON_LIMIT_ADDRESS" envDefault:"60/m:100" help:"codes of coupons from one client address"`
	MaxSubscriptions   string `env:"MAX_SUBSCRIPTIONS" envDefault:"1000" help:"subscriptions that this process keeps at once, and connections for them; whoever comes then is asked to try again"`
	MaxQueries         string `env:"MAX_QUERIES" help:"queries that this process executes at once; more wait a moment in a line, and whoever comes when that is full is asked to try again; unset: twice the connections for reads"`
	MaxMutations       string `env:"MAX_MUTATIONS" envDefault:"1500" help:"mutations that this process executes at once, those waiting at the till among them; whoever comes then is asked to try again"`
	MaxConnections     string `env:"MAX_CONNECTIONS" help:"connections that this process keeps open at once; whoever comes then waits until one is free; unset: 4000 and those of FARTHING_MAX_SUBSCRIPTIONS"`
	CatalogueDelay     string `env:"CATALOGUE_DELAY" envDefault:"500ms" help:"how late visitors and shoppers may see that the catalogue has changed, or that something is sold out, at most 1s; 0s: at once, and every page is made anew. Quotes and checkouts are always exact"`
	AllowedOrigins     string `env:"ALLOWED_ORIGINS" help:"pages on other hosts that may subscribe, such as https://shop.example, separated by commas; pages of the same host always may"`
	TrustedProxies     string `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-For is believed, such as 10.0.0.0/8, separated by commas"`

	Currencies string `env:"CURRENCIES" envDefault:"USD,EUR,GBP,JPY,KRW,KWD,GEM:0:Gems" help:"currencies of the shop: ISO codes, and CODE:DECIMALS:NAME for its own"`

	AuthPublicKeyFile  string `env:"AUTH_PUBLIC_KEY_FILE" help:"PEM file of the keys that tokens are signed with"`
	AuthJWKSURL        string `env:"AUTH_JWKS_URL" help:"where the issuer of the tokens publishes its keys"`
	AuthIssuer         string `env:"AUTH_ISSUER" help:"iss that tokens must carry; unset: any"`
	AuthAudience       string `env:"AUTH_AUDIENCE" envDefault:"farthing" help:"aud that tokens must carry"`
	AuthSigningKeyFile string `env:"AUTH_SIGNING_KEY_FILE" help:"PEM file of the Ed25519 key that farthing token signs with, and that is believed when no other is named; unset: one is generated in FARTHING_DATA_DIR"`
}

// ReadConfig reads the configuration from the environment.
func ReadConfig(environment []string) (Config, error) {
	var c Config
	options := env.Options{Prefix: Prefix, Environment: env.ToMap(environment)}
	if err := env.ParseWithOptions(&c, options); err != nil {
		return c, fmt.Errorf("read the environment: %w", err)
	}
	return c, c.check()
}

// check finds everything in the configuration that cannot be meant.
func (c Config) check() error {
	var faults []error
	one := func(name string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s%s: %w", Prefix, name, err))
		}
	}
	among := func(value string, words ...string) error {
		if slices.Contains(words, value) {
			return nil
		}
		return fmt.Errorf("want %s, not %q", strings.Join(words, ", "), value)
	}
	_, _, err := net.SplitHostPort(c.Listen)
	one("LISTEN", err)
	_, err = c.drainDelay()
	one("DRAIN_DELAY", err)
	one("LOG_LEVEL", among(c.LogLevel, "debug", "info", "warn", "error"))
	one("LOG_FORMAT", among(c.LogFormat, "text", "json"))
	one("RATE_LIMIT", among(c.RateLimit, "on", "off"))
	_, err = c.limits()
	faults = append(faults, err)
	_, err = c.maxSubscriptions()
	one("MAX_SUBSCRIPTIONS", err)
	_, err = c.maxQueries(1)
	one("MAX_QUERIES", err)
	_, err = c.maxMutations()
	one("MAX_MUTATIONS", err)
	_, err = c.maxConnections()
	one("MAX_CONNECTIONS", err)
	_, err = c.catalogueDelay()
	one("CATALOGUE_DELAY", err)
	_, err = c.allowedOrigins()
	one("ALLOWED_ORIGINS", err)
	_, err = guard.ParsePrefixes(c.TrustedProxies)
	one("TRUSTED_PROXIES", err)
	_, err = money.ParseCurrencies(c.Currencies)
	one("CURRENCIES", err)
	return errors.Join(faults...)
}

// limits are the rate limits by the names of their variables, without the prefix. The error names all that are wrong.
func (c Config) limits() (map[string]guard.Limit, error) {
	limits := map[string]guard.Limit{}
	var faults []error
	for name, text := range map[string]string{
		"RATE_LIMIT_SHOPPER": c.RateLimitShopper, "RATE_LIMIT_ADDRESS": c.RateLimitAddress,
		"COUPON_LIMIT_SHOPPER": c.CouponLimitShopper, "COUPON_LIMIT_ADDRESS": c.CouponLimitAddress,
	} {
		limit, err := guard.ParseLimit(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s%s: %w", Prefix, name, err))
		}
		limits[name] = limit
	}
	return limits, errors.Join(faults...)
}

// maxSubscriptions reads MaxSubscriptions.
func (c Config) maxSubscriptions() (int, error) { return readMax(c.MaxSubscriptions) }

// maxQueries reads MaxQueries. Unless it is set, it follows from how many connections there are for reads: with twice as
// many queries there is work for all of them, while some queries compute or write their answers.
func (c Config) maxQueries(readers int) (int, error) {
	if c.MaxQueries == "" {
		return 2 * readers, nil
	}
	return readMax(c.MaxQueries)
}

// maxMutations reads MaxMutations. Its default is a bit more than what the till takes, which turns away by itself.
func (c Config) maxMutations() (int, error) { return readMax(c.MaxMutations) }

// maxConnections reads MaxConnections.
func (c Config) maxConnections() (int, error) {
	if c.MaxConnections != "" {
		return readMax(c.MaxConnections)
	}
	const plain = 4_000
	subscriptions, err := c.maxSubscriptions()
	return plain + subscriptions, err
}

// readMax reads how many there may be of something.
func readMax(text string) (int, error) {
	const most = 1_000_000
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > most {
		return 0, fmt.Errorf("want a number from 1 to %d, not %q", most, text)
	}
	return number, nil
}

// catalogueDelay reads CatalogueDelay.
func (c Config) catalogueDelay() (time.Duration, error) {
	kept, err := time.ParseDuration(c.CatalogueDelay)
	if err != nil || kept < 0 || kept > time.Second {
		return 0, fmt.Errorf("want a time from 0s to 1s, not %q", c.CatalogueDelay)
	}
	return kept, nil
}

// allowedOrigins reads AllowedOrigins. An origin is what a browser says of a page: a scheme, a host and, unless it is the
// scheme's own, a port.
func (c Config) allowedOrigins() ([]string, error) {
	var origins []string
	for text := range strings.SplitSeq(c.AllowedOrigins, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		page, err := url.Parse(text)
		if err != nil || page.Scheme != "http" && page.Scheme != "https" || page.Host == "" ||
			text != page.Scheme+"://"+page.Host || strings.Contains(page.Host, "*") {
			return nil, fmt.Errorf("want origins such as https://shop.example, not %q", text)
		}
		origins = append(origins, text)
	}
	return origins, nil
}

// MayListen refuses to serve beyond this machine while tokens are signed with a key that was generated for development.
func (c Config) MayListen() error {
	if !c.GeneratedKey() || isLoopback(c.Listen) {
		return nil
	}
	return fmt.Errorf("%[1]sLISTEN: %[2]s is beyond this machine, and tokens are verified with a key that was generated for development: "+
		"set %[1]sAUTH_JWKS_URL, %[1]sAUTH_PUBLIC_KEY_FILE or %[1]sAUTH_SIGNING_KEY_FILE", Prefix, c.Listen)
}

// Embedded says whether the shop runs on its own SQLite file, which is the default.
func (c Config) Embedded() bool { return c.DatabaseURL == "" }

// Database is the address of the database.
func (c Config) Database() string {
	if c.Embedded() {
		return "sqlite:" + filepath.Join(c.DataDir, "farthing.db")
	}
	return c.DatabaseURL
}

// OwnKey says whether tokens are verified with the key that `farthing token` signs with: there is no other.
func (c Config) OwnKey() bool { return c.AuthPublicKeyFile == "" && c.AuthJWKSURL == "" }

// drainDelay reads DrainDelay.
func (c Config) drainDelay() (time.Duration, error) {
	const longest = 5 * time.Minute
	delay, err := time.ParseDuration(c.DrainDelay)
	if err != nil || delay < 0 || delay > longest {
		return 0, fmt.Errorf("want a duration from 0s to %s, not %q", longest, c.DrainDelay)
	}
	return delay, nil
}

// GeneratedKey says whether that key was not even given, and so is one that is generated for development.
func (c Config) GeneratedKey() bool { return c.OwnKey() && c.AuthSigningKeyFile == "" }

// SigningKeyFile is where the key is that `farthing token` signs with.
func (c Config) SigningKeyFile() string {
	if c.AuthSigningKeyFile != "" {
		return c.AuthSigningKeyFile
	}
	return filepath.Join(c.DataDir, "signing-key.pem")
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Unknown gives a warning for every name in the environment that looks like a setting and is none, with the name that was
// probably meant.
func Unknown(environment []string) []string {
	var known, warnings []string
	for field := range reflect.TypeFor[Config]().Fields() {
		known = append(known, Prefix+field.Tag.Get("env"))
	}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, Prefix) || strings.HasPrefix(name, testPrefix) || slices.Contains(known, name) {
			continue
		}
		closest := slices.MinFunc(known, func(a, b string) int {
			return levenshtein.ComputeDistance(a, name) - levenshtein.ComputeDistance(b, name)
		})
		const near = 6
		warning := name + " is not a setting"
		if levenshtein.ComputeDistance(closest, name) <= near {
			warning += "; did you mean " + closest + "?"
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return warnings
}

// Print writes every setting: its name, what is in force, where that comes from and what it is for. Secrets are masked.
func (c Config) Print(w io.Writer, environment []string) error {
	set := env.ToMap(environment)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tVALUE\tFROM\tMEANING")
	values := reflect.ValueOf(c)
	for field := range values.Type().Fields() {
		name, from := Prefix+field.Tag.Get("env"), "default"
		if _, ok := set[name]; ok {
			from = "environment"
		}
		value := values.FieldByIndex(field.Index).String()
		switch {
		case value == "":
			value = "-"
		case field.Tag.Get("secret") != "":
			value = mask(value)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, value, from, field.Tag.Get("help"))
	}
	return table.Flush()
}

// mask hides what is secret in an address: everything but its scheme and its host. An address that cannot be taken
// apart is hidden whole.
func mask(addresses string) string {
	masked := make([]string, 0, 1)
	for address := range strings.SplitSeq(addresses, ",") {
		scheme, rest, ok := strings.Cut(strings.TrimSpace(address), "://")
		if !ok {
			masked = append(masked, "***")
			continue
		}
		rest, _, _ = strings.Cut(rest, "?")
		path := ""
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			rest = rest[at+1:]
			path = "***@"
		}
		masked = append(masked, scheme+"://"+path+rest)
	}
	return strings.Join(masked, ",")
}
