package git_test

import (
	"context"
	"os"
	"testing"
	"time"

	"git-sync/pkg/git"
)

func newGit(t *testing.T) *git.Git {
	t.Helper()
	g, err := git.New(t.Context(), git.Options{Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSmoke(t *testing.T) {
	g := newGit(t)
	dir := t.TempDir()
	if _, err := g.Run(t.Context(), git.Cmd("init", "-q").Operand(dir)); err != nil {
		t.Fatal(err)
	}
	res, err := g.Run(t.Context(), git.Cmd("config", "--show-origin", "--list").GitDir(dir+"/.git"))
	t.Log(res.Stdout, res.CPU, res.Wall, err, g.Version())
	_, err = g.Run(t.Context(), git.Cmd("ls-remote", "--symref").Operand("http://u:p@127.0.0.1:1/x"))
	t.Log(err, git.KindOf(err))
	_, err = g.Run(t.Context(), git.Cmd("ls-remote", "--symref").Operand("file://"+dir))
	t.Log(err, git.KindOf(err))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = g.Run(ctx, git.Cmd("cat-file", "--batch").GitDir(dir+"/.git"))
	t.Log(err)
	p, err := g.Start(t.Context(), git.Cmd("cat-file", "--batch").GitDir(dir+"/.git"))
	if err != nil {
		t.Fatal(err)
	}
	p.Stdin.Write([]byte("HEAD\n"))
	b := make([]byte, 100)
	n, err := p.Stdout.Read(b)
	t.Log(string(b[:n]), err, p.Close())
}
