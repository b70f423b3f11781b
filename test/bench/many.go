package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"git-sync/test/gitserver"
)

const (
	manyRepos = 100
	manyRefs  = 20
)

// many compares one process that syncs a hundred repositories with a hundred processes that sync one each, and counts the
// requests for many refs of one URL.
func (b *bench) many(u *upstream, r *row) {
	r.Plain = fmt.Sprintf("%d processes", manyRepos)
	served := b.TempDir()
	var urls []string
	for i := range manyRepos { // of one repository each, so that no poll is shared
		url := filepath.Join(served, fmt.Sprintf("r%d.git", i))
		b.check(os.Symlink(u.Dir, url))
		urls = append(urls, "file://"+url)
	}
	const period = "--period=20s"
	window := 60 * time.Second
	one := b.group(urls, "main", period)
	ours := b.polling([]*sidecar{one}, window)
	b.table.note("%d repositories in one process, idle: %d MiB resident", manyRepos, one.resident()>>20)
	one.stop()

	var singles []*sidecar
	for i, url := range urls {
		root := filepath.Join(b.TempDir(), "root")
		s := b.launch(root, fmt.Sprintf("single%d", i), "--repo="+url, "--ref=main", "--depth=1", "--root="+root, "--link=link", period, "--http-bind="+b.freeAddress())
		s.awaits(filepath.Join(root, "link"))
		singles = append(singles, s)
	}
	plain := b.polling(singles, window)
	var resident int64
	for _, s := range singles {
		resident += s.resident()
		s.stop()
	}
	b.table.note("%d processes with one repository each, idle: %d MiB resident in all", manyRepos, resident>>20)
	r.round(sample{cpu: ours}, sample{cpu: plain})
	b.requests(u)
}

// requests compares the requests of one sync with those of syncs of one URL that follow a ref each.
func (b *bench) requests(u *upstream) {
	server := gitserver.HTTP(b, u.Repo)
	count := func(n int) int {
		var urls []string
		for i := range n {
			u.BranchAt(fmt.Sprintf("branch%d", i), "main")
			urls = append(urls, server.RepoURL(u.Repo))
		}
		s := b.group(urls, "branch", "--period=5s")
		defer s.stop()
		b.pause(10 * time.Second) // each has polled
		server.Reset()
		b.pause(30 * time.Second)
		return server.Count(gitserver.LsRefs)
	}
	one, all := count(1), count(manyRefs)
	b.table.note("polls that reach the server: %d by one sync, %d by %d syncs of its URL: %.2f (budget 1.5)", one, all, manyRefs, float64(all)/float64(one))
}

// group starts one process for many URLs; a ref that is no branch of the upstream gets the number of the sync.
func (b *bench) group(urls []string, ref, period string) *sidecar {
	dir := b.TempDir()
	var file strings.Builder
	file.WriteString("syncs:\n")
	for i, url := range urls {
		name := ref
		if ref != "main" {
			name = fmt.Sprintf("%s%d", ref, i)
		}
		fmt.Fprintf(&file, "- {name: r%d, repo: %q, ref: %s}\n", i, url, name)
	}
	path := filepath.Join(dir, "sync.yaml")
	b.check(os.WriteFile(path, []byte(file.String()), 0o644))
	s := b.launch(dir, "group", "--config="+path, "--root="+dir, "--link=link", "--depth=1", period, "--http-bind="+b.freeAddress())
	for i := range urls {
		s.awaits(filepath.Join(dir, fmt.Sprintf("r%d", i), "link"))
	}
	return s
}

// launch starts a git-sync.
func (b *bench) launch(root, name string, args ...string) *sidecar {
	s := &sidecar{b: b, root: root, log: filepath.Join(b.TempDir(), name+".log")}
	log, err := os.Create(s.log)
	b.check(err)
	defer log.Close()
	s.addr = strings.TrimPrefix(args[len(args)-1], "--http-bind=")
	s.cmd = exec.CommandContext(b.ctx, b.binary, args...)
	s.cmd.Env, s.cmd.Stderr = gitserver.Env("HOME="+b.home), log
	b.check(s.cmd.Start())
	b.Cleanup(s.stop)
	return s
}

func (s *sidecar) awaits(link string) {
	s.b.until(link+" (see "+s.log+")", func() bool {
		_, err := os.Stat(link)
		return err == nil
	})
}

func (s *sidecar) resident() int64 { return memory(s.pid(), "VmRSS") }

// polling is what a poll costs on the average, of all that the sidecars make.
func (b *bench) polling(all []*sidecar, window time.Duration) time.Duration {
	total := func() (polls int, cpu time.Duration) {
		for _, s := range all {
			polls, cpu = polls+s.polls(s.addr), cpu+s.cpu().total()
		}
		return polls, cpu
	}
	b.pause(window / 3) // the first poll of each
	before, used := total()
	b.pause(window)
	after, now := total()
	if after == before {
		b.Fatalf("no polls (see %s)", all[0].log)
	}
	return (now - used) / time.Duration(after-before)
}
