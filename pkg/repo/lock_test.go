package repo

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// D5: two on one root.
func TestTwoOnOneRoot(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	second, err := Open(f.opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = second.Prepare(ctx, git.Overlay{})
	if !errors.Is(err, errLocked) || advice.Hint(err) == "" {
		t.Fatalf("the second one: %v", err)
	}
	hash = f.up.Commit(map[string]string{"a": "2"})
	f.sync(hash)
	f.stop()
	if tree, err := second.Prepare(t.Context(), git.Overlay{}); err != nil || tree.Hash != hash || tree.New {
		t.Errorf("after the first one's end: %+v, %v", tree, err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// TestRootReplaced is D5 where the root was removed and made again under a
// running process: what it has locked is not what another one locks.
func TestRootReplaced(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	replaceRoot := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(f.opts.Root), os.Mkdir(f.opts.Root, 0o777)); err != nil {
			t.Fatal(err)
		}
	}

	prepared, err := f.repo.Prepare(t.Context(), git.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	replaceRoot()
	if _, err := f.repo.Publish(t.Context(), prepared); !errors.Is(err, errReplaced) || disk.Exists(f.link()) {
		t.Errorf("published in a root that is another one by now: %v", err)
	}
	f.sync(hash) // alone, it begins anew
	f.clean()

	replaceRoot()
	first := f.repo
	f.repo = nil
	f.sync(hash) // another process
	second := f.repo
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = first.Prepare(ctx, git.Overlay{})
	if !errors.Is(err, errLocked) {
		t.Errorf("two at work on one root: %v", err)
	}
	f.sync(f.up.Commit(map[string]string{"a": "2"}))
	f.clean()
	if err := first.Close(); err != nil {
		t.Error(err)
	}

	f.repo = second
	replaceRoot()
	gitIn(t, "", "clone", "-q", f.up.FileURL(), f.opts.Root) // D4, under a running process
	var refused *RefusedError
	for range 2 {
		if _, err := f.try(); !errors.As(err, &refused) {
			t.Errorf("somebody's clone in the place of the root: %v", err)
		}
	}
	if got := strings.Join(f.rootEntries(), " "); got != ".git a" {
		t.Errorf("somebody's clone holds %s", got)
	}
}
