package repo

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"git-sync/pkg/repo/internal/index"
	"git-sync/pkg/repo/worktree"
	"git-sync/test/gitserver"
)

// randomEntry is a file of a revision: a plain one, an executable, a symlink or a submodule.
type randomEntry struct {
	data string // content, target, or commit
	kind string // "", "exec", "link", "module"
}

// randomTree is a revision.
type randomTree struct {
	hash    string
	entries map[string]randomEntry
	done    []string // what was done to make it
}

// put sets a file, in place of whatever is in its way.
func (r *randomTree) put(name string, e randomEntry) {
	r.remove(name)
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		delete(r.entries, dir)
	}
	r.entries[name] = e
}

// remove deletes a file or directory.
func (r *randomTree) remove(name string) {
	maps.DeleteFunc(r.entries, func(at string, _ randomEntry) bool { return at == name || strings.HasPrefix(at, name+"/") })
}

// move renames a file or directory.
func (r *randomTree) move(from, to string) {
	moved := map[string]randomEntry{}
	for at, e := range r.entries {
		if rest := strings.TrimPrefix(at, from); at == from || rest != at && rest[0] == '/' {
			moved[to+rest] = e
		}
	}
	r.remove(from)
	for at, e := range moved {
		r.put(at, e)
	}
}

// change is the commit that leads from old to r.
func (r *randomTree) change(old randomTree) gitserver.Change {
	c := gitserver.Change{Files: map[string]string{}, Execs: map[string]string{}, Symlinks: map[string]string{}, Gitlinks: map[string]string{}}
	for at := range old.entries {
		if _, ok := r.entries[at]; !ok {
			c.Delete = append(c.Delete, at)
		}
	}
	slices.Sort(c.Delete)
	into := map[string]map[string]string{"": c.Files, "exec": c.Execs, "link": c.Symlinks, "module": c.Gitlinks}
	for at, e := range r.entries {
		if old.entries[at] != e {
			into[e.kind][at] = e.data
		}
	}
	return c
}

// push makes the next revision: a few changes, or an earlier one again.
func (h *randomHistory) push() {
	h.t.Helper()
	if n := len(h.past); n > 0 && h.rng.IntN(20) == 0 {
		h.model = h.past[max(0, n-1-h.rng.IntN(4))]
		h.up.BranchAt("main", h.model.hash)
		return
	}
	next := randomTree{entries: maps.Clone(h.model.entries)}
	next.put("n", randomEntry{data: fmt.Sprint(h.step, len(h.past))})
	for range 1 + h.rng.IntN(3) {
		next.done = append(next.done, h.edit(&next, randomEdits[h.rng.IntN(len(randomEdits))]))
	}
	if h.rng.IntN(25) == 0 {
		next.done = append(next.done, h.edit(&next, awkwardEdits[h.rng.IntN(len(awkwardEdits))]))
	} else if next.entries[worktree.ModulesFile].data != "" && h.rng.IntN(2) == 0 {
		next.done = append(next.done, h.edit(&next, randomEdit{"submodule removed", dropModules}))
	}
	for at, e := range next.entries {
		if e.kind == "module" && !strings.Contains(next.entries[worktree.ModulesFile].data, "path = "+at+"\n") {
			dropModules(h, &next) // a directory was renamed
		}
	}
	for len(next.entries) < 50 {
		next.put(fmt.Sprintf("d%d/more%d/%s", h.rng.IntN(3), h.rng.IntN(9), h.name()), randomEntry{data: h.text()})
	}
	old := h.model
	if old.hash == "" {
		old = randomTree{} // nothing was pushed yet
	}
	next.hash = h.up.Apply(next.change(old))
	if h.model.hash != "" {
		h.past = append(h.past, h.model)
	}
	h.model = next
}

func (h *randomHistory) edit(r *randomTree, e randomEdit) string {
	e.do(h, r)
	return e.name
}

// randomEdit is something that happens between two revisions.
type randomEdit struct {
	name string
	do   func(h *randomHistory, r *randomTree)
}

var randomEdits = []randomEdit{
	{"edited", func(h *randomHistory, r *randomTree) {
		at := h.file(r)
		r.put(at, randomEntry{h.text(), r.entries[at].kind})
	}},
	{"edited, of the same size", func(h *randomHistory, r *randomTree) {
		at := h.file(r)
		r.put(at, randomEntry{strings.ToLower(strings.Map(func(c rune) rune {
			if c >= 'a' && c < 'z' {
				return c + 1
			}
			return c
		}, r.entries[at].data)), r.entries[at].kind})
	}},
	{"added", func(h *randomHistory, r *randomTree) { r.put(h.path(), randomEntry{data: h.text()}) }},
	{"added", func(h *randomHistory, r *randomTree) { r.put(h.path()+"/"+h.name(), randomEntry{data: h.text()}) }},
	{"added an executable", func(h *randomHistory, r *randomTree) { r.put(h.path(), randomEntry{h.text(), "exec"}) }},
	{"added a symlink", func(h *randomHistory, r *randomTree) { r.put(h.path(), randomEntry{h.path(), "link"}) }},
	{"deleted", func(h *randomHistory, r *randomTree) { r.remove(h.file(r)) }},
	{"deleted a directory", func(h *randomHistory, r *randomTree) { r.remove(h.dir(r)) }},
	{"renamed", func(h *randomHistory, r *randomTree) { r.move(h.file(r), h.path()) }},
	{"renamed a directory", func(h *randomHistory, r *randomTree) {
		if from, to := h.dir(r), h.path(); !strings.HasPrefix(to+"/", from+"/") && !strings.HasPrefix(from+"/", to+"/") {
			r.move(from, to)
		}
	}},
	{"two files change places", func(h *randomHistory, r *randomTree) {
		a, b := h.file(r), h.file(r)
		r.entries[a], r.entries[b] = r.entries[b], r.entries[a]
	}},
	{"directory to file", func(h *randomHistory, r *randomTree) { r.put(h.dir(r), randomEntry{data: h.text()}) }},
	{"directory to symlink", func(h *randomHistory, r *randomTree) { r.put(h.dir(r), randomEntry{h.dir(r), "link"}) }},
	{"file to directory", func(h *randomHistory, r *randomTree) { at := h.file(r); r.move(at, at+"/"+h.name()) }},
	{"file to symlink", func(h *randomHistory, r *randomTree) { r.put(h.file(r), randomEntry{h.path(), "link"}) }},
	{"symlink to something else", func(h *randomHistory, r *randomTree) {
		if at := h.pick(r, "link"); h.rng.IntN(2) == 0 {
			r.put(at+"/"+h.name(), randomEntry{data: h.text()})
		} else {
			r.put(at, randomEntry{data: h.text()})
		}
	}},
	{"symlink retargeted", func(h *randomHistory, r *randomTree) { r.put(h.pick(r, "link"), randomEntry{h.path(), "link"}) }},
	{"executable", func(h *randomHistory, r *randomTree) {
		at := h.pick(r, "")
		r.put(at, randomEntry{r.entries[at].data, "exec"})
	}},
	{"not executable", func(h *randomHistory, r *randomTree) {
		at := h.pick(r, "exec")
		r.put(at, randomEntry{r.entries[at].data, ""})
	}},
}

// awkwardEdits keep trees from being recycled.
var awkwardEdits = []randomEdit{
	{"attributes", func(h *randomHistory, r *randomTree) { r.put(index.AttributesFile, randomEntry{data: h.attributes()}) }},
	{"attributes below", func(h *randomHistory, r *randomTree) {
		r.put(h.dir(r)+"/"+index.AttributesFile, randomEntry{data: h.attributes()})
	}},
	{"attributes gone", func(_ *randomHistory, r *randomTree) { r.remove(index.AttributesFile) }},
	{"submodule", addModule},
	{"submodule moved", func(h *randomHistory, r *randomTree) { addModule(h, r); addModule(h, r) }},
}

func addModule(h *randomHistory, r *randomTree) {
	dropModules(h, r)
	at := h.path()
	r.put(worktree.ModulesFile, randomEntry{data: fmt.Sprintf("[submodule \"m\"]\n\tpath = %s\n\turl = ../module.git\n", at)})
	r.put(at, randomEntry{h.module.Commit(map[string]string{"m": h.text()}), "module"})
}

func dropModules(_ *randomHistory, r *randomTree) {
	r.remove(worktree.ModulesFile)
	maps.DeleteFunc(r.entries, func(_ string, e randomEntry) bool { return e.kind == "module" })
}

func (h *randomHistory) attributes() string {
	return []string{
		"*.txt text eol=crlf\n", "*.txt text eol=lf\n", "*.txt -text\n", "*.up filter=up\n",
		"*.up filter=up\n*.txt text eol=crlf\n", "* ident\n", "* text=auto\n",
	}[h.rng.IntN(7)]
}

func (h *randomHistory) text() string {
	return strings.Repeat(fmt.Sprintf("some lines of text, %c\n", 'a'+h.rng.IntN(26)), h.rng.IntN(4)) // empty, too
}

func (h *randomHistory) name() string {
	return fmt.Sprintf("%c%s", 'a'+h.rng.IntN(5), []string{"", ".txt", ".up"}[h.rng.IntN(3)])
}

// path is a name that may or may not be there.
func (h *randomHistory) path() string {
	at := fmt.Sprintf("d%d", h.rng.IntN(4))
	for range 1 + h.rng.IntN(3) {
		at += "/" + h.name()
	}
	return at
}

// file is one that is there.
func (h *randomHistory) file(r *randomTree) string { return h.pick(r, "", "exec") }

// pick picks a file of the kinds, or a path that is none where there is no such file.
func (h *randomHistory) pick(r *randomTree, kinds ...string) string {
	var all []string
	for at, e := range r.entries {
		if slices.Contains(kinds, e.kind) && at != worktree.ModulesFile && path.Base(at) != index.AttributesFile {
			all = append(all, at)
		}
	}
	if len(all) == 0 {
		return h.path()
	}
	slices.Sort(all)
	return all[h.rng.IntN(len(all))]
}

// dir is a directory that is there, any but the top.
func (h *randomHistory) dir(r *randomTree) string {
	at := path.Dir(h.file(r))
	if at == "." {
		return h.path()
	}
	return at
}

// options changes what git-sync is asked for, now and then, and back soon.
func (h *randomHistory) options() {
	h.t.Helper()
	if h.opts.SparseFile != "" {
		write(h.t, h.opts.SparseFile, h.patterns())
	}
	for _, o := range []struct {
		on     bool
		toggle func()
	}{
		{h.filtered, func() {
			h.filtered = !h.filtered
			h.opts.Config = h.opts.Config[:1]
			if h.filtered {
				h.opts.Config = append(h.opts.Config, kv("filter.up.smudge", "tr a-z A-Z"), kv("filter.up.clean", "tr A-Z a-z"))
			}
			h.opts.Git = h.newGit(h.opts.Config)
		}},
		{h.opts.SparseFile != "", func() {
			if h.opts.SparseFile != "" {
				h.opts.SparseFile = ""
				return
			}
			h.opts.SparseFile = filepath.Join(h.t.TempDir(), "patterns")
			write(h.t, h.opts.SparseFile, h.patterns())
		}},
		{h.opts.Permissions != 0, func() {
			h.opts.Permissions = []fs.FileMode{0o640, 0o444}[h.rng.IntN(2)] &^ h.opts.Permissions
			if h.opts.Permissions&0o200 == 0 && h.opts.Permissions != 0o444 {
				h.opts.Permissions = 0
			}
		}},
		{h.opts.GroupWrite, func() {
			h.opts.GroupWrite = !h.opts.GroupWrite
			h.opts.Umask = map[bool]fs.FileMode{false: umask(), true: 0o002}[h.opts.GroupWrite]
			h.opts.Git = h.newGit(h.opts.Config)
		}},
	} {
		if odds := map[bool]int{false: 150, true: 3}[o.on]; h.rng.IntN(odds) == 0 {
			h.stop()
			o.toggle()
		}
	}
}

func (h *randomHistory) patterns() string {
	return []string{"/*\n", "/d0/\n/n\n", "/*\n!/d1/\n", "*.txt\n", "/d2/\n/.gitattributes\n"}[h.rng.IntN(5)]
}
