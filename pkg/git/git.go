// Package git runs the system's git.
//
// It hides the environment git needs to behave the same everywhere, the versions
// of git, how arguments are kept from becoming options, and how to tell from its
// words what went wrong.
//
// What holds for every run:
//
//   - Neither the system's nor the user's configuration is read, and nothing is
//     written to either: all configuration travels in the environment of the one
//     process (GIT_CONFIG_COUNT).
//   - Of the caller's environment only what is about the outside world passes:
//     proxies, certificates, agents, PATH, HOME, TMPDIR. What would point git at
//     another repository (GIT_DIR and its kin), make it talk about secrets
//     (GIT_TRACE and its kin) or is an option of ours (GITSYNC_*) does not.
//   - git speaks English (LC_ALL=C), asks nothing, runs no hook, forks no
//     housekeeping, and uses no transport that runs a program of the URL's choice.
//   - It ends when the context does, with all its helpers (see package proc).
//   - Secrets are in its environment only, never among its arguments; what it says
//     is scrubbed of the passwords in URLs.
//
// A failed run is an [*Error] whose [Kind] says what to make of it; only this
// package reads git's messages. There is no state: a [Git] is an immutable value.
package git

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/proc"
)

// KV is one configuration variable, as in "git -c key=value".
type KV struct{ Key, Value string }

// Overlay is what is added to runs that talk to a remote: variables, which may
// hold secrets and are never logged, and configuration.
type Overlay struct {
	Env    []string
	Config []KV
	// Authorization is the value of an HTTP header for the repository itself. [Git.With] leaves it
	// out: only requests that follow no redirect may have it.
	Authorization string
}

// Equal reports whether o and p add the same.
func (o Overlay) Equal(p Overlay) bool {
	return slices.Equal(o.Env, p.Env) && slices.Equal(o.Config, p.Config) && o.Authorization == p.Authorization
}

// Options are the parameters of [New].
type Options struct {
	// Path is the program, a name or a path; empty: "git".
	Path string
	// Env is the user's environment as "name=value"; New filters it.
	Env []string
	// Config is configuration by the user; it goes after, and so overrides, ours.
	Config []KV
	// Umask is the file mode creation mask of git and its helpers; 0: ours.
	Umask fs.FileMode
	// Log gets each command at V(5) and its output at V(6).
	Log logr.Logger
	// Observe, when set, is told of each run that has ended: the subcommand, and how long it took.
	Observe func(op string, wall time.Duration)
}

// Git is a git that can be run and is new enough. It is immutable and safe for concurrent
// use.
type Git struct {
	path    string
	env     []string
	config  []KV
	umask   fs.FileMode
	version string
	connect time.Duration // how long an HTTP connection may take to be made
	log     logr.Logger
	observe func(op string, wall time.Duration)
	global  *os.File // what GIT_CONFIG_GLOBAL names, if that is a file of ours
}

// Result is what a run left.
type Result struct {
	// Stdout is git's standard output, all of it.
	Stdout string
	// Wall is how long it ran, and CPU the user and system time that it and its
	// helpers took.
	Wall, CPU time.Duration
}

// New asks git for its version, which is the only process it starts, and returns an
// error when git cannot be run or is older than 2.34. Even then the Git is not nil: a
// caller can go on to find out what else is wrong, but must not run it.
func New(ctx context.Context, o Options) (*Git, error) {
	g := &Git{
		path:    o.Path,
		env:     environment(o.Env),
		config:  slices.Concat(defaults(), o.Config),
		umask:   o.Umask,
		connect: connectTimeout,
		log:     o.Log,
		observe: o.Observe,
	}
	if g.observe == nil {
		g.observe = func(string, time.Duration) {}
	}
	if g.path == "" {
		g.path = "git"
	}
	g.trust(o.Config)
	var err error
	g.version, err = g.askVersion(ctx)
	return g, err
}

// Version is git's version.
func (g *Git) Version() string { return g.version }

// askVersion asks git for its version, and checks it.
func (g *Git) askVersion(ctx context.Context) (string, error) {
	res, err := g.Run(ctx, Cmd("version"))
	version, isNew := parseVersion(res.Stdout)
	switch {
	case err == nil && version == "":
		err = fmt.Errorf("not an answer of git's: %.80q", res.Stdout)
	case err == nil && !isNew:
		return version, &Error{
			Op: "version", Kind: KindUnsupported,
			Err: fmt.Errorf("found git %s at %q, need %d.%d or newer", version, g.path, needMajor, needMinor),
		}
	}
	if err != nil {
		return "", fmt.Errorf("asking %q for its version: %w", g.path, err)
	}
	return version, nil
}

// With returns a copy of g whose runs have o as well.
func (g *Git) With(o Overlay) *Git {
	c := *g
	c.env = slices.Concat(g.env, o.Env)
	c.config = slices.Concat(g.config, o.Config)
	c.trust(o.Config)
	return &c
}

// WithLog returns a copy of g that logs to log.
func (g *Git) WithLog(log logr.Logger) *Git {
	c := *g
	c.log = log
	return &c
}

// WithUmask returns a copy of g whose runs have that umask.
func (g *Git) WithUmask(umask fs.FileMode) *Git {
	c := *g
	c.umask = umask
	return &c
}

// Environ is the environment of what g runs, as "name=value" and without configuration:
// for a program that is to find what it would find if git had run it.
func (g *Git) Environ() []string { return lastOfEach(g.env) }

// Installed reports whether a program that git may run, such as git-lfs, is
// there for it.
func (g *Git) Installed(program string) bool { return proc.Installed(program, g.env) }

// Run runs c and waits for it, at most a second longer than ctx lasts. The error
// is an [*Error]. Standard output that exceeds the command's MaxOutput is an error
// as well.
func (g *Git) Run(ctx context.Context, c *Command) (Result, error) {
	pc, err := g.prepare(c)
	if err != nil {
		return Result{}, err
	}
	var trace *os.File
	if traced(c.op()) {
		trace = memoryFile("git-trace")
	}
	if trace != nil {
		defer func() { _ = trace.Close() }()
		var stop func()
		ctx, stop = watchConnecting(ctx, trace, g.connect)
		defer stop()
		pc.ExtraFiles = []*os.File{trace}
		pc.Env = append(pc.Env, traceEnv()...)
	}
	g.log.V(5).Info("running git", "args", scrubAll(pc.Args), "dir", pc.Dir)
	res, err := proc.Run(ctx, pc)
	out := g.ended(c, res)
	if err == nil {
		return out, nil
	}
	e := failure(c, err)
	if trace != nil {
		e.obeyServer(trace, time.Now())
	}
	return out, e
}

// ended takes note of a run that is over.
func (g *Git) ended(c *Command, res proc.Result) Result {
	g.observe(c.op(), res.Wall)
	out := Result{Stdout: string(res.Stdout), Wall: res.Wall, CPU: res.User + res.System}
	if log := g.log.V(6); log.Enabled() {
		log.Info("git ended", "op", c.op(), "wall", res.Wall.String(), "cpu", out.CPU.String(),
			"stdout", scrub(excerpt(out.Stdout)), "stderr", scrub(excerpt(string(res.Stderr))))
	}
	return out
}

// grace is what git gets between SIGTERM and SIGKILL: it takes its lock and temporary files away.
const grace = 300 * time.Millisecond

// prepare turns c into a process.
func (g *Git) prepare(c *Command) (proc.Cmd, error) {
	if c.err != nil {
		return proc.Cmd{}, &Error{Op: c.op(), Kind: KindUnknown, Err: c.err}
	}
	pc := proc.Cmd{
		Path:      cmp.Or(c.program, g.path),
		Args:      c.args,
		Dir:       c.directory(),
		Env:       slices.Concat(g.env, c.env, countedConfig(slices.Concat(g.config, c.config))),
		Stdin:     c.stdin,
		MaxOutput: c.maxOutput,
		Umask:     g.umask,
		Grace:     grace,
	}
	if c.gitDir != "" {
		pc.Env = append(pc.Env, "GIT_DIR="+c.gitDir)
	}
	if c.workTree != "" {
		pc.Env = append(pc.Env, "GIT_WORK_TREE="+c.workTree)
	}
	if c.progress != nil {
		pc.StderrTo = &progressWriter{report: c.progress}
	}
	pc.Env = lastOfEach(pc.Env)
	return pc, nil
}

// countedConfig encodes configuration as variables, which "git -c" would show in
// the process list.
func countedConfig(config []KV) []string {
	env := make([]string, 0, 2*len(config)+1)
	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		env = append(env,
			fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv.Key),
			fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv.Value))
	}
	return env
}

// lastOfEach drops all but the last setting of each variable: with two, which one
// counts depends on the program.
func lastOfEach(env []string) []string {
	last := make(map[string]int, len(env))
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		last[name] = i
	}
	kept := make([]string, 0, len(last))
	for _, i := range slices.Sorted(maps.Values(last)) {
		kept = append(kept, env[i])
	}
	return kept
}

// excerpt bounds what is logged of an output.
func excerpt(s string) string {
	const most = 8 << 10
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
}
