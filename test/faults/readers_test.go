package faults

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// readersVar makes the readers read for longer than a test usually takes, such as "1m".
const readersVar = "GITSYNC_READERS"

// stamped is how many files hold the number of their revision.
const stamped = 20

func stamp(n int) map[string]string {
	files := map[string]string{}
	for i := range stamped {
		files[fmt.Sprintf("v/%d/f%02d", i%4, i)] = fmt.Sprintf("%d\n", n)
	}
	return files
}

// TestReaders: while several revisions a second are published, readers walk what the link leads to, over and over, each in the
// manner of one kind of server. The tree is big enough to be recycled, as soon as the grace of its readers is over; by itself
// (auto) git-sync does so no sooner than after five seconds.
func TestReaders(t *testing.T) {
	t.Run("recycle", func(t *testing.T) { read(t, 2*time.Second, "--checkout=recycle") })
	t.Run("auto", func(t *testing.T) { read(t, 10*time.Second, "--checkout=auto") })
}

// leastRecycled is how many trees have to be recycled for a test of that.
const leastRecycled = 3

// read lets readers read, each of whom has the grace for a walk.
func read(t *testing.T, grace time.Duration, checkout string) {
	lasting := 2 * time.Second
	if harness.Full() {
		lasting = 6 * time.Second
	}
	if s := os.Getenv(readersVar); s != "" {
		d, err := time.ParseDuration(s)
		must(t, err)
		lasting = d
	}
	up := gitserver.NewRepo(t)
	up.BigTree(600)
	p := start(t, up.FileURL(), "--stale-worktree-timeout="+grace.String(), checkout, "-v=1")
	p.publishes(up.Commit(stamp(0)))

	over := make(chan struct{})
	var walks, files, late atomic.Int64
	var seen sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for !closed(over) {
				began := time.Now()
				version, n, err := readers[i%len(readers)](p.Link)
				if time.Since(began) >= grace {
					late.Add(1) // nothing was promised
					continue
				}
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				walks.Add(1)
				files.Add(int64(n))
				seen.Store(version, true)
			}
		})
	}
	pushes := 0
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	// On a slow machine it lasts longer: without some trees recycled nothing is tested.
	enough := func() bool { return checkout != "--checkout=recycle" || p.recycled() >= leastRecycled }
	began := time.Now()
	for !t.Failed() && (time.Since(began) < lasting || !enough() && time.Since(began) < 10*lasting) {
		pushes++
		up.Commit(stamp(pushes))
		<-tick.C
	}
	lasting = time.Since(began)
	p.publishes(up.Rev("main"))
	close(over)
	all.Wait()
	versions := 0
	seen.Range(func(any, any) bool { versions++; return true })
	recycled := p.recycled()
	say("readers, %s: %d walks by 8 readers, %d files read, %d pushes in %.0f s, %d revisions seen, %d trees recycled, %d walks longer than the grace; no error, no mix",
		checkout, walks.Load(), files.Load(), pushes, lasting.Seconds(), versions, recycled, late.Load())
	if versions < 3 || walks.Load() < 8 || walks.Load() < late.Load() {
		t.Errorf("%d walks, and %d that took too long, saw %d revisions: nothing was tested", walks.Load(), late.Load(), versions)
	}
	if !enough() {
		t.Errorf("%d trees were recycled: nothing was tested", recycled)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// readers read every stamped file once and return what the stamp was, and how many files they have read; a mix of stamps is
// an error, except for a reader that resolves the link for each file.
var readers = []func(link string) (version string, files int, err error){
	// The directory is opened once, and everything is opened from there.
	func(link string) (string, int, error) {
		root, err := os.OpenRoot(link)
		if err != nil {
			return "", 0, err
		}
		defer root.Close()
		return walk(root.FS(), "v")
	},
	// The link is resolved once, and everything is opened by its full name.
	func(link string) (string, int, error) {
		dir, err := filepath.EvalSymlinks(link)
		if err != nil {
			return "", 0, err
		}
		return walk(os.DirFS(dir), "v")
	},
	// The same, of everything that is there.
	func(link string) (string, int, error) {
		dir, err := filepath.EvalSymlinks(link)
		if err != nil {
			return "", 0, err
		}
		return walk(os.DirFS(dir), ".")
	},
	// Each request resolves the link anew: there may be a newer revision each time, but never nothing.
	func(link string) (string, int, error) {
		version := ""
		for name := range stamp(0) {
			data, err := os.ReadFile(filepath.Join(link, name))
			if err != nil {
				return "", 0, err
			}
			version = string(data)
		}
		return version, stamped, nil
	},
}

func walk(fsys fs.FS, dir string) (version string, files int, err error) {
	stamps := 0
	err = fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == ".git" {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files++
		if !strings.HasPrefix(name, "v/") {
			return nil
		}
		stamps++
		if version == "" {
			version = string(data)
		}
		if string(data) != version {
			return fmt.Errorf("a mix: %s is of %q, others are of %q", name, data, version)
		}
		return nil
	})
	if err == nil && stamps != stamped {
		err = fmt.Errorf("%d stamped files instead of %d", stamps, stamped)
	}
	return version, files, err
}
