package auth

import (
	"bytes"
	"os"

	"git-sync/pkg/git"
)

// memFiles are files that only our own UID can open and that are never on a disk. They are in anonymous memory of
// this process, and ssh opens them as /proc/<our pid>/fd/<n>. They disappear with this process, even if it is killed.
type memFiles map[string]memFile

// memFile is one of them. Its content never changes.
type memFile struct {
	file    *os.File
	path    string
	content []byte
}

// put makes content readable at the returned path, which stays the same as long as content does. It closes the
// previous file of that name. The caller must not change content afterwards.
func (m memFiles) put(name string, content []byte) (string, error) {
	old, found := m[name]
	if found && bytes.Equal(old.content, content) {
		return old.path, nil
	}
	f, path, err := git.MemoryFile(content)
	if err != nil {
		return "", err
	}
	if found {
		closeAfterReading(old.file)
	}
	m[name] = memFile{file: f, path: path, content: content}
	return path, nil
}

// close closes all files.
func (m memFiles) close() {
	for name, f := range m {
		closeAfterReading(f.file)
		delete(m, name)
	}
}
