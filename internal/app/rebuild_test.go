package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"farthing/ent"
	"farthing/internal/app"
	"farthing/internal/db/dbtest"
	"farthing/internal/demo"
)

// TestRebuildCommand has a shop rebuilt that is right, one of which something is wrong that only follows, and one of which an
// award is.
func TestRebuildCommand(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		o.shopper(t, "ada", "USD 10")
		for _, step := range append(refundRules(), joins("ada", "Ada"), buysHints("ada", "k1", 5), buysHints("ada", "k2", 3), buysHints("ada", "k3", 2),
			refunding("$ada-k2", "r1", `{"refund": {"id": "$*"}, "errors": []}`)) {
			o.play(t, step)
		}
		rebuild := func(flags ...string) console {
			t.Helper()
			return farthing(t, o.environment(s), append([]string{"rebuild"}, flags...)...)
		}
		right := func(c console, lines string) {
			t.Helper()
			if c.failed != nil || c.out != lines {
				t.Errorf("rebuild of what is right: %v\n%s%s\nwant\n%s", c.failed, c.out, c.err, lines)
			}
		}
		const sum = "4 awards of 3 purchases and 1 refunds of 1 shoppers computed again: 0 differences\n"
		right(rebuild(), sum)
		right(rebuild("--repair"), "written anew for 0 shoppers\n"+sum)
		right(rebuild("--json"), `{"awards":4,"differences":0,"purchases":3,"refunds":1,"shoppers":1}`+"\n")
		right(rebuild("--json", "--repair"), `{"awards":4,"differences":0,"purchases":3,"refunds":1,"repaired":0,"shoppers":1}`+"\n")

		// What only follows from what was recorded is found, and mended when that is asked for.
		o.spoil(t, "UPDATE leaderboard_scores SET score = score + 1000000")
		c := rebuild()
		wrong(t, c)
		shows(t, "rebuild", c.out, "DIFFERS  "+o.names["$ada"]+": scores\n", "\n         follows  ", ": 1400000 at ", "\n         recorded ", ": 2400000 at ", " 1 differences\n")
		right(rebuild("--repair"), "written anew for 1 shoppers\n"+sum)

		// What was awarded is found, and never changed.
		o.spoil(t, "DELETE FROM achievements")
		o.spoil(t, "UPDATE reward_entries SET used = 1000000 WHERE seq = 3")
		for _, flags := range [][]string{nil, {"--repair"}} {
			c = rebuild(flags...)
			wrong(t, c)
			shows(t, "rebuild", c.out, "DIFFERS  "+o.names["$ada"]+": badge or quest\n", "DIFFERS  "+o.names["$ada"]+", rwd_", ": what became of the points\n")
		}
		c = rebuild("--json")
		wrong(t, c)
		lines := strings.Split(strings.TrimSuffix(c.out, "\n"), "\n")
		for i, line := range lines {
			var object struct {
				Shopper, Entry, What string
				Want, Got            json.RawMessage
				Differences          *int
			}
			err := json.Unmarshal([]byte(line), &object)
			switch last := i == len(lines)-1; {
			case err != nil:
				t.Errorf("%v in %s", err, line)
			case last && (object.Differences == nil || *object.Differences != len(lines)-1):
				t.Errorf("the last of %d lines says %s", len(lines), line)
			case !last && (object.Shopper != o.names["$ada"] || object.What == "" || object.Want == nil || object.Got == nil || object.Entry != "" && !strings.HasPrefix(object.Entry, "rwd_")):
				t.Errorf("a difference is told as %s", line)
			}
		}
	})
}

// wrong fails the test unless a command has found something to be wrong, and said what.
func wrong(t *testing.T, c console) {
	t.Helper()
	if !errors.Is(c.failed, app.ErrShown) || c.err != "" {
		t.Errorf("rebuild of what is wrong: %v\n%s%s", c.failed, c.out, c.err)
	}
}

// spoil changes something that nobody else than the database's owner could.
func (o *shop) spoil(t *testing.T, statement string) {
	t.Helper()
	err := o.DB.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRebuildWithoutShop has the command refuse a database that is not migrated, and find nothing wrong in an empty one and in
// the demonstration.
func TestRebuildWithoutShop(t *testing.T) {
	t.Parallel()
	for _, store := range dbtest.Stores(t) {
		t.Run(store.Name, func(t *testing.T) {
			t.Parallel()
			c := farthing(t, on(t, store.EmptyURL(t)), "rebuild")
			if c.failed == nil {
				t.Error("it rebuilds what is not there")
			}
			shows(t, "rebuild", c.err, "run farthing migrate")
			environment := on(t, store.URL(t))
			for _, want := range []string{`^0 awards of 0 purchases .*: 0 differences\n$`, `^[1-9]\d* awards of [1-9]\d* purchases .*: 0 differences\n$`} {
				if c := farthing(t, environment, "rebuild"); c.failed != nil || !regexp.MustCompile(want).MatchString(c.out) {
					t.Errorf("rebuild: %v\n%s%s\nwant %s", c.failed, c.out, c.err, want)
				}
				if c := farthing(t, environment, "seed", "--demo"); c.failed != nil {
					t.Fatal(c.err)
				}
			}
		})
	}
}

// TestPictures has the pictures of the demonstration served where its rules say that they are, to everybody, and nothing else.
func TestPictures(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		o := s.open(t, opening{})
		if _, err := demo.Seed(t.Context(), demo.Shop{DB: o.DB, Identity: o.Identity, Till: o.Till, Issuer: o.Config.AuthIssuer}); err != nil {
			t.Fatal(err)
		}
		var body struct {
			Data struct {
				Badges, Levels []struct{ Code, Picture string }
			}
		}
		a := o.ask(t, call{query: `{ badges { code picture } levels { code picture } }`})
		if err := json.Unmarshal(a.body, &body); err != nil || len(body.Data.Badges) < 8 || len(body.Data.Levels) != 4 {
			t.Fatalf("%v in %s", err, a)
		}
		get := func(path string) *http.Response {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			return response
		}
		for _, shown := range append(body.Data.Badges, body.Data.Levels...) {
			if shown.Picture == "" {
				continue
			}
			if got := get(shown.Picture); got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "image/svg+xml" || got.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s at %s: %s %v", shown.Code, shown.Picture, got.Status, got.Header)
			}
		}
		for _, path := range []string{"/pictures/", "/pictures/badges/", "/pictures/none.svg", "/pictures/../rewards.json"} {
			if got := get(path); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, got.Status)
			}
		}
	})
}
