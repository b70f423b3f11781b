package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each case is wrong in one way (the last ones in several), and each problem names what was really given.
func TestProblems(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		args, env string // separated by blanks; ␣ is one inside
		want      []string
	}{
		// Nothing to do, nowhere to put it.
		{"", "", []string{"--repo: is required"}},
		{"--repo=", "", []string{"--repo: is required"}},
		{"--repo=https://h", "", []string{"--link: is required, because --repo does not end with a usable name"}},
		{"--repo=..", "", []string{"--link: is required, because --repo does not end with a usable name"}},
		{"--repo=/r", "HOME=", []string{"--root: is required, because HOME is not set"}},

		// Values that do not parse, by the name that was set.
		{"--repo=/r --depth=x", "", []string{`--depth: "x" is not a whole number`}},
		{"--repo=/r", "GIT_SYNC_DEPTH=x", []string{`GIT_SYNC_DEPTH: "x" is not a whole number`}},
		{"--repo=/r", "GITSYNC_DEPTH=x", []string{`GITSYNC_DEPTH: "x" is not a whole number`}},
		{"--repo=/r", "GITSYNC_DEPTH=1 GIT_SYNC_DEPTH=x", []string{`GIT_SYNC_DEPTH: "x" is not a whole number`}},
		{"--repo=/r", "GIT_SYNC_HOOK_COMMAND=a␣\x01", []string{"GIT_SYNC_HOOK_COMMAND: contains a control character"}},
		{
			"--repo=/r --root=~/x --link=~ --verify=any --verify-keyring=~/k --ssh-key-file=k --ssh-key-file=~/x", "GITSYNC_TOUCH_FILE=~/t", []string{
				"--verify-keyring: begins with ~, which only a shell expands", "--root: begins with ~, which only a shell expands", "--link: begins with ~, which only a shell expands",
				"GITSYNC_TOUCH_FILE: begins with ~, which only a shell expands", "--ssh-key-file: begins with ~, which only a shell expands",
			},
		},
		{"--repo=/r --depth=-1", "", []string{"--depth: -1 is less than the minimum, 0"}},
		{"--repo=/r --depth=99999999999", "", []string{`--depth: "99999999999" is not a whole number`}},
		{"--repo=/r --one-time=maybe", "", []string{`--one-time: "maybe" is neither true nor false`}},
		{"--repo=/r", "GITSYNC_ONETIME=maybe", []string{`GITSYNC_ONETIME: "maybe" is neither true nor false`}},
		{"--repo=/r --submodules=all", "", []string{`--submodules: "all" is not one of recursive, shallow, off`}},
		{"--repo=/r --log-format=xml", "", []string{`--log-format: "xml" is not one of auto, json, text`}},
		{"--repo=/r -v=x", "", []string{`--verbose: "x" is not a whole number`}},
		{"--repo=/r -v=-1", "", []string{`--verbose: -1 is less than the minimum, 0`}},
		{"--repo=/r --max-failures=-2", "", []string{"--max-failures: -2 is less than the minimum, -1"}},
		{"--repo=/r --sync-on-signal=SIGFOO", "", []string{`--sync-on-signal: "SIGFOO" is not a signal`}},
		{"--repo=/r --sync-on-signal=0", "", []string{`--sync-on-signal: "0" is not a signal`}},
		{"--repo=/r --sync-on-signal=9", "", []string{`--sync-on-signal: "9" is reserved and cannot trigger a sync`}},
		{"--repo=/r --sync-on-signal=term", "", []string{`--sync-on-signal: "term" is reserved and cannot trigger a sync`}},
		{"--repo=/r --change-permissions=755", "", []string{`--change-permissions: "755" is more than 0777`}},
		{"--repo=/r --change-permissions=u+x", "", []string{`--change-permissions: "u+x" is not a file mode`}},
		{"--repo=/r --webhook-success-status=42", "", []string{"--webhook-success-status: 42 is not an HTTP status"}},
		{"--repo=/r --webhook-method=G␣T", "", []string{`--webhook-method: "G T" is not an HTTP method`}},
		{"--repo=/r --filter=blobs", "", []string{`--filter: "blobs" is not a git object filter`}},
		{"--repo=/r --http-bind=1234", "", []string{`--http-bind: "1234" is not an address to listen on`}},
		{"--repo=/r --http-bind=:http", "", []string{`--http-bind: ":http" has no port number between 0 and 65535`}},
		{"--repo=/r --http-bind=:65536", "", []string{`--http-bind: ":65536" has no port number between 0 and 65535`}},
		{"--repo=/r --webhook-url=example.com/hunter2", "", []string{"--webhook-url: not an http or https URL"}},
		{"--repo=/r --askpass-url=ftp://hunter2", "", []string{"--askpass-url: not an http or https URL"}},
		{"--repo=/r --credential=hunter2", "", []string{"--credential: is not a JSON object, or a list of them, with the fields url, username, password, password-file and ssh-key-file"}},
		{"--repo=/r --git-config=a.b", "", []string{"--git-config: a key without a value"}},
		{"--repo=/r", "GIT_SYNC_GIT_CONFIG=a.b", []string{"GIT_SYNC_GIT_CONFIG: a key without a value"}},
		{"--repo=/r --git-config-add=a.b", "", []string{"--git-config-add: a key without a value"}},
		{"--repo=/r --ref-semver=new", "", []string{`--ref-semver: "new" is not a range of versions`}},
		{"--repo=/r --ref-pattern=[", "", []string{`--ref-pattern: "[" is not a pattern`}},
		{"--repo=/r --github-app-application-id=x --github-app-installation-id=1 --github-app-private-key-file=/k", "", []string{`--github-app-application-id: "x" is not a positive number`}},

		// Durations in the other generation's way.
		{"--repo=/r --period=5", "", []string{`--period: "5" has no unit`}},
		{"--repo=/r --wait=5s", "", []string{`--wait: "5s" is not a number of seconds`}},
		{"--repo=/r --wait=NaN", "", []string{`--wait: "NaN" is not a number of seconds`}},
		{"--repo=/r --wait=Inf", "", []string{`--wait: "Inf" is not a number of seconds`}},
		{"--repo=/r --wait=1e300", "", []string{`--wait: "1e300" is not a number of seconds`}},
		{"--repo=/r --timeout=2m", "", []string{`--timeout: "2m" is not a number of seconds`}},
		{"--repo=/r --sync-timeout=1week", "", []string{`--sync-timeout: "1week" is not a duration`}},
		{"--repo=/r", "GIT_SYNC_WAIT=5s", []string{`GIT_SYNC_WAIT: "5s" is not a number of seconds`}},
		{"--repo=/r", "GITSYNC_WAIT=soon", []string{`GITSYNC_WAIT: "soon" is not a duration`}},

		// Too short.
		{"--repo=/r --period=0s", "", []string{"--period: 0s is too short; it must be at least 10ms"}},
		{"--repo=/r --period=9ms", "", []string{"--period: 9ms is too short; it must be at least 10ms"}},
		{"--repo=/r --wait=-1", "", []string{"--wait: -1s is too short; it must be at least 10ms"}},
		{"--repo=/r --init-period=1ms", "", []string{"--init-period: 1ms is too short; it must be at least 10ms"}},
		{"--repo=/r --timeout=-1", "", []string{"--timeout: -1s is too short; it must be at least 10ms"}},
		{"--repo=/r --exechook-timeout=999ms", "", []string{"--exechook-timeout: 999ms is too short; it must be at least 1s"}},
		{"--repo=/r --exechook-backoff=0s", "", []string{"--exechook-backoff: 0s is too short; it must be at least 1s"}},
		{"--repo=/r --webhook-timeout=1ms", "", []string{"--webhook-timeout: 1ms is too short; it must be at least 1s"}},
		{"--repo=/r --pre-publish-exechook-timeout=1ms", "", []string{"--pre-publish-exechook-timeout: 1ms is too short; it must be at least 1s"}},
		{"--repo=/r --stale-worktree-timeout=-1s", "", []string{"--stale-worktree-timeout: -1s is too short; it must be at least 0s"}},

		// What must never reach git.
		{"--repo=--upload-pack=x --link=l", "", []string{`--repo: repository "--upload-pack=x" begins with a dash, and would be taken for an option`}},
		{"--repo=ext::sh␣-c␣x --link=l", "", []string{`--repo: repository "ext::sh -c x" uses the transport "ext::", which is not allowed; use one of https, http, ssh, git, file`}},
		{"--repo=EXT::sh --link=l", "", []string{`--repo: repository "EXT::sh" uses the transport "EXT::", which is not allowed; use one of https, http, ssh, git, file`}},
		{"--repo=fd::7 --link=l", "", []string{`--repo: repository "fd::7" uses the transport "fd::", which is not allowed; use one of https, http, ssh, git, file`}},
		{"--repo=s3://bucket/x", "", []string{`--repo: repository "s3://bucket/x" has the scheme "s3"; use one of https, http, ssh, git, file`}},
		{"--repo=https://h/\x01r", "", []string{`--repo: repository "https://h/\x01r" holds control characters`}},
		{"--repo=https://h/r␣", "", []string{"--repo: begins or ends with a space or a line end"}},
		{"--repo=ssh://-oProxyCommand=x/r", "", []string{`--repo: repository "ssh://-oProxyCommand=x/r" has a user or host that begins with a dash`}},
		{"--repo=ssh://-x@h/r", "", []string{`--repo: repository "ssh://REDACTED@h/r" has a user or host that begins with a dash`}},
		{"--repo=git@-h:r", "", []string{`--repo: repository "git@-h:r" has a host or path that begins with a dash`}},
		{"--repo=https:///r", "", []string{`--repo: repository "https:///r" names no host`}},
		{"--repo=file://h/r", "", []string{`--repo: repository "file://h/r" has a relative path; a file URL needs an absolute one, file:///path`}},
		{"--repo=https://u:p%zz@h/r", "", []string{`--repo: repository "https://REDACTED@h/r" is not a well-formed URL`}},
		{"--repo=/r --ref=-x", "", []string{`--ref: "-x" begins with -, which is not allowed in a ref`}},
		{"--repo=/r --ref=+x", "", []string{`--ref: "+x" begins with +, which is not allowed in a ref`}},
		{"--repo=/r --branch=--upload-pack=x", "", []string{`--branch: "--upload-pack=x" begins with -, which is not allowed in a ref`}},
		{"--repo=/r --rev=a..b", "", []string{`--rev: "a..b" contains .., which is not allowed in a ref`}},
		{"--repo=/r --ref=a\x7fb", "", []string{"--ref: contains a control character"}},
		{"--repo=/r --ref=a:b", "", []string{`--ref: "a:b" is not a name that git allows for a ref`}},
		{"--repo=/r --ref=v*", "", []string{`--ref: "v*" is not a name that git allows for a ref`}},
		{"--repo=/r --ref=HEAD~1", "", []string{`--ref: "HEAD~1" is not a name that git allows for a ref`}},
		{"--repo=/r --ref=a@{1}", "", []string{`--ref: "a@{1}" is not a name that git allows for a ref`}},
		{"--repo=/r --ref=a.lock", "", []string{`--ref: "a.lock" is not a name that git allows for a ref`}},
		{"--repo=/r --ref=a/.b", "", []string{`--ref: "a/.b" is not a name that git allows for a ref`}},
		{"--repo=/r", "GITSYNC_BRANCH=-x", []string{`GITSYNC_BRANCH: "-x" begins with -, which is not allowed in a ref`}},
		{"--repo=/r --ref-pattern=-x", "", []string{`--ref-pattern: "-x" begins with -, which is not allowed in a ref`}},
		{"--repo=/r --link=.git", "", []string{`--link: ".git" is reserved for git-sync`}},
		{"--repo=/r --dest=./.worktrees/x", "", []string{`--dest: "./.worktrees/x" is reserved for git-sync`}},
		{"--repo=/r --dest=rev-" + hash, "", []string{`--dest: "rev-` + hash + `" has the name of a worktree`}},
		{"--repo=/r --dest=" + hash + "/x", "", []string{`--dest: "` + hash + `/x" has the name of a worktree`}},
		{"--repo=/r --dest=..", "", []string{`--dest: ".." does not name a file`}},
		{"--repo=/r --link=/a/b/..", "", []string{`--link: "/a/b/.." does not name a file`}},
		{"--repo=/r --link=/", "", []string{`--link: "/" does not name a file`}},

		// What does not go together.
		{"--repo=/r --ref=" + hash + " --rev=t", "", []string{"--rev: cannot be combined with --ref, which is a full hash"}},
		{"--repo=/r --ref=b --ref-pattern=v*", "", []string{"--ref-pattern: cannot be combined with --ref"}},
		{"--repo=/r --rev=t --ref-semver=1", "", []string{"--ref-semver: cannot be combined with --rev"}},
		{"--repo=/r --receiver-bind=:1", "", []string{"--receiver-bind: needs a secret to verify deliveries"}},
		{"--repo=/r --receiver-bind=:1", "GITSYNC_RECEIVER_SECRET=", []string{"--receiver-bind: needs a secret to verify deliveries"}},
		{"--repo=/r --receiver-bind=:1 --receiver-secret-file=/s", "GITSYNC_RECEIVER_SECRET=s", []string{"--receiver-secret-file: cannot be combined with GITSYNC_RECEIVER_SECRET"}},
		{"--repo=/r --receiver-bind=:1 --http-bind=:1 --receiver-path=/metrics", "GITSYNC_RECEIVER_SECRET=s", []string{`--receiver-path: "/metrics" is served by --http-bind at the same address`}},
		{"--repo=/r --receiver-bind=:1 --receiver-peers=:1", "GITSYNC_RECEIVER_SECRET=s", []string{`--receiver-peers: ":1" is not a host and port`}},
		{"--repo=/r --receiver-bind=:1 --receiver-peers=p:http", "GITSYNC_RECEIVER_SECRET=s", []string{`--receiver-peers: "p:http" has no port number between 0 and 65535`}},
		{"--repo=/r --receiver-bind=:1 --receiver-path=x", "GITSYNC_RECEIVER_SECRET=s", []string{`--receiver-path: "x" is not a path`}},
		{"--repo=/r --receiver-bind=:1 --receiver-path=/a/../b", "GITSYNC_RECEIVER_SECRET=s", []string{`--receiver-path: "/a/../b" is not a path`}},
		{"--repo=/r --subdir=../x", "", []string{`--subdir: "../x" is not a directory of a repository`}},
		{"--repo=/r --subdir=docs/", "", []string{`--subdir: "docs/" is not a directory of a repository`}},
		{"--repo=/r --subdir=-x", "", []string{`--subdir: "-x" is not a directory of a repository`}},
		{"--repo=/r --root=/git --link=cur --error-file=cur", "", []string{`--error-file: "cur" is inside the published path`}},
		{"--repo=/r --root=/git --link=cur --touch-file=/git/.git/HEAD", "", []string{`--touch-file: "/git/.git/HEAD" is inside the object store`}},
		{"--repo=/r --verify=tag", "", []string{"--verify: needs trusted keys"}},
		{"--repo=/r --verify-keyring=/k", "", []string{"--verify-keyring: has no effect, because signatures are not verified"}},
		{"--repo=https://h/r --username=u", "", []string{"--username: needs a password"}},
		{"--repo=https://h/r --password=p", "", []string{"--password: needs a user"}},
		{"--repo=https://h/r", "GIT_SYNC_PASSWORD_FILE=/p", []string{"GIT_SYNC_PASSWORD_FILE: needs a user"}},
		{"--repo=https://h/r --username=u --password-file=/p", "GITSYNC_PASSWORD=p", []string{"--password-file: cannot be combined with GITSYNC_PASSWORD"}},
		{"--repo=https://h/r --username=u --password=p --askpass-url=http://a", "", []string{"--askpass-url: cannot be combined with --username"}},
		{"--repo=/r --ssh --askpass-url=http://a", "", []string{"--askpass-url: cannot be combined with --ssh"}},
		{"--repo=/r --ssh --cookie-file", "", []string{"--cookie-file: cannot be combined with --ssh"}},
		{"--repo=/r --ssh --username=u --password=p", "", []string{"--username: cannot be combined with --ssh", "--password: cannot be combined with --ssh"}},
		{"--repo=https://h/r", "GIT_SYNC_SSH=true GIT_SYNC_USERNAME=u GIT_SYNC_PASSWORD_FILE=p", []string{"GIT_SYNC_USERNAME: cannot be combined with GIT_SYNC_SSH", "GIT_SYNC_PASSWORD_FILE: cannot be combined with GIT_SYNC_SSH"}},
		{`--repo=/r --credential=[{"url":"https://h/r","username":"u","password":"p"},{"url":"https://h/r","username":"v","password":"p"}]`, "", []string{`--credential: two credentials for "https://h/r"`}},
		{"--repo=https://h/r --github-app-client-id=c --github-app-installation-id=1", "", []string{"--github-app-client-id: needs the App's private key"}},
		{"--repo=https://h/r --github-app-client-id=c --github-app-private-key-file=/k", "", []string{"--github-app-private-key-file: needs the ID of the installation"}},
		{"--repo=https://h/r --github-app-installation-id=1", "GITSYNC_GITHUB_APP_PRIVATE_KEY=k", []string{"GITSYNC_GITHUB_APP_PRIVATE_KEY: needs the ID of the App"}},
		{"--repo=https://h/r --github-app-client-id=c --github-app-application-id=2 --github-app-installation-id=1 --github-app-private-key-file=/k", "", []string{"--github-app-client-id: cannot be combined with --github-app-application-id"}},
		{
			"--repo=https://h/r --github-app-client-id=c --github-app-installation-id=1 --github-app-private-key-file=/k --askpass-url=http://a", "GITSYNC_GITHUB_APP_PRIVATE_KEY=k",
			[]string{"--github-app-private-key-file: cannot be combined with GITSYNC_GITHUB_APP_PRIVATE_KEY", "--askpass-url: cannot be combined with --github-app-private-key-file"},
		},

		// A mistyped flag is one problem.
		{"--rep=https://h/r", "", []string{"--rep: unknown flag"}},
		{"--hlep", "", []string{"--hlep: unknown flag"}},
		{"--repo=https://h/r --username=u --pasword-file=/p", "", []string{"--pasword-file: unknown flag"}},

		// All at once.
		{
			"--bogus --depth=x --wait=5s one --ref=-x", "GITSYNC_SUBMODULES=all HOME=",
			[]string{
				"--bogus: unknown flag", "an argument does not belong to a flag", `--ref: "-x" begins with -, which is not allowed in a ref`, `--depth: "x" is not a whole number`,
				`GITSYNC_SUBMODULES: "all" is not one of recursive, shallow, off`, `--wait: "5s" is not a number of seconds`, "--root: is required, because HOME is not set", "--repo: is required",
			},
		},
	} {
		got := problems(t, fields(c.args), fields(c.env)...)
		texts := make([]string, len(got))
		for i, p := range got {
			texts[i] = p.String()
		}
		if !slices.Equal(texts, c.want) {
			t.Errorf("%s | %s:\n %s\nwant\n %s", c.args, c.env, strings.Join(texts, "\n "), strings.Join(c.want, "\n "))
		}
	}
}

func fields(s string) []string {
	all := strings.Fields(s)
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "␣", " ")
	}
	return all
}

func TestProblemsError(t *testing.T) {
	_, _, err := Parse([]string{"--repo=/r", "--period=5", "--depth=x"}, []string{"HOME=/h"}, nil)
	const want = "2 problems with the options:\n  --depth: \"x\" is not a whole number\n  --period: \"5\" has no unit\n    hint: write 5s for seconds"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	_, _, one := Parse([]string{"--repo=/r", "--period=5"}, []string{"HOME=/h"}, nil)
	if one == nil || one.Error() != "--period: \"5\" has no unit\n  hint: write 5s for seconds" {
		t.Errorf("%v", one)
	}
	var p *Problems
	if !errors.As(err, &p) || len(p.List) != 2 {
		t.Errorf("%#v", err)
	}
}

// What is odd, but not wrong, is a warning.
func TestWarnings(t *testing.T) {
	const visible, dropped = "a password is visible in the process list", "ignoring credentials for HTTP, because the repository is not at an http(s) URL"
	for _, c := range []struct{ args, env, want, detail string }{
		{"--repo=https://h/r --username=u --password=hunter2", "", visible, "--password"},
		{"--repo=https://h/r --username=u", "GITSYNC_PASSWORD=hunter2", "", ""},
		{"--repo=https://u:hunter2@h/r", "", visible, "--repo"},
		{`--repo=/r --credential={"url":"http://h","username":"u","password":"hunter2"}`, "", visible, "--credential"},
		{`--repo=/r --credential={"url":"http://h","username":"u","password-file":"p"}`, "", "", ""},
		{"--username=u --password-file=/p", "GITSYNC_REPO=https://v:hunter2@h/r", "ignoring the user and password in the URL, because others are given", "GITSYNC_REPO"},
		{"--repo=/r --receiver-path=/x", "", "ignoring options that need --receiver-bind", "--receiver-path=/x"},
		{"--repo=/r --receiver-peers=p:1", "", "ignoring options that need --receiver-bind", "--receiver-peers=p:1"},
		{"--repo=/r --max-staleness=5s", "", "the staleness limit is shorter than the period, so /readyz fails between polls", "--max-staleness"},
		{"--repo=/r --max-staleness=off", "", "", ""},
		{"--repo=/r --max-staleness=1m", "", "", ""},
		{"--repo=/r --change-permissions=0444", "", "", ""},
		{"--repo=/r --change-permissions=444", "", "reading a file mode without a leading 0 as decimal", "--change-permissions"},
		{"--repo=/r --ref=a --branch=b", "", "conflicting values for one option", "--branch=b"},
		{"--repo=https://h/r --username=u", "GITSYNC_PASSWORD=hunter2 GIT_SYNC_PASSWORD=hunter2.1", "conflicting values for one option", "GIT_SYNC_PASSWORD"},
		{"", "GITSYNC_REPO=https://u:hunter2@h/r GIT_SYNC_REPO=https://u:hunter2.1@h/r", "conflicting values for one option", "GIT_SYNC_REPO"},
		{"--repo=/r --one-time", "GIT_SYNC_ONE_TIME=1 GITSYNC_ONE_TIME=true", "", ""},

		// Values that older releases took.
		{"--repo=/r --wait=0", "", "replacing a value that is too short", "--wait=0"},
		{"--repo=/r", "GIT_SYNC_WAIT=0.001", "replacing a value that is too short", "GIT_SYNC_WAIT=0.001"},
		{"--repo=/r --timeout=0", "", "replacing a value that is too short", "--timeout=0"},
		{"--repo=/r --http-metrics", "", "ignoring options that need --http-bind", "--http-metrics=true"},
		{"--repo=/r --http-metrics=false", "", "", ""},
		{"--repo=/r --http-pprof", "GIT_SYNC_HTTP_METRICS=true", "ignoring options that need --http-bind", "GIT_SYNC_HTTP_METRICS=true, --http-pprof=true"},

		// Credentials that are left over.
		{"--repo=ssh://git@h/r --username=u", "", dropped, "--username"},
		{"--repo=git@h:r", "GITSYNC_USERNAME=u GIT_SYNC_PASSWORD=hunter2", dropped, "GITSYNC_USERNAME, GIT_SYNC_PASSWORD"},
		{"--repo=/r --password-file=/p --askpass-url=https://h/hunter2 --cookie-file", "", dropped, "--password-file, --askpass-url, --cookie-file"},
		{"--repo=file:///r --github-app-client-id=c", "GITSYNC_GITHUB_APP_PRIVATE_KEY=hunter2", dropped, "GITSYNC_GITHUB_APP_PRIVATE_KEY, --github-app-client-id"},
	} {
		got, warnings := parse(t, fields(c.args), fields(c.env)...)
		switch {
		case c.want == "" && len(warnings) == 0:
		case len(warnings) != 1 || warnings[0].Msg != c.want || !slices.Contains(warnings[0].Args, any(c.detail)):
			t.Errorf("%s | %s: %v, want %s (%s)", c.args, c.env, warnings, c.want, c.detail)
		}
		if text := fmt.Sprint(warnings, got.Fields()); strings.Contains(text, "hunter2") {
			t.Errorf("%s | %s: shows the secret: %s", c.args, c.env, text)
		}
	}
}

// What is ignored has no effect, and is kept out of the log all the same.
func TestDroppedCredentials(t *testing.T) {
	c, _ := parse(t, []string{"--repo=git@h:r", "--ssh-key-file=/k", "--username=u", "--askpass-url=https://h", "--cookie-file", "--github-app-client-id=c"}, "GITSYNC_PASSWORD=hunter2")
	want := syncDefaults().Auth
	want.SSHKeyFiles = []string{"/k"}
	if !reflect.DeepEqual(c.Auth, want) {
		t.Errorf("%+v, want %+v", c.Auth, want)
	}
	if !slices.Contains(c.Secrets(), "hunter2") {
		t.Error("the password is not known to the scrubber")
	}
}

func TestReplacedValues(t *testing.T) {
	c, _ := parse(t, []string{"--repo=/r", "--wait=0", "--timeout=0"})
	if c.Loop.Period != 10*time.Millisecond || c.Loop.Timeout != 2*time.Minute {
		t.Errorf("%v, %v", c.Loop.Period, c.Loop.Timeout)
	}
	if c, _ = parse(t, []string{"--repo=/r", "--http-bind=:1"}); !c.HTTP.Metrics || c.HTTP.Pprof {
		t.Errorf("%+v", c.HTTP)
	}
}
