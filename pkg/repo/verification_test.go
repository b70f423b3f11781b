package repo

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// unreadable makes git unable to compare trees with their commits, until the
// file that it returns is removed.
func (f *fixture) unreadable() (until string) {
	f.t.Helper()
	dir := f.t.TempDir()
	until, script := filepath.Join(dir, "unreadable"), filepath.Join(dir, "git")
	write(f.t, until, "")
	harness.Executable(f.t, script, "#!/bin/sh\ncase \" $* \" in *' status '*) ! test -e "+until+" || { echo 'error: unable to read: Input/output error' >&2; exit 128; };; esac\nexec git \"$@\"\n")
	g, err := git.New(f.t.Context(), git.Options{Path: script, Env: []string{"PATH=" + os.Getenv("PATH")}, Observe: f.ran})
	if err != nil {
		f.t.Fatal(err)
	}
	f.opts.Git = g
	return until
}

// checked waits for the check in the background.
func (f *fixture) checked() {
	f.t.Helper()
	if err := f.repo.jobs.verify.wait(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// D10 where the check of the first sync tells nothing: it is made again until it
// does, with the remote and without it.
func TestCheckedAgain(t *testing.T) {
	for name, damage := range map[string]bool{"damaged": true, "intact": false} {
		for where, away := range map[string]bool{"with the remote": false, "without it": true} {
			t.Run(name+" "+where, func(t *testing.T) {
				f := newFixture(t)
				hash := f.up.Commit(map[string]string{"a": "content", "b": "more"})
				tree := f.sync(hash)
				f.stop()
				readable := f.unreadable()
				if damage {
					truncate(t, filepath.Join(tree.Path, "a"), 0)
				}
				f.otherBoot(tree)
				if away {
					defer f.away()()
				}
				_, _ = f.try()
				f.checked()
				f.isIn(unverified)
				f.runs()
				_, _ = f.try()
				f.checked()
				for _, op := range f.runs() {
					if op == "status" {
						t.Error("checked again at once")
					}
				}

				remove2(t, readable)
				f.repo.opts.Now = func() time.Time { return time.Now().Add(2 * retryVerification) }
				_, _ = f.try()
				f.checked()
				if !damage {
					f.isIn(intact)
					if rec := f.repo.records.ByID[tree.rec.ID]; rec.Boot != disk.BootID() {
						t.Errorf("not noted: %+v", rec)
					}
					return
				}
				f.isIn(damaged)
				_, _ = f.try()
				f.isIn(intact)
				if data, err := os.ReadFile(filepath.Join(f.link(), "a")); err != nil || string(data) != "content" {
					t.Errorf("published: %q, %v", data, err)
				}
			})
		}
	}
}

// A check that is under way while something else is published says nothing of
// that.
func TestCheckOfWhatWasReplaced(t *testing.T) {
	f := newFixture(t)
	tree := f.sync(f.up.Commit(map[string]string{"a": "content"}))
	f.stop()
	readable := f.unreadable()
	truncate(t, filepath.Join(tree.Path, "a"), 0)
	f.otherBoot(tree)
	_, _ = f.try()
	f.checked()
	f.isIn(unverified)
	remove2(t, readable)
	f.repo.opts.Now = func() time.Time { return time.Now().Add(2 * retryVerification) }
	f.sync(f.up.Commit(map[string]string{"a": "new"}))
	f.checked()
	f.isIn(intact)
}

// D10, in the files that git-sync writes itself.
func TestPowerCutInTheAdminDirectory(t *testing.T) {
	for _, name := range []string{"HEAD", "commondir", "gitdir", "index", ".git", ".git and the record"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "content"})
			tree := f.sync(hash)
			admin := f.repo.store.Admin(tree.rec.ID)
			f.stop()
			f.otherBoot(tree)
			switch name {
			case ".git and the record":
				truncate(t, filepath.Join(admin, "git-sync.json"), 0)
				truncate(t, filepath.Join(tree.Path, disk.GitName), 0)
			case disk.GitName:
				truncate(t, filepath.Join(tree.Path, disk.GitName), 0)
			default:
				truncate(t, filepath.Join(admin, name), 0)
			}
			f.sync(hash)
			f.isIn(intact)
			f.clean()
		})
	}
}

// What was done to a big tree while no git-sync ran is found at the next start; if nothing was, git is not asked.
func TestBigTreeAtStart(t *testing.T) {
	f := newFixture(t)
	hash := f.up.BigTree(many)
	f.poll()
	f.stop()
	f.runs()
	if f.poll().New {
		t.Error("made anew although nothing has happened")
	}
	if ops := f.runs(); slices.Contains(ops, "status") {
		t.Errorf("git is asked: %q", ops)
	}
	f.stop()
	if err := replace(filepath.Join(f.link(), gitserver.BigPath(7))); err != nil {
		t.Fatal(err)
	}
	if !f.sync(hash).New {
		t.Error("not found")
	}
}

// replace writes a file anew with content of the same size and the times it had.
func replace(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, bytes.Repeat([]byte("z"), int(info.Size())), 0o666); err != nil {
		return err
	}
	return os.Chtimes(name, info.ModTime(), info.ModTime())
}

// TestRemovedWhileRunning: W20. Files that something else removes from the published tree are missed within ten
// minutes, and repaired no more often than every five minutes.
func TestRemovedWhileRunning(t *testing.T) {
	for name, big := range map[string]bool{"small": false, "recycled": true} {
		t.Run(name, func(t *testing.T) {
			m := newFamily(t)
			sub := m.member("sub.git")
			files := adopt(mod{"sub", "../sub.git", sub.Commit(map[string]string{"s": "in a submodule"})})
			if big {
				m.up.BigTree(many)
				files = gitserver.Change{Files: map[string]string{}}
			}
			files.Files["a"], files.Files["edited"] = "content", "content"
			hash := m.up.Apply(files)
			m.sync(hash)
			removed := []string{"a"}
			if !big {
				removed = append(removed, "sub/s")
			}
			write(t, filepath.Join(m.link(), "edited"), "by somebody")
			poll := func(later time.Duration) {
				m.skew.Add(int64(later))
				if _, err := m.try(); err != nil {
					t.Fatal(err)
				}
				m.checked()
			}
			poll(6 * time.Minute)
			poll(0)
			if data, err := os.ReadFile(filepath.Join(m.link(), "edited")); err != nil || string(data) != "by somebody" {
				t.Errorf("an edited file is made anew: %q, %v", data, err)
			}
			for _, name := range removed {
				remove2(t, filepath.Join(m.link(), name))
				poll(6 * time.Minute)
				poll(0)
				m.sync(hash)
				m.clean()
				poll(10 * time.Minute)
				poll(0)
			}
			remove2(t, filepath.Join(m.link(), "a"))
			poll(time.Second)
			poll(0)
			if disk.Exists(filepath.Join(m.link(), "a")) {
				t.Error("repaired as often as it is removed")
			}
			poll(6 * time.Minute)
			poll(0)
			m.sync(hash)
		})
	}
}
