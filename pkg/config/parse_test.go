package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/hook"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/secret"
	"git-sync/pkg/syncer"
)

// single is a Config with one sync.
type single struct {
	Process
	Sync
	config Config
}

func (s single) Fields() []any     { return s.config.Fields }
func (s single) Secrets() []string { return s.config.Secrets }

// parse is Parse with a home, for tests that expect one sync and no problem.
func parse(t *testing.T, args []string, env ...string) (single, []Warning) {
	t.Helper()
	c, warnings, err := Parse(args, append([]string{"HOME=/home/me"}, env...), nil)
	if err != nil {
		t.Fatalf("Parse(%q, %q): %v", args, env, err)
	}
	if len(c.Syncs) != 1 {
		t.Fatalf("Parse(%q, %q): %d syncs", args, env, len(c.Syncs))
	}
	return single{Process: c.Process, Sync: c.Syncs[0], config: c}, warnings
}

// noFile is a file of --config that cannot be read.
func noFile(string) ([]byte, error) { return nil, fs.ErrNotExist }

// problems is Parse with a home, for tests that expect problems.
func problems(t *testing.T, args []string, env ...string) []Problem {
	t.Helper()
	_, _, err := Parse(args, append([]string{"HOME=/home/me"}, env...), nil)
	var p *Problems
	if !errors.As(err, &p) {
		t.Fatalf("Parse(%q, %q) found no problem", args, env)
	}
	return p.List
}

// The two argument lists of the article that git-sync began with, as they stand there.
func TestArticle(t *testing.T) {
	c, warnings := parse(t, []string{
		"-repo=git@github.com:foo/templater-templates.git", "-branch=master", "-depth=1", "-max-sync-failures=6",
		"-wait=10", "-one-time=true", "-root=/templates", "-dest=from-github", "-ssh=true",
	})
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if c.URL != "git@github.com:foo/templater-templates.git" || c.Ref != "master" || c.Depth != 1 || !c.OneTime ||
		c.Root != "/templates" || c.Link != "from-github" || c.Layout != repo.LayoutRev || c.Loop.Period != 10*time.Second {
		t.Errorf("init container: %+v", c)
	}
	if want := (syncer.Budget{Exit: 7, Option: "--max-sync-failures=6"}); c.Loop.Budget != want || c.Loop.InitBudget != nil {
		t.Errorf("budgets %+v and %+v, want %+v for both", c.Loop.Budget, c.Loop.InitBudget, want)
	}
	c, _ = parse(t, []string{
		"-repo=git@github.com:foo/templater-templates.git", "-branch=master", "-depth=1", "-max-sync-failures=-1",
		"-root=/templates", "-dest=from-github", "-wait=60", "-ssh=true",
	})
	if !c.Loop.Budget.Unlimited || c.OneTime || c.Loop.Period != time.Minute {
		t.Errorf("sidecar: %+v", c)
	}
}

// What the Apache Airflow chart passes: both generations at once, and no arguments at all.
func TestAirflow(t *testing.T) {
	env := []string{
		"GIT_SYNC_REPO=https://example.com/dags.git", "GITSYNC_REPO=https://example.com/dags.git", "GIT_SYNC_BRANCH=main", "GIT_SYNC_REV=HEAD",
		"GITSYNC_REF=main", "GIT_SYNC_DEPTH=1", "GITSYNC_DEPTH=1", "GIT_SYNC_ROOT=/git", "GITSYNC_ROOT=/git", "GIT_SYNC_DEST=repo", "GITSYNC_LINK=repo",
		"GIT_SYNC_ADD_USER=true", "GITSYNC_ADD_USER=true", "GITSYNC_PERIOD=5s", "GIT_SYNC_MAX_SYNC_FAILURES=0", "GITSYNC_MAX_FAILURES=0",
		"GIT_SSH_KEY_FILE=/etc/git-secret/ssh", "GITSYNC_SSH_KEY_FILE=/etc/git-secret/ssh", "GIT_SYNC_SSH=true", "GITSYNC_SSH=true",
		"GIT_KNOWN_HOSTS=false", "GITSYNC_SSH_KNOWN_HOSTS=false", "GIT_SYNC_ONE_TIME=true", "GITSYNC_ONE_TIME=true",
	}
	c, warnings := parse(t, nil, env...)
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if c.Ref != "main" || c.Link != "repo" || c.Layout != repo.LayoutRev || c.Loop.Period != 5*time.Second || !c.OneTime || !c.AddUser ||
		c.Loop.Budget != (syncer.Budget{Exit: 1, Option: "GIT_SYNC_MAX_SYNC_FAILURES=0"}) || c.Auth.SSHKnownHosts || c.Root != "/git" {
		t.Errorf("%+v", c)
	}
}

// And what Config Sync passes.
func TestConfigSync(t *testing.T) {
	c, warnings := parse(t, []string{"--root=/repo/source", "--link=rev", "--max-failures=30", "--error-file=error.json", "--repo=https://example.com/r"})
	if len(warnings) != 0 || c.Layout != repo.LayoutWorktrees || c.Link != "rev" || c.Loop.Budget.Exit != 30 || c.ErrorFile != "error.json" {
		t.Errorf("%+v, %v", c, warnings)
	}
}

func TestDefaults(t *testing.T) {
	c, warnings := parse(t, []string{"--repo=https://example.com/a/b.git"})
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	program := hook.ExecOptions{Timeout: 30 * time.Second}
	want := single{
		Process: Process{Git: "git", LogFormat: "auto", HTTP: HTTP{Metrics: true}, Receiver: Listener{Path: "/webhook"}},
		Sync: Sync{
			Options: repo.Options{
				Root: "/home/me/git", Link: "b.git", Publish: repo.PublishLink, Layout: repo.LayoutRev, Checkout: repo.CheckoutAuto, GC: repo.GCAuto,
				Source:  repo.Source{Wanted: remote.Wanted{URL: "https://example.com/a/b.git", Ref: "HEAD", Poll: remote.PollPlain}, Depth: 1, Verify: repo.VerifyOff},
				Content: repo.Content{Submodules: repo.SubmodulesRecursive},
			},
			Loop: syncer.Options{
				Schedule:    syncer.Schedule{Period: 10 * time.Second, Timeout: 2 * time.Minute, Budget: syncer.Budget{UntilPublished: true, Exit: 1}},
				GateBackoff: 3 * time.Second,
			},
			Exechook: program, PrePublish: program, ExechookBackoff: 3 * time.Second,
			Webhook: hook.WebhookOptions{Method: "POST", SuccessStatus: 200, Timeout: time.Second}, WebhookBackoff: 3 * time.Second,
			Auth: auth.Settings{
				SSHKeyFiles: []string{"/etc/git-secret/ssh"}, SSHKnownHosts: true, SSHKnownHostsFile: "/etc/git-secret/known_hosts",
				GitHub: auth.GitHubApp{BaseURL: "https://api.github.com/"},
			},
			Receiver: Receiver{Provider: "auto"},
		},
		config: c.config,
	}
	c.Sync.Fields = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant\n%+v", c, want)
	}
}

// Each name of each row reaches the same place, with the value written in the name's own way.
func TestEveryName(t *testing.T) {
	samples := map[string]string{
		"repo": "/other", "ref": "main", "rev": "v1", "ref-pattern": "v*", "ref-semver": "^1", "depth": "3", "filter": "blob:none", "submodules": "off",
		"sparse-checkout-file": "/s", "checkout": "full", "poll": "persistent", "verify": "tag", "verify-keyring": "/k", "verify-allowed-signers": "/a",
		"root": "/root", "link": "x", "worktree-layout": "worktrees", "publish": "in-place", "subdir": "public", "stale-worktree-timeout": "4s", "change-permissions": "0750", "touch-file": "t",
		"error-file": "e", "period": "7", "init-period": "7s", "sync-timeout": "7", "max-failures": "3", "init-max-failures": "3", "backoff-max": "5s",
		"sync-on-signal": "HUP", "username": "u", "password": "p", "password-file": "/p", "askpass-url": "http://a/", "ssh-key-file": "/x",
		"credential":           `{"url":"http://h","username":"u","password":"p"}`,
		"ssh-known-hosts-file": "/h", "github-base-url": "http://gh/", "GITSYNC_GITHUB_APP_PRIVATE_KEY": "k", "github-app-private-key-file": "/k",
		"github-app-client-id": "c", "github-app-application-id": "5", "github-app-installation-id": "6", "sync-hook-command": "/x",
		"pre-publish-exechook-command": "/x", "webhook-url": "http://w/", "webhook-method": "GET", "webhook-success-status": "204", "receiver-bind": ":1",
		"config": "/c", "max-concurrent-syncs": "3", "receiver-path": "/p", "receiver-peers": "p:1", "receiver-provider": "github", "receiver-secret-file": "/s", "GITSYNC_RECEIVER_SECRET": "s", "http-bind": ":2",
		"max-staleness": "1h", "log-format": "json", "verbose": "4", "git": "/usr/bin/git", "git-config": "a.b:c", "git-config-add": "a.b:c", "git-gc": "off",
	}
	for i, o := range table(new(draft)) {
		if o.group == "Help" {
			continue
		}
		sample, ok := samples[o.id()]
		switch {
		case o.kind == isBool:
			sample = map[bool]string{true: "false", false: "true"}[o.preset == "true"]
		case !ok && strings.HasSuffix(o.id(), "-timeout") || strings.HasSuffix(o.id(), "-backoff"):
			sample = "9s"
		case !ok:
			t.Errorf("%s: no sample", o.id())
		}
		var first *draft
		try := func(args, env []string) {
			d, rows := newDraft(&findings{})
			d.env = readEnviron(env)
			line := readFlags(rows, args)
			d.apply(rows[i:i+1], o.scope, layers{line: line, env: d.env})
			if len(d.problems) > 0 || len(line.problems) > 0 {
				t.Errorf("%v %v: %v %v", args, env, d.problems, line.problems)
			}
			d.env, d.from, d.findings = nil, nil, nil
			if first == nil {
				first = d
				if empty := (&draft{Process: processDefaults(), Sync: syncDefaults()}); reflect.DeepEqual(d, empty) {
					t.Errorf("%v %v: changes nothing", args, env)
				}
				if !o.secret && strings.Contains(fmt.Sprintf("%+v", d), secret.Redacted) {
					t.Errorf("%v %v: sets a secret.Text, but the row is not secret: the log would show it", args, env)
				}
				// The row is of the scope that it says.
				if o.scope == perSync && d.Process != processDefaults() || o.scope == perProcess && !reflect.DeepEqual(d.Sync, syncDefaults()) {
					t.Errorf("%v %v: changes what is not of its scope", args, env)
				}
			}
			got, want := *d, *first
			got.Loop.Budget, want.Loop.Budget = syncer.Budget{}, syncer.Budget{} // counted differently
			got.Loop.InitBudget, want.Loop.InitBudget = withoutOption(got.Loop.InitBudget), withoutOption(want.Loop.InitBudget)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v %v: %+v, want %+v", args, env, got, want)
			}
		}
		for _, f := range o.flags {
			try([]string{"--" + f.name + "=" + inSyntax(sample, f)}, nil)
			try([]string{"-" + f.name + "=" + inSyntax(sample, f)}, nil)
		}
		for _, v := range o.vars {
			try(nil, []string{v.name + "=" + inSyntax(sample, v)})
		}
	}
}

func inSyntax(sample string, s spelling) string {
	switch strings.TrimPrefix(strings.TrimPrefix(s.name, "GITSYNC_"), "GIT_SYNC_") {
	case "period", "sync-timeout", "PERIOD", "SYNC_TIMEOUT":
		return sample + "s"
	}
	return sample
}

func TestPrecedence(t *testing.T) {
	for _, c := range []struct {
		args, env string
		want      time.Duration
		warnings  int
	}{
		{"--period=1s", "GIT_SYNC_WAIT=2 GITSYNC_PERIOD=3s", time.Second, 0},
		{"--period=1s --wait=2", "", 2 * time.Second, 1},
		{"--wait=2 --period=1s", "", 2 * time.Second, 1},
		{"--wait=1 --period=1s", "", time.Second, 0},
		{"--wait=2 --wait=3", "", 3 * time.Second, 0},
		{"", "GIT_SYNC_WAIT=2 GITSYNC_PERIOD=3s", 2 * time.Second, 1},
		{"", "GIT_SYNC_WAIT=2 GITSYNC_PERIOD=2s GITSYNC_WAIT=2", 2 * time.Second, 0},
		{"", "GITSYNC_PERIOD=3s", 3 * time.Second, 0},
		{"", "GITSYNC_WAIT=4", 4 * time.Second, 1},
		{"", "GITSYNC_WAIT=4s", 4 * time.Second, 1},
		{"", "GIT_SYNC_WAIT= GITSYNC_PERIOD=3s", 3 * time.Second, 0},
		{"", "GITSYNC_PERIOD=1s GITSYNC_PERIOD=3s", 3 * time.Second, 0},
		{"--period=500ms", "", 500 * time.Millisecond, 0},
		{"--wait=0.5", "", 500 * time.Millisecond, 0},
		{"--wait=0.01", "", 10 * time.Millisecond, 0},
	} {
		got, warnings := parse(t, append(strings.Fields(c.args), "--repo=/r"), strings.Fields(c.env)...)
		if got.Loop.Period != c.want || len(warnings) != c.warnings {
			t.Errorf("%s | %s: %v, %v; want %v, %d warnings", c.args, c.env, got.Loop.Period, warnings, c.want, c.warnings)
		}
	}
}

// A chart that sets the variables that git-sync never read gets what it obviously wants, and one notice.
func TestStrayVariables(t *testing.T) {
	c, warnings := parse(t, nil, "GITSYNC_REPO=/r", "GITSYNC_DEST=d", "GITSYNC_BRANCH=b", "GITSYNC_WAIT=5", "GITSYNC_ONETIME=true")
	if c.Link != "d" || c.Ref != "b" || c.Loop.Period != 5*time.Second || !c.OneTime || c.Layout != repo.LayoutRev {
		t.Errorf("%+v", c)
	}
	if len(warnings) != 1 || warnings[0].Args[1] != "GITSYNC_ONETIME (as GITSYNC_ONE_TIME), GITSYNC_BRANCH (as GITSYNC_REF), GITSYNC_DEST (as GITSYNC_LINK), GITSYNC_WAIT (as GITSYNC_PERIOD)" {
		t.Errorf("%v", warnings)
	}
}

func TestRef(t *testing.T) {
	const hash, hash256 = "0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ args, env, want, rev string }{
		{"", "", "HEAD", ""},
		{"--ref=HEAD", "", "HEAD", ""},
		{"--branch=b", "", "b", ""},
		{"--branch=b --rev=HEAD", "", "b", ""},
		{"--rev=HEAD", "", "HEAD", ""},
		{"--rev=t", "", "t", ""},
		{"--branch=b --rev=" + hash, "", hash, ""},
		{"--branch=b --rev=" + hash256, "", hash256, ""},
		{"--ref=" + strings.ToUpper(hash), "", hash, ""},
		{"--ref=b --rev=b", "", "b", ""},
		{"--branch= --rev=t", "", "t", ""},
		{"--ref=", "", "HEAD", ""},
		{"--ref=refs/pull/1/head", "", "refs/pull/1/head", ""},
		{"--ref=release/1.2-rc+3_x", "", "release/1.2-rc+3_x", ""},
		{"", "GITSYNC_REF=r", "r", ""},
		{"", "GIT_SYNC_BRANCH=b GITSYNC_REF=b GIT_SYNC_REV=" + hash, hash, ""},
		{"--ref=r", "GIT_SYNC_BRANCH=b", "r", ""},
		{"--branch=b --rev=t", "", "b", "t"},
		{"--branch=b --rev=0123456", "", "b", "0123456"},
		{"", "GITSYNC_REF=b GIT_SYNC_REV=t", "b", "t"},
	} {
		got, _ := parse(t, append(strings.Fields(c.args), "--repo=/r"), strings.Fields(c.env)...)
		if got.Ref != c.want || got.Rev != c.rev {
			t.Errorf("%s | %s: %s %s, want %s %s", c.args, c.env, got.Ref, got.Rev, c.want, c.rev)
		}
	}
	got, _ := parse(t, []string{"--repo=/r", "--ref-pattern=v*", "--ref-semver=>=1.2 <2", "--ref-pinned"})
	if got.RefPattern != "v*" || got.RefSemver != ">=1.2 <2" || !got.RefPinned || got.Ref != "HEAD" {
		t.Errorf("%+v", got.Source)
	}
}

// withoutOption is a budget without the name of the option that set it.
func withoutOption(b *syncer.Budget) *syncer.Budget {
	if b == nil {
		return nil
	}
	c := *b
	c.Option = ""
	return &c
}

func TestBudgets(t *testing.T) {
	until := syncer.Budget{UntilPublished: true, Exit: 1}
	for _, c := range []struct {
		args, env string
		want      syncer.Budget
		init      *syncer.Budget // nil: as want
	}{
		{"", "", until, nil},
		{"--max-sync-failures=0", "", syncer.Budget{Exit: 1, Option: "--max-sync-failures=0"}, nil},
		{"--max-sync-failures=6", "", syncer.Budget{Exit: 7, Option: "--max-sync-failures=6"}, nil},
		{"--max-sync-failures=-1", "", syncer.Budget{Unlimited: true, Option: "--max-sync-failures=-1"}, nil},
		{"--max-failures=0", "", syncer.Budget{Exit: 1, Option: "--max-failures=0"}, nil},
		{"--max-failures=1", "", syncer.Budget{Exit: 1, Option: "--max-failures=1"}, nil},
		{"--max-failures=6", "", syncer.Budget{Exit: 6, Option: "--max-failures=6"}, nil},
		{"--max-failures -1", "", syncer.Budget{Unlimited: true, Option: "--max-failures=-1"}, nil},
		{"--max-failures=6 --max-sync-failures=6", "", syncer.Budget{Exit: 7, Option: "--max-sync-failures=6"}, nil},
		{"", "GIT_SYNC_MAX_SYNC_FAILURES=2 GITSYNC_MAX_FAILURES=2", syncer.Budget{Exit: 3, Option: "GIT_SYNC_MAX_SYNC_FAILURES=2"}, nil},
		{"", "GITSYNC_MAX_FAILURES=2", syncer.Budget{Exit: 2, Option: "GITSYNC_MAX_FAILURES=2"}, nil},
		{"--init-max-failures=3", "", until, &syncer.Budget{Exit: 3, Option: "--init-max-failures=3"}},
		{"--init-max-failures=0 --max-failures=-1", "", syncer.Budget{Unlimited: true, Option: "--max-failures=-1"}, &syncer.Budget{Exit: 1, Option: "--init-max-failures=0"}},
		{"--init-max-failures=-1 --max-sync-failures=2", "", syncer.Budget{Exit: 3, Option: "--max-sync-failures=2"}, &syncer.Budget{Unlimited: true, Option: "--init-max-failures=-1"}},
	} {
		got, _ := parse(t, append(strings.Fields(c.args), "--repo=/r"), strings.Fields(c.env)...)
		if got.Loop.Budget != c.want || !reflect.DeepEqual(got.Loop.InitBudget, c.init) {
			t.Errorf("%s | %s: %+v, %+v; want %+v, %+v", c.args, c.env, got.Loop.Budget, got.Loop.InitBudget, c.want, c.init)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		args, env, root, link string
		layout                repo.Layout
	}{
		{"--repo=https://h/a/b.git", "", "/home/me/git", "b.git", repo.LayoutRev},
		{"--repo=https://h/a/b/", "", "/home/me/git", "b", repo.LayoutRev},
		{"--repo=git@h:b.git", "", "/home/me/git", "b.git", repo.LayoutRev},
		{"--repo=git@h:a/b.c.git", "", "/home/me/git", "b.c.git", repo.LayoutRev},
		{"--repo=file:///a/b", "", "/home/me/git", "b", repo.LayoutRev},
		{"--repo=/a/b/.git", "", "/home/me/git", "b", repo.LayoutRev},
		{"--repo=https://u:p@h:99/b", "", "/home/me/git", "b", repo.LayoutRev},
		{"--repo=/r --root=/a/../.. --dest=d", "", "/a/../..", "d", repo.LayoutRev},
		{"--repo=/r --link=/a/l", "", "/home/me/git", "/a/l", repo.LayoutWorktrees},
		{"--repo=/r --link=l --dest=d", "", "/home/me/git", "d", repo.LayoutRev},
		{"--repo=/r --link=l", "GIT_SYNC_DEST=d", "/home/me/git", "l", repo.LayoutWorktrees},
		{"--repo=/r", "GITSYNC_LINK=l", "/home/me/git", "l", repo.LayoutWorktrees},
		{"--repo=/r --link=l --worktree-layout=rev", "", "/home/me/git", "l", repo.LayoutRev},
		{"--repo=/r --dest=l --worktree-layout=worktrees", "", "/home/me/git", "l", repo.LayoutWorktrees},
		{"--repo=/r --worktree-layout=worktrees", "", "/home/me/git", "r", repo.LayoutWorktrees},
		{"--repo=/r --link=l --worktree-layout=hash", "", "/home/me/git", "l", repo.LayoutHash},
		{"--repo=/r --link=", "", "/home/me/git", "r", repo.LayoutRev},
		{"--repo=/r --link=../x/y", "", "/home/me/git", "../x/y", repo.LayoutWorktrees},
	} {
		got, _ := parse(t, strings.Fields(c.args), strings.Fields(c.env)...)
		if got.Root != c.root || got.Link != c.link || got.Layout != c.layout || got.LayoutAsked != strings.Contains(c.args, "layout") {
			t.Errorf("%s | %s: %s, %s, %s", c.args, c.env, got.Root, got.Link, got.Layout)
		}
	}
}

func TestModes(t *testing.T) {
	for args, want := range map[string]Mode{
		"--help": ModeHelp, "-h": ModeHelp, "-?": ModeHelp, "--man": ModeMan, "--version": ModeVersion, "-version": ModeVersion,
		"--bogus --depth=x -h": ModeHelp, "--help=true --man": ModeHelp, "--help=false --version": ModeVersion,
	} {
		c, _, err := Parse(strings.Fields(args), []string{"GITSYNC_DEPTH=x"}, nil)
		if c.Mode != want || err != nil {
			t.Errorf("%s: %s, %v", args, c.Mode, err)
		}
	}
	if c, _ := parse(t, []string{"--repo", "--help", "--repo=/r"}); c.config.Mode != ModeRun {
		t.Error("a value is taken for a flag")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--repo=https://u:p@h/r\x00-branch=b", "GITSYNC_REV=HEAD\x00HOME=/")
	f.Add("--credential={}\x00--git-config=a.b:c\x00--ref-semver=>1", "https_proxy=http://u:p@h")
	f.Fuzz(func(t *testing.T, args, env string) {
		c, _, err := Parse(strings.Split(args, "\x00"), strings.Split(env, "\x00"), noFile)
		if err != nil || c.Mode != ModeRun {
			return
		}
		for _, s := range c.Syncs {
			accepted(t, s)
		}
		if c.Process.Receiver.Bind != "" && c.Syncs[0].Receiver.SecretFile == "" && c.Syncs[0].Receiver.Secret == "" {
			t.Fatal("a receiver without a secret")
		}
	})
}

// accepted checks that what was accepted can be handed to git and to the file system.
func accepted(t *testing.T, c Sync) {
	t.Helper()
	for _, s := range []string{c.URL, c.Ref, c.Rev, c.Root, c.Link, c.Filter} {
		if strings.HasPrefix(s, "-") && s != c.Root && s != c.Link || hasControl(s) {
			t.Fatalf("accepted %q", s)
		}
	}
	if c.URL == "" || c.Ref == "" || c.Root == "" || c.Link == "" || c.Loop.Period < 10*time.Millisecond || strings.Contains(c.Ref, "..") {
		t.Fatalf("incomplete: %+v", c)
	}
}
