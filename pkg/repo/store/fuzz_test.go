package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"git-sync/pkg/repo/internal/disk"
)

// FuzzObjects examines files in the place of objects: either they are proved
// to be corrupt or they are not; that they cannot be read is not said of them.
func FuzzObjects(f *testing.F) {
	f.Add([]byte("x\x9c\x4b\xca\xc9\x4f\x52\x30\x60\x00\x00\x09\xb0\x01\xf0"), []byte("0123456789012345678901234567890123456789"))
	f.Add([]byte{}, []byte("PACK"))
	dir := f.TempDir()
	st := At(dir, &Options{})
	loose, pack, idx := st.Path("objects/aa/11"), st.Path("objects/pack/pack-1.pack"), st.Path("objects/pack/pack-1.idx")
	if err := errors.Join(st.MkdirAll(filepath.Dir(loose)), st.MkdirAll(filepath.Dir(pack))); err != nil {
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

// FuzzMarker reads the marker: a store of another version is none of ours.
func FuzzMarker(f *testing.F) {
	f.Add(`{"version":1,"format":"sha1","depth":1,"link":"link","ready":true}`)
	f.Add(`{"version":1,"format":"sha1","pins":{"refs/tags/v1":"` + strings.Repeat("1", 40) + `"}}`)
	st := At(filepath.Join(f.TempDir(), disk.GitName), &Options{})
	if err := st.MkdirAll(st.Own("")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(st.Own(disk.Marker), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		st.Load()
		if st.Usable() != (st.Meta.Version == version) || !st.Usable() && !reflect.DeepEqual(st.Meta, Meta{}) {
			t.Errorf("%q: %+v", content, st.Meta)
		}
	})
}
