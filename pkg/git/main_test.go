package git_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"git-sync/pkg/git"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newGit is a git for which the machine's configuration, locale and proxies do not
// exist; env is added to its user's environment.
func newGit(t testing.TB, env ...string) *git.Git {
	t.Helper()
	return newGitWith(t, git.Options{}, env...)
}

func newGitWith(t testing.TB, o git.Options, env ...string) *git.Git {
	t.Helper()
	o.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}, env...)
	g, err := git.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// must runs a command that has to work, and returns its output.
func must(t testing.TB, g *git.Git, c *git.Command) string {
	t.Helper()
	res, err := g.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return res.Stdout
}

// emptyStore makes a repository that things can be fetched into.
func emptyStore(t testing.TB, g *git.Git) string {
	t.Helper()
	dir := t.TempDir()
	must(t, g, git.Cmd("init", "--quiet", "--bare", "--template=").Operand(dir))
	return dir
}
