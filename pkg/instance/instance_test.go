package instance_test

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
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/instance"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

func TestMain(m *testing.M) {
	if code, ours := auth.Helper(os.Environ(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); ours {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// umask is that of the test's process.
func umask() fs.FileMode {
	mask := unix.Umask(0o022)
	unix.Umask(mask)
	return fs.FileMode(mask)
}

// log is written by several goroutines.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *log) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// syncOf is what the options of a command line ask for, under a name.
func syncOf(t *testing.T, name string, args ...string) config.Sync {
	t.Helper()
	cfg, _, err := config.Parse(append(args, "--link=link", "--one-time"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Syncs[0].Name = name
	return cfg.Syncs[0]
}

// host is the process that the instances of a test share.
type host struct {
	t   *testing.T
	git *git.Git
	log *logging.Logging
	out *log
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, out: &log{}}
	h.log = logging.New(h.out, logging.Options{Verbosity: 9, Format: logging.FormatJSON})
	var err error
	h.git, err = git.New(t.Context(), git.Options{Env: gitserver.Env(), Log: h.log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// options are what the host gives to an instance that ends after its first sync.
func (h *host) options(s config.Sync) instance.Options {
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	return instance.Options{
		Sync: s, OneTime: true, Self: self, Environ: gitserver.Env("SHARED=yes"), Umask: umask(), Git: h.git, Log: h.log.Of(s.Name),
		Check: func(config.Sync) error { return nil },
	}
}

func (h *host) open(s config.Sync) *instance.Instance { return instance.New(h.options(s)) }

// modes are the permissions below a directory, without git's own files.
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	all := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if rel, _ := filepath.Rel(dir, path); err == nil && rel != "." && rel != ".git" {
			all[rel] = info.Mode().Perm()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTwoInstances runs two at once in this process that differ in all that could leak from one into the other.
func TestTwoInstances(t *testing.T) {
	h := newHost(t)
	before := umask()
	type one struct {
		name     string
		server   *gitserver.Server
		root     string
		hook     string // where its hook writes what it was given
		options  []string
		file     fs.FileMode
		dir      fs.FileMode
		instance *instance.Instance
	}
	sides := []*one{
		{name: "group", options: []string{"--group-write"}, file: 0o664, dir: 0o775},
		{name: "modes", options: []string{"--change-permissions=0750"}, file: 0o750, dir: 0o750},
	}
	for _, s := range sides {
		r := gitserver.NewRepo(t)
		r.Commit(map[string]string{"dir/file": s.name})
		s.server = gitserver.HTTP(t, r)
		s.server.Require(gitserver.Basic(s.name, "password-of-"+s.name))
		s.root, s.hook = filepath.Join(t.TempDir(), "a", "root"), filepath.Join(t.TempDir(), "hook")
		script := filepath.Join(t.TempDir(), "script")
		harness.Executable(t, script, fmt.Sprintf("#!/bin/sh\n{ umask; cat dir/file; env; } >%s\n", s.hook))
		s.instance = h.open(syncOf(t, s.name, append(s.options, "--repo="+s.server.RepoURL(r), "--root="+s.root, "--username="+s.name,
			"--password=password-of-"+s.name, "--exechook-command="+script, "--touch-file=touched/file")...))
		if problems := s.instance.Problems(); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	var all sync.WaitGroup
	for _, s := range sides {
		all.Go(func() {
			if err := s.instance.Run(t.Context()); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
			if err := s.instance.Close(); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		})
	}
	all.Wait()
	for i, s := range sides {
		other := sides[1-i]
		if got := modes(t, filepath.Join(s.root, "link")+"/"); got["dir/file"] != s.file || got["dir"] != s.dir {
			t.Errorf("%s: permissions %v", s.name, got)
		}
		if got := modes(t, filepath.Join(s.root, "touched")); got["file"]&0o020 != s.dir&0o020 {
			t.Errorf("%s: permissions of the touch file: %v", s.name, got)
		}
		received, err := os.ReadFile(s.hook)
		if err != nil {
			t.Fatal(err)
		}
		wantUmask := map[string]string{"group": "0002", "modes": fmt.Sprintf("%04o", before)}[s.name]
		if lines := strings.Split(string(received), "\n"); lines[0] != wantUmask || !strings.HasPrefix(lines[1], s.name) || !slices.Contains(lines, "SHARED=yes") ||
			strings.Contains(string(received), "password") {
			t.Errorf("%s: its hook was given %s", s.name, received)
		}
		for _, q := range s.server.Log() {
			if q.User == other.name {
				t.Errorf("%s: its server was shown the password of %s", s.name, other.name)
			}
		}
		if rep := s.instance.Report(); !rep.Published() || rep.Hooks[0].Runs["success"] != 1 || rep.Root.Fetches != 1 {
			t.Errorf("%s: %+v", s.name, rep)
		}
	}
	if after := umask(); after != before {
		t.Errorf("the process's umask is %o, was %o", after, before)
	}
	for _, line := range h.out.lines() {
		if strings.Contains(line, "password-of") {
			t.Errorf("a secret in %s", line)
		}
		for i, s := range sides {
			if strings.Contains(line, s.root) && strings.Contains(line, `"sync":"`+sides[1-i].name) {
				t.Errorf("a line of the other: %s", line)
			}
		}
	}
}

// TestRefusedTogether: of two roots that are not ours, neither gets an error file, whichever is refused first.
func TestRefusedTogether(t *testing.T) {
	h := newHost(t)
	var all []*instance.Instance
	var problems []error
	var roots []string
	for _, name := range []string{"a", "b"} {
		theirs := t.TempDir()
		if _, err := gitserver.Run(theirs, gitserver.Env(), "init", "-q"); err != nil {
			t.Fatal(err)
		}
		i := h.open(syncOf(t, name, "--repo=file:///nonexistent", "--root="+theirs, "--error-file=error.json"))
		all, problems, roots = append(all, i), append(problems, i.Problems()...), append(roots, theirs)
	}
	for n, i := range all {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		i.Refuse(problems)
		if _, err := os.Stat(filepath.Join(roots[n], "error.json")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("an error file in the root of %s: %v", i.Sync().Name, err)
		}
	}
}

// TestRefuse: a root that is not ours keeps one instance from starting, and leaves the other alone.
func TestRefuse(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	theirs := t.TempDir()
	if _, err := gitserver.Run(theirs, gitserver.Env(), "init", "-q"); err != nil {
		t.Fatal(err)
	}
	errorFile := filepath.Join(t.TempDir(), "error.json")
	bad := h.open(syncOf(t, "bad", "--repo="+r.FileURL(), "--root="+theirs, "--error-file="+errorFile))
	if _, refused := errors.AsType[*repo.RefusedError](errors.Join(bad.Problems()...)); !refused {
		t.Fatalf("problems: %v", bad.Problems())
	}
	good := h.open(syncOf(t, "good", "--repo="+r.FileURL(), "--root="+filepath.Join(t.TempDir(), "root")))
	if problems := good.Problems(); len(problems) > 0 {
		t.Fatal(problems)
	}
	if rep := bad.Report(); rep.Failures != 1 || rep.LastError == "" {
		t.Errorf("%+v", rep)
	}
	if err := bad.Close(); err != nil {
		t.Error(err)
	}
	bad.Refuse([]error{errors.New("the root is refused")})
	if _, err := os.Stat(errorFile); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := good.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := good.Close(); err != nil {
		t.Error(err)
	}
}
