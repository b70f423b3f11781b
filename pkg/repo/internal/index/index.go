// Package index reads git's index files: what was checked out, and what lstat(2)
// said of each file when git had written it. It reads versions 2 and 3, which git
// writes unless it is configured otherwise.
package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// AttributesFile is where a commit says how its files are filtered
// (gitattributes(5)).
const AttributesFile = ".gitattributes"

// header begins an index file (gitformat-index(5)).
type header struct {
	Signature [4]byte
	Version   uint32
	Entries   uint32
}

// ErrUnreadable says that an index is damaged, or of a form that is not known here.
var ErrUnreadable = errors.New("the index cannot be read")

func readHeader(in io.Reader) (header, error) {
	var h header
	if err := binary.Read(in, binary.BigEndian, &h); err != nil {
		return h, err
	}
	if string(h.Signature[:]) != "DIRC" || h.Version < 2 || h.Version > 3 {
		return h, ErrUnreadable
	}
	return h, nil
}

// Count returns the number of entries in an index file, from its header;
// 0 when it cannot be read.
func Count(index string) int {
	f, err := os.Open(index)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	h, err := readHeader(f)
	if err != nil {
		return 0
	}
	return int(h.Entries)
}

// Entry is what an index says of one file: what lstat(2) said when git had
// written it. The numbers are cut to 32 bits.
type Entry struct {
	Ctime, Mtime  Time
	Ino, UID, GID uint32
	Mode, Size    uint32 // the mode is git's: 0o100644, 0o100755, 0o120000 or 0o160000
	Path          []byte // valid until the next entry is read
	Object        []byte // its name; valid as long
	Plain         bool   // it has no flags: nothing is merged, left out or only intended
}

// Time is a time as an index has it.
type Time struct{ Sec, Nsec uint32 }

// Before reports whether t is before o.
func (t Time) Before(o Time) bool { return t.Sec < o.Sec || t.Sec == o.Sec && t.Nsec < o.Nsec }

// reader reads the entries of an index file one after the other, so that an
// index of many megabytes costs no memory.
type reader struct {
	in    *bufio.Reader
	hash  int    // length of an object name
	fixed []byte // of the entry read last: stat data, object name, flags
	path  []byte
}

// Each calls visit for every entry of an index file, until it returns an
// error. Where more entries are in another file, or in a form that is not known
// here, it fails in the end. hash is the length of the repository's object names.
func Each(index string, hash int, visit func(Entry) error) error {
	f, err := os.Open(index)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return readEntries(f, hash, visit)
}

// readEntries is Each for the content of an index file.
func readEntries(in io.Reader, hash int, visit func(Entry) error) error {
	r := reader{in: bufio.NewReaderSize(in, 64<<10), hash: hash, fixed: make([]byte, 40+hash+4)}
	h, err := readHeader(r.in)
	if err != nil {
		return err
	}
	for range h.Entries {
		if err := r.next(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		if err := visit(r.entry()); err != nil {
			return err
		}
	}
	return r.extensions()
}

// The flags of an entry: that it has more flags, and where it stands in a merge.
const (
	extended = 0x4000
	stages   = 0x3000
)

// entry returns the entry read last: ten numbers of 32 bits come first.
func (r *reader) entry() Entry {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(r.fixed[4*i:]) }
	return Entry{
		Ctime: Time{word(0), word(1)}, Mtime: Time{word(2), word(3)},
		Ino: word(5), Mode: word(6), UID: word(7), GID: word(8), Size: word(9),
		Path: r.path, Object: r.fixed[40 : 40+r.hash], Plain: binary.BigEndian.Uint16(r.fixed[40+r.hash:])&(extended|stages) == 0,
	}
}

func (r *reader) next() error {
	fixed := r.fixed[:40+r.hash+2]
	if _, err := io.ReadFull(r.in, fixed); err != nil {
		return err
	}
	if binary.BigEndian.Uint16(fixed[40+r.hash:])&extended != 0 {
		fixed = fixed[:len(fixed)+2]
		if _, err := io.ReadFull(r.in, fixed[len(fixed)-2:]); err != nil {
			return err
		}
	}
	name, err := r.in.ReadSlice(0)
	if err != nil {
		return err
	}
	r.path = append(r.path[:0], name[:len(name)-1]...)
	// One to eight NULs end it, so that the entry's length is a multiple of eight.
	_, err = r.in.Discard(7 - (len(fixed)+len(name)-1)%8)
	return err
}

// extensions fails when there is one that changes what the entries are: their
// names begin with a small letter.
func (r *reader) extensions() error {
	for {
		head, err := r.in.Peek(8 + r.hash)
		if errors.Is(err, io.EOF) {
			return nil // only the checksum is left
		}
		if err != nil {
			return err
		}
		if head[0] < 'A' || head[0] > 'Z' {
			return fmt.Errorf("%w: it has the extension %q", ErrUnreadable, head[:4])
		}
		if _, err := r.in.Discard(8 + int(binary.BigEndian.Uint32(head[4:8]))); err != nil {
			return err
		}
	}
}
