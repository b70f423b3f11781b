package push

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// watcher is a program that watches one directory by inotify, as webpack, fsnotify and others do.
type watcher struct {
	t      *testing.T
	file   *os.File
	unread []byte
}

func watch(t *testing.T, dir string) *watcher {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t, file: os.NewFile(uintptr(fd), "inotify")}
	t.Cleanup(func() { _ = w.file.Close() })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	return w
}

// sees waits until the kernel reports this kind of event for a name in the directory.
func (w *watcher) sees(kind uint32, name string) {
	w.t.Helper()
	if err := w.file.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		w.t.Fatal(err)
	}
	for {
		for len(w.unread) > 0 {
			mask := binary.NativeEndian.Uint32(w.unread[4:])
			end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(w.unread[12:]))
			of := string(bytes.TrimRight(w.unread[unix.SizeofInotifyEvent:end], "\x00"))
			w.unread = w.unread[end:]
			if mask&kind != 0 && of == name {
				return
			}
		}
		events := make([]byte, 4096)
		n, err := w.file.Read(events)
		if err != nil {
			w.t.Fatalf("waiting for an event of %s: %v", name, err)
		}
		w.unread = events[:n]
	}
}

// watched is an upstream, somebody who pushes, and a mirror that publishes in this way and has published docs/page.md.
func watched(t *testing.T, publish string) (*clone, *mirror) {
	t.Helper()
	u := newUpstream(t, sshserver.New(t), "team/docs.git")
	alice := u.clone("alice")
	alice.commit("docs/page.md", "one")
	alice.git("push", "--quiet", "origin", "main")
	m := u.mirror("--ref=main", "--publish="+publish)
	m.Shows(t, "docs/page.md", "one")
	u.tells("github", u.secret, m.webhook())
	return alice, m
}

// TestWatchedInPlace: watches on a published directory and on one below it stay valid: they report each file that an update changes,
// adds and removes, after it is complete.
func TestWatchedInPlace(t *testing.T) {
	t.Parallel()
	alice, m := watched(t, "in-place")
	top, docs := watch(t, m.Link), watch(t, m.Path("docs"))
	for _, text := range []string{"two", "three"} {
		alice.commit("docs/page.md", text)
		alice.git("push", "--quiet", "origin", "main")
		docs.sees(unix.IN_MOVED_TO, "page.md")
		if got := m.Content("docs/page.md"); got != text {
			t.Errorf("after the event the file holds %q, want %q", got, text)
		}
	}
	alice.git("rm", "--quiet", "docs/page.md")
	alice.commit("docs/other.md", "four", "new/page.md", "four")
	alice.git("push", "--quiet", "origin", "main")
	docs.sees(unix.IN_MOVED_TO, "other.md")
	docs.sees(unix.IN_DELETE, "page.md")
	top.sees(unix.IN_MOVED_TO, "new")
}

// TestWatchedFromAbove: a link and an exchanged directory show each revision as a move in the directory above them.
func TestWatchedFromAbove(t *testing.T) {
	t.Parallel()
	for _, publish := range []string{"link", "directory"} {
		t.Run(publish, func(t *testing.T) {
			t.Parallel()
			alice, m := watched(t, publish)
			above := watch(t, m.Dir)
			for _, text := range []string{"two", "three"} {
				alice.commit("docs/page.md", text)
				alice.git("push", "--quiet", "origin", "main")
				above.sees(unix.IN_MOVED_TO, filepath.Base(m.Link))
				if got := m.Content("docs/page.md"); got != text {
					t.Errorf("after the event the file holds %q, want %q", got, text)
				}
			}
		})
	}
}
