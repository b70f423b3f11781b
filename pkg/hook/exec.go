package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/proc"
)

const (
	// defaultExecTimeout is the time of a program without ExecOptions.Timeout.
	defaultExecTimeout = 30 * time.Second
	// grace is the time between SIGTERM and SIGKILL for a program whose time is over.
	grace = 500 * time.Millisecond
	// maxOutput is how much of each output stream is logged: its end.
	maxOutput = 4 << 10
)

// errShellMisses fails a gate that exits with 0 although its shell did not find a command. `if grep -q X file; then exit 1; fi` accepts every revision
// where there is no grep.
var errShellMisses = errors.New("its shell did not find a command")

// shellMisses is how a shell says that: "gate.sh: 7: grep: not found" (dash), "gate.sh: line 7: grep: command not found" (bash, busybox).
var shellMisses = regexp.MustCompile(`(?m)^[^:\n]+: (?:line )?[0-9]+: [^\n]+: (?:command )?not found\r?$`)

// ExecOptions describe a program to run as a hook. Name and Command are required.
type ExecOptions struct {
	// Name is NameExec or NamePrePublish.
	Name string
	// Command is the program: a path, or a name to be found in the PATH of Env. A relative path is relative to the tree. It gets no arguments, and
	// no shell is involved.
	Command string
	// Env is what the program's environment is made from: see Environment.
	Env []string
	// Secrets are values that no variable given to the program may hold.
	Secrets []string
	// Umask is the program's; 0: ours.
	Umask fs.FileMode
	// Timeout bounds one run. 0: 30 seconds.
	Timeout time.Duration
	// Log gets the program's output: the last 4 KiB of each stream.
	Log logr.Logger
}

// Exec is a hook that runs a program in the revision's tree.
type Exec struct {
	opt ExecOptions
	env []string
}

// NewExec makes a hook of a program. Whether that exists shows when it is run.
func NewExec(o ExecOptions) *Exec {
	if o.Timeout <= 0 {
		o.Timeout = defaultExecTimeout
	}
	return &Exec{opt: o, env: Environment(o.Env, o.Secrets)}
}

// Name is the name in the options.
func (x *Exec) Name() string { return x.opt.Name }

// Run runs the program and blocks until it has exited and its output has ended. At the timeout, and when ctx ends, the whole process group gets SIGTERM,
// and SIGKILL half a second later; what the program has left behind in its group dies with it in any case.
func (x *Exec) Run(ctx context.Context, e Event) error {
	limited, cancel := context.WithTimeout(ctx, x.opt.Timeout)
	defer cancel()
	res, err := proc.Run(limited, proc.Cmd{
		Path:      x.path(e),
		Dir:       e.Dir,
		Env:       append(append([]string(nil), x.env...), "GITSYNC_HASH="+e.Hash, "GITSYNC_PREVIOUS_HASH="+e.Previous),
		StdoutTo:  io.Discard, // any amount is fine
		MaxOutput: maxOutput,
		Grace:     grace,
		Umask:     x.opt.Umask,
	})
	if missing := shellMisses.Find(res.Stderr); err == nil && missing != nil && x.opt.Name == NamePrePublish {
		err = fmt.Errorf("%w: %s", errShellMisses, bytes.TrimSpace(missing))
	}
	x.output(res, err)
	if err == nil {
		return nil
	}
	return &ExecError{Command: x.opt.Command, Timeout: x.opt.Timeout, Stdout: string(res.Stdout), Err: err}
}

// path is where the program is.
func (x *Exec) path(e Event) string {
	if strings.Contains(x.opt.Command, "/") && !filepath.IsAbs(x.opt.Command) {
		return filepath.Join(e.Dir, x.opt.Command)
	}
	return x.opt.Command
}

// output logs what the program wrote; when it failed, the error says the most important of it, and the rest is for those who ask.
func (x *Exec) output(res proc.Result, err error) {
	log := x.opt.Log.WithValues("hook", x.opt.Name, "took", res.Wall.Round(time.Millisecond))
	if err != nil {
		log = log.V(1)
	}
	if s := strings.TrimSpace(string(res.Stdout)); s != "" {
		log = log.WithValues("stdout", s)
	}
	if s := strings.TrimSpace(string(res.Stderr)); s != "" {
		log = log.WithValues("stderr", s)
	}
	if len(res.Stdout)+len(res.Stderr) > 0 {
		log.Info("hook output")
		return
	}
	log.V(1).Info("hook ran")
}

// ExecError says how a program failed.
type ExecError struct {
	Command string
	Timeout time.Duration
	Stdout  string // the end of its output
	Err     error
}

// Error says in one line what happened, with the last line that the program wrote to its standard error, or else to its output.
func (e *ExecError) Error() string {
	var p *proc.Error
	if !errors.As(e.Err, &p) {
		return fmt.Sprintf("running %s: %v", e.Command, e.Err)
	}
	var s string
	switch {
	case p.TimedOut:
		s = fmt.Sprintf("%s did not end within %v", e.Command, e.Timeout)
	case p.Signal != 0 && !p.Canceled:
		s = fmt.Sprintf("%s was ended by signal %d (%v)", e.Command, int(p.Signal), p.Signal)
	case p.ExitCode > 0:
		s = fmt.Sprintf("%s exited with %d", e.Command, p.ExitCode)
	default:
		return fmt.Sprintf("running %s: %v", e.Command, p.Err)
	}
	if said := lastLine(p.Stderr); said != "" {
		return s + ": " + said
	}
	if said := lastLine(e.Stdout); said != "" {
		return s + ": " + said
	}
	return s
}

// Unwrap returns the cause.
func (e *ExecError) Unwrap() error { return e.Err }

// Hint says what can be done about it.
func (e *ExecError) Hint() string {
	var p *proc.Error
	switch {
	case errors.Is(e.Err, errShellMisses):
		return "use an image that has the command, or let the hook test for it with 'command -v'"
	case errors.Is(e.Err, fs.ErrNotExist):
		return "the hook must be a path, or a name in $PATH, without arguments; if the file is there, the program named in its first line is not (with a line end of Windows it never is)"
	case errors.Is(e.Err, syscall.ENOEXEC):
		return "the hook has to begin with a line such as #!/bin/sh, or is a program for another kind of processor"
	case errors.Is(e.Err, fs.ErrPermission):
		return "the hook must be executable for the user that git-sync runs as"
	case errors.As(e.Err, &p) && p.TimedOut && p.ExitCode == 0: // it had ended, or has ended well after SIGTERM
		return "it needs more time (--exechook-timeout, --pre-publish-exechook-timeout), or something that it started in the background holds its output open; start that by setsid, with its output redirected"
	case errors.As(e.Err, &p) && p.TimedOut:
		return "give it more time with --exechook-timeout (or --pre-publish-exechook-timeout), or make it quicker"
	}
	return ""
}

// lastLine is the last line of s that holds anything.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndexAny(s, "\r\n")+1:])
}
