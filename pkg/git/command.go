package git

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// literal is an argument written in our source. As the type is not exported, other
// packages can pass constants only, so that what comes from outside (a ref, a
// path) cannot become an option; it goes through Opt and Operand.
type literal string

// Command is a git command under construction. Its methods change and return it.
type Command struct {
	program   string // empty: git
	url       string // of the remote that it asks
	args      []string
	dir       string
	gitDir    string
	workTree  string
	env       []string
	config    []KV
	stdin     io.Reader
	progress  func(Progress)
	maxOutput int
	err       error // the first mistake; Run returns it
}

// Cmd begins a command: Cmd("fetch", "--no-tags").
func Cmd(args ...literal) *Command {
	return (&Command{}).Arg(args...)
}

// Arg appends arguments of ours.
func (c *Command) Arg(args ...literal) *Command {
	for _, a := range args {
		c.args = append(c.args, string(a))
	}
	return c
}

// Opt appends an option with a value as one argument: Opt("--depth=", "1").
func (c *Command) Opt(name literal, value string) *Command {
	c.check(value)
	c.args = append(c.args, string(name)+value)
	return c
}

// Operand appends values that are not options. One that begins with a dash, or
// holds a NUL or a line break, makes Run fail without running anything.
func (c *Command) Operand(values ...string) *Command {
	for _, v := range values {
		if strings.HasPrefix(v, "-") {
			c.fail(fmt.Errorf("%q would be taken for an option", scrub(v)))
		}
		c.check(v)
		c.args = append(c.args, v)
	}
	return c
}

// URL says which remote the command asks, for errors about it. It adds no argument.
func (c *Command) URL(url string) *Command {
	c.url = url
	return c
}

// Dir sets the working directory. Without it git runs in its GitDir, or in / when
// there is none, and not where we happen to have been started.
func (c *Command) Dir(dir string) *Command {
	c.dir = dir
	return c
}

// GitDir sets the repository, which is then not searched for.
func (c *Command) GitDir(dir string) *Command {
	c.gitDir = dir
	return c
}

// WorkTree sets the root of the working tree.
func (c *Command) WorkTree(dir string) *Command {
	c.workTree = dir
	return c
}

// Env adds variables, each "name=value".
func (c *Command) Env(kv ...string) *Command {
	c.env = append(c.env, kv...)
	return c
}

// Config adds configuration for this run.
func (c *Command) Config(kv ...KV) *Command {
	c.config = append(c.config, kv...)
	return c
}

// Stdin sets what git reads; without it, nothing.
func (c *Command) Stdin(r io.Reader) *Command {
	c.stdin = r
	return c
}

// Progress has f called, from another goroutine, for each step that git reports.
// Add "--progress" to the arguments of commands that know it.
func (c *Command) Progress(f func(Progress)) *Command {
	c.progress = f
	return c
}

// MaxOutput sets how many bytes of standard output are expected at most; more is
// an error. The default is 1 MiB.
func (c *Command) MaxOutput(bytes int) *Command {
	c.maxOutput = bytes
	return c
}

// op is the subcommand, for messages.
func (c *Command) op() string {
	if c.program != "" {
		return "ssh"
	}
	if len(c.args) == 0 {
		return "git"
	}
	return c.args[0]
}

// directory is where git runs.
func (c *Command) directory() string {
	switch {
	case c.dir != "":
		return c.dir
	case c.gitDir != "":
		return c.gitDir
	default:
		return "/"
	}
}

// check refuses what no argument of git's may hold.
func (c *Command) check(value string) {
	if strings.ContainsAny(value, "\x00\n\r") {
		c.fail(fmt.Errorf("%q holds a line break or NUL", scrub(value)))
	}
}

func (c *Command) fail(err error) {
	c.err = errors.Join(c.err, err)
}
