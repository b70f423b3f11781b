package index

import (
	"bytes"
	"hash/maphash"
	"path"
	"slices"
)

// Names are the paths of an index, by their hashes: those of a big tree take a
// megabyte. The hashes are seeded at random, so that nobody can make a name
// that passes for another.
type Names struct {
	seed  maphash.Seed
	files []uint64 // sorted
	dirs  []uint64 // sorted; those that lead to the files
	// Attributes are the attributes files among them (gitattributes(5)).
	Attributes []string
	// Whole says that the index could be read: nothing is missing here.
	Whole bool
}

// AttributesFile is where a commit says how its files are filtered.
const AttributesFile = ".gitattributes"

// List reads the names in an index file. hash is the length of the repository's
// object names.
func List(index string, hash int) Names {
	n := Names{seed: maphash.MakeSeed()}
	var last []byte
	err := Each(index, hash, func(e Entry) error {
		name := e.Path
		n.files = append(n.files, maphash.Bytes(n.seed, name))
		shared := true // with the path before: the directories there are known
		for i, c := range name {
			shared = shared && i < len(last) && last[i] == c
			if c == '/' && !shared {
				n.dirs = append(n.dirs, maphash.Bytes(n.seed, name[:i]))
			}
		}
		last = append(last[:0], name...)
		if bytes.HasSuffix(name, []byte(AttributesFile)) && path.Base(string(name)) == AttributesFile {
			n.Attributes = append(n.Attributes, string(name))
		}
		return nil
	})
	slices.Sort(n.files)
	slices.Sort(n.dirs)
	n.Whole = err == nil
	return n
}

// Len is the number of files.
func (n Names) Len() int { return len(n.files) }

// File reports whether there is a file of that name.
func (n Names) File(name string) bool { return n.in(n.files, name) }

// Dir reports whether a directory of that name leads to a file.
func (n Names) Dir(name string) bool { return n.in(n.dirs, name) }

func (n Names) in(hashes []uint64, name string) bool {
	_, found := slices.BinarySearch(hashes, maphash.String(n.seed, name))
	return found
}
