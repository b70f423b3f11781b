package repo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// indexHeader begins an index file (gitformat-index(5)).
type indexHeader struct {
	Signature [4]byte
	Version   uint32
	Entries   uint32
}

var errIndex = errors.New("the index cannot be read")

func readIndexHeader(in io.Reader) (indexHeader, error) {
	var h indexHeader
	if err := binary.Read(in, binary.BigEndian, &h); err != nil {
		return h, err
	}
	if string(h.Signature[:]) != "DIRC" || h.Version < 2 || h.Version > 4 {
		return h, errIndex
	}
	return h, nil
}

// entryCount returns the number of entries in an index file, from its header;
// 0 when it cannot be read.
func entryCount(index string) int {
	f, err := os.Open(index)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	h, err := readIndexHeader(f)
	if err != nil {
		return 0
	}
	return int(h.Entries)
}

// indexEntry is what an index says of one file: what lstat(2) said when git had
// written it. The numbers are cut to 32 bits.
type indexEntry struct {
	ctime, mtime  moment
	ino, uid, gid uint32
	mode, size    uint32 // the mode is git's: 0o100644, 0o100755, 0o120000 or 0o160000
	path          []byte // valid until the next entry is read
	object        []byte // its name; valid as long
	plain         bool   // it has no flags: nothing is merged, left out or only intended
}

// moment is a time as an index has it.
type moment struct{ sec, nsec uint32 }

func (m moment) before(o moment) bool { return m.sec < o.sec || m.sec == o.sec && m.nsec < o.nsec }

// indexReader reads the entries of an index file one after the other, so that an
// index of many megabytes costs no memory.
type indexReader struct {
	in      *bufio.Reader
	version uint32
	hash    int    // length of an object name
	fixed   []byte // of the entry read last: stat data, object name, flags
	path    []byte
}

// eachEntry calls visit for every entry of an index file, until it returns an
// error. Where more entries are in another file, or in a form that is not known
// here, it fails in the end. hash is the length of the repository's object names.
func eachEntry(index string, hash int, visit func(indexEntry) error) error {
	f, err := os.Open(index)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return readEntries(f, hash, visit)
}

// readEntries is eachEntry for the content of an index file.
func readEntries(in io.Reader, hash int, visit func(indexEntry) error) error {
	r := indexReader{in: bufio.NewReaderSize(in, 64<<10), hash: hash, fixed: make([]byte, 40+hash+4)}
	h, err := readIndexHeader(r.in)
	if err != nil {
		return err
	}
	r.version = h.Version
	for range h.Entries {
		if err := r.next(); err != nil {
			return fmt.Errorf("%w: %w", errIndex, err)
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
func (r *indexReader) entry() indexEntry {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(r.fixed[4*i:]) }
	return indexEntry{
		ctime: moment{word(0), word(1)}, mtime: moment{word(2), word(3)},
		ino: word(5), mode: word(6), uid: word(7), gid: word(8), size: word(9),
		path: r.path, object: r.fixed[40 : 40+r.hash], plain: binary.BigEndian.Uint16(r.fixed[40+r.hash:])&(extended|stages) == 0,
	}
}

func (r *indexReader) next() error {
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
	keep := 0
	if r.version == 4 { // a path is given by what it shares with the one before
		drop, err := r.varint()
		if err != nil {
			return err
		}
		if keep = len(r.path) - drop; keep < 0 {
			return errIndex
		}
	}
	name, err := r.in.ReadSlice(0)
	if err != nil {
		return err
	}
	r.path = append(r.path[:keep], name[:len(name)-1]...)
	if r.version == 4 {
		return nil
	}
	// One to eight NULs end it, so that the entry's length is a multiple of eight.
	_, err = r.in.Discard(7 - (len(fixed)+len(name)-1)%8)
	return err
}

// varint reads a number as git's packs have it for offsets (gitformat-pack(5)).
func (r *indexReader) varint() (int, error) {
	c, err := r.in.ReadByte()
	n := int(c & 0x7f)
	for err == nil && c&0x80 != 0 && n < 1<<24 {
		c, err = r.in.ReadByte()
		n = (n+1)<<7 | int(c&0x7f)
	}
	return n, err
}

// extensions fails when there is one that changes what the entries are: their
// names begin with a small letter.
func (r *indexReader) extensions() error {
	for {
		head, err := r.in.Peek(8 + r.hash)
		if errors.Is(err, io.EOF) {
			return nil // only the checksum is left
		}
		if err != nil {
			return err
		}
		if head[0] < 'A' || head[0] > 'Z' {
			return fmt.Errorf("%w: it has the extension %q", errIndex, head[:4])
		}
		if _, err := r.in.Discard(8 + int(binary.BigEndian.Uint32(head[4:8]))); err != nil {
			return err
		}
	}
}
