package repo

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"git-sync/pkg/git"
)

// unreadable makes git unable to compare trees with their commits, until the
// file that it returns is removed.
func (f *fixture) unreadable() (until string) {
	f.t.Helper()
	dir := f.t.TempDir()
	until, script := filepath.Join(dir, "unreadable"), filepath.Join(dir, "git")
	write(f.t, until, "")
	write(f.t, script, "#!/bin/sh\ncase \" $* \" in *' status '*) ! test -e "+until+" || { echo 'error: unable to read: Input/output error' >&2; exit 128; };; esac\nexec git \"$@\"\n")
	if err := os.Chmod(script, 0o755); err != nil {
		f.t.Fatal(err)
	}
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
	if err := f.repo.checker.wait(f.t.Context()); err != nil {
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
				f.unfit(doubtful)
				f.runs()
				_, _ = f.try()
				f.checked()
				for _, op := range f.runs() {
					if op == "status" {
						t.Error("checked again at once")
					}
				}

				remove2(t, readable)
				f.repo.opts.Now = func() time.Time { return time.Now().Add(2 * retryCheck) }
				_, _ = f.try()
				f.checked()
				if !damage {
					f.unfit(fit)
					if rec := f.repo.records[tree.rec.id]; rec.Boot != bootID() {
						t.Errorf("not noted: %+v", rec)
					}
					return
				}
				f.unfit(damaged)
				_, _ = f.try()
				f.unfit(fit)
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
	f.unfit(doubtful)
	remove2(t, readable)
	f.repo.opts.Now = func() time.Time { return time.Now().Add(2 * retryCheck) }
	f.sync(f.up.Commit(map[string]string{"a": "new"}))
	f.checked()
	f.unfit(fit)
}

// D10, in the files that git-sync writes itself.
func TestPowerCutInTheAdminDirectory(t *testing.T) {
	for _, name := range []string{"HEAD", "commondir", "gitdir", "index", ".git", ".git and the record"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			hash := f.up.Commit(map[string]string{"a": "content"})
			tree := f.sync(hash)
			admin := f.repo.store.admin(tree.rec.id)
			f.stop()
			f.otherBoot(tree)
			switch name {
			case ".git and the record":
				truncate(t, filepath.Join(admin, recordName), 0)
				truncate(t, filepath.Join(tree.Path, gitDirName), 0)
			case gitDirName:
				truncate(t, filepath.Join(tree.Path, gitDirName), 0)
			default:
				truncate(t, filepath.Join(admin, name), 0)
			}
			f.sync(hash)
			f.unfit(fit)
			f.clean()
		})
	}
}
