package checkout

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/harness"
	"git-sync/test/signing"
)

// TestOneUnsignedCommit: the last good one stays, and everybody who looks is told, until a good one comes.
func TestOneUnsignedCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := signing.SSH(t)
	w.up.Commit(map[string]string{"README": "unsigned\n"})
	good := s.Commit(w.up, map[string]string{"README": "good\n"})
	at := harness.FreeAddress(t)
	verify := []string{"--verify=commit", "--verify-allowed-signers=" + s.Public}
	p := w.start(append(verify, "--http-bind="+at, "--http-metrics", "--error-file="+w.dir+"/error.json")...)
	says := func(words ...string) func() bool {
		return func() bool {
			_, answer := harness.Get("http://" + at + "/status")
			answer = strings.ReplaceAll(answer, `": `, `":`)
			for _, word := range words {
				if !strings.Contains(answer, word) {
					return false
				}
			}
			return true
		}
	}
	p.Until("the good commit", says(`"hash":"`+good+`"`))

	bad := w.up.Commit(map[string]string{"README": "harm\n"})
	p.Until("/status to say so", says("has no good signature", bad, `"hash":"`+good+`"`, "--verify-allowed-signers"))
	p.Until("the metric", func() bool {
		_, text := harness.Get("http://" + at + "/metrics")
		return strings.Contains(text, "\ngit_sync_unverified_revisions_total") && !strings.Contains(text, "\ngit_sync_unverified_revisions_total 0")
	})
	w.holds("README", "good\n")
	if text := string(content(t, w.dir+"/error.json")); !strings.Contains(text, "has no good signature") {
		t.Errorf("the error file: %s", text)
	}
	if code, _ := harness.Get("http://" + at + "/readyz"); code != http.StatusOK {
		t.Errorf("/readyz answers %d, though the last good revision is published", code)
	}

	// Once, it is a failure. This one has a root of its own, in which there is nothing yet.
	out, err := w.run("git-sync --repo=" + w.server.RepoURL(w.up) + " --root=" + w.dir + "/other --one-time " + strings.Join(verify, " "))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, "has no good signature") {
		t.Errorf("once: %v\n%s", err, out)
	}

	better := s.Commit(w.up, map[string]string{"README": "better\n"})
	p.Until("the next good commit", says(`"hash":"`+better+`"`, `"consecutiveFailures":0`))
	w.holds("README", "better\n")
}

// TestSignersRotate: the list of signers is read again while git-sync loops, and what it says of a key's time is obeyed.
func TestSignersRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	older, newer := signing.SSH(t), signing.SSH(t)
	list := filepath.Join(w.dir, "signers")
	lists := func(lines ...[]byte) { must(t, os.WriteFile(list, bytes.Join(lines, nil), 0o644)) }
	publishes := func(what, hash string) {
		t.Helper()
		harness.Until(t, what, func() bool { return w.Published() == hash })
	}
	refuses := func(what, hash string) {
		t.Helper()
		harness.Until(t, what, func() bool {
			text, _ := os.ReadFile(w.dir + "/error.json")
			return strings.Contains(string(text), hash)
		})
	}
	first := older.Commit(w.up, map[string]string{"README": "1\n"})
	lists(content(t, older.Public))
	w.start("--verify=commit", "--verify-allowed-signers="+list, "--error-file="+w.dir+"/error.json")
	publishes("the first key's commit", first)

	second := newer.Commit(w.up, map[string]string{"README": "2\n"})
	refuses("the second key to be refused while it is not listed", second)
	lists(content(t, older.Public), content(t, newer.Public))
	publishes("the second key's commit once it is listed", second)

	third := newer.Commit(w.up, map[string]string{"README": "3\n"})
	publishes("another one", third)
	lists(bytes.ReplaceAll(content(t, newer.Public), []byte(signing.Who+" "), []byte(signing.Who+` valid-before="20200101" `)))
	fourth := newer.Commit(w.up, map[string]string{"README": "4\n"})
	refuses("a key whose time is over", fourth)
	fifth := older.Commit(w.up, map[string]string{"README": "5\n"})
	refuses("a key that is not listed any more", fifth)
	w.holds("README", "3\n")
}
