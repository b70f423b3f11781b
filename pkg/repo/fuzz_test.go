package repo

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is in the root may have been written by an older git-sync, by a
// consumer who runs git there, or by a disk that fails.

func FuzzGitlink(f *testing.F) {
	f.Add("gitdir: ../.git/worktrees/rev-1\n")
	f.Add("gitdir: /git/.git/worktrees/1\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		target, ok := parseGitlink("/root/rev-1", content)
		if ok != strings.HasPrefix(content, "gitdir: ") || ok && (!filepath.IsAbs(target) || filepath.Clean(target) != target) {
			t.Errorf("%q: %q, %v", content, target, ok)
		}
		if !ok && target != "" {
			t.Errorf("%q: %q of no gitlink", content, target)
		}
	})
}

func FuzzHashOfTarget(f *testing.F) {
	sha1, sha256 := strings.Repeat("1", 40), strings.Repeat("a", 64)
	f.Add("rev-" + sha1)
	f.Add("../git/.worktrees/" + sha256 + ".2")
	f.Add(".worktrees/" + sha1 + ".")
	f.Add("rev-" + sha256 + ".2.3")
	f.Add("/rev-" + sha1[1:])
	shape := regexp.MustCompile(`(?s)^(?:.*/)?(rev-|\.worktrees/)([0-9a-f]{64}|[0-9a-f]{40})(\.[0-9]+)?$`)
	f.Fuzz(func(t *testing.T, target string) {
		hash, ok := hashOfTarget(target)
		want := ""
		if m := shape.FindStringSubmatch(filepath.Clean(target)); m != nil {
			want = m[2]
		}
		if hash != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", target, hash, want)
		}
		if ok && !LayoutRev.owns(filepath.Base(target)) && !LayoutWorktrees.owns(worktreesDir+"/"+filepath.Base(target)) {
			t.Errorf("%q is of no layout", target)
		}
	})
}

func FuzzPackedRef(f *testing.F) {
	hash := strings.Repeat("1", 40)
	f.Add("# pack-refs with: peeled fully-peeled sorted\n"+hash+" "+headRef+"\n^"+hash+"\n", headRef)
	f.Fuzz(func(t *testing.T, packed, name string) {
		if got := packedRef(packed, name); got != "" && !strings.Contains(packed, got+" "+name) {
			t.Errorf("%q: %q is at %q", packed, name, got)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x02\x58"))
	f.Add([]byte("DIRC"))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01" + strings.Repeat("0", 62) + "\x00a\x00TREE\x00\x00\x00\x00" + strings.Repeat("0", 20)))
	f.Fuzz(func(t *testing.T, index []byte) {
		for _, hash := range []int{20, 32} {
			n := 0
			err := readEntries(bytes.NewReader(index), hash, func(e indexEntry) error {
				if n++; bytes.IndexByte(e.path, 0) >= 0 {
					t.Errorf("%q: the path %q", index, e.path)
				}
				return nil
			})
			if err == nil && !bytes.HasPrefix(index, []byte("DIRC")) {
				t.Errorf("%q: %d entries", index, n)
			}
		}
	})
}

// FuzzStoreFiles reads the marker, the record of a tree and the pinned tags:
// whatever they say, no place outside of the root is taken for a tree's, and a
// store of another version is none of ours.
func FuzzStoreFiles(f *testing.F) {
	f.Add(`{"version":1,"format":"sha1","depth":1,"link":"link","ready":true}`)
	f.Add(`{"hash":"` + strings.Repeat("1", 40) + `","place":"rev-` + strings.Repeat("1", 40) + `","recipe":{"permissions":420},"modules":[{"path":"a","store":"b","admin":"c"}]}`)
	f.Add(`{"refs/tags/v1":"` + strings.Repeat("1", 40) + `"}`)
	r := &Repo{root: f.TempDir(), records: map[string]record{}}
	st := store{dir: filepath.Join(r.root, gitDirName)}
	if err := errors.Join(os.MkdirAll(st.own(""), 0o777), os.MkdirAll(st.admin("x"), 0o777)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, name := range []string{st.own(markerName), st.own(pinsName), filepath.Join(st.admin("x"), recordName)} {
			if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		st := st
		st.load()
		if st.usable() != (st.meta.Version == storeVersion) || !st.usable() && st.meta != (storeMeta{}) {
			t.Errorf("%q: %+v", content, st.meta)
		}
		if pins, err := st.pins(); err == nil && pins == nil {
			t.Errorf("%q: pins that nothing can be added to", content)
		}
		r.store = st
		if err := r.loadRecords(); err != nil {
			t.Fatal(err)
		}
		for _, rec := range r.records {
			if (LayoutRev.owns(rec.Place) || LayoutWorktrees.owns(rec.Place)) && !filepath.IsLocal(rec.Place) {
				t.Errorf("%q: a tree at %q", content, rec.Place)
			}
			if _, ok := r.recordOf(rec.Place); ok {
				t.Errorf("%q: there is no tree, yet it has a record", content)
			}
		}
	})
}

// FuzzObjects examines files in the place of objects: either they are proved
// to be corrupt or they are not; that they cannot be read is not said of them.
func FuzzObjects(f *testing.F) {
	f.Add([]byte("x\x9c\x4b\xca\xc9\x4f\x52\x30\x60\x00\x00\x09\xb0\x01\xf0"), []byte("0123456789012345678901234567890123456789"))
	f.Add([]byte{}, []byte("PACK"))
	dir := f.TempDir()
	st := store{dir: dir}
	loose, pack, idx := st.path("objects/aa/11"), st.path("objects/pack/pack-1.pack"), st.path("objects/pack/pack-1.idx")
	if err := errors.Join(os.MkdirAll(filepath.Dir(loose), 0o777), os.MkdirAll(filepath.Dir(pack), 0o777)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, object, index []byte) {
		if err := errors.Join(os.WriteFile(loose, object, 0o666), os.WriteFile(pack, object, 0o666), os.WriteFile(idx, index, 0o666)); err != nil {
			t.Fatal(err)
		}
		if err := st.examine(); err != nil && !errors.Is(err, errCorrupt) {
			t.Errorf("%q, %q: %v", object, index, err)
		}
		if inv, err := st.inventory(); err != nil || inv.packs != 1 || inv.loose != 1 {
			t.Errorf("%+v, %v", inv, err)
		}
	})
}
