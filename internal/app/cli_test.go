package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farthing/ent"
	"farthing/internal/app"
	"farthing/internal/db"
	"farthing/internal/db/dbtest"
)

// console is what a command has printed, and its error.
type console struct {
	out, err string
	failed   error
}

// farthing runs a command as main does.
func farthing(t *testing.T, environment []string, args ...string) console {
	t.Helper()
	var out, err bytes.Buffer
	failed := app.Run(t.Context(), app.Process{Args: args, Environment: environment, Stdout: &out, Stderr: &err})
	return console{out.String(), err.String(), failed}
}

// shows fails the test unless each of the texts is there.
func shows(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not show %q:\n%s", what, want, text)
		}
	}
}

// on is the environment of a shop on a database of its own.
func on(t *testing.T, url string) []string {
	t.Helper()
	return []string{"FARTHING_DATABASE_URL=" + url, "FARTHING_DATA_DIR=" + t.TempDir()}
}

func TestConfigCommand(t *testing.T) {
	t.Parallel()
	c := farthing(t, []string{
		"FARTHING_DATABASE_URL=postgres://farthing:hunter2@db.example.org/shop?sslmode=disable&password=hunter3",
		"FARTHING_REDIS_URL=redis://:hunter4@one.example.org:6379/0,redis://:hunter5@two.example.org:6379",
		"FARTHING_RATE_LIMITS=off", "FARTHING_REDIS_ADDR=x", "FARTHING_NOTHING_LIKE_ANY_OF_THEM=1", "FARTHING_TEST_DATABASE_URL=y", "OTHER=z",
	}, "config")
	if c.failed != nil {
		t.Fatal(c.failed)
	}
	shows(t, "config", c.out, "postgres://***@db.example.org/shop ", "redis://***@one.example.org:6379/0,redis://***@two.example.org:6379 ",
		"NAME", "MEANING", "FARTHING_LISTEN", "127.0.0.1:8080")
	shows(t, "the log", c.err, "FARTHING_RATE_LIMITS is not a setting; did you mean FARTHING_RATE_LIMIT?",
		"FARTHING_REDIS_ADDR is not a setting; did you mean FARTHING_REDIS_URL?", "FARTHING_NOTHING_LIKE_ANY_OF_THEM is not a setting")
	if strings.Contains(c.out+c.err, "hunter") || strings.Contains(c.err, "THEM is not a setting; did") || strings.Contains(c.err, "TEST") {
		t.Errorf("it shows a secret, or warns too much:\n%s%s", c.out, c.err)
	}
	for _, want := range []string{
		`(?m)^FARTHING_DATABASE_URL +\S+ +environment +\S`, `(?m)^FARTHING_LISTEN +127.0.0.1:8080 +default +\S`, `(?m)^FARTHING_METRICS_LISTEN +- +default +\S`,
	} {
		if !regexp.MustCompile(want).MatchString(c.out) {
			t.Errorf("config does not match %s:\n%s", want, c.out)
		}
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	const development = "generated for development"
	for setting, reason := range map[string]string{
		"LISTEN=8080":                     "missing port",
		"LISTEN=0.0.0.0:8080":             development,
		"LISTEN=:8080":                    development,
		"LISTEN=[::]:8080":                development,
		"LISTEN=shop.example.org:80":      development,
		"LOG_LEVEL=loud":                  "loud",
		"LOG_FORMAT=xml":                  "xml",
		"RATE_LIMIT=maybe":                "maybe",
		"RATE_LIMIT_SHOPPER=0/s":          "rate",
		"RATE_LIMIT_ADDRESS=many":         "5/s:20",
		"TRUSTED_PROXIES=10.0.0.0/33":     "10.0.0.0/33",
		"MAX_SUBSCRIPTIONS=0":             "from 1",
		"MAX_SUBSCRIPTIONS=many":          "many",
		"MAX_QUERIES=0":                   "MAX_QUERIES",
		"MAX_MUTATIONS=none":              "MAX_MUTATIONS",
		"CATALOGUE_DELAY=2s":              "1s",
		"CATALOGUE_DELAY=-1ms":            "-1ms",
		"CATALOGUE_DELAY=500":             "500",
		"MAX_CONNECTIONS=-1":              "MAX_CONNECTIONS",
		"ALLOWED_ORIGINS=shop.example":    "https://shop.example",
		"ALLOWED_ORIGINS=*":               "https://shop.example",
		"ALLOWED_ORIGINS=https://*.x.com": "*.x.com",
		"ALLOWED_ORIGINS=https://a.com/":  "https://a.com/",
		"ALLOWED_ORIGINS=ftp://a.com":     "ftp://a.com",
		"CURRENCIES=USD,DOLLARS":          "DOLLARS",
		"DRAIN_DELAY=soon":                "soon",
		"DRAIN_DELAY=-1s":                 "-1s",
		"LOG_LEVEL=\nFARTHING_LISTEN=x\n": "LOG_LEVEL",
	} {
		name, _, _ := strings.Cut(setting, "=")
		commands := []string{"serve", "config"}
		if reason == development {
			commands = commands[:1] // others listen to nobody
		}
		for _, command := range commands {
			c := farthing(t, []string{"FARTHING_DATA_DIR=" + filepath.Join(t.TempDir(), "none"), app.Prefix + setting}, command)
			if c.failed == nil {
				t.Errorf("%s with %q does not fail", command, setting)
			}
			shows(t, command, c.err, "farthing: ", app.Prefix+name+": ", reason)
		}
	}
	// All of them at once.
	c := farthing(t, []string{"FARTHING_LOG_LEVEL=x", "FARTHING_LOG_FORMAT=y", "FARTHING_RATE_LIMIT=z"}, "config")
	shows(t, "config", c.err, "FARTHING_LOG_LEVEL", "FARTHING_LOG_FORMAT", "FARTHING_RATE_LIMIT")
	// With keys of one's own the world may come.
	if c := farthing(t, []string{"FARTHING_LISTEN=:8080", "FARTHING_AUTH_JWKS_URL=https://id.example.org/keys"}, "config"); c.failed != nil {
		t.Error(c.failed)
	}
}

func TestTokenCommand(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada")
		o.clock.set(time.Now()) // the command's clock is the machine's
		environment := o.environment(s)
		c := farthing(t, environment, "token", "--role", "shopper", "--role", "SERVICE", "--subject", "ada")
		if c.failed != nil {
			t.Fatal(c.err)
		}
		header := map[string][]string{"Authorization": {"Bearer " + strings.TrimSpace(c.out)}}
		o.wants(t, o.ask(t, call{query: `{ viewer { id } }`, header: header}), `{"data": {"viewer": {"id": "$ada"}}}`)
		for _, args := range [][]string{
			{"token", "--role", "KING", "--subject", "ada"},
			{"token", "--role", "SHOPPER"},
			{"token", "--subject", "ada"},
			{"token", "--role", "SHOPPER", "--subject", ""},
			{"token", "--role", "SHOPPER", "--subject", "ada", "--ttl", "0s"},
		} {
			if c := farthing(t, environment, args...); c.failed == nil || c.out != "" {
				t.Errorf("%v prints %q", args, c.out)
			}
		}
	})
}

func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		o.play(t, step{as: "SHOPPER ada", query: buyHints, want: boughtHints("$one", false)})
		c := farthing(t, o.environment(s), "verify")
		if c.failed != nil {
			t.Errorf("verify fails: %v\n%s%s", c.failed, c.out, c.err)
		}
		if match := regexp.MustCompile(`(?m)^(\d+) of (\d+) claims hold$`).FindStringSubmatch(c.out); match == nil || match[1] != match[2] {
			t.Errorf("verify says\n%s", c.out)
		}
		o.proved(t, s)

		// Somebody helps themselves in the database.
		err := o.DB.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance + 1000000, paid = paid + 1000000 WHERE kind = 'WALLET'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c = farthing(t, o.environment(s), "verify")
		if !errors.Is(c.failed, app.ErrShown) {
			t.Errorf("verify of a broken ledger: %v", c.failed)
		}
		shows(t, "verify", c.out, "BROKEN", "claims hold")
		c = farthing(t, o.environment(s), "verify", "--json")
		var report struct {
			Holds  *bool
			Claims []struct {
				Holds          bool
				Contradictions int
			}
		}
		if err := json.Unmarshal([]byte(c.out), &report); err != nil || c.failed == nil || report.Holds == nil || *report.Holds {
			t.Errorf("verify --json of a broken ledger: %v, %v\n%s", c.failed, err, c.out)
		}
	})
}

func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			environment := on(t, store.EmptyURL(t))
			for _, command := range []string{"serve", "verify", "seed"} {
				if c := farthing(t, environment, command, "--help"); c.failed != nil {
					t.Error(c.err)
				}
			}
			c := farthing(t, environment, "serve")
			if c.failed == nil {
				t.Error("it serves on an empty database")
			}
			shows(t, "serve", c.err, "run farthing migrate")
			for _, want := range []string{`^[1-9]\d* migrations applied`, `^0 migrations applied`} {
				c := farthing(t, environment, "migrate")
				if c.failed != nil || !regexp.MustCompile(want).MatchString(c.out) {
					t.Errorf("migrate: %v\n%s%s\nwant %s", c.failed, c.out, c.err, want)
				}
			}
			if c := farthing(t, environment, "verify"); c.failed != nil {
				t.Errorf("verify of an empty shop: %v\n%s", c.failed, c.out)
			}
		})
	}
}

func TestSeedCommand(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			environment := on(t, store.URL(t))
			if c := farthing(t, environment, "seed"); c.failed == nil || !strings.Contains(c.err, "--demo") {
				t.Errorf("seed without --demo: %v\n%s", c.failed, c.err)
			}
			seeded := func(want string) {
				t.Helper()
				c := farthing(t, environment, "seed", "--demo")
				if c.failed != nil || !regexp.MustCompile(want).MatchString(c.out) {
					t.Errorf("seed: %v\n%s%s\nwant %s", c.failed, c.out, c.err, want)
				}
			}
			seeded(`^set up: [1-9]\d* products, [1-9]\d* offers, [1-9]\d* rules of rewards, [1-9]\d* credits, [1-9]\d* purchases, [1-9]\d* refunds\n$`)
			seeded(`^set up: 0 products, 0 offers, 0 rules of rewards, 0 credits, 0 purchases, 0 refunds\n$`)
			if c := farthing(t, environment, "verify"); c.failed != nil {
				t.Errorf("verify of the demonstration: %v\n%s", c.failed, c.out)
			}
		})
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "shop", "data")
		if c := farthing(t, []string{"FARTHING_DATA_DIR=" + dir}, "seed"); c.failed != nil {
			t.Errorf("seed: %v\n%s", c.failed, c.err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the data folder: %v, %v", info, err)
		}
	})
}

func TestImportCommand(t *testing.T) {
	t.Parallel()
	const good = "reference,name,status,price_usd\nA1,Poems,ACTIVE,0.99\nA2,Atlas,ACTIVE,4.99\n"
	const bad = good + "A3,,ACTIVE,1\nA4,Tea,ACTIVE,0.001\n"
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			url := store.URL(t)
			environment := on(t, url)
			d := dbtest.Open(t, url)
			dir := t.TempDir()
			files := map[string]string{"good": good, "bad": bad, "changed": strings.Replace(good, "4.99", "5.99", 1)}
			for name, text := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []struct {
				file, flags string
				out         string
				err         []string
				products    int
			}{
				{"good", "--dry-run", "dry run, nothing kept: 2 created, 0 updated, 0 unchanged, 0 archived and left alone, 0 bad", nil, 0},
				{"bad", "", "2 bad", []string{"line 4: name", "line 5: price_usd", "nothing was imported", "--keep-good"}, 0},
				{"bad", "--keep-good --dry-run", "dry run, nothing kept: 2 created", []string{"line 4: ", "line 5: "}, 0},
				{"bad", "--keep-good", "imported: 2 created, 0 updated, 0 unchanged, 0 archived and left alone, 2 bad", []string{"line 4: ", "line 5: "}, 2},
				{"good", "", "imported: 0 created, 0 updated, 2 unchanged", nil, 2},
				{"changed", "", "imported: 0 created, 1 updated, 1 unchanged", nil, 2},
				{"changed", "--price KRW=100", "imported: 0 created, 2 updated", nil, 2},
				{"good", "--price KRW", "", []string{"--price"}, 2},
				{"good", "--map =", "", []string{"--map"}, 2},
				{"missing", "", "", []string{"no such file"}, 2},
			} {
				args := append([]string{"import", "products", filepath.Join(dir, c.file)}, strings.Fields(c.flags)...)
				got := farthing(t, environment, args...)
				shows(t, strings.Join(args[3:], " ")+" of "+c.file, got.out, c.out)
				shows(t, strings.Join(args[3:], " ")+" of "+c.file, got.err, c.err...)
				if fails := len(c.err) > 0 && !strings.Contains(c.flags, "--keep-good"); (got.failed != nil) != fails {
					t.Errorf("%v: failed with %v, want it to fail %v", args, got.failed, fails)
				}
				if n := count(t, d); n != c.products {
					t.Errorf("%v: %d products, want %d", args, n, c.products)
				}
			}
			if c := farthing(t, environment, "verify"); c.failed != nil {
				t.Error(c.out)
			}
		})
	}
	c := farthing(t, nil, "import", "products", "--help")
	shows(t, "the help", c.out, "reference", "price_usd", "--keep-good", "--dry-run", "--map", "--price")
}

func count(t *testing.T, d *db.DB) int {
	t.Helper()
	n, err := d.Client().Product.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCompletionCommand(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		c := farthing(t, nil, "completion", shell)
		if c.failed != nil {
			t.Error(c.failed)
		}
		shows(t, shell, c.out, "farthing")
	}
	c := farthing(t, nil, "__complete", "token", "--role", "")
	shows(t, "the completion of roles", c.out, "SHOPPER", "MERCHANDISER", "SUPPORT", "ADMIN", "SERVICE")
	if c := farthing(t, nil, "sell"); c.failed == nil || !strings.Contains(c.err, "sell") {
		t.Errorf("an unknown command: %v, %s", c.failed, c.err)
	}
}
