package push

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/sshserver"
)

// upstream is one repository behind the sshd, whose hook is a forge.
type upstream struct {
	t      *testing.T
	srv    *sshserver.Server
	key    string
	name   string
	secret string
	log    string // what became of each delivery
}

func newUpstream(t *testing.T, srv *sshserver.Server, name string) *upstream {
	t.Helper()
	for _, tool := range []string{"curl", "openssl"} {
		sshserver.Require(t, tool, tool)
	}
	srv.NewRepo(name)
	return &upstream{
		t: t, srv: srv, key: srv.NewKey(strings.ReplaceAll(name, "/", "-")), name: name,
		secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", log: filepath.Join(t.TempDir(), "deliveries"),
	}
}

func (u *upstream) url() string { return u.srv.URL(u.name) }

// tells makes the repository's hook be that forge, which posts to webhook with a secret of its own.
func (u *upstream) tells(forge, secret, webhook string) {
	u.t.Helper()
	script, err := filepath.Abs("testdata/forge.sh")
	if err != nil {
		u.t.Fatal(err)
	}
	u.srv.PostReceive(u.name, fmt.Sprintf("#!/bin/sh\nexec sh '%s' '%s' '%s' '%s' '%s' '%s'\n", script, forge, secret, webhook, u.url(), u.log))
}

// deliveries takes the lines that the forge has written since the last call: each is "ref status answer".
func (u *upstream) deliveries() []string {
	u.t.Helper()
	content, err := os.ReadFile(u.log)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		u.t.Fatal(err)
	}
	if err := os.Remove(u.log); err != nil {
		u.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// tip is the commit that a ref of the repository is at.
func (u *upstream) tip(ref string) string {
	u.t.Helper()
	return git(u.t, u.srv.GitEnv(u.key), "--git-dir="+filepath.Join(u.srv.Dir, u.name), "rev-parse", ref)
}

// clone is a working copy of somebody who pushes.
type clone struct {
	t   *testing.T
	u   *upstream
	dir string
}

func (u *upstream) clone(who string) *clone {
	u.t.Helper()
	c := &clone{t: u.t, u: u, dir: filepath.Join(u.t.TempDir(), who)}
	git(u.t, u.srv.GitEnv(u.key), "clone", "--quiet", u.url(), c.dir)
	return c
}

// git runs git in the clone and returns what it says.
func (c *clone) git(args ...string) string {
	c.t.Helper()
	return git(c.t, c.u.srv.GitEnv(c.u.key), append([]string{"-C", c.dir}, args...)...)
}

// commit writes files, given as name and content in turn, and commits them. It does not push.
func (c *clone) commit(files ...string) string {
	c.t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(c.dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	c.git("add", "-A")
	c.git("commit", "--quiet", "-m", "change")
	return c.git("rev-parse", "HEAD")
}

func git(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := tryGit(env, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryGit(env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
