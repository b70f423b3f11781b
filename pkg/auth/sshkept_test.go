package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
)

// keeping is an Auth whose "ssh" runs as long as it is let, with a private place for sockets.
func keeping(t *testing.T, script string) (a *Auth, sockets string) {
	t.Helper()
	self := filepath.Join(t.TempDir(), "ssh")
	if err := os.WriteFile(self, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	sockets, err := shortDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	a = &Auth{opts: Options{
		Self: self, KeepSSH: time.Minute, Log: logr.Discard(), Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + sockets},
	}}
	t.Cleanup(func() { a.kept.close() })
	return a, sockets
}

// shortDir makes a directory; the names of t.TempDir are too long for a socket.
func shortDir() (string, error) { return os.MkdirTemp("/tmp", "kept") }

// poll is what a sync does that calls for ssh as given, if at all. It says which connection there is now, 0 for none, and
// whether the sync may use it.
func (a *Auth) poll(call ...string) (connection int, offered bool) {
	return a.pollWith(sshPlan{}, call...)
}

// pollWith is poll with what ssh is to be told.
func (a *Auth) pollWith(plan sshPlan, call ...string) (connection int, offered bool) {
	a.keepSSH(context.Background(), &plan)
	if len(call) > 0 {
		plan.tell(plan.call(call))
	}
	if a.kept.master != nil {
		connection = a.kept.place.count
	}
	return connection, plan.Shared != nil
}

// serve makes the socket that a connection's ssh would make.
func (a *Auth) serve(t *testing.T) {
	t.Helper()
	if err := unix.Mknod(a.kept.master.shared.Socket, unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
}

// later lets time pass since the last sync began, and since the last connection did.
func (a *Auth) later(sync, connection time.Duration) {
	k := &a.kept
	k.asked, k.began = k.asked.Add(-sync), k.began.Add(-connection)
}

func TestConnectionIsKept(t *testing.T) {
	a, _ := keeping(t, "exec sleep 60")
	serve := func() { a.serve(t) }
	steps := []struct {
		what       string
		before     func()
		connection int
		offered    bool
	}{
		{"the first sync", func() {}, 0, false},
		{"the second, soon after", func() {}, 1, false},
		{"it does not serve yet", func() {}, 1, false},
		{"it does", serve, 1, true},
		{"nearly as old as it may be", func() { a.later(0, keptFor-time.Second) }, 1, true},
		{"retired", func() { a.kept.expire(a.kept.master) }, 2, false},
		{"the next serves", serve, 2, true},
		{"retired, and its socket would not go", func() { a.kept.master.retired = true }, 0, false},
		{"after a failure, however long ago it was begun", func() { a.later(0, keptPause); a.kept.giveUp() }, 0, false},
		{"after a sync that went well", func() {}, 3, false},
		{"after a failure, when it is young", func() { a.kept.giveUp() }, 0, false},
		{"after a sync that went well, too early", func() {}, 0, false},
		{"when the pause is over", func() { a.later(0, keptPause) }, 4, false},
		{"it serves", serve, 4, true},
		{"its socket is taken away", func() { os.Remove(a.kept.master.shared.Socket) }, 0, false},
		{"after a long time", func() { a.later(keptWithin, keptPause) }, 0, false},
		{"soon after that", func() {}, 5, false},
		{"after the end", func() { a.kept.close(); a.later(0, keptPause) }, 0, false},
	}
	for _, step := range steps {
		step.before()
		if connection, offered := a.poll("git@host", "git-upload-pack 'a.git'"); connection != step.connection || offered != step.offered {
			t.Fatalf("%s: connection %d, offered %v, want %d, %v", step.what, connection, offered, step.connection, step.offered)
		}
	}
}

// TestConnectionIsNotUsed: where the syncs have no need of ssh, as once a hash is published, none is kept.
func TestConnectionIsNotUsed(t *testing.T) {
	a, _ := keeping(t, "exec sleep 60")
	for range 3 {
		if connection, _ := a.poll(); connection != 0 {
			t.Fatal("one was made that nobody has asked for")
		}
	}
	a.poll("git@host", "x")
	if connection, _ := a.poll(); connection == 0 {
		t.Fatal("none was made")
	}
	if connection, _ := a.poll(); connection != 0 {
		t.Error("the connection is kept, but not used")
	}
}

// TestConnectionOfOldKeys: where the sync before went by keys that are not offered any more, none is made.
func TestConnectionOfOldKeys(t *testing.T) {
	a, _ := keeping(t, "exec sleep 60")
	old, now := sshPlan{Keys: []string{"-i", "/old"}}, sshPlan{Keys: []string{"-i", "/new"}}
	a.pollWith(old, "git@host", "x")
	if connection, _ := a.pollWith(now, "git@host", "x"); connection != 0 {
		t.Error("one was made with the old keys")
	}
	if connection, _ := a.pollWith(now, "git@host", "x"); connection == 0 {
		t.Error("none was made with the new keys")
	}
}

// TestCallsAreForgotten: what was noted is gone once it was looked at, also when it makes no sense.
func TestCallsAreForgotten(t *testing.T) {
	var f callFile
	defer f.close()
	plan := sshPlan{Calls: f.path()}
	plan.tell(sshCall{Args: []string{strings.Repeat("x", maxCalls)}})
	if _, ok := f.take(); ok {
		t.Error("half a call was understood")
	}
	want := plan.call([]string{"git@host", "x"})
	plan.tell(want)
	plan.tell(plan.call([]string{"git@other", "x"}))
	if got, ok := f.take(); !ok || !got.equal(want) {
		t.Errorf("the first call: %v, %v", got, ok)
	}
	if got, ok := f.take(); ok {
		t.Errorf("a call that was looked at before: %v", got)
	}
}

// TestConnectionExpires without a sync: first nobody new is served, then it ends.
func TestConnectionExpires(t *testing.T) {
	a, _ := keeping(t, "exec sleep 60")
	a.poll("git@host", "x")
	a.poll("git@host", "x")
	a.serve(t)
	a.poll("git@host", "x")
	m := a.kept.master
	a.kept.expire(m)
	if a.kept.master != m || m.gone() || a.kept.place.serves(m.shared.Socket) {
		t.Error("the first time: it is to go on for those that it serves, and for nobody else")
	}
	a.kept.expire(m)
	if a.kept.master != nil || !m.gone() {
		t.Error("the second time: it is still there")
	}
	a.kept.expire(m) // late
}

// TestConnectionIsNotKept: a server that does not want them is asked for one ever more rarely, and the user is told.
func TestConnectionIsNotKept(t *testing.T) {
	for what, c := range map[string]struct {
		script string
		fail   func(a *Auth)
		told   string
	}{
		"ended":        {"echo go away >&2; exit 255", func(a *Auth) { <-a.kept.master.process.Done() }, "go away"},
		"never served": {"exec sleep 60", func(a *Auth) { a.later(0, keptStart+time.Second) }, "serves nobody"},
	} {
		t.Run(what, func(t *testing.T) {
			var told []string
			a, _ := keeping(t, c.script)
			a.opts.Log = funcr.New(func(_, args string) { told = append(told, args) }, funcr.Options{})
			a.poll("git@host", "x")
			for made, pause := range []time.Duration{2 * keptPause, 4 * keptPause, 8 * keptPause} {
				a.poll("git@host", "x")
				if a.kept.place.count != made+1 {
					t.Fatalf("%d were made, want %d", a.kept.place.count, made+1)
				}
				c.fail(a)
				a.poll("git@host", "x")
				a.kept.began = time.Now().Add(keptPause/2 - pause)
				if connection, _ := a.poll("git@host", "x"); connection != 0 {
					t.Fatalf("connection %d was made within %v", connection, pause)
				}
				a.kept.began = time.Now().Add(-pause)
			}
			if len(told) != 1 || !strings.Contains(told[0], c.told) {
				t.Errorf("told: %q", told)
			}
		})
	}
	if k := (keeper{vain: 1000}); k.pause() != keptPauseMax {
		t.Errorf("the longest pause is %v", k.pause())
	}
}

// TestStale: only a connection that was lost may have been lost because it was kept, and only if it was.
func TestStale(t *testing.T) {
	for _, c := range []struct {
		err  error
		kept bool
		want bool
	}{
		{&git.Error{Kind: git.KindNetwork}, true, true},
		{fmt.Errorf("fetching: %w", &git.Error{Kind: git.KindNetwork}), true, true},
		{&git.Error{Kind: git.KindNetwork}, false, false},
		{&git.Error{Kind: git.KindNoSpace}, true, false},
		{&git.Error{Kind: git.KindRepoNotFound}, true, false},
		{&git.Error{Kind: git.KindTimeout}, true, false},
		{errors.New("another"), true, false},
	} {
		a, _ := keeping(t, "exec sleep 60")
		a.poll("git@host", "x")
		a.poll("git@host", "x")
		a.offer.ssh.kept = c.kept
		if got := a.Stale(c.err); got != c.want || (a.kept.master == nil) != c.want {
			t.Errorf("%v, kept %v: %v, given up %v; want %v", c.err, c.kept, got, a.kept.master == nil, c.want)
		}
	}
}

func TestWhoMayShareAConnection(t *testing.T) {
	keys := []string{"-i", "/key"}
	for call, others := range map[string]map[string]bool{
		"-o SendEnv=GIT_PROTOCOL git@host git-upload-pack": {
			"git@host git-upload-pack":            true,
			"-- git@host git-lfs-authenticate":    true,
			"-p 22 git@host git-upload-pack":      false, // where ssh's own configuration says which port
			"-4 git@host git-upload-pack":         false,
			"host git-upload-pack":                false,
			"joe@host git-upload-pack":            false,
			"git@other git-upload-pack":           false,
			"-o ProxyJump=x git@host upload-pack": false,
			"":                                    false,
		},
		"-p 2222 git@host git-upload-pack": {
			"-o SendEnv=GIT_PROTOCOL -p 2222 git@host git-upload-pack": true,
			"git@host git-upload-pack":                                 false,
		},
	} {
		plan := sshPlan{Keys: keys}
		plan.Shared = &sshShared{Call: plan.call(strings.Fields(call)), Socket: "/s"}
		for other, want := range others {
			shares := func() bool {
				return slices.Contains(plan.optionsFor(plan.call(strings.Fields(other))), "ControlPath=/s")
			}
			plan.Keys = keys
			if shares() != want {
				t.Errorf("%q goes through what %q has made: %v", other, call, !want)
			}
			plan.Keys = []string{"-i", "/other"}
			if shares() {
				t.Errorf("%q goes through what %q has made with another key", other, call)
			}
		}
	}
}

func TestPlaceForSockets(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "with space")
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 60))
	for _, dir := range []string{odd, long} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, parent := range []string{"", "relative", "/nonexistent", odd, long} {
		s := socketDir{}
		if err := s.make(parent); err == nil {
			t.Errorf("%q: %s", parent, s.path)
		}
	}
	if left, _ := filepath.Glob(long + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := trySocket("/proc/self"); err == nil {
		t.Error("a socket was made where there can be none")
	}
	// Where one does not do another may.
	for _, parent := range []string{"", "/nonexistent", long} {
		s := socketDir{}
		if socket, err := s.next(parent); err != nil || len(socket)+socketSuffix > maxSocketPath {
			t.Errorf("TMPDIR=%q: %s, %v", parent, socket, err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSocketsAreOurs: a directory that was taken away, or replaced, is not used; another is made.
func TestSocketsAreOurs(t *testing.T) {
	for what, meddle := range map[string]func(dir string) error{
		"gone":     os.RemoveAll,
		"replaced": func(dir string) error { return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700)) },
		"opened":   func(dir string) error { return os.Chmod(dir, 0o770) },
	} {
		t.Run(what, func(t *testing.T) {
			a, _ := keeping(t, "exec sleep 60")
			a.poll("git@host", "x")
			a.poll("git@host", "x")
			a.serve(t)
			if _, offered := a.poll("git@host", "x"); !offered {
				t.Fatal("not offered: nothing is tested")
			}
			old, socket := a.kept.place.path, a.kept.master.shared.Socket
			if err := meddle(old); err != nil {
				t.Fatal(err)
			}
			if what == "replaced" {
				if err := unix.Mknod(socket, unix.S_IFSOCK|0o600, 0); err != nil {
					t.Fatal(err)
				}
			}
			if connection, offered := a.poll("git@host", "x"); connection != 0 || offered {
				t.Errorf("afterwards: connection %d, offered %v", connection, offered)
			}
			a.later(0, keptPause)
			if connection, _ := a.poll("git@host", "x"); connection == 0 || a.kept.place.path == old {
				t.Errorf("in the end: connection %d in %s", connection, a.kept.place.path)
			}
		})
	}
}

// TestSocketsOfTheKilled are removed by who comes next, and those of the living are not.
func TestSocketsOfTheKilled(t *testing.T) {
	parent, err := shortDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	var living socketDir
	if err := living.make(parent); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(parent, socketDirs+"killed")
	if err := os.Mkdir(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	sweepSockets(parent, time.Hour)
	if !exists(killed) {
		t.Error("a young one is removed, whose owner may not have locked it yet")
	}
	sweepSockets(parent, 0)
	if exists(killed) || !exists(living.path) {
		t.Errorf("the killed one's is there: %v; the living one's: %v", exists(killed), exists(living.path))
	}
}
