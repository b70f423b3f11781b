package repo

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// makeUnremovable makes a directory that even root cannot take files out of,
// and returns what undoes it.
func makeUnremovable(t *testing.T, dir string) func() {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	const immutable = 0x10 // FS_IMMUTABLE_FL, ioctl_iflags(2)
	set := func(flags int) error { return unix.IoctlSetPointerInt(int(d.Fd()), unix.FS_IOC_SETFLAGS, flags) }
	if err := set(immutable); err != nil {
		t.Skipf("needs chattr +i (root on ext4 or XFS): %v", err)
	}
	done := false
	undo := func() {
		if !done {
			done = true
			if err := set(0); err != nil {
				t.Error(err)
			}
			_ = d.Close()
		}
	}
	t.Cleanup(undo)
	return undo
}
