package secret_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"git-sync/pkg/secret"
)

func TestDoesNotPrint(t *testing.T) {
	type options struct{ Password secret.Text }
	s := secret.Text("hunter2")
	out, err := json.Marshal(map[string]any{"a": s, "b": options{s}})
	if err != nil {
		t.Fatal(err)
	}
	text := string(out) + s.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T!%v"} {
		text += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, options{s}) + fmt.Sprintf(verb, []secret.Text{s}) + fmt.Sprintf(verb, &options{s})
	}
	if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
		t.Error(text)
	}
	if s.Reveal() != "hunter2" || secret.Text("").String() != "" {
		t.Error("Reveal")
	}
}
