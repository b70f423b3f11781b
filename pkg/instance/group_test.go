package instance_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"git-sync/pkg/config"
	"git-sync/pkg/instance"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/syncer"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// content is what a published file of a root holds, "" if there is none.
func content(root string) string {
	b, err := os.ReadFile(filepath.Join(root, "link", "file"))
	if err != nil {
		return ""
	}
	return string(b)
}

// loop is what the options of a command line ask for, under a name, of a sync that loops.
func loop(t *testing.T, name string, args ...string) config.Sync {
	t.Helper()
	cfg, _, err := config.Parse(append(args, "--link=link", "--period=50ms", "--max-failures=-1", "--backoff-max=1s"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Syncs[0].Name = name
	return cfg.Syncs[0]
}

// group makes a group whose instances share a number of slots.
func (h *host) group(slots int, change func(*instance.Options)) *instance.Group {
	shared := make(chan struct{}, slots)
	return &instance.Group{
		Log: h.log,
		Open: func(s config.Sync) *instance.Instance {
			o := h.options(s)
			o.Slots = shared
			change(&o)
			return instance.New(o)
		},
	}
}

// running runs a group, and gives its configuration's changes. stop ends it and returns its error.
func running(t *testing.T, g *instance.Group) (changes chan<- []config.Sync, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	list, done := make(chan []config.Sync), make(chan error, 1)
	go func() { done <- g.Run(ctx, list) }()
	return list, func() error {
		cancel()
		err := <-done
		g.Close()
		return err
	}
}

// TestGroupChanges: a change of the configuration starts, stops and replaces exactly what it concerns.
func TestGroupChanges(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	top := t.TempDir()
	sync := func(name string, more ...string) config.Sync {
		return loop(t, name, append(more, "--repo="+r.FileURL(), "--root="+filepath.Join(top, name))...)
	}
	g := h.group(2, func(o *instance.Options) { o.OneTime = false })
	if problems := g.Add([]config.Sync{sync("a"), sync("b"), sync("c")}); len(problems) > 0 {
		t.Fatal(problems)
	}
	before := g.Instances()
	changes, stop := running(t, g)
	for _, name := range []string{"a", "b", "c"} {
		harness.Until(t, name, func() bool { return content(filepath.Join(top, name)) == "one" })
	}
	changes <- []config.Sync{sync("d"), sync("a"), sync("b", "--touch-file=touched")}
	r.Commit(map[string]string{"file": "two"})
	for _, name := range []string{"a", "b", "d"} {
		harness.Until(t, name, func() bool { return content(filepath.Join(top, name)) == "two" })
	}
	if got := content(filepath.Join(top, "c")); got != "one" {
		t.Errorf("the removed sync has %q", got)
	}
	after := g.Instances()
	var names []string
	for _, i := range after {
		names = append(names, i.Sync().Name)
	}
	if !slices.Equal(names, []string{"d", "a", "b"}) || after[1] != before[0] || after[2] == before[1] {
		t.Errorf("syncs %v; a is the same: %v; b is the same: %v", names, after[1] == before[0], after[2] == before[1])
	}
	for i := range 20 {
		changes <- []config.Sync{sync("a"), sync("b", "--touch-file=touched"+string(rune('a'+i)))}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGroupIsolates: a sync that cannot start and one whose remote is silent do not keep the others from being published.
func TestGroupIsolates(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	silent := gitserver.HTTP(t, r)
	silent.Fail(gitserver.Rule{Do: gitserver.Silence()})
	top, theirs := t.TempDir(), t.TempDir()
	if _, err := gitserver.Run(theirs, gitserver.Env(), "init", "-q"); err != nil {
		t.Fatal(err)
	}
	syncs := []config.Sync{
		loop(t, "refused", "--repo="+r.FileURL(), "--root="+theirs),
		loop(t, "silent", "--repo="+silent.RepoURL(r), "--root="+filepath.Join(top, "silent")),
		loop(t, "a", "--repo="+r.FileURL(), "--root="+filepath.Join(top, "a")),
		loop(t, "b", "--repo="+r.FileURL(), "--root="+filepath.Join(top, "b")),
	}
	g := h.group(2, func(o *instance.Options) { o.OneTime = false })
	if problems := g.Add(syncs); len(problems) != 1 {
		t.Fatal(problems)
	}
	_, stop := running(t, g)
	for _, text := range []string{"one", "two"} {
		r.Commit(map[string]string{"file": text})
		for _, name := range []string{"a", "b"} {
			harness.Until(t, text+" by "+name, func() bool { return content(filepath.Join(top, name)) == text })
		}
	}
	if rep := g.Instances()[0].Report(); rep.Failures != 1 || !strings.Contains(rep.LastError, theirs) {
		t.Errorf("the report of the one that cannot start: %+v", rep.Report)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGroupStartsOnce: a sync that cannot start is tried again and again, but said to start once.
func TestGroupStartsOnce(t *testing.T) {
	h := newHost(t)
	theirs := t.TempDir()
	if _, err := gitserver.Run(theirs, gitserver.Env(), "init", "-q"); err != nil {
		t.Fatal(err)
	}
	opened := 0
	synctest.Test(t, func(t *testing.T) {
		g := h.group(1, func(*instance.Options) { opened++ })
		g.Add([]config.Sync{loop(t, "refused", "--repo=file:///nonexistent", "--root="+theirs)})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		if err := g.Run(ctx, nil); err != nil {
			t.Error(err)
		}
		g.Close()
	})
	if n := strings.Count(strings.Join(h.out.lines(), "\n"), `"starting sync"`); n != 1 || opened != 4 {
		t.Errorf("opened %d times, said to start %d times", opened, n)
	}
}

// TestGroupOneTime: all are tried, and the error names those that failed.
func TestGroupOneTime(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	top := t.TempDir()
	var syncs []config.Sync
	for _, name := range []string{"a", "b", "c", "d"} {
		url := r.FileURL()
		if name == "b" || name == "d" {
			url = "file:///nonexistent"
		}
		syncs = append(syncs, syncOf(t, name, "--repo="+url, "--root="+filepath.Join(top, name)))
	}
	g := h.group(1, func(*instance.Options) {})
	g.OneTime = true
	if problems := g.Add(syncs); len(problems) > 0 {
		t.Fatal(problems)
	}
	err := g.Run(t.Context(), nil)
	g.Close()
	if err == nil || err.Error() != "2 of 4 syncs failed: b, d" {
		t.Errorf("ended with %v", err)
	}
	for _, name := range []string{"a", "c"} {
		if content(filepath.Join(top, name)) != "one" {
			t.Errorf("%s is not published", name)
		}
	}
}

// TestGroupBudget: a spent budget ends the process, and so all others.
func TestGroupBudget(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	bad := loop(t, "bad", "--repo=file:///nonexistent", "--root="+filepath.Join(t.TempDir(), "root"), "--init-max-failures=0")
	good := loop(t, "good", "--repo="+r.FileURL(), "--root="+filepath.Join(t.TempDir(), "root"))
	g := h.group(2, func(o *instance.Options) { o.OneTime = false })
	if problems := g.Add([]config.Sync{bad, good}); len(problems) > 0 {
		t.Fatal(problems)
	}
	err := g.Run(t.Context(), nil)
	g.Close()
	if err == nil || err.Error() != "1 of 2 syncs failed: bad" {
		t.Errorf("ended with %v", err)
	}
}

// TestGroupSharesPolls: syncs of one URL share polls, and what the poll of one finds is published by another.
func TestGroupSharesPolls(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	r.BranchAt("other", "main")
	server, top, polls := gitserver.HTTP(t, r), t.TempDir(), &remote.Pool{}
	g := h.group(2, func(o *instance.Options) { o.OneTime, o.Polls = false, polls })
	var syncs []config.Sync
	for _, ref := range []string{"main", "other"} {
		syncs = append(syncs, loop(t, ref, "--repo="+server.RepoURL(r), "--ref="+ref, "--root="+filepath.Join(top, ref)))
		syncs[len(syncs)-1].Loop.Period = time.Hour
	}
	if problems := g.Add(syncs); len(problems) > 0 {
		t.Fatal(problems)
	}
	_, stop := running(t, g)
	shows := func(ref, text string) {
		t.Helper()
		harness.Until(t, text+" by "+ref, func() bool { return content(filepath.Join(top, ref)) == text })
	}
	shows("main", "one")
	shows("other", "one")
	poll := func(i int) {
		t.Helper()
		server.Reset()
		g.Instances()[i].Trigger(syncer.SourceSignal)
		harness.Until(t, "a poll", func() bool {
			requests := server.Log()
			last := len(requests) - 1
			return last >= 0 && requests[last].Kind == gitserver.LsRefs && !requests[last].End.IsZero()
		})
	}
	poll(1)
	r.Commit(map[string]string{"file": "two"})
	g.Instances()[1].Trigger(syncer.SourceSignal)
	shows("main", "two")
	poll(0) // other does not use the answer, for it is asked for something newer
	r.BranchAt("other", "main")
	g.Instances()[1].Trigger(syncer.SourceSignal)
	shows("other", "two")
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGroupChangesDuringSync: a change cancels the sync under way. What is published stays until the new instance publishes.
func TestGroupChangesDuringSync(t *testing.T) {
	h := newHost(t)
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	server, root := gitserver.HTTP(t, r), filepath.Join(t.TempDir(), "root")
	sync := func(more ...string) config.Sync {
		return loop(t, "a", append(more, "--repo="+server.RepoURL(r), "--root="+root)...)
	}
	g := h.group(1, func(o *instance.Options) { o.OneTime = false })
	if problems := g.Add([]config.Sync{sync()}); len(problems) > 0 {
		t.Fatal(problems)
	}
	changes, stop := running(t, g)
	harness.Until(t, "one", func() bool { return content(root) == "one" })
	server.Reset()
	server.Fail(gitserver.Rule{On: gitserver.Fetch, Times: 1, Do: gitserver.Silence()})
	r.Commit(map[string]string{"file": "two"})
	server.Await(gitserver.Fetch, 1)
	changes <- []config.Sync{sync("--touch-file=touched")}
	harness.Until(t, "two", func() bool {
		now := content(root)
		if now != "one" && now != "two" {
			t.Fatalf("published is %q", now)
		}
		return now == "two"
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
	if said := strings.Join(h.out.lines(), "\n"); strings.Contains(said, "stopping takes long") || strings.Contains(said, `"sync failed"`) {
		t.Errorf("the sync was not cancelled:\n%s", said)
	}
}
