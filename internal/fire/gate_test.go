package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestGateLosesCheckouts has a gate lose the request or the answer of a checkout that sells something, once, and nothing else.
func TestGateLosesCheckouts(t *testing.T) {
	t.Parallel()
	const buy, again, look = `mutation { checkout(new) }`, `mutation { checkout(old) }`, `{ products }`
	var served atomic.Int64
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		served.Add(1)
		_, _ = fmt.Fprintf(w, `{"replayed":%t}`, string(body) == again)
	}))
	defer shop.Close()
	g, err := openGate(strings.TrimPrefix(shop.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	send := func(query string) error {
		response, err := http.Post("http://"+g.address, "application/json", strings.NewReader(query))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && !strings.Contains(string(text), "replayed") {
			err = fmt.Errorf("%d %s", response.StatusCode, text)
		}
		return err
	}
	for _, answer := range []bool{false, true} {
		served.Store(0)
		lost := make(chan int64, 1) // how many the shop had served at the loss
		happened := make(chan error, 1)
		go func() {
			happened <- g.lose(t.Context(), loss{answer: answer, then: func() { lost <- served.Load() }})
		}()
		for !g.planned() {
			continue
		}
		harmless := []string{look}
		if answer {
			harmless = append(harmless, again)
		}
		for _, query := range harmless {
			if err := send(query); err != nil {
				t.Errorf("answer %t: %q is lost: %v", answer, query, err)
			}
		}
		if err := send(buy); err == nil {
			t.Errorf("answer %t: the checkout is not lost", answer)
		}
		want := int64(len(harmless))
		if answer {
			want++
		}
		if err := <-happened; err != nil {
			t.Fatal(err)
		}
		if got := <-lost; got != want {
			t.Errorf("answer %t: %d requests had been served at the loss, want %d", answer, got, want)
		}
		if err := send(buy); err != nil {
			t.Errorf("answer %t: the next checkout is lost, too: %v", answer, err)
		}
	}
}

// TestJournal keeps the last lines, and those that must not be.
func TestJournal(t *testing.T) {
	t.Parallel()
	var j journal
	for i := range 3 * journalLines {
		_, _ = fmt.Fprintf(&j, "line %d\n", i)
	}
	mark := j.mark()
	for _, part := range []string{"one, pan", "ic in the till\nand an", "other\n"} {
		_, _ = io.WriteString(&j, part)
	}
	if got := j.wrong(); len(got) != 1 || got[0] != "one, panic in the till" {
		t.Errorf("wrong lines: %q", got)
	}
	if last := fmt.Sprintf("line %d", 3*journalLines-1); !j.since(mark, "another") || j.since(mark, last) || !j.since(mark-1, last) {
		t.Error("what was written after the mark is not told from what was before")
	}
	if got := j.last(2); len(got) != 2 || got[1] != "and another" || len(j.lines) > 2*journalLines {
		t.Errorf("the last lines are %q of %d", got, len(j.lines))
	}
}
