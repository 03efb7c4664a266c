package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"farthing/internal/db"
	"farthing/internal/db/dbtest"
	"farthing/internal/fault"
)

// slowTill is a till whose batches begin and end when the test says so.
type slowTill struct {
	*till
	clock   *clock
	began   chan int      // the size of each batch when it begins
	proceed chan struct{} // one for each batch that may end
}

func openSlowTill(t *testing.T) *slowTill {
	s := &slowTill{clock: &clock{now: noon}, began: make(chan int), proceed: make(chan struct{})}
	s.till = openTill(func(batch []*request) {
		s.began <- len(batch)
		<-s.proceed
		for _, r := range batch {
			r.outcome.replayed = true
		}
	}, s.clock.get)
	t.Cleanup(func() {
		go func() { // ends what is still queued
			for {
				select {
				case <-s.idle:
					return
				case <-s.began:
				case s.proceed <- struct{}{}:
				}
			}
		}()
		s.close()
	})
	return s
}

// send queues a request without waiting for it.
func (s *slowTill) send(t *testing.T, items int) *request {
	t.Helper()
	r := &request{basket: Basket{Items: make([]Item, items)}, weight: items, done: make(chan struct{})}
	if err := s.enqueue(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// finish lets batches end until these requests are done, and gives the sizes of those that began meanwhile.
func (s *slowTill) finish(requests ...*request) (sizes []int) {
	for _, r := range requests {
		for done := false; !done; {
			select {
			case <-r.done:
				done = true
			case n := <-s.began:
				sizes = append(sizes, n)
			case s.proceed <- struct{}{}:
			}
		}
	}
	return sizes
}

func TestTill(t *testing.T) {
	t.Parallel()

	t.Run("takes_one_at_once_and_then_all_that_came_meanwhile", func(t *testing.T) {
		t.Parallel()
		s := openSlowTill(t)
		sent := []*request{s.send(t, 1)}
		if n := <-s.began; n != 1 {
			t.Errorf("the first batch has %d requests, want 1", n)
		}
		for range maxBatch + 10 {
			sent = append(sent, s.send(t, 1))
		}
		if sizes := s.finish(sent...); !slices.Equal(sizes, []int{maxBatch, 10}) {
			t.Errorf("batches of %v, want %d and 10", sizes, maxBatch)
		}
		for i, r := range sent {
			if !r.outcome.replayed {
				t.Errorf("request %d was answered without an outcome", i)
			}
		}
	})

	t.Run("takes_fewer_large_baskets", func(t *testing.T) {
		t.Parallel()
		s := openSlowTill(t)
		sent := []*request{s.send(t, 1)}
		<-s.began
		for range 60 {
			sent = append(sent, s.send(t, MaxItems))
		}
		if sizes := s.finish(sent...); !slices.Equal(sizes, []int{40, 20}) {
			t.Errorf("batches of %v, want 40 and 20", sizes)
		}
	})

	t.Run("refuses_when_the_queue_is_full", func(t *testing.T) {
		t.Parallel()
		s := openSlowTill(t)
		overload := func() time.Duration {
			t.Helper()
			err := s.do(t.Context(), &request{done: make(chan struct{})})
			f := the(t, err)
			o, ok := f.Data.(Overload)
			if f.Code != fault.Overloaded || !ok || o.RetryAfter < time.Millisecond {
				t.Errorf("%s with %+v", f.Code, f.Data)
			}
			return o.RetryAfter
		}
		fill := func() (sent []*request) {
			sent = append(sent, s.send(t, 1))
			<-s.began
			for range maxQueue {
				sent = append(sent, s.send(t, 1))
			}
			return sent
		}
		sent := fill()
		if wait := overload(); wait > time.Second {
			t.Errorf("wait %s, want little while nothing is known", wait)
		}
		s.finish(sent...)
		// When the last batch took two seconds, five of them take ten.
		one := s.send(t, 1)
		<-s.began
		s.clock.set(noon.Add(2 * time.Second))
		s.finish(one)
		sent = fill()
		if wait := overload(); wait != 10*time.Second {
			t.Errorf("wait %s, want 10s", wait)
		}
		s.finish(sent...)
	})

	t.Run("lets_a_caller_go", func(t *testing.T) {
		t.Parallel()
		s := openSlowTill(t)
		busy := s.send(t, 1)
		<-s.began
		ctx, leave := context.WithCancel(t.Context())
		abandoned := &request{done: make(chan struct{})}
		left := make(chan error)
		go func() { left <- s.do(ctx, abandoned) }()
		for len(s.queue) == 0 {
			runtime.Gosched()
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if err := s.do(ctx, &request{done: make(chan struct{})}); !errors.Is(err, context.Canceled) {
			t.Errorf("one who has gone before: %v", err)
		}
		if sizes := s.finish(busy, abandoned); !slices.Equal(sizes, []int{1}) || !abandoned.outcome.replayed {
			t.Errorf("batches of %v afterwards, want the one who has left to be served", sizes)
		}
	})

	t.Run("serves_what_is_queued_when_it_closes", func(t *testing.T) {
		t.Parallel()
		s := openSlowTill(t)
		sent := []*request{s.send(t, 1)}
		<-s.began
		for range 5 {
			sent = append(sent, s.send(t, 1))
		}
		var closed sync.WaitGroup
		for range 2 { // twice is once
			closed.Go(s.close)
		}
		s.finish(sent...)
		closed.Wait()
		if err := s.do(t.Context(), &request{done: make(chan struct{})}); !fault.Is(err, fault.Overloaded) {
			t.Errorf("after the close: %v", err)
		}
	})
}

// TestPoisonedRequest has one request of a batch fail in a way that nobody expects; the others are served.
func TestPoisonedRequest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var observed []Batch
		s := open(t, d, func(c *Config) { c.Observe = func(b Batch) { observed = append(observed, b) } })
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		earlier := s.buy(s.rich(t, "sam", "1", "USD"), t, order("key", "0.20", of(hints, 1))).Purchase.ID
		observed = nil
		sold := 0
		for _, c := range []struct{ size, place int }{{7, 0}, {7, 3}, {7, 6}, {maxBatch, 200}} {
			place := c.place
			var batch []*request
			for i := range c.size {
				ctx := s.rich(t, fmt.Sprint(place, "/", i), "1", "USD")
				batch = append(batch, requested(ctx, t, order("key", "0.20", of(hints, 1))))
				if i == place {
					batch[i].claim.ResultID = earlier // which no two purchases have
				}
			}
			s.run(batch)
			for i, r := range batch {
				switch {
				case i == place && (r.outcome.err == nil || len(fault.From(r.outcome.err)) > 0):
					t.Errorf("the poisoned request %d: %v", i, r.outcome)
				case i != place && r.outcome.purchase == nil:
					t.Errorf("request %d: %v", i, r.outcome)
				}
			}
			sold += c.size - 1
		}
		purchases := 0
		for _, b := range observed {
			if purchases += b.Purchases; b.Err != nil && b.Purchases > 0 {
				t.Errorf("%+v", b)
			}
		}
		if first := observed[0]; first.Requests != 7 || first.Err == nil || purchases != sold {
			t.Errorf("observed %+v", observed)
		}
		prove(t, d)
	})
}

// TestPanicInTheTill does not end the shop.
func TestPanicInTheTill(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		hints := s.consumable(t, "Hints", 1, "0.20 USD")
		ctx := s.rich(t, "sam", "1", "USD")
		r := requested(ctx, t, order("key", "0.20", of(hints, 1)))
		whole := s.Currencies
		s.Currencies = nil // which trips whoever looks one up
		s.run([]*request{r})
		s.Currencies = whole
		if err := r.outcome.err; err == nil || !strings.Contains(err.Error(), "panic") || len(fault.From(err)) > 0 {
			t.Errorf("got %v, want an error that tells of the panic", err)
		}
		s.buy(ctx, t, order("key", "0.20", of(hints, 1)))
		prove(t, d)
	})
}

// TestDatabaseAway tells everybody at once instead of trying each request by itself.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	s := open(t, d)
	hints := s.consumable(t, "Hints", 1, "0.20 USD")
	ctx := s.rich(t, "sam", "1", "USD")
	there, err := url.Parse(dbtest.URL(t, d))
	if err != nil {
		t.Fatal(err)
	}
	socket := plug(t, there.Host)
	there.Host = socket.Addr().String()
	through, err := db.Open(t.Context(), there.String())
	if err != nil {
		t.Fatal(err)
	}
	defer through.Close()
	tries := 0
	config := s.Config
	config.Observe = func(Batch) { tries++ }
	away := New(through, config)
	defer away.Close()

	batch := make([]*request, 64)
	for i := range batch {
		batch[i] = requested(ctx, t, order(fmt.Sprint(i), "0.20", of(hints, 1)))
	}
	socket.pull()
	away.run(batch)
	for i, r := range batch {
		if err := r.outcome.err; err == nil || len(fault.From(err)) > 0 {
			t.Errorf("request %d: %v", i, r.outcome)
		}
	}
	if tries != 1 {
		t.Errorf("the batch was tried in %d parts, want as a whole", tries)
	}
	s.buy(ctx, t, order("0", "0.20", of(hints, 1)))
	prove(t, d)
}

// plugged leads to a server until the plug is pulled.
type plugged struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func plug(t *testing.T, server string) *plugged {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &plugged{Listener: listener}
	t.Cleanup(p.pull)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, client, upstream)
			p.mu.Unlock()
			go func() { _, _ = io.Copy(upstream, client) }()
			go func() { _, _ = io.Copy(client, upstream) }()
		}
	}()
	return p
}

func (p *plugged) pull() {
	_ = p.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
}
