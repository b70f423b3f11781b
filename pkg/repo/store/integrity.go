package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"git-sync/pkg/git"
)

// inventory is the result of walking a store's objects without reading them. That takes a few hundredths of a
// millisecond for every size of repository, because large repositories are in packs.
type inventory struct {
	bytes        int64 // on disk, in whole blocks
	packs, loose int
}

// inventory walks the object directory. It fails if the directory cannot be read.
func (st *Store) inventory() (inventory, error) {
	var inv inventory
	err := st.eachObject(func(name string, info fs.FileInfo) error {
		switch {
		case strings.HasSuffix(name, ".pack"):
			inv.packs++
		case filepath.Base(filepath.Dir(name)) != "pack":
			inv.loose++
		}
		size := info.Size()
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size = stat.Blocks * 512 // stat(2): always units of 512 bytes
		}
		inv.bytes += size
		return nil
	})
	return inv, err
}

// eachObject calls visit for every pack file and loose object of the store. It skips temporary files, and files that
// disappear meanwhile.
func (st *Store) eachObject(visit func(name string, info fs.FileInfo) error) error {
	root := st.Path("objects")
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == root:
			return err
		case d.IsDir() && len(d.Name()) != 2 && d.Name() != "pack":
			return fs.SkipDir
		case d.IsDir(), filepath.Dir(name) == root, strings.HasPrefix(d.Name(), "tmp_"), strings.HasPrefix(d.Name(), ".tmp"):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(name, info)
	})
}

// errCorrupt says that damage is proved.
var errCorrupt = errors.New("corrupt")

// maxExamined limits the loose objects that examine reads. There are more only if another program writes into the
// store.
const maxExamined = 20000

// examine looks for truncated objects, without starting a process. A pack and its index end in the same checksum, and
// a loose object is a zlib stream with its own checksum (gitformat-pack(5), gitformat-loose(5)). If damage is proved,
// the error wraps errCorrupt. Any other error says that files could not be read, which proves nothing.
func (st *Store) examine() error {
	n := 0
	return st.eachObject(func(name string, info fs.FileInfo) error {
		if n++; n > maxExamined {
			return nil
		}
		switch ext := filepath.Ext(name); {
		case ext == ".pack":
			return st.examinePack(name)
		case filepath.Base(filepath.Dir(name)) != "pack":
			return examineLoose(name, info)
		default:
			return nil
		}
	})
}

// examinePack compares the checksum at the end of a pack with the one in its index, which is before the index's own
// checksum.
func (st *Store) examinePack(name string) error {
	length := 20
	if st.Meta.Format == "sha256" {
		length = 32
	}
	index := strings.TrimSuffix(name, ".pack") + ".idx"
	pack, err := tail(name, length)
	if err != nil {
		return err
	}
	idx, err := tail(index, 2*length)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // an interrupted fetch: git does not use a pack without an index
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(pack, idx[:length]) {
		return fmt.Errorf("%s is %w: it does not end as its index says", name, errCorrupt)
	}
	return nil
}

// tail returns the last n bytes of a file.
func tail(name string, n int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < int64(n) {
		return nil, fmt.Errorf("%s is %w: it has %d bytes", name, errCorrupt, info.Size())
	}
	buf := make([]byte, n)
	_, err = f.ReadAt(buf, info.Size()-int64(n))
	return buf, err
}

func examineLoose(name string, info fs.FileInfo) error {
	if info.Size() == 0 {
		return fmt.Errorf("%s is %w: it is empty", name, errCorrupt)
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	z, err := zlib.NewReader(f)
	if err == nil {
		_, err = io.Copy(io.Discard, z)
	}
	var pathErr *fs.PathError
	if err != nil && !errors.As(err, &pathErr) {
		return fmt.Errorf("%s is %w: %w", name, errCorrupt, err)
	}
	return err
}

// FindDamage examines the store and those of the submodules. It returns an error if one of them is proved to be
// corrupt.
func (st *Store) FindDamage() error {
	stores, _ := st.All() // on error, nothing is proved
	for _, each := range stores {
		if !each.Usable() {
			continue
		}
		if err := each.examine(); errors.Is(err, errCorrupt) {
			return err
		}
	}
	return nil
}

// MarkCorrupt marks the store as corrupt and logs damage, the result of FindDamage. It does nothing if damage is nil.
func (st *Store) MarkCorrupt(damage error) {
	if damage != nil {
		st.opts.Log.Error(damage, "object store corrupt")
		st.Corrupt = true
	}
}

// ProvesCorrupt reports whether err proves that the store is corrupt. git may say so, or it may fail with an unclear
// message, for example if a fetch finds a damaged object. In that case the objects are examined, and the store is
// marked as corrupt if that proves it.
func (st *Store) ProvesCorrupt(ctx context.Context, g *git.Git, err error) bool {
	switch git.KindOf(err) {
	case git.KindCorrupt:
		return true
	case git.KindUnknown:
		st.MarkCorrupt(st.FindDamage())
		return st.Corrupt || st.lacksObjects(ctx, g)
	default:
		return false
	}
}

// lacksObjects reports whether objects are missing from what was fetched last. It makes git follow all references: a
// missing file, or a missing list of shallow commits, leaves no trace in other files. It skips partial clones, where
// missing objects prove nothing.
func (st *Store) lacksObjects(ctx context.Context, g *git.Git) bool {
	stores, _ := st.All() // on error, nothing is known about them
	for _, each := range stores {
		if !each.Usable() || each.Meta.Filter != "" {
			continue
		}
		c := git.Cmd("rev-list", "--objects", "--all", "--quiet").GitDir(each.Dir())
		if _, err := g.Run(ctx, c); err != nil && (git.KindOf(err) == git.KindUnknown || git.KindOf(err) == git.KindCorrupt) {
			st.opts.Log.V(1).Info("objects missing", "error", err.Error())
			return true
		}
	}
	return false
}

// Size returns the size of the objects on the disk in bytes, those of submodules included. It skips what cannot be
// read.
func (st *Store) Size() (bytes int64) {
	stores, _ := st.All()
	for _, each := range stores {
		inv, _ := each.inventory()
		bytes += inv.bytes
	}
	return bytes
}
