//go:build amd64 || arm64

package crash

import (
	"os"
	"path/filepath"
	"testing"

	"git-sync/test/gitserver"
)

// scenario is one sync that is to be survived.
type scenario struct {
	name   string
	world  func(*testing.T) *world
	link   string                                  // default: root/link
	former string                                  // the link that was published before, and is to go
	args   []string                                // of every run
	before func(*sandbox, *world)                  // makes the state that the sync begins with
	config func(t *testing.T, dir string) []string // more args, which need files
	check  func(*sandbox)                          // what else is to be true in the end
	stays  bool                                    // nothing is pushed: the revision published is put right
	copied bool                                    // what is published is known by its inodes, which a copy of the sandbox does not have
	mixed  bool                                    // files of the old and of the new tree may be seen together
}

// synced publishes the first revision.
func synced(b *sandbox, _ *world) { b.sync() }

// syncedWith is synced with other options.
func syncedWith(args ...string) func(*sandbox, *world) {
	return func(b *sandbox, _ *world) { b.sync(args...) }
}

func scenarios() []scenario {
	all := append(firsts(), updates()...)
	all = append(all, repairs()...)
	all = append(all, changes()...)
	all = append(all, outlets()...)
	return append(all, takeOvers()...)
}

func few(t *testing.T) *world { return plain(t, 0) }

func inRev(more ...string) []string { return append([]string{"--worktree-layout=rev"}, more...) }

// localModules lets submodules be file:// repositories, which git refuses by itself.
const localModules = "--git-config=protocol.file.allow:always"

func firsts() []scenario {
	nothing := func(*sandbox, *world) {}
	return []scenario{
		{name: "first", world: few, args: inRev(), before: nothing},
		{name: "first, worktrees, link elsewhere", world: few, link: "pub/link", before: nothing},
		{name: "first, submodules", world: modules, args: inRev(localModules), before: nothing},
	}
}

func updates() []scenario {
	many := func(t *testing.T) *world { return plain(t, 600) }
	modes := func(t *testing.T) *world { return permitted(t, 0o640, 0o750) }
	patterns := func(t *testing.T, dir string) []string {
		file := filepath.Join(dir, "patterns")
		must(t, os.WriteFile(file, []byte("/dir/\n/keep/\n"), 0o644))
		return []string{"--sparse-checkout-file=" + file}
	}
	return []scenario{
		{name: "update", world: few, before: synced, args: inRev()},
		{name: "update, worktrees, garbage collected", world: few, link: "pub/link", before: synced, args: []string{"--git-gc=always"}},
		{name: "update, submodules", world: modules, args: inRev(localModules), before: synced},
		{name: "update, worktrees, submodules replaced", world: replaced, args: []string{localModules}, before: synced},
		{name: "update, sparse", world: sparse, args: inRev(), before: synced, config: patterns},
		{name: "update, permissions", world: modes, args: inRev("--change-permissions=0640"), before: synced},
		// A copy of a root has other inodes and change times: git is told not to look at them.
		{name: "update, recycled", world: many, before: recyclable, args: []string{"--checkout=recycle", "--git-config=core.checkStat:minimal,core.trustctime:false"}},
	}
}

func repairs() []scenario {
	return []scenario{
		{name: "repair, tree gone", world: few, args: inRev(), stays: true, before: func(b *sandbox, w *world) {
			synced(b, w)
			must(b.t, os.RemoveAll(publishedDir(b)))
		}},
		{name: "repair, file damaged", world: few, args: inRev(), stays: true, before: func(b *sandbox, w *world) {
			synced(b, w)
			must(b.t, os.WriteFile(filepath.Join(publishedDir(b), "dir/b"), []byte("damaged"), 0o644))
		}},
		{name: "repair, store corrupt", world: few, args: inRev(), stays: true, before: corrupted},
		{name: "update, store corrupt", world: few, args: inRev(), before: corrupted},
		{name: "clean-up", world: few, args: inRev(), before: func(b *sandbox, w *world) {
			synced(b, w)
			b.sync("--ref=v1", "--stale-worktree-timeout=1h")
		}},
	}
}

// changes are syncs of a root that was made with other options.
func changes() []scenario {
	deep := func(t *testing.T) *world { return plain(t, 3) }
	modes := func(t *testing.T) *world { return permitted(t, 0o664, 0o775) }
	elsewhere := func(b *sandbox, _ *world) {
		other := gitserver.NewRepo(b.t)
		other.Commit(map[string]string{"other": "1\n", "dir/b": "other\n"})
		b.sync("--repo=" + other.FileURL())
	}
	return []scenario{
		{name: "layout changes", world: few, before: syncedWith("--worktree-layout=rev")},
		{name: "depth grows", world: deep, args: inRev("--depth=0"), before: syncedWith("--depth=1"), check: func(b *sandbox) {
			b.said("false", "rev-parse", "--is-shallow-repository")
		}},
		{name: "depth shrinks", world: deep, args: inRev(), before: syncedWith("--depth=0"), check: func(b *sandbox) {
			b.said("1", "rev-list", "--count", "HEAD")
		}},
		{name: "filter set", world: few, args: []string{"--filter=blob:none"}, before: syncedWith("--filter="), check: func(b *sandbox) {
			b.said("blob:none", "config", "remote.origin.partialclonefilter")
		}},
		{name: "filter dropped, nothing new", world: few, args: inRev(), stays: true, before: syncedWith("--filter=blob:none"), check: func(b *sandbox) {
			b.said("", "config", "--default=", "remote.origin.partialclonefilter")
		}},
		{name: "permissions set, nothing new", world: modes, args: []string{"--change-permissions=0664"}, stays: true, before: syncedWith("--change-permissions=0")},
		{name: "repo changes", world: few, args: inRev(), before: elsewhere},
		{name: "link moves, nothing new", world: few, link: "pub/link", former: "root/former", stays: true, before: syncedWith("--link=former")},
		{name: "dest becomes link", world: few, former: "root/former", before: syncedWith("--dest=former")},
	}
}

// outlets are syncs that publish a directory, or in place.
func outlets() []scenario {
	how := func(kind string) []string { return inRev("--publish=" + kind) }
	edited := func(b *sandbox, w *world) {
		synced(b, w)
		must(b.t, os.WriteFile(filepath.Join(b.dir, b.link, "dir/b"), []byte("damaged"), 0o644))
	}
	twice := func(b *sandbox, w *world) {
		b.sync("--ref=base")
		b.sync()
	}
	many := func(t *testing.T) *world { return plain(t, 20) }
	first := func(*sandbox, *world) {}
	was := func(kind string) func(*sandbox, *world) { return syncedWith("--publish=" + kind) }
	all := []scenario{
		{name: "directory, first", world: few, args: how("directory"), before: first},
		{name: "directory, update", world: few, args: how("directory"), before: synced},
		{name: "directory, update of a spare", world: many, args: how("directory"), before: twice},
		{name: "directory, repair", world: few, args: how("directory"), before: edited, stays: true},
		{name: "in place, first", world: few, args: how("in-place"), before: first, mixed: true},
		{name: "in place, update", world: few, args: how("in-place"), before: synced, mixed: true},
		{name: "in place, update, recycled", world: func(t *testing.T) *world { return plain(t, 600) }, args: how("in-place"), before: recyclable, mixed: true},
		{name: "in place, repair", world: few, link: "pub/link", args: how("in-place"), before: edited, stays: true, mixed: true},
		{name: "link becomes directory", world: few, args: how("directory"), before: was("link")},
		{name: "link becomes in place", world: few, args: how("in-place"), before: was("link"), mixed: true},
		{name: "directory becomes link", world: few, args: how("link"), before: was("directory")},
		{name: "directory becomes in place", world: few, args: how("in-place"), before: was("directory"), mixed: true},
		{name: "in place becomes link", world: few, args: how("link"), before: was("in-place")},
		{name: "in place becomes directory", world: few, args: how("directory"), before: was("in-place")},
		{name: "directory moves, nothing new", world: few, args: how("directory"), link: "pub/link", former: "root/former", stays: true, before: syncedWith("--link=former")},
	}
	for i := range all {
		all[i].copied = true
	}
	return all
}

// takeOvers are syncs of roots that the older git-syncs have made, each with and without something new upstream.
func takeOvers() []scenario {
	const rev, hash, worktrees = "rev-", "", ".worktrees/"
	var all []scenario
	for _, c := range []struct {
		name  string
		was   older
		link  string
		args  []string
		named string // the trees that are published now
	}{
		{name: "v3.0", was: older{trees: rev}, args: inRev(), named: rev},
		{name: "v3.2, all history, absolute paths, link elsewhere", was: older{trees: rev, full: true, absolute: true}, link: "pub/link", named: worktrees},
		{name: "v3.3", was: older{trees: hash}, named: hash},
		{name: "v3.6, all history, submodules", was: older{trees: hash, full: true, submodules: true}, args: []string{localModules}, named: hash},
		{name: "v3.6, absolute paths, link elsewhere", was: older{trees: hash, absolute: true}, link: "pub/link", args: inRev(), named: rev},
		{name: "v3.6, another link, interrupted", was: older{trees: hash, full: true, stale: true, former: "root/former"}, named: hash},
		{name: "v3.6, tree gone", was: older{trees: hash, dangling: true}, named: hash},
		{name: "v4", was: older{trees: worktrees}, named: worktrees},
		{name: "v4, all history, link elsewhere, of a group", was: older{trees: worktrees, full: true, shared: true}, link: "pub/link", named: worktrees},
	} {
		s := scenario{name: "take-over of " + c.name, world: few, link: c.link, former: c.was.former, args: c.args, before: c.was.publish, check: named(c.named)}
		if c.was.submodules {
			s.world = modules
		}
		all = append(all, s)
		s.name, s.stays = s.name+", nothing new", true
		all = append(all, s)
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func publishedDir(b *sandbox) string {
	b.t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(b.dir, b.link))
	must(b.t, err)
	return dir
}

// recyclable publishes twice, so that there is a spare tree.
func recyclable(b *sandbox, _ *world) {
	b.sync("--ref=base")
	b.sync()
	if len(names(filepath.Join(b.root(), ".git/git-sync/spare"))) != 1 {
		b.t.Fatal("there is no spare tree")
	}
}

// corrupted publishes the first revision, and cuts every object of the store short.
func corrupted(b *sandbox, w *world) {
	b.t.Helper()
	synced(b, w)
	n := 0
	for _, pattern := range []string{"objects/pack/*.pack", "objects/??/*"} {
		files, err := filepath.Glob(filepath.Join(b.root(), ".git", pattern))
		must(b.t, err)
		for _, f := range files {
			must(b.t, os.Chmod(f, 0o644))
			must(b.t, os.Truncate(f, 10))
			n++
		}
	}
	if n == 0 {
		b.t.Fatal("there are no objects to corrupt")
	}
}
