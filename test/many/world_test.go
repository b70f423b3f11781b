// Package many runs one git-sync with many repositories: some of them fail in every way, the file of --config changes, and the
// process is killed.
package many

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// files is how many files a tree has. All of one commit hold the same text.
const files = 8

// upstream is a repository, and how git-sync reaches it.
type upstream struct {
	*gitserver.Repo
	url   string
	extra []string // keys of the file
	texts []string // what its commits hold, oldest first
}

func (u *upstream) push(text string) {
	content := map[string]string{}
	for i := range files {
		content[fmt.Sprintf("file%d", i)] = text
	}
	u.Commit(content)
	u.texts = append(u.texts, text)
}

// world is one process, its file, and the servers.
type world struct {
	*harness.Program
	t    testing.TB
	dir  string
	args []string
	url  string // of its own HTTP server
	ssh  *sshserver.Server
	key  string
	all  map[string]*upstream
}

func newWorld(t testing.TB, args ...string) *world {
	t.Helper()
	address := harness.FreeAddress(t)
	w := &world{t: t, dir: t.TempDir(), url: "http://" + address, all: map[string]*upstream{}}
	w.ssh = sshserver.New(t)
	w.key = w.ssh.NewKey("alice")
	w.args = append([]string{
		"--config=" + w.path("sync.yaml"), "--root=" + w.path("roots"), "--link=current", "--period=500ms", "--log-format=json", "-v=2",
		"--http-bind=" + address, "--http-pprof", "--stale-worktree-timeout=0s", "--backoff-max=2s",
	}, args...)
	return w
}

// repositories is a world with n repositories, as its file has them, and what is chosen at random: the same in each run.
func repositories(t testing.TB, n int) (w *world, names []string, r *rand.Rand) {
	t.Helper()
	w = newWorld(t)
	for i := range n {
		name := fmt.Sprintf("r%d", i)
		w.add(name)
		names = append(names, name)
	}
	w.writes(names)
	return w, names, rand.New(rand.NewPCG(1, 0))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) root(name string) harness.Root {
	dir := filepath.Join(w.path("roots"), name)
	return harness.Root{Dir: dir, Link: filepath.Join(dir, "current")}
}

// add makes a repository that is reached by http, ssh or file in turn.
func (w *world) add(name string, extra ...string) *upstream {
	w.t.Helper()
	u := &upstream{Repo: gitserver.NewRepo(w.t), extra: extra}
	switch len(w.all) % 3 {
	case 0:
		u.url = gitserver.HTTP(w.t, u.Repo).RepoURL(u.Repo)
	case 1:
		must(w.t, os.Symlink(u.Dir, filepath.Join(w.ssh.Dir, name)))
		u.url = w.ssh.URL(name)
		u.extra = append(u.extra, "ssh-key-file: "+w.key, "ssh-known-hosts-file: "+w.ssh.KnownHosts)
	default:
		u.url = u.FileURL()
	}
	u.push(name + " 0")
	w.all[name] = u
	return u
}

// writes replaces the file of --config.
func (w *world) writes(names []string, more ...string) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("syncs:\n")
	for _, name := range names {
		u := w.all[name]
		fmt.Fprintf(&b, "- name: %s\n  repo: %s\n", name, u.url)
		for _, line := range slices.Concat(u.extra, more) {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	must(w.t, os.WriteFile(w.path("new.yaml"), []byte(b.String()), 0o644))
	must(w.t, os.Rename(w.path("new.yaml"), w.path("sync.yaml")))
}

func (w *world) start() {
	w.t.Helper()
	w.Program = harness.Start(w.t, harness.Command{Args: w.args, Home: w.path("")})
}

// shows waits until the newest commit of each of them is published.
func (w *world) shows(names []string) {
	w.t.Helper()
	for _, name := range names {
		texts, root := w.all[name].texts, w.root(name)
		w.Until("publication of the newest commit of "+name, func() bool { return root.Content("file0") == texts[len(texts)-1] })
	}
}

// whole checks that what is published is one commit, whole.
func (w *world) whole(name string) {
	w.t.Helper()
	dir, err := filepath.EvalSymlinks(w.root(name).Link)
	must(w.t, err)
	first, err := os.ReadFile(filepath.Join(dir, "file0"))
	must(w.t, err)
	if !slices.Contains(w.all[name].texts, string(first)) {
		w.t.Errorf("%s has published %q", name, first)
	}
	for i := range files {
		if b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("file%d", i))); err != nil || string(b) != string(first) {
			w.t.Errorf("%s has published a mix: %q and %q, %v", name, first, b, err)
		}
	}
}

// metrics are the values of a metric, by the name of the sync.
func (w *world) metrics(name string) map[string]float64 {
	values := map[string]float64{}
	_, body := harness.Get(w.url + "/metrics")
	for line := range strings.Lines(body) {
		rest, ok := strings.CutPrefix(line, name)
		_, label, labelled := strings.Cut(rest, `sync="`)
		sync, _, _ := strings.Cut(label, `"`)
		var value float64
		if fields := strings.Fields(line); ok && labelled && len(fields) == 2 {
			_, err := fmt.Sscan(fields[1], &value)
			must(w.t, err)
			values[sync] = value
		}
	}
	return values
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sized is the size of a test: full as CI runs it, or a sample.
func sized(full, sample int) int {
	if harness.Full() {
		return full
	}
	return sample
}
