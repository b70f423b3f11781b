package outlet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// entry is a file, symlink or directory that git-sync has put into a published directory.
type entry struct {
	Path   string      // relative to the directory
	Mode   fs.FileMode // type and permissions
	Source state       // of the file in the tree
	Copied state       // of the copy; differs if the copy was modified
	Sum    string      // SHA-256 of a file's content, or target of a symlink
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
}

// byPath returns the entries by their paths.
func (m *manifest) byPath() map[string]*entry {
	all := make(map[string]*entry, len(m.entries))
	for i := range m.entries {
		all[m.entries[i].Path] = &m.entries[i]
	}
	return all
}

// numbers precede the path and the sum of an entry in the file.
type numbers struct {
	Mode           fs.FileMode
	Source, Copied state
	Path, Sum      uint32 // their lengths in bytes
}

// write replaces the manifest called name: a line with the header, then the entries. It flushes the file to the disk,
// because without it git-sync cannot tell which files are its own.
func (m *manifest) write(name string) error {
	data, err := json.Marshal(m.header)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	for _, e := range m.entries {
		if data, err = binary.Append(data, binary.LittleEndian, numbers{e.Mode, e.Source, e.Copied, uint32(len(e.Path)), uint32(len(e.Sum))}); err != nil {
			return err
		}
		data = append(append(data, e.Path...), e.Sum...)
	}
	return disk.GitDir{}.ReplaceFlushed(name, data)
}

// readHeader reads the header of a manifest, and returns the rest of the file as entries.
func readHeader(name string) (h header, entries []byte, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return h, nil, err
	}
	line, entries, _ := bytes.Cut(data, []byte("\n"))
	if err := json.Unmarshal(line, &h); err != nil {
		return h, nil, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	return h, entries, nil
}

// readManifest reads a manifest; an absent one is empty.
func readManifest(name string) (*manifest, error) {
	h, rest, err := readHeader(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &manifest{}, nil
	}
	m, texts := &manifest{header: h}, string(rest) // one string for all, instead of two for each entry
	for err == nil && len(rest) > 0 {
		var n numbers
		var size int
		size, err = binary.Decode(rest, binary.LittleEndian, &n)
		path := size + int(n.Path)
		end := path + int(n.Sum)
		if err != nil || end > len(rest) {
			return nil, fmt.Errorf("reading the manifest %s: it ends within an entry", name)
		}
		m.entries = append(m.entries, entry{texts[size:path], n.Mode, n.Source, n.Copied, texts[path:end]})
		rest, texts = rest[end:], texts[end:]
	}
	return m, err
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
