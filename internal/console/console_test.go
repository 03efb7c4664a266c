package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func options() Options {
	return Options{
		Endpoint: "/graphql",
		Tokens:   []Token{{"Ada, shopper", "ada.token"}, {"Mo, merchandiser", "mo.token"}},
		Tabs: []Tab{
			{Query: "query Browse { products { name } }", Caller: Anonymous},
			{Query: "mutation Buy { x } # </script><script>alert(1)</script>", Variables: `{"a":"</script>"}`},
		},
	}
}

func newHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler(options())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// config is what the script of the page will read.
func config(t *testing.T, page string) Options {
	t.Helper()
	_, rest, found := strings.Cut(page, `<script type="application/json" id="config"`)
	_, rest, _ = strings.Cut(rest, ">")
	text, _, closed := strings.Cut(rest, "</script>")
	var o Options
	if err := json.Unmarshal([]byte(text), &o); !found || !closed || err != nil {
		t.Fatalf("the page has no configuration: %v: %s", err, page)
	}
	return o
}

func addresses(page string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := newHandler(t)

	t.Run("carries the options, whatever stands in them", func(t *testing.T) {
		t.Parallel()
		if diff := cmp.Diff(options(), config(t, body(t, get(h, "/")))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("shows tokens only to a visitor of a loopback host", func(t *testing.T) {
		t.Parallel()
		for host, want := range map[string]bool{
			"localhost": true, "localhost:8080": true, "127.0.0.1": true, "127.9.9.9:80": true, "[::1]:8080": true, "[::1]": true,
			"farthing.example": false, "localhost.farthing.example": false, "192.0.2.1:8080": false, "[2001:db8::1]": false, "": false,
		} {
			page := body(t, get(h, "/", "Host", host))
			if got := strings.Contains(page, "ada.token") && strings.Contains(page, "mo.token"); got != want {
				t.Errorf("host %q: tokens shown: %v, want %v", host, got, want)
			}
			if got := config(t, page); got.Tokens == nil || len(got.Tabs) != 2 {
				t.Errorf("host %q: got %+v", host, got)
			}
		}
	})
	t.Run("works without tokens", func(t *testing.T) {
		t.Parallel()
		h, err := Handler(Options{Endpoint: "/graphql", Tabs: options().Tabs})
		if err != nil {
			t.Fatal(err)
		}
		if got := config(t, body(t, get(h, "/"))).Tokens; got == nil || len(got) > 0 {
			t.Errorf("tokens are %#v, want an empty list", got)
		}
	})
	t.Run("names only files that are there, relative to itself", func(t *testing.T) {
		t.Parallel()
		found := addresses(body(t, get(h, "/")))
		if len(found) < 8 {
			t.Errorf("the page names %v", found)
		}
		for _, address := range found {
			if r := get(h, "/"+address); !strings.HasPrefix(address, "assets/") || r.StatusCode != http.StatusOK {
				t.Errorf("%s: %d", address, r.StatusCode)
			}
		}
	})
	t.Run("has no script or style inside and a new nonce each time", func(t *testing.T) {
		t.Parallel()
		nonces := map[string]bool{}
		for range 3 {
			r := get(h, "/")
			page := body(t, r)
			if m := regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script(?: [a-z]+)*>`).FindString(page); m != "" {
				t.Errorf("the page has %q", m)
			}
			nonce := regexp.MustCompile(` nonce="([A-Z2-7]{26})"`).FindStringSubmatch(page)
			if nonce == nil || !strings.Contains(r.Header.Get("Content-Security-Policy"), "style-src 'self' 'nonce-"+nonce[1]+"'") {
				t.Fatalf("nonce %q in %q", nonce, r.Header.Get("Content-Security-Policy"))
			}
			nonces[nonce[1]] = true
		}
		if len(nonces) != 3 {
			t.Errorf("nonces %v", nonces)
		}
	})
}

// The script of the page cannot be run here; but without a place to subscribe at, the editor refuses subscriptions.
func TestPageSubscribesAtItsEndpoint(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	for _, address := range addresses(body(t, get(h, "/"))) {
		if strings.HasSuffix(address, "/console.js") {
			script := body(t, get(h, "/"+address))
			for _, part := range []string{
				"const subscriptionUrl = new URL(config.endpoint, window.location.href)", "createFetcher({ url: config.endpoint, subscriptionUrl,",
			} {
				if !strings.Contains(script, part) {
					t.Errorf("the script has no %q", part)
				}
			}
			return
		}
	}
	t.Error("the page has no script")
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	script := "/" + addresses(body(t, get(h, "/")))[3]
	const immutable = "public, max-age=31536000, immutable"
	tests := []struct {
		path, contentType, cache string
		status                   int
	}{
		{"/", "text/html; charset=utf-8", "no-store", 200},
		{script, "text/javascript; charset=utf-8", immutable, 200},
		{"/index.html", "text/plain; charset=utf-8", "", 404},
		{"/page/console.js", "text/plain; charset=utf-8", "", 404},
		{strings.Replace(script, "assets/", "assets/0", 1), "text/plain; charset=utf-8", "", 404},
		{"/assets/", "text/plain; charset=utf-8", "", 404},
		{"/graphql", "text/plain; charset=utf-8", "", 404},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			r := get(h, tt.path)
			if r.StatusCode != tt.status {
				t.Errorf("got %d, want %d", r.StatusCode, tt.status)
			}
			want := map[string]string{
				"Content-Type":                 tt.contentType,
				"Cache-Control":                tt.cache,
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "no-referrer",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
			}
			for key, value := range want {
				if got := r.Header.Get(key); got != value {
					t.Errorf("%s is %q, want %q", key, got, value)
				}
			}
			policy := r.Header.Get("Content-Security-Policy")
			for _, part := range []string{
				"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'",
				"base-uri 'none'", "form-action 'none'",
			} {
				if !strings.Contains(policy, part) {
					t.Errorf("policy %q has no %s", policy, part)
				}
			}
			if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
				t.Errorf("policy %q is too wide", policy)
			}
		})
	}
}

func TestRefusesOtherMethods(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	newHandler(t).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestFilesAreCompressedAndCached(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	for _, address := range addresses(body(t, get(h, "/"))) {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			plain, packed := get(h, "/"+address), get(h, "/"+address, "Accept-Encoding", "br, gzip")
			if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("encodings %q and %q", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"))
			}
			z, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(z)
			if err != nil || string(unpacked) != body(t, plain) || len(unpacked) == 0 {
				t.Errorf("the two differ (%v)", err)
			}
			etags := map[string]bool{}
			for encoding, r := range map[string]*http.Response{"": plain, "gzip": packed} {
				etag := r.Header.Get("ETag")
				etags[etag] = true
				again := get(h, "/"+address, "Accept-Encoding", encoding, "If-None-Match", etag)
				if !strings.HasPrefix(etag, `"`) || again.StatusCode != http.StatusNotModified || body(t, again) != "" {
					t.Errorf("encoding %q: ETag %s answered %d", encoding, etag, again.StatusCode)
				}
				if r.Header.Get("Vary") != "Accept-Encoding" {
					t.Errorf("Vary %q", r.Header.Get("Vary"))
				}
			}
			if len(etags) != 2 {
				t.Errorf("both encodings have the ETag %v", etags)
			}
			if bytes.Contains(unpacked, []byte("sourceMappingURL")) {
				t.Error("names a source map that is not there")
			}
		})
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "br , gzip ; q=1.0": true,
		"": false, "gzip;q=0": false, "gzip;q=0.000, br": false, "identity": false, "*": false, "gzip;q=x": false, "xgzip": false,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

func TestRefusesOptionsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"no endpoint":                 func(o *Options) { o.Endpoint = "" },
		"an endpoint elsewhere":       func(o *Options) { o.Endpoint = "https://farthing.example/graphql" },
		"an endpoint of another host": func(o *Options) { o.Endpoint = "//farthing.example/graphql" },
		"a label twice":               func(o *Options) { o.Tokens[1].Label = o.Tokens[0].Label },
		"a token called Anonymous":    func(o *Options) { o.Tokens[0].Label = Anonymous },
		"a token without a label":     func(o *Options) { o.Tokens[0].Label = "" },
		"an empty token":              func(o *Options) { o.Tokens[0].Value = "" },
		"a token with the word":       func(o *Options) { o.Tokens[0].Value = "Bearer x" },
		"no example":                  func(o *Options) { o.Tabs = nil },
		"an unknown caller":           func(o *Options) { o.Tabs[0].Caller = "Nobody" },
		"variables that are no JSON":  func(o *Options) { o.Tabs[0].Variables = "{" },
		"variables in a list":         func(o *Options) { o.Tabs[0].Variables = "[]" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			change(&o)
			if _, err := Handler(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// The files of others are those that VENDORED.txt lists, bit by bit, and each has its licence.
func TestVendoredFilesAreThoseListed(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("assets/VENDORED.txt")
	if err != nil {
		t.Fatal(err)
	}
	licences, err := files.ReadFile("assets/LICENCES.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 5 {
			t.Fatalf("line %q", line)
		}
		want[fields[0]] = fields[4]
		if heading := fields[1] + " " + fields[2] + " (" + fields[3] + ")\n"; !strings.Contains(string(licences), "\n"+heading) {
			t.Errorf("LICENCES.txt has no %q", heading)
		}
	}
	got := map[string]string{}
	packed, err := fs.Glob(files, "assets/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packed {
		content, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := unpack(content)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(unpacked)
		got[strings.TrimSuffix(strings.TrimPrefix(name, "assets/"), ".gz")] = hex.EncodeToString(sum[:])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
