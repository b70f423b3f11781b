package receiver

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
)

// ids are the IDs of our repository in the recordings.
var ids = map[string]string{
	"github": `"id": 186853002`, "gitlab": `"id": 15`, "gitea": `"id": 186853002`, "forgejo": `"id": 186853002`, "gogs": `"id": 186853002`,
	"bitbucket-cloud": "81d6d9dc", "bitbucket-server": `"id": 84`, "azure-devops": "278d5cd2",
}

// renamed is a delivery of the same repository under another name.
func (d delivery) renamed() delivery {
	for _, pair := range [][2]string{
		{"team/docs", "group/handbook"}, {"/docs", "/handbook"}, {`"docs"`, `"handbook"`},
	} {
		d.body = bytes.ReplaceAll(d.body, []byte(pair[0]), []byte(pair[1]))
	}
	return d
}

// TestRenamed: a repository that was renamed is recognised by its ID once a delivery had the configured name. Without one,
// a delivery of another repository is logged at level 0 with the URLs to configure, once a minute.
func TestRenamed(t *testing.T) {
	for forge, id := range ids {
		t.Run(forge, func(t *testing.T) {
			var log strings.Builder
			logger := funcr.New(func(_, line string) { log.WriteString(line + "\n") }, funcr.Options{})
			moved := recording(t, forge, "push").renamed().signed(secret)

			r := newLoggedRig(t, logger, Target{URL: urls[forge], Ref: "main"})
			for range 2 {
				if status, text := r.post(moved); status != http.StatusOK || r.pushes > 0 {
					t.Fatalf("nothing is known of it: %d %s", status, text)
				}
			}
			if strings.Count(log.String(), "if it was renamed, set --repo") != 1 || !strings.Contains(log.String(), "handbook") {
				t.Errorf("logged:\n%s", log.String())
			}

			log.Reset()
			r = newLoggedRig(t, logger, Target{URL: urls[forge], Ref: "main"})
			r.post(recording(t, forge, "push").signed(secret))
			for range 2 {
				if status, text := r.post(moved); status != http.StatusAccepted {
					t.Errorf("renamed: %d %s", status, text)
				}
			}
			if r.pushes != 3 || strings.Count(log.String(), "repository was renamed") != 1 || !strings.Contains(log.String(), "handbook") {
				t.Errorf("%d pushes; logged:\n%s", r.pushes, log.String())
			}
			other := moved
			other.body = bytes.Replace(other.body, []byte(id), []byte(id[:len(id)-1]+"0"), 1)
			if status, _ := r.post(other.signed(secret)); status != http.StatusOK {
				t.Errorf("another repository: %d", status)
			}
		})
	}
}

// TestSameIDElsewhere: another forge of the same kind has its own IDs.
func TestSameIDElsewhere(t *testing.T) {
	r := newRig(t, Target{URL: urls["gitea"], Ref: "main"})
	r.post(recording(t, "gitea", "push").signed(secret))
	other := recording(t, "gitea", "push").renamed()
	other.body = bytes.ReplaceAll(other.body, []byte("gitea.example.com"), []byte("gitea.example.org"))
	if status, _ := r.post(other.signed(secret)); status != http.StatusOK {
		t.Errorf("%d", status)
	}
}

// TestDefaultBranch: where nothing else is followed, a delivery that names another default branch than the one before
// triggers, whichever ref it is of.
func TestDefaultBranch(t *testing.T) {
	for _, forge := range []string{"github", "gitlab", "gitea", "forgejo", "gogs"} {
		for _, ref := range []string{"", "HEAD", "main"} {
			r := newRig(t, Target{URL: urls[forge], Ref: ref})
			follows := ref != "main"
			other := recording(t, forge, "push-other-branch")
			for _, step := range []struct {
				branch string
				want   bool
			}{
				{"main", follows}, // it may have changed before the first delivery
				{"main", false},
				{"trunk", follows},
				{"trunk", false},
			} {
				d := other
				d.body = bytes.Replace(d.body, []byte(`"default_branch": "main"`), []byte(`"default_branch": "`+step.branch+`"`), 1)
				r.pushes = 0
				status, text := r.post(d.signed(secret))
				if got := r.pushes == 1; got != step.want {
					t.Errorf("%s, ref %q, default branch %s: triggered %v: %d %s", forge, ref, step.branch, got, status, text)
				}
			}
		}
	}
}

// TestRepositoryEvent: GitHub has an event for a changed default branch, if the webhook sends it.
func TestRepositoryEvent(t *testing.T) {
	r := newRig(t, Target{URL: urls["github"]})
	r.post(recording(t, "github", "push").signed(secret))
	for range 2 {
		r.post(recording(t, "github", "default-branch").signed(secret))
	}
	if r.pushes != 2 || r.outcomes[2] != "github "+Ignored {
		t.Errorf("%d pushes, %q", r.pushes, r.outcomes)
	}
}

// TestNothingToRemember: what is remembered of a delivery is bounded.
func TestNothingToRemember(t *testing.T) {
	d := recording(t, "github", "push")
	d.body = bytes.Replace(d.body, []byte("186853002"), []byte(`"`+strings.Repeat("x", maxKept)+`"`), 1)
	r := newRig(t, Target{URL: urls["github"], Ref: "main"})
	r.post(d.signed(secret))
	if status, _ := r.post(d.renamed().signed(secret)); status != http.StatusOK || r.pushes != 1 {
		t.Errorf("%d, %d pushes", status, r.pushes)
	}
}
