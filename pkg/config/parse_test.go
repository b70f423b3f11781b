package config

import (
	"errors"
	"testing"
	"time"
)

// parse is Parse with a home, for tests that expect no problem.
func parse(t *testing.T, args []string, env ...string) (Config, []Notice) {
	t.Helper()
	c, notices, err := Parse(args, append([]string{"HOME=/home/me"}, env...))
	if err != nil {
		t.Fatalf("Parse(%q, %q): %v", args, env, err)
	}
	return c, notices
}

// problems is Parse with a home, for tests that expect problems.
func problems(t *testing.T, args []string, env ...string) []Problem {
	t.Helper()
	_, _, err := Parse(args, append([]string{"HOME=/home/me"}, env...))
	var p *Problems
	if !errors.As(err, &p) {
		t.Fatalf("Parse(%q, %q) found no problem", args, env)
	}
	return p.List
}

// The two argument lists of the article that git-sync began with, as they stand there.
func TestArticle(t *testing.T) {
	c, notices := parse(t, []string{
		"-repo=git@github.com:foo/templater-templates.git", "-branch=master", "-depth=1", "-max-sync-failures=6",
		"-wait=10", "-one-time=true", "-root=/templates", "-dest=from-github", "-ssh=true",
	})
	if len(notices) != 0 {
		t.Errorf("notices: %v", notices)
	}
	if c.Repo != "git@github.com:foo/templater-templates.git" || c.Ref != "master" || c.Depth != 1 || !c.OneTime ||
		c.Root != "/templates" || c.Link != "from-github" || c.Layout != LayoutRev || c.Period != 10*time.Second {
		t.Errorf("init container: %+v", c)
	}
	if want := (Budget{Exit: 7}); c.Budget != want || c.InitBudget != want {
		t.Errorf("budgets %+v and %+v, want %+v", c.Budget, c.InitBudget, want)
	}
	c, _ = parse(t, []string{
		"-repo=git@github.com:foo/templater-templates.git", "-branch=master", "-depth=1", "-max-sync-failures=-1",
		"-root=/templates", "-dest=from-github", "-wait=60", "-ssh=true",
	})
	if !c.Budget.Unlimited || c.OneTime || c.Period != time.Minute {
		t.Errorf("sidecar: %+v", c)
	}
}
