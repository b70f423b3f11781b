package sshserver

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Start starts the server again after Stop, and returns when it greets.
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.OpenFile(s.path("sshd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer log.Close()
	cmd := exec.Command(s.sshd, "-D", "-e", "-f", s.path("sshd_config")) // -D: ours to wait for, not a daemon
	cmd.Env = privateEnv()
	cmd.Stdout, cmd.Stderr = log, log
	s.must(cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.listen, s.exited = cmd, exited

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startup)
	for !greets(s.Addr()) {
		select {
		case <-exited:
			s.t.Fatalf("sshd ended: %s", s.Log())
		case <-deadline:
			s.t.Fatalf("sshd does not greet at %s: %s", s.Addr(), s.Log())
		case <-tick.C:
		}
	}
}

// Stop ends the listener and every session it has forked, cutting connections that
// are under way. From then on connections are refused. Stopping twice is nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.listen == nil {
		return
	}
	// A stopped listener forks no more, so that the list of its descendants is
	// complete; each of them is stopped in turn before its children are looked for.
	for _, pid := range freeze(s.listen.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.exited
	s.listen = nil
}

// Logins is how often somebody was let in.
func (s *Server) Logins() int { return strings.Count(s.Log(), "Accepted publickey for ") }

// freeze stops a process and all its descendants and returns them, parents first.
// Sessions of sshd are in process groups of their own, so a group kill would miss them.
func freeze(root int) []int {
	found := []int{root}
	for i := 0; i < len(found); i++ {
		_ = syscall.Kill(found[i], syscall.SIGSTOP)
		found = append(found, children(found[i])...)
	}
	return found
}

// children finds the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// pid (name, which may hold anything) state ppid ...
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, child)
		}
	}
	return found
}
