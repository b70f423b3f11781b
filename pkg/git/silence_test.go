package git_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/git"
)

// TestSilence: a server that makes a pack for longer than 20 seconds, behind a proxy that keeps its signs of life back, is not lost.
func TestSilence(t *testing.T) {
	long, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	short, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seconds := func(ctx context.Context, g *git.Git) int {
		res, err := g.Run(ctx, git.Cmd("config", "--get", "http.lowSpeedTime"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(res.Stdout))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	g := newGit(t)
	if n := seconds(long, g); n < 1700 || n > 1800 {
		t.Errorf("%d seconds, want half of an hour", n)
	}
	if n := seconds(short, g); n != 20 {
		t.Errorf("%d seconds, want 20 of 30", n)
	}
	if n := seconds(long, g.With(git.Overlay{Config: []git.KV{{Key: "http.lowSpeedTime", Value: "7"}}})); n != 7 {
		t.Errorf("%d seconds, want the 7 of the user", n)
	}
	if d := git.Silence(long, "ls-remote"); d != 20*time.Second {
		t.Errorf("a poll waits for %v", d)
	}
}
