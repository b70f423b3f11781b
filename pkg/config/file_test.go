package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"git-sync/pkg/auth"
	"git-sync/pkg/repo"
	"git-sync/pkg/syncer"
)

// fileConfig parses a file given by --config, for tests that expect no problem.
func fileConfig(t *testing.T, content string, args []string, env ...string) (Config, []Warning) {
	t.Helper()
	c, warnings, err := ParseFile(append([]string{"--config=f.yaml"}, args...), append([]string{"HOME=/home/me"}, env...), []byte(content))
	if err != nil {
		t.Fatalf("%s\n%v", content, err)
	}
	return c, warnings
}

func TestFile(t *testing.T) {
	c, warnings := fileConfig(t, `
defaults:
  period: 30s
  depth: 5
  submodules: off
syncs:
  - name: docs
    repo: git@github.com:foo/docs.git
    ref: main
  - name: dags
    repo: https://github.com/foo/dags.git
    ref-semver: ">=1 <2"
    wait: 0.5
    dest: current
    root: /dags
    depth: 3
    change-permissions: 0755
    group-write: true
    exechook-command: &hook /hooks/reload
    pre-publish-exechook-command: *hook
    ssh-key-file: [/a, /b]
    max-sync-failures: 6
    touch-file:
    credential:
      - url: https://h
        username: u
        password-file: /p
`, []string{"--root=/data", "--http-bind=:1"}, "GITSYNC_DEPTH=7", "GITSYNC_REF=env")
	if len(warnings) != 0 || c.Process.HTTP.Bind != ":1" || len(c.Syncs) != 2 {
		t.Fatalf("%v, %+v", warnings, c)
	}
	docs, dags := c.Syncs[0], c.Syncs[1]
	want := syncDefaults()
	want.Name, want.URL, want.Ref, want.Root, want.Link = "docs", "git@github.com:foo/docs.git", "main", "/data/docs", "docs.git"
	want.Loop.Budget = syncer.Budget{Unlimited: true} // one broken repository does not stop the others
	want.Loop.Period = 30 * time.Second
	want.Depth, want.Submodules = 7, repo.SubmodulesOff // a variable is used before the defaults of the file
	docs.Fields = nil
	if !reflect.DeepEqual(docs, want) {
		t.Errorf("%+v\nwant\n%+v", docs, want)
	}
	want = syncDefaults()
	want.Name, want.URL, want.RefSemver, want.Root, want.Link = "dags", "https://github.com/foo/dags.git", ">=1 <2", "/dags", "current"
	want.Loop.Period, want.Depth, want.Submodules = 500*time.Millisecond, 3, repo.SubmodulesOff
	want.Loop.Budget = syncer.Budget{Exit: 7, Option: "max-sync-failures=6"}
	want.Permissions, want.GroupWrite = 0o755, true
	want.Exechook.Command, want.PrePublish.Command = "/hooks/reload", "/hooks/reload"
	want.Auth.SSHKeyFiles = []string{"/a", "/b"}
	want.Auth.Credentials = []auth.Credential{{URL: "https://h", Username: "u", PasswordFile: "/p"}}
	dags.Fields = nil
	if !reflect.DeepEqual(dags, want) {
		t.Errorf("%+v\nwant\n%+v", dags, want)
	}
	// Where a value stands in the file makes no difference: a sync is restarted when it changes.
	moved, _ := fileConfig(t, "\n\nsyncs:\n- {name: a, repo: /r}\n", nil)
	same, _ := fileConfig(t, "syncs:\n- {name: a, repo: /r}\n", nil)
	if !reflect.DeepEqual(moved.Syncs, same.Syncs) {
		t.Errorf("%+v, %+v", moved.Syncs, same.Syncs)
	}
}

// If the file cannot be read, what else is wrong is reported with it.
func TestUnreadableFile(t *testing.T) {
	_, _, err := Parse([]string{"--config=/f", "--bogus", "--depth=x", "--repo=/r", "--receiver-bind=:1", "--http-bind=:1", "--receiver-path=/"}, nil, noFile)
	for _, want := range []string{"--config: file does not exist", "--bogus: ", "--depth: ", "--repo: cannot be combined with --config", "--receiver-path: "} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if strings.Contains(fmt.Sprint(err), "is required") {
		t.Errorf("%v: the file may have it", err)
	}
	// The same for a file that is not YAML.
	_, _, err = ParseFile([]string{"--config=/f", "--depth=x"}, nil, []byte("{"))
	if err == nil || !strings.Contains(err.Error(), "--depth: ") {
		t.Errorf("%v", err)
	}
	if c, _, err := Parse([]string{"--check", "--repo=/r"}, []string{"HOME=/h"}, nil); err != nil || c.Mode != ModeCheck || len(c.Syncs) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFileProblems(t *testing.T) {
	const a = "syncs:\n- name: a\n  repo: /r\n"
	for _, c := range []struct {
		content string
		args    string
		want    []string
	}{
		{"", "", []string{"f.yaml: is empty"}},
		{"# nothing", "", []string{"f.yaml: is empty"}},
		{"a", "", []string{"f.yaml: is not a mapping"}},
		{"defaults:\n  depth: 1", "", []string{"f.yaml: has no syncs"}},
		{"syncs: []", "", []string{"f.yaml:1:1: syncs: is not a list with at least one entry"}},
		{"syncs: x", "", []string{"f.yaml:1:1: syncs: is not a list with at least one entry"}},
		{a + "---\n" + a, "", []string{"f.yaml: contains several documents"}},
		{"sincs:\n- name: a", "", []string{"f.yaml:1:1: sincs: unknown key (did you mean syncs?)"}},
		{a + "  dept: 3", "", []string{"f.yaml:4:3: dept: unknown key (did you mean depth?)"}},
		{a + "  log-format: json", "", []string{"f.yaml:4:3: log-format: applies to the whole process, not to one sync (give it as a flag or a variable)"}},
		{a + "  password: hunter2", "", []string{"f.yaml:4:3: password: a secret may not be in the file (use password-file)"}},
		{a + "  credential:\n    url: https://h\n    username: u\n    password: hunter2", "", []string{"f.yaml:4:3: credential: a secret may not be in the file (use password-file)"}},
		{a + "  credential: '{\"url\": \"https://h\", \"username\": \"u\", \"Password\": \"hunter2\"}'", "", []string{"f.yaml:4:3: credential: a secret may not be in the file (use password-file)"}},
		{"syncs:\n- name: a\n  repo: https://u:hunter2@h/r", "", []string{"f.yaml:3:3: repo: a secret may not be in the file (use username and password-file; for ssh, use ssh-key-file)"}},
		{a + "  webhook-url: https://u:hunter2@h/r", "", []string{"f.yaml:4:3: webhook-url: a secret may not be in the file (set GITSYNC_WEBHOOK_URL in the environment)"}},
		{a + "  git-config: 'http.extraHeader:Authorization: Bearer t'", "", []string{"f.yaml:4:3: git-config: a secret may not be in the file"}},
		{a + "  depth: [1, 2]", "", []string{"f.yaml:4:3: depth: is not a single value"}},
		{a + "  depth: {a: b}", "", []string{"f.yaml:4:3: depth: is not a single value"}},
		{a + "  depth: deep\n  period: 5", "", []string{`f.yaml:4:3: depth: "deep" is not a whole number`, `f.yaml:5:3: period: "5" has no unit (write 5s for seconds)`}},
		{"defaults:\n  depth: deep\n" + a + "- name: b\n  repo: /r", "", []string{`f.yaml:2:3: depth: "deep" is not a whole number`}},
		{a, "--depth=deep", []string{`--depth: "deep" is not a whole number`}},
		{a, "--repo=/r", []string{"--repo: cannot be combined with --config (list the repository under syncs in the file)"}},
		{a + "- name: b", "", []string{"f.yaml:4:3: repo: is required (add repo: URL)"}},
		{"syncs:\n- name: a\n  repo: https://h/r\n  password-file: /p", "", []string{"f.yaml:4:3: password-file: needs a user (add username; with a token, most forges accept any name)"}},
		{a + "  verify: tag", "", []string{"f.yaml:4:3: verify: needs trusted keys (add verify-keyring (OpenPGP), verify-allowed-signers (SSH), or both)"}},
		{a + "- name: A\n  repo: /r", "", []string{`f.yaml:4:3: name: "A" is not a DNS label`}},
		{a + "- repo: /r", "", []string{`f.yaml:4:3: name: "" is not a DNS label`}},
		{a + "- name: a\n  repo: /r\n  root: /x", "", []string{`f.yaml:4:3: name: "a" is used twice`}},
		{a + "- name: a\n  repo: /r\n  dept: 1", "", []string{`f.yaml:6:3: dept: unknown key (did you mean depth?)`, `f.yaml:4:3: name: "a" is used twice`}},
		{a + "- name: b\n  repo: /r\n  root: /home/me/git/a/b", "", []string{`f.yaml:6:3: root: "/home/me/git/a/b" overlaps with the root of a`}},
		{a + "  link: /x\n- name: b\n  repo: /r\n  link: /x/../x/y", "", []string{`f.yaml:7:3: link: "/x/../x/y" overlaps with the link of a`}},
		{a + "- name: b\n  repo: /r\n  link: ../a/x", "", []string{`f.yaml:6:3: link: "../a/x" overlaps with the root of a`}},
		{a + "  error-file: /e\n- name: b\n  repo: /r\n  touch-file: /x/../e", "", []string{`f.yaml:7:3: touch-file: "/x/../e" overlaps with the error-file of a (give each sync paths of its own)`}},
		{a + "- name: b\n  repo: /r\n  error-file: ../a/r", "", []string{`f.yaml:6:3: error-file: "../a/r" overlaps with the root of a`}},
		{"defaults:\n  error-file: /e\n" + a + "- name: b\n  repo: /r", "", []string{`f.yaml:2:3: error-file: "/e" overlaps with the error-file of a`}},
		{a, "--link=/x --receiver-bind=:1", []string{"--receiver-bind: needs a secret to verify deliveries"}},
		{a + "  depth: *nowhere", "", []string{"f.yaml:4:3: depth: is not a single value"}},
	} {
		_, _, err := ParseFile(append([]string{"--config=f.yaml"}, strings.Fields(c.args)...), []string{"HOME=/home/me"}, []byte(c.content))
		var p *Problems
		if !errors.As(err, &p) {
			t.Errorf("%s\nno problem", c.content)
			continue
		}
		same := len(p.List) == len(c.want)
		for i, one := range p.List {
			same = same && (one.String() == c.want[i] || one.String()+" ("+one.Hint+")" == c.want[i])
		}
		if !same || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\n%v\nwant\n%s", c.content, err, strings.Join(c.want, "\n"))
		}
	}
	for content, hint := range map[string]string{
		"syncs:\n- name: a\n  repo: /x\n   ref: m": "check the indentation", "syncs:\n- name: a\n repo: /x": "check the indentation", "syncs:\n\t- a": "not with tabs",
	} {
		if _, _, err := ParseFile([]string{"--config=f.yaml"}, nil, []byte(content)); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", content, err)
		}
	}
	// What YAML itself does not allow has a place, too.
	for _, content := range []string{"syncs:\n- name: a\n  name: b", "syncs:\n\t- a", "syncs: {", "a: b: c", "syncs:\n  - \"a"} {
		_, _, err := ParseFile([]string{"--config=f.yaml"}, nil, []byte(content))
		if err == nil || !strings.Contains(err.Error(), "f.yaml:") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// The schema knows each key that the file may have, and no other.
func TestSchema(t *testing.T) {
	text, err := jsonSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Syncs struct {
				Items struct{ Properties map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	for _, o := range table(new(draft)) {
		for _, f := range o.flags {
			if _, ok := schema.Properties.Syncs.Items.Properties[f.name]; ok != (o.scope == perSync && o.id() != "password") {
				t.Errorf("%s: %v", f.name, ok)
			}
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("syncs:\n- name: a\n  repo: /r\n")
	f.Add("defaults: {depth: &d 1}\nsyncs:\n- {name: a, repo: /r, depth: *d}\n- {name: b, credential: [{url: x}]}")
	f.Add("a: &a *a\nsyncs: *a")
	f.Fuzz(func(t *testing.T, content string) {
		c, _, err := ParseFile([]string{"--config=f.yaml"}, []string{"HOME=/h"}, []byte(content))
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, s := range c.Syncs {
			if s.Name == "" || names[s.Name] {
				t.Fatalf("accepted the name %q", s.Name)
			}
			names[s.Name] = true
			accepted(t, s)
		}
		if len(names) == 0 {
			t.Fatal("accepted a file without syncs")
		}
	})
}

// TestFileOverlapsBySymlinks: roots and links that are one place by way of symlinks overlap, and those that only look so do not.
func TestFileOverlapsBySymlinks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"real/sub", "links", "elsewhere/deep"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"alias": "real", "links/away": "../elsewhere/deep", "real/current": "elsewhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for name, c := range map[string]struct{ a, b, want string }{
		"one root by two names":            {"root: " + dir + "/real/a", "root: " + dir + "/alias/a", "root"},
		"a root below another":             {"root: " + dir + "/real", "root: " + dir + "/alias/sub", "root"},
		"one relative, one absolute":       {"root: real", "root: " + dir + "/alias", "root"},
		"one link by two names":            {"link: " + dir + "/real/x", "link: " + dir + "/alias/x", "link"},
		"one touch file by two names":      {"touch-file: " + dir + "/real/x", "touch-file: " + dir + "/alias/x", "touch-file"},
		"links in one directory":           {"link: " + dir + "/real/x", "link: " + dir + "/alias/y", ""},
		"a published link, not followed":   {"link: " + dir + "/real/current", "root: " + dir + "/real/elsewhere", ""},
		"the parent of a symlink's target": {"root: " + dir + "/links", "root: " + dir + "/links/away/../x", ""},
	} {
		content := "syncs:\n- name: a\n  repo: /r\n  " + c.a + "\n- name: b\n  repo: /r\n  " + c.b + "\n"
		_, _, err := ParseFile([]string{"--config=f.yaml", "--root=" + dir + "/roots"}, nil, []byte(content))
		if got := fmt.Sprint(err); (c.want != "") != strings.Contains(got, ": "+c.want+": ") || c.want == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
