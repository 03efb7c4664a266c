package app_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme starts the program as a newcomer does, with nothing, makes the README's first purchase word by word, and asks
// what it asks about an offer afterwards.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?s)\ngql '(\{.*?\})'\n`).FindAllStringSubmatch(string(text), -1)
	answers := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(string(text), -1)
	if len(commands) != 5 || len(answers) != 5 {
		t.Fatalf("the README has %d commands and %d answers, want 5 and 5", len(commands), len(answers))
	}
	environment := []string{"FARTHING_DATA_DIR=" + t.TempDir(), "FARTHING_LISTEN=127.0.0.1:0"}
	server := start(t, environment...)
	printed := regexp.MustCompile(`shopper-1\b.*\n\s+(\S+)\n`)
	server.until(t, func() bool { return printed.MatchString(server.out.String()) })
	token := printed.FindStringSubmatch(server.out.String())[1]

	o := &shop{url: server.url, names: names{}}
	ids := regexp.MustCompile(`"(prd|pur|bdl)_[^"]*"`)
	ask := func(command string) answer {
		var body struct {
			Query     string
			Variables json.RawMessage
		}
		if err := json.Unmarshal([]byte(command), &body); err != nil {
			t.Fatalf("%v in %s", err, command)
		}
		return o.ask(t, call{query: body.Query, variables: string(body.Variables), header: map[string][]string{"Authorization": {"Bearer " + token}}})
	}
	named := func(text string) string { return ids.ReplaceAllString(text, `"$$$1"`) }
	o.wants(t, ask(commands[0][1]), named(answers[0][1]))
	buy := named(commands[1][1])
	o.wants(t, ask(buy), named(answers[1][1]))
	o.wants(t, ask(buy), strings.Replace(named(answers[1][1]), `"replayed":false`, `"replayed":true`, 1))
	for code, change := range map[string][2]string{
		"ALREADY_OWNED":          {"my-first-purchase", "my-second-purchase"},
		"IDEMPOTENCY_KEY_REUSED": {`"0.99"`, `"0.98"`},
	} {
		if a := ask(strings.Replace(buy, change[0], change[1], 1)); !strings.Contains(string(a.body), `"code":"`+code+`"`) {
			t.Errorf("with %s, want %s: %s", change[1], code, a)
		}
	}
	for i := 2; i < len(commands); i++ {
		o.wants(t, ask(named(commands[i][1])), named(answers[i][1]))
	}
	if c := farthing(t, environment, "verify"); c.failed != nil {
		t.Errorf("verify: %v\n%s", c.failed, c.out)
	}
}
