package outlet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"git-sync/pkg/repo/internal/disk"
)

// entry is a file, symlink or directory that git-sync has put into a published directory.
type entry struct {
	path   string      // below the directory
	mode   fs.FileMode // type and permissions
	source state       // of the tree's file that it is a copy of
	copied state       // of the copy: a change shows
	sum    string      // digest of a file's content; where a symlink leads
}

// borrowed marks a directory that was there before ours: it is never changed or removed.
const borrowed = fs.ModeIrregular

// state is what changes when a file is written or replaced. Nobody can set the time of change.
type state struct{ ino, size, mtime, ctime int64 }

func stateOf(info fs.FileInfo) state {
	s := state{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ino, s.ctime = int64(stat.Ino), stat.Ctim.Nano()
	}
	return s
}

// header begins a manifest.
type header struct {
	Kind  Kind      `json:"kind"`
	ID    string    `json:"id"`   // of the tree that was copied
	Inode int64     `json:"ino"`  // of the directory
	Boot  string    `json:"boot"` // the boot during which it was written, or last compared by content
	Since time.Time `json:"since"`
	Count int       `json:"count"`
}

// manifest says what git-sync has put into a directory, parents before what is in them.
type manifest struct {
	header

	entries []entry
	// interrupted says that an update did not end: the directory holds files of
	// two trees. The header is that of the new one.
	interrupted bool
}

// byPath returns the entries by their paths.
func (m *manifest) byPath() map[string]entry {
	all := make(map[string]entry, len(m.entries))
	for _, e := range m.entries {
		all[e.path] = e
	}
	return all
}

// write replaces the manifest called name. It is on the disk when write returns: without
// it, nobody knows which files are ours.
func (m *manifest) write(name string) error {
	m.Count = len(m.entries)
	data, err := json.Marshal(m.header)
	if err != nil {
		return err
	}
	data = append(data, 0)
	for _, e := range m.entries {
		for _, n := range []int64{int64(e.mode), e.source.ino, e.source.size, e.source.mtime, e.source.ctime, e.copied.ino, e.copied.size, e.copied.mtime, e.copied.ctime} {
			data = append(strconv.AppendInt(data, n, 10), ' ')
		}
		data = append(data, 0)
		data = append(append(data, e.sum...), 0)
		data = append(append(data, e.path...), 0)
	}
	tmp := name + ".tmp"
	if err := disk.Remove(tmp); err != nil { // of another user, perhaps
		return err
	}
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// readHeader reads the beginning of a manifest.
func readHeader(name string) (header, error) {
	f, err := os.Open(name)
	if err != nil {
		return header{}, err
	}
	defer func() { _ = f.Close() }()
	var h header
	if err := json.NewDecoder(f).Decode(&h); err != nil {
		return header{}, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	return h, nil
}

// readManifest reads a manifest; an absent one is empty.
func readManifest(name string) (*manifest, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &manifest{}, nil
	}
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	head, rest, _ := strings.Cut(string(data), "\x00")
	if err := json.Unmarshal([]byte(head), &m.header); err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w", name, err)
	}
	for rest != "" {
		var e entry
		var numbers string
		numbers, rest, _ = strings.Cut(rest, "\x00")
		e.sum, rest, _ = strings.Cut(rest, "\x00")
		e.path, rest, _ = strings.Cut(rest, "\x00")
		mode := int64(0)
		for _, n := range []*int64{&mode, &e.source.ino, &e.source.size, &e.source.mtime, &e.source.ctime, &e.copied.ino, &e.copied.size, &e.copied.mtime, &e.copied.ctime} {
			var field string
			field, numbers, _ = strings.Cut(numbers, " ")
			if *n, err = strconv.ParseInt(field, 10, 64); err != nil {
				return nil, fmt.Errorf("reading the manifest %s: %w", name, err)
			}
		}
		e.mode = fs.FileMode(mode)
		m.entries = append(m.entries, e)
	}
	if len(m.entries) != m.Count {
		return nil, fmt.Errorf("reading the manifest %s: it holds %d entries instead of %d", name, len(m.entries), m.Count)
	}
	return m, nil
}

// readUpdated reads a manifest together with the journal of an interrupted update,
// which names the files that are ours as well.
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
