// Package git runs the system's git.
//
// It hides the environment that git needs to behave the same everywhere, the versions of git, how values are
// prevented from becoming options, and how failures are classified by git's messages.
//
// The following holds for every run:
//
//   - It does not read or write the configuration of the system or of the user. All configuration is in the
//     environment of the process (GIT_CONFIG_COUNT).
//   - Of the caller's environment, only variables about the outside world are passed on: proxies, certificates,
//     agents, PATH, HOME, TMPDIR. Others are removed: those that select another repository (GIT_DIR and the like),
//     those that make git log secrets (GIT_TRACE and the like), and git-sync's own options (GITSYNC_*).
//   - git uses English (LC_ALL=C), never prompts, runs no hooks and no background maintenance, and uses no transport
//     that runs a program from the URL.
//   - git and all its helpers end when the context does (see package proc).
//   - Secrets are only in its environment, never in its arguments. Passwords in URLs are removed from its output.
//
// A failed run is an [*Error], whose [Kind] classifies the failure. Only this package derives a Kind from git's
// messages; package auth also reads them, to explain rejected credentials. There is no state: a [Git] is an immutable
// value.
package git

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/proc"
)

// KV is one configuration variable, as in "git -c key=value".
type KV struct{ Key, Value string }

// Overlay is added to runs that talk to a remote: environment variables, which may contain secrets and are never
// logged, and configuration.
type Overlay struct {
	Env    []string
	Config []KV
	// Authorization is the value of an HTTP header for the repository itself. [Git.With] does not add it, because
	// only requests that do not follow redirects may contain it.
	Authorization string
}

// Equal reports whether o and p are the same.
func (o Overlay) Equal(p Overlay) bool {
	return slices.Equal(o.Env, p.Env) && slices.Equal(o.Config, p.Config) && o.Authorization == p.Authorization
}

// Options are the parameters of [New].
type Options struct {
	// Path is the program, as a name or a path; empty: "git".
	Path string
	// Env is the user's environment as "name=value"; New filters it.
	Env []string
	// Config is the user's configuration. It overrides ours.
	Config []KV
	// Umask is the file mode creation mask of git and its helpers; 0: that of this process.
	Umask fs.FileMode
	// Log logs each command at V(5) and its output at V(6).
	Log logr.Logger
	// Observe, if set, is called after each run, with the subcommand and the duration.
	Observe func(op string, wall time.Duration)
}

// Git is a git program that is new enough. It is immutable and safe for concurrent use.
type Git struct {
	path    string
	env     []string
	config  []KV
	umask   fs.FileMode
	version string
	connect time.Duration // timeout for making an HTTP connection
	log     logr.Logger
	observe func(op string, wall time.Duration)
	global  *os.File // the file of GIT_CONFIG_GLOBAL, if trust has made one
}

// Result is the result of a run.
type Result struct {
	// Stdout is the complete standard output of git.
	Stdout string
	// Wall is the duration, CPU the user and system time of git and its helpers.
	Wall, CPU time.Duration
	// FilterIgnored says that the remote does not support partial clones, and sent all objects.
	FilterIgnored bool
}

// New runs git once, to get its version. It returns an error if git cannot be run or is older than 2.34. Even then
// the Git is not nil, so that a caller can go on to look for other errors, but it must not be run.
func New(ctx context.Context, o Options) (*Git, error) {
	g := &Git{
		path:    cmp.Or(o.Path, "git"),
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
	g.trust(o.Config)
	var err error
	g.version, err = g.askVersion(ctx)
	return g, err
}

// Version returns git's version.
func (g *Git) Version() string { return g.version }

// askVersion gets git's version and checks it.
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

// With returns a copy of g whose runs also have o.
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

// Environ returns the environment of the programs that g runs, as "name=value", without configuration. It is for
// programs that need the same environment as git. If a name occurs twice, the last one counts.
func (g *Git) Environ() []string { return slices.Clone(g.env) }

// Installed reports whether a program that git may run, such as git-lfs, is installed.
func (g *Git) Installed(program string) bool {
	_, err := proc.LookPath(program, g.env)
	return err == nil
}

// Run runs c, and blocks until it has ended, at most a second longer than ctx lasts. The error is an [*Error]. It is
// also an error if the standard output exceeds the command's MaxOutput.
func (g *Git) Run(ctx context.Context, c *Command) (Result, error) {
	pc, err := g.prepare(c, silence(ctx, c.op()))
	if err != nil {
		return Result{}, err
	}
	var trace *os.File
	if traced(c.op()) {
		trace, _, _ = MemoryFile(nil) // on error, failures have less detail
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
		e.applyResponse(trace, time.Now())
	}
	return out, e
}

// ended records the end of a run.
func (g *Git) ended(c *Command, res proc.Result) Result {
	g.observe(c.op(), res.Wall)
	out := Result{Stdout: string(res.Stdout), Wall: res.Wall, CPU: res.User + res.System, FilterIgnored: filterIgnored.Match(res.Stderr)}
	if log := g.log.V(6); log.Enabled() {
		log.Info("git ended", "op", c.op(), "wall", res.Wall.String(), "cpu", out.CPU.String(),
			"stdout", scrub(excerpt(out.Stdout)), "stderr", scrub(excerpt(string(res.Stderr))))
	}
	return out
}

// grace is the time between SIGTERM and SIGKILL, in which git removes its lock and temporary files.
const grace = 300 * time.Millisecond

// MinSilence is the time after which a silent connection is considered lost. A poll never waits longer for an answer.
const MinSilence = 20 * time.Second

// silence returns how long an HTTP connection of a command may be silent. While a server makes a pack, it sends a few
// bytes every five seconds. Many servers and proxies buffer a few thousand of them. So a fetch allows half of its
// time.
func silence(ctx context.Context, op string) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok || op == "ls-remote" {
		return MinSilence
	}
	return max(MinSilence, time.Until(deadline)/2)
}

// prepare returns the process for c. silence limits how long its HTTP connection may be silent, unless the user's
// configuration sets that.
func (g *Git) prepare(c *Command, silence time.Duration) (proc.Cmd, error) {
	if c.err != nil {
		return proc.Cmd{}, &Error{Op: c.op(), Kind: KindUnknown, Err: c.err}
	}
	pc := proc.Cmd{
		Path:      cmp.Or(c.program, g.path),
		Args:      c.args,
		Dir:       cmp.Or(c.gitDir, "/"), // not the working directory of this process
		Env:       slices.Concat(g.env, c.env, countedConfig(slices.Concat([]KV{{"http.lowSpeedTime", strconv.Itoa(int(silence.Seconds()))}}, g.config, c.config))),
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
	return pc, nil
}

// countedConfig encodes configuration as environment variables, because "git -c" would show it in the process list.
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

// excerpt limits the length of logged output.
func excerpt(s string) string {
	const most = 8 << 10
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
}
