package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// readersVar makes the readers read for longer than a test usually takes, such as "1m".
const readersVar = "GITSYNC_READERS"

// stamped is how many files hold the number of their revision.
const stamped = 20

// stampLength makes a stamped file long enough that half of it could be seen.
const stampLength = 32 << 10

// stamp returns the files of a revision, which hold nothing but its number.
func stamp(n int) map[string]string {
	line := fmt.Sprintf("%d\n", n)
	files := map[string]string{}
	for i := range stamped {
		files[fmt.Sprintf("v/%d/f%02d", i%4, i)] = strings.Repeat(line, stampLength/len(line))
	}
	return files
}

// reading is one way to publish and to read what is published.
type reading struct {
	args     []string
	grace    time.Duration // how long a reader may take
	readers  []reader
	recycled int  // how many trees have to be recycled for a test of that
	mixed    bool // a reader may see files of two revisions
}

// TestReaders: while several revisions a second are published, readers walk what is published, over and over, each in the
// manner of one kind of server. The tree is big enough to be recycled as soon as the grace of its readers is over; by itself
// (auto) git-sync does so no sooner than after five seconds. No reader sees an error or a part of a file; only with in-place
// may it see files of two revisions.
func TestReaders(t *testing.T) {
	byLink := []reader{openOnce("v"), resolveOnce("v"), resolveOnce("."), openEach}
	byDirectory := []reader{openOnce("v"), openOnce("."), openEach}
	for name, r := range map[string]reading{
		"recycle":   {args: []string{"--checkout=recycle"}, grace: 2 * time.Second, readers: byLink, recycled: 3},
		"auto":      {args: []string{"--checkout=auto"}, grace: 10 * time.Second, readers: byLink},
		"directory": {args: []string{"--publish=directory"}, grace: 10 * time.Second, readers: byDirectory},
		"in-place":  {args: []string{"--publish=in-place"}, grace: 10 * time.Second, readers: byDirectory, mixed: true},
	} {
		t.Run(name, func(t *testing.T) { r.run(t) })
	}
}

// run publishes revisions while eight readers read.
func (r reading) run(t *testing.T) {
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
	p := start(t, up.FileURL(), append(r.args, "--stale-worktree-timeout="+r.grace.String(), "-v=1")...)
	up.Commit(stamp(0))
	publishes := func(n int) {
		p.Until(fmt.Sprintf("the publication of stamp %d", n), func() bool { return p.Content("v/3/f19") == stamp(n)["v/3/f19"] })
	}
	publishes(0)
	var windows func() []time.Duration
	if r.mixed {
		windows = watchUpdates(t, p.Path("v"))
	}

	over := make(chan struct{})
	var walks, files, late, mixes atomic.Int64
	var versions sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for !closed(over) {
				began := time.Now()
				version, n, err := r.readers[i%len(r.readers)](p.Link)
				if time.Since(began) >= r.grace {
					late.Add(1) // nothing was promised
					continue
				}
				if r.mixed && errors.Is(err, errMix) {
					mixes.Add(1)
					err = nil
				}
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				walks.Add(1)
				files.Add(int64(n))
				versions.Store(version, true)
			}
		})
	}
	pushes := 0
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	read := func() (n int) {
		versions.Range(func(any, any) bool { n++; return true })
		return n
	}
	// On a slow machine it lasts longer: without some revisions read, and some trees recycled, nothing is tested.
	enough := func() bool { return read() >= 3 && p.recycled() >= r.recycled }
	began := time.Now()
	for !t.Failed() && (time.Since(began) < lasting || !enough() && time.Since(began) < 10*lasting) {
		pushes++
		up.Commit(stamp(pushes))
		<-tick.C
	}
	lasting = time.Since(began)
	publishes(pushes)
	close(over)
	all.Wait()
	count, recycled := read(), p.recycled()
	say("readers, %s: %d walks by 8 readers, %d files read, %d pushes in %.0f s, %d revisions read, %d trees recycled, %d walks longer than the grace, %d of two revisions; no error",
		strings.Join(r.args, " "), walks.Load(), files.Load(), pushes, lasting.Seconds(), count, recycled, late.Load(), mixes.Load())
	if windows != nil {
		all := windows()
		slices.Sort(all)
		say("in-place: %d updates of %d files; from the first file renamed to the last: median %v, most %v", len(all), stamped, all[len(all)/2], all[len(all)-1])
	}
	if !enough() || walks.Load() < 8 || walks.Load() < late.Load() {
		t.Errorf("%d walks, and %d that took too long, read %d revisions; %d trees were recycled: nothing was tested", walks.Load(), late.Load(), count, recycled)
	}
}

// watchUpdates notes when files are renamed into the directories below dir. The result stops it and returns, for each update of
// all stamped files, the time between the first and the last: in it a reader can see files of two revisions.
func watchUpdates(t *testing.T, dir string) func() []time.Duration {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	w := os.NewFile(uintptr(fd), "inotify")
	for i := range 4 {
		_, err := unix.InotifyAddWatch(fd, filepath.Join(dir, strconv.Itoa(i)), unix.IN_MOVED_TO)
		must(t, err)
	}
	done := make(chan []time.Time)
	go func() {
		var renamed []time.Time
		events := make([]byte, unix.SizeofInotifyEvent+unix.NAME_MAX+1) // one, or some
		for {
			n, err := w.Read(events)
			if err != nil {
				done <- renamed
				return
			}
			now := time.Now()
			for at := 0; at < n; at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[at+12:])) {
				renamed = append(renamed, now)
			}
		}
	}()
	return func() (windows []time.Duration) {
		must(t, w.Close())
		renamed := <-done
		if len(renamed) < stamped || len(renamed)%stamped != 0 {
			t.Fatalf("%d files were renamed: not a multiple of %d", len(renamed), stamped)
		}
		for update := range slices.Chunk(renamed, stamped) {
			windows = append(windows, update[stamped-1].Sub(update[0]))
		}
		return windows
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

// reader reads every stamped file once and returns what the stamp was, and how many files it has read. A mix of stamps is errMix,
// except for a reader that opens each file by its full path.
type reader func(link string) (version string, files int, err error)

var errMix = errors.New("files of two revisions")

// openOnce opens the published directory once, and everything else from there.
func openOnce(dir string) reader {
	return func(link string) (string, int, error) {
		root, err := os.OpenRoot(link)
		if err != nil {
			return "", 0, err
		}
		defer root.Close()
		return walk(root.FS(), dir)
	}
}

// resolveOnce resolves the link once, and opens everything by its full name.
func resolveOnce(dir string) reader {
	return func(link string) (string, int, error) {
		target, err := filepath.EvalSymlinks(link)
		if err != nil {
			return "", 0, err
		}
		return walk(os.DirFS(target), dir)
	}
}

// openEach opens each file by its full path: it may be of a newer revision each time, but is never missing.
func openEach(link string) (string, int, error) {
	version := ""
	for name := range stamp(0) {
		data, err := os.ReadFile(filepath.Join(link, name))
		if err != nil {
			return "", 0, err
		}
		if version, err = whole(string(data)); err != nil {
			return "", 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return version, stamped, nil
}

// whole returns the number of which a stamped file consists, if it is complete.
func whole(data string) (version string, err error) {
	version, _, _ = strings.Cut(data, "\n")
	n, err := strconv.Atoi(version)
	if err == nil && stamp(n)["v/0/f00"] != data {
		err = fmt.Errorf("%d bytes, which are not one whole stamp %d", len(data), n)
	}
	return version, err
}

func walk(fsys fs.FS, dir string) (version string, files int, err error) {
	stamps := 0
	var mix error
	err = fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(name, ".git-sync.") { // where in-place prepares files
			return fs.SkipDir
		}
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
		this, err := whole(string(data))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if version == "" {
			version = this
		}
		if this != version && mix == nil {
			mix = fmt.Errorf("%w: %s is of %s, others are of %s", errMix, name, this, version)
		}
		return nil
	})
	if err == nil && stamps != stamped {
		err = fmt.Errorf("%d stamped files instead of %d", stamps, stamped)
	}
	if err == nil {
		err = mix
	}
	return version, files, err
}
