package push

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// TestMkdocs is the job of the git-volume-reloader article: mkdocs serves what git-sync publishes, in each way, and git-sync syncs
// when the forge's webhook arrives. The reader's browser sees each push, a force-push, and the last of several pushes of one moment.
func TestMkdocs(t *testing.T) {
	t.Parallel()
	for _, publish := range []string{"link", "directory", "in-place"} {
		t.Run(publish, func(t *testing.T) { mkdocsServes(t, publish) })
	}
}

func mkdocsServes(t *testing.T, publish string) {
	t.Parallel()
	mkdocs := sshserver.Require(t, "mkdocs", "mkdocs")
	u := newUpstream(t, sshserver.New(t), "team/docs.git")
	alice := u.clone("alice")
	page := func(text string) []string { return []string{"docs/index.md", "# Handbook\n\n" + text + "\n"} }
	first := alice.commit(append(page("first edition"), "mkdocs.yml", "site_name: Handbook\ntheme: mkdocs\n")...)
	alice.git("push", "--quiet", "origin", "main")
	m := u.mirror("--ref=main", "--publish="+publish)
	m.Shows(t, "docs/index.md", page("first edition")[1])
	u.tells("github", u.secret, m.webhook())

	site := "http://" + harness.FreeAddress(t) + "/"
	harness.Start(t, harness.Command{
		Path: mkdocs, Env: []string{"LC_ALL=C.UTF-8"},
		Args: []string{"serve", "--config-file", m.Path("mkdocs.yml"), "--dev-addr", strings.Trim(site, "htp:/")},
	})
	shows := func(text string, began time.Time) {
		t.Helper()
		harness.Until(t, "a page that says "+text, func() bool {
			_, html := harness.Get(site)
			return strings.Contains(html, text)
		})
		if !began.IsZero() {
			t.Logf("%q is shown %s after it was pushed", text, time.Since(began).Round(time.Millisecond))
		}
	}
	shows("first edition", time.Time{})

	alice.commit(page("second edition")...)
	alice.git("push", "--quiet", "origin", "main")
	shows("second edition", time.Now())

	alice.git("reset", "--quiet", "--hard", first)
	alice.commit(page("third edition")...)
	alice.git("push", "--quiet", "--force", "origin", "main")
	shows("third edition", time.Now())

	if publish != "link" {
		return
	}
	bob := u.clone("bob")
	pushes := 3
	if harness.Full() {
		pushes = 10
	}
	var pushers sync.WaitGroup
	for _, c := range []*clone{alice, bob} {
		pushers.Go(func() {
			for i := range pushes {
				c.push(page(fmt.Sprintf("edition %s-%d.", filepath.Base(c.dir), i))...)
			}
		})
	}
	pushers.Wait()
	began := time.Now()
	last := git(t, u.srv.GitEnv(u.key), "--git-dir="+filepath.Join(u.srv.Dir, u.name), "show", "main:docs/index.md")
	shows(strings.TrimSpace(last[strings.Index(last, "edition"):]), began)
}
