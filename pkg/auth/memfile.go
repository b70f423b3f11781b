package auth

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memFiles are files that only our own UID can open and that no disk ever sees: anonymous memory of
// this process, which ssh opens as /proc/<our pid>/fd/<n>. They die with us, however we die.
type memFiles map[string]*os.File

// put makes content readable under the returned path. The previous file of that name is closed.
func (m memFiles) put(name string, content []byte) (string, error) {
	fd, err := unix.MemfdCreate("git-sync", unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	// A new memory file has mode 0777.
	if err = f.Chmod(0o400); err == nil {
		_, err = f.Write(content)
	}
	if err != nil {
		closeAfterReading(f)
		return "", fmt.Errorf("writing a file in memory: %w", err)
	}
	if old := m[name]; old != nil {
		closeAfterReading(old)
	}
	m[name] = f
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), nil
}

// close gives everything back.
func (m memFiles) close() {
	for name, f := range m {
		closeAfterReading(f)
		delete(m, name)
	}
}
