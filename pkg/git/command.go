package git

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// literal is a constant argument. The type is not exported, so other packages can only pass constants. Values from
// outside, such as a ref or a path, cannot become options: they must be passed to Opt or Operand.
type literal string

// Command is a git command that is being built. Its methods modify and return it.
type Command struct {
	program   string // empty: git
	url       string // of the remote
	args      []string
	gitDir    string
	workTree  string
	env       []string
	config    []KV
	stdin     io.Reader
	progress  func(Progress)
	maxOutput int
	err       error // the first error; Run returns it
}

// Cmd starts a command: Cmd("fetch", "--no-tags").
func Cmd(args ...literal) *Command {
	return (&Command{}).Arg(args...)
}

// Arg appends constant arguments.
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

// Operand appends values that are not options. If a value begins with a dash, or contains a NUL or a line break, Run
// returns an error without running anything.
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

// URL sets the URL of the remote, for use in errors. It adds no argument.
func (c *Command) URL(url string) *Command {
	c.url = url
	return c
}

// GitDir sets the repository, so that git does not search for one. git runs in that directory.
func (c *Command) GitDir(dir string) *Command {
	c.gitDir = dir
	return c
}

// WorkTree sets the root of the working tree.
func (c *Command) WorkTree(dir string) *Command {
	c.workTree = dir
	return c
}

// Env adds environment variables, each "name=value".
func (c *Command) Env(kv ...string) *Command {
	c.env = append(c.env, kv...)
	return c
}

// Config adds configuration for this run.
func (c *Command) Config(kv ...KV) *Command {
	c.config = append(c.config, kv...)
	return c
}

// Stdin sets the standard input; the default is empty.
func (c *Command) Stdin(r io.Reader) *Command {
	c.stdin = r
	return c
}

// Progress makes Run call f for each progress message of git, from another goroutine. Commands that support it also
// need the argument "--progress".
func (c *Command) Progress(f func(Progress)) *Command {
	c.progress = f
	return c
}

// MaxOutput sets the maximum size of the standard output in bytes. More is an error. The default is 1 MiB.
func (c *Command) MaxOutput(bytes int) *Command {
	c.maxOutput = bytes
	return c
}

// op returns the subcommand, for messages.
func (c *Command) op() string {
	if c.program != "" {
		return "ssh"
	}
	if len(c.args) == 0 {
		return "git"
	}
	return c.args[0]
}

// check rejects values that no argument of git may contain.
func (c *Command) check(value string) {
	if strings.ContainsAny(value, "\x00\n\r") {
		c.fail(fmt.Errorf("%q holds a line break or NUL", scrub(value)))
	}
}

func (c *Command) fail(err error) {
	c.err = errors.Join(c.err, err)
}
