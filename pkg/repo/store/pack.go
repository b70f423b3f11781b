package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// pack copies what is reachable from the tips, or from what consumers have staged or have in a reflog, into new
// packs. It leaves out what was copied before.
func (c *collection) pack(ctx context.Context) error {
	if c.st.Meta.Filter != "" {
		return c.packPartial(ctx)
	}
	_, err := c.write(ctx, git.Cmd("pack-objects", "--revs", "--reflog", "--indexed-objects"), revisions(c.tips, c.copied))
	return err
}

// packPartial does the same as pack for a partial clone. It keeps what passes the filter, what is checked out, and
// what consumers have made, because the remote does not have that. It drops the objects of earlier checkouts, even if
// they are reachable through the history.
func (c *collection) packPartial(ctx context.Context) error {
	tips := revisions(c.tips, nil)
	own, err := c.objects(ctx, git.Cmd("rev-list", "--exclude-promisor-objects", "--reflog", "--indexed-objects"), tips)
	if err == nil && own != "" {
		_, err = c.write(ctx, git.Cmd("pack-objects"), own)
	}
	if err != nil {
		return err
	}
	var trees strings.Builder
	for tip, checkedOut := range c.tips {
		if checkedOut {
			trees.WriteString(tip + "^{tree}\n")
		}
	}
	checkedOut, err := c.objects(ctx, git.Cmd("rev-list", "--missing=allow-promisor"), trees.String())
	if err != nil {
		return err
	}
	cmd := git.Cmd("pack-objects")
	passed, err := c.objects(ctx, git.Cmd("rev-list", "--missing=allow-promisor").Opt("--filter=", c.st.Meta.Filter), tips)
	input := passed + checkedOut
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		// The list is too long, or the filter needs an object that is missing.
		c.st.opts.Log.V(1).Info("keeping all reachable objects", "error", err.Error())
		cmd.Arg("--revs", "--missing=allow-promisor")
		input = tips
	}
	packs, err := c.write(ctx, cmd, input)
	for _, name := range packs {
		// This marks objects that the pack refers to but does not contain as available from the remote.
		err = errors.Join(err, c.st.Write(strings.TrimSuffix(name, ".pack")+".promisor", nil))
	}
	return err
}

// objects runs cmd to list objects.
func (c *collection) objects(ctx context.Context, cmd *git.Command, input string) (string, error) {
	cmd.Arg("--objects", "--no-object-names", "--stdin").MaxOutput(maxList).Stdin(strings.NewReader(input))
	res, err := c.st.opts.Git.Run(ctx, c.reading(cmd))
	if err != nil {
		return "", fmt.Errorf("listing what is kept: %w", err)
	}
	return res.Stdout, nil
}

// write runs a git pack-objects, and returns the packs that it has written. It leaves out what is in our new packs
// already.
func (c *collection) write(ctx context.Context, cmd *git.Command, input string) ([]string, error) {
	// One thread and a limited window: this runs beside syncs, maybe in a small container.
	c.reading(cmd).Arg("-q", "--non-empty", "--delta-base-offset", "--keep-true-parents").
		Config(git.KV{Key: "pack.threads", Value: "1"}, git.KV{Key: "pack.windowMemory", Value: "32m"})
	if c.st.opts.GC == GCAggressive {
		cmd.Arg("--no-reuse-delta", "--depth=50", "--window=250")
	}
	before, err := disk.Glob(c.dir, "pack/*.pack")
	if err != nil {
		return nil, err
	}
	for _, name := range before {
		cmd.Opt("--keep-pack=", filepath.Base(name))
	}
	if _, err := c.st.opts.Git.Run(ctx, cmd.Stdin(strings.NewReader(input)).Operand(filepath.Join(c.dir, "pack", "pack"))); err != nil {
		return nil, err
	}
	after, err := disk.Glob(c.dir, "pack/*.pack")
	return slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) }), err
}

// reading makes a command read the store with the recorded shallow commits, and write objects only into the
// collection's directory.
func (c *collection) reading(cmd *git.Command) *git.Command {
	shallow := ""
	if c.shallow != "" {
		shallow = filepath.Join(c.dir, "shallow")
	}
	return cmd.GitDir(c.st.Dir()).Env(
		"GIT_OBJECT_DIRECTORY="+c.dir,
		"GIT_ALTERNATE_OBJECT_DIRECTORIES="+git.QuoteConfig(c.st.Path("objects")),
		"GIT_SHALLOW_FILE="+shallow,
	)
}

// revisions formats tips for the standard input of git, and excludes everything that is reachable from without.
func revisions(tips, without map[string]bool) string {
	var b strings.Builder
	for tip := range tips {
		b.WriteString(tip + "\n")
	}
	for tip := range without {
		b.WriteString("^" + tip + "\n")
	}
	return b.String()
}
