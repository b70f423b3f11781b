package harness

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// Executable writes a program that a test runs. The kernel does not run a file that is open for writing (ETXTBSY), and a
// process that another goroutine starts holds what is open at that moment until it runs its own program: so none is started
// meanwhile.
func Executable(t testing.TB, path, content string) {
	t.Helper()
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte(content), 0o755)
	syscall.ForkLock.RUnlock()
	if err = errors.Join(err, os.Chmod(path, 0o755)); err != nil { // whatever the umask
		t.Fatal(err)
	}
}
