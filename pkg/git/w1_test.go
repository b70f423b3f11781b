package git_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/git"
)

// TestSilentRemote: fault W1. The remote accepts and says nothing, for ever. git has
// helpers by then, which hold its pipes.
func TestSilentRemote(t *testing.T) {
	for _, scheme := range []string{"http", "https", "git", "ssh"} {
		t.Run(scheme, func(t *testing.T) {
			accepted := make(chan struct{}, 1)
			addr := silent(t, accepted)
			mark := "GITPKG_TEST_MARK=" + filepath.Base(t.TempDir()) + scheme + addr
			g := newGit(t, mark, "GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes")
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := g.Run(ctx, git.Cmd("ls-remote").Operand(scheme+"://"+addr+"/x"))
			expect(t, err, git.KindTimeout, "took too long")
			if len(accepted) == 0 {
				t.Log("it did not come to a connection in time")
			}
			if left := leftBehind(mark); len(left) > 0 {
				t.Errorf("still running: %q", left)
			}
		})
	}
}

// TestCanceledWhileConnected is the same with the connection certain.
func TestCanceledWhileConnected(t *testing.T) {
	for _, scheme := range []string{"http", "git"} {
		accepted := make(chan struct{}, 1)
		addr := silent(t, accepted)
		mark := "GITPKG_TEST_MARK=cancel" + scheme + addr
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-accepted
			cancel()
		}()
		_, err := newGit(t, mark).Run(ctx, git.Cmd("ls-remote").Operand(scheme+"://"+addr+"/x"))
		expect(t, err, git.KindCanceled)
		if left := leftBehind(mark); len(left) > 0 {
			t.Errorf("%s: still running: %q", scheme, left)
		}
		cancel()
	}
}

// silent listens, accepts, and never answers.
func silent(t *testing.T, accepted chan<- struct{}) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			select {
			case accepted <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// leftBehind returns what still runs of what has been killed; dying takes a busy machine some time.
func leftBehind(mark string) []string {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		left := marked(mark)
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return left
		}
	}
}

// marked lists the living processes that have this in their environment.
func marked(mark string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		env, err := os.ReadFile(file) // a zombie's is empty
		if err == nil && bytes.Contains(env, []byte(mark)) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
