package auth

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memFiles are files that only our own UID can open and that no disk ever sees: anonymous memory of
// this process, which ssh opens as /proc/<our pid>/fd/<n>. They die with us, however we die.
type memFiles map[string]memFile

// memFile is one of them. Nothing writes to it once it is made.
type memFile struct {
	file    *os.File
	path    string
	content []byte
}

// put makes content readable under the returned path, which stays the same for as long as content
// does. The previous file of that name is closed. content must not be changed afterwards.
func (m memFiles) put(name string, content []byte) (string, error) {
	old, found := m[name]
	if found && bytes.Equal(old.content, content) {
		return old.path, nil
	}
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
	if found {
		closeAfterReading(old.file)
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	m[name] = memFile{file: f, path: path, content: content}
	return path, nil
}

// close gives everything back.
func (m memFiles) close() {
	for name, f := range m {
		closeAfterReading(f.file)
		delete(m, name)
	}
}
