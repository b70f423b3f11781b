package repo

import (
	"encoding/binary"
	"os"
)

// entryCount returns the number of entries in an index file, from its header
// (gitformat-index(5)); 0 when it cannot be read.
func entryCount(index string) int {
	f, err := os.Open(index)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	var header struct {
		Signature [4]byte
		Version   uint32
		Entries   uint32
	}
	if err := binary.Read(f, binary.BigEndian, &header); err != nil || string(header.Signature[:]) != "DIRC" {
		return 0
	}
	return int(header.Entries)
}
