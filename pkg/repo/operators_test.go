package repo

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"git-sync/pkg/git"
	"git-sync/test/harness"
)

// TestLastSuccessSurvivesRestarts: the time of the last success is in the root, and written at most once a minute.
func TestLastSuccessSurvivesRestarts(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	f := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
	hash := f.up.Commit(map[string]string{"a": "1"})
	succeed := func() {
		t.Helper()
		f.sync(hash)
		f.repo.Succeeded(t.Context())
	}
	succeed()
	first := now
	noted := func(want time.Time) {
		t.Helper()
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		if rev, _ := f.repo.Published(); !rev.LastSuccess.Equal(want) {
			t.Errorf("last success %v, want %v", rev.LastSuccess, want)
		}
	}
	now = now.Add(time.Minute - time.Second)
	succeed()
	noted(first)
	now = now.Add(time.Hour)
	f.sync(hash)
	f.repo.work.Lock() // as the background does, while it reads what is noted here
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f.repo.Succeeded(over)
	f.repo.work.Unlock()
	noted(first)
	succeed()
	noted(now)
	if err := os.WriteFile(f.repo.store.Own("last-success"), []byte("2026-"), 0o600); err != nil {
		t.Fatal(err)
	}
	noted(time.Time{}) // cut short by a crash
}

// TestCommitIsDescribed: if that is asked for, the subject and the author date of the published commit are known soon after it was published, also after a restart.
func TestCommitIsDescribed(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Describe = true })
	described := func(hash string) {
		t.Helper()
		f.sync(hash)
		subject, date, _ := strings.Cut(gitIn(t, f.up.Dir, "log", "-1", "--format=%s%n%at", hash), "\n")
		rev, _ := f.repo.Published()
		if rev.Commit.Hash != hash || rev.Commit.Subject != subject || subject == "" || strconv.FormatInt(rev.Commit.Authored.Unix(), 10) != date {
			t.Errorf("described as %+v, want %s, %s", rev.Commit, subject, date)
		}
	}
	for _, text := range []string{"1", "2"} {
		hash := f.up.Commit(map[string]string{"a": text})
		described(hash)
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		described(hash)
	}
	f.runs()
	if err := f.restart(func(o *Options) { o.Describe = false }); err != nil {
		t.Fatal(err)
	}
	f.sync(f.up.Commit(map[string]string{"a": "3"}))
	if runs := f.runs(); slices.Contains(runs, "log") {
		t.Errorf("described although nobody asked: %q", runs)
	}
}

// TestWaitingIsRepeated: while another process holds the root, the log says so each minute, and Stats all the time.
func TestWaitingIsRepeated(t *testing.T) {
	root := t.TempDir()
	var first rootLock
	if err := first.take(t.Context(), root, nil); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*lockRepeat-time.Second)
		defer cancel()
		said := 0
		var second rootLock
		if err := second.take(ctx, root, func() { said++ }); !errors.Is(err, errLocked) || said != 5 {
			t.Errorf("said %d times in five minutes: %v", said, err)
		}
	})
	if err := first.release(); err != nil {
		t.Error(err)
	}
}

// TestWaitingIsKnown: Stats say that another process holds the root, until it no longer does.
func TestWaitingIsKnown(t *testing.T) {
	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	f.sync(hash)
	second, err := Open(f.opts)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := second.Prepare(t.Context(), git.Overlay{})
		done <- err
	}()
	harness.Until(t, "waiting", func() bool { return second.Stats().Waiting != "" })
	f.stop()
	if err := <-done; err != nil || second.Stats().Waiting != "" {
		t.Errorf("%v; waiting: %q", err, second.Stats().Waiting)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
