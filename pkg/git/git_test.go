package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// script puts an executable shell script in the place of git.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "git")
	harness.Executable(t, path, "#!/bin/sh\n"+body)
	return path
}

func TestNewRefusesOldGit(t *testing.T) {
	path := script(t, "echo git version 2.33.8\n")
	_, err := git.New(t.Context(), git.Options{Path: path, Env: []string{"PATH=" + os.Getenv("PATH")}})
	if git.KindOf(err) != git.KindUnsupported {
		t.Fatalf("error is %v", err)
	}
	for _, part := range []string{"2.33.8", "2.34", path} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
}

func TestNewRefusesWhatIsNotGit(t *testing.T) {
	_, err := git.New(t.Context(), git.Options{Path: script(t, "echo hello\n")})
	if err == nil || !strings.Contains(err.Error(), "hello") {
		t.Errorf("error is %v", err)
	}
	_, err = git.New(t.Context(), git.Options{Path: "no-such-git", Env: []string{"PATH=" + os.Getenv("PATH")}})
	var e *git.Error
	if !errors.As(err, &e) || e.Kind != git.KindUnsupported || !strings.Contains(e.Hint(), "--git") {
		t.Errorf("error is %v", err)
	}
}

// TestEnvironment looks at what git gets by putting env in its place.
func TestEnvironment(t *testing.T) {
	path := script(t, `if [ "$1" = version ]; then echo git version 2.40.0; else env -0; fi`+"\n")
	pass := []string{
		"HOME=/home/me", "HTTPS_PROXY=http://proxy", "NO_PROXY=x", "TMPDIR=/t", "SSH_AUTH_SOCK=/s", "SSL_CERT_FILE=/c",
		"GIT_SSL_CAINFO=/ca", "GIT_SSL_NO_VERIFY=1", "GIT_SSH_COMMAND=ssh -v", "GIT_SSH=ssh", "GIT_ASKPASS=/a",
		"GIT_HTTP_USER_AGENT=me", "GIT_PROXY_SSL_CERT=/p", "GIT_LFS_SKIP_SMUDGE=1", "GIT_EXEC_PATH=/e", "XDG_CONFIG_HOME=/x",
	}
	drop := []string{
		"GIT_DIR=/d", "GIT_WORK_TREE=/w", "GIT_INDEX_FILE=/i", "GIT_OBJECT_DIRECTORY=/o", "GIT_COMMON_DIR=/c",
		"GIT_ALTERNATE_OBJECT_DIRECTORIES=/a", "GIT_NAMESPACE=n", "GIT_CEILING_DIRECTORIES=/", "GIT_CONFIG=/c",
		"GIT_CONFIG_PARAMETERS='a.b=c'", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_77=a.b", "GIT_CONFIG_VALUE_77=c",
		"GIT_TRACE=1", "GIT_TRACE_CURL=1", "GIT_CURL_VERBOSE=1", "GIT_TRACE2_EVENT=/t", "GIT_ALLOW_PROTOCOL=ext",
		"GIT_TEMPLATE_DIR=/t", "GIT_EXTERNAL_DIFF=evil", "GIT_PROTOCOL_FROM_USER=1",
		"GITSYNC_PASSWORD=hunter2", "GIT_SYNC_PASSWORD=hunter2", "GITSYNC_REPO=x", "LANGUAGE=de", "LC_MESSAGES=de_DE",
	}
	g := newGitWith(t, git.Options{Path: path}, append(slices.Clone(pass), drop...)...)
	g = g.With(git.Overlay{
		Env:    []string{"GIT_ASKPASS=/ours", "TOKEN=secret"},
		Config: []git.KV{{Key: "over.lay", Value: "1"}},
	})
	dir := t.TempDir()
	out := must(t, g, git.Cmd("env").GitDir(dir).WorkTree("/my/tree").
		Env("EXTRA=1").Config(git.KV{Key: "last.of", Value: "all\nof it"}))
	got := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	for _, kv := range pass {
		if kv != "GIT_ASKPASS=/a" && !slices.Contains(got, kv) {
			t.Errorf("%s was dropped", kv)
		}
	}
	for _, kv := range drop {
		if slices.Contains(got, kv) {
			t.Errorf("%s has passed", kv)
		}
	}
	for _, kv := range []string{
		"LC_ALL=C", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_DIR=" + dir, "GIT_WORK_TREE=/my/tree",
		"GIT_ASKPASS=/ours", "TOKEN=secret", "EXTRA=1",
	} {
		if !slices.Contains(got, kv) {
			t.Errorf("%s is missing", kv)
		}
	}
	names := map[string]bool{}
	for _, kv := range got {
		name, _, _ := strings.Cut(kv, "=")
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
	}
}

// TestConfigurationIsPrivate plants configuration in each place where git looks.
func TestConfigurationIsPrivate(t *testing.T) {
	home := t.TempDir()
	planted := "[planted]\n\tyes = true\n[core]\n\thooksPath = /evil\n"
	for _, name := range []string{".gitconfig", ".config/git/config"} {
		file := filepath.Join(home, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(planted), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	g := newGitWith(t, git.Options{Config: []git.KV{{Key: "user.s", Value: "own"}}},
		"HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", "GIT_CONFIG_GLOBAL="+home+"/.gitconfig")
	dir := emptyStore(t, g)
	out := must(t, g, git.Cmd("config", "--list", "--show-origin").GitDir(dir))
	if strings.Contains(out, "planted") || strings.Contains(out, "evil") {
		t.Errorf("planted configuration is read:\n%s", out)
	}
	for _, kv := range []string{"gc.auto=0", "core.hookspath=/dev/null", "protocol.allow=never", "user.s=own"} {
		if !strings.Contains(out, "\t"+kv+"\n") {
			t.Errorf("%s is missing from\n%s", kv, out)
		}
	}
	after, err := os.ReadFile(filepath.Join(home, ".gitconfig"))
	if err != nil || string(after) != planted {
		t.Errorf("the user's configuration was changed: %q, %v", after, err)
	}
}

// TestHooksDoNotRun: a hook in a repository's own directory.
func TestHooksDoNotRun(t *testing.T) {
	g := newGit(t)
	up := gitserver.NewRepo(t)
	up.Commit(map[string]string{"a": "b"})
	dir := emptyStore(t, g)
	proof := filepath.Join(t.TempDir(), "proof")
	for _, hook := range []string{"post-checkout", "reference-transaction", "post-index-change"} {
		file := filepath.Join(dir, "hooks", hook)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		harness.Executable(t, file, "#!/bin/sh\ntouch "+proof)
	}
	must(t, g, git.Cmd("fetch", "--quiet").GitDir(dir).Operand(up.FileURL(), "+refs/heads/*:refs/heads/*"))
	must(t, g, git.Cmd("read-tree", "-m", "-u", "HEAD").GitDir(dir).WorkTree(t.TempDir()))
	if _, err := os.Stat(proof); err == nil {
		t.Error("a hook has run")
	}
}

// TestUmask has git and a helper of git's, the filter, make files.
func TestUmask(t *testing.T) {
	for mask, want := range map[fs.FileMode]fs.FileMode{0o002: 0o664, 0o077: 0o600} {
		g := newGitWith(t, git.Options{Umask: mask})
		up := gitserver.NewRepo(t)
		up.Commit(map[string]string{"a": "b", "filtered": "c", ".gitattributes": "filtered filter=touch"})
		dir, tree := emptyStore(t, g), t.TempDir()
		must(t, g, git.Cmd("fetch", "--quiet").GitDir(dir).Operand(up.FileURL(), "+refs/heads/*:refs/heads/*"))
		must(t, g, git.Cmd("read-tree", "-m", "-u", "HEAD").GitDir(dir).WorkTree(tree).
			Config(git.KV{Key: "filter.touch.smudge", Value: "cat; touch made"}))
		for _, name := range []string{"a", "filtered", "made"} {
			info, err := os.Stat(filepath.Join(tree, name))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %04o: %s: %v, %v", int(mask), name, info, err)
			}
		}
	}
}

func TestConcurrentRunsShareNothing(t *testing.T) {
	g := newGit(t)
	dir := emptyStore(t, g)
	results := make(chan error)
	for i := range 8 {
		go func() {
			want := fmt.Sprint(i)
			o := g.With(git.Overlay{Config: []git.KV{{Key: "a.b", Value: want}}})
			res, err := o.Run(t.Context(), git.Cmd("config", "a.b").GitDir(dir))
			if err == nil && strings.TrimSpace(res.Stdout) != want {
				err = fmt.Errorf("got %q, want %q", res.Stdout, want)
			}
			results <- err
		}()
	}
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestStart(t *testing.T) {
	g := newGit(t)
	dir := emptyStore(t, g)
	p, err := g.Start(t.Context(), git.Cmd("cat-file", "--batch-check").GitDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stdin.Write([]byte("HEAD\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	n, err := p.Stdout.Read(answer)
	if err != nil || string(answer[:n]) != "HEAD missing\n" {
		t.Errorf("answer is %q, %v", answer[:n], err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Start(t.Context(), git.Cmd("x").Operand("-x")); err == nil {
		t.Error("a mistaken command was started")
	}
}

// TestLogsAreClean: X1, at the highest verbosity.
func TestLogsAreClean(t *testing.T) {
	var log bytes.Buffer
	logger := funcr.New(func(prefix, args string) { log.WriteString(prefix + args + "\n") }, funcr.Options{Verbosity: 9})
	// Most gits leave the password out themselves; this one does not.
	path := script(t, `if [ "$1" = ls-remote ]; then echo "fatal: unable to access '$2': Failed to connect" >&2; exit 128; fi; exec git "$@"`+"\n")
	g := newGitWith(t, git.Options{Log: logger, Path: path})
	g = g.With(git.Overlay{
		Env:    []string{"A_TOKEN=hunter2"},
		Config: []git.KV{{Key: "http.extraHeader", Value: "Authorization: hunter2"}},
	})
	dir := emptyStore(t, g)
	_, err := g.Run(t.Context(), git.Cmd("ls-remote").GitDir(dir).Operand("http://user:hunter2@127.0.0.1:1/x"))
	var e *git.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v", err)
	}
	for where, text := range map[string]string{"log": log.String(), "error": err.Error(), "stderr": e.Stderr, "cause": errors.Unwrap(e).Error()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the password is in the %s: %s", where, text)
		}
	}
	for _, part := range []string{"ls-remote", "127.0.0.1:1", "Failed to connect"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is missing from the log:\n%s", part, &log)
		}
	}
}

// TestNothingIsDiscovered: run from within somebody's clone, git must not find it.
func TestNothingIsDiscovered(t *testing.T) {
	g := newGit(t)
	clone := t.TempDir()
	must(t, g, git.Cmd("init", "--quiet").Operand(clone))
	t.Chdir(clone)
	if _, err := g.Run(t.Context(), git.Cmd("rev-parse", "--git-dir")); err == nil {
		t.Error("the repository we were started in was found")
	}
	if out := must(t, g, git.Cmd("rev-parse", "--git-dir").GitDir(clone+"/.git")); out != clone+"/.git\n" && out != ".\n" {
		t.Errorf("the named repository is %q", out)
	}
}

func TestContextEnds(t *testing.T) {
	g := newGit(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.Run(ctx, git.Cmd("version"))
	if git.KindOf(err) != git.KindCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// TestEnviron: what a caller does to the environment changes nothing for git, and of equal names the last one counts.
func TestEnviron(t *testing.T) {
	g := newGit(t).With(git.Overlay{Env: []string{"GIT_AUTHOR_NAME=first", "GIT_AUTHOR_NAME=last"}})
	clear(g.Environ())
	res, err := g.Run(t.Context(), git.Cmd("var", "GIT_AUTHOR_IDENT").Env("GIT_AUTHOR_EMAIL=a@example.com"))
	if err != nil || !strings.HasPrefix(res.Stdout, "last <a@example.com>") {
		t.Errorf("%q, %v", res.Stdout, err)
	}
}
