package outlet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/internal/index"
)

// entry is a file, symlink or directory that git-sync has put into a published directory.
type entry struct {
	Path   string      // relative to the directory
	Mode   fs.FileMode // type and permissions
	Source state       // of the file or symlink in the tree
	Copied state       // of the copy; differs if the copy was modified
	Sum    string      // SHA-256 of a file's content, or target of a symlink
	// stays says that the new tree has the path too, and isDir that it is a directory there; see removeOld.
	stays, isDir bool
}

// borrowed marks a directory that existed before git-sync used it: it is never changed or removed.
const borrowed = fs.ModeIrregular

// leftover marks a directory that the tree no longer has. It is removed as soon as no files of others are in it.
const leftover = fs.ModeTemporary

// state changes whenever a file is written or replaced: no program can set Ctime.
type state struct{ Ino, Size, Mtime, Ctime int64 }

func stateOf(info fs.FileInfo) state {
	s := state{Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Ino, s.Ctime = int64(stat.Ino), stat.Ctim.Nano()
	}
	return s
}

// isOf reports whether i describes the same file, unchanged. An index has only 32 bits of a number.
func (s state) isOf(i index.Entry) bool {
	nanos := func(t index.Time) int64 { return int64(t.Sec)*int64(time.Second) + int64(t.Nsec) }
	return i.Plain && uint32(s.Ino) == i.Ino && uint32(s.Size) == i.Size && s.Mtime == nanos(i.Mtime) && s.Ctime == nanos(i.Ctime)
}

// isCoarse reports whether the file system seems to record whole seconds. Then a file that was written twice in one
// second may look unchanged.
func (s state) isCoarse() bool { return s.Ctime%int64(time.Second) == 0 }

// header is the first line of a manifest.
type header struct {
	Kind  Kind
	ID    string // of the tree that was copied
	Inode int64  // of the directory
	Boot  string // the boot during which it was written, or last verified by content
	Since time.Time
}

// manifest lists what git-sync has put into a directory, parents before their children.
type manifest struct {
	header

	entries []entry
	// interrupted says that an update did not finish: the directory holds files of two trees. The header is that of
	// the new one.
	interrupted bool
	// compared says that the directory was compared with the manifest shortly before, and is unchanged.
	compared bool
	paths    map[string]*entry // entries, once byPath was called
}

// byPath returns the entries by their paths. No entries may be added after that.
func (m *manifest) byPath() map[string]*entry {
	if m.paths == nil {
		m.paths = make(map[string]*entry, len(m.entries))
		for i := range m.entries {
			m.paths[m.entries[i].Path] = &m.entries[i]
		}
	}
	return m.paths
}

// fixed is the size in bytes of what precedes the path and the sum of an entry in the file: its mode in 32 bits, the
// two states in 64 bits a number, and the lengths of the path and the sum in 32 bits, all little-endian.
const fixed = 4 + 8*8 + 4 + 4

// write replaces the manifest called name: a line with the header, then the entries. It flushes the file to the disk,
// because without it git-sync cannot tell which files are its own.
func (m *manifest) write(name string) error {
	return disk.GitDir{}.ReplaceFlushedBy(name, func(w *bufio.Writer) error {
		buf, err := json.Marshal(m.header)
		if err != nil {
			return err
		}
		_, err = w.Write(append(buf, '\n'))
		for _, e := range m.entries {
			buf = binary.LittleEndian.AppendUint32(buf[:0], uint32(e.Mode))
			for _, s := range [...]state{e.Source, e.Copied} {
				for _, n := range [...]int64{s.Ino, s.Size, s.Mtime, s.Ctime} {
					buf = binary.LittleEndian.AppendUint64(buf, uint64(n))
				}
			}
			buf = binary.LittleEndian.AppendUint32(buf, uint32(len(e.Path)))
			buf = binary.LittleEndian.AppendUint32(buf, uint32(len(e.Sum)))
			_, err = w.Write(append(append(buf, e.Path...), e.Sum...)) // once it fails, it always does
		}
		return err
	})
}

// readHeader reads the header of a manifest.
func readHeader(name string) (h header, err error) {
	f, err := os.Open(name)
	if err != nil {
		return h, err
	}
	defer func() { _ = f.Close() }()
	if err := json.NewDecoder(f).Decode(&h); err != nil {
		return h, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	return h, nil
}

// readManifest reads a manifest; an absent one is empty.
func readManifest(name string) (*manifest, error) {
	m := &manifest{}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	line, data, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(line, &m.header); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	texts := unsafe.String(unsafe.SliceData(data), len(data)) // data is not written any more; a copy would take as much memory
	const typical = fixed + 60
	m.entries = make([]entry, 0, len(data)/typical)
	for at := 0; at < len(data); {
		path := at + fixed
		if path > len(data) {
			return nil, fmt.Errorf("reading the manifest %s: %w", name, io.ErrUnexpectedEOF)
		}
		long := func(i int) int64 { return int64(binary.LittleEndian.Uint64(data[at+4+8*i:])) }
		length := func(i int) int { return int(binary.LittleEndian.Uint32(data[at+4+8*8+4*i:])) }
		sum := path + length(0)
		next := sum + length(1)
		if next > len(data) {
			return nil, fmt.Errorf("reading the manifest %s: %w", name, io.ErrUnexpectedEOF)
		}
		m.entries = append(m.entries, entry{
			Path: texts[path:sum], Sum: texts[sum:next], Mode: fs.FileMode(binary.LittleEndian.Uint32(data[at:])),
			Source: state{long(0), long(1), long(2), long(3)}, Copied: state{long(4), long(5), long(6), long(7)},
		})
		at = next
	}
	return m, nil
}

// readUpdated reads a manifest and the journal of an interrupted update, if there is one. The journal lists further
// files that are ours.
func readUpdated(name, journal string) (*manifest, error) {
	m, err := readManifest(name)
	if err != nil || !disk.Exists(journal) {
		return m, err
	}
	j, err := readManifest(journal)
	if err != nil {
		return nil, err
	}
	m.header, m.interrupted = j.header, true
	m.entries = append(m.entries, j.entries...)
	return m, nil
}
