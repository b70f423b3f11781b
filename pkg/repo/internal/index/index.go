// Package index reads git's index files: what was checked out, and the result of lstat(2) for each file when git had
// written it. It reads versions 2 and 3, the formats that git writes by default.
package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// AttributesFile is the file in which a commit assigns attributes, such as filters, to its files (gitattributes(5)).
const AttributesFile = ".gitattributes"

// ErrUnreadable says that an index is damaged, or has an unsupported format.
var ErrUnreadable = errors.New("the index cannot be read")

// header parses the header of an index file (gitformat-index(5)). It returns the number of entries, and the rest of
// the data.
func header(data []byte) (entries int, rest []byte, err error) {
	if len(data) < 12 || string(data[:4]) != "DIRC" {
		return 0, nil, ErrUnreadable
	}
	if version := binary.BigEndian.Uint32(data[4:]); version < 2 || version > 3 {
		return 0, nil, ErrUnreadable
	}
	return int(binary.BigEndian.Uint32(data[8:])), data[12:], nil
}

// Count returns the number of entries in an index file, from its header; 0 if it cannot be read.
func Count(index string) int {
	data, _ := os.ReadFile(index)
	n, _, _ := header(data)
	return n
}

// Entry describes one file: the result of lstat(2) when git had written it. The numbers are truncated to 32 bits.
type Entry struct {
	Ctime, Mtime  Time
	Ino, UID, GID uint32
	Mode, Size    uint32 // Mode is git's: 0o100644, 0o100755, 0o120000 or 0o160000
	Path          []byte
	Object        []byte // its hash
	Plain         bool   // it has no flags: it is not unmerged, skipped, or intent-to-add
}

// Time is a time in the format of an index.
type Time struct{ Sec, Nsec uint32 }

// Before reports whether t is before o.
func (t Time) Before(o Time) bool { return t.Sec < o.Sec || t.Sec == o.Sec && t.Nsec < o.Nsec }

// Each calls visit for every entry of an index file, until visit returns an error. hash is the length of the
// repository's object names in bytes. If the index has an unsupported extension, Each fails at the end; for example,
// more entries may be in another file.
func Each(index string, hash int, visit func(Entry) error) error {
	data, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	return each(data, hash, visit)
}

// The flags of an entry: extended flags follow; stage in a merge.
const (
	extended = 0x4000
	stages   = 0x3000
)

// each is Each for the content of an index file.
func each(data []byte, hash int, visit func(Entry) error) error {
	entries, data, err := header(data)
	if err != nil {
		return err
	}
	for range entries {
		// Ten 32-bit numbers, the object name, the flags, and the path.
		path := 40 + hash + 2
		if len(data) < path {
			return ErrUnreadable
		}
		flags := binary.BigEndian.Uint16(data[40+hash:])
		if flags&extended != 0 {
			path += 2
		}
		length := bytes.IndexByte(data[min(path, len(data)):], 0)
		// One to eight NULs pad the entry to a multiple of eight bytes.
		size := (path + length + 8) &^ 7
		if length < 0 || len(data) < size {
			return ErrUnreadable
		}
		word := func(i int) uint32 { return binary.BigEndian.Uint32(data[4*i:]) }
		err := visit(Entry{
			Ctime: Time{word(0), word(1)}, Mtime: Time{word(2), word(3)},
			Ino: word(5), Mode: word(6), UID: word(7), GID: word(8), Size: word(9),
			Path: data[path : path+length], Object: data[40 : 40+hash], Plain: flags&(extended|stages) == 0,
		})
		if err != nil {
			return err
		}
		data = data[size:]
	}
	return extensions(data, hash)
}

// extensions returns an error if an extension changes the meaning of the entries: its name begins with a lower-case
// letter.
func extensions(data []byte, hash int) error {
	for len(data) >= 8+hash { // otherwise only the checksum is left
		if data[0] < 'A' || data[0] > 'Z' {
			return fmt.Errorf("%w: it has the extension %q", ErrUnreadable, data[:4])
		}
		size := 8 + int(binary.BigEndian.Uint32(data[4:]))
		if size > len(data) {
			return ErrUnreadable
		}
		data = data[size:]
	}
	return nil
}
