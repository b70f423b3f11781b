package git

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MemoryFile makes a file in memory. Only this user can open it, by its descriptor or by the returned path, and only
// while it is open in this process.
func MemoryFile(content []byte) (f *os.File, path string, err error) {
	fd, err := unix.MemfdCreate("git-sync", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, "", fmt.Errorf("making a file in memory: %w", err)
	}
	f = os.NewFile(uintptr(fd), "memory")
	_, err = f.Write(content)
	// The mode is 0777 at first.
	if err = errors.Join(err, f.Chmod(0o400)); err != nil {
		return nil, "", errors.Join(fmt.Errorf("writing a file in memory: %w", err), f.Close())
	}
	return f, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}
