package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sshCall is what, of git's call for ssh, decides where the connection leads, and as whom.
type sshCall struct {
	// Args are the options and the host, but for what is sent once there is a connection.
	Args []string `json:"args"`
	// Keys are the options that name the keys for it: another key may open another repository.
	Keys []string `json:"keys"`
}

// call understands git's call for ssh.
func (p *sshPlan) call(args []string) sshCall {
	options, rest := cutOptions(args)
	c := sshCall{Keys: p.keysFor(targetOf(args))}
	for _, o := range options {
		if o[0] != "--" && (len(o) < 2 || !strings.HasPrefix(o[1], "SendEnv=")) {
			c.Args = append(c.Args, o...)
		}
	}
	if len(rest) > 0 {
		c.Args = append(c.Args, "--", rest[0])
	}
	return c
}

func (c sshCall) equal(o sshCall) bool {
	return slices.Equal(c.Args, o.Args) && slices.Equal(c.Keys, o.Keys)
}

// cutOptions takes the options off a call for ssh, each with its value.
func cutOptions(args []string) (options [][]string, rest []string) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		n := 1
		if (args[0] == "-p" || args[0] == "-o") && len(args) > 1 {
			n = 2
		}
		options, args = append(options, args[:n]), args[n:]
	}
	return options, args
}

// callFile is where our executable, in ssh's place, notes how it was called, for the next Refresh: anonymous
// memory, as memFiles. Where it cannot be made or written, nothing is known.
type callFile struct{ file *os.File }

// path names the file to others, "" if there is none.
func (f *callFile) path() string {
	if f.file == nil {
		fd, err := unix.MemfdCreate("git-sync", unix.MFD_CLOEXEC)
		if err != nil {
			return ""
		}
		f.file = os.NewFile(uintptr(fd), "ssh calls")
		if err := f.file.Chmod(0o600); err != nil {
			f.close()
			return ""
		}
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.file.Fd())
}

// maxCalls is how many bytes of calls are taken note of.
const maxCalls = 8 << 10

// take returns the first call since the last time; ok is false if there was none.
func (f *callFile) take() (c sshCall, ok bool) {
	if f.file == nil {
		return sshCall{}, false
	}
	buf := make([]byte, maxCalls)
	n, _ := f.file.ReadAt(buf, 0) // what cannot be read is not there
	if n == 0 || f.file.Truncate(0) != nil {
		return sshCall{}, false
	}
	line, _, whole := bytes.Cut(buf[:n], []byte("\n"))
	ok = whole && json.Unmarshal(line, &c) == nil && len(c.Args) > 0
	return c, ok
}

func (f *callFile) close() {
	if f.file != nil {
		closeAfterReading(f.file)
		f.file = nil
	}
}

// tell notes a call in the file that the plan names.
func (p *sshPlan) tell(c sshCall) {
	if p.Calls == "" {
		return
	}
	line, err := json.Marshal(c)
	if err != nil {
		return
	}
	f, err := os.OpenFile(p.Calls, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	_, _ = f.Write(append(line, '\n')) // who does not hear of it keeps no connection
	_ = f.Close()
}
