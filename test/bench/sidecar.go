package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"git-sync/test/gitserver"
)

// sidecar is a git-sync that runs on.
type sidecar struct {
	b    *bench
	cmd  *exec.Cmd
	root string
	link string
	addr string // of its HTTP server, where there is one

	log    string        // the file
	read   int           // bytes of it
	logged time.Duration // CPU of git commands that it tells of, as far as it was read
}

// sidecar starts a git-sync on a root, and returns when it has published.
func (b *bench) sidecar(url string, args ...string) *sidecar {
	root := filepath.Join(b.TempDir(), "root")
	s := &sidecar{b: b, root: root, link: filepath.Join(root, "link"), log: filepath.Join(b.TempDir(), "log")}
	log, err := os.Create(s.log)
	b.check(err)
	defer log.Close()
	all := append([]string{
		"--repo=" + url, "--ref=main", "--depth=1", "--root=" + root, "--dest=link", "--checkout=" + b.checkout,
	}, args...)
	s.cmd = exec.CommandContext(b.ctx, b.binary, all...)
	s.cmd.Env, s.cmd.Stderr = gitserver.Env("HOME="+b.home), log
	b.check(s.cmd.Start())
	b.Cleanup(s.stop)
	b.until("the first publication (see "+s.log+")", func() bool {
		_, err := os.Stat(s.link)
		return err == nil
	})
	return s
}

func (s *sidecar) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}

func (s *sidecar) pid() int { return s.cmd.Process.Pid }

func (s *sidecar) cpu() usage {
	u, err := treeCPU(s.pid())
	s.b.check(err)
	return u
}

// settle returns when nothing has been going on for a tenth of a second: no child, and no more CPU used than an idle Go program
// does now and then.
func (s *sidecar) settle() {
	var mark time.Duration
	var since time.Time
	s.b.until("quiet", func() bool {
		now := s.cpu()
		if now.children > 0 || since.IsZero() || now.total()-mark > time.Millisecond {
			mark, since = now.total(), time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
}

// polls reads from a sidecar's metrics how many of its syncs found nothing new.
func (s *sidecar) polls(addr string) int {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/metrics")
	s.b.check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	s.b.check(err)
	total := 0
	for _, match := range regexp.MustCompile(`(?m)^git_sync_count_total\{[^}]*status="noop"[^}]*\} ([0-9.e+]+)$`).FindAllSubmatch(body, -1) {
		n, err := strconv.ParseFloat(string(match[1]), 64)
		s.b.check(err)
		total += int(n)
	}
	return total
}

func (b *bench) freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	defer l.Close()
	return l.Addr().String()
}

// until waits for something that is looked at every few milliseconds.
func (b *bench) until(what string, done func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(10 * time.Minute)
	defer limit.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit.C:
			b.Fatalf("waited ten minutes for %s", what)
		case <-b.ctx.Done():
			b.Fatalf("interrupted while waiting for %s", what)
		}
	}
}

// fatal is an error that ends the measurement.
type fatal struct{ error }

func (b *bench) check(err error) {
	if err != nil {
		b.Fatalf("%v", err)
	}
}

// Fatalf ends the measurement; with the next three methods the bench can use the servers that tests use.
func (b *bench) Fatalf(format string, args ...any) { panic(fatal{fmt.Errorf(format, args...)}) }

// Helper does nothing.
func (b *bench) Helper() {}

// Cleanup puts off f until the servers and directories in use are no longer needed.
func (b *bench) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }

// TempDir makes a directory that lasts as long.
func (b *bench) TempDir() string {
	dir, err := os.MkdirTemp("", "git-sync-bench-*")
	b.check(err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (b *bench) close() {
	for _, f := range slices.Backward(b.cleanups) {
		f()
	}
	b.cleanups = nil
}
