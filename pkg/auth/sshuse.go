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

// sshUse is how git called for ssh: what decides where a connection leads, and as whom.
type sshUse struct {
	// Way is the options and the host that git gave, but for what is sent once there is a connection.
	Way []string `json:"way"`
	// Keys are the options that name the keys for it: another key may open another repository.
	Keys []string `json:"keys"`
}

// use understands git's call for ssh.
func (p *sshPlan) use(args []string) sshUse {
	options, rest := cutOptions(args)
	way := []string{}
	for _, o := range options {
		if o[0] != "--" && (len(o) < 2 || !strings.HasPrefix(o[1], "SendEnv=")) {
			way = append(way, o...)
		}
	}
	if len(rest) > 0 {
		way = append(way, "--", rest[0])
	}
	return sshUse{Way: way, Keys: p.keysFor(targetOf(args))}
}

func (u sshUse) equal(o sshUse) bool {
	return slices.Equal(u.Way, o.Way) && slices.Equal(u.Keys, o.Keys)
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

// useFile is where our executable, in ssh's place, notes how it was called, for the next Refresh: anonymous
// memory, as memFiles. Where it cannot be made or written, nothing is known.
type useFile struct{ file *os.File }

// path names the file to others, "" if there is none.
func (f *useFile) path() string {
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

// maxUses is how many bytes of calls are taken note of.
const maxUses = 8 << 10

// take returns the first call since the last time; ok is false if there was none.
func (f *useFile) take() (use sshUse, ok bool) {
	if f.file == nil {
		return sshUse{}, false
	}
	buf := make([]byte, maxUses)
	n, _ := f.file.ReadAt(buf, 0) // what cannot be read is not there
	if n == 0 {
		return sshUse{}, false
	}
	line, _, whole := bytes.Cut(buf[:n], []byte("\n"))
	ok = whole && f.file.Truncate(0) == nil && json.Unmarshal(line, &use) == nil && len(use.Way) > 0
	return use, ok
}

func (f *useFile) close() {
	if f.file != nil {
		closeAfterReading(f.file)
		f.file = nil
	}
}

// tell notes a call in the file that the plan names.
func (p *sshPlan) tell(use sshUse) {
	if p.Uses == "" {
		return
	}
	line, err := json.Marshal(use)
	if err != nil {
		return
	}
	f, err := os.OpenFile(p.Uses, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	_, _ = f.Write(append(line, '\n')) // who does not hear of it keeps no connection
	_ = f.Close()
}
