package repo

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// inventory is what a walk of a store's objects shows, without reading any:
// some hundredths of a millisecond at every size of repository, for what is
// big is in packs.
type inventory struct {
	packs, loose int
	bytes        int64  // on disk, whole blocks
	digest       uint64 // of names and sizes
}

// inventory walks the object directory. It fails when that cannot be read.
func (st store) inventory() (inventory, error) {
	var inv inventory
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
		inv.bytes += size
		_, err := fmt.Fprintf(sum, "%s %d\n", name, info.Size())
		return err
	})
	inv.digest = sum.Sum64()
	return inv, err
}

// eachObject calls visit for every pack file and loose object of the store.
// Temporary files and what vanishes meanwhile are left out.
func (st store) eachObject(visit func(name string, info fs.FileInfo) error) error {
	dirs, err := os.ReadDir(st.path("objects"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !d.IsDir() || len(d.Name()) != 2 && d.Name() != "pack" {
			continue
		}
		if err := eachFile(filepath.Join(st.path("objects"), d.Name()), visit); err != nil {
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
// where somebody else writes into the store.
const maxExamined = 20000

// examine looks for objects that were cut short, in-process: a pack and its
// index end in the same checksum, and a loose object is a zlib stream with a
// checksum of its own (gitformat-pack(5), gitformat-loose(5)). It returns an
// error that wraps errCorrupt when that is proved, another when files cannot
// be read, which proves nothing.
func (st store) examine() error {
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
func (st store) examinePack(name string) error {
	length := 20
	if st.meta.Format == "sha256" {
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

// examineStores examines the root's store and those of the submodules, and
// remembers what is proved.
func (r *Repo) examineStores() {
	modules, _ := r.moduleStores() // unreadable: nothing is proved
	for _, st := range append(modules, r.store) {
		if !st.usable() {
			continue
		}
		if err := st.examine(); errors.Is(err, errCorrupt) {
			r.log.Info("an object store is corrupt; it is replaced as soon as the remote can be reached", "cause", err.Error())
			r.corrupt = true
		}
	}
}

// notice examines the store when it is not as the last sync left it: somebody,
// or a failing disk, has been at it.
func (r *Repo) notice() {
	inv, err := r.store.inventory()
	if err != nil || inv.digest == r.seen.digest {
		return
	}
	if r.seen != (inventory{}) {
		r.examineStores()
	}
	r.seen = inv
}

// remember notes the state in which git left the store.
func (r *Repo) remember() {
	if inv, err := r.store.inventory(); err == nil {
		r.seen = inv
		r.count(func(s *Stats) { s.ObjectBytes = inv.bytes })
	}
}

// snapshot is what a fetch may be rolled back to.
type snapshot struct {
	head    string
	shallow []byte
	files   map[string]bool // packs and loose objects
	err     error           // not all of it could be seen: nothing may be rolled back
}

func (st store) snapshot() snapshot {
	s := snapshot{files: map[string]bool{}}
	var errs [3]error
	s.head, errs[0] = st.ref(headRef)
	s.shallow, errs[1] = os.ReadFile(st.path("shallow"))
	errs[2] = st.eachObject(func(name string, _ fs.FileInfo) error {
		s.files[name] = true
		return nil
	})
	for _, err := range errs {
		if !errors.Is(err, fs.ErrNotExist) {
			s.err = errors.Join(s.err, err)
		}
	}
	return s
}

// rollback takes out of a store what was fetched since the snapshot, so that a
// push that did not fit leaves room for one that does.
func (st store) rollback(s snapshot) error {
	errs := []error{st.healObjects()}
	if s.err != nil {
		return errors.Join(errs...)
	}
	if s.head == "" {
		errs = append(errs, remove(st.path(headRef)))
	} else {
		errs = append(errs, writeFile(st.path(headRef), []byte(s.head+"\n"), 0o666))
	}
	if s.shallow == nil {
		errs = append(errs, remove(st.path("shallow")))
	} else {
		errs = append(errs, writeFile(st.path("shallow"), s.shallow, 0o666))
	}
	errs = append(errs, st.eachObject(func(name string, _ fs.FileInfo) error {
		if s.files[name] {
			return nil
		}
		return remove(name)
	}))
	return errors.Join(errs...)
}

// snapshots returns those of st and of its submodules' stores, by directory.
func (r *Repo) snapshots(st store) map[string]snapshot {
	all := map[string]snapshot{st.dir: st.snapshot()}
	modules, _ := r.modulesOf(st) // unreadable: not rolled back
	for _, m := range modules {
		all[m.dir] = m.snapshot()
	}
	return all
}

// rollback takes st and its submodules' stores back to where they were before;
// a store that was not there goes.
func (r *Repo) rollback(st store, before map[string]snapshot) error {
	errs := []error{st.rollback(before[st.dir])}
	modules, err := r.modulesOf(st)
	errs = append(errs, err)
	for _, m := range modules {
		if s, ok := before[m.dir]; ok {
			errs = append(errs, m.dropModuleRefs(), m.rollback(s))
		} else {
			errs = append(errs, r.discard(m.dir))
		}
	}
	return errors.Join(errs...)
}
