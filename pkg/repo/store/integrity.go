package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"git-sync/pkg/git"
)

// Inventory is what a walk of a store's objects shows, without reading any:
// some hundredths of a millisecond at every size of repository, for what is
// big is in packs.
type Inventory struct {
	Bytes int64 // on disk, whole blocks

	packs, loose int
	digest       uint64 // of names and sizes
}

// inventory walks the object directory. It fails when that cannot be read.
func (st *Store) inventory() (Inventory, error) {
	var inv Inventory
	sum := fnv.New64a()
	err := st.eachObject(func(name string, info fs.FileInfo) error {
		switch {
		case strings.HasSuffix(name, ".pack"):
			inv.packs++
		case filepath.Base(filepath.Dir(name)) != "pack":
			inv.loose++
		}
		size := info.Size()
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size = stat.Blocks * 512 // stat(2): units of 512 bytes, whatever the file system's block
		}
		inv.Bytes += size
		_, err := fmt.Fprintf(sum, "%s %d\n", name, info.Size())
		return err
	})
	inv.digest = sum.Sum64()
	return inv, err
}

// eachObject calls visit for every pack file and loose object of the store.
// Temporary files and what vanishes meanwhile are left out.
func (st *Store) eachObject(visit func(name string, info fs.FileInfo) error) error {
	dirs, err := os.ReadDir(st.Path("objects"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 && d.Name() != "pack" {
			continue
		}
		if err := eachFile(filepath.Join(st.Path("objects"), d.Name()), visit); err != nil {
			return err
		}
	}
	return nil
}

func eachFile(dir string, visit func(name string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp_") || strings.HasPrefix(e.Name(), ".tmp") {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := visit(filepath.Join(dir, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// errCorrupt is what examine proves.
var errCorrupt = errors.New("corrupt")

// maxExamined bounds the loose objects that examine reads; there are more only
// where another program writes into the store.
const maxExamined = 20000

// examine looks for objects that were cut short, in-process: a pack and its
// index end in the same checksum, and a loose object is a zlib stream with a
// checksum of its own (gitformat-pack(5), gitformat-loose(5)). It returns an
// error that wraps errCorrupt when that is proved, another when files cannot
// be read, which proves nothing.
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

// examinePack compares the checksum that ends a pack with that which its index
// has of it, second to last.
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
		return nil // an interrupted fetch: git does not use a pack without index
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

// Examine examines the store and those of the submodules, and remembers what is
// proved.
func (st *Store) Examine() {
	stores, _ := st.All() // unreadable: nothing is proved
	for _, each := range stores {
		if !each.Usable() {
			continue
		}
		if err := each.examine(); errors.Is(err, errCorrupt) {
			st.opts.Log.Info("an object store is corrupt; it is replaced as soon as the remote can be reached", "cause", err.Error())
			st.Corrupt = true
		}
	}
}

// ExamineIfChanged examines the store when it is not as the last sync left it: it
// was changed by others, or by a failing disk.
func (st *Store) ExamineIfChanged() {
	inv, err := st.inventory()
	if err != nil || inv.digest == st.known.digest {
		return
	}
	if st.known != (Inventory{}) {
		st.Examine()
	}
	st.known = inv
}

// Remember notes the state in which git left the store, and returns it.
func (st *Store) Remember() (Inventory, error) {
	inv, err := st.inventory()
	if err == nil {
		st.known = inv
	}
	return inv, err
}

// ProvesCorrupt reports whether a failure is that of a corrupt store. git may
// say so, or say something that it has no clear words for, as when it meets a
// damaged object in the middle of a fetch: then the objects are looked at.
func (st *Store) ProvesCorrupt(ctx context.Context, g *git.Git, err error) bool {
	switch git.KindOf(err) {
	case git.KindCorrupt:
		return true
	case git.KindUnknown:
		st.Examine()
		return st.Corrupt || st.lacksObjects(ctx, g)
	default:
		return false
	}
}

// lacksObjects reports whether git finds something missing of what was fetched
// last, by following it from object to object: files that are gone leave no
// trace in those that are there, and so do a list of shallow commits that is gone,
// or that git could not put in place. In a partial clone that proves nothing.
func (st *Store) lacksObjects(ctx context.Context, g *git.Git) bool {
	stores, _ := st.All() // unreadable: nothing is known of them
	for _, each := range stores {
		if !each.Usable() || each.Meta.Filter != "" {
			continue
		}
		c := git.Cmd("rev-list", "--objects", "--all", "--quiet").GitDir(each.Dir())
		if _, err := g.Run(ctx, c); err != nil && (git.KindOf(err) == git.KindUnknown || git.KindOf(err) == git.KindCorrupt) {
			st.opts.Log.V(1).Info("objects are missing from the store", "cause", err.Error())
			return true
		}
	}
	return false
}

// Size is what the objects take up on the disk, in bytes, as far as that can be read.
func (st *Store) Size() int64 {
	inv, _ := st.inventory()
	return inv.Bytes
}
