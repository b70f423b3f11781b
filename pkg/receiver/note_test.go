package receiver

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
)

// TestDeliveriesAreExplained: the log at level 0 and Observe name the forge, the event, the repository and the ref of each
// delivery, and why one was ignored or refused. Of a sender who has not proved itself only well-known events are named.
func TestDeliveriesAreExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		logger := funcr.New(func(_, line string) { log.WriteString(line + "\n") }, funcr.Options{})
		r := newLoggedRig(t, logger, Target{URL: urls["github"], Ref: "main"})
		push := func(name string) delivery { return recording(t, "github", name) }
		unknownEvent := push("push")
		unknownEvent.header.Set("X-Github-Event", "evil <b>")
		const repository, main = "team/docs", "refs/heads/main"
		for _, c := range []struct {
			name   string
			d      delivery
			want   Delivery
			reason string
			line   string
		}{
			{"a push", push("push").signed(secret), Delivery{Event: "push", Repository: repository, Ref: main, Outcome: Triggered}, "", "push received"},
			{"another branch", push("push-other-branch").signed(secret), Delivery{Event: "push", Repository: repository, Ref: "refs/heads/feature/main", Outcome: Ignored}, `the followed ref is "main"`, "delivery ignored"},
			{"another repository", push("push").renamed().signed(secret), Delivery{Event: "push", Repository: "group/handbook", Ref: main, Outcome: Triggered}, "", "repository was renamed"},
			{"wrong secret", push("push").signed("another"), Delivery{Event: "push", Outcome: Refused}, "its signature or token is wrong", "delivery refused"},
			{"an event of a stranger", unknownEvent.signed("another"), Delivery{Outcome: Refused}, "its signature or token is wrong", ""},
		} {
			log.Reset()
			r.post(c.d)
			got := r.last
			if !strings.Contains(got.Reason, c.reason) || (c.reason == "") != (got.Reason == "") {
				t.Errorf("%s: the reason is %q", c.name, got.Reason)
			}
			c.want.Time, c.want.Forge, c.want.From, c.want.Reason = time.Now(), "github", "192.0.2.1:1234", got.Reason
			if got != c.want {
				t.Errorf("%s: observed %+v, want %+v", c.name, got, c.want)
			}
			if !strings.Contains(log.String(), c.line) || (c.line == "") != (log.Len() == 0) {
				t.Errorf("%s: logged %s", c.name, log.String())
			}
			if strings.Contains(log.String()+got.Reason, secret) {
				t.Errorf("%s: the secret is shown", c.name)
			}
		}

		// A thousand more are one line a minute.
		log.Reset()
		for range 1000 {
			if status, _ := r.post(push("push").signed("another")); status != http.StatusForbidden {
				t.Fatal(status)
			}
		}
		time.Sleep(logPeriod)
		r.post(push("push").signed("another"))
		if n := strings.Count(log.String(), "delivery refused"); n != 1 {
			t.Errorf("%d lines in a minute", n)
		}
	})
}

// TestNotedTextsAreBounded: what a forge sends fills neither the log nor the memory.
func TestNotedTextsAreBounded(t *testing.T) {
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	d := recording(t, "github", "push")
	d.header.Set("X-Github-Event", strings.Repeat("x", 5000))
	r.post(d.signed(secret))
	if len(r.last.Event) != maxNoted || len(r.last.Reason) > 3*maxNoted {
		t.Errorf("%d bytes of event, %d of reason", len(r.last.Event), len(r.last.Reason))
	}
}
