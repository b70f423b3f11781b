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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/proc"
)

const (
	// grace is the time between SIGTERM and SIGKILL for a program that has timed out.
	grace = 500 * time.Millisecond
	// maxOutput limits how much of the end of each output stream is logged, in bytes.
	maxOutput = 4 << 10
)

// errCommandNotFound is the error of a gate that exits with 0 although its shell did not find a command. For example, `if
// grep -q X file; then exit 1; fi` accepts every revision if there is no grep.
var errCommandNotFound = errors.New("its shell did not find a command")

// commandNotFound matches a shell's message for that: "gate.sh: 7: grep: not found" (dash), "gate.sh: line 7: grep:
// command not found" (bash, busybox).
var commandNotFound = regexp.MustCompile(`(?m)^[^:\n]+: (?:line )?[0-9]+: [^\n]+: (?:command )?not found\r?$`)

// ExecOptions configures a program that is run as a hook. Name, Command and Timeout are required.
type ExecOptions struct {
	// Name is NameExec or NamePrePublish.
	Name string
	// Command is the program: a path, or a name to look up in the PATH of Env. A relative path is relative to the
	// tree. It gets no arguments, and is not run by a shell.
	Command string
	// Env is the environment from which Environment makes that of the program.
	Env []string
	// Secrets are values that no variable of the program may contain.
	Secrets []string
	// Umask is the umask of the program; 0: that of this process.
	Umask fs.FileMode
	// Timeout limits one run.
	Timeout time.Duration
	// Log logs the program's output: the last 4 KiB of each stream.
	Log logr.Logger
}

// Exec is a hook that runs a program in the revision's tree.
type Exec struct {
	opt ExecOptions
	env []string
}

// NewExec returns a hook that runs a program. It does not check that the program exists.
func NewExec(o ExecOptions) *Exec {
	return &Exec{opt: o, env: Environment(o.Env, o.Secrets)}
}

// Name returns the name in the options.
func (x *Exec) Name() string { return x.opt.Name }

// Run runs the program, and blocks until it has exited and its output has ended. At the timeout, or when ctx ends,
// the whole process group gets SIGTERM, and SIGKILL half a second later. Processes that the program leaves in its
// group are always killed.
func (x *Exec) Run(ctx context.Context, e Event) error {
	limited, cancel := context.WithTimeoutCause(ctx, x.opt.Timeout, fmt.Errorf("did not end within %v", x.opt.Timeout))
	defer cancel()
	res, err := proc.Run(limited, proc.Cmd{
		Path:      x.path(e),
		Dir:       e.Dir,
		Env:       slices.Concat(x.env, []string{"GITSYNC_HASH=" + e.Hash, "GITSYNC_PREVIOUS_HASH=" + e.Previous}),
		StdoutTo:  io.Discard, // any amount is allowed
		MaxOutput: maxOutput,
		Grace:     grace,
		Umask:     x.opt.Umask,
	})
	if missing := commandNotFound.Find(res.Stderr); err == nil && missing != nil && x.opt.Name == NamePrePublish {
		err = fmt.Errorf("%s: %w: %s", x.opt.Command, errCommandNotFound, bytes.TrimSpace(missing))
	}
	if err == nil {
		x.output(res)
		return nil
	}
	if p, ok := errors.AsType[*proc.Error](err); ok && p.Stderr == "" {
		p.Stderr = string(res.Stdout) // the message ends with its last line
	}
	output := strings.TrimSpace(strings.TrimSpace(string(res.Stdout)) + "\n" + string(res.Stderr))
	return &failure{error: err, hint: execHint(err), output: output}
}

// path returns the path or name of the program.
func (x *Exec) path(e Event) string {
	if strings.Contains(x.opt.Command, "/") && !filepath.IsAbs(x.opt.Command) {
		return filepath.Join(e.Dir, x.opt.Command)
	}
	return x.opt.Command
}

// output logs the program's output after a success. After a failure, the error contains it.
func (x *Exec) output(res proc.Result) {
	log := x.opt.Log.WithValues("hook", x.opt.Name, "took", res.Wall.Round(time.Millisecond))
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

// failure is the error of a program, with a hint and the program's output.
type failure struct {
	error
	hint, output string
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.error }

// Hint returns what the user can do.
func (f *failure) Hint() string { return f.hint }

// Output returns the program's output, which is logged with the error.
func (f *failure) Output() (remote, helper string) { return "", f.output }

// execHint returns what the user can do about the failure of a program.
func execHint(err error) string {
	var p *proc.Error
	switch {
	case errors.Is(err, errCommandNotFound):
		return "use an image that has the command, or let the hook test for it with 'command -v'"
	case errors.Is(err, fs.ErrNotExist):
		return "the hook must be a path, or a name in $PATH, without arguments; if the file exists, the program in its first line does not (Windows line endings have this effect, too)"
	case errors.Is(err, syscall.ENOEXEC):
		return "the hook has to begin with a line such as #!/bin/sh, or is a program for another kind of processor"
	case errors.Is(err, fs.ErrPermission):
		return "the hook must be executable for the user that git-sync runs as"
	case errors.As(err, &p) && p.TimedOut && p.ExitCode == 0: // it had exited, or exited successfully after SIGTERM
		return "it needs more time (--exechook-timeout, --pre-publish-exechook-timeout), or a process that it started in the background holds its output open; start that with setsid, and redirect its output"
	case errors.As(err, &p) && p.TimedOut:
		return "give it more time with --exechook-timeout (or --pre-publish-exechook-timeout), or make it quicker"
	}
	return ""
}
