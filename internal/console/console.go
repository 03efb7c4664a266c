// Package console serves the page at which a person tries the API: GraphiQL with example operations ready in tabs and
// with demonstration tokens filled in.
//
// Everything the page needs is in the binary, so it works without a network, and a strict Content-Security-Policy holds
// it to that. The files of others lie compressed in assets (VENDORED.txt says what they are, LICENCES.txt under which
// licences), our own in page.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed assets/*.gz assets/LICENCES.txt page
var files embed.FS

// Anonymous is the caller without a token; the page always offers it.
const Anonymous = "Anonymous"

// Options say what the page offers.
type Options struct {
	// Endpoint is the path of the GraphQL endpoint on the same origin: "/graphql".
	Endpoint string `json:"endpoint"`
	// Tokens are the callers one may be. A new tab starts with the first; when there is none, as Anonymous. They are
	// shown only to a visitor who named a loopback host in the address, since whoever reads the page has them; this also
	// keeps them from a foreign page whose name was pointed at this machine.
	Tokens []Token `json:"tokens"`
	// Tabs are the example operations a new visitor finds, in order.
	Tabs []Tab `json:"tabs"`
}

// Token is a bearer token and whom it stands for.
type Token struct {
	// Label names the caller to a person: "Ada, shopper". It stands for the token in what the browser keeps.
	Label string `json:"label"`
	// Value is the token, without the word Bearer.
	Value string `json:"value"`
}

// Tab is one example. It is titled with the name of its operation.
type Tab struct {
	// Query is a GraphQL document with one named operation.
	Query string `json:"query"`
	// Variables is a JSON object, or empty.
	Variables string `json:"variables"`
	// Caller is the label of the token to call with, or Anonymous; empty means the first token.
	Caller string `json:"caller"`
}

// Handler serves the page at "/" and its files below "/assets/". Mounted elsewhere, strip a prefix that ends before a
// slash: the page names its files relative to its own address. An error means that the options contradict themselves.
func Handler(o Options) (http.Handler, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("setting up the console: %w", err)
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("setting up the console: %w", err)
	}
	o.Tokens = append([]Token{}, o.Tokens...) // an empty list in JSON, never null
	page, err := parsePage(assets)
	if err != nil {
		return nil, fmt.Errorf("setting up the console: %w", err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		shown := view{Options: o, Nonce: rand.Text()}
		if !isLoopback(r.Host) {
			shown.Tokens = []Token{}
		}
		var body bytes.Buffer
		if err := page.Execute(&body, shown); err != nil {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy+"; style-src 'self' 'nonce-"+shown.Nonce+"'")
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write(body.Bytes()) // a visitor who went away is told nothing
	})
	for _, a := range assets {
		mux.Handle("GET /"+a.url, a)
	}
	return withSecurityHeaders(mux), nil
}

func (o Options) check() error {
	if !strings.HasPrefix(o.Endpoint, "/") || strings.HasPrefix(o.Endpoint, "//") {
		return fmt.Errorf("endpoint %q is not a path of this origin", o.Endpoint)
	}
	labels := map[string]bool{"": true, Anonymous: true}
	for _, t := range o.Tokens {
		if labels[t.Label] {
			return fmt.Errorf("label %q of a token is empty or taken", t.Label)
		}
		if t.Value == "" || strings.ContainsAny(t.Value, " \t\r\n\"\\{}") {
			return fmt.Errorf("token of %q is not a bearer token", t.Label)
		}
		labels[t.Label] = true
	}
	if len(o.Tabs) == 0 {
		return errors.New("there is no example")
	}
	for i, t := range o.Tabs {
		if !labels[t.Caller] {
			return fmt.Errorf("example %d is called by %q, whom no token stands for", i+1, t.Caller)
		}
		var object map[string]any
		if t.Variables != "" && json.Unmarshal([]byte(t.Variables), &object) != nil {
			return fmt.Errorf("variables of example %d are not a JSON object", i+1)
		}
	}
	return nil
}

func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// contentSecurityPolicy lets the page load from, and connect to, its own origin only; 'self' in connect-src covers the
// WebSocket of subscriptions too (Content Security Policy Level 3, 6.7.2.8: ws and wss of the same host and port). Images as data: are the marks that the editor's
// linter puts under an error. The page adds where styles may come from: its own origin, and the one style element with
// which a dialog of the editor locks the scroll bar, by nonce.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// view is what the page is filled in with. html/template escapes the options for the JSON script element they stand in,
// so no text in them can end it.
type view struct {
	Options
	// Nonce is new for every response.
	Nonce string `json:"-"`
}

func parsePage(assets map[string]*asset) (*template.Template, error) {
	return template.New("index.html").Funcs(template.FuncMap{"asset": func(name string) (string, error) {
		if a, ok := assets[name]; ok {
			return a.url, nil
		}
		return "", fmt.Errorf("no file %q", name)
	}}).ParseFS(files, "page/index.html")
}

// contentTypes are fixed here because those of package mime depend on the machine.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// asset is one file of the page. Its address holds the hash of its content, so a browser may keep it for ever.
type asset struct {
	name, url, hash string
	packed          []byte // compressed with gzip
}

// loadAssets gives the files of the page by their plain names.
func loadAssets() (map[string]*asset, error) {
	assets := map[string]*asset{}
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == "page/index.html" {
			return err
		}
		content, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		name, vendored := strings.CutSuffix(path.Base(p), ".gz")
		if !vendored {
			if content, err = pack(content); err != nil {
				return err
			}
		}
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:10])
		assets[name] = &asset{name: name, url: "assets/" + hash + "/" + name, hash: hash, packed: content}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the files of the page: %w", err)
	}
	return assets, nil
}

func pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// ServeHTTP sends the file as it is stored to everybody who takes gzip, and unpacked to the few who do not.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", contentTypes[path.Ext(a.name)])
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	content, etag := a.packed, `"`+a.hash+`-gzip"`
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
	} else {
		unpacked, err := unpack(a.packed)
		if err != nil {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		content, etag = unpacked, `"`+a.hash+`"`
	}
	h.Set("ETag", etag)
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, 12.5.3). A wildcard is not taken for gzip, to be careful.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, given := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		value, err := strconv.ParseFloat(q, 64)
		return !given || err == nil && value > 0
	}
	return false
}
