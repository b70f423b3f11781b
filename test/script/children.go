package script

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long anything is waited for that is expected to happen: long for a busy machine, short for a person.
const patience = 30 * time.Second

// child is a program that runs beside the script, in a process group of its own.
type child struct {
	cmd  *exec.Cmd
	over chan struct{} // closed when it has ended
}

func cmdExits(s script, args []string) {
	s.need(args, 2, "exits CODE PROGRAM ARG...")
	err := s.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		s.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		s.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func cmdStart(s script, args []string) {
	s.need(args, 2, "start ID PROGRAM ARG...")
	path, err := exec.LookPath(args[1])
	s.Check(err)
	log, err := os.Create(s.MkAbs(args[0] + ".log"))
	s.Check(err)
	defer log.Close()
	c := &child{cmd: exec.Command(path, args[2:]...), over: make(chan struct{})}
	c.cmd.Args[0] = args[1] // by which the test binary knows whom to play
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr = s.MkAbs("."), s.environ(), log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.Check(c.cmd.Start())
	s.children[args[0]] = c
	go func() {
		defer close(c.over)
		_ = c.cmd.Wait()
	}()
	s.Defer(func() {
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.over
	})
}

func (s script) child(id string) *child {
	c, ok := s.children[id]
	if !ok {
		s.Fatalf("nothing was started as %q", id)
	}
	return c
}

func cmdSignal(s script, args []string) {
	s.need(args, 2, "signal ID NAME")
	sig := unix.SignalNum(args[1])
	if sig == 0 {
		s.Fatalf("unknown signal %q", args[1])
	}
	s.Check(s.child(args[0]).cmd.Process.Signal(sig))
}

func cmdEnds(s script, args []string) {
	s.need(args, 2, "ends ID CODE")
	c := s.child(args[0])
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.over:
	case <-timer.C:
		s.Fatalf("%s still runs; its log:\n%s", args[0], s.ReadFile(args[0]+".log"))
	}
	if code := c.cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[1] {
		s.Fatalf("%s ended with %v, want exit code %s; its log:\n%s", args[0], c.cmd.ProcessState, args[1], s.ReadFile(args[0]+".log"))
	}
}

// environ is the script's environment. testscript tells it only to the programs that it runs, so one is asked.
func (s script) environ() []string {
	s.Check(s.Exec("env", "-0"))
	return strings.Split(strings.TrimSuffix(s.ReadFile("stdout"), "\x00"), "\x00")
}
