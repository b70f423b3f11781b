package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"git-sync/pkg/git"
)

// TestAdvise is about system calls of ours that fail for the reasons for which git's fail, too. e2e.sh makes them fail.
func TestAdvise(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	link := root + "/link" // it leads to a directory that may be written to
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		err    error
		advice []string
	}{
		{unix.EACCES, []string{root, "has mode 0755", "fsGroup", "chown"}},
		{unix.EPERM, []string{root, "belongs to UID"}},
		{unix.EROFS, []string{"mount the volume of --root, or of the published directory, writable"}},
		{unix.ENOSPC, []string{"make room on the volume of --root"}},
		{unix.EDQUOT, []string{"make room on the volume of --root"}},
		{unix.EINVAL, nil},
		{unix.EBUSY, []string{"is mounted at " + root + "/x"}},
		{&os.LinkError{Op: "rename", Old: "/o/y", New: link, Err: unix.EBUSY}, []string{"is mounted at " + link}},
		{&os.LinkError{Op: "rename", Old: "/o/y", New: link, Err: unix.EACCES}, []string{"the directory " + root + " belongs"}},
		{&os.LinkError{Op: "rename", Old: "/o/y", New: "/link", Err: unix.EACCES}, []string{"set --root=DIR"}},
		{nil, nil},
		{&git.Error{Kind: git.KindAuth, Err: unix.EACCES}, []string{"check the credentials"}},
	} {
		given := test.err
		if given != nil {
			given = fmt.Errorf("creating the store: %w", &fs.PathError{Op: "mkdir", Path: root + "/x", Err: given})
		}
		err := advise("/", given) // the path in the error counts
		if !errors.Is(err, test.err) {
			t.Errorf("%v became %v", given, err)
		}
		var h interface{ Hint() string }
		if got := errors.As(err, &h); got != (test.advice != nil) {
			t.Errorf("%v: advice: %t", given, got)
		}
		for _, want := range test.advice {
			if !strings.Contains(h.Hint(), want) {
				t.Errorf("%v: the advice is %q, should have %q", given, h.Hint(), want)
			}
		}
	}
}
