//go:build amd64 || arm64

package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"git-sync/test/harness"
)

// stage is a scenario ready to be tried over and over.
type stage struct {
	scenario
	w        *world
	template *sandbox
	was      listing // what is published before, nil for nothing
	dir      string
	n        atomic.Int64
}

func prepare(t *testing.T, s scenario) *stage {
	t.Helper()
	st := &stage{scenario: s, w: s.world(t), dir: scratch(t)}
	if st.link == "" {
		st.link = "root/link"
	}
	b := &sandbox{t: t, dir: filepath.Join(st.dir, "template"), link: st.link, former: st.former}
	b.args = append([]string{"--repo=" + st.w.up.FileURL()}, s.args...)
	if s.config != nil {
		b.args = append(b.args, s.config(t, st.dir)...)
	}
	must(t, os.Mkdir(b.dir, 0o755))
	b.putOthers()
	st.w.up.Tag("v1", st.w.v[1])
	st.w.at(0)
	s.before(b, st.w)
	st.was, st.template = b.published(), b
	if st.former != "" {
		st.was = b.behind(st.former)
	}
	return st
}

// scratch is a directory in memory where there is one: killing processes loses nothing that they have written, so the disk is
// not what is tested, and its flushes take long.
func scratch(t *testing.T) string {
	t.Helper()
	if dir := inMemory(); dir != "" {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

func inMemory() string {
	dir, _ := os.MkdirTemp("/dev/shm", "git-sync-crash-") // not there: no directory
	return dir
}

// target is the revision that the sync is to publish.
func (st *stage) target() int {
	if st.stays {
		return 0
	}
	return 1
}

// fresh is a sandbox in the state before, with what is to be published pushed.
func (st *stage) fresh(t *testing.T) *sandbox {
	t.Helper()
	dir := filepath.Join(st.dir, fmt.Sprint(st.n.Add(1)))
	if st.copied {
		b := *st.template
		b.t, b.dir = t, dir
		must(t, os.Mkdir(dir, 0o755))
		b.putOthers()
		st.w.at(0)
		st.before(&b, st.w)
		st.w.at(st.target())
		return &b
	}
	b := st.template.clone(dir)
	b.t = t
	st.w.at(st.target())
	return b
}

// traced runs git-sync in b under the tracer.
func (st *stage) traced(b *sandbox, c Config, more ...string) Outcome {
	b.t.Helper()
	self, err := os.Executable()
	must(b.t, err)
	log, err := os.CreateTemp(st.dir, "log-")
	must(b.t, err)
	defer os.Remove(log.Name())
	defer log.Close()
	c.Self, c.Argv, c.Env, c.Log, c.Below, c.Limit = self, b.argv(more...), environment(b.dir), log, b.dir, harness.Patience
	out, err := Run(c)
	if errors.Is(err, ErrUnsupported) {
		if os.Getenv("CI") == "true" {
			b.t.Fatal(err)
		}
		b.t.Skip(err)
	}
	must(b.t, err)
	if out.TimedOut {
		b.t.Fatalf("does not end\n%s", out.Said)
	}
	return out
}

// survived checks what a crash has left: the old or the new, whole; and that the next run brings the newest, without help.
func (st *stage) survived(b *sandbox, at int) {
	b.t.Helper()
	st.whole(b)
	newest := st.target() + at%2 // every other time something was pushed meanwhile
	st.w.at(newest)
	b.sync()
	if d := st.w.want[newest].differs(b.published()); d != "" {
		b.t.Errorf("after the next run: %s", d)
	}
	b.sync()
	if d := st.w.want[newest].differs(b.published()); d != "" {
		b.t.Errorf("after one more run: %s", d)
	}
	b.checkOthers()
	b.checkClean()
	if st.check != nil {
		st.check(b)
	}
}

// whole checks that what was published before still is, or else the new.
func (st *stage) whole(b *sandbox) {
	b.t.Helper()
	b.checkOthers()
	now := b.published()
	if now == nil && st.former != "" {
		now = b.behind(st.former)
	}
	if now == nil && st.was == nil {
		return
	}
	if st.mixed {
		if d := st.mix(now); d != "" {
			b.t.Errorf("neither of the old tree nor of the new one: %s", d)
		}
		return
	}
	if d := st.w.want[st.target()].differs(now); d != "" && (st.was == nil || st.was.differs(now) != "") {
		b.t.Errorf("neither the old tree nor the new one is published: %s", d)
	}
	if st.former != "" && b.behind(st.former) == nil && b.has(st.former) {
		b.t.Errorf("the former link leads nowhere")
	}
}

// mix says which file is neither of the old tree nor of the new one, or missing though both have it.
func (st *stage) mix(now listing) string {
	want := st.w.want[st.target()]
	for name, what := range now {
		if name == "." || strings.HasPrefix(name, ".git-sync.") || st.stays && name == "dir/b" {
			continue
		}
		if what != want[name] && what != st.was[name] {
			return fmt.Sprintf("%s: %.60q", name, what)
		}
	}
	for name, what := range st.was {
		if _, ok := now[name]; !ok && strings.HasPrefix(what, "file") && strings.HasPrefix(want[name], "file") {
			return name + " is missing"
		}
	}
	return ""
}
