package receiver

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestDocs holds docs/webhooks.md to the names and limits that are in the code.
func TestDocs(t *testing.T) {
	content, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(content)
	names := Providers()
	for _, f := range forges() {
		for _, s := range f.schemes {
			names = append(names, s.header)
		}
	}
	names = append(names, Triggered, Ignored, Ping, Refused, Invalid, TooLarge, TimedOut, Busy, Failed)
	for _, name := range names {
		weak := name == "X-Hub-Signature" // in full only where it is Bitbucket's
		if !weak && !strings.Contains(strings.ToLower(doc), "`"+strings.ToLower(name)) {
			t.Errorf("docs/webhooks.md does not name %s", name)
		}
	}
	for _, limit := range []bool{
		MaxBody == 25<<20 && strings.Contains(doc, "larger than 25 MiB"),
		BodyTime == 10*time.Second && strings.Contains(doc, "longer than 10 seconds"),
		maxWait == 10*time.Minute && strings.Contains(doc, "at most ten minutes"),
		maxReading == 24 && strings.Contains(doc, "24 deliveries are read at once"),
	} {
		if !limit {
			t.Error("docs/webhooks.md tells other limits than there are")
		}
	}
}
