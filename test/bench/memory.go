package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"git-sync/test/gitserver"
)

// containerLimit is the memory of a container in which git-sync has to work, in bytes.
const containerLimit = 96 << 20

// bigFile is the size of a file that does not fit into it, in bytes.
const bigFile = 300 << 20

// gitDefaults are git's own values of what git-sync sets to save memory.
const gitDefaults = "core.bigFileThreshold:512m,core.deltaBaseCacheLimit:96m,pack.threads:0"

// limited compares a first sync within the limit with one without a limit.
func (b *bench) limited(u *upstream, r *row) {
	if group := b.memoryGroup(r); group != "" {
		r.Plain = "the same, without a limit"
		b.coldWith(u, r, []string{"sh", "-c", `echo $$ > "$0/cgroup.procs"; exec "$@"`, group}, nil)
	}
}

// limitedUpdate compares an update of one file within the limit with one without a limit.
func (b *bench) limitedUpdate(u *upstream, r *row) {
	if group := b.memoryGroup(r); group != "" {
		r.Plain = "the same, without a limit"
		ours, plain := b.updated(u.url), b.updated(u.url)
		b.check(os.WriteFile(filepath.Join(group, "cgroup.procs"), fmt.Append(nil, ours.pid()), 0o644))
		b.updates(u, r, 1, ours, plain, 0)
		b.end(ours, plain)
	}
}

// limitedBigFile is limited for one large file that cannot be compressed.
func (b *bench) limitedBigFile(u *upstream, r *row) {
	content := make([]byte, bigFile)
	_, _ = rand.Read(content)
	big := &upstream{Repo: gitserver.NewRepo(b), transport: u.transport, size: u.size}
	big.Commit(map[string]string{"big": string(content)})
	big.url = gitserver.HTTP(b, big.Repo).RepoURL(big.Repo)
	b.limited(big, r)
}

// memorySettings compares a first sync with one that has git's own settings of memory.
func (b *bench) memorySettings(u *upstream, r *row) {
	r.Plain = "the same, with git's defaults"
	b.coldWith(u, r, nil, []string{"env", "GITSYNC_GIT_CONFIG=" + gitDefaults})
}

// coldWith compares first syncs by git-sync that are started by two different commands.
func (b *bench) coldWith(u *upstream, r *row, ours, plain []string) {
	sync := func(prefix []string) func() sample {
		return func() sample {
			return b.afresh(func(dir string) sample {
				args := append(append([]string{}, prefix...), b.binary, "--repo="+u.url, "--ref=main", "--depth=1", "--root="+filepath.Join(dir, "root"), "--dest=link", "--one-time")
				return b.command(dir, args[0], args[1:]...)
			})
		}
	}
	for i := range b.times(u.size) {
		r.round(inTurns(i, sync(ours), sync(plain)))
	}
}

// memoryGroup makes a control group with the limit, of the version that this machine has. That takes root; otherwise it is empty,
// and a note says so.
func (b *bench) memoryGroup(r *row) (dir string) {
	var err error
	for root, limit := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		if dir, err = os.MkdirTemp(root, "git-sync-bench-*"); err != nil {
			continue
		}
		b.Cleanup(func() { _ = os.Remove(dir) })
		if err = os.WriteFile(filepath.Join(dir, limit), fmt.Append(nil, containerLimit), 0o644); err == nil {
			return dir
		}
	}
	b.table.note("%s: skipped, because no control group with a limit of memory can be made: %v", r.What, err)
	return ""
}
