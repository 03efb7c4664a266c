package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farthing/ent/flashsale"
	"farthing/ent/product"
	"farthing/ent/schema"
	"farthing/internal/actor"
	"farthing/internal/app"
	"farthing/internal/catalog"
	till "farthing/internal/checkout"
	"farthing/internal/db/dbtest"
	"farthing/internal/identity"
	"farthing/internal/offers"
	"farthing/internal/wallet"
)

// What BenchmarkStorefrontPage does.
const (
	pageVisitors = 16 // connections
	pageShoppers = 200
	pageProducts = 100
	pageOwned    = 5 // that each shopper has bought
)

// storefrontPage is what a storefront shows: 50 products with prices and sales.
const storefrontPage = `query Storefront($currency: CurrencyCode!, $first: Int!) {
  products(first: $first) {
    edges { cursor node { id slug name creator owned
      price(currency: $currency) {
        list { amount currency } current { amount currency } lowestLast30Days { amount } until
        flashSale { id name endsAt remaining }
      }
    } }
    pageInfo { hasNextPage endCursor }
  }
}`

// BenchmarkStorefrontPage is what a page of 50 products costs beside the same bytes served by net/http: for a visitor, and
// for shoppers who are signed in and own some of them. An operation is as many requests of each as make a round, one kind after
// the other on the same connections, so that whatever else the machine does is shared. It reports the rates, and each as a part
// of that of net/http.
//
//	go test -run '^$' -bench StorefrontPage -benchtime 10x ./internal/app
func BenchmarkStorefrontPage(b *testing.B) {
	for _, store := range dbtest.Stores(b) {
		b.Run(store.Name, func(b *testing.B) {
			s := openStorefront(b, store)
			kinds := []*pageKind{
				{name: "plain", requests: [][]byte{s.plain}, per: 4_000},
				{name: "visitor", requests: [][]byte{s.visitor}, per: 4_000},
				{name: "shopper", requests: s.shoppers, per: 800},
			}
			for _, k := range kinds {
				k.round(b, s.address)
				k.took, k.answered = 0, 0
			}
			b.ResetTimer()
			for range b.N {
				for _, k := range kinds {
					k.round(b, s.address)
				}
			}
			b.StopTimer()
			for _, k := range kinds {
				b.ReportMetric(k.rate(), k.name+"/s")
				if k != kinds[0] {
					b.ReportMetric(k.rate()/kinds[0].rate(), k.name+"-of-plain")
				}
			}
		})
	}
}

// storefront is a shop with something on its shelves, and the requests for a page of them.
type storefront struct {
	address        string
	plain, visitor []byte
	shoppers       [][]byte
}

func openStorefront(b *testing.B, store dbtest.Store) storefront {
	b.Helper()
	dir := b.TempDir()
	key, _, err := identity.LoadOrCreateSigningKey(filepath.Join(dir, "signing-key.pem"))
	if err != nil {
		b.Fatal(err)
	}
	config, err := app.ReadConfig([]string{
		"FARTHING_DATABASE_URL=" + store.URL(b), "FARTHING_DATA_DIR=" + dir, "FARTHING_RATE_LIMIT=off",
	})
	if err != nil {
		b.Fatal(err)
	}
	log, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	a, err := app.New(b.Context(), config, app.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		b.Fatal(err)
	}
	handler, err := a.Handler(nil)
	if err != nil {
		b.Fatal(err)
	}
	var page []byte
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /plain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page)
	})
	server := httptest.NewServer(mux)
	b.Cleanup(func() {
		server.Close()
		if err := a.Close(); err != nil {
			b.Error(err)
		}
		_ = log.Close()
	})
	s := storefront{address: server.Listener.Addr().String()}
	s.plain = []byte("GET /plain HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	s.visitor = graphqlRequest(b, "")
	s.stock(b, a)
	for i := range pageShoppers {
		token, err := identity.Mint(key, identity.MintInput{
			Subject: fmt.Sprintf("shopper-%d", i), Roles: []actor.Role{actor.Shopper},
			Audience: config.AuthAudience, TTL: time.Hour, Now: time.Now(),
		})
		if err != nil {
			b.Fatal(err)
		}
		s.shoppers = append(s.shoppers, graphqlRequest(b, token))
	}
	page = askOnce(b, s.address, s.shoppers[0])
	if bytes.Contains(page, []byte(`"errors"`)) || bytes.Count(page, []byte(`"flashSale":{`)) < 5 ||
		bytes.Count(page, []byte(`"owned":true`)) != pageOwned {
		b.Fatalf("not what was wanted: %.2000s", page)
	}
	page = askOnce(b, s.address, s.visitor)
	b.ReportMetric(float64(len(page)), "B/page")
	return s
}

// stock puts products on the shelves, one in ten of them on sale, and has each shopper buy some.
func (storefront) stock(b *testing.B, a *app.App) {
	b.Helper()
	ctx := actor.With(b.Context(), actor.Actor{Subject: "mia", Roles: []actor.Role{actor.Merchandiser}})
	items := make([]till.Item, pageProducts)
	for i := range items {
		in := catalog.CreateInput{
			Kind: product.KindDURABLE, Status: product.StatusACTIVE, Units: 1, Prices: prices("USD 0.99", "KRW 1200"),
			Texts:   []catalog.Text{{Language: "en", Name: "The Collected Letters, Volume " + strconv.Itoa(i), Description: "Letters."}},
			Creator: "An Author of Letters",
		}
		if i%10 == 0 {
			in.Tags = []string{"sale"}
		}
		made, err := a.Catalog.Create(ctx, in)
		if err != nil {
			b.Fatal(err)
		}
		items[i] = till.Item{ID: made.ID, Quantity: 1}
	}
	off := offers.Percent(5_000)
	_, err := a.Offers.CreateFlashSale(ctx, offers.CreateFlashSale{
		Common: offers.Common{Texts: []catalog.Text{{Language: "en", Name: "A day of letters"}}, Status: offers.StatusActive},
		Kind:   flashsale.KindPERCENTAGE, PercentOff: &off, Scope: schema.Scope{Tags: []string{"sale"}},
		Stock: new(int64(100_000)), PerShopper: new(int64(1)), EndsAt: new(time.Now().Add(time.Hour)),
	})
	if err != nil {
		b.Fatal(err)
	}
	code, funds := split("USD 1000")
	_, cost := split("USD 4.95")
	var buying sync.WaitGroup
	for at := range pageVisitors {
		buying.Go(func() {
			for i := at; i < pageShoppers; i += pageVisitors {
				who, err := a.Identity.Shopper(ctx, "", fmt.Sprintf("shopper-%d", i))
				if err == nil {
					_, err = a.Wallet.TopUp(ctx, wallet.TopUpInput{IdempotencyKey: "first", ShopperID: who, Currency: code, Amount: funds})
				}
				if err == nil {
					basket := make([]till.Item, pageOwned)
					for j := range basket {
						basket[j] = items[pageProducts-3-8*j]
					}
					_, err = a.Till.Checkout(actor.With(ctx, actor.Actor{ShopperID: who, Roles: []actor.Role{actor.Shopper}}), till.Input{
						IdempotencyKey: "first", Basket: till.Basket{Currency: code, Items: basket}, ExpectedTotal: cost,
					})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	buying.Wait()
}

// graphqlRequest is a request for the page as it is on the wire.
func graphqlRequest(b *testing.B, token string) []byte {
	b.Helper()
	body, err := json.Marshal(map[string]any{"query": storefrontPage, "variables": map[string]any{"currency": "USD", "first": 50}})
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("POST /graphql HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\nAccept: application/json\r\n")
	if token != "" {
		text.WriteString("Authorization: Bearer " + token + "\r\n")
	}
	_, _ = fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return []byte(text.String())
}

func askOnce(b *testing.B, address string, request []byte) []byte {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		b.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// pageKind is one kind of request, and how its rounds went.
type pageKind struct {
	name     string
	requests [][]byte
	per      int
	took     time.Duration
	answered int
}

// round sends the requests on as many connections as there are visitors, each waiting for its answer. The client reads no
// more of an answer than it must, so that it takes little of the machine.
func (k *pageKind) round(b *testing.B, address string) {
	b.Helper()
	began := time.Now()
	var running sync.WaitGroup
	for at := range pageVisitors {
		running.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReaderSize(c, 64<<10)
			for i := at; i < k.per; i += pageVisitors {
				if _, err := c.Write(k.requests[i%len(k.requests)]); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	k.took += time.Since(began)
	k.answered += k.per
}

// skipAnswer reads an answer, which must be a 200.
func skipAnswer(in *bufio.Reader) error {
	length, ok := 0, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch text := string(line); {
		case text == "\r\n":
			if !ok || length == 0 {
				return fmt.Errorf("ok %t, %d bytes", ok, length)
			}
			_, err := in.Discard(length)
			return err
		case strings.HasPrefix(text, "HTTP/1.1 200 "):
			ok = true
		case strings.HasPrefix(text, "Content-Length: "):
			length, err = strconv.Atoi(strings.TrimSpace(text[len("Content-Length: "):]))
			if err != nil {
				return err
			}
		}
	}
}

func (k *pageKind) rate() float64 { return float64(k.answered) / k.took.Seconds() }
